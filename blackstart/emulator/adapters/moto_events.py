"""EventBridge: events of the emulated services reach the default bus, and rules deliver to their targets.

moto matches patterns (`EventPattern`) and keeps rules; its delivery is replaced, for events that callers put as well,
because it knows neither SNS nor `Input` and `InputPath`, sends time as a number, and fails the whole call on a target
that it does not know. Targets here: SQS queues, SNS topics, log groups, event buses and archives of this emulator. What
would need I/O or another service (Lambda, API destinations, ...) is told by `unserved`.

Sources: EventBridge user guide, "AWS service event metadata", "Amazon EventBridge input transformation".
"""

import json
import logging
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from blackstart.domain.unserved import Unserved, UnservedKind
from blackstart.emulator.adapters import moto_backends
from blackstart.emulator.adapters.patches import Patches
from blackstart.emulator.controllers.event_bus import Event

LOG = logging.getLogger(__name__)
SERVED = frozenset({"sqs", "sns", "logs", "events"})
LONGEST_CHAIN = 5
"""Buses that hand an event on to one another; AWS stops loops, too, at an unpublished count."""
_TOKEN = re.compile(r'\\.|"|<([\w.\-]+)>')


class MotoEvents:
    """An EventBus that delivers to the rules in moto's backends."""

    def __call__(self, event: Event) -> None:
        backend = _backend(event.account, event.region)
        bus = backend.event_buses.get("default") if backend is not None else None
        if bus is None or not any(rule.targets for rule in bus.rules.values()):
            return
        _to_rules(bus, envelope(event), 0)

    def install(self, patches: Patches) -> None:
        from moto.events.models import Rule

        patches.replace(Rule, "send_to_targets", lambda _: _sending)


def envelope(event: Event) -> dict[str, Any]:
    """An event as EventBridge delivers it."""
    return {
        "version": "0",
        "id": _new_id(),
        "detail-type": event.detail_type,
        "source": event.source,
        "account": event.account,
        "time": _moment(event.time_s),
        "region": event.region,
        "resources": list(event.resources),
        "detail": dict(event.detail),
    }


def unserved() -> Iterator[Unserved]:
    """Targets of enabled rules that get nothing, and schedules that never fire."""
    for backend in moto_backends.existing("events"):
        for bus in backend.event_buses.values():
            for rule in bus.rules.values():
                if rule.state != "DISABLED":
                    yield from _unserved_of(rule)


def _unserved_of(rule: Any) -> Iterator[Unserved]:
    def told(what: str) -> Unserved:
        return Unserved(kind=UnservedKind.OTHER, resource=rule.arn, reason=f"EventBridge rule {rule.name} {what}")

    if rule.scheduled_expression:
        yield told("has a schedule, and never fires by it")
    for target in rule.targets:
        if not _is_served(target["Arn"]):
            yield told(f"delivers nothing to {target['Arn']}")


def _is_served(arn: str) -> bool:
    service, resource = _service(arn), arn.split(":", 5)[-1]
    return service in SERVED and not resource.startswith("api-destination/")


def _sending(rule: Any, original_event: dict[str, Any], transform_input: bool = True) -> None:
    """In the place of moto's Rule.send_to_targets: one event that was put or replayed."""
    del transform_input
    time = original_event.get("time")
    moment = time if isinstance(time, str) and "T" in time else _moment(float(time or 0))
    if rule.state != "DISABLED":
        _to_targets(rule, {**original_event, "time": moment}, 0)


def _to_rules(bus: Any, event: dict[str, Any], chain: int) -> None:
    for rule in list(bus.rules.values()):
        if rule.state != "DISABLED":
            _to_targets(rule, event, chain)


def _to_targets(rule: Any, event: dict[str, Any], chain: int) -> None:
    """One target's failure is no other's: EventBridge retries and drops, the caller never hears of it."""
    matched = {name: value for name, value in event.items() if name != "ingestion-time"}
    if not rule.event_pattern.get_pattern() or not rule.event_pattern.matches_event(matched):
        return
    for target in rule.targets:
        if _is_served(target["Arn"]):
            try:
                _deliver(rule, target, matched, chain)
            except Exception as error:  # noqa: BLE001 - whatever a target does, the others get theirs
                LOG.warning("rule %s could not deliver to %s: %s", rule.name, target["Arn"], error)


