"""The frame that controllers run in: one lock, one thread of ticks, effects outside the lock.

A request holds the lock while moto answers it and never while anything waits. A request that changes something wakes
the controllers; otherwise they tick every `TICK_REAL_S`. What a controller wants done in the world (start a process,
send a snapshot) it queues as an effect, which another thread runs without the lock; what comes back is posted and
applied under the lock at the start of the next tick. Whatever raises is logged, counted and told in the status, and the
rest goes on; what blocks is told too.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple, Protocol

from blackstart.domain.clock import Anchor
from blackstart.domain.wording import several

TICK_REAL_S = 0.1
SHORTEST_PAUSE_REAL_S = 0.01
"""Between ticks that changes wake, so that many changes in a row do not have a tick each."""
LAG_KEPT_REAL_S = 10.0
BLOCKED_AFTER_REAL_S = 2.0
LOG = logging.getLogger(__name__)

Effect = Callable[[], None]
Report = Callable[[float], None]


class Controller(Protocol):
    """Reads moto's state, decides, writes it back. Called under the lock; does no I/O."""

    def tick(self, now_s: float) -> None: ...


class Fault(NamedTuple):
    """Failures of one of the emulator's own parts. times: how often; last: the newest one's words."""

    times: int
    last: str


class ControlPlane:
    """The lock, the clock and the two threads. Controllers', reports' and effects' failures are in the log."""

    def __init__(self, anchor: Anchor) -> None:
        self.anchor = anchor
        self.lock = threading.Lock()
        self.mutated = threading.Event()
        self._lag_real_s = 0.0
        self._faults_of_ticks: dict[str, Fault] = {}  # two, for each thread writes its own
        self._faults_of_effects: dict[str, Fault] = {}
        self._acting: dict[str, tuple[str, float]] = {}
        self._due_real_s: float | None = None
        self._controllers: tuple[Controller, ...] = ()
        self._effects: queue.SimpleQueue[Effect | None] = queue.SimpleQueue()
        self._reports: queue.SimpleQueue[Report] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []

    def now_s(self) -> float:
        """Virtual Unix seconds."""
        return self.anchor.time_s(time.monotonic_ns())

    @property
    def failures(self) -> int:
        return sum(fault.times for fault in self._faults())

    @property
    def lag_real_s(self) -> float:
        """How late the latest ticks began; how long overdue the next one is, when that is more."""
        due = self._due_real_s
        return self._lag_real_s if due is None else max(self._lag_real_s, time.monotonic() - due)

    def failures_in_words(self) -> tuple[str, ...]:
        """One line for each part of the emulator that ever failed, with its newest words."""
        parts = {**self._faults_of_ticks, **self._faults_of_effects}
        return tuple(
            f"{part} failed {several(fault.times, 'time')}, last: {fault.last}" for part, fault in parts.items()
        )

    def problems(self) -> tuple[str, ...]:
        """What keeps the controllers or the effects from going on at the moment."""
        now = time.monotonic()
        acting = [(name, now - since) for name, since in list(self._acting.values())]
        blocked = [f"{name} has not come back for {long:.0f} s" for name, long in acting if long > BLOCKED_AFTER_REAL_S]
        ended = [thread.name for thread in self._threads if not thread.is_alive() and not self._stopping.is_set()]
        return (*blocked, *(f"the thread of the {name} has ended" for name in ended))

    def queue(self, effect: Effect) -> None:
        """Have an effect run outside the lock, in the order of queueing."""
        self._effects.put(effect)

    def post(self, report: Report) -> None:
        """Have news from the world applied under the lock, with the virtual time, before the next tick."""
        self._reports.put(report)
        self.mutated.set()

    def start(self, controllers: Sequence[Controller]) -> None:
        self._controllers = tuple(controllers)
        for target, name in ((self._run_controllers, "controllers"), (self._run_effects, "effects")):
            thread = threading.Thread(target=target, name=name, daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """End both threads; effects queued before are still run."""
        self._stopping.set()
        self.mutated.set()
        self._effects.put(None)
        for thread in self._threads:
            thread.join(5)

    def tick_once(self) -> None:
        """Apply what was reported, then let every controller act once. Failures are logged and counted."""
        with self.lock:
            now_s = self.now_s()
            while not self._reports.empty():
                self._guarded("a report", partial(self._reports.get(), now_s), self._faults_of_ticks)
            for controller in self._controllers:
                name = f"controller {type(controller).__name__.removesuffix('Controller')}"
                self._guarded(name, partial(controller.tick, now_s), self._faults_of_ticks)

    def _guarded(self, name: str, act: Callable[[], object], faults: dict[str, Fault]) -> None:
        """One part's fault, a SystemExit too, must not stop the others; it is in the log and in the status."""
        thread = threading.current_thread().name
        self._acting[thread] = (name, time.monotonic())
        try:
            act()
        except BaseException as error:
            words = f"{type(error).__name__}: {error}".splitlines()[0]
            faults[name] = Fault(faults[name].times + 1 if name in faults else 1, words)
            LOG.exception("%s failed", name)
        finally:
            del self._acting[thread]

    def _faults(self) -> list[Fault]:
        return [*self._faults_of_ticks.values(), *self._faults_of_effects.values()]

    def _run_controllers(self) -> None:
        self._due_real_s = time.monotonic() + TICK_REAL_S
        while not self._stopping.is_set():
            woken = self.mutated.wait(max(0.0, self._due_real_s - time.monotonic()))
            self.mutated.clear()
            late = 0.0 if woken else max(0.0, time.monotonic() - self._due_real_s)
            self.tick_once()
            finished = time.monotonic()
            self._stopping.wait(SHORTEST_PAUSE_REAL_S)
            self._lag_real_s = max(late, self._lag_real_s * (1 - TICK_REAL_S / LAG_KEPT_REAL_S))
            self._due_real_s = finished + TICK_REAL_S

    def _run_effects(self) -> None:
        while (effect := self._effects.get()) is not None:
            self._guarded("an effect", effect, self._faults_of_effects)
