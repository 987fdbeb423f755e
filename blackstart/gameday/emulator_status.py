"""`blackstart emulator status`: what an emulator says of itself and its stack, at a glance."""

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from blackstart.domain.emulator_overview import (
    AlarmStatus,
    LoadBalancerStatus,
    Overview,
    ScalingGroupStatus,
    TargetGroupStatus,
    TargetStatus,
    Traffic,
)
from blackstart.domain.emulator_status import PAGE_PATH, EmulatorStatus
from blackstart.domain.errors import EmulatorError
from blackstart.domain.headroom import emulated_waits
from blackstart.domain.wording import count, ending, lasting, ratio, several

WATCH_REAL_S = 1.0
WIDEST = 100
UNBROKEN = 2000
STYLES = {
    "healthy": "green",
    "InService": "green",
    "OK": "green",
    "running": "green",
    "active": "green",
    "unhealthy": "bold red",
    "ALARM": "bold red",
    "initial": "yellow",
    "draining": "yellow",
    "INSUFFICIENT_DATA": "yellow",
}
IN_DNS = {True: Text("in DNS", style="green"), False: Text("not in DNS", style="yellow"), None: Text("")}


def show_status(status: EmulatorStatus) -> None:
    """Print it once: in colours and no wider than `WIDEST` on a terminal, in unbroken lines elsewhere."""
    _print(_console(), describe(status))


def watch(read: Callable[[], EmulatorStatus]) -> None:
    """Show it anew each second until Ctrl-C; an emulator that goes away is told, and waited for."""
    console = _console()
    if not console.is_terminal:
        while True:
            _print(console, _now(read))
            time.sleep(WATCH_REAL_S)
    with Live(console=console, screen=True, auto_refresh=False, vertical_overflow="crop") as live:
        while True:
            live.update(Group(*_now(read), Text("Ctrl-C ends this", style="dim")), refresh=True)
            time.sleep(WATCH_REAL_S)


def watch_json(read: Callable[[], EmulatorStatus]) -> None:
    """One JSON object a second until Ctrl-C. Raises EmulatorError when the emulator goes away."""
    while True:
        print(read().model_dump_json(), flush=True)
        time.sleep(WATCH_REAL_S)


def describe(status: EmulatorStatus) -> Iterator[RenderableType]:
    """The parts from top to bottom; what is wrong comes first."""
    yield _head(status)
    yield from _trouble(status)
    if status.overview is not None:
        yield from _stack(status.overview, status.virtual_time_s)
    yield from _timekeeping(status)
    yield _processes(status)
    yield from _unserved(status)


def _console() -> Console:
    """Nothing in a name is markup."""
    if not sys.stdout.isatty():
        return Console(width=UNBROKEN, highlight=False, soft_wrap=True, markup=False, emoji=False)
    width = min(Console().width, WIDEST)
    return Console(width=width, highlight=False, markup=False, emoji=False)


def _print(console: Console, parts: Iterable[RenderableType]) -> None:
    if console.is_terminal:
        console.print(Group(*parts))
        return
    with console.capture() as captured:
        console.print(Group(*parts))
    print("\n".join(line.rstrip() for line in captured.get().splitlines()), flush=True)


def _now(read: Callable[[], EmulatorStatus]) -> list[RenderableType]:
    try:
        return list(describe(read()))
    except EmulatorError as error:
        return [Text(str(error), style="bold red")]


def _head(status: EmulatorStatus) -> Table:
    table = _table()
    state = Text("ready", style="bold green") if status.ready else Text("not ready", style="bold red")
    moment = f"{datetime.fromtimestamp(status.virtual_time_s, UTC):%Y-%m-%d %H:%M:%S} UTC, speed {status.speed:g}"
    table.add_row(Text("emulator", style="bold"), Text.assemble(status.endpoint, "  ", state, "  ", moment))
    table.add_row("page", Text(status.endpoint + PAGE_PATH))
    table.add_row("DNS", f"{status.dns.address}:{status.dns.port}")
    if status.ca_bundle:
        table.add_row("CA bundle", Text(status.ca_bundle))
    if status.capacity:
        table.add_row("capacity", ", ".join(f"{pool} {number}" for pool, number in status.capacity.items()))
    return table


