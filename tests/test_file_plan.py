"""A file plan is taken as the agency approved it, and what is wrong in it is told with its row."""

from __future__ import annotations

import io
import unicodedata
import zipfile
from pathlib import Path
from string import Formatter

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.file_plan import Entry, read_file_plan
from archive.findings import Level, rules
from archive.sheets import read_sheets

SAMPLES = Path(__file__).parent.parent / "samples"
HEADER = ("Số và ký hiệu hồ sơ", "Tên đề mục và tiêu đề hồ sơ", "Thời hạn bảo quản", "Người lập hồ sơ", "Ghi chú")
TITLE = ("DANH MỤC HỒ SƠ NĂM 2026", "", "", "", "")
ROWS = (
    ("", "I. VĂN PHÒNG", "", "", ""),
    ("", "1. Công tác văn thư", "", "", ""),
    ("01.VP", "Hồ sơ xây dựng quy chế văn thư", "Vĩnh viễn", "Nguyễn Văn Mẫu", "Bản giấy ở kho 1"),
    ("02.VP", "Tập lưu công văn đi", "10 năm", "Trần Thị Mẫu", ""),
    ("", "II. TỔ CHỨC CÁN BỘ", "", "", ""),
    ("01.TCCB", "Hồ sơ tuyển dụng", "70 năm", "Lê Văn Mẫu", ""),
)


FIXTURES = Path(__file__).parent / "fixtures"
ODS = "urn:oasis:names:tc:opendocument:xmlns:"


def opendocument(rows):
    """An ODS file of one sheet with these rows as XML."""
    content = (f'<office:document-content xmlns:office="{ODS}office:1.0" xmlns:table="{ODS}table:1.0" '
               f'xmlns:text="{ODS}text:1.0"><office:body><office:spreadsheet><table:table table:name="A">{rows}'
               "</table:table></office:spreadsheet></office:body></office:document-content>")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as package:
        package.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        package.writestr("content.xml", content)
    return out.getvalue()


def as_csv(rows, delimiter=","):
    lines = (delimiter.join(f'"{cell}"' if delimiter in cell else cell for cell in row) for row in rows)
    return "\r\n".join(lines) + "\r\n"


@pytest.fixture
def plan(tmp_path):
    """Reads a plan of the given rows under the heading row, saved as CSV."""
    def read(*rows, title=TITLE, header=HEADER, year=None, data=None, name="plan.csv"):
        path = tmp_path / name
        path.write_bytes(as_csv([title, header, *rows]).encode() if data is None else data)
        return read_file_plan(path, year)
    return read


def entry(notation="01.VP", title="Tiêu đề", period="10 năm"):
    return (notation, title, period, "Người lập", "")


def codes(found):
    return [one.code for one in found.findings]


def assert_told(found, code, *words):
    """`found` has the one finding `code`, whose sentence is filled and names `words`."""
    [one] = [one for one in found.findings if one.code == code]
    rule = rules()[code]
    texts = (rule.vi, rule.en, rule.cure_vi, rule.cure_en)
    named = {name for text in texts for _, name, _, _ in Formatter().parse(text) if name}
    assert named <= {"subject", *one.params}
    for word in words:
        assert word in one.sentence()


# --- reading -----------------------------------------------------------------------------------------------


def test_the_form_of_the_decree_is_read_whole(plan):
    read = plan(*ROWS)
    assert read.year == 2026
    assert read.findings == ()
    assert read.entries[0] == Entry("01.VP", "Hồ sơ xây dựng quy chế văn thư", "I. VĂN PHÒNG / 1. Công tác văn thư",
                                    "Vĩnh viễn", None, True, "Nguyễn Văn Mẫu", "Bản giấy ở kho 1")
    assert [(one.notation, one.retention_years, one.permanent, one.heading) for one in read.entries[1:]] == [
        ("02.VP", 10, False, "I. VĂN PHÒNG / 1. Công tác văn thư"), ("01.TCCB", 70, False, "II. TỔ CHỨC CÁN BỘ")]


