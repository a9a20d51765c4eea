"""Judge the codes of venues again, and write what changes in bounded transactions. It can be interrupted and repeated."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from cqar.contract.cqar.v1 import registry_pb2 as pb
from cqar.contract.cqar.v1 import reviews_pb2
from cqar.importers.identity import claims
from cqar.importers.identity.candidates import Asset, Directory
from cqar.importers.identity.claims import Claim, Claims
from cqar.importers.identity.evidence import Facts, Level
from cqar.importers.identity.guard import Guard
from cqar.importers.identity.meaning import Meaning, Reading
from cqar.importers.rejudge import changes
from cqar.importers.rejudge.changes import MOVES, TO_PROVISIONAL, UNCHANGED, Change, Known
from cqar.importers.rejudge.venue import Renamings, Symbols, Venue
from cqar.importers.run import documents
from cqar.importers.run.run import Item, Run

#: Moves of one call, which is one transaction.
_MOVES: Final = 50
#: How often codes are judged at most, each time with what was found verified of the other venues the time before.
_PASSES: Final = 5


class Judged(NamedTuple):
    """A venue, and what changes there."""

    venue_id: str
    changes: list[Change]
    #: the number of codes that persons have decided
    decided: int

    @property
    def counts(self) -> Mapping[str, int]:
        """The number of codes by what happens to them."""
        return changes.counts(self.changes, self.decided)


class Rejudging:
    """One run: loads the venues and judges their codes; `apply` writes a venue. Every method may raise wire.RegistryError."""

    def __init__(self, run: Run, venue_ids: Sequence[str] = ()) -> None:
        run.require(reviews_pb2.MoveCodesRequest(), "judging codes again moves them")
        self._run = run
        self._directory, self._claims = Directory(run), Claims(run)
        renamings = Renamings(run)
        self._everywhere = renamings.everywhere
        symbols = Symbols(run)
        wanted = dict.fromkeys(venue_ids) or renamings.venue_ids
        self._venues = {each: Venue(run, each, self._directory, symbols, renamings) for each in wanted}
        self._meanings = self._judge()
        #: (venue, codes that are done, all its codes) while a venue is written
        self.reached: tuple[str, int, int] | None = None

    def asset(self, asset_id: str) -> Asset | None:
        """An asset by its id; None if the registry does not have it yet."""
        return self._directory.knowledge.assets.get(asset_id)

    # ---- judging ---------------------------------------------------------------------------------------------------

    def _judge(self) -> dict[str, dict[str, Meaning]]:
        """The meanings of all codes by venue. What is verified at one venue is evidence at another."""
        verified: list[Claim] = []
        found: dict[str, dict[str, Meaning]] = {}
        for _ in range(_PASSES):
            self._claims.assume(self._venues.keys(), [*self._decided(), *verified])
            found = {venue_id: self._meanings_of(venue) for venue_id, venue in self._venues.items()}
            earlier, verified = verified, list(self._verified(found))
            if verified == earlier:
                break
        return found

    def _meanings_of(self, venue: Venue) -> dict[str, Meaning]:
        guard = Guard(self._run, self._directory, self._claims, venue.venue_id, venue.exchange, self._everywhere, moves=True)
        said = venue.codes.facts
        found = guard.judge(list(said.values()), {code: venue.stored[code] for code in said}, venue.claims)
        # How the code was read is known to imports alone.
        return {code: each if venue.is_read(code) else each._replace(basis=Reading("")) for code, each in found.items()}

    def _decided(self) -> Iterator[Claim]:
        """The claims of persons at the venues."""
        for venue in self._venues.values():
            yield from (each for code, each in venue.claims.items() if each.decided and venue.is_verified(code))

    def _verified(self, found: Mapping[str, Mapping[str, Meaning]]) -> Iterator[Claim]:
        """The claims that are verified by what was judged."""
        for venue_id, meanings in found.items():
            said = self._venues[venue_id].codes.facts
            for code, each in meanings.items():
                if each.level is Level.VERIFIED and each.asset is not None and not each.asset.startswith("ref:"):
                    yield _claim(venue_id, said[code], each.asset)

    def judged(self) -> Iterator[Judged]:
        """The venues with their changes."""
        for venue_id, venue in self._venues.items():
            meanings = self._meanings[venue_id]
            found = [self._change(venue, code, each) for code, each in sorted(meanings.items())]
            yield Judged(venue_id, found, len(venue.decided))

    def _change(self, venue: Venue, code: str, meaning: Meaning) -> Change:
        stored = venue.stored[code]
        asked = frozenset(kind for kind, other in venue.asked if other == code)
        markets = venue.markets.get(stored[0].asset_id)
        known = Known(stored, venue.messages.get(code), asked, 0 if markets is None else markets.count)
        claim = None if meaning.asset is None else claims.write(venue.venue_id, venue.codes.facts[code], meaning.asset, meaning)
        return changes.change(known, meaning, claim, code)

    # ---- writing ---------------------------------------------------------------------------------------------------

    def apply(self, judged: Judged) -> list[str]:
        """Write the changes of a venue; returns remarks about moved codes. What is refused is in the report of the run."""
        if all(each.kind == UNCHANGED for each in judged.changes):
            return []
        venue, meanings = self._venues[judged.venue_id], dict(self._meanings[judged.venue_id])
        remarks: list[str] = []
        self.reached = (judged.venue_id, 0, len(meanings))
        moves = [each for each in judged.changes if each.kind in MOVES]
        self._create(venue, meanings, moves)
        for at, chunk in enumerate(documents.chunks(moves, _MOVES)):
            remarks += self._move(venue, meanings, [each for each in chunk if each.code in meanings])
            self.reached = (judged.venue_id, at * _MOVES + len(chunk), len(meanings))
        venue.codes.read_stored()
        venue.codes.facts = {code: venue.codes.facts[code] for code in meanings}
        venue.codes.write(meanings, self._claims, venue.claims)
        self.reached = None
        return remarks

    def _create(self, venue: Venue, meanings: dict[str, Meaning], moves: Iterable[Change]) -> None:
        """Create the assets that codes move to and that are not provisional: money, and other classes."""
        items = {}
        for each in moves:
            row = meanings[each.code].row
            if row is not None and each.kind != TO_PROVISIONAL:
                items[each.code] = Item(row, f"{row.asset.symbol} at {venue.venue_id}", differs=False)
        for code, result in zip(items, self._run.write(list(items.values()), pb.CREATE_ONLY), strict=True):
            if result.outcome == pb.REJECTED:
                del meanings[code]
            else:
                meanings[code] = _made(meanings[code], result.id)

    def _move(self, venue: Venue, meanings: dict[str, Meaning], moves: Sequence[Change]) -> Iterator[str]:
        """Move codes in one call; `meanings` then have the assets, and no code that did not move."""
        request = reviews_pb2.MoveCodesRequest(source=self._run.report.source)
        request.moves.extend(_request(venue, each, meanings[each.code]) for each in moves)
        for each, result in zip(moves, self._run.registry.call(request).results, strict=True):
            about = f"{each.code} at {venue.venue_id}"
            if result.outcome == reviews_pb2.NOT_MOVED:
                self._run.report.reject(f"{result.code} {result.field}".lower().rstrip(), result.reason, about=about)
                del meanings[each.code]
                continue
            meanings[each.code] = meanings[each.code]._replace(asset=result.asset_id, row=None)
            yield from (f"{about}: {warning}" for warning in result.warnings)
            if result.unclear:
                yield f"{about}: listings that name none of its codes did not move: {', '.join(result.unclear)}"


def _made(meaning: Meaning, asset_id: str) -> Meaning:
    """The meaning and its evidence, about the asset that has been created for it."""
    items = tuple(each._replace(asset=asset_id) if each.asset == meaning.asset else each for each in meaning.items)
    return meaning._replace(asset=asset_id, items=items, row=None)


def _request(venue: Venue, change: Change, meaning: Meaning) -> reviews_pb2.CodeMove:
    made = reviews_pb2.CodeMove(
        venue_id=venue.venue_id,
        code=change.code,
        from_asset_id=change.before.asset_id,
        identity_evidence=meaning.evidence,
    )
    said = venue.codes.facts[change.code]
    if change.kind == TO_PROVISIONAL and meaning.row is not None:
        made.symbol, made.name = meaning.row.asset.symbol, meaning.row.asset.name
        review = venue.codes.review(change.code, meaning, change.before.asset_id)
        if review is not None:
            made.review.CopyFrom(review)
            # The asset that it means so far may be a candidate of the new question.
            del made.review.candidate_asset_ids[:]
            made.review.candidate_asset_ids.extend(meaning.candidates)
    else:
        made.to_asset_id = meaning.asset or ""
    claim = claims.write(venue.venue_id, said, made.to_asset_id, meaning)
    made.claim.CopyFrom(claim)
    return made


def _claim(venue_id: str, said: Facts, asset_id: str) -> Claim:
    """A verified claim, as other venues compare with it."""
    addresses = tuple(each.text for each in said.addresses)
    return Claim(venue_id, said.code, asset_id, False, "", None, said.names, addresses)  # noqa: FBT003 - by position
