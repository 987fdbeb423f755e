"""Listener rules as the ELB user guide's "Condition types for listener rules" and the elbv2 API describe them."""

import time
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blackstart.emulator.decisions.listener_rules import (
    Request,
    compiled_rules,
    first_match,
    host_without_port,
    normalized_path,
)
from blackstart.emulator.snapshot import Condition, ConditionField, FixedResponse, QueryPair, RuleSnapshot

HOST = ConditionField.HOST_HEADER
PATH = ConditionField.PATH_PATTERN
HEADER = ConditionField.HTTP_HEADER
METHOD = ConditionField.HTTP_REQUEST_METHOD
QUERY = ConditionField.QUERY_STRING
SOURCE = ConditionField.SOURCE_IP


def rule(*conditions: Condition, priority: int = 1) -> RuleSnapshot:
    action = FixedResponse(status_code=200, body=str(priority))
    return RuleSnapshot(arn=f"rule/{priority}", priority=priority, conditions=conditions, action=action)


def sent(**parts: Any) -> Request:
    fields = {"method": "GET", "host": "example.com", "target": "/", "headers": (), "source_ip": "203.0.113.9"}
    return Request.sent(**{**fields, **parts})


def meets(condition: Condition, **request: object) -> bool:
    return first_match(compiled_rules([rule(condition)]), sent(**request)) is not None


def values(field: ConditionField, *texts: str) -> Condition:
    return Condition(field=field, values=texts)


# --- host, path, header, method: tables of the guide


@pytest.mark.parametrize(
    ("pattern", "host", "expected"),
    [
        ("example.com", "example.com", True),
        ("example.com", "EXAMPLE.Com", True),
        ("EXAMPLE.com", "example.com:8080", True),
        ("*.example.com", "test.example.com", True),
        ("*.example.com", "a.b.example.com", True),
        ("*.example.com", "example.com", False),
        ("?.example.com", "a.example.com", True),
        ("?.example.com", ".example.com", False),
        ("example.com", "example.com.evil", False),
        ("example.com", "exampleXcom", False),
    ],
)
def test_hosts_are_compared_without_case_and_port(pattern: str, host: str, expected: bool) -> None:
    assert meets(values(HOST, pattern), host=host) is expected


@pytest.mark.parametrize(
    ("pattern", "target", "expected"),
    [
        ("/img/*", "/img/picture.jpg", True),
        ("/img/*", "/img/", True),
        ("/img/*", "/img", False),
        ("/img/*", "/IMG/picture.jpg", False),
        ("/img/*/pics", "/img/a/b/pics", True),
        ("/img/*/pics", "/img/pics", False),
        ("/a?c", "/abc", True),
        ("/a?c", "/ac", False),
        ("/img/*", "/other?next=/img/x", False),
        ("/img", "/img?x=1", True),
        ("/a&amp;b", "/a&b", True),
        ("/a&b", "/a&b", True),
        ("/a+b", "/aab", False),
        ("/$~\"'@:+_-.", "/$~\"'@:+_-.", True),
        ("/img/*", "/%69mg/x", True),
        ("/img/*", "/a/../img/x", True),
        ("/admin/*", "/img/../admin/x", True),
        ("/a/b", "/a%2fb", False),
        ("/a%2Fb", "/a%2fb", True),
        ("*", "*", True),
    ],
)
def test_paths_are_compared_with_case_without_the_query_after_normalization(
    pattern: str, target: str, expected: bool
) -> None:
    assert meets(values(PATH, pattern), target=target) is expected


@pytest.mark.parametrize(
    ("texts", "headers", "expected"),
    [
        (["*Chrome*", "*Safari*"], [(b"user-agent", b"Mozilla chrome/99")], True),
        (["*Chrome*", "*Safari*"], [(b"User-Agent", b"Firefox")], False),
        (["*Chrome*"], [(b"X-User-Agent", b"Chrome")], False),
        (["second"], [(b"User-Agent", b"first"), (b"user-agent", b"SECOND")], True),
        (["*"], [], False),
    ],
)
def test_a_headers_name_and_value_are_compared_without_case_over_all_its_occurrences(
    texts: list[str], headers: list[tuple[bytes, bytes]], expected: bool
) -> None:
    assert meets(Condition(field=HEADER, header="User-Agent", values=tuple(texts)), headers=headers) is expected


def test_a_method_must_be_the_same_to_the_letter() -> None:
    condition = values(METHOD, "CUSTOM-METHOD", "PUT")
    assert meets(condition, method="CUSTOM-METHOD")
    assert meets(condition, method="PUT")
    assert not meets(condition, method="put")
    assert not meets(values(METHOD, "P*"), method="PUT")


