"""Migrations on a real PostgreSQL."""

import asyncio
import json
import logging
import shutil
import socket
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncpg
import pytest

from cqar.cli.main import cli
from cqar.dev.embedded import Postgres
from cqar.storage import migrate
from cqar.storage.migrate import MigrateError
from loadtests.servers import free_port

ROOT = Path(__file__).parents[2]

Make = Callable[..., Path]


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    """A PostgreSQL for the tests of this file."""
    folder = Path(tempfile.mkdtemp(prefix="cqar-migrate-"))
    folder.chmod(0o755)
    postgres = Postgres(folder / "postgres", throwaway=True)
    try:
        postgres.start()
        yield postgres
    finally:
        postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def url(server: Postgres) -> str:
    """The URL of a new, empty database."""
    name = f"t{uuid.uuid4().hex}"
    execute(server.url, f"CREATE DATABASE {name}")
    return server.url.replace("/cqar?", f"/{name}?")


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Replace the migrations by (up, down) SQL, numbered from 0001, in a folder with an unusual name."""

    def made(*steps: tuple[str, str]) -> Path:
        folder = tmp_path / "a folder:100 %(x)s"
        folder.mkdir()
        for number, (up, down) in enumerate(steps, start=1):
            (folder / f"{number:04}_step.up.sql").write_text(f"-- Step {number}\n{up}")
            (folder / f"{number:04}_step.down.sql").write_text(down)
        monkeypatch.setattr(migrate, "folder", lambda: folder)
        return folder

    return made


def execute(url: str, script: str) -> None:
    """Execute SQL statements."""

    async def executed() -> None:
        connection = await asyncpg.connect(url)
        try:
            await connection.execute(script)
        finally:
            await connection.close()

    asyncio.run(executed())


def value(url: str, query: str) -> object:
    """The first value of a query's first row."""

    async def fetched() -> object:
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetchval(query)
        finally:
            await connection.close()

    return asyncio.run(fetched())


def eventually(url: str, query: str) -> None:
    """Wait until a query returns true."""
    for _ in range(200):
        if value(url, query):
            return
        time.sleep(0.02)
    pytest.fail(f"never true: {query}")


def refusal(work: Callable[..., object], *args: object, **options: object) -> str:
    """The one-line error of the failed work."""
    with pytest.raises(MigrateError) as caught:
        work(*args, **options)
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    return message


def up(url: str, revision: str = "head", **options: float) -> list[str]:
    """The lines that `migrate.up` reports."""
    lines: list[str] = []
    migrate.up(url, revision, lines.append, **options)
    return lines


def down(url: str, revision: str = "-1") -> list[str]:
    """The lines that `migrate.down` reports."""
    lines: list[str] = []
    migrate.down(url, revision, lines.append)
    return lines


def exists(url: str, table: str) -> bool:
    """Whether a table exists."""
    return value(url, f"SELECT to_regclass('{table}') IS NOT NULL") is True


ONE = ("CREATE TABLE one ();", "DROP TABLE one;")
TWO = ("CREATE TABLE two ();", "DROP TABLE two;")
THREE = ("CREATE TABLE three ();", "DROP TABLE three;")


# ---- the registry's own migrations ----------------------------------------------------------------------------------


def test_the_registry_can_be_created_and_dropped_and_created_again(url: str) -> None:
    empty = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname NOT LIKE 'alembic_version%'"
    assert value(url, empty) == 0
    assert up(url)[0] == "0001 The registry: applied"
    assert migrate.pending(url) == []
    assert value(url, "SELECT count(*) FROM head") == 1
    assert down(url, "base")[-1] == "0001 The registry: reverted"
    assert (value(url, empty), migrate.current(url)) == (0, None)
    up(url)
    assert all(each.applied for each in migrate.status(url))


def test_migrating_does_not_change_the_logging_of_the_program(url: str) -> None:
    root = logging.getLogger()
    before = (list(root.handlers), root.level, logging.getLogger("cqar").disabled)
    up(url)
    assert (list(root.handlers), root.level, logging.getLogger("cqar").disabled) == before


async def _in_a_thread(url: str) -> list[str]:
    return await asyncio.to_thread(up, url)


