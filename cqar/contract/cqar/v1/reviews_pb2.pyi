import datetime

from cqar.contract.cqar.v1 import identity_pb2 as _identity_pb2
from cqar.contract.shared import enums_pb2 as _enums_pb2
from cqar.contract.cqc.markets.v1 import markets_pb2 as _markets_pb2
from cqar.contract.cqc.venues.v1 import venues_pb2 as _venues_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ReviewKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REVIEW_KIND_UNSPECIFIED: _ClassVar[ReviewKind]
    REVIEW_KIND_CANDIDATES: _ClassVar[ReviewKind]
    REVIEW_KIND_PROVISIONAL: _ClassVar[ReviewKind]
    REVIEW_KIND_CODE_CONFLICT: _ClassVar[ReviewKind]
    REVIEW_KIND_LISTING_CONFLICT: _ClassVar[ReviewKind]

class ReviewStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REVIEW_STATUS_UNSPECIFIED: _ClassVar[ReviewStatus]
    REVIEW_STATUS_OPEN: _ClassVar[ReviewStatus]
    REVIEW_STATUS_ACCEPTED: _ClassVar[ReviewStatus]
    REVIEW_STATUS_REJECTED: _ClassVar[ReviewStatus]
    REVIEW_STATUS_SUPERSEDED: _ClassVar[ReviewStatus]

