"""Quality flags that importers raise: UNVERIFIED, on tickers that look like others."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from cqar.contract.cqc.assets.v1 import assets_pb2
from cqar.contract.cqc.services.v1 import asset_registry_pb2 as contract
from cqar.importers.identity.confusables import skeleton
from cqar.importers.run import report
from cqar.importers.run.report import Entry
from cqar.importers.run.run import Run
from cqar.importers.run.wire import RegistryError

#: Who raises them.
RAISED_BY = "importers"


class Doubt(NamedTuple):
    """The reason why an asset is unverified."""

    asset_id: str
    symbol: str
    reason: str


def flagged(run: Run, flag_type: assets_pb2.FlagType) -> set[str]:
    """The assets with an active flag of the type. Raises wire.RegistryError."""
    request = contract.ListQualityFlagsRequest(flag_type=flag_type)
    return {each.asset_id for each in run.registry.pages(request, "flags")}


def without(run: Run, asset_ids: Iterable[str]) -> set[str]:
    """The assets that never had an UNVERIFIED flag, so that a resolved flag is not raised again."""
    ids = list(asset_ids)
    requests = [
        contract.ListQualityFlagsRequest(
            asset_id=each, flag_type=assets_pb2.FLAG_TYPE_UNVERIFIED, include_resolved=True, page_size=1
        )
        for each in ids
    ]
    answers = run.registry.calls(requests)
    return {
        each for each, answer in zip(ids, answers, strict=True) if not isinstance(answer, RegistryError) and not answer.flags
    }


def raise_unverified(run: Run, doubts: Iterable[Doubt]) -> None:
    """Raise the flags; in a dry run only report them. Raises wire.RegistryError."""
    doubts = list(doubts)
    requests = [
        contract.RaiseQualityFlagRequest(
            asset_id=each.asset_id,
            flag_type=assets_pb2.FLAG_TYPE_UNVERIFIED,
            severity=assets_pb2.FLAG_SEVERITY_LOW,
            description=each.reason,
            raised_by=RAISED_BY,
            source=run.report.source,
        )
        for each in doubts
    ]
    answers = iter([None] * len(doubts)) if run.dry_run else run.registry.calls(requests)
    for doubt, answer in zip(doubts, answers, strict=True):
        if isinstance(answer, RegistryError):
            run.report.reject("flag_refused", str(answer), about=doubt.symbol)
        else:
            run.report.add(Entry(report.CREATED, "quality_flag", doubt.symbol, "unverified", doubt.reason))


def lookalikes(run: Run, assets: Mapping[str, str]) -> list[Doubt]:
    """The assets (id -> ticker) whose ticker looks like another one and that have no flag yet."""
    alike = {asset_id: folded for asset_id, symbol in assets.items() if (folded := skeleton(symbol)) is not None}
    known: dict[str, bool] = {}
    for folded in dict.fromkeys(alike.values()):
        request = contract.SearchAssetsRequest(query=folded, page_size=10)
        found = run.registry.call(request).assets
        known[folded] = any(each.symbol.upper() == folded and each.symbol.isascii() for each in found)
    new = without(run, [asset_id for asset_id, folded in alike.items() if known[folded]])
    return [
        Doubt(asset_id, assets[asset_id], f"the ticker {assets[asset_id]!r} looks like {folded}")
        for asset_id, folded in alike.items()
        if asset_id in new
    ]
