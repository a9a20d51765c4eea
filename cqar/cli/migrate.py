"""`cqar migrate`."""

import sys

import click

from cqar.cli import options, output
from cqar.cli.context import CommandContext
from cqar.cli.errors import reporting

_each_as_json = options.as_json("Print one JSON object per migration that it applies or reverts.")


@click.group()
def migrate() -> None:
    """Apply or revert database migrations.

    The database is CQAR_DATABASE_URL, or that of a running `cqar up` in CQAR_HOME.

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
@_each_as_json
@click.pass_obj
def migrate_up(context: CommandContext, revision: str, *, as_json: bool) -> None:
    """Apply the pending migrations up to and including REVISION: 0002, +1 or head (the default)."""
    _move(context, revision, upwards=True, as_json=as_json)


@migrate.command("down")
@click.argument("revision", default="-1")
@_each_as_json
@click.pass_obj
def migrate_down(context: CommandContext, revision: str, *, as_json: bool) -> None:
    """Revert the migrations above REVISION: 0002, base or -1 (the default). Their data is lost."""
    _move(context, revision, upwards=False, as_json=as_json)


def _move(context: CommandContext, revision: str, *, upwards: bool, as_json: bool) -> None:
    from cqar.storage import migrate as migrations

    url = context.with_database().database.url
    with reporting(migrations.MigrateError):
        if as_json:
            migrations.move(url, revision, lambda each: output.echo_json(each._asdict()), upwards=upwards)
        else:
            (migrations.up if upwards else migrations.down)(url, revision, output.echo)


@migrate.command("status")
@options.as_json("Print a JSON list.")
@click.pass_obj
def migrate_status(context: CommandContext, *, as_json: bool) -> None:
    """List all migrations. The exit code is 1 if some are pending."""
    from cqar.storage import migrate as migrations

    with reporting(migrations.MigrateError):
        found = migrations.status(context.with_database().database.url)
    if as_json:
        output.echo_json([each._asdict() for each in found])
    else:
        for each in found:
            output.echo(f"{each.revision} {each.title}: {'applied' if each.applied else 'pending'}")
    sys.exit(0 if all(each.applied for each in found) else 1)


@migrate.command("sql")
@click.argument("revision", default="head")
@click.option("--from", "start", default="base", show_default=True, help="Revision of the database.")
@options.as_json("Print a JSON object with the SQL.")
def migrate_sql(revision: str, start: str, *, as_json: bool) -> None:
    """Print the SQL that takes a database to REVISION (head), up or down, for a DBA to run.

    \b
      cqar migrate sql --from 0002 > upgrade.sql
      psql --set ON_ERROR_STOP=1 --file upgrade.sql
    """
    from cqar.storage import migrate as migrations

    with reporting(migrations.MigrateError):
        sql = migrations.script(revision, start)
    if as_json:
        output.echo_json({"sql": sql})
    else:
        click.echo(sql, nl=False)
