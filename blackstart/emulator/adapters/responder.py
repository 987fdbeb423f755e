"""What an instance runs when no service is given: 200 on every path, with instance and zone in the headers.

Standard library only and run with `python -S -E`, so that six of them start in a moment.
"""

import contextlib
import os
import socket
import threading


def content_length(head: bytes) -> int:
    """How long a request's body is, as its head says. Raises ValueError for what is no number."""
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            return int(value)
    return 0


def _serve(connection: socket.socket, answer: bytes) -> None:
    """Answer requests on one connection until the client closes it."""
    unread = b""
    with connection, contextlib.suppress(OSError, ValueError):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while True:
            while b"\r\n\r\n" not in unread:
                chunk = connection.recv(65536)
                if not chunk:
                    return
                unread += chunk
            head, _, unread = unread.partition(b"\r\n\r\n")
            missing = content_length(head)
            while len(unread) < missing:
                unread += connection.recv(65536)
            unread = unread[missing:]
            connection.sendall(answer)
            if b"connection: close" in head.lower():
                return


def answer_of(instance: str, zone: str) -> bytes:
    """What an instance answers to every request."""
    body = f"{instance} in {zone}\n"
    return (
        f"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {len(body)}\r\n"
        f"x-instance-id: {instance}\r\nx-zone: {zone}\r\n\r\n{body}"
    ).encode()


def main() -> None:
    answer = answer_of(os.environ["INSTANCE_ID"], os.environ["ZONE"])
    with socket.create_server((os.environ["HOST"], int(os.environ["PORT"])), backlog=512) as listener:
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=_serve, args=(connection, answer), daemon=True).start()


if __name__ == "__main__":
    main()
