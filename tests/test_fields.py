"""The field tables are whole, and a record is judged by them and by nothing else."""

from __future__ import annotations

from collections import Counter
from datetime import date
from string import Formatter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive import fields as law
from archive.dates import parse_date
from archive.fields.document_types import _folded, _raw
from archive.fields.own import own_rows
from archive.fields.tables import read_rows
from archive.findings import Level, rules
from archive.retention_text import parse_retention
from archive.spelling import fold, plain

GOOD = {"typeName": "02", "codeNumber": "12", "codeNotation": "QĐ-UBND", "issuedDate": "05/09/2026",
        "organName": "UBND tỉnh Mẫu", "subject": "Về việc ban hành quy chế", "receivedDate": "05/09/2026"}
CLOSED = {**GOOD, "docId": "H99.2026.12", "docCode": "H99.2026.01.VP.0000001", "maintenance": "01", "language": "01",
          "numberOfPage": "3", "mode": "01", "confidenceLevel": "01", "process": "0", "riskRecovery": "0"}
FILE = {"title": "Hồ sơ", "maintenance": "01", "mode": "01", "startDate": "01/01/2026", "endDate": "31/12/2026"}


def codes_of(findings):
    return [found.code for found in findings]


def assert_filled(found):
    """Every parameter that the finding's sentences and cures name is there."""
    rule = rules()[found.code]
    texts = (rule.vi, rule.en, rule.cure_vi, rule.cure_en)
    named = {name for text in texts for _, name, _, _ in Formatter().parse(text) if name}
    assert named <= {"subject", *found.params}, found.code


# --- the data ---------------------------------------------------------------------------------------------

EXPECTED_ROWS = {
    ("tt05_2025", "AIP_hoso", "file"): 18, ("tt05_2025", "SIP_hoso", "file"): 18,
    ("tt05_2025", "AIP_tailieu", "package"): 4,
    ("tt05_2025", "SIP_tailieu", "package"): 5, ("tt05_2025", "DIP", "request"): 7, ("tt05_2025", "", "fonds"): 10,
    ("tt05_2025", "AIP_hoso", "document"): 21, ("tt05_2025", "SIP_hoso", "document"): 21,
    ("tt05_2025", "AIP_tailieu", "document"): 21, ("tt05_2025", "SIP_tailieu", "document"): 21,
    ("tt05_2025", "DIP", "document"): 20, ("tt05_2025", "AIP_hoso", "photo"): 18,
    ("tt05_2025", "SIP_hoso", "photo"): 18,
    ("tt05_2025", "AIP_hoso", "av"): 19, ("tt05_2025", "SIP_hoso", "av"): 19,
    ("tt02_2019", "", "fonds"): 13, ("tt02_2019", "", "file"): 18, ("tt02_2019", "", "document"): 22,
    ("tt02_2019", "", "photo"): 14, ("tt02_2019", "", "av"): 15,
    ("nd30_2020", "", "file"): 14, ("nd30_2020", "", "document_outgoing"): 23,
    ("nd30_2020", "", "document_incoming"): 23,
    ("cv7197_2025", "", "document_minimal"): 7,
}
ALL_ROWS = [row for name in law.PROFILES for row in law.profile(name).rows]


def test_all_389_rows_of_the_legal_tables_are_there():
    assert Counter((row.profile, row.package, row.level) for row in ALL_ROWS) == EXPECTED_ROWS
    assert len(ALL_ROWS) == 389


@pytest.mark.parametrize("row", [*ALL_ROWS, *read_rows("own")],
                         ids=lambda row: f"{row.profile}-{row.package}-{row.level}-{row.order}")
def test_every_row_has_names_in_both_languages_a_source_and_known_words(row):
    assert row.name_vi and row.name_en and row.source
    assert not set(row.name_en) & set("ăâđêôơưĂÂĐÊÔƠƯ"), "an English name"
    assert row.kind in ("String", "LongText", "Number", "Date", "Boolean", "")
    assert row.length is None or row.length > 0
    assert row.mandatory in ("yes", "no", "conditional", "unknown")
    assert row.confidence in ("high", "medium", "low")
    assert row.tag or row.level == "fonds"
    assert row.code_list == "" or row.code_list in law.code_lists()
    assert row.kind != "Boolean" or set(law.code_lists()[row.code_list].values) == {"0", "1"}
    assert (row.mandatory == "conditional") == bool(row.conditions)


