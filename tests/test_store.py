"""The store: what was put comes back byte for byte, and a kill leaves the old version or the new."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Collection
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive import clock, i18n
from archive.errors import IntegrityError
from archive.inventory import INVENTORY
from archive.store import DamagedSourceError, NewFile, Store, _encode

CASE = "urn:luutru:casefile:H99.2026.01.VP"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.create(tmp_path / "ocfl", tmp_path / "staging")


def put(store: Store, files: dict[str, bytes], object_id: str = CASE, gone: Collection[str] = ()) -> int:
    return store.put(object_id, {path: NewFile(data) for path, data in files.items()}, message="thử", user="luutru",
                     created=clock.now(), gone=gone)


def valid_for_others(root: Path) -> bool:
    """Whether ocfl-py, which we did not write, reads the root as OCFL 1.1 without complaint."""
    checker = Path(sys.executable).with_name("ocfl-validate.py")
    done = subprocess.run([sys.executable, checker, "-v", root], capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    return done.returncode == 0 and "INVALID" not in said and "[E" not in said


def test_what_was_put_comes_back_byte_for_byte(store: Store, tmp_path: Path) -> None:
    data = os.urandom(3_000_000)
    put(store, {"representations/rep1/data/a.pdf": data, "metadata/b.json": b"{}"})
    stored = store.export(CASE, "representations/rep1/data/a.pdf", tmp_path / "out.pdf")
    assert (tmp_path / "out.pdf").read_bytes() == data
    assert stored.sha256 == hashlib.sha256(data).hexdigest()


def test_every_put_is_one_version_and_older_ones_stay(store: Store) -> None:
    assert put(store, {"a": b"1"}) == 1
    assert put(store, {"a": b"2", "b": b"3"}) == 2
    assert store.read(CASE, "a") == b"2"
    assert store.files(CASE, 1)["a"].place.read_bytes() == b"1"


def test_the_same_put_twice_writes_nothing(store: Store) -> None:
    put(store, {"a": b"1"})
    before = sorted(path for path in store.root.rglob("*"))
    assert put(store, {"a": b"1"}) == 1
    assert sorted(path for path in store.root.rglob("*")) == before


def test_the_same_content_is_stored_once(store: Store) -> None:
    put(store, {"a": b"same", "b": b"same"})
    put(store, {"c": b"same", "d": b"other"})
    assert [path.name for path in sorted(store.folder(CASE).glob("v*/content/*"))] == ["a", "d"]
    assert store.read(CASE, "c") == b"same"


def test_a_damaged_source_is_never_stored(store: Store, tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(b"changed on the way")
    with pytest.raises(DamagedSourceError):
        store.put(CASE, {"a.pdf": NewFile(tmp_path / "a.pdf", sha512=hashlib.sha512(b"as received").hexdigest())},
                  message="", user="luutru", created=clock.now())
    assert not store.has(CASE)
    assert list(store.staging.iterdir()) == []


@pytest.mark.parametrize("count", [1, 100])
def test_every_new_file_is_flushed_by_itself_before_it_is_read_back(store: Store, count: int,
                                                                    monkeypatch: pytest.MonkeyPatch) -> None:
    """However many there are, and whatever a flush of the whole file system did before."""
    flushed: set[int] = set()
    fsync = os.fsync

    def seen(handle: int) -> None:
        fsync(handle)
        flushed.add(os.fstat(handle).st_ino)

    monkeypatch.setattr(os, "fsync", seen)
    put(store, {f"{n}.txt": f"{n}".encode() for n in range(count)})
    files = store.files(CASE)
    assert len(files) == count
    assert {one.place.stat().st_ino for one in files.values()} <= flushed


def test_changed_missing_and_foreign_files_are_found(store: Store) -> None:
    put(store, {"a": b"1", "b": b"2"})
    assert list(store.verify(CASE)) == []
    folder = store.folder(CASE) / "v1" / "content"
    (folder / "a").write_bytes(b"x")
    (folder / "b").unlink()
    (folder / "c").write_bytes(b"y")
    i18n.use("en")
    faults = " ".join(store.verify(CASE))
    assert "a has changed" in faults
    assert "b is missing" in faults
    assert "c is in no inventory" in faults
    with pytest.raises(IntegrityError):
        store.read(CASE, "a")


def test_a_changed_file_is_never_given_out(store: Store, tmp_path: Path) -> None:
    put(store, {"a": b"1"})
    (store.folder(CASE) / "v1" / "content" / "a").write_bytes(b"x")
    with pytest.raises(IntegrityError):
        store.export(CASE, "a", tmp_path / "out")
    assert list(tmp_path.glob("*out*")) == []


def test_a_changed_inventory_is_found(store: Store) -> None:
    put(store, {"a": b"1"})
    inventory = store.folder(CASE) / INVENTORY
    inventory.write_bytes(inventory.read_bytes().replace(b"luutru", b"other!"))
    i18n.use("en")
    assert "sidecar" in " ".join(store.verify(CASE))


def test_another_program_finds_the_store_valid(store: Store) -> None:
    put(store, {"representations/rep1/data/văn bản.pdf": b"1", "metadata/a.json": b"{}"})
    put(store, {"representations/rep1/data/khác.pdf": b"2"})
    put(store, {"x": b"2"}, "urn:luutru:fonds:" + "Đ" * 60)
    assert valid_for_others(store.root)


def test_a_path_that_is_gone_stays_in_its_earlier_version(store: Store) -> None:
    put(store, {"METS.xml": b"1", "data/a": b"a", "data/b": b"a"})
    assert put(store, {"data/c": b"c"}, gone=["METS.xml", "data/b", "never there"]) == 2
    assert sorted(store.files(CASE)) == ["data/a", "data/c"]
    assert sorted(store.files(CASE, 1)) == ["METS.xml", "data/a", "data/b"]
    assert store.files(CASE, 1)["METS.xml"].place.read_bytes() == b"1"
    assert store.read(CASE, "data/a") == b"a"
    with pytest.raises(KeyError):
        store.read(CASE, "METS.xml")
    assert list(store.verify(CASE)) == []
    assert valid_for_others(store.root)


def test_a_path_that_is_gone_already_writes_nothing(store: Store) -> None:
    put(store, {"a": b"1", "b": b"2"})
    assert put(store, {}, gone=["b"]) == 2
    before = sorted(store.root.rglob("*"))
    assert put(store, {"a": b"1"}, gone=["b"]) == 2
    assert sorted(store.root.rglob("*")) == before
    assert put(store, {"b": b"2"}) == 3
    assert store.read(CASE, "b") == b"2"
    assert list(store.folder(CASE).glob("v3/content/*")) == []


def test_a_path_that_is_both_gone_and_put_is_put(store: Store) -> None:
    put(store, {"a": b"1"})
    assert put(store, {"a": b"1"}, gone=["a"]) == 1
    assert put(store, {"a": b"2"}, gone=["a"]) == 2
    assert store.read(CASE, "a") == b"2"


PATHS = st.sampled_from(["a", "b", "c/d", "c/e"])
CONTENT = st.sampled_from([b"", b"1", b"2"])


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.dictionaries(PATHS, CONTENT, min_size=1), st.sets(PATHS)), min_size=1, max_size=5))
def test_every_version_holds_what_its_put_left(puts: list[tuple[dict[str, bytes], set[str]]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = Store.create(Path(folder) / "ocfl", Path(folder) / "staging")
        held: dict[str, bytes] = {}
        versions: list[dict[str, bytes]] = []
        for files, gone in puts:
            held = {path: data for path, data in held.items() if path not in gone} | files
            if not versions or held != versions[-1]:
                versions.append(held)
            assert put(store, files, gone=gone) == len(versions)
        for reader in (store, Store(store.root, store.staging)):
            for number, expected in enumerate(versions, 1):
                files_then = reader.files(CASE, number)
                assert {path: files_then[path].place.read_bytes() for path in files_then} == expected
                assert all(one.sha256 == hashlib.sha256(expected[path]).hexdigest()
                           for path, one in files_then.items())
            assert dict(reader.files(CASE)) == dict(reader.files(CASE, len(versions)))
            assert list(reader.verify(CASE)) == []


def test_what_another_process_put_is_seen_at_once(store: Store) -> None:
    put(store, {"a": b"1"})
    assert store.version(CASE) == 1
    put(Store(store.root, store.staging), {"b": b"2"})
    assert store.version(CASE) == 2
    assert store.read(CASE, "b") == b"2"


def test_an_inventory_that_was_changed_is_not_believed(store: Store) -> None:
    """Also by a reader that has read it before: the version's own copy, which agrees with its sidecar, is taken."""
    put(store, {"a": b"1"})
    right = store.files(CASE)["a"].sha512
    inventory = store.folder(CASE) / INVENTORY
    forged = hashlib.sha512(b"forged").hexdigest()
    inventory.write_bytes(inventory.read_bytes().replace(right.encode(), forged.encode()) + b" ")
    assert store.files(CASE)["a"].sha512 == right
    (store.folder(CASE) / "v1" / INVENTORY).write_bytes(b"{}")
    inventory.write_bytes(inventory.read_bytes() + b" ")
    with pytest.raises(IntegrityError):
        store.files(CASE)


