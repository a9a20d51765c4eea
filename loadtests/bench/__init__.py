"""`make bench`: the whole worker against a yardstick, in one run and one table."""
