"""What the tests of the registry start from."""

import pytest

from tests.client import Client
from tests.registry.world import World


@pytest.fixture
def world(registry: Client) -> World:
    """Makes things by way of admin."""
    return World(registry)
