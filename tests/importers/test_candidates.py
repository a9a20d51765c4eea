"""What finds candidates: tickers, names, and where an asset is at home. Pure."""

from typing import Any

import msgspec
import pytest

from cqar.importers.exchanges import facts
from cqar.importers.identity.candidates import Asset, Knowledge, class_of, homed
from cqar.importers.identity.evidence import Facts, Place

MARBLE = Asset("marble", "MRB", "Marble", "", ("marble",))
OLD = Asset("marble-old", "OMRB", "Marble (old)", "", ("marble-old",))
QUARTZ = Asset("quartz", "qrz", "Quartz Token", "", ("quartz",), ("Rock Crystal",))
PROVISIONAL = Asset("provisional", "MRB", "Marble", "provisional", ("given-too-early",))
LISTED = Asset("listed", "MRB", "Marble", "")
KNOWN = Knowledge((MARBLE, OLD, QUARTZ, PROVISIONAL, LISTED), ("marble", "marble-old", "quartz", "provisional", "deleted"))


def found(code: str, ticker: str | None = None, **more: Any) -> list[str]:
    return KNOWN.found(msgspec.structs.replace(Facts(code=code, ticker=ticker or code), **more))


def test_a_ticker_finds_vetted_assets_in_any_case_and_no_provisional_ones() -> None:
    assert found("MRB") == found("mrb") == ["marble"]
    assert found("QRZ") == ["quartz"]


def test_a_code_that_is_read_as_another_finds_the_assets_of_both() -> None:
    assert found("MRB", "QRZ") == ["quartz", "marble"]


def test_a_name_finds_every_vetted_asset_with_it() -> None:
    assert found("XXX", names=("Marble Token",)) == ["marble", "marble-old"]
    assert found("XXX", names=("Rock crystal",)) == ["quartz"]
    assert found("XXX", names=("Token", "XXX")) == []


def test_a_ticker_that_anyone_may_choose_finds_nothing() -> None:
    assert found("MRB", permissionless=True) == []
    assert found("MRB", permissionless=True, names=("Quartz",)) == ["quartz"]


@pytest.mark.parametrize(
    ("category", "name", "its_class"),
    [
        ("fiat", "Marble", facts.FIAT),
        ("stock", "Marble", facts.EQUITY),
        ("index", "Marble", facts.INDEX),
        ("commodity", "Marble", facts.COMMODITY),
        ("layer-1", "Marble", facts.CRYPTO),
        ("", "Marble xStock", facts.TOKENIZED),
        ("", "Marble Inc. (Tokenized)", facts.TOKENIZED),
    ],
)
def test_the_category_of_an_asset_is_its_class(category: str, name: str, its_class: str) -> None:
    assert class_of(Asset("a", "A", name, category)) == its_class


def test_an_asset_is_at_home_where_it_is_native_or_canonical_or_on_its_only_chain() -> None:
    native, away, only = Place("cosmos:a", home=True), Place("eip155:1", "0xab"), Place("eip155:56", "0xcd")
    assert [each.home for each in homed([native, away])] == [True, False]
    assert [each.home for each in homed([only])] == [True]
    assert [each.home for each in homed([away, only])] == [False, False]
