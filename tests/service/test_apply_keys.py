"""How Apply finds the stored row: each kind by its natural key."""

from typing import Any

import pytest

from cqar.contract.cqar.v1 import registry_pb2 as pb
from tests.client import Client
from tests.registry.factory import FUTURE, MARGIN, OPTION, PERPETUAL, SPOT, USDC, USDT
from tests.service import rows
from tests.service.registry import Records, RegistryService, day, outcomes, rejection
from tests.service.rows import asset, chain, deployment, identifier, listing, related, symbol, venue, venue_asset

LIT, LIGHTER = "0xb59490aB09A0f526Cc7305822aC65f2Ab12f9723", "0x232CE3bd40fCd6f80f3d55A522d03f25Df784Ee2"


# ---- chains and venues ------------------------------------------------------------------------------------------------


async def test_a_chain_is_its_caip_2_id_else_its_slug(registry: Client, service: RegistryService) -> None:
    first = await service.apply(chain("ethereum", caip2="eip155:1"), chain("polygon"))
    assert [each.id for each in first.results] == ["ethereum", "polygon"]
    answer = await service.apply(
        chain("eth-mainnet", caip2="eip155:1", explorer_url="https://a.org"),
        rows.row("chain", caip2="eip155:1", is_testnet=False),
        rows.row("chain", chain_name="Polygon", caip2="eip155:137"),
        rows.row("chain", chain_name="Base  L2!", chain_type="evm"),
    )
    assert outcomes(answer) == ["UPDATED", "UPDATED", "UPDATED", "CREATED"]
    assert [each.id for each in answer.results] == ["ethereum", "ethereum", "polygon", "base-l2"]
    found = (await registry.call("GetChain", chain_id="ethereum")).chain
    assert (found.chain_name, found.explorer_url, found.HasField("is_testnet")) == ("Eth-Mainnet", "https://a.org", True)
    answer = await service.apply(
        rows.row("chain", caip2="eip155:10"),
        chain("ethereum", caip2="eip155:10"),
        rows.row("chain", explorer_url="https://a.org"),
    )
    assert [rejection(each) for each in answer.results] == [
        ("INVALID_ARGUMENT", "chain_name"),
        ("ALREADY_EXISTS", "chain_id"),
        ("INVALID_ARGUMENT", "chain_id"),
    ]
    assert (await registry.call("GetChain", chain_id="ethereum")).chain.caip2 == "eip155:1"


async def test_a_venue_is_its_slug(registry: Client, service: RegistryService) -> None:
    await service.apply(venue("gate-io", name="Gate.io"))
    answer = await service.apply(
        venue("gate-io", name="Gate", venue_type=1), venue("", name="Gate.io", website_url="https://gate.io")
    )
    assert outcomes(answer) == ["UPDATED", "UPDATED"]
    found = (await registry.call("GetVenue", venue_id="gate-io")).venue
    assert (found.name, found.website_url) == ("Gate.io", "https://gate.io")


# ---- assets ----------------------------------------------------------------------------------------------------------


async def test_an_asset_is_found_by_any_of_its_keys_and_gets_the_others(
    registry: Client, service: RegistryService, records: Records
) -> None:
    made = await service.apply(chain("ethereum"), asset("LIT", identifier("litentry")))
    known = made.results[1].id
    answer = await service.apply(
        asset("LIT", identifier("litentry"), identifier("LIT", 5), deployment("ethereum", LIT.lower()))
    )
    assert outcomes(answer) == ["UPDATED"]
    assert set(answer.results[0].changed_fields) == {"identifiers", "deployments"}
    for keys in (
        (identifier("new"), identifier("LIT", 5)),
        (identifier("newer"), deployment("ethereum", LIT)),
        (deployment("ethereum", LIT),),
    ):
        answer = await service.apply(asset("LIT", *keys))
        assert answer.results[0].id == known
    by_id = await service.apply(rows.row("asset", asset_id=known, category="privacy", identifiers=[identifier("9", 2)]))
    assert (outcomes(by_id), by_id.results[0].id) == (["UPDATED"], known)
    identifiers = (await registry.call("ListAssetIdentifiers", asset_id=known)).identifiers
    assert {(each.source, each.external_id) for each in identifiers} == {
        (1, "litentry"),
        (5, "LIT"),
        (1, "new"),
        (1, "newer"),
        (2, "9"),
    }
    assert len((await registry.call("ListAssets")).assets) == 1
    head = await records.head()
    again = await service.apply(
        asset("LIT", identifier("litentry"), identifier("9", 2), deployment("ethereum", LIT), category="privacy")
    )
    assert outcomes(again) == ["UNCHANGED"]
    assert await records.head() == head


