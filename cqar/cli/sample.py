"""`cqar sample`."""

import click

from cqar.cli import options, output
from cqar.cli.context import CommandContext


@click.command()
@options.as_json("Print one JSON object with the counts.")
@options.admin_address
@click.pass_obj
def sample(context: CommandContext, address: str | None, *, as_json: bool) -> None:
    """Load the sample into a running registry.

    It has about 20 assets, 10 chains, 5 venues and 250 listings with true ticks, lots and fees. Existing rows stay as they
    are, so you can load it again.
    """
    from cqar.dev.sample.load import load
    from cqar.dev.sample.wire import LoadError

    with context.connected("writer", address or context.admin(), (), LoadError) as channel:
        report = load(channel, progress=_silent if as_json else output.echo)
    if as_json:
        output.echo_json({name: dict(getattr(report, name)) for name in ("created", "unchanged", "skipped")})


def _silent(_line: str) -> None:
    """Print no progress."""
