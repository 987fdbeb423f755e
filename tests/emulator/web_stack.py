"""A small web tier over three zones, made by API calls."""

from typing import Any

ZONES = ("us-east-1a", "us-east-1b", "us-east-1c")
IMAGE_PARAMETER = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"


class WebStack:
    """An Auto Scaling group named web behind a load balancer; the health checks of the reference stack."""

    def __init__(self, client: Any, desired: int = 3, deregistration_delay_s: int = 30) -> None:
        self.ec2, self.elb, self.asg = client("ec2"), client("elbv2"), client("autoscaling")
        vpc = self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        self.subnets = [
            self.ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{index}.0/24", AvailabilityZone=zone)["Subnet"][
                "SubnetId"
            ]
            for index, zone in enumerate(ZONES)
        ]
        self.balancer_group, self.instances_group = self._security_groups(vpc)
        balancer = self.elb.create_load_balancer(
            Name="web", Subnets=self.subnets, SecurityGroups=[self.balancer_group]
        )["LoadBalancers"][0]
        self.balancer = balancer["LoadBalancerArn"]
        self.target_group = self.elb.create_target_group(
            Name="web",
            Protocol="HTTP",
            Port=8080,
            VpcId=vpc,
            HealthCheckPath="/healthz",
            HealthCheckIntervalSeconds=10,
            HealthCheckTimeoutSeconds=5,
            HealthyThresholdCount=2,
            UnhealthyThresholdCount=2,
        )["TargetGroups"][0]["TargetGroupArn"]
        self.elb.modify_target_group_attributes(
            TargetGroupArn=self.target_group,
            Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": str(deregistration_delay_s)}],
        )
        self.elb.create_listener(
            LoadBalancerArn=self.balancer,
            Protocol="HTTP",
            Port=80,
            DefaultActions=[{"Type": "forward", "TargetGroupArn": self.target_group}],
        )
        image = client("ssm").get_parameter(Name=IMAGE_PARAMETER)["Parameter"]["Value"]
        self.template = self.ec2.create_launch_template(
            LaunchTemplateName="web",
            LaunchTemplateData={
                "ImageId": image,
                "InstanceType": "t3.micro",
                "SecurityGroupIds": [self.instances_group],
                "MetadataOptions": {"HttpTokens": "required"},
            },
        )["LaunchTemplate"]["LaunchTemplateId"]
        self.asg.create_auto_scaling_group(
            AutoScalingGroupName="web",
            LaunchTemplate={"LaunchTemplateId": self.template, "Version": "$Latest"},
            MinSize=0,
            MaxSize=9,
            DesiredCapacity=desired,
            VPCZoneIdentifier=",".join(self.subnets),
            TargetGroupARNs=[self.target_group],
            HealthCheckType="ELB",
            HealthCheckGracePeriod=60,
            Tags=[{"Key": "blackstart:name", "Value": "web", "PropagateAtLaunch": True}],
        )

    def _security_groups(self, vpc: str) -> tuple[str, str]:
        """The load balancer's, which lets in everyone, and the instances', which let in the load balancer."""
        made = [
            self.ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"]
            for name in ("web-load-balancer", "web-instances")
        ]
        tcp = {"IpProtocol": "tcp", "FromPort": 0, "ToPort": 65535}
        for group, peer in zip(made, ({"IpRanges": [{"CidrIp": "0.0.0.0/0"}]}, _members_of(made[0])), strict=True):
            self.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[{**tcp, **peer}])
        return made[0], made[1]

    def health(self) -> dict[str, str]:
        """Target state by instance id."""
        described = self.elb.describe_target_health(TargetGroupArn=self.target_group)["TargetHealthDescriptions"]
        return {target["Target"]["Id"]: target["TargetHealth"]["State"] for target in described}

    def healthy(self) -> set[str]:
        return {instance_id for instance_id, state in self.health().items() if state == "healthy"}

    def group(self) -> Any:
        return self.asg.describe_auto_scaling_groups(AutoScalingGroupNames=["web"])["AutoScalingGroups"][0]

    def members(self, lifecycle: str = "InService") -> set[str]:
        return {m["InstanceId"] for m in self.group()["Instances"] if m["LifecycleState"] == lifecycle}

    def activities(self) -> list[dict[str, Any]]:
        activities: list[dict[str, Any]] = self.asg.describe_scaling_activities(AutoScalingGroupName="web")[
            "Activities"
        ]
        return activities


def _members_of(group: str) -> dict[str, Any]:
    return {"UserIdGroupPairs": [{"GroupId": group}]}
