"""One health check: a new connection, one GET, the status code of the answer.

Source: ELB user guide, "Health checks for Application Load Balancer target groups" (User-Agent, Host).
"""

import asyncio
from typing import Any, cast

import httptools

from blackstart.domain.target_health import HealthCheck
from blackstart.emulator.decisions.target_health import ProbeOutcome, ProbeResult
from blackstart.emulator.snapshot import Reach, TargetSnapshot

_TIMED_OUT = ProbeResult(outcome=ProbeOutcome.TIMED_OUT)
_FAILED = ProbeResult(outcome=ProbeOutcome.FAILED)


async def probe(target: TargetSnapshot, check: HealthCheck, timeout_real_s: float) -> ProbeResult:
    """Check a target once. Never raises for what a target does; a refused connection fails at once."""
    if target.reach is Reach.SILENT:
        await asyncio.sleep(timeout_real_s)
        return _TIMED_OUT
    port = target.port if check.port == "traffic-port" else int(check.port)
    answer = _Answer(_request(target.private_ip, port, check.path))
    try:
        async with asyncio.timeout(timeout_real_s):
            await asyncio.get_running_loop().create_connection(lambda: answer, target.address, port)
            await answer.ended
    except TimeoutError:
        return _TIMED_OUT if answer.status is None else _answered(answer.status)
    except OSError:
        return _FAILED
    finally:
        answer.close()
    return _FAILED if answer.status is None else _answered(answer.status)


def _answered(status: int) -> ProbeResult:
    return ProbeResult(outcome=ProbeOutcome.ANSWERED, status_code=status)


def _request(private_ip: str, port: int, path: str) -> bytes:
    host = private_ip if port == 80 else f"{private_ip}:{port}"
    return (
        f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nUser-Agent: ELB-HealthChecker/2.0\r\n"
        "Accept-Encoding: gzip, compressed\r\n\r\n"
    ).encode()


class _Answer(asyncio.Protocol):
    """Sends the request and reads the answer. status: None until its head is complete. ended: set at its end."""

    def __init__(self, request: bytes) -> None:
        self.status: int | None = None
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._request = request
        self._transport: asyncio.Transport | None = None
        self._parser: Any = httptools.HttpResponseParser(self)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
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
