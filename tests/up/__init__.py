"""Tests of the command line and of `cqar up`."""
