"""What CloudWatch refuses in PutMetricAlarm and PutCompositeAlarm, and moto accepts.

Source: CloudWatch API reference, PutMetricAlarm, PutCompositeAlarm. The error codes are AWS's; messages follow AWS's
where they are known and say the same otherwise.
"""

import re
from collections.abc import Mapping
from typing import Any

from blackstart.emulator.adapters.moto_cloudwatch_history import of_region
from blackstart.emulator.adapters.moto_cloudwatch_metric_validation import metric_alarm_problem
from blackstart.emulator.decisions.composite_alarm import RuleError, read_rule

ACTION_FIELDS = ("alarm_actions", "ok_actions", "insufficient_data_actions")
MOST_ACTIONS = 5
MOST_PARENTS = 150
LONGEST_NAME = 255
LONGEST_DESCRIPTION = 1024

_ARN = re.compile(r"arn:aws[\w-]*:(?P<service>[a-z-]+):(?P<region>[\w-]*):(?:(?P<account>\d{12}):)?(?P<rest>.+)")
_FORMS = {
    "sns": r"[\w.-]+",
    "autoscaling": r"scalingPolicy:[^:]+:(autoScalingGroupName|resource)/.+:policyName/.+",
    "automate": r"ec2:(stop|terminate|reboot|recover)",
    "swf": r"action/actions/AWS_EC2\.InstanceId\.(Stop|Terminate|Reboot|Recover)/1\.0",
    "lambda": r"function:[\w-]+(:[\w$-]+)?",
    "ssm": r"opsitem:[1-4](#CATEGORY=.+)?",
    "ssm-incidents": r"response-?plan/.+",
    "aiops": r"investigation-group:.+",
}
_ALARM_ARN = re.compile(r"arn:aws[\w-]*:cloudwatch:([\w-]*):(\d*):alarm:")
_EC2 = ("automate", "swf")
_ONLY_ALARM = ("ssm", "ssm-incidents", "aiops")
"""Services whose actions are for the state ALARM."""

NOT_SERVED = ("EvaluationCriteria", "EvaluationInterval", "WarmUpConfiguration", "ActionConfiguration")


def check_served(params: Mapping[str, Any]) -> None:
    """Raise moto's ValidationError for what an alarm asks and the emulator would otherwise forget."""
    from moto.cloudwatch.exceptions import ValidationError

    asked = [name for name in NOT_SERVED if params.get(name)]
    if "WallClockWindow" in (params.get("EvaluationWindow") or {}):
        asked.append("EvaluationWindow.WallClockWindow")
    if any(query.get("AccountId") for query in params.get("Metrics") or ()):
        asked.append("Metrics.AccountId")
    if asked:
        raise ValidationError(f"The emulator does not support {', '.join(asked)} in alarms.")


def check_suppressor(params: Mapping[str, Any], backend: Any) -> None:
    """Raise moto's ValidationError for a suppressor that AWS would refuse. params: the request as parsed by moto."""
    from moto.cloudwatch.exceptions import ValidationError

    given = params.get("ActionsSuppressor")
    periods = [params.get(f"ActionsSuppressor{which}Period") for which in ("Wait", "Extension")]
    if not given:
        if any(period is not None for period in periods):
            raise ValidationError(
                "ActionsSuppressorWaitPeriod and ActionsSuppressorExtensionPeriod need ActionsSuppressor."
            )
        return
    if any(period is None or int(period) < 0 for period in periods):
        raise ValidationError(
            "ActionsSuppressorWaitPeriod and ActionsSuppressorExtensionPeriod are required with ActionsSuppressor."
        )
    if given.split(":alarm:", 1)[-1] not in backend.alarms:
        raise ValidationError(f"Could not save the composite alarm as the actions suppressor {given} does not exist")


def check_alarm(alarm: Mapping[str, Any], backend: Any) -> None:
    """Raise moto's ValidationError for an alarm that AWS would refuse. alarm: the backend call's arguments."""
    from moto.cloudwatch.exceptions import ValidationError

    what = _composite(alarm, backend) if alarm.get("rule") else metric_alarm_problem(alarm)
    problem = _name(alarm) or _actions(alarm, backend.region_name) or what
    if problem:
        raise ValidationError(problem)


def _name(alarm: Mapping[str, Any]) -> str | None:
    name = alarm["name"]
    if not 1 <= len(name) <= LONGEST_NAME or any(ord(letter) < 32 or ord(letter) == 127 for letter in name):
        return f"AlarmName must have 1 to {LONGEST_NAME} characters and no control characters."
    if len(alarm.get("description") or "") > LONGEST_DESCRIPTION:
        return f"AlarmDescription must not have more than {LONGEST_DESCRIPTION} characters."
    return None


def _actions(alarm: Mapping[str, Any], region: str) -> str | None:
    for field in ACTION_FIELDS:
        arns = alarm.get(field) or ()
        if len(arns) > MOST_ACTIONS:
            return f"The collection {field} must not have a size greater than {MOST_ACTIONS}."
        for arn in arns:
            problem = _arn_problem(arn, region) or _of_service(arn, field, alarm)
            if problem:
                return problem
    return None


def _arn_problem(arn: str, region: str) -> str | None:
    matched = _ARN.fullmatch(arn)
    form = _FORMS.get(matched["service"]) if matched else None
    if matched is None or form is None or re.fullmatch(form, matched["rest"]) is None:
        return f"Invalid arn syntax: {arn}"
    if matched["region"] not in ("", region):
        return f"Invalid region {matched['region']} specified. Only {region} is supported."
    return None


def _of_service(arn: str, field: str, alarm: Mapping[str, Any]) -> str | None:
    service = arn.split(":")[2]
    if service in _ONLY_ALARM and field != "alarm_actions":
        return f"The action {arn} is supported for the state ALARM only."
    if alarm.get("rule"):
        return f"A composite alarm cannot have the action {arn}" if service in ("autoscaling", *_EC2) else None
    if service == "autoscaling" and alarm.get("threshold_metric_id"):
        return "Alarms based on anomaly detection models cannot have Auto Scaling actions."
    if service in _EC2:
        if alarm.get("metric_data_queries"):
            return "Alarms based on math expressions cannot have EC2 actions."
        names = {dimension["Name"] for dimension in alarm.get("dimensions") or ()}
        if "InstanceId" not in names:
            return "EC2 actions are supported only for metrics with the dimension InstanceId."
    return None


def _composite(alarm: Mapping[str, Any], backend: Any) -> str | None:
    try:
        children = read_rule(alarm["rule"]).children
    except RuleError as error:
        return f"AlarmRule is invalid: {error}"
    here = (backend.region_name, backend.account_id)
    if any(of != here for of in _ALARM_ARN.findall(alarm["rule"])):
        return "The alarms of an alarm rule must be in the composite alarm's own account and region."
    unknown = [name for name in children if name not in backend.alarms and name != alarm["name"]]
    if unknown:
        return f"Could not save the composite alarm as alarms [{', '.join(unknown)}] in the alarm rule do not exist"
    parents = of_region(backend).parents
    full = [name for name in children if len(parents.get(name, set()) - {alarm["name"]}) >= MOST_PARENTS]
    return f"The alarm {full[0]} is in the rules of {MOST_PARENTS} composite alarms already." if full else None
