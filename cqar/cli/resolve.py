"""`cqar resolve`."""

import contextlib
from datetime import datetime
from typing import TYPE_CHECKING

import click

from cqar.cli import options, output
from cqar.cli.context import CommandContext
from cqar.cli.errors import CliError

if TYPE_CHECKING:
    from cqar.client.resolve import Question

TYPES = click.Choice(["spot", "perpetual", "future", "option", "margin"], case_sensitive=False)


@click.command()
@click.argument("venue")
@click.argument("symbol")
@click.option("--type", "kind", type=TYPES, help="The type of symbol, if the venue has several with one name.")
@click.option(
    "--min-level",
    type=click.Choice(["verified", "corroborated", "suggested", "contested", "unknown"]),
    help="Refuse an answer whose assets can be trusted less than this.",
)
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
    min_level: str | None,
    address: str | None,
    *,
    as_json: bool,
) -> None:
    """Show what a VENUE means by SYMBOL, spelled exactly as the venue spells it.

    The exit code is 1 if the symbol has no meaning, or several, or if --min-level refuses the answer.

    \b
      cqar resolve binance BTCUSDT
      cqar resolve binanceusdm 1000SHIBUSDT --type perpetual
      cqar resolve kraken XXBTZUSD --as-of 2024-01-01 --json
    """
    from cqar.cli import answers
    from cqar.client.resolve import Question, ask

    question = Question(venue, symbol, kind and kind.upper(), as_of, min_level and min_level.upper())
    at = address or context.hotpath()
    try:
        with context.connected("reader", at) as channel:
            answer = ask(channel, question)
    except CliError as error:
        codes = _open_reviews(context, at, question) if error.code == "NOT_FOUND" else []
        if not codes:
            raise
        hint = f"open decisions on {', '.join(codes)}: cqar review list --venue {venue} --unknown"
        message = f"{error.message}; {hint}"
        raise CliError(message, error.code) from error
    if as_json:
        output.echo_json(answers.data(answer))
    else:
        output.echo(answers.text(question, answer))


def _open_reviews(context: CommandContext, address: str, question: "Question") -> list[str]:
    """Return the codes in the symbol that wait for a decision; none without a writer's key."""
    from cqar.contract.cqar.v1 import reviews_pb2 as pb

    request = pb.ListReviewsRequest(venue_id=question.venue, status="REVIEW_STATUS_OPEN")
    with contextlib.suppress(CliError), context.registry(address) as registry:
        codes = {each.code for each in registry.pages(request, "reviews")}
        return sorted(each for each in codes if each in question.symbol)
    return []
