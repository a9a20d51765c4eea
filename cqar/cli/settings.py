"""`cqar settings`."""

import click

from cqar import config
from cqar.cli import options, output
from cqar.cli.context import CommandContext


@click.command()
@options.as_json("Print a JSON list.")
@click.pass_obj
def settings(context: CommandContext, *, as_json: bool) -> None:
    """List every setting: its value in force, where the value comes from, and its meaning.

    Secrets are masked. Values come from the YAML file (--config) and from CQAR_ variables, which override the file.
    """
    found = list(context.in_force())
    if as_json:
        output.echo_json([_data(each) for each in found])
        return
    for setting, value, origin in found:
        default = "" if origin == config.DEFAULT else f"; the default is {config.plain(setting.default) or 'empty'}"
        output.echo(f"{setting.variable}={value}")
        output.echo(f"    {setting.meaning} ({setting.allowed}).")
        output.echo(f"    From {origin}{default}." if default else "    The default.")
    for name, meaning in config.VARIABLES.items():
        output.echo(f"{name}\n    {meaning}.")


def _data(each: config.Effective) -> dict[str, str | float | bool]:
    return {
        "name": each.setting.name,
        "variable": each.setting.variable,
        "value": each.value,
        "origin": each.origin,
        "default": each.setting.default,
        "meaning": each.setting.meaning,
        "allowed": each.setting.allowed,
        "secret": each.setting.secret,
    }
