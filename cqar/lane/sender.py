"""The sending side of a connection: the output of the next write, and responses that wait for windows or the transport.

Streams that only wait for the connection's window are listed as sendable, apart from those that wait for a window of their
own. So the cost of `pump` depends on what it sends, not on how much is queued.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from cqar.lane import frames, grpc
from cqar.lane.limits import BURST, Usage
from cqar.lane.stream import Chunk, Stream

#: Largest DATA payload in bytes, so that streams take turns.
_MAX_DATA: Final = 65_536


class Sender:
    """The sending side. `on_end` is called with each stream whose END_STREAM is in the output."""

    __slots__ = (
        "_max_data",
        "_on_end",
        "_progress",
        "_reserved",
        "_usage",
        "budget",
        "frames_sent",
        "initial_window",
        "out",
        "queued",
        "sendable",
        "short",
        "window",
        "write_paused",
    )

    def __init__(self, usage: Usage, on_end: Callable[[Stream], None]) -> None:
        self._usage = usage
        self._on_end = on_end
        self._max_data = frames.MAX_FRAME
        #: streams that wait for nothing but the connection's window; None until first used
        self.sendable: deque[Stream] | None = None
        #: the output of the next write, and the bytes of DATA that it may still take
        self.out: list[Chunk] = []
        self.budget = BURST
        #: the send windows of the connection and of new streams
        self.window = frames.DEFAULT_WINDOW
        self.initial_window = frames.DEFAULT_WINDOW
        #: largest cached response that fits into a single frame and the window of a new stream
        self.short = min(grpc.SHORT_RESPONSE, self.initial_window)
        #: whether the transport's write buffer is full
        self.write_paused = False
        #: queued bytes, without those in the cache's memory
        self.queued = 0
        #: bytes of responses that are complete and wait for room in the queue
        self._reserved = 0
        #: set when queued bytes are sent or discarded
        self._progress: asyncio.Event | None = None
        #: DATA frames sent from the queue
        self.frames_sent = 0

    def allowance(self) -> int:
        """Return the bytes of DATA that may be sent at once, ahead of nothing that is queued."""
        if self.sendable or self.write_paused:
            return 0
        size = self.window if self.window < self.budget else self.budget  # noqa: FURB136 - min() costs as much as the rest
        return size if size > 0 else 0  # noqa: FURB136 - the same

    def consume(self, size: int) -> None:
        """Account for `size` bytes of DATA in the output."""
        self.window -= size
        self.budget -= size

    def set_max_frame(self, size: int) -> None:
        """Apply SETTINGS_MAX_FRAME_SIZE."""
        self._max_data = min(size, _MAX_DATA)

    def set_initial_window(self, size: int) -> int:
        """Apply SETTINGS_INITIAL_WINDOW_SIZE. Returns the change, which open streams have to follow."""
        change = size - self.initial_window
        self.initial_window = size
        self.short = min(grpc.SHORT_RESPONSE, size)
        return change

    # ---- room ------------------------------------------------------------------------------------------------------

    def fits(self, size: int, limit: int) -> bool:
        """Return whether a response may be queued: an empty queue takes any size, else `limit` bytes are the maximum."""
        return not self.queued or self.queued + size <= limit

    async def wait_below(self, limit: int) -> None:
        """Wait while more than `limit` bytes are queued or reserved."""
        while self.queued + self._reserved > limit:
            await self._progressed()

    async def wait_for_room(self, stream: Stream, size: int, limit: int) -> None:
        """Wait until a response of `size` bytes fits into the queue."""
        holder = stream.route.holder
        self._reserved += size
        self._usage.hold(holder, size)
        try:
            while not self.fits(size, limit):
                await self._progressed()
        finally:
            self._reserved -= size
            self._usage.hold(holder, -size)
            self._notify()

    async def _progressed(self) -> None:
        if self._progress is None:
            self._progress = asyncio.Event()
        await self._progress.wait()

    def _notify(self) -> None:
        if self._progress is not None:
            self._progress.set()
            self._progress = None

    # ---- queue -----------------------------------------------------------------------------------------------------

    def queue(self, stream: Stream, chunk: Chunk, now: float) -> None:
        """Send `chunk` as DATA when the windows allow it. A memoryview is referenced, not counted."""
        if stream.chunks is None:
            stream.chunks = deque()
        if not stream.chunks:
            stream.progressed = now
        stream.chunks.append(chunk)
        stream.unsent += len(chunk)
        if isinstance(chunk, bytes):
            self._count(stream, len(chunk))
        self._activate(stream)
        self.pump(now)

    def end_stream(self, stream: Stream, trailers: bytes) -> None:
        """Send the trailers once the stream's queue is empty."""
        stream.trailers = trailers
        if not stream.chunks:
            self._send_trailers(stream, trailers)

    def update_window(self, stream: Stream, change: int) -> bool:
        """Change the send window of a stream. Returns whether the new size is legal."""
        stream.send_window += change
        if stream.send_window > frames.MAX_WINDOW:
            return False
        self._activate(stream)
        return True

    def discard(self, stream: Stream) -> None:
        """Remove a stream's queue, trailers included."""
        if stream.sendable and self.sendable is not None:
            self.sendable.remove(stream)
            stream.sendable = False
        for at, chunk in enumerate(stream.chunks or ()):
            if isinstance(chunk, bytes):
                self._count(stream, (0 if at else stream.offset) - len(chunk))
        self._notify()
        stream.chunks = stream.trailers = None
        stream.unsent = stream.offset = 0
        _drained(stream)

    def _count(self, stream: Stream, size: int) -> None:
        self.queued += size
        self._usage.hold(stream.route.holder, size)

    def _activate(self, stream: Stream) -> None:
        if stream.chunks and stream.send_window > 0 and not stream.sendable:
            if self.sendable is None:
                self.sendable = deque()
            self.sendable.append(stream)
            stream.sendable = True

    # ---- sending ---------------------------------------------------------------------------------------------------

    def pump(self, now: float) -> None:
        """Move what windows and budget allow into the output, one frame per stream in turn."""
        sendable = self.sendable
        while sendable and self.window > 0 and self.budget > 0 and not self.write_paused:
            stream = sendable.popleft()
            stream.sendable = False
            self._send(stream)
            stream.progressed = now
            if stream.chunks:
                self._activate(stream)
                continue
            _drained(stream)
            if stream.trailers is not None:
                self._send_trailers(stream, stream.trailers)

    def _send(self, stream: Stream) -> None:
        """Send one frame of a sendable stream."""
        chunks = stream.chunks
        if not chunks or stream.send_window <= 0:
            return
        chunk, offset = chunks[0], stream.offset
        size = min(self.window, stream.send_window, self._max_data, len(chunk) - offset)
        self.out.append(frames.header(size, frames.DATA, 0, stream.number))
        self.out.append(memoryview(chunk)[offset : offset + size])
        self.consume(size)
        self.frames_sent += 1
        stream.send_window -= size
        stream.unsent -= size
        if isinstance(chunk, bytes):
            self._count(stream, -size)
        if offset + size == len(chunk):
            chunks.popleft()
            stream.offset = 0
            self._notify()
        else:
            stream.offset = offset + size

    def _send_trailers(self, stream: Stream, trailers: bytes) -> None:
        self.out.append(frames.headers(stream.number, trailers, end=True))
        self._on_end(stream)


def _drained(stream: Stream) -> None:
    """Wake the task that waits for the stream's queue to empty."""
    if stream.drain_waiter is not None and not stream.drain_waiter.done():
        stream.drain_waiter.set_result(None)
