"""Run the property tests with new seeds for a given time: `python -m tests.lane.fuzz --seconds 600`."""

import argparse
import asyncio
import random
import sys
import time

import uvloop

from tests.lane import test_property as properties

_ALL = (
    properties.test_responses_do_not_depend_on_the_size_of_reads,
    properties.test_the_slow_path_sends_the_same_bytes_as_the_fast_path,
    properties.test_random_bytes_after_the_preface_are_handled,
    properties.test_corrupted_conversations_are_handled,
    properties.test_random_plausible_frames_are_handled,
)


async def main(seconds: float, seed: int) -> None:
    """Run for `seconds`. Print the seed of a failure."""
    end = time.monotonic() + seconds
    rounds = 0
    while time.monotonic() < end:
        for check in _ALL:
            try:
                await check(seed + rounds)
            except BaseException:
                sys.stdout.write(f"{check.__name__} fails with seed {seed + rounds}\n")
                raise
        rounds += 1
        await asyncio.sleep(0)
    sys.stdout.write(f"{rounds} rounds from seed {seed} on\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 30))
    options = parser.parse_args()
    uvloop.run(main(options.seconds, options.seed))
