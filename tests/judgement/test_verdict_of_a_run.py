"""The verdict of the synthetic run, good and bent: each bend gives the exit code that its reason asks for."""

import re
from collections.abc import Callable
from functools import cache

import pytest
from judged_run_builder import (
    EXPERIMENT,
    FAULT_S,
    INSTANCES,
    RATE_PER_S,
    RECOVERY_S,
    VICTIM,
    ZONES,
    JudgedRun,
    alarm,
    answered,
    completed,
    ns,
    target,
    the_stack,
    traffic,
    virtual,
)

from blackstart.domain.journal import (
    ApplyFailed,
    Reversibility,
    Reverted,
    RunFailed,
    RunJudged,
    RunPhase,
    StopRequested,
)
from blackstart.domain.judgement import Judgement
from blackstart.domain.recording import Outcome, RequestRow
from blackstart.domain.target_health import TargetState
from blackstart.domain.verdict import Restored, Verdict
from blackstart.judgement.evidence import Evidence
from blackstart.judgement.judge import judge, judge_by
from blackstart.judgement.registry import CHECKERS

GOOD = JudgedRun()
Bend = Callable[[JudgedRun], JudgedRun]


def stop(cause: str) -> Bend:
    return lambda run: run.adding((100.0, StopRequested.model_validate({"cause": cause, "detail": "asked to"})))


def load(**changes: float | int) -> Bend:
    marker = completed(len(GOOD.rows)).model_copy(update=changes)
    return lambda run: run.changing("load_finished", completed=marker)


def never_replaced(run: JudgedRun) -> JudgedRun:
    return run.where(lambda at_s, event: not (event.kind == "target_health" and at_s == 76.0))


def without_expectations(run: JudgedRun) -> JudgedRun:
    return run.asking(expectations={"alarms": EXPERIMENT["expectations"]["alarms"]})


def reversible(run: JudgedRun) -> JudgedRun:
    return run.changing("intent", reversibility=Reversibility.REVERSIBLE)


def back_at_five_as_asked(run: JudgedRun) -> JudgedRun:
    recovery = EXPERIMENT["expectations"]["recovery"] | {"healthy_targets": 5, "replacement_serves": False}
    return never_replaced(run).asking(expectations={"recovery": recovery})


def refused_yet_broken(run: JudgedRun) -> JudgedRun:
    broken = Reverted(injection="inj-1", restored=Restored.NO, detail="one is gone")
    return refused(run).adding((500.0, broken))


def flapping(run: JudgedRun) -> JudgedRun:
    return run.adding(target(470.0, list(INSTANCES)[3], TargetState.UNHEALTHY))


def without_the_alarm(run: JudgedRun) -> JudgedRun:
    return run.where(lambda _, event: not (event.kind == "alarm" and event.name == "healthy-hosts"))


def watched(looks: int = 900, gap_s: float = 12.0, began_s: float = 0.0) -> Bend:
    gap = {"looks": looks, "longest_gap_s": gap_s, "gap_began_s": virtual(began_s)}
    return lambda run: run.changing("watched", **gap)


def one_port_of_two_fails(run: JudgedRun) -> JudgedRun:
    """Another instance serves on a second port too, which goes unhealthy for good."""
    at_s, first = target(-240.0, list(INSTANCES)[3], TargetState.HEALTHY)
    second = first.model_copy(update={"port": 8081})
    return run.adding((at_s, second), (200.0, second.model_copy(update={"state": TargetState.UNHEALTHY}))).asking(
        expectations={"recovery": EXPERIMENT["expectations"]["recovery"] | {"healthy_targets": 7}}
    )


def alarms_all(state: str) -> Bend:
    alarms = tuple(each.model_copy(update={"state": state}) for each in the_stack().alarms)
    stack = the_stack().model_copy(update={"alarms": alarms})
    return lambda run: without_the_alarm(run).changing("stack", stack=stack)


