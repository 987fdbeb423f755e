"""What AWS refuses and moto accepts, as far as a web tier can run into it. Each answers with AWS's code and words.

Unknown images and instance types are refused by moto's own switches (`moto_backends.SWITCHES`).
"""

from blackstart.emulator.adapters import (
    validators_auto_scaling,
    validators_descriptions,
    validators_in_use,
    validators_listeners,
    validators_load_balancers,
    validators_pending_delete,
    validators_rules,
    validators_tags,
    validators_target_groups,
)
from blackstart.emulator.adapters.patches import Patches


def install(patches: Patches) -> None:
    for validators in (
        validators_auto_scaling,
        validators_load_balancers,
        validators_target_groups,
        validators_listeners,
        validators_rules,
        validators_in_use,
        validators_descriptions,
        validators_tags,
        validators_pending_delete,
    ):
        validators.install(patches)
