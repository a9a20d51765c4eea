"""The codes of one venue: what its rows say of them, which assets they mean, and the venue assets that record it."""

import contextlib
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from google.protobuf import json_format

from cqar import exact, text
from cqar.contract.cqar.v1 import identity_pb2, reviews_pb2
from cqar.contract.cqar.v1 import registry_pb2 as pb
from cqar.contract.cqc.services.v1 import asset_registry_pb2 as contract
from cqar.contract.cqc.venues.v1 import venues_pb2
from cqar.errors import Invalid
from cqar.importers.exchanges.facts import Code
from cqar.importers.identity import claims
from cqar.importers.identity.claims import Claim, Claims
from cqar.importers.identity.evidence import Facts
from cqar.importers.identity.guard import Guard
from cqar.importers.identity.meaning import Meaning, Stored
from cqar.importers.run import documents, report
from cqar.importers.run.documents import Refused
from cqar.importers.run.report import Entry
from cqar.importers.run.run import CHUNK, Item, Run
from cqar.importers.sources.markets import Market

#: Characters of the longest name, address or id that is evidence.
_LONGEST: Final = 256


class VenueCodes:
    """The codes of one venue: what its rows say of them, which assets they mean, and the venue assets that record it."""

    def __init__(self, run: Run, venue_id: str) -> None:
        self._run = run
        self._venue_id = venue_id
        self.facts: dict[str, Facts] = {}
        #: code -> asset; codes that mean several assets are missing
        self.assets: dict[str, str] = {}
        self._former: dict[str, tuple[str, ...]] = {}
        self._stored: dict[str, Any] = {}

    def read(self, found: list[Market]) -> list[Market]:
        """Collect the codes in the order of the rows; return the markets whose codes do not contradict earlier rows."""
        accepted = []
        for market in found:
            try:
                self._use(market.base, market)
                self._use(market.quote)
            except Refused as refused:
                source = market.source
                self._run.report.reject(refused.kind, refused.detail, line=source.line, row=source.excerpt, about=market.id)
            else:
                accepted.append(market)
        by_ticker = {said.ticker: said.code for said in self.facts.values()}
        for at, market in enumerate(accepted):
            settle = market.settle
            if settle is None:
                continue
            earlier = self.facts.get(settle.code)
            if earlier is not None and earlier.ticker != settle.ticker:
                # The code belongs to another asset; this asset has a code of its own.
                own = Code(by_ticker.get(settle.ticker, settle.ticker), settle.ticker)
                accepted[at] = msgspec.structs.replace(market, settle=own)
                settle = own
            self._use(settle)
        return accepted

    def _use(self, code: Code, base_of: Market | None = None) -> None:
        """Add what a row says of a code. `base_of`: the market whose base it is; None: it is a quote or settles."""
        said = self.facts.get(code.code)
        if said is not None and said.ticker != code.ticker:
            raise Refused("code_conflict", f"{code.code!r} is {said.ticker} in an earlier row and {code.ticker} here")
        self.facts[code.code] = merged(said, code, base_of)
        self._former.setdefault(code.code, code.former)

    def judge(self, guard: Guard, known: Claims) -> None:
        """Resolve the codes and write the result. Raises wire.RegistryError."""
        recorded = known.of(self._venue_id)
        self.write(guard.judge(list(self.facts.values()), self.read_stored(), recorded), known, recorded)

    def write(self, meanings: Mapping[str, Meaning], known: Claims, recorded: Mapping[str, Claim]) -> None:
        """Write what the codes mean: assets, venue assets, claims and reviews. Raises wire.RegistryError."""
        self._write_assets(meanings)
        self._write_venue_assets(meanings, recorded)
        known.record(list(self._claimed(meanings)))
        self._ask(meanings)

    def row(self, asset_id: str) -> Any:
        """The venue asset of an asset, as it was read."""
        return self._stored[asset_id]

    def read_stored(self) -> dict[str, list[Stored]]:
        """What each code means in the registry. Raises wire.RegistryError."""
        stored: dict[str, list[Stored]] = {}
        self._stored.clear()
        for each in self._run.registry.pages(contract.ListVenueAssetsRequest(venue_id=self._venue_id), "venue_assets"):
            self._stored[each.asset_id] = each
            if each.HasField("delisted_at") and each.delisted_at.ToDatetime(tzinfo=UTC) <= datetime.now(UTC):
                continue
            for code in (each.venue_asset_symbol, *each.venue_asset_aliases):
                own = Stored(each.asset_id, each.identity_evidence, each.identity_level)
                stored.setdefault(code, []).append(own)
        for code, former in self._former.items():
            # An earlier import recorded the code by another text, unless that is a code of its own.
            texts = [each for each in former if each in stored and each not in self.facts]
            if code not in stored and texts:
                stored[code] = stored[texts[0]]
        return stored

    # ---- assets ----------------------------------------------------------------------------------------------------

    def _write_assets(self, meanings: Mapping[str, Meaning]) -> None:
        """Create new assets once each: provisional ones, money and other classes."""
        new: dict[str, pb.ApplyRow] = {}
        for meaning in meanings.values():
            if meaning.row is not None:
                new.setdefault(meaning.row.ref, meaning.row)
        made: dict[str, str] = {}
        items = [
            Item(row, f"{row.asset.symbol} at {self._venue_id}", keys=(f"asset {ref}",), differs=False)
            for ref, row in new.items()
        ]
        for item, result in zip(items, self._run.write(items, pb.CREATE_ONLY), strict=True):
            if result.outcome != pb.REJECTED:
                made[item.row.ref] = f"ref:{item.row.ref}" if self._run.dry_run else result.id
        for code, meaning in meanings.items():
            if meaning.asset is not None:
                asset = made.get(meaning.row.ref) if meaning.row is not None else meaning.asset
                if asset is not None:
                    self.assets[code] = asset

    # ---- venue assets and claims -----------------------------------------------------------------------------------

    def _write_venue_assets(self, meanings: Mapping[str, Meaning], known: Mapping[str, Claim]) -> None:
        """One row per asset: its first code is the main one and stays so; further codes are aliases."""
        codes: dict[str, list[str]] = {}
        for code in self.facts:
            if code in self.assets:
                codes.setdefault(self.assets[code], []).append(code)
        items = []
        for asset, own in codes.items():
            row = pb.ApplyRow(venue_asset=self._venue_asset(asset, own, meanings))
            row.clear.extend(["blocked_reason"] if _opened(row.venue_asset, own, known) else [])
            items.append(Item(row, f"{own[0]} at {self._venue_id}", keys=(f"va {asset}", self._venue_id, _key(asset))))
        for chunk in documents.chunks(items, CHUNK):
            for item, result in zip(chunk, self._run.write(chunk, pb.UPSERT), strict=True):
                if result.outcome == pb.REJECTED:
                    for code in codes[item.row.venue_asset.asset_id]:
                        del self.assets[code]

    def _venue_asset(self, asset: str, codes: list[str], meanings: Mapping[str, Meaning]) -> venues_pb2.VenueAsset:
        stored = self._stored.get(asset)
        row = venues_pb2.VenueAsset(venue_id=self._venue_id, asset_id=asset)
        known = [] if stored is None else [stored.venue_asset_symbol, *stored.venue_asset_aliases]
        row.venue_asset_symbol, *aliases = dict.fromkeys([*known, *codes])
        row.venue_asset_aliases.extend(aliases)
        # Codes of one asset share the row: it is as sure as the least sure of them.
        least = max((meanings[code] for code in codes), key=lambda meaning: meaning.level)
        if stored is None or not Stored(asset, stored.identity_evidence, stored.identity_level).decided:
            sure = venues_pb2.VenueAsset(identity_evidence=least.evidence, identity_level=least.level.message_name)
            row.MergeFrom(sure)
        # One contradiction blocks the asset, however sure the other codes are.
        conflict = next((each for code in codes if (each := meanings[code].conflict)), "")
        if conflict:
            row.blocked_reason = conflict
        factors = {code: exact.plain(factor) for code in codes if (factor := self.facts[code].factor) is not None}
        if factors:
            metadata = {} if stored is None else json_format.MessageToDict(stored.metadata)
            row.metadata.update({**metadata, "multipliers": {**metadata.get("multipliers", {}), **factors}})
        return row

    def _claimed(self, meanings: Mapping[str, Meaning]) -> Iterable[identity_pb2.IdentityClaim]:
        for code, meaning in meanings.items():
            if code in self.assets:
                yield claims.write(self._venue_id, self.facts[code], self.assets[code], meaning)

    # ---- questions -------------------------------------------------------------------------------------------------

    def _ask(self, meanings: Mapping[str, Meaning]) -> None:
        """Put what is not decided into the review queue."""
        found = ((code, each, self.assets.get(code, "")) for code, each in meanings.items())
        reviews = [review for code, each, asset in found if (review := self.review(code, each, asset)) is not None]
        for chunk in documents.chunks(reviews, CHUNK):
            if not self._run.dry_run:
                self._run.registry.call(reviews_pb2.OpenReviewsRequest(reviews=chunk))
            for review in chunk:
                _report_review(self._run, review)

    def review(self, code: str, meaning: Meaning, asset: str) -> reviews_pb2.Review | None:
        """The question about a code that means the asset so far; None: nothing is asked."""
        kind = meaning.review_kind
        if kind is None or asset.startswith("ref:") or (kind == reviews_pb2.REVIEW_KIND_PROVISIONAL and not asset):
            return None
        review = reviews_pb2.Review(kind=kind, venue_id=self._venue_id, code=code, source=self._run.report.source)
        review.asset_id = asset or meaning.candidates[0]
        review.reason = meaning.conflict or meaning.question
        review.venue_asset.venue_asset_symbol = code
        if meaning.conflict and asset:
            # Several assets of one code are ambiguous, and none of them is blocked.
            review.venue_asset.blocked_reason = meaning.conflict
        review.candidate_asset_ids.extend(each for each in meaning.candidates if each != review.asset_id)
        return review


