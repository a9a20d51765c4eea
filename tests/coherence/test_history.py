"""The judge of the checker: what counts as stale, and what as broken."""

from tests.coherence.history import LEASE, MILLISECOND, History, Read

SECOND = 1_000 * MILLISECOND


def told(history: History, version: int, at: int, *, marked: bool = False, life: int = 1) -> int:
    return history.read(Read("w0", life, "k", at, at + 1, version, marked))


def written(*times: int) -> History:
    history = History()
    for at in times:
        history.acknowledged("k", history.attempt("k"), at)
    return history


def test_a_read_is_stale_since_the_first_newer_version_was_acknowledged() -> None:
    history = written(SECOND, 2 * SECOND, 3 * SECOND)
    assert told(history, 1, 2 * SECOND - 1) == 0
    assert told(history, 1, 2 * SECOND + 300 * MILLISECOND) == 300 * MILLISECOND
    tally = history.tallies[""]
    assert (tally.stale[250], tally.stale[500]) == (1, 0)
    assert not history.broken


def test_a_response_older_than_the_lease_must_be_marked() -> None:
    history = written(SECOND, 2 * SECOND)
    told(history, 1, 2 * SECOND + LEASE + 1, marked=True)
    assert not history.broken
    told(history, 1, 2 * SECOND + LEASE + 1)
    assert history.breaks == {"stale": 1}


def test_a_worker_must_not_go_back_unless_it_restarts() -> None:
    history = written(SECOND, 2 * SECOND)
    told(history, 2, 3 * SECOND)
    told(history, 1, 3 * SECOND, marked=True, life=2)
    assert not history.broken
    told(history, 1, 3 * SECOND, marked=True)
    assert history.breaks == {"went back": 1}


def test_unwritten_or_uncommitted_versions_must_not_be_served() -> None:
    history = written(SECOND)
    told(history, 2, SECOND)
    assert history.breaks == {"uncommitted": 1}
    history = written(SECOND)
    history.attempt("k")
    told(history, 2, SECOND)
    history.committed("k", 1)
    history.settle()
    assert history.breaks == {"uncommitted": 1}


def test_an_acknowledged_version_must_be_in_the_outbox() -> None:
    history = written(SECOND)
    history.settle()
    assert history.breaks == {"lost": 1}


def test_after_a_restore_lost_versions_are_served_for_the_lease_at_most() -> None:
    history = written(SECOND, 2 * SECOND)
    history.restored(3 * SECOND, {"k": 1})
    told(history, 2, 3 * SECOND + LEASE)
    told(history, 1, 3 * SECOND + 1)
    told(history, 2, 3 * SECOND + LEASE + 1, marked=True)
    assert not history.broken
    told(history, 2, 3 * SECOND + LEASE + 1)
    assert history.breaks == {"ghost": 1}
