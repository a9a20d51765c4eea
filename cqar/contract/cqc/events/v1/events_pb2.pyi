import datetime

from cqar.contract.cqc.assets.v1 import assets_pb2 as _assets_pb2
from cqar.contract.cqc.markets.v1 import markets_pb2 as _markets_pb2
from cqar.contract.cqc.venues.v1 import venues_pb2 as _venues_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AssetCreated(_message.Message):
    __slots__ = ("event_id", "timestamp", "actor_id", "asset", "source")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    ACTOR_ID_FIELD_NUMBER: _ClassVar[int]
    ASSET_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    timestamp: _timestamp_pb2.Timestamp
    actor_id: str
    asset: _assets_pb2.Asset
    source: str
    def __init__(self, event_id: _Optional[str] = ..., timestamp: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., actor_id: _Optional[str] = ..., asset: _Optional[_Union[_assets_pb2.Asset, _Mapping[str, object]]] = ..., source: _Optional[str] = ...) -> None: ...

class AssetDeploymentCreated(_message.Message):
    __slots__ = ("event_id", "timestamp", "actor_id", "deployment", "source", "auto_detected")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    ACTOR_ID_FIELD_NUMBER: _ClassVar[int]
    DEPLOYMENT_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    AUTO_DETECTED_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    timestamp: _timestamp_pb2.Timestamp
    actor_id: str
    deployment: _assets_pb2.AssetDeployment
    source: str
    auto_detected: bool
    def __init__(self, event_id: _Optional[str] = ..., timestamp: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., actor_id: _Optional[str] = ..., deployment: _Optional[_Union[_assets_pb2.AssetDeployment, _Mapping[str, object]]] = ..., source: _Optional[str] = ..., auto_detected: _Optional[bool] = ...) -> None: ...

class RelationshipEstablished(_message.Message):
    __slots__ = ("event_id", "timestamp", "actor_id", "relationship", "source", "protocol")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    ACTOR_ID_FIELD_NUMBER: _ClassVar[int]
    RELATIONSHIP_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    timestamp: _timestamp_pb2.Timestamp
    actor_id: str
    relationship: _assets_pb2.AssetRelationship
    source: str
    protocol: str
    def __init__(self, event_id: _Optional[str] = ..., timestamp: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., actor_id: _Optional[str] = ..., relationship: _Optional[_Union[_assets_pb2.AssetRelationship, _Mapping[str, object]]] = ..., source: _Optional[str] = ..., protocol: _Optional[str] = ...) -> None: ...

class VenueAssetListed(_message.Message):
    __slots__ = ("event_id", "timestamp", "actor_id", "venue_asset", "is_new_listing")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    ACTOR_ID_FIELD_NUMBER: _ClassVar[int]
    VENUE_ASSET_FIELD_NUMBER: _ClassVar[int]
    IS_NEW_LISTING_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    timestamp: _timestamp_pb2.Timestamp
    actor_id: str
    venue_asset: _venues_pb2.VenueAsset
    is_new_listing: bool
    def __init__(self, event_id: _Optional[str] = ..., timestamp: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., actor_id: _Optional[str] = ..., venue_asset: _Optional[_Union[_venues_pb2.VenueAsset, _Mapping[str, object]]] = ..., is_new_listing: _Optional[bool] = ...) -> None: ...

class VenueAssetDelisted(_message.Message):
    __slots__ = ("event_id", "timestamp", "actor_id", "venue_id", "asset_id", "reason")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    ACTOR_ID_FIELD_NUMBER: _ClassVar[int]
    VENUE_ID_FIELD_NUMBER: _ClassVar[int]
    ASSET_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    timestamp: _timestamp_pb2.Timestamp
    actor_id: str
    venue_id: str
    asset_id: str
    reason: str
    def __init__(self, event_id: _Optional[str] = ..., timestamp: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., actor_id: _Optional[str] = ..., venue_id: _Optional[str] = ..., asset_id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class VenueSymbolListed(_message.Message):
    __slots__ = ("event_id", "timestamp", "actor_id", "venue_symbol", "is_new_listing")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    ACTOR_ID_FIELD_NUMBER: _ClassVar[int]
    VENUE_SYMBOL_FIELD_NUMBER: _ClassVar[int]
    IS_NEW_LISTING_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    timestamp: _timestamp_pb2.Timestamp
    actor_id: str
    venue_symbol: _venues_pb2.VenueSymbol
    is_new_listing: bool
    def __init__(self, event_id: _Optional[str] = ..., timestamp: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., actor_id: _Optional[str] = ..., venue_symbol: _Optional[_Union[_venues_pb2.VenueSymbol, _Mapping[str, object]]] = ..., is_new_listing: _Optional[bool] = ...) -> None: ...

class VenueSymbolDelisted(_message.Message):
    __slots__ = ("event_id", "timestamp", "actor_id", "venue_id", "symbol_id", "reason")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    ACTOR_ID_FIELD_NUMBER: _ClassVar[int]
    VENUE_ID_FIELD_NUMBER: _ClassVar[int]
    SYMBOL_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    timestamp: _timestamp_pb2.Timestamp
    actor_id: str
    venue_id: str
    symbol_id: str
    reason: str
    def __init__(self, event_id: _Optional[str] = ..., timestamp: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., actor_id: _Optional[str] = ..., venue_id: _Optional[str] = ..., symbol_id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class SymbolCreated(_message.Message):
    __slots__ = ("event_id", "timestamp", "actor_id", "symbol")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    ACTOR_ID_FIELD_NUMBER: _ClassVar[int]
    SYMBOL_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    timestamp: _timestamp_pb2.Timestamp
    actor_id: str
    symbol: _markets_pb2.Symbol
    def __init__(self, event_id: _Optional[str] = ..., timestamp: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., actor_id: _Optional[str] = ..., symbol: _Optional[_Union[_markets_pb2.Symbol, _Mapping[str, object]]] = ...) -> None: ...

class QualityFlagRaised(_message.Message):
    __slots__ = ("event_id", "timestamp", "actor_id", "flag", "asset_id", "flag_type", "severity", "source", "suspend_trading", "force_close_positions", "alert_message")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    ACTOR_ID_FIELD_NUMBER: _ClassVar[int]
    FLAG_FIELD_NUMBER: _ClassVar[int]
    ASSET_ID_FIELD_NUMBER: _ClassVar[int]
    FLAG_TYPE_FIELD_NUMBER: _ClassVar[int]
    SEVERITY_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    SUSPEND_TRADING_FIELD_NUMBER: _ClassVar[int]
    FORCE_CLOSE_POSITIONS_FIELD_NUMBER: _ClassVar[int]
    ALERT_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    timestamp: _timestamp_pb2.Timestamp
    actor_id: str
    flag: _assets_pb2.AssetQualityFlag
    asset_id: str
    flag_type: _assets_pb2.FlagType
    severity: _assets_pb2.FlagSeverity
    source: str
    suspend_trading: bool
    force_close_positions: bool
    alert_message: str
    def __init__(self, event_id: _Optional[str] = ..., timestamp: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., actor_id: _Optional[str] = ..., flag: _Optional[_Union[_assets_pb2.AssetQualityFlag, _Mapping[str, object]]] = ..., asset_id: _Optional[str] = ..., flag_type: _Optional[_Union[_assets_pb2.FlagType, str]] = ..., severity: _Optional[_Union[_assets_pb2.FlagSeverity, str]] = ..., source: _Optional[str] = ..., suspend_trading: _Optional[bool] = ..., force_close_positions: _Optional[bool] = ..., alert_message: _Optional[str] = ...) -> None: ...
