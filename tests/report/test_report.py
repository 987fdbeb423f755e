"""Every output says the verdict, never green by mistake, and the page needs nothing from the network."""

import json
import re
from io import StringIO
from pathlib import Path
from xml.etree import ElementTree

import pytest
from judged_run_builder import JudgedRun, traffic
from rich.console import Console

from blackstart.domain.judgement import Judgement
from blackstart.domain.verdict import Verdict
from blackstart.judgement.judge import judge
from blackstart.report import console, html, junit
from blackstart.report.figure import figure
from blackstart.report.presentation import PRESENTATIONS, not_passed, to_do

GOOD = JudgedRun()
PASSED = GOOD.judged()
DEVIATED = GOOD.with_rows(traffic(detected_s=190.0)).judged()
INVALID = GOOD.changing("emulator_measured", probe_p99_real_s=0.41).judged()
EMPTY = judge("empty", [], [])
ALL = [PASSED, DEVIATED, INVALID, EMPTY]


def without_plotly(page: str) -> str:
    """The page's own part: Plotly's file names hosts of map tiles that this page never asks."""
    from plotly.offline import get_plotlyjs

    return page.replace(get_plotlyjs(), "")


def hero(page: str) -> str:
    return re.search(r'<section class="card hero.*?</section>', page, re.DOTALL).group()  # type: ignore[union-attr]


@pytest.mark.parametrize("judgement", ALL, ids=lambda each: each.verdict.value)
def test_the_page_asks_the_network_nothing(judgement: Judgement) -> None:
    own = without_plotly(html.render(judgement))
    assert not re.findall(r"""(?:src|href)\s*=\s*["'](?!data:)""", own)
    assert not re.findall(r"@import|url\(|fetch\(|XMLHttpRequest", own)


@pytest.mark.parametrize("judgement", ALL, ids=lambda each: each.verdict.value)
def test_the_first_thing_on_the_page_is_the_verdict_in_words_icon_and_exit_code(judgement: Judgement) -> None:
    first = hero(html.render(judgement))
    shown = PRESENTATIONS[judgement.verdict]
    assert f'class="card hero {shown.tone}"' in first
    assert f"<h1>{shown.word}</h1>" in first
    assert shown.icon in first
    assert f"exit code <b>{judgement.exit_code}</b>" in first
    assert f"restored <b>{judgement.restored.value}</b>" in first


def test_only_a_pass_looks_like_one() -> None:
    assert [verdict for verdict, shown in PRESENTATIONS.items() if shown.tone == "good"] == [Verdict.PASSED]
    assert set(PRESENTATIONS) == set(Verdict)
    assert all(shown.to_do for verdict, shown in PRESENTATIONS.items() if verdict is not Verdict.PASSED)


def test_a_page_that_is_not_green_says_what_to_do() -> None:
    first = hero(html.render(INVALID))
    assert "This is not a pass" in first
    assert "Run again with --speed 6." in first
    assert "for diagnosis only" in html.render(INVALID)
    assert "for diagnosis only" not in html.render(DEVIATED)


def test_commands_are_set_as_code_and_numbers_keep_their_units() -> None:
    assert str(html.typeset("after 76 s, see `blackstart plan <x>`")) == (
        "after 76\N{NO-BREAK SPACE}s, see <code>blackstart plan &lt;x&gt;</code>"
    )


def test_the_page_lists_what_failed_before_what_passed() -> None:
    page = without_plotly(html.render(DEVIATED))
    listed = re.findall(r'<span class="pill \w+">\S+ ([a-z-]+)</span>', page)
    assert listed[:2] == ["deviated", "deviated"]
    assert set(listed[2:]) == {"passed"}


def test_what_users_felt_stands_on_the_page_with_what_was_asked() -> None:
    page = without_plotly(html.render(DEVIATED))
    assert "580 <small>of 9,603</small>" in page
    assert "✕ 97.5 % asked" in page


def test_a_replacement_that_served_is_on_the_page_and_on_the_terminal() -> None:
    assert "back at 6 healthy, replacement served after 76 s" in without_plotly(html.render(PASSED))
    assert "  replacement: served after 76 s\n" in console.plain(PASSED)
    never = PASSED.model_copy(update={"headlines": PASSED.headlines.model_copy(update={"replacement_s": None})})
    assert "served after" not in console.plain(never)


def test_the_runbook_stands_beside_the_alarm_that_fired() -> None:
    assert "runbook: runbooks/healthy-hosts.md" in without_plotly(html.render(PASSED))


