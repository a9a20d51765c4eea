"""Concurrent calls of Apply: the same rows are created once, and no update is lost."""

import asyncio
import itertools

import pytest

from cqar.contract.cqar.v1 import registry_pb2 as pb
from cqar.storage.postgres import Sql
from cqar.writes.transaction import Transaction
from tests.client import Client
from tests.registry.factory import PERPETUAL, SPOT, Factory
from tests.service.registry import Records, RegistryService, outcomes
from tests.service.rows import asset, chain, identifier, listing, related, symbol, venue, venue_asset


def _world() -> list[pb.ApplyRow]:
    """Rows of many kinds that refer to each other."""
    names = [f"A{at}" for at in range(12)]
    made = [chain("ethereum"), venue(), *[asset(name) for name in names]]
    for one, two in itertools.pairwise(names):
        made += [symbol(f"ref:{one}", f"ref:{two}", kind, ref=f"{one}/{two}:{kind}") for kind in (SPOT, PERPETUAL)]
        made += [listing(f"ref:{one}/{two}:{kind}", f"{one}{two}") for kind in (SPOT, PERPETUAL)]
        made.append(related(f"ref:{one}", f"ref:{two}"))
    return [*made, *[venue_asset(f"ref:{name}", name) for name in names]]


async def test_the_same_rows_at_once_are_there_once(registry: Client, service: RegistryService, records: Records) -> None:
    sent = _world()
    answers = await asyncio.gather(*(service.apply(*sent) for _ in range(4)))
    for answer in answers:
        assert set(outcomes(answer)) <= {"CREATED", "UNCHANGED"}, answer
    created = [sum(outcomes(answer)[at] == "CREATED" for answer in answers) for at in range(len(sent))]
    assert created == [1] * len(sent)
    assert len({tuple(each.id for each in answer.results) for answer in answers}) == 1
    assert len((await registry.call("ListAssets")).assets) == 12
    assert len([each for each in await records.since(0) if each.op == "create"]) == len(sent) + 12


async def test_rows_in_any_order_at_once_lose_nothing(registry: Client, service: RegistryService) -> None:
    """Each call sets a field of its own on all rows."""
    fields = ("category", "description", "logo_url", "website_url")
    await service.apply(*[asset(f"A{at}") for at in range(40)])

    async def one(at: int, field: str) -> pb.ApplyResponse:
        sent = [asset(f"A{each}", **{field: f"https://{field.replace('_', '-')}.org"}) for each in range(40)]
        return await service.apply(*(sent if at % 2 else reversed(sent)))

    for answer in await asyncio.gather(*(one(at, field) for at, field in enumerate(fields))):
        assert outcomes(answer) == ["UPDATED"] * 40
    for each in (await registry.call("ListAssets")).assets:
        assert all(getattr(each, field) for field in fields)


async def test_asset_rows_of_one_key_at_once_make_one_asset(registry: Client, service: RegistryService) -> None:
    rows = [[asset("BTC", identifier("bitcoin"), identifier(str(at), 2))] for at in range(6)]
    answers = await asyncio.gather(*(service.apply(*each) for each in rows))
    assert sorted(outcomes(each)[0] for each in answers) == ["CREATED", *["UPDATED"] * 5]
    [made] = (await registry.call("ListAssets")).assets
    identifiers = (await registry.call("ListAssetIdentifiers", asset_id=made.asset_id)).identifiers
    assert len(identifiers) == 7


async def test_a_lost_race_is_run_again(service: RegistryService, monkeypatch: pytest.MonkeyPatch, records: Records) -> None:
    """A deadlock in the middle of a chunk, raised by PostgreSQL."""
    finish = Transaction.finish
    lost: list[int] = []

    async def losing(self: Transaction) -> None:
        await finish(self)
        if len(lost) < 2:
            lost.append(1)
            raised = "DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = 'deadlock_detected'; END $$"
            await self.session.row(Sql("raise", raised))

    monkeypatch.setattr(Transaction, "finish", losing)
    assert outcomes(await service.apply(*[asset(f"A{at}") for at in range(5)])) == ["CREATED"] * 5
    assert len(lost) == 2
    assert await records.head() == 10


async def test_an_asset_is_merged_beside_the_rows_that_name_it(
    registry: Client, service: RegistryService, factory: Factory
) -> None:
    source, target, other = await factory.asset("XBT"), await factory.asset("BTC"), await factory.asset("USD")
    await service.apply(venue())
    sent = [symbol(source, other, ref="s"), listing("ref:s", "XBTUSD"), venue_asset(source, "XBT")]
    answer, _ = await asyncio.gather(
        service.apply(*sent), service.call("MergeAssets", from_asset_id=source, into_asset_id=target)
    )
    for row, outcome in zip(answer.results, outcomes(answer), strict=True):
        assert outcome == "CREATED" or row.code in ("NOT_FOUND", "FAILED_PRECONDITION"), row
    assert not (await registry.call("ListVenueAssets", asset_id=source)).venue_assets
    assert not (await registry.call("ListSymbols", base_asset_id=source)).symbols
    if answer.results[0].outcome == pb.CREATED:
        assert (await registry.call("GetSymbol", symbol_id=answer.results[0].id)).symbol.base_asset_id == target
