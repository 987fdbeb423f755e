"""The alarms, each with a runbook, and the topic that carries them to people."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_aws import cloudwatch, sns
from tags import named


@dataclass(frozen=True)
class AlarmsArgs:
    """zones, healthy_per_zone and healthy_total are plain, because they decide which alarms there are.

    healthy_per_zone: healthy targets that each zone must have; 0 when there are fewer instances than zones, and then
    one alarm watches that the whole group has healthy_total. load_balancer and target_group: arn suffixes.
    """

    zones: Sequence[str]
    healthy_per_zone: int
    healthy_total: int
    load_balancer: pulumi.Input[str]
    target_group: pulumi.Input[str]
    errors_5xx_count: pulumi.Input[int]
    latency_p99_ms: int


class Alarms(pulumi.ComponentResource):
    """topic_arn: where every alarm tells that it went off, and that it is over."""

    topic_arn: pulumi.Output[str]

    def __init__(self, name: str, args: AlarmsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("blackstart:web:Alarms", name, None, opts)
        self._child = pulumi.ResourceOptions(parent=self)
        # Not encrypted with the key alias/aws/sns: CloudWatch may not use that key, and the alarm would be lost.
        self.topic_arn = sns.Topic(name, tags=named(name), opts=self._child).arn
        self._balancer = {"LoadBalancer": args.load_balancer}
        self._group = {"LoadBalancer": args.load_balancer, "TargetGroup": args.target_group}
        self._healthy_hosts(args)
        self._unhealthy_hosts()
        self._errors("target-5xx", "HTTPCode_Target_5XX_Count", self._group, args, "The service answers with errors.")
        self._errors(
            "elb-5xx", "HTTPCode_ELB_5XX_Count", self._balancer, args, "The load balancer answers with errors."
        )
        self._latency(args)
        self.register_outputs({"topic_arn": self.topic_arn})

    def _healthy_hosts(self, args: AlarmsArgs) -> None:
        if not args.healthy_per_zone:
            self._healthy_hosts_below(args.healthy_total, self._group, "The target group", None)
            return
        for zone in args.zones:
            dimensions = {**self._group, "AvailabilityZone": zone}
            self._healthy_hosts_below(args.healthy_per_zone, dimensions, f"Zone {zone}", zone)

    def _healthy_hosts_below(
        self, need: int, dimensions: dict[str, pulumi.Input[str]], where: str, zone: str | None
    ) -> None:
        """No data is as bad as no target: a load balancer whose zone is gone reports nothing."""
        self._alarm(
            "healthy-hosts",
            f"{where} has fewer than {need} healthy targets.",
            zone=zone,
            metric_name="HealthyHostCount",
            dimensions=dimensions,
            statistic="Minimum",
            comparison_operator="LessThanThreshold",
            threshold=need,
            treat_missing_data="breaching",
        )

    def _unhealthy_hosts(self) -> None:
        self._alarm(
            "unhealthy-hosts",
            "A target fails its health checks.",
            metric_name="UnHealthyHostCount",
            dimensions=self._group,
            statistic="Maximum",
            comparison_operator="GreaterThanThreshold",
            threshold=0,
            treat_missing_data="notBreaching",
        )

    def _errors(
        self, name: str, metric: str, dimensions: dict[str, pulumi.Input[str]], args: AlarmsArgs, problem: str
    ) -> None:
        """The load balancer reports error counts only when there are errors, so no data is good news."""
        self._alarm(
            name,
            problem,
            metric_name=metric,
            dimensions=dimensions,
            statistic="Sum",
            comparison_operator="GreaterThanThreshold",
            threshold=args.errors_5xx_count,
            treat_missing_data="notBreaching",
        )

    def _latency(self, args: AlarmsArgs) -> None:
        self._alarm(
            "latency-p99",
            f"One request in a hundred takes longer than {args.latency_p99_ms} ms.",
            metric_name="TargetResponseTime",
            dimensions=self._group,
            extended_statistic="p99",
            evaluate_low_sample_count_percentiles="ignore",
            comparison_operator="GreaterThanThreshold",
            threshold=args.latency_p99_ms / 1000,
            treat_missing_data="notBreaching",
        )

    def _alarm(self, name: str, problem: str, zone: str | None = None, **specification: Any) -> None:
        cloudwatch.MetricAlarm(
            f"{name}-{zone}" if zone else name,
            namespace="AWS/ApplicationELB",
            period=60,
            evaluation_periods=1,
            datapoints_to_alarm=1,
            alarm_description=f"{problem} Runbook: runbooks/{name}.md",
            alarm_actions=[self.topic_arn],
            ok_actions=[self.topic_arn],
            tags=named(name, zone),
            opts=self._child,
            **specification,
        )
