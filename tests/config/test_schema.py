"""Which databases a process starts on."""

import asyncpg
import pytest

from cqar import config
from cqar.storage import migrate, schema
from cqar.storage.postgres import Pool
from cqar.storage.schema import SchemaError
from tests.conftest import execute
from tests.hotpath.stack import changed

pytestmark = pytest.mark.server

KNOWN = [each.revision for each in migrate.load()]


async def refusal(settings: config.Settings) -> str | None:
    """The message of the check, or None."""
    pool = Pool(settings.database, statement_timeout=10, name="tests")
    await pool.open()
    try:
        await schema.check(pool)
    except SchemaError as error:
        return str(error)
    finally:
        await pool.close()
    return None


async def test_a_database_with_all_migrations_passes(settings: config.Settings) -> None:
    assert await refusal(settings) is None


async def test_a_database_of_a_newer_version_passes(settings: config.Settings) -> None:
    await execute(settings.database.url, "UPDATE alembic_version SET version_num = '9999'")
    assert await refusal(settings) is None


@pytest.mark.parametrize(
    ("sql", "lacks"),
    [
        (f"UPDATE alembic_version SET version_num = '{KNOWN[-2]}'", f"migration {KNOWN[-1]}"),
        (f"UPDATE alembic_version SET version_num = '{KNOWN[0]}'", f"migrations {KNOWN[1]} to {KNOWN[-1]}"),
        ("DELETE FROM alembic_version", f"migrations {KNOWN[0]} to {KNOWN[-1]}"),
        ("DROP TABLE alembic_version", f"migrations {KNOWN[0]} to {KNOWN[-1]}"),
    ],
)
async def test_pending_migrations_are_named(settings: config.Settings, sql: str, lacks: str) -> None:
    await execute(settings.database.url, sql)
    assert await refusal(settings) == f"the database lacks {lacks}: run `cqar migrate up`"


async def test_a_role_that_cannot_read_the_revision_passes(settings: config.Settings) -> None:
    sql = "UPDATE alembic_version SET version_num = '0001'; REVOKE ALL ON alembic_version FROM PUBLIC, CURRENT_USER"
    role = f"reader_{settings.database.url.partition('/t_')[2][:12]}"
    await execute(settings.database.url, f"CREATE ROLE {role} LOGIN; {sql}")
    try:
        reader = settings.database.url.replace("//cqar@", f"//{role}@")
        assert reader != settings.database.url
        assert await refusal(changed(settings, database={"url": reader})) is None
    finally:
        await execute(settings.database.url, f"DROP ROLE {role}")


@pytest.mark.parametrize(
    ("part", "wrong"), [("//cqar@", "//nobody_here@"), ("/t_", "/none_"), ("?", "?port=1&"), ("?", "?sslmode=verify-full&")]
)
async def test_a_database_that_cannot_be_asked_passes(settings: config.Settings, part: str, wrong: str) -> None:
    url = settings.database.url.replace(part, wrong, 1)
    with pytest.raises(Exception):  # noqa: B017, PT011 - the driver has many
        await asyncpg.connect(url, timeout=5)
    assert await refusal(changed(settings, database={"url": url})) is None
