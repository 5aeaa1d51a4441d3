"""The form of TT 02/2019: what is written is what is read back, and whatever is wrong with it is found."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from lxml import etree

from archive.correcting import correct_fonds
from archive.crosswalk import TT02
from archive.errors import IntegrityError, UsageError
from archive.fields import profile
from archive.findings import Level
from archive.opening import Archive, ownership
from archive.packages.check import check_package
from archive.packages.tt02 import OldPackage, OldRecord, as_xml, describe, from_xml, read_tt02, write_tt02
from tests.stored_documents import FILE, store_documents

FIRST = f"{FILE}.0000001"
NEW = [{"typeName": "02", "typeNameText": "QĐ", "codeNumber": "1", "codeNotation": "QĐ-SNV", "mode": "01",
        "issuedDate": "05/03/2026", "subject": "Về “việc” <lễ> & 'hội'", "language": "01;02", "riskRecovery": "0",
        "organName": "Sở Nội vụ"},
       {"imageTitle": "Lễ khánh thành", "typePic": "02", "colour": "02", "photoTime": "05/03/2026"}]


@pytest.fixture
def held(archive: Archive) -> Archive:
    store_documents(archive, NEW, case_file={"fields": {"mode": "02", "numberOfPaper": "17"}})
    with ownership(archive):
        correct_fonds(archive, "H99", {"fondHistory": "Thành lập năm 1945", "language": "Tiếng Việt; Tiếng Pháp"}, "x",
                      by="lan")
    return archive


def codes(read: OldPackage) -> list[str]:
    return [one.code for one in read.findings]


def test_a_case_file_is_written_under_printed_tags_beside_its_files_and_read_back(held: Archive,
                                                                                   tmp_path: Path) -> None:
    written = write_tt02(held, FILE, tmp_path / "out")
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == sorted([f"{FILE}.xml", f"{FIRST}.txt", f"{FIRST}.xml", f"{FILE}.0000002.txt",
                            f"{FILE}.0000002.xml", "fonds.xml", "sha256sums.txt"])
    assert written.files == len(names)
    for line in (tmp_path / "out" / "sha256sums.txt").read_text().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((tmp_path / "out" / name).read_bytes()).hexdigest() == digest
    read = read_tt02(tmp_path / "out")
    assert read.findings == []
    assert {one.name: dict(one.fields) for one in read.records.values()} == {
        one.name: dict(one.fields) for one, _ in describe(held, FILE)}
    first = read.records[FIRST]
    assert first.fields["typeName"] == "Quyết định"
    assert (first.fields["mode"], first.fields["language"]) == ("Công khai", "Tiếng Việt; Tiếng Anh")
    assert (first.fields["docOrdinal"], first.fields["fondsCode"]) == ("1", "H99")
    assert first.files == [f"{FIRST}.txt"]
    assert read.records[f"{FILE}.0000002"].fields["colour"] == "Đen trắng"
    whole = read.records[FILE].fields
    assert (whole["maintenance"], whole["numberOfPaper"], whole["mode"]) == ("20 năm", "17", "Sử dụng có điều kiện")
    assert whole["fileCatalog"] == "2026"
    assert read.records["fonds"].fields["language"] == "Tiếng Việt; Tiếng Pháp"


@pytest.mark.parametrize("level", ["fonds", "file", "document", "photo", "av"])
def test_every_row_of_the_table_is_an_element_in_its_order(level: str) -> None:
    root = etree.fromstring(as_xml(OldRecord("x", level, {})))
    printed = [row.tag for row in profile(TT02).table(level)]
    if level == "file":
        assert printed.count("Maintenance") == 2
        printed[-3] = "SheetNumber"
        assert root.get("sheets") == "SheetNumber"
    assert [element.tag for element in root] == printed


def test_the_tag_that_the_circular_prints_twice_is_read_both_ways(held: Archive, tmp_path: Path) -> None:
    write_tt02(held, FILE, tmp_path / "out", sheets="Maintenance")
    xml = (tmp_path / "out" / f"{FILE}.xml").read_text(encoding="utf-8")
    assert xml.count("<Maintenance>") == 2
    fields = read_tt02(tmp_path / "out").records[FILE].fields
    assert (fields["maintenance"], fields["numberOfPaper"]) == ("20 năm", "17")


def test_the_written_folder_is_whole_or_not_there(held: Archive, tmp_path: Path) -> None:
    stored = held.store.files(f"urn:luutru:casefile:{FILE}")[f"representations/rep1/data/{FIRST}.txt"]
    stored.place.write_bytes(b"changed" * 10)
    with pytest.raises(IntegrityError):
        write_tt02(held, FILE, tmp_path / "out")
    assert list(tmp_path.glob("*out*")) == []
    with pytest.raises(UsageError):
        write_tt02(held, "H99.2026.09.VP", tmp_path / "out")


def test_a_missing_a_changed_and_an_additional_file_are_found(held: Archive, tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_tt02(held, FILE, out)
    (out / f"{FIRST}.txt").write_bytes(b"changed")
    (out / "fonds.xml").unlink()
    (out / "more.txt").write_bytes(b"more")
    assert sorted(codes(read_tt02(out))) == ["ANNEX-001", "ANNEX-002", "ANNEX-003"]


def test_a_zip_of_the_folder_is_read_too(held: Archive, tmp_path: Path) -> None:
    write_tt02(held, FILE, tmp_path / "out")
    with zipfile.ZipFile(tmp_path / "out.zip", "w") as archive:
        for path in (tmp_path / "out").iterdir():
            archive.write(path, f"out/{path.name}")
    read = read_tt02(tmp_path / "out.zip")
    assert set(read.records) == {"fonds", FILE, FIRST, f"{FILE}.0000002"}


@pytest.mark.parametrize(("name", "content", "code"), [
    ("x.xml", b"<Other/>", "ANNEX-004"), ("x.xml", b"<!DOCTYPE a><File/>", "PKG-021"), ("x.xml", b"<File", "PKG-020"),
    ("x.xml", b"<File><Foo>1</Foo></File>", "ANNEX-005"), ("y.txt", b"", "ANNEX-006")])
def test_whatever_is_wrong_with_the_xml_gets_a_finding(tmp_path: Path, name: str, content: bytes, code: str) -> None:
    (tmp_path / name).write_bytes(content)
    assert code in codes(read_tt02(tmp_path))


def test_an_element_that_no_table_has_keeps_its_value() -> None:
    found: list[object] = []
    record = from_xml(etree.fromstring("<Document><Subject>a</Subject><Foo>b</Foo></Document>"), "d.xml",
                      found)  # type: ignore[arg-type]
    assert record is not None
    assert record.fields == {"subject": "a", "Foo": "b"}
    assert len(found) == 1


# --- checked as any package --------------------------------------------------------------------------------


def packed(held: Archive, tmp_path: Path, zipped: bool) -> Path:
    """The case file written, as a folder or as a ZIP with that folder in it."""
    out = tmp_path / "out"
    write_tt02(held, FILE, out)
    if not zipped:
        return out
    with zipfile.ZipFile(tmp_path / "out.zip", "w") as archive:
        for path in out.iterdir():
            archive.write(path, f"out/{path.name}")
    return tmp_path / "out.zip"


@pytest.mark.parametrize("zipped", [False, True])
def test_what_we_write_is_recognised_and_without_an_error(held: Archive, tmp_path: Path, zipped: bool) -> None:
    done: list[tuple[int, int]] = []
    report = check_package(packed(held, tmp_path, zipped), progress=lambda *told: done.append(told), wanted="tt02")
    assert report.worst < Level.refused, [one.sentence() for one in report.findings]
    assert (report.kind, report.objid, report.documents, report.files) == ("TT02 hoso", FILE, 2, 6)
    assert report.bytes == done[-1][0] > 0
    assert "PKG-013" not in {one.code for one in report.findings}


@pytest.mark.parametrize(("spoil", "code"), [
    (lambda out: (out / f"{FIRST}.txt").write_bytes(b"changed"), "ANNEX-002"),
    (lambda out: (out / "fonds.xml").unlink(), "ANNEX-001"),
    (lambda out: (out / "sha256sums.txt").unlink(), "ANNEX-001"),
    (lambda out: (out / "more.txt").write_bytes(b"more"), "ANNEX-003"),
    (lambda out: (out / "more.txt").write_bytes(b"more"), "ANNEX-008"),
    (lambda out: (out / f"{FIRST}.txt").unlink(), "ANNEX-007"),
    (lambda out: (out / f"{FILE}.xml").unlink(), "ANNEX-006"),
    (lambda out: (out / f"{FIRST}.xml").write_text("<Document><IssuedDate>31/02/2026</IssuedDate></Document>"),
     "META-007")])
def test_a_spoilt_package_of_the_old_regime_is_found_out(held: Archive, tmp_path: Path, spoil: Callable[[Path], object],
                                                         code: str) -> None:
    out = packed(held, tmp_path, zipped=False)
    spoil(out)
    assert code in {one.code for one in check_package(out).findings}


def test_a_folder_of_something_else_is_no_package_of_the_old_regime(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text("<Other/>")
    (tmp_path / "sha256sums.txt").write_text("")
    report = check_package(tmp_path)
    assert (report.kind, [one.code for one in report.findings]) == ("", ["PKG-013"])
