"""Which data points a query may see: how its start is rounded and what is kept for its period.

Source: CloudWatch API reference, GetMetricData and GetMetricStatistics, StartTime and Period.
"""

HOUR_S = 3600.0
DAY_S = 86400.0
FINE_PERIODS_S = (1, 5, 10, 20, 30)
"""Periods below a minute, for high-resolution metrics."""


def is_period(period_s: int) -> bool:
    return period_s in FINE_PERIODS_S or (period_s >= 60 and period_s % 60 == 0)


def rounded_start(start_s: float, period_s: int, now_s: float) -> float:
    """Down to the minute; to 5 minutes and an hour where only those are kept; to the period below a minute."""
    age_s = now_s - start_s
    if age_s > 63 * DAY_S:
        step_s = HOUR_S
    elif age_s > 15 * DAY_S:
        step_s = 300.0
    else:
        step_s = float(period_s) if period_s < 60 else 60.0
    return start_s // step_s * step_s


def kept_since(period_s: int, now_s: float) -> float:
    """The oldest time from which data points of this period are returned."""
    if period_s % 3600 == 0:
        return now_s - 455 * DAY_S
    if period_s % 300 == 0:
        return now_s - 63 * DAY_S
    return now_s - (15 * DAY_S if period_s % 60 == 0 else 3 * HOUR_S)