# --- query strings and source addresses


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/?version=v1", True),
        ("/?VERSION=V1", True),
        ("/?a=b&version=v1", True),
        ("/?version=v2", False),
        ("/?other=an+example+of", True),
        ("/?example=other", False),
        ("/version=v1", False),
        ("/?version=v1#version=v2", True),
        ("/?x=%65xample", True),
        ("/?x=%65xampl", False),
        ("/?v%65rsion=%761", True),
    ],
)
def test_the_guides_query_condition(target: str, expected: bool) -> None:
    """Source: the guide's example: "version=v1" or any key set to "*example*"."""
    pairs = (QueryPair(key="version", value="v1"), QueryPair(value="*example*"))
    assert meets(Condition(field=QUERY, pairs=pairs), target=target) is expected


@pytest.mark.parametrize(
    ("value", "query", "expected"),
    [(r"what\?", "what?", True), (r"what\?", "whatX", False), (r"\*", "*", True), (r"\*", "x", False)],
)
def test_a_backslash_makes_a_wildcard_an_ordinary_character(value: str, query: str, expected: bool) -> None:
    """Source: elbv2 API reference, QueryStringConditionConfig."""
    assert meets(Condition(field=QUERY, pairs=(QueryPair(key="q", value=value),)), target=f"/?q={query}") is expected


def test_a_source_address_is_the_connections_never_a_headers() -> None:
    condition = values(SOURCE, "192.0.2.0/24", "198.51.100.10/32", "2001:db8::/32")
    assert meets(condition, source_ip="192.0.2.200")
    assert meets(condition, source_ip="198.51.100.10")
    assert meets(condition, source_ip="2001:db8::7")
    assert not meets(condition, source_ip="198.51.100.11")
    assert not meets(condition, source_ip="203.0.113.9", headers=[(b"X-Forwarded-For", b"192.0.2.1")])
    assert not meets(condition, source_ip="")


# --- regular expressions


@pytest.mark.parametrize(
    ("condition", "request_fields", "expected"),
    [
        (Condition(field=HOST, regexes=(r"^(.*)\.example\.com$",)), {"host": "A.EXAMPLE.com:80"}, True),
        (Condition(field=HOST, regexes=(r"^(.*)\.example\.com$",)), {"host": "example.com"}, False),
        (Condition(field=PATH, regexes=(r"^\/api\/(.*)$",)), {"target": "/api/v1?x"}, True),
        (Condition(field=PATH, regexes=(r"^\/api\/(.*)$",)), {"target": "/API/v1"}, False),
        (Condition(field=HEADER, header="User-Agent", regexes=(".+",)), {"headers": [(b"User-Agent", b"x")]}, True),
        (Condition(field=HEADER, header="User-Agent", regexes=(".+",)), {"headers": [(b"User-Agent", b"")]}, False),
        (Condition(field=PATH, regexes=("(",)), {"target": "/("}, False),
        (Condition(field=PATH, regexes=(r"^(/\w+)*$",)), {"target": "/a" * 4_000 + "!"}, False),
    ],
)
def test_the_guides_regular_expressions(
    condition: Condition, request_fields: dict[str, object], expected: bool
) -> None:
    assert meets(condition, **request_fields) is expected


# --- rules


def test_all_conditions_of_a_rule_must_hold_and_any_value_of_a_condition() -> None:
    both = rule(values(HOST, "a.example.com", "b.example.com"), values(PATH, "/x/*"))
    rules = compiled_rules([both])
    assert first_match(rules, sent(host="b.example.com", target="/x/1")) is not None
    assert first_match(rules, sent(host="b.example.com", target="/y")) is None
    assert first_match(rules, sent(host="c.example.com", target="/x/1")) is None


def test_the_rule_with_the_lowest_priority_number_decides() -> None:
    rules = compiled_rules([rule(values(PATH, "*"), priority=20), rule(values(PATH, "/a*"), priority=3)])
    found = [first_match(rules, sent(target=target)) for target in ("/abc", "/xyz")]
    assert [one.priority for one in found if one] == [3, 20]


def test_without_a_matching_rule_the_default_action_decides() -> None:
    assert first_match(compiled_rules([rule(values(METHOD, "POST"))]), sent()) is None
    assert first_match((), sent()) is None


# --- properties

letters = st.text(alphabet="ab*?.\\/", max_size=8)


def naive_wildcard(pattern: str, text: str) -> bool:
    """By trying everything."""
    if not pattern:
        return not text
    if pattern[:2] in ("\\*", "\\?"):
        return text[:1] == pattern[1] and naive_wildcard(pattern[2:], text[1:])
    if pattern[0] == "*":
        return any(naive_wildcard(pattern[1:], text[start:]) for start in range(len(text) + 1))
    return bool(text) and pattern[0] in ("?", text[0]) and naive_wildcard(pattern[1:], text[1:])


