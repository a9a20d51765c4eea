"""`cqar import`."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from cqar.cli import options, output
from cqar.cli.context import CommandContext
from cqar.cli.errors import reporting

#: Exit code if rows were rejected.
REJECTED = 2


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
    ):
        command = option(command)
    return command


@click.group("import")
def importing() -> None:
    """Fill the registry from what exchanges and token lists publish.

    \b
    The order, each after those whose facts it builds on:
      cqar import chains FILE              chains
      cqar import assets FILE              assets by CoinGecko id
      cqar import deployments FILE         contracts on chains
      cqar import coingecko FILE           which contract is which coin, by CAIP-19
      cqar import relationships FILE       what is bridged, wrapped, staked
      cqar import tokenlist URL-or-FILE    a list in the Uniswap schema
      cqar import venues FILE              exchanges
      cqar import ccxt EXCHANGE            the markets of one, live or from a file
      cqar import csv KIND FILE            a table of your own

    Every row is told of that is created, updated, refused or not decided; the last line counts. Look first with --dry-run.
    A second run changes nothing. What is not certain is asked: cqar review list.
    The exit code is 2 where rows were refused.
    """


def _document(name: str, about: str) -> None:
    """Add the command that imports documents of one kind."""

    @importing.command(name, help=about, short_help=about.partition("\n")[0].partition(".")[0])
    @click.argument("place", metavar="URL-or-FILE" if name == "tokenlist" else "FILE")
    @_options
    @click.pass_obj
    def command(context: CommandContext, /, place: str, **asked: Any) -> None:
        from importlib import import_module

        from cqar.importers.run import documents

        loader = import_module(f"cqar.importers.sources.{name}")
        _repeated(context, f"{name} {place}", asked, lambda run: loader.load(run, documents.load(place), Path(place).name))


_document(
    "chains",
    "Chains. Rows of several sources may be one chain, by their CAIP-2 id; the first source wins.",
)
_document("assets", "Assets by CoinGecko id, with what each source calls them.")
_document("deployments", "Contracts and native coins on chains. The address decides which asset it is.")
_document("coingecko", "CoinGecko's own list of which contract is which coin: pairs of a CAIP-19 id and CoinGecko's id.")
_document("relationships", "What tokens are to each other: bridged, wrapped, staked, synthetic, migrated.")
_document("tokenlist", "A token list in the Uniswap schema. An older version than the last one imported is refused.")
_document("venues", "Exchanges as ccxt declares them: names, web addresses, fees, renamed tickers.")


@importing.command("csv")
@click.argument("kind")
@click.argument("place", metavar="FILE")
@_options
@click.pass_obj
def table(context: CommandContext, /, kind: str, place: str, **asked: Any) -> None:
    """A table of your own: a first line with the contract's field names, then a row a line.

    \b
    KIND is chain, asset, asset_deployment, asset_identifier, asset_relationship, asset_group, asset_group_member,
    symbol, symbol_identifier, venue, venue_asset or venue_symbol. An asset may be found by coingecko_id, or by chain_id
    and address. An empty cell leaves the field as it is. Several texts in a cell are parted by ;
      venue_id,symbol_id,venue_symbol,tick_size,maker_fee
      kraken,0195c3b0-...,XBTUSDT,0.1,0.0016

    Text that a spreadsheet may have rewritten (1E5, TRUE, 12-Mar) is refused, unless an apostrophe marks it: '1E5
    """
    from cqar.importers.run import documents
    from cqar.importers.sources import spreadsheet

    if kind not in spreadsheet.KINDS:
        msg = f"{kind!r} is none of {', '.join(spreadsheet.KINDS)}"
        raise click.BadParameter(msg, param_hint="KIND")
    name = Path(place).name
    _repeated(context, f"csv {kind} {name}", asked, lambda run: spreadsheet.load(run, documents.load(place), name, kind))


@importing.command("ccxt")
@click.argument("exchange")
@click.option("--file", "place", metavar="FILE", help="A file of ccxt's markets, instead of asking the exchange.")
@click.option("--one-venue", is_flag=True, help="Keep together an exchange whose ids mean several types of markets.")
@click.option("--delist", is_flag=True, help="End the listings that the source no longer has.")
@click.option(
    "--precision-mode",
    type=click.Choice(["tick_size", "decimal_places", "significant_digits"]),
    help="What the numbers of `precision` are, where the payloads do not prove it.",
)
@_options
@click.pass_obj
def ccxt_markets(context: CommandContext, /, exchange: str, place: str | None, **asked: Any) -> None:
    """The markets of an exchange, by its id in ccxt: binance, okx, kraken ...

    Without --file the exchange is asked through the package ccxt (pip install 'cqar[importers]'). An exchange whose ids
    collide across types becomes several venues, such as binance, binanceusdm and binancecoinm.
    """

    def work(run: Any) -> None:
        from cqar.importers.run import documents
        from cqar.importers.sources import listing, live

        if place is not None:
            origin = listing.Origin(exchange_id=exchange)
            listing.load(run, documents.load(place), Path(place).name, origin)
            return
        fetched = live.fetch(exchange)
        origin = listing.Origin(exchange_id=exchange, precision_mode=fetched.precision_mode, remaps=fetched.remaps)
        listing.load(run, fetched.markets, exchange, origin)

    _repeated(context, f"ccxt {exchange}", asked, work)


def _repeated(context: CommandContext, source: str, asked: Mapping[str, Any], work: Callable[[Any], None]) -> None:
    """Run the import once, or repeatedly: then a failed run is reported and the next one starts on schedule."""
    from cqar.importers import schedule

    address = asked["address"] or context.admin()
    once = schedule.Once(
        address=address,
        key=context.key("writer", address),
        outgoing=context.tls(address),
        source=source,
        options={name: value for name, value in asked.items() if name not in {"address", "every", "as_json"}},
        as_json=asked["as_json"],
    )
    every = asked["every"]
    if every is not None:
        schedule.repeat(lambda: once.run(work), every, output.echo)
        return
    with reporting(*schedule.EXPECTED):
        rejected = once.run(work)
    sys.exit(REJECTED if rejected else 0)
