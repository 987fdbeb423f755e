"""What is known of Auto Scaling groups and their members: moto's side of it, and what the controller remembers."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from blackstart.emulator.controllers.activity_log import Activity
from blackstart.emulator.decisions.activity import CapacityChange
from blackstart.emulator.decisions.capacity import GroupSnapshot, Unhealthy


class LaunchError(Exception):
    """EC2 refused to run the instance; the text is EC2's."""


class GroupStore(Protocol):
    """moto's side. A group is moto's own object; only the store looks into it."""

    def groups(self) -> Iterable[Any]: ...
    def snapshot(self, group: Any) -> GroupSnapshot:
        """The group's settings without members."""

    def limits(self, group: Any) -> tuple[int, int]: ...
    def members(self, group: Any) -> tuple["StoredMember", ...]: ...
    def target_groups(self, group: Any) -> tuple[str, ...]: ...
    def launch(self, group: Any, zone: str) -> tuple[str, str]:
        """Run one instance; its id and subnet. Raises LaunchError."""

    def write(self, group: Any, instance_id: str, lifecycle: str, health: str) -> None: ...
    def remove(self, group: Any, instance_id: str) -> None: ...
    def terminate(self, instance_id: str) -> None: ...
    def register(self, target_group_arn: str, instance_id: str) -> bool: ...
    def deregister(self, target_group_arn: str, instance_id: str) -> float:
        """Begin draining; the deregistration delay, or 0 when the instance was not registered."""


@dataclass(frozen=True)
class StoredMember:
    """A member as moto shows it."""

    instance_id: str
    zone: str
    lifecycle: str
    health: str
    protected: bool
    template_version: int


@dataclass
class Member:
    """What the controller remembers of an instance of a group."""

    launched_s: float
    register: bool = True
    in_service_s: float | None = None
    unhealthy: Unhealthy | None = None
    terminate_at_s: float | None = None
    ec2_told: bool = False
    registered: set[str] = field(default_factory=set)
    launching: Activity | None = None
    terminating: Activity | None = None


@dataclass
class GroupMemory:
    """What the controller remembers of a group. `change` explains the next launches and terminations.

    look_s: when it looks at its instances next; whole periods after its creation.
    """

    created_s: float
    look_s: float

    desired: int = 0
    limits: tuple[int, int] = (0, 0)
    change: CapacityChange | None = None
    retry_launch_s: float = 0.0
    known: bool = False
    members: dict[str, Member] = field(default_factory=dict)
