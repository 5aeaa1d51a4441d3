"""What goes wrong around copies loses nothing and overwrites nothing newer: fork, swapped disks, aliases, odd disks."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from archive import inventory, layout, opening, settings
from archive.commands import doctor
from archive.files import json_bytes
from archive.fixity import auditing, checking, copies, damage, ledger_copies, mending, places
from archive.model import Item
from archive.opening import ownership
from archive.store import NewFile
from tests.stored_documents import FILE, store_documents
from tests.test_copies import AGENCY, NOW, KilledError, Three, code_of, make, store_some, tree
from tests.test_mending import content


@pytest.fixture
def three(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Three]:
    monkeypatch.setattr(os, "fsync", lambda _handle: None)      # no power is cut here
    archive = make(tmp_path)
    with ownership(archive):
        for number in range(3):
            store_some(archive, number, 1)
            store_some(archive, number, 2, 2)
        copies.follow(archive, NOW)
    yield Three(archive, places.main(archive), *places.copies(archive.settings))
    archive.close()


def put(place: places.Place, number: int, text: bytes) -> None:
    """A next version that the archive's ledger does not know."""
    place.store.put(layout.casefile_object(code_of(number)), {f"{layout.RECEIVED}/new.pdf": NewFile(text)},
                    message="batch", user="luutru", created=NOW)


# --- the store is older than the copy ---------------------------------------------------------------------------


def test_an_archive_put_back_is_noticed_though_the_end_of_the_copys_ledger_is_spoilt(
        three: Three, tmp_path: Path) -> None:
    shutil.copytree(three.archive.settings.root, tmp_path / "cũ")
    with ownership(three.archive):
        store_some(three.archive, 1, 3)
        store_some(three.archive, 2, 3)
    assert three.follow(1) == []
    (file,) = (three.one.folder / "ledger").glob("*.jsonl")
    file.write_bytes(file.read_bytes()[:-20] + b"x" * 19 + b"\n")
    before = tree(three.one.folder)
    old = opening.open_archive(settings.load(tmp_path / "cũ"))
    own = tree(old.store.root)
    with ownership(old):
        assert [one.code for one in copies.follow(old, NOW)] == ["FIXITY-005", "FIXITY-006"] * 2
    assert tree(three.one.folder) == before
    assert tree(old.store.root) == own
    old.close()


def test_a_copy_that_holds_a_newer_version_than_store_and_ledger_is_told_and_left(three: Three) -> None:
    """The following was killed before the ledger, then the store was put back: only the copy has that version."""
    put(three.one, 1, b"%PDF newer")
    before = {place.key: tree(place.store.root) for place in (three.main, three.one)}
    for day in (1, 2):
        done = three.audit(day)
        assert [fault.kind for _looked, mended in done.results for fault in mended.left] == ["ahead"] * day
        assert [one.code for one in mending.findings_of(three.archive, done.results)] == ["FIXITY-010"]
        assert {place.key: tree(place.store.root) for place in (three.main, three.one)} == before
    with three.archive.catalogue.session() as session:
        assert [key for key, _folder in damage.open_damage(session)] == [three.one.key], "until somebody has decided"


def test_a_store_whose_newest_inventories_are_spoilt_is_not_mended_back_to_a_copy_that_lags(three: Three) -> None:
    """Of a fonds the ledger tells no version: an older copy must not pass for the whole of it."""
    object_id = layout.fonds_object("H99")
    with ownership(three.archive):
        three.archive.store.put(object_id, {layout.FONDS: NewFile(b"{}\n")}, message="x", user="luutru", created=NOW)
    folder = three.archive.store.folder(object_id)
    for where in (folder, folder / "v2"):
        (where / inventory.INVENTORY).write_bytes(b"{")
    before = tree(folder)
    three.audit()
    three.follow(1)
    assert tree(folder) == before
    with three.archive.catalogue.session() as session:
        assert damage.open_damage(session) != {}


# --- which folder is it -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["same", "slash", "link", "inside", "around"])
def test_one_folder_under_two_names_is_one_copy_and_is_told(tmp_path: Path, how: str) -> None:
    sao = tmp_path / "sao"
    sao.mkdir()
    (tmp_path / "nối").symlink_to(sao)
    other = {"same": str(sao), "slash": f"{sao}/", "link": str(tmp_path / "nối"), "inside": str(sao / "nữa"),
             "around": str(tmp_path)}[how]
    archive = opening.make_archive(tmp_path / "kho", {"agency": AGENCY, "copies": {"places": [str(sao), other]}})
    if how == "inside":
        (sao / "nữa").mkdir()
        (sao / places.MARKER).write_bytes(json_bytes({"archive": places.identity(archive), "begun_at": "2026"}))
    with ownership(archive):
        found = [one.code for one in copies.follow(archive, NOW)]
    assert found == (["FIXITY-005"] if how == "same" else ["FIXITY-005", "FIXITY-013"])
    assert len(places.ready(archive)) == 2, "the store and one copy"
    archive.close()


