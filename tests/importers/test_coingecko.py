"""Pairs of CAIP-19 id and CoinGecko id."""

from typing import Any

import pytest

from cqar.importers.sources import coingecko
from tests.importers.facts import refused, source


@pytest.mark.parametrize("namespace", ["erc20", "token", "jetton", "coin", "trc20", "nep141"])
def test_a_pair_names_a_contract(namespace: str) -> None:
    pair = coingecko.parse(source([f"eip155:1/{namespace}:a:B/c", "coin-a"]))
    assert pair == ("eip155:1", "a:B/c", "coin-a")


def test_a_pair_names_the_coin_of_a_chain() -> None:
    assert coingecko.parse(source(["eip155:1/slip44:60", "coin-a"])) == ("eip155:1", None, "coin-a")


@pytest.mark.parametrize(
    ("pair", "reason"),
    [
        (["eip155:1/erc721:0x1", "a"], "unsupported_type"),
        (["eip155:1", "a"], "malformed"),
        (["eip155:1/erc20:", "a"], "malformed"),
        (["eip155:1/erc20", "a"], "malformed"),
        (["eip155:1/erc20:0x1", ""], "malformed"),
        (["eip155:1/erc20:0x1"], "malformed"),
        (["eip155:1/erc20:0x1", 7], "malformed"),
    ],
)
def test_a_malformed_pair_is_rejected(pair: list[Any], reason: str) -> None:
    assert refused(coingecko.parse, pair) == reason
