"""Makes scanned pages whose text is known, to measure how well they are read: each damage in each typeface.

The words are those of real provincial regulations; every draw comes from a seeded generator, so that the same pages
come out again. Two things in columns (letterhead, signatures, tables) can be read down or across: both are right, so
a page has several truths.
"""

from __future__ import annotations

import itertools
import json
import re
import shutil
import unicodedata
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import pypdfium2
import typst
from PIL import Image, ImageDraw, ImageFilter

from samples.making import scans, typeset
from samples.making.scans import Look

FACES = ("Liberation Serif", "Liberation Sans", "Libertinus Serif", "Liberation Mono", "New Computer Modern")
TURNED = "upside down or sideways"      # told apart: a reader that does not look for it reads nothing at all
_TEXTS = ("lang-son-2020", "thai-binh-17-2019", "long-an-24-2019", "dak-nong-35-2016", "phu-yen-03-2022")
_NAMES = ("Nguyễn Thị Hoàng Yến", "Đỗ Quang Thuỵ", "Vũ Ngọc Khuê", "Trần Đức Lượng", "Phạm Thị Mỹ Duyên")
_MM = 25.4
_TEMPLATE = Path(__file__).with_name("pages_of_text.typ")

Words = list[str]
Picture = np.ndarray[tuple[int, int, int], np.dtype[np.float32]]


@dataclass(frozen=True, slots=True)
class PageOfText:
    """A scanned page. `data` is the file as the scanner wrote it; `truths` the words in each right order."""

    name: str
    damage: str
    face: str
    dpi: int
    data: bytes
    truths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Sheet:
    """A page as it was printed. `words` with their boxes (points), in three bands: letterhead, body, signatures."""

    pdf: bytes
    bands: tuple[list[tuple[str, float, float, float]], ...]

    def picture(self, dpi: int) -> Image.Image:
        with pypdfium2.PdfDocument(self.pdf) as document:
            drawn: Image.Image = document[0].render(scale=dpi / 72).to_pil().convert("RGB")
        return drawn

    def truths(self) -> tuple[str, ...]:
        orders = [{_down(band), _across(band)} for band in self.bands if band]
        return tuple(sorted(" ".join(chosen) for chosen in itertools.product(*orders)))


def kept(cache: Path) -> list[PageOfText]:
    """All pages, made once into the folder `cache`."""
    folder = cache / "pages-of-text"
    if not folder.exists():
        half = folder.with_name(f"{folder.name}.part")
        shutil.rmtree(half, ignore_errors=True)
        half.mkdir(parents=True)
        for page in pages():
            (half / f"{page.name}.jpg").write_bytes(page.data)
            told = {key: value for key, value in asdict(page).items() if key != "data"}
            (half / f"{page.name}.json").write_text(json.dumps(told, ensure_ascii=False), "utf-8")
        half.rename(folder)
    found = []
    for path in sorted(folder.glob("*.json")):
        told = json.loads(path.read_text("utf-8"))
        found.append(PageOfText(**told | {"truths": tuple(told["truths"])}, data=path.with_suffix(".jpg").read_bytes()))
    return found


def pages() -> Iterator[PageOfText]:
    """Every damage in every face, then turned pages."""
    for number, (damage, face) in enumerate(itertools.product((*DAMAGES, TURNED), range(len(FACES)))):
        yield _page(number, damage, face)


def _page(number: int, damage: str, face: int) -> PageOfText:
    dice = np.random.default_rng([zlib.crc32(damage.encode()), face])
    dpi = 300 if (number + face) % 3 == 2 else 200
    look = Look(dpi=dpi, quality=75, noise=2.5)
    sheet = _sheet(number, face, table=damage == "table")
    if damage == TURNED:
        look = replace(look, turned=(90, 180, 270)[face % 3])
    else:
        look = LOOKS.get(damage, lambda _face, look: look)(face, look)
    drawn = DAMAGES.get(damage, _unharmed)(sheet.picture(look.dpi), look.dpi, dice)
    scan = scans._scan(drawn, look, dice)
    scan = AFTER.get(damage, lambda scan, _dice: scan)(scan, dice)
    name = f"{number:02}-{re.sub(r'[^a-z]+', '-', damage.lower())}-{FACES[face].replace(' ', '')}"
    return PageOfText(name, damage, FACES[face], look.dpi, scans.as_jpeg(scan, look), sheet.truths())


