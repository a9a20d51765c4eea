"""Apply: many rows in one call, each found by its natural key."""

from typing import Any

import pytest

from cqar.contract.cqar.v1 import registry_pb2 as pb
from tests.client import Client
from tests.registry.factory import OPTION, PERPETUAL, USDT, Factory
from tests.service import rows
from tests.service.registry import Records, RegistryService, day, outcomes, rejection
from tests.service.rows import asset, chain, everything, identifier, listing, symbol, venue, venue_asset


async def test_a_market_comes_in_by_one_call_and_again_changes_nothing(
    registry: Client, service: RegistryService, records: Records
) -> None:
    first = await service.apply(*everything())
    assert outcomes(first) == ["CREATED"] * 13, first
    ids = dict(zip([each.WhichOneof("entity") for each in everything()], first.results, strict=True))
    assert (ids["venue"].id, ids["chain"].id, ids["venue_asset"].id) == (
        "binance",
        "ethereum",
        f"binance/{first.results[10].id}",
    )
    head = await records.head()
    assert (first.revision, max(each.revision for each in first.results)) == (head, head)
    again = await service.apply(*everything())
    assert outcomes(again) == ["UNCHANGED"] * 13, again
    assert again.revision == 0
    assert [each.id for each in again.results] == [each.id for each in first.results]
    # A membership changes its group too.
    revisions = [[each.revision for at, each in enumerate(answer.results) if at != 5] for answer in (first, again)]
    assert revisions[0] == revisions[1]
    assert await records.head() == head
    found = await registry.call("GetVenueSymbol", venue_id="binance", venue_symbol="BTCUSDT")
    assert (found.symbol.symbol, found.symbol.tick_size_decimal, found.venue_symbol.taker_fee_decimal) == (
        "BTC/USDT",
        "0.01",
        "0.001",
    )
    assert (await registry.call("GetChain", chain_id="ethereum")).chain.chain_type == "EVM"
    [deployed] = (await registry.call("ListAssetDeployments", chain_id="ethereum")).deployments
    assert deployed.address == USDT


async def test_what_comes_in_is_what_the_single_calls_would_have_made(
    registry: Client, service: RegistryService, factory: Factory, records: Records
) -> None:
    """Apply writes the rows, events and parts that single calls write."""
    await service.apply(*everything())
    by_apply = {each.entity: each for each in await records.since(0)}
    btc, usdt = (
        await factory.asset("BTC", category="coin", metadata=everything()[10].asset.metadata),
        await factory.asset("USDT"),
    )
    pair = await factory.symbol(btc, usdt, tick_size=0.1)
    here = await factory.venue("Other")
    await registry.call("CreateVenueAsset", venue_id=here, asset_id=btc, venue_asset_symbol="XBT", venue_asset_aliases=["BTC"])
    await registry.call(
        *("CreateVenueSymbol",),
        venue_id=here,
        symbol_id=pair,
        venue_symbol="BTCUSDT",
        tick_size_decimal="0.01",
        taker_fee=0.001,
        metadata=everything()[0].venue_symbol.metadata,
    )
    by_call = {each.entity: each for each in await records.since(len(await records.since(0)) - 6)}
    for entity in ("asset", "symbol", "venue_asset", "venue_symbol"):
        one, other = by_apply[entity], by_call[entity]
        assert [key.partition(":")[0] for key in one.keys] == [key.partition(":")[0] for key in other.keys]
        assert type(one.event) is type(other.event)
        kept = {name for name, _ in _plain(one.event).items()}
        assert kept == {name for name, _ in _plain(other.event).items()}
    assert by_apply["venue_symbol"].event.is_new_listing
    assert by_apply["symbol"].event.symbol.symbol == "BTC/USDT"


def _plain(event: Any) -> dict[str, Any]:
    return {field.name: value for field, value in event.ListFields()}


async def test_events_and_audit_say_where_the_rows_come_from(service: RegistryService, records: Records) -> None:
    await service.apply(asset("BTC"), source="coingecko")
    await service.apply(asset("ETH"))
    rows_ = await records.connection.fetch("SELECT source, method, actor FROM audit WHERE entity = 'asset' ORDER BY revision")
    assert [tuple(row) for row in rows_] == [("coingecko", "Apply", "anonymous"), ("apply", "Apply", "anonymous")]
    events = [each.event for each in await records.since(0) if each.event is not None]
    assert [each.source for each in events] == ["coingecko", "apply"]


