from hypothesis import given
from hypothesis import strategies as st

from blackstart.domain.verdict import EXIT_CODES, PRECEDENCE, Verdict, overall

verdicts = st.lists(st.sampled_from(Verdict), max_size=8)


@given(verdicts)
def test_a_run_passes_only_when_it_has_findings_and_all_of_them_passed(found: list[Verdict]) -> None:
    assert (overall(found) is Verdict.PASSED) == (bool(found) and set(found) == {Verdict.PASSED})


@given(verdicts, st.sampled_from(Verdict))
def test_another_finding_never_makes_a_verdict_milder(found: list[Verdict], another: Verdict) -> None:
    before = overall(found) if found else Verdict.PASSED
    assert PRECEDENCE.index(overall([*found, another])) <= PRECEDENCE.index(before)


def test_the_order_is_that_of_the_published_table() -> None:
    assert [EXIT_CODES[verdict] for verdict in PRECEDENCE] == [14, 1, 130, 143, 15, 13, 12, 10, 11, 0]
