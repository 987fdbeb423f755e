"""A service whose answers take 0.3 s of wall time: at speed 10 that is 3 of the health check's 5 virtual seconds."""

import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        time.sleep(0.3)
        self.send_response(200)
        self.send_header("x-instance-id", os.environ["INSTANCE_ID"])
        self.send_header("x-zone", os.environ["ZONE"])
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Answer).serve_forever()
