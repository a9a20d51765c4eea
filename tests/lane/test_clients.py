"""grpcio clients call the lane."""

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import pytest
from hyperframe.frame import SettingsFrame, WindowUpdateFrame

from cqar.lane.grpc import StaleMarks, framed
from cqar.lane.limits import Limits
from tests.lane.peer import connected, fields
from tests.lane.running import CACHED, GET, OTHER, Backend, RunningLane, backend, dialled, running_lane, until


@pytest.fixture
async def channel(running: RunningLane) -> AsyncIterator[Any]:
    async with dialled(running.address) as opened:
        yield opened


@pytest.mark.parametrize("request_", CACHED)
async def test_a_cached_response_arrives_complete(channel: Any, running: RunningLane, request_: bytes) -> None:
    assert await channel.unary_unary(GET)(request_) == CACHED[request_]
    assert running.recorder.hit_count == 1


async def test_concurrent_calls_get_their_own_responses(channel: Any, running: RunningLane) -> None:
    call = channel.unary_unary(GET)
    requests = [*CACHED] * 40 + [f"yield {number}".encode() for number in range(200)]
    answers = await asyncio.gather(*(call(request) for request in requests))
    assert list(answers) == [CACHED.get(request, b"echo of " + request) for request in requests]
    assert running.recorder.hit_count == 40 * len(CACHED)
    await until(running.empty)


async def test_a_synchronous_client_is_served(running: RunningLane) -> None:
    def call() -> list[bytes]:
        with grpc.insecure_channel(running.address) as channel:
            method: Any = channel.unary_unary(GET)
            return [method(request) for request in (b"short", b"long", b"else", b"short")]

    assert await asyncio.to_thread(call) == [CACHED[b"short"], CACHED[b"long"], b"echo of else", CACHED[b"short"]]


async def test_a_response_may_be_megabytes(channel: Any) -> None:
    assert await channel.unary_unary(GET)(b"size 7000000") == b"z" * 7_000_000


async def test_a_request_may_be_megabytes(channel: Any) -> None:
    request = b"q" * 5_000_000
    assert await channel.unary_unary(GET)(request) == b"echo of " + request


async def test_an_application_error_arrives_with_message_and_details(channel: Any) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await channel.unary_unary(GET)(b"absent")
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    assert caught.value.details() == "es gibt 100% kein 'x'\n"
    assert dict(caught.value.trailing_metadata())["grpc-status-details-bin"] == b"\x08\x05\x12\x04none"


async def test_an_unexpected_exception_is_internal_and_its_text_is_hidden(channel: Any) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await channel.unary_unary(GET)(b"bug")
    assert caught.value.code() is grpc.StatusCode.INTERNAL
    assert "secret" not in str(caught.value)


async def test_an_unknown_method_is_unimplemented(channel: Any) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await channel.unary_unary("/test.Phonebook/None")(b"")
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_metadata_and_trailers_are_transferred(channel: Any) -> None:
    sent = (("key", "value"), ("blob-bin", bytes(range(256))), ("key", "twice"), ("authorization", "Bearer me"))
    call = channel.unary_unary(GET)(b"metadata", metadata=sent)
    assert await call == b"m"
    back = [pair for pair in await call.trailing_metadata() if pair[0] in {"key", "blob-bin", "authorization"}]
    assert sorted(map(repr, back)) == sorted(map(repr, sent))


async def test_a_deadline_ends_the_call_on_both_sides(channel: Any, running: RunningLane) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await channel.unary_unary(GET)(b"wait", timeout=0.05)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    await until(lambda: running.phonebook.cancelled == 1 and running.empty())


async def test_a_client_can_cancel_its_call(channel: Any, running: RunningLane) -> None:
    call = channel.unary_unary(GET)(b"wait")
    await until(lambda: running.phonebook.waiting)
    call.cancel()
    await until(lambda: running.phonebook.cancelled == 1 and running.empty())
    assert await channel.unary_unary(GET)(b"short") == b"s"


async def test_closing_the_channel_cancels_its_calls(running: RunningLane) -> None:
    async with dialled(running.address) as channel:
        call = channel.unary_unary(GET)(b"wait")
        await until(lambda: running.phonebook.waiting)
    await until(lambda: running.phonebook.cancelled == 1 and running.empty())
    assert call.cancelled()


@pytest.mark.parametrize("compression", [grpc.Compression.Gzip, grpc.Compression.Deflate])
async def test_compressed_requests_are_decompressed(running: RunningLane, compression: grpc.Compression) -> None:
    async with dialled(running.address, compression=compression) as channel:
        call = channel.unary_unary(GET)
        assert await call(b"a" * 5_000) == b"echo of " + b"a" * 5_000
        assert await call(b"short") == b"s"