def test_a_copy_whose_store_is_a_link_to_the_archives_is_none(three: Three) -> None:
    shutil.rmtree(three.one.folder)
    three.one.folder.symlink_to(three.main.folder)
    before = tree(three.main.store.root)
    assert three.follow(1) == ["FIXITY-013"]
    assert tree(three.main.store.root) == before


def test_what_a_nas_puts_into_an_empty_share_makes_it_no_foreign_folder(tmp_path: Path) -> None:
    archive = make(tmp_path, ("sao",))
    for name in ("lost+found", "@eaDir", "#recycle"):
        (tmp_path / "sao" / name).mkdir()
    with ownership(archive):
        assert [one.code for one in copies.follow(archive, NOW)] == ["FIXITY-005"]
    archive.close()


def test_two_archives_with_one_copy_do_not_mix(three: Three, tmp_path: Path) -> None:
    other = opening.make_archive(tmp_path / "khác", {
        "agency": {**AGENCY, "name": "Sở khác"}, "copies": {"places": [str(three.one.folder.parent)]}})
    before = tree(three.one.folder)
    with ownership(other):
        assert [one.code for one in copies.follow(other, NOW)] == ["FIXITY-003"]
    assert tree(three.one.folder) == before
    other.close()


def test_disks_that_take_turns_at_one_place_are_each_followed_and_no_damage(three: Three, tmp_path: Path) -> None:
    root = three.one.folder.parent
    first = tmp_path / "ổ A"
    root.rename(first)
    root.mkdir()
    with ownership(three.archive):
        copies.begin(three.archive, three.one.name, NOW + timedelta(days=1))
    assert three.follow(1) == []
    for day in range(2, 6):         # the disks take turns; each lags a night behind
        second = tmp_path / "ổ B"
        here, there = (second, first) if day % 2 == 0 else (first, second)
        root.rename(here)
        there.rename(root)
        with ownership(three.archive):
            store_some(three.archive, 1, day + 1)
            store_some(three.archive, 10 + day, 1)
        assert three.audit(day).faults == []
        assert three.follow(day) == []
        assert tree(three.one.store.root) == tree(three.main.store.root)
    assert three.events(damage.FOUND) == []


