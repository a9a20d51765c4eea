"""`cqar import csv KIND FILE`: your own table, with the field names of the contract as columns.

Spreadsheets rewrite text that looks like a number, a date or a boolean: the ticker 1E5 becomes 100000, TRUE a boolean, 0012
loses its zeros. Such text is refused unless a leading apostrophe marks it as text.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from google.protobuf import timestamp_pb2
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from cqar.contract.cqar.v1 import registry_pb2 as pb
from cqar.importers.run import documents, rows, tables
from cqar.importers.run.documents import FileError, Refused, Source
from cqar.importers.run.run import CHUNK, Item, Run
from cqar.importers.sources import references

#: The kinds of rows, by the names of Apply, and how to write each.
_MODES: Final[Mapping[str, pb.ApplyMode | None]] = {
    **dict.fromkeys(("chain", "asset", "asset_deployment", "asset_identifier", "asset_relationship"), None),
    **dict.fromkeys(("asset_group", "asset_group_member", "symbol_identifier", "venue"), None),
    "symbol": pb.CREATE_ONLY,
    **dict.fromkeys(("venue_asset", "venue_symbol"), pb.UPSERT),
}
KINDS: Final = tuple(_MODES)
#: Columns of an asset that identify it.
_KEYS: Final = ("coingecko_id", "chain_id", "address", "decimals")
#: Their fields in the row that is sent.
_PATHS: Final[Mapping[str, str]] = {
    "identifiers[0].external_id": "coingecko_id",
    **{f"deployments[0].{each}": each for each in ("chain_id", "address", "decimals")},
}
#: Columns that the registry sets.
_SET_BY_REGISTRY: Final = frozenset(
    {
        *("created_at", "updated_at", "added_at", "specs_since", "trading_enabled_stored"),
        *("successor_asset_id", "successor_symbol_id"),
    }
)
#: A table of each kind. Each builds on those before it.
EXAMPLES: Final[Mapping[str, str]] = {
    "chain": "chain_id,chain_name,chain_type,caip2\nethereum,Ethereum,EVM,eip155:1",
    "asset": "coingecko_id,symbol,name,asset_type\nbitcoin,BTC,Bitcoin,NATIVE\ntether,USDT,Tether,ERC20",
    "asset_deployment": (
        "asset_id,chain_id,address,decimals\ncoingecko:tether,eip155:1,0xdAC17F958D2ee523a2206206994597C13D831ec7,6"
    ),
    "asset_identifier": "asset_id,source,external_id\ncoingecko:tether,COINMARKETCAP,'825",
    "asset_relationship": "from_asset_id,to_asset_id,relationship_type\ncoingecko:tether,coingecko:bitcoin,SYNTHETIC_OF",
    "asset_group": "name,description\nStablecoins,Pegged to a currency",
    "asset_group_member": "group_id,asset_id\nStablecoins,coingecko:tether",
    "venue": "venue_id,name,venue_type\nkraken,Kraken,CEX",
    "venue_asset": "venue_id,asset_id,venue_asset_symbol\nkraken,coingecko:bitcoin,XXBT",
    "symbol": "symbol_type,base_asset_id,quote_asset_id,tick_size\nSPOT,kraken:XXBT,coingecko:tether,0.1",
    "symbol_identifier": "symbol_id,data_source,external_id\nkraken:XBTUSDT,COINGECKO,bitcoin-tether",
    "venue_symbol": "venue_id,symbol_id,venue_symbol,maker_fee\nkraken,binance:BTCUSDT,XBTUSDT,0.0016",
}
_PLAIN = re.compile(r"-?\d+(\.\d+)?")
_BOOLEANS: Final = {"true": True, "false": False}
_SPLIT = ";"

#: What a cell that refers to another row holds.
_NATURAL: Final[Mapping[str, str]] = {
    references.ASSET: "an id, coingecko:bitcoin, a venue's code kraken:XXBT, or a contract eip155:1/0xdac1...",
    references.SYMBOL: "an id, or a venue's symbol binance:BTCUSDT",
    references.CHAIN: "an id, or a CAIP-2 id eip155:1",
    references.GROUP: "an id or a name",
}

_Read = Callable[[str, str], Any]


def _number(value: str, column: str) -> str:
    """A plain decimal number. Raises Refused."""
    if not _PLAIN.fullmatch(value):
        raise Refused(
            "no_number",
            f"{column}: {value!r} is not a plain number: write it without exponent, percent sign and thousands separator",
        )
    return value


def _integer(value: str, column: str) -> int:
    number = _number(value, column)
    if "." in number or abs(int(number)) >= 1 << 63:
        raise Refused("no_number", f"{column}: {value!r} is not a whole number")
    return int(number)


def _boolean(value: str, column: str) -> bool:
    if value.lower() not in _BOOLEANS:
        raise Refused("no_boolean", f"{column}: {value!r} is neither true nor false")
    return _BOOLEANS[value.lower()]


def _time(value: str, column: str) -> timestamp_pb2.Timestamp:
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise Refused("no_time", f"{column}: {value!r} is not a time with a zone, such as 2026-01-31T12:00:00+00:00")
    made = timestamp_pb2.Timestamp()
    made.FromDatetime(at)
    return made


def _named(field: Any) -> _Read:
    """A value of an enum, by its name with or without what all of them begin with."""
    names = field.enum_type.values_by_name
    prefix = re.sub(r"(?<!^)(?=[A-Z])", "_", field.enum_type.name).upper()

    def read(value: str, column: str) -> int:
        name = value.upper()
        for each in (name, f"{prefix}_{name}"):
            if each in names and names[each].number:
                return int(names[each].number)
        known = ", ".join(each.removeprefix(f"{prefix}_") for each in names if names[each].number)
        raise Refused("unknown_value", f"{column}: {value!r} is not one of {known}")

    return read


_INTEGERS: Final = frozenset({FieldDescriptor.TYPE_INT32, FieldDescriptor.TYPE_INT64})


def _reader(field: Any) -> _Read | None:
    """How cells of a field are read; None: it has no cells."""
    if field.type == FieldDescriptor.TYPE_STRING:
        return _number if field.name.endswith("_decimal") else tables.plain_text
    if field.type in _INTEGERS:
        return _integer
    if field.type == FieldDescriptor.TYPE_BOOL:
        return _boolean
    if field.type == FieldDescriptor.TYPE_ENUM:
        return _named(field)
    if field.message_type is not None and field.message_type.full_name == "google.protobuf.Timestamp":
        return _time
    return None


def _columns(kind: str) -> dict[str, tuple[Any, _Read]]:
    """The columns that a table of the kind may have, by name: field and reader. A number's fills the exact, decimal field."""
    described: Any = pb.ApplyRow.DESCRIPTOR.fields_by_name[kind].message_type
    fields: Mapping[str, Any] = described.fields_by_name
    found = {}
    for field in fields.values():
        name = field.name.removesuffix("_decimal")
        exactly = fields.get(f"{name}_decimal", field)
        read = _reader(exactly)
        if read is not None and name != "revision":
            found[name] = found[exactly.name] = (exactly, read)
    return found


