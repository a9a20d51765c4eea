"""What the codes of two venues mean, against the truth: the short form of `python -m tests.importers.truth`."""

import asyncio
import gzip
import json

import pytest

from cqar.admin.app import Admin
from cqar.client.connect import connected
from cqar.contract.cqc.assets.v1 import assets_pb2
from cqar.importers.identity import known
from cqar.importers.run import wire
from cqar.importers.run.wire import Registry
from tests.importers import truth
from tests.importers.imports import DATA, Importers, shared_file
from tests.importers.truth import MISSING, RIGHT, WRONG, Meaning, Truth, compare

NAMES = ("bitstamp", "upbit")
shared = pytest.mark.skipif(not DATA.exists(), reason=f"the shared data are not at {DATA}")


@shared
async def test_two_venues_mean_what_they_mean(importers: Importers, admin: Admin) -> None:
    for kind, name in (("chains", "chains"), ("assets", "assets"), ("tokenlist", "tokenlist"), ("venues", "venues")):
        await importers.document(kind, shared_file(f"{name}.json.gz"))
    for name in NAMES:
        await importers.markets(name, shared_file(f"markets_{name}.json.gz"))

    def measured() -> tuple[dict[str, truth.Score], list[str]]:
        with connected(f"127.0.0.1:{admin.port}", None, None, wire.OPTIONS) as channel:
            measure = truth.Measure(Registry(channel))
            return {name: measure.score(name) for name in NAMES}, list(measure.listed_only())

    scores, listed_only = await asyncio.to_thread(measured)
    assert listed_only == []
    assert truth.missed(scores) == []
    assert truth.total(scores.values()).markets.total() == 322


def asset(name: str, *ids: str, category: str = "") -> Meaning:
    return Meaning(assets_pb2.Asset(name=name, category=category), frozenset(ids))


@pytest.mark.parametrize(
    ("said", "meaning", "outcome"),
    [
        (Truth("Marble", "marble", ""), asset("Anything", "marble"), RIGHT),
        (Truth("Marble", "marble", ""), asset("Marble", "marble-2"), WRONG),
        (Truth("Marble", "marble", ""), asset("Marble", category="provisional"), "suggested"),
        (Truth("Marble", "", "Quartz"), asset("MRB", category="provisional"), RIGHT),
        (Truth("Marble", "", "Quartz"), asset("marble"), RIGHT),
        (Truth("Marble", "", "Quartz"), asset("Quartz", "quartz"), WRONG),
        (Truth("PIXEL", "", "Pixel"), asset("Pixel"), WRONG),
        (Truth("Marble", "marble", ""), None, MISSING),
    ],
)
def test_what_is_right(said: Truth, meaning: Meaning | None, outcome: str) -> None:
    assert compare(said, meaning, "suggested") == outcome


@shared
def test_no_declared_code_is_another_coin_at_some_exchange() -> None:
    """Those that are one are declared as ambiguous."""
    venues = json.loads(gzip.decompress((DATA / "venues.json.gz").read_bytes()))
    renamed = {code for each in venues for code, unified in (each.get("commonCurrencies") or {}).items() if code != unified}
    assert renamed & known.COINGECKO.keys() == known.AMBIGUOUS
