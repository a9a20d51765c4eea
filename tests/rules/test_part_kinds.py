"""A kind of part is one declaration; an invalid one fails and names the kind and the field."""

import dataclasses
from typing import Any

import pytest

from cqar.model import cache_keys, entities, part_kinds
from cqar.model.part_kinds import Beside, PartKind
from cqar.storage import parts


@pytest.mark.parametrize(
    ("kind", "field", "wrong"),
    [
        (part_kinds.SYMBOL, "key", {"key": cache_keys.asset_key}),
        (part_kinds.LISTINGS, "key", {"key": lambda venue, text: f"listings:{text}:{venue}"}),
        (part_kinds.VENUE, "columns", {"columns": ()}),
        (part_kinds.VENUE, "columns", {"columns": ("venue_id", "name", "venue_type")}),
        (part_kinds.VENUE, "columns", {"columns": ("slug",)}),
        (part_kinds.ASSET, "entities", {"entities": ()}),
        (part_kinds.ASSET, "entities", {"entities": (entities.ASSET, entities.ASSET_IDENTIFIER)}),
        (part_kinds.ASSET, "single_row", {"single_row": True}),
        (part_kinds.ASSET, "where", {"where": "true", "preloaded": False}),
        (part_kinds.ASSET, "beside", {"beside": (Beside(part_kinds.VENUE, "= ANY($1::text[])"),)}),
        (part_kinds.DEPLOYMENT, "beside", {"beside": (Beside(part_kinds.LISTINGS, "= ANY($1::text[])"),)}),
        (part_kinds.LISTINGS, "beside", {"beside": (Beside(part_kinds.IDENTITY, "= ANY($1::text[])"),)}),
        (part_kinds.VENUE_ASSET, "optional", {"optional": True}),
        (part_kinds.VENUE_CODE, "preloaded", {"preloaded": True}),
        (part_kinds.CHAIN, "ttl", {"ttl": None}),
        (part_kinds.API_KEY, "ttl", {"ttl": 60}),
        (part_kinds.CHAIN, "ttl", {"private": True}),
    ],
)
def test_a_wrong_declaration_names_the_kind_and_the_field(kind: PartKind, field: str, wrong: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=f"^part kind {kind.name}: {field}: "):
        dataclasses.replace(kind, **wrong)


def test_a_key_of_a_kind_that_is_not_declared_fails() -> None:
    kinds = [each for each in part_kinds.ALL if each is not part_kinds.VENUE_CODE]
    with pytest.raises(TypeError, match=r"^part kind venue_code: entities: .* venue_asset "):
        part_kinds.check(kinds)


def test_an_entity_that_its_kind_does_not_list_fails() -> None:
    without_flags = dataclasses.replace(part_kinds.ASSET, entities=(entities.ASSET,))
    kinds = [without_flags if each is part_kinds.ASSET else each for each in part_kinds.ALL]
    with pytest.raises(TypeError, match=r"^part kind asset: entities: .* quality_flag "):
        part_kinds.check(kinds)


def test_two_declarations_of_one_name_fail() -> None:
    with pytest.raises(TypeError, match="part kinds: name:"):
        part_kinds.check([*part_kinds.ALL, part_kinds.VENUE])


@pytest.mark.parametrize(
    ("key", "names"),
    [
        (cache_keys.asset_key("usdc"), ["usdc"]),
        (cache_keys.caip2_key("eip155:1"), ["eip155:1"]),
        (cache_keys.listings_key("hyperliquid", "xyz:GOLD"), ["hyperliquid", "xyz:GOLD"]),
        (cache_keys.external_asset_key(3, "a:b:c"), ["3", "a:b:c"]),
    ],
)
def test_a_key_gives_back_the_names_it_was_made_of(key: str, names: list[str]) -> None:
    assert part_kinds.of(key).names(key) == names


def test_a_kind_of_another_version_is_not_known() -> None:
    with pytest.raises(KeyError):
        part_kinds.of("colour:red")


def test_statements_of_every_kind_follow_from_its_declaration() -> None:
    for kind in part_kinds.ALL:
        rows, fill = parts.rows_sql(kind.name), parts.fill_sql(kind.name)
        assert (rows.name, fill.name) == (f"rows_{kind.name}", f"fill_{kind.name}")
        assert all(f" FROM {each.table} t WHERE " in rows.text for each in kind.entities)
        assert all(f"'{each.kind.name}' AS kind" in fill.text for each in kind.beside)
        assert ("$2" in rows.text) == (kind.arity > 1)


def test_shared_kinds_are_preloaded_before_others() -> None:
    preloaded = [kind.shared for kind in part_kinds.ALL if kind.preloaded and not kind.private]
    assert preloaded == sorted(preloaded, reverse=True)