async def test_a_dry_run_tells_the_same_and_leaves_nothing(
    registry: Client, service: RegistryService, records: Records
) -> None:
    bad = [asset("X", asset_type=99), symbol("ref:X", "ref:BTC")]
    dry = await service.apply(*everything(), *bad, dry_run=True)
    assert dry.revision == 0
    assert {(each.id, each.revision) for each in dry.results} == {("", 0)}
    assert await records.head() == 0
    assert not (await registry.call("ListAssets")).assets
    real = await service.apply(*everything(), *bad)
    assert outcomes(real) == outcomes(dry)
    assert [(each.code, each.field, each.reason) for each in real.results] == [
        (each.code, each.field, each.reason) for each in dry.results
    ]
    changed = [asset("BTC", category="money"), asset("ETH")]
    dry = await service.apply(*changed, dry_run=True)
    assert outcomes(dry) == ["UPDATED", "CREATED"]
    assert dry.results[0].id == real.results[10].id
    assert list(dry.results[0].changed_fields) == ["category"]
    assert outcomes(await service.apply(*changed)) == ["UPDATED", "CREATED"]


# ---- refs ------------------------------------------------------------------------------------------------------------


async def test_any_id_field_may_say_a_ref(registry: Client, service: RegistryService) -> None:
    answer = await service.apply(
        chain("ethereum", ref="eth-chain", native_asset_id="ref:ETH"),
        asset("ETH"),
        asset("USDC", rows.deployment("ref:base-chain", USDT), rows.identifier("usd-coin")),
        chain("base", ref="base-chain"),
        rows.row(
            "asset_deployment",
            asset_id="ref:USDC",
            chain_id="ref:eth-chain",
            address=USDT,
            ref="usdc-on-eth",
        ),
        venue("uniswap", venue_type=2, chain_id="ref:eth-chain", ref="dex"),
        venue_asset("ref:USDC", "USDC", "ref:dex", deployment_id="ref:usdc-on-eth"),
        symbol("ref:ETH", "ref:USDC", PERPETUAL, settlement_asset_id="ref:ETH", ref="perp"),
        listing("ref:perp", "0x0d4a11d5eeaac28ec3f61d100daf4d40471f1852", "ref:dex"),
    )
    assert outcomes(answer) == ["CREATED"] * 9, answer
    assert (await registry.call("GetChain", chain_id="ethereum")).chain.native_asset_id == answer.results[1].id
    [found] = (await registry.call("ListVenueAssets", venue_id="uniswap")).venue_assets
    assert (found.asset_id, found.deployment_id) == (answer.results[2].id, answer.results[4].id)
    perp = (await registry.call("GetSymbol", symbol_id=answer.results[7].id)).symbol
    assert (perp.settlement_asset_id, perp.margin_kind) == (answer.results[1].id, "inverse")


async def test_a_ref_to_a_row_that_is_there_already_is_its_id(
    registry: Client, service: RegistryService, factory: Factory
) -> None:
    known = await factory.asset("BTC")
    await registry.call("CreateAssetIdentifier", asset_id=known, source=1, external_id="btc")
    answer = await service.apply(asset("BTC", ref="x"), asset("USD"), symbol("ref:x", "ref:USD"))
    assert outcomes(answer) == ["UPDATED", "CREATED", "CREATED"]
    assert (await registry.call("GetSymbol", symbol_id=answer.results[2].id)).symbol.base_asset_id == known


async def test_a_rejected_row_rejects_only_what_refers_to_it(service: RegistryService) -> None:
    sent = everything()
    sent[10].asset.asset_type = 99  # type: ignore[assignment]
    answer = await service.apply(*sent)
    rejected = {at for at, each in enumerate(answer.results) if each.outcome == pb.REJECTED}
    assert rejected == {0, 1, 2, 3, 4, 6, 7, 10}
    assert rejection(answer.results[10]) == ("INVALID_ARGUMENT", "asset_type")
    assert rejection(answer.results[3]) == ("FAILED_PRECONDITION", "base_asset_id")
    assert rejection(answer.results[0]) == ("FAILED_PRECONDITION", "symbol_id")
    assert "'BTC'" in answer.results[1].reason
    assert {outcomes(answer)[at] for at in (5, 8, 9, 11, 12)} == {"CREATED"}
    answer = await service.apply(*everything())
    assert [at for at, each in enumerate(answer.results) if each.outcome == pb.CREATED] == sorted(rejected)


