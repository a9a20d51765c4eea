"""The venue asset of codes that mean one asset, and ids that permissionless venues cannot claim."""

from typing import Any, cast

import pytest

from cqar.contract.cqc.venues.v1 import venues_pb2
from cqar.importers.exchanges import facts
from cqar.importers.exchanges.declarations import Exchange
from cqar.importers.identity import declared
from cqar.importers.identity.claims import Claim
from cqar.importers.identity.evidence import Facts, Level
from cqar.importers.identity.meaning import PROVISIONAL, Meaning
from cqar.importers.run.run import Run
from cqar.importers.sources.codes import VenueCodes, _opened

SURE = Meaning("marble", Level.VERIFIED, "contract address 0xa")
UNKNOWN = Meaning("marble", Level.UNKNOWN, PROVISIONAL)
CONTESTED = Meaning("marble", Level.CONTESTED, "ticker MRB")
BLOCKED = CONTESTED._replace(conflict="MRB began on another day")


@pytest.mark.parametrize("other", [SURE, UNKNOWN, CONTESTED])
@pytest.mark.parametrize("first", [True, False])
def test_a_contradiction_of_one_code_blocks_an_asset_that_other_codes_share(other: Meaning, *, first: bool) -> None:
    codes = VenueCodes(cast("Run", None), "probit")
    codes.facts = {code: Facts(code=code, ticker="MRB") for code in ("MRB", "MARBLE")}
    meanings = dict(zip(("MRB", "MARBLE"), (BLOCKED, other) if first else (other, BLOCKED), strict=True))
    row = codes._venue_asset("marble", list(meanings), meanings)
    assert row.blocked_reason == BLOCKED.conflict
    assert int(row.identity_level) == max(BLOCKED.level, other.level)


@pytest.mark.parametrize(
    ("judged", "reason", "opened"),
    [
        pytest.param(("MRB", "MARBLE"), "", True, id="all of its codes are judged, and none is contradicted"),
        pytest.param(("MRB", "MARBLE"), "MRB began on another day", False, id="one is"),
        pytest.param(("MARBLE",), "", False, id="the contradicted one is not in the document"),
    ],
)
def test_a_block_ends_when_no_code_of_the_asset_is_contradicted(judged: tuple[str, ...], reason: str, *, opened: bool) -> None:
    known = {
        "MRB": Claim("probit", "MRB", "marble", decided=False, blocked_reason="MRB began on another day", reading=None),
        "MARBLE": Claim("probit", "MARBLE", "marble", decided=False, blocked_reason="", reading=None),
    }
    row = venues_pb2.VenueAsset(venue_asset_symbol="MRB", venue_asset_aliases=["MARBLE"], blocked_reason=reason or None)
    assert _opened(row, judged, known) is opened


@pytest.mark.parametrize(
    "said",
    [
        {"code": "RUB", "ticker": "RUB", "as_money": True},
        {"code": "RUB", "ticker": "RUB", "asset_class": facts.FIAT},
        {"code": "BTC", "ticker": "BTC"},
        {"code": "TSLA", "ticker": "TSLA", "asset_class": facts.EQUITY, "ids": (("isin", "XX0000000000"),)},
    ],
)
def test_no_declared_id_counts_for_a_code_that_anyone_may_list(said: dict[str, Any]) -> None:
    assert list(declared.keys(Facts(**said), Exchange(), "hyperliquid", ()))
    assert not list(declared.keys(Facts(**said, permissionless=True), Exchange(), "hyperliquid", ()))