async def test_keys_of_several_assets_are_ambiguous_and_named(registry: Client, service: RegistryService) -> None:
    made = await service.apply(
        chain("ethereum"),
        asset("LIT", identifier("litentry"), deployment("ethereum", LIT)),
        asset("LIT", identifier("lighter"), deployment("ethereum", LIGHTER), ref="other"),
    )
    one, two = (each.id for each in made.results[1:])
    answer = await service.apply(
        asset("LIT", identifier("litentry"), identifier("lighter")),
        asset("LIT", deployment("ethereum", LIT), deployment("ethereum", LIGHTER), ref="b"),
    )
    for each in answer.results:
        assert rejection(each) == ("FAILED_PRECONDITION", "")
        assert one in each.reason
        assert two in each.reason
    # An address of another asset, and an external id of another one.
    answer = await service.apply(
        asset("LIT", identifier("litentry"), identifier("x", 5), deployment("ethereum", LIGHTER)),
        rows.row("asset", asset_id=one, identifiers=[identifier("lighter")]),
        asset("NEW", identifier("new"), deployment("ethereum", USDC, decimals=256)),
    )
    assert [rejection(each) for each in answer.results] == [
        ("ALREADY_EXISTS", "deployments[0].address"),
        ("ALREADY_EXISTS", "identifiers[0].external_id"),
        ("INVALID_ARGUMENT", "deployments[0].decimals"),
    ]
    assert two in answer.results[0].reason
    assert len((await registry.call("ListAssets")).assets) == 2
    assert len((await registry.call("ListAssetIdentifiers", asset_id=one)).identifiers) == 1


async def test_an_asset_and_its_keys_come_together_or_not_at_all(
    registry: Client, service: RegistryService, records: Records
) -> None:
    answer = await service.apply(
        asset("A", identifier("a"), identifier("", 2)),
        asset("B", identifier("b"), deployment("nowhere", USDC)),
        asset("C", identifier("c"), deployment("", USDC)),
        asset("D", identifier("d", is_primary=True), identifier("d2", is_primary=True)),
        asset("E", identifier("e"), identifier("e"), identifier("e2")),
        chain("ethereum"),
        asset(
            "F",
            identifier("f"),
            deployment("ethereum", USDC, is_canonical=True),
            deployment("ethereum", USDT, is_canonical=True),
        ),
    )
    assert [rejection(each) if each.outcome == pb.REJECTED else None for each in answer.results] == [
        ("INVALID_ARGUMENT", "identifiers[1].external_id"),
        ("NOT_FOUND", "deployments[0].chain_id"),
        ("INVALID_ARGUMENT", "deployments[0].chain_id"),
        ("ALREADY_EXISTS", "is_primary"),
        None,
        None,
        ("ALREADY_EXISTS", "is_canonical"),
    ]
    assert [each.symbol for each in (await registry.call("ListAssets")).assets] == ["E"]
    assert len((await registry.call("ListAssetIdentifiers", asset_id=answer.results[4].id)).identifiers) == 2
    assert not (await registry.call("ListAssetDeployments")).deployments
    assert {each.entity for each in await records.since(0)} == {"asset", "asset_identifier", "chain"}


async def test_a_deleted_asset_is_not_found_by_what_it_had(registry: Client, service: RegistryService) -> None:
    made = await service.apply(chain("ethereum"), asset("A", identifier("a"), deployment("ethereum", USDC)))
    await registry.call("DeleteAsset", asset_id=made.results[1].id)
    answer = await service.apply(asset("A", identifier("a"), deployment("ethereum", USDC)))
    assert outcomes(answer) == ["CREATED"]
    assert answer.results[0].id != made.results[1].id


# ---- what belongs to assets -------------------------------------------------------------------------------------------


