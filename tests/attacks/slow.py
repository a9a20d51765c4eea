"""Slow attacks: connections that are never used, and requests that never end."""

from functools import partial

from tests.attacks.target import Attack, Target, flood, hold
from tests.attacks.wire import body, head, settings
from tests.lane.peer import PREFACE, raw

_IDLE = 10_000
_GREETING = PREFACE + settings()
#: A ClientHello of TLS that claims to be longer.
_HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(60)


def _slow_bodies(target: Target, at: int) -> bytes:
    """Open requests, then send them byte by byte."""
    if at < 1_000:
        return head(at, target.paths.batch, *target.keyed) + body(at, b"\0\0\1\0\0", end=False)
    return body(at % 1_000, b"x", end=False)


async def _half_open(target: Target) -> None:
    """Begin TLS handshakes."""
    await hold(target, 300, _HELLO, port=target.port)


SLOW: dict[str, Attack] = {
    "slow-prefaces": Attack(partial(hold, count=300, start=PREFACE[:3], again=b""), lasts=12),
    "slow-headers": Attack(
        partial(hold, count=300, start=_GREETING + raw(1, 0, 1, b"\x83"), again=raw(9, 0, 1, b"\x86"), every=2), lasts=24
    ),
    "slow-frames": Attack(
        partial(hold, count=300, start=_GREETING + raw(0, 0, 1, bytes(900))[:100], again=b"x", every=2), lasts=24
    ),
    "slow-bodies": Attack(partial(flood, turn=_slow_bodies, turns=20_000, connections=10), closes=False),
    "half-open-tls": Attack(_half_open, lasts=12, tls=True),
    "idle-connections": Attack(partial(hold, count=_IDLE, start=_GREETING), closes=False, lasts=12, growth=200 << 20),
}
