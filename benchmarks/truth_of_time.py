"""Whether the emulator's health checks notice a death when AWS's schedule says so, at every speed.

Run `python benchmarks/truth_of_time.py`. At each speed it kills instances in three ways, through AWS APIs alone:
terminate (EC2), crash (SSM kills the service), silence (a security group that lets nothing in). From the moment of the
kill, each node's next check of that target is known (`dataplane.checks`), and so is the moment at which that node must
call it unhealthy: the next check, plus interval x (threshold - 1), plus the timeout when the target is silent. A kill
counts as true when every node's verdict came within 5 % of its prediction. Takes about six minutes.

A call takes a few milliseconds to act. When a node's check falls into the very moment of the kill, that check may see
the target before or after it: both predictions are then allowed, and such kills are counted.
"""

import argparse
import os
import random
import select
import threading
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import psutil
from emulator_under_test import ZONES, Emulator, Tier, emulator

from blackstart.emulator.dataplane.checks import check_phase_s, next_check_s

ALLOWED_RATIO = 0.05
THRESHOLD = 2
PORT = 8080
# longer than any detection here, so that it is the health checks that notice a terminated instance
PARAMETERS = {"pending_s": 5, "boot_s": 5, "target_state_delay_s": 30, "shutting_down_s": 120}
KINDS = ("terminate", "crash", "silence")


class Round(NamedTuple):
    """One speed: kills of each kind, and the health check (virtual seconds)."""

    speed: float
    kills: int
    interval_s: int
    timeout_s: int


ROUNDS = (Round(10, 30, 10, 5), Round(30, 30, 10, 5), Round(1, 5, 5, 2))


class Kill(NamedTuple):
    """Between these two virtual times the target died."""

    kind: str
    instance_id: str
    earliest_s: float
    latest_s: float


class Outcome(NamedTuple):
    """One node's detection against the prediction that fits it best, virtual seconds from the kill's end."""

    kill: Kill
    zone: str
    predicted_s: float
    measured_s: float
    ambiguous: bool

    @property
    def error_ratio(self) -> float:
        return abs(self.measured_s - self.predicted_s) / self.predicted_s


class Assassin:
    """Kills one instance after another and notes when."""

    def __init__(self, running: Emulator, tier: Tier) -> None:
        self._running = running
        self._tier = tier
        self._ssm = running.client("ssm")
        self._pids = {
            process.environ()["INSTANCE_ID"]: process.pid
            for process in (psutil.Process(pid) for pid in running.status()["pids"][3:])
            if "INSTANCE_ID" in process.environ()
        }

    def kill(self, kind: str, instance_id: str) -> Kill:
        if kind == "silence":
            return self._silence(instance_id)
        earliest_s = self._running.now_s()
        death = Death(self._pids[instance_id])
        if kind == "terminate":
            self._tier.ec2.terminate_instances(InstanceIds=[instance_id])
        else:
            self._ssm.send_command(
                InstanceIds=[instance_id],
                DocumentName="AWS-RunShellScript",
                Parameters={"commands": ["systemctl kill -s KILL web"]},
            )
        return Kill(kind, instance_id, earliest_s, self._running.started.anchor.time_s(death.monotonic_ns()))

    def _silence(self, instance_id: str) -> Kill:
        earliest_s = self._running.now_s()
        self._tier.ec2.modify_instance_attribute(InstanceId=instance_id, Groups=[self._tier.closed_group])
        time.sleep(0.03)  # until the data plane has heard of it
        return Kill("silence", instance_id, earliest_s, self._running.now_s())


class Death:
    """Waits for a process to end, from before it is killed."""

    def __init__(self, pid: int) -> None:
        self._died_ns = 0
        self._process = os.pidfd_open(pid)
        self._thread = threading.Thread(target=self._wait)
        self._thread.start()

    def _wait(self) -> None:
        poller = select.poll()
        poller.register(self._process, select.POLLIN)
        if poller.poll(10_000):
            self._died_ns = time.monotonic_ns()

    def monotonic_ns(self) -> int:
        self._thread.join()
        os.close(self._process)
        if not self._died_ns:
            raise SystemExit("an instance did not die within 10 s")
        return self._died_ns


def predictions_s(kill: Kill, zone: str, check: Round) -> list[float]:
    """When a node must have called the target unhealthy; more than one when a check fell into the kill."""
    phase_s = check_phase_s(kill.instance_id, PORT, ZONES.index(zone), len(ZONES), check.interval_s)
    silent_s = check.timeout_s if kill.kind == "silence" else 0.0
    first_s = next_check_s(kill.earliest_s, phase_s, check.interval_s)
    last_s = next_check_s(kill.latest_s, phase_s, check.interval_s)
    return sorted({each + (THRESHOLD - 1) * check.interval_s + silent_s for each in (first_s, last_s)})


