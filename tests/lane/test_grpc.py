"""gRPC statuses, metadata, timeouts and messages as bytes."""

import gzip
import zlib
from urllib.parse import unquote

import hpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cqar.lane import grpc
from cqar.lane.grpc import RpcError, framed
from tests.lane.peer import Fields, connected, fields
from tests.lane.running import GET, RunningLane


def unary_message(data: bytes, encoding: bytes, max_bytes: int) -> bytes:
    """Decode the one message of a unary request."""
    grpc.check_unary(data, max_bytes)
    return grpc.decompress(data[0], data[grpc.PREFIX :], encoding, max_bytes)


def read(block: bytes) -> dict[str, str]:
    return {str(name): str(value) for name, value in hpack.Decoder().decode(block)}


@given(st.text(max_size=300))
def test_any_message_survives_as_printable_ascii(message: str) -> None:
    sent = read(RpcError(5, message.encode(errors="replace").decode()).trailers()).get("grpc-message", "")
    assert all(0x20 <= ord(character) <= 0x7E for character in sent)
    assert unquote(sent) == message.encode(errors="replace").decode()


def test_details_and_binary_metadata_are_base64_without_padding() -> None:
    block = RpcError(9, "no", details=b"\x08\x09", trailing=(("a", "b"), ("c-bin", b"\xff"))).trailers()
    assert read(block) == {"grpc-status": "9", "grpc-message": "no", "grpc-status-details-bin": "CAk", "a": "b", "c-bin": "/w"}


@pytest.mark.parametrize("length", [0, 1, 126, 127, 128, 254, 255, 300, 20_000])
def test_fields_of_any_length_are_encoded(length: int) -> None:
    assert read(grpc.literal(b"x" * max(1, length), b"y" * length)) == {"x" * max(1, length): "y" * length}


@pytest.mark.parametrize(
    ("value", "seconds"),
    [(b"1H", 3_600), (b"2M", 120), (b"3S", 3), (b"500m", 0.5), (b"250000u", 0.25), (b"99999999n", 0.099999999), (b"0n", 0)],
)
def test_timeouts_are_decoded_in_all_units(value: bytes, seconds: float) -> None:
    assert grpc.timeout(value) == pytest.approx(seconds)


@pytest.mark.parametrize("value", [b"", b"1", b"S", b"123456789S", b"-1S", b"1s", b"1.5S", b" 1S", b"1S ", b"\xd9\xa1S"])
def test_an_invalid_timeout_is_refused(value: bytes) -> None:
    with pytest.raises(RpcError):
        grpc.timeout(value)


def test_binary_metadata_is_decoded_with_and_without_padding_and_in_lists() -> None:
    got = grpc.metadata([(b"a-bin", b"/w=="), (b"a-bin", b"/w"), (b"b-bin", b"AQ,AgM="), (b"k", b"v"), (b"te", b"trailers")])
    assert got == [("a-bin", b"\xff"), ("a-bin", b"\xff"), ("b-bin", b"\x01"), ("b-bin", b"\x02\x03"), ("k", "v")]
    with pytest.raises(RpcError):
        grpc.metadata([(b"a-bin", b"!")])


def test_a_message_is_decoded_in_every_encoding() -> None:
    assert unary_message(framed(b"abc"), b"identity", 10) == b"abc"
    for encoding, packed in ((b"gzip", gzip.compress(b"abc", mtime=0)), (b"deflate", zlib.compress(b"abc"))):
        assert unary_message(b"\1" + len(packed).to_bytes(4, "big") + packed, encoding, 100) == b"abc"


