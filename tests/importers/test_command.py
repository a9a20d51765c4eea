"""`cqar import` and `cqar review` as users and timers run them."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from cqar.admin.app import Admin
from tests.client import Client
from tests.hotpath.stack import eventually
from tests.importers.imports import COINS, coin, listed, market, revision

#: A package `ccxt` that answers from a folder.
RECORDED = Path(__file__).parent / "recorded"


class Shell:
    """Runs commands of cqar against the admin process."""

    def __init__(self, port: int, folder: Path) -> None:
        self.folder = folder
        self.at = ("--address", f"127.0.0.1:{port}")
        self._own = {"CQAR_ADMIN_PORT": str(port), "CQAR_HOME": str(folder), "RECORDED": str(folder)}

    def environment(self, path: Path | None = None) -> Mapping[str, str]:
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("CQAR_")}
        return inherited | self._own | ({} if path is None else {"PYTHONPATH": str(path)})

    def write(self, name: str, rows: Any) -> str:
        path = self.folder / name
        path.write_text(rows if isinstance(rows, str) else json.dumps(rows))
        return str(path)

    def start(self, *words: str, path: Path | None = None) -> "subprocess.Popen[str]":
        program = (sys.executable, "-m", "cqar", *words)
        pipe = subprocess.PIPE
        return subprocess.Popen(program, env=self.environment(path), stdout=pipe, stderr=pipe, text=True)

    async def run(self, *words: str, path: Path | None = None) -> tuple[int, str, str]:
        """The exit code, standard output and standard error."""
        process = self.start(*words, path=path)
        out, err = await asyncio.to_thread(process.communicate, timeout=120)
        return process.returncode, out, err


@pytest.fixture
def shell(admin: Admin, tmp_path: Path) -> Shell:
    return Shell(admin.port, tmp_path)


async def test_the_last_line_counts_rows_and_rejected_rows_set_the_exit_code(shell: Shell) -> None:
    code, out, _ = await shell.run("import", "assets", shell.write("assets.json", COINS))
    assert (code, out.splitlines()[-1]) == (
        0,
        "created=4 updated=0 unchanged=0 delisted=0 review=0 conflict=0 rejected=0",
    )
    rows = [market("BTCUSDT", "BTC", "USDT"), {"id": "X", "type": "spot"}]
    code, out, _ = await shell.run("import", "ccxt", "binance", "--file", shell.write("markets.json", rows))
    assert code == 2
    assert out.splitlines()[-1].endswith(" rejected=1")
    assert "rejected row X (row 2): incomplete: the row has no base, quote" in out


async def test_verbose_prints_every_row_and_quiet_only_the_totals(shell: Shell) -> None:
    rows = shell.write("assets.json", [*COINS, {"coingecko_id": "x\x1b[2J\u202e", "symbol": "", "name": "X"}])
    code, out, _ = await shell.run("import", "assets", rows, "--dry-run")
    assert code == 2
    assert "created asset" not in out
    assert out.splitlines()[0].endswith("assets.json: 5 rows, dry run: nothing was written")
    assert "1 rows need attention:" in out
    _, out, _ = await shell.run("import", "assets", rows, "--dry-run", "--verbose")
    assert out.count("created asset") == len(COINS)
    assert all(line.isprintable() for line in out.splitlines())
    _, out, err = await shell.run("import", "assets", rows, "--dry-run", "--quiet")
    assert (out, err) == ("created=4 updated=0 unchanged=0 delisted=0 review=0 conflict=0 rejected=1\n", "")


async def test_a_document_of_another_kind_is_rejected_with_one_message(shell: Shell) -> None:
    rows = shell.write("assets.json", [coin(f"coin-{number}", f"C{number}", f"Coin {number}") for number in range(150)])
    code, out, err = await shell.run("import", "chains", rows)
    assert (code, out) == (1, "")
    assert err == "cqar: assets.json: this does not look like a chains document: no row has `source`\n"
    code, out, err = await shell.run("import", "coingecko", rows)
    assert (code, out) == (1, "")
    assert "assets.json: this does not look like a coingecko document: " in err
    code, out, _ = await shell.run("import", "assets", rows, "--quiet")
    assert (code, out.split()[0]) == (0, "created=150")


async def test_a_misspelt_exchange_creates_no_venue_without_new_venue(shell: Shell, registry: Client) -> None:
    await shell.run("import", "assets", shell.write("assets.json", COINS))
    rows = shell.write("markets.json", [market("BTCUSDT", "BTC", "USDT")])
    for words in (("import", "ccxt", "binanse", "--file", rows), ("import", "ccxt", "Binance", "--file", rows)):
        code, out, err = await shell.run(*words)
        said = f"cqar: {words[2]} is not an exchange that ccxt knows; did you mean binance? (--new-venue creates it)\n"
        assert (code, out, err) == (1, "", said)
    assert not (await registry.call("ListVenues")).venues
    code, _, err = await shell.run("import", "ccxt", "binanse", "--file", rows, "--new-venue")
    assert (code, err) == (0, "")
    assert [each.venue_id for each in (await registry.call("ListVenues")).venues] == ["binanse"]
    code, _, err = await shell.run("import", "ccxt", "binanse", "--file", rows)
    assert (code, err) == (0, ""), "a venue of the registry is known"
    code, _, err = await shell.run("import", "ccxt", "binanse", path=RECORDED)
    assert (code, err) == (1, "cqar: binanse is not an exchange that ccxt knows; did you mean binance?\n")


@pytest.mark.parametrize("part", ["binance-options", "gate-futures", "bybit-linear"])
async def test_a_part_of_an_exchange_is_not_an_exchange(shell: Shell, part: str) -> None:
    whole = part.partition("-")[0]
    rows = shell.write("markets.json", [market("BTCUSDT", "BTC", "USDT")])
    code, _, err = await shell.run("import", "ccxt", part, "--file", rows)
    assert (code, err) == (1, f"cqar: {part} is a part of the exchange {whole}: cqar import ccxt {whole}\n")


async def test_an_exchange_of_ccxt_needs_no_package_to_be_known(shell: Shell) -> None:
    rows = shell.write("markets.json", [market("BTCUSDT", "BTC", "USDT")])
    for exchange in ("aster", "luno", "bittrex"):
        code, _, err = await shell.run("import", "ccxt", exchange, "--file", rows, "--dry-run")
        assert (code, err) == (0, "")


async def test_two_live_markets_of_one_unified_symbol_both_arrive(shell: Shell, registry: Client) -> None:
    """What `load_markets` of ccxt would lose (input 12); the fees are those that it would add."""
    await shell.run("import", "assets", shell.write("assets.json", COINS))
    rows = [market(name, "ETH", "USDT", maker=None, taker=None) for name in ("XETHUSDT", "ETH2USDT")]
    shell.write("1.json", rows)
    code, _, err = await shell.run("import", "ccxt", "binance", path=RECORDED)
    assert (code, err) == (0, "")
    found = [(await listed(registry, "binance", each["id"])).venue_symbol for each in rows]
    assert found[0].symbol_id == found[1].symbol_id
    assert {(each.maker_fee_decimal, each.taker_fee_decimal) for each in found} == {("0.001", "0.002")}


async def test_delisting_too_much_fails_and_says_what_it_would_end(shell: Shell, connection: asyncpg.Connection) -> None:
    await shell.run("import", "assets", shell.write("assets.json", COINS))
    rows = [market(f"BTC{at}", "BTC", "USDT") for at in range(20)]
    words = ("import", "ccxt", "okx", "--file")
    await shell.run(*words, shell.write("all.json", rows))
    head = await revision(connection)
    few = shell.write("few.json", rows[:1])
    code, out, err = await shell.run(*words, few, "--delist")
    assert (code, out) == (1, "")
    assert err.startswith(
        "cqar: --delist would end 19 of the 20 living listings of okx, more than the limit of 10: BTC1 (spot), "
    )
    assert (await shell.run(*words, few, "--delist", "--delist-limit", "94%"))[0] == 1
    assert (await shell.run(*words, few, "--delist", "--delist-limit", "101%"))[0] == 2
    assert await revision(connection) == head
    code, out, _ = await shell.run(*words, few, "--delist", "--delist-limit", "95%", "--quiet")
    assert (code, " delisted=19 " in out) == (0, True)


async def test_ctrl_c_reports_where_an_import_stopped_and_how_to_continue(shell: Shell, connection: asyncpg.Connection) -> None:
    rows = shell.write("assets.json", [coin(f"coin-{number}", f"C{number}", f"Coin {number}") for number in range(20_000)])
    process = shell.start("import", "assets", rows)
    await eventually(lambda: _some(connection), 60)
    process.send_signal(signal.SIGINT)
    out, err = await asyncio.to_thread(process.communicate, timeout=60)
    assert (process.returncode, out) == (130, "")
    assert re.search(r"^cqar: stopped at row [\d,]+ of 20,000; run it again to continue$", err, re.MULTILINE), err


async def test_errors_of_an_import_with_json_are_json(shell: Shell) -> None:
    code, out, err = await shell.run("import", "chains", "nowhere.json", "--json")
    assert (code, out) == (1, "")
    assert json.loads(err)["error"]["message"] == "nowhere.json: No such file or directory"


async def test_listing_reviews_of_an_unknown_venue_is_an_error(shell: Shell) -> None:
    assert await shell.run("review", "list", "--venue", "nosuch") == (1, "", "cqar: venue nosuch not found\n")
    assert await shell.run("review", "list", "--venue", "Binance") == (1, "", "cqar: venue ids are lower case: binance\n")


async def test_json_output_contains_entries_and_summary(shell: Shell) -> None:
    await shell.run("import", "assets", shell.write("assets.json", COINS))
    rows = shell.write("markets.json", [market("BTCUSDT", "BTC", "USDT"), market("BAD", "BTC", "undefined")])
    code, out, _ = await shell.run("import", "ccxt", "binance", "--file", rows, "--json", "--dry-run")
    result = json.loads(out)
    assert code == 2
    assert result["summary"]["dry_run"] is True
    assert result["summary"]["rejected"] == 1
    assert {each["outcome"] for each in result["entries"]} == {"created", "rejected"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("import", "chains", "nowhere.json"), "nowhere.json: No such file"),
        (("import", "ccxt", "binance"), "pip install 'cqar[importers]'"),
        (("import", "ccxt", "binance", "--every", "15"), "invalid interval '15': use 90s, 15m, 6h or 1d"),
        (("import", "chains", "x", "--address", "127.0.0.1:1"), "nothing answers at 127.0.0.1:1"),
        (("review", "accept", "x", "--at", "yesterday"), "invalid time 'yesterday': use 2026-01-31"),
        (("review", "accept", "0195c3b0-0000-7000-8000-000000000000"), "not found"),
    ],
)
async def test_errors_say_what_to_do(shell: Shell, words: tuple[str, ...], said: str) -> None:
    shell.write("x", [])
    code, _, err = await shell.run(*(str(shell.folder / word) if word == "x" and "chains" in words else word for word in words))
    assert code != 0
    assert said in err
    assert "Traceback" not in err


async def test_reviews_can_be_listed_and_decided(shell: Shell, registry: Client) -> None:
    twins = [*COINS, coin("gas", "GAS", "Gas"), coin("gas-dao", "GAS", "Gas DAO")]
    await shell.run("import", "assets", shell.write("assets.json", twins))
    rows = shell.write("markets.json", [market("GASUSDT", "GAS", "USDT")])
    await shell.run("import", "ccxt", "binance", "--file", rows)
    code, _, _ = await shell.run("resolve", "binance", "GASUSDT", *shell.at)
    assert code == 0, "a market does not wait for a decision"
    _, _, err = await shell.run("resolve", "binance", "GASEUR", *shell.at)
    assert err == "cqar: binance GASEUR not found; open decisions on GAS: cqar review list --venue binance --unknown\n"
    assert (await shell.run("resolve", "binance", "NOPE", *shell.at))[2] == "cqar: binance NOPE not found\n"
    code, out, _ = await shell.run("review", "list", "--venue", "binance")
    assert code == 0
    first, *_ = out.splitlines()
    assert first == "GAS: 1 market"
    assert "binance:GAS" in out
    assert "GAS  Gas DAO  coingecko:gas-dao" in out
    _, out, _ = await shell.run("review", "list", "--json")
    review = json.loads(out)
    chosen = review["candidate_asset_ids"][1]
    code, out, _ = await shell.run("review", "accept", review["review_id"], "--asset", chosen, "--notes", "by its contract")
    assert (code, "accepted" in out) == (0, True)
    await shell.run("import", "ccxt", "binance", "--file", rows)
    assert (await listed(registry, "binance", "GASUSDT")).base_asset.asset_id == chosen
    _, out, _ = await shell.run("review", "list", "--status", "accepted")
    assert "by its contract" in out


async def test_a_killed_import_can_be_run_again(shell: Shell, connection: asyncpg.Connection) -> None:
    many = [coin(f"coin-{number}", f"C{number}", f"Coin {number}") for number in range(20_000)]
    rows = shell.write("assets.json", many)
    process = shell.start("import", "assets", rows)
    await eventually(lambda: _some(connection), 60)
    process.send_signal(signal.SIGKILL)
    await asyncio.to_thread(process.communicate)
    made = await connection.fetchval("SELECT count(*) FROM assets")
    assert 0 < made < len(many)
    code, out, _ = await shell.run("import", "assets", rows)
    assert code == 0
    counts = dict(each.split("=") for each in out.splitlines()[-1].split())
    assert int(counts["created"]) + int(counts["unchanged"]) == len(many)
    assert int(counts["unchanged"]) >= made
    assert await connection.fetchval("SELECT count(*) FROM assets") == len(many)
    head = await revision(connection)
    _, out, _ = await shell.run("import", "assets", rows)
    assert out.splitlines()[-1].startswith("created=0 updated=0 ")
    assert await revision(connection) == head


async def _some(connection: asyncpg.Connection) -> bool:
    return bool(await connection.fetchval("SELECT count(*) FROM assets"))


async def test_a_scheduled_import_polls_the_exchange_again_and_survives_errors(shell: Shell, registry: Client) -> None:
    """The exchange's answers are recorded; the code behind the ccxt package is the production code."""
    await shell.run("import", "assets", shell.write("assets.json", COINS))
    first = market("BTCUSDT", "BTC", "USDT", precision={"amount": "0.00001", "price": "0.01"})
    later = market("BTCUSDT", "BTC", "USDT", precision={"amount": "0.00001", "price": "0.1"})
    shell.write("1.json", [first])
    shell.write("2.json", "the exchange is down for maintenance")
    shell.write("3.json", [later])
    process = shell.start("import", "ccxt", "binance", "--every", "1s", path=RECORDED)
    try:

        async def renewed() -> bool:
            found = await listed(registry, "binance", "BTCUSDT")
            return bool(found.symbol.tick_size_decimal == "0.1")

        await eventually(lambda: _listed(registry), 60)
        await eventually(renewed, 60)
    finally:
        process.send_signal(signal.SIGTERM)
        out, err = await asyncio.to_thread(process.communicate, timeout=60)
    assert process.returncode == 0, err
    assert "created=" in out
    assert "binance did not return its markets: NetworkError: the exchange is down" in out
    assert "updated=1" in out
    assert "Traceback" not in err


async def _listed(registry: Client) -> bool:
    try:
        await listed(registry, "binance", "BTCUSDT")
    except Exception:  # noqa: BLE001 - it is polled again
        return False
    return True
