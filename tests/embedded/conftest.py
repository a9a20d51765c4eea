"""Folders and servers for the tests."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cqar.dev.embedded import Nats, Postgres, Server, Valkey

#: A name as people give it, which has to be quoted for programs and in URLs.
ODD = """it's 100% "odd" ö"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A temporary folder of mode 0700, with a short path for sockets."""
    made = Path(tempfile.mkdtemp(prefix="cqar-"))
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="package")
def shared_postgres() -> Iterator[Postgres]:
    """A throwaway PostgreSQL for all tests; its first start is expensive."""
    made = Path(tempfile.mkdtemp(prefix="cqar-"))
    with Postgres(made / ODD, throwaway=True) as server:
        yield server
    shutil.rmtree(made)


@pytest.fixture
def postgres(shared_postgres: Postgres) -> Postgres:
    """A running throwaway PostgreSQL, whatever the previous test did."""
    if shared_postgres.poll() is not None:
        shared_postgres.start()
    return shared_postgres


@pytest.fixture(params=[Postgres, Valkey, Nats], ids=lambda kind: kind.title)
def server(request: pytest.FixtureRequest, folder: Path) -> Iterator[Server]:
    """Each of the servers in turn, throwaway and running."""
    if request.param is Postgres:
        yield request.getfixturevalue("postgres")
    else:
        made: Server = request.param(folder / ODD, throwaway=True)
        with made:
            yield made
