"""Any request gets a response of the contract and leaves no open transaction; what is stored reads back unchanged."""

from typing import Any

import asyncpg
import grpc.aio
from google.protobuf.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st

from cqar.hotpath.app import Hotpath
from cqar.services.method import AnyMethod
from tests import generated
from tests.client import SERVICE, Client, refusal
from tests.registry import requests
from tests.registry.factory import USDC, Factory
from tests.registry.requests import FRACTIONS, METADATA, POSITIVE, TIMES, UNSIGNED, URLS, good_texts

_KNOWN = {
    *("OK", "INVALID_ARGUMENT", "NOT_FOUND", "ALREADY_EXISTS", "FAILED_PRECONDITION", "ABORTED", "RESOURCE_EXHAUSTED"),
}
_OPEN = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'"

#: The database lives on from example to example, which only makes it a more interesting one.
examples = generated.examples(200)


async def _filled(factory: Factory, connection: asyncpg.Connection) -> None:
    """Entities for requests to name, with ids known in advance."""
    if await connection.fetchval("SELECT count(*) FROM assets"):
        return
    for at in (1, 2, 3):
        await factory.asset(f"A{at}")
    await connection.execute("UPDATE assets SET asset_id = 'asset' || right(symbol, 1)")
    client = factory.client
    await factory.chain(caip2="eip155:137")
    await factory.chain("Solana", "SOLANA")
    await factory.venue()
    await factory.venue("Uniswap", venue_type=2, chain_id="ethereum")
    await factory.symbol("asset1", "asset2")
    await client.call("CreateAssetGroup", name="G")
    await factory.flag("asset3", 1)
    await client.call("CreateAssetDeployment", asset_id="asset1", chain_id="ethereum", contract_address=USDC)
    keys = {"symbols": "symbol", "asset_groups": "group", "quality_flags": "flag", "deployments": "deployment"}
    for table, name in keys.items():
        await connection.execute(f"UPDATE {table} SET {name}_id = $1", name)
    await factory.symbol("asset2", "asset3", 2)
    await connection.execute("UPDATE symbols SET symbol_id = 'symbol2' WHERE symbol_id <> 'symbol'")


async def _code(client: Client, method: AnyMethod, data: bytes) -> str:
    try:
        body, _ = await client.raw(SERVICE + method.name, data)
    except grpc.aio.AioRpcError as error:
        refused = refusal(error)
        assert "asyncpg" not in refused.message
        assert "psycopg" not in refused.message
        return refused.code
    method.response.FromString(body)
    return "OK"


@examples
@given(call=requests.anything())
async def test_any_values_in_any_request_have_an_answer_of_the_contract(
    registry: Client, factory: Factory, connection: asyncpg.Connection, call: tuple[AnyMethod, Message]
) -> None:
    await _filled(factory, connection)
    method, request = call
    code = await _code(registry, method, request.SerializeToString())
    assert code in _KNOWN, f"{method.name}: {code}\n{request}"
    assert await connection.fetchval(_OPEN) == 0


@examples
@given(call=requests.bent())
async def test_any_bytes_have_an_answer_of_the_contract(
    registry: Client, factory: Factory, connection: asyncpg.Connection, call: tuple[AnyMethod, bytes]
) -> None:
    await _filled(factory, connection)
    method, data = call
    code = await _code(registry, method, data)
    assert code in _KNOWN, f"{method.name}: {code}\n{data!r}"
    assert await connection.fetchval(_OPEN) == 0


@examples
@given(call=requests.anything("Get"))
async def test_any_lookup_has_the_same_answer_at_the_hot_path_and_at_admin(
    registry: Client, feed: Client, hotpath: Hotpath, connection: asyncpg.Connection, call: tuple[AnyMethod, Any]
) -> None:
    await _filled(Factory(feed), connection)
    hotpath.cache.follow(())  # rows were written of which no change tells: it does not know what there is not
    method, request = call
    data = request.SerializeToString()
    codes = [await _code(client, method, data) for client in (registry, feed)]
    assert codes[0] == codes[1], f"{method.name}: {codes}\n{request}"
    assert codes[0] in _KNOWN


# ---- reading back --------------------------------------------------------------------------------------------------


def _check(fields: dict[str, Any], shown: Any, renamed: dict[str, str]) -> None:
    for name, value in fields.items():
        found = getattr(shown, renamed.get(name, name))
        assert requests.same(value, found if not isinstance(value, list) else list(found)), f"{name}: {value!r} {found!r}"


