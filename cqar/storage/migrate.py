"""The migrations: plain SQL files, put in order by Alembic, executed by asyncpg.

Alembic's engine for asyncpg needs greenlet, refuses a file of two statements and reads `:word` as a parameter. So Alembic
renders only: a migration becomes one script, its file and the change of `alembic_version`, and the script goes to PostgreSQL
as it is. Each migration is one transaction that first takes an advisory lock and then looks at the revision, so several
processes may migrate at once.

The functions are synchronous and run an event loop of their own: a coroutine calls them by `asyncio.to_thread`.
"""

import asyncio
import io
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import NamedTuple

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from asyncpg.connect_utils import SessionAttribute

from cqar.config import masked

_LOCK = int.from_bytes(b"cqar.mig")
"""The key of the advisory lock."""

_CONNECT_TIMEOUT = 5
"""Seconds to open the connection, and to close it."""


class MigrateError(Exception):
    """The database could not be reached or migrated: `str()` is one line, without passwords."""


class Revision(NamedTuple):
    """A migration, and whether the database has it."""

    revision: str
    title: str
    applied: bool


def up(url: str, revision: str = "head", report: Callable[[str], object] = print, *, wait: float = 10.0) -> None:
    """Apply the migrations up to and with `revision`; `head` is the last, `+1` the next.

    Each one that succeeds stays, if a later one fails. `report` gets a line for each. `wait` is how many seconds to wait for
    another process that migrates, and for each lock that a migration needs. Raises MigrateError.
    """
    asyncio.run(_move(url, revision, report, wait, upwards=True))


def down(url: str, revision: str = "-1", report: Callable[[str], object] = print, *, wait: float = 10.0) -> None:
    """Undo the migrations above `revision`; `base` is all of them, `-1` the last one. Data is lost. Otherwise like `up`."""
    asyncio.run(_move(url, revision, report, wait, upwards=False))


def current(url: str) -> str | None:
    """The revision of the database, None where no migration has been applied. Raises MigrateError."""
    return asyncio.run(_current(url))


def status(url: str) -> list[Revision]:
    """All migrations in their order. Raises MigrateError, also where the database has one that is not known here."""
    known = _known()
    height = _height(known, current(url))
    return [each._replace(applied=index < height) for index, each in enumerate(known)]


def pending(url: str) -> list[str]:
    """The revisions that `up` would apply. Raises MigrateError as `status` does."""
    return [each.revision for each in status(url) if not each.applied]


def folder() -> Path:
    """The folder with the migrations: inside an installed package, or beside the package in a checkout."""
    package = Path(__file__).parents[1]
    for place in (package / "_migrations", package.parent / "migrations"):
        if (place / "env.py").is_file():
            return place
    message = f"there are no migrations at {package}"
    raise MigrateError(message)


async def _move(url: str, goal: str, report: Callable[[str], object], wait: float, *, upwards: bool) -> None:
    known = _known()
    target: int | None = None
    moved = False
    async with _connected(url) as connection:
        while True:
            async with connection.transaction():
                await _take_turn(connection, wait)
                height = _height(known, await _stored(connection))
                target = _target(known, height, goal) if target is None else target
                if height >= target if upwards else height <= target:
                    break
                step = known[height if upwards else height - 1]
                await _execute(connection, step, _script(known, height, upwards=upwards))
            moved = True
            report(f"{step.revision} {step.title}: {'applied' if upwards else 'undone'}")
    if not moved:
        report(f"nothing to do: the database is at {known[height - 1].revision if height else 'base'}")


async def _current(url: str) -> str | None:
    async with _connected(url) as connection:
        return await _stored(connection)


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection to the primary; what goes wrong with it becomes a MigrateError."""
    with _translated(f"cannot reach PostgreSQL at {masked(url)}"):
        try:
            connection = await asyncpg.connect(url, timeout=_CONNECT_TIMEOUT, target_session_attrs=SessionAttribute.read_write)
        except ValueError:  # the driver's text may hold a part of the password
            message = f"cannot reach PostgreSQL at {masked(url)}: this is not a valid address"
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


async def _take_turn(connection: asyncpg.Connection, wait: float) -> None:
    milliseconds = str(max(1, round(wait * 1000)))
    await connection.execute("SELECT set_config('lock_timeout', $1, true)", milliseconds)
    await connection.execute("SET LOCAL statement_timeout = 0")
    try:
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
    except asyncpg.LockNotAvailableError:
        message = f"another process is migrating this database, and has been for over {wait:g} s"
        raise MigrateError(message) from None


async def _stored(connection: asyncpg.Connection) -> str | None:
    if await connection.fetchval("SELECT to_regclass('alembic_version')") is None:
        return None
    revision: str | None = await connection.fetchval("SELECT version_num FROM alembic_version")
    return revision


async def _execute(connection: asyncpg.Connection, step: Revision, script: str) -> None:
    try:
        await connection.execute(script)
    except asyncpg.PostgresError as error:
        position = getattr(error, "position", None)
        near = f" at `{_line(script, int(position) - 1)}`" if position else ""
        message = f"migration {step.revision} {step.title} failed and was rolled back: {' '.join(str(error).split())}{near}"
        raise MigrateError(message) from error
    if not connection.is_in_transaction():
        message = f"migration {step.revision} {step.title} ended its transaction itself: it must not say BEGIN or COMMIT"
        raise MigrateError(message)


def _line(script: str, position: int) -> str:
    """The line of the script around a position."""
    return script[script.rfind("\n", 0, position) + 1 :].partition("\n")[0].strip()


def _settings(output: io.StringIO) -> Config:
    settings = Config(output_buffer=output)
    settings.set_main_option("script_location", str(folder()).replace("%", "%%"))
    settings.set_main_option("path_separator", "os")
    return settings


def _known() -> Sequence[Revision]:
    """All migrations, from the first to the last. They are a line: two that follow the same one are an error."""
    scripts = list(ScriptDirectory.from_config(_settings(io.StringIO())).walk_revisions())
    scripts.reverse()
    below: str | None = None
    for each in scripts:
        if each.down_revision != below:
            message = f"migration {each.revision} must follow {below or 'no other'}, not {each.down_revision}"
            raise MigrateError(message)
        below = each.revision
    return [Revision(each.revision, each.doc.rstrip("."), applied=False) for each in scripts]


def _height(known: Sequence[Revision], revision: str | None) -> int:
    """How many migrations are applied at a revision."""
    if revision is None:
        return 0
    for height, each in enumerate(known, start=1):
        if each.revision == revision:
            return height
    message = f"there is no migration {revision} here, only {', '.join(each.revision for each in known)}"
    raise MigrateError(message)


def _target(known: Sequence[Revision], height: int, goal: str) -> int:
    """The height that is meant by head, base, +n, -n or a revision."""
    if goal == "head":
        return len(known)
    if goal == "base":
        return 0
    if goal[:1] in {"+", "-"} and goal[1:].isdecimal():
        return min(max(height + int(goal), 0), len(known))
    return _height(known, goal)


def _script(known: Sequence[Revision], height: int, *, upwards: bool) -> str:
    """The SQL of one step up or down from a height."""
    output = io.StringIO()
    names = ["base", *(each.revision for each in known)]
    if upwards:
        command.upgrade(_settings(output), f"{names[height]}:{names[height + 1]}", sql=True)
    else:
        command.downgrade(_settings(output), f"{names[height]}:{names[height - 1]}", sql=True)
    # Alembic creates its table on the way up from base, and leaves it, empty, on the way down.
    return output.getvalue() if height else f"DROP TABLE IF EXISTS alembic_version;\n{output.getvalue()}"