class ReviewDecision(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REVIEW_DECISION_UNSPECIFIED: _ClassVar[ReviewDecision]
    REVIEW_DECISION_ASSET: _ClassVar[ReviewDecision]
    REVIEW_DECISION_NEW_ASSET: _ClassVar[ReviewDecision]
    REVIEW_DECISION_REUSE: _ClassVar[ReviewDecision]
    REVIEW_DECISION_CORRECTION: _ClassVar[ReviewDecision]
    REVIEW_DECISION_REJECT: _ClassVar[ReviewDecision]

class DecisionOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DECISION_OUTCOME_UNSPECIFIED: _ClassVar[DecisionOutcome]
    DECIDED: _ClassVar[DecisionOutcome]
    ALREADY_DECIDED: _ClassVar[DecisionOutcome]
    REFUSED: _ClassVar[DecisionOutcome]

class MoveOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MOVE_OUTCOME_UNSPECIFIED: _ClassVar[MoveOutcome]
    MOVED: _ClassVar[MoveOutcome]
    ALREADY_MOVED: _ClassVar[MoveOutcome]
    NOT_MOVED: _ClassVar[MoveOutcome]
REVIEW_KIND_UNSPECIFIED: ReviewKind
REVIEW_KIND_CANDIDATES: ReviewKind
REVIEW_KIND_PROVISIONAL: ReviewKind
REVIEW_KIND_CODE_CONFLICT: ReviewKind
REVIEW_KIND_LISTING_CONFLICT: ReviewKind
REVIEW_STATUS_UNSPECIFIED: ReviewStatus
REVIEW_STATUS_OPEN: ReviewStatus
REVIEW_STATUS_ACCEPTED: ReviewStatus
REVIEW_STATUS_REJECTED: ReviewStatus
REVIEW_STATUS_SUPERSEDED: ReviewStatus
REVIEW_DECISION_UNSPECIFIED: ReviewDecision
REVIEW_DECISION_ASSET: ReviewDecision
REVIEW_DECISION_NEW_ASSET: ReviewDecision
REVIEW_DECISION_REUSE: ReviewDecision
REVIEW_DECISION_CORRECTION: ReviewDecision
REVIEW_DECISION_REJECT: ReviewDecision
DECISION_OUTCOME_UNSPECIFIED: DecisionOutcome
DECIDED: DecisionOutcome
ALREADY_DECIDED: DecisionOutcome
REFUSED: DecisionOutcome
MOVE_OUTCOME_UNSPECIFIED: MoveOutcome
MOVED: MoveOutcome
ALREADY_MOVED: MoveOutcome
NOT_MOVED: MoveOutcome

class Review(_message.Message):
    __slots__ = ("review_id", "kind", "status", "venue_id", "code", "asset_id", "candidate_asset_ids", "reason", "venue_asset", "venue_symbol", "symbol", "listing_id", "source", "created_at", "decided_at", "decided_by", "decision", "notes")
    REVIEW_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    VENUE_ID_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    ASSET_ID_FIELD_NUMBER: _ClassVar[int]
    CANDIDATE_ASSET_IDS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    VENUE_ASSET_FIELD_NUMBER: _ClassVar[int]
    VENUE_SYMBOL_FIELD_NUMBER: _ClassVar[int]
    SYMBOL_FIELD_NUMBER: _ClassVar[int]
    LISTING_ID_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    DECIDED_AT_FIELD_NUMBER: _ClassVar[int]
    DECIDED_BY_FIELD_NUMBER: _ClassVar[int]
    DECISION_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    review_id: str
    kind: ReviewKind
    status: ReviewStatus
    venue_id: str
    code: str
    asset_id: str
    candidate_asset_ids: _containers.RepeatedScalarFieldContainer[str]
    reason: str
    venue_asset: _venues_pb2.VenueAsset
    venue_symbol: _venues_pb2.VenueSymbol
    symbol: _markets_pb2.Symbol
    listing_id: str
    source: str
    created_at: _timestamp_pb2.Timestamp
    decided_at: _timestamp_pb2.Timestamp
    decided_by: str
    decision: ReviewDecision
    notes: str
    def __init__(self, review_id: _Optional[str] = ..., kind: _Optional[_Union[ReviewKind, str]] = ..., status: _Optional[_Union[ReviewStatus, str]] = ..., venue_id: _Optional[str] = ..., code: _Optional[str] = ..., asset_id: _Optional[str] = ..., candidate_asset_ids: _Optional[_Iterable[str]] = ..., reason: _Optional[str] = ..., venue_asset: _Optional[_Union[_venues_pb2.VenueAsset, _Mapping[str, object]]] = ..., venue_symbol: _Optional[_Union[_venues_pb2.VenueSymbol, _Mapping[str, object]]] = ..., symbol: _Optional[_Union[_markets_pb2.Symbol, _Mapping[str, object]]] = ..., listing_id: _Optional[str] = ..., source: _Optional[str] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., decided_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., decided_by: _Optional[str] = ..., decision: _Optional[_Union[ReviewDecision, str]] = ..., notes: _Optional[str] = ...) -> None: ...

class OpenReviewsRequest(_message.Message):
    __slots__ = ("reviews",)
    REVIEWS_FIELD_NUMBER: _ClassVar[int]
    reviews: _containers.RepeatedCompositeFieldContainer[Review]
    def __init__(self, reviews: _Optional[_Iterable[_Union[Review, _Mapping[str, object]]]] = ...) -> None: ...

class OpenReviewsResponse(_message.Message):
    __slots__ = ("reviews", "opened", "revision")
    REVIEWS_FIELD_NUMBER: _ClassVar[int]
    OPENED_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    reviews: _containers.RepeatedCompositeFieldContainer[Review]
    opened: int
    revision: int
    def __init__(self, reviews: _Optional[_Iterable[_Union[Review, _Mapping[str, object]]]] = ..., opened: _Optional[int] = ..., revision: _Optional[int] = ...) -> None: ...

class ListReviewsRequest(_message.Message):
    __slots__ = ("venue_id", "kind", "status", "page_size", "page_token", "code", "level")
    VENUE_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    venue_id: str
    kind: ReviewKind
    status: ReviewStatus
    page_size: int
    page_token: str
    code: str
    level: _enums_pb2.IdentityLevel
    def __init__(self, venue_id: _Optional[str] = ..., kind: _Optional[_Union[ReviewKind, str]] = ..., status: _Optional[_Union[ReviewStatus, str]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., code: _Optional[str] = ..., level: _Optional[_Union[_enums_pb2.IdentityLevel, str]] = ...) -> None: ...

class ListReviewsResponse(_message.Message):
    __slots__ = ("reviews", "next_page_token")
    REVIEWS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    reviews: _containers.RepeatedCompositeFieldContainer[Review]
    next_page_token: str
    def __init__(self, reviews: _Optional[_Iterable[_Union[Review, _Mapping[str, object]]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class AcceptReviewRequest(_message.Message):
    __slots__ = ("review_id", "decision", "asset_id", "at", "notes", "symbol", "name", "asset_class")
    REVIEW_ID_FIELD_NUMBER: _ClassVar[int]
    DECISION_FIELD_NUMBER: _ClassVar[int]
    ASSET_ID_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    SYMBOL_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ASSET_CLASS_FIELD_NUMBER: _ClassVar[int]
    review_id: str
    decision: ReviewDecision
    asset_id: str
    at: _timestamp_pb2.Timestamp
    notes: str
    symbol: str
    name: str
    asset_class: str
    def __init__(self, review_id: _Optional[str] = ..., decision: _Optional[_Union[ReviewDecision, str]] = ..., asset_id: _Optional[str] = ..., at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., notes: _Optional[str] = ..., symbol: _Optional[str] = ..., name: _Optional[str] = ..., asset_class: _Optional[str] = ...) -> None: ...

class AcceptReviewResponse(_message.Message):
    __slots__ = ("review", "revision", "warnings")
    REVIEW_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    review: Review
    revision: int
    warnings: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, review: _Optional[_Union[Review, _Mapping[str, object]]] = ..., revision: _Optional[int] = ..., warnings: _Optional[_Iterable[str]] = ...) -> None: ...

class RejectReviewRequest(_message.Message):
    __slots__ = ("review_id", "notes")
    REVIEW_ID_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    review_id: str
    notes: str
    def __init__(self, review_id: _Optional[str] = ..., notes: _Optional[str] = ...) -> None: ...

class RejectReviewResponse(_message.Message):
    __slots__ = ("review", "revision")
    REVIEW_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    review: Review
    revision: int
    def __init__(self, review: _Optional[_Union[Review, _Mapping[str, object]]] = ..., revision: _Optional[int] = ...) -> None: ...

class ReopenReviewRequest(_message.Message):
    __slots__ = ("review_id",)
    REVIEW_ID_FIELD_NUMBER: _ClassVar[int]
    review_id: str
    def __init__(self, review_id: _Optional[str] = ...) -> None: ...

class ReopenReviewResponse(_message.Message):
    __slots__ = ("review", "revision")
    REVIEW_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    review: Review
    revision: int
    def __init__(self, review: _Optional[_Union[Review, _Mapping[str, object]]] = ..., revision: _Optional[int] = ...) -> None: ...

class Decision(_message.Message):
    __slots__ = ("review_id", "venue_id", "code", "decision", "asset", "symbol", "name", "asset_class", "at", "notes", "group")
    REVIEW_ID_FIELD_NUMBER: _ClassVar[int]
    VENUE_ID_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    DECISION_FIELD_NUMBER: _ClassVar[int]
    ASSET_FIELD_NUMBER: _ClassVar[int]
    SYMBOL_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ASSET_CLASS_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    review_id: str
    venue_id: str
    code: str
    decision: ReviewDecision
    asset: str
    symbol: str
    name: str
    asset_class: str
    at: _timestamp_pb2.Timestamp
    notes: str
    group: int
    def __init__(self, review_id: _Optional[str] = ..., venue_id: _Optional[str] = ..., code: _Optional[str] = ..., decision: _Optional[_Union[ReviewDecision, str]] = ..., asset: _Optional[str] = ..., symbol: _Optional[str] = ..., name: _Optional[str] = ..., asset_class: _Optional[str] = ..., at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., notes: _Optional[str] = ..., group: _Optional[int] = ...) -> None: ...

class DecideReviewsRequest(_message.Message):
    __slots__ = ("decisions", "dry_run")
    DECISIONS_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    decisions: _containers.RepeatedCompositeFieldContainer[Decision]
    dry_run: bool
    def __init__(self, decisions: _Optional[_Iterable[_Union[Decision, _Mapping[str, object]]]] = ..., dry_run: _Optional[bool] = ...) -> None: ...

class DecisionResult(_message.Message):
    __slots__ = ("outcome", "review_id", "asset_id", "code", "field", "reason", "warnings")
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    REVIEW_ID_FIELD_NUMBER: _ClassVar[int]
    ASSET_ID_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    outcome: DecisionOutcome
    review_id: str
    asset_id: str
    code: str
    field: str
    reason: str
    warnings: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, outcome: _Optional[_Union[DecisionOutcome, str]] = ..., review_id: _Optional[str] = ..., asset_id: _Optional[str] = ..., code: _Optional[str] = ..., field: _Optional[str] = ..., reason: _Optional[str] = ..., warnings: _Optional[_Iterable[str]] = ...) -> None: ...

class DecideReviewsResponse(_message.Message):
    __slots__ = ("results", "revision")
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[DecisionResult]
    revision: int
    def __init__(self, results: _Optional[_Iterable[_Union[DecisionResult, _Mapping[str, object]]]] = ..., revision: _Optional[int] = ...) -> None: ...

class QuestionCode(_message.Message):
    __slots__ = ("review_id", "venue_id", "code", "asset_id", "level", "ticker", "names", "asset_class", "addresses", "markets", "included", "blocked_reason", "reason")
    REVIEW_ID_FIELD_NUMBER: _ClassVar[int]
    VENUE_ID_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    ASSET_ID_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    TICKER_FIELD_NUMBER: _ClassVar[int]
    NAMES_FIELD_NUMBER: _ClassVar[int]
    ASSET_CLASS_FIELD_NUMBER: _ClassVar[int]
    ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    MARKETS_FIELD_NUMBER: _ClassVar[int]
    INCLUDED_FIELD_NUMBER: _ClassVar[int]
    BLOCKED_REASON_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    review_id: str
    venue_id: str
    code: str
    asset_id: str
    level: _enums_pb2.IdentityLevel
    ticker: str
    names: _containers.RepeatedScalarFieldContainer[str]
    asset_class: str
    addresses: _containers.RepeatedScalarFieldContainer[str]
    markets: int
    included: bool
    blocked_reason: str
    reason: str
    def __init__(self, review_id: _Optional[str] = ..., venue_id: _Optional[str] = ..., code: _Optional[str] = ..., asset_id: _Optional[str] = ..., level: _Optional[_Union[_enums_pb2.IdentityLevel, str]] = ..., ticker: _Optional[str] = ..., names: _Optional[_Iterable[str]] = ..., asset_class: _Optional[str] = ..., addresses: _Optional[_Iterable[str]] = ..., markets: _Optional[int] = ..., included: _Optional[bool] = ..., blocked_reason: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class QuestionCandidate(_message.Message):
    __slots__ = ("asset_id", "symbol", "name", "category", "coingecko_id", "addresses", "codes", "evidence")
    ASSET_ID_FIELD_NUMBER: _ClassVar[int]
    SYMBOL_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    COINGECKO_ID_FIELD_NUMBER: _ClassVar[int]
    ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    CODES_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    asset_id: str
    symbol: str
    name: str
    category: str
    coingecko_id: str
    addresses: _containers.RepeatedScalarFieldContainer[str]
    codes: _containers.RepeatedScalarFieldContainer[str]
    evidence: _containers.RepeatedCompositeFieldContainer[_identity_pb2.Evidence]
    def __init__(self, asset_id: _Optional[str] = ..., symbol: _Optional[str] = ..., name: _Optional[str] = ..., category: _Optional[str] = ..., coingecko_id: _Optional[str] = ..., addresses: _Optional[_Iterable[str]] = ..., codes: _Optional[_Iterable[str]] = ..., evidence: _Optional[_Iterable[_Union[_identity_pb2.Evidence, _Mapping[str, object]]]] = ...) -> None: ...

class Question(_message.Message):
    __slots__ = ("question_id", "kind", "ticker", "markets", "codes", "candidates", "suggested_asset_id")
    QUESTION_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    TICKER_FIELD_NUMBER: _ClassVar[int]
    MARKETS_FIELD_NUMBER: _ClassVar[int]
    CODES_FIELD_NUMBER: _ClassVar[int]
    CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    SUGGESTED_ASSET_ID_FIELD_NUMBER: _ClassVar[int]
    question_id: str
    kind: ReviewKind
    ticker: str
    markets: int
    codes: _containers.RepeatedCompositeFieldContainer[QuestionCode]
    candidates: _containers.RepeatedCompositeFieldContainer[QuestionCandidate]
    suggested_asset_id: str
    def __init__(self, question_id: _Optional[str] = ..., kind: _Optional[_Union[ReviewKind, str]] = ..., ticker: _Optional[str] = ..., markets: _Optional[int] = ..., codes: _Optional[_Iterable[_Union[QuestionCode, _Mapping[str, object]]]] = ..., candidates: _Optional[_Iterable[_Union[QuestionCandidate, _Mapping[str, object]]]] = ..., suggested_asset_id: _Optional[str] = ...) -> None: ...

class ListQuestionsRequest(_message.Message):
    __slots__ = ("venue_id", "kind", "code", "level", "page_size", "page_token", "include_unknown")
    VENUE_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_UNKNOWN_FIELD_NUMBER: _ClassVar[int]
    venue_id: str
    kind: ReviewKind
    code: str
    level: _enums_pb2.IdentityLevel
    page_size: int
    page_token: str
    include_unknown: bool
    def __init__(self, venue_id: _Optional[str] = ..., kind: _Optional[_Union[ReviewKind, str]] = ..., code: _Optional[str] = ..., level: _Optional[_Union[_enums_pb2.IdentityLevel, str]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., include_unknown: _Optional[bool] = ...) -> None: ...

class ListQuestionsResponse(_message.Message):
    __slots__ = ("questions", "next_page_token", "total_questions", "total_reviews", "total_unknown")
    QUESTIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TOTAL_QUESTIONS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_REVIEWS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_UNKNOWN_FIELD_NUMBER: _ClassVar[int]
    questions: _containers.RepeatedCompositeFieldContainer[Question]
    next_page_token: str
    total_questions: int
    total_reviews: int
    total_unknown: int
    def __init__(self, questions: _Optional[_Iterable[_Union[Question, _Mapping[str, object]]]] = ..., next_page_token: _Optional[str] = ..., total_questions: _Optional[int] = ..., total_reviews: _Optional[int] = ..., total_unknown: _Optional[int] = ...) -> None: ...

class SetIdentityRequest(_message.Message):
    __slots__ = ("venue_id", "code", "asset", "since", "notes")
    VENUE_ID_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    ASSET_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    venue_id: str
    code: str
    asset: str
    since: _timestamp_pb2.Timestamp
    notes: str
    def __init__(self, venue_id: _Optional[str] = ..., code: _Optional[str] = ..., asset: _Optional[str] = ..., since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., notes: _Optional[str] = ...) -> None: ...

class SetIdentityResponse(_message.Message):
    __slots__ = ("asset_id", "previous_asset_id", "moved", "unclear", "warnings", "revision")
    ASSET_ID_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_ASSET_ID_FIELD_NUMBER: _ClassVar[int]
    MOVED_FIELD_NUMBER: _ClassVar[int]
    UNCLEAR_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    asset_id: str
    previous_asset_id: str
    moved: int
    unclear: _containers.RepeatedScalarFieldContainer[str]
    warnings: _containers.RepeatedScalarFieldContainer[str]
    revision: int
    def __init__(self, asset_id: _Optional[str] = ..., previous_asset_id: _Optional[str] = ..., moved: _Optional[int] = ..., unclear: _Optional[_Iterable[str]] = ..., warnings: _Optional[_Iterable[str]] = ..., revision: _Optional[int] = ...) -> None: ...

class CodeMove(_message.Message):
    __slots__ = ("venue_id", "code", "from_asset_id", "to_asset_id", "symbol", "name", "identity_evidence", "claim", "review")
    VENUE_ID_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    FROM_ASSET_ID_FIELD_NUMBER: _ClassVar[int]
    TO_ASSET_ID_FIELD_NUMBER: _ClassVar[int]
    SYMBOL_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    IDENTITY_EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    CLAIM_FIELD_NUMBER: _ClassVar[int]
    REVIEW_FIELD_NUMBER: _ClassVar[int]
    venue_id: str
    code: str
    from_asset_id: str
    to_asset_id: str
    symbol: str
    name: str
    identity_evidence: str
    claim: _identity_pb2.IdentityClaim
    review: Review
    def __init__(self, venue_id: _Optional[str] = ..., code: _Optional[str] = ..., from_asset_id: _Optional[str] = ..., to_asset_id: _Optional[str] = ..., symbol: _Optional[str] = ..., name: _Optional[str] = ..., identity_evidence: _Optional[str] = ..., claim: _Optional[_Union[_identity_pb2.IdentityClaim, _Mapping[str, object]]] = ..., review: _Optional[_Union[Review, _Mapping[str, object]]] = ...) -> None: ...

class MoveCodesRequest(_message.Message):
    __slots__ = ("moves", "source")
    MOVES_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    moves: _containers.RepeatedCompositeFieldContainer[CodeMove]
    source: str
    def __init__(self, moves: _Optional[_Iterable[_Union[CodeMove, _Mapping[str, object]]]] = ..., source: _Optional[str] = ...) -> None: ...

class MoveResult(_message.Message):
    __slots__ = ("outcome", "asset_id", "moved", "unclear", "code", "field", "reason", "warnings")
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    ASSET_ID_FIELD_NUMBER: _ClassVar[int]
    MOVED_FIELD_NUMBER: _ClassVar[int]
    UNCLEAR_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    outcome: MoveOutcome
    asset_id: str
    moved: int
    unclear: _containers.RepeatedScalarFieldContainer[str]
    code: str
    field: str
    reason: str
    warnings: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, outcome: _Optional[_Union[MoveOutcome, str]] = ..., asset_id: _Optional[str] = ..., moved: _Optional[int] = ..., unclear: _Optional[_Iterable[str]] = ..., code: _Optional[str] = ..., field: _Optional[str] = ..., reason: _Optional[str] = ..., warnings: _Optional[_Iterable[str]] = ...) -> None: ...

class MoveCodesResponse(_message.Message):
    __slots__ = ("results", "revision")
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[MoveResult]
    revision: int
    def __init__(self, results: _Optional[_Iterable[_Union[MoveResult, _Mapping[str, object]]]] = ..., revision: _Optional[int] = ...) -> None: ...
