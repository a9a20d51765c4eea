"""Deployments: one canonical address per account, by the chain's rule; (chain, address) belongs to one deployment."""

from typing import Any

from tests.client import Client
from tests.registry.factory import USDC, USDT, Factory, at


async def deploy(client: Client, asset: str, chain: str, address: str | None = None, **fields: Any) -> Any:
    sent = {"asset_id": asset, "chain_id": chain, **({} if address is None else {"contract_address": address}), **fields}
    return (await client.call("CreateAssetDeployment", **sent)).deployment


async def test_a_deployment_reads_back_as_it_was_registered(registry: Client, factory: Factory) -> None:
    asset, chain = await factory.asset("USDC"), await factory.chain(max_decimals=255)
    made = await deploy(registry, asset, chain, USDC, decimals=6, is_canonical=True, deployed_at=at(-900), retired_at=at(-1))
    found = (await registry.call("GetAssetDeployment", deployment_id=made.deployment_id)).deployment
    assert found == made
    assert (found.address, found.decimals, found.is_canonical, found.is_native) == (USDC, 6, True, False)
    assert (found.chain_name, found.asset_id) == ("Ethereum", asset)
    assert (found.deployed_at, found.retired_at) == (at(-900), at(-1))


async def test_an_evm_address_is_one_in_every_case_and_a_wrong_checksum_is_refused(registry: Client, factory: Factory) -> None:
    asset, chain = await factory.asset("USDC"), await factory.chain()
    made = await deploy(registry, asset, chain, USDC.lower())
    assert made.address == USDC
    for spelling in (USDC, USDC.lower(), "0x" + USDC[2:].upper()):
        refused = await registry.refused("CreateAssetDeployment", asset_id=asset, chain_id=chain, contract_address=spelling)
        assert (refused.code, refused.fields) == ("ALREADY_EXISTS", [("contract_address", "TAKEN")])
        listed = await registry.call("ListAssetDeployments", chain_id=chain, address=spelling)
        assert [each.deployment_id for each in listed.deployments] == [made.deployment_id]
    wrong = USDC.replace("A0b", "a0b")
    refused = await registry.refused("CreateAssetDeployment", asset_id=asset, chain_id=chain, contract_address=wrong)
    assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [("contract_address", "BAD_CHECKSUM")])
    refused = await registry.refused("ListAssetDeployments", chain_id=chain, address=wrong)
    assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [("address", "BAD_CHECKSUM")])


async def test_every_chain_type_has_its_own_rule(registry: Client, factory: Factory) -> None:
    asset = await factory.asset("X")
    hexes = "ca6e321c7cce9ecedf0a8ca2492ec8592494aa5fb5ce0387dff96ef6af982a3e"
    for chain_type, sent, stored in (
        ("SOLANA", "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v", "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"),
        ("TON", f"0:{hexes.upper()}", f"0:{hexes}"),
        ("MOVE", "0x2::sui::SUI", f"0x{'2'.zfill(64)}::sui::SUI"),
        ("STARKNET", "0x49d3", f"0x{'49d3'.zfill(64)}"),
        ("COSMOS", f"ibc/{hexes}", f"ibc/{hexes.upper()}"),
        ("OTHER", "eosio.token:XPR", "eosio.token:XPR"),
    ):
        chain = await factory.chain(chain_type, chain_type)
        made = await deploy(registry, asset, chain, sent)
        assert made.address == stored, chain_type
        listed = await registry.call("ListAssetDeployments", address=sent)
        assert [each.deployment_id for each in listed.deployments] == [made.deployment_id], chain_type
    for chain_type, wrong in (("SOLANA", "epjfwdd5"), ("TON", "EQ"), ("STARKNET", "xyz"), ("MOVE", "sui::SUI")):
        refused = await registry.refused(
            "CreateAssetDeployment", asset_id=asset, chain_id=chain_type.lower(), contract_address=wrong
        )
        assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [("contract_address", "BAD_ADDRESS")])


async def test_a_contract_with_many_tokens_has_a_deployment_for_each(registry: Client, factory: Factory) -> None:
    chain = await factory.chain("EOS", "OTHER")
    for ticker in ("XPR", "ABBC"):
        made = await deploy(registry, await factory.asset(ticker), chain, f"eosio.token:{ticker}")
        assert made.address == f"eosio.token:{ticker}"


async def test_a_chain_has_one_native_coin_however_it_is_written(registry: Client, factory: Factory) -> None:
    eth, chain = await factory.asset("ETH"), await factory.chain()
    made = await deploy(registry, eth, chain, is_native=True, decimals=18)
    assert (made.address, made.is_native) == ("native", True)
    for placeholder in ("native", "0x" + "0" * 40, "0x" + "eE" * 20, "slip44:60"):
        refused = await registry.refused("CreateAssetDeployment", asset_id=eth, chain_id=chain, contract_address=placeholder)
        assert (refused.code, refused.fields) == ("ALREADY_EXISTS", [("contract_address", "TAKEN")]), placeholder
        listed = await registry.call("ListAssetDeployments", chain_id=chain, address=placeholder)
        assert [each.deployment_id for each in listed.deployments] == [made.deployment_id], placeholder


