"""The Huffman code of HPACK (RFC 7541, appendix B), and a decoder that takes a byte a step."""

from collections.abc import Mapping
from typing import Final, TypeAlias

from cqar.lane.frames import COMPRESSION_ERROR, Fault

#: The table of the RFC: symbols by the length of their code in bits, in the order of their codes. The code is canonical:
#: codes of one length follow each other, and the first of a length follows the last of the length before. 256 is EOS.
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
    """A place in the code's tree: what a 0 and what a 1 lead to, a node or a symbol."""

    __slots__ = ("next",)

    def __init__(self) -> None:
        self.next: list[_Node | int | None] = [None, None]


def _tree() -> _Node:
    """The root of the code's tree."""
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


#: What each byte read at one node yields and leads to; filled as it is asked. Lists of lists are what indexes fastest.
_State: TypeAlias = list[tuple[bytes, "_State"] | None]


class Huffman:
    """The decoder; its tables grow to some megabytes at most, in practice to some hundred kilobytes."""

    __slots__ = ("_finals", "_nodes", "_root", "_states")

    def __init__(self) -> None:
        self._root = _tree()
        self._states: dict[int, _State] = {}
        #: by the number of a state: its node
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
        """The string behind its code. Raises Fault where it holds the end marker or wrong padding."""
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
            raise Fault(COMPRESSION_ERROR, "wrong padding of a Huffman string")
        return b"".join(pieces)

    def _state(self, node: _Node) -> _State:
        """The state at a node."""
        state = self._states.get(id(node))
        if state is None:
            state = self._states[id(node)] = [None] * 256
            self._nodes[id(state)] = node
        return state

    def _step(self, state: _State, byte: int) -> tuple[bytes, _State]:
        """What a byte read in a state yields and leads to. Raises Fault at the end marker."""
        node = self._nodes[id(state)]
        piece = bytearray()
        for shift in range(7, -1, -1):
            below = node.next[byte >> shift & 1]
            if isinstance(below, _Node):
                node = below
            elif below is None or below == _EOS:
                raise Fault(COMPRESSION_ERROR, "a Huffman string holds the end marker")
            else:
                piece.append(below)
                node = self._root
        return bytes(piece), self._state(node)
