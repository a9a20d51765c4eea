"""Every RPC of `cqar.v1.Registry`, a row each: what the original contract lacks to run a registry."""

from cqar.contract.cqar.v1 import registry_pb2 as pb
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
from cqar.services import explanations
from cqar.services.method import AnyMethod, complete, read
from cqar.services.run import batch, write
from cqar.storage.postgres import Sql
from cqar.writes import claims, delist, merge, prepare, procedures
from cqar.writes.apply import run
from cqar.writes.operations import Delete, Get, Update

SERVICE = pb.DESCRIPTOR.services_by_name["Registry"]

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
    write(SERVICE, "UpdateAssetGroup", procedures.update_group),
    write(
        SERVICE,
        "UpdateAssetRelationship",
        Update(RELATIONSHIP, pb.UpdateAssetRelationshipRequest, pb.UpdateAssetRelationshipResponse),
    ),
    write(SERVICE, "DelistVenueSymbol", delist.Delist(VENUE_SYMBOL, pb.DelistVenueSymbolResponse, prepare.venue_symbol)),
    write(SERVICE, "DelistVenueAsset", delist.Delist(VENUE_ASSET, pb.DelistVenueAssetResponse, prepare.venue_asset)),
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
    write(SERVICE, "RecordClaims", claims.record_claims),
    read(SERVICE, "ListEvidence", claims.list_evidence),
    read(SERVICE, "Explain", explanations.explain),
)
complete(SERVICE, METHODS)
