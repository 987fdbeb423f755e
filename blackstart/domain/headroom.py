"""How much of each virtual wait real work eats at a speed, and the highest speed at which it would leave enough."""

from collections.abc import Iterator
from math import floor

from blackstart.domain.journal import EmulatorMeasured
from blackstart.domain.model import Model

HEADROOM_ALLOWED = 0.5
LAG_ALLOWED = 0.05


class Wait(Model):
    """Something real that races against a virtual wait. what: with {} for the share in words.

    share_ratio: the part of the wait that it took; allowed_ratio: the most that keeps time. highest_speed: at which it
    would be just that; None when not even speed 1 would do, or nothing was measured.
    """

    name: str
    what: str
    share_ratio: float
    allowed_ratio: float
    highest_speed: float | None = None

    @property
    def kept(self) -> bool:
        return self.share_ratio <= self.allowed_ratio


def highest_speed(share: float, allowed: float, speed: float) -> float | None:
    """The speed at which a share would be what is allowed, rounded down (whole from 2, tenths below); None below 1."""
    most = speed * allowed / share
    if most < 1.0:
        return None
    return float(floor(most)) if most >= 2.0 else floor(most * 10.0) / 10.0


def raced(name: str, what: str, took_real_s: float, wait_s: float, allowed_ratio: float, speed: float) -> Wait:
    """Real work of took_real_s against a virtual wait of wait_s, above 0."""
    share = took_real_s * speed / wait_s
    most = highest_speed(share, allowed_ratio, speed) if share > 0 else None
    return Wait(name=name, what=what, share_ratio=share, allowed_ratio=allowed_ratio, highest_speed=most)


def emulated_waits(measured: EmulatorMeasured, speed: float) -> Iterator[Wait]:
    """The waits of the emulator's own; a client's timeout is the load generator's to know."""
    races = (
        (
            *("answer of a health check (p99)", "a health check's answer (p99) takes {} of its timeout"),
            *(measured.probe_p99_real_s, measured.shortest_timeout_s, HEADROOM_ALLOWED),
        ),
        (
            *("slowest start of an instance", "the slowest start of an instance takes {} of the grace period"),
            *(measured.boot_max_real_s, measured.shortest_grace_s, HEADROOM_ALLOWED),
        ),
        (
            *("late start of health checks (p99)", "health checks start late (p99) by {} of their interval"),
            *(measured.check_lag_p99_real_s, measured.shortest_interval_s, LAG_ALLOWED),
        ),
    )
    for name, what, took_real_s, wait_s, allowed in races:
        if wait_s:
            yield raced(name, what, took_real_s, wait_s, allowed, speed)
