import datetime

from cqar.contract.cqc.assets.v1 import assets_pb2 as _assets_pb2
from cqar.contract.cqc.markets.v1 import markets_pb2 as _markets_pb2
from cqar.contract.cqc.venues.v1 import venues_pb2 as _venues_pb2
from cqar.contract.shared import enums_pb2 as _enums_pb2
from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CreateAssetRequest(_message.Message):
    __slots__ = ("symbol", "name", "asset_type", "category", "description", "logo_url", "website_url", "metadata")
    SYMBOL_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ASSET_TYPE_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    LOGO_URL_FIELD_NUMBER: _ClassVar[int]
    WEBSITE_URL_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    symbol: str
    name: str
    asset_type: _assets_pb2.AssetType
    category: str
    description: str
    logo_url: str
    website_url: str
    metadata: _struct_pb2.Struct
    def __init__(self, symbol: _Optional[str] = ..., name: _Optional[str] = ..., asset_type: _Optional[_Union[_assets_pb2.AssetType, str]] = ..., category: _Optional[str] = ..., description: _Optional[str] = ..., logo_url: _Optional[str] = ..., website_url: _Optional[str] = ..., metadata: _Optional[_Union[_struct_pb2.Struct, _Mapping[str, object]]] = ...) -> None: ...

class CreateAssetResponse(_message.Message):
    __slots__ = ("asset", "revision", "similar_asset_ids")
    ASSET_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    SIMILAR_ASSET_IDS_FIELD_NUMBER: _ClassVar[int]
    asset: _assets_pb2.Asset
    revision: int
    similar_asset_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, asset: _Optional[_Union[_assets_pb2.Asset, _Mapping[str, object]]] = ..., revision: _Optional[int] = ..., similar_asset_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class GetAssetRequest(_message.Message):
    __slots__ = ("asset_id", "min_revision")
    ASSET_ID_FIELD_NUMBER: _ClassVar[int]
    MIN_REVISION_FIELD_NUMBER: _ClassVar[int]
    asset_id: str
    min_revision: int
    def __init__(self, asset_id: _Optional[str] = ..., min_revision: _Optional[int] = ...) -> None: ...

class GetAssetResponse(_message.Message):
    __slots__ = ("asset", "revision", "stale", "age_ms", "trading_blocked", "active_flags")
    ASSET_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    STALE_FIELD_NUMBER: _ClassVar[int]
    AGE_MS_FIELD_NUMBER: _ClassVar[int]
    TRADING_BLOCKED_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_FLAGS_FIELD_NUMBER: _ClassVar[int]
    asset: _assets_pb2.Asset
    revision: int
    stale: bool
    age_ms: int
    trading_blocked: bool
    active_flags: _containers.RepeatedCompositeFieldContainer[_assets_pb2.AssetQualityFlag]
    def __init__(self, asset: _Optional[_Union[_assets_pb2.Asset, _Mapping[str, object]]] = ..., revision: _Optional[int] = ..., stale: _Optional[bool] = ..., age_ms: _Optional[int] = ..., trading_blocked: _Optional[bool] = ..., active_flags: _Optional[_Iterable[_Union[_assets_pb2.AssetQualityFlag, _Mapping[str, object]]]] = ...) -> None: ...

class UpdateAssetRequest(_message.Message):
    __slots__ = ("asset_id", "symbol", "name", "asset_type", "category", "description", "logo_url", "website_url", "expected_revision", "clear", "metadata")
    ASSET_ID_FIELD_NUMBER: _ClassVar[int]
    SYMBOL_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ASSET_TYPE_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    LOGO_URL_FIELD_NUMBER: _ClassVar[int]
    WEBSITE_URL_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_REVISION_FIELD_NUMBER: _ClassVar[int]
    CLEAR_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    asset_id: str
    symbol: str
    name: str
    asset_type: _assets_pb2.AssetType
    category: str
    description: str
    logo_url: str
    website_url: str
    expected_revision: int
    clear: _containers.RepeatedScalarFieldContainer[str]
    metadata: _struct_pb2.Struct
    def __init__(self, asset_id: _Optional[str] = ..., symbol: _Optional[str] = ..., name: _Optional[str] = ..., asset_type: _Optional[_Union[_assets_pb2.AssetType, str]] = ..., category: _Optional[str] = ..., description: _Optional[str] = ..., logo_url: _Optional[str] = ..., website_url: _Optional[str] = ..., expected_revision: _Optional[int] = ..., clear: _Optional[_Iterable[str]] = ..., metadata: _Optional[_Union[_struct_pb2.Struct, _Mapping[str, object]]] = ...) -> None: ...

class UpdateAssetResponse(_message.Message):
    __slots__ = ("asset", "revision")
    ASSET_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    asset: _assets_pb2.Asset
    revision: int
    def __init__(self, asset: _Optional[_Union[_assets_pb2.Asset, _Mapping[str, object]]] = ..., revision: _Optional[int] = ...) -> None: ...

class DeleteAssetRequest(_message.Message):
    __slots__ = ("asset_id", "expected_revision")
    ASSET_ID_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_REVISION_FIELD_NUMBER: _ClassVar[int]
    asset_id: str
    expected_revision: int
    def __init__(self, asset_id: _Optional[str] = ..., expected_revision: _Optional[int] = ...) -> None: ...

class DeleteAssetResponse(_message.Message):
    __slots__ = ("success", "revision")
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    success: bool
    revision: int
    def __init__(self, success: _Optional[bool] = ..., revision: _Optional[int] = ...) -> None: ...

class ListAssetsRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "asset_type", "category")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    ASSET_TYPE_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    asset_type: _assets_pb2.AssetType
    category: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., asset_type: _Optional[_Union[_assets_pb2.AssetType, str]] = ..., category: _Optional[str] = ...) -> None: ...

class ListAssetsResponse(_message.Message):
    __slots__ = ("assets", "next_page_token", "total_count")
    ASSETS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TOTAL_COUNT_FIELD_NUMBER: _ClassVar[int]
    assets: _containers.RepeatedCompositeFieldContainer[_assets_pb2.Asset]
    next_page_token: str
    total_count: int
    def __init__(self, assets: _Optional[_Iterable[_Union[_assets_pb2.Asset, _Mapping[str, object]]]] = ..., next_page_token: _Optional[str] = ..., total_count: _Optional[int] = ...) -> None: ...

class SearchAssetsRequest(_message.Message):
    __slots__ = ("query", "limit", "page_size", "page_token", "asset_type", "category", "min_flag_severity")
    QUERY_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    ASSET_TYPE_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    MIN_FLAG_SEVERITY_FIELD_NUMBER: _ClassVar[int]
    query: str
    limit: int
    page_size: int
    page_token: str
    asset_type: _assets_pb2.AssetType
    category: str
    min_flag_severity: _assets_pb2.FlagSeverity
    def __init__(self, query: _Optional[str] = ..., limit: _Optional[int] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., asset_type: _Optional[_Union[_assets_pb2.AssetType, str]] = ..., category: _Optional[str] = ..., min_flag_severity: _Optional[_Union[_assets_pb2.FlagSeverity, str]] = ...) -> None: ...

