"""The papers of the law: every kind comes out whole, as PDF/A and as DOCX, in the layout that offices must use."""

from __future__ import annotations

import importlib.util
import io
import re
import tomllib
import unicodedata
import zipfile
from datetime import UTC, datetime
from functools import cache
from types import ModuleType
from typing import Any

import docx
import numpy
import pikepdf
import pypdfium2
import pytest
import zxingcpp

from archive.forms import long_papers, papers
from archive.forms.filling import DOTS, PaperError
from tests.conftest import ROOT

MADE = datetime(2026, 11, 21, 1, 0, tzinfo=UTC)
KINDS = list(papers.kinds())
HASH = "ab12" * 16


@cache
def forms() -> ModuleType:
    """docs/forms.py, which prints the examples."""
    told = importlib.util.spec_from_file_location("forms", ROOT / "docs" / "forms.py")
    assert told is not None
    assert told.loader is not None
    module = importlib.util.module_from_spec(told)
    told.loader.exec_module(module)
    return module


@cache
def example(kind: str) -> dict[str, Any]:
    found: dict[str, Any] = forms().examples()[kind]
    return found


@cache
def printed(kind: str) -> bytes:
    return papers.paper(kind, example(kind), made=forms().MADE)


def pages(data: bytes) -> list[str]:
    with pypdfium2.PdfDocument(data) as pdf:
        return [page.get_textpage().get_text_range() for page in pdf]


def plain(text: str) -> str:
    """Without blanks and hyphens of parted words: two writers of text part lines differently."""
    return re.sub(r"[\s\x02\ufffe]+", "", unicodedata.normalize("NFC", text)).casefold()


def rows(count: int, title: str = "Hồ sơ giải quyết đơn của công dân xã An Ninh Đông, tập {n}") -> dict[str, Any]:
    files = [{"code": f"H49.61.8-2012-{n:05d}", "title": title.format(n=n), "retention": "10 năm", "documents": 2,
              "pages": 7, "reason": "Hết thời hạn lưu trữ", "note": "Có bản giấy" if n % 3 else ""}
             for n in range(1, count + 1)]
    return {"agency": "Sở Nội vụ", "fonds": "Sở Nội vụ", "files": files, "count": count, "documents": 2 * count,
            "pages": 7 * count}


@pytest.mark.parametrize("kind", KINDS)
def test_every_paper_says_all_that_its_data_say_on_the_page_and_in_word(kind: str) -> None:
    told = papers.content(kind, example(kind))
    word = docx.Document(io.BytesIO(papers.docx(kind, example(kind), made=MADE)))
    shown = plain("".join(pages(printed(kind))))
    inside = plain("".join(part.text or "" for part in word.element.body.iter() if part.tag.endswith("}t")))
    texts = [told["kind"], told["subject"], *(text for block in told["blocks"] for text in words_of(block)),
             *(line for one in told["signers"] for line in (*one["lines"], one["name"])), *told["recipients"]]
    for text in filter(None, texts):
        assert plain(text) in inside
        for piece in text.split():      # a cell's lines stand between those of its neighbours
            assert plain(piece) in shown


def words_of(block: dict[str, Any]) -> list[str]:
    if block["type"] == "table":
        return [cell for row in block["rows"] for cell in ([row] if isinstance(row, str) else row)]
    return [text for pair in block["pairs"] for text in pair] if block["type"] == "facts" else [block["text"]]


@pytest.mark.parametrize("kind", KINDS)
def test_every_paper_is_pdf_a_with_the_letters_inside(kind: str) -> None:
    with pikepdf.open(io.BytesIO(printed(kind))) as pdf:
        metadata = pdf.Root.Metadata.read_bytes().decode()
        assert "<pdfaid:part>2</pdfaid:part>" in metadata
        assert "<pdfaid:conformance>U</pdfaid:conformance>" in metadata
        for page in pdf.pages:
            sizes = sorted(round(float(value) * 25.4 / 72) for value in page.mediabox[2:])
            assert sizes == [210, 297]
            for font in page.Resources.Font.values():
                assert "/FontFile2" in font.DescendantFonts[0].FontDescriptor or (
                    "/FontFile3" in font.DescendantFonts[0].FontDescriptor)


