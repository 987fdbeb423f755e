"""Scaling policies in moto's backends: made from their declarations, with their alarms, and found by ARN.

Source: EC2 Auto Scaling API reference, PutScalingPolicy, DeletePolicy, ScalingPolicy.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from blackstart.emulator.adapters import moto_backends
from blackstart.emulator.adapters import moto_tracking_alarms as alarms
from blackstart.emulator.adapters.validators_scaling_policies import (
    HIGH_RESOLUTION_CPU,
    MOST_POLICIES,
    policy_problem,
    steps_of,
)
from blackstart.emulator.controllers.scaling_policies import Waits
from blackstart.emulator.decisions.scaling_policy import Adjustment, PolicyKind, ScalingPolicy
from blackstart.emulator.decisions.target_tracking import tracking_alarms

DEFAULT_COOLDOWN_S = 300


class StoredPolicy(NamedTuple):
    """A policy, and how it is described. alarms: the names of those that it made for itself."""

    group: Any
    policy: ScalingPolicy
    declared: dict[str, Any]
    alarms: tuple[str, ...] = ()

    @property
    def never_scales(self) -> str:
        """What about the policy keeps it from ever scaling here, "" when nothing does."""
        if self.policy.kind is PolicyKind.PREDICTIVE:
            return self.policy.kind.value
        tracked = self.declared.get("TargetTrackingConfiguration", {}).get("PredefinedMetricSpecification") or {}
        return HIGH_RESOLUTION_CPU if tracked.get("PredefinedMetricType") == HIGH_RESOLUTION_CPU else ""


class MotoScalingPolicies:
    """The policies in moto's backends, by ARN. low_ratio: the low alarm's threshold as a part of the target."""

    def __init__(self, low_ratio: float) -> None:
        self._low_ratio = low_ratio

    def find(self, arn: str) -> tuple[Any, ScalingPolicy] | None:
        for backend in moto_backends.existing("autoscaling"):
            stored = backend.policies.get(arn)
            if stored is not None:
                return stored.group, stored.policy
        return None

    def policies(self, group: Any) -> Iterator[ScalingPolicy]:
        for stored in of_group(group):
            yield stored.policy

    def waits(self, group: Any) -> Waits:
        warm_up_s = getattr(group, "default_instance_warmup", None)
        cooldown = DEFAULT_COOLDOWN_S if group.default_cooldown is None else group.default_cooldown
        return Waits(float(cooldown), None if warm_up_s is None or int(warm_up_s) < 0 else float(warm_up_s))

    def in_alarm(self, group: Any, alarm_name: str) -> bool:
        return alarms.in_alarm(group, alarm_name)

    def put(self, group: Any, params: Mapping[str, Any]) -> StoredPolicy:
        """Make a policy or change it; it keeps its ARN and its alarms. Raises moto's errors."""
        from moto.autoscaling.exceptions import AutoscalingClientError, ValidationError

        problem = policy_problem(params, group.target_group_arns)
        if problem:
            raise ValidationError(problem)
        backend = group.autoscaling_backend
        old = next((stored for stored in of_group(group) if stored.policy.name == params["PolicyName"]), None)
        if old is None and sum(1 for _ in of_group(group)) >= MOST_POLICIES:
            raise AutoscalingClientError("LimitExceeded", f"Exceeded limit of {MOST_POLICIES} policies per group")
        arn = old.policy.arn if old else _new_arn(group, params["PolicyName"])
        policy = _policy(params, arn)
        made: dict[str, str] = {}
        configuration = params.get("TargetTrackingConfiguration")
        if configuration:
            for alarm in tracking_alarms(policy.target, self._low_ratio, policy.scales_in):
                made[alarm.kind] = _alarm_name(group, alarm.kind, old)
                alarms.put(group, arn, made[alarm.kind], alarm, configuration)
        if old is not None:
            alarms.delete(group, [name for name in old.alarms if name not in made.values()])
        policy = policy._replace(low_alarm=made.get("AlarmLow", ""))
        stored = StoredPolicy(group, policy, _declared(params, group.name, arn), tuple(made.values()))
        backend.policies[arn] = stored
        return stored

    def delete(self, stored: StoredPolicy, *, with_group: bool = False) -> None:
        """The policy goes, and its own alarms; others lose their action, and go with their group when it was the only
        one.
        """
        alarms.delete(stored.group, list(stored.alarms))
        alarms.let_go(stored.group, stored.policy.arn, delete_idle=with_group)
        stored.group.autoscaling_backend.policies.pop(stored.policy.arn, None)


