"""Target registration and target health over moto's API, both ours.

Replaced: `FakeTargetGroup.register/deregister/deregister_terminated_instances` (one port per target, no draining, any
id), `ELBv2Backend.describe_target_health` (always healthy).
"""

import ipaddress
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from blackstart.emulator.adapters.patches import Patches
from blackstart.emulator.controllers.target_book import TargetBook
from blackstart.emulator.decisions.anomaly import Anomaly
from blackstart.emulator.decisions.target_health import TargetHealth
from blackstart.emulator.decisions.target_registration import AdministrativeOverride

MOST_TARGETS = 1000
PRIVATE_RANGES = tuple(
    ipaddress.ip_network(block) for block in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")
)


class HealthTruth(Protocol):
    """Who knows the health of targets."""

    def health(self, target_group_arn: str, target_id: str, port: int | None) -> TargetHealth: ...
    def override(self, target_group_arn: str, target_id: str, port: int | None) -> AdministrativeOverride | None: ...
    def anomaly(self, target_group_arn: str, target_id: str, port: int | None) -> Anomaly | None: ...
    def registered(self, target_group_arn: str) -> tuple[tuple[str, int], ...]: ...
    def refresh(self, now_s: float) -> None: ...


def install(patches: Patches, book: TargetBook, truth: HealthTruth, now_s: Callable[[], float]) -> None:
    """Hand registrations and health to their owners."""
    from moto.elbv2.models import ELBv2Backend, FakeTargetGroup

    patches.replace(FakeTargetGroup, "register", lambda _: _registering(book, now_s))
    patches.replace(FakeTargetGroup, "deregister", lambda _: _deregistering(book, now_s))
    patches.replace(FakeTargetGroup, "deregister_terminated_instances", lambda _: lambda _group, _ids: None)
    patches.replace(ELBv2Backend, "describe_target_health", lambda _: _describing(truth, now_s))


def check_targets(group: Any, targets: Iterable[dict[str, Any]]) -> None:
    """Raise elbv2's InvalidTarget or ValidationError for targets that a group does not take."""
    from moto.elbv2.exceptions import InvalidTargetError, TargetNotRunning, ValidationError

    for target in targets:
        port = target.get("Port")
        if port is not None and not 1 <= int(port) <= 65535:
            raise ValidationError(f"The port '{port}' of target '{target['Id']}' must be in the range 1-65535")
        if group.target_type == "ip":
            _check_address(group, str(target["Id"]), target.get("AvailabilityZone"))
        elif group.target_type == "instance":
            instance = group.ec2_backend.get_instance_by_id(target["Id"])
            if instance is None or instance.vpc_id != group.vpc_id:
                raise InvalidTargetError
            if instance.state != "running":
                raise TargetNotRunning(instance_id=target["Id"])


def _check_address(group: Any, address: str, zone: str | None) -> None:
    from moto.elbv2.exceptions import ValidationError

    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        raise ValidationError(f"The IP address '{address}' is not a valid IPv4 address") from None
    if found.version != 4:
        raise ValidationError(f"The IP address '{address}' is not a valid IPv4 address")
    inside = any(found in ipaddress.ip_network(block) for block in _cidr_blocks(group))
    if not inside and zone != "all":
        raise ValidationError(
            f"You must specify an Availability Zone of 'all' for targets outside the VPC: '{address}'"
        )
    if not inside and not any(found in block for block in PRIVATE_RANGES):
        raise ValidationError(f"The IP address '{address}' is not within a valid private CIDR block")


def _cidr_blocks(group: Any) -> list[str]:
    vpc = group.ec2_backend.get_vpc(group.vpc_id)
    return [str(entry["cidr_block"]) for entry in vpc.cidr_block_association_set]


def _registering(book: TargetBook, now_s: Callable[[], float]) -> Callable[[Any, list[dict[str, Any]]], None]:
    def register(group: Any, targets: list[dict[str, Any]]) -> None:
        from moto.elbv2.exceptions import ELBClientError

        check_targets(group, targets)
        wanted = [(target["Id"], int(target.get("Port") or group.port or 0)) for target in targets]
        new = {target for target in wanted if target[1] not in book.ports(group.arn, target[0])}
        if new and book.count(group.arn) + len(new) > MOST_TARGETS:
            raise ELBClientError("TooManyTargets", f"The target group '{group.name}' has too many targets")
        for target_id, port in wanted:
            book.register(group.arn, target_id, port, now_s())
            group.targets[target_id] = {"Id": target_id, "Port": port}

    return register


def _deregistering(book: TargetBook, now_s: Callable[[], float]) -> Callable[[Any, list[dict[str, Any]]], None]:
    def deregister(group: Any, targets: list[dict[str, Any]]) -> None:
        """A target that is not registered is passed over, as the API reference says."""
        delay_s = float(group.attributes["deregistration_delay.timeout_seconds"])
        for target in targets:
            port = int(target["Port"]) if target.get("Port") else None
            book.deregister(group.arn, target["Id"], port, delay_s, now_s())
            if not book.in_service(group.arn, target["Id"]):
                group.targets.pop(target["Id"], None)

    return deregister


class TargetHealthDescription:
    """One answer of describe_target_health, in the attributes that moto's serializer looks for."""

    def __init__(
        self,
        target: tuple[str, int],
        check_port: str,
        health: TargetHealth,
        override: AdministrativeOverride | None,
        anomaly: Anomaly | None,
    ) -> None:
        self.target = {"Id": target[0], "Port": target[1]}
        self.health_check_port = check_port
        self.target_health = {
            "State": health.state.value,
            "Reason": health.reason.value if health.reason else None,
            "Description": health.description or None,
        }
        self.administrative_override = (
            {"State": override.state, "Reason": override.reason, "Description": override.description}
            if override
            else None
        )
        self.anomaly_detection = (
            {"Result": anomaly.result, "MitigationInEffect": "yes" if anomaly.in_effect else "no"} if anomaly else None
        )


def _describing(truth: HealthTruth, now_s: Callable[[], float]) -> Callable[..., list[TargetHealthDescription]]:
    def describe_target_health(
        backend: Any, target_group_arn: str, targets: list[dict[str, Any]]
    ) -> list[TargetHealthDescription]:
        from moto.elbv2.exceptions import TargetGroupNotFoundError

        group = backend.target_groups.get(target_group_arn)
        if group is None:
            raise TargetGroupNotFoundError
        truth.refresh(now_s())
        registered = truth.registered(target_group_arn)
        if not targets:
            return [_described(truth, group, target_id, port) for target_id, port in registered]
        first_port = dict(reversed(registered))
        return [
            _described(
                truth, group, asked["Id"], int(asked.get("Port") or first_port.get(asked["Id"], group.port or 0))
            )
            for asked in targets
        ]

    return describe_target_health


def _described(truth: HealthTruth, group: Any, target_id: str, port: int) -> TargetHealthDescription:
    check_port = str(port) if group.health_check_port == "traffic-port" else str(group.health_check_port)
    key = (group.arn, target_id, port)
    return TargetHealthDescription(
        (target_id, port), check_port, truth.health(*key), truth.override(*key), truth.anomaly(*key)
    )
