"""Venues as commands take them."""

from typing import TYPE_CHECKING

from cqar.cli.errors import CliError

if TYPE_CHECKING:
    from cqar.importers.run.wire import Registry


def check_venue(registry: "Registry", venue: str | None) -> None:
    """Raise CliError if the registry has no such venue: an empty list would hide a typing error."""
    from grpc import StatusCode

    from cqar.contract.cqc.services.v1 import asset_registry_pb2 as contract
    from cqar.importers.run.wire import RegistryError

    if venue is None:
        return
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
