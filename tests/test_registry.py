"""Promises about registry lists: recognised whatever their dress, never guessed at, and no document taken for one."""

from __future__ import annotations

import unicodedata
import zipfile
from collections.abc import Callable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from archive.fields import profile
from archive.findings import Finding, rules
from archive.spelling import fold
from ingest.sources.registry import Row, is_list, match, read_list
from ingest.sources.registry_heading import columns_data, kind_columns, tag_columns

HEADING = ["STT", "Tên tệp", "Số, ký hiệu", "Ngày, tháng, năm văn bản", "Tên loại và trích yếu nội dung",
           "Tác giả văn bản", "Số trang", "Mã hồ sơ", "Ghi chú"]
ROW = ["1", "vb1.pdf", "104/QĐ-UBND", "05/03/2026", "Quyết định về việc ban hành quy chế", "UBND tỉnh", "35",
       "H99.2026.01.VP", "bản chính"]
FIELDS = {"codeNumber": "104", "codeNotation": "QĐ-UBND", "issuedDate": "05/03/2026", "typeName": "Quyết định",
          "subject": "Quyết định về việc ban hành quy chế", "organName": "UBND tỉnh", "numberOfPage": "35",
          "fileCode": "H99.2026.01.VP", "description": "bản chính"}

SAMPLE = Path(__file__).parent / "fixtures" / "danh-sach-van-ban.xlsx"

Write = Callable[..., Path]


@pytest.fixture
def csv(tmp_path: Path) -> Write:
    """Write a CSV file: rows of cells, or its text."""

    def write(rows: Sequence[Sequence[str]] | str, separator: str = ";", encoding: str = "utf-8",
              name: str = "danh sách.csv") -> Path:
        text = rows if isinstance(rows, str) else "".join(
            separator.join(f'"{cell}"' if separator in cell else cell for cell in row) + "\r\n" for row in rows)
        path = tmp_path / name
        path.write_bytes(text.encode(encoding))
        return path

    return write


@pytest.fixture
def xlsx(tmp_path: Path) -> Write:
    """Write a workbook: rows of values by sheet, or of its one sheet."""

    def write(rows: Sequence[Sequence[Any]] | dict[str, Sequence[Sequence[Any]]], name: str = "danh mục.xlsx") -> Path:
        book = openpyxl.Workbook()
        sheets = rows if isinstance(rows, dict) else {"Sheet1": rows}
        assert book.active is not None
        book.remove(book.active)
        for title, content in sheets.items():
            sheet = book.create_sheet(title)
            for row in content:
                sheet.append(list(row))
        book.save(tmp_path / name)
        return tmp_path / name

    return write


def codes(findings: Sequence[Finding]) -> list[str]:
    for found in findings:
        assert "…" not in found.sentence("vi").replace(" …", "") + found.sentence("en").replace(" …", ""), found.code
        assert "{" not in found.sentence("vi") + found.sentence("en")
    return [found.code for found in findings]


def tones_apart(text: str) -> str:
    """`text` as windows-1258 has it: letters with their shape, tone marks after them."""
    tones = "\u0300\u0301\u0303\u0309\u0323"
    apart = [unicodedata.normalize("NFD", char) for char in text]
    return "".join(unicodedata.normalize("NFC", "".join(sign for sign in char if sign not in tones))
                   + "".join(sign for sign in char if sign in tones) for char in apart)


def row(name: str, line: int = 2, **fields: str) -> Row:
    return Row(line, name, fields or {"subject": name}, {"Tên tệp": name})


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1258"])
def test_a_csv_list_is_read_under_any_separator_and_encoding(csv: Write, separator: str, encoding: str) -> None:
    rows: Sequence[Sequence[str]] = [HEADING, ROW]
    if encoding == "cp1258":
        rows = [[tones_apart(cell) for cell in line] for line in rows]
    path = csv(rows, separator, encoding)
    assert is_list(path)
    found = read_list(path)
    assert [(one.line, one.file_name, one.fields) for one in found.rows] == [(2, "vb1.pdf", FIELDS)]
    assert found.findings == [] and found.rows[0].raw["STT"] == "1"


@pytest.mark.parametrize("heading", [
    ["TÊN TỆP", "  trích   yếu nội dung ", "Số trang"], ["ten tep", "trich yeu", "so trang"],
    ["Tên\ntệp", "Trích yếu:", "Số trang (*)"], ["File name", "subject", "numberOfPage"],
    [unicodedata.normalize("NFD", text) for text in ("Tên tệp", "Trích yếu", "Số trang")]])
