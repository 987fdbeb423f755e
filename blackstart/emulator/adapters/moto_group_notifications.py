"""Notification configurations: which SNS topics hear of a group's launches and terminations. moto has none of it.

Sources: EC2 Auto Scaling API reference, PutNotificationConfiguration; user guide, "Amazon SNS notification options".
"""

from collections.abc import Callable
from typing import Any

from blackstart.emulator.adapters import moto_backends
from blackstart.emulator.adapters.auto_scaling_errors import group_named, refusal
from blackstart.emulator.adapters.auto_scaling_messages import (
    NOTIFICATION_TYPES,
    UndeliverableError,
    activity_message,
    activity_type,
    deliver,
    test_message,
)
from blackstart.emulator.adapters.moto_group_descriptions import page
from blackstart.emulator.adapters.patches import Patches
from blackstart.emulator.controllers.activity_log import Activity

TOPICS_AT_MOST = 10
"""Topics of a group: EC2 Auto Scaling user guide, "Quotas"."""


class GroupNotifications:
    """The calls, and what a topic is sent. Kept with moto's groups, so that they end with them."""

    def __init__(self, now_s: Callable[[], float], new_id: Callable[[], str]) -> None:
        self._now_s = now_s
        self._new_id = new_id

    def install(self, patches: Patches) -> None:
        from moto.autoscaling.responses import AutoScalingResponse

        patches.add(AutoScalingResponse, "put_notification_configuration", _of_response(self._put))
        patches.add(AutoScalingResponse, "describe_notification_configurations", _describe)
        patches.add(AutoScalingResponse, "delete_notification_configuration", _delete)

    def activity_ended(self, activity: Activity, now_s: float) -> None:
        """Tell the topics that want to know."""
        kind = activity_type(activity)
        if kind is None:
            return
        for topic, kinds in _told_of(activity).items():
            if kind in kinds:
                try:
                    deliver(topic, *activity_message(activity, now_s))
                except UndeliverableError:
                    continue  # AWS: on a best-effort basis

    def _put(self, response: Any) -> Any:
        group = group_named(response.autoscaling_backend, response._get_param("AutoScalingGroupName"))
        topic, kinds = response._get_param("TopicARN"), response._get_param("NotificationTypes", [])
        unknown = [kind for kind in kinds if kind not in NOTIFICATION_TYPES]
        if unknown or not kinds:
            raise refusal(
                f"Invalid notification types: [{', '.join(unknown)}]. Valid types: {list(NOTIFICATION_TYPES)}"
            )
        topics = topics_of(group)
        if topic not in topics and len(topics) >= TOPICS_AT_MOST:
            raise refusal(f"A group cannot have more than {TOPICS_AT_MOST} SNS topics.", "LimitExceeded")
        try:
            deliver(topic, *test_message(group, self._new_id(), self._now_s()))
        except UndeliverableError as error:
            raise refusal(f"Unable to publish test message to notification target {topic}.") from error
        topics[topic] = list(dict.fromkeys(kinds))
        return _empty()


def _of_response(method: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A function that becomes a method of moto's responses; a bound method would not get the response."""

    def call(response: Any) -> Any:
        return method(response)

    return call


def _describe(response: Any) -> Any:
    from moto.core.responses import ActionResult

    names = response._get_param("AutoScalingGroupNames", [])
    found = [
        {"AutoScalingGroupName": group.name, "TopicARN": topic, "NotificationType": kind}
        for group in response.autoscaling_backend.autoscaling_groups.values()
        if not names or group.name in names
        for topic, kinds in topics_of(group).items()
        for kind in kinds
    ]
    shown, token = page(response, found, most=100, default=50)
    return ActionResult({"NotificationConfigurations": shown, "NextToken": token})


def _delete(response: Any) -> Any:
    group = group_named(response.autoscaling_backend, response._get_param("AutoScalingGroupName"))
    topic = response._get_param("TopicARN")
    if topics_of(group).pop(topic, None) is None:
        raise refusal(f"Notification configuration with topic {topic} not found for group {group.name}")
    return _empty()


def _empty() -> Any:
    from moto.core.responses import EmptyResult

    return EmptyResult()


def topics_of(group: Any) -> dict[str, list[str]]:
    """The notification types that each topic hears of."""
    if not hasattr(group, "blackstart_topics"):
        group.blackstart_topics = {}
    topics: dict[str, list[str]] = group.blackstart_topics
    return topics


def _told_of(activity: Activity) -> dict[str, list[str]]:
    region, account = activity.auto_scaling_group_arn.split(":")[3:5]
    for backend in moto_backends.existing("autoscaling"):
        if (backend.region_name, backend.account_id) == (region, account):
            group = backend.autoscaling_groups.get(activity.auto_scaling_group_name)
            if group is not None and group.arn == activity.auto_scaling_group_arn:
                return topics_of(group)
    return {}
