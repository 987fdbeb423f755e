"""moto's load balancers, read into facts, and its target registrations replaced by ours.

Replaced: `FakeTargetGroup.register/deregister/deregister_terminated_instances` (one port per target, no draining),
`ELBv2Backend.describe_target_health` (always healthy), `FakeLoadBalancer.activate` and `create_load_balancer`
(cross-zone off by default, active at the first look).
"""

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from blackstart.domain.target_health import HealthCheck
from blackstart.emulator.adapters import moto_backends
from blackstart.emulator.adapters.patches import Patches
from blackstart.emulator.controllers.load_balancing import LoadBalancerFacts, TargetGroupFacts
from blackstart.emulator.controllers.target_book import TargetBook
from blackstart.emulator.decisions.target_health import TargetHealth
from blackstart.emulator.parameters import Parameters
from blackstart.emulator.snapshot import Action, FixedResponse, Forward, ListenerSnapshot, Redirect

NOT_SERVED = FixedResponse(
    status_code=503, body="this listener's action is declared but not acted on by the emulator\n"
)


class HealthTruth(Protocol):
    """Who knows the health of targets."""

    def health(self, target_group_arn: str, target_id: str, port: int | None) -> TargetHealth: ...
    def registered(self, target_group_arn: str) -> tuple[tuple[str, int], ...]: ...
    def refresh(self, now_s: float) -> None: ...


class MotoLoadBalancers:
    """The load balancers and target groups in moto's backends."""

    def __init__(self, parameters: Parameters) -> None:
        self._provisioning_s = parameters.load_balancer_provisioning_s

    def load_balancers(self) -> tuple[LoadBalancerFacts, ...]:
        """Active Application Load Balancers, made active here when their provisioning is over."""
        for backend in moto_backends.existing("elbv2"):
            for balancer in backend.load_balancers.values():
                balancer.activate()
        return tuple(
            _balancer_facts(balancer)
            for backend in moto_backends.existing("elbv2")
            for balancer in list(backend.load_balancers.values())
            if balancer.state == "active" and balancer.type == "application"
        )

    def target_groups(self) -> tuple[TargetGroupFacts, ...]:
        return tuple(
            TargetGroupFacts(
                arn=group.arn,
                port=int(group.port),
                health_check=_health_check(group),
            )
            for group in target_groups()
        )

    def install(self, patches: Patches, book: TargetBook, truth: HealthTruth, now_s: Callable[[], float]) -> None:
        """Hand registrations and health to their owners."""
        from moto.elbv2.models import ELBv2Backend, FakeLoadBalancer, FakeTargetGroup

        patches.replace(FakeTargetGroup, "register", lambda _: _registering(book, now_s))
        patches.replace(FakeTargetGroup, "deregister", lambda _: _deregistering(book, now_s))
        patches.replace(FakeTargetGroup, "deregister_terminated_instances", lambda _: lambda _group, _ids: None)
        patches.replace(ELBv2Backend, "describe_target_health", lambda _: _describing(truth, now_s))
        patches.replace(FakeLoadBalancer, "activate", lambda _: _activating(self._provisioning_s, now_s))
        patches.replace(ELBv2Backend, "create_load_balancer", lambda original: _creating(original, now_s))


def target_groups() -> Iterable[Any]:
    """moto's target group objects that take instances or addresses."""
    for backend in moto_backends.existing("elbv2"):
        for group in list(backend.target_groups.values()):
            if group.target_type in ("instance", "ip") and group.port is not None:
                yield group


def target_group_arns_of(action_data: dict[str, Any]) -> list[str]:
    """The target groups that a forward action names."""
    if "TargetGroupArn" in action_data:
        return [action_data["TargetGroupArn"]]
    return [group["TargetGroupArn"] for group in action_data.get("ForwardConfig", {}).get("TargetGroups", [])]


def _balancer_facts(balancer: Any) -> LoadBalancerFacts:
    listeners = tuple(
        ListenerSnapshot(arn=listener.arn, port=int(listener.port), action=default_action(listener))
        for listener in balancer.listeners.values()
        if listener.protocol == "HTTP"
    )
    forwards = [listener.action for listener in listeners if isinstance(listener.action, Forward)]
    uses = {group.target_group_arn for forward in forwards for group in forward.groups}
    return LoadBalancerFacts(
        arn=balancer.arn,
        dns_name=balancer.dns_name,
        zones=tuple(subnet.availability_zone for subnet in balancer.subnets),
        listeners=listeners,
        uses=frozenset(uses),
        cross_zone=balancer.attrs.get("load_balancing.cross_zone.enabled") != "false" and not _groups_keep_zones(uses),
        idle_timeout_s=float(balancer.attrs.get("idle_timeout.timeout_seconds", 60)),
    )


def _groups_keep_zones(used: set[str]) -> bool:
    """Whether a used target group switches cross-zone load balancing off for itself."""
    return any(
        group.arn in used and group.attributes.get("load_balancing.cross_zone.enabled") == "false"
        for group in target_groups()
    )


