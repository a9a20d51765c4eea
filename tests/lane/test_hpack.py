"""The HPACK decoder agrees with the hpack package on valid and invalid blocks."""

import random
import re
from collections.abc import Sequence

import hpack
import pytest
from hpack.huffman import HuffmanEncoder
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cqar.lane.frames import COMPRESSION_ERROR, ENHANCE_YOUR_CALM, ProtocolError
from cqar.lane.hpack import Decoder, Field, HeaderCache, valid_name
from cqar.lane.huffman import SYMBOLS, Huffman
from cqar.lane.routing import ROUTING_FIELDS
from loadtests import scripts
from loadtests.lane.serve import calls

NAMES = (b":path", b":method", b":authority", b"te", b"authorization", b"cookie", b"grpc-timeout", b"x" * 200, b"Upper", b"a")
names = st.one_of(st.sampled_from(NAMES), st.binary(min_size=1, max_size=30))
values = st.one_of(st.sampled_from([b"", b"POST", b"trailers", b"1u"]), st.binary(max_size=300))
#: header fields of a block, whether to use Huffman codes, and a table size to set first
blocks = st.lists(
    st.tuples(
        st.lists(st.tuples(names, values, st.booleans()), max_size=12),
        st.booleans(),
        st.one_of(st.none(), st.sampled_from([0, 40, 100, 1_000, 4_096])),
    ),
    max_size=12,
)

MEMORY = HeaderCache(ROUTING_FIELDS)


def decoded(decoder: Decoder, block: bytes, memory: HeaderCache) -> list[tuple[bytes, bytes]]:
    """Decode a block into sorted fields, which do not depend on which of them are routing fields."""
    key, others, lead = decoder.decode(block)
    assert 0 <= lead <= len(key)
    return sorted([(field.name, field.value) for field in key] + list(memory.decoded(others)))


def expected(decoder: hpack.Decoder, block: bytes) -> list[tuple[bytes, bytes]]:
    return sorted((bytes(name), bytes(value)) for name, value in decoder.decode(block, raw=True))


@settings(max_examples=150, deadline=None)
@given(blocks)
def test_any_header_block_is_decoded_as_by_the_hpack_package(
    blocks: Sequence[tuple[list[tuple[bytes, bytes, bool]], bool, int | None]],
) -> None:
    encoder, reference = hpack.Encoder(), hpack.Decoder(max_header_list_size=1 << 30)
    ours = Decoder(MEMORY)
    for headers, huffman, size in blocks:
        if size is not None:
            encoder.header_table_size = size
        block = encoder.encode(
            [hpack.HeaderTuple(n, v) if i else hpack.NeverIndexedHeaderTuple(n, v) for n, v, i in headers], huffman=huffman
        )
        assert decoded(ours, block, MEMORY) == expected(reference, block)


@pytest.mark.parametrize("client", scripts.CLIENTS)
def test_header_blocks_of_known_clients_are_decoded(client: str) -> None:
    make, _ = scripts.CLIENTS[client]
    memory = HeaderCache(ROUTING_FIELDS)
    ours, reference = Decoder(memory), hpack.Decoder()
    seen = set()
    source = make(random.Random(5), calls())  # noqa: S311 - the same in every run
    for _ in range(300):
        frame = next(source)
        block = frame[9 : 9 + int.from_bytes(frame[:3], "big")]
        key, others, _ = ours.decode(block)
        seen.add(key)
        assert sorted([(f.name, f.value) for f in key] + list(memory.decoded(others))) == expected(reference, block)
    # All blocks have the same routing fields.
    assert len(seen) == 1


@settings(max_examples=300, deadline=None)
@given(st.lists(st.binary(max_size=60), max_size=4))
def test_random_bytes_are_decoded_or_refused_as_by_the_hpack_package(blocks: list[bytes]) -> None:
    ours, reference = Decoder(MEMORY), hpack.Decoder(max_header_list_size=1 << 30)
    for block in blocks:
        assume(not re.match(rb"[\x20-\x3f]{8}", block))  # more size updates than it takes
        try:
            wanted = expected(reference, block)
        except (hpack.HPACKError, UnicodeDecodeError, IndexError):
            # Values of other fields are only decoded on demand.
            with pytest.raises(ProtocolError):
                decoded(ours, block, MEMORY)
            return
        assert decoded(ours, block, MEMORY) == wanted


