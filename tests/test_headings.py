"""Promises of ingest/headings.py: what a page says is read as it stands, and what it leaves blank stays blank."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.headings import RULES, as_name, disagreements, read_heading

# The heads of five published decisions, as they came: in columns, with markup, with blanks, without a head.
PHU_YEN = """
ỦY BAN NHÂN DÂN   CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM
 QUYẾT ĐỊNH

 Ban hành Quy chế làm việc trên môi trường điện tử

đối với các cơ quan nhà nước của tỉnh Phú Yên


ỦY BAN NHÂN DÂN TỈNH PHÚ YÊN

Căn cứ Luật Tổ chức chính quyền địa phương ngày 19 tháng 6 năm 2015;
Theo đề nghị của Giám đốc Sở Nội vụ tại Tờ trình số 45/TTr-SNV ngày 21 tháng 01 năm 2021.

Điều 2. Quyết định này có hiệu lực từ ngày 18 tháng 02 năm 2022.
 QUY CHẾ

(Ban hành kèm theo Quyết định số: 03/2022/QĐ-UBND ngày 31/01/2022
của UBND tỉnh Phú Yên)
"""
LANG_SON = """
**ỦY BAN NHÂN DÂN
TỈNH LẠNG SƠN**

**CỘNG HOÀ XÃ HỘI CHỦ NGHĨA VIỆT NAM
Độc lập - Tự do - Hạnh phúc**

Số: /2020/QĐ-UBND

Lạng Sơn, ngày tháng 7 năm 2020

### **QUYẾT ĐỊNH**

**Ban hành Quy chế tiếp nhận, xử lý văn bản điện tử trên địa bàn tỉnh Lạng Sơn**

### **ỦY BAN NHÂN DÂN TỈNH LẠNG SƠN**

*Căn cứ Luật Tổ chức chính quyền địa phương ngày 19 tháng 6 năm 2015;*

*(Ban hành kèm theo Quyết định số: /2020/QĐ-UBND ngày /7/2020 của Ủy ban nhân dân tỉnh Lạng Sơn)*
"""
DAK_NONG = """
**ỦY BAN NHÂN DÂN CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM
TỈNH ĐẮK NÔNG**

**Độc lập - Tự do - Hạnh phúc**

Số: **35** /2016/QĐ-UBND

*Đăk Nông, ngày 15 tháng 11 năm 2016*

**QUYẾT ĐỊNH**

**Ban hành Quy định về việc sử dụng văn bản và hồ sơ điện tử**

**ỦY BAN NHÂN DÂN TỈNH ĐẮK NÔNG**

*Căn cứ Luật Lưu trữ, ngày 11 tháng 11 năm 2011;*
"""
THAI_BINH = """
Số: 17 /2019/QĐ-UBND

Thái Bình, ngày 30 tháng 8 năm 2019

**QUYẾT ĐỊNH**

**Ban hành Quy chế Quản lý, vận hành và sử dụng Mạng văn phòng điện tử liên thông của tỉnh**

**ỦY BAN NHÂN DÂN TỈNH THÁI BÌNH**

*Căn cứ Luật Tổ chức chính quyền địa phương ngày 19/6/2015;*
"""
LONG_AN = """
ỦY BAN NHÂN DÂN

TỈNH LONG AN

CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM

Độc lập - Tự do - Hạnh phúc

Số: 24 /2019/QĐ-UBND Long An, ngày  17 tháng 6 năm 2019

QUYẾT ĐỊNH

Ban hành quy chế tiếp nhận, xử lý, phát hành và quản lý văn bản điện tử

tại các cơ quan nhà nước trên địa bàn tỉnh Long An

ỦY BAN NHÂN DÂN TỈNH LONG AN

Căn cứ Luật Lưu trữ ngày 11/11/2011;
(Ban hành kèm theo Quyết định số     /2019/QĐ-UBND
ngày  / /2019 của UBND tỉnh Long An)
"""
LETTER = """UBND TỈNH PHÚ YÊN\tCỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM
SỞ NỘI VỤ\tĐộc lập - Tự do - Hạnh phúc
Số: 123/SNV-VP\tPhú Yên, ngày 05 tháng 3 năm 2024
V/v báo cáo công tác lưu trữ
năm 2023

