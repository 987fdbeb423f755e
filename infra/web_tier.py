"""The whole web tier: network, load balancer, instances and alarms, put together from the settings."""

from collections.abc import Sequence

import pulumi
from alarms import Alarms, AlarmsArgs
from instance_role import InstanceRole
from load_balancer import LoadBalancer, LoadBalancerArgs
from network import Network, NetworkArgs
from pulumi_aws import get_availability_zones
from scaling_group import ScalingGroup, ScalingGroupArgs
from security_groups import SecurityGroups, SecurityGroupsArgs
from settings import ZONE_COUNT, Settings
from user_data import encoded_user_data

LISTENER_PORT = 80


def first_zones() -> list[str]:
    """The zones to use, of those that every account has (no local zones)."""
    zones = get_availability_zones(
        state="available", filters=[{"name": "opt-in-status", "values": ["opt-in-not-required"]}]
    ).names
    if len(zones) < ZONE_COUNT:
        raise pulumi.RunError(
            f"the region has {len(zones)} zones and {ZONE_COUNT} are needed: choose another aws:region"
        )
    return sorted(zones)[:ZONE_COUNT]


class WebTier(pulumi.ComponentResource):
    """url: where the service answers. group_name: the Auto Scaling group. topic_arn: where the alarms go."""

    url: pulumi.Output[str]
    group_name: pulumi.Output[str]
    topic_arn: pulumi.Output[str]

    def __init__(self, name: str, settings: Settings, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("blackstart:web:WebTier", name, None, opts)
        self._child = pulumi.ResourceOptions(parent=self)
        zones = first_zones()
        network = Network(name, NetworkArgs(settings.vpc_cidr, zones, settings.nat_per_zone), self._child)
        groups = SecurityGroups(
            name, SecurityGroupsArgs(network.vpc_id, LISTENER_PORT, settings.service_port), self._child
        )
        balancer = self._load_balancer(name, settings, network, groups)
        self.url = pulumi.Output.concat("http://", balancer.dns_name)
        scaling_group = self._scaling_group(name, settings, network, groups, balancer)
        self.group_name = scaling_group.group_name
        self.topic_arn = self._alarms(settings, zones, balancer, scaling_group).topic_arn
        if not settings.statically_stable:
            pulumi.log.warn(
                f"minSize {settings.min_size} is below the {settings.capacity.total} instances with which two of "
                f"{ZONE_COUNT} zones carry the peak: the loss of a zone will be felt",
                self,
            )
        self.register_outputs({"url": self.url, "group_name": self.group_name, "topic_arn": self.topic_arn})

    def _load_balancer(self, name: str, settings: Settings, network: Network, groups: SecurityGroups) -> LoadBalancer:
        return LoadBalancer(
            name,
            LoadBalancerArgs(
                vpc_id=network.vpc_id,
                subnet_ids=network.public_subnet_ids,
                security_group_id=groups.load_balancer_id,
                listener_port=LISTENER_PORT,
                service_port=settings.service_port,
                health_check=settings.health_check,
                deregistration_delay_s=settings.deregistration_delay_s,
                deletion_protection=settings.deletion_protection,
            ),
            self._child,
        )

    def _scaling_group(
        self, name: str, settings: Settings, network: Network, groups: SecurityGroups, balancer: LoadBalancer
    ) -> ScalingGroup:
        """After the listener and the whole network: before these an instance fails its checks and cannot be reached."""
        return ScalingGroup(
            name,
            ScalingGroupArgs(
                subnet_ids=network.private_subnet_ids,
                security_group_id=groups.instances_id,
                profile_arn=InstanceRole(name, self._child).profile_arn,
                target_group_arn=balancer.target_group_arn,
                request_count_label=pulumi.Output.concat(balancer.arn_suffix, "/", balancer.target_group_arn_suffix),
                instance_type=settings.instance_type,
                user_data=encoded_user_data(settings.service_port),
                min_size=settings.min_size,
                max_size=settings.max_size,
                grace_period_s=settings.grace_period_s,
                cpu_target_percent=settings.cpu_target_percent,
                requests_per_target_per_minute=settings.requests_per_target_per_minute,
                chaos_allowed=settings.chaos_allowed,
            ),
            pulumi.ResourceOptions(parent=self, depends_on=[network, groups, balancer]),
        )

    def _alarms(
        self, settings: Settings, zones: Sequence[str], balancer: LoadBalancer, scaling_group: ScalingGroup
    ) -> Alarms:
        """After the instances, for which Pulumi waits: else the first deployment would begin with an alarm."""
        return Alarms(
            "alarms",
            AlarmsArgs(
                zones=zones,
                healthy_per_zone=min(settings.min_size // len(zones), settings.capacity.per_zone),
                healthy_total=settings.min_size,
                load_balancer=balancer.arn_suffix,
                target_group=balancer.target_group_arn_suffix,
                errors_5xx_count=settings.errors_5xx_alarm_count,
                latency_p99_ms=settings.latency_p99_alarm_ms,
            ),
            pulumi.ResourceOptions(parent=self, depends_on=[scaling_group]),
        )
