"""`cqar up` from the first start to the last stop: the tests share one registry and run in order."""

import asyncio
import functools
import json
import os
import pwd
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import grpc
import nats
import pytest
import redis
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from cqar import config
from cqar.client.connect import connected
from cqar.contract.cqc.assets.v1 import assets_pb2
from cqar.contract.cqc.services.v1 import asset_registry_pb2 as pb
from cqar.contract.cqc.venues.v1 import venues_pb2
from cqar.dev.embedded import account
from cqar.server import launch
from tests.embedded import clients

from . import running
from .running import Up, cqar, one_line

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes by /proc")


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    with running.folder() as made:
        yield made / "home"


@pytest.fixture(scope="module")
def up(home: Path) -> Iterator[Up]:
    started = Up(home)
    try:
        started.wait_up()
        yield started
    finally:
        started.close()


def call(up: Up, at: str, name: str, /, **fields: object) -> Any:
    """One RPC of the contract, as an administrator."""
    request = getattr(pb, f"{name}Request")(**fields)
    with connected(up.address(at), up.key("admin")) as channel:
        method = channel.unary_unary(
            f"/cqc.services.v1.AssetRegistry/{name}", type(request).SerializeToString, getattr(pb, f"{name}Response").FromString
        )
        return method(request, timeout=20)


def test_keys_are_readable_by_the_owner_only_and_never_shown(up: Up, home: Path) -> None:
    credentials = json.loads((home / "credentials.json").read_text())
    assert sorted(credentials) == ["admin", "reader", "writer"]
    assert [path.stat().st_mode & 0o777 for path in (home / "credentials.json", home / "pepper")] == [0o600, 0o600]
    logs = "".join(path.read_text() for path in (home / "log").iterdir())
    secrets = [*credentials.values(), (home / "pepper").read_text()]
    assert [secret for secret in secrets if secret in up.said or secret in logs] == []
    assert re.search(r"^  keys +created, in ", up.said, re.MULTILINE)


def test_calls_without_a_key_are_refused(up: Up) -> None:
    done = cqar("resolve", "binance", "BTCUSDT", "--address", up.address("hotpath"), CQAR_HOME=str(up.home / "elsewhere"))
    where = "set CQAR_HOME to that of `cqar up`, or CQAR_API_KEY"
    assert one_line(done) == f"cqar: no API key for {up.address('hotpath')}: {where}"


def test_keys_are_created_listed_and_revoked_with_and_without_admin(up: Up) -> None:
    at = ("--address", up.address("admin"))
    [database] = re.findall(r"^  PostgreSQL +(\S+)$", up.said, re.MULTILINE)
    straight = {"CQAR_DATABASE_URL": database, "CQAR_PEPPER": (up.home / "pepper").read_text()}
    for where, own in ((at, {}), (("--database",), straight)):
        made = up.cqar("keys", "create", "feed", "--venue", "binance", "--note", "a drill", *where, **own)
        key = made.stdout.strip()
        assert re.fullmatch(r"cqar_dev_[a-z0-9]{12}_[a-z0-9]{47}", key), made.stderr
        ask = ("resolve", "binance", "BTCUSDT", "--address", up.address("hotpath"))
        assert cqar(*ask, CQAR_API_KEY=key).returncode == 0
        listed = up.cqar("keys", "list", "--principal", "feed", *where, **own).stdout
        [line] = listed.splitlines()
        assert key not in listed
        assert line.startswith(f"{key.split('_')[2]}  reader  feed  venues=binance  created=")
        assert "revoked=" in up.cqar("keys", "revoke", key.split("_")[2], *where, **own).stdout
        running.until(functools.partial(_refused, ask, key), "the key is refused")
        assert up.cqar("keys", "list", "--principal", "feed", *where, **own).stdout == ""
    assert "api_key 'nobody' not found" in one_line(up.cqar("keys", "revoke", "nobody", *at))
    assert "is not a complete API key" in one_line(cqar("keys", "list", *at, CQAR_API_KEY="cqar_dev_x"))


def test_a_created_key_comes_with_the_advice_to_keep_it(up: Up) -> None:
    done = up.cqar("keys", "create", "kept", "--address", up.address("admin"))
    assert done.stderr.splitlines()[-1] == "keep the key: it is not shown again"
    assert len(done.stdout.splitlines()) == 1
    done = up.cqar("keys", "create", "kept", "--json", "--address", up.address("admin"))
    assert json.loads(done.stdout)["secret"].startswith("cqar_dev_")
    listed = up.cqar("keys", "list", "--principal", "kept", "--json", "--address", up.address("admin"))
    assert [json.loads(line)["principal"] for line in listed.stdout.splitlines()] == ["kept", "kept"]
    assert "secret" not in listed.stdout


