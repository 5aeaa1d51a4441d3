"""Promises about plausible text: Vietnamese syllables by their structure, figures, and the list for review."""

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.digitise.text_quality import judge_text, misread, review, review_list, text_facts, worse_than
from search.syllables import common_syllables, counts, share, syllables

TEXTS = {path.name: path.read_text(encoding="utf-8")
         for path in sorted((Path(__file__).parents[1] / "samples/texts").glob("*.txt")) if "chu-uo" not in path.name}
NAMES = {"kon", "krông", "kạn", "lăk", "lắk", "đăk", "đắk"}     # not Vietnamese by their structure


def test_the_structure_holds_every_syllable_in_use():
    assert common_syllables() - syllables() == NAMES
    assert all(unicodedata.is_normalized("NFC", one) and one == one.lower() for one in syllables())


@pytest.mark.parametrize("name", TEXTS)
def test_real_texts_are_plausible(name):
    counted, valid = counts(TEXTS[name])
    assert counted > 3000
    assert valid >= 0.995 * counted


@pytest.mark.parametrize("word", [
    "hòa", "hoà", "thủy", "thuỷ", "khỏe", "khoẻ", "nghiêng", "khuỷu", "khuya", "quyết", "quốc", "giếng", "gì", "giữ",
    "yến", "huỳnh", "loạng", "choàng", "xoong", "buýt", "voan", "ưu", "ươn", "ỷ", "oẹ", "ọe", "đường", "ngoằn"])
def test_what_the_structure_permits_in_both_ways_of_placing_the_tone(word):
    assert share(word) == share(word.upper()) == share(unicodedata.normalize("NFD", word)) == 1.0


@pytest.mark.parametrize("word", [
    "hòan", "tóan", "hìêp", "cât", "tìch", "bàc", "ngiêng", "kà", "cế", "ghà", "muôg", "đưòng", "thưỏng", "quôc",
    "tưong", "boàn", "vuyên", "xyz", "trưng1ương", "c0ng", "wạng", "zân", "phuờng", "ứơc"])
def test_what_the_structure_forbids(word):
    assert share(word) == 0.0


@pytest.mark.parametrize("text", [
    "12/2026/QĐ-UBND", "UBND HĐND QĐ-TTg BNV KT.", "a) b) đ) 1. 2.", "A4 5G 15a m2", "Đắk Lắk, Krông Bông", "Internet",
    "http://example.vn/vanban", "vanthu@quangbinh.gov.vn", "31/12/2026 15,5 %", "", "…", "2026"])
def test_codes_abbreviations_numbers_and_known_names_do_not_count(text):
    assert counts(text) == (0, 0) or counts(text)[0] == counts(text)[1]
    assert share(text) == 1.0


def test_a_misread_text_falls_visibly():
    text = TEXTS["thai-binh-17-2019.txt"]
    shares = []
    for every in (0, 20, 10, 5):                # each n-th letter with a mark is misread as a neighbour on the page
        letters, seen = [], 0
        for sign in text:
            seen += not sign.isascii() and sign.isalpha()
            letters.append("ñ" if every and not sign.isascii() and sign.isalpha() and seen % every == 0 else sign)
        shares.append(share("".join(letters)))
    assert shares[0] > 0.995
    assert shares[0] - shares[1] > 0.02
    assert shares == sorted(shares, reverse=True)
    assert share(text.encode().decode("windows-1252", "replace")) < 0.5
    assert share("The Government issued a decree on clerical work and on the archives of agencies.") < 0.6


@settings(max_examples=150)
@given(st.text(max_size=200))
def test_any_text_has_a_share_whatever_its_form(text):
    assert 0.0 <= share(text) <= 1.0
    assert share(unicodedata.normalize("NFD", text)) == share(unicodedata.normalize("NFC", text))
    assert counts(text + " " + text) == tuple(2 * one for one in counts(text))
    assert 0.0 <= review({"kind": "picture", "confidence": 50.0, **text_facts(text)}) <= 0.5


@settings(max_examples=100)
@given(st.lists(st.sampled_from(sorted(syllables())), min_size=1, max_size=20))
def test_syllables_stay_syllables_in_capitals_and_decomposed(words):
    text = " ".join(words)
    assert share(text) == share(text.upper()) == share(text.title()) == share(unicodedata.normalize("NFD", text)) == 1.0


