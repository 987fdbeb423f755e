"""Creates the stack `pages` from template.yaml and waits for it; the endpoint comes from AWS_ENDPOINT_URL."""

from pathlib import Path

import boto3

STACK = "pages"

cloudformation = boto3.client("cloudformation")
cloudformation.create_stack(StackName=STACK, TemplateBody=(Path(__file__).parent / "template.yaml").read_text())
cloudformation.get_waiter("stack_create_complete").wait(StackName=STACK, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
(stack,) = cloudformation.describe_stacks(StackName=STACK)["Stacks"]
for output in stack["Outputs"]:
    print(f"{STACK}: {output['OutputKey']} = {output['OutputValue']}")