def _deliver(rule: Any, target: Mapping[str, Any], event: dict[str, Any], chain: int) -> None:
    arn = target["Arn"]
    _, _, service, region, account, resource = arn.split(":", 5)
    if service == "events":
        if resource.startswith("event-bus/"):
            bus = _backend(account, region).event_buses[resource.removeprefix("event-bus/")]
            if chain < LONGEST_CHAIN:
                _to_rules(bus, event, chain + 1)
        else:
            _archive(rule, target, event)
        return
    text = message(target, event, rule.arn)
    if service == "sqs":
        _to_queue(account, region, resource, text, target)
    elif service == "sns":
        _service_backend("sns", account, region).publish(message=text, arn=arn)
    else:
        _to_log_group(_service_backend("logs", account, region), resource, text)


def message(target: Mapping[str, Any], event: dict[str, Any], rule_arn: str) -> str:
    """What a target gets: the whole event, a constant, a part of the event, or what the transformer makes of it."""
    if target.get("Input") is not None:
        return str(target["Input"])
    if target.get("InputPath"):
        found = _at(target["InputPath"], event)
        return json.dumps(found)
    transformer = target.get("InputTransformer")
    if transformer:
        return _transformed(transformer, event, rule_arn)
    return json.dumps(event)


def _transformed(transformer: Mapping[str, Any], event: dict[str, Any], rule_arn: str) -> str:
    """Placeholders replaced as EventBridge does: within quotes as text, elsewhere as JSON; unknown paths as nothing."""
    values: dict[str, Any] = {name: _at(path, event) for name, path in transformer.get("InputPathsMap", {}).items()}
    values |= {
        "aws.events.rule-arn": rule_arn,
        "aws.events.rule-name": rule_arn.rpartition("/")[2],
        "aws.events.event.ingestion-time": event["time"],
        "aws.events.event": {name: part for name, part in event.items() if name != "detail"},
        "aws.events.event.json": event,
    }
    quoted = False

    def put(found: re.Match[str]) -> str:
        nonlocal quoted
        if found[0] == '"':
            quoted = not quoted
        if found[1] not in values:  # a quote, an escape, or no placeholder
            return found[0]
        value = values[found[1]]
        as_json = json.dumps("" if value is None else value)
        if not quoted:
            return as_json
        return as_json[1:-1] if isinstance(value, str | None) else json.dumps(as_json)[1:-1]

    return _TOKEN.sub(put, str(transformer["InputTemplate"]))


def _at(path: str, event: dict[str, Any]) -> Any:
    from jsonpath_ng.ext.parser import parse

    found = parse(path).find(event)
    return found[0].value if found else None


def _to_queue(account: str, region: str, name: str, text: str, target: Mapping[str, Any]) -> None:
    group = target.get("SqsParameters", {}).get("MessageGroupId")
    _service_backend("sqs", account, region).send_message(queue_name=name, message_body=text, group_id=group)


def _to_log_group(backend: Any, resource: str, text: str) -> None:
    from moto.core.utils import unix_time_millis

    name, stream = resource.removeprefix("log-group:").removesuffix(":*"), _new_id()
    backend.create_log_stream(name, stream)
    backend.put_log_events(name, stream, [{"timestamp": int(unix_time_millis()), "message": text}])


def _archive(rule: Any, target: Mapping[str, Any], event: dict[str, Any]) -> None:
    """The rule that moto keeps for an archive names it in its transformer's template."""
    found = re.search(r":archive/([^:\"]+):", str(target.get("InputTransformer", {}).get("InputTemplate", "")))
    archive = _backend(rule.account_id, rule.region_name).archives.get(found[1]) if found else None
    if archive is not None:
        archive.events.append(event)


def _backend(account: str, region: str) -> Any:
    return _service_backend("events", account, region)


def _service_backend(service: str, account: str, region: str) -> Any:
    from moto import backends

    return backends.get_backend(service)[account][region]


def _service(arn: str) -> str:
    return arn.split(":")[2] if arn.count(":") >= 5 else ""


def _moment(time_s: float) -> str:
    return datetime.fromtimestamp(time_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _new_id() -> str:
    from moto.moto_api._internal import mock_random

    return str(mock_random.uuid4())