def _trouble(status: EmulatorStatus) -> Iterator[RenderableType]:
    for problem in status.problems:
        yield Text(f"problem: {problem}", style="bold red")
    for failed in status.failed_services:
        yield Text(f"failed service: {failed.instance_id} {ending(failed.exit_code)}", style="bold red")
        for line in failed.log_tail.strip().splitlines()[-3:]:
            yield Text(f"    {line}", style="dim")
    for failure in status.failures:
        yield Text(f"of the emulator itself: {failure}", style="yellow")


def _stack(overview: Overview, now_s: float) -> Iterator[RenderableType]:
    if not overview.load_balancers and not overview.scaling_groups and not overview.instances:
        yield _title("nothing is deployed here yet", "")
    for balancer in overview.load_balancers:
        yield from _load_balancer(balancer)
    for group in overview.target_groups:
        yield from _target_group(group, now_s)
    for scaling in overview.scaling_groups:
        yield from _scaling_group(scaling, now_s)
    if overview.alarms:
        yield from _alarms(overview.alarms, now_s)
    if overview.network:
        yield _title("cut off by the network", "")
        yield from (Text(f"  {line}", style="yellow") for line in overview.network)
    yield from _loose_instances(overview)


def _load_balancer(balancer: LoadBalancerStatus) -> Iterator[RenderableType]:
    yield _title("load balancer", balancer.name, _state(balancer.state), Text(_traffic(balancer.traffic)))
    yield Text(f"  {balancer.dns_name}")
    if balancer.shifted_zone:
        yield Text(f"  zonal shift away from {balancer.shifted_zone}", style="yellow")
    table = _table()
    for node in balancer.nodes:
        table.add_row("", "node", node.zone, node.address, IN_DNS[node.in_dns])
    for listener in balancer.listeners:
        more = f", {several(listener.rules, 'rule')}" if listener.rules else ""
        ports = f"{listener.port} on {listener.served_port}" if listener.port != listener.served_port else listener.port
        table.add_row("", "listener", listener.protocol, str(ports), Text(listener.action + more))
    yield table


def _target_group(group: TargetGroupStatus, now_s: float) -> Iterator[RenderableType]:
    whole = f"{group.healthy} of {len(group.targets)} healthy"
    style = "green" if group.healthy == len(group.targets) else "yellow"
    behind = f"behind {group.load_balancer}" if group.load_balancer else "behind no load balancer"
    zones = "" if group.cross_zone else ", cross-zone off"
    yield _title("target group", group.name, Text(whole, style=style), Text(f"{behind}, {group.algorithm}{zones}"))
    if group.failing_open:
        yield Text(f"  failing open in {', '.join(group.failing_open)}: too few targets are healthy", style="bold red")
    if group.traffic.requests:
        yield Text(f"  {_traffic(group.traffic)}")
    table = _table()
    for zone, targets in group.by_zone().items():
        for target in targets:
            table.add_row("", zone, f"{target.target_id}:{target.port}", *_health(target, now_s))
    yield table


def _health(target: TargetStatus, now_s: float) -> tuple[Text, Text]:
    """State and why; the nodes by name when they do not agree."""
    since = max((opinion.since_s for opinion in target.opinions.values()), default=None)
    words = [target.reason or "", target.description]
    if since is not None and target.state in ("healthy", "unhealthy"):
        words.append(f"for {lasting(now_s - since)}")
    if len({opinion.state for opinion in target.opinions.values()}) > 1:
        words.append("nodes: " + ", ".join(f"{zone} {o.state}" for zone, o in target.opinions.items()))
    return _state(target.state), Text("  ".join(word for word in words if word))


