"""Fixtures of the lane's tests."""

from collections.abc import AsyncIterator

import pytest

from tests.lane.running import RunningLane, running_lane


@pytest.fixture
async def running() -> AsyncIterator[RunningLane]:
    """A lane with default limits."""
    async with running_lane() as running:
        yield running
