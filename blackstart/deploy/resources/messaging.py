"""SNS topics and subscriptions, SQS queues."""

from blackstart.aws_clients import AwsClients
from blackstart.deploy.fields import Field, flag, integer_text, json_text, tag_list, text, text_map
from blackstart.deploy.registry import Realised, Wanted, realises


@realises(
    "aws:sns/topic:Topic",
    {
        "name": Field(None, text),
        "namePrefix": Field(None, text),
        "displayName": Field("DisplayName", text),
        "kmsMasterKeyId": Field("KmsMasterKeyId", text),
        "policy": Field("Policy", json_text),
        "tags": Field(None, tag_list),
    },
)
def topic(wanted: Wanted, aws: AwsClients) -> Realised:
    name = wanted.physical_name(256)
    tags = wanted.given.get("tags", [])
    arn = aws.client("sns").create_topic(Name=name, Attributes=wanted.call, Tags=tags)["TopicArn"]
    return Realised(arn, {"arn": arn, "name": name})


@realises(
    "aws:sns/topicSubscription:TopicSubscription",
    {
        "topic": Field("TopicArn", text, required=True),
        "protocol": Field("Protocol", text, required=True),
        "endpoint": Field("Endpoint", text, required=True),
        "endpointAutoConfirms": Field(None, flag),
        "rawMessageDelivery": Field(None, flag),
    },
)
def topic_subscription(wanted: Wanted, aws: AwsClients) -> Realised:
    raw = {"Attributes": {"RawMessageDelivery": "true"}} if wanted.given.get("rawMessageDelivery") else {}
    made = aws.client("sns").subscribe(**wanted.call, **raw, ReturnSubscriptionArn=True)
    return Realised(made["SubscriptionArn"], {"arn": made["SubscriptionArn"]})


@realises(
    "aws:sqs/queue:Queue",
    {
        "name": Field(None, text),
        "namePrefix": Field(None, text),
        "delaySeconds": Field("DelaySeconds", integer_text),
        "messageRetentionSeconds": Field("MessageRetentionPeriod", integer_text),
        "receiveWaitTimeSeconds": Field("ReceiveMessageWaitTimeSeconds", integer_text),
        "visibilityTimeoutSeconds": Field("VisibilityTimeout", integer_text),
        "policy": Field("Policy", json_text),
        "redrivePolicy": Field("RedrivePolicy", json_text),
        "tags": Field(None, text_map),
    },
)
def queue(wanted: Wanted, aws: AwsClients) -> Realised:
    sqs = aws.client("sqs")
    name = wanted.physical_name(80)
    url = sqs.create_queue(QueueName=name, Attributes=wanted.call, tags=wanted.given.get("tags", {}))["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    return Realised(url, {"arn": arn, "name": name, "url": url})
