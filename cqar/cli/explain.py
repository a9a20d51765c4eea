"""`cqar explain`."""

import click

from cqar.cli import options, output
from cqar.cli.context import CommandContext
from cqar.cli.resolve import TYPES


@click.command()
@click.argument("venue")
@click.argument("code")
@click.option("--symbol", "is_symbol", is_flag=True, default=None, help="It is a symbol, even if the venue has such a code.")
@click.option("--type", "kind", type=TYPES, help="The type of symbol, if the venue has several with one name.")
@options.as_json("Print one JSON object with the contract's field names.")
@options.admin_address
@click.pass_obj
def explain(
    context: CommandContext,
    venue: str,
    code: str,
    kind: str | None,
    address: str | None,
    *,
    is_symbol: bool | None,
    as_json: bool,
) -> None:
    """Show why a VENUE's CODE means an asset, or why each asset of a venue symbol does.

    Shows how far it can be trusted, the evidence for and against it, the other candidates, and what would decide.

    \b
      cqar explain kraken XXBT
      cqar explain binance BTCUSDT
    """
    from cqar.cli import explanations
    from cqar.client.explain import Question, ask

    question = Question(venue, code, True if kind else is_symbol, kind and kind.upper())
    with context.connected("reader", address or context.admin()) as channel:
        answer = ask(channel, question)
    if as_json:
        output.echo_json(explanations.data(answer))
    else:
        output.echo(explanations.text(answer))
