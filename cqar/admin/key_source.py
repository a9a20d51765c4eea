"""Keys for admin, read from PostgreSQL and at most half a second old; and the record of when keys were last used."""

import asyncio
import time
from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

from cqar import errors, tasks
from cqar.auth.authority import Authority, KeyRecord, Source
from cqar.contract.cqar.v1 import access_pb2 as pb
from cqar.model import events
from cqar.observability import logs
from cqar.storage.nats import EventBus
from cqar.storage.postgres import Pool, Session
from cqar.writes import keyring

_log = logs.logger("callers")

#: Seconds for which a key read from PostgreSQL is trusted, from before the read: a revocation takes effect within a second.
_BELIEVED = 0.5
#: Seconds between two writes of recorded uses.
_WRITE_EVERY = 15.0
#: Maximum number of keys with a use to be written.
_WAITING = 100_000
_MINUTE = 60
_decoder = msgspec.msgpack.Decoder(dict[str, int])


class _Belief:
    """A key read from PostgreSQL, valid for a short time."""

    __slots__ = ("_until", "used")

    def __init__(self, until: float) -> None:
        self._until = until
        self.used = False

    @property
    def live(self) -> bool:
        """Whether it is still valid."""
        return time.monotonic() < self._until


class DatabaseKeySource(Source):
    """Reads keys from PostgreSQL. `bootstrap`: the hash of a key that is an administrator's while no other exists."""

    def __init__(self, pool: Pool, bus: EventBus, bootstrap: str | None) -> None:
        self._pool = pool
        self._bootstrap = bootstrap or None
        self._times: dict[str, int] = {}
        self._authority: Authority | None = None
        self._task: asyncio.Task[None] | None = None
        bus.listen(events.KEYS_USED, self._heard)

    def start(self, authority: Authority | None) -> None:
        """Record uses in the background, including those of this process's own authority."""
        self._authority = authority
        self._task = asyncio.create_task(self._keep(), name="keys-used")

    async def stop(self) -> None:
        """Write recorded uses and stop."""
        await tasks.end(self._task)
        await self.write()

    async def find(self, key_id: str) -> KeyRecord:
        """The stored key."""
        basis = _Belief(time.monotonic() + _BELIEVED)
        async with self._pool.session() as session:
            found = await keyring.stored(session, key_id)
            if found is None and self._bootstrap is not None:
                found = await _bootstrap_key(session, key_id, self._bootstrap)
        return KeyRecord(found, basis)

    # ---- when keys were used ---------------------------------------------------------------------------------------

    def _heard(self, data: bytes) -> None:
        """Uses reported by a worker: key id -> seconds since 1970."""
        try:
            times = _decoder.decode(data)
        except msgspec.DecodeError:
            _log.warning("uses_unreadable", size=len(data))
            return
        self._note(times)

    def _note(self, times: Mapping[str, int]) -> None:
        if len(self._times) + len(times) <= _WAITING:
            self._times |= {key_id: max(at, self._times.get(key_id, 0)) for key_id, at in times.items()}

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(_WRITE_EVERY)
            await self.write()

    async def write(self) -> None:
        """Write which keys were used since the last write."""
        if self._authority is not None:
            self._note(dict.fromkeys(self._authority.take_used(), _now()))
        times, self._times = self._times, {}
        # A time in the future cannot come from a worker.
        known = {key_id: datetime.fromtimestamp(at, UTC) for key_id, at in times.items() if 0 <= at <= _now() + _MINUTE}
        if not known:
            return
        try:
            async with self._pool.session() as session:
                await keyring.used(session, known)
        except errors.CqarError as error:
            _log.warning("uses_not_written", error=str(error))
            self._note(times)


async def _bootstrap_key(session: Session, key_id: str, key_hash: str) -> pb.ApiKey | None:
    """An administrator's key with this hash, while the registry has no other administrator's key."""
    if await keyring.administered(session):
        return None
    return pb.ApiKey(key_id=key_id, hash=key_hash, principal="bootstrap", role=pb.ADMIN)


def _now() -> int:
    """The current minute, in seconds since 1970."""
    return int(time.time()) // _MINUTE * _MINUTE