Kính gửi: Ủy ban nhân dân tỉnh
"""
PARTY = """TỈNH ỦY LẠNG SƠN   ĐẢNG CỘNG SẢN VIỆT NAM
*
Số 35-QĐ/TU     Lạng Sơn, ngày 10 tháng 01 năm 2020
QUYẾT ĐỊNH
về việc thành lập Ban Chỉ đạo
-----
Căn cứ Điều lệ Đảng"""
MINISTRY = """BỘ NỘI VỤ
-------
CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM
Độc lập - Tự do - Hạnh phúc
Số: 02/2019/TT-BNV
Hà Nội, ngày 24 tháng 01 năm 2019
THÔNG TƯ
QUY ĐỊNH TIÊU CHUẨN DỮ LIỆU THÔNG TIN ĐẦU VÀO
Căn cứ Luật Lưu trữ"""


def test_a_full_head_gives_every_field():
    assert read_heading(LONG_AN) == {
        "codeNumber": "24", "codeNotation": "2019/QĐ-UBND", "issuedDate": "17/06/2019", "place": "Long An",
        "typeName": "Quyết định", "organName": "Ủy ban nhân dân tỉnh Long An",
        "subject": "Ban hành quy chế tiếp nhận, xử lý, phát hành và quản lý văn bản điện tử tại các cơ quan nhà nước "
                   "trên địa bàn tỉnh Long An"}


def test_markup_and_columns_do_not_hide_the_head():
    found = read_heading(DAK_NONG)
    assert (found["codeNumber"], found["codeNotation"], found["issuedDate"]) == ("35", "2016/QĐ-UBND", "15/11/2016")
    assert found["organName"] == "Ủy ban nhân dân tỉnh Đắk Nông"
    assert found["subject"] == "Ban hành Quy định về việc sử dụng văn bản và hồ sơ điện tử"


def test_a_number_and_day_left_blank_are_never_filled_in():
    found = read_heading(LANG_SON)
    assert "codeNumber" not in found and "issuedDate" not in found
    assert found["issuedDatePart"] == "07/2020"
    assert sorted(found["incomplete"]) == ["codeNumber", "issuedDate"]
    assert found["codeNotation"] == "2020/QĐ-UBND"


def test_a_missing_number_is_read_from_the_annex_and_said_to_be():
    found = read_heading(PHU_YEN)
    assert (found["codeNumber"], found["codeNotation"], found["issuedDate"]) == ("03", "2022/QĐ-UBND", "31/01/2022")
    assert found["fromAnnex"] == ["codeNumber", "codeNotation", "issuedDate"]
    assert "incomplete" not in found


def test_dates_and_numbers_of_the_grounds_are_not_the_documents_own():
    assert "2015" not in read_heading(PHU_YEN.split("Điều 2")[0]).get("issuedDate", "")
    assert "codeNumber" not in read_heading(PHU_YEN.split("Điều 2")[0])


@pytest.mark.parametrize(("text", "name"), [
    (PHU_YEN, "Ủy ban nhân dân tỉnh Phú Yên"), (THAI_BINH, "Ủy ban nhân dân tỉnh Thái Bình"), (LETTER, "Sở Nội vụ"),
    (PARTY, "Tỉnh ủy Lạng Sơn"), (MINISTRY, "Bộ Nội vụ"), (LANG_SON, "Ủy ban nhân dân tỉnh Lạng Sơn")])
def test_the_issuing_body_is_the_last_one_named_at_the_top_or_the_one_that_decides(text, name):
    assert read_heading(text)["organName"] == name


def test_an_official_letter_has_no_type_line_but_a_subject():
    found = read_heading(LETTER)
    assert found["typeName"] == "Công văn"
    assert found["subject"] == "báo cáo công tác lưu trữ năm 2023"
    assert found["parentOrgan"] == "UBND tỉnh Phú Yên"
    assert (found["codeNumber"], found["codeNotation"], found["issuedDate"]) == ("123", "SNV-VP", "05/03/2024")


def test_running_text_after_the_trich_yeu_is_no_part_of_it():
    head = "SỞ NỘI VỤ\nSố: 58/TB-SNV Huế, ngày 12 tháng 11 năm 2026\nTHÔNG BÁO\n"
    body = "Để bảo đảm an toàn tài liệu trong mùa mưa bão, Sở Nội vụ phân công trực kho\nnhư sau:\n"
    subject = "Phân công trực kho lưu trữ trong mùa mưa bão năm\n2026"
    assert read_heading(head + subject + "\n" + body)["subject"] == subject.replace("\n", " ")
    assert read_heading(head + "Trực kho\n1. Thời gian: từ 20 giờ\n")["subject"] == "Trực kho"


def test_a_letter_is_not_taken_for_the_decision_that_it_encloses():
    found = read_heading(LETTER.split("Kính gửi")[0] + "\n" + LONG_AN)
    assert (found["typeName"], found["codeNumber"], found["organName"]) == ("Công văn", "123", "Sở Nội vụ")


def test_numbers_of_the_party_are_read_with_their_dash():
    found = read_heading(PARTY)
    assert (found["codeNumber"], found["codeNotation"]) == ("35", "QĐ/TU")


def test_a_trich_yeu_in_capitals_is_not_taken_for_a_body():
    assert read_heading(MINISTRY)["subject"] == "QUY ĐỊNH TIÊU CHUẨN DỮ LIỆU THÔNG TIN ĐẦU VÀO"


@pytest.mark.parametrize(("line", "date"), [
    ("Hà Nội, ngày 19 tháng 6 năm 2015", "19/06/2015"), ("Tp. Hồ Chí Minh, ngày 01tháng12năm 2015", "01/12/2015"),
    ("Huế, ngày  9  tháng\n 6 năm 2015", "09/06/2015"), ("Vinh, ngày 19/6/2015", "19/06/2015"),
    ("Vinh, NGÀY 19 THÁNG 6 NĂM 2015", "19/06/2015")])
def test_a_date_in_words_is_read_as_people_write_it(line, date):
    # A much used document system takes "năm" for November in just these words.
    assert read_heading(f"SỞ NỘI VỤ\nSố: 1/QĐ-SNV\n{line}\nQUYẾT ĐỊNH\n")["issuedDate"] == date


@pytest.mark.parametrize("line", ["ngày tháng năm 2015", "ngày ... tháng ... năm 20...", "ngày 31 tháng 2 năm 2015",
                                  "ngày …… tháng 6 năm 2015"])
def test_a_date_that_is_incomplete_or_cannot_be_is_never_made_up(line):
    found = read_heading(f"SỞ NỘI VỤ\nVinh, {line}\nQUYẾT ĐỊNH\nVề việc\n")
    assert "issuedDate" not in found
    assert "issuedDate" in found["incomplete"]


@pytest.mark.parametrize(("line", "number", "notation"), [
    ("Số: 35/2016/QĐ-UBND", "35", "2016/QĐ-UBND"), ("Số:07/BC-SNV", "07", "BC-SNV"),
    ("Số 12a/KH - UBND", "12a", "KH-UBND"), ("SỐ: 99/TTr–STTTT", "99", "TTr-STTTT"),
    ("Số: ....... /GM-VP", None, "GM-VP"), ("Số:      /QĐ-UBND", None, "QĐ-UBND")])
def test_numbers_are_read_in_every_spelling(line, number, notation):
    found = read_heading(f"SỞ NỘI VỤ\n{line}\nVinh, ngày 1 tháng 1 năm 2020\n")
    assert found.get("codeNumber") == number
    assert found["codeNotation"] == notation


@given(st.text(alphabet=st.sampled_from("Số: 12/QĐ-UBNDngàythánm0.\n\f\t*#()VvĂỦY BAN\x00"), max_size=400))
def test_no_text_breaks_the_reader(text):
    read_heading(text)


@given(st.text())
def test_text_without_a_head_gives_nothing_false(text):
    assert not {"codeNumber", "issuedDate"} & set(read_heading(text))


FIELDS = {"codeNumber": "24", "codeNotation": "2019/QĐ-UBND", "issuedDate": "17/06/2019",
          "organName": "UBND tỉnh Long An"}


@pytest.mark.parametrize("fields", [
    FIELDS, {**FIELDS, "codeNumber": "024"}, {**FIELDS, "codeNumber": "24/2019/QĐ-UBND"},
    {**FIELDS, "codeNotation": "QĐ-UBND"}, {**FIELDS, "issuedDate": "2019"}, {**FIELDS, "issuedDate": "06/2019"},
    {**FIELDS, "organName": "Uỷ ban nhân dân tỉnh Long An"}, {}])
def test_spellings_of_the_same_thing_agree(fields):
    assert disagreements(read_heading(LONG_AN), fields) == []


@pytest.mark.parametrize(("tag", "value"), [
    ("codeNumber", "25"), ("codeNotation", "2019/NQ-HĐND"), ("issuedDate", "18/06/2019"), ("issuedDate", "2018"),
    ("organName", "UBND tỉnh Tiền Giang")])
def test_what_differs_from_the_registry_is_named_with_both_values(tag, value):
    (found,) = disagreements(read_heading(LONG_AN), {**FIELDS, tag: value})
    assert (found.tag, found.registry) == (tag, value)
    assert found.page == read_heading(LONG_AN)[tag]


def test_a_blank_on_the_page_never_disagrees():
    assert disagreements(read_heading(LANG_SON), {"codeNumber": "24", "issuedDate": "25/07/2020"}) == []


@pytest.mark.parametrize(("capitals", "name"), [
    ("UBND THÀNH PHỐ HUẾ", "UBND thành phố Huế"), ("SỞ THÔNG TIN VÀ TRUYỀN THÔNG", "Sở Thông tin và Truyền thông"),
    ("HỘI ĐỒNG NHÂN DÂN TỈNH BÀ RỊA - VŨNG TÀU", "Hội đồng nhân dân tỉnh Bà Rịa - Vũng Tàu"),
    ("Sở Nội vụ", "Sở Nội vụ")])
def test_names_in_capitals_are_suggested_in_running_letters(capitals, name):
    assert as_name(capitals) == name


def test_the_rules_are_small_letters_in_one_form():
    rules = tomllib.loads(RULES.read_text(encoding="utf-8"))
    words = [word for name, values in rules.items() if name != "same" for word in values]
    assert words == [word.lower() for word in words]
    assert set(rules) == {"bodies", "not_bodies", "officers", "ends", "committees", "areas", "heads",
                          "written_in_capitals", "same"}
