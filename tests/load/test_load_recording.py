from pathlib import Path
from time import perf_counter

import pytest

from blackstart.domain.errors import DocumentError
from blackstart.domain.recording import MARKER_FILE, ROWS_FILE, Outcome, RequestRow
from blackstart.load.recorder import BATCH_ROWS, Recorder, percentile
from blackstart.load.recording_file import read_marker, read_rows


def row(number: int = 0, outcome: Outcome = Outcome.ANSWERED, status: int = 200) -> RequestRow:
    intended_ns = number * 5_000_000
    lag_ns = 0 if outcome is Outcome.DROPPED else 1_000
    return RequestRow(
        intended_ns=intended_ns,
        start_ns=intended_ns + lag_ns,
        end_ns=intended_ns + 3 * lag_ns,
        outcome=outcome,
        status=status if outcome is Outcome.ANSWERED else 0,
        zone="us-east-1a",
        instance="i-0123456789abcdef0",
        node="127.0.0.11",
    )


def recorded(out_dir: Path, rows: list[RequestRow]) -> Recorder:
    recorder = Recorder(out_dir)
    for each in rows:
        recorder.add(each)
    return recorder


def test_rows_are_read_back_as_they_were_written(tmp_path: Path) -> None:
    rows = [row(number, outcome) for number, outcome in enumerate(Outcome)]
    recorded(tmp_path, rows).flush()
    assert list(read_rows(tmp_path)) == rows
    assert list(read_rows(tmp_path / ROWS_FILE)) == rows


def test_a_crash_leaves_the_batches_that_were_flushed(tmp_path: Path) -> None:
    recorded(tmp_path, [row(number) for number in range(BATCH_ROWS + 1)])
    assert len(list(read_rows(tmp_path))) == BATCH_ROWS
    assert read_marker(tmp_path) is None


def test_a_half_last_line_is_left_out(tmp_path: Path) -> None:
    recorded(tmp_path, [row(0), row(1)]).flush()
    whole = (tmp_path / ROWS_FILE).read_bytes()
    for cut in (1, 20, len(whole) // 2 - 1):
        (tmp_path / ROWS_FILE).write_bytes(whole[:-cut])
        assert list(read_rows(tmp_path)) == [row(0)]


def test_a_broken_line_in_the_middle_is_an_error_that_names_it(tmp_path: Path) -> None:
    recorded(tmp_path, [row(0)]).flush()
    with (tmp_path / ROWS_FILE).open("ab") as stream:
        stream.write(b'{"intended_ns": 1}\n')
    with pytest.raises(DocumentError, match=f"{ROWS_FILE}:2: this line is not a request row"):
        list(read_rows(tmp_path))


def test_a_missing_recording_is_an_error_and_an_empty_one_is_not(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="cannot be read"):
        list(read_rows(tmp_path))
    Recorder(tmp_path)
    assert list(read_rows(tmp_path)) == []


def test_the_marker_counts_what_was_recorded(tmp_path: Path) -> None:
    outcomes = [Outcome.ANSWERED, Outcome.ANSWERED, Outcome.TIMEOUT, Outcome.DROPPED]
    recorder = recorded(tmp_path, [row(number, outcome) for number, outcome in enumerate(outcomes)])
    recorder.finish(planned=4, started_ns=0, stopped_ns=10**9, cpu_s=0.5, ended_ns=2 * 10**9)
    completed = read_marker(tmp_path)
    assert completed is not None
    assert (completed.planned, completed.sent, completed.received, completed.dropped) == (4, 3, 2, 1)
    assert completed.send_lag_p99_real_s == pytest.approx(1e-6)
    assert completed.cpu_ratio == pytest.approx(0.25)


def test_a_recording_without_any_request_still_says_so(tmp_path: Path) -> None:
    completed = Recorder(tmp_path).finish(planned=0, started_ns=0, stopped_ns=0, cpu_s=0.0, ended_ns=0)
    assert (completed.planned, completed.sent, completed.send_lag_p99_real_s) == (0, 0, 0.0)
    assert read_marker(tmp_path) == completed


def test_a_new_recording_removes_the_old_marker(tmp_path: Path) -> None:
    Recorder(tmp_path).finish(planned=0, started_ns=0, stopped_ns=0, cpu_s=0.0, ended_ns=0)
    Recorder(tmp_path)
    assert read_marker(tmp_path) is None


def test_a_marker_cut_short_is_no_marker(tmp_path: Path) -> None:
    (tmp_path / MARKER_FILE).write_text('{"planned": 3, "se')
    assert read_marker(tmp_path) is None


def test_progress_counts_server_errors_and_requests_in_flight(tmp_path: Path) -> None:
    recorder = recorded(tmp_path, [row(0), row(1, status=502), row(2, Outcome.DROPPED)])
    progress = recorder.progress(in_flight=5)
    assert (progress.sent, progress.received, progress.bad, progress.in_flight) == (7, 2, 2, 5)


def test_fifty_thousand_rows_are_read_in_about_a_second(tmp_path: Path) -> None:
    line = row().model_dump_json() + "\n"
    (tmp_path / ROWS_FILE).write_text(line * 50_000)
    began = perf_counter()
    assert sum(1 for _ in read_rows(tmp_path)) == 50_000
    assert perf_counter() - began < 3.0, "three times the promise, for a busy machine"


@pytest.mark.parametrize(("values", "expected"), [([], 0), ([5], 5), (range(1, 101), 99), (range(1, 1001), 990)])
def test_the_percentile_is_the_nearest_rank(values: list[int], expected: int) -> None:
    assert percentile(values, 0.99) == expected
