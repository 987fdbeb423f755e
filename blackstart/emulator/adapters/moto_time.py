"""moto's clock is ours: its `utcnow` is replaced before the modules that import it by name are loaded.

`unix_time` and the ISO helpers of `moto.core.utils` call `utcnow` by their module's name, so they follow. What moto
reads with `datetime.now()` or `time.time()` stays in wall time (see the ledger).
"""

import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from blackstart.domain.clock import Anchor

_anchor: Anchor | None = None
_original: Callable[[], datetime] | None = None


def now_s(anchor: Anchor) -> float:
    """Virtual Unix seconds now."""
    return anchor.time_s(time.monotonic_ns())


def datetime_at(time_s: float) -> datetime:
    """Naive UTC, as moto keeps its times."""
    return datetime.fromtimestamp(time_s, UTC).replace(tzinfo=None)


def utcnow() -> datetime:
    """The virtual time, or the wall's when no anchor is set."""
    time_s = time.time() if _anchor is None else now_s(_anchor)
    return datetime_at(time_s)


def install(anchor: Anchor | None) -> None:
    """Make moto live at this anchor; None gives it wall time back."""
    global _anchor, _original  # noqa: PLW0603 - moto's clock is a module global, so ours has to be
    _anchor = anchor
    if _original is not None:
        return
    from moto.core import utils

    _original = utils.utcnow
    for name, module in list(sys.modules.items()):
        if name.startswith("moto.") and getattr(module, "utcnow", None) is _original:
            _replace(module)


def _replace(module: Any) -> None:
    module.utcnow = utcnow
