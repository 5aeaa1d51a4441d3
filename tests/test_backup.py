"""Backups: what is made can be restored, what is damaged is told, what is gone is not brought back."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import sqlite3
import stat
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner
from lxml import etree
from sqlalchemy import update

from archive import absence, clock, destroyed, layout, opening, settings
from archive.backup import checking, ending, making, media, restoring, snapshots, standing
from archive.backup.making import Made
from archive.backup.media import Target
from archive.backup.sets import chains, manifest, sets_in
from archive.errors import ArchiveBusyError, IntegrityError, RefusedError, UsageError
from archive.files import json_bytes
from archive.fixity import places
from archive.model import CaseFile
from archive.opening import Archive, ownership
from archive.store import NewFile
from cli import luutru
from tests.conftest import once
from tests.stored_documents import store_documents

DAY = datetime(2026, 11, 20, 20, tzinfo=UTC)        # three in the morning in Vietnam
FIELDS = {"subject": "Về việc kiểm tra công tác lưu trữ \x0b năm 2026", "codeNumber": "12"}


class Kept:
    """An archive with two targets, at a moment that a test moves on."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root, self.now = root, DAY
        for name in ("nas", "worm"):
            (root / name).mkdir()
        monkeypatch.setattr(clock, "now", lambda: self.now)
        monkeypatch.setattr(snapshots, "program", lambda: b"sources")       # 18 MB each time
        self.archive = opening.open_archive(settings.load(root / "kho"))

    def target(self, name: str = "nas") -> Target:
        return media.target_named(self.archive.settings, name)

    def run(self, name: str = "nas", days: float = 0, **more: Any) -> Made:
        self.now += timedelta(days=days)
        return making.run(self.archive, self.target(name), self.now, **more)

    def codes(self, made: Made) -> list[str]:
        return [one.code for one in made.findings if one.code not in ("BACKUP-005", "BACKUP-013")]

    def store(self, number: int, documents: int = 2) -> None:
        store_documents(self.archive, [FIELDS] * documents, code=f"H99.2026.{number:02d}.VP")

    def folder(self, number: int) -> Path:
        return self.archive.store.folder(layout.casefile_object(f"H99.2026.{number:02d}.VP"))

    def events(self, kind: str) -> list[dict[str, Any]]:
        return [line.data for line in self.archive.ledger.lines() if line.kind == kind]

    def check(self, name: str = "nas", **more: Any) -> checking.Checked:
        return checking.check(self.archive, self.target(name), self.now, **more)

    def command(self, *words: str, code: int = 0) -> Any:
        done = CliRunner().invoke(luutru, ["--root", str(self.root / "kho"), *words], catch_exceptions=False)
        assert done.exit_code == code, done.output
        return json.loads(done.stdout) if "--json" in words else done.output


@pytest.fixture(scope="session")
def two_case_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    def make(root: Path) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(clock, "now", lambda: DAY)
            archive = opening.make_archive(root, {
                "agency": {"code": "H99", "name": "Sở Nội vụ tỉnh Mẫu"},
                "backup": {"targets": {name: f"../{name}" for name in ("nas", "worm")}, "append_only": ["worm"]}})
            for number in (1, 2):
                store_documents(archive, [FIELDS] * 2, code=f"H99.2026.{number:02d}.VP")
            archive.close()

    return once(tmp_path_factory, "two-case-files", make)


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, two_case_files: Path) -> Iterator[Kept]:
    shutil.copytree(two_case_files, tmp_path / "kho")
    made = Kept(tmp_path, monkeypatch)
    yield made
    made.archive.close()
    for path in sorted((tmp_path / "worm").rglob("*")):
        path.chmod(0o700)


def tree(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*"))
            if path.is_file()}


def restored(kept: Kept, name: str, chain: Any = None, **more: Any) -> tuple[Path, restoring.Restored]:
    chosen = chain or restoring.choose(kept.target().folder)
    return kept.root / name, restoring.restore(chosen, kept.root / name, **more)


# --- making ---------------------------------------------------------------------------------------------------


def test_a_full_backup_then_increments_hold_the_whole_store_and_can_be_put_together(kept: Kept) -> None:
    first = kept.run()
    assert (first.kind, kept.codes(first)) == ("full", [])
    kept.store(1, 1)
    kept.store(3)
    second = kept.run(days=1)
    assert second.kind == "incremental"
    assert second.size < first.size
    third = kept.run(days=1)
    assert (third.kind, third.objects) == ("incremental", 0)
    place, done = restored(kept, "ra")
    assert done.lost == []
    assert tree(place / "store" / "ocfl") == tree(kept.archive.store.root)
    ledger = layout.ledger_folder(kept.archive.settings)
    for path in ledger.glob("*.jsonl"):
        assert path.read_bytes().startswith((place / "store" / "ledger" / path.name).read_bytes())