async def test_a_deployment_is_its_chain_and_address_and_stays_its_asset_s(registry: Client, service: RegistryService) -> None:
    def deployed(asset_id: str, address: str, **fields: object) -> pb.ApplyRow:
        sent = {"asset_id": asset_id, "chain_id": "ethereum", "address": address, **fields}
        return rows.row("asset_deployment", **sent)

    base = [chain("ethereum"), asset("USDC"), asset("FAKE")]
    made = await service.apply(*base, deployed("ref:USDC", USDC.lower(), decimals=6), deployed("ref:USDC", "0x0"))
    assert outcomes(made)[3:] == ["CREATED", "CREATED"]
    answer = await service.apply(
        *base,
        deployed("ref:USDC", USDC, decimals=18, is_canonical=True),
        deployed("ref:FAKE", USDC, decimals=6),
        deployed("ref:USDC", "native", is_native=True),
        rows.row("asset_deployment", asset_id="ref:USDC", chain_id="ethereum", is_native=True),
    )
    assert outcomes(answer)[3:] == ["UPDATED", "REJECTED", "UNCHANGED", "UNCHANGED"]
    assert [each.id for each in answer.results[5:]] == [made.results[4].id] * 2
    assert answer.results[3].id == made.results[3].id
    assert rejection(answer.results[4]) == ("ALREADY_EXISTS", "address")
    found = (await registry.call("GetAssetDeployment", deployment_id=made.results[3].id)).deployment
    assert (found.asset_id, found.decimals, found.is_canonical) == (made.results[1].id, 18, True)
    kept = await service.apply(*base, deployed("ref:FAKE", USDC), mode=pb.CREATE_ONLY)
    assert [each.field for each in kept.results[3].differs] == ["asset_id"]


async def test_an_identifier_is_its_owner_source_and_external_id(registry: Client, service: RegistryService) -> None:
    pair = [asset("BTC"), asset("USD"), symbol("ref:BTC", "ref:USD", ref="s")]
    own = [
        rows.row("asset_identifier", asset_id="ref:BTC", source=2, external_id="1"),
        rows.row("symbol_identifier", symbol_id="ref:s", data_source=2, external_id="1"),
    ]
    made = await service.apply(*pair, *own)
    own[0].asset_identifier.is_primary = own[1].symbol_identifier.is_primary = True
    again = await service.apply(*pair, *own)
    assert outcomes(again)[3:] == ["UPDATED", "UPDATED"]
    assert [each.id for each in again.results] == [each.id for each in made.results]
    other = rows.row("asset_identifier", asset_id="ref:BTC", source=2, external_id="2", is_primary=True)
    answer = await service.apply(*pair, other)
    assert rejection(answer.results[3]) == ("ALREADY_EXISTS", "is_primary")
    assert (await registry.call("GetAssetIdentifier", source=2, external_id="1")).identifier.is_primary


async def test_a_relationship_is_its_ends_and_its_type(registry: Client, service: RegistryService) -> None:
    base = [asset("stETH"), asset("ETH")]
    made = await service.apply(*base, related("ref:stETH", "ref:ETH", 3), related("ref:stETH", "ref:ETH", 1))
    assert outcomes(made)[2:] == ["CREATED", "CREATED"]
    again = await service.apply(*base, related("ref:stETH", "ref:ETH", 3, conversion_rate="1.05"))
    assert (outcomes(again)[2], again.results[2].id) == ("UPDATED", made.results[2].id)
    assert len((await registry.call("ListAssetRelationships")).relationships) == 2


async def test_no_circle_comes_in_with_a_call_nor_over_what_is_there(registry: Client, service: RegistryService) -> None:
    base = [asset(each) for each in "ABCD"]
    answer = await service.apply(
        *base,
        related("ref:A", "ref:B", 1),
        related("ref:B", "ref:C", 2),
        related("ref:C", "ref:A", 3),
        related("ref:C", "ref:D", 1),
        related("ref:C", "ref:A", 7),
    )
    assert outcomes(answer)[4:] == ["CREATED", "CREATED", "REJECTED", "CREATED", "CREATED"]
    assert rejection(answer.results[6]) == ("FAILED_PRECONDITION", "to_asset_id")
    assert "circle" in answer.results[6].reason or "cycle" in answer.results[6].reason
    answer = await service.apply(*base, related("ref:D", "ref:A", 4), dry_run=True)
    assert rejection(answer.results[4]) == ("FAILED_PRECONDITION", "to_asset_id")
    assert len((await registry.call("ListAssetRelationships")).relationships) == 4


