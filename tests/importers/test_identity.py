"""The identity guard: what a venue's code means, on which evidence, which reviews open, and what a decision changes."""

import json
from typing import Any

import asyncpg
import pytest

from cqar.contract.cqar.v1 import reviews_pb2 as pb
from cqar.contract.cqc.assets.v1 import assets_pb2
from tests.client import Client
from tests.importers.imports import Importers, coin, listed, market, revision, swap

ACCESS = "/cqar.v1.Access/"


async def evidence(registry: Client, venue_id: str, code: str) -> tuple[str, Any]:
    """The evidence recorded for a code, and its asset."""
    [found] = (await registry.call("ListVenueAssets", venue_id=venue_id, venue_asset_symbol=code)).venue_assets
    return found.identity_evidence, (await registry.call("GetAsset", asset_id=found.asset_id)).asset


async def reviews(registry: Client, **fields: Any) -> list[Any]:
    """The review queue."""
    data, _ = await registry.raw(f"{ACCESS}ListReviews", pb.ListReviewsRequest(**fields).SerializeToString())
    return list(pb.ListReviewsResponse.FromString(data).reviews)


async def accepted(registry: Client, review_id: str, **fields: Any) -> None:
    request = pb.AcceptReviewRequest(review_id=review_id, **fields)
    await registry.raw(f"{ACCESS}AcceptReview", request.SerializeToString())


async def rejected(registry: Client, review_id: str) -> None:
    await registry.raw(f"{ACCESS}RejectReview", pb.RejectReviewRequest(review_id=review_id).SerializeToString())


#: Two coins of one ticker, and one that has it alone.
TWINS = (coin("gas", "GAS", "Gas"), coin("gas-dao", "GAS", "Gas DAO"), coin("zephyr-protocol", "ZEPH", "Zephyr Protocol"))


async def test_a_ticker_decides_nothing_but_finds_candidates(seeded: Importers, registry: Client) -> None:
    await seeded.document("assets", TWINS)
    result = await seeded.markets("binance", [market("ZEPHUSDT", "ZEPH", "USDT"), market("GASUSDT", "GAS", "USDT")])
    assert result.review == 0, "no market waits for a decision"
    found = {each.code: each for each in await reviews(registry)}
    assert {each.kind for each in found.values()} == {pb.REVIEW_KIND_PROVISIONAL}
    for code, count in (("ZEPH", 1), ("GAS", 2)):
        recorded, asset = await evidence(registry, "binance", code)
        assert (recorded, asset.category) == ("provisional", "provisional")
        assert len(found[code].candidate_asset_ids) == count
        listing = await listed(registry, "binance", f"{code}USDT")
        assert listing.base_asset.asset_id == found[code].asset_id == asset.asset_id


async def test_a_row_that_only_a_token_list_has_is_no_candidate(seeded: Importers, registry: Client) -> None:
    chain = {"source": "viem@2", "caip2": "eip155:1", "id": 1, "name": "Ethereum", "testnet": False}
    await seeded.document("chains", [chain])
    token = {"chainId": 1, "address": f"0x{'ab' * 20}", "symbol": "ZEPH", "name": "Zephyrus Test", "decimals": 18}
    version = {"major": 1, "minor": 0, "patch": 0}
    document = {"name": "a list", "timestamp": "2026-11-01T00:00:00Z", "version": version, "tokens": [token]}
    await seeded.document("tokenlist", json.dumps(document).encode())
    await seeded.markets("binance", [market("ZEPHUSDT", "ZEPH", "USDT")])
    [review] = await reviews(registry)
    assert (review.code, list(review.candidate_asset_ids)) == ("ZEPH", [])


@pytest.mark.parametrize("code", ["HOT", "NOK", "SAR", "RON"])
async def test_a_base_that_may_be_several_things_is_left_open(seeded: Importers, registry: Client, code: str) -> None:
    await seeded.document("assets", [coin("holotoken", "HOT", "Holo")])
    await seeded.markets("bittrex", [market(f"{code}-USDT", code, "USDT")])
    _, asset = await evidence(registry, "bittrex", code)
    assert asset.category == "provisional"