@pytest.mark.parametrize("moment", ["version moved in", "inventory written", "sidecar gone"])
def test_a_put_killed_at_its_last_renames_is_finished_by_the_next_reader(store: Store, tmp_path: Path,
                                                                         moment: str) -> None:
    put(store, {"a": b"1"})
    folder = store.folder(CASE)
    old = {name: (folder / name).read_bytes() for name in (INVENTORY, f"{INVENTORY}.sha512")}
    put(store, {"b": b"2"})
    if moment in ("version moved in", "inventory written"):
        (folder / f"{INVENTORY}.sha512").write_bytes(old[f"{INVENTORY}.sha512"])
    if moment == "version moved in":
        (folder / INVENTORY).write_bytes(old[INVENTORY])
    if moment == "sidecar gone":
        (folder / f"{INVENTORY}.sha512").unlink()
    again = Store(store.root, store.staging)
    assert again.version(CASE) == 2
    assert again.read(CASE, "b") == b"2"
    assert list(again.verify(CASE)) == []


def test_what_a_killed_put_left_in_staging_is_cleared_away(store: Store) -> None:
    left = store.staging / hashlib.sha256(CASE.encode()).hexdigest()[:32]
    (left / "v1" / "content").mkdir(parents=True)
    (left / "v1" / "content" / "half").write_bytes(b"half")
    put(store, {"a": b"1"})
    assert list(store.files(CASE)) == ["a"]
    assert not left.exists()


def test_a_version_that_is_not_whole_is_not_adopted(store: Store) -> None:
    put(store, {"a": b"1"})
    shutil.copytree(store.folder(CASE) / "v1", store.folder(CASE) / "v2")
    (store.folder(CASE) / "v2" / INVENTORY).write_bytes(b"{}")
    with pytest.raises(IntegrityError):
        Store(store.root, store.staging).inventory(CASE)


@given(st.text(min_size=1, max_size=150))
def test_every_id_has_one_safe_folder_name(object_id: str) -> None:
    digest = hashlib.sha256(object_id.encode(errors="surrogatepass")).hexdigest()
    try:
        name = _encode(object_id, digest)
    except UnicodeEncodeError:
        return      # a lone surrogate is no id: codes come from validated text
    assert name.isascii()
    assert "/" not in name
    assert len(name) <= 200
