"""The claims of the registry: what was read of a venue's codes last time, and what other venues were found to mean."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

from google.protobuf import json_format

from cqar.contract.cqar.v1 import identity_pb2 as pb
from cqar.importers.exchanges.facts import CRYPTO, Address
from cqar.importers.identity import evidence, names
from cqar.importers.identity.evidence import Facts, Item, Kind
from cqar.importers.identity.meaning import Meaning, Reading
from cqar.importers.identity.names import Likeness
from cqar.importers.run import documents
from cqar.importers.run.run import Run

#: Claims of one RecordClaims, and items, names, addresses and ids of one claim, which may have 64 KB with 16 KB of facts.
_CLAIMS: Final = 1_000
_ITEMS: Final = 60
_NAMES: Final = 8
_LISTED: Final = 30
#: Characters of the value of an item.
_VALUE: Final = 200
#: The part of `facts` that the meaning of the code rests on. It changes only while no conflict is open.
_READING: Final = "reading"


class Claim(NamedTuple):
    """A claim of the registry."""

    venue_id: str
    code: str
    asset_id: str
    #: a person decided it
    decided: bool
    blocked_reason: str
    reading: Reading | None
    names: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()


class Claims:
    """Reads claims, once each, and records them. Every method may raise wire.RegistryError."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._loaded: Mapping[str, Sequence[Claim]] | None = None
        #: what is assumed instead
        self._verified: Mapping[str, Sequence[Claim]] | None = None

    def of(self, venue_id: str) -> dict[str, Claim]:
        """The claims of a venue by code."""
        found = self._run.registry.pages(pb.ListEvidenceRequest(venue_id=venue_id), "claims")
        return {each.code: read(each) for each in found}

    def agreeing(self, venue_id: str, said: Facts) -> list[Item]:
        """The verified claims of other venues of the same code that have the same name or address."""
        if not (said.addresses or evidence.own_names(said)):
            return []
        verified = self._stored() if self._verified is None else self._verified
        others = [each for each in verified.get(said.code.upper(), ()) if each.venue_id != venue_id]
        return [item for each in others if (item := agreement(said, each)) is not None]

    def assume(self, venue_ids: Collection[str], verified: Iterable[Claim]) -> None:
        """Let these be the verified claims of the venues, instead of those that the registry has."""
        others = (each for group in self._stored().values() for each in group if each.venue_id not in venue_ids)
        self._verified = _by_code([*others, *verified])

    def _stored(self) -> Mapping[str, Sequence[Claim]]:
        """The verified claims of the registry by code."""
        if self._loaded is None:
            request = pb.ListEvidenceRequest(level=pb.IDENTITY_LEVEL_VERIFIED)
            self._loaded = _by_code(map(read, self._run.registry.pages(request, "claims")))
        return self._loaded

    def record(self, claims: Sequence[pb.IdentityClaim]) -> None:
        """Record the claims; a dry run records nothing."""
        if not self._run.dry_run:
            for chunk in documents.chunks(list(claims), _CLAIMS):
                self._run.registry.call(pb.RecordClaimsRequest(claims=chunk, source=self._run.report.source))


def _by_code(claims: Iterable[Claim]) -> Mapping[str, Sequence[Claim]]:
    found: dict[str, list[Claim]] = {}
    for each in sorted(claims, key=lambda claim: (claim.venue_id, claim.code)):
        found.setdefault(each.code.upper(), []).append(each)
    return found


def agreement(said: Facts, other: Claim) -> Item | None:
    """The evidence that another venue's verified claim of the code gives; a code alone gives none."""
    where = f"{other.code} at {other.venue_id}"
    mine = {evidence.normal(each.text) for each in said.addresses}
    shared = sorted(mine & {evidence.normal(each) for each in other.addresses})
    if shared:
        return Item(Kind.AGREEMENT, other.asset_id, f"{where} has {shared[0]}", source=other.venue_id)
    for name in evidence.own_names(said):
        if any(names.alike(name, each) >= Likeness.NEAR for each in other.names):
            return Item(Kind.AGREEMENT, other.asset_id, f"{where} is {name}", source=other.venue_id)
    return None


