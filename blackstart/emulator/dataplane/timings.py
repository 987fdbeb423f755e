"""How well this process keeps the schedule of its health checks, over the whole run in bounded memory."""

from blackstart.emulator.dataplane.standing import Standing
from blackstart.emulator.decisions.latency_histogram import bucket_of, quantile_real_s
from blackstart.emulator.protocol import Lag, Mitigated


class Timings:
    """Wall seconds: how late checks began, and how long the successful ones took. What timed out is only counted: its
    duration is the timeout.
    """

    def __init__(self) -> None:
        self._begun = 0
        self._succeeded = 0
        self._timed_out = 0
        self._lateness: dict[int, int] = {}
        self._durations: dict[int, int] = {}

    def started(self, late_real_s: float) -> None:
        self._begun += 1
        bucket = bucket_of(late_real_s)
        self._lateness[bucket] = self._lateness.get(bucket, 0) + 1

    def succeeded(self, duration_real_s: float) -> None:
        self._succeeded += 1
        bucket = bucket_of(duration_real_s)
        self._durations[bucket] = self._durations.get(bucket, 0) + 1

    def timed_out(self) -> None:
        self._timed_out += 1

    def lag(
        self,
        listener_problems: tuple[str, ...],
        standing: Standing | None = None,
        mitigated: tuple[Mitigated, ...] = (),
    ) -> Lag:
        """The message of the moment."""
        return Lag(
            probes=self._begun,
            probes_succeeded=self._succeeded,
            probes_timed_out=self._timed_out,
            probe_p99_real_s=quantile_real_s(self._durations, 0.99),
            check_lag_p99_real_s=quantile_real_s(self._lateness, 0.99),
            listener_problems=listener_problems,
            in_dns=standing.in_dns if standing else None,
            failing_open=standing.failing_open if standing else {},
            mitigated=mitigated,
        )
