"""`cqar admin` and `cqar hotpath`: the processes that answer calls."""

from collections.abc import Callable
from typing import Any

import click

from cqar import config
from cqar.cli.context import CommandContext
from cqar.cli.errors import reporting


@click.command()
@click.pass_obj
def admin(context: CommandContext) -> None:
    """Run the process that owns every write.

    It serves all calls and relays changes to Redis and NATS. On SIGTERM or SIGINT it stops once running calls have
    finished. You can run several; one of them relays. Migrate the database first: cqar migrate up.
    """
    settings = context.serving()
    from cqar.admin import app

    _serve(app.main, settings)


@click.command()
@click.option("--workers", type=click.IntRange(0, 256), metavar="N", help="Processes that share the port; 0: one per core.")
@click.option("--member", type=(int, str), hidden=True, help="A worker's number, and the socket where it reports its state.")
@click.pass_obj
def hotpath(context: CommandContext, workers: int | None, member: tuple[int, str] | None) -> None:
    """Run workers that answer lookups from memory.

    Workers follow changes through NATS and PostgreSQL and pass every call that is not a lookup to admin
    (CQAR_HOTPATH_ADMIN_ADDRESS). They answer lookups without Redis, NATS and admin; /health/ready shows what is down.

    \b
    A single worker is this process. With several (--workers, CQAR_HOTPATH_WORKERS; the default is one per core),
    this process starts and restarts the workers and reports on all of them at CQAR_HOTPATH_HTTP_PORT.
      kill -HUP PID    replaces the workers one by one, for example after an upgrade
      kill -TERM PID   stops them once running calls have finished
    """
    settings = context.serving()
    from cqar.dev import children
    from cqar.hotpath import supervisor

    many = supervisor.count(settings.hotpath.workers if workers is None else workers)
    if member is None and many > 1:
        program = children.program(*context.config_arguments(), "hotpath")
        _serve(lambda loaded: supervisor.main(loaded, many, program), settings, supervisor.Ended)
        return
    from cqar.hotpath import app

    place = None if member is None else app.Member(*member)
    _serve(lambda loaded: app.main(loaded, place), settings)


def _serve(process: Callable[[config.Settings], Any], settings: config.Settings, *expected: type[Exception]) -> None:
    import asyncio

    import uvloop

    from cqar.errors import CqarError
    from cqar.observability import logs
    from cqar.server.process import PortError
    from cqar.server.tls import TlsError

    logs.configure(settings.log)
    with reporting(PortError, TlsError, CqarError, *expected), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(process(settings))