async def test_a_ref_that_nothing_or_more_than_one_row_has_is_refused(service: RegistryService) -> None:
    answer = await service.apply(
        symbol("ref:later", "ref:"), listing("ref:nobody", "X"), venue(ref="later"), venue_asset("ref:", "X")
    )
    assert [rejection(each) for at, each in enumerate(answer.results) if at != 2] == [
        ("INVALID_ARGUMENT", "base_asset_id"),
        ("INVALID_ARGUMENT", "symbol_id"),
        ("INVALID_ARGUMENT", "asset_id"),
    ]
    answer = await service.apply(
        asset("LIT", identifier("litentry")), asset("LIT", identifier("lighter")), venue_asset("ref:LIT", "LIT")
    )
    assert outcomes(answer) == ["CREATED", "REJECTED", "REJECTED"]
    assert rejection(answer.results[1]) == ("INVALID_ARGUMENT", "ref")
    assert rejection(answer.results[2]) == ("FAILED_PRECONDITION", "asset_id")


# ---- modes -----------------------------------------------------------------------------------------------------------


async def test_modes_say_what_happens_to_a_row_that_exists(
    registry: Client, service: RegistryService, records: Records
) -> None:
    await service.apply(*everything())
    known = await registry.call("GetVenueSymbol", venue_id="binance", venue_symbol="BTCUSDT")
    changed = listing(known.symbol.symbol_id, "BTCUSDT", tick_size_decimal="0.10", lot_size_decimal="1e-3")
    head = await records.head()
    kept = await service.apply(changed, mode=pb.CREATE_ONLY)
    assert outcomes(kept) == ["UNCHANGED"]
    assert [(each.field, each.before, each.after) for each in kept.results[0].differs] == [
        ("lot_size", "", "0.001"),
        ("tick_size", "0.01", "0.1"),
    ]
    assert await records.head() == head
    filled = await service.apply(changed, mode=pb.FILL_UNSET)
    assert outcomes(filled) == ["UPDATED"]
    assert list(filled.results[0].changed_fields) == ["lot_size"]
    assert [each.field for each in filled.results[0].differs] == ["tick_size"]
    written = await service.apply(changed)
    assert list(written.results[0].changed_fields) == ["tick_size"]
    assert [(each.field, each.before, each.after) for each in written.results[0].changes] == [("tick_size", "0.01", "0.1")]
    assert written.results[0].revision == written.revision == head + 2
    assert set(await records.changes(written.results[0].id)) == {"tick_size"}


async def test_a_row_s_own_mode_goes_before_that_of_the_call(service: RegistryService) -> None:
    await service.apply(asset("A"), asset("B"), asset("C"))
    answer = await service.apply(
        asset("A", name="new", mode=pb.CREATE_ONLY),
        asset("B", name="new", category="x", mode=pb.FILL_UNSET),
        asset("C", name="new"),
        asset("D", mode=pb.APPLY_MODE_UNSPECIFIED),
        asset("E", mode=9),
    )
    assert outcomes(answer) == ["UNCHANGED", "UPDATED", "UPDATED", "CREATED", "REJECTED"]
    assert [list(each.changed_fields) for each in answer.results[1:3]] == [["category"], ["name"]]
    assert rejection(answer.results[4]) == ("INVALID_ARGUMENT", "mode")
    refused = await service.refused("Apply", mode=9)
    assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [("mode", "UNKNOWN_VALUE")])


async def test_only_a_created_asset_gets_keys_where_nothing_else_may_change(service: RegistryService, records: Records) -> None:
    await service.apply(asset("BTC"))
    head = await records.head()
    more = asset("BTC", identifier("btc"), identifier("1", 2))
    assert outcomes(await service.apply(more, mode=pb.CREATE_ONLY)) == ["UNCHANGED"]
    assert await records.head() == head
    filled = await service.apply(more, mode=pb.FILL_UNSET)
    assert outcomes(filled) == ["UPDATED"]
    assert list(filled.results[0].changed_fields) == ["identifiers"]
    assert [(each.entity, each.op) for each in await records.since(head)] == [("asset_identifier", "create")]


async def test_a_row_at_another_revision_than_expected_is_rejected(service: RegistryService) -> None:
    first = await service.apply(asset("A"), asset("B"))
    assert [each.revision for each in first.results] == [1, 2]
    revision = first.results[0].revision
    answer = await service.apply(
        asset("A", name="new", expected_revision=revision),
        asset("B", name="new", expected_revision=revision),
        asset("C", expected_revision=revision),
    )
    assert outcomes(answer) == ["UPDATED", "REJECTED", "REJECTED"]
    assert [rejection(each) for each in answer.results[1:]] == [("ABORTED", "")] * 2


# ---- numbers and the stored switch --------------------------------------------------------------------------------------


