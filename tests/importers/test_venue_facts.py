"""Whole imports in which the payload decides: its codes, tokens, classes and types, not what ccxt makes of them."""

from typing import Any

import pytest

from cqar.contract.cqc.markets.v1 import markets_pb2
from tests.client import Client
from tests.importers.imports import Importers, listed, market, swap
from tests.importers.test_identity import evidence

SOON = 1_990_000_000_000


def perpetual(name: str, **info: Any) -> dict[str, Any]:
    """A linear perpetual whose text starts with its base."""
    base = name.removesuffix("USDT")
    return swap(name, base, "USDT", info=info)


def token(pair: int, index: int, base: str, name: str) -> dict[str, Any]:
    """A spot pair of Hyperliquid, by the index of the pair and of its token."""
    info = {"name": f"@{pair}", "tokens": [index, 0], "isCanonical": False}
    return market(f"@{pair}", base, "USDC", baseId=str(10_000 + pair), baseName=name, info=info)


async def test_two_tokens_of_one_ticker_are_two_assets(seeded: Importers, registry: Client) -> None:
    rows = [token(20, 26, "PUMP", "PUMP"), token(188, 299, "PUMP", "UPUMP"), token(165, 277, "RUB", "RUB")]
    await seeded.markets("hyperliquid", [*rows, swap("200", "PUMP", "USDC", info={"name": "PUMP", "szDecimals": "0"})])
    fake, real = [(await listed(registry, "hyperliquid", text)) for text in ("@20", "@188")]
    future = await listed(registry, "hyperliquid", "200")
    assert fake.base_asset.asset_id != real.base_asset.asset_id
    assert future.base_asset.asset_id == real.base_asset.asset_id
    _, ruble = await evidence(registry, "hyperliquid", "RUB:277")
    assert ruble.category == "provisional"


async def test_codes_of_the_exchange_itself_are_recorded_with_their_case(seeded: Importers, registry: Client) -> None:
    rows = [
        market("PGxUSD", "PGX", "USD", info={"base": "PGx", "quote": "ZUSD", "aclass_base": "tokenized_asset"}),
        market("LUNAUSD", "LUNC", "USD", info={"base": "LUNA", "quote": "ZUSD"}),
        market("LUNA2USD", "LUNA", "USD", info={"base": "LUNA2", "quote": "ZUSD"}),
    ]
    await seeded.markets("kraken", rows)
    means = {code: (await evidence(registry, "kraken", code))[1] for code in ("PGx", "LUNA", "LUNA2", "ZUSD")}
    assert len({each.asset_id for each in means.values()}) == len(means)
    assert means["ZUSD"].category == "fiat"


async def test_a_perpetual_with_a_delisting_date_keeps_its_listing(seeded: Importers, registry: Client) -> None:
    row = perpetual("ABCUSDT", contractType="PERPETUAL", deliveryDate=4_133_404_800_000)
    await seeded.markets("binanceusdm", [row])
    before = (await listed(registry, "binanceusdm", "ABCUSDT")).venue_symbol
    dated = {**row, "type": "future", "expiry": SOON, "info": {**row["info"], "deliveryDate": SOON}}
    await seeded.markets("binanceusdm", [dated])
    after = await listed(registry, "binanceusdm", "ABCUSDT")
    assert after.venue_symbol.listing_id == before.listing_id
    assert after.symbol.symbol_type == markets_pb2.SYMBOL_TYPE_PERPETUAL
    assert after.venue_symbol.metadata["delisting_at"] == "2033-01-22T09:46:40+00:00"


async def test_a_spread_is_refused_instead_of_becoming_its_future(seeded: Importers, registry: Client) -> None:
    future = {"type": "future", "expiry": SOON, "linear": False, "inverse": True, "settle": "BTC", "settleId": "BTC"}
    rows = [
        market("BTC-X", "BTC", "USD", **future, info={"kind": "future"}),
        market("BTC-FS-X_PERP", "BTC", "USD", **future, info={"kind": "future_combo"}),
    ]
    result = await seeded.markets("deribit", rows)
    assert [each.reason for each in result.of("rejected")] == ["unsupported_type"]
    assert (await listed(registry, "deribit", "BTC-X")).symbol.symbol_type == markets_pb2.SYMBOL_TYPE_FUTURE


@pytest.mark.parametrize(
    ("base", "said", "category"),
    [
        ("META", {"underlyingType": "EQUITY", "contractType": "TRADIFI_PERPETUAL"}, "stock"),
        ("XAU", {"underlyingType": "COMMODITY", "contractType": "TRADIFI_PERPETUAL"}, "commodity"),
    ],
)
async def test_the_class_of_the_venue_is_the_class_of_the_asset(
    seeded: Importers, registry: Client, base: str, said: dict[str, str], category: str
) -> None:
    await seeded.markets("binanceusdm", [perpetual(f"{base}USDT", **said)])
    _, asset = await evidence(registry, "binanceusdm", base)
    assert asset.category == category
