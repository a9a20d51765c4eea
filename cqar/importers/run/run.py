"""A run of an importer: its options, the registry it writes to, and its report."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, NamedTuple

import grpc
import msgspec
from google.protobuf.message import Message

from cqar.contract.cqar.v1 import registry_pb2 as pb
from cqar.importers.run import report
from cqar.importers.run.documents import Source
from cqar.importers.run.progress import Progress
from cqar.importers.run.report import Change, Entry, Report
from cqar.importers.run.wire import Registry, RegistryError

#: Rows of a document per Apply.
CHUNK: Final = 1_000
#: Maximum number of rows per Apply, the limit of admin.
MOST: Final = 10_000

_OUTCOMES = {
    pb.CREATED: report.CREATED,
    pb.UPDATED: report.UPDATED,
    pb.UNCHANGED: report.UNCHANGED,
    pb.REJECTED: report.REJECTED,
}
_NOWHERE = Source(0, b"")


class DelistLimit(NamedTuple):
    """How many listings of a venue an import may end: a number, or a percentage of the living ones."""

    number: int = 0
    percent: Decimal = Decimal(0)
    #: this many, however few there are
    least: int = 0

    def of(self, living: int) -> int:
        """Return the limit for a venue with that many living listings."""
        return max(self.number, self.least, int(living * self.percent / 100))


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """The options of an import."""

    #: report what would change, and write nothing
    dry_run: bool = False
    #: values of this document replace those of other sources
    overwrite: bool = False
    #: end listings that are missing from the document
    delist: bool = False
    #: the most listings of a venue that `delist` may end; None: the usual limit
    delist_limit: DelistLimit | None = None
    #: keep one venue although its ids collide across types
    one_venue: bool = False
    #: tick_size, decimal_places or significant_digits; None: as declared by the source
    precision_mode: str | None = None


class Item(NamedTuple):
    """A row for Apply, and its name in the report."""

    row: pb.ApplyRow
    about: str
    source: Source = _NOWHERE
    #: the caller reports the outcome
    silent: bool = False
    #: report where the row disagrees with the registry
    differs: bool = True
    #: references of the row, its own first; rows of a document that mean the same thing share them
    keys: tuple[str, ...] = ()
    #: field in the registry's errors -> its name in the document
    names: Mapping[str, str] = {}


class Run:
    """One run: writes rows by Apply and reports the outcome of each."""

    def __init__(self, registry: Registry, report: Report, options: Options, *, quiet: bool = False) -> None:
        self.registry = registry
        self.report = report
        self.options = options
        #: for facts that several sources have: the first one wins
        self.shared = pb.UPSERT if options.overwrite else pb.FILL_UNSET
        #: how far the import is; None before its first row
        self.reached: Progress | None = None
        self._quiet = quiet
        self._tried: dict[str, list[pb.ApplyRow]] = {}

    @property
    def dry_run(self) -> bool:
        """Whether the run is a dry run."""
        return self.options.dry_run

    def require(self, request: Message, why: str) -> None:
        """Raise wire.RegistryError if the key may not make a call that the import needs. A dry run needs it, too.

        `request` is one that changes nothing: the registry checks the key before it looks at the request. `why` is a clause.
        """
        try:
            self.registry.call(request)
        except RegistryError as error:
            if error.code is grpc.StatusCode.PERMISSION_DENIED:
                raise error.because(why) from error

    def progress(self, name: str, total: int, *, passes: int = 1) -> Progress:
        """Start to show the progress of a document."""
        self.reached = Progress(name, total, passes=passes, quiet=self._quiet)
        return self.reached

    def finish(self) -> None:
        """Show all rows as done."""
        if self.reached is not None:
            self.reached.finish()

    def close(self) -> None:
        """End the line of the progress."""
        if self.reached is not None:
            self.reached.close()

    def write(self, items: Sequence[Item], mode: pb.ApplyMode | None = None) -> list[pb.ApplyResult]:
        """Apply the items in one call, report each outcome, and return the results. Raises wire.RegistryError."""
        mode = self.shared if mode is None else mode
        before = self._before(items, mode) if self.dry_run else []
        results = self.registry.apply(
            [*before, *(item.row for item in items)], source=self.report.source, mode=mode, dry_run=self.dry_run
        )[len(before) :]
        for item, result in zip(items, results, strict=True):
            if not item.silent:
                self.report_result(item, result)
        return results

    def _before(self, items: Sequence[Item], mode: pb.ApplyMode) -> list[pb.ApplyRow]:
        """The rows of earlier calls that these refer to. A dry run writes nothing, so they are sent again, first."""
        wanted = {id(row): row for item in items for key in item.keys for row in self._tried.get(key, ())}
        for item in items:
            for key in item.keys[:1]:
                row = pb.ApplyRow()
                row.CopyFrom(item.row)
                row.mode = row.mode or mode
                self._tried.setdefault(key, []).append(row)
        return list(wanted.values())

    def report_result(self, item: Item, result: pb.ApplyResult) -> None:
        """Report the outcome of an item."""
        kind = item.row.WhichOneof("entity") or "row"
        names = _named(getattr(item.row, kind, None))
        line, row = item.source.line, item.source.excerpt
        if result.outcome == pb.REJECTED:
            taken = result.code == "ALREADY_EXISTS"
            outcome = report.CONFLICT if taken else report.REJECTED
            reason, detail = (_renamed(each, item.names) for each in (refusal(result), result.reason))
            self.report.add(Entry(outcome, kind, item.about, reason, detail, (), line, row))
            return
        changes = [_change(each, names) for each in result.changes]
        self.report.add(Entry(_OUTCOMES[result.outcome], kind, item.about, changes=changes, line=line))
        if result.differs and item.differs:
            fields = [_change(each, names) for each in result.differs]
            owners = [each for each in fields if each.field == "asset_id"]
            if owners:
                detail = f"is of asset {owners[0].before}, the row says of {owners[0].after}"
                self.report.add(Entry(report.CONFLICT, kind, item.about, "other_asset", detail, fields, line, row))
            else:
                reason = ",".join(each.field for each in fields)
                self.report.add(Entry(report.DIFFERS, kind, item.about, reason, "", fields, line))

    def find(self, rows: Iterable[pb.ApplyRow]) -> list[str | None]:
        """The ids found by the natural keys of the rows, None for keys that do not exist. Writes nothing."""
        found: list[str | None] = []
        rows = list(rows)
        for at in range(0, len(rows), MOST):
            results = self.registry.apply(rows[at : at + MOST], source="lookup", mode=pb.CREATE_ONLY, dry_run=True)
            found += [each.id if each.outcome == pb.UNCHANGED else None for each in results]
        return found


def _renamed(text: str, names: Mapping[str, str]) -> str:
    """Replace field names in an error by those of the document."""
    for field, name in names.items():
        text = text.replace(field, name)
    return text


def refusal(result: pb.ApplyResult) -> str:
    """One word for the statistics of rejected rows: the status and the field, in lower case."""
    return f"{result.code.lower()} {result.field}".rstrip()


def _change(change: pb.FieldChange, names: Mapping[str, Callable[[str], str]]) -> Change:
    show = names.get(change.field, _same)
    before = show(change.before) if change.HasField("before") else None
    after = show(change.after) if change.HasField("after") else None
    return Change(change.field, before, after)


def _same(text: str) -> str:
    return text


def _named(message: Message | None) -> dict[str, Callable[[str], str]]:
    """The enum fields of a message, shown by name."""
    if message is None:
        return {}
    return {field.name: _names(field.enum_type) for field in message.DESCRIPTOR.fields if field.enum_type is not None}


def _names(described: Any) -> Callable[[str], str]:
    def show(number: str) -> str:
        value = described.values_by_number.get(int(number))
        return number if value is None else str(value.name)

    return show