def test_a_coroutine_can_migrate_in_a_thread(url: str) -> None:
    assert asyncio.run(_in_a_thread(url))[-1].endswith(": applied")


def test_an_installed_package_contains_its_migrations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert migrate.folder() == ROOT / "migrations"
    package = tmp_path / "site-packages" / "cqar"
    shutil.copytree(ROOT / "migrations", package / "_migrations")
    monkeypatch.setattr(migrate, "__file__", str(package / "storage" / "migrate.py"))
    assert migrate.folder() == package / "_migrations"
    shutil.rmtree(package / "_migrations")
    assert "no migrations in" in refusal(migrate.folder)


# ---- up, down, status -----------------------------------------------------------------------------------------------


def test_an_empty_database_has_no_migrations_and_reading_the_status_creates_nothing(url: str, make: Make) -> None:
    make(ONE, TWO)
    assert migrate.current(url) is None
    assert migrate.status(url) == [("0001", "Step 1", False), ("0002", "Step 2", False)]
    assert migrate.pending(url) == ["0001", "0002"]
    assert not exists(url, "alembic_version")


def test_up_applies_pending_migrations_in_order_and_then_nothing(url: str, make: Make) -> None:
    make(ONE, TWO)
    assert up(url) == ["0001 Step 1: applied", "0002 Step 2: applied"]
    assert up(url) == ["nothing to do: the database is at 0002"]
    assert migrate.status(url) == [("0001", "Step 1", True), ("0002", "Step 2", True)]
    assert exists(url, "two")


@pytest.mark.parametrize(
    ("goal", "reached"), [("+1", "0001"), ("0002", "0002"), ("+2", "0002"), ("+9", "0003"), ("head", "0003")]
)
def test_up_stops_at_the_target(url: str, make: Make, goal: str, reached: str) -> None:
    make(ONE, TWO, THREE)
    up(url, goal)
    assert migrate.current(url) == reached


@pytest.mark.parametrize(("goal", "reached"), [("-1", "0002"), ("0001", "0001"), ("-2", "0001"), ("-9", None), ("base", None)])
def test_down_stops_at_the_target(url: str, make: Make, goal: str, reached: str | None) -> None:
    make(ONE, TWO, THREE)
    up(url)
    down(url, goal)
    assert migrate.current(url) == reached
    assert [exists(url, each) for each in ("one", "two", "three")] == [(reached or "") >= f"000{n}" for n in (1, 2, 3)]


