"""Attacks with frames: what HTTP/2 lets a client send again and again. The client has a key, so that its calls are served."""

from functools import partial

from tests.attacks.target import Attack, Target, Turn, flood
from tests.attacks.wire import block, body, head, number, settings, update
from tests.lane.peer import raw

_CANCEL = (8).to_bytes(4, "big")
_MOST = (1 << 31) - 1
#: The initial window, changed as often as fits in a frame.
_WINDOWS = raw(4, 0, 0, b"".join(b"\0\4" + (70_000 + at).to_bytes(4, "big") for at in range(2_730)))
_NO_WINDOW = settings(s4=0)


def _call(target: Target, at: int, *more: tuple[str, str]) -> bytes:
    """A call that the process passes on."""
    return head(at, target.paths.passed_on, *target.keyed, *more) + body(at, b"\0\0\0\0\0")


def _cached(target: Target, at: int) -> bytes:
    request = target.paths.request
    return head(at, target.paths.cached, *target.keyed) + body(at, b"\0" + len(request).to_bytes(4, "big") + request)


def _settings(target: Target, at: int) -> bytes:
    """Open streams, then change their windows 2,730 times a frame."""
    if at < 1_000:
        return head(at, target.paths.cached, *target.keyed) + body(at, b"\0", end=False)
    return _WINDOWS


def _rapid_reset(target: Target, at: int) -> bytes:
    return _call(target, at) + raw(3, 0, number(at), _CANCEL)


def _failing_reset(target: Target, at: int) -> bytes:
    """Calls that fail at once do not pay for the resets of others."""
    failing = head(2 * at, target.paths.cached, *target.keyed, ("grpc-timeout", "bad")) + body(2 * at, b"\0\0\0\0\0")
    return failing + _call(target, 2 * at + 1) + raw(3, 0, number(2 * at + 1), _CANCEL)


def _made_you_reset(target: Target, at: int) -> bytes:
    return _call(target, at) + update(number(at), _MOST)


def _continuation(_target: Target, at: int) -> bytes:
    return raw(9, 0, 1, b"\x83" * 8) if at else raw(1, 0, 1, b"\x83")


def _empty_continuation(_target: Target, at: int) -> bytes:
    return raw(9, 0, 1, b"") if at else raw(1, 0, 1, b"\x83")


def _hpack_bomb(target: Target, at: int) -> bytes:
    """Fill an entry of the dynamic table, then refer to it 16,000 times a block."""
    if at:
        return raw(1, 5, number(at), b"\xbe" * 16_000)
    entry = b"\x40\x06x-bomb\x7f" + (3_900 - 127 & 127 | 128).to_bytes(1, "big") + (3_900 - 127 >> 7).to_bytes(1, "big")
    return raw(1, 5, 1, block(target.paths.cached, *target.keyed) + entry + b"y" * 3_900)


def _huffman(target: Target, at: int) -> bytes:
    """Strings of the longest codes, which are slow to decode and new each time."""
    text = b"\x3f\xff\xff\xf0" * 8
    field = b"\x00\x03x-h\x7f\xa1\x1f" + (b"%08d" % at).replace(b"0", b"\xff") + text * 128
    return raw(1, 5, number(at), block(target.paths.cached, *target.keyed) + field[:16_000])


def _table_churn(target: Target, at: int) -> bytes:
    """Entries that push each other out of the dynamic table."""
    entries = b"".join(b"\x40\x08" + b"x%07d" % (300 * at + each) + b"\x01y" for each in range(300))
    return raw(1, 5, number(at), block(target.paths.cached, *target.keyed) + entries)


def _trickle(target: Target, at: int) -> bytes:
    """Have responses sent in single bytes."""
    return _cached(target, at) if at < 500 else update(number(at % 500), 1)


#: Floods of one kind of turn.
_FLOODS: dict[str, Turn] = {
    "settings": _settings,
    "settings-flood": lambda _target, at: settings(s4=70_000 + at % 2),
    "settings-acks": lambda _target, _at: raw(4, 1, 0, b""),
    "rapid-reset": _rapid_reset,
    "failing-reset": _failing_reset,
    "made-you-reset": _made_you_reset,
    "continuation": _continuation,
    "empty-continuation": _empty_continuation,
    "hpack-bomb": _hpack_bomb,
    "huffman": _huffman,
    "table-churn": _table_churn,
    "pings": lambda _target, _at: raw(6, 0, 0, b"12345678"),
    "priority": lambda _target, at: raw(2, 0, number(at), b"\0\0\0\0\1"),
    "empty-data": lambda target, at: body(0, b"", end=False) if at else head(0, target.paths.cached, *target.keyed),
    "zero-updates": lambda target, at: update(1, 0) if at else head(0, target.paths.cached, *target.keyed),
    "goaways": lambda _target, _at: raw(7, 0, 0, bytes(8)),
    "unknown-frames": lambda _target, _at: raw(0xBB, 0, 0, b""),
}
#: Attacks that honest clients could look like, which only have to be harmless.
_HARMLESS = {"huffman", "table-churn"}

FRAMES: dict[str, Attack] = {
    **{name: Attack(partial(flood, turn=turn), closes=name not in _HARMLESS) for name, turn in _FLOODS.items()},
    "zero-windows": Attack(partial(flood, turn=_cached, greeting=_NO_WINDOW, turns=1_000), closes=False),
    "trickle": Attack(partial(flood, turn=_trickle, greeting=_NO_WINDOW)),
}
