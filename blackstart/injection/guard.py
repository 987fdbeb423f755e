"""The blast radius: pure checks of who is affected against what the experiment allows."""

from collections.abc import Collection, Iterable

from blackstart.domain.errors import GuardError
from blackstart.domain.experiment import BlastRadius
from blackstart.domain.journal import ZoneCapacity
from blackstart.domain.stack import Instance, Stack, TargetGroup
from blackstart.domain.target_health import TargetState

WAY_OUT = "Choose fewer targets, or widen blast_radius.{limit} if that much may really be lost."


def check_blast_radius(affected: Collection[str], stack: Stack, radius: BlastRadius) -> None:
    """Raise GuardError for the first limit that affecting these instances (ids) would break.

    An instance outside every Auto Scaling group counts among those of its own name. Percentages are of live instances
    (pending or running).
    """
    hit = [instance for instance in stack.instances if instance.instance_id in affected]
    ids = {instance.instance_id for instance in hit}
    if len(set(affected)) > radius.max_count:
        raise _beyond("max_count", f"{len(set(affected))} instances would be affected, {radius.max_count} are allowed")
    zones = sorted({instance.zone for instance in hit})
    if len(zones) > radius.max_zones:
        figures = f"{len(zones)} zones would be affected ({', '.join(zones)}), {radius.max_zones} are allowed"
        raise _beyond("max_zones", figures)
    live = {instance.instance_id: instance for instance in (*stack.live_instances(), *hit)}.values()
    for group in sorted({_group(instance) for instance in hit}):
        members = [instance for instance in live if _group(instance) == group]
        _check_share("max_percent", radius.max_percent, ids, members, f"of group {group}")
        for zone in zones:
            there = [instance for instance in members if instance.zone == zone]
            _check_share("max_percent_per_zone", radius.max_percent_per_zone, ids, there, f"of group {group} in {zone}")
    for target_group in affected_target_groups(ids, stack):
        left = len(healthy_ids(target_group) - ids)
        if left < radius.keep_healthy:
            figures = (
                f"target group {target_group.name} would keep {left} healthy targets, {radius.keep_healthy} must stay"
            )
            raise _beyond("keep_healthy", figures)


def capacity_by_zone(affected: Collection[str], stack: Stack) -> tuple[ZoneCapacity, ...]:
    """Healthy targets of the affected target groups in each zone of the stack, before and during."""
    groups = affected_target_groups(affected, stack)
    zone_of = {target.target_id: target.zone for group in groups for target in group.targets}
    before = {id_ for group in groups for id_ in healthy_ids(group)}
    return tuple(
        ZoneCapacity(
            zone=zone,
            before=sum(zone_of[id_] == zone for id_ in before),
            during=sum(zone_of[id_] == zone for id_ in before - set(affected)),
        )
        for zone in stack.zones
    )


def affected_target_groups(affected: Collection[str], stack: Stack) -> tuple[TargetGroup, ...]:
    """The target groups in which any affected instance is registered."""
    return tuple(group for group in stack.target_groups if any(t.target_id in affected for t in group.targets))


def healthy_ids(group: TargetGroup) -> set[str]:
    return {target.target_id for target in group.targets if target.state is TargetState.HEALTHY}


def _group(instance: Instance) -> str:
    return instance.scaling_group or instance.name


def _check_share(
    limit: str, allowed_percent: float, affected: Collection[str], members: Iterable[Instance], of_what: str
) -> None:
    all_ids = {instance.instance_id for instance in members}
    hit = len(all_ids.intersection(affected))
    if hit * 100 > allowed_percent * len(all_ids):
        figures = f"{hit} of {len(all_ids)} instances {of_what} would be affected ({hit * 100 / len(all_ids):.0f} %)"
        raise _beyond(limit, f"{figures}, {allowed_percent:g} % are allowed")


def _beyond(limit: str, figures: str) -> GuardError:
    return GuardError(f"the plan leaves the blast radius ({limit}): {figures}", WAY_OUT.format(limit=limit))
