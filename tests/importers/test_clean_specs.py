"""`cqar identity clean-specs`: numbers that importers wrote on canonical symbols are unset, others stay."""

from pathlib import Path
from typing import Any

import asyncpg
import pytest

from cqar.admin.app import Admin
from cqar.contract.cqar.v1 import registry_pb2 as pb
from cqar.contract.cqc.markets.v1 import markets_pb2
from cqar.importers.identity import clean_specs
from tests.client import Client
from tests.importers.imports import Importers, revision
from tests.importers.test_command import Shell
from tests.registry.factory import Factory

NAMES = [f"{name}_decimal" for name in clean_specs.SPECS]


async def imported(registry: Client, source: str = "ccxt okx", **fields: Any) -> str:
    """A symbol that an Apply of this source wrote, as earlier importers did."""
    factory = Factory(registry)
    sides: dict[str, Any] = {"base_asset_id": await factory.asset(), "quote_asset_id": await factory.asset("USDT")}
    symbol = markets_pb2.Symbol(symbol_type=markets_pb2.SYMBOL_TYPE_SPOT, **sides, **fields)
    request = pb.ApplyRequest(rows=[pb.ApplyRow(symbol=symbol)], source=source)
    data, _ = await registry.raw("/cqar.v1.Registry/Apply", request.SerializeToString())
    [result] = pb.ApplyResponse.FromString(data).results
    assert result.outcome == pb.CREATED, result
    return str(result.id)


async def specs(registry: Client, symbol_id: str) -> dict[str, str]:
    found = (await registry.call("GetSymbol", symbol_id=symbol_id)).symbol
    return {name: getattr(found, name) for name in NAMES if found.HasField(name)}


async def test_numbers_of_imports_are_unset_and_those_of_people_stay(
    importers: Importers, registry: Client, connection: asyncpg.Connection
) -> None:
    every = {name: str(at) for at, name in enumerate(NAMES, 1)}
    by_import = await imported(registry, **every)
    corrected = await imported(registry, tick_size_decimal="0.1", lot_size_decimal="1")
    await registry.call("UpdateSymbol", symbol_id=corrected, tick_size_decimal="0.5")
    own_table = await imported(registry, "csv symbol mine.csv", tick_size_decimal="3")
    by_hand = await Factory(registry).pair("ETH", "USDC", tick_size_decimal="4")
    unknown = await imported(registry, tick_size_decimal="5", lot_size_decimal="6")
    await connection.execute("DELETE FROM audit WHERE row_id = $1", unknown)
    empty = await imported(registry)
    head = await revision(connection)
    tried = await importers.run(clean_specs.clean, "identity clean-specs", dry_run=True)
    assert await revision(connection) == head
    done = await importers.run(clean_specs.clean, "identity clean-specs")
    assert tried.line == done.line
    assert done.line.startswith("created=0 updated=2 unchanged=3 ")
    assert sorted(sorted(each.field for each in entry.changes) for entry in done.of("updated")) == [
        ["contract_size", "lot_size", "max_order_size", "min_notional", "min_order_size", "tick_size"],
        ["lot_size"],
    ]
    [kept] = done.of("kept")
    assert kept.detail == "the audit does not tell who wrote tick_size, lot_size"
    found = [await specs(registry, each) for each in (by_import, corrected, own_table, by_hand, unknown, empty)]
    ticks = [each.get("tick_size_decimal") for each in found]
    assert (ticks, found[0], found[1]) == ([None, "0.5", "3", "4", "5", None], {}, {"tick_size_decimal": "0.5"})
    head = await revision(connection)
    assert (await importers.run(clean_specs.clean)).updated == 0
    assert await revision(connection) == head


async def test_a_number_that_the_audit_does_not_show_stays(importers: Importers, registry: Client) -> None:
    symbol = await imported(registry, tick_size_decimal="0.1")
    await registry.call("UpdateSymbol", symbol_id=symbol, clear=["tick_size_decimal"])
    await registry.call("UpdateSymbol", symbol_id=symbol, tick_size_decimal="0.1")
    assert (await importers.run(clean_specs.clean)).updated == 0, "a person wrote the same number again"


@pytest.fixture
def shell(admin: Admin, tmp_path: Path) -> Shell:
    return Shell(admin.port, tmp_path)


async def test_the_command_reports_like_an_import(shell: Shell, registry: Client) -> None:
    symbol = await imported(registry, tick_size_decimal="0.1")
    code, out, _ = await shell.run("identity", "clean-specs", "--dry-run", "--verbose")
    assert (code, "tick_size: 0.1 -> unset" in out) == (0, True)
    assert await specs(registry, symbol)
    code, out, _ = await shell.run("identity", "clean-specs", "--quiet")
    assert (code, out.split()[1]) == (0, "updated=1")
    assert not await specs(registry, symbol)
