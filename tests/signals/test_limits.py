"""Limits of callers, and that exceeding them does not affect other callers."""

import asyncio
import gzip
import resource
from collections.abc import AsyncIterator

import grpc
import grpc.aio
import pytest
from hyperframe.frame import PingFrame, SettingsFrame

from cqar import errors
from cqar.admin.app import METHODS, Admin
from cqar.hotpath.app import Hotpath
from cqar.server import limits
from tests.client import SERVICE, Client, refusal
from tests.lane.peer import Peer, connected, fields

GET_VENUE = f"{SERVICE}GetVenue"
KIBI, MEBI = 1024, 1024 * 1024


@pytest.fixture(params=["admin", "hotpath"])
async def port(request: pytest.FixtureRequest, admin: Admin, hotpath: Hotpath) -> int:
    """The gRPC port of each process."""
    return admin.port if request.param == "admin" else hotpath.port


@pytest.fixture
async def client(port: int) -> AsyncIterator[Client]:
    async with Client(port) as connected_client:
        yield connected_client


async def status_of(client: Client, path: str, data: bytes) -> str:
    try:
        await client.raw(path, data)
    except grpc.aio.AioRpcError as error:
        return refusal(error).code
    return "OK"


def padded(size: int) -> bytes:
    """A GetVenue request of `size` bytes: field 1 is a text."""
    body = b"x" * (size - 4)
    return b"\x0a" + bytes([len(body) & 0x7F | 0x80, len(body) >> 7 & 0x7F | 0x80, len(body) >> 14]) + body


async def test_a_request_about_one_thing_has_64_kb_at_most(client: Client) -> None:
    assert await status_of(client, GET_VENUE, padded(64 * KIBI)) == "INVALID_ARGUMENT"
    assert await status_of(client, GET_VENUE, padded(64 * KIBI + 1)) == "RESOURCE_EXHAUSTED"


async def test_no_message_has_more_than_16_mb(client: Client) -> None:
    assert await status_of(client, "/cqar.v1.Registry/Apply", bytes(16 * MEBI + 1)) == "RESOURCE_EXHAUSTED"
    assert await status_of(client, GET_VENUE, b"\x0a\x01x") == "NOT_FOUND"


def test_a_request_about_many_things_has_2_mb_at_most_and_apply_16() -> None:
    most = {each.name: limits.request_bytes(each.described) for each in METHODS}
    assert most["Apply"] == 16 * MEBI
    assert {name for name, size in most.items() if size == 2 * MEBI} == {
        each.name
        for each in METHODS
        if each.name != "Apply" and any(field.is_repeated and field.message_type for field in each.described.input_type.fields)
    }
    assert {most[name] for name in ("GetVenueSymbol", "CreateAsset", "ListAssets", "SearchAssets")} == {64 * KIBI}
    with pytest.raises(errors.TooLarge, match="2,097,153 bytes"):
        limits.check(bytes(2 * MEBI + 1), limits.BATCH)


def test_no_deadline_is_longer_than_five_minutes() -> None:
    assert [limits.seconds(each) for each in (None, 1.0, 1e6)] == [30.0, 1.0, 300.0]


@pytest.fixture(scope="module")
def bomb() -> bytes:
    """128 MB of zeros, compressed."""
    return gzip.compress(bytes(128 * MEBI))


def _window(peer: Peer) -> int:
    """Bytes that may have been sent on stream 1 by now."""
    return min(peer.settings.get(4, 65_535) + peer.updates.get(1, 0), 65_535 + peer.updates.get(0, 0))


async def test_a_message_that_unpacks_to_128_mb_is_refused_without_unpacking_it(port: int, bomb: bytes) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    async with connected(port) as peer:
        await peer.sync()
        await peer.send(SettingsFrame(0, flags=["ACK"]), peer.header(1, fields(GET_VENUE, ("grpc-encoding", "gzip"))))
        head = b"\1" + len(bomb).to_bytes(4, "big")
        body = head + bomb
        for at in range(0, len(body), 16_000):
            part = body[at : at + 16_000]
            while _window(peer) < at + len(part) and not (1 in peer.responses and peer.responses[1].ended):
                assert await peer.step()
            await peer.send(peer.data(1, part, end=at + len(part) == len(body)))
        answer = await peer.response(1)
    assert answer.status == "8"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * KIBI


@pytest.mark.parametrize("body", [b"", b"\0", b"\0\0\0\0\5abc", b"\0\xff\xff\xff\xff", b"\7\0\0\0\0"])
async def test_a_truncated_message_has_a_status_and_the_next_call_its_answer(port: int, body: bytes) -> None:
    async with connected(port) as peer:
        await peer.send(peer.header(1, fields(GET_VENUE)), peer.data(1, body, end=True))
        answer = await peer.response(1)
        assert answer.status == ("8" if b"\xff" in body else "3")
    async with connected(port) as peer:
        await peer.send(peer.call(1, b"\x0a\x01x", fields(GET_VENUE)))
        assert (await peer.response(1)).status == "5"


async def test_incomplete_requests_delay_no_other_call(port: int, client: Client) -> None:
    async with connected(port) as peer:
        for number in range(1, 401, 2):
            await peer.send(peer.header(number, fields(GET_VENUE)), peer.data(number, b"\0\0\0\x40\0half"))
        await peer.sync()
        for _ in range(20):
            assert await status_of(client, GET_VENUE, b"\x0a\x01x") == "NOT_FOUND"


async def test_a_request_that_comes_too_slowly_has_used_up_its_time(client: Client, port: int) -> None:
    async with connected(port) as peer:
        await peer.send(peer.header(1, fields(GET_VENUE, ("grpc-timeout", "200m"))), peer.data(1, b"\0\0\0\1"))
        answer = await peer.response(1)
    assert answer.reset is not None or answer.status == "4"
    assert await status_of(client, GET_VENUE, b"\x0a\x01x") == "NOT_FOUND"


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes started from now on give calls less time."""
    monkeypatch.setattr(limits, "DEADLINE", 0.2)


@pytest.mark.usefixtures("impatient")
async def test_without_a_deadline_it_has_that_of_the_server(client: Client, port: int) -> None:
    async with connected(port) as peer:
        await peer.send(peer.header(1, fields(GET_VENUE)), peer.data(1, b"\0\0\0\1"))
        answer = await peer.response(1)
    assert answer.status == "4"
    assert await status_of(client, GET_VENUE, b"\x0a\x01x") == "NOT_FOUND"


async def test_metadata_beyond_the_limit_are_refused(client: Client) -> None:
    big = (("x-big", "v" * (limits.METADATA_AT_MOST + 1)),)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await client.raw(GET_VENUE, b"\x0a\x01x", headers=big)
    assert refused.value.code() in {grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.INTERNAL, grpc.StatusCode.UNAVAILABLE}
    assert await status_of(client, GET_VENUE, b"\x0a\x01x") == "NOT_FOUND"


async def test_one_that_pings_for_no_reason_is_let_go(port: int) -> None:
    async with connected(port) as peer:
        await peer.send(*[PingFrame(0, b"12345678")] * 8)
        assert await peer.ending() == 11  # ENHANCE_YOUR_CALM


async def test_a_connection_may_have_a_thousand_calls_at_once(port: int) -> None:
    async with connected(port) as peer:
        async with asyncio.timeout(60):
            while 3 not in peer.settings:
                assert await peer.step()
    assert peer.settings[3] == 1_000
