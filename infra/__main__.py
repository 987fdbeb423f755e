"""The Pulumi program: a web tier over three zones."""

import pulumi
from settings import load_settings
from web_tier import WebTier

tier = WebTier("web", load_settings(pulumi.Config()))
pulumi.export("url", tier.url)
pulumi.export("scalingGroup", tier.group_name)
pulumi.export("alarmTopic", tier.topic_arn)
