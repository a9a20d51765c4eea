"""What `cqar resolve` says of the numbers of an answer."""

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from cqar.cli import answers
from cqar.client.resolve import Answer, Question
from cqar.contract.cqc.services.v1 import asset_registry_pb2 as contract
from cqar.contract.cqc.venues.v1 import venues_pb2
from cqar.contract.shared import enums_pb2


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (enums_pb2.SPECS_SOURCE_UNSPECIFIED, None),
        (enums_pb2.SPECS_SOURCE_LISTING, None),
        (enums_pb2.SPECS_SOURCE_SYMBOL, "those of the canonical symbol; the listing has none"),
        (enums_pb2.SPECS_SOURCE_MIXED, "those that the listing lacks are those of the canonical symbol"),
        (enums_pb2.SPECS_SOURCE_NOT_KNOWN_THEN, "not known before 2026-01-31"),
    ],
)
def test_numbers_that_are_not_the_listings_own_are_marked(source: enums_pb2.SpecsSource, said: str | None) -> None:
    listing = venues_pb2.VenueSymbol(venue_symbol="X", specs_since=Timestamp(seconds=1_769_817_600))
    response = contract.GetVenueSymbolResponse(venue_symbol=listing, specs_source=source)
    lines = answers.text(Question("binance", "X"), Answer(response, "memory", 1, None)).splitlines()
    found = [line.removeprefix("numbers").strip() for line in lines if line.startswith("numbers")]
    assert found == ([] if said is None else [said])
