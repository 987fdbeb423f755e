"""Launching instances: RunInstances, and what Auto Scaling and fleets launch, through one door.

Replaced: `InstanceResponse.run_instances` (launches MinCount, drops DisableApiTermination and others) and
`InstanceBackend.run_instances` (ignores most of a launch template, knows no capacity, and fails with a bare
StopIteration when a subnet is full).
"""

from collections.abc import Callable
from typing import Any, Protocol

from blackstart.emulator.adapters.ec2_offerings import check_offered, zones_offering
from blackstart.emulator.adapters.ec2_refusals import refused
from blackstart.emulator.adapters.moto_ec2 import MotoInstances, Room
from blackstart.emulator.adapters.moto_ec2_parameters import (
    block_devices,
    check_address,
    check_combination,
    check_networks,
    counts,
    earlier_reservation,
    free_addresses,
    given_inside_moto,
    image_of,
    interfaces_of,
    is_true,
    of_configuration,
    remember,
    subnet_of,
    template_marks,
)
from blackstart.emulator.adapters.moto_ec2_template import template_version
from blackstart.emulator.adapters.patches import Patches
from blackstart.emulator.decisions import ec2_capacity
from blackstart.emulator.decisions.launch_request import TooFew, completed, count, tags_by_type

DEFAULT_TYPE = "m1.small"


class Launches(Protocol):
    """Who hears of a new instance."""

    def launched(self, instance_id: str, now_s: float) -> None: ...