async def test_a_permissionless_segment_is_believed_no_ticker(seeded: Importers, registry: Client) -> None:
    await seeded.markets("hyperliquid", [market("@165", "RUB", "USDC", baseId="10165"), market("@1", "ETH", "USDC")])
    for code in ("RUB", "ETH"):
        _, asset = await evidence(registry, "hyperliquid", code)
        assert asset.category == "provisional"


async def test_a_verdict_about_one_code_is_not_one_about_another(seeded: Importers, registry: Client) -> None:
    rows = [swap("1000000BOBUSDT", "1000000BOB", "USDT"), swap("BOBUSDT", "BOB", "USDT")]
    await seeded.markets("binanceusdm", rows)
    found = {each.code: each for each in await reviews(registry)}
    assert sorted(found) == ["1000000BOB", "BOB"]
    assert found["BOB"].asset_id != found["1000000BOB"].asset_id
    await accepted(registry, found["BOB"].review_id, decision=pb.REVIEW_DECISION_NEW_ASSET)
    await seeded.markets("binanceusdm", rows)
    [still] = await reviews(registry)
    assert (still.code, still.asset_id) == ("1000000BOB", found["1000000BOB"].asset_id)


async def test_a_scam_token_is_not_a_candidate_for_a_ticker(seeded: Importers, registry: Client) -> None:
    await seeded.document("assets", TWINS)
    found = (await registry.call("SearchAssets", query="Gas DAO")).assets
    [fake] = [each.asset_id for each in found if each.name == "Gas DAO"]
    scam, critical = assets_pb2.FLAG_TYPE_SCAM, assets_pb2.FLAG_SEVERITY_CRITICAL
    await registry.call(
        "RaiseQualityFlag", asset_id=fake, flag_type=scam, severity=critical, description="a copy", raised_by="desk"
    )
    await seeded.markets("binance", [market("GASUSDT", "GAS", "USDT")])
    [review] = await reviews(registry)
    assert fake not in review.candidate_asset_ids
    assert len(review.candidate_asset_ids) == 1


async def test_an_unknown_code_becomes_a_provisional_asset_of_its_venue_only(seeded: Importers, registry: Client) -> None:
    await seeded.markets("gate", [market("QQQX_USDT", "QQQX", "USDT")])
    recorded, asset = await evidence(registry, "gate", "QQQX")
    assert (recorded, asset.category) == ("provisional", "provisional")
    flags = (await registry.call("ListQualityFlags", asset_id=asset.asset_id)).flags
    assert [each.flag_type for each in flags] == [assets_pb2.FLAG_TYPE_UNVERIFIED]
    [own] = (await registry.call("ListAssetIdentifiers", asset_id=asset.asset_id)).identifiers
    assert (own.source, own.external_id) == (assets_pb2.DATA_SOURCE_INTERNAL, "gate:QQQX")
    await seeded.markets("mexc", [market("QQQXUSDT", "QQQX", "USDT")])
    _, other = await evidence(registry, "mexc", "QQQX")
    assert other.asset_id != asset.asset_id
    here, there = await listed(registry, "gate", "QQQX_USDT"), await listed(registry, "mexc", "QQQXUSDT")
    assert here.symbol.symbol_id != there.symbol.symbol_id


async def test_a_remap_of_the_venue_is_evidence_and_is_recorded(seeded: Importers, registry: Client) -> None:
    await seeded.markets("kraken", [market("XBTUSDT", "BTC", "USDT", baseId="XXBT")], remaps={"XXBT": "BTC"})
    recorded, asset = await evidence(registry, "kraken", "XXBT")
    assert recorded.startswith("remap XXBT is BTC")
    assert asset.name == "Bitcoin"


async def test_a_currency_code_means_the_currency_despite_tokens_with_its_ticker(seeded: Importers, registry: Client) -> None:
    await seeded.document("assets", [coin("euro-coin-fake", "EUR", "Euro Coin")])
    await seeded.markets("kraken", [market("XBTEUR", "BTC", "EUR", quoteId="ZEUR")])
    recorded, asset = await evidence(registry, "kraken", "ZEUR")
    assert (asset.category, asset.name) == ("fiat", "Euro")
    assert "external id" in recorded


