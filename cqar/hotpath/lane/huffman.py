"""The Huffman code of HPACK (RFC 7541, appendix B), and a decoder that takes a byte a step."""

from collections.abc import Mapping
from typing import Final

from cqar.hotpath.lane.frames import COMPRESSION_ERROR, Fault

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

    __slots__ = ("final", "next")

    def __init__(self) -> None:
        self.next: list[_Node | int | None] = [None, None]
        #: whether a string may end here
        self.final = False


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


class _State(dict[int, tuple[bytes, "_State"]]):
    """What each byte read at one node yields and leads to. Filled as it is asked, up to 256 entries."""

    __slots__ = ("_node", "_states", "final")

    def __init__(self, node: _Node, states: dict[int, "_State"]) -> None:
        super().__init__()
        self._node = node
        self._states = states
        self.final = node.final

    def __missing__(self, byte: int) -> "tuple[bytes, _State]":
        root = self._states[0]._node  # noqa: SLF001 - one of its kind
        node = self._node
        piece = bytearray()
        for shift in range(7, -1, -1):
            below = node.next[byte >> shift & 1]
            if isinstance(below, _Node):
                node = below
                continue
            if below is None or below == _EOS:
                raise Fault(COMPRESSION_ERROR, "a Huffman string holds the end marker")
            piece.append(below)
            node = root
        key = 0 if node is root else id(node)
        state = self._states.get(key)
        if state is None:
            state = self._states[key] = _State(node, self._states)
        entry = self[byte] = (bytes(piece), state)
        return entry


class Huffman:
    """The decoder; its tables grow to some megabytes at most, in practice to some hundred kilobytes."""

    __slots__ = ("_start",)

    def __init__(self) -> None:
        root = _tree()
        node = root
        node.final = True
        for _ in range(_PADDING):
            below = node.next[1]
            if isinstance(below, _Node):
                below.final = True
                node = below
        states: dict[int, _State] = {}
        self._start = states[0] = _State(root, states)

    def decode(self, data: bytes) -> bytes:
        """The string behind its code. Raises Fault where it holds the end marker or wrong padding."""
        state = self._start
        pieces: list[bytes] = []
        append = pieces.append
        for byte in data:
            piece, state = state[byte]
            append(piece)
        if not state.final:
            raise Fault(COMPRESSION_ERROR, "wrong padding of a Huffman string")
        return b"".join(pieces)
