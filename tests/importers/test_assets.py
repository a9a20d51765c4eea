"""Assets by CoinGecko id, and how each source names them."""

from typing import Any

import pytest

from cqar.contract.cqc.assets.v1 import assets_pb2
from cqar.importers.sources import assets
from tests.importers.facts import ASSET, refused, source


@pytest.mark.parametrize(
    ("symbol", "seen", "ticker"),
    [
        ("aaa", [], "AAA"),
        ("rTSLA", [("viem", "RTSLA")], "rTSLA"),
        ("steth", [("web3icons", "STETH"), ("chain-registry", "stETH")], "stETH"),
        ("steth", [("yodlpay", "STETH")], "STETH"),
        ("aaa", [("chain-registry", "bbb")], "AAA"),
    ],
)
def test_a_ticker_keeps_the_case_its_issuer_uses(symbol: str, seen: list[tuple[str, str]], ticker: str) -> None:
    assert assets.ticker(symbol, seen) == ticker


@pytest.mark.parametrize(
    ("seen", "asset_type", "assumed"),
    [
        ([], "NATIVE", True),
        ([{"source": "x", "symbol": "aaa", "type_asset": None, "typeAsset": "erc20"}], "ERC20", False),
        ([{"source": "x", "symbol": "AAA", "type": "ASSET_TYPE_WRAPPED"}], "WRAPPED", False),
        ([{"source": "x", "symbol": "aaa", "mint": "m"}], "SPL", False),
        ([{"source": "yodlpay@1", "symbol": "aaa", "chainId": 1}], "ERC20", False),
        ([{"source": "x", "symbol": "other", "mint": "m"}], "NATIVE", True),
    ],
)
def test_sources_determine_the_asset_type(seen: list[dict[str, Any]], asset_type: str, assumed: bool) -> None:  # noqa: FBT001 - a column of the table
    fact = assets.parse(source({**ASSET, "seen": seen}))
    assert (fact.asset_type, fact.assumed) == (getattr(assets_pb2, f"ASSET_TYPE_{asset_type}"), assumed)


@pytest.mark.parametrize("kind", ["evm-base", "svm-base", "bitcoin-like", "substrate", "sdk.coin"])
def test_native_kinds_are_native_coins(kind: str) -> None:
    fact = assets.parse(source({**ASSET, "seen": [{"source": "chain-registry", "symbol": "aaa", "typeAsset": kind}]}))
    assert (fact.asset_type, fact.assumed) == (assets_pb2.ASSET_TYPE_NATIVE, False)


@pytest.mark.parametrize("kind", ["erc20", "cw20", "snip20", "snip25"])
def test_contract_kinds_are_tokens(kind: str) -> None:
    fact = assets.parse(source({**ASSET, "seen": [{"source": "chain-registry", "symbol": "aaa", "typeAsset": kind}]}))
    assert (fact.asset_type, fact.assumed) == (assets_pb2.ASSET_TYPE_ERC20, False)


@pytest.mark.parametrize("field", ["coingecko_id", "symbol", "name"])
def test_an_asset_with_a_missing_field_is_rejected(field: str) -> None:
    assert refused(assets.parse, {**ASSET, field: " "}) == "incomplete"


def test_an_id_used_only_for_prices_creates_no_asset() -> None:
    claim = {"source": "@solana/spl-token-registry@0.2", "symbol": "aaa", "mint": "m"}
    assert refused(assets.parse, {**ASSET, "seen": [claim]}) == "claimed_only"
    assert assets.parse(source({**ASSET, "seen": [claim, {"source": "web3icons@4"}]})).coingecko_id == "coin-a"
