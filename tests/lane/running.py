"""What the tests serve: a few methods of bytes, and an upstream of grpc.aio behind the lane."""

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
from cqar.lane.service import AuthRequest, CacheLookup, Context, HitCounter, Observer, Service, Upstream

GET = "/test.Phonebook/Get"
OTHER = "/test.Phonebook/Other"
#: Initial metadata by which the server behind the lane says that it has begun.
BEGUN = "begun"

#: Requests whose answers stand ready.
READY: Mapping[bytes, bytes] = {
    b"": b"the answer to nothing",
    b"short": b"s",
    b"long": bytes(range(256)) * 4,
    b"longer": b"x" * 6_000,
    b"longest": b"y" * 300_000,
}


@dataclass
class Phonebook:
    """A unary method: some answers stand ready, all others are made of the request."""

    ready: dict[bytes, bytes] = field(
        default_factory=lambda: {framed(key): cached_response(value) for key, value in READY.items()}
    )
    #: what happened to calls that waited
    cancelled: int = 0
    waiting: int = 0
    seen: list[Context] = field(default_factory=list)
    release: asyncio.Event = field(default_factory=asyncio.Event)
    #: whether ready answers are only referred to
    zero_copy: bool = True

    def lookup_for(self, principal: Any) -> CacheLookup:
        return (lambda _framed: None) if principal == "guest" else self.ready.get

    async def handle(self, message: bytes, context: Context) -> Reply:
        self.seen.append(context)
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
        return Reply(b"made of " + message)


class Seen(Observer):
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.hit_count = 0
        self.reads = 0
        self.paths: list[str] = []
        self.calls: list[tuple[str, int]] = []
        self.ends: list[tuple[int, str]] = []
        self.errors: list[BaseException] = []

    def hit_counter(self, path: str, principal: Any) -> HitCounter:  # noqa: ARG002 - the interface
        def tally(many: int, _seconds: float) -> None:
            self.reads += 1
            self.paths.append(path)
            self.hit_count += many

        return tally

    def call_ended(self, context: Context, code: int, seconds: float) -> None:  # noqa: ARG002 - the interface
        self.calls.append((context.path, code))

    def connection_closed(self, code: int, reason: str) -> None:
        self.ends.append((code, reason))

    def error(self, path: str, error: BaseException) -> None:  # noqa: ARG002 - the interface
        self.errors.append(error)


def authorize(asked: AuthRequest) -> str:
    """Everybody may call, but for one key."""
    key = asked.fields.get("authorization", "")
    if key == "Bearer wrong":
        raise RpcError(16, "the key is not valid")
    return key.removeprefix("Bearer ")


@dataclass
class Served:
    """A running lane and what is behind it."""

    lane: Lane
    port: int
    phonebook: Phonebook
    seen: Seen
    tails: list[StaleMarks]
    revoked: set[str]

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def empty(self) -> bool:
        """Whether nothing of any call is left."""
        usage = self.lane.state.usage
        streams = sum(len(each.streams.live) + len(each.streams.pending) for each in self.lane.connections)
        queued = sum(each.sender.queued for each in self.lane.connections)
        return (usage.calls, usage.buffered, usage.queued, streams, queued) == (0, 0, 0, 0, 0)


@contextlib.asynccontextmanager
async def serving(
    limits: Limits | None = None,
    *,
    fast_path: bool = True,
    tls: ssl.SSLContext | None = None,
    upstream: Any = None,
) -> AsyncIterator[Served]:
    """A running lane; where it has an upstream, methods that are not its own go there."""
    phonebook, seen = Phonebook(), Seen()
    tails: list[StaleMarks] = []
    revoked: set[str] = set()

    def allowed(asked: AuthRequest) -> str:
        principal = authorize(asked)
        if principal in revoked:
            raise RpcError(16, "the key is revoked")
        return principal

    service = Service(
        methods={GET: phonebook, OTHER: phonebook},
        authorize=allowed,
        stale_marks=lambda _at: tails[0] if tails else None,
        observer=seen,
        upstream=None if upstream is None else Upstream(channel=lambda _path: upstream, start_marker=BEGUN),
    )
    lane = Lane(service, limits, fast_path=fast_path)
    port = await lane.listen("127.0.0.1", 0, tls=tls)
    served = Served(lane, port, phonebook, seen, tails, revoked)
    try:
        yield served
    finally:
        await lane.stop(0)
    assert served.empty()
    assert not seen.errors


class Backend(grpc.GenericRpcHandler):
    """Behind the lane: RPCs of all four kinds."""

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
        await context.send_initial_metadata(((BEGUN, ""),))
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
    """A running server of grpc.aio, and a channel to it."""
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
    """A channel of grpc.aio, as Any: its stubs do not know methods of bytes."""
    limits = (("grpc.max_receive_message_length", 1 << 25), ("grpc.max_send_message_length", 1 << 25))
    async with grpc.aio.insecure_channel(address, options=limits, **options) as channel:
        yield channel


async def until(true: Callable[[], object], seconds: float = 5) -> None:
    """Wait for something to become true."""
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.005)


def pieces(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    """The data, cut at these places."""
    places = [0, *sorted({cut for cut in cuts if 0 < cut < len(data)}), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(places)]
