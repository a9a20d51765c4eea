"""The main command: its options, its groups of commands, and how errors end it."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

import cqar
from cqar.cli import errors, output
from cqar.cli.context import CommandContext
from cqar.cli.epoch import epoch
from cqar.cli.events import events
from cqar.cli.explain import explain
from cqar.cli.identity import identity
from cqar.cli.imports import importing
from cqar.cli.keys import keys
from cqar.cli.migrate import migrate
from cqar.cli.resolve import resolve
from cqar.cli.reviews import review
from cqar.cli.sample import sample
from cqar.cli.search import search
from cqar.cli.serve import admin, hotpath
from cqar.cli.settings import settings
from cqar.cli.up import up

_HELP = """cqar, the phonebook of a trading platform.

    It resolves a name to the canonical asset, symbol, chain or venue, with the specs needed to trade it: tick and lot size,
    fees, contract size, and whether trading is blocked. Two processes share one registry in PostgreSQL: hotpath answers
    lookups from memory and passes every other call to admin, which owns the writes.

    \b
    From nothing, on this machine:
      cqar up                          start everything, with a sample to look at
      cqar resolve binance BTCUSDT     in another shell: what does Binance mean by BTCUSDT?

    \b
    With your own servers (PostgreSQL 15, Redis 7 or Valkey, NATS 2.9 with JetStream, or newer):
      export CQAR_DATABASE_URL=postgresql://user:password@host/cqar
      export CQAR_REDIS_URL=redis://host:6379/0 CQAR_NATS_URL=nats://host:4222
      cqar migrate up
      cqar admin                       one or more; one of them relays changes
      cqar hotpath                     as many as you like

    Settings come from a YAML file (--config) and from CQAR_ variables, which override it: `cqar settings` lists them.

    \b
    Tab completion in bash (zsh and fish work the same way):
      eval "$(_CQAR_COMPLETE=bash_source cqar)"
    """


@click.group(help=_HELP, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(cqar.__version__, prog_name="cqar", message="%(prog)s %(version)s")
@click.option(
    "--config", "path", type=click.Path(path_type=Path), metavar="FILE", help="YAML file with settings. [$CQAR_CONFIG]"
)
@click.pass_context
def cli(context: click.Context, path: Path | None) -> None:
    """Prepare what all commands need."""
    context.obj = CommandContext(path)


_COMMANDS = (
    *(admin, epoch, events, explain, hotpath, identity, importing, keys, migrate),
    *(resolve, review, sample, search, settings, up),
)
for _command in _COMMANDS:
    cli.add_command(_command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command in the arguments of the process, and end the process with its exit code."""
    # An exception or a status reports gRPC failures already; gRPC's own log would repeat them.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        sys.exit(cli.main(arguments, prog_name="cqar", standalone_mode=False) or 0)
    except click.Abort:
        output.echo("cqar: interrupted", err=True)
        sys.exit(errors.INTERRUPTED)
    except click.ClickException as error:
        if "--json" in arguments:
            output.echo_json(errors.data(error), err=True)
        else:
            error.show()
        sys.exit(error.exit_code)
