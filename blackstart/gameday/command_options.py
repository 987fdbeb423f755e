"""What of the command line can be judged without doing anything: pairs, and options that would have no effect."""

from collections.abc import Mapping, Sequence

import typer

from blackstart.domain.errors import UsageError

WITHOUT_EFFECT: Mapping[str, tuple[Sequence[str], str]] = {
    "endpoint": (
        ("deploy", "speed", "app", "port", "keep", "config", "parameter", "capacity", "instances"),
        "--endpoint uses the emulator that is up and the stack that is on it, as they were started.",
    ),
    "deploy": (("config",), "--config is for the Pulumi program; give your command what it needs in its own words."),
}
"""By option: the options that do nothing beside it, and why."""


def given(context: typer.Context) -> list[str]:
    """The names of the options that are on the command line and not at their defaults."""
    sources = {name: context.get_parameter_source(name) for name in context.params}
    return [name for name, source in sources.items() if source is not None and source.name == "COMMANDLINE"]


def refuse_without_effect(options: Sequence[str]) -> None:
    """options: the names of those given. Raises UsageError for a pair that exclude each other."""
    for option, (others, why) in WITHOUT_EFFECT.items():
        for other in others:
            if option in options and other in options:
                raise UsageError(f"--{other} and --{option} exclude each other", why)


def pairs(texts: Sequence[str] | None, option: str) -> dict[str, str]:
    """NAME=VALUE texts by name. Raises UsageError for one that is none."""
    found = {}
    for text in texts or ():
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise UsageError(f"{option} {text}: NAME=VALUE is expected", f"For example {option} name=1.")
        found[key] = value
    return found
