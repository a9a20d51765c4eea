"""What entities need before they are written, beyond their declaration: one step each, inside the transaction.

A step completes the row, checks it, and locks what it depends on: it locks the rows that it names FOR SHARE, so that a
concurrent delete or CRITICAL flag waits or is seen.
"""

from collections.abc import Collection
from datetime import datetime

from cqar import errors, text
from cqar.model import addresses, entities, rules, venue_spelling
from cqar.model.call import Role
from cqar.model.entity import Row
from cqar.storage.postgres import Sql
from cqar.writes.operations import NewRow, lock_live, lock_parents
from cqar.writes.transaction import Transaction, over

#: Serializes writes of relationships that must not form a cycle.
_CYCLE_LOCK = 0x6371_6172
_LOCK = Sql("lock_relationships", "SELECT pg_advisory_xact_lock($1)")
_LOCK_TEXT = Sql("lock_venue_text", "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))")
_REACHES = Sql(
    "relationship_reaches",
    'WITH RECURSIVE reached(id) AS (SELECT $1::text COLLATE "C" UNION SELECT r.to_asset_id FROM relationships r'
    " JOIN reached ON r.from_asset_id = reached.id WHERE r.relationship_type = ANY($3::int[]))"
    " SELECT id FROM reached WHERE id = $2",
)
_BLOCKED = Sql(
    "blocked_assets",
    f"SELECT DISTINCT asset_id FROM quality_flags WHERE asset_id = ANY($1::text[]) AND severity = {entities.CRITICAL}"
    " AND resolved_at IS NULL AND deleted_at IS NULL ORDER BY asset_id",
)
_SYMBOL = Sql("symbol_of_listing", f"SELECT {entities.SYMBOL.select} FROM symbols t WHERE t.symbol_id = $1")
_LISTED = Sql("symbol_is_listed", "SELECT listing_id FROM venue_symbols WHERE symbol_id = $1 LIMIT 1")
_LISTS = Sql("venue_lists", "SELECT listing_id FROM venue_symbols WHERE venue_id = $1 LIMIT 1")
_SPELLED = Sql(
    "spelled_by_chain",
    "(SELECT 'deployment' AS kind, deployment_id AS id FROM deployments WHERE chain_id = $1 AND deleted_at IS NULL LIMIT 1)"
    " UNION ALL (SELECT 'venue', venue_id FROM venues WHERE chain_id = $1 AND protocol_address IS NOT NULL LIMIT 1)"
    " UNION ALL (SELECT 'venue_symbol', l.listing_id FROM venues v JOIN venue_symbols l USING (venue_id)"
    f" WHERE v.chain_id = $1 AND v.venue_type = {venue_spelling.DEX} LIMIT 1) LIMIT 1",
)

#: The terms of a symbol, which are fixed once it is listed.
TERMS = (
    *("symbol_type", "base_asset_id", "quote_asset_id", "settlement_asset_id"),
    *("margin_kind", "strike_price", "expiry", "option_type"),
)


def _new(row: Row, before: Row | None) -> Row:
    """The columns whose values change."""
    return row if before is None else {name: value for name, value in row.items() if value != before[name]}


async def chain(tx: Transaction, row: NewRow, before: Row | None) -> None:
    """Normalize the chain type, which is fixed while an address depends on it; derive the slug from the name by default."""
    row["chain_type"] = addresses.chain_type(row["chain_type"], "chain_type")
    if before is None:
        row["chain_id"] = row["chain_id"] or text.derived_slug(row["chain_name"], "chain_slug")
    if row["max_decimals"] is not None:
        rules.max_decimals(row["max_decimals"], "max_decimals")
    if before is not None and row["chain_type"] != before["chain_type"]:
        spelled = await tx.session.row(_SPELLED, before["chain_id"])
        if spelled is not None:
            named = f"{spelled['kind']} {spelled['id']!r}"
            description = f"the address of {named} has the form of chain_type {before['chain_type']}; remove or move it first"
            raise errors.Precondition("IN_USE", "chain_type", description)
    await lock_parents(tx, entities.CHAIN, _new(row, before))


