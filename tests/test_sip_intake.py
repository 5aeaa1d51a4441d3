"""A package in the inbox goes through every stage: its documents stored with every field and byte that was sent."""

from __future__ import annotations

import json
import random
import shutil
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select

from archive import catalogue, clock, describing, layout, model, opening, records
from archive.commands import document as document_command
from archive.findings import Level
from archive.opening import Archive
from archive.packages.description import Holey, Package, PackedDocument
from archive.rebuild import rebuild
from ingest import intake, nightly, report
from ingest.commands import quarantine
from ingest.commands import report as report_command
from ingest.sources.packages import case_file_code, is_package
from tests import sip_packages
from tests.conftest import NIGHT
from tests.night_lives import Lives
from tests.sip_packages import CODE
from tests.test_kill import assert_same, night, picture

SIP = "1 uuid-7A1C0B52.zip"


@pytest.fixture(autouse=True)
def _night(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NIGHT)


@pytest.fixture(scope="module")
def sip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound SIP of a case file with three documents, the first with an attachment."""
    folder = tmp_path_factory.mktemp("sip")
    return sip_packages.write(sip_packages.case_file(folder), folder / SIP)


def put(archive: Archive, package: Path, name: str = SIP) -> Path:
    """Lay a package into the inbox."""
    place = archive.settings.root / "inbox" / name
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(package, place)
    return place


def luutru(command: Any, root: Path, *arguments: str) -> Result:
    """Run a command on the archive at `root`."""
    done = CliRunner().invoke(command, list(arguments), obj=root)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def rows(archive: Archive, kind: Any = model.Item) -> list[Any]:
    with archive.catalogue.session() as session:
        return list(session.scalars(select(kind)))


def package_of(archive: Archive) -> model.Item:
    row: model.Item
    (row,) = (row for row in rows(archive) if row.source != "package")
    return row


def codes_of(archive: Archive, item: str) -> list[str]:
    with archive.catalogue.session() as session:
        return [one.code for one in intake.findings_of(session, [item])[item]]


def accepting(archive: Archive, item: str, but: str = "") -> list[str]:
    """The options with which a person answers for everything that holds an item, `but` for one code."""
    with archive.catalogue.session() as session:
        found = intake.findings_of(session, [item])[item]
    return [word for code in sorted({one.code for one in found if one.level is Level.refused} - {but})
            for word in ("--accept", code)]


def states(archive: Archive) -> Counter[str]:
    return Counter(row.state for row in rows(archive))


def stored(archive: Archive) -> list[records.Record]:
    return list(records.read_documents(archive.store, CODE))


# --- a sound package ------------------------------------------------------------------------------------------


def test_every_document_of_a_package_is_stored_with_every_field_and_byte(archive: Archive, sip: Path) -> None:
    place, sent = put(archive, sip), sip_packages.entries(sip)
    nightly.run(archive)
    assert states(archive) == {"package": 1, "stored": 3}
    assert not place.exists()
    assert list(layout.intake_folder(archive.settings).iterdir()) == []
    package = package_of(archive)
    held = {path: archive.store.read(layout.casefile_object(CODE), path)
            for path in archive.store.files(layout.casefile_object(CODE))}
    kept = {path.removeprefix(f"documentation/submission/{package.id}/"): data for path, data in held.items()
            if path.startswith("documentation/submission/")}
    data = {path: held[path] for path in held if path.startswith(layout.RECEIVED)}
    assert kept | data == sent
    made = sip_packages.case_file(sip.parent)
    for record, document in zip(stored(archive), made.documents, strict=True):
        assert record["code"] == document.code
        assert record["source"] == {"source": "package", "name": f"{SIP}/{document.code}"}
        assert {tag: record["fields"].get(tag, "") for tag in document.fields} == dict(document.fields)
        assert record["fields"]["fileCode"] == CODE
        assert record["facts"]["package"]["objid"] == f"uuid-{made.uuid}"
        assert record["receipt"] == {"received_at": package.received_at, "rule": package.receipt_rule,
                                     "legal_received_at": package.legal_received_at}
        assert [one["name"] for one in record["files"] if one["role"] in ("original", "attachment")] == [
            one.name for one in document.files]


def test_the_codes_of_a_package_have_their_words_beside_them(archive: Archive, sip: Path) -> None:
    put(archive, sip)
    nightly.run(archive)
    fields = stored(archive)[0]["fields"]
    assert {tag: fields.get(f"{tag}Text") for tag in ("typeName", "mode", "language", "maintenance")} == {
        "typeName": "Quyết định", "mode": "Công khai", "language": "Tiếng Việt", "maintenance": "Vĩnh viễn"}
    assert "Quyết định" in luutru(document_command.command, archive.settings.root, "show", f"{CODE}.0000001").output


@pytest.mark.parametrize(("note", "kept"), [
    ("", ""), ("Thiếu tờ 3; Người lập hồ sơ: Nguyễn Thị Lan", "Thiếu tờ 3; Người lập hồ sơ: Nguyễn Thị Lan")])
def test_the_keeper_of_a_case_file_is_read_from_the_note_of_its_package(
        archive: Archive, tmp_path: Path, note: str, kept: str) -> None:
    held = {"schema": "luutru/casefile/1", "code": CODE, "title": "x", "retention": "Vĩnh viễn",
            "keeper": "Nguyễn Thị Lan", "fields": {"description": note}}
    told = describing.case_file_fields(held, [], "H99", "SIP_hoso")
    changed = {"description": told["description"]}
    put(archive, sip_packages.write(sip_packages.case_file(tmp_path, [1], changed=changed), tmp_path / SIP))
    nightly.run(archive)
    record = records.read_case_file(archive.store, CODE)
    assert (record["keeper"], record["fields"].get("description", "")) == ("Nguyễn Thị Lan", kept)
    assert record["origin"]["fields"]["description"] == told["description"] != ""


def test_the_case_file_is_opened_from_the_package_without_a_file_plan(archive: Archive, sip: Path) -> None:
    put(archive, sip)
    nightly.run(archive)
    record, sent = records.read_case_file(archive.store, CODE), sip_packages.case_file(sip.parent)
    assert (record["title"], record["retention"], record["state"]) == (sent.title, "Vĩnh viễn", "open")
    assert record["origin"] == {
        "package": package_of(archive).id, "name": SIP, "objid": f"uuid-{sent.uuid}", "form": "SIP_hoso",
        "request": sent.request, "organisation": sent.organisation,
        "fields": {tag: value for tag, value in sent.fields.items() if value}}
    assert record["fields"] == {tag: value for tag, value in sent.fields.items()
                                if value and tag not in ("fileCode", "title", "maintenance", "totalDoc")}


def test_a_gap_in_the_senders_ordinals_is_said_and_their_codes_stay(archive: Archive, tmp_path: Path) -> None:
    put(archive, sip_packages.write(sip_packages.case_file(tmp_path, (5, 2, 9)), tmp_path / "sip.zip"))
    nightly.run(archive)
    assert [(one["ordinal"], one["fields"]["docCode"][-1]) for one in stored(archive)] == [(1, "2"), (2, "5"), (3, "9")]
    with archive.catalogue.session() as session:
        (told,) = (one for one in intake.findings_of(session, [package_of(archive).id])[package_of(archive).id]
                   if one.code == "SIP-010")
    assert told.params == {"gaps": "1, 3–4, 6–8", "twice": "—"}
    assert all("SIP-009" in [found["code"] for found in one["findings"]] for one in stored(archive)[1:])


def test_loose_documents_wait_for_their_case_file_with_their_fields(archive: Archive, tmp_path: Path) -> None:
    package = sip_packages.write(sip_packages.loose(tmp_path), tmp_path / "loose.zip")
    place = put(archive, package)
    nightly.run(archive)
    assert states(archive) == {"package": 1, "quarantine": 2}
    assert not place.exists()
    waiting = sorted((row for row in rows(archive) if row.state == "quarantine"), key=lambda row: row.name)
    assert all("FILE-001" in codes_of(archive, row.id) for row in waiting)
    assert [row.fields["codeNumber"] for row in waiting] == ["1", "2"]
    batch = layout.batch_object(package_of(archive).batch)
    kept = f"documentation/submission/{package_of(archive).id}/METS.xml"
    assert archive.store.read(batch, kept) == sip_packages.entries(package)["METS.xml"]
    with archive.catalogue.session() as session:
        session.add(model.FilePlanEntry(fonds="H99", year=2026, notation="05.VP", title="Quyết định năm 2026",
                                        retention="10 năm", keeper="", position=1))
    assert luutru(quarantine.command, archive.settings.root, "release", *(row.id for row in waiting), "--set",
                  "fileCode=H99.2026.05.VP").exit_code == 0
    nightly.run(archive)
    assert states(archive) == {"package": 1, "stored": 2}
    found = list(records.read_documents(archive.store, "H99.2026.05.VP"))
    assert [one["fields"]["docCode"] for one in found] == ["H99.2026.01.0000001", "H99.2026.01.0000002"]
    assert list(layout.intake_folder(archive.settings).iterdir()) == []


def test_documents_that_a_package_only_names_are_told(archive: Archive, tmp_path: Path) -> None:
    documents = [sip_packages.document(tmp_path, f"{CODE}.{n:07d}", n) for n in (1, 2)]
    named = PackedDocument(documents[1].code, "document", documents[1].fields, [])
    link = Holey(f"{named.code}.pdf", "00000002")
    put(archive, sip_packages.write(sip_packages.case_file(tmp_path, documents=[documents[0], named], holey=[link]),
                                    tmp_path / "sip.zip"))
    nightly.run(archive)
    assert states(archive) == {"package": 1, "stored": 1}
    assert "SIP-011" in codes_of(archive, package_of(archive).id)
    kept = f"documentation/submission/{package_of(archive).id}/{layout.RECEIVED}/{named.code}.pdf.fetch.txt"
    assert archive.store.read(layout.casefile_object(CODE), kept) == b"00000002"


def test_a_package_without_a_file_code_comes_in_under_the_one_that_a_person_gives(archive: Archive,
                                                                                   tmp_path: Path) -> None:
    put(archive, sip_packages.write(sip_packages.case_file(tmp_path, changed={"fileCode": ""}), tmp_path / "sip.zip"))
    nightly.run(archive)
    held = package_of(archive)
    assert "SIP-014" in codes_of(archive, held.id)
    done = luutru(quarantine.command, archive.settings.root, "release", held.id, "--set", f"fileCode={CODE}",
                  *accepting(archive, held.id, but="SIP-014"), "--reason", "nơi nộp đã cho biết mã hồ sơ")
    assert done.exit_code == 0, done.output
    nightly.run(archive)
    assert states(archive) == {"package": 1, "stored": 3}
    assert records.read_case_file(archive.store, CODE)["title"] == "Hồ sơ nâng bậc lương năm 2026"


def test_a_list_of_a_later_night_gives_loose_documents_their_case_file(archive: Archive, tmp_path: Path) -> None:
    def plan() -> None:
        with archive.catalogue.session() as session:
            session.add(model.FilePlanEntry(fonds="H99", year=2026, notation="05.VP", title="Quyết định năm 2026",
                                            retention="10 năm", keeper="", position=1))

    plan()
    package = sip_packages.write(sip_packages.loose(tmp_path), tmp_path / "loose.zip")
    table = "Tên tệp;Mã hồ sơ;Số;Ký hiệu\n" + "".join(
        f"loose.zip/H99.2026.01.{n:07d};H99.2026.05.VP;{n};QĐ-SNV\n" for n in (1, 2))
    put(archive, package, "loose.zip")
    (archive.settings.root / "inbox" / "cung-dem.csv").write_text(table, encoding="utf-8-sig")
    nightly.run(archive)
    assert states(archive) == {"package": 1, "list": 1, "quarantine": 2}    # what came tonight is in no list yet
    (archive.settings.root / "inbox" / "dem-sau.csv").write_text(table + "\n", encoding="utf-8-sig")
    nightly.run(archive)
    assert states(archive) == {"package": 1, "list": 2, "stored": 2}
    found = list(records.read_documents(archive.store, "H99.2026.05.VP"))
    assert [one["fields"]["codeNumber"] for one in found] == ["1", "2"]
    assert [one["fields"]["subject"] for one in found] == [f"Nâng bậc lương đợt {n} năm 2026" for n in (1, 2)]


def test_an_aip_of_another_archive_comes_in_under_the_file_code_in_its_archival_code(archive: Archive,
                                                                                       tmp_path: Path) -> None:
    package = sip_packages.write(sip_packages.aip(tmp_path), tmp_path / "aip.zip")
    put(archive, package)
    nightly.run(archive)
    assert states(archive) == {"package": 1, "stored": 2}
    assert [one["fields"]["arcDocCode"] for one in stored(archive)] == [f"LTLS.{CODE}.000000{n}" for n in (1, 2)]
    assert [one["code"] for one in stored(archive)] == [f"{CODE}.000000{n}" for n in (1, 2)]
    assert not any(found["code"] == "SIP-009" for one in stored(archive) for found in one["findings"])
    assert records.read_case_file(archive.store, CODE)["origin"]["fields"]["arcFileCode"] == f"LTLS.{CODE}"
    kept = f"documentation/submission/{package_of(archive).id}/metadata/preservation/PREMIS.xml"
    assert archive.store.read(layout.casefile_object(CODE), kept) == sip_packages.entries(package)[
        "metadata/preservation/PREMIS.xml"]


def test_the_files_of_an_e_ark_package_become_documents_that_wait(archive: Archive, sip: Path, tmp_path: Path) -> None:
    put(archive, sip_packages.eark(sip, tmp_path / "eark.zip"))
    nightly.run(archive)
    held = package_of(archive)
    assert "SIP-001" not in codes_of(archive, held.id)
    if held.state == "quarantine":      # a label that CSIP wants otherwise: a person answers for it
        assert luutru(quarantine.command, archive.settings.root, "release", held.id, *accepting(archive, held.id),
                      "--reason", "đã xem").exit_code == 0
        nightly.run(archive)
    assert states(archive) == {"package": 1, "quarantine": 4}
    names = {row.name.rpartition("/")[2] for row in rows(archive) if row.state == "quarantine"}
    assert names == {Path(path).name for path in sip_packages.entries(sip) if path.startswith(layout.RECEIVED)}


def test_a_package_of_nothing_but_references_cannot_be_let_in(archive: Archive, tmp_path: Path) -> None:
    """A person may answer for a finding; then there is still nothing that could be stored in its place."""
    one = sip_packages.document(tmp_path, f"{CODE}.0000001", 1)
    made = sip_packages.case_file(tmp_path, documents=[PackedDocument(one.code, one.kind, one.fields, [])],
                                  holey=[Holey(f"{one.code}.pdf", "00000001")])
    place = put(archive, sip_packages.write(made, tmp_path / "sip.zip"))
    nightly.run(archive)
    held = package_of(archive)
    assert "SIP-002" in codes_of(archive, held.id)
    assert luutru(quarantine.command, archive.settings.root, "release", held.id, *accepting(archive, held.id),
                  "--reason", "thử").exit_code == 0
    nightly.run(archive)
    assert states(archive) == {"quarantine": 1}
    assert (intake.folder(archive.settings, held.id) / "received" / place.name).exists()


# --- what is held ---------------------------------------------------------------------------------------------


def spoilt(name: str) -> Callable[[str, bytes], bytes | None]:
    return lambda path, data: data + b"\n%" if path.endswith(name) else data


@pytest.mark.parametrize("change", [
    lambda path, data: None if path.endswith("0000002.pdf") else data,
    spoilt("0000003.pdf"),
    lambda path, data: data[:200] if path.endswith("rep1/METS.xml") else data,
], ids=["a file is missing", "a byte is changed", "METS is cut short"])
def test_a_wrong_package_is_held_as_one_item(archive: Archive, sip: Path, tmp_path: Path,
                                             change: Callable[[str, bytes], bytes | None]) -> None:
    put(archive, sip_packages.rewrite(sip, tmp_path / "wrong.zip", change))
    nightly.run(archive)
    assert states(archive) == {"quarantine": 1}
    assert not archive.store.has(layout.casefile_object(CODE))


@pytest.mark.parametrize(("changed", "code"), [
    ({"code": "H77.2026.07.TCHC"}, "FILE-004"), ({"code": "H99-07"}, "FILE-002"), ({"status": "TEST"}, "SIP-003"),
    ({"changed": {"fileCode": ""}}, "SIP-014")])
def test_a_package_that_may_not_come_in_is_held(archive: Archive, tmp_path: Path, changed: dict[str, Any],
                                                code: str) -> None:
    put(archive, sip_packages.write(sip_packages.case_file(tmp_path, **changed), tmp_path / "sip.zip"))
    nightly.run(archive)
    assert states(archive) == {"quarantine": 1}
    assert code in codes_of(archive, package_of(archive).id)


@pytest.mark.parametrize("where", ["case file", "document", "documentation"])
def test_a_secrecy_mark_keeps_the_whole_package_out(archive: Archive, tmp_path: Path, where: str) -> None:
    documents = [sip_packages.document(tmp_path, f"{CODE}.{n:07d}", n, subject="[MẬT] Kế hoạch"
                                       if where == "document" and n == 2 else "Kế hoạch") for n in (1, 2)]
    made = sip_packages.case_file(tmp_path, documents=documents, changed={"mode": "03"} if where == "case file" else {})
    package = sip_packages.write(made, tmp_path / "sip.zip")
    if where == "documentation":
        marked = "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM\nĐộc lập - Tự do - Hạnh phúc\nMẬT\nDanh mục\n".encode()
        made = Package(**{**{name: getattr(made, name) for name in made.__dataclass_fields__},
                                       "documentation": [sip_packages.packed("documentation/a.txt", marked,
                                                                             "documentation", "text/plain")]})
        package = sip_packages.write(made, tmp_path / "marked.zip")
    place = put(archive, package)
    nightly.run(archive)
    assert states(archive) == {"kept_out": 1}
    assert place.exists()
    assert list(layout.intake_folder(archive.settings).iterdir()) == []
    assert not any(b"Danh m\xe1\xbb\xa5c" in path.read_bytes() for path in (archive.settings.root / "store").rglob("*")
                   if path.is_file())
    before = picture(archive.settings.root)
    nightly.run(archive)
    assert_same(picture(archive.settings.root), before)


def test_a_marked_page_keeps_its_document_out_and_the_package_in_the_inbox(archive: Archive, tmp_path: Path) -> None:
    marked = "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM\nĐộc lập - Tự do - Hạnh phúc\nMẬT\nSố: 2/QĐ-SNV\n".encode()
    documents = [sip_packages.document(tmp_path, f"{CODE}.{n:07d}", n) for n in (1, 2)]
    secret = PackedDocument(documents[1].code, "document", documents[1].fields, [sip_packages.packed(
        f"representations/rep1/data/{CODE}.0000002.txt", marked, mime="text/plain")])
    made = sip_packages.case_file(tmp_path, documents=[documents[0], secret])
    place = put(archive, sip_packages.write(made, tmp_path / "sip.zip"))
    nightly.run(archive)
    assert states(archive) == {"package": 1, "stored": 1, "kept_out": 1}
    assert place.exists()
    held = archive.store.files(layout.casefile_object(CODE))
    assert any(path.endswith("EAD_doc_H99.2026.07.TCHC.0000001.xml") for path in held)
    assert not any("EAD_doc_H99.2026.07.TCHC.0000002" in path for path in held)
    assert list(layout.intake_folder(archive.settings).iterdir()) == []
    before = picture(archive.settings.root)
    nightly.run(archive)
    assert_same(picture(archive.settings.root), before)
    (misread,) = (row.id for row in rows(archive) if row.state == "kept_out")
    assert luutru(quarantine.command, archive.settings.root, "release", misread, "--accept", "CHECK-061",
                  "--reason", "không phải dấu độ mật").exit_code == 0
    nightly.run(archive)
    nightly.run(archive)
    assert states(archive) == {"package": 1, "stored": 2}
    assert not place.exists()
    assert archive.store.read(layout.casefile_object(CODE), f"{layout.RECEIVED}/{CODE}.0000002.txt") == marked
    assert any("EAD_doc_H99.2026.07.TCHC.0000002" in path for path in archive.store.files(layout.casefile_object(CODE)))
    assert list(layout.intake_folder(archive.settings).iterdir()) == []


# --- again ----------------------------------------------------------------------------------------------------


def test_the_same_package_again_is_a_duplicate(archive: Archive, sip: Path) -> None:
    put(archive, sip)
    nightly.run(archive)
    again, other = put(archive, sip), put(archive, sip, "gui lai/sip.zip")
    nightly.run(archive)
    assert states(archive) == {"package": 1, "stored": 3, "duplicate": 1}
    assert not again.exists()
    assert not other.exists()
    assert list(layout.intake_folder(archive.settings).iterdir()) == []
    assert len(stored(archive)) == 3


@pytest.mark.parametrize(("status", "code"), [("NEW", "SIP-005"), ("SUPPLEMENT", "SIP-006")])
def test_another_package_of_the_same_id_waits_for_an_officer(archive: Archive, sip: Path, tmp_path: Path, status: Any,
                                                             code: str) -> None:
    put(archive, sip)
    nightly.run(archive)
    made = sip_packages.case_file(tmp_path, (1, 2), status=status, documents=[
        sip_packages.document(tmp_path, f"{CODE}.{n:07d}", n) for n in (8, 9)])
    put(archive, sip_packages.write(made, tmp_path / "more.zip"), "2.zip")
    nightly.run(archive)
    assert states(archive) == {"package": 1, "stored": 3, "quarantine": 1}
    (held,) = (row for row in rows(archive) if row.state == "quarantine")
    assert {code, "SIP-007"} <= set(codes_of(archive, held.id))
    done = luutru(quarantine.command, archive.settings.root, "release", held.id, "--accept", code, "--accept",
                  "SIP-007", "--reason", "đã đối chiếu danh sách")
    assert done.exit_code == 0
    nightly.run(archive)
    assert states(archive) == {"package": 2, "stored": 5}
    assert [one["fields"]["docCode"][-1] for one in stored(archive)] == ["1", "2", "3", "8", "9"]
    assert records.read_case_file(archive.store, CODE)["origin"]["name"] == SIP


def test_a_document_with_bytes_that_are_held_waits(archive: Archive, sip: Path, tmp_path: Path) -> None:
    put(archive, sip)
    nightly.run(archive)
    first = sip_packages.document(tmp_path, f"{CODE}.0000001", 1)
    other = sip_packages.document(tmp_path, "H99.2026.08.TCHC.0000001", 7)
    twin = PackedDocument(other.code, other.kind, other.fields, [sip_packages.packed(
        other.files[0].path, first.files[0].source)])  # type: ignore[arg-type]
    put(archive, sip_packages.write(sip_packages.case_file(
        tmp_path, documents=[twin], code="H99.2026.08.TCHC", uuid=sip_packages.UUID.replace("7A", "9A")),
        tmp_path / "twin.zip"), "twin.zip")
    nightly.run(archive)
    (held,) = (row for row in rows(archive) if row.state == "quarantine")
    assert "SIP-008" in codes_of(archive, held.id)


# --- it survives ----------------------------------------------------------------------------------------------


def test_a_document_that_waited_joins_its_case_file_later(archive: Archive, tmp_path: Path) -> None:
    """Its package's description is still there when the first document of all comes into the case file."""
    documents = [sip_packages.document(tmp_path, f"{CODE}.0000001", 1)]
    cut = PackedDocument(documents[0].code, "document", documents[0].fields, [sip_packages.packed(
        documents[0].files[0].path, documents[0].files[0].source[:1500])])  # type: ignore[index]
    put(archive, sip_packages.write(sip_packages.case_file(tmp_path, documents=[cut]), tmp_path / "sip.zip"))
    nightly.run(archive)
    assert states(archive) == {"package": 1, "quarantine": 1}
    (held,) = (row for row in rows(archive) if row.state == "quarantine")
    assert luutru(quarantine.command, archive.settings.root, "release", held.id, *accepting(archive, held.id),
                  "--reason", "đã xem").exit_code == 0
    nightly.run(archive)
    assert states(archive) == {"package": 1, "stored": 1}
    assert records.read_case_file(archive.store, CODE)["origin"]["request"] == "NL.SNV.2026.01"
    assert any(path.endswith("/METS.xml") for path in archive.store.files(layout.casefile_object(CODE)))
    assert list(layout.intake_folder(archive.settings).iterdir()) == []


