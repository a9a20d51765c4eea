"""What the tests of the HTTP API start from."""

from collections.abc import AsyncIterator

import pytest

from cqar.admin.app import Admin
from tests.http.client import Api


@pytest.fixture
async def api(admin: Admin) -> AsyncIterator[Api]:
    """A client of a running admin."""
    async with Api(admin.http_port) as client:
        yield client
