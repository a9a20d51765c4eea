import datetime

from cqar.contract.cqc.assets.v1 import assets_pb2 as _assets_pb2
from cqar.contract.cqc.markets.v1 import markets_pb2 as _markets_pb2
from cqar.contract.cqc.services.v1 import asset_registry_pb2 as _asset_registry_pb2
from cqar.contract.cqc.venues.v1 import venues_pb2 as _venues_pb2
from cqar.contract.shared import enums_pb2 as _enums_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ResolutionStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RESOLUTION_STATUS_UNSPECIFIED: _ClassVar[ResolutionStatus]
    RESOLVED: _ClassVar[ResolutionStatus]
    NOT_FOUND: _ClassVar[ResolutionStatus]
    AMBIGUOUS: _ClassVar[ResolutionStatus]
    DELISTED: _ClassVar[ResolutionStatus]
    INVALID: _ClassVar[ResolutionStatus]

class View(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VIEW_UNSPECIFIED: _ClassVar[View]
    SLIM: _ClassVar[View]
    FULL: _ClassVar[View]
RESOLUTION_STATUS_UNSPECIFIED: ResolutionStatus
RESOLVED: ResolutionStatus
NOT_FOUND: ResolutionStatus
AMBIGUOUS: ResolutionStatus
DELISTED: ResolutionStatus
INVALID: ResolutionStatus
VIEW_UNSPECIFIED: View
SLIM: View
FULL: View

class VenueSymbolKey(_message.Message):
    __slots__ = ("venue_id", "venue_symbol", "symbol_type", "as_of")
    VENUE_ID_FIELD_NUMBER: _ClassVar[int]
    VENUE_SYMBOL_FIELD_NUMBER: _ClassVar[int]
    SYMBOL_TYPE_FIELD_NUMBER: _ClassVar[int]
    AS_OF_FIELD_NUMBER: _ClassVar[int]
    venue_id: str
    venue_symbol: str
    symbol_type: _markets_pb2.SymbolType
    as_of: _timestamp_pb2.Timestamp
    def __init__(self, venue_id: _Optional[str] = ..., venue_symbol: _Optional[str] = ..., symbol_type: _Optional[_Union[_markets_pb2.SymbolType, str]] = ..., as_of: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping[str, object]]] = ...) -> None: ...

class ResolveVenueSymbolsRequest(_message.Message):
    __slots__ = ("keys", "view", "min_revision")
    KEYS_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    MIN_REVISION_FIELD_NUMBER: _ClassVar[int]
    keys: _containers.RepeatedCompositeFieldContainer[VenueSymbolKey]
    view: View
    min_revision: int
    def __init__(self, keys: _Optional[_Iterable[_Union[VenueSymbolKey, _Mapping[str, object]]]] = ..., view: _Optional[_Union[View, str]] = ..., min_revision: _Optional[int] = ...) -> None: ...

class VenueSymbolResolution(_message.Message):
    __slots__ = ("status", "symbol_id", "symbol_type", "tick_size_decimal", "lot_size_decimal", "quantity_multiplier_decimal", "is_active", "trading_blocked", "candidate_symbol_ids", "reason", "full", "identity_level", "specs_source")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    SYMBOL_ID_FIELD_NUMBER: _ClassVar[int]
    SYMBOL_TYPE_FIELD_NUMBER: _ClassVar[int]
    TICK_SIZE_DECIMAL_FIELD_NUMBER: _ClassVar[int]
    LOT_SIZE_DECIMAL_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_MULTIPLIER_DECIMAL_FIELD_NUMBER: _ClassVar[int]
    IS_ACTIVE_FIELD_NUMBER: _ClassVar[int]
    TRADING_BLOCKED_FIELD_NUMBER: _ClassVar[int]
    CANDIDATE_SYMBOL_IDS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    FULL_FIELD_NUMBER: _ClassVar[int]
    IDENTITY_LEVEL_FIELD_NUMBER: _ClassVar[int]
    SPECS_SOURCE_FIELD_NUMBER: _ClassVar[int]
    status: ResolutionStatus
    symbol_id: str
    symbol_type: _markets_pb2.SymbolType
    tick_size_decimal: str
    lot_size_decimal: str
    quantity_multiplier_decimal: str
    is_active: bool
    trading_blocked: bool
    candidate_symbol_ids: _containers.RepeatedScalarFieldContainer[str]
    reason: str
    full: _asset_registry_pb2.GetVenueSymbolResponse
    identity_level: _enums_pb2.IdentityLevel
    specs_source: _enums_pb2.SpecsSource
    def __init__(self, status: _Optional[_Union[ResolutionStatus, str]] = ..., symbol_id: _Optional[str] = ..., symbol_type: _Optional[_Union[_markets_pb2.SymbolType, str]] = ..., tick_size_decimal: _Optional[str] = ..., lot_size_decimal: _Optional[str] = ..., quantity_multiplier_decimal: _Optional[str] = ..., is_active: _Optional[bool] = ..., trading_blocked: _Optional[bool] = ..., candidate_symbol_ids: _Optional[_Iterable[str]] = ..., reason: _Optional[str] = ..., full: _Optional[_Union[_asset_registry_pb2.GetVenueSymbolResponse, _Mapping[str, object]]] = ..., identity_level: _Optional[_Union[_enums_pb2.IdentityLevel, str]] = ..., specs_source: _Optional[_Union[_enums_pb2.SpecsSource, str]] = ...) -> None: ...

