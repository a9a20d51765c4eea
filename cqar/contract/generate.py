"""Generate the Python modules and stubs of the contract: `python -m cqar.contract.generate [--check]`.

Every .proto file below this folder yields `<name>_pb2.py` and `<name>_pb2.pyi` beside it. The output depends only on the
sources and the version of grpcio-tools (a development dependency). `--check` writes nothing; the exit status is 1 if a
generated file is missing, out of date or has no source. Without `--check`, generated files without a source are removed.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
#: Import paths in the sources start here: the folder that holds the package `cqar`.
ROOT = FOLDER.parent.parent
COMMAND = "python -m cqar.contract.generate"


def sources() -> list[Path]:
    """The .proto files, sorted."""
    return sorted(FOLDER.rglob("*.proto"))


def generate(target: Path) -> None:
    """Write modules and stubs of all sources to `target`, in the same folders as below the root.

    Raises subprocess.CalledProcessError if protoc rejects a source or is not installed; stderr has the reason.
    """
    options = [f"--proto_path={ROOT}", f"--python_out={target}", f"--pyi_out={target}"]
    files = [str(each.relative_to(ROOT)) for each in sources()]
    command = [sys.executable, "-m", "grpc_tools.protoc", *options, *files]
    subprocess.run(command, check=True)  # noqa: S603 -- our own interpreter, our own files
    for stub in (target / FOLDER.relative_to(ROOT)).rglob("*_pb2.pyi"):
        # protoc writes a bare Mapping, which mypy --strict rejects.
        stub.write_text(re.sub(r"\b_Mapping(?=[],])", "_Mapping[str, object]", stub.read_text()))


def stale() -> list[str]:
    """The generated files that are missing, out of date or without a source, as paths relative to the root."""
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        fresh = _generated(Path(folder))
    present = _generated(ROOT)
    return sorted(name for name in fresh.keys() | present.keys() if fresh.get(name) != present.get(name))


def _generated(root: Path) -> dict[str, bytes]:
    folder = root / FOLDER.relative_to(ROOT)
    return {str(each.relative_to(root)): each.read_bytes() for each in folder.rglob("*_pb2.py*") if each.suffix != ".pyc"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command, by default with the arguments of the process. Returns the exit status."""
    parser = argparse.ArgumentParser(prog=COMMAND, description="Generate the contract's Python modules and stubs.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a generated file is out of date")
    if not parser.parse_args(arguments).check:
        generate(ROOT)
        for name in _generated(ROOT):
            if not (ROOT / f"{name.partition('_pb2.')[0]}.proto").exists():
                (ROOT / name).unlink()
        return 0
    names = stale()
    for name in names:
        sys.stderr.write(f"{name} is not up to date, run: {COMMAND}\n")
    return 1 if names else 0


if __name__ == "__main__":
    sys.exit(main())
