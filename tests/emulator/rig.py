"""Controllers on moto in this process: a manual clock, services that are only noted, and a load balancer that believes
in every running service.
"""

import itertools
import signal
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import boto3
from moto import mock_aws

from blackstart.domain.target_health import TargetReason, TargetState
from blackstart.emulator.adapters.moto_ledger import unserved
from blackstart.emulator.assembly import Frame, assemble
from blackstart.emulator.controllers.ec2_lifecycle import ServiceSettings
from blackstart.emulator.controllers.measurement import OwnFailures
from blackstart.emulator.parameters import Parameters
from blackstart.emulator.protocol import HealthChanged
from blackstart.emulator.snapshot import Snapshot

START_S = 1_800_000_000.0


@cache
def client(service: str) -> Any:
    """A client into moto; one serves all tests, for making one takes longer than most of them."""
    return boto3.Session("offline", "offline", region_name="us-east-1").client(service)


class NotedServices:
    """A service host that starts nothing and remembers everything. running: environment by instance id."""

    def __init__(self) -> None:
        self.running: dict[str, Mapping[str, str]] = {}
        self.signals: list[tuple[str, int, str]] = []

    def start(
        self, key: str, argv: Sequence[str], env: Mapping[str, str], log: str, probe: tuple[str, int] | None
    ) -> None:
        self.running[key] = env

    def signal(
        self,
        key: str,
        number: int,
        whom: str,
        done: Callable[[int], None] | None = None,
        kill_after_real_s: float | None = None,
    ) -> None:
        self.signals.append((key, number, whom))
        stands_still = number in (signal.SIGSTOP, signal.SIGCONT)
        matched = int((self.running.get(key) if stands_still else self.running.pop(key, None)) is not None)
        if done is not None:
            done(matched)

    def kill(self, key: str, done: Callable[[int], None] | None = None) -> None:
        self.signal(key, 9, "all", done)


class CountedAddresses:
    def __init__(self) -> None:
        self._given: dict[str, str] = {}

    def instance(self, instance_id: str) -> str:
        return self._given.setdefault(instance_id, f"127.99.16.{len(self._given) + 1}")

    def node(self, load_balancer_arn: str, zone: str) -> str:
        return self._given.setdefault(load_balancer_arn + zone, f"127.99.1.{len(self._given) + 1}")


class Rig:
    """An emulator without processes. clients(name): boto3 clients into moto in this process."""

    def __init__(self, **parameters: float) -> None:
        self.now_s = START_S
        self.services = NotedServices()
        self.snapshots: list[Snapshot] = []
        self.sick: set[str] = set()
        self.own_failures = OwnFailures()
        self._reports: list[Callable[[float], None]] = []
        self._opinions: dict[tuple[str, str, str, int, int], TargetState] = {}
        self._moto = mock_aws()
        self._moto.start()
        ids = itertools.count(1)
        self.controllers = assemble(
            Frame(
                now_s=lambda: self.now_s,
                speed=10.0,
                queue=lambda effect: effect(),
                post=self._reports.append,
                own_failures=lambda: self.own_failures,
            ),
            self.services,
            CountedAddresses(),
            Parameters.model_validate(parameters),
            ServiceSettings(logs=Path("logs")),
            self.snapshots.append,
            lambda: f"activity-{next(ids)}",
        )

    def client(self, service: str) -> Any:
        return client(service)

    def close(self) -> None:
        self.controllers.undo()
        self._moto.stop()

    def tick(self) -> None:
        """One tick of everything, and the load balancer's opinion after it."""
        reports, self._reports[:] = list(self._reports), []
        for report in reports:
            report(self.now_s)
        for controller in self.controllers.in_order():
            controller.tick(self.now_s)
        self._form_opinions()

    def run(self, virtual_s: float, step_s: float = 1.0) -> None:
        """Let virtual time pass in steps."""
        end_s = self.now_s + virtual_s
        while self.now_s < end_s:
            self.now_s = min(end_s, self.now_s + step_s)
            self.tick()

    def unserved(self) -> tuple[str, ...]:
        return tuple(thing.reason for thing in unserved())

    def _form_opinions(self) -> None:
        if not self.snapshots:
            return
        snapshot = self.snapshots[-1]
        for balancer in snapshot.load_balancers:
            for group in snapshot.target_groups:
                for target in group.targets:
                    serving = target.target_id in self.services.running and target.target_id not in self.sick
                    for node in balancer.nodes:
                        self._opine(
                            HealthChanged(
                                time_s=self.now_s,
                                load_balancer_arn=balancer.arn,
                                node_zone=node.zone,
                                target_group_arn=group.arn,
                                target_id=target.target_id,
                                port=target.port,
                                registration=target.registration,
                                state=TargetState.HEALTHY if serving else TargetState.UNHEALTHY,
                                reason=None if serving else TargetReason.FAILED_HEALTH_CHECKS,
                            )
                        )

    def _opine(self, opinion: HealthChanged) -> None:
        """A node tells what it thinks of a registration when it changes its mind, as the data plane's do."""
        of = (opinion.node_zone, opinion.target_group_arn, opinion.target_id, opinion.port, opinion.registration)
        if self._opinions.get(of) is not opinion.state:
            self._opinions[of] = opinion.state
            self.controllers.apply(opinion)
