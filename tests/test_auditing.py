"""The audit: everything is read again in time, a part each night, and every kind of damage is found."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from archive import layout
from archive.catalogue import record
from archive.fixity import auditing
from archive.ledger import Entry
from archive.opening import Archive, ownership
from archive.store import NewFile

NOW = datetime(2026, 11, 21, 15, tzinfo=UTC)
OBJECTS = 25


@pytest.fixture
def kho(archive: Archive) -> Archive:
    """Case files of eight files each."""
    entries = []
    for number in range(OBJECTS):
        code = f"H99.2026.{number:02d}.VP"
        archive.store.put(layout.casefile_object(code), {
            f"{layout.RECEIVED}/{n}.pdf": NewFile(f"tài liệu {number}.{n} ".encode() * 50) for n in range(8)},
            message="batch", user="luutru", created=NOW)
        entries.append(Entry("stored", f"item-{number}", {"case_file": code, "version": 1, "files": {}}, code))
    with ownership(archive), archive.catalogue.session() as session:
        record(session, archive.ledger, entries)
    return archive


def ticking(seconds: float = 1.0) -> Iterator[float]:
    """A clock that goes on by `seconds` each time it is looked at."""
    now = 0.0
    while True:
        yield now
        now += seconds


def nightly(archive: Archive, night: int, seconds: float) -> auditing.Audit:
    with ownership(archive):
        return auditing.audit(archive, NOW + timedelta(days=night), seconds, ticking().__next__)


def stand(archive: Archive, night: int) -> auditing.Standing:
    with archive.catalogue.session() as session:
        return auditing.standing(session, NOW + timedelta(days=night))


def test_a_part_each_night_comes_round_to_everything(kho: Archive) -> None:
    read = [nightly(kho, night, 5) for night in range(6)]
    assert [one.objects for one in read] == [5] * 6
    assert not any(one.faults for one in read)
    events = [line.data for line in kho.ledger.lines() if line.kind == auditing.KIND]
    assert len({one["from"] for one in events[:5]}) == 5, "each night goes on where the last one stopped"
    known = stand(kho, 6)
    assert known.age is not None
    assert known.age <= 6
    assert known.nights == pytest.approx(26 / 5, rel=0.1), "26 objects, five a night"


def test_before_the_first_round_nothing_is_promised(kho: Archive) -> None:
    assert stand(kho, 0).age is None
    nightly(kho, 0, 5)
    assert stand(kho, 1).age is None
    for night in range(1, 6):
        nightly(kho, night, 5)
    assert stand(kho, 6).age is not None
    assert stand(kho, 200).age in (199, 200), "an archive that nobody reads grows old"


def test_one_large_object_is_read_even_when_the_time_is_short(kho: Archive) -> None:
    assert nightly(kho, 0, 0).objects == 1


def plant(archive: Archive, chance: random.Random) -> int:
    """Damage the store in 200 places: flipped bits, cut, swapped, deleted and added files, changed inventories."""
    planted = 0
    for number in range(OBJECTS):
        folder = archive.store.folder(layout.casefile_object(f"H99.2026.{number:02d}.VP"))
        content = sorted((folder / "v1" / "content" / layout.RECEIVED).glob("*.pdf"))
        first, second, *rest = content
        one, two = first.read_bytes(), second.read_bytes()
        first.write_bytes(two)
        second.write_bytes(one)
        flipped = bytearray(rest[0].read_bytes())
        flipped[chance.randrange(len(flipped))] ^= 1 << chance.randrange(8)
        rest[0].write_bytes(flipped)
        rest[1].write_bytes(rest[1].read_bytes()[:-1])
        rest[2].unlink()
        (rest[3].parent / "lạ.pdf").write_bytes(b"%PDF")
        rest[3].write_bytes(b"")
        (rest[4].parent / "sub").mkdir()
        (rest[4].parent / "sub" / "x").write_bytes(b"x")
        planted += 8
    return planted


def test_two_hundred_planted_faults_are_all_found(kho: Archive) -> None:
    assert plant(kho, random.Random(7)) == 200
    found = [fault for night in range(6) for fault in nightly(kho, night, 5).faults]
    names = {fault.split(": ", 1)[0] for fault in found}
    assert len(names) == OBJECTS
    assert len(set(found)) == 200, "each planted fault has its sentence"
    assert stand(kho, 6).faults == 150, "foreign files are moved aside; without a copy the others stay open"


@pytest.mark.parametrize("spoil", ["inventory", "gone", "no json"])
def test_a_spoiled_inventory_is_a_fault_and_no_crash(kho: Archive, spoil: str) -> None:
    folder = kho.store.folder(layout.casefile_object("H99.2026.03.VP"))
    place = folder / "inventory.json"
    if spoil == "inventory":
        told = json.loads(place.read_bytes())
        told["head"] = "v7"
        place.write_text(json.dumps(told))
    elif spoil == "gone":
        place.unlink()
    else:
        place.write_bytes(b"{")
    assert len(nightly(kho, 0, 1e9).faults) == 1


def test_a_check_of_the_whole_store_settles_what_is_wrong_now(kho: Archive) -> None:
    place = next((kho.store.folder(layout.casefile_object("H99.2026.03.VP")) / "v1" / "content").rglob("*.pdf"))
    kept = place.read_bytes()
    place.write_bytes(b"x")
    nightly(kho, 0, 1e9)
    assert stand(kho, 1).faults == 1
    place.write_bytes(kept)
    with ownership(kho), kho.catalogue.session() as session:
        record(session, kho.ledger, [Entry("fixity_checked", "store", {"objects": 26, "faults": []}, "whole")])
    assert stand(kho, 1).faults == 0


def test_a_busy_archive_is_audited_once_a_day(kho: Archive) -> None:
    nightly(kho, 0, 1e9)
    with kho.catalogue.session() as session:
        at = max(line.at for line in kho.ledger.lines() if line.kind == auditing.KIND)
        told = datetime.fromisoformat(at)
        assert not auditing.is_due(session, told + timedelta(hours=3), 90, idle=False)
        assert auditing.is_due(session, told + timedelta(hours=21), 90, idle=False)


def test_an_archive_that_nothing_comes_to_is_read_as_often_as_the_promise_needs(kho: Archive) -> None:
    for night in range(6):
        nightly(kho, night, 5)
    with kho.catalogue.session() as session:
        last = datetime.fromisoformat(stand(kho, 0).last)
        assert not auditing.is_due(session, last + timedelta(days=8), 90, idle=True)
        assert auditing.is_due(session, last + timedelta(days=9), 90, idle=True), "five nights a round: 90 / (2 · 5)"
