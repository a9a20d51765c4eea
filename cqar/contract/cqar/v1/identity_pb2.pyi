import datetime

from cqar.contract.cqc.markets.v1 import markets_pb2 as _markets_pb2
from cqar.contract.shared import enums_pb2 as _enums_pb2
from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union
from cqar.contract.shared.enums_pb2 import IdentityLevel as IdentityLevel
from cqar.contract.shared.enums_pb2 import SpecsSource as SpecsSource

DESCRIPTOR: _descriptor.FileDescriptor
IDENTITY_LEVEL_UNSPECIFIED: _enums_pb2.IdentityLevel
IDENTITY_LEVEL_VERIFIED: _enums_pb2.IdentityLevel
IDENTITY_LEVEL_CORROBORATED: _enums_pb2.IdentityLevel
IDENTITY_LEVEL_SUGGESTED: _enums_pb2.IdentityLevel
IDENTITY_LEVEL_CONTESTED: _enums_pb2.IdentityLevel
IDENTITY_LEVEL_UNKNOWN: _enums_pb2.IdentityLevel
SPECS_SOURCE_UNSPECIFIED: _enums_pb2.SpecsSource
SPECS_SOURCE_LISTING: _enums_pb2.SpecsSource
SPECS_SOURCE_SYMBOL: _enums_pb2.SpecsSource
SPECS_SOURCE_MIXED: _enums_pb2.SpecsSource
SPECS_SOURCE_NOT_KNOWN_THEN: _enums_pb2.SpecsSource

class EvidenceKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EVIDENCE_KIND_UNSPECIFIED: _ClassVar[EvidenceKind]
    EVIDENCE_KIND_DECISION: _ClassVar[EvidenceKind]
    EVIDENCE_KIND_ADDRESS: _ClassVar[EvidenceKind]
    EVIDENCE_KIND_ADDRESS_IN_LIST: _ClassVar[EvidenceKind]
    EVIDENCE_KIND_CLASS: _ClassVar[EvidenceKind]
    EVIDENCE_KIND_NAME: _ClassVar[EvidenceKind]
    EVIDENCE_KIND_DECLARED_ID: _ClassVar[EvidenceKind]
    EVIDENCE_KIND_ISO_4217: _ClassVar[EvidenceKind]
    EVIDENCE_KIND_RENAMING: _ClassVar[EvidenceKind]
    EVIDENCE_KIND_AGREEMENT: _ClassVar[EvidenceKind]
    EVIDENCE_KIND_TIME: _ClassVar[EvidenceKind]
    EVIDENCE_KIND_TICKER: _ClassVar[EvidenceKind]
EVIDENCE_KIND_UNSPECIFIED: EvidenceKind
EVIDENCE_KIND_DECISION: EvidenceKind
EVIDENCE_KIND_ADDRESS: EvidenceKind
EVIDENCE_KIND_ADDRESS_IN_LIST: EvidenceKind
EVIDENCE_KIND_CLASS: EvidenceKind
EVIDENCE_KIND_NAME: EvidenceKind
EVIDENCE_KIND_DECLARED_ID: EvidenceKind
EVIDENCE_KIND_ISO_4217: EvidenceKind
EVIDENCE_KIND_RENAMING: EvidenceKind
EVIDENCE_KIND_AGREEMENT: EvidenceKind
EVIDENCE_KIND_TIME: EvidenceKind
EVIDENCE_KIND_TICKER: EvidenceKind

class Evidence(_message.Message):
    __slots__ = ("kind", "asset_id", "against", "value", "source", "seen_at")
    KIND_FIELD_NUMBER: _ClassVar[int]
    ASSET_ID_FIELD_NUMBER: _ClassVar[int]
    AGAINST_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    SEEN_AT_FIELD_NUMBER: _ClassVar[int]
    kind: EvidenceKind
    asset_id: str
    against: bool
    value: str
    source: str
    seen_at: _timestamp_pb2.Timestamp
    def __init__(self, kind: _Optional[_Union[EvidenceKind, str]] = ..., asset_id: _Optional[str] = ..., against: _Optional[bool] = ..., value: _Optional[str] = ..., source: _Optional[str] = ..., seen_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping[str, object]]] = ...) -> None: ...