# --- what is printed ----------------------------------------------------------------------------------------


def _sheet(number: int, face: int, *, table: bool, second: bool = False) -> _Sheet:
    """A page of a regulation: every other one with letterhead and signatures, the rest with a page number."""
    lines = _lines(_TEXTS[number % len(_TEXTS)])
    start = (number * 17 + (9 if second else 0)) % (len(lines) - 45)
    head, foot, body = {}, {}, lines[start: start + 40]
    if number % 2 == 0 and not table:
        head = {"left": ["ỦY BAN NHÂN DÂN TỈNH MẪU", f"SỞ NỘI VỤ · PHÒNG {number % 7 + 1}",
                         f"Số: {37 * number + 104}/QĐ-SNV"],
                "right": ["CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", "Độc lập - Tự do - Hạnh phúc",
                          f"Mẫu, ngày {number % 28 + 1:02} tháng {number % 12 + 1:02} năm {1998 + number % 29}"]}
        foot = {"left": ["Nơi nhận:", "- Như Điều 3;", f"- Lưu: VT, NV ({number % 9 + 2} bản)."],
                "right": ["KT. GIÁM ĐỐC", "PHÓ GIÁM ĐỐC", _NAMES[number % len(_NAMES)]]}
        body = _first(body, 1500)
    rows = [_row(n, number, line) for n, line in enumerate(line for line in body if len(line) > 60)][:14]
    page = "" if head else str(number % 40 + 2)
    made = typst.compile(str(_TEMPLATE), root=str(_TEMPLATE.parent), timestamp=0, sys_inputs={"data": json.dumps({
        "face": FACES[face], "size": 10.5 if table else (13, 12.5, 13.5, 12, 13)[face], "page": page, "head": head,
        "foot": foot, "body": [] if table else body, "rows": rows if table else []})})
    assert isinstance(made, bytes)
    above = sum(len(line.split()) for side in head.values() for line in side)
    below = sum(len(line.split()) for side in foot.values() for line in side)
    words = _placed(made)
    return _Sheet(made, (words[:above], words[above: len(words) - below], words[len(words) - below:]))


def _row(n: int, number: int, line: str) -> list[str]:
    """A row of a list of documents: ordinal, number and notation, date, subject, signer, sheets."""
    return [str(n + 1), f"{11 * n + number}/{('QĐ', 'KH', 'BC', 'TTr')[n % 4]}-UBND",
            f"{n % 28 + 1:02}/{n % 12 + 1:02}/{2009 + n % 17}", " ".join(line.split()[:14]), _NAMES[n % len(_NAMES)],
            str(n % 9 + 1)]


def _lines(text: str) -> list[str]:
    told = typeset.renamed((typeset.TEXTS / f"{text}.txt").read_text("utf-8"))
    return [unicodedata.normalize("NFC", line.strip()) for line in told.splitlines() if line.strip()]


def _first(lines: Sequence[str], letters: int) -> list[str]:
    """As many of the lines as hold so many letters, the last one cut at a word."""
    chosen: list[str] = []
    for line in lines:
        room = letters - sum(map(len, chosen))
        if room < 40:
            break
        chosen.append(line if len(line) <= room else line[:room].rpartition(" ")[0])
    return chosen


def _placed(pdf: bytes) -> list[tuple[str, float, float, float]]:
    """The words of the first page in the order of the file: text, left, middle and height in points."""
    found: list[tuple[str, float, float, float]] = []
    with pypdfium2.PdfDocument(pdf) as document:
        reader = document[0].get_textpage()
        text = reader.get_text_range()
        for match in re.finditer(r"\S+", text):
            left, bottom, _right, top = reader.get_charbox(match.start(), loose=True)
            found.append((unicodedata.normalize("NFC", match[0]), left, (bottom + top) / 2, top - bottom))
    return found


def _down(band: Sequence[tuple[str, float, float, float]]) -> str:
    return " ".join(word for word, _left, _middle, _height in band)