class ResolveVenueSymbolsResponse(_message.Message):
    __slots__ = ("results", "revision", "stale", "age_ms")
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    STALE_FIELD_NUMBER: _ClassVar[int]
    AGE_MS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[VenueSymbolResolution]
    revision: int
    stale: bool
    age_ms: int
    def __init__(self, results: _Optional[_Iterable[_Union[VenueSymbolResolution, _Mapping[str, object]]]] = ..., revision: _Optional[int] = ..., stale: _Optional[bool] = ..., age_ms: _Optional[int] = ...) -> None: ...

class AssetKey(_message.Message):
    __slots__ = ("asset_id", "on_chain", "external", "venue_code")
    class OnChain(_message.Message):
        __slots__ = ("chain", "address")
        CHAIN_FIELD_NUMBER: _ClassVar[int]
        ADDRESS_FIELD_NUMBER: _ClassVar[int]
        chain: str
        address: str
        def __init__(self, chain: _Optional[str] = ..., address: _Optional[str] = ...) -> None: ...
    class External(_message.Message):
        __slots__ = ("source", "external_id")
        SOURCE_FIELD_NUMBER: _ClassVar[int]
        EXTERNAL_ID_FIELD_NUMBER: _ClassVar[int]
        source: _assets_pb2.DataSource
        external_id: str
        def __init__(self, source: _Optional[_Union[_assets_pb2.DataSource, str]] = ..., external_id: _Optional[str] = ...) -> None: ...
    class VenueCode(_message.Message):
        __slots__ = ("venue_id", "venue_asset_symbol")
        VENUE_ID_FIELD_NUMBER: _ClassVar[int]
        VENUE_ASSET_SYMBOL_FIELD_NUMBER: _ClassVar[int]
        venue_id: str
        venue_asset_symbol: str
        def __init__(self, venue_id: _Optional[str] = ..., venue_asset_symbol: _Optional[str] = ...) -> None: ...
    ASSET_ID_FIELD_NUMBER: _ClassVar[int]
    ON_CHAIN_FIELD_NUMBER: _ClassVar[int]
    EXTERNAL_FIELD_NUMBER: _ClassVar[int]
    VENUE_CODE_FIELD_NUMBER: _ClassVar[int]
    asset_id: str
    on_chain: AssetKey.OnChain
    external: AssetKey.External
    venue_code: AssetKey.VenueCode
    def __init__(self, asset_id: _Optional[str] = ..., on_chain: _Optional[_Union[AssetKey.OnChain, _Mapping[str, object]]] = ..., external: _Optional[_Union[AssetKey.External, _Mapping[str, object]]] = ..., venue_code: _Optional[_Union[AssetKey.VenueCode, _Mapping[str, object]]] = ...) -> None: ...

class ResolveAssetsRequest(_message.Message):
    __slots__ = ("keys", "min_revision")
    KEYS_FIELD_NUMBER: _ClassVar[int]
    MIN_REVISION_FIELD_NUMBER: _ClassVar[int]
    keys: _containers.RepeatedCompositeFieldContainer[AssetKey]
    min_revision: int
    def __init__(self, keys: _Optional[_Iterable[_Union[AssetKey, _Mapping[str, object]]]] = ..., min_revision: _Optional[int] = ...) -> None: ...