@pytest.mark.parametrize("name", ["file-plan.csv", "file-plan.xlsx"])
def test_the_sample_plans_are_read_without_findings(name):
    read = read_file_plan(SAMPLES / name)
    assert (read.year, read.findings) == (2026, ())
    assert len(read.entries) == 8
    assert read.entries == read_file_plan(SAMPLES / "file-plan.csv").entries


@pytest.mark.parametrize(("encoding", "delimiter"), [
    ("utf-8", ","), ("utf-8-sig", ","), ("utf-8", ";"), ("utf-8-sig", "\t"), ("utf-16", "\t"), ("utf-8", "|"),
])
def test_every_usual_way_of_saving_csv_gives_the_same_plan(plan, encoding, delimiter):
    read = plan(data=as_csv([TITLE, HEADER, *ROWS], delimiter).encode(encoding))
    assert read.entries == plan(*ROWS).entries
    assert read.findings == ()


def cp1258(text):
    """`text` as Windows writes Vietnamese: tones are marks of their own after their vowel."""
    written = []
    for sign in unicodedata.normalize("NFC", text):
        try:
            written.append(sign.encode("cp1258"))
        except UnicodeEncodeError:
            whole = unicodedata.normalize("NFD", sign)
            tone = next(mark for mark in whole if mark in "\u0300\u0301\u0303\u0309\u0323")
            base = unicodedata.normalize("NFC", whole.replace(tone, ""))
            written.append(base.encode("cp1258") + tone.encode("cp1258"))
    return b"".join(written)


def test_a_windows_1258_file_is_read_and_said_to_be_one(plan):
    read = plan(data=cp1258(as_csv([TITLE, HEADER, *ROWS])))
    assert read.entries == plan(*ROWS).entries
    assert codes(read) == ["PLAN-014"]
    assert_told(read, "PLAN-014", "Windows-1258")


def test_a_workbook_is_read_with_its_numbers_and_merged_headings(tmp_path):
    book = openpyxl.Workbook()
    book.active.title = "Bìa"
    sheet = book.create_sheet("Danh mục")
    for row in (["SỞ NỘI VỤ"], ["DANH MỤC HỒ SƠ"], ["Năm 2026"], list(HEADER), [1, 2, 3, 4, 5], ["I. VĂN PHÒNG"],
                ["01.VP", "Tập lưu", 10, "Người lập", None]):
        sheet.append(row)
    sheet.merge_cells("A6:E6")
    book.save(tmp_path / "plan.xlsx")
    read = read_file_plan(tmp_path / "plan.xlsx")
    assert (read.year, read.findings) == (2026, ())
    assert read.entries == (Entry("01.VP", "Tập lưu", "I. VĂN PHÒNG", "10", 10, False, "Người lập", ""),)


def test_the_content_and_not_the_name_says_what_a_file_is(plan):
    read = plan(data=(SAMPLES / "file-plan.xlsx").read_bytes(), name="plan.csv")
    assert len(read.entries) == 8


@pytest.mark.parametrize("suffix", [".xls", ".ods"])
def test_the_same_plan_is_read_from_every_kind_of_workbook(suffix):
    other = read_file_plan(FIXTURES / f"file-plan{suffix}")
    assert (other.entries, other.year, other.findings) == (
        read_file_plan(FIXTURES / "file-plan.xlsx").entries, 2026, ())


def test_a_damaged_workbook_of_any_kind_is_a_finding_even_where_its_reader_aborts(tmp_path):
    for source, tries in ((FIXTURES / "file-plan.xls", 20), (FIXTURES / "file-plan.ods", 60)):
        whole = source.read_bytes()
        for place in range(8, len(whole), len(whole) // tries):
            path = tmp_path / "plan.bin"
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF] * 4) + whole[place + 4:])
            read_file_plan(path, 2026)
            path.write_bytes(whole[:place])
            assert read_file_plan(path, 2026).entries == ()


