"""Fixtures of the tests of cqar.v1.Registry."""

import asyncpg
import pytest

from cqar import config
from tests.client import Client
from tests.hotpath.stack import changed
from tests.registry.factory import Factory
from tests.service.registry import Records, RegistryService


@pytest.fixture
def settings(settings: config.Settings) -> config.Settings:
    """A worker that waits for a connection's own writes, however slow the machine is."""
    return changed(settings, coherence={"write_wait": 5.0})


@pytest.fixture
def factory(registry: Client) -> Factory:
    """Creates entities with the contract's RPCs."""
    return Factory(registry)


@pytest.fixture
def service(registry: Client) -> RegistryService:
    """Calls the service of admin."""
    return RegistryService(registry)


@pytest.fixture
def records(connection: asyncpg.Connection) -> Records:
    """Outbox and audit of the test's database."""
    return Records(connection)
