"""Access logs: lines from the data plane, gathered for five minutes, put into the bucket as one file for each node."""

import gzip
import hashlib
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import NamedTuple, Protocol

from blackstart.emulator.decisions.access_log import INTERVAL_S
from blackstart.emulator.decisions.log_bucket import LogFile, LogPlace, key_of
from blackstart.emulator.protocol import AccessLogged

LOG = logging.getLogger(__name__)
STRAGGLERS_REAL_S = 2.0
"""The data plane sends each wall second; a file is closed when the last lines of its interval must have come."""

MOST_LINES = 50_000
"""A busy node's interval is delivered in several files, as on AWS."""


class LogStore(Protocol):
    """moto's side. places: by load balancer, of those whose log is on. put: raises KeyError without the bucket."""

    def places(self) -> Mapping[str, LogPlace]: ...
    def put(self, place: LogPlace, key: str, content: bytes) -> None: ...


class _Growing(NamedTuple):
    """A file that is not closed yet. end_s: virtual time at which its interval ends."""

    end_s: float
    load_balancer_arn: str
    node_address: str


class AccessLogController:
    """queue: an effect outside the lock; post: a report under it. Both, because compressing takes its time."""

    def __init__(
        self,
        store: LogStore,
        speed: float,
        queue: Callable[[Callable[[], None]], None],
        post: Callable[[Callable[[float], None]], None],
    ) -> None:
        self._store = store
        self._stragglers_s = STRAGGLERS_REAL_S * speed
        self._queue = queue
        self._post = post
        self._files: dict[_Growing, list[str]] = {}
        self._places: dict[str, LogPlace] = {}

    def on_lines(self, message: AccessLogged) -> None:
        """Lines of one node, each filed by the time in it, which is when the load balancer answered.

        They go where the load balancer's log went when it last had one: what was logged is delivered, though the log
        is switched off or the load balancer deleted meanwhile.
        """
        self._places |= self._store.places()
        if message.load_balancer_arn not in self._places:
            return
        for line in message.lines:
            end_s = (_answered_s(line) // INTERVAL_S + 1) * INTERVAL_S
            file = _Growing(end_s, message.load_balancer_arn, message.node_address)
            self._files.setdefault(file, []).append(line)

    def tick(self, now_s: float) -> None:
        due = [
            file
            for file, lines in self._files.items()
            if now_s >= file.end_s + self._stragglers_s or len(lines) >= MOST_LINES
        ]
        if not due:
            return
        for file in due:
            place = self._places[file.load_balancer_arn]
            self._queue(partial(self._deliver, place, file, self._files.pop(file)))
        growing = {file.load_balancer_arn for file in self._files}
        self._places = {arn: place for arn, place in self._places.items() if arn in growing}

    def _deliver(self, place: LogPlace, file: _Growing, lines: list[str]) -> None:
        text = ("\n".join(lines) + "\n").encode()
        key = key_of(place, _named(file, token=hashlib.blake2b(text, digest_size=4).hexdigest()))
        content = gzip.compress(text, compresslevel=6, mtime=int(file.end_s))
        self._post(lambda _: self._put(place, key, content))

    def _put(self, place: LogPlace, key: str, content: bytes) -> None:
        try:
            self._store.put(place, key, content)
        except KeyError:  # best effort, as on AWS
            LOG.warning("the access log %s is lost: there is no bucket %s any more", key, place.bucket)


def _answered_s(line: str) -> float:
    return datetime.fromisoformat(line.split(" ", 2)[1]).timestamp()


def _named(file: _Growing, token: str) -> LogFile:
    """token: random on AWS."""
    end = datetime.fromtimestamp(file.end_s, UTC)
    balancer = file.load_balancer_arn.partition(":loadbalancer/")[2]
    return LogFile(balancer, f"{end:%Y/%m/%d}", f"{end:%Y%m%dT%H%MZ}", file.node_address, token)
