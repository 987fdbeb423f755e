"""How each verdict is told: a word, a tone, an icon, and what to do. Shared by all outputs."""

from collections.abc import Sequence
from typing import Literal

from blackstart.domain.judgement import Finding, Judgement
from blackstart.domain.model import Model
from blackstart.domain.verdict import PRECEDENCE, Verdict

Tone = Literal["good", "bad", "unsure", "void"]


class Presentation(Model):
    """tone: good only for passed. icon: one character that tells it without colour. to_do: what a reader does next."""

    word: str
    tone: Tone
    icon: str
    to_do: str


PRESENTATIONS: dict[Verdict, Presentation] = {
    Verdict.PASSED: Presentation(word="Survived", tone="good", icon="✓", to_do=""),
    Verdict.DEVIATED: Presentation(
        word="Did not survive",
        tone="bad",
        icon="✕",
        to_do="The run is sound and a promise was broken. Mend the system, not the limit, and run it again.",
    ),
    Verdict.REGRESSION: Presentation(
        word="Worse than before",
        tone="bad",
        icon="↓",
        to_do="Find the change since the baseline runs, and repeat them.",
    ),
    Verdict.INCONCLUSIVE: Presentation(
        word="Nothing proven",
        tone="unsure",
        icon="?",
        to_do="This is not a pass: the run could not show whether the system survives. Mend what is named here first.",
    ),
    Verdict.INVALID: Presentation(
        word="Not a valid run",
        tone="void",
        icon="∅",
        to_do="This is not a pass: the measurement itself was unsound, so no figure here describes the system.",
    ),
    Verdict.NOT_RESTORED: Presentation(
        word="Not restored",
        tone="bad",
        icon="!",
        to_do="Something that was broken is not whole again. Its ids are in the intents of this run's journal.",
    ),
    Verdict.ABORTED: Presentation(
        word="Aborted",
        tone="unsure",
        icon="■",
        to_do="A stop condition ended the run before it could show anything. See what met it before trying again.",
    ),
    Verdict.INTERRUPTED: Presentation(
        word="Interrupted", tone="void", icon="■", to_do="The run was stopped by hand and shows nothing. Run it again."
    ),
    Verdict.TERMINATED: Presentation(
        word="Terminated",
        tone="void",
        icon="■",
        to_do="The run was ended from outside and shows nothing. Repeat it.",
    ),
    Verdict.ERROR: Presentation(
        word="Failed to run",
        tone="bad",
        icon="!",
        to_do="The run could not be carried out, so it shows nothing. The message says why.",
    ),
}


def worst_first(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Findings in the order in which verdicts take precedence; equal ones as they came."""
    return tuple(sorted(findings, key=lambda finding: PRECEDENCE.index(finding.verdict)))


def not_passed(judgement: Judgement) -> tuple[Finding, ...]:
    """What stands between this run and a pass, worst first."""
    return tuple(finding for finding in worst_first(judgement.findings) if finding.verdict is not Verdict.PASSED)


def to_do(judgement: Judgement) -> tuple[str, ...]:
    """What to do next: what the verdict means, then each piece of advice of the findings behind it, once."""
    decisive = (finding for finding in judgement.findings if finding.verdict is judgement.verdict)
    general = PRESENTATIONS[judgement.verdict].to_do
    return tuple(dict.fromkeys(line for line in (general, *(finding.advice for finding in decisive)) if line))