# --- odd disks --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENAMETOOLONG, errno.EFBIG, errno.EEXIST])
def test_a_name_that_a_disk_cannot_hold_keeps_nothing_else_from_it(
        three: Three, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    bad = three.folder(three.main, 0).relative_to(three.main.store.root).as_posix()
    with ownership(three.archive):
        for n in range(3):
            store_some(three.archive, n, 3)
    before = tree(three.folder(three.one, 0))

    def copying(source: Path, target: Path) -> str:
        if bad in str(source):
            raise OSError(number, os.strerror(number), str(target))
        return original(source, target)

    original = copies.copy_hashed
    with monkeypatch.context() as patch:
        patch.setattr(copies, "copy_hashed", copying)
        with ownership(three.archive):
            found = [one for one in copies.follow(three.archive, NOW) if one.code != "FIXITY-005"]
    assert [one.code for one in found] == ["FIXITY-012"] * 2
    assert found[0].params["first"] in {f"3-{n}.pdf" for n in range(4)}
    assert tree(three.folder(three.one, 0)) == before
    for n in (1, 2):
        assert tree(three.folder(three.one, n)) == tree(three.folder(three.main, n))
    assert places.known(three.archive.settings, three.one).events < three.archive.ledger.seq, "it is not complete"
    assert three.follow(1) == []
    assert tree(three.one.store.root) == tree(three.main.store.root)


# --- the last sound bytes ---------------------------------------------------------------------------------------


def waits(three: Three, data: bytes) -> Path:
    item = layout.intake_folder(three.archive.settings) / "0123456789abcdef"
    (item / "received").mkdir(parents=True)
    (item / "received" / "a.pdf").write_bytes(data)
    with ownership(three.archive), three.archive.catalogue.session() as session:
        session.add(Item(id=item.name, source="inbox", name="a.pdf", size=len(data), state="quarantine", document="",
                         sha256=hashlib.sha256(data).hexdigest(), sha512=hashlib.sha512(data).hexdigest(), batch="",
                         received_at="", legal_received_at="", receipt_rule="", fields={}, facts={}))
    return item


def test_what_waited_stays_in_the_copy_while_the_object_that_took_it_up_is_not_there(three: Three) -> None:
    """The copy was away; meanwhile the bytes were stored, and spoilt: its intake area has the last sound ones."""
    data = "văn bản 1.3.0 ".encode() * 40
    item = waits(three, data)
    assert three.follow(1) == []
    there = three.one.folder / "intake" / item.name / "received" / "a.pdf"
    assert there.read_bytes() == data
    with ownership(three.archive):
        store_some(three.archive, 1, 3, 1)
        with three.archive.catalogue.session() as session:
            session.get_one(Item, item.name).state = "stored"
    shutil.rmtree(item)
    spoilt = next((three.folder(three.main, 1) / "v3" / "content").rglob("*.pdf"))
    spoilt.write_bytes(b"spoilt")
    assert three.follow(2) == ["FIXITY-001"]
    assert there.read_bytes() == data, "the last sound bytes"
    spoilt.write_bytes(data)
    assert three.follow(3) == []
    assert not there.exists()


def test_received_bytes_are_never_written_over_in_a_copy(three: Three) -> None:
    """Of several received files the ledger knows only the first: what was spoilt here must not replace the other."""
    item = waits(three, b"%PDF")
    (item / "received" / "a.pdf.p7s").write_bytes(b"signature")
    assert three.follow(1) == []
    (item / "received" / "a.pdf.p7s").write_bytes(b"spoilt")
    three.follow(2)
    kept = [path.read_bytes() for path in three.one.folder.rglob("a.pdf.p7s*") if path.is_file()]
    assert b"signature" in kept


# --- killed, clock, settings ------------------------------------------------------------------------------------


def test_mending_the_stores_ledger_never_leaves_it_without_its_file(
        three: Three, monkeypatch: pytest.MonkeyPatch) -> None:
    (own,) = (three.main.folder / "ledger").glob("*.jsonl")
    good = own.read_bytes()
    own.write_bytes(good.replace(b'"batch"', b'"bbtch"', 1).replace(b'"version":1', b'"version":7', 1))
    assert own.read_bytes() != good

    def killed(*_arguments: object) -> None:
        raise KilledError

    with monkeypatch.context() as patch, ownership(three.archive):
        ward = mending.ward(three.archive, NOW)
        looked = ledger_copies.look_at_ledger(ward, three.one)
        patch.setattr(ledger_copies, "write_atomically", killed)
        with pytest.raises(KilledError):
            ledger_copies.mend_ledger(ward, looked)
    assert own.is_file()
    assert three.audit().results[0][1].left == []
    assert own.read_bytes().startswith(good)


def test_a_clock_that_was_years_ahead_once_does_not_stop_the_audits(three: Three) -> None:
    three.audit(4000)
    with three.archive.catalogue.session() as session:
        assert auditing.is_due(session, NOW, 90, idle=True)
        assert auditing.standing(session, NOW).age == 0
    three.follow(4000)
    assert places.lag(places.known(three.archive.settings, three.one), NOW) == 0


def test_damage_in_a_copy_that_the_settings_no_longer_name_is_not_told_for_ever(three: Three) -> None:
    for place in (three.main, three.one, three.two):
        next(content(three.folder(place, 1)).rglob("*.pdf")).write_bytes(b"spoilt")
    three.audit()
    file = three.archive.settings.root / "luutru.toml"
    file.write_text("\n".join(line for line in file.read_text().splitlines() if "sao-" not in line) + "\n")
    archive = opening.open_archive(settings.load(three.archive.settings.root, copies={"places": []}))
    assert sum(one.faults for one in checking.status(archive, NOW).places) == 1, "the store's own, and no other"
    archive.close()


@pytest.mark.parametrize("copied", [False, True])
def test_one_fault_is_told_once(tmp_path: Path, copied: bool) -> None:
    """A stored file rewritten with its inventories contradicts the ledger: the object says so, and nothing again."""
    archive = make(tmp_path, ("sao",) if copied else ())
    store_documents(archive, [{"subject": "Trích yếu"}])
    folder = archive.store.folder(layout.casefile_object(FILE))
    with ownership(archive):
        copies.follow(archive, NOW)
        assert checking.check(archive).faults == []
        file = next((folder / "v1" / "content" / layout.RECEIVED).rglob("*.*"))
        old, new = file.read_bytes(), b"%PDF forged"
        file.write_bytes(new)
        for where in (folder / "v1", folder):
            data = (where / inventory.INVENTORY).read_bytes()
            for name in ("sha512", "sha256"):
                was, will = (hashlib.new(name, one).hexdigest().encode() for one in (old, new))
                data = data.replace(was, will)
            (where / inventory.INVENTORY).write_bytes(inventory.as_bytes(json.loads(data)))
            (where / inventory.SIDECAR).write_bytes(inventory.sidecar((where / inventory.INVENTORY).read_bytes()))
        faults = checking.check(archive).faults
    path = file.relative_to(folder / "v1" / "content").as_posix()
    assert len([fault for fault in faults if path in fault]) == 1, faults
    archive.close()


def test_doctor_tells_how_the_copies_stand(three: Three) -> None:
    def told() -> Any:
        return CliRunner().invoke(doctor.command, ["--json"], obj=three.archive.settings.root, catch_exceptions=False)

    assert json.loads(told().output)["copies"] == {"named": 2, "complete": 2, "absent": [], "faults": 0}
    shutil.rmtree(three.one.folder.parent)
    assert json.loads(told().output)["copies"]["absent"] == [three.one.name]
