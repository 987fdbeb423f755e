"""Whatever is asked of instances, and whatever breaks: what must always be true of them."""

import contextlib
from collections import Counter
from typing import Any

import hypothesis.strategies as st
from botocore.exceptions import ClientError
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from rig import Rig

from blackstart.emulator.controllers.instance_book import OCCUPYING
from blackstart.emulator.controllers.spot_interruptions import NotSpotError
from blackstart.emulator.decisions.ec2_capacity import Pool
from blackstart.emulator.decisions.instance_lifecycle import InstanceState
from blackstart.emulator.decisions.status_checks import CheckStatus

ZONES = ("us-east-1a", "us-east-1b")
REFUSALS = {
    "IncorrectInstanceState",
    "InsufficientInstanceCapacity",
    "UnsupportedOperation",
    "InvalidInstanceID.NotFound",
}


class Instances(RuleBasedStateMachine):
    """A few zones with little room, and callers who ask for anything."""

    def __init__(self) -> None:
        super().__init__()
        self.rig = Rig(pending_s=10, boot_s=15, stopping_s=20, shutting_down_s=20, terminated_visible_s=60)
        self.ec2 = self.rig.client("ec2")
        self.rig.controllers.capacity.change({Pool(zone): 4 for zone in ZONES})
        self.known: list[str] = []

    def teardown(self) -> None:
        self.rig.close()

    def _ask(self, call: Any, **wanted: Any) -> Any:
        try:
            return call(**wanted)
        except ClientError as error:
            if error.response["Error"]["Code"] in REFUSALS:
                return None
            raise

    @rule(zone=st.sampled_from(ZONES), most=st.integers(1, 3), spot=st.booleans())
    def run(self, zone: str, most: int, spot: bool) -> None:
        wanted: dict[str, Any] = {"InstanceMarketOptions": {"MarketType": "spot"}} if spot else {}
        made = self._ask(
            self.ec2.run_instances,
            ImageId="ami-12c6146b",
            InstanceType="t3.micro",
            MinCount=1,
            MaxCount=most,
            Placement={"AvailabilityZone": zone},
            **wanted,
        )
        self.known += [each["InstanceId"] for each in made["Instances"]] if made else []

    @precondition(lambda self: self.known)
    @rule(data=st.data(), call=st.sampled_from(["start", "stop", "terminate", "reboot"]))
    def ask(self, data: Any, call: str) -> None:
        instance_id = data.draw(st.sampled_from(self.known))
        self._ask(getattr(self.ec2, f"{call}_instances"), InstanceIds=[instance_id])

    @precondition(lambda self: self.known)
    @rule(data=st.data(), failed=st.booleans())
    def fail_hardware(self, data: Any, failed: bool) -> None:
        self.rig.controllers.ec2.hardware_failed(data.draw(st.sampled_from(self.known)), failed, self.rig.now_s)

    @precondition(lambda self: self.known)
    @rule(data=st.data())
    def interrupt(self, data: Any) -> None:
        with contextlib.suppress(NotSpotError):
            self.rig.controllers.spot.interrupt(data.draw(st.sampled_from(self.known)), self.rig.now_s)

    @rule(wait_s=st.floats(0.5, 90))
    def wait(self, wait_s: float) -> None:
        self.rig.now_s += wait_s
        self.rig.controllers.ec2.tick(self.rig.now_s)
        self.rig.controllers.spot.tick(self.rig.now_s)

    @invariant()
    def what_is_described_is_what_is_known(self) -> None:
        answer = self.ec2.describe_instances()
        shown = {
            each["InstanceId"]: each["State"]["Name"]
            for reservation in answer["Reservations"]
            for each in reservation["Instances"]
        }
        assert shown == {each: fact.state.value for each, fact in self.rig.controllers.ec2.facts.items()}

    @invariant()
    def no_zone_holds_more_than_it_has_room_for(self) -> None:
        facts = self.rig.controllers.ec2.facts.values()
        counted = Counter((fact.zone, fact.instance_type) for fact in facts if fact.state in OCCUPYING)
        occupied = self.rig.controllers.ec2.occupied
        assert counted == {where: number for where, number in occupied.items() if number}
        assert all(number <= 4 for number in counted.values())

    @invariant()
    def a_service_runs_in_running_instances_only(self) -> None:
        facts = self.rig.controllers.ec2.facts
        assert all(facts[each].state is InstanceState.RUNNING for each in self.rig.services.running)

    @invariant()
    def only_what_runs_is_checked(self) -> None:
        for fact in self.rig.controllers.ec2.facts.values():
            checked = fact.instance_check.status is not CheckStatus.NOT_APPLICABLE
            assert checked is (fact.state is InstanceState.RUNNING)

    @invariant()
    def nobody_shares_an_address(self) -> None:
        facts = self.rig.controllers.ec2.facts.values()
        alive = [fact.private_ip for fact in facts if fact.state is not InstanceState.TERMINATED]
        assert len(alive) == len(set(alive))


TestInstances = Instances.TestCase
TestInstances.settings = settings(max_examples=15, stateful_step_count=30, deadline=None)
