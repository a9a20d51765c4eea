"""One stream that takes the long way."""

import asyncio
from collections import deque
from typing import TypeAlias

from cqar.lane.hpack import Other
from cqar.lane.routing import Decision
from cqar.lane.service import Context

#: Bytes to send; a memoryview where they are shared with others.
Chunk: TypeAlias = bytes | memoryview


class Stream:
    """The state of a stream, from its header to its end."""

    __slots__ = (
        "begun",
        "buffer",
        "chunks",
        "closed",
        "context",
        "credit",
        "decision",
        "drained",
        "ended",
        "entered",
        "held",
        "inbox",
        "moved",
        "number",
        "offset",
        "others",
        "ready",
        "slow",
        "started",
        "status",
        "task",
        "timer",
        "trailers",
        "waiting",
        "window",
    )

    def __init__(self, number: int, decision: Decision, others: list[Other], window: int, credit: int, now: float) -> None:
        self.number = number
        self.decision = decision
        self.others = others
        #: bytes that may be sent, and that may still come
        self.window = window
        self.credit = credit
        #: whether the request is complete, whether the answer has begun, whether the stream is over
        self.ended = False
        self.begun = False
        self.closed = False
        #: what has come of a request, where it is not passed on
        self.buffer: bytearray | None = None
        #: what has come, where it is passed on
        self.inbox: Inbox | None = None
        self.task: asyncio.Task[None] | None = None
        self.timer: asyncio.TimerHandle | None = None
        #: bytes of the request that count
        self.held = 0
        # What waits to be sent: chunks, bytes of the first that are gone, bytes in all, the block after them.
        self.chunks: deque[Chunk] | None = None
        self.offset = 0
        self.waiting = 0
        self.trailers: bytes | None = None
        #: whether the sender has it among those that can go on
        self.ready = False
        #: ends the wait of whoever fills the queue
        self.drained: asyncio.Future[None] | None = None
        #: whether it has or had a task, whether that has begun, and the status that ends the stream
        self.slow = False
        self.entered = False
        #: the call, where somebody has to know more of it
        self.context: Context | None = None
        self.status = 0
        #: when it began, and when its answer last got on
        self.started = now
        self.moved = now


class Inbox:
    """Messages of a request that is passed on: those that are complete, and the beginning of the next."""

    __slots__ = ("ended", "messages", "partial", "size", "wake")

    def __init__(self) -> None:
        self.partial = bytearray()
        #: flag and message
        self.messages: deque[tuple[int, bytes]] = deque()
        #: bytes of the complete messages
        self.size = 0
        self.ended = False
        self.wake = asyncio.Event()
