"""Where access logs go in a bucket, and whether its policy lets Elastic Load Balancing write them there.

Source: ELB user guide, "Enable access logs for your Application Load Balancer" (bucket policy, test file) and "Access
logs for your Application Load Balancer" (file names).
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

SERVICE = "logdelivery.elasticloadbalancing.amazonaws.com"
ELB_ACCOUNTS = {
    "us-east-1": "127311923021",
    "us-east-2": "033677994240",
    "us-west-1": "027434742980",
    "us-west-2": "797873946194",
    "af-south-1": "098369216593",
    "ap-east-1": "754344448648",
    "ap-southeast-3": "589379963580",
    "ap-south-1": "718504428378",
    "ap-northeast-3": "383597477331",
    "ap-northeast-2": "600734575887",
    "ap-southeast-1": "114774131450",
    "ap-southeast-2": "783225319266",
    "ap-northeast-1": "582318560864",
    "ca-central-1": "985666609251",
    "eu-central-1": "054676820928",
    "eu-west-1": "156460612806",
    "eu-west-2": "652711504416",
    "eu-south-1": "635631232127",
    "eu-west-3": "009996457667",
    "eu-north-1": "897822967062",
    "me-south-1": "076674570225",
    "sa-east-1": "507241528517",
}
"""The accounts that older bucket policies name; regions that are not listed never had one."""


class LogPlace(NamedTuple):
    """Where one load balancer's logs go. prefix: "" for none."""

    bucket: str
    prefix: str
    account: str
    region: str

    @property
    def folder(self) -> str:
        return f"{self.prefix.strip('/')}/AWSLogs/{self.account}".lstrip("/")

    @property
    def test_file(self) -> str:
        return f"{self.folder}/ELBAccessLogTestFile"


class LogFile(NamedTuple):
    """One file of one node. balancer: app/name/id. day: yyyy/mm/dd; end: yyyymmddThhmmZ, when its interval ended."""

    balancer: str
    day: str
    end: str
    node_address: str
    token: str


def key_of(place: LogPlace, file: LogFile) -> str:
    """The file's key in the bucket."""
    balancer = file.balancer.replace("/", ".")
    name = f"{place.account}_elasticloadbalancing_{place.region}_{balancer}_{file.end}_{file.node_address}_{file.token}"
    return f"{place.folder}/elasticloadbalancing/{place.region}/{file.day}/{name}.log.gz"


def lets_write(policy: Mapping[str, Any], place: LogPlace) -> bool:
    """Whether a bucket policy (parsed) lets ELB put the test file: allowed by one statement and denied by none.

    Differs from AWS: conditions are not evaluated; a statement that allows counts in spite of them, one that denies
    counts only without any.
    """
    statements = [one for one in _listed(policy.get("Statement")) if isinstance(one, Mapping) and _concerns(one, place)]
    denied = any(one.get("Effect") == "Deny" and not one.get("Condition") for one in statements)
    return not denied and any(one.get("Effect") == "Allow" for one in statements)


def _concerns(statement: Mapping[str, Any], place: LogPlace) -> bool:
    resource = f"arn:aws:s3:::{place.bucket}/{place.test_file}"
    return (
        any(_matches(str(action).lower(), "s3:putobject") for action in _listed(statement.get("Action")))
        and any(_matches(str(pattern), resource) for pattern in _listed(statement.get("Resource")))
        and any(_is_elb(principal, place.region) for principal in _principals(statement.get("Principal")))
    )


def _principals(principal: Any) -> Iterator[str]:
    if isinstance(principal, Mapping):
        for named in principal.values():
            yield from (str(one) for one in _listed(named))
    elif principal is not None:
        yield str(principal)


def _is_elb(principal: str, region: str) -> bool:
    account = ELB_ACCOUNTS.get(region)
    return principal in ("*", SERVICE, account) or principal == f"arn:aws:iam::{account}:root"


def _matches(pattern: str, text: str) -> bool:
    """With * and ?, as in policies."""
    escaped = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(escaped, text, re.DOTALL) is not None


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]
