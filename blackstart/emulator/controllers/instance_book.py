"""The instances that EC2 knows: one record each, what others may know of it, and the room that they take up."""

from collections import Counter
from collections.abc import Callable

from blackstart.emulator.controllers.instance_facts import InstanceFact, InstanceTraits
from blackstart.emulator.decisions import status_checks
from blackstart.emulator.decisions.instance_lifecycle import InstanceLife, InstanceState
from blackstart.emulator.decisions.status_checks import Checks, Trouble

OCCUPYING = frozenset(InstanceState) - {InstanceState.STOPPED, InstanceState.TERMINATED}
"""The states in which an instance takes up capacity."""


class InstanceRecord:
    """What is known of one instance."""

    __slots__ = ("checks", "due_s", "life", "look_s", "rebalance", "traits", "trouble")

    def __init__(self, life: InstanceLife, traits: InstanceTraits) -> None:
        self.life = life
        self.traits = traits
        self.checks: Checks = status_checks.not_applicable(life.since_s)
        self.trouble = Trouble()
        self.look_s: float | None = None
        self.rebalance = False
        self.due_s: float | None = None


class InstanceBook:
    """address_of: an instance's loopback address.

    facts: by instance id, kept up to date in place. occupied: instances that take up room, by zone and type.
    """

    def __init__(self, address_of: Callable[[str], str]) -> None:
        self._address_of = address_of
        self.known: dict[str, InstanceRecord] = {}
        self.facts: dict[str, InstanceFact] = {}
        self.occupied: Counter[tuple[str, str]] = Counter()

    def left(self, instance: InstanceRecord, state: InstanceState) -> None:
        if state in OCCUPYING:
            self.occupied[instance.traits.zone, instance.traits.instance_type] -= 1

    def publish(self, instance_id: str, instance: InstanceRecord) -> None:
        """Count an instance as what it is by now, and tell."""
        if instance.life.state in OCCUPYING:
            self.occupied[instance.traits.zone, instance.traits.instance_type] += 1
        self.refresh(instance_id, instance)

    def refresh(self, instance_id: str, instance: InstanceRecord) -> None:
        life, traits = instance.life, instance.traits
        self.facts[instance_id] = InstanceFact(
            instance_id=instance_id,
            state=life.state,
            since_s=life.since_s,
            zone=traits.zone,
            private_ip=traits.private_ip,
            address=self._address_of(instance_id),
            subnet_id=traits.subnet_id,
            image_id=traits.image_id,
            instance_type=traits.instance_type,
            account=traits.account,
            region=traits.region,
            detailed_monitoring=traits.detailed_monitoring,
            instance_check=instance.checks.instance,
            system_check=instance.checks.system,
            lifecycle_kind=traits.lifecycle_kind,
            rebalance_recommended=instance.rebalance,
        )

    def drop(self, instance_id: str) -> None:
        instance = self.known.pop(instance_id)
        self.left(instance, instance.life.state)
        del self.facts[instance_id]
