"""RPCs that the generic operations do not cover, each a row of `cqar.services.asset_registry` or `cqar.services.registry`."""

from typing import Any

from google.protobuf.message import Message

from cqar import errors
from cqar.contract.cqar.v1 import registry_pb2
from cqar.contract.cqc.services.v1 import asset_registry_pb2 as pb
from cqar.model import addresses, binding, rules, venue_spelling
from cqar.model.entities import ASSET, ASSET_GROUP, ASSET_GROUP_MEMBER, QUALITY_FLAG, RELATIONSHIP, VENUE_ASSET
from cqar.model.entity import Row, new_id
from cqar.storage.postgres import Session, Sql
from cqar.writes import operations, paging, prepare
from cqar.writes.operations import Create
from cqar.writes.paging import Filter
from cqar.writes.transaction import Transaction, over

#: Maximum number of assets with the same ticker in a response.
_MAX_SIMILAR = 100
_SIMILAR = Sql(
    "similar_assets",
    "SELECT t.asset_id FROM assets t WHERE t.symbol = $1 AND t.asset_id <> $2 AND t.deleted_at IS NULL"
    f" ORDER BY t.asset_id LIMIT {_MAX_SIMILAR}",
)
_MEMBER = Sql(
    "lock_group_member",
    f"SELECT {ASSET_GROUP_MEMBER.select} FROM asset_group_members t WHERE t.group_id = $1 AND t.asset_id = $2 FOR UPDATE OF t",
)
MEMBERS = Sql(
    "group_members",
    f"SELECT {ASSET_GROUP_MEMBER.select} FROM asset_group_members t WHERE t.group_id = $1 ORDER BY t.added_at, t.member_id",
)
_GROUP_BY_NAME = Sql("group_by_name", f"SELECT {ASSET_GROUP.select} FROM asset_groups t WHERE t.name = $1")
TOUCH_GROUP = Sql(
    "touch_group", f"UPDATE asset_groups t SET updated_at = now() WHERE t.group_id = $1 RETURNING {ASSET_GROUP.select}"
)
_RESOLVE = Sql(
    "resolve_flag",
    "UPDATE quality_flags t SET resolved_at = now(), resolved_by = $2, resolution_notes = $3 WHERE t.flag_id = $1"
    f" RETURNING {QUALITY_FLAG.select}",
)
_CHAIN_TYPE = Sql("chain_type", "SELECT chain_type, caip2 FROM chains WHERE chain_id = $1")
_VENUE_CHAIN = Sql(
    "chain_of_dex",
    "SELECT c.chain_type, c.caip2 FROM venues v JOIN chains c USING (chain_id)"
    f" WHERE v.venue_id = $1 AND v.venue_type = {venue_spelling.DEX}",
)

# ---- assets --------------------------------------------------------------------------------------------------------

_CREATE_ASSET = Create(ASSET, pb.CreateAssetRequest, pb.CreateAssetResponse)


async def create_asset(tx: Transaction, request: pb.CreateAssetRequest) -> pb.CreateAssetResponse:
    """CreateAsset: duplicate tickers are allowed; the response names the assets that share the ticker."""
    response = await _CREATE_ASSET(tx, request)
    similar = await tx.session.rows(_SIMILAR, response.asset.symbol, response.asset.asset_id)
    response.similar_asset_ids.extend(row["asset_id"] for row in similar)
    return response


# ---- groups --------------------------------------------------------------------------------------------------------

_CREATE_GROUP = Create(ASSET_GROUP, pb.CreateAssetGroupRequest, pb.CreateAssetGroupResponse, known=("members",))
_ADD_MEMBER = Create(ASSET_GROUP_MEMBER, pb.AddAssetToGroupRequest, pb.AddAssetToGroupResponse)
_NEW_MEMBER = binding.Binding(ASSET_GROUP_MEMBER.message, ASSET_GROUP_MEMBER, ("member_id", "group_id", "added_at", "revision"))


