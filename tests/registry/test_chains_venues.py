"""Chains and venues: slugs name them, network ids do not."""

from typing import Any

from cqar.contract.cqc.markets.v1 import markets_pb2 as markets
from cqar.contract.cqc.venues.v1 import venues_pb2 as venues
from cqar.model import addresses
from tests.client import Client
from tests.registry.factory import USDC, Factory


async def test_a_chain_reads_back_as_it_was_registered(registry: Client, factory: Factory) -> None:
    native = await factory.asset("ETH")
    made = (
        await registry.call(
            "CreateChain",
            name="Ethereum",
            chain_type="evm",
            chain_id=2**63 - 1,
            native_asset_symbol="ETH",
            native_asset_id=native,
            block_explorer_url="https://etherscan.io",
            rpc_urls=["https://one.example.com", "wss://two.example.com/path"],
            caip2="eip155:1",
            max_decimals=255,
            is_testnet=False,
        )
    ).chain
    assert (await registry.call("GetChain", chain_id="ethereum")).chain == made
    assert (made.chain_id, made.chain_name, made.chain_type, made.network_id) == ("ethereum", "Ethereum", "EVM", 2**63 - 1)
    assert (made.native_asset_symbol, made.native_asset_id, made.explorer_url) == ("ETH", native, "https://etherscan.io")
    assert list(made.rpc_urls) == ["https://one.example.com", "wss://two.example.com/path"]
    assert (made.caip2, made.max_decimals, made.HasField("is_testnet")) == ("eip155:1", 255, True)


async def test_a_slug_is_given_or_made_from_the_name_and_is_taken_once(registry: Client) -> None:
    for method, field, slug_field, more in (
        ("CreateChain", "chain", "chain_slug", {"chain_type": "OTHER"}),
        ("CreateVenue", "venue", "venue_slug", {"venue_type": 1}),
    ):

        async def made(name: str, **fields: Any) -> str:
            answer = await registry.call(method, name=name, **more, **fields)  # noqa: B023 - used within the turn
            return str(getattr(getattr(answer, field), f"{field}_id"))  # noqa: B023

        assert await made("Crypto.com  Exchange (\uff35\uff33)") == "crypto-com-exchange-us"
        assert await made("币安", **{slug_field: "bi-an"}) == "bi-an"
        for fields, code, violation in (
            ({"name": "币安"}, "INVALID_ARGUMENT", "BAD_SLUG"),
            ({"name": "x" * 65}, "INVALID_ARGUMENT", "BAD_SLUG"),
            ({"name": "X", slug_field: "Not A Slug"}, "INVALID_ARGUMENT", "BAD_SLUG"),
            ({"name": "crypto com exchange us"}, "ALREADY_EXISTS", "TAKEN"),
            ({"name": "Other", slug_field: "bi-an"}, "ALREADY_EXISTS", "TAKEN"),
        ):
            refused = await registry.refused(method, **more, **fields)
            assert (refused.code, refused.fields) == (code, [(slug_field, violation)]), fields
        # The name itself may repeat.
        assert await made("币安", **{slug_field: "bi-an-2"}) == "bi-an-2"


async def test_network_ids_repeat_and_caip2_ids_do_not(registry: Client, factory: Factory) -> None:
    await factory.chain("One", chain_id=1, caip2="eip155:1")
    await factory.chain("Two", chain_id=1)
    await factory.chain("Three", chain_id=-(2**63))
    refused = await registry.refused("CreateChain", name="Four", chain_type="EVM", caip2="eip155:1")
    assert (refused.code, refused.fields) == ("ALREADY_EXISTS", [("caip2", "TAKEN")])
    refused = await registry.refused("CreateChain", name="Four", chain_type="EVM", caip2="eip155")
    assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [("caip2", "BAD_CAIP2")])


async def test_a_chain_type_is_one_of_those_whose_addresses_are_known(registry: Client, factory: Factory) -> None:
    for at, each in enumerate(addresses.CHAIN_TYPES):
        chain = await factory.chain(f"Chain {at}", each.lower())
        assert [one.chain_id for one in (await registry.call("ListChains", chain_type=each.title())).chains] == [chain]
    refused = await registry.refused("CreateChain", name="X", chain_type="ETHEREUM")
    assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [("chain_type", "BAD_CHAIN_TYPE")])
    refused = await registry.refused("ListChains", chain_type="ETHEREUM")
    assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [("chain_type", "BAD_CHAIN_TYPE")])