def alarm_not_in_the_stack(run: JudgedRun) -> JudgedRun:
    return without_the_alarm(run).changing("stack", stack=the_stack().model_copy(update={"alarms": ()}))


def alarm_of(zone: str | None) -> Bend:
    return lambda run: without_the_alarm(run).adding(alarm(63.0, "healthy-hosts", "OK", "ALARM", zone))


def no_data_where_it_happened(run: JudgedRun) -> JudgedRun:
    alarms = tuple(
        each.model_copy(update={"state": "INSUFFICIENT_DATA"}) if each.zone == ZONES[0] else each
        for each in the_stack().alarms
    )
    return without_the_alarm(run).changing("stack", stack=the_stack().model_copy(update={"alarms": alarms}))


def no_alarm_where_it_happened(run: JudgedRun) -> JudgedRun:
    alarms = tuple(each for each in the_stack().alarms if each.zone != ZONES[0])
    return without_the_alarm(run).changing("stack", stack=the_stack().model_copy(update={"alarms": alarms}))


def measured(**changes: int) -> Bend:
    return lambda run: run.changing("emulator_measured", **changes)


def slow_for_their_timeout(run: JudgedRun) -> JudgedRun:
    """A client that gives up after 6 virtual seconds, at speed 10 after 0.6 s, and answers that take 0.4 s."""
    slow = [row.model_copy(update={"end_ns": row.intended_ns + 396_000_000}) for row in run.rows]
    return run.with_rows(slow).asking(load=EXPERIMENT["load"] | {"timeout_s": 6.0})


def failed_by_usage(run: JudgedRun) -> JudgedRun:
    return run.adding((5.0, RunFailed(error="no target opted in", way_out="Tag one.", usage=True)))


def hidden_instances(run: JudgedRun) -> JudgedRun:
    return run.with_rows([row.model_copy(update={"instance": ""}) for row in run.rows])


def no_replacement_answers(run: JudgedRun) -> JudgedRun:
    return run.with_rows(traffic(replaced_s=10_000.0))


def slow_answers(run: JudgedRun) -> JudgedRun:
    def slowed(row: RequestRow) -> RequestRow:
        return row.model_copy(update={"end_ns": row.end_ns + 400_000_000}) if ns(50) < row.intended_ns < ns(80) else row

    return run.with_rows([slowed(row) for row in run.rows])


def late_alarm(run: JudgedRun) -> JudgedRun:
    return without_the_alarm(run).adding(alarm(200.0, "healthy-hosts", "OK", "ALARM"))


def bad_baseline(run: JudgedRun) -> JudgedRun:
    rows = list(run.rows)
    rows[100:120] = [row.model_copy(update={"status": 503}) for row in rows[100:120]]
    return run.with_rows(rows)


def dropped_requests(run: JudgedRun) -> JudgedRun:
    rows = list(run.rows)
    dropped = {"outcome": Outcome.DROPPED, "status": 0, "instance": ""}
    rows[-400:-380] = [row.model_copy(update=dropped) for row in rows[-400:-380]]
    return run.with_rows(rows)


def thinned(run: JudgedRun) -> JudgedRun:
    """A third of the traffic, evenly spread, and the marker knows it."""
    rows = run.rows[::3]
    return run.with_rows(rows).changing("load_finished", completed=completed(len(rows)))


def asked_for_less(run: JudgedRun) -> JudgedRun:
    return thinned(run).asking(load=EXPERIMENT["load"] | {"rate_per_s": RATE_PER_S / 3})


def thin_in_the_fault(run: JudgedRun) -> JudgedRun:
    """Every tenth request of the fault phase was never planned."""
    rows = [row for n, row in enumerate(run.rows) if n % 10 or not ns(0) <= row.intended_ns < ns(FAULT_S)]
    return run.with_rows(rows).changing("load_finished", completed=completed(len(rows)))


