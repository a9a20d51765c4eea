"""`cqar up`: everything on one machine, from nothing, in the foreground. The development mode.

Embedded servers for what the settings do not name, then the migrations, admin, hotpath and the sample. What dies is started
again, until it has died too often. At the end of this process, however it ends, all of it ends; the data stay.
"""

import asyncio
import contextlib
import os
import signal
import socket
import time
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import NoReturn

import click
import grpc
import msgspec

from cqar import config
from cqar.cli import credentials, resolve
from cqar.client.connect import connected
from cqar.dev.children import Child, Health
from cqar.dev.embedded import EmbeddedError, Nats, Postgres, Server, Valkey, lock, processes
from cqar.dev.sample import load as sample
from cqar.model.call import Role
from cqar.storage import migrate, parts
from cqar.storage.postgres import Store

LOOPBACK = "127.0.0.1"
_STDOUT = 1

#: Seconds until admin and hotpath have to be ready, and how long of these they may be without a dependency.
_READY_SECONDS = 60.0
_DEGRADED_SECONDS = 5.0
#: Seconds in which the worker has to know what was written.
_FOLLOW_SECONDS = 5.0
#: Seconds between two looks at what runs.
_TICK = 0.1
#: How often something may be started again within how many seconds, and the seconds before the first time, which double.
_RESTARTS = 5
_WITHIN = 60.0
_BACKOFF = 0.1
#: Seconds in which a signal that comes again counts as the same: make passes on what the whole group got already.
_ONE_SIGNAL = 0.5
#: Seconds that a complaint is not repeated on the terminal.
_QUIET = 30.0
#: Seconds that a port may take to be free, which a killed predecessor had.
_LET_GO = 1.0

_EXAMPLE = resolve.Question("binance", "BTCUSDT")


class UpError(Exception):
    """`cqar up` cannot start or go on: `str()` says why and what to do."""


class Stopped(Exception):
    """SIGINT, SIGTERM or SIGHUP has come, or the terminal is gone."""


class Signals:
    """The wish to stop. A second one, later than what counts as the same, kills everything at once."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._terminal = os.isatty(_STDOUT)

    def listen(self) -> None:
        """Take the signals from now on."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._take)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as nohup wants it
            signal.signal(signal.SIGHUP, self._take)

    def check(self) -> None:
        """Raise Stopped if a signal has come, or the terminal that there was is gone, of which make does not tell."""
        if self._since is not None or (self._terminal and not os.isatty(_STDOUT)):
            raise Stopped

    def sleep(self, seconds: float) -> None:
        """Wait; raises Stopped when a signal has come."""
        self.check()
        time.sleep(seconds)
        self.check()

    def _take(self, _number: int, _frame: FrameType | None) -> None:
        if self._since is None:
            self._since = time.monotonic()
        elif time.monotonic() - self._since > _ONE_SIGNAL:
            for pid in processes.tree(os.getpid())[1:]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            os._exit(1)


class Restarts:
    """How often one thing has died lately."""

    def __init__(self) -> None:
        self._times: deque[float] = deque()

    def delay(self, now: float) -> float | None:
        """It died at `now` (seconds): how long to wait before it is started again. None: too often, give up."""
        while self._times and self._times[0] <= now - _WITHIN:
            self._times.popleft()
        if len(self._times) >= _RESTARTS:
            return None
        self._times.append(now)
        return float(_BACKOFF * 2 ** (len(self._times) - 1))


def run(settings: config.Settings, given: frozenset[str], *, load_sample: bool) -> None:
    """Start everything and stay until SIGINT, SIGTERM or SIGHUP. To be called in the main thread.

    `given` names the settings that were set: what they address is used and not embedded. Raises UpError, EmbeddedError,
    MigrateError, LoadError; nothing is left running then.
    """
    signals = Signals()
    signals.listen()
    home = Path(settings.home).absolute()
    with lock(home), contextlib.suppress(Stopped):
        up = _Up(settings, given, home, signals)
        try:
            up.start(load_sample=load_sample)
            up.stay()
        finally:
            up.stop()


