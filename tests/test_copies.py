"""Copies follow the store, damage in one is mended from another, and nothing is ever outvoted."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from archive import layout, opening, settings
from archive.catalogue import record
from archive.evidence.night import seal_and_renew
from archive.files import json_bytes
from archive.fixity import auditing, copies, damage, places
from archive.fixity.places import Place
from archive.ledger import Entry
from archive.model import Item
from archive.opening import Archive, ownership
from archive.reading import copy_hashed
from archive.store import NewFile

NOW = datetime(2026, 11, 21, 15, tzinfo=UTC)
OBJECTS = 20
AGENCY = {"code": "H99", "name": "Sở Nội vụ tỉnh Mẫu"}


def code_of(number: int) -> str:
    return f"H99.2026.{number:02d}.VP"


def store_some(archive: Archive, number: int, version: int, files: int = 4) -> None:
    """One night's version of a case file: files, and the event that tells of them."""
    code = code_of(number)
    content = {f"{layout.RECEIVED}/{version}-{n}.pdf": f"văn bản {number}.{version}.{n} ".encode() * 40
               for n in range(files)}
    got = archive.store.put(layout.casefile_object(code), {path: NewFile(data) for path, data in content.items()},
                            message="batch", user="luutru", created=NOW)
    assert got == version
    with archive.catalogue.session() as session:
        record(session, archive.ledger, [Entry("stored", f"item-{number}-{version}", {
            "case_file": code, "version": version,
            "files": {path: hashlib.sha256(data).hexdigest() for path, data in content.items()}}, f"{code}/{version}")])


@dataclass(frozen=True)
class Three:
    """An archive with two copies that have followed it."""

    archive: Archive
    main: Place
    one: Place
    two: Place

    def follow(self, days: float = 0) -> list[str]:
        with ownership(self.archive):
            return [found.code for found in copies.follow(self.archive, NOW + timedelta(days=days))
                    if found.code != "FIXITY-005"]

    def audit(self, days: float = 1) -> auditing.Audit:
        with ownership(self.archive):
            return auditing.audit(self.archive, NOW + timedelta(days=days), 1e9)

    def events(self, kind: str) -> list[tuple[str, dict[str, Any]]]:
        return [(line.subject, line.data) for line in self.archive.ledger.lines() if line.kind == kind]

    def folder(self, place: Place, number: int) -> Path:
        return place.store.folder(layout.casefile_object(code_of(number)))


def make(root: Path, names: tuple[str, ...] = ("sao-1", "sao-2"), **more: object) -> Archive:
    for name in names:
        (root / name).mkdir()
    return opening.make_archive(root / "kho", {
        "agency": AGENCY, "copies": {"places": [str(root / name) for name in names]}, **more})


@pytest.fixture
def three(tmp_path: Path) -> Iterator[Three]:
    archive = make(tmp_path)
    with ownership(archive):
        for number in range(OBJECTS):
            store_some(archive, number, 1)
            store_some(archive, number, 2, 2)
        seal_and_renew(archive, NOW)
        assert [found.code for found in copies.follow(archive, NOW)] == ["FIXITY-005"] * 2
    yield Three(archive, places.main(archive), *places.copies(archive.settings))
    archive.close()


def tree(folder: Path) -> dict[str, bytes | str]:
    """Every file, link and (by an empty string) folder that holds something, byte for byte."""
    return {path.relative_to(folder).as_posix(): str(path.readlink()) if path.is_symlink() else path.read_bytes()
            for path in sorted(folder.rglob("*")) if path.is_symlink() or path.is_file()}


# --- following ------------------------------------------------------------------------------------------------


def test_a_copy_is_the_same_store_the_same_ledger_and_settings_without_secrets(three: Three) -> None:
    for place in (three.one, three.two):
        assert tree(place.store.root) == tree(three.main.store.root)
        (file,) = (place.folder / "ledger").glob("*.jsonl")
        own = three.main.folder / "ledger" / file.name
        assert own.read_bytes().startswith(file.read_bytes())
        assert (place.folder.parent / "luutru.toml").is_file()
        assert list(place.store.staging.iterdir()) == []


def test_a_copy_grows_by_versions_and_reads_no_old_content(three: Three, monkeypatch: pytest.MonkeyPatch) -> None:
    with ownership(three.archive):
        store_some(three.archive, 3, 3)
        store_some(three.archive, OBJECTS, 1)
    read: list[Path] = []

    def reading(source: Path, target: Path) -> str:
        read.append(source)
        return copy_hashed(source, target)

    monkeypatch.setattr(copies, "copy_hashed", reading)
    assert three.follow(1) == []
    assert len(read) == 2 * (4 + 4), "in each copy four files of each of the two versions"
    assert tree(three.one.store.root) == tree(three.main.store.root)
    read.clear()
    assert three.follow(2) == []
    assert read == []


