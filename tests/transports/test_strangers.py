"""What a worker does for callers without a verified key: next to nothing, and within bounds."""

import gzip
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

import pytest
from hyperframe.frame import Frame

from cqar import config, errors
from cqar.admin.app import METHODS, Admin
from cqar.auth import keys
from cqar.contract.cqc.services.v1 import asset_registry_pb2 as pb
from cqar.hotpath.app import Hotpath
from cqar.hotpath.passthrough import request_bytes
from cqar.hotpath.transports.lane import LaneTransport
from cqar.lane import grpc
from cqar.lane.grpc import framed
from cqar.lane.proxy import Proxy
from cqar.lane.server import Lane
from cqar.model.call import Role
from cqar.server import limits
from tests.access import credentials
from tests.client import SERVICE
from tests.hotpath.stack import admin_of, worker_of
from tests.lane.peer import Fields, Peer, connected, fields
from tests.transports.pair import RESOLVER, TAIL

GET, LISTED, NOTHING = f"{SERVICE}GetVenue", f"{SERVICE}ListAssets", f"{SERVICE}GetNothing"
STREAM, APPLY = f"{RESOLVER}StreamVenueSymbols", "/cqar.v1.Registry/Apply"
OPEN, WATCH = "/cqar.v1.Access/OpenReviews", "/grpc.health.v1.Health/Watch"
CHECK = "/grpc.health.v1.Health/Check"
REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
KIBI = 1_024
_GZIP = ("grpc-encoding", "gzip")


@pytest.fixture(scope="module")
def locked(shared: config.Settings) -> config.Settings:
    return credentials.locked(shared)


@pytest.fixture(scope="module")
async def admin(locked: config.Settings) -> AsyncIterator[Admin]:
    async with admin_of(locked) as process:
        yield process


@pytest.fixture(scope="module")
async def secret(locked: config.Settings, admin: Admin) -> str:  # noqa: ARG001 - has migrated the database
    return await credentials.make(locked, Role.READER, principal="strangers")


@pytest.fixture(scope="module")
async def api_keys(locked: config.Settings, admin: Admin) -> Mapping[Role, str]:  # noqa: ARG001 - has migrated the database
    """A key of each role."""
    return {role: await credentials.make(locked, role) for role in Role}


@pytest.fixture
async def worker(locked: config.Settings, admin: Admin, secret: str) -> AsyncIterator[Hotpath]:  # noqa: ARG001 - exists before
    async with worker_of(locked, admin.port) as process:
        yield process


@pytest.fixture
async def peer(worker: Hotpath) -> AsyncIterator[Peer]:
    async with connected(worker.port) as made:
        yield made


