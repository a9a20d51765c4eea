"""A registry with codes that wait for decisions, and the calls of the review queue."""

from typing import Any, NamedTuple

from cqar.contract.cqar.v1 import identity_pb2, registry_pb2
from cqar.contract.cqar.v1 import reviews_pb2 as pb
from cqar.contract.shared import enums_pb2
from tests.client import Client
from tests.registry.factory import Factory

ACCESS = "/cqar.v1.Access/"
VERIFIED, CORROBORATED = enums_pb2.IDENTITY_LEVEL_VERIFIED, enums_pb2.IDENTITY_LEVEL_CORROBORATED
SUGGESTED, CONTESTED = enums_pb2.IDENTITY_LEVEL_SUGGESTED, enums_pb2.IDENTITY_LEVEL_CONTESTED
UNKNOWN = enums_pb2.IDENTITY_LEVEL_UNKNOWN
ASSET, NEW, REJECT = pb.REVIEW_DECISION_ASSET, pb.REVIEW_DECISION_NEW_ASSET, pb.REVIEW_DECISION_REJECT
REUSE, CORRECTION = pb.REVIEW_DECISION_REUSE, pb.REVIEW_DECISION_CORRECTION
PROVISIONAL, CONFLICT = pb.REVIEW_KIND_PROVISIONAL, pb.REVIEW_KIND_CODE_CONFLICT


class Coded(NamedTuple):
    """A code of a venue on a provisional asset, with its open review and its market against USDT."""

    venue: str
    code: str
    asset: str
    review: str
    text: str


class Queue:
    """Calls the review queue, and makes what it is about."""

    def __init__(self, client: Client, factory: Factory) -> None:
        self.client = client
        self.factory = factory
        self.quote = ""

    async def call(self, method: str, **fields: Any) -> Any:
        """The response of an RPC of reviews."""
        request = getattr(pb, f"{method}Request")(**fields)
        data, _ = await self.client.raw(ACCESS + method, request.SerializeToString(), deadline=60)
        return getattr(pb, f"{method}Response").FromString(data)

    async def record(self, *claims: identity_pb2.IdentityClaim) -> None:
        """Record claims of an importer."""
        request = identity_pb2.RecordClaimsRequest(claims=claims)
        await self.client.raw("/cqar.v1.Registry/RecordClaims", request.SerializeToString())

    async def claimed(self, venue: str, code: str) -> Any:
        """The claim about a code."""
        request = identity_pb2.ListEvidenceRequest(venue_id=venue, code=code)
        data, _ = await self.client.raw("/cqar.v1.Registry/ListEvidence", request.SerializeToString())
        [found] = identity_pb2.ListEvidenceResponse.FromString(data).claims
        return found

    async def meaning(self, venue: str, code: str) -> Any:
        """The venue asset that has a code now."""
        listed = (await self.client.call("ListVenueAssets", venue_id=venue, venue_asset_symbol=code)).venue_assets
        [found] = [each for each in listed if not each.HasField("delisted_at")]
        return found

    async def update(self, **fields: Any) -> None:
        """Change a venue asset."""
        request = registry_pb2.UpdateVenueAssetRequest(**fields)
        await self.client.raw("/cqar.v1.Registry/UpdateVenueAsset", request.SerializeToString())

    async def set_identity(self, coded: Coded, asset: str, **fields: Any) -> Any:
        """Set what a code means."""
        return await self.call("SetIdentity", venue_id=coded.venue, code=coded.code, asset=asset, **fields)

    async def reviews(self, **fields: Any) -> list[Any]:
        """The reviews that a list shows."""
        return list((await self.call("ListReviews", **fields)).reviews)

    async def decide(self, *decisions: pb.Decision, **fields: Any) -> list[Any]:
        """The results of decisions."""
        return list((await self.call("DecideReviews", decisions=decisions, **fields)).results)

    async def venue(self, name: str) -> str:
        """A venue, made once."""
        known = (await self.client.call("ListVenues")).venues
        return name if any(each.venue_id == name for each in known) else await self.factory.venue(name, venue_slug=name)

    async def listed(self, venue: str, code: str, asset: str, *aliases: str) -> None:
        """A venue asset, and a market of each code against USDT."""
        self.quote = self.quote or await self.factory.asset("USDT")
        await self.client.call(
            "CreateVenueAsset",
            venue_id=await self.venue(venue),
            asset_id=asset,
            venue_asset_symbol=code,
            venue_asset_aliases=aliases,
        )
        symbol = await self.factory.symbol(asset, self.quote)
        for each in (code, *aliases):
            await self.factory.listing(venue, symbol, f"{each}USDT")

    async def asked(self, venue: str, code: str, *aliases: str, **fields: Any) -> Coded:
        """A code on a provisional asset, with an open review."""
        asset = await self.factory.asset(code, name=code, category="provisional")
        await self.listed(venue, code, asset, *aliases)
        review = pb.Review(**{"kind": PROVISIONAL, "venue_id": venue, "code": code, "asset_id": asset, **fields})
        opened = (await self.call("OpenReviews", reviews=[review])).reviews[0]
        return Coded(venue, code, asset, opened.review_id, f"{code}USDT")

    async def conflict(self, venue: str, code: str, other: str, blocked_reason: str = "") -> Coded:
        """A code that means an asset so far, and another one by what its venue says now."""
        asset = await self.factory.asset(code)
        await self.listed(venue, code, asset)
        review = pb.Review(kind=CONFLICT, venue_id=venue, code=code, asset_id=asset, candidate_asset_ids=[other])
        if blocked_reason:
            review.venue_asset.blocked_reason = blocked_reason
        opened = (await self.call("OpenReviews", reviews=[review])).reviews[0]
        return Coded(venue, code, asset, opened.review_id, f"{code}USDT")

    async def base(self, coded: Coded, **fields: Any) -> Any:
        """The base asset of the code's market."""
        return (await self.factory.resolved(coded.venue, coded.text, **fields)).base_asset


def decision(coded: Coded, how: pb.ReviewDecision, asset: str | None = None, **fields: Any) -> pb.Decision:
    """A decision about a code."""
    return pb.Decision(venue_id=coded.venue, code=coded.code, decision=how, asset=asset, **fields)


def outcome(result: Any) -> tuple[str, str, str]:
    """Outcome, status code and field of a result."""
    return pb.DecisionOutcome.Name(result.outcome), result.code, result.field


def claim(coded: Coded, level: enums_pb2.IdentityLevel, *candidates: str, **facts: Any) -> identity_pb2.IdentityClaim:
    """A claim of an importer about the code, with what its venue says."""
    made = identity_pb2.IdentityClaim(venue_id=coded.venue, code=coded.code, asset_id=coded.asset, level=level)
    made.candidate_asset_ids.extend(candidates)
    made.facts.update(facts)
    return made
