"""The faults by the name an experiment gives them."""

from difflib import get_close_matches

from blackstart.domain.errors import UsageError
from blackstart.faults.contract import Fault
from blackstart.faults.crash_service import CrashService
from blackstart.faults.terminate_instances import TerminateInstances

_ALL: tuple[Fault, ...] = (CrashService(), TerminateInstances())
FAULTS: dict[str, Fault] = {fault.name: fault for fault in _ALL}


def fault_named(name: str) -> Fault:
    """The fault of this name. Raises UsageError that lists the known ones and the closest match."""
    if name not in FAULTS:
        closest = get_close_matches(name, FAULTS, n=1)
        hint = f"Did you mean {closest[0]}? " if closest else ""
        raise UsageError(f"action {name!r} is unknown", f"{hint}Known actions: {', '.join(sorted(FAULTS))}.")
    return FAULTS[name]