async def asset(tx: Transaction, row: NewRow, before: Row | None) -> None:
    """Only an administrator makes an existing asset provisional: writers may merge provisional assets, see `reviews`."""
    if before is None or row["category"] != rules.PROVISIONAL or before["category"] == rules.PROVISIONAL:
        return
    if tx.call.principal.role < Role.ADMIN:
        description = f"asset {before['asset_id']!r} exists; making it provisional requires the role admin"
        raise errors.Precondition("NOT_PROVISIONAL", "category", description)


async def deployment(tx: Transaction, row: NewRow, before: Row | None) -> None:
    """Normalize the address by its chain and match is_native with it; check decimals against the chain's maximum."""
    found = await lock_parents(tx, entities.DEPLOYMENT, row)
    on = found["chain_id"]
    native = _new(row, before).get("is_native")
    if not row["address"]:
        if not native:
            raise errors.Invalid.missing("contract_address", "only a native deployment has no address")
        row["address"] = addresses.NATIVE.text
    normal = addresses.normalize(on["chain_type"], row["address"], "contract_address", caip2=on["caip2"])
    if native and not normal.is_native:
        raise errors.Invalid("contract_address", "NOT_NATIVE", "is a contract; leave it unset for a native deployment")
    if native is False and normal.is_native:
        raise errors.Invalid("is_native", "NATIVE", "is false, but the address denotes the chain's native coin")
    row["address"], row["is_native"] = normal.text, normal.is_native
    if row["decimals"] is not None and (before is None or row["decimals"] != before["decimals"]):
        rules.decimals(row["decimals"], on["max_decimals"], "decimals")
    rules.interval(row["deployed_at"], row["retired_at"], ("deployed_at", "retired_at"))


async def lock_cycles(tx: Transaction) -> None:
    """Wait for concurrent writes that may close a cycle of relationships."""
    await tx.session.row(_LOCK, _CYCLE_LOCK)


async def reaches(tx: Transaction, start: str, end: str, kinds: Collection[int]) -> bool:
    """Whether relationships of these types lead from one asset to the other."""
    return await tx.session.row(_REACHES, start, end, sorted(kinds)) is not None


async def relationship(tx: Transaction, row: NewRow, before: Row | None) -> None:
    """Reject a self link, and a cycle among relationship types that must not form one."""
    source, target, kind = row["from_asset_id"], row["to_asset_id"], row["relationship_type"]
    if before is not None:
        return
    rules.relationship(source, target, kind, ("source_asset_id", "target_asset_id", "relationship_type"))
    kinds = rules.cycle_free(kind)
    if not kinds:
        await lock_parents(tx, entities.RELATIONSHIP, row)
        return
    await lock_cycles(tx)
    await lock_parents(tx, entities.RELATIONSHIP, row)
    if await reaches(tx, target, source, kinds):
        raise cycle(source, target, kinds)


def cycle(source: str, target: str, kinds: Collection[int]) -> errors.Precondition:
    """The error of a relationship that would close a cycle."""
    description = f"asset {target!r} is already derived from {source!r}, directly or transitively; this would close a cycle"
    if kinds == rules.MIGRATES:
        description = f"asset {target!r} already migrates to {source!r}, directly or transitively; this contradicts it"
    return errors.Precondition("CYCLE", "target_asset_id", description)


async def quality_flag(tx: Transaction, row: NewRow, before: Row | None) -> None:
    """Require a source. A CRITICAL flag waits for concurrent writes that rely on the asset; later ones see it."""
    if row["source"] is None:
        raise errors.Invalid.missing("source", "or set raised_by: say who found it")
    critical = row["severity"] == entities.CRITICAL
    await lock_parents(tx, entities.QUALITY_FLAG, _new(row, before), "FOR UPDATE" if critical else "FOR SHARE")


def terms_of(row: Row) -> rules.Terms:
    """The contract terms of a symbol's row."""
    return rules.Terms(**{name: row[name] for name in TERMS})


async def symbol(tx: Transaction, row: NewRow, before: Row | None) -> None:
    """Complete and check the terms, which are fixed once the symbol is listed; derive the label by default.

    A new option expires in the future.
    """
    await _symbol(tx, row, before, tx.now if before is None else None)


