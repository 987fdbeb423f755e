"""The journal on disk: appended by the runner's process alone, each line fsynced before `append` returns."""

import fcntl
import os
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import ValidationError

from blackstart.domain.clock import Anchor
from blackstart.domain.errors import DocumentError, UsageError
from blackstart.domain.journal import RECORD, Event, Record


class JournalFile:
    """Implements `domain.journal.Journal`; safe to append to from several threads of one process."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("xb", buffering=0)
        fcntl.flock(self._file, fcntl.LOCK_EX)  # held while the run goes on, and gone with its process
        self._lock = threading.Lock()
        self._next_seq = 0
        self._anchor: Anchor | None = None

    def keep_time_by(self, anchor: Anchor) -> None:
        """From here on lines carry virtual time."""
        self._anchor = anchor

    def append(self, event: Event) -> Record:
        """Stamp the event, write it, and return once it is on disk."""
        with self._lock:
            now_ns = time.monotonic_ns()
            time_s = self._anchor.time_s(now_ns) if self._anchor else 0.0
            record = Record(seq=self._next_seq, monotonic_ns=now_ns, time_s=time_s, event=event)
            self._write(record.model_dump_json().encode() + b"\n")
            os.fsync(self._file.fileno())
            self._next_seq += 1
            return record

    def _write(self, line: bytes) -> None:
        """The whole line; a full disk raises at once, or at the next try after it took only a part."""
        while line:
            line = line[self._file.write(line) :]

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def refuse_while_written(path: Path) -> None:
    """Raise UsageError while a run still writes this journal: half a run has no verdict."""
    with path.open("rb") as journal:
        try:
            fcntl.flock(journal, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(f"{path.parent}: this run is still going", "Judge it when it has ended.") from None


def read_journal(path: Path) -> list[Record]:
    """Read a journal; a last line that a crash cut short is left out.

    Raises DocumentError naming the line for anything else that is not a record.
    """
    lines = path.read_bytes().split(b"\n")
    whole, rest = lines[:-1], lines[-1]
    records = []
    for number, line in enumerate(whole + ([rest] if rest else []), start=1):
        try:
            records.append(RECORD.validate_json(line))
        except ValidationError as error:
            if number > len(whole):
                break
            problem = error.errors()[0]
            raise DocumentError(
                str(path),
                ".".join(str(part) for part in problem["loc"]),
                problem["msg"],
                "The line is not from this version of Blackstart, or was edited.",
                number,
            ) from None
    return records