def merged(said: Facts | None, code: Code, base_of: Market | None) -> Facts:
    """What is known of a code, with what another row says of it."""
    said = said or Facts(code=code.code, ticker=code.ticker)
    if said.asset_class is not None and code.asset_class is not None and said.asset_class != code.asset_class:
        raise Refused("code_conflict", f"{code.code!r} is {said.asset_class} in an earlier row and {code.asset_class} here")
    # A text that the registry refuses is not evidence, either.
    market = _kept((base_of.id,)) if base_of is not None else ()
    created = base_of.created if base_of is not None and market else None
    first = created is not None and (said.first_seen is None or created < said.first_seen)
    return msgspec.structs.replace(
        said,
        factor=said.factor if code.factor is None else code.factor,
        names=tuple(dict.fromkeys((*said.names, *_kept(code.names)))),
        asset_class=said.asset_class or code.asset_class,
        addresses=tuple(dict.fromkeys((*said.addresses, *(each for each in code.addresses if _kept((each.text,)))))),
        ids=tuple(dict.fromkeys((*said.ids, *(each for each in code.ids if _kept(each) == each)))),
        as_money=said.as_money or base_of is None,
        permissionless=said.permissionless or not code.vetted,
        first_market=market[0] if first else said.first_market,
        first_seen=created if first else said.first_seen,
    )