def test_every_condition_and_composition_names_a_field_and_values_that_exist():
    for row in ALL_ROWS:
        table = {other.key: other for other in law.profile(row.profile).table(row.level, row.package)}
        for condition in row.conditions:
            assert set(condition.values) <= set(law.code_lists()[table[condition.key].code_list].values)
        if row.composed_from:
            assert row.composed_from in {own.key for own in (*own_rows("document"), *own_rows("file"))}


def test_within_a_table_orders_rise_and_keys_are_single():
    for name, package, level in EXPECTED_ROWS:
        table = law.profile(name).table(level, package)
        orders = [[int(part) for part in row.order.split(".")] for row in table]
        assert orders == sorted(orders)
        assert all(count == 1 for count in Counter(row.key for row in table if row.key).values()), (name, level)


def test_what_the_archive_fills_in_names_fields_of_the_table():
    for name in law.PROFILES:
        regime = law.profile(name)
        for level, keys in regime.filled_by_archive.items():
            known = {row.key for row in regime.rows if row.level == level}
            assert keys <= known, (name, level, keys - known)
        assert regime.may_be_empty <= {row.key for row in regime.rows}


@pytest.mark.parametrize("codes", law.code_lists().values(), ids=lambda codes: codes.id)
def test_every_code_list_has_a_source_and_no_spelling_means_two_codes(codes):
    assert codes.source and codes.confidence in ("high", "medium", "low")
    assert all(codes.code_of(code) == code for code in codes.values)
    assert all(codes.code_of(text) == code for code, text in codes.values.items())
    assert set(codes.aliases.values()) <= set(codes.values)


def test_every_code_list_is_used():
    assert {row.code_list for row in ALL_ROWS if row.code_list} == set(law.code_lists())


def test_the_tables_say_what_the_law_says():
    subject = next(row for row in law.profile("tt05_2025").table("document") if row.tag == "subject")
    assert (subject.name_vi, subject.length) == ("Trích yếu nội dung", 500)
    assert (subject.mandatory, subject.confidence) == ("yes", "high")
    sheets = [row for row in law.profile("tt02_2019").table("file") if row.tag == "Maintenance"]
    assert [(row.key, row.kind) for row in sheets] == [("maintenance", "String"), ("numberOfPaper", "Number")]
    assert law.code_lists()["tt05_maintenance"].values["06"] == "10 năm"
    assert law.profile("tt02_2019").in_force_until == "2025-06-30"


def test_a_regime_level_or_package_that_does_not_exist_is_our_fault():
    with pytest.raises(KeyError):
        law.profile("tt99_2030")
    with pytest.raises(KeyError):
        law.profile("tt05_2025").table("letter")
    with pytest.raises(KeyError):
        law.validate_case_file({}, "cv7197_2025", "hs")


# --- judging a record -----------------------------------------------------------------------------------

CASES = {
    # code: (regime, level, fields, stage, the field or words that the sentence must name)
    "META-001": ("tt05_2025", "document", {**GOOD, "subject": " "}, "intake", "Trích yếu nội dung"),
    "META-002": ("cv7197_2025", "document_minimal", {"typeName": "Quyết định"}, "intake", "Trích yếu"),
    "META-003": ("tt02_2019", "document", {**GOOD, "subject": ""}, "intake", "Trích yếu nội dung"),
    "META-004": ("tt05_2025", "file", {**FILE, "confidenceLevel": "02"}, "closed", "Mã hồ sơ gốc giấy"),
    "META-005": ("tt05_2025", "file", {**FILE, "confidenceLevel": "Hỗn hợp"}, "closed", "Mã hồ sơ gốc giấy"),
    "META-006": ("tt05_2025", "document", {**GOOD, "subject": "a" * 501}, "intake", "501"),
    "META-007": ("tt05_2025", "document", {**GOOD, "issuedDate": "30/02/2026"}, "intake", "30/02/2026"),
    "META-008": ("tt05_2025", "document", {**GOOD, "issuedDate": "2026-09-05"}, "intake", "05/09/2026"),
    "META-009": ("tt02_2019", "document", {**GOOD, "issuedDate": "09/2026"}, "intake", "09/2026"),
    "META-010": ("tt05_2025", "document", {**GOOD, "numberOfPage": "3 trang"}, "intake", "3 trang"),
    "META-011": ("tt05_2025", "document", {**GOOD, "language": "Tiếng Lào"}, "intake", "Tiếng Lào"),
    "META-012": ("tt05_2025", "file", {**FILE, "startDate": "2027"}, "intake", "31/12/2026"),
    "META-013": ("tt05_2025", "document", {**GOOD, "receivedDate": "04/09/2026"}, "intake", "04/09/2026"),
    "META-014": ("tt05_2025", "document", {**GOOD, "sentDate": "hôm qua"}, "intake", "hôm qua"),
    "META-015": ("tt05_2025", "document", {**GOOD, "organId": "vxp.saas.03"}, "intake", "vxp.saas.03"),
    "META-018": ("tt05_2025", "document", {**GOOD, "mode": "Mật"}, "intake", "Mật"),
}
NORMALISING = {
    "META-019": ({"typeName": "Nghị định"}, {"typeName": "32", "typeNameText": "Nghị định"}),
    "META-020": ({"maintenance": "5 năm"}, {"maintenance": "07", "maintenanceText": "5 năm"}),
    "META-021": ({"issuedDate": "46270"}, {"issuedDate": "05/09/2026", "issuedDateText": "46270"}),
    "META-022": ({"typeName": "Sắc phong"}, {"typeName": "Sắc phong"}),
}
IN_TEST_CODES = {"META-016", "META-017"}      # the alias table


