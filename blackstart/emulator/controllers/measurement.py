"""What the status says of the emulator itself: how well it keeps time, and what it does not act on."""

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from blackstart.domain.journal import EmulatorMeasured
from blackstart.domain.unserved import Unserved
from blackstart.emulator.controllers.load_balancer_facts import TargetGroupFacts
from blackstart.emulator.protocol import Lag, Mitigated

LOG = logging.getLogger(__name__)
NOTHING_SEEN = Lag(probes=0, probe_p99_real_s=0.0, check_lag_p99_real_s=0.0)
Settings = tuple[Iterable[TargetGroupFacts], Iterable[float]]


class OwnFailures(NamedTuple):
    """How often the emulator itself failed: its data plane ended unasked, or code of a controller raised."""

    data_plane_restarts: int = 0
    controller_failures: int = 0


class MeasurementController:
    """settings: target groups and grace periods as declared; unserved: each declared thing without effect.

    The figures of a data plane start over with its process; those published are of the whole run: sums of counts, the
    worst of the percentiles. What a data plane saw in the second before it died is lost.
    """

    def __init__(
        self,
        settings: Callable[[], Settings],
        unserved: Callable[[], tuple[Unserved, ...]],
        boot_max_real_s: Callable[[], float],
        own_failures: Callable[[], OwnFailures],
    ) -> None:
        self._settings = settings
        self._unserved = unserved
        self._boot_max_real_s = boot_max_real_s
        self._own_failures = own_failures
        self._pid: int | None = None
        self._before = NOTHING_SEEN
        self._lag = NOTHING_SEEN
        self.measured = self._measure()

    def on_hello(self, pid: int) -> None:
        """A data plane has connected, the same one again or the successor of one that ended."""
        if self._pid not in (None, pid):
            self._before = _together(self._before, self._lag)
            self._lag = NOTHING_SEEN.model_copy(update={"listener_problems": self.problems})
        self._pid = pid

    def on_lag(self, lag: Lag) -> None:
        """Keep the newest figures; a data plane reports them over its whole life. New problems go to the log."""
        for problem in lag.listener_problems:
            if problem not in self.problems:
                LOG.warning("%s", problem)
        self._lag = lag

    @property
    def in_dns(self) -> Mapping[str, tuple[str, ...]] | None:
        """By load balancer, the zones of the nodes in DNS; None before the data plane said so."""
        return self._lag.in_dns

    @property
    def failing_open(self) -> Mapping[str, tuple[str, ...]]:
        """By target group, the zones of the nodes that route to all targets because too few are healthy."""
        return self._lag.failing_open

    @property
    def mitigated(self) -> tuple[Mitigated, ...]:
        """The targets that get less than their share because more of their requests fail."""
        return self._lag.mitigated

    @property
    def problems(self) -> tuple[str, ...]:
        """What the data plane could not serve when it last reported."""
        return self._lag.listener_problems

    def tick(self, now_s: float) -> None:
        del now_s
        self.measured = self._measure()

    def _measure(self) -> EmulatorMeasured:
        groups, graces = self._settings()
        checks = [group.health_check for group in groups if group.health_check.enabled]
        seen, failures = _together(self._before, self._lag), self._own_failures()
        unserved = self._unserved()
        return EmulatorMeasured(
            probes=seen.probes,
            probes_succeeded=seen.probes_succeeded,
            probes_timed_out=seen.probes_timed_out,
            probe_p99_real_s=seen.probe_p99_real_s,
            check_lag_p99_real_s=seen.check_lag_p99_real_s,
            boot_max_real_s=self._boot_max_real_s(),
            shortest_timeout_s=min((check.timeout_s for check in checks), default=None),
            shortest_interval_s=min((check.interval_s for check in checks), default=None),
            shortest_grace_s=min((grace for grace in graces if grace > 0), default=None),
            data_plane_restarts=failures.data_plane_restarts,
            controller_failures=failures.controller_failures,
            unserved=tuple(thing.reason for thing in unserved),
            unserved_resources=unserved,
        )


def _together(one: Lag, other: Lag) -> Lag:
    """The figures of two data planes as of one: sums of counts, the worse percentile."""
    return Lag(
        probes=one.probes + other.probes,
        probes_succeeded=one.probes_succeeded + other.probes_succeeded,
        probes_timed_out=one.probes_timed_out + other.probes_timed_out,
        probe_p99_real_s=max(one.probe_p99_real_s, other.probe_p99_real_s),
        check_lag_p99_real_s=max(one.check_lag_p99_real_s, other.check_lag_p99_real_s),
    )
