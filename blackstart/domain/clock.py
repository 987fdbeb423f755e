"""Virtual time: an affine function of CLOCK_MONOTONIC, the same in every process of a run.

`_s` in a name means virtual seconds (the seconds that AWS would have counted), `_real_s` wall seconds.
"""

from pydantic import Field

from blackstart.domain.model import Model


class Anchor(Model):
    """Where virtual time is fastened to the machine's monotonic clock.

    monotonic_ns: a reading of CLOCK_MONOTONIC. epoch_s: the virtual Unix time at that reading. speed: virtual seconds
    in one wall second, constant within a run (1 on AWS).
    """

    monotonic_ns: int
    epoch_s: float
    speed: float = Field(gt=0)

    def time_s(self, monotonic_ns: int) -> float:
        """Virtual Unix seconds at a monotonic reading."""
        return self.epoch_s + (monotonic_ns - self.monotonic_ns) / 1e9 * self.speed

    def monotonic_ns_at(self, time_s: float) -> int:
        """The monotonic reading at which virtual time is `time_s`."""
        return self.monotonic_ns + round((time_s - self.epoch_s) / self.speed * 1e9)

    def real_s(self, virtual_duration_s: float) -> float:
        """Wall seconds that a virtual duration takes."""
        return virtual_duration_s / self.speed