def of_group(group: Any) -> Iterator[StoredPolicy]:
    for stored in list(group.autoscaling_backend.policies.values()):
        if stored.group is group:
            yield stored


def _policy(params: Mapping[str, Any], arn: str) -> ScalingPolicy:
    """What of a policy's declaration is decided from."""
    configuration = params.get("TargetTrackingConfiguration") or {}
    return ScalingPolicy(
        arn=arn,
        name=params["PolicyName"],
        kind=PolicyKind(params.get("PolicyType") or PolicyKind.SIMPLE),
        adjustment=Adjustment(params.get("AdjustmentType") or Adjustment.CHANGE),
        amount=int(params.get("ScalingAdjustment") or 0),
        least=int(params.get("MinAdjustmentMagnitude") or params.get("MinAdjustmentStep") or 0),
        cooldown_s=_seconds(params.get("Cooldown")),
        steps=steps_of(params),
        warm_up_s=_seconds(params.get("EstimatedInstanceWarmup")),
        target=float(configuration.get("TargetValue") or 1.0),
        scales_in=not configuration.get("DisableScaleIn"),
        enabled=params.get("Enabled") is not False,
    )


def _seconds(value: Any) -> float | None:
    return None if value is None else float(value)


_DESCRIBED = (
    "AdjustmentType",
    "MinAdjustmentStep",
    "MinAdjustmentMagnitude",
    "ScalingAdjustment",
    "Cooldown",
    "EstimatedInstanceWarmup",
    "PredictiveScalingConfiguration",
)


def _declared(params: Mapping[str, Any], group: str, arn: str) -> dict[str, Any]:
    """A policy as DescribePolicies shows it, without the alarms."""
    kind = PolicyKind(params.get("PolicyType") or PolicyKind.SIMPLE)
    shown = {
        "AutoScalingGroupName": group,
        "PolicyName": params["PolicyName"],
        "PolicyARN": arn,
        "PolicyType": kind.value,
        "StepAdjustments": [dict(step) for step in params.get("StepAdjustments") or ()],
        "Enabled": params.get("Enabled") is not False,
        **{name: params[name] for name in _DESCRIBED if params.get(name) is not None},
    }
    if kind is PolicyKind.STEP:
        shown["MetricAggregationType"] = params.get("MetricAggregationType") or "Average"
    if params.get("TargetTrackingConfiguration"):
        shown["TargetTrackingConfiguration"] = {"DisableScaleIn": False, **params["TargetTrackingConfiguration"]}
    return shown


def _new_arn(group: Any, name: str) -> str:
    backend, partition = group.autoscaling_backend, group.arn.split(":")[1]
    return (
        f"arn:{partition}:autoscaling:{backend.region_name}:{backend.account_id}:scalingPolicy:{_new_id()}:"
        f"autoScalingGroupName/{group.name}:policyName/{name}"
    )


def _alarm_name(group: Any, kind: str, old: StoredPolicy | None) -> str:
    prefix = f"TargetTracking-{group.name}-{kind}-"
    kept = next((name for name in old.alarms if name.startswith(prefix)), None) if old else None
    return kept or f"{prefix}{_new_id()}"


def _new_id() -> str:
    from moto.moto_api._internal import mock_random

    return str(mock_random.uuid4())