@pytest.mark.parametrize("kind", KINDS)
def test_the_kept_examples_show_what_the_tables_say_now(kind: str) -> None:
    kept = (forms().FOLDER / f"{kind}.pdf").read_bytes()
    assert [plain(page) for page in pages(kept)] == [plain(page) for page in pages(printed(kind))], (
        "run: python docs/forms.py")


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_paper_is_a_form_to_be_filled_by_hand(kind: str) -> None:
    shown = "".join(pages(papers.paper(kind, {}, made=MADE)))
    assert DOTS[0] in shown
    papers.docx(kind, {}, made=MADE)


def test_the_catalogue_of_papers_and_their_tables_are_the_same_set_and_each_names_its_ground() -> None:
    assert {path.stem for path in papers.FOLDER.glob("*.toml")} == set(KINDS)
    for kind in papers.kinds().values():
        assert kind.certainty in {"official", "secondary", "own"}
        assert kind.name
        assert kind.article
    listed = (ROOT / "docs" / "forms.md").read_text()
    told = [f"[`{one.kind}`](forms/{one.kind}.pdf) | {one.name} | {one.article} | {one.certainty}"
            for one in papers.kinds().values()]
    assert [one for one in told if one not in listed] == []


def test_the_columns_of_the_official_lists_are_those_of_the_law() -> None:
    def heads(kind: str) -> list[str]:
        told = papers.content(kind, {})
        return [one["head"] for block in told["blocks"] if block["type"] == "table" for one in block["columns"]]

    assert heads("destruction_list_files") == [
        "STT", "Mã lưu trữ hồ sơ", "Tiêu đề hồ sơ", "Thời hạn lưu trữ", "Tổng số tài liệu", "Tổng số trang",
        "Lý do hủy", "Ghi chú"]
    assert heads("destruction_list_documents") == [
        "STT", "Mã lưu trữ tài liệu", "Tên loại và trích yếu nội dung", "Thời hạn lưu trữ", "Tổng số trang",
        "Lý do hủy", "Ghi chú"]
    assert len(heads("submission_list_paper")) == len(heads("document_list")) == 7
    assert len(heads("submission_list_files")) == 8
    assert len(heads("submission_list_packages")) == 6
    assert len(heads("file_plan")) == 5


def test_the_same_data_make_the_same_bytes() -> None:
    kind = "destruction_decision"
    assert papers.paper(kind, example(kind), made=forms().MADE) == printed(kind)
    assert papers.docx(kind, example(kind), made=MADE) == papers.docx(kind, example(kind), made=MADE)


def test_a_value_that_the_paper_does_not_know_and_an_unknown_paper_are_our_fault() -> None:
    with pytest.raises(PaperError, match="dokuments"):
        papers.paper("destruction_list_files", {"dokuments": 3}, made=MADE)
    with pytest.raises(PaperError, match="no such paper"):
        papers.docx("birthday_card", {}, made=MADE)


def test_the_first_page_bears_the_national_heading_and_the_others_their_number() -> None:
    found = pages(papers.paper("destruction_list_files", rows(60), made=MADE))
    assert len(found) > 2
    assert "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM" in found[0]
    assert "Độc lập - Tự do - Hạnh phúc" in found[0]
    for number, page in enumerate(found[1:], 2):
        assert page.splitlines()[0].strip() == str(number)
        assert "Mã lưu trữ hồ sơ" in page or "H49.61.8" not in page
    assert sum("H49.61.8" in page for page in found) > 2
    assert not found[0].splitlines()[0].strip().isdigit()


def test_totals_stand_in_figures_and_in_words() -> None:
    shown = " ".join("".join(pages(papers.paper("destruction_list_files", rows(21), made=MADE))).split())
    assert "21 (hai mươi mốt) hồ sơ, 42 (bốn mươi hai) tài liệu, 147 (một trăm bốn mươi bảy) trang" in shown


def test_the_hash_of_the_plan_is_on_every_page_in_letters_and_as_a_code_that_a_reader_reads() -> None:
    data = {**rows(30), "check": {"name": "Kế hoạch 1", "hash": HASH}}
    made = papers.paper("destruction_list_files", data, made=MADE)
    assert all(HASH in page for page in pages(made))
    with pypdfium2.PdfDocument(made) as pdf:
        for page in pdf:
            picture = numpy.asarray(page.render(scale=300 / 72).to_pil().convert("L"))
            assert [code.text for code in zxingcpp.read_barcodes(picture)] == [f"luutru:sha256:{HASH}"]


