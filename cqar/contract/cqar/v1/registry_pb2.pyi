import datetime

from cqar.contract.cqar.v1 import identity_pb2 as _identity_pb2
from cqar.contract.shared import enums_pb2 as _enums_pb2
from cqar.contract.cqc.assets.v1 import assets_pb2 as _assets_pb2
from cqar.contract.cqc.markets.v1 import markets_pb2 as _markets_pb2
from cqar.contract.cqc.venues.v1 import venues_pb2 as _venues_pb2
from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ApplyMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    APPLY_MODE_UNSPECIFIED: _ClassVar[ApplyMode]
    UPSERT: _ClassVar[ApplyMode]
    CREATE_ONLY: _ClassVar[ApplyMode]
    FILL_UNSET: _ClassVar[ApplyMode]

class ApplyOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    APPLY_OUTCOME_UNSPECIFIED: _ClassVar[ApplyOutcome]
    CREATED: _ClassVar[ApplyOutcome]
    UPDATED: _ClassVar[ApplyOutcome]
    UNCHANGED: _ClassVar[ApplyOutcome]
    REJECTED: _ClassVar[ApplyOutcome]
APPLY_MODE_UNSPECIFIED: ApplyMode
UPSERT: ApplyMode
CREATE_ONLY: ApplyMode
FILL_UNSET: ApplyMode
APPLY_OUTCOME_UNSPECIFIED: ApplyOutcome
CREATED: ApplyOutcome
UPDATED: ApplyOutcome
UNCHANGED: ApplyOutcome
REJECTED: ApplyOutcome

class UpdateChainRequest(_message.Message):
    __slots__ = ("chain_id", "chain_name", "native_asset_id", "chain_type", "network_id", "explorer_url", "is_testnet", "metadata", "rpc_urls", "caip2", "native_asset_symbol", "max_decimals", "expected_revision", "clear")
    CHAIN_ID_FIELD_NUMBER: _ClassVar[int]
    CHAIN_NAME_FIELD_NUMBER: _ClassVar[int]
    NATIVE_ASSET_ID_FIELD_NUMBER: _ClassVar[int]
    CHAIN_TYPE_FIELD_NUMBER: _ClassVar[int]
    NETWORK_ID_FIELD_NUMBER: _ClassVar[int]
    EXPLORER_URL_FIELD_NUMBER: _ClassVar[int]
    IS_TESTNET_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    RPC_URLS_FIELD_NUMBER: _ClassVar[int]
    CAIP2_FIELD_NUMBER: _ClassVar[int]
    NATIVE_ASSET_SYMBOL_FIELD_NUMBER: _ClassVar[int]
    MAX_DECIMALS_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_REVISION_FIELD_NUMBER: _ClassVar[int]
    CLEAR_FIELD_NUMBER: _ClassVar[int]
    chain_id: str
    chain_name: str
    native_asset_id: str
    chain_type: str
    network_id: int
    explorer_url: str
    is_testnet: bool
    metadata: _struct_pb2.Struct
    rpc_urls: _containers.RepeatedScalarFieldContainer[str]
    caip2: str
    native_asset_symbol: str
    max_decimals: int
    expected_revision: int
    clear: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, chain_id: _Optional[str] = ..., chain_name: _Optional[str] = ..., native_asset_id: _Optional[str] = ..., chain_type: _Optional[str] = ..., network_id: _Optional[int] = ..., explorer_url: _Optional[str] = ..., is_testnet: _Optional[bool] = ..., metadata: _Optional[_Union[_struct_pb2.Struct, _Mapping[str, object]]] = ..., rpc_urls: _Optional[_Iterable[str]] = ..., caip2: _Optional[str] = ..., native_asset_symbol: _Optional[str] = ..., max_decimals: _Optional[int] = ..., expected_revision: _Optional[int] = ..., clear: _Optional[_Iterable[str]] = ...) -> None: ...

class UpdateChainResponse(_message.Message):
    __slots__ = ("chain", "revision")
    CHAIN_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    chain: _assets_pb2.Chain
    revision: int
    def __init__(self, chain: _Optional[_Union[_assets_pb2.Chain, _Mapping[str, object]]] = ..., revision: _Optional[int] = ...) -> None: ...

