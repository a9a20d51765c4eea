"""`python -m tests.importers.truth`: import all shared data, and compare what the venues' codes mean with the truth.

Starts its own registry and stops it. Prints a table per exchange and in sum, then each wrong code by name. The exit code is 1
if anything is wrong, or if less is right than TARGETS says.

    python -m tests.importers.truth --exchanges upbit,bitstamp    only the markets of these
    python -m tests.importers.truth --blind                       then accept every suggestion, and compare again
"""

import argparse
import csv
import gzip
import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from cqar.client import credentials
from cqar.client.connect import connected
from cqar.contract.cqar.v1 import reviews_pb2
from cqar.contract.cqc.assets.v1 import assets_pb2
from cqar.contract.cqc.markets.v1 import markets_pb2
from cqar.contract.cqc.services.v1 import asset_registry_pb2 as contract
from cqar.importers.run import wire
from cqar.importers.run.wire import Registry, RegistryError
from cqar.model.call import Role
from tests.importers import full
from tests.importers.imports import DATA

#: The least share of markets that is right, by exchange; None: in sum.
TARGETS: Final[Mapping[str | None, float]] = {
    "upbit": 0.90,
    "bitstamp": 0.90,
    "htx": 0.65,
    "bittrex": 0.65,
    "probit": 0.65,
    None: 0.75,
}
RIGHT: Final = "right"
WRONG: Final = "wrong"
PROVISIONAL: Final = "provisional"
MISSING: Final = "missing"
_OUTCOMES: Final = (RIGHT, WRONG, PROVISIONAL, MISSING)
_FIELDS = ("base", "quote", "settle")
_KINDS: Final[Mapping[str, markets_pb2.SymbolType]] = {
    "spot": markets_pb2.SYMBOL_TYPE_SPOT,
    "swap": markets_pb2.SYMBOL_TYPE_PERPETUAL,
    "future": markets_pb2.SYMBOL_TYPE_FUTURE,
}


class Truth(NamedTuple):
    """What a code of a venue is."""

    name: str
    coingecko_id: str
    #: the name of what it must not be
    other: str


class Meaning(NamedTuple):
    """An asset that a code means in the registry."""

    asset: Any
    coingecko_ids: frozenset[str]


class Score(NamedTuple):
    """An exchange, or all: codes and markets by outcome, codes by level, and what is wrong."""

    codes: Counter[str]
    markets: Counter[str]
    levels: Counter[str]
    wrong: list[str]

    @property
    def share(self) -> float:
        """The share of markets that is right."""
        return self.markets[RIGHT] / (self.markets.total() or 1)


def load(exchange: str) -> dict[str, Truth]:
    """The truth about the codes of an exchange."""
    with (DATA / "identity_truth.tsv").open(encoding="utf-8") as file:
        rows = [each for each in csv.DictReader(file, delimiter="\t") if each["venue"] == exchange]
    return {each["code"]: Truth(each["is"], each["coingecko_id"], each["is_not"]) for each in rows}


def exchanges() -> list[str]:
    """The exchanges that the truth is known of."""
    with (DATA / "identity_truth.tsv").open(encoding="utf-8") as file:
        return sorted({each["venue"] for each in csv.DictReader(file, delimiter="\t")})


def compare(truth: Truth, meaning: Meaning | None) -> str:
    """Right, wrong, provisional (undecided, where an asset is known) or missing."""
    if meaning is None:
        return MISSING
    if meaning.asset.category == PROVISIONAL:
        return PROVISIONAL if truth.coingecko_id else RIGHT
    if truth.coingecko_id:
        return RIGHT if truth.coingecko_id in meaning.coingecko_ids else WRONG
    names = _plain(truth.name), _plain(truth.other)
    return RIGHT if _plain(meaning.asset.name) in names[:1] and names[0] != names[1] else WRONG


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


