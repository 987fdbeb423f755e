"""Keeps what became of every request, and says at the end whether that is all of it."""

from collections.abc import Iterable
from math import ceil
from pathlib import Path

from blackstart.domain.recording import MARKER_FILE, ROWS_FILE, LoadCompleted, LoadProgress, Outcome, RequestRow
from blackstart.load.recording_file import write_marker

BATCH_ROWS = 1000


class Recorder:
    """Appends rows in memory and to `requests.ndjson` in batches; a crash leaves the batches that were flushed.

    out_dir: made if missing; a recording that is already there is replaced.
    """

    def __init__(self, out_dir: Path) -> None:
        out_dir.mkdir(parents=True, exist_ok=True)
        (out_dir / MARKER_FILE).unlink(missing_ok=True)
        self._out_dir = out_dir
        self._stream = (out_dir / ROWS_FILE).open("wb")
        self._pending: list[str] = []
        self._lags_ns: list[int] = []
        self._received = 0
        self._dropped = 0
        self._bad = 0

    def add(self, row: RequestRow) -> None:
        """Record one request that has ended, or that was never sent."""
        if row.outcome is Outcome.DROPPED:
            self._dropped += 1
        else:
            self._lags_ns.append(row.start_ns - row.intended_ns)
        self._received += row.outcome is Outcome.ANSWERED
        self._bad += not row.good
        self._pending.append(row.model_dump_json() + "\n")
        if len(self._pending) >= BATCH_ROWS:
            self.flush()

    def flush(self) -> None:
        """Hand the pending rows to the operating system. Raises OSError when the disk is full."""
        self._stream.write("".join(self._pending).encode())
        self._stream.flush()
        self._pending.clear()

    def progress(self, in_flight: int) -> LoadProgress:
        """The counts so far. in_flight: requests that were sent and have not ended; they count as sent."""
        return LoadProgress(
            sent=len(self._lags_ns) + in_flight, received=self._received, bad=self._bad, in_flight=in_flight
        )

    def finish(self, planned: int, started_ns: int, stopped_ns: int, cpu_s: float, ended_ns: int) -> LoadCompleted:
        """Flush everything, then write the marker as the last thing.

        planned: intended send times before the stop. cpu_s: the process's CPU seconds between started_ns and ended_ns.
        """
        self.flush()
        self._stream.close()
        completed = LoadCompleted(
            planned=planned,
            sent=len(self._lags_ns),
            received=self._received,
            dropped=self._dropped,
            started_ns=started_ns,
            stopped_ns=stopped_ns,
            send_lag_p99_real_s=percentile(self._lags_ns, 0.99) / 1e9,
            cpu_ratio=cpu_s / max((ended_ns - started_ns) / 1e9, 1e-3),
        )
        write_marker(self._out_dir, completed)
        return completed


def percentile(values: Iterable[int], ratio: float) -> int:
    """The nearest-rank percentile; 0 of nothing."""
    ordered = sorted(values)
    return ordered[max(ceil(ratio * len(ordered)) - 1, 0)] if ordered else 0