def read(message: pb.IdentityClaim) -> Claim:
    """A claim of the registry as far as importers use it."""
    said = json_format.MessageToDict(message.facts)
    decided = any(each.kind == pb.EVIDENCE_KIND_DECISION for each in message.evidence)
    return Claim(
        message.venue_id,
        message.code,
        message.asset_id,
        decided,
        message.blocked_reason,
        _reading(said.get(_READING)),
        tuple(each for each in _list(said.get("names")) if isinstance(each, str)),
        tuple(each["address"] for each in _list(said.get("addresses")) if isinstance(each, dict) and "address" in each),
    )


def facts_of(message: pb.IdentityClaim) -> Facts | None:
    """What a claim says of its code; None if it says nothing: a person decided before an import read the code."""
    said = json_format.MessageToDict(message.facts)
    if not isinstance(said.get("ticker"), str):
        return None
    factor, began, reading = said.get("factor"), said.get("first_seen"), _reading(said.get(_READING))
    known_class = said.get("class")
    ids = said.get("ids")
    return Facts(
        code=message.code,
        ticker=said["ticker"],
        factor=None if factor is None else Decimal(factor),
        names=tuple(each for each in _list(said.get("names")) if isinstance(each, str)),
        asset_class=known_class if known_class in evidence.CLASSES.values() or known_class == CRYPTO else None,
        addresses=tuple(
            Address(each["address"], each.get("chain"), each.get("sole", True))
            for each in _list(said.get("addresses"))
            if isinstance(each, dict) and "address" in each
        ),
        ids=tuple(sorted(ids.items())) if isinstance(ids, dict) else (),
        as_money=bool(said.get("as_money")),
        permissionless=bool(said.get("permissionless")),
        first_market=said.get("first_market") or (reading.first_market if reading is not None else ""),
        first_seen=datetime.fromisoformat(began) if began else None,
    )


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _reading(value: Any) -> Reading | None:
    if not isinstance(value, dict) or not isinstance(value.get("ticker"), str):
        return None
    began = value.get("first_seen")
    return Reading(value["ticker"], value.get("first_market", ""), datetime.fromisoformat(began) if began else None)


def write(venue_id: str, said: Facts, asset_id: str, meaning: Meaning) -> pb.IdentityClaim:
    """A claim for the registry, about the asset that is written. Assets that are not written (`ref:`) are left out."""
    level = meaning.level.message_name
    claim = pb.IdentityClaim(venue_id=venue_id, code=said.code, asset_id=asset_id, level=level, blocked_reason=meaning.conflict)
    claim.candidate_asset_ids.extend(each for each in meaning.candidates if each != asset_id)
    for item in meaning.items[:_ITEMS]:
        about = asset_id if item.asset == meaning.asset else item.asset
        if not about.startswith("ref:"):
            kind = pb.EvidenceKind.ValueType(int(item.kind))
            claim.evidence.add(kind=kind, asset_id=about, against=item.against, value=item.value[:_VALUE], source=item.source)
    claim.facts.update(_facts(said, meaning.basis))
    return claim


def _facts(said: Facts, basis: Reading) -> Mapping[str, Any]:
    found: dict[str, Any] = {
        "ticker": said.ticker,
        "renamed": said.renamed,
        "as_money": said.as_money,
        "names": list(said.names[:_NAMES]),
        "class": said.asset_class,
        "addresses": [_address(each) for each in said.addresses[:_LISTED]],
        "ids": dict(said.ids[:_LISTED]),
        "factor": None if said.factor is None else str(said.factor),
        "permissionless": said.permissionless,
        "first_market": said.first_market or None,
        "first_seen": None if said.first_seen is None else said.first_seen.isoformat(),
        _READING: _read_as(basis) if basis.ticker else None,
    }
    return {name: value for name, value in found.items() if value not in (None, False, [], {})}


def _read_as(basis: Reading) -> Mapping[str, Any]:
    began = None if basis.first_seen is None else basis.first_seen.isoformat()
    return {"ticker": basis.ticker, "first_market": basis.first_market, "first_seen": began}


def _address(address: Address) -> dict[str, Any]:
    found = {"address": address.text, "chain": address.chain, "sole": address.sole}
    return {name: value for name, value in found.items() if value is not None}
