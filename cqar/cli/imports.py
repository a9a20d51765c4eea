"""`cqar import`."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from cqar.cli import options, output
from cqar.cli.context import CommandContext, call_failed
from cqar.cli.errors import Interrupted

#: Exit code if rows were rejected.
REJECTED = 2
#: Parameters that are fields of `cqar.importers.run.run.Options`.
_RUN_OPTIONS = frozenset({"dry_run", "overwrite", "delist", "one_venue", "precision_mode"})


def _options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that every import has."""
    for option in (
        options.admin_address,
        click.option(
            "--every", type=options.Interval(), metavar="INTERVAL", help="Run repeatedly: 90s, 15m, 6h or 1d between starts."
        ),
        options.as_json("Print one JSON object per run."),
        click.option("--overwrite", is_flag=True, help="Replace values that other sources wrote."),
        click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing."),
        click.option("--quiet", is_flag=True, help="Print the totals only, and no progress."),
        click.option("--verbose", is_flag=True, help="Print every row that is created, updated or refused."),
    ):
        command = option(command)
    return command


@click.group("import")
def importing() -> None:
    """Fill the registry from what exchanges and token lists publish.

    \b
    The order, each step after the facts that it builds on:
      cqar import chains FILE              chains
      cqar import assets FILE              assets by CoinGecko id
      cqar import deployments FILE         contracts on chains
      cqar import coingecko FILE           which contract is which coin, by CAIP-19
      cqar import relationships FILE       what is bridged, wrapped or staked
      cqar import tokenlist URL-or-FILE    a list in the Uniswap schema
      cqar import venues FILE              exchanges
      cqar import ccxt EXCHANGE            the markets of an exchange, live or from a file
      cqar import csv KIND FILE            your own table

    An import prints a summary, the first rows that need attention, and the totals as the last line. Start with --dry-run;
    --verbose prints every row. A second run changes nothing. Uncertain matches become questions: cqar review list.

    The exit code is 2 if rows were rejected, and 130 after Ctrl-C.
    """


def _document(name: str, about: str, role: str = "writer") -> None:
    """Add the command that imports one kind of document, with the key of a role."""

    @importing.command(name, help=about, short_help=about.partition("\n")[0].partition(".")[0])
    @click.argument("place", metavar="URL-or-FILE" if name == "tokenlist" else "FILE")
    @_options
    @click.pass_obj
    def command(context: CommandContext, /, place: str, **asked: Any) -> None:
        from importlib import import_module

        from cqar.importers.run import documents

        loader = import_module(f"cqar.importers.sources.{name}")
        _repeated(
            context, f"{name} {place}", asked, lambda run: loader.load(run, documents.load(place), Path(place).name), role
        )


_document(
    "chains",
    "Import chains. Rows of several sources with one CAIP-2 id are one chain; the first source wins.",
)
_document("assets", "Import assets by CoinGecko id, with the names that each source uses.")
_document("deployments", "Import contracts and native coins on chains. The address decides which asset it is.")
_document(
    "coingecko",
    "Import CoinGecko's list of contracts: pairs of a CAIP-19 id and a CoinGecko id. It needs an admin's key to merge assets.",
    role="admin",
)
_document("relationships", "Import relationships of tokens: bridged, wrapped, staked, synthetic, migrated.")
_document("tokenlist", "Import a token list in the Uniswap schema. A version older than the last imported one is refused.")
_document("venues", "Import exchanges as ccxt declares them: names, URLs, fees, renamed tickers.")


@importing.group("csv")
def table() -> None:
    """Import your own table: the first line holds column names, then one row per line.

    An empty cell leaves the field as it is; several texts in a cell are separated by a semicolon. Ids of other rows may be
    natural keys: coingecko:bitcoin, kraken:XXBT (a venue's code), eip155:1 (a CAIP-2 id). Text that a spreadsheet may have
    rewritten (1E5, TRUE, 12-Mar) is refused; put an apostrophe before it: '1E5

    \b
      cqar import csv venue_symbol --help     the columns of a kind, and an example
      cqar import csv venue_symbol listings.csv --dry-run
    """


