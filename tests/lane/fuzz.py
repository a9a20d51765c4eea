"""The property tests with ever new seeds, for as long as wanted: `python -m tests.lane.fuzz --seconds 600`."""

import argparse
import asyncio
import random
import sys
import time

import uvloop

from tests.lane import test_property as properties

_ALL = (
    properties.test_however_a_stream_of_bytes_is_cut_the_answers_are_the_same,
    properties.test_the_long_way_gives_the_same_bytes_as_the_short_one,
    properties.test_random_bytes_after_the_preface_end_in_order,
    properties.test_a_conversation_with_broken_bytes_ends_in_order,
    properties.test_random_frames_that_look_right_end_in_order,
)


async def main(seconds: float, seed: int) -> None:
    """Run until the time is over; the seed of what fails is printed."""
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
