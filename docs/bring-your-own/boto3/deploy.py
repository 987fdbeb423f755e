"""A shop's web tier, deployed with boto3 and nothing else; the endpoint comes from AWS_ENDPOINT_URL.

It shares nothing with this project: its own network, names and tags.
"""

import boto3

ZONES = ("us-east-1a", "us-east-1b")
IMAGE = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
TAGS = [{"Key": "app", "Value": "shop"}, {"Key": "role", "Value": "storefront"}]
ec2, elbv2 = boto3.client("ec2"), boto3.client("elbv2")


def tagged(kind: str) -> list[dict]:
    return [{"ResourceType": kind, "Tags": TAGS}]


def network() -> tuple[str, list[str]]:
    """A VPC with one public subnet in each zone."""
    vpc = ec2.create_vpc(CidrBlock="10.20.0.0/16", TagSpecifications=tagged("vpc"))["Vpc"]["VpcId"]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    routes = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=routes, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    subnets = []
    for number, zone in enumerate(ZONES):
        block = f"10.20.{number}.0/24"
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock=block, AvailabilityZone=zone)["Subnet"]["SubnetId"]
        ec2.associate_route_table(RouteTableId=routes, SubnetId=subnet)
        subnets.append(subnet)
    return vpc, subnets


def security_groups(vpc: str) -> tuple[str, str]:
    """The load balancer's, open to all on 80, and the instances', open to the load balancer's on 8080."""
    front = ec2.create_security_group(GroupName="shop-front", Description="visitors", VpcId=vpc)["GroupId"]
    back = ec2.create_security_group(GroupName="shop-back", Description="from the front", VpcId=vpc)["GroupId"]
    port = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    ec2.authorize_security_group_ingress(GroupId=front, IpPermissions=[port])
    port = {"IpProtocol": "tcp", "FromPort": 8080, "ToPort": 8080, "UserIdGroupPairs": [{"GroupId": front}]}
    ec2.authorize_security_group_ingress(GroupId=back, IpPermissions=[port])
    return front, back


def load_balancer(vpc: str, subnets: list[str], group: str) -> tuple[str, str]:
    """ARNs of the load balancer, listening on 80, and of its target group."""
    balancer = elbv2.create_load_balancer(Name="shop-alb", Subnets=subnets, SecurityGroups=[group], Tags=TAGS)
    check = {"HealthCheckPath": "/", "HealthCheckIntervalSeconds": 10, "HealthCheckTimeoutSeconds": 5}
    thresholds = {"HealthyThresholdCount": 2, "UnhealthyThresholdCount": 2}
    targets = elbv2.create_target_group(
        Name="shop-targets", Protocol="HTTP", Port=8080, VpcId=vpc, Tags=TAGS, **check, **thresholds
    )
    balancer_arn = balancer["LoadBalancers"][0]["LoadBalancerArn"]
    targets_arn = targets["TargetGroups"][0]["TargetGroupArn"]
    forward = {"Type": "forward", "TargetGroupArn": targets_arn}
    elbv2.create_listener(LoadBalancerArn=balancer_arn, Protocol="HTTP", Port=80, DefaultActions=[forward])
    return balancer_arn, targets_arn


def servers(subnets: list[str], group: str, targets: str) -> None:
    """Four instances that an Auto Scaling group keeps; each of them says that chaos is welcome."""
    image = boto3.client("ssm").get_parameter(Name=IMAGE)["Parameter"]["Value"]
    data = {"ImageId": image, "InstanceType": "t3.micro", "SecurityGroupIds": [group]}
    ec2.create_launch_template(LaunchTemplateName="shop", LaunchTemplateData=data)
    tags = [*TAGS, {"Key": "chaos", "Value": "welcome"}]
    boto3.client("autoscaling").create_auto_scaling_group(
        AutoScalingGroupName="shop-servers",
        LaunchTemplate={"LaunchTemplateName": "shop", "Version": "$Latest"},
        MinSize=4,
        MaxSize=6,
        VPCZoneIdentifier=",".join(subnets),
        TargetGroupARNs=[targets],
        HealthCheckType="ELB",
        HealthCheckGracePeriod=60,
        Tags=[tag | {"PropagateAtLaunch": True} for tag in tags],
    )


def alarm(balancer: str, targets: str) -> None:
    """One alarm, without any tag: a stack file can name it all the same."""
    boto3.client("cloudwatch").put_metric_alarm(
        AlarmName="shop-too-few-servers",
        Namespace="AWS/ApplicationELB",
        MetricName="HealthyHostCount",
        Dimensions=[
            {"Name": "LoadBalancer", "Value": balancer.partition(":loadbalancer/")[2]},
            {"Name": "TargetGroup", "Value": targets.rpartition(":")[2]},
        ],
        Statistic="Minimum",
        ComparisonOperator="LessThanThreshold",
        Threshold=4,
        Period=60,
        EvaluationPeriods=1,
    )


vpc, subnets = network()
front, back = security_groups(vpc)
balancer, targets = load_balancer(vpc, subnets, front)
servers(subnets, back, targets)
alarm(balancer, targets)
print("deployed the shop:", boto3.client("elbv2").describe_load_balancers()["LoadBalancers"][0]["DNSName"])