class MotoLaunches:
    """Launches instances in moto's backends."""

    def __init__(self, instances: MotoInstances, lifecycle: Launches, room: Room, now_s: Callable[[], float]) -> None:
        self._instances = instances
        self._lifecycle = lifecycle
        self._room = room
        self._now_s = now_s
        self._moto: Callable[..., Any] | None = None

    def install(self, patches: Patches) -> None:
        from moto.ec2.models.instances import InstanceBackend
        from moto.ec2.responses.instances import InstanceResponse

        def answer(response: Any) -> Any:
            return self._answer(response)

        def taking_over(original: Callable[..., Any]) -> Callable[..., Any]:
            self._moto = original

            def run_instances(backend: Any, *args: Any, **kwargs: Any) -> Any:
                return self._run(backend, *args, **kwargs)

            return run_instances

        patches.replace(InstanceBackend, "run_instances", taking_over)
        patches.replace(InstanceResponse, "run_instances", lambda _: answer)

    def _answer(self, response: Any) -> Any:
        """The API call."""
        from moto.core.responses import ActionResult

        given = {name: value for name, value in response.params.items() if name not in ("Action", "Version", "DryRun")}
        least, most = counts(given)
        backend, token = response.ec2_backend, given.get("ClientToken")
        asked = {**given, "MinCount": least, "MaxCount": most}
        earlier = earlier_reservation(backend, token, asked) if token else None
        if earlier is not None:
            return ActionResult(earlier)
        template = given.pop("LaunchTemplate", None)
        wanted = completed(template_version(backend, template).data if template else {}, given)
        check_combination(given, wanted)
        response.error_on_dryrun()
        reservation = self.launch(backend, wanted, least, most, template)
        if token:
            remember(backend, token, asked, reservation)
        return ActionResult(reservation)

    def _run(
        self,
        backend: Any,
        image_id: str,
        number: int,
        user_data: Any,
        security_group_names: list[str],
        **kwargs: Any,
    ) -> Any:
        """A launch from inside moto: Auto Scaling, CloudFormation, fleets, spot requests."""
        given = given_inside_moto(image_id, user_data, security_group_names, kwargs)
        template = kwargs.pop("launch_template", None)
        base = template_version(backend, template).data if template else of_configuration(kwargs.get("launch_config"))
        wanted = completed(base, given)
        least = int(kwargs.pop("min_count", number))
        return self.launch(backend, wanted, least, number, template, **kwargs)

    def launch(
        self, backend: Any, wanted: dict[str, Any], least: int, most: int, template: Any = None, **extra: Any
    ) -> Any:
        """Run between `least` and `most` instances. wanted: RunInstances' parameters, the template's among them.

        extra: moto's own arguments that the API does not have.
        """
        if self._moto is None:
            raise RuntimeError("moto's launches are not replaced")
        instance_type = str(wanted.get("InstanceType") or extra.get("instance_type") or DEFAULT_TYPE)
        interfaces = interfaces_of(wanted)
        subnet = subnet_of(backend, wanted, interfaces)
        zone = self._zone(backend, wanted, subnet, instance_type, least)
        check_offered(backend.region_name, zone, instance_type)
        subnet = subnet or backend.get_default_subnets().get(zone)  # without one, moto invents an address
        address = wanted.get("PrivateIpAddress") or (interfaces or [{}])[0].get("PrivateIpAddress")
        check_address(subnet, address, most)
        check_networks(backend, subnet, wanted, interfaces)
        number = count(least, most, self._limits(backend, wanted, subnet, zone, instance_type))
        if isinstance(number, TooFew):
            raise refused(number.code, number.message)
        tags = tags_by_type(wanted.get("TagSpecifications") or [])
        reservation = self._moto(
            backend,
            image_of(backend, wanted),
            number,
            wanted.get("UserData"),
            list(wanted.get("SecurityGroups") or []),
            **{
                **extra,
                "instance_type": instance_type,
                "is_instance_type_default": True,  # checked already, and much faster
                "placement": None if subnet is not None else zone,
                "placement_hostid": (wanted.get("Placement") or {}).get("HostId"),
                "region_name": backend.region_name,
                "subnet_id": subnet.id if subnet is not None else None,
                "key_name": wanted.get("KeyName"),
                "security_group_ids": list(wanted.get("SecurityGroupIds") or []),
                "nics": interfaces,
                "private_ip": wanted.get("PrivateIpAddress"),
                "associate_public_ip": extra.get("associate_public_ip", wanted.get("AssociatePublicIpAddress")),
                "tags": {**tags, "instance": {**tags.get("instance", {}), **template_marks(backend, template)}},
                "ebs_optimized": is_true(wanted.get("EbsOptimized")),
                "disable_api_termination": is_true(wanted.get("DisableApiTermination")),
                "disable_api_stop": is_true(wanted.get("DisableApiStop")),
                "instance_market_options": (wanted.get("InstanceMarketOptions") or {}).get("MarketType"),
                "instance_initiated_shutdown_behavior": wanted.get("InstanceInitiatedShutdownBehavior"),
                "hibernation_options": wanted.get("HibernationOptions") or {},
                "monitoring_state": "enabled"
                if is_true((wanted.get("Monitoring") or {}).get("Enabled"))
                else "disabled",
                "ipv6_address_count": wanted.get("Ipv6AddressCount"),
                "metadata_options": wanted.get("MetadataOptions") or {},
                "client_token": wanted.get("ClientToken", ""),
                **block_devices(backend, wanted),
            },
        )
        for instance in reservation.instances:
            _complete(backend, instance, wanted, tags)
            self._instances.register(instance, reservation)
            self._lifecycle.launched(instance.id, self._now_s())
        return reservation

    def _zone(self, backend: Any, wanted: dict[str, Any], subnet: Any, instance_type: str, least: int) -> str:
        """The zone that is asked for, else the first one of the region with a default subnet and enough room."""
        named = (
            subnet.availability_zone if subnet is not None else (wanted.get("Placement") or {}).get("AvailabilityZone")
        )
        if named:
            return str(named)
        zones = sorted(backend.get_default_subnets())
        offering = zones_offering(backend.region_name).get(instance_type, zones)
        for zone in (zone for zone in zones if zone in offering):
            room = self._room(zone, instance_type)
            if room is None or room >= least:
                return str(zone)
        if not zones:
            return f"{backend.region_name}a"
        raise refused("InsufficientInstanceCapacity", ec2_capacity.refusal_anywhere(instance_type))

    def _limits(self, backend: Any, wanted: dict[str, Any], subnet: Any, zone: str, instance_type: str) -> list[TooFew]:
        limits = []
        room = self._room(zone, instance_type)
        if room is not None:
            spot = (wanted.get("InstanceMarketOptions") or {}).get("MarketType") == "spot"
            all_zones = {other.name for other in backend.describe_availability_zones()}
            offering = zones_offering(backend.region_name).get(instance_type, all_zones)
            elsewhere = [other for other in offering if other != zone and self._room(other, instance_type) != 0]
            words = ec2_capacity.SPOT_REFUSAL if spot else ec2_capacity.refusal(zone, instance_type, elsewhere)
            limits.append(TooFew(room, "InsufficientInstanceCapacity", words))
        if subnet is not None:
            words = f"There are not enough free addresses in subnet '{subnet.id}' to satisfy the requested number of"
            words += " instances."
            limits.append(TooFew(free_addresses(subnet), "InsufficientFreeAddressesInSubnet", words))
        return limits


def _complete(backend: Any, instance: Any, wanted: dict[str, Any], tags: dict[str, dict[str, str]]) -> None:
    """What moto has no argument for."""
    placement = wanted.get("Placement") or {}
    instance.placement.tenancy = placement.get("Tenancy") or "default"
    instance.placement.group_name = placement.get("GroupName") or ""
    profile = wanted.get("IamInstanceProfile") or {}
    if profile and instance.id not in backend.iam_instance_profile_associations:
        instance_profile = {
            "iam_instance_profile_name": profile.get("Name"),
            "iam_instance_profile_arn": profile.get("Arn"),
        }
        backend.associate_iam_instance_profile(instance_id=instance.id, **instance_profile)
    spot = (wanted.get("InstanceMarketOptions") or {}).get("SpotOptions") or {}
    instance.blackstart_spot_type = spot.get("SpotInstanceType") or "one-time"
    instance.blackstart_interruption = spot.get("InstanceInterruptionBehavior") or "terminate"
    instance.blackstart_cpu_credits = (wanted.get("CreditSpecification") or {}).get("CpuCredits")
    if not wanted.get("NetworkInterfaces"):
        for interface in instance.nics.values():
            interface.delete_on_termination = True
    for interface in instance.nics.values():
        interface.add_tags(tags.get("network-interface", {}))