async def test_only_calls_with_an_invalid_key_are_refused(channel: Any) -> None:
    call = channel.unary_unary(GET)
    for _ in range(2):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(b"short", metadata=(("authorization", "Bearer wrong"),))
        assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
        assert await call(b"short", metadata=(("authorization", "Bearer right"),)) == b"s"


async def test_a_revoked_key_is_refused_from_the_next_read_on(channel: Any, running: RunningLane) -> None:
    call, key = channel.unary_unary(GET), (("authorization", "Bearer me"),)
    assert [await call(b"short", metadata=key) for _ in range(3)] == [b"s"] * 3
    running.revoked.add("me")
    running.lane.revoke()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(b"short", metadata=key)
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_cached_responses_depend_on_the_principal(channel: Any) -> None:
    call = channel.unary_unary(GET)
    assert await call(b"short", metadata=(("authorization", "Bearer guest"),)) == b"echo of short"
    assert await call(b"short") == b"s"


@pytest.mark.parametrize("request_", CACHED)
async def test_stale_marks_are_in_message_and_trailers(channel: Any, running: RunningLane, request_: bytes) -> None:
    running.marks.append(StaleMarks(b" (stale)", (("cqar-stale", "true"), ("age-ms", "1200"))))
    call = channel.unary_unary(GET)(request_)
    assert await call == CACHED[request_] + b" (stale)"
    assert dict(await call.trailing_metadata()) == {"cqar-stale": "true", "age-ms": "1200"}
    running.marks.clear()
    call = channel.unary_unary(GET)(request_)
    assert await call == CACHED[request_]
    assert not dict(await call.trailing_metadata())


async def test_calls_over_the_limit_are_refused_and_others_go_on() -> None:
    async with running_lane(Limits(calls=3)) as running, dialled(running.address) as channel:
        call = channel.unary_unary(GET)
        waiting = [asyncio.ensure_future(call(b"wait")) for _ in range(3)]
        await until(lambda: running.phonebook.waiting == 3)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(b"else")
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert await call(b"short") == b"s"
        running.phonebook.release.set()
        assert await asyncio.gather(*waiting) == [b"echo of wait"] * 3


async def test_a_request_over_the_limit_is_refused() -> None:
    async with running_lane(Limits(request=1_000)) as running:
        for compression in (grpc.Compression.NoCompression, grpc.Compression.Gzip):
            async with dialled(running.address, compression=compression) as channel:
                assert await channel.unary_unary(GET)(b"a" * 1_000) == b"echo of " + b"a" * 1_000
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await channel.unary_unary(GET)(b"a" * 200_000)
                assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_the_observer_sees_hits_and_calls_with_their_status(channel: Any, running: RunningLane) -> None:
    for request in (b"short", b"long", b"else"):
        await channel.unary_unary(OTHER)(request)
    with pytest.raises(grpc.aio.AioRpcError):
        await channel.unary_unary(GET)(b"absent")
    assert running.recorder.hit_count == 2
    assert running.recorder.calls == [(OTHER, 0), (GET, 5)]


def _has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return socket.has_dualstack_ipv6()


@pytest.mark.skipif(not _has_ipv6(), reason="the machine has no IPv6")
@pytest.mark.parametrize("host", ["0.0.0.0", "::"])  # noqa: S104 - for a moment
async def test_all_addresses_include_ipv6(running: RunningLane, host: str) -> None:
    port = await running.lane.listen(host, 0, reuse_port=True)
    for address in ("127.0.0.1", "[::1]"):
        async with dialled(f"{address}:{port}") as channel:
            assert await channel.unary_unary(GET)(b"short") == b"s"


# ---- proxied -----------------------------------------------------------------------------------------------------------


@pytest.fixture
async def proxied() -> AsyncIterator[tuple[Backend, Any, RunningLane]]:
    """The upstream server, a channel to the lane in front of it, and the lane."""
    async with (
        backend() as (handlers, upstream),
        running_lane(upstream=upstream) as running,
        dialled(running.address) as channel,
    ):
        yield handlers, channel, running


Proxied = tuple[Backend, Any, RunningLane]


async def test_a_unary_call_is_proxied_with_metadata_both_ways(proxied: Proxied) -> None:
    handlers, channel, _ = proxied
    call = channel.unary_unary("/b.B/Unary")(
        b"data", metadata=(("k", "v"), ("k-bin", b"\0\1\xff"), ("authorization", "Bearer x"))
    )
    assert await call == b"data"
    assert dict(await call.initial_metadata())["first"] == "1"
    assert dict(await call.trailing_metadata()) == {"last": "2", "more-bin": b"\x01\x02\x03"}
    arrived = dict(handlers.metadata)
    assert (arrived["k"], arrived["k-bin"], arrived["authorization"]) == ("v", b"\0\1\xff", "Bearer x")


