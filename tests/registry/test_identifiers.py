"""Identifiers: the ids of an asset or a symbol at other sources, and lookups in reverse."""

from collections.abc import Awaitable, Callable

import pytest

from tests.client import Client
from tests.registry.factory import Factory

#: Owner, its id's field, the source's field, how to make an owner.
_KINDS: dict[str, tuple[str, str, Callable[[Factory], Awaitable[str]]]] = {
    "Asset": ("asset_id", "source", lambda factory: factory.asset()),
    "Symbol": ("symbol_id", "data_source", lambda factory: factory.pair()),
}
COINGECKO, MESSARI = 1, 4


@pytest.fixture(params=list(_KINDS))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def test_an_identifier_leads_to_its_owner_and_back(registry: Client, factory: Factory, kind: str) -> None:
    owner, source, make = _KINDS[kind]
    one = await make(factory)
    made = (
        await registry.call(
            f"Create{kind}Identifier", **{owner: one, source: COINGECKO, "external_id": "Bit-Coin", "is_primary": True}
        )
    ).identifier
    assert (made.external_id, made.is_primary) == ("Bit-Coin", True)
    for fields in ({owner: one}, {"external_id": "Bit-Coin"}, {owner: one, "external_id": "Bit-Coin"}):
        assert (await registry.call(f"Get{kind}Identifier", **{source: COINGECKO, **fields})).identifier == made
    for asked in (
        {owner: one, source: MESSARI},
        {"external_id": "bit-coin", source: COINGECKO},
        {owner: one, "external_id": "other", source: COINGECKO},
    ):
        assert (await registry.refused(f"Get{kind}Identifier", **asked)).code == "NOT_FOUND"


async def test_an_owner_has_several_of_a_source_of_which_one_is_primary(registry: Client, factory: Factory, kind: str) -> None:
    owner, source, make = _KINDS[kind]
    one = await make(factory)
    create = f"Create{kind}Identifier"
    await registry.call(create, **{owner: one, source: COINGECKO, "external_id": "old"})
    await registry.call(create, **{owner: one, source: COINGECKO, "external_id": "older"})
    refused = await registry.refused(f"Get{kind}Identifier", **{owner: one, source: COINGECKO})
    assert refused.code == "FAILED_PRECONDITION"
    assert {(each[0], each[1]) for each in refused.preconditions} == {("AMBIGUOUS", "old"), ("AMBIGUOUS", "older")}
    await registry.call(create, **{owner: one, source: COINGECKO, "external_id": "new", "is_primary": True})
    found = (await registry.call(f"Get{kind}Identifier", **{owner: one, source: COINGECKO})).identifier
    assert found.external_id == "new"
    for fields, field in (
        ({"external_id": "newer", "is_primary": True}, "is_primary"),
        ({"external_id": "old"}, "external_id"),
    ):
        refused = await registry.refused(create, **{owner: one, source: COINGECKO, **fields})
        assert (refused.code, refused.fields) == ("ALREADY_EXISTS", [(field, "TAKEN")])
    await registry.call(create, **{owner: one, source: MESSARI, "external_id": "new", "is_primary": True})
    listed = (await registry.call(f"List{kind}Identifiers", **{owner: one})).identifiers
    assert len(listed) == 4
    listed = (await registry.call(f"List{kind}Identifiers", **{owner: one, "source": MESSARI})).identifiers
    assert [each.external_id for each in listed] == ["new"]


async def test_one_external_id_of_two_owners_is_ambiguous_until_one_is_primary(
    registry: Client, factory: Factory, kind: str
) -> None:
    owner, source, make = _KINDS[kind]
    one, two, three = await make(factory), await make(factory), await make(factory)
    create = f"Create{kind}Identifier"
    for each in (one, two):
        await registry.call(create, **{owner: each, source: COINGECKO, "external_id": "same"})
    refused = await registry.refused(f"Get{kind}Identifier", **{source: COINGECKO, "external_id": "same"})
    assert refused.code == "FAILED_PRECONDITION"
    assert {each[1] for each in refused.preconditions} == {one, two}
    await registry.call(create, **{owner: three, source: COINGECKO, "external_id": "same", "is_primary": True})
    found = (await registry.call(f"Get{kind}Identifier", **{source: COINGECKO, "external_id": "same"})).identifier
    assert getattr(found, owner) == three


async def test_however_many_candidates_there_are_the_refusal_arrives(registry: Client, factory: Factory) -> None:
    owner = await factory.asset()
    for at in range(60):
        await registry.call("CreateAssetIdentifier", asset_id=owner, source=COINGECKO, external_id=f"币{at}" + "安" * 200)
    refused = await registry.refused("GetAssetIdentifier", asset_id=owner, source=COINGECKO)
    assert refused.code == "FAILED_PRECONDITION"
    assert refused.preconditions
    assert "60" in refused.message


async def test_source_and_external_id_are_needed_and_the_owner_exists(registry: Client, factory: Factory, kind: str) -> None:
    owner, source, make = _KINDS[kind]
    refused = await registry.refused(f"Create{kind}Identifier")
    assert (refused.code, set(refused.fields)) == (
        "INVALID_ARGUMENT",
        {(owner, "REQUIRED"), (source, "REQUIRED"), ("external_id", "REQUIRED")},
    )
    refused = await registry.refused(f"Create{kind}Identifier", **{owner: "nobody", source: 1, "external_id": "x"})
    assert (refused.code, refused.fields) == ("NOT_FOUND", [(owner, "NOT_FOUND")])
    refused = await registry.refused(f"Create{kind}Identifier", **{owner: await make(factory), source: 6, "external_id": "x"})
    assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [(source, "UNKNOWN_VALUE")])
    refused = await registry.refused(f"Get{kind}Identifier", **{source: 1})
    assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [(owner, "REQUIRED")])
    refused = await registry.refused(f"Get{kind}Identifier", **{owner: "nobody"})
    assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [(source, "REQUIRED")])


async def test_the_ids_of_all_assets_are_listed_by_source(registry: Client, factory: Factory) -> None:
    owners = [await factory.asset("A"), await factory.asset("B")]
    for at, owner in enumerate(owners):
        await registry.call("CreateAssetIdentifier", asset_id=owner, source=COINGECKO, external_id=f"coin-{at}")
        await registry.call("CreateAssetIdentifier", asset_id=owner, source=2, external_id=f"number-{at}")
    found = (await registry.call("ListAssetIdentifiers", source=COINGECKO)).identifiers
    assert {(each.asset_id, each.external_id) for each in found} == {(owners[0], "coin-0"), (owners[1], "coin-1")}
    assert (await registry.refused("ListAssetIdentifiers")).fields == [("asset_id", "REQUIRED")]
