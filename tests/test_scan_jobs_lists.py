"""The lists of a scan job as people write them: headings, totals, counts, words, conditions; what is not believed."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from archive.scan_acts import CLASSES, ERROR_STATES, VERDICTS
from archive.spelling import fold
from ingest import scan_gates, scan_lists
from ingest.scan_quality import _WORDS, Scan, sample
from tests.scan_job_material import FILES, HEADING, write_csv

ROUND = {"documents": [{"code": f"{FILES[0]}.0000001", "pages": 2}], "errors": []}
CELL = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


def codes(found: scan_lists.Listed) -> list[str]:
    return [one.code for one in found.findings]


def test_a_list_as_it_is_signed_is_read_from_heading_to_total(tmp_path: Path) -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (["SỞ NỘI VỤ TỈNH MẪU"], ["DANH SÁCH HỒ SƠ BÀN GIAO"], [], HEADING, [f"({n})" for n in range(1, 10)],
                [1, "01", FILES[0], "Công văn đi năm 2026", 3, 4, "Tốt", None, None],
                [2, None, FILES[1], "Tổng cộng các báo cáo", None, "1.204", "Tốt", None, "khổ A3"],
                ["Tổng cộng", None, None, None, 3, 1208], ["Bên giao", None, None, "Bên nhận"],
                ["Trần Thị Kho", None, None, "Nguyễn Văn Quét"]):
        sheet.append(row)
    book.save(tmp_path / "giao.xlsx")
    found = scan_lists.read_files(tmp_path / "giao.xlsx")
    assert found.findings == []
    assert [(one["code"], one["box"], one["documents"], one["sheets"]) for one in found.rows] == [
        (FILES[0], "01", 3, 4), (FILES[1], "01", 0, 1204)]
    assert found.rows[1]["note"] == "khổ A3"


def test_no_row_with_a_code_is_dropped_because_of_a_total_above_it(tmp_path: Path) -> None:
    rows = [[1, "", FILES[0], "", 3, 4, "", "", ""], ["Cộng", "", "", "", 3, 4],
            [2, "", FILES[1], "", 3, 4, "", "", ""]]
    assert [one["code"] for one in scan_lists.read_files(write_csv(tmp_path / "g.csv", rows)).rows] == list(FILES)


def test_a_row_without_a_code_is_told(tmp_path: Path) -> None:
    rows = [[1, "", "", "Hồ sơ không mã", 3, 4, "", "", ""]]
    assert codes(scan_lists.read_files(write_csv(tmp_path / "g.csv", rows))) == ["SCAN-003"]


@pytest.mark.parametrize(("cell", "count"), [("4", 4), ("1.204", 1204), ("1,204", 1204), ("4.0", 4)])
def test_counts_are_read_as_people_and_programs_write_them(tmp_path: Path, cell: str, count: int) -> None:
    rows = [[1, "", FILES[0], "", 3, cell, "", "", ""]]
    (row,) = scan_lists.read_files(write_csv(tmp_path / "g.csv", rows)).rows
    assert row["sheets"] == count


@pytest.mark.parametrize("cell", ["", "0", "-4", "4,5", "bốn", "4 tờ", "12.34", "99999999"])
def test_what_is_no_count_is_told(tmp_path: Path, cell: str) -> None:
    rows = [[1, "", FILES[0], "", 3, cell, "", "", ""]]
    assert codes(scan_lists.read_files(write_csv(tmp_path / "g.csv", rows))) == ["SCAN-005"]


def test_nothing_coming_back_can_be_told_but_not_left_out(tmp_path: Path) -> None:
    heading = ["Mã hồ sơ", "Số tờ trả", "Ghi chú"]
    counts, found = scan_lists.read_returned(write_csv(tmp_path / "t.csv", [[FILES[0], 0, "mất"]], heading))
    assert counts == {FILES[0]: (0, "mất")} and found == []
    _counts, found = scan_lists.read_returned(write_csv(tmp_path / "t.csv", [[FILES[0], "", "mất"]], heading))
    assert [one.code for one in found] == ["SCAN-005"]
    _counts, found = scan_lists.read_returned(write_csv(tmp_path / "t.csv", [[FILES[0], 1, ""], [FILES[0], 2, ""]],
                                                        heading))
    assert [one.code for one in found] == ["SCAN-004"]


@pytest.mark.parametrize(("words", "kind"), [
    ("dính", "stuck"), ("Giấy bị rách", "torn"), ("mờ", "faded"), ("chữ phai màu", "faded"), ("nhoè", "faded"),
    ("Hỏng", "other"), ("mo, rach", "torn"), ("RÁCH", "torn"), ("Tốt", ""), ("Bình thường", ""), ("không rách", ""),
    ("chưa mờ", ""), ("đính kèm bản đồ", ""), ("mở đầu đủ", ""), ("", ""), ("không rách, bị mờ", "faded")])
def test_damage_is_told_by_its_words_and_not_by_words_that_look_like_them(words: str, kind: str) -> None:
    assert scan_lists.damage(words) == kind


@pytest.mark.parametrize(("condition", "treatment", "stays"), [
    ("mờ", "", True), ("mờ", "needed", True), ("mờ", "done", False), ("mờ", "not_needed", False), ("Tốt", "", False),
    ("Tốt", "needed", True)])
def test_only_what_was_treated_or_needs_nothing_is_scanned(condition: str, treatment: str, *, stays: bool) -> None:
    one = {"condition": condition, "treatment": treatment}
    assert scan_gates.untreated([one]) == ([one] if stays else [])


@pytest.mark.parametrize(("cell", "value"), [
    ("đã xử lý", "done"), ("Không cần", "not_needed"), ("cần tu bổ", "needed"), ("gửi xưởng", "needed"), ("", "")])
def test_a_treatment_that_is_not_understood_counts_as_needed(tmp_path: Path, cell: str, value: str) -> None:
    (row,) = scan_lists.read_files(write_csv(tmp_path / "g.csv", [[1, "", FILES[0], "", 3, 4, "", cell, ""]])).rows
    assert row["treatment"] == value


@pytest.mark.parametrize("level", ["Mật", "Tối mật", "Tuyệt mật", "C"])
def test_a_row_that_bears_a_secrecy_level_is_named_and_not_repeated(tmp_path: Path, level: str) -> None:
    heading = [*HEADING, "Độ mật"]
    rows = [[1, "", FILES[0], "Hồng Lạc", 3, 4, "", "", "", level], [2, "", FILES[1], "", 3, 4, "", "", "", "Không"]]
    found = scan_lists.read_files(write_csv(tmp_path / "g.csv", rows, heading))
    assert codes(found) == ["SCAN-006"] and found.secret and [one["code"] for one in found.rows] == [FILES[1]]
    assert "Hồng Lạc" not in str([one.as_dict() for one in found.findings])


def test_every_word_that_the_list_writes_is_one_that_it_reads() -> None:
    words = tomllib.loads(Path(scan_lists.__file__).with_suffix(".toml").read_text(encoding="utf-8"))["words"]
    for table, values in (("verdict", VERDICTS), ("class", CLASSES), ("state", ERROR_STATES)):
        for value in filter(None, values):
            assert fold(_WORDS[value]) in words[table][value], value
    for table, values in words.items():
        if table != "closing":
            told = [word for one in values.values() for word in one]
            assert len(told) == len(set(told)) and all(word == fold(word) for word in told), table


@given(st.lists(st.lists(CELL, max_size=9), max_size=6))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_the_cells_hold_it_becomes_rows_or_findings(tmp_path: Path, rows: list[list[str]]) -> None:
    table = write_csv(tmp_path / "x.csv", rows)
    found = scan_lists.read_files(table)
    assert all(one["sheets"] > 0 or "SCAN-005" in codes(found) for one in found.rows)
    assert all(one.sentence() and one.cure() for one in found.findings)
    heading = ["Mã tài liệu", "Kết quả", "Lỗi số", "Loại lỗi", "Trang lỗi", "Mô tả lỗi", "Khắc phục", "Ghi chú"]
    verdicts, errors, _findings = scan_lists.read_checked(write_csv(table, rows, heading), ROUND)
    assert set(verdicts.values()) <= set(VERDICTS) and all(one["class"] in CLASSES for one in errors)


@given(st.binary(max_size=200))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_the_bytes_are_nothing_crashes(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.xlsx").write_bytes(data)
    assert scan_lists.refused(scan_lists.read_files(tmp_path / "x.xlsx").findings)


@given(st.integers(1, 60), st.integers(1, 100), st.text(max_size=5))
def test_a_sample_has_its_size_no_double_and_the_worst(number: int, percent: int, seed: str) -> None:
    scans = [Scan(f"c{n:03d}", "f", n, str(n), 1, "", True, 0, 0, score=n / 100) for n in range(number)]
    drawn = sample(scans, percent, seed)
    assert len(drawn) == len({one.code for one in drawn}) == max(1, -(-number * percent // 100))
    assert drawn[0] == scans[0] and drawn == sample(list(reversed(scans)), percent, seed)
