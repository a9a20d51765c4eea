"""Calls as no library would make them end alike: the same status, message and details on the wire."""

import gzip
from typing import Any, NamedTuple

import pytest

from cqar.contract.cqc.services.v1 import asset_registry_pb2 as pb
from cqar.lane.grpc import framed
from tests.client import SERVICE
from tests.lane.peer import Answer, Fields, connected, fields
from tests.transports.conftest import Held
from tests.transports.pair import RESOLVER, Both

GET = f"{SERVICE}GetVenue"
REVISION = f"{RESOLVER}GetRevision"
#: Read-only or passed on, one of each way that a call takes.
PATHS = (GET, f"{SERVICE}ListVenues", REVISION, f"{RESOLVER}StreamVenueSymbols", f"{SERVICE}GetNothing")


class Told(NamedTuple):
    """What a call ended with."""

    status: str
    message: str
    details: str
    data: bytes


async def told(port: int, header: Fields, *bodies: bytes) -> Told:
    """How a call with this header and body ends, and whether the connection goes on."""
    async with connected(port) as peer:
        await peer.send(peer.header(1, header, end=not bodies))
        for at, body in enumerate(bodies, 1):
            await peer.send(peer.data(1, body, end=at == len(bodies)))
        answer: Answer = await peer.answer(1)
        await peer.send(peer.header(3, fields(f"{SERVICE}ListChains")), peer.data(3, framed(b""), end=True))
        assert (await peer.answer(3)).status == "0"
    last = answer.headers[-1] if answer.headers else {}
    status = last.get("grpc-status", f"reset {answer.reset}")
    data = b"" if header[2][1] == REVISION and status == "0" else answer.data  # it tells an age
    return Told(status, last.get("grpc-message", ""), last.get("grpc-status-details-bin", ""), data)


async def alike(both: Both, header: Fields, *bodies: bytes) -> Told:
    """The same on both transports."""
    each = {name: await told(worker.port, header, *bodies) for name, worker in both.workers.items()}
    assert each["lane"] == each["grpcio"], (header[5:], bodies, each)
    return each["lane"]


@pytest.mark.parametrize("path", PATHS)
async def test_a_request_that_comes_in_pieces_or_without_a_message(both: Both, path: str) -> None:
    for bodies in ((), (b"",), (b"\0\0", b"\0\0\0"), (b"", framed(b""), b""), (b"\0", b"\0", b"\0", b"\0", b"\0", b"")):
        told_alike = await alike(both, fields(path), *bodies)
        assert told_alike.status != "13", bodies


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
        "a part of the prefix",
        "a part of the message",
        "no such flag",
        "not said how packed",
        "packed otherwise",
        "not packed",
    ],
)
async def test_what_is_no_request_of_grpc_is_never_answered_by_the_lane(
    both: Both, path: str, more: tuple[tuple[str, str], ...], body: bytes
) -> None:
    # The library words some of these its own way, and lets streams end well that are cut within a message.
    answers = {name: await told(worker.port, fields(path, *more), body) for name, worker in both.workers.items()}
    assert answers["lane"].status in {"3", "12", "13"}
    assert not answers["lane"].data


async def test_two_messages_are_no_unary_request(both: Both) -> None:
    # The library takes the first.
    for path in (GET, REVISION):
        answer = await told(both.workers["lane"].port, fields(path), framed(b"") * 2)
        assert answer.status == "12"


@pytest.mark.parametrize("path", PATHS)
async def test_compressed_requests(both: Both, held: Held, path: str) -> None:
    message = pb.GetVenueRequest(venue_id=held.venue).SerializeToString() if path == GET else b""
    packed = gzip.compress(message, mtime=0)
    body = b"\1" + len(packed).to_bytes(4, "big") + packed
    gzipped: Any = ("grpc-encoding", "gzip")
    for more, sent in (
        ((gzipped,), body),
        ((gzipped,), framed(message)),
        ((("grpc-encoding", "identity"),), framed(message)),
    ):
        await alike(both, fields(path, *more), sent)


@pytest.mark.parametrize("path", PATHS)
async def test_metadata_of_any_kind(both: Both, path: str) -> None:
    # Values of `-bin` names that a proxy has joined are two to the lane, as gRPC has it, and not base64 to the library.
    for more in (
        (("x-any-bin", "AAEC/w=="),),
        (("x-any-bin", "AAEC/w"),),
        (("x-any", ""),),
        (("x-any", "a"), ("x-any", "b")),
        (("user-agent", "somebody/1.0"),),
        (("grpc-accept-encoding", "identity,gzip"),),
        (("grpc-timeout", "20S"),),
        (("grpc-timeout", "99999999H"),),
        (("content-length", "5"),),
    ):
        await alike(both, fields(path, *more), framed(b""))
    for kind in ("application/grpc+proto", "application/grpc;charset=utf-8"):
        await alike(both, fields(path, ("content-type", kind), without="content-type"), framed(b""))
