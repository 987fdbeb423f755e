"""The recording on disk: the rows of `requests.ndjson` and the completion marker beside them."""

import os
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from blackstart.domain.errors import DocumentError
from blackstart.domain.recording import MARKER_FILE, ROWS_FILE, LoadCompleted, RequestRow


def read_rows(path: Path) -> Iterator[RequestRow]:
    """The rows of a recording in the order they ended; about 100,000 a second.

    path: `requests.ndjson`, or the directory that holds it. A last line without its newline was being written when the
    generator died and is left out. Raises DocumentError for a missing file and for any other line that is no row.
    """
    rows_path = path / ROWS_FILE if path.is_dir() else path
    try:
        data = rows_path.read_bytes()
    except OSError as problem:
        raise DocumentError(str(rows_path), "", f"cannot be read ({problem.strerror})") from problem
    complete, _, _ = data.rpartition(b"\n")
    for number, line in enumerate(complete.splitlines(), start=1):
        try:
            yield RequestRow.model_validate_json(line)
        except ValidationError as invalid:
            raise DocumentError(str(rows_path), "", "this line is not a request row", line=number) from invalid


def read_marker(out_dir: Path) -> LoadCompleted | None:
    """The completion marker; None when there is none, or none that is whole: the recording was cut short."""
    try:
        return LoadCompleted.model_validate_json((out_dir / MARKER_FILE).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def write_marker(out_dir: Path, completed: LoadCompleted) -> None:
    """Write the marker so that it is there whole or not at all."""
    unfinished = out_dir / f"{MARKER_FILE}.part"
    with unfinished.open("w") as stream:
        stream.write(completed.model_dump_json() + "\n")
        stream.flush()
        os.fsync(stream.fileno())
    unfinished.replace(out_dir / MARKER_FILE)
