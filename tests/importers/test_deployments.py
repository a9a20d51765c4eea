"""Contracts and native coins on chains, and which sources identify the coin."""

from typing import Any

import pytest

from cqar.contract.cqc.assets.v1 import assets_pb2
from cqar.importers.sources import deployments
from tests.importers.facts import DEPLOYED, refused, source


@pytest.mark.parametrize(
    ("change", "identifies"),
    [
        ({}, True),
        ({"sources": ["chain-registry@2"]}, True),
        ({"sources": ["@subwallet/x@1"]}, False),
        ({"sources": ["@solana/spl-token-registry@1"]}, False),
        ({"sources": ["chain-registry@2"], "typeAsset": "ics20"}, False),
        ({"sources": ["@subwallet/x@1"], "is_native": True}, True),
    ],
)
def test_only_trusted_sources_identify_the_coin(change: dict[str, Any], identifies: bool) -> None:  # noqa: FBT001 - a column of the table
    fact = deployments.parse(source({**DEPLOYED, "coingecko_id": "coin-a", **change}))
    assert (fact.coingecko_id, fact.claimed) == (("coin-a", None) if identifies else (None, "coin-a"))


@pytest.mark.parametrize("kind", ["evm-base", "svm-base", "bitcoin-like"])
def test_a_native_coin_has_no_address(kind: str) -> None:
    fact = deployments.parse(source({**DEPLOYED, "typeAsset": kind, "address": "wei"}))
    assert (fact.address, fact.denom, fact.asset_type) == (None, "wei", assets_pb2.ASSET_TYPE_NATIVE)
    assert deployments.parse(source({**DEPLOYED, "assetType": "NATIVE", "address": "native"})).denom is None


@pytest.mark.parametrize(
    ("kind", "asset_type"),
    [("ics20", "WRAPPED"), ("ERC721", "ERC721"), ("PSP34", "ERC721"), ("sdk.coin", "NATIVE"), ("substrate", "NATIVE")],
)
def test_the_kind_of_a_token_determines_its_asset_type(kind: str, asset_type: str) -> None:
    found = deployments.parse(source({**DEPLOYED, "typeAsset": kind})).asset_type
    assert found == getattr(assets_pb2, f"ASSET_TYPE_{asset_type}")


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("cw20:osmo1x", "osmo1x"),
        ("snip20:secret1", "secret1"),
        ("snip25:s", "s"),
        ("ibc/AB", "ibc/AB"),
        ("factory/a:b", "factory/a:b"),
    ],
)
def test_prefixes_are_removed_from_addresses(written: str, address: str) -> None:
    assert deployments.denom(written) == address


def test_source_names_are_not_addresses_and_unknown_decimals_stay_unset() -> None:
    assert refused(deployments.parse, {**DEPLOYED, "address": "x-LOCAL-DOT"}) == "no_address"
    assert refused(deployments.parse, {**DEPLOYED, "symbol": ""}) == "incomplete"
    assert deployments.parse(source({**DEPLOYED, "decimals": None})).decimals is None
    assert deployments.parse(source({**DEPLOYED, "decimals": 0})).decimals == 0
