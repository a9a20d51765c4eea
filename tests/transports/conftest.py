"""A filled registry and one worker per transport, shared by the tests of a module."""

from collections.abc import AsyncIterator
from typing import NamedTuple

import msgspec
import pytest

from cqar import config
from cqar.admin.app import Admin
from cqar.contract.cqc.assets.v1 import assets_pb2
from tests.client import Client
from tests.conftest import Servers, database_of, settings_of
from tests.hotpath.stack import admin_of, changed
from tests.registry.factory import PERPETUAL, USDC, Factory, at
from tests.transports.pair import Pair, pair_of


class Filled(NamedTuple):
    """Ids of the registry's entities."""

    base: str
    quote: str
    symbol: str
    perpetual: str
    venue: str
    chain: str


async def fill(client: Client) -> Filled:
    """Create some entities for every lookup."""
    factory = Factory(client)
    base, quote = await factory.asset(), await factory.asset("USDT")
    chain = await factory.chain()
    await client.call("CreateAssetDeployment", asset_id=quote, chain_id=chain, contract_address=USDC)
    symbol = await factory.symbol(base, quote, tick_size=0.5)
    perpetual = await factory.symbol(base, quote, PERPETUAL)
    venue = await factory.venue()
    await factory.listing(venue, symbol)
    await factory.listing(venue, symbol, "TWICE")
    await factory.listing(venue, perpetual, "TWICE")
    await factory.listing(venue, symbol, "PAST", listed_at=at(-20), delisted_at=at(-10))
    await client.call("CreateVenueAsset", venue_id=venue, asset_id=base, venue_asset_symbol="XBT")
    await client.call(
        "CreateAssetIdentifier", asset_id=base, source=assets_pb2.DATA_SOURCE_COINGECKO, external_id="bitcoin", is_primary=True
    )
    await client.call("CreateSymbolIdentifier", symbol_id=symbol, data_source=1, external_id="btc-usdt", is_primary=True)
    return Filled(base, quote, symbol, perpetual, venue, chain)


@pytest.fixture(scope="module")
async def shared(servers: Servers, template: str) -> AsyncIterator[config.Settings]:
    """Settings for the processes of a module, with their own database."""
    async with database_of(servers.postgres, template) as url:
        settings = msgspec.structs.replace(settings_of(servers, url), reflection=True)
        # A busy machine may delay probes; responses must not turn stale in between.
        yield changed(settings, coherence={"lease": 20.0})


@pytest.fixture(scope="module")
async def admin(shared: config.Settings) -> AsyncIterator[Admin]:
    """The admin of a module."""
    async with admin_of(shared) as process:
        yield process


@pytest.fixture(scope="module")
async def filled(admin: Admin) -> Filled:
    """Ids of the entities in a module's registry."""
    async with Client(admin.port) as client:
        return await fill(client)


@pytest.fixture(scope="module")
async def pair(shared: config.Settings, admin: Admin, filled: Filled) -> AsyncIterator[Pair]:  # noqa: ARG001 - fills the registry first
    """The workers of a module."""
    async with pair_of(shared, admin) as made:
        yield made
