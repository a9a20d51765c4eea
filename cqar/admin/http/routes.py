"""The HTTP API as a table: verb, path and the RPC that serves it. All rules are those of the RPCs.

Names in braces are request fields. GET and DELETE take the other fields as parameters, POST and PATCH as a JSON object. A
PATCH clears fields that are null. `expected_revision` is the header If-Match.
"""

import re
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from cqar.model.call import Role
from cqar.services import access, asset_registry, registry
from cqar.services.method import AnyMethod
from cqar.writes import audit

#: The RPCs with a route, by name. `TailEvents` is not in a method table because it is a stream.
METHODS: Mapping[str, AnyMethod] = {each.name: each for each in (*asset_registry.METHODS, *registry.METHODS, *access.METHODS)}
TAIL = audit.SERVICE.methods_by_name["TailEvents"]

#: Request fields that HTTP expresses differently, and how.
ELSEWHERE: Mapping[str, str] = {
    "expected_revision": "is sent as the header If-Match",
    "clear": "is not accepted here; send null to clear a field",
}
_VARIABLE = re.compile(r"\{(\w+)\}")


class Route(NamedTuple):
    """One verb on one path."""

    verb: Literal["GET", "POST", "PATCH", "DELETE"]
    path: str
    rpc: str
    #: the path of what was created, with fields of the response's entity
    location: str = ""
    #: the response: a JSON object, a stream of results, or a stream of events
    answer: Literal["object", "results", "events"] = "object"

    @property
    def method(self) -> AnyMethod:
        """The RPC's row."""
        return METHODS[self.rpc]

    @property
    def role(self) -> Role:
        """The role that the caller needs."""
        return audit.TAIL_ROLE if self.answer == "events" else self.method.role

    @property
    def request(self) -> Descriptor:
        """The RPC's request."""
        described: Any = TAIL.input_type if self.answer == "events" else self.method.request.DESCRIPTOR
        return described  # type: ignore[no-any-return]  # a Descriptor

    @property
    def variables(self) -> tuple[str, ...]:
        """The request fields in the path."""
        return tuple(_VARIABLE.findall(self.path))

    @property
    def pattern(self) -> str:
        """The path in aiohttp's syntax: a variable matches any text without a slash, before decoding."""
        return _VARIABLE.sub(r"{\1:[^/]+}", self.path)

    @property
    def takes_body(self) -> bool:
        """Whether fields are sent as JSON."""
        return self.verb in ("POST", "PATCH")

    @property
    def conditional(self) -> bool:
        """Whether If-Match makes the call conditional on the row's revision."""
        return "expected_revision" in self.request.fields_by_name

    @property
    def without(self) -> Mapping[str, str]:
        """The request fields that neither parameters nor body may set, with the reason."""
        return {**ELSEWHERE, **dict.fromkeys(self.variables, "is part of the path")}

    @property
    def entity(self) -> FieldDescriptor | None:
        """The response field with the row that the call is about, if it is about one."""
        first: Any = self.method.response.DESCRIPTOR.fields_by_number.get(1)
        one = first is not None and first.message_type is not None and not first.is_repeated
        return first if one and "revision" in first.message_type.fields_by_name else None

    @property
    def shown_entity(self) -> Descriptor:
        """The message of that row."""
        described: Any = self.entity
        return described.message_type  # type: ignore[no-any-return]  # a Descriptor


