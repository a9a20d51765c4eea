"""`cqar identity`: what the codes of venues mean."""

import sys
from datetime import datetime

import click

from cqar.cli import options, output
from cqar.cli.context import CommandContext, call_failed
from cqar.cli.errors import Interrupted
from cqar.cli.imports import REJECTED
from cqar.cli.rejudge import rejudge


@click.group("identity")
def identity() -> None:
    """Change what the codes of venues mean, and clean up after earlier versions.

    A code means the asset that the evidence decides, or a provisional asset of its own with a question: see docs/identity.md.

    \b
      cqar explain gate ZEPH                        what a code means, and why
      cqar review list                              the questions that are open
      cqar identity set gate ZEPH coingecko:zephyr-protocol     correct a mapping; its markets move
    \b
    Once, for a registry that an earlier version filled:
      cqar import ccxt gate                         record what the venue says today
      cqar identity rejudge                         see what would change
      cqar identity rejudge --apply                 write it; it can be interrupted and repeated
      cqar identity clean-specs --dry-run           numbers that imports wrote on canonical symbols
    """


identity.add_command(rejudge)


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


@identity.command("clean-specs")
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@click.option("--quiet", is_flag=True, help="Print the totals only, and no progress.")
@click.option("--verbose", is_flag=True, help="Print every symbol that changes.")
@options.as_json("Print one JSON object.")
@options.admin_address
@click.pass_obj
def identity_clean_specs(context: CommandContext, /, address: str | None, **asked: bool) -> None:
    """Unset the numbers that imports wrote on canonical symbols.

    Earlier versions gave a symbol the tick size, lot size and contract size of its first market, and venues without numbers
    of their own answered them. Numbers that people set stay. Where the audit does not tell who wrote a number, it stays and
    is reported. Needs the key of an admin, to read the audit.
    """
    from cqar.importers import schedule
    from cqar.importers.identity import clean_specs

    address = address or context.admin()
    once = schedule.Once(
        address=address,
        key=context.key("admin", address),
        outgoing=context.tls(address),
        source="identity clean-specs",
        options={"dry_run": asked["dry_run"]},
        **{name: asked[name] for name in ("as_json", "verbose", "quiet")},
    )
    try:
        rejected = once.run(clean_specs.clean)
    except schedule.EXPECTED as error:
        raise call_failed(error, address, once.key) from error
    except schedule.Stopped as stopped:
        raise Interrupted(stopped) from stopped
    sys.exit(REJECTED if rejected else 0)
