"""Small real inputs that gave a wrong asset, from the shared cases: what each venue means, and what is asked."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from cqar.contract.cqar.v1 import identity_pb2
from cqar.contract.cqar.v1 import reviews_pb2 as pb
from cqar.contract.cqc.assets.v1 import assets_pb2
from tests.client import Client
from tests.importers.imports import DATA, Importers, coin, listed, market
from tests.importers.test_identity import accepted, evidence, reviews

INPUTS = Path(__file__).parents[3] / "shared" / "cases" / "inputs"
pytestmark = pytest.mark.skipif(not INPUTS.exists(), reason=f"the shared cases are not at {INPUTS}")

UNKNOWN, CONTESTED = identity_pb2.IDENTITY_LEVEL_UNKNOWN, identity_pb2.IDENTITY_LEVEL_CONTESTED
SOLANA = "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp"
CHAINS = (
    {"source": "viem@2", "caip2": "eip155:1", "id": 1, "name": "Ethereum", "testnet": False},
    {"source": "@web3icons/common@0.11", "id": "solana", "caip2id": SOLANA, "name": "Solana", "nativeCoinId": "solana"},
)


def read(name: str) -> bytes:
    return (INPUTS / f"{name}.json").read_bytes()


def rows(name: str) -> list[Any]:
    found: list[Any] = json.loads(read(name))
    return found


@pytest.fixture
async def listed_tokens(seeded: Importers) -> Importers:
    """A registry with a few coins and with the token list, which is not vetted."""
    await seeded.document("chains", CHAINS)
    assert (await seeded.document("tokenlist", read("01_tokens"))).rejected == 0
    return seeded


async def venue_asset(registry: Client, venue_id: str, code: str) -> Any:
    [found] = (await registry.call("ListVenueAssets", venue_id=venue_id, venue_asset_symbol=code)).venue_assets
    return found


async def asked(registry: Client, code: str) -> Any:
    [review] = [each for each in await reviews(registry) if each.code == code]
    return review


@pytest.mark.parametrize(
    ("exchange", "name", "code", "never", "called"),
    [
        ("binance", "03_binance_btt", "BTT", "Beleven Test Token", "BTT"),
        ("mexc", "02_mexc_pnut", "PNUT", "Potternet Utility Token", "Peanut the Squirrel"),
        ("kraken", "06_kraken_tokenized", "PGx", "Pegaxy", "PGX"),
    ],
)
async def test_no_code_means_a_row_of_a_token_list(
    listed_tokens: Importers, registry: Client, exchange: str, name: str, code: str, never: str, called: str
) -> None:
    result = await listed_tokens.markets(exchange, rows(name))
    assert (result.rejected, result.review) == (0, 0)
    recorded, asset = await evidence(registry, exchange, code)
    assert asset.name != never
    assert (recorded, asset.category, asset.name) == ("provisional", "provisional", called)
    assert (await venue_asset(registry, exchange, code)).identity_level == UNKNOWN
    review = await asked(registry, code)
    assert (review.kind, list(review.candidate_asset_ids)) == (pb.REVIEW_KIND_PROVISIONAL, [])
    assert (await listed(registry, exchange, rows(name)[0]["id"])).base_asset.asset_id == asset.asset_id


async def test_money_is_a_quote_and_not_a_base_with_its_code(seeded: Importers, registry: Client) -> None:
    await seeded.markets("okx", rows("08_okx_ron"))
    _, ron = await evidence(registry, "okx", "RON")
    assert ron.category == "provisional"


async def test_a_multiple_and_its_coin_are_two_questions(seeded: Importers, registry: Client) -> None:
    await seeded.document("assets", [coin("bob-token", "BOB", "BOB Token")])
    document = rows("09_binanceusdm_bob")
    await seeded.markets("binanceusdm", document)
    found = {each.code: each for each in await reviews(registry)}
    assert found["BOB"].asset_id != found["1000000BOB"].asset_id
    assert len(found["BOB"].candidate_asset_ids) == len(found["1000000BOB"].candidate_asset_ids) == 1
    await accepted(registry, found["BOB"].review_id)
    await seeded.markets("binanceusdm", document)
    _, bob = await evidence(registry, "binanceusdm", "BOB")
    _, multiple = await evidence(registry, "binanceusdm", "1000000BOB")
    assert (bob.name, multiple.category) == ("BOB Token", "provisional")
    assert (await asked(registry, "1000000BOB")).asset_id == multiple.asset_id


async def test_a_code_is_the_exchanges_own_and_not_another_reading_of_it(seeded: Importers, registry: Client) -> None:
    await seeded.document("assets", [coin("terra-luna", "LUNC", "Terra Luna Classic"), coin("terra-luna-2", "LUNA", "Terra")])
    await seeded.markets("kraken", rows("12_kraken_luna"))
    for code, name in (("LUNA", "Terra Luna Classic"), ("LUNA2", "Terra")):
        _, asset = await evidence(registry, "kraken", code)
        assert asset.name == name
    assert (await listed(registry, "kraken", "LUNAUSD")).base_asset.name == "Terra Luna Classic"


async def test_a_code_that_is_read_as_another_coin_is_a_conflict_that_blocks_trading(
    seeded: Importers, registry: Client
) -> None:
    await seeded.document("assets", [coin("rook", "ROOK", "Rook")])
    before = await seeded.markets("probit", rows("18_probit_rook_before"))
    assert before.conflict == 0
    now = await listed(registry, "probit", "ROOK-USD")
    assert not now.trading_blocked
    after = await seeded.markets("probit", rows("19_probit_rook_after"))
    assert after.conflict == 1
    review = next(each for each in await reviews(registry) if each.kind == pb.REVIEW_KIND_CODE_CONFLICT)
    assert (review.code, review.asset_id) == ("ROOK", now.base_asset.asset_id)
    meant = await venue_asset(registry, "probit", "ROOK")
    assert (meant.asset_id, meant.identity_level) == (now.base_asset.asset_id, CONTESTED)
    assert "ROOK" in meant.blocked_reason
    assert "Reckoon" in meant.blocked_reason
    # The old meaning is served until it is decided, and it is not traded.
    blocked = await listed(registry, "probit", "ROOK-USD")
    assert (blocked.symbol.symbol_id, blocked.trading_blocked) == (now.symbol.symbol_id, True)
    assert blocked.blocked_reason == meant.blocked_reason
    # It stays so, and it ends when the exchange's reading is the old one again.
    again = await seeded.markets("probit", rows("19_probit_rook_after"))
    assert (again.created, again.updated, again.conflict) == (0, 0, 1)
    await seeded.markets("probit", rows("18_probit_rook_before"))
    assert not (await venue_asset(registry, "probit", "ROOK")).blocked_reason
    assert not (await listed(registry, "probit", "ROOK-USD")).trading_blocked


async def test_a_decided_conflict_is_over(seeded: Importers, registry: Client) -> None:
    await seeded.markets("probit", rows("18_probit_rook_before"))
    await seeded.markets("probit", rows("19_probit_rook_after"))
    await seeded.document("assets", [coin("reckoon", "RECK", "Reckoon")])
    [real] = [each.asset_id for each in (await registry.call("SearchAssets", query="Reckoon")).assets if each.name == "Reckoon"]
    review = next(each for each in await reviews(registry) if each.kind == pb.REVIEW_KIND_CODE_CONFLICT)
    await accepted(registry, review.review_id, decision=pb.REVIEW_DECISION_CORRECTION, asset_id=real)
    result = await seeded.markets("probit", rows("19_probit_rook_after"))
    assert result.conflict == 0
    meant = await venue_asset(registry, "probit", "ROOK")
    assert (meant.asset_id, meant.blocked_reason) == (real, "")
    assert not (await listed(registry, "probit", "ROOK-USD")).trading_blocked


async def test_names_of_the_venue_refute_assets_with_its_tickers(seeded: Importers, registry: Client) -> None:
    path = DATA / "markets_upbit.json.gz"
    codes = {"BFC": "BrillFoodCoin", "PCI": "Poly Capital", "BFT": "Blue Fire", "PSG": "ProSport Guru", "BTT": "Beleven Test"}
    await seeded.document("assets", [coin(f"coin-{code.lower()}", code, name) for code, name in codes.items()])
    document = [each for each in json.loads(gzip.decompress(path.read_bytes())) if each["base"] in codes]
    assert {each["base"] for each in document} == set(codes)
    await seeded.markets("upbit", document)
    for code, name in codes.items():
        found = await venue_asset(registry, "upbit", code)
        _, asset = await evidence(registry, "upbit", code)
        assert (asset.category, found.identity_level) == ("provisional", CONTESTED)
        assert asset.name != name
        assert asset.name == next(each["info"]["english_name"] for each in document if each["base"] == code)


async def test_a_share_is_not_money_with_its_ticker(seeded: Importers, registry: Client) -> None:
    await seeded.markets("bittrex", rows("20_bittrex_nok"))
    _, asset = await evidence(registry, "bittrex", "NOK")
    assert asset.category == "provisional"


async def test_money_of_a_korean_venue_is_no_base_with_the_code_of_money(seeded: Importers, registry: Client) -> None:
    await seeded.markets("probit", [market("SAR-KRW", "SAR", "KRW"), market("BTC-KRW", "BTC", "KRW")])
    _, won = await evidence(registry, "probit", "KRW")
    _, coin_ = await evidence(registry, "probit", "SAR")
    assert (won.category, coin_.category) == ("fiat", "provisional")


async def test_a_created_date_that_moves_is_told(seeded: Importers, registry: Client) -> None:
    await seeded.document("assets", [coin("avalanche-2", "AVAX", "Avalanche")])
    await seeded.markets("okx", rows("21_okx_created_before"))
    assert await reviews(registry) == []
    result = await seeded.markets("okx", rows("22_okx_created_after"))
    assert result.conflict == 1
    review = await asked(registry, "AVAX")
    assert (review.kind, review.asset_id) == (
        pb.REVIEW_KIND_CODE_CONFLICT,
        (await venue_asset(registry, "okx", "AVAX")).asset_id,
    )
    assert "2022-05-28" in review.reason
    # What the code means is sure, so its trade goes on.
    assert not (await listed(registry, "okx", "AVAX-USD")).trading_blocked


async def test_an_undecided_code_whose_market_begins_anew_is_blocked(seeded: Importers, registry: Client) -> None:
    began = [market("QQQX-USDT", "QQQX", "USDT", created=1_600_000_000_000)]
    await seeded.markets("okx", began)
    await seeded.markets("okx", [began[0] | {"created": 1_653_700_000_000}])
    assert (await venue_asset(registry, "okx", "QQQX")).blocked_reason
    # An older market that is gone is no contradiction.
    await seeded.markets("gate", [*began, market("QQQX-USDC", "QQQX", "USDC", created=1_700_000_000_000)])
    await seeded.markets("gate", [market("QQQX-USDC", "QQQX", "USDC", created=1_700_000_000_000)])
    assert not (await venue_asset(registry, "gate", "QQQX")).blocked_reason


async def test_an_unknown_address_of_the_venue_leaves_a_coin_of_its_name_open(
    listed_tokens: Importers, registry: Client
) -> None:
    await listed_tokens.document("assets", [coin("peanut-the-squirrel", "PNUT", "Peanut the Squirrel")])
    await listed_tokens.markets("mexc", rows("02_mexc_pnut"))
    found = await venue_asset(registry, "mexc", "PNUT")
    assert found.identity_level == identity_pb2.IDENTITY_LEVEL_SUGGESTED
    assert len((await asked(registry, "PNUT")).candidate_asset_ids) == 1
    assert found.asset_id not in (await asked(registry, "PNUT")).candidate_asset_ids
    flags = (await registry.call("ListQualityFlags", asset_id=found.asset_id)).flags
    assert [each.flag_type for each in flags] == [assets_pb2.FLAG_TYPE_UNVERIFIED]


async def test_a_contract_that_only_a_token_list_has_decides_nothing(listed_tokens: Importers, registry: Client) -> None:
    [row] = rows("02_mexc_pnut")
    listed_there = json.loads(read("01_tokens"))["tokens"][0]["address"]
    await listed_tokens.markets("mexc", [row | {"info": {"contractAddress": listed_there}}])
    _, asset = await evidence(registry, "mexc", "PNUT")
    assert asset.category == "provisional"
    assert list((await asked(registry, "PNUT")).candidate_asset_ids) == []
