"""moto's EC2: states written as the lifecycle says, and its own instant transitions switched off.

Replaced: `Instance.start/stop/terminate/reboot` and the backend methods above them (instant, and they resurrect the
terminated), and the answers of start, stop and terminate (they name a state without looking). Launching:
`moto_ec2_launch`.
"""

import copy
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Protocol

from blackstart.emulator.adapters import moto_backends
from blackstart.emulator.adapters.ec2_refusals import refused
from blackstart.emulator.adapters.patches import Patches
from blackstart.emulator.controllers.instance_facts import InstanceTraits
from blackstart.emulator.decisions.ec2_capacity import START_REFUSAL
from blackstart.emulator.decisions.instance_lifecycle import (
    STATE_CODES,
    IncorrectStateError,
    InstanceState,
    Request,
)
from blackstart.emulator.decisions.run_command import units_named_in
from blackstart.emulator.decisions.state_reason import StateReason


class Lifecycle(Protocol):
    """What the replaced methods tell: a caller wants something of an instance."""

    def requested(self, instance_id: str, request: Request, now_s: float) -> None: ...
    def check(self, instance_id: str, request: Request, now_s: float) -> None: ...


class Room(Protocol):
    """How many more instances of a type fit into a zone; None: any number."""

    def __call__(self, zone: str, instance_type: str) -> int | None: ...


class MotoInstances:
    """The instances in moto's EC2 backends, by id. After a reset what was known is found to be gone."""

    def __init__(self) -> None:
        self._terminate: Callable[[Any], Any] | None = None
        self._stop: Callable[[Any], Any] | None = None
        self._start: Callable[[Any], Any] | None = None
        self._by_id: dict[str, tuple[Any, Any]] = {}
        self._seen: list[Any] = []

    def replaced(self) -> bool:
        """Whether a backend's instances are another collection than at the last call: new backends, or a reset."""
        seen = [backend.reservations for backend in moto_backends.existing("ec2")]
        same = len(seen) == len(self._seen) and all(new is old for new, old in zip(seen, self._seen, strict=True))
        if not same:
            self._seen = seen
            self._by_id = {
                instance.id: (instance, reservation)
                for reservations in seen
                for reservation in reservations.values()
                for instance in reservation.instances
            }
        return not same

    def ids(self) -> Iterable[str]:
        return self._by_id.keys()

    def register(self, instance: Any, reservation: Any) -> None:
        """A new instance of a reservation."""
        self._by_id[instance.id] = (instance, reservation)

    def find(self, instance_id: str) -> Any | None:
        """moto's instance object, or None."""
        instance, reservation = self._by_id.get(instance_id, (None, None))
        if instance is not None and instance.ec2_backend.reservations.get(reservation.id) is not reservation:
            del self._by_id[instance_id]
            return None
        return instance

    def traits(self, instance_id: str) -> InstanceTraits:
        instance = self.find(instance_id)
        if instance is None:
            return InstanceTraits(zone="", private_ip="")
        backend = instance.ec2_backend
        return InstanceTraits(
            zone=instance.placement.zone or "",
            private_ip=instance.private_ip or "",
            subnet_id=instance.subnet_id or "",
            image_id=instance.image_id or "",
            instance_type=instance.instance_type,
            account=backend.account_id,
            region=backend.region_name,
            detailed_monitoring=instance.monitored,
            lifecycle_kind="spot" if instance.lifecycle == "spot" else "on-demand",
        )

    def units(self, instance_id: str) -> frozenset[str]:
        """The service units that an instance's user data names, its launch template's included."""
        instance = self.find(instance_id)
        return units_named_in(_decoded(instance.user_data)) if instance is not None else frozenset()

    def interruption_behaviour(self, instance_id: str) -> str:
        """What becomes of a spot instance that EC2 takes back: terminate, stop or hibernate."""
        return str(getattr(self.find(instance_id), "blackstart_interruption", "terminate"))

    def ends_with_shutdown(self, instance_id: str) -> bool:
        return getattr(self.find(instance_id), "instance_initiated_shutdown_behavior", "stop") == "terminate"

    def protection(self, instance_id: str, request: Request) -> str:
        """Why EC2 refuses to stop or terminate an instance whatever its state, "" when it does not."""
        from moto.core.exceptions import ServiceException

        instance = self.find(instance_id)
        try:
            if instance is not None:
                _check_protection(instance, request)
        except ServiceException as error:
            return str(error.message)
        return ""

    def write(self, instance_id: str, state: InstanceState, reason: StateReason | None) -> None:
        """Show a state in describe_instances; moto's own side effects (addresses, volumes) happen at the end states."""
        instance = self.find(instance_id)
        if instance is None:
            return
        shown = (instance._reason, instance.state_reason)
        self._have_moto_do(instance, state)
        instance._state.name = state.value
        instance._state.code = STATE_CODES[state]
        instance._reason, instance.state_reason = shown
        if reason is not None:
            from moto.ec2.models.instances import StateReason as Shown

            instance._reason, instance.state_reason = reason.transition, Shown(reason.message, reason.code)

    def _have_moto_do(self, instance: Any, state: InstanceState) -> None:
        if state is InstanceState.TERMINATED and self._terminate is not None:
            self._terminate(instance)
            instance._private_ips = set()  # given back by now; moto would give them back again when it is collected
        elif state is InstanceState.STOPPED and self._stop is not None:
            self._stop(instance)
        elif state is InstanceState.PENDING and instance.state == "stopped" and self._start is not None:
            from moto.core.utils import utcnow

            self._start(instance)
            instance.launch_time = utcnow()

    def forget(self, instance_id: str) -> None:
        """Describe a terminated instance no longer, nor its tags."""
        instance, reservation = self._by_id.pop(instance_id, (None, None))
        if instance is None:
            return
        reservation.instances = [other for other in reservation.instances if other is not instance]
        if not reservation.instances:
            instance.ec2_backend.reservations.pop(reservation.id, None)
        instance.ec2_backend.tags.pop(instance_id, None)

    def install(self, patches: Patches, lifecycle: Lifecycle, room: Room, now_s: Callable[[], float]) -> None:
        """Hand moto's instance transitions to a lifecycle."""
        from moto.ec2.models.instances import Instance, InstanceBackend
        from moto.ec2.responses.instances import InstanceResponse

        self._terminate, self._stop, self._start = Instance.terminate, Instance.stop, Instance.start
        for name, request in (
            ("start", Request.START),
            ("stop", Request.STOP),
            ("terminate", Request.TERMINATE),
            ("reboot", Request.REBOOT),
        ):
            patches.replace(Instance, name, partial(_asking, lifecycle, request, now_s))
            patches.replace(InstanceBackend, f"{name}_instances", partial(_checked, lifecycle, room, request, now_s))
            if request is not Request.REBOOT:
                patches.replace(InstanceResponse, f"{name}_instances", _telling_the_state)


