"""Figures as people read them: in findings, reports and on the terminal."""

from collections.abc import Sequence


def count(number: int) -> str:
    return f"{number:,}"


def seconds(duration_s: float) -> str:
    """Virtual seconds: one decimal below ten, none above."""
    return f"{duration_s:.1f} s" if abs(duration_s) < 10 else f"{duration_s:.0f} s"


def lasting(duration_s: float) -> str:
    """A duration that goes on: 40 s, 12 min, 3 h 05 min."""
    whole = max(0, int(duration_s))
    if whole < 120:
        return f"{whole} s"
    if whole < 2 * 3600:
        return f"{whole // 60} min"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def ratio(share: float) -> str:
    """A share in percent, with as many digits as it takes to tell it from 0 % and 100 %: 0.6 %, 97 %, 99.03 %."""
    percent = share * 100.0
    for digits in range(5):
        text = f"{percent:.{digits}f}"
        if abs(float(text) - percent) <= 0.01 * min(percent, 100.0 - percent):
            return f"{text} %"
    return f"{percent:.4f}".rstrip("0").rstrip(".") + " %"


def points(difference: float) -> str:
    """A difference of two shares in percentage points."""
    text = f"{difference * 100.0:.3g}"
    return f"{text} percentage points"


def several(number: int, one: str) -> str:
    return f"{count(number)} {one}" if number == 1 else f"{count(number)} {one}s"


def ending(exit_code: int) -> str:
    """How a process ended, negative codes being signals: ended with code 3, was killed by signal 9."""
    return f"was killed by signal {-exit_code}" if exit_code < 0 else f"ended with code {exit_code}"


def listed(words: Sequence[str]) -> str:
    """a / a and b / a, b and c."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
