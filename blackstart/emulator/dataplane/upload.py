"""The body of one request on its way to the target: streamed, and kept only as long as it may have to be sent again."""

import asyncio
from typing import Protocol

from blackstart.emulator.dataplane.upstream import UpstreamConnection

_BUFFER_BYTES = 64 * 1024
_LOOK_AGAIN_REAL_S = 0.001


class Uploading(Protocol):
    """Whose body it is."""

    def upload_moved(self) -> None: ...
    def upload_blocked(self) -> None: ...


class Upload:
    """chunked: the target gets the body in chunks of ours, whatever the client's were."""

    __slots__ = ("_chunked", "_congested", "_held", "_kept", "_of", "_upstream")

    def __init__(self, of: Uploading, chunked: bool) -> None:
        self._of = of
        self._chunked = chunked
        self._upstream: UpstreamConnection | None = None
        self._kept: bytearray | None = bytearray()
        self._held = b""
        self._congested = False

    @property
    def blocked(self) -> bool:
        """Whether the client should be kept from sending more for now."""
        waiting = self._upstream is None and self._kept is not None and len(self._kept) > _BUFFER_BYTES
        return waiting or self._congested or bool(self._held)

    @property
    def congested(self) -> bool:
        """Whether it is the target that takes no more."""
        return self._congested

    @congested.setter
    def congested(self, congested: bool) -> None:
        self._congested = congested
        self._of.upload_blocked()

    @property
    def repeatable(self) -> bool:
        """Whether all that has come so far is still here."""
        return self._kept is not None

    def take(self, data: bytes) -> None:
        """The next piece of the body."""
        self._send(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)

    def end(self) -> None:
        """The body is complete."""
        if self._chunked:
            self._send(b"0\r\n\r\n")

    def begin_on(self, upstream: UpstreamConnection, keep: bool) -> bytes:
        """What has come so far, to be sent right after the head. keep: it may have to be sent once more."""
        self._upstream = upstream
        self._held = b""
        self._congested = False
        kept = bytes(self._kept or b"")
        if not keep:
            self._kept = None
        return kept

    def leave(self) -> None:
        """There is nothing more to say on this connection; perhaps there will be another."""
        self._upstream = None
        self._held = b""

    def answered(self) -> None:
        """The target's answer has begun: nothing is sent twice from here on, but the target may still read on."""
        self._kept = None

    def _send(self, data: bytes) -> None:
        if self._kept is not None:
            self._kept += data
        upstream = self._upstream
        if upstream is None:
            self._of.upload_blocked()
            return
        if self._kept is not None and len(self._kept) > _BUFFER_BYTES:
            self._kept = None
        if self._held or upstream.has_answer():
            self._hold(upstream, data)
            return
        upstream.write(data)
        self._of.upload_moved()

    def _hold(self, upstream: UpstreamConnection, data: bytes) -> None:
        """A target that speaks before it has heard everything may hang up next: let its answer arrive first, because
        writing to a closed connection could lose it. The connection is not used again, because the target may never
        hear the rest.
        """
        upstream.close_after()
        first = not self._held
        self._held += data
        if first:
            asyncio.get_running_loop().call_later(_LOOK_AGAIN_REAL_S, self._release, upstream)
            self._of.upload_blocked()

    def _release(self, upstream: UpstreamConnection) -> None:
        data, self._held = self._held, b""
        if upstream is self._upstream and data:
            upstream.write(data)
            self._of.upload_moved()
        self._of.upload_blocked()