class UpdateVenueRequest(_message.Message):
    __slots__ = ("venue_id", "name", "venue_type", "chain_id", "protocol_address", "website_url", "api_endpoint", "is_active", "metadata", "default_symbol_type", "expected_revision", "clear")
    VENUE_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    VENUE_TYPE_FIELD_NUMBER: _ClassVar[int]
    CHAIN_ID_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    WEBSITE_URL_FIELD_NUMBER: _ClassVar[int]
    API_ENDPOINT_FIELD_NUMBER: _ClassVar[int]
    IS_ACTIVE_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_SYMBOL_TYPE_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_REVISION_FIELD_NUMBER: _ClassVar[int]
    CLEAR_FIELD_NUMBER: _ClassVar[int]
    venue_id: str
    name: str
    venue_type: _venues_pb2.VenueType
    chain_id: str
    protocol_address: str
    website_url: str
    api_endpoint: str
    is_active: bool
    metadata: _struct_pb2.Struct
    default_symbol_type: _markets_pb2.SymbolType
    expected_revision: int
    clear: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, venue_id: _Optional[str] = ..., name: _Optional[str] = ..., venue_type: _Optional[_Union[_venues_pb2.VenueType, str]] = ..., chain_id: _Optional[str] = ..., protocol_address: _Optional[str] = ..., website_url: _Optional[str] = ..., api_endpoint: _Optional[str] = ..., is_active: _Optional[bool] = ..., metadata: _Optional[_Union[_struct_pb2.Struct, _Mapping[str, object]]] = ..., default_symbol_type: _Optional[_Union[_markets_pb2.SymbolType, str]] = ..., expected_revision: _Optional[int] = ..., clear: _Optional[_Iterable[str]] = ...) -> None: ...

class UpdateVenueResponse(_message.Message):
    __slots__ = ("venue", "revision")
    VENUE_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    venue: _venues_pb2.Venue
    revision: int
    def __init__(self, venue: _Optional[_Union[_venues_pb2.Venue, _Mapping[str, object]]] = ..., revision: _Optional[int] = ...) -> None: ...

class UpdateVenueAssetRequest(_message.Message):
    __slots__ = ("venue_id", "asset_id", "venue_asset_symbol", "deployment_id", "deposit_enabled", "withdraw_enabled", "trading_enabled", "min_deposit_decimal", "min_withdrawal_decimal", "withdrawal_fee_decimal", "deposit_fee_decimal", "listed_at", "delisted_at", "is_active", "metadata", "identity_evidence", "venue_asset_aliases", "expected_revision", "clear", "min_deposit", "min_withdrawal", "withdrawal_fee", "deposit_fee", "identity_level", "blocked_reason")
    VENUE_ID_FIELD_NUMBER: _ClassVar[int]
    ASSET_ID_FIELD_NUMBER: _ClassVar[int]
    VENUE_ASSET_SYMBOL_FIELD_NUMBER: _ClassVar[int]
    DEPLOYMENT_ID_FIELD_NUMBER: _ClassVar[int]
    DEPOSIT_ENABLED_FIELD_NUMBER: _ClassVar[int]
    WITHDRAW_ENABLED_FIELD_NUMBER: _ClassVar[int]
    TRADING_ENABLED_FIELD_NUMBER: _ClassVar[int]
    MIN_DEPOSIT_DECIMAL_FIELD_NUMBER: _ClassVar[int]
    MIN_WITHDRAWAL_DECIMAL_FIELD_NUMBER: _ClassVar[int]
    WITHDRAWAL_FEE_DECIMAL_FIELD_NUMBER: _ClassVar[int]
    DEPOSIT_FEE_DECIMAL_FIELD_NUMBER: _ClassVar[int]
    LISTED_AT_FIELD_NUMBER: _ClassVar[int]
    DELISTED_AT_FIELD_NUMBER: _ClassVar[int]
    IS_ACTIVE_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    IDENTITY_EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    VENUE_ASSET_ALIASES_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_REVISION_FIELD_NUMBER: _ClassVar[int]
    CLEAR_FIELD_NUMBER: _ClassVar[int]
    MIN_DEPOSIT_FIELD_NUMBER: _ClassVar[int]
    MIN_WITHDRAWAL_FIELD_NUMBER: _ClassVar[int]
    WITHDRAWAL_FEE_FIELD_NUMBER: _ClassVar[int]
    DEPOSIT_FEE_FIELD_NUMBER: _ClassVar[int]
    IDENTITY_LEVEL_FIELD_NUMBER: _ClassVar[int]
    BLOCKED_REASON_FIELD_NUMBER: _ClassVar[int]
    venue_id: str
    asset_id: str
    venue_asset_symbol: str
    deployment_id: str
    deposit_enabled: bool
    withdraw_enabled: bool
    trading_enabled: bool
    min_deposit_decimal: str
    min_withdrawal_decimal: str
    withdrawal_fee_decimal: str
    deposit_fee_decimal: str
    listed_at: _timestamp_pb2.Timestamp
    delisted_at: _timestamp_pb2.Timestamp
    is_active: bool
    metadata: _struct_pb2.Struct
    identity_evidence: str
    venue_asset_aliases: _containers.RepeatedScalarFieldContainer[str]
    expected_revision: int
    clear: _containers.RepeatedScalarFieldContainer[str]
    min_deposit: float
    min_withdrawal: float
    withdrawal_fee: float
    deposit_fee: float
    identity_level: _enums_pb2.IdentityLevel
    blocked_reason: str
    def __init__(self, venue_id: _Optional[str] = ..., asset_id: _Optional[str] = ..., venue_asset_symbol: _Optional[str] = ..., deployment_id: _Optional[str] = ..., deposit_enabled: _Optional[bool] = ..., withdraw_enabled: _Optional[bool] = ..., trading_enabled: _Optional[bool] = ..., min_deposit_decimal: _Optional[str] = ..., min_withdrawal_decimal: _Optional[str] = ..., withdrawal_fee_decimal: _Optional[str] = ..., deposit_fee_decimal: _Optional[str] = ..., listed_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., delisted_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., is_active: _Optional[bool] = ..., metadata: _Optional[_Union[_struct_pb2.Struct, _Mapping[str, object]]] = ..., identity_evidence: _Optional[str] = ..., venue_asset_aliases: _Optional[_Iterable[str]] = ..., expected_revision: _Optional[int] = ..., clear: _Optional[_Iterable[str]] = ..., min_deposit: _Optional[float] = ..., min_withdrawal: _Optional[float] = ..., withdrawal_fee: _Optional[float] = ..., deposit_fee: _Optional[float] = ..., identity_level: _Optional[_Union[_enums_pb2.IdentityLevel, str]] = ..., blocked_reason: _Optional[str] = ...) -> None: ...

