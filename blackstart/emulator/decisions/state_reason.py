"""Why an instance stopped or was terminated, in the words that describe_instances shows.

Source: EC2 API reference, StateReason; StateTransitionReason as users published it.
"""

from enum import StrEnum
from typing import NamedTuple


class Initiator(StrEnum):
    """Who ends an instance. USER: a call of the API, Auto Scaling's and an alarm's too; SPOT: EC2 takes it back;
    INSTANCE: it was shut down from inside.
    """

    USER = "user"
    SPOT = "spot"
    INSTANCE = "instance"


class StateReason(NamedTuple):
    """code, message: StateReason. transition: StateTransitionReason."""

    code: str
    message: str
    transition: str


NONE = StateReason("", "", "")


def pending() -> StateReason:
    return StateReason("pending", "pending", "")


def ended(initiator: Initiator, terminates: bool, at: str) -> StateReason:
    """Of an instance that is stopped or terminated from this moment on. at: as `2026-11-22 08:00:00 GMT`."""
    if initiator is Initiator.SPOT:
        code = "Server.SpotInstanceTermination" if terminates else "Server.SpotInstanceShutdown"
        words = "Spot instance termination" if terminates else "Spot instance shutdown"
        return StateReason(code, f"{code}: {words}", code)
    if initiator is Initiator.INSTANCE:
        code = "Client.InstanceInitiatedShutdown"
        return StateReason(code, f"{code}: Instance initiated shutdown", "")
    code = "Client.UserInitiatedShutdown"
    return StateReason(code, f"{code}: User initiated shutdown", f"User initiated ({at})")