async def past_symbol(tx: Transaction, row: NewRow, before: Row | None) -> None:
    """As `symbol`, for a symbol whose listings have all ended: a new option may have expired."""
    await _symbol(tx, row, before, None)


async def _symbol(tx: Transaction, row: NewRow, before: Row | None, now: datetime | None) -> None:
    if before is not None and row["symbol_type"] != before["symbol_type"] and row["symbol_type"] not in rules.DERIVATIVES:
        row.update({name: None for name in ("settlement_asset_id", "margin_kind") if row[name] == before[name]})
    done = rules.terms(terms_of(row), now=now)
    row.update({name: getattr(done, name) for name in TERMS})
    rules.order_sizes(row["min_order_size"], row["max_order_size"], ("min_order_size_decimal", "max_order_size_decimal"))
    changed = [] if before is None else [name for name in TERMS if row[name] != before[name]]
    if before is not None and changed:
        await _refuse_listed(tx, before["symbol_id"], changed[0])
    if before is not None and not changed and row["symbol"] is not None:
        return
    await lock_parents(tx, entities.SYMBOL, row)
    if row["symbol"] is None or await _keeps_derived_label(tx, row, before):
        row["symbol"] = await label(tx, done)


async def _refuse_listed(tx: Transaction, symbol_id: str, column: str) -> None:
    """Raise Precondition if the symbol is listed, so that the term in `column` is fixed."""
    if await tx.session.row(_LISTED, symbol_id) is not None:
        description = f"{column} of symbol {symbol_id!r} cannot change once it is listed; create another symbol"
        raise errors.Precondition("LISTED", column, description)


async def _keeps_derived_label(tx: Transaction, row: Row, before: Row | None) -> bool:
    """Whether the label was derived from the old terms and the request leaves it: then it follows the new terms."""
    if before is None or row["symbol"] != before["symbol"]:
        return False
    return bool(row["symbol"] == await label(tx, terms_of(before)))


async def label(tx: Transaction, terms: rules.Terms) -> str:
    """The label that follows from the terms."""
    sides = (terms.base_asset_id, terms.quote_asset_id, terms.settlement_asset_id)
    assets = await lock_live(tx, entities.ASSET, [each for each in sides if each is not None])
    base, quote, settle = (None if each is None else str(assets[each]["symbol"]) for each in sides)
    return rules.label(terms, base or "", quote or "", settle)


async def venue(tx: Transaction, row: NewRow, before: Row | None) -> None:
    """Derive the slug from the name by default; normalize the protocol's address by its chain.

    What determines the spelling of the venue's symbols is fixed while it has listings.
    """
    if before is None:
        row["venue_id"] = row["venue_id"] or text.derived_slug(row["name"], "venue_slug")
    found = await lock_parents(tx, entities.VENUE, row)
    on = found.get("chain_id")
    if on is not None and row["protocol_address"] is not None:
        normal = addresses.normalize(on["chain_type"], row["protocol_address"], "protocol_address", caip2=on["caip2"])
        row["protocol_address"] = normal.text
    if before is None:
        return
    old, new = await _rule(tx, before), await _rule(tx, row)
    if old != new:
        listed = await tx.session.row(_LISTS, before["venue_id"])
        if listed is not None:
            subject = "chain_id" if row["venue_type"] == before["venue_type"] else "venue_type"
            description = f"listing {listed['listing_id']!r} uses the previous spelling of symbols; remove it first"
            raise errors.Precondition("LISTED", subject, description)


async def _rule(tx: Transaction, at: Row) -> str | None:
    """The type of the chain whose address form the venue's symbols have; None if they are stored as given."""
    chain_id = venue_spelling.chain_of(at["venue_type"], at["chain_id"])
    if chain_id is None:
        return None
    return str((await lock_live(tx, entities.CHAIN, [chain_id]))[chain_id]["chain_type"])


async def blocked(tx: Transaction, assets: Collection[str]) -> list[str]:
    """The assets, locked by this transaction, that an active CRITICAL flag blocks."""
    unknown = [each for each in assets if each not in tx.blocked]
    if unknown:
        found = {row["asset_id"] for row in await tx.session.rows(_BLOCKED, unknown)}
        tx.blocked |= {each: each in found for each in unknown}
    return sorted(each for each in assets if tx.blocked[each])


