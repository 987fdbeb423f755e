"""SSM Run Command: which instances a command reaches, and what became of it on each."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from blackstart.emulator.controllers.ec2_lifecycle import InstanceFact
from blackstart.emulator.controllers.service_host import Done
from blackstart.emulator.decisions.instance_lifecycle import InstanceState, Request
from blackstart.emulator.decisions.run_command import RefusedError, ServiceCommand, Verb, parse

DOCUMENT = "AWS-RunShellScript"
UNIT_INACTIVE = 3
UNIT_NOT_LOADED = 5


class InvocationStatus(StrEnum):
    PENDING = "Pending"
    IN_PROGRESS = "InProgress"
    SUCCESS = "Success"
    FAILED = "Failed"
    UNDELIVERABLE = "Undeliverable"


@dataclass
class Invocation:
    """A command on one instance. status_details: SSM's finer word. started_s, ended_s: virtual seconds."""

    instance_id: str
    status: InvocationStatus = InvocationStatus.IN_PROGRESS
    response_code: int = -1
    stdout: str = ""
    stderr: str = ""
    started_s: float | None = None
    ended_s: float | None = None

    def end(self, status: InvocationStatus, code: int, stderr: str, now_s: float) -> None:
        self.status, self.response_code, self.stderr, self.ended_s = status, code, stderr, now_s

    @property
    def shown_status(self) -> str:
        """SSM shows Failed for what could not be delivered; the details say Undeliverable."""
        undeliverable = self.status is InvocationStatus.UNDELIVERABLE
        return InvocationStatus.FAILED.value if undeliverable else self.status.value


@dataclass
class RunCommand:
    """One command and its invocations, in the order of its targets."""

    invocations: dict[str, Invocation] = field(default_factory=dict)

    @property
    def status(self) -> str:
        shown = {invocation.shown_status for invocation in self.invocations.values()}
        for status in (InvocationStatus.IN_PROGRESS, InvocationStatus.FAILED):
            if status.value in shown:
                return status.value
        return InvocationStatus.SUCCESS.value


class Services(Protocol):
    """What can be done to an instance's service; see `Ec2LifecycleController`."""

    @property
    def facts(self) -> Mapping[str, InstanceFact]: ...
    def signal_service(self, instance_id: str, number: int, whom: str, done: Done) -> None: ...
    def stop_service(self, instance_id: str, done: Done) -> None: ...
    def start_service(self, instance_id: str) -> None: ...
    def serves(self, instance_id: str) -> bool: ...
    def shut_down(self, instance_id: str, now_s: float) -> None: ...
    def requested(self, instance_id: str, request: Request, now_s: float) -> None: ...


class RunCommandController:
    """Carries commands out.

    post: hands a report to the next tick, which gets the virtual time. units: the service units that an instance's user
    data names, none when it names none.
    """

    def __init__(
        self,
        services: Services,
        post: Callable[[Callable[[float], None]], None],
        units: Callable[[str], frozenset[str]],
    ) -> None:
        self._services = services
        self._post = post
        self._units = units

    def tick(self, now_s: float) -> None:
        """Nothing is due by time; results arrive as reports."""

    def send(self, document: str, lines: tuple[str, ...], instance_ids: Iterable[str], now_s: float) -> RunCommand:
        """Begin a command on every instance; ends are reported later."""
        command = RunCommand()
        for instance_id in dict.fromkeys(instance_ids):
            invocation = Invocation(instance_id=instance_id, started_s=now_s)
            command.invocations[instance_id] = invocation
            self._begin(invocation, document, lines, now_s)
        return command

    def _begin(self, invocation: Invocation, document: str, lines: tuple[str, ...], now_s: float) -> None:
        fact = self._services.facts.get(invocation.instance_id)
        if fact is None or fact.state is not InstanceState.RUNNING:
            state = fact.state.value if fact else "unknown"
            invocation.end(InvocationStatus.UNDELIVERABLE, -1, f"the instance is {state}, not running", now_s)
            return
        if document != DOCUMENT:
            problem = f"the emulator runs the document {DOCUMENT} only, not {document}"
            invocation.end(InvocationStatus.FAILED, 1, problem, now_s)
            return
        try:
            commands = parse(lines)
        except RefusedError as error:
            invocation.end(InvocationStatus.FAILED, 127, str(error), now_s)
            return
        self._next(invocation, list(commands), now_s)

    def _next(self, invocation: Invocation, commands: list[ServiceCommand], now_s: float) -> None:
        """Do the first of what is left; its answer does the rest."""
        if not commands:
            invocation.end(InvocationStatus.SUCCESS, 0, "", now_s)
            return
        command, *left = commands
        units = self._units(invocation.instance_id)
        if command.unit is not None and units and command.unit not in units:
            problem = f"Unit {command.unit} not loaded."
            invocation.end(InvocationStatus.FAILED, UNIT_NOT_LOADED, problem, now_s)
            return
        done = self._then(invocation, command, left)
        if command.verb is Verb.KILL:
            self._services.signal_service(invocation.instance_id, command.signal, command.whom, done)
        elif command.verb is Verb.STOP:
            self._services.stop_service(invocation.instance_id, done)
        elif command.verb in (Verb.POWER_OFF, Verb.REBOOT):
            self._end_machine(invocation, command.verb, now_s)
        elif command.verb is Verb.IS_ACTIVE:
            self._answer_whether_active(invocation, left, now_s)
        else:
            self._services.start_service(invocation.instance_id)
            self._next(invocation, left, now_s)

    def _end_machine(self, invocation: Invocation, verb: Verb, now_s: float) -> None:
        """The command has succeeded by the time that the machine goes down; what follows it is not run."""
        invocation.end(InvocationStatus.SUCCESS, 0, "", now_s)
        if verb is Verb.REBOOT:
            self._services.requested(invocation.instance_id, Request.REBOOT, now_s)
        else:
            self._services.shut_down(invocation.instance_id, now_s)

    def _answer_whether_active(self, invocation: Invocation, left: list[ServiceCommand], now_s: float) -> None:
        active = self._services.serves(invocation.instance_id)
        invocation.stdout += "active\n" if active else "inactive\n"
        if active:
            self._next(invocation, left, now_s)
        else:
            invocation.end(InvocationStatus.FAILED, UNIT_INACTIVE, "", now_s)

    def _then(self, invocation: Invocation, command: ServiceCommand, left: list[ServiceCommand]) -> Done:
        def continue_at(matched: int, now_s: float) -> None:
            if matched == 0 and command.verb is Verb.KILL:
                problem = "" if command.must_match else "Failed to kill unit: no process of the service is running"
                invocation.end(InvocationStatus.FAILED, 1, problem, now_s)
            else:
                self._next(invocation, left, now_s)

        return lambda matched: self._post(lambda now_s: continue_at(matched, now_s))
