"""A service that takes 20 s to boot and 0.8 s to answer a health check, wall time; everything else it answers at once.

`verdict_at_every_speed.py` runs it. The times are arguments, so that a test can use shorter ones.
"""

import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BOOT_REAL_S = float(sys.argv[1]) if len(sys.argv) > 1 else 20.0
HEALTH_CHECK_REAL_S = float(sys.argv[2]) if len(sys.argv) > 2 else 0.8


class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        if self.path == "/healthz":
            time.sleep(HEALTH_CHECK_REAL_S)
        self.send_response(200)
        self.send_header("x-instance-id", os.environ["INSTANCE_ID"])
        self.send_header("x-zone", os.environ["ZONE"])
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


class Server(ThreadingHTTPServer):
    request_queue_size = 128


time.sleep(BOOT_REAL_S)
Server((os.environ["HOST"], int(os.environ["PORT"])), Answer).serve_forever()