ROUTES = (
    # ---- assets ----
    Route("GET", "/v1/assets", "ListAssets"),
    Route("POST", "/v1/assets", "CreateAsset", "/v1/assets/{asset_id}"),
    Route("GET", "/v1/assets/{asset_id}", "GetAsset"),
    Route("PATCH", "/v1/assets/{asset_id}", "UpdateAsset"),
    Route("DELETE", "/v1/assets/{asset_id}", "DeleteAsset"),
    Route("POST", "/v1/assets/{from_asset_id}/merge", "MergeAssets"),
    Route("GET", "/v1/search/assets", "SearchAssets"),
    # ---- deployments ----
    Route("GET", "/v1/deployments", "ListAssetDeployments"),
    Route("POST", "/v1/deployments", "CreateAssetDeployment", "/v1/deployments/{deployment_id}"),
    Route("GET", "/v1/deployments/{deployment_id}", "GetAssetDeployment"),
    Route("PATCH", "/v1/deployments/{deployment_id}", "UpdateAssetDeployment"),
    Route("DELETE", "/v1/deployments/{deployment_id}", "DeleteAssetDeployment"),
    # ---- relationships ----
    Route("GET", "/v1/relationships", "ListAssetRelationships"),
    Route("POST", "/v1/relationships", "CreateAssetRelationship", "/v1/relationships/{relationship_id}"),
    Route("PATCH", "/v1/relationships/{relationship_id}", "UpdateAssetRelationship"),
    Route("DELETE", "/v1/relationships/{relationship_id}", "DeleteAssetRelationship"),
    # ---- groups ----
    Route("POST", "/v1/groups", "CreateAssetGroup", "/v1/groups/{group_id}"),
    Route("GET", "/v1/groups/{group_id}", "GetAssetGroup"),
    Route("GET", "/v1/groups/by-name/{name}", "GetAssetGroup"),
    Route("PATCH", "/v1/groups/{group_id}", "UpdateAssetGroup"),
    Route("DELETE", "/v1/groups/{group_id}", "DeleteAssetGroup"),
    Route("POST", "/v1/groups/{group_id}/members", "AddAssetToGroup", "/v1/groups/{group_id}/members/{asset_id}"),
    Route("DELETE", "/v1/groups/{group_id}/members/{asset_id}", "RemoveAssetFromGroup"),
    # ---- quality flags ----
    Route("GET", "/v1/flags", "ListQualityFlags"),
    Route("POST", "/v1/flags", "RaiseQualityFlag", "/v1/flags/{flag_id}"),
    Route("GET", "/v1/flags/{flag_id}", "GetQualityFlag"),
    Route("POST", "/v1/flags/{flag_id}/resolve", "ResolveQualityFlag"),
    # ---- identifiers ----
    Route("GET", "/v1/assets/{asset_id}/identifiers", "ListAssetIdentifiers"),
    Route("POST", "/v1/assets/{asset_id}/identifiers", "CreateAssetIdentifier", "/v1/identifiers/assets/{identifier_id}"),
    Route("GET", "/v1/assets/{asset_id}/identifiers/{source}", "GetAssetIdentifier"),
    Route("GET", "/v1/identifiers/assets/{source}/{external_id}", "GetAssetIdentifier"),
    Route("DELETE", "/v1/identifiers/assets/{identifier_id}", "DeleteAssetIdentifier"),
    Route("GET", "/v1/symbols/{symbol_id}/identifiers", "ListSymbolIdentifiers"),
    Route("POST", "/v1/symbols/{symbol_id}/identifiers", "CreateSymbolIdentifier", "/v1/identifiers/symbols/{identifier_id}"),
    Route("GET", "/v1/symbols/{symbol_id}/identifiers/{data_source}", "GetSymbolIdentifier"),
    Route("GET", "/v1/identifiers/symbols/{data_source}/{external_id}", "GetSymbolIdentifier"),
    Route("DELETE", "/v1/identifiers/symbols/{identifier_id}", "DeleteSymbolIdentifier"),
    # ---- chains ----
    Route("GET", "/v1/chains", "ListChains"),
    Route("POST", "/v1/chains", "CreateChain", "/v1/chains/{chain_id}"),
    Route("GET", "/v1/chains/{chain_id}", "GetChain"),
    Route("PATCH", "/v1/chains/{chain_id}", "UpdateChain"),
    # ---- canonical symbols ----
    Route("GET", "/v1/symbols", "ListSymbols"),
    Route("POST", "/v1/symbols", "CreateSymbol", "/v1/symbols/{symbol_id}"),
    Route("GET", "/v1/symbols/{symbol_id}", "GetSymbol"),
    Route("PATCH", "/v1/symbols/{symbol_id}", "UpdateSymbol"),
    Route("DELETE", "/v1/symbols/{symbol_id}", "DeleteSymbol"),
    Route("GET", "/v1/search/symbols", "SearchSymbols"),
    # ---- venues, and what they list ----
    Route("GET", "/v1/venues", "ListVenues"),
    Route("POST", "/v1/venues", "CreateVenue", "/v1/venues/{venue_id}"),
    Route("GET", "/v1/venues/{venue_id}", "GetVenue"),
    Route("PATCH", "/v1/venues/{venue_id}", "UpdateVenue"),
    Route("GET", "/v1/venue-assets", "ListVenueAssets"),
    Route("GET", "/v1/venues/{venue_id}/assets", "ListVenueAssets"),
    Route("POST", "/v1/venues/{venue_id}/assets", "CreateVenueAsset", "/v1/venues/{venue_id}/assets/{asset_id}"),
    Route("GET", "/v1/venues/{venue_id}/assets/{asset_id}", "GetVenueAsset"),
    Route("PATCH", "/v1/venues/{venue_id}/assets/{asset_id}", "UpdateVenueAsset"),
    Route("DELETE", "/v1/venues/{venue_id}/assets/{asset_id}", "DeleteVenueAsset"),
    Route("POST", "/v1/venues/{venue_id}/assets/{asset_id}/delist", "DelistVenueAsset"),
    Route("GET", "/v1/venues/{venue_id}/symbols", "ListVenueSymbols"),
    Route("POST", "/v1/venues/{venue_id}/symbols", "CreateVenueSymbol", "/v1/listings/{listing_id}"),
    Route("GET", "/v1/venues/{venue_id}/symbols/{venue_symbol}", "GetVenueSymbol"),
    Route("GET", "/v1/listings", "ListVenueSymbols"),
    Route("GET", "/v1/listings/{listing_id}", "GetVenueSymbolListing"),
    Route("PATCH", "/v1/listings/{listing_id}", "UpdateVenueSymbol"),
    Route("DELETE", "/v1/listings/{listing_id}", "DeleteVenueSymbol"),
    Route("POST", "/v1/listings/{listing_id}/delist", "DelistVenueSymbol"),
    # ---- many rows at once ----
    Route("POST", "/v1/apply", "Apply", answer="results"),
    # ---- what codes of venues mean, and why ----
    Route("GET", "/v1/evidence", "ListEvidence"),
    Route("GET", "/v1/venues/{venue_id}/evidence", "ListEvidence"),
    Route("POST", "/v1/evidence", "RecordClaims"),
    Route("GET", "/v1/venues/{venue_id}/explain", "Explain"),
    # ---- what was done, and what happens ----
    Route("GET", "/v1/audit", "ListAudit"),
    Route("GET", "/v1/events", "TailEvents", answer="events"),
    # ---- keys ----
    Route("GET", "/v1/keys", "ListKeys"),
    Route("POST", "/v1/keys", "CreateKey", "/v1/keys/{key_id}"),
    Route("DELETE", "/v1/keys/{key_id}", "RevokeKey"),
    # ---- reviews ----
    Route("GET", "/v1/reviews", "ListReviews"),
    Route("POST", "/v1/reviews", "OpenReviews"),
    Route("POST", "/v1/reviews/{review_id}/accept", "AcceptReview"),
    Route("POST", "/v1/reviews/{review_id}/reject", "RejectReview"),
    Route("POST", "/v1/reviews/{review_id}/reopen", "ReopenReview"),
    Route("POST", "/v1/reviews/decisions", "DecideReviews"),
    Route("GET", "/v1/reviews/questions", "ListQuestions"),
    Route("POST", "/v1/reviews/identity", "SetIdentity"),
    Route("POST", "/v1/reviews/moves", "MoveCodes"),
)


def _check() -> None:
    """Raise TypeError if a route does not match its RPC, or a served RPC has no route."""
    for route in ROUTES:
        shown: Any = route.shown_entity.fields_by_name if route.location else ()
        named = _VARIABLE.findall(route.location)
        if not set(route.variables) <= set(route.request.fields_by_name) or not set(named) <= set(shown):
            msg = f"{route.verb} {route.path} does not fit {route.rpc}"
            raise TypeError(msg)
    missing = {*METHODS, TAIL.name} - {route.rpc for route in ROUTES}
    if missing:
        msg = f"no path leads to {sorted(missing)}"
        raise TypeError(msg)


_check()
