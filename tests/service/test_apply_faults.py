"""Faults in Apply: rows that the database rejects, one bad row among many, and interrupted calls."""

import asyncio
from collections.abc import Callable

import asyncpg
import grpc.aio
import pytest

from cqar import config
from cqar.contract.cqar.v1 import registry_pb2 as pb
from tests.client import Client, refusal
from tests.hotpath.stack import admin_of, changed
from tests.registry.factory import USDC, waiting
from tests.service import rows
from tests.service.registry import Records, RegistryService, day, outcomes, rejection
from tests.service.rows import asset, chain, deployment, identifier, listing, symbol, venue, venue_asset


def _primary() -> tuple[list[pb.ApplyRow], Callable[[int], pb.ApplyRow], pb.ApplyRow, str]:
    def row(at: int) -> pb.ApplyRow:
        return rows.row("asset_identifier", asset_id="ref:BTC", source=rows.CMC, external_id=str(at))

    bad = rows.row("asset_identifier", asset_id="ref:BTC", source=rows.COINGECKO, external_id="x", is_primary=True)
    return [asset("BTC", identifier("bitcoin", is_primary=True))], row, bad, "is_primary"


def _canonical() -> tuple[list[pb.ApplyRow], Callable[[int], pb.ApplyRow], pb.ApplyRow, str]:
    def row(at: int) -> pb.ApplyRow:
        return rows.row("asset_deployment", asset_id="ref:BTC", chain_id="ethereum", address=f"0x{at + 1:040x}")

    bad = row(9999)
    bad.asset_deployment.is_canonical = True
    return [chain("ethereum"), asset("BTC", deployment("ethereum", USDC, is_canonical=True))], row, bad, "is_canonical"


def _overlap() -> tuple[list[pb.ApplyRow], Callable[[int], pb.ApplyRow], pb.ApplyRow, str]:
    base = [venue(), asset("BTC"), asset("USD"), symbol("ref:BTC", "ref:USD", ref="s"), listing("ref:s", "X", listed_at=day(1))]
    return base, lambda at: listing("ref:s", f"T{at}"), listing("ref:s", "X"), "venue_symbol"


def _key_of_an_asset() -> tuple[list[pb.ApplyRow], Callable[[int], pb.ApplyRow], pb.ApplyRow, str]:
    bad = asset("X", identifier("x", is_primary=True), identifier("y", is_primary=True))
    return [], lambda at: asset(f"A{at}"), bad, "is_primary"


@pytest.mark.parametrize("make", [_primary, _canonical, _overlap, _key_of_an_asset])
@pytest.mark.parametrize("dry_run", [True, False])
async def test_what_the_database_refuses_is_one_row_s_own_fault(
    make: Callable[[], tuple[list[pb.ApplyRow], Callable[[int], pb.ApplyRow], pb.ApplyRow, str]],
    dry_run: bool,  # noqa: FBT001 - a parameter of the test
    service: RegistryService,
    records: Records,
) -> None:
    base, row, bad, field = make()
    await service.apply(*base)
    head = await records.head()
    many = [row(at) for at in range(20)]
    many[13:13] = [bad]
    answer = await service.apply(*base, *many, dry_run=dry_run)
    results = answer.results[len(base) :]
    assert rejection(results[13]) == ("ALREADY_EXISTS", field)
    assert set(outcomes(answer)[len(base) :]) == {"CREATED", "REJECTED"}
    assert outcomes(answer).count("REJECTED") == 1
    if dry_run:
        assert await records.head() == head
        return
    again = await service.apply(*base, *many)
    assert outcomes(again).count("UNCHANGED") == len(base) + 20
    assert rejection(again.results[len(base) + 13]) == ("ALREADY_EXISTS", field)


async def test_all_that_is_bad_is_named_at_once(service: RegistryService) -> None:
    """The same when no row of a call is valid."""
    base, _, bad, field = _primary()
    await service.apply(*base)
    many = [base[0]]
    for at in range(9):
        each = pb.ApplyRow()
        each.CopyFrom(bad)
        each.asset_identifier.external_id = f"x{at}"
        many.append(each)
    answer = await service.apply(*many)
    assert [rejection(each) for each in answer.results[1:]] == [("ALREADY_EXISTS", field)] * 9


async def test_a_call_whose_client_goes_away_is_sent_again_and_completes(
    registry: Client, service: RegistryService, connection: asyncpg.Connection
) -> None:
    many = [venue(), *[asset(f"A{at}") for at in range(30)], *[venue_asset(f"ref:A{at}", f"A{at}") for at in range(30)]]
    async with connection.transaction():
        await service.apply(venue())
        await connection.execute("SELECT FROM venues FOR UPDATE")
        call = asyncio.create_task(service.apply(*many))
        await waiting(connection)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    # What was written before it is there, and whole.
    found = (await registry.call("ListAssets", page_size=100)).assets
    assert len(found) in (0, 30)
    for each in found:
        assert len((await registry.call("ListAssetIdentifiers", asset_id=each.asset_id)).identifiers) == 1
    answer = await service.apply(*many)
    assert set(outcomes(answer)) <= {"CREATED", "UNCHANGED"}
    assert outcomes(answer)[31:] == ["CREATED"] * 30
    assert outcomes(await service.apply(*many)) == ["UNCHANGED"] * 61


async def test_a_database_that_breaks_off_makes_the_call_unavailable_and_it_is_sent_again(
    service: RegistryService, connection: asyncpg.Connection, records: Records
) -> None:
    many = [*[asset(f"A{at}") for at in range(30)], venue(), *[venue_asset(f"ref:A{at}", f"A{at}") for at in range(30)]]
    await service.apply(venue())
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute("SELECT FROM venues FOR UPDATE")
    call = asyncio.create_task(service.apply(*many))
    await waiting(connection)
    await connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    await transaction.rollback()
    assert refusal(caught.value).code == "UNAVAILABLE"
    assert "pid" not in refusal(caught.value).message
    head = await records.head()
    assert head == 1 + 30 * 2
    answer = await service.apply(*many)
    assert outcomes(answer) == ["UNCHANGED"] * 31 + ["CREATED"] * 30
    assert await records.head() == head + 30


async def test_a_row_whose_lock_does_not_come_is_rejected_and_no_other(
    settings: config.Settings, connection: asyncpg.Connection
) -> None:
    async with admin_of(changed(settings, database={"lock_timeout": 0.05})) as admin, Client(admin.port) as client:
        service = RegistryService(client)
        await service.apply(venue("one"), venue("two"))
        async with connection.transaction():
            await connection.execute("SELECT FROM venues WHERE venue_id = 'one' FOR UPDATE")
            answer = await service.apply(venue("one", name="1"), venue("two", name="2"))
    assert outcomes(answer) == ["REJECTED", "UPDATED"]
    assert rejection(answer.results[0]) == ("ABORTED", "")


async def test_apply_passes_through_the_hot_path_s_port_and_is_seen_there(feed: Client) -> None:
    service = RegistryService(feed)
    pair = [venue(), asset("BTC"), asset("USDT"), symbol("ref:BTC", "ref:USDT", tick_size=0.1, ref="s")]
    await service.apply(*pair, *[listing("ref:s", f"T{at}") for at in range(500)])
    found = await feed.call("GetVenueSymbol", venue_id="binance", venue_symbol="T499")
    assert found.symbol.tick_size_decimal == "0.1"
    await service.apply(*pair, listing("ref:s", "T499", tick_size_decimal="0.5"))
    assert (await feed.call("GetVenueSymbol", venue_id="binance", venue_symbol="T499")).symbol.tick_size_decimal == "0.5"
