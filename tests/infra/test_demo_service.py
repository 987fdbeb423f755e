"""The demo service as a real process on loopback."""

import ast
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

SERVICE = Path(__file__).parents[2] / "infra" / "service" / "app.py"


@pytest.fixture
def service():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {"HOST": "127.0.0.1", "PORT": str(port), "INSTANCE_ID": "i-1", "ZONE": "us-east-1a"}
    process = subprocess.Popen([sys.executable, str(SERVICE)], env=environment)
    try:
        yield process, _connection(port)
    finally:
        process.kill()
        process.wait()


def _connection(port):
    give_up = time.monotonic() + 5
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
        try:
            connection.connect()
        except ConnectionRefusedError:
            assert time.monotonic() < give_up, "the service does not listen"
            time.sleep(0.01)
        else:
            return connection


def ask(connection, path, method="GET"):
    connection.request(method, path)
    answer = connection.getresponse()
    return answer, answer.read()


def test_answers_name_the_instance_and_the_zone_on_one_kept_connection(service):
    _, connection = service
    for path, body in (("/healthz", b"ok\n"), ("/?a=b", b'"instance": "i-1"'), ("/healthz", b"ok\n")):
        answer, read = ask(connection, path)
        assert (answer.status, answer.version) == (200, 11)
        assert (answer.headers["x-instance-id"], answer.headers["x-zone"]) == ("i-1", "us-east-1a")
        assert body in read


def test_an_unknown_path_is_404_and_head_has_no_body(service):
    _, connection = service
    assert ask(connection, "/nothing")[0].status == 404
    answer, read = ask(connection, "/", "HEAD")
    assert (answer.status, read) == (200, b"")


def test_sigterm_ends_it_cleanly(service):
    process, connection = service
    ask(connection, "/healthz")
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=3) == 0


def test_it_is_python_that_amazon_linux_2023_runs():
    ast.parse(SERVICE.read_text(), feature_version=(3, 9))
