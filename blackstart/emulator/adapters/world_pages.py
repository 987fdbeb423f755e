"""Settings of the emulated world that no API of AWS has, as own pages: how many instances fit, which hosts failed.

PUT /_emulator/capacity   {"us-east-1a": 6, "us-east-1a/m5.large": 2, "us-east-1b": null}
PUT /_emulator/hardware   {"i-0123456789abcdef0": "failed"}
"""

import json
import threading
from collections.abc import Callable, Mapping
from typing import Any

from blackstart.domain.emulator_status import CAPACITY_PATH, HARDWARE_PATH
from blackstart.emulator.adapters.ec2_offerings import check_pools
from blackstart.emulator.adapters.own_pages import Page
from blackstart.emulator.controllers.ec2_capacity import Ec2Capacity
from blackstart.emulator.controllers.ec2_lifecycle import Ec2LifecycleController
from blackstart.emulator.controllers.spot_interruptions import SpotInterruptions
from blackstart.emulator.decisions.ec2_capacity import excess, parsed
from blackstart.emulator.decisions.instance_lifecycle import InstanceState


class WorldPages:
    """mutated: set when something changed, so that the controllers look."""

    def __init__(
        self,
        lock: threading.Lock,
        mutated: threading.Event,
        now_s: Callable[[], float],
        ec2: Ec2LifecycleController,
        capacity: Ec2Capacity,
        spot: SpotInterruptions,
    ) -> None:
        self._lock = lock
        self._mutated = mutated
        self._now_s = now_s
        self._ec2 = ec2
        self._capacity = capacity
        self._spot = spot

    def pages(self) -> Mapping[str, Page]:
        return {
            CAPACITY_PATH: Page("application/json", self._show_capacity, self._take_capacity),
            HARDWARE_PATH: Page("application/json", self._show_hardware, self._take_hardware),
        }

    def _show_capacity(self) -> str:
        with self._lock:
            limits = {str(pool): number for pool, number in sorted(self._capacity.limits.items())}
            held = {f"{zone}/{kind}": number for (zone, kind), number in sorted(self._ec2.occupied.items()) if number}
        return json.dumps({"limits": limits, "instances": held})

    def _take_capacity(self, body: bytes) -> None:
        """Spot instances for which there is no room any more are interrupted; on-demand ones stay."""
        limits = {}
        for name, number in _object(body).items():
            if number is not None and (not isinstance(number, int) or isinstance(number, bool) or number < 0):
                raise ValueError(f"{name}: a count from 0 is expected, or null for no limit, not {json.dumps(number)}")
            limits[parsed(f"{name}={number or 0}")[0]] = number
        check_pools(limits)
        with self._lock:
            self._capacity.change(limits)
            self._spot.reclaim(excess(self._capacity.limits, self._ec2.occupied), self._now_s())
        self._mutated.set()

    def _show_hardware(self) -> str:
        with self._lock:
            failed = self._ec2.with_failed_hardware()
        return json.dumps(dict.fromkeys(failed, "failed"))

    def _take_hardware(self, body: bytes) -> None:
        wanted = _object(body)
        with self._lock:
            for instance_id, state in wanted.items():
                if state not in ("failed", "ok"):
                    raise ValueError(f'{instance_id}: "failed" or "ok" is expected, not {json.dumps(state)}')
                fact = self._ec2.facts.get(instance_id)
                if fact is None or fact.state is not InstanceState.RUNNING:
                    raise ValueError(f"{instance_id} is no running instance")
            for instance_id, state in wanted.items():
                self._ec2.hardware_failed(instance_id, state == "failed", self._now_s())
        self._mutated.set()


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError as error:
        raise ValueError(f"a JSON object is expected: {error}") from None
    if not isinstance(found, dict):
        raise ValueError(f"a JSON object is expected, not {type(found).__name__}")
    return found
