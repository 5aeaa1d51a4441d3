"""Codes are written and read back without change; what follows no scheme is kept and flagged."""

from __future__ import annotations

import string
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive import codes
from archive.agency_tables import read_agencies
from archive.codes import DocumentCode, FileCode, LooseCode, Notation, ScanName, Scheme

UPPER = string.ascii_uppercase + string.digits
GROUP = st.text(UPPER, min_size=1, max_size=4)
QD20 = st.builds(lambda letter, number, groups: ".".join([f"{letter}{number:02d}", *groups]),
                 st.sampled_from("ABCDEGHK"), st.integers(0, 99), st.lists(GROUP, max_size=4))
QCVN = st.builds(lambda a, b, c, d: f"{a:03d}.{b:02d}.{c:02d}.{d}", st.integers(0, 999), st.integers(0, 99),
                 st.integers(0, 99), st.sampled_from(["H99", "G09", "K07"]))
# Agencies whose groups look like years, ordinals and headings must not confuse the reader.
PARTS = ["2020", "01", "VP", "H49", "1999", "TCCB", "0000001"]
HARD = st.lists(st.sampled_from(PARTS), min_size=1, max_size=6).map(".".join)
AGENCY = st.one_of(QD20, QCVN, HARD)
NOTATION = st.builds(Notation, st.integers(1, 99_999), st.sampled_from(["VP", "TCCB", "TTr", "ĐĐ", "VT-LT", "A1"]),
                     st.integers(1, 5))
FILE = st.builds(lambda agency, year, notation, inventory: FileCode(agency, year, str(notation), inventory),
                 AGENCY, st.integers(1000, 2999), NOTATION, st.one_of(st.just(""), st.integers(0, 999_999).map(str)))
ORDINAL = st.integers(1, 9_999_999)


@pytest.mark.parametrize(("text", "scheme"), [
    ("H37", Scheme.qd20), ("H49.64.33", Scheme.qd20), ("000.00.15.H51", Scheme.qcvn102),
    ("000.06.16.G09", Scheme.qcvn102),
    ("0100107370", Scheme.enterprise), ("Z01ABC", Scheme.other),
    ("vxp.saas.03", Scheme.unknown), ("null", Scheme.unknown), ("001.00.20.TT2", Scheme.unknown), ("", Scheme.unknown),
    ("H49." + "1" * 40, Scheme.unknown),
])
def test_an_agency_code_is_accepted_and_its_scheme_told(text, scheme):
    code = codes.agency_code(f" {text} ")
    assert (code.text, code.scheme, code.known) == (text, scheme, scheme is not Scheme.unknown)


def test_a_qd20_code_may_have_35_characters_and_no_more():
    assert codes.agency_code("H49." + "1" * 31).scheme is Scheme.qd20
    assert codes.agency_code("H49." + "1" * 32).scheme is Scheme.unknown


def test_an_old_code_turns_round_only_for_comparing():
    assert codes.likely_qd20(codes.agency_code("000.00.15.H51")) == "H51.15"
    assert codes.likely_qd20(codes.agency_code("000.00.00.G12")) == "G12"
    assert codes.likely_qd20(codes.agency_code("H51.15")) is None


@given(NOTATION)
def test_a_notation_is_read_back(notation):
    assert codes.parse_notation(str(notation)) == notation


@pytest.mark.parametrize(("text", "loose", "expected"), [
    ("01.VP", False, "01.VP"), ("1.TCCB", False, "1.TCCB"), ("01/VP", True, "01.VP"), ("01 - VP", True, "01.VP"),
    ("01/VP", False, None), ("VP.01", True, None), ("I", True, None), ("", True, None), ("01", True, None),
])
def test_a_notation_is_an_ordinal_and_the_abbreviation_of_a_heading(text, loose, expected):
    read = codes.parse_notation(text, loose=loose)
    assert (str(read) if read else None) == expected


@given(FILE)
def test_a_file_code_is_read_back(code):
    assert codes.parse_file_code(str(code), inventory=bool(code.inventory)) == code


@given(FILE, ORDINAL)
def test_a_document_code_is_read_back(file, ordinal):
    code = DocumentCode(file, ordinal)
    assert codes.parse_document_code(str(code)) == code
    assert len(str(code).rsplit(".", 1)[1]) == 7


@given(AGENCY, st.integers(1000, 2999), st.integers(1, 99), ORDINAL)
def test_a_code_of_a_loose_document_is_read_back_and_is_no_file_code(agency, year, submission, ordinal):
    code = LooseCode(agency, year, submission, ordinal)
    assert codes.parse_loose_code(str(code)) == code
    assert codes.parse_file_code(str(code)) is None


@given(FILE.filter(lambda file: not file.inventory), st.one_of(st.none(), ORDINAL),
       st.sampled_from(["pdf", "PDF", "tiff", "mp3", ""]))
def test_a_scan_name_is_read_back(file, ordinal, extension):
    scan = ScanName(file, ordinal, extension)
    assert codes.parse_scan_name(str(scan)) == scan


@pytest.mark.parametrize(("name", "ordinal"), [
    ("H99.2026.01.VP.0000012.pdf", 12), ("H99.2026.01.VP.12.pdf", 12), ("H99.2026.01.VP.012.pdf", 12),
    ("H99.2026.01.VP.pdf", None), ("H99.2026.01.VP", None), ("000.06.16.G09.2010.01.TH.1.pdf", 1),
])
def test_both_paddings_of_a_scan_name_are_read_and_seven_digits_written(name, ordinal):
    scan = codes.parse_scan_name(name)
    assert scan.ordinal == ordinal
    if ordinal is not None:
        assert str(scan).split(".")[-2 if scan.extension else -1] == f"{ordinal:07d}"


