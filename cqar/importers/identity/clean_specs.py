"""`cqar identity clean-specs`: unset the numbers that importers wrote on canonical symbols.

Earlier importers gave a symbol the numbers of its first market, and venues that gave none answered them. What people set
there stays. The audit tells who wrote each number last.
"""

import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from google.protobuf import json_format

from cqar.contract.cqar.v1 import access_pb2
from cqar.contract.cqar.v1 import registry_pb2 as pb
from cqar.contract.cqc.markets.v1 import markets_pb2
from cqar.contract.cqc.services.v1 import asset_registry_pb2 as contract
from cqar.importers.run import documents, report
from cqar.importers.run.report import Entry
from cqar.importers.run.run import CHUNK, Item, Run

#: The numbers of a symbol.
SPECS: Final = ("tick_size", "lot_size", "min_order_size", "max_order_size", "contract_size", "min_notional")
#: The terms by which Apply finds a symbol.
_TERMS: Final = (
    *("symbol_type", "base_asset_id", "quote_asset_id", "settlement_asset_id"),
    *("margin_kind", "strike_price_decimal", "expiry", "option_type"),
)
#: The source of an import of markets.
_IMPORT: Final = re.compile(r"ccxt [-a-z0-9_]{1,64}")


class _Author(NamedTuple):
    """Who wrote a number last."""

    by_import: bool
    #: the number, None if it was unset
    value: str | None


def clean(run: Run) -> None:
    """Unset the numbers. Raises wire.RegistryError."""
    run.require(access_pb2.ListAuditRequest(), "this command reads the audit; use the key of an admin")
    symbols = [each for each in run.registry.pages(contract.ListSymbolsRequest(), "symbols") if _specs(each)]
    run.report.rows += len(symbols)
    authors = _authors(run, {each.symbol_id: set(_specs(each)) for each in symbols})
    progress = run.progress("clean-specs", len(symbols))
    for chunk in documents.chunks(symbols, CHUNK):
        items = [item for each in chunk if (item := _item(run, each, authors.get(each.symbol_id, {}))) is not None]
        run.write(items, pb.UPSERT)
        progress.advance(len(chunk))


def _specs(symbol: Any) -> dict[str, str]:
    """The numbers that a symbol has."""
    return {name: getattr(symbol, f"{name}_decimal") for name in SPECS if symbol.HasField(f"{name}_decimal")}


def _item(run: Run, symbol: Any, authors: dict[str, _Author]) -> Item | None:
    """The row that unsets the imported numbers of a symbol; None if it has none. Numbers of unknown origin are reported."""
    unknown, imported = [], []
    for name, value in _specs(symbol).items():
        author = authors.get(name)
        if author is None or author.value != value:
            unknown.append(name)
        elif author.by_import:
            imported.append(name)
    about = f"{symbol.symbol} {symbol.symbol_id}"
    if unknown:
        detail = f"the audit does not tell who wrote {', '.join(unknown)}"
        run.report.add(Entry(report.KEPT, "symbol", about, "unknown_author", detail))
    if not imported:
        run.report.add(Entry(report.UNCHANGED, "symbol", about))
        return None
    terms = markets_pb2.Symbol()
    for name in _TERMS:
        if symbol.HasField(name):
            _copy(symbol, terms, name)
    clear = [f"{name}_decimal" for name in imported]
    return Item(pb.ApplyRow(symbol=terms, clear=clear, expected_revision=symbol.revision), about, differs=False)


def _copy(source: Any, target: Any, name: str) -> None:
    value = getattr(source, name)
    if hasattr(value, "CopyFrom"):
        getattr(target, name).CopyFrom(value)
    else:
        setattr(target, name, value)


def _authors(run: Run, wanted: dict[str, set[str]]) -> dict[str, dict[str, _Author]]:
    """Who wrote the numbers of symbols last. The audit is read from its end until all of them are found."""
    found: dict[str, dict[str, _Author]] = {}
    missing = {symbol_id: set(names) for symbol_id, names in wanted.items()}
    for entry in run.registry.pages(access_pb2.ListAuditRequest(entity="symbol"), "entries") if missing else ():
        for name, value in _written(entry):
            names = missing.get(entry.row_id, set())
            if name in names:
                by_import = entry.method == "Apply" and _IMPORT.fullmatch(entry.source) is not None
                found.setdefault(entry.row_id, {})[name] = _Author(by_import, value)
                names.discard(name)
        if not missing.get(entry.row_id, {""}):
            del missing[entry.row_id]
        if not missing:
            break
    return found


def _written(entry: Any) -> Iterator[tuple[str, str | None]]:
    for name, pair in json_format.MessageToDict(entry.changes).items():
        if name in SPECS:
            yield name, pair[1]
