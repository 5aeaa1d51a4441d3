"""Closing a case file and opening it again: refused with reasons, whole or not at all, killed at every step."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from lxml import etree

from archive import catalogue, clock, closing, completeness, i18n, layout, model, opening, records, settings
from archive.catalogue import record as record_events
from archive.commands import casefile, casefile_close
from archive.errors import ArchiveBusyError, NoRoomError, RefusedError
from archive.findings import finding
from archive.fixity import checking
from archive.ledger import Entry, Ledger, event_key
from archive.opening import Archive, ownership
from archive.packages import assemble
from archive.rebuild import rebuild
from archive.store import NewFile
from ingest.stages.file import file_items
from tests.conftest import NIGHT
from tests.stored_documents import FILE, store_documents
from tests.test_describing import FIELDS, case_file, document

GOOD = {"typeName": "02", "codeNumber": "1", "codeNotation": "QĐ-UBND", "issuedDate": "03/11/2026",
        "organName": "Ủy ban nhân dân tỉnh Mẫu", "subject": "Ban hành Quy chế", "mode": "01",
        "confidenceLevel": "01", "numberOfPage": "1"}
LATER = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Picture:
    """All of an archive that a closing may touch."""

    store: dict[str, bytes] = field(repr=False)
    rows: dict[str, list[dict[str, Any]]] = field(repr=False)
    events: list[str] = field(repr=False)


@pytest.fixture
def kho(archive: Archive, stopped_clock: datetime) -> Archive:
    """An archive with one case file of two documents."""
    store_documents(archive, [GOOD, {**GOOD, "codeNumber": "2", "issuedDate": "05/11/2026"}])
    return archive


def luutru(archive: Archive, *arguments: str) -> Result:
    done = CliRunner().invoke(casefile.command, list(arguments), obj=archive.settings.root)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def closed(archive: Archive) -> dict[str, Any]:
    done = luutru(archive, "close", FILE, "--json")
    assert done.exit_code == 0, done.output
    result: dict[str, Any] = json.loads(done.stdout)["case_files"][0]
    return result


def state(archive: Archive) -> str:
    with archive.catalogue.session() as session:
        return session.get_one(model.CaseFile, FILE).state


def picture(archive: Archive) -> Picture:
    root = archive.settings.root
    with archive.catalogue.session() as session:
        rows = catalogue.rows(session)
    events = [json.dumps([line.kind, line.subject, line.actor, line.data], sort_keys=True)
              for line in archive.ledger.lines()]
    rows.pop("event")
    return Picture({path.relative_to(root).as_posix(): path.read_bytes()
                    for path in sorted((root / "store" / "ocfl").rglob("*")) if path.is_file()}, rows, events)


# --- closing ---------------------------------------------------------------------------------------------


def test_a_closed_case_file_is_a_whole_package_in_one_version(kho: Archive) -> None:
    before = kho.store.version(layout.casefile_object(FILE))
    told = closed(kho)
    held = kho.store.files(layout.casefile_object(FILE))
    assert kho.store.version(layout.casefile_object(FILE)) == before + 1 == told["version"]
    for path in ("METS.xml", "metadata/descriptive/EAD.xml", "metadata/preservation/PREMIS.xml",
                 "representations/rep1/METS.xml",
                 f"representations/rep1/metadata/descriptive/EAD_doc_{FILE}.0000001.xml",
                 "representations/rep1/metadata/preservation/PREMIS_rep1.xml", "schemas/METS.xsd"):
        assert path in held, path
    assert held["METS.xml"].sha256 == told["mets_sha256"]
    record = records.read_case_file(kho.store, FILE)
    assert (record["state"], record["closed_at"]) == ("closed", clock.stamp(NIGHT))
    assert told["objid"] == f"urn:H99:uuid:{record['uuid']}"
    line = list(kho.ledger.lines())[-1]
    assert (line.kind, line.subject, line.data["mets"]) == ("casefile_closed", FILE, told["mets_sha256"])
    assert line.data["found"] == len(line.data["findings"]) > 0
    with kho.catalogue.session() as session:
        row = session.get_one(model.CaseFile, FILE)
        assert (row.state, row.version, row.uuid) == ("closed", told["version"], record["uuid"])
    shown = luutru(kho, "show", FILE).stdout
    assert record["uuid"] in shown


def test_every_file_of_a_closed_object_is_listed_with_its_hash(kho: Archive) -> None:
    """From the root METS down, by an XML reader and hashlib alone."""
    closed(kho)
    held = kho.store.files(layout.casefile_object(FILE))
    listed: dict[str, str] = {}
    for place in ("METS.xml", "representations/rep1/METS.xml"):
        tree = etree.fromstring(held[place].place.read_bytes())
        for element in tree.iter("{*}file", "{*}mdRef"):
            at: Any = element if element.tag.endswith("mdRef") else element.find("{*}FLocat")
            href: str = at.get("{http://www.w3.org/1999/xlink}href")
            path = href if href in held else f"representations/rep1/{href}"
            listed[path] = str(element.get("CHECKSUM")).lower()
    for path, stored in held.items():
        if path != "METS.xml":
            assert listed.get(path) == hashlib.sha256(stored.place.read_bytes()).hexdigest(), path


def test_the_package_says_what_happened(kho: Archive) -> None:
    closed(kho)
    premis = kho.store.read(layout.casefile_object(FILE), "metadata/preservation/PREMIS.xml").decode()
    rep = kho.store.read(layout.casefile_object(FILE),
                         "representations/rep1/metadata/preservation/PREMIS_rep1.xml").decode()
    for kind in ("ingestion", "accession", "information package creation", "fixity check"):
        assert kind in premis + rep, kind


def test_closing_again_changes_nothing(kho: Archive) -> None:
    closed(kho)
    before = picture(kho)
    done = luutru(kho, "close", FILE, "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout)["case_files"][0]["outcome"] == "already"
    assert picture(kho) == before


def test_a_dry_run_changes_nothing(kho: Archive) -> None:
    before = picture(kho)
    assert json.loads(luutru(kho, "close", FILE, "--dry-run", "--json").stdout)["case_files"][0]["outcome"] == "fit"
    assert picture(kho) == before
    closed(kho)
    before = picture(kho)
    assert luutru(kho, "reopen", FILE, "--reason", "x", "--dry-run").exit_code == 0
    assert picture(kho) == before


def test_a_dry_run_waits_for_nobody_who_writes(kho: Archive, tmp_path: Path) -> None:
    """It reads every byte: what another process is storing meanwhile would look like damage."""
    held = os.open(kho.settings.root / "luutru.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(held, fcntl.LOCK_EX)
    try:
        with pytest.raises(ArchiveBusyError):
            luutru(kho, "close", FILE, "--dry-run")
    finally:
        os.close(held)
    assert luutru(kho, "close", FILE, "--dry-run").exit_code == 0


def test_closing_counts_documents_and_files_as_it_goes(kho: Archive) -> None:
    told: dict[str, list[tuple[int, int]]] = {"examine": [], "faults": [], "close": []}
    with ownership(kho):
        closing.prepare(kho, FILE)
        examined = completeness.examine(kho, FILE, {}, lambda *count: told["examine"].append(count))
        assert list(closing.faults(kho, examined, lambda *count: told["faults"].append(count))) == []
        closing.close(kho, examined, at=NIGHT, by="lan", progress=lambda *count: told["close"].append(count))
    assert told["examine"] == told["close"] == [(1, 2), (2, 2)]
    assert told["faults"] == [(n, len(told["faults"])) for n in range(1, len(told["faults"]) + 1)] != []


def test_large_metadata_wait_beside_the_store_and_nothing_of_them_is_left(
        kho: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(closing, "_HELD", 0)
    (kho.store.staging / "metadata").mkdir()
    (kho.store.staging / "metadata" / "0.xml").write_bytes(b"of a closing that was killed")
    put = kho.store.put
    sources: list[Path | bytes] = []

    def seen(object_id: str, files: dict[str, NewFile], **more: Any) -> int:
        sources.extend(one.source for path, one in files.items() if path != layout.CASE_FILE)
        return put(object_id, files, **more)

    monkeypatch.setattr(kho.store, "put", seen)
    with ownership(kho):
        closing.prepare(kho, FILE)
        examined = completeness.examine(kho, FILE, {})
        done = closing.close(kho, examined, at=NIGHT, by="lan")
        assert list(closing.faults(kho, examined)) == []
    assert len(sources) > 10
    assert all(isinstance(source, Path) for source in sources)
    assert kho.store.files(layout.casefile_object(FILE))["METS.xml"].sha256 == done.mets_sha256
    assert list(kho.store.staging.iterdir()) == []


def test_what_refuses_is_shown_with_its_cure_and_nothing_is_closed(archive: Archive, stopped_clock: datetime) -> None:
    store_documents(archive, [{key: value for key, value in GOOD.items() if key != "subject"}])
    done = luutru(archive, "close", FILE)
    assert done.exit_code == 5
    assert "CLOSE-005" in done.stdout and f"luutru document correct {FILE}.0000001 --set subject=" in done.stdout
    assert state(archive) == "open"


def test_one_thing_to_do_is_told_as_one() -> None:
    i18n.use("en")
    one, two = (casefile_close._outcome(casefile_close._Result("H", "", "refused", [finding("CLOSE-001", "H")] * n))
                for n in (1, 2))
    assert "1 thing must" in one and "2 things must" in two


def test_a_person_may_answer_for_a_refusal_and_the_ledger_keeps_it(archive: Archive, stopped_clock: datetime) -> None:
    store_documents(archive, [{key: value for key, value in GOOD.items() if key != "subject"}])
    assert luutru(archive, "close", FILE, "--force").exit_code == 2
    assert luutru(archive, "close", FILE, "--force", "--reason", "bản gốc không có trích yếu").exit_code == 0
    line = list(archive.ledger.lines())[-1]
    assert (line.data["forced"], line.data["reason"]) == (True, "bản gốc không có trích yếu")
    assert "CLOSE-005" in {one["code"] for one in line.data["findings"]}


def test_force_is_not_noted_where_it_was_not_needed(kho: Archive) -> None:
    assert luutru(kho, "close", FILE, "--force", "--reason", "x").exit_code == 0
    assert list(kho.ledger.lines())[-1].data["forced"] is False


def test_damaged_bytes_are_never_closed(kho: Archive) -> None:
    path = f"{layout.RECEIVED}/{FILE}.0000002.txt"
    place = kho.store.files(layout.casefile_object(FILE))[path].place
    place.write_bytes(place.read_bytes().replace(b"N", b"M", 1))
    done = luutru(kho, "close", FILE, "--force", "--reason", "vội")
    assert done.exit_code == 4
    assert f"{FILE}.0000002.txt" in done.stdout
    assert state(kho) == "open"
    assert "casefile_closed" not in {line.kind for line in kho.ledger.lines()}


def test_control_characters_cannot_be_forced_into_xml(archive: Archive, stopped_clock: datetime) -> None:
    store_documents(archive, [{**GOOD, "subject": "Trích\x02yếu"}])
    done = luutru(archive, "close", FILE, "--force", "--reason", "vội")
    assert done.exit_code == 5
    assert "CLOSE-023" in done.stdout
    assert state(archive) == "open"


def test_a_document_that_waits_in_quarantine_keeps_its_case_file_open(kho: Archive) -> None:
    with kho.catalogue.session() as session:
        session.add(model.Item(id="cc", source="inbox", name="cho.pdf", size=1, sha256="", sha512="", received_at="",
                               legal_received_at="", receipt_rule="LS", batch="b", state="quarantine", document="",
                               fields={"fileCode": FILE}, facts={}))
    done = luutru(kho, "close", FILE)
    assert done.exit_code == 5
    assert "CLOSE-015" in done.stdout and "cho.pdf" in done.stdout


def test_an_unfinished_night_is_finished_first(kho: Archive) -> None:
    with kho.catalogue.session() as session:
        session.add(model.Batch(id="2026-11-20.2", night="2026-11-20", started_at="x", finished_at="", summary={}))
    with pytest.raises(RefusedError):
        luutru(kho, "close", FILE)


def test_all_case_files_of_ended_years_are_closed_together(kho: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    store_documents(kho, [{**GOOD, "codeNumber": "7", "issuedDate": "03/11/2025"}], code="H99.2025.01.VP")
    told = json.loads(luutru(kho, "close", "--all-due", "--json").stdout)["case_files"]
    assert [(one["code"], one["outcome"]) for one in told] == [("H99.2025.01.VP", "closed")]
    told = json.loads(luutru(kho, "close", "--year", "2026", "--json").stdout)["case_files"]
    assert [(one["code"], one["outcome"]) for one in told] == [(FILE, "closed")]
    assert luutru(kho, "close", "--year", "2026").exit_code == 0
    assert luutru(kho, "close").exit_code == 2
    assert luutru(kho, "close", "H99.2026.77.VP").exit_code == 2


def test_a_closed_case_file_takes_no_document_and_no_correction(kho: Archive) -> None:
    closed(kho)
    before = picture(kho)
    row = model.Item(id="dd", source="inbox", name="moi.pdf", size=1, sha256="", sha512="",
                     received_at=clock.stamp(NIGHT), legal_received_at="", receipt_rule="LS", batch="b",
                     state="examined", document="", fields={"fileCode": FILE}, facts={"parts": []})
    with kho.catalogue.session() as session:
        filed = file_items(kho, session, [row])
    assert [[one.code for one in found] for _, found in filed.waiting] == [["FILE-003"]]
    assert luutru(kho, "correct", FILE, "--set", "keyword=mới", "--reason", "x").exit_code == 5
    assert picture(kho) == before


def test_a_correction_is_told_in_the_package_with_who_made_it(kho: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUUTRU_USER", "Trần Thị Mẫu")
    assert luutru(kho, "correct", FILE, "--set", "keyword=quy chế", "--reason", "bổ sung từ khóa").exit_code == 0
    closed(kho)
    premis = kho.store.read(layout.casefile_object(FILE), "metadata/preservation/PREMIS.xml").decode()
    for words in ("metadata modification", "bổ sung từ khóa", "Trần Thị Mẫu"):
        assert words in premis, words
    assert "<keyword>quy chế</keyword>" in kho.store.read(
        layout.casefile_object(FILE), "metadata/descriptive/EAD.xml").decode()


# --- what is looked at -----------------------------------------------------------------------------------


def fields(**more: str) -> dict[str, Any]:
    return {"fields": {**FIELDS, **more}}


FOUND: dict[str, tuple[dict[str, Any], list[dict[str, Any]], list[str]]] = {
    "CLOSE-001": (case_file(), [], []),
    "CLOSE-002": (case_file(), [document(1), document(3, **fields(codeNumber="9"))], []),
    "CLOSE-003": (case_file(), [document(**fields(numberOfPage="4"))], []),
    "CLOSE-005": (case_file(), [document(**fields(subject=""))], []),
    "CLOSE-006": (case_file(), [document(**fields(issuedDate="30/02/2026"))], []),
    "CLOSE-007": (case_file(), [document(verdict="invalid")], []),
    "CLOSE-008": (case_file(), [document(verdict="invalid", facts={"accepted": ["VERIFY-004"]})], []),
    "CLOSE-009": (case_file(), [document(verdict="undetermined")], []),
    "CLOSE-010": (case_file(), [document(verdict="not_checked")], []),
    "CLOSE-011": (case_file(fields={"numberOfPaper": "2", "paperFileCode": "H99.1.1"}),
                  [document(verdict="unsigned", digitised={"engine": "x"})], []),
    "CLOSE-012": (case_file(), [document(verdict="unsigned")], []),
    "CLOSE-013": (case_file(), [document(1), document(2)], []),
    "CLOSE-014": (case_file(), [document(n, files=[{**document()["files"][0], "sha256": "ab"}]) for n in (1, 2)], []),
    "CLOSE-015": (case_file(), [document()], ["cho.pdf"]),
    "CLOSE-016": (case_file(fields={"totalDoc": "2"}), [document()], []),
    "CLOSE-017": (case_file(fields={"startDate": "04/11/2026"}), [document()], []),
    "CLOSE-018": (case_file(fields={"endDate": "02/11/2026"}), [document()], []),
    "CLOSE-019": (case_file(fields={"numberOfPage": "4"}), [document()], []),
    "CLOSE-020": (case_file(retention="10 năm"), [document(**fields(maintenance="01"))], []),
    "CLOSE-021": (case_file(fields={"confidenceLevel": "03"}), [document()], []),
    "CLOSE-022": (case_file(fields={"mode": "01"}), [document(**fields(mode="02"))], []),
    "CLOSE-023": (case_file(), [document(**fields(subject="a\x01b"))], [])}


@pytest.mark.parametrize("code", FOUND)
def test_what_is_not_in_order_is_found(code: str) -> None:
    record, documents, waiting = FOUND[code]
    found = {one.code: one for one in completeness.judge(record, documents, waiting, "H99")}
    assert code in found
    for language in ("vi", "en"):
        assert "…" not in found[code].sentence(language).replace("“…”", "").replace("=…", ""), found[code]


def test_what_is_in_order_is_not_found() -> None:
    assert completeness.judge(case_file(), [document()], [], "H99") == []
    stated = {"totalDoc": "1", "startDate": "03/11/2026", "endDate": "11/2026", "numberOfPage": "3",
              "confidenceLevel": "01", "mode": "01", "maintenance": "01"}
    assert completeness.judge(case_file(fields=stated), [document()], [], "H99") == []


def test_every_finding_of_closing_has_its_test() -> None:
    from archive.findings import rules

    assert {code for code in rules() if code.startswith("CLOSE-")} == {*FOUND, "CLOSE-004"}


def test_one_lack_is_told_once() -> None:
    """A mode that nobody entered: one sentence about the case file, not one for each of its documents."""
    bare = {key: value for key, value in FIELDS.items() if key != "mode"}
    found = completeness.judge(case_file(), [document(n, fields={**bare, "codeNumber": str(n)}) for n in (1, 2, 3)], [],
                               "H99")
    assert [(one.code, one.subject, one.params["tag"]) for one in found] == [("CLOSE-005", "H99.2026.01.VP", "mode")]
    found = completeness.judge(case_file(), [document(), document(2, pages=0, **fields(codeNumber="9"))], [], "H99")
    assert [(one.code, one.subject, one.params["tag"]) for one in found] == [
        ("CLOSE-005", "H99.2026.01.VP.0000002", "numberOfPage")]


def test_an_answer_whose_question_is_not_held_is_found(archive: Archive, stopped_clock: datetime) -> None:
    store_documents(archive, [{**GOOD, "codeNumber": "07", "codeNotation": "BNV-VP"}], code="H99.2026.02.VP")
    store_documents(archive, [{**GOOD, "replyTo": "Công văn số 7/BNV-VP; 12/UBND-NC ngày 01/02/2026; 2/QĐ-UBND"},
                              {**GOOD, "codeNumber": "2"}])
    found = [one.params["reply"] for one in completeness.examine(archive, FILE, {}).findings if one.code == "CLOSE-004"]
    assert found == ["12/UBND-NC"]


# --- reopening -------------------------------------------------------------------------------------------


def test_a_reopened_case_file_keeps_its_package_in_the_version_that_closed_it(kho: Archive) -> None:
    first = closed(kho)
    assert luutru(kho, "reopen", FILE, "--reason", " ").exit_code == 2
    assert luutru(kho, "reopen", FILE, "--reason", "còn văn bản").exit_code == 0
    object_id = layout.casefile_object(FILE)
    now, then = kho.store.files(object_id), kho.store.files(object_id, first["version"])
    assert all(assemble.is_ours(path) for path in now)
    assert then["METS.xml"].sha256 == first["mets_sha256"]
    record = records.read_case_file(kho.store, FILE)
    assert record["state"] == "open" and "closed_at" not in record
    line = list(kho.ledger.lines())[-1]
    assert (line.kind, line.data["reason"]) == ("casefile_reopened", "còn văn bản")
    with kho.catalogue.session() as session:
        assert session.get_one(model.CaseFile, FILE).closed_at == ""
    with pytest.raises(RefusedError):
        luutru(kho, "reopen", FILE, "--reason", "lần nữa")


def test_only_those_whom_the_settings_name_may_reopen_or_answer_for_a_refusal(kho: Archive,
                                                                              monkeypatch: pytest.MonkeyPatch) -> None:
    store_documents(kho, [{key: value for key, value in GOOD.items() if key != "subject"}], code="H99.2026.02.VP")
    closed(kho)
    monkeypatch.setenv("LUUTRU_AGENCY__ARCHIVISTS", '["Lan"]')
    monkeypatch.setenv("LUUTRU_USER", "Minh")
    with pytest.raises(RefusedError):
        luutru(kho, "reopen", FILE, "--reason", "x")
    with pytest.raises(RefusedError):
        luutru(kho, "close", "H99.2026.02.VP", "--force", "--reason", "x")
    monkeypatch.setenv("LUUTRU_USER", "Lan")
    assert luutru(kho, "reopen", FILE, "--reason", "x").exit_code == 0
    assert luutru(kho, "close", "H99.2026.02.VP", "--force", "--reason", "x").exit_code == 0


def test_closing_anew_keeps_the_uuid_and_says_that_it_replaces(kho: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    first = closed(kho)
    luutru(kho, "reopen", FILE, "--reason", "còn văn bản")
    store_documents(kho, [{**GOOD, "codeNumber": "3"}])
    monkeypatch.setattr(clock, "now", lambda: LATER)
    second = closed(kho)
    assert second["objid"] == first["objid"]
    assert second["mets_sha256"] != first["mets_sha256"]
    header: Any = etree.fromstring(kho.store.read(layout.casefile_object(FILE), "METS.xml")).find("{*}metsHdr")
    assert header.get("RECORDSTATUS") == "REPLACEMENT"
    ead = kho.store.read(layout.casefile_object(FILE), "metadata/descriptive/EAD.xml").decode()
    assert "<totalDoc>3</totalDoc>" in ead
    assert "reopened" not in records.read_case_file(kho.store, FILE)


def test_the_ledger_knows_which_package_the_store_should_hold(kho: Archive) -> None:
    closed(kho)
    assert [fault for fault in checking.faults(kho) if "METS" in fault] == []
    luutru(kho, "reopen", FILE, "--reason", "còn văn bản")
    assert [fault for fault in checking.faults(kho) if "METS" in fault] == []
    with ownership(kho), kho.catalogue.session() as session:
        record_events(session, kho.ledger, [Entry("casefile_closed", FILE, {"mets": "0" * 64},
                                                  event_key("casefile_closed", FILE, "v9"))])
    assert [fault for fault in checking.faults(kho) if "METS" in fault] != []


@pytest.mark.parametrize("regime", ["tt02_2019", "nd30_2020"])
def test_records_of_other_regimes_are_packed_in_the_fields_of_the_circular(archive: Archive, stopped_clock: datetime,
                                                                           regime: str) -> None:
    store_documents(archive, [{**GOOD, "typeName": "Quyết định", "mode": "Công khai"}], profile=regime)
    closed(archive)
    ead = archive.store.read(layout.casefile_object(FILE), "representations/rep1/metadata/descriptive/"
                                                           f"EAD_doc_{FILE}.0000001.xml").decode()
    assert "<typeName>02</typeName>" in ead and "<mode>01</mode>" in ead
    assert next(records.read_documents(archive.store, FILE))["fields"]["typeName"] == "Quyết định"


def test_what_came_with_a_package_stays_and_is_part_of_the_aip(kho: Archive) -> None:
    object_id, path = layout.casefile_object(FILE), "documentation/submission/ab12/METS.xml"
    with ownership(kho):
        version = kho.store.put(object_id, {path: NewFile(b"<mets/>")}, message="x", user="luutru", created=NIGHT)
        with kho.catalogue.session() as session:
            records.admit_case_file(session, records.read_case_file(kho.store, FILE), version)
    closed(kho)
    assert path in kho.store.read(object_id, "METS.xml").decode()
    luutru(kho, "reopen", FILE, "--reason", "còn văn bản")
    assert path in kho.store.files(object_id)
    assert "METS.xml" not in kho.store.files(object_id)


# --- rebuild ---------------------------------------------------------------------------------------------


def test_open_closed_and_reopened_case_files_come_back_from_the_store_alike(kho: Archive) -> None:
    for code in ("H99.2026.02.VP", "H99.2026.03.VP"):
        store_documents(kho, [{**GOOD, "codeNumber": code[8:]}], code=code,
                        case_file={"fields": {"keyword": "quy chế"}})
    with ownership(kho), kho.catalogue.session() as session:        # store_documents names this night
        began = {"night": "2026-11-20", "started_at": "2026-11-20T15:30:00.000000+00:00"}
        ended: dict[str, Any] = {"finished_at": "2026-11-20T15:40:00.000000+00:00", "summary": {}}
        record_events(session, kho.ledger, [Entry("batch_started", "2026-11-20.1", began, "k1"),
                                            Entry("batch_finished", "2026-11-20.1", ended, "k2")])
        session.add(model.Batch(id="2026-11-20.1", **began, **ended))
    assert luutru(kho, "close", FILE, "H99.2026.02.VP").exit_code == 0
    assert luutru(kho, "reopen", FILE, "--reason", "còn văn bản").exit_code == 0
    with kho.catalogue.session() as session:
        before = catalogue.rows(session)
    assert {row["code"]: row["state"] for row in before["case_file"]} == {
        FILE: "open", "H99.2026.02.VP": "closed", "H99.2026.03.VP": "open"}
    length = len(list(kho.ledger.lines()))
    with ownership(kho, rebuilding=True):
        rebuild(kho)
    with kho.catalogue.session() as session:
        after = catalogue.rows(session)
    assert len(list(kho.ledger.lines())) == length
    for table, rows in before.items():
        assert after[table] == rows, table


def test_a_rebuild_tells_of_a_closing_that_was_killed_before_its_event(kho: Archive,
                                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(closing, "_tell", killed)
        with pytest.raises(KeyboardInterrupt):
            _close(kho)
    assert state(kho) == "closing"
    assert "casefile_closed" not in {line.kind for line in kho.ledger.lines()}
    with ownership(kho, rebuilding=True):
        rebuild(kho)
    assert state(kho) == "closed"
    assert [(line.kind, line.actor) for line in kho.ledger.lines()][-1] == ("casefile_closed", "lan")
    before = picture(kho)
    _close(kho)
    assert picture(kho) == before


def test_no_room_leaves_the_case_file_open(kho: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> int:
        raise OSError(errno.ENOSPC, "full")

    before = picture(kho)
    with monkeypatch.context() as patch:
        patch.setattr(type(kho.store), "put", full)
        with pytest.raises(NoRoomError):
            _close(kho)
    assert picture(kho) == before


# --- killed ----------------------------------------------------------------------------------------------


def _die_at(last: int) -> None:
    """Kill this process at the `last` moment before a rename, a line of the ledger or a commit."""
    ticks = 0

    def ticking(function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arguments: Any, **named: Any) -> Any:
            nonlocal ticks
            ticks += 1
            if ticks >= last:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*arguments, **named)
        return wrapped

    from sqlalchemy.orm import SessionTransaction

    Path.rename = ticking(Path.rename)              # type: ignore[method-assign]
    Path.replace = ticking(Path.replace)            # type: ignore[method-assign]
    Ledger.append = ticking(Ledger.append)          # type: ignore[method-assign]
    SessionTransaction.commit = ticking(SessionTransaction.commit)      # type: ignore[method-assign]


def _lives(start: Path, life: Path, work: Callable[[Archive], None]) -> Iterator[int]:
    """One life for each moment of `work`, on a fresh copy of `start`, in a child that dies there; the last lives."""
    for last in range(1, 400):
        shutil.rmtree(life, ignore_errors=True)
        shutil.copytree(start, life)
        child = os.fork()
        if child == 0:
            try:
                _die_at(last)
                work(opening.open_archive(settings.load(life)))
                os._exit(0)
            except BaseException:
                os._exit(1)
        status = os.waitpid(child, 0)[1]
        assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
        yield last
        if not os.WIFSIGNALED(status):
            return
    raise AssertionError("the work never came to its end")


def _close(archive: Archive) -> None:
    with ownership(archive):
        closing.prepare(archive, FILE)
        if state(archive) == "open":
            closing.close(archive, completeness.examine(archive, FILE, {}), at=NIGHT, by="lan")


def _reopen(archive: Archive) -> None:
    with ownership(archive):
        closing.prepare(archive, FILE)
        if state(archive) == "closed":
            closing.reopen(archive, FILE, at=LATER, by="lan", reason="còn văn bản")


@pytest.mark.parametrize("work", [_close, _reopen])
def test_killed_at_any_moment_it_is_done_or_not_done_and_the_next_one_finishes(
        kho: Archive, work: Callable[[Archive], None], tmp_path: Path) -> None:
    if work is _reopen:
        _close(kho)
    kho.close()
    start = tmp_path / "start"
    shutil.copytree(kho.settings.root, start)
    peaceful = opening.open_archive(settings.load(kho.settings.root))
    work(peaceful)
    wanted = picture(peaceful)
    peaceful.close()
    moments = 0
    for moments in _lives(start, tmp_path / "life", work):
        archive = opening.open_archive(settings.load(tmp_path / "life"))
        work(archive)
        assert picture(archive) == wanted, f"killed at {moments}"
        assert list(archive.ledger.check()) == []
        archive.close()
    assert moments > 10