def _kept(texts: Iterable[str]) -> tuple[str, ...]:
    """The texts that the registry can hold: no control or bidi characters, not too long."""
    found = []
    for each in texts:
        with contextlib.suppress(Invalid):
            found.append(text.clean(each, "name", _LONGEST, trim=True))
    return tuple(found)


def _opened(row: venues_pb2.VenueAsset, codes: Collection[str], known: Mapping[str, Claim]) -> bool:
    """Whether importers blocked the asset and no contradiction is left. `codes`: those of the asset that were judged."""
    blocked = {
        code for code in (row.venue_asset_symbol, *row.venue_asset_aliases) if code in known and known[code].blocked_reason
    }
    return bool(blocked) and blocked <= set(codes) and not row.blocked_reason


def _key(asset: str) -> str:
    """The row that creates the asset, on which others depend in a dry run."""
    return f"asset {asset.removeprefix('ref:')}" if asset.startswith("ref:") else ""


def _report_review(run: Run, review: reviews_pb2.Review) -> None:
    about = f"{review.code} at {review.venue_id}"
    if review.kind == reviews_pb2.REVIEW_KIND_CODE_CONFLICT:
        run.report.add(Entry(report.CONFLICT, "venue_asset", about, "other_asset", review.reason))
    else:
        run.report.note("provisional", review.reason)