def outcome(kill: Kill, zone: str, detected_s: float, check: Round) -> Outcome:
    fits = predictions_s(kill, zone, check)
    best_s = min(fits, key=lambda each: abs(each - detected_s))
    return Outcome(kill, zone, best_s - kill.latest_s, detected_s - kill.latest_s, len(fits) > 1)


def detections(running: Emulator, group_arn: str) -> dict[tuple[str, str], float]:
    """When each node called a target unhealthy: (instance, zone) -> virtual time of the probe."""
    found: dict[tuple[str, str], float] = {}
    for group in running.status()["overview"]["target_groups"]:
        if group["arn"] != group_arn:
            continue
        for target in group["targets"]:
            for zone, opinion in target["opinions"].items():
                if opinion["state"] == "unhealthy":
                    found[(target["target_id"], zone)] = opinion["since_s"]
    return found


def run(check: Round, seed: int) -> list[Outcome]:
    settings = {
        "HealthCheckIntervalSeconds": check.interval_s,
        "HealthCheckTimeoutSeconds": check.timeout_s,
        "UnhealthyThresholdCount": THRESHOLD,
    }
    chance = random.Random(seed)
    outcomes: list[Outcome] = []
    with emulator(check.speed, PARAMETERS) as running:
        instances = -(-check.kills * len(KINDS) // len(ZONES)) * len(ZONES)
        tier = Tier(running, instances, dict.fromkeys(KINDS, settings))
        chance.shuffle(tier.ids)
        victims = {kind: tier.ids[index * check.kills :][: check.kills] for index, kind in enumerate(KINDS)}
        for kind in KINDS:
            tier.register(kind, victims[kind])
        for kind in KINDS:
            tier.wait_until_healthy(kind, check.kills)
        running.wait_s(check.interval_s)  # until every node has checked every target
        assassin = Assassin(running, tier)
        for kind in KINDS:
            outcomes += _round_of(kind, victims[kind], running, assassin, tier, check, chance)
    return outcomes


def _round_of(
    kind: str,
    victims: Sequence[str],
    running: Emulator,
    assassin: Assassin,
    tier: Tier,
    check: Round,
    chance: random.Random,
) -> list[Outcome]:
    """Kill at random moments, reading the verdicts before a terminated target leaves its group."""
    killed: dict[str, Kill] = {}
    found: dict[tuple[str, str], float] = {}
    for victim in victims:
        running.wait_s(chance.uniform(0, check.interval_s / 2))
        killed[victim] = assassin.kill(kind, victim)
        found |= detections(running, tier.groups[kind])
    until_s = running.now_s() + check.interval_s * (THRESHOLD + 1) + check.timeout_s
    while running.now_s() < until_s and len(found) < len(killed) * len(ZONES):
        time.sleep(0.05)
        found |= detections(running, tier.groups[kind])
    missed = len(killed) * len(ZONES) - len(found)
    if missed:
        print(f"speed {check.speed:g}, {kind}: {missed} verdicts of nodes never came")
    return [outcome(killed[victim], zone, detected_s, check) for (victim, zone), detected_s in found.items()]


def report(check: Round, outcomes: Sequence[Outcome]) -> bool:
    """One line a kind; whether 95 % of the kills were true."""
    passed = True
    for kind in KINDS:
        of_kind = [one for one in outcomes if one.kill.kind == kind]
        if not of_kind:
            raise SystemExit(f"speed {check.speed:g}: no node ever noticed a {kind}")
        worst: Mapping[str, float] = {
            victim: max(one.error_ratio for one in of_kind if one.kill.instance_id == victim)
            for victim in {one.kill.instance_id for one in of_kind}
        }
        true = sum(ratio <= ALLOWED_RATIO for ratio in worst.values())
        ambiguous = len({one.kill.instance_id for one in of_kind if one.ambiguous})
        errors = sorted(one.error_ratio for one in of_kind)
        passed &= true >= 0.95 * check.kills
        print(
            f"speed {check.speed:>3g}  {kind:<10} {true:>3} of {check.kills} kills within {ALLOWED_RATIO:.0%}"
            f"   median error {errors[len(errors) // 2]:.2%}, worst {errors[-1]:.2%}"
            f"   {ambiguous} with a check in the moment of the kill"
        )
    return passed


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--speed", type=float, help="only this one of the three speeds")
    wanted = options.parse_args()
    rounds = [check for check in ROUNDS if wanted.speed in (None, check.speed)]
    results = [report(check, run(check, wanted.seed)) for check in rounds]
    print("95 % of the kills within 5 %:", "yes" if all(results) else "no")
    raise SystemExit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