class UpdateVenueAssetResponse(_message.Message):
    __slots__ = ("venue_asset", "revision")
    VENUE_ASSET_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    venue_asset: _venues_pb2.VenueAsset
    revision: int
    def __init__(self, venue_asset: _Optional[_Union[_venues_pb2.VenueAsset, _Mapping[str, object]]] = ..., revision: _Optional[int] = ...) -> None: ...

class UpdateVenueSymbolRequest(_message.Message):
    __slots__ = ("listing_id", "symbol_id", "venue_symbol", "is_active", "maker_fee_decimal", "taker_fee_decimal", "min_order_value_decimal", "max_order_value_decimal", "min_notional_decimal", "max_leverage_decimal", "listed_at", "delisted_at", "metadata", "tick_size_decimal", "lot_size_decimal", "min_order_size_decimal", "max_order_size_decimal", "contract_size_decimal", "quantity_multiplier_decimal", "expected_revision", "clear", "maker_fee", "taker_fee", "min_order_value", "max_order_value", "min_notional", "max_leverage", "blocked_reason")
    LISTING_ID_FIELD_NUMBER: _ClassVar[int]
    SYMBOL_ID_FIELD_NUMBER: _ClassVar[int]
    VENUE_SYMBOL_FIELD_NUMBER: _ClassVar[int]
    IS_ACTIVE_FIELD_NUMBER: _ClassVar[int]
    MAKER_FEE_DECIMAL_FIELD_NUMBER: _ClassVar[int]
    TAKER_FEE_DECIMAL_FIELD_NUMBER: _ClassVar[int]
    MIN_ORDER_VALUE_DECIMAL_FIELD_NUMBER: _ClassVar[int]
    MAX_ORDER_VALUE_DECIMAL_FIELD_NUMBER: _ClassVar[int]
    MIN_NOTIONAL_DECIMAL_FIELD_NUMBER: _ClassVar[int]
    MAX_LEVERAGE_DECIMAL_FIELD_NUMBER: _ClassVar[int]
    LISTED_AT_FIELD_NUMBER: _ClassVar[int]
    DELISTED_AT_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    TICK_SIZE_DECIMAL_FIELD_NUMBER: _ClassVar[int]
    LOT_SIZE_DECIMAL_FIELD_NUMBER: _ClassVar[int]
    MIN_ORDER_SIZE_DECIMAL_FIELD_NUMBER: _ClassVar[int]
    MAX_ORDER_SIZE_DECIMAL_FIELD_NUMBER: _ClassVar[int]
    CONTRACT_SIZE_DECIMAL_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_MULTIPLIER_DECIMAL_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_REVISION_FIELD_NUMBER: _ClassVar[int]
    CLEAR_FIELD_NUMBER: _ClassVar[int]
    MAKER_FEE_FIELD_NUMBER: _ClassVar[int]
    TAKER_FEE_FIELD_NUMBER: _ClassVar[int]
    MIN_ORDER_VALUE_FIELD_NUMBER: _ClassVar[int]
    MAX_ORDER_VALUE_FIELD_NUMBER: _ClassVar[int]
    MIN_NOTIONAL_FIELD_NUMBER: _ClassVar[int]
    MAX_LEVERAGE_FIELD_NUMBER: _ClassVar[int]
    BLOCKED_REASON_FIELD_NUMBER: _ClassVar[int]
    listing_id: str
    symbol_id: str
    venue_symbol: str
    is_active: bool
    maker_fee_decimal: str
    taker_fee_decimal: str
    min_order_value_decimal: str
    max_order_value_decimal: str
    min_notional_decimal: str
    max_leverage_decimal: str
    listed_at: _timestamp_pb2.Timestamp
    delisted_at: _timestamp_pb2.Timestamp
    metadata: _struct_pb2.Struct
    tick_size_decimal: str
    lot_size_decimal: str
    min_order_size_decimal: str
    max_order_size_decimal: str
    contract_size_decimal: str
    quantity_multiplier_decimal: str
    expected_revision: int
    clear: _containers.RepeatedScalarFieldContainer[str]
    maker_fee: float
    taker_fee: float
    min_order_value: float
    max_order_value: float
    min_notional: float
    max_leverage: float
    blocked_reason: str
    def __init__(self, listing_id: _Optional[str] = ..., symbol_id: _Optional[str] = ..., venue_symbol: _Optional[str] = ..., is_active: _Optional[bool] = ..., maker_fee_decimal: _Optional[str] = ..., taker_fee_decimal: _Optional[str] = ..., min_order_value_decimal: _Optional[str] = ..., max_order_value_decimal: _Optional[str] = ..., min_notional_decimal: _Optional[str] = ..., max_leverage_decimal: _Optional[str] = ..., listed_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., delisted_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., metadata: _Optional[_Union[_struct_pb2.Struct, _Mapping[str, object]]] = ..., tick_size_decimal: _Optional[str] = ..., lot_size_decimal: _Optional[str] = ..., min_order_size_decimal: _Optional[str] = ..., max_order_size_decimal: _Optional[str] = ..., contract_size_decimal: _Optional[str] = ..., quantity_multiplier_decimal: _Optional[str] = ..., expected_revision: _Optional[int] = ..., clear: _Optional[_Iterable[str]] = ..., maker_fee: _Optional[float] = ..., taker_fee: _Optional[float] = ..., min_order_value: _Optional[float] = ..., max_order_value: _Optional[float] = ..., min_notional: _Optional[float] = ..., max_leverage: _Optional[float] = ..., blocked_reason: _Optional[str] = ...) -> None: ...

