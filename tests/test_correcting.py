"""Correcting what is stored: who may, what may, and that no former value, no reason and no event is ever lost."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select

from archive import clock, correcting, layout, model, opening, records, revisions
from archive.catalogue import rows
from archive.commands import casefile, document, fonds
from archive.correcting import CorrectionRefusedError, correct_case_file, correct_document, correct_fonds
from archive.errors import UsageError
from archive.file_plan_import import import_file_plan
from archive.files import json_bytes
from archive.findings import Level
from archive.opening import Archive, ownership
from archive.rebuild import rebuild
from archive.store import NewFile
from ingest.stages.index import index_documents
from search.index import entry_from_record, open_index, verify
from tests.conftest import ROOT
from tests.stored_documents import FILE, store_documents

FIRST, SECOND = f"{FILE}.0000001", f"{FILE}.0000002"
FIELDS = {"organName": "Sở Nội vụ tỉnh Mẫu", "fileCode": FILE}
DOCUMENTS = [
    {**FIELDS, "codeNumber": "12", "codeNotation": "BC-SNV", "issuedDate": "05/03/2026", "typeName": "14",
     "typeNameText": "Báo cáo", "subject": "Báo cáo công tác lưu trữ"},
    {**FIELDS, "codeNumber": "7", "codeNotation": "KH-SNV", "issuedDate": "06/03/2026", "typeName": "10",
     "typeNameText": "Kế hoạch", "subject": "Kế hoạch công tác lưu trữ"}]
NEW = ("Tên tệp;Mã hồ sơ;Số;Ký hiệu;Ngày ban hành;Cơ quan ban hành;Tên loại;Trích yếu\n"
       "moi.txt;H99.2026.01.VP;8;KH-SNV;07/03/2026;Sở Nội vụ;Kế hoạch;Kế hoạch mới\n")


@pytest.fixture
def held(archive: Archive) -> Archive:
    """An archive with one open case file of two documents."""
    plan = archive.settings.root / "plan.csv"
    plan.write_bytes((ROOT / "samples" / "file-plan.csv").read_bytes())
    import_file_plan(archive, plan, "H99")
    store_documents(archive, DOCUMENTS)
    return archive


def one_more_night(archive: Archive) -> None:
    """A night that adds a third document to the case file."""
    from ingest import nightly

    inbox = archive.settings.path(archive.settings.ingest.inbox[0])
    (inbox / "them.csv").write_text(NEW, "utf-8")
    (inbox / "moi.txt").write_text("Kế hoạch mới", "utf-8")
    nightly.run(archive)


def correct(archive: Archive, values: dict[str, str], code: str = FIRST, by: str = "lan", reason: str = "Ghi nhầm",
            dry_run: bool = False) -> correcting.Correction:
    with ownership(archive):
        return correct_document(archive, code, values, reason, by=by, dry_run=dry_run)


def document_record(archive: Archive, ordinal: int = 1) -> records.Record:
    return next(records.read_documents(archive.store, FILE, [ordinal]))


def events(archive: Archive, kind: str) -> list[model.Event]:
    with archive.catalogue.session() as session:
        return list(session.scalars(select(model.Event).where(model.Event.kind == kind).order_by(model.Event.seq)))


def codes_of(refused: pytest.ExceptionInfo[CorrectionRefusedError]) -> list[str]:
    return [one.code for one in refused.value.findings]


# --- documents ---------------------------------------------------------------------------------------------


def test_a_corrected_field_is_in_the_record_the_catalogue_and_the_ledger_with_its_former_value(held: Archive) -> None:
    before = document_record(held)
    version = held.store.version(layout.casefile_object(FILE))
    done = correct(held, {"subject": "Báo cáo công tác văn thư, lưu trữ", "issuedDate": "4-3-2026"})
    assert done.version == version + 1
    after = document_record(held)
    assert after["fields"]["subject"] == "Báo cáo công tác văn thư, lưu trữ"
    assert (after["fields"]["issuedDate"], after["fields"]["issuedDateText"]) == ("04/03/2026", "4-3-2026")
    assert (after["revision"], after["revised_by"], after["revision_reason"]) == (1, "lan", "Ghi nhầm")
    with held.catalogue.session() as session:
        row = session.get_one(model.Document, FIRST)
        assert (row.subject, row.issued_on, row.revision, row.indexed) == (
            "Báo cáo công tác văn thư, lưu trữ", "2026-03-04", 1, "")
        assert session.get_one(model.CaseFile, FILE).version == done.version
    (event,) = events(held, "document_corrected")
    assert (event.subject, event.actor, event.data["reason"]) == (FIRST, "lan", "Ghi nhầm")
    assert event.data["before"] == {"subject": "Báo cáo công tác lưu trữ", "issuedDate": "05/03/2026",
                                    "issuedDateText": ""}
    earlier = held.store.files(layout.casefile_object(FILE), version)[layout.record_path(1)]
    assert json.loads(earlier.place.read_bytes()) == before
    assert {key: after[key] for key in ("files", "version", "item", "receipt", "legal_value")} == {
        key: before[key] for key in ("files", "version", "item", "receipt", "legal_value")}


def test_a_correction_is_found_by_the_next_search_and_not_by_the_old_words(held: Archive) -> None:
    correct(held, {"subject": "Phòng cháy chữa cháy"})
    index_documents(held)
    expected = {}
    for pair in records.documents(held.store):
        entry = entry_from_record(*pair)
        expected[entry.code] = entry.fingerprint
    index = open_index(held.settings)
    try:
        assert not verify(index, expected)
    finally:
        index.close()


def test_a_rebuild_reproduces_corrections(held: Archive) -> None:
    correct(held, {"subject": "Một"})
    correct(held, {"subject": "Hai", "keyword": "lưu trữ; văn thư"}, reason="Lại nhầm")
    with ownership(held):
        correct_case_file(held, FILE, {"title": "Hồ sơ mới", "maintenance": "15 năm", "mode": "Công khai"}, "x", by="a")
        correct_fonds(held, "H99", {"fondHistory": "Thành lập năm 1945", "paperTotal": "12"}, "x", by="a")
    with held.catalogue.session() as session:
        before = rows(session)
    with ownership(held, rebuilding=True):
        rebuild(held)
    with held.catalogue.session() as session:
        again = rows(session)
    for row in before["document"]:
        row["indexed"] = ""
    assert again == before


def test_clearing_a_field_takes_its_words_with_it(held: Archive) -> None:
    assert document_record(held)["fields"]["typeNameText"] == "Báo cáo"
    correct(held, {"typeName": ""})
    fields = document_record(held)["fields"]
    assert "typeName" not in fields
    assert "typeNameText" not in fields


def test_findings_of_the_fields_are_renewed_and_all_others_stay(held: Archive) -> None:
    others = [one for one in document_record(held)["findings"] if not one["code"].startswith("META-")]
    done = correct(held, {"codeNumber": "1234567890123"})
    assert [one.code for one in done.new] == ["META-006"]
    found = document_record(held)["findings"]
    assert "META-006" in [one["code"] for one in found]
    assert [one for one in found if not one["code"].startswith("META-")] == others
    correct(held, {"codeNumber": "12"})
    assert "META-006" not in [one["code"] for one in document_record(held)["findings"]]


def test_what_normalising_said_of_the_words_stays_true_while_the_field_stays(held: Archive) -> None:
    correct(held, {"typeName": "Luật"})
    correct(held, {"keyword": "lưu trữ"})
    assert "META-019" in [one["code"] for one in document_record(held)["findings"]]
    correct(held, {"typeName": "Báo cáo"})
    assert "META-019" not in [one["code"] for one in document_record(held)["findings"]]


def test_the_same_values_again_write_nothing(held: Archive) -> None:
    correct(held, {"subject": "Một"})
    version = held.store.version(layout.casefile_object(FILE))
    assert correct(held, {"subject": "Một"}).version == 0
    assert held.store.version(layout.casefile_object(FILE)) == version
    assert len(events(held, "document_corrected")) == 1


def test_a_dry_run_shows_the_change_and_writes_nothing(held: Archive) -> None:
    before, seq = document_record(held), held.ledger.seq
    done = correct(held, {"subject": "Một"}, dry_run=True)
    assert (done.version, done.after) == (0, {"subject": "Một"})
    assert (document_record(held), held.ledger.seq) == (before, seq)


def test_what_a_person_types_is_composed_and_trimmed(held: Archive) -> None:
    typed = unicodedata.normalize("NFD", " Quyết định về “việc” <lớn> & 'nhỏ' ")
    correct(held, {"subject": typed})
    assert document_record(held)["fields"]["subject"] == "Quyết định về “việc” <lớn> & 'nhỏ'"


def test_a_value_too_long_is_kept_whole_and_warned_of(held: Archive) -> None:
    long = "Về việc " * 100
    done = correct(held, {"subject": long})
    assert document_record(held)["fields"]["subject"] == long.strip()
    assert [one.code for one in done.new] == ["META-006"]


@pytest.mark.parametrize(("values", "code"), [
    ({"issuedDate": "31/02/2026"}, "CORR-004"),
    ({"receivedDate": "hôm qua"}, "CORR-004"),
    ({"numberOfPage": "mười"}, "CORR-004"),
    ({"mode": "tùy"}, "CORR-004"),
    ({"maintenance": "07"}, "CORR-004"),
    ({"maintenance": "vài năm"}, "CORR-004"),
    ({"typeName": "tờ rơi xyz"}, "CORR-004"),
    ({"mode": "03"}, "CORR-007"),
    ({"secrecy": "Tối mật"}, "CORR-007"),
    ({"subject": "a\x07b"}, "CORR-005"),
    ({"fileCode": "H99.2026.02.VP"}, "CORR-002"),
    ({"docCode": "x"}, "CORR-002"),
    ({"arcDocCode": "x"}, "CORR-002"),
    ({"docOrdinal": "9"}, "CORR-002"),
])
def test_what_cannot_be_typed_or_read_is_refused_and_nothing_changes(held: Archive, values: dict[str, str],
                                                                      code: str) -> None:
    before, seq = document_record(held), held.ledger.seq
    with pytest.raises(CorrectionRefusedError) as refused:
        correct(held, {**values, "keyword": "khác"})
    assert codes_of(refused) == [code]
    assert (document_record(held), held.ledger.seq) == (before, seq)
    assert refused.value.exit_code == 5


def test_an_older_fault_does_not_keep_a_person_from_putting_another_field_right(held: Archive) -> None:
    record = dict(document_record(held))
    record["fields"] = {**record["fields"], "mode": "03", "issuedDate": "31/02/2026"}
    with ownership(held):
        held.store.put(layout.casefile_object(FILE), {layout.record_path(1): NewFile(json_bytes(record))},
                       message="x", user="luutru", created=clock.now())
        correct_document(held, FIRST, {"keyword": "lưu trữ"}, "x", by="lan")
    assert document_record(held)["fields"]["keyword"] == "lưu trữ"


def test_an_unknown_tag_is_refused_with_those_near_it(held: Archive) -> None:
    with pytest.raises(UsageError, match="subject"):
        correct(held, {"subjct": "x"})
    with pytest.raises(UsageError):
        correct(held, {"fondName": "x"})        # of a fonds alone
    with pytest.raises(UsageError, match=r"imageTitle.*docs/fields.md"):
        correct(held, {"xyzw": "x"})            # near to none: all that there are


def test_a_printed_tag_is_understood(held: Archive) -> None:
    record = {**document_record(held), "profile": "tt02_2019"}
    with ownership(held):
        held.store.put(layout.casefile_object(FILE), {layout.record_path(1): NewFile(json_bytes(record))},
                       message="x", user="luutru", created=clock.now())
        correct_document(held, FIRST, {"PageAmount": "3", "TypeName": "QĐ"}, "x", by="lan")
    fields = document_record(held)["fields"]
    assert (fields["numberOfPage"], fields["typeName"]) == ("3", "Quyết định")


def test_a_correction_without_a_reason_or_of_nothing_known_is_wrong_use(held: Archive) -> None:
    with pytest.raises(UsageError):
        correct(held, {"subject": "x"}, reason="  ")
    with pytest.raises(UsageError):
        correct(held, {"subject": "x"}, code=f"{FILE}.0000009")


def test_only_those_whom_the_settings_name_may_correct(held: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUUTRU_AGENCY__ARCHIVISTS", '["hoa"]')
    root = held.settings.root
    held.close()
    again = opening.open_archive(opening.settings_module.load(root))
    with pytest.raises(CorrectionRefusedError) as refused:
        correct(again, {"subject": "x"}, by="lan")
    assert codes_of(refused) == ["CORR-001"]
    assert correct(again, {"subject": "x"}, by="hoa").version
    again.close()


def test_the_identity_of_another_document_is_warned_of(held: Archive) -> None:
    done = correct(held, {"codeNumber": "12", "codeNotation": "BC-SNV", "issuedDate": "05/03/2026"}, code=SECOND)
    assert [(one.code, one.params["twin"]) for one in done.new if one.code == "CORR-006"] == [("CORR-006", FIRST)]
    assert "CORR-006" in [one["code"] for one in document_record(held, 2)["findings"]]
    correct(held, {"keyword": "x"}, code=SECOND)
    assert correct(held, {"codeNumber": "13"}, code=SECOND).version
    assert "CORR-006" not in [one["code"] for one in document_record(held, 2)["findings"]]


def test_a_closed_case_file_refuses_and_says_how_to_reopen(held: Archive) -> None:
    record = {**records.read_case_file(held.store, FILE), "state": "closed"}
    with ownership(held):
        held.store.put(layout.casefile_object(FILE), {layout.CASE_FILE: NewFile(json_bytes(record))}, message="x",
                       user="luutru", created=clock.now())
    for attempt in (lambda: correct(held, {"subject": "x"}), lambda: correct_case(held, {"title": "x"})):
        with pytest.raises(CorrectionRefusedError) as refused:
            attempt()
        assert codes_of(refused) == ["CORR-003"]
    assert f"reopen {FILE}" in str(refused.value)


# --- case files and fonds ----------------------------------------------------------------------------------


def correct_case(archive: Archive, values: dict[str, str], by: str = "lan") -> correcting.Correction:
    with ownership(archive):
        return correct_case_file(archive, FILE, values, "Ghi nhầm", by=by)


def test_title_retention_keeper_and_entered_fields_of_a_case_file(held: Archive) -> None:
    old = records.read_case_file(held.store, FILE)
    correct_case(held, {"title": "Hồ sơ mới", "maintenance": "15 năm", "keeper": "Trần Thị Hoa", "mode": "Công khai",
                        "description": "x"})
    record = records.read_case_file(held.store, FILE)
    assert (record["title"], record["retention"], record["keeper"]) == ("Hồ sơ mới", "15 năm", "Trần Thị Hoa")
    assert record["fields"] == {"mode": "01", "modeText": "Công khai", "description": "x"}
    (event,) = events(held, "casefile_corrected")
    assert event.data["before"]["title"] == old["title"]
    assert event.data["before"]["maintenance"] == old["retention"]
    with held.catalogue.session() as session:
        row = session.get_one(model.CaseFile, FILE)
        assert (row.title, row.retention, row.fields["mode"]) == ("Hồ sơ mới", "15 năm", "01")
    correct_case(held, {"maintenance": "04"})
    assert records.read_case_file(held.store, FILE)["retention"] == "30 năm"
    correct_case(held, {"mode": "", "description": ""})
    assert "fields" not in records.read_case_file(held.store, FILE)


def test_a_corrected_case_file_stays_so_when_the_night_adds_to_it(held: Archive) -> None:
    correct_case(held, {"title": "Hồ sơ mới", "mode": "01"})
    one_more_night(held)
    record = records.read_case_file(held.store, FILE)
    assert (record["title"], record["fields"]) == ("Hồ sơ mới", {"mode": "01"})
    correct_case(held, {"title": "Hồ sơ mới nữa"})
    assert records.read_case_file(held.store, FILE)["revision"] == 2
    assert [event.data["after"].get("title") for event in events(held, "casefile_corrected")] == [
        "Hồ sơ mới", "Hồ sơ mới nữa"]


def test_a_new_title_makes_the_documents_of_the_case_file_waiting_for_the_index(held: Archive) -> None:
    index_documents(held)
    correct_case(held, {"title": "Hồ sơ mới"})
    with held.catalogue.session() as session:
        assert set(session.scalars(select(model.Document.indexed))) == {""}


@pytest.mark.parametrize(("values", "code"), [
    ({"totalDoc": "3"}, "CORR-009"), ({"title": ""}, "CORR-008"), ({"fileNotation": "02.VP"}, "CORR-002"),
    ({"startDate": "30/02/2026"}, "CORR-004"), ({"maintenance": "mãi"}, "CORR-004")])
def test_what_a_case_file_refuses(held: Archive, values: dict[str, str], code: str) -> None:
    with pytest.raises(CorrectionRefusedError) as refused:
        correct_case(held, values)
    assert codes_of(refused) == [code]


def test_a_fonds_is_described_and_its_file_plans_stay(held: Archive) -> None:
    with ownership(held):
        done = correct_fonds(held, "H99", {"fondHistory": "Thành lập năm 1945;\nđổi tên năm 1992",
                                           "fondName": "Sở Nội vụ tỉnh Mẫu (mới)", "copyNumber": "10"}, "x", by="lan")
        with pytest.raises(CorrectionRefusedError):
            correct_fonds(held, "H99", {"fondsCode": "H98"}, "x", by="lan")
        with pytest.raises(CorrectionRefusedError):
            correct_fonds(held, "H99", {"fondName": ""}, "x", by="lan")
    record = correcting.read_fonds(held, "H99")
    assert (record["name"], record["fields"]["copyNumber"]) == ("Sở Nội vụ tỉnh Mẫu (mới)", "10")
    assert done.before["fondName"] == "Sở Nội vụ tỉnh Mẫu"
    with held.catalogue.session() as session:
        assert session.get_one(model.Fonds, "H99").fields == record["fields"]
        assert session.scalar(select(model.FilePlanEntry.title).limit(1))
    (event,) = events(held, "fonds_corrected")
    assert event.data["after"]["copyNumber"] == "10"


# --- killed in between -------------------------------------------------------------------------------------


def killed_after_the_put(archive: Archive, monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Do `act`, but die between the store and the ledger."""
    class Killed(BaseException):
        pass

    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(revisions, "record_events", die)
        with pytest.raises(Killed):
            act()


