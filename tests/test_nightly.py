"""The night over the sample inbox: exactly the findings that samples/expected.json lists, and every way out of it."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select

from archive import catalogue, model, opening, settings
from archive.commands import casefile, document, fixity, init
from archive.errors import CatalogueLostError, IntegrityError
from archive.opening import Archive
from archive.rebuild import rebuild
from ingest import nightly
from ingest.commands import nightly as nightly_command
from ingest.commands import quarantine
from ingest.commands import rebuild as rebuild_command
from ingest.sources.packages import SOURCE
from search.commands import index as index_command
from search.commands import search as search_command
from tests.conftest import ROOT

SAMPLES = ROOT / "samples"
EXPECTED: dict[str, dict[str, Any]] = json.loads((SAMPLES / "expected.json").read_text())


def luutru(command: Any, root: Path, *arguments: str) -> Result:
    """Run a command on the archive at `root` and return what it printed."""
    done = CliRunner().invoke(command, list(arguments), obj=root)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


@pytest.fixture(scope="module")
def first_night(sample_night: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample archive after its first night; copied by the tests that change it."""
    return Path(shutil.copytree(sample_night, tmp_path_factory.mktemp("sample") / "kho"))


@pytest.fixture
def kho(first_night: Path, tmp_path: Path) -> Path:
    """A copy of the sample archive after its first night."""
    return Path(shutil.copytree(first_night, tmp_path / "kho"))


def opened(root: Path) -> Archive:
    return opening.open_archive(settings.load(root))


def test_the_sample_inbox_gives_exactly_the_expected_findings(first_night: Path) -> None:
    report = json.loads((first_night / "report.json").read_text())
    found = {item["name"]: {"outcome": item["state"], "codes": sorted(one["code"] for one in item["findings"]),
                            "verdict": item["verdict"], "legal_value": item["legal_value"]}
             for item in report["items"]}
    expected = {name: {key: entry[key] for key in ("outcome", "codes", "verdict", "legal_value")}
                for name, entry in EXPECTED.items()}
    assert found == expected
    assert report["inbox_findings"] == []


def test_every_sample_says_why_it_is_there() -> None:
    assert all(entry["why"] for entry in EXPECTED.values())


def test_the_second_night_changes_nothing_and_says_so(kho: Path) -> None:
    def picture() -> dict[str, bytes]:
        return {path.relative_to(kho).as_posix(): path.read_bytes() for path in sorted(kho.rglob("*"))
                if path.is_file() and path.parts[-2] not in ("log",) and "catalogue.db-" not in path.name}

    before = picture()
    done = luutru(nightly_command.command, kho)
    assert "Không có gì mới" in done.stdout
    assert picture() == before


def test_every_original_comes_back_byte_for_byte(kho: Path, tmp_path: Path) -> None:
    archive = opened(kho)
    with archive.catalogue.session() as session:
        rows = list(session.execute(select(model.Document.code, model.Item.name, model.Item.sha256).join(
            model.Item, model.Item.id == model.Document.item).where(
            model.Item.source != SOURCE)))      # what comes out of a long scan: test_scan_splitting.py
    archive.close()
    assert len(rows) > 20
    for code, name, sha256 in rows:
        role = "message" if name.endswith(".edxml") else "original"
        out = tmp_path / code
        assert luutru(document.command, kho, "export", code, "--to", str(out), "--role", role).exit_code == 0
        assert out.read_bytes() == (SAMPLES / "inbox" / name).read_bytes()
        assert hashlib.sha256(out.read_bytes()).hexdigest() == sha256


def test_ordinals_have_no_gaps(first_night: Path) -> None:
    archive = opened(first_night)
    with archive.catalogue.session() as session:
        by_file: dict[str, list[int]] = {}
        for row in session.execute(select(model.Document.case_file, model.Document.ordinal)):
            by_file.setdefault(row.case_file, []).append(row.ordinal)
    archive.close()
    assert by_file
    assert all(sorted(found) == list(range(1, len(found) + 1)) for found in by_file.values())


