"""Digitising: scans become readable and findable, originals stay as they came, hostile files are not drawn."""

from __future__ import annotations

import hashlib
import io
import os
import re
import subprocess
import sys
import unicodedata
import zlib
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any, get_args

import img2pdf
import numpy as np
import pikepdf
import pikepdf.pdfa
import pypdfium2
import pytest
import typst
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from archive.findings import Finding, Level, rules
from archive.settings import Settings
from ingest.digitise import engine, guards, judgement, pages, quality, reading, telling, thresholds
from ingest.item import Context, Item, Part
from ingest.stages.digitise import digitise

NAME = pikepdf.Name
NIGHT = date(2026, 11, 20)
DPI = 200
SHORT = """QUYẾT ĐỊNH

Điều 1. Ban hành kèm theo Quyết định này Quy chế công tác văn thư, lưu trữ của cơ quan, tổ chức trên địa
bàn tỉnh, áp dụng đối với các sở, ban, ngành và Ủy ban nhân dân các xã, phường.

Điều 2. Người đứng đầu cơ quan chịu trách nhiệm bố trí kinh phí, nhân lực và kho tàng để bảo quản an toàn
tài liệu lưu trữ. Những quy định trước đây trái với Quyết định này đều bị bãi bỏ."""
LONG = SHORT + "\n\n" + """Căn cứ Luật Tổ chức chính quyền địa phương; căn cứ Nghị định số 30/2020/NĐ-CP ngày
05 tháng 3 năm 2020 của Chính phủ về công tác văn thư; xét đề nghị của Giám đốc Sở Nội vụ tại Tờ trình số 123
ngày 15 tháng 10 năm 2026 về việc ban hành Quy chế.

Điều 3. Chánh Văn phòng Ủy ban nhân dân tỉnh, Giám đốc Sở Nội vụ, thủ trưởng các cơ quan chuyên môn thuộc Ủy ban
nhân dân tỉnh và các tổ chức, cá nhân có liên quan chịu trách nhiệm thi hành Quyết định này kể từ ngày ký.

Nơi nhận: như Điều 3; Thường trực Tỉnh ủy; Hội đồng nhân dân tỉnh; Đoàn đại biểu Quốc hội; Ủy ban Mặt trận Tổ quốc;
các phó chủ tịch; Cổng thông tin điện tử; lưu văn thư, phòng nghiệp vụ, bộ phận quản lý hồ sơ và kho bảo quản."""


# --- small real things --------------------------------------------------------------------------------


@cache
def born(text: str = SHORT) -> bytes:
    """The text as a born-digital A4 page."""
    made = typst.compile(('#set page(paper: "a4", margin: 2.5cm)\n#set text(font: ("Liberation Serif", '
                          '"Libertinus Serif"), size: 13pt, lang: "vi")\n' + text).encode())
    assert isinstance(made, bytes)
    return made


@cache
def sheet(text: str = SHORT, dpi: int = DPI) -> Image.Image:
    """The page as a scanner sees it."""
    with pypdfium2.PdfDocument(born(text)) as document:
        picture: Image.Image = document[0].render(scale=dpi / 72).to_pil().convert("RGB")
    return picture


def jpeg(picture: Image.Image, dpi: int | None = DPI, **save: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=85, **({"dpi": (dpi, dpi)} if dpi else {}), **save)
    return out.getvalue()


def scan(*pictures: Image.Image, dpi: int = DPI) -> bytes:
    """Pictures as a scanner's PDF: one JPEG a page."""
    made = img2pdf.convert([jpeg(picture, dpi) for picture in pictures], nodate=True)
    assert isinstance(made, bytes)
    return made


def changed(data: bytes, change: Any, **save: Any) -> bytes:
    """The PDF after `change(pdf)`."""
    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(data)) as pdf:
        change(pdf)
        pdf.save(out, static_id=True, **save)
    return out.getvalue()


def helvetica(pdf: pikepdf.Pdf) -> pikepdf.Dictionary:
    font = pikepdf.Dictionary(Type=NAME.Font, Subtype=NAME.Type1, BaseFont=NAME.Helvetica)
    return pikepdf.Dictionary(F1=pdf.make_indirect(font))


@dataclass(frozen=True)
class Done:
    item: Item
    findings: list[Finding]

    @property
    def codes(self) -> list[str]:
        return [found.code for found in self.findings]

    @property
    def facts(self) -> dict[str, Any]:
        facts: dict[str, Any] = self.item.facts["digitise"]
        return facts

    @property
    def access(self) -> Path:
        return self.item.folder / "access.pdf"

    @property
    def text(self) -> str:
        return (self.item.folder / "ocr.txt").read_text(encoding="utf-8")


