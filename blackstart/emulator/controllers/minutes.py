"""Virtual minutes as they end."""

from collections.abc import Iterator


class Minutes:
    """Which whole minutes have ended since the last look; none before the first one."""

    def __init__(self) -> None:
        self._next_s: float | None = None

    def ended(self, now_s: float) -> Iterator[float]:
        """The starts of the minutes that have ended since, oldest first. A look inside a minute costs nothing."""
        if self._next_s is None:
            self._next_s = now_s // 60 * 60 + 60
        while self._next_s <= now_s:
            yield self._next_s - 60
            self._next_s += 60