class _Table(click.Command):
    """A command whose help lists the columns of its kind and shows an example."""

    def format_epilog(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write columns and example."""
        from cqar.importers.sources import spreadsheet

        kind = str(self.name)
        with formatter.section("Columns"):
            formatter.write_dl(spreadsheet.columns(kind))
        with formatter.section("Example"):
            for line in spreadsheet.EXAMPLES[kind].split("\n"):
                formatter.write(f"{'':{formatter.current_indent}}{line}\n")
        super().format_epilog(context, formatter)


def _table_command(kind: str, about: str) -> None:
    """Add the command that imports tables of one kind."""

    @table.command(kind, cls=_Table, help=f"Import {about} from a table.", short_help=about)
    @click.argument("place", metavar="FILE")
    @_options
    @click.pass_obj
    def command(context: CommandContext, /, place: str, **asked: Any) -> None:
        from cqar.importers.run import documents
        from cqar.importers.sources import spreadsheet

        name = Path(place).name
        _repeated(context, f"csv {kind} {name}", asked, lambda run: spreadsheet.load(run, documents.load(place), name, kind))


for _kind, _about in (
    ("chain", "chains"),
    ("asset", "assets"),
    ("asset_deployment", "contracts and native coins on chains"),
    ("asset_identifier", "ids of assets in other systems"),
    ("asset_relationship", "relationships of assets"),
    ("asset_group", "groups of assets"),
    ("asset_group_member", "members of groups"),
    ("venue", "venues"),
    ("venue_asset", "codes of venues for assets"),
    ("symbol", "symbols"),
    ("symbol_identifier", "ids of symbols in other systems"),
    ("venue_symbol", "listings of venues"),
):
    _table_command(_kind, _about)


@importing.command("ccxt")
@click.argument("exchange")
@click.option("--file", "place", metavar="FILE", help="A file with ccxt's markets; the exchange is not called.")
@click.option(
    "--currencies", metavar="FILE", help="The exchange's currencies as ccxt gives them: names and contract addresses."
)
@click.option("--one-venue", is_flag=True, help="Keep one venue for an exchange whose ids collide across types.")
@click.option("--new-venue", is_flag=True, help="With --file: create a venue that is not an exchange in ccxt.")
@click.option(
    "--delist", is_flag=True, help="End listings that the source no longer has: at most a fifth, but ten, of a venue."
)
@click.option(
    "--delist-limit", type=options.Share(), metavar="N|N%", help="The most listings of a venue that --delist ends.  [20%]"
)
@click.option(
    "--precision-mode",
    type=click.Choice(["tick_size", "decimal_places", "significant_digits"]),
    help="The meaning of `precision`, if the payloads do not prove it.",
)
@_options
@click.pass_obj
def ccxt_markets(
    context: CommandContext,
    /,
    exchange: str,
    place: str | None,
    *,
    currencies: str | None,
    new_venue: bool,
    **asked: Any,
) -> None:
    """Import the markets of an exchange, by its id in ccxt: binance, okx, kraken ...

    Without --file the package ccxt calls the exchange (pip install 'cqar[importers]'). An exchange whose ids collide across
    types becomes several venues, such as binance, binanceusdm and binancecoinm.
    """

    def work(run: Any) -> None:
        from cqar.importers.run import documents
        from cqar.importers.sources import currencies as published
        from cqar.importers.sources import listing, live

        said = {} if currencies is None else published.load(documents.load(currencies), Path(currencies).name, exchange)
        if place is not None:
            if not new_venue:
                live.check_known(run.registry, exchange)
            origin = listing.Origin(exchange_id=exchange, currencies=said)
            listing.load(run, documents.load(place), Path(place).name, origin)
            return
        fetched = live.fetch(exchange)
        origin = listing.Origin(
            exchange_id=exchange, precision_mode=fetched.precision_mode, remaps=fetched.remaps, currencies=said
        )
        listing.load(run, fetched.markets, exchange, origin)

    _repeated(context, f"ccxt {exchange}", asked, work)


def _repeated(
    context: CommandContext, source: str, asked: Mapping[str, Any], work: Callable[[Any], None], role: str = "writer"
) -> None:
    """Run the import once, or repeatedly: then a failed run is reported and the next one starts on schedule."""
    from cqar.importers import schedule
    from cqar.importers.run.run import DelistLimit

    limit = asked.get("delist_limit")
    own = {name: value for name, value in asked.items() if name in _RUN_OPTIONS}
    address = asked["address"] or context.admin()
    once = schedule.Once(
        address=address,
        key=context.key(role, address),
        outgoing=context.tls(address),
        source=source,
        options={**own, "delist_limit": None if limit is None else DelistLimit(*limit)},
        as_json=asked["as_json"],
        verbose=asked["verbose"],
        quiet=asked["quiet"],
    )
    every = asked["every"]
    if every is not None:
        schedule.repeat(lambda: once.run(work), every, output.echo)
        return
    try:
        rejected = once.run(work)
    except schedule.EXPECTED as error:
        raise call_failed(error, address, once.key) from error
    except schedule.Stopped as stopped:
        raise Interrupted(stopped) from stopped
    sys.exit(REJECTED if rejected else 0)
