"""Real clients of gRPC call the lane and notice no difference to any other server."""

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
from tests.lane.running import GET, OTHER, READY, Backend, Served, backend, dialled, serving, until


@pytest.fixture
async def channel(served: Served) -> AsyncIterator[Any]:
    async with dialled(served.address) as opened:
        yield opened


@pytest.mark.parametrize("request_", READY)
async def test_an_answer_that_stands_ready_arrives_whole(channel: Any, served: Served, request_: bytes) -> None:
    assert await channel.unary_unary(GET)(request_) == READY[request_]
    assert served.seen.hit_count == 1


async def test_many_calls_at_once_each_get_their_own_answer(channel: Any, served: Served) -> None:
    call = channel.unary_unary(GET)
    requests = [*READY] * 40 + [f"yield {number}".encode() for number in range(200)]
    answers = await asyncio.gather(*(call(request) for request in requests))
    assert list(answers) == [READY.get(request, b"made of " + request) for request in requests]
    assert served.seen.hit_count == 40 * len(READY)
    await until(served.empty)


async def test_a_blocking_client_is_served_too(served: Served) -> None:
    def call() -> list[bytes]:
        with grpc.insecure_channel(served.address) as channel:
            method: Any = channel.unary_unary(GET)
            return [method(request) for request in (b"short", b"long", b"else", b"short")]

    assert await asyncio.to_thread(call) == [READY[b"short"], READY[b"long"], b"made of else", READY[b"short"]]


async def test_an_answer_can_be_megabytes(channel: Any) -> None:
    assert await channel.unary_unary(GET)(b"size 7000000") == b"z" * 7_000_000


async def test_a_request_can_be_megabytes(channel: Any) -> None:
    request = b"q" * 5_000_000
    assert await channel.unary_unary(GET)(request) == b"made of " + request


async def test_an_error_of_the_application_arrives_with_text_and_details(channel: Any) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await channel.unary_unary(GET)(b"absent")
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    assert caught.value.details() == "es gibt 100% kein 'x'\n"
    assert dict(caught.value.trailing_metadata())["grpc-status-details-bin"] == b"\x08\x05\x12\x04none"


async def test_a_bug_is_an_internal_error_and_its_text_stays_here(channel: Any) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await channel.unary_unary(GET)(b"bug")
    assert caught.value.code() is grpc.StatusCode.INTERNAL
    assert "secret" not in str(caught.value)


async def test_an_unknown_method_is_unimplemented(channel: Any) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await channel.unary_unary("/test.Phonebook/None")(b"")
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_metadata_goes_in_and_trailers_come_out(channel: Any) -> None:
    sent = (("key", "value"), ("blob-bin", bytes(range(256))), ("key", "twice"), ("authorization", "Bearer me"))
    call = channel.unary_unary(GET)(b"metadata", metadata=sent)
    assert await call == b"m"
    back = [pair for pair in await call.trailing_metadata() if pair[0] in {"key", "blob-bin", "authorization"}]
    assert sorted(map(repr, back)) == sorted(map(repr, sent))


async def test_a_deadline_ends_the_call_on_both_sides(channel: Any, served: Served) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await channel.unary_unary(GET)(b"wait", timeout=0.05)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    await until(lambda: served.phonebook.cancelled == 1 and served.empty())


async def test_a_caller_that_hangs_up_cancels_its_call(channel: Any, served: Served) -> None:
    call = channel.unary_unary(GET)(b"wait")
    await until(lambda: served.phonebook.waiting)
    call.cancel()
    await until(lambda: served.phonebook.cancelled == 1 and served.empty())
    assert await channel.unary_unary(GET)(b"short") == b"s"


async def test_calls_end_with_their_channel(served: Served) -> None:
    async with dialled(served.address) as channel:
        call = channel.unary_unary(GET)(b"wait")
        await until(lambda: served.phonebook.waiting)
    await until(lambda: served.phonebook.cancelled == 1 and served.empty())
    assert call.cancelled()


@pytest.mark.parametrize("compression", [grpc.Compression.Gzip, grpc.Compression.Deflate])
async def test_compressed_requests_are_understood(served: Served, compression: grpc.Compression) -> None:
    async with dialled(served.address, compression=compression) as channel:
        call = channel.unary_unary(GET)
        assert await call(b"a" * 5_000) == b"made of " + b"a" * 5_000
        assert await call(b"short") == b"s"


