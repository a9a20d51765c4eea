"""What the documents tell to type does what they show: on a stack that runs as they tell to start it."""

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
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="`cqar up` is looked at by /proc")

#: Commands that are not run, and why; one that ends with a space stands for all that begin so.
NOT_RUN: Mapping[str, str] = {
    "make ": "would run this suite, containers or a second stack: it is asked whether it knows the target",
    "export ": "names servers that only the reader can have: the stack's own are in the environment",
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
    """Whether the output is what is shown, where `...` stands for anything and ids, times and revisions differ."""
    for pattern, word in _VOLATILE:
        shown, said = re.sub(pattern, word, shown), re.sub(pattern, word, said)
    return doctest.OutputChecker().check_output(shown.rstrip(), said.rstrip(), doctest.ELLIPSIS)


def run(block: Block, stack: Stack) -> Iterator[tuple[Command, str, int]]:
    """Each command that is run with its output and status; `echo $?` sees the status of the one before."""
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
            timeout=running.PATIENCE,
        )
        status = done.returncode
        yield command, stack.usual(done.stdout), status


# Those of the API page run in order, in one shell: test_examples.py.
@pytest.mark.parametrize("block", [each for each in pages.every("console") if each.page != api_page.PAGE], ids=str)
def test_commands_do_what_is_shown(block: Block, stack: Stack) -> None:
    if "curl " in block.text and shutil.which("curl") is None:
        pytest.skip("there is no curl")
    ran = list(run(block, stack))
    for at, (command, said, status) in enumerate(ran):
        assert command.shown is None or agrees(command.shown, said), f"{command.text}\n{said}"
        asked = any(each.text == "echo $?" for each, _, _ in ran[at + 1 : at + 2])
        assert asked or status == 0, f"{command.text}\n{said}"


def test_make_up_says_what_is_shown(stack: Stack) -> None:
    [shown] = {
        command.shown
        for block in pages.every("console")
        for command in pages.commands(block)
        if command.text == "make up" and command.shown
    }
    assert agrees(shown, stack.usual(stack.up.said))


@pytest.mark.skipif(MAKE is None, reason="there is no make")
def test_make_knows_its_targets_and_starts_what_the_stack_is() -> None:
    told = [command.text for block in pages.every("console") for command in pages.commands(block)]
    env = {name: text for name, text in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    for text in sorted({text for text in told if text.startswith("make ")}):
        # Nothing is made: the recipe is printed, as if the virtual environment were new.
        line = [str(MAKE), "--dry-run", "--assume-old=.venv/made", *shlex.split(text)[1:]]
        done = subprocess.run(line, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=running.PATIENCE)
        assert done.returncode == 0, done.stderr
        assert not text.startswith("make up") or " -m cqar up" in done.stdout


def test_what_is_not_run_is_told_somewhere_and_other_shells_are_not() -> None:
    told = [command.text for block in pages.every("console") for command in pages.commands(block)]
    assert [each for each in NOT_RUN if not any(text.startswith(each) for text in told)] == []
    assert [str(block) for language in ("", "sh", "bash", "shell") for block in pages.every(language)] == []


@pytest.mark.parametrize("block", pages.every("python"), ids=str)
def test_examples_print_what_is_shown_below_them(block: Block, stack: Stack) -> None:
    done = subprocess.run(
        [sys.executable, "-"],
        input=stack.own(block.text),
        cwd=ROOT,
        env=stack.environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=running.PATIENCE,
    )
    shown = next(each for each in pages.blocks(block.page) if each.line > block.line)
    assert (shown.language, done.stderr) == ("text", "")
    assert done.stdout == shown.text


def test_calls_are_served_as_the_api_says(stack: Stack) -> None:
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
