import pytest

from cqar.admin.app import Admin
from tests.importers.desk import COINS, Importers


@pytest.fixture
def importers(admin: Admin) -> Importers:
    """Imports into an empty registry."""
    return Importers(admin.port)


@pytest.fixture
async def coined(importers: Importers) -> Importers:
    """Imports into a registry that knows a few coins by CoinGecko's ids."""
    told = await importers.document("assets", COINS)
    assert told.line.startswith("created=4 updated=0 unchanged=0 ")
    return importers
