"""A running lane."""

from collections.abc import AsyncIterator

import pytest

from tests.lane.running import Served, serving


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    """A lane with its usual limits."""
    async with serving() as running:
        yield running
