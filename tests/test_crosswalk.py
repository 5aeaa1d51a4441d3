"""The crosswalk TT 02/2019 ↔ TT 05/2025: complete, there and back, and nothing lost without a word."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from archive import layout, model, records
from archive.catalogue import rows
from archive.commands import casefile
from archive.converting import convert_case_file
from archive.correcting import CorrectionRefusedError
from archive.crosswalk import LEVELS, TT02, TT05, Conversion, convert, crosswalk
from archive.errors import UsageError
from archive.fields import code_lists, normalise_fields, profile, validate_record
from archive.findings import Level
from archive.opening import Archive, ownership
from archive.rebuild import rebuild
from tests.stored_documents import FILE, store_documents


def codes(conversion: Conversion) -> list[str]:
    return [one.code for one in conversion.notes]


def there(level: str, **fields: str) -> Conversion:
    return convert(fields, level, TT02, TT05, "x")


def back(level: str, **fields: str) -> Conversion:
    return convert(fields, level, TT05, TT02, "x")


# --- the table ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", LEVELS)
def test_every_row_of_both_circulars_is_in_the_crosswalk_once_under_its_tag(level: str) -> None:
    steps = {step.key: step for step in crosswalk()[level]}
    assert len(steps) == len(crosswalk()[level])
    aliases = {"arcFileCode": "fileCode"} if level == "file" else {}
    for name, tag_of in ((TT02, "tt02"), (TT05, "tt05")):
        for row in profile(name).table(level):
            step = steps[row.key] if row.key in steps else steps[aliases[row.key]]
            assert getattr(step, tag_of) == row.tag
    for step in steps.values():
        row05 = next((row for row in profile(TT05).table(level) if row.key == step.key), None)
        assert (step.how in ("code", "type", "period", "attached")) == bool(
            step.tt02 and row05 and row05.code_list), step
        assert not step.other or step.other in code_lists()[row05.code_list].values  # type: ignore[union-attr]


# --- values ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("level", "key", "words", "code"), [
    ("document", "typeName", "Quyết định", "02"), ("document", "mode", "Sử dụng có điều kiện", "02"),
    ("document", "language", "Tiếng Việt; Tiếng Anh", "01;02"), ("file", "maintenance", "Vĩnh viễn", "01"),
    ("file", "maintenance", "20 năm", "05"), ("file", "format", "Bình thường", "02"),
    ("document", "confidenceLevel", "Số hóa", "02"), ("photo", "colour", "Đen trắng", "02"),
    ("av", "language", "Tiếng Pháp", "03")])
def test_words_become_codes_and_come_back(level: str, key: str, words: str, code: str) -> None:
    done = there(level, **{key: words})
    assert (done.fields[key], done.fields[key + "Text"]) == (code, words)
    assert "CONV-001" in codes(done)
    assert dict(back(level, **done.fields).fields) == {key: words}
    assert back(level, **{key: code}).fields[key] == "; ".join(
        code_lists()[next(row.code_list for row in profile(TT05).table(level) if row.key == key)].values[one]
        for one in code.split(";"))


@pytest.mark.parametrize(("level", "key", "words", "code"), [
    ("document", "typeName", "Luật", "32"), ("document", "typeName", "Sắc chỉ", "32"),
    ("file", "maintenance", "15 năm", "07"), ("document", "language", "Tiếng Lào", "11"),
    ("document", "language", "Tiếng Việt; Tiếng Lào", "01;11")])
def test_what_has_no_code_of_its_own_becomes_other_and_keeps_its_words(level: str, key: str, words: str,
                                                                        code: str) -> None:
    done = there(level, **{key: words})
    assert (done.fields[key], done.fields[key + "Text"]) == (code, words)
    assert "CONV-002" in codes(done)
    assert back(level, **done.fields).fields[key] == words


@pytest.mark.parametrize(("level", "key", "words"), [
    ("document", "mode", "Hạn chế đọc tại chỗ"), ("document", "confidenceLevel", "Bản chính"),
    ("file", "maintenance", "đến khi văn bản hết hiệu lực"), ("file", "maintenance", "90 năm"),
    ("photo", "colour", "Nâu đỏ"), ("document", "format", "Rách góc")])
def test_what_only_a_person_can_decide_is_asked_and_kept(level: str, key: str, words: str) -> None:
    done = there(level, **{key: words})
    assert key not in done.fields
    assert done.fields[key + "Text"] == words
    assert ("CONV-005", Level.warning) in [(one.code, one.level) for one in done.notes]
    assert dict(back(level, **done.fields).fields) == {key: words}


def test_the_text_of_what_goes_with_a_photo_stays_in_the_note_and_comes_back() -> None:
    start = {"imageTitle": "Lễ khánh thành", "docAttached": "01 bản thuyết minh; 02 phim âm bản",
             "description": "Ảnh màu"}
    done = there("photo", **start)
    assert done.fields["docAttached"] == "1"
    assert done.fields["description"] == "Ảnh màu; Tài liệu đi kèm: 01 bản thuyết minh; 02 phim âm bản"
    assert "CONV-003" in codes(done)
    assert dict(back("photo", **done.fields).fields) == start
    full = {"docAttached": "thuyết minh", "description": "x" * 495}
    kept = there("photo", **full)
    assert (kept.fields["description"], kept.fields["docAttachedText"]) == ("x" * 495, "thuyết minh")
    assert "CONV-010" in codes(kept)
    assert there("photo", docAttached="Không").fields["docAttached"] == "0"
    assert back("photo", docAttached="1").fields["docAttached"] == "Có tài liệu đi kèm"


def test_what_only_one_circular_has_stays_in_our_record_and_is_named() -> None:
    done = there("document", archiveCode="000.00.15.H51", fondsCode="000.00.01.H51", docOrdinal="3")
    assert done.fields == {"archiveCode": "000.00.15.H51", "fondsCode": "000.00.01.H51", "docOrdinal": "3"}
    assert codes(done).count("CONV-004") == 2
    assert "CONV-009" in codes(done)
    again = back("document", riskRecovery="1", process="0", maintenance="01")
    assert again.fields == {"riskRecovery": "1", "process": "0", "maintenance": "01"}
    assert codes(again) == ["CONV-004"] * 3


def test_new_fields_ask_a_person_where_the_archive_does_not_fill_them() -> None:
    asked = [one.params["tag"] for one in there("photo", imageTitle="x").notes if one.code == "CONV-006"]
    assert asked == ["typePic"]
    assert [one.params["tag"] for one in there("av", movieTitle="x").notes if one.code == "CONV-006"] == ["typeMedia"]


def test_partial_dates_stay_and_are_named() -> None:
    done = back("document", issuedDate="03/2026")
    assert (done.fields, codes(done)) == ({"issuedDate": "03/2026"}, ["CONV-008"])


def test_words_that_contradict_their_code_are_named_when_they_go() -> None:
    done = back("document", mode="01", modeText="Sử dụng có điều kiện")
    assert done.fields == {"mode": "Công khai"}
    assert sorted(codes(done)) == ["CONV-001", "CONV-007"]


def test_the_words_from_which_a_type_was_read_stay_with_it_there_and_back() -> None:
    start = {"typeName": "Quyết định", "typeNameText": "Q.Đ"}
    done = there("document", **start)
    assert (done.fields["typeName"], done.fields["typeNameText"]) == ("02", "Q.Đ")
    assert dict(back("document", **done.fields).fields) == start


def test_a_code_that_says_nothing_by_itself_asks_a_person() -> None:
    assert codes(back("document", typeName="32")) == ["CONV-005"]


def test_printed_tags_are_understood() -> None:
    assert there("document", TypeName="Công văn", PageAmount="4").fields == {
        "typeName": "22", "typeNameText": "Công văn", "numberOfPage": "4"}


# --- properties --------------------------------------------------------------------------------------------

WORDS = st.text(st.characters(codec="utf-8", categories=("L", "M", "N", "P", "Zs")), min_size=1, max_size=40).map(
    str.strip).filter(bool)


def values_of(level: str, name: str) -> st.SearchStrategy[dict[str, str]]:
    """Records of a level: for coded fields texts and codes of the list as well as anything else."""
    shapes = {}
    lists = {row.key: row.code_list for row in profile(TT05).table(level)}
    for row in profile(name).table(level):
        values: list[st.SearchStrategy[str]] = []
        if held := code_lists().get(lists.get(row.key, "")):
            texts = list(held.values.values()) if name == TT02 else list(held.values)
            values.append(st.sampled_from(texts))
            if name == TT02:
                values += [st.sampled_from(["15 năm", "QĐ", "Luật", "Tiếng Việt; Tiếng Lào", "Bản chính"]), WORDS]
        elif row.kind == "Date":
            values.append(st.dates(date(1900, 1, 1), date(2090, 1, 1)).map(lambda day: f"{day:%d/%m/}{day.year:04d}"))
        elif row.kind == "Number":
            values.append(st.integers(0, 9999).map(str))
        else:
            values.append(WORDS)
        shapes[row.key] = st.one_of(*values)
    return st.fixed_dictionaries({}, optional=shapes)


@pytest.mark.parametrize("level", LEVELS)
@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_from_tt02_there_and_back_is_the_same(level: str, data: st.DataObject) -> None:
    start, _ = normalise_fields(data.draw(values_of(level, TT02)), TT02, level=level)
    done = convert(start, level, TT02, TT05)
    assert dict(convert(done.fields, level, TT05, TT02).fields) == start


@pytest.mark.parametrize("level", LEVELS)
@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_from_tt05_there_and_back_is_the_same_but_for_the_words_of_its_codes(level: str, data: st.DataObject) -> None:
    start = data.draw(values_of(level, TT05))
    done = convert(start, level, TT05, TT02)
    again = convert(done.fields, level, TT02, TT05).fields
    assert {key: value for key, value in again.items() if not (key.endswith("Text") and key not in start)} == start


@pytest.mark.parametrize(("source", "target"), [(TT02, TT05), (TT05, TT02)])
@pytest.mark.parametrize("level", LEVELS)
@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_nothing_is_lost_silently(source: str, target: str, level: str, data: st.DataObject) -> None:
    start = data.draw(values_of(level, source))
    for key in list(start):
        if data.draw(st.booleans()):
            start[key + "Text"] = data.draw(WORDS)
    done = convert(start, level, source, target)
    named = [one.params["value"] for one in done.notes]
    for key, value in start.items():
        base = key.removesuffix("Text")
        kept = [done.fields.get(base), done.fields.get(base + "Text"), *named]
        if key == "description":
            kept.append(done.fields[key][:len(value)])
        assert value in kept, key


@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_what_converts_without_a_warning_is_valid_under_the_other_circular(data: st.DataObject) -> None:
    start, _ = normalise_fields(data.draw(values_of("document", TT02)), TT02, level="document")
    done = convert(start, "document", TT02, TT05)
    found = validate_record(done.fields, TT05, "document", "x")
    assert not [one for one in found if one.code in ("META-011", "META-007", "META-010")]


# --- stored case files -------------------------------------------------------------------------------------

OLD: list[dict[str, str]] = [
    {"typeName": "Quyết định", "codeNumber": "1", "subject": "Về việc tổ chức lễ", "issuedDate": "01/02/2018",
     "mode": "Công khai", "language": "Tiếng Việt", "confidenceLevel": "Bản chính", "organName": "Sở Nội vụ"},
    {"imageTitle": "Lễ khánh thành", "colour": "Màu", "docAttached": "Bản thuyết minh", "photoTime": "01/02/2018",
     "mode": "Công khai"}]


@pytest.fixture
def old(archive: Archive) -> Archive:
    store_documents(archive, OLD, profile=TT02, case_file={"fields": {"mode": "Công khai", "format": "Tốt"}})
    return archive


def converted(archive: Archive, target: str, **more: Any) -> Any:
    with ownership(archive):
        return convert_case_file(archive, FILE, target, "Nâng cấp theo TT 05", by="lan", **more)


def test_a_case_file_goes_to_the_new_circular_as_one_version_with_everything_it_was_in_the_ledger(old: Archive) -> None:
    version = old.store.version(layout.casefile_object(FILE))
    before = list(records.read_documents(old.store, FILE))
    done = converted(old, TT05)
    assert done.version == version + 1
    record = records.read_case_file(old.store, FILE)
    assert (record["profile"], record["fields"]["mode"], record["fields"]["formatText"]) == (TT05, "01", "Tốt")
    first, second = records.read_documents(old.store, FILE)
    assert (first["profile"], first["fields"]["typeName"], first["revision"]) == (TT05, "02", 1)
    assert second["fields"]["docAttached"] == "1"
    assert {"CONV-005"} <= {one["code"] for one in first["findings"]}
    with old.catalogue.session() as session:
        row = session.get_one(model.Document, first["code"])
        assert (row.profile, row.type_name, row.indexed) == (TT05, "02", "")
        assert session.get_one(model.CaseFile, FILE).profile == TT05
        events = list(session.scalars(select(model.Event).where(model.Event.kind.like("%converted"))))
    assert [event.kind for event in events] == ["casefile_converted", "document_converted", "document_converted"]
    assert (events[0].data["from"], events[0].data["to"]) == (TT02, TT05)
    assert events[1].data["before"]["typeName"] == "Quyết định"
    assert converted(old, TT05).version == 0
    assert converted(old, TT02).version == version + 2
    again = list(records.read_documents(old.store, FILE))
    assert [one["fields"] for one in again] == [one["fields"] for one in before]


def test_a_dry_run_tells_and_changes_nothing(old: Archive) -> None:
    seq, version = old.ledger.seq, old.store.version(layout.casefile_object(FILE))
    done = converted(old, TT05, dry_run=True)
    assert (done.version, len(done.records)) == (0, 3)
    assert (old.ledger.seq, old.store.version(layout.casefile_object(FILE))) == (seq, version)


def test_a_rebuild_reproduces_a_conversion(old: Archive) -> None:
    converted(old, TT05)
    with old.catalogue.session() as session:
        before = rows(session)
    with ownership(old, rebuilding=True):
        rebuild(old)
    with old.catalogue.session() as session:
        assert rows(session) == before


def test_a_person_answers_what_the_conversion_asked_and_the_question_goes(old: Archive) -> None:
    from archive.correcting import correct_document

    converted(old, TT05)
    with ownership(old):
        correct_document(old, f"{FILE}.0000001", {"confidenceLevel": "02"}, "Đã xem bản giấy", by="lan")
    (first, _) = records.read_documents(old.store, FILE)
    assert first["fields"]["confidenceLevel"] == "02"
    assert not [one for one in first["findings"] if one["code"] == "CONV-005"]
    assert [one for one in first["findings"] if one["code"] == "CONV-001"]


def test_what_is_no_structure_of_the_crosswalk_or_closed_is_refused(old: Archive) -> None:
    with pytest.raises(UsageError):
        converted(old, "nd30_2020")
    store_documents(old, [], case_file={"state": "closed"})
    with pytest.raises(CorrectionRefusedError):
        converted(old, TT05)


def test_a_record_without_a_field_to_convert_is_told_as_one(archive: Archive) -> None:
    store_documents(archive, [], profile=TT02)
    words = ["convert", FILE, "--to", TT05, "--dry-run"]
    for more in ([], ["--all"]):
        shown = CliRunner().invoke(casefile.command, [*words, *more], obj=archive.settings.root)
        assert shown.exit_code == 0 and "CONV-" not in shown.output, shown.output
        assert f"{FILE}: không có\n" not in shown.output and "│" not in shown.output, shown.output


def test_the_command_shows_a_table_and_applies(old: Archive) -> None:
    root = old.settings.root
    shown = CliRunner().invoke(casefile.command, ["convert", FILE, "--to", TT05, "--dry-run"], obj=root)
    assert (shown.exit_code, "mode: Công khai → 01" in shown.output) == (3, True), shown.output
    assert f"{FILE}.0000001" not in shown.output        # one table of what happened, not one for each document
    rows = [" ".join(one.split()) for one in shown.output.splitlines() if "CONV-" in one]
    codes = [one.strip("│ ").split(" CONV-")[0].startswith("●") for one in rows]
    assert codes == sorted(codes, reverse=True) and any(codes), rows     # what a person must answer stands first
    every = CliRunner().invoke(casefile.command, ["convert", FILE, "--to", TT05, "--dry-run", "--all"], obj=root)
    assert (every.exit_code, f"{FILE}.0000001" in every.output) == (3, True), every.output
    assert CliRunner().invoke(casefile.command, ["convert", FILE, "--to", TT05], obj=root).exit_code == 2
    done = CliRunner().invoke(casefile.command, ["convert", FILE, "--to", TT05, "--reason", "x", "--json"], obj=root)
    assert done.exit_code == 3, done.output
    told = json.loads(done.output)
    assert (told["converted"], len(told["records"])) == (True, 3)
    assert records.read_case_file(old.store, FILE)["profile"] == TT05