class UpdateVenueSymbolResponse(_message.Message):
    __slots__ = ("venue_symbol", "revision")
    VENUE_SYMBOL_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    venue_symbol: _venues_pb2.VenueSymbol
    revision: int
    def __init__(self, venue_symbol: _Optional[_Union[_venues_pb2.VenueSymbol, _Mapping[str, object]]] = ..., revision: _Optional[int] = ...) -> None: ...

class UpdateAssetDeploymentRequest(_message.Message):
    __slots__ = ("deployment_id", "address", "decimals", "deployed_at", "metadata", "is_canonical", "is_native", "retired_at", "expected_revision", "clear")
    DEPLOYMENT_ID_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    DECIMALS_FIELD_NUMBER: _ClassVar[int]
    DEPLOYED_AT_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    IS_CANONICAL_FIELD_NUMBER: _ClassVar[int]
    IS_NATIVE_FIELD_NUMBER: _ClassVar[int]
    RETIRED_AT_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_REVISION_FIELD_NUMBER: _ClassVar[int]
    CLEAR_FIELD_NUMBER: _ClassVar[int]
    deployment_id: str
    address: str
    decimals: int
    deployed_at: _timestamp_pb2.Timestamp
    metadata: _struct_pb2.Struct
    is_canonical: bool
    is_native: bool
    retired_at: _timestamp_pb2.Timestamp
    expected_revision: int
    clear: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, deployment_id: _Optional[str] = ..., address: _Optional[str] = ..., decimals: _Optional[int] = ..., deployed_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., metadata: _Optional[_Union[_struct_pb2.Struct, _Mapping[str, object]]] = ..., is_canonical: _Optional[bool] = ..., is_native: _Optional[bool] = ..., retired_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., expected_revision: _Optional[int] = ..., clear: _Optional[_Iterable[str]] = ...) -> None: ...

class UpdateAssetDeploymentResponse(_message.Message):
    __slots__ = ("deployment", "revision")
    DEPLOYMENT_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    deployment: _assets_pb2.AssetDeployment
    revision: int
    def __init__(self, deployment: _Optional[_Union[_assets_pb2.AssetDeployment, _Mapping[str, object]]] = ..., revision: _Optional[int] = ...) -> None: ...

