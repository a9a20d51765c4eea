"""`cqar identity rejudge`, on a registry with rows as earlier versions wrote them."""

import asyncio
import json
import os
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg
import pytest

from cqar.admin.app import Admin
from cqar.cli.errors import INTERRUPTED
from cqar.cli.main import main
from cqar.client.connect import connected
from cqar.contract.cqar.v1 import identity_pb2, reviews_pb2
from cqar.contract.cqc.assets.v1 import assets_pb2
from cqar.importers.rejudge import changes, session, shown
from cqar.importers.rejudge.session import Judged, Rejudging
from cqar.importers.run import wire
from cqar.importers.run.report import Report
from cqar.importers.run.run import Options, Run
from cqar.importers.run.wire import Registry
from tests.client import Client
from tests.importers.imports import EntryList, Importers, listed, market
from tests.registry.factory import USDC, Factory, stamp
from tests.registry.queue import (
    CONFLICT,
    CONTESTED,
    CORROBORATED,
    PROVISIONAL,
    SUGGESTED,
    UNKNOWN,
    VERIFIED,
    Coded,
    Queue,
    claim,
)

COINGECKO, INTERNAL = assets_pb2.DATA_SOURCE_COINGECKO, assets_pb2.DATA_SOURCE_INTERNAL


class Old:
    """A registry that an earlier version filled, and runs of the command."""

    def __init__(self, admin: Admin, client: Client) -> None:
        self.client = client
        self.factory = Factory(client)
        self.queue = Queue(client, self.factory)
        self.address = f"127.0.0.1:{admin.port}"

    async def coin(self, symbol: str, coingecko_id: str = "", **fields: Any) -> str:
        """An asset, with a CoinGecko id if one is given."""
        made = await self.factory.asset(symbol, **fields)
        if coingecko_id:
            ident = {"asset_id": made, "source": COINGECKO, "external_id": coingecko_id, "is_primary": True}
            await self.client.call("CreateAssetIdentifier", **ident)
        return made

    async def meant(self, venue: str, code: str, asset: str, evidence: str | None, *aliases: str) -> Coded:
        """A code of a venue that means the asset by this evidence, with a market against USDT."""
        await self.queue.listed(venue, code, asset, *aliases)
        if evidence is not None:
            await self.queue.update(venue_id=venue, asset_id=asset, identity_evidence=evidence)
        return Coded(venue, code, asset, "", f"{code}USDT")

    async def run(self, *venues: str, applying: bool = False) -> "Outcome":
        """Run the command on venues, or on all."""

        def work() -> Outcome:
            report = Report(EntryList(), source="rejudge", dry_run=not applying)
            with connected(self.address, None, None, wire.OPTIONS) as channel:
                run = Run(Registry(channel), report, Options(dry_run=not applying))
                rejudging = Rejudging(run, venues)
                found = list(rejudging.judged())
                remarks = [each for judged in found for each in (rejudging.apply(judged) if applying else [])]
                lines = [line for each in found for line in shown.lines(each, rejudging.asset, verbose=True)]
            return Outcome(found, lines, remarks, report.total("rejected"))

        return await asyncio.to_thread(work)

    async def base(self, coded: Coded) -> Any:
        """The base asset of the code's market."""
        return (await self.factory.resolved(coded.venue, coded.text)).base_asset


class Outcome(NamedTuple):
    """What a run found and did."""

    found: list[Judged]
    lines: list[str]
    remarks: list[str]
    refused: int

    @property
    def kinds(self) -> dict[str, str]:
        """How each code changes."""
        return {f"{each.venue_id}:{one.code}": one.kind for each in self.found for one in each.changes}

    @property
    def changed(self) -> dict[str, str]:
        return {code: kind for code, kind in self.kinds.items() if kind != changes.UNCHANGED}

    def of(self, code: str) -> changes.Change:
        """The change of a code."""
        [found] = [one for each in self.found for one in each.changes if one.code == code]
        return found


@pytest.fixture
def old(admin: Admin, registry: Client) -> Old:
    return Old(admin, registry)


async def head(connection: asyncpg.Connection) -> int:
    return int(await connection.fetchval("SELECT seq FROM head"))


class Ladder(NamedTuple):
    """What the registry of the test `ladder` has, by code."""

    codes: Mapping[str, Coded]
    #: assets by name
    assets: Mapping[str, str]