async def test_the_fields_of_a_chain_have_limits(registry: Client) -> None:
    for fields, violation in (
        ({"max_decimals": 256}, ("max_decimals", "OUT_OF_RANGE")),
        ({"rpc_urls": ["ftp://x"]}, ("rpc_urls", "BAD_URL")),
        ({"rpc_urls": ["https://example.com"] * 101}, ("rpc_urls", "TOO_MANY")),
        ({"block_explorer_url": "https://user:secret@example.com"}, ("block_explorer_url", "BAD_URL")),
        ({"native_asset_symbol": " ETH"}, ("native_asset_symbol", "OUTER_SPACE")),
    ):
        refused = await registry.refused("CreateChain", name="X", chain_type="EVM", **fields)
        assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [violation])
    refused = await registry.refused("CreateChain", name="X", chain_type="EVM", native_asset_id="nobody")
    assert (refused.code, refused.fields) == ("NOT_FOUND", [("native_asset_id", "NOT_FOUND")])
    refused = await registry.refused("CreateChain")
    assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [("name", "REQUIRED"), ("chain_type", "REQUIRED")])
    assert (await registry.refused("GetChain", chain_id="nowhere")).code == "NOT_FOUND"
    refused = await registry.refused("GetChain", chain_id="No Slug")
    assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [("chain_id", "BAD_SLUG")])


async def test_a_dex_carries_chain_and_address(registry: Client, feed: Client, factory: Factory) -> None:
    chain = await factory.chain()
    made = (
        await feed.call(
            "CreateVenue",
            name="Uniswap v3",
            venue_type=venues.VENUE_TYPE_DEX,
            chain_id=chain,
            protocol_address=USDC.lower(),
            api_endpoint="https://api.example.com",
            website_url="https://example.com",
            default_symbol_type=markets.SYMBOL_TYPE_SPOT,
        )
    ).venue
    assert (made.venue_id, made.chain_id, made.protocol_address) == ("uniswap-v3", chain, USDC)
    assert (made.default_symbol_type, made.is_active) == (markets.SYMBOL_TYPE_SPOT, True)
    for client in (registry, feed):
        assert (await client.call("GetVenue", venue_id="uniswap-v3")).venue == made
    for fields, code, violation in (
        ({"chain_id": "nowhere"}, "NOT_FOUND", ("chain_id", "NOT_FOUND")),
        ({"chain_id": chain, "protocol_address": "0x1"}, "INVALID_ARGUMENT", ("protocol_address", "BAD_ADDRESS")),
        ({"default_symbol_type": 9}, "INVALID_ARGUMENT", ("default_symbol_type", "UNKNOWN_VALUE")),
    ):
        refused = await registry.refused("CreateVenue", name="Other", venue_type=2, **fields)
        assert (refused.code, refused.fields) == (code, [violation])


async def test_venues_are_listed_by_type_and_chain(registry: Client, factory: Factory) -> None:
    chain = await factory.chain()
    dex = await factory.venue("Dex", venue_type=venues.VENUE_TYPE_DEX, chain_id=chain)
    cex = await factory.venue("Cex")

    async def ids(**filters: object) -> list[str]:
        return [each.venue_id for each in (await registry.call("ListVenues", **filters)).venues]

    assert await ids() == [cex, dex]
    assert await ids(venue_type=venues.VENUE_TYPE_DEX) == [dex]
    assert await ids(chain_id=chain) == [dex]
    assert await ids(venue_type=venues.VENUE_TYPE_CEX, chain_id=chain) == []


async def test_a_venue_that_is_switched_off_is_still_known(registry: Client, feed: Client) -> None:
    await feed.call("CreateVenue", name="FTX", venue_type=venues.VENUE_TYPE_CEX, is_active=False)
    for client in (registry, feed):
        found = (await client.call("GetVenue", venue_id="ftx")).venue
        assert found.HasField("is_active")
        assert not found.is_active
