"""Documents as they are published: read, or refused with one message that says what is wanted (input 25)."""

import json
from typing import Any

import asyncpg
import pytest

from cqar.importers.run import rows as apply_rows
from cqar.importers.run.documents import FileError
from cqar.importers.sources import chain_ids, chains, coingecko, tokenlist
from tests.client import Client
from tests.importers.facts import refused, source
from tests.importers.imports import Importers

TETHER, USDC = "0xdAC17F958D2ee523a2206206994597C13D831ec7", "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"
WSOL = "So11111111111111111111111111111111111111112"

CHAINID = [
    {
        "name": name,
        "chain": "ETH",
        "rpc": ["https://rpc.example/${KEY}"],
        "faucets": [],
        "nativeCurrency": {"name": "Ether", "symbol": "ETH", "decimals": 18},
        "infoURL": "https://example.org",
        "shortName": "eth",
        "chainId": number,
        "networkId": number,
        "explorers": [{"name": "x", "url": "https://etherscan.io", "standard": "EIP3091"}],
        **more,
    }
    for name, number, more in (
        ("Ethereum Mainnet", 1, {"slip44": 60}),
        ("Sepolia", 11_155_111, {"slip44": 1, "explorers": []}),
        ("BNB Smart Chain Mainnet", 56, {"icon": "bnbchain"}),
    )
]
SOLANA = [{"source": "chain-registry@1", "chainName": "solana", "prettyName": "Solana"}]
COINS = [
    {"id": "tether", "symbol": "usdt", "name": "Tether", "platforms": {"ethereum": TETHER.lower(), "nowhere-chain": "x"}},
    {"id": "bitcoin", "symbol": "btc", "name": "Bitcoin", "platforms": {}},
    {"id": "ethereum", "symbol": "eth", "name": "Ethereum", "platforms": {"": ""}},
]
UNISWAP_SOLANA = {"chainId": 501_000_101, "address": WSOL, "symbol": "SOL", "name": "Wrapped SOL", "decimals": 9}
JUPITER = [{"address": WSOL, "name": "Wrapped SOL", "symbol": "SOL", "decimals": 9, "logoURI": "x", "tags": ["verified"]}]
JUPITER_2 = [{"id": WSOL, "name": "Wrapped SOL", "symbol": "SOL", "icon": "x", "decimals": 9, "tokenProgram": "T"}]
TRUST = {"asset": f"c60_t{TETHER}", "type": "ERC20", "address": TETHER, "name": "Tether", "symbol": "USDT", "decimals": 6}
META = {"universe": [{"name": "BTC", "szDecimals": 5, "maxLeverage": 40}], "marginTables": []}
SPOT_META = {"tokens": [{"name": "PURR", "szDecimals": 0, "index": 1}], "universe": [{"name": "PURR/USDC", "tokens": [1, 0]}]}


def a_list(*tokens: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": "Trust Wallet: Ethereum", "timestamp": "2024-01-01T00:00:00+00:00", "tokens": list(tokens), **more}


@pytest.fixture
async def chained(importers: Importers) -> Importers:
    """Imports into a registry with the chains of chainid.network, and Solana."""
    result = await importers.document("chains", CHAINID)
    assert result.line.startswith("created=3 updated=0 unchanged=0 delisted=0 review=0 conflict=0 rejected=0")
    assert (await importers.document("chains", SOLANA)).created == 1
    return importers


async def groups(connection: asyncpg.Connection) -> list[str]:
    return [row["name"] for row in await connection.fetch("SELECT name FROM asset_groups")]


async def deployed(registry: Client) -> dict[str, str]:
    found = (await registry.call("ListAssetDeployments")).deployments
    return {each.address: each.chain_id for each in found}


# ---- chains --------------------------------------------------------------------------------------------------------


async def test_the_chains_of_chainid_network_are_read(chained: Importers, registry: Client) -> None:
    found = {each.caip2: each for each in (await registry.call("ListChains")).chains}
    ethereum, sepolia, bnb = found["eip155:1"], found["eip155:11155111"], found["eip155:56"]
    assert (ethereum.chain_id, ethereum.chain_name, ethereum.network_id) == ("ethereum", "Ethereum Mainnet", 1)
    assert (ethereum.explorer_url, ethereum.native_asset_symbol) == ("https://etherscan.io", "ETH")
    assert (ethereum.is_testnet, sepolia.is_testnet, bnb.HasField("is_testnet")) == (False, True, False)
    assert not ethereum.rpc_urls
    assert (await chained.document("chains", CHAINID)).line.startswith("created=0 updated=0 ")


@pytest.mark.parametrize(
    ("more", "kind"), [({"name": " "}, "incomplete"), ({"chainId": 0}, "bad_number"), ({"chainId": "1"}, "malformed")]
)
def test_a_wrong_row_of_chainid_network_is_refused(more: dict[str, Any], kind: str) -> None:
    assert refused(chains.parse_listed, {**CHAINID[0], **more}) == kind


# ---- CoinGecko -----------------------------------------------------------------------------------------------------


async def test_the_coins_of_coingecko_are_read_as_pairs(chained: Importers, registry: Client) -> None:
    await chained.document("tokenlist", a_list(TRUST))
    seen = {"symbol": "usdt", "name": "Tether", "source": "@web3icons/common@0.11.51", "marketCapRank": 1}
    await chained.document("assets", [{"coingecko_id": "tether", "symbol": "usdt", "name": "Tether", "seen": [seen]}])
    result = await chained.document("coingecko", COINS)
    assert [each.reason for each in result.of("rejected")] == ["unknown_chain"]
    assert (result.updated, result.report.rows) == (2, 3), "it is merged, and takes the type of the contract"
    found = (await registry.call("GetAssetIdentifier", source=apply_rows.COINGECKO, external_id="tether")).identifier.asset_id
    [deployment] = (await registry.call("ListAssetDeployments", asset_id=found)).deployments
    assert (deployment.chain_id, deployment.address) == ("ethereum", TETHER)


def test_a_coin_has_a_pair_for_each_of_its_contracts() -> None:
    row = {"id": "usd-coin", "symbol": "usdc", "name": "USDC", "platforms": {"ethereum": USDC, "base": "0x1", "sui": ""}}
    found = coingecko.parse_coin(source(row))
    assert [(each.chain, each.address, each.coingecko_id) for each in found] == [
        ("coingecko:ethereum", USDC, "usd-coin"),
        ("coingecko:base", "0x1", "usd-coin"),
    ]
    assert refused(coingecko.parse_coin, {**row, "id": ""}) == "incomplete"


def test_the_chains_of_coingecko_are_named_once_each() -> None:
    named = {name: caip2 for (family, name), caip2 in chain_ids.NAMES.items() if family == "coingecko"}
    assert len(named) == len(set(named.values())) > 40
    assert all(chain_ids.caip2(caip2) == caip2 for caip2 in named.values())


# ---- token lists ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rows", [JUPITER, JUPITER_2, {**a_list(UNISWAP_SOLANA), "name": "Uniswap"}], ids=["v1", "v2", "uniswap"]
)
async def test_tokens_of_solana_are_read(
    chained: Importers, registry: Client, connection: asyncpg.Connection, rows: Any
) -> None:
    result = await chained.document("tokenlist", rows)
    assert (result.created, result.rejected) == (2, 0)
    assert await deployed(registry) == {WSOL: "solana"}
    assert (await chained.document("tokenlist", rows)).line.startswith("created=0 updated=0 ")
    assert await groups(connection) == [], "a list without a version"


