"""What the status says of the emulator itself: how well it keeps time, and what it does not act on."""

import logging
from collections.abc import Callable, Iterable

from blackstart.domain.journal import EmulatorMeasured
from blackstart.emulator.controllers.load_balancing import TargetGroupFacts
from blackstart.emulator.protocol import Lag

LOG = logging.getLogger(__name__)
Settings = tuple[Iterable[TargetGroupFacts], Iterable[float]]


class MeasurementController:
    """settings: target groups and grace periods as declared; unserved: one line for each thing without effect."""

    def __init__(
        self,
        settings: Callable[[], Settings],
        unserved: Callable[[], tuple[str, ...]],
        boot_max_real_s: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._unserved = unserved
        self._boot_max_real_s = boot_max_real_s
        self._lag = Lag(probes=0, probe_p99_real_s=0.0, check_lag_p99_real_s=0.0)
        self.measured = self._measure()

    def on_lag(self, lag: Lag) -> None:
        """Keep the newest figures; the data plane reports them over the whole run. New problems go to the log."""
        for problem in lag.listener_problems:
            if problem not in self.problems:
                LOG.warning("%s", problem)
        self._lag = lag

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
        return EmulatorMeasured(
            probes=self._lag.probes,
            probe_p99_real_s=self._lag.probe_p99_real_s,
            check_lag_p99_real_s=self._lag.check_lag_p99_real_s,
            boot_max_real_s=self._boot_max_real_s(),
            shortest_timeout_s=min((check.timeout_s for check in checks), default=None),
            shortest_interval_s=min((check.interval_s for check in checks), default=None),
            shortest_grace_s=min((grace for grace in graces if grace > 0), default=None),
            unserved=self._unserved(),
        )
