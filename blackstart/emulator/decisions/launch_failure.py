"""What a launch that EC2 refused says about the next ones: where, and when, they are tried again.

Source: EC2 Auto Scaling user guide, "Troubleshoot: EC2 instance launch failures" (which refusals are about a zone).
Differs from AWS: how often it tries again is not published; here the pause doubles with each failure in a row.
"""

from typing import NamedTuple

ZONAL_CODES = frozenset(
    {
        "InsufficientCapacity",
        "InsufficientFreeAddressesInSubnet",
        "InsufficientHostCapacity",
        "InsufficientInstanceCapacity",
        "InsufficientReservedInstanceCapacity",
        "InvalidSubnetID.NotFound",
        "SpotMaxPriceTooLow",
        "Unsupported",
    }
)
"""Refusals that another zone, subnet or instance type may not meet."""


class LaunchFailure(NamedTuple):
    """The last of one or several failures in a row. retry_s: no launch before; None: the pause is over."""

    pause_s: float
    retry_s: float | None


def failed_again(before: LaunchFailure | None, first_s: float, longest_s: float, now_s: float) -> LaunchFailure:
    """One more failure. first_s: the pause after the first one."""
    pause_s = first_s if before is None else min(longest_s, before.pause_s * 2)
    return LaunchFailure(pause_s, now_s + pause_s)


def waits(failure: LaunchFailure | None) -> bool:
    """Whether no launch is to be tried yet."""
    return failure is not None and failure.retry_s is not None
