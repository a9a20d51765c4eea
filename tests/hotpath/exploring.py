"""Explores every interleaving of a small model."""

from collections import deque
from collections.abc import Callable, Hashable, Iterable
from typing import NamedTuple, TypeVar

W = TypeVar("W", bound=Hashable)


class Violation(NamedTuple):
    """A wrong value that is served, and the steps that lead to it."""

    steps: tuple[str, ...]
    served: object
    truth: object


def explored(
    start: W, steps: Callable[[W], Iterable[tuple[str, W]]], wrong: Callable[[W], tuple[object, object] | None]
) -> tuple[int, Violation | None]:
    """Explore all states; the number of states and the first violation, if any.

    `wrong` returns a wrong value that a state serves, with the right one, or None.
    """
    came_from: dict[W, tuple[W, str] | None] = {start: None}
    queue = deque([start])
    while queue:
        state = queue.popleft()
        for step, after in steps(state):
            if after in came_from:
                continue
            came_from[after] = (state, step)
            found = wrong(after)
            if found is not None:
                return len(came_from), Violation(_path(came_from, after), *found)
            queue.append(after)
    return len(came_from), None


def _path(came_from: dict[W, tuple[W, str] | None], state: W) -> tuple[str, ...]:
    steps = []
    at = came_from[state]
    while at is not None:
        steps.append(at[1])
        at = came_from[at[0]]
    return tuple(reversed(steps))
