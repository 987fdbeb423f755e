"""CloudFormation templates: what moto drops of them is put in, and what it leaves out is listed.

moto creates most of a web tier from a template, but drops the tags and attributes of load balancers and target groups
and every tag that CloudFormation itself sets, and passes over a type that it does not know. Its module imports thirty
services (half a second), so it is loaded and mended at the first CloudFormation request.
"""

import copy
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from blackstart.domain.unserved import Unserved, UnservedKind
from blackstart.emulator.adapters import moto_backends
from blackstart.emulator.adapters.patches import Patches

SERVICE = "cloudformation"
LOGICAL_ID_TAG = "aws:cloudformation:logical-id"
LEFT_OUT = "blackstart_left_out"
LOAD_BALANCER = "AWS::ElasticLoadBalancingV2::LoadBalancer"
TARGET_GROUP = "AWS::ElasticLoadBalancingV2::TargetGroup"
LISTENER = "AWS::ElasticLoadBalancingV2::Listener"
SCALING_GROUP = "AWS::AutoScaling::AutoScalingGroup"
# What `Fn::GetAtt` of these gives (CloudFormation template reference, "Return values") and moto does not know.
ATTRIBUTES: Mapping[tuple[str, str], Callable[[Any], str]] = {
    (LOAD_BALANCER, "LoadBalancerArn"): lambda balancer: str(balancer.arn),
    (LOAD_BALANCER, "LoadBalancerFullName"): lambda balancer: str(balancer.arn).partition(":loadbalancer/")[2],
    (TARGET_GROUP, "TargetGroupArn"): lambda group: str(group.arn),
    (TARGET_GROUP, "TargetGroupFullName"): lambda group: str(group.arn).rpartition(":")[2],
    (TARGET_GROUP, "TargetGroupName"): lambda group: str(group.name),
    (LISTENER, "ListenerArn"): lambda listener: str(listener.arn),
}
COMPLETED = ("Tags", "Type", "LoadBalancerAttributes", "TargetGroupAttributes", "HealthCheckEnabled")
KINDS: Mapping[str, UnservedKind] = {
    LOAD_BALANCER: UnservedKind.LOAD_BALANCER,
    TARGET_GROUP: UnservedKind.TARGET_GROUP,
    LISTENER: UnservedKind.LISTENER,
    SCALING_GROUP: UnservedKind.SCALING_GROUP,
    "AWS::AutoScaling::LifecycleHook": UnservedKind.SCALING_GROUP,
    "AWS::AutoScaling::WarmPool": UnservedKind.SCALING_GROUP,
    "AWS::AutoScaling::ScalingPolicy": UnservedKind.SCALING_POLICY,
    "AWS::CloudWatch::Alarm": UnservedKind.ALARM,
    "AWS::CloudWatch::CompositeAlarm": UnservedKind.ALARM,
    "AWS::EC2::NetworkAcl": UnservedKind.NETWORK,
    "AWS::EC2::NetworkAclEntry": UnservedKind.NETWORK,
    "AWS::EC2::SubnetNetworkAclAssociation": UnservedKind.NETWORK,
    "AWS::EC2::SecurityGroupEgress": UnservedKind.NETWORK,
}


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# What moto's model or `_complete` below reads of a template's properties, or what changes nothing that is emulated.
HONOURED: Mapping[str, frozenset[str]] = {
    LOAD_BALANCER: _words("Name Subnets SecurityGroups Scheme Type Tags LoadBalancerAttributes IpAddressType"),
    TARGET_GROUP: _words(
        "Name VpcId Protocol Port TargetType Matcher Tags TargetGroupAttributes HealthCheckEnabled HealthCheckProtocol"
        " HealthCheckPort HealthCheckPath HealthCheckIntervalSeconds HealthCheckTimeoutSeconds HealthyThresholdCount"
        " UnhealthyThresholdCount"
    ),
    LISTENER: _words("LoadBalancerArn Protocol Port SslPolicy Certificates DefaultActions"),
    SCALING_GROUP: _words(
        "AutoScalingGroupName AvailabilityZones DesiredCapacity MaxSize MinSize LaunchConfigurationName LaunchTemplate"
        " VPCZoneIdentifier Cooldown HealthCheckGracePeriod HealthCheckType LoadBalancerNames TargetGroupARNs Tags"
        " TerminationPolicies NewInstancesProtectedFromScaleIn MixedInstancesPolicy MetricsCollection"
        " NotificationConfigurations AvailabilityZoneDistribution AvailabilityZoneImpairmentPolicy CapacityRebalance"
        " CapacityReservationSpecification Context DefaultInstanceWarmup DeletionProtection DesiredCapacityType"
        " InstanceLifecyclePolicy InstanceMaintenancePolicy LifecycleHookSpecificationList MaxInstanceLifetime"
        " PlacementGroup ServiceLinkedRoleARN TrafficSources"
    ),
}


