"""The identity guard: what each code of a venue means, how sure that is, and which questions are open.

It collects evidence (`evidence`, `declared`, `candidates`, `claims`), weighs it (`weigh`), and compares the verdict with what
the code has meant so far. An undecided code means a provisional asset of its own. A meaning that the registry has is never
replaced: where the evidence speaks against it, the code is in conflict until a person decides.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from cqar.contract.cqar.v1 import registry_pb2 as pb
from cqar.contract.cqc.assets.v1 import assets_pb2
from cqar.importers.exchanges.declarations import Exchange
from cqar.importers.identity import declared, evidence
from cqar.importers.identity.candidates import Directory, Owned
from cqar.importers.identity.claims import Claim, Claims
from cqar.importers.identity.evidence import Candidate, Facts, Item, Kind, Level
from cqar.importers.identity.meaning import PROVISIONAL, Meaning, Reading, Stored
from cqar.importers.identity.weigh import Verdict, weigh, weight
from cqar.importers.run import rows
from cqar.importers.run.run import Run

_WORDS: Final = {
    Kind.ADDRESS: "contract address",
    Kind.ADDRESS_IN_LIST: "contract address",
    Kind.DECLARED_ID: "external id",
    Kind.ISO_4217: "external id",
    Kind.NAME: "name",
    Kind.CLASS: "class",
    Kind.AGREEMENT: "agreement",
}
#: The longest evidence on a venue asset, and the most candidates of a review.
_EVIDENCE: Final = 256
_CANDIDATES: Final = 100


class Guard:
    """Judges the codes of one venue, with a bounded number of requests. Every method may raise wire.RegistryError."""

    def __init__(
        self,
        run: Run,
        directory: Directory,
        known: Claims,
        venue_id: str,
        exchange: Exchange,
        renamed: Collection[str] = (),
        *,
        moves: bool = False,
    ) -> None:
        self._run = run
        self._directory = directory
        self._claims = known
        self._venue_id = venue_id
        self._exchange = exchange
        self._renamed = renamed
        #: a code may move off an asset that too little speaks for, and off a provisional one
        self._moves = moves
        self._provisional: set[str] = set()

    def judge(
        self, said: Sequence[Facts], stored: Mapping[str, Sequence[Stored]], known: Mapping[str, Claim]
    ) -> dict[str, Meaning]:
        """The meaning of each code. `stored`: what it means in the registry; `known`: its claim there."""
        means = {each.asset_id for group in stored.values() for each in group}
        self._provisional = {each for each in means if self._directory.is_provisional(each)}
        cases = self._cases(said, {code: [each.asset_id for each in group] for code, group in stored.items()})
        found = {}
        for each, case in zip(said, cases, strict=True):
            verdict = self._weigh(each, case)
            found[each.code] = self._meaning(each, case, verdict, stored.get(each.code, ()), known.get(each.code))
        return found

    # ---- evidence --------------------------------------------------------------------------------------------------

    def _cases(self, said: Sequence[Facts], means: Mapping[str, Sequence[str]]) -> "list[_Case]":
        """The candidates of each code, loaded for all codes at once."""
        directory = self._directory
        owners = directory.owners(address.text for each in said for address in each.addresses)
        keys = [(each, key) for each in said for key in declared.keys(each, self._exchange, self._venue_id, self._renamed)]
        ids = self._run.find(rows.by_identifier(key.source, key.external_id) for _, key in keys)
        cases = {each.code: _Case(directory.knowledge.found(each), [], {}) for each in said}
        for (each, key), asset_id in zip(keys, ids, strict=True):
            _declare(cases[each.code], key, asset_id)
        for each in said:
            cases[each.code].found.extend(_standing(each, owners, directory.knowledge.vetted))
        addressed = [each.code for each in said if each.addresses]
        placed = {asset for code in addressed for asset in (*cases[code].found, *means.get(code, ()))}
        directory.load_places(placed - self._provisional)
        return [cases[each.code] for each in said]

    def _weigh(self, said: Facts, case: "_Case") -> Verdict:
        verdict = weigh(said, self._candidates(said, case), case.items)
        if verdict.asset is None:
            agreeing = self._claims.agreeing(self._venue_id, said)
            if agreeing:
                case.items.extend(agreeing)
                case.found.extend(each.asset for each in agreeing if not self._directory.is_provisional(each.asset))
                verdict = weigh(said, self._candidates(said, case), case.items)
        return verdict

    def _candidates(self, said: Facts, case: "_Case") -> Iterator[Candidate]:
        yield from self._directory.candidates(dict.fromkeys(case.found), said)
        for ref, key in case.new.items():
            row = key.row
            if row is not None:
                name, category = row.asset.name, row.asset.category
                yield Candidate(asset_id=ref, symbol=row.asset.symbol, name=name, asset_class=evidence.CLASSES[category])

    # ---- verdicts --------------------------------------------------------------------------------------------------

    def _meaning(self, said: Facts, case: "_Case", verdict: Verdict, stored: Sequence[Stored], claim: Claim | None) -> Meaning:
        means = sorted({each.asset_id for each in stored})
        basis = Reading(said.ticker, said.first_market, said.first_seen)
        if not means:
            return self._new(said, case, verdict)._replace(basis=basis)
        if len(means) > 1:
            reason = f"{said.code} means {len(means)} assets at {self._venue_id}"
            return Meaning(None, Level.CONTESTED, "", verdict.items, tuple(means), conflict=reason, basis=basis)
        now = stored[0]
        if now.decided or (claim is not None and claim.decided):
            return Meaning(now.asset_id, Level.VERIFIED, now.evidence, verdict.items, basis=basis)
        before = claim.reading if claim is not None else None
        conflict = self._conflict(said, verdict, now.asset_id, before)
        if conflict:
            ranked = self._ranked(verdict, now.asset_id)
            level, basis = Level.CONTESTED, before or basis
            return Meaning(now.asset_id, level, now.evidence, verdict.items, ranked, conflict=conflict, basis=basis)
        if self._moves and verdict.asset != now.asset_id and (verdict.asset is None) != (now.asset_id in self._provisional):
            return self._new(said, case, verdict)._replace(basis=basis)
        return self._kept(said, verdict, now, before)._replace(basis=basis)

    def _new(self, said: Facts, case: "_Case", verdict: Verdict) -> Meaning:
        """The meaning of a code that the registry does not have."""
        if verdict.asset is not None:
            key = case.new.get(verdict.asset)
            text = recorded(said, verdict, verdict.asset)
            return Meaning(verdict.asset, verdict.level, text, verdict.items, row=key.row if key else None)
        row = _provisional(said, self._venue_id)
        ranked = self._ranked(verdict, "")
        question = _undecided(said, verdict, ranked)
        return Meaning(f"ref:{row.ref}", verdict.level, PROVISIONAL, verdict.items, ranked, row, question=question)

    def _kept(self, said: Facts, verdict: Verdict, now: Stored, before: Reading | None) -> Meaning:
        """The meaning that the registry has, with what the evidence says of it now."""
        if verdict.asset == now.asset_id:
            text, moved = recorded(said, verdict, now.asset_id), _moved_in_time(said, before)
            return Meaning(now.asset_id, verdict.level, text, verdict.items, question=moved)
        ranked = self._ranked(verdict, now.asset_id)
        question = _undecided(said, verdict, ranked)
        if now.asset_id in self._provisional:
            # It stays until a person decides, however good the evidence for another asset has become.
            level = Level.SUGGESTED if verdict.asset is not None else verdict.level
            return Meaning(now.asset_id, level, PROVISIONAL, verdict.items, ranked, question=question)
        question = f"{said.code} ({said.ticker}) rests on too little: {now.evidence}"
        return Meaning(now.asset_id, verdict.level, now.evidence, verdict.items, ranked, question=question)

    def _conflict(self, said: Facts, verdict: Verdict, asset_id: str, before: Reading | None) -> str:
        """Why the evidence speaks against what the code has meant so far; empty if it does not."""
        if verdict.asset == asset_id:
            return ""
        if moved := _moved(said, before):
            return moved
        if asset_id in self._provisional:
            return ""
        if verdict.asset is not None:
            text = recorded(said, verdict, verdict.asset)
            return f"{said.code} ({said.ticker}) has meant another asset so far than {text} says"
        own = verdict if asset_id in verdict.ranked else weigh(said, self._directory.candidates([asset_id], said))
        refuting = own.refuting(asset_id)
        if refuting is None:
            return ""
        what = refuting.kind.name.lower().replace("_", " ")
        return f"{said.code} ({said.ticker}) cannot mean what it has meant so far: {what} {refuting.value}"

    def _ranked(self, verdict: Verdict, now: str) -> tuple[str, ...]:
        """The candidates of a question; assets that are not written yet cannot be chosen."""
        first = (verdict.asset,) if verdict.asset is not None else ()
        ranked = dict.fromkeys((*first, *verdict.ranked))
        return tuple(each for each in ranked if each != now and not each.startswith("ref:"))[:_CANDIDATES]


class _Case(NamedTuple):
    """What a code may mean: assets of the registry, evidence besides the facts, and assets that it does not have yet."""

    found: list[str]
    items: list[Item]
    #: `ref:<name>` -> key
    new: dict[str, declared.Key]


def _declare(case: _Case, key: declared.Key, asset_id: str | None) -> None:
    if asset_id is not None:
        case.found.append(asset_id)
        case.items.append(Item(key.kind, asset_id, key.value, strong=key.strong, source="declared"))
    elif key.row is not None:
        ref = f"ref:{key.row.ref}"
        case.new[ref] = key
        case.items.append(Item(key.kind, ref, key.value, strong=key.strong, source="declared"))


def _standing(said: Facts, owners: Mapping[str, Sequence[Owned]], vetted: Collection[str]) -> list[str]:
    """The assets at the addresses of a code, without those that only a token list has."""
    found = (each for address in said.addresses for each in owners.get(address.text, ()))
    return [each.asset_id for each in found if each.asset_id in vetted or not each.listed_only]


def _undecided(said: Facts, verdict: Verdict, ranked: Sequence[str]) -> str:
    """The question about a code that is not decided."""
    if not ranked:
        return f"no asset is known that {said.code} ({said.ticker}) may mean"
    best = f"; the likeliest by {recorded(said, verdict, ranked[0])}" if len(ranked) > 1 else ""
    return f"{said.code} ({said.ticker}) may mean {len(ranked)} {'assets' if len(ranked) > 1 else 'asset'}{best}"


def _moved(said: Facts, before: Reading | None) -> str:
    """How the reading of a code has changed since its meaning was written; empty if it has not."""
    if before is not None and before.ticker.upper() != said.ticker.upper():
        return f"{said.code} has been read as {before.ticker} so far and is read as {said.ticker} now"
    return _moved_in_time(said, before)


def _moved_in_time(said: Facts, before: Reading | None) -> str:
    """Whether the venue says now that the oldest market of a code began later than it said before."""
    if before is None or before.first_seen is None or said.first_seen is None or before.first_market != said.first_market:
        return ""
    if said.first_seen <= before.first_seen:
        return ""
    began = f"began on {said.first_seen:%Y-%m-%d}, not on {before.first_seen:%Y-%m-%d}"
    return f"{said.code} may be another coin: the venue says now that {said.first_market} {began}"


def recorded(said: Facts, verdict: Verdict, asset_id: str) -> str:
    """The evidence for an asset as the venue asset records it: its strongest item."""
    own = [each for each in verdict.items if each.asset == asset_id and not each.against and each.kind in _WORDS]
    if not own:
        return f"ticker {said.ticker}"[:_EVIDENCE]
    best = min(own, key=lambda each: (-weight(each, own), each.kind))
    renamed = f"remap {said.code} is {said.ticker}, " if said.renamed else ""
    return f"{renamed}{_WORDS[best.kind]} {best.value}"[:_EVIDENCE]


def _provisional(said: Facts, venue_id: str) -> pb.ApplyRow:
    """An asset that only this code of this venue means."""
    ref = f"{venue_id}:{said.code}"
    row = rows.asset(
        said.ticker,
        evidence.own_names(said)[0] if evidence.own_names(said) else said.ticker,
        assets_pb2.ASSET_TYPE_NATIVE,
        category=PROVISIONAL,
        identifiers=[rows.identifier(rows.INTERNAL, ref)],
        ref=ref,
    )
    row.unverified = f"stands for a code of {venue_id} until a review decides what the code means"
    return row


def by_code(found: Iterable[tuple[str, Stored]]) -> dict[str, list[Stored]]:
    """The meanings of each code."""
    grouped: dict[str, list[Stored]] = {}
    for code, each in found:
        grouped.setdefault(code, []).append(each)
    return grouped