def item_of(folder: Path, *files: tuple[str, bytes]) -> Item:
    parts = []
    for number, (name, data) in enumerate(files):
        path = folder / "received" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        parts.append(Part(name, "attachment" if number else "original", path, len(data),
                          hashlib.sha256(data).hexdigest(), hashlib.sha512(data).hexdigest()))
    return Item("1", "inbox", files[0][0], folder, parts, datetime(2026, 11, 20, 13, tzinfo=UTC))


def context(**settings: Any) -> Context:
    return Context(Settings(**settings), NIGHT)


def digitised(folder: Path, *files: tuple[str, bytes], **settings: Any) -> Done:
    item = item_of(folder, *files)
    return Done(item, digitise(item, context(**settings)))


def bag(text: str) -> Counter[str]:
    return Counter(re.findall(r"\w+", unicodedata.normalize("NFC", text)))


def recall(known: str, read: str) -> float:
    """The share of the known words that were read, with all their signs."""
    wanted, found = bag(known), bag(read)
    return sum((wanted & found).values()) / sum(wanted.values())


def layer(path: Path, page: int = 0) -> str:
    with pypdfium2.PdfDocument(path) as document:
        return str(document[page].get_textpage().get_text_range())


def place(path: Path, word: str, page: int = 0) -> tuple[float, float]:
    """Where the first `word` of the text layer stands on the page as shown: shares of its width and height."""
    with pypdfium2.PdfDocument(path) as document:
        shown = document[page]
        reader = shown.get_textpage()
        found = reader.search(word).get_next()
        assert found is not None, word
        left, bottom, right, top = reader.get_charbox(found[0])
        x0, y0, x1, y1 = shown.get_mediabox()
        across, up = ((left + right) / 2 - x0) / (x1 - x0), ((bottom + top) / 2 - y0) / (y1 - y0)
        return {0: (across, 1 - up), 90: (up, across), 180: (1 - across, up), 270: (1 - up, 1 - across)}[
            shown.get_rotation()]


def ink_at(path: Path, at: tuple[float, float]) -> bool:
    """Whether the access copy shows ink within some millimetres of the place."""
    with pypdfium2.PdfDocument(path) as document:
        shown = np.asarray(document[0].render(scale=1).to_pil().convert("L"))
    y, x = int(at[1] * shown.shape[0]), int(at[0] * shown.shape[1])
    return bool(shown[max(0, y - 5): y + 5, max(0, x - 8): x + 8].min() < 160)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """One clean page, digitised."""
    return digitised(tmp_path_factory.mktemp("trang"), ("quyet dinh.pdf", scan(sheet(LONG))))


# --- what a scan becomes ------------------------------------------------------------------------------


def test_a_clean_page_is_read_with_its_signs(page: Done) -> None:
    assert page.facts["scan"] and page.facts["mean_confidence"] > 90
    assert recall(LONG, page.text) >= 0.95
    assert page.findings == []


def test_the_received_file_keeps_its_bytes(page: Done) -> None:
    assert hashlib.sha256(page.item.main.path.read_bytes()).hexdigest() == page.item.main.sha256


def test_the_access_copy_is_pdfa_2b(page: Done) -> None:
    assert pikepdf.pdfa.validate_written(page.access, "2b").passed
    with pikepdf.open(page.access) as pdf:
        told = pdf.open_metadata()
        assert (told["pdfaid:part"], told["pdfaid:conformance"]) == ("2", "B")


def test_the_text_layer_can_be_found_at_its_place(page: Done) -> None:
    assert recall(LONG, layer(page.access)) >= 0.95
    for word in ("QUYẾT", "nghiệp"):
        assert ink_at(page.access, place(page.access, word)), word
    assert place(page.access, "QUYẾT")[1] < place(page.access, "nghiệp")[1]


def test_the_made_files_are_declared_and_nothing_else_is_left(page: Done) -> None:
    assert page.item.facts["files"] == [{"path": "ocr.txt", "role": "ocr-text", "format": "txt"},
                                        {"path": "access.pdf", "role": "access", "format": "pdf"}]
    assert sorted(path.name for path in page.item.folder.iterdir()) == ["access.pdf", "ocr.txt", "received"]


def test_the_record_names_what_read_it(page: Done) -> None:
    assert set(page.facts["engine"]) == {"tesseract", "languages", "data", "ocrmypdf", "pikepdf", "options"}


def test_an_access_copy_is_not_a_scan_again(page: Done, tmp_path: Path) -> None:
    again = digitised(tmp_path, ("ban truy cap.pdf", page.access.read_bytes()))
    assert again.facts == {"scan": False, "pages": [{"page": 1, "kind": "text"}]}


def test_the_same_scan_gives_the_same_bytes_whatever_was_read_before(page: Done, tmp_path: Path) -> None:
    digitised(tmp_path / "khac", ("khac.jpg", jpeg(sheet().rotate(180))))
    again = digitised(tmp_path / "lai", ("quyet dinh.pdf", page.item.main.path.read_bytes()))
    assert again.item.facts == page.item.facts and again.findings == page.findings
    assert again.access.read_bytes() == page.access.read_bytes()
    findings = digitise(again.item, context())
    assert findings == page.findings and again.item.facts == page.item.facts
    assert again.access.read_bytes() == page.access.read_bytes()


