"""Changes for the caches, and the contract's events for other services.

A `Change` is one changed row with its revision. It is sent as MessagePack on `cqar.changes.v1.<entity>`. A contract event is
a protobuf message on `cqc.events.v1.<event>`. Both come from the same outbox row and share its event id.
"""

from datetime import datetime
from typing import Any

import msgspec
from google.protobuf.message import Message

from cqar.contract.cqar.v1 import events_pb2 as own_events_pb2
from cqar.contract.cqc.assets.v1 import assets_pb2
from cqar.contract.cqc.events.v1 import events_pb2
from cqar.model.call import Call
from cqar.model.entity import Entity, timestamp
from cqar.varint import varint

#: Prefix of the subjects of changes; the entity's name follows.
CHANGES = "cqar.changes.v1."
#: The stream of changes.
CHANGES_STREAM = "CQAR_CHANGES"
#: Subject: a write was committed; notifies a relay in another process.
NUDGE = "cqar.nudge"
#: Subject: workers report which API keys were used, and when.
KEYS_USED = "cqar.keys.used"
#: The stream of contract events, created unless another stream covers their subjects.
EVENTS_STREAM = "CQC_EVENTS"

_SUBJECTS: dict[type[Message], str] = {
    events_pb2.AssetCreated: "cqc.events.v1.asset_created",
    events_pb2.AssetDeploymentCreated: "cqc.events.v1.asset_deployment_created",
    events_pb2.RelationshipEstablished: "cqc.events.v1.relationship_established",
    events_pb2.QualityFlagRaised: "cqc.events.v1.quality_flag_raised",
    events_pb2.SymbolCreated: "cqc.events.v1.symbol_created",
    events_pb2.VenueAssetListed: "cqc.events.v1.venue_asset_listed",
    events_pb2.VenueAssetDelisted: "cqc.events.v1.venue_asset_delisted",
    events_pb2.VenueSymbolListed: "cqc.events.v1.venue_symbol_listed",
    events_pb2.VenueSymbolDelisted: "cqc.events.v1.venue_symbol_delisted",
    own_events_pb2.ChainRegistered: "cqar.events.v1.chain_registered",
    own_events_pb2.MarketMoved: "cqar.events.v1.market_moved",
}
#: Event subject -> message.
EVENTS: dict[str, type[Message]] = {subject: message for message, subject in _SUBJECTS.items()}


class Change(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """One changed row, as caches need it."""

    #: dense, in commit order
    revision: int
    #: the epoch in which the revision was assigned
    epoch: str
    event_id: str
    entity: str
    row_id: str
    #: create, update or delete
    op: str
    #: the parts that contain the row now
    keys: list[str]
    #: the parts that contained it before and no longer do
    left_keys: list[str]
    #: the entity message, which ends with its revision; None if it is too large to carry
    value: bytes | None
    #: soft-deleted
    deleted: bool


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Change)


def encode(change: Change) -> bytes:
    """The serialized change."""
    return _encoder.encode(change)


def decode(data: bytes) -> Change:
    """The change from its serialized form. Raises `msgspec.DecodeError` if it is malformed."""
    return _decoder.decode(data)


def with_revision(value: bytes, revision: int) -> bytes:
    """Message bytes followed by the field `revision` (200): protobuf fields may be appended."""
    return value + b"\xc0\x0c" + varint(revision)


def subject_of(event: Message) -> str:
    """The subject on which the event is published."""
    return _SUBJECTS[type(event)]


def contract_event(kind: type[Message], call: Call, event_id: str, at: datetime, **fields: Any) -> Message:
    """A contract event of the given type about a change by `call`, with its own `fields`."""
    names = kind.DESCRIPTOR.fields_by_name
    common: dict[str, Any] = {"event_id": event_id, "timestamp": timestamp(at), "actor_id": call.principal.name}
    if "source" in names:
        common["source"] = call.source
    if "auto_detected" in names:
        common["auto_detected"] = call.source != "api"
    return kind(**{**common, **fields})


def flag_raised(flag: assets_pb2.AssetQualityFlag) -> dict[str, Any]:
    """The fields of `quality_flag_raised` apart from the flag: a CRITICAL flag suspends trading."""
    return {
        "flag": flag,
        "asset_id": flag.asset_id,
        "flag_type": flag.flag_type,
        "severity": flag.severity,
        "source": flag.source,
        "suspend_trading": flag.severity == assets_pb2.FLAG_SEVERITY_CRITICAL,
        "alert_message": flag.reason,
    }


def created_fields(entity: Entity, message: Message, more: dict[str, Any]) -> dict[str, Any]:
    """The fields of the event of a new row."""
    if entity.created is None:
        return {}
    names = entity.created.DESCRIPTOR.fields_by_name
    fields: dict[str, Any] = {entity.field: message}
    if isinstance(message, assets_pb2.AssetQualityFlag):
        fields = flag_raised(message)
    if isinstance(message, assets_pb2.AssetRelationship) and message.HasField("protocol"):
        fields["protocol"] = message.protocol
    if "is_new_listing" in names:
        fields["is_new_listing"] = True
    return {**fields, **more}
