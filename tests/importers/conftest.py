import pytest

from cqar.admin.app import Admin
from tests.importers.imports import COINS, Importers


@pytest.fixture
def importers(admin: Admin) -> Importers:
    """Imports into an empty registry."""
    return Importers(admin.port)


@pytest.fixture
async def seeded(importers: Importers) -> Importers:
    """Imports into a registry with a few coins that have CoinGecko ids."""
    result = await importers.document("assets", COINS)
    assert result.line.startswith("created=4 updated=0 unchanged=0 ")
    return importers