def ports(settings: config.Settings) -> dict[str, int]:
    """The port to listen on of each setting that names one: that, or a free one for 0. Raises UpError where one is taken."""
    wanted = {
        "CQAR_HOTPATH_PORT": settings.hotpath.port,
        "CQAR_HOTPATH_HTTP_PORT": settings.hotpath.http_port,
        "CQAR_ADMIN_PORT": settings.admin.port,
        "CQAR_ADMIN_HTTP_PORT": settings.admin.http_port,
        "CQAR_METRICS_PORT": settings.metrics.port,
    }
    with contextlib.ExitStack() as held:
        found: dict[str, int] = {}
        for variable, port in sorted(wanted.items(), key=lambda each: -each[1]):  # free ones are chosen beside the others
            if port and port in found.values():
                message = f"{variable} is {port}, which another setting of a port is too: set {variable} to another port"
                raise UpError(message)
            found[variable] = _hold(held, variable, port)
    return found


def _hold(held: contextlib.ExitStack, variable: str, port: int) -> int:
    until = time.monotonic() + _LET_GO
    while True:
        probe = socket.socket()
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except PermissionError:
            probe.close()
            message = f"port {port} is for root alone: set {variable} to another port"
            raise UpError(message) from None
        except OSError:
            probe.close()
            if time.monotonic() < until:
                time.sleep(0.05)
                continue
            message = f"port {port} is in use: stop what listens there, or set {variable} to another port (0 takes a free one)"
            raise UpError(message) from None
        held.enter_context(contextlib.closing(probe))
        return int(probe.getsockname()[1])


def say(text: str = "") -> None:
    """A line on the terminal, if there still is one."""
    with contextlib.suppress(OSError):
        click.echo(text)