def bad_rows_lost(run: JudgedRun) -> JudgedRun:
    """Users lost too much, and the rows that say so are gone: fewer than 1 % of all."""
    rows = traffic(detected_s=45.0)
    lost = [row for row in rows if not row.good][-100:]
    return run.with_rows([row for row in rows if row not in lost])


def short(phase: RunPhase, at_s: float) -> Bend:
    """The journal ends a phase early; the next one begins when it always did."""

    def bend(run: JudgedRun) -> JudgedRun:
        ended = [event for _, event in run.events if event.kind == "phase_ended" and event.phase is phase]
        return run.where(lambda _, event: event not in ended).adding((at_s, ended[0]))

    return bend


def cut_short(run: JudgedRun) -> JudgedRun:
    return run.with_rows([row for row in run.rows if row.intended_ns < ns(200)])


def nothing_noticed_nothing_felt(run: JudgedRun) -> JudgedRun:
    unseen = run.where(lambda _, event: not (event.kind == "target_health" and event.target_id == VICTIM))
    healthy = unseen.adding(target(-240.0, VICTIM, TargetState.HEALTHY))
    return healthy.with_rows([answered(at / 20, "i-1", 4.0) for at in range(-3600, 9600)])


def never_noticed_by_the_load_balancer(run: JudgedRun) -> JudgedRun:
    """The service is dead, users feel it, but the check is too slow to notice before the run ends."""
    unseen = run.where(lambda at_s, event: not (event.kind == "target_health" and at_s > 0))
    return unseen.with_rows(traffic(detected_s=10_000.0, replaced_s=10_000.0))


def refused(run: JudgedRun) -> JudgedRun:
    left = run.without("applied", "effect", "reverted")
    return left.adding((0.1, ApplyFailed(injection="inj-1", error="UnauthorizedOperation")))


def drill_without_emulator(run: JudgedRun) -> JudgedRun:
    return run.without("emulator_measured").changing("run_started", mode="drill")


def never_settled(run: JudgedRun) -> JudgedRun:
    """The targets never became healthy, so neither load nor fault began."""
    unheld = run.changing("hypothesis", held=False, details=("web: 0 healthy targets",))
    begun = ("load_started", "load_finished", "phase_started", "phase_ended", "intent", "applied", "effect", "reverted")
    return unheld.without(*begun).with_rows([])