def test_text_from_outside_cannot_become_markup() -> None:
    evil = PASSED.model_copy(update={"title": "<script>alert(1)</script>", "activities": ("</pre><img src=x>",)})
    page = without_plotly(html.render(evil))
    assert "<script>alert(1)" not in page
    assert "<img" not in page


def test_a_name_inside_the_figure_cannot_end_its_script() -> None:
    band = PASSED.timeline.bands[0].model_copy(update={"lane": "target", "label": "</script><b>"})
    timeline = PASSED.timeline.model_copy(update={"bands": (band,)})
    page = without_plotly(html.render(PASSED.model_copy(update={"timeline": timeline})))
    assert "</script><b>" not in page


def test_the_figure_has_one_axis_of_time_for_all_its_rows() -> None:
    drawn = json.loads(json.dumps(figure(PASSED)))
    assert {trace["xaxis"] for trace in drawn["data"]} == {"x"}
    assert {trace["yaxis"] for trace in drawn["data"]} == {"y", "y2", "y3", "y4", "y5", "y6"}
    assert drawn["layout"]["xaxis"]["range"] == [-180.0, 480.0]
    assert any(shape["type"] == "rect" and shape["x1"] == 76.0 for shape in drawn["layout"]["shapes"])


def test_states_differ_by_hatching_and_not_by_colour_alone() -> None:
    bars = [trace for trace in figure(PASSED)["data"] if trace.get("orientation") == "h"]
    looks = {trace["name"]: trace["marker"]["pattern"]["shape"] for trace in bars}
    assert looks == {"healthy": "", "unhealthy": "x", "draining": "/", "initial": ".", "OK": "", "ALARM": "x"}


@pytest.mark.parametrize("judgement", ALL, ids=lambda each: each.verdict.value)
def test_junit_has_one_case_a_finding(judgement: Judgement) -> None:
    suite = ElementTree.fromstring(junit.render(judgement))
    assert int(suite.attrib["tests"]) == len(judgement.findings) == len(suite.findall("testcase"))
    broken = len(suite.findall("testcase/failure")) + len(suite.findall("testcase/error"))
    assert broken == len(not_passed(judgement)) == int(suite.attrib["failures"]) + int(suite.attrib["errors"])


def test_what_broke_is_a_failure_and_what_could_not_be_told_an_error() -> None:
    assert len(ElementTree.fromstring(junit.render(DEVIATED)).findall("testcase/failure")) == 2
    assert len(ElementTree.fromstring(junit.render(INVALID)).findall("testcase/error")) == 1


def test_a_run_without_findings_is_an_error_for_a_ci_too() -> None:
    silent = PASSED.model_copy(update={"findings": (), "verdict": Verdict.INCONCLUSIVE, "exit_code": 12})
    suite = ElementTree.fromstring(junit.render(silent))
    assert len(suite.findall("testcase/error")) == 1


def test_junit_survives_characters_that_xml_cannot_carry() -> None:
    odd = PASSED.findings[0].model_copy(update={"summary": "log: \x00\x1b[31m<&>"})
    rendered = junit.render(PASSED.model_copy(update={"findings": (odd,)}))
    assert "log: [31m<&>" in (ElementTree.fromstring(rendered).findtext("testcase/system-out") or "")


@pytest.mark.parametrize("judgement", ALL, ids=lambda each: each.verdict.value)
def test_a_pipe_gets_plain_lines_of_which_the_first_is_the_verdict(judgement: Judgement) -> None:
    out = StringIO()
    console.show(judgement, Path("runs/x"), Console(file=out, force_terminal=False))
    lines = out.getvalue().splitlines()
    assert lines[0] == f"{judgement.verdict.value.upper()}: {judgement.headline}"
    assert "\x1b" not in out.getvalue()
    assert lines[-1] == "report: runs/x/report.html"
    assert all(any(finding.summary in line for line in lines) for finding in not_passed(judgement))


def test_a_terminal_gets_the_same_facts_in_colour() -> None:
    out = StringIO()
    console.show(DEVIATED, Path("runs/x"), Console(file=out, force_terminal=True, width=200))
    assert "\x1b[" in out.getvalue()
    assert "580 of 9,603" in out.getvalue()
    assert "runs/x/report.html" in out.getvalue()


def test_advice_is_given_once() -> None:
    assert len(to_do(EMPTY)) == len(set(to_do(EMPTY)))
    assert to_do(PASSED) == ()


def test_the_judgement_comes_back_whole_from_its_json() -> None:
    assert Judgement.model_validate_json(PASSED.model_dump_json()) == PASSED
