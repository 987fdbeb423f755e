"""What is known of EC2 instances: how they were launched, how they are, and moto's side of them."""

from collections.abc import Iterable
from typing import NamedTuple, Protocol

from blackstart.emulator.decisions.instance_lifecycle import InstanceState
from blackstart.emulator.decisions.state_reason import StateReason
from blackstart.emulator.decisions.status_checks import CheckStatus, StatusCheck

UNCHECKED = StatusCheck(CheckStatus.OK, 0.0)


class InstanceTraits(NamedTuple):
    """What an instance was launched as."""

    zone: str
    private_ip: str
    subnet_id: str = ""
    image_id: str = ""
    instance_type: str = ""
    account: str = ""
    region: str = ""
    detailed_monitoring: bool = False
    lifecycle_kind: str = "on-demand"


class InstanceFact(NamedTuple):
    """What other controllers know of an instance. since_s: when its state began. address: its loopback address.

    lifecycle_kind: "spot" or "on-demand". rebalance_recommended: EC2 expects to take the spot instance back.
    """

    instance_id: str
    state: InstanceState
    since_s: float
    zone: str
    private_ip: str
    address: str
    subnet_id: str = ""
    image_id: str = ""
    instance_type: str = ""
    account: str = ""
    region: str = ""
    detailed_monitoring: bool = False
    instance_check: StatusCheck = UNCHECKED
    system_check: StatusCheck = UNCHECKED
    lifecycle_kind: str = "on-demand"
    rebalance_recommended: bool = False


class InstanceStore(Protocol):
    """moto's side: which instances exist, and what describe_instances shows of them."""

    def replaced(self) -> bool:
        """Whether instances may have come or gone without a word since the last call, as by a reset."""

    def ids(self) -> Iterable[str]: ...
    def traits(self, instance_id: str) -> InstanceTraits: ...
    def write(self, instance_id: str, state: InstanceState, reason: StateReason | None) -> None:
        """Show a state. reason: None leaves the one that is shown."""

    def ends_with_shutdown(self, instance_id: str) -> bool:
        """Whether an instance that is shut down from inside is terminated, and not stopped."""

    def forget(self, instance_id: str) -> None:
        """Describe a terminated instance no longer."""
