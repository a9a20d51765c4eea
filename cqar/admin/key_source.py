"""Keys for admin, read from PostgreSQL and at most half a second old; and the record of when keys were last used."""

import asyncio
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from cqar import errors, tasks
from cqar.auth.authority import Authority, KeyRecord, Source
from cqar.contract.cqar.v1 import access_pb2 as pb
from cqar.model import events
from cqar.observability import logs
from cqar.storage.nats import EventBus
from cqar.storage.postgres import Pool
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


class _Batch:
    """Keys that are read together."""

    __slots__ = ("key_ids", "task")

    task: asyncio.Task[Mapping[str, KeyRecord]]

    def __init__(self) -> None:
        self.key_ids: set[str] = set()


class DatabaseKeySource(Source):
    """Reads keys from PostgreSQL. `bootstrap`: the hash of a key that is an administrator's while no other exists."""

    def __init__(self, pool: Pool, bus: EventBus, bootstrap: str | None) -> None:
        self._pool = pool
        self._bootstrap = bootstrap or None
        self._gathering: _Batch | None = None
        self._reading = asyncio.Lock()
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
        """The stored key. Concurrent callers share a read, and one read runs at a time, however many ids are guessed."""
        batch = self._gathering
        if batch is None:
            batch = self._gathering = _Batch()
            batch.task = asyncio.create_task(self._read(batch), name="keys-read")
            batch.task.add_done_callback(_retrieved)
        batch.key_ids.add(key_id)
        return (await asyncio.shield(batch.task))[key_id]

    async def _read(self, batch: _Batch) -> Mapping[str, KeyRecord]:
        """Wait for the read before, then read all keys of the batch."""
        async with self._reading:
            self._gathering = None
            basis = _Belief(time.monotonic() + _BELIEVED)
            async with self._pool.session() as session:
                stored = await keyring.stored_keys(session, sorted(batch.key_ids))
                open_to = self._bootstrap
                if open_to is not None and (len(stored) == len(batch.key_ids) or await keyring.administered(session)):
                    open_to = None
        return {each: KeyRecord(stored.get(each) or _bootstrap_key(each, open_to), basis) for each in batch.key_ids}

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


def _bootstrap_key(key_id: str, key_hash: str | None) -> pb.ApiKey | None:
    """An administrator's key with this hash, if there is one."""
    return None if key_hash is None else pb.ApiKey(key_id=key_id, hash=key_hash, principal="bootstrap", role=pb.ADMIN)


def _retrieved(task: asyncio.Task[Any]) -> None:
    """Mark the error of a read as seen, also if all its callers are gone."""
    if not task.cancelled():
        task.exception()


def _now() -> int:
    """The current minute, in seconds since 1970."""
    return int(time.time()) // _MINUTE * _MINUTE
