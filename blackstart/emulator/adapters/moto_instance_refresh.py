"""What a group launches from while an instance refresh is under way: the desired configuration, not its own."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from blackstart.emulator.adapters import moto_backends
from blackstart.emulator.adapters.moto_auto_scaling import MotoGroups
from blackstart.emulator.controllers.group_memory import Launched
from blackstart.emulator.decisions.scaling_group import GroupSnapshot

CONFIGURATION = (
    "ec2_launch_template",
    "launch_template_version",
    "provided_launch_template_version",
    "launch_config",
    "launch_configuration_name",
    "mixed_instances_policy",
)
"""moto's attributes of a group that say what it launches from."""


class RefreshedGroups(MotoGroups):
    """The groups as refreshes see them: launches may come from another configuration than the group shows."""

    def settings(self, group: Any) -> GroupSnapshot:
        with _launching_from(group):
            return super().settings(group)

    def launch(self, group: Any, zone: str, *args: Any, **kwargs: Any) -> Launched:
        with _launching_from(group):
            return super().launch(group, zone, *args, **kwargs)

    def launch_from(self, group: Any, desired: Mapping[str, Any] | None) -> None:
        group.blackstart_desired_configuration = desired

    def adopt(self, group: Any, desired: Mapping[str, Any]) -> None:
        group.blackstart_desired_configuration = None
        _configure(group, desired)

    def template(self, group: Any, desired: Mapping[str, Any] | None) -> tuple[str, int]:
        with configured(group, desired):
            template = group.ec2_launch_template
            if template is None:
                return "", 1
            return str(template.id), int(template.get_version(group.launch_template_version).number)

    def reversible(self, group: Any) -> bool:
        if group.ec2_launch_template is None:
            return True
        version = group.launch_template_version
        image = group.ec2_launch_template.get_version(version).image_id or ""
        return not str(version).startswith("$") and not str(image).startswith("resolve:ssm:")

    def lifetime_s(self, group: Any) -> float:
        return float(getattr(group, "max_instance_lifetime", None) or 0)


def alarming(group: Any, names: Iterable[str]) -> bool:
    """Whether one of the named alarms of the group's account and region is in ALARM."""
    wanted = set(names)
    if not wanted:
        return False
    return any(
        alarm.state_value == "ALARM"
        for backend in moto_backends.existing("cloudwatch")
        if (backend.account_id, backend.region_name) == (group.account_id, group.region)
        for name, alarm in backend.alarms.items()
        if name in wanted
    )


@contextmanager
def _launching_from(group: Any) -> Iterator[None]:
    desired = getattr(group, "blackstart_desired_configuration", None)
    if desired is None:
        yield
        return
    with configured(group, desired):
        yield


@contextmanager
def configured(group: Any, desired: Mapping[str, Any] | None) -> Iterator[None]:
    """The group with another configuration for the time being."""
    if desired is None:
        yield
        return
    kept = {name: getattr(group, name) for name in CONFIGURATION if hasattr(group, name)}
    try:
        _configure(group, desired)
        yield
    finally:
        for name in CONFIGURATION:
            if name in kept:
                setattr(group, name, kept[name])
            elif hasattr(group, name):
                delattr(group, name)


def _configure(group: Any, desired: Mapping[str, Any]) -> None:
    policy = desired.get("MixedInstancesPolicy")
    template = desired.get("LaunchTemplate")
    group.launch_config = group.launch_configuration_name = None
    group.mixed_instances_policy = dict(policy) if policy else None
    group.provided_launch_template_version = None
    group._set_launch_configuration("", template, policy)