class UpdateAssetGroupRequest(_message.Message):
    __slots__ = ("group_id", "name", "description", "metadata", "group_type", "expected_revision", "clear")
    GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    GROUP_TYPE_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_REVISION_FIELD_NUMBER: _ClassVar[int]
    CLEAR_FIELD_NUMBER: _ClassVar[int]
    group_id: str
    name: str
    description: str
    metadata: _struct_pb2.Struct
    group_type: str
    expected_revision: int
    clear: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, group_id: _Optional[str] = ..., name: _Optional[str] = ..., description: _Optional[str] = ..., metadata: _Optional[_Union[_struct_pb2.Struct, _Mapping[str, object]]] = ..., group_type: _Optional[str] = ..., expected_revision: _Optional[int] = ..., clear: _Optional[_Iterable[str]] = ...) -> None: ...

class UpdateAssetGroupResponse(_message.Message):
    __slots__ = ("group", "revision")
    GROUP_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    group: _assets_pb2.AssetGroup
    revision: int
    def __init__(self, group: _Optional[_Union[_assets_pb2.AssetGroup, _Mapping[str, object]]] = ..., revision: _Optional[int] = ...) -> None: ...

class UpdateAssetRelationshipRequest(_message.Message):
    __slots__ = ("relationship_id", "conversion_rate", "protocol", "description", "metadata", "expected_revision", "clear")
    RELATIONSHIP_ID_FIELD_NUMBER: _ClassVar[int]
    CONVERSION_RATE_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_REVISION_FIELD_NUMBER: _ClassVar[int]
    CLEAR_FIELD_NUMBER: _ClassVar[int]
    relationship_id: str
    conversion_rate: str
    protocol: str
    description: str
    metadata: _struct_pb2.Struct
    expected_revision: int
    clear: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, relationship_id: _Optional[str] = ..., conversion_rate: _Optional[str] = ..., protocol: _Optional[str] = ..., description: _Optional[str] = ..., metadata: _Optional[_Union[_struct_pb2.Struct, _Mapping[str, object]]] = ..., expected_revision: _Optional[int] = ..., clear: _Optional[_Iterable[str]] = ...) -> None: ...

class UpdateAssetRelationshipResponse(_message.Message):
    __slots__ = ("relationship", "revision")
    RELATIONSHIP_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    relationship: _assets_pb2.AssetRelationship
    revision: int
    def __init__(self, relationship: _Optional[_Union[_assets_pb2.AssetRelationship, _Mapping[str, object]]] = ..., revision: _Optional[int] = ...) -> None: ...

class DelistVenueSymbolRequest(_message.Message):
    __slots__ = ("listing_id", "delisted_at", "reason", "expected_revision")
    LISTING_ID_FIELD_NUMBER: _ClassVar[int]
    DELISTED_AT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_REVISION_FIELD_NUMBER: _ClassVar[int]
    listing_id: str
    delisted_at: _timestamp_pb2.Timestamp
    reason: str
    expected_revision: int
    def __init__(self, listing_id: _Optional[str] = ..., delisted_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., reason: _Optional[str] = ..., expected_revision: _Optional[int] = ...) -> None: ...

class DelistVenueSymbolResponse(_message.Message):
    __slots__ = ("venue_symbol", "revision")
    VENUE_SYMBOL_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    venue_symbol: _venues_pb2.VenueSymbol
    revision: int
    def __init__(self, venue_symbol: _Optional[_Union[_venues_pb2.VenueSymbol, _Mapping[str, object]]] = ..., revision: _Optional[int] = ...) -> None: ...

class DelistVenueAssetRequest(_message.Message):
    __slots__ = ("venue_id", "asset_id", "delisted_at", "reason", "expected_revision")
    VENUE_ID_FIELD_NUMBER: _ClassVar[int]
    ASSET_ID_FIELD_NUMBER: _ClassVar[int]
    DELISTED_AT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_REVISION_FIELD_NUMBER: _ClassVar[int]
    venue_id: str
    asset_id: str
    delisted_at: _timestamp_pb2.Timestamp
    reason: str
    expected_revision: int
    def __init__(self, venue_id: _Optional[str] = ..., asset_id: _Optional[str] = ..., delisted_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., reason: _Optional[str] = ..., expected_revision: _Optional[int] = ...) -> None: ...

class DelistVenueAssetResponse(_message.Message):
    __slots__ = ("venue_asset", "revision")
    VENUE_ASSET_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    venue_asset: _venues_pb2.VenueAsset
    revision: int
    def __init__(self, venue_asset: _Optional[_Union[_venues_pb2.VenueAsset, _Mapping[str, object]]] = ..., revision: _Optional[int] = ...) -> None: ...

class DeleteVenueSymbolRequest(_message.Message):
    __slots__ = ("listing_id", "expected_revision")
    LISTING_ID_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_REVISION_FIELD_NUMBER: _ClassVar[int]
    listing_id: str
    expected_revision: int
    def __init__(self, listing_id: _Optional[str] = ..., expected_revision: _Optional[int] = ...) -> None: ...

