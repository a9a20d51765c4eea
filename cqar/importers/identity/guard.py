"""The identity guard: which asset a venue means by a code, by which evidence, and when to leave it open.

| evidence, the strongest first | recorded as |
|---|---|
| a person's decision | `review` |
| the contract's address that the venue's payload has is a deployment of one asset | `contract address ...` |
| the venue's own renaming (`commonCurrencies`) of a code to a unified one, with what that one is | `remap XXBT is BTC, ...` |
| an external id: of ISO 4217, of CoinGecko for ccxt's fixed codes, or a declared underlying | `external id ...` |
| the venue's earlier mapping of the code | what was recorded then |
| nothing: an asset that only this venue uses | `provisional` |

A ticker decides nothing: it finds the candidates of the question that a provisional asset opens. Candidates are vetted: they
have an id of a curated source. They are not provisional, neither money nor an index, and bear no SCAM flag. A row that only a
token list has is not a candidate.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from cqar.contract.cqar.v1 import registry_pb2 as pb
from cqar.contract.cqc.assets.v1 import assets_pb2
from cqar.contract.cqc.services.v1 import asset_registry_pb2 as contract
from cqar.importers.exchanges.declarations import Exchange, Underlying
from cqar.importers.identity import flags, iso4217, known
from cqar.importers.run import rows
from cqar.importers.run.run import Run
from cqar.importers.run.wire import RegistryError
from cqar.model import rules

PROVISIONAL: Final = rules.PROVISIONAL
INDEX, STOCK = "index", "stock"
#: Categories that no ticker of a coin means.
_APART = frozenset({PROVISIONAL, iso4217.FIAT, iso4217.COMMODITY, INDEX, STOCK})
#: Sources that assign an id to a coin after they have looked at it.
CURATED: Final = (assets_pb2.DATA_SOURCE_COINGECKO, assets_pb2.DATA_SOURCE_COINMARKETCAP)
#: How evidence is recorded, the strongest first.
LEVELS: Final = ("review", "contract address", "remap", "external id", "ticker", PROVISIONAL)
#: Addresses of which each says by its form alone that it is one; names of accounts, as EOS has them, do not.
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}|[1-9A-HJ-NP-Za-km-z]{32,44}|(?:EQ|UQ)[0-9A-Za-z_-]{46}|0x[0-9a-fA-F]{1,64}::\w+::\w+")


class Use(msgspec.Struct):
    """A code of a venue and how its markets use it."""

    code: str
    ticker: str
    #: it is a quote or settles
    as_money: bool = False
    #: everyone can list a coin under this code
    unvetted: bool = False
    addresses: set[str] = msgspec.field(default_factory=set)


class Verdict(NamedTuple):
    """What a code means. Without an asset it is not decided: `candidates` are what a review has to choose from."""

    #: an id, or `ref:<name>` of `row`
    asset: str | None
    evidence: str
    #: the new asset
    row: pb.ApplyRow | None = None
    candidates: tuple[str, ...] = ()
    #: the asset that the venue has meant by the code so far, where the evidence speaks against it
    against: str | None = None


class Stored(NamedTuple):
    """A venue asset of the registry."""

    asset_id: str
    evidence: str


def level(evidence: str) -> int:
    """The place of recorded evidence in LEVELS; the last for what is not of importers."""
    return next((at for at, name in enumerate(LEVELS) if evidence.startswith(name)), len(LEVELS))


class Directory:
    """The vetted assets by ticker, loaded once for all venues of an exchange, when the first ticker asks for candidates."""

    def __init__(self, run: Run, tickers: Iterable[str]) -> None:
        self._run = run
        self._tickers = frozenset(each.upper() for each in tickers)
        self._candidates: dict[str, list[str]] | None = None

    def find(self, tickers: Iterable[str]) -> dict[str, list[str]]:
        """The vetted assets that have each ticker, in any case. Raises wire.RegistryError."""
        wanted = list(tickers)
        if not wanted:
            return {}
        candidates = self._load()
        return {ticker: candidates.get(ticker.upper(), []) for ticker in wanted}

    def _load(self) -> dict[str, list[str]]:
        if self._candidates is None:
            registry = self._run.registry
            excluded = flags.flagged(self._run, assets_pb2.FLAG_TYPE_SCAM)
            vetted = {
                each.asset_id
                for source in CURATED
                for each in registry.pages(contract.ListAssetIdentifiersRequest(source=source), "identifiers")
            } - excluded
            self._candidates = {}
            for asset in registry.pages(contract.ListAssetsRequest(), "assets"):
                ticker = asset.symbol.upper()
                if ticker in self._tickers and asset.asset_id in vetted and asset.category not in _APART:
                    self._candidates.setdefault(ticker, []).append(asset.asset_id)
        return self._candidates


class Guard:
    """Judges the codes of one venue, with a fixed number of registry requests."""

    def __init__(self, run: Run, directory: Directory, venue_id: str, exchange: Exchange, remaps: Mapping[str, str]) -> None:
        self._run = run
        self._directory = directory
        self._venue_id = venue_id
        self._exchange = exchange
        self._remaps = remaps
        self._provisional: set[str] = set()
        self._by_address: dict[str, set[str]] = {}
        self._by_external: dict[tuple[int, str], str | None] = {}
        self._by_ticker: dict[str, list[str]] = {}

    def judge(self, uses: Sequence[Use], stored: Mapping[str, Sequence[Stored]]) -> dict[str, Verdict]:
        """A verdict for each code. `stored`: what the venue's codes mean in the registry. Raises wire.RegistryError."""
        self._load_addresses(uses)
        self._load_external(uses)
        strong = {use.code: self._strong(use) for use in uses}
        earlier = {use.code: stored.get(use.code, ()) for use in uses}
        self._by_ticker = self._directory.find({use.ticker for use in uses if strong[use.code] is None and not use.unvetted})
        doubted = {
            each.asset_id
            for code, found in strong.items()
            for each in earlier[code]
            if found is None or found.asset != each.asset_id
        }
        self._load_provisional(doubted)
        return {use.code: self._verdict(use, strong[use.code], earlier[use.code]) for use in uses}

    # ---- evidence --------------------------------------------------------------------------------------------------

    def _load_addresses(self, uses: Sequence[Use]) -> None:
        wanted = sorted({each for use in uses for each in use.addresses if _ADDRESS.fullmatch(each)})
        requests = [contract.ListAssetDeploymentsRequest(address=each, page_size=100) for each in wanted]
        for address, answer in zip(wanted, self._run.registry.calls(requests), strict=True):
            if not isinstance(answer, RegistryError):
                self._by_address[address] = {each.asset_id for each in answer.deployments if not each.is_native}

    def _load_external(self, uses: Sequence[Use]) -> None:
        wanted = {key for use in uses if (key := self._external_key(use)) is not None}
        keys = sorted(wanted)
        found = self._run.find(rows.by_identifier(source, external_id) for source, external_id in keys)  # type: ignore[arg-type]
        self._by_external = dict(zip(keys, found, strict=True))

    def _external_key(self, use: Use) -> tuple[int, str] | None:
        """The external id that a code is declared to have."""
        underlying = self._exchange.underlyings.get(use.ticker)
        if underlying is not None:
            own = iso4217.external_id(underlying.iso4217) if underlying.iso4217 else f"{self._venue_id}:{use.code}"
            return rows.INTERNAL, own
        if use.unvetted:
            return None
        if use.ticker in known.COINGECKO and use.ticker not in known.AMBIGUOUS:
            return rows.COINGECKO, known.COINGECKO[use.ticker]
        if iso4217.known(use.ticker) and use.as_money:
            return rows.INTERNAL, iso4217.external_id(use.ticker)
        return None

    def _strong(self, use: Use) -> Verdict | None:
        """The verdict by evidence other than ticker and history."""
        for address in sorted(use.addresses):
            owners = self._by_address.get(address, set())
            if len(owners) == 1:
                return Verdict(next(iter(owners)), f"contract address {address}"[:256])
            if len(owners) > 1:
                return Verdict(None, f"contract address {address}", candidates=tuple(sorted(owners)))
        remapped = self._remaps.get(use.code) == use.ticker and use.code != use.ticker
        found = self._external(use)
        if found is None or not remapped:
            return found
        return found._replace(evidence=f"remap {use.code} is {use.ticker}, {found.evidence}"[:256])

    def _external(self, use: Use) -> Verdict | None:
        key = self._external_key(use)
        if key is None:
            return None
        source, external_id = key
        name = f"external id {external_id}" if source == rows.INTERNAL else f"external id coingecko:{external_id}"
        asset_id = self._by_external[key]
        if asset_id is not None:
            return Verdict(asset_id, name)
        if source == rows.COINGECKO:
            return None
        row = self._new(use, external_id)
        return Verdict(f"ref:{row.ref}", name, row)

    def _new(self, use: Use, external_id: str) -> pb.ApplyRow:
        """Money, or what is declared as an underlying."""
        underlying = self._exchange.underlyings.get(use.ticker)
        ref = f"{self._venue_id}:{external_id}"
        if underlying is None:
            return iso4217.asset(use.ticker, ref)
        if underlying.iso4217 is not None:
            return iso4217.asset(underlying.iso4217, ref)
        return _underlying(use, underlying, external_id, ref)

    def _load_provisional(self, asset_ids: Iterable[str]) -> None:
        """Which of the assets that the venue's codes mean so far are provisional."""
        answers = self._run.registry.calls(contract.GetAssetRequest(asset_id=each) for each in sorted(asset_ids))
        self._provisional = {
            answer.asset.asset_id for answer in answers if hasattr(answer, "asset") and answer.asset.category == PROVISIONAL
        }

    # ---- verdicts --------------------------------------------------------------------------------------------------

    def _verdict(self, use: Use, strong: Verdict | None, earlier: Sequence[Stored]) -> Verdict:
        means = sorted({each.asset_id for each in earlier})
        if len(means) > 1:
            return Verdict(None, "the venue's codes mean several assets", candidates=tuple(means))
        decided = any(level(each.evidence) == 0 for each in earlier)
        if decided or (strong is None and means and means[0] not in self._provisional):
            return Verdict(means[0], earlier[0].evidence)
        candidates = self._candidates(use, strong)
        if not means:
            return strong if strong is not None and strong.asset else self._provisionally(use, candidates)
        if strong is not None and strong.asset == means[0]:
            return strong
        if means[0] in self._provisional or means[0] in candidates:
            # It remains until a review decides for the other one.
            return Verdict(means[0], earlier[0].evidence, candidates=candidates)
        return Verdict(None, strong.evidence if strong else PROVISIONAL, candidates=candidates, against=means[0])

    def _candidates(self, use: Use, strong: Verdict | None) -> tuple[str, ...]:
        if strong is None:
            return tuple(self._by_ticker.get(use.ticker, ()))[:100]
        return strong.candidates[:100] or ((strong.asset,) if strong.asset and strong.row is None else ())

    def _provisionally(self, use: Use, candidates: tuple[str, ...]) -> Verdict:
        """An asset that only this venue uses."""
        ref = f"{self._venue_id}:{use.code}"
        row = rows.asset(
            use.ticker,
            use.ticker,
            assets_pb2.ASSET_TYPE_NATIVE,
            category=PROVISIONAL,
            identifiers=[rows.identifier(rows.INTERNAL, f"{self._venue_id}:{use.code}")],
            ref=ref,
        )
        return Verdict(f"ref:{ref}", PROVISIONAL, row, candidates)


def _underlying(use: Use, underlying: Underlying, external_id: str, ref: str) -> pb.ApplyRow:
    return rows.asset(
        use.ticker,
        underlying.name,
        assets_pb2.ASSET_TYPE_SYNTHETIC,
        category=underlying.category,
        identifiers=[rows.identifier(rows.INTERNAL, external_id)],
        ref=ref,
    )
