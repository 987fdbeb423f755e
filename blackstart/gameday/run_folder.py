"""One folder a run: `runs/<UTC time>-<experiment>/`, with everything that judging it again needs."""

from datetime import UTC, datetime
from pathlib import Path

from blackstart.domain.errors import UsageError
from blackstart.domain.journal import JOURNAL_FILE
from blackstart.domain.judgement import JUDGEMENT_FILE
from blackstart.domain.recording import ROWS_FILE

REPORT_FILE = "report.html"
JUNIT_FILE = "junit.xml"


class RunFolder:
    """The paths of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.journal = path / JOURNAL_FILE
        self.rows = path / ROWS_FILE
        self.judgement = path / JUDGEMENT_FILE
        self.report = path / REPORT_FILE
        self.junit = path / JUNIT_FILE
        self.emulator = path / "emulator"

    @classmethod
    def make(cls, out: Path, experiment: Path) -> "RunFolder":
        """Make a new folder under `out`; never one that exists."""
        stem = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{experiment.stem}"
        for name in (stem, *(f"{stem}-{number}" for number in range(2, 100))):
            try:
                (out / name).mkdir(parents=True, exist_ok=False)
            except FileExistsError:
                continue
            except OSError as error:
                raise UsageError(f"{out}: no run can be kept there: {error.strerror}", "Give another --out.") from None
            return cls(out / name)
        raise UsageError(f"{out}: a hundred runs in one second", "Give another --out.")

    @classmethod
    def existing(cls, path: Path) -> "RunFolder":
        """Raises UsageError when the folder holds no journal."""
        folder = cls(path)
        if not folder.journal.is_file():
            runs = sorted(str(p.parent) for p in (path if path.is_dir() else path.parent).glob(f"*/{JOURNAL_FILE}"))
            hint = f"The newest is {runs[-1]}." if runs else "A run is a folder under runs/."
            raise UsageError(f"{path}: not a run: {JOURNAL_FILE} is missing", hint)
        return folder