class SearchAssetsResponse(_message.Message):
    __slots__ = ("assets", "next_page_token")
    ASSETS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    assets: _containers.RepeatedCompositeFieldContainer[_assets_pb2.Asset]
    next_page_token: str
    def __init__(self, assets: _Optional[_Iterable[_Union[_assets_pb2.Asset, _Mapping[str, object]]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class CreateAssetDeploymentRequest(_message.Message):
    __slots__ = ("asset_id", "chain_id", "contract_address", "decimals", "is_native", "is_canonical", "retired_at", "deployed_at", "metadata")
    ASSET_ID_FIELD_NUMBER: _ClassVar[int]
    CHAIN_ID_FIELD_NUMBER: _ClassVar[int]
    CONTRACT_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    DECIMALS_FIELD_NUMBER: _ClassVar[int]
    IS_NATIVE_FIELD_NUMBER: _ClassVar[int]
    IS_CANONICAL_FIELD_NUMBER: _ClassVar[int]
    RETIRED_AT_FIELD_NUMBER: _ClassVar[int]
    DEPLOYED_AT_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    asset_id: str
    chain_id: str
    contract_address: str
    decimals: int
    is_native: bool
    is_canonical: bool
    retired_at: _timestamp_pb2.Timestamp
    deployed_at: _timestamp_pb2.Timestamp
    metadata: _struct_pb2.Struct
    def __init__(self, asset_id: _Optional[str] = ..., chain_id: _Optional[str] = ..., contract_address: _Optional[str] = ..., decimals: _Optional[int] = ..., is_native: _Optional[bool] = ..., is_canonical: _Optional[bool] = ..., retired_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., deployed_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., metadata: _Optional[_Union[_struct_pb2.Struct, _Mapping[str, object]]] = ...) -> None: ...

class CreateAssetDeploymentResponse(_message.Message):
    __slots__ = ("deployment", "revision")
    DEPLOYMENT_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    deployment: _assets_pb2.AssetDeployment
    revision: int
    def __init__(self, deployment: _Optional[_Union[_assets_pb2.AssetDeployment, _Mapping[str, object]]] = ..., revision: _Optional[int] = ...) -> None: ...

class GetAssetDeploymentRequest(_message.Message):
    __slots__ = ("deployment_id",)
    DEPLOYMENT_ID_FIELD_NUMBER: _ClassVar[int]
    deployment_id: str
    def __init__(self, deployment_id: _Optional[str] = ...) -> None: ...

class GetAssetDeploymentResponse(_message.Message):
    __slots__ = ("deployment",)
    DEPLOYMENT_FIELD_NUMBER: _ClassVar[int]
    deployment: _assets_pb2.AssetDeployment
    def __init__(self, deployment: _Optional[_Union[_assets_pb2.AssetDeployment, _Mapping[str, object]]] = ...) -> None: ...

class ListAssetDeploymentsRequest(_message.Message):
    __slots__ = ("asset_id", "chain_id", "page_size", "page_token", "address")
    ASSET_ID_FIELD_NUMBER: _ClassVar[int]
    CHAIN_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    asset_id: str
    chain_id: str
    page_size: int
    page_token: str
    address: str
    def __init__(self, asset_id: _Optional[str] = ..., chain_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., address: _Optional[str] = ...) -> None: ...

class ListAssetDeploymentsResponse(_message.Message):
    __slots__ = ("deployments", "next_page_token", "stale", "age_ms", "revision")
    DEPLOYMENTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    STALE_FIELD_NUMBER: _ClassVar[int]
    AGE_MS_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    deployments: _containers.RepeatedCompositeFieldContainer[_assets_pb2.AssetDeployment]
    next_page_token: str
    stale: bool
    age_ms: int
    revision: int
    def __init__(self, deployments: _Optional[_Iterable[_Union[_assets_pb2.AssetDeployment, _Mapping[str, object]]]] = ..., next_page_token: _Optional[str] = ..., stale: _Optional[bool] = ..., age_ms: _Optional[int] = ..., revision: _Optional[int] = ...) -> None: ...

class CreateAssetIdentifierRequest(_message.Message):
    __slots__ = ("asset_id", "source", "external_id", "is_primary")
    ASSET_ID_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    EXTERNAL_ID_FIELD_NUMBER: _ClassVar[int]
    IS_PRIMARY_FIELD_NUMBER: _ClassVar[int]
    asset_id: str
    source: _assets_pb2.DataSource
    external_id: str
    is_primary: bool
    def __init__(self, asset_id: _Optional[str] = ..., source: _Optional[_Union[_assets_pb2.DataSource, str]] = ..., external_id: _Optional[str] = ..., is_primary: _Optional[bool] = ...) -> None: ...

class CreateAssetIdentifierResponse(_message.Message):
    __slots__ = ("identifier", "revision")
    IDENTIFIER_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    identifier: _assets_pb2.AssetIdentifier
    revision: int
    def __init__(self, identifier: _Optional[_Union[_assets_pb2.AssetIdentifier, _Mapping[str, object]]] = ..., revision: _Optional[int] = ...) -> None: ...

class GetAssetIdentifierRequest(_message.Message):
    __slots__ = ("asset_id", "source", "external_id")
    ASSET_ID_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    EXTERNAL_ID_FIELD_NUMBER: _ClassVar[int]
    asset_id: str
    source: _assets_pb2.DataSource
    external_id: str
    def __init__(self, asset_id: _Optional[str] = ..., source: _Optional[_Union[_assets_pb2.DataSource, str]] = ..., external_id: _Optional[str] = ...) -> None: ...

class GetAssetIdentifierResponse(_message.Message):
    __slots__ = ("identifier", "revision", "stale", "age_ms")
    IDENTIFIER_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    STALE_FIELD_NUMBER: _ClassVar[int]
    AGE_MS_FIELD_NUMBER: _ClassVar[int]
    identifier: _assets_pb2.AssetIdentifier
    revision: int
    stale: bool
    age_ms: int
    def __init__(self, identifier: _Optional[_Union[_assets_pb2.AssetIdentifier, _Mapping[str, object]]] = ..., revision: _Optional[int] = ..., stale: _Optional[bool] = ..., age_ms: _Optional[int] = ...) -> None: ...

class ListAssetIdentifiersRequest(_message.Message):
    __slots__ = ("asset_id", "page_size", "page_token", "source")
    ASSET_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    asset_id: str
    page_size: int
    page_token: str
    source: _assets_pb2.DataSource
    def __init__(self, asset_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., source: _Optional[_Union[_assets_pb2.DataSource, str]] = ...) -> None: ...

class ListAssetIdentifiersResponse(_message.Message):
    __slots__ = ("identifiers", "next_page_token")
    IDENTIFIERS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    identifiers: _containers.RepeatedCompositeFieldContainer[_assets_pb2.AssetIdentifier]
    next_page_token: str
    def __init__(self, identifiers: _Optional[_Iterable[_Union[_assets_pb2.AssetIdentifier, _Mapping[str, object]]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class CreateAssetRelationshipRequest(_message.Message):
    __slots__ = ("source_asset_id", "target_asset_id", "relationship_type", "description", "conversion_rate", "protocol", "metadata")
    SOURCE_ASSET_ID_FIELD_NUMBER: _ClassVar[int]
    TARGET_ASSET_ID_FIELD_NUMBER: _ClassVar[int]
    RELATIONSHIP_TYPE_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    CONVERSION_RATE_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    source_asset_id: str
    target_asset_id: str
    relationship_type: _assets_pb2.RelationshipType
    description: str
    conversion_rate: str
    protocol: str
    metadata: _struct_pb2.Struct
    def __init__(self, source_asset_id: _Optional[str] = ..., target_asset_id: _Optional[str] = ..., relationship_type: _Optional[_Union[_assets_pb2.RelationshipType, str]] = ..., description: _Optional[str] = ..., conversion_rate: _Optional[str] = ..., protocol: _Optional[str] = ..., metadata: _Optional[_Union[_struct_pb2.Struct, _Mapping[str, object]]] = ...) -> None: ...

class CreateAssetRelationshipResponse(_message.Message):
    __slots__ = ("relationship", "revision")
    RELATIONSHIP_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    relationship: _assets_pb2.AssetRelationship
    revision: int
    def __init__(self, relationship: _Optional[_Union[_assets_pb2.AssetRelationship, _Mapping[str, object]]] = ..., revision: _Optional[int] = ...) -> None: ...

class ListAssetRelationshipsRequest(_message.Message):
    __slots__ = ("asset_id", "relationship_type", "page_size", "page_token", "transitive", "direction")
    ASSET_ID_FIELD_NUMBER: _ClassVar[int]
    RELATIONSHIP_TYPE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TRANSITIVE_FIELD_NUMBER: _ClassVar[int]
    DIRECTION_FIELD_NUMBER: _ClassVar[int]
    asset_id: str
    relationship_type: _assets_pb2.RelationshipType
    page_size: int
    page_token: str
    transitive: bool
    direction: str
    def __init__(self, asset_id: _Optional[str] = ..., relationship_type: _Optional[_Union[_assets_pb2.RelationshipType, str]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., transitive: _Optional[bool] = ..., direction: _Optional[str] = ...) -> None: ...

class ListAssetRelationshipsResponse(_message.Message):
    __slots__ = ("relationships", "next_page_token")
    RELATIONSHIPS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    relationships: _containers.RepeatedCompositeFieldContainer[_assets_pb2.AssetRelationship]
    next_page_token: str
    def __init__(self, relationships: _Optional[_Iterable[_Union[_assets_pb2.AssetRelationship, _Mapping[str, object]]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class CreateAssetGroupRequest(_message.Message):
    __slots__ = ("name", "description", "group_type", "members", "metadata")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    GROUP_TYPE_FIELD_NUMBER: _ClassVar[int]
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    name: str
    description: str
    group_type: str
    members: _containers.RepeatedCompositeFieldContainer[_assets_pb2.AssetGroupMember]
    metadata: _struct_pb2.Struct
    def __init__(self, name: _Optional[str] = ..., description: _Optional[str] = ..., group_type: _Optional[str] = ..., members: _Optional[_Iterable[_Union[_assets_pb2.AssetGroupMember, _Mapping[str, object]]]] = ..., metadata: _Optional[_Union[_struct_pb2.Struct, _Mapping[str, object]]] = ...) -> None: ...

class CreateAssetGroupResponse(_message.Message):
    __slots__ = ("group", "revision")
    GROUP_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    group: _assets_pb2.AssetGroup
    revision: int
    def __init__(self, group: _Optional[_Union[_assets_pb2.AssetGroup, _Mapping[str, object]]] = ..., revision: _Optional[int] = ...) -> None: ...

class GetAssetGroupRequest(_message.Message):
    __slots__ = ("group_id", "name")
    GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    group_id: str
    name: str
    def __init__(self, group_id: _Optional[str] = ..., name: _Optional[str] = ...) -> None: ...

class GetAssetGroupResponse(_message.Message):
    __slots__ = ("group",)
    GROUP_FIELD_NUMBER: _ClassVar[int]
    group: _assets_pb2.AssetGroup
    def __init__(self, group: _Optional[_Union[_assets_pb2.AssetGroup, _Mapping[str, object]]] = ...) -> None: ...

class AddAssetToGroupRequest(_message.Message):
    __slots__ = ("group_id", "asset_id", "weight", "weight_decimal")
    GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    ASSET_ID_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_DECIMAL_FIELD_NUMBER: _ClassVar[int]
    group_id: str
    asset_id: str
    weight: float
    weight_decimal: str
    def __init__(self, group_id: _Optional[str] = ..., asset_id: _Optional[str] = ..., weight: _Optional[float] = ..., weight_decimal: _Optional[str] = ...) -> None: ...

class AddAssetToGroupResponse(_message.Message):
    __slots__ = ("member", "revision")
    MEMBER_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    member: _assets_pb2.AssetGroupMember
    revision: int
    def __init__(self, member: _Optional[_Union[_assets_pb2.AssetGroupMember, _Mapping[str, object]]] = ..., revision: _Optional[int] = ...) -> None: ...

class RemoveAssetFromGroupRequest(_message.Message):
    __slots__ = ("group_id", "asset_id", "expected_revision")
    GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    ASSET_ID_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_REVISION_FIELD_NUMBER: _ClassVar[int]
    group_id: str
    asset_id: str
    expected_revision: int
    def __init__(self, group_id: _Optional[str] = ..., asset_id: _Optional[str] = ..., expected_revision: _Optional[int] = ...) -> None: ...

class RemoveAssetFromGroupResponse(_message.Message):
    __slots__ = ("success", "revision")
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    success: bool
    revision: int
    def __init__(self, success: _Optional[bool] = ..., revision: _Optional[int] = ...) -> None: ...

class RaiseQualityFlagRequest(_message.Message):
    __slots__ = ("asset_id", "flag_type", "severity", "description", "raised_by", "source", "evidence_url", "metadata")
    ASSET_ID_FIELD_NUMBER: _ClassVar[int]
    FLAG_TYPE_FIELD_NUMBER: _ClassVar[int]
    SEVERITY_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    RAISED_BY_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_URL_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    asset_id: str
    flag_type: _assets_pb2.FlagType
    severity: _assets_pb2.FlagSeverity
    description: str
    raised_by: str
    source: str
    evidence_url: str
    metadata: _struct_pb2.Struct
    def __init__(self, asset_id: _Optional[str] = ..., flag_type: _Optional[_Union[_assets_pb2.FlagType, str]] = ..., severity: _Optional[_Union[_assets_pb2.FlagSeverity, str]] = ..., description: _Optional[str] = ..., raised_by: _Optional[str] = ..., source: _Optional[str] = ..., evidence_url: _Optional[str] = ..., metadata: _Optional[_Union[_struct_pb2.Struct, _Mapping[str, object]]] = ...) -> None: ...

class RaiseQualityFlagResponse(_message.Message):
    __slots__ = ("flag", "revision")
    FLAG_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    flag: _assets_pb2.AssetQualityFlag
    revision: int
    def __init__(self, flag: _Optional[_Union[_assets_pb2.AssetQualityFlag, _Mapping[str, object]]] = ..., revision: _Optional[int] = ...) -> None: ...

class ResolveQualityFlagRequest(_message.Message):
    __slots__ = ("flag_id", "resolution_notes", "resolved_by", "expected_revision")
    FLAG_ID_FIELD_NUMBER: _ClassVar[int]
    RESOLUTION_NOTES_FIELD_NUMBER: _ClassVar[int]
    RESOLVED_BY_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_REVISION_FIELD_NUMBER: _ClassVar[int]
    flag_id: str
    resolution_notes: str
    resolved_by: str
    expected_revision: int
    def __init__(self, flag_id: _Optional[str] = ..., resolution_notes: _Optional[str] = ..., resolved_by: _Optional[str] = ..., expected_revision: _Optional[int] = ...) -> None: ...

class ResolveQualityFlagResponse(_message.Message):
    __slots__ = ("flag", "revision")
    FLAG_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    flag: _assets_pb2.AssetQualityFlag
    revision: int
    def __init__(self, flag: _Optional[_Union[_assets_pb2.AssetQualityFlag, _Mapping[str, object]]] = ..., revision: _Optional[int] = ...) -> None: ...

class ListQualityFlagsRequest(_message.Message):
    __slots__ = ("asset_id", "min_severity", "include_resolved", "page_size", "page_token", "flag_type")
    ASSET_ID_FIELD_NUMBER: _ClassVar[int]
    MIN_SEVERITY_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_RESOLVED_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    FLAG_TYPE_FIELD_NUMBER: _ClassVar[int]
    asset_id: str
    min_severity: _assets_pb2.FlagSeverity
    include_resolved: bool
    page_size: int
    page_token: str
    flag_type: _assets_pb2.FlagType
    def __init__(self, asset_id: _Optional[str] = ..., min_severity: _Optional[_Union[_assets_pb2.FlagSeverity, str]] = ..., include_resolved: _Optional[bool] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., flag_type: _Optional[_Union[_assets_pb2.FlagType, str]] = ...) -> None: ...

class ListQualityFlagsResponse(_message.Message):
    __slots__ = ("flags", "next_page_token")
    FLAGS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    flags: _containers.RepeatedCompositeFieldContainer[_assets_pb2.AssetQualityFlag]
    next_page_token: str
    def __init__(self, flags: _Optional[_Iterable[_Union[_assets_pb2.AssetQualityFlag, _Mapping[str, object]]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class CreateChainRequest(_message.Message):
    __slots__ = ("name", "chain_type", "chain_id", "native_asset_symbol", "block_explorer_url", "rpc_urls", "caip2", "max_decimals", "chain_slug", "native_asset_id", "is_testnet", "metadata")
    NAME_FIELD_NUMBER: _ClassVar[int]
    CHAIN_TYPE_FIELD_NUMBER: _ClassVar[int]
    CHAIN_ID_FIELD_NUMBER: _ClassVar[int]
    NATIVE_ASSET_SYMBOL_FIELD_NUMBER: _ClassVar[int]
    BLOCK_EXPLORER_URL_FIELD_NUMBER: _ClassVar[int]
    RPC_URLS_FIELD_NUMBER: _ClassVar[int]
    CAIP2_FIELD_NUMBER: _ClassVar[int]
    MAX_DECIMALS_FIELD_NUMBER: _ClassVar[int]
    CHAIN_SLUG_FIELD_NUMBER: _ClassVar[int]
    NATIVE_ASSET_ID_FIELD_NUMBER: _ClassVar[int]
    IS_TESTNET_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    name: str
    chain_type: str
    chain_id: int
    native_asset_symbol: str
    block_explorer_url: str
    rpc_urls: _containers.RepeatedScalarFieldContainer[str]
    caip2: str
    max_decimals: int
    chain_slug: str
    native_asset_id: str
    is_testnet: bool
    metadata: _struct_pb2.Struct
    def __init__(self, name: _Optional[str] = ..., chain_type: _Optional[str] = ..., chain_id: _Optional[int] = ..., native_asset_symbol: _Optional[str] = ..., block_explorer_url: _Optional[str] = ..., rpc_urls: _Optional[_Iterable[str]] = ..., caip2: _Optional[str] = ..., max_decimals: _Optional[int] = ..., chain_slug: _Optional[str] = ..., native_asset_id: _Optional[str] = ..., is_testnet: _Optional[bool] = ..., metadata: _Optional[_Union[_struct_pb2.Struct, _Mapping[str, object]]] = ...) -> None: ...

class CreateChainResponse(_message.Message):
    __slots__ = ("chain", "revision")
    CHAIN_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    chain: _assets_pb2.Chain
    revision: int
    def __init__(self, chain: _Optional[_Union[_assets_pb2.Chain, _Mapping[str, object]]] = ..., revision: _Optional[int] = ...) -> None: ...

class GetChainRequest(_message.Message):
    __slots__ = ("chain_id",)
    CHAIN_ID_FIELD_NUMBER: _ClassVar[int]
    chain_id: str
    def __init__(self, chain_id: _Optional[str] = ...) -> None: ...

class GetChainResponse(_message.Message):
    __slots__ = ("chain",)
    CHAIN_FIELD_NUMBER: _ClassVar[int]
    chain: _assets_pb2.Chain
    def __init__(self, chain: _Optional[_Union[_assets_pb2.Chain, _Mapping[str, object]]] = ...) -> None: ...

class ListChainsRequest(_message.Message):
    __slots__ = ("chain_type", "page_size", "page_token")
    CHAIN_TYPE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    chain_type: str
    page_size: int
    page_token: str
    def __init__(self, chain_type: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListChainsResponse(_message.Message):
    __slots__ = ("chains", "next_page_token")
    CHAINS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    chains: _containers.RepeatedCompositeFieldContainer[_assets_pb2.Chain]
    next_page_token: str
    def __init__(self, chains: _Optional[_Iterable[_Union[_assets_pb2.Chain, _Mapping[str, object]]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class CreateSymbolRequest(_message.Message):
    __slots__ = ("symbol", "symbol_type", "base_asset_id", "quote_asset_id", "settlement_asset_id", "tick_size", "lot_size", "tick_size_decimal", "lot_size_decimal", "min_order_size_decimal", "max_order_size_decimal", "min_notional_decimal", "contract_size_decimal", "margin_kind", "metadata", "strike_price_decimal", "expiry", "option_type")
    SYMBOL_FIELD_NUMBER: _ClassVar[int]
    SYMBOL_TYPE_FIELD_NUMBER: _ClassVar[int]
    BASE_ASSET_ID_FIELD_NUMBER: _ClassVar[int]
    QUOTE_ASSET_ID_FIELD_NUMBER: _ClassVar[int]
    SETTLEMENT_ASSET_ID_FIELD_NUMBER: _ClassVar[int]
    TICK_SIZE_FIELD_NUMBER: _ClassVar[int]
    LOT_SIZE_FIELD_NUMBER: _ClassVar[int]
    TICK_SIZE_DECIMAL_FIELD_NUMBER: _ClassVar[int]
    LOT_SIZE_DECIMAL_FIELD_NUMBER: _ClassVar[int]
    MIN_ORDER_SIZE_DECIMAL_FIELD_NUMBER: _ClassVar[int]
    MAX_ORDER_SIZE_DECIMAL_FIELD_NUMBER: _ClassVar[int]
    MIN_NOTIONAL_DECIMAL_FIELD_NUMBER: _ClassVar[int]
    CONTRACT_SIZE_DECIMAL_FIELD_NUMBER: _ClassVar[int]
    MARGIN_KIND_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    STRIKE_PRICE_DECIMAL_FIELD_NUMBER: _ClassVar[int]
    EXPIRY_FIELD_NUMBER: _ClassVar[int]
    OPTION_TYPE_FIELD_NUMBER: _ClassVar[int]
    symbol: str
    symbol_type: _markets_pb2.SymbolType
    base_asset_id: str
    quote_asset_id: str
    settlement_asset_id: str
    tick_size: float
    lot_size: float
    tick_size_decimal: str
    lot_size_decimal: str
    min_order_size_decimal: str
    max_order_size_decimal: str
    min_notional_decimal: str
    contract_size_decimal: str
    margin_kind: str
    metadata: _struct_pb2.Struct
    strike_price_decimal: str
    expiry: _timestamp_pb2.Timestamp
    option_type: _markets_pb2.OptionType
    def __init__(self, symbol: _Optional[str] = ..., symbol_type: _Optional[_Union[_markets_pb2.SymbolType, str]] = ..., base_asset_id: _Optional[str] = ..., quote_asset_id: _Optional[str] = ..., settlement_asset_id: _Optional[str] = ..., tick_size: _Optional[float] = ..., lot_size: _Optional[float] = ..., tick_size_decimal: _Optional[str] = ..., lot_size_decimal: _Optional[str] = ..., min_order_size_decimal: _Optional[str] = ..., max_order_size_decimal: _Optional[str] = ..., min_notional_decimal: _Optional[str] = ..., contract_size_decimal: _Optional[str] = ..., margin_kind: _Optional[str] = ..., metadata: _Optional[_Union[_struct_pb2.Struct, _Mapping[str, object]]] = ..., strike_price_decimal: _Optional[str] = ..., expiry: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., option_type: _Optional[_Union[_markets_pb2.OptionType, str]] = ...) -> None: ...

class CreateSymbolResponse(_message.Message):
    __slots__ = ("symbol", "revision")
    SYMBOL_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    symbol: _markets_pb2.Symbol
    revision: int
    def __init__(self, symbol: _Optional[_Union[_markets_pb2.Symbol, _Mapping[str, object]]] = ..., revision: _Optional[int] = ...) -> None: ...

class GetSymbolRequest(_message.Message):
    __slots__ = ("symbol_id", "min_revision")
    SYMBOL_ID_FIELD_NUMBER: _ClassVar[int]
    MIN_REVISION_FIELD_NUMBER: _ClassVar[int]
    symbol_id: str
    min_revision: int
    def __init__(self, symbol_id: _Optional[str] = ..., min_revision: _Optional[int] = ...) -> None: ...

class GetSymbolResponse(_message.Message):
    __slots__ = ("symbol", "revision", "stale", "age_ms", "trading_blocked", "blocking_flags")
    SYMBOL_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    STALE_FIELD_NUMBER: _ClassVar[int]
    AGE_MS_FIELD_NUMBER: _ClassVar[int]
    TRADING_BLOCKED_FIELD_NUMBER: _ClassVar[int]
    BLOCKING_FLAGS_FIELD_NUMBER: _ClassVar[int]
    symbol: _markets_pb2.Symbol
    revision: int
    stale: bool
    age_ms: int
    trading_blocked: bool
    blocking_flags: _containers.RepeatedCompositeFieldContainer[_assets_pb2.AssetQualityFlag]
    def __init__(self, symbol: _Optional[_Union[_markets_pb2.Symbol, _Mapping[str, object]]] = ..., revision: _Optional[int] = ..., stale: _Optional[bool] = ..., age_ms: _Optional[int] = ..., trading_blocked: _Optional[bool] = ..., blocking_flags: _Optional[_Iterable[_Union[_assets_pb2.AssetQualityFlag, _Mapping[str, object]]]] = ...) -> None: ...

class UpdateSymbolRequest(_message.Message):
    __slots__ = ("symbol_id", "symbol", "symbol_type", "tick_size", "lot_size", "is_active", "tick_size_decimal", "lot_size_decimal", "expected_revision", "clear", "min_order_size_decimal", "max_order_size_decimal", "min_notional_decimal", "contract_size_decimal", "margin_kind", "metadata")
    SYMBOL_ID_FIELD_NUMBER: _ClassVar[int]
    SYMBOL_FIELD_NUMBER: _ClassVar[int]
    SYMBOL_TYPE_FIELD_NUMBER: _ClassVar[int]
    TICK_SIZE_FIELD_NUMBER: _ClassVar[int]
    LOT_SIZE_FIELD_NUMBER: _ClassVar[int]
    IS_ACTIVE_FIELD_NUMBER: _ClassVar[int]
    TICK_SIZE_DECIMAL_FIELD_NUMBER: _ClassVar[int]
    LOT_SIZE_DECIMAL_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_REVISION_FIELD_NUMBER: _ClassVar[int]
    CLEAR_FIELD_NUMBER: _ClassVar[int]
    MIN_ORDER_SIZE_DECIMAL_FIELD_NUMBER: _ClassVar[int]
    MAX_ORDER_SIZE_DECIMAL_FIELD_NUMBER: _ClassVar[int]
    MIN_NOTIONAL_DECIMAL_FIELD_NUMBER: _ClassVar[int]
    CONTRACT_SIZE_DECIMAL_FIELD_NUMBER: _ClassVar[int]
    MARGIN_KIND_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    symbol_id: str
    symbol: str
    symbol_type: _markets_pb2.SymbolType
    tick_size: float
    lot_size: float
    is_active: bool
    tick_size_decimal: str
    lot_size_decimal: str
    expected_revision: int
    clear: _containers.RepeatedScalarFieldContainer[str]
    min_order_size_decimal: str
    max_order_size_decimal: str
    min_notional_decimal: str
    contract_size_decimal: str
    margin_kind: str
    metadata: _struct_pb2.Struct
    def __init__(self, symbol_id: _Optional[str] = ..., symbol: _Optional[str] = ..., symbol_type: _Optional[_Union[_markets_pb2.SymbolType, str]] = ..., tick_size: _Optional[float] = ..., lot_size: _Optional[float] = ..., is_active: _Optional[bool] = ..., tick_size_decimal: _Optional[str] = ..., lot_size_decimal: _Optional[str] = ..., expected_revision: _Optional[int] = ..., clear: _Optional[_Iterable[str]] = ..., min_order_size_decimal: _Optional[str] = ..., max_order_size_decimal: _Optional[str] = ..., min_notional_decimal: _Optional[str] = ..., contract_size_decimal: _Optional[str] = ..., margin_kind: _Optional[str] = ..., metadata: _Optional[_Union[_struct_pb2.Struct, _Mapping[str, object]]] = ...) -> None: ...

class UpdateSymbolResponse(_message.Message):
    __slots__ = ("symbol", "revision")
    SYMBOL_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    symbol: _markets_pb2.Symbol
    revision: int
    def __init__(self, symbol: _Optional[_Union[_markets_pb2.Symbol, _Mapping[str, object]]] = ..., revision: _Optional[int] = ...) -> None: ...

class DeleteSymbolRequest(_message.Message):
    __slots__ = ("symbol_id", "expected_revision")
    SYMBOL_ID_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_REVISION_FIELD_NUMBER: _ClassVar[int]
    symbol_id: str
    expected_revision: int
    def __init__(self, symbol_id: _Optional[str] = ..., expected_revision: _Optional[int] = ...) -> None: ...

class DeleteSymbolResponse(_message.Message):
    __slots__ = ("success", "revision")
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    success: bool
    revision: int
    def __init__(self, success: _Optional[bool] = ..., revision: _Optional[int] = ...) -> None: ...

class ListSymbolsRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "symbol_type", "base_asset_id", "quote_asset_id")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    SYMBOL_TYPE_FIELD_NUMBER: _ClassVar[int]
    BASE_ASSET_ID_FIELD_NUMBER: _ClassVar[int]
    QUOTE_ASSET_ID_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    symbol_type: _markets_pb2.SymbolType
    base_asset_id: str
    quote_asset_id: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., symbol_type: _Optional[_Union[_markets_pb2.SymbolType, str]] = ..., base_asset_id: _Optional[str] = ..., quote_asset_id: _Optional[str] = ...) -> None: ...

class ListSymbolsResponse(_message.Message):
    __slots__ = ("symbols", "next_page_token", "total_count")
    SYMBOLS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TOTAL_COUNT_FIELD_NUMBER: _ClassVar[int]
    symbols: _containers.RepeatedCompositeFieldContainer[_markets_pb2.Symbol]
    next_page_token: str
    total_count: int
    def __init__(self, symbols: _Optional[_Iterable[_Union[_markets_pb2.Symbol, _Mapping[str, object]]]] = ..., next_page_token: _Optional[str] = ..., total_count: _Optional[int] = ...) -> None: ...

class SearchSymbolsRequest(_message.Message):
    __slots__ = ("query", "limit", "page_size", "page_token", "symbol_type", "base_asset_id", "quote_asset_id")
    QUERY_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    SYMBOL_TYPE_FIELD_NUMBER: _ClassVar[int]
    BASE_ASSET_ID_FIELD_NUMBER: _ClassVar[int]
    QUOTE_ASSET_ID_FIELD_NUMBER: _ClassVar[int]
    query: str
    limit: int
    page_size: int
    page_token: str
    symbol_type: _markets_pb2.SymbolType
    base_asset_id: str
    quote_asset_id: str
    def __init__(self, query: _Optional[str] = ..., limit: _Optional[int] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., symbol_type: _Optional[_Union[_markets_pb2.SymbolType, str]] = ..., base_asset_id: _Optional[str] = ..., quote_asset_id: _Optional[str] = ...) -> None: ...

class SearchSymbolsResponse(_message.Message):
    __slots__ = ("symbols", "next_page_token")
    SYMBOLS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    symbols: _containers.RepeatedCompositeFieldContainer[_markets_pb2.Symbol]
    next_page_token: str
    def __init__(self, symbols: _Optional[_Iterable[_Union[_markets_pb2.Symbol, _Mapping[str, object]]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class CreateSymbolIdentifierRequest(_message.Message):
    __slots__ = ("symbol_id", "data_source", "external_id", "is_primary")
    SYMBOL_ID_FIELD_NUMBER: _ClassVar[int]
    DATA_SOURCE_FIELD_NUMBER: _ClassVar[int]
    EXTERNAL_ID_FIELD_NUMBER: _ClassVar[int]
    IS_PRIMARY_FIELD_NUMBER: _ClassVar[int]
    symbol_id: str
    data_source: _markets_pb2.DataSource
    external_id: str
    is_primary: bool
    def __init__(self, symbol_id: _Optional[str] = ..., data_source: _Optional[_Union[_markets_pb2.DataSource, str]] = ..., external_id: _Optional[str] = ..., is_primary: _Optional[bool] = ...) -> None: ...

class CreateSymbolIdentifierResponse(_message.Message):
    __slots__ = ("identifier", "revision")
    IDENTIFIER_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    identifier: _markets_pb2.SymbolIdentifier
    revision: int
    def __init__(self, identifier: _Optional[_Union[_markets_pb2.SymbolIdentifier, _Mapping[str, object]]] = ..., revision: _Optional[int] = ...) -> None: ...

class GetSymbolIdentifierRequest(_message.Message):
    __slots__ = ("symbol_id", "data_source", "external_id")
    SYMBOL_ID_FIELD_NUMBER: _ClassVar[int]
    DATA_SOURCE_FIELD_NUMBER: _ClassVar[int]
    EXTERNAL_ID_FIELD_NUMBER: _ClassVar[int]
    symbol_id: str
    data_source: _markets_pb2.DataSource
    external_id: str
    def __init__(self, symbol_id: _Optional[str] = ..., data_source: _Optional[_Union[_markets_pb2.DataSource, str]] = ..., external_id: _Optional[str] = ...) -> None: ...

class GetSymbolIdentifierResponse(_message.Message):
    __slots__ = ("identifier", "revision", "stale", "age_ms")
    IDENTIFIER_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    STALE_FIELD_NUMBER: _ClassVar[int]
    AGE_MS_FIELD_NUMBER: _ClassVar[int]
    identifier: _markets_pb2.SymbolIdentifier
    revision: int
    stale: bool
    age_ms: int
    def __init__(self, identifier: _Optional[_Union[_markets_pb2.SymbolIdentifier, _Mapping[str, object]]] = ..., revision: _Optional[int] = ..., stale: _Optional[bool] = ..., age_ms: _Optional[int] = ...) -> None: ...

class ListSymbolIdentifiersRequest(_message.Message):
    __slots__ = ("symbol_id", "page_size", "page_token", "source")
    SYMBOL_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    symbol_id: str
    page_size: int
    page_token: str
    source: _markets_pb2.DataSource
    def __init__(self, symbol_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., source: _Optional[_Union[_markets_pb2.DataSource, str]] = ...) -> None: ...

class ListSymbolIdentifiersResponse(_message.Message):
    __slots__ = ("identifiers", "next_page_token")
    IDENTIFIERS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    identifiers: _containers.RepeatedCompositeFieldContainer[_markets_pb2.SymbolIdentifier]
    next_page_token: str
    def __init__(self, identifiers: _Optional[_Iterable[_Union[_markets_pb2.SymbolIdentifier, _Mapping[str, object]]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class CreateVenueRequest(_message.Message):
    __slots__ = ("name", "venue_type", "chain_id", "api_endpoint", "website_url", "default_symbol_type", "venue_slug", "protocol_address", "is_active", "metadata")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VENUE_TYPE_FIELD_NUMBER: _ClassVar[int]
    CHAIN_ID_FIELD_NUMBER: _ClassVar[int]
    API_ENDPOINT_FIELD_NUMBER: _ClassVar[int]
    WEBSITE_URL_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_SYMBOL_TYPE_FIELD_NUMBER: _ClassVar[int]
    VENUE_SLUG_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    IS_ACTIVE_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    name: str
    venue_type: _venues_pb2.VenueType
    chain_id: str
    api_endpoint: str
    website_url: str
    default_symbol_type: _markets_pb2.SymbolType
    venue_slug: str
    protocol_address: str
    is_active: bool
    metadata: _struct_pb2.Struct
    def __init__(self, name: _Optional[str] = ..., venue_type: _Optional[_Union[_venues_pb2.VenueType, str]] = ..., chain_id: _Optional[str] = ..., api_endpoint: _Optional[str] = ..., website_url: _Optional[str] = ..., default_symbol_type: _Optional[_Union[_markets_pb2.SymbolType, str]] = ..., venue_slug: _Optional[str] = ..., protocol_address: _Optional[str] = ..., is_active: _Optional[bool] = ..., metadata: _Optional[_Union[_struct_pb2.Struct, _Mapping[str, object]]] = ...) -> None: ...

class CreateVenueResponse(_message.Message):
    __slots__ = ("venue", "revision")
    VENUE_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    venue: _venues_pb2.Venue
    revision: int
    def __init__(self, venue: _Optional[_Union[_venues_pb2.Venue, _Mapping[str, object]]] = ..., revision: _Optional[int] = ...) -> None: ...

class GetVenueRequest(_message.Message):
    __slots__ = ("venue_id", "min_revision")
    VENUE_ID_FIELD_NUMBER: _ClassVar[int]
    MIN_REVISION_FIELD_NUMBER: _ClassVar[int]
    venue_id: str
    min_revision: int
    def __init__(self, venue_id: _Optional[str] = ..., min_revision: _Optional[int] = ...) -> None: ...

class GetVenueResponse(_message.Message):
    __slots__ = ("venue", "revision", "stale", "age_ms")
    VENUE_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    STALE_FIELD_NUMBER: _ClassVar[int]
    AGE_MS_FIELD_NUMBER: _ClassVar[int]
    venue: _venues_pb2.Venue
    revision: int
    stale: bool
    age_ms: int
    def __init__(self, venue: _Optional[_Union[_venues_pb2.Venue, _Mapping[str, object]]] = ..., revision: _Optional[int] = ..., stale: _Optional[bool] = ..., age_ms: _Optional[int] = ...) -> None: ...

class ListVenuesRequest(_message.Message):
    __slots__ = ("venue_type", "chain_id", "page_size", "page_token")
    VENUE_TYPE_FIELD_NUMBER: _ClassVar[int]
    CHAIN_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    venue_type: _venues_pb2.VenueType
    chain_id: str
    page_size: int
    page_token: str
    def __init__(self, venue_type: _Optional[_Union[_venues_pb2.VenueType, str]] = ..., chain_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListVenuesResponse(_message.Message):
    __slots__ = ("venues", "next_page_token")
    VENUES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    venues: _containers.RepeatedCompositeFieldContainer[_venues_pb2.Venue]
    next_page_token: str
    def __init__(self, venues: _Optional[_Iterable[_Union[_venues_pb2.Venue, _Mapping[str, object]]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class CreateVenueAssetRequest(_message.Message):
    __slots__ = ("venue_id", "asset_id", "venue_asset_symbol", "deployment_id", "deposit_enabled", "withdraw_enabled", "trading_enabled", "identity_evidence", "venue_asset_aliases", "min_deposit_decimal", "min_withdrawal_decimal", "withdrawal_fee_decimal", "deposit_fee_decimal", "is_active", "listed_at", "delisted_at", "metadata", "identity_level", "blocked_reason")
    VENUE_ID_FIELD_NUMBER: _ClassVar[int]
    ASSET_ID_FIELD_NUMBER: _ClassVar[int]
    VENUE_ASSET_SYMBOL_FIELD_NUMBER: _ClassVar[int]
    DEPLOYMENT_ID_FIELD_NUMBER: _ClassVar[int]
    DEPOSIT_ENABLED_FIELD_NUMBER: _ClassVar[int]
    WITHDRAW_ENABLED_FIELD_NUMBER: _ClassVar[int]
    TRADING_ENABLED_FIELD_NUMBER: _ClassVar[int]
    IDENTITY_EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    VENUE_ASSET_ALIASES_FIELD_NUMBER: _ClassVar[int]
    MIN_DEPOSIT_DECIMAL_FIELD_NUMBER: _ClassVar[int]
    MIN_WITHDRAWAL_DECIMAL_FIELD_NUMBER: _ClassVar[int]
    WITHDRAWAL_FEE_DECIMAL_FIELD_NUMBER: _ClassVar[int]
    DEPOSIT_FEE_DECIMAL_FIELD_NUMBER: _ClassVar[int]
    IS_ACTIVE_FIELD_NUMBER: _ClassVar[int]
    LISTED_AT_FIELD_NUMBER: _ClassVar[int]
    DELISTED_AT_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    IDENTITY_LEVEL_FIELD_NUMBER: _ClassVar[int]
    BLOCKED_REASON_FIELD_NUMBER: _ClassVar[int]
    venue_id: str
    asset_id: str
    venue_asset_symbol: str
    deployment_id: str
    deposit_enabled: bool
    withdraw_enabled: bool
    trading_enabled: bool
    identity_evidence: str
    venue_asset_aliases: _containers.RepeatedScalarFieldContainer[str]
    min_deposit_decimal: str
    min_withdrawal_decimal: str
    withdrawal_fee_decimal: str
    deposit_fee_decimal: str
    is_active: bool
    listed_at: _timestamp_pb2.Timestamp
    delisted_at: _timestamp_pb2.Timestamp
    metadata: _struct_pb2.Struct
    identity_level: _enums_pb2.IdentityLevel
    blocked_reason: str
    def __init__(self, venue_id: _Optional[str] = ..., asset_id: _Optional[str] = ..., venue_asset_symbol: _Optional[str] = ..., deployment_id: _Optional[str] = ..., deposit_enabled: _Optional[bool] = ..., withdraw_enabled: _Optional[bool] = ..., trading_enabled: _Optional[bool] = ..., identity_evidence: _Optional[str] = ..., venue_asset_aliases: _Optional[_Iterable[str]] = ..., min_deposit_decimal: _Optional[str] = ..., min_withdrawal_decimal: _Optional[str] = ..., withdrawal_fee_decimal: _Optional[str] = ..., deposit_fee_decimal: _Optional[str] = ..., is_active: _Optional[bool] = ..., listed_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., delisted_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., metadata: _Optional[_Union[_struct_pb2.Struct, _Mapping[str, object]]] = ..., identity_level: _Optional[_Union[_enums_pb2.IdentityLevel, str]] = ..., blocked_reason: _Optional[str] = ...) -> None: ...

class CreateVenueAssetResponse(_message.Message):
    __slots__ = ("venue_asset", "revision")
    VENUE_ASSET_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    venue_asset: _venues_pb2.VenueAsset
    revision: int
    def __init__(self, venue_asset: _Optional[_Union[_venues_pb2.VenueAsset, _Mapping[str, object]]] = ..., revision: _Optional[int] = ...) -> None: ...

class GetVenueAssetRequest(_message.Message):
    __slots__ = ("venue_id", "asset_id", "min_revision")
    VENUE_ID_FIELD_NUMBER: _ClassVar[int]
    ASSET_ID_FIELD_NUMBER: _ClassVar[int]
    MIN_REVISION_FIELD_NUMBER: _ClassVar[int]
    venue_id: str
    asset_id: str
    min_revision: int
    def __init__(self, venue_id: _Optional[str] = ..., asset_id: _Optional[str] = ..., min_revision: _Optional[int] = ...) -> None: ...

class GetVenueAssetResponse(_message.Message):
    __slots__ = ("venue_asset", "revision", "stale", "age_ms", "trading_blocked", "blocking_flags")
    VENUE_ASSET_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    STALE_FIELD_NUMBER: _ClassVar[int]
    AGE_MS_FIELD_NUMBER: _ClassVar[int]
    TRADING_BLOCKED_FIELD_NUMBER: _ClassVar[int]
    BLOCKING_FLAGS_FIELD_NUMBER: _ClassVar[int]
    venue_asset: _venues_pb2.VenueAsset
    revision: int
    stale: bool
    age_ms: int
    trading_blocked: bool
    blocking_flags: _containers.RepeatedCompositeFieldContainer[_assets_pb2.AssetQualityFlag]
    def __init__(self, venue_asset: _Optional[_Union[_venues_pb2.VenueAsset, _Mapping[str, object]]] = ..., revision: _Optional[int] = ..., stale: _Optional[bool] = ..., age_ms: _Optional[int] = ..., trading_blocked: _Optional[bool] = ..., blocking_flags: _Optional[_Iterable[_Union[_assets_pb2.AssetQualityFlag, _Mapping[str, object]]]] = ...) -> None: ...

class ListVenueAssetsRequest(_message.Message):
    __slots__ = ("venue_id", "asset_id", "page_size", "page_token", "venue_asset_symbol")
    VENUE_ID_FIELD_NUMBER: _ClassVar[int]
    ASSET_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    VENUE_ASSET_SYMBOL_FIELD_NUMBER: _ClassVar[int]
    venue_id: str
    asset_id: str
    page_size: int
    page_token: str
    venue_asset_symbol: str
    def __init__(self, venue_id: _Optional[str] = ..., asset_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., venue_asset_symbol: _Optional[str] = ...) -> None: ...

class ListVenueAssetsResponse(_message.Message):
    __slots__ = ("venue_assets", "next_page_token")
    VENUE_ASSETS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    venue_assets: _containers.RepeatedCompositeFieldContainer[_venues_pb2.VenueAsset]
    next_page_token: str
    def __init__(self, venue_assets: _Optional[_Iterable[_Union[_venues_pb2.VenueAsset, _Mapping[str, object]]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class CreateVenueSymbolRequest(_message.Message):
    __slots__ = ("venue_id", "symbol_id", "venue_symbol", "maker_fee", "taker_fee", "maker_fee_decimal", "taker_fee_decimal", "symbol_type", "tick_size_decimal", "lot_size_decimal", "min_order_size_decimal", "max_order_size_decimal", "contract_size_decimal", "quantity_multiplier_decimal", "min_order_value_decimal", "max_order_value_decimal", "min_notional_decimal", "max_leverage_decimal", "is_active", "listed_at", "delisted_at", "metadata")
    VENUE_ID_FIELD_NUMBER: _ClassVar[int]
    SYMBOL_ID_FIELD_NUMBER: _ClassVar[int]
    VENUE_SYMBOL_FIELD_NUMBER: _ClassVar[int]
    MAKER_FEE_FIELD_NUMBER: _ClassVar[int]
    TAKER_FEE_FIELD_NUMBER: _ClassVar[int]
    MAKER_FEE_DECIMAL_FIELD_NUMBER: _ClassVar[int]
    TAKER_FEE_DECIMAL_FIELD_NUMBER: _ClassVar[int]
    SYMBOL_TYPE_FIELD_NUMBER: _ClassVar[int]
    TICK_SIZE_DECIMAL_FIELD_NUMBER: _ClassVar[int]
    LOT_SIZE_DECIMAL_FIELD_NUMBER: _ClassVar[int]
    MIN_ORDER_SIZE_DECIMAL_FIELD_NUMBER: _ClassVar[int]
    MAX_ORDER_SIZE_DECIMAL_FIELD_NUMBER: _ClassVar[int]
    CONTRACT_SIZE_DECIMAL_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_MULTIPLIER_DECIMAL_FIELD_NUMBER: _ClassVar[int]
    MIN_ORDER_VALUE_DECIMAL_FIELD_NUMBER: _ClassVar[int]
    MAX_ORDER_VALUE_DECIMAL_FIELD_NUMBER: _ClassVar[int]
    MIN_NOTIONAL_DECIMAL_FIELD_NUMBER: _ClassVar[int]
    MAX_LEVERAGE_DECIMAL_FIELD_NUMBER: _ClassVar[int]
    IS_ACTIVE_FIELD_NUMBER: _ClassVar[int]
    LISTED_AT_FIELD_NUMBER: _ClassVar[int]
    DELISTED_AT_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    venue_id: str
    symbol_id: str
    venue_symbol: str
    maker_fee: float
    taker_fee: float
    maker_fee_decimal: str
    taker_fee_decimal: str
    symbol_type: _markets_pb2.SymbolType
    tick_size_decimal: str
    lot_size_decimal: str
    min_order_size_decimal: str
    max_order_size_decimal: str
    contract_size_decimal: str
    quantity_multiplier_decimal: str
    min_order_value_decimal: str
    max_order_value_decimal: str
    min_notional_decimal: str
    max_leverage_decimal: str
    is_active: bool
    listed_at: _timestamp_pb2.Timestamp
    delisted_at: _timestamp_pb2.Timestamp
    metadata: _struct_pb2.Struct
    def __init__(self, venue_id: _Optional[str] = ..., symbol_id: _Optional[str] = ..., venue_symbol: _Optional[str] = ..., maker_fee: _Optional[float] = ..., taker_fee: _Optional[float] = ..., maker_fee_decimal: _Optional[str] = ..., taker_fee_decimal: _Optional[str] = ..., symbol_type: _Optional[_Union[_markets_pb2.SymbolType, str]] = ..., tick_size_decimal: _Optional[str] = ..., lot_size_decimal: _Optional[str] = ..., min_order_size_decimal: _Optional[str] = ..., max_order_size_decimal: _Optional[str] = ..., contract_size_decimal: _Optional[str] = ..., quantity_multiplier_decimal: _Optional[str] = ..., min_order_value_decimal: _Optional[str] = ..., max_order_value_decimal: _Optional[str] = ..., min_notional_decimal: _Optional[str] = ..., max_leverage_decimal: _Optional[str] = ..., is_active: _Optional[bool] = ..., listed_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., delisted_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., metadata: _Optional[_Union[_struct_pb2.Struct, _Mapping[str, object]]] = ...) -> None: ...

class CreateVenueSymbolResponse(_message.Message):
    __slots__ = ("venue_symbol", "revision")
    VENUE_SYMBOL_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    venue_symbol: _venues_pb2.VenueSymbol
    revision: int
    def __init__(self, venue_symbol: _Optional[_Union[_venues_pb2.VenueSymbol, _Mapping[str, object]]] = ..., revision: _Optional[int] = ...) -> None: ...

class GetVenueSymbolRequest(_message.Message):
    __slots__ = ("venue_id", "venue_symbol", "min_revision", "as_of", "symbol_type")
    VENUE_ID_FIELD_NUMBER: _ClassVar[int]
    VENUE_SYMBOL_FIELD_NUMBER: _ClassVar[int]
    MIN_REVISION_FIELD_NUMBER: _ClassVar[int]
    AS_OF_FIELD_NUMBER: _ClassVar[int]
    SYMBOL_TYPE_FIELD_NUMBER: _ClassVar[int]
    venue_id: str
    venue_symbol: str
    min_revision: int
    as_of: _timestamp_pb2.Timestamp
    symbol_type: _markets_pb2.SymbolType
    def __init__(self, venue_id: _Optional[str] = ..., venue_symbol: _Optional[str] = ..., min_revision: _Optional[int] = ..., as_of: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., symbol_type: _Optional[_Union[_markets_pb2.SymbolType, str]] = ...) -> None: ...

class GetVenueSymbolResponse(_message.Message):
    __slots__ = ("venue_symbol", "revision", "stale", "age_ms", "symbol", "base_asset", "quote_asset", "trading_blocked", "blocking_flags", "base_level", "quote_level", "settlement_level", "blocked_reason", "specs_source")
    VENUE_SYMBOL_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    STALE_FIELD_NUMBER: _ClassVar[int]
    AGE_MS_FIELD_NUMBER: _ClassVar[int]
    SYMBOL_FIELD_NUMBER: _ClassVar[int]
    BASE_ASSET_FIELD_NUMBER: _ClassVar[int]
    QUOTE_ASSET_FIELD_NUMBER: _ClassVar[int]
    TRADING_BLOCKED_FIELD_NUMBER: _ClassVar[int]
    BLOCKING_FLAGS_FIELD_NUMBER: _ClassVar[int]
    BASE_LEVEL_FIELD_NUMBER: _ClassVar[int]
    QUOTE_LEVEL_FIELD_NUMBER: _ClassVar[int]
    SETTLEMENT_LEVEL_FIELD_NUMBER: _ClassVar[int]
    BLOCKED_REASON_FIELD_NUMBER: _ClassVar[int]
    SPECS_SOURCE_FIELD_NUMBER: _ClassVar[int]
    venue_symbol: _venues_pb2.VenueSymbol
    revision: int
    stale: bool
    age_ms: int
    symbol: _markets_pb2.Symbol
    base_asset: _assets_pb2.Asset
    quote_asset: _assets_pb2.Asset
    trading_blocked: bool
    blocking_flags: _containers.RepeatedCompositeFieldContainer[_assets_pb2.AssetQualityFlag]
    base_level: _enums_pb2.IdentityLevel
    quote_level: _enums_pb2.IdentityLevel
    settlement_level: _enums_pb2.IdentityLevel
    blocked_reason: str
    specs_source: _enums_pb2.SpecsSource
    def __init__(self, venue_symbol: _Optional[_Union[_venues_pb2.VenueSymbol, _Mapping[str, object]]] = ..., revision: _Optional[int] = ..., stale: _Optional[bool] = ..., age_ms: _Optional[int] = ..., symbol: _Optional[_Union[_markets_pb2.Symbol, _Mapping[str, object]]] = ..., base_asset: _Optional[_Union[_assets_pb2.Asset, _Mapping[str, object]]] = ..., quote_asset: _Optional[_Union[_assets_pb2.Asset, _Mapping[str, object]]] = ..., trading_blocked: _Optional[bool] = ..., blocking_flags: _Optional[_Iterable[_Union[_assets_pb2.AssetQualityFlag, _Mapping[str, object]]]] = ..., base_level: _Optional[_Union[_enums_pb2.IdentityLevel, str]] = ..., quote_level: _Optional[_Union[_enums_pb2.IdentityLevel, str]] = ..., settlement_level: _Optional[_Union[_enums_pb2.IdentityLevel, str]] = ..., blocked_reason: _Optional[str] = ..., specs_source: _Optional[_Union[_enums_pb2.SpecsSource, str]] = ...) -> None: ...

class ListVenueSymbolsRequest(_message.Message):
    __slots__ = ("venue_id", "symbol_id", "page_size", "page_token", "venue_symbol", "include_delisted")
    VENUE_ID_FIELD_NUMBER: _ClassVar[int]
    SYMBOL_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    VENUE_SYMBOL_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_DELISTED_FIELD_NUMBER: _ClassVar[int]
    venue_id: str
    symbol_id: str
    page_size: int
    page_token: str
    venue_symbol: str
    include_delisted: bool
    def __init__(self, venue_id: _Optional[str] = ..., symbol_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., venue_symbol: _Optional[str] = ..., include_delisted: _Optional[bool] = ...) -> None: ...

class ListVenueSymbolsResponse(_message.Message):
    __slots__ = ("venue_symbols", "next_page_token")
    VENUE_SYMBOLS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    venue_symbols: _containers.RepeatedCompositeFieldContainer[_venues_pb2.VenueSymbol]
    next_page_token: str
    def __init__(self, venue_symbols: _Optional[_Iterable[_Union[_venues_pb2.VenueSymbol, _Mapping[str, object]]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...
