"""The state of one stream on the slow path."""

import asyncio
import enum
from collections import deque
from typing import Final, TypeAlias

from cqar.lane.hpack import OtherField
from cqar.lane.routing import Route
from cqar.lane.service import Context
from cqar.lane.strangers import Account

#: Bytes to send; a memoryview refers to memory that the cache owns.
Chunk: TypeAlias = bytes | memoryview


class StreamState(enum.Enum):
    """The states of RFC 9113, 5.1, seen from the server. Those of pushed streams do not occur.

                 idle
                  |  receive HEADERS
                  v
                 open -----------------------------.
                  |  receive END_STREAM            |  send END_STREAM
                  v                                v
        half-closed (remote)              half-closed (local)
                  |  send END_STREAM               |  send RST_STREAM(NO_ERROR), at once
                  '-------------> closed <---------'

    RST_STREAM, in either direction, closes a stream in any state.
    """

    IDLE = enum.auto()
    OPEN = enum.auto()
    HALF_CLOSED_LOCAL = enum.auto()
    HALF_CLOSED_REMOTE = enum.auto()
    CLOSED = enum.auto()


class TaskState(enum.Enum):
    """The task of a stream's call. A cancelled task that is still scheduled ends without having run."""

    NONE = enum.auto()
    SCHEDULED = enum.auto()
    RUNNING = enum.auto()
    DONE = enum.auto()


# Looking up a member of an Enum class costs much more than a global.
_NO_TASK: Final = TaskState.NONE


class Stream:
    """A stream from its request headers to its end."""

    __slots__ = (
        "account",
        "buffer",
        "buffered",
        "chunks",
        "context",
        "drain_waiter",
        "headers_sent",
        "inbox",
        "number",
        "offset",
        "others",
        "progressed",
        "receive_window",
        "route",
        "send_window",
        "sendable",
        "started",
        "state",
        "status",
        "task",
        "task_state",
        "timer",
        "trailers",
        "unsent",
    )

    def __init__(
        self,
        number: int,
        route: Route,
        others: list[OtherField],
        state: StreamState,
        send_window: int,
        receive_window: int,
        now: float,
    ) -> None:
        self.number = number
        self.route = route
        self.others = others
        self.state = state
        #: bytes that may be sent, and that the peer may still send
        self.send_window = send_window
        self.receive_window = receive_window
        #: whether the response headers are sent: a status before that is Trailers-Only
        self.headers_sent = False
        #: the request of a unary method as far as it has arrived
        self.buffer: bytearray | None = None
        #: the request of a proxied call
        self.inbox: Inbox | None = None
        #: bytes of the request that count against `Limits`
        self.buffered = 0
        #: the budget of these bytes and of the call
        self.account = Account.PROVEN
        self.task: asyncio.Task[None] | None = None
        self.task_state = _NO_TASK
        #: the deadline
        self.timer: asyncio.TimerHandle | None = None
        # The send queue: chunks, sent bytes of the first chunk, unsent bytes in all, and the header block of the trailers.
        self.chunks: deque[Chunk] | None = None
        self.offset = 0
        self.unsent = 0
        self.trailers: bytes | None = None
        #: whether the sender lists the stream as sendable
        self.sendable = False
        #: resolves when the send queue is empty
        self.drain_waiter: asyncio.Future[None] | None = None
        self.context: Context | None = None
        #: gRPC status code
        self.status = 0
        #: when the stream was opened, and when data of its response was last sent
        self.started = now
        self.progressed = now


class Inbox:
    """The messages of a proxied request: the complete ones, and the start of the next one."""

    __slots__ = ("ended", "messages", "partial", "size", "wake")

    def __init__(self) -> None:
        self.partial = bytearray()
        #: compressed flag and message
        self.messages: deque[tuple[int, bytes]] = deque()
        #: bytes of the complete messages
        self.size = 0
        #: whether the request is complete
        self.ended = False
        self.wake = asyncio.Event()