async def create_group(tx: Transaction, request: pb.CreateAssetGroupRequest) -> pb.CreateAssetGroupResponse:
    """CreateAssetGroup: the group and all its members, or nothing."""
    response = await _CREATE_GROUP(tx, request)
    group = response.group.group_id
    for at, each in enumerate(request.members):
        row = await _member(tx, group, each, f"members[{at}]")
        stored = await operations.insert(tx, ASSET_GROUP_MEMBER, row)
        tx.show(ASSET_GROUP_MEMBER, stored, response.group.members.add())
    return response


async def _member(tx: Transaction, group_id: str, given: Message, where: str) -> dict[str, Any]:
    """A member of a new group, prepared. Errors name its fields with the prefix `where`."""
    try:
        row = {**dict.fromkeys(ASSET_GROUP_MEMBER.columns), **_NEW_MEMBER.values(given)}
        row.update(member_id=new_id(), group_id=group_id)
        operations.required(ASSET_GROUP_MEMBER, _NEW_MEMBER, row)
        await operations.check_parents(tx, ASSET_GROUP_MEMBER, row, None)
    except (errors.Invalid, errors.NotFound) as error:
        raise error.renamed(lambda field: f"{where}.{field}") from None
    return row


async def get_group(session: Session, request: pb.GetAssetGroupRequest) -> pb.GetAssetGroupResponse:
    """GetAssetGroup: by id or by name, with its members in the order they were added."""
    if request.group_id and request.name:
        raise errors.Invalid("name", "ALSO_SET", "cannot be combined with group_id; send one of them")
    if request.name:
        name = binding.TEXT["name"](request.name, "name")
        row = await session.row(_GROUP_BY_NAME, name)
    else:
        [name] = operations.key_of(ASSET_GROUP, request)
        row = await session.row(operations.get_sql(ASSET_GROUP), name)
    if row is None:
        raise errors.NotFound(ASSET_GROUP.name, name)
    group: Any = ASSET_GROUP.answer(row)
    await fill_group(session, group)
    return pb.GetAssetGroupResponse(group=group)


async def fill_group(session: Session, group: Any) -> None:
    """Add the members to an AssetGroup, in the order they were added. Raises TooLarge if they do not fit a response."""
    rows = await session.rows(MEMBERS, group.group_id)
    if paging.fill(group.members, map(ASSET_GROUP_MEMBER.answer, rows)) < len(rows):
        msg = f"the members of this group exceed {paging.MAX_ANSWER / 1e6} MB; split the group"
        raise errors.TooLarge(msg)


_UPDATE_GROUP = operations.Update(ASSET_GROUP, registry_pb2.UpdateAssetGroupRequest, registry_pb2.UpdateAssetGroupResponse)


async def update_group(tx: Transaction, request: registry_pb2.UpdateAssetGroupRequest) -> registry_pb2.UpdateAssetGroupResponse:
    """UpdateAssetGroup: the response has the members."""
    response = await _UPDATE_GROUP(tx, request)
    await fill_group(tx.session, response.group)
    return response


async def touch_group(tx: Transaction, group_id: str) -> Row:
    """Lock the group of a changed membership and record its change."""
    before = await tx.session.row(operations.lock_sql(ASSET_GROUP), group_id)
    if before is None:
        raise errors.NotFound(ASSET_GROUP.name, group_id, "group_id")
    after = await tx.session.row(TOUCH_GROUP, group_id)
    tx.changed(ASSET_GROUP, before, after)
    return before


async def add_member(tx: Transaction, request: pb.AddAssetToGroupRequest) -> pb.AddAssetToGroupResponse:
    """AddAssetToGroup: a second time is ALREADY_EXISTS."""
    row = _ADD_MEMBER.row(request)
    await touch_group(tx, row["group_id"])
    return await _ADD_MEMBER(tx, request)


