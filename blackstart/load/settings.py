"""What the load generator is told, and how it crosses into Locust's process: by environment variables."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator

from blackstart.domain.errors import UsageError
from blackstart.domain.experiment import Arrivals
from blackstart.domain.model import Model

PREFIX = "BLACKSTART_"
PROGRESS_VARIABLE = "BLACKSTART_PROGRESS_FD"  # where progress lines go; not a setting of the user's
VARIABLES = {
    "url": "URL",
    "host": "HOST",
    "ca_bundle": "CA_BUNDLE",
    "rate_per_s": "RATE_PER_S",
    "seed": "SEED",
    "dns": "DNS",
    "timeout_real_s": "TIMEOUT_REAL_S",
    "speed": "SPEED",
    "arrivals": "ARRIVALS",
    "out_dir": "OUT",
    "locustfile": "LOCUSTFILE",
}
DNS_ADDRESS = re.compile(r"(\d{1,3}(?:\.\d{1,3}){3}):(\d{1,5})")


class LoadSettings(Model):
    """One load. url: http:// or https:// with host, port and path. rate_per_s: requests per wall second.

    host: the Host header, and the name that a certificate must be for, when it is not the URL's. ca_bundle: PEM file of
    the authorities to trust, None for the system's.
    dns: "address:port" of the DNS server to ask, None for the system's resolver. timeout_real_s: wall seconds after
    which a client gives up. speed: virtual seconds in a wall second, by which DNS TTLs run. out_dir: where the
    recording goes. locustfile: the Locust program.
    """

    url: str
    host: str | None = None
    ca_bundle: Path | None = None
    rate_per_s: Annotated[float, Field(gt=0, le=2000)]
    seed: int
    dns: str | None = None
    timeout_real_s: Annotated[float, Field(gt=0)]
    speed: Annotated[float, Field(gt=0)] = 1.0
    arrivals: Arrivals = Arrivals.FIXED
    out_dir: Path
    locustfile: Path = Path("loadtests/locustfile.py")

    @field_validator("url")
    @classmethod
    def _http_or_https(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url!r} is not http://host[:port][/path], nor https://")
        try:
            _ = parts.port
        except ValueError as problem:
            raise ValueError(f"{url!r} has no usable port: {problem}") from problem
        return url

    @field_validator("dns")
    @classmethod
    def _address_and_port(cls, dns: str | None) -> str | None:
        if dns is not None and DNS_ADDRESS.fullmatch(dns) is None:
            raise ValueError(f"{dns!r} is not address:port, such as 127.0.0.1:5353")
        return dns

    @property
    def dns_address(self) -> tuple[str, int] | None:
        """The DNS server as (address, port)."""
        if self.dns is None:
            return None
        address, port = self.dns.rsplit(":", 1)
        return address, int(port)

    def to_environment(self) -> dict[str, str]:
        """The variables from which `from_environment` makes the same settings."""
        values = self.model_dump(mode="json", exclude_none=True)
        return {PREFIX + VARIABLES[field]: str(value) for field, value in values.items()}

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "LoadSettings":
        """Raises UsageError that names each variable that is missing or wrong."""
        given = {field: environment.get(PREFIX + name) for field, name in VARIABLES.items()}
        try:
            return cls.model_validate({field: value for field, value in given.items() if value})
        except ValidationError as invalid:
            raise UsageError(
                "; ".join(_complaint(error["loc"][0], error["msg"]) for error in invalid.errors()),
                "`blackstart rehearse` sets these variables; to run Locust by hand, export them first.",
            ) from invalid


def _complaint(field: int | str, message: str) -> str:
    name = PREFIX + VARIABLES.get(str(field), str(field))
    return f"{name} is not set" if message == "Field required" else f"{name}: {message.removeprefix('Value error, ')}"
