"""Reviews do not give a writer what requires the role admin, nor a key restricted to venues the rows of another venue."""

from collections.abc import AsyncIterator, Mapping
from typing import Any, NamedTuple

import asyncpg
import pytest

from cqar import config
from cqar.admin.app import Admin
from cqar.contract.cqar.v1 import registry_pb2, reviews_pb2
from cqar.contract.cqc.assets.v1 import assets_pb2
from cqar.contract.cqc.markets.v1 import markets_pb2
from cqar.contract.cqc.services.v1 import asset_registry_pb2
from cqar.contract.cqc.venues.v1 import venues_pb2
from cqar.model.call import Role
from tests.access import credentials
from tests.access.credentials import ACCESS, bearer, outcome
from tests.client import Client, Refused

PROVISIONAL = reviews_pb2.REVIEW_KIND_PROVISIONAL


class Desk(NamedTuple):
    """Admin, a key of each role, and a registry of two venues."""

    client: Client
    api_keys: Mapping[Role, str]

    async def call(self, method: str, role: Role = Role.WRITER, **fields: Any) -> Any:
        return await self.client.call(method, headers=bearer(self.api_keys[role]), **fields)

    async def asset(self, symbol: str, category: str | None = None, venue: str | None = None) -> str:
        """A new asset, listed at a venue."""
        more: dict[str, Any] = {} if category is None else {"category": category}
        kind = assets_pb2.ASSET_TYPE_NATIVE
        made = (await self.call("CreateAsset", symbol=symbol, name=symbol, asset_type=kind, **more)).asset.asset_id
        if venue is not None:
            await self.call("CreateVenueAsset", venue_id=venue, asset_id=made, venue_asset_symbol=symbol)
        return str(made)

    async def lives(self, asset_id: str) -> bool:
        """Whether the asset is still itself: a merged one is answered with its successor."""
        path, key, data = _raw("GetAsset", self.api_keys[Role.READER], asset_id=asset_id)
        answer, _ = await self.client.raw(path, data, headers=bearer(key))
        return bool(asset_registry_pb2.GetAssetResponse.FromString(answer).asset.asset_id == asset_id)

    async def opened(self, key: str, **fields: Any) -> str:
        """A new review."""
        review = reviews_pb2.Review(**{"venue_id": "binance", "code": "X", **fields})
        data = reviews_pb2.OpenReviewsRequest(reviews=[review]).SerializeToString()
        answer, _ = await self.client.raw(f"{ACCESS}OpenReviews", data, headers=bearer(key))
        return str(reviews_pb2.OpenReviewsResponse.FromString(answer).reviews[0].review_id)

    async def not_opened(self, key: str, **fields: Any) -> Refused:
        review = reviews_pb2.Review(**{"venue_id": "binance", "code": "X", **fields})
        data = reviews_pb2.OpenReviewsRequest(reviews=[review]).SerializeToString()
        refused = await outcome(self.client, f"{ACCESS}OpenReviews", key, data)
        assert refused is not None
        return refused

    async def accepted(self, role: Role, review_id: str, **fields: Any) -> Refused | None:
        data = reviews_pb2.AcceptReviewRequest(review_id=review_id, **fields).SerializeToString()
        return await outcome(self.client, f"{ACCESS}AcceptReview", self.api_keys[role], data)


def _raw(method: str, key: str, **fields: Any) -> tuple[str, str, bytes]:
    request = getattr(asset_registry_pb2, f"{method}Request")(**fields)
    return f"/cqc.services.v1.AssetRegistry/{method}", key, request.SerializeToString()


@pytest.fixture
async def desk(admin: Admin, api_keys: Mapping[Role, str]) -> AsyncIterator[Desk]:
    async with Client(admin.port) as client:
        made = Desk(client, api_keys)
        for name in ("binance", "kraken"):
            await made.call("CreateVenue", name=name, venue_type=venues_pb2.VENUE_TYPE_CEX)
        yield made


