"""What the load generator writes beside the journal: one row a request, and a completion marker.

Both are JSON; the rows are one per line in `requests.ndjson`, the marker is `load-completed.json`. A missing marker
means that the recording was cut short.
"""

from enum import StrEnum

from blackstart.domain.model import Model

ROWS_FILE = "requests.ndjson"
MARKER_FILE = "load-completed.json"


class Outcome(StrEnum):
    """answered: an HTTP status came back. The others never got one; a dropped request was never sent."""

    ANSWERED = "answered"
    REFUSED = "refused"
    RESET = "reset"
    TIMEOUT = "timeout"
    UNRESOLVED = "unresolved"
    ERROR = "error"
    DROPPED = "dropped"


class RequestRow(Model):
    """One request of the schedule. All three times are CLOCK_MONOTONIC nanoseconds.

    intended_ns: when the schedule wanted it sent; latency counts from here. start_ns, end_ns: when it was sent and
    answered (equal to intended_ns for a dropped one). status: HTTP status, 0 without an answer. zone, instance: from
    the answer's `x-zone` and `x-instance-id` headers, "" when absent. node: address of the load-balancer node that
    was asked.
    """

    intended_ns: int
    start_ns: int
    end_ns: int
    outcome: Outcome
    status: int = 0
    zone: str = ""
    instance: str = ""
    node: str = ""

    @property
    def good(self) -> bool:
        """Available in the sense of the SLO: answered, and not with a server error."""
        return self.outcome is Outcome.ANSWERED and self.status < 500

    @property
    def latency_real_s(self) -> float:
        """Wall seconds from the intended send time to the end of the answer."""
        return (self.end_ns - self.intended_ns) / 1e9


class LoadCompleted(Model):
    """The completion marker, written last. planned: intended send times before the stop. sent: of these, sent.

    received: answers with a status. dropped: never sent because the pool was full. send_lag_p99_real_s: how late the
    99th percentile was sent. cpu_ratio: CPU seconds of the generator per wall second.
    """

    planned: int
    sent: int
    received: int
    dropped: int
    started_ns: int
    stopped_ns: int
    send_lag_p99_real_s: float
    cpu_ratio: float


class LoadProgress(Model):
    """One line of the generator's standard output each wall second, for the eye; never judged."""

    sent: int
    received: int
    bad: int
    in_flight: int
