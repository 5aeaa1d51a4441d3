"""Promises about the text layers of PDF files: a broken one is found out page by page and repaired, text is never."""

import hashlib
import random
from datetime import UTC, date, datetime
from pathlib import Path

import pikepdf
import pypdfium2
import pytest
import typst
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from archive.settings import Settings
from ingest.digitise import digitise, repair
from ingest.digitise.text_quality import review_list, worse_than
from ingest.extract import pdf
from ingest.extract.layers import is_garbage
from ingest.item import Context, Item, Part
from ingest.stages.extract import TEXT, extract
from search.encodings import to_tcvn3, to_vni
from search.syllables import share

SAMPLE = (Path(__file__).parents[1] / "samples/texts/thai-binh-17-2019.txt").read_text(encoding="utf-8")
WORDS = ["Căn cứ Luật Lưu trữ; theo đề nghị của Chánh Văn phòng như",
         "thế nhưng không thể được ưu tiên trước mắt - và", "hướng dẫn thực hiện những phần trên, số 12/QĐ-UBND"]
N = pikepdf.Name
LANGUAGES = {
    "English": "The Government issued a decree on clerical work; archives shall be kept for ten years by all offices. ",
    "French": "Le décret relatif aux archives a été publié hier; les administrations doivent conserver leurs pièces. ",
    "German": "Die Verordnung über das Archivwesen verpflichtet alle Behörden zur Aufbewahrung ihrer Schriftstücke. ",
    "Polish": "Wszystkie urzędy przechowują dokumenty zgodnie z rozporządzeniem; przesyłki rejestruje się codziennie. ",
    "Chinese": "国务院关于档案工作的决定在全国实行，各机关应当保存文件，不得擅自销毁。",
    "classical": "大南國史演歌者，本朝之書也。其文不古，其事則實。子曰：學而時習之，不亦說乎？有朋自遠方來，不亦樂乎？",
    "Khmer": "រាជរដ្ឋាភិបាលបានចេញអនុក្រឹត្យស្តីពីការងាររដ្ឋបាល ឯកសារត្រូវរក្សាទុករយៈពេលដប់ឆ្នាំ ",
    "Cham": "ꨀꨇꩉ ꨌꩌ ꨓꨯꨱꨮꩀ ꨝꨤꩃ ꨆꨩꨣ ꨎꨯꨱꨮꩃ ꨚꨳꨈꨯꨱꨩ ꨁꨗꨪ ",
    "Russian": "Правительство утвердило постановление о делопроизводстве; документы хранятся десять лет во всех. ",
    "plain": "Uy ban nhan dan tinh ban hanh quyet dinh ve cong tac van thu luu tru cua cac co quan nha nuoc. ",
    "numbers": "123 456,78 9.012 Q1 15% 2026 A4 31/12/2026 \n",
    "names": "Krông Pắc, Đắk Lắk, Pleiku, Kon Plông, Ia H'Drai, Mường Khương, Sa Pa, Bắc Hà, Si Ma Cai, ",
}


def font(document: pikepdf.Pdf, name: str, *, encoding: pikepdf.Object | None = N.WinAnsiEncoding,
         mapping: dict[int, str] | None = None) -> pikepdf.Object:
    """A font of one-byte codes that is not embedded; `mapping`: its ToUnicode."""
    made = pikepdf.Dictionary(Type=N.Font, Subtype=N.TrueType, BaseFont=N("/" + name), FirstChar=32, LastChar=255,
                              Widths=[500] * 224)
    made.FontDescriptor = document.make_indirect(pikepdf.Dictionary(
        Type=N.FontDescriptor, FontName=N("/" + name), Flags=32, FontBBox=[0, -200, 1000, 900], ItalicAngle=0,
        Ascent=800, Descent=-200, CapHeight=700, StemV=80))
    if encoding is not None:
        made.Encoding = encoding
    if mapping:
        lines = "".join(f"<{code:02x}> <{ord(sign):04x}>\n" for code, sign in mapping.items())
        made.ToUnicode = document.make_stream(
            ("/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /X def /CMapType 2 def "
             f"1 begincodespacerange <00> <ff> endcodespacerange {len(mapping)} beginbfchar\n{lines}"
             "endbfchar endcmap end end").encode())
    return document.make_indirect(made)