def _scaling_group(group: ScalingGroupStatus, now_s: float) -> Iterator[RenderableType]:
    whole = group.in_service == group.desired
    capacity = Text(f"{group.in_service} of {group.desired} in service", style="green" if whole else "yellow")
    yield _title("Auto Scaling group", group.name, capacity, Text(f"min {group.min}, max {group.max}"))
    by_zone = Counter(member.zone for member in group.members)
    if by_zone:
        yield Text(
            "  " + ", ".join(f"{several(number, 'member')} in {zone}" for zone, number in sorted(by_zone.items()))
        )
    table = _table()
    for member in sorted(group.members, key=lambda each: (each.zone, each.instance_id)):
        if (member.lifecycle, member.health) != ("InService", "Healthy"):
            table.add_row("", member.zone, member.instance_id, _state(member.lifecycle), Text(member.health))
    for each in sorted(group.warm, key=lambda each: (each.zone, each.instance_id)):
        table.add_row("", each.zone, each.instance_id, _state(each.lifecycle), Text(each.health))
    for activity in group.activities:
        words = Text(f"{activity.description} {activity.message}".strip())
        table.add_row("", f"{lasting(now_s - activity.started_s)} ago", _state(activity.status), words)
    if table.row_count:
        yield table
    if group.refresh:
        yield Text(f"  instance refresh: {group.refresh}", style="yellow")
    if group.suspended:
        yield Text(f"  suspended: {', '.join(group.suspended)}", style="yellow")


def _alarms(alarms: tuple[AlarmStatus, ...], now_s: float) -> Iterator[RenderableType]:
    yield _title("alarms", "")
    table = _table()
    for alarm in sorted(alarms, key=lambda each: (each.state != "ALARM", each.name)):
        since = "" if alarm.since_s is None else f"for {lasting(now_s - alarm.since_s)}"
        table.add_row("", _state(alarm.state), Text(alarm.name), since)
    yield table


def _loose_instances(overview: Overview) -> Iterator[RenderableType]:
    if loose := overview.loose_instances():
        yield _title("other instances", "")
        table = _table()
        for each in loose:
            service = f"serves as process {each.pid}" if each.pid else "no service"
            table.add_row("", each.zone, each.instance_id, _state(each.state), Text(f"{each.private_ip}  {service}"))
        yield table


def _timekeeping(status: EmulatorStatus) -> Iterator[RenderableType]:
    yield _title("time", "", Text(f"control plane late by {status.lag_real_s * 1000:.0f} ms"))
    table = _table()
    for wait in emulated_waits(status.measured, status.speed):
        style = "green" if wait.kept else "bold red"
        most = f"up to speed {wait.highest_speed:g}" if wait.highest_speed else ""
        share = Text(f"{ratio(wait.share_ratio)} of {ratio(wait.allowed_ratio)} allowed", style=style)
        table.add_row("", wait.name, share, most)
    if table.row_count:
        yield table


def _processes(status: EmulatorStatus) -> RenderableType:
    services = sum(each.pid is not None for each in status.overview.instances) if status.overview else 0
    words = [
        f"{each.name} {each.pid or 'is down'}" + (f" ({several(each.restarts, 'restart')})" if each.restarts else "")
        for each in status.processes
    ]
    priority = Text(f"data plane at {status.data_plane_priority} priority")
    return _title("processes", "", priority, Text(", ".join([*words, several(services, "service")])))


def _unserved(status: EmulatorStatus) -> Iterator[RenderableType]:
    if status.unserved:
        yield _title("declared, but without effect here", "")
        for line in status.unserved:
            yield Text(f"  {line}")


def _title(kind: str, name: str, *rest: Text) -> Text:
    parts: list[Text] = [Text(name, style="bold cyan")] if name else []
    return Text.assemble("\n", Text(kind, style="bold"), "  ", Text("  ").join([*parts, *rest]))


def _table() -> Table:
    return Table.grid(padding=(0, 2))


def _state(state: str) -> Text:
    return Text(state, style=STYLES.get(state, ""))


def _traffic(traffic: Traffic) -> str:
    if not traffic.requests:
        return "no requests lately"
    bad = f", {count(traffic.elb_5xx)} ELB 5xx, {count(traffic.target_5xx)} target 5xx"
    return f"{count(traffic.requests)} requests in the last {traffic.window_s:.0f} s{bad}"