def install(patches: Patches) -> None:
    """Mend moto's CloudFormation as soon as somebody asks for it."""
    from moto.moto_server import werkzeug_app

    def loading(original: Callable[[str], Any]) -> Callable[[str], Any]:
        def create_backend_app(service: str) -> Any:
            if service == SERVICE:
                _mend(patches)
            return original(service)

        return create_backend_app

    patches.replace(werkzeug_app, "create_backend_app", loading)


def unserved() -> Iterator[Unserved]:
    """What the templates of living stacks declare without effect."""
    if f"moto.{SERVICE}.models" not in sys.modules:  # asking moto would import it
        return
    for backend in moto_backends.existing(SERVICE):
        for stack in backend.stacks.values():
            if stack.status != "DELETE_COMPLETE":
                yield from getattr(stack.resource_map, LEFT_OUT, {}).values()


def _mend(patches: Patches) -> None:
    from moto.cloudformation import parsing
    from moto.cloudformation.models import CloudFormationBackend, Stack

    patches.replace(Stack, "stack_resources", _those_that_exist)
    patches.replace(CloudFormationBackend, "validate_template", lambda _: _validate_template)
    patches.replace(parsing, "clean_json", _with_attributes)
    for name in ("parse_and_create_resource", "parse_and_update_resource"):
        patches.replace(parsing, name, _completing)


def _validate_template(_backend: Any, _template: str) -> None:
    raise NotImplementedError("ValidateTemplate needs cfn-lint, which the emulator does without")


def _those_that_exist(original: Any) -> property:
    return property(lambda stack: [resource for resource in original.fget(stack) if resource is not None])


def _completing(original: Callable[..., Any]) -> Callable[..., Any]:
    def parse(logical_id: str, declared: dict[str, Any], resources: Any, account_id: str, region_name: str) -> Any:
        as_declared = copy.deepcopy(declared)  # moto resolves references in place
        resource = original(logical_id, declared, resources, account_id, region_name)
        if _is_wanted(as_declared, resources):
            properties = as_declared.get("Properties", {})
            if resource is not None:
                _complete(resource, logical_id, as_declared["Type"], properties, resources)
            _note(resource, logical_id, as_declared["Type"], properties, resources)
        return resource

    return parse


def _is_wanted(declared: Mapping[str, Any], resources: Any) -> bool:
    condition = declared.get("Condition")
    return not condition or bool(resources.lazy_condition_map[condition])


def _resolved(properties: Mapping[str, Any], names: Iterable[str], resources: Any) -> dict[str, Any]:
    """These of the properties, references replaced by what they refer to."""
    from moto.cloudformation import parsing

    return {name: parsing.clean_json(properties[name], resources) for name in names if name in properties}


