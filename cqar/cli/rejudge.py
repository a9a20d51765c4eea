"""`cqar identity rejudge`."""

import sys
from typing import TYPE_CHECKING, Any

import click

from cqar.cli import options, output
from cqar.cli.context import CommandContext
from cqar.cli.errors import Interrupted
from cqar.cli.imports import REJECTED
from cqar.cli.venues import check_venue

if TYPE_CHECKING:
    from cqar.importers.rejudge.session import Judged, Rejudging
    from cqar.importers.run.report import Entry, Report

_STOPPED = "; run it again to continue"


@click.command("rejudge")
@click.option(
    "--venue", "venue_ids", metavar="VENUE_ID", multiple=True, help="Only codes of this venue; may be repeated.  [all]"
)
@click.option("--apply", "applying", is_flag=True, help="Write the changes. Without it, they are only shown.")
@click.option("--verbose", is_flag=True, help="Print every code that changes, also where only its level does.")
@options.as_json("Print one JSON object.")
@options.admin_address
@click.pass_obj
def rejudge(
    context: CommandContext, venue_ids: tuple[str, ...], address: str | None, *, applying: bool, verbose: bool, as_json: bool
) -> None:
    """Judge again what the codes of a registry mean, and show what would change.

    For registries that earlier versions filled. The evidence that the registry has is weighed as an import weighs it: what the
    venues say of their codes, else the code, the recorded evidence and the markets. So import the venues first; an import
    records what a venue says, but never moves a code.

    \b
    With --apply, each code as a whole or not at all:
      - a meaning that rests on too little moves to a provisional asset, with a question
      - a meaning that the evidence contradicts stays, and its markets are blocked until the conflict is decided
      - a provisional code that the evidence decides moves to its asset
      - levels and evidence are recorded
    Listings keep their ids. What people decided or wrote by hand stays. It can be interrupted and repeated.

    The last line has the counts. The exit code is 2 if moves were refused, and 130 after Ctrl-C.
    """
    from cqar.importers.rejudge.session import Rejudging
    from cqar.importers.run.report import Report
    from cqar.importers.run.run import Options, Run

    with context.registry(address) as registry:
        for venue_id in venue_ids:
            check_venue(registry, venue_id)
        refused = _Refused()
        report = Report(refused, source="rejudge", dry_run=not applying)
        run = Run(registry, report, Options(dry_run=not applying), quiet=True)
        shown = _Shown(verbose=verbose, as_json=as_json)
        session = None
        try:
            session = Rejudging(run, venue_ids)
            for judged in session.judged():
                shown.venue(session, judged, session.apply(judged) if applying else [])
        except KeyboardInterrupt:
            raise Interrupted(_stopped(session, shown)) from None
    shown.end(refused.entries, dry_run=not applying)
    sys.exit(REJECTED if refused.entries else 0)


def _stopped(session: "Rejudging | None", shown: "_Shown") -> str:
    if session is None or (session.reached is None and not shown.found):
        return f"stopped before the first code{_STOPPED}"
    if session.reached is None:
        return f"stopped after {shown.found[-1].venue_id}{_STOPPED}"
    venue_id, done, total = session.reached
    return f"stopped at {venue_id}, {done:,} of {total:,} codes{_STOPPED}"


class _Refused:
    """Collects what was refused."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def entry(self, entry: "Entry") -> None:
        """Receive an entry of the report."""
        from cqar.importers.run import report

        if entry.outcome == report.REJECTED:
            self.entries.append(entry)

    def end(self, report: "Report") -> None:
        """Receive the counts."""


class _Shown:
    """Prints the venues as they are done, or one JSON object at the end."""

    def __init__(self, *, verbose: bool, as_json: bool) -> None:
        self.found: list[Judged] = []
        self._data: list[dict[str, Any]] = []
        self._verbose = verbose
        self._as_json = as_json

    def venue(self, session: "Rejudging", judged: "Judged", remarks: list[str]) -> None:
        """Show a venue."""
        from cqar.importers.rejudge import shown

        self.found.append(judged)
        if self._as_json:
            self._data.append({**shown.data(judged, session.asset), "remarks": remarks})
            return
        for line in (*shown.lines(judged, session.asset, verbose=self._verbose), *remarks):
            output.echo(line)

    def end(self, refused: "list[Entry]", *, dry_run: bool) -> None:
        """Show what was refused, and the counts."""
        from cqar.importers.rejudge import shown

        counts = shown.totals(self.found, len(refused))
        if self._as_json:
            entries = [each.data() for each in refused]
            output.echo_json({"dry_run": dry_run, "venues": self._data, "refused": entries, "counts": counts})
            return
        for each in refused:
            output.echo(each.text())
        if dry_run:
            output.echo("nothing was written; --apply writes the changes")
        output.echo(" ".join(f"{name}={count}" for name, count in counts.items()))