@pytest.mark.parametrize("name", ["scan0001.pdf", "H99.2026.01.VP.0.pdf", "H99.01.VP.1.pdf", "H99.2026.01.VP_1.pdf", "",
                                  "H99.2026.01.VP.12345678.pdf", "H99.2026.VP.01.1.pdf"])
def test_another_name_is_no_scan_name(name):
    assert codes.parse_scan_name(name) is None


def test_the_parts_of_a_file_code_come_apart():
    code = codes.parse_file_code("000.06.16.G09.2010.01.TH")
    assert (code.agency, code.year, code.notation) == ("000.06.16.G09", 2010, "01.TH")
    assert codes.parse_file_code("H99.2026.01.VP.2", inventory=True).inventory == "2"
    assert codes.parse_file_code("H99.2026.01.VP.2") is None


@pytest.mark.parametrize("parts", [
    ("", 2026, "01.VP"), ("H99", 26, "01.VP"), ("H99", 2026, "VP"), ("H9 9", 2026, "01.VP"),
    ("H99", 2026, "01.VP", "x"),
])
def test_a_file_code_that_could_not_be_read_back_is_not_made(parts):
    with pytest.raises(ValueError, match="not a"):
        FileCode(*parts)


def test_an_ordinal_beyond_seven_digits_is_not_made():
    file = FileCode("H99", 2026, "01.VP")
    for ordinal in (0, 10_000_000):
        with pytest.raises(ValueError, match="ordinal"):
            DocumentCode(file, ordinal)
    with pytest.raises(ValueError, match="inventory"):
        ScanName(FileCode("H99", 2026, "01.VP", "2"), None, "pdf")


@given(FILE)
def test_an_archival_code_gives_the_code_back(file):
    assert codes.without_archive("H99.00", codes.archived("H99.00", file)) == str(file)
    assert codes.without_archive("G09", codes.archived("H99.00", file)) is None


@given(st.text(max_size=60))
def test_no_text_breaks_the_readers(text):
    for read in (codes.parse_notation, codes.parse_file_code, codes.parse_document_code, codes.parse_loose_code):
        found = read(text)
        assert found is None or str(found) == text
    codes.parse_scan_name(text)
    codes.agency_code(text)


# --- the alias table ------------------------------------------------------------------------------------

TABLE = """code,scheme,name,valid_from,valid_to,successor
000.00.00.H98,qcvn102,UBND tỉnh Mẫu,2016-04-01,14/09/2020,H98
H98,qd20,UBND tỉnh Mẫu,15/09/2020,30/06/2025,H99
H99,,UBND tỉnh Mẫu mới,01/07/2025,,
G97,qd20,Bộ giải thể,,01/03/2025,
A01,qd20,Vòng 1,,2020-01-01,A02
A02,qd20,Vòng 2,,2020-01-01,A01
"""


@pytest.fixture
def agencies(tmp_path):
    path = tmp_path / "agencies.csv"
    path.write_text(TABLE, encoding="utf-8-sig")
    return read_agencies(path)


def test_a_code_is_resolved_on_its_day(agencies):
    assert agencies.findings == ()
    valid = agencies.resolve("H98", date(2024, 5, 1))
    assert (valid.status, valid.agency.name, valid.chain) == ("valid", "UBND tỉnh Mẫu", ("H98",))
    assert agencies.resolve("H98", date(2025, 6, 30)).status == "valid"
    assert agencies.resolve("H98", date(2020, 9, 14)).status == "not_yet"
    assert agencies.resolve("X00", date(2026, 1, 1)).status == "unknown"
    assert agencies.resolve("H99", date(2026, 1, 1)).agency.scheme == "qd20"


def test_a_closed_code_leads_to_its_successor_through_every_change(agencies):
    closed = agencies.resolve("000.00.00.H98", date(2026, 1, 1))
    assert (closed.status, closed.agency.code) == ("closed", "H99")
    assert closed.chain == ("000.00.00.H98", "H98", "H99")


def test_a_circle_of_successors_ends(agencies):
    assert agencies.resolve("A01", date(2026, 1, 1)).agency is None
    assert agencies.resolve("G97", date(2026, 1, 1)).agency is None


def test_a_closed_code_is_reported_and_a_valid_or_unlisted_one_is_not(agencies):
    [found] = agencies.check("H98", date(2026, 1, 1), "vb 1")
    assert found.code == "META-016"
    assert "H99" in found.sentence()
    assert "01/01/2026" in found.sentence()
    assert agencies.check("H98", date(2024, 1, 1), "vb 1") == []
    assert agencies.check("X00", date(2024, 1, 1), "vb 1") == []


@pytest.mark.parametrize("line", ["H98,qd20,Tên,31/02/2020,,", "H98,qd20,Tên,2020,,", ",qd20,Tên,,,",
                                  "H98,qd20,Tên,01/01/2021,01/01/2020,"])
def test_a_faulty_line_is_left_out_with_its_number(tmp_path, line):
    path = tmp_path / "agencies.csv"
    path.write_text(f"code,scheme,name,valid_from,valid_to,successor\nG09,,Bộ Nội vụ,,,\n{line}\n", encoding="utf-8")
    table = read_agencies(path)
    assert list(table.lines) == ["G09"]
    assert [(found.code, found.params["line"]) for found in table.findings] == [("META-017", "3")]