class IdentityClaim(_message.Message):
    __slots__ = ("venue_id", "code", "asset_id", "level", "evidence", "candidate_asset_ids", "facts", "blocked_reason", "source", "updated_at", "revision")
    VENUE_ID_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    ASSET_ID_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    CANDIDATE_ASSET_IDS_FIELD_NUMBER: _ClassVar[int]
    FACTS_FIELD_NUMBER: _ClassVar[int]
    BLOCKED_REASON_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    venue_id: str
    code: str
    asset_id: str
    level: _enums_pb2.IdentityLevel
    evidence: _containers.RepeatedCompositeFieldContainer[Evidence]
    candidate_asset_ids: _containers.RepeatedScalarFieldContainer[str]
    facts: _struct_pb2.Struct
    blocked_reason: str
    source: str
    updated_at: _timestamp_pb2.Timestamp
    revision: int
    def __init__(self, venue_id: _Optional[str] = ..., code: _Optional[str] = ..., asset_id: _Optional[str] = ..., level: _Optional[_Union[_enums_pb2.IdentityLevel, str]] = ..., evidence: _Optional[_Iterable[_Union[Evidence, _Mapping[str, object]]]] = ..., candidate_asset_ids: _Optional[_Iterable[str]] = ..., facts: _Optional[_Union[_struct_pb2.Struct, _Mapping[str, object]]] = ..., blocked_reason: _Optional[str] = ..., source: _Optional[str] = ..., updated_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., revision: _Optional[int] = ...) -> None: ...

class RecordClaimsRequest(_message.Message):
    __slots__ = ("claims", "source")
    CLAIMS_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    claims: _containers.RepeatedCompositeFieldContainer[IdentityClaim]
    source: str
    def __init__(self, claims: _Optional[_Iterable[_Union[IdentityClaim, _Mapping[str, object]]]] = ..., source: _Optional[str] = ...) -> None: ...

class RecordClaimsResponse(_message.Message):
    __slots__ = ("created", "updated", "unchanged", "revision")
    CREATED_FIELD_NUMBER: _ClassVar[int]
    UPDATED_FIELD_NUMBER: _ClassVar[int]
    UNCHANGED_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    created: int
    updated: int
    unchanged: int
    revision: int
    def __init__(self, created: _Optional[int] = ..., updated: _Optional[int] = ..., unchanged: _Optional[int] = ..., revision: _Optional[int] = ...) -> None: ...

