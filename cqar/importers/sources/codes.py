"""The codes of one venue: how its markets use them, which assets they mean, and the venue assets that record it."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from google.protobuf import json_format

from cqar import exact
from cqar.contract.cqar.v1 import registry_pb2 as pb
from cqar.contract.cqar.v1 import reviews_pb2
from cqar.contract.cqc.services.v1 import asset_registry_pb2 as contract
from cqar.contract.cqc.venues.v1 import venues_pb2
from cqar.importers.exchanges.declarations import Exchange
from cqar.importers.exchanges.facts import Code
from cqar.importers.identity import flags, guard
from cqar.importers.identity.flags import Doubt
from cqar.importers.identity.guard import Guard, Stored, Use, Verdict
from cqar.importers.run import documents, report
from cqar.importers.run.documents import Refused
from cqar.importers.run.report import Entry
from cqar.importers.run.run import CHUNK, Item, Run
from cqar.importers.sources.markets import Market


class VenueCodes:
    """The codes of one venue: how its markets use them, which assets they mean, and the venue assets that record it."""

    def __init__(self, run: Run, venue_id: str, exchange: Exchange) -> None:
        self._run = run
        self._venue_id = venue_id
        self._exchange = exchange
        self.uses: dict[str, Use] = {}
        #: code -> asset; codes that are not resolved are missing
        self.assets: dict[str, str] = {}
        self._stored: dict[str, Any] = {}
        self._factors: dict[str, str] = {}

    def read(self, found: list[Market]) -> list[Market]:
        """Collect the codes in the order of the rows; return the markets whose codes do not contradict earlier rows."""
        accepted = []
        for market in found:
            try:
                self._use(market.base, as_money=False)
                self._use(market.quote, as_money=True)
            except Refused as refused:
                source = market.source
                self._run.report.reject(refused.kind, refused.detail, line=source.line, row=source.excerpt, about=market.id)
            else:
                accepted.append(market)
        by_ticker = {use.ticker: use.code for use in self.uses.values()}
        for at, market in enumerate(accepted):
            settle = market.settle
            if settle is None:
                continue
            earlier = self.uses.get(settle.code)
            if earlier is not None and earlier.ticker != settle.ticker:
                # The code belongs to another asset; this asset has a code of its own.
                own = Code(by_ticker.get(settle.ticker, settle.ticker), settle.ticker)
                accepted[at] = msgspec.structs.replace(market, settle=own)
                settle = own
            self._use(settle, as_money=True)
        return accepted

    def _use(self, code: Code, *, as_money: bool) -> None:
        use = self.uses.get(code.code)
        if use is None:
            use = self.uses[code.code] = Use(code.code, code.ticker)
        elif use.ticker != code.ticker:
            raise Refused("code_conflict", f"{code.code!r} is {use.ticker} in an earlier row and {code.ticker} here")
        use.as_money = use.as_money or as_money
        use.unvetted = use.unvetted or not code.vetted
        if code.factor is not None:
            self._factors[code.code] = exact.plain(code.factor)
        use.addresses.update(each.text for each in code.addresses)

    def judge(self, guard: Guard) -> None:
        """Resolve the codes and write the result. Raises wire.RegistryError."""
        stored = self._read_stored()
        verdicts = guard.judge(list(self.uses.values()), stored)
        self._write_assets(verdicts)
        self._write_venue_assets(verdicts)
        self._ask(verdicts)

    def _read_stored(self) -> dict[str, list[Stored]]:
        stored: dict[str, list[Stored]] = {}
        for each in self._run.registry.pages(contract.ListVenueAssetsRequest(venue_id=self._venue_id), "venue_assets"):
            self._stored[each.asset_id] = each
            if each.HasField("delisted_at") and each.delisted_at.ToDatetime(tzinfo=UTC) <= datetime.now(UTC):
                continue
            for code in (each.venue_asset_symbol, *each.venue_asset_aliases):
                stored.setdefault(code, []).append(Stored(each.asset_id, each.identity_evidence))
        return stored

    def _write_assets(self, verdicts: Mapping[str, Verdict]) -> None:
        """Create new assets once each: provisional ones, money and underlyings."""
        new: dict[str, pb.ApplyRow] = {}
        for verdict in verdicts.values():
            if verdict.row is not None:
                new.setdefault(verdict.row.ref, verdict.row)
        made: dict[str, str] = {}
        doubts = []
        again: set[str] = set()
        items = [
            Item(row, f"{row.asset.symbol} at {self._venue_id}", keys=(f"asset {ref}",), differs=False)
            for ref, row in new.items()
        ]
        for item, result in zip(items, self._run.write(items, pb.CREATE_ONLY), strict=True):
            if result.outcome == pb.REJECTED:
                continue
            made[item.row.ref] = f"ref:{item.row.ref}" if self._run.dry_run else result.id
            if item.row.asset.category == guard.PROVISIONAL:
                reason = f"stands for a code of {self._venue_id} until a review decides what the code means"
                doubts.append(Doubt(result.id, item.row.asset.symbol, reason))
                again.update({result.id} if result.outcome != pb.CREATED else ())
        for code, verdict in verdicts.items():
            if verdict.asset is not None:
                asset = made.get(verdict.row.ref) if verdict.row is not None else verdict.asset
                if asset is not None:
                    self.assets[code] = asset
        flagged = again - flags.without(self._run, again)
        doubts = [each for each in doubts if each.asset_id not in flagged]
        flags.raise_unverified(self._run, doubts)

    def _write_venue_assets(self, verdicts: Mapping[str, Verdict]) -> None:
        """One row per asset: its first code is the main one and stays so; further codes are aliases."""
        codes: dict[str, list[str]] = {}
        for code in self.uses:
            if code in self.assets:
                codes.setdefault(self.assets[code], []).append(code)
        items = []
        for asset, own in codes.items():
            row = self._venue_asset(asset, own, verdicts[own[0]].evidence)
            about = f"{own[0]} at {self._venue_id}"
            items.append(Item(pb.ApplyRow(venue_asset=row), about, keys=(f"va {asset}", self._venue_id, _key(asset))))
        for chunk in documents.chunks(items, CHUNK):
            for item, result in zip(chunk, self._run.write(chunk, pb.UPSERT), strict=True):
                if result.outcome == pb.REJECTED:
                    for code in codes[item.row.venue_asset.asset_id]:
                        del self.assets[code]

    def _venue_asset(self, asset: str, codes: list[str], evidence: str) -> venues_pb2.VenueAsset:
        stored = self._stored.get(asset)
        row = venues_pb2.VenueAsset(venue_id=self._venue_id, asset_id=asset)
        known = [] if stored is None else [stored.venue_asset_symbol, *stored.venue_asset_aliases]
        row.venue_asset_symbol, *aliases = dict.fromkeys([*known, *codes])
        row.venue_asset_aliases.extend(aliases)
        if stored is None or guard.level(evidence) < guard.level(stored.identity_evidence):
            row.identity_evidence = evidence
        factors = {code: self._factors[code] for code in codes if code in self._factors}
        if factors:
            metadata = {} if stored is None else json_format.MessageToDict(stored.metadata)
            row.metadata.update({**metadata, "multipliers": {**metadata.get("multipliers", {}), **factors}})
        return row

    def _ask(self, verdicts: Mapping[str, Verdict]) -> None:
        """Put unresolved codes into the review queue."""
        reviews = []
        for code, verdict in verdicts.items():
            review = self._review(code, verdict)
            if review is not None:
                reviews.append(review)
        for chunk in documents.chunks(reviews, CHUNK):
            if not self._run.dry_run:
                self._run.registry.call(reviews_pb2.OpenReviewsRequest(reviews=chunk))
            for review in chunk:
                _report_review(self._run, review)

    def _review(self, code: str, verdict: Verdict) -> reviews_pb2.Review | None:
        ticker = self.uses[code].ticker
        review = reviews_pb2.Review(venue_id=self._venue_id, code=code, source=self._run.report.source)
        review.venue_asset.venue_asset_symbol = code
        review.candidate_asset_ids.extend(verdict.candidates)
        if verdict.against is not None:
            review.kind = reviews_pb2.REVIEW_KIND_CODE_CONFLICT
            review.asset_id = verdict.against
            review.reason = f"{code} ({ticker}) has meant another asset so far than {verdict.evidence} says"
        elif verdict.asset is None:
            review.kind = reviews_pb2.REVIEW_KIND_CANDIDATES
            review.reason = f"{len(verdict.candidates)} assets may be meant by {code} ({ticker}): {verdict.evidence}"
        elif verdict.evidence == guard.PROVISIONAL and not verdict.asset.startswith("ref:"):
            review.kind = reviews_pb2.REVIEW_KIND_PROVISIONAL
            review.asset_id = verdict.asset
            review.reason = _provisional(code, ticker, verdict.candidates)
        elif verdict.evidence == guard.PROVISIONAL and code in self.assets and not self._run.dry_run:
            review.kind = reviews_pb2.REVIEW_KIND_PROVISIONAL
            review.asset_id = self.assets[code]
            review.reason = _provisional(code, ticker, verdict.candidates)
        else:
            return None
        return review


def _provisional(code: str, ticker: str, candidates: Collection[str]) -> str:
    found = f"; {len(candidates)} vetted assets have the ticker" if candidates else ""
    return f"a provisional asset stands for {code} ({ticker}){found}"


def _key(asset: str) -> str:
    """The row that creates the asset, on which others depend in a dry run."""
    return f"asset {asset.removeprefix('ref:')}" if asset.startswith("ref:") else ""


def _report_review(run: Run, review: reviews_pb2.Review) -> None:
    about = f"{review.code} at {review.venue_id}"
    if review.kind == reviews_pb2.REVIEW_KIND_CODE_CONFLICT:
        run.report.add(Entry(report.CONFLICT, "venue_asset", about, "other_asset", review.reason))
    elif review.kind == reviews_pb2.REVIEW_KIND_CANDIDATES:
        detail = f"{review.reason}: {', '.join(review.candidate_asset_ids)}"
        run.report.add(Entry(report.REVIEW, "venue_asset", about, "several_candidates", detail))
    else:
        run.report.note("provisional", review.reason)
