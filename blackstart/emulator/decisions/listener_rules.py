"""Which rule of a listener a request meets.

Patterns are turned into compiled expressions once; a request is then compared field by field.

Source: ELB user guide, "Condition types for listener rules"; elbv2 API reference (the condition configurations).
Differs from AWS, because it is not published: "URI normalization" of a path is RFC 3986's, sections 6.2.2 and 5.2.4;
a query's keys and values are compared as sent and percent-decoded, whichever matches; regular expressions may match
anywhere unless they are anchored.
"""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import NamedTuple

from blackstart.emulator.decisions.expressions import UnsupportedExpressionError, searcher
from blackstart.emulator.snapshot import Action, Condition, ConditionField, QueryPair, RuleSnapshot

_ESCAPED_OCTET = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


class Request(NamedTuple):
    """What conditions look at. host: without port. path: normalized. headers: in their order, as sent.

    source_ip: of the connection, never from a header.
    """

    method: str
    host: str
    path: str
    query: str
    headers: Sequence[tuple[bytes, bytes]]
    source_ip: str

    @classmethod
    def sent(
        cls, method: str, host: str, target: str, headers: Sequence[tuple[bytes, bytes]], source_ip: str
    ) -> "Request":
        """From the parts as the client sent them. host: the Host header. target: of the request line."""
        path, _, query = target.partition("#")[0].partition("?")
        return cls(method, host_without_port(host), normalized_path(path), query, headers, source_ip)


Matches = Callable[[Request], bool]


class CompiledRule(NamedTuple):
    """A rule ready to be compared with requests. matches: whether all conditions hold."""

    priority: int
    action: Action
    matches: Matches


def compiled_rules(rules: Sequence[RuleSnapshot]) -> tuple[CompiledRule, ...]:
    """The rules in the order of their priority, the lowest number first."""
    return tuple(
        CompiledRule(rule.priority, rule.action, _all([_CONDITIONS[one.field](one) for one in rule.conditions]))
        for rule in sorted(rules, key=lambda rule: rule.priority)
    )


def first_match(rules: Sequence[CompiledRule], request: Request) -> CompiledRule | None:
    """The rule that decides; None when the listener's default action does."""
    for rule in rules:
        if rule.matches(request):
            return rule
    return None


def normalized_path(path: str) -> str:
    """The path that patterns are compared with: unreserved characters decoded, dot segments removed.

    path: in origin form, without a query.
    """
    if "%" in path:
        path = _ESCAPED_OCTET.sub(_unreserved_only, path)
    return _without_dot_segments(path) if "/." in path else path


def host_without_port(host: str) -> str:
    """A Host header's name or address: `[::1]:80` is `[::1]`."""
    name, colon, port = host.rpartition(":")
    return name if colon and (port.isdecimal() or not port) and (":" not in name or name.endswith("]")) else host


def _all(conditions: Sequence[Matches]) -> Matches:
    """One after the other until one fails; nested, which is faster than a loop for so few."""
    if not conditions:
        return lambda _: True
    first, *others = conditions
    if not others:
        return first
    rest = _all(others)
    return lambda request: first(request) and rest(request)


def _host(condition: Condition) -> Matches:
    found = _text_matcher(condition, re.IGNORECASE)
    return lambda request: found(request.host)


def _path(condition: Condition) -> Matches:
    plain = condition.model_copy(update={"values": tuple(one.replace("&amp;", "&") for one in condition.values)})
    found = _text_matcher(plain, re.NOFLAG)
    return lambda request: found(request.path)


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
        for name, text in _query_pairs(request.query)
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
    """Whether any of a condition's patterns or regular expressions fits; an expression that is refused fits nothing."""
    patterns = "|".join(f"(?:{_wildcard(value)})" for value in condition.values) or "(?!)"
    whole = re.compile(patterns, flags | re.DOTALL).fullmatch
    ignore_case = bool(flags & re.IGNORECASE)
    anywhere = tuple(found for text in condition.regexes if (found := _expression(text, ignore_case)) is not None)
    if not anywhere:
        return lambda text: whole(text) is not None
    return lambda text: whole(text) is not None or any(found(text) for found in anywhere)


def _wildcard(pattern: str) -> str:
    r"""An expression for `*` any characters, `?` exactly one, `\*` and `\?` themselves.

    Each part after a `*` is sought once and never given up again, so that a hostile request cannot make the
    comparison slow.
    """
    first, *others = [_literal(part) for part in re.split(r"(?<!\\)\*+", pattern)]
    if not others:
        return first
    *middle, last = others
    return first + "".join(f"(?>.*?{part})" for part in middle if part) + ".*" + last


def _literal(part: str) -> str:
    pieces = re.findall(r"\\[*?]|[?]|[^?\\]+|\\", part)
    return "".join(
        "." if piece == "?" else re.escape(piece[-1] if piece in ("\\*", "\\?") else piece) for piece in pieces
    )


def _expression(text: str, ignore_case: bool) -> Callable[[str], bool] | None:
    try:
        return searcher(text, ignore_case)
    except UnsupportedExpressionError:
        return None


def _compiled_pair(pair: QueryPair) -> tuple[re.Pattern[str] | None, re.Pattern[str]]:
    flags = re.IGNORECASE | re.DOTALL
    key = None if pair.key is None else re.compile(_wildcard(pair.key), flags)
    return key, re.compile(_wildcard(pair.value), flags)


def _query_pairs(query: str) -> list[tuple[str, str]]:
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