async def test_an_upstream_error_is_returned_unchanged(proxied: Proxied) -> None:
    _, channel, running = proxied
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await channel.unary_unary("/b.B/Unary")(b"fail")
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert caught.value.details() == "not now: 100% ä"
    assert dict(caught.value.trailing_metadata()) == {"why-bin": b"\0\xff", "k": "v"}
    assert running.recorder.calls == [("/b.B/Unary", 9)]


async def test_a_method_unknown_upstream_is_unimplemented(proxied: Proxied) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await proxied[1].unary_unary("/b.B/None")(b"")
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_a_deadline_is_proxied(proxied: Proxied) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await proxied[1].unary_unary("/b.B/Unary")(b"slow", timeout=0.1)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    await until(proxied[2].empty)


async def test_streams_of_every_kind_are_proxied(proxied: Proxied) -> None:
    _, channel, running = proxied

    async def requests() -> AsyncIterator[bytes]:
        for size in (0, 5, 100_000, 300_000, 1):
            yield b"a" * (size - 1) + b"b" if size else b""

    assert [each async for each in channel.unary_stream("/b.B/Count")(b"500")] == [str(n).encode() for n in range(500)]
    assert await channel.stream_unary("/b.B/Sum")(requests()) == b"[0, 5, 100000, 300000, 1]"
    answers = [len(each) async for each in channel.stream_stream("/b.B/Chat")(requests())]
    assert answers == [0, 5, 100_000, 300_000, 1]
    await until(running.empty)


async def test_a_bidirectional_stream_is_proxied_message_by_message(proxied: Proxied) -> None:
    call = proxied[1].stream_stream("/b.B/Chat")()
    for word in (b"abc", b"", b"x" * 300_000):
        await call.write(word)
        assert await call.read() == word[::-1]
    await call.done_writing()
    assert await call.read() is grpc.aio.EOF
    assert await call.code() is grpc.StatusCode.OK


async def test_response_headers_are_sent_as_soon_as_upstream_sends_them(proxied: Proxied) -> None:
    call = proxied[1].stream_stream("/b.B/Begin")()
    async with asyncio.timeout(60):
        assert not await call.initial_metadata()
    await call.write(b"sent afterwards")
    assert await call.read() == b"sent afterwards"
    call.cancel()


async def test_cancelling_ends_the_upstream_call(proxied: Proxied) -> None:
    handlers, channel, running = proxied
    call = channel.unary_stream("/b.B/Watch")(b"")
    assert await call.read() == b"first"
    call.cancel()
    await until(lambda: handlers.cancelled == 1 and running.empty())


async def test_large_messages_wait_for_a_slow_reader(proxied: Proxied) -> None:
    """7 MB through windows of 64 KiB."""
    data = bytes(range(256)) * 28_000
    call = proxied[1].stream_stream("/b.B/Chat")()
    await call.write(data)
    assert await call.read() == data[::-1]
    call.cancel()


async def test_at_most_one_message_of_an_unread_stream_is_queued(proxied: Proxied) -> None:
    _, _, running = proxied
    async with connected(running.port, {SettingsFrame.INITIAL_WINDOW_SIZE: 1_000}) as peer:
        await peer.send(peer.header(1, fields("/b.B/Pour")), peer.data(1, framed(b"30"), end=True))
        await until(lambda: running.lane.state.usage.queued)
        await asyncio.sleep(0.1)
        await peer.sync()
        assert running.lane.state.usage.queued == 100_005 - 1_000
        await peer.send(WindowUpdateFrame(1, 1 << 23), WindowUpdateFrame(0, 1 << 23))
        response = await peer.response(1)
        assert (len(response.data), response.status) == (30 * 100_005, "0")
    await until(running.empty)


async def test_upstream_flow_control_reaches_the_client(proxied: Proxied) -> None:
    handlers, channel, running = proxied
    call = channel.stream_unary("/b.B/Deaf")()
    sent = 0

    async def pour() -> None:
        nonlocal sent
        while True:
            await call.write(bytes(50_000))
            sent += 50_000

    pouring = asyncio.create_task(pour())
    await until(lambda: handlers.watching)
    before = -1
    while before != sent:
        before = sent
        await asyncio.sleep(0.1)
    assert 0 < sent < 16 << 20
    assert running.lane.state.usage.buffered < 2 << 20
    pouring.cancel()
    call.cancel()
    await until(running.empty)


async def test_without_upstream_proxied_calls_are_unavailable() -> None:
    async with (
        dialled("127.0.0.1:1") as upstream,
        running_lane(upstream=upstream) as running,
        dialled(running.address) as channel,
    ):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await channel.unary_unary("/b.B/Unary")(b"data")
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        assert await channel.unary_unary(GET)(b"short") == b"s"
