"""From journal and recording to a judgement: the same input gives the same output, always."""

from collections.abc import Sequence

from blackstart.domain.journal import EmulatorMeasured, Record
from blackstart.domain.judgement import Finding, Judgement
from blackstart.domain.recording import RequestRow
from blackstart.domain.verdict import EXIT_CODES, USAGE_EXIT_CODE, Verdict, overall
from blackstart.judgement.checkers.predictions import predictions
from blackstart.judgement.checkers.restoration import restored
from blackstart.judgement.evidence import Evidence, read
from blackstart.judgement.figures import figures
from blackstart.judgement.headline import headline, headlines
from blackstart.judgement.log import actions, activities
from blackstart.judgement.registry import CHECKERS, Checker
from blackstart.judgement.timeline import timeline


def judge(run: str, records: Sequence[Record], rows: Sequence[RequestRow]) -> Judgement:
    """Judge one run.

    run: its name. records: the journal, as far as it was written. rows: the recording, [] when there is none.
    Never raises for a short or odd journal: what is missing is a finding, and no finding at all is inconclusive.
    """
    return judge_by(CHECKERS, run, records, rows)


def judge_by(checkers: Sequence[Checker], run: str, records: Sequence[Record], rows: Sequence[RequestRow]) -> Judgement:
    """Judge with other checkers than the built-in ones."""
    evidence = read(run, records, rows)
    findings = tuple(finding for checker in checkers for finding in _ask(checker, evidence))
    verdict = overall([finding.verdict for finding in findings])
    answers = headlines(evidence)
    started, measured = evidence.started, evidence.last(EmulatorMeasured)
    experiment = evidence.experiment
    return Judgement(
        run=run,
        title=experiment.title if experiment else "unknown experiment",
        mode=started.mode if started else "rehearse",
        stack=experiment.stack if experiment else "",
        seed=experiment.seed if experiment else 0,
        speed=evidence.speed,
        started_s=next((evidence.time_s(record) for record in evidence.records if record.time_s > 0), 0.0),
        verdict=verdict,
        exit_code=_exit_code(verdict, findings),
        restored=restored(evidence),
        headline=headline(evidence, verdict, findings, answers),
        headlines=answers,
        findings=findings,
        figures=figures(evidence),
        predictions=predictions(evidence),
        timeline=timeline(evidence),
        actions=actions(evidence),
        activities=activities(evidence),
        unserved=measured.unserved if measured else (),
        description=experiment.description if experiment else "",
        experiment_path=started.experiment_path if started else "",
        version=started.version if started else "",
        machine=started.machine if started else {},
    )


def _exit_code(verdict: Verdict, findings: Sequence[Finding]) -> int:
    """The verdict's own, except for an error that is only the user's to mend: that one ends as a wrong command does."""
    usage = verdict is Verdict.ERROR and all(each.usage for each in findings if each.verdict is Verdict.ERROR)
    return USAGE_EXIT_CODE if usage else EXIT_CODES[verdict]


def _ask(checker: Checker, evidence: Evidence) -> Sequence[Finding]:
    """A checker's findings; one that raises is an error that names it, never silence."""
    try:
        return checker(evidence)
    except Exception as error:  # noqa: BLE001  whatever a checker raises must turn up in the verdict
        name = checker.__module__.rpartition(".")[2]
        summary = f"The checker {name} crashed: {type(error).__name__}: {error}"
        return [Finding(checker=name, subject="the judge itself", verdict=Verdict.ERROR, summary=summary)]
