"""What a resource's inputs may be: a table of fields for each resource type, read strictly.

A reader takes a value as Pulumi sends it (camelCase keys, every number a float) and the path to it, and returns what
the AWS call wants. Anything else is a FieldError with the path.
"""

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Reader = Callable[[Any, str], Any]


class FieldError(Exception):
    """An input that cannot be used. path: as in `healthCheck.interval`."""

    def __init__(self, path: str, problem: str, way_out: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path = path
        self.problem = problem
        self.way_out = way_out


@dataclass(frozen=True)
class Field:
    """One input. aws: the parameter of the AWS call it becomes, None when the realisation takes it up itself or when it
    only tells Pulumi's provider how to wait or delete. required: refuse a resource without it.
    """

    aws: str | None
    read: Reader
    required: bool = False


Fields = Mapping[str, Field]


def _mismatch(path: str, value: Any, wanted: str) -> FieldError:
    return FieldError(path, f"{json.dumps(value, default=str)} is no {wanted}", f"Give a {wanted}.")


def text(value: Any, path: str) -> str:
    if not isinstance(value, str):
        raise _mismatch(path, value, "string")
    return value


def number(value: Any, path: str) -> float:
    """A number; Pulumi's own types allow it as a string too."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            raise _mismatch(path, value, "number") from None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _mismatch(path, value, "number")
    return float(value)


def integer(value: Any, path: str) -> int:
    read = number(value, path)
    if not read.is_integer():
        raise _mismatch(path, value, "whole number")
    return int(read)


def integer_text(value: Any, path: str) -> str:
    """A whole number that AWS wants as a string (attributes of a load balancer)."""
    return str(integer(value, path))


def flag(value: Any, path: str) -> bool:
    """A boolean; Pulumi's own types have some of them as strings."""
    if value in ("true", "false"):
        return bool(value == "true")
    if not isinstance(value, bool):
        raise _mismatch(path, value, "boolean")
    return value


def flag_text(value: Any, path: str) -> str:
    """A boolean that AWS wants as a string."""
    return "true" if flag(value, path) else "false"


def one_of(*allowed: str) -> Reader:
    def read(value: Any, path: str) -> str:
        if text(value, path) not in allowed:
            raise FieldError(path, f"{value!r} is not possible", f"Possible are {', '.join(allowed)}.")
        return str(value)

    return read


def json_text(value: Any, path: str) -> str:
    """A policy document: JSON in a string."""
    try:
        json.loads(text(value, path))
    except ValueError as problem:
        raise FieldError(path, f"no JSON: {problem}", "Use json.dumps, or get_policy_document.") from None
    return str(value)


def base64_text(value: Any, path: str) -> str:
    try:
        base64.b64decode(text(value, path), validate=True)
    except binascii.Error:
        raise FieldError(path, "not base64", "Encode it with base64.b64encode.") from None
    return str(value)


def list_of(read_item: Reader) -> Reader:
    def read(value: Any, path: str) -> list[Any]:
        if not isinstance(value, list):
            raise _mismatch(path, value, "list")
        return [read_item(item, f"{path}[{number}]") for number, item in enumerate(value)]

    return read


texts = list_of(text)


def comma_separated(value: Any, path: str) -> str:
    return ",".join(texts(value, path))


def text_map(value: Any, path: str) -> dict[str, str]:
    if not isinstance(value, dict):
        raise _mismatch(path, value, "map")
    return {key: text(item, f"{path}.{key}") for key, item in value.items()}


def pairs(name_key: str, value_key: str = "Value") -> Reader:
    """A map as the list of pairs that AWS wants: tags (`Key`, `Value`), dimensions (`Name`, `Value`)."""

    def read(value: Any, path: str) -> list[dict[str, str]]:
        return [{name_key: key, value_key: item} for key, item in text_map(value, path).items()]

    return read


tag_list = pairs("Key")


def tagged_as(resource_type: str) -> Reader:
    """Tags in the form of EC2's create calls."""

    def read(value: Any, path: str) -> list[dict[str, Any]]:
        return [{"ResourceType": resource_type, "Tags": tag_list(value, path)}]

    return read


def block(fields: Fields) -> Reader:
    """A nested mapping with fields of its own."""

    def read(value: Any, path: str) -> dict[str, Any]:
        return {
            field.aws: item
            for name, item in read_fields(fields, value, f"{path}.").items()
            if (field := fields[name]).aws is not None
        }

    return read


def read_fields(fields: Fields, value: Any, prefix: str = "") -> dict[str, Any]:
    """Read a mapping strictly, by Pulumi's names. Raises FieldError for an unknown, missing or wrong field."""
    if not isinstance(value, dict):
        raise _mismatch(prefix.rstrip("."), value, "map")
    for name in value:
        if name not in fields:
            known = ", ".join(sorted(fields)) or "none"
            raise FieldError(f"{prefix}{name}", "the realiser does not know this field", f"It knows {known}.")
    for name, field in fields.items():
        if field.required and name not in value:
            raise FieldError(
                f"{prefix}{name}", "missing", "Set it, or check that the output it comes from has a value."
            )
    return {name: fields[name].read(item, f"{prefix}{name}") for name, item in value.items()}
