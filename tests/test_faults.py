"""Promises 1 to 3 on a machine that fails: whatever call of a night ends with an error, nothing is lost or twice.

Some drawn faults of each family here: of the file system, of the database, kills, a clock that jumps; thousands with
`python -m tests.faults.runs --kinds FAMILY --act ACT`, which has other writers than the night as well.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from archive import opening
from archive.catalogue import record, rows
from archive.errors import OwnershipLostError
from archive.ledger import Entry, Ledger, event_key
from archive.opening import Archive
from archive.rebuild import rebuild
from tests.faults.runs import FOR_GOOD, SHORT, Fault, Trials, trials

SEED = int(os.environ.get("LUUTRU_FAULT_SEED", "20261122"))


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trials]:
    with trials(tmp_path_factory.mktemp("faults")) as made:
        yield made


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(SEED, SEED + 4))
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


@pytest.mark.slow
@pytest.mark.parametrize(("family", "seed"), [("killed", SEED), ("killed", SEED + 1), ("sqlite", SEED),
                                               ("clock", SEED)])
def test_a_night_that_is_killed_whose_database_fails_or_whose_clock_jumps_ends_the_same(
        held: Trials, family: str, seed: int) -> None:
    held.run(held.draw(seed, family))


@pytest.mark.slow
def test_a_night_whose_postgresql_fails_or_goes_away_ends_the_same(
        tmp_path_factory: pytest.TempPathFactory, _postgres_server: str) -> None:
    with trials(tmp_path_factory.mktemp("server"), server=_postgres_server) as made:
        made.run(made.draw(SEED, "postgresql"))


def act(n: int) -> Entry:
    return Entry("test", f"{n}", {"n": n}, event_key("test", f"{n}"))


def test_an_event_whose_transaction_failed_is_neither_lost_nor_told_twice_though_the_owner_goes_on(
        archive: Archive) -> None:
    """As when the night's seal ends with an error, and the night brings the copies up to date all the same."""
    with opening.ownership(archive):
        with pytest.raises(RuntimeError), archive.catalogue.session() as session:
            record(session, archive.ledger, [act(1)])
            raise RuntimeError
        for n in (2, 1):        # another act, and the first one said again
            with archive.catalogue.session() as session:
                record(session, archive.ledger, [act(n)])
        assert [line.subject for line in archive.ledger.lines() if line.kind == "test"] == ["1", "2"]
        with archive.catalogue.session() as session:
            before = rows(session)
        rebuild(archive)
        with archive.catalogue.session() as session:
            assert rows(session) == before


@pytest.mark.parametrize("written", [True, False])
def test_a_ledger_whose_disk_failed_once_goes_on_without_a_break(archive: Archive, monkeypatch: pytest.MonkeyPatch,
                                                                 written: bool) -> None:
    def failing(handle: int) -> None:
        if not written:         # nothing of it reached the file
            os.ftruncate(handle, os.fstat(handle).st_size - 20)
        raise OSError(errno.EIO, "as drawn")

    with opening.ownership(archive):
        with monkeypatch.context() as patch, pytest.raises(OSError, match="as drawn"):
            patch.setattr(os, "fsync", failing)
            archive.ledger.append([act(1)])
        for n in (2, 1):
            with archive.catalogue.session() as session:
                record(session, archive.ledger, [act(n)])
    assert list(Ledger(archive.ledger.folder).check()) == []
    assert [line.subject for line in archive.ledger.lines() if line.kind == "test"] == (
        ["1", "2"] if written else ["2", "1"])


def test_who_lost_the_lock_on_the_archive_writes_nothing_more(tmp_path: Any, postgresql: str) -> None:
    """A server that was started anew has forgotten whose the archive was: another machine may have it now."""
    archive = opening.make_archive(tmp_path / "kho", {"agency": {"code": "H99", "name": "Sở"}, "database": postgresql})
    other = create_engine(postgresql, isolation_level="AUTOCOMMIT")
    with opening.ownership(archive):
        with archive.catalogue.session() as session:
            record(session, archive.ledger, [act(1)])
        with other.connect() as connection:
            assert connection.execute(text(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_locks WHERE locktype = 'advisory'")).all()
        before = archive.ledger.head
        with pytest.raises(OwnershipLostError), archive.catalogue.session() as session:
            record(session, archive.ledger, [act(2)])
    assert Ledger(archive.ledger.folder).head == before
    with opening.ownership(archive), archive.catalogue.session() as session:
        record(session, archive.ledger, [act(2)])
    other.dispose()
    archive.close()
