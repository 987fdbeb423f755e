"""The Auto Scaling API of groups and their members, joined to the controllers."""

from collections.abc import Callable

from blackstart.emulator.adapters import (
    moto_auto_scaling_calls,
    moto_group_descriptions,
    moto_group_settings,
    moto_group_templates,
    moto_lifecycle_hooks,
    moto_traffic_sources,
)
from blackstart.emulator.adapters.moto_group_notifications import GroupNotifications
from blackstart.emulator.adapters.moto_lifecycle_hooks import MotoHooks
from blackstart.emulator.adapters.patches import Patches
from blackstart.emulator.controllers.attachment_states import AttachmentStates
from blackstart.emulator.controllers.auto_scaling import AutoScalingController
from blackstart.emulator.controllers.group_memory import GroupStore
from blackstart.emulator.controllers.member_requests import MemberRequests


def install(
    patches: Patches,
    store: GroupStore,
    scaling: AutoScalingController,
    hooks: MotoHooks,
    now_s: Callable[[], float],
) -> None:
    requests = MemberRequests(store, scaling)
    notifications = GroupNotifications(now_s, hooks.new_token)
    scaling.log.on_end(notifications.activity_ended)
    moto_auto_scaling_calls.install(patches, scaling, requests, now_s)
    moto_group_settings.install(patches, hooks, now_s)
    moto_group_templates.install(patches, hooks, now_s)
    moto_group_descriptions.install(patches, scaling)
    moto_lifecycle_hooks.install(patches, hooks, requests, now_s)
    moto_traffic_sources.install(patches, AttachmentStates(scaling, now_s))
    notifications.install(patches)