def test_what_failed_is_taken_up_again_with_its_attachments_and_the_package_stays_so_long(archive: Archive,
                                                                                           tmp_path: Path) -> None:
    whole = sip_packages.document(tmp_path, f"{CODE}.0000001", 1, attachments=1)
    cut = PackedDocument(whole.code, whole.kind, whole.fields, [
        sip_packages.packed(whole.files[0].path, whole.files[0].source[:1500]), whole.files[1]])  # type: ignore[index]
    package = sip_packages.write(sip_packages.case_file(tmp_path, documents=[cut]), tmp_path / "sip.zip")
    put(archive, package)
    nightly.run(archive)
    with archive.catalogue.session() as session:        # as if a worker had died over it
        row = session.scalars(select(model.Item).where(model.Item.source == "package")).one()
        row.state, row.facts = "failed", {**row.facts, "parts": row.facts["parts"][:1]}
    place = put(archive, package)
    nightly.run(archive)
    assert place.exists()
    (row,) = (row for row in rows(archive) if row.source == "package")
    assert (row.state, [part["role"] for part in row.facts["parts"]]) == ("quarantine", ["original", "attachment"])
    nightly.run(archive)
    assert not place.exists()
    assert (intake.folder(archive.settings, package_of(archive).id) / "package.json").exists()


