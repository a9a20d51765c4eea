"""An embedded PostgreSQL: a cluster with the database `cqar`, on a Unix socket."""

import dataclasses
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from cqar.dev.embedded import account, binaries, home, login, programs
from cqar.dev.embedded.account import Account
from cqar.dev.embedded.home import EmbeddedError, Lock
from cqar.dev.embedded.server import Server
from cqar.server import launch

_SOCKET = ".s.PGSQL.5432"
_OLDEST = 15
#: pg_trgm recognises Cyrillic and Japanese letters only in such a locale. Older versions of macOS lack C.UTF-8.
_LOCALE = ("--locale=en_US.UTF-8", "--lc-collate=C") if sys.platform == "darwin" else ("--locale=C.UTF-8",)
#: Written once to postgresql.conf, where developers may change it.
_SETTINGS = """
# cqar
timezone = 'UTC'
log_timezone = 'UTC'
log_lock_waits = on
max_connections = 100
shared_buffers = 128MB
work_mem = 16MB
maintenance_work_mem = 128MB
random_page_cost = 1.1
jit = off
"""


class Postgres(Server):
    """PostgreSQL on a socket in its folder, with the superuser `cqar` and a database `cqar`.

    The URL names a file with the password. A throwaway server takes no password.

    If root starts it, it runs as `nobody`.
    """

    name = "postgres"
    title = "PostgreSQL"
    _end = signal.SIGINT  # fast shutdown
    _death = signal.SIGQUIT  # immediate shutdown; after SIGKILL a busy child would continue

    def __init__(self, folder: Path, *, throwaway: bool = False, durable: bool | None = None) -> None:
        """Take the folder with the data.

        throwaway: do not sync the files of initdb
        durable: whether a commit is on disk when it returns; by default true unless throwaway. kill() loses the latest
            commits of a server that is not durable; tests of crashes set it.
        """
        super().__init__(folder, throwaway=throwaway)
        self.durable = not throwaway if durable is None else durable
        self._user = Account()
        self._before = b""
        self._place = self.folder
        self._sockets = home.sockets(self.folder, _SOCKET)
        self._find()

    @property
    def url(self) -> str:
        """Return `postgresql://cqar@/cqar?host=FOLDER&passfile=FILE`, percent-encoded; final after the start."""
        passfile = "" if self.throwaway else f"&passfile={quote(str(self._passfile))}"
        return f"postgresql://{login.USER}@/cqar?host={quote(str(self._sockets))}{passfile}"

    @property
    def data(self) -> Path:
        """Return the folder of the cluster."""
        return self._place / "data"

    @property
    def _passfile(self) -> Path:
        """The password as clients of PostgreSQL read it."""
        return self.folder / "pgpass"

    @property
    def _hba(self) -> Path:
        """Who may connect. Its existence says that the role has the password."""
        return self.data / "pg_hba.cqar.conf"

    def _account(self) -> Account:
        return self._user

    def _prepare(self, held: Lock) -> Sequence[str]:
        if self._place != self.folder:
            self._trust()
        user = account.ordinary(self.data)
        folder = programs.readable(binaries.postgres(), user)
        self._user = self._settle(folder, user)
        major = _major(folder, self._user)
        self._open()
        if not (self.data / "PG_VERSION").exists():
            self._create(folder, held)
        self._check(major)
        self._forget()
        if not self.throwaway:
            self._require_password(folder, held)
        directories = '"{}"'.format(str(self._sockets).replace('"', '""'))
        options = ["listen_addresses=", "port=5432", f"unix_socket_directories={directories}", "unix_socket_permissions=0700"]
        if not self.throwaway:
            options.append(f"hba_file={self._hba}")
        words = [word for each in options for word in ("-c", each)]
        return [str(folder / "postgres"), "-D", str(self.data), *self._haste(), *words]

    def _ready(self, pid: int) -> bool:
        try:
            found = (self.data / "postmaster.pid").read_bytes()
        except FileNotFoundError:
            return False
        rows = found.split(b"\n")
        # The file of a killed server may hold the same process id.
        return found != self._before and rows[0] == b"%d" % pid and b"".join(rows[7:8]).strip() == b"ready"

    def _tidy(self) -> None:
        home.remove(self._sockets, self._place)

    def _haste(self) -> Sequence[str]:
        return () if self.durable else ("-F", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")

    def _find(self) -> None:
        """Find the cluster that an earlier start had to create elsewhere."""
        elsewhere = self.folder / "elsewhere"
        if elsewhere.is_symlink():
            self._place = elsewhere.readlink()
            self._sockets = home.sockets(self._place, _SOCKET)

    def _trust(self) -> None:
        """Check that the other place still exists and is ours: anyone can write beside it."""
        if not self._place.exists():
            link = self.folder / "elsewhere"
            message = (
                f"the data of PostgreSQL was in {self._place}, which is gone; remove {link} to start with an empty database"
            )
            raise EmbeddedError(message)
        home.own(self._place)

    def _settle(self, folder: Path, user: Account) -> Account:
        """Give the user access to the data: as it is, by a capability, or by another place for the data."""
        if user.reaches(self._place):
            return user
        able = dataclasses.replace(user, capability=account.capability())
        if able.capability and _version(folder, able).returncode == 0:
            return able
        if sys.platform == "linux" and not able.capability:
            message = "PostgreSQL refuses root, and this root cannot enter folders of other users: start cqar as another user"
            raise EmbeddedError(message)
        if self.data.exists():
            message = f"PostgreSQL refuses root, and its user cannot enter {self._place}: make the folder accessible"
            raise EmbeddedError(message)
        place = Path(tempfile.mkdtemp(prefix="cqar-postgres-", dir="/var/tmp"))
        place.chmod(0o711)
        (self.folder / "elsewhere").symlink_to(place)
        self._find()
        sys.stderr.write(f"PostgreSQL runs as user nobody, which cannot enter {self.folder}: its data is in {place}\n")
        return user

    def _create(self, folder: Path, held: Lock) -> None:
        """Create the cluster beside its place and move it there when it is complete."""
        if self.data.exists() and any(self.data.iterdir()):
            message = f"{self.data} is not a PostgreSQL data folder: move it away"
            raise EmbeddedError(message)
        new = self.data.with_suffix(".new")
        shutil.rmtree(new, ignore_errors=True)
        home.private(new)
        self._user.owns(new)
        speed = ("--no-sync",) if self.throwaway else ()
        init = ("--encoding=UTF8", *_LOCALE, "--auth=trust", "-U", "cqar", "--no-instructions", *speed)
        self._run([str(folder / "initdb"), "-D", str(new), *init], held, self._user)
        with (new / "postgresql.conf").open("a") as conf:
            conf.write(_SETTINGS)
        self._run(self._single(folder, new), held, self._user, b"CREATE DATABASE cqar\n")
        new.rename(self.data)
        if not self.throwaway:
            _sync(self._place)

    def _single(self, folder: Path, data: Path) -> list[str]:
        """The command line that runs SQL without a server."""
        return [str(folder / "postgres"), "--single", "-D", str(data), *self._haste(), "-c", "exit_on_error=on", "postgres"]

    def _require_password(self, folder: Path, held: Lock) -> None:
        """Give the role its password, once per cluster: clusters of earlier versions have none."""
        if self._passfile.exists() and self._hba.exists():
            return
        secret = login.ensure(self.folder)
        self._run(self._single(folder, self.data), held, self._user, f"ALTER ROLE cqar PASSWORD '{secret}'\n".encode())
        login.write(self._passfile, f"*:*:*:{login.USER}:{secret}\n")
        login.write(self._hba, "local all all scram-sha-256\n")
        self._user.owns(self._hba)

    def _check(self, major: int) -> None:
        found = (self.data / "PG_VERSION").read_text().strip()
        if found != str(major):
            message = (
                f"{self.data} was written by PostgreSQL {found}, but {major} is installed: "
                f"install {found}, or set CQAR_HOME to another folder"
            )
            raise EmbeddedError(message)

    def _forget(self) -> None:
        """Remove a postmaster.pid whose process id now belongs to another program: PostgreSQL would take it for its own."""
        path = self.data / "postmaster.pid"
        try:
            self._before = path.read_bytes()
        except FileNotFoundError:
            self._before = b""
            return
        number = self._before.split(b"\n")[0].decode("ascii", "replace")
        try:
            program = Path("/proc", number, "comm").read_text().strip()
        except (FileNotFoundError, ProcessLookupError):
            return
        if program != "postgres":
            path.unlink()

    def _open(self) -> None:
        """Create the folder of the socket, private to the user."""
        home.make(self._sockets, self._place)
        self._user.owns(self._sockets)
        if self._sockets.parent != self._place and self._user.uid and not self._user.capability:
            self._sockets.parent.chmod(0o711)


def _sync(folder: Path) -> None:
    """Make renames in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _version(folder: Path, user: Account) -> subprocess.CompletedProcess[str]:
    program = (str(folder / "postgres"), "--version")
    line = launch.line(program, death=signal.SIGKILL, uid=user.uid, gid=user.gid, capability=user.capability)
    return subprocess.run(  # noqa: S603 - a program of the wheel, or that the operator named
        line, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL, cwd="/"
    )


def _major(folder: Path, user: Account) -> int:
    answer = _version(folder, user)
    found = re.search(r"\(PostgreSQL\) (\d+)", answer.stdout)
    if answer.returncode != 0 or found is None:
        message = f"{folder / 'postgres'} does not run here: {(answer.stderr or answer.stdout).strip()}"
        raise EmbeddedError(message)
    major = int(found[1])
    if major < _OLDEST:
        message = f"{folder / 'postgres'} is PostgreSQL {major}: cqar needs {_OLDEST} or newer"
        raise EmbeddedError(message)
    return major
