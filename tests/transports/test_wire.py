"""Calls that no client library makes have the same status, message and details on both transports."""

import gzip
from typing import Any, NamedTuple

import pytest

from cqar.contract.cqc.services.v1 import asset_registry_pb2 as pb
from cqar.lane.grpc import framed
from tests.client import SERVICE
from tests.lane.peer import Fields, Response, connected, fields
from tests.transports.conftest import Filled
from tests.transports.pair import RESOLVER, Pair

GET = f"{SERVICE}GetVenue"
REVISION = f"{RESOLVER}GetRevision"
#: One path for each way of serving a call.
PATHS = (GET, f"{SERVICE}ListVenues", REVISION, f"{RESOLVER}StreamVenueSymbols", f"{SERVICE}GetNothing")


class Ended(NamedTuple):
    """The end of a call."""

    status: str
    message: str
    details: str
    data: bytes


async def ended(port: int, header: Fields, *bodies: bytes) -> Ended:
    """Make a call with these headers and DATA frames. Checks that the connection still works."""
    async with connected(port) as peer:
        await peer.send(peer.header(1, header, end=not bodies))
        for at, body in enumerate(bodies, 1):
            await peer.send(peer.data(1, body, end=at == len(bodies)))
        response: Response = await peer.response(1)
        await peer.send(peer.header(3, fields(f"{SERVICE}ListChains")), peer.data(3, framed(b""), end=True))
        assert (await peer.response(3)).status == "0"
    last = response.headers[-1] if response.headers else {}
    status = last.get("grpc-status", f"reset {response.reset}")
    data = b"" if header[2][1] == REVISION and status == "0" else response.data  # contains an age
    return Ended(status, last.get("grpc-message", ""), last.get("grpc-status-details-bin", ""), data)


async def same(pair: Pair, header: Fields, *bodies: bytes) -> Ended:
    """Return the end of a call, which has to be the same on both transports."""
    each = {name: await ended(worker.port, header, *bodies) for name, worker in pair.workers.items()}
    assert each["lane"] == each["grpcio"], (header[5:], bodies, each)
    return each["lane"]


@pytest.mark.parametrize("path", PATHS)
async def test_requests_in_pieces_or_without_a_message(pair: Pair, path: str) -> None:
    for bodies in ((), (b"",), (b"\0\0", b"\0\0\0"), (b"", framed(b""), b""), (b"\0", b"\0", b"\0", b"\0", b"\0", b"")):
        end = await same(pair, fields(path), *bodies)
        assert end.status != "13", bodies


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("more", "body"),
    [
        ((), b"\0"),
        ((), b"\0\0\0\0\5abc"),
        ((), b"\7\0\0\0\0"),
        ((), b"\1\0\0\0\3abc"),
        ((("grpc-encoding", "snappy"),), b"\1\0\0\0\3abc"),
        ((("grpc-encoding", "gzip"),), b"\1\0\0\0\3abc"),
    ],
    ids=[
        "a truncated prefix",
        "a truncated message",
        "an unknown flag",
        "compressed without encoding",
        "an unsupported encoding",
        "not compressed",
    ],
)
async def test_the_lane_refuses_malformed_grpc_requests(
    pair: Pair, path: str, more: tuple[tuple[str, str], ...], body: bytes
) -> None:
    # grpcio has other messages for some of these, and accepts streams that end within a message.
    answers = {name: await ended(worker.port, fields(path, *more), body) for name, worker in pair.workers.items()}
    assert answers["lane"].status in {"3", "12", "13"}
    assert not answers["lane"].data


async def test_a_unary_request_with_two_messages_is_refused(pair: Pair) -> None:
    # grpcio takes the first.
    for path in (GET, REVISION):
        response = await ended(pair.workers["lane"].port, fields(path), framed(b"") * 2)
        assert response.status == "12"


@pytest.mark.parametrize("path", PATHS)
async def test_compressed_requests(pair: Pair, filled: Filled, path: str) -> None:
    message = pb.GetVenueRequest(venue_id=filled.venue).SerializeToString() if path == GET else b""
    packed = gzip.compress(message, mtime=0)
    body = b"\1" + len(packed).to_bytes(4, "big") + packed
    gzipped: Any = ("grpc-encoding", "gzip")
    for more, sent in (
        ((gzipped,), body),
        ((gzipped,), framed(message)),
        ((("grpc-encoding", "identity"),), framed(message)),
    ):
        await same(pair, fields(path, *more), sent)


@pytest.mark.parametrize("path", PATHS)
async def test_metadata_of_any_kind(pair: Pair, path: str) -> None:
    # The lane splits joined `-bin` values, as gRPC specifies; grpcio does not.
    for more in (
        (("x-any-bin", "AAEC/w=="),),
        (("x-any-bin", "AAEC/w"),),
        (("x-any", ""),),
        (("x-any", "a"), ("x-any", "b")),
        (("user-agent", "client/1.0"),),
        (("grpc-accept-encoding", "identity,gzip"),),
        (("grpc-timeout", "20S"),),
        (("grpc-timeout", "99999999H"),),
        (("content-length", "5"),),
    ):
        await same(pair, fields(path, *more), framed(b""))
    for kind in ("application/grpc+proto", "application/grpc;charset=utf-8"):
        await same(pair, fields(path, ("content-type", kind), without="content-type"), framed(b""))
