"""`cqar keys`."""

import contextlib
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from cqar import config
from cqar.cli import options, output
from cqar.cli.context import CommandContext
from cqar.cli.errors import reporting

if TYPE_CHECKING:
    from cqar.cli.issuers import Issuer

_direct = click.option("--database", "direct", is_flag=True, help="Use the database directly, without admin.")
_as_json = options.as_json("Print JSON objects with the contract's field names.")


@click.group()
def keys() -> None:
    """Create, list and revoke API keys.

    The commands call a running admin with an administrator's key (CQAR_API_KEY, or that of `cqar up`). With --database they
    use the database directly: CQAR_DATABASE_URL, or that of a running `cqar up` in CQAR_HOME. That needs no key, but
    creating a key needs the pepper of the processes (CQAR_PEPPER).

    \b
      cqar keys create feed-1 --role reader
      cqar keys create binance-feed --role writer --venue binance --venue binanceusdm
      cqar keys create ops --role admin --database     the first one
      cqar keys list
      cqar keys revoke k3v0b8rm2x9q
    """


@contextlib.contextmanager
def _issuer(context: CommandContext, address: str | None, *, direct: bool) -> "Iterator[Issuer]":
    """Return what issues keys; its errors become those of the command."""
    from cqar.cli import issuers
    from cqar.errors import CqarError

    if direct:
        with reporting(CqarError, config.ConfigError):
            yield issuers.DatabaseIssuer(context.with_database())
        return
    with context.connected("admin", address or context.admin()) as channel:
        yield issuers.AdminIssuer(channel)


@keys.command("create")
@click.argument("principal")
@click.option("--role", type=click.Choice(["reader", "writer", "admin"]), default="reader", show_default=True)
@click.option("--venue", "venues", multiple=True, help="Restrict the key to a venue; repeatable.")
@click.option("--strict", is_flag=True, help="Refuse stale answers.")
@click.option("--rate-limit", type=int, help="Calls per second and worker.  [no limit]")
@click.option("--expires", type=options.Time(), metavar="TIME", help="Expiry in ISO 8601, UTC unless it has a zone.  [never]")
@click.option("--note", help="What the key is for.")
@options.admin_address
@_direct
@_as_json
@click.pass_obj
def keys_create(
    context: CommandContext, /, address: str | None, *, direct: bool, as_json: bool, expires: datetime | None, **fields: Any
) -> None:
    """Create a key for PRINCIPAL, the name that the audit log shows. The key is printed once; no one can read it again."""
    from cqar.cli import issuers
    from cqar.contract.cqar.v1 import access_pb2 as pb

    given = {name: value for name, value in fields.items() if value is not None}
    request = pb.CreateKeyRequest(role=given.pop("role").upper(), venue_ids=given.pop("venues"), **given)
    if expires is not None:
        request.expires_at.FromDatetime(expires)
    with _issuer(context, address, direct=direct) as issuer:
        made = issuer.create(request)
    if as_json:
        output.echo_json(issuers.data(made.key) | {"secret": made.secret})
    else:
        output.echo(issuers.text(made.key), err=True)
        output.echo(made.secret)
    output.echo("keep the key: it is not shown again", err=True)


@keys.command("list")
@click.option("--principal", help="Only the keys of this principal.")
@click.option("--revoked", "include_revoked", is_flag=True, help="Include revoked keys.")
@options.admin_address
@_direct
@_as_json
@click.pass_obj
def keys_list(context: CommandContext, /, address: str | None, *, direct: bool, as_json: bool, **fields: Any) -> None:
    """List the keys, one per line. A key itself is never shown, only its id."""
    from cqar.cli import issuers
    from cqar.contract.cqar.v1 import access_pb2 as pb

    request = pb.ListKeysRequest(**{name: value for name, value in fields.items() if value is not None})
    with _issuer(context, address, direct=direct) as issuer:
        for key in issuer.list(request):
            output.echo_json(issuers.data(key)) if as_json else output.echo(issuers.text(key))


@keys.command("revoke")
@click.argument("key_id")
@options.admin_address
@_direct
@_as_json
@click.pass_obj
def keys_revoke(context: CommandContext, key_id: str, address: str | None, *, direct: bool, as_json: bool) -> None:
    """Revoke the key with KEY_ID, the third part of the key. Workers refuse it within a second."""
    from cqar.cli import issuers

    with _issuer(context, address, direct=direct) as issuer:
        key = issuer.revoke(key_id)
    output.echo_json(issuers.data(key)) if as_json else output.echo(issuers.text(key))


@keys.command("bootstrap")
@options.as_json("Print one JSON object.")
@click.pass_obj
def keys_bootstrap(context: CommandContext, *, as_json: bool) -> None:
    """Print a key and its hash, and store neither.

    Admin accepts the key as an administrator's while CQAR_BOOTSTRAP_KEY_HASH is the hash and the registry has no other
    administrator. It needs the pepper of the processes (CQAR_PEPPER).
    """
    settings = context.settings()
    from cqar.auth import authority

    with reporting(config.ConfigError):
        key, digest = authority.minted(settings)
    if as_json:
        output.echo_json({"secret": key.text, "hash": digest})
        return
    output.echo(f"CQAR_BOOTSTRAP_KEY_HASH={digest}", err=True)
    output.echo(key.text)
