"""What CloudWatch refuses in PutMetricAlarm and moto accepts.

Source: CloudWatch API reference, PutMetricAlarm. The error codes are AWS's; messages follow AWS's where they are
known and say the same otherwise.
"""

import re
from collections.abc import Mapping
from typing import Any

from blackstart.emulator.decisions.composite_alarm import RuleError, composite_state

OPERATORS = (
    "GreaterThanOrEqualToThreshold",
    "GreaterThanThreshold",
    "LessThanThreshold",
    "LessThanOrEqualToThreshold",
    "LessThanLowerOrGreaterThanUpperThreshold",
    "LessThanLowerThreshold",
    "GreaterThanUpperThreshold",
)
MISSING_DATA = ("breaching", "notBreaching", "ignore", "missing")
ACTION_FIELDS = ("alarm_actions", "ok_actions", "insufficient_data_actions")
ACTION_ARN = re.compile(
    r"arn:aws[\w-]*:(sns|autoscaling|automate|swf|lambda|ssm|ssm-incidents|aiops):([\w-]*):(\d{12})?:?.+"
)


NOT_SERVED = (
    "EvaluationCriteria",
    "EvaluationInterval",
    "WarmUpConfiguration",
    "ActionConfiguration",
    "ActionsSuppressor",
)


def check_served(params: Mapping[str, Any]) -> None:
    """Raise moto's ValidationError for what an alarm asks and the emulator would otherwise forget."""
    from moto.cloudwatch.exceptions import ValidationError

    asked = [name for name in NOT_SERVED if params.get(name)]
    if "WallClockWindow" in (params.get("EvaluationWindow") or {}):
        asked.append("EvaluationWindow.WallClockWindow")
    if asked:
        raise ValidationError(f"The emulator does not support {', '.join(asked)} in alarms.")


def check_alarm(alarm: Mapping[str, Any], region: str) -> None:
    """Raise moto's ValidationError for an alarm that AWS would refuse. alarm: the backend call's arguments."""
    from moto.cloudwatch.exceptions import ValidationError

    problem = _actions(alarm, region) or (_composite(alarm) if alarm.get("rule") else _metric_alarm(alarm))
    if problem:
        raise ValidationError(problem)


def _actions(alarm: Mapping[str, Any], region: str) -> str | None:
    for field in ACTION_FIELDS:
        for arn in alarm.get(field) or ():
            matched = ACTION_ARN.fullmatch(arn)
            if matched is None:
                return f"Invalid arn syntax: {arn}"
            if matched[2] not in ("", region):
                return f"Invalid region {matched[2]} specified. Only {region} is supported."
    return None


def _composite(alarm: Mapping[str, Any]) -> str | None:
    try:
        composite_state(alarm["rule"], {})
    except RuleError as error:
        return f"AlarmRule is invalid: {error}"
    arns = [arn for field in ACTION_FIELDS for arn in alarm.get(field) or ()]
    refused = [arn for arn in arns if arn.split(":")[2] in ("autoscaling", "automate")]
    return f"A composite alarm cannot have the action {refused[0]}" if refused else None


def _metric_alarm(alarm: Mapping[str, Any]) -> str | None:
    return _what(alarm) or _comparison(alarm) or _evaluation(alarm)


def _what(alarm: Mapping[str, Any]) -> str | None:
    queries = alarm.get("metric_data_queries")
    if queries:
        if alarm.get("metric_name"):
            return "Metrics list and MetricName parameters are mutually exclusive."
        return _queries(alarm, queries)
    if not alarm.get("metric_name") or not alarm.get("namespace"):
        return "The parameters MetricName and Namespace, or Metrics, are required."
    if bool(alarm.get("statistic")) == bool(alarm.get("extended_statistic")):
        return "Exactly one of the parameters Statistic and ExtendedStatistic must be specified."
    if not alarm.get("period"):
        return "The parameter Period is required."
    return _period(int(alarm["period"]))


def _queries(alarm: Mapping[str, Any], queries: Any) -> str | None:
    returned = [query for query in queries if str(query.return_data).lower() != "false"]
    if len(returned) != 1 and not alarm.get("threshold_metric_id"):
        return "Exactly one element of the metrics list should return data."
    return next((problem for q in queries if q.metric_stat and (problem := _period(int(q.metric_stat.period)))), None)


def _period(period_s: int) -> str | None:
    if period_s in (10, 20, 30) or (period_s >= 60 and period_s % 60 == 0):
        return None
    return f"Invalid period {period_s}: 10, 20, 30 or a multiple of 60 is valid."


def _comparison(alarm: Mapping[str, Any]) -> str | None:
    operator = alarm.get("comparison_operator")
    if operator not in OPERATORS:
        return (
            f"1 validation error detected: Value '{operator}' at 'comparisonOperator' failed to satisfy constraint: "
            f"Member must satisfy enum value set: [{', '.join(OPERATORS)}]"
        )
    if alarm.get("threshold") is None and not alarm.get("threshold_metric_id"):
        return "The parameter Threshold is required."
    missing = alarm.get("treat_missing_data")
    if missing and missing not in MISSING_DATA:
        known = ", ".join(MISSING_DATA)
        return f"Option {missing} is not supported. Supported options for parameter TreatMissingData are {known}."
    return None


def _evaluation(alarm: Mapping[str, Any]) -> str | None:
    periods = int(alarm.get("evaluation_periods") or 0)
    if periods < 1:
        return "The parameter EvaluationPeriods must be greater than or equal to 1."
    needed = alarm.get("datapoints_to_alarm")
    if needed is not None and not 1 <= int(needed) <= periods:
        return "DatapointsToAlarm must be between 1 and EvaluationPeriods."
    period_s = int(alarm.get("period") or 60)
    if periods * period_s > (604800 if period_s >= 3600 else 86400):
        return "Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be <= 86400)."
    return None
