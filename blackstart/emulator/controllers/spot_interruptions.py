"""Spot instances that EC2 takes back: the recommendation to rebalance, the warning two minutes ahead, the end.

Sources: EC2 user guide, "Spot Instance interruption notices", "EC2 instance rebalance recommendations".
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from blackstart.emulator.controllers.ec2_lifecycle import Ec2LifecycleController
from blackstart.emulator.controllers.event_bus import Event, EventBus
from blackstart.emulator.controllers.instance_facts import InstanceFact
from blackstart.emulator.decisions.ec2_capacity import Pool
from blackstart.emulator.decisions.instance_lifecycle import IncorrectStateError, InstanceState, Request
from blackstart.emulator.decisions.state_reason import Initiator

NOTICE_S = 120.0
ALIVE = frozenset({InstanceState.PENDING, InstanceState.RUNNING})


class Interruption(NamedTuple):
    """One that is under way. warn_s: None once it was warned of."""

    warn_s: float | None
    end_s: float


class NotSpotError(ValueError):
    """The instance is no running spot instance."""


class SpotInterruptions:
    """behaviour_of: what becomes of an interrupted instance, "terminate" or "stop" (hibernation counts as a stop)."""

    def __init__(self, ec2: Ec2LifecycleController, events: EventBus, behaviour_of: Callable[[str], str]) -> None:
        self._ec2 = ec2
        self._events = events
        self._behaviour_of = behaviour_of
        self._under_way: dict[str, Interruption] = {}

    def interrupt(self, instance_id: str, now_s: float, after_s: float = NOTICE_S) -> None:
        """Recommend to rebalance now, warn two minutes before `after_s` are over, and then end the instance.

        Raises NotSpotError.
        """
        fact = self._ec2.facts.get(instance_id)
        if fact is None or fact.lifecycle_kind != "spot" or fact.state not in ALIVE:
            raise NotSpotError(f"{instance_id} is no running Spot Instance")
        if instance_id in self._under_way:
            return
        end_s = now_s + max(after_s, NOTICE_S)
        self._ec2.recommend_rebalance(instance_id)
        self._tell(fact, "EC2 Instance Rebalance Recommendation", {"instance-id": instance_id}, now_s)
        self._under_way[instance_id] = Interruption(end_s - NOTICE_S, end_s)
        self.tick(now_s)

    def reclaim(self, pools: Mapping[Pool, int], now_s: float) -> int:
        """Take back spot instances of pools that hold too many, the youngest first; how many it is to be.

        What is being interrupted already counts. On-demand instances are never taken back.
        """
        taken = 0
        facts = sorted(self._ec2.facts.values(), key=lambda fact: (-fact.since_s, fact.instance_id))
        spot = [fact for fact in facts if fact.lifecycle_kind == "spot" and fact.state in ALIVE]
        for pool, too_many in pools.items():
            of_pool = [
                fact for fact in spot if fact.zone == pool.zone and pool.instance_type in ("", fact.instance_type)
            ]
            going = sum(fact.instance_id in self._under_way for fact in of_pool)
            staying = [fact for fact in of_pool if fact.instance_id not in self._under_way]
            for fact in staying[: max(0, too_many - going)]:
                self.interrupt(fact.instance_id, now_s)
                taken += 1
        return taken

    def tick(self, now_s: float) -> None:
        for instance_id, interruption in list(self._under_way.items()):
            fact = self._ec2.facts.get(instance_id)
            if fact is None or fact.state not in ALIVE:
                del self._under_way[instance_id]
                continue
            behaviour = "terminate" if self._behaviour_of(instance_id) == "terminate" else "stop"
            if interruption.warn_s is not None and now_s >= interruption.warn_s:
                self._under_way[instance_id] = Interruption(None, interruption.end_s)
                detail = {"instance-id": instance_id, "instance-action": behaviour}
                self._tell(fact, "EC2 Spot Instance Interruption Warning", detail, interruption.warn_s)
            if now_s >= interruption.end_s:
                self._end(instance_id, behaviour, interruption.end_s)

    def _end(self, instance_id: str, behaviour: str, now_s: float) -> None:
        request = Request.TERMINATE if behaviour == "terminate" else Request.STOP
        try:
            self._ec2.requested(instance_id, request, now_s, Initiator.SPOT)
        except IncorrectStateError:  # still pending: it is taken back before it ever ran
            self._ec2.requested(instance_id, Request.TERMINATE, now_s, Initiator.SPOT)
        del self._under_way[instance_id]

    def _tell(self, fact: InstanceFact, detail_type: str, detail: Mapping[str, Any], time_s: float) -> None:
        """These events name the zone in their resource's ARN, and no account."""
        arn = f"arn:aws:ec2:{fact.zone}:instance/{fact.instance_id}"
        self._events(Event("aws.ec2", detail_type, fact.account, fact.region, (arn,), detail, time_s))
