"""Promises about the inbox: it swallows files, loses none, takes none twice, removes only what is kept."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import unicodedata
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.errors import NoRoomError
from archive.findings import Finding, Level, rules
from ingest import copying
from ingest.copying import SourceChanged, SourceUnreadable, copy_hashed, hash_file, safe_name
from ingest.sources.inbox import (
    Waiting,
    item_id,
    not_taken,
    printable_name,
    remove_from_inbox,
    scan,
    sweep,
    take_in,
)

LATER = datetime.now(UTC) + timedelta(hours=1)
PDF = b"%PDF-1.7\n" + bytes(range(256)) * 9000


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


def drop(inbox: Path, name: str, data: bytes = PDF) -> Path:
    path = inbox / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def names(inbox: Path, **options: float) -> list[str]:
    return [waiting.name for waiting in scan(inbox, options.get("settle", 0), LATER)]


def codes(findings: list[Finding] | tuple[Finding, ...]) -> list[str]:
    return [found.code for found in findings]


def tree(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_every_file_and_sub_folder_is_found_in_the_order_of_its_name(inbox: Path) -> None:
    for name in ("b.pdf", "H99.2026.01.VP/2.pdf", "H99.2026.01.VP/1.pdf", "Ấp.pdf", "a.pdf"):
        drop(inbox, name)
    assert names(inbox) == ["H99.2026.01.VP/1.pdf", "H99.2026.01.VP/2.pdf", "a.pdf", "b.pdf", "Ấp.pdf"]


def test_hidden_and_temporary_files_are_passed_over_in_silence(inbox: Path) -> None:
    for name in (".DS_Store", "Thumbs.db", "a.pdf.part", "b.TMP", "~$c.docx", ".git/config", "@eaDir/x.jpg",
                 "d.pdf"):
        drop(inbox, name)
    left: list[Finding] = []
    assert [waiting.name for waiting in scan(inbox, 0, LATER, left)] == ["d.pdf"]
    assert left == []


def test_a_file_that_is_still_growing_waits_for_the_next_night(inbox: Path) -> None:
    path = drop(inbox, "a.pdf")
    changed = datetime.fromtimestamp(path.stat().st_ctime, UTC)
    left: list[Finding] = []
    assert not list(scan(inbox, 60, changed + timedelta(seconds=5), left))
    assert codes(left) == ["COLLECT-001"]
    assert len(list(scan(inbox, 60, changed + timedelta(seconds=61)))) == 1


def test_a_scanner_with_a_fast_clock_does_not_hold_its_files_back_for_ever(inbox: Path) -> None:
    path = drop(inbox, "a.pdf")
    ahead = (LATER + timedelta(days=900)).timestamp()
    os.utime(path, (ahead, ahead))
    assert names(inbox, settle=60) == ["a.pdf"]


@pytest.mark.parametrize("lock", ["flock", "lockf"])
def test_a_locked_file_waits(inbox: Path, lock: str) -> None:
    path = drop(inbox, "a.pdf")
    read, write = os.pipe()
    child = os.fork()
    if not child:       # POSIX locks are only seen from another process
        with path.open("r+b") as stream:
            getattr(fcntl, lock)(stream, fcntl.LOCK_EX)
            os.write(write, b".")
            os.close(write)
            import time
            time.sleep(60)
        os._exit(0)
    try:
        os.read(read, 1)
        left: list[Finding] = []
        assert not list(scan(inbox, 0, LATER, left))
        assert codes(left) == ["COLLECT-001"]
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
        os.close(read)
        os.close(write)


def test_links_pipes_and_missing_folders_are_reported_and_never_followed(inbox: Path, tmp_path: Path) -> None:
    secret = drop(tmp_path, "elsewhere/secret.pdf")
    (inbox / "link.pdf").symlink_to(secret)
    (inbox / "folder").symlink_to(secret.parent)
    os.mkfifo(inbox / "pipe.pdf")
    left: list[Finding] = []
    assert not list(scan(inbox, 0, LATER, left))
    assert sorted(codes(left)) == ["COLLECT-004", "COLLECT-004", "COLLECT-005"]
    assert not list(scan(tmp_path / "gone", 0, LATER, left))
    assert left[-1].code == "COLLECT-006" and left[-1].level is Level.failed


def test_an_unreadable_file_is_reported_with_the_reason(inbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = drop(inbox, "a.pdf")
    really = os.open

    def refuse(name: str | Path, *rest: int, **more: int) -> int:
        if Path(name) == path:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(name))
        return really(name, *rest, **more)

    monkeypatch.setattr(os, "open", refuse)
    left: list[Finding] = []
    assert not list(scan(inbox, 0, LATER, left))
    assert codes(left) == ["COLLECT-003"] and left[0].params["reason"] == os.strerror(errno.EACCES)
    with pytest.raises(SourceUnreadable) as caught:
        copy_hashed(path, inbox / "b.pdf")
    assert not_taken(caught.value, "a.pdf").code == "COLLECT-003"


def test_odd_names_are_taken_in_with_a_finding_and_survive_json(inbox: Path, tmp_path: Path) -> None:
    drop(inbox, os.fsdecode(b"b\xe1o c\xe1o.pdf"))
    drop(inbox, "hai\ndòng.pdf")
    drop(inbox, "đảo\u202efdp.exe")
    drop(inbox, "hỏi?.pdf")
    found = {waiting.name: waiting for waiting in scan(inbox, 0, LATER)}
    assert {name: codes(waiting.findings) for name, waiting in found.items()} == {
        "b%E1o c%E1o.pdf": ["COLLECT-007"], "hai%0Adòng.pdf": ["COLLECT-008"],
        "đảo%E2%80%AEfdp.exe": ["COLLECT-008"], "hỏi?.pdf": ["COLLECT-009"]}
    for waiting in found.values():
        item = take_in(waiting, "inbox", tmp_path / "intake", LATER)
        assert item.main.path.read_bytes() == PDF
        assert [found["code"] for found in item.facts["collect"]] == codes(waiting.findings)
        json.dumps([item.name, item.main.name, str(item.main.path), item.facts]).encode()


def test_one_name_in_two_unicode_forms_is_one_name(inbox: Path) -> None:
    drop(inbox, unicodedata.normalize("NFD", "Quyết định.pdf"))
    assert names(inbox) == [unicodedata.normalize("NFC", "Quyết định.pdf")]


def test_taking_in_copies_hashes_and_leaves_the_inbox_alone(inbox: Path, tmp_path: Path) -> None:
    path = drop(inbox, "H99/a.pdf")
    os.utime(path, ns=(10**18, 10**18))
    [waiting] = scan(inbox, 0, LATER)
    item = take_in(waiting, "inbox", tmp_path / "intake", LATER)
    assert (item.name, item.source) == ("H99/a.pdf", "inbox")
    assert (item.main.name, item.main.role) == ("a.pdf", "original")
    assert item.main.sha256 == hashlib.sha256(PDF).hexdigest()
    assert item.main.sha512 == hashlib.sha512(PDF).hexdigest()
    assert item.id == item_id("inbox", "H99/a.pdf", item.main.sha256)
    assert tree(tmp_path / "intake") == {f"{item.id}/received/a.pdf": PDF}
    assert item.facts["modified"] == "2001-09-09T01:46:40.000000+00:00"
    assert path.read_bytes() == PDF


def test_taking_in_twice_gives_the_same_item_and_time_of_receipt(inbox: Path, tmp_path: Path) -> None:
    drop(inbox, "a.pdf")
    [waiting] = scan(inbox, 0, LATER)
    first = take_in(waiting, "inbox", tmp_path / "intake", LATER)
    before = tree(tmp_path / "intake")
    again = take_in(waiting, "inbox", tmp_path / "intake", LATER + timedelta(days=1))
    assert again == first and again.received_at == LATER
    assert tree(tmp_path / "intake") == before


def test_a_damaged_copy_of_an_earlier_night_is_mended(inbox: Path, tmp_path: Path) -> None:
    drop(inbox, "a.pdf")
    [waiting] = scan(inbox, 0, LATER)
    item = take_in(waiting, "inbox", tmp_path / "intake", LATER)
    (item.folder / "item.json").write_text("{}")
    for damage in (lambda: item.main.path.write_bytes(PDF[:7]), item.main.path.unlink):
        damage()
        again = take_in(waiting, "inbox", tmp_path / "intake", LATER)
        assert tree(item.folder) == {"item.json": b"{}", "received/a.pdf": PDF}
        assert again.id == item.id


def test_a_kill_while_copying_leaves_only_what_sweep_removes(
        inbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drop(inbox, "a.pdf")
    [waiting] = scan(inbox, 0, LATER)
    child = os.fork()
    if not child:
        monkeypatch.setattr(os, "fsync", lambda handle: os.kill(os.getpid(), 9))
        take_in(waiting, "inbox", tmp_path / "intake", LATER)
        os._exit(0)
    os.waitpid(child, 0)
    assert not [name for name in tree(tmp_path / "intake") if not name.startswith(".")]
    assert sweep(tmp_path / "intake") == 1 and not tree(tmp_path / "intake")
    assert take_in(waiting, "inbox", tmp_path / "intake", LATER).main.path.read_bytes() == PDF


def test_a_file_that_changes_while_it_is_copied_is_not_taken_in(
        inbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = drop(inbox, "a.pdf")
    [waiting] = scan(inbox, 0, LATER)
    really, calls = os.readv, iter(range(100))

    def append(handle: int, buffers: list[memoryview]) -> int:
        if next(calls) == 1:
            with path.open("ab") as stream:
                stream.write(b"more")
        return really(handle, buffers)

    monkeypatch.setattr(os, "readv", append)
    with pytest.raises(SourceChanged) as caught:
        take_in(waiting, "inbox", tmp_path / "intake", LATER)
    assert not_taken(caught.value, waiting.name).code == "COLLECT-002"
    assert not list((tmp_path / "intake").iterdir())


def test_a_file_that_is_replaced_while_it_is_copied_is_not_taken_in(
        inbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = drop(inbox, "a.pdf")
    really = os.readv

    def replace(handle: int, buffers: list[memoryview]) -> int:
        if not (inbox / ".old").exists():
            path.rename(inbox / ".old")
            drop(inbox, "a.pdf", b"another")
        return really(handle, buffers)

    monkeypatch.setattr(os, "readv", replace)
    with pytest.raises(SourceChanged):
        copy_hashed(path, tmp_path / "copy")
    assert not (tmp_path / "copy").exists() and not (tmp_path / "copy.part").exists()


def test_a_full_disk_is_our_fault_and_leaves_nothing_behind(
        inbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drop(inbox, "a.pdf")
    [waiting] = scan(inbox, 0, LATER)

    def full(handle: int, data: memoryview) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(copying.os, "write", full)
    with pytest.raises(NoRoomError):
        take_in(waiting, "inbox", tmp_path / "intake", LATER)
    assert not list((tmp_path / "intake").iterdir())


@pytest.mark.parametrize("size", [0, 1, copying.CHUNK - 1, copying.CHUNK, copying.CHUNK + 1])
def test_files_of_any_size_are_copied_whole(tmp_path: Path, size: int) -> None:
    data = bytes(size % 251 for size in range(size))
    source = drop(tmp_path, "a", data)
    copied = copy_hashed(source, tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == data
    assert copied == hash_file(source)
    assert (copied.size, copied.sha256) == (size, hashlib.sha256(data).hexdigest())


def test_only_the_bytes_that_were_taken_in_are_removed(inbox: Path) -> None:
    path = drop(inbox, "x/y/a.pdf")
    sha256 = hashlib.sha256(PDF).hexdigest()
    path.write_bytes(b"another version")
    assert not remove_from_inbox(path, sha256, inbox) and path.read_bytes() == b"another version"
    path.write_bytes(PDF)
    assert remove_from_inbox(path, sha256, inbox)
    assert remove_from_inbox(path, sha256, inbox), "removing again is no fault"
    assert inbox.is_dir() and not list(inbox.iterdir())


def test_removing_keeps_folders_that_still_hold_something_and_links(inbox: Path, tmp_path: Path) -> None:
    path = drop(inbox, "x/y/a.pdf")
    drop(inbox, "x/note.txt", b"")
    target = drop(tmp_path, "kept.pdf")
    (inbox / "x/link.pdf").symlink_to(target)
    sha256 = hashlib.sha256(PDF).hexdigest()
    assert not remove_from_inbox(inbox / "x/link.pdf", sha256, inbox) and target.exists()
    assert remove_from_inbox(path, sha256, inbox)
    assert sorted(child.name for child in (inbox / "x").iterdir()) == ["link.pdf", "note.txt"]


def test_the_same_bytes_under_another_name_are_another_item() -> None:
    ids = {item_id("inbox", "a.pdf", "0"), item_id("inbox", "b.pdf", "0"), item_id("scan", "a.pdf", "0"),
           item_id("inbox", "a.pdf", "1")}
    assert len(ids) == 4 and all(len(one) == 16 for one in ids)


@given(st.text())
def test_a_safe_name_is_a_name_on_every_file_system(name: str) -> None:
    safe = safe_name(name)
    assert 0 < len(safe.encode()) <= copying.LONGEST_NAME
    assert not set(safe) & set('/\\:*?"<>|\0\n') and safe[0] != "." and safe[-1] not in ". "
    assert safe_name(safe) == safe == unicodedata.normalize("NFC", safe)


def test_a_safe_name_keeps_what_it_can() -> None:
    assert safe_name("104/QĐ-UBND.pdf") == "104_QĐ-UBND.pdf"
    assert safe_name("../../etc/passwd") == "_.._._etc_passwd"
    assert safe_name("CON.pdf") == "_CON.pdf"
    assert safe_name("ộ" * 300 + ".pdf").endswith("ộ.pdf")


@given(st.binary(min_size=1).filter(lambda raw: b"\0" not in raw))
def test_any_name_of_the_file_system_can_be_printed(raw: bytes) -> None:
    name = printable_name(os.fsdecode(raw))
    assert json.loads(json.dumps(name).encode()) == name
    assert not [char for char in name if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")]


def test_every_collect_finding_says_its_subject_and_the_cure_in_both_languages() -> None:
    for code, rule in rules().items():
        if code.startswith("COLLECT-"):
            assert all("{subject}" in text for text in (rule.vi, rule.en)), code
            assert rule.cure_vi and rule.cure_en, code


def test_waiting_files_need_no_findings() -> None:
    assert Waiting(Path("a"), "a").findings == ()
