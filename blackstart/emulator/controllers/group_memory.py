"""What is known of Auto Scaling groups and their members: moto's side of it, and what the controllers remember.

The controllers own membership: which instances a group has, and each one's lifecycle state. moto shows it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from blackstart.emulator.controllers.activity_log import Activity
from blackstart.emulator.decisions.activity import CapacityChange
from blackstart.emulator.decisions.scaling_group import GroupSnapshot, Lifecycle, Unhealthy


class LaunchError(Exception):
    """EC2 refused to run the instance; the text is EC2's. code: EC2's, as InsufficientInstanceCapacity."""

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class Launched(NamedTuple):
    """An instance that EC2 runs for a group. launch_name: of the launch configuration, "" with a launch template."""

    instance_id: str
    zone: str
    subnet: str
    instance_type: str
    template_id: str
    template_version: int
    launch_name: str


@dataclass(slots=True)
class Member:
    """An instance of a group.

    register: whether it joins the group's target groups by itself; registered: those that it joined. terminate_at_s:
    when its draining ends; ec2_told: EC2 was asked to terminate it. launching, terminating: activities in progress.
    """

    instance: Launched
    launched_s: float
    lifecycle: Lifecycle = Lifecycle.PENDING
    protected: bool = False
    unhealthy: Unhealthy | None = None
    in_service_s: float | None = None
    register: bool = True
    registered: set[str] = field(default_factory=set)
    terminate_at_s: float | None = None
    ec2_told: bool = False
    launching: Activity | None = None
    terminating: Activity | None = None

    @property
    def instance_id(self) -> str:
        return self.instance.instance_id


@dataclass
class GroupMemory:
    """What the controllers remember of a group.

    look_s: when it looks at its instances next; whole periods after its creation. moving: members that something has
    yet to happen to. stale: something changed since the last decision. retry_launch_s: no launch before, after one that
    failed. change: explains the next launches and terminations.
    """

    created_s: float
    look_s: float
    settings: GroupSnapshot | None = None
    target_groups: tuple[str, ...] = ()
    members: dict[str, Member] = field(default_factory=dict)
    moving: set[str] = field(default_factory=set)
    stale: bool = True
    retry_launch_s: float | None = None
    change: CapacityChange | None = None
    next_words: str | None = None
    """Who changes the desired capacity, when it is not a user; for the next change only."""


class GroupStore(Protocol):
    """moto's side. A group is moto's own object; only the store looks into it."""

    def groups(self) -> Iterable[Any]: ...
    def settings(self, group: Any) -> GroupSnapshot:
        """The group's settings without members."""

    def set_desired(self, group: Any, desired: int) -> None: ...
    def target_groups(self, group: Any) -> tuple[str, ...]: ...
    def launch(self, group: Any, zone: str) -> Launched:
        """Run one instance. Raises LaunchError."""

    def existing(self, group: Any, instance_id: str) -> Launched:
        """A running instance of EC2 that is to join the group."""

    def protects_new(self, group: Any) -> bool: ...
    def show(self, group: Any, member: Member) -> None:
        """Describe a member, new or changed."""

    def hide(self, group: Any, instance_id: str) -> None: ...
    def terminate(self, instance_id: str) -> None: ...
    def register(self, target_group_arn: str, instance_id: str) -> bool: ...
    def deregister(self, target_group_arn: str, instance_id: str) -> float:
        """Begin draining; the deregistration delay, or 0 when the instance was not registered."""
