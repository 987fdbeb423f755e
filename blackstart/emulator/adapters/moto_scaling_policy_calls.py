"""The scaling policies of the Auto Scaling API, handed to the controller and its store.

Replaced: `put_scaling_policy` (TypeError for step policies, no alarms for target tracking), `describe_policies` (no
alarms, not enabled), `delete_policy`, `execute_policy` (acts inside the call, without cooldown), all of which also take
one name in two groups for one policy; `delete_auto_scaling_group` (leaves policies behind), `set_desired_capacity`
(forgets HonorCooldown), and the two calls that read a default cooldown of 0 as 300.

Source: EC2 Auto Scaling API reference, the pages of these actions.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from blackstart.emulator.adapters import moto_tracking_alarms as alarms
from blackstart.emulator.adapters.moto_scaling_policies import MotoScalingPolicies, StoredPolicy, of_group
from blackstart.emulator.adapters.patches import Patches
from blackstart.emulator.controllers.activity_log import Activity
from blackstart.emulator.controllers.scaling_policies import Groups as PolicyGroups
from blackstart.emulator.controllers.scaling_policies import (
    NoStepError,
    ScalingInProgressError,
    ScalingPoliciesController,
)
from blackstart.emulator.decisions.scaling_policy import PolicyKind, ScalingPolicy
from blackstart.emulator.parameters import Parameters


class Groups(PolicyGroups, Protocol):
    """The controller of the groups."""

    def activities(self, name: str | None, ids: Iterable[str] = ()) -> list[Activity]: ...


def install(
    patches: Patches, parameters: Parameters, groups: Groups, now_s: Callable[[], float]
) -> ScalingPoliciesController:
    """Hand the calls to a controller, which is returned. After the calls on groups have been replaced: their deletion
    is wrapped here once more.
    """
    from moto.autoscaling.models import AutoScalingBackend
    from moto.autoscaling.responses import AutoScalingResponse

    store = MotoScalingPolicies(parameters.target_tracking_low_ratio)
    controller = ScalingPoliciesController(store, groups, parameters.target_tracking_gradual_percent)
    patches.replace(AutoScalingResponse, "put_scaling_policy", lambda _: _putting(store))
    patches.replace(AutoScalingResponse, "describe_policies", lambda _: _describe)
    patches.replace(AutoScalingResponse, "delete_policy", lambda _: _deleting(store))
    patches.replace(AutoScalingResponse, "execute_policy", lambda _: _executing(controller, groups, now_s))
    patches.replace(
        AutoScalingResponse, "set_desired_capacity", lambda original: _honouring(original, controller, groups, now_s)
    )
    patches.replace(AutoScalingBackend, "delete_auto_scaling_group", lambda original: _with_policies(original, store))
    for action in ("create_auto_scaling_group", "update_auto_scaling_group"):
        patches.replace(AutoScalingResponse, action, _keeping_cooldown)
    return controller


def _putting(store: MotoScalingPolicies) -> Callable[[Any], Any]:
    def put_scaling_policy(response: Any) -> Any:
        from moto.autoscaling.exceptions import ValidationError
        from moto.core.responses import ActionResult

        params = response._get_params()
        group = response.autoscaling_backend.autoscaling_groups.get(params.get("AutoScalingGroupName"))
        if group is None:
            raise ValidationError(f"Group {params.get('AutoScalingGroupName')} not found")
        stored = store.put(group, params)
        return ActionResult({"PolicyARN": stored.policy.arn, "Alarms": _alarms(group, stored.alarms)})

    return put_scaling_policy


def _describe(response: Any) -> Any:
    from moto.core.responses import ActionResult

    params = response._get_params()
    group, names, types = params.get("AutoScalingGroupName"), params.get("PolicyNames"), params.get("PolicyTypes")
    found = [
        stored
        for stored in response.autoscaling_backend.policies.values()
        if (not group or stored.group.name == group)
        and (not names or stored.policy.name in names or stored.policy.arn in names)
        and (not types or stored.policy.kind.value in types)
    ]
    start, size = int(params.get("NextToken") or 0), int(params.get("MaxRecords") or 50)
    token = str(start + size) if len(found) > start + size else None
    described = [_described(stored) for stored in found[start : start + size]]
    return ActionResult({"ScalingPolicies": described, "NextToken": token})


def _described(stored: StoredPolicy) -> dict[str, Any]:
    named = stored.alarms or alarms.naming(stored.group, stored.policy.arn)
    return {**stored.declared, "Alarms": _alarms(stored.group, named)}


def _alarms(group: Any, names: Iterable[str]) -> list[dict[str, str]]:
    return [{"AlarmName": name, "AlarmARN": alarms.arn_of(group, name)} for name in names]


def _deleting(store: MotoScalingPolicies) -> Callable[[Any], Any]:
    def delete_policy(response: Any) -> Any:
        from moto.core.responses import EmptyResult

        store.delete(_named(response))
        return EmptyResult()

    return delete_policy


def _executing(
    controller: ScalingPoliciesController, groups: Groups, now_s: Callable[[], float]
) -> Callable[[Any], Any]:
    def execute_policy(response: Any) -> Any:
        from moto.autoscaling.exceptions import ValidationError
        from moto.core.responses import EmptyResult

        stored, params = _named(response), response._get_params()
        problem = _execution_problem(stored.policy, params)
        if problem:
            raise ValidationError(problem)
        value, threshold = params.get("MetricValue"), params.get("BreachThreshold")
        try:
            controller.execute(
                stored.group,
                stored.policy,
                now_s(),
                honour_cooldown=response._get_bool_param("HonorCooldown", False),
                value=None if value is None else float(value),
                threshold=float(threshold or 0.0),
            )
        except ScalingInProgressError as error:
            raise _in_progress(groups, stored.group) from error
        except NoStepError as error:
            words = f"No step adjustment is specified for metric value {value} and breach threshold {threshold}"
            raise ValidationError(words) from error
        return EmptyResult()

    return execute_policy


def _execution_problem(policy: ScalingPolicy, params: Mapping[str, Any]) -> str | None:
    """Differs from AWS: its words are not published."""
    if policy.kind not in (PolicyKind.SIMPLE, PolicyKind.STEP):
        return f"ExecutePolicy is not supported for policy type: {policy.kind}"
    if not policy.enabled:
        return f"Policy {policy.name} is disabled"
    given = [name for name in ("MetricValue", "BreachThreshold") if params.get(name) is not None]
    if policy.kind is PolicyKind.STEP and len(given) < 2:
        return "MetricValue and BreachThreshold must be specified for a StepScaling policy"
    if policy.kind is PolicyKind.SIMPLE and given:
        return f"{given[0]} is not supported for a SimpleScaling policy"
    return None


def _named(response: Any) -> StoredPolicy:
    """The policy that a request names, by name or ARN."""
    from moto.autoscaling.exceptions import ValidationError

    name, group = response._get_param("PolicyName"), response._get_param("AutoScalingGroupName")
    for arn, stored in response.autoscaling_backend.policies.items():
        if name == arn or (name == stored.policy.name and group in (None, stored.group.name)):
            found: StoredPolicy = stored
            return found
    raise ValidationError(f"Scaling policy name not found - There is no scaling policy named: {name}")


def _honouring(
    original: Callable[[Any], Any],
    controller: ScalingPoliciesController,
    groups: Groups,
    now_s: Callable[[], float],
) -> Callable[[Any], Any]:
    def set_desired_capacity(response: Any) -> Any:
        group = response.autoscaling_backend.autoscaling_groups.get(response._get_param("AutoScalingGroupName"))
        if group is not None and response._get_bool_param("HonorCooldown", False):
            try:
                controller.check_cooldown(group, now_s())
            except ScalingInProgressError as error:
                raise _in_progress(groups, group) from error
        return original(response)

    return set_desired_capacity


def _in_progress(groups: Groups, group: Any) -> Exception:
    from moto.autoscaling.exceptions import AutoscalingClientError

    activities = groups.activities(group.name)
    newest = next((one for one in activities if one.auto_scaling_group_arn == group.arn), None)
    activity = f"activity {newest.activity_id}" if newest else "activity"
    error: Exception = AutoscalingClientError(
        "ScalingActivityInProgress", f"Scaling {activity} is in progress and blocks this action"
    )
    return error


def _with_policies(original: Callable[..., Any], store: MotoScalingPolicies) -> Callable[..., Any]:
    def delete_auto_scaling_group(backend: Any, group_name: str) -> Any:
        group = backend.autoscaling_groups.get(group_name)
        result = original(backend, group_name)
        for stored in of_group(group) if group is not None else ():
            store.delete(stored, with_group=True)
        return result

    return delete_auto_scaling_group


def _keeping_cooldown(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def keeping(response: Any) -> Any:
        result = original(response)
        cooldown = response._get_int_param("DefaultCooldown")
        if cooldown is not None:
            name = response._get_param("AutoScalingGroupName")
            response.autoscaling_backend.autoscaling_groups[name].default_cooldown = cooldown
        return result

    keeping.__name__ = original.__name__
    return keeping
