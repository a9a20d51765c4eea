"""PostgreSQL is replaced by a promoted copy, with all commits or without the last ones."""

import asyncio
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from cqar import config
from cqar.dev.embedded import Postgres
from cqar.hotpath.app import Hotpath
from tests.client import Client
from tests.conftest import Servers
from tests.hotpath.stack import Listed, admin_of, changed, eventually, found, listed, ticked, worker_of


class Copies:
    """A server whose files can be copied and replaced."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def copy(self, to: Path) -> Path:
        """Copy the files as they are now."""
        await asyncio.to_thread(self._postgres.stop)
        await asyncio.to_thread(_copy, self._postgres.data, to)
        await asyncio.to_thread(self._postgres.start)
        return to

    async def promote(self, copy: Path | None = None) -> None:
        """Kill the server and promote the copy, or the server's own files, as a standby: with a new timeline."""
        await asyncio.to_thread(self._postgres.kill)
        data = self._postgres.data
        if copy is not None:
            await asyncio.to_thread(shutil.rmtree, data)
            await asyncio.to_thread(_copy, copy, data)
        with (data / "postgresql.auto.conf").open("a") as settings:
            settings.write("restore_command = 'false'\n")
        signal = data / "recovery.signal"
        signal.touch()
        shutil.copystat(data / "PG_VERSION", signal)
        await asyncio.to_thread(_owned_alike, data / "PG_VERSION", signal)
        await asyncio.to_thread(self._postgres.start)


def _copy(source: Path, to: Path) -> None:
    subprocess.run(["cp", "-a", str(source), str(to)], check=True)  # noqa: S607 - keeps owners


def _owned_alike(model: Path, path: Path) -> None:
    subprocess.run(["chown", f"--reference={model}", str(path)], check=True)  # noqa: S607 - the same


class Site(NamedTuple):
    """A server that can be replaced, the settings of processes, and the folder of copies."""

    copies: Copies
    settings: config.Settings
    folder: Path


@pytest.fixture
def site(mortal: Servers, mortal_settings: config.Settings, tmp_path: Path) -> Site:
    return Site(Copies(mortal.postgres), changed(mortal_settings, coherence={"detached_serve": 60.0}), tmp_path)


async def _applied(worker: Hotpath, revision: int) -> None:
    await eventually(lambda: worker.cache.applied >= revision)


async def _ticked(registry: Client, btc: Listed, tick: str) -> int:
    """Set a tick size, retrying until the database accepts it."""
    done: list[int] = []

    async def written() -> bool:
        try:
            done.append(await ticked(registry, btc, tick))
        except Exception:  # noqa: BLE001 - retried
            return False
        return True

    await eventually(written, 30)
    return done[0]


async def test_a_standby_with_all_commits_keeps_every_worker_warm(site: Site) -> None:
    async with (
        admin_of(site.settings) as admin,
        worker_of(site.settings, admin.port) as worker,
        Client(admin.port) as registry,
        Client(worker.port) as feed,
    ):
        btc = await listed(registry)
        await _applied(worker, await ticked(registry, btc, "0.25"))
        await found(feed, btc)
        before = worker.cache.history
        await site.copies.promote()
        await eventually(lambda: worker.cache.history != before, 30)
        assert worker.feed.resyncs == 0
        assert worker.cache.history.partition(".")[0] == before.partition(".")[0] == worker.cache.epoch
        assert worker.engine.responses.count, "the cached responses are gone"
        await _applied(worker, await _ticked(registry, btc, "0.125"))
        assert (await found(feed, btc)).symbol.tick_size_decimal == "0.125"
        assert worker.feed.resyncs == 0


async def test_commits_that_a_standby_lost_are_not_served_not_even_from_redis(site: Site) -> None:
    """Redis holds the lost commits. A worker that starts before the relay has noticed must not use them."""
    async with admin_of(site.settings) as admin, Client(admin.port) as registry:
        btc = await listed(registry)
        await ticked(registry, btc, "0.25")
    copy = await site.copies.copy(site.folder / "copy")
    async with (
        admin_of(site.settings) as admin,
        worker_of(site.settings, admin.port) as warm,
        Client(admin.port) as registry,
        Client(warm.port) as feed,
    ):
        lost = await ticked(registry, btc, "0.0625")
        await _applied(warm, lost)
        key = f"symbol:{btc.symbol}"
        history = warm.cache.history

        async def offered() -> bool:
            stored = await warm._redis_cache.get(history, key)
            return stored is not None and stored.snap == lost

        await eventually(offered)
        await admin._relay.stop()  # so that no relay sees that the stream is ahead and sets a new epoch
        await site.copies.promote(copy)
        # Counted when the resync begins; the cache starts over when PostgreSQL has answered.
        await eventually(lambda: warm.feed.resyncs == 1 and warm.cache.starts == 2, 30)
        assert (await found(feed, btc)).symbol.tick_size_decimal == "0.25"
        # The new history reaches the old one's revision, with another change.
        async with (
            worker_of(changed(site.settings, hotpath={"preload": False}), admin.port) as cold,
            Client(cold.port) as reader,
        ):
            for _ in range(3):
                await registry.call("CreateVenue", name=f"venue {_}", venue_type=1)
            await eventually(lambda: cold.cache.applied >= lost)
            assert cold.cache.epoch == warm.cache.epoch
            assert (await found(reader, btc)).symbol.tick_size_decimal == "0.25"
        assert (await found(feed, btc)).symbol.tick_size_decimal == "0.25"
