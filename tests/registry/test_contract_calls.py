"""Every RPC of the contract is served: any request gets a response or status of the contract."""

import grpc.aio

from cqar.services import asset_registry
from tests.client import SERVICE, Client, refusal

_FINE_EMPTY = {
    *("ListAssets", "ListAssetDeployments", "ListAssetRelationships", "ListQualityFlags", "ListChains"),
    *("ListSymbols", "ListVenues", "ListVenueAssets", "ListVenueSymbols"),
}
#: A field with number 0, which no message can have.
_GARBAGE = b"\x00\xff\x00\xff"


async def test_an_empty_request_is_answered_or_refused_with_what_it_lacks(registry: Client, feed: Client) -> None:
    assert len(asset_registry.METHODS) == 42
    for client in (registry, feed):
        for method in asset_registry.METHODS:
            if method.name in _FINE_EMPTY:
                await client.call(method.name)
                continue
            refused = await client.refused(method.name)
            assert refused.code == "INVALID_ARGUMENT", method.name
            assert refused.fields, method.name
            assert {rule for _, rule in refused.fields} == {"REQUIRED"}, method.name


async def test_bytes_that_are_no_message_are_invalid(registry: Client, feed: Client) -> None:
    for client in (registry, feed):
        for method in asset_registry.METHODS:
            try:
                await client.raw(SERVICE + method.name, _GARBAGE)
            except grpc.aio.AioRpcError as error:
                refused = refusal(error)
            assert refused.code == "INVALID_ARGUMENT", method.name
            assert refused.fields == [("request", "MALFORMED")], method.name


async def test_a_call_that_the_contract_lacks_is_unimplemented(feed: Client) -> None:
    try:
        await feed.raw(SERVICE + "DropEverything", b"")
    except grpc.aio.AioRpcError as error:
        code = refusal(error).code
    assert code == "UNIMPLEMENTED"


async def test_every_broken_rule_of_a_request_is_named_at_once_and_fits_the_trailers(registry: Client) -> None:
    numbers = ("tick_size", "lot_size", "min_order_size", "max_order_size", "contract_size", "quantity_multiplier")
    more = ("min_order_value", "max_order_value", "min_notional", "max_leverage", "maker_fee", "taker_fee")
    fields = {f"{name}_decimal": "货" * 300 for name in (*numbers, *more)}
    refused = await registry.refused("CreateVenueSymbol", venue_id="货", symbol_id=" ", venue_symbol="货" * 300, **fields)
    assert refused.code == "INVALID_ARGUMENT"
    assert len(refused.fields) > 8
    assert ("venue_id", "BAD_SLUG") in refused.fields
    assert ("venue_symbol", "TOO_LONG") in refused.fields
