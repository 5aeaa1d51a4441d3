"""Two hundred faults of every kind, over the store and two copies: all found, all mended, both facts in the ledger."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from archive import inventory, layout
from archive.evidence.night import seal_and_renew
from archive.fixity import auditing, copies, damage, places
from archive.opening import ownership
from tests.test_copies import NOW, Three, make, store_some, tree

OBJECTS = 101
Planted = tuple[str, str, str]      # place, object, path


@pytest.fixture
def three(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Three]:
    monkeypatch.setattr(os, "fsync", lambda _handle: None)      # no power is cut here
    archive = make(tmp_path)
    with ownership(archive):
        for number in range(OBJECTS):
            store_some(archive, number, 1)
            store_some(archive, number, 2, 2)
        seal_and_renew(archive, NOW)
        copies.follow(archive, NOW)
    yield Three(archive, places.main(archive), *places.copies(archive.settings))
    archive.close()


def content(folder: Path) -> Path:
    return folder / "v1" / "content" / layout.RECEIVED


def flip(folder: Path, dice: random.Random) -> str:
    place = content(folder) / "1-0.pdf"
    data = bytearray(place.read_bytes())
    data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
    place.write_bytes(data)
    return place.relative_to(folder).as_posix()


def truncate(folder: Path, _dice: random.Random) -> str:
    place = content(folder) / "1-1.pdf"
    place.write_bytes(place.read_bytes()[:-1])
    return place.relative_to(folder).as_posix()


def swap_files(folder: Path, _dice: random.Random) -> str:
    one, two = content(folder) / "1-2.pdf", content(folder) / "1-3.pdf"
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)
    return one.relative_to(folder).as_posix()


def delete(folder: Path, _dice: random.Random) -> str:
    (content(folder) / "1-0.pdf").unlink()
    return (content(folder) / "1-0.pdf").relative_to(folder).as_posix()


def add(folder: Path, _dice: random.Random) -> str:
    (content(folder) / "lạ.pdf").write_bytes(b"%PDF")
    return (content(folder) / "lạ.pdf").relative_to(folder).as_posix()


def change_inventory(folder: Path, _dice: random.Random) -> str:
    place = folder / inventory.INVENTORY
    place.write_bytes(place.read_bytes().replace(b"luutru", b"other!", 1))
    return inventory.INVENTORY


def change_old_inventory(folder: Path, _dice: random.Random) -> str:
    place = folder / "v1" / inventory.INVENTORY
    place.write_bytes(place.read_bytes().replace(b"batch", b"match", 1))
    return f"v1/{inventory.INVENTORY}"


def change_sidecar(folder: Path, _dice: random.Random) -> str:
    place = folder / inventory.SIDECAR
    data = place.read_bytes()
    place.write_bytes((b"1" if data[:1] == b"0" else b"0") + data[1:])
    return inventory.SIDECAR


def change_old_sidecar(folder: Path, _dice: random.Random) -> str:
    (folder / "v1" / inventory.SIDECAR).write_bytes(b"")
    return f"v1/{inventory.SIDECAR}"


def empty(folder: Path, _dice: random.Random) -> str:
    (content(folder) / "1-1.pdf").write_bytes(b"")
    return (content(folder) / "1-1.pdf").relative_to(folder).as_posix()


def wrong_case(folder: Path, _dice: random.Random) -> str:
    (content(folder) / "1-2.pdf").rename(content(folder) / "1-2.PDF")
    return (content(folder) / "1-2.pdf").relative_to(folder).as_posix()


def folder_to_file(folder: Path, _dice: random.Random) -> str:
    shutil.rmtree(content(folder))
    content(folder).write_bytes(b"x")
    return content(folder).relative_to(folder).as_posix()


def symlink(folder: Path, _dice: random.Random) -> str:
    place = content(folder) / "1-3.pdf"
    twin = folder.parent.parent / "twin.pdf"        # the right bytes, elsewhere: a link is no file
    twin.write_bytes(place.read_bytes())
    place.unlink()
    place.symlink_to(twin)
    return place.relative_to(folder).as_posix()


def symlink_folder(folder: Path, _dice: random.Random) -> str:
    aside = folder.parent.parent / "elsewhere"
    (folder / "v2" / "content").rename(aside)
    (folder / "v2" / "content").symlink_to(aside)
    return "v2/content"


def roll_back(folder: Path, _dice: random.Random) -> str:
    """The whole object as it was the night before, whole in itself."""
    shutil.rmtree(folder / "v2")
    for name in (inventory.INVENTORY, inventory.SIDECAR):
        shutil.copyfile(folder / "v1" / name, folder / name)
    return ""


def rewrite(folder: Path, _dice: random.Random) -> str:
    """A forger who knows OCFL: content, every digest and every inventory changed alike."""
    place = content(folder) / "1-0.pdf"
    old, new = place.read_bytes(), place.read_bytes().replace(b"1", b"7")
    place.write_bytes(new)
    for where in (folder / "v1", folder / "v2", folder):
        data = (where / inventory.INVENTORY).read_bytes()
        for name in ("sha512", "sha256"):
            was, will = (hashlib.new(name, one).hexdigest().encode() for one in (old, new))
            data = data.replace(was, will)
        data = inventory.as_bytes(json.loads(data))
        (where / inventory.INVENTORY).write_bytes(data)
        (where / inventory.SIDECAR).write_bytes(inventory.sidecar(data))
    return ""


def remove_object(folder: Path, _dice: random.Random) -> str:
    shutil.rmtree(folder)
    return ""


def no_declaration(folder: Path, _dice: random.Random) -> str:
    (folder / "0=ocfl_object_1.1").unlink()
    return "0=ocfl_object_1.1"


KINDS: list[Callable[[Path, random.Random], str]] = [
    flip, truncate, swap_files, delete, add, change_inventory, change_old_inventory, change_sidecar, change_old_sidecar,
    empty, wrong_case, folder_to_file, symlink, symlink_folder, roll_back, rewrite, remove_object, no_declaration]


def plant(three: Three, dice: random.Random) -> list[Planted]:
    """Two hundred faults: each object is damaged in two of its three places, in different ways."""
    planted: list[Planted] = []
    everywhere = [three.main, three.one, three.two]
    for number in range(2, OBJECTS):
        for place in dice.sample(everywhere, 2):
            folder = three.folder(place, number)
            path = KINDS[len(planted) % len(KINDS)](folder, dice)
            planted.append((place.key, folder.relative_to(place.store.root).as_posix(), path))
    # Two whole objects swapped in one place: each lies in the other's folder.
    one, two = three.folder(three.one, 0), three.folder(three.one, 1)
    one.rename(one.with_name("x"))
    two.rename(one)
    one.with_name("x").rename(two)
    return [*planted, *((three.one.key, one.relative_to(three.one.store.root).as_posix(), "") for one in (one, two))]


def test_two_hundred_faults_of_every_kind_are_found_and_mended(three: Three) -> None:
    before = {place.key: tree(place.store.root) for place in (three.main, three.one, three.two)}
    planted = plant(three, random.Random(4))
    assert len(planted) == 200
    assert set(Counter(path for _key, _folder, path in planted)) >= {"", inventory.INVENTORY, inventory.SIDECAR}
    assert {key for key, _folder, _path in planted} == {three.main.key, three.one.key, three.two.key}
    done = three.audit()
    found = {(looked.place.key, looked.folder, fault.path) for looked, _mended in done.results
             for fault in looked.faults}
    assert [one for one in planted if one not in found] == []
    assert [fault.sentence("x") for _looked, mended in done.results for fault in mended.left] == []
    for place in (three.main, three.one, three.two):
        assert tree(place.store.root) == before[place.key], place.key
    noted = {(key, data["folder"], fault["path"]) for key, data in three.events(damage.FOUND)
             for fault in data["faults"]}
    mended = {(key, data["folder"], fault["path"]) for key, data in three.events(damage.REPAIRED)
              for fault in data["faults"] if not data["left"]}
    assert [one for one in planted if one not in noted] == []
    assert [one for one in planted if one not in mended] == []
    with three.archive.catalogue.session() as session:
        assert damage.open_damage(session) == {}
        for place in (three.main, three.one, three.two):
            assert auditing.standing(session, NOW + timedelta(days=1), place.key).faults == 0
    again = three.audit(2)
    assert (again.faults, again.round) == ([], True)
    assert list((three.main.folder / "damage").rglob("*.pdf")) != [], "what was damaged is kept"
    assert list(three.archive.ledger.check()) == []