def test_another_process_writes_the_same_bytes(tmp_path: Path) -> None:
    here = digitised(tmp_path / "a", ("a.pdf", scan(sheet())))
    code = ("import sys; from pathlib import Path; from tests.test_digitise import digitised\n"
            "folder = Path(sys.argv[1]); digitised(folder, ('a.pdf', Path(sys.argv[2]).read_bytes()))")
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "b"), str(here.item.main.path)], check=True,
                   env=os.environ | {"PYTHONHASHSEED": "7", "TZ": "America/Lima"},
                   cwd=Path(__file__).resolve().parents[1])
    assert (tmp_path / "b" / "access.pdf").read_bytes() == here.access.read_bytes()
    assert (tmp_path / "b" / "ocr.txt").read_bytes() == (here.item.folder / "ocr.txt").read_bytes()


# --- how pages lie ------------------------------------------------------------------------------------


@pytest.mark.parametrize("lies", [180, 90, 270])
def test_a_page_on_its_head_or_side_is_read_and_shown_upright(tmp_path: Path, lies: int) -> None:
    done = digitised(tmp_path, ("nguoc.pdf", scan(sheet().rotate(lies, expand=True))))
    assert done.facts["pages"][0]["rotation"] == lies           # Pillow turns anticlockwise: so far back clockwise
    assert done.codes == ["DIGITISE-004"]
    assert recall(SHORT, done.text) >= 0.95 and recall(SHORT, layer(done.access)) >= 0.95
    at = place(done.access, "QUYẾT")
    assert at[1] < 0.2 and ink_at(done.access, at)


def test_a_crooked_page_loses_no_line_and_is_shown_straight(tmp_path: Path) -> None:
    crooked = sheet(LONG).rotate(-4, Image.Resampling.BICUBIC, fillcolor="white")
    done = digitised(tmp_path, ("lech.pdf", scan(crooked)))
    noted = done.facts["pages"][0]
    assert noted["straightened"] and noted["skew"] == pytest.approx(4, abs=0.2)
    assert recall(LONG, done.text) >= 0.95
    assert done.codes == ["DIGITISE-005"] and done.findings[0].params["degrees"] == "4.0"
    assert ink_at(done.access, place(done.access, "nghiệp"))
    assert pikepdf.pdfa.validate_written(done.access, "2b").passed


@pytest.mark.parametrize("degrees", [-7.5, -3, -0.8, 0.8, 2.5, 6])
def test_skew_is_measured_to_a_fifth_of_a_degree(degrees: float) -> None:
    grey = np.asarray(sheet(LONG).convert("L").rotate(-degrees, Image.Resampling.BICUBIC, fillcolor=255))
    assert reading.skew(grey) == pytest.approx(degrees, abs=0.2)


def test_a_page_without_lines_has_no_skew() -> None:
    dice = np.random.default_rng(1)
    assert reading.skew(np.full((1000, 700), 255, np.uint8)) == 0
    assert reading.skew(np.where(dice.random((1000, 700)) < 0.02, 0, 255).astype(np.uint8)) == 0


# --- how pages look -----------------------------------------------------------------------------------


def test_a_blank_back_is_noted_and_not_read(tmp_path: Path) -> None:
    dice = np.random.default_rng(1)
    back = Image.fromarray(dice.normal(240, 4, (2339, 1654, 3)).clip(0, 255).astype(np.uint8))
    done = digitised(tmp_path, ("hai mat.pdf", scan(sheet(), back)))
    assert done.codes == ["DIGITISE-003"] and done.findings[0].params["pages"] == "2"
    assert done.facts["pages"][1]["blank"] and done.facts["pages"][1]["confidence"] is None
    assert done.text.count("\f") == 1 and done.text.endswith("\f")


def test_a_page_with_one_short_line_is_not_blank() -> None:
    picture = Image.new("RGB", (1654, 2339), "white")
    ImageDraw.Draw(picture).text((400, 400), "Nơi nhận: lưu văn thư", fill="black", font=ImageFont.load_default(40))
    assert not quality.measure(np.asarray(picture)).blank


@pytest.mark.parametrize(("tone", "code"), [(lambda v: 255 - (255 - v) * 0.25, "DIGITISE-006"),
                                            (lambda v: v * 0.45, "DIGITISE-007")])
def test_faded_and_dark_pages_are_pointed_out(tone: Any, code: str) -> None:
    picture = np.asarray(sheet()).astype(float)
    measured = quality.measure(tone(picture).astype(np.uint8))
    assert (measured.pale, measured.dark) == (code == "DIGITISE-006", code == "DIGITISE-007")
    good = quality.measure(np.asarray(sheet()))
    assert not good.pale and not good.dark and not good.blank