def test_a_new_month_gets_a_full_backup_and_one_is_made_when_it_is_asked_for(kept: Kept) -> None:
    assert [kept.run().kind, kept.run(days=1).kind, kept.run(days=0.1, kind="full").kind] == [
        "full", "incremental", "full"]
    assert kept.run(days=11).kind == "full"             # December in Vietnam
    assert len(chains(sets_in(kept.target().folder)[0])) == 3


def test_a_set_is_a_bag_that_other_peoples_tools_check(kept: Kept) -> None:
    kept.run()
    (one,) = sets_in(kept.target().folder)[0]
    for name in ("SHA256SUMS", "tagmanifest-sha256.txt"):
        assert subprocess.run(["sha256sum", "-c", "--strict", "--quiet", name], cwd=one.folder, check=False,
                              capture_output=True).returncode == 0
    kept.command("package", "check", str(one.folder))


def test_databases_are_whole_copies_secrets_stay_behind_and_followers_are_not_taken(kept: Kept) -> None:
    root = kept.root / "kho"
    with closing(sqlite3.connect(root / "accounts.db")) as one:
        one.execute("PRAGMA journal_mode=WAL")
        one.execute("CREATE TABLE account (name TEXT)")
        one.execute("INSERT INTO account VALUES ('lan')")
        one.commit()
        (root / "dau.p12").write_bytes(b"key")
        (root / "saved-searches.json").write_text("{}")
        (root / "aliases.toml").write_text("")
        (root / "reports").mkdir(exist_ok=True)
        (root / "reports" / "x.html").write_text("x")
        (root / "link").symlink_to("/etc")
        made = kept.run()
    assert kept.codes(made) == ["BACKUP-008"]
    (told,) = sets_in(kept.target().folder)[0]
    held = manifest(told)
    assert {"accounts.db", "saved-searches.json", "aliases.toml", "luutru.toml", "catalogue.db"} <= held.keys()
    assert not {path for path in held if path.startswith(("reports", "dau", "link", "index"))}
    assert told.told["left_out"] == ["dau.p12", "link"]
    with closing(sqlite3.connect(told.folder / "data" / "accounts.db")) as copy:
        assert copy.execute("SELECT name FROM account").fetchall() == [("lan",)]
    with closing(sqlite3.connect(told.folder / "data" / "catalogue.db")) as copy:
        assert copy.execute("SELECT count(*) FROM document").fetchone() == (4,)
    assert stat.S_IMODE(told.folder.stat().st_mode) == 0o700
    assert not (root / snapshots.WORK).exists()


def test_the_address_of_the_database_stays_out_of_the_settings_of_a_backup(kept: Kept,
                                                                           monkeypatch: pytest.MonkeyPatch) -> None:
    place = kept.root / "kho" / "luutru.toml"
    place.write_text(place.read_text().replace('# database = ""', 'database = "sqlite:////tmp/geheim"'))
    kept.run()
    (told,) = sets_in(kept.target().folder)[0]
    assert b"geheim" not in (told.folder / "data" / "luutru.toml").read_bytes()


def test_the_metadata_of_every_case_file_goes_along_as_xml(kept: Kept) -> None:
    kept.run()
    kept.store(3, 1)
    kept.run(days=1)
    full, daily = sets_in(kept.target().folder)[0]
    spaces = {"m": "urn:luutru:metadata:1"}
    one, other = (etree.parse(str(told.folder / "metadata.xml")) for told in (full, daily))
    assert one.xpath("count(//m:caseFile)", namespaces=spaces) == 2
    assert one.xpath("count(//m:document/m:file)", namespaces=spaces) == 4
    assert one.xpath("string(//m:document[1]/m:field[@tag='subject'])", namespaces=spaces) == (
        "Về việc kiểm tra công tác lưu trữ  năm 2026")
    assert other.xpath("//m:caseFile/@code", namespaces=spaces) == ["H99.2026.03.VP"]
    assert full.told["metadata"]["replaced"] == 4      # told, not hidden: XML knows no vertical tab
    assert (full.folder / "program.tar").read_bytes() == b"sources"
    assert not (daily.folder / "program.tar").exists()