def columns(kind: str) -> list[tuple[str, str]]:
    """Return the columns of a kind of table, each with what its cells hold."""
    found = [(name, _meaning(kind, field)) for name, (field, _) in _columns(kind).items() if not name.endswith("_decimal")]
    found = [each for each in found if each[0] not in _SET_BY_REGISTRY]
    if kind == "asset":
        found += [(each, "finds the asset, or is added to a new one") for each in _KEYS]
    return found


def _meaning(kind: str, field: Any) -> str:
    refers = references.target(kind, field.name)
    if refers is not None:
        return _NATURAL[refers]
    if field.type == FieldDescriptor.TYPE_ENUM:
        prefix = f"{re.sub(r'(?<!^)(?=[A-Z])', '_', field.enum_type.name).upper()}_"
        return ", ".join(each.name.removeprefix(prefix) for each in field.enum_type.values if each.number)
    if field.type == FieldDescriptor.TYPE_STRING:
        return "texts separated by ;" if field.is_repeated else "a number" if field.name.endswith("_decimal") else "text"
    named = {FieldDescriptor.TYPE_BOOL: "true or false", FieldDescriptor.TYPE_MESSAGE: "a time with a zone"}
    return named.get(field.type, "a whole number")


def _checked(header: Sequence[str], allowed: Sequence[str], name: str) -> None:
    unknown = [each for each in header if each not in allowed]
    if unknown or len(set(header)) != len(header):
        wrong = f"unknown column {', '.join(unknown)}" if unknown else "a column occurs twice"
        message = f"{name}: {wrong}; the columns are {', '.join(allowed)}"
        raise FileError(message)


