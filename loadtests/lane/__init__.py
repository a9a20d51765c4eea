"""Load on the lane alone: `python -m loadtests.lane.bench`."""
