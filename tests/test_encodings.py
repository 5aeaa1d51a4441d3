"""Promises of search/encodings.py: every encoding is read back exactly, other languages are never touched."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.encodings import (
    MOJIBAKE,
    decode,
    from_font,
    from_tcvn3,
    from_vni,
    language_guess,
    recover,
    repair,
    syllable_weight,
    to_tcvn3,
    to_vni,
    vietnamese_share,
)
from search.legacy import CP1252
from search.syllables import LETTERS, common_syllables, rows, spelling_allows

TITLE = "Quyết định ban hành Quy chế làm việc trên môi trường điện tử đối với các cơ quan nhà nước của tỉnh Phú Yên"
LONG = (f"{TITLE}.\nCăn cứ Luật Tổ chức chính quyền địa phương ngày 19 tháng 6 năm 2015; theo đề nghị của Giám đốc Sở "
        "Nội vụ tại Tờ trình số 45/TTr-SNV.\nđ) Các tài liệu đã được ký số, gửi, nhận và lưu trữ hợp lệ./.\n")
TONES = "\u0300\u0301\u0303\u0309\u0323"

vietnamese = st.text(alphabet=sorted(LETTERS) + list("bcdghklmnpqrstvxBCDGHKLMNPQRSTVX 0123456789.,;:/-()\n"))


def misread(text: str) -> str:
    """What a program shows that takes UTF-8 for windows-1252."""
    return "".join(chr(code) if code < 0x80 else CP1252[code - 0x80] for code in text.encode())


def windows_1258(text: str) -> bytes:
    """`text` in windows-1258: base letters with their quality mark, tones as combining marks."""
    apart = []
    for sign in text:
        marks = unicodedata.normalize("NFD", sign)
        apart.append(unicodedata.normalize("NFC", "".join(mark for mark in marks if mark not in TONES)))
        apart += [mark for mark in marks if mark in TONES]
    return "".join(apart).encode("windows-1258")


@given(vietnamese)
def test_vni_comes_back_letter_for_letter(text):
    assert from_vni(to_vni(text).decode("windows-1252")) == unicodedata.normalize("NFC", text)


@given(vietnamese)
def test_tcvn3_comes_back_but_for_the_capitals_that_only_its_font_shows(text):
    without = "".join(sign if sign in "ĂÂĐÊÔƠƯ" or sign.isascii() else sign.lower() for sign in text)
    assert from_tcvn3(to_tcvn3(text).decode("latin-1")) == without


def test_the_tables_are_those_of_the_standards():
    tcvn3 = {letter: int(code, 16) for code, letter in rows("tcvn3.tsv")}
    assert len(tcvn3) == 74                                     # TCVN 5712:1993 VN3: 67 small letters, 7 capitals
    assert {letter: tcvn3[letter] for letter in "ĂÂÊÔƠƯĐăâêôơưđàáạặếộỹỵ"} == {
        "Ă": 0xA1, "Â": 0xA2, "Ê": 0xA3, "Ô": 0xA4, "Ơ": 0xA5, "Ư": 0xA6, "Đ": 0xA7, "ă": 0xA8, "â": 0xA9, "ê": 0xAA,
        "ô": 0xAB, "ơ": 0xAC, "ư": 0xAD, "đ": 0xAE, "à": 0xB5, "á": 0xB8, "ạ": 0xB9, "ặ": 0xC6, "ế": 0xD5, "ộ": 0xE9,
        "ỹ": 0xFC, "ỵ": 0xFE}
    vni = {letter: sequence for sequence, letter in rows("vni.tsv")}
    assert len(vni) == 134 == len(LETTERS) - len("aeiouyAEIOUY")
    assert from_tcvn3("Céng hßa x· héi chñ nghÜa ViÖt Nam") == "Cộng hòa xã hội chủ nghĩa Việt Nam"
    assert from_vni("Coäng hoøa xaõ hoäi chuû nghóa Vieät Nam") == "Cộng hòa xã hội chủ nghĩa Việt Nam"
    assert from_vni("ÑOÄC LAÄP - Aùn phí") == "ĐỘC LẬP - Án phí"


@pytest.mark.parametrize(("data", "encoding"), [
    (LONG.encode(), "utf-8"),
    (b"\xef\xbb\xbf" + LONG.encode(), "utf-8"),
    (LONG.encode("utf-16"), "utf-16"),
    (LONG.encode("utf-16-le"), "utf-16-le"),
    (LONG.encode("utf-16-be"), "utf-16-be"),
    (LONG.encode("utf-32"), "utf-32"),
    (unicodedata.normalize("NFD", LONG).encode(), "utf-8"),
    (windows_1258(LONG), "windows-1258"),
    (to_tcvn3(LONG), "tcvn3"),
    (to_vni(LONG), "vni"),
    (to_tcvn3(LONG).decode("latin-1").encode(), "tcvn3"),
    (to_vni(LONG).decode("windows-1252").encode(), "vni"),
    (misread(LONG).encode(), MOJIBAKE),
    (misread(misread(LONG)).encode(), MOJIBAKE),
    (misread(LONG).replace("\xa0", " ").encode(), MOJIBAKE),
])
def test_the_same_text_is_read_from_every_encoding(data, encoding):
    found = decode(data)
    assert found.encoding == encoding
    assert found.text == (LONG if encoding != "tcvn3" else from_tcvn3(to_tcvn3(LONG).decode("latin-1")))
    assert found.confidence > 0.9


@pytest.mark.parametrize("text", [
    "The Government issued Decree No. 30/2020 on clerical work; archives shall be kept for ten years.",
    "Les élèves français ont été reçus à l'hôtel où la fête, très réussie, avait été préparée dès l'été.",
    "Die Müllabfuhr prüft größere Behälter für Öl, Käse und süße Äpfel; schöne Grüße aus Köln.",
    "Приказ о хранении документов утверждён и вступает в силу с первого января.",
    "São Paulo não é a capital; à noite há ônibus. El niño comió piña mañana.",
    "Þetta er íslenskur texti með ð og Þ, sem á að haldast óbreyttur.",
    "公文書管理法", "", "12/2020 — 35 %",
])
def test_text_in_another_language_stays_as_it_is(text):
    assert recover(text).text == text
    assert decode(text.encode()).text == text
    assert language_guess(text) == "unsure"


@pytest.mark.parametrize("text", ["Les élèves français ont été reçus à l'hôtel", "schöne Grüße für süße Äpfel"])
def test_western_bytes_are_read_as_western_and_called_unsure(text):
    found = decode(text.encode("windows-1252"))
    assert (found.text, found.encoding, found.confidence) == (text, "unsure", 0.0)


def test_signs_that_legacy_encodings_use_as_letters_stay_signs_in_unicode_text():
    text = ("Quyết định © 2020 «Quy chế» ® số 5 µm, 20 °C, § 3, 1·2, ±5\n· Mục một\n¨ Mục hai\n"
            "ông Müller và bà Citroën ở São Tomé đã có ý kiến về việc này\n")
    assert recover(text).text == text
    assert recover(text).encoding == "unicode"


def test_mixed_lines_are_converted_word_by_word():
    rest = "Việt Nam, có và là Độc lập\nĐã ký số; tài liệu có đủ\n"
    found = recover("Số: 12/QĐ-UBND - Céng hßa x· héi chñ nghÜa " + rest)
    assert found.text == "Số: 12/QĐ-UBND - Cộng hòa xã hội chủ nghĩa " + rest
    assert found.encoding == "tcvn3"
    assert found.repairs == {"from_tcvn3": 6}


def test_a_letter_of_tcvn3_is_not_taken_for_a_soft_hyphen():
    assert recover("nh÷ng c¬ quan nhµ n\xadíc ®\xadîc giao").text == "những cơ quan nhà nước được giao"


def test_soft_hyphens_inside_unicode_words_go():
    found = recover("phát tri\xadển cơ quan nhà nư\xadớc")
    assert found.text == "phát triển cơ quan nhà nước"
    assert found.repairs == {"soft_hyphen": 2}
    assert found.encoding == "unicode"


def test_bullets_in_a_tcvn3_text_stay_bullets_and_list_letters_do_not():
    found = recover("· ®iÒu kho¶n thi hµnh\n®) C¸c tµi liÖu ®· ký sè\n")
    assert found.text == "· điều khoản thi hành\nđ) Các tài liệu đã ký số\n"


def test_capitals_that_tcvn3_cannot_mark_come_back_as_capitals():
    # The mark of secrecy is in capitals; half in small letters it would not be seen.
    text = "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM\nSở Nội vụ tỉnh PHÚ YÊN\nSố: 12/QĐ-UBND của Sở\nTỐI MẬT\n"
    assert decode(to_tcvn3(text)).text == text


def test_broken_utf8_is_still_utf8_and_the_breaks_are_counted():
    found = decode(LONG.encode()[:-9] + b"\xff" + LONG.encode()[-9:])
    assert found.encoding == "utf-8"
    assert found.repairs["broken_bytes"] == 1
    assert found.confidence < 1


def test_the_letter_oi_becomes_the_letter_u_with_horn():
    # Seen 22 times in a published decision of a province.
    assert repair("môi trƣờng điện tử; CHƢƠNG I; nhà nƣớc") == (
        "môi trường điện tử; CHƯƠNG I; nhà nước", {"oi_letter": 3})


def test_the_letter_eth_becomes_d_with_stroke_only_in_vietnamese():
    assert repair("Quyết ðịnh của UBND tỉnh; QÐ-UBND") == ("Quyết định của UBND tỉnh; QĐ-UBND", {"look_alike": 2})
    assert repair("Reykjavík: það er gott, Þórður") == ("Reykjavík: það er gott, Þórður", {})


def test_cyrillic_letters_inside_vietnamese_words_become_latin_and_russian_words_stay():
    assert repair("Quyết định của сơ quan nhà nướс") == ("Quyết định của cơ quan nhà nước", {"mixed_script": 2})
    assert repair("Quyết định của со Москва") == ("Quyết định của со Москва", {})


def test_invisible_and_stray_signs_go_and_are_counted():
    text, repairs = repair("Số\u200b 12\u00a0\u0301/QĐ\x07-UB\ufeffND\r\nTie\u0302\u0301ng Viê\u0323t ề\u0300")
    assert text == "Số 12 /QĐ-UBND\nTiếng Việt ề"
    assert repairs == {"zero_width": 2, "control": 1, "space": 1, "composed": 3, "stray_mark": 2}


@given(st.text())
def test_repairing_twice_changes_nothing_more(text):
    once, _ = repair(text)
    assert repair(once) == (once, {})
    assert unicodedata.is_normalized("NFC", once)


@given(st.text(alphabet=st.sampled_from("aàăâđðƣеoо\u0300\u0301\u0302\u0323\u031b\u00ad\u200b \r\n·®¶Ãº»á\x85")))
def test_hard_mixtures_never_break_the_reader(text):
    found = recover(text)
    assert unicodedata.is_normalized("NFC", found.text)
    assert 0 <= found.confidence <= 1


@given(st.binary(max_size=400))
def test_any_bytes_are_read_without_an_error_and_the_same_way_every_time(data):
    found = decode(data)
    assert found == decode(data)
    assert unicodedata.is_normalized("NFC", found.text)


@given(st.lists(st.sampled_from(sorted(common_syllables())), min_size=12, max_size=40))
def test_words_in_unicode_are_never_converted(words):
    text = " ".join(words)
    assert recover(text).text == text


def test_a_run_in_a_legacy_font_is_converted_and_one_in_unicode_is_not():
    assert from_font("Céng b¸o", ".VnTime") == ("Cộng báo", "tcvn3")
    assert from_font("céng b¸o", ".VnTimeH") == ("CỘNG BÁO", "tcvn3")
    assert from_font("céng b¸o", ".VnArial NarrowH") == ("CỘNG BÁO", "tcvn3")
    assert from_font("Coâng baùo", "VNI-Times") == ("Công báo", "vni")
    assert from_font("\uf0a7éng", ".VnTime") == ("Động", "tcvn3")
    assert from_font("Độc lập", ".VnTime") == ("Độc lập", None)
    assert from_font("Céng b¸o", "Times New Roman") == ("Céng b¸o", None)
    assert from_font("Céng b¸o", "") == ("Céng b¸o", None)


def test_every_common_syllable_keeps_to_the_rules_of_spelling():
    words = [word for row in rows("syllables.txt") for word in row[0].split()]
    assert len(words) == len(set(words)) > 3000
    assert all(unicodedata.is_normalized("NFC", word) and word == word.lower() for word in words)
    foreign = {"đắk", "đăk", "lắk", "lăk", "krông", "kạn", "kon"}      # names of places
    assert {word for word in words if not spelling_allows(word)} <= foreign


@pytest.mark.parametrize("word", ["xyz", "Straße", "ngi", "ka", "cê", "tấất", "hòà", "các̉", "tàp"])
def test_what_spelling_forbids_is_no_syllable(word):
    assert syllable_weight(word) == 0


def test_vietnamese_is_told_from_other_languages():
    assert vietnamese_share(LONG) > 0.5
    assert language_guess(LONG) == "vi"
    assert language_guess("Quyet dinh ban hanh quy che lam viec") == "unsure"


@pytest.mark.parametrize("text", [
    "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM\n« Quy chế »\n\fCỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM\n",
    "CỘNG HÒA XÃ\xa0HỘI CHỦ NGHĨA VIỆT NAM\nCỘNG HÒA XÃ\xa0HỘI CHỦ NGHĨA VIỆT NAM\nCông ty Müller ®\n",
    "Biển ghi “UBND XÔ. Biển ghi “UBND XÔ.\nBiển ghi “UBND XÃ”\nBiển ghi “UBND XÃ”\n",
    "THỊ XÃ \nTHỊ XÃ \n«\n"])
def test_a_capital_a_with_tilde_before_a_space_or_a_quote_stays(text):
    assert recover(text).text == repair(text)[0]
    assert recover(text).encoding == "unicode"


def test_a_heading_in_unicode_stays_beside_lines_that_were_misread():
    heading = "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM"
    found = recover(f"{heading}\n{misread(LONG)}{heading}\n")
    assert (found.encoding, found.text) == (MOJIBAKE, f"{heading}\n{LONG}{heading}\n")
