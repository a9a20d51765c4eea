"""`cqar search`."""

import click

from cqar.cli import options, output
from cqar.cli.context import CommandContext
from cqar.cli.errors import CliError


@click.command("search")
@click.argument("text")
@options.as_json("Print one JSON object per asset, one on each line.")
@options.admin_address
@click.pass_obj
def search(context: CommandContext, text: str, address: str | None, *, as_json: bool) -> None:
    """Find assets by ticker, name, id elsewhere (coingecko:bitcoin) or address, with the venues that use them.

    These are candidates, not answers: only `cqar resolve` says what a venue means.
    """
    from cqar.importers.identity import searching
    from cqar.importers.run.wire import OPTIONS, Registry

    with context.connected("reader", address or context.admin(), OPTIONS) as channel:
        found = searching.search(Registry(channel), text)
    if not found:
        message = f"no asset has {text!r} as its ticker, name, id or address"
        raise CliError(message, "NOT_FOUND")
    for each in found:
        if as_json:
            output.echo_json(each)
            continue
        for line in searching.lines(each):
            output.echo(line)
