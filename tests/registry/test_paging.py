"""Lists: keyset pages, tamper-proof tokens, and everything at once if it fits."""

import base64
from itertools import pairwise
from typing import Any

import asyncpg
import msgspec
from google.protobuf.struct_pb2 import Struct

from cqar.writes import paging
from tests.client import Client
from tests.registry.factory import Factory

_LISTS = {
    "ListAssets": "assets",
    "ListAssetDeployments": "deployments",
    "ListAssetIdentifiers": "identifiers",
    "ListAssetRelationships": "relationships",
    "ListQualityFlags": "flags",
    "ListChains": "chains",
    "ListSymbols": "symbols",
    "ListSymbolIdentifiers": "identifiers",
    "ListVenues": "venues",
    "ListVenueAssets": "venue_assets",
    "ListVenueSymbols": "venue_symbols",
}
_ROWS = 5


async def _five_of_all(registry: Client, factory: Factory) -> dict[str, dict[str, str]]:
    """Five rows for every list; the filters that lists need."""
    assets = [await factory.asset(f"A{at}") for at in range(_ROWS + 1)]
    for at, (one, two) in enumerate(pairwise(assets)):
        chain, venue, symbol = (
            await factory.chain(f"Chain {at}"),
            await factory.venue(f"Venue {at}"),
            await factory.symbol(one, two),
        )
        await registry.call("CreateAssetDeployment", asset_id=one, chain_id=chain, is_native=True)
        await registry.call("CreateAssetIdentifier", asset_id=assets[0], source=1, external_id=f"x{at}")
        await registry.call("CreateAssetRelationship", source_asset_id=one, target_asset_id=two, relationship_type=1)
        await factory.flag(one, 1)
        await registry.call("CreateVenueAsset", venue_id=venue, asset_id=one, venue_asset_symbol="X")
        await factory.listing(venue, symbol, "X")
    first = (await registry.call("ListSymbols", page_size=1)).symbols[0].symbol_id
    for at in range(_ROWS):
        await registry.call("CreateSymbolIdentifier", symbol_id=first, data_source=1, external_id=f"x{at}")
    await registry.call("DeleteAsset", asset_id=await factory.asset("gone"))
    return {"ListAssetIdentifiers": {"asset_id": assets[0]}, "ListSymbolIdentifiers": {"symbol_id": first}}


async def test_every_list_comes_in_pages_and_whole_and_both_are_the_same(registry: Client, factory: Factory) -> None:
    needed = await _five_of_all(registry, factory)
    for method, plural in _LISTS.items():
        fields = needed.get(method, {})
        whole = list(getattr(await registry.call(method, **fields), plural))
        assert len(whole) == (_ROWS + 1 if method == "ListAssets" else _ROWS), method
        paged: list[Any] = []
        token = ""
        while True:
            page = await registry.call(method, page_size=2, page_token=token, **fields)
            paged += getattr(page, plural)
            token = page.next_page_token
            if not token:
                break
            for bent in (token[:-1], token + "A", token[:-2] + ("AA" if token[-2:] != "AA" else "BB"), "?", "é"):
                refused = await registry.refused(method, page_size=2, page_token=bent, **fields)
                assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [("page_token", "BAD_TOKEN")]), (method, bent)
        assert paged == whole, method
        refused = await registry.refused(method, page_size=-1, **fields)
        assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [("page_size", "NEGATIVE")])


async def test_a_token_belongs_to_its_list_and_its_filters(registry: Client, factory: Factory) -> None:
    for at in range(3):
        await factory.asset(f"A{at}", category="coin")
    token = (await registry.call("ListAssets", page_size=1)).next_page_token
    for method, fields in (("ListAssets", {"category": "coin"}), ("ListAssets", {"asset_type": 1}), ("ListSymbols", {})):
        refused = await registry.refused(method, page_size=1, page_token=token, **fields)
        assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [("page_token", "BAD_TOKEN")])
    # Another size of page is fine.
    assert len((await registry.call("ListAssets", page_size=9, page_token=token)).assets) == 2


