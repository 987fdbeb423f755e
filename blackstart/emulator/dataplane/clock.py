"""Virtual time in this process: the control plane's anchor over the machine's monotonic clock."""

import time

from blackstart.domain.clock import Anchor

_monotonic_ns = time.monotonic_ns


class VirtualClock:
    """Reads CLOCK_MONOTONIC; everything else is the anchor's arithmetic."""

    def __init__(self, anchor: Anchor) -> None:
        self.anchor = anchor
        self._begin_ns, self._epoch_s, self._speed = anchor.monotonic_ns, anchor.epoch_s, anchor.speed

    def now_s(self) -> float:
        """Virtual Unix seconds, by the anchor's arithmetic: written out, because every request asks several times."""
        return self._epoch_s + (_monotonic_ns() - self._begin_ns) / 1e9 * self._speed

    def real_s(self, virtual_duration_s: float) -> float:
        """Wall seconds that a virtual duration takes."""
        return self.anchor.real_s(virtual_duration_s)

    def real_until_s(self, time_s: float) -> float:
        """Wall seconds from now until a virtual time; negative once it has passed."""
        return (self.anchor.monotonic_ns_at(time_s) - time.monotonic_ns()) / 1e9
