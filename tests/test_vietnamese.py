"""Every way of writing the same Vietnamese is the same to the search; what differs stays different."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from search import alphabet, vietnamese
from search.aliases import BUILT_IN
from search.numbers import (
    DocumentNumber,
    cited_keys,
    document_types,
    number_of,
    read_number,
    type_name,
    types_named,
)
from search.vietnamese import analysed, clean, fold, letters, lowered, spans, streams

TEXTS = sorted((Path(__file__).parent / "fixtures" / "search").glob("*.txt"))
VIETNAMESE = "aăâbcdđeêghiklmnoôơpqrstuưvxyàáảãạằắẳẵặầấẩẫậèéẻẽẹềếểễệìíỉĩịòóỏõọồốổỗộờớởỡợùúủũụừứửữựỳýỷỹỵ"
syllables = st.text(alphabet=VIETNAMESE + VIETNAMESE.upper(), min_size=1, max_size=8)
DASHES = st.sampled_from(["-", "–", "—", "‑", " - ", " – "])
numbers = st.builds(
    DocumentNumber, st.integers(1, 99999).map(str), st.sampled_from(["", "2016", "2026", "1999"]),
    st.sampled_from([("qd", "ubnd"), ("ttr", "stttt"), ("nd", "cp"), ("ct", "ttg"), ("tt", "btttt"), ("kh", "ubnd")]))


# --- folding ------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("one", "other"), [
    ("hoà bình", "hòa bình"), ("thuý", "thúy"), ("khoẻ", "khỏe"), ("HOÀ BÌNH", "hòa bình"),
    ("lý do", "lí do"), ("kỹ thuật", "kĩ thuật"), ("quý báu", "quí báu"), ("Mỹ", "mĩ"), ("Quỳnh", "quình"),
    ("môi trường", "môi trƣờng"), ("Đắk Nông", "Ðắk Nông"), ("điện tử", unicodedata.normalize("NFD", "điện tử")),
    ("lưu\u00adtrữ", "lưutrữ"), ("01/07/2019", "1/7/2019"), ("ﬁle", "file"),
])
def test_spellings_of_one_word_have_one_exact_form(one: str, other: str) -> None:
    assert streams(one) == streams(other)


@pytest.mark.parametrize(("one", "other"), [("tay", "tai"), ("thuý", "thúi"), ("đường", "dưỡng"), ("hòa", "hóa")])
def test_different_words_stay_different(one: str, other: str) -> None:
    assert streams(one).exact != streams(other).exact


def test_y_and_i_are_told_apart_where_they_sound_different() -> None:
    assert fold("thuỷ tay quyết yêu") == "thuy tay quyet yeu"
    assert fold("lý y quỹ") == "li i qui"


def test_marks_typed_in_any_order_are_one_word() -> None:
    assert streams("e\u0301\u0302").exact == streams("e\u0302\u0301").exact == streams("ế").exact


def test_folding_drops_every_mark_and_crosses_the_d() -> None:
    assert fold("Nghị định số 30/2020/NĐ-CP, ngày 05 tháng 3") == "nghi dinh so 30 2020 nd cp ngay 5 thang 3"
    assert letters("Số: QĐ-UBND") == "so: qd-ubnd"


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.stem)
def test_a_real_text_is_the_same_composed_decomposed_and_in_capitals(path: Path) -> None:
    text = path.read_text()
    assert streams(unicodedata.normalize("NFD", text)) == streams(text) == streams(text.upper())
    assert set(fold(text)) <= set("abcdefghijklmnopqrstuvwxyz0123456789 ")


@given(st.text())
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)
    assert clean(clean(text)) == clean(text)


@given(st.lists(syllables, max_size=6).map(" ".join))
def test_folded_vietnamese_is_plain_ascii_and_survives_decomposing(text: str) -> None:
    assert fold(text).isascii()
    assert streams(unicodedata.normalize("NFD", text)) == streams(text)


@given(st.text())
def test_places_of_words_agree_with_the_words(text: str) -> None:
    text = clean(text)
    found = list(spans(text))
    assert [folded for folded, *_ in found] == streams(text).folded
    assert all(streams(text[start:end]).folded == [folded] for folded, _, start, end in found)


def slowly(text: str) -> list[list[str]]:
    """The words of a text, read one after another: what `analysed` must give, however it is quick."""
    words = re.sub(r"[^\w\s\u0300-\u036f]|_", " ", lowered(text)).split()
    return [[form for word in words if (form := kind[word])] for kind in (vietnamese._folded, vietnamese._exact)]


def quickly(text: str) -> list[list[str]]:
    return [stream.split() for stream in analysed(text)]


def test_an_engine_gets_the_words_of_a_real_text_in_both_forms() -> None:
    for path in TEXTS:
        text = path.read_text()
        assert quickly(text) == slowly(text) == [streams(text).folded, streams(text).exact]


ODD = "aàđÐðƣyỷQqu059²½°ª \n\t\r\x00\x1b\x1c\x85\xa0\u00ad\u200b\u2028\u3000-‐–⁄_/.,;\u0301\u0302\u031b\u0591\ud800ж数"


@given(st.text(alphabet=st.one_of(st.characters(), st.sampled_from(ODD), st.sampled_from(VIETNAMESE + " "))))
@example("ly quy quýt Mỹ yy 20y ngy nghy abcdy thủy hoà qúy 007 00 0 a0 0,05 05/07")
@example("x" * 250 + " " + "y" * 251 + " " + "z" * 252)
@example("môi trƣờng, QÐ-UBND ﬁle m² ½ Ⅻ")
def test_a_text_taken_whole_has_the_words_that_are_read_one_by_one(text: str) -> None:
    assert quickly(text) == slowly(text)
    assert [stream.split() for stream in vietnamese._by_tokens(text)] == slowly(text)
    assert "\ud800" not in clean(text)


@given(st.text(alphabet=st.one_of(st.characters(), st.sampled_from(ODD), st.sampled_from(VIETNAMESE + " "))))
def test_a_text_is_written_in_the_table_and_read_back(text: str) -> None:
    assert alphabet.read(alphabet.written(text)) == text


def test_vietnamese_takes_a_byte_a_letter_and_its_words_are_taken_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    text = " ".join(VIETNAMESE + VIETNAMESE.upper())
    assert len(alphabet.written(text)) == len(text)
    monkeypatch.setattr(vietnamese, "_by_tokens", None)
    for path in TEXTS:                        # one of them has ƣ for ư
        assert quickly(path.read_text()) == quickly(unicodedata.normalize("NFD", path.read_text()))
    assert all(not sign.isspace() and len(sign.split()) == 1 for word in streams(text).exact for sign in word)


def test_only_so_many_tokens_are_remembered_and_no_endless_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vietnamese, "_TOKENS_LIMIT", 50)
    text = " ".join(f"n{n}n" for n in range(200)) + " " + "x" * 100_000 + ",y"
    assert quickly(text) == slowly(text)
    assert all(len(held) <= 50 and max(map(len, held)) <= 64 for held in (vietnamese._folded_of, vietnamese._exact_of))


# --- document numbers ---------------------------------------------------------------------------------------

@pytest.mark.parametrize("typed", [
    "104/QĐ-UBND", "104/qd-ubnd", "0104/QĐ-UBND", "104/QĐ–UBND", "104 / QĐ - UBND", "104 qd ubnd", "104 QĐ UBND",
    "104-QĐ-UBND", "104/QĐ UBND", "104/QĐ/UBND", unicodedata.normalize("NFD", "104/QĐ-UBND")])
def test_every_spelling_of_a_number_gives_one_key(typed: str) -> None:
    found = read_number(clean(typed))
    assert found is not None
    assert found[0].key == "104/qdubnd"
    assert found[1] == len(clean(typed))


@given(numbers, DASHES, st.sampled_from(["", "0", "00"]), st.booleans())
def test_a_number_is_read_back_from_any_spelling(number: DocumentNumber, dash: str, zeros: str, upper: bool) -> None:
    typed = "/".join(part for part in (zeros + number.digits, number.year, dash.join(number.notation)) if part)
    typed = typed.upper() if upper else typed
    found = read_number(typed)
    assert found == (number, len(typed))
    assert number.key in cited_keys(f"Căn cứ Quyết định số {typed} ngày 5/7/2019; theo đề nghị")


@given(numbers)
def test_a_number_is_read_back_from_its_own_key_parts(number: DocumentNumber) -> None:
    notation = "-".join(part.upper() for part in number.notation)
    year = f"{number.year}/" if number.year else ""
    assert number_of(number.digits, year + notation) == number
    assert number_of(f"{number.digits}/{year}{notation}", "") == number
    if not 1900 <= int(number.digits) <= 2099:         # 2016 and 2016/QĐ-UBND can mean the year as well
        assert number_of(number.digits, f"{number.digits}/{year}{notation}") == number


@given(st.text(max_size=40), st.text(max_size=40))
def test_no_text_breaks_the_reading_of_numbers(number: str, notation: str) -> None:
    number_of(number, notation)
    cited_keys(number + "/" + notation)


@pytest.mark.parametrize(("text", "ends"), [("104 quyết định", 3), ("30 tháng 4", 2), ("104 2019", 3), ("5 ngày", 1)])
def test_plain_words_after_a_figure_are_no_notation(text: str, ends: int) -> None:
    found = read_number(text)
    assert found is not None
    assert found[0].notation == ()
    assert found[1] == ends


def test_a_number_can_be_asked_for_by_less_than_all_of_it() -> None:
    number = number_of("35", "2016/QĐ-UBND")
    assert number is not None
    assert {"35", "35/2016", "35/qd", "35/qdubnd", "35/2016/qd"} == number.short_keys()
    plain = number_of("104", "QĐ-UBND")
    assert plain is not None
    assert "104/2019/qdubnd" in plain.short_keys("2019")


def test_the_numbers_that_a_real_decision_cites_are_found() -> None:
    cited = cited_keys(next(path for path in TEXTS if path.stem == "dak-nong").read_text())
    assert {"1/2013/ndcp", "15/ctttg", "76/ttrstttt", "106/2011/ndcp", "26/ndcp"} <= cited
    assert not any("19/6" in key or key.startswith("15/11") for key in cited)


def test_a_cited_number_is_found_across_a_line_break_and_with_room_for_its_digits() -> None:
    assert "39/2017/ttbtttt" in cited_keys("Thông tư số 39/2017/TT-\nBTTTT ngày 15 tháng 12")
    assert "17/2019/qdubnd" in cited_keys("Số: 17 /2019/QĐ-UBND\nThái Bình")
    assert "2/2019/ttbnv" in cited_keys("Thông tư 02/2019/TT-BNV - xây dựng")


# --- types and agencies -------------------------------------------------------------------------------------

def test_types_are_known_by_abbreviation_and_code() -> None:
    assert types_named("QĐ") == types_named("qd") == types_named("02") == ("Quyết định",)
    assert types_named("HĐ") == ("Hợp đồng",)
    assert set(types_named("hd")) == {"Hợp đồng", "Hướng dẫn"}
    assert types_named("giấy khen") == ("giấy khen",)
    assert type_name("15") == "Tờ trình"
    assert type_name("99") == ""


def test_the_table_of_types_holds_each_code_of_the_circular_once_but_for_the_others() -> None:
    codes = [kind.code for kind in document_types()]
    assert {code for code in codes if codes.count(code) == 1} == {f"{n:02d}" for n in range(1, 32)}
    assert type_name("32") == "Khác"
    assert len({kind.name for kind in document_types()}) == len(codes)


def test_an_agency_is_known_in_short_and_written_out() -> None:
    assert "Ủy ban nhân dân tinh long an" in BUILT_IN.names("UBND tỉnh Long An")
    assert "UBND tinh long an" in BUILT_IN.names("Ủy ban nhân dân tỉnh Long An")