def test_every_code_of_this_section_has_a_case():
    assert {code for code in rules() if code.startswith("META-")} == {*CASES, *NORMALISING, *IN_TEST_CODES}


@pytest.mark.parametrize("code", CASES)
def test_each_fault_is_found_once_named_and_explained(code):
    regime, level, fields, stage, named = CASES[code]
    found = [one for one in law.validate_record(fields, regime, level, "văn bản 12", stage=stage) if one.code == code
             and named in one.sentence()]
    assert len(found) == 1
    assert "văn bản 12" in found[0].sentence()
    assert_filled(found[0])
    if code not in ("META-003",):
        assert found[0].params["name"] in found[0].sentence() and found[0].params["tag"] in found[0].sentence()


def test_a_good_record_has_no_findings():
    assert law.validate_document(GOOD, "tt05_2025", "vb") == []
    assert law.validate_document(CLOSED, "tt05_2025", "vb", stage="closed") == []
    assert law.validate_case_file(FILE, "tt05_2025", "hs") == []


def test_what_the_archive_fills_in_is_asked_for_only_when_the_file_is_closed():
    missing = {found.params["tag"] for found in law.validate_document(GOOD, "tt05_2025", "vb", stage="closed")}
    assert missing == {"docId", "arcDocCode", "maintenance", "language", "numberOfPage", "mode", "riskRecovery"}


def test_only_law_is_called_law():
    for code, (regime, level, fields, stage, _named) in CASES.items():
        for found in law.validate_record(fields, regime, level, "vb", stage=stage):
            if found.article:
                assert found.params["article"].startswith(("TT ", "NĐ ")), (code, found)
    for code in ("META-002", "META-003", "META-005", "META-014"):
        assert rules()[code].article == ""
        assert "hệ thống" in rules()[code].vi
        assert rules()[code].level is Level.note


def test_a_row_of_low_confidence_is_never_a_warning():
    fields = {"docCode": "x", "subject": "s", "issuedDate": "?"}
    found = law.validate_record(fields, "cv7197_2025", "document_minimal", "vb")
    assert found and all(one.level is Level.note and not one.article for one in found)


def test_the_value_that_is_too_long_is_reported_and_never_cut():
    fields = {**GOOD, "subject": "a" * 600}
    kept, findings = law.prepare_document(fields, "tt05_2025", "vb")
    assert kept["subject"] == "a" * 600
    assert codes_of(findings) == ["META-006"]


def test_a_value_as_long_as_the_limit_is_no_finding():
    assert law.validate_document({**GOOD, "subject": "ế" * 500}, "tt05_2025", "vb") == []


def test_a_code_or_its_vietnamese_text_is_accepted():
    for value in ("02", "Sử dụng có điều kiện", "sử dụng có điều kiện"):
        assert law.validate_document({**GOOD, "mode": value}, "tt05_2025", "vb") == []


def test_partial_dates_are_for_the_archive_package_not_for_submission():
    old = {**GOOD, "issuedDate": "1985", "receivedDate": ""}
    assert law.validate_document(old, "tt05_2025", "vb") == []
    assert "META-009" in codes_of(law.validate_document(old, "tt05_2025", "vb", package="SIP_hoso"))


