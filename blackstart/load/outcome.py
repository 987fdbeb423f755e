"""What went wrong with a request, in the words of the recording."""

from ssl import SSLEOFError, SSLZeroReturnError

from blackstart.domain.recording import Outcome
from blackstart.load.resolver import UnresolvedError


def outcome_of(problem: BaseException) -> Outcome:
    """Name the way a request failed to get a complete answer.

    A connection that ends before the answer is complete counts as reset, whether the peer sent RST or FIN. TimeoutError
    is the kernel's ETIMEDOUT; the client's own deadline has the same outcome. A certificate that is not trusted or not
    for the host, and anything unforeseen, is `error`, so that it shows.
    """
    match problem:
        case UnresolvedError():
            return Outcome.UNRESOLVED
        case ConnectionRefusedError():
            return Outcome.REFUSED
        case (
            ConnectionResetError() | BrokenPipeError() | ConnectionAbortedError() | SSLEOFError() | SSLZeroReturnError()
        ):
            return Outcome.RESET
        case TimeoutError():
            return Outcome.TIMEOUT
        case _:
            return Outcome.ERROR