def test_headings_are_known_whatever_their_spelling(xlsx: Write, heading: list[str]) -> None:
    path = xlsx([heading, ["a.pdf", "Về việc A", 3]])
    assert is_list(path)
    assert read_list(path).rows[0].fields == {"subject": "Về việc A", "numberOfPage": "3"}


def test_excel_values_come_as_they_are_printed(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["Tên tệp", "Ngày văn bản", "Ngày đến", "Số trang", "Số văn bản", "Quy trình xử lý",
                  "Số thứ tự trong hồ sơ"])
    sheet.append(["a.pdf", date(2026, 3, 5), datetime(2026, 3, 6, 8, 30), 35.0, 104, True, 7])
    sheet["G2"].number_format = "0000000"
    path = tmp_path / "a.xlsx"
    book.save(path)
    assert read_list(path).rows[0].fields == {
        "issuedDate": "05/03/2026", "receivedDate": "06/03/2026 08:30", "numberOfPage": "35", "codeNumber": "104",
        "process": "1", "docOrdinal": "0000007"}


def test_title_rows_merged_headings_and_numbering_rows_are_seen_through(xlsx: Write) -> None:
    path = xlsx([["UBND TỈNH MẪU"], [], ["DANH MỤC VĂN BẢN"], [None, "Năm 2026"],
                 ["STT", "Tên tệp", "Văn bản", None, "Trích yếu"], [None, None, "Số", "Ký hiệu", None],
                 ["(1)", "(2)", "(3)", "(4)", "(5)"],
                 ["I", "Quyết định"], [1, "a.pdf", 104, "QĐ-UBND", "Về việc A"],
                 [None, None, None, None, "NGƯỜI LẬP"]])
    found = read_list(path)
    assert found.findings == [] or codes(found.findings) == []
    assert [(one.line, one.file_name, one.fields) for one in found.rows if one.file_name == "a.pdf"] == [
        (9, "a.pdf", {"codeNumber": "104", "codeNotation": "QĐ-UBND", "subject": "Về việc A"})]


def test_an_ordinary_table_is_never_taken_for_a_list(csv: Write, xlsx: Write, tmp_path: Path) -> None:
    tables = [[["STT", "Họ và tên", "Số trang", "Ghi chú"], ["1", "An", "2", "x"]],
              [["Tên tệp", "Kích thước", "Ghi chú"], ["a.pdf", "35 kB", "x"]],
              [["Số", "Ký hiệu", "Trích yếu"], ["1", "QĐ", "x"]],
              [["Phần mềm ghi tên tệp, số trang và trích yếu vào sổ"]], []]
    for rows in tables:
        assert not is_list(csv(rows)) and not is_list(xlsx(rows))
    for name, data in (("a.pdf", b"%PDF-1.7"), ("a.docx", b"PK\x03\x04"), ("b.xlsx", b"PK\x03\x04 broken"),
                       ("c.csv", b""), ("d.csv", bytes(range(256)) * 40), ("e.txt", "Tên tệp là gì?".encode())):
        (tmp_path / name).write_bytes(data)
        assert not is_list(tmp_path / name)


