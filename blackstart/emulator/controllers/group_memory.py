"""What is known of Auto Scaling groups and their members: moto's side of it, and what the controllers remember.

The controllers own membership: which instances a group has, and each one's lifecycle state. moto shows it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from blackstart.emulator.controllers.activity_log import Activity
from blackstart.emulator.decisions.activity import CapacityChange
from blackstart.emulator.decisions.launch_failure import LaunchFailure
from blackstart.emulator.decisions.purchase import Pool
from blackstart.emulator.decisions.scaling_group import GroupSnapshot, Lifecycle, Unhealthy, Why


class LaunchError(Exception):
    """EC2 refused to run the instance; the text is EC2's. code: EC2's, as InsufficientInstanceCapacity. subnet: in
    which it was to run.
    """

    def __init__(self, message: str, code: str = "", subnet: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.subnet = subnet


class Launched(NamedTuple):
    """An instance that EC2 runs for a group. launch_name: of the launch configuration, "" with a launch template."""

    instance_id: str
    zone: str
    subnet: str
    instance_type: str
    template_id: str
    template_version: int
    launch_name: str
    spot: bool = False


@dataclass(slots=True)
class Member:
    """An instance of a group.

    register: whether it joins the group's target groups by itself; registered: those that it joined. drained_s: when
    its draining ends; ec2_told: EC2 was asked to terminate it. from_pool: it was warm before. launch_hooks,
    termination_hooks: whether it waits for lifecycle hooks. launching, stepping_out, terminating: its activities (on
    the way in; to standby or detached; out).
    """

    instance: Launched
    launched_s: float
    launched_for: Why | None = None
    lifecycle: Lifecycle = Lifecycle.PENDING
    protected: bool = False
    unhealthy: Unhealthy | None = None
    in_service_s: float | None = None
    register: bool = True
    registered: set[str] = field(default_factory=set)
    drained_s: float = 0.0
    ec2_told: bool = False
    from_pool: bool = False
    launch_hooks: bool = True
    termination_hooks: bool = True
    launching: Activity | None = None
    stepping_out: Activity | None = None
    terminating: Activity | None = None

    @property
    def instance_id(self) -> str:
        return self.instance.instance_id


@dataclass
class GroupMemory:
    """What the controllers remember of a group.

    look_s: when it looks at its instances next; whole periods after its creation. moving: members that something has
    yet to happen to. stale: something changed since the last decision. failures: of launches, by zone; failure: of one
    that no other zone would help. unreplaced: unhealthy members gone without a replacement. change, balance: sentences
    that explain the next launches and terminations. protection_told: the desired capacity that protection kept the
    group from, as the log says already. deleting: the group goes when its last member has.
    """

    created_s: float
    look_s: float
    settings: GroupSnapshot | None = None
    target_groups: tuple[str, ...] = ()
    leaving_target_groups: dict[str, float] = field(default_factory=dict)
    """Detached target groups, with when their last target has drained."""
    members: dict[str, Member] = field(default_factory=dict)
    moving: set[str] = field(default_factory=set)
    stale: bool = True
    failures: dict[str, LaunchFailure] = field(default_factory=dict)
    failure: LaunchFailure | None = None
    abandoned: LaunchFailure | None = None
    """Launches in a row that lifecycle hooks abandoned."""
    unreplaced: int = 0
    change: CapacityChange | None = None
    balance: str = ""
    protection_told: int | None = None
    deleting: bool = False
    next_words: str | None = None
    """Who changes the desired capacity, when it is not a user; for the next change only."""
    surge: int = 0
    """Members wanted beyond the desired capacity for a while: replacements that are launched first."""
    replacements: int = 0
    """How many of the next launches an instance refresh asked for."""
    pool: dict[str, Member] = field(default_factory=dict)
    """The warm pool; its instances are no members until they leave it."""
    changes: int = 0
    """How often members changed so far."""

    def changed(self) -> None:
        """Something that decisions are made from is different."""
        self.stale = True
        self.changes += 1


class GroupStore(Protocol):
    """moto's side. A group is moto's own object; only the store looks into it."""

    def groups(self) -> Iterable[Any]: ...
    def settings(self, group: Any) -> GroupSnapshot:
        """The group's settings without members."""

    def set_desired(self, group: Any, desired: int) -> None: ...
    def begin_deletion(self, group: Any) -> None:
        """The group is described as being deleted, and is to have no instances."""

    def remove(self, group: Any) -> None:
        """The group is no more."""

    def target_groups(self, group: Any) -> tuple[str, ...]: ...
    def launch(self, group: Any, zone: str, pool: Pool | None = None) -> Launched:
        """Run one instance; a mixed instances group names the pool. Raises LaunchError."""

    def existing(self, group: Any, instance_id: str) -> Launched:
        """A running instance of EC2 that is to join the group."""

    def release(self, group: Any, instance_id: str) -> None:
        """An instance is the group's no longer, and lives on."""

    def protects_new(self, group: Any) -> bool: ...
    def show(self, group: Any, member: Member) -> None:
        """Describe a member, new or changed."""

    def hide(self, group: Any, instance_id: str) -> None: ...
    def terminate(self, instance_id: str) -> None: ...
    def register(self, target_group_arn: str, instance_id: str) -> bool: ...
    def deregister(self, target_group_arn: str, instance_id: str) -> float:
        """Begin draining; the deregistration delay, or 0 when the instance was not registered."""
