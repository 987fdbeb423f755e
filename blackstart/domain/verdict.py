"""The one table of verdicts and exit codes."""

from collections.abc import Collection
from enum import StrEnum


class Verdict(StrEnum):
    PASSED = "passed"
    ERROR = "error"
    DEVIATED = "deviated"
    REGRESSION = "regression"
    INCONCLUSIVE = "inconclusive"
    INVALID = "invalid"
    NOT_RESTORED = "not-restored"
    ABORTED = "aborted"
    INTERRUPTED = "interrupted"
    TERMINATED = "terminated"


class Restored(StrEnum):
    """Whether what was broken is whole again; an irreversible or self-healing fault counts by what AWS shows."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


EXIT_CODES: dict[Verdict, int] = {
    Verdict.PASSED: 0,
    Verdict.ERROR: 1,
    Verdict.DEVIATED: 10,
    Verdict.REGRESSION: 11,
    Verdict.INCONCLUSIVE: 12,
    Verdict.INVALID: 13,
    Verdict.NOT_RESTORED: 14,
    Verdict.ABORTED: 15,
    Verdict.INTERRUPTED: 130,
    Verdict.TERMINATED: 143,
}
USAGE_EXIT_CODE = 2
"""Instead of 1 when all that went wrong is the user's to mend."""

PRECEDENCE: tuple[Verdict, ...] = (
    Verdict.NOT_RESTORED,
    Verdict.ERROR,
    Verdict.INTERRUPTED,
    Verdict.TERMINATED,
    Verdict.ABORTED,
    Verdict.INVALID,
    Verdict.INCONCLUSIVE,
    Verdict.DEVIATED,
    Verdict.REGRESSION,
    Verdict.PASSED,
)


def overall(verdicts: Collection[Verdict]) -> Verdict:
    """The verdict of a run is the first of its findings in the order 14, 1, 130/143, 15, 13, 12, 10, 11, 0.

    No finding at all is inconclusive: silence is never green.
    """
    return next((verdict for verdict in PRECEDENCE if verdict in verdicts), Verdict.INCONCLUSIVE)