def add_page(document: pikepdf.Pdf, *lines: tuple[str, str]) -> None:
    """A page of lines, each in a font: "unicode" (a font with a map), or a legacy font by its name."""
    page = document.add_blank_page(page_size=(595, 842))
    signs = sorted({sign for name, line in lines for sign in line if name == "unicode"})
    codes = dict(zip(signs, range(33, 256), strict=False))
    fonts, shown = pikepdf.Dictionary(), b""
    for number, (name, line) in enumerate(lines):
        if name == "unicode":
            data = bytes(codes[sign] for sign in line)
            made = font(document, "Helvetica", mapping={code: sign for sign, code in codes.items()})
        else:
            data = to_tcvn3(line) if ".Vn" in name else to_vni(line)
            made = font(document, name)
        fonts[f"/F{number}"] = made
        shown += b"/F%d 11 Tf <%s> Tj 0 -14 Td\n" % (number, data.hex().encode())
    page.obj.Resources = pikepdf.Dictionary(Font=fonts)
    page.obj.Contents = document.make_stream(b"BT 40 800 Td " + shown + b"ET")


def saved(document: pikepdf.Pdf, path: Path) -> Path:
    document.save(path, static_id=True)
    return path


@pytest.fixture(scope="session")
def typeset(tmp_path_factory) -> Path:
    """Two pages of a real regulation, typeset with an embedded subset font and its map to Unicode."""
    folder = tmp_path_factory.mktemp("typeset")
    plain = "".join("\\" + sign if sign in "#*_`$<>@\\[]=-+/~" else sign for sign in SAMPLE[:1000])
    (folder / "a.typ").write_text(f'#set page("a4")\n#set text(lang: "vi", size: 12pt)\n{plain}\n#pagebreak()\n'
                                  f"{plain[200:700]}", encoding="utf-8")
    typst.compile(folder / "a.typ", output=folder / "a.pdf")
    return folder / "a.pdf"


@pytest.fixture(scope="session")
def unmapped(typeset: Path) -> Path:
    """The same without the map: what bad printer drivers make."""
    with pikepdf.open(typeset) as document:
        for each in document.objects:
            if isinstance(each, pikepdf.Dictionary) and "/ToUnicode" in each:
                del each["/ToUnicode"]
        return saved(document, typeset.with_name("unmapped.pdf"))


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return Context(Settings(root=tmp_path / "archive"), date(2026, 1, 5))


def extracted(folder: Path, path: Path, context: Context) -> tuple[list[str], list[dict], list[str]]:
    """The text page by page, what is noted of each page, and the codes of the findings."""
    before = path.read_bytes()
    part = Part(path.name, "original", path, len(before), hashlib.sha256(before).hexdigest(), "", "pdf")
    item = Item("1", "inbox", path.name, folder, [part], datetime(2026, 1, 5, tzinfo=UTC), {})
    codes = [one.code for one in extract(item, context)]
    assert path.read_bytes() == before
    pages = (folder / TEXT).read_text(encoding="utf-8").split("\f")
    return pages, item.facts["extract"]["by_part"][0]["page_text"], codes


# --- fonts of legacy encodings ------------------------------------------------------------------------------


def test_a_run_in_a_legacy_font_is_converted_by_the_fonts_name_and_horns_come_back(tmp_path, context):
    document = pikepdf.new()
    add_page(document, *((".VnTime", line) for line in WORDS))
    pages, notes, codes = extracted(tmp_path, saved(document, tmp_path / "a.pdf"), context)
    assert pages == ["\n".join(WORDS)]
    assert notes == [{"page": 1, "from": "converted tcvn3", "syllables": 1.0}]
    assert codes == ["EXTRACT-002"]


def test_each_page_is_read_by_its_own_fonts(tmp_path, context):
    document = pikepdf.new()
    add_page(document, *((".VnTime", line) for line in WORDS))
    add_page(document, *(("unicode", line) for line in WORDS))
    add_page(document, *(("ABCDEF+VNI-Times,Bold", line) for line in WORDS))
    pages, notes, _ = extracted(tmp_path, saved(document, tmp_path / "a.pdf"), context)
    assert pages == ["\n".join(WORDS)] * 3
    assert [note["from"] for note in notes] == ["converted tcvn3", "layer", "converted vni"]


