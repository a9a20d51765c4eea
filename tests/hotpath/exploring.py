"""Small worlds of which every interleaving is tried."""

from collections import deque
from collections.abc import Callable, Hashable, Iterable
from typing import NamedTuple, TypeVar

W = TypeVar("W", bound=Hashable)


class Violation(NamedTuple):
    """Something that is served and not true, and the steps that lead there."""

    steps: tuple[str, ...]
    served: object
    truth: object


def explored(
    start: W, steps: Callable[[W], Iterable[tuple[str, W]]], wrong: Callable[[W], tuple[object, object] | None]
) -> tuple[int, Violation | None]:
    """Try everything: how many states there are, and the first violation.

    `wrong`: what a world serves that is not true, with the truth.
    """
    came_from: dict[W, tuple[W, str] | None] = {start: None}
    queue = deque([start])
    while queue:
        world = queue.popleft()
        for step, after in steps(world):
            if after in came_from:
                continue
            came_from[after] = (world, step)
            found = wrong(after)
            if found is not None:
                return len(came_from), Violation(_way(came_from, after), *found)
            queue.append(after)
    return len(came_from), None


def _way(came_from: dict[W, tuple[W, str] | None], world: W) -> tuple[str, ...]:
    steps = []
    at = came_from[world]
    while at is not None:
        steps.append(at[1])
        at = came_from[at[0]]
    return tuple(reversed(steps))