async def _refuse_blocked(tx: Transaction, assets: Collection[str]) -> None:
    found = await blocked(tx, assets)
    if found:
        description = f"asset {found[0]!r} has an active CRITICAL quality flag; resolve it before enabling trading"
        raise errors.Precondition("TRADING_BLOCKED", f"asset:{found[0]}", description)


def _enabled(tx: Transaction, row: Row, before: Row | None, *switches: str) -> bool:
    """Whether the write creates or reopens the row, changes its asset or symbol, or turns one of the switches on."""
    if before is None or any(row[name] and not before[name] for name in switches):
        return True
    moved = any(row.get(name) != before.get(name) for name in ("asset_id", "symbol_id"))
    return moved or (over(before, tx.now) and not over(row, tx.now))


async def venue_asset(tx: Transaction, row: NewRow, before: Row | None) -> None:
    """Check the deployment's asset, deduplicate aliases, and refuse to enable trading of a blocked asset."""
    found = await lock_parents(tx, entities.VENUE_ASSET, row)
    on = found.get("deployment_id")
    if on is not None and on["asset_id"] != row["asset_id"]:
        raise errors.Invalid("deployment_id", "OTHER_ASSET", f"is a deployment of another asset, {on['asset_id']!r}")
    aliases = dict.fromkeys(row["venue_asset_aliases"] or ())
    aliases.pop(row["venue_asset_symbol"], None)
    row["venue_asset_aliases"] = list(aliases) or None
    rules.interval(row["listed_at"], row["delisted_at"], ("listed_at", "delisted_at"))
    if _enabled(tx, row, before, "is_active", "trading_enabled"):
        await _refuse_blocked(tx, [row["asset_id"]])


async def venue_symbol(tx: Transaction, row: NewRow, before: Row | None) -> None:
    """Check the symbol's type, normalize the venue's symbol, and refuse to enable trading of a blocked asset."""
    found = await lock_parents(tx, entities.VENUE_SYMBOL, row)
    named = found["symbol_id"]
    if row["symbol_type"] not in (None, named["symbol_type"]) and (before is None or row["symbol_id"] == before["symbol_id"]):
        raise errors.Invalid("symbol_type", "OTHER_TYPE", f"is not the type of symbol {row['symbol_id']!r}; leave it unset")
    row["symbol_type"] = named["symbol_type"]
    if before is not None and row["symbol_id"] != before["symbol_id"]:
        old = await tx.session.row(_SYMBOL, before["symbol_id"])
        assert old is not None  # noqa: S101 - a foreign key forbids it
        tx.moves(before, old, named)
    row["venue_symbol"] = await spelling(tx, found["venue_id"], row["venue_symbol"])
    rules.interval(row["listed_at"], row["delisted_at"], ("listed_at", "delisted_at"))
    sizes = ("min_order_size_decimal", "max_order_size_decimal")
    rules.order_sizes(row["min_order_size"], row["max_order_size"], sizes)
    rules.order_sizes(row["min_order_value"], row["max_order_value"], ("min_order_value_decimal", "max_order_value_decimal"))
    sides = {named[name] for name in ("base_asset_id", "quote_asset_id", "settlement_asset_id")} - {None}
    await lock_live(tx, entities.ASSET, sides)
    if _enabled(tx, row, before, "is_active"):
        await _refuse_blocked(tx, sides)


async def new_listing(tx: Transaction, row: NewRow, before: Row | None) -> None:
    """As `venue_symbol`, then serialize writers of the same symbol: two at once would wait for each other's interval."""
    await venue_symbol(tx, row, before)
    await tx.session.row(_LOCK_TEXT, f"{row['venue_id']}/{row['venue_symbol']}")


async def spelling(tx: Transaction, at: Row, spelled: str) -> str:
    """A venue's symbol in the form that is stored, see `venue_spelling`."""
    chain_id = venue_spelling.chain_of(at["venue_type"], at["chain_id"])
    if chain_id is None:
        return spelled
    on = (await lock_live(tx, entities.CHAIN, [chain_id]))[chain_id]
    return venue_spelling.stored(spelled, on["chain_type"], on["caip2"])
