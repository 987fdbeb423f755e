"""The Unix socket to the control plane: snapshots down, what happened up."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from pydantic import ValidationError

from blackstart.domain.errors import EmulatorError
from blackstart.domain.model import Model
from blackstart.emulator.protocol import Hello
from blackstart.emulator.snapshot import Snapshot

_MAX_LINE_BYTES = 64 * 1024 * 1024
_MAX_UNREAD_BYTES = 16 * 1024 * 1024
_RETRY_REAL_S = 0.05


class ControlLink:
    """hello: makes the first line of each connection. reconnect_real_s: how long to try before giving up."""

    def __init__(self, path: Path, hello: Callable[[], Hello], reconnect_real_s: float = 3.0) -> None:
        self._path = path
        self._hello = hello
        self._reconnect_real_s = reconnect_real_s
        self._writer: asyncio.StreamWriter | None = None

    @property
    def connected(self) -> bool:
        return self._writer is not None

    def send(self, message: Model) -> None:
        """Send while connected; otherwise drop it, because `Hello` brings the whole state anyway.

        A control plane that does not read is cut off before what waits for it fills the memory.
        """
        if self._writer is None:
            return
        if self._writer.transport.get_write_buffer_size() > _MAX_UNREAD_BYTES:
            self._writer.transport.abort()
            self._writer = None
            return
        self._writer.write(message.model_dump_json().encode() + b"\n")

    async def snapshots(self) -> AsyncIterator[Snapshot]:
        """Every snapshot that is newer than the last of its connection, over reconnections.

        Ends when the control plane stays away. Raises EmulatorError for a line that is no snapshot.
        """
        while True:
            reader = await self._connect()
            if reader is None:
                return
            version = -1
            async for line in self._lines(reader):
                snapshot = _parsed(line)
                if snapshot.version > version:
                    version = snapshot.version
                    yield snapshot

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    async def _connect(self) -> asyncio.StreamReader | None:
        loop = asyncio.get_running_loop()
        give_up_at_real_s = loop.time() + self._reconnect_real_s
        while True:
            try:
                reader, writer = await asyncio.open_unix_connection(self._path, limit=_MAX_LINE_BYTES)
            except OSError:
                if loop.time() >= give_up_at_real_s:
                    return None
                await asyncio.sleep(_RETRY_REAL_S)
            else:
                self._writer = writer
                self.send(self._hello())
                return reader

    async def _lines(self, reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
        try:
            while (line := await reader.readline()).endswith(b"\n"):
                yield line
        except OSError:
            pass
        finally:
            self.close()


def _parsed(line: bytes) -> Snapshot:
    try:
        return Snapshot.model_validate_json(line)
    except ValidationError as error:
        raise EmulatorError(f"the control plane sent a line that is no snapshot: {error}") from error
