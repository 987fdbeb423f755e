"""One data plane in front of the targets of all HTTP cases: a listener and a target group for each."""

import importlib.util
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from http_cases import (
    DNS_NAME,
    IDLE_REAL_S,
    IMPATIENT_IDLE_REAL_S,
    Case,
    Run,
    all_cases,
    new_targets,
    run_case,
)
from scripted_target import ScriptedTarget

from blackstart.domain.target_health import HealthCheck
from blackstart.emulator.snapshot import (
    Forward,
    ListenerSnapshot,
    LoadBalancerSnapshot,
    NodeSnapshot,
    TargetGroupSnapshot,
    TargetSnapshot,
)

SPEED = 20.0
FIRST_PORT = 13000
ZONE = "us-east-1a"
_NETWORK = f"127.{86 + os.getpid() % 128}.{os.getpid() // 128 % 250}"  # another run at the same time has another one
_AT_ONCE = 16
_UNCHECKED = HealthCheck(enabled=False)


def _data_plane_rig() -> ModuleType:
    """The control plane of the data plane's own tests."""
    path = Path(__file__).parents[1] / "dataplane" / "conftest.py"
    spec = importlib.util.spec_from_file_location("data_plane_rig", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def group_of(name: str, address: tuple[str, int]) -> TargetGroupSnapshot:
    """A target group of one target, which is taken for healthy."""
    target = TargetSnapshot(
        target_id=name, port=address[1], zone=ZONE, private_ip="10.0.0.9", address=address[0], registration=1
    )
    return TargetGroupSnapshot(arn=name, metric_name=name, health_check=_UNCHECKED, targets=(target,))


def balancer_of(name: str, address: str, idle_real_s: float, ports: dict[str, int]) -> LoadBalancerSnapshot:
    """A load balancer of one node with a listener for each target group. ports: by the group's ARN."""
    return LoadBalancerSnapshot(
        arn=name,
        metric_name=f"app/{name}/1",
        dns_name=DNS_NAME if name == "patient" else f"{name}.example",
        nodes=(NodeSnapshot(zone=ZONE, address=address),),
        listeners=tuple(
            ListenerSnapshot(arn=f"{name}/{port}", port=port, action=Forward.to(group)) for group, port in ports.items()
        ),
        idle_timeout_s=idle_real_s * SPEED,
    )


@dataclass
class DataPlane:
    """pid: of its process. cases: by name. fronts: where each of them is served."""

    rig: Any
    pid: int
    cases: dict[str, Case]
    fronts: dict[str, tuple[str, int]]
    targets: dict[str, ScriptedTarget]
    runs: dict[str, Run] = field(default_factory=dict)

    def run(self, case: Case) -> Run:
        """What comes of a case, which is run once; those that wait for the idle timeout wait together."""
        if case.name not in self.runs:
            waiting = [one for one in self.cases.values() if one.impatient]
            due = waiting if case.impatient else [case]
            for one, run in zip(due, self.run_together(due), strict=True):
                self.runs[one.name] = run
        return self.runs[case.name]

    def run_together(self, cases: list[Case]) -> list[Run]:
        """What comes of cases that are run at the same time."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return list(pool.map(self._run_anew, cases))

    def serve(self, targets: dict[str, tuple[str, int]], idle_real_s: float) -> list[tuple[str, int]]:
        """One more load balancer, with a listener before each target; returns where they are."""
        address = f"{_NETWORK}.{1 + len(self.rig.snapshot.load_balancers)}"
        ports = {name: FIRST_PORT + at for at, name in enumerate(targets)}
        balancers, groups = self.rig.snapshot.load_balancers, self.rig.snapshot.target_groups
        self.rig.change(
            load_balancers=(*balancers, balancer_of(address, address, idle_real_s, ports)),
            target_groups=(*groups, *(group_of(name, target) for name, target in targets.items())),
        )
        self.rig.wait_for(lambda: _listening(address, FIRST_PORT + len(targets) - 1))
        return [(address, port) for port in ports.values()]

    def _run_anew(self, case: Case) -> Run:
        self.targets[case.name].forget()
        return run_case(case, self.fronts[case.name], self.targets[case.name])


def _listening(address: str, port: int) -> bool:
    listening: bool = sys.modules["data_plane_rig"].listening(address, port)
    return listening


@pytest.fixture(scope="session")
def data_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DataPlane]:
    module = sys.modules["data_plane_rig"] = _data_plane_rig()
    cases = all_cases()
    targets = new_targets(cases)
    nodes = {False: f"{_NETWORK}.1", True: f"{_NETWORK}.2"}
    ports = {case.name: FIRST_PORT + number for number, case in enumerate(cases)}
    rig = module.Rig(tmp_path_factory.mktemp("http"))
    try:
        process = rig.start(speed=SPEED)
        rig.change(
            load_balancers=tuple(
                balancer_of(
                    "impatient" if impatient else "patient",
                    nodes[impatient],
                    IMPATIENT_IDLE_REAL_S if impatient else IDLE_REAL_S,
                    {case.name: ports[case.name] for case in cases if case.impatient is impatient},
                )
                for impatient in (False, True)
            ),
            target_groups=tuple(group_of(name, target.address) for name, target in targets.items()),
        )
        fronts = {case.name: (nodes[case.impatient], ports[case.name]) for case in cases}
        for impatient in (False, True):
            last = [case for case in cases if case.impatient is impatient][-1]
            rig.wait_for(lambda last=last: _listening(*fronts[last.name]))
        yield DataPlane(rig, process.pid, {case.name: case for case in cases}, fronts, targets)
    finally:
        rig.close()
        for target in targets.values():
            target.close()
