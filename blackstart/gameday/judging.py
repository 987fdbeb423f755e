"""From a run's folder to its verdict, its JSON and its reports: right after the run, or any time later."""

from pathlib import Path

from blackstart.domain.judgement import Judgement
from blackstart.gameday.journal_file import read_journal
from blackstart.gameday.run_folder import RunFolder


def judge_run(folder: RunFolder) -> Judgement:
    """Judge what the folder holds and write `judgement.json`, `report.html` and `junit.xml` beside it.

    Reads the journal and the recording only, so an old run gets the same verdict again.
    """
    from blackstart.judgement.judge import judge
    from blackstart.load.recording_file import read_rows
    from blackstart.report.html import render as render_html
    from blackstart.report.junit import render as render_junit

    rows = list(read_rows(folder.rows)) if folder.rows.exists() else []
    judgement = judge(folder.path.name, read_journal(folder.journal), rows)
    _write(folder.judgement, judgement.model_dump_json(indent=2) + "\n")
    _write(folder.report, render_html(judgement))
    _write(folder.junit, render_junit(judgement))
    return judgement


def _write(path: Path, text: str) -> None:
    """Whole or not at all: a report that a crash cut short would look like one."""
    unfinished = path.with_suffix(path.suffix + ".part")
    unfinished.write_text(text)
    unfinished.replace(path)
