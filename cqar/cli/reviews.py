"""`cqar review`."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from cqar.cli import options, output
from cqar.cli.context import CommandContext
from cqar.cli.errors import CliError
from cqar.redaction import printable_json

if TYPE_CHECKING:
    from cqar.importers.run.wire import Registry

_notes = click.option("--notes", metavar="TEXT", help="The reason; it is stored with the review.")
_as_json = options.as_json("Print one JSON object.")


@click.group("review")
def review() -> None:
    """Decide questions that importers leave open.

    \b
      cqar review list                              list open questions
      cqar review accept ID --asset ASSET_ID        the code means this asset
      cqar review accept ID --new                   it is a new asset
      cqar review accept ID --reuse [--at TIME]     a conflict: the name now means another asset; both stay known
      cqar review accept ID --correction            a conflict: the old meaning was wrong
      cqar review reject ID                         change nothing and do not ask again
    """


@review.command("list")
@click.option("--venue", metavar="VENUE_ID", help="Only reviews of this venue.")
@click.option("--status", type=click.Choice(["open", "accepted", "rejected"]), default="open", show_default=True)
@options.as_json("Print one JSON object per line.")
@options.admin_address
@click.pass_obj
def review_list(context: CommandContext, venue: str | None, status: str, address: str | None, *, as_json: bool) -> None:
    """List reviews with their candidate assets."""
    from cqar.importers.identity import deciding

    with context.registry(address) as registry:
        if venue is not None:
            _check_venue(registry, venue)
        for line in deciding.describe(registry, venue, status, as_json=as_json):
            click.echo(printable_json(line) if as_json else output.lines(line))


def _check_venue(registry: "Registry", venue: str) -> None:
    """Raise CliError if the registry has no such venue: an empty list would hide a typing error."""
    from grpc import StatusCode

    from cqar.contract.cqc.services.v1 import asset_registry_pb2 as contract
    from cqar.importers.run.wire import RegistryError

    if venue != venue.lower():
        message = f"venue ids are lower case: {venue.lower()}"
        raise CliError(message)
    try:
        registry.call(contract.GetVenueRequest(venue_id=venue))
    except RegistryError as error:
        if error.code is not StatusCode.NOT_FOUND:
            raise
        message = f"venue {venue} not found"
        raise CliError(message, "NOT_FOUND") from error


@review.command("accept")
@click.argument("review_id")
@click.option("--asset", "asset_id", metavar="ASSET_ID", help="What the code means.  [the only candidate]")
@click.option("--new", "decision", flag_value="NEW_ASSET", help="It is a new asset.")
@click.option("--reuse", "decision", flag_value="REUSE", help="The name now means another asset: end the old meaning.")
@click.option("--correction", "decision", flag_value="CORRECTION", help="The old meaning was wrong: replace it.")
@click.option(
    "--at",
    type=options.Time(),
    metavar="TIME",
    help="With --reuse: when the new meaning began, in ISO 8601.  [as the source says, else now]",
)
@_notes
@options.admin_address
@click.pass_obj
def review_accept(context: CommandContext, /, review_id: str, at: datetime | None, address: str | None, **answer: Any) -> None:
    """Accept a review and apply the decision."""
    from cqar.importers.identity import deciding

    with context.registry(address) as registry:
        output.echo(deciding.accept(registry, review_id, at=at, **answer))


@review.command("reject")
@click.argument("review_id")
@_notes
@options.admin_address
@click.pass_obj
def review_reject(context: CommandContext, review_id: str, notes: str | None, address: str | None) -> None:
    """Change nothing; the same question is not asked again."""
    from cqar.importers.identity import deciding

    with context.registry(address) as registry:
        output.echo(deciding.reject(registry, review_id, notes))
