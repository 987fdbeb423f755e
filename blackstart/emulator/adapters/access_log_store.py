"""Access logs in moto's S3: the test file when they are switched on, AWS's refusal, the files themselves.

Replaced: `ELBv2Backend.modify_load_balancer_attributes`, which takes any bucket.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from blackstart.emulator.adapters import moto_backends
from blackstart.emulator.adapters.patches import Patches
from blackstart.emulator.decisions.log_bucket import LogPlace, lets_write

ENABLED, BUCKET, PREFIX = "access_logs.s3.enabled", "access_logs.s3.bucket", "access_logs.s3.prefix"
TEST_FILE_TEXT = "Enable AccessLog for ELB: {name} at {time}"


class AccessLogStore:
    """The buckets of load balancers whose log is on."""

    def places(self) -> Mapping[str, LogPlace]:
        return {
            balancer.arn: _place(balancer.arn, balancer.attrs)
            for backend in moto_backends.existing("elbv2")
            for balancer in backend.load_balancers.values()
            if balancer.attrs.get(ENABLED) == "true" and balancer.attrs.get(BUCKET)
        }

    def put(self, place: LogPlace, key: str, content: bytes) -> None:
        """Write an object. Raises KeyError when the bucket is gone."""
        backend = _s3_with(place.bucket)
        if backend is None:
            raise KeyError(place.bucket)
        backend.put_object(place.bucket, key, content)

    def install(self, patches: Patches) -> None:
        from moto.elbv2.models import ELBv2Backend

        patches.replace(ELBv2Backend, "modify_load_balancer_attributes", self._checking)

    def _checking(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """Switching logs on, or moving them, needs a bucket that ELB may write to; a test file is the proof."""

        def modify_load_balancer_attributes(backend: Any, arn: str, attrs: dict[str, Any]) -> Any:
            balancer = backend.load_balancers.get(arn)
            if balancer is None or not any(key in attrs for key in (ENABLED, BUCKET, PREFIX)):
                return original(backend, arn, attrs)
            wanted = {**balancer.attrs, **attrs}
            if wanted.get(ENABLED) == "true":
                check_bucket(_place(arn, wanted))
            changed = original(backend, arn, attrs)
            if wanted.get(ENABLED) == "true":
                self._put_test_file(arn, wanted)
            return changed

        return modify_load_balancer_attributes

    def _put_test_file(self, arn: str, attributes: Mapping[str, str]) -> None:
        from moto.core.utils import utcnow

        place, name = _place(arn, attributes), arn.partition(":loadbalancer/")[2]
        self.put(
            place, place.test_file, TEST_FILE_TEXT.format(name=name, time=f"{utcnow():%Y-%m-%dT%H:%M:%SZ}").encode()
        )


def check_bucket(place: LogPlace) -> None:
    """Raise elbv2's error for a bucket that does not exist, or that ELB may not write to, or cannot: of the ways to
    encrypt it knows S3's own keys (SSE-S3) only.
    """
    from moto.elbv2.exceptions import ELBClientError

    if not _writable(place):
        raise ELBClientError(
            "InvalidConfigurationRequest",
            f"Access Denied for bucket: {place.bucket}. Please check S3bucket permission",
        )


def _place(arn: str, attributes: Mapping[str, str]) -> LogPlace:
    _, _, _, region, account, _ = arn.split(":", 5)
    return LogPlace(attributes.get(BUCKET) or "", attributes.get(PREFIX) or "", account, region)


def _writable(place: LogPlace) -> bool:
    backend = _s3_with(place.bucket)
    if backend is None or _own_key(backend.get_bucket(place.bucket)):
        return False
    return lets_write(_policy(backend, place.bucket), place)


def _policy(backend: Any, bucket: str) -> Mapping[str, Any]:
    """Empty without one, and for text that is none: moto takes any, S3 refuses it (MalformedPolicy)."""
    try:
        policy = json.loads(backend.get_bucket_policy(bucket) or "{}")
    except ValueError:
        return {}
    return policy if isinstance(policy, dict) else {}


def _own_key(bucket: Any) -> bool:
    """Whether a bucket encrypts with keys of KMS."""
    rule = (bucket.encryption or {}).get("Rule", {})
    return str(rule.get("ApplyServerSideEncryptionByDefault", {}).get("SSEAlgorithm", "")).startswith("aws:kms")


def _s3_with(bucket: str) -> Any | None:
    return next((backend for backend in moto_backends.existing("s3") if bucket in backend.buckets), None)
