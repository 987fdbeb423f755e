"""RunInstances' parameters as they are asked for, checked, and turned into what moto wants."""

import ipaddress
from typing import Any

from blackstart.emulator.adapters.ec2_refusals import refused
from blackstart.emulator.adapters.moto_ec2_template import template_version

REMEMBERED_TOKENS = 1000
"""SDKs send one with every request. AWS forgets them, too, after a time that it does not publish."""


def given_inside_moto(
    image_id: Any, user_data: Any, security_group_names: Any, kwargs: dict[str, Any]
) -> dict[str, Any]:
    """The arguments of moto's own run_instances in the API's words; takes them out of `kwargs`."""
    given: dict[str, Any] = {
        "ImageId": image_id,
        "UserData": user_data,
        "SecurityGroups": security_group_names,
        "SecurityGroupIds": kwargs.pop("security_group_ids", None),
        "InstanceType": None if kwargs.pop("is_instance_type_default", False) else kwargs.get("instance_type"),
        "SubnetId": kwargs.pop("subnet_id", None),
        "KeyName": kwargs.pop("key_name", None),
        "PrivateIpAddress": kwargs.pop("private_ip", None),
        "NetworkInterfaces": kwargs.pop("nics", None),
        "BlockDeviceMappings": kwargs.pop("block_device_mappings", None),
        "EbsOptimized": kwargs.pop("ebs_optimized", None),
        "MetadataOptions": kwargs.pop("metadata_options", None),
        "InstanceInitiatedShutdownBehavior": kwargs.pop("instance_initiated_shutdown_behavior", None),
        "TagSpecifications": [
            {"ResourceType": kind, "Tags": [{"Key": key, "Value": value} for key, value in own.items()]}
            for kind, own in (kwargs.pop("tags", None) or {}).items()
        ],
    }
    if kwargs.get("placement"):
        given["Placement"] = {"AvailabilityZone": kwargs.pop("placement")}
    if str(kwargs.pop("monitoring_state", "disabled")).lower() != "disabled":
        given["Monitoring"] = {"Enabled": True}
    if kwargs.pop("instance_market_options", None) or kwargs.get("lifecycle") == "spot":
        given["InstanceMarketOptions"] = {"MarketType": "spot"}
    return given


def free_addresses(subnet: Any) -> int:
    """AWS keeps five of a subnet's addresses."""
    return max(0, int(subnet.cidr.num_addresses) - 5 - len(subnet._subnet_ips))


def check_address(subnet: Any, address: str | None, most: int) -> None:
    """Raise what EC2 says of a private address that is taken, no address of the subnet, or wanted by several."""
    if address is None or subnet is None:
        return
    if most > 1:
        words = "You cannot specify a private IP address when launching more than one instance."
        raise refused("InvalidParameterCombination", words)
    if ipaddress.ip_address(address) not in subnet.cidr:
        raise refused("InvalidParameterValue", f"Address {address} does not fall within the subnet's address range")
    if address in subnet._subnet_ips:
        raise refused("InvalidIPAddress.InUse", f"Address {address} is in use.")


def check_networks(backend: Any, subnet: Any, wanted: dict[str, Any], interfaces: list[dict[str, Any]] | None) -> None:
    """Raise what EC2 says of security groups of another VPC than the subnet's; unknown ones moto refuses."""
    if subnet is None:
        return
    first = (interfaces or [{}])[0]
    for group_id in [*(wanted.get("SecurityGroupIds") or []), *(first.get("Groups") or [])]:
        group = backend.get_security_group_from_id(group_id)
        if group is not None and group.vpc_id != subnet.vpc_id:
            words = f"Security group {group_id} and subnet {subnet.id} belong to different networks."
            raise refused("InvalidParameter", words)


def is_true(value: Any) -> bool:
    return str(value).lower() == "true"


def counts(given: dict[str, Any]) -> tuple[int, int]:
    least, most = int(given.pop("MinCount", 1)), int(given.pop("MaxCount", 1))
    if least < 1 or most < 1:
        name, value = ("minCount", least) if least < 1 else ("maxCount", most)
        raise refused("InvalidParameterValue", f"Value ({value}) for parameter {name} is invalid. Must be at least 1.")
    if least > most:
        raise refused(
            "InvalidParameterValue",
            f"Value ({least}) for parameter minCount is invalid. minCount must not be greater than maxCount ({most}).",
        )
    return least, most


def check_combination(given: dict[str, Any], wanted: dict[str, Any]) -> None:
    if not wanted.get("ImageId"):
        raise refused("MissingParameter", "The request must contain the parameter ImageId")
    if not wanted.get("NetworkInterfaces"):
        return
    for name, words in (
        ("SubnetId", "an instance-level subnet ID"),
        ("SecurityGroupIds", "an instance-level security groups"),
        ("SecurityGroups", "an instance-level security groups"),
        ("PrivateIpAddress", "an instance-level private IP address"),
    ):
        if given.get(name):
            raise refused(
                "InvalidParameterCombination",
                f"Network interfaces and {words} may not be specified on the same request",
            )