# --- figures and dates --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "count"), [
    ("ký ngày l0/O2/2026", 1), ("ngày 3O tháng 12 năm 2026", 1), ("ngày 30 tháng 13 năm 2026", 1),
    ("ngày 30 tháng 13", 1),
    ("ngày 32/01/2026", 1), ("năm 2O26", 1), ("số tiền 1O0.000 đồng", 1), ("ngày 12 tháng 5 năm 2O26; 15/13/2026", 2),
    ("ngày 12 tháng 5 năm 2026", 0), ("ngày … tháng … năm 2026", 0), ("ngày     tháng 02 năm 2026", 0),
    ("Long An, ngày 17 tháng 6 năm 2019; 01/01/2020", 0), ("12/2026/QĐ-UBND", 0), ("Hà Nội, O. và l. là chữ", 0),
    ("điểm 1.2.2020 mục I.2", 0), ("ngày mồng một tháng giêng năm Bính Ngọ", 0), ("H2O, CO2, A0, Điều I", 0)])
def test_figures_and_dates_that_look_misread_are_counted(text, count):
    assert misread(text) == count


@pytest.mark.parametrize("name", TEXTS)
def test_real_texts_have_no_misread_figure(name):
    assert misread(TEXTS[name]) == 0


@settings(max_examples=150)
@given(st.text(alphabet="0123456789lIOo|/.- ngàythán", max_size=80))
def test_no_figure_makes_the_count_fail(text):
    assert misread(text) >= 0


# --- the list for review ------------------------------------------------------------------------------------

GOOD = {"page": 1, "kind": "picture", "blank": False, "confidence": 93.0, "words": 300, "syllables": 0.99, "misread": 0}


def test_the_review_list_is_worst_first_and_leaves_out_what_has_no_text():
    facts = {"pages": [
        GOOD, {**GOOD, "page": 2, "confidence": 62.0}, {**GOOD, "page": 3, "syllables": 0.90},
        {**GOOD, "page": 4, "error": "hang"}, {**GOOD, "page": 5, "blank": True, "confidence": 1.0},
        {"page": 6, "kind": "text"}, {**GOOD, "page": 7, "confidence": None, "words": 0},
        {**GOOD, "page": 8, "syllables": 0.3, "foreign": True}]}
    assert review_list(facts) == [4, 3, 2]
    assert worse_than(facts, 0.9) == [4, 3, 2]
    assert worse_than(facts, 0.95) == [4, 3, 2, 1, 8]
    assert worse_than(facts, 0.0) == []
    assert worse_than({"pages": []}, 1.0) == worse_than({}, 1.0) == []


def test_facts_of_an_older_version_can_be_chosen_from():
    older = {"page": 1, "kind": "picture", "blank": False, "confidence": 80.0, "words": 300}
    assert worse_than({"pages": [older]}, 0.85) == [1]
    assert worse_than({"pages": [{**older, "confidence": 90.0}]}, 0.85) == []


def test_misread_figures_lower_a_page_but_little():
    assert review({**GOOD, "misread": 2}) == pytest.approx(0.89)
    assert review({**GOOD, "misread": 100}) == pytest.approx(0.83)


def test_findings_name_the_pages_and_the_worst():
    poor, worse = {**GOOD, "page": 2, "syllables": 0.88}, {**GOOD, "page": 3, "syllables": 0.80, "misread": 3}
    facts = {"pages": [GOOD, poor, worse]}
    found = {one.code: one.params for one in judge_text("a.pdf", facts)}
    assert set(found) == {"DIGITISE-060", "DIGITISE-061"}
    assert found["DIGITISE-060"]["pages"] == "2–3"
    assert (str(found["DIGITISE-060"]["worst"]), str(found["DIGITISE-060"]["share"])) == ("3", "80")
    assert found["DIGITISE-061"]["pages"] == "3"
    assert judge_text("a.pdf", {"pages": [GOOD]}) == []


def test_a_page_in_another_language_is_no_bad_page():
    english = text_facts("The Government issued a decree on clerical work and on archives of agencies. " * 3)
    assert english["foreign"] is True
    assert judge_text("a.pdf", {"pages": [{**GOOD, **english}]}) == []
    assert text_facts("ba từ thôi") == {"syllables": None, "misread": 0}
