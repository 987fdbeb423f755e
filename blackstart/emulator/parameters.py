"""What AWS does not publish: each a named parameter with a default, a range and where the figure comes from.

`docs/fidelity.md` lists every one of them, held to that by a test.
"""

from pydantic import Field

from blackstart.domain.model import Model


class Parameters(Model):
    """Virtual seconds unless the name says otherwise. Set with `--parameter name=value`; out of range is an error."""

    pending_s: float = Field(default=10.0, ge=5, le=17, description="RunInstances to running; third-party measurements")
    boot_s: float = Field(
        default=15.0,
        ge=5,
        le=600,
        description="running to the service's start; third-party: port open 25-29 s after the call",
    )
    shutting_down_s: float = Field(
        default=20.0, ge=1, le=120, description="TerminateInstances to terminated; no published figure, so a wide range"
    )
    stopping_s: float = Field(
        default=20.0, ge=1, le=120, description="StopInstances to stopped; no published figure either"
    )
    status_check_s: float = Field(
        default=120.0,
        ge=30,
        le=600,
        description="running to the first result of both status checks; unpublished, users report one to a few minutes",
    )
    terminated_visible_s: float = Field(
        default=3600.0,
        ge=60,
        le=7200,
        description="how long a terminated instance is described; 'about an hour' in practice, unpublished",
    )
    load_balancer_provisioning_s: float = Field(
        default=0.0,
        ge=0,
        le=300,
        description="CreateLoadBalancer to active; minutes on AWS, 0 to keep a rehearsal short",
    )
    group_health_period_s: float = Field(
        default=30.0, ge=5, le=60, description="how often an Auto Scaling group looks at its instances; unpublished"
    )
    impaired_patience_s: float = Field(
        default=180.0,
        ge=60,
        le=900,
        description="how long a group bears with an instance whose status checks fail; the guide: 'a few minutes'",
    )
    launch_retry_s: float = Field(
        default=30.0,
        ge=5,
        le=300,
        description="a group's pause after a launch that EC2 refused, doubled with each one in a row; unpublished",
    )
    launch_retry_longest_s: float = Field(
        default=300.0, ge=30, le=3600, description="the longest of these pauses; unpublished"
    )
    target_state_delay_s: float = Field(
        default=5.0,
        ge=0,
        le=30,
        description="an instance's state change until its target reads Target.InvalidState; unpublished",
    )
    target_tracking_low_ratio: float = Field(
        default=0.9,
        ge=0.7,
        le=0.9,
        description="the low alarm's threshold of a target tracking policy, as a part of its target; unpublished: 0.9 "
        "in newer alarms, 0.85 and 0.7 in older ones",
    )
    target_tracking_gradual_percent: float = Field(
        default=10.0,
        ge=1,
        le=100,
        description="the most that target tracking removes at once, in percent of the desired capacity, at least one "
        "instance; unpublished: users' activities show one at a time in groups of up to seven",
    )
    alarm_evaluation_range_extra: int = Field(
        default=2, ge=0, le=10, description="periods fetched beyond the evaluation periods; the guide's example: 3 -> 5"
    )
    metric_delay_s: float = Field(
        default=0.0,
        ge=0,
        le=120,
        description="how late a period's load-balancer metrics arrive; unpublished, under 2 min",
    )
