"""JUnit XML, so that any CI shows each finding as a test case. Failed: it broke; errored: it could not be told."""

from xml.etree import ElementTree

from blackstart.domain.judgement import Finding, Judgement
from blackstart.domain.verdict import Verdict

FAILURES = (Verdict.DEVIATED, Verdict.REGRESSION)


def render(judgement: Judgement) -> str:
    """One test suite a run, one test case a finding; a run without findings has one errored case."""
    findings = judgement.findings or (_nothing(judgement),)
    end_s = judgement.timeline.end_s - min((band.start_s for band in judgement.timeline.bands), default=0.0)
    suite = ElementTree.Element(
        "testsuite",
        name=_legal(f"blackstart.{judgement.title}"),
        tests=str(len(findings)),
        failures=str(sum(finding.verdict in FAILURES for finding in findings)),
        errors=str(sum(finding.verdict not in (*FAILURES, Verdict.PASSED) for finding in findings)),
        time=f"{max(0.0, end_s) / judgement.speed:.3f}",
    )
    properties = ElementTree.SubElement(suite, "properties")
    for name in ("run", "stack", "mode", "seed", "speed", "verdict", "exit_code", "restored", "headline"):
        ElementTree.SubElement(properties, "property", name=name, value=_legal(str(getattr(judgement, name))))
    for finding in findings:
        _case(suite, finding)
    ElementTree.indent(suite)
    text: bytes = ElementTree.tostring(suite, encoding="utf-8", xml_declaration=True)
    return text.decode() + "\n"


def _nothing(judgement: Judgement) -> Finding:
    return Finding(checker="judge", subject="findings", verdict=judgement.verdict, summary=judgement.headline)


def _case(suite: ElementTree.Element, finding: Finding) -> None:
    name, classname = _legal(finding.subject), f"blackstart.{finding.checker}"
    case = ElementTree.SubElement(suite, "testcase", name=name, classname=classname)
    text = _legal("\n".join(line for line in (finding.summary, finding.advice) if line))
    if finding.verdict is Verdict.PASSED:
        ElementTree.SubElement(case, "system-out").text = text
        return
    kind = "failure" if finding.verdict in FAILURES else "error"
    outcome = ElementTree.SubElement(case, kind, type=finding.verdict.value, message=_legal(finding.summary))
    outcome.text = text


def _legal(text: str) -> str:
    """Without the characters that XML 1.0 cannot carry (a service's log may hold any)."""
    return "".join(char for char in text if char in "\t\n\r" or 0x20 <= ord(char) <= 0xD7FF or ord(char) >= 0xE000)
