"""Creates the entities that a test needs, with the RPCs of the contract."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
from google.protobuf.timestamp_pb2 import Timestamp

from cqar.contract.cqc.assets.v1 import assets_pb2 as assets
from cqar.contract.cqc.markets.v1 import markets_pb2 as markets
from cqar.contract.cqc.venues.v1 import venues_pb2 as venues
from tests.client import Client

SPOT = markets.SYMBOL_TYPE_SPOT
PERPETUAL = markets.SYMBOL_TYPE_PERPETUAL
FUTURE = markets.SYMBOL_TYPE_FUTURE
OPTION = markets.SYMBOL_TYPE_OPTION
MARGIN = markets.SYMBOL_TYPE_MARGIN

#: Contracts that exist, with their EIP-55 checksums.
USDC = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"
USDT = "0xdAC17F958D2ee523a2206206994597C13D831ec7"


_NOW = datetime.now(UTC)


def at(days: float) -> Timestamp:
    """The time `days` days after the start of the tests, the same on every call."""
    return stamp(_NOW + timedelta(days=days))


def stamp(moment: datetime) -> Timestamp:
    """The moment on the wire."""
    made = Timestamp()
    made.FromDatetime(moment)
    return made


class Factory:
    """Creates entities with a client of the registry; fields that are not passed have usual values."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def asset(self, symbol: str = "BTC", **fields: Any) -> str:
        """An asset's id."""
        sent = {"symbol": symbol, "name": f"{symbol} coin", "asset_type": assets.ASSET_TYPE_NATIVE, **fields}
        made = await self.client.call("CreateAsset", **sent)
        return str(made.asset.asset_id)

    async def chain(self, name: str = "Ethereum", chain_type: str = "EVM", **fields: Any) -> str:
        """A chain's slug."""
        made = await self.client.call("CreateChain", name=name, chain_type=chain_type, **fields)
        return str(made.chain.chain_id)

    async def symbol(self, base: str, quote: str, symbol_type: int = SPOT, **fields: Any) -> str:
        """A canonical symbol's id."""
        sent = {"symbol_type": symbol_type, "base_asset_id": base, "quote_asset_id": quote, **fields}
        made = await self.client.call("CreateSymbol", **sent)
        return str(made.symbol.symbol_id)

    async def pair(self, base: str = "BTC", quote: str = "USDT", **fields: Any) -> str:
        """A canonical symbol of two new assets, as its id."""
        return await self.symbol(await self.asset(base), await self.asset(quote), **fields)

    async def venue(self, name: str = "Binance", **fields: Any) -> str:
        """A venue's slug."""
        made = await self.client.call("CreateVenue", **{"name": name, "venue_type": venues.VENUE_TYPE_CEX, **fields})
        return str(made.venue.venue_id)

    async def listing(self, venue: str, symbol: str, text: str = "BTCUSDT", **fields: Any) -> venues.VenueSymbol:
        """A listing as the registry answers it."""
        made = await self.client.call("CreateVenueSymbol", venue_id=venue, symbol_id=symbol, venue_symbol=text, **fields)
        listing: venues.VenueSymbol = made.venue_symbol
        return listing

    async def flag(self, asset: str, severity: int = assets.FLAG_SEVERITY_CRITICAL, **fields: Any) -> str:
        """A quality flag's id."""
        sent = {
            "flag_type": assets.FLAG_TYPE_SCAM,
            "severity": severity,
            "description": "found out",
            "raised_by": "desk",
            **fields,
        }
        made = await self.client.call("RaiseQualityFlag", asset_id=asset, **sent)
        return str(made.flag.flag_id)

    async def resolved(self, venue: str, text: str, **fields: Any) -> Any:
        """What the venue's text means."""
        return await self.client.call("GetVenueSymbol", venue_id=venue, venue_symbol=text, **fields)


async def waiting(connection: asyncpg.Connection, count: int = 1) -> None:
    """Return when this many sessions of the database wait for a lock."""
    async with asyncio.timeout(60):
        while True:
            # In a transaction PostgreSQL would go on showing what it showed first.
            await connection.execute("SELECT pg_stat_clear_snapshot()")
            found = await connection.fetchval(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            if found >= count:
                return
            await asyncio.sleep(0.005)
