"""`cqar identity`: what the codes of venues mean."""

from datetime import datetime

import click

from cqar.cli import options, output
from cqar.cli.context import CommandContext


@click.group("identity")
def identity() -> None:
    """Change what the codes of venues mean."""


@identity.command("set")
@click.argument("venue")
@click.argument("code")
@click.argument("asset")
@click.option(
    "--from",
    "since",
    type=options.Time(),
    metavar="TIME",
    help="When the code began to mean it, in ISO 8601; lookups as of earlier times find the old asset.  [always]",
)
@click.option("--notes", metavar="TEXT", help="The reason; it is stored as evidence.")
@options.as_json("Print one JSON object.")
@options.admin_address
@click.pass_obj
def identity_set(
    context: CommandContext,
    venue: str,
    code: str,
    asset: str,
    since: datetime | None,
    notes: str | None,
    address: str | None,
    *,
    as_json: bool,
) -> None:
    """Set which asset a code of a venue means, and move the markets that stand on it.

    ASSET is an id, coingecko:bitcoin, a contract eip155:1/0xdac1..., or a code of another venue kraken:XXBT.

    \b
      cqar identity set kraken LUNA coingecko:terra-luna-2 --from 2022-05-28
    """
    from cqar.importers.identity import deciding, searching

    with context.registry(address) as registry:
        answer, lines = deciding.set_identity(registry, (venue, code), asset, since, notes)
        if as_json:
            output.echo_json(searching.data(answer))
            return
        for line in lines:
            output.echo(line)