def test_a_password_in_the_settings_stays_at_home(tmp_path: Path) -> None:
    archive = make(tmp_path, ("sao",))
    place = archive.settings.root / "luutru.toml"
    place.write_text('database = "postgresql+psycopg2://luutru:bimat@db/luutru"\n' + place.read_text())
    (archive.settings.root / "trust" / "khoa.p12").write_bytes(b"bimat")
    with ownership(archive):
        copies.follow(archive, NOW)
    assert not [path for path in (tmp_path / "sao").rglob("*") if path.is_file() and b"bimat" in path.read_bytes()]
    archive.close()


def test_what_waits_is_in_the_copy_until_the_ledger_says_it_is_gone(three: Three) -> None:
    item = layout.intake_folder(three.archive.settings) / "0123456789abcdef"
    (item / "received").mkdir(parents=True)
    (item / "received" / "a.pdf").write_bytes(b"%PDF")
    (item / "item.json").write_bytes(b"{}")
    digest = {name: hashlib.new(name, b"%PDF").hexdigest() for name in ("sha256", "sha512")}
    with ownership(three.archive), three.archive.catalogue.session() as session:
        session.add(_item("quarantine", digest))
    assert three.follow(1) == []
    there = three.one.folder / "intake" / item.name
    assert tree(there) == tree(item)
    (item / "received" / "a.pdf").write_bytes(b"%PDX")
    os.utime(item / "received" / "a.pdf", (1, 1))
    assert three.follow(2) == ["FIXITY-007"] * 2, "what was damaged here does not go there"
    assert (there / "received" / "a.pdf").read_bytes() == b"%PDF"
    shutil.rmtree(item)
    assert three.follow(3) == []
    assert there.is_dir(), "lost here, but the ledger does not say that it is gone"
    with three.archive.catalogue.session() as session:
        session.get_one(Item, item.name).state = "stored"
    assert three.follow(4) == []
    assert not there.exists()


def _item(state: str, digest: dict[str, str]) -> Item:
    return Item(id="0123456789abcdef", source="inbox", name="a.pdf", size=4, sha256=digest["sha256"],
                sha512=digest["sha512"], received_at="", legal_received_at="", receipt_rule="", batch="", state=state,
                document="", fields={}, facts={})


@pytest.mark.parametrize(("trouble", "code"), [("absent", "FIXITY-002"), ("empty", "FIXITY-002"),
                                               ("foreign", "FIXITY-003"), ("other", "FIXITY-003"),
                                               ("marker", "FIXITY-004"), ("file", "FIXITY-004")])
def test_a_copy_that_cannot_be_used_is_a_finding_and_the_other_goes_on(three: Three, trouble: str, code: str) -> None:
    root = three.one.folder.parent
    aside = root.with_name("aside")
    root.rename(aside)
    if trouble == "empty":
        root.mkdir()
    elif trouble == "foreign":
        root.mkdir()
        (root / "thư của ai đó.txt").write_text("x")
    elif trouble == "other":
        shutil.copytree(aside, root)
        (root / places.MARKER).write_bytes(json_bytes({"archive": "f" * 64, "agency": "Sở khác"}))
    elif trouble == "marker":
        shutil.copytree(aside, root)
        (root / places.MARKER).write_bytes(b"{")
    elif trouble == "file":
        shutil.copytree(aside, root)
        shutil.rmtree(root / "store" / "staging")
        (root / "store" / "staging").write_bytes(b"")
    before = tree(root) if root.exists() else {}
    with ownership(three.archive):
        store_some(three.archive, 0, 3)
        found = [one for one in copies.follow(three.archive, NOW + timedelta(days=7)) if one.code != "FIXITY-005"]
    assert [one.code for one in found] == [code]
    if code != "FIXITY-003":
        assert found[0].params["days"] == "7"
    assert (tree(root) if root.exists() else {}) == before, "nothing is written there"
    assert tree(three.two.store.root) == tree(three.main.store.root)
    shutil.rmtree(root, ignore_errors=True)
    aside.rename(root)
    assert three.follow(8) == [], "the disk is back: the copy catches up"
    assert tree(three.one.store.root) == tree(three.main.store.root)


