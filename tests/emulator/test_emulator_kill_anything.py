"""Whatever of the emulator is killed or stopped: the rest goes on, all is well in the end, and the status says so.

Real processes, bounded to seconds; what is killed when is drawn from a seed that a failure names.
"""

import os
import random
import signal
import threading
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
import running_emulator as support
import web_stack

from blackstart.domain.emulator_status import EmulatorStatus

until, alive, processes_with = support.until, support.alive, support.processes_with


class Victim:
    """A running emulator with a stack of four, and the ways to hurt it."""

    def __init__(self, running: Any) -> None:
        self.running = running
        self.stack = web_stack.WebStack(running.client, desired=4)

    def status(self) -> EmulatorStatus:
        with urllib.request.urlopen(self.running.status.endpoint + "/_emulator/status", timeout=10) as answer:
            return EmulatorStatus.model_validate_json(answer.read())

    def pid(self, name: str) -> int:
        pid: int = until(lambda: next(each.pid for each in self.status().processes if each.name == name))
        return pid

    def restarts(self) -> dict[str, int]:
        return {each.name: each.restarts for each in self.status().processes}

    def is_well(self) -> bool:
        """Ready, and as many healthy targets as are desired and no others."""
        status = self.status()
        if not status.ready or status.problems or status.overview is None:
            return False
        (group,) = status.overview.target_groups
        (scaling,) = status.overview.scaling_groups
        return group.healthy == len(group.targets) == scaling.in_service == scaling.desired

    def wait_well(self) -> None:
        until(self.is_well, 40)

    def kill_data_plane(self, _: random.Random) -> None:
        os.kill(self.pid("data plane"), signal.SIGKILL)

    def kill_instance_host(self, _: random.Random) -> None:
        os.kill(self.pid("instance host"), signal.SIGKILL)

    def kill_a_service(self, chance: random.Random) -> None:
        overview = self.status().overview
        pids = [each.pid for each in overview.instances if each.pid] if overview else []
        if pids:
            os.kill(chance.choice(pids), signal.SIGKILL)

    def break_off_a_call(self, _: random.Random) -> None:
        """A client that goes away in the middle of its request."""
        import socket

        host, port = self.running.status.endpoint.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=5) as client:
            client.sendall(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\nAction=")


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    with support.emulators(tmp_path_factory.mktemp("victim")) as start:
        yield Victim(start("--seed", "7"))


def test_a_data_plane_that_hangs_is_noticed_told_killed_and_started_again(victim: Victim) -> None:
    victim.wait_well()
    before, stopped = victim.restarts(), victim.pid("data plane")
    os.kill(stopped, signal.SIGSTOP)
    until(lambda: victim.restarts()["data plane"] == before["data plane"] + 1)
    assert not alive(stopped)
    assert any("it hung and was killed" in failure for failure in victim.status().failures)
    victim.wait_well()


@pytest.mark.parametrize("seed", [1])
def test_whatever_is_killed_in_whatever_order_all_targets_are_healthy_again_in_the_end(
    victim: Victim, seed: int
) -> None:
    victim.wait_well()
    chance, before = random.Random(seed), victim.restarts()
    acts = [victim.kill_data_plane, victim.kill_instance_host, victim.kill_a_service, victim.break_off_a_call]
    pause = threading.Event()
    chosen = [*acts, *chance.choices(acts, k=3)]
    chance.shuffle(chosen)
    for act in chosen:
        act(chance)
        pause.wait(chance.uniform(0.0, 0.6))
    victim.wait_well()
    after = victim.restarts()
    hosts, planes = chosen.count(victim.kill_instance_host), chosen.count(victim.kill_data_plane)
    assert after["instance host"] == before["instance host"] + hosts
    assert after["data plane"] >= before["data plane"] + max(hosts, planes), "it dies with its host"
    assert len(victim.status().failures) == 2, "one line for each part that was started again"


def test_services_that_lose_their_host_run_again_and_no_process_of_before_is_left(victim: Victim) -> None:
    victim.wait_well()
    overview, restarts = victim.status().overview, victim.restarts()
    assert overview is not None
    before = [each.pid for each in overview.instances if each.pid]
    os.kill(victim.pid("instance host"), signal.SIGKILL)
    until(lambda: victim.restarts()["instance host"] == restarts["instance host"] + 1)
    until(lambda: not any(alive(pid) for pid in before))
    mine = f"AWS_ENDPOINT_URL={victim.running.status.endpoint}"  # ids repeat over emulators
    members = victim.stack.members()
    until(lambda: all(len(processes_with(f"INSTANCE_ID={member}", mine)) == 1 for member in members))
    victim.wait_well()
    assert victim.status().failed_services == ()


def test_a_stack_that_changed_while_the_data_plane_was_down_is_served_when_it_is_back(victim: Victim) -> None:
    victim.wait_well()
    os.kill(victim.pid("data plane"), signal.SIGKILL)
    until(lambda: not victim.status().ready)
    victim.stack.asg.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=5)
    victim.wait_well()
    assert len(victim.stack.healthy()) == 5
    victim.stack.asg.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=4)
    victim.wait_well()
