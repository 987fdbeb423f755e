"""The frame that controllers run in: one lock, one thread of ticks, effects outside the lock.

A request holds the lock while moto answers it and never while anything waits. A request that changes something wakes
the controllers; otherwise they tick every `TICK_REAL_S`. What a controller wants done in the world (start a process,
send a snapshot) it queues as an effect, which another thread runs without the lock; what comes back is posted and
applied under the lock at the start of the next tick.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from blackstart.domain.clock import Anchor

TICK_REAL_S = 0.1
LAG_KEPT_REAL_S = 10.0
LOG = logging.getLogger(__name__)

Effect = Callable[[], None]
Report = Callable[[float], None]


class Controller(Protocol):
    """Reads moto's state, decides, writes it back. Called under the lock; does no I/O."""

    def tick(self, now_s: float) -> None: ...


class ControlPlane:
    """The lock, the clock and the two threads. lag_real_s: how late the latest ticks began. failures: controllers',
    reports' and effects', each of which is in the log.
    """

    def __init__(self, anchor: Anchor) -> None:
        self.anchor = anchor
        self.lock = threading.Lock()
        self.mutated = threading.Event()
        self.lag_real_s = 0.0
        self._failures_of_ticks = 0  # two counters, for each thread writes its own
        self._failures_of_effects = 0
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
        return self._failures_of_ticks + self._failures_of_effects

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
                self._guarded(self._reports.get(), now_s)
            for controller in self._controllers:
                self._guarded(controller.tick, now_s)

    def _guarded(self, act: Callable[[float], None], now_s: float) -> None:
        try:
            act(now_s)
        except Exception:  # one controller's fault must not stop the others; it is in the log
            self._failures_of_ticks += 1
            LOG.exception("a controller failed")

    def _run_controllers(self) -> None:
        due = time.monotonic() + TICK_REAL_S
        while not self._stopping.is_set():
            woken = self.mutated.wait(max(0.0, due - time.monotonic()))
            self.mutated.clear()
            late = 0.0 if woken else max(0.0, time.monotonic() - due)
            self.tick_once()
            finished = time.monotonic()
            self.lag_real_s = max(late, self.lag_real_s * (1 - TICK_REAL_S / LAG_KEPT_REAL_S))
            due = finished + TICK_REAL_S

    def _run_effects(self) -> None:
        while (effect := self._effects.get()) is not None:
            try:
                effect()
            except Exception:  # the effect of one instance must not stop those of the others; it is in the log
                self._failures_of_effects += 1
                LOG.exception("an effect failed")
