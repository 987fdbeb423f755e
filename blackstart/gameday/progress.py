"""What a person sees while a run works: which phase, how long still, traffic, errors, target health."""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import Any, Protocol, Self

LINE_EVERY_REAL_S = 5.0


@dataclass(frozen=True)
class Moment:
    """The run as it is right now. Times in wall seconds; None where nothing can be said yet."""

    phase: str
    phase_left_real_s: float | None = None
    run_left_real_s: float | None = None
    rate_per_s: float | None = None
    sent: int = 0
    bad: int = 0
    healthy: int | None = None
    registered: int | None = None
    in_alarm: tuple[str, ...] = ()


class Progress(Protocol):
    """show: as often as you like. say: a line that stays."""

    def show(self, moment: Moment) -> None: ...
    def say(self, text: str) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class LineProgress:
    """For logs: one line at each new phase, at each remark, and every five seconds between."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._phase = ""
        self._last = 0.0

    def show(self, moment: Moment) -> None:
        now = time.monotonic()
        if moment.phase != self._phase or now - self._last >= LINE_EVERY_REAL_S:
            self._phase, self._last = moment.phase, now
            print(f"{now - self._began:5.0f} s  {describe(moment)}", file=sys.stderr, flush=True)

    def say(self, text: str) -> None:
        print(f"         {text}", file=sys.stderr, flush=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


class JsonProgress(LineProgress):
    """For machines: one JSON object a second on standard error; standard output is kept for the result."""

    def show(self, moment: Moment) -> None:
        now = time.monotonic()
        if moment.phase != self._phase or now - self._last >= 1.0:
            self._phase, self._last = moment.phase, now
            print(
                json.dumps({"progress": {"elapsed_real_s": round(now - self._began, 1)} | asdict(moment)}),
                file=sys.stderr,
                flush=True,
            )

    def say(self, text: str) -> None:
        print(json.dumps({"note": text}), file=sys.stderr, flush=True)


class LiveProgress:
    """For terminals: remarks scroll by above one panel that is drawn anew."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live

        self._console = Console(stderr=True, highlight=False)
        self._began = time.monotonic()
        self._live = Live(console=self._console, refresh_per_second=8, transient=True)
        self._phase = ""

    def show(self, moment: Moment) -> None:
        if moment.phase != self._phase:
            self._phase = moment.phase
            self._console.print(f"[dim]{time.monotonic() - self._began:5.0f} s[/]  [bold]{moment.phase}[/]")
        self._live.update(_panel(moment))

    def say(self, text: str) -> None:
        self._console.print("         " + text, markup=False)

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.__exit__(kind, error, trace)


class LossyProgress:
    """Gives up showing, and nothing else, when the terminal was closed or the pipe broke."""

    def __init__(self, shown: Progress) -> None:
        self._shown = shown
        self._broken = False

    def show(self, moment: Moment) -> None:
        self._try(lambda: self._shown.show(moment))

    def say(self, text: str) -> None:
        self._try(lambda: self._shown.say(text))

    def __enter__(self) -> Self:
        self._try(self._shown.__enter__)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._try(lambda: self._shown.__exit__(kind, error, trace))

    def _try(self, show: Callable[[], object]) -> None:
        if not self._broken:
            try:
                show()
            except OSError:
                self._broken = True


def choose_progress(as_json: bool) -> Progress:
    """A panel on a terminal, lines elsewhere, JSON when asked."""
    if as_json:
        return LossyProgress(JsonProgress())
    return LossyProgress(LiveProgress() if sys.stderr.isatty() else LineProgress())


def describe(moment: Moment) -> str:
    """One line for a moment."""
    parts = [f"{moment.phase:<9}"]
    if moment.phase_left_real_s is not None:
        parts.append(f"{moment.phase_left_real_s:3.0f} s left")
    if moment.run_left_real_s is not None:
        parts.append(f"run {moment.run_left_real_s:3.0f} s left")
    if moment.rate_per_s is not None:
        parts.append(f"{moment.rate_per_s:4.0f} requests/s, {moment.bad} of {moment.sent} bad")
    if moment.registered is not None:
        parts.append(f"{moment.healthy} of {moment.registered} targets healthy")
    if moment.in_alarm:
        parts.append("ALARM: " + ", ".join(moment.in_alarm))
    return "  ".join(parts)


def _panel(moment: Moment) -> Any:
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 3))
    left = "" if moment.phase_left_real_s is None else f"{moment.phase_left_real_s:.0f} s left in this phase"
    whole = "" if moment.run_left_real_s is None else f"about {moment.run_left_real_s:.0f} s to the verdict"
    table.add_row(Text(moment.phase, style="bold cyan"), left, whole)
    if moment.rate_per_s is not None:
        bad = Text(f"{moment.bad} bad of {moment.sent}", style="red" if moment.bad else "green")
        table.add_row("traffic", f"{moment.rate_per_s:.0f} requests/s", bad)
    if moment.registered is not None:
        whole_group = moment.healthy == moment.registered
        dots = Text("●" * (moment.healthy or 0), style="green")
        dots.append("○" * (moment.registered - (moment.healthy or 0)), style="red")
        health = Text(f"{moment.healthy} of {moment.registered} healthy", style="" if whole_group else "red")
        table.add_row("targets", dots, health)
    if moment.in_alarm:
        starting = moment.phase in ("settle", "baseline")  # fresh alarms need whole periods of data
        style, state = ("yellow", "not OK yet") if starting else ("bold red", "in ALARM")
        table.add_row("alarms", Text(", ".join(moment.in_alarm), style=style), state)
    return Panel(table, title="blackstart", title_align="left", border_style="dim", expand=False)
