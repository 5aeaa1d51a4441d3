"""Every field of both circulars, at every level: entered, checked, stored, exported, read back, and still the same."""

from __future__ import annotations

import string
import unicodedata
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from archive import clock, model, opening, records
from archive.correcting import correct_case_file, correct_document, correct_fonds
from archive.fields import code_lists, document_types, normalise_fields, profile, validate_record
from archive.fields.kinds import Kind
from archive.fields.tables import Row
from archive.opening import Archive, ownership
from archive.packages import assemble
from archive.packages.description import Form
from archive.packages.ead import SCHEMA_OF, simpledc, table_of
from archive.packages.opening import open_package
from archive.packages.reading import read_package
from archive.packages.serialisation import serialisation
from archive.packages.tt02 import OldRecord, as_xml, describe, from_xml, read_tt02, write_tt02
from archive.packages.writing import write_folder
from tests.stored_documents import store_documents

TT02, TT05 = "tt02_2019", "tt05_2025"
FORMS: tuple[Form, ...] = get_args(Form)
KINDS: tuple[Kind, ...] = ("document", "photo", "av")
NAMES = {"document": "subject", "photo": "imageTitle", "av": "movieTitle"}      # what makes a record of its kind
GIVEN = frozenset({"fileCode", "arcFileCode", "docCode", "arcDocCode", "docOrdinal", "fileCatalog", "fileNotation",
                   "archiveCode", "fondsCode", "totalDoc"})     # by the archive: cannot be typed
AT_ONCE = 8             # records of one example: one stored case file with many documents is quicker than many

# Letters as people type them, the marks of XML and of lists, and blanks; composed or not.
LETTERS = "aăâbcdđeêghiklmnoôơpqrstuưvxyàảãạấầẩẫậắằẳẵặéèẻẽẹếềểễệíìỉĩịóòỏõọốồổỗộớờởỡợúùủũụứừửữựýỳỷỹỵ"
SIGNS = string.digits + " ;,.:/-–“”\"'’‘«»<>&%()[]{}|_=+*#@!?…\n\t" + "€₫½😀𠮟"
TEXT = st.text(st.sampled_from(LETTERS + LETTERS.upper() + SIGNS), min_size=1, max_size=60)
TYPED = st.one_of(TEXT, TEXT.map(lambda value: unicodedata.normalize("NFD", value)),
                  st.text(st.characters(codec="utf-8", exclude_categories=("C",)), min_size=1, max_size=20))


def typed(value: str) -> str:
    """What is kept of what a person types."""
    return unicodedata.normalize("NFC", value).strip()


def values_of(row: Row) -> st.SearchStrategy[str]:
    """Values that a field may have: by its type, its length, its code list."""
    if row.code_list:
        held = code_lists()[row.code_list]
        codes = sorted(set(held.values) - {"mode": {"03"}, "maintenance": {"07"}}.get(row.key, set()))
        if held.multi:
            return st.lists(st.sampled_from(codes), min_size=1, max_size=3, unique=True).map(";".join)
        return st.sampled_from(codes)
    if row.key == "typeName":
        return st.sampled_from([one.name for one in document_types().values() if one.code != "32"])
    if row.kind == "Date":
        day = st.dates(date(1900, 1, 1), date(2099, 12, 31)).map(lambda one: f"{one:%d/%m/}{one.year}")
        return st.one_of(day, day.map(lambda one: one[3:]), day.map(lambda one: one[6:])) if row.partial_date else day
    if row.kind == "Number":
        return st.integers(0, 10 ** min(row.length or 10, 10) - 1).map(str)
    limit = row.length or 4000
    long = st.integers(max(1, limit - 3), limit).flatmap(
        lambda length: TEXT.map(lambda one: ("Về việc tổ chức " + one.strip() + "x" * length)[:length]))
    return st.one_of(TYPED, TYPED, long).filter(lambda one: 0 < len(typed(one)) <= limit)


def records_of(rows: tuple[Row, ...], needed: str = "") -> st.SearchStrategy[dict[str, str]]:
    """Records of one table, each with some of its fields, `needed` always among them."""
    shapes = {row.key: values_of(row) for row in rows if row.key}
    return st.fixed_dictionaries({needed: shapes[needed]} if needed else {},
                                 optional={key: shape for key, shape in shapes.items() if key != needed})


