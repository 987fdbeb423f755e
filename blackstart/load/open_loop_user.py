"""The Locust user that keeps to its schedule.

    from blackstart.load.open_loop_user import OpenLoopUser

    class Visitor(OpenLoopUser):
        def next_path(self) -> str:
            return "/"

Locust's usual users wait for an answer before they send again, so a stalled server is asked less and the stall nearly
vanishes from the percentiles. Here one user stands for everyone: it sends at the intended times of a schedule, each
request in a greenlet of its own, and counts latency from the intended time. Every request is recorded; Locust's own
statistics get the same numbers for the eye, but nothing is judged by them.

Settings come from the environment (see settings.py). The test ends when standard input closes.
"""

import logging
import os
import resource
import sys
from math import ceil
from random import Random
from time import monotonic, monotonic_ns, process_time
from typing import Any
from urllib.parse import urlsplit

import gevent
from gevent.lock import BoundedSemaphore
from gevent.os import tp_read
from locust import User, events, task
from locust.exception import StopUser
from locust.runners import LocalRunner

from blackstart.domain.errors import BlackstartError, UsageError
from blackstart.domain.recording import RequestRow
from blackstart.load import dns_lookup
from blackstart.load.dispatcher import Dispatcher, every_second
from blackstart.load.http_client import HttpClient
from blackstart.load.recorder import Recorder
from blackstart.load.resolver import CachingResolver
from blackstart.load.schedule import constant, offsets_s, shard
from blackstart.load.settings import PROGRESS_VARIABLE, LoadSettings

SPARE_RATIO = 1.25
RESERVED_FILES = 1024
"""Open files that are not requests in flight: idle connections to three nodes, the recording, Locust's own."""


class OpenLoopUser(User):  # type: ignore[misc]
    """Sends GET requests by schedule. One instance is the whole traffic, so Locust is run with one user.

    max_in_flight: requests that may be unanswered at once; beyond it they are dropped, which counts as bad. By default
    what a server that answers nothing accumulates until the timeout, and a quarter more.
    """

    abstract = True
    fixed_count = 1
    max_in_flight: int | None = None

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        settings = LoadSettings.from_environment(os.environ)
        runner = environment.runner
        schedule = offsets_s(settings.arrivals, constant(settings.rate_per_s), Random(settings.seed))
        self._path = _path_of(settings.url)
        self._client = HttpClient(
            settings.url,
            resolver_for(settings).resolve,
            settings.timeout_real_s,
            host=settings.host,
            ca_bundle=settings.ca_bundle,
        )
        self._recorder = Recorder(settings.out_dir)
        self._dispatcher = Dispatcher(
            shard(schedule, runner.worker_index, runner.worker_count),
            self._send,
            self._record,
            self.max_in_flight or in_flight_cap(settings),
        )
        self._cpu_s = process_time()
        self._ticker = gevent.Greenlet(every_second, self._tick)
        self._ticker.link_exception(lambda failed: _give_up(failed.exception))
        environment.events.test_stopping.add_listener(self._finish)

    def next_path(self) -> str:
        """Path and query of the next request; a team's own traffic mix goes here. By default the URL's own path."""
        return self._path

    @task  # type: ignore[untyped-decorator]
    def keep_to_the_schedule(self) -> None:
        self._cpu_s = process_time()
        try:
            self._ticker.start()
            self._dispatcher.run()
        except OSError as problem:
            _give_up(problem)
        raise StopUser

    def _send(self, intended_ns: int) -> RequestRow:
        return self._client.get(self.next_path(), intended_ns)

    def _record(self, row: RequestRow) -> None:
        self._recorder.add(row)
        self.environment.events.request.fire(
            request_type="GET",
            name=self._path,
            response_time=row.latency_real_s * 1000,
            response_length=0,
            exception=None if row.good else RuntimeError(f"{row.outcome.value} {row.status}"),
            context={},
        )

    def _tick(self) -> None:
        self._recorder.flush()
        _show(self._recorder.progress(self._dispatcher.in_flight).model_dump_json())

    def _finish(self, **_: Any) -> None:
        """Locust fires test_stopping and waits for it before it kills users, so the drain happens here."""
        self._dispatcher.stop()
        self._ticker.kill()
        self._tick()
        self._recorder.finish(
            planned=self._dispatcher.planned,
            started_ns=self._dispatcher.started_ns,
            stopped_ns=self._dispatcher.stopped_ns or monotonic_ns(),
            cpu_s=process_time() - self._cpu_s,
            ended_ns=monotonic_ns(),
        )


def in_flight_cap(settings: LoadSettings) -> int:
    """What a silent server accumulates until the timeout, with a quarter to spare, as far as open files allow."""
    open_files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = ceil(settings.rate_per_s * settings.timeout_real_s * SPARE_RATIO) + 1
    return min(wanted, max(open_files - RESERVED_FILES, open_files // 2))


def resolver_for(settings: LoadSettings) -> CachingResolver:
    """The resolver that clients of this URL use: none for an address, the given DNS server, or the system's."""
    server = settings.dns_address
    lookup = dns_lookup.fixed_address(urlsplit(settings.url).hostname or "")
    if lookup is None:
        lookup = dns_lookup.from_server(server, settings.speed) if server else dns_lookup.from_system
    return CachingResolver(lookup, monotonic, settings.speed, BoundedSemaphore())


def _path_of(url: str) -> str:
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _show(line: str) -> None:
    """One line of progress for the runner; a runner that stopped listening does not disturb the load."""
    descriptor = os.environ.get(PROGRESS_VARIABLE)
    if descriptor is not None:
        try:
            os.write(int(descriptor), line.encode() + b"\n")
        except BrokenPipeError:
            del os.environ[PROGRESS_VARIABLE]


def _give_up(problem: BaseException) -> None:
    """A recording that cannot be written ends the process without a marker, so the run is invalid."""
    logging.critical("the recording cannot be written: %s", problem)
    os._exit(1)


@events.init.add_listener  # type: ignore[untyped-decorator]
def _check_and_watch(environment: Any, **_: Any) -> None:
    """Refuse settings that cannot work before anything is sent; stop when standard input closes."""
    try:
        LoadSettings.from_environment(os.environ)
        if not isinstance(environment.runner, LocalRunner):
            raise UsageError(
                "Locust's master and worker processes would record over each other",
                "Run Locust without --master, --worker and --processes.",
            )
    except BlackstartError as problem:
        sys.exit(str(problem))
    if not sys.stdin.isatty():
        gevent.spawn(_quit_at_end_of_input, environment.runner)


def _quit_at_end_of_input(runner: Any) -> None:
    while tp_read(0, 4096):
        pass
    runner.quit()