BENDS: list[tuple[str, Bend, int, str]] = [
    ("nothing at all", lambda run: run, 0, "losing 1 of 6 instances"),
    ("a drill needs no emulator", drill_without_emulator, 0, "losing 1 of 6 instances"),
    ("users lost too much", lambda run: run.with_rows(traffic(detected_s=190.0)), 10, "7.16 percentage points too low"),
    ("answers were too slow", slow_answers, 10, "within 250 ms in the fault phase"),
    ("requests dropped in recovery", dropped_requests, 10, "recovery phase was 99.4"),
    ("the alarm stayed silent", without_the_alarm, 10, "stayed silent"),
    ("the alarm is not in the stack", alarm_not_in_the_stack, 10, "has no alarm healthy-hosts"),
    ("the alarm came late", late_alarm, 10, "20 s too late"),
    ("the alarm of another zone", alarm_of(ZONES[1]), 10, "healthy-hosts stayed silent"),
    ("an alarm of no zone", alarm_of(None), 0, "healthy-hosts went to ALARM after 63 s"),
    ("no data in the zone", no_data_where_it_happened, 12, "healthy-hosts never had data"),
    ("no alarm for the zone", no_alarm_where_it_happened, 10, "no alarm healthy-hosts for us-east-1a"),
    ("the target was never replaced", never_replaced, 10, "Only 5 of 6"),
    ("recovered, but not for good", flapping, 10, "Only 5 of 6"),
    ("the replacement never served", no_replacement_answers, 10, "No instance launched since"),
    ("noticed by users only", never_noticed_by_the_load_balancer, 10, "percentage points too low"),
    ("the alarm never had data", alarms_all("INSUFFICIENT_DATA"), 12, "never had data"),
    ("the alarm was on already", alarms_all("ALARM"), 12, "in ALARM before"),
    ("no fault was injected", lambda run: run.without("intent", "applied", "effect", "reverted"), 12, "no intent"),
    ("never applied", lambda run: run.without("applied"), 12, "never applied"),
    ("refused", refused, 12, "UnauthorizedOperation"),
    ("effect not looked for", lambda run: run.without("effect"), 12, "Nobody looked"),
    ("no effect", lambda run: run.changing("effect", seen=False, detail="still running"), 12, "still running"),
    ("said to work, but nothing changed", nothing_noticed_nothing_felt, 12, "no target's health changed"),
    ("baseline broken", bad_baseline, 12, "baseline was not met"),
    ("hypothesis not held", lambda run: run.changing("hypothesis", held=False), 12, "did not hold"),
    ("the steady state never came", never_settled, 12, "The load was never started"),
    ("hypothesis not checked", lambda run: run.without("hypothesis"), 12, "never checked"),
    ("unwell in the baseline", lambda r: r.adding(target(-90, VICTIM, TargetState.UNHEALTHY)), 12, "only 5 healthy"),
    ("too few requests to tell", asked_for_less, 12, "2,995 are needed"),
    ("less traffic than asked for", thinned, 13, "5,702 of them are needed"),
    ("less traffic in one phase", thin_in_the_fault, 13, "The fault phase got 5,402 requests"),
    ("fewer rows than planned", bad_rows_lost, 13, "could be the bad ones"),
    ("more rows than planned", lambda run: run.with_rows([*run.rows, run.rows[-1]]), 13, "holds 13,201 requests"),
    ("the fault phase was short", short(RunPhase.FAULT, 280.0), 12, "20 s of the 300 s of the fault phase"),
    ("the baseline was short", short(RunPhase.BASELINE, -20.0), 12, "20 s of the 180 s of the baseline phase"),
    ("short, because stopped", lambda r: stop("interrupted")(short(RunPhase.FAULT, 280.0)(r)), 130, "interrupted"),
    ("instances cannot be told apart", hidden_instances, 12, "names its instance"),
    (
        "a phase never ended",
        lambda run: run.where(lambda _, e: not (e.kind == "phase_ended" and e.phase is RunPhase.RECOVERY)),
        12,
        "a whole recovery phase",
    ),
    ("no clock", lambda run: drill_without_emulator(run).without("clock"), 12, "clock"),
    ("no request recorded", lambda run: run.with_rows([]), 13, "No request was recorded"),
    ("no end of the load", lambda run: run.without("load_finished"), 13, "never recorded"),
    ("no completion marker", lambda run: run.changing("load_finished", completed=None), 13, "no completion marker"),
    ("generator killed", lambda run: run.changing("load_finished", exit_code=None), 13, "had to be killed"),
    ("generator failed", lambda run: run.changing("load_finished", exit_code=1), 13, "exit code 1"),
    ("sent too little", load(sent=13_000), 13, "98.48 %"),
    ("recording too short for its marker", load(planned=20_000, sent=20_000), 13, "20,000 were planned"),
    ("sent too late", load(send_lag_p99_real_s=0.03), 13, "30.0 ms late"),
    ("generator too busy", load(cpu_ratio=0.93), 13, "93 % of a core"),
    ("recording stops half-way", cut_short, 13, "a hole of"),
    ("emulator not measured", lambda run: run.without("emulator_measured"), 13, "never said"),
    ("no probe succeeded", measured(probes_succeeded=0), 12, "No health check ever succeeded"),
    ("data plane restarted", measured(data_plane_restarts=1), 13, "itself failed: its data plane ended 1 time."),
    ("controllers failed", measured(controller_failures=3), 13, "itself failed: a controller raised 3 times."),
    ("requests too slow", slow_for_their_timeout, 13, "a good request (p99) takes 66 % of the client's timeout"),
    ("probes too slow", lambda run: run.changing("emulator_measured", probe_p99_real_s=0.41), 13, "82 % of"),
    ("boots too slow", lambda run: run.changing("emulator_measured", boot_max_real_s=4.0), 13, "grace period"),
    ("checks late", lambda run: run.changing("emulator_measured", check_lag_p99_real_s=0.08), 13, "interval"),
    ("how it was watched is not told", lambda run: run.without("watched"), 12, "does not say how closely"),
    ("nobody watched", watched(looks=0), 12, "No look at the targets was ever answered, 1 more"),
    ("not watched in the fault", watched(began_s=100.0), 12, "for 12 s from +100 s on, in the fault phase;"),
    ("not watched between phases", watched(began_s=290), 12, "in the fault phase and the recovery phase"),
    ("not watched after all phases", watched(began_s=FAULT_S + RECOVERY_S), 0, "the longest gap was 12 s"),
    ("one port of two never came back", one_port_of_two_fails, 10, "Only 6 of 7"),
    ("not restored", lambda r: never_replaced(r).changing("reverted", restored=Restored.NO), 14, "is NOT restored"),
    ("not restored, says the look", lambda r: r.changing("reverted", restored=Restored.NO), 14, "is NOT restored"),
    ("refused, but broken all the same", refused_yet_broken, 14, "one is gone"),
    ("no word on the revert", lambda r: reversible(r).without("reverted"), 12, "the journal says nothing of it"),
    ("revert without an answer", reversible, 12, "may not be restored: nothing to call"),
    ("never replaced, none expected", lambda r: without_expectations(never_replaced(r)), 12, "may not be restored"),
    ("never replaced, fewer expected", back_at_five_as_asked, 12, "may not be restored"),
    ("never replaced, never looked", lambda r: never_replaced(r).without("reverted"), 12, "may not be restored"),
    ("stop condition", stop("stop-condition"), 15, "A stop condition ended"),
    ("interrupted", stop("interrupted"), 130, "interrupted"),
    ("terminated", stop("terminated"), 143, "terminate"),
    ("usage", failed_by_usage, 2, "no target opted in"),
    ("usage, and a crash", lambda r: failed_by_usage(r).adding((6.0, RunFailed(error="gone"))), 1, "(and 1 more)"),
    ("usage, not restored", lambda r: failed_by_usage(r.changing("reverted", restored=Restored.NO)), 14, "is NOT"),
    ("usage, interrupted", lambda run: failed_by_usage(stop("interrupted")(run)), 2, "no target opted in"),
    ("crashed", lambda run: run.adding((5.0, RunFailed(error="the emulator went away"))), 1, "the emulator went away"),
]


