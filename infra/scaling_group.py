"""The instances: a launch template, the Auto Scaling group that keeps enough of them, and its scaling policies."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import autoscaling, ec2, ssm
from tags import named

IMAGE_PARAMETER = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-{architecture}"


def architecture(instance_type: str) -> str:
    """`arm64` for a Graviton type (a `g` after the generation, as in m7g or c7gn), else `x86_64`."""
    return "arm64" if re.match(r"[a-z]+\d+g", instance_type) else "x86_64"


@dataclass(frozen=True)
class ScalingGroupArgs:
    """instance_type is plain, because it decides the image; chaos_allowed, because it decides the tags.

    user_data: base64. grace_period_s: how long a new instance may fail its health checks. The two targets are what
    target tracking holds. request_count_label: `<load balancer's arn suffix>/<target group's arn suffix>`.
    """

    subnet_ids: Sequence[pulumi.Input[str]]
    security_group_id: pulumi.Input[str]
    profile_arn: pulumi.Input[str]
    target_group_arn: pulumi.Input[str]
    request_count_label: pulumi.Input[str]
    instance_type: str
    user_data: pulumi.Input[str]
    min_size: pulumi.Input[int]
    max_size: pulumi.Input[int]
    grace_period_s: pulumi.Input[int]
    cpu_target_percent: pulumi.Input[int]
    requests_per_target_per_minute: pulumi.Input[int]
    chaos_allowed: bool


class ScalingGroup(pulumi.ComponentResource):
    """group_name: AWS's name of the Auto Scaling group."""

    group_name: pulumi.Output[str]

    def __init__(self, name: str, args: ScalingGroupArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("blackstart:web:ScalingGroup", name, None, opts)
        self._child = pulumi.ResourceOptions(parent=self)
        group = self._group(name, args, self._launch_template(name, args))
        self.group_name = group.name
        self._tracking(f"{name}-cpu", "ASGAverageCPUUtilization", args.cpu_target_percent)
        self._tracking(
            f"{name}-requests",
            "ALBRequestCountPerTarget",
            args.requests_per_target_per_minute,
            args.request_count_label,
        )
        self.register_outputs({"group_name": self.group_name})

    def _launch_template(self, name: str, args: ScalingGroupArgs) -> ec2.LaunchTemplate:
        image = ssm.get_parameter_output(
            name=IMAGE_PARAMETER.format(architecture=architecture(args.instance_type)),
            opts=pulumi.InvokeOutputOptions(parent=self),
        )
        return ec2.LaunchTemplate(
            name,
            image_id=image.value,
            instance_type=args.instance_type,
            user_data=args.user_data,
            vpc_security_group_ids=[args.security_group_id],
            iam_instance_profile=ec2.LaunchTemplateIamInstanceProfileArgs(arn=args.profile_arn),
            monitoring=ec2.LaunchTemplateMonitoringArgs(enabled=True),
            # Session tokens only, and not for a container one hop further.
            metadata_options=ec2.LaunchTemplateMetadataOptionsArgs(
                http_endpoint="enabled", http_tokens="required", http_put_response_hop_limit=1
            ),
            block_device_mappings=[
                ec2.LaunchTemplateBlockDeviceMappingArgs(
                    device_name="/dev/xvda",
                    ebs=ec2.LaunchTemplateBlockDeviceMappingEbsArgs(
                        volume_type="gp3", volume_size=8, encrypted="true", delete_on_termination="true"
                    ),
                )
            ],
            tag_specifications=[
                ec2.LaunchTemplateTagSpecificationArgs(resource_type="volume", tags=named(name)),
            ],
            update_default_version=True,
            tags=named(name),
            opts=self._child,
        )

    def _group(self, name: str, args: ScalingGroupArgs, template: ec2.LaunchTemplate) -> autoscaling.Group:
        return autoscaling.Group(
            name,
            vpc_zone_identifiers=args.subnet_ids,
            launch_template=autoscaling.GroupLaunchTemplateArgs(
                id=template.id, version=template.latest_version.apply(lambda version: str(int(version)))
            ),
            min_size=args.min_size,
            max_size=args.max_size,
            desired_capacity=args.min_size,
            target_group_arns=[args.target_group_arn],
            health_check_type="ELB",
            health_check_grace_period=args.grace_period_s,
            default_instance_warmup=args.grace_period_s,
            instance_refresh=autoscaling.GroupInstanceRefreshArgs(
                strategy="Rolling",
                preferences=autoscaling.GroupInstanceRefreshPreferencesArgs(
                    min_healthy_percentage=100, max_healthy_percentage=133, auto_rollback=True
                ),
            ),
            tags=[
                autoscaling.GroupTagArgs(key=key, value=value, propagate_at_launch=True)
                for key, value in named(name, chaos_allowed=args.chaos_allowed).items()
            ],
            # After the first deployment the scaling policies own the capacity.
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=["desiredCapacity"]),
        )

    def _tracking(
        self, name: str, metric: str, target: pulumi.Input[int], label: pulumi.Input[str] | None = None
    ) -> None:
        autoscaling.Policy(
            name,
            autoscaling_group_name=self.group_name,
            policy_type="TargetTrackingScaling",
            target_tracking_configuration=autoscaling.PolicyTargetTrackingConfigurationArgs(
                predefined_metric_specification=autoscaling.PolicyTargetTrackingConfigurationPredefinedMetricSpecificationArgs(
                    predefined_metric_type=metric, resource_label=label
                ),
                target_value=target,
            ),
            opts=self._child,
        )