async def test_a_double_that_is_the_stored_number_s_changes_nothing(service: RegistryService, records: Records) -> None:
    exact = "0.10000000000000000000000000001"
    pair = [asset("A"), asset("B"), venue()]
    await service.apply(
        *pair, symbol("ref:A", "ref:B", tick_size_decimal=exact, ref="s"), listing("ref:s", "AB", min_notional_decimal=exact)
    )
    head = await records.head()
    same = [*pair, symbol("ref:A", "ref:B", tick_size=0.1, ref="s"), listing("ref:s", "AB", min_notional=0.1)]
    assert outcomes(await service.apply(*same)) == ["UNCHANGED"] * 5
    assert await records.head() == head
    other = [
        *pair,
        symbol("ref:A", "ref:B", tick_size=0.1, tick_size_decimal="0.1", ref="s"),
        listing("ref:s", "AB", min_notional=0.2),
    ]
    answer = await service.apply(*other)
    assert outcomes(answer)[3:] == ["UPDATED", "UPDATED"]
    assert answer.results[3].changes[0].before == exact


async def test_the_stored_switch_of_a_blocked_asset_is_compared_and_not_switched_on(
    service: RegistryService, factory: Factory, records: Records
) -> None:
    on = [asset("ON"), asset("OFF"), venue(), venue_asset("ref:ON", "ON", trading_enabled=True)]
    first = await service.apply(*on, venue_asset("ref:OFF", "OFF", trading_enabled=False))
    for each in first.results[:2]:
        await factory.flag(each.id)
    head = await records.head()
    answer = await service.apply(*on, venue_asset("ref:OFF", "OFF", trading_enabled=True))
    assert outcomes(answer) == ["UNCHANGED"] * 4 + ["REJECTED"]
    assert rejection(answer.results[4])[0] == "FAILED_PRECONDITION"
    assert await records.head() == head
    answer = await service.apply(*on[:3], symbol("ref:ON", "ref:OFF", ref="s"), listing("ref:s", "ONOFF"))
    assert outcomes(answer)[3:] == ["CREATED", "REJECTED"]
    assert "CRITICAL" in answer.results[4].reason


# ---- the rules of the single calls --------------------------------------------------------------------------------------


