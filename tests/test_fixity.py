"""What is damaged is judged right: by ledger and seals, never by majority; the promise is told before it breaks."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from archive import catalogue, inventory, layout, opening, settings
from archive.catalogue import record
from archive.commands import fixity as command
from archive.errors import UsageError
from archive.evidence.night import seal_and_renew
from archive.fixity import auditing, checking, copies, damage, places, witness
from archive.fixity.forecast import forecast, foresee
from archive.fixity.places import MAIN
from archive.ledger import Entry
from archive.model import CaseFile, Document, File
from archive.opening import Archive, ownership
from archive.rebuild import rebuild
from tests.stored_documents import FILE, store_documents
from tests.test_copies import NOW, Three, make, store_some, tree
from tests.test_mending import content, flip, rewrite, roll_back

DICE = random.Random(1)


@pytest.fixture
def no_power_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda _handle: None)


def three_of(tmp_path: Path, *, seal: bool = True, **more: Any) -> Three:
    archive = make(tmp_path, **more)
    with ownership(archive):
        for number in range(4):
            store_some(archive, number, 1)
            store_some(archive, number, 2, 2)
        if seal:
            seal_and_renew(archive, NOW)
        copies.follow(archive, NOW)
    return Three(archive, places.main(archive), *places.copies(archive.settings))


@pytest.fixture
def three(tmp_path: Path, no_power_cut: None) -> Iterator[Three]:
    made = three_of(tmp_path)
    yield made
    made.archive.close()


def luutru(three: Three, *arguments: str) -> Any:
    return CliRunner().invoke(command.command, arguments, obj=three.archive.settings.root, catch_exceptions=False)


def kinds(results: list[Any]) -> dict[tuple[str, str], set[str]]:
    """Place and what is left there."""
    return {(looked.place.key, looked.folder): {fault.kind for fault in mended.left} for looked, mended in results
            if mended.left}


# --- who is right -----------------------------------------------------------------------------------------------


def test_a_forger_who_rewrites_the_store_is_told_by_the_seal_and_undone(three: Three) -> None:
    before = tree(three.main.store.root)
    rewrite(three.folder(three.main, 1), DICE)
    assert three.audit().faults != []
    assert tree(three.main.store.root) == before


def forge_record(three: Three, place: places.Place, number: int = 1) -> None:
    """A rewriting that no `stored` event contradicts: only the message of a version."""
    folder = three.folder(place, number)
    for where in (folder / "v2", folder):
        told = json.loads((where / inventory.INVENTORY).read_bytes())
        told["versions"]["v2"]["message"] = "something else"
        data = inventory.as_bytes(told)
        (where / inventory.INVENTORY).write_bytes(data)
        (where / inventory.SIDECAR).write_bytes(inventory.sidecar(data))


def test_what_the_ledger_tells_of_one_object_is_not_looked_for_among_all(three: Three) -> None:
    """Each object would otherwise cost as much as the archive is large (SQLite without statistics)."""
    seen: list[str] = []
    with three.archive.catalogue.session() as session:
        for query in (witness._STORED, witness._TEXTS, witness._CLOSED):
            sql = query.params(code=FILE).compile(session.connection(), compile_kwargs={"literal_binds": True})
            seen += [row[3] for row in session.execute(text(f"EXPLAIN QUERY PLAN {sql}"))]
    assert sum("kind=? AND subject=?" in step for step in seen) == 3, seen


def test_two_copies_against_one_do_not_outvote_the_seal(three: Three) -> None:
    before = tree(three.main.store.root)
    forge_record(three, three.one)
    forge_record(three, three.two)
    done = three.audit()
    assert kinds(done.results) == {}
    assert tree(three.one.store.root) == tree(three.two.store.root) == tree(three.main.store.root) == before


def test_without_a_seal_two_sound_copies_that_differ_are_left_for_a_person(tmp_path: Path, no_power_cut: None) -> None:
    three = three_of(tmp_path, seal=False)
    forge_record(three, three.one)
    before = {place.key: tree(place.store.root) for place in (three.main, three.one, three.two)}
    done = three.audit()
    assert {kind for left in kinds(done.results).values() for kind in left} == {"disagrees"}
    for place in (three.main, three.one, three.two):
        assert tree(place.store.root) == before[place.key], "nothing is touched"
    with three.archive.catalogue.session() as session:
        assert damage.open_damage(session) != {}
        assert sum(auditing.standing(session, NOW, place.key).faults for place in (three.main, three.one)) > 0
    three.archive.close()


def test_a_store_that_was_rolled_back_is_noticed_without_any_copy(tmp_path: Path, no_power_cut: None) -> None:
    archive = make(tmp_path, ())
    with ownership(archive):
        store_some(archive, 0, 1)
        store_some(archive, 0, 2)
    roll_back(archive.store.folder(layout.casefile_object("H99.2026.00.VP")), DICE)
    with ownership(archive):
        done = auditing.audit(archive, NOW, 1e9)
    assert [fault.kind for looked, _mended in done.results for fault in looked.faults] == ["rolled_back"]
    archive.close()


def test_following_notices_a_rollback_the_same_night_and_never_rolls_a_copy_back(three: Three) -> None:
    before = tree(three.main.store.root)
    roll_back(three.folder(three.main, 2), DICE)
    assert three.follow(1) == ["FIXITY-008"]
    for place in (three.main, three.one, three.two):
        assert tree(place.store.root) == before


def test_a_forged_seal_tree_accuses_nobody(three: Three) -> None:
    """A damaged hash tree does not contain the right digests any more: that says nothing against the objects."""
    folder = next(path for path in (three.main.store.root).glob("*/*/*/*seal*"))
    place = folder / "v1" / "content" / "tree.bin"
    place.write_bytes(b"\0" * place.stat().st_size)
    done = three.audit()
    assert {looked.folder for looked, _mended in done.results} == {folder.relative_to(three.main.store.root).as_posix()}
    assert kinds(done.results) == {}


def test_what_is_lost_everywhere_stays_open_until_a_person_puts_it_back(three: Three) -> None:
    path = content(Path()) / "1-0.pdf"
    kept = (three.folder(three.main, 1) / path).read_bytes()
    for place in (three.main, three.one, three.two):
        (three.folder(place, 1) / path).unlink()
    assert len(kinds(three.audit().results)) == 3
    assert luutru(three, "status").exit_code == 4
    (three.folder(three.one, 1) / path).write_bytes(kept)
    assert kinds(three.audit(2).results) == {}
    assert luutru(three, "status").exit_code == 0
    repaired = [(key, data["faults"][0]["from"]) for key, data in three.events(damage.REPAIRED)]
    assert set(repaired) == {(three.one.key, ""), (MAIN, three.one.key), (three.two.key, three.one.key)}


def test_strange_objects_and_things_lying_about_are_moved_aside(three: Three) -> None:
    store = three.one.store
    shutil.copytree(three.folder(three.one, 0), store.folder("urn:luutru:casefile:H99.2026.77.VP"))
    (store.root / "rác.txt").write_text("x")
    (store.root / "abc").symlink_to(store.root)
    (store.root / "ocfl_layout.json").write_text("{}")
    done = three.audit()
    assert kinds(done.results) == {}
    assert tree(store.root) == tree(three.main.store.root)
    shutil.copytree(three.folder(three.main, 0), three.main.store.folder("urn:luutru:casefile:H99.2026.77.VP"))
    assert [*kinds(three.audit(2).results).values()] == [{"unlisted"}], "in the store itself a person decides"


def test_the_ledger_of_a_copy_and_of_the_store_mend_each_other(three: Three) -> None:
    (own,) = (three.main.folder / "ledger").glob("*.jsonl")
    other = three.one.folder / "ledger" / own.name
    sound = own.read_bytes()
    other.write_bytes(other.read_bytes().replace(b"stored", b"stolen", 1))
    three.audit()
    assert own.read_bytes().startswith(other.read_bytes()[:len(sound) // 2])
    three.follow(1)
    sound = own.read_bytes()
    own.write_bytes(sound.replace(b"stored", b"stolen", 1))
    assert list(three.archive.ledger.check()) != []
    three.audit(2)
    assert list(three.archive.ledger.check()) == []
    assert own.read_bytes().startswith(sound)
    for kind in (damage.FOUND, damage.REPAIRED):
        assert {data["folder"] for _key, data in three.events(kind)} == {"ledger"}


def test_asking_first_means_that_nothing_is_mended_before_somebody_says_so(tmp_path: Path, no_power_cut: None) -> None:
    three = three_of(tmp_path, fixity={"repair": "ask"})
    before = tree(three.main.store.root)
    path = flip(three.folder(three.main, 1), DICE)
    damaged = (three.folder(three.main, 1) / path).read_bytes()
    assert len(kinds(three.audit().results)) == 1
    told = json.loads(luutru(three, "repair", "--dry-run", "--json").stdout)
    assert [one["mended"][0]["from"] for one in told["objects"]] == [three.one.key]
    assert (three.folder(three.main, 1) / path).read_bytes() == damaged
    assert luutru(three, "repair").exit_code == 0
    assert tree(three.main.store.root) == before
    assert [file.read_bytes() for file in (three.main.folder / "damage").rglob("*.pdf")] == [damaged]
    three.archive.close()


# --- commands ---------------------------------------------------------------------------------------------------


def test_check_reads_the_copies_unless_told_not_to_and_mends_nothing(three: Three) -> None:
    flip(three.folder(three.two, 3), DICE)
    before = tree(three.two.store.root)
    assert luutru(three, "check", "--no-copies").exit_code == 0
    done = luutru(three, "check", "--json")
    assert done.exit_code == 4
    assert three.two.name in json.loads(done.stdout)["faults"][0]
    assert tree(three.two.store.root) == before
    assert luutru(three, "status").exit_code == 4
    assert luutru(three, "repair").exit_code == 0
    assert luutru(three, "check").exit_code == 0
    shutil.rmtree(three.two.folder.parent)
    assert json.loads(luutru(three, "check", "--json").stdout)["absent"] == [three.two.name]


def test_status_tells_each_place(three: Three) -> None:
    shutil.rmtree(three.two.folder.parent)
    three.audit()
    told = json.loads(luutru(three, "status", "--json").stdout)
    assert [(one["key"], one["state"], one["faults"]) for one in told["places"]] == [
        (MAIN, "store", 0), (three.one.key, "ready", 0), (three.two.key, "absent", 0)]
    assert told["places"][0]["age"] == 0
    assert told["places"][2]["age"] is None
    assert luutru(three, "status").exit_code == 0
    assert luutru(three, "follow", "--json").exit_code == 3
    three.two.folder.parent.mkdir()
    assert luutru(three, "follow", "--begin", three.two.name).exit_code == 0
    with pytest.raises(UsageError):
        luutru(three, "follow", "--begin", "/somewhere/else")


def test_the_time_of_a_night_is_shared_and_every_copy_comes_round(three: Three) -> None:
    def ticking() -> Iterator[float]:
        now = 0.0
        while True:
            yield now
            now += 1.0

    for night in range(12):
        with ownership(three.archive):
            auditing.audit(three.archive, NOW + timedelta(days=night), 12, ticking().__next__)
    with three.archive.catalogue.session() as session:
        for place in (three.main, three.one, three.two):
            known = auditing.standing(session, NOW + timedelta(days=12), place.key)
            assert known.age is not None
            assert known.nights is not None
            assert known.nights < 6.5, "six objects, one a night"


# --- the forecast -----------------------------------------------------------------------------------------------

TODAY = date(2026, 11, 21)
GB = 10**9


def test_the_forecast_on_both_sides_of_the_edge() -> None:
    """100 MB/s, 300 s a night, one copy: 15 GB a night of each, 1350 GB in 90 days."""
    at_edge = foresee(1350 * GB, 0, 100e6, 2, days=90, seconds=300, today=TODAY)
    assert (at_edge.holds, at_edge.breaks, at_edge.nights) == (True, None, 90)
    over = foresee(1351 * GB, 0, 100e6, 2, days=90, seconds=300, today=TODAY)
    assert (over.holds, over.breaks, over.seconds) == (False, None, 301)
    grows = foresee(1340 * GB, 1 * GB, 100e6, 2, days=90, seconds=300, today=TODAY)
    assert grows.breaks == date(2026, 12, 2), "in ten days it is just full, on the eleventh it is not kept any more"
    wanted = foresee(1350 * GB + 365 * GB, 1 * GB, 100e6, 2, days=90, seconds=grows.seconds, today=TODAY)
    assert wanted.holds, "the time that is named holds it for a year longer"
    assert foresee(GB, 1000, 100e6, 2, days=90, seconds=300, today=TODAY).breaks is None


def synthetic(archive: Archive, at: datetime, sizes: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """A ledger of one document a day, and an audit that read 1000 bytes a second."""
    from archive import clock

    with ownership(archive), archive.catalogue.session() as session:
        session.add(CaseFile(code="C", fonds="H99", year=2026, notation="", title="", profile="tt05_2025",
                             object_id="C", version=1, opened_at="", fields={}))
        for n, size in enumerate(sizes):
            monkeypatch.setattr(clock, "now", lambda n=n: at - timedelta(days=len(sizes) - n))
            record(session, archive.ledger, [Entry("stored", f"i{n}", {"files": {}}, f"s{n}")])
            session.add(Document(code=f"D{n}", case_file="C", ordinal=n, item=f"i{n}", profile="", received_at="",
                                 legal_received_at="", receipt_rule="", batch="", version=1, fields={}))
            session.flush()
            session.add(File(document=f"D{n}", path="p", role="original", name="", format="", size=size, sha256="",
                             sha512=""))
        monkeypatch.setattr(clock, "now", lambda: at)
        record(session, archive.ledger, [Entry("audited", MAIN, {
            "from": "a", "to": "b", "objects": 1, "of": 1, "bytes": sum(sizes), "seconds": sum(sizes) / 1000,
            "faults": []}, "audit")])


@pytest.mark.parametrize(("seconds", "holds"), [(0.5, False), (3.0, True)])
def test_the_forecast_of_a_ledger(archive: Archive, monkeypatch: pytest.MonkeyPatch, seconds: float,
                                  holds: bool) -> None:
    synthetic(archive, NOW, [1000] * 100, monkeypatch)
    with archive.catalogue.session() as session:
        told = forecast(session, NOW, days=90, seconds=seconds, keys=[MAIN])
    assert told is not None
    assert told.pace == pytest.approx(1000)
    assert told.growth == pytest.approx(1000, rel=0.03), "eight weeks of a hundred days: 1000 bytes a day"
    assert told.size == 100_000
    assert told.holds is holds
    # 3 s a night read 3000 bytes, 270,000 in 90 days; 100,000 are there: 170 days at 1000 a day.
    if holds:
        assert told.breaks is not None
        assert abs(told.breaks - date(2027, 5, 11)) <= timedelta(days=6)
    else:
        assert (told.breaks, told.seconds) == (None, 6), "(100,000 + 365 · 1000) / (90 · 1000)"
    assert checking.forecast_sentence(told, 90)


# --- everything is lost but a copy ------------------------------------------------------------------------------


def test_an_archive_whose_folder_is_lost_comes_back_from_a_copy(tmp_path: Path, no_power_cut: None) -> None:
    """The steps of docs/operations.md: copy the folder, rebuild, check."""
    archive = make(tmp_path, ("sao",))
    root = archive.settings.root
    for code in (FILE, "H99.2026.02.VP", FILE):
        store_documents(archive, [{"subject": f"Trích yếu {n}"} for n in range(3)], code=code)
    with ownership(archive):
        seal_and_renew(archive, NOW)
        assert [one.code for one in copies.follow(archive, NOW)] == ["FIXITY-005"]
    with archive.catalogue.session() as session:
        before = catalogue.rows(session)
    store = tree(archive.store.root)
    archive.close()
    shutil.rmtree(root)
    shutil.copytree(tmp_path / "sao", root)
    again = opening.open_archive(settings.load(root), rebuilding=True)
    with ownership(again, rebuilding=True):
        assert checking.missing_objects(again) == []
        assert rebuild(again)["documents"] == 9
    with again.catalogue.session() as session:
        after = catalogue.rows(session)
    assert {name for name in before if before[name] != after[name]} == set()
    assert tree(again.store.root) == store
    with ownership(again):
        assert checking.check(again, copies=False).faults == []
        assert [one.code for one in copies.follow(again, NOW + timedelta(days=2))] == ["FIXITY-005"]
    again.close()
