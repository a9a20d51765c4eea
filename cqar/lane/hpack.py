"""An HPACK decoder (RFC 7541) for requests that mostly repeat.

One pass splits a header block in two. *Routing fields*, which determine what a request is (path, caller, encoding), become
interned `Field` objects: equal fields are the same object, so a tuple of them finds a route by identity. All other fields
stay encoded and are decoded only on demand. Results are cached: literals by their encoding, short strings by their Huffman
code.

The dynamic table belongs to a connection (`Decoder`), the cache to the process (`HeaderCache`). Both are bounded.
"""

from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias, TypeVar

from cqar.lane.frames import COMPRESSION_ERROR, ENHANCE_YOUR_CALM, ProtocolError
from cqar.lane.huffman import Huffman
from cqar.lane.limits import HEADER_LIST

#: Initial size of the dynamic table in bytes.
DEFAULT_TABLE: Final = 4_096
#: Bytes that a field counts beside its name and value.
OVERHEAD: Final = 32
#: Maximum of fields in a block.
MAX_FIELDS: Final = 512

#: The static table (RFC 7541, appendix A), from index 1.
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
#: Prefix masks: of a string length or an index, and of the name index of a literal without indexing.
_SHORT_STRING: Final = 0x7F
_SHORT_NAME: Final = 0x0F
#: Maximum of entries in each cache, and of bytes in a cached field.
_MAX_ENTRIES: Final = 4_096
_MAX_FIELD: Final = 1_024
#: Longer Huffman strings are mostly unique, such as request and trace ids, and are not cached.
_MAX_STRING: Final = 24
_MAX_SHIFT: Final = 28
#: Bytes of a block that are decoded before the header list is measured.
_STEP: Final = 2_048
#: Table size updates come first in a block, and honest encoders send at most two. Bytes in which they must end.
_UPDATES: Final = 16
#: Header lists that exceed the limit this many times end the connection.
_BOMB: Final = 4
_WIDEST_STATIC: Final = max(OVERHEAD + len(name) + len(value) for name, value in STATIC)
#: Bits of the longest Huffman code.
_LONGEST_CODE: Final = 30

