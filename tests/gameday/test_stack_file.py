"""The stack file that an experiment names: read, and refused with file, line, field and the way out."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from blackstart.domain.errors import DocumentError
from blackstart.domain.stack_mapping import StackMapping
from blackstart.gameday.stack_file import load_stack_mapping

GOOD = """\
stack:
  tag: app
chaos:
  tag: chaos
  value: welcome
load_balancers:
  web:
    name: shop-alb
"""
EXPERIMENT = Path("chaos/terminate.yaml")


def load(tmp_path: Path, text: str | None) -> StackMapping:
    path = tmp_path / "stack.yaml"
    if text is not None:
        path.write_text(text)
    experiment: Any = SimpleNamespace(stack_file=str(path))
    return load_stack_mapping(EXPERIMENT, experiment)


def test_what_the_file_leaves_out_keeps_the_engines_own_tags(tmp_path: Path) -> None:
    mapping = load(tmp_path, GOOD)
    assert (mapping.stack.tag, mapping.name.tag) == ("app", "blackstart:name")
    assert mapping.load_balancers["web"].name == "shop-alb"


def test_an_experiment_that_names_no_file_means_the_engines_own_tags() -> None:
    experiment: Any = SimpleNamespace(stack_file=None)
    assert load_stack_mapping(EXPERIMENT, experiment) == StackMapping()


def test_a_missing_file_says_who_asked_for_it(tmp_path: Path) -> None:
    with pytest.raises(
        DocumentError, match=r"stack\.yaml: no such file \(named by chaos/terminate\.yaml: stack_file\)"
    ):
        load(tmp_path, None)


@pytest.mark.parametrize(
    ("old", "new", "line", "field", "words"),
    [
        ("    name: shop-alb", "    nmae: shop-alb", 8, "load_balancers.web.nmae", "Did you mean name"),
        ("load_balancers:", "load_balancer:", 6, "load_balancer", "Did you mean load_balancers"),
        ("  value: welcome", "  value: yes", 5, "chaos.value", "into quotes"),
        ("  value: welcome\n", "", 3, "chaos.value", "is missing"),
        ("name: shop-alb", "name: arn:aws:x", 8, "load_balancers.web.name", "differs between deployments"),
        ("  tag: chaos", "  tag: app", None, "", "use a tag of its own"),
    ],
)
def test_a_mistake_is_named_with_line_field_and_way_out(
    tmp_path: Path, old: str, new: str, line: int | None, field: str, words: str
) -> None:
    assert old in GOOD
    with pytest.raises(DocumentError, match=words) as error:
        load(tmp_path, GOOD.replace(old, new, 1))
    assert (error.value.line, error.value.field) == (line, field)