async def test_a_writer_does_not_merge_an_asset_that_is_not_provisional(desk: Desk) -> None:
    writer = desk.api_keys[Role.WRITER]
    bitcoin, other = await desk.asset("BTC", venue="binance"), await desk.asset("ETH")
    refused = await desk.not_opened(writer, kind=PROVISIONAL, asset_id=bitcoin, candidate_asset_ids=[other])
    assert refused.preconditions[0][:2] == ("NOT_PROVISIONAL", f"asset:{bitcoin}")
    # An administrator may open it; a writer still may not accept it.
    review = await desk.opened(desk.api_keys[Role.ADMIN], kind=PROVISIONAL, asset_id=bitcoin, candidate_asset_ids=[other])
    answer = await desk.accepted(Role.WRITER, review)
    assert answer is not None
    assert answer.code == "FAILED_PRECONDITION"
    assert await desk.lives(bitcoin)
    assert await desk.accepted(Role.ADMIN, review) is None
    assert not await desk.lives(bitcoin)


async def test_many_decisions_at_once_give_a_writer_no_more(desk: Desk) -> None:
    bitcoin, other = await desk.asset("BTC", venue="binance"), await desk.asset("ETH")
    opened = {"kind": PROVISIONAL, "code": "BTC", "asset_id": bitcoin, "candidate_asset_ids": [other]}
    review = await desk.opened(desk.api_keys[Role.ADMIN], **opened)
    decision = reviews_pb2.Decision(review_id=review, decision=reviews_pb2.REVIEW_DECISION_ASSET, asset=other)
    data = reviews_pb2.DecideReviewsRequest(decisions=[decision]).SerializeToString()
    answer, _ = await desk.client.raw(f"{ACCESS}DecideReviews", data, headers=bearer(desk.api_keys[Role.WRITER]))
    [result] = reviews_pb2.DecideReviewsResponse.FromString(answer).results
    assert result.outcome != reviews_pb2.DECIDED
    assert await desk.lives(bitcoin)
    # A code can be given another asset; the old one stays.
    given = reviews_pb2.SetIdentityRequest(venue_id="binance", code="BTC", asset=other).SerializeToString()
    assert await outcome(desk.client, f"{ACCESS}SetIdentity", desk.api_keys[Role.WRITER], given) is None
    assert await desk.lives(bitcoin)


@pytest.mark.parametrize("method", ["DecideReviews", "SetIdentity"])
async def test_a_reader_and_a_key_of_a_venue_decide_nothing(desk: Desk, settings: config.Settings, method: str) -> None:
    request: Any = {
        "DecideReviews": reviews_pb2.DecideReviewsRequest(decisions=[reviews_pb2.Decision(venue_id="binance", code="X")]),
        "SetIdentity": reviews_pb2.SetIdentityRequest(venue_id="binance", code="X", asset="x"),
    }[method]
    restricted = await credentials.make(settings, Role.WRITER, venue_ids=["binance"])
    for key in (desk.api_keys[Role.READER], restricted):
        refused = await outcome(desk.client, f"{ACCESS}{method}", key, request.SerializeToString())
        assert refused is not None
        assert refused.code == "PERMISSION_DENIED"


async def test_an_asset_that_became_permanent_since_is_not_merged(desk: Desk) -> None:
    asset, other = await desk.asset("ZEPH", "provisional", "binance"), await desk.asset("ETH")
    review = await desk.opened(desk.api_keys[Role.WRITER], kind=PROVISIONAL, asset_id=asset, candidate_asset_ids=[other])
    await desk.call("UpdateAsset", asset_id=asset, category="coin")
    answer = await desk.accepted(Role.WRITER, review)
    assert answer is not None
    assert answer.code == "FAILED_PRECONDITION"
    assert await desk.lives(asset)