async def test_a_migration_back_is_rejected_in_a_call_and_over_what_is_there(service: RegistryService) -> None:
    base = [asset(each) for each in ("MKR", "SKY", "X")]
    there, back = related("ref:MKR", "ref:SKY", 6, conversion_rate="24000"), related("ref:SKY", "ref:MKR", 6)
    answer = await service.apply(*base, there, back, related("ref:SKY", "ref:X", 6), related("ref:SKY", "ref:MKR", 1))
    assert outcomes(answer)[3:] == ["CREATED", "REJECTED", "CREATED", "CREATED"]
    assert rejection(answer.results[4]) == ("FAILED_PRECONDITION", "to_asset_id")
    assert "already migrates to" in answer.results[4].reason
    answer = await service.apply(*base, related("ref:X", "ref:MKR", 6))
    assert rejection(answer.results[3]) == ("FAILED_PRECONDITION", "to_asset_id")


async def test_a_group_is_its_name_and_a_member_its_group_and_asset(
    registry: Client, service: RegistryService, records: Records
) -> None:
    base = [asset("BTC"), asset("ETH"), rows.row("asset_group", name="majors", ref="g")]
    members = [
        rows.row("asset_group_member", group_id="ref:g", asset_id=f"ref:{each}", weight_decimal="0.1")
        for each in ("BTC", "ETH")
    ]
    await service.apply(*base, *members)
    group = (await registry.call("GetAssetGroup", name="majors")).group
    head = await records.head()
    members[0].asset_group_member.weight_decimal = "0.2"
    base[2].asset_group.description = "x"
    answer = await service.apply(*base, *members)
    assert outcomes(answer)[2:] == ["UPDATED", "UPDATED", "UNCHANGED"]
    assert [(each.entity, each.op) for each in await records.since(head)] == [
        *(("asset_group", "update"), ("asset_group_member", "update"), ("asset_group", "update")),
    ]
    found = (await registry.call("GetAssetGroup", name="majors")).group
    assert ([each.weight_decimal for each in found.members], found.description) == (["0.2", "0.1"], "x")
    assert found.revision > group.revision


# ---- symbols ---------------------------------------------------------------------------------------------------------


async def test_a_symbol_is_its_terms_whatever_it_is_called(registry: Client, service: RegistryService) -> None:
    base = [asset("BTC"), asset("USD"), asset("ETH")]
    pair = ("ref:BTC", "ref:USD")
    option: dict[str, Any] = {"expiry": day(30), "strike_price_decimal": "72000.50", "option_type": 1}
    several = [
        symbol(*pair),
        symbol(*pair, MARGIN),
        symbol(*pair, PERPETUAL),
        symbol(*pair, PERPETUAL, settlement_asset_id="ref:BTC"),
        symbol(*pair, PERPETUAL, settlement_asset_id="ref:ETH"),
        symbol(*pair, FUTURE, expiry=day(30)),
        symbol(*pair, FUTURE, expiry=day(60)),
        symbol(*pair, OPTION, **option),
        symbol(*pair, OPTION, **{**option, "option_type": 2}),
        symbol(*pair, OPTION, **{**option, "strike_price_decimal": "72000.51"}),
        symbol(*pair, OPTION, **option, settlement_asset_id="ref:BTC"),
    ]
    made = await service.apply(*base, *several)
    assert outcomes(made)[3:] == ["CREATED"] * len(several)
    assert len({each.id for each in made.results}) == len(several) + 3
    same = [
        symbol(*pair, SPOT, symbol="other/label"),
        symbol(*pair, PERPETUAL, margin_kind="linear"),
        symbol(*pair, PERPETUAL, settlement_asset_id="ref:USD"),
        symbol(*pair, PERPETUAL, settlement_asset_id="ref:BTC", margin_kind="inverse"),
        symbol(*pair, OPTION, expiry=day(30), strike_price=72000.5, option_type=1, symbol_id="ignored"),
    ]
    again = await service.apply(*base, *same)
    assert outcomes(again)[3:] == ["UPDATED"] + ["UNCHANGED"] * 4
    assert [each.id for each in again.results[3:]] == [made.results[3 + at].id for at in (0, 2, 2, 3, 7)]
    await registry.call("DeleteSymbol", symbol_id=made.results[3].id)
    anew = await service.apply(*base, symbol(*pair))
    assert (outcomes(anew)[3], anew.results[3].id != made.results[3].id) == ("CREATED", True)


