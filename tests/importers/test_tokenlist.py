"""Tokens of a list."""

from typing import Any

import pytest

from cqar.contract.cqc.assets.v1 import assets_pb2
from cqar.importers import chain_ids, tokenlist
from tests.importers.facts import TOKEN, A, B, refused, source


def test_a_token_with_its_bridges() -> None:
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
def test_the_chain_of_a_token_by_number_and_address(number: int, address: str, chain: str) -> None:
    assert tokenlist.parse(source({**TOKEN, "chainId": number, "address": address})).deployment.chain == chain


def test_tags_tell_a_share_in_a_pool() -> None:
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
def test_a_token_that_cannot_be_is_refused(change: dict[str, Any], reason: str) -> None:
    assert refused(tokenlist.parse, {**TOKEN, **change}) == reason