def test_commands_print_the_migrations_that_they_apply_or_revert_as_json(
    url: str, make: Make, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    make(ONE, TWO)
    monkeypatch.setenv("CQAR_DATABASE_URL", url)

    def printed(*words: str) -> list[object]:
        cli.main(("migrate", *words, "--json"), standalone_mode=False)
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    one, two = ({"revision": f"000{number}", "title": f"Step {number}"} for number in (1, 2))
    assert printed("up") == [{**one, "applied": True}, {**two, "applied": True}]
    assert printed("up") == []
    assert printed("down") == [{**two, "applied": False}]
    assert printed("sql", "--from", "0001") == [{"sql": migrate.script(start="0001")}]


def test_up_never_reverts_and_down_never_applies(url: str, make: Make) -> None:
    make(ONE, TWO)
    up(url)
    assert up(url, "0001") == ["nothing to do: the database is at 0002"]
    down(url)
    assert down(url, "0002") == ["nothing to do: the database is at 0001"]
    assert down(url, "base") == ["0001 Step 1: reverted"]
    assert down(url) == ["nothing to do: the database is at base"]


def test_an_unknown_target_is_refused(url: str, make: Make) -> None:
    make(ONE, TWO)
    assert refusal(up, url, "0042") == "unknown migration 0042: this version of cqar has 0001, 0002"


def test_a_database_of_a_newer_version_is_not_changed(url: str, make: Make) -> None:
    make(ONE)
    up(url)
    execute(url, "UPDATE alembic_version SET version_num = '0007'")
    assert migrate.current(url) == "0007"
    for work in (up, down, migrate.status, migrate.pending):
        assert refusal(work, url) == "unknown migration 0007: this version of cqar has 0001"
    assert exists(url, "one")


@pytest.mark.parametrize(("number", "next_number"), [("0003", "0002"), ("0003", "0004"), ("0001", "0000"), ("0003", "3")])
def test_numbers_must_have_no_gap_and_no_duplicate(url: str, make: Make, number: str, next_number: str) -> None:
    folder = make(ONE, TWO, THREE)
    for way in ("up", "down"):
        (folder / f"{number}_step.{way}.sql").rename(folder / f"{next_number}_other.{way}.sql")
    assert "numbers have no gaps and are used once" in refusal(up, url)
    assert not exists(url, "one")


@pytest.mark.parametrize("way", ["up", "down"])
def test_a_migration_needs_both_files(url: str, make: Make, way: str) -> None:
    (make(ONE, TWO) / f"0002_step.{way}.sql").unlink()
    assert refusal(up, url) == f"migration 0002_step lacks 0002_step.{way}.sql"
    assert not exists(url, "one")


def test_a_migration_needs_a_title(url: str, make: Make) -> None:
    (make(ONE) / "0001_step.up.sql").write_text("CREATE TABLE one ();")
    assert refusal(up, url) == "migration 0001_step.up.sql must begin with a comment line, its title"


# ---- the SQL --------------------------------------------------------------------------------------------------------


def test_a_file_reaches_postgresql_unchanged(url: str, make: Make) -> None:
    body = "BEGIN\n\tRETURN ':word' || '%s %% %(x)s' || E'\\\\' || '; -- -' || $q${0}$q$; -- ä日\nEND"
    make((f"CREATE FUNCTION odd() RETURNS text LANGUAGE plpgsql AS $${body}$$;\nCREATE TABLE one ();", "DROP FUNCTION odd();"))
    up(url)
    assert value(url, "SELECT prosrc FROM pg_proc WHERE proname = 'odd'") == body
    assert value(url, "SELECT odd()") == ":word%s %% %(x)s\\; -- -{0}"
    assert exists(url, "one")


def test_a_failed_migration_is_rolled_back_and_earlier_ones_stay(url: str, make: Make) -> None:
    make(ONE, ("CREATE TABLE two ();\nSELECT 1;\n  SELECT nothing_such;\n", ""), THREE)
    message = refusal(up, url)
    assert message == (
        'migration 0002 Step 2 failed and was rolled back: column "nothing_such" does not exist at `SELECT nothing_such;`'
    )
    assert migrate.current(url) == "0001"
    assert [exists(url, each) for each in ("one", "two", "three")] == [True, False, False]


def test_a_migration_must_not_commit(url: str, make: Make) -> None:
    make(("CREATE TABLE one (); COMMIT;", ""))
    assert "remove BEGIN and COMMIT" in refusal(up, url)


# ---- SQL for a DBA --------------------------------------------------------------------------------------------------


def test_the_printed_sql_does_what_up_and_down_do(url: str, make: Make) -> None:
    make(ONE, TWO, THREE)
    execute(url, migrate.script("0002"))
    assert (migrate.current(url), exists(url, "two"), exists(url, "three")) == ("0002", True, False)
    execute(url, migrate.script(start="0002"))
    assert (migrate.current(url), exists(url, "three")) == ("0003", True)
    execute(url, migrate.script("0001", "0003"))
    assert (migrate.current(url), exists(url, "one"), exists(url, "two")) == ("0001", True, False)
    execute(url, migrate.script("base", "0001"))
    assert (migrate.current(url), exists(url, "one")) == (None, False)
    execute(url, migrate.script())
    assert up(url) == ["nothing to do: the database is at 0003"]


@pytest.mark.parametrize("start", ["base", "0002"])
def test_the_printed_sql_fails_at_another_revision_and_changes_nothing(url: str, make: Make, start: str) -> None:
    make(ONE, TWO, THREE)
    up(url, "0001")
    with pytest.raises(asyncpg.RaiseError, match=f"this script needs a database at {start}"):
        execute(url, migrate.script(start=start))
    assert (migrate.current(url), exists(url, "three")) == ("0001", False)


def test_each_migration_of_the_printed_sql_is_a_transaction(url: str, make: Make) -> None:
    make(ONE, ("CREATE TABLE two (); SELECT nothing_such;", ""))
    with pytest.raises(asyncpg.UndefinedColumnError):
        execute(url, migrate.script())
    assert (migrate.current(url), exists(url, "one"), exists(url, "two")) == ("0001", True, False)


def test_the_printed_sql_waits_for_a_concurrent_migration(url: str, make: Make) -> None:
    make(ONE)

    async def meanwhile() -> None:
        other = await asyncpg.connect(url)
        async with other.transaction():
            await migrate._lock(other, 1)
            script = asyncio.create_task(asyncio.to_thread(execute, url, migrate.script()))
            await asyncio.to_thread(eventually, url, "SELECT true FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
        await script
        await other.close()

    asyncio.run(meanwhile())
    assert exists(url, "one")


def test_printing_refuses_an_unknown_revision(make: Make) -> None:
    make(ONE, TWO)
    assert "unknown migration 0042" in refusal(migrate.script, "0042")
    assert "unknown migration 0042" in refusal(migrate.script, "head", "0042")


# ---- others on the same database ------------------------------------------------------------------------------------


def test_the_second_of_two_concurrent_migrations_has_nothing_to_do(url: str, make: Make) -> None:
    make(ONE, ("SELECT pg_sleep(0.1);", ""), ("CREATE TABLE three ();", ""))
    with ThreadPoolExecutor() as pool:
        reports = list(pool.map(up, [url] * 4))
    applied = sorted(line for report in reports for line in report if line.endswith("applied"))
    assert applied == ["0001 Step 1: applied", "0002 Step 2: applied", "0003 Step 3: applied"]
    assert migrate.current(url) == "0003"


def test_waiting_too_long_for_a_concurrent_migration_is_an_error(url: str, make: Make) -> None:
    make(("SELECT pg_advisory_xact_lock(1) FROM pg_sleep(0);", ""))

    async def meanwhile() -> None:
        gate = await asyncpg.connect(url)
        await gate.execute("SELECT pg_advisory_lock(1)")
        first = asyncio.create_task(asyncio.to_thread(up, url, "head", wait=30))
        await asyncio.to_thread(eventually, url, "SELECT true FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
        message = await asyncio.to_thread(refusal, up, url, wait=0.05)
        assert message == "another process is migrating this database: not finished after 0.05 s"
        await gate.close()
        assert await first == ["0001 Step 1: applied"]

    asyncio.run(meanwhile())


def test_a_migration_does_not_wait_indefinitely_for_a_table_in_use(url: str, make: Make) -> None:
    make(ONE, ("ALTER TABLE one ADD COLUMN name text;", ""))
    up(url, "0001")

    async def meanwhile() -> None:
        user = await asyncpg.connect(url)
        async with user.transaction():
            await user.execute("LOCK TABLE one IN ACCESS SHARE MODE")
            message = await asyncio.to_thread(refusal, up, url, wait=0.05)
        await user.close()
        assert message == "migration 0002 Step 2 failed and was rolled back: canceling statement due to lock timeout"

    asyncio.run(meanwhile())
    assert migrate.current(url) == "0001"


# ---- no database ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("work", [up, down, migrate.current, migrate.status, migrate.pending])
def test_an_unreachable_database_is_reported_with_its_address_but_no_password(work: Callable[..., object]) -> None:
    address = f"127.0.0.1:{free_port()}/cqar"
    message = refusal(work, f"postgresql://cqar:secret@{address}")
    assert message.startswith(f"cannot reach PostgreSQL at postgresql://cqar:***@{address}: ")
    assert "Connect call failed" in message


def test_a_database_that_accepts_and_never_answers_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cqar.storage.migrate._CONNECT_TIMEOUT", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"postgresql://cqar@127.0.0.1:{mute.getsockname()[1]}/cqar"
        assert refusal(up, url) == f"cannot reach PostgreSQL at {url}: no answer within 0.1 s"


def test_a_missing_database_is_reported(server: Postgres) -> None:
    message = refusal(up, server.url.replace("/cqar?", "/none?"))
    assert message.endswith(': database "none" does not exist')


def test_an_invalid_url_is_refused_without_showing_its_password() -> None:
    message = refusal(up, "postgresql://cqar:sec/ret@127.0.0.1/cqar")
    assert message == "cannot reach PostgreSQL at postgresql://cqar:***@127.0.0.1/cqar: invalid address"
