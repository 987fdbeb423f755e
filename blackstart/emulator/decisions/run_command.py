"""The commands of AWS-RunShellScript that the emulator carries out on an instance or its service. Never a shell.

    systemctl kill|stop|start|restart|is-active [-s SIG | --signal=SIG] [--kill-whom=all|main] UNIT
    pkill [-SIG | --signal SIG] [-f] PATTERN
    shutdown [-h | -P | -H | -r] now, poweroff, halt, reboot; the same words after systemctl

The instance has one service. The units that its user data names mean it, any one unit when the user data names none,
and any pattern. Comments, empty lines, a leading `sudo` and
`set -e...` are let through; everything else is refused, and the invocation fails with the reason on stderr.
"""

import re
import shlex
from enum import StrEnum

from blackstart.domain.model import Model

SIGNALS = {
    "HUP": 1,
    "INT": 2,
    "QUIT": 3,
    "ABRT": 6,
    "KILL": 9,
    "USR1": 10,
    "SEGV": 11,
    "USR2": 12,
    "PIPE": 13,
    "TERM": 15,
    "CONT": 18,
    "STOP": 19,
}
SERVICE_UNIT = re.compile(r"([A-Za-z0-9@_:.\\-]+)\.service\b")
SHELL_CHARACTERS = set("|&;<>`$(){}*?~")


class Verb(StrEnum):
    KILL = "kill"
    STOP = "stop"
    START = "start"
    RESTART = "restart"
    IS_ACTIVE = "is-active"
    POWER_OFF = "poweroff"
    REBOOT = "reboot"


MACHINE_WORDS = {"poweroff": Verb.POWER_OFF, "halt": Verb.POWER_OFF, "reboot": Verb.REBOOT}
OF_A_UNIT = set(Verb) - {Verb.POWER_OFF, Verb.REBOOT}


class ServiceCommand(Model):
    """One thing to do to the service, or to the whole machine.

    must_match: fail (exit 1) when no process was reached, as pkill does.

    unit: the service unit as systemd names it, None when no unit was named.
    """

    verb: Verb
    unit: str | None = None
    signal: int = SIGNALS["TERM"]
    whom: str = "all"
    must_match: bool = False


class RefusedError(ValueError):
    """A command that the emulator does not carry out."""


def units_named_in(user_data: str) -> frozenset[str]:
    """The service units that an instance's user data names, with their suffix: the units that it has."""
    return frozenset(f"{name}.service" for name in SERVICE_UNIT.findall(user_data))


def parse(lines: tuple[str, ...]) -> tuple[ServiceCommand, ...]:
    """The commands of a script, in order. Raises RefusedError naming the first line that is not understood."""
    commands = []
    for line in "\n".join(lines).splitlines():
        text = line.strip()
        if not text or text.startswith("#") or (text.startswith("set -") and len(text.split()) == 2):
            continue
        commands.append(_command(text))
    return tuple(commands)


def _command(text: str) -> ServiceCommand:
    refused = RefusedError(
        f"{text!r}: the emulator runs no shell; it understands systemctl kill|stop|start|restart|is-active UNIT "
        "and pkill PATTERN, shutdown now, poweroff, halt and reboot"
    )
    if SHELL_CHARACTERS & set(text):
        raise refused
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise refused from error
    if words[0] == "sudo":
        words = words[1:]
    machine = _machine(words)
    if machine is not None:
        return ServiceCommand(verb=machine)
    if len(words) >= 3 and words[0] == "systemctl" and words[1] in OF_A_UNIT:
        return _systemctl(Verb(words[1]), words[2:], refused)
    if len(words) >= 2 and words[0] == "pkill":
        return _pkill(words[1:], refused)
    raise refused


def _machine(words: list[str]) -> Verb | None:
    """What a command does to the machine as a whole; None for other commands."""
    if words[:1] == ["shutdown"] and words[-1] == "now" and set(words[1:-1]) <= {"-h", "-P", "-H", "-r"}:
        return Verb.REBOOT if "-r" in words else Verb.POWER_OFF
    alone = words[1:] if words[:1] == ["systemctl"] else words
    return MACHINE_WORDS.get(alone[0]) if len(alone) == 1 else None


def _systemctl(verb: Verb, words: list[str], refused: RefusedError) -> ServiceCommand:
    number, whom, units = SIGNALS["TERM"], "all", []
    left = list(words)
    while left:
        word = left.pop(0)
        if word.startswith("--signal="):
            number = _signal(word.partition("=")[2], refused)
        elif word in ("-s", "--signal") and left:
            number = _signal(left.pop(0), refused)
        elif word in ("--kill-whom=all", "--kill-who=all", "--kill-whom=main", "--kill-who=main"):
            whom = word.partition("=")[2]
        elif word.startswith("-"):
            raise refused
        else:
            units.append(word)
    if len(units) != 1:
        raise refused
    unit = units[0] if units[0].endswith(".service") else f"{units[0]}.service"
    return ServiceCommand(verb=verb, unit=unit, signal=number, whom=whom)


def _pkill(words: list[str], refused: RefusedError) -> ServiceCommand:
    number, patterns = SIGNALS["TERM"], []
    left = list(words)
    while left:
        word = left.pop(0)
        if word == "-f":
            continue
        if word.startswith("--signal="):
            number = _signal(word.partition("=")[2], refused)
        elif word == "--signal" and left:
            number = _signal(left.pop(0), refused)
        elif word.startswith("-"):
            number = _signal(word[1:], refused)
        else:
            patterns.append(word)
    if len(patterns) != 1:
        raise refused
    return ServiceCommand(verb=Verb.KILL, signal=number, must_match=True)


def _signal(name: str, refused: RefusedError) -> int:
    if name.isdecimal() and int(name) in SIGNALS.values():
        return int(name)
    try:
        return SIGNALS[name.upper().removeprefix("SIG")]
    except KeyError:
        raise refused from None