async def filled(old: Old) -> Ladder:
    """Codes with each kind of evidence that the ladder of earlier versions recorded."""
    chain = await old.factory.chain(caip2="eip155:1")
    dollar = await old.coin("USD", category="fiat")
    ident = {"asset_id": dollar, "source": INTERNAL, "external_id": "iso4217:USD", "is_primary": True}
    await old.client.call("CreateAssetIdentifier", **ident)
    assets = {
        "usdt": await old.coin("USDT", "tether", name="Tether"),
        "beleven": await old.coin("BTT", name="Beleven Test Token"),
        "zephyr": await old.coin("ZEPH", "zephyr-protocol", name="Zephyr Protocol"),
        "gas": await old.coin("GAS", "gas", name="Gas"),
        "gas-dao": await old.coin("GAS", "gas-dao", name="Gas DAO"),
        "bitcoin": await old.coin("BTC", "bitcoin", name="Bitcoin"),
        "usdc": await old.coin("USDC", "usd-coin", name="USDC"),
        "own": await old.factory.asset("OWN", category="provisional"),
        "hand": await old.coin("HND", "hand", name="Hand"),
        "desk": await old.coin("DSK", "desk", name="Desk"),
    }
    deployed = {"asset_id": assets["usdc"], "chain_id": chain, "contract_address": USDC, "decimals": 6}
    await old.client.call("CreateAssetDeployment", **deployed)
    old.queue.quote = assets["usdt"]
    rows = {
        "USDT": ("usdt", "external id coingecko:tether"),
        "BTT": ("beleven", "ticker BTT"),
        "ZEPH": ("zephyr", "ticker ZEPH"),
        "GAS": ("gas", "ticker GAS"),
        "XXBT": ("bitcoin", "remap XXBT is BTC, external id coingecko:bitcoin"),
        "USDC": ("usdc", f"contract address {USDC}"),
        "OWN": ("own", "provisional"),
        "HND": ("hand", None),
        "DSK": ("desk", "review"),
    }
    codes = {}
    for code, (name, evidence) in rows.items():
        codes[code] = await old.meant("kraken", code, assets[name], evidence) if code != "USDT" else Coded("", "", "", "", "")
    await old.client.call(
        "CreateVenueAsset",
        venue_id="kraken",
        asset_id=assets["usdt"],
        venue_asset_symbol="USDT",
        identity_evidence=rows["USDT"][1],
    )
    # Money that a listing quotes in.
    await old.client.call(
        "CreateVenueAsset",
        venue_id="kraken",
        asset_id=dollar,
        venue_asset_symbol="ZUSD",
        identity_evidence="external id iso4217:USD",
    )
    symbol = await old.factory.symbol(assets["bitcoin"], dollar)
    await old.factory.listing("kraken", symbol, "XXBTZUSD")
    return Ladder(codes, assets)


CHANGES = {
    "kraken:USDT": changes.LEVEL,
    "kraken:ZUSD": changes.LEVEL,
    "kraken:BTT": changes.TO_PROVISIONAL,
    "kraken:ZEPH": changes.TO_PROVISIONAL,
    "kraken:GAS": changes.TO_PROVISIONAL,
    "kraken:XXBT": changes.LEVEL,
    "kraken:USDC": changes.LEVEL,
    "kraken:OWN": changes.LEVEL,
}


async def test_a_dry_run_says_what_would_change_and_writes_nothing(old: Old, connection: asyncpg.Connection) -> None:
    made = await filled(old)
    before = await head(connection)
    outcome = await old.run()
    assert outcome.kinds == CHANGES
    assert await head(connection) == before
    assert await old.queue.reviews() == []
    assert [each.decided for each in outcome.found] == [2]
    levels = {code: outcome.of(code).after.level for code in ("USDT", "ZUSD", "BTT", "ZEPH", "GAS", "XXBT", "USDC", "OWN")}
    expected = dict.fromkeys(levels, VERIFIED) | {"BTT": UNKNOWN, "ZEPH": SUGGESTED, "GAS": CONTESTED, "OWN": UNKNOWN}
    assert levels == expected
    assert outcome.of("ZEPH").candidates == (made.assets["zephyr"],)
    text = "\n".join(outcome.lines)
    assert outcome.lines[0] == "kraken: 8 of 10 codes change"
    assert "BTT: BTT, Beleven Test Token (ticker BTT), no level -> a provisional asset, UNKNOWN; 1 listing" in text
    assert "no asset is known that BTT (BTT) may mean" in text
    assert f"for USDC: address {USDC}" in text