class DeleteVenueSymbolResponse(_message.Message):
    __slots__ = ("venue_symbol", "revision")
    VENUE_SYMBOL_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    venue_symbol: _venues_pb2.VenueSymbol
    revision: int
    def __init__(self, venue_symbol: _Optional[_Union[_venues_pb2.VenueSymbol, _Mapping[str, object]]] = ..., revision: _Optional[int] = ...) -> None: ...

class DeleteVenueAssetRequest(_message.Message):
    __slots__ = ("venue_id", "asset_id", "expected_revision")
    VENUE_ID_FIELD_NUMBER: _ClassVar[int]
    ASSET_ID_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_REVISION_FIELD_NUMBER: _ClassVar[int]
    venue_id: str
    asset_id: str
    expected_revision: int
    def __init__(self, venue_id: _Optional[str] = ..., asset_id: _Optional[str] = ..., expected_revision: _Optional[int] = ...) -> None: ...

class DeleteVenueAssetResponse(_message.Message):
    __slots__ = ("venue_asset", "revision")
    VENUE_ASSET_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    venue_asset: _venues_pb2.VenueAsset
    revision: int
    def __init__(self, venue_asset: _Optional[_Union[_venues_pb2.VenueAsset, _Mapping[str, object]]] = ..., revision: _Optional[int] = ...) -> None: ...

class DeleteAssetDeploymentRequest(_message.Message):
    __slots__ = ("deployment_id", "expected_revision")
    DEPLOYMENT_ID_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_REVISION_FIELD_NUMBER: _ClassVar[int]
    deployment_id: str
    expected_revision: int
    def __init__(self, deployment_id: _Optional[str] = ..., expected_revision: _Optional[int] = ...) -> None: ...

class DeleteAssetDeploymentResponse(_message.Message):
    __slots__ = ("deployment", "revision")
    DEPLOYMENT_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    deployment: _assets_pb2.AssetDeployment
    revision: int
    def __init__(self, deployment: _Optional[_Union[_assets_pb2.AssetDeployment, _Mapping[str, object]]] = ..., revision: _Optional[int] = ...) -> None: ...

class DeleteAssetRelationshipRequest(_message.Message):
    __slots__ = ("relationship_id", "expected_revision")
    RELATIONSHIP_ID_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_REVISION_FIELD_NUMBER: _ClassVar[int]
    relationship_id: str
    expected_revision: int
    def __init__(self, relationship_id: _Optional[str] = ..., expected_revision: _Optional[int] = ...) -> None: ...

class DeleteAssetRelationshipResponse(_message.Message):
    __slots__ = ("relationship", "revision")
    RELATIONSHIP_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    relationship: _assets_pb2.AssetRelationship
    revision: int
    def __init__(self, relationship: _Optional[_Union[_assets_pb2.AssetRelationship, _Mapping[str, object]]] = ..., revision: _Optional[int] = ...) -> None: ...

class DeleteAssetGroupRequest(_message.Message):
    __slots__ = ("group_id", "expected_revision")
    GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_REVISION_FIELD_NUMBER: _ClassVar[int]
    group_id: str
    expected_revision: int
    def __init__(self, group_id: _Optional[str] = ..., expected_revision: _Optional[int] = ...) -> None: ...

class DeleteAssetGroupResponse(_message.Message):
    __slots__ = ("group", "revision")
    GROUP_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    group: _assets_pb2.AssetGroup
    revision: int
    def __init__(self, group: _Optional[_Union[_assets_pb2.AssetGroup, _Mapping[str, object]]] = ..., revision: _Optional[int] = ...) -> None: ...

class DeleteAssetIdentifierRequest(_message.Message):
    __slots__ = ("identifier_id", "expected_revision")
    IDENTIFIER_ID_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_REVISION_FIELD_NUMBER: _ClassVar[int]
    identifier_id: str
    expected_revision: int
    def __init__(self, identifier_id: _Optional[str] = ..., expected_revision: _Optional[int] = ...) -> None: ...

class DeleteAssetIdentifierResponse(_message.Message):
    __slots__ = ("identifier", "revision")
    IDENTIFIER_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    identifier: _assets_pb2.AssetIdentifier
    revision: int
    def __init__(self, identifier: _Optional[_Union[_assets_pb2.AssetIdentifier, _Mapping[str, object]]] = ..., revision: _Optional[int] = ...) -> None: ...

class DeleteSymbolIdentifierRequest(_message.Message):
    __slots__ = ("identifier_id", "expected_revision")
    IDENTIFIER_ID_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_REVISION_FIELD_NUMBER: _ClassVar[int]
    identifier_id: str
    expected_revision: int
    def __init__(self, identifier_id: _Optional[str] = ..., expected_revision: _Optional[int] = ...) -> None: ...

