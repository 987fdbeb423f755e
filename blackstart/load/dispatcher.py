"""One greenlet that starts a request at each intended time, whatever became of the ones before."""

import logging
from collections.abc import Callable, Iterator
from time import monotonic_ns

import gevent
from gevent.event import Event
from gevent.pool import Pool

from blackstart.domain.recording import Outcome, RequestRow

Send = Callable[[int], RequestRow]
"""Sends a request whose intended time (monotonic nanoseconds) is given, and returns its row."""


class Dispatcher:
    """Walks a schedule from the moment `run` is called until `stop`.

    offsets_s: wall seconds after the start. record: gets exactly one row for each intended time before the stop.
    max_in_flight: the pool's cap. Beyond it a request is dropped, and recorded as such: waiting for a free place would
    close the model again.
    """

    def __init__(
        self, offsets_s: Iterator[float], send: Send, record: Callable[[RequestRow], None], max_in_flight: int
    ) -> None:
        self._offsets_s = offsets_s
        self._send = send
        self._record = record
        self._pool = Pool(max_in_flight)
        self._stopping = Event()
        self._walked = Event()
        self._walked.set()
        self.planned = 0
        self.started_ns = monotonic_ns()
        self.stopped_ns: int | None = None

    @property
    def in_flight(self) -> int:
        return len(self._pool)

    def run(self) -> None:
        """Dispatch until stopped; what was due before the stop is still sent, however late."""
        self._walked.clear()
        self.started_ns = monotonic_ns()
        for offset_s in self._offsets_s:
            intended_ns = self.started_ns + round(offset_s * 1e9)
            self._stopping.wait(max(0.0, (intended_ns - monotonic_ns()) / 1e9))
            if self.stopped_ns is not None and intended_ns > self.stopped_ns:
                break
            self.planned += 1
            if self._pool.full():
                self._record(_dropped(intended_ns))
            else:
                self._pool.spawn(self._send_and_record, intended_ns)
        self._walked.set()

    def stop(self) -> None:
        """Send nothing more, and wait until every request in flight has ended (each has a deadline of its own)."""
        self.stopped_ns = monotonic_ns()
        self._stopping.set()
        self._walked.wait()
        self._pool.join()

    def _send_and_record(self, intended_ns: int) -> None:
        start_ns = monotonic_ns()
        try:
            row = self._send(intended_ns)
        except Exception:  # a bug in a locustfile costs a bad row; the request must not vanish
            logging.exception("a request failed in the load generator itself")
            row = RequestRow(intended_ns=intended_ns, start_ns=start_ns, end_ns=monotonic_ns(), outcome=Outcome.ERROR)
        self._record(row)


def _dropped(intended_ns: int) -> RequestRow:
    return RequestRow(intended_ns=intended_ns, start_ns=intended_ns, end_ns=intended_ns, outcome=Outcome.DROPPED)


def every_second(tick: Callable[[], None]) -> None:
    """Call `tick` now and then once each wall second, for ever."""
    while True:
        tick()
        gevent.sleep(1.0)
