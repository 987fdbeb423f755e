"""Answering API calls gives way to traffic, and nothing else of the emulator does."""

import os
import threading
from pathlib import Path

import pytest

from blackstart.emulator.adapters import priority


def settings_of(thread: int) -> tuple[int, int]:
    return os.getpriority(os.PRIO_PROCESS, thread), os.sched_getscheduler(thread)


@pytest.mark.parametrize("session_is_own", [True, False])
def test_only_the_thread_and_those_it_starts_give_way_and_the_session_only_if_it_is_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, session_is_own: bool
) -> None:
    autogroup = tmp_path / "autogroup"
    monkeypatch.setattr(priority, "AUTOGROUP", autogroup)
    monkeypatch.setattr(os, "getsid", lambda _: os.getpid() if session_is_own else -1)
    before = settings_of(threading.get_native_id())
    seen: list[tuple[int, int]] = []

    def note() -> None:
        seen.append(settings_of(threading.get_native_id()))

    def serve() -> None:
        priority.give_way()
        note()
        request = threading.Thread(target=note)
        request.start()
        request.join()

    server = threading.Thread(target=serve)
    server.start()
    server.join()
    assert seen == [(before[0] + priority.GIVES_WAY_BY, os.SCHED_BATCH)] * 2
    assert settings_of(threading.get_native_id()) == before
    assert autogroup.exists() is session_is_own
