"""The demo service: one file, standard library only, so that user data can carry it whole. Python 3.9 or newer.

`/healthz` answers 200, `/` a small JSON; each answer names its instance and zone in `x-instance-id` and `x-zone`.
Reads HOST, PORT, INSTANCE_ID and ZONE from the environment; on EC2 the last two come from the metadata service.
"""

import http.client
import json
import os
import signal
import socketserver
import sys
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler
from typing import Any

METADATA_ADDRESS = "169.254.169.254"
TEXT, JSON = "text/plain; charset=utf-8", "application/json"


def metadata(*paths: str) -> list[str]:
    """Values of the EC2 instance metadata service (IMDSv2), or "unknown" for each where it does not answer."""
    connection = http.client.HTTPConnection(METADATA_ADDRESS, timeout=2)
    try:
        connection.request("PUT", "/latest/api/token", headers={"X-aws-ec2-metadata-token-ttl-seconds": "60"})
        token = connection.getresponse().read().decode()
        values = []
        for path in paths:
            connection.request("GET", "/latest/meta-data/" + path, headers={"X-aws-ec2-metadata-token": token})
            values.append(connection.getresponse().read().decode())
        return values
    except (OSError, http.client.HTTPException):
        return ["unknown"] * len(paths)
    finally:
        connection.close()


def identity(environment: Mapping[str, str]) -> tuple[str, str]:
    """This instance's id and zone."""
    if "INSTANCE_ID" in environment and "ZONE" in environment:
        return environment["INSTANCE_ID"], environment["ZONE"]
    instance_id, zone = metadata("instance-id", "placement/availability-zone")
    return instance_id, zone


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # headers and body leave in one packet
    timeout = 75  # longer than the load balancer's idle timeout of 60 s, so that it is never us who closes first
    instance_id = zone = "unknown"

    def do_GET(self) -> None:
        path = self.path.split("?", 1)[0]
        if path == "/healthz":
            self.answer(200, TEXT, b"ok\n")
        elif path == "/":
            body = {"service": "blackstart-demo", "instance": self.instance_id, "zone": self.zone}
            self.answer(200, JSON, json.dumps(body).encode() + b"\n")
        else:
            self.answer(404, TEXT, b"not found\n")

    def do_HEAD(self) -> None:
        self.do_GET()

    def answer(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("x-instance-id", self.instance_id)
        self.send_header("x-zone", self.zone)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """An access log is the load balancer's business."""


class Server(socketserver.ThreadingTCPServer):  # not HTTPServer, which looks its own name up in DNS before it starts
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 512

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no error of ours; everything else is told on standard error."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def main() -> None:
    server = Server((os.environ.get("HOST", "0.0.0.0"), int(os.environ.get("PORT", "8080"))), Handler)
    Handler.instance_id, Handler.zone = identity(os.environ)
    # shutdown() waits for the loop that this very thread runs, so it needs another one.
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    with server:
        server.serve_forever(poll_interval=0.2)


if __name__ == "__main__":
    main()