@cache
def judged(bend: Bend) -> Judgement:
    return bend(GOOD).judged()


@pytest.mark.parametrize(("bend", "exit_code", "words"), [b[1:] for b in BENDS], ids=[b[0] for b in BENDS])
def test_each_reason_gives_its_own_exit_code_and_says_so(bend: Bend, exit_code: int, words: str) -> None:
    judgement = judged(bend)
    assert judgement.exit_code == exit_code, judgement.headline
    assert any(words in finding.summary for finding in judgement.findings) or words in judgement.headline


def test_the_good_run_says_in_one_sentence_what_it_cost() -> None:
    judgement = GOOD.judged()
    assert judgement.headline == (
        "Survived: losing 1 of 6 instances cost 58 of 9,603 requests over 17 s; back at 6 healthy targets after 76 s; "
        "first alarm after 63 s."
    )
    assert judgement.restored is Restored.YES
    assert {finding.verdict for finding in judgement.findings} == {Verdict.PASSED}


def test_the_headline_names_the_cause_before_its_consequences() -> None:
    assert never_settled(GOOD).judged().headline == (
        "Nothing proven: The steady state did not hold: web: 0 healthy targets (and 3 more)."
    )


def test_judging_twice_gives_the_same_document() -> None:
    assert GOOD.judged().model_dump_json() == JudgedRun().judged().model_dump_json()


