"""What controllers ask of the place that runs the instances' services."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

Done = Callable[[int], None]


class ServiceHost(Protocol):
    """key: the instance's id. done: called with the number of processes that were reached."""

    def start(
        self, key: str, argv: Sequence[str], env: Mapping[str, str], log: str, probe: tuple[str, int] | None
    ) -> None: ...

    def signal(
        self, key: str, number: int, whom: str, done: Done | None = None, kill_after_real_s: float | None = None
    ) -> None: ...

    def kill(self, key: str, done: Done | None = None) -> None: ...