def test_commands_on_the_database_use_that_of_the_running_stack(up: Up) -> None:
    done = up.cqar("migrate", "status")
    assert (done.returncode, "pending" in done.stdout) == (0, False), done.stderr
    status = json.loads(up.cqar("migrate", "status", "--json").stdout)
    assert [each["applied"] for each in status] == [True] * len(done.stdout.splitlines())
    assert up.cqar("migrate", "up").returncode == 0
    assert "kept" in up.cqar("keys", "list", "--database").stdout
    made = up.cqar("keys", "create", "kept", "--database")
    assert made.returncode == 0, made.stderr
    running.until(lambda: not _refused(_ask(up), made.stdout.strip()), "the key counts: it has the pepper of the stack")
    elsewhere = "postgresql://127.0.0.1:1/none"
    assert elsewhere in one_line(up.cqar("migrate", "status", CQAR_DATABASE_URL=elsewhere)), "a database that is set wins"
    assert "cannot reach PostgreSQL" in one_line(cqar("migrate", "status", CQAR_HOME=str(up.home / "elsewhere")))


def test_an_http_port_is_named_as_one_and_leaves_no_traceback(up: Up) -> None:
    for name in ("admin", "hotpath"):
        [port] = re.findall(rf"^  {name} .* HTTP http://127.0.0.1:(\d+)/", up.said, re.MULTILINE)
        at = len(up.said)
        line = one_line(up.cqar("resolve", "binance", "BTCUSDT", "--address", f"127.0.0.1:{port}"))
        assert line == f"cqar: 127.0.0.1:{port} does not speak gRPC; is it the HTTP port?"
        up.wait_for(f"{name}: warning bad_http_request", at)
    assert "Traceback" not in up.said
    assert "Traceback" not in "".join(path.read_text() for path in (up.home / "log").iterdir())


def test_the_page_of_the_api_is_linked_and_the_root_has_links(up: Up) -> None:
    [page] = re.findall(r"^  API page +(http://\S+)$", up.said, re.MULTILINE)
    assert b"<title>cqar HTTP API</title>" in _get(page)
    root = page.removesuffix("docs")
    links = json.loads(_get(root))["links"]
    assert set(links) == {"docs", "openapi", "live", "ready"}
    for link in links.values():
        assert _get(f"{root}{link}")


def test_a_first_start_warns_of_nothing(up: Up) -> None:
    start = up.said.partition("cqar is up")[0]
    assert "warning" not in start
    assert "relay_interrupted" not in start


def test_following_events_ends_quietly_with_ctrl_c(up: Up) -> None:
    line = running.command("events", "tail", "--from-revision", "0", "--address", up.address("admin"))
    env = running.environment(CQAR_HOME=str(up.home), PYTHONUNBUFFERED="1")
    pipe = subprocess.PIPE
    with subprocess.Popen(line, env=env, cwd=running.ROOT, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["revision"]
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=running.TIMEOUT)
    assert (process.returncode, err) == (0, "")


def test_imports_and_reviews_find_the_key_they_need(up: Up, tmp_path: Path) -> None:
    at = ("--address", up.address("admin"))
    table = tmp_path / "chains.csv"
    table.write_text("chain_id,chain_name,chain_type,caip2\nfar-away,Far Away,EVM,eip155:424242\n")
    done = up.cqar("import", "csv", "chain", str(table), "--dry-run", *at)
    assert (done.returncode, done.stdout.splitlines()[-1].split()[0]) == (0, "created=1"), done.stderr
    done = up.cqar("review", "list", *at)
    assert (done.returncode, done.stdout) == (0, "0 questions about 0 codes\n"), done.stderr
    for verdict in ("accept", "reject"):
        assert "not found" in one_line(up.cqar("review", verdict, "0195c3b0-0000-7000-8000-000000000000", *at))


def test_the_first_start_prints_all_addresses_and_an_example_with_its_output(up: Up) -> None:
    for title in ("hotpath", "admin", "PostgreSQL", "Redis", "NATS"):
        assert re.search(rf"^  {title} +(gRPC|postgresql:|unix:|nats:)", up.said, re.MULTILINE), title
    assert re.search(r"^  sample +\d{3} facts created, 0 unchanged", up.said, re.MULTILINE)
    assert re.search(r"^symbol +BTC/USDT  spot  \S+$", up.said, re.MULTILINE)


