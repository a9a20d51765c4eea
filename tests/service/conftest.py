"""What the tests of the service start from."""

import asyncpg
import pytest

from cqar import config
from tests.client import Client
from tests.hotpath.stack import changed
from tests.registry.world import World
from tests.service.desk import Books, Desk


@pytest.fixture
def settings(settings: config.Settings) -> config.Settings:
    """A worker that waits for a connection's own writes however slow the machine is."""
    return changed(settings, coherence={"write_wait": 5.0})


@pytest.fixture
def world(registry: Client) -> World:
    """Makes things by way of the contract's calls."""
    return World(registry)


@pytest.fixture
def desk(registry: Client) -> Desk:
    """Calls the service at admin."""
    return Desk(registry)


@pytest.fixture
def books(connection: asyncpg.Connection) -> Books:
    """Outbox and audit of the test's database."""
    return Books(connection)
