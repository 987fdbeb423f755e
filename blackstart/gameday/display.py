"""What the conductor shows while it works: keeps the phase's clock and the request rate, and makes the moments."""

import time

from blackstart.domain.clock import Anchor
from blackstart.domain.experiment import Experiment, HealthyTargetsProbe
from blackstart.domain.journal import RunPhase
from blackstart.domain.recording import LoadProgress
from blackstart.gameday.observer import Observer
from blackstart.gameday.progress import Moment, Progress


class Display:
    """Shows one run on one progress display."""

    def __init__(self, progress: Progress, experiment: Experiment, anchor: Anchor) -> None:
        self._progress = progress
        self._anchor = anchor
        probes = experiment.steady_state_hypothesis.probes
        self._group = next((probe.target_group for probe in probes if isinstance(probe, HealthyTargetsProbe)), None)
        lengths = experiment.phases
        self._left_after_s = {
            RunPhase.SETTLE: lengths.baseline_s + lengths.fault_s + lengths.recovery_s,
            RunPhase.BASELINE: lengths.fault_s + lengths.recovery_s,
            RunPhase.FAULT: lengths.recovery_s,
        }
        self._phase = RunPhase.SETTLE
        self._phase_end_real_s: float | None = None
        self._counted_at_real_s = 0.0
        self._counted = 0
        self._rate_per_s: float | None = None

    def enter(self, phase: RunPhase, length_s: float | None) -> None:
        """A phase begins. length_s: None when nobody can say how long it takes."""
        self._phase = phase
        self._phase_end_real_s = None if length_s is None else time.monotonic() + self._anchor.real_s(length_s)

    def wait_on(self) -> None:
        """The phase goes on beyond its length, until something has happened."""
        self._phase_end_real_s = None

    def say(self, text: str) -> None:
        self._progress.say(text)

    def show(self, load: LoadProgress | None, observer: Observer | None) -> None:
        now = time.monotonic()
        left = None if self._phase_end_real_s is None else max(0.0, self._phase_end_real_s - now)
        after = self._anchor.real_s(self._left_after_s.get(self._phase, 0.0))
        self._progress.show(
            Moment(
                phase=self._phase.value,
                phase_left_real_s=left,
                run_left_real_s=None if left is None else left + after,
                rate_per_s=self._rate(now, load.sent) if load else None,
                sent=load.sent if load else 0,
                bad=load.bad if load else 0,
                healthy=observer.healthy(self._group) if observer and self._group else None,
                registered=observer.registered(self._group) if observer and self._group else None,
                in_alarm=observer.in_alarm() if observer else (),
            )
        )

    def _rate(self, now_real_s: float, sent: int) -> float | None:
        """Requests per wall second between the generator's last two words; it speaks once a second."""
        if sent != self._counted:
            if self._counted:
                self._rate_per_s = (sent - self._counted) / (now_real_s - self._counted_at_real_s)
            self._counted_at_real_s, self._counted = now_real_s, sent
        return self._rate_per_s
