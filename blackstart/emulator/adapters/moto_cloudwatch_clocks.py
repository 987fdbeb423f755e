"""Virtual and wall time in CloudWatch's API, and what its answers have in common.

A client that lives in wall time is met half-way, see `Clocks`.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

WALL_WINDOW_S = 60.0
"""Times this close to wall time are taken for a wall-clock client's "now"."""

Scope = tuple[str, str]
"""Account and region."""


class Clocks(NamedTuple):
    """now_s: virtual Unix seconds. wall_s: the Unix seconds that a client's own clock shows."""

    now_s: Callable[[], float]
    wall_s: Callable[[], float]

    def is_wall(self, time_s: float) -> bool:
        """Whether a time means "now" to someone who lives in wall time (and not rather in virtual time)."""
        from_wall = abs(time_s - self.wall_s())
        return from_wall <= WALL_WINDOW_S and from_wall < abs(time_s - self.now_s())

    def shift_s(self, end_s: float) -> float:
        """What to add to a query that ends at `end_s`: the distance between the clocks, or nothing."""
        return self.now_s() - self.wall_s() if self.is_wall(end_s) else 0.0


def unix_s(moment: datetime) -> float:
    """moto's times are naive and UTC."""
    return moment.replace(tzinfo=UTC).timestamp()


def moment(time_s: float) -> datetime:
    """Naive UTC, as moto keeps its times."""
    return datetime.fromtimestamp(time_s, UTC).replace(tzinfo=None)


def dimensions_of(dimensions: Sequence[Mapping[str, str]] | None) -> dict[str, str]:
    return {dimension["Name"]: dimension["Value"] for dimension in dimensions or ()}


def page(items: Sequence[Any], name: str, token: str | None, size: int) -> dict[str, Any]:
    """One page of an answer; the token is the number of the first item of the next."""
    from moto.cloudwatch.exceptions import InvalidParameterValue

    if token is not None and not token.isdigit():
        raise InvalidParameterValue("Request parameter NextToken is invalid")
    first = int(token or 0)
    more = {"NextToken": str(first + size)} if first + size < len(items) else {}
    return {name: list(items[first : first + size]), **more}
