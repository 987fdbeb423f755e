"""Injects planned actions and puts back what they broke: first the journal, then the call, then a look at the world.

An injection is open from its intent on, whatever happened to the call, until its `Reverted` is on the journal.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from blackstart.aws_clients import AwsClients
from blackstart.domain.errors import BlackstartError
from blackstart.domain.experiment import BlastRadius
from blackstart.domain.journal import (
    Applied,
    ApplyFailed,
    EffectVerified,
    Intent,
    Journal,
    PlannedAction,
    Reversibility,
    Reverted,
)
from blackstart.domain.stack import Stack
from blackstart.domain.verdict import Restored
from blackstart.faults.contract import Fault, Look, Snapshot
from blackstart.faults.registry import fault_named
from blackstart.injection.guard import check_blast_radius
from blackstart.injection.selection import resolve
from blackstart.injection.stack_view import describe_stack

LOOK_EVERY_S = 1.0
UNANSWERED_LOOKS = 10  # in a row; then nobody is there to answer


@dataclass
class Injection:
    """One occurrence of a fault. applied_s: when the call was made. answer: {} when none came back.

    refused: AWS said no, so nothing more is coming (though EC2 may have terminated some of several). effect, reverted:
    set once they are on the journal.
    """

    intent: Intent
    fault: Fault
    before: Snapshot
    applied_s: float
    answer: dict[str, Any] = field(default_factory=dict)
    refused: bool = False
    effect: EffectVerified | None = None
    reverted: Reverted | None = None
    revert_called: bool = False


class Injector:
    """Injects into one stack, described afresh before each call. Not for several threads.

    now_s: virtual Unix time. wait_s: waits for so many virtual seconds; what it raises passes through, and
    `restore_all` may be called afterwards. blast_radius: checked again on the stack as it is right before each call.
    """

    def __init__(
        self,
        journal: Journal,
        clients: AwsClients,
        stack: Stack,
        now_s: Callable[[], float],
        wait_s: Callable[[float], None],
        blast_radius: BlastRadius,
    ) -> None:
        self._journal = journal
        self._clients = clients
        self._stack = stack
        self._now_s = now_s
        self._wait_s = wait_s
        self._blast_radius = blast_radius
        self._injections: dict[str, Injection] = {}
        self._restoring = False

    def inject(self, action: PlannedAction) -> Injection:
        """Write the intent, make the call, look once at the effect. Returns without waiting.

        An error of AWS becomes `ApplyFailed`. Raises GuardError, before the intent and with nothing touched, when a
        planned target is gone or no longer opted in, or when the blast radius no longer allows it; ValueError for an
        action that was injected already.
        """
        injection = self._intend(action)
        name = injection.intent.injection
        try:
            injection.answer = injection.fault.apply(self._clients, injection.intent)
        except Exception as error:
            injection.refused = _is_refusal(error)
            self._journal.append(ApplyFailed(injection=name, error=describe_error(error)))
            if not _is_aws_error(error):
                raise
        else:
            self._journal.append(Applied(injection=name, answer=injection.answer))
        self.look()
        return injection

    def look(self) -> bool:
        """Look once for every effect that is not known yet; True when all are. Cheap enough for each virtual second."""
        pending = [injection for injection in self._injections.values() if injection.effect is None]
        for injection in pending:
            self._look_for_effect(injection)
        return all(injection.effect is not None for injection in pending)

    def verify(self, injection: Injection) -> EffectVerified:
        """Wait until the effect is seen, or its time is over, or nothing can come any more."""
        while injection.effect is None:
            self._look_for_effect(injection)
            if injection.effect is None:
                self._wait_s(LOOK_EVERY_S)
        return injection.effect

    def restore_all(self) -> Restored:
        """Put everything back and wait, within each injection's bound, until AWS shows it whole.

        Newest first, each whatever becomes of the others. A revert is called at once. An effect not known yet is then
        awaited before looking for the whole: a crash that no health check has noticed looks like no crash. May be
        called again, also after it was interrupted; a call during a call (a signal handler) leaves it to the first and
        answers unknown. With nothing injected: yes.
        """
        if self._restoring:
            return Restored.UNKNOWN
        self._restoring = True
        answers, failures = [], []
        try:
            for injection in reversed(self._injections.values()):
                try:
                    answers.append(self._restore(injection).restored)
                except Exception as error:  # noqa: BLE001  the others are put back first, then it is raised
                    failures.append(error)
        finally:
            self._restoring = False
        if failures:
            raise failures[0]
        return next((worst for worst in (Restored.NO, Restored.UNKNOWN) if worst in answers), Restored.YES)

    def _intend(self, action: PlannedAction) -> Injection:
        name = f"{action.index}-{action.action}"
        if name in self._injections:
            raise ValueError(f"action {name} was injected already")
        fault = fault_named(action.action)
        fault.check_parameters(action.parameters)
        stack = describe_stack(self._clients, self._stack.name, self._stack.mapping)
        targets = resolve(action.target_ids, stack)
        check_blast_radius(action.target_ids, stack, self._blast_radius)
        before = fault.snapshot(stack, targets)
        intent = Intent(
            injection=name,
            action=action.action,
            target_ids=action.target_ids,
            parameters=action.parameters,
            reversibility=fault.reversibility(stack, targets),
            snapshot=before.model_dump(mode="json"),
        )
        self._journal.append(intent)
        injection = Injection(intent=intent, fault=fault, before=before, applied_s=self._now_s())
        self._injections[intent.injection] = injection
        return injection

    def _look_for_effect(self, injection: Injection) -> None:
        intent = injection.intent
        over = self._now_s() - injection.applied_s >= injection.before.effect_within_s
        look, _ = _look(lambda: injection.fault.verify(self._clients, intent, injection.answer))
        if injection.refused and not look.seen:
            look = Look(seen=False, detail=f"AWS refused the call: {look.detail}", final=True)
        elif over and not look.seen:
            detail = f"no effect within {injection.before.effect_within_s:.0f} s: {look.detail}"
            look = Look(seen=False, detail=detail, final=True)
        if look.seen or look.final:
            injection.effect = EffectVerified(injection=intent.injection, seen=look.seen, detail=look.detail)
            self._journal.append(injection.effect)

    def _restore(self, injection: Injection) -> Reverted:
        if injection.reverted is None:
            self._call_revert(injection)  # first, whether the effect is known or not; a failed call is repeated below
            self.verify(injection)
            restored, detail = self._put_back(injection)
            injection.reverted = Reverted(injection=injection.intent.injection, restored=restored, detail=detail)
            self._journal.append(injection.reverted)
        return injection.reverted

    def _put_back(self, injection: Injection) -> tuple[Restored, str]:
        """Revert what has a revert, then wait until it shows. What cannot be asked is unknown, not whole."""
        intent, fault = injection.intent, injection.fault
        deadline_s = self._now_s() + injection.before.restored_within_s
        unanswered = 0
        while True:
            error = self._call_revert(injection)
            look, answered = _look(lambda: fault.verify_restored(self._clients, intent))
            if look.seen and error is None:
                return Restored.YES, look.detail
            unanswered = 0 if answered else unanswered + 1
            detail = "; ".join(text for text in (error, look.detail) if text)
            if look.final:
                return Restored.NO, detail
            if unanswered >= UNANSWERED_LOOKS:
                return Restored.UNKNOWN, detail
            if self._now_s() >= deadline_s:
                return Restored.NO, f"not restored within {injection.before.restored_within_s:.0f} s: {detail}"
            self._wait_s(LOOK_EVERY_S)

    def _call_revert(self, injection: Injection) -> str | None:
        """Call the revert once, again only while it fails; the error of a failed one."""
        reversible = injection.intent.reversibility is Reversibility.REVERSIBLE
        if injection.refused or injection.revert_called or not reversible:
            return None
        try:
            injection.fault.revert(self._clients, injection.intent)
        except Exception as error:
            if not _is_aws_error(error):
                raise
            return f"the revert failed: {describe_error(error)}"
        injection.revert_called = True
        return None


def describe_error(error: Exception) -> str:
    """An error of AWS in one line: operation, code and message, or what kept the request from being answered."""
    from botocore.exceptions import ClientError

    if isinstance(error, ClientError):
        details = error.response.get("Error", {})
        return f"{error.operation_name}: {details.get('Code', 'error')}: {details.get('Message', 'no message')}"
    if isinstance(error, BlackstartError):
        return error.message
    return f"{type(error).__name__}: {error}"


def _is_aws_error(error: Exception) -> bool:
    from botocore.exceptions import BotoCoreError, ClientError

    return isinstance(error, (BotoCoreError, ClientError))


def _is_refusal(error: Exception) -> bool:
    """Whether the answer is no: a 4xx, or our own guard. A lost answer or a 5xx leaves open what happened."""
    from botocore.exceptions import ClientError

    if isinstance(error, ClientError):
        return bool(400 <= error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500) < 500)
    return isinstance(error, BlackstartError)


def _look(ask: Callable[[], Look]) -> tuple[Look, bool]:
    """A look that AWS could not answer has seen nothing; asking again may. Also whether it was answered."""
    try:
        return ask(), True
    except Exception as error:
        if not _is_aws_error(error):
            raise
        return Look(seen=False, detail=f"AWS could not be asked: {describe_error(error)}"), False