def test_the_printed_urls_of_the_servers_work_for_the_user_who_started_them(up: Up) -> None:
    urls = dict(re.findall(r"^  (PostgreSQL|Redis|NATS) +(\S+)$", up.said, re.MULTILINE))
    assert clients.query(urls["PostgreSQL"], "SELECT count(*) > 0 FROM venue_symbols") is True
    with redis.Redis.from_url(urls["Redis"]) as client:
        assert client.ping()

    async def streams() -> set[str | None]:
        client = await nats.connect(urls["NATS"])
        try:
            return {each.config.name for each in await client.jetstream().streams_info()}
        finally:
            await client.close()

    assert asyncio.run(streams()) == {"CQAR_CHANGES", "CQC_EVENTS"}
    # The processes got the same URLs and log none of the passwords.
    logs = "".join(path.read_text() for path in (up.home / "log").iterdir())
    for name in ("postgres", "valkey", "nats"):
        assert (up.home / name / "password").read_text().strip() not in logs


def test_resolve_prints_all_trading_parameters_and_the_source_of_the_result(up: Up) -> None:
    for _ in range(2):
        done = up.cqar("resolve", "binance", "BTCUSDT", "--address", up.address("hotpath"))
    assert (done.returncode, done.stderr) == (0, "")
    said = dict(re.split(r" {2,}", line, maxsplit=1) for line in done.stdout.splitlines())
    assert said["symbol"].startswith("BTC/USDT  spot  ")
    assert said["base asset"].startswith("BTC  Bitcoin  ")
    assert said["quote asset"].startswith("USDT  Tether  ")
    assert said["tick size"] == "0.01 USDT"
    assert said["lot size"] == "0.00001 BTC"
    assert said["min notional"] == "5 USDT"
    assert said["order size"] == "min 0.00001 BTC, max 9000 BTC"
    assert said["fees"] == "maker 0.001, taker 0.001"
    assert said["active"] == "yes"
    assert said["trading"] == "not blocked"
    assert int(said["revision"]) > 0
    assert re.fullmatch(r"from memory in [\d.]+ (us|ms)", said["answered"])


def test_resolve_json_has_contract_names_and_exact_numbers(up: Up) -> None:
    done = up.cqar("resolve", "binance", "BTCUSDT", "--json", "--address", up.address("hotpath"))
    found = json.loads(done.stdout)
    assert found["symbol"]["tick_size_decimal"] == "0.01"
    assert found["venue_symbol"]["taker_fee_decimal"] == "0.001"
    assert found["base_asset"]["symbol"] == "BTC"
    assert isinstance(found["revision"], int)
    assert found["source"] == "memory"
    assert not any(isinstance(each, float) for part in found.values() if isinstance(part, dict) for each in part.values())


def test_resolve_finds_the_listing_at_another_time(up: Up) -> None:
    ask = ("resolve", "binance", "BTCUSDT", "--json", "--address", up.address("hotpath"), "--as-of")
    assert json.loads(up.cqar(*ask, "2024-02-29T08:00:00+05:30").stdout)["symbol"]["symbol"] == "BTC/USDT"
    assert "invalid time" in up.cqar(*ask, "yesterday").stderr


def test_an_unknown_symbol_is_not_found_with_exit_code_1(up: Up) -> None:
    done = up.cqar("resolve", "binance", "NOPE", "--address", up.address("hotpath"))
    assert done.returncode == 1
    assert done.stdout == ""
    assert one_line(done) == "cqar: binance NOPE not found"


def test_a_venue_in_capitals_or_unknown_is_named(up: Up) -> None:
    at = ("--address", up.address("hotpath"))
    assert one_line(up.cqar("resolve", "Binance", "BTCUSDT", *at)) == "cqar: venue ids are lower case: binance"
    assert one_line(up.cqar("resolve", "nosuch", "BTCUSDT", *at)) == "cqar: venue nosuch not found"
    done = up.cqar("resolve", "nosuch", "BTCUSDT", "--json", *at)
    assert json.loads(done.stderr) == {"error": {"message": "venue nosuch not found", "code": "NOT_FOUND"}}