def test_a_workbook_that_makes_its_reader_abort_does_not_take_the_archive_with_it(plan):
    data = bytearray((FIXTURES / "file-plan.xls").read_bytes())
    data[6488:6492] = bytes(byte ^ 0xFF for byte in data[6488:6489]) * 4        # found by trying
    assert_told(plan(data=bytes(data), name="plan.xls"), "PLAN-001", "XLS bị hỏng")


@pytest.mark.parametrize("row", [
    '<table:table-row table:number-rows-repeated="999999999"><table:table-cell><text:p>x</text:p></table:table-cell>'
    "</table:table-row>",
    '<table:table-row table:number-rows-repeated="150000"><table:table-cell table:number-columns-repeated="16384">'
    "<text:p>x</text:p></table:table-cell></table:table-row>"])
def test_a_workbook_that_claims_a_milliard_cells_is_refused(plan, row):
    assert_told(plan(data=opendocument(row), name="plan.ods"), "PLAN-001", "quá nhiều ô")


def test_an_opendocument_sheet_is_read_as_it_is_shown(tmp_path):
    path = tmp_path / "bảng.ods"
    path.write_bytes(opendocument(
        '<table:table-row table:number-rows-repeated="2"><table:table-cell table:number-columns-repeated="9"/>'
        "</table:table-row><table:table-row><table:table-cell><text:p>Một</text:p><text:p>hai</text:p>"
        "<office:annotation><text:p>ghi chú</text:p></office:annotation></table:table-cell><table:covered-table-cell/>"
        '<table:table-cell office:value-type="float" office:value="1"><text:p>01</text:p></table:table-cell>'
        '<table:table-cell office:value-type="date" office:date-value="2026-03-05T00:00:00"><text:p>3/5/26</text:p>'
        "</table:table-cell></table:table-row>"
        '<table:table-row table:number-rows-repeated="1048570"><table:table-cell/></table:table-row>'))
    [sheet] = read_sheets(path)
    assert sheet.rows == ((), (), ("Một hai", "", "01", "05/03/2026"))


def test_headings_are_told_from_words_that_begin_like_roman_numerals(plan):
    read = plan(("V", "KẾ TOÁN", "", "", ""), entry("01.KT"), ("VI.", "VI. THANH TRA", "", "", ""), entry("01.TTr"),
                ("", "VI PHẠM HÀNH CHÍNH", "", "", ""), entry("01.VPHC"))
    assert [one.heading for one in read.entries] == ["V. KẾ TOÁN", "VI. THANH TRA", "VI PHẠM HÀNH CHÍNH"]
    assert_told(read, "PLAN-015", "VI PHẠM HÀNH CHÍNH", "dòng 7")


def test_a_column_row_and_empty_rows_are_passed_over(plan):
    read = plan(("(1)", "(2)", "(3)", "(4)", "(5)"), ("", "", "", "", ""), entry())
    assert len(read.entries) == 1
    assert read.findings == ()


def test_columns_may_stand_in_another_order_with_others_between(plan):
    header = ("STT", "Thời hạn bảo quản", "TIÊU ĐỀ HỒ SƠ", "Số, ký hiệu hồ sơ")
    read = plan(("1", "10 năm", "Tập lưu", "01.VP"), header=header,
                title=("Năm 2026", "", "", ""))
    assert read.entries == (Entry("01.VP", "Tập lưu", "", "10 năm", 10, False, "", ""),)


def test_an_entry_is_found_by_its_notation_however_it_is_padded(plan):
    read = plan(*ROWS)
    assert read.entry("1.vp") == read.entries[0]
    assert read.entry("01/TCCB") == read.entries[2]
    assert read.entry("09.VP") is None
    assert read.entry("?") is None


# --- the year ------------------------------------------------------------------------------------------------


def test_the_year_is_the_titles_and_not_that_of_the_decision(plan):
    title = ("Kèm theo Quyết định ngày 30 tháng 12 năm 2025. DANH MỤC HỒ SƠ NĂM 2026", "", "", "", "")
    assert plan(entry(), title=title).year == 2026
    only_issued = plan(entry(), title=("Hà Nội, ngày 30 tháng 12 năm 2025", "", "", "", ""))
    assert only_issued.year is None
    assert_told(only_issued, "PLAN-003")


