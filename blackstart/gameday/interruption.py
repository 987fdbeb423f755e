"""Signals: the first INT, TERM or HUP ends the run in order; a second one does not cut that short.

The handler only notes the signal while the runner writes or injects, and raises only inside `interruptible()`: so a
journal line is never torn, and a call to AWS is never left without its record.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Literal


class RunStopped(Exception):  # noqa: N818  it is an order to stop, not an error
    """The run must end early. cause: as in `domain.journal.StopRequested`."""

    def __init__(self, cause: Literal["interrupted", "terminated", "stop-condition"], detail: str) -> None:
        super().__init__(detail)
        self.cause = cause
        self.detail = detail


SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # HUP: the terminal was closed


class Interruption:
    """Remembers the first signal and hands it over where the runner can be stopped."""

    def __init__(self) -> None:
        self._signal: signal.Signals | None = None
        self._raising = False
        self._taken = False

    @contextmanager
    def handled(self) -> Iterator[None]:
        """Install the handlers (main thread only) and put the old ones back."""
        before = {number: signal.signal(number, self._note) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Inside, the first signal raises at once, even out of a blocking call."""
        self.check()
        self._raising = True
        try:
            yield
        finally:
            self._raising = False

    def check(self) -> None:
        """Raise RunStopped if a signal has come; only once, so that the clean-up may wait too."""
        if self._signal is not None and not self._taken:
            self._taken = True
            raise self._stopped(self._signal)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if self._signal is None:
            self._signal = signal.Signals(number)
        if self._raising:
            self._raising = False
            self.check()

    @staticmethod
    def _stopped(number: signal.Signals) -> RunStopped:
        return RunStopped("interrupted" if number is signal.SIGINT else "terminated", f"{number.name} received")
