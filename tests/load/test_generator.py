"""The load generator, against a test server."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import grpc.aio
import pytest

from loadtests import generator, scripts
from loadtests.generator import Shape
from loadtests.scripts import Calls
from tests.up.running import ROOT, TIMEOUT, environment, runs, until

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or not shutil.which("cc"), reason="the generator needs Linux and a C compiler"
)


class Late(grpc.GenericRpcHandler):
    """Echoes every request after a delay."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def service(self, _details: object) -> Any:
        async def answer(request: bytes, _context: object) -> bytes:
            await asyncio.sleep(self._seconds)
            return request

        return grpc.unary_unary_rpc_method_handler(answer)


async def test_a_run_lasts_until_its_first_response(tmp_path: Path) -> None:
    program = generator.build(tmp_path)
    files = scripts.write(tmp_path, "equal", 1, Calls("/a.Service/Method", "Bearer key", [(b"request", b"request")]))
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((Late(0.5),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        found = await asyncio.to_thread(generator.measure, program, port, os.getpid(), files, Shape(1, 1, 0.01))
        assert found.rate > 0
        assert found.mean > 0.01 * 1e6
    finally:
        await server.stop(None)


def test_an_interrupt_ends_the_compiler_and_all_its_processes(tmp_path: Path) -> None:
    compiler = tmp_path / "bin" / "cc"
    compiler.parent.mkdir()
    compiler.write_text('#!/bin/sh\nsleep 600 & echo $! > "$TMPDIR/pid.new" && mv "$TMPDIR/pid.new" "$TMPDIR/pid"\nwait\n')
    compiler.chmod(0o755)
    code = f"from pathlib import Path; from loadtests import generator; generator.build(Path({str(tmp_path)!r}))"
    own = environment(PATH=f"{compiler.parent}:{os.environ['PATH']}")
    made = subprocess.Popen([sys.executable, "-c", code], env=own, cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        until((tmp_path / "pid").exists, "the compiler runs")
        made.send_signal(signal.SIGINT)
        assert made.wait(TIMEOUT) != 0
        child = int((tmp_path / "pid").read_text())
        until(lambda: not runs(child), "nothing runs")
    finally:
        made.kill()
        made.wait()
