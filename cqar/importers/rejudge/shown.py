"""The changes of a run, as lines and as data."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from cqar.importers.identity.candidates import Asset
from cqar.importers.identity.evidence import Item
from cqar.importers.identity.meaning import PROVISIONAL
from cqar.importers.rejudge import changes
from cqar.importers.rejudge.changes import Change, State
from cqar.importers.rejudge.session import Judged

#: What each kind of change means to an operator.
_HEADINGS: Final[Mapping[str, str]] = {
    changes.CONFLICT: "contradicted: the meaning stays, its markets are blocked until it is decided",
    changes.TO_PROVISIONAL: "to a provisional asset, with a question",
    changes.TO_ASSET: "from a provisional asset to its asset",
    changes.UNBLOCKED: "no longer contradicted",
    changes.LEVEL: "level",
    changes.QUESTION: "a new question",
    changes.EVIDENCE: "evidence only",
}
#: Kinds of which only the counts are shown, unless verbose.
_ROUTINE: Final = frozenset((changes.LEVEL, changes.QUESTION, changes.EVIDENCE))
#: Items of evidence that are shown of a change.
_ITEMS: Final = 4

Find = Callable[[str], Asset | None]


def lines(judged: Judged, find: Find, *, verbose: bool) -> Iterator[str]:
    """The changes of a venue, by kind; none if nothing changes. `find`: an asset by its id."""
    found = [each for each in judged.changes if each.kind != changes.UNCHANGED]
    if not found:
        return
    yield f"{judged.venue_id}: {len(found)} of {judged.counts['codes']} codes change"
    for kind in changes.KINDS:
        own = [each for each in found if each.kind == kind]
        if not own:
            continue
        yield f"  {_HEADINGS[kind]}: {len(own)}"
        if kind in _ROUTINE and not verbose:
            yield from _summary(kind, own)
            continue
        for each in own:
            yield from (f"    {line}" for line in _change(each, find))


def _summary(kind: str, own: Sequence[Change]) -> Iterator[str]:
    if kind == changes.LEVEL:
        ways = Counter((_level(each.before), _level(each.after)) for each in own)
        yield "    " + ", ".join(f"{before} -> {after} {count}" for (before, after), count in sorted(ways.items()))


def _change(change: Change, find: Find) -> Iterator[str]:
    before, after = change.before, change.after
    moved = f"{_name(after, find)}, " if after.asset_id != before.asset_id else ""
    count = f"; {change.listings} listing{'' if change.listings == 1 else 's'}" if change.kind in changes.MOVES else ""
    was = f"{_name(before, find)} ({before.evidence or 'written by hand'}), {_level(before)}"
    yield f"{change.code}: {was} -> {moved}{_level(after)}{count}"
    if change.reason:
        yield f"  {change.reason}"
    yield from (f"  {_item(each, find)}" for each in _telling(change))


def _telling(change: Change) -> list[Item]:
    """The evidence that decides: what is for the new meaning and against the old one."""
    chosen = change.after.asset_id if change.after.evidence != PROVISIONAL else next(iter(change.candidates), "")
    for_it = [each for each in change.items if each.asset == chosen and not each.against]
    against = [each for each in change.items if each.asset in (chosen, change.before.asset_id) and each.against]
    return sorted((*against, *for_it), key=lambda each: (not each.against, each.kind))[:_ITEMS]


def _item(item: Item, find: Find) -> str:
    asset = find(item.asset)
    name = item.asset.removeprefix("ref:") if asset is None else asset.name
    return f"{'against' if item.against else 'for'} {name}: {item.kind.name.lower().replace('_', ' ')} {item.value}"


def _name(state: State, find: Find) -> str:
    asset = find(state.asset_id)
    if asset is None:
        return "a provisional asset" if state.evidence == PROVISIONAL else state.asset_id.removeprefix("ref:")
    return f"{asset.symbol}, {asset.name}"


def _level(state: State) -> str:
    return state.level_name or "no level"


def data(judged: Judged, find: Find) -> dict[str, Any]:
    """The changes of a venue as data."""
    found = [_data(each, find) for each in judged.changes if each.kind != changes.UNCHANGED]
    return {"venue_id": judged.venue_id, "counts": dict(judged.counts), "changes": found}


def _data(change: Change, find: Find) -> dict[str, Any]:
    return {
        "code": change.code,
        "change": change.kind,
        "before": _state(change.before, find),
        "after": _state(change.after, find),
        "reason": change.reason,
        "listings": change.listings,
        "candidates": list(change.candidates),
        "evidence": [
            {
                "kind": each.kind.name,
                "asset_id": each.asset,
                "against": each.against,
                "value": each.value,
                "source": each.source,
            }
            for each in change.items
        ],
    }


def _state(state: State, find: Find) -> dict[str, Any]:
    asset = find(state.asset_id)
    known = {} if asset is None else {"asset_id": asset.asset_id, "symbol": asset.symbol, "name": asset.name}
    return {**known, "level": state.level_name, "evidence": state.evidence}


def totals(found: Sequence[Judged], refused: int) -> dict[str, int]:
    """The counts of all venues."""
    total: Counter[str] = Counter()
    for each in found:
        total.update(each.counts)
    kinds = ("codes", *changes.KINDS, changes.UNCHANGED, changes.DECIDED)
    return {**{kind: total[kind] for kind in kinds}, "refused": refused}