_UNSIGNED = dict.fromkeys(
    ("min_deposit_decimal", "min_withdrawal_decimal", "withdrawal_fee_decimal", "deposit_fee_decimal"), UNSIGNED
)
_ASSETS = requests.fitting(
    {"symbol": good_texts(64), "name": good_texts(64), "asset_type": st.integers(1, 9)},
    {"category": good_texts(20), "description": good_texts(60), "logo_url": URLS, "website_url": URLS, "metadata": METADATA},
)
_CHAINS = requests.fitting(
    {"name": good_texts(30), "chain_type": st.sampled_from(["EVM", "TON", "OTHER"])},
    {
        "chain_id": st.integers(-(2**63), 2**63 - 1),
        "native_asset_symbol": good_texts(64),
        "block_explorer_url": URLS,
        "rpc_urls": st.lists(URLS, max_size=3),
        "max_decimals": st.integers(0, 255),
        "is_testnet": st.booleans(),
        "metadata": METADATA,
    },
)
_LISTINGS = requests.fitting(
    {"venue_symbol": good_texts(40)},
    {
        **dict.fromkeys(("tick_size_decimal", "lot_size_decimal", "contract_size_decimal", "max_leverage_decimal"), POSITIVE),
        "quantity_multiplier_decimal": st.one_of(POSITIVE, POSITIVE.map(lambda text: f"-{text}")),
        "maker_fee_decimal": st.one_of(FRACTIONS, FRACTIONS.map(lambda text: f"-{text}")),
        "taker_fee_decimal": FRACTIONS,
        "min_notional_decimal": UNSIGNED,
        "listed_at": TIMES,
        "is_active": st.booleans(),
        "metadata": METADATA,
    },
)
_VENUE_ASSETS = requests.fitting(
    {"venue_asset_symbol": good_texts(40)},
    {
        **_UNSIGNED,
        **dict.fromkeys(("deposit_enabled", "withdraw_enabled", "trading_enabled"), st.booleans()),
        "identity_evidence": good_texts(40),
        "delisted_at": TIMES,
        "metadata": METADATA,
    },
)


@examples
@given(fields=_ASSETS)
async def test_any_asset_reads_back_as_it_was_registered(registry: Client, fields: dict[str, Any]) -> None:
    made = (await registry.call("CreateAsset", **fields)).asset
    _check(fields, made, {})
    assert (await registry.call("GetAsset", asset_id=made.asset_id)).asset == made


@settings(examples, max_examples=60)
@given(fields=_CHAINS)
async def test_any_chain_reads_back_as_it_was_registered(registry: Client, fields: dict[str, Any]) -> None:
    number = len((await registry.call("ListChains")).chains)
    made = (await registry.call("CreateChain", chain_slug=f"c{number}", **fields)).chain
    _check(fields, made, {"name": "chain_name", "chain_id": "network_id", "block_explorer_url": "explorer_url"})
    assert (await registry.call("GetChain", chain_id=made.chain_id)).chain == made


@settings(examples, max_examples=60)
@given(fields=_LISTINGS)
async def test_any_listing_reads_back_as_it_was_made_from_row_and_from_cache(
    registry: Client, feed: Client, fields: dict[str, Any]
) -> None:
    factory = Factory(feed)
    symbol, venue = await factory.pair(), await factory.venue(venue_slug=f"v{await _count(registry)}")
    made = (await feed.call("CreateVenueSymbol", venue_id=venue, symbol_id=symbol, **fields)).venue_symbol
    stored = {name: value for name, value in fields.items() if name != "is_active"}
    _check(stored, made, {})
    request = {"venue_id": venue, "venue_symbol": fields["venue_symbol"]}
    if "listed_at" in fields:
        # Before a listing had its numbers, they are not known.
        request["as_of"] = max(fields["listed_at"], made.specs_since, key=lambda at: at.ToNanoseconds())
    for client in (registry, feed):
        found = (await client.call("GetVenueSymbol", **request)).venue_symbol
        found.is_active = made.is_active
        assert found == made


@settings(examples, max_examples=60)
@given(fields=_VENUE_ASSETS)
async def test_any_venue_asset_reads_back_as_it_was_made_from_row_and_from_cache(
    registry: Client, feed: Client, fields: dict[str, Any]
) -> None:
    factory = Factory(feed)
    asset, venue = await factory.asset(), await factory.venue(venue_slug=f"v{await _count(registry)}")
    made = (await feed.call("CreateVenueAsset", venue_id=venue, asset_id=asset, **fields)).venue_asset
    _check(fields, made, {})
    for client in (registry, feed):
        assert (await client.call("GetVenueAsset", venue_id=venue, asset_id=asset)).venue_asset == made


async def _count(registry: Client) -> int:
    return len((await registry.call("ListVenues")).venues)