class DeleteSymbolIdentifierResponse(_message.Message):
    __slots__ = ("identifier", "revision")
    IDENTIFIER_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    identifier: _markets_pb2.SymbolIdentifier
    revision: int
    def __init__(self, identifier: _Optional[_Union[_markets_pb2.SymbolIdentifier, _Mapping[str, object]]] = ..., revision: _Optional[int] = ...) -> None: ...

class GetVenueSymbolListingRequest(_message.Message):
    __slots__ = ("listing_id",)
    LISTING_ID_FIELD_NUMBER: _ClassVar[int]
    listing_id: str
    def __init__(self, listing_id: _Optional[str] = ...) -> None: ...

class GetVenueSymbolListingResponse(_message.Message):
    __slots__ = ("venue_symbol", "revision")
    VENUE_SYMBOL_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    venue_symbol: _venues_pb2.VenueSymbol
    revision: int
    def __init__(self, venue_symbol: _Optional[_Union[_venues_pb2.VenueSymbol, _Mapping[str, object]]] = ..., revision: _Optional[int] = ...) -> None: ...

class GetQualityFlagRequest(_message.Message):
    __slots__ = ("flag_id",)
    FLAG_ID_FIELD_NUMBER: _ClassVar[int]
    flag_id: str
    def __init__(self, flag_id: _Optional[str] = ...) -> None: ...

class GetQualityFlagResponse(_message.Message):
    __slots__ = ("flag", "revision")
    FLAG_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    flag: _assets_pb2.AssetQualityFlag
    revision: int
    def __init__(self, flag: _Optional[_Union[_assets_pb2.AssetQualityFlag, _Mapping[str, object]]] = ..., revision: _Optional[int] = ...) -> None: ...

class MergeAssetsRequest(_message.Message):
    __slots__ = ("from_asset_id", "into_asset_id")
    FROM_ASSET_ID_FIELD_NUMBER: _ClassVar[int]
    INTO_ASSET_ID_FIELD_NUMBER: _ClassVar[int]
    from_asset_id: str
    into_asset_id: str
    def __init__(self, from_asset_id: _Optional[str] = ..., into_asset_id: _Optional[str] = ...) -> None: ...

class MergeAssetsResponse(_message.Message):
    __slots__ = ("asset", "revision")
    ASSET_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    asset: _assets_pb2.Asset
    revision: int
    def __init__(self, asset: _Optional[_Union[_assets_pb2.Asset, _Mapping[str, object]]] = ..., revision: _Optional[int] = ...) -> None: ...

class ApplyRequest(_message.Message):
    __slots__ = ("rows", "dry_run", "source", "mode")
    ROWS_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    rows: _containers.RepeatedCompositeFieldContainer[ApplyRow]
    dry_run: bool
    source: str
    mode: ApplyMode
    def __init__(self, rows: _Optional[_Iterable[_Union[ApplyRow, _Mapping[str, object]]]] = ..., dry_run: _Optional[bool] = ..., source: _Optional[str] = ..., mode: _Optional[_Union[ApplyMode, str]] = ...) -> None: ...

