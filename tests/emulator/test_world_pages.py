"""Settings of the emulated world over its own pages."""

import io
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from rig import Rig

from blackstart.emulator.adapters.own_pages import answer
from blackstart.emulator.adapters.world_pages import WorldPages
from blackstart.emulator.decisions.status_checks import CheckStatus

IMAGE = "ami-12c6146b"
CAPACITY, HARDWARE = "/_emulator/capacity", "/_emulator/hardware"


class World:
    """The pages of a rig, called as the middleware calls them."""

    def __init__(self, rig: Rig) -> None:
        self.rig, self.mutated = rig, threading.Event()
        parts = rig.controllers
        self.pages = WorldPages(
            threading.Lock(), self.mutated, lambda: rig.now_s, parts.ec2, parts.capacity, parts.spot
        ).pages()

    def call(self, method: str, path: str, body: Any = None) -> tuple[str, str]:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        environ = {"PATH_INFO": path, "REQUEST_METHOD": method, "wsgi.input": io.BytesIO()}
        status, _, text = answer(self.pages, environ, raw)
        return status.partition(" ")[0], text.decode()

    def run(self, count: int = 1, **wanted: Any) -> list[str]:
        made = self.rig.client("ec2").run_instances(
            ImageId=IMAGE,
            InstanceType="t3.micro",
            MinCount=1,
            MaxCount=count,
            Placement={"AvailabilityZone": "us-east-1a"},
            **wanted,
        )
        return [instance["InstanceId"] for instance in made["Instances"]]


@pytest.fixture
def world() -> Iterator[World]:
    rig = Rig()
    yield World(rig)
    rig.close()


def test_capacity_is_set_and_read_while_it_runs(world: World) -> None:
    code, text = world.call("PUT", CAPACITY, {"us-east-1a": 2, "us-east-1b/m5.large": 0})
    assert (code, json.loads(text)["limits"]) == ("200", {"us-east-1a": 2, "us-east-1b/m5.large": 0})
    assert world.mutated.is_set()
    assert len(world.run(5)) == 2
    world.call("PUT", CAPACITY, {"us-east-1a": None})
    assert len(world.run(5)) == 5
    read = json.loads(world.call("GET", CAPACITY)[1])
    assert read == {"limits": {"us-east-1b/m5.large": 0}, "instances": {"us-east-1a/t3.micro": 7}}


def test_capacity_that_shrinks_under_spot_instances_interrupts_them(world: World) -> None:
    (instance_id,) = world.run(InstanceMarketOptions={"MarketType": "spot"})
    world.rig.run(20)
    world.call("PUT", CAPACITY, {"us-east-1a": 0})
    assert world.rig.controllers.ec2.facts[instance_id].rebalance_recommended
    world.rig.run(150)
    assert world.rig.controllers.ec2.facts[instance_id].state in ("shutting-down", "terminated")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"6", "a JSON object is expected, not int"),
        (b"{", "a JSON object is expected"),
        ({"us-east-1a": -1}, "a count from 0 is expected"),
        ({"us-east-1z": 1}, "the zones of us-east-1 are us-east-1a"),
        ({"us-east-1a/t3.tiny": 1}, "there is no instance type t3.tiny"),
        ({"us-east-1a": 1.5}, "a count from 0 is expected"),
        ({"us-east-1a": True}, "a count from 0 is expected"),
        ({"us-east-1": 1}, "is not ZONE=COUNT"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused_and_changes_nothing(world: World, body: Any, words: str) -> None:
    code, text = world.call("PUT", CAPACITY, body)
    assert code == "400"
    assert words in text
    assert not world.mutated.is_set()
    assert world.rig.controllers.capacity.limits == {}


def test_hardware_fails_and_works_again(world: World) -> None:
    (instance_id,) = world.run()
    assert world.call("PUT", HARDWARE, {instance_id: "failed"})[0] == "400"
    world.rig.run(200)
    assert world.call("PUT", HARDWARE, {instance_id: "broken"})[0] == "400"
    code, text = world.call("PUT", HARDWARE, {instance_id: "failed"})
    assert (code, json.loads(text)) == ("200", {instance_id: "failed"})
    world.rig.run(60)
    assert world.rig.controllers.ec2.facts[instance_id].system_check.status is CheckStatus.IMPAIRED
    assert json.loads(world.call("PUT", HARDWARE, {instance_id: "ok"})[1]) == {}


def test_a_page_that_is_only_for_reading_says_so(world: World) -> None:
    assert world.call("POST", CAPACITY)[0] == "405"
    assert world.call("PUT", "/_emulator/none")[0] == "404"