async def test_a_writer_does_not_make_an_existing_asset_provisional(desk: Desk) -> None:
    bitcoin = await desk.asset("BTC", venue="binance")
    path, key, data = _raw("UpdateAsset", desk.api_keys[Role.WRITER], asset_id=bitcoin, category="provisional")
    refused = await outcome(desk.client, path, key, data)
    assert refused is not None
    assert refused.code == "FAILED_PRECONDITION"
    row = registry_pb2.ApplyRow(asset=assets_pb2.Asset(asset_id=bitcoin, category="provisional"))
    request = registry_pb2.ApplyRequest(rows=[row]).SerializeToString()
    answer, _ = await desk.client.raw("/cqar.v1.Registry/Apply", request, headers=bearer(key))
    assert registry_pb2.ApplyResponse.FromString(answer).results[0].outcome == registry_pb2.REJECTED
    await desk.call("UpdateAsset", Role.ADMIN, asset_id=bitcoin, category="provisional")


async def test_a_writer_merges_a_provisional_asset_of_the_venue_into_a_live_other_one(desk: Desk) -> None:
    writer = desk.api_keys[Role.WRITER]
    asset, other = await desk.asset("ZEPH", "provisional", "binance"), await desk.asset("ETH")
    elsewhere = await desk.not_opened(writer, kind=PROVISIONAL, venue_id="kraken", asset_id=asset)
    assert elsewhere.code == "FAILED_PRECONDITION"
    assert (await desk.not_opened(writer, kind=PROVISIONAL, asset_id="nothing")).code == "NOT_FOUND"
    assert (await desk.not_opened(writer, kind=PROVISIONAL)).code == "INVALID_ARGUMENT"
    review = await desk.opened(writer, kind=PROVISIONAL, asset_id=asset)
    itself = await desk.accepted(Role.WRITER, review, asset_id=asset)
    assert itself is not None
    assert itself.code == "INVALID_ARGUMENT"
    gone = await desk.asset("GONE")
    await desk.call("DeleteAsset", asset_id=gone)
    deleted = await desk.accepted(Role.WRITER, review, asset_id=gone)
    assert deleted is not None
    assert deleted.code == "NOT_FOUND"
    assert await desk.lives(asset)
    assert await desk.accepted(Role.WRITER, review, asset_id=other) is None
    assert not await desk.lives(asset)


async def test_a_conflict_does_not_name_the_listing_of_another_venue(
    desk: Desk, settings: config.Settings, connection: asyncpg.Connection
) -> None:
    base, quote = await desk.asset("BTC"), await desk.asset("USDT")
    sides: dict[str, Any] = {"base_asset_id": base, "quote_asset_id": quote}
    symbol = (await desk.call("CreateSymbol", symbol_type=markets_pb2.SYMBOL_TYPE_SPOT, **sides)).symbol.symbol_id
    listing = await desk.call("CreateVenueSymbol", venue_id="kraken", symbol_id=symbol, venue_symbol="XBTUSDT")
    proposed = {"kind": reviews_pb2.REVIEW_KIND_LISTING_CONFLICT, "listing_id": listing.venue_symbol.listing_id}
    restricted = await credentials.make(settings, Role.WRITER, venue_ids=["binance"])
    for key in (restricted, *desk.api_keys.values()):
        if key != desk.api_keys[Role.READER]:
            assert (await desk.not_opened(key, **proposed)).code == "FAILED_PRECONDITION"
    # Nor is one accepted that was stored before this rule.
    review = await desk.opened(desk.api_keys[Role.WRITER], **{**proposed, "venue_id": "kraken"})
    await connection.execute("UPDATE reviews SET venue_id = 'binance'")
    for decision in (reviews_pb2.REVIEW_DECISION_REUSE, reviews_pb2.REVIEW_DECISION_CORRECTION):
        answer = await desk.accepted(Role.ADMIN, review, decision=decision)
        assert answer is not None
        assert answer.preconditions[0][0] == "OTHER_VENUE"
