"""`cqar epoch`."""

import click

from cqar.cli import options, output
from cqar.cli.context import CommandContext
from cqar.cli.errors import reporting


@click.group()
def epoch() -> None:
    """Start a new epoch after a restore from a backup."""


@epoch.command("new")
@options.as_json("Print one JSON object.")
@click.pass_obj
def epoch_new(context: CommandContext, *, as_json: bool) -> None:
    """Start a new epoch, directly in the database. Run it after a restore from a backup.

    Workers drop their caches and load them again; nothing else changes. The database is CQAR_DATABASE_URL, or that of a
    running `cqar up` in CQAR_HOME.
    """
    from cqar.errors import CqarError
    from cqar.replication import epoch as epochs

    settings = context.with_database()
    with reporting(CqarError):
        made = epochs.new(settings.database)
    if as_json:
        output.echo_json({"epoch": str(made.epoch), "revision": made.revision})
    else:
        output.echo(f"epoch {made.epoch}, after revision {made.revision}")
