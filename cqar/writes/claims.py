"""Identity claims: what importers found about the codes of venues, with the evidence."""

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import orjson
from google.protobuf.message import Message

from cqar import errors, text
from cqar.contract.cqar.v1 import identity_pb2 as pb
from cqar.model.binding import TEXT, Binding, instant
from cqar.model.entities import ASSET, IDENTITY_CLAIM, VENUE
from cqar.model.entity import Row
from cqar.storage.postgres import Session, Sql
from cqar.writes import bulk, operations, paging
from cqar.writes.paging import Filter
from cqar.writes.transaction import Transaction

#: Maximum number of claims of one RecordClaims, of items of one claim, and of its bytes.
MAX_CLAIMS = 1_000
MAX_EVIDENCE = 64
MAX_CLAIM = 65_536
#: Characters of the value of an item.
VALUE = 1_000

_BINDING = Binding(pb.IdentityClaim, IDENTITY_CLAIM, known={"evidence", "updated_at", "revision"})
_KNOWN_ASSETS = Sql("known_assets", "SELECT asset_id FROM assets WHERE asset_id = ANY($1::text[])")
_FILTERS = (
    Filter("venue_id", "t.venue_id = {}"),
    Filter("code", "t.code = {}"),
    Filter("asset_id", "t.asset_id = {}"),
    Filter("level", "t.level = {}"),
)

#: An item of evidence as it is stored: the set fields of its message.
Stored = dict[str, Any]
T = TypeVar("T")


class _Given(NamedTuple):
    """A claim of a request, checked."""

    #: its place in the request
    at: int
    row: dict[str, Any]
    evidence: list[Stored]
    #: the revision that the stored claim must have; 0: any
    expected: int

    @property
    def key(self) -> tuple[str, str]:
        return self.row["venue_id"], self.row["code"]

    @property
    def named(self) -> Iterable[tuple[str, str]]:
        """The assets that it names, by field; its own asset apart."""
        for at, each in enumerate(self.row["candidate_asset_ids"] or ()):
            yield f"candidate_asset_ids[{at}]", each
        for at, item in enumerate(self.evidence):
            if "asset_id" in item:
                yield f"evidence[{at}].asset_id", item["asset_id"]


# ---- recording -----------------------------------------------------------------------------------------------------


async def record_claims(tx: Transaction, request: Any) -> Message:
    """RecordClaims: a claim replaces the stored one, except for decisions of people.

    Raises Invalid, NotFound, Aborted, Exhausted; the first three name the claim by its index.
    """
    if len(request.claims) > MAX_CLAIMS:
        msg = f"{len(request.claims)} claims exceed the limit of {MAX_CLAIMS} per call; split the request"
        raise errors.Exhausted(msg)
    source = TEXT["source"](request.source, "source") if request.source else tx.call.source
    given = [_located(f"claims[{at}]", _read, at, each, source) for at, each in enumerate(request.claims)]
    _refuse_repeated(given)
    await _check_named(tx, given)
    stored = await _stored(tx, given)
    new: list[Row] = []
    changed: list[tuple[Row, Row]] = []
    for each in given:
        before = stored.get(each.key)
        after = _after(each, before, tx)
        if before is None:
            new.append(after)
        elif _says_more(before, after):
            changed.append((before, {**dict(before), **after}))
    await _write(tx, new, changed)
    counts = {"created": len(new), "updated": len(changed), "unchanged": len(given) - len(new) - len(changed)}
    return pb.RecordClaimsResponse(**counts)


def _located(place: str, step: Callable[..., T], *arguments: Any) -> T:
    """The result of the step; its errors name the fields of the message at that place."""
    try:
        return step(*arguments)
    except errors.Invalid as error:
        raise error.renamed(functools.partial("{}.{}".format, place)) from None


def _read(at: int, claim: pb.IdentityClaim, source: str) -> _Given:
    """The claim, checked. Raises Invalid."""
    size = claim.ByteSize()
    if size > MAX_CLAIM:
        raise errors.Invalid("evidence", "TOO_LONG", f"the claim has {size:,} bytes; at most {MAX_CLAIM:,} are allowed")
    if len(claim.evidence) > MAX_EVIDENCE:
        raise errors.Invalid("evidence", "TOO_MANY", f"has {len(claim.evidence)} items; the limit is {MAX_EVIDENCE}")
    row = {**dict.fromkeys(IDENTITY_CLAIM.written), "source": source, **_BINDING.values(claim)}
    operations.required(IDENTITY_CLAIM, _BINDING, row)
    evidence = [_located(f"evidence[{place}]", _item, each) for place, each in enumerate(claim.evidence)]
    return _Given(at, row, evidence, claim.revision)


