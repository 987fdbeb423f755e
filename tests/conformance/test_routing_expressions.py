"""Regular expressions of listener rules: what they match, what is refused, and how long they take at the most.

Source: ELB user guide, "Listener rules" (what expressions do not support).
"""

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blackstart.emulator.decisions.expressions import UnsupportedExpressionError, searcher

PIECES = st.sampled_from(["a", "b", "_", "-", ".", "[ab]", "[^a]", r"\w", r"\W", r"\d", "^", "$", r"\b", r"\B"])
EXPRESSIONS = st.recursive(
    PIECES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map("".join),
        st.lists(inner, min_size=2, max_size=3).map(lambda ways: f"(?:{'|'.join(ways)})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "*?", "{2}", "{1,3}", "{2,}"])).map(
            lambda pair: f"({pair[0]}){pair[1]}"
        ),
        inner.map(lambda one: f"(?i:{one})"),
    ),
    max_leaves=6,
)


@settings(max_examples=60)
@given(EXPRESSIONS, st.lists(st.text("abAB_-1", min_size=1, max_size=8), min_size=1, max_size=4))
def test_an_expression_matches_what_pythons_own_does(expression: str, texts: list[str]) -> None:
    own = re.compile(expression)
    assert [searcher(expression)(text) for text in texts] == [own.search(text) is not None for text in texts]


@pytest.mark.parametrize(
    ("expression", "text", "expected"),
    [
        ("(?i)^/API$", "/api", True),
        ("(?i)a(?-i:b)", "AB", False),
        ("(?i)a(?-i:b)", "Ab", True),
        ("", "", True),
        ("a|", "x", True),
        (r"\.(jpe?g|png)$", "/img/a.jpeg", True),
        (r"\.(jpe?g|png)$", "/img/a.jpeg/b", False),
        (r"[0-9]{3,5}", "/12/1234", True),
        (r"^[0-9]{3,5}$", "123456", False),
    ],
)
def test_flags_ends_and_counts(expression: str, text: str, expected: bool) -> None:
    assert searcher(expression)(text) is expected


def test_letters_are_compared_without_case_where_that_is_asked_for() -> None:
    assert searcher("^a[b-d]$", ignore_case=True)("AC")
    assert not searcher("^a[b-d]$")("AC")


@pytest.mark.parametrize(
    "expression",
    ["(?=a)b", "(?!a)b", "(?<=a)b", "(?<!a)b", r"(a)\1", "(?>a)b", "a*+", "(?R)", "("],
)
def test_what_the_guide_excludes_is_refused(expression: str) -> None:
    with pytest.raises(UnsupportedExpressionError):
        searcher(expression)


@pytest.mark.parametrize("expression", ["a{60000}", "((a{99}){99}){99}"])
def test_an_expression_that_would_take_too_much_memory_is_refused(expression: str) -> None:
    with pytest.raises(UnsupportedExpressionError):
        searcher(expression)


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (r"^(\w+\s?)*$", "a" * 16_000 + "!"),
        ("(a*)*b", "a" * 16_000),
        ("(x+x+)+y", "x" * 16_000),
        (".*.*.*=.*", "a" * 16_000),
        ("(a|b)*a(a|b){60}c", "aababbabbbaab" * 1_000),
    ],
)
def test_no_expression_tries_one_way_after_the_other(expression: str, text: str) -> None:
    """The first would take Python's own search longer than the universe has existed."""
    begun = time.process_time()
    assert not searcher(expression)(text)
    assert time.process_time() - begun < 2.0
