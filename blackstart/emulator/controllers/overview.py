"""The stack at a glance: what the other controllers know, put together for the status. Pure.

A `Sight` is gathered under the control plane's lock and is cheap; `overview` makes the status of it without the lock.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC

from blackstart.domain.emulator_overview import (
    AlarmStatus,
    InstanceStatus,
    ListenerStatus,
    LoadBalancerStatus,
    MemberStatus,
    NodeStatus,
    Opinion,
    Overview,
    ScalingActivity,
    ScalingGroupStatus,
    TargetGroupStatus,
    TargetStatus,
    Traffic,
)
from blackstart.domain.emulator_status import served_port
from blackstart.domain.wording import several
from blackstart.emulator.controllers.activity_log import ActivityLog
from blackstart.emulator.controllers.ec2_lifecycle import InstanceFact
from blackstart.emulator.controllers.group_memory import Member
from blackstart.emulator.decisions.refresh_state import RefreshState, RefreshStatus
from blackstart.emulator.decisions.target_health import TargetHealth, combined_health
from blackstart.emulator.protocol import CounterRow, Counters, HealthChanged
from blackstart.emulator.snapshot import (
    Action,
    FixedResponse,
    Forward,
    ListenerSnapshot,
    LoadBalancerSnapshot,
    Redirect,
    Snapshot,
    TargetGroupSnapshot,
    TargetSnapshot,
)

WINDOW_S = 60.0
GONE = "terminated"
ACTIVITIES_SHOWN = 4
Opinions = Mapping[tuple[str, int], Mapping[str, HealthChanged]]


@dataclass(frozen=True)
class Declared:
    """What only moto knows. load_balancers: (arn, name, state, DNS name), those in provisioning included.

    scaling_groups: by ARN.
    """

    load_balancers: tuple[tuple[str, str, str, str], ...] = ()
    scaling_groups: Mapping[str, ScalingGroupStatus] = field(default_factory=dict)
    alarms: tuple[AlarmStatus, ...] = ()


@dataclass(frozen=True)
class Sight:
    """Everything that an overview is made of. opinions: by target group. held: the health of targets that health checks
    do not decide, by target group, target and port. pids: of instances' services.

    activities: by scaling group's ARN, the newest. warm: likewise, instances of warm pools. refreshes: likewise, those
    under way, in words.
    in_dns: by load balancer, the zones of the nodes that its name resolves to; None before the data plane said so.
    failing_open: by target group, the zones of the nodes that do. traffic: counters of the last minute.
    network: what is cut off, in words.
    """

    snapshot: Snapshot
    declared: Declared = field(default_factory=Declared)
    opinions: Mapping[str, Opinions] = field(default_factory=dict)
    held: Mapping[tuple[str, str, int], TargetHealth] = field(default_factory=dict)
    instances: Mapping[str, InstanceFact] = field(default_factory=dict)
    pids: Mapping[str, int] = field(default_factory=dict)
    activities: Mapping[str, tuple[ScalingActivity, ...]] = field(default_factory=dict)
    warm: Mapping[str, tuple[MemberStatus, ...]] = field(default_factory=dict)
    refreshes: Mapping[str, str] = field(default_factory=dict)
    in_dns: Mapping[str, tuple[str, ...]] | None = None
    failing_open: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    traffic: tuple[CounterRow, ...] = ()
    network: tuple[str, ...] = ()


class RecentTraffic:
    """The counters of the last virtual minute. Written and read under the lock."""

    def __init__(self) -> None:
        self._buckets: deque[Counters] = deque()

    def on_counters(self, counters: Counters) -> None:
        self._buckets.append(counters)
        self._forget(counters.bucket_start_s)

    def rows(self, now_s: float) -> tuple[CounterRow, ...]:
        self._forget(now_s)
        return tuple(row for bucket in self._buckets for row in bucket.rows)

    def _forget(self, now_s: float) -> None:
        while self._buckets and self._buckets[0].bucket_start_s < now_s - WINDOW_S:
            self._buckets.popleft()


def overview(sight: Sight) -> Overview:
    """Put a sight together, each thing under the name that AWS shows."""
    known = {balancer.arn: balancer for balancer in sight.snapshot.load_balancers}
    addresses = {fact.private_ip: instance_id for instance_id, fact in sight.instances.items()}
    return Overview(
        load_balancers=tuple(
            _load_balancer(arn, name, state, dns_name, known.get(arn), sight)
            for arn, name, state, dns_name in sight.declared.load_balancers
        ),
        target_groups=tuple(_target_group(group, sight, addresses) for group in sight.snapshot.target_groups),
        scaling_groups=tuple(
            group.model_copy(
                update={
                    "activities": sight.activities.get(arn, ()),
                    "warm": sight.warm.get(arn, ()),
                    "refresh": sight.refreshes.get(arn, ""),
                }
            )
            for arn, group in sight.declared.scaling_groups.items()
        ),
        alarms=sight.declared.alarms,
        network=sight.network,
        instances=tuple(_instance(fact, sight) for fact in sight.instances.values() if fact.state.value != GONE),
    )


def newest_activities(log: ActivityLog, group_arn: str) -> tuple[ScalingActivity, ...]:
    """The newest activities of a scaling group, copied: the log's own go on changing."""
    return tuple(
        ScalingActivity(
            description=entry.description,
            status=entry.status_code,
            started_s=entry.start_time.replace(tzinfo=UTC).timestamp(),
            message=_unsaid(entry.status_message or "", entry.description),
        )
        for entry in log.newest(group_arn, ACTIVITIES_SHOWN)
    )