def default_action(listener: Any) -> Action:
    """The last default action as the data plane serves it; `NOT_SERVED` for what the emulator does not do."""
    data = listener.default_actions[-1].data
    if data["Type"] == "forward":
        arns = target_group_arns_of(data)
        return Forward.to(arns[0]) if len(arns) == 1 else NOT_SERVED
    if data["Type"] == "fixed-response":
        fixed = data["FixedResponseConfig"]
        return FixedResponse(
            status_code=int(fixed["StatusCode"]),
            content_type=fixed.get("ContentType") or "text/plain",
            body=fixed.get("MessageBody") or "",
        )
    if data["Type"] == "redirect":
        wanted = data["RedirectConfig"]
        given = {
            name.lower(): str(wanted[name]) for name in ("Protocol", "Host", "Port", "Path", "Query") if name in wanted
        }
        return Redirect(status_code=int(wanted["StatusCode"].removeprefix("HTTP_")), **given)
    return NOT_SERVED


def _health_check(group: Any) -> HealthCheck:
    matcher = (getattr(group, "matcher", None) or {}).get("HttpCode") or "200"
    return HealthCheck(
        enabled=group.health_check_enabled,
        protocol=group.health_check_protocol or "HTTP",
        path=group.health_check_path or "/",
        port=str(group.health_check_port or "traffic-port"),
        interval_s=float(group.health_check_interval_seconds),
        timeout_s=float(group.health_check_timeout_seconds),
        healthy_threshold=int(group.healthy_threshold_count),
        unhealthy_threshold=int(group.unhealthy_threshold_count),
        matcher=str(matcher),
    )


def _registering(book: TargetBook, now_s: Callable[[], float]) -> Callable[[Any, list[dict[str, Any]]], None]:
    def register(group: Any, targets: list[dict[str, Any]]) -> None:
        from moto.elbv2.exceptions import InvalidTargetError, TargetNotRunning

        for target in targets:
            instance = group.ec2_backend.get_instance_by_id(target["Id"])
            if group.target_type == "instance" and instance is None:
                raise InvalidTargetError
            if instance is not None and instance.state != "running":
                raise TargetNotRunning(instance_id=target["Id"])
        for target in targets:
            port = int(target.get("Port") or group.port)
            book.register(group.arn, target["Id"], port, now_s())
            group.targets[target["Id"]] = {"Id": target["Id"], "Port": port}

    return register


def _deregistering(book: TargetBook, now_s: Callable[[], float]) -> Callable[[Any, list[dict[str, Any]]], None]:
    def deregister(group: Any, targets: list[dict[str, Any]]) -> None:
        from moto.elbv2.exceptions import InvalidTargetError

        delay_s = float(group.attributes["deregistration_delay.timeout_seconds"])
        for target in targets:
            port = int(target["Port"]) if target.get("Port") else None
            if not book.deregister(group.arn, target["Id"], port, delay_s, now_s()):
                raise InvalidTargetError
            group.targets.pop(target["Id"], None)

    return deregister


def _describing(truth: HealthTruth, now_s: Callable[[], float]) -> Callable[..., list[Any]]:
    def describe_target_health(backend: Any, target_group_arn: str, targets: list[dict[str, Any]]) -> list[Any]:
        from moto.elbv2.exceptions import TargetGroupNotFoundError
        from moto.elbv2.models import FakeHealthStatus

        group = backend.target_groups.get(target_group_arn)
        if group is None:
            raise TargetGroupNotFoundError
        truth.refresh(now_s())
        asked = [(target["Id"], int(target["Port"]) if target.get("Port") else None) for target in targets or []]
        described = []
        for target_id, port in asked or truth.registered(target_group_arn):
            known = [p for t, p in truth.registered(target_group_arn) if t == target_id and port in (None, p)]
            shown = port or (known[0] if known else int(group.port or 0))
            health = truth.health(target_group_arn, target_id, shown)
            check_port = str(shown) if group.health_check_port == "traffic-port" else group.health_check_port
            reason = health.reason.value if health.reason else None
            described.append(
                FakeHealthStatus(target_id, shown, check_port, health.state.value, reason, health.description or None)
            )
        return described

    return describe_target_health


def _activating(provisioning_s: float, now_s: Callable[[], float]) -> Callable[[Any], None]:
    def activate(balancer: Any) -> None:
        if balancer.state == "provisioning" and now_s() >= balancer.blackstart_created_s + provisioning_s:
            balancer.state = "active"

    return activate


def _creating(original: Callable[..., Any], now_s: Callable[[], float]) -> Callable[..., Any]:
    def create_load_balancer(backend: Any, *args: Any, **kwargs: Any) -> Any:
        balancer = original(backend, *args, **kwargs)
        balancer.blackstart_created_s = now_s()
        if balancer.type == "application":
            balancer.attrs["load_balancing.cross_zone.enabled"] = "true"
        return balancer

    return create_load_balancer
