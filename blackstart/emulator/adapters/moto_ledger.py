"""What a stack declares and the emulator does not act on: listed in the status, never silently ignored."""

from collections.abc import Iterator

from blackstart.domain.unserved import Unserved, UnservedKind
from blackstart.emulator.adapters import (
    moto_backends,
    moto_cloudformation,
    moto_ec2_template,
    moto_events,
    moto_fis,
    moto_group_launch,
    moto_group_settings,
    moto_lifecycle_hooks,
)
from blackstart.emulator.adapters.moto_elbv2_ledger import unserved_load_balancing


def unserved() -> tuple[Unserved, ...]:
    """Each declared thing without effect, by the line that says so."""
    things = (
        *_scaling(),
        *unserved_load_balancing(),
        *_names(),
        *moto_cloudformation.unserved(),
        *_events_and_instances(),
    )
    found = {thing.reason: thing for thing in things}
    return tuple(found[reason] for reason in sorted(found))


def _events_and_instances() -> Iterator[Unserved]:
    yield from moto_events.unserved()
    yield from moto_ec2_template.unserved()
    yield from moto_fis.unserved()
    yield from moto_lifecycle_hooks.unserved()
    yield from moto_group_settings.unserved()
    yield from moto_group_launch.unserved()


def _scaling() -> Iterator[Unserved]:
    for backend in moto_backends.existing("autoscaling"):
        for stored in backend.policies.values():
            if stored.never_scales:
                yield Unserved(
                    kind=UnservedKind.SCALING_POLICY,
                    resource=stored.policy.name,
                    of=(stored.group.name,),
                    reason=f"scaling policy {stored.policy.name} ({stored.never_scales}) never scales",
                )
        for group in backend.autoscaling_groups.values():
            if group.warm_pool is not None and group.warm_pool.pool_state == "Hibernated":
                yield _of_group(group.name, f"the warm pool of {group.name} stops its instances, memory is not kept")
            if group.load_balancer_names:
                yield _of_group(group.name, f"the classic load balancers of {group.name} are not served")


def _of_group(name: str, reason: str) -> Unserved:
    return Unserved(kind=UnservedKind.SCALING_GROUP, resource=name, reason=reason)


def _names() -> Iterator[Unserved]:
    for backend in moto_backends.existing("route53"):
        for zone in backend.zones.values():
            declared = [record for record in zone.rrsets if record.type_ not in ("NS", "SOA")]
            if declared:
                count = f"{len(declared)} record set(s) are not answered by the emulator's DNS"
                yield Unserved(kind=UnservedKind.DNS, resource=zone.name, reason=f"Route 53 zone {zone.name}: {count}")
