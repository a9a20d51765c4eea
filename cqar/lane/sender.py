"""What one connection sends: frames for the next write, and answers that wait for windows or for the transport.

Streams that can go on are kept apart from those that wait for a window of their own, so that a look at the queue costs
what it sends. Nothing is looked at while the connection's window is empty.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from cqar.lane import frames
from cqar.lane.limits import BURST, Usage
from cqar.lane.stream import Chunk, Stream

#: Bytes of a DATA frame, at most, so that streams take turns.
_TURN = 65_536


class Sender:
    """The sending side. `ended` is told of each stream whose last frame stands in `out`."""

    __slots__ = (
        "_ended",
        "_going",
        "_held",
        "_turn",
        "_usage",
        "budget",
        "initial",
        "out",
        "paused",
        "queued",
        "ready",
        "sent",
        "window",
    )

    def __init__(self, usage: Usage, ended: Callable[[Stream], None]) -> None:
        self._usage = usage
        self._ended = ended
        self._turn = frames.MAX_FRAME
        #: streams whose answers wait for the connection alone
        self.ready: deque[Stream] | None = None
        #: what goes out with the next write, and how many more bytes of answers that may take
        self.out: list[Chunk] = []
        self.budget = BURST
        #: the connection's window, and that of new streams
        self.window = frames.DEFAULT_WINDOW
        self.initial = frames.DEFAULT_WINDOW
        #: whether the transport has enough
        self.paused = False
        #: bytes that wait and are nobody else's
        self.queued = 0
        #: bytes of answers that are made and wait for room in the queue
        self._held = 0
        #: set when something that waited is gone
        self._going: asyncio.Event | None = None
        #: frames of answers that had waited
        self.sent = 0

    def allowance(self) -> int:
        """Bytes that may be sent at once, before anything that waits."""
        if self.ready or self.paused:
            return 0
        size = self.window if self.window < self.budget else self.budget  # noqa: FURB136 - min costs as much as the rest
        return size if size > 0 else 0  # noqa: FURB136 - the same

    def spend(self, size: int) -> None:
        """So many bytes of DATA stand in `out`."""
        self.window -= size
        self.budget -= size

    def frame_limit(self, size: int) -> None:
        """The peer takes frames of that size."""
        self._turn = min(size, _TURN)

    # ---- room ------------------------------------------------------------------------------------------------------

    def fits(self, size: int, most: int) -> bool:
        """Whether an answer of that size may wait: alone in any case, else if no more than `most` bytes do."""
        return not self.queued or self.queued + size <= most

    async def turn(self, most: int) -> None:
        """Wait with making an answer while more than `most` bytes of others wait."""
        while self.queued + self._held > most:
            await self._progress()

    async def hold(self, size: int, most: int) -> None:
        """Wait with an answer of that size until it fits."""
        self._held += size
        self._usage.queued += size
        try:
            while not self.fits(size, most):
                await self._progress()
        finally:
            self._held -= size
            self._usage.queued -= size
            self._go()

    async def _progress(self) -> None:
        if self._going is None:
            self._going = asyncio.Event()
        await self._going.wait()

    def _go(self) -> None:
        if self._going is not None:
            self._going.set()
            self._going = None

    # ---- queue -----------------------------------------------------------------------------------------------------

    def push(self, stream: Stream, chunk: Chunk, now: float) -> None:
        """Send this as DATA when it may be. A memoryview is somebody else's and only referred to."""
        if stream.chunks is None:
            stream.chunks = deque()
        if not stream.chunks:
            stream.moved = now
        stream.chunks.append(chunk)
        stream.waiting += len(chunk)
        if isinstance(chunk, bytes):
            self.queued += len(chunk)
            self._usage.queued += len(chunk)
        self._activate(stream)
        self.pump(now)

    def finish(self, stream: Stream, trailers: bytes) -> None:
        """Send these fields, the last, once all else of the stream is gone."""
        stream.trailers = trailers
        if not stream.chunks:
            self._end(stream, trailers)

    def widen(self, stream: Stream, size: int) -> bool:
        """Change a stream's window; whether it still is one."""
        stream.window += size
        if stream.window > frames.MAX_WINDOW:
            return False
        self._activate(stream)
        return True

    def drop(self, stream: Stream) -> None:
        """Forget what waits of a stream, its end included."""
        if stream.ready and self.ready is not None:
            self.ready.remove(stream)
            stream.ready = False
        for at, chunk in enumerate(stream.chunks or ()):
            if isinstance(chunk, bytes):
                self._release(len(chunk) - (0 if at else stream.offset))
        self._go()
        stream.chunks = stream.trailers = None
        stream.waiting = stream.offset = 0
        _wake(stream)

    def _release(self, size: int) -> None:
        self.queued -= size
        self._usage.queued -= size

    def _activate(self, stream: Stream) -> None:
        if stream.chunks and stream.window > 0 and not stream.ready:
            if self.ready is None:
                self.ready = deque()
            self.ready.append(stream)
            stream.ready = True

    # ---- sending ---------------------------------------------------------------------------------------------------

    def pump(self, now: float) -> None:
        """Move what windows and budget allow into `out`, a frame of each stream in turn."""
        ready = self.ready
        while ready and self.window > 0 and self.budget > 0 and not self.paused:
            stream = ready.popleft()
            stream.ready = False
            self._send(stream)
            stream.moved = now
            if stream.chunks:
                self._activate(stream)
                continue
            _wake(stream)
            if stream.trailers is not None:
                self._end(stream, stream.trailers)

    def _send(self, stream: Stream) -> None:
        """One frame of a stream that can go on."""
        chunks = stream.chunks
        if not chunks or stream.window <= 0:
            return
        chunk, offset = chunks[0], stream.offset
        size = min(self.window, stream.window, self._turn, len(chunk) - offset)
        self.out.append(frames.header(size, frames.DATA, 0, stream.number))
        self.out.append(memoryview(chunk)[offset : offset + size])
        self.spend(size)
        self.sent += 1
        stream.window -= size
        stream.waiting -= size
        if isinstance(chunk, bytes):
            self._release(size)
        if offset + size == len(chunk):
            chunks.popleft()
            stream.offset = 0
            self._go()
        else:
            stream.offset = offset + size

    def _end(self, stream: Stream, trailers: bytes) -> None:
        self.out.append(frames.headers(stream.number, trailers, end=True))
        self._ended(stream)


def _wake(stream: Stream) -> None:
    """Whoever fills the stream's queue may go on."""
    if stream.drained is not None and not stream.drained.done():
        stream.drained.set_result(None)