@pytest.fixture
def unpacked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The limits with which messages were unpacked."""
    recorded: list[int] = []
    decompress = grpc.decompress

    def recording(flag: int, message: bytes, encoding: bytes, max_bytes: int) -> bytes:
        if flag:
            recorded.append(max_bytes)
        return decompress(flag, message, encoding, max_bytes)

    monkeypatch.setattr(grpc, "decompress", recording)
    return recorded


def lane_of(worker: Hotpath) -> Lane:
    transport: Any = worker._transport
    assert isinstance(transport, LaneTransport)
    assert transport._lane is not None
    return transport._lane


def authorized(path: str, secret: str, *more: tuple[str, str]) -> Fields:
    return fields(path, ("authorization", f"Bearer {secret}"), *more)


def chunks(peer: Peer, number: int, data: bytes) -> Iterator[Frame]:
    """The DATA frames of a whole request."""
    for at in range(0, len(data), 16_000):
        yield peer.data(number, data[at : at + 16_000], end=at + 16_000 >= len(data))


def packed(message: bytes) -> bytes:
    data = gzip.compress(message, mtime=0)
    return b"\1" + len(data).to_bytes(4, "big") + data


@pytest.mark.parametrize("path", [GET, LISTED, STREAM, NOTHING])
async def test_nothing_is_unpacked_for_a_caller_without_a_key(peer: Peer, unpacked: list[int], path: str) -> None:
    await peer.send(peer.header(1, fields(path, _GZIP)), peer.data(1, packed(bytes(4_000 * KIBI)), end=True))
    assert (await peer.response(1)).status == "16"
    await peer.sync()
    assert not unpacked


async def test_a_health_check_without_a_key_is_unpacked_up_to_a_small_limit(peer: Peer, unpacked: list[int]) -> None:
    for number, size, status in ((1, 4_000 * KIBI, "8"), (3, 64 * KIBI + 1, "8"), (5, 0, "0")):
        await peer.send(peer.header(number, fields(CHECK, _GZIP)), peer.data(number, packed(bytes(size)), end=True))
        assert (await peer.response(number)).status == status
    assert unpacked == [64 * KIBI] * 3


async def test_nothing_is_unpacked_while_a_key_cannot_be_verified(
    peer: Peer, worker: Hotpath, unpacked: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def down(_key_id: str) -> Any:
        msg = "the database is down"
        raise errors.Unavailable(msg)

    assert worker.authority is not None
    monkeypatch.setattr(worker.authority._source, "find", down)
    header = authorized(LISTED, keys.make("dev").text, _GZIP)
    await peer.send(peer.header(1, header), peer.data(1, packed(bytes(4_000 * KIBI)), end=True))
    response = await peer.response(1)
    assert (response.status, response.headers[-1]["grpc-message"][:36]) == ("14", "this key cannot be verified now; ret")
    assert not unpacked


@pytest.mark.parametrize(
    ("role", "path", "limit"),
    [
        (Role.READER, LISTED, 64 * KIBI),
        (Role.READER, APPLY, 64 * KIBI),
        (Role.READER, OPEN, 64 * KIBI),
        (Role.READER, STREAM, 2_048 * KIBI),
        (Role.READER, NOTHING, 64 * KIBI),
        (Role.READER, "/no.such.Service/Get", 64 * KIBI),
        (Role.READER, REFLECTION, 64 * KIBI),
        (Role.WRITER, OPEN, 2_048 * KIBI),
        (Role.WRITER, NOTHING, 64 * KIBI),
        (Role.WRITER, REFLECTION, 64 * KIBI),
        (Role.WRITER, APPLY, 16_384 * KIBI),
        (Role.ADMIN, NOTHING, 16_384 * KIBI),
    ],
)
async def test_what_is_passed_on_is_unpacked_up_to_the_limit_of_its_role(
    peer: Peer, worker: Hotpath, unpacked: list[int], api_keys: Mapping[Role, str], role: Role, path: str, limit: int
) -> None:
    # Once for a key that this process has to look up, and once for a known one.
    for number in (1, 3):
        await peer.send(peer.header(number, authorized(path, api_keys[role], _GZIP)))
        await peer.send(*chunks(peer, number, packed(bytes(limit + 1))))
        assert (await peer.response(number)).status == "8"
        assert unpacked == sorted({min(64 * KIBI, limit), limit})  # a short message would be unpacked by the first
        unpacked.clear()
    await peer.sync()
    assert lane_of(worker).state.usage.buffered == 0


def test_no_read_that_is_passed_on_has_a_larger_limit_than_readers_have() -> None:
    for method in METHODS:
        if method.role is Role.READER:
            assert request_bytes(method.path, Role.READER) == limits.request_bytes(method.described), method.name


async def test_a_compressed_request_is_unpacked_up_to_the_limit_of_its_method(
    peer: Peer, unpacked: list[int], secret: str
) -> None:
    for number, path in ((1, GET), (3, LISTED)):
        await peer.send(peer.header(number, authorized(path, secret, _GZIP)))
        await peer.send(peer.data(number, packed(bytes(4_000 * KIBI)), end=True))
        assert (await peer.response(number)).status == "8", path
    assert set(unpacked) == {64 * KIBI}
    request = pb.GetVenueRequest(venue_id="unknown").SerializeToString()
    await peer.send(peer.header(5, authorized(GET, secret, _GZIP)), peer.data(5, packed(request), end=True))
    assert (await peer.response(5)).status == "5"


async def test_an_oversized_request_is_refused_by_its_prefix(peer: Peer, secret: str, worker: Hotpath) -> None:
    for number, path in ((1, GET), (3, LISTED)):
        await peer.send(peer.header(number, authorized(path, secret)), peer.data(number, b"\0\0\2\0\0" + bytes(100)))
        response = await peer.response(number)
        assert response.status == "8", path
        assert "131,072 bytes" in response.headers[-1]["grpc-message"]
    await peer.sync()
    assert lane_of(worker).state.usage.buffered == 0


async def test_a_call_without_a_valid_key_is_not_passed_on(
    peer: Peer, worker: Hotpath, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed = []
    monkeypatch.setattr(Proxy, "start", lambda _proxy, stream: passed.append(stream))
    for at, path in enumerate(
        (LISTED, NOTHING, STREAM, TAIL, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo")
    ):
        number = 4 * at + 1
        await peer.send(peer.header(number, fields(path)))
        await peer.send(peer.header(number + 2, authorized(path, credentials.WRONG)))
        for each in (number, number + 2):
            assert (await peer.response(each)).status == "16", path
    assert not passed
    assert lane_of(worker).state.usage.calls == 0


async def test_health_watches_do_not_use_places_of_calls(worker: Hotpath, secret: str) -> None:
    state = lane_of(worker).state
    async with connected(worker.port) as many, connected(worker.port) as good:
        for number in range(1, 100, 2):
            await many.send(many.header(number, fields(WATCH)), many.data(number, framed(b""), end=True))
        await many.sync()
        refused = [response for response in many.responses.values() if response.ended and response.status == "8"]
        assert len(refused) == 50 - state.limits.connection_public_calls
        assert (state.usage.calls, state.strangers.public) == (0, state.limits.connection_public_calls)
        state.strangers.public = state.limits.public_calls
        try:
            await good.send(good.header(1, authorized(GET, secret)))
            await good.send(good.data(1, framed(pb.GetVenueRequest(venue_id="unknown").SerializeToString()), end=True))
            assert (await good.response(1)).status == "5"
        finally:
            state.strangers.public = state.limits.connection_public_calls


async def test_many_first_calls_with_a_good_key_are_all_served(peer: Peer, secret: str) -> None:
    request = pb.GetVenueRequest(venue_id="unknown").SerializeToString()
    for number in range(1, 200, 2):
        await peer.send(peer.call(number, request, authorized(GET, secret)))
    for number in range(1, 200, 2):
        assert (await peer.response(number)).status == "5"