def test_a_run_in_vni_inside_a_unicode_page_is_converted_and_the_page_is_not(tmp_path, context):
    document = pikepdf.new()
    lines = [("unicode", WORDS[0]), ("VNI-Times", "Hoà"), ("unicode", WORDS[1]), (".VnTimeH", "Quyết định")]
    add_page(document, *lines)
    pages, notes, _ = extracted(tmp_path, saved(document, tmp_path / "a.pdf"), context)
    assert pages[0].split("\n") == [WORDS[0], "Hoà", WORDS[1], "QUYẾT ĐỊNH"]
    assert notes[0]["from"] == "converted tcvn3, vni"


def test_a_legacy_font_that_carries_a_map_to_unicode_is_left_alone(tmp_path, context):
    document = pikepdf.new()
    add_page(document, ("unicode", "".join(WORDS)))
    for each in document.objects:
        if isinstance(each, pikepdf.Dictionary) and "/BaseFont" in each:
            each.BaseFont = N("/.VnTime")
    pages, notes, codes = extracted(tmp_path, saved(document, tmp_path / "a.pdf"), context)
    assert (pages, notes[0]["from"], codes) == (["".join(WORDS)], "layer", [])


def test_such_a_font_is_left_alone_beside_a_run_that_is_converted_and_where_all_its_letters_are_latin_1(tmp_path):
    document = pikepdf.new()
    add_page(document, ("unicode", "chúng tôi cùng các cháu bé"), ("VNI-Times", WORDS[0]))
    for each in document.objects:
        if isinstance(each, pikepdf.Dictionary) and "/ToUnicode" in each:
            each.BaseFont = N("/.VnTime")
    read = pdf.read(saved(document, tmp_path / "a.pdf"), 10)
    assert (read.pages, read.origins) == (["chúng tôi cùng các cháu bé\n" + WORDS[0]], ["converted vni"])


# --- fonts without a map ------------------------------------------------------------------------------------


def test_a_page_whose_font_has_no_map_is_read_from_its_picture(unmapped, tmp_path, context):
    assert pdf.read(unmapped, 10).origins == ["broken", "broken"]
    pages, notes, codes = extracted(tmp_path, unmapped, context)
    assert [note["from"] for note in notes] == ["ocr", "ocr"]
    assert min(note["syllables"] for note in notes) > 0.95
    assert min(note["confidence"] for note in notes) > 80
    assert "văn phòng điện tử liên thông" in " ".join(pages[0].split())
    assert codes == ["EXTRACT-015"]


def test_a_mixed_file_is_handled_page_by_page(typeset, unmapped, tmp_path, context):
    with pikepdf.open(typeset) as good, pikepdf.open(unmapped) as bad:
        good.pages[1] = bad.pages[1]
        path = saved(good, tmp_path / "mixed.pdf")
    pages, notes, codes = extracted(tmp_path, path, context)
    assert [note["from"] for note in notes] == ["layer", "ocr"]
    assert pages[0] == pdf.read(typeset, 1).pages[0]
    assert codes == ["EXTRACT-015"]


def test_codes_that_are_not_those_of_the_font_are_no_certain_conversion(tmp_path):
    document = pikepdf.new()
    add_page(document, *((".VnTime", line) for line in WORDS))
    for each in document.objects:
        if isinstance(each, pikepdf.Dictionary) and "/Encoding" in each:
            each.Encoding = N.MacRomanEncoding
    assert pdf.read(saved(document, tmp_path / "a.pdf"), 10).origins == ["broken"]


def test_without_language_data_the_broken_page_is_named_and_kept(unmapped, typeset, tmp_path):
    (tmp_path / "none").mkdir()
    context = Context(Settings(root=tmp_path / "archive", ocr={"tessdata": str(tmp_path / "none")}), date(2026, 1, 5))
    _, notes, codes = extracted(tmp_path, unmapped, context)
    assert [note["from"] for note in notes] == ["broken", "broken"]
    assert codes == ["EXTRACT-005"]
    with pikepdf.open(typeset) as good, pikepdf.open(unmapped) as bad:
        good.pages[1] = bad.pages[1]
        path = saved(good, tmp_path / "mixed.pdf")
    assert extracted(tmp_path, path, context)[2] == ["EXTRACT-016"]


def test_a_page_whose_picture_says_no_more_is_not_taken(tmp_path, context, monkeypatch):
    monkeypatch.setattr(repair, "_recognise", lambda *_: {1: ("k?I/ 7!73 S71 ;†73! 5'872I. 7 3U!>TI 3i4!", 64.0)})
    done = repair.repair_pages(tmp_path / "x.pdf", ["\x01\x02\x03" * 50], ["broken"], context.settings)
    assert (done.left, done.read, done.notes[0]["from"]) == ([1], [], "broken")


