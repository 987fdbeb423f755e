"""The checkers: one file each in `checkers/`, one function `check(evidence) -> findings` each, all named in `CHECKERS`.

To add one: write `checkers/<name>.py` with a `check`, and name it here. Its findings carry the module's name. A checker
reads the evidence only, raises nothing on purpose (whatever it raises becomes an error finding that names it), and says
`inconclusive` when it cannot see enough: no finding at all is for what the experiment did not ask.
"""

from collections.abc import Callable, Sequence

from blackstart.domain.judgement import Finding
from blackstart.judgement.checkers import (
    alarms,
    completeness,
    effect,
    ending,
    fidelity,
    load_validity,
    objectives,
    predictions,
    recovery,
    restoration,
    steady_state,
    timekeeping,
    watching,
)
from blackstart.judgement.evidence import Evidence

Checker = Callable[[Evidence], Sequence[Finding]]

CHECKERS: tuple[Checker, ...] = (
    ending.check,
    fidelity.check,
    steady_state.check,
    load_validity.check,
    timekeeping.check,
    watching.check,
    effect.check,
    objectives.check,
    alarms.check,
    recovery.check,
    predictions.check,
    restoration.check,
    completeness.check,
)
"""Causes before their consequences: of equally grave findings the first one is the headline."""