@pytest.mark.parametrize("dry_run", [False, True])
async def test_each_row_meets_the_rules_of_the_single_call(dry_run: bool, service: RegistryService) -> None:  # noqa: FBT001 - a parameter of the test
    await service.apply(*everything())
    pair = ("ref:BTC", "ref:USDT")
    other = {"symbol": "X", "name": "X", "asset_type": 1}
    good = [asset("BTC"), asset("USDT"), symbol(*pair, ref="s")]
    bad: list[tuple[pb.ApplyRow, str, str]] = [
        (pb.ApplyRow(), "INVALID_ARGUMENT", "entity"),
        (chain("x", "X"), "INVALID_ARGUMENT", "chain_type"),
        (chain("-x"), "INVALID_ARGUMENT", "chain_id"),
        (chain("x", max_decimals=256), "INVALID_ARGUMENT", "max_decimals"),
        (chain("x", native_asset_id="nobody"), "NOT_FOUND", "native_asset_id"),
        (asset("X\u202e", identifier("x")), "INVALID_ARGUMENT", "symbol"),
        (rows.row("asset", **other), "INVALID_ARGUMENT", "asset_id"),
        (asset("X", logo_url="javascript:x"), "INVALID_ARGUMENT", "logo_url"),
        (rows.row("asset", asset_id="nobody", **other), "NOT_FOUND", "asset_id"),
        (
            rows.row("asset_deployment", asset_id="ref:BTC", chain_id="ethereum"),
            "INVALID_ARGUMENT",
            "address",
        ),
        (_deployed("ethereum", "0x12"), "INVALID_ARGUMENT", "address"),
        (_deployed("nowhere", USDT), "NOT_FOUND", "chain_id"),
        (_deployed("ethereum", "native", decimals=256), "INVALID_ARGUMENT", "decimals"),
        (_deployed("ethereum", "native", asset_id="nobody"), "NOT_FOUND", "asset_id"),
        (_deployed("ethereum", USDT), "ALREADY_EXISTS", "address"),
        (rows.row("asset_identifier", asset_id="ref:BTC", source=1), "INVALID_ARGUMENT", "external_id"),
        (rows.related("ref:BTC", "ref:BTC"), "INVALID_ARGUMENT", "to_asset_id"),
        (rows.related("ref:BTC", "nobody"), "NOT_FOUND", "to_asset_id"),
        (rows.related("ref:BTC", "ref:USDT", 0), "INVALID_ARGUMENT", "relationship_type"),
        (rows.related("ref:BTC", "ref:USDT", conversion_rate="0"), "INVALID_ARGUMENT", "conversion_rate"),
        (rows.row("asset_group", description="x"), "INVALID_ARGUMENT", "name"),
        (rows.row("asset_group", name="x", members=[{"asset_id": "y"}]), "INVALID_ARGUMENT", "members"),
        (
            rows.row("asset_group_member", group_id="nobody", asset_id="ref:BTC"),
            "NOT_FOUND",
            "group_id",
        ),
        (symbol(*pair, OPTION), "INVALID_ARGUMENT", "strike_price_decimal"),
        (symbol(*pair, OPTION, expiry=day(-1), strike_price=1, option_type=1), "INVALID_ARGUMENT", "expiry"),
        (symbol("ref:BTC", "ref:BTC"), "INVALID_ARGUMENT", "quote_asset_id"),
        (symbol(*pair, PERPETUAL, margin_kind="inverse"), "INVALID_ARGUMENT", "settlement_asset_id"),
        (symbol(*pair, PERPETUAL, min_order_size=2, max_order_size=1), "INVALID_ARGUMENT", "max_order_size_decimal"),
        (symbol(*pair, tick_size_decimal="0"), "INVALID_ARGUMENT", "tick_size"),
        (
            rows.row("symbol_identifier", symbol_id="x", data_source=1, external_id="y"),
            "NOT_FOUND",
            "symbol_id",
        ),
        (venue("x", venue_type=9), "INVALID_ARGUMENT", "venue_type"),
        (venue("x", name=""), "INVALID_ARGUMENT", "name"),
        (venue_asset("ref:USDT", ""), "INVALID_ARGUMENT", "venue_asset_symbol"),
        (venue_asset("ref:BTC", "X", "nowhere"), "NOT_FOUND", "venue_id"),
        (venue_asset("ref:BTC", "X", deployment_id="nobody"), "NOT_FOUND", "deployment_id"),
        (listing("ref:s", "X", maker_fee=1.5), "INVALID_ARGUMENT", "maker_fee"),
        (listing("ref:s", "X", symbol_type=PERPETUAL), "INVALID_ARGUMENT", "symbol_type"),
        (listing("ref:s", "X", listed_at=day(2), delisted_at=day(1)), "INVALID_ARGUMENT", "delisted_at"),
        (listing("ref:s", "X", taker_fee=0.1, taker_fee_decimal="0.2"), "INVALID_ARGUMENT", "taker_fee_decimal"),
        (pb.ApplyRow(venue=venue().venue, identifiers=[identifier("x")]), "INVALID_ARGUMENT", "identifiers"),
    ]
    answer = await service.apply(*good, *[row for row, _, _ in bad], dry_run=dry_run)
    assert outcomes(answer)[:3] == ["UNCHANGED"] * 3
    for result, (sent, *expected) in zip(answer.results[3:], bad, strict=True):
        assert rejection(result) == tuple(expected), (sent, result)
        assert result.id == ""


def _deployed(chain_id: str, address: str, **fields: Any) -> pb.ApplyRow:
    sent = {"asset_id": "ref:BTC", "chain_id": chain_id, "address": address, **fields}
    return rows.row("asset_deployment", **sent)


# ---- limits ----------------------------------------------------------------------------------------------------------


async def test_more_rows_than_allowed_are_too_many(service: RegistryService) -> None:
    assert outcomes(await service.apply()) == []
    refused = await service.refused("Apply", rows=[pb.ApplyRow()] * 10_001)
    assert refused.code == "RESOURCE_EXHAUSTED"
    answer = await service.apply(*[pb.ApplyRow()] * 10_000)
    assert set(outcomes(answer)) == {"REJECTED"}


async def test_an_idempotency_key_is_refused(service: RegistryService, registry: Client) -> None:
    import grpc.aio  # noqa: PLC0415

    from tests.client import refusal  # noqa: PLC0415

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await service.call("Apply", headers=(("idempotency-key", "x"),), rows=[asset("BTC")])
    refused = refusal(caught.value)
    assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [("idempotency-key", "NOT_ALLOWED")])
    assert not (await registry.call("ListAssets")).assets


async def test_a_source_is_text(service: RegistryService) -> None:
    refused = await service.refused("Apply", source="x\u200b")
    assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [("source", "BAD_CHARACTER")])
