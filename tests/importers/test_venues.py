"""Exchanges as ccxt declares them."""

from typing import Any

import pytest

from cqar.importers.run.documents import Source
from cqar.importers.sources import venues
from tests.importers.facts import VENUE, refused, source


@pytest.mark.parametrize(("fee", "stored"), [(0.001, "0.001"), ("-0.00025", "-0.00025"), (0, "0"), (True, None), ("NaN", None)])
def test_a_venue_fee_is_an_exact_fraction(fee: Any, stored: str | None) -> None:
    metadata = venues.parse(source({**VENUE, "fees": {"trading": {"taker": fee}}})).metadata
    assert metadata.get("fees") == (None if stored is None else {"taker": stored})


def test_an_out_of_range_or_percentage_fee_is_not_read() -> None:
    raw = b'{"id":"a","name":"A","fees":{"trading":{"maker":1e999999999}}}'
    assert venues.parse(Source(1, raw)).metadata == {}
    percent = {"percentage": False, "maker": 0.1}
    assert "fees" not in venues.parse(source({**VENUE, "fees": {"trading": percent}})).metadata


def test_remaps_and_precision_are_stored_in_the_venue_metadata() -> None:
    metadata = venues.parse(source({**VENUE, "commonCurrencies": {"XBT": "BTC"}})).metadata
    assert (metadata[venues.REMAPS], metadata[venues.PRECISION]) == ({"XBT": "BTC"}, "tick_size")


def test_only_valid_urls_of_a_venue_are_stored() -> None:
    urls = {"www": ["https://a.example", "https://b.example"], "api": {"public": "https://api.a.example"}}
    fact = venues.parse(source({**VENUE, "urls": urls}))
    assert (fact.website_url, fact.api_endpoint) == ("https://a.example", "https://api.a.example")
    fact = venues.parse(source({**VENUE, "urls": {"www": [7], "api": {"public": "https://{hostname}"}}}))
    assert (fact.website_url, fact.api_endpoint) == (None, None)


def test_a_venue_without_an_id_or_a_name_is_rejected() -> None:
    assert refused(venues.parse, {**VENUE, "id": "A venue"}) == "bad_id"
    assert refused(venues.parse, {**VENUE, "name": " "}) == "incomplete"
