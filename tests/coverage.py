"""`python -m tests.coverage`: the lines of each package that the tests ran. Fails where they are too few."""

import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from coverage import Coverage

ROOT = Path(__file__).parents[1]
#: Percent of the lines of a package.
LEAST = 90.0


class File(NamedTuple):
    """A measured file: its lines of code, and those that did not run."""

    name: str
    lines: int
    missing: int


Packages = Mapping[str, Sequence[File]]


def measured() -> Packages:
    """The files of each package, from the data that `coverage combine` wrote."""
    data = Coverage()
    data.load()
    packages: dict[str, list[File]] = defaultdict(list)
    for path in data.get_data().measured_files():
        name = Path(path).relative_to(ROOT)
        _, lines, _, missing, _ = data.analysis2(path)
        packages[".".join(name.parent.parts)].append(File(name.name, len(lines), len(missing)))
    return packages


def share(files: Sequence[File]) -> float:
    """The percentage of the lines that ran; files without lines are covered."""
    lines = sum(each.lines for each in files)
    return 100.0 * (lines - sum(each.missing for each in files)) / lines if lines else 100.0


def low(packages: Packages) -> list[str]:
    """The packages below `LEAST`."""
    return [name for name, files in packages.items() if share(files) < LEAST]


def report(packages: Packages) -> Iterator[str]:
    """A line for each package, the least covered first; below it the worst files of one that is below `LEAST`."""
    for name, files in sorted(packages.items(), key=lambda each: share(each[1])):
        yield f"{share(files):6.1f} %  {name}"
        if share(files) < LEAST:
            worst = sorted(files, key=lambda each: -each.missing)[:5]
            yield f"          not run: {', '.join(f'{each.missing} of {each.lines} in {each.name}' for each in worst)}"


def main() -> None:
    """Print the report; exit with 1 where a package is below `LEAST` or nothing was measured."""
    packages = measured()
    sys.stdout.writelines(f"{line}\n" for line in report(packages))
    if not packages or low(packages):
        sys.exit(f"below {LEAST:.0f} %: {', '.join(low(packages)) or 'nothing was measured'}")


if __name__ == "__main__":
    main()
