"""moto as a library: its switches, the services loaded ahead, and the backends that exist."""

import os
from collections.abc import Iterator
from functools import cache
from typing import Any

SWITCHES = {
    "MOTO_ENABLE_AMI_VALIDATION": "true",
    "MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION": "true",
    "MOTO_IAM_LOAD_MANAGED_POLICIES": "true",
    "MOTO_DISABLE_GLOBAL_CORS": "true",
}
SERVICES = ("autoscaling", "cloudwatch", "ec2", "elbv2", "events", "iam", "logs", "route53", "sns", "sqs", "ssm", "sts")
ACCOUNT_ID = "123456789012"


def switch_on() -> None:
    """Set moto's switches; before moto is imported, because it reads them then."""
    os.environ.update(SWITCHES)


def preload(region: str) -> None:
    """Import the usual services and make the region's backends, so that no request pays for it under the lock."""
    from moto import backends

    for service in SERVICES:
        loaded = backends.get_backend(service)
        loaded[ACCOUNT_ID].get(region)
    backends.get_backend("ec2")[ACCOUNT_ID][region]
    remember_modules()


def remember_modules() -> None:
    """List moto's package directory once instead of at every request (half of a request's time)."""
    from moto import backends

    if not hasattr(backends.list_of_moto_modules, "cache_info"):
        original = backends.list_of_moto_modules
        backends.list_of_moto_modules = cache(lambda: tuple(original()))


def seed(value: int) -> None:
    """Make the ids that moto draws the same in each run."""
    from moto.moto_api._internal import mock_random

    mock_random.seed(value)


def existing(service: str) -> Iterator[Any]:
    """Every backend of a service that has been used, over accounts and regions; makes none."""
    from moto import backends

    for by_region in list(dict.values(backends.get_backend(service))):
        yield from list(dict.values(by_region))
