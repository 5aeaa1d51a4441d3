"""Promises about proposals read from the head of a page: each has a confidence, and none fills anything in."""

from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.headings import read_heading
from ingest.proposals import TAGS, sureness

PAGE = """ỦY BAN NHÂN DÂN
TỈNH LONG AN
CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM
Độc lập - Tự do - Hạnh phúc
Số: 24/2019/QĐ-UBND
Long An, ngày 17 tháng 6 năm 2019
QUYẾT ĐỊNH
Ban hành quy chế tiếp nhận, xử lý, phát hành và quản lý văn bản điện tử
ỦY BAN NHÂN DÂN TỈNH LONG AN
Căn cứ Luật Lưu trữ ngày 11/11/2011;"""


def sure_of(page: str, **more: object) -> dict[str, float]:
    return sureness(read_heading(page), page, **more)


def test_every_proposal_has_a_confidence_and_nothing_else_has():
    heading = read_heading(PAGE)
    assert set(sure_of(PAGE)) == {tag for tag in TAGS if tag in heading}
    assert all(0.5 < sure <= 1.0 for sure in sure_of(PAGE).values())
    assert sureness({}, "") == {}


def test_a_second_place_that_differs_lowers_the_confidence():
    same = sure_of(PAGE)
    year = sure_of(PAGE.replace("năm 2019", "năm 2018"))
    assert year["issuedDate"] < same["issuedDate"]
    assert year["codeNotation"] < same["codeNotation"]
    assert sure_of(PAGE.replace("QĐ-UBND", "NQ-UBND"))["typeName"] < same["typeName"]
    assert sure_of(PAGE.replace("\nỦY BAN NHÂN DÂN TỈNH LONG AN", ""))["organName"] < same["organName"]


def test_what_the_reader_doubts_is_proposed_with_less_confidence():
    born, scanned = sure_of(PAGE), sure_of(PAGE, doubtful={"24/2019/QĐ-UBND": 41.0}, mean=93.0)
    assert scanned["codeNumber"] < 0.5 * born["codeNumber"]
    assert scanned["organName"] > 0.9 * born["organName"]
    assert all(scanned[tag] <= born[tag] for tag in born)


def test_a_field_read_from_an_annex_line_is_less_sure():
    annex = "QUY CHẾ\nLàm việc\n(Ban hành kèm theo Quy chế số 05/QĐ-UBND ngày 01 tháng 02 năm 2020)\n"
    heading = read_heading(annex)
    assert "codeNumber" in heading["fromAnnex"]
    assert sureness(heading, annex)["codeNumber"] < sure_of(PAGE)["codeNumber"]


@settings(max_examples=100)
@given(st.text(max_size=300), st.dictionaries(st.text(max_size=8), st.floats(0, 100), max_size=4), st.floats(0, 100))
def test_no_page_makes_it_fail(text, doubtful, mean):
    shown = PAGE + "\n" + text
    assert all(0.0 <= sure <= 1.0 for sure in sure_of(shown, doubtful=doubtful, mean=mean).values())
