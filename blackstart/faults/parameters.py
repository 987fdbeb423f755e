"""Validates a fault's `parameters` before anything is touched."""

from typing import TypeVar

from pydantic import ValidationError

from blackstart.domain.errors import UsageError
from blackstart.domain.model import Model
from blackstart.faults.contract import ActionParameters

Parameters = TypeVar("Parameters", bound=Model)


class NoParameters(Model):
    """For faults that take none."""


def parse_parameters(model: type[Parameters], action: str, parameters: ActionParameters) -> Parameters:
    """The parameters as a checked value. Raises UsageError that names the first wrong one and what the action takes."""
    try:
        return model.model_validate(parameters, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        problems = {"extra_forbidden": "is unknown", "missing": "is missing"}
        problem = problems.get(first["type"], f"is wrong: {first['msg']}")
        raise UsageError(f"{action}: parameter {name!r} {problem}", _takes(model, action)) from None


def _takes(model: type[Model], action: str) -> str:
    fields = [f"{name} ({field.description})" for name, field in model.model_fields.items()]
    return f"{action} takes {', '.join(fields) or 'no parameters'}."