class ApplyRow(_message.Message):
    __slots__ = ("ref", "expected_revision", "mode", "chain", "asset", "asset_deployment", "asset_identifier", "asset_relationship", "asset_group", "asset_group_member", "symbol", "symbol_identifier", "venue", "venue_asset", "venue_symbol", "identifiers", "deployments", "clear", "unverified")
    REF_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_REVISION_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    CHAIN_FIELD_NUMBER: _ClassVar[int]
    ASSET_FIELD_NUMBER: _ClassVar[int]
    ASSET_DEPLOYMENT_FIELD_NUMBER: _ClassVar[int]
    ASSET_IDENTIFIER_FIELD_NUMBER: _ClassVar[int]
    ASSET_RELATIONSHIP_FIELD_NUMBER: _ClassVar[int]
    ASSET_GROUP_FIELD_NUMBER: _ClassVar[int]
    ASSET_GROUP_MEMBER_FIELD_NUMBER: _ClassVar[int]
    SYMBOL_FIELD_NUMBER: _ClassVar[int]
    SYMBOL_IDENTIFIER_FIELD_NUMBER: _ClassVar[int]
    VENUE_FIELD_NUMBER: _ClassVar[int]
    VENUE_ASSET_FIELD_NUMBER: _ClassVar[int]
    VENUE_SYMBOL_FIELD_NUMBER: _ClassVar[int]
    IDENTIFIERS_FIELD_NUMBER: _ClassVar[int]
    DEPLOYMENTS_FIELD_NUMBER: _ClassVar[int]
    CLEAR_FIELD_NUMBER: _ClassVar[int]
    UNVERIFIED_FIELD_NUMBER: _ClassVar[int]
    ref: str
    expected_revision: int
    mode: ApplyMode
    chain: _assets_pb2.Chain
    asset: _assets_pb2.Asset
    asset_deployment: _assets_pb2.AssetDeployment
    asset_identifier: _assets_pb2.AssetIdentifier
    asset_relationship: _assets_pb2.AssetRelationship
    asset_group: _assets_pb2.AssetGroup
    asset_group_member: _assets_pb2.AssetGroupMember
    symbol: _markets_pb2.Symbol
    symbol_identifier: _markets_pb2.SymbolIdentifier
    venue: _venues_pb2.Venue
    venue_asset: _venues_pb2.VenueAsset
    venue_symbol: _venues_pb2.VenueSymbol
    identifiers: _containers.RepeatedCompositeFieldContainer[_assets_pb2.AssetIdentifier]
    deployments: _containers.RepeatedCompositeFieldContainer[_assets_pb2.AssetDeployment]
    clear: _containers.RepeatedScalarFieldContainer[str]
    unverified: str
    def __init__(self, ref: _Optional[str] = ..., expected_revision: _Optional[int] = ..., mode: _Optional[_Union[ApplyMode, str]] = ..., chain: _Optional[_Union[_assets_pb2.Chain, _Mapping[str, object]]] = ..., asset: _Optional[_Union[_assets_pb2.Asset, _Mapping[str, object]]] = ..., asset_deployment: _Optional[_Union[_assets_pb2.AssetDeployment, _Mapping[str, object]]] = ..., asset_identifier: _Optional[_Union[_assets_pb2.AssetIdentifier, _Mapping[str, object]]] = ..., asset_relationship: _Optional[_Union[_assets_pb2.AssetRelationship, _Mapping[str, object]]] = ..., asset_group: _Optional[_Union[_assets_pb2.AssetGroup, _Mapping[str, object]]] = ..., asset_group_member: _Optional[_Union[_assets_pb2.AssetGroupMember, _Mapping[str, object]]] = ..., symbol: _Optional[_Union[_markets_pb2.Symbol, _Mapping[str, object]]] = ..., symbol_identifier: _Optional[_Union[_markets_pb2.SymbolIdentifier, _Mapping[str, object]]] = ..., venue: _Optional[_Union[_venues_pb2.Venue, _Mapping[str, object]]] = ..., venue_asset: _Optional[_Union[_venues_pb2.VenueAsset, _Mapping[str, object]]] = ..., venue_symbol: _Optional[_Union[_venues_pb2.VenueSymbol, _Mapping[str, object]]] = ..., identifiers: _Optional[_Iterable[_Union[_assets_pb2.AssetIdentifier, _Mapping[str, object]]]] = ..., deployments: _Optional[_Iterable[_Union[_assets_pb2.AssetDeployment, _Mapping[str, object]]]] = ..., clear: _Optional[_Iterable[str]] = ..., unverified: _Optional[str] = ...) -> None: ...

class ApplyResult(_message.Message):
    __slots__ = ("outcome", "id", "changed_fields", "code", "reason", "field", "revision", "changes", "differs")
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    CHANGED_FIELDS_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    DIFFERS_FIELD_NUMBER: _ClassVar[int]
    outcome: ApplyOutcome
    id: str
    changed_fields: _containers.RepeatedScalarFieldContainer[str]
    code: str
    reason: str
    field: str
    revision: int
    changes: _containers.RepeatedCompositeFieldContainer[FieldChange]
    differs: _containers.RepeatedCompositeFieldContainer[FieldChange]
    def __init__(self, outcome: _Optional[_Union[ApplyOutcome, str]] = ..., id: _Optional[str] = ..., changed_fields: _Optional[_Iterable[str]] = ..., code: _Optional[str] = ..., reason: _Optional[str] = ..., field: _Optional[str] = ..., revision: _Optional[int] = ..., changes: _Optional[_Iterable[_Union[FieldChange, _Mapping[str, object]]]] = ..., differs: _Optional[_Iterable[_Union[FieldChange, _Mapping[str, object]]]] = ...) -> None: ...

class FieldChange(_message.Message):
    __slots__ = ("field", "before", "after")
    FIELD_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    field: str
    before: str
    after: str
    def __init__(self, field: _Optional[str] = ..., before: _Optional[str] = ..., after: _Optional[str] = ...) -> None: ...

class ApplyResponse(_message.Message):
    __slots__ = ("results", "revision")
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[ApplyResult]
    revision: int
    def __init__(self, results: _Optional[_Iterable[_Union[ApplyResult, _Mapping[str, object]]]] = ..., revision: _Optional[int] = ...) -> None: ...
