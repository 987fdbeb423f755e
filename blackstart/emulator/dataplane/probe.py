"""One health check: a new connection, one GET, the status code of the answer.

Source: ELB user guide, "Health checks for Application Load Balancer target groups" (User-Agent, Host, new connection),
"Target groups" (the load balancer does not validate targets' certificates).
"""

import asyncio
import ssl
from functools import cache
from typing import Any, cast

import httptools

from blackstart.domain.target_health import HealthCheck
from blackstart.emulator.decisions.target_health import ProbeOutcome, ProbeResult
from blackstart.emulator.snapshot import Reach, TargetSnapshot

_TIMED_OUT = ProbeResult(outcome=ProbeOutcome.TIMED_OUT)
_FAILED = ProbeResult(outcome=ProbeOutcome.FAILED)
_LONGEST_HEAD_BYTES = 65_536  # the parser keeps a line until it ends
_DEFAULT_PORTS = {"HTTP": 80, "HTTPS": 443}


async def probe(target: TargetSnapshot, node_zone: str, check: HealthCheck, timeout_real_s: float) -> ProbeResult:
    """Check a target once, from a node of a zone. Never raises for what a target does; a refused connection fails at
    once, one that is dropped on its way (`reach`, `check_reach_from`) times out.
    """
    if {target.reach, target.check_reach_from.get(node_zone, Reach.OPEN)} != {Reach.OPEN}:
        await asyncio.sleep(timeout_real_s)
        return _TIMED_OUT
    port = target.port if check.port == "traffic-port" else int(check.port)
    answer = _Answer(request_text(target.private_ip, port, check))
    tls = _unverified() if check.protocol == "HTTPS" else None
    try:
        async with asyncio.timeout(timeout_real_s):
            await asyncio.get_running_loop().create_connection(lambda: answer, target.address, port, ssl=tls)
            await answer.ended
    except TimeoutError:
        return _TIMED_OUT if answer.status is None else _answered(answer.status)
    except OSError:  # an ssl.SSLError is one
        return _FAILED
    finally:
        answer.close()
    return _FAILED if answer.status is None else _answered(answer.status)


@cache
def _unverified() -> ssl.SSLContext:
    """Takes any certificate and any version of TLS that this machine's OpenSSL offers."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    return context


def _answered(status: int) -> ProbeResult:
    return ProbeResult(outcome=ProbeOutcome.ANSWERED, status_code=status)


def request_text(private_ip: str, port: int, check: HealthCheck) -> bytes:
    """The bytes of one check. Host is the target's address, with the port unless it is the protocol's own."""
    host = private_ip if port == _DEFAULT_PORTS.get(check.protocol) else f"{private_ip}:{port}"
    return (
        f"GET {check.path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nUser-Agent: ELB-HealthChecker/2.0\r\n"
        "Accept-Encoding: gzip, compressed\r\n\r\n"
    ).encode()


class _Answer(asyncio.Protocol):
    """Sends the request and reads the answer. status: None until its head is complete. ended: set at its end."""

    def __init__(self, request: bytes) -> None:
        self.status: int | None = None
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._request = request
        self._head_bytes = 0
        self._transport: asyncio.Transport | None = None
        self._parser: Any = httptools.HttpResponseParser(self)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if self.status is None:
            self._head_bytes += len(data)
        if self._head_bytes > _LONGEST_HEAD_BYTES:
            self._end()
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._end()

    def connection_lost(self, _: Exception | None) -> None:
        self._end()

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status >= 200:
            self.status = status

    def on_message_complete(self) -> None:
        if self.status is not None:
            self._end()

    def _end(self) -> None:
        if not self.ended.done():
            self.ended.set_result(None)