def earlier_reservation(backend: Any, token: str, given: dict[str, Any]) -> Any | None:
    """The reservation that a request with the same token got."""
    known = getattr(backend, "blackstart_client_tokens", {}).get(token)
    if known is None:
        return None
    request, reservation = known
    if request != {name: value for name, value in given.items() if name != "ClientToken"}:
        raise refused(
            "IdempotentParameterMismatch",
            "Arguments on this idempotent request are inconsistent with arguments used in previous request(s).",
        )
    return reservation


def remember(backend: Any, token: str, given: dict[str, Any], reservation: Any) -> None:
    if not hasattr(backend, "blackstart_client_tokens"):
        backend.blackstart_client_tokens = {}
    request = {name: value for name, value in given.items() if name != "ClientToken"}
    backend.blackstart_client_tokens[token] = (request, reservation)
    if len(backend.blackstart_client_tokens) > REMEMBERED_TOKENS:
        del backend.blackstart_client_tokens[next(iter(backend.blackstart_client_tokens))]


def image_of(backend: Any, wanted: dict[str, Any]) -> Any:
    """The image's id; `resolve:ssm:NAME` names a parameter that has it."""
    image = wanted.get("ImageId")
    if not str(image).startswith("resolve:ssm:"):
        return image
    from moto import backends

    name = str(image).removeprefix("resolve:ssm:")
    found = backends.get_backend("ssm")[backend.account_id][backend.region_name].get_parameter(name)
    if found is None:
        raise refused(
            "InvalidParameterValue", f"Value ({image}) for parameter imageId is invalid. Parameter not found."
        )
    return found.value


def interfaces_of(wanted: dict[str, Any]) -> list[dict[str, Any]]:
    """Network interfaces as moto wants them: numbered, with booleans; they go with the instance unless told not to."""
    interfaces = []
    for index, each in enumerate(wanted.get("NetworkInterfaces") or []):
        interface = {name: value for name, value in each.items() if value is not None}
        interface["DeviceIndex"] = int(interface.get("DeviceIndex", index))
        if "AssociatePublicIpAddress" in interface:
            interface["AssociatePublicIpAddress"] = is_true(interface["AssociatePublicIpAddress"])
        if not interface.get("NetworkInterfaceId"):
            interface["DeleteOnTermination"] = is_true(interface.get("DeleteOnTermination", True))
        interfaces.append(interface)
    return sorted(interfaces, key=lambda interface: int(interface["DeviceIndex"]))


def subnet_of(backend: Any, wanted: dict[str, Any], interfaces: list[dict[str, Any]]) -> Any | None:
    named = wanted.get("SubnetId") or next((each["SubnetId"] for each in interfaces if each.get("SubnetId")), None)
    return backend.get_subnet(named) if named else None


def template_marks(backend: Any, template: Any) -> dict[str, str]:
    """The tags by which AWS marks what came from a launch template."""
    if not template:
        return {}
    version = template_version(backend, template)
    return {"aws:ec2launchtemplate:id": version.template.id, "aws:ec2launchtemplate:version": str(version.number)}


def of_configuration(configuration: Any) -> dict[str, Any]:
    """What a launch configuration of Auto Scaling asks for, in RunInstances' words."""
    if configuration is None:
        return {}
    profile = configuration.iam_instance_profile or ""
    metadata = configuration.metadata_options
    return {
        "KeyName": configuration.key_name,
        "Monitoring": {"Enabled": is_true(configuration.instance_monitoring_enabled)},
        "EbsOptimized": configuration.ebs_optimized,
        "IamInstanceProfile": {"Arn" if profile.startswith("arn:") else "Name": profile} if profile else None,
        "InstanceMarketOptions": {"MarketType": "spot"} if configuration.spot_price else None,
        "BlockDeviceMappings": list(configuration.block_device_mapping_dict or ()),
        "MetadataOptions": metadata if isinstance(metadata, dict) else None,
    }


def block_devices(backend: Any, wanted: dict[str, Any]) -> dict[str, Any]:
    """moto's argument for block devices, with a root volume where none is described; none for moto's default."""
    # copies: these are the launch template's own
    described = [dict(each) for each in wanted.get("BlockDeviceMappings") or [] if each.get("Ebs")]
    if not described:
        return {}
    images = backend.describe_images(filters={"image-id": image_of(backend, wanted)})
    root = images[0].root_device_name if images else "/dev/sda1"
    if root not in [each.get("DeviceName") for each in described]:
        described.insert(0, {"DeviceName": root, "Ebs": {"VolumeSize": 8, "DeleteOnTermination": True}})
    for each in described:
        ebs = dict(each["Ebs"])
        if not ebs.get("SnapshotId"):
            ebs["VolumeSize"] = int(ebs.get("VolumeSize") or 8)
        is_root = each["DeviceName"] == root
        ebs["DeleteOnTermination"] = is_true(ebs.get("DeleteOnTermination", is_root))
        ebs["Encrypted"] = is_true(ebs.get("Encrypted"))
        each["Ebs"] = ebs
    return {"block_device_mappings": described}
