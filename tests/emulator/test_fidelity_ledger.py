"""docs/fidelity.md is held to the code."""

from pathlib import Path

import pytest
from pydantic.fields import FieldInfo

from blackstart.emulator.parameters import Parameters

LEDGER = (Path(__file__).parents[2] / "docs" / "fidelity.md").read_text()
SECTIONS = (
    "Parameters",
    "Time and counts",
    "Load balancers (data plane)",
    "EC2, Auto Scaling, SSM (control plane)",
    "CloudWatch and SNS",
    "Declared but not acted on",
)


def section(title: str) -> str:
    return LEDGER.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def bounds(field: FieldInfo) -> tuple[float, float]:
    low = next(limit.ge for limit in field.metadata if hasattr(limit, "ge"))
    high = next(limit.le for limit in field.metadata if hasattr(limit, "le"))
    return low, high


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
