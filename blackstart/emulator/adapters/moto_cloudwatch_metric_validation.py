"""What CloudWatch refuses of a metric alarm's metric, comparison and evaluation.

Source: CloudWatch API reference, PutMetricAlarm. Messages follow AWS's where they are known.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from blackstart.emulator.decisions.metric_math import Query, UnsupportedMathError, resolve
from blackstart.emulator.decisions.metric_math_syntax import MathError
from blackstart.emulator.decisions.metric_statistics import PLAIN_STATISTICS, is_statistic

OPERATORS = (
    "GreaterThanOrEqualToThreshold",
    "GreaterThanThreshold",
    "LessThanThreshold",
    "LessThanOrEqualToThreshold",
    "LessThanLowerOrGreaterThanUpperThreshold",
    "LessThanLowerThreshold",
    "GreaterThanUpperThreshold",
)
BAND_OPERATORS = OPERATORS[4:]
MISSING_DATA = ("breaching", "notBreaching", "ignore", "missing")
MOST_METRICS = 10
MOST_DIMENSIONS = 30


def metric_alarm_problem(alarm: Mapping[str, Any]) -> str | None:
    """Why AWS would refuse a metric alarm, None if it would not. alarm: the arguments of moto's put_metric_alarm."""
    return _what(alarm) or _comparison(alarm) or _evaluation(alarm)


def _what(alarm: Mapping[str, Any]) -> str | None:
    queries = alarm.get("metric_data_queries")
    if queries:
        if alarm.get("metric_name"):
            return "Metrics list and MetricName parameters are mutually exclusive."
        return _queries(alarm, queries)
    if not alarm.get("metric_name") or not alarm.get("namespace"):
        return "The parameters MetricName and Namespace, or Metrics, are required."
    if len(alarm.get("dimensions") or ()) > MOST_DIMENSIONS:
        return f"The collection Dimensions must not have a size greater than {MOST_DIMENSIONS}."
    return _statistic(alarm) or (
        _period(int(alarm["period"])) if alarm.get("period") else "The parameter Period is required."
    )


def _statistic(alarm: Mapping[str, Any]) -> str | None:
    plain, extended = alarm.get("statistic"), alarm.get("extended_statistic")
    if bool(plain) == bool(extended):
        return "Exactly one of the parameters Statistic and ExtendedStatistic must be specified."
    if plain and plain not in PLAIN_STATISTICS:
        return (
            f"1 validation error detected: Value '{plain}' at 'statistic' failed to satisfy constraint: "
            f"Member must satisfy enum value set: [{', '.join(PLAIN_STATISTICS)}]"
        )
    if extended and (extended in PLAIN_STATISTICS or not is_statistic(extended)):
        return f"The value {extended} for parameter ExtendedStatistic is not supported."
    return None


def _queries(alarm: Mapping[str, Any], queries: Sequence[Any]) -> str | None:
    metrics = [query for query in queries if query.metric_stat is not None]
    periods = {int(query.metric_stat.period) for query in metrics}
    returned = [query for query in queries if str(query.return_data).lower() != "false"]
    wanted = 2 if alarm.get("threshold_metric_id") else 1
    problems = {
        "The values for parameter Id in Metrics are not unique.": len({query.id for query in queries}) != len(queries),
        f"Exactly {'one element' if wanted == 1 else 'two elements'} of the metrics list should return data.": (
            len(returned) != wanted
        ),
        "Invalid metrics list": (
            any((query.metric_stat is None) == (query.expression is None) for query in queries)
            or any(not is_statistic(query.metric_stat.stat) for query in metrics)
        ),
        f"The metrics list can have at most {MOST_METRICS} metrics.": len(metrics) > MOST_METRICS,
        "Metrics in the metrics list must have the same period.": len(periods) > 1,
    }
    problem = next((words for words, refused in problems.items() if refused), None)
    return problem or next(filter(None, map(_period, periods)), None) or _math(queries, returned[0].id)


def _math(queries: Sequence[Any], returned: str) -> str | None:
    """Tried on one point. What AWS evaluates and the emulator does not is accepted, and told as unserved."""
    metrics = {query.id: {0.0: 1.0} for query in queries if query.metric_stat is not None}
    expressions = {query.id: query.expression for query in queries if query.metric_stat is None}
    try:
        found = resolve(expressions, Query(metrics, [0.0], dict.fromkeys(metrics, 60)))
    except UnsupportedMathError:
        return None
    except MathError as error:
        return str(error)
    if isinstance(found[returned], Sequence):
        return (
            "Metrics expression that return multi time series are only allowed for MetricsInsights expression with an "
            "ORDER BY clause"
        )
    return None


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
    if (operator in BAND_OPERATORS) != bool(alarm.get("threshold_metric_id")):
        return f"The comparison operator {operator} and ThresholdMetricId do not go together."
    if alarm.get("threshold") is None and not alarm.get("threshold_metric_id"):
        return "The parameter Threshold is required."
    missing = alarm.get("treat_missing_data")
    if missing and missing not in MISSING_DATA:
        known = ", ".join(MISSING_DATA)
        return f"Option {missing} is not supported. Supported options for parameter TreatMissingData are {known}."
    low = alarm.get("evaluate_low_sample_count_percentile")
    if low and low not in ("evaluate", "ignore"):
        return (
            f"Option {low} is not supported. "
            "Supported options for parameter EvaluateLowSampleCountPercentile are evaluate and ignore."
        )
    return None


def _evaluation(alarm: Mapping[str, Any]) -> str | None:
    periods = int(alarm.get("evaluation_periods") or 0)
    if periods < 1:
        return "The parameter EvaluationPeriods must be greater than or equal to 1."
    needed = alarm.get("datapoints_to_alarm")
    if needed is not None and not 1 <= int(needed) <= periods:
        return "DatapointsToAlarm must be between 1 and EvaluationPeriods."
    queries = alarm.get("metric_data_queries") or ()
    of_queries = max((int(query.metric_stat.period) for query in queries if query.metric_stat), default=60)
    period_s = int(alarm.get("period") or of_queries)
    if period_s >= 3600:
        if periods * period_s > 604800:
            return (
                "Metrics cannot be checked across more than seven days (EvaluationPeriods * Period must be <= 604800)."
            )
    elif periods * period_s > 86400:
        return "Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be <= 86400)."
    return None
