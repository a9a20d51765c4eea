"""Decisions of people in the claims of codes: the item of evidence that decides, and the level that follows from it."""

from typing import Any, Final

import orjson

from cqar.contract.cqar.v1 import identity_pb2 as pb
from cqar.contract.shared import enums_pb2
from cqar.model.entities import IDENTITY_CLAIM
from cqar.model.entity import Row
from cqar.writes import operations
from cqar.writes.transaction import Transaction

VERIFIED: Final = enums_pb2.IDENTITY_LEVEL_VERIFIED
CONTESTED: Final = enums_pb2.IDENTITY_LEVEL_CONTESTED


async def find(tx: Transaction, venue_id: str, code: str) -> Row | None:
    """The claim of the code, locked."""
    return await tx.session.row(operations.lock_sql(IDENTITY_CLAIM), venue_id, code)


def facts_of(claim: Row | None) -> dict[str, Any]:
    """What the venue says of the code."""
    if claim is None or claim["facts"] is None:
        return {}
    facts = claim["facts"]
    found: dict[str, Any] = orjson.loads(facts) if isinstance(facts, str) else dict(facts)
    return found


async def decide(tx: Transaction, venue_id: str, code: str, asset_id: str, notes: str) -> None:
    """Record that a person decided for the asset. An earlier decision about the code no longer counts."""
    item: dict[str, Any] = {"kind": int(pb.EVIDENCE_KIND_DECISION), "asset_id": asset_id}
    if notes:
        item["value"] = notes[:1_000].strip()
    item["source"] = tx.call.principal.name
    decided = {"asset_id": asset_id, "level": int(VERIFIED), "blocked_reason": None}
    before = await find(tx, venue_id, code)
    if before is None:
        new = {**dict.fromkeys(IDENTITY_CLAIM.columns), "venue_id": venue_id, "code": code, "source": tx.call.source}
        await operations.insert(tx, IDENTITY_CLAIM, {**new, **decided, "evidence": _dumped([_dated(tx, item, [])])})
        return
    evidence = [_dated(tx, item, _items(before)), *_without_decisions(before)]
    await operations.replace(tx, IDENTITY_CLAIM, before, {**dict(before), **decided, "evidence": _dumped(evidence)})


async def accept_reading(tx: Transaction, venue_id: str, code: str) -> None:
    """What the venue says now contradicts nothing: the next import compares with it."""
    before = await find(tx, venue_id, code)
    if before is None:
        return
    facts = facts_of(before)
    reading = facts.get("reading")
    if isinstance(reading, dict):
        facts["reading"] = {**reading, **{name: facts[name] for name in ("ticker", "first_seen") if name in facts}}
    after = {"facts": orjson.dumps(facts).decode() if facts else None, "blocked_reason": None}
    await operations.replace(tx, IDENTITY_CLAIM, before, {**dict(before), **after})


async def withdraw(tx: Transaction, venue_id: str, code: str, blocked_reason: str | None) -> None:
    """Take the decision back: the claim is contested again."""
    before = await find(tx, venue_id, code)
    if before is None:
        return
    rest = _without_decisions(before)
    after = {"level": int(CONTESTED), "blocked_reason": blocked_reason, "evidence": _dumped(rest) if rest else None}
    await operations.replace(tx, IDENTITY_CLAIM, before, {**dict(before), **after})


async def is_decided(tx: Transaction, venue_id: str, code: str, asset_id: str) -> bool:
    """Whether a person has decided for the asset."""
    decisions = _decisions(await find(tx, venue_id, code))
    return any(each.get("asset_id") == asset_id and not each.get("against") for each in decisions)


def has_decision(claim: Row | None) -> bool:
    """Whether a person has decided about the code of the claim."""
    return bool(_decisions(claim))


def _decisions(claim: Row | None) -> list[dict[str, Any]]:
    return [] if claim is None else [each for each in _items(claim) if each["kind"] == pb.EVIDENCE_KIND_DECISION]


def _items(claim: Row) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = orjson.loads(claim["evidence"]) if claim["evidence"] else []
    return found


def _without_decisions(claim: Row) -> list[dict[str, Any]]:
    return [each for each in _items(claim) if each["kind"] != pb.EVIDENCE_KIND_DECISION]


def _dated(tx: Transaction, item: dict[str, Any], stored: list[dict[str, Any]]) -> dict[str, Any]:
    """The item with the time at which the same one was first recorded, else now."""
    same = (each for each in stored if {name: value for name, value in each.items() if name != "seen_at"} == item)
    return next(same, {**item, "seen_at": tx.now.isoformat()})


def _dumped(items: list[dict[str, Any]]) -> str:
    return orjson.dumps(items).decode()
