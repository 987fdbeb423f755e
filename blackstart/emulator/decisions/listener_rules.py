"""Which rule of a listener a request meets.

Patterns are turned into compiled expressions once; a request is then compared field by field.

Source: ELB user guide, "Condition types for listener rules"; elbv2 API reference (the condition configurations).
Differs from AWS, because it is not published: "URI normalization" of a path is RFC 3986's, sections 6.2.2 and 5.2.4;
a query's keys and values are compared as sent and percent-decoded, whichever matches; regular expressions are Python's
and may match anywhere unless they are anchored.
"""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import NamedTuple

from blackstart.emulator.snapshot import Action, Condition, ConditionField, QueryPair, RuleSnapshot

_ESCAPED_OCTET = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


class Request(NamedTuple):
    """What conditions look at, as the client sent it. host: the Host header. target: path and query.

    source_ip: of the connection, never from a header. headers: in their order.
    """

    method: str
    host: str
    target: str
    headers: Sequence[tuple[bytes, bytes]]
    source_ip: str


Matches = Callable[[Request], bool]


class CompiledRule(NamedTuple):
    """A rule ready to be compared with requests."""

    priority: int
    action: Action
    conditions: tuple[Matches, ...]

    def matches(self, request: Request) -> bool:
        """Whether all conditions hold."""
        return all(condition(request) for condition in self.conditions)


def compiled_rules(rules: Sequence[RuleSnapshot]) -> tuple[CompiledRule, ...]:
    """The rules in the order of their priority, the lowest number first."""
    return tuple(
        CompiledRule(rule.priority, rule.action, tuple(_CONDITIONS[one.field](one) for one in rule.conditions))
        for rule in sorted(rules, key=lambda rule: rule.priority)
    )


def first_match(rules: Sequence[CompiledRule], request: Request) -> CompiledRule | None:
    """The rule that decides; None when the listener's default action does."""
    return next((rule for rule in rules if rule.matches(request)), None)


def normalized_path(target: str) -> str:
    """The path that patterns are compared with: no query, unreserved characters decoded, dot segments removed.

    target: as in the request line; an absolute URL counts from its path on.
    """
    path = target.partition("?")[0].partition("#")[0]
    if not path.startswith("/") and "://" in path:
        path = "/" + path.partition("://")[2].partition("/")[2]
    if "%" in path:
        path = _ESCAPED_OCTET.sub(_unreserved_only, path)
    return _without_dot_segments(path) if "/." in path else path


def host_without_port(host: str) -> str:
    """A Host header's name or address: `[::1]:80` is `[::1]`."""
    name, colon, port = host.rpartition(":")
    return name if colon and (port.isdecimal() or not port) and (":" not in name or name.endswith("]")) else host


def _host(condition: Condition) -> Matches:
    found = _text_matcher(condition, re.IGNORECASE)
    return lambda request: found(host_without_port(request.host))


def _path(condition: Condition) -> Matches:
    plain = condition.model_copy(update={"values": tuple(one.replace("&amp;", "&") for one in condition.values)})
    found = _text_matcher(plain, re.NOFLAG)
    return lambda request: found(normalized_path(request.target))


def _header(condition: Condition) -> Matches:
    found = _text_matcher(condition, re.IGNORECASE)
    name = condition.header.lower().encode("latin-1", "replace")
    return lambda request: any(found(value.decode("latin-1")) for key, value in request.headers if key.lower() == name)


def _method(condition: Condition) -> Matches:
    methods = frozenset(condition.values)
    return lambda request: request.method in methods


def _query(condition: Condition) -> Matches:
    wanted = tuple(_compiled_pair(pair) for pair in condition.pairs)
    return lambda request: any(
        (key is None or _either(key, name)) and _either(value, text)
        for name, text in _query_pairs(request.target)
        for key, value in wanted
    )


def _source_ip(condition: Condition) -> Matches:
    networks = tuple(network for text in condition.values if (network := _network(text)) is not None)
    return lambda request: (
        (address := _address(request.source_ip)) is not None
        and any(address.version == network.version and address in network for network in networks)
    )


_CONDITIONS: dict[ConditionField, Callable[[Condition], Matches]] = {
    ConditionField.HOST_HEADER: _host,
    ConditionField.PATH_PATTERN: _path,
    ConditionField.HTTP_HEADER: _header,
    ConditionField.HTTP_REQUEST_METHOD: _method,
    ConditionField.QUERY_STRING: _query,
    ConditionField.SOURCE_IP: _source_ip,
}


def _text_matcher(condition: Condition, flags: re.RegexFlag) -> Callable[[str], bool]:
    """Whether any of a condition's patterns or regular expressions fits; an invalid expression fits nothing."""
    whole = tuple(_wildcard(value, flags) for value in condition.values)
    anywhere = tuple(found for text in condition.regexes if (found := _expression(text, flags)) is not None)
    return lambda text: any(one.fullmatch(text) for one in whole) or any(one.search(text) for one in anywhere)


def _wildcard(pattern: str, flags: re.RegexFlag) -> re.Pattern[str]:
    r"""`*` any characters, `?` exactly one, `\*` and `\?` themselves.

    Each part after a `*` is sought once and never given up again, so that a hostile request cannot make the
    comparison slow.
    """
    parts = [_literal(part) for part in re.split(r"(?<!\\)\*+", pattern)]
    first, *others = parts
    if not others:
        return re.compile(first, flags | re.DOTALL)
    *middle, last = others
    return re.compile(first + "".join(f"(?>.*?{part})" for part in middle if part) + ".*" + last, flags | re.DOTALL)


def _literal(part: str) -> str:
    pieces = re.findall(r"\\[*?]|[?]|[^?\\]+|\\", part)
    return "".join(
        "." if piece == "?" else re.escape(piece[-1] if piece in ("\\*", "\\?") else piece) for piece in pieces
    )


def _expression(text: str, flags: re.RegexFlag) -> re.Pattern[str] | None:
    try:
        return re.compile(text, flags)
    except re.error:
        return None


def _compiled_pair(pair: QueryPair) -> tuple[re.Pattern[str] | None, re.Pattern[str]]:
    key = None if pair.key is None else _wildcard(pair.key, re.IGNORECASE)
    return key, _wildcard(pair.value, re.IGNORECASE)


def _query_pairs(target: str) -> list[tuple[str, str]]:
    query = target.partition("?")[2].partition("#")[0]
    return [(name, value) for part in query.split("&") if part for name, _, value in (part.partition("="),)]


def _either(pattern: re.Pattern[str], text: str) -> bool:
    if pattern.fullmatch(text):
        return True
    return "%" in text and pattern.fullmatch(_percent_decoded(text)) is not None


def _percent_decoded(text: str) -> str:
    octets = _ESCAPED_OCTET.sub(lambda found: chr(int(found[1], 16)), text)
    return octets.encode("latin-1", "replace").decode("utf-8", "replace")


def _unreserved_only(found: "re.Match[str]") -> str:
    character = chr(int(found[1], 16))
    return character if character in _UNRESERVED else found[0].upper()


def _without_dot_segments(path: str) -> str:
    """RFC 3986, section 5.2.4, of a path that begins with a slash."""
    kept: list[str] = []
    segments = path.split("/")[1:]
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)


def _network(text: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None


@lru_cache(maxsize=1024)
def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None
