"""Conducts one experiment on a stack that is deployed: settle, baseline, fault, recovery, drain, restore.

The same for rehearsal and drill; `Place` holds what differs. Everything that happens goes to the journal, and whatever
happens, the load is stopped and what was broken is put back before `conduct` returns.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from blackstart.domain.emulator_status import SEE_THE_LOG
from blackstart.domain.errors import EmulatorError, GuardError
from blackstart.domain.experiment import (
    Experiment,
    HealthyTargetsProbe,
    StopFile,
)
from blackstart.domain.journal import (
    HypothesisChecked,
    LoadStarted,
    PhaseEnded,
    PhaseStarted,
    PlanMade,
    PlannedAction,
    RunPhase,
    StackObserved,
    StopRequested,
)
from blackstart.domain.stack import Stack
from blackstart.domain.wording import ending
from blackstart.gameday.conditions import probe_holds, stop_reason
from blackstart.gameday.display import Display
from blackstart.gameday.interruption import Interruption, RunStopped
from blackstart.gameday.journal_file import JournalFile
from blackstart.gameday.observer import Observer, wait_until
from blackstart.gameday.place import Place
from blackstart.gameday.progress import Progress
from blackstart.gameday.references import check_references
from blackstart.injection.injector import Injector
from blackstart.injection.planning import make_plan
from blackstart.injection.stack_view import StackReader, describe_stack
from blackstart.load.generator import LoadGenerator

SETTLE_LIMIT_S = 600.0
ALARMS_LIMIT_S = 240.0
FIRST_ANSWER_LIMIT_REAL_S = 20.0
DRAIN_MARGIN_REAL_S = 10.0
SLICE_REAL_S = 0.1


class BaselineNotMet(Exception):  # noqa: N818  a finding, not an error
    """The stack never got to the steady state, so nothing was injected; it is on the journal."""


class LoadLost(Exception):  # noqa: N818
    """The load generator ended by itself; going on would measure nothing."""


class Conductor:
    """One run of one experiment."""

    def __init__(
        self,
        experiment: Experiment,
        place: Place,
        out: Path,
        journal: JournalFile,
        interruption: Interruption,
        progress: Progress,
    ) -> None:
        self._experiment = experiment
        self._probes = experiment.steady_state_hypothesis.probes
        self._place = place
        self._out = out
        self._journal = journal
        self._interruption = interruption
        self._display = Display(progress, experiment, place.anchor)
        self._clients = place.make_clients()
        self._phase_now = RunPhase.SETTLE
        self._observer: Observer | None = None
        self._load: LoadGenerator | None = None
        self._injector: Injector | None = None
        self._finishing = False
        self._reason: RunStopped | BaselineNotMet | LoadLost | None = None
        self._looked_at_s = 0.0

    def conduct(self) -> None:
        """Run every phase. Returns also when a stop was asked for or the baseline was not met: the journal says so.

        Raises BlackstartError for what the user can mend (no target, a plan beyond the blast radius).
        """
        failure: Exception | None = None
        try:
            self._run_phases()
        except (RunStopped, BaselineNotMet, LoadLost) as reason:
            self._reason = reason
        except Exception as error:  # noqa: BLE001  raised again below, when everything has been put back
            failure = error
        try:
            self._finish()
        except Exception as error:  # noqa: BLE001  what failed first explains the rest
            failure = failure or error
        if failure is not None:
            raise failure

    def _run_phases(self) -> None:
        stack, plan = self._settle()
        self._start_load(stack)
        self._baseline()
        self._fault(stack, plan)
        with self._phase(RunPhase.RECOVERY, self._experiment.phases.recovery_s):
            self._wait_s(self._experiment.phases.recovery_s)

    def _settle(self) -> tuple[Stack, PlanMade]:
        with self._phase(RunPhase.SETTLE):
            stack = self._describe()
            check_references(self._experiment, stack)
            reader = StackReader(self._place.make_clients(), stack, self._place.since_s)
            self._observer = Observer(reader, stack, self._journal, self._place.anchor)
            self._observer.start()
            limit_real_s = self._place.anchor.real_s(SETTLE_LIMIT_S)
            if not wait_until(self._settled, limit_real_s, self._wait_real_s):
                self._not_met(f"not steady after {SETTLE_LIMIT_S:.0f} virtual seconds")
            if self._place.status is not None and (problems := self._place.status().problems):
                self._not_met("; ".join(problems))
            stack = self._describe()
            self._journal.append(StackObserved(stack=stack))
            plan = make_plan(self._experiment, stack)
            self._journal.append(plan)
            for action in plan.actions:
                self._display.say(f"will {action.action} {', '.join(action.target_ids)}")
            return stack, plan

    def _describe(self) -> Stack:
        return describe_stack(self._clients, self._experiment.stack, self._place.mapping)

    def _settled(self) -> bool:
        self._stop_when_the_service_fails()
        return all(
            probe_holds(probe, self._seen())[0] for probe in self._probes if isinstance(probe, HealthyTargetsProbe)
        )

    def _stop_when_the_service_fails(self) -> None:
        """A service that ends again and again never gets healthy: say why now instead of waiting for the limit."""
        failed = self._place.status().failed_services if self._place.status else ()
        if len(failed) >= 2 and not any(self._healthy_counts()):
            last = failed[-1]
            said = last.log_tail.strip().splitlines()
            self._not_met(
                f"the service does not stay up: on {last.instance_id} it {ending(last.exit_code)}"
                f"{': ' + said[-1] if said else ''}. Try the command of rehearsal.app (or --app) by hand,"
                " with HOST, PORT, INSTANCE_ID and ZONE in its environment"
            )

    def _seen(self) -> Observer:
        assert self._observer is not None
        return self._observer

    def _healthy_counts(self) -> list[int]:
        return [self._seen().healthy(p.target_group) for p in self._probes if isinstance(p, HealthyTargetsProbe)]

    def _not_met(self, reason: str) -> None:
        details = (reason, *(probe_holds(probe, self._seen())[1] for probe in self._probes))
        self._journal.append(HypothesisChecked(held=False, details=details))
        raise BaselineNotMet("; ".join(details))

    def _start_load(self, stack: Stack) -> None:
        load = self._experiment.load
        balancer = next(balancer for balancer in stack.load_balancers if balancer.name == load.load_balancer)
        settings = self._place.load_settings(self._experiment, balancer, self._out)
        self._load = LoadGenerator(settings)
        self._load.start()
        self._journal.append(LoadStarted(url=settings.url, rate_per_s=load.rate_per_s, seed=self._experiment.seed))
        if not wait_until(self._load_answers, FIRST_ANSWER_LIMIT_REAL_S, self._wait_real_s):
            self._not_met(
                f"no request to {settings.url} was answered within {FIRST_ANSWER_LIMIT_REAL_S:.0f} wall seconds"
            )

    def _load_answers(self) -> bool:
        assert self._load is not None
        progress = self._load.progress()
        return progress is not None and progress.received > 0

    def _baseline(self) -> None:
        length_s = self._experiment.phases.baseline_s
        with self._phase(RunPhase.BASELINE, length_s):
            self._seen().judged_from_here()
            self._wait_s(length_s)
            # Alarms need whole periods of data before they are OK; the baseline lasts until they are, up to a limit.
            self._display.wait_on()
            held = wait_until(self._hypothesis_holds, self._place.anchor.real_s(ALARMS_LIMIT_S), self._wait_real_s)
            details = tuple(probe_holds(probe, self._seen())[1] for probe in self._probes)
            self._journal.append(HypothesisChecked(held=held, details=details))
            if not held:
                raise BaselineNotMet("the steady-state hypothesis does not hold: " + "; ".join(details))

    def _hypothesis_holds(self) -> bool:
        return all(probe_holds(probe, self._seen())[0] for probe in self._probes)

    def _fault(self, stack: Stack, plan: PlanMade) -> None:
        length_s = self._experiment.phases.fault_s
        with self._phase(RunPhase.FAULT, length_s):
            began_s = self._now_s()
            self._injector = Injector(
                self._journal,
                self._clients,
                stack,
                now_s=self._now_s,
                wait_s=self._wait_s,
                blast_radius=self._experiment.blast_radius,
            )
            for action in sorted(plan.actions, key=lambda planned: planned.after_s):
                self._wait_s(began_s + action.after_s - self._now_s())
                self._inject(action)
            self._wait_s(began_s + length_s - self._now_s())

    def _inject(self, action: PlannedAction) -> None:
        """The guard looks again at the stack of this moment; one that got weaker since the plan is not hit."""
        assert self._injector is not None
        self._check()
        try:
            self._injector.inject(action)
        except GuardError as refusal:
            self._not_met(f"{action.action} was not done: {refusal.message}")

    def _finish(self) -> None:
        """Stop the load, put everything back, take the last look: each, whatever becomes of the others.

        None of it can be cut short by a signal.
        """
        self._finishing = True
        with ExitStack() as steps:  # last in, first out
            steps.callback(self._note_late_signal)
            steps.callback(self._look_back)
            steps.callback(self._restore)
            steps.callback(self._drain)
            steps.callback(self._say_why)

    def _say_why(self) -> None:
        """Why the run ends early, if it does."""
        if isinstance(self._reason, RunStopped):
            self._journal.append(StopRequested(cause=self._reason.cause, detail=self._reason.detail))
            self._display.say(f"stopping: {self._reason.detail}")
        elif self._reason is not None:
            self._display.say(str(self._reason))

    def _note_late_signal(self) -> None:
        """A first signal that came while everything was being put back."""
        try:
            self._interruption.check()
        except RunStopped as stop:
            self._journal.append(StopRequested(cause=stop.cause, detail=stop.detail))

    def _drain(self) -> None:
        with self._phase(RunPhase.DRAIN):
            if self._load is not None:
                timeout_real_s = self._place.anchor.real_s(self._experiment.load.timeout_s) + DRAIN_MARGIN_REAL_S
                self._journal.append(self._load.stop(timeout_real_s))

    def _restore(self) -> None:
        with self._phase(RunPhase.RESTORE):
            if self._injector is not None:
                self._injector.restore_all()

    def _look_back(self) -> None:
        if self._observer is not None:
            self._observer.finish()
            self._journal.append(StackObserved(stack=self._describe()))
        if self._place.status is not None:
            self._journal.append(self._place.status().measured)

    @contextmanager
    def _phase(self, phase: RunPhase, length_s: float | None = None) -> Iterator[None]:
        """Journal a phase; one that was cut short has no end on record."""
        self._journal.append(PhaseStarted(phase=phase))
        self._phase_now = phase
        self._display.enter(phase, length_s)
        self._show()
        yield
        self._journal.append(PhaseEnded(phase=phase))

    def _now_s(self) -> float:
        return self._place.anchor.time_s(time.monotonic_ns())

    def _wait_s(self, duration_s: float) -> None:
        if duration_s > 0:
            self._wait_real_s(self._place.anchor.real_s(duration_s))

    def _wait_real_s(self, duration_real_s: float) -> None:
        """Wait, keep the display alive, and stop for a signal, a stop condition, or a part that died."""
        deadline = time.monotonic() + duration_real_s
        while True:
            if not self._finishing:
                self._check()
                self._look_for_effects()
            self._show()
            left = deadline - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, SLICE_REAL_S))

    def _check(self) -> None:
        """Whether the run may go on, asked while waiting and right before each action."""
        self._interruption.check()
        self._check_parts()
        self._check_stop_conditions()

    def _check_parts(self) -> None:
        if threading.current_thread() is not threading.main_thread() or self._observer is None:
            return
        if self._observer.failure is not None:
            raise EmulatorError(f"the stack can no longer be observed: {self._observer.failure}", SEE_THE_LOG)
        if self._load is not None and self._phase_now in (RunPhase.BASELINE, RunPhase.FAULT, RunPhase.RECOVERY):
            code = self._load.exit_code()
            if code is not None:
                raise LoadLost(
                    f"the load generator ended by itself with exit code {code}; its log is {self._out}/load.log"
                )

    def _check_stop_conditions(self) -> None:
        """In the baseline only a stop file stops: alarms may still lack the data to be OK, and nothing is broken."""
        if self._phase_now not in (RunPhase.BASELINE, RunPhase.FAULT, RunPhase.RECOVERY):
            return
        for condition in self._experiment.stop_conditions:
            if self._phase_now is RunPhase.BASELINE and not isinstance(condition, StopFile):
                continue
            if (reason := stop_reason(condition, self._seen(), _exists)) is not None:
                raise RunStopped("stop-condition", reason)

    def _look_for_effects(self) -> None:
        """Whether the world changed, asked each virtual second until it is known."""
        now_s = self._now_s()
        if self._injector is not None and now_s - self._looked_at_s >= 1.0:
            self._looked_at_s = now_s
            self._injector.look()

    def _show(self) -> None:
        self._display.show(self._load.progress() if self._load else None, self._observer)


def _exists(path: str) -> bool:
    return Path(path).exists()