def test_a_settlement_asset_that_is_no_side_of_the_symbol_is_shown_by_its_names(up: Up) -> None:
    found = call(up, "hotpath", "GetVenueSymbol", venue_id="binanceusdm", venue_symbol="BTCUSDT")
    [usdc] = [each for each in call(up, "admin", "ListAssets").assets if each.symbol == "USDC"]
    made = call(
        up,
        "admin",
        "CreateSymbol",
        symbol_type=found.symbol.symbol_type,
        base_asset_id=found.base_asset.asset_id,
        quote_asset_id=found.quote_asset.asset_id,
        settlement_asset_id=usdc.asset_id,
    )
    call(up, "admin", "CreateVenueSymbol", venue_id="binanceusdm", symbol_id=made.symbol.symbol_id, venue_symbol="BTC-IN-USDC")
    ask = ("resolve", "binanceusdm", "BTC-IN-USDC", "--address", up.address("admin"))
    assert re.search(rf"^settlement +USDC  {usdc.name}  {usdc.asset_id}$", up.cqar(*ask).stdout, re.MULTILINE)


def test_an_ambiguous_symbol_lists_its_meanings_and_the_option_to_choose(up: Up) -> None:
    call(up, "admin", "CreateVenue", name="Twofold", venue_type=venues_pb2.VENUE_TYPE_CEX)
    for venue in ("binance", "binanceusdm"):
        found = call(up, "hotpath", "GetVenueSymbol", venue_id=venue, venue_symbol="BTCUSDT")
        own = {"venue_id": "twofold", "symbol_id": found.symbol.symbol_id, "venue_symbol": "BTC"}
        call(up, "hotpath", "CreateVenueSymbol", **own)
    done = up.cqar("resolve", "twofold", "BTC", "--address", up.address("hotpath"))
    assert done.returncode == 1
    assert "--type" in done.stderr
    assert re.search(r"spot +BTC/USDT ", done.stderr)
    assert re.search(r"perpetual +BTC/USDT:USDT ", done.stderr)
    chosen = up.cqar("resolve", "twofold", "BTC", "--type", "perpetual", "--address", up.address("hotpath"))
    assert "BTC/USDT:USDT  perpetual" in chosen.stdout


def test_grpc_clients_can_list_the_services(up: Up) -> None:
    for name in ("hotpath", "admin"):
        with connected(up.address(name), up.key("reader")) as channel:
            services = ProtoReflectionDescriptorDatabase(channel).get_services()
        assert "cqc.services.v1.AssetRegistry" in services


def test_loading_the_sample_again_changes_nothing(up: Up) -> None:
    counts = json.loads(up.cqar("sample", "--json", "--address", up.address("admin")).stdout)
    assert set(counts["created"].values()) == {0}
    assert counts["unchanged"]["venues"] == 5
    done = up.cqar("sample", "--address", up.address("admin"))
    assert done.returncode == 0, done.stderr
    assert {line.partition(": ")[2].partition(",")[0] for line in done.stdout.splitlines()} == {"0 created"}


def test_killed_servers_and_processes_are_restarted_with_all_data(up: Up) -> None:
    at = len(up.said)
    for pid in (up.server("postgres"), up.server("valkey"), up.server("nats"), up.child("hotpath")):
        os.kill(pid, signal.SIGKILL)
    for title in ("PostgreSQL", "Valkey", "NATS", "hotpath"):
        up.wait_for(f"{title} is back", at)
    fields = {"symbol": "BACK", "name": "Back", "asset_type": assets_pb2.ASSET_TYPE_NATIVE}

    def works() -> bool:
        try:
            call(up, "hotpath", "CreateAsset", **fields)
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.UNAVAILABLE:
                raise
            return False
        return True

    running.until(works, "an asset created through the hot path")
    done = up.cqar("resolve", "binance", "BTCUSDT", "--address", up.address("hotpath"))
    assert "BTC/USDT  spot" in done.stdout, done.stderr


def test_a_second_up_in_the_same_home_is_refused(up: Up, home: Path) -> None:
    line = one_line(cqar("up", CQAR_HOME=str(home), **running.FREE_PORTS))
    assert f"{home} is in use by process {up.pid}" in line


def test_ctrl_c_stops_everything_in_order_and_leaves_nothing_running(up: Up) -> None:
    tree = up.tree()
    assert len(tree) > 6
    assert up.end(signal.SIGINT) == 0
    assert not [pid for pid in tree if running.runs(pid)]
    assert "Traceback" not in up.said