async def test_a_wrong_key_is_refused_and_others_are_not(channel: Any) -> None:
    call = channel.unary_unary(GET)
    for _ in range(2):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(b"short", metadata=(("authorization", "Bearer wrong"),))
        assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
        assert await call(b"short", metadata=(("authorization", "Bearer right"),)) == b"s"


async def test_a_revoked_key_is_refused_from_the_next_read_on(channel: Any, served: Served) -> None:
    call, key = channel.unary_unary(GET), (("authorization", "Bearer me"),)
    assert [await call(b"short", metadata=key) for _ in range(3)] == [b"s"] * 3
    served.revoked.add("me")
    served.lane.revoke()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(b"short", metadata=key)
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_callers_differ_in_what_stands_ready_for_them(channel: Any) -> None:
    call = channel.unary_unary(GET)
    assert await call(b"short", metadata=(("authorization", "Bearer guest"),)) == b"made of short"
    assert await call(b"short") == b"s"


@pytest.mark.parametrize("request_", READY)
async def test_a_stale_worker_says_so_in_message_and_trailers(channel: Any, served: Served, request_: bytes) -> None:
    served.tails.append(StaleMarks(b" (stale)", (("cqar-stale", "true"), ("age-ms", "1200"))))
    call = channel.unary_unary(GET)(request_)
    assert await call == READY[request_] + b" (stale)"
    assert dict(await call.trailing_metadata()) == {"cqar-stale": "true", "age-ms": "1200"}
    served.tails.clear()
    call = channel.unary_unary(GET)(request_)
    assert await call == READY[request_]
    assert not dict(await call.trailing_metadata())


async def test_too_many_calls_at_once_are_refused_and_the_others_go_on() -> None:
    async with serving(Limits(calls=3)) as served, dialled(served.address) as channel:
        call = channel.unary_unary(GET)
        waiting = [asyncio.ensure_future(call(b"wait")) for _ in range(3)]
        await until(lambda: served.phonebook.waiting == 3)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(b"else")
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert await call(b"short") == b"s"
        served.phonebook.release.set()
        assert await asyncio.gather(*waiting) == [b"made of wait"] * 3


async def test_a_request_over_the_limit_is_refused() -> None:
    async with serving(Limits(request=1_000)) as served:
        for compression in (grpc.Compression.NoCompression, grpc.Compression.Gzip):
            async with dialled(served.address, compression=compression) as channel:
                assert await channel.unary_unary(GET)(b"a" * 1_000) == b"made of " + b"a" * 1_000
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await channel.unary_unary(GET)(b"a" * 200_000)
                assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_statistics_count_hits_and_calls_with_their_status(channel: Any, served: Served) -> None:
    for request in (b"short", b"long", b"else"):
        await channel.unary_unary(OTHER)(request)
    with pytest.raises(grpc.aio.AioRpcError):
        await channel.unary_unary(GET)(b"absent")
    assert served.seen.hit_count == 2
    assert served.seen.calls == [(OTHER, 0), (GET, 5)]


def _has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return socket.has_dualstack_ipv6()


@pytest.mark.skipif(not _has_ipv6(), reason="the machine has no IPv6")
@pytest.mark.parametrize("host", ["0.0.0.0", "::"])  # noqa: S104 - for a moment
async def test_every_address_is_every_one_of_ipv6_too(served: Served, host: str) -> None:
    port = await served.lane.listen(host, 0, reuse_port=True)
    for address in ("127.0.0.1", "[::1]"):
        async with dialled(f"{address}:{port}") as channel:
            assert await channel.unary_unary(GET)(b"short") == b"s"


# ---- passed on ---------------------------------------------------------------------------------------------------------


@pytest.fixture
async def passing() -> AsyncIterator[tuple[Backend, Any, Served]]:
    """A backend, and a channel to a lane before it."""
    async with backend() as (handlers, upstream), serving(upstream=upstream) as served, dialled(served.address) as channel:
        yield handlers, channel, served


Passing = tuple[Backend, Any, Served]


async def test_a_unary_call_is_passed_on_with_metadata_both_ways(passing: Passing) -> None:
    handlers, channel, _ = passing
    call = channel.unary_unary("/b.B/Unary")(
        b"data", metadata=(("k", "v"), ("k-bin", b"\0\1\xff"), ("authorization", "Bearer x"))
    )
    assert await call == b"data"
    assert dict(await call.initial_metadata())["first"] == "1"
    assert dict(await call.trailing_metadata()) == {"last": "2", "more-bin": b"\x01\x02\x03"}
    arrived = dict(handlers.metadata)
    assert (arrived["k"], arrived["k-bin"], arrived["authorization"]) == ("v", b"\0\1\xff", "Bearer x")