# ---- listings --------------------------------------------------------------------------------------------------------


async def test_a_new_option_has_expired_only_if_all_its_listings_in_the_call_have_ended(service: RegistryService) -> None:
    base = await service.apply(asset("BTC"), asset("USDT"), venue("okx"))
    btc, usdt, _ = [each.id for each in base.results]
    terms: dict[str, Any] = {"expiry": day(-1), "option_type": 1, "strike_price_decimal": "1"}

    def made(strike: str, *ends: Any) -> list[pb.ApplyRow]:
        ref = f"s{strike}"
        own = symbol(btc, usdt, OPTION, ref=ref, **{**terms, "strike_price_decimal": strike})
        listings = [
            listing(f"ref:{ref}", f"X{strike}-{at}", "okx", **({} if end is None else {"delisted_at": end}))
            for at, end in enumerate(ends)
        ]
        return [own, *listings]

    for number, ends in enumerate(((), (None,), (day(1),), (day(-1), None)), 1):
        answer = await service.apply(*made(str(number), *ends))
        assert rejection(answer.results[0]) == ("INVALID_ARGUMENT", "expiry"), ends
    answer = await service.apply(*made("9", day(-1), day(-2)))
    assert outcomes(answer) == ["CREATED", "CREATED", "CREATED"]


async def test_a_venue_asset_is_its_venue_and_asset_and_opens_again(
    registry: Client, service: RegistryService, records: Records
) -> None:
    base = [venue(), asset("BTC")]
    key = {
        "venue_id": "binance",
        "asset_id": (await service.apply(*base, venue_asset("ref:BTC", "XBT", min_deposit=1))).results[1].id,
    }
    answer = await service.apply(*base, venue_asset("ref:BTC", "BTC", venue_asset_aliases=["XBT", "BTC"]))
    assert outcomes(answer)[2] == "UPDATED"
    await service.call("DelistVenueAsset", **key)
    head = await records.head()
    for mode in (pb.CREATE_ONLY, pb.FILL_UNSET):
        assert outcomes(await service.apply(*base, venue_asset("ref:BTC", "BTC"), mode=mode))[2] == "UNCHANGED"
    opened = await service.apply(*base, venue_asset("ref:BTC", "BTC"))
    assert list(opened.results[2].changed_fields) == ["delisted_at", "listed_at"]
    [each] = await records.since(head)
    assert (type(each.event).__name__, each.event.is_new_listing) == ("VenueAssetListed", False)
    found = (await registry.call("GetVenueAsset", **key)).venue_asset
    assert (found.is_active, found.min_deposit_decimal, list(found.venue_asset_aliases)) == (True, "1", ["XBT"])
    assert outcomes(await service.apply(*base, venue_asset("ref:BTC", "BTC")))[2] == "UNCHANGED"
    # A row that says the end is no news once it has come.
    ended = venue_asset("ref:BTC", "BTC", delisted_at=found.listed_at)
    ended.venue_asset.delisted_at.nanos += 1000
    assert outcomes(await service.apply(*base, ended)) == ["UNCHANGED", "UNCHANGED", "UPDATED"]
    assert outcomes(await service.apply(*base, ended)) == ["UNCHANGED"] * 3


