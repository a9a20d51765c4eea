"""Tokens of a token list."""

from typing import Any

import pytest

from cqar.contract.cqc.assets.v1 import assets_pb2
from cqar.importers.run.documents import FileError
from cqar.importers.sources import chain_ids, tokenlist
from tests.client import Client
from tests.importers.facts import CHAIN, TOKEN, A, B, refused, source
from tests.importers.imports import Importers


def test_a_token_is_read_with_its_bridges() -> None:
    info = {"10": {"tokenAddress": B, "more": 1}}
    token = tokenlist.parse(source({**TOKEN, "extensions": {"bridgeInfo": info, "opTokenId": "AAA"}}))
    assert (token.deployment.chain, token.deployment.address, token.deployment.decimals) == ("eip155:1", A, 18)
    assert (token.bridges, token.number) == ((("10", B),), "1")


@pytest.mark.parametrize(
    ("number", "address", "chain"),
    [
        (101, "So1", chain_ids.SOLANA),
        (102, "So1", "solana:4uhcVJyU9pJkvQyS88uRDiswHScCKQY3"),
        (103, "So1", "solana:EtWTRABZaYq6iMfeYKouRu166VU2xqa1"),
        (101, A, "eip155:101"),
    ],
)
def test_number_and_address_identify_the_chain_of_a_token(number: int, address: str, chain: str) -> None:
    assert tokenlist.parse(source({**TOKEN, "chainId": number, "address": address})).deployment.chain == chain


def test_tags_mark_liquidity_pool_shares() -> None:
    for tag in ("lp-token", "saber-stableswap-lp"):
        fact = tokenlist.parse(source({**TOKEN, "tags": ["x", tag]})).deployment
        assert fact.asset_type == assets_pb2.ASSET_TYPE_LP_TOKEN
    assert tokenlist.parse(source(TOKEN)).deployment.asset_type is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"address": ""}, "incomplete"),
        ({"symbol": " "}, "incomplete"),
        ({"chainId": 1, "address": "So1"}, "unknown_chain"),
        ({"chainId": "1"}, "malformed"),
        ({"chainId": 1.5}, "malformed"),
        ({"decimals": None}, "malformed"),
        ({"extensions": {"bridgeInfo": {"10": {}}}}, "malformed"),
    ],
)
def test_an_invalid_token_is_rejected(change: dict[str, Any], reason: str) -> None:
    assert refused(tokenlist.parse, {**TOKEN, **change}) == reason


# ---- whole lists ---------------------------------------------------------------------------------------------------


def listed(*tokens: Any, version: tuple[int, int, int] = (1, 0, 0)) -> dict[str, Any]:
    return {"name": "List", "version": dict(zip(("major", "minor", "patch"), version, strict=True)), "tokens": tokens}


async def test_a_bridge_without_a_target_does_not_stop_the_others(importers: Importers, registry: Client) -> None:
    await importers.document("chains", [{**CHAIN, "caip2": f"eip155:{n}", "id": n, "name": f"C{n}"} for n in (1, 10, 8453)])
    bridges = {"999999": {"tokenAddress": B}, "10": {"tokenAddress": B}, "8453": {"tokenAddress": B}}
    original = {**TOKEN, "extensions": {"bridgeInfo": bridges}}
    copies = [{**TOKEN, "chainId": n, "address": B, "symbol": f"A{n}"} for n in (10, 8453)]
    result = await importers.document("tokenlist", listed(original, *copies))
    assert [each.reason for each in result.of("rejected")] == ["unknown_chain"]
    ids = {each.symbol: each.asset_id for each in (await registry.call("ListAssets")).assets}
    found = (await registry.call("ListAssetRelationships", asset_id=ids["AAA"])).relationships
    assert {(each.from_asset_id, each.to_asset_id) for each in found} == {(ids[f"A{n}"], ids["AAA"]) for n in (10, 8453)}


@pytest.mark.parametrize("older", [(1, 2, 2), (1, 1, 9), (0, 9, 9)])
async def test_an_older_version_of_a_list_is_rejected_as_a_whole(importers: Importers, older: tuple[int, int, int]) -> None:
    await importers.document("tokenlist", listed(version=(1, 2, 3)))
    with pytest.raises(FileError, match=r"is older than 1\.2\.3"):
        await importers.document("tokenlist", listed(version=older))
    await importers.document("tokenlist", listed(version=(1, 2, 3)))
    await importers.document("tokenlist", listed(version=(1, 10, 0)))
    await importers.document("tokenlist", listed(version=older), overwrite=True)
