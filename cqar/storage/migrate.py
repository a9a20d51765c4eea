"""Database migrations: the SQL files of `migrations/`, applied in order.

`NNNN_name.up.sql` applies a migration and `NNNN_name.down.sql` reverts it. The numbers start at 0001 without gaps. The first
line of the up file is a comment with the title. The table `alembic_version` holds the last applied number; Alembic created
it in older databases, so the name stays.

Each migration runs in one transaction, which first takes an advisory lock and then reads the revision. Several processes can
therefore migrate at the same time.

The functions are synchronous and run their own event loop: call them from a coroutine with `asyncio.to_thread`.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import NamedTuple

import asyncpg
from asyncpg.connect_utils import SessionAttribute

from cqar.config import masked

_LOCK = int.from_bytes(b"cqar.mig")
"""The key of the advisory lock."""

_CONNECT_TIMEOUT = 5
"""Seconds to open or close a connection."""

_CREATE_VERSION = """\
CREATE TABLE IF NOT EXISTS alembic_version (
    version_num varchar(32) NOT NULL,
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
"""


class MigrateError(Exception):
    """The database is unreachable, or a migration failed. `str()` is one line without passwords."""


class Revision(NamedTuple):
    """A migration and its state in a database."""

    revision: str
    title: str
    applied: bool


class Migration(NamedTuple):
    """A migration as read from its two files."""

    revision: str
    title: str
    up: str
    down: str


def up(url: str, revision: str = "head", report: Callable[[str], object] = print, *, wait: float = 10.0) -> None:
    """Apply the pending migrations up to and including `revision`.

    Migrations that succeeded stay applied if a later one fails.

    `revision` is a number such as `0002`, `head` for the last migration, or `+N` for the next N. `report` receives one line
    for each migration. `wait` is the time in seconds to wait for another process that migrates, and for each lock that a
    migration needs. Raises MigrateError.
    """
    _reported(url, revision, report, wait, upwards=True)


def down(url: str, revision: str = "-1", report: Callable[[str], object] = print, *, wait: float = 10.0) -> None:
    """Revert the migrations above `revision`; their data is lost.

    `revision` is a number, `base` for all migrations, or `-N` for the last N. Otherwise like `up`.
    """
    _reported(url, revision, report, wait, upwards=False)


def move(url: str, revision: str, each: Callable[[Revision], object], *, upwards: bool, wait: float = 10.0) -> str:
    """Migrate like `up` or `down`. `each` receives every migration that was applied or reverted.

    Returns the revision that the database is at then, `base` if no migration is applied. Raises MigrateError.
    """
    return asyncio.run(_move(url, revision, each, wait, upwards=upwards))


def current(url: str) -> str | None:
    """Return the revision of the database, None if no migration is applied. Raises MigrateError."""
    return asyncio.run(_current(url))


def status(url: str) -> list[Revision]:
    """Return all migrations in order. Raises MigrateError, also if this version of cqar lacks the database's revision."""
    migrations = load()
    height = _height(migrations, current(url))
    return [Revision(each.revision, each.title, index < height) for index, each in enumerate(migrations)]


def pending(url: str) -> list[str]:
    """Return the revisions that `up` would apply. Raises MigrateError as `status` does."""
    return [each.revision for each in status(url) if not each.applied]


def script(revision: str = "head", start: str = "base") -> str:
    """Return the SQL that takes a database from `start` to `revision`, upwards or downwards, without connecting to one.

    Each migration is a transaction of its own that fails if the database is not at the expected revision. Run the script
    with `psql --set ON_ERROR_STOP=1 --file`. Raises MigrateError for an unknown revision.
    """
    migrations = load()
    height = _target(migrations, 0, start)
    target = _target(migrations, height, revision)
    upwards = target >= height
    heights = range(height, target) if upwards else range(height, target, -1)
    return "\n".join(_guarded(migrations, each, upwards=upwards) for each in heights)


def folder() -> Path:
    """Return the folder of the migrations: inside an installed package, or beside the package in a checkout."""
    package = Path(__file__).parents[1]
    for place in (package / "_migrations", package.parent / "migrations"):
        if place.is_dir():
            return place
    message = f"no migrations in {package}"
    raise MigrateError(message)


def load() -> Sequence[Migration]:
    """Read all migrations in order. Raises MigrateError for a missing file, a gap in the numbers or a number used twice."""
    place = folder()
    names = sorted({each.name.partition(".")[0] for each in place.glob("*.sql")})
    for number, name in enumerate(names, start=1):
        if not re.fullmatch(f"{number:04}_\\w+", name):
            message = f"migration {name} in {place} must be numbered {number:04}: numbers have no gaps and are used once"
            raise MigrateError(message)
    return [_read(place, each) for each in names]


def _read(place: Path, name: str) -> Migration:
    try:
        upwards, downwards = ((place / f"{name}.{way}.sql").read_text(encoding="utf-8") for way in ("up", "down"))
    except FileNotFoundError as error:
        message = f"migration {name} lacks {Path(error.filename).name}"
        raise MigrateError(message) from None
    title = re.match(r"--\s*(\S.*)", upwards)
    if title is None:
        message = f"migration {name}.up.sql must begin with a comment line, its title"
        raise MigrateError(message)
    return Migration(name.partition("_")[0], title[1].rstrip(), upwards, downwards)


def _reported(url: str, goal: str, report: Callable[[str], object], wait: float, *, upwards: bool) -> None:
    """Migrate, and report each migration, or that there was none, as a line."""
    moved: list[Revision] = []

    def line(step: Revision) -> None:
        moved.append(step)
        report(f"{step.revision} {step.title}: {'applied' if step.applied else 'reverted'}")

    at = move(url, goal, line, upwards=upwards, wait=wait)
    if not moved:
        report(f"nothing to do: the database is at {at}")


async def _move(url: str, goal: str, each: Callable[[Revision], object], wait: float, *, upwards: bool) -> str:
    migrations = load()
    target: int | None = None
    async with _connected(url) as connection:
        while True:
            async with connection.transaction():
                await _lock(connection, wait)
                height = _height(migrations, await _stored(connection))
                target = _target(migrations, height, goal) if target is None else target
                if height >= target if upwards else height <= target:
                    return _name(migrations, height)
                step = migrations[height if upwards else height - 1]
                await _execute(connection, step, _step(migrations, height, upwards=upwards))
            each(Revision(step.revision, step.title, upwards))


async def _current(url: str) -> str | None:
    async with _connected(url) as connection:
        return await _stored(connection)


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    """Connect to the primary; errors of the connection become MigrateError."""
    with _translated(f"cannot reach PostgreSQL at {masked(url)}"):
        try:
            connection = await asyncpg.connect(url, timeout=_CONNECT_TIMEOUT, target_session_attrs=SessionAttribute.read_write)
        except ValueError:  # the driver's text may contain a part of the password
            message = f"cannot reach PostgreSQL at {masked(url)}: invalid address"
            raise MigrateError(message) from None
    with _translated(f"PostgreSQL at {masked(url)} failed"):
        try:
            yield connection
        finally:
            await connection.close(timeout=_CONNECT_TIMEOUT)


@contextmanager
def _translated(what: str) -> Iterator[None]:
    try:
        yield
    except TimeoutError:
        message = f"{what}: no answer within {_CONNECT_TIMEOUT} s"
        raise MigrateError(message) from None
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.exceptions.InternalClientError) as error:
        message = f"{what}: {' '.join(str(error).split())}"
        raise MigrateError(message) from error


