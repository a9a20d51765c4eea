"""Rows of every source: only malformed rows are rejected, and published rows are read."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cqar.importers.run import documents
from cqar.importers.sources import assets, chains, coingecko, deployments, relationships, tokenlist, venues
from tests.importers.facts import ASSET, CHAIN, DEPLOYED, LINK, TOKEN, VENUE, Parse, kind, refused

PARSERS: dict[str, tuple[Parse, dict[str, Any]]] = {
    "chains": (chains.parse, CHAIN),
    "assets": (assets.parse, ASSET),
    "deployments": (deployments.parse, DEPLOYED),
    "relationships": (relationships.parse, LINK),
    "venues": (venues.parse, VENUE),
    "tokenlist": (tokenlist.parse, TOKEN),
}
#: Every reason to reject such a row before the registry is called.
KINDS = frozenset(
    (
        *("malformed", "incomplete", "unsupported_type", "unknown_source", "unknown_chain", "bad_caip2", "placeholder_id"),
        *("contradictory", "bad_number", "no_address", "claimed_only", "bad_id"),
    )
)


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9)
JSON = SCALARS | st.lists(SCALARS, max_size=2) | st.dictionaries(st.sampled_from(["maker", "base"]), SCALARS, max_size=2)


@pytest.mark.parametrize("name", PARSERS)
@given(data=st.data())
def test_only_the_malformed_row_is_rejected(name: str, data: st.DataObject) -> None:
    parse, row = PARSERS[name]
    wrong = data.draw(st.dictionaries(st.sampled_from(sorted(row)), JSON, min_size=1, max_size=3))
    found = kind(parse, {**row, **wrong})
    assert found is None or found in KINDS


@pytest.mark.parametrize("raw", [b"", b"[]", b"7", b"null", b"\xff", b"[" * 100_000, b"{}"])
@pytest.mark.parametrize("parse", [*(parse for parse, _ in PARSERS.values()), coingecko.parse])
def test_invalid_json_rows_are_malformed(parse: Parse, raw: bytes) -> None:
    assert refused(parse, raw) == "malformed"


FOLDER = Path(__file__).resolve().parents[2].parent / "shared" / "data"


@pytest.mark.skipif(not FOLDER.exists(), reason="the published data are not beside the project")
@pytest.mark.parametrize(
    ("file", "parse", "reasons"),
    [
        ("chains", chains.parse, {"placeholder_id"}),
        ("assets", assets.parse, {"claimed_only"}),
        ("deployments", deployments.parse, {"no_address"}),
        ("coingecko_caip19", coingecko.parse, set()),
        ("relationships", relationships.parse, {"unsupported_type"}),
        ("venues", venues.parse, set()),
        ("tokenlist", tokenlist.parse, set()),
        ("tokenlist_solana", tokenlist.parse, set()),
    ],
)
def test_every_published_row_is_read_or_rejected_for_a_known_reason(file: str, parse: Parse, reasons: set[str]) -> None:
    data = documents.load(str(FOLDER / f"{file}.json.gz"))
    if "tokenlist" in file:
        data = msgspec.json.encode(msgspec.json.decode(data, type=dict[str, msgspec.Raw])["tokens"])
    sources = documents.rows(data, file)
    found = [kind(parse, each.raw) for each in sources]
    assert set(found) - {None} == reasons
    assert found.count(None) > len(sources) // 2
