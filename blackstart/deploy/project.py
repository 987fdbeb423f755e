"""Reads Pulumi.yaml and Pulumi.<stack>.yaml as Pulumi's own command line would, and resolves the configuration."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from blackstart.deploy.messages import Program
from blackstart.domain.errors import DocumentError, UsageError

PROJECT_FILE = "Pulumi.yaml"
STACK_FILE_KEYS = {"config", "environment", "secretsprovider", "encryptedkey", "encryptionsalt"}
COMMAND_LINE = "--config"


@dataclass(frozen=True)
class Entry:
    """One key of a YAML mapping. line: 1-based, None for a value from the command line."""

    value: Any
    path: str
    line: int | None

    def error(self, field: str, problem: str, way_out: str) -> DocumentError:
        return DocumentError(self.path, field, problem, way_out, self.line)


@dataclass(frozen=True)
class Declared:
    """A key of the project's configuration schema. default None: the stack must set it."""

    type: str | None
    default: Any
    secret: bool


def load_program(project_dir: Path, stack: str, endpoint: str, region: str, overrides: Mapping[str, str]) -> Program:
    """The program of a project with the configuration of one stack.

    region: where nothing sets aws:region. overrides: `key=value` from the command line; a key without a namespace is
    the project's. Raises UsageError without a project, DocumentError for a file that cannot be used, an unknown or
    missing key, a wrong type, and for an encrypted value without an override.
    """
    path = project_dir / PROJECT_FILE
    if not path.is_file():
        raise UsageError(f"there is no {PROJECT_FILE} in {project_dir}", "Run this where the Pulumi project lies.")
    project = _mapping(path)
    name = _project_name(path, project)
    schema, given = _schema(name, project)
    given |= _stack_config(project_dir, name, stack)
    given |= {_qualified(name, key): Entry(value, COMMAND_LINE, None) for key, value in overrides.items()}
    config = _resolve(name, schema, given, _stack_path(project_dir, stack))
    main = project_dir / str(project["main"].value if "main" in project else ".")
    if not (main / "__main__.py").is_file():
        raise DocumentError(path.name, "main", f"there is no __main__.py in {main}", "Point `main` at the program.")
    return Program(
        project=name,
        project_dir=str(project_dir.resolve()),
        directory=str(main.resolve()),
        stack=stack,
        region=config.setdefault("aws:region", region),
        endpoint=endpoint,
        config={key: value for key, value in config.items() if key == "aws:region" or not key.startswith("aws:")},
    )


def _mapping(path: Path) -> dict[str, Entry]:
    """The top-level keys of a YAML file."""
    loader = yaml.SafeLoader(path.read_text())
    try:
        node = loader.get_single_node()
        if node is None:
            return {}
        return _entries(loader, node, path.name)
    except yaml.MarkedYAMLError as problem:
        line = problem.problem_mark.line + 1 if problem.problem_mark else None
        raise DocumentError(path.name, "", f"no YAML: {problem.problem}", "Mend the syntax.", line) from None
    finally:
        loader.dispose()


def _entries(loader: yaml.SafeLoader, node: yaml.Node, path: str) -> dict[str, Entry]:
    """A mapping's keys; the value of a nested mapping under `config` is again a dict of entries."""
    if not isinstance(node, yaml.MappingNode):
        raise DocumentError(path, "", "a mapping is needed here", "Write `key: value` lines.", node.start_mark.line + 1)
    entries = {}
    for key_node, value_node in node.value:
        key, line = str(key_node.value), key_node.start_mark.line + 1
        if key == "config" and isinstance(value_node, yaml.MappingNode):
            entries[key] = Entry(_entries(loader, value_node, path), path, line)
        else:
            entries[key] = Entry(loader.construct_object(value_node, deep=True), path, line)
    return entries


def _project_name(path: Path, project: Mapping[str, Entry]) -> str:
    for key in ("name", "runtime"):
        if key not in project:
            raise DocumentError(path.name, key, "missing", "Every Pulumi project has a name and a runtime.")
    runtime = project["runtime"].value
    language = runtime.get("name") if isinstance(runtime, dict) else runtime
    if language != "python":
        raise project["runtime"].error(
            "runtime", f"{language} programs cannot be run", "Only python is; deploy others with the Pulumi CLI."
        )
    return str(project["name"].value)


