"""The identity guard: what a venue's code means, on which evidence, which reviews open, and what a decision changes."""

import json
from typing import Any

import asyncpg
import pytest

from cqar.contract.cqar.v1 import identity_pb2
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
    assert (await registry.call("GetAsset", asset_id=provisional.asset_id)).asset.asset_id == real
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


# ---- levels, claims and meanings that the registry has -------------------------------------------------------------


async def meant(registry: Client, venue_id: str, code: str) -> Any:
    """The venue asset of a code."""
    [found] = (await registry.call("ListVenueAssets", venue_id=venue_id, venue_asset_symbol=code)).venue_assets
    return found


async def claim(registry: Client, venue_id: str, code: str) -> Any:
    request = identity_pb2.ListEvidenceRequest(venue_id=venue_id, code=code)
    data, _ = await registry.raw("/cqar.v1.Registry/ListEvidence", request.SerializeToString())
    [found] = identity_pb2.ListEvidenceResponse.FromString(data).claims
    return found


async def named(registry: Client, name: str) -> str:
    """The id of the asset with the name."""
    [found] = [each for each in (await registry.call("SearchAssets", query=name)).assets if each.name == name]
    return str(found.asset_id)


async def stored(registry: Client, venue_id: str, code: str, asset_id: str, **fields: Any) -> None:
    """A meaning that the registry has before an import."""
    await registry.call("CreateVenue", venue_slug=venue_id, name=venue_id, venue_type=1)
    await registry.call("CreateVenueAsset", venue_id=venue_id, asset_id=asset_id, venue_asset_symbol=code, **fields)


async def test_levels_and_evidence_are_recorded_with_what_the_venue_says(seeded: Importers, registry: Client) -> None:
    await seeded.document("assets", TWINS)
    rows = [
        market("KRW-ZEPH", "ZEPH", "KRW", info={"english_name": "Zephyr", "market": "KRW-ZEPH"}),
        market("KRW-GAS", "GAS", "KRW", info={"english_name": "Gas DAO", "market": "KRW-GAS"}),
        market("KRW-BTC", "BTC", "KRW", info={"english_name": "Bitcoin", "market": "KRW-BTC"}),
        market("KRW-QQQX", "QQQX", "KRW", info={"english_name": "Quartz", "market": "KRW-QQQX"}),
    ]
    await seeded.markets("upbit", rows)
    levels = {code: (await meant(registry, "upbit", code)).identity_level for code in ("BTC", "KRW", "GAS", "ZEPH", "QQQX")}
    verified, unknown = identity_pb2.IDENTITY_LEVEL_VERIFIED, identity_pb2.IDENTITY_LEVEL_UNKNOWN
    corroborated = identity_pb2.IDENTITY_LEVEL_CORROBORATED
    assert levels == {"BTC": verified, "KRW": verified, "GAS": corroborated, "ZEPH": corroborated, "QQQX": unknown}
    recorded, asset = await evidence(registry, "upbit", "GAS")
    assert (recorded, asset.name) == ("name Gas DAO", "Gas DAO")
    found = await claim(registry, "upbit", "GAS")
    assert (found.asset_id, found.level) == (asset.asset_id, corroborated)
    said = {(each.kind, each.against) for each in found.evidence if each.asset_id == asset.asset_id}
    assert said == {(identity_pb2.EVIDENCE_KIND_NAME, False), (identity_pb2.EVIDENCE_KIND_TICKER, False)}
    assert found.facts["names"] == ["Gas DAO"]
    _, quartz = await evidence(registry, "upbit", "QQQX")
    assert (quartz.name, quartz.symbol, quartz.category) == ("Quartz", "QQQX", "provisional")


async def test_what_was_written_by_hand_stays(seeded: Importers, registry: Client) -> None:
    usdc = await named(registry, "USDC")
    await stored(registry, "binance", "BTC", usdc)
    result = await seeded.markets("binance", [market("BTCUSDT", "BTC", "USDT")])
    assert result.conflict == 0
    found = await meant(registry, "binance", "BTC")
    assert (found.asset_id, found.identity_level, found.blocked_reason) == (usdc, 0, "")
    assert await reviews(registry) == []


async def test_a_meaning_that_rests_on_a_ticker_stays_and_is_asked_about(seeded: Importers, registry: Client) -> None:
    await seeded.document("assets", TWINS)
    zephyr = await named(registry, "Zephyr Protocol")
    await stored(registry, "binance", "ZEPH", zephyr, identity_evidence="ticker ZEPH")
    await seeded.markets("binance", [market("ZEPHUSDT", "ZEPH", "USDT")])
    found = await meant(registry, "binance", "ZEPH")
    assert (found.asset_id, found.identity_level) == (zephyr, identity_pb2.IDENTITY_LEVEL_SUGGESTED)
    assert not found.blocked_reason
    [review] = await reviews(registry)
    assert (review.kind, review.asset_id) == (pb.REVIEW_KIND_CODE_CONFLICT, zephyr)
    assert not (await listed(registry, "binance", "ZEPHUSDT")).trading_blocked


async def test_a_meaning_that_the_venue_refutes_is_blocked_until_it_is_decided(seeded: Importers, registry: Client) -> None:
    await seeded.document("assets", TWINS)
    zephyr = await named(registry, "Zephyr Protocol")
    await stored(registry, "upbit", "ZEPH", zephyr, identity_evidence="ticker ZEPH")
    row = market("KRW-ZEPH", "ZEPH", "KRW", info={"english_name": "Quartz", "market": "KRW-ZEPH"})
    result = await seeded.markets("upbit", [row])
    assert result.conflict == 1
    found = await meant(registry, "upbit", "ZEPH")
    assert (found.asset_id, found.identity_level) == (zephyr, identity_pb2.IDENTITY_LEVEL_CONTESTED)
    assert "name Quartz" in found.blocked_reason
    assert (await listed(registry, "upbit", "KRW-ZEPH")).trading_blocked
    right = row | {"info": {"english_name": "Zephyr Protocol", "market": "KRW-ZEPH"}}
    assert (await seeded.markets("upbit", [right])).conflict == 0
    found = await meant(registry, "upbit", "ZEPH")
    assert (found.blocked_reason, found.identity_level) == ("", identity_pb2.IDENTITY_LEVEL_CORROBORATED)