def test_the_program_goes_along_as_source_the_same_each_time() -> None:
    with tarfile.open(fileobj=io.BytesIO(made := snapshots.program())) as tar:
        names = tar.getnames()
    assert {"cli.py", "run", "requirements.lock", "archive/store.py", "web/app.py"} <= {
        name.partition("/")[2] for name in names}
    assert not [name for name in names if "__pycache__" in name or ".venv" in name]
    assert snapshots.program() == made


def test_what_is_damaged_in_the_store_never_enters_a_backup(kept: Kept) -> None:
    kept.run()
    kept.store(1, 1)
    (file,) = (kept.folder(1) / "v2").rglob("*0000003.txt")
    file.write_bytes(b"x" * file.stat().st_size)
    made = kept.run(days=1)
    assert kept.codes(made) == ["BACKUP-006"]
    assert kept.check().faults == []
    place, done = restored(kept, "ra")
    folder = place / "store" / "ocfl" / kept.folder(1).relative_to(kept.archive.store.root)
    assert not (folder / "v2").exists()
    assert done.lost == []


def test_a_store_that_was_rolled_back_is_told_and_the_backup_keeps_the_newer_state(kept: Kept) -> None:
    kept.store(1, 1)
    kept.run()
    shutil.rmtree(kept.folder(1) / "v2")
    for name in ("inventory.json", "inventory.json.sha512"):
        shutil.copy(kept.folder(1) / "v1" / name, kept.folder(1) / name)
    assert kept.codes(kept.run(days=1)) == ["BACKUP-007"]


def test_targets_that_cannot_be_used_are_told_and_never_touched(kept: Kept) -> None:
    nas = kept.target().folder
    (nas / "foto.jpg").write_bytes(b"x")
    assert kept.codes(kept.run()) == ["BACKUP-003"]
    assert [path.name for path in nas.iterdir()] == ["foto.jpg"]
    (nas / "foto.jpg").unlink()
    kept.run()
    shutil.move(nas, kept.root / "away")
    assert kept.codes(kept.run()) == ["BACKUP-002"]
    nas.mkdir()                                         # the folder under a disk that is not mounted
    assert kept.codes(kept.run()) == ["BACKUP-002"]
    assert list(nas.iterdir()) == []
    inside = Target("kho", kept.root / "kho" / "store", append_only=False)
    assert media.look(kept.archive, inside).state == "overlaps"
    with pytest.raises(UsageError):
        media.target_named(kept.archive.settings, "usb")


def test_the_backups_of_another_archive_are_left_alone(kept: Kept, tmp_path: Path) -> None:
    kept.run()
    place = kept.target().folder / media.MARKER
    place.write_bytes(place.read_bytes().replace(places.identity(kept.archive).encode(), b"0" * 64))
    assert kept.codes(kept.run(days=1)) == ["BACKUP-003"]
    place.write_bytes(b"{")
    assert media.look(kept.archive, kept.target()).state == "unreadable"