async def test_a_forged_token_is_refused_whatever_is_in_it(registry: Client, factory: Factory) -> None:
    await factory.asset()

    def forged(position: Any) -> str:
        packed = msgspec.msgpack.encode(position)
        return base64.urlsafe_b64encode(paging._digest("ListAssetsResponse () []", packed) + packed).decode()

    broken: list[Any] = [[], [1], ["a\x00"], ["a", "b"], [None], [["a"]], "a", {"a": 1}]
    for position in broken:
        refused = await registry.refused("ListAssets", page_size=1, page_token=forged(position))
        assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [("page_token", "BAD_TOKEN")])
    assert len((await registry.call("ListAssets", page_size=1, page_token=forged([""]))).assets) == 1


async def test_a_page_has_100_entries_by_default_and_1000_at_most(registry: Client, connection: asyncpg.Connection) -> None:
    await connection.execute(
        "INSERT INTO assets (asset_id, symbol, name, asset_type) SELECT 'a' || g, 'A', 'A', 1 FROM generate_series(1, 1200) g"
    )
    for size, expected in ((0, 100), (7, 7), (1_000, 1_000), (100_000, 1_000), (2**31 - 1, 1_000)):
        page = await registry.call("ListAssets", page_size=size)
        assert (len(page.assets), page.total_count) == (expected, 1_200)
    assert len((await registry.call("ListAssets")).assets) == 100


async def test_what_is_inserted_or_deleted_meanwhile_moves_no_page(registry: Client, factory: Factory) -> None:
    ids = [await factory.asset(f"A{at}") for at in range(4)]
    first = await registry.call("ListAssets", page_size=2)
    await registry.call("DeleteAsset", asset_id=ids[0])
    last = await factory.asset("A4")
    second = await registry.call("ListAssets", page_size=9, page_token=first.next_page_token)
    assert [each.asset_id for each in second.assets] == [*ids[2:], last]


async def test_a_list_that_does_not_fit_is_refused_whole_and_its_pages_end_earlier(
    registry: Client, connection: asyncpg.Connection
) -> None:
    await connection.execute(
        "INSERT INTO chains (chain_id, chain_name, chain_type, metadata) SELECT 'c' || g, 'C', 'OTHER',"
        " jsonb_build_object('k', repeat('x', 16000)) FROM generate_series(1000, 1299) g"
    )
    refused = await registry.refused("ListChains")
    assert refused.code == "RESOURCE_EXHAUSTED"
    assert "page_size" in refused.message
    names, token = [], ""
    while True:
        page = await registry.call("ListChains", page_size=1_000, page_token=token)
        assert page.ByteSize() < 4_000_000
        names += [each.chain_id for each in page.chains]
        token = page.next_page_token
        if not token:
            break
    assert names == [f"c{at}" for at in range(1_000, 1_300)]


async def test_a_long_list_comes_whole(registry: Client, connection: asyncpg.Connection) -> None:
    await connection.execute(
        "INSERT INTO venues (venue_id, name, venue_type) SELECT 'v' || g, 'V', 1 FROM generate_series(10000, 15000) g"
    )
    found = (await registry.call("ListVenues")).venues
    assert [each.venue_id for each in found] == [f"v{at}" for at in range(10_000, 15_001)]


async def test_metadata_of_many_shapes_fits_no_page_twice(registry: Client, factory: Factory) -> None:
    metadata = Struct()
    metadata.update({"k": "v"})
    ids = [await factory.asset("A", metadata=metadata) for _ in range(3)]
    seen, token = [], ""
    while True:
        page = await registry.call("ListAssets", page_size=1, page_token=token)
        seen += [each.asset_id for each in page.assets]
        assert [each.metadata for each in page.assets] == [metadata]
        token = page.next_page_token
        if not token:
            break
    assert seen == ids
