"""Processes that require keys."""

from collections.abc import Mapping

import pytest

from cqar import config
from cqar.model.call import Role
from tests.access import credentials


@pytest.fixture
def settings(settings: config.Settings) -> config.Settings:
    """The settings of the processes of these tests: keys are on."""
    return credentials.locked(settings)


@pytest.fixture
async def api_keys(settings: config.Settings) -> Mapping[Role, str]:
    """A key of each role."""
    return {role: await credentials.make(settings, role) for role in Role}
