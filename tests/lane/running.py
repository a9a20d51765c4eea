"""A running lane for tests: a few methods, and a grpc.aio server as upstream."""

from __future__ import annotations  # grpc's classes take type arguments only in its stubs

import asyncio
import contextlib
import itertools
import ssl
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import grpc
import grpc.aio

from cqar.lane.grpc import Reply, RpcError, StaleMarks, cached_response, framed
from cqar.lane.limits import Limits
from cqar.lane.server import Lane
from cqar.lane.service import AuthRequest, CacheLookup, Context, Gate, HitCounter, Observer, Service, Upstream

GET = "/test.Phonebook/Get"
OTHER = "/test.Phonebook/Other"
#: Initial metadata that marks the start of an upstream response.
STARTED = "started"

#: Cached responses by request.
CACHED: Mapping[bytes, bytes] = {
    b"": b"response to an empty request",
    b"short": b"s",
    b"long": bytes(range(256)) * 4,
    b"longer": b"x" * 6_000,
    b"longest": b"y" * 300_000,
}


@dataclass
class Phonebook:
    """A unary method: some responses are cached, all others are derived from the request."""

    cached: dict[bytes, bytes] = field(
        default_factory=lambda: {framed(key): cached_response(value) for key, value in CACHED.items()}
    )
    #: calls that were cancelled while waiting, and calls that wait
    cancelled: int = 0
    waiting: int = 0
    contexts: list[Context] = field(default_factory=list)
    release: asyncio.Event = field(default_factory=asyncio.Event)
    #: whether cached responses are referenced, not copied
    zero_copy: bool = True
    max_request: int = 1 << 30

    def lookup_for(self, principal: Any) -> CacheLookup:
        return (lambda _framed: None) if principal == "guest" else self.cached.get

    async def handle(self, message: bytes, context: Context) -> Reply:
        self.contexts.append(context)
        command, _, rest = message.partition(b" ")
        match command:
            case b"absent":
                raise RpcError(5, "es gibt 100% kein 'x'\n", details=b"\x08\x05\x12\x04none")
            case b"bug":
                msg = "secret of the driver"
                raise RuntimeError(msg)
            case b"metadata":
                return Reply(b"m", tuple(context.metadata))
            case b"size":
                return Reply(b"z" * int(rest))
            case b"wait":
                self.waiting += 1
                try:
                    await self.release.wait()
                except asyncio.CancelledError:
                    self.cancelled += 1
                    raise
                finally:
                    self.waiting -= 1
            case b"yield":
                await asyncio.sleep(0)
        return Reply(b"echo of " + message)


class Recorder(Observer):
    """Records events."""

    def __init__(self) -> None:
        self.hit_count = 0
        self.reads = 0
        self.paths: list[str] = []
        self.calls: list[tuple[str, int]] = []
        self.ends: list[tuple[int, str]] = []
        self.attacks: list[str] = []
        self.errors: list[BaseException] = []

    def hit_counter(self, path: str, principal: Any) -> HitCounter:  # noqa: ARG002 - the interface
        def count(hits: int, _seconds: float) -> None:
            self.reads += 1
            self.paths.append(path)
            self.hit_count += hits

        return count

    def call_ended(self, context: Context, code: int, seconds: float) -> None:  # noqa: ARG002 - the interface
        self.calls.append((context.path, code))

    def connection_closed(self, code: int, reason: str) -> None:
        self.ends.append((code, reason))

    def attacker_closed(self, kind: str) -> None:
        self.attacks.append(kind)

    def error(self, path: str, error: BaseException) -> None:  # noqa: ARG002 - the interface
        self.errors.append(error)


def authorize(request: AuthRequest) -> str:
    """Refuse one key."""
    key = request.fields.get("authorization", "")
    if key == "Bearer wrong":
        raise RpcError(16, "invalid key")
    return key.removeprefix("Bearer ")


@dataclass
class RunningLane:
    """A running lane, and access to what it serves and reports."""

    lane: Lane
    port: int
    phonebook: Phonebook
    recorder: Recorder
    marks: list[StaleMarks]
    revoked: set[str]

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def empty(self) -> bool:
        """Return whether no call uses any resources."""
        usage = self.lane.state.usage
        streams = sum(len(each.streams.live) + len(each.streams.pending) for each in self.lane.connections)
        queued = sum(each.sender.queued for each in self.lane.connections)
        strangers = self.lane.state.strangers
        used = (usage.calls, usage.buffered, usage.queued, strangers.calls, strangers.public, strangers.bytes)
        return not any((*used, streams, queued, usage.held))


