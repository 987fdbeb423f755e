"""Auto Scaling groups in the status: failing launches said once, warm instances with their group, refreshes."""

from typing import Any

import web_stack
from test_status_overview import status

from blackstart.domain.emulator_overview import Overview
from blackstart.emulator.adapters.status_page import status_page
from blackstart.emulator.composition import look
from blackstart.emulator.controllers.overview import overview
from blackstart.emulator.decisions.ec2_capacity import Pool


def seen(rig: Any) -> Overview:
    return overview(look(rig.controllers))


def test_why_a_launch_failed_is_said_once(rig: Any) -> None:
    rig.controllers.capacity.change({Pool(zone): 1 for zone in web_stack.ZONES})
    web_stack.WebStack(rig.client, desired=4)
    rig.run(60)
    (group,) = seen(rig).scaling_groups
    failed = [each for each in group.activities if each.status == "Failed"]
    assert failed
    for activity in failed:
        assert f"{activity.description} {activity.message}".count("do not have sufficient") == 1
    page = status_page(status(overview=seen(rig), capacity={"us-east-1a": 1}))
    assert page.count("do not have sufficient") == len(failed)
    assert "<b>us-east-1a 1</b>" in page, "and how much capacity there is"


def test_warm_instances_stand_with_their_group(rig: Any) -> None:
    web_stack.WebStack(rig.client, desired=1)
    rig.client("autoscaling").put_warm_pool(AutoScalingGroupName="web", MaxGroupPreparedCapacity=3)
    rig.run(300)
    shown = seen(rig)
    (group,) = shown.scaling_groups
    assert [each.lifecycle for each in group.warm] == ["Warmed:Stopped", "Warmed:Stopped"]
    assert group.in_service == 1
    assert shown.loose_instances() == ()
    page = status_page(status(overview=shown))
    assert page.count("Warmed:Stopped") == 2


def test_a_refresh_under_way_is_shown_until_it_ends(rig: Any) -> None:
    web_stack.WebStack(rig.client, desired=3)
    rig.run(200)
    rig.client("autoscaling").start_instance_refresh(
        AutoScalingGroupName="web", Preferences={"MinHealthyPercentage": 0, "InstanceWarmup": 0}
    )
    rig.run(3)
    (group,) = seen(rig).scaling_groups
    assert group.refresh == "InProgress, 0 % complete, 3 instances to update"
    assert f"instance refresh: {group.refresh}" in status_page(status(overview=seen(rig)))
    rig.run(1200)
    (group,) = seen(rig).scaling_groups
    assert group.refresh == ""
