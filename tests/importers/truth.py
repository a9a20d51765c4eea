"""`python -m tests.importers.truth`: import all shared data, and compare what the venues' codes mean with the truth.

Starts its own registry and stops it. Prints a table per exchange and in sum, the levels of the codes of all exchanges, and each
wrong code by name. The exit code is 1 if anything is wrong, or if less is right than TARGETS says.

    python -m tests.importers.truth --exchanges upbit,bitstamp    only the markets of these
    python -m tests.importers.truth --blind                       then accept every suggestion, and compare again
    python -m tests.importers.truth --decide                      then apply decisions made from the truth, and compare again
"""

import argparse
import csv
import gzip
import json
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from cqar.client import credentials
from cqar.client.connect import connected
from cqar.contract.cqar.v1 import identity_pb2, reviews_pb2
from cqar.contract.cqc.assets.v1 import assets_pb2
from cqar.contract.cqc.markets.v1 import markets_pb2
from cqar.contract.cqc.services.v1 import asset_registry_pb2 as contract
from cqar.importers.identity.evidence import Level
from cqar.importers.run import rows, wire
from cqar.importers.run.wire import Registry, RegistryError
from cqar.model.call import Role
from cqar.model.rules import PROVISIONAL
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
#: The least share after the decisions made from the truth.
DECIDED: Final = 0.98
RIGHT: Final = "right"
WRONG: Final = "wrong"
MISSING: Final = "missing"
SURE: Final = (Level.VERIFIED.name, Level.CORROBORATED.name)
#: From the worst; the last but one are undecided, where an asset is known.
_OUTCOMES: Final = (WRONG, MISSING, "unknown", "contested", "suggested", RIGHT)
_LEVELS: Final = tuple(each.name for each in Level)
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
    """An exchange, or all: codes and markets by outcome, and what is wrong."""

    codes: Counter[str]
    markets: Counter[str]
    wrong: list[str]

    @property
    def share(self) -> float:
        """The share of markets that is right."""
        return self.markets[RIGHT] / (self.markets.total() or 1)


