"""Redis between workers and PostgreSQL: a shared cache that is never trusted. The only module that imports redis-py.

A value is a part at its snap. The higher snap wins, by compare-and-set in the server, so the order of writes does not
matter. Readers verify the key in the value and admit the part by the same rule as a read of PostgreSQL. A tombstone says
that the part has changed since any older value. After a failure, Redis is not used for a while, so no second call waits.
"""

import time
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec
import redis.asyncio
import redis.exceptions

from cqar import config
from cqar.model import part_kinds
from cqar.model.cache_keys import kind_of
from cqar.model.entities import ALL
from cqar.model.entity import Entity
from cqar.model.parts import Stored
from cqar.observability import logs

_log = logs.logger("tier")

#: Seconds that parts are kept, by kind. Other kinds are private, or of a version that this one does not know.
_TTL: Final = {each.name: each.ttl for each in part_kinds.ALL if each.ttl is not None}
#: Seconds that an absence is kept: callers send such names.
_ABSENT_TTL: Final = 30
#: Connections of one process at most; further calls wait for one.
_MAX_CONNECTIONS = 32
#: Parts that one script puts: it blocks Redis while it runs.
_PUT_AT_ONCE = 200
#: Seconds after a failure during which Redis is not used.
_RETRY_AFTER = 1.0

# A value starts with its snap in 16 hexadecimal digits and a digit that is 0 for a tombstone, so that text order is the
# order of snaps, and at the same snap rows win over a tombstone.
_PUT = """
for at = 1, #KEYS do
  local old = redis.call('GETRANGE', KEYS[at], 0, 16)
  local new = ARGV[2 * at - 1]
  if old < string.sub(new, 1, 17) then redis.call('SET', KEYS[at], new, 'EX', ARGV[2 * at]) end
end
"""


class _Value(msgspec.Struct, frozen=True, array_like=True):
    key: str
    rows: list[Stored] | None


class Adopted(NamedTuple):
    """A part from Redis; `rows` is None for a tombstone."""

    snap: int
    rows: list[Stored] | None


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Value)


class RedisCache:
    """The parts in Redis, by history and key. Failures are counted and logged, never raised."""

    def __init__(self, settings: config.Redis) -> None:
        pool = redis.asyncio.BlockingConnectionPool.from_url(
            settings.url,
            max_connections=_MAX_CONNECTIONS,
            timeout=settings.timeout,
            socket_timeout=settings.timeout,
            socket_connect_timeout=settings.timeout,
            retry=None,
            retry_on_timeout=False,
        )
        self._redis = redis.asyncio.Redis.from_pool(pool)
        self._put = self._redis.register_script(_PUT)
        self._retry_at = 0.0
        self.failures = 0

    async def close(self) -> None:
        """Close all connections."""
        await self._redis.aclose()

    @property
    def up(self) -> bool:
        """Whether Redis is in use, and not avoided after a failure."""
        return time.monotonic() >= self._retry_at

    async def ping(self) -> bool:
        """Whether Redis answers now."""
        try:
            return bool(await self._redis.ping())
        except (redis.exceptions.RedisError, OSError, TimeoutError):
            return False

    async def get(self, history: str, key: str) -> Adopted | None:
        """The part under the key; None if it is missing or corrupt, or if Redis fails."""
        if not self.up or kind_of(key) not in _TTL:
            return None
        try:
            data: Any = await self._redis.get(_named(history, key))
        except (redis.exceptions.RedisError, OSError, TimeoutError) as error:
            self._failed(error)
            return None
        if data is None:
            return None
        try:
            snap, value = int(data[:16], 16), _decoder.decode(data[17:])
        except (ValueError, msgspec.DecodeError):
            return None
        return Adopted(snap, value.rows) if value.key == key else None

    async def put(self, history: str, reads: Sequence[tuple[int, Mapping[str, Sequence[Stored] | None]]]) -> None:
        """Offer parts with the snap at which they were read; None for rows is a tombstone. Only older values are replaced."""
        keys: list[str] = []
        values: list[bytes | int] = []
        for snap, parts in reads:
            for key, rows in parts.items():
                ttl = _TTL.get(kind_of(key))
                if ttl is None:
                    continue
                if rows is not None and not rows:
                    ttl = min(ttl, _ABSENT_TTL)
                body = _encoder.encode(_Value(key, None if rows is None else list(rows)))
                keys.append(_named(history, key))
                values += [b"%016x%d" % (snap, rows is not None) + body, ttl]
        for at in range(0, len(keys), _PUT_AT_ONCE):
            if not self.up:
                return
            end = at + _PUT_AT_ONCE
            try:
                await self._put(keys=keys[at:end], args=values[2 * at : 2 * end])
            except (redis.exceptions.RedisError, OSError, TimeoutError) as error:
                self._failed(error)

    def _failed(self, error: Exception) -> None:
        self.failures += 1
        self._retry_at = time.monotonic() + _RETRY_AFTER
        _log.warning("redis_failed", error=repr(error))


def _form(entities: Iterable[Entity]) -> str:
    """The form of the rows in parts: of a version with other columns it differs, as its rows lack them."""
    return f"{zlib.crc32(repr([(each.name, tuple(each.columns)) for each in entities]).encode()):08x}"


#: A row that an earlier version put lacks the columns that have been added since: it is under another key.
_FORM: Final = _form(ALL)


def _named(history: str, key: str) -> str:
    kind, _, rest = key.partition(":")
    return f"{kind}:{history}.{_FORM}:{rest}"
