"""Attacks with calls, by clients without a key, with a wrong one, and with a reader's."""

from functools import partial

from cqar.auth import keys
from tests.attacks.target import Attack, Target, flood
from tests.attacks.wire import body, bomb, head, settings, update

_GZIP = ("grpc-encoding", "gzip")
_LONG = "k" * 12_000
_LARGE = 16 << 20
#: Windows that never close.
_OPEN = settings(s4=(1 << 31) - 1) + update(0, (1 << 31) - 70_000)
_EMPTY = b"\0\0\0\0\0"


def _gzip(target: Target, at: int) -> bytes:
    """15 KB that inflate to 15 MB."""
    return head(at, target.paths.cached, _GZIP) + body(at, bomb(15 << 20))


def _keyed_gzip(target: Target, at: int) -> bytes:
    path = (target.paths.cached, target.paths.batch, target.paths.passed_on)[at % 3]
    return head(at, path, *target.keyed, _GZIP) + body(at, bomb(15 << 20))


def _large_gzip(target: Target, at: int) -> bytes:
    """Where messages may be large."""
    return head(at, target.paths.large, *target.keyed, _GZIP) + body(at, bomb(15 << 20))


def _oversized(target: Target, at: int) -> bytes:
    """Requests of 16 MB that never end, on 17 streams at a time."""
    stream = at % 17
    if at < 17:
        return head(stream, target.paths.cached) + body(stream, b"\0" + _LARGE.to_bytes(4, "big"), end=False)
    return body(stream, bytes(16_000), end=False)


def _keyed_oversized(target: Target, at: int) -> bytes:
    stream = at % 17
    if at < 17:
        return head(stream, target.paths.large, *target.keyed) + body(
            stream, b"\0" + (_LARGE - 9).to_bytes(4, "big"), end=False
        )
    return body(stream, bytes(16_000), end=False)


def _unproven(target: Target, at: int) -> bytes:
    """Requests that begin, by callers whose keys have to be looked up."""
    wrong = ("authorization", f"Bearer {keys.make('dev').text}")
    return head(at, target.paths.batch, wrong) + body(at, b"\0\0\x1f\0\0" + bytes(16_000), end=False)


def _wrong_keys(target: Target, at: int) -> bytes:
    return head(at, target.paths.cached, ("authorization", f"Bearer {keys.make('dev').text}")) + body(at, _EMPTY)


def _malformed_keys(target: Target, at: int) -> bytes:
    return head(at, target.paths.cached, ("authorization", f"Bearer {at}")) + body(at, _EMPTY)


def _keyless(target: Target, at: int) -> bytes:
    path = (target.paths.passed_on, target.paths.batch, "/none/None")[at % 3]
    return head(at, path, end=True)


def _watches(target: Target, at: int) -> bytes:
    return head(at, target.paths.watch) + body(at, _EMPTY)


def _long_fields(target: Target, at: int) -> bytes:
    return head(at, target.paths.cached, ("authorization", f"Bearer {at} {_LONG}")) + body(at, _EMPTY)


def _keyed_long_fields(target: Target, at: int) -> bytes:
    return head(at, target.paths.cached, *target.keyed, ("x-a", f"{at} {_LONG}")) + body(at, _EMPTY)


def _absent_names(target: Target, at: int) -> bytes:
    """A batch of 4,000 long names that do not exist."""
    names = (b"%d-%d-" % (at, each) + b"x" * 200 for each in range(4_000))
    keys_of = (b"\n\7binance\x12" + _varint(len(name)) + name for name in names)
    message = b"".join(b"\n" + _varint(len(key)) + key for key in keys_of)
    return head(at, target.paths.batch, *target.keyed) + body(at, b"\0" + len(message).to_bytes(4, "big") + message)


def _varint(value: int) -> bytes:
    return bytes((value,)) if value < 128 else bytes((value & 127 | 128, value >> 7))


def _calls(target: Target, at: int) -> bytes:
    """Calls whose responses are large and not read."""
    request = target.paths.request
    return head(at, target.paths.cached, *target.keyed) + body(at, b"\0" + len(request).to_bytes(4, "big") + request)


def _passed_on(target: Target, at: int) -> bytes:
    return head(at, target.paths.passed_on, *target.keyed) + body(at, _EMPTY)


CALLS: dict[str, Attack] = {
    "keyless": Attack(partial(flood, turn=_keyless)),
    "keyless-gzip": Attack(partial(flood, turn=_gzip), closes=False),
    "keyless-oversized": Attack(partial(flood, turn=_oversized), closes=False),
    "keyless-watches": Attack(partial(flood, turn=_watches, turns=1_000, connections=20), closes=False),
    "keyless-fields": Attack(partial(flood, turn=_long_fields, turns=100, connections=100), closes=False),
    "wrong-keys": Attack(partial(flood, turn=_wrong_keys), closes=False),
    "malformed-keys": Attack(partial(flood, turn=_malformed_keys)),
    "unproven-bytes": Attack(partial(flood, turn=_unproven, connections=8), closes=False),
    "gzip": Attack(partial(flood, turn=_keyed_gzip), closes=False),
    "large-gzip": Attack(partial(flood, turn=_large_gzip), closes=False),
    "oversized": Attack(partial(flood, turn=_keyed_oversized), closes=False),
    "long-fields": Attack(partial(flood, turn=_keyed_long_fields, turns=100, connections=100), closes=False),
    "absent-names": Attack(partial(flood, turn=_absent_names, turns=200), closes=False),
    "unread": Attack(partial(flood, turn=_calls, greeting=_OPEN, connections=20, reads=False), closes=False),
    "unread-passed-on": Attack(partial(flood, turn=_passed_on, greeting=_OPEN, connections=20, reads=False), closes=False),
}
