"""The secrecy gate: what bears a mark is refused, what speaks about secrecy is not."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime
from pathlib import Path

import pikepdf
import pypdfium2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.findings import Level, worst
from archive.settings import Settings
from ingest.item import Context, Item, Part
from ingest.secrecy import marks, name_findings, secrecy_findings
from ingest.stages.check import check_secrecy

HEAD = ("ỦY BAN NHÂN DÂN\nTỈNH PHÚ YÊN\n-------\nSố: 12/BC-UBND\n{stamp}\n"
        "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM\nĐộc lập - Tự do - Hạnh phúc\n"
        "Phú Yên, ngày 02 tháng 5 năm 2026\nBÁO CÁO\nVề tình hình sáu tháng đầu năm\n")
BODY = "\n".join(f"{number}. Nội dung này thuộc bí mật nhà nước hay không do cơ quan xác định." for number in range(60))

# What five provincial regulations say about secrecy: none of it is a mark.
ABOUT_SECRECY = [
    "Không được thực hiện trên môi trường điện tử các công việc có nội \n\ndung thuộc bí mật nhà nước theo quy định.",
    "2. Quy chế này không áp dụng đối với việc gửi, nhận văn bản có nội dung thuộc bí mật nhà nước.",
    "- Các văn bản mật, văn bản không được thể hiện dưới dạng thông điệp dữ liệu hoặc không được phép phát hành, "
    "trao đổi trên môi trường mạng không thuộc phạm vi điều chỉnh của Quy định này.",
    "thời hạn bảo quản, số lượng tờ, hạn chế sử dụng (mật, tình trạng vật lý kém, đang xử lý nghiệp vụ, lý do khác)",
    "4. Quản lý chứng thư số chuyên dùng đã cấp cho cơ quan nhà nước theo quy định tối mật.",
    "3. Tự bảo quản thiết bị lưu khóa bí mật của cơ quan, cá nhân; tự quản lý, bảo mật \n\nmật khẩu đăng nhập.",
    "văn bản quy phạm pháp luật không phải văn bản mật; văn bản, hồ sơ trình Tỉnh ủy",
]

NOT_MARKS = [
    "", "Độ mật: ……………", "Độ mật: Không", "MẬT KHẨU", "MẬT MÃ DÂN SỰ", "BÍ MẬT NHÀ NƯỚC",
    "KẾ HOẠCH CÔNG TÁC BẢO VỆ BÍ MẬT NHÀ NƯỚC", "QUY CHẾ CÔNG TÁC BẢO VỆ BÍ\nMẬT NHÀ NƯỚC", "QUY CHẾ CÔNG TÁC BẢO\nMẬT",
    "Độ mật: Mật, Tối mật, Tuyệt mật", "mật", "văn bản đóng dấu MẬT phải gửi trực tiếp",
    "1. Văn bản đóng dấu MẬT\n2. Văn bản đóng dấu TỐI MẬT", "GIẢI MẬT", "BAN CƠ YẾU - MẬT MÃ",
    "MẶT TRẬN TỔ QUỐC", "MẶT BẰNG",
]

STAMPS = {
    "MẬT": "MẬT", "TỐI MẬT": "TỐI MẬT", "TUYỆT MẬT": "TUYỆT MẬT", "M Ậ T": "MẬT", "MẬ T": "MẬT", "MÃT": "MẬT",
    "T Ố I  M Ậ T": "TỐI MẬT", "TÓI MẬT": "TỐI MẬT", "TUYÊT MÂT": "TUYỆT MẬT", "| MẬT |": "MẬT", "[MẬT]": "MẬT",
    "l MẬT l": "MẬT", "**TỐI MẬT**": "TỐI MẬT", "Độ mật: Mật": "MẬT", "ĐỘ MẬT: TUYỆT MẬT": "TUYỆT MẬT",
    "Độ mật:\nTối mật": "TỐI MẬT", "MẬT.": "MẬT", "MẠẬT": "MẬT", "—— MẬT ——": "MẬT", "MA\u0302\u0323T": "MẬT",
}


def codes(fields: dict[str, str], text: str = "") -> list[str]:
    return [found.code for found in secrecy_findings(fields, text, "báo cáo.pdf")]


@pytest.mark.parametrize("stamp", STAMPS)
def test_a_stamp_near_the_number_is_refused(stamp: str) -> None:
    found, = secrecy_findings({}, HEAD.format(stamp=stamp) + BODY, "báo cáo.pdf")
    assert (found.code, found.level) == ("CHECK-061", Level.refused)
    assert found.params["secrecy"] == STAMPS[stamp]
    assert found.params["page"] == "1"


@pytest.mark.parametrize("line", NOT_MARKS)
def test_words_about_secrecy_in_a_heading_are_no_stamp(line: str) -> None:
    assert codes({}, HEAD.format(stamp=line) + BODY) == []


@pytest.mark.parametrize("text", ABOUT_SECRECY)
def test_regulations_that_speak_of_secrets_are_taken_in(text: str) -> None:
    assert codes({}, HEAD.format(stamp="") + text) == []
    assert codes({}, text) == []


def test_a_table_of_levels_is_shown_to_a_person_but_not_refused() -> None:
    found = secrecy_findings({}, HEAD.format(stamp="") + "Các độ mật gồm:\nTUYỆT MẬT\nTỐI MẬT\nMẬT\n", "x.pdf")
    assert [each.code for each in found] == ["CHECK-064"]
    assert worst(found) is Level.warning


def test_a_page_that_describes_the_stamp_is_shown_to_a_person_but_not_refused() -> None:
    annex = "PHỤ LỤC\nMẫu dấu chỉ độ mật\nMẬT\nHình chữ nhật, kích thước 20 mm x 8 mm, có hai đường viền\n"
    assert codes({}, HEAD.format(stamp="") + BODY + "\f" + annex) == ["CHECK-064"]


def test_a_stamp_over_a_document_with_a_table_of_levels_is_still_refused() -> None:
    text = HEAD.format(stamp="MẬT") + BODY + "\nTUYỆT MẬT\nTỐI MẬT\nMẬT\n" + BODY
    assert codes({}, text) == ["CHECK-061"]


def test_a_stamp_laid_over_a_page_comes_last_in_its_text_and_is_refused() -> None:
    assert codes({}, HEAD.format(stamp="") + BODY + "\nMẬT\fTrang hai không có gì.") == ["CHECK-061"]


def pdf_of_lines(lines: list[tuple[int, int, str]]) -> bytes:
    """A page with text at given places, in the order given; its font has a map to Unicode and no shapes."""
    signs = sorted({sign for _, _, text in lines for sign in text})
    code = {sign: number for number, sign in enumerate(signs, 1)}
    mapping = "".join(f"<{code[sign]:02x}> <{sign.encode('utf-16-be').hex()}>\n" for sign in signs)
    pdf, out = pikepdf.new(), io.BytesIO()
    unicode_map = pdf.make_stream((
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /X def /CMapType 2 def\n"
        f"1 begincodespacerange <00> <ff> endcodespacerange\n{len(signs)} beginbfchar\n{mapping}endbfchar\n"
        "endcmap end end").encode())
    font = pikepdf.Dictionary(Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name.Helvetica,
                              FirstChar=1, LastChar=len(signs), Widths=[600] * len(signs), ToUnicode=unicode_map)
    page = pdf.add_blank_page(page_size=(595, 842))
    page.obj.Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(F=font))
    page.obj.Contents = pdf.make_stream("".join(
        f"BT /F 12 Tf {x} {y} Td <{''.join(f'{code[sign]:02x}' for sign in text)}> Tj ET\n"
        for x, y, text in lines).encode())
    pdf.save(out)
    return out.getvalue()


@pytest.mark.parametrize("at", [0, 2, 4, 99])
def test_a_stamp_in_a_real_pdf_is_found_wherever_its_text_comes_in_the_file(at: int) -> None:
    lines = [(50, 800, "ỦY BAN NHÂN DÂN"), (300, 800, "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM"),
             (50, 780, "Số: 12/BC-UBND"), (300, 780, "Phú Yên, ngày 02 tháng 5 năm 2026"), (200, 740, "BÁO CÁO"),
             *((50, 700 - 20 * row, f"{row}. Nội dung thuộc bí mật nhà nước do cơ quan định.") for row in range(30))]
    lines.insert(at, (60, 760, "TỐI MẬT"))
    with pypdfium2.PdfDocument(pdf_of_lines(lines)) as pdf:
        text = pdf[0].get_textpage().get_text_bounded()
    assert codes({}, text) == ["CHECK-061"]


def test_a_stamp_on_a_later_document_of_the_same_scan_is_refused() -> None:
    found = secrecy_findings({}, HEAD.format(stamp="") + BODY + "\f" + HEAD.format(stamp="TỐI MẬT") + BODY, "x")
    assert [(each.code, each.params["page"]) for each in found] == [("CHECK-061", "2")]


def test_without_page_breaks_a_stamp_by_a_heading_is_found_all_the_same() -> None:
    text = HEAD.format(stamp="") + BODY + "\n" + BODY + "\n" + HEAD.format(stamp="MẬT") + BODY
    assert codes({}, text) == ["CHECK-061"]


def test_a_lone_mark_far_from_any_heading_is_shown_to_a_person() -> None:
    assert codes({}, HEAD.format(stamp="") + BODY + "\nMẬT\n" + BODY) == ["CHECK-064"]


def test_noise_that_looks_a_little_like_a_mark_in_the_middle_of_a_text_is_nothing() -> None:
    assert codes({}, HEAD.format(stamp="") + BODY + "\nMÃT\n" + BODY) == []
    assert codes({}, HEAD.format(stamp="") + BODY + "\n“MẬT”\n" + BODY) == []


def test_a_quoted_mark_in_a_heading_is_shown_to_a_person() -> None:
    assert codes({}, HEAD.format(stamp="Quy định việc đóng dấu\n“MẬT”") + BODY) == ["CHECK-064"]


@pytest.mark.parametrize("line", [
    "Số: 12/BC-UBND MẬT", "MẬT Phú Yên, ngày 02 tháng 5 năm 2026", "TỐI MẬT CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM",
    "Độc lập - Tự do - Hạnh phúc MẬT", "TỈNH PHÚ YÊN    MẬT    "])
def test_a_stamp_that_reading_joined_to_its_neighbour_is_refused(line: str) -> None:
    assert codes({}, "ỦY BAN NHÂN DÂN\n" + line + "\nBÁO CÁO\n" + BODY) == ["CHECK-061"]


def test_a_declassified_document_waits_for_its_decision() -> None:
    assert codes({}, HEAD.format(stamp="MẬT\nGIẢI MẬT\nTừ: 01/02/2026") + BODY) == ["CHECK-065"]


def test_the_stamp_of_a_secret_copy_is_refused() -> None:
    assert codes({}, HEAD.format(stamp="BẢN SAO BÍ MẬT NHÀ NƯỚC") + BODY) == ["CHECK-061"]


@pytest.mark.parametrize(("field", "value"), [
    ("secrecy", "Mật"), ("secrecy", "MẬT"), ("secrecy", "tối mật"), ("secrecy", "Tuyệt mật"), ("secrecy", "toi mat"),
    ("secrecy", "C"), ("mode", "03"), ("mode", "Mật"), ("mode", "03 - Mật"), ("priority", "Mật; Khẩn"),
    ("confidenceLevel", "Mật"), ("subject", "[MẬT] Kế hoạch diễn tập"), ("subject", "Kế hoạch diễn tập (Tối mật)"),
    ("subject", "MẬT - Kế hoạch"), ("description", "Bản giấy, độ mật: Mật"), ("secrecy", "Ma\u0302\u0323t")])
def test_a_level_in_a_field_is_refused(field: str, value: str) -> None:
    found, = secrecy_findings({field: value}, "", "x")
    assert (found.code, found.level, found.params["field"]) == ("CHECK-060", Level.refused, field)


@pytest.mark.parametrize(("field", "value"), [
    ("secrecy", ""), ("secrecy", "Không"), ("secrecy", "Thường"), ("mode", "01"), ("mode", "02"), ("format", "03"),
    ("typeName", "03"), ("subject", "Kế hoạch bảo vệ bí mật nhà nước"), ("subject", "QUY CHẾ BẢO MẬT - 2026"),
    ("subject", "Danh mục tài liệu độ mật: mật, tối mật"), ("keyword", "bảo mật; mật khẩu"), ("priority", "Khẩn"),
    ("organName", "Ban Cơ yếu Chính phủ"), ("description", "hạn chế sử dụng (mật, tình trạng vật lý kém)")])
def test_a_field_without_a_level_passes(field: str, value: str) -> None:
    assert codes({field: value}) == []


def test_a_secrecy_value_that_nobody_knows_is_not_believed_to_be_harmless() -> None:
    assert codes({"secrecy": "2"}) == ["CHECK-062"]
    assert codes({"secrecy": "chưa rõ"}) == ["CHECK-062"]


@pytest.mark.parametrize("phrase", ["Không phát hành trên mạng", "KHÔNG ĐƯỢC PHÉP PHÁT HÀNH TRÊN MẠNG"])
def test_what_may_not_go_on_the_network_has_its_own_reason(phrase: str) -> None:
    assert codes({"description": f"Bản gốc giấy; {phrase}."}) == ["CHECK-063"]
    assert codes({}, HEAD.format(stamp=f"({phrase})") + BODY) == ["CHECK-063"]


def test_a_folder_or_file_named_after_a_level_is_refused() -> None:
    assert [found.code for found in name_findings("2026/Mật/kế hoạch.pdf", "x")] == ["CHECK-060"]
    assert [found.code for found in name_findings("[TỐI MẬT] kế hoạch.pdf", "x")] == ["CHECK-060"]
    assert name_findings("2026/Bảo mật/quy chế bảo mật.pdf", "x") == []


@given(level=st.sampled_from(["MẬT", "TỐI MẬT", "TUYỆT MẬT"]), spaced=st.booleans(),
       before=st.sampled_from(["", "| ", "[", "“", "* ", "— ", "l "]),
       after=st.sampled_from(["", " |", "]", ".", " —"]),
       at=st.integers(0, 8), vowel=st.sampled_from("ẬÂẠÃẶ"))
def test_noise_around_or_in_a_stamp_does_not_hide_it(level: str, spaced: bool, before: str, after: str, at: int,
                                                     vowel: str) -> None:
    stamp = level.replace("Ậ", vowel)
    stamp = " ".join(stamp) if spaced else stamp
    lines = (HEAD.format(stamp="").replace("\n\n", "\n") + BODY).splitlines()
    lines.insert(at, before + stamp + after)
    found = secrecy_findings({}, "\n".join(lines), "x")
    assert [(each.code, each.params["secrecy"]) for each in found] == [("CHECK-061", level)]


@given(words=st.lists(st.sampled_from([
    "bí", "mật", "nhà", "nước", "bảo", "tối", "tuyệt", "đóng", "dấu", "MẬT", "TỐI", "độ", "khẩu", "của", "và", "văn"]),
                      min_size=4, max_size=14), at=st.integers(0, 60))
def test_a_sentence_with_the_words_is_never_refused(words: list[str], at: int) -> None:
    lines = (HEAD.format(stamp="") + BODY).splitlines()
    lines.insert(min(at, len(lines)), "Điều này nói rằng " + " ".join(words) + " theo quy định.")
    assert worst(secrecy_findings({}, "\n".join(lines), "x")) < Level.refused


@given(st.text())
def test_the_gate_reads_any_text(text: str) -> None:
    assert isinstance(secrecy_findings({"secrecy": "", "subject": text}, text, "x"), list)
    assert isinstance(marks(text * 3), list)


def test_a_finding_never_repeats_the_document() -> None:
    found = secrecy_findings({"subject": "[MẬT] Phương án di dời kho", "secrecy": "kho số 7"},
                             HEAD.format(stamp="MẬT").replace("sáu tháng", "kho số 7"), "tệp 1.pdf")
    said = " ".join(each.sentence(language) + each.cure(language) + str(each.as_dict())
                    for each in found for language in ("vi", "en"))
    assert len(found) == 3
    assert "kho" not in said.lower()


def an_item(folder: Path, text: str = "", **fields: str) -> Item:
    received = folder / "a.pdf"
    received.write_bytes(b"%PDF-1.7")
    if text:
        (folder / "text.txt").write_text(text, encoding="utf-8")
    part = Part("a.pdf", "original", received, 8, "", "")
    return Item("1", "test", "a.pdf", folder, [part], datetime(2026, 5, 2, tzinfo=UTC), fields)


def test_the_stage_reads_the_extracted_text(tmp_path: Path) -> None:
    item, context = an_item(tmp_path, HEAD.format(stamp="MẬT") + BODY), Context(Settings(), date(2026, 5, 2))
    first = check_secrecy(item, context)
    assert [found.code for found in first] == ["CHECK-061"]
    assert check_secrecy(item, context) == first


def test_the_stage_reads_the_text_of_every_part(tmp_path: Path) -> None:
    item = an_item(tmp_path, HEAD.format(stamp=""))
    (tmp_path / "text-2.txt").write_text(HEAD.format(stamp="TUYỆT MẬT"), encoding="utf-8")
    item.made(tmp_path / "text-2.txt", "text", "txt")
    assert [found.code for found in check_secrecy(item, Context(Settings(), date(2026, 5, 2)))] == ["CHECK-061"]


def test_the_stage_reads_what_was_read_in_the_red_of_a_scan(tmp_path: Path) -> None:
    item = an_item(tmp_path, HEAD.format(stamp=""))
    item.facts["digitise"] = {"red_text": "TỐI MẬT"}
    assert [found.code for found in check_secrecy(item, Context(Settings(), date(2026, 5, 2)))] == ["CHECK-061"]


def test_a_document_without_marks_passes_the_stage(tmp_path: Path) -> None:
    item = an_item(tmp_path, HEAD.format(stamp="") + BODY, secrecy="Không", mode="01")
    assert check_secrecy(item, Context(Settings(), date(2026, 5, 2))) == []
