"""Attacks on a worker by clients without a key, and what they cost a client that has one.

`python -m tests.attacks` runs all of them against a real worker. `frames` has the attacks; other modules add theirs to
`table.ATTACKS`.
"""
