"""`cqar events`."""

import click

from cqar.cli import options, output
from cqar.cli.context import CommandContext


@click.group()
def events() -> None:
    """Follow the changes of the registry."""


@events.command("tail")
@click.option("--from-revision", type=int, metavar="N", help="Print the changes after this revision first.  [new ones only]")
@options.as_json("The output is JSON with and without it.")
@options.admin_address
@click.pass_obj
def events_tail(context: CommandContext, from_revision: int | None, address: str | None, *, as_json: bool) -> None:  # noqa: ARG001 - for errors
    """Print every change as a line of JSON, until Ctrl-C.

    A line holds the row after the change, who changed it, and the contract's event if the change has one.

    \b
      cqar events tail
      cqar events tail --from-revision 0 | jq -c 'select(.entity == "symbol")'
    """
    from cqar.cli import tail

    try:
        with context.connected("reader", address or context.admin()) as channel:
            for change in tail.changes(channel, from_revision):
                output.echo_json(change)
    except KeyboardInterrupt:
        return
