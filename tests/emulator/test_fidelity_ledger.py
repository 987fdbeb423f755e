"""docs/fidelity.md is held to the code, and its figures to its rows."""

import ast
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import yaml
from pydantic.fields import FieldInfo

from blackstart.emulator.parameters import Parameters

ROOT = Path(__file__).parents[2]
LEDGER = (ROOT / "docs" / "fidelity.md").read_text()
CASES = ROOT / "tests" / "http_correctness" / "cases"
SECTIONS = (
    "Parameters",
    "Time and counts",
    "The emulator itself",
    "Load balancers",
    "Network",
    "EC2",
    "Auto Scaling",
    "SSM and API calls",
    "CloudWatch",
    "EventBridge and SNS",
    "CloudFormation",
    "Declared but not acted on",
)
BEHAVIOUR = ("behaviour", "follows", "left out or different")
DECLARED = ("declared", "what happens instead", "the status says")
NO_SOURCE = re.compile(r"unpublished|own rule|moto$")

ADAPTERS = ROOT / "blackstart" / "emulator" / "adapters"
TELLERS = tuple(path for path in sorted(ADAPTERS.glob("*.py")) if "Unserved(" in path.read_text())
"""The modules that tell what is declared and not acted on."""

WORDED_BY_CALLS = ("_of_group", "_of_alarm", "found", "told")
"""What they make an `Unserved` by, the reason being an argument."""

WORDED_ELSEWHERE = ("{reason}", "{what}")
"""How a reason ends whose words are an argument, and stand where that is given."""


def section(title: str) -> str:
    return LEDGER.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def cells(line: str) -> tuple[str, ...]:
    return tuple(cell.strip() for cell in line.strip().strip("|").split("|"))


def rows(header: tuple[str, ...], text: str = LEDGER) -> list[tuple[str, ...]]:
    """The rows of all tables with this header."""
    found: list[tuple[str, ...]] = []
    inside = False
    for line in text.splitlines():
        if not line.startswith("|"):
            inside = False
        elif cells(line) == header:
            inside = True
        elif inside and not line.startswith("|---"):
            found.append(cells(line))
    return found


def bounds(field: FieldInfo) -> tuple[float, float]:
    low = next(limit.ge for limit in field.metadata if hasattr(limit, "ge"))
    high = next(limit.le for limit in field.metadata if hasattr(limit, "le"))
    return low, high


def reasons_in_code(modules: Sequence[Path] = TELLERS) -> Iterator[str]:
    """The lines with which the emulator says that something is not acted on; what is filled in is `…`."""
    for path in modules:
        tree = ast.parse(path.read_text())
        iterated = {name for node in ast.walk(tree) if (name := iterated_for_reasons(node))}
        for node in ast.walk(tree):
            for text in (*worded(node), *yielded(node, iterated)):
                if not ast.unparse(text)[2:-1].endswith(WORDED_ELSEWHERE):
                    yield with_gaps(text)


def with_gaps(text: ast.expr) -> str:
    parts = text.values if isinstance(text, ast.JoinedStr) else [text]
    return "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in parts)


def worded(node: ast.AST) -> Iterator[ast.expr]:
    """The texts that a node of the syntax tree makes a reason of: arguments of calls, assignments of a function."""
    values: list[ast.expr] = []
    if isinstance(node, ast.Call):
        made = ast.unparse(node.func)
        values = node.args if made in WORDED_BY_CALLS else []
        values = values + [each.value for each in node.keywords if made == "Unserved" and each.arg == "reason"]
    elif isinstance(node, ast.FunctionDef) and "Unserved(" in ast.unparse(node):
        assigned = [each for each in ast.walk(node) if isinstance(each, ast.Assign)]
        values = [each.value for each in assigned if ast.unparse(each.targets[0]) == "reason"]
    return texts_among(values)


def texts_among(values: Sequence[ast.expr]) -> Iterator[ast.expr]:
    return (value for value in values if isinstance(value, ast.JoinedStr | ast.Constant))