async def test_a_ticker_that_is_used_again_is_a_listing_of_its_own(
    service: RegistryService, feed: Client, records: Records
) -> None:
    base = [
        *(
            venue(),
            asset("LIT", identifier("litentry"), ref="old"),
            asset("LIT", identifier("lighter"), ref="new"),
            asset("USDT"),
        ),
        *(symbol("ref:old", "ref:USDT", ref="s-old"), symbol("ref:new", "ref:USDT", ref="s-new")),
    ]
    both = [
        listing("ref:s-old", "LITUSDT", listed_at=day(-900), delisted_at=day(-300)),
        listing("ref:s-new", "LITUSDT", listed_at=day(-100), tick_size_decimal="0.1"),
    ]
    made = await service.apply(*base, *both)
    assert outcomes(made)[6:] == ["CREATED", "CREATED"]
    assert outcomes(await service.apply(*base, *both))[6:] == ["UNCHANGED", "UNCHANGED"]
    # Without a time a row means what the text means now; with one, what it meant then.
    now = await service.apply(*base, listing("ref:s-new", "LITUSDT", tick_size_decimal="0.2"))
    then = await RegistryService(feed).apply(*base, listing("ref:s-old", "LITUSDT", listed_at=day(-900), taker_fee=0.001))
    assert [now.results[6].id, then.results[6].id] == [made.results[7].id, made.results[6].id]
    assert (await feed.call("GetVenueSymbol", venue_id="binance", venue_symbol="LITUSDT")).symbol.tick_size_decimal == "0.2"
    asked = await feed.call("GetVenueSymbol", venue_id="binance", venue_symbol="LITUSDT", as_of=day(-500))
    assert asked.venue_symbol.taker_fee_decimal == "0.001"
    answer = await service.apply(
        *base, listing("ref:s-old", "LITUSDT", listed_at=day(-200)), listing("ref:s-old", "LITUSDT", listed_at=day(-999))
    )
    assert [rejection(each) for each in answer.results[6:]] == [("ALREADY_EXISTS", "venue_symbol")] * 2
    events = [each.event for each in await records.since(0) if each.entity == "venue_symbol" and each.op == "create"]
    assert [each.is_new_listing for each in events] == [True, True]


async def test_a_listing_that_comes_back_is_listed_from_now_on(
    registry: Client, service: RegistryService, records: Records
) -> None:
    base = [venue(), asset("LIT"), asset("USDT"), symbol("ref:LIT", "ref:USDT", ref="s")]
    row = listing("ref:s", "LITUSDT")
    first = await service.apply(*base, row)
    await service.call("DelistVenueSymbol", listing_id=first.results[4].id)
    head = await records.head()
    back = await service.apply(*base, row)
    assert (outcomes(back)[4], back.results[4].id != first.results[4].id) == ("CREATED", True)
    [each] = await records.since(head)
    assert not each.event.is_new_listing
    assert each.event.venue_symbol.listed_at.seconds > 0
    assert outcomes(await service.apply(*base, row))[4] == "UNCHANGED"
    found = await registry.call("GetVenueSymbol", venue_id="binance", venue_symbol="LITUSDT")
    assert (found.venue_symbol.listing_id, found.venue_symbol.is_active) == (back.results[4].id, True)
    planned = listing("ref:s", "X", listed_at=day(9))
    await service.apply(*base, planned)
    answer = await service.apply(*base, listing("ref:s", "X"))
    assert rejection(answer.results[4]) == ("ALREADY_EXISTS", "venue_symbol")


async def test_one_text_of_two_types_is_two_listings(service: RegistryService) -> None:
    base = [venue(), asset("BTC"), asset("USDT")]
    both = [symbol("ref:BTC", "ref:USDT", kind, ref=f"s{kind}") for kind in (SPOT, PERPETUAL)]
    texts = [listing(f"ref:s{SPOT}", "BTCUSDT"), listing(f"ref:s{PERPETUAL}", "BTCUSDT", symbol_type=PERPETUAL)]
    made = await service.apply(*base, *both, *texts)
    assert outcomes(made)[5:] == ["CREATED", "CREATED"]
    assert outcomes(await service.apply(*base, *both, *texts))[5:] == ["UNCHANGED", "UNCHANGED"]


async def test_a_wrong_mapping_is_corrected_in_place(registry: Client, service: RegistryService) -> None:
    base = [
        venue(),
        asset("LIT"),
        asset("ILT"),
        asset("USDT"),
        symbol("ref:LIT", "ref:USDT", ref="a"),
        symbol("ref:ILT", "ref:USDT", ref="b"),
    ]
    made = await service.apply(*base, listing("ref:b", "LITUSDT"))
    answer = await service.apply(*base, listing("ref:a", "LITUSDT"))
    assert (outcomes(answer)[6], answer.results[6].id) == ("UPDATED", made.results[6].id)
    assert list(answer.results[6].changed_fields) == ["symbol_id"]
    found = await registry.call("GetVenueSymbol", venue_id="binance", venue_symbol="LITUSDT")
    assert found.symbol.symbol_id == answer.results[4].id


