"""What the decisions about an Auto Scaling group are made from: the group and its members.

Source: EC2 Auto Scaling user guide, "Amazon EC2 Auto Scaling instance lifecycle", "Suspend and resume processes".
"""

from enum import StrEnum
from typing import NamedTuple


class Process(StrEnum):
    """The processes of a group that can be suspended."""

    LAUNCH = "Launch"
    TERMINATE = "Terminate"
    ADD_TO_LOAD_BALANCER = "AddToLoadBalancer"
    ALARM_NOTIFICATION = "AlarmNotification"
    AZ_REBALANCE = "AZRebalance"
    HEALTH_CHECK = "HealthCheck"
    INSTANCE_REFRESH = "InstanceRefresh"
    REPLACE_UNHEALTHY = "ReplaceUnhealthy"
    SCHEDULED_ACTIONS = "ScheduledActions"


class Lifecycle(StrEnum):
    """A member's lifecycle state, in Auto Scaling's own words."""

    PENDING = "Pending"
    PENDING_WAIT = "Pending:Wait"
    PENDING_PROCEED = "Pending:Proceed"
    IN_SERVICE = "InService"
    TERMINATING = "Terminating"
    TERMINATING_WAIT = "Terminating:Wait"
    TERMINATING_PROCEED = "Terminating:Proceed"
    TERMINATED = "Terminated"
    DETACHING = "Detaching"
    DETACHED = "Detached"
    ENTERING_STANDBY = "EnteringStandby"
    STANDBY = "Standby"
    WARMED_PENDING = "Warmed:Pending"
    WARMED_PENDING_WAIT = "Warmed:Pending:Wait"
    WARMED_PENDING_PROCEED = "Warmed:Pending:Proceed"
    WARMED_RUNNING = "Warmed:Running"
    WARMED_STOPPED = "Warmed:Stopped"
    WARMED_HIBERNATED = "Warmed:Hibernated"
    WARMED_TERMINATING = "Warmed:Terminating"
    WARMED_TERMINATING_WAIT = "Warmed:Terminating:Wait"
    WARMED_TERMINATING_PROCEED = "Warmed:Terminating:Proceed"
    WARMED_TERMINATED = "Warmed:Terminated"

    @property
    def warm(self) -> bool:
        """Whether the member is in the warm pool."""
        return self.value.startswith("Warmed:")


COMING = frozenset({Lifecycle.PENDING, Lifecycle.PENDING_WAIT, Lifecycle.PENDING_PROCEED})
COUNTED = COMING | {Lifecycle.IN_SERVICE}
"""What counts towards the desired capacity."""
LEAVING = frozenset(
    {
        Lifecycle.TERMINATING,
        Lifecycle.TERMINATING_WAIT,
        Lifecycle.TERMINATING_PROCEED,
        Lifecycle.WARMED_TERMINATING,
        Lifecycle.WARMED_TERMINATING_WAIT,
        Lifecycle.WARMED_TERMINATING_PROCEED,
    }
)
OUT_FOR_A_WHILE = frozenset({Lifecycle.ENTERING_STANDBY, Lifecycle.STANDBY})


class Unhealthy(StrEnum):
    """Why a member is unhealthy. impaired: EC2 status checks."""

    NOT_RUNNING = "not-running"
    IMPAIRED = "impaired"
    LOAD_BALANCER = "load-balancer"
    CUSTOM = "custom"


class Why(StrEnum):
    """Why a member is terminated or an instance launched."""

    UNHEALTHY = "unhealthy"
    REPLACES_UNHEALTHY = "replaces-unhealthy"
    SCALE_IN = "scale-in"
    SCALE_OUT = "scale-out"
    REBALANCING = "rebalancing"
    CAPACITY_REBALANCING = "capacity-rebalancing"
    REFRESH = "instance-refresh"
    WARM_POOL = "warm-pool"


class Distribution(StrEnum):
    """How a group spreads over its zones when a launch fails in one (AvailabilityZoneDistribution)."""

    BEST_EFFORT = "balanced-best-effort"
    ONLY = "balanced-only"


class Mix(NamedTuple):
    """A mixed instances policy: what is on demand, and from which types. instance_types: as the overrides list them."""

    instance_types: tuple[str, ...]
    on_demand_base: int = 0
    on_demand_percent: int = 100
    spot_strategy: str = "lowest-price"
    spot_pools: int = 2


class MemberSnapshot(NamedTuple):
    """One instance of the group. in_service_s: when it came into service. elb_unhealthy: a load balancer says so.

    impaired_since_s: when its status checks began to fail. unhealthy: the mark it carries already. template_version: of
    the launch template it was launched from, template_id its id, both empty for a launch configuration (launch_name).
    at_risk: EC2 recommends to replace the spot instance. launched_for: None for one that was attached.
    """

    instance_id: str
    zone: str
    lifecycle: Lifecycle
    ec2_state: str
    launched_s: float = 0.0
    in_service_s: float | None = None
    elb_unhealthy: bool = False
    impaired_since_s: float | None = None
    unhealthy: Unhealthy | None = None
    protected: bool = False
    template_version: int = 1
    template_id: str = ""
    launch_name: str = ""
    instance_type: str = ""
    spot: bool = False
    at_risk: bool = False
    launched_for: Why | None = None


class GroupSnapshot(NamedTuple):
    """A group's settings and members.

    min_healthy_percent, max_healthy_percent: the instance maintenance policy, None when there is none. surge: launches
    wanted beyond the desired capacity for a while (an instance refresh that launches first). failed_zones: where the
    last launch failed and none has succeeded since. shifted_zones: of its zones, those that a shift moves away from.
    ignores_impaired: ImpairedZoneHealthCheckBehavior is IgnoreUnhealthy. warm_up_s: DefaultInstanceWarmup. unreplaced:
    unhealthy members that were terminated and have no replacement yet; replacements: launches that an instance refresh
    waits for. template_id with template_version (as it was asked for, such as $Latest), launch_name: what the group
    launches from now, one of them empty.
    """

    name: str
    desired: int
    zones: tuple[str, ...]
    minimum: int = 0
    maximum: int = 1_000_000
    elb_checks: bool = False
    grace_period_s: float = 0.0
    suspended: frozenset[str] = frozenset()
    distribution: Distribution = Distribution.BEST_EFFORT
    termination_policies: tuple[str, ...] = ("Default",)
    min_healthy_percent: int | None = None
    max_healthy_percent: int | None = None
    surge: int = 0
    failed_zones: frozenset[str] = frozenset()
    shifted_zones: frozenset[str] = frozenset()
    ignores_impaired: bool = False
    warm_up_s: float = 0.0
    capacity_rebalance: bool = False
    mix: Mix | None = None
    template_id: str = ""
    template_version: str = ""
    launch_name: str = ""
    unreplaced: int = 0
    replacements: int = 0
    members: tuple[MemberSnapshot, ...] = ()
