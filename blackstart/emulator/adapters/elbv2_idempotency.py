"""Creating the same thing with the same settings a second time, which AWS answers with the first one.

Source: elbv2 API reference, CreateLoadBalancer, CreateTargetGroup, CreateListener ("This operation is idempotent").
Compared is with what the first one is by now: what was changed since counts, tags do not; AWS publishes neither.
"""

import copy
from collections.abc import Mapping
from typing import Any


def remember(made: Any, settings: Mapping[str, Any]) -> None:
    """Keep what a moto object was made of."""
    made.blackstart_settings = settings


def settings_of(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a call, apart from moto, which writes into them."""
    return {name: copy.deepcopy(value) for name, value in wanted.items() if name != "tags" and value is not None}


def changed(made: Any, **settings: Any) -> None:
    """Keep what a moto object was changed to. settings: by the names of its creation; None: not changed."""
    remember(made, {**getattr(made, "blackstart_settings", {}), **settings_of(settings)})


def made_alike(existing: Any, settings: Mapping[str, Any]) -> bool:
    """Whether a moto object has the same settings."""
    return getattr(existing, "blackstart_settings", None) == settings