class AssetResolution(_message.Message):
    __slots__ = ("status", "asset", "trading_blocked", "deployment", "candidate_asset_ids", "reason", "identity_level")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    ASSET_FIELD_NUMBER: _ClassVar[int]
    TRADING_BLOCKED_FIELD_NUMBER: _ClassVar[int]
    DEPLOYMENT_FIELD_NUMBER: _ClassVar[int]
    CANDIDATE_ASSET_IDS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    IDENTITY_LEVEL_FIELD_NUMBER: _ClassVar[int]
    status: ResolutionStatus
    asset: _assets_pb2.Asset
    trading_blocked: bool
    deployment: _assets_pb2.AssetDeployment
    candidate_asset_ids: _containers.RepeatedScalarFieldContainer[str]
    reason: str
    identity_level: _enums_pb2.IdentityLevel
    def __init__(self, status: _Optional[_Union[ResolutionStatus, str]] = ..., asset: _Optional[_Union[_assets_pb2.Asset, _Mapping[str, object]]] = ..., trading_blocked: _Optional[bool] = ..., deployment: _Optional[_Union[_assets_pb2.AssetDeployment, _Mapping[str, object]]] = ..., candidate_asset_ids: _Optional[_Iterable[str]] = ..., reason: _Optional[str] = ..., identity_level: _Optional[_Union[_enums_pb2.IdentityLevel, str]] = ...) -> None: ...

class ResolveAssetsResponse(_message.Message):
    __slots__ = ("results", "revision", "stale", "age_ms")
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    STALE_FIELD_NUMBER: _ClassVar[int]
    AGE_MS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[AssetResolution]
    revision: int
    stale: bool
    age_ms: int
    def __init__(self, results: _Optional[_Iterable[_Union[AssetResolution, _Mapping[str, object]]]] = ..., revision: _Optional[int] = ..., stale: _Optional[bool] = ..., age_ms: _Optional[int] = ...) -> None: ...

class FindVenueSymbolsRequest(_message.Message):
    __slots__ = ("symbol_id", "venue_id", "include_delisted", "min_revision")
    SYMBOL_ID_FIELD_NUMBER: _ClassVar[int]
    VENUE_ID_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_DELISTED_FIELD_NUMBER: _ClassVar[int]
    MIN_REVISION_FIELD_NUMBER: _ClassVar[int]
    symbol_id: str
    venue_id: str
    include_delisted: bool
    min_revision: int
    def __init__(self, symbol_id: _Optional[str] = ..., venue_id: _Optional[str] = ..., include_delisted: _Optional[bool] = ..., min_revision: _Optional[int] = ...) -> None: ...

class FindVenueSymbolsResponse(_message.Message):
    __slots__ = ("venue_symbols", "trading_blocked", "revision", "stale", "age_ms")
    VENUE_SYMBOLS_FIELD_NUMBER: _ClassVar[int]
    TRADING_BLOCKED_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    STALE_FIELD_NUMBER: _ClassVar[int]
    AGE_MS_FIELD_NUMBER: _ClassVar[int]
    venue_symbols: _containers.RepeatedCompositeFieldContainer[_venues_pb2.VenueSymbol]
    trading_blocked: bool
    revision: int
    stale: bool
    age_ms: int
    def __init__(self, venue_symbols: _Optional[_Iterable[_Union[_venues_pb2.VenueSymbol, _Mapping[str, object]]]] = ..., trading_blocked: _Optional[bool] = ..., revision: _Optional[int] = ..., stale: _Optional[bool] = ..., age_ms: _Optional[int] = ...) -> None: ...

class GetRevisionRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetRevisionResponse(_message.Message):
    __slots__ = ("epoch", "revision", "age_ms")
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    AGE_MS_FIELD_NUMBER: _ClassVar[int]
    epoch: str
    revision: int
    age_ms: int
    def __init__(self, epoch: _Optional[str] = ..., revision: _Optional[int] = ..., age_ms: _Optional[int] = ...) -> None: ...