def test_an_earlier_verdict_in_the_journal_changes_nothing() -> None:
    earlier = RunJudged(verdict=Verdict.ERROR, exit_code=1, restored=Restored.NO)
    assert JudgedRun([*GOOD.events, (900.0, earlier)], GOOD.rows).judged() == GOOD.judged()


def test_an_empty_journal_is_never_green() -> None:
    judgement = judge("empty", [], [])
    assert judgement.exit_code == 13
    assert judgement.title == "unknown experiment"
    assert judgement.restored is Restored.UNKNOWN


@pytest.mark.parametrize("lines", range(1, len(GOOD.events), 3))
def test_a_journal_cut_at_any_line_is_judged_and_never_green(lines: int) -> None:
    cut = JudgedRun(GOOD.events[:lines], GOOD.rows)
    assert cut.judged().verdict is not Verdict.PASSED


def test_a_missing_line_is_noticed_by_its_number() -> None:
    records = GOOD.records()
    judgement = judge("gap", [*records[:20], *records[21:]], GOOD.rows)
    assert judgement.exit_code == 12
    assert "line 20" in judgement.headline


def test_records_after_the_end_are_no_evidence_of_health_or_alarms() -> None:
    torn_down = [target(FAULT_S + 300, instance, None) for instance in INSTANCES]
    late = [*torn_down, alarm(FAULT_S + 301, "latency-p99", "OK", "ALARM")]
    assert JudgedRun([*GOOD.events, *late], GOOD.rows).judged() == GOOD.judged()


def test_a_checker_that_raises_is_an_error_that_names_it() -> None:
    def broken(evidence: Evidence) -> list[object]:
        raise ZeroDivisionError("a bug")

    judgement = judge_by([*CHECKERS, broken], "x", GOOD.records(), GOOD.rows)  # type: ignore[list-item]
    assert judgement.exit_code == 1
    assert "ZeroDivisionError: a bug" in judgement.headline


def test_no_checker_at_all_is_inconclusive() -> None:
    assert judge_by([], "x", GOOD.records(), GOOD.rows).verdict is Verdict.INCONCLUSIVE


def test_a_reversible_fault_without_a_word_on_its_revert_is_restored_unknown() -> None:
    run = GOOD.without("reverted").changing("intent", reversibility=Reversibility.REVERSIBLE)
    assert run.judged().restored is Restored.UNKNOWN


def test_the_last_word_on_the_revert_counts() -> None:
    first = (400.0, Reverted(injection="inj-1", restored=Restored.NO, detail="denied"))
    last = (700.0, Reverted(injection="inj-1", restored=Restored.YES, detail="whole again"))
    run = GOOD.without("reverted").adding(first, last).changing("intent", reversibility=Reversibility.REVERSIBLE)
    assert run.judged().restored is Restored.YES


def test_a_self_healing_fault_counts_by_the_health_that_was_observed() -> None:
    assert GOOD.changing("reverted", restored=Restored.UNKNOWN).judged().restored is Restored.YES
    assert GOOD.without("reverted").judged().restored is Restored.YES
    assert never_replaced(GOOD).judged().restored is Restored.UNKNOWN


def test_no_advice_names_a_command_that_does_not_exist() -> None:
    advice = {finding.advice for _, bend, _, _ in BENDS for finding in judged(bend).findings}
    commands = {command for text in advice for command in re.findall(r"`blackstart (\w+)", text)}
    assert commands == {"plan"}


@pytest.mark.parametrize(("mode", "words"), [("rehearse", "the emulator took everything"), ("drill", VICTIM)])
def test_what_is_left_to_do_depends_on_where_it_was_broken(mode: str, words: str) -> None:
    for bend in (stop("interrupted"), never_replaced):
        findings = bend(GOOD).changing("run_started", mode=mode).judged().findings
        assert any(words in finding.advice for finding in findings if finding.checker in ("ending", "restoration"))
