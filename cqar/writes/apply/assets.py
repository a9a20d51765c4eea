"""Assets in an Apply: found by any of their identifiers or addresses, and written with those that they lack."""

from collections.abc import Sequence
from typing import Any

from cqar import errors
from cqar.contract.cqar.v1 import registry_pb2 as pb
from cqar.contract.cqc.assets.v1 import assets_pb2
from cqar.model.entities import ASSET, ASSET_IDENTIFIER, CHAIN, DEPLOYMENT, QUALITY_FLAG
from cqar.model.entity import Entity, Row, new_id
from cqar.storage.postgres import Sql
from cqar.writes import bulk, operations
from cqar.writes.apply.kinds import BY_ENTITY
from cqar.writes.apply.rows import Item
from cqar.writes.transaction import Transaction

#: Serializes calls of Apply that may create assets: no constraint makes an external id unique across assets.
_KEYS_LOCK = 0x6371_6173
_LOCK = Sql("lock_asset_keys", "SELECT pg_advisory_xact_lock($1)")
#: The entities by which an asset is found, in order of precedence.
_KEYS: tuple[tuple[Entity, tuple[str, ...]], ...] = (
    (ASSET_IDENTIFIER, ("source", "external_id")),
    (DEPLOYMENT, ("chain_id", "address")),
)


async def lock(tx: Transaction, items: Sequence[Item]) -> None:
    """Lock out concurrent creation of the same assets, and lock the chains that their deployments name."""
    if any(item.row["asset_id"] is None for item in items):
        await tx.session.row(_LOCK, _KEYS_LOCK)
    chains = {key.row["chain_id"] for item in items for key in item.keys if key.kind.entity is DEPLOYMENT}
    await operations.lock_live(tx, CHAIN, chains)


async def find(tx: Transaction, items: Sequence[Item]) -> None:
    """Set the stored asset of each item: by asset_id, else by external ids, else by addresses.

    An item whose keys belong to different assets is rejected.
    """
    owners = {entity: await _owners(tx, entity, columns, items) for entity, columns in _KEYS}
    wanted: dict[str, list[Item]] = {}
    for item in items:
        try:
            asset_id = _meant(item, owners)
        except errors.CqarError as error:
            item.refuse(error)
            continue
        if asset_id is not None:
            wanted.setdefault(asset_id, []).append(item)
    if not wanted:
        return
    for row in await bulk.find(tx.session, ASSET, ("asset_id",), (), [{"asset_id": each} for each in sorted(wanted)]):
        for item in wanted[row["asset_id"]]:
            item.before = row
    if any(item.before is None and item.row["asset_id"] is None for found in wanted.values() for item in found):
        msg = "an asset was deleted or merged concurrently; retry"
        raise errors.Aborted(msg)


_Owners = dict[tuple[Any, ...], dict[str, Row]]


async def _owners(tx: Transaction, entity: Entity, columns: tuple[str, ...], items: Sequence[Item]) -> _Owners:
    """The stored rows of the items' keys of this entity, by natural key and asset id."""
    keys = [key.row for item in items for key in item.keys if key.kind.entity is entity]
    owners: _Owners = {}
    if keys:
        for row in await bulk.find(tx.session, entity, columns, (), keys):
            owners.setdefault(tuple(row[name] for name in columns), {})[row["asset_id"]] = row
    return owners


def _meant(item: Item, owners: dict[Entity, _Owners]) -> str | None:
    """The id of the stored asset that a row means, or None for a new asset. Marks which of its keys are stored."""
    asset_id: str | None = item.row["asset_id"]
    held = [(key, owners[key.kind.entity].get(key.natural(), {})) for key in item.keys]
    for entity, _ in _KEYS:
        if asset_id is None:
            found = sorted({owner for key, of in held if key.kind.entity is entity for owner in of})
            if len(found) > 1:
                msg = f"the keys of this asset belong to several assets: {', '.join(found[:5])}"
                raise errors.Ambiguous(msg, [(owner, "candidate") for owner in found])
            asset_id = found[0] if found else None
    for key, of in held:
        if of and asset_id not in of:
            field = "external_id" if key.kind.entity is ASSET_IDENTIFIER else "address"
            other = f"{'/'.join(map(str, key.natural()))} belongs to asset {min(of)!r}"
            raise errors.AlreadyExists(key.kind.entity.name, f"{key.place}.{field}", other)
        key.before = of.get(asset_id or "")
    return asset_id


async def prepare_keys(tx: Transaction, item: Item) -> None:
    """Complete and check the keys that the asset lacks, with the rules and errors of the single RPCs."""
    if item.before is not None and item.requested.mode == pb.CREATE_ONLY:
        item.keys = []
    asset_id = item.row["asset_id"] if item.before is None else item.before["asset_id"]
    item.keys = [key for key in item.keys if key.before is None]
    if item.keys:
        # It is locked, or is inserted before its keys.
        tx.locked[ASSET.name, asset_id] = item.row if item.before is None else item.before
    for key in item.keys:
        key.row["asset_id"] = asset_id
        key.row[key.kind.entity.key[0]] = new_id()
        try:
            if key.kind.prepare is None:
                await operations.check_parents(tx, key.kind.entity, key.row, None)
            else:
                await key.kind.prepare(tx, key.row, None)
        except errors.CqarError as error:
            raise key.located(error) from error


async def write_keys(tx: Transaction, items: Sequence[Item]) -> None:
    """Insert the keys that the assets lack."""
    for entity, _ in _KEYS:
        kind = BY_ENTITY[entity.name]
        keys = [key for item in items for key in item.keys if key.kind is kind]
        stored = await bulk.insert_many(tx.session, entity, [key.row for key in sorted(keys, key=_order)])
        for key in keys:
            tx.changed(entity, None, stored[entity.row_id(key.row)])
            result = key.requested.result
            if result.outcome != pb.CREATED:
                field = key.place.partition("[")[0]
                result.outcome = pb.UPDATED
                result.changed_fields.extend({field} - set(result.changed_fields))
                result.changes.add(field=field, after="/".join(map(str, key.natural())))


async def raise_unverified(tx: Transaction, items: Sequence[Item]) -> None:
    """Raise the flags UNVERIFIED that new assets come with."""
    blank = {**dict.fromkeys(QUALITY_FLAG.columns), **QUALITY_FLAG.defaults, "source": tx.call.source}
    blank |= {"flag_type": assets_pb2.FLAG_TYPE_UNVERIFIED, "severity": assets_pb2.FLAG_SEVERITY_LOW}
    flags = [
        {**blank, "flag_id": new_id(), "asset_id": item.row["asset_id"], "reason": item.requested.unverified}
        for item in items
        if item.requested.unverified
    ]
    for stored in (await bulk.insert_many(tx.session, QUALITY_FLAG, flags)).values():
        tx.changed(QUALITY_FLAG, None, stored)


def _order(key: Item) -> tuple[str, ...]:
    return tuple(map(str, key.natural()))