async def test_the_list_of_trust_wallet_is_read_by_the_coins_of_chains(
    chained: Importers, registry: Client, connection: asyncpg.Connection
) -> None:
    bnb = {**TRUST, "asset": f"c20000714_t{USDC}", "address": USDC, "symbol": "USDC"}
    unknown = {**TRUST, "asset": f"c424242_t{TETHER}"}
    native = {"asset": "c60", "type": "coin", "address": "", "name": "Ether", "symbol": "ETH", "decimals": 18}
    result = await chained.document(
        "tokenlist", a_list(TRUST, bnb, unknown, native, version={"major": 1, "minor": 0, "patch": 0})
    )
    assert [each.reason for each in result.of("rejected")] == ["unknown_chain", "incomplete"]
    assert await deployed(registry) == {TETHER: "ethereum", USDC: "bnb-smart-chain"}
    assert await groups(connection) == ["token list: Trust Wallet: Ethereum"]


@pytest.mark.parametrize(
    "more",
    [
        {"asset": f"c501_t{TETHER}"},
        {"asset": f"c424242_t{TETHER}"},
        {"asset": "c60"},
        {"asset": ""},
        {"asset": "", "address": "not-base58"},
        {"asset": "", "address": WSOL, "chainId": 1},
    ],
)
def test_a_token_whose_chain_is_not_certain_is_refused(more: dict[str, Any]) -> None:
    assert refused(tokenlist.parse, {**TRUST, **more}) == "unknown_chain"


# ---- documents of another kind -------------------------------------------------------------------------------------

CCXT = "without --file it asks the exchange, and a file is the JSON array that ccxt's fetch_markets returns"


@pytest.mark.parametrize(
    ("kind", "rows", "said"),
    [
        ("markets", META, f"this is Hyperliquid's meta; cqar import ccxt hyperliquid reads ccxt's markets: {CCXT}"),
        ("markets", SPOT_META, f"this is Hyperliquid's spotMeta; cqar import ccxt hyperliquid reads ccxt's markets: {CCXT}"),
        ("tokenlist", SPOT_META, "this is Hyperliquid's spotMeta; "),
        ("chains", COINS, "this is CoinGecko's coins/list with platforms; cqar import coingecko reads it"),
        ("assets", COINS, "this is CoinGecko's coins/list with platforms; cqar import coingecko reads it"),
        ("coingecko", CHAINID, "this is chainid.network's chains.json; cqar import chains reads it"),
        ("coingecko", JUPITER, "this is an array of tokens; cqar import tokenlist reads it"),
        ("deployments", a_list(TRUST), "this is a token list; cqar import tokenlist reads it"),
        ("tokenlist", CHAINID, "this is chainid.network's chains.json; cqar import chains reads it"),
        ("venues", [{"nothing": 1}, {"nothing": 2}], "this does not look like a venues document: no row has `id`, `name`"),
        ("tokenlist", a_list({"x": 1}, {"x": 2}), "this does not look like a tokenlist document: no row has `symbol`"),
    ],
)
async def test_a_document_of_another_kind_is_one_message(
    importers: Importers, connection: asyncpg.Connection, kind: str, rows: Any, said: str
) -> None:
    data = json.dumps(rows).encode()
    done = importers.markets("hyperliquid", data) if kind == "markets" else importers.document(kind, data)
    with pytest.raises(FileError) as caught:
        await done
    assert said in str(caught.value)
    assert await groups(connection) == []
