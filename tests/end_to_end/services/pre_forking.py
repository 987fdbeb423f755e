"""A service as gunicorn or nginx run: a parent that listens, workers that answer and would outlive it."""

import os
import signal
import socket
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

WORKERS = 2


class Answer(BaseHTTPRequestHandler):
    """One request a connection (HTTP/1.0): a worker that waits on an idle one would answer nobody else."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("x-instance-id", os.environ["INSTANCE_ID"])
        self.send_header("x-zone", os.environ["ZONE"])
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


class Inherited(HTTPServer):
    def __init__(self, listening: socket.socket) -> None:
        super().__init__(listening.getsockname(), Answer, bind_and_activate=False)
        self.socket.close()
        self.socket = listening


listening = socket.create_server((os.environ["HOST"], int(os.environ["PORT"])), backlog=128)
for _ in range(WORKERS):
    if os.fork() == 0:
        os.setsid()  # a worker in a session of its own, as daemons like to be
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        Inherited(listening).serve_forever()
while True:
    time.sleep(3600)
