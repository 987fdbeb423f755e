"""Predicted failover times, from the schedule that the load balancer and the scaling group declare."""

from blackstart.domain.model import Model
from blackstart.domain.target_health import HealthCheck


class Span(Model):
    """Shortest and longest predicted virtual seconds."""

    shortest_s: float
    longest_s: float

    def __add__(self, other: "Span") -> "Span":
        return Span(shortest_s=self.shortest_s + other.shortest_s, longest_s=self.longest_s + other.longest_s)


def detection(check: HealthCheck, silent: bool) -> Span:
    """How long one node takes to see that a target is gone.

    The first failed check comes between 0 and one interval after the fault, so `threshold` failures need
    (threshold - 1) to threshold intervals; a silent target adds the timeout, a refused connection does not.
    """
    waiting_s = check.timeout_s if silent else 0.0
    return Span(
        shortest_s=(check.unhealthy_threshold - 1) * check.interval_s + waiting_s,
        longest_s=check.unhealthy_threshold * check.interval_s + waiting_s,
    )


def expected_bad_ratio(detection_s: float, instances: int, phase_s: float) -> float:
    """Share of a phase's requests that a dead instance loses until it is noticed, with traffic spread evenly.

    Raises ValueError when the phase or the group is empty.
    """
    if instances < 1 or phase_s <= 0:
        raise ValueError("an expected share needs at least one instance and a phase with a length")
    return min(1.0, detection_s / (instances * phase_s))
