"""The status as a page for people: one file, nothing loaded from elsewhere, every name escaped."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING

from blackstart.domain.emulator_status import EmulatorStatus
from blackstart.domain.headroom import emulated_waits
from blackstart.domain.wording import ending, lasting, ratio

if TYPE_CHECKING:
    from jinja2 import Template


def status_page(status: EmulatorStatus, links: Sequence[str] = ()) -> str:
    """The HTML of a status. links: paths on the same endpoint to point at."""
    return _template().render(
        status=status,
        waits=tuple(emulated_waits(status.measured, status.speed)),
        loose=status.overview.loose_instances() if status.overview is not None else (),
        links=links,
        moment=_moment,
        duration=lasting,
        ending=ending,
        ratio=ratio,
    )


def _moment(time_s: float) -> str:
    return f"{datetime.fromtimestamp(time_s, UTC):%Y-%m-%d %H:%M:%S} UTC"


@cache
def _template() -> "Template":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("blackstart.emulator"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("status.html")