def test_a_speckled_page_is_tried_once_more_and_the_better_reading_kept(tmp_path: Path) -> None:
    dice = np.random.default_rng(3)
    spoiled = np.asarray(sheet()).copy()
    specks = dice.random(spoiled.shape[:2])
    spoiled[specks < 0.04], spoiled[specks > 0.96] = 0, 255
    plain = engine.reader(tessdata(), "vie").read(np.ascontiguousarray(spoiled[:, :, 2]), DPI)
    done = digitised(tmp_path, ("ban.png", png(Image.fromarray(spoiled))))
    assert "median" in done.facts["pages"][0]["retried"]
    assert recall(SHORT, done.text) > recall(SHORT, plain.text)


def test_the_median_is_the_median() -> None:
    grey = np.random.default_rng(5).integers(0, 256, (60, 70), dtype=np.uint8)
    known = np.asarray(Image.fromarray(grey).filter(ImageFilter.MedianFilter(3)))
    assert (reading.median(grey)[1:-1, 1:-1] == known[1:-1, 1:-1]).all()


def test_a_red_stamp_is_read_although_red_seals_fade(tmp_path: Path) -> None:
    picture = sheet().copy()
    pen = ImageDraw.Draw(picture)
    pen.rectangle((1200, 60, 1460, 140), outline=(205, 30, 45), width=5)
    font = ImageFont.truetype(str(liberation("LiberationSans-Bold.ttf")), 44)
    pen.text((1270, 75), "MẬT", font=font, fill=(205, 30, 45))
    pen.ellipse((1000, 1500, 1280, 1780), outline=(205, 30, 45), width=6)
    done = digitised(tmp_path, ("dong dau.pdf", scan(picture)))
    assert done.facts["pages"][0]["marks"] == ["MẬT"] and done.facts["red_text"] == "MẬT"
    assert "MẬT" in layer(done.access) and recall(SHORT, done.text) >= 0.95


def liberation(name: str) -> Path:
    return next(Path("/usr/share/fonts").rglob(name))


def tessdata() -> Path:
    found = engine.find_tessdata(Settings().ocr)
    assert found is not None
    return found