@contextlib.asynccontextmanager
async def running_lane(
    limits: Limits | None = None,
    *,
    fast_path: bool = True,
    tls: ssl.SSLContext | None = None,
    upstream: Any = None,
    gate: Gate | None = None,
) -> AsyncIterator[RunningLane]:
    """Run a lane. With an upstream, it proxies unknown methods."""
    phonebook, recorder = Phonebook(), Recorder()
    marks: list[StaleMarks] = []
    revoked: set[str] = set()

    def allowed(request: AuthRequest) -> str:
        principal = authorize(request)
        if principal in revoked:
            raise RpcError(16, "the key is revoked")
        return principal

    service = Service(
        methods={GET: phonebook, OTHER: phonebook},
        authorize=allowed,
        stale_marks=lambda _at: marks[0] if marks else None,
        observer=recorder,
        gate=gate,
        holder=lambda principal, peer: principal or peer.address.rpartition(":")[0],
        upstream=None if upstream is None else Upstream(channel=lambda _path: upstream, start_marker=STARTED),
    )
    lane = Lane(service, limits, fast_path=fast_path)
    port = await lane.listen("127.0.0.1", 0, tls=tls)
    running = RunningLane(lane, port, phonebook, recorder, marks, revoked)
    try:
        yield running
    finally:
        await lane.stop(0)
    assert running.empty()
    assert not recorder.errors


class Backend(grpc.GenericRpcHandler):
    """The upstream server: RPCs of all four kinds."""

    def __init__(self) -> None:
        self.metadata: list[tuple[str, str | bytes]] = []
        self.cancelled = 0
        self.watching = 0

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any] | None:
        name = handler_call_details.method.rpartition("/")[2]
        kinds: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
            "Unary": grpc.unary_unary_rpc_method_handler(self.unary),
            "Count": grpc.unary_stream_rpc_method_handler(self.count),
            "Sum": grpc.stream_unary_rpc_method_handler(self.sum),
            "Chat": grpc.stream_stream_rpc_method_handler(self.chat),
            "Pour": grpc.unary_stream_rpc_method_handler(self.pour),
            "Deaf": grpc.stream_unary_rpc_method_handler(self.deaf),
            "Watch": grpc.unary_stream_rpc_method_handler(self.watch),
            "Begin": grpc.stream_stream_rpc_method_handler(self.begin),
        }
        return kinds.get(name)

    async def unary(self, data: bytes, context: Any) -> bytes:
        self.metadata = list(context.invocation_metadata())
        if data == b"fail":
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not now: 100% ä", (("why-bin", b"\0\xff"), ("k", "v")))
        if data == b"slow":
            await asyncio.sleep(30)
        await context.send_initial_metadata((("first", "1"),))
        context.set_trailing_metadata((("last", "2"), ("more-bin", b"\x01\x02\x03")))
        return data

    async def count(self, data: bytes, _context: Any) -> AsyncIterator[bytes]:
        for number in range(int(data)):
            yield str(number).encode()

    async def sum(self, requests: AsyncIterator[bytes], _context: Any) -> bytes:
        return str([len(request) async for request in requests]).encode()

    async def chat(self, requests: AsyncIterator[bytes], _context: Any) -> AsyncIterator[bytes]:
        async for request in requests:
            yield request[::-1]

    async def begin(self, requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        await context.send_initial_metadata(((STARTED, ""),))
        async for request in requests:
            yield request

    async def pour(self, data: bytes, _context: Any) -> AsyncIterator[bytes]:
        for _ in range(int(data)):
            yield bytes(100_000)

    async def deaf(self, _requests: AsyncIterator[bytes], _context: Any) -> bytes:
        self.watching += 1
        await asyncio.sleep(60)
        return b""

    async def watch(self, _data: bytes, _context: Any) -> AsyncIterator[bytes]:
        self.watching += 1
        try:
            yield b"first"
            await asyncio.sleep(60)
        except (asyncio.CancelledError, GeneratorExit):
            self.cancelled += 1
            raise
        finally:
            self.watching -= 1


@contextlib.asynccontextmanager
async def backend() -> AsyncIterator[tuple[Backend, Any]]:
    """Run an upstream server. Yields its handlers and a channel to it."""
    options = (("grpc.max_receive_message_length", 1 << 25), ("grpc.max_send_message_length", 1 << 25))
    server = grpc.aio.server(options=options)
    handlers = Backend()
    server.add_generic_rpc_handlers((handlers,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with dialled(f"127.0.0.1:{port}") as channel:
        yield handlers, channel
    await server.stop(0)


@contextlib.asynccontextmanager
async def dialled(address: str, **options: Any) -> AsyncIterator[Any]:
    """Open a grpc.aio channel, as Any: its stubs do not know methods without serializers."""
    limits = (("grpc.max_receive_message_length", 1 << 25), ("grpc.max_send_message_length", 1 << 25))
    async with grpc.aio.insecure_channel(address, options=limits, **options) as channel:
        yield channel


async def until(true: Callable[[], object], seconds: float = 5) -> None:
    """Wait until a condition holds."""
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.005)


def pieces(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    """Split data at these offsets."""
    places = [0, *sorted({cut for cut in cuts if 0 < cut < len(data)}), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(places)]