def _asking(
    lifecycle: Lifecycle, request: Request, now_s: Callable[[], float], _original: Callable[..., Any]
) -> Callable[[Any], Any]:
    def ask(instance: Any) -> Any:
        previous = copy.copy(instance._state)
        lifecycle.requested(instance.id, request, now_s())
        return previous

    return ask


def _checked(
    lifecycle: Lifecycle, room: Room, request: Request, now_s: Callable[[], float], original: Callable[..., Any]
) -> Callable[..., Any]:
    """Refuse the whole request when one of its instances cannot take it, as EC2 does."""

    def checked(backend: Any, instance_ids: list[str]) -> Any:
        for instance in backend.get_multi_instances_by_id(instance_ids):
            _check_protection(instance, request)
            try:
                lifecycle.check(instance.id, request, now_s())
            except IncorrectStateError as error:
                raise _incorrect_state(instance.id, request, str(error)) from error
        if request is Request.START:
            _check_room(backend, instance_ids, room)
        return original(backend, instance_ids)

    return checked


def _check_room(backend: Any, instance_ids: list[str], room: Room) -> None:
    """Raise what EC2 says when stopped instances find their place taken."""
    stopped = (each for each in backend.get_multi_instances_by_id(instance_ids) if each.state == "stopped")
    for (zone, instance_type), number in Counter((each.placement.zone, each.instance_type) for each in stopped).items():
        left = room(zone, instance_type)
        if left is not None and left < number:
            raise refused("InsufficientInstanceCapacity", START_REFUSAL)


def _check_protection(instance: Any, request: Request) -> None:
    """Raise what EC2 says of an instance that is protected, or cannot be stopped for what it is."""
    protected = {Request.TERMINATE: instance.disable_api_termination, Request.STOP: instance.disable_api_stop}
    if _is_true(protected.get(request)):
        past, attribute = (
            ("terminated", "disableApiTermination") if request is Request.TERMINATE else ("stopped", "disableApiStop")
        )
        raise refused(
            "OperationNotPermitted",
            f"The instance '{instance.id}' may not be {past}. Modify its '{attribute}' instance attribute and try "
            "again.",
        )
    one_time = getattr(instance, "blackstart_spot_type", "one-time") == "one-time"
    if request is Request.STOP and instance.lifecycle == "spot" and one_time:
        raise refused(
            "UnsupportedOperation",
            f"You can't stop the Spot Instance '{instance.id}' because it is associated with a one-time Spot Instance "
            "request. You can only stop Spot Instances associated with persistent Spot Instance requests.",
        )


def _incorrect_state(instance_id: str, request: Request, state: str) -> Exception:
    if request is Request.STOP and state == InstanceState.PENDING:
        words = f"Instance '{instance_id}' cannot be stopped as it has never reached the 'running' state."
    else:
        words = f"The instance '{instance_id}' is not in a state from which it can be {_PAST[request]}."
    return refused("IncorrectInstanceState", words)


_PAST = {
    Request.START: "started",
    Request.STOP: "stopped",
    Request.TERMINATE: "terminated",
    Request.REBOOT: "rebooted",
}


def _is_true(value: Any) -> bool:
    return str(value).lower() == "true"


def _telling_the_state(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Answer with the state that each instance has come to; moto names the usual one, whatever happened."""

    def telling(response: Any) -> Any:
        answer = original(response)
        for changes in answer.result.values():
            for change in changes:
                state = response.ec2_backend.get_instance(change["InstanceId"])._state
                change["CurrentState"] = {"Code": state.code, "Name": state.name}
        return answer

    return telling


def _decoded(user_data: Any) -> str:
    """moto's encoded user data as text; "" for what is not text (a compressed archive, for one)."""
    from moto.core.types import Base64EncodedString

    try:
        encoded = Base64EncodedString(user_data) if isinstance(user_data, str) else user_data
        return str(encoded.decode()) if encoded is not None else ""
    except ValueError:
        return ""
