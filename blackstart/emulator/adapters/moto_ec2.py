"""moto's EC2: states written as the lifecycle says, and its own instant transitions switched off.

Replaced: `Instance.start/stop/terminate/reboot` and the backend methods above them (instant, and they resurrect the
terminated), `run_instances` (running at once; ignores the launch template's instance profile and metadata options).
"""

import copy
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Protocol

from blackstart.emulator.adapters import moto_backends
from blackstart.emulator.adapters.patches import Patches
from blackstart.emulator.decisions.instance_lifecycle import (
    STATE_CODES,
    IncorrectStateError,
    InstanceState,
    Request,
)
from blackstart.emulator.decisions.run_command import units_named_in


class Lifecycle(Protocol):
    """What the replaced methods tell: an instance was launched, or a caller asked something of it."""

    def launched(self, instance_id: str, now_s: float) -> None: ...
    def requested(self, instance_id: str, request: Request, now_s: float) -> None: ...
    def check(self, instance_id: str, request: Request, now_s: float) -> None: ...


class MotoInstances:
    """The instances in moto's EC2 backends. Looked up each time: after a reset the backends are new."""

    def __init__(self) -> None:
        self._terminate: Callable[[Any], Any] | None = None
        self._stop: Callable[[Any], Any] | None = None
        self._start: Callable[[Any], Any] | None = None

    def instances(self) -> Iterable[tuple[str, str, str]]:
        """(instance id, zone, private IP) of every instance of every account and region in use."""
        for backend in moto_backends.existing("ec2"):
            for reservation in list(backend.reservations.values()):
                for instance in reservation.instances:
                    yield instance.id, instance.placement.zone or "", instance.private_ip or ""

    def find(self, instance_id: str) -> Any | None:
        """moto's instance object, or None."""
        for backend in moto_backends.existing("ec2"):
            found = backend.get_instance_by_id(instance_id)
            if found is not None:
                return found
        return None

    def units(self, instance_id: str) -> frozenset[str]:
        """The service units that an instance's user data names, its launch template's included."""
        instance = self.find(instance_id)
        return units_named_in(_decoded(instance.user_data)) if instance is not None else frozenset()

    def write(self, instance_id: str, state: InstanceState) -> None:
        """Show a state in describe_instances; moto's own side effects (addresses, volumes) happen at the end states."""
        instance = self.find(instance_id)
        if instance is None:
            return
        own = {
            InstanceState.TERMINATED: self._terminate,
            InstanceState.STOPPED: self._stop,
            InstanceState.PENDING: self._start,
        }.get(state)
        if own is not None and (state is not InstanceState.PENDING or instance.state == "stopped"):
            own(instance)
        instance._state.name = state.value
        instance._state.code = STATE_CODES[state]

    def install(self, patches: Patches, lifecycle: Lifecycle, now_s: Callable[[], float]) -> None:
        """Hand moto's instance transitions to a lifecycle."""
        from moto.ec2.models.instances import Instance, InstanceBackend

        self._terminate, self._stop, self._start = Instance.terminate, Instance.stop, Instance.start
        for name, request in (
            ("start", Request.START),
            ("stop", Request.STOP),
            ("terminate", Request.TERMINATE),
            ("reboot", Request.REBOOT),
        ):
            patches.replace(Instance, name, partial(_asking, lifecycle, request, now_s))
            patches.replace(InstanceBackend, f"{name}_instances", partial(_checked, lifecycle, request, now_s))
        patches.replace(InstanceBackend, "run_instances", lambda original: _launching(original, lifecycle, now_s))


def _asking(
    lifecycle: Lifecycle, request: Request, now_s: Callable[[], float], _original: Callable[..., Any]
) -> Callable[[Any], Any]:
    def ask(instance: Any) -> Any:
        previous = copy.copy(instance._state)
        lifecycle.requested(instance.id, request, now_s())
        return previous

    return ask


def _checked(
    lifecycle: Lifecycle, request: Request, now_s: Callable[[], float], original: Callable[..., Any]
) -> Callable[..., Any]:
    """Refuse the whole request when one of its instances cannot take it, as EC2 does."""

    def checked(backend: Any, instance_ids: list[str]) -> Any:
        from moto.ec2.exceptions import EC2ClientError

        for instance in backend.get_multi_instances_by_id(instance_ids):
            try:
                lifecycle.check(instance.id, request, now_s())
            except IncorrectStateError as error:
                raise EC2ClientError(
                    "IncorrectInstanceState",
                    f"The instance '{instance.id}' is not in a state from which it can be {_PAST[request]}. "
                    f"(current state: {error})",
                ) from error
        return original(backend, instance_ids)

    return checked


_PAST = {
    Request.START: "started",
    Request.STOP: "stopped",
    Request.TERMINATE: "terminated",
    Request.REBOOT: "rebooted",
}


def _launching(original: Callable[..., Any], lifecycle: Lifecycle, now_s: Callable[[], float]) -> Callable[..., Any]:
    def run_instances(backend: Any, *args: Any, **kwargs: Any) -> Any:
        reservation = original(backend, *args, **kwargs)
        for instance in reservation.instances:
            if kwargs.get("launch_template"):
                _apply_template(backend, instance, kwargs["launch_template"])
            lifecycle.launched(instance.id, now_s())
        return reservation

    return run_instances


def _apply_template(backend: Any, instance: Any, reference: dict[str, Any]) -> None:
    """What moto leaves out of a launch template: the instance profile and the metadata options."""
    from moto.ec2.models.instances import MetadataOptions

    data = backend._get_template_from_args(reference).data
    if data.get("MetadataOptions"):
        instance.metadata_options = MetadataOptions(data["MetadataOptions"])
    profile = data.get("IamInstanceProfile") or {}
    if profile and instance.id not in backend.iam_instance_profile_associations:
        backend.associate_iam_instance_profile(
            instance_id=instance.id,
            iam_instance_profile_name=profile.get("Name"),
            iam_instance_profile_arn=profile.get("Arn"),
        )


def _decoded(user_data: Any) -> str:
    """moto's encoded user data as text; "" for what is not text (a compressed archive, for one)."""
    from moto.core.types import Base64EncodedString

    try:
        encoded = Base64EncodedString(user_data) if isinstance(user_data, str) else user_data
        return str(encoded.decode()) if encoded is not None else ""
    except ValueError:
        return ""
