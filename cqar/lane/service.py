"""What a lane serves, as the application gives it. Methods are bytes to bytes; nothing here knows what they mean."""

from __future__ import annotations  # grpc's classes take type arguments only in its stubs

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import grpc.aio

from cqar.lane import grpc as wire
from cqar.lane.grpc import Failure, Metadata, Reply, Tail

#: A request message with its five bytes of prefix -> the row of its answer (`grpc.row`) where one stands ready.
Hit = Callable[[bytes], bytes | None]
#: Is told of ready answers that one read was answered with: how many, and the seconds that it took.
Tally = Callable[[int, float], None]


class Peer(NamedTuple):
    """Who is at the other end: its address, and its certificate where TLS asked for one, as `SSLSocket.getpeercert` says."""

    address: str
    certificate: Mapping[str, Any] | None = None


class Asked(NamedTuple):
    """What decides about a call: its path, and the deciding fields of its header by name, in lower case."""

    path: str
    fields: Mapping[str, str]
    peer: Peer


class Context:
    """A call that takes the long way."""

    __slots__ = ("_fields", "deadline", "known_as", "path", "peer", "principal")

    def __init__(
        self, path: str, principal: Any, peer: Peer, deadline: float, fields: Callable[[], Sequence[tuple[bytes, bytes]]]
    ) -> None:
        self._fields = fields
        self.path = path
        #: whom `Service.authorize` named; a method may put another in its place, for the observer
        self.principal = principal
        self.peer = peer
        #: the application's name for the call
        self.known_as = ""
        #: time of the event loop's clock
        self.deadline = deadline

    @property
    def metadata(self) -> Metadata:
        """The request's metadata; binary values are bytes. Raises Failure where it breaks a rule."""
        return wire.metadata(self._fields())

    def remaining(self) -> float:
        """Seconds until the deadline."""
        return max(0.0, self.deadline - asyncio.get_running_loop().time())


class Method(Protocol):
    """A unary method."""

    @property
    def kept(self) -> bool:
        """Whether its ready answers are held in any case: then those that wait to be sent take no room of their own."""

    def hit_for(self, principal: Any) -> Hit:
        """The function that finds ready answers for a caller. Asked for once a decision; it may not raise or wait."""

    async def miss(self, message: bytes, context: Context) -> Reply:
        """The answer that does not stand ready. Raises Failure, or what `Service.explain` knows."""


class Ending(NamedTuple):
    """How a call that was passed on ended."""

    path: str
    code: int
    message: str
    trailing: Metadata


class Observer:
    """What happens, for metrics and logs; this one does nothing. None of it may raise."""

    def tally(self, path: str, principal: Any) -> Tally:  # noqa: ARG002 - this one does not care
        """What is told of a caller's ready answers. Asked for once a decision."""
        return untold

    def call(self, context: Context, code: int, seconds: float) -> None:
        """A call that took the long way, or was refused, has ended with a status."""

    def closed(self, code: int, reason: str) -> None:
        """A connection was ended by the lane with an error code of HTTP/2."""

    def error(self, path: str, error: BaseException) -> None:
        """An exception that nobody foresaw: a bug."""


def untold(_many: int, _seconds: float) -> None:
    """Tell nobody."""


async def _unchanged(ending: Ending) -> Ending:
    return ending


def _nothing(_context: Context) -> Metadata:
    return ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Upstream:
    """Where calls go that no method serves."""

    #: the channel for a path; None where nothing serves it
    channel: Callable[[str], grpc.aio.Channel | None]
    #: seconds to the first message of a call without deadline; None: as long as it takes
    patience: float | None = 30.0
    #: the name of initial metadata by which it says that an answer has begun, if none else do; they go no further
    begun: str | None = None
    #: metadata that a call gets on its way
    onward: Callable[[Context], Metadata] = _nothing
    #: has the last word on how a call ended, before the caller hears of it; it may wait
    finish: Callable[[Ending], Awaitable[Ending]] = _unchanged


def _explain(_context: Context, error: Exception) -> Failure:
    if isinstance(error, Failure):
        return error
    if isinstance(error, TimeoutError):
        return Failure(wire.DEADLINE_EXCEEDED, "the call's time is over")
    return Failure(wire.INTERNAL, "internal error")


def _anyone(_asked: Asked) -> Any:
    return None


def _fresh(_at: float) -> Tail | None:
    return None


@dataclass(frozen=True, kw_only=True, slots=True)
class Service:
    """Everything that a lane asks its application."""

    methods: Mapping[str, Method] = field(default_factory=dict)
    upstream: Upstream | None = None
    #: the principal of a call; raises Failure. Its word is remembered until `Lane.revoke`
    authorize: Callable[[Asked], Any] = _anyone
    #: names of fields, beside `authorization`, that `authorize` sees
    deciding: frozenset[str] = frozenset()
    #: what ready answers get at a time of `time.monotonic`; asked once a read, before the first hit
    tail: Callable[[float], Tail | None] = _fresh
    #: the status of an exception that is no Failure; of TimeoutError where the deadline has passed, and of Unreadable
    explain: Callable[[Context, Exception], Failure] = _explain
    observer: Observer = field(default_factory=Observer)
