"""Calls other than lookups pass to admin unchanged, and their responses pass back unchanged."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import grpc
import grpc.aio
import pytest
from google.rpc import status_pb2

from cqar import config
from cqar.hotpath.app import Hotpath
from tests.client import Client, refusal
from tests.hotpath.stack import changed, eventually, worker_of


class Stub(grpc.GenericRpcHandler):
    """An admin that does what the RPC's name says, and records its calls."""

    def __init__(self) -> None:
        self.metadata: dict[str, Any] = {}
        self.remaining: float | None = None
        self.requests: list[bytes] = []
        self.cancelled = asyncio.Event()
        self.started = asyncio.Event()

    def service(self, details: grpc.HandlerCallDetails) -> Any:
        name = details.method.rpartition("/")[2]

        async def behave(requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
            self.metadata = dict(context.invocation_metadata())
            self.remaining = context.time_remaining()
            self.started.set()
            try:
                async for response in getattr(self, name)(requests, context):
                    yield response
            except asyncio.CancelledError:
                self.cancelled.set()
                raise

        return grpc.stream_stream_rpc_method_handler(behave)

    async def Echo(self, requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:  # noqa: N802
        await context.send_initial_metadata((("from-admin", "yes"), ("from-admin-bin", b"\x00\xff")))
        async for request in requests:
            self.requests.append(request)
            yield request
        context.set_trailing_metadata((("spent", "7"), ("spent-bin", b"\x01\xfe")))

    async def Count(self, requests: AsyncIterator[bytes], _context: Any) -> AsyncIterator[bytes]:  # noqa: N802
        async for request in requests:
            for at in range(int(request)):
                yield b"%d" % at

    async def Last(self, requests: AsyncIterator[bytes], _context: Any) -> AsyncIterator[bytes]:  # noqa: N802
        async for request in requests:
            self.requests.append(request)
        yield self.requests[-1]

    async def Refuse(self, requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:  # noqa: N802
        async for request in requests:
            number = int(request)
            status = status_pb2.Status(code=number, message="no: ö")
            await context.abort(
                next(code for code in grpc.StatusCode if code.value[0] == number),
                "no: ö",
                (("grpc-status-details-bin", status.SerializeToString()), ("hint", "later")),
            )
            yield b""

    async def Break(self, requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:  # noqa: N802
        async for request in requests:
            yield request
            await context.abort(grpc.StatusCode.DATA_LOSS, "in the middle")

    async def Deaf(self, _requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:  # noqa: N802
        await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "whatever you say")
        yield b""

    async def Hang(self, _requests: AsyncIterator[bytes], _context: Any) -> AsyncIterator[bytes]:  # noqa: N802
        await asyncio.Event().wait()
        yield b""

    async def Trickle(self, _requests: AsyncIterator[bytes], _context: Any) -> AsyncIterator[bytes]:  # noqa: N802
        for at in range(5):
            yield b"%d" % at
            await asyncio.sleep(0.6)


class Passing(NamedTuple):
    """A stub of admin, a worker in front of it, and a client of the worker."""

    admin: Stub
    server: grpc.aio.Server
    worker: Hotpath
    client: Client
    #: the client's channel, for calls of every kind
    channel: Any


@pytest.fixture(params=["grpcio", "lane"])
async def passing(settings: config.Settings, request: pytest.FixtureRequest) -> AsyncIterator[Passing]:
    stub = Stub()
    options = (("grpc.max_receive_message_length", -1),)
    server = grpc.aio.server(options=options)
    server.add_generic_rpc_handlers((stub,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    quick = changed(settings, hotpath={"passthrough_timeout": 2.0, "transport": request.param})
    async with worker_of(quick, port) as worker, Client(worker.port) as client:
        yield Passing(stub, server, worker, client, client.channel)
    await server.stop(0)


def _stream(passing: Passing, name: str, *requests: bytes, **options: Any) -> Any:
    return passing.channel.stream_stream(f"/some.Service/{name}")(iter(requests), **options)


async def test_a_unary_call_and_its_metadata_pass_unchanged_both_ways(passing: Passing) -> None:
    sent = (("idempotency-key", "k1"), ("authorization", "Bearer x"), ("trace-bin", b"\x00\x01\xff"), ("twice", "a"))
    call = passing.channel.unary_unary("/some.Service/Echo")(b"\xff\x00 anything", metadata=sent, timeout=20)
    assert await call == b"\xff\x00 anything"
    for name, value in sent:
        assert passing.admin.metadata[name] == value
    assert dict(await call.initial_metadata()) == {"from-admin": "yes", "from-admin-bin": b"\x00\xff"}
    assert dict(await call.trailing_metadata()) == {"spent": "7", "spent-bin": b"\x01\xfe"}
    assert passing.admin.remaining is not None
    assert 0 < passing.admin.remaining < 21


async def test_streams_of_every_kind_pass_message_by_message(passing: Passing) -> None:
    assert [each async for each in _stream(passing, "Count", b"3", b"2")] == [b"0", b"1", b"2", b"0", b"1"]
    assert [each async for each in _stream(passing, "Last", b"1", b"2", b"3")] == [b"3"]
    call = passing.channel.stream_stream("/some.Service/Echo")(timeout=20)
    for word in (b"one", b"two", b""):
        await call.write(word)
        assert await call.read() == word
    await call.done_writing()
    assert await call.read() is grpc.aio.EOF
    assert dict(await call.trailing_metadata())["spent"] == "7"


async def test_initial_metadata_arrives_before_any_message(passing: Passing) -> None:
    call = passing.channel.stream_stream("/some.Service/Echo")(timeout=20)
    assert dict(await call.initial_metadata())["from-admin"] == "yes"
    await call.write(b"now")
    assert await call.read() == b"now"
    call.cancel()


async def test_every_status_arrives_with_message_details_and_metadata(passing: Passing) -> None:
    for number in range(1, 17):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await passing.client.raw("/some.Service/Refuse", b"%d" % number)
        assert caught.value.code().value[0] == number
        assert caught.value.details() == "no: ö"
        trailing = dict(caught.value.trailing_metadata() or ())
        assert status_pb2.Status.FromString(trailing["grpc-status-details-bin"]).code == number
        assert trailing["hint"] == "later"


async def test_a_call_that_ends_before_its_requests_are_sent_has_admins_status(passing: Passing) -> None:
    def ask(_at: int) -> tuple[grpc.StatusCode, str]:
        with grpc.insecure_channel(f"127.0.0.1:{passing.worker.port}") as channel:
            method: Any = channel.stream_stream("/some.Service/Deaf")
            call = method(iter([b"x" * 1_000] * 20), timeout=20)
            return call.code(), call.details()

    for _ in range(10):
        ends = await asyncio.gather(*(asyncio.to_thread(ask, at) for at in range(20)))
        assert set(ends) == {(grpc.StatusCode.FAILED_PRECONDITION, "whatever you say")}


async def test_a_stream_that_fails_midway_delivers_what_came_before(passing: Passing) -> None:
    call = _stream(passing, "Break", b"first", timeout=20)
    assert await call.read() == b"first"
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call.read()
    assert (caught.value.code(), caught.value.details()) == (grpc.StatusCode.DATA_LOSS, "in the middle")


async def test_a_cancelled_call_is_cancelled_at_admin(passing: Passing) -> None:
    call = _stream(passing, "Hang", b"x", timeout=30)
    await asyncio.wait_for(passing.admin.started.wait(), 30)
    call.cancel()
    await asyncio.wait_for(passing.admin.cancelled.wait(), 30)


async def test_the_callers_deadline_applies_at_admin(passing: Passing) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await passing.client.raw("/some.Service/Hang", b"", deadline=1)
    assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    await asyncio.wait_for(passing.admin.cancelled.wait(), 30)


async def test_without_a_deadline_only_the_first_response_has_a_timeout(
    passing: Passing,
) -> None:
    call = passing.channel.unary_unary("/some.Service/Hang")(b"")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert refusal(caught.value).message == "admin did not answer in time"
    assert [each async for each in _stream(passing, "Trickle", b"")] == [b"0", b"1", b"2", b"3", b"4"]


async def test_a_large_message_passes_and_one_beyond_the_limit_is_rejected(passing: Passing) -> None:
    options = (("grpc.max_receive_message_length", -1),)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{passing.worker.port}", options=options) as channel:
        echo: Any = channel.unary_unary("/some.Service/Echo")
        large = bytes(15 * 1024 * 1024)
        assert await echo(large, timeout=20) == large
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await echo(bytes(17 * 1024 * 1024), timeout=20)
        assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_calls_are_unavailable_while_admin_is_down_and_pass_again_afterwards(passing: Passing) -> None:
    await passing.server.stop(0)
    for name in ("Echo", "Count"):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await passing.client.raw(f"/some.Service/{name}", b"1")
        refused = refusal(caught.value)
        assert refused.code == "UNAVAILABLE"
        assert refused.message == "admin is unreachable; lookups are answered, everything else must wait: retry later"
        assert dict(caught.value.trailing_metadata() or ())["grpc-status-details-bin"]
    again = grpc.aio.server()
    again.add_generic_rpc_handlers((passing.admin,))
    # It listens on the same port as before.
    assert again.add_insecure_port(f"127.0.0.1:{_port(passing)}")
    await again.start()

    async def passes() -> bool:
        try:
            return (await passing.client.raw("/some.Service/Echo", b"x"))[0] == b"x"
        except grpc.aio.AioRpcError:
            return False

    await eventually(passes)
    await again.stop(0)


def _port(passing: Passing) -> int:
    return int(passing.worker._settings.hotpath.admin_address.rpartition(":")[2])


async def test_passed_calls_leave_nothing_behind(passing: Passing) -> None:
    await passing.client.raw("/some.Service/Echo", b"x")
    before = len(asyncio.all_tasks())
    for _ in range(20):
        await passing.client.raw("/some.Service/Echo", b"x")
        with pytest.raises(grpc.aio.AioRpcError):
            await passing.client.raw("/some.Service/Refuse", b"5")
        _stream(passing, "Hang", b"x", timeout=30).cancel()
    await eventually(lambda: len(asyncio.all_tasks()) <= before + 2)