def test_the_next_start_keeps_the_data_and_does_not_reload_the_sample(home: Path) -> None:
    up = Up(home)
    try:
        up.wait_up()
        assert "sample      already loaded" in up.said
        done = up.cqar("resolve", "twofold", "BTC", "--type", "spot", "--address", up.address("hotpath"))
        assert "BTC/USDT  spot" in done.stdout, done.stderr
        tree = up.tree()
        assert up.end(signal.SIGKILL) == -signal.SIGKILL
        running.until(lambda: not any(map(running.runs, tree)), "nothing is left of a killed one")
    finally:
        up.close()


def test_up_starts_after_a_kill_and_gives_up_on_a_process_that_keeps_dying(home: Path) -> None:
    up = Up(home)
    try:
        up.wait_up()
        done = up.cqar("epoch", "new", "--json")
        assert set(json.loads(done.stdout)) == {"epoch", "revision"}, done.stderr
        tree = up.tree()
        for _ in range(6):
            at = len(up.said)
            os.kill(up.server("valkey"), signal.SIGKILL)
            up.wait_for("Valkey", at)
            if "stopping" not in up.said:
                up.wait_for("Valkey is back", at)
        assert up.wait() == 1
        assert "Valkey exited 6 times within a minute, so everything stops" in up.said
        assert not [pid for pid in tree if running.runs(pid)]
    finally:
        up.close()


def test_configured_servers_are_used_and_a_second_signal_kills_what_does_not_stop(settings: config.Settings) -> None:
    own = {
        "CQAR_DATABASE_URL": settings.database.url,
        "CQAR_REDIS_URL": settings.redis.url,
        "CQAR_NATS_URL": settings.nats.url,
        "CQAR_HOTPATH_HOST": "0.0.0.0",  # noqa: S104 - to see that it is not obeyed
    }
    with running.folder() as made:
        up = Up(made, "--no-sample", env=running.environment(CQAR_HOME=str(made), **running.FREE_PORTS, **own))
        try:
            up.wait_up()
            assert "hotpath.host is 0.0.0.0, but" in up.said
            assert {each.name for each in made.iterdir()} == {"lock", "log", "pepper", "credentials.json"}
            tree = up.tree()
            os.kill(up.child("hotpath"), signal.SIGSTOP)
            up.send(signal.SIGINT)
            up.wait_for("stopping")
            while up.running():
                up.send(signal.SIGINT)
            assert up.wait() == 1
            running.until(lambda: not any(map(running.runs, tree)), "nothing is left")
        finally:
            up.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_an_ordinary_user_without_a_home_folder_starts_an_empty_registry() -> None:
    found = pwd.getpwnam("nobody")
    nobody = account.Account(uid=found.pw_uid, gid=found.pw_gid)
    # This Python may lie where only root can enter: then the user may read that, and is ordinary in everything else.
    capability = 0 if nobody.reaches(Path(sys.executable)) else account.capability()
    with running.folder() as made:
        nobody.owns(made)
        env = running.environment(CQAR_HOME=str(made / "home"), CQAR_AUTH="off", **running.FREE_PORTS)
        del env["HOME"]
        line = launch.line(
            running.command("up", "--no-sample"), death=signal.SIGKILL, uid=nobody.uid, gid=nobody.gid, capability=capability
        )
        up = Up(made / "home", line=line, env=env)
        try:
            up.wait_up()
            tree = up.tree()
            assert {Path(f"/proc/{pid}").stat().st_uid for pid in tree} == {nobody.uid}
            done = up.cqar("resolve", "binance", "BTCUSDT", "--address", up.address("hotpath"))
            assert "venue binance not found" in one_line(done)
            keyless = cqar("resolve", "binance", "BTCUSDT", "--address", up.address("hotpath"), CQAR_HOME=str(made / "other"))
            assert "venue binance not found" in one_line(keyless), "with CQAR_AUTH=off no key is needed"
            assert up.end(signal.SIGTERM) == 0
            assert not [pid for pid in tree if running.runs(pid)]
        finally:
            up.close()


def _get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=running.TIMEOUT) as answer:  # noqa: S310 - an address of the stack
        body: bytes = answer.read()
    return body


def _ask(up: Up) -> tuple[str, ...]:
    return ("resolve", "binance", "BTCUSDT", "--address", up.address("hotpath"))


def _refused(words: Sequence[str], key: str) -> bool:
    return cqar(*words, CQAR_API_KEY=key).returncode != 0
