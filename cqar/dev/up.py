"""`cqar up`: everything on one machine, in the foreground, for development.

Starts embedded servers unless the settings name others, then the migrations, admin, hotpath and the sample. Restarts what
dies, up to a limit. When this process ends, for whatever reason, everything ends; the data stays.
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NoReturn

import click
import grpc
import msgspec

from cqar import config
from cqar.client import credentials, resolve
from cqar.client.connect import connected
from cqar.dev import keys, ports
from cqar.dev.children import Child, Health
from cqar.dev.embedded import EmbeddedError, Nats, Postgres, Server, Valkey, lock
from cqar.dev.ports import LOOPBACK, UpError
from cqar.dev.sample import load as sample
from cqar.dev.signals import Signals, Stopped
from cqar.model.call import Role
from cqar.redaction import printable
from cqar.storage import migrate, parts
from cqar.storage.postgres import Pool

#: Seconds until admin and hotpath must be ready, and how many of these they may wait for a dependency.
_READY_SECONDS = 60.0
_DEGRADED_SECONDS = 5.0
#: Seconds in which the worker must see the sample.
_FOLLOW_SECONDS = 5.0
#: Seconds between two checks of what runs.
_TICK = 0.1
#: Restarts allowed within a number of seconds, and the delay before the first one, which doubles.
_RESTARTS = 5
_WITHIN = 60.0
_BACKOFF = 0.1
#: Seconds in which a warning is not repeated on the terminal.
_QUIET = 30.0

_EXAMPLE = resolve.Question("binance", "BTCUSDT")
#: Formats an answer for the terminal.
Render = Callable[[resolve.Question, resolve.Answer], str]


class Restarts:
    """The recent deaths of one process."""

    def __init__(self) -> None:
        self._times: deque[float] = deque()

    def delay(self, now: float) -> float | None:
        """Record a death at `now` (seconds) and return the delay before the restart; None after too many deaths."""
        while self._times and self._times[0] <= now - _WITHIN:
            self._times.popleft()
        if len(self._times) >= _RESTARTS:
            return None
        self._times.append(now)
        return float(_BACKOFF * 2 ** (len(self._times) - 1))


def run(settings: config.Settings, given: frozenset[str], *, load_sample: bool, render: Render) -> None:
    """Start everything and stay until SIGINT, SIGTERM or SIGHUP. Call it in the main thread.

    `given` names the settings that the user set: their servers are used instead of embedded ones. `render` formats the
    example. Raises UpError, EmbeddedError, MigrateError and LoadError; nothing keeps running then.
    """
    signals = Signals()
    signals.listen()
    home = Path(settings.home).absolute()
    with lock(home), contextlib.suppress(Stopped):
        up = _Up(settings, given, home, signals, render)
        try:
            up.start(load_sample=load_sample)
            up.stay()
        finally:
            up.stop()


def say(text: str = "") -> None:
    """Print a line, unless the terminal is gone."""
    with contextlib.suppress(OSError):
        click.echo("\n".join(map(printable, text.split("\n"))))


class _Up:
    """Everything that runs: servers and child processes in the order of their start."""

    def __init__(self, settings: config.Settings, given: frozenset[str], home: Path, signals: Signals, render: Render) -> None:
        self._settings = settings
        self._given = given
        self._home = home
        self._signals = signals
        self._render = render
        self._ports: Mapping[str, int] = {}
        self._urls: dict[str, str] = {}
        #: the keys by role
        self._keys: Mapping[str, str] = {}
        self._pepper = settings.pepper
        self._running: list[Server | Child] = []
        self._restarts: dict[str, Restarts] = {}
        self._due: dict[str, float] = {}
        self._restarted: set[Server | Child] = set()
        self._warned: dict[tuple[str, str], float] = {}

    # ---- start -----------------------------------------------------------------------------------------------------

    def start(self, *, load_sample: bool) -> None:
        """Start everything and print the addresses. Raises as `run`, and Stopped."""
        self._ports = ports.choose(self._settings)
        say(f"cqar starts in {self._home}")
        for name, host in (("hotpath", self._settings.hotpath.host), ("admin", self._settings.admin.host)):
            if f"{name}.host" in self._given and host != LOOPBACK:
                say(f"  {name}.host is {host}, but development mode listens on {LOOPBACK} only")
        for name, kind, url in (
            ("database", Postgres, self._settings.database.url),
            ("redis", Valkey, self._settings.redis.url),
            ("nats", Nats, self._settings.nats.url),
        ):
            self._urls[name] = url if f"{name}.url" in self._given else self._embed(kind(self._home / kind.name))
            self._signals.check()
        migrate.up(self._urls["database"], report=lambda line: self._progress("migrations", line))
        self._signals.check()
        self._ensure_keys()
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
            self._example(timeout=_FOLLOW_SECONDS if loaded else 0)

    def _ensure_keys(self) -> None:
        """Create the keys. Calls need one unless the settings say otherwise."""
        self._pepper = self._pepper or credentials.pepper(self._home)
        database = msgspec.structs.replace(self._settings.database, url=self._urls["database"])
        settings = msgspec.structs.replace(self._settings, pepper=self._pepper, database=database)
        new = asyncio.run(keys.ensure(settings, self._home))
        self._keys = credentials.read(self._home)
        optional = "" if self._auth == "keys" else "; calls need none"
        self._progress("keys", f"{'created' if new else 'unchanged'}, in {self._home / credentials.FILE}{optional}")

    @property
    def _auth(self) -> str:
        """Whether calls need a key: yes, unless the user set it."""
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
        """Wait until a child is ready with all dependencies; after a while, with those that are up."""
        began = time.monotonic()
        health = Health(ready=False, down=())
        while not (health.ready and (not health.down or time.monotonic() - began > _DEGRADED_SECONDS)):
            code = child.poll()
            if code is not None:
                self._fail(child, f"exited with code {code} at its start")
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
        """Load the sample once per registry, so that rows a user deletes stay deleted. Return whether it was loaded now."""
        mark = self._home / "sample"
        epoch = asyncio.run(_epoch(self._settings, self._urls["database"]))
        if mark.exists() and mark.read_text().strip() == epoch:
            self._progress("sample", "already loaded")
            return False
        began = time.monotonic()
        with connected(self._address("admin"), self._key(Role.WRITER)) as channel:
            report = sample.load(channel, progress=lambda _line: self._signals.check())
        mark.write_text(f"{epoch}\n")
        facts = f"{sum(report.created.values())} facts created, {sum(report.unchanged.values())} unchanged"
        self._progress("sample", f"{facts}, in {time.monotonic() - began:.1f} s")
        return True

    # ---- addresses --------------------------------------------------------------------------------------------------

    def _report(self) -> None:
        say("\ncqar is up; Ctrl-C stops it, the data stays")
        for name in ("hotpath", "admin"):
            http = f"http://{LOOPBACK}:{self._ports[f'CQAR_{name.upper()}_HTTP_PORT']}/health/ready"
            self._progress(name, f"gRPC {self._address(name)}, HTTP {http}")
        self._progress("API page", f"http://{LOOPBACK}:{self._ports['CQAR_ADMIN_HTTP_PORT']}/docs")
        for title, name in (("PostgreSQL", "database"), ("Redis", "redis"), ("NATS", "nats")):
            url = self._urls[name]
            # Embedded servers take a login: the user who started them needs it.
            self._progress(title, config.masked(url) if f"{name}.url" in self._given else url)
        self._progress("logs", str(self._home / "log"))

    def _example(self, timeout: float) -> None:
        """Resolve a symbol as a user would. The worker may need up to `timeout` seconds to see what was just written."""
        standard = self._ports["CQAR_HOTPATH_PORT"] == config.Hotpath().port
        where = "" if standard else f" --address {self._address('hotpath')}"
        say(f"\n$ cqar resolve {_EXAMPLE.venue} {_EXAMPLE.symbol}{where}")
        until = time.monotonic() + timeout
        with connected(self._address("hotpath"), self._key(Role.READER)) as channel:
            while True:
                try:
                    say(self._render(_EXAMPLE, resolve.ask(channel, _EXAMPLE)))
                except resolve.ResolveError as error:
                    if error.code is grpc.StatusCode.NOT_FOUND and time.monotonic() < until:
                        self._signals.sleep(0.05)
                        continue
                    say(str(error))
                return

    def _progress(self, title: str, what: str) -> None:
        say(f"  {title:<11} {what}")

    # ---- while it runs ---------------------------------------------------------------------------------------------

    def stay(self) -> None:
        """Restart what dies and show warnings of admin and hotpath. Raises UpError, and Stopped at the end."""
        while True:
            self._signals.sleep(_TICK)
            for each in self._running:
                self._check(each)
            self._report_restarted()
            for child in self._children():
                self._show_warnings(child)

    def _check(self, each: Server | Child) -> None:
        code = each.poll()
        if code is None:
            return
        now = time.monotonic()
        if each.title not in self._due:
            delay = self._restarts.setdefault(each.title, Restarts()).delay(now)
            if delay is None:
                message = f"{each.title} exited {_RESTARTS + 1} times within a minute, so everything stops; see {each.log}"
                raise UpError(message)
            say(f"{each.title} exited with code {code}; restarting it")
            self._due[each.title] = now + delay
        elif now >= self._due[each.title]:
            del self._due[each.title]
            self._restart(each)

    def _restart(self, each: Server | Child) -> None:
        try:
            each.start()
        except (EmbeddedError, OSError) as error:
            say(str(error))
        else:
            self._restarted.add(each)

    def _report_restarted(self) -> None:
        """Report restarted processes that answer again."""
        for each in list(self._restarted):
            if each.poll() is not None:
                self._restarted.discard(each)
            elif isinstance(each, Server) or each.health().ready:
                self._restarted.discard(each)
                say(f"{each.title} is back")

    def _show_warnings(self, child: Child) -> None:
        for event, line in child.warnings():
            now = time.monotonic()
            if now - self._warned.get((child.title, event), -_QUIET) >= _QUIET:
                self._warned[child.title, event] = now
                say(f"{child.title}: {line}")

    # ---- end -------------------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """Stop everything, last started first."""
        if self._running:
            say("stopping")
        with contextlib.ExitStack() as last_first:
            for each in self._running:
                last_first.callback(each.stop)


async def _epoch(settings: config.Settings, url: str) -> str:
    """Return the epoch of the database, which identifies its registry."""
    pool = Pool(msgspec.structs.replace(settings.database, url=url), statement_timeout=10, name="cqar-up")
    await pool.open()
    try:
        async with pool.session() as session:
            head = await session.row(parts.HEAD)
            return "" if head is None else str(head["epoch"])
    finally:
        await pool.close()
