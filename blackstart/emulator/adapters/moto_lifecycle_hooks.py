"""Lifecycle hooks over moto's API: all of a hook's fields kept, its notifications sent, lifecycle actions answered.

Replaced: `put_lifecycle_hook` (drops the notification target, the role and the metadata, and shows made-up ones),
`describe_lifecycle_hooks`, `delete_lifecycle_hook` (silent about what does not exist). Added:
`complete_lifecycle_action`, `record_lifecycle_action_heartbeat`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from blackstart.domain.unserved import Unserved, UnservedKind
from blackstart.emulator.adapters import moto_backends
from blackstart.emulator.adapters.auto_scaling_errors import (
    answering_refusals,
    between,
    group_named,
    one_of,
    refusal,
)
from blackstart.emulator.adapters.auto_scaling_messages import (
    UndeliverableError,
    deliver,
    hook_message,
    test_message,
)
from blackstart.emulator.adapters.patches import Patches
from blackstart.emulator.controllers.member_requests import MemberRequests
from blackstart.emulator.decisions.lifecycle_hook import (
    DEFAULT_HEARTBEAT_S,
    LONGEST_HEARTBEAT_S,
    SHORTEST_HEARTBEAT_S,
    Hook,
    Result,
    Transition,
)

AT_MOST = 50
"""Hooks of a group."""


class MotoHooks:
    """A HookStore: the hooks that moto keeps, by group and name."""

    def hooks(self, group: Any, transition: Transition) -> Sequence[Hook]:
        return [hook for hook in map(_hook, _of_group(group)) if hook.transition is transition]

    def new_token(self) -> str:
        from moto.moto_api._internal import mock_random

        return str(mock_random.uuid4())

    def notify(self, group: Any, hook: Hook, message: Mapping[str, str], now_s: float) -> None:
        if not hook.target_arn or _service(hook.target_arn) == "lambda":
            return
        try:
            deliver(hook.target_arn, *hook_message(group, message, self.new_token(), now_s))
        except UndeliverableError:
            return  # AWS: notifications are sent on a best-effort basis


def install(patches: Patches, store: MotoHooks, requests: MemberRequests, now_s: Callable[[], float]) -> None:
    from moto.autoscaling.responses import AutoScalingResponse

    calls = _Calls(store, requests, now_s)
    for name, call in (
        ("put_lifecycle_hook", calls.put),
        ("describe_lifecycle_hooks", calls.describe),
        ("delete_lifecycle_hook", calls.delete),
    ):
        patches.replace(AutoScalingResponse, name, _constantly(_method(call)))
    for name, call in (
        ("complete_lifecycle_action", calls.complete),
        ("record_lifecycle_action_heartbeat", calls.heartbeat),
    ):
        patches.add(AutoScalingResponse, name, _method(call))


def specify(backend: Any, group: Any, given: Mapping[str, Any], tell_test: Callable[[Any, str, str], None]) -> None:
    """Create or update a hook from PutLifecycleHook's or CreateAutoScalingGroup's fields. Raises ValidationErrors."""
    from moto.autoscaling.models import LifecycleHook

    name = given["LifecycleHookName"]
    old = backend.lifecycle_hooks.get(f"{group.name}_{name}")
    transition = given.get("LifecycleTransition") or (old.lifecycle_transition if old else None)
    timeout = _number(given.get("HeartbeatTimeout"), old.heartbeat_timeout if old else DEFAULT_HEARTBEAT_S)
    result = given.get("DefaultResult") or (old.default_result if old else Result.ABANDON.value)
    target = _kept(given.get("NotificationTargetARN"), old and old.notification_target_arn)
    role = _kept(given.get("RoleARN"), old and old.role_arn)
    if transition is None:
        raise refusal("LifecycleTransition is required for a new lifecycle hook.")
    one_of(transition, "lifecycleTransition", tuple(Transition))
    one_of(result, "defaultResult", tuple(Result))
    between(timeout, "heartbeatTimeout", SHORTEST_HEARTBEAT_S, LONGEST_HEARTBEAT_S)
    if old is None and len(_of_group(group)) >= AT_MOST:
        raise refusal(f"The number of lifecycle hooks of a group cannot exceed {AT_MOST}.", "LimitExceeded")
    if target and not role and _service(target) != "lambda":
        raise refusal("RoleARN is required for a notification target that is an SNS topic or an SQS queue.")
    if target:
        tell_test(group, target, role or "")
    hook = LifecycleHook(name, group.name, transition, timeout, result)
    hook.notification_target_arn, hook.role_arn = target, role
    hook.notification_metadata = _kept(given.get("NotificationMetadata"), old and old.notification_metadata)
    hook.global_timeout = _hook(hook).global_timeout_s
    backend.lifecycle_hooks[f"{group.name}_{name}"] = hook


def test_teller(store: MotoHooks, now_s: Callable[[], float]) -> Callable[[Any, str, str], None]:
    """Sends a new target its test notification, or refuses it: (group, target, role)."""

    def tell(group: Any, target: str, role: str) -> None:
        if _service(target) == "lambda":
            return
        try:
            deliver(target, *test_message(group, store.new_token(), now_s()))
        except UndeliverableError as error:
            raise refusal(
                f"Unable to publish test message to notification target {target} using IAM role {role}. Please check "
                "your target and role configuration and try to put lifecycle hook again."
            ) from error

    return tell


def unserved() -> Sequence[Unserved]:
    """Hooks whose notification target is never called."""
    return [
        Unserved(
            kind=UnservedKind.SCALING_GROUP,
            resource=hook.auto_scaling_group_name,
            reason=f"lifecycle hook {hook.name} does not invoke {hook.notification_target_arn}",
        )
        for backend in moto_backends.existing("autoscaling")
        for hook in backend.lifecycle_hooks.values()
        if hook.notification_target_arn and _service(hook.notification_target_arn) == "lambda"
    ]


class _Calls:
    def __init__(self, store: MotoHooks, requests: MemberRequests, now_s: Callable[[], float]) -> None:
        self._requests = requests
        self._now_s = now_s
        self._tell_test = test_teller(store, now_s)

    def put(self, response: Any, group: Any) -> dict[str, Any]:
        specify(response.autoscaling_backend, group, response._get_params(), self._tell_test)
        return {}

    def describe(self, response: Any, group: Any) -> dict[str, Any]:
        names = response._get_param("LifecycleHookNames", [])
        return {"LifecycleHooks": [_shown(hook) for hook in _of_group(group) if not names or hook.name in names]}

    def delete(self, response: Any, group: Any) -> dict[str, Any]:
        name = _existing(response, group).name
        self._requests.hook_deleted(group, name)
        del response.autoscaling_backend.lifecycle_hooks[f"{group.name}_{name}"]
        return {}

    def complete(self, response: Any, group: Any) -> dict[str, Any]:
        result = response._get_param("LifecycleActionResult")
        one_of(result, "lifecycleActionResult", tuple(Result))
        self._requests.complete_action(group, *_named(response, group), Result(result))
        return {}

    def heartbeat(self, response: Any, group: Any) -> dict[str, Any]:
        self._requests.heartbeat(group, *_named(response, group), self._now_s())
        return {}


def _method(call: Callable[[Any, Any], dict[str, Any]]) -> Callable[[Any], Any]:
    def method(response: Any) -> Any:
        from moto.core.responses import ActionResult

        group = group_named(response.autoscaling_backend, response._get_param("AutoScalingGroupName"))
        return ActionResult(call(response, group))

    return answering_refusals(method)


def _constantly(method: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda _original: method


def _named(response: Any, group: Any) -> tuple[str, str, str]:
    """The hook, the token and the instance that a call names."""
    token, instance_id = response._get_param("LifecycleActionToken"), response._get_param("InstanceId")
    if not token and not instance_id:
        raise refusal("Either LifecycleActionToken or InstanceId must be specified.")
    return _existing(response, group).name, token or "", instance_id or ""


def _existing(response: Any, group: Any) -> Any:
    name = response._get_param("LifecycleHookName")
    hook = response.autoscaling_backend.lifecycle_hooks.get(f"{group.name}_{name}")
    if hook is None:
        raise refusal(f"No Lifecycle Hook found with name '{name}' for group '{group.name}'")
    return hook


def _of_group(group: Any) -> list[Any]:
    hooks = group.autoscaling_backend.lifecycle_hooks.values()
    return [hook for hook in hooks if hook.auto_scaling_group_name == group.name]


def _hook(hook: Any) -> Hook:
    return Hook(
        name=hook.name,
        transition=Transition(hook.lifecycle_transition),
        heartbeat_timeout_s=int(hook.heartbeat_timeout),
        default_result=Result(hook.default_result),
        target_arn=hook.notification_target_arn or "",
        role_arn=hook.role_arn or "",
        metadata=getattr(hook, "notification_metadata", None) or "",
    )


def _shown(hook: Any) -> dict[str, Any]:
    return {
        "LifecycleHookName": hook.name,
        "AutoScalingGroupName": hook.auto_scaling_group_name,
        "LifecycleTransition": hook.lifecycle_transition,
        "NotificationTargetARN": hook.notification_target_arn or None,
        "RoleARN": hook.role_arn or None,
        "NotificationMetadata": hook.notification_metadata or None,
        "HeartbeatTimeout": hook.heartbeat_timeout,
        "GlobalTimeout": hook.global_timeout,
        "DefaultResult": hook.default_result,
    }


def _kept(given: str | None, old: str | None) -> str | None:
    """What is not given stays; an empty text clears."""
    return old if given is None else given or None


def _number(given: Any, default: int) -> int:
    return default if given is None else int(given)


def _service(arn: str) -> str:
    return [*arn.split(":"), "", "", ""][2]