async def _lock(connection: asyncpg.Connection, wait: float) -> None:
    """Take the advisory lock until the end of the transaction, so that one process migrates at a time."""
    milliseconds = str(max(1, round(wait * 1000)))
    await connection.execute("SELECT set_config('lock_timeout', $1, true)", milliseconds)
    await connection.execute("SET LOCAL statement_timeout = 0")
    try:
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
    except asyncpg.LockNotAvailableError:
        message = f"another process is migrating this database: not finished after {wait:g} s"
        raise MigrateError(message) from None


async def _stored(connection: asyncpg.Connection) -> str | None:
    if await connection.fetchval("SELECT to_regclass('alembic_version')") is None:
        return None
    revision: str | None = await connection.fetchval("SELECT version_num FROM alembic_version")
    return revision


async def _execute(connection: asyncpg.Connection, step: Migration, sql: str) -> None:
    try:
        await connection.execute(sql)
    except asyncpg.PostgresError as error:
        position = getattr(error, "position", None)
        near = f" at `{_line(sql, int(position) - 1)}`" if position else ""
        message = f"migration {step.revision} {step.title} failed and was rolled back: {' '.join(str(error).split())}{near}"
        raise MigrateError(message) from error
    if not connection.is_in_transaction():
        message = f"migration {step.revision} {step.title} ended its transaction: remove BEGIN and COMMIT from its file"
        raise MigrateError(message)


def _line(sql: str, position: int) -> str:
    """Return the line around a position."""
    return sql[sql.rfind("\n", 0, position) + 1 :].partition("\n")[0].strip()


def _height(migrations: Sequence[Migration], revision: str | None) -> int:
    """Return how many migrations a database at `revision` has."""
    if revision is None:
        return 0
    for height, each in enumerate(migrations, start=1):
        if each.revision == revision:
            return height
    message = f"unknown migration {revision}: this version of cqar has {', '.join(each.revision for each in migrations)}"
    raise MigrateError(message)


def _target(migrations: Sequence[Migration], height: int, goal: str) -> int:
    """Return the height of head, base, +N, -N or a revision."""
    if goal == "head":
        return len(migrations)
    if goal == "base":
        return 0
    if goal[:1] in {"+", "-"} and goal[1:].isdecimal():
        return min(max(height + int(goal), 0), len(migrations))
    return _height(migrations, goal)


def _name(migrations: Sequence[Migration], height: int) -> str:
    return migrations[height - 1].revision if height else "base"


def _step(migrations: Sequence[Migration], height: int, *, upwards: bool, guard: str = "") -> str:
    """Return the SQL of one migration up or down from `height`, including the new revision."""
    step = migrations[height if upwards else height - 1]
    after = height + 1 if upwards else height - 1
    return f"""\
{"" if height else _CREATE_VERSION}{guard}
{(step.up if upwards else step.down).rstrip()}

DELETE FROM alembic_version;
{f"INSERT INTO alembic_version VALUES ('{migrations[after - 1].revision}');" if after else ""}
"""


def _guarded(migrations: Sequence[Migration], height: int, *, upwards: bool) -> str:
    """Return a step as a transaction that fails if the database is at another height."""
    step = migrations[height if upwards else height - 1]
    expected = f"'{migrations[height - 1].revision}'" if height else "NULL"
    guard = f"""\
DO $$ BEGIN
    IF (SELECT version_num FROM alembic_version) IS DISTINCT FROM {expected} THEN
        RAISE EXCEPTION 'this script needs a database at {_name(migrations, height)}';
    END IF;
END $$;
"""
    return f"""\
-- ---- {step.revision} {step.title}: {"apply" if upwards else "revert"} ----

BEGIN;
SELECT pg_advisory_xact_lock({_LOCK});
{_step(migrations, height, upwards=upwards, guard=guard)}\
COMMIT;
"""