class Measure:
    """Reads from a registry what the codes of an exchange mean, and compares it with the truth."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._known: dict[str, Meaning] = {}

    def score(self, exchange: str) -> Score:
        """The score of the exchange, over the markets all of whose codes are in the truth."""
        truth = load(exchange)
        rows = json.loads(gzip.decompress((DATA / f"markets_{exchange}.json.gz").read_bytes()))
        rows = [row for row in rows if all(code in truth for code in _codes(row))]
        requests = [
            contract.GetVenueSymbolRequest(venue_id=exchange, venue_symbol=row["id"], symbol_type=_KINDS[row["type"]])
            for row in rows
        ]
        sides: dict[str, set[str]] = {}
        listed: list[list[tuple[str, str | None]]] = []
        for row, answer in zip(rows, self._registry.calls(requests), strict=True):
            own = list(zip(_codes(row), _assets(row, answer), strict=True))
            listed.append(own)
            for code, asset_id in own:
                sides.setdefault(code, set()).update([asset_id] if asset_id else [])
        self._read({asset_id for found in sides.values() for asset_id in found})
        outcomes = {
            code: {compare(truth[code], self._known[each]) for each in found} or {MISSING} for code, found in sides.items()
        }
        score = Score(Counter(), Counter(), self._levels(exchange, truth), [])
        for found in outcomes.values():
            score.codes[_worst(found)] += 1
        for own in listed:
            score.markets[_worst(compare(truth[code], self._known.get(each or "")) for code, each in own)] += 1
        for code in sorted(code for code, found in outcomes.items() if WRONG in found):
            score.wrong.extend(self._complaint(exchange, code, truth[code], each) for each in sides[code])
        return score

    def _complaint(self, exchange: str, code: str, truth: Truth, asset_id: str) -> str:
        meaning = self._known[asset_id]
        ids = ", ".join(sorted(meaning.coingecko_ids)) or "no CoinGecko id"
        return f"{exchange} {code}: {meaning.asset.name} ({ids}), but it is {truth.name} ({truth.coingecko_id or 'no id'})"

    def _read(self, asset_ids: Iterable[str]) -> None:
        wanted = sorted(set(asset_ids) - set(self._known))
        source = assets_pb2.DATA_SOURCE_COINGECKO
        assets = self._registry.calls(contract.GetAssetRequest(asset_id=each) for each in wanted)
        named = self._registry.calls(
            contract.ListAssetIdentifiersRequest(asset_id=each, source=source, page_size=100) for each in wanted
        )
        for asset_id, asset, ids in zip(wanted, assets, named, strict=True):
            self._known[asset_id] = Meaning(asset.asset, frozenset(each.external_id for each in ids.identifiers))

    def _levels(self, exchange: str, truth: Mapping[str, Truth]) -> Counter[str]:
        """The codes by level, as far as the truth is known."""
        levels = Counter[str]()
        for each in self._registry.pages(contract.ListVenueAssetsRequest(venue_id=exchange), "venue_assets"):
            codes = truth.keys() & {each.venue_asset_symbol, *each.venue_asset_aliases}
            evidence = each.identity_evidence.split(" ")[0] or "none"
            levels[evidence] += len(codes)
        return levels

    def accept_suggestions(self) -> int:
        """Accept every question that has exactly one candidate; the number of them."""
        request = reviews_pb2.ListReviewsRequest(kind=reviews_pb2.REVIEW_KIND_PROVISIONAL)
        single = [each for each in self._registry.pages(request, "reviews") if len(each.candidate_asset_ids) == 1]
        answers = self._registry.calls(reviews_pb2.AcceptReviewRequest(review_id=each.review_id) for each in single)
        self._known.clear()
        return sum(not isinstance(answer, RegistryError) for answer in answers)


def _codes(row: Mapping[str, Any]) -> list[str]:
    return [row[f"{each}Id"] for each in _FIELDS if row.get(f"{each}Id")]


def _assets(row: Mapping[str, Any], answer: Any) -> list[str | None]:
    """The assets of base, quote and settlement, as far as the row has them."""
    if isinstance(answer, RegistryError):
        return [None] * len(_codes(row))
    symbol = answer.symbol
    ids = (symbol.base_asset_id, symbol.quote_asset_id, symbol.settlement_asset_id)
    return [found or None for each, found in zip(_FIELDS, ids, strict=True) if row.get(f"{each}Id")]


def _worst(outcomes: Iterable[str]) -> str:
    found = set(outcomes)
    return next(each for each in (WRONG, MISSING, PROVISIONAL, RIGHT) if each in found)


def total(scores: Iterable[Score]) -> Score:
    """The sum of the scores."""
    added = Score(Counter(), Counter(), Counter(), [])
    for each in scores:
        added.codes.update(each.codes)
        added.markets.update(each.markets)
        added.levels.update(each.levels)
        added.wrong.extend(each.wrong)
    return added


def table(scores: Mapping[str, Score]) -> Iterator[str]:
    """The lines of the report."""
    yield f"| exchange | codes: {' | '.join(_OUTCOMES)} | markets: {' | '.join(_OUTCOMES)} | right |"
    yield "| --- " * (2 * len(_OUTCOMES) + 2) + "|"
    for name, each in (*scores.items(), ("all", total(scores.values()))):
        counts = (*(each.codes[one] for one in _OUTCOMES), *(each.markets[one] for one in _OUTCOMES))
        yield f"| {name} | {' | '.join(map(str, counts))} | {100 * each.share:.1f} % |"
    yield ""
    for name, each in scores.items():
        yield f"{name}: codes by level: {', '.join(f'{level} {count}' for level, count in sorted(each.levels.items()))}"
    yield from total(scores.values()).wrong


def missed(scores: Mapping[str, Score]) -> list[str]:
    """The targets that are missed; empty if nothing is wrong and enough is right."""
    every = total(scores.values())
    found = [f"{len(every.wrong)} codes are wrong"] if every.wrong else []
    for name, each in (*scores.items(), (None, every)):
        if each.share < TARGETS.get(name, 0):
            found.append(
                f"{name or 'in sum'}: {100 * each.share:.1f} % of the markets are right, not {100 * TARGETS[name]:.0f} %"
            )
    return found


def _import(environment: Mapping[str, str], chosen: Sequence[str] | None) -> None:
    for name, words in full.imports():
        exchange = name.removeprefix("markets_")
        if chosen is None or exchange == name or exchange in chosen:
            full.run_import(environment, name, words)


def main(arguments: Sequence[str] | None = None) -> int:
    """Import, compare and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.importers.truth")
    parser.add_argument("--exchanges", help="import only the markets of these, separated by commas")
    parser.add_argument("--blind", action="store_true", help="then accept every suggestion, and compare again")
    options = parser.parse_args(arguments)
    if not DATA.exists():
        sys.stderr.write(f"the shared data are not at {DATA}\n")
        return 1
    chosen = options.exchanges.split(",") if options.exchanges else None
    names = [each for each in exchanges() if chosen is None or each in chosen]
    with full.registry() as environment:
        _import(environment, chosen)
        address, key = (
            f"127.0.0.1:{environment['CQAR_ADMIN_PORT']}",
            credentials.find(Path(environment["CQAR_HOME"]), Role.ADMIN),
        )
        with connected(address, key, None, wire.OPTIONS) as channel:
            measure = Measure(Registry(channel))
            scores = {name: measure.score(name) for name in names}
            sys.stdout.write("\n".join((*table(scores), "")))
            if options.blind:
                sys.stdout.write(f"\n{measure.accept_suggestions()} suggestions accepted:\n")
                sys.stdout.write("\n".join((*table({name: measure.score(name) for name in names}), "")))
    failures = missed(scores)
    sys.stdout.write("".join(f"FAILED: {each}\n" for each in failures))
    return int(bool(failures))


if __name__ == "__main__":
    sys.exit(main())
