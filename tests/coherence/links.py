"""Links between processes and servers that can be delayed, silenced, reset and cut."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Literal

Mode = Literal["pass", "delay", "blackhole", "deaf", "cut"]
_CHUNK = 65_536
_Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Link:
    """A proxy in front of one server, used by one process.

    delay: every chunk takes `seconds` longer each way. blackhole: nothing arrives, and what was sent arrives once it is
    over, as TCP would have it. deaf: the same, of what the server says alone. cut: no connection stands or is made.
    """

    def __init__(self, connect: Callable[[], Awaitable[_Streams]]) -> None:
        self._connect = connect
        self._server: asyncio.Server | None = None
        self._pumps: set[asyncio.Task[None]] = set()
        self._open = asyncio.Event()
        self._open.set()
        self._hears = asyncio.Event()
        self._hears.set()
        self.mode: Mode = "pass"
        self._seconds = 0.0
        self.port = 0

    async def listen(self, path: Path | None = None) -> None:
        """Listen on a socket, or on a free port of the loopback interface."""
        if path is None:
            self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
            self.port = self._server.sockets[0].getsockname()[1]
        else:
            self._server = await asyncio.start_unix_server(self._accept, str(path))

    async def close(self) -> None:
        """Close everything."""
        if self._server is not None:
            self._server.close()
        self.reset()
        await asyncio.gather(*self._pumps, return_exceptions=True)

    def set(self, mode: Mode, seconds: float = 0.0) -> None:
        """Set the mode."""
        self.mode, self._seconds = mode, seconds
        _set(self._open, on=mode != "blackhole")
        _set(self._hears, on=mode not in {"blackhole", "deaf"})
        if mode == "cut":
            self.reset()

    def reset(self) -> None:
        """Reset all connections."""
        for pump in self._pumps:
            pump.cancel()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.mode == "cut":
            writer.transport.abort()
            return
        task = asyncio.current_task()
        assert task is not None
        self._pumps.add(task)
        task.add_done_callback(self._pumps.discard)
        there: asyncio.StreamWriter | None = None
        try:
            await self._open.wait()
            back, there = await self._connect()
            pumps = [
                asyncio.ensure_future(self._pump(reader, there, self._open)),
                asyncio.ensure_future(self._pump(back, writer, self._hears)),
            ]
            try:
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for each in pumps:
                    each.cancel()
                await asyncio.gather(*pumps, return_exceptions=True)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            for end in (writer, there):
                if end is not None:
                    end.transport.abort()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, gate: asyncio.Event) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(_CHUNK):
                if self.mode == "delay":
                    await asyncio.sleep(self._seconds)
                if not gate.is_set():
                    await gate.wait()
                sink.write(data)
                await sink.drain()


def _set(event: asyncio.Event, *, on: bool) -> None:
    if on:
        event.set()
    else:
        event.clear()