class ListEvidenceRequest(_message.Message):
    __slots__ = ("venue_id", "code", "asset_id", "level", "page_size", "page_token")
    VENUE_ID_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    ASSET_ID_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    venue_id: str
    code: str
    asset_id: str
    level: _enums_pb2.IdentityLevel
    page_size: int
    page_token: str
    def __init__(self, venue_id: _Optional[str] = ..., code: _Optional[str] = ..., asset_id: _Optional[str] = ..., level: _Optional[_Union[_enums_pb2.IdentityLevel, str]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListEvidenceResponse(_message.Message):
    __slots__ = ("claims", "next_page_token")
    CLAIMS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    claims: _containers.RepeatedCompositeFieldContainer[IdentityClaim]
    next_page_token: str
    def __init__(self, claims: _Optional[_Iterable[_Union[IdentityClaim, _Mapping[str, object]]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ExplainRequest(_message.Message):
    __slots__ = ("venue_id", "code", "venue_symbol", "symbol_type")
    VENUE_ID_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    VENUE_SYMBOL_FIELD_NUMBER: _ClassVar[int]
    SYMBOL_TYPE_FIELD_NUMBER: _ClassVar[int]
    venue_id: str
    code: str
    venue_symbol: str
    symbol_type: _markets_pb2.SymbolType
    def __init__(self, venue_id: _Optional[str] = ..., code: _Optional[str] = ..., venue_symbol: _Optional[str] = ..., symbol_type: _Optional[_Union[_markets_pb2.SymbolType, str]] = ...) -> None: ...

class ExplainResponse(_message.Message):
    __slots__ = ("explanations",)
    EXPLANATIONS_FIELD_NUMBER: _ClassVar[int]
    explanations: _containers.RepeatedCompositeFieldContainer[Explanation]
    def __init__(self, explanations: _Optional[_Iterable[_Union[Explanation, _Mapping[str, object]]]] = ...) -> None: ...

class Explanation(_message.Message):
    __slots__ = ("venue_id", "code", "sides", "asset", "level", "blocked_reason", "identity_evidence", "claim", "evidence_for", "evidence_against", "rivals", "would_decide", "open_review_id")
    VENUE_ID_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    SIDES_FIELD_NUMBER: _ClassVar[int]
    ASSET_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    BLOCKED_REASON_FIELD_NUMBER: _ClassVar[int]
    IDENTITY_EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    CLAIM_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FOR_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_AGAINST_FIELD_NUMBER: _ClassVar[int]
    RIVALS_FIELD_NUMBER: _ClassVar[int]
    WOULD_DECIDE_FIELD_NUMBER: _ClassVar[int]
    OPEN_REVIEW_ID_FIELD_NUMBER: _ClassVar[int]
    venue_id: str
    code: str
    sides: _containers.RepeatedScalarFieldContainer[str]
    asset: ExplainedAsset
    level: _enums_pb2.IdentityLevel
    blocked_reason: str
    identity_evidence: str
    claim: IdentityClaim
    evidence_for: _containers.RepeatedCompositeFieldContainer[ExplainedEvidence]
    evidence_against: _containers.RepeatedCompositeFieldContainer[ExplainedEvidence]
    rivals: _containers.RepeatedCompositeFieldContainer[ExplainedAsset]
    would_decide: _containers.RepeatedScalarFieldContainer[str]
    open_review_id: str
    def __init__(self, venue_id: _Optional[str] = ..., code: _Optional[str] = ..., sides: _Optional[_Iterable[str]] = ..., asset: _Optional[_Union[ExplainedAsset, _Mapping[str, object]]] = ..., level: _Optional[_Union[_enums_pb2.IdentityLevel, str]] = ..., blocked_reason: _Optional[str] = ..., identity_evidence: _Optional[str] = ..., claim: _Optional[_Union[IdentityClaim, _Mapping[str, object]]] = ..., evidence_for: _Optional[_Iterable[_Union[ExplainedEvidence, _Mapping[str, object]]]] = ..., evidence_against: _Optional[_Iterable[_Union[ExplainedEvidence, _Mapping[str, object]]]] = ..., rivals: _Optional[_Iterable[_Union[ExplainedAsset, _Mapping[str, object]]]] = ..., would_decide: _Optional[_Iterable[str]] = ..., open_review_id: _Optional[str] = ...) -> None: ...

class ExplainedEvidence(_message.Message):
    __slots__ = ("item", "symbol", "name")
    ITEM_FIELD_NUMBER: _ClassVar[int]
    SYMBOL_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    item: Evidence
    symbol: str
    name: str
    def __init__(self, item: _Optional[_Union[Evidence, _Mapping[str, object]]] = ..., symbol: _Optional[str] = ..., name: _Optional[str] = ...) -> None: ...

class ExplainedAsset(_message.Message):
    __slots__ = ("asset_id", "symbol", "name", "category", "ids", "addresses")
    ASSET_ID_FIELD_NUMBER: _ClassVar[int]
    SYMBOL_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    IDS_FIELD_NUMBER: _ClassVar[int]
    ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    asset_id: str
    symbol: str
    name: str
    category: str
    ids: _containers.RepeatedScalarFieldContainer[str]
    addresses: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, asset_id: _Optional[str] = ..., symbol: _Optional[str] = ..., name: _Optional[str] = ..., category: _Optional[str] = ..., ids: _Optional[_Iterable[str]] = ..., addresses: _Optional[_Iterable[str]] = ...) -> None: ...
