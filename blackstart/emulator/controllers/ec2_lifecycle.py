"""EC2 instances: their states and status checks over time, and the real process behind each.

A tick touches only the instances in which something is due: a heap has the next moment of each.
"""

import heapq
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from blackstart.domain.emulator_status import FailedService
from blackstart.emulator.controllers.event_bus import Event, EventBus, no_one
from blackstart.emulator.controllers.instance_book import InstanceBook, InstanceRecord
from blackstart.emulator.controllers.instance_facts import InstanceFact, InstanceStore, InstanceTraits
from blackstart.emulator.controllers.instance_services import InstanceServices, ServiceSettings
from blackstart.emulator.controllers.service_host import Done, ServiceHost
from blackstart.emulator.decisions import state_reason, status_checks
from blackstart.emulator.decisions.instance_lifecycle import (
    Change,
    InstanceState,
    Request,
    advance,
    due_s,
    launched,
    requested,
)
from blackstart.emulator.decisions.state_reason import Initiator, StateReason
from blackstart.emulator.decisions.status_checks import Trouble
from blackstart.emulator.parameters import Parameters

__all__ = ["Ec2LifecycleController", "InstanceFact", "InstanceStore", "InstanceTraits", "ServiceSettings"]
SIGCONT, SIGSTOP, SIGTSTP = 18, 19, 20