def checked(fields: Mapping[str, str], regime: str, level: str, package: str | None = None) -> dict[str, str]:
    """The fields as the archive keeps them; whatever the tables refuse is a fault of this test's values."""
    kept, found = normalise_fields({key: typed(value) for key, value in fields.items()}, regime, level=level)
    found += validate_record(kept, regime, level, "x", package=package)
    bad = [one.code for one in found if one.code in {"META-006", "META-007", "META-008", "META-010", "META-011"}]
    assert bad == []
    return kept


# --- the XML of every table --------------------------------------------------------------------------------


@pytest.mark.parametrize("level", ["fonds", "file", "document", "photo", "av"])
@given(data=st.data())
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_field_of_tt02_is_read_back_from_its_xml(level: str, data: st.DataObject) -> None:
    rows = profile(TT02).table(level)
    kept = checked(data.draw(records_of(rows)), TT02, level)
    fields = {row.key: kept[row.key] for row in rows if row.key in kept}
    for sheets in ("SheetNumber", "Maintenance"):
        found: list[Any] = []
        xml = as_xml(OldRecord("x", level, fields), sheets)  # type: ignore[arg-type]
        read = from_xml(etree.fromstring(xml), "x.xml", found)
        assert read is not None
        assert (dict(read.fields), found) == (fields, [])


TABLES = [(form, schema) for form in FORMS for schema in ("EAD", "EAD_doc", "EAD_pic", "EAD_media")]


@pytest.mark.parametrize(("form", "schema"), TABLES, ids=lambda one: str(one))
@given(data=st.data())
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_field_of_tt05_is_read_back_from_its_xml(form: Form, schema: Any, data: st.DataObject) -> None:
    rows = table_of(form, schema)
    kept = checked(data.draw(records_of(rows)), TT05, rows[0].level, rows[0].package)
    fields = {row.tag: kept[row.key] for row in rows if row.key in kept}
    root = etree.fromstring(simpledc(fields, form, schema, serialisation()))
    assert {element.tag: element.text for element in root if element.text} == fields


# --- through the store -------------------------------------------------------------------------------------


def file_of(regime: str, kind: str) -> str:
    return f"H99.2026.{1 + 3 * (regime == TT05) + KINDS.index(kind):02d}.VP"      # type: ignore[arg-type]


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    """An archive with a case file of AT_ONCE records for each circular and kind."""
    made = opening.make_archive(tmp_path_factory.mktemp("roundtrip") / "kho",
                                {"agency": {"code": "H99", "name": "Sở Nội vụ tỉnh Mẫu"}})
    for regime in (TT02, TT05):
        for kind in KINDS:
            store_documents(made, [{NAMES[kind]: f"Tài liệu {n}"} for n in range(AT_ONCE)], profile=regime,
                            code=file_of(regime, kind))
    yield made
    made.close()


def enter(archive: Archive, code: str, kind: str, drawn: list[dict[str, str]]) -> list[dict[str, str]]:
    """Type the fields of each record, clearing what it had; what the store and the catalogue then hold."""
    before = list(records.read_documents(archive.store, code))
    with ownership(archive):
        for record, fields in zip(before, drawn, strict=True):
            gone = {key: "" for key in record["fields"] if not key.endswith("Text") and key not in fields}
            correct_document(archive, record["code"], {**gone, **fields}, "thử", by="lan")
    held = [dict(record["fields"]) for record in records.read_documents(archive.store, code)]
    with archive.catalogue.session() as session:
        for record, fields in zip(before, held, strict=True):
            assert session.get_one(model.Document, record["code"]).fields == fields
    return held


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("regime", [TT02, TT05])
@given(data=st.data())
@settings(max_examples=2, deadline=None, suppress_health_check=list(HealthCheck))
def test_what_is_entered_is_stored_exported_and_read_back(regime: str, kind: Kind, full: Archive, data: st.DataObject,
                                                          tmp_path_factory: pytest.TempPathFactory) -> None:
    rows = tuple(row for row in profile(regime).table(kind) if row.key not in GIVEN)
    drawn = data.draw(st.lists(records_of(rows, NAMES[kind]), min_size=AT_ONCE, max_size=AT_ONCE))
    held = enter(full, file_of(regime, kind), kind, drawn)
    assert held == [checked(fields, regime, kind) for fields in drawn]
    code, target = file_of(regime, kind), tmp_path_factory.mktemp("out")
    if regime == TT02:
        write_tt02(full, code, target / "tt02")
        read = read_tt02(target / "tt02")
        assert read.findings == []
        assert {name: dict(one.fields) for name, one in read.records.items()} == {
            one.name: dict(one.fields) for one, _ in describe(full, code)}
        back = [dict(read.records[f"{code}.{n:07d}"].fields) for n in range(1, AT_ONCE + 1)]
    else:
        package = assemble.case_file(full, code, "SIP_hoso", created=clock.now(), request="NL.H99.2026.01")
        write_folder(package, serialisation(), target / "sip")
        found: list[Any] = []
        with open_package(target / "sip") as opened:
            whole = read_package(opened, found)
        assert whole is not None
        assert {one.kind for one in whole.documents} == {kind}
        by_code = {one.code: dict(one.fields) for one in whole.documents}
        back = [by_code[f"{code}.{n:07d}"] for n in range(1, AT_ONCE + 1)]
    for kept, fields in zip(held, back, strict=True):
        coded = {row.key for row in rows}
        noted = kept.get("typeName") == "32" or kept.get("maintenance") == "07"     # the package adds their words
        assert {key: value for key, value in kept.items() if key in coded and not (noted and key == "description")} == {
            key: fields[key] for key in kept if key in coded and not (noted and key == "description")}