async def test_is_native_must_agree_with_the_address(registry: Client, factory: Factory) -> None:
    asset, chain = await factory.asset("USDC"), await factory.chain()
    for fields, violation in (
        ({"contract_address": USDC, "is_native": True}, ("contract_address", "NOT_NATIVE")),
        ({"contract_address": "native", "is_native": False}, ("is_native", "NATIVE")),
        ({"is_native": False}, ("contract_address", "REQUIRED")),
        ({}, ("contract_address", "REQUIRED")),
    ):
        refused = await registry.refused("CreateAssetDeployment", asset_id=asset, chain_id=chain, **fields)
        assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [violation])
    assert (await deploy(registry, asset, chain, USDC, is_native=False)).is_native is False


async def test_a_face_of_the_native_coin_counts_on_its_own_chain_only(registry: Client, factory: Factory) -> None:
    pol = await factory.asset("POL")
    face = "0x0000000000000000000000000000000000001010"
    polygon = await factory.chain("Polygon", caip2="eip155:137")
    other = await factory.chain("Other")
    assert (await deploy(registry, pol, polygon, face)).is_native
    assert not (await deploy(registry, pol, other, face)).is_native


async def test_decimals_are_what_the_chain_allows_and_unknown_is_not_zero(registry: Client, factory: Factory) -> None:
    asset, strict, wide = (
        await factory.asset("NEAR"),
        await factory.chain("Strict"),
        await factory.chain("Wide", max_decimals=255),
    )
    for chain, decimals in ((strict, 19), (strict, -1), (wide, 256), (wide, 10_000)):
        refused = await registry.refused(
            "CreateAssetDeployment", asset_id=asset, chain_id=chain, contract_address=USDC, decimals=decimals
        )
        assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [("decimals", "OUT_OF_RANGE")])
    assert (await deploy(registry, asset, strict, USDC, decimals=18)).decimals == 18
    assert (await deploy(registry, asset, wide, USDC, decimals=255)).decimals == 255
    zero = await deploy(registry, asset, wide, USDT, decimals=0)
    assert zero.HasField("decimals")
    unknown = await deploy(registry, asset, strict, USDT)
    assert not unknown.HasField("decimals")


async def test_an_asset_may_have_several_deployments_on_a_chain_of_which_one_is_canonical(
    registry: Client, factory: Factory
) -> None:
    asset, chain = await factory.asset("RNDR"), await factory.chain()
    old = await deploy(registry, asset, chain, USDC, is_canonical=False, retired_at=at(-300))
    new = await deploy(registry, asset, chain, USDT, is_canonical=True)
    third = "0x" + "12" * 20
    refused = await registry.refused(
        "CreateAssetDeployment", asset_id=asset, chain_id=chain, contract_address=third, is_canonical=True
    )
    assert (refused.code, refused.fields) == ("ALREADY_EXISTS", [("is_canonical", "TAKEN")])
    listed = (await registry.call("ListAssetDeployments", asset_id=asset)).deployments
    assert {each.deployment_id for each in listed} == {old.deployment_id, new.deployment_id}
    other = await factory.chain("Base")
    await deploy(registry, asset, other, third, is_canonical=True)


async def test_deployments_are_listed_by_asset_by_chain_and_by_address(registry: Client, factory: Factory) -> None:
    usdc, usdt, one, two = (
        await factory.asset("USDC"),
        await factory.asset("USDT"),
        await factory.chain("One"),
        await factory.chain("Two"),
    )
    first, second = await deploy(registry, usdc, one, USDC), await deploy(registry, usdc, two, USDC)
    third = await deploy(registry, usdt, one, USDT)

    async def ids(**filters: str) -> set[str]:
        return {each.deployment_id for each in (await registry.call("ListAssetDeployments", **filters)).deployments}

    assert await ids() == {first.deployment_id, second.deployment_id, third.deployment_id}
    assert await ids(asset_id=usdc) == {first.deployment_id, second.deployment_id}
    assert await ids(chain_id=one) == {first.deployment_id, third.deployment_id}
    assert await ids(address=USDC.lower()) == {first.deployment_id, second.deployment_id}
    assert await ids(asset_id=usdc, chain_id=two, address=USDC) == {second.deployment_id}
    assert await ids(asset_id=usdt, address=USDC) == set()


async def test_asset_and_chain_must_exist(registry: Client, factory: Factory) -> None:
    asset, chain = await factory.asset(), await factory.chain()
    for fields, field in (
        ({"asset_id": asset, "chain_id": "nowhere"}, "chain_id"),
        ({"asset_id": "nobody", "chain_id": chain}, "asset_id"),
    ):
        refused = await registry.refused("CreateAssetDeployment", contract_address=USDC, **fields)
        assert (refused.code, refused.fields) == ("NOT_FOUND", [(field, "NOT_FOUND")])


async def test_a_deployment_is_not_retired_before_it_was_made(registry: Client, factory: Factory) -> None:
    asset, chain = await factory.asset(), await factory.chain()
    refused = await registry.refused(
        "CreateAssetDeployment", asset_id=asset, chain_id=chain, contract_address=USDC, deployed_at=at(0), retired_at=at(-1)
    )
    assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [("retired_at", "BAD_RANGE")])