def test_a_full_medium_is_our_failure_and_leaves_nothing_half(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> bytes:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(snapshots, "program", full)
    assert kept.codes(kept.run()) == ["BACKUP-004"]
    assert sets_in(kept.target().folder)[:2] == ([], [])
    assert kept.events("backup_made") == []


def test_a_backup_waits_for_the_night_only_while_it_must_and_two_never_run_at_once(kept: Kept) -> None:
    with ownership(kept.archive), pytest.raises(ArchiveBusyError):
        kept.run()
    with making._one_at_a_time(kept.archive, 0), pytest.raises(ArchiveBusyError):
        kept.run()
    assert kept.run().set


def test_a_kill_before_the_ledger_knows_is_told_by_the_next_run_and_one_before_the_end_never_was(
        kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    class KilledError(BaseException):
        pass

    def killed(*_: object, **__: object) -> None:
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(making, "tell", killed)
        with pytest.raises(KilledError):
            kept.run()
    (one,) = sets_in(kept.target().folder)[0]
    assert kept.events("backup_made") == []
    (kept.target().folder / "20261101T000000Z-full" / "data").mkdir(parents=True)
    made = kept.run(days=1)
    assert [event["set"] for event in kept.events("backup_made")] == [one.id, made.set]
    assert made.kind == "incremental"
    assert not (kept.target().folder / "20261101T000000Z-full").exists()


def test_nothing_changes_on_an_append_only_target(kept: Kept) -> None:
    kept.run("worm")
    worm = kept.target("worm").folder
    before = {path: path.stat().st_mtime_ns for path in worm.rglob("*") if path.is_file()}
    (worm / "20261101T000000Z-full").mkdir()
    assert "BACKUP-013" in [one.code for one in kept.run("worm").findings]
    for _month in range(3):
        kept.store(1, 1)
        kept.run("worm", days=31)
    assert (worm / "20261101T000000Z-full").is_dir()
    assert before == {path: path.stat().st_mtime_ns for path in before}
    assert all(not path.stat().st_mode & 0o222 for path in before if path.parent != worm)
    assert kept.events("backup_ended") == []


def test_what_was_kept_long_enough_goes_but_never_the_newest_full_one(kept: Kept) -> None:
    first = kept.run()
    daily = kept.run(days=1)
    kept.run(days=31)
    made = kept.run(days=90)
    assert sorted(made.removed) == sorted([first.set, daily.set])
    assert [event["sets"] for event in kept.events("backup_ended")] == [[first.set, daily.set]]
    assert kept.check(everything=True).faults == []
    kept.now += timedelta(days=400)
    with ownership(kept.archive):
        medium = media.read_marker(kept.target().folder)
        assert medium is not None
        ending.remove_due(kept.archive, kept.target(), medium, kept.now)
    assert [one.id for one in sets_in(kept.target().folder)[0]] == [made.set]


def test_backups_can_be_ended_before_their_time_but_not_the_last_full_one(kept: Kept) -> None:
    first, daily = kept.run(), kept.run(days=1)
    with ownership(kept.archive), pytest.raises(RefusedError):
        ending.end(kept.archive, kept.target(), media.read_marker(kept.target().folder), [first.set], reason="x")
    second = kept.run(days=1, kind="full")
    told = kept.command("backup", "end", "nas", first.set, "--reason", "sau khi tiêu hủy", "--yes", "--json")
    assert sorted(told["ended"]) == sorted([first.set, daily.set])
    assert [one.id for one in sets_in(kept.target().folder)[0]] == [second.set]
    with ownership(kept.archive), pytest.raises(UsageError):
        ending.end(kept.archive, kept.target(), None, ["20200101T000000Z-full"], reason="x")
    kept.command("backup", "end", "nas", second.set, "--reason", "đĩa hỏng", "--medium-gone", "--json")
    assert (kept.target().folder / second.set).is_dir()
    assert kept.command("backup", "list", "--json")["sets"] == []


def test_a_destruction_meanwhile_gives_the_backup_up(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "_destroyed_since", lambda _archive, _seq: True)
    made = kept.run()
    assert (made.set, kept.codes(made)) == ("", ["BACKUP-012"])
    assert sets_in(kept.target().folder)[:2] == ([], [])


# --- checking -------------------------------------------------------------------------------------------------


SPOILT: list[tuple[str, Callable[[Path], object]]] = [
    ("changed", lambda one: next((one / "data").rglob("*.txt")).write_bytes(b"other")),
    ("missing", lambda one: next((one / "data").rglob("*.txt")).unlink()),
    ("extra", lambda one: (one / "data" / "more.txt").write_bytes(b"")),
    ("list", lambda one: (one / "objects.tsv").write_bytes(b"")),
    ("list", lambda one: (one / "metadata.xml").unlink()),
    ("gone", lambda one: (one / "set.json").write_bytes((one / "set.json").read_bytes().replace(b'"H99', b'"H98'))),
    ("gone", lambda one: (one / "set.json").unlink()),
    ("gone", shutil.rmtree),
]


@pytest.mark.parametrize(("kind", "spoil"), SPOILT)
def test_every_change_of_a_backup_is_found_and_named(kept: Kept, kind: str, spoil: Callable[[Path], object]) -> None:
    made = kept.run()
    assert kept.check().faults == []
    one = kept.target().folder / made.set
    before = (one / "set.json").read_bytes()
    spoil(one)
    if kind == "gone" and one.is_dir() and (one / "set.json").exists():
        assert (one / "set.json").read_bytes() != before or (one / "set.json").write_bytes(before + b" ")
    done = kept.check()
    assert kind in {fault.kind for fault in done.faults}, done.faults
    assert [found.code for found in done.findings] == ["BACKUP-010"]
    assert kept.events("backup_checked")[-1]["number"] == len(done.faults)
    assert all(fault.sentence() for fault in done.faults)


def test_an_increment_without_its_base_is_told_and_a_full_one_follows(kept: Kept) -> None:
    first = kept.run()
    kept.run(days=1)
    shutil.rmtree(kept.target().folder / first.set)
    assert {"chain", "gone"} <= {fault.kind for fault in kept.check().faults}
    assert kept.run(days=1).kind == "full"


def test_a_set_that_cannot_be_read_is_told_and_a_full_one_follows(kept: Kept) -> None:
    made = kept.run()
    (kept.target().folder / made.set / "objects.tsv").write_bytes(b"")
    again = kept.run(days=1)
    assert (again.kind, kept.codes(again)) == ("full", ["BACKUP-011"])


def test_a_ledger_of_another_history_in_a_backup_is_found(kept: Kept) -> None:
    made = kept.run()
    one = next(told for told in sets_in(kept.target().folder)[0] if told.id == made.set)
    file = sorted((one.folder / "data" / "store" / "ledger").glob("*.jsonl"))[-1]
    file.write_bytes(file.read_bytes() + b'{"seq": 99}\n')
    assert "ledger" in {fault.kind for fault in kept.check().faults}


def test_the_virus_scanner_looks_at_every_file_and_what_was_not_scanned_is_no_pass(kept: Kept, tmp_path: Path) -> None:
    kept.run()
    assert "scan" not in kept.events("backup_checked")[-1] if kept.check() else False
    told = kept.command("backup", "check", "--scan", "--json", code=3)
    assert "BACKUP-016" in [one["code"] for one in told["findings"]]
    done = kept.check(scan=lambda path: "infected" if path.name.endswith("0000001.txt") else "clean", scanner="thử 1")
    assert [one.code for one in done.findings] == ["BACKUP-015"]
    assert done.scan["infected"] == 2
    assert kept.events("backup_checked")[-1]["scan"]["tool"] == "thử 1"
    with kept.archive.catalogue.session() as session:
        stand = {one.target: one for one in standing.standing(session, kept.archive.settings)}
    assert stand["nas"].scanned_at
    assert stand["worm"].made_at == ""


# --- restoring ------------------------------------------------------------------------------------------------


def test_a_lost_archive_comes_back_from_its_medium_alone(kept: Kept) -> None:
    kept.run()
    kept.store(1, 1)
    made = kept.run(days=1)
    shutil.rmtree(kept.root / "kho")
    done = CliRunner().invoke(luutru, [
        "--root", "/nowhere", "backup", "restore", "--from", str(kept.root / "nas"), "--to",
        str(kept.root / "moi"), "--reason", "hỏng đĩa", "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["set"], told["documents"], told["indexed"], told["faults"]) == (made.set, 5, 5, [])
    assert not (kept.root / "moi" / restoring.GOING_ON).exists()
    again = opening.open_archive(settings.load(kept.root / "moi"))
    lines = list(again.ledger.lines())
    again.close()
    assert [line.data["reason"] for line in lines if line.kind == "restored"] == ["hỏng đĩa"]
    assert lines[-1].kind == "restored"


def test_an_earlier_day_can_be_restored_by_name_and_by_time(kept: Kept) -> None:
    first = kept.run()
    kept.store(3)
    second = kept.run(days=1)
    nas = kept.target().folder
    assert [one.id for one in restoring.choose(nas, wanted=first.set)] == [first.set]
    assert [one.id for one in restoring.choose(nas, at=DAY + timedelta(hours=3))] == [first.set]
    assert [one.id for one in restoring.choose(nas)] == [first.set, second.set]
    told = kept.command("backup", "restore", "--from", str(nas), "--to", str(kept.root / "x"), "--at",
                        "2026-11-21T06:00", "--dry-run", "--json")
    assert (told["set"], told["sha256"]) == (first.set, kept.events("backup_made")[0]["sha256"])
    assert not (kept.root / "x").exists()
    for wrong in ({"wanted": "20200101T000000Z-full"}, {"at": DAY - timedelta(days=9)}):
        with pytest.raises(UsageError):
            restoring.choose(nas, **wrong)
    with pytest.raises(UsageError):
        restoring.choose(kept.root / "kho")
    place, _done = restored(kept, "ra", restoring.choose(nas, wanted=first.set))
    assert not list(place.rglob("*H99%2e2026%2e03*"))


def test_a_restore_never_writes_over_anything_and_goes_on_after_a_kill(kept: Kept) -> None:
    kept.run()
    chain = restoring.choose(kept.target().folder)
    with pytest.raises(UsageError):
        restoring.restore(chain, kept.root / "kho")
    place, done = restored(kept, "ra")
    files = [path for path in sorted(place.rglob("*.txt")) if "H99" in path.name]
    files[0].write_bytes(b"half")
    files[1].unlink()
    again = restoring.restore(chain, place)
    assert (again.files, again.kept) == (done.files, done.files - 2)
    assert tree(place / "store" / "ocfl") == tree(kept.archive.store.root)
    kept.run(days=1)
    with pytest.raises(UsageError):
        restoring.restore(restoring.choose(kept.target().folder), place)


def test_a_damaged_file_is_taken_from_another_medium_else_told(kept: Kept) -> None:
    kept.run("worm")
    kept.run()
    chain = restoring.choose(kept.target().folder)
    (file, *_more) = sorted((chain[0].folder / "data").rglob("*0000001.txt"))
    file.write_bytes(b"rotten")
    _place, done = restored(kept, "hong", chain)
    assert [path.endswith(file.name) for path in done.lost] == [True]
    told = kept.command("backup", "restore", "--from", str(kept.target().folder), "--to", str(kept.root / "tot"),
                        "--also", str(kept.target("worm").folder), "--json", code=3)
    assert (told["lost"], len(told["elsewhere"])) == ([], 1)
    assert [one["code"] for one in told["findings"]] == ["BACKUP-020"]
    assert tree(kept.root / "tot" / "store" / "ocfl") == tree(kept.archive.store.root)


def test_a_chain_whose_lists_are_damaged_is_not_restored(kept: Kept) -> None:
    made = kept.run()
    kept.run(days=1)
    (kept.target().folder / made.set / "objects.tsv").write_bytes(b"a\tb\n")
    with pytest.raises(IntegrityError):
        restored(kept, "ra")


@pytest.mark.parametrize("path", ["../x", "/etc/x", "a//b", "store/../../x"])
def test_a_list_that_leads_out_of_the_folder_is_not_followed(kept: Kept, path: str) -> None:
    made = kept.run()
    one = kept.target().folder / made.set
    (one / "manifest-sha256.txt").write_text(f"{'0' * 64}  data/{path}\n")
    (one / "others.tsv").write_text(f"{'0' * 64}\t1\t{path}\n")
    told = json.loads((one / "set.json").read_bytes())
    told["lists"] |= {name: hashlib.sha256((one / name).read_bytes()).hexdigest()
                      for name in ("manifest-sha256.txt", "others.tsv")}
    (one / "set.json").write_bytes(json_bytes(told))
    with pytest.raises(IntegrityError):
        restored(kept, "ra")


def test_what_left_the_archive_does_not_come_back(kept: Kept) -> None:
    """A destroyed object, and an item that was stored since, are in earlier sets, and not in what is restored."""
    waiting = layout.intake_folder(kept.archive.settings) / ("0" * 16) / "received"
    waiting.mkdir(parents=True)
    (waiting / "a.pdf").write_bytes(b"waits")
    kept.run()
    shutil.rmtree(waiting.parent)
    shutil.rmtree(kept.folder(2))
    made = kept.run(days=1)
    assert made.objects == 1
    place, done = restored(kept, "ra")
    assert done.lost == []
    assert not list(place.rglob("*a.pdf"))
    assert not list(place.rglob("*02%2eVP*"))
    assert list(place.rglob("*01%2eVP*"))


def test_an_object_whose_history_was_written_anew_is_taken_whole_and_its_old_bytes_do_not_come_back(
        kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the destruction of one document leaves: another version 1, by an event; without one it is an alarm."""
    kept.run()
    name = layout.casefile_object("H99.2026.01.VP")
    old = kept.archive.store.files(name)
    keep = {path: NewFile(kept.archive.store.read(name, path)) for path in old if "0000002" not in path}
    before = (kept.folder(1) / "inventory.json.sha512").read_text().split()[0]
    shutil.rmtree(kept.folder(1))
    kept.archive.store.put(name, keep, message="x", user="luutru", created=DAY)
    after = (kept.folder(1) / "inventory.json.sha512").read_text().split()[0]
    assert kept.codes(kept.run(days=1)) == ["BACKUP-007"]
    anew = destroyed.Rewriting({name: {1: [("", "", before, after)]}}, frozenset())
    monkeypatch.setattr(destroyed, "rewriting", lambda _archive: anew)
    made = kept.run(days=1)
    assert (kept.codes(made), made.kind, made.objects) == ([], "incremental", 1)
    assert kept.check().faults == []
    place, done = restored(kept, "ra")
    assert done.lost == []
    assert tree(place / "store" / "ocfl") == tree(kept.archive.store.root)
    assert not [path for path in place.rglob("*.txt") if path.name == "H99.2026.01.VP.0000002.txt"]


def test_destructions_since_the_backup_are_told_from_a_newer_ledger(kept: Kept) -> None:
    from archive.catalogue import record
    from archive.ledger import Entry
    from ingest.backups import destroyed_after

    kept.run()
    seq = kept.archive.ledger.seq
    with ownership(kept.archive), kept.archive.catalogue.session() as session:
        record(session, kept.archive.ledger, [Entry("destroyed", "HUY.2026.01", {}, "k")])
    folder = layout.ledger_folder(kept.archive.settings)
    assert [one.code for one in destroyed_after(folder, seq, "x")] == ["BACKUP-018"]
    assert destroyed_after(folder, kept.archive.ledger.seq, "x") == []


# --- drills, standing ------------------------------------------------------------------------------------------


def test_a_drill_restores_compares_and_notes_and_leaves_nothing(kept: Kept, tmp_path: Path) -> None:
    kept.run()
    (tmp_path / "cho").mkdir()
    told = kept.command("backup", "drill", "nas", "--in", str(tmp_path / "cho"), "--json")
    (one,) = told["targets"]
    assert (one["faults"], one["documents"], len(one["canaries"])) == ([], 4, 4)
    assert list((tmp_path / "cho").iterdir()) == []
    (event,) = kept.events("backup_drilled")
    assert (event["number"], event["behind"]) == (0, 0)
    # The archive went on: a row that is not what the backup tells, in a case file that did not change, is found.
    with kept.archive.catalogue.session() as session:
        session.execute(update(CaseFile).where(CaseFile.code == "H99.2026.01.VP").values(title="giả"))
    told = kept.command("backup", "drill", "nas", "--in", str(tmp_path / "cho"), "--json", code=4)
    assert "BACKUP-019" in [one["code"] for one in told["findings"]]
    assert kept.events("backup_drilled")[-1]["number"] == 1


def test_a_drill_of_a_damaged_backup_fails(kept: Kept, tmp_path: Path) -> None:
    made = kept.run()
    (file, *_more) = sorted((kept.target().folder / made.set / "data").rglob("*0000001.txt"))
    file.write_bytes(b"rotten")
    told = kept.command("backup", "drill", "nas", "--json", code=4)
    assert "BACKUP-017" in [one["code"] for one in told["findings"]]


def test_it_is_known_which_backups_still_hold_what_was_destroyed(kept: Kept) -> None:
    first = kept.run()
    kept.run("worm")
    opened = clock.stamp(DAY - timedelta(days=1))
    destroyed_at = clock.stamp(DAY + timedelta(hours=1))
    kept.run(days=1)
    kept.run(days=31)                                   # a full one of after the destruction
    with kept.archive.catalogue.session() as session:
        found = standing.holders(session, kept.archive.settings, since=opened, until=destroyed_at)
        late = standing.holders(session, kept.archive.settings, since=clock.stamp(DAY + timedelta(days=2)),
                                until=clock.stamp(DAY + timedelta(days=3)))
    assert [(one.target, one.first, one.until) for one in found] == [
        ("nas", first.set, "2027-03-01"), ("worm", found[1].first, "")]
    assert late == []                                   # nothing was made between the two


def test_a_destruction_is_not_proved_while_a_backup_of_before_holds_it(
        kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    first = kept.run()
    at = clock.stamp(DAY + timedelta(hours=1))
    monkeypatch.setattr(destroyed, "of", lambda _session, _code: SimpleNamespace(at=at))

    def left() -> list[tuple[str, str, str, bool]]:
        found: dict[str, list[absence.Remaining]] = {"H99.2026.01.VP": []}
        absence._in_backups(kept.archive, found)
        return [(one.state, one.place, one.until, one.hinders) for one in found["H99.2026.01.VP"]]

    assert left() == [("expires", "backup:nas", "2027-03-01", True)]
    second = kept.run(days=1, kind="full")
    with ownership(kept.archive):
        ending.end(kept.archive, kept.target(), media.read_marker(kept.target().folder), [first.set], reason="hủy")
    assert left() == []
    assert [one.id for one in sets_in(kept.target().folder)[0]] == [second.set]


def test_commands_speak_to_people_and_exit_as_they_should(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    out = kept.command("backup", "run", code=3)         # both lie on the archive's own disk
    assert "nas" in out
    assert "BACKUP-005" in out
    assert "20261120T200000Z-full" in kept.command("backup", "list")
    assert "nas" in kept.command("backup", "check")
    (kept.root / "usb").mkdir()
    monkeypatch.setenv("LUUTRU_BACKUP__TARGETS", json.dumps({"usb": str(kept.root / "usb"), "worm": "/nowhere"}))
    told = kept.command("backup", "begin", "usb", "--medium", "USB-07", "--ends", "2031-12-31", "--json")
    assert (told["medium"], told["ends"]) == ("USB-07", "2031-12-31")
    assert media.read_marker(kept.root / "usb") is not None
    kept.command("backup", "begin", "usb", "--ends", "mai")     # it is begun already


def test_without_a_target_nothing_is_called_a_backup(tmp_path: Path, archive: Archive) -> None:
    for words in (["backup", "run"], ["backup", "check"], ["backup", "drill"]):
        done = CliRunner().invoke(luutru, ["--root", str(archive.settings.root), *words, "--json"])
        assert done.exit_code == 3
        assert [one["code"] for one in json.loads(done.stdout)["findings"]] == ["BACKUP-001"]
    wrong = settings.load(archive.settings.root, backup={"append_only": ["x"]})
    with pytest.raises(UsageError):
        media.targets(wrong)


def test_a_catalogue_on_a_server_becomes_one_sqlite_file(kept: Kept, postgresql: str, tmp_path: Path) -> None:
    from archive.rebuild import rebuild
    from retention.objects import ADMITS

    other = opening.open_archive(settings.load(kept.root / "kho", database=postgresql), rebuilding=True)
    with ownership(other, rebuilding=True):
        rebuild(other, admits=ADMITS)
    snapshots.copy_catalogue(other, tmp_path / "copy.db")
    other.close()
    with closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
        assert copy.execute("SELECT count(*) FROM document").fetchone() == (4,)
        assert copy.execute("SELECT count(*) FROM event").fetchone() == (kept.archive.ledger.seq,)


def test_an_object_of_the_store_that_is_new_counts_with_its_id(kept: Kept) -> None:
    """Objects that are no case files come along as well."""
    kept.archive.store.put("urn:luutru:batch:2026-11-20.1", {"list.csv": NewFile(json_bytes({}))}, message="x",
                           user="luutru", created=DAY)
    made = kept.run()
    assert made.objects == 4


# --- log and minutes ------------------------------------------------------------------------------------------


def test_log_and_minutes_are_printed_from_the_ledger(kept: Kept, tmp_path: Path) -> None:
    def printed(kind: str, *more: str) -> dict[str, Any]:
        told = kept.command("backup", "print", kind, "--to", str(tmp_path / f"{kind}.pdf"), "--json", *more)
        assert (tmp_path / f"{kind}.pdf").read_bytes().startswith(b"%PDF-")
        data: dict[str, Any] = told["data"]
        return data

    with pytest.raises(UsageError):
        printed("minutes")
    full = kept.run(actor="Phạm Quốc Đạt")
    kept.store(3)
    kept.run(days=1, actor="Phạm Quốc Đạt")
    log = printed("log", "--from", "2026-11-01", "--until", "2026-11-30")
    assert [(row["name"], row["by"]) for row in log["rows"]] == [
        (full.set, "Phạm Quốc Đạt"), ("20261121T200000Z-incremental", "Phạm Quốc Đạt")]
    assert log["rows"][0]["what"].startswith("Toàn bộ: tài liệu, dữ liệu mô tả (XML), sổ, danh mục")
    assert printed("log", "--from", "2026-10-01", "--until", "2026-10-31")["rows"] == []
    minutes = printed("minutes", "--where", "Phòng máy chủ", "--head", "Trần Thị Mẫu")
    assert (minutes["method"], minutes["medium"], minutes["old"]) == ("tăng dần", "nas-20261121", "")
    assert minutes["sha256"] == kept.events("backup_made")[-1]["sha256"]
    next((kept.target().folder / full.set / "data").rglob("*0000001.txt")).write_bytes(b"x")
    kept.check()
    check = printed("check")
    assert (check["rows"][0]["result"], check["rows"][1]["result"], len(check["faults"])) == ("lỗi", "chưa kiểm tra", 1)
    kept.command("backup", "print", "check", "--to", str(tmp_path / "check.docx"))
    assert (tmp_path / "check.docx").read_bytes().startswith(b"PK")


def test_the_minutes_of_a_backup_on_a_new_medium_name_the_old_one(kept: Kept) -> None:
    from archive.backup import papers

    kept.run()
    shutil.move(kept.target().folder, kept.root / "nas-1")
    kept.target().folder.mkdir()
    with ownership(kept.archive):
        media.begin(kept.archive, kept.target(), kept.now, code="NAS-02")
    assert kept.run(days=1).kind == "full"
    with kept.archive.catalogue.session() as session:
        told = papers.backup_minutes(kept.archive.settings, session, papers.latest(session, "minutes"))
    assert (told["old"], told["medium"], told["method"]) == ("nas-20261121", "NAS-02", "toàn bộ")
    assert kept.check().faults == []                    # what lies on the other medium is not missing here