@pytest.mark.parametrize("regime", [TT02, TT05])
@given(data=st.data())
@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
def test_what_is_entered_of_a_case_file_is_stored_exported_and_read_back(
        regime: str, full: Archive, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    code = file_of(regime, "photo")
    rows = tuple(row for row in profile(regime).table("file") if row.key not in GIVEN)
    fields = data.draw(records_of(rows, "title"))
    record = records.read_case_file(full.store, code)
    gone = {key: "" for key in record.get("fields", {}) if not key.endswith("Text") and key not in fields}
    with ownership(full):
        correct_case_file(full, code, {**gone, **fields}, "thử", by="lan")
    kept = checked(fields, regime, "file")
    record = records.read_case_file(full.store, code)
    assert record["title"] == kept["title"]
    stored = {key: value for key, value in kept.items() if key not in ("title", "maintenance", "maintenanceText")}
    assert record.get("fields", {}) == stored
    target = tmp_path_factory.mktemp("out")
    if regime == TT02:
        write_tt02(full, code, target / "tt02")
        back: Mapping[str, str] = read_tt02(target / "tt02").records[code].fields
        if "maintenance" in kept:
            assert back["maintenance"] == kept["maintenance"]
    else:
        package = assemble.case_file(full, code, "AIP_hoso", created=clock.now())
        root = etree.fromstring(simpledc(package.fields, "AIP_hoso", "EAD", serialisation()))
        back = {element.tag: element.text or "" for element in root}
        if "maintenance" in kept:
            assert back["maintenance"] == kept["maintenance"]
    keys = {row.key for row in rows}
    assert {key: value for key, value in stored.items() if key in keys} == {
        key: back[key] for key in stored if key in keys}


@given(data=st.data())
@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
def test_what_is_entered_of_a_fonds_is_stored_exported_and_read_back(
        full: Archive, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    rows = tuple(row for row in profile(TT02).table("fonds") if row.key not in GIVEN)
    fields = data.draw(records_of(rows, "fondName"))
    with full.catalogue.session() as session:
        gone = {key: "" for key in session.get_one(model.Fonds, "H99").fields if key not in fields}
    with ownership(full):
        correct_fonds(full, "H99", {**gone, **fields}, "thử", by="lan")
    kept = checked(fields, TT02, "fonds")
    with full.catalogue.session() as session:
        row = session.get_one(model.Fonds, "H99")
        assert {"fondName": row.name, **row.fields} == kept
    target = tmp_path_factory.mktemp("out") / "tt02"
    write_tt02(full, file_of(TT02, "photo"), target)
    assert dict(read_tt02(target).records["fonds"].fields) == {**kept, "archiveCode": "H99", "fondsCode": "H99"}


def test_the_tables_of_every_level_of_both_circulars_are_in_this_test() -> None:
    levels = {row.level for row in profile(TT05).rows if row.tag}
    assert levels == {rows[0].level for rows in (table_of(form, schema) for form, schema in TABLES)}  # type: ignore[arg-type]
    assert {row.level for row in profile(TT02).rows} == {"fonds", "file", *KINDS}
    assert set(SCHEMA_OF) == set(KINDS)