def _item(given: pb.Evidence) -> Stored:
    """An item as it is stored. Raises Invalid."""
    errors.require(given, ("kind",))
    if given.kind not in pb.EvidenceKind.values():
        raise errors.Invalid("kind", "UNKNOWN_VALUE", f"{given.kind} is not a known value")
    item: Stored = {"kind": int(given.kind)}
    if given.asset_id:
        item["asset_id"] = TEXT["asset_id"](given.asset_id, "asset_id")
    if given.against:
        item["against"] = True
    if given.value:
        item["value"] = text.clean(given.value, "value", VALUE, trim=True)
    if given.source:
        item["source"] = TEXT["source"](given.source, "source")
    if given.HasField("seen_at"):
        item["seen_at"] = instant(given.seen_at, "seen_at").isoformat()
    return item


def _refuse_repeated(given: Sequence[_Given]) -> None:
    """Raise Invalid for a second claim of one venue and code."""
    first: dict[tuple[str, str], int] = {}
    for each in given:
        at = first.setdefault(each.key, each.at)
        if at != each.at:
            field = f"claims[{each.at}].code"
            raise errors.Invalid(field, "REPEATED", f"is also the code of claims[{at}]")


async def _check_named(tx: Transaction, given: Sequence[_Given]) -> None:
    """Lock the venues and assets of claims. Raises NotFound for one that does not exist.

    Candidates, and assets of evidence, may be deleted.
    """
    for entity, column in ((VENUE, "venue_id"), (ASSET, "asset_id")):
        wanted = {each.row[column] for each in given} - {None}
        found = await operations.lock_live(tx, entity, wanted)
        for each in given:
            named = each.row[column]
            if named is not None and named not in found:
                raise errors.NotFound(entity.name, named, f"claims[{each.at}].{column}")
    wanted = {asset_id for each in given for _, asset_id in each.named}
    known = {row["asset_id"] for row in await tx.session.rows(_KNOWN_ASSETS, sorted(wanted))} if wanted else set()
    for each in given:
        for field, asset_id in each.named:
            if asset_id not in known:
                raise errors.NotFound(ASSET.name, asset_id, f"claims[{each.at}].{field}")


async def _stored(tx: Transaction, given: Sequence[_Given]) -> dict[tuple[str, str], Row]:
    """The stored claims of the same keys, locked."""
    rows = [each.row for each in given]
    found = await bulk.find(tx.session, IDENTITY_CLAIM, IDENTITY_CLAIM.key, (), rows) if rows else []
    return {(row["venue_id"], row["code"]): row for row in found}


def _after(each: _Given, before: Row | None, tx: Transaction) -> dict[str, Any]:
    """The row of a claim, with the decisions and times that are stored. Raises Moved."""
    revision = 0 if before is None else before["revision"]
    if each.expected and each.expected != revision:
        named = "/".join(each.key)
        msg = f"claims[{each.at}]: claim {named!r} is at revision {revision}, expected {each.expected}; read it again and retry"
        raise errors.Moved(msg)
    stored = orjson.loads(before["evidence"]) if before is not None and before["evidence"] else []
    kept = [item for item in stored if item["kind"] == pb.EVIDENCE_KIND_DECISION]
    evidence = _merged([*kept, *each.evidence], stored, tx.now.isoformat())
    return {**each.row, "evidence": orjson.dumps(evidence).decode() if evidence else None}


def _merged(items: Iterable[Stored], stored: Iterable[Stored], now: str) -> list[Stored]:
    """The items without repetitions, each with the time at which it was first recorded, strongest kind first."""
    seen = {_content(item): item["seen_at"] for item in stored}
    found: dict[tuple[Any, ...], Stored] = {}
    for item in items:
        content = _content(item)
        found.setdefault(content, {**item, "seen_at": seen.get(content) or item.get("seen_at") or now})
    return [found[content] for content in sorted(found)]


def _content(item: Mapping[str, Any]) -> tuple[Any, ...]:
    """An item without its time, as items are ordered."""
    texts = (item.get(name, "") for name in ("asset_id", "value", "source"))
    return item["kind"], item.get("against", False), *texts


def _says_more(before: Row, after: Row) -> bool:
    """Whether a claim differs from the stored one in more than its origin."""
    return bool(IDENTITY_CLAIM.changes(before, {**dict(before), **after, "source": before["source"]}))


async def _write(tx: Transaction, new: Sequence[Row], changed: Sequence[tuple[Row, Row]]) -> None:
    inserted = await bulk.insert_many(tx.session, IDENTITY_CLAIM, new)
    for row in new:
        tx.changed(IDENTITY_CLAIM, None, inserted[IDENTITY_CLAIM.row_id(row)])
    updated = await bulk.update_many(tx.session, IDENTITY_CLAIM, [after for _, after in changed])
    for before, _ in changed:
        tx.changed(IDENTITY_CLAIM, before, updated[IDENTITY_CLAIM.row_id(before)])


# ---- reading -------------------------------------------------------------------------------------------------------


async def list_evidence(session: Session, request: Any) -> Message:
    """ListEvidence: a page of claims by venue and code. Raises Invalid."""
    request.page_size = request.page_size  # a page, also for a request that sets no paging field
    return await paging.page(session, IDENTITY_CLAIM, _FILTERS, request, pb.ListEvidenceResponse)
