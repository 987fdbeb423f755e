"""The report: one page that opens offline, whose first screen says whether the system survived, and at what cost."""

import re
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from blackstart.domain.experiment import Phase
from blackstart.domain.judgement import Finding, Judgement
from blackstart.domain.verdict import Verdict
from blackstart.domain.wording import count, ratio, seconds
from blackstart.report.figure import LOOKS, figure
from blackstart.report.presentation import PRESENTATIONS, not_passed, to_do, worst_first

if TYPE_CHECKING:
    from jinja2 import Template
    from markupsafe import Markup

TEMPLATE = "report.html.j2"
WRITTEN: dict[str, Callable[[float], str]] = {
    "ratio": ratio,
    "s": seconds,
    "count": lambda number: count(round(number)),
}


def render(judgement: Judgement) -> str:
    """The whole page as text, about five megabytes, most of it Plotly's own JavaScript; it asks the network nothing."""
    from markupsafe import Markup
    from plotly.offline import get_plotlyjs

    states = {band.state for band in judgement.timeline.bands if band.lane in ("target", "alarm")}
    return _template().render(
        judgement=judgement,
        said=_after_the_word(judgement.headline),
        shown=PRESENTATIONS[judgement.verdict],
        presentations=PRESENTATIONS,
        to_do=to_do(judgement),
        causes=not_passed(judgement),
        findings=worst_first(judgement.findings),
        felt=_objectives_under_fault(judgement),
        legend={state: look for state, look in LOOKS.items() if state in states},
        figure=figure(judgement),
        passed=Verdict.PASSED,
        plotly=Markup(get_plotlyjs()),
    )


def _objectives_under_fault(judgement: Judgement) -> tuple[Finding, ...]:
    return tuple(f for f in judgement.findings if f.slo and f.phase is Phase.FAULT and f.measured is not None)


def _after_the_word(headline: str) -> str:
    """The headline without its opening word, which the page says in large letters."""
    _, _, rest = headline.partition(": ")
    return rest[:1].upper() + rest[1:] if rest else headline


def measure(value: float | None, unit: str) -> str:
    """A finding's number with its unit, "" for none."""
    if value is None:
        return ""
    written = WRITTEN.get(unit)
    return written(value) if written else f"{value:,.1f} {unit}".rstrip()


def typeset(text: str) -> "Markup":
    """Escaped text with `commands` as code, and no number parted from its unit at the end of a line."""
    from markupsafe import Markup, escape

    kept = re.sub(r"(?<=\d) (?=(?:%|s|ms)(?!\w))", "\N{NO-BREAK SPACE}", str(escape(text)))
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", kept))


@cache
def _template() -> "Template":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("blackstart.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "count": count,
        "ratio": ratio,
        "seconds": seconds,
        "measure": measure,
        "typeset": typeset,
    }
    return environment.get_template(TEMPLATE)