def _across(band: Sequence[tuple[str, float, float, float]]) -> str:
    """The words in rows from the top, each from the left."""
    rows: list[list[tuple[str, float, float, float]]] = []
    for placed in sorted(band, key=lambda one: -one[2]):
        if rows and abs(rows[-1][0][2] - placed[2]) < 0.5 * placed[3]:
            rows[-1].append(placed)
        else:
            rows.append([placed])
    return " ".join(word for row in rows for word, *_place in sorted(row, key=lambda one: one[1]))


# --- what happens to the paper ------------------------------------------------------------------------------


def _unharmed(page: Image.Image, _dpi: int, _dice: np.random.Generator) -> Image.Image:
    return page


def _sealed(page: Image.Image, dpi: int, dice: np.random.Generator) -> Image.Image:
    """Red seals over the writing: one in the text, one half over the edge, as sheets are sealed together."""
    made, across = page.copy(), round(38 / _MM * dpi)
    seal = typeset.picture("seal", "Sở Nội vụ tỉnh Mẫu").resize((across, across)).rotate(float(dice.uniform(-20, 20)))
    for x, y in ((dice.uniform(0.3, 0.6), dice.uniform(0.55, 0.75)), (0.92, dice.uniform(0.3, 0.5))):
        place = (int(x * page.width), int(y * page.height))
        ink = Image.new("RGB", page.size, "white")
        ink.paste(seal, place, seal)
        made = Image.fromarray(np.minimum(np.asarray(made), np.asarray(ink)))
    return made


def _stroked(page: Image.Image, dpi: int, dice: np.random.Generator) -> Image.Image:
    """A pen went over the margins and under some lines."""
    made = page.copy()
    pen, mm = ImageDraw.Draw(made), dpi / _MM
    for _ in range(5):
        x, y = dice.uniform(5, 16) * mm, dice.uniform(40, 260) * mm
        points = [(x + dice.normal(0, 2) * mm, y + step * 3 * mm) for step in range(int(dice.integers(4, 12)))]
        pen.line(points, fill=(35, 55, 150), width=max(2, round(0.5 * mm)), joint="curve")
    for _ in range(3):
        x, y, length = dice.uniform(35, 80) * mm, dice.uniform(60, 250) * mm, dice.uniform(30, 90) * mm
        end = (x + length, y + dice.uniform(-2, 2) * mm)
        pen.line([(x, y), end], fill=(35, 55, 150), width=max(2, round(0.4 * mm)))
    note = typeset.picture("signature").resize((round(24 * mm), round(11 * mm)))
    for _ in range(2):
        made.paste(note, (round(dice.uniform(2, 8) * mm), round(dice.uniform(30, 250) * mm)), note)
    return made


def _folded(page: Image.Image, dpi: int, dice: np.random.Generator) -> Image.Image:
    """Folded twice: dark creases with worn ink, shade on one side."""
    tone = np.asarray(page, np.float32)
    height, width = tone.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    for share, along, other in ((0.335, y, x), (0.665, y, x), (0.5, x, y)):
        size = height if along is y else width
        away = (along - share * size - dice.uniform(-0.01, 0.01) * other) / dpi * _MM       # mm from the crease
        worn = np.exp(-np.square(away / 0.45)) * dice.uniform(0.6, 0.85)
        tone = tone + (235 - tone) * worn[:, :, None]
        tone = tone * (1 - 0.45 * np.exp(-np.square((away - 0.5) / 0.3)))[:, :, None]
        tone = tone * (1 - 0.14 * np.exp(-np.clip(away, 0, None) / 9) * (away > 0))[:, :, None]
    return _picture(tone)


def _seen_through(page: Image.Image, dpi: int, dice: np.random.Generator) -> Image.Image:
    """The writing of the back shows through thin paper."""
    back = _sheet(int(dice.integers(3, 50)) * 2 + 1, 0, table=False, second=True).picture(dpi)
    soft = back.transpose(Image.Transpose.FLIP_LEFT_RIGHT).filter(ImageFilter.GaussianBlur(dpi / 130))
    behind = np.asarray(soft, np.float32)
    down = int(dice.integers(-8, 9) * dpi / 60)
    behind = np.roll(behind, down, axis=0)
    return _picture(np.asarray(page, np.float32) - (255 - behind) * float(dice.uniform(0.28, 0.42)))