def _schema(name: str, project: Mapping[str, Entry]) -> tuple[dict[str, Declared], dict[str, Entry]]:
    """The declared keys, and the values that Pulumi.yaml itself sets for every stack."""
    declared, given = {}, {}
    for key, entry in (_config_entries(project)).items():
        full = _qualified(name, key)
        if not isinstance(entry.value, dict):
            declared[full] = Declared(None, entry.value, False)
            continue
        unknown = set(entry.value) - {"type", "default", "value", "description", "secret", "items"}
        if unknown:
            raise entry.error(
                f"config.{key}", f"unknown {', '.join(sorted(unknown))}", "Use type, default, description."
            )
        declared[full] = Declared(
            entry.value.get("type"), entry.value.get("default"), bool(entry.value.get("secret", False))
        )
        if "value" in entry.value:
            given[full] = Entry(entry.value["value"], entry.path, entry.line)
    return declared, given


def _config_entries(document: Mapping[str, Entry]) -> dict[str, Entry]:
    if "config" not in document or document["config"].value is None:
        return {}
    entries = document["config"].value
    if not isinstance(entries, dict):
        raise document["config"].error("config", "a mapping is needed here", "Write `key: value` lines.")
    return entries


def _stack_path(project_dir: Path, stack: str) -> Path:
    return project_dir / f"Pulumi.{stack}.yaml"


def _stack_config(project_dir: Path, name: str, stack: str) -> dict[str, Entry]:
    path = _stack_path(project_dir, stack)
    if not path.is_file():
        known = sorted(file.name[len("Pulumi.") : -len(".yaml")] for file in project_dir.glob("Pulumi.*.yaml"))
        raise DocumentError(
            path.name,
            "",
            f"there is no stack {stack!r}",
            f"Stacks of this project: {', '.join(known)}." if known else "Make one with a `config:` of its own.",
        )
    document = _mapping(path)
    for key, entry in document.items():
        if key == "environment":
            raise entry.error(key, "Pulumi ESC cannot be reached offline", "Write the values under `config:`.")
        if key not in STACK_FILE_KEYS:
            raise entry.error(key, "unknown", f"A stack file has {', '.join(sorted(STACK_FILE_KEYS))}.")
    return {_qualified(name, key): entry for key, entry in _config_entries(document).items()}


def _qualified(project: str, key: str) -> str:
    return key if ":" in key else f"{project}:{key}"


def _resolve(
    project: str, schema: Mapping[str, Declared], given: Mapping[str, Entry], stack_path: Path
) -> dict[str, str]:
    """Check each given value against the schema and fill in the defaults."""
    resolved = {}
    for key, entry in given.items():
        if key.startswith("aws:") and key != "aws:region":
            continue
        if key.startswith(f"{project}:") and key not in schema and schema:
            known = ", ".join(sorted(name.split(":", 1)[1] for name in schema))
            raise entry.error(key, "unknown configuration key", f"{PROJECT_FILE} declares {known}.")
        if isinstance(entry.value, dict) and set(entry.value) == {"secure"}:
            raise entry.error(
                key, "encrypted, and the key to it is not here", f"Give it with `--config {key}=...` for the rehearsal."
            )
        resolved[key] = _typed(key, entry, schema[key].type if key in schema else None)
    for key, declared in schema.items():
        if key in resolved:
            continue
        if declared.default is None:
            raise DocumentError(stack_path.name, key, "missing, and it has no default", "Set it under `config:`.")
        resolved[key] = _typed(key, Entry(declared.default, PROJECT_FILE, None), declared.type)
    return resolved


def _typed(key: str, entry: Entry, type_name: str | None) -> str:
    """A value as Pulumi's engine hands it over: a string, JSON for lists and mappings."""
    value = entry.value
    text = value if isinstance(value, str) else json.dumps(value)
    fits = {
        "boolean": text in ("true", "false"),
        "integer": text.lstrip("-").isdigit(),
        "string": isinstance(value, str | int | float) or entry.line is None,
        "array": text.startswith("["),
        "object": text.startswith("{"),
    }
    if type_name is not None and not fits.get(type_name, False):
        raise entry.error(key, f"{text} is no {type_name}", f"{PROJECT_FILE} declares {key} as {type_name}.")
    return text
