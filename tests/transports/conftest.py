"""A registry with something in it, and two workers of it, for all tests of a module: they only read, or tidy up."""

from collections.abc import AsyncIterator
from typing import NamedTuple

import msgspec
import pytest

from cqar import config
from cqar.admin.app import Admin
from cqar.contract.cqc.assets.v1 import assets_pb2
from tests.client import Client
from tests.conftest import Servers, database_of, settings_of
from tests.hotpath.stack import admin_of
from tests.registry.factory import PERPETUAL, USDC, Factory, at
from tests.transports.pair import Both, both_of


class Held(NamedTuple):
    """What is in the registry."""

    base: str
    quote: str
    symbol: str
    perpetual: str
    venue: str
    chain: str


async def fill(client: Client) -> Held:
    """A little of everything that is looked up."""
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
    return Held(base, quote, symbol, perpetual, venue, chain)


@pytest.fixture(scope="module")
async def shared(servers: Servers, template: str) -> AsyncIterator[config.Settings]:
    """Settings for the processes of a module, with a database of its own."""
    async with database_of(servers.postgres, template) as url:
        yield msgspec.structs.replace(settings_of(servers, url), reflection=True)


@pytest.fixture(scope="module")
async def behind(shared: config.Settings) -> AsyncIterator[Admin]:
    """The admin of a module."""
    async with admin_of(shared) as process:
        yield process


@pytest.fixture(scope="module")
async def held(behind: Admin) -> Held:
    """What is in the registry of a module."""
    async with Client(behind.port) as client:
        return await fill(client)


@pytest.fixture(scope="module")
async def both(shared: config.Settings, behind: Admin, held: Held) -> AsyncIterator[Both]:  # noqa: ARG001 - filled before
    """The workers of a module."""
    async with both_of(shared, behind) as made:
        yield made