def test_a_correction_killed_after_the_store_is_told_by_the_next_command(
        held: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    killed_after_the_put(held, monkeypatch, lambda: correct(held, {"subject": "Một"}))
    assert events(held, "document_corrected") == []
    assert correct(held, {"subject": "Một"}).version == 0
    (event,) = events(held, "document_corrected")
    assert (event.data["after"], event.actor) == ({"subject": "Một"}, "lan")
    with held.catalogue.session() as session:
        assert session.get_one(model.Document, FIRST).subject == "Một"


def test_a_killed_correction_of_a_case_file_survives_the_night_that_comes_first(
        held: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    killed_after_the_put(held, monkeypatch, lambda: correct_case(held, {"title": "Hồ sơ mới"}))
    one_more_night(held)
    assert records.read_case_file(held.store, FILE)["title"] == "Hồ sơ mới"
    assert [event.data["after"] for event in events(held, "casefile_corrected")] == [{"title": "Hồ sơ mới"}]
    assert len(records.ordinals(held.store, FILE)) == 3
    with held.catalogue.session() as session:
        assert len(list(session.scalars(select(model.Document)))) == 3


def test_a_killed_correction_is_told_by_whoever_owns_the_archive_next(
        held: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    killed_after_the_put(held, monkeypatch, lambda: correct(held, {"subject": "Một"}))
    with ownership(held):
        pass
    assert [event.data["after"] for event in events(held, "document_corrected")] == [{"subject": "Một"}]
    with held.catalogue.session() as session:
        assert session.get_one(model.CaseFile, FILE).state == "open"


def test_documents_of_a_killed_night_are_left_to_the_next_night(held: Archive,
                                                                monkeypatch: pytest.MonkeyPatch) -> None:
    from ingest.stages.store import catch_up_case_file

    with monkeypatch.context() as patched:
        patched.setattr(records, "admit", lambda *_: (_ for _ in ()).throw(OSError("killed")))
        with pytest.raises(OSError, match="killed"):
            store_documents(held, [{**FIELDS, "subject": "Đến trong đêm bị ngắt"}])
    correct(held, {"subject": "Một"})
    with held.catalogue.session() as session:
        assert len(list(session.scalars(select(model.Document)))) == 2
    with ownership(held):
        catch_up_case_file(held, FILE)
    with held.catalogue.session() as session:
        assert len(list(session.scalars(select(model.Document)))) == 3


def test_another_change_of_a_corrected_case_file_is_no_second_correction(held: Archive) -> None:
    correct_case(held, {"title": "Hồ sơ mới"})
    record = {**records.read_case_file(held.store, FILE), "reopened": {"by": "lan"}}
    with ownership(held):
        held.store.put(layout.casefile_object(FILE), {layout.CASE_FILE: NewFile(json_bytes(record))}, message="x",
                       user="luutru", created=clock.now())
        revisions.catch_up(held, FILE)
    assert len(events(held, "casefile_corrected")) == 1


def test_a_correction_killed_before_the_store_never_happened(held: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    before = document_record(held)
    with monkeypatch.context() as patched:
        patched.setattr(type(held.store), "put", lambda *_, **__: (_ for _ in ()).throw(OSError(28, "full")))
        with pytest.raises(OSError, match="full"):
            correct(held, {"subject": "Một"})
    with held.catalogue.session() as session:
        assert session.get_one(model.CaseFile, FILE).state == "open"
    assert (document_record(held), events(held, "document_corrected")) == (before, [])
    assert correct(held, {"subject": "Một"}).version


def test_a_killed_correction_of_a_fonds_is_told_by_a_rebuild(held: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    def act() -> None:
        with ownership(held):
            correct_fonds(held, "H99", {"otherTypes": "Bản đồ"}, "x", by="lan")

    killed_after_the_put(held, monkeypatch, act)
    with ownership(held, rebuilding=True):
        rebuild(held)
    assert [event.data["after"] for event in events(held, "fonds_corrected")] == [{"otherTypes": "Bản đồ"}]


def test_a_killed_correction_is_told_by_a_rebuild_too(held: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    killed_after_the_put(held, monkeypatch, lambda: correct(held, {"subject": "Một"}))
    with ownership(held, rebuilding=True):
        rebuild(held)
    assert [event.data["after"] for event in events(held, "document_corrected")] == [{"subject": "Một"}]
    assert list(held.ledger.check()) == []


def test_a_fonds_killed_after_the_store_is_told_by_the_next_correction(
        held: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    def act() -> None:
        with ownership(held):
            correct_fonds(held, "H99", {"otherTypes": "Bản đồ"}, "x", by="lan")

    killed_after_the_put(held, monkeypatch, act)
    act()
    assert [event.data["after"] for event in events(held, "fonds_corrected")] == [{"otherTypes": "Bản đồ"}]


# --- commands ----------------------------------------------------------------------------------------------


def invoke(group: object, root: Path, *words: str) -> Result:
    return CliRunner().invoke(group.command, list(words), obj=root)  # type: ignore[attr-defined]


def test_the_commands_correct_show_the_history_and_refuse_with_code_5(held: Archive) -> None:
    root = held.settings.root
    done = invoke(document, root, "correct", FIRST, "--set", "subject=Một", "--clear", "keyword", "--reason", "Nhầm",
                  "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.output)["after"] == {"subject": "Một"}
    shown = invoke(document, root, "show", FIRST, "--history", "--json")
    assert json.loads(shown.output)["history"][0]["before"]["subject"] == "Báo cáo công tác lưu trữ"
    assert "Nhầm" in invoke(document, root, "show", FIRST, "--history").output
    refused = invoke(document, root, "correct", FIRST, "--set", "docCode=x", "--reason", "Nhầm")
    assert (refused.exit_code, "CORR-002" in refused.output) == (5, True)
    assert invoke(document, root, "correct", FIRST, "--reason", "Nhầm").exit_code == 2
    assert invoke(document, root, "correct", FIRST, "--set", "subject", "--reason", "Nhầm").exit_code == 2
    dry = invoke(casefile, root, "correct", FILE, "--set", "title=Mới", "--reason", "Nhầm", "--dry-run")
    assert (dry.exit_code, "Mới" in dry.output) == (0, True)
    assert records.read_case_file(held.store, FILE)["title"] != "Mới"
    assert invoke(fonds, root, "correct", "H99", "--set", "archivesTime=1945-2026", "--reason", "x").exit_code == 0
    assert "1945-2026" in invoke(fonds, root, "show", "H99", "--history").output
    assert "H99" in invoke(fonds, root, "list").output
    assert json.loads(invoke(fonds, root, "list", "--json").output)[0]["case_files"] == 1


# --- what is said ------------------------------------------------------------------------------------------


def test_a_dry_run_asks_for_no_reason_and_writing_does(held: Archive) -> None:
    seq = held.ledger.seq
    with ownership(held):
        assert correct_document(held, FIRST, {"keyword": "x"}, "", by="lan", dry_run=True).after == {"keyword": "x"}
        assert correct_case_file(held, FILE, {"keyword": "x"}, "", by="lan", dry_run=True).after == {"keyword": "x"}
        assert correct_fonds(held, "H99", {"language": "x"}, "", by="lan", dry_run=True).after == {"language": "x"}
        with pytest.raises(UsageError, match="--reason"):
            correct_document(held, FIRST, {"keyword": "x"}, "", by="lan")
    assert held.ledger.seq == seq


@pytest.mark.parametrize("values", [{"docCode": "x"}, {"issuedDate": "31/02/2026"}, {"typeName": "tờ rơi xyz"},
                                    {"mode": "03"}])
def test_a_refusal_names_the_code_that_was_typed_and_says_that_nothing_was_kept(held: Archive,
                                                                                values: dict[str, str]) -> None:
    with pytest.raises(CorrectionRefusedError) as refused:
        correct(held, values)
    [found] = refused.value.findings
    assert (found.subject, found.level) == (FIRST, Level.refused)
    assert "giữ nguyên" not in found.sentence()
    assert "thư mục nhận" not in found.cure()


def test_fewer_empty_fields_of_a_fonds_are_nothing_new_and_more_are(held: Archive) -> None:
    with ownership(held):
        done = correct_fonds(held, "H99", {"fondHistory": "Thành lập năm 1945"}, "x", by="lan")
        assert [one.code for one in done.findings] == ["META-003"] and done.new == ()
        names = done.findings[0].params["names"]
        assert "(Identifier)" not in names and "(OrganId)" not in names        # the archive's own to give
        cleared = correct_fonds(held, "H99", {"fondHistory": ""}, "x", by="lan")
    assert [one.code for one in cleared.new] == ["META-003"]


def test_a_fonds_is_shown_with_the_code_of_the_archive_that_packages_carry(held: Archive) -> None:
    shown = CliRunner().invoke(fonds.command, ["show", "H99"], obj=held.settings.root)
    [line] = [one for one in shown.output.splitlines() if one.strip().startswith("archiveCode")]
    assert line.rstrip().endswith("H99")


def test_the_cure_of_a_missing_field_names_the_command_for_what_is_stored(held: Archive) -> None:
    done = correct(held, {"organName": ""})
    [found] = [one for one in done.new if one.code == "META-001" and one.params["tag"] == "organName"]
    assert "luutru document correct" in found.cure("vi") and "--set organName=…" in found.cure("en")
