"""Assets by what they are called elsewhere: ids in other systems, CAIP-19 ids, and codes of venues.

| text | the asset |
|---|---|
| `coingecko:bitcoin`, `coinmarketcap:1`, `internal:iso4217:EUR` | that has this id in the other system |
| `eip155:1/erc20:0xdac1...`, `eip155:1/0xdac1...` | that has this contract |
| `eip155:1/slip44:60`, `eip155:1/native` | that is the native coin of the chain |
| `kraken:XXBT` | that the venue means by the code now |
| any other text | with this asset_id |
"""

import re
from typing import Final

from cqar import errors
from cqar.contract.cqc.assets.v1 import assets_pb2
from cqar.model import addresses
from cqar.model.binding import TEXT
from cqar.model.entities import ASSET
from cqar.model.entity import Row
from cqar.model.rules import PROVISIONAL
from cqar.storage.postgres import Sql
from cqar.text import quoted
from cqar.writes import operations
from cqar.writes.transaction import Transaction

#: Names of other systems.
_SOURCES: Final = {
    name.removeprefix("DATA_SOURCE_").lower(): number for name, number in assets_pb2.DataSource.items() if number
}
#: CAIP-19: a CAIP-2 id, then namespace and reference of the asset.
_CAIP19 = re.compile(r"([-a-z0-9]{3,8}:[-_a-zA-Z0-9]{1,32})/(?:(slip44):[0-9]{1,10}|(?:[-a-z0-9]{3,8}:(?=.))?(.+))", re.DOTALL)
_BY_ID = Sql(
    "assets_of_external_id",
    "SELECT DISTINCT i.asset_id FROM asset_identifiers i JOIN assets a USING (asset_id)"
    " WHERE i.source = $1 AND i.external_id = $2 AND i.deleted_at IS NULL"
    " AND a.deleted_at IS NULL ORDER BY i.asset_id LIMIT 3",
)
_CHAIN = Sql("chain_of_caip2", "SELECT chain_id, chain_type, caip2 FROM chains WHERE caip2 = $1")
_BY_ADDRESS = Sql(
    "asset_of_address",
    "SELECT d.asset_id FROM deployments d JOIN assets a USING (asset_id) WHERE d.chain_id = $1 AND d.address = $2"
    " AND d.deleted_at IS NULL AND a.deleted_at IS NULL ORDER BY d.asset_id LIMIT 3",
)
_BY_CODE = Sql(
    "assets_of_code",
    "SELECT t.asset_id FROM venue_assets t JOIN assets a USING (asset_id) WHERE t.venue_id = $1"
    " AND (t.venue_asset_symbol = $2 OR t.venue_asset_aliases @> ARRAY[$2]) AND COALESCE(t.delisted_at > now(), true)"
    " AND a.deleted_at IS NULL ORDER BY t.asset_id LIMIT 3",
)


async def find(tx: Transaction, text: str, field: str) -> str:
    """The asset_id. An id that is no other form is returned as it is. Raises Invalid, NotFound, Ambiguous."""
    if ":" not in text:
        return TEXT["asset_id"](text, field)
    source, _, external_id = text.partition(":")
    if source in _SOURCES:
        key = _SOURCES[source], TEXT["external_id"](external_id, field)
        return _one(await tx.session.rows(_BY_ID, *key), text, field)
    found = _CAIP19.fullmatch(text)
    chain = None if found is None else await tx.session.row(_CHAIN, found[1])
    if found is not None and chain is not None:
        address = "native" if found[2] else TEXT["address"](found[3], field)
        normal = addresses.normalize(chain["chain_type"], address, field, caip2=chain["caip2"])
        return _one(await tx.session.rows(_BY_ADDRESS, chain["chain_id"], normal.text), text, field)
    venue, _, code = text.partition(":")
    where = TEXT["venue_id"](venue, field), TEXT["venue_symbol"](code, field)
    return _one(await tx.session.rows(_BY_CODE, *where), text, field)


def _one(rows: list[Row], text: str, field: str) -> str:
    if not rows:
        raise errors.NotFound("asset", text, field)
    if len(rows) > 1:
        candidates = [(f"asset:{row['asset_id']}", "has this name") for row in rows]
        msg = f"{field}: several assets are {quoted(text)}; use an asset_id"
        raise errors.Ambiguous(msg, candidates)
    return str(rows[0]["asset_id"])


async def refuse_provisional(tx: Transaction, asset_id: str, field: str) -> None:
    """Raise Precondition for an asset that stands for an undecided code itself."""
    held = await operations.lock_live(tx, ASSET, [asset_id])
    if asset_id in held and held[asset_id]["category"] == PROVISIONAL:
        description = f"{field}: asset {asset_id!r} is provisional: decide what it is first, or that it is a new asset"
        raise errors.Precondition("PROVISIONAL", field, description)