async def remove_member(tx: Transaction, request: pb.RemoveAssetFromGroupRequest) -> pb.RemoveAssetFromGroupResponse:
    """RemoveAssetFromGroup: NOT_FOUND if the asset is not a member."""
    errors.require(request, ("group_id", "asset_id"))
    ids = [binding.TEXT[name](getattr(request, name), name) for name in ("group_id", "asset_id")]
    await touch_group(tx, ids[0])
    before = await tx.session.row(_MEMBER, *ids)
    if before is None:
        raise errors.NotFound(ASSET_GROUP_MEMBER.name, "/".join(ids))
    operations.expect(before, request, ASSET_GROUP_MEMBER)
    await operations.remove(tx, ASSET_GROUP_MEMBER, before)
    return pb.RemoveAssetFromGroupResponse(success=True)


# ---- quality flags -------------------------------------------------------------------------------------------------


class _Raise(Create[pb.RaiseQualityFlagRequest, pb.RaiseQualityFlagResponse]):
    """RaiseQualityFlag: raised_by is the event's actor, and the default source."""

    async def __call__(self, tx: Transaction, request: pb.RaiseQualityFlagRequest) -> pb.RaiseQualityFlagResponse:
        row = self.row(request)
        raised_by = binding.TEXT["resolved_by"](request.raised_by, "raised_by") if request.raised_by else None
        row["source"] = row["source"] or raised_by
        await prepare.quality_flag(tx, row, None)
        event = {} if raised_by is None else {"actor_id": raised_by}
        stored = await operations.insert(tx, QUALITY_FLAG, row, **event)
        response = pb.RaiseQualityFlagResponse()
        tx.show(QUALITY_FLAG, stored, response.flag)
        return response


raise_flag = _Raise(QUALITY_FLAG, pb.RaiseQualityFlagRequest, pb.RaiseQualityFlagResponse, known=("raised_by",))


async def resolve_flag(tx: Transaction, request: pb.ResolveQualityFlagRequest) -> pb.ResolveQualityFlagResponse:
    """ResolveQualityFlag: a second time is FAILED_PRECONDITION."""
    before = await operations.lock(tx, QUALITY_FLAG, request)
    flag_id = before["flag_id"]
    if before["resolved_at"] is not None:
        at = before["resolved_at"].isoformat()
        raise errors.Precondition("RESOLVED", f"quality_flag:{flag_id}", f"flag {flag_id!r} was already resolved at {at}")
    notes, by = (
        binding.TEXT[name](getattr(request, name), name) if getattr(request, name) else None
        for name in ("resolution_notes", "resolved_by")
    )
    after = await tx.session.row(_RESOLVE, flag_id, by or tx.call.principal.name, notes)
    if after is None:
        raise errors.NotFound(QUALITY_FLAG.name, flag_id)
    tx.changed(QUALITY_FLAG, before, after)
    response = pb.ResolveQualityFlagResponse()
    tx.show(QUALITY_FLAG, after, response.flag)
    return response


# ---- venue assets --------------------------------------------------------------------------------------------------


class _ListAsset(Create[pb.CreateVenueAssetRequest, pb.CreateVenueAssetResponse]):
    """CreateVenueAsset: reopens a delisted one with the values of the request."""

    async def __call__(self, tx: Transaction, request: pb.CreateVenueAssetRequest) -> pb.CreateVenueAssetResponse:
        row = self.row(request)
        before = await tx.session.row(operations.lock_sql(VENUE_ASSET), row["venue_id"], row["asset_id"])
        await prepare.venue_asset(tx, row, None)
        if before is not None and over(before, tx.now):
            stored = await operations.replace(tx, VENUE_ASSET, before, row)
        else:
            stored = await operations.insert(tx, VENUE_ASSET, row)
        response = pb.CreateVenueAssetResponse()
        tx.show(VENUE_ASSET, stored, response.venue_asset)
        return response


list_asset = _ListAsset(VENUE_ASSET, pb.CreateVenueAssetRequest, pb.CreateVenueAssetResponse)

# ---- lists ---------------------------------------------------------------------------------------------------------


