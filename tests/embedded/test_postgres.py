"""PostgreSQL only: its cluster, its user, its socket."""

import asyncio
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest

from cqar.dev.embedded import EmbeddedError, Postgres, processes

from . import clients, holder


def test_the_cluster_suits_development(postgres: Postgres) -> None:
    show = {
        "server_encoding": "UTF8",
        "timezone": "UTC",
        "listen_addresses": "",
        "unix_socket_permissions": "0700",
        "max_connections": "100",
    }
    assert {name: clients.query(postgres.url, f"SHOW {name}") for name in show} == show
    assert clients.query(postgres.url, "SELECT current_user || '@' || current_database()") == "cqar@cqar"
    assert postgres.data.stat().st_mode & 0o777 == 0o700


def test_words_in_all_scripts_are_similar_to_themselves(postgres: Postgres) -> None:
    clients.query(postgres.url, "CREATE EXTENSION IF NOT EXISTS pg_trgm")
    clients.query(postgres.url, "CREATE EXTENSION IF NOT EXISTS btree_gist")
    for word in ("bitcoin", "биткоин", "ビットコイン"):
        assert clients.query(postgres.url, f"SELECT similarity('{word}', '{word}')") == 1


@pytest.mark.parametrize(("throwaway", "durable", "fsync"), [(True, None, "off"), (True, True, "on"), (True, False, "off")])
def test_a_throwaway_server_is_as_durable_as_asked(
    *, throwaway: bool, durable: bool | None, fsync: str, postgres: Postgres
) -> None:
    postgres.stop()
    with Postgres(postgres.folder, throwaway=throwaway, durable=durable) as server:
        found = [clients.query(server.url, f"SHOW {name}") for name in ("fsync", "synchronous_commit", "full_page_writes")]
    assert found == [fsync] * 3


def test_a_paused_server_does_not_answer_until_it_resumes_on_any_connection(postgres: Postgres) -> None:
    async def scenario() -> None:
        connection = await asyncpg.connect(postgres.url)
        postgres.pause()
        query = asyncio.create_task(connection.fetchval("SELECT 1"))
        connected = asyncio.create_task(asyncpg.connect(postgres.url))
        done, _ = await asyncio.wait([query, connected], timeout=0.2)
        assert not done
        postgres.resume()
        other = await connected
        assert await query == await other.fetchval("SELECT 1")
        await connection.close()
        await other.close()

    asyncio.run(scenario())


def test_a_kill_ends_busy_children_too_before_the_next_start(postgres: Postgres) -> None:
    async def scenario() -> None:
        connection = await asyncpg.connect(postgres.url)
        busy = asyncio.create_task(connection.execute("DO $$ BEGIN LOOP PERFORM 1; END LOOP; END $$"))
        await asyncio.sleep(0.05)
        assert connection.get_server_pid() in processes.tree(postgres.pid)
        postgres.kill()
        with pytest.raises((asyncpg.PostgresConnectionError, OSError)):
            await busy

    asyncio.run(scenario())
    postgres.start()
    assert clients.query(postgres.url, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'DO %'") == 0


def test_a_large_log_is_rotated(postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    postgres.stop()
    former = postgres.log.read_bytes()
    monkeypatch.setattr("cqar.dev.embedded.server._LOG_BYTES", len(former) - 1)
    postgres.start()
    assert postgres.log.with_name("postgres.log.1").read_bytes() == former
    assert not postgres.log.read_bytes().startswith(former)


def test_data_of_another_version_are_a_one_line_error(postgres: Postgres) -> None:
    postgres.stop()
    version = postgres.data / "PG_VERSION"
    right = version.read_text()
    version.write_text("14\n")
    with pytest.raises(
        EmbeddedError, match=rf"/data was written by PostgreSQL 14, but {right.strip()} is installed: "
    ) as caught:
        postgres.start()
    assert "\n" not in str(caught.value)
    version.write_text(right)
    postgres.start()


def test_a_server_that_cannot_start_shows_the_end_of_its_log(postgres: Postgres) -> None:
    postgres.stop()
    conf = postgres.data / "postgresql.auto.conf"
    right = conf.read_text()
    conf.write_text("max_connections = many\n")
    with pytest.raises(
        EmbeddedError, match=r"(?s)exited with code 1 at its start; the end of .*postgres.log:.*max_connections"
    ):
        postgres.start()
    assert "database system is ready" not in postgres.log.read_text().rpartition("max_connections")[2]
    conf.write_text(right)
    postgres.start()


def test_files_of_a_killed_server_do_not_prevent_the_next_start(postgres: Postgres) -> None:
    postgres.kill()
    left = postgres.data / "postmaster.pid"
    rows = left.read_text().splitlines()
    postgres.start()
    postgres.kill()
    # The number has gone to another program of the same user meanwhile, here to the parent of our parent's parent.
    left.write_text("\n".join(["1", *rows[1:]]) + "\n")
    postgres.start()
    assert clients.query(postgres.url, "SELECT 1") == 1


def test_a_first_start_can_be_repeated_after_a_kill(folder: Path) -> None:
    half = folder / "postgres" / "data.new"
    with holder.running(folder, throwaway=True) as process:
        deadline = time.monotonic() + 30
        while not (half / "base").exists():
            assert time.monotonic() < deadline
            time.sleep(0.002)
        process.kill()
    assert half.exists()
    with Postgres(folder / "postgres", throwaway=True) as server:
        assert clients.query(server.url, "SELECT 1") == 1
        assert not half.exists()


def test_a_folder_with_other_files_is_not_changed(folder: Path) -> None:
    data = folder / "server" / "data"
    data.mkdir(parents=True)
    (data / "thesis.txt").write_text("years of work")
    with pytest.raises(EmbeddedError, match=r"/server/data is not a PostgreSQL data folder: move it away"):
        Postgres(folder / "server").start()
    assert (data / "thesis.txt").read_text() == "years of work"


def test_a_folder_with_a_long_path_gets_a_short_socket_that_is_removed_with_it(postgres: Postgres, folder: Path) -> None:
    deep = folder / ("long" * 30)
    deep.mkdir()
    server = Postgres(deep, throwaway=True)
    postgres.stop()
    postgres.data.rename(server.data)
    try:
        with server:
            assert clients.query(server.url, "SELECT 1") == 1
            sockets = Path(server.url.partition("?host=")[2])
            assert sockets.stat().st_mode & 0o777 == 0o700
            assert sockets.parent.stat().st_mode & 0o777 == 0o700
        assert not sockets.parent.exists()
        with server:
            assert Path(server.url.partition("?host=")[2]) == sockets
            assert clients.query(server.url, "SELECT 1") == 1
    finally:
        server.data.rename(postgres.data)


def test_a_comma_in_a_path_does_not_reach_the_hosts_of_the_url(folder: Path) -> None:
    for throwaway in (True, False):
        [host] = parse_qs(urlsplit(Postgres(Path("/srv/a, b"), throwaway=throwaway).url).query)["host"]
        assert "," not in host
    with Postgres(folder / "a, b") as server:
        assert clients.query(server.url, "SELECT 1") == 1


def test_a_short_socket_of_another_user_is_neither_used_nor_removed(folder: Path) -> None:
    server = Postgres(folder / ("long" * 30), throwaway=True)
    around = Path(server.url.partition("?host=")[2]).parent
    theirs = folder / "theirs"
    (theirs / "run").mkdir(parents=True)
    around.symlink_to(theirs)
    try:
        with pytest.raises(EmbeddedError, match="is not private to this user"):
            server.start()
        server.stop()
        assert (theirs / "run").exists()
    finally:
        around.unlink()