def test_dates_that_can_both_be_right_do_not_contradict():
    assert law.validate_case_file({**FILE, "startDate": "06/2026", "endDate": "2026"}, "tt05_2025", "hs") == []
    assert law.validate_document({**GOOD, "issuedDate": "09/2026"}, "tt05_2025", "vb") == []


def test_a_conditional_field_is_asked_for_only_under_its_condition():
    base = {**FILE, "arcFileCode": "A", "language": "01", "totalDoc": "1", "numberOfPage": "1", "riskRecovery": "0",
            "confidenceLevel": "01"}
    assert law.validate_case_file(base, "tt05_2025", "hs", stage="closed") == []
    found = law.validate_case_file({**base, "riskRecovery": "1"}, "tt05_2025", "hs", stage="closed")
    assert [(one.code, one.params["tag"]) for one in found] == [("META-004", "riskRecoveryStatus")]


def test_direction_chooses_the_registry_table():
    incoming = law.validate_document({"direction": "đến"}, "nd30_2020", "vb")
    outgoing = law.validate_document({"direction": "đi"}, "nd30_2020", "vb")
    assert "ArrivalNumber" in incoming[0].params["names"]
    assert "ArrivalNumber" not in outgoing[0].params["names"]


def test_each_addressee_has_the_length_to_itself():
    fields = {"direction": "đi", "to": ";".join(["Sở Nội vụ " + "a" * 150] * 5)}
    assert "META-006" not in codes_of(law.validate_document(fields, "nd30_2020", "vb"))
    fields["to"] += ";" + "b" * 201
    assert "META-006" in codes_of(law.validate_document(fields, "nd30_2020", "vb"))


@given(st.dictionaries(st.sampled_from([row.key for row in ALL_ROWS if row.key]), st.text(max_size=30)),
       st.sampled_from(law.PROFILES))
def test_no_record_breaks_the_validator_or_the_normaliser(fields, regime):
    before = dict(fields)
    once, _findings = law.prepare_document(fields, regime, "vb")
    assert fields == before
    twice, _findings = law.normalise_fields(once, regime, "vb")
    assert twice == once, "normalising twice changes nothing"


# --- normalising -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", NORMALISING)
def test_what_was_interpreted_is_reported_and_its_words_are_kept(code):
    fields, expected = NORMALISING[code]
    regime = "tt02_2019" if code == "META-022" else "tt05_2025"
    result, findings = law.normalise_fields(fields, regime, "vb")
    assert result == expected
    assert codes_of(findings) == [code]
    assert_filled(findings[0])
    assert next(iter(fields.values())) in findings[0].sentence()


@pytest.mark.parametrize(("tag", "text", "expected"), [
    ("typeName", "Quyết định", "02"), ("typeName", "QĐ", "02"), ("typeName", "công văn hỏa tốc", "22"),
    ("typeName", "2", "02"),
    ("language", "Tiếng Việt", "01"), ("language", "Việt Anh", "06"), ("language", "Tiếng Việt; Tiếng Anh", "01;02"),
    ("language", "Tiếng Anh và Tiếng Nga", "02;04"), ("language", "vi", "01"),
    ("mode", "công khai", "01"), ("mode", "1", "01"), ("confidenceLevel", "Số hoá", "02"),
    ("confidenceLevel", "Hỗn hợp", "03"),
    ("maintenance", "Vĩnh viễn", "01"), ("maintenance", "VV", "01"), ("maintenance", "10 năm", "06"),
    ("maintenance", "Mười năm", "06"), ("maintenance", "05", "05"),
    ("issuedDate", "ngày 5 tháng 9 năm 2026", "05/09/2026"), ("receivedDate", "2026/09/05 08:00:00", "05/09/2026"),
    ("numberOfPage", "12.0", "12"), ("riskRecovery", "Không", "0"),
])
def test_free_text_becomes_its_code_and_the_words_stay(tag, text, expected):
    result, findings = law.normalise_fields({tag: text}, "tt05_2025", "vb")
    assert result[tag] == expected
    assert result.get(f"{tag}Text", expected) == text
    assert findings == []


@pytest.mark.parametrize(("tag", "text", "code"), [
    ("typeName", "Văn tế", "META-011"), ("language", "Tiếng Việt; Tiếng Lào", "META-011"),
    ("mode", "Hạn chế", "META-011"),
    ("maintenance", "đến khi hết hiệu lực", "META-011"), ("maintenance", "10", "META-011"),
    ("maintenance", "90 năm", "META-011"),
    ("issuedDate", "01/02/26", "META-007"), ("confidenceLevel", "Bản chính", "META-011"),
])
def test_what_is_not_recognised_stays_as_it_is_and_is_reported_once(tag, text, code):
    result, findings = law.prepare_document({**GOOD, tag: text}, "tt05_2025", "vb")
    assert result[tag] == text
    assert f"{tag}Text" not in result
    assert codes_of(findings) == [code]