async def test_apply_moves_what_rests_on_a_ticker_and_a_second_run_changes_nothing(
    old: Old, connection: asyncpg.Connection
) -> None:
    made = await filled(old)
    was = {code: await old.factory.resolved("kraken", f"{code}USDT") for code in ("BTT", "ZEPH", "XXBT", "HND", "DSK")}
    outcome = await old.run(applying=True)
    assert (outcome.kinds, outcome.refused) == (CHANGES, 0)
    for code, earlier in was.items():
        now = await old.factory.resolved("kraken", f"{code}USDT")
        assert now.venue_symbol.listing_id == earlier.venue_symbol.listing_id
        moved = code in ("BTT", "ZEPH")
        assert (now.base_asset.asset_id != earlier.base_asset.asset_id) is moved
        asset = (await old.client.call("GetAsset", asset_id=now.base_asset.asset_id)).asset
        assert (asset.category == "provisional") is moved
    asked = {each.code: each for each in await old.queue.reviews()}
    assert sorted(asked) == ["BTT", "GAS", "OWN", "ZEPH"]
    assert {each.kind for each in asked.values()} == {PROVISIONAL}
    assert list(asked["ZEPH"].candidate_asset_ids) == [made.assets["zephyr"]]
    assert sorted(asked["GAS"].candidate_asset_ids) == sorted([made.assets["gas"], made.assets["gas-dao"]])
    for code, level in (("XXBT", VERIFIED), ("ZEPH", SUGGESTED), ("OWN", UNKNOWN), ("HND", 0), ("DSK", 0)):
        assert (await old.queue.meaning("kraken", code)).identity_level == level, code
    assert (await old.queue.meaning("kraken", "HND")).identity_evidence == ""
    recorded = await old.queue.claimed("kraken", "USDC")
    assert all(each.kind != identity_pb2.EVIDENCE_KIND_DECISION for each in recorded.evidence)
    assert "reading" not in recorded.facts, "how an import reads the code is unknown"
    before = await head(connection)
    assert (await old.run(applying=True)).changed == {}
    assert await head(connection) == before


