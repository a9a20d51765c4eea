"""The command line and `cqar up`."""