# --- text is text -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_text_in_another_language_is_never_repaired(language):
    text = LANGUAGES[language] * 8
    assert not is_garbage(text)
    assert repair.broken_pages([text, "\x01" * 200, LANGUAGES[language]], ["layer"] * 3) == [2]


def _exchanged(text: str, seed: int) -> str:
    letters = sorted({sign for sign in text.lower() if sign.isalpha()})
    other = letters[:]
    random.Random(seed).shuffle(other)
    return text.lower().translate(str.maketrans(dict(zip(letters, other, strict=True))))


def _shifted(text: str, by: int) -> str:
    return "".join(chr(ord(sign) + by) if sign > " " else sign for sign in text)


@pytest.mark.parametrize("seed", range(8))
def test_exchanged_letters_are_found_out(seed):
    text = _exchanged(SAMPLE[:3000], seed)
    assert share(text) < 0.6
    assert is_garbage(text)


@pytest.mark.parametrize("by", [-29, -3, 1, 29, 31])
def test_shifted_codes_are_found_out(by):
    text = _shifted(SAMPLE[:3000], by)
    assert is_garbage(text)


def test_random_han_signs_are_found_out():
    dice = random.Random(1)
    assert is_garbage("".join(chr(dice.randrange(0x4E00, 0x9FA5)) for _ in range(400)))


@settings(max_examples=60)
@given(st.text(max_size=400))
def test_no_text_makes_the_judgement_fail(text):
    assert is_garbage(text) in (True, False)
    assert repair.broken_pages([text], ["layer"]) in ([], [1])


# --- scans --------------------------------------------------------------------------------------------------


def _scan(typeset: Path, target: Path, *, poor: bool = False) -> Path:
    """The first page as a scanner sees it; `poor`: from so few points that letters can hardly be told apart."""
    with pypdfium2.PdfDocument(typeset) as document:
        picture = document[0].render(scale=200 / 72).to_pil().convert("RGB")
    if poor:
        few = picture.resize((picture.width // 6, picture.height // 6), Image.Resampling.BILINEAR)
        picture = few.resize(picture.size, Image.Resampling.BILINEAR)
    picture.save(target, dpi=(200, 200))
    return target


def _digitised(folder: Path, path: Path) -> tuple[dict, list[str]]:
    part = Part(path.name, "original", path, path.stat().st_size, "", "", path.suffix[1:])
    item = Item("1", "inbox", path.name, folder, [part], datetime(2026, 1, 5, tzinfo=UTC), {})
    context = Context(Settings(root=folder / "archive"), date(2026, 1, 5))
    codes = [one.code for one in digitise(item, context)] + [one.code for one in extract(item, context)]
    assert item.facts["extract"]["by_part"][0]["page_text"][0]["from"] == "ocr"
    return item.facts["digitise"], codes


def test_a_scan_notes_how_plausible_its_text_is_and_what_read_it(typeset, tmp_path):
    facts, codes = _digitised(tmp_path, _scan(typeset, tmp_path / "a.png"))
    page = facts["pages"][0]
    assert page["syllables"] > 0.95
    assert page["misread"] == 0
    assert review_list(facts) == []
    assert not {"DIGITISE-060", "DIGITISE-061"} & set(codes)
    assert facts["engine"]["options"].startswith("psm 3; red channel")


def test_a_poor_scan_is_on_the_review_list(typeset, tmp_path):
    facts, codes = _digitised(tmp_path, _scan(typeset, tmp_path / "a.png", poor=True))
    assert facts["pages"][0]["syllables"] < 0.95
    assert review_list(facts) == [1]
    assert worse_than(facts, 0.85) == [1]
    assert "DIGITISE-060" in codes


def test_a_page_of_codes_that_mending_takes_away_is_still_read(unmapped, tmp_path, context, monkeypatch):
    monkeypatch.setattr(pdf, "_page", lambda *_: ("\x01\x04\x05 \x06" * 30, "broken"))
    monkeypatch.setattr(repair, "_recognise", lambda *_: {1: (SAMPLE[:500], 93.0), 2: (SAMPLE[:400], 93.0)})
    pages, notes, codes = extracted(tmp_path, unmapped, context)
    assert pages == [SAMPLE[:500], SAMPLE[:400]]
    assert ([note["from"] for note in notes], codes) == (["ocr", "ocr"], ["EXTRACT-015"])