async def test_an_interrupted_run_is_continued_by_the_next(
    old: Old, connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await filled(old)
    monkeypatch.setattr(session, "_MOVES", 1)
    interrupt(monkeypatch, "MoveCodesRequest", at=3)
    with pytest.raises(KeyboardInterrupt):
        await old.run(applying=True)
    monkeypatch.undo()
    asked = {each.code: each for each in await old.queue.reviews()}
    provisional = await connection.fetchval("SELECT count(*) FROM assets WHERE category = 'provisional'")
    assert (sorted(asked), provisional) == (["BTT", "GAS"], 3), "each code as a whole: asset, claim and question"
    assert made.assets["gas"] in asked["GAS"].candidate_asset_ids, "what it meant so far may be right"
    outcome = await old.run(applying=True)
    assert outcome.changed == {code: kind for code, kind in CHANGES.items() if code not in ("kraken:BTT", "kraken:GAS")}
    assert sorted(each.code for each in await old.queue.reviews()) == ["BTT", "GAS", "OWN", "ZEPH"]
    assert (await old.run(applying=True)).changed == {}


def interrupt(monkeypatch: pytest.MonkeyPatch, name: str, at: int) -> None:
    """Ctrl-C at a call, by its number from 0."""
    calls = iter(range(99))
    kept: Callable[..., Any] = Registry.call

    def broken(self: Registry, request: Any, *, timeout: float = 30.0) -> Any:
        if type(request).__name__ == name and next(calls) == at:
            raise KeyboardInterrupt
        return kept(self, request, timeout=timeout)

    monkeypatch.setattr(Registry, "call", broken)


async def test_a_contradicted_meaning_stays_and_is_blocked(old: Old, connection: asyncpg.Connection) -> None:
    old.queue.quote = await old.coin("USDT", "tether", name="Tether")
    wrong = await old.coin("BTT", "beleven", name="Beleven Test Token")
    coded = await old.meant("gate", "BTT", wrong, "ticker BTT")
    await old.queue.record(claim(coded, SUGGESTED, ticker="BTT", names=["BitTorrent"]))
    outcome = await old.run(applying=True)
    assert outcome.kinds == {"gate:BTT": changes.CONFLICT}
    assert "against Beleven Test Token: name BitTorrent" in "\n".join(outcome.lines)
    assert (await old.base(coded)).asset_id == wrong
    means = await old.queue.meaning("gate", "BTT")
    assert (means.identity_level, means.blocked_reason) == (
        CONTESTED,
        "BTT (BTT) cannot mean what it has meant so far: name BitTorrent",
    )
    [review] = await old.queue.reviews()
    assert (review.kind, review.asset_id) == (CONFLICT, wrong)
    before = await head(connection)
    assert (await old.run(applying=True)).changed == {}
    assert await head(connection) == before


async def test_a_conflict_ends_with_the_contradiction(old: Old) -> None:
    old.queue.quote = await old.coin("USDT", "tether", name="Tether")
    right = await old.coin("BTT", "bittorrent", name="BitTorrent")
    coded = await old.meant("gate", "BTT", right, "name BitTorrent")
    said = claim(coded, CONTESTED, ticker="BTT", names=["BitTorrent"])
    said.blocked_reason = "BTT cannot mean it"
    await old.queue.record(said)
    await old.queue.update(venue_id="gate", asset_id=right, blocked_reason="BTT cannot mean it", identity_level=CONTESTED)
    assert (await old.run(applying=True)).kinds == {"gate:BTT": changes.UNBLOCKED}
    means = await old.queue.meaning("gate", "BTT")
    assert (means.identity_level, means.blocked_reason) == (CORROBORATED, "")


async def test_a_provisional_code_moves_to_the_asset_that_its_evidence_gives(old: Old, connection: asyncpg.Connection) -> None:
    old.queue.quote = await old.coin("USDT", "tether", name="Tether")
    zeph = await old.coin("ZEPH", "zephyr-protocol", name="Zephyr Protocol")
    asked = await old.queue.asked("gate", "ZEPH")
    await old.queue.update(venue_id="gate", asset_id=asked.asset, identity_evidence="provisional", identity_level=SUGGESTED)
    await old.queue.record(claim(asked, SUGGESTED, zeph, ticker="ZEPH", names=["Zephyr Protocol"]))
    outcome = await old.run(applying=True)
    assert outcome.kinds == {"gate:ZEPH": changes.TO_ASSET}
    assert "-> ZEPH, Zephyr Protocol, CORROBORATED; 1 listing" in "\n".join(outcome.lines)
    assert (await old.base(asked)).asset_id == zeph
    means, recorded = await old.queue.meaning("gate", "ZEPH"), await old.queue.claimed("gate", "ZEPH")
    assert (means.identity_level, means.identity_evidence) == (CORROBORATED, "name Zephyr Protocol")
    assert all(each.kind != identity_pb2.EVIDENCE_KIND_DECISION for each in recorded.evidence), "no person decided"
    assert await old.queue.reviews() == []
    before = await head(connection)
    assert (await old.run(applying=True)).changed == {}
    assert await head(connection) == before


async def test_what_one_venue_verifies_is_evidence_at_another_in_the_same_run(old: Old) -> None:
    old.queue.quote = await old.coin("USDT", "tether", name="Tether")
    chain = await old.factory.chain(caip2="eip155:1")
    coin = await old.coin("QQX", "quokka", name="Quokka")
    await old.client.call("CreateAssetDeployment", asset_id=coin, chain_id=chain, contract_address=USDC, decimals=6)
    here = await old.meant("gate", "QQX", coin, "ticker QQX")
    old.queue.quote = await old.coin("USDC", "usd-coin", name="USDC")
    there = await old.meant("mexc", "QQX", coin, "ticker QQX")
    said = {"ticker": "QQX", "names": ["QQX Chain"]}
    address = {"address": USDC, "chain": "eip155:1", "sole": True}
    await old.queue.record(claim(here, SUGGESTED, **said), claim(there, SUGGESTED, **said, addresses=[address]))
    outcome = await old.run(applying=True)
    levels = {each.venue_id: each.changes[0].after.level for each in outcome.found}
    assert levels == {"gate": CORROBORATED, "mexc": VERIFIED}
    assert (await old.run(applying=True)).changed == {}


async def test_what_a_person_said_stays(old: Old) -> None:
    old.queue.quote = await old.coin("USDT", "tether", name="Tether")
    zeph = await old.coin("ZEPH", "zephyr-protocol", name="Zephyr Protocol")
    refused = await old.queue.asked("gate", "ZEPH")
    await old.queue.update(venue_id="gate", asset_id=refused.asset, identity_evidence="provisional")
    await old.queue.record(claim(refused, SUGGESTED, zeph, ticker="ZEPH", names=["Zephyr Protocol"]))
    await old.queue.call("RejectReview", review_id=refused.review)
    coin = await old.coin("BTT", name="Beleven")
    chosen = await old.meant("gate", "BTT", coin, "ticker BTT")
    await old.queue.set_identity(chosen, coin)
    outcome = await old.run(applying=True)
    assert (outcome.kinds, [each.decided for each in outcome.found]) == ({}, [2])
    assert (await old.base(refused)).asset_id == refused.asset


async def test_a_decision_during_the_run_wins(old: Old, monkeypatch: pytest.MonkeyPatch) -> None:
    old.queue.quote = await old.coin("USDT", "tether", name="Tether")
    coin = await old.coin("BTT", name="Beleven")
    coded = await old.meant("gate", "BTT", coin, "ticker BTT")
    kept: Callable[..., Any] = Registry.call

    def late(self: Registry, request: Any, *, timeout: float = 30.0) -> Any:
        if type(request).__name__ == "MoveCodesRequest" and request.moves:
            made = reviews_pb2.SetIdentityRequest(venue_id="gate", code="BTT", asset=coin)
            kept(self, made, timeout=timeout)
        return kept(self, request, timeout=timeout)

    monkeypatch.setattr(Registry, "call", late)
    outcome = await old.run(applying=True)
    assert outcome.refused == 1
    assert (await old.base(coded)).asset_id == coin
    assert (await old.queue.meaning("gate", "BTT")).identity_level == VERIFIED


async def test_an_import_after_it_sees_no_conflict_where_the_code_was_only_guessed(old: Old, admin: Admin) -> None:
    """The registry did not say how BTT was read: what the import reads now is not a change."""
    old.queue.quote = await old.coin("USDT", "tether", name="Tether")
    coin = await old.coin("BTT", name="Beleven")
    await old.meant("upbit", "BTT", coin, "contract address 0xab")
    await old.run(applying=True)
    importers = Importers(admin.port)
    result = await importers.markets("upbit", [market("BTTUSDT", "BTTOLD", "USDT", baseId="BTT")])
    assert (result.conflict, result.rejected) == (0, 0)
    assert (await listed(old.client, "upbit", "BTTUSDT")).blocked_reason == ""


async def test_a_market_older_than_its_asset_contradicts_it(old: Old) -> None:
    old.queue.quote = await old.coin("USDT", "tether", name="Tether")
    late = await old.coin("BTT", "bittorrent", metadata={"first_seen": "2022-01-01"})
    await old.meant("gate", "BTT", late, "ticker BTT")
    symbol = await old.factory.symbol(late, await old.coin("USDC", "usd-coin"))
    await old.factory.listing("gate", symbol, "BTT_USDC", listed_at=stamp(datetime(2019, 1, 1, tzinfo=UTC)))
    outcome = await old.run(applying=True)
    assert outcome.of("BTT").kind == changes.CONFLICT
    assert "time BTT_USDC since 2019-01-01" in outcome.of("BTT").reason
    assert (await old.run(applying=True)).changed == {}


async def test_codes_of_one_asset_are_judged_apart_and_old_texts_stay(old: Old) -> None:
    old.queue.quote = await old.coin("USDT", "tether", name="Tether")
    coin = await old.coin("BTC", "bitcoin", name="Bitcoin")
    coded = await old.meant("kraken", "XXBT", coin, "external id coingecko:bitcoin", "XBT")
    await old.queue.record(claim(coded, VERIFIED, ticker="BTC"))
    assert "kraken:XBT" not in (await old.run()).kinds, "an import recorded XXBT: XBT is a text of earlier times"
    shared = await old.coin("BOB", "bob", name="Bob")
    await old.meant("binance", "BOB", shared, "ticker BOB", "1000000BOB")
    await old.run("binance", applying=True)
    one, other = [await old.factory.resolved("binance", f"{code}USDT") for code in ("BOB", "1000000BOB")]
    assert len({one.base_asset.asset_id, other.base_asset.asset_id, shared}) == 3


async def test_money_that_the_registry_lacks_is_created(old: Old, connection: asyncpg.Connection) -> None:
    old.queue.quote = await old.coin("USDT", "tether", name="Tether")
    asked = await old.queue.asked("kraken", "ZEUR")
    await old.queue.update(venue_id="kraken", asset_id=asked.asset, identity_evidence="provisional")
    await old.queue.record(claim(asked, UNKNOWN, ticker="EUR", as_money=True))
    dry = await old.run()
    assert "-> iso4217:EUR, VERIFIED; 1 listing" in "\n".join(dry.lines)
    assert (await old.run(applying=True)).kinds == {"kraken:ZEUR": changes.TO_ASSET}
    asset = (await old.client.call("GetAsset", asset_id=(await old.base(asked)).asset_id)).asset
    assert (asset.symbol, asset.name, asset.category) == ("EUR", "Euro", "fiat")
    before = await head(connection)
    assert (await old.run(applying=True)).changed == {}
    assert await head(connection) == before


async def test_a_code_with_two_meanings_is_a_conflict_that_is_opened_once(old: Old) -> None:
    old.queue.quote = await old.coin("USDT", "tether", name="Tether")
    for name in ("one", "two"):
        asset = await old.coin("ABC", name)
        await old.client.call(
            "CreateVenueAsset",
            venue_id=await old.queue.venue("gate"),
            asset_id=asset,
            venue_asset_symbol="ABC",
            identity_evidence="ticker ABC",
        )
    outcome = await old.run(applying=True)
    assert (outcome.kinds, outcome.of("ABC").reason) == ({"gate:ABC": changes.CONFLICT}, "ABC means 2 assets at gate")
    [review] = await old.queue.reviews()
    assert review.kind == CONFLICT
    assert (await old.run(applying=True)).changed == {}


# ---- the command ---------------------------------------------------------------------------------------------------


async def command(old: Old, home: Path, *words: str) -> tuple[int, str]:
    """Run the command: its exit code, and what it prints."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("CQAR_")}
    program = (sys.executable, "-m", "cqar", "identity", "rejudge", *words, "--address", old.address)
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *program, env=inherited | {"CQAR_HOME": str(home)}, stdout=pipe, stderr=asyncio.subprocess.STDOUT
    )
    out, _ = await asyncio.wait_for(process.communicate(), 120)
    return process.returncode or 0, out.decode()


async def test_the_command_is_a_dry_run_unless_it_applies(old: Old, tmp_path: Path) -> None:
    old.queue.quote = await old.coin("USDT", "tether", name="Tether")
    coin = await old.coin("BTT", name="Beleven")
    coded = await old.meant("gate", "BTT", coin, "ticker BTT")
    counts = (
        "codes=1 conflict=0 provisional=1 asset=0 unblocked=0 level=0 question=0 evidence=0 unchanged=0 decided=0 refused=0"
    )
    status, out = await command(old, tmp_path)
    assert (status, out.splitlines()[-2:]) == (0, ["nothing was written; --apply writes the changes", counts])
    assert "gate: 1 of 1 codes change" in out
    status, out = await command(old, tmp_path, "--json", "--venue", "gate")
    found = json.loads(out)
    assert (status, found["dry_run"], found["counts"]["provisional"]) == (0, True, 1)
    [change] = found["venues"][0]["changes"]
    assert (change["code"], change["before"]["asset_id"], change["after"]["level"]) == ("BTT", coin, "UNKNOWN")
    assert (await old.base(coded)).asset_id == coin
    status, out = await command(old, tmp_path, "--apply")
    assert (status, out.splitlines()[-1]) == (0, counts)
    assert (await old.base(coded)).asset_id != coin
    status, out = await command(old, tmp_path, "--apply", "--verbose")
    assert (status, len(out.splitlines())) == (0, 1), "only the counts"


async def test_an_unknown_venue_is_one_line(old: Old, tmp_path: Path) -> None:
    assert await command(old, tmp_path, "--venue", "nowhere") == (1, "cqar: venue nowhere not found\n")
    assert await command(old, tmp_path, "--venue", "Gate") == (1, "cqar: venue ids are lower case: gate\n")


async def test_ctrl_c_says_how_far_it_came(
    old: Old, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    old.queue.quote = await old.coin("USDT", "tether", name="Tether")
    for code in ("AAA", "BBB"):
        await old.meant("gate", code, await old.coin(code), f"ticker {code}")
    monkeypatch.setattr(session, "_MOVES", 1)
    for name, at, message in (
        ("MoveCodesRequest", 2, "cqar: stopped at gate, 1 of 2 codes; run it again to continue\n"),
        ("ListVenuesRequest", 0, "cqar: stopped before the first code; run it again to continue\n"),
    ):
        interrupt(monkeypatch, name, at)
        with pytest.raises(SystemExit) as ended:
            await asyncio.to_thread(main, ["identity", "rejudge", "--apply", "--address", old.address])
        monkeypatch.undo()
        monkeypatch.setattr(session, "_MOVES", 1)
        assert (ended.value.code, capsys.readouterr().err) == (INTERRUPTED, message)
