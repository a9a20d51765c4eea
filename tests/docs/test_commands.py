"""Documented commands print the documented output, on a stack started as documented."""

import doctest
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping

import grpc
import pytest

from cqar.client.connect import connected
from cqar.dev import api_page
from tests.up import running

from . import pages
from .pages import ROOT, Block, Command
from .stack import Stack

MAKE = shutil.which("make")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the tests read /proc")

#: Commands that the tests do not run, and why; a trailing space matches all commands with this prefix.
NOT_RUN: Mapping[str, str] = {
    "make ": "would run this suite, containers or a second stack; the target is checked instead",
    "export ": "names servers of the reader; the environment names those of the stack",
    ".venv/bin/cqar admin": "runs in the stack, with this command line",
    ".venv/bin/cqar hotpath": "runs in the stack, with this command line",
}
_VOLATILE = (
    (r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "<id>"),
    (r"\b\d+(\.\d+)? (us|ms|s)\b", "<time>"),
    (r"(?m)^(revision +)\d+$", r"\1<revision>"),
)


def is_run(command: str) -> bool:
    """Whether the tests run the command."""
    return not any(command == each or (each.endswith(" ") and command.startswith(each)) for each in NOT_RUN)


def agrees(shown: str, said: str) -> bool:
    """Whether the output equals the documented one. `...` matches anything; ids, times and revisions may differ."""
    for pattern, word in _VOLATILE:
        shown, said = re.sub(pattern, word, shown), re.sub(pattern, word, said)
    return doctest.OutputChecker().check_output(shown.rstrip(), said.rstrip(), doctest.ELLIPSIS)


def run(block: Block, stack: Stack) -> Iterator[tuple[Command, str, int]]:
    """Run the commands; yield each with its output and status. `echo $?` sees the status of the previous command."""
    status = 0
    for command in pages.commands(block):
        if not is_run(command.text):
            continue
        done = subprocess.run(
            ["/bin/sh", "-c", f"(exit {status}); {stack.own(command.text)}"],
            cwd=ROOT,
            env=stack.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=running.TIMEOUT,
        )
        status = done.returncode
        yield command, stack.usual(done.stdout), status


# test_examples.py runs those of the API page, in order and in one shell.
@pytest.mark.parametrize("block", [each for each in pages.every("console") if each.page != api_page.PAGE], ids=str)
def test_commands_print_the_documented_output(block: Block, stack: Stack) -> None:
    if "curl " in block.text and shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    ran = list(run(block, stack))
    for at, (command, said, status) in enumerate(ran):
        assert command.shown is None or agrees(command.shown, said), f"{command.text}\n{said}"
        status_shown = any(each.text == "echo $?" for each, _, _ in ran[at + 1 : at + 2])
        assert status_shown or status == 0, f"{command.text}\n{said}"


def test_make_up_prints_the_documented_output(stack: Stack) -> None:
    [shown] = {
        command.shown
        for block in pages.every("console")
        for command in pages.commands(block)
        if command.text == "make up" and command.shown
    }
    assert agrees(shown, stack.usual(stack.up.said))


@pytest.mark.skipif(MAKE is None, reason="make is not installed")
def test_documented_make_targets_exist_and_make_up_starts_the_stack() -> None:
    documented = [command.text for block in pages.every("console") for command in pages.commands(block)]
    env = {name: text for name, text in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    for text in sorted({text for text in documented if text.startswith("make ")}):
        # A dry run prints the recipe, as if the virtual environment were up to date.
        line = [str(MAKE), "--dry-run", "--assume-old=.venv/made", *shlex.split(text)[1:]]
        done = subprocess.run(line, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=running.TIMEOUT)
        assert done.returncode == 0, done.stderr
        assert not text.startswith("make up") or " -m cqar up" in done.stdout


def test_every_exempt_command_is_documented_and_console_is_the_only_shell_language() -> None:
    documented = [command.text for block in pages.every("console") for command in pages.commands(block)]
    assert [each for each in NOT_RUN if not any(text.startswith(each) for text in documented)] == []
    assert [str(block) for language in ("", "sh", "bash", "shell") for block in pages.every(language)] == []


@pytest.mark.parametrize("block", pages.every("python"), ids=str)
def test_python_examples_print_the_documented_output(block: Block, stack: Stack) -> None:
    done = subprocess.run(
        [sys.executable, "-"],
        input=stack.own(block.text),
        cwd=ROOT,
        env=stack.environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=running.TIMEOUT,
    )
    shown = next(each for each in pages.blocks(block.page) if each.line > block.line)
    assert (shown.language, done.stderr) == ("text", "")
    assert done.stdout == shown.text


def test_every_documented_call_is_served(stack: Stack) -> None:
    found = api_page.read()
    with connected(stack.address, stack.up.key("admin")) as channel:
        for service, described in found.services.items():
            for method in described.method:
                call = api_page.Call(service, method)
                seconds = 2 if method.server_streaming else 20
                responses = channel.stream_stream(f"/{service}/{method.name}", bytes, bytes)(iter([b""]), timeout=seconds)
                if not call.kind:
                    responses.cancel()
                    single = channel.unary_unary(f"/{service}/{method.name}", bytes, bytes)
                    with pytest.raises(grpc.RpcError) as refused:
                        single(b"", timeout=seconds)
                    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED, call.title
                    continue
                try:
                    next(responses)
                except grpc.RpcError as error:
                    assert error.code() is not grpc.StatusCode.UNIMPLEMENTED, call.title  # noqa: PT017 - or it answers