def test_the_callers_year_goes_first_and_a_difference_is_told(plan):
    assert plan(entry(), title=("DANH MỤC", "", "", "", ""), year=2025).findings == ()
    read = plan(entry(), year=2025)
    assert read.year == 2025
    assert_told(read, "PLAN-004", "2025", "2026")


# --- numbering -----------------------------------------------------------------------------------------------


def test_numbers_may_run_through_the_list_or_begin_again_under_each_heading(plan):
    first, second = ("", "I. A", "", "", ""), ("", "II. B", "", "", "")
    through = plan(first, entry("01.A"), entry("02.A"), second, entry("03.B"), entry("04.B"))
    within = plan(first, entry("01.A"), entry("02.A"), second, entry("01.B"), entry("02.B"))
    assert (through.findings, within.findings) == ((), ())


def test_a_gap_is_told_in_either_way_of_numbering(plan):
    first, second = ("", "I. A", "", "", ""), ("", "II. B", "", "", "")
    through = plan(first, entry("01.A"), second, entry("03.B"), entry("07.B"))
    assert_told(through, "PLAN-009", "toàn danh mục", "2, 4–6")
    within = plan(first, entry("01.A"), entry("03.A"), second, entry("01.B"), entry("02.B"))
    assert_told(within, "PLAN-009", "I. A", "thiếu số 2.")


def test_the_way_of_numbering_is_told_and_a_mixture_reported(plan):
    first, second, third = (("", f"{n} {name}", "", "", "") for n, name in (("I.", "A"), ("II.", "B"), ("III.", "C")))
    assert plan(first, entry("01.A"), second, entry("02.B")).numbering == "through"
    assert plan(first, entry("01.A"), second, entry("01.B")).numbering == "by_heading"
    assert plan().numbering == ""
    mixed = plan(first, entry("01.A"), entry("02.A"), second, entry("01.B"), third, entry("02.C"), entry("03.C"))
    assert mixed.numbering == "mixed"
    assert_told(mixed, "PLAN-018", "II. B", "III. C")
    assert codes(mixed) == ["PLAN-018"]                 # what goes on has no gap before it


def test_a_row_out_of_order_is_told_once_and_stays_where_it_is(plan):
    read = plan(entry("01.A"), entry("03.A"), entry("02.A"), entry("05.A"), entry("04.A"))
    assert_told(read, "PLAN-019", "dòng 5", "02.A")
    assert [one.notation for one in read.entries] == ["01.A", "03.A", "02.A", "05.A", "04.A"]


def test_two_abbreviations_under_one_heading_are_told(plan):
    read = plan(("", "I. VĂN PHÒNG", "", "", ""), entry("01.VP"), entry("02.VT"))
    assert_told(read, "PLAN-020", "I. VĂN PHÒNG", "VP, VT")


def test_a_notation_used_twice_stands_once(plan):
    read = plan(entry("01.VP", "Một"), entry("1.vp", "Hai"))
    assert [one.title for one in read.entries] == ["Một"]
    assert_told(read, "PLAN-008", "dòng 4", "dòng 3")


# --- faults ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("row", "code", "words", "entries"), [
    (("", "Hồ sơ không số", "10 năm", "", ""), "PLAN-005", ("dòng 3", "Hồ sơ không số"), 0),
    (entry("VP-01"), "PLAN-006", ("dòng 3", "VP-01"), 0),
    (entry("01." + "A" * 28), "PLAN-006", ("AAAA",), 0),
    (entry("01/VP"), "PLAN-007", ("01/VP", "01.VP"), 1),
    (entry(title=""), "PLAN-010", ("dòng 3", "01.VP"), 1),
    (entry(period=""), "PLAN-011", ("dòng 3", "01.VP"), 1),
    (entry(period="Đến khi hết hiệu lực"), "PLAN-012", ("Đến khi hết hiệu lực",), 1),
    (entry(period="1 năm"), "PLAN-013", ("1 năm", "01.VP"), 1),
    (entry(period="71 năm"), "PLAN-013", ("71 năm",), 1),
])
def test_a_fault_of_a_row_is_told_with_its_row(plan, row, code, words, entries):
    read = plan(row)
    assert len(read.entries) == entries
    assert_told(read, code, *words)