async def test_a_payload_address_outweighs_the_ticker(seeded: Importers, registry: Client) -> None:
    address = "0xdAC17F958D2ee523a2206206994597C13D831ec7"
    chain = {"source": "viem@2", "caip2": "eip155:1", "id": 1, "name": "Ethereum", "testnet": False}
    await seeded.document("chains", [chain])
    row = {"chain": "eip155:1", "address": address, "symbol": "GAS", "name": "The real one", "decimals": 6}
    await seeded.document("deployments", [{**row, "coingecko_id": None, "is_native": False, "sources": ["x"], "conflicts": []}])
    await seeded.document("assets", TWINS)
    await seeded.markets("mexc", [market("GASUSDT", "GAS", "USDT", info={"contractAddress": address})])
    recorded, asset = await evidence(registry, "mexc", "GAS")
    assert recorded.startswith("contract address")
    assert asset.name == "The real one"


async def test_an_accepted_review_decides_and_is_not_opened_again(
    seeded: Importers, registry: Client, connection: asyncpg.Connection
) -> None:
    await seeded.document("assets", TWINS)
    rows = [market("GASUSDT", "GAS", "USDT")]
    await seeded.markets("binance", rows)
    [review] = await reviews(registry)
    chosen = review.candidate_asset_ids[0]
    await accepted(registry, review.review_id, asset_id=chosen, notes="the venue's own page says so")
    result = await seeded.markets("binance", rows)
    assert (result.review, result.conflict, result.rejected) == (0, 0, 0)
    assert (await listed(registry, "binance", "GASUSDT")).base_asset.asset_id == chosen
    recorded, _ = await evidence(registry, "binance", "GAS")
    assert recorded == "review"
    assert await reviews(registry) == []
    head = await revision(connection)
    assert (await seeded.markets("binance", rows)).line.startswith("created=0 updated=0 ")
    assert await revision(connection) == head


async def test_a_rejected_review_is_not_opened_again(seeded: Importers, registry: Client) -> None:
    await seeded.document("assets", TWINS)
    rows = [market("GASUSDT", "GAS", "USDT")]
    await seeded.markets("binance", rows)
    [review] = await reviews(registry)
    await rejected(registry, review.review_id)
    await seeded.markets("binance", rows)
    assert await reviews(registry) == []
    assert (await listed(registry, "binance", "GASUSDT")).base_asset.asset_id == review.asset_id


async def test_a_review_merges_a_provisional_asset_into_the_real_one(seeded: Importers, registry: Client) -> None:
    rows = [market("ZEPHUSDT", "ZEPH", "USDT")]
    await seeded.markets("mexc", rows)
    _, provisional = await evidence(registry, "mexc", "ZEPH")
    assert provisional.category == "provisional"
    await seeded.document("assets", TWINS)
    await seeded.markets("mexc", rows)
    [review] = [each for each in await reviews(registry) if each.code == "ZEPH"]
    assert review.kind == pb.REVIEW_KIND_PROVISIONAL
    found = (await registry.call("SearchAssets", query="Zephyr Protocol")).assets
    [real] = [each.asset_id for each in found if each.name == "Zephyr Protocol"]
    await accepted(registry, review.review_id, asset_id=real)
    assert (await listed(registry, "mexc", "ZEPHUSDT")).base_asset.asset_id == real
    assert (await registry.refused("GetAsset", asset_id=provisional.asset_id)).code == "NOT_FOUND"
    result = await seeded.markets("mexc", rows)
    assert result.line.startswith("created=0 updated=0 ")
    assert await reviews(registry) == []


async def test_a_symbol_with_a_new_meaning_is_a_conflict_until_decided(
    seeded: Importers, registry: Client, connection: asyncpg.Connection
) -> None:
    await seeded.markets("binance", [market("XUSDT", "BTC", "USDT")])
    before = await listed(registry, "binance", "XUSDT")
    result = await seeded.markets("binance", [market("XUSDT", "ETH", "USDT")])
    assert result.conflict == 1
    assert (await listed(registry, "binance", "XUSDT")).symbol.symbol_id == before.symbol.symbol_id, "never written over"
    [review] = await reviews(registry)
    assert review.kind == pb.REVIEW_KIND_LISTING_CONFLICT
    await accepted(registry, review.review_id, decision=pb.REVIEW_DECISION_REUSE)
    now = await listed(registry, "binance", "XUSDT")
    assert now.base_asset.symbol == "ETH"
    # The old meaning has ended and is still known for its time.
    request = {"venue_id": "binance", "include_delisted": True, "venue_symbol": "XUSDT"}
    both = (await registry.call("ListVenueSymbols", **request)).venue_symbols
    assert sorted(each.HasField("delisted_at") for each in both) == [False, True]
    head = await revision(connection)
    assert (await seeded.markets("binance", [market("XUSDT", "ETH", "USDT")])).line.startswith("created=0 updated=0 ")
    assert await revision(connection) == head