def test_a_workbook_without_the_heading_is_told_without_loading_it(
        xlsx: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = xlsx([["STT", "Họ và tên"], [1, "An"]])
    monkeypatch.setattr(openpyxl, "load_workbook", lambda *args, **options: pytest.fail("the workbook was loaded"))
    assert not is_list(path)


def test_formulas_are_flagged_and_not_computed(xlsx: Write, csv: Write) -> None:
    found = read_list(xlsx([["Tên tệp", "Trích yếu", "Số trang"], ["a.pdf", "A", "=1+1"], ["b.pdf", "#REF!", 2]]))
    assert codes(found.findings) == ["LIST-006"] and "2 (Số trang), 3 (Trích yếu)" in found.findings[0].sentence()
    assert [one.fields for one in found.rows] == [{"subject": "A"}, {"numberOfPage": "2"}]
    found = read_list(csv('Tên tệp;Trích yếu;Số văn bản\na.pdf;=HYPERLINK("x");="007"\n'))
    assert codes(found.findings) == ["LIST-006"] and found.rows[0].fields == {"codeNumber": "007"}


def test_rows_that_contradict_are_not_used_and_copies_count_once(csv: Write) -> None:
    found = read_list(csv([["Tên tệp", "Trích yếu", "Số trang"], ["a.pdf", "A", "1"], ["A.PDF", "khác", "1"],
                           ["b.pdf", "B", "2"], ["b.pdf", "B", "2"], ["", "C", "3"]]))
    assert [one.file_name for one in found.rows] == ["b.pdf"]
    assert sorted(codes(found.findings)) == ["LIST-002", "LIST-003", "LIST-004"]
    texts = {one.code: one.sentence() for one in found.findings}
    assert "2 (a.pdf), 3 (A.PDF)" in texts["LIST-003"] and "5 (b.pdf)" in texts["LIST-004"]
    assert "6 (—)" in texts["LIST-002"]


def test_unknown_and_doubled_columns_are_kept_and_reported(csv: Write) -> None:
    found = read_list(csv([["Tên tệp", "Trích yếu", "Số trang", "Cỡ giấy", "Nội dung", "Đường dẫn"],
                           ["a.pdf", "", "1", "A4", "từ cột sau", "D:/x/a.pdf"]]))
    assert codes(found.findings) == ["LIST-005", "LIST-007"]
    assert found.rows[0].raw["Cỡ giấy"] == "A4" and found.rows[0].raw["Đường dẫn"] == "D:/x/a.pdf"
    assert found.rows[0].fields == {"subject": "từ cột sau", "numberOfPage": "1"}
    assert found.rows[0].file_name == "a.pdf"


@pytest.mark.parametrize(("written", "number", "notation"), [
    ("104/QĐ-UBND", "104", "QĐ-UBND"), ("Số: 104 / QĐ-UBND", "104", "QĐ-UBND"), ("12-NQ/TW", "12", "NQ/TW"),
    ("35/2016/QĐ-UBND", "35", "2016/QĐ-UBND"), ("05a/BC", "05a", "BC"), ("104", "104", None),
    ("QĐ-UBND", None, "QĐ-UBND")])
def test_number_and_notation_in_one_column_are_told_apart(
        csv: Write, written: str, number: str | None, notation: str | None) -> None:
    fields = read_list(csv([["Tên tệp", "Số, ký hiệu", "Trích yếu"], ["a.pdf", written, "A"]])).rows[0].fields
    assert (fields.get("codeNumber"), fields.get("codeNotation")) == (number, notation)


def test_every_sheet_that_is_a_list_is_read_and_hidden_ones_are_not(tmp_path: Path, xlsx: Write) -> None:
    heading = ["Tên tệp", "Trích yếu", "Số trang"]
    path = xlsx({"Bìa": [["Xin chào"]], "01.VP": [heading, ["a.pdf", "A", 1]], "02.VP": [heading, ["b.pdf", "B", 2]],
                 "ẩn": [heading, ["c.pdf", "C", 3]]})
    book = openpyxl.load_workbook(path)
    book["ẩn"].sheet_state = "hidden"
    book.save(path)
    found = read_list(path)
    assert [(one.sheet, one.file_name) for one in found.rows] == [("01.VP", "a.pdf"), ("02.VP", "b.pdf")]


def test_lists_that_are_broken_or_empty_or_torn_are_reported(csv: Write, xlsx: Write, tmp_path: Path) -> None:
    heading = ["Tên tệp", "Trích yếu", "Số trang"]
    assert codes(read_list(xlsx([heading])).findings) == ["LIST-011"]
    whole = xlsx([heading, ["a.pdf", "A", 1]])
    with zipfile.ZipFile(whole) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(tmp_path / "broken.xlsx", "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data[:len(data) // 2] if name == "xl/workbook.xml" else data)
    assert codes(read_list(tmp_path / "broken.xlsx").findings) == ["LIST-001"]
    (tmp_path / "cut.xlsx").write_bytes(whole.read_bytes()[:-60])
    assert codes(read_list(tmp_path / "cut.xlsx").findings) == ["CHECK-031"]
    torn = csv('Tên tệp;Trích yếu;Số trang\na.pdf;"A;1\nb.pdf;B;2\nc.pdf;C;3\nd.pdf;D;4\ne.pdf;E;5\n')
    assert "LIST-009" in codes(read_list(torn).findings)


def test_a_list_beyond_the_limit_is_cut_and_says_so(csv: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = {**columns_data()["limits"], "rows": 3}
    monkeypatch.setitem(columns_data(), "limits", limits)       # type: ignore[arg-type]
    found = read_list(csv([["Tên tệp", "Trích yếu", "Số trang"], *[[f"{n}.pdf", "A", "1"] for n in range(9)]]))
    assert codes(found.findings) == ["LIST-012"] and len(found.rows) == 2


NAMES = ["H99.2026.01.VP/vb1.pdf", "H99.2026.01.VP/Phụ lục/vb1.pdf", "H99.2026.01.VP/Quyết định.pdf", "vb1.pdf",
         "H99.2026.01.VP/vb2.pdf", "H99.2026.01.VP/vb2.docx", "H99.2026.02.VP/vb3.pdf"]


@pytest.mark.parametrize(("written", "meant"), [
    ("vb1.pdf", "H99.2026.01.VP/vb1.pdf"), ("./vb1.pdf", "H99.2026.01.VP/vb1.pdf"),
    ("VB1.PDF", "H99.2026.01.VP/vb1.pdf"),
    ("Phụ lục\\vb1.pdf", "H99.2026.01.VP/Phụ lục/vb1.pdf"), ("H99.2026.02.VP/vb3.pdf", "H99.2026.02.VP/vb3.pdf"),
    (r"D:\Quét\H99.2026.01.VP\vb1.pdf", "H99.2026.01.VP/vb1.pdf"), ("vb1", "H99.2026.01.VP/vb1.pdf"),
    (unicodedata.normalize("NFD", "quyết định.pdf"), "H99.2026.01.VP/Quyết định.pdf"),
    ("vb2.docx", "H99.2026.01.VP/vb2.docx"), ("nơi khác/vb2.pdf", "H99.2026.01.VP/vb2.pdf")])
def test_a_row_finds_its_file(written: str, meant: str) -> None:
    matched, findings = match([row(written)], NAMES, "H99.2026.01.VP", "danh mục.xlsx")
    assert list(matched) == [meant] and findings == []


@pytest.mark.parametrize(("written", "code"), [
    ("vb2", "LIST-010"), ("vb9.pdf", "LIST-008"), ("vb3.pdf", "LIST-008"), ("../../etc/passwd", "LIST-008"),
    ("..", "LIST-008")])
def test_a_row_that_fits_none_or_several_is_used_for_none(written: str, code: str) -> None:
    matched, findings = match([row(written, 7)], NAMES, "H99.2026.01.VP", "danh mục.xlsx")
    assert matched == {} and codes(findings) == [code]
    assert "danh mục.xlsx" in findings[0].sentence() and f"7 ({written})" in findings[0].sentence()


def test_names_that_differ_by_case_only_are_told_apart_when_written_exactly() -> None:
    assert list(match([row("a.pdf")], ["a.pdf", "A.pdf"])[0]) == ["a.pdf"]
    assert codes(match([row("a.PDF")], ["a.pdf", "A.pdf"])[1]) == ["LIST-010"]


def test_two_rows_for_one_file_are_used_only_when_they_agree() -> None:
    same = [row("a.pdf", 2, subject="A"), row("x/a.pdf", 3, subject="A")]
    assert match(same, ["a.pdf"]) == ({"a.pdf": same[0]}, [])
    matched, findings = match([same[0], row("x/a.pdf", 3, subject="B")], ["a.pdf"])
    assert matched == {} and codes(findings) == ["LIST-003"]


def test_a_finding_about_many_rows_names_the_first_and_counts_all() -> None:
    findings = match([row(f"{n}.pdf", n) for n in range(2, 500)], [], "", "danh mục.csv")[1]
    assert len(findings) == 1 and findings[0].params["count"] == "498" and len(findings[0].sentence()) < 600


PICTURES = [["Tên tệp", "Phân loại (âm bản/ảnh)", "Phân loại (âm thanh/video)", "Tên sự kiện", "Tiêu đề", "Tác giả",
             "Địa điểm", "Thời gian", "Thời lượng", "Màu sắc"],
            ["le.jpg", "Ảnh", "", "Lễ khánh thành", "Cắt băng", "Trần Văn Bình", "Trụ sở", "5/3/2026", "", "Màu"],
            ["le.mp4", "", "Video", "Lễ khánh thành", "Toàn cảnh", "Lê Thị Hoa", "Trụ sở", "5/3/2026", "00:10:00", ""],
            ["le.pdf", "", "", "", "", "Sở Nội vụ", "", "5/3/2026", "", ""]]


def test_what_a_heading_means_depends_on_whether_its_row_is_about_a_picture_a_recording_or_a_text(csv: Write) -> None:
    found = read_list(csv(PICTURES))
    assert codes(found.findings) == []
    assert [one.fields for one in found.rows] == [
        {"typePic": "Ảnh", "eventName": "Lễ khánh thành", "imageTitle": "Cắt băng", "photographer": "Trần Văn Bình",
         "photoPlace": "Trụ sở", "photoTime": "5/3/2026", "colour": "Màu"},
        {"typeMedia": "Video", "eventName": "Lễ khánh thành", "movieTitle": "Toàn cảnh", "recorder": "Lê Thị Hoa",
         "recordPlace": "Trụ sở", "recordDate": "5/3/2026", "playTime": "00:10:00"},
        {"organName": "Sở Nội vụ", "issuedDate": "5/3/2026"}]


def test_a_list_of_texts_alone_has_no_place_or_title_of_a_picture(csv: Write) -> None:
    found = read_list(csv([["Tên tệp", "Trích yếu", "Tác giả", "Địa điểm"],
                           ["a.pdf", "Về việc A", "Sở Nội vụ", "Hà Nội"]]))
    assert codes(found.findings) == ["LIST-005"]
    assert found.rows[0].fields == {"subject": "Về việc A", "organName": "Sở Nội vụ"}


@pytest.mark.parametrize("level", ["document", "photo", "av"])
def test_every_field_of_the_tables_that_a_person_may_enter_has_a_column(level: str) -> None:
    regime = profile("tt05_2025")
    ours = {"docId", "arcDocCode", "docCode"}          # given by the archive
    headings = columns_data()["tags"]
    assert {row.key for row in regime.table(level)} - ours <= {*headings}
    for row in regime.table(level) if level != "document" else ():
        known = {**tag_columns(), **kind_columns(level)}
        assert row.key in ours or known.get(fold(row.name_vi)) == row.key, row.name_vi


def test_no_heading_means_two_things() -> None:
    data, seen = columns_data(), {}
    for tag, headings in [("", data["ignored"]["headings"]), ("file", data["file"]["headings"]),
                          *data["tags"].items(), *data["split"].items()]:
        for heading in {fold(one) for one in headings}:
            assert seen.setdefault(heading, tag) == tag, heading
    assert len(tag_columns()) >= len(seen)


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=80, deadline=None)
@given(st.lists(st.lists(st.text(max_size=9), max_size=5), max_size=6), st.binary(max_size=40))
def test_any_bytes_and_any_cells_are_read_without_an_error(tmp_path: Path, rows: list[list[str]], tail: bytes) -> None:
    path = tmp_path / "a.csv"
    text = "Tên tệp;Trích yếu;Số trang\n" + "\n".join(";".join(cells) for cells in rows)
    path.write_bytes(text.encode(errors="surrogatepass") + tail)
    is_list(path)
    found = read_list(path)
    match(found.rows, ["a.pdf"])
    assert all(one.sentence() for one in found.findings)


def test_every_list_finding_says_its_subject() -> None:
    ours = [rule for code, rule in rules().items() if code.startswith("LIST-")]
    assert ours and all("{subject}" in rule.vi and "{subject}" in rule.en for rule in ours)


# --- other kinds of workbooks ---------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".xls", ".ods"])
def test_a_list_saved_as_another_kind_of_workbook_says_the_same(suffix: str) -> None:
    path = Path(__file__).parent / "fixtures" / f"danh-sach-van-ban{suffix}"
    assert is_list(path)
    again, found = read_list(path), read_list(SAMPLE)
    assert (again.rows, again.findings) == (found.rows, found.findings)
    assert len(again.rows) == 22


@pytest.mark.parametrize("suffix", [".xls", ".ods"])
def test_a_workbook_of_another_kind_that_is_no_list_is_a_document(suffix: str, tmp_path: Path) -> None:
    assert not is_list(Path(__file__).parent / "fixtures" / f"file-plan{suffix}")
    broken = tmp_path / f"danh sach{suffix}"
    broken.write_bytes((Path(__file__).parent / "fixtures" / f"danh-sach-van-ban{suffix}").read_bytes()[:3000])
    assert not is_list(broken)
    assert [one.code for one in read_list(broken).findings] == ["LIST-001"]
