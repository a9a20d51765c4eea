"""Every RPC of `cqar.v1.Registry`, a row each: what the contract lacks to run a registry."""

from typing import Any

from google.protobuf.message import Message

from cqar import errors
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
from cqar.services.asset_registry import Method, Operation, complete, method
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
        key = operations.key_of(entity, request)
        before = await write.session.row(operations.lock_sql(entity), *key)
        if before is None:
            raise errors.NotFound(entity.name, "/".join(key))
        operations.expect(before, request, entity)
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
STATEMENTS = (_NOW, _DEPLOYMENT_USERS, _GROUP_USERS)


def _write(name: str, serve: Operation) -> Method:
    return method(SERVICE, name, "write", serve)


def _read(name: str, serve: Operation) -> Method:
    return method(SERVICE, name, "read", serve)


METHODS = (
    _write("UpdateChain", Update(CHAIN, pb.UpdateChainRequest, pb.UpdateChainResponse, prepare=prepare.chain)),
    _write("UpdateVenue", Update(VENUE, pb.UpdateVenueRequest, pb.UpdateVenueResponse, prepare=prepare.venue)),
    _write(
        "UpdateVenueAsset",
        Update(VENUE_ASSET, pb.UpdateVenueAssetRequest, pb.UpdateVenueAssetResponse, prepare=prepare.venue_asset),
    ),
    _write(
        "UpdateVenueSymbol",
        Update(VENUE_SYMBOL, pb.UpdateVenueSymbolRequest, pb.UpdateVenueSymbolResponse, prepare=prepare.venue_symbol),
    ),
    _write(
        "UpdateAssetDeployment",
        Update(DEPLOYMENT, pb.UpdateAssetDeploymentRequest, pb.UpdateAssetDeploymentResponse, prepare=prepare.deployment),
    ),
    _write("UpdateAssetGroup", update_group),
    _write(
        "UpdateAssetRelationship",
        Update(RELATIONSHIP, pb.UpdateAssetRelationshipRequest, pb.UpdateAssetRelationshipResponse),
    ),
    _write("DelistVenueSymbol", Delist(VENUE_SYMBOL, pb.DelistVenueSymbolResponse, prepare.venue_symbol)),
    _write("DelistVenueAsset", Delist(VENUE_ASSET, pb.DelistVenueAssetResponse, prepare.venue_asset)),
    _write("DeleteVenueSymbol", Delete(VENUE_SYMBOL, pb.DeleteVenueSymbolResponse)),
    _write("DeleteVenueAsset", Delete(VENUE_ASSET, pb.DeleteVenueAssetResponse)),
    _write("DeleteAssetDeployment", Delete(DEPLOYMENT, pb.DeleteAssetDeploymentResponse, used=_DEPLOYMENT_USERS)),
    _write("DeleteAssetRelationship", Delete(RELATIONSHIP, pb.DeleteAssetRelationshipResponse)),
    _write("DeleteAssetGroup", Delete(ASSET_GROUP, pb.DeleteAssetGroupResponse, used=_GROUP_USERS)),
    _write("DeleteAssetIdentifier", Delete(ASSET_IDENTIFIER, pb.DeleteAssetIdentifierResponse)),
    _write("DeleteSymbolIdentifier", Delete(SYMBOL_IDENTIFIER, pb.DeleteSymbolIdentifierResponse)),
    _read("GetVenueSymbolListing", Get(VENUE_SYMBOL, pb.GetVenueSymbolListingResponse)),
    _read("GetQualityFlag", Get(QUALITY_FLAG, pb.GetQualityFlagResponse)),
    method(SERVICE, "MergeAssets", "write", merge.merge_assets, Role.ADMIN),
    method(SERVICE, "Apply", "batch", run.apply),
)
complete(SERVICE, METHODS)
