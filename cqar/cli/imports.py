"""`cqar import` and `cqar review`: the words of the command line. What they do is imported when they run."""

import contextlib
import re
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import click

from cqar.cli.refusal import Refusal, expecting

#: Exit code where rows were refused.
REFUSED = 2
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


class Chosen(Protocol):
    """The settings that were asked for."""

    def admin(self) -> str:
        """Where admin is reached."""

    def key(self, role: str, address: str) -> str | None:
        """The key for calls that need the role, if there is one."""

    def outgoing(self, address: str) -> Any:
        """How to speak TLS to the address."""


class Pause(click.ParamType[float]):
    """A while: 90s, 15m, 6h, 1d."""

    name = "pause"

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> float:
        """Its seconds."""
        found = re.fullmatch(r"(\d{1,6})([smhd])", str(value))
        if found is None or not int(found[1]):
            self.fail(f"{value!r} is no while: write 90s, 15m, 6h or 1d", param, context)
        return float(int(found[1]) * _SECONDS[found[2]])


def _options(command: Callable[..., None]) -> Callable[..., None]:
    """What every import may be asked for."""
    for option in (
        click.option("--address", metavar="HOST:PORT", help="Of admin, or of hotpath.  [admin of the settings]"),
        click.option(
            "--every", type=Pause(), metavar="PAUSE", help="Run again and again: 90s, 15m, 6h, 1d between the starts."
        ),
        click.option("--json", "as_json", is_flag=True, help="Everything as one JSON object a run."),
        click.option("--overwrite", is_flag=True, help="Values win over what other sources have said."),
        click.option("--dry-run", is_flag=True, help="Tell what would be done, and do nothing."),
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
    def command(chosen: Chosen, /, place: str, **asked: Any) -> None:
        from importlib import import_module

        from cqar.importers.run import documents

        loader = import_module(f"cqar.importers.sources.{name}")
        _repeated(chosen, f"{name} {place}", asked, lambda run: loader.load(run, documents.load(place), Path(place).name))


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
def table(chosen: Chosen, /, kind: str, place: str, **asked: Any) -> None:
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
    _repeated(chosen, f"csv {kind} {name}", asked, lambda run: spreadsheet.load(run, documents.load(place), name, kind))


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
def ccxt_markets(chosen: Chosen, /, exchange: str, place: str | None, **asked: Any) -> None:
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

    _repeated(chosen, f"ccxt {exchange}", asked, work)


def _repeated(chosen: Chosen, source: str, asked: Mapping[str, Any], work: Callable[[Any], None]) -> None:
    """Run the import, once, or again and again: then what goes wrong is told, and tried again at the next time."""
    from cqar.importers.run import schedule

    every, options = (
        asked["every"],
        {name: value for name, value in asked.items() if name not in {"address", "every", "as_json"}},
    )
    address = asked["address"] or chosen.admin()
    once = schedule.Once(
        address=address,
        key=chosen.key("writer", address),
        outgoing=chosen.outgoing(address),
        source=source,
        options=options,
        as_json=asked["as_json"],
    )
    if every is None:
        with expecting(*schedule.EXPECTED):
            refused = once.run(work)
        sys.exit(REFUSED if refused else 0)
    schedule.repeat(lambda: once.run(work), every, click.echo)


# ---- reviews -------------------------------------------------------------------------------------------------------


@click.group("review")
def reviewing() -> None:
    """Decide what importers did not dare to.

    \b
      cqar review list                              what is asked
      cqar review accept ID --asset ASSET_ID        the code means this asset
      cqar review accept ID --new                   it is an asset of its own
      cqar review accept ID --reuse [--at TIME]     a conflict: the name was given to another; both stay known
      cqar review accept ID --correction            a conflict: the old meaning was wrong
      cqar review reject ID                         leave everything as it is, and do not ask again
    """


_AT = click.option("--address", metavar="HOST:PORT", help="Of admin, or of hotpath.  [admin of the settings]")
_NOTES = click.option("--notes", metavar="TEXT", help="Why; it stays with the review.")


@reviewing.command("list")
@click.option("--venue", metavar="VENUE_ID", help="Only of this venue.")
@click.option("--status", type=click.Choice(["open", "accepted", "rejected"]), default="open", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@_AT
@click.pass_obj
def review_list(chosen: Chosen, venue: str | None, status: str, as_json: bool, address: str | None) -> None:  # noqa: FBT001 - an option
    """Tell what is asked, and of which assets."""
    from cqar.importers.identity import deciding

    with _registry(chosen, address) as registry:
        for line in deciding.told(registry, venue, status, as_json=as_json):
            click.echo(line)


@reviewing.command("accept")
@click.argument("review_id")
@click.option("--asset", "asset_id", metavar="ASSET_ID", help="What the code means.  [the only candidate]")
@click.option("--new", "decision", flag_value="NEW_ASSET", help="It is an asset of its own.")
@click.option("--reuse", "decision", flag_value="REUSE", help="The name was given to another: end the old meaning.")
@click.option(
    "--correction", "decision", flag_value="CORRECTION", help="The old meaning was wrong: put the new one in its place."
)
@click.option(
    "--at", metavar="TIME", help="Of --reuse: when the new meaning began, as ISO 8601.  [as the source says, else now]"
)
@_NOTES
@_AT
@click.pass_obj
def review_accept(chosen: Chosen, /, review_id: str, at: str | None, address: str | None, **answer: Any) -> None:
    """Decide a review, and write what follows."""
    from cqar.importers.identity import deciding

    began = None if at is None else _time(at)
    with _registry(chosen, address) as registry:
        click.echo(deciding.accept(registry, review_id, at=began, **answer))


def _time(text: str) -> datetime:
    found = None
    with contextlib.suppress(ValueError):
        found = datetime.fromisoformat(text)
    if found is None or found.tzinfo is None:
        msg = f"{text!r} is no time with its zone: write it as 2026-01-31T12:00:00+00:00"
        raise Refusal(msg)
    return found


@reviewing.command("reject")
@click.argument("review_id")
@_NOTES
@_AT
@click.pass_obj
def review_reject(chosen: Chosen, review_id: str, notes: str | None, address: str | None) -> None:
    """Leave everything as it is; the same is not asked again."""
    from cqar.importers.identity import deciding

    with _registry(chosen, address) as registry:
        click.echo(deciding.reject(registry, review_id, notes))


def _registry(chosen: Chosen, address: str | None) -> Any:
    """Where reviews are told of and decided: both are for writers."""
    from cqar.importers.run import schedule

    at = address or chosen.admin()
    return schedule.registry(at, chosen.key("writer", at), chosen.outgoing(at))
