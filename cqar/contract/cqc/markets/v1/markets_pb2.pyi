import datetime

from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SymbolType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SYMBOL_TYPE_UNSPECIFIED: _ClassVar[SymbolType]
    SYMBOL_TYPE_SPOT: _ClassVar[SymbolType]
    SYMBOL_TYPE_PERPETUAL: _ClassVar[SymbolType]
    SYMBOL_TYPE_FUTURE: _ClassVar[SymbolType]
    SYMBOL_TYPE_OPTION: _ClassVar[SymbolType]
    SYMBOL_TYPE_MARGIN: _ClassVar[SymbolType]

class OptionType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OPTION_TYPE_UNSPECIFIED: _ClassVar[OptionType]
    OPTION_TYPE_CALL: _ClassVar[OptionType]
    OPTION_TYPE_PUT: _ClassVar[OptionType]

class DataSource(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DATA_SOURCE_UNSPECIFIED: _ClassVar[DataSource]
    DATA_SOURCE_COINGECKO: _ClassVar[DataSource]
    DATA_SOURCE_COINMARKETCAP: _ClassVar[DataSource]
    DATA_SOURCE_DEFILLAMA: _ClassVar[DataSource]
    DATA_SOURCE_MESSARI: _ClassVar[DataSource]
    DATA_SOURCE_GLASSNODE: _ClassVar[DataSource]
SYMBOL_TYPE_UNSPECIFIED: SymbolType
SYMBOL_TYPE_SPOT: SymbolType
SYMBOL_TYPE_PERPETUAL: SymbolType
SYMBOL_TYPE_FUTURE: SymbolType
SYMBOL_TYPE_OPTION: SymbolType
SYMBOL_TYPE_MARGIN: SymbolType
OPTION_TYPE_UNSPECIFIED: OptionType
OPTION_TYPE_CALL: OptionType
OPTION_TYPE_PUT: OptionType
DATA_SOURCE_UNSPECIFIED: DataSource
DATA_SOURCE_COINGECKO: DataSource
DATA_SOURCE_COINMARKETCAP: DataSource
DATA_SOURCE_DEFILLAMA: DataSource
DATA_SOURCE_MESSARI: DataSource
DATA_SOURCE_GLASSNODE: DataSource

class Symbol(_message.Message):
    __slots__ = ("symbol_id", "symbol", "symbol_type", "base_asset_id", "quote_asset_id", "settlement_asset_id", "tick_size", "lot_size", "min_order_size", "max_order_size", "min_notional", "contract_size", "expiry", "strike_price", "option_type", "is_active", "created_at", "updated_at", "delisted_at", "metadata", "tick_size_decimal", "lot_size_decimal", "min_order_size_decimal", "max_order_size_decimal", "min_notional_decimal", "contract_size_decimal", "strike_price_decimal", "revision", "margin_kind", "successor_symbol_id")
    SYMBOL_ID_FIELD_NUMBER: _ClassVar[int]
    SYMBOL_FIELD_NUMBER: _ClassVar[int]
    SYMBOL_TYPE_FIELD_NUMBER: _ClassVar[int]
    BASE_ASSET_ID_FIELD_NUMBER: _ClassVar[int]
    QUOTE_ASSET_ID_FIELD_NUMBER: _ClassVar[int]
    SETTLEMENT_ASSET_ID_FIELD_NUMBER: _ClassVar[int]
    TICK_SIZE_FIELD_NUMBER: _ClassVar[int]
    LOT_SIZE_FIELD_NUMBER: _ClassVar[int]
    MIN_ORDER_SIZE_FIELD_NUMBER: _ClassVar[int]
    MAX_ORDER_SIZE_FIELD_NUMBER: _ClassVar[int]
    MIN_NOTIONAL_FIELD_NUMBER: _ClassVar[int]
    CONTRACT_SIZE_FIELD_NUMBER: _ClassVar[int]
    EXPIRY_FIELD_NUMBER: _ClassVar[int]
    STRIKE_PRICE_FIELD_NUMBER: _ClassVar[int]
    OPTION_TYPE_FIELD_NUMBER: _ClassVar[int]
    IS_ACTIVE_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    DELISTED_AT_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    TICK_SIZE_DECIMAL_FIELD_NUMBER: _ClassVar[int]
    LOT_SIZE_DECIMAL_FIELD_NUMBER: _ClassVar[int]
    MIN_ORDER_SIZE_DECIMAL_FIELD_NUMBER: _ClassVar[int]
    MAX_ORDER_SIZE_DECIMAL_FIELD_NUMBER: _ClassVar[int]
    MIN_NOTIONAL_DECIMAL_FIELD_NUMBER: _ClassVar[int]
    CONTRACT_SIZE_DECIMAL_FIELD_NUMBER: _ClassVar[int]
    STRIKE_PRICE_DECIMAL_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    MARGIN_KIND_FIELD_NUMBER: _ClassVar[int]
    SUCCESSOR_SYMBOL_ID_FIELD_NUMBER: _ClassVar[int]
    symbol_id: str
    symbol: str
    symbol_type: SymbolType
    base_asset_id: str
    quote_asset_id: str
    settlement_asset_id: str
    tick_size: float
    lot_size: float
    min_order_size: float
    max_order_size: float
    min_notional: float
    contract_size: float
    expiry: _timestamp_pb2.Timestamp
    strike_price: float
    option_type: OptionType
    is_active: bool
    created_at: _timestamp_pb2.Timestamp
    updated_at: _timestamp_pb2.Timestamp
    delisted_at: _timestamp_pb2.Timestamp
    metadata: _struct_pb2.Struct
    tick_size_decimal: str
    lot_size_decimal: str
    min_order_size_decimal: str
    max_order_size_decimal: str
    min_notional_decimal: str
    contract_size_decimal: str
    strike_price_decimal: str
    revision: int
    margin_kind: str
    successor_symbol_id: str
    def __init__(self, symbol_id: _Optional[str] = ..., symbol: _Optional[str] = ..., symbol_type: _Optional[_Union[SymbolType, str]] = ..., base_asset_id: _Optional[str] = ..., quote_asset_id: _Optional[str] = ..., settlement_asset_id: _Optional[str] = ..., tick_size: _Optional[float] = ..., lot_size: _Optional[float] = ..., min_order_size: _Optional[float] = ..., max_order_size: _Optional[float] = ..., min_notional: _Optional[float] = ..., contract_size: _Optional[float] = ..., expiry: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., strike_price: _Optional[float] = ..., option_type: _Optional[_Union[OptionType, str]] = ..., is_active: _Optional[bool] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., updated_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., delisted_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., metadata: _Optional[_Union[_struct_pb2.Struct, _Mapping[str, object]]] = ..., tick_size_decimal: _Optional[str] = ..., lot_size_decimal: _Optional[str] = ..., min_order_size_decimal: _Optional[str] = ..., max_order_size_decimal: _Optional[str] = ..., min_notional_decimal: _Optional[str] = ..., contract_size_decimal: _Optional[str] = ..., strike_price_decimal: _Optional[str] = ..., revision: _Optional[int] = ..., margin_kind: _Optional[str] = ..., successor_symbol_id: _Optional[str] = ...) -> None: ...

class SymbolIdentifier(_message.Message):
    __slots__ = ("identifier_id", "symbol_id", "data_source", "external_id", "is_primary", "created_at", "metadata", "revision")
    IDENTIFIER_ID_FIELD_NUMBER: _ClassVar[int]
    SYMBOL_ID_FIELD_NUMBER: _ClassVar[int]
    DATA_SOURCE_FIELD_NUMBER: _ClassVar[int]
    EXTERNAL_ID_FIELD_NUMBER: _ClassVar[int]
    IS_PRIMARY_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    identifier_id: str
    symbol_id: str
    data_source: DataSource
    external_id: str
    is_primary: bool
    created_at: _timestamp_pb2.Timestamp
    metadata: _struct_pb2.Struct
    revision: int
    def __init__(self, identifier_id: _Optional[str] = ..., symbol_id: _Optional[str] = ..., data_source: _Optional[_Union[DataSource, str]] = ..., external_id: _Optional[str] = ..., is_primary: _Optional[bool] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., metadata: _Optional[_Union[_struct_pb2.Struct, _Mapping[str, object]]] = ..., revision: _Optional[int] = ...) -> None: ...