def _with_attributes(original: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """`Fn::GetAtt` of what moto knows no attribute of."""

    def clean_json(value: Any, resources: Any) -> Any:
        if isinstance(value, dict) and isinstance(value.get("Fn::GetAtt"), list):
            logical_id, *attribute = value["Fn::GetAtt"]
            declared = resources._resource_json_map.get(logical_id, {})
            known = ATTRIBUTES.get((declared.get("Type", ""), ".".join(attribute)))
            if known is not None:
                return known(resources[logical_id])
        return original(value, resources)

    return clean_json


def _complete(resource: Any, logical_id: str, type_: str, properties: Mapping[str, Any], resources: Any) -> None:
    """CloudFormation user guide "Resource tags": aws:cloudformation:* and the stack's own tags go to every resource
    that takes tags; those of an Auto Scaling group go to its instances as well.
    """
    own = {**resources.tags, LOGICAL_ID_TAG: logical_id}
    if type_ in (LOAD_BALANCER, TARGET_GROUP):
        _complete_load_balancing(resource, type_, _resolved(properties, COMPLETED, resources), own)
    elif type_ == SCALING_GROUP:
        resource.tags = [*resource.tags, *(_group_tag(resource.name, key, value) for key, value in own.items())]
        if "HealthCheckGracePeriod" not in properties:
            resource.health_check_grace_period = 0


def _complete_load_balancing(resource: Any, type_: str, properties: Mapping[str, Any], own: dict[str, str]) -> None:
    tagged = own | {tag["Key"]: str(tag["Value"]) for tag in properties.get("Tags", ())}
    backend = next(b for b in moto_backends.existing("elbv2") if resource.arn in _elbv2(b))
    backend.tagging_service.tag_resource(resource.arn, [{"Key": k, "Value": v} for k, v in tagged.items()])
    if type_ == LOAD_BALANCER:
        resource.type = properties.get("Type", resource.type)
        if attributes := _attributes(properties.get("LoadBalancerAttributes", ())):
            backend.modify_load_balancer_attributes(resource.arn, attributes)
    else:
        if "HealthCheckEnabled" in properties:
            resource.healthcheck_enabled = str(properties["HealthCheckEnabled"]).lower() == "true"
        if attributes := _attributes(properties.get("TargetGroupAttributes", ())):
            backend.modify_target_group_attributes(resource.arn, attributes)


def _elbv2(backend: Any) -> Mapping[str, Any]:
    return {**backend.load_balancers, **backend.target_groups}


def _attributes(declared: Any) -> dict[str, str]:
    """As the API stores them: a template's `true` is "true"."""
    return {
        each["Key"]: str(each["Value"]).lower() if isinstance(each["Value"], bool) else str(each["Value"])
        for each in declared
    }


def _group_tag(group: str, key: str, value: str) -> dict[str, Any]:
    kind = "auto-scaling-group"
    return {"Key": key, "Value": value, "PropagateAtLaunch": True, "ResourceId": group, "ResourceType": kind}


def _note(resource: Any, logical_id: str, type_: str, properties: Mapping[str, Any], resources: Any) -> None:
    """Keep what is not honoured with the stack's resources, so that it goes with the stack."""
    from moto.cloudformation.parsing import NULL_MODELS

    noted: dict[str, Unserved] = resources.__dict__.setdefault(LEFT_OUT, {})
    stack = str(resources["AWS::StackName"])
    ignored = sorted(set(properties) - HONOURED[type_]) if type_ in HONOURED else []
    if resource is None and type_ not in NULL_MODELS:
        names = [key for key in properties if key.endswith("Name")]
        named = [str(value) for value in _resolved(properties, names, resources).values() if value is not None]
        noted[logical_id] = Unserved(
            kind=KINDS.get(type_, UnservedKind.OTHER),
            resource=f"{stack}/{logical_id}",
            of=(stack, logical_id, *named),
            aws_type=type_,
            reason=f"CloudFormation stack {stack}: {logical_id} ({type_}) is not created",
        )
    elif resource is not None and ignored:
        noted[logical_id] = Unserved(
            kind=KINDS[type_],
            resource=_known_as(resource, type_),
            of=(stack, logical_id),
            aws_type=type_,
            reason=f"CloudFormation stack {stack}: {logical_id} ({type_}) without {', '.join(ignored)}",
        )


def _known_as(resource: Any, type_: str) -> str:
    if type_ == LISTENER:
        return f"{resource.load_balancer_arn.split('/')[2]}:{resource.port}"
    return str(resource.physical_resource_id)
