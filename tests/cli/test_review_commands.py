"""`cqar review export` and `apply`, `cqar identity set` and `cqar search`, against a registry."""

import asyncio
import json
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from cqar.admin.app import Admin
from cqar.client.connect import connected
from cqar.contract.cqc.assets.v1 import assets_pb2
from cqar.importers.identity import applying, decision_files, searching
from cqar.importers.run import wire
from cqar.importers.run.wire import Registry
from tests.client import Client
from tests.importers.imports import Importers, ImportResult
from tests.registry.factory import USDC, Factory, at
from tests.registry.queue import SUGGESTED, Queue, claim

COINGECKO = assets_pb2.DATA_SOURCE_COINGECKO


class Desk:
    """A queue, its commands, and imports of files of decisions."""

    def __init__(self, admin: Admin, client: Client, home: Path) -> None:
        self.queue = Queue(client, Factory(client))
        self._admin = admin
        self._home = home
        self._importers = Importers(admin.port)

    async def coin(self, symbol: str, coingecko_id: str, **fields: Any) -> str:
        """An asset with a CoinGecko id."""
        made = await self.queue.factory.asset(symbol, **fields)
        ident = {"asset_id": made, "source": COINGECKO, "external_id": coingecko_id, "is_primary": True}
        await self.queue.client.call("CreateAssetIdentifier", **ident)
        return made

    async def apply(self, lines: Iterable[str], **options: Any) -> ImportResult:
        data = "\n".join(lines).encode()
        return await self._importers.run(lambda run: applying.apply(run, data, "d.csv"), **options)

    async def exported(self, *, decided: bool = False, **filters: str) -> list[Mapping[str, Any]]:
        def work() -> list[Mapping[str, Any]]:
            with connected(f"127.0.0.1:{self._admin.port}", None, None, wire.OPTIONS) as channel:
                registry = Registry(channel)
                return list(applying.decisions(registry) if decided else applying.questions(registry, filters))

        return await asyncio.to_thread(work)

    async def search(self, text: str) -> list[dict[str, Any]]:
        def work() -> list[dict[str, Any]]:
            with connected(f"127.0.0.1:{self._admin.port}", None, None, wire.OPTIONS) as channel:
                return searching.search(Registry(channel), text)

        return await asyncio.to_thread(work)

    async def command(self, *words: str) -> tuple[int, str]:
        """Run a command of cqar: its exit code, and what it prints."""
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("CQAR_")}
        program = (sys.executable, "-m", "cqar", *words, "--address", f"127.0.0.1:{self._admin.port}")
        process = await asyncio.create_subprocess_exec(
            *program,
            env=inherited | {"CQAR_HOME": str(self._home)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        out, _ = await asyncio.wait_for(process.communicate(), 120)
        return process.returncode or 0, out.decode()


@pytest.fixture
def desk(admin: Admin, registry: Client, tmp_path: Path) -> Desk:
    return Desk(admin, registry, tmp_path)


def table(*rows: str) -> list[str]:
    return ["venues,decision,asset,symbol,name,class,from,notes", *rows]


async def head(connection: asyncpg.Connection) -> int:
    return int(await connection.fetchval("SELECT seq FROM head"))


# ---- export and apply ----------------------------------------------------------------------------------------------


async def test_an_exported_question_is_decided_in_the_file(desk: Desk, connection: asyncpg.Connection) -> None:
    pnut = await desk.coin("PNUT", "peanut", name="Peanut the Squirrel")
    asked = [await desk.queue.asked(venue, "PNUT") for venue in ("gate", "mexc", "htx")]
    said = {"ticker": "PNUT", "names": ["Peanut the Squirrel"]}
    claims = [claim(each, SUGGESTED, pnut, **said) for each in asked[:2]]
    await desk.queue.record(*claims, claim(asked[2], SUGGESTED, pnut, ticker="PNUT"))
    [row] = await desk.exported()
    assert (row["venues"], row["other_venues"]) == (["gate:PNUT", "mexc:PNUT"], ["htx:PNUT"])
    assert (row["names"], row["suggestion"], row["markets"]) == (["Peanut the Squirrel"], "coingecko:peanut", "3")
    assert "Peanut the Squirrel  coingecko:peanut" in row["candidates"][0]
    filled = {**row, "decision": "asset", "asset": row["suggestion"]}
    for write in (decision_files.csv_lines, decision_files.json_lines):
        tried = await desk.apply(write([filled]), dry_run=True)
        assert tried.line.startswith("created=0 updated=1 unchanged=0 ")
    done = await desk.apply(decision_files.csv_lines([filled]))
    assert done.line.startswith("created=0 updated=1 unchanged=0 ")
    assert [(await desk.queue.base(each)).asset_id == pnut for each in asked] == [True, True, False], "htx was not named"
    before = await head(connection)
    again = await desk.apply(decision_files.csv_lines([filled]))
    assert again.line.startswith("created=0 updated=0 unchanged=1 ")
    assert await head(connection) == before
    [left] = await desk.exported()
    assert left["venues"] == ["htx:PNUT"]


async def test_every_row_is_applied_as_a_whole_or_refused_with_its_line(desk: Desk) -> None:
    zeph = await desk.coin("ZEPH", "zephyr")
    first, second, third = [await desk.queue.asked(venue, "ZEPH") for venue in ("gate", "mexc", "htx")]
    result = await desk.apply(
        table(
            "gate:ZEPH; mexc:GONE,asset,coingecko:zephyr,,,,,",
            "mexc:ZEPH,asset,coingecko:nothing,,,,,",
            "htx:ZEPH,asset,coingecko:zephyr,,,,,",
            "htx:ZEPH,reject,,,,,,",
            "gate:ZEPH,asset,=cmd|'/c calc'!A0,,,,,",
            "gate,asset,coingecko:zephyr,,,,,",
            "nowhere:ZEPH,reject,,,,,,",
            "gate:ZEPH,,,,,,,",
        )
    )
    assert result.line.startswith("created=0 updated=0 unchanged=0 ")
    refusals = {each.line: each.reason for each in result.of("rejected")}
    assert refusals == {
        2: "contradictory",
        3: "not_found",
        4: "contradictory",
        5: "contradictory",
        6: "contradictory",
        7: "malformed",
        8: "not_found",
    }
    assert len(await desk.queue.reviews()) == 3
    assert {(await desk.queue.base(each)).asset_id for each in (first, second, third)}.isdisjoint({zeph})
    alone = await desk.apply(table("gate:ZEPH; mexc:GONE,asset,coingecko:zephyr,,,,,", "mexc:ZEPH,asset,=HYPERLINK(1),,,,,"))
    assert {each.line: each.reason for each in alone.of("rejected")} == {2: "not_found", 3: "not_found"}
    assert "mexc:GONE" in alone.of("rejected")[0].detail
    assert len(await desk.queue.reviews()) == 3


async def test_a_question_that_changed_since_is_outdated(desk: Desk) -> None:
    """The venue has given the code to another coin since the file was written."""
    rook = await desk.coin("ROOK", "keeperdao")
    coded = await desk.queue.asked("probit", "ROOK")
    await desk.queue.record(claim(coded, SUGGESTED, rook, ticker="ROOK", names=["KeeperDAO"]))
    [row] = await desk.exported()
    await desk.queue.record(claim(coded, SUGGESTED, rook, ticker="ROOK", names=["Rook Finance"]))
    filled = {**row, "decision": "asset", "asset": "coingecko:keeperdao"}
    result = await desk.apply(decision_files.csv_lines([filled]))
    [refusal] = result.of("rejected")
    assert (refusal.reason, refusal.line) == ("outdated", 2)
    assert "'Rook Finance'" in refusal.detail
    assert len(await desk.queue.reviews()) == 1


async def test_a_new_asset_is_one_for_all_codes_of_a_row(desk: Desk) -> None:
    asked = [await desk.queue.asked(venue, "dydx") for venue in ("bitstamp", "gate")]
    result = await desk.apply(table("bitstamp:dydx; gate:dydx,new,,DYDX,dYdX,crypto,,"))
    assert result.updated == 1
    bases = [await desk.queue.base(each) for each in asked]
    assert [(each.symbol, each.name) for each in bases] == [("DYDX", "dYdX")] * 2
    assert bases[0].asset_id == bases[1].asset_id
    assert (await desk.apply(table("bitstamp:dydx; gate:dydx,new,,DYDX,dYdX,crypto,,"))).unchanged == 1


async def test_an_interrupted_file_is_applied_by_running_it_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    await desk.coin("ZEPH", "zephyr")
    asked = [await desk.queue.asked("gate", f"Z{number}") for number in range(5)]
    lines = table(*(f"gate:{each.code},asset,coingecko:zephyr,,,,," for each in asked))
    monkeypatch.setattr(applying, "CHUNK", 2)
    calls = iter(range(9))
    kept = Registry.call

    def broken(self: Registry, request: Any, *, timeout: float = 30.0) -> Any:
        if type(request).__name__ == "DecideReviewsRequest" and next(calls) == 1:
            raise KeyboardInterrupt
        return kept(self, request, timeout=timeout)

    monkeypatch.setattr(Registry, "call", broken)
    with pytest.raises(KeyboardInterrupt):
        await desk.apply(lines)
    assert len(await desk.queue.reviews()) == 3
    result = await desk.apply(lines)
    assert (result.updated, result.unchanged, result.rejected) == (3, 2, 0)


async def test_decisions_are_portable(desk: Desk) -> None:
    """Another registry has other ids: assets are named by what they are called elsewhere."""
    chain = await desk.queue.factory.chain(caip2="eip155:1")
    await desk.coin("ZEPH", "zephyr")
    token, other = await desk.queue.factory.asset("TOK"), await desk.queue.factory.asset("LUNA")
    deployed = {"asset_id": token, "chain_id": chain, "contract_address": USDC, "decimals": 6}
    await desk.queue.client.call("CreateAssetDeployment", **deployed)
    for code in ("ZEPH", "TOK", "NEWX", "NOPE"):
        await desk.queue.asked("gate", code)
    await desk.queue.conflict("kraken", "LUNA", other)
    await desk.coin("LUNA", "terra-luna-2")
    await desk.apply(
        table(
            "gate:ZEPH,asset,coingecko:zephyr,,,,,by its page",
            f"gate:TOK,asset,{token},,,,,",
            "gate:NEWX,new,,NEWX,New X,leveraged,,",
            "gate:NOPE,reject,,,,,,",
            f"kraken:LUNA,reuse,coingecko:terra-luna-2,,,,{at(-9).ToDatetime():%Y-%m-%d},",
        )
    )
    rows = {each["venues"][0]: each for each in await desk.exported(decided=True)}
    assert {name: (each["decision"], each.get("asset")) for name, each in rows.items()} == {
        "gate:ZEPH": ("asset", "coingecko:zephyr"),
        "gate:TOK": ("asset", f"eip155:1/{USDC}"),
        "gate:NEWX": ("new", None),
        "gate:NOPE": ("reject", None),
        "kraken:LUNA": ("asset", "coingecko:terra-luna-2"),
    }
    assert (rows["gate:NEWX"]["symbol"], rows["gate:NEWX"]["class"]) == ("NEWX", "leveraged")
    assert rows["gate:ZEPH"]["notes"] == "by its page"
    assert rows["kraken:LUNA"]["from"].startswith(f"{at(-9).ToDatetime():%Y-%m-%d}")
    again = await desk.apply(decision_files.csv_lines(rows.values()))
    assert (again.updated, again.unchanged, again.rejected) == (0, 5, 0), again.of("rejected")


async def test_decisions_of_one_asset_are_one_row_and_ids_of_other_systems_name_it(desk: Desk) -> None:
    other = await desk.queue.factory.asset("CMC")
    ident = {"asset_id": other, "source": assets_pb2.DATA_SOURCE_COINMARKETCAP, "external_id": "22", "is_primary": True}
    await desk.queue.client.call("CreateAssetIdentifier", **ident)
    for venue in ("gate", "mexc"):
        await desk.queue.asked(venue, "CMC")
        await desk.queue.asked(venue, "NEWX")
    await desk.apply(table("mexc:NEWX,new,,NEWX,New X,,,", f"gate:CMC; mexc:CMC,asset,{other},,,,,"))
    await desk.apply(table("gate:NEWX,asset,mexc:NEWX,,,,,"))
    rows = await desk.exported(decided=True)
    assert sorted((each["venues"], each["decision"], each.get("asset", "")) for each in rows) == [
        (["gate:CMC", "mexc:CMC"], "asset", "coinmarketcap:22"),
        (["gate:NEWX", "mexc:NEWX"], "new", ""),
    ]
    again = await desk.apply(decision_files.csv_lines(rows))
    assert (again.updated, again.unchanged, again.rejected) == (0, 2, 0), again.of("rejected")


# ---- commands ------------------------------------------------------------------------------------------------------


async def test_the_list_has_a_line_for_each_code_and_candidate(desk: Desk) -> None:
    pnut = await desk.coin("PNUT", "peanut", name="Peanut the Squirrel")
    coded = await desk.queue.asked("gate", "PNUT")
    await desk.queue.record(claim(coded, SUGGESTED, pnut, ticker="PNUT", names=["Peanut"]))
    await desk.queue.conflict("kraken", "LUNA", pnut)
    status, out = await desk.command("review", "list")
    assert status == 0, out
    lines = out.splitlines()
    assert lines[0] == "PNUT: 1 market"
    assert lines[1] == f'  code  {coded.review}  gate:PNUT  suggested  "Peanut"'
    assert lines[2] == f"  suggested  {pnut}  PNUT  Peanut the Squirrel  coingecko:peanut"
    assert lines[-1] == "2 questions about 2 codes"
    _, filtered = await desk.command("review", "list", "--kind", "conflict", "--venue", "kraken")
    assert filtered.splitlines()[0] == "LUNA: 1 market, code conflict"
    assert await desk.command("review", "list", "--level", "contested") == (0, "0 questions about 0 codes\n")
    _, as_json = await desk.command("review", "list", "--code", "LUNA", "--json")
    assert json.loads(as_json)["kind"] == "REVIEW_KIND_CODE_CONFLICT"


async def test_hostile_text_is_escaped_where_it_is_printed(desk: Desk) -> None:
    await desk.queue.asked("gate", "ZEPH", reason="\x1b[31mred \u202e=cmd")
    for words in (
        ("list", "--unknown"),
        ("export", "-", "--unknown"),
        ("list", "--json"),
        ("export", "-", "--unknown", "--json"),
    ):
        status, out = await desk.command("review", *words)
        assert status == 0, out
        assert "\x1b" not in out, words
        assert "\u202e" not in out, words
        assert "red" in out, words


async def test_export_and_apply_as_commands(desk: Desk, tmp_path: Path) -> None:
    await desk.queue.asked("gate", "ZEPH")
    file = tmp_path / "q.csv"
    assert await desk.command("review", "export", str(file)) == (0, f"{file}: 0 rows\n"), "it has no candidate"
    assert await desk.command("review", "export", str(file), "--unknown") == (0, f"{file}: 1 row\n")
    first, row = file.read_text().splitlines()
    assert first.split(",") == list(decision_files.COLUMNS)
    assert (await desk.command("review", "export", "-", "--unknown"))[1].splitlines() == [first, row]
    file.write_text(f"{first}\n{row.rsplit(',', 7)[0]},new,,ZEPH,Zephyr,,,\n")
    status, tried = await desk.command("review", "apply", str(file), "--dry-run")
    assert (status, "dry run: nothing was written" in tried) == (0, True)
    _, applied = await desk.command("review", "apply", str(file))
    assert applied.splitlines()[-1].startswith("created=0 updated=1 ")
    file.write_text("venues,decision\ngate:GONE,reject\n")
    status, refused = await desk.command("review", "apply", str(file))
    assert status == 2
    assert "(row 2): not_found: gate:GONE" in refused
    assert (await desk.command("review", "apply", str(tmp_path / "none.csv")))[0] == 1


async def test_a_rejection_is_undone_by_command(desk: Desk) -> None:
    coded = await desk.queue.asked("gate", "ZEPH")
    _, rejected = await desk.command("review", "reject", coded.review)
    assert f"cqar review reopen {coded.review}" in rejected
    assert await desk.command("review", "reopen", coded.review) == (0, "gate:ZEPH is open again\n")
    assert len(await desk.queue.reviews()) == 1


async def test_decisions_print_the_response_as_json(desk: Desk) -> None:
    asset = await desk.coin("ZEPH", "zephyr")
    coded = await desk.queue.asked("gate", "ZEPH")
    for verdict, expected in (("reject", "REVIEW_STATUS_REJECTED"), ("reopen", "REVIEW_STATUS_OPEN")):
        _, printed = await desk.command("review", verdict, coded.review, "--json")
        assert json.loads(printed)["review"]["status"] == expected
    _, printed = await desk.command("review", "accept", coded.review, "--asset", asset, "--json")
    answer = json.loads(printed)
    assert (answer["review"]["status"], answer["review"]["asset_id"]) == ("REVIEW_STATUS_ACCEPTED", asset)
    assert int(answer["revision"]) > 0


async def test_identity_set_as_a_command(desk: Desk) -> None:
    right = await desk.coin("BTT", "bittorrent")
    wrong = await desk.queue.factory.asset("BTT")
    await desk.queue.listed("binance", "BTT", wrong)
    set_ = ("identity", "set", "binance")
    done = await desk.command(*set_, "BTT", "coingecko:bittorrent", "--notes", "by its address")
    assert done == (0, f"binance:BTT means {right}, before {wrong}; 1 market moved\n")
    assert json.loads((await desk.command(*set_, "BTT", right, "--json"))[1])["asset_id"] == right
    assert (await desk.command(*set_, "BTTX", right))[0] == 1


async def test_search_finds_assets_by_what_they_are_called(desk: Desk) -> None:
    chain = await desk.queue.factory.chain(caip2="eip155:1")
    usdc = await desk.coin("USDC", "usd-coin", name="USD Coin")
    deployed = {"asset_id": usdc, "chain_id": chain, "contract_address": USDC, "decimals": 6}
    await desk.queue.client.call("CreateAssetDeployment", **deployed)
    await desk.queue.listed("kraken", "USDC", usdc)
    for text in ("USDC", "usd coin", "coingecko:usd-coin", "usd-coin", USDC.lower(), f"eip155:1/{USDC}"):
        assert (await desk.search(text))[0]["asset_id"] == usdc, text
    found = (await desk.search("coingecko:usd-coin"))[0]
    assert (found["ids"], found["venues"]) == (["coingecko:usd-coin"], ["kraken:USDC"])
    assert found["addresses"] == [f"ethereum/{USDC}"]
    _, shown = await desk.command("search", "USDC")
    assert shown.splitlines()[0] == f"{usdc}  USDC  USD Coin  native"
    status, nothing = await desk.command("search", "nothing-like-this")
    assert (status, "no asset has" in nothing) == (1, True)
