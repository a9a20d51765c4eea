"""Import test documents into a running registry, and read the results."""

import asyncio
import gzip
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import asyncpg

from cqar.client.connect import connected
from cqar.importers.run import wire
from cqar.importers.run.report import Entry, Report
from cqar.importers.run.run import Options, Run
from cqar.importers.run.wire import Registry
from cqar.importers.sources import listing
from tests.client import Client

DATA = Path(__file__).parents[3] / "shared" / "data"


class EntryList:
    """Collects the report entries of an import."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def entry(self, entry: Entry) -> None:
        self.entries.append(entry)

    def end(self, report: Report) -> None:
        pass


class ImportResult:
    """The report of an import and its entries."""

    def __init__(self, report: Report, entries: Sequence[Entry]) -> None:
        self.report = report
        self.entries = entries

    def __getattr__(self, outcome: str) -> int:
        """The number of rows with an outcome: created, updated, unchanged, delisted, review, conflict, rejected, differs."""
        return self.report.total(outcome)

    @property
    def line(self) -> str:
        """The last line."""
        return self.report.last_line

    def of(self, outcome: str) -> list[Entry]:
        """The entries of an outcome."""
        return [each for each in self.entries if each.outcome == outcome]


class Importers:
    """Runs imports against the admin process on a port."""

    def __init__(self, port: int, key: str | None = None) -> None:
        self._address = f"127.0.0.1:{port}"
        self._key = key

    async def run(self, work: Callable[[Run], None], source: str = "test", **options: Any) -> ImportResult:
        """Run an import."""

        def done() -> ImportResult:
            sink = EntryList()
            own = Options(**options)
            report = Report(sink, source=source, dry_run=own.dry_run)
            with connected(self._address, self._key, None, wire.OPTIONS) as channel:
                work(Run(Registry(channel), report, own))
            return ImportResult(report, sink.entries)

        return await asyncio.to_thread(done)

    async def document(self, kind: str, rows: Any, **options: Any) -> ImportResult:
        """Import a document: rows, or raw bytes."""
        data = rows if isinstance(rows, bytes) else json.dumps(rows).encode()
        module = import_module(f"cqar.importers.sources.{kind}")
        return await self.run(lambda run: module.load(run, data, f"{kind}.json"), kind, **options)

    async def markets(self, exchange: str, rows: Any, remaps: Mapping[str, str] | None = None, **options: Any) -> ImportResult:
        """Import markets of an exchange."""
        data = rows if isinstance(rows, bytes) else json.dumps(rows).encode()
        origin = listing.Origin(exchange_id=exchange, remaps=remaps)
        return await self.run(lambda run: listing.load(run, data, "markets.json", origin), f"ccxt {exchange}", **options)


def market(name: str, base: str, quote: str, **more: Any) -> dict[str, Any]:
    """A spot market in the format of ccxt; `more` overrides fields."""
    row: dict[str, Any] = {
        "id": name,
        "symbol": f"{base}/{quote}",
        "type": "spot",
        "base": base,
        "quote": quote,
        "baseId": base,
        "quoteId": quote,
        "active": True,
        "maker": 0.001,
        "taker": 0.002,
        "precision": {"amount": 0.0001, "price": 0.01},
        "limits": {"amount": {"min": 0.0001}, "cost": {"min": 5}},
        "info": {},
    }
    return row | more


def swap(name: str, base: str, quote: str, **more: Any) -> dict[str, Any]:
    """A linear perpetual."""
    own = {"type": "swap", "settle": quote, "settleId": quote, "linear": True, "inverse": False, "contractSize": 1}
    return market(name, base, quote, **(own | more))


def option(name: str, base: str, quote: str, expiry: datetime, **more: Any) -> dict[str, Any]:
    """A linear call option with a strike of 100."""
    own = {"type": "option", "strike": 100, "optionType": "call", "expiry": round(expiry.timestamp() * 1000)}
    return swap(name, base, quote, **(own | more))


def coin(coingecko_id: str, symbol: str, name: str) -> dict[str, Any]:
    """An asset of a source that uses CoinGecko ids."""
    seen = {"symbol": symbol, "name": name, "source": "@web3icons/common@0.11.51", "marketCapRank": 1}
    return {"coingecko_id": coingecko_id, "symbol": symbol.lower(), "name": name, "seen": [seen]}


COINS = (
    coin("bitcoin", "BTC", "Bitcoin"),
    coin("ethereum", "ETH", "Ethereum"),
    coin("tether", "USDT", "Tether"),
    coin("usd-coin", "USDC", "USDC"),
)


def shared_file(name: str) -> bytes:
    """A file of the shared data."""
    return gzip.decompress((DATA / name).read_bytes())


async def revision(connection: asyncpg.Connection) -> int:
    """The head revision; every change and event increases it."""
    return int(await connection.fetchval("SELECT seq FROM head"))


async def listed(registry: Client, venue_id: str, text: str, **fields: Any) -> Any:
    """Resolve a venue symbol to its listing."""
    return await registry.call("GetVenueSymbol", venue_id=venue_id, venue_symbol=text, **fields)