async def test_an_error_is_passed_back_as_it_is(passing: Passing) -> None:
    _, channel, served = passing
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await channel.unary_unary("/b.B/Unary")(b"fail")
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert caught.value.details() == "not now: 100% ä"
    assert dict(caught.value.trailing_metadata()) == {"why-bin": b"\0\xff", "k": "v"}
    assert served.seen.calls == [("/b.B/Unary", 9)]


async def test_a_method_that_nobody_has_is_unimplemented_there(passing: Passing) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await passing[1].unary_unary("/b.B/None")(b"")
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_a_deadline_is_passed_on(passing: Passing) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await passing[1].unary_unary("/b.B/Unary")(b"slow", timeout=0.1)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    await until(passing[2].empty)


async def test_streams_of_every_kind_are_passed_on(passing: Passing) -> None:
    _, channel, served = passing

    async def requests() -> AsyncIterator[bytes]:
        for size in (0, 5, 100_000, 300_000, 1):
            yield b"a" * (size - 1) + b"b" if size else b""

    assert [each async for each in channel.unary_stream("/b.B/Count")(b"500")] == [str(n).encode() for n in range(500)]
    assert await channel.stream_unary("/b.B/Sum")(requests()) == b"[0, 5, 100000, 300000, 1]"
    answers = [len(each) async for each in channel.stream_stream("/b.B/Chat")(requests())]
    assert answers == [0, 5, 100_000, 300_000, 1]
    await until(served.empty)


async def test_a_conversation_goes_back_and_forth(passing: Passing) -> None:
    call = passing[1].stream_stream("/b.B/Chat")()
    for word in (b"abc", b"", b"x" * 300_000):
        await call.write(word)
        assert await call.read() == word[::-1]
    await call.done_writing()
    assert await call.read() is grpc.aio.EOF
    assert await call.code() is grpc.StatusCode.OK


async def test_an_answer_begins_as_soon_as_it_has_begun_behind(passing: Passing) -> None:
    call = passing[1].stream_stream("/b.B/Begin")()
    async with asyncio.timeout(60):
        assert not await call.initial_metadata()
    await call.write(b"asked afterwards")
    assert await call.read() == b"asked afterwards"
    call.cancel()


async def test_hanging_up_ends_the_call_behind(passing: Passing) -> None:
    handlers, channel, served = passing
    call = channel.unary_stream("/b.B/Watch")(b"")
    assert await call.read() == b"first"
    call.cancel()
    await until(lambda: handlers.cancelled == 1 and served.empty())


async def test_large_messages_wait_for_a_slow_reader(passing: Passing) -> None:
    """7 MB come back through windows of 64 KB."""
    data = bytes(range(256)) * 28_000
    call = passing[1].stream_stream("/b.B/Chat")()
    await call.write(data)
    assert await call.read() == data[::-1]
    call.cancel()


async def test_of_a_stream_that_nobody_reads_one_message_waits(passing: Passing) -> None:
    _, _, served = passing
    async with connected(served.port, {SettingsFrame.INITIAL_WINDOW_SIZE: 1_000}) as peer:
        await peer.send(peer.header(1, fields("/b.B/Pour")), peer.data(1, framed(b"30"), end=True))
        await until(lambda: served.lane.state.usage.queued)
        await asyncio.sleep(0.1)
        await peer.sync()
        assert served.lane.state.usage.queued == 100_005 - 1_000
        await peer.send(WindowUpdateFrame(1, 1 << 23), WindowUpdateFrame(0, 1 << 23))
        answer = await peer.answer(1)
        assert (len(answer.data), answer.status) == (30 * 100_005, "0")
    await until(served.empty)


async def test_a_client_cannot_send_more_than_the_server_behind_takes(passing: Passing) -> None:
    handlers, channel, served = passing
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
    assert served.lane.state.usage.buffered < 2 << 20
    pouring.cancel()
    call.cancel()
    await until(served.empty)


async def test_without_the_server_behind_calls_fail_as_unavailable() -> None:
    async with dialled("127.0.0.1:1") as upstream, serving(upstream=upstream) as served, dialled(served.address) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await channel.unary_unary("/b.B/Unary")(b"data")
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        assert await channel.unary_unary(GET)(b"short") == b"s"