def _aged(page: Image.Image, dpi: int, dice: np.random.Generator) -> Image.Image:
    """Brown paper with stains and uneven tone."""
    tone = np.asarray(page, np.float32)
    height, width = tone.shape[:2]
    patches = Image.fromarray(dice.uniform(0.55, 1.0, (9, 7)).astype(np.float32))
    clouds = np.asarray(patches.resize((width, height), Image.Resampling.BICUBIC))
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) / dpi * _MM
    for _ in range(4):
        middle, radius = dice.uniform((20, 20), (190, 280)), dice.uniform(10, 30)
        ring = np.hypot(x - middle[0], y - middle[1]) - radius
        clouds = clouds * (1 - 0.25 * np.exp(-np.square(ring / 1.2)) - 0.1 * (ring < 0))
    return _picture(tone * clouds[:, :, None] * np.array([0.98, 0.88, 0.68], np.float32))


def _in_shadow(page: Image.Image, dpi: int, dice: np.random.Generator) -> Image.Image:
    """A bound volume: the side of the binding lies off the glass, dark and out of focus."""
    tone = np.asarray(page, np.float32)
    soft = np.asarray(page.filter(ImageFilter.GaussianBlur(dpi / 90)), np.float32)
    away = np.arange(page.width, dtype=np.float32) / dpi * _MM
    near = np.exp(-away / float(dice.uniform(16, 24)))[None, :, None]
    return _picture((tone * (1 - near) + soft * near) * (1 - 0.75 * near))


DAMAGES: dict[str, Callable[[Image.Image, int, np.random.Generator], Image.Image]] = {
    "clean": _unharmed, "skew": _unharmed, "noise": _unharmed, "JPEG": _unharmed, "fading": _unharmed,
    "red seal over text": _sealed, "pen strokes": _stroked, "folds": _folded, "table": _unharmed,
    "low resolution": _unharmed, "bleed-through": _seen_through, "old brown paper": _aged,
    "shadow of the binding": _in_shadow, "photocopy of a copy": _unharmed, "out of focus": _unharmed}


# --- what the scanner does ----------------------------------------------------------------------------------

LOOKS: dict[str, Callable[[int, Look], Look]] = {
    "skew": lambda face, look: replace(look, skew=(-3.4, -1.3, 0.8, 2.2, 4.1)[face]),
    "noise": lambda face, look: replace(look, noise=26 + 6 * face),
    "JPEG": lambda face, look: replace(look, quality=(18, 15, 12, 10, 8)[face]),
    "fading": lambda face, look: replace(look, fade=(0.55, 0.62, 0.68, 0.72, 0.76)[face]),
    "low resolution": lambda face, look: replace(look, dpi=(150, 120, 110, 100, 90)[face])}


def _copied(scan: Image.Image, dice: np.random.Generator) -> Image.Image:
    """Copied twice: hard contrast, letters grown or thinned, specks, the copier's dark edge."""
    grey = np.asarray(scan.convert("L").filter(ImageFilter.GaussianBlur(1.1)), np.float32)
    grey = grey + dice.normal(0, 14, grey.shape)
    black = grey < float(dice.uniform(135, 190))
    black |= dice.random(grey.shape) < 0.0008
    black[:, : int(dice.integers(8, 24))] = True
    black[-int(dice.integers(4, 20)):] = True
    return _picture(np.where(black, 35, 244).astype(np.float32)[:, :, None].repeat(3, axis=2)).filter(
        ImageFilter.GaussianBlur(0.7))


AFTER: dict[str, Callable[[Image.Image, np.random.Generator], Image.Image]] = {
    "photocopy of a copy": _copied,
    "out of focus": lambda scan, dice: scan.filter(
        ImageFilter.GaussianBlur(scan.width / 1654 * float(dice.uniform(1.6, 2.6))))}


def _picture(tone: np.ndarray) -> Image.Image:
    return Image.fromarray(tone.clip(0, 255).astype(np.uint8))


def as_pdf(pages: Sequence[PageOfText]) -> bytes:
    """The scans as one PDF of a scanner, a JPEG a page."""
    import img2pdf

    made = img2pdf.convert([page.data for page in pages], nodate=True, engine=img2pdf.Engine.internal)
    assert isinstance(made, bytes)
    return made