async def test_a_contract_of_another_asset_contradicts_what_a_code_has_meant(seeded: Importers, registry: Client) -> None:
    await seeded.document("chains", [{"source": "viem@2", "caip2": "eip155:1", "id": 1, "name": "Ethereum", "testnet": False}])
    address = f"0x{'ab' * 20}"
    deployed = {"chain": "eip155:1", "address": address, "symbol": "GAS", "name": "Gas DAO", "decimals": 6}
    deployed |= {"coingecko_id": "gas-dao", "is_native": False, "sources": ["yodlpay@1"], "conflicts": []}
    await seeded.document("assets", TWINS)
    await seeded.document("deployments", [deployed])
    gas = await named(registry, "Gas")
    await stored(registry, "mexc", "GAS", gas, identity_evidence="name Gas", identity_level=2)
    result = await seeded.markets("mexc", [market("GASUSDT", "GAS", "USDT", info={"contractAddress": address})])
    assert result.conflict == 1
    found = await meant(registry, "mexc", "GAS")
    assert (found.asset_id, found.identity_level) == (gas, identity_pb2.IDENTITY_LEVEL_CONTESTED)
    assert f"contract address {address}" in found.blocked_reason
    [review] = await reviews(registry)
    assert list(review.candidate_asset_ids) == [await named(registry, "Gas DAO")]


async def test_another_venue_agrees_by_name_and_not_by_code(seeded: Importers, registry: Client) -> None:
    address = f"0x{'ab' * 20}"
    await seeded.document("chains", [{"source": "viem@2", "caip2": "eip155:1", "id": 1, "name": "Ethereum", "testnet": False}])
    deployed = {"chain": "eip155:1", "address": address, "symbol": "ZEPH", "name": "Zephyr Protocol", "decimals": 6}
    deployed |= {"coingecko_id": "zephyr-protocol", "is_native": False, "sources": ["yodlpay@1"], "conflicts": []}
    await seeded.document("assets", TWINS)
    await seeded.document("deployments", [deployed])
    await seeded.markets(
        "mexc", [market("ZEPHUSDT", "ZEPH", "USDT", info={"contractAddress": address, "fullName": "Zephyr Chain"})]
    )
    assert (await meant(registry, "mexc", "ZEPH")).identity_level == identity_pb2.IDENTITY_LEVEL_VERIFIED
    await seeded.markets("binance", [market("ZEPHUSDT", "ZEPH", "USDT")])
    assert (await meant(registry, "binance", "ZEPH")).identity_level == identity_pb2.IDENTITY_LEVEL_SUGGESTED
    row = market("KRW-ZEPH", "ZEPH", "KRW", info={"english_name": "Zephyr Chain Token", "market": "KRW-ZEPH"})
    await seeded.markets("upbit", [row])
    recorded, asset = await evidence(registry, "upbit", "ZEPH")
    assert recorded == "agreement ZEPH at mexc is Zephyr Chain Token"
    assert asset.name == "Zephyr Protocol"


async def test_a_text_that_the_registry_refuses_is_no_evidence(seeded: Importers, registry: Client) -> None:
    hostile = {"contractAddress": "0x\u202eab", "fullName": "Mar\u200bble\x00"}
    rows = [market("QQQXUSDT", "QQQX", "USDT", info=hostile), market("ZZZXUSDT", "ZZZX", "USDT", info={"fullName": "n" * 300})]
    result = await seeded.markets("mexc", rows)
    assert (result.rejected, result.review) == (0, 0)
    for code in ("QQQX", "ZZZX"):
        _, asset = await evidence(registry, "mexc", code)
        assert asset.name == code
        assert "names" not in (await claim(registry, "mexc", code)).facts


async def test_a_code_that_was_recorded_by_another_reading_keeps_its_meaning(seeded: Importers, registry: Client) -> None:
    await seeded.document("assets", TWINS)
    zephyr = await named(registry, "Zephyr Protocol")
    await stored(registry, "kraken", "ZEPH", zephyr, identity_evidence="review")
    await seeded.markets("kraken", [market("ZEPHUSD", "ZEPH", "USD", info={"base": "XZEPH", "quote": "ZUSD"})])
    found = await meant(registry, "kraken", "XZEPH")
    assert found.asset_id == zephyr
    assert {found.venue_asset_symbol, *found.venue_asset_aliases} == {"ZEPH", "XZEPH"}


async def test_classes_of_a_venue_are_assets_of_their_own(seeded: Importers, registry: Client) -> None:
    await seeded.document("assets", [coin("metadium", "META", "Metadium")])
    info = {"contractType": "TRADIFI_PERPETUAL", "underlyingType": "EQUITY"}
    await seeded.markets("binanceusdm", [swap("METAUSDT", "META", "USDT", info=info)])
    recorded, asset = await evidence(registry, "binanceusdm", "META")
    assert (recorded, asset.category) == ("class stock:binanceusdm:META", "stock")
    assert (await meant(registry, "binanceusdm", "META")).identity_level == identity_pb2.IDENTITY_LEVEL_CORROBORATED
    assert await reviews(registry) == []
    again = await seeded.markets("binanceusdm", [swap("METAUSDT", "META", "USDT", info=info)])
    assert again.line.startswith("created=0 updated=0 ")