def test_a_disk_that_was_replaced_is_filled_when_somebody_says_so(three: Three) -> None:
    root = three.one.folder.parent
    shutil.rmtree(root)
    root.mkdir()
    with ownership(three.archive):
        found = [(one.code, one.subject) for one in copies.follow(three.archive, NOW + timedelta(days=1))]
    assert found == [("FIXITY-002", three.one.name), ("FIXITY-005", three.two.name)], "of what is away no disk is told"
    assert tree(root) == {}
    with ownership(three.archive):
        copies.begin(three.archive, three.one.name, NOW)
    assert three.follow(2) == []
    assert tree(three.one.store.root) == tree(three.main.store.root)


def test_a_copy_inside_the_archive_or_on_its_disk_is_told(tmp_path: Path) -> None:
    archive = opening.make_archive(tmp_path / "kho", {"agency": AGENCY, "copies": {"places": ["sao", "../ngoài"]}})
    (tmp_path / "kho" / "sao").mkdir()
    (tmp_path / "ngoài").mkdir()
    with ownership(archive):
        assert [one.code for one in copies.follow(archive, NOW)] == ["FIXITY-013", "FIXITY-005"]
    archive.close()


def test_a_full_disk_leaves_the_copy_as_it_was(three: Three, monkeypatch: pytest.MonkeyPatch) -> None:
    before = tree(three.one.store.root)
    with ownership(three.archive):
        store_some(three.archive, 2, 3)

    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(copies, "_prove", full)
        assert three.follow(1) == ["FIXITY-004"] * 2
    assert tree(three.one.store.root) == before
    assert three.follow(2) == []
    assert tree(three.one.store.root) == tree(three.main.store.root)


def test_damaged_content_never_reaches_a_copy(three: Three) -> None:
    with ownership(three.archive):
        store_some(three.archive, 5, 3)
    victim = next((three.folder(three.main, 5) / "v3" / "content").rglob("*.pdf"))
    victim.write_bytes(b"spoilt")
    before = tree(three.one.store.root)
    assert three.follow(1) == ["FIXITY-001"], "no copy has it yet: it cannot be mended, and it is not copied"
    assert tree(three.one.store.root) == before


def test_an_archive_that_was_put_back_writes_into_no_copy(three: Three, tmp_path: Path) -> None:
    """The archive is restored from an old backup: its copies know more than itself, and are left alone."""
    shutil.copytree(three.archive.settings.root, tmp_path / "cũ")
    with ownership(three.archive):
        store_some(three.archive, 4, 3)
    assert three.follow(1) == []
    before = tree(three.one.store.root)
    old = opening.open_archive(settings.load(tmp_path / "cũ"))
    with ownership(old):
        store_some(old, 6, 3)
        assert [one.code for one in copies.follow(old, NOW)] == ["FIXITY-005", "FIXITY-006"] * 2
    assert tree(three.one.store.root) == before
    old.close()


KILLED_AT = range(1, 60, 3)


class KilledError(BaseException):
    """The power cut of these tests."""


@pytest.mark.parametrize("at", KILLED_AT)
def test_a_following_that_is_killed_anywhere_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    archive = make(tmp_path, ("sao",))
    with ownership(archive):
        for number in range(2):
            store_some(archive, number, 1, 2)
            store_some(archive, number, 2, 1)
    (place,) = places.copies(archive.settings)
    ticks = 0

    def ticking(function: Callable[..., object]) -> Callable[..., object]:
        def wrapped(*arguments: object, **named: object) -> object:
            nonlocal ticks
            ticks += 1
            if ticks >= at:
                raise KilledError
            return function(*arguments, **named)
        return wrapped

    with monkeypatch.context() as patch:
        for name in ("rename", "replace"):
            patch.setattr(Path, name, ticking(getattr(Path, name)))
        patch.setattr(os, "fsync", ticking(os.fsync))
        patch.setattr(shutil, "rmtree", lambda *_arguments, **_named: None)     # the dead clean nothing up
        try:
            with ownership(archive):
                copies.follow(archive, NOW)
        except KilledError:
            pass
    with ownership(archive):
        found = [one.code for one in copies.follow(archive, NOW + timedelta(days=1))]
    assert found == ["FIXITY-005"]
    assert tree(place.store.root) == tree(archive.store.root)
    assert list(place.store.staging.iterdir()) == []
    assert not [line for line in archive.ledger.lines() if line.kind == damage.FOUND]
    archive.close()
