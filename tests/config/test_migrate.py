"""The migrations, on a real PostgreSQL."""

import asyncio
import logging
import shutil
import socket
import tempfile
import textwrap
import time
import uuid
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from cqar import migrate
from cqar.embedded import Postgres
from cqar.migrate import MigrateError

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
    """The address of a new, empty database."""
    name = f"t{uuid.uuid4().hex}"
    run(server.url, lambda connection: connection.execute(f"CREATE DATABASE {name}"))
    return server.url.replace("/cqar?", f"/{name}?")


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Replace the migrations by some of (up, down) SQL, numbered from 0001, in a folder with an awkward name."""

    def made(*steps: tuple[str, str], follows: str = "") -> Path:
        folder = tmp_path / "a folder:100 %(x)s"
        (folder / "versions").mkdir(parents=True)
        shutil.copy(ROOT / "migrations" / "env.py", folder)
        for number, (up, down) in enumerate(steps, start=1):
            module = f'''\
                """Step {number}."""
                from alembic import op
                revision = "000{number}"
                down_revision = {follows or (f"000{number - 1}" if number > 1 else "")!r} or None
                def upgrade():
                    op.get_context().impl.static_output({up!r})
                def downgrade():
                    op.get_context().impl.static_output({down!r})
                '''
            (folder / "versions" / f"000{number}_step.py").write_text(textwrap.dedent(module))
        monkeypatch.setattr(migrate, "folder", lambda: folder)
        return folder

    return made


def run[T](url: str, work: Callable[[Any], Coroutine[Any, Any, T]]) -> T:
    """What the work on a connection returns."""

    async def connected() -> T:
        connection = await asyncpg.connect(url)
        try:
            return await work(connection)
        finally:
            await connection.close()

    return asyncio.run(connected())
