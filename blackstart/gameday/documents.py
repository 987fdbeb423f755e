"""YAML files read into models, with errors that name file, line and field."""

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from blackstart.domain.errors import BlackstartError, DocumentError
from blackstart.domain.experiment import Experiment
from blackstart.domain.slo import Slo
from blackstart.faults.registry import fault_named

M = TypeVar("M", bound=BaseModel)
FieldPath = tuple[str | int, ...]


def load_experiment(path: Path) -> tuple[Experiment, tuple[Slo, ...]]:
    """Read an experiment and the SLO files it names (relative to the working directory).

    Raises DocumentError for a file that is missing, is not YAML, or does not fit, naming line and field.
    """
    experiment = load_document(path, Experiment)
    _check_actions(path, experiment)
    slos = tuple(load_document(Path(slo), Slo, named_by=f"{path}: load.slos") for slo in experiment.load.slos)
    known = {slo.name for slo in slos}
    for number, tolerance in enumerate(experiment.tolerances):
        for name in tolerance.slos:
            if name not in known:
                where = ("tolerances", number, "slos", name)
                way_out = f"load.slos brings: {', '.join(sorted(known))}."
                raise _error_at(path, where, "no SLO of this name is loaded", way_out)
    return experiment, slos


def _check_actions(path: Path, experiment: Experiment) -> None:
    for number, action in enumerate(experiment.method):
        try:
            fault = fault_named(action.action)
        except BlackstartError as error:
            raise _error_at(path, ("method", number, "action"), error.message, error.way_out) from None
        try:
            fault.check_parameters(action.parameters)
        except BlackstartError as error:
            raise _error_at(path, ("method", number, "parameters"), error.message, error.way_out) from None


def _error_at(path: Path, where: FieldPath, problem: str, way_out: str) -> DocumentError:
    lines = _line_numbers(_compose(path, path.read_text()))
    return DocumentError(str(path), _dotted(where), problem, way_out, _line_of(where, lines))


def load_document(path: Path, model: type[M], named_by: str = "") -> M:
    """Read one YAML document into a model. named_by: who asked for the file, for the message when it is missing."""
    try:
        text = path.read_text()
    except (FileNotFoundError, IsADirectoryError):
        raise DocumentError(
            str(path), "", f"no such file{f' (named by {named_by})' if named_by else ''}", _similar_files(path)
        ) from None
    except (UnicodeDecodeError, PermissionError) as error:
        raise DocumentError(str(path), "", f"cannot be read: {error}") from None
    node = _compose(path, text)
    lines = _line_numbers(node)
    data = yaml.safe_load(text)
    if not isinstance(data, dict):
        raise DocumentError(str(path), "", "a mapping of fields is expected at the top", "See chaos/ for examples.")
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise _first_error(path, model, error, lines) from None


def _compose(path: Path, text: str) -> yaml.Node | None:
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise DocumentError(
            str(path), "", f"not YAML: {error.problem}", "Mend the line; mind the indent.", line
        ) from None
    for key, line in _duplicate_keys(node):
        raise DocumentError(str(path), key, "is written twice", "Keep one of them.", line)
    return node


def _duplicate_keys(node: yaml.Node | None) -> Iterator[tuple[str, int]]:
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                yield str(key.value), key.start_mark.line + 1
            seen.add(key.value)
            yield from _duplicate_keys(value)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _duplicate_keys(item)


def _line_numbers(node: yaml.Node | None, path: FieldPath = ()) -> dict[FieldPath, int]:
    """Where each field stands, by its path from the top."""
    lines: dict[FieldPath, int] = {}
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = (*path, str(key.value))
            lines[inner] = key.start_mark.line + 1
            lines |= _line_numbers(value, inner)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            inner = (*path, index)
            lines[inner] = item.start_mark.line + 1
            lines |= _line_numbers(item, inner)
    return lines


def _line_of(where: FieldPath, lines: dict[FieldPath, int]) -> int | None:
    """The line of a field, or of the nearest field around it."""
    while where:
        if where in lines:
            return lines[where]
        where = where[:-1]
    return None


def _first_error(
    path: Path, model: type[BaseModel], error: ValidationError, lines: dict[FieldPath, int]
) -> DocumentError:
    details = error.errors()
    unknown = [detail for detail in details if detail["type"] == "extra_forbidden"]
    detail = (unknown or details)[0]
    where = _as_written(detail["loc"], lines)
    more = f" ({len(details) - 1} more)" if len(details) > 1 else ""
    if detail["type"] == "extra_forbidden":
        known = _known_fields(model, detail["loc"][:-1])
        close = get_close_matches(str(where[-1]), known, n=1)
        way_out = f"Did you mean {close[0]}?" if close else f"Known fields: {', '.join(known)}."
        return DocumentError(str(path), _dotted(where), f"unknown field{more}", way_out, _line_of(where, lines))
    problem = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "missing":
        return DocumentError(str(path), _dotted(where), f"is missing{more}", "Add it.", _line_of(where, lines))
    given = detail.get("input")
    shown = f" (given: {given!r})" if isinstance(given, str | int | float | bool) else ""
    quoted = detail["type"] == "string_type" and isinstance(given, bool | int | float)
    way_out = "YAML reads yes, no, on, off and numbers as such: put a text into quotes." if quoted else ""
    return DocumentError(str(path), _dotted(where), f"{problem}{shown}{more}", way_out, _line_of(where, lines))


def _as_written(loc: Sequence[str | int], lines: dict[FieldPath, int]) -> FieldPath:
    """The path as it stands in the file: pydantic adds the tag of a union, which no file has."""
    written: FieldPath = ()
    for index, part in enumerate(loc):
        if (*written, part) in lines or index == len(loc) - 1:
            written = (*written, part)
    return written


def _known_fields(model: type[BaseModel], loc: Sequence[str | int]) -> list[str]:
    """The fields of the model that a location inside another model points at."""
    candidates: list[type[BaseModel]] = [model]
    for part in loc:
        inner = [
            found
            for candidate in candidates
            for name, field in candidate.model_fields.items()
            if part in (name, field.alias)
            for found in _models_in(field.annotation)
        ]
        tagged = [c for c in candidates if any(part in get_args(f.annotation) for f in c.model_fields.values())]
        candidates = inner or tagged or candidates
    return sorted({field.alias or name for candidate in candidates for name, field in candidate.model_fields.items()})


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)


def _dotted(where: FieldPath) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in where).removeprefix(".")


def _similar_files(path: Path) -> str:
    siblings = sorted(str(p) for p in path.parent.glob("*.yaml")) if path.parent.is_dir() else []
    if siblings:
        return f"There are: {', '.join(siblings)}."
    return f"Paths count from the current directory, {Path.cwd()}: run it where Pulumi.yaml is."