def test_a_period_that_is_no_number_keeps_its_words(plan):
    [one] = plan(entry(period="Đến khi hết hiệu lực")).entries
    assert (one.retention_text, one.retention_years, one.permanent) == ("Đến khi hết hiệu lực", None, False)


@pytest.mark.parametrize("period", ["2 năm", "70 năm", "Vĩnh viễn"])
def test_the_ends_of_the_laws_range_are_within_it(plan, period):
    assert plan(entry(period=period)).findings == ()


def test_the_closing_line_is_compared_with_the_count(plan):
    closing = ("Danh mục hồ sơ này có 03 (ba) hồ sơ, bao gồm: 01 hồ sơ bảo quản vĩnh viễn; "
               "02 hồ sơ bảo quản có thời hạn.")
    assert plan(*ROWS, (closing, "", "", "", "")).findings == ()
    read = plan(*ROWS[:4], ("", closing, "", "", ""), ("Nơi nhận:", "01.VP", "", "", ""))
    assert codes(read) == ["PLAN-016", "PLAN-016"]
    assert "ghi 3 hồ sơ nói chung, đếm được 2" in read.findings[0].sentence()
    assert "ghi 2 hồ sơ bảo quản có thời hạn, đếm được 1" in read.findings[1].sentence()


def test_a_plan_without_files_says_so(plan):
    read = plan(("", "I. VĂN PHÒNG", "", "", ""))
    assert_told(read, "PLAN-017")


@pytest.mark.parametrize("data", [
    b"PK\x03\x04 cut short", b"\xd0\xcf\x11\xe0 old workbook", b"\xff\xfe\x00\xd8\x00", b"\x00\x01\x02\x03\xff",
    b"%PDF-1.7\n\x00\xff\x81\x8d",
])
def test_a_file_that_is_no_table_is_refused_with_the_reason(plan, data):
    read = plan(data=data)
    assert read.entries == ()
    assert_told(read, "PLAN-001")
    assert read.findings[0].level is Level.refused


def test_a_damaged_workbook_is_refused_and_breaks_nothing(plan):
    whole = (SAMPLES / "file-plan.xlsx").read_bytes()
    for cut in range(10, len(whole), max(1, len(whole) // 25)):
        assert "PLAN-001" in codes(plan(data=whole[:cut]))
    for place in range(30, len(whole), max(1, len(whole) // 60)):
        plan(data=whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1:])


def test_a_table_that_is_no_file_plan_is_refused(plan):
    read = plan(("a", "b"), header=("STT", "Họ và tên"), title=("Danh sách", ""))
    assert_told(read, "PLAN-002")
    assert plan(data=b"").findings[0].code == "PLAN-002"


def test_every_code_of_this_section_has_a_case():
    tested = Path(__file__).read_text(encoding="utf-8")
    tested += (Path(__file__).parent / "test_lists.py").read_text(encoding="utf-8")
    assert {code for code in rules() if code.startswith("PLAN-") and code not in tested} == set()


@given(st.binary(max_size=400))
def test_no_bytes_break_the_reader(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(data)
    read_file_plan(path, 2026)


CELL = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\"\x00"), max_size=12)


@given(st.lists(st.tuples(*[st.one_of(CELL, st.sampled_from(["01.VP", "02.VP", "I", "II. Đề mục", "10 năm"]))] * 5),
                max_size=8))
def test_every_row_is_an_entry_a_heading_or_told(tmp_path_factory, rows):
    path = tmp_path_factory.getbasetemp() / "rows.csv"
    path.write_text(as_csv([TITLE, HEADER, *rows], "\t"), encoding="utf-8")
    read = read_file_plan(path)
    keys = [one.notation.casefold() for one in read.entries]
    assert len(keys) == len(set(keys))
    assert read.entries or "PLAN-017" in codes(read) or "PLAN-002" in codes(read)