async def test_only_the_first_text_of_a_market_is_a_new_listing(service: RegistryService, records: Records) -> None:
    base = [venue(), asset("BTC"), asset("USDT"), symbol("ref:BTC", "ref:USDT", ref="s")]
    await service.apply(*base, *[listing("ref:s", text) for text in ("BTCUSDT", "XBTUSDT", "BTC-USDT")])
    await service.apply(*base, listing("ref:s", "BTC_USDT"))
    events = [each.event for each in await records.since(0) if each.entity == "venue_symbol"]
    assert [(each.venue_symbol.venue_symbol, each.is_new_listing) for each in events] == [
        *(("BTCUSDT", True), ("XBTUSDT", False), ("BTC-USDT", False), ("BTC_USDT", False)),
    ]


# ---- one thing twice in one call ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("dry_run", [True, False])
async def test_rows_that_mean_the_same_are_written_one_after_the_other(
    dry_run: bool,  # noqa: FBT001 - a parameter of the test
    registry: Client,
    service: RegistryService,
    records: Records,
) -> None:
    await service.apply(chain("base", caip2="eip155:8453"), asset("OLD", identifier("old"), deployment("base", USDC)))
    head = await records.head()
    answer = await service.apply(
        asset("BTC", identifier("bitcoin"), ref="1"),
        asset("BTC", identifier("btc"), identifier("bitcoin"), category="coin", ref="2"),
        asset("BTC", identifier("btc"), category="coin", ref="3"),
        asset("OLD", identifier("old"), category="x", ref="4"),
        asset("OLD", deployment("base", USDC), description="y", ref="5"),
        rows.row("chain", caip2="eip155:8453", explorer_url="https://a.org"),
        rows.row("chain", chain_id="base", network_id=8453),
        venue(),
        venue(name="Binance.com"),
        venue(name="Binance.com", mode=pb.CREATE_ONLY),
        dry_run=dry_run,
    )
    assert outcomes(answer) == ["CREATED", "UPDATED", "UNCHANGED", *["UPDATED"] * 4, "CREATED", "UPDATED", "UNCHANGED"]
    assert list(answer.results[4].changed_fields) == ["description"]
    if dry_run:
        assert await records.head() == head
        return
    assert len({each.id for each in answer.results[:3]}) == 1
    [old] = (await registry.call("SearchAssets", query="OLD")).assets
    assert (old.category, old.description) == ("x", "y")
    found = (await registry.call("GetChain", chain_id="base")).chain
    assert (found.explorer_url, found.network_id) == ("https://a.org", 8453)
    # One change for each row of the registry, and the event of its creation.
    changes = [(each.entity, each.op) for each in await records.since(head)]
    assert sorted(changes) == sorted(
        [
            *[("asset", "create"), ("asset", "update"), ("chain", "update"), ("venue", "create")],
            *[("asset_identifier", "create")] * 2,
        ]
    )
    [created] = [each.event for each in await records.since(head) if each.event is not None]
    assert (created.asset.symbol, created.asset.category) == ("BTC", "coin")


async def test_a_new_asset_may_come_with_a_flag_that_it_is_unverified(
    registry: Client, service: RegistryService, records: Records
) -> None:
    rows_ = [rows.asset("A"), rows.asset("B")]
    rows_[0].unverified = "stands for a code"
    head = await records.head()
    answer = await service.apply(*rows_)
    assert outcomes(answer) == ["CREATED", "CREATED"]
    [raised] = [each for each in await records.since(head) if each.entity == "quality_flag"]
    assert raised.event is not None
    [flag] = (await registry.call("ListQualityFlags", asset_id=answer.results[0].id)).flags
    assert (flag.reason, flag.severity, flag.flag_type) == ("stands for a code", 2, 6)
    assert (await registry.call("ListQualityFlags", asset_id=answer.results[1].id)).flags == []
    await service.apply(*rows_)
    assert len((await registry.call("ListQualityFlags", asset_id=answer.results[0].id)).flags) == 1
    misplaced, hostile = venue("gate-io"), rows.asset("C")
    misplaced.unverified, hostile.unverified = "no asset", "a\x00b"
    answer = await service.apply(misplaced, hostile)
    assert [rejection(each) for each in answer.results] == [("INVALID_ARGUMENT", "unverified")] * 2