class Ec2LifecycleController:
    """Owns the life of every instance. address_of: an instance's loopback address; events: gets state changes.

    facts: by instance id, kept up to date in place. occupied: instances that take up capacity, by zone and type.
    """

    def __init__(
        self,
        store: InstanceStore,
        host: ServiceHost,
        parameters: Parameters,
        settings: ServiceSettings,
        *,
        queue: Callable[[Callable[[], None]], None],
        address_of: Callable[[str], str],
        port_of: Callable[[str], int | None],
        events: EventBus = no_one,
    ) -> None:
        self._store = store
        self._parameters = parameters
        self._events = events
        self._services = InstanceServices(host, settings, queue=queue, port_of=port_of)
        self._book = InstanceBook(address_of)
        self._due: list[tuple[float, str]] = []
        self._paused: set[str] = set()

    @property
    def facts(self) -> Mapping[str, InstanceFact]:
        return self._book.facts

    @property
    def occupied(self) -> Mapping[tuple[str, str], int]:
        return self._book.occupied

    @property
    def pids(self) -> Mapping[str, int]:
        return self._services.pids

    @property
    def boot_max_real_s(self) -> float:
        return self._services.boot_max_real_s

    @property
    def failed_services(self) -> tuple[FailedService, ...]:
        """Services that ended without being told to, or did not start."""
        return self._services.failed

    def launched(self, instance_id: str, now_s: float) -> None:
        """An instance was run: it is pending from now on."""
        self._book.known[instance_id] = instance = InstanceRecord(launched(now_s), self._store.traits(instance_id))
        self._entered(instance_id, instance, state_reason.pending())

    def requested(
        self, instance_id: str, request: Request, now_s: float, initiator: Initiator = Initiator.USER
    ) -> None:
        """Start, stop, terminate or reboot an instance. Raises IncorrectStateError."""
        instance = self._book.known.get(instance_id)
        if instance is None:
            return
        before, after = instance.life, requested(instance.life, request, now_s)
        if after == before:
            return
        if request is not Request.START:
            self._services.end(instance_id)
            self._mended(instance_id, instance, request is not Request.REBOOT, now_s)
        instance.life = after
        if after.state is before.state:
            self._plan(instance_id, instance)
            return
        self._book.left(instance, before.state)
        if after.state is InstanceState.PENDING:
            self._entered(instance_id, instance, state_reason.pending())
        else:
            terminates = after.state is InstanceState.SHUTTING_DOWN
            at = datetime.fromtimestamp(now_s, UTC).strftime("%Y-%m-%d %H:%M:%S GMT")
            self._entered(instance_id, instance, state_reason.ended(initiator, terminates, at))

    def shut_down(self, instance_id: str, now_s: float) -> None:
        """A running instance is shut down from inside: stopped or terminated, as its InstanceInitiatedShutdownBehavior
        says; protection from calls does not keep it.
        """
        request = Request.TERMINATE if self._store.ends_with_shutdown(instance_id) else Request.STOP
        self.requested(instance_id, request, now_s, Initiator.INSTANCE)

    def check(self, instance_id: str, request: Request, now_s: float) -> None:
        """Raise IncorrectStateError when a request would be refused; changes nothing."""
        instance = self._book.known.get(instance_id)
        if instance is not None:
            requested(instance.life, request, now_s)

    def changed(self, instance_id: str) -> None:
        """An instance's traits changed (its monitoring, its type)."""
        instance = self._book.known.get(instance_id)
        if instance is not None:
            self._book.left(instance, instance.life.state)
            instance.traits = self._store.traits(instance_id)
            self._book.publish(instance_id, instance)

    def recommend_rebalance(self, instance_id: str) -> None:
        """EC2 expects to take the spot instance back."""
        instance = self._book.known.get(instance_id)
        if instance is not None:
            instance.rebalance = True
            self._book.refresh(instance_id, instance)

    def hardware_failed(self, instance_id: str, failed: bool, now_s: float) -> None:
        """The host below a running instance fails, or works again: its processes stand still meanwhile."""
        instance = self._book.known.get(instance_id)
        if instance is None or instance.life.state is not InstanceState.RUNNING:
            return
        if failed is not instance.trouble.hardware:
            self._services.signal(instance_id, SIGSTOP if failed else SIGCONT, "all")
            self._troubled(instance_id, instance, instance.trouble._replace(hardware=failed), now_s)

    def with_failed_hardware(self) -> list[str]:
        return [instance_id for instance_id, each in self._book.known.items() if each.trouble.hardware]

    def tick(self, now_s: float) -> None:
        if self._store.replaced():
            self._find_again(now_s)
        due = self._due
        while due and due[0][0] <= now_s:
            at_s, instance_id = heapq.heappop(due)
            instance = self._book.known.get(instance_id)
            if instance is not None and instance.due_s == at_s:
                self._advance(instance_id, instance, now_s)

    def start_service(self, instance_id: str) -> None:
        """Start the instance's service, in the place of one that may still run."""
        fact = self._book.facts.get(instance_id)
        self._paused.discard(instance_id)
        if fact is not None:
            self._services.start(instance_id, fact.address, fact.zone)
            if self._book.known[instance_id].trouble.hardware:
                self._services.signal(instance_id, SIGSTOP, "all")

    def signal_service(self, instance_id: str, number: int, whom: str, done: Done) -> None:
        """Send a signal to the processes of an instance; `done` gets how many were reached."""
        if number in (SIGSTOP, SIGTSTP):
            self._paused.add(instance_id)
        elif number == SIGCONT:
            self._paused.discard(instance_id)
        self._services.signal(instance_id, number, whom, done)

    def stop_service(self, instance_id: str, done: Done) -> None:
        self._services.stop(instance_id, done)

    def serves(self, instance_id: str) -> bool:
        """Whether the instance's service runs, as far as its main process tells."""
        return self._services.runs(instance_id)

    def on_host_event(self, event: Mapping[str, Any], now_s: float) -> None:
        """News of a service from the instance host."""
        if event["event"] == "halted":
            self._halted(event["key"], event["halted"], now_s)
        else:
            self._services.on_host_event(event)

    def _halted(self, instance_id: str, halted: bool, now_s: float) -> None:
        """The main process stands still: the instance hangs, unless its own service manager was told to do that."""
        instance = self._book.known.get(instance_id)
        if instance is not None and instance.life.state is InstanceState.RUNNING:
            hung = halted and instance_id not in self._paused
            if hung is not instance.trouble.hung:
                self._troubled(instance_id, instance, instance.trouble._replace(hung=hung), now_s)

    def _find_again(self, now_s: float) -> None:
        present = set(self._store.ids())
        for instance_id in [known for known in self._book.known if known not in present]:
            self._services.end(instance_id)
            self._book.drop(instance_id)
        for instance_id in present - self._book.known.keys():
            self.launched(instance_id, now_s)

    def _advance(self, instance_id: str, instance: InstanceRecord, now_s: float) -> None:
        """Do what is due in one instance."""
        before = instance.life.state
        instance.life, changes = advance(instance.life, self._parameters, now_s)
        state = instance.life.state
        if state is not before:
            self._book.left(instance, before)
            self._entered(instance_id, instance, None)
        elif state is InstanceState.TERMINATED:
            self._store.forget(instance_id)
            self._book.drop(instance_id)
            return
        if Change.BOOT_OVER in changes:
            self.start_service(instance_id)
        if instance.look_s is not None and instance.look_s <= now_s:
            instance.checks = status_checks.looked(instance.checks, instance.trouble, instance.look_s)
            instance.look_s = None
            self._book.refresh(instance_id, instance)
        self._plan(instance_id, instance)

    def _entered(self, instance_id: str, instance: InstanceRecord, reason: StateReason | None) -> None:
        """An instance has come into a state. reason: None keeps the one that is shown."""
        state, since_s = instance.life.state, instance.life.since_s
        if state is InstanceState.RUNNING:
            reason = state_reason.NONE
            instance.checks = status_checks.started(since_s, self._parameters.status_check_s)
            instance.look_s = instance.checks.first_look_s
        elif instance.checks.first_look_s is not None:
            instance.checks, instance.look_s = status_checks.not_applicable(since_s), None
        self._store.write(instance_id, state, reason)
        instance.traits = self._store.traits(instance_id)
        self._book.publish(instance_id, instance)
        self._plan(instance_id, instance)
        traits = instance.traits
        self._events(
            Event(
                source="aws.ec2",
                detail_type="EC2 Instance State-change Notification",
                account=traits.account,
                region=traits.region,
                resources=(f"arn:aws:ec2:{traits.region}:{traits.account}:instance/{instance_id}",),
                detail={"instance-id": instance_id, "state": state.value},
                time_s=since_s,
            )
        )

    def _plan(self, instance_id: str, instance: InstanceRecord) -> None:
        """Note when something is due in the instance next."""
        moments = [due_s(instance.life, self._parameters), instance.look_s]
        if instance.life.state is InstanceState.TERMINATED:
            moments = [instance.life.since_s + self._parameters.terminated_visible_s]
        next_s = min((moment for moment in moments if moment is not None), default=None)
        if next_s is not None and next_s != instance.due_s:
            heapq.heappush(self._due, (next_s, instance_id))
        instance.due_s = next_s

    def _troubled(self, instance_id: str, instance: InstanceRecord, trouble: Trouble, now_s: float) -> None:
        """What is wrong with the instance changed: the next look will find it."""
        instance.trouble = trouble
        instance.look_s = status_checks.next_look_s(instance.checks, now_s)
        self._plan(instance_id, instance)

    def _mended(self, instance_id: str, instance: InstanceRecord, hardware: bool, now_s: float) -> None:
        """A restart ends a hang; failed hardware is left behind by a stop only."""
        mended = Trouble(hardware=instance.trouble.hardware and not hardware)
        if mended != instance.trouble:
            self._troubled(instance_id, instance, mended, now_s)
