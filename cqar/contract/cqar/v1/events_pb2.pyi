import datetime

from cqar.contract.cqc.assets.v1 import assets_pb2 as _assets_pb2
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