def test_the_catalogue_is_made_again_packages_and_all(archive: Archive, sip: Path, tmp_path: Path) -> None:
    put(archive, sip)
    put(archive, sip_packages.write(sip_packages.loose(tmp_path), tmp_path / "loose.zip"), "loose.zip")
    nightly.run(archive)
    with archive.catalogue.session() as session:
        before = catalogue.rows(session)
    rebuild(archive)
    with archive.catalogue.session() as session:
        after = catalogue.rows(session)
    for found in (before, after):
        for row in found["document"]:
            row["indexed"] = ""
    assert after == before


def test_the_report_counts_the_documents_of_each_package(archive: Archive, sip: Path, tmp_path: Path) -> None:
    put(archive, sip)
    put(archive, sip_packages.write(sip_packages.loose(tmp_path), tmp_path / "loose.zip"), "loose.zip")
    batch = nightly.run(archive).batch
    told = {one["name"]: one for one in report.as_dict(report.build(archive, batch))["packages"]}
    assert told[SIP]["documents"] == {"stored": 3}
    assert told[SIP]["case_file"] == CODE
    assert told["loose.zip"]["documents"] == {"quarantine": 2}
    page = luutru(report_command.command, archive.settings.root)
    assert "NL.SNV.2026.01" in page.stdout