def test_a_long_list_in_parts_has_the_pages_of_one_in_one_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    data = rows(700)
    whole_in_parts = pages(papers.paper("destruction_list_files", data, made=MADE))
    monkeypatch.setattr(long_papers, "_ROWS", 10_000)
    assert pages(papers.paper("destruction_list_files", data, made=MADE)) == whole_in_parts
    monkeypatch.setattr(long_papers, "_ROWS", 200)
    again = papers.paper("destruction_list_files", data, made=MADE)
    assert pages(again) == whole_in_parts
    codes = re.findall(r"H49\.61\.8-2012-\d{5}", "".join(whole_in_parts))
    assert codes == [one["code"] for one in data["files"]]
    with pikepdf.open(io.BytesIO(again)) as pdf:
        assert "<pdfaid:part>2</pdfaid:part>" in pdf.Root.Metadata.read_bytes().decode()
        assert not any("/Annots" in page for page in pdf.pages)


def test_no_heading_between_rows_is_lost_where_a_part_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long_papers, "_ROWS", 100)
    data = rows(330)
    files = [one for n, row in enumerate(data["files"]) for one in ([{"heading": f"Hộp số {n:04d}"}] * (n % 2) + [row])]
    shown = "".join(pages(papers.paper("destruction_list_files", {**data, "files": files}, made=MADE)))
    assert re.findall(r"Hộp số (\d{4})", shown) == [f"{n:04d}" for n in range(1, 330, 2)]
    assert re.findall(r"H49\.61\.8-2012-\d{5}", shown) == [one["code"] for one in data["files"]]


def test_a_row_higher_than_a_page_loses_no_word() -> None:
    title = " ".join(f"từ{n}" for n in range(1500))
    shown = "".join(pages(papers.paper("destruction_list_files", rows(2, title), made=MADE)))
    assert all(f"từ{n}" in shown for n in range(1500))


def test_a_code_longer_than_its_column_stays_inside_it() -> None:
    code = "H49.61.8-2012-00017-BIS-0000003"
    data = {"agency": "Sở", "files": [{"box": 1, "code": code, "title": "ZZZZ"}]}
    with pypdfium2.PdfDocument(papers.paper("destruction_list_paper", data, made=MADE)) as pdf:
        text = pdf[0].get_textpage()
        shown = text.get_text_range()
        boxes = {letter: text.get_charbox(n) for n, letter in enumerate(shown) if letter in "SZ"}
        right = max(text.get_charbox(shown.index("H49") + n)[2] for n in range(12))
        assert right < boxes["Z"][0]
        assert code.casefold().replace("-", "") in plain(shown).replace("-", "")


def test_names_can_neither_become_markup_nor_turn_the_text() -> None:
    evil = '#panic("x") $x$ *b* <w:p/> & {0} \u202eabc'
    data = {**example("destruction_decision"), "head": evil, "proposer": evil}
    shown = "".join(pages(papers.paper("destruction_decision", data, made=MADE)))
    assert '#panic("x")' in shown.casefold()
    assert "\u202e" not in shown
    word = papers.docx("destruction_decision", data, made=MADE)
    with zipfile.ZipFile(io.BytesIO(word)) as parts:
        assert "\u202e" not in parts.read("word/document.xml").decode()
    docx.Document(io.BytesIO(word))


def test_every_table_of_words_names_only_forms_of_values_that_there_are() -> None:
    known = {"", "?", "long", "date", "day", "date_words", "words", "both", "two", "plain"}
    for path in papers.FOLDER.glob("*.toml"):
        forms_used = set(re.findall(r"\{[\w.]+(?::(\w+|\?))?\}", path.read_text()))
        assert forms_used <= known, path.name
        tomllib.loads(path.read_text())


def test_the_word_file_keeps_the_head_of_a_table_on_every_page() -> None:
    word = docx.Document(io.BytesIO(papers.docx("destruction_list_files", rows(5), made=MADE)))
    table = next(one for one in word.tables if len(one.rows) > 3)
    assert "tblHeader" in table.rows[0]._tr.xml
    assert [len(row.cells) for row in table.rows] == [8] * 7
    section = word.sections[0]
    assert (section.page_width or 0) > (section.page_height or 0)
