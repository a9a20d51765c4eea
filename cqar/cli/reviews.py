"""`cqar review`."""

import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from cqar.cli import options, output
from cqar.cli.context import CommandContext, call_failed
from cqar.cli.errors import CliError, Interrupted
from cqar.cli.imports import REJECTED
from cqar.cli.venues import check_venue
from cqar.redaction import printable_json

_KINDS = ("provisional", "candidates", "conflict", "listing")
_LEVELS = ("verified", "corroborated", "suggested", "contested", "unknown")
_notes = click.option("--notes", metavar="TEXT", help="The reason; it is stored with the review.")
_decided_as_json = options.as_json("Print the response as one JSON object.")


def _filters(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that narrow a list of questions."""
    for option in (
        click.option("--unknown", is_flag=True, help="Also questions without a candidate: there is nothing to choose."),
        click.option("--code", metavar="CODE", help="Only questions about this code."),
        click.option("--level", type=click.Choice(_LEVELS), help="Only questions whose claim has this level."),
        click.option("--kind", type=click.Choice(_KINDS), help="Only questions of this kind."),
        click.option("--venue", metavar="VENUE_ID", help="Only questions of this venue."),
    ):
        command = option(command)
    return command


@click.group("review")
def review() -> None:
    """Decide questions that importers leave open.

    \b
      cqar review list                              list open questions, those with the most markets first
      cqar review accept ID --asset coingecko:tron  the code means this asset
      cqar review accept ID --new                   it is a new asset
      cqar review accept ID --reuse [--at TIME]     a conflict: the name now means another asset; both stay known
      cqar review accept ID --correction            a conflict: the old meaning was wrong
      cqar review reject ID                         keep the meaning and do not ask again
      cqar review reopen ID                         ask again
    \b
    Many at once, in a spreadsheet:
      cqar review export questions.csv              fill in the columns `decision` and `asset`
      cqar review apply questions.csv --dry-run     see what would happen
      cqar review apply questions.csv               it can be interrupted and repeated
    """


@review.command("list")
@_filters
@click.option("--status", type=click.Choice(["open", "accepted", "rejected", "superseded"]), default="open", show_default=True)
@options.as_json("Print one JSON object per review, one on each line.")
@options.admin_address
@click.pass_obj
def review_list(
    context: CommandContext, /, status: str, address: str | None, *, unknown: bool, as_json: bool, **filters: str | None
) -> None:
    """List questions with their codes and candidates, or decided reviews."""
    from cqar.importers.identity import deciding

    with context.registry(address) as registry:
        check_venue(registry, filters["venue"])
        for line in deciding.describe(registry, status, filters, unknown=unknown, as_json=as_json):
            click.echo(printable_json(line) if as_json else output.lines(line))


@review.command("accept")
@click.argument("review_id")
@click.option(
    "--asset",
    "asset_id",
    metavar="ASSET",
    help="What the code means: an id, coingecko:bitcoin, eip155:1/0xdac1..., or kraken:XXBT.  [the only candidate]",
)
@click.option("--new", "decision", flag_value="NEW_ASSET", help="It is a new asset.")
@click.option("--symbol", metavar="TICKER", help="With --new: its ticker.  [as the venue says, else the code]")
@click.option("--name", metavar="NAME", help="With --new: its name.  [as the venue says, else the ticker]")
@click.option(
    "--class",
    "asset_class",
    type=click.Choice(["crypto", "fiat", "equity", "commodity", "index", "tokenized", "leveraged", "lp"]),
    help="With --new: what it is.  [as the venue says, else crypto]",
)
@click.option("--reuse", "decision", flag_value="REUSE", help="The name now means another asset: end the old meaning.")
@click.option("--correction", "decision", flag_value="CORRECTION", help="The old meaning was wrong: replace it.")
@click.option(
    "--at",
    type=options.Time(),
    metavar="TIME",
    help="With --reuse: when the new meaning began, in ISO 8601.  [as the source says, else now]",
)
@_notes
@_decided_as_json
@options.admin_address
@click.pass_obj
def review_accept(
    context: CommandContext, /, review_id: str, at: datetime | None, address: str | None, *, as_json: bool, **answer: Any
) -> None:
    """Accept a review and apply the decision to its code at its venue."""
    from cqar.importers.identity import deciding

    with context.registry(address) as registry:
        _print(*deciding.accept(registry, review_id, at=at, **answer), as_json=as_json)


def _print(answer: Any, lines: Sequence[str], *, as_json: bool) -> None:
    """Print the response as JSON, or the lines about it."""
    from cqar.importers.identity import searching

    if as_json:
        output.echo_json(searching.data(answer))
        return
    for line in lines:
        output.echo(line)


@review.command("reject")
@click.argument("review_id")
@_notes
@_decided_as_json
@options.admin_address
@click.pass_obj
def review_reject(context: CommandContext, review_id: str, notes: str | None, address: str | None, *, as_json: bool) -> None:
    """Keep the meaning; the same question is not asked again. A conflict is decided for the old meaning."""
    from cqar.importers.identity import deciding

    with context.registry(address) as registry:
        _print(*deciding.reject(registry, review_id, notes), as_json=as_json)


@review.command("reopen")
@click.argument("review_id")
@_decided_as_json
@options.admin_address
@click.pass_obj
def review_reopen(context: CommandContext, review_id: str, address: str | None, *, as_json: bool) -> None:
    """Undo a rejection: the question is open again."""
    from cqar.importers.identity import deciding

    with context.registry(address) as registry:
        _print(*deciding.reopen(registry, review_id), as_json=as_json)


@review.command("export")
@click.argument("file", metavar="FILE")
@_filters
@click.option("--decided", is_flag=True, help="Write decisions instead, with assets by their ids elsewhere.")
@options.as_json("Write JSON instead of CSV, one object on each line.")
@options.admin_address
@click.pass_obj
def review_export(
    context: CommandContext,
    /,
    file: str,
    address: str | None,
    *,
    decided: bool,
    unknown: bool,
    as_json: bool,
    **filters: str | None,
) -> None:
    """Write open questions to a file; `-` is standard output.

    Fill in `decision` (asset, new, reuse, correction, reject) and what it needs: `asset`, or `symbol`, `name` and `class` of a
    new one, `from` of a reused code, `notes`. A decision applies to the codes in `venues`; move codes there from
    `other_venues` to include them. Rows without a decision are left alone.
    """
    from cqar.importers.identity import applying, deciding, decision_files

    if decided and (unknown or any(value is not None for value in filters.values())):
        message = "--decided exports all decisions; filters apply to open questions"
        raise CliError(message)
    with context.registry(address) as registry:
        check_venue(registry, filters["venue"])
        rows = list(applying.decisions(registry) if decided else applying.questions(registry, filters, unknown=unknown))
    lines = decision_files.json_lines(rows) if as_json else decision_files.csv_lines(rows)
    _write(file, lines)
    if file != "-":
        output.echo(f"{file}: {deciding.counted(len(rows), 'row')}", err=as_json)


def _write(file: str, lines: Iterator[str]) -> None:
    if file == "-":
        for line in lines:
            click.echo(line)
        return
    try:
        Path(file).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    except OSError as error:
        message = f"{file}: {error.strerror}"
        raise CliError(message) from error


@review.command("apply")
@click.argument("file", metavar="FILE")
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@click.option("--quiet", is_flag=True, help="Print the totals only, and no progress.")
@click.option("--verbose", is_flag=True, help="Print every row that is decided or refused.")
@options.as_json("Print one JSON object.")
@options.admin_address
@click.pass_obj
def review_apply(context: CommandContext, /, file: str, address: str | None, *, dry_run: bool, **shown: bool) -> None:
    """Apply a file of decisions, as `cqar review export` writes it, in CSV or JSON.

    Each row is applied as a whole or not at all. A row that is malformed, contradicts another one, or is about a question that
    has changed since is refused with its line. A second run changes nothing. The exit code is 2 if rows were refused, and 130
    after Ctrl-C.
    """
    from cqar.importers import schedule
    from cqar.importers.identity import applying
    from cqar.importers.run import documents

    place = address or context.admin()
    once = schedule.Once(
        address=place,
        key=context.key("writer", place),
        outgoing=context.tls(place),
        source=f"decisions {Path(file).name}",
        options={"dry_run": dry_run},
        **shown,
    )
    try:
        rejected = once.run(lambda run: applying.apply(run, documents.load(file), Path(file).name))
    except schedule.EXPECTED as error:
        raise call_failed(error, place, once.key) from error
    except schedule.Stopped as stopped:
        raise Interrupted(stopped) from stopped
    sys.exit(REJECTED if rejected else 0)
