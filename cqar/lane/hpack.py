"""HPACK (RFC 7541), the decoding half, built for requests that are mostly alike.

A block is read in one pass and split in two: the fields that *decide* what a request is (its path, who calls, how it is
encoded) come as objects that are the same object for the same name and value, so that a tuple of them finds a decision
without comparing a byte; all others are kept as they came, and their text is read only if somebody asks. What is found
once is remembered: literals by their bytes on the wire, short Huffman strings by theirs.

The dynamic table belongs to a connection (`Decoder`), what is remembered to the process (`Memory`); both are bounded.
"""

from collections.abc import Iterator
from typing import Final, TypeAlias, TypeVar

from cqar.lane.frames import COMPRESSION_ERROR, ENHANCE_YOUR_CALM, Fault
from cqar.lane.huffman import Huffman

#: Bytes of the dynamic table where nothing else is agreed.
DEFAULT_TABLE: Final = 4_096
#: What a field counts beside its name and value.
OVERHEAD: Final = 32
#: Fields of a block, at most.
MAX_FIELDS: Final = 512

#: The static table of the RFC (appendix A), from index 1.
STATIC: Final = (
    (b":authority", b""),
    *((b":method", value) for value in (b"GET", b"POST")),
    *((b":path", value) for value in (b"/", b"/index.html")),
    *((b":scheme", value) for value in (b"http", b"https")),
    *((b":status", value) for value in (b"200", b"204", b"206", b"304", b"400", b"404", b"500")),
    (b"accept-charset", b""),
    (b"accept-encoding", b"gzip, deflate"),
    *(
        (name, b"")
        for name in (
            b"accept-language accept-ranges accept access-control-allow-origin age allow authorization cache-control "
            b"content-disposition content-encoding content-language content-length content-location content-range "
            b"content-type cookie date etag expect expires from host if-match if-modified-since if-none-match if-range "
            b"if-unmodified-since last-modified link location max-forwards proxy-authenticate proxy-authorization range "
            b"referer refresh retry-after server set-cookie strict-transport-security transfer-encoding user-agent vary "
            b"via www-authenticate"
        ).split()
    ),
)

_TABLE_START: Final = len(STATIC) + 1
#: The largest length and index that stand in the first byte of a string, of a literal's name, of an indexed field.
_SHORT_STRING: Final = 0x7F
_SHORT_NAME: Final = 0x0F
#: Entries of each memo, and bytes of what they keep, at most.
_MEMO: Final = 4_096
_MEMO_LENGTH: Final = 1_024
#: Huffman strings longer than this are mostly unique: identifiers of requests and traces.
_MEMO_STRING: Final = 24
_MAX_SHIFT: Final = 28