def test_a_corrected_text_takes_the_place_of_the_old_words():
    first, _findings = law.normalise_fields({"typeName": "CV"}, "tt05_2025")
    again, _findings = law.normalise_fields({**first, "typeName": "Báo cáo"}, "tt05_2025")
    assert again == {"typeName": "14", "typeNameText": "Báo cáo"}


def test_printed_tags_of_an_old_regime_move_to_our_keys():
    printed = {"TypeName": "CV", "PageAmount": "3", "Rights": "x", "DocCode": "A"}
    result, _findings = law.normalise_fields(printed, "tt02_2019")
    assert result == {"typeName": "Công văn", "typeNameText": "CV", "numberOfPage": "3", "Rights": "x", "docId": "A"}


def test_a_case_file_is_normalised_by_its_own_table():
    fields = {**FILE, "startDate": "2026-01-01", "mode": "Công khai"}
    result, findings = law.prepare_case_file(fields, "tt05_2025", "hs")
    assert (result["startDate"], result["mode"], findings) == ("01/01/2026", "01", [])


# --- types --------------------------------------------------------------------------------------------------


def test_the_registry_holds_the_32_codes_and_the_29_types():
    types = law.document_types()
    assert list(types) == [f"{number:02d}" for number in range(1, 33)]
    assert {code: kind.name for code, kind in types.items()} == dict(law.code_lists()["tt05_typeName"].values)
    assert sum(kind.nd30 for kind in types.values()) == 29
    assert sum(bool(kind.abbreviation) for kind in types.values()) == 27


@pytest.mark.parametrize(("text", "code"), [
    ("CV", "22"), ("C.V", "22"), ("công văn hỏa tốc", "22"), ("Công văn đến", "22"), ("CV khẩn", "22"),
    ("Q.Đ", "02"), ("QĐ", "02"),
    ("qd", "02"), ("QUYET DINH", "02"), ("Quyết  định", "02"), ("HĐ", "21"), ("HD", "08"), ("ĐA", "12"), ("DA", "13"),
    ("QyĐ", "05"), ("Qui định", "05"), ("TTr", "15"), ("CTr", "09"), ("CT", "03"), ("Giấy uỷ quyền", "16"),
    ("Thông báo kết luận cuộc họp", "07"), ("Nghị quyết liên tịch", "01"), ("Luật", "32"), ("Thông tư", "32"),
    ("07", "07"),
    ("Quyê\u0301t đi\u0323nh", "02"),
    ("Cv.", "22"), ("CÔNG VĂN", "22"), ("cong van", "22"), ("Công-văn", "22"), ("“Công văn”", "22"),
    ("[Công văn]", "22"),
    ("Công văn (hỏa tốc)", "22"), ("Công văn - Thượng khẩn", "22"), ("CV hỏa tốc hẹn giờ", "22"), ("Công văn;", "22"),
    ("Công văn phúc đáp", "22"), ("22 - Công văn", "22"), ("1. Công văn", "22"), ("Loại: Công văn", "22"),
    ("Loại văn bản: công văn khẩn", "22"), ("Tên loại QĐ", "02"),
    ("Quyết định QPPL", "02"), ("Quyết định quy phạm pháp luật", "02"), ("Nghị quyết của HĐND", "01"),
    ("Giấy mời họp", "26"), ("Phiếu chuyển đơn", "18"), ("thong cao", "06"), ("phieu bao", "19"), ("Qui chế", "04"),
    ("TỜ TRÌNH (KHẨN)", "15"), ("Hợp đồng lao động", "21"), ("de an", "12"), ("Bản vẽ thiết kế", "31"),
    ("Bản đồ địa chính", "30"), ("Loại khác", "32"),
    ("Nghị định", "32"), ("NĐ", "32"), ("TTLT", "32"), ("Bộ luật", "32"), ("Pháp lệnh", "32"), ("Sắc luật", "32"),
    ("Văn bản hợp nhất", "32"), ("VBHN", "32"), ("Giấy chứng nhận", "32"), ("Bản cam kết", "32"),
    ("QĐ-UBND", None), ("TT-BNV", None), ("Văn bản", None), ("VB", None), ("1", None), ("71", None), ("1. 2", None),
    ("Loại", None), ("2. Kế hoạch thực hiện", None), ("Đơn thư", None), ("Kết luận", None),
    ("Bản sao quyết định", None), ("SY", None), ("TrS", None), ("Luật sư", None), ("Dự thảo", None), ("", None),
    ("99", None),
])
def test_a_type_is_recognised_as_it_is_written_or_not_at_all(text, code):
    assert law.recognise_type(text) == code


