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

class ChainRegistered(_message.Message):
    __slots__ = ("event_id", "timestamp", "actor_id", "chain", "source")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    ACTOR_ID_FIELD_NUMBER: _ClassVar[int]
    CHAIN_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    timestamp: _timestamp_pb2.Timestamp
    actor_id: str
    chain: _assets_pb2.Chain
    source: str
    def __init__(self, event_id: _Optional[str] = ..., timestamp: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., actor_id: _Optional[str] = ..., chain: _Optional[_Union[_assets_pb2.Chain, _Mapping[str, object]]] = ..., source: _Optional[str] = ...) -> None: ...

class MarketMoved(_message.Message):
    __slots__ = ("event_id", "timestamp", "actor_id", "venue_symbol", "symbol", "previous_symbol_id", "previous_base_asset_id", "previous_quote_asset_id", "previous_settlement_asset_id", "source")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    ACTOR_ID_FIELD_NUMBER: _ClassVar[int]
    VENUE_SYMBOL_FIELD_NUMBER: _ClassVar[int]
    SYMBOL_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_SYMBOL_ID_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_BASE_ASSET_ID_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_QUOTE_ASSET_ID_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_SETTLEMENT_ASSET_ID_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    timestamp: _timestamp_pb2.Timestamp
    actor_id: str
    venue_symbol: _venues_pb2.VenueSymbol
    symbol: _markets_pb2.Symbol
    previous_symbol_id: str
    previous_base_asset_id: str
    previous_quote_asset_id: str
    previous_settlement_asset_id: str
    source: str
    def __init__(self, event_id: _Optional[str] = ..., timestamp: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., actor_id: _Optional[str] = ..., venue_symbol: _Optional[_Union[_venues_pb2.VenueSymbol, _Mapping[str, object]]] = ..., symbol: _Optional[_Union[_markets_pb2.Symbol, _Mapping[str, object]]] = ..., previous_symbol_id: _Optional[str] = ..., previous_base_asset_id: _Optional[str] = ..., previous_quote_asset_id: _Optional[str] = ..., previous_settlement_asset_id: _Optional[str] = ..., source: _Optional[str] = ...) -> None: ...
