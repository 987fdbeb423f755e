"""The journal survives a crash, and never loses or invents a line."""

import json
from pathlib import Path

import pytest
import yaml

from blackstart.domain.clock import Anchor
from blackstart.domain.errors import DocumentError, UsageError
from blackstart.domain.experiment import Experiment
from blackstart.domain.journal import PhaseStarted, RunPhase, RunStarted
from blackstart.domain.slo import Slo
from blackstart.gameday.journal_file import JournalFile, read_journal, refuse_while_written


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journal.ndjson"


def write(path, *phases):
    with JournalFile(path) as journal:
        journal.keep_time_by(Anchor(monotonic_ns=0, epoch_s=1000.0, speed=10))
        return [journal.append(PhaseStarted(phase=phase)) for phase in phases]


def test_what_is_appended_is_read_back_in_order(path):
    written = write(path, RunPhase.START, RunPhase.DEPLOY)
    assert read_journal(path) == written
    assert [record.seq for record in written] == [0, 1]


def test_lines_carry_virtual_time(path):
    (record,) = write(path, RunPhase.START)
    assert record.time_s == pytest.approx(1000.0 + record.monotonic_ns / 1e8)


def test_a_last_line_that_a_crash_cut_short_is_left_out(path):
    written = write(path, RunPhase.START, RunPhase.DEPLOY)
    path.write_bytes(path.read_bytes()[:-20])
    assert read_journal(path) == written[:1]


def test_a_damaged_line_in_the_middle_is_an_error_with_its_number(path):
    write(path, RunPhase.START, RunPhase.DEPLOY)
    lines = path.read_text().splitlines()
    record = json.loads(lines[0])
    record["event"]["phase"] = "lunch"
    path.write_text("\n".join([json.dumps(record), lines[1]]) + "\n")
    with pytest.raises(DocumentError, match=r"journal\.ndjson:1: .*phase"):
        read_journal(path)


def test_an_old_journal_is_never_written_over(path):
    write(path, RunPhase.START)
    with pytest.raises(FileExistsError):
        JournalFile(path)


def test_the_whole_experiment_and_its_slos_survive_the_way_to_disk(path):
    root = Path(__file__).parents[2]
    experiment = Experiment.model_validate(yaml.safe_load((root / "chaos/crash-service.yaml").read_text()))
    slos = tuple(Slo.model_validate(yaml.safe_load((root / name).read_text())) for name in experiment.load.slos)
    started = RunStarted(mode="rehearse", version="0", experiment_path="x", experiment=experiment, slos=slos)
    with JournalFile(path) as journal:
        journal.append(started)
    assert read_journal(path)[0].event == started


def test_a_write_that_takes_only_a_part_is_gone_on_with(path):
    class Reluctant:
        def __init__(self, file):
            self.file = file

        def write(self, data):
            return self.file.write(data[:10])

        def __getattr__(self, name):
            return getattr(self.file, name)

    with JournalFile(path) as journal:
        journal._file = Reluctant(journal._file)
        written = [journal.append(PhaseStarted(phase=phase)) for phase in (RunPhase.START, RunPhase.DEPLOY)]
    assert read_journal(path) == written


def test_a_run_that_is_still_going_is_not_judged(path):
    with JournalFile(path) as journal:
        journal.append(PhaseStarted(phase=RunPhase.START))
        with pytest.raises(UsageError, match="still going"):
            refuse_while_written(path)
    refuse_while_written(path)