def png(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG", dpi=(DPI, DPI))
    return out.getvalue()


# --- resolution and the other rules of the profiles ----------------------------------------------------


@pytest.mark.parametrize(("dpi", "codes"), [(200, []), (150, ["DIGITISE-001"])])
def test_200_dpi_pass_and_150_are_warned_of(tmp_path: Path, dpi: int, codes: list[str]) -> None:
    done = digitised(tmp_path, ("a.pdf", scan(sheet(dpi=dpi), dpi=dpi)))
    assert done.codes == codes
    assert done.facts["pages"][0]["dpi"] == pytest.approx(dpi, abs=0.5)


def test_a_picture_without_resolution_is_reckoned_as_a4(tmp_path: Path) -> None:
    done = digitised(tmp_path, ("chup.jpg", jpeg(sheet(), None)))
    assert done.codes == ["DIGITISE-002"] and not done.facts["pages"][0]["stated"]
    assert done.facts["pages"][0]["dpi"] == pytest.approx(200, abs=0.5)
    with pikepdf.open(done.access) as pdf:
        assert float(pdf.pages[0].mediabox[3]) == pytest.approx(842, abs=1)


def picture_page(**other: Any) -> dict[str, Any]:
    return {"page": 1, "kind": "picture", "dpi": 300.0, "stated": True, "length_mm": 297.0, "colour": "colour",
            "blank": False, "pale": False, "dark": False, "confidence": 95.0, "words": 200, "rotation": 0,
            "skew": 0.0, "straightened": False, "retried": [], "marks": []} | other


JUDGED: list[tuple[dict[str, Any], dict[str, Any], list[str]]] = [
    ({}, {}, []),
    ({"dpi": 198.0}, {}, []),
    ({"dpi": 195.0}, {}, ["DIGITISE-001"]),
    ({"dpi": 120.0, "stated": False}, {}, ["DIGITISE-021"]),
    ({"dpi": 250.0, "length_mm": 841.0}, {}, ["DIGITISE-020"]),
    ({"dpi": 0.0}, {}, []),
    ({"skew": -1.4}, {}, ["DIGITISE-005"]),
    ({"pale": True}, {}, ["DIGITISE-006"]),
    ({"dark": True}, {}, ["DIGITISE-007"]),
    ({"confidence": 41.0}, {}, ["DIGITISE-008"]),
    ({"confidence": None, "words": 0}, {}, ["DIGITISE-009"]),
    ({"error": "x", "confidence": None, "words": 0}, {}, ["DIGITISE-010"]),
    ({"blank": True, "confidence": None, "words": 0}, {}, ["DIGITISE-003"]),
    ({"colour": "bw"}, {}, ["DIGITISE-019"]),
    ({}, {"left_out": ["javascript"]}, ["DIGITISE-011"]),
    ({}, {"not_pdfa": ["x"]}, ["DIGITISE-012"]),
    ({}, {"unclean": "x"}, ["DIGITISE-013"]),
]


@pytest.mark.parametrize(("noted", "more", "codes"), JUDGED)
def test_every_fault_of_a_page_has_its_finding(noted: dict[str, Any], more: dict[str, Any], codes: list[str]) -> None:
    facts = {"pages": [picture_page(**noted)], **more}
    found = judgement.judge("a.pdf", facts, Settings())
    assert [one.code for one in found] == codes
    for one in found:
        assert "…" not in one.sentence("vi") + one.sentence("en") + one.cure("vi") + one.cure("en")


def test_every_code_of_the_section_is_used_and_every_used_code_is_known() -> None:
    wings = [Path(judgement.__file__).parents[2] / wing for wing in ("archive", "ingest", "web")]
    source = "".join(path.read_text(encoding="utf-8") for wing in wings for path in wing.rglob("*.py"))
    assert set(re.findall(r"DIGITISE-\d{3}", source)) == {code for code in rules() if code.startswith("DIGITISE-")}


def test_every_profile_has_its_scan_rules() -> None:
    annotation = Settings.model_fields["profile"].annotation
    for name in get_args(annotation):
        assert thresholds.profile(name)["dpi"] >= 200


@given(st.sets(st.integers(1, 60), min_size=1))
def test_page_numbers_name_each_page_once(numbers: set[int]) -> None:
    told: list[int] = []
    for run in telling.numbers(numbers).split(", "):
        first, _, last = run.partition("–")
        told += range(int(first), int(last or first) + 1)
    assert told == sorted(numbers)


# --- kinds of files -----------------------------------------------------------------------------------


def test_a_born_digital_document_is_left_alone(tmp_path: Path) -> None:
    done = digitised(tmp_path, ("so hoa.pdf", born()))
    assert done.facts == {"scan": False, "pages": [{"page": 1, "kind": "text"}]}
    assert done.findings == [] and "files" not in done.item.facts


def test_what_can_be_no_scan_is_left_alone(tmp_path: Path) -> None:
    done = digitised(tmp_path, ("a.docx", b"PK\x03\x04"))
    assert done.facts == {"scan": False, "pages": []} and done.findings == []


def test_of_a_mixed_file_only_the_picture_pages_are_read(tmp_path: Path) -> None:
    def append(pdf: pikepdf.Pdf) -> None:
        with pikepdf.open(io.BytesIO(scan(sheet(LONG)))) as other:
            pdf.pages.extend(other.pages)

    done = digitised(tmp_path, ("ghep.pdf", changed(born(), append)))
    assert [noted["kind"] for noted in done.facts["pages"]] == ["text", "picture"]
    first, second = done.text.split("\f")
    assert first == "" and recall(LONG, second) >= 0.95
    assert layer(done.access, 0).count("QUYẾT ĐỊNH") == 1 and recall(LONG, layer(done.access, 1)) >= 0.95
    assert done.findings == [] and pikepdf.pdfa.validate_written(done.access, "2b").passed


def test_a_tiff_of_several_pages_becomes_one_access_copy(tmp_path: Path) -> None:
    out = io.BytesIO()
    sheet().save(out, "TIFF", save_all=True, append_images=[sheet(LONG).convert("L")], dpi=(DPI, DPI),
                 compression="tiff_lzw")
    done = digitised(tmp_path, ("nhieu trang.tif", out.getvalue()))
    assert [noted["colour"] for noted in done.facts["pages"]] == ["colour", "grey"]
    assert [recall(known, read) >= 0.95 for known, read in zip((SHORT, LONG), done.text.split("\f"), strict=True)]
    assert len(pikepdf.open(done.access).pages) == 2
    assert done.codes == ["DIGITISE-046"] and done.findings[0].params["pages"] == "2"


def test_a_black_and_white_scan_is_kept_without_loss_and_noted(tmp_path: Path) -> None:
    out = io.BytesIO()
    sheet(dpi=300).convert("1", dither=Image.Dither.NONE).save(out, "TIFF", compression="group4", dpi=(300, 300))
    done = digitised(tmp_path, ("den trang.tif", out.getvalue()))
    assert done.codes == ["DIGITISE-019"] and recall(SHORT, done.text) >= 0.95
    with pikepdf.open(done.access) as pdf:
        image, = pdf.pages[0].get_images().values()
        assert image.Filter == NAME.CCITTFaxDecode


@pytest.mark.parametrize("mode", ["P", "RGBA", "L"])
def test_pictures_of_every_colour_kind_become_pdfa(tmp_path: Path, mode: str) -> None:
    done = digitised(tmp_path, ("a.png", png(sheet().convert(mode))))
    assert done.codes == (["DIGITISE-046"] if mode == "L" else []) and recall(SHORT, done.text) >= 0.95
    assert pikepdf.pdfa.validate_written(done.access, "2b").passed


def test_a_colour_separated_jpeg_becomes_pdfa(tmp_path: Path) -> None:
    done = digitised(tmp_path, ("a.jpg", jpeg(sheet().convert("CMYK"))))
    assert done.findings == [] and pikepdf.pdfa.validate_written(done.access, "2b").passed


def test_scanned_attachments_are_read_too(tmp_path: Path) -> None:
    done = digitised(tmp_path, ("chinh.pdf", born()), ("phu luc.pdf", scan(sheet())))
    assert not done.facts["scan"]
    further, = done.facts["attachments"]
    assert (further["name"], further["access"], further["text"]) == ("phu luc.pdf", "access-2.pdf", "ocr-2.txt")
    assert {file["path"] for file in done.item.facts["files"]} == {"access-2.pdf", "ocr-2.txt"}


def test_a_useless_hidden_text_is_replaced(tmp_path: Path) -> None:
    def spoil(pdf: pikepdf.Pdf) -> None:
        pdf.pages[0].Resources.Font = helvetica(pdf)
        words = b"CONG HOA XA HOI CHU NGHIA cir Luat To chirc chinh quyen dia phirong " * 5
        pdf.pages[0].contents_add(pdf.make_stream(b"BT 3 Tr /F1 9 Tf 72 700 Td (" + words + b") Tj ET"))

    done = digitised(tmp_path, ("cu.pdf", changed(scan(sheet()), spoil)))
    assert done.facts["pages"][0]["kind"] == "picture"
    assert "chirc" not in layer(done.access) and recall(SHORT, layer(done.access)) >= 0.95
    assert done.findings == []


def test_a_number_stamped_on_a_scan_by_a_program_does_not_make_it_text(tmp_path: Path) -> None:
    def stamp(pdf: pikepdf.Pdf) -> None:
        pdf.pages[0].Resources.Font = helvetica(pdf)
        pdf.pages[0].contents_add(pdf.make_stream(b"BT /F1 12 Tf 72 800 Td (So 123 ngay 20/11/2026) Tj ET"))

    done = digitised(tmp_path, ("so.pdf", changed(scan(sheet()), stamp)))
    assert done.facts["pages"][0]["kind"] == "picture" and recall(SHORT, layer(done.access)) >= 0.95
    assert done.codes == ["DIGITISE-012"]           # the stamp's font is not embedded: no PDF/A, and it is said
    with pikepdf.open(done.access) as pdf:
        assert "pdfaid:part" not in pdf.open_metadata()


def test_writing_turned_into_curves_is_read(tmp_path: Path) -> None:
    with pypdfium2.PdfDocument(born()) as document:
        words = document[0]
        drawn = [b"%.2f %.2f %.2f %.2f re f" % (l_, b, r - l_, t - b) for l_, b, r, t in
                 (each.get_bounds() for each in words.get_objects())]
    pdf = pikepdf.new()
    pdf.add_blank_page(page_size=(595, 842)).Contents = pdf.make_stream(b"\n".join(drawn))
    out = io.BytesIO()
    pdf.save(out)
    path = tmp_path / "net.pdf"
    path.write_bytes(out.getvalue())
    found = pages.survey(path, "pdf", Settings().ingest)
    assert [one.kind for one in found.pages] == ["picture"] and found.pages[0].dpi == 0


# --- what must not come along -------------------------------------------------------------------------


def test_scripts_and_attached_files_stay_out_of_the_access_copy(tmp_path: Path) -> None:
    def arm(pdf: pikepdf.Pdf) -> None:
        pdf.attachments["la.exe"] = b"MZ"
        pdf.Root.OpenAction = pikepdf.Dictionary(S=NAME.JavaScript, JS="app.alert(1)")

    done = digitised(tmp_path, ("la.pdf", changed(scan(sheet()), arm)))
    assert done.codes == ["DIGITISE-011"] and done.facts["left_out"] == ["javascript", "attachments"]
    with pikepdf.open(done.access) as pdf:
        assert set(pdf.Root.keys()) <= {"/Type", "/Pages", "/Metadata", "/OutputIntents", "/Lang"}
    assert b"app.alert" not in done.access.read_bytes()


def test_the_seal_of_a_signed_scan_is_shown_by_an_unsigned_copy(tmp_path: Path) -> None:
    def sign(pdf: pikepdf.Pdf) -> None:
        shown = pdf.make_stream(b"1 0 0 rg 0 0 100 50 re f", Type=NAME.XObject, Subtype=NAME.Form,
                                BBox=[0, 0, 100, 50])
        field = pdf.make_indirect(pikepdf.Dictionary(
            Type=NAME.Annot, Subtype=NAME.Widget, FT=NAME.Sig, T="Signature1", F=132, Rect=[400, 600, 500, 650],
            AP=pikepdf.Dictionary(N=shown), V=pikepdf.Dictionary(Type=NAME.Sig, Filter=NAME("/Adobe.PPKLite"))))
        pdf.pages[0].Annots = pdf.make_indirect(pikepdf.Array([field]))
        pdf.Root.AcroForm = pikepdf.Dictionary(Fields=[field], SigFlags=3)

    done = digitised(tmp_path, ("da ky.pdf", changed(scan(sheet()), sign)))
    with pikepdf.open(done.access) as pdf:
        assert "/AcroForm" not in pdf.Root and "/Annots" not in pdf.pages[0].obj
    with pypdfium2.PdfDocument(done.access) as document:
        assert document[0].render(scale=1).to_pil().getpixel((450, 842 - 625))[:3] == (255, 0, 0)


# --- faults -------------------------------------------------------------------------------------------


def test_without_vietnamese_data_it_is_our_failure_and_says_how_to_install(tmp_path: Path) -> None:
    done = digitised(tmp_path, ("a.pdf", scan(sheet())), ocr={"tessdata": str(tmp_path)})
    found, = done.findings
    assert (found.code, found.level) == ("DIGITISE-018", Level.failed)
    assert "apt-get install tesseract-ocr-vie" in found.cure("vi")
    assert not done.access.exists()


def test_one_page_that_cannot_be_read_does_not_cost_the_others(tmp_path: Path,
                                                                monkeypatch: pytest.MonkeyPatch) -> None:
    known, calls = engine.Reader.read, []

    def breaking(self: engine.Reader, *args: Any, **more: Any) -> engine.Reading:
        calls.append(1)
        if len(calls) == 1:
            raise RuntimeError("hỏng")
        return known(self, *args, **more)

    monkeypatch.setattr(engine.Reader, "read", breaking)
    done = digitised(tmp_path, ("hai.pdf", scan(sheet(LONG), sheet())))
    assert done.codes == ["DIGITISE-010"] and done.findings[0].params["pages"] == "1"
    assert done.text.split("\f")[0] == "" and recall(SHORT, done.text.split("\f")[1]) >= 0.95
    assert recall(SHORT, layer(done.access, 1)) >= 0.95


def test_of_a_damaged_picture_no_access_copy_is_kept(tmp_path: Path) -> None:
    def break_it(pdf: pikepdf.Pdf) -> None:
        image, = pdf.pages[0].get_images().values()
        raw = image.read_raw_bytes()
        image.write(raw[: len(raw) // 2], filter=NAME.DCTDecode)

    done = digitised(tmp_path, ("hong.pdf", changed(scan(sheet()), break_it)))
    assert "DIGITISE-013" in done.codes and not done.access.exists()
    assert [file["role"] for file in done.item.facts["files"]] == ["ocr-text"]


def test_encrypted_and_truncated_files_are_left_alone(tmp_path: Path) -> None:
    whole = scan(sheet())
    locked = changed(whole, lambda pdf: None, encryption=pikepdf.Encryption(owner="a", user="b"))
    cut = digitised(tmp_path / "cut", ("cut.pdf", whole[: len(whole) // 2]))
    assert (cut.facts["scan"], cut.facts["unread"], cut.findings) == (False, "damaged", [])
    shut = digitised(tmp_path / "khoa", ("khoa.pdf", locked))
    assert (shut.facts["scan"], shut.facts["unread"], shut.findings) == (False, "encrypted", [])
    half = digitised(tmp_path / "anh", ("a.png", png(sheet())[:40]))
    assert (half.facts["scan"], half.facts["unread"], half.findings) == (False, "damaged", [])


# --- hostile files: refused before anything is drawn ---------------------------------------------------


def hostile(change: Any) -> bytes:
    pdf, out = pikepdf.new(), io.BytesIO()
    pdf.add_blank_page(page_size=(595, 842))
    change(pdf, pdf.pages[0])
    pdf.save(out, compress_streams=False, static_id=True)
    return out.getvalue()


def draw(pdf: pikepdf.Pdf, page: pikepdf.Page, image: pikepdf.Stream) -> None:
    page.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Im0=image))
    page.Contents = pdf.make_stream(b"q 595 0 0 842 0 0 cm /Im0 Do Q")


def large_picture(pdf: pikepdf.Pdf, page: pikepdf.Page) -> None:
    draw(pdf, page, pdf.make_stream(zlib.compress(b"\0" * 1000), Type=NAME.XObject, Subtype=NAME.Image, Width=30000,
                                    Height=30000, BitsPerComponent=8, ColorSpace=NAME.DeviceGray,
                                    Filter=NAME.FlateDecode))


def lying_picture(pdf: pikepdf.Pdf, page: pikepdf.Page) -> None:
    draw(pdf, page, pdf.make_stream(zlib.compress(b"\0" * 50_000_000), Type=NAME.XObject, Subtype=NAME.Image,
                                    Width=800, Height=800, BitsPerComponent=8, ColorSpace=NAME.DeviceGray,
                                    Filter=NAME.FlateDecode))


def lying_jpeg(pdf: pikepdf.Pdf, page: pikepdf.Page) -> None:
    real = bytearray(jpeg(Image.new("L", (800, 800), 255)))
    frame = real.index(b"\xff\xc0")
    real[frame + 5: frame + 9] = (60000).to_bytes(2, "big") * 2
    draw(pdf, page, pdf.make_stream(bytes(real), Type=NAME.XObject, Subtype=NAME.Image, Width=800, Height=800,
                                    BitsPerComponent=8, ColorSpace=NAME.DeviceGray, Filter=NAME.DCTDecode))


def large_content(pdf: pikepdf.Pdf, page: pikepdf.Page) -> None:
    page.Contents = pdf.make_stream(zlib.compress(b"0 0 m 9 9 l S " * 6_000_000, 9), Filter=NAME.FlateDecode)


def nested_forms(pdf: pikepdf.Pdf, page: pikepdf.Page) -> None:
    form = pdf.make_stream(b"0 0 m 9 9 l S", Type=NAME.XObject, Subtype=NAME.Form, BBox=[0, 0, 9, 9])
    for _ in range(28):
        form = pdf.make_stream(b"/A Do /A Do", Type=NAME.XObject, Subtype=NAME.Form, BBox=[0, 0, 9, 9],
                               Resources=pikepdf.Dictionary(XObject=pikepdf.Dictionary(A=form)))
    page.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(A=form))
    page.Contents = pdf.make_stream(b"/A Do")


@pytest.mark.parametrize(("make", "code"), [
    (large_picture, "DIGITISE-014"), (lying_jpeg, "DIGITISE-014"), (lying_picture, "DIGITISE-015"),
    (large_content, "DIGITISE-015"), (nested_forms, "DIGITISE-016")])
def test_a_hostile_pdf_is_refused_before_it_is_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Any,
                                                     code: str) -> None:
    def drawn(*args: Any, **more: Any) -> None:
        raise AssertionError("the hostile file was opened for drawing")

    monkeypatch.setattr(pypdfium2, "PdfDocument", drawn)
    done = digitised(tmp_path, ("bom.pdf", hostile(make)))
    found, = done.findings
    assert (found.code, found.level) == (code, Level.refused)
    assert "…" not in found.sentence("vi") + found.sentence("en")
    assert not done.access.exists()


def test_a_picture_file_that_is_too_large_is_refused_unopened(tmp_path: Path) -> None:
    done = digitised(tmp_path, ("to.png", png(Image.new("1", (20000, 9000)))))
    assert [(found.code, found.level) for found in done.findings] == [("DIGITISE-014", Level.refused)]


def test_too_many_pages_are_refused(tmp_path: Path) -> None:
    done = digitised(tmp_path, ("dai.pdf", scan(sheet(), sheet(), sheet())), ingest={"max_pages": 2})
    assert done.codes == ["DIGITISE-017"] and done.findings[0].level is Level.refused


def test_a_form_that_draws_itself_is_no_trap() -> None:
    def loop(pdf: pikepdf.Pdf, page: pikepdf.Page) -> None:
        form = pdf.make_indirect(pdf.make_stream(b"/A Do /A Do", Type=NAME.XObject, Subtype=NAME.Form))
        form.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(A=form))
        page.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(A=form))
        page.Contents = pdf.make_stream(b"/A Do")

    with pikepdf.open(io.BytesIO(hostile(loop))) as pdf:
        guards.check_forms(pdf.pages[0].obj, 1)


# --- the language data --------------------------------------------------------------------------------


def test_the_data_are_looked_for_where_the_setting_says_and_nowhere_else(tmp_path: Path) -> None:
    ocr = Settings(ocr={"tessdata": str(tmp_path)}).ocr
    assert engine._find(tmp_path, "vie", "") is None
    (tmp_path / "vie.traineddata").write_bytes(b"")
    engine._find.cache_clear()
    assert engine.find_tessdata(ocr) == tmp_path


def test_the_data_are_found_by_their_environment_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "tessdata"
    folder.mkdir()
    (folder / "vie.traineddata").write_bytes(b"")
    monkeypatch.setenv("TESSDATA_PREFIX", str(tmp_path))
    assert engine.find_tessdata(Settings().ocr) == folder


@pytest.mark.parametrize(("read", "meant"), [("MẠT", "MẬT"), ("TOI MAT", "TỐI MẬT"), ("Tuyệt mật", "TUYỆT MẬT"),
                                             ("HOẢ TỐC", "HỎA TỐC"), ("BÍ THƯ", "")])
def test_a_stamp_is_known_even_when_its_signs_are_misread(read: str, meant: str) -> None:
    assert reading.known_mark(read) == meant
