"""The application's side of a lane: methods, authorization, stale marks, metrics. Methods map bytes to bytes."""

from __future__ import annotations  # grpc's classes take type arguments only in its stubs

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import grpc.aio

from cqar.lane import grpc as wire
from cqar.lane.grpc import Metadata, Reply, RpcError, StaleMarks

#: Maps a request message with its prefix (`grpc.framed`) to its cached response (`grpc.cached_response`), or None.
CacheLookup = Callable[[bytes], bytes | None]
#: Receives the number of cached responses that answered one read, and the seconds that the read took.
HitCounter = Callable[[int, float], None]


class Peer(NamedTuple):
    """The client of a connection: its address, and its TLS certificate in the form of `SSLSocket.getpeercert`, if any."""

    address: str
    certificate: Mapping[str, Any] | None = None


class AuthRequest(NamedTuple):
    """What `Service.authorize` sees of a call: its path, its routing fields by lower-case name, and the peer."""

    path: str
    fields: Mapping[str, str]
    peer: Peer


class Context:
    """A call on the slow path."""

    __slots__ = ("_fields", "call_id", "deadline", "path", "peer", "principal")

    def __init__(
        self, path: str, principal: Any, peer: Peer, deadline: float, fields: Callable[[], Sequence[tuple[bytes, bytes]]]
    ) -> None:
        self._fields = fields
        self.path = path
        #: the result of `Service.authorize`; a method may replace it for the observer
        self.principal = principal
        self.peer = peer
        #: the application's id of the call
        self.call_id = ""
        #: in the event loop's time
        self.deadline = deadline

    @property
    def metadata(self) -> Metadata:
        """The request's metadata; binary values are bytes. Raises RpcError if it is malformed or too large."""
        return wire.metadata(self._fields())

    def remaining(self) -> float:
        """Return the seconds until the deadline, at least 0."""
        return max(0.0, self.deadline - asyncio.get_running_loop().time())


class Gate(Protocol):
    """Tells callers that have proven who they are from strangers, before anything is done for them."""

    def proven(self, principal: Any) -> bool:
        """Return whether this result of `Service.authorize` or `prove` is that of a caller that is proven, now."""

    def public(self, path: str) -> bool:
        """Return whether a stranger may call this path."""

    def check(self, context: Context) -> None:
        """Raise an exception if the headers of a call show that its caller cannot prove itself."""

    async def prove(self, context: Context) -> Any:
        """Return the principal of this one call, for which `proven` may still be false. Raises if its proof fails."""


class Method(Protocol):
    """A unary method."""

    @property
    def max_request(self) -> int:
        """The maximum size of a request in bytes; `Limits.request` is the limit of all methods."""

    @property
    def zero_copy(self) -> bool:
        """Whether cached responses stay in the cache's memory, so that queueing one uses no memory of its own."""

    def lookup_for(self, principal: Any) -> CacheLookup:
        """Return the cache lookup for a principal. Called once per route. The lookup must neither raise nor wait."""

    async def handle(self, message: bytes, context: Context) -> Reply:
        """Answer a request without a cached response. Raises RpcError, or anything that `Service.explain` maps to one."""


class Outcome(NamedTuple):
    """How a proxied call ended upstream."""

    path: str
    code: int
    message: str
    trailing: Metadata


class Observer:
    """Receives events for metrics and logs. The methods must not raise; these do nothing."""

    def hit_counter(self, path: str, principal: Any) -> HitCounter:  # noqa: ARG002 - the interface
        """Return the counter of a principal's cached responses. Called once per route."""
        return ignore_hits

    def call_ended(self, context: Context, code: int, seconds: float) -> None:
        """Record that a call on the slow path, or a refused one, ended with a status code."""

    def connection_closed(self, code: int, reason: str) -> None:
        """Record that the lane ended a connection with an HTTP/2 error code."""

    def attacker_closed(self, kind: str) -> None:
        """Record that the lane ended a connection that looks like an attack. `connection_closed` is called too."""

    def error(self, path: str, error: BaseException) -> None:
        """Record an unexpected exception: a bug. The path is empty outside a call."""


def ignore_hits(_hits: int, _seconds: float) -> None:
    """Count nothing."""


async def _unchanged(outcome: Outcome) -> Outcome:
    return outcome


def _unlimited(_path: str, _principal: Any) -> int | None:
    return None


def _no_metadata(_context: Context) -> Metadata:
    return ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Upstream:
    """The gRPC server for calls that no method serves."""

    #: returns the channel for a path, or None if upstream does not serve it
    channel: Callable[[str], grpc.aio.Channel | None]
    #: seconds until the first message of a call without a deadline; None: no timeout
    timeout: float | None = 30.0
    #: name of the initial metadata that only marks the start of a response; it is not proxied
    start_marker: str | None = None
    #: returns metadata to add to a call
    extra_metadata: Callable[[Context], Metadata] = _no_metadata
    #: maps the outcome of a call to the one that the client gets
    map_outcome: Callable[[Outcome], Awaitable[Outcome]] = _unchanged
    #: returns the maximum size of a request message in bytes, by path and principal; None: `Limits.request` is the only limit
    max_request: Callable[[str, Any], int | None] = _unlimited


def _explain(_context: Context, error: Exception) -> RpcError:
    if isinstance(error, RpcError):
        return error
    if isinstance(error, TimeoutError):
        return RpcError(wire.DEADLINE_EXCEEDED, "deadline exceeded")
    return RpcError(wire.INTERNAL, "internal error")


def _anonymous(_request: AuthRequest) -> Any:
    return None


def _by_address(_principal: Any, peer: Peer) -> Hashable:
    return peer.address.rpartition(":")[0]


def _fresh(_now: float) -> StaleMarks | None:
    return None


@dataclass(frozen=True, kw_only=True, slots=True)
class Service:
    """What a lane serves."""

    #: unary methods by path
    methods: Mapping[str, Method] = field(default_factory=dict)
    upstream: Upstream | None = None
    #: returns the principal of a call, or raises RpcError; the result is cached until `Lane.revoke`
    authorize: Callable[[AuthRequest], Any] = _anonymous
    #: tells strangers from proven callers; None: all callers are proven
    gate: Gate | None = None
    #: returns who holds the memory of a caller's unread responses
    holder: Callable[[Any, Peer], Hashable] = _by_address
    #: names of header fields that `authorize` needs beside `authorization`
    routing_fields: frozenset[str] = frozenset()
    #: returns the marks for cached responses at a `time.monotonic`; called once per read, before any lookup
    stale_marks: Callable[[float], StaleMarks | None] = _fresh
    #: maps an exception to a status; also gets MalformedRequest, TooLarge, and TimeoutError when the deadline has passed
    explain: Callable[[Context, Exception], RpcError] = _explain
    observer: Observer = field(default_factory=Observer)
