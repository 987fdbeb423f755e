"""The status as a page for people: one file, nothing loaded from elsewhere, every name escaped."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING

from blackstart.domain.emulator_overview import InstanceStatus, Overview
from blackstart.domain.emulator_status import EmulatorStatus
from blackstart.domain.headroom import emulated_waits
from blackstart.domain.wording import lasting, ratio

if TYPE_CHECKING:
    from jinja2 import Template


def status_page(status: EmulatorStatus, links: Sequence[str] = ()) -> str:
    """The HTML of a status. links: paths on the same endpoint to point at."""
    return _template().render(
        status=status,
        waits=tuple(emulated_waits(status.measured, status.speed)),
        loose=_loose(status.overview) if status.overview is not None else (),
        links=links,
        moment=_moment,
        duration=lasting,
        ratio=ratio,
    )


def _loose(stack: Overview) -> tuple[InstanceStatus, ...]:
    """Instances of no Auto Scaling group; the others stand with theirs."""
    members = {member.instance_id for group in stack.scaling_groups for member in group.members}
    return tuple(each for each in stack.instances if each.instance_id not in members)


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
