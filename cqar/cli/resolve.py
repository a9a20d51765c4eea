"""`cqar resolve`."""

from datetime import datetime

import click

from cqar.cli import options, output
from cqar.cli.context import CommandContext

_TYPES = click.Choice(["spot", "perpetual", "future", "option", "margin"], case_sensitive=False)


@click.command()
@click.argument("venue")
@click.argument("symbol")
@click.option("--type", "kind", type=_TYPES, help="The type of symbol, if the venue has several with one name.")
@click.option("--as-of", type=options.Time(), metavar="TIME", help="Resolve as of a time: ISO 8601, UTC unless it has a zone.")
@options.as_json("Print one JSON object with the contract's field names and exact numbers as text.")
@options.hotpath_address
@click.pass_obj
def resolve(
    context: CommandContext,
    venue: str,
    symbol: str,
    kind: str | None,
    as_of: datetime | None,
    address: str | None,
    *,
    as_json: bool,
) -> None:
    """Show what a VENUE means by SYMBOL, spelled exactly as the venue spells it.

    The exit code is 1 if the symbol has no meaning, or several.

    \b
      cqar resolve binance BTCUSDT
      cqar resolve binanceusdm 1000SHIBUSDT --type perpetual
      cqar resolve kraken XXBTZUSD --as-of 2024-01-01 --json
    """
    from cqar.cli import answers
    from cqar.client.resolve import Question, ask

    question = Question(venue, symbol, kind and kind.upper(), as_of)
    with context.connected("reader", address or context.hotpath()) as channel:
        answer = ask(channel, question)
    if as_json:
        output.echo_json(answers.data(answer))
    else:
        output.echo(answers.text(question, answer))
