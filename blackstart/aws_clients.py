"""The one place where AWS clients are made, so that the host guard cannot be forgotten.

Without live mode no request leaves loopback: every client carries a handler that looks at the host of each request
right before it is sent and refuses any other. (moto's own mocking is no safety net: clients made before it was imported
reach AWS.)
"""

import os
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from blackstart.domain.errors import GuardError, UsageError


def is_loopback(url: str) -> bool:
    """Whether a URL's host is localhost or a loopback address; names are not resolved."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class AwsClients:
    """boto3 clients for one endpoint and region, made once each and guarded.

    endpoint_url: the emulator's; None only with live=True, which lets requests go to AWS with the caller's own
    credentials. Raises UsageError for an endpoint that is not loopback without live mode.
    """

    def __init__(self, region: str, endpoint_url: str | None, live: bool = False) -> None:
        if not live and (endpoint_url is None or not is_loopback(endpoint_url)):
            raise UsageError(
                f"endpoint {endpoint_url or '(none)'} is not on loopback",
                "Give --endpoint http://127.0.0.1:5005; only `drill --live` may reach AWS.",
            )
        self.region = region
        self.endpoint_url = endpoint_url
        self.live = live
        self._session: Any = None
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        """The boto3 client of a service. Not for several threads at the first call of one service."""
        if service not in self._clients:
            self._clients[service] = self._make(service)
        return self._clients[service]

    def _make(self, service: str) -> Any:
        import boto3
        from botocore.config import Config

        if self._session is None:
            self._session = boto3.Session(region_name=self.region) if self.live else _offline_session(self.region)
        # A proxy is not loopback: offline, none is asked, whatever the environment says.
        config = Config(
            retries={"mode": "standard", "total_max_attempts": 3},
            connect_timeout=5,
            read_timeout=30,
            proxies=None if self.live else {},
        )
        client = self._session.client(service, endpoint_url=self.endpoint_url, config=config)
        if not self.live:
            client.meta.events.register("before-send.*", _refuse_unless_loopback)
        return client


def _offline_session(region: str) -> Any:
    """A session that reads nothing of the user's: no profile, no configuration file, no credentials."""
    import boto3
    from botocore.session import Session

    nothing = (None, None, os.devnull, None)
    own = Session({"profile": (None, None, None, None), "config_file": nothing, "credentials_file": nothing})
    return boto3.Session(
        botocore_session=own, region_name=region, aws_access_key_id="offline", aws_secret_access_key="offline"
    )


def _refuse_unless_loopback(request: Any, **_: Any) -> None:
    if not is_loopback(request.url):
        raise GuardError(
            f"a request to {urlsplit(request.url).hostname} was refused: without --live nothing leaves loopback",
            "Check AWS_ENDPOINT_URL and the profile's endpoint settings.",
        )