def iterated_for_reasons(node: ast.AST) -> str:
    """The function from which a loop takes its reasons; "" when it is no such loop."""
    if isinstance(node, ast.For) and ast.unparse(node.target) == "reason" and isinstance(node.iter, ast.Call):
        return ast.unparse(node.iter.func)
    return ""


def yielded(node: ast.AST, by: set[str]) -> Iterator[ast.expr]:
    """The texts that one of these functions yields."""
    if isinstance(node, ast.FunctionDef) and node.name in by:
        yield from texts_among(
            [inner.value for inner in ast.walk(node) if isinstance(inner, ast.Yield) and inner.value]
        )


def phrases() -> list[str]:
    """What the ledger says that the status says."""
    return [phrase for row in rows(DECLARED) for phrase in re.findall(r"`([^`]+)`", row[2])]


@pytest.mark.parametrize("name", Parameters.model_fields)
def test_every_parameter_is_in_the_ledger_with_its_default_and_range(name: str) -> None:
    field = Parameters.model_fields[name]
    low, high = bounds(field)
    rows = [line for line in section("Parameters").splitlines() if line.startswith(f"| `{name}` |")]
    assert len(rows) == 1
    assert rows[0].startswith(f"| `{name}` | {field.default:g} | {low:g} to {high:g} | ")


def test_the_ledger_names_no_parameter_that_does_not_exist() -> None:
    listed = {line.split("`")[1] for line in section("Parameters").splitlines() if line.startswith("| `")}
    assert listed == set(Parameters.model_fields)


def test_every_default_lies_within_its_range() -> None:
    Parameters.model_validate({name: field.default for name, field in Parameters.model_fields.items()})


@pytest.mark.parametrize("title", SECTIONS)
def test_every_section_says_something(title: str) -> None:
    assert len(section(title).strip()) > 200


def test_the_ledger_has_no_other_sections() -> None:
    assert tuple(re.findall(r"^## (.+)$", LEDGER, re.MULTILINE)) == SECTIONS


def test_the_figures_at_the_top_are_the_rows_counted() -> None:
    behaviours = rows(BEHAVIOUR)
    different = [row for row in behaviours if row[2]]
    said = {state: int(count) for state, count in rows(("state", "rows"))}
    assert said == {
        "followed": len(behaviours) - len(different),
        "followed, with differences": len(different),
        "declared but not acted on": len(rows(DECLARED)),
    }


def test_the_http_cases_at_the_top_are_the_cases_counted() -> None:
    cases = [case for path in CASES.glob("*.yaml") for case in yaml.safe_load(path.read_text())]
    different = [case for case in cases if "differs" in case]
    assert f"{len(cases)} HTTP requests and answers are compared with nginx's" in LEDGER
    assert f"{len(different)} of them differ on purpose" in LEDGER


def test_a_row_names_its_source_or_says_what_stands_in_for_one() -> None:
    for behaviour, follows, different in rows(BEHAVIOUR):
        assert follows, behaviour
        assert different or not NO_SOURCE.search(follows), behaviour


def test_no_behaviour_stands_in_the_ledger_twice() -> None:
    names = [row[0] for row in (*rows(BEHAVIOUR), *rows(DECLARED))]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("module", TELLERS, ids=lambda path: path.stem)
def test_the_words_of_every_module_that_tells_are_found(module: Path) -> None:
    assert list(reasons_in_code([module]))


@pytest.mark.parametrize("reason", sorted(set(reasons_in_code())))
def test_what_the_code_calls_not_acted_on_is_in_the_ledger(reason: str) -> None:
    assert [phrase for phrase in phrases() if phrase in reason]


@pytest.mark.parametrize("phrase", phrases())
def test_what_the_ledger_calls_not_acted_on_is_said_by_the_code(phrase: str) -> None:
    assert [reason for reason in reasons_in_code() if phrase in reason]


def test_every_row_of_what_is_not_acted_on_names_the_words_of_the_status() -> None:
    assert all("`" in row[2] for row in rows(DECLARED))
