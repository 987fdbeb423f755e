"""moto's EC2 and FIS handed to the controllers, all of it at once."""

from collections.abc import Callable

from blackstart.emulator.adapters import (
    ec2_ids,
    moto_ec2_attributes,
    moto_ec2_pages,
    moto_ec2_status,
    moto_ec2_template,
    moto_fis,
)
from blackstart.emulator.adapters.moto_ec2 import MotoInstances, Room
from blackstart.emulator.adapters.moto_ec2_launch import MotoLaunches
from blackstart.emulator.adapters.patches import Patches
from blackstart.emulator.controllers.ec2_lifecycle import Ec2LifecycleController
from blackstart.emulator.controllers.spot_interruptions import SpotInterruptions


def install(
    patches: Patches,
    instances: MotoInstances,
    ec2: Ec2LifecycleController,
    room: Room,
    spot: SpotInterruptions,
    now_s: Callable[[], float],
) -> None:
    instances.install(patches, ec2, room, now_s)
    MotoLaunches(instances, ec2, room, now_s).install(patches)
    moto_ec2_status.install(patches, lambda: ec2.facts)
    moto_ec2_attributes.install(patches)
    moto_ec2_pages.install(patches)
    moto_ec2_template.install(patches)
    ec2_ids.install(patches)
    moto_fis.install(patches, spot, lambda: ec2.facts, now_s)
