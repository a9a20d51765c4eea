"""Test rows in the format of each source."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from cqar.importers.run.documents import Refused, Source

A = f"0x{'ab' * 20}"
B = f"0x{'cd' * 20}"
GENESIS = {"genesisHash": "0xab"}
CHAIN = {"source": "viem@2.1.0", "caip2": "eip155:7", "id": 7, "name": "Seven"}
ASSET = {"coingecko_id": "coin-a", "symbol": "aaa", "name": "Coin A", "seen": [{"source": "web3icons@4", "symbol": "aaa"}]}
DEPLOYED = {"chain": "eip155:1", "address": A, "symbol": "AAA", "sources": ["yodlpay@1"], "is_native": False, "decimals": 6}
LINK = {"from": {"chain": "here", "base": "uaaa"}, "type": "ibc", "counterparty": {"chain_name": "x", "baseDenom": "ubbb"}}
VENUE = {"id": "place", "name": "Place", "precisionMode": "TICK_SIZE", "fees": {"trading": {"maker": 0.001}}}
TOKEN = {"chainId": 1, "address": A, "symbol": "AAA", "name": "Coin A", "decimals": 18, "tags": []}


Parse = Callable[[Source], Any]


def source(row: Any) -> Source:
    return Source(1, row if isinstance(row, bytes) else json.dumps(row).encode())


def refused(parse: Parse, row: Any) -> str:
    with pytest.raises(Refused) as caught:
        parse(source(row))
    return caught.value.kind


def kind(parse: Parse, row: Any) -> str | None:
    """The kind of the refusal; None if the row is accepted."""
    try:
        parse(source(row))
    except Refused as refusal:
        return refusal.kind
    return None
