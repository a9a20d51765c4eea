"""Natural keys in imported tables, in place of the registry's ids.

an asset     coingecko:bitcoin            its CoinGecko id
kraken:XXBT                  a code of a venue
eip155:1/0xdac1...ec7        a contract, by CAIP-2 id or slug of its chain; `native` for the chain's coin
a symbol     binance:BTCUSDT              a venue symbol
a chain      eip155:1                     its CAIP-2 id
a group      Stablecoins                  its name
"""

import uuid
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, Final, NamedTuple

import grpc
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from cqar.contract.cqar.v1 import registry_pb2 as pb
from cqar.contract.cqc.assets.v1 import assets_pb2
from cqar.contract.cqc.services.v1 import asset_registry_pb2 as contract
from cqar.importers.run import rows
from cqar.importers.run.documents import Refused
from cqar.importers.run.run import Run
from cqar.importers.run.wire import RegistryError
from cqar.importers.sources.chain_ids import Chains

ASSET: Final = "asset"
SYMBOL: Final = "symbol"
CHAIN: Final = "chain"
GROUP: Final = "group"
#: The end of a field's name -> what the field refers to.
_ENDINGS: Final[Mapping[str, str]] = {"asset_id": ASSET, "symbol_id": SYMBOL, "chain_id": CHAIN, "group_id": GROUP}
_COINGECKO = "coingecko"


class Reference(NamedTuple):
    """A natural key: what it refers to, and its text."""

    target: str
    text: str


def target(kind: str, field: str) -> str | None:
    """Return what a field of a row refers to; None for other fields and for the row's own id, which may be new."""
    found = next((each for ending, each in _ENDINGS.items() if field == ending or field.endswith(f"_{ending}")), None)
    return None if found == kind or (kind, found) == ("asset_group", GROUP) else found


def references(kind: str, row: pb.ApplyRow) -> "list[tuple[Message, str, Reference]]":
    """Return the natural keys of a row with the message and the field that hold them."""
    entity: Message = getattr(row, kind)
    found = [(entity, field.name, target(kind, field.name)) for field, _ in _texts(entity)]
    found += [(each, "chain_id", CHAIN) for each in row.deployments if each.chain_id]
    return [
        (message, field, Reference(refers, getattr(message, field)))
        for message, field, refers in found
        if refers is not None and _is_natural(refers, getattr(message, field))
    ]


def _texts(message: Message) -> "list[tuple[FieldDescriptor, Any]]":
    return [(field, value) for field, value in message.ListFields() if isinstance(value, str)]


def _is_natural(refers: str, text: str) -> bool:
    if refers != GROUP:
        return ":" in text or (refers == ASSET and "/" in text)
    try:
        uuid.UUID(text)
    except ValueError:
        return True
    return False


class Finder:
    """Finds the ids that natural keys mean."""

    def __init__(self, run: Run) -> None:
        self._run = run
        #: the id of each key; the reason of each that has none
        self._ids: dict[Reference, str | Refused] = {}

    def find(self, wanted: Iterable[Reference]) -> None:
        """Look up the keys that are not known yet. Raises wire.RegistryError."""
        by_target: dict[str, list[Reference]] = {}
        for each in dict.fromkeys(wanted):
            if each not in self._ids:
                by_target.setdefault(each.target, []).append(each)
        for each in by_target.get(CHAIN, ()):
            self._ids[each] = self._chain(each.text)
        self._find_groups(by_target.get(GROUP, []))
        self._find_symbols(by_target.get(SYMBOL, []))
        self._find_assets(by_target.get(ASSET, []))

    def id_of(self, reference: Reference, column: str) -> str:
        """Return the id of a key that was looked up. Raises Refused."""
        found = self._ids[reference]
        if isinstance(found, Refused):
            raise Refused(found.kind, f"{column}: {found.detail}")
        return found

    # ---- chains and groups -----------------------------------------------------------------------------------------

    @cached_property
    def _chains(self) -> Chains:
        return Chains(self._run.registry.pages(contract.ListChainsRequest(), "chains"))

    def _chain(self, text: str) -> str | Refused:
        if text in self._chains.by_slug:
            return text
        try:
            return str(self._chains.find(text).chain_id)
        except Refused as refused:
            return refused

    def _find_groups(self, wanted: list[Reference]) -> None:
        named = [pb.ApplyRow(asset_group=assets_pb2.AssetGroup(name=each.text)) for each in wanted]
        for each, found in zip(wanted, self._run.find(named), strict=True):
            self._ids[each] = found or Refused("unknown_group", f"the registry has no group {each.text!r}")

    # ---- symbols and assets ----------------------------------------------------------------------------------------

    def _find_symbols(self, wanted: list[Reference]) -> None:
        requests = []
        for each in wanted:
            venue, _, text = each.text.partition(":")
            requests.append(contract.GetVenueSymbolRequest(venue_id=venue, venue_symbol=text))
        for each, answer in zip(wanted, self._run.registry.calls(requests), strict=True):
            if not isinstance(answer, RegistryError):
                self._ids[each] = answer.symbol.symbol_id
            elif answer.code is grpc.StatusCode.NOT_FOUND:
                self._ids[each] = Refused("unknown_symbol", f"the registry has no listing {each.text!r}")
            else:
                self._ids[each] = Refused("unknown_symbol", f"{each.text!r}: {answer.details}")

    def _find_assets(self, wanted: list[Reference]) -> None:
        keyed: list[tuple[Reference, pb.ApplyRow]] = []
        coded = []
        for each in wanted:
            before, _, after = each.text.partition(":")
            if "/" in each.text:
                self._key_by_address(each, keyed)
            elif before == _COINGECKO:
                keyed.append((each, rows.by_identifier(rows.COINGECKO, after)))
            else:
                coded.append((each, contract.ListVenueAssetsRequest(venue_id=before, venue_asset_symbol=after)))
        for (each, _), found in zip(keyed, self._run.find(row for _, row in keyed), strict=True):
            self._ids[each] = found or Refused("unknown_asset", f"the registry has no asset {each.text!r}")
        for (each, _), answer in zip(coded, self._run.registry.calls(request for _, request in coded), strict=True):
            self._ids[each] = _coded(each, answer)

    def _key_by_address(self, each: Reference, keyed: list[tuple[Reference, pb.ApplyRow]]) -> None:
        chain, _, address = each.text.partition("/")
        found = self._chain(chain)
        if isinstance(found, Refused):
            self._ids[each] = found
        else:
            keyed.append((each, rows.by_address(found, address)))


def _coded(reference: Reference, answer: Any) -> str | Refused:
    """Return the one asset of a venue's code."""
    if isinstance(answer, RegistryError):
        return Refused("unknown_asset", f"{reference.text!r}: {answer.details}")
    ids: list[str] = sorted({each.asset_id for each in answer.venue_assets})
    if len(ids) == 1:
        return ids[0]
    return Refused("unknown_asset", f"{len(ids) or 'no'} assets have the code {reference.text!r}")