def _table(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def load(exchange: str) -> dict[str, Truth]:
    """The truth about the codes of an exchange."""
    found = [each for each in _table("identity_truth.tsv") if each["venue"] == exchange]
    return {each["code"]: Truth(each["is"], each["coingecko_id"], each["is_not"]) for each in found}


def exchanges() -> list[str]:
    """The exchanges that the truth is known of."""
    return sorted({each["venue"] for each in _table("identity_truth.tsv")})


def compare(truth: Truth, meaning: Meaning | None, level: str = "unknown") -> str:
    """Right, wrong, missing, or the level in lower case where it is undecided and an asset is known."""
    if meaning is None:
        return MISSING
    if meaning.asset.category == PROVISIONAL:
        return level if truth.coingecko_id else RIGHT
    if truth.coingecko_id:
        return RIGHT if truth.coingecko_id in meaning.coingecko_ids else WRONG
    name = _plain(meaning.asset.name)
    return RIGHT if name == _plain(truth.name) != _plain(truth.other) else WRONG


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


class Measure:
    """Reads from a registry what the codes of an exchange mean, and compares it with the truth."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._known: dict[str, Meaning] = {}
        self._claims: dict[str, list[Any]] = {}

    def claims(self) -> Mapping[str, Sequence[Any]]:
        """The claims by venue."""
        if not self._claims:
            for each in self._registry.pages(identity_pb2.ListEvidenceRequest(), "claims"):
                self._claims.setdefault(each.venue_id, []).append(each)
        return self._claims

    def again(self) -> None:
        """Forget what was read."""
        self._known.clear()
        self._claims.clear()

    def score(self, exchange: str) -> Score:
        """The score of the exchange, over the markets all of whose codes are in the truth."""
        truth = load(exchange)
        levels = {each.code: _level(each).lower() for each in self.claims().get(exchange, ())}
        listed = self._listed(exchange, truth)
        self._read({asset_id for row in listed for _, asset_id in row if asset_id})
        score = Score(Counter(), Counter(), [])
        outcomes: dict[str, set[str]] = {code: set() for row in listed for code, _ in row}
        wrong: dict[tuple[str, str], None] = {}
        for row in listed:
            found = []
            for code, asset_id in row:
                found.append(compare(truth[code], self._known.get(asset_id or ""), levels.get(code, "unknown")))
                outcomes[code].add(found[-1])
                if found[-1] == WRONG:
                    wrong[code, asset_id or ""] = None
            score.markets[_worst(found)] += 1
        score.codes.update(_worst(found) for found in outcomes.values())
        score.wrong.extend(self._complaint(exchange, code, truth[code], asset_id) for code, asset_id in sorted(wrong))
        return score

    def _listed(self, exchange: str, truth: Mapping[str, Truth]) -> list[list[tuple[str, str | None]]]:
        """The codes of each market with their assets."""
        markets = json.loads(gzip.decompress((DATA / f"markets_{exchange}.json.gz").read_bytes()))
        markets = [row for row in markets if all(code in truth for code in _codes(row))]
        requests = [
            contract.GetVenueSymbolRequest(venue_id=exchange, venue_symbol=row["id"], symbol_type=_KINDS[row["type"]])
            for row in markets
        ]
        answers = self._registry.calls(requests)
        return [list(zip(_codes(row), _assets(row, answer), strict=True)) for row, answer in zip(markets, answers, strict=True)]

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

    def disagreements(self, venue_id: str) -> Iterator[str]:
        """The codes that mean another asset than the contract addresses of the venue say."""
        by_address = {each["code"]: each for each in _table("identity_by_address.tsv") if each["venue"] == venue_id}
        sure = [each for each in self.claims().get(venue_id, ()) if _level(each) in SURE and each.code in by_address]
        self._read(each.asset_id for each in sure)
        for each in sure:
            meaning, row = self._known[each.asset_id], by_address[each.code]
            if row["coingecko_id"] not in meaning.coingecko_ids:
                yield f"{venue_id} {each.code}: {meaning.asset.name}, but by its address {row['is']} ({row['coingecko_id']})"

    def listed_only(self) -> Iterator[str]:
        """The codes that rest on an asset that only a token list has."""
        sure = {each.asset_id: each for claims in self.claims().values() for each in claims if _level(each) in SURE}
        self._read(sure)
        unvetted = [each for each in sure if not self._known[each].coingecko_ids]
        requests = [contract.ListAssetDeploymentsRequest(asset_id=each, page_size=1000) for each in unvetted]
        for asset_id, answer in zip(unvetted, self._registry.calls(requests), strict=True):
            if answer.deployments and all(rows.LISTED_BY in each.metadata.fields for each in answer.deployments):
                claim, name = sure[asset_id], self._known[asset_id].asset.name
                yield f"{claim.venue_id} {claim.code}: only a token list has {name}"

    def accept_suggestions(self) -> int:
        """Accept every question that has exactly one candidate; the number of them."""
        request = reviews_pb2.ListReviewsRequest(kind=reviews_pb2.REVIEW_KIND_PROVISIONAL)
        single = [each for each in self._registry.pages(request, "reviews") if len(each.candidate_asset_ids) == 1]
        answers = self._registry.calls(reviews_pb2.AcceptReviewRequest(review_id=each.review_id) for each in single)
        self.again()
        return sum(not isinstance(answer, RegistryError) for answer in answers)

    def decisions(self, names: Iterable[str]) -> str:
        """A decision file (CSV) that answers the open questions of the exchanges by the truth."""
        known = set()
        request = contract.ListAssetIdentifiersRequest(source=assets_pb2.DATA_SOURCE_COINGECKO)
        for each in self._registry.pages(request, "identifiers"):
            known.add(each.external_id)
        lines = ["venues,decision,asset,symbol,name"]
        for name in names:
            truth = load(name)
            for each in self._registry.pages(reviews_pb2.ListReviewsRequest(venue_id=name), "reviews"):
                own = truth.get(each.code)
                if own is not None and own.coingecko_id in known:
                    lines.append(f"{name}:{each.code},asset,coingecko:{own.coingecko_id},,")
        return "\n".join([*lines, ""])


def _level(claim: Any) -> str:
    return identity_pb2.IdentityLevel.Name(claim.level).removeprefix("IDENTITY_LEVEL_")


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
    return next(each for each in _OUTCOMES if each in found)


def total(scores: Iterable[Score]) -> Score:
    """The sum of the scores."""
    added = Score(Counter(), Counter(), [])
    for each in scores:
        added.codes.update(each.codes)
        added.markets.update(each.markets)
        added.wrong.extend(each.wrong)
    return added


def table(scores: Mapping[str, Score]) -> Iterator[str]:
    """The lines of the report."""
    shown = tuple(reversed(_OUTCOMES))
    yield f"| exchange | codes: {' | '.join(shown)} | markets: {' | '.join(shown)} | right |"
    yield "| --- " * (2 * len(shown) + 2) + "|"
    for name, each in (*scores.items(), ("all", total(scores.values()))):
        counts = (*(each.codes[one] for one in shown), *(each.markets[one] for one in shown))
        yield f"| {name} | {' | '.join(map(str, counts))} | {100 * each.share:.1f} % |"
    yield from total(scores.values()).wrong
    yield ""


def levels(claims: Mapping[str, Sequence[Any]]) -> Iterator[str]:
    """The lines of the table of levels."""
    yield f"| venue | codes | {' | '.join(_LEVELS)} |"
    yield "| --- " * (2 + len(_LEVELS)) + "|"
    for venue_id, own in sorted(claims.items()):
        counted = Counter(map(_level, own))
        yield f"| {venue_id} | {len(own)} | {' | '.join(str(counted[each]) for each in _LEVELS)} |"
    yield ""


def missed(scores: Mapping[str, Score], targets: Mapping[str | None, float] = TARGETS) -> list[str]:
    """The targets that are missed; empty if nothing is wrong and enough is right."""
    every = total(scores.values())
    found = [f"{len(every.wrong)} codes are wrong"] if every.wrong else []
    for name, each in (*scores.items(), (None, every)):
        least = targets.get(name, 0)
        if each.share < least:
            found.append(f"{name or 'in sum'}: {100 * each.share:.1f} % of the markets are right, not {100 * least:.0f} %")
    return found


def _import(environment: Mapping[str, str], chosen: Sequence[str] | None) -> None:
    for name, words in full.imports():
        exchange = name.removeprefix("markets_")
        if chosen is None or exchange == name or exchange in chosen:
            full.run_import(environment, name, words)


def _decide(environment: Mapping[str, str], text: str) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".csv", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        program = (sys.executable, "-m", "cqar", "review", "apply", file.name, "--quiet")
        done = subprocess.run(program, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    _print([f"decisions: {done.stdout.strip()}"])


def _print(lines: Iterable[str]) -> None:
    sys.stdout.write("".join(f"{each}\n" for each in lines))


def report(registry: Registry, environment: Mapping[str, str], names: Sequence[str], options: argparse.Namespace) -> list[str]:
    """Print what the registry says; the targets that are missed."""
    measure = Measure(registry)
    scores = {name: measure.score(name) for name in names}
    _print(table(scores))
    _print(levels(measure.claims()))
    wrong = list(measure.listed_only())
    for venue_id in ("kucoin", "mexc"):
        wrong += measure.disagreements(venue_id)
    _print(wrong)
    found = [*missed(scores), *([f"{len(wrong)} codes disagree with addresses, or rest on a token list"] if wrong else [])]
    if options.decide:
        _decide(environment, measure.decisions(names))
        measure.again()
        scores = {name: measure.score(name) for name in names}
        _print(table(scores))
        found += missed(scores, {None: DECIDED})
    if options.blind:
        _print([f"{measure.accept_suggestions()} suggestions accepted:"])
        _print(table({name: measure.score(name) for name in names}))
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Import, compare and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.importers.truth")
    parser.add_argument("--exchanges", help="import only the markets of these, separated by commas")
    parser.add_argument("--blind", action="store_true", help="then accept every suggestion, and compare again")
    parser.add_argument("--decide", action="store_true", help="then apply decisions made from the truth, and compare again")
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
            failures = report(Registry(channel), environment, names, options)
    _print(f"FAILED: {each}" for each in failures)
    return int(bool(failures))


if __name__ == "__main__":
    sys.exit(main())