def load(run: Run, data: bytes, name: str, kind: str) -> None:
    """Import the table. Raises documents.FileError before anything is written, wire.RegistryError."""
    columns = _columns(kind)
    header, lines = tables.table(data, name)
    keys = _KEYS if kind == "asset" else ()
    _checked(header, (*columns, *(each for each in keys if each not in columns)), name)
    items = []
    for number, cells in lines:
        run.report.rows += 1
        source = Source(number, repr(cells).encode())
        try:
            row, about = _row(kind, header, cells, columns)
        except Refused as refused:
            run.report.reject(refused.kind, refused.detail, line=number, row=source.excerpt)
        else:
            items.append(Item(row, about, source, keys=(f"{kind} {about}",), names=_names(header)))
    progress = run.progress(name, run.report.rows)
    finder = references.Finder(run)
    for chunk in documents.chunks(items, CHUNK):
        run.write(_resolved(run, finder, kind, chunk), _MODES[kind])
        progress.advance(len(chunk))


def _resolved(run: Run, finder: references.Finder, kind: str, items: Sequence[Item]) -> list[Item]:
    """Replace the natural keys in rows by ids; report the rows whose keys mean nothing."""
    found = [(item, references.references(kind, item.row)) for item in items]
    finder.find(reference for _, each in found for _, _, reference in each)
    resolved = []
    for item, each in found:
        try:
            for message, field, reference in each:
                setattr(message, field, finder.id_of(reference, field))
        except Refused as refused:
            run.report.reject(refused.kind, refused.detail, line=item.source.line, row=item.source.excerpt)
        else:
            resolved.append(item)
    return resolved


def _names(header: Sequence[str]) -> Mapping[str, str]:
    """Return the column of each field that the registry names differently in its errors."""
    exact = {f"{each}_decimal": each for each in header if not each.endswith("_decimal")}
    return exact | {path: column for path, column in _PATHS.items() if column in header}


def _row(
    kind: str, header: Sequence[str], cells: Sequence[str], columns: Mapping[str, tuple[Any, _Read]]
) -> tuple[pb.ApplyRow, str]:
    """The row and what it is called. An empty cell is an unset field. Raises Refused."""
    if len(cells) != len(header):
        raise Refused("malformed", f"the line has {len(cells)} cells, the header {len(header)}")
    filled = {column: cell.strip() for column, cell in zip(header, cells, strict=True) if cell.strip()}
    if not filled:
        raise Refused("incomplete", "all cells are empty")
    row = pb.ApplyRow()
    message: Message = getattr(row, kind)
    message.SetInParent()
    for column, cell in filled.items():
        if column in columns:
            _set(message, *columns[column], cell, column)
    if kind == "asset":
        _find_by(row, {each: filled[each] for each in _KEYS if each in filled})
    return row, " ".join(list(filled.values())[:3])


def _set(message: Message, field: Any, read: _Read, cell: str, column: str) -> None:
    if field.is_repeated:
        getattr(message, field.name).extend(read(each.strip(), column) for each in cell.split(_SPLIT) if each.strip())
    elif field.message_type is not None:
        getattr(message, field.name).CopyFrom(read(cell, column))
    else:
        try:
            setattr(message, field.name, read(cell, column))
        except ValueError as error:
            raise Refused("no_number", f"{column}: {error}") from error


def _find_by(row: pb.ApplyRow, keys: Mapping[str, str]) -> None:
    """What an asset is found by, and gets where it is new."""
    if "coingecko_id" in keys:
        row.identifiers.append(rows.identifier(rows.COINGECKO, tables.plain_text(keys["coingecko_id"], "coingecko_id")))
    if "address" in keys or "chain_id" in keys:
        if "chain_id" not in keys or "address" not in keys:
            raise Refused("incomplete", "a contract needs both chain_id and address")
        decimals = _integer(keys["decimals"], "decimals") if "decimals" in keys else None
        address = keys["address"].removeprefix(tables.MARK)
        row.deployments.append(rows.deployment(tables.plain_text(keys["chain_id"], "chain_id"), address, decimals))
