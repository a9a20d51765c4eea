"""Questions and decisions as files: export what is open or decided, and apply a file of decisions."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from cqar.contract.cqar.v1 import identity_pb2
from cqar.contract.cqar.v1 import reviews_pb2 as pb
from cqar.contract.cqc.assets.v1 import assets_pb2
from cqar.contract.cqc.services.v1 import asset_registry_pb2 as contract
from cqar.importers.identity import deciding, decision_files
from cqar.importers.identity.decision_files import Decided, Row
from cqar.importers.run import report, rows
from cqar.importers.run.documents import Refused
from cqar.importers.run.report import Entry
from cqar.importers.run.run import Run
from cqar.importers.run.wire import APPLY_TIMEOUT, Registry
from cqar.redaction import printable

#: Decisions of one call: few enough that an interruption loses little, and as many as a dry run may need.
CHUNK: Final = 200
_DRY: Final = 1_000
_CODE_KINDS: Final = (pb.REVIEW_KIND_PROVISIONAL, pb.REVIEW_KIND_CANDIDATES, pb.REVIEW_KIND_CODE_CONFLICT)


# ---- export --------------------------------------------------------------------------------------------------------


def questions(registry: Registry, filters: Mapping[str, str | None], *, unknown: bool = False) -> Iterator[Row]:
    """A row for each open question, those with the most markets first. Raises RegistryError.

    `unknown`: also those without a candidate.
    """
    request = deciding.narrowed(pb.ListQuestionsRequest(include_unknown=unknown), filters)
    for page in deciding.pages(registry, request):
        yield from map(_row, page.questions)


def _row(question: Any) -> Row:
    codes = [(each, f"{each.venue_id}:{each.code}") for each in question.codes]
    suggested = [each for each in question.candidates if each.asset_id == question.suggested_asset_id]
    return {
        "question": question.question_id,
        "kind": deciding.KIND_NAMES[question.kind],
        "markets": str(question.markets),
        "venues": [name for each, name in codes if each.included],
        "other_venues": [name for each, name in codes if not each.included],
        "ticker": question.ticker,
        "names": _said(question, "names"),
        "classes": list(dict.fromkeys(each.asset_class for each in question.codes if each.asset_class)),
        "addresses": _said(question, "addresses"),
        "candidates": [printable(deciding.one_line(each)) for each in question.candidates],
        "suggestion": _name_of(suggested[0]) if suggested else "",
        "reason": printable(next((each.reason for each in question.codes if each.reason), "")),
    }


def _said(question: Any, field: str) -> list[str]:
    return list(dict.fromkeys(text for each in question.codes for text in getattr(each, field)))


def _name_of(candidate: Any) -> str:
    return f"coingecko:{candidate.coingecko_id}" if candidate.coingecko_id else str(candidate.asset_id)


def decisions(registry: Registry) -> Iterator[Row]:
    """A row for each decided asset, named by its id elsewhere, so that other registries can apply it. Raises RegistryError."""
    claims = [
        each
        for each in registry.pages(identity_pb2.ListEvidenceRequest(), "claims")
        if any(item.kind == identity_pb2.EVIDENCE_KIND_DECISION and item.asset_id == each.asset_id for item in each.evidence)
    ]
    reused = _reused(registry)
    by_asset: dict[tuple[str, str], list[Any]] = {}
    for each in claims:
        by_asset.setdefault((each.asset_id, reused.get((each.venue_id, each.code), "")), []).append(each)
    names = _Names(registry, {asset_id for asset_id, _ in by_asset})
    for (asset_id, since), group in by_asset.items():
        codes = [f"{each.venue_id}:{each.code}" for each in group]
        told = next((item.value for each in group for item in each.evidence if item.kind == _DECIDED), "")
        yield {"venues": codes, "notes": told, **names.of(asset_id, since)}
    request = pb.ListReviewsRequest(status=pb.REVIEW_STATUS_REJECTED)
    for review in registry.pages(request, "reviews"):
        if review.kind in (pb.REVIEW_KIND_PROVISIONAL, pb.REVIEW_KIND_CANDIDATES):
            yield {"venues": [f"{review.venue_id}:{review.code}"], "decision": "reject", "notes": review.notes}


_DECIDED = identity_pb2.EVIDENCE_KIND_DECISION


def _reused(registry: Registry) -> dict[tuple[str, str], str]:
    """Since when codes that were reused have their meaning."""
    request = pb.ListReviewsRequest(status=pb.REVIEW_STATUS_ACCEPTED, kind=pb.REVIEW_KIND_CODE_CONFLICT)
    reused = {
        (each.venue_id, each.code): each
        for each in registry.pages(request, "reviews")
        if each.decision == pb.REVIEW_DECISION_REUSE
    }
    found = {}
    places = list(reused)
    requests = [contract.ListVenueAssetsRequest(venue_id=venue, venue_asset_symbol=code) for venue, code in places]
    for place, answer in zip(places, registry.calls(requests), strict=True):
        began = [
            each.listed_at for each in getattr(answer, "venue_assets", ()) if each.is_active and each.HasField("listed_at")
        ]
        if len(began) == 1:
            found[place] = began[0].ToDatetime(tzinfo=UTC).isoformat()
    return found


class _Names:
    """What assets are called elsewhere."""

    def __init__(self, registry: Registry, asset_ids: set[str]) -> None:
        self._registry = registry
        self._names: dict[str, str] = {}
        for source in _SOURCES:
            found = registry.pages(contract.ListAssetIdentifiersRequest(source=source), "identifiers")
            named = [each for each in found if each.asset_id in asset_ids and (source != rows.INTERNAL or _is_iso(each))]
            word = assets_pb2.DataSource.Name(source).removeprefix("DATA_SOURCE_").lower()
            for each in sorted(named, key=lambda each: not each.is_primary):
                self._names.setdefault(each.asset_id, f"{word}:{each.external_id}")
        self._place(sorted(asset_ids - self._names.keys()))
        rest = sorted(asset_ids - self._names.keys())
        answers = registry.calls(contract.GetAssetRequest(asset_id=each) for each in rest)
        self._assets = {each: answer.asset for each, answer in zip(rest, answers, strict=True) if hasattr(answer, "asset")}

    def _place(self, asset_ids: Sequence[str]) -> None:
        """Name assets by a contract, or as a native coin."""
        registry = self._registry
        chains = {each.chain_id: each.caip2 for each in registry.pages(contract.ListChainsRequest(), "chains") if each.caip2}
        deployed = registry.calls(contract.ListAssetDeploymentsRequest(asset_id=each, page_size=20) for each in asset_ids)
        for asset_id, answer in zip(asset_ids, deployed, strict=True):
            places = [each for each in getattr(answer, "deployments", ()) if each.chain_id in chains]
            if places:
                first = max(places, key=lambda each: each.is_canonical)
                self._names[asset_id] = f"{chains[first.chain_id]}/{'native' if first.is_native else first.address}"

    def of(self, asset_id: str, since: str) -> dict[str, str]:
        """The columns that name the asset: its id elsewhere, or what it takes to make it."""
        if asset_id in self._names:
            return {"decision": "asset", "asset": self._names[asset_id]} | ({"from": since} if since else {})
        asset = self._assets.get(asset_id)
        if asset is None:
            return {"decision": "asset", "asset": asset_id}
        return {"decision": "new", "symbol": asset.symbol, "name": asset.name, "class": _CLASSES.get(asset.category, "crypto")}


def _is_iso(identifier: Any) -> bool:
    return str(identifier.external_id).startswith("iso4217:")


#: Systems whose ids name assets, the best known first. Of our own ids, only those of ISO 4217 mean the same everywhere.
_SOURCES: Final = (
    rows.COINGECKO,
    assets_pb2.DATA_SOURCE_COINMARKETCAP,
    assets_pb2.DATA_SOURCE_DEFILLAMA,
    assets_pb2.DATA_SOURCE_MESSARI,
    rows.INTERNAL,
)
#: Category of an asset -> its class.
_CLASSES: Final = {"fiat": "fiat", "stock": "equity", "commodity": "commodity", "index": "index"} | {
    each: each for each in ("tokenized", "leveraged", "lp")
}


# ---- apply ---------------------------------------------------------------------------------------------------------


def apply(run: Run, data: bytes, name: str) -> None:
    """Apply a file of decisions. Raises documents.FileError before anything is written, wire.RegistryError."""
    read = list(decision_files.rows(data, name))
    run.report.rows += len(read)
    wanted = []
    for source, each in read:
        if each is None:
            run.report.note("undecided", "rows without a decision")
        elif isinstance(each, Refused):
            run.report.reject(each.kind, each.detail, line=source.line, row=source.excerpt)
        else:
            wanted.append(each)
    wanted = list(_without_contradictions(run, wanted))
    wanted = list(_current(run, wanted))
    progress = run.progress(name, len(wanted))
    for chunk in _chunks(wanted, _DRY if run.dry_run else CHUNK):
        _decide(run, chunk)
        progress.advance(len(chunk))


def _without_contradictions(run: Run, wanted: Sequence[Decided]) -> Iterator[Decided]:
    """The rows, without those that decide a code in two ways; both are refused."""
    ways: dict[tuple[str, str], dict[tuple[Any, ...], int]] = {}
    for each in wanted:
        for code in each.codes:
            ways.setdefault(code, {}).setdefault(each.content, each.source.line)
    for each in wanted:
        other = next(
            ((code, line) for code in each.codes for way, line in ways[code].items() if way != each.content),
            None,
        )
        if other is None:
            yield each
            continue
        place, line = other
        _refuse(run, each, "contradictory", f"line {line} decides {':'.join(place)} differently")


def _refuse(run: Run, row: Decided, kind: str, detail: str) -> None:
    run.report.reject(kind, detail, line=row.source.line, row=row.source.excerpt, about=row.about)


def _current(run: Run, wanted: Sequence[Decided]) -> Iterator[Decided]:
    """The rows whose questions still are what they were: no venue says what the file does not."""
    if not any(each.said for each in wanted):
        yield from wanted
        return
    asked = {
        (code.venue_id, code.code): code
        for page in deciding.pages(run.registry, pb.ListQuestionsRequest(include_unknown=True))
        for question in page.questions
        for code in question.codes
    }
    for each in wanted:
        news = next((text for code in each.codes if code in asked and (text := _news(each, asked[code]))), None)
        if news is None:
            yield each
        else:
            _refuse(run, each, "outdated", f"{news}; export the question again")


def _news(row: Decided, code: Any) -> str:
    """What the venue says of the code and the row does not know, as a clause; empty: nothing."""
    now = {"names": code.names, "classes": [code.asset_class] if code.asset_class else [], "addresses": code.addresses}
    for column, said in row.said.items():
        new = [each for each in now[column] if each not in said]
        if new:
            return f"{code.venue_id} now says {new[0]!r} of {code.code}, which {column} does not have"
    return ""


def _chunks(wanted: Iterable[Decided], size: int) -> Iterator[list[Decided]]:
    """The rows in lists of at most `size` decisions; a row stays whole."""
    chunk: list[Decided] = []
    count = 0
    for each in wanted:
        if chunk and count + len(each.codes) > size:
            yield chunk
            chunk, count = [], 0
        chunk.append(each)
        count += len(each.codes)
    if chunk:
        yield chunk


def _decide(run: Run, chunk: Sequence[Decided]) -> None:
    made = [decision for at, each in enumerate(chunk) for decision in _decisions(at, each)]
    request = pb.DecideReviewsRequest(decisions=made, dry_run=run.dry_run)
    results = iter(run.registry.call(request, timeout=APPLY_TIMEOUT).results)
    for each in chunk:
        _report(run, each, [next(results) for _ in each.codes])


def _decisions(at: int, row: Decided) -> Iterator[pb.Decision]:
    """A decision for each code. A new asset is made of the first code; the others mean the same."""
    for place, (venue, code) in enumerate(row.codes):
        made = pb.Decision(venue_id=venue, code=code, decision=row.decision, group=at)
        if row.decision == pb.REVIEW_DECISION_NEW_ASSET and place:
            made.decision, made.asset = pb.REVIEW_DECISION_ASSET, ":".join(row.codes[0])
        elif row.asset:
            made.asset = row.asset
        if made.decision == pb.REVIEW_DECISION_NEW_ASSET:
            _set(made, symbol=row.symbol, name=row.name, asset_class=row.asset_class)
        if row.since is not None:
            _set_time(made, row.since)
        _set(made, notes=row.notes)
        yield made


def _set_time(decision: pb.Decision, at: datetime) -> None:
    decision.at.FromDatetime(at)


def _set(decision: pb.Decision, **texts: str) -> None:
    for field, value in texts.items():
        if value:
            setattr(decision, field, value)


def _report(run: Run, row: Decided, results: Sequence[Any]) -> None:
    refused = [
        (code, each)
        for code, each in zip(row.codes, results, strict=True)
        if each.outcome == pb.REFUSED and not (each.field == "group" and len(results) > 1)
    ]
    if refused:
        place, first = refused[0]
        _refuse(run, row, first.code.lower(), f"{':'.join(place)}: {first.reason}")
        return
    outcome = report.UPDATED if any(each.outcome == pb.DECIDED for each in results) else report.UNCHANGED
    detail = decision_files.WORDS[row.decision] + (f" {row.asset}" if row.asset else "")
    run.report.add(Entry(outcome, "question", row.about, "", detail, line=row.source.line))
    for warning in dict.fromkeys(text for each in results for text in each.warnings):
        run.report.add(Entry(report.NOTE, "question", row.about, "several_texts", warning, line=row.source.line))
