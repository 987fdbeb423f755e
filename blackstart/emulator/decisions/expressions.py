"""Regular expressions of listener rules, in time that grows only with the text.

RE2 leaves out what the guide leaves out, and never tries one way after the other: no expression stalls the data plane,
whatever a request holds.

Source: ELB user guide, "Listener rules" (no lookaheads, lookbehinds, backreferences, atomic groups, possessive
quantifiers, subroutines, recursion). The rest of AWS's syntax is not published: here it is RE2's.
"""

from collections.abc import Callable
from functools import lru_cache

import re2

MOST_MEMORY_BYTES = 8 * 1024 * 1024
"""An expression that repeats more than fits (`((a{99}){99}){99}`) is refused."""


class UnsupportedExpressionError(ValueError):
    """No regular expression, or one with a feature that listener rules do not have."""


@lru_cache(maxsize=512)
def searcher(text: str, ignore_case: bool = False) -> Callable[[str], bool]:
    """Whether an expression matches anywhere in what it is called with. Raises UnsupportedExpressionError."""
    options = re2.Options()
    options.case_sensitive = not ignore_case
    options.log_errors = False
    options.max_mem = MOST_MEMORY_BYTES
    try:
        search = re2.compile(text, options).search
    except re2.error as error:
        raise UnsupportedExpressionError(_reason(error)) from error
    return lambda searched: search(searched) is not None


def _reason(error: re2.error) -> str:
    (what,) = error.args
    return what.decode() if isinstance(what, bytes) else str(what)
