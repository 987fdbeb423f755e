"""The verdict on the terminal: the verdict first, then what is not passed, then the figures, then where to read on."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from blackstart.domain.experiment import Phase
from blackstart.domain.judgement import Judgement
from blackstart.domain.verdict import Restored
from blackstart.domain.wording import count, ratio, seconds
from blackstart.report.presentation import PRESENTATIONS, Tone, not_passed, to_do

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

REPORT_FILE = "report.html"
STYLES: dict[Tone, str] = {
    "good": "bold white on rgb(15,118,110)",
    "bad": "bold white on rgb(185,56,20)",
    "unsure": "bold black on rgb(230,159,0)",
    "void": "bold white on rgb(82,82,120)",
}


def show(judgement: Judgement, folder: Path | None = None, console: "Console | None" = None) -> None:
    """Print it: with colours on a terminal, as plain lines into a pipe or a log."""
    from rich.console import Console

    console = console or Console()
    if console.is_terminal:
        console.print(renderable(judgement, folder))
    else:
        console.file.write(plain(judgement, folder))


def renderable(judgement: Judgement, folder: Path | None = None) -> "RenderableType":
    """For a terminal, as wide as it is."""
    from rich.console import Group
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    shown = PRESENTATIONS[judgement.verdict]
    head = Text.assemble((f" {shown.icon} {judgement.verdict.value.upper()} ", STYLES[shown.tone]), "  ")
    head.append(judgement.headline, style="bold")
    parts: list[RenderableType] = [Text(), head, Text(_status(judgement), style="dim")]
    broken = Table.grid(padding=(0, 2))
    for finding in not_passed(judgement):
        look = PRESENTATIONS[finding.verdict]
        broken.add_row(Text(f"{look.icon} {finding.verdict.value}", style="bold"), Text(finding.summary))
    figures = Table.grid(padding=(0, 2))
    for name, value in _figures(judgement):
        figures.add_row(Text(name, style="dim"), Text(value))
    parts += [Padding(each, (1, 0, 0, 1)) for each in (broken, figures) if each.row_count]
    parts += [Text(f" → {line}") for line in to_do(judgement)]
    parts += [Text(f" {line}", style="dim") for line in _without_effect(judgement)]
    parts += [Text(f"\n Report  {folder / REPORT_FILE}")] if folder else []
    return Group(*parts)


def plain(judgement: Judgement, folder: Path | None = None) -> str:
    """The same without colour, one fact a line; the first line is the verdict."""
    lines = [f"{judgement.verdict.value.upper()}: {judgement.headline}", _status(judgement).strip()]
    lines += [f"  {finding.verdict.value}: {finding.summary}" for finding in not_passed(judgement)]
    lines += [f"  {name}: {value}" for name, value in _figures(judgement)]
    lines += [f"  to do: {line}" for line in to_do(judgement)]
    lines += [f"  {line}" for line in _without_effect(judgement)]
    lines += [f"report: {folder / REPORT_FILE}"] if folder else []
    return "\n".join(lines) + "\n"


def _status(judgement: Judgement) -> str:
    restored = {Restored.YES: "restored", Restored.NO: "NOT RESTORED", Restored.UNKNOWN: "restored: unknown"}
    return f" exit code {judgement.exit_code}, {restored[judgement.restored]}, times in virtual seconds"


def _without_effect(judgement: Judgement) -> Iterator[str]:
    for thing in judgement.unserved:
        yield f"no effect offline: {thing}"


def _figures(judgement: Judgement) -> Iterator[tuple[str, str]]:
    """The headline figures that are known."""
    answers = judgement.headlines
    if answers.requests:
        yield "requests lost", f"{count(answers.requests_lost)} of {count(answers.requests)} since the injection"
    for finding in judgement.findings:
        if finding.slo and finding.phase is Phase.FAULT and finding.measured is not None and finding.limit is not None:
            yield finding.subject, f"{ratio(finding.measured)}, {ratio(finding.limit)} asked"
    if answers.error_window_s is not None:
        yield "error window", seconds(answers.error_window_s)
    if answers.detect_s is not None:
        yield "time to detect", f"{seconds(answers.detect_s)} ({answers.detected_by})"
    if answers.recover_s is not None:
        yield "time to recover", f"{seconds(answers.recover_s)} ({answers.healthy_targets} healthy targets)"
    if answers.replacement_s is not None:
        yield "replacement", f"served after {seconds(answers.replacement_s)}"
    if answers.budget_spent_s is not None and answers.budget_s is not None:
        yield "error budget", f"{seconds(answers.budget_spent_s)} of {answers.budget_s:,.0f} s in 30 days"