async def addresses_of(session: Session, request: pb.ListAssetDeploymentsRequest) -> dict[str, object]:
    """ListAssetDeployments: the address in its chain's form; without a chain, in the forms of all chain types."""
    if not request.address:
        return {}
    if not request.chain_id:
        return {"address": sorted(_forms(request.address, "address"))}
    on = await session.row(_CHAIN_TYPE, binding.TEXT["chain_id"](request.chain_id, "chain_id"))
    if on is None:
        raise errors.NotFound("chain", request.chain_id, "chain_id")
    return {"address": [addresses.normalize(on["chain_type"], request.address, "address", caip2=on["caip2"]).text]}


async def spellings_of(session: Session, request: pb.ListVenueSymbolsRequest) -> dict[str, object]:
    """ListVenueSymbols: the symbol as the venue stores it; without a venue, in all forms."""
    if not request.venue_symbol:
        return {}
    spelled = binding.TEXT["venue_symbol"](request.venue_symbol, "venue_symbol")
    if not request.venue_id:
        return {"venue_symbol": sorted({spelled, *_forms(spelled, "venue_symbol")})}
    on = await session.row(_VENUE_CHAIN, binding.TEXT["venue_id"](request.venue_id, "venue_id"))
    if on is not None:
        spelled = venue_spelling.stored(spelled, on["chain_type"], on["caip2"])
    return {"venue_symbol": [spelled]}


def _forms(address: str, field: str) -> set[str]:
    forms, refusal = set(), None
    for chain_type in addresses.CHAIN_TYPES:
        try:
            forms.add(addresses.normalize(chain_type, address, field).text)
        except errors.Invalid as error:
            refusal = error
    if not forms and refusal is not None:
        raise refusal
    return forms


def _reached(name: str, start: str, end: str) -> Sql:
    return Sql(
        f"reached_{name}",
        f'WITH RECURSIVE reached(id) AS (SELECT $1::text COLLATE "C" UNION SELECT r.{end} FROM relationships r'
        f" JOIN reached ON r.{start} = reached.id WHERE r.relationship_type = ANY($2::int[])) SELECT id FROM reached",
    )


_MADE_OF = _reached("made_of", "from_asset_id", "to_asset_id")
_VARIANTS = _reached("variants", "to_asset_id", "from_asset_id")
_DIRECTIONS = {
    "from": Filter("ends", "t.from_asset_id = ANY({}::text[])"),
    "to": Filter("ends", "t.to_asset_id = ANY({}::text[])"),
    "": Filter("ends", "(t.from_asset_id = ANY({}::text[]) OR t.to_asset_id = ANY({}::text[]))"),
}
_KIND = Filter("relationship_type", "t.relationship_type = {}")


async def list_relationships(session: Session, request: pb.ListAssetRelationshipsRequest) -> pb.ListAssetRelationshipsResponse:
    """ListAssetRelationships: of one asset, or of all.

    `transitive` follows acyclic relationships: down (from), up (to), or both ways from the asset.
    """
    asset = paging.checked(request, "asset_id")
    kind = _KIND.value(request)
    if request.direction not in _DIRECTIONS:
        raise errors.Invalid("direction", "UNKNOWN_VALUE", "must be from or to; leave it unset for both")
    if asset is None:
        if request.transitive or request.direction:
            raise errors.Invalid.missing("asset_id", "transitive and direction start from an asset")
        return await paging.page(session, RELATIONSHIP, (_KIND,), request, pb.ListAssetRelationshipsResponse)
    ends: list[list[str]] = []
    for direction, closure in (("from", _MADE_OF), ("to", _VARIANTS)):
        if request.direction in ("", direction):
            ids = [asset]
            if request.transitive:
                kinds = sorted(rules.ACYCLIC) if kind is None else [kind]
                ids = [row["id"] for row in await session.rows(closure, asset, kinds)]
            ends.append(sorted(ids))
    filters = (_DIRECTIONS[request.direction], _KIND)
    return await paging.page(session, RELATIONSHIP, filters, request, pb.ListAssetRelationshipsResponse, {"ends": tuple(ends)})
