"""Every RPC of `cqar.v1.Registry`, a row each: what the contract lacks to run a registry."""

from typing import Any

from google.protobuf.message import Message

from cqar.contract.cqar.v1 import registry_pb2 as pb
from cqar.model import binding, rules
from cqar.model.call import Role
from cqar.model.entities import (
    ASSET_GROUP,
    ASSET_IDENTIFIER,
    CHAIN,
    DEPLOYMENT,
    QUALITY_FLAG,
    RELATIONSHIP,
    SYMBOL_IDENTIFIER,
    VENUE,
    VENUE_ASSET,
    VENUE_SYMBOL,
)
from cqar.model.entity import Entity, Row
from cqar.services.method import AnyMethod, complete, read
from cqar.services.run import batch, write
from cqar.storage.postgres import Sql
from cqar.writes import merge, operations, prepare, procedures
from cqar.writes.apply import run
from cqar.writes.operations import Delete, Get, Prepare, Update
from cqar.writes.transaction import Write, over

SERVICE = pb.DESCRIPTOR.services_by_name["Registry"]


_NOW = Sql("now", "SELECT now() AS now")


class Delist:
    """End a listing at a time, where none is given now, unless it has ended; the event tells of it at once, with that time."""

    def __init__(self, entity: Entity, response: type[Message], prepare: Prepare) -> None:
        self.entity = entity
        self.response = response
        self.prepare = prepare

    async def __call__(self, write: Write, request: Any) -> Message:
        """Set delisted_at. Raises NotFound, Aborted, Invalid where it would end before it began.

        A time to come opens what has ended again, as an update would: Precondition, AlreadyExists.
        """
        entity = self.entity
        before = await operations.lock(write, entity, request)
        row = {**dict(before), "delisted_at": await self._end(write, request, before)}
        rules.interval(row["listed_at"], row["delisted_at"], ("listed_at", "delisted_at"))
        if over(before, write.now) and not over(row, write.now):
            await self.prepare(write, row, before)
        event = {"reason": binding.TEXT["reason"](request.reason, "reason")} if request.reason else {}
        stored = await operations.replace(write, entity, before, row, **event)
        response = self.response()
        write.show(entity, stored, getattr(response, entity.field))
        return response

    @staticmethod
    async def _end(write: Write, request: Any, before: Row) -> Any:
        """The end that the request means; now is the database's, by whose clock answers say what is active."""
        if request.HasField("delisted_at"):
            return binding.instant(request.delisted_at, "delisted_at")
        if over(before, write.now):
            return before["delisted_at"]
        now = await write.session.row(_NOW)
        return None if now is None else now["now"]


_UPDATE_GROUP = Update(ASSET_GROUP, pb.UpdateAssetGroupRequest, pb.UpdateAssetGroupResponse)


async def update_group(write: Write, request: Any) -> Message:
    """UpdateAssetGroup: the answer has the members, as every one of a group."""
    response: Any = await _UPDATE_GROUP(write, request)
    await procedures.fill_group(write.session, response.group)
    return response  # type: ignore[no-any-return]  # an UpdateAssetGroupResponse


_DEPLOYMENT_USERS = Sql(
    "uses_of_deployment",
    "SELECT 'venue_asset' AS kind, venue_id || '/' || asset_id AS id FROM venue_assets"
    " WHERE deployment_id = $1 AND COALESCE(delisted_at > now(), true) LIMIT 10",
)
_GROUP_USERS = Sql(
    "uses_of_group",
    "SELECT 'asset_group_member' AS kind, asset_id AS id FROM asset_group_members WHERE group_id = $1"
    " ORDER BY asset_id LIMIT 10",
)


METHODS: tuple[AnyMethod, ...] = (
    write(SERVICE, "UpdateChain", Update(CHAIN, pb.UpdateChainRequest, pb.UpdateChainResponse, prepare=prepare.chain)),
    write(SERVICE, "UpdateVenue", Update(VENUE, pb.UpdateVenueRequest, pb.UpdateVenueResponse, prepare=prepare.venue)),
    write(
        SERVICE,
        "UpdateVenueAsset",
        Update(VENUE_ASSET, pb.UpdateVenueAssetRequest, pb.UpdateVenueAssetResponse, prepare=prepare.venue_asset),
    ),
    write(
        SERVICE,
        "UpdateVenueSymbol",
        Update(VENUE_SYMBOL, pb.UpdateVenueSymbolRequest, pb.UpdateVenueSymbolResponse, prepare=prepare.venue_symbol),
    ),
    write(
        SERVICE,
        "UpdateAssetDeployment",
        Update(DEPLOYMENT, pb.UpdateAssetDeploymentRequest, pb.UpdateAssetDeploymentResponse, prepare=prepare.deployment),
    ),
    write(SERVICE, "UpdateAssetGroup", update_group),
    write(
        SERVICE,
        "UpdateAssetRelationship",
        Update(RELATIONSHIP, pb.UpdateAssetRelationshipRequest, pb.UpdateAssetRelationshipResponse),
    ),
    write(SERVICE, "DelistVenueSymbol", Delist(VENUE_SYMBOL, pb.DelistVenueSymbolResponse, prepare.venue_symbol)),
    write(SERVICE, "DelistVenueAsset", Delist(VENUE_ASSET, pb.DelistVenueAssetResponse, prepare.venue_asset)),
    write(SERVICE, "DeleteVenueSymbol", Delete(VENUE_SYMBOL, pb.DeleteVenueSymbolResponse)),
    write(SERVICE, "DeleteVenueAsset", Delete(VENUE_ASSET, pb.DeleteVenueAssetResponse)),
    write(SERVICE, "DeleteAssetDeployment", Delete(DEPLOYMENT, pb.DeleteAssetDeploymentResponse, used=_DEPLOYMENT_USERS)),
    write(SERVICE, "DeleteAssetRelationship", Delete(RELATIONSHIP, pb.DeleteAssetRelationshipResponse)),
    write(SERVICE, "DeleteAssetGroup", Delete(ASSET_GROUP, pb.DeleteAssetGroupResponse, used=_GROUP_USERS)),
    write(SERVICE, "DeleteAssetIdentifier", Delete(ASSET_IDENTIFIER, pb.DeleteAssetIdentifierResponse)),
    write(SERVICE, "DeleteSymbolIdentifier", Delete(SYMBOL_IDENTIFIER, pb.DeleteSymbolIdentifierResponse)),
    read(SERVICE, "GetVenueSymbolListing", Get(VENUE_SYMBOL, pb.GetVenueSymbolListingResponse)),
    read(SERVICE, "GetQualityFlag", Get(QUALITY_FLAG, pb.GetQualityFlagResponse)),
    write(SERVICE, "MergeAssets", merge.merge_assets, Role.ADMIN),
    batch(SERVICE, "Apply", run.apply),
)
complete(SERVICE, METHODS)