def test_every_name_and_abbreviation_means_its_own_type():
    for code, kind in law.document_types().items():
        assert law.recognise_type(kind.name) == code
        assert not kind.abbreviation or law.recognise_type(kind.abbreviation) == code
    for copy in _raw()["copies"]:
        assert law.recognise_type(copy) is None


@pytest.mark.parametrize("name", _raw()["without_code"]["names"])
def test_a_type_without_a_code_of_its_own_is_32_and_keeps_its_name_under_every_regime(name):
    found = law.recognise(name.upper())
    assert found is not None and (found.code, found.name, found.has_own_code) == ("32", name, False)
    fields, findings = law.normalise_fields({**GOOD, "typeName": name}, "tt05_2025", "vb")
    assert (fields["typeName"], fields["typeNameText"]) == ("32", name)
    assert [one.code for one in findings] == ["META-019"]
    assert name in findings[0].sentence()


def test_a_spelling_without_diacritics_that_could_mean_two_types_means_none():
    one, other = (law.RecognisedType(code, code, True) for code in ("21", "08"))
    assert _folded({"hđ": one, "hđx": one, "hdx": other, "đđ": one, "đd": other}) == {"hd": one, "hdx": other}


# --- spellings and periods ------------------------------------------------------------------------------------


def test_spellings_compare_as_people_mean_them():
    assert plain("Q.Đ") == plain("q đ") == "q đ"
    assert fold("Quyết định") == fold("QUYE\u0302\u0301T  -  ĐỊNH") == "quyet dinh"


@pytest.mark.parametrize(("text", "years"), [
    ("10 năm", 10), ("05 năm", 5), ("70 Năm", 70), ("10", 10), ("10.0", 10), ("2 nam", 2),
    ("20 năm (từ khi quyết toán)", 20),
    ("mười năm", 10), ("mười lăm năm", 15), ("năm năm", 5), ("hai mươi năm", 20), ("bảy mươi năm", 70),
    ("hai mươi lăm năm", 25),
])
def test_a_period_in_years_is_read(text, years):
    assert parse_retention(text).years == years


@pytest.mark.parametrize("text", [
    "", "lâu dài", "đến khi hết hiệu lực", "10-20 năm", "trên 20 năm", "năm", "10 tháng", "mười",
])
def test_a_period_that_is_no_number_of_years_is_not_read(text):
    assert parse_retention(text) is None


def test_permanent_is_permanent_and_the_law_allows_2_to_70_years():
    for text in ("Vĩnh viễn", "VĨNH VIỄN", "vv", "Bảo quản vĩnh viễn"):
        assert parse_retention(text).permanent
    assert [parse_retention(text).within_law for text in ("vv", "1 năm", "2 năm", "70 năm", "71 năm")] == [
        True, False, True, True, False]


@given(st.dates(min_value=date(1900, 1, 1), max_value=date(2100, 1, 1)))
def test_a_date_in_any_form_is_brought_to_the_form_of_the_tables(day):
    result, _findings = law.normalise_fields({"issuedDate": day.isoformat()}, "tt05_2025")
    assert result["issuedDate"] == f"{day:%d/%m/%Y}"
    assert parse_date(result["issuedDate"]).first == day


@pytest.mark.parametrize("profile", ["tt05_2025", "tt02_2019"])
def test_a_photo_is_checked_by_the_table_of_photos_and_a_film_by_that_of_films(profile: str) -> None:
    photo = {"imageTitle": "Lễ khánh thành", "photoTime": "45/13/2026", "photographer": "x" * 400}
    film = {"movieTitle": "Phim tài liệu", "playTime": "123456789"}
    wrong = {found.params.get("tag", "").casefold() for found in law.validate_document(photo, profile, "anh.jpg")
             if found.code in ("META-006", "META-007")}
    assert wrong == {"phototime", "photographer"}
    assert "playtime" in {found.params["tag"].casefold() for found in law.validate_document(film, profile, "phim.mp4")
                          if found.code == "META-006"}