def test_a_secret_is_kept_nowhere_but_in_the_inbox(first_night: Path) -> None:
    secret = next(name for name, entry in EXPECTED.items() if entry["outcome"] == "kept_out")
    data = (SAMPLES / "inbox" / secret).read_bytes()
    assert (first_night / "inbox" / secret).read_bytes() == data
    for path in (first_night / "store").rglob("*"):
        assert not path.is_file() or path.read_bytes() != data
    archive = opened(first_night)
    with archive.catalogue.session() as session:
        item = session.scalars(select(model.Item).where(model.Item.name == secret)).one()
        assert item.fields == {}
        assert item.facts == {}
    archive.close()


def test_the_catalogue_and_the_index_are_made_again_from_the_store_alone(kho: Path) -> None:
    archive = opened(kho)
    with archive.catalogue.session() as session:
        before = catalogue.rows(session)
    archive.close()
    for path in (*kho.glob("catalogue.db*"), kho / "index"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    done = luutru(rebuild_command.command, kho, "--yes")
    assert done.exit_code == 0, done.output
    archive = opened(kho)
    with archive.catalogue.session() as session:
        after = catalogue.rows(session)
    archive.close()
    for table, rows in before.items():
        assert after[table] == rows, table
    assert luutru(index_command.command, kho, "verify").exit_code == 0


def test_a_rebuild_after_release_and_refusal_is_equal_too(kho: Path) -> None:
    archive = opened(kho)
    with archive.catalogue.session() as session:
        waiting = list(session.scalars(select(model.Item).where(model.Item.state == "quarantine")
                                       .order_by(model.Item.name)))
        secret = session.scalars(select(model.Item).where(model.Item.state == "kept_out")).first()
    archive.close()
    assert secret is not None
    for arguments in (("release", waiting[0].id, "--set", "fileCode=H99.2026.01.VP"),
                      ("refuse", waiting[1].id, "--reason", "sai thẩm quyền", "--yes"),
                      ("release", secret.id, "--accept", "CHECK-061", "--reason", "dấu in trong mẫu",
                       "--set", "fileCode=H99.2026.01.VP")):
        assert luutru(quarantine.command, kho, *arguments).exit_code == 0
    archive = opened(kho)
    with archive.catalogue.session() as session:
        before = catalogue.rows(session)
    rebuild(archive)
    with archive.catalogue.session() as session:
        after = catalogue.rows(session)
    archive.close()
    for rows in (before["document"], after["document"]):
        for row in rows:
            row["indexed"] = ""
    assert before == after


def test_what_the_archivist_corrects_is_stored_the_next_night(kho: Path) -> None:
    archive = opened(kho)
    with archive.catalogue.session() as session:
        item = session.scalars(select(model.Item).where(model.Item.name.contains("420 cu cong chuc"))).one()
    archive.close()
    assert item.state == "quarantine"
    shown = luutru(quarantine.command, kho, "show", item.id)
    assert "FILE-001" in shown.stdout
    done = luutru(quarantine.command, kho, "release", item.id[:8], "--set", "fileCode=H99.2026.01.TCCB",
                  "--set", "subject=Cử công chức tham gia chỉnh lý tài liệu")
    assert done.exit_code == 0
    luutru(nightly_command.command, kho)
    archive = opened(kho)
    with archive.catalogue.session() as session:
        stored = session.scalars(select(model.Document).where(model.Document.item == item.id)).one()
        assert stored.case_file == "H99.2026.01.TCCB"
        assert stored.version == 2
    archive.close()
    found = luutru(search_command.command, kho, "cu cong chuc chinh ly", "--json")
    assert stored.code in found.stdout


def test_what_the_page_says_is_proposed_and_taken_only_when_an_archivist_says_so(kho: Path) -> None:
    waiting = item_named(kho, "420 cu cong chuc").id
    shown = json.loads(luutru(quarantine.command, kho, "show", waiting, "--json").output)
    assert shown["fields"].get("codeNumber") is None
    assert shown["read_on_page"]["codeNumber"] == "420"
    luutru(quarantine.command, kho, "release", waiting, "--from-page", "--set", "fileCode=H99.2026.01.VTLT",
           "--set", "codeNotation=SNV-VTLT2", "--reason", "đã đối chiếu với trang giấy")
    fields = item_named(kho, "420 cu cong chuc").fields
    assert (fields["codeNumber"], fields["codeNotation"]) == ("420", "SNV-VTLT2"), "what was typed wins"
    assert fields["typeName"] == "22", "taken as a code of the table, as any correction"


def test_a_document_of_an_unplanned_case_file_is_stored_when_the_plan_has_it(kho: Path, tmp_path: Path) -> None:
    plan = tmp_path / "bo-sung.csv"
    plan.write_text("DANH MỤC HỒ SƠ NĂM 2026\nSố và ký hiệu hồ sơ,Tên đề mục và tiêu đề hồ sơ,Thời hạn bảo quản,"
                    "Người lập hồ sơ,Ghi chú\n99.TTR,Hồ sơ kiểm tra công tác lưu trữ năm 2026,20 năm,Vũ Văn Mẫu,\n")
    assert luutru(casefile.command, kho, "plan", "import", str(plan)).exit_code == 0
    archive = opened(kho)
    with archive.catalogue.session() as session:
        item = session.scalars(select(model.Item).where(model.Item.name.contains("90-QĐ"))).one()
    archive.close()
    luutru(quarantine.command, kho, "release", item.id)
    luutru(nightly_command.command, kho)
    shown = luutru(casefile.command, kho, "show", "H99.2026.99.TTR", "--json")
    assert [one["number"] for one in json.loads(shown.stdout)["documents"]] == ["90"]


def test_a_refusal_is_kept_with_its_reason_and_its_bytes(kho: Path) -> None:
    archive = opened(kho)
    with archive.catalogue.session() as session:
        item = session.scalars(select(model.Item).where(model.Item.name.contains("101-BC"))).one()
    archive.close()
    done = luutru(quarantine.command, kho, "refuse", item.id, "--reason", "tệp hỏng", "--yes")
    assert done.exit_code == 0
    archive = opened(kho)
    with archive.catalogue.session() as session:
        event = session.scalars(select(model.Event).where(model.Event.kind == "turned_away")).one()
        assert event.data["reason"] == "tệp hỏng"
    archive.close()
    (kept,) = (kho / "store" / "intake" / item.id / "received").iterdir()
    assert hashlib.sha256(kept.read_bytes()).hexdigest() == item.sha256
    assert "101-BC" not in luutru(quarantine.command, kho, "list", "--json").stdout


def test_a_misread_secrecy_mark_is_passed_only_by_a_person_who_answers_for_it(kho: Path) -> None:
    archive = opened(kho)
    with archive.catalogue.session() as session:
        item = session.scalars(select(model.Item).where(model.Item.name.contains("09-BC"))).one()
    archive.close()
    assert luutru(quarantine.command, kho, "release", item.id).exit_code == 2
    done = luutru(quarantine.command, kho, "release", item.id, "--accept", "CHECK-061", "--reason", "mẫu dấu",
                  "--set", "fileCode=H99.2026.01.VP")
    assert done.exit_code == 0
    luutru(nightly_command.command, kho)
    archive = opened(kho)
    with archive.catalogue.session() as session:
        assert session.get_one(model.Item, item.id).state == "stored"
    archive.close()
    assert not (kho / "inbox" / item.name).exists()


def test_a_file_that_comes_again_is_stored_once(kho: Path) -> None:
    name = "van-ban-den/45-TTr-SNV.pdf"
    shutil.copy(SAMPLES / "inbox" / name, kho / "inbox" / name)
    shutil.copy(SAMPLES / "inbox" / name, kho / "inbox" / "ten khac.pdf")
    archive = opened(kho)
    with archive.catalogue.session() as session:
        before = len(list(session.scalars(select(model.Document.code))))
    nightly.run(archive)
    with archive.catalogue.session() as session:
        assert len(list(session.scalars(select(model.Document.code)))) == before
        kinds = list(session.scalars(select(model.Event.kind)))
    archive.close()
    assert kinds.count("received_again") == 1
    assert not (kho / "inbox" / name).exists()
    assert not (kho / "inbox" / "ten khac.pdf").exists()


def test_a_list_that_comes_a_night_later_releases_what_it_names(kho: Path) -> None:
    rows = "Tên tệp;Mã hồ sơ;Số;Ký hiệu;Ngày ban hành;Cơ quan ban hành;Trích yếu\n" \
           "420 cu cong chuc chinh ly.pdf;H99.2026.01.TCCB;420;SNV-VP;02/11/2026;Sở Nội vụ tỉnh Mẫu;Cử công chức\n"
    (kho / "inbox" / "van-ban-den" / "bo-sung.csv").write_text(rows, encoding="utf-8-sig")
    archive = opened(kho)
    nightly.run(archive)
    with archive.catalogue.session() as session:
        item = session.scalars(select(model.Item).where(model.Item.name.contains("420 cu cong chuc"))).one()
    archive.close()
    assert item.state == "stored"


def test_another_batch_is_turned_away_while_one_owns_the_archive(kho: Path) -> None:
    from archive.errors import ArchiveBusyError

    archive = opened(kho)
    with opening.ownership(archive), pytest.raises(ArchiveBusyError):
        nightly.run(archive)
    archive.close()


def test_the_lock_names_its_owner_only_while_it_is_held(archive: Archive) -> None:
    """So that a second night, in another process, really leaves every file as it was."""
    lock = archive.settings.root / "luutru.lock"
    with opening.ownership(archive):
        assert lock.read_text().startswith("pid ")
    assert lock.read_text() == ""


def test_too_small_a_disk_is_said_before_anything_is_done(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    from archive.errors import NoRoomError

    (archive.settings.root / "inbox" / "a.pdf").write_bytes(b"%PDF-1.4")
    monkeypatch.setattr(shutil, "disk_usage", lambda _place: type("usage", (), {"free": 10 << 20})())
    with pytest.raises(NoRoomError):
        nightly.run(archive)
    assert (archive.settings.root / "inbox" / "a.pdf").exists()
    assert list((archive.settings.root / "store" / "intake").iterdir()) == []


def test_the_dry_run_says_what_waits_and_changes_nothing(archive: Archive) -> None:
    root = archive.settings.root
    (root / "inbox" / "a.txt").write_text("văn bản")
    before = archive.ledger.seq
    done = luutru(nightly_command.command, root, "--dry-run", "--json")
    assert json.loads(done.stdout)["waiting"] == ["a.txt"]
    assert opened(root).ledger.seq == before


def test_fixity_check_finds_a_changed_byte_and_says_so_with_exit_code_4(kho: Path) -> None:
    assert luutru(fixity.command, kho, "check").exit_code == 0
    victim = next(path for path in sorted((kho / "store" / "ocfl").rglob("*.pdf")))
    data = bytearray(victim.read_bytes())
    data[len(data) // 2] ^= 1
    victim.write_bytes(bytes(data))
    done = luutru(fixity.command, kho, "check", "--json")
    assert done.exit_code == 4
    assert victim.name in done.stdout


def test_a_case_file_is_exported_whole_with_its_hashes(kho: Path, tmp_path: Path) -> None:
    assert luutru(casefile.command, kho, "export", "H99.2026.03.VTLT", "--to", str(tmp_path / "out")).exit_code == 0
    lines = (tmp_path / "out" / "sha256sums.txt").read_text().splitlines()
    for line in lines:
        digest, path = line.split("  ", 1)
        assert hashlib.sha256((tmp_path / "out" / path).read_bytes()).hexdigest() == digest
    assert len(lines) > 20


@pytest.mark.parametrize("query", ["văn bản điện tử", "van ban dien tu", "VĂN BẢN ĐIỆN TỬ", "45/TTr-SNV",
                                   "1864/UBND-NC"])
def test_what_was_stored_is_searchable_at_the_end_of_the_night(first_night: Path, query: str) -> None:
    done = luutru(search_command.command, first_night, query, "--json")
    assert done.exit_code == 0
    assert "H99.2026." in done.stdout


def test_the_text_of_scans_is_searchable(first_night: Path) -> None:
    found = luutru(search_command.command, first_night, "mạng văn phòng điện tử liên thông", "--json")
    assert "H99.2026.03.VTLT." in found.stdout


def test_fixity_check_misses_nothing_that_the_ledger_says_was_stored(kho: Path) -> None:
    """A whole object, a quarantined file, a ledger line: each is missed when it is gone."""
    (victim,) = (kho / "store" / "ocfl").glob("*/*/*/*H99%2e2026%2e01%2eCNTT")
    shutil.rmtree(victim)
    done = luutru(fixity.command, kho, "check", "--json")
    assert done.exit_code == 4
    assert "H99.2026.01.CNTT" in done.stdout
    waiting = next((kho / "store" / "intake").glob("*/received/*"))
    waiting.write_bytes(b"other")
    assert waiting.parents[1].name in luutru(fixity.command, kho, "check", "--json").stdout


def test_a_ledger_that_was_cut_short_is_noticed_before_anything_is_written(kho: Path) -> None:
    (file,) = (kho / "store" / "ledger").glob("*.jsonl")
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines[:-2]))
    with pytest.raises(IntegrityError):
        opened(kho)


def test_a_lost_catalogue_is_said_and_not_taken_for_an_empty_archive(kho: Path) -> None:
    for path in kho.glob("catalogue.db*"):
        path.unlink()
    with pytest.raises(CatalogueLostError):
        luutru(casefile.command, kho, "list")
    assert luutru(rebuild_command.command, kho, "--yes").exit_code == 0
    assert "H99.2026.01.VP" in luutru(casefile.command, kho, "list").stdout


@pytest.mark.parametrize("arguments", [("--set", "fielCode=H99.2026.01.VP"), ("--accept", "NONSENSE"),
                                       ("--accept", "META-001")])
def test_a_release_takes_only_known_fields_and_what_holds_the_item(kho: Path, arguments: tuple[str, ...]) -> None:
    archive = opened(kho)
    with archive.catalogue.session() as session:
        item = session.scalars(select(model.Item).where(model.Item.name.contains("420 cu cong chuc"))).one()
    archive.close()
    assert luutru(quarantine.command, kho, "release", item.id, *arguments).exit_code == 2


def test_two_scans_in_one_message_keep_an_access_copy_each(archive: Archive) -> None:
    """An edXML message with two scans: each part gets its own access copy, and the next night still runs."""
    from tests.edxml_messages import Attached, message

    root = archive.settings.root
    scans = [SAMPLES / "inbox" / "quet" / name for name in ("H99.2026.03.VTLT.0000003.pdf", "IMG_20261110_0004.jpg")]
    (root / "inbox" / "hai-ban-quet.edxml").write_bytes(message(
        [Attached(path.name, path.read_bytes(), id=f"cid:{n}") for n, path in enumerate(scans)]))
    (root / "inbox" / "danh-sach.csv").write_text(
        "Tên tệp;Mã hồ sơ;Số;Ký hiệu\nhai-ban-quet.edxml;H99.2026.01.VP;7;UBND-NC\n", encoding="utf-8-sig")
    luutru(casefile.command, root, "plan", "import", str(SAMPLES / "file-plan.xlsx"))
    night = nightly.run(archive)
    assert night.findings == []
    with archive.catalogue.session() as session:
        copies = list(session.scalars(select(model.File.path).where(model.File.role == "access")
                                      .order_by(model.File.path)))
    assert [Path(path).name for path in copies] == ["H99.2026.01.VP.0000001-a01.pdf", "H99.2026.01.VP.0000001.pdf"]
    assert nightly.run(archive).batch == ""


def item_named(root: Path, part: str) -> model.Item:
    archive = opened(root)
    with archive.catalogue.session() as session:
        found = session.scalars(select(model.Item).where(model.Item.name.contains(part))).one()
    archive.close()
    return found


def test_a_file_that_someone_is_still_writing_is_left_for_the_next_night(archive: Archive) -> None:
    place = archive.settings.root / "inbox" / "dang-chep.txt"
    with place.open("w") as stream:
        stream.write("nửa đầu ")
        stream.flush()
        night = nightly.run(archive)
        assert (night.batch, [found.code for found in night.findings]) == ("", ["COLLECT-001"])
        stream.write("nửa sau")
    nightly.run(archive)
    kept = next((archive.settings.root / "store" / "intake").glob("*/received/*"))
    assert kept.read_text() == "nửa đầu nửa sau"


def test_a_failed_check_of_the_store_is_told_every_morning_until_it_is_mended(kho: Path) -> None:
    victim = next(path for path in sorted((kho / "store" / "ocfl").rglob("*.pdf")))
    good = victim.read_bytes()
    victim.write_bytes(good[:-1])
    assert luutru(fixity.command, kho, "check").exit_code == 4
    done = luutru(nightly_command.command, kho)
    assert done.exit_code == 4
    assert "✘ Đọc lại kho lúc" in done.stdout
    victim.write_bytes(good)
    assert luutru(fixity.command, kho, "check").exit_code == 0
    assert "✘" not in luutru(nightly_command.command, kho).stdout


def test_a_released_file_that_is_gone_from_the_inbox_is_said_and_ends_no_night(kho: Path) -> None:
    item = item_named(kho, "09-BC")
    data = (kho / "inbox" / item.name).read_bytes()
    assert luutru(quarantine.command, kho, "release", item.id, "--accept", "CHECK-061", "--reason", "mẫu dấu",
                  "--set", "fileCode=H99.2026.01.VP").exit_code == 0
    (kho / "inbox" / item.name).unlink()
    (kho / "inbox" / "khac.txt").write_text("một văn bản khác của cơ quan")
    done = luutru(nightly_command.command, kho, "--json")
    assert [found["code"] for found in json.loads(done.stdout)["inbox_findings"]] == ["NIGHT-004"]
    (kho / "inbox" / item.name).write_bytes(data)
    luutru(nightly_command.command, kho)
    assert item_named(kho, "09-BC").state == "stored"


def test_a_rebuild_does_not_forget_what_the_ledger_knows(kho: Path) -> None:
    (away,) = (kho / "store" / "ocfl").glob("*/*/*/*H99%2e2026%2e01%2eCNTT")
    away.rename(kho / "away")
    with pytest.raises(IntegrityError):
        luutru(rebuild_command.command, kho, "--yes")
    assert luutru(rebuild_command.command, kho, "--yes", "--force").exit_code == 0


def test_who_overrides_a_refusal_gives_a_reason_and_a_name(kho: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUUTRU_USER", "Hoàng Thị Mẫu")
    item = item_named(kho, "87-QĐ")
    assert luutru(quarantine.command, kho, "release", item.id, "--accept", "VERIFY-004").exit_code == 2
    assert luutru(quarantine.command, kho, "refuse", item.id, "--reason", " ", "--yes").exit_code == 2
    done = luutru(quarantine.command, kho, "release", item.id, "--accept", "VERIFY-004",
                  "--reason", "đã đối chiếu bản giấy")
    assert done.exit_code == 0
    archive = opened(kho)
    line = list(archive.ledger.lines())[-1]
    archive.close()
    assert (line.actor, line.data["reason"]) == ("Hoàng Thị Mẫu", "đã đối chiếu bản giấy")


def test_files_that_came_before_are_told_and_not_taken_in_silence(kho: Path) -> None:
    name = "van-ban-den/402-SNV-VTLT.pdf"
    shutil.copy(SAMPLES / "inbox" / name, kho / "inbox" / name)
    done = luutru(nightly_command.command, kho, "--json")
    assert json.loads(done.stdout)["received_again"] == [{"name": name, "state": "stored"}]


def test_the_lists_keep_no_row_about_a_secret_document(first_night: Path) -> None:
    """Number, subject and signer of a kept-out document stand nowhere in the archive's own files."""
    from ingest.sources.registry import read_list

    (row,) = [one for one in read_list(SAMPLES / "inbox" / "danh-sach-van-ban.xlsx").rows if "09-BC" in one.file_name]
    secret = row.fields["subject"]
    assert len(secret) > 20
    for path in first_night.rglob("*"):
        if path.is_file() and path.relative_to(first_night).parts[0] != "inbox":
            assert secret.encode() not in path.read_bytes(), path
    lists = [json.loads(path.read_text()) for path in (first_night / "store" / "ocfl").rglob("metadata/lists/*.json")]
    (kept,) = [one for one in lists if one["name"] == "danh-sach-van-ban.xlsx"]
    assert len(kept["rows"]) > 15


def test_a_sample_archive_that_was_stopped_half_way_is_not_there(tmp_path: Path,
                                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_arguments: object, **_named: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(init, "import_file_plan", stopped)
        CliRunner().invoke(init.command, ["--sample"], obj=tmp_path / "kho")
    assert not (tmp_path / "kho").exists()
    assert luutru(init.command, tmp_path / "kho", "--sample").exit_code == 0
    assert luutru(casefile.command, tmp_path / "kho", "plan", "show", "2026").exit_code == 0


def test_what_cannot_be_removed_from_the_inbox_is_said_and_makes_no_night_of_its_own(
        archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    (archive.settings.root / "inbox" / "a.txt").write_text("văn bản chỉ đọc")
    monkeypatch.setattr("ingest.nightly.remove_from_inbox", lambda *_arguments: False)
    monkeypatch.setattr("ingest.stages.collect.os.access", lambda *_arguments: False)
    first = nightly.run(archive)
    assert [found.code for found in first.findings] == ["NIGHT-005"]
    assert nightly.run(archive).batch == ""
