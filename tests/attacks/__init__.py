"""Attacks on the ports of cqar, and what they cost a client that behaves.

`python -m tests.attacks` runs all of them against real processes; `test_attacks` and `test_http_attacks` run short forms. The
attacks are in `frames`, `calls`, `slow` and `http`; `table` lists them.
"""