async def test_a_correction_removes_the_old_meaning(seeded: Importers, registry: Client) -> None:
    await seeded.markets("binance", [market("XUSDT", "BTC", "USDT")])
    await seeded.markets("binance", [market("XUSDT", "ETH", "USDT")])
    [review] = await reviews(registry)
    await accepted(registry, review.review_id, decision=pb.REVIEW_DECISION_CORRECTION)
    assert (await listed(registry, "binance", "XUSDT")).base_asset.symbol == "ETH"
    request = {"venue_id": "binance", "include_delisted": True, "venue_symbol": "XUSDT"}
    [only] = (await registry.call("ListVenueSymbols", **request)).venue_symbols
    assert not only.HasField("delisted_at")


async def test_a_code_with_a_new_meaning_is_a_conflict(seeded: Importers, registry: Client) -> None:
    await seeded.markets("kraken", [market("OLD", "USDC", "USDT", baseId="XYZ")], remaps={"XYZ": "USDC"})
    result = await seeded.markets("kraken", [market("OLD", "ETH", "USDT", baseId="XYZ")], remaps={"XYZ": "ETH"})
    assert result.review + result.conflict >= 1
    _, asset = await evidence(registry, "kraken", "XYZ")
    assert asset.symbol == "USDC", "never written over"
    [review] = [each for each in await reviews(registry) if each.kind == pb.REVIEW_KIND_CODE_CONFLICT]
    assert review.code == "XYZ"


async def test_the_first_code_of_a_venue_asset_stays_its_main_code(seeded: Importers, registry: Client) -> None:
    rows = [market("A", "BTC", "USDT", baseId="XXBT"), market("B", "BTC", "USDT", baseId="XBT")]
    await seeded.markets("kraken", rows, remaps={"XXBT": "BTC", "XBT": "BTC"})
    await seeded.markets("kraken", list(reversed(rows)), remaps={"XXBT": "BTC", "XBT": "BTC"})
    [venue_asset] = [
        each
        for each in (await registry.call("ListVenueAssets", venue_id="kraken")).venue_assets
        if "XBT" in each.venue_asset_aliases
    ]
    assert venue_asset.venue_asset_symbol == "XXBT"


async def test_a_deleted_asset_is_not_a_candidate(seeded: Importers, registry: Client) -> None:
    await seeded.document("assets", TWINS)
    found = (await registry.call("SearchAssets", query="Gas DAO")).assets
    [fake] = [each.asset_id for each in found if each.name == "Gas DAO"]
    await registry.call("DeleteAsset", asset_id=fake)
    await seeded.markets("binance", [market("GASUSDT", "GAS", "USDT")])
    [review] = await reviews(registry)
    assert fake not in review.candidate_asset_ids
    assert len(review.candidate_asset_ids) == 1


async def test_open_reviews_outlast_the_run(seeded: Importers, registry: Client) -> None:
    """A dry run opens no review."""
    await seeded.document("assets", TWINS)
    result = await seeded.markets("binance", [market("GASUSDT", "GAS", "USDT")], dry_run=True)
    assert result.created > 0
    assert await reviews(registry) == []


async def test_active_markets_of_one_symbol_at_one_venue_are_noted(seeded: Importers) -> None:
    """LUNAUSDT and LUNCUSDT: if both are listed, they are not one coin."""
    rows = [market("XBTUSDT", "BTC", "USDT", baseId="XBT"), market("XXBTUSDT", "BTC", "USDT", baseId="XXBT")]
    result = await seeded.markets("kraken", rows, remaps={"XBT": "BTC", "XXBT": "BTC"})
    assert result.report.counts["note", "row", "several_texts"] == 1
    assert "XBTUSDT, XXBTUSDT at kraken" in result.report.summary()["examples"]["several_texts"]
    one = await seeded.markets("gate", [market("BTC_USDT", "BTC", "USDT"), market("BTC_USDC", "BTC", "USDC")])
    assert one.report.counts["note", "row", "several_texts"] == 0
