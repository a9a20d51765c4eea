"""Relationships between tokens."""

import pytest

from cqar.contract.cqc.assets.v1 import assets_pb2
from cqar.importers.sources import relationships
from tests.importers.facts import LINK, refused, source


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        *((each, "BRIDGES") for each in ("ibc", "ibc-cw20", "ibc-bridge", "bridge")),
        *((each, "WRAPS") for each in ("wrapped", "superfluid-wrapper")),
        ("liquid-stake", "STAKES"),
        ("synthetic", "SYNTHETIC_OF"),
        ("legacy-mintage", "MIGRATES_TO"),
    ],
)
def test_source_types_map_to_relationship_types(written: str, meant: str) -> None:
    fact = relationships.parse(source({**LINK, "type": written}))
    assert fact.kind == getattr(assets_pb2, f"RELATIONSHIP_TYPE_{meant}")


@pytest.mark.parametrize("written", ["test-mintage", "additional-mintage", "IBC", ""])
def test_a_row_that_does_not_relate_two_assets_is_rejected(written: str) -> None:
    assert refused(relationships.parse, {**LINK, "type": written}) == "unsupported_type"


def test_both_ends_have_a_chain_and_an_address() -> None:
    here = {**LINK, "counterparty": {"baseDenom": "cw20:x"}}
    fact = relationships.parse(source(here))
    assert (fact.begins, fact.ends) == (("here", "uaaa"), ("here", "x"))
    assert refused(relationships.parse, {**LINK, "from": {"chain": "", "base": "u"}}) == "incomplete"
    assert refused(relationships.parse, {**LINK, "counterparty": {"baseDenom": ""}}) == "incomplete"
