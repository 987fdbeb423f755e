"""What every fault is: resolve -> snapshot -> apply -> verify -> revert -> verify-restored.

Resolving is the same for all (planned ids, by tags, right before the call) and lives in `injection/selection.py`.
The rest is one class a file, listed in `registry.py`. A fault never waits and never loops: `verify` and
`verify_restored` look once, the injector asks again until the snapshot's bounds are over. All that `apply`, `revert`
and the verifications need is in the `Intent`, so a process that starts after a crash can finish what the journal says.
"""

from collections.abc import Sequence
from typing import Any, Protocol

from blackstart.aws_clients import AwsClients
from blackstart.domain.failover import Span
from blackstart.domain.journal import Intent, Reversibility
from blackstart.domain.model import Model
from blackstart.domain.stack import Instance, Stack
from blackstart.domain.target_health import HealthCheck

ActionParameters = dict[str, str | float | int | bool]


class GroupBefore(Model):
    """An Auto Scaling group that a target belonged to. desired: its desired capacity then."""

    resource_name: str
    desired: int
    target_group_arns: tuple[str, ...] = ()


class TargetGroupBefore(Model):
    """A target group that a target was registered in. healthy: how many targets, over all, were healthy then.

    healthy_ids: those of the injection's own targets that were; only their change can show an effect.
    """

    name: str
    arn: str
    healthy: int
    healthy_ids: tuple[str, ...]


class Snapshot(Model):
    """What stood before, as the intent carries it. Bounds in virtual seconds from the call.

    alone_ids: targets that nothing replaces. effect_within_s: an effect not seen by then did not happen.
    restored_within_s: how long the repair is awaited once it is asked for.
    """

    groups: tuple[GroupBefore, ...] = ()
    target_groups: tuple[TargetGroupBefore, ...] = ()
    alone_ids: tuple[str, ...] = ()
    effect_within_s: float
    restored_within_s: float

    @classmethod
    def of(cls, intent: Intent) -> "Snapshot":
        return cls.model_validate(intent.snapshot)


class Look(Model):
    """One look at the world. final: looking again cannot change the answer."""

    seen: bool
    detail: str
    final: bool = False


class Fault(Protocol):
    """One kind of fault. Methods that take clients raise botocore's errors as they come; the injector words them."""

    @property
    def name(self) -> str:
        """The word an experiment writes after `action:`."""
        ...

    @property
    def announced(self) -> bool:
        """Whether EC2 itself tells the group and the load balancer, so that no health check has to fail first."""
        ...

    def check_parameters(self, parameters: ActionParameters) -> None:
        """Raise UsageError naming an unknown or missing parameter or a wrong type."""
        ...

    def reversibility(self, stack: Stack, targets: Sequence[Instance]) -> Reversibility:
        """How these very targets come back; the worst of them counts."""
        ...

    def detection(self, check: HealthCheck) -> Span:
        """Predicted time from the fault until every load-balancer node stops sending to the target."""
        ...

    def snapshot(self, stack: Stack, targets: Sequence[Instance]) -> Snapshot:
        """What verify and revert need. Raises GuardError when the effect could not be seen or undone at all."""
        ...

    def apply(self, clients: AwsClients, intent: Intent) -> dict[str, Any]:
        """Make the call; the answer goes into the journal and to `verify`."""
        ...

    def verify(self, clients: AwsClients, intent: Intent, answer: dict[str, Any]) -> Look:
        """Whether the world changed. answer: of `apply`, {} when it is not known whether the call arrived."""
        ...

    def revert(self, clients: AwsClients, intent: Intent) -> None:
        """Undo what can be undone; may be called again."""
        ...

    def verify_restored(self, clients: AwsClients, intent: Intent) -> Look:
        """Whether all is whole again, by what AWS shows."""
        ...