_CONNECTION: Final = frozenset((b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"))
_TOKEN: Final = frozenset(b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")


class Field:
    """A field that decides. Equal fields are one object as long as they are remembered."""

    __slots__ = ("name", "value")

    def __init__(self, name: bytes, value: bytes) -> None:
        self.name = name
        self.value = value


K = TypeVar("K")
V = TypeVar("V")

#: A field that does not decide: its name and value, or its name, the block and where the value stands in it.
Other: TypeAlias = tuple[bytes, bytes] | tuple[bytes, bytes, int]
#: Fields that decide in their order, all others in theirs, and how many deciding fields came before the first of these.
Block: TypeAlias = tuple[tuple[Field, ...], list[Other], int]


def well_named(name: bytes) -> bool:
    """Whether a request may have a field of this name: lower case, of the right characters, not of HTTP/1's connections."""
    return bool(name) and name not in _CONNECTION and all(byte in _TOKEN for byte in name)


class Memory:
    """What is remembered across connections, and which names decide."""

    def __init__(self, deciding: frozenset[bytes]) -> None:
        self._deciding = deciding
        self._huffman = Huffman()
        #: name -> whether it decides
        self.known: dict[bytes, bool] = {}
        self._fields: dict[tuple[bytes, bytes], Field] = {}
        self._strings: dict[bytes, bytes] = {}
        #: a literal's name on the wire -> name, whether it decides
        self.names: dict[bytes, tuple[bytes, bool]] = {}
        #: a whole literal on the wire -> the field; only of those that decide
        self.literals: dict[bytes, Field] = {}
        #: by index; 0 is none
        self.static: list[Field | Other] = [(b"", b""), *(self.field(name, value) for name, value in STATIC)]

    def decides(self, name: bytes) -> bool:
        """Whether fields of the name decide: the named ones, pseudo-headers, and those that no request may have."""
        known = self.known.get(name)
        if known is None:
            known = name in self._deciding or name[:1] == b":" or not well_named(name)
            if len(name) <= _SHORT_STRING:
                _put(self.known, name, known)
        return known

    def field(self, name: bytes, value: bytes) -> Field | tuple[bytes, bytes]:
        """The field of that name and value."""
        if not self.decides(name):
            return name, value
        found = self._fields.get((name, value))
        if found is None:
            found = Field(name, value)
            if len(name) + len(value) <= _MEMO_LENGTH:
                _put(self._fields, (name, value), found)
        return found

    def remember_name(self, wire: bytes, name: bytes) -> tuple[bytes, bool]:
        """The name, and whether it decides; known by its bytes on the wire from now on."""
        known = (name, self.decides(name))
        _put(self.names, wire, known)
        return known

    def remember_literal(self, wire: bytes, field: Field) -> None:
        """Know a literal by its bytes on the wire from now on."""
        _put(self.literals, wire, field)

    def string(self, block: bytes, at: int) -> tuple[bytes, int]:
        """The string that stands at that place, and what comes after it. Raises Fault, IndexError."""
        first = block[at]
        length = first & _SHORT_STRING
        at += 1
        if length == _SHORT_STRING:
            length, at = integer(block, at, length)
        end = at + length
        raw = block[at:end]
        if len(raw) != length:
            raise Fault(COMPRESSION_ERROR, "a string goes beyond its block")
        if first <= _SHORT_STRING:
            return raw, end
        text = self._strings.get(raw)
        if text is None:
            text = self._huffman.decode(raw)
            if length < _MEMO_STRING:
                _put(self._strings, raw, text)
        return text, end

    def texts(self, others: list[Other]) -> Iterator[tuple[bytes, bytes]]:
        """Names and values of fields that do not decide. Raises Fault where one is no Huffman string."""
        for other in others:
            yield (other[0], other[1]) if len(other) == 2 else (other[0], self.string(other[1], other[2])[0])  # noqa: PLR2004


def _put(memo: dict[K, V], key: K, value: V) -> None:
    """Remember, and begin anew where it is too much: to find again costs microseconds."""
    if len(memo) >= _MEMO:
        memo.clear()
    memo[key] = value


def integer(block: bytes, at: int, value: int) -> tuple[int, int]:
    """The rest of an integer whose first byte was full, and what comes after it. Raises Fault, IndexError."""
    shift = 0
    while True:
        byte = block[at]
        at += 1
        value += (byte & 0x7F) << shift
        if byte <= 0x7F:  # noqa: PLR2004 - the bit that says that more follows
            return value, at
        shift += 7
        if shift > _MAX_SHIFT:
            raise Fault(COMPRESSION_ERROR, "an integer without end")


def _after_string(block: bytes, at: int) -> int:
    """What comes after the string that stands at that place. Raises Fault, IndexError."""
    length = block[at] & _SHORT_STRING
    at += 1
    if length == _SHORT_STRING:
        length, at = integer(block, at, length)
    at += length
    if at > len(block):
        raise Fault(COMPRESSION_ERROR, "a string goes beyond its block")
    return at


class Decoder:
    """Reads the header blocks of one connection, in their order."""

    __slots__ = ("_items", "_limit", "_max", "_memory", "_shrink", "_size", "_sizes", "changed")

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        #: the dynamic table, the newest last, and what each item counts
        self._items: list[Field | Other] = []
        self._sizes: list[int] = []
        self._size = 0
        self._max = DEFAULT_TABLE
        self._limit = DEFAULT_TABLE
        self._shrink = False
        #: set whenever the table changes: equal blocks may then mean something else
        self.changed = False

    def limit(self, size: int) -> None:
        """The peer has agreed to a table of so many bytes: its next block has to begin with saying so if it is smaller."""
        self._limit = size
        self._shrink = self._max > size

    def decode(self, block: bytes) -> Block:  # noqa: C901, PLR0912, PLR0915 - calls cost more than fields
        """The fields of a block. Raises Fault, after which the connection is of no use."""
        key: list[Field] = []
        others: list[Other] = []
        lead = -1
        item: Field | Other
        memory = self._memory
        names = memory.names
        literals = memory.literals
        items = self._items
        at = 0
        end = len(block)
        if self._shrink and (not end or not 0x20 <= block[0] < 0x40):  # noqa: PLR2004
            raise Fault(COMPRESSION_ERROR, "the table's smaller size is not respected")
        try:
            while at < end:
                first = block[at]
                if first > 0x80:  # noqa: PLR2004 - indexed
                    at += 1
                    if first < 0xBE:  # noqa: PLR2004 - in the static table
                        item = memory.static[first - 0x80]
                    elif first < 0xFF:  # noqa: PLR2004 - in one byte
                        item = items[0xBD - first]
                    else:
                        index, at = integer(block, at, _SHORT_STRING)
                        item = items[_TABLE_START - 1 - index]
                elif first >= 0x40:  # noqa: PLR2004 - literal, to be indexed
                    item, at = self._insert(block, at)
                elif first < 0x20:  # noqa: PLR2004 - literal
                    index = first & _SHORT_NAME
                    if index:
                        name_end = at + 1 if index < _SHORT_NAME else at + 2
                    else:
                        name_end = at + 2 + (block[at + 1] & _SHORT_STRING)
                    known = names.get(block[at:name_end])
                    if known is None:
                        item, at = self._unknown(block, at)
                    else:
                        stop = _after_string(block, name_end)
                        if known[1]:
                            wire = block[at:stop]
                            item = literals.get(wire) or self._literal(wire, known[0], name_end - at)
                        else:
                            item = (known[0], block, name_end)
                        at = stop
                else:
                    self._resize(block, at, is_first=not key and not others)
                    at = integer(block, at + 1, 0)[1] if first == 0x3F else at + 1  # noqa: PLR2004 - all ones
                    continue
                if isinstance(item, Field):
                    key.append(item)
                else:
                    if lead < 0:
                        lead = len(key)
                    others.append(item)
        except IndexError:
            raise Fault(COMPRESSION_ERROR, "an index without entry, or a block that ends too soon") from None
        if end > MAX_FIELDS and len(key) + len(others) > MAX_FIELDS:
            raise Fault(ENHANCE_YOUR_CALM, "too many fields")
        return tuple(key), others, len(key) if lead < 0 else lead

    def _insert(self, block: bytes, at: int) -> tuple[Field | Other, int]:
        """A literal that enters the dynamic table, and what comes after it."""
        if block[at] == 0x80:  # noqa: PLR2004 - indexed, without index
            raise Fault(COMPRESSION_ERROR, "index 0")
        memory = self._memory
        index = block[at] & 0x3F
        if 0 < index < _TABLE_START:
            name = _name_of(memory.static[index])
            at += 1
        else:
            name, _, at = self._name(block, at, 0x3F)
        value, at = memory.string(block, at)
        item = (name, value) if memory.known.get(name) is False else memory.field(name, value)
        size = OVERHEAD + len(name) + len(value)
        self._items.append(item)
        self._sizes.append(size)
        self._size += size
        self.changed = True
        if self._size > self._max:
            self._evict()
        return item, at

    def _unknown(self, block: bytes, at: int) -> tuple[Field | Other, int]:
        """A literal whose name is not remembered, and what comes after it."""
        memory = self._memory
        name, lasting, name_end = self._name(block, at, _SHORT_NAME)
        if lasting and name_end - at <= _SHORT_STRING:
            memory.remember_name(block[at:name_end], name)
        if memory.decides(name):
            value, end = memory.string(block, name_end)
            return memory.field(name, value), end
        return (name, block, name_end), _after_string(block, name_end)

    def _literal(self, wire: bytes, name: bytes, name_end: int) -> Field | tuple[bytes, bytes]:
        """A literal whose name is remembered and decides."""
        memory = self._memory
        field = memory.field(name, memory.string(wire, name_end)[0])
        if isinstance(field, Field) and len(wire) <= _MEMO_LENGTH:
            memory.remember_literal(wire, field)
        return field

    def _name(self, block: bytes, at: int, mask: int) -> tuple[bytes, bool, int]:
        """The name of a literal, whether its bytes mean it in every block, and what comes after it."""
        index = block[at] & mask
        at += 1
        if index == mask:
            index, at = integer(block, at, index)
        if not index:
            name, at = self._memory.string(block, at)
            return name, True, at
        if index < _TABLE_START:
            return _name_of(self._memory.static[index]), True, at
        return _name_of(self._items[_TABLE_START - 1 - index]), False, at

    def _resize(self, block: bytes, at: int, *, is_first: bool) -> None:
        """A new size of the table."""
        size = block[at] & 0x1F
        if size == 0x1F:  # noqa: PLR2004 - the rest follows
            size, _ = integer(block, at + 1, size)
        if not is_first or size > self._limit:
            raise Fault(COMPRESSION_ERROR, "a size of the table that is not allowed, or not at the start of a block")
        self._max = size
        self._shrink = False
        self.changed = True
        self._evict()

    def _evict(self) -> None:
        """Drop the oldest until the rest fits."""
        count = 0
        while self._size > self._max:
            self._size -= self._sizes[count]
            count += 1
        del self._items[:count]
        del self._sizes[:count]


def _name_of(item: Field | Other) -> bytes:
    return item.name if isinstance(item, Field) else item[0]