def test_equal_routing_fields_are_one_object() -> None:
    memory = HeaderCache(ROUTING_FIELDS)
    headers = [(":path", "/a"), ("authorization", "Bearer x"), ("grpc-timeout", "5u")]
    keys = [Decoder(memory).decode(hpack.Encoder().encode(headers, huffman=huffman))[0] for huffman in (True, False)]
    assert keys[0] == keys[1]
    assert [field.name for field in keys[0]] == [b":path", b"authorization"]


def test_the_position_of_the_first_other_field_is_reported() -> None:
    encode = hpack.Encoder().encode
    decode = Decoder(HeaderCache(ROUTING_FIELDS)).decode
    assert decode(encode([(":path", "/"), (":method", "POST")]))[2] == 2
    assert decode(encode([(":path", "/"), ("x-a", "b"), (":method", "POST")]))[2] == 1
    assert decode(encode([("x-a", "b")]))[2] == 0


@pytest.mark.parametrize(
    "block",
    [
        b"\x80",  # index 0
        b"\xbe",  # an empty dynamic table
        b"\xff\xff\xff\xff\xff\xff\x0f",  # an integer too large
        b"\xff\x80\x80\x80\x80\x80\x80\x00",  # an endless integer
        b"\x04",  # no value
        b"\x04\x05ab",  # a truncated value
        b"\x00\x7f\x80",  # a truncated name
        b"\x0f\x2f\x00",  # a name from an empty table
        b"\x40\x81\xff\x00",  # a Huffman string of eight bits of padding
        b"\x04\x84\xff\xff\xff\xff",  # EOS
        b"\x3f\xe2\x1f",  # a table size over the limit
        b"\x82\x20",  # a table size update after a field
    ],
)
def test_an_invalid_block_is_refused(block: bytes) -> None:
    with pytest.raises(ProtocolError) as caught:
        decoded(Decoder(MEMORY), block, MEMORY)
    assert caught.value.code == COMPRESSION_ERROR


def test_a_smaller_table_requires_a_size_update() -> None:
    decoder = Decoder(MEMORY)
    decoder.set_limit(0)
    with pytest.raises(ProtocolError):
        decoder.decode(b"\x83")
    decoder = Decoder(MEMORY)
    decoder.set_limit(0)
    key, _, _ = decoder.decode(b"\x20\x83")
    assert [(field.name, field.value) for field in key] == [(b":method", b"POST")]
    assert decoder.decode(b"\x83")[0] == key


def test_an_indexing_bomb_is_refused() -> None:
    encoder, decoder = hpack.Encoder(), Decoder(MEMORY)
    block = encoder.encode([("x-bomb", "y" * 4_000)])
    decoder.decode(block)
    with pytest.raises(ProtocolError) as caught:
        decoder.decode(b"\xbe" * 10_000)
    assert caught.value.code == ENHANCE_YOUR_CALM


def test_caches_are_bounded() -> None:
    memory = HeaderCache(ROUTING_FIELDS)
    decoder = Decoder(memory)
    for number in range(20_000):
        name, value = b"n%d" % number, b"v%d" % number
        decoder.decode(b"\0" + bytes((len(name),)) + name + b"\0" + b"\x04" + bytes((len(value),)) + value)
    for memo in (memory.names, memory.literals, memory._fields, memory._strings, memory.routing_names):
        assert len(memo) <= 4_096


@pytest.mark.parametrize(
    ("name", "good"),
    [(b"te", True), (b"x-a.b_c", True), (b"", False), (b"A", False), (b"a b", False), (b"a:", False), (b"upgrade", False)],
)
def test_invalid_names_are_detected(name: bytes, good: bool) -> None:  # noqa: FBT001 - a case
    assert valid_name(name) is good


def test_the_huffman_code_is_that_of_the_rfc() -> None:
    lengths = {symbol: length for length, symbols in SYMBOLS.items() for symbol in symbols}
    assert [lengths[symbol] for symbol in range(257)] == list(REQUEST_CODES_LENGTH)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=100))
def test_huffman_strings_round_trip(text: bytes) -> None:
    assert Huffman().decode(HuffmanEncoder(REQUEST_CODES, REQUEST_CODES_LENGTH).encode(text)) == text


def test_only_routing_fields_are_interned() -> None:
    field = MEMORY.field(b":path", b"/a")
    assert isinstance(field, Field)
    assert MEMORY.field(b"x-a", b"b") == (b"x-a", b"b")