def _unsaid(message: str, description: str) -> str:
    """The message of a failed launch stands in its description, too."""
    return "" if message in description else message


def warm_members(pool: Iterable[Member]) -> tuple[MemberStatus, ...]:
    """Instances of a warm pool."""
    return tuple(
        MemberStatus(
            instance_id=each.instance_id,
            zone=each.instance.zone,
            lifecycle=each.lifecycle.value,
            health="Healthy" if each.unhealthy is None else "Unhealthy",
        )
        for each in pool
    )


def refresh_in_words(state: RefreshState) -> str:
    """`InProgress, 50 % complete, 3 instances to update`."""
    if state.status is RefreshStatus.PENDING:
        return state.status.value
    return f"{state.status.value}, {state.percent} % complete, {several(state.to_update, 'instance')} to update"


def _load_balancer(
    arn: str, name: str, state: str, dns_name: str, known: LoadBalancerSnapshot | None, sight: Sight
) -> LoadBalancerStatus:
    in_dns = sight.in_dns.get(arn) if sight.in_dns is not None else None
    return LoadBalancerStatus(
        name=name,
        arn=arn,
        state=state,
        dns_name=dns_name,
        nodes=tuple(
            NodeStatus(zone=node.zone, address=node.address, in_dns=None if in_dns is None else node.zone in in_dns)
            for node in (known.nodes if known else ())
        ),
        listeners=tuple(_listener(listener) for listener in (known.listeners if known else ())),
        shifted_zone=known.shifted_zone if known else None,
        traffic=_traffic(row for row in sight.traffic if row.load_balancer_arn == arn),
    )


def _listener(listener: ListenerSnapshot) -> ListenerStatus:
    return ListenerStatus(
        protocol=listener.protocol,
        port=listener.port,
        served_port=served_port(listener.port),
        action=action_in_words(listener.action),
        rules=len(listener.rules),
    )


def action_in_words(action: Action) -> str:
    """forward to web, forward to blue (90) and green (10), redirect 301, fixed 503."""
    if isinstance(action, Forward):
        shares = len(action.groups) > 1
        names = (
            f"{_name(g.target_group_arn)} ({g.weight})" if shares else _name(g.target_group_arn) for g in action.groups
        )
        return "forward to " + " and ".join(names)
    if isinstance(action, Redirect):
        return f"redirect {action.status_code}"
    assert isinstance(action, FixedResponse)
    return f"fixed {action.status_code}"


def _target_group(group: TargetGroupSnapshot, sight: Sight, addresses: Mapping[str, str]) -> TargetGroupStatus:
    opinions = sight.opinions.get(group.arn, {})
    using = next((b.arn for b in sight.snapshot.load_balancers if group.arn in _used_by(b)), "")
    return TargetGroupStatus(
        name=_name(group.arn),
        arn=group.arn,
        load_balancer=_name(using),
        algorithm=group.algorithm.value,
        cross_zone=group.cross_zone,
        targets=tuple(
            _target(group.arn, target, opinions.get((target.target_id, target.port), {}), sight, addresses)
            for target in group.targets
        ),
        failing_open=sight.failing_open.get(group.arn, ()),
        traffic=_traffic(row for row in sight.traffic if row.target_group_arn == group.arn),
    )


def _target(
    group_arn: str,
    target: TargetSnapshot,
    by_zone: Mapping[str, HealthChanged],
    sight: Sight,
    addresses: Mapping[str, str],
) -> TargetStatus:
    current = {zone: opinion for zone, opinion in by_zone.items() if opinion.registration == target.registration}
    health = sight.held.get((group_arn, target.target_id, target.port)) or combined_health(current.values())
    return TargetStatus(
        target_id=target.target_id,
        port=target.port,
        zone=target.zone,
        state=health.state.value,
        reason=health.reason.value if health.reason else None,
        description=health.description,
        address=target.address,
        pid=sight.pids.get(addresses.get(target.target_id, target.target_id)),
        opinions={
            zone: Opinion(
                state=opinion.state.value,
                reason=opinion.reason.value if opinion.reason else None,
                since_s=opinion.time_s,
            )
            for zone, opinion in sorted(current.items())
        },
    )


def _instance(fact: InstanceFact, sight: Sight) -> InstanceStatus:
    return InstanceStatus(
        instance_id=fact.instance_id,
        state=fact.state.value,
        zone=fact.zone,
        private_ip=fact.private_ip,
        address=fact.address,
        pid=sight.pids.get(fact.instance_id),
    )


def _traffic(rows: Iterable[CounterRow]) -> Traffic:
    requests = target_5xx = elb_5xx = 0
    for row in rows:
        requests += row.requests
        target_5xx += row.target_5xx
        elb_5xx += row.elb_502 + row.elb_503 + row.elb_504 + row.elb_other_5xx
    return Traffic(window_s=WINDOW_S, requests=requests, target_5xx=target_5xx, elb_5xx=elb_5xx)


def _used_by(balancer: LoadBalancerSnapshot) -> frozenset[str]:
    actions = [a for listener in balancer.listeners for a in (listener.action, *(r.action for r in listener.rules))]
    return frozenset(g.target_group_arn for action in actions if isinstance(action, Forward) for g in action.groups)


def _name(arn: str) -> str:
    """The name within an ARN: of targetgroup/NAME/id and loadbalancer/app/NAME/id."""
    return arn.rsplit("/", 2)[-2] if arn.count("/") >= 2 else arn.rpartition("/")[2]