@pytest.mark.parametrize(
    ("data", "encoding", "code"),
    [
        (b"", b"identity", grpc.UNIMPLEMENTED),
        (b"\0\0\0", b"identity", grpc.INTERNAL),
        (framed(b"abc")[:-1], b"identity", grpc.INTERNAL),
        (framed(b"abc") * 2, b"identity", grpc.UNIMPLEMENTED),
        (framed(b"a" * 101), b"identity", grpc.RESOURCE_EXHAUSTED),
        (b"\1" + framed(b"abc")[1:], b"identity", grpc.INTERNAL),
        (b"\1" + framed(b"abc")[1:], b"gzip", grpc.INTERNAL),
        (b"\2" + framed(b"abc")[1:], b"gzip", grpc.INTERNAL),
        (b"\1" + framed(gzip.compress(b"abc", mtime=0)[:-2])[1:], b"gzip", grpc.INTERNAL),
        (b"\1" + framed(gzip.compress(b"a" * 101, mtime=0))[1:], b"gzip", grpc.RESOURCE_EXHAUSTED),
    ],
)
async def test_a_unary_request_needs_exactly_one_valid_message(
    running: RunningLane, data: bytes, encoding: bytes, code: int
) -> None:
    with pytest.raises(RpcError) as caught:
        unary_message(data, encoding, 100)
    assert caught.value.code == code
    if code != grpc.RESOURCE_EXHAUSTED:
        async with connected(running.port) as peer:
            await peer.send(peer.header(1, fields(GET, ("grpc-encoding", encoding.decode()))), peer.data(1, data, end=True))
            assert (await peer.response(1)).status == str(code)


HTTP: dict[str, tuple[Fields, dict[str, str]]] = {
    "GET": ([(":method", "GET"), *fields(without=":method")], {":status": "405", "allow": "POST"}),
    "no content-type": (fields(without="content-type"), {":status": "415"}),
    "JSON": (fields(GET, ("content-type", "application/json"), without="content-type"), {":status": "415"}),
    "grpc-web": (fields(GET, ("content-type", "application/grpc-web"), without="content-type"), {":status": "415"}),
    "no te": (fields(without="te"), {":status": "200", "grpc-status": "13"}),
    "an unknown encoding": (
        fields(GET, ("grpc-encoding", "snappy")),
        {":status": "200", "grpc-status": "12", "grpc-accept-encoding": "identity,deflate,gzip"},
    ),
    "an unknown method": (fields("/a.B/C"), {":status": "200", "grpc-status": "12"}),
    "an invalid key": (fields(GET, ("authorization", "Bearer wrong")), {"grpc-status": "16"}),
    "an invalid timeout": (fields(GET, ("grpc-timeout", "soon")), {"grpc-status": "13"}),
    "invalid base64": (fields(GET, ("x-bin", "!")), {"grpc-status": "13"}),
    "metadata with a line break": (fields(GET, ("x-a", "b\nc")), {"grpc-status": "13"}),
    "a subtype": (fields(GET, ("content-type", "application/grpc+proto"), without="content-type"), {"grpc-status": "0"}),
    "parameters": (fields(GET, ("content-type", "application/grpc;a=b"), without="content-type"), {"grpc-status": "0"}),
}


@pytest.mark.parametrize("name", HTTP)
async def test_request_headers_determine_the_status(running: RunningLane, name: str) -> None:
    header, expected = HTTP[name]
    async with connected(running.port) as peer:
        await peer.send(peer.header(1, header), peer.data(1, framed(b"metadata"), end=True))
        response = await peer.response(1)
        got = response.headers[0] | response.headers[-1]
        assert {key: got.get(key) for key in expected} == expected
        await peer.send(peer.call(3))
        assert (await peer.response(3)).status == "0"


async def test_an_error_is_trailers_only(running: RunningLane) -> None:
    async with connected(running.port) as peer:
        await peer.send(peer.call(1, b"absent"))
        response = await peer.response(1)
        assert len(response.headers) == 1
        assert response.headers[0][":status"] == "200"
        assert response.headers[0]["content-type"] == "application/grpc"
        assert response.headers[0]["grpc-status-details-bin"] == "CAUSBG5vbmU"


async def test_trailers_longer_than_a_frame_are_continued(running: RunningLane) -> None:
    async with connected(running.port) as peer:
        await peer.send(peer.call(1, b"metadata", fields(GET, *((f"x-{at}", "v" * 700) for at in range(20)))))
        assert (await peer.response(1)).headers[-1]["x-7"] == "v" * 700


async def test_responses_do_not_use_the_dynamic_table(running: RunningLane) -> None:
    """All header fields are literals, so that the lane has no HPACK encoder state."""
    async with connected(running.port) as peer:
        for number in range(1, 40, 4):
            await peer.send(peer.call(number), peer.call(number + 2, b"absent"))
            await peer.response(number + 2)
        assert not peer._decoder.header_table.dynamic_entries
