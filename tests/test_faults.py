"""Promises 1 to 3 on a file system that fails: whatever call of a night ends with an error, nothing is lost or twice.

A dozen drawn faults here; a thousand with `python -m tests.faults.runs`.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator

import pytest

from tests.faults.runs import FOR_GOOD, SHORT, Fault, Trials, trials

SEED = int(os.environ.get("LUUTRU_FAULT_SEED", "20261122"))


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trials]:
    with trials(tmp_path_factory.mktemp("faults")) as made:
        yield made


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(SEED, SEED + 8))
def test_a_night_whose_file_system_fails_somewhere_loses_nothing_and_the_next_ends_the_same(
        held: Trials, seed: int) -> None:
    held.run(held.draw(seed))


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "share", "times", "error"), [
    ("write", 0.5, FOR_GOOD, errno.ENOSPC),     # the disk is full from the middle on
    ("sync", 0.3, FOR_GOOD, errno.EIO),         # nothing can be made durable any more
    ("write", 0.2, FOR_GOOD, SHORT),            # every write is cut in half: well-behaved programs write the rest
])
def test_a_disk_that_stays_bad_is_told_and_a_good_one_finishes_the_night(held: Trials, kind: str, share: float,
                                                                         times: int, error: int) -> None:
    life, _ = held.run(Fault(kind, round(held.calls[kind] * share), times, error))
    assert life.fired
    assert (life.code == 0) is (error == SHORT), "a night that could not keep what came must not say that it did"
