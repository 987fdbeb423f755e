"""Monitoring, tested by the fault: the alarms that should have fired and did not, and those that fired besides."""

from collections.abc import Sequence

from blackstart.domain.experiment import AlarmExpectation
from blackstart.domain.journal import AlarmChanged
from blackstart.domain.judgement import Finding
from blackstart.domain.verdict import Verdict
from blackstart.domain.wording import listed, seconds
from blackstart.judgement.dependence import unserved_alarm
from blackstart.judgement.evidence import Evidence
from blackstart.judgement.measures import (
    ALARM,
    NO_DATA,
    concerned,
    describe,
    injected_zones,
    raised,
    runbook,
    states_at_injection,
)

NAME = "alarms"


def check(evidence: Evidence) -> Sequence[Finding]:
    """One finding for each expected alarm, and a note on the others. Without an injection there is nothing to expect.

    An alarm that watches a zone counts only when something was injected in that zone. Of one that stayed silent because
    the emulator does not act on it, `fidelity` tells.
    Deviated: late, silent, or not in the stack. Inconclusive: it never had data, or was in ALARM already.
    """
    if evidence.injected_s is None or evidence.experiment is None:
        return []
    expected = evidence.experiment.expectations.alarms
    findings = (_expected(evidence, alarm) for alarm in expected)
    return [
        *(finding for finding in findings if finding is not None),
        *_others(evidence, {alarm.name for alarm in expected}),
    ]


def _expected(evidence: Evidence, expected: AlarmExpectation) -> Finding | None:
    first = next((event for event in raised(evidence, expected.name) if concerned(evidence, event)), None)
    if first is None and unserved_alarm(evidence, expected.name) is not None:
        return None
    if first is None:
        return _silent(evidence, expected)
    after_s = evidence.relative_s(first.at_s)
    words, book = f"{describe(first)} went to ALARM after {seconds(after_s)}", _runbook(evidence, first)
    if after_s > expected.within_s:
        late_s = after_s - expected.within_s
        return _finding(expected, Verdict.DEVIATED, f"{words}, {seconds(late_s)} too late{book}.", after_s)
    return _finding(expected, Verdict.PASSED, f"{words}, {seconds(expected.within_s)} allowed{book}.", after_s)


def _runbook(evidence: Evidence, event: AlarmChanged) -> str:
    path = runbook(evidence, event)
    return f" (runbook: {path})" if path else ""


def _silent(evidence: Evidence, expected: AlarmExpectation) -> Finding:
    before, events = states_at_injection(evidence, expected.name), _events(evidence, expected.name)
    if not before and not events:
        zones = injected_zones(evidence)
        where = f" for {listed(sorted(zones))}" if zones else ""
        summary = f"The stack has no alarm {expected.name}{where}, so nobody would have been told."
        return _finding(expected, Verdict.DEVIATED, summary, advice="Declare the alarm, or mend its name here.")
    if before and set(before.values()) == {ALARM}:
        summary = f"{expected.name} was in ALARM before the injection, so it could not tell of it."
        return _finding(expected, Verdict.INCONCLUSIVE, summary, advice="Wait until it is OK before breaking anything.")
    if set(before.values()) == {NO_DATA} and all(event.state == NO_DATA for event in events):
        summary = f"{expected.name} never had data: whether it would have fired is unknown."
        return _finding(expected, Verdict.INCONCLUSIVE, summary, advice="Check the alarm's metric and dimensions.")
    watched_s = evidence.relative_s(evidence.end_s)
    summary = f"{expected.name} stayed silent for the {seconds(watched_s)} after the injection that were observed."
    return _finding(expected, Verdict.DEVIATED, summary)


def _events(evidence: Evidence, name: str) -> list[AlarmChanged]:
    return [event for event in evidence.alarms if event.name == name and concerned(evidence, event)]


def _others(evidence: Evidence, expected: set[str]) -> Sequence[Finding]:
    others = [event for event in raised(evidence) if event.name not in expected or not concerned(evidence, event)]
    if not others:
        return []
    told = [
        f"{describe(event)} after {seconds(evidence.relative_s(event.at_s))}{_runbook(evidence, event)}"
        for event in others
    ]
    summary = f"Also went to ALARM, without being expected: {listed(told)}."
    return [Finding(checker=NAME, subject="other alarms", verdict=Verdict.PASSED, summary=summary)]


def _finding(
    expected: AlarmExpectation, verdict: Verdict, summary: str, measured_s: float | None = None, advice: str = ""
) -> Finding:
    return Finding(
        checker=NAME,
        subject=f"alarm {expected.name}",
        verdict=verdict,
        summary=summary,
        measured=measured_s,
        limit=expected.within_s,
        unit="s",
        advice=advice,
    )