@pytest.mark.slow
@pytest.mark.usefixtures("stopped_clock")
def test_packages_make_the_same_rows_on_postgresql(tmp_path: Path, sip: Path, postgresql: str) -> None:
    other = sip_packages.write(sip_packages.case_file(tmp_path, (4,)), tmp_path / "other.zip")
    found = []
    for name, database in (("sqlite", ""), ("postgresql", postgresql)):
        agency = {"code": "H99", "name": "Sở Nội vụ tỉnh Mẫu"}
        made = opening.make_archive(tmp_path / name, {"agency": agency, "database": database})
        put(made, sip)
        put(made, other, "2.zip")
        nightly.run(made)
        assert states(made) == {"package": 1, "stored": 3, "quarantine": 1}
        with made.catalogue.session() as session:
            found.append(catalogue.rows(session))
        made.close()
    assert found[0] == found[1]


@pytest.mark.slow
def test_a_night_with_packages_killed_often_ends_with_the_same_archive(tmp_path: Path, sip: Path,
                                                                       lives: Lives) -> None:
    """Killed at durable moments again and again: nothing is lost, nothing comes twice."""
    peaceful, killed = tmp_path / "peace", tmp_path / "killed"
    for root in (peaceful, killed):
        made = opening.make_archive(root, {"agency": {"code": "H99", "name": "Sở Nội vụ tỉnh Mẫu"}})
        put(made, sip)
        put(made, sip_packages.write(sip_packages.loose(tmp_path), tmp_path / f"{root.name}.zip"), "loose.zip")
        (root / "inbox" / "danh-sach.csv").write_text("Tên tệp;Mã hồ sơ;Số;Ký hiệu\n" + "".join(
            f"loose.zip/H99.2026.01.{n:07d};H99.2026.05.VP;{n};QĐ-SNV\n" for n in (1, 2)), encoding="utf-8-sig")
        made.close()
    assert night(peaceful) == 0
    dice, kills, result = random.Random(7), 0, 1
    while result != 0:
        result = lives.one(killed, *(("--die-at", str(dice.randint(3, 45))) if kills < 12 else ()))
        kills += result == -signal.SIGKILL
    assert kills >= 8, "the night was over before it was killed often"
    assert_same(picture(killed), picture(peaceful))