class _Up:
    """All that runs: servers and children in the order of their start."""

    def __init__(self, settings: config.Settings, given: frozenset[str], home: Path, signals: Signals) -> None:
        self._settings = settings
        self._given = given
        self._home = home
        self._signals = signals
        self._ports: Mapping[str, int] = {}
        self._urls: dict[str, str] = {}
        #: the keys by role
        self._keys: Mapping[str, str] = {}
        self._pepper = settings.pepper
        self._running: list[Server | Child] = []
        self._restarts: dict[str, Restarts] = {}
        self._due: dict[str, float] = {}
        self._reviving: set[Server | Child] = set()
        self._told: dict[tuple[str, str], float] = {}

    # ---- start -----------------------------------------------------------------------------------------------------

    def start(self, *, load_sample: bool) -> None:
        """Start everything and say what stands where. Raises as `run`, and Stopped."""
        self._ports = ports(self._settings)
        say(f"cqar starts in {self._home}")
        for name, host in (("hotpath", self._settings.hotpath.host), ("admin", self._settings.admin.host)):
            if f"{name}.host" in self._given and host != LOOPBACK:
                say(f"  {name}.host is {host}, but this is the development mode: it listens on {LOOPBACK} alone")
        for name, kind, url in (
            ("database", Postgres, self._settings.database.url),
            ("redis", Valkey, self._settings.redis.url),
            ("nats", Nats, self._settings.nats.url),
        ):
            self._urls[name] = url if f"{name}.url" in self._given else self._embed(kind(self._home / kind.name))
            self._signals.check()
        migrate.up(self._urls["database"], report=lambda line: self._progress("migrations", line))
        self._signals.check()
        self._open_door()
        log = self._home / "log"
        log.mkdir(exist_ok=True)
        for name in ("admin", "hotpath"):
            self._signals.check()
            http_port = self._ports[f"CQAR_{name.upper()}_HTTP_PORT"]
            child = Child(name, environment=self._environment(), log=log / f"{name}.log", http_port=http_port)
            self._running.append(child)
            child.start()
        for child in self._children():
            self._await(child)
        loaded = load_sample and self._load()
        self._report()
        if load_sample:
            self._example(patience=_FOLLOW_SECONDS if loaded else 0)

    def _open_door(self) -> None:
        """Make the keys, which are asked for unless the settings say otherwise."""
        self._pepper = self._pepper or credentials.pepper(self._home)
        database = msgspec.structs.replace(self._settings.database, url=self._urls["database"])
        settings = msgspec.structs.replace(self._settings, pepper=self._pepper, database=database)
        new = asyncio.run(credentials.ensure(settings, self._home))
        self._keys = credentials.read(self._home)
        asked = "" if self._auth == "keys" else "; anybody may call without one"
        self._progress("keys", f"{'made' if new else 'kept'}, in {self._home / credentials.FILE}{asked}")

    @property
    def _auth(self) -> str:
        """Who may call: whoever has a key, unless somebody has set it."""
        return self._settings.auth if "auth" in self._given else "keys"

    def _key(self, role: Role) -> str | None:
        return self._keys.get(role.name.lower())

    def _embed(self, server: Server) -> str:
        began = time.monotonic()
        server.start()
        self._running.append(server)
        self._progress(server.title, f"started in {time.monotonic() - began:.1f} s")
        return server.url

    def _environment(self) -> dict[str, str]:
        return {
            "CQAR_DATABASE_URL": self._urls["database"],
            "CQAR_REDIS_URL": self._urls["redis"],
            "CQAR_NATS_URL": self._urls["nats"],
            **{variable: str(port) for variable, port in self._ports.items()},
            "CQAR_HOTPATH_HOST": LOOPBACK,
            "CQAR_HOTPATH_WORKERS": str(self._settings.hotpath.workers or 1),
            "CQAR_ADMIN_HOST": LOOPBACK,
            "CQAR_HOTPATH_ADMIN_ADDRESS": self._address("admin"),
            "CQAR_REFLECTION": "true",
            "CQAR_AUTH": self._auth,
            "CQAR_PEPPER": self._pepper,
            "CQAR_LOG_FORMAT": "json",
        }

    def _address(self, name: str) -> str:
        return f"{LOOPBACK}:{self._ports[f'CQAR_{name.upper()}_PORT']}"

    def _children(self) -> Iterator[Child]:
        return (each for each in self._running if isinstance(each, Child))

    def _await(self, child: Child) -> None:
        """Wait until a child answers with all that it depends on, or for a while with what there is of it."""
        began = time.monotonic()
        health = Health(ready=False, down=())
        while not (health.ready and (not health.down or time.monotonic() - began > _DEGRADED_SECONDS)):
            code = child.poll()
            if code is not None:
                self._fail(child, f"ended with code {code} at its start")
            if time.monotonic() - began > _READY_SECONDS:
                self._fail(child, f"was not ready within {_READY_SECONDS:.0f} s")
            self._signals.sleep(0.02)
            health = child.health()
        without = f" without {', '.join(health.down)}" if health.down else ""
        self._progress(child.title, f"ready in {time.monotonic() - began:.1f} s{without}")

    def _fail(self, child: Child, what: str) -> NoReturn:
        message = "\n  ".join([f"{child.title} {what}; the end of {child.log}:", *child.tail()])
        raise UpError(message)

    def _load(self) -> bool:
        """Load the sample, once for each registry: what somebody removes of it stays removed. Whether it was done now."""
        mark = self._home / "sample"
        epoch = asyncio.run(_epoch(self._settings, self._urls["database"]))
        if mark.exists() and mark.read_text().strip() == epoch:
            self._progress("sample", "loaded already")
            return False
        began = time.monotonic()
        with connected(self._address("admin"), self._key(Role.WRITER)) as channel:
            report = sample.load(channel, progress=lambda _line: self._signals.check())
        mark.write_text(f"{epoch}\n")
        facts = f"{sum(report.created.values())} facts created, {sum(report.unchanged.values())} there already"
        self._progress("sample", f"{facts}, in {time.monotonic() - began:.1f} s")
        return True

    # ---- what stands where -----------------------------------------------------------------------------------------

    def _report(self) -> None:
        say("\ncqar is up; Ctrl-C stops it, the data stay")
        for name in ("hotpath", "admin"):
            http = f"http://{LOOPBACK}:{self._ports[f'CQAR_{name.upper()}_HTTP_PORT']}/health/ready"
            self._progress(name, f"gRPC {self._address(name)}, HTTP {http}")
        for title, name in (("PostgreSQL", "database"), ("Redis", "redis"), ("NATS", "nats")):
            self._progress(title, config.masked(self._urls[name]))
        self._progress("logs", str(self._home / "log"))

    def _example(self, patience: float) -> None:
        """Resolve a symbol as a user would; what was written just now may need so many seconds to get to the worker."""
        standard = self._ports["CQAR_HOTPATH_PORT"] == config.Hotpath().port
        where = "" if standard else f" --address {self._address('hotpath')}"
        say(f"\n$ cqar resolve {_EXAMPLE.venue} {_EXAMPLE.symbol}{where}")
        until = time.monotonic() + patience
        with connected(self._address("hotpath"), self._key(Role.READER)) as channel:
            while True:
                try:
                    say(resolve.text(_EXAMPLE, resolve.ask(channel, _EXAMPLE)).rstrip())
                except resolve.ResolveError as error:
                    if error.code is grpc.StatusCode.NOT_FOUND and time.monotonic() < until:
                        self._signals.sleep(0.05)
                        continue
                    say(str(error))
                return

    def _progress(self, title: str, what: str) -> None:
        say(f"  {title:<11} {what}")

    # ---- as long as it runs ----------------------------------------------------------------------------------------

    def stay(self) -> None:
        """Start again what dies, and show what admin and hotpath complain of. Raises UpError, and Stopped at the end."""
        while True:
            self._signals.sleep(_TICK)
            for each in self._running:
                self._tend(each)
            self._welcome()
            for child in self._children():
                self._pass_on(child)

    def _tend(self, each: Server | Child) -> None:
        code = each.poll()
        if code is None:
            return
        now = time.monotonic()
        if each.title not in self._due:
            delay = self._restarts.setdefault(each.title, Restarts()).delay(now)
            if delay is None:
                message = f"{each.title} ended {_RESTARTS + 1} times within a minute, so everything stops; see {each.log}"
                raise UpError(message)
            say(f"{each.title} ended with code {code}; it is started again")
            self._due[each.title] = now + delay
        elif now >= self._due[each.title]:
            del self._due[each.title]
            self._revive(each)

    def _revive(self, each: Server | Child) -> None:
        try:
            each.start()
        except (EmbeddedError, OSError) as error:
            say(str(error))
        else:
            self._reviving.add(each)

    def _welcome(self) -> None:
        """Say what of the revived answers again."""
        for each in list(self._reviving):
            if each.poll() is not None:
                self._reviving.discard(each)
            elif isinstance(each, Server) or each.health().ready:
                self._reviving.discard(each)
                say(f"{each.title} is back")

    def _pass_on(self, child: Child) -> None:
        for event, line in child.complaints():
            now = time.monotonic()
            if now - self._told.get((child.title, event), -_QUIET) >= _QUIET:
                self._told[child.title, event] = now
                say(f"{child.title}: {line}")

    # ---- end -------------------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """Stop everything in order, the last that was started first."""
        if self._running:
            say("stopping")
        with contextlib.ExitStack() as last_first:
            for each in self._running:
                last_first.callback(each.stop)


async def _epoch(settings: config.Settings, url: str) -> str:
    """Which registry the database holds: no two have the same epoch."""
    store = Store(msgspec.structs.replace(settings.database, url=url), statement_timeout=10, name="cqar-up")
    await store.open()
    try:
        async with store.session() as session:
            head = await session.row(parts.HEAD)
            return "" if head is None else str(head["epoch"])
    finally:
        await store.close()
