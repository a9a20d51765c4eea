"""What the tests of the service start from."""

import asyncpg
import pytest

from cqar import config
from tests.client import Client
from tests.hotpath.stack import changed
from tests.registry.factory import Factory
from tests.service.registry import Records, RegistryService


@pytest.fixture
def settings(settings: config.Settings) -> config.Settings:
    """A worker that waits for a connection's own writes however slow the machine is."""
    return changed(settings, coherence={"write_wait": 5.0})


@pytest.fixture
def factory(registry: Client) -> Factory:
    """Makes things by way of the contract's calls."""
    return Factory(registry)


@pytest.fixture
def service(registry: Client) -> RegistryService:
    """Calls the service at admin."""
    return RegistryService(registry)


@pytest.fixture
def records(connection: asyncpg.Connection) -> Records:
    """Outbox and audit of the test's database."""
    return Records(connection)
