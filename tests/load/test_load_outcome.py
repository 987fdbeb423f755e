import errno

import pytest

from blackstart.domain.recording import Outcome
from blackstart.load.outcome import outcome_of
from blackstart.load.resolver import UnresolvedError


@pytest.mark.parametrize(
    ("problem", "outcome"),
    [
        (UnresolvedError("web.example"), Outcome.UNRESOLVED),
        (OSError(errno.ECONNREFUSED, "refused"), Outcome.REFUSED),
        (OSError(errno.ECONNRESET, "reset"), Outcome.RESET),
        (OSError(errno.EPIPE, "broken pipe"), Outcome.RESET),
        (OSError(errno.ECONNABORTED, "aborted"), Outcome.RESET),
        (OSError(errno.ETIMEDOUT, "the kernel gave up"), Outcome.TIMEOUT),
        (OSError(errno.EHOSTUNREACH, "no route"), Outcome.ERROR),
        (OSError(errno.EMFILE, "too many open files"), Outcome.ERROR),
        (ValueError("garbage"), Outcome.ERROR),
    ],
)
def test_each_failure_has_its_own_outcome(problem: Exception, outcome: Outcome) -> None:
    assert outcome_of(problem) is outcome
