"""API keys in the registry: create, list and revoke them, and record when they were last used."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from cqar import errors
from cqar.contract.cqar.v1 import access_pb2 as pb
from cqar.model import binding
from cqar.model.call import Call
from cqar.model.entities import API_KEY, VENUE
from cqar.storage.postgres import Pool, Session, Sql
from cqar.writes import operations
from cqar.writes.paging import Filter
from cqar.writes.transaction import Transaction

_BOUND = binding.Binding(pb.CreateKeyRequest, API_KEY)
_USED = Sql(
    "keys_used",
    "UPDATE api_keys t SET last_used_at = u.used_at FROM (SELECT key_id, LEAST(at, date_trunc('minute', now())) AS used_at"
    " FROM unnest($1::text[], $2::timestamptz[]) AS g(key_id, at)) u"
    " WHERE t.key_id = u.key_id AND COALESCE(t.last_used_at < u.used_at, true)",
)
_STORED = Sql(
    "stored_keys",
    f"SELECT {API_KEY.select} FROM {API_KEY.table} t WHERE t.key_id = ANY($1::text[]){API_KEY.not_deleted}",
)
_ADMINISTERED = Sql(
    "administered",
    f"SELECT EXISTS (SELECT FROM api_keys WHERE role = {pb.ADMIN} AND venue_ids IS NULL AND revoked_at IS NULL"
    " AND COALESCE(expires_at > now(), true)) AS administered",
)


async def create_key(tx: Transaction, request: pb.CreateKeyRequest) -> pb.CreateKeyResponse:
    """CreateKey. Raises Invalid, NotFound for a venue, and Precondition if the process has no pepper."""
    if tx.call.mint is None:
        description = "CQAR_PEPPER is not set, so no key can be created"
        raise errors.Precondition("NO_PEPPER", "api_key", description)
    if tx.call.idempotency_key is not None:
        raise errors.Invalid("idempotency-key", "NOT_ALLOWED", "is not accepted: a key's secret is shown once and never stored")
    row = _BOUND.values(request)
    operations.required(API_KEY, _BOUND, row)
    if row.get("expires_at") is not None and row["expires_at"] <= tx.now:
        raise errors.Invalid("expires_at", "PAST", "is in the past; leave it unset for a key that does not expire")
    venues = sorted(set(row.get("venue_ids") or ()))
    known = await operations.lock_live(tx, VENUE, venues)
    for each in venues:
        if each not in known:
            raise errors.NotFound(VENUE.name, each, "venue_ids")
    key, digest = tx.call.mint()
    own = {"key_id": key.key_id, "hash": digest, "venue_ids": venues or None, "strict": bool(row.get("strict"))}
    stored = await operations.insert(tx, API_KEY, {**row, **own})
    response = pb.CreateKeyResponse(secret=key.text)
    tx.show(API_KEY, stored, response.key)
    return response


list_keys = operations.List(
    API_KEY,
    pb.ListKeysResponse,
    (Filter("principal", "t.principal = {}"), Filter("include_revoked", "t.revoked_at IS NULL", unless=True)),
)


async def revoke_key(tx: Transaction, request: pb.RevokeKeyRequest) -> pb.RevokeKeyResponse:
    """RevokeKey: permanently, from now on. Raises NotFound, Aborted."""
    before = await operations.lock(tx, API_KEY, request)
    row = {**dict(before), "revoked_at": before["revoked_at"] or tx.now}
    response = pb.RevokeKeyResponse()
    tx.show(API_KEY, await operations.replace(tx, API_KEY, before, row), response.key)
    return response


async def run(pool: Pool, operation: Any, request: Any, call: Call) -> Any:
    """Run a write of keys directly on the database. Returns its response; raises as the operation, and Unavailable."""
    async with pool.transaction() as session:
        tx = Transaction(session, call)
        response = await operation(tx, request)
        await tx.finish()
        response.revision = tx.revision
        return response


async def stored(session: Session, key_id: str) -> pb.ApiKey | None:
    """The stored key with its hash, or None if it does not exist."""
    return (await stored_keys(session, [key_id])).get(key_id)


async def stored_keys(session: Session, key_ids: Sequence[str]) -> Mapping[str, pb.ApiKey]:
    """The stored keys with their hashes, by id; ids that do not exist are missing."""
    rows = await session.rows(_STORED, key_ids)
    return {row["key_id"]: API_KEY.stored(row) for row in rows}  # type: ignore[misc]  # the entity's message


async def administered(session: Session) -> bool:
    """Whether a valid key exists that may create keys."""
    row = await session.row(_ADMINISTERED)
    return row is not None and bool(row["administered"])


async def used(session: Session, times: Mapping[str, datetime]) -> None:
    """Record when keys were used, without a revision. An earlier time never replaces a later one."""
    await session.rows(_USED, list(times), list(times.values()))