_CONNECTION_SPECIFIC: Final = frozenset((b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"))
_TOKEN: Final = frozenset(b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")


class Field:
    """A routing field. Equal fields are one object while they are cached."""

    __slots__ = ("name", "value")

    def __init__(self, name: bytes, value: bytes) -> None:
        self.name = name
        self.value = value


class HeaderListError(Exception):
    """A header list over `limits.HEADER_LIST`. It is decoded, so the connection can go on."""

    def __init__(self, fields: Sequence[Field], others: int) -> None:
        """`fields`: the routing fields; `others`: the number of all others."""
        self.fields = tuple(fields)
        self.others = others
        super().__init__(f"the request headers are larger than {HEADER_LIST} bytes")


K = TypeVar("K")
V = TypeVar("V")

#: Any other field: its name and value, or its name, the block, and the offset of the encoded value in the block.
OtherField: TypeAlias = tuple[bytes, bytes] | tuple[bytes, bytes, int]
#: Routing fields and other fields, each in order, and the number of routing fields before the first other field.
Decoded: TypeAlias = tuple[tuple[Field, ...], list[OtherField], int]


def valid_name(name: bytes) -> bool:
    """Return whether a field name is valid in HTTP/2: a lower-case token, and not a connection-specific field."""
    return bool(name) and name not in _CONNECTION_SPECIFIC and all(byte in _TOKEN for byte in name)


class HeaderCache:
    """Fields and strings cached for all connections of a process."""

    def __init__(self, routing: frozenset[bytes]) -> None:
        self._routing = routing
        self._huffman = Huffman()
        #: by name: whether it is a routing field
        self.routing_names: dict[bytes, bool] = {}
        self._fields: dict[tuple[bytes, bytes], Field] = {}
        self._strings: dict[bytes, bytes] = {}
        #: by the encoding of a literal up to its value: the name, and whether it is a routing field
        self.names: dict[bytes, tuple[bytes, bool]] = {}
        #: routing fields by the encoding of the whole literal
        self.literals: dict[bytes, Field] = {}
        #: by index; 0 is invalid
        self.static: list[Field | OtherField] = [(b"", b""), *(self.field(name, value) for name, value in STATIC)]

    def is_routing(self, name: bytes) -> bool:
        """Return whether a name is a routing field: a configured one, a pseudo-header field, or an invalid one."""
        known = self.routing_names.get(name)
        if known is None:
            known = name in self._routing or name[:1] == b":" or not valid_name(name)
            if len(name) <= _SHORT_STRING:
                _put(self.routing_names, name, known)
        return known

    def field(self, name: bytes, value: bytes) -> Field | tuple[bytes, bytes]:
        """Return the field with this name and value, interned if it is a routing field."""
        if not self.is_routing(name):
            return name, value
        found = self._fields.get((name, value))
        if found is None:
            found = Field(name, value)
            if len(name) + len(value) <= _MAX_FIELD:
                _put(self._fields, (name, value), found)
        return found

    def cache_name(self, wire: bytes, name: bytes) -> tuple[bytes, bool]:
        """Cache the name of a literal by its encoding. Returns the name, and whether it is a routing field."""
        entry = (name, self.is_routing(name))
        _put(self.names, wire, entry)
        return entry

    def cache_literal(self, wire: bytes, field: Field) -> None:
        """Cache a routing field by the encoding of its literal."""
        _put(self.literals, wire, field)

    def string(self, block: bytes, at: int) -> tuple[bytes, int]:
        """Decode the string at an offset. Returns it and the offset after it. Raises ProtocolError, IndexError."""
        first = block[at]
        length = first & _SHORT_STRING
        at += 1
        if length == _SHORT_STRING:
            length, at = integer(block, at, length)
        end = at + length
        raw = block[at:end]
        if len(raw) != length:
            raise ProtocolError(COMPRESSION_ERROR, "string exceeds the header block")
        if first <= _SHORT_STRING:
            return raw, end
        text = self._strings.get(raw)
        if text is None:
            text = self._huffman.decode(raw)
            if length < _MAX_STRING:
                _put(self._strings, raw, text)
        return text, end

    def decoded(self, others: list[OtherField]) -> Iterator[tuple[bytes, bytes]]:
        """Decode other fields into names and values. Raises ProtocolError if a Huffman code is invalid."""
        for other in others:
            yield (other[0], other[1]) if len(other) == 2 else (other[0], self.string(other[1], other[2])[0])  # noqa: PLR2004


def _put(cache: dict[K, V], key: K, value: V) -> None:
    """Add an entry. A full cache is cleared first, since computing an entry again takes microseconds."""
    if len(cache) >= _MAX_ENTRIES:
        cache.clear()
    cache[key] = value


def integer(block: bytes, at: int, value: int) -> tuple[int, int]:
    """Decode an integer whose prefix is full. Returns it and the offset after it. Raises ProtocolError, IndexError."""
    shift = 0
    while True:
        byte = block[at]
        at += 1
        value += (byte & 0x7F) << shift
        if byte <= 0x7F:  # noqa: PLR2004 - the continuation bit
            return value, at
        shift += 7
        if shift > _MAX_SHIFT:
            raise ProtocolError(COMPRESSION_ERROR, "integer too large")


def _check_list(key: list[Field], others: list[OtherField]) -> int:
    """Return the size of a header list, at least. Raises ProtocolError if it is far too large."""
    count = len(key) + len(others)
    size = OVERHEAD * count + sum(len(field.name) + len(field.value) for field in key)
    size += sum(len(other[0]) + (len(other[1]) if len(other) == 2 else _least(other[1], other[2])) for other in others)  # noqa: PLR2004
    if count > MAX_FIELDS or size > _BOMB * HEADER_LIST:
        raise ProtocolError(ENHANCE_YOUR_CALM, "header list too large", "header_lists")
    return size


def _least(block: bytes, at: int) -> int:
    """Return the size of the encoded string at an offset, at least: a Huffman string may be shorter than its code."""
    length = block[at] & _SHORT_STRING
    if length == _SHORT_STRING:
        length, _ = integer(block, at + 1, length)
    return length if block[at] <= _SHORT_STRING else length * 8 // _LONGEST_CODE


def _after_string(block: bytes, at: int) -> int:
    """Return the offset after the string at an offset. Raises ProtocolError, IndexError."""
    length = block[at] & _SHORT_STRING
    at += 1
    if length == _SHORT_STRING:
        length, at = integer(block, at, length)
    at += length
    if at > len(block):
        raise ProtocolError(COMPRESSION_ERROR, "string exceeds the header block")
    return at


class Decoder:
    """Decodes the header blocks of one connection, which must come in order."""

    __slots__ = ("_cache", "_items", "_limit", "_max", "_shrink", "_size", "_sizes", "_widest", "changed", "new")

    def __init__(self, cache: HeaderCache) -> None:
        self._cache = cache
        #: the dynamic table, newest entry last, and the size of each entry
        self._items: list[Field | OtherField] = []
        self._sizes: list[int] = []
        self._size = 0
        self._max = DEFAULT_TABLE
        self._limit = DEFAULT_TABLE
        self._shrink = False
        # The largest entry that the table has ever had, or that the static table has.
        self._widest = _WIDEST_STATIC
        #: set whenever the table changes, since the same block may then mean something else
        self.changed = False
        #: names and entries of the table, since this was set to 0, that were new and therefore took longer to decode
        self.new = 0

    def set_limit(self, size: int) -> None:
        """Apply SETTINGS_HEADER_TABLE_SIZE. If the table must shrink, the next block has to start with a size update."""
        self._limit = size
        self._shrink = self._max > size

    def decode(self, block: bytes) -> Decoded:  # noqa: C901, PLR0912, PLR0915 - a function call costs more than decoding a field
        """Decode a header block.

        Raises HeaderListError if the header list exceeds the limit, and ProtocolError, after which the connection has to close.
        """
        key: list[Field] = []
        others: list[OtherField] = []
        lead = -1
        item: Field | OtherField
        cache = self._cache
        names = cache.names
        literals = cache.literals
        items = self._items
        at = 0
        end = len(block)
        pause = end if end < _STEP else _STEP  # noqa: FURB136 - min() costs more
        if self._shrink and (not end or not 0x20 <= block[0] < 0x40):  # noqa: PLR2004
            raise ProtocolError(COMPRESSION_ERROR, "missing dynamic table size update")
        try:
            while True:
                while at < pause:
                    first = block[at]
                    if first > 0x80:  # noqa: PLR2004 - indexed
                        at += 1
                        if first < 0xBE:  # noqa: PLR2004 - in the static table
                            item = cache.static[first - 0x80]
                        elif first < 0xFF:  # noqa: PLR2004 - in a single byte
                            item = items[0xBD - first]
                        else:
                            index, at = integer(block, at, _SHORT_STRING)
                            item = items[_TABLE_START - 1 - index]
                    elif first >= 0x40:  # noqa: PLR2004 - literal with incremental indexing
                        item, at = self._insert(block, at)
                    elif first < 0x20:  # noqa: PLR2004 - literal without indexing
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
                if at >= end:
                    break
                _check_list(key, others)
                pause = min(end, at + _STEP)
        except IndexError:
            raise ProtocolError(COMPRESSION_ERROR, "invalid index or truncated header block") from None
        # Only few lists need to be measured: this is a quick upper bound.
        if (len(key) + len(others)) * self._widest + 2 * end > HEADER_LIST and _check_list(key, others) > HEADER_LIST:
            raise HeaderListError(key, len(others))
        return tuple(key), others, len(key) if lead < 0 else lead

    def _insert(self, block: bytes, at: int) -> tuple[Field | OtherField, int]:
        """Decode a literal with incremental indexing. Returns the field and the offset after it."""
        if block[at] == 0x80:  # noqa: PLR2004 - indexed field 0
            raise ProtocolError(COMPRESSION_ERROR, "invalid index 0")
        cache = self._cache
        index = block[at] & 0x3F
        if 0 < index < _TABLE_START:
            name = _name_of(cache.static[index])
            at += 1
        else:
            name, _, at = self._name(block, at, 0x3F)
        value, at = cache.string(block, at)
        item = (name, value) if cache.routing_names.get(name) is False else cache.field(name, value)
        size = OVERHEAD + len(name) + len(value)
        self._items.append(item)
        self._sizes.append(size)
        self._size += size
        if size > self._widest:  # noqa: PLR1730 - max() costs more
            self._widest = size
        self.changed = True
        self.new += 1
        if self._size > self._max:
            self._evict()
        return item, at

    def _unknown(self, block: bytes, at: int) -> tuple[Field | OtherField, int]:
        """Decode a literal whose name is not cached. Returns the field and the offset after it."""
        cache = self._cache
        self.new += 1
        name, stable, name_end = self._name(block, at, _SHORT_NAME)
        if stable and name_end - at <= _SHORT_STRING:
            cache.cache_name(block[at:name_end], name)
        if cache.is_routing(name):
            value, end = cache.string(block, name_end)
            return cache.field(name, value), end
        return (name, block, name_end), _after_string(block, name_end)

    def _literal(self, wire: bytes, name: bytes, name_end: int) -> Field | tuple[bytes, bytes]:
        """Decode a literal whose cached name is a routing field."""
        cache = self._cache
        field = cache.field(name, cache.string(wire, name_end)[0])
        if isinstance(field, Field) and len(wire) <= _MAX_FIELD:
            cache.cache_literal(wire, field)
        return field

    def _name(self, block: bytes, at: int, mask: int) -> tuple[bytes, bool, int]:
        """Decode the name of a literal.

        Returns it, whether its encoding is independent of the dynamic table, and the offset after it.
        """
        index = block[at] & mask
        at += 1
        if index == mask:
            index, at = integer(block, at, index)
        if not index:
            name, at = self._cache.string(block, at)
            return name, True, at
        if index < _TABLE_START:
            return _name_of(self._cache.static[index]), True, at
        return _name_of(self._items[_TABLE_START - 1 - index]), False, at

    def _resize(self, block: bytes, at: int, *, is_first: bool) -> None:
        """Apply a dynamic table size update."""
        size = block[at] & 0x1F
        if size == 0x1F:  # noqa: PLR2004 - the prefix is full
            size, _ = integer(block, at + 1, size)
        if not is_first or size > self._limit or at > _UPDATES:
            raise ProtocolError(COMPRESSION_ERROR, "invalid dynamic table size update")
        self._max = size
        self._shrink = False
        self.changed = True
        self._evict()

    def _evict(self) -> None:
        """Evict the oldest entries until the rest fits."""
        count = 0
        while self._size > self._max:
            self._size -= self._sizes[count]
            count += 1
        del self._items[:count]
        del self._sizes[:count]


def _name_of(item: Field | OtherField) -> bytes:
    return item.name if isinstance(item, Field) else item[0]