# --- small things ---------------------------------------------------------------------------------------------


def test_only_a_zip_with_a_mets_is_a_package(sip: Path, tmp_path: Path) -> None:
    plain = sip_packages.rewrite(sip, tmp_path / "plain.zip", lambda path, data: None if "METS" in path else data)
    named = shutil.copyfile(sip, tmp_path / "sip.docx")
    (tmp_path / "cut.zip").write_bytes(sip.read_bytes()[:1000])
    assert is_package(sip)
    assert not any(map(is_package, (plain, named, tmp_path / "cut.zip")))


@pytest.mark.parametrize(("text", "fonds", "code"), [
    ("H99.2026.01.VP", "H99", "H99.2026.01.VP"), ("LTLS.H99.2026.01.VP", "H99", "H99.2026.01.VP"),
    ("H99.H99.2026.01.VP", "H99", "H99.2026.01.VP"), ("H99.2026.01.VP.12", "H99", "H99.2026.01.VP.12"),
    ("01/VP", "H99", "01/VP"), ("", "H99", "")])
def test_the_file_code_is_found_within_an_archival_code(text: str, fonds: str, code: str) -> None:
    assert case_file_code(text, fonds) == code


def test_scans_named_by_document_code_keep_their_order(archive: Archive, tmp_path: Path) -> None:
    for number, day in ((2, "01/03/2026"), (1, "02/03/2026"), (3, "01/01/2026")):
        (archive.settings.root / "inbox" / f"H99.2026.05.VP.{number:07d}.pdf").write_bytes(
            sip_packages.pdf(tmp_path, f"{number} {day}"))
    lines = ["Tên tệp;Mã hồ sơ;Số;Ký hiệu;Ngày ban hành;Cơ quan ban hành;Trích yếu"]
    lines += [f"H99.2026.05.VP.{n:07d}.pdf;H99.2026.05.VP;{n};TB-SNV;{day};Sở Nội vụ tỉnh Mẫu;Bản {n}"
              for n, day in ((2, "01/03/2026"), (1, "02/03/2026"), (3, "01/01/2026"))]
    (archive.settings.root / "inbox" / "danh-sach.csv").write_text("\n".join(lines), encoding="utf-8-sig")
    with archive.catalogue.session() as session:
        session.add(model.FilePlanEntry(fonds="H99", year=2026, notation="05.VP", title="Thông báo năm 2026",
                                        retention="10 năm", keeper="", position=1))
    nightly.run(archive)
    found = [one["fields"]["codeNumber"] for one in records.read_documents(archive.store, "H99.2026.05.VP")]
    assert found == ["1", "2", "3"]
    assert json.loads(archive.store.read(layout.casefile_object("H99.2026.05.VP"), layout.record_path(1)))
