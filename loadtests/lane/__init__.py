"""Load tests of the lane without cqar: `python -m loadtests.lane.bench`."""
