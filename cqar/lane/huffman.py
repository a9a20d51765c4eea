"""A table-driven decoder of the HPACK Huffman code (RFC 7541, appendix B) that consumes a byte per step."""

from collections.abc import Mapping
from typing import Final, TypeAlias

from cqar.lane.frames import COMPRESSION_ERROR, ProtocolError

#: Symbols by code length in bits, in code order. The code is canonical: codes of one length are consecutive, and the first
#: code of a length follows the last one of the next shorter length. 256 is EOS.
SYMBOLS: Final[Mapping[int, tuple[int, ...]]] = {
    5: tuple(b"012aceiost"),
    6: tuple(b" %-./3456789=A_bdfghlmnpru"),
    7: tuple(b":BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz"),
    8: tuple(b"&*,;XZ"),
    10: tuple(b'!"()?'),
    11: tuple(b"'+|"),
    12: tuple(b"#>"),
    13: tuple(b"\0$@[]~"),
    14: tuple(b"^}"),
    15: tuple(b"<`{"),
    19: (92, 195, 208),
    20: (128, 130, 131, 162, 184, 194, 224, 226),
    21: (153, 161, 167, 172, 176, 177, 179, 209, 216, 217, 227, 229, 230),
    22: (
        *(129, 132, 133, 134, 136, 146, 154, 156, 160, 163, 164, 169, 170),
        *(173, 178, 181, 185, 186, 187, 189, 190, 196, 198, 228, 232, 233),
    ),
    23: (
        *(1, 135, 137, 138, 139, 140, 141, 143, 147, 149, 150, 151, 152, 155, 157),
        *(158, 165, 166, 168, 174, 175, 180, 182, 183, 188, 191, 197, 231, 239),
    ),
    24: (9, 142, 144, 145, 148, 159, 171, 206, 215, 225, 236, 237),
    25: (199, 207, 234, 235),
    26: (192, 193, 200, 201, 202, 205, 210, 213, 218, 219, 238, 240, 242, 243, 255),
    27: (203, 204, 211, 212, 214, 221, 222, 223, 241, 244, 245, 246, 247, 248, 250, 251, 252, 253, 254),
    28: (2, 3, 4, 5, 6, 7, 8, 11, 12, *range(14, 22), *range(23, 32), 127, 220, 249),
    30: (10, 13, 22, 256),
}
_EOS: Final = 256
#: Bits of padding, at most, all ones.
_PADDING: Final = 7


class _Node:
    """A node of the code tree: bit 0 and bit 1 each lead to a node or a symbol."""

    __slots__ = ("next",)

    def __init__(self) -> None:
        self.next: list[_Node | int | None] = [None, None]


def _tree() -> _Node:
    """Build the code tree. Returns its root."""
    root = _Node()
    code = width = 0
    for length, symbols in SYMBOLS.items():
        code <<= length - width
        width = length
        for symbol in symbols:
            node = root
            for shift in range(length - 1, 0, -1):
                below = node.next[code >> shift & 1]
                if not isinstance(below, _Node):
                    below = node.next[code >> shift & 1] = _Node()
                node = below
            node.next[code & 1] = symbol
            code += 1
    return root


#: By the next byte: the decoded symbols and the next state, or None until first used. Lists index faster than objects.
_State: TypeAlias = list[tuple[bytes, "_State"] | None]


class Huffman:
    """The decoder. Its tables fill on demand: to a few hundred kilobytes in practice, to a few megabytes at most."""

    __slots__ = ("_finals", "_nodes", "_root", "_states")

    def __init__(self) -> None:
        self._root = _tree()
        self._states: dict[int, _State] = {}
        #: nodes by the id of their state
        self._nodes: dict[int, _Node] = {}
        self._finals: set[int] = set()
        node = self._root
        self._state(node)
        for _ in range(_PADDING):
            below = node.next[1]
            if isinstance(below, _Node):
                node = below
                self._finals.add(id(self._state(node)))
        self._finals.add(id(self._state(self._root)))

    def decode(self, data: bytes) -> bytes:
        """Decode a string. Raises ProtocolError if it contains EOS or ends in invalid padding."""
        state = self._states[id(self._root)]
        pieces: list[bytes] = []
        append = pieces.append
        for byte in data:
            entry = state[byte]
            if entry is None:
                entry = state[byte] = self._step(state, byte)
            piece, state = entry
            append(piece)
        if id(state) not in self._finals:
            raise ProtocolError(COMPRESSION_ERROR, "invalid Huffman padding")
        return b"".join(pieces)

    def _state(self, node: _Node) -> _State:
        """Return the state of a node."""
        state = self._states.get(id(node))
        if state is None:
            state = self._states[id(node)] = [None] * 256
            self._nodes[id(state)] = node
        return state

    def _step(self, state: _State, byte: int) -> tuple[bytes, _State]:
        """Compute the symbols and the next state for a byte. Raises ProtocolError at EOS."""
        node = self._nodes[id(state)]
        piece = bytearray()
        for shift in range(7, -1, -1):
            below = node.next[byte >> shift & 1]
            if isinstance(below, _Node):
                node = below
            elif below is None or below == _EOS:
                raise ProtocolError(COMPRESSION_ERROR, "EOS in a Huffman string")
            else:
                piece.append(below)
                node = self._root
        return bytes(piece), self._state(node)