@given(letters, letters)
def test_wildcards_agree_with_trying_everything(pattern: str, text: str) -> None:
    condition = Condition(field=HEADER, header="x", values=(pattern,))
    assert meets(condition, headers=[(b"X", text.encode())]) is naive_wildcard(pattern, text)


conditions = st.one_of(
    st.builds(values, st.just(HOST), st.sampled_from(["a.example.com", "*.example.com"])),
    st.builds(values, st.just(PATH), st.sampled_from(["/x/*", "/x/?", "/y"]), st.sampled_from(["/z", "*"])),
    st.builds(values, st.just(METHOD), st.sampled_from(["GET", "PUT"])),
    st.builds(values, st.just(SOURCE), st.sampled_from(["192.0.2.0/24", "0.0.0.0/0", "192.0.2.7/32"])),
)
requests = st.fixed_dictionaries(
    {
        "host": st.sampled_from(["A.example.com:80", "b.example.com", "example.com"]),
        "target": st.sampled_from(["/x/", "/x/1", "/x/12?y", "/y", "/z"]),
        "method": st.sampled_from(["GET", "PUT", "get"]),
        "source_ip": st.sampled_from(["192.0.2.7", "192.0.2.8", "198.51.100.1"]),
    }
)


def plainly_holds(condition: Condition, request: dict[str, str]) -> bool:
    """As the guide says it, without any preparation."""
    if condition.field is HOST:
        host = request["host"].split(":")[0].lower()
        return any(naive_wildcard(value.lower(), host) for value in condition.values)
    if condition.field is PATH:
        return any(naive_wildcard(value, request["target"].split("?")[0]) for value in condition.values)
    if condition.field is METHOD:
        return request["method"] in condition.values
    return any(ip_address(request["source_ip"]) in ip_network(value) for value in condition.values)


@given(
    st.lists(st.tuples(st.integers(1, 50), st.lists(conditions, max_size=3)), unique_by=lambda one: one[0]), requests
)
def test_rules_agree_with_a_plain_reading_of_the_guide(
    rules: list[tuple[int, list[Condition]]], request: dict[str, str]
) -> None:
    meeting = [number for number, wanted in rules if all(plainly_holds(one, request) for one in wanted)]
    found = first_match(compiled_rules([rule(*wanted, priority=number) for number, wanted in rules]), sent(**request))
    assert (found.priority if found else None) == min(meeting, default=None)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz")), max_size=4), st.sampled_from("abc"))
def test_query_pairs_agree_with_a_plain_search(pairs: list[tuple[str, str]], key: str) -> None:
    target = "/?" + "&".join(f"{name}={value}" for name, value in pairs)
    for value in "xyz":
        condition = Condition(field=QUERY, pairs=(QueryPair(key=key, value=value),))
        assert meets(condition, target=target) is ((key, value) in pairs)


@given(st.lists(st.sampled_from(["a", "b", ".", "..", ""]), max_size=6))
def test_a_normalized_path_has_no_dot_segments_and_stays_as_it_is(segments: list[str]) -> None:
    path = normalized_path("/" + "/".join(segments))
    assert path.startswith("/")
    assert not set(path.split("/")) & {".", ".."}
    assert normalized_path(path) == path


@pytest.mark.parametrize(
    ("path", "normalized"),
    [
        ("/a/./b", "/a/b"),
        ("/a/../b", "/b"),
        ("/a/b/..", "/a/"),
        ("/a/.", "/a/"),
        ("/..", "/"),
        ("/../../a/", "/a/"),
        ("/.a/b..", "/.a/b.."),
        ("/%7Ea/%2e%2E/b%2fc", "/b%2Fc"),
        ("/a//b", "/a//b"),
    ],
)
def test_paths_are_normalized_as_in_rfc_3986(path: str, normalized: str) -> None:
    """Source: RFC 3986, sections 5.2.4 and 6.2.2."""
    assert normalized_path(path) == normalized


def test_hosts_lose_their_port_and_nothing_else() -> None:
    hosts = ["a.b", "a.b:80", "[::1]", "[::1]:80", "::1", "a.b:", ""]
    assert [host_without_port(host) for host in hosts] == ["a.b", "a.b", "[::1]", "[::1]", "::1", "a.b", ""]


def test_a_hostile_header_cannot_make_wildcards_slow() -> None:
    condition = Condition(field=HEADER, header="x", values=("*a*a*a*a*b",))
    started = time.perf_counter()
    assert not meets(condition, headers=[(b"x", b"a" * 16_000)])
    assert time.perf_counter() - started < 0.5


@pytest.mark.parametrize("field", ConditionField)
def test_every_kind_of_condition_can_fail(field: ConditionField) -> None:
    condition = Condition(field=field, values=("1.2.3.4/32",), header="x", pairs=(QueryPair(value="v"),))
    assert not meets(condition)
