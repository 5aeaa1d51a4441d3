"""Makes scanned documents, good ones of many kinds and ones with one known fault each, to measure the page checks.

The words are those of real provincial regulations; every draw comes from a seeded generator, so that the same pages
come out again. A document is its pages' pictures, their resolution and the finding that its fault must bring.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
import typst
from PIL import Image, ImageDraw, ImageFilter

from samples.making import scans, typeset
from samples.making.scans import Look

MM = 25.4
SCREENS = ((150, 0), (160, 0), (175, 0), (175, 15), (185, 3), (170, 8))     # lines to the inch, degrees
FACES = ("Liberation Serif", "Liberation Sans", "DejaVu Serif")


@dataclass(frozen=True)
class Scan:
    """One scanned document. `fault`: the code of the finding that it must bring; empty for a good one."""

    kind: str
    pages: tuple[Image.Image, ...]
    dpi: int = 200
    fault: str = ""
    stated: tuple[int, int] | None = None       # the resolution that the file states, if another

    def pdf(self) -> bytes:
        """The document as a scanner's PDF."""
        import img2pdf

        stated = self.stated or (self.dpi, self.dpi)
        pictures = []
        for page in self.pages:
            out = io.BytesIO()
            page.save(out, "JPEG", quality=70, dpi=stated)
            pictures.append(out.getvalue())
        made = img2pdf.convert(pictures, nodate=True, engine=img2pdf.Engine.internal)
        assert isinstance(made, bytes)
        return made


# --- good pages ---------------------------------------------------------------------------------------------


def good() -> Iterator[Scan]:
    """Good scans of varied kinds; each must bring no warning."""
    for number, document in enumerate(typeset.documents().values()):
        if document.id not in ("bao-cao-mat", "quet-mat"):
            dpi = (200, 300)[number % 4 == 3]
            yield Scan("letter, seal and signature", tuple(scans.scanned(document, Look(dpi=dpi), most=4)), dpi)
    for face in FACES:
        for margin in (12, 20):
            yield Scan(f"text in {face}", tuple(scanned(page) for page in written(face, margin)[:2]))
    for number in range(5):
        yield Scan("table", (scanned(table(12 + 6 * number, wide=number % 2 == 1)),))
    yield Scan("table, A3 across", (scanned(table(34, paper="a3", wide=True)),))
    for number in range(5):
        yield Scan("map or drawing", (scanned(drawing(number), dpi=300),), 300)
    for number in range(5):
        yield Scan("photograph, to the edge", (photograph(number, (152, 102)),))
        yield Scan("photograph in a text", (scanned(with_picture(photograph(number, (120, 80)))),))
        yield Scan("printed picture in a text", (scanned(with_picture(printed(number, *SCREENS[number], soft=True))),))
    for number in range(3):
        yield Scan("handwriting on ruled paper", (scanned(ruled(number)),))
        yield Scan("crooked by under a degree", (scanned(written(FACES[number], 20)[0], skew=0.7 - 0.6 * number),))
    yield Scan("F4 paper", (scanned(written(FACES[0], 20, paper=(210, 330))[0]),))
    yield Scan("small slip", (scanned(written(FACES[0], 10, paper=(148, 210))[0]),))
    yield Scan("odd slip", (scanned(written(FACES[0], 10, paper=(118, 201))[0]),))


def scanned(page: Image.Image, *, dpi: int = 200, skew: float = 0.0, seed: int = 1) -> Image.Image:
    """A page as a flatbed sees it."""
    return scans._scan(page, Look(dpi=dpi, skew=skew), np.random.default_rng(seed))


@cache
def written(face: str, margin: int, paper: tuple[int, int] = (210, 297), dpi: int = 200) -> tuple[Image.Image, ...]:
    """Pages of a regulation in a face."""
    text = (typeset.TEXTS / "lang-son-2020.txt").read_text("utf-8")[4000:16000].replace("#", " ")
    source = (f'#set page(width: {paper[0]}mm, height: {paper[1]}mm, margin: {margin}mm)\n'
              f'#set text(font: "{face}", size: 13pt, lang: "vi")\n#set par(justify: true)\n' + _plain(text))
    return _drawn(source, dpi)


@cache
def table(rows: int, *, paper: str = "a4", wide: bool = False) -> Image.Image:
    """A page filled by a table with rules."""
    words = _plain((typeset.TEXTS / "long-an-24-2019.txt").read_text("utf-8")[3000:]).split()
    cells = [" ".join(words[4 * n: 4 * n + 4]) for n in range(rows * 5)]
    listed = ", ".join(f"[{cell}]" for cell in cells)
    return _drawn(f'#set page(paper: "{paper}", flipped: {str(wide).lower()}, margin: 15mm)\n'
                  f'#set text(font: "Liberation Serif", size: 11pt)\n'
                  f'#table(columns: (1fr,) * 5, {listed})', 200)[0]


@cache
def drawing(number: int) -> Image.Image:
    """A map: contour lines, waters, names and a frame; A4 at 300 dpi."""
    height, width = round(297 / MM * 300), round(210 / MM * 300)
    land = _clouds(number, (height, width))
    lines = np.abs((land * 24) % 1 - 0.5) < 0.03
    picture = np.full((height, width, 3), 255, np.uint8)
    picture[land < 0.25] = (190, 215, 240)
    picture[lines] = (150, 95, 50)
    drawn = Image.fromarray(picture)
    frame = Image.new("RGB", drawn.size, "white")
    inside = (120, 120, width - 120, height - 120)
    frame.paste(drawn.crop(inside), inside[:2])
    ImageDraw.Draw(frame).rectangle(inside, outline="black", width=5)
    return frame


@cache
def photograph(number: int, size: tuple[int, int], dpi: int = 200) -> Image.Image:
    """Something like a photograph: soft shapes, shade and grain; `size` in mm."""
    width, height = (round(side / MM * dpi) for side in size)
    channels = [_clouds(10 * number + channel, (height, width)) for channel in range(3)]
    light = _clouds(10 * number + 5, (height, width)) * 0.8 + 0.15
    grain = np.random.default_rng(number).normal(0, 4, (height, width, 1))
    made = np.stack([(0.6 + 0.4 * one) * light for one in channels], axis=2) * 235 + grain
    return Image.fromarray(made.clip(0, 255).astype(np.uint8))


@cache
def printed(number: int, screen: int, degrees: float, *, soft: bool, dpi: int = 200,
            size: tuple[int, int] = (100, 70)) -> Image.Image:
    """A photograph of `size` mm printed with `screen` lines to the inch and scanned; `soft`: by optics that blur them.

    A screen of 175 lines at 0° scanned at 200 dpi beats 25 times an inch; at 45° only finer than can be seen.
    """
    fine = 8
    tones = photograph(number, size, dpi).convert("L")
    width, height = tones.width * fine, tones.height * fine
    tone = np.asarray(tones.resize((width, height)), np.float32) / 255
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) / (dpi * fine)
    turn = np.radians(degrees)
    across, down = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    dots = (np.cos(2 * np.pi * screen * across) + np.cos(2 * np.pi * screen * down)) / 4 + 0.5
    page = Image.fromarray(np.where(tone > dots, 245, 25).astype(np.uint8))
    if soft:
        page = page.filter(ImageFilter.GaussianBlur(fine * 1.1))
        return page.resize(tones.size, Image.Resampling.BOX).convert("RGB")
    half = fine // 2                            # each sensor sees half of its cell: the dots alias
    wide = np.asarray(page, np.float32).reshape(tones.height, fine, tones.width, fine)[:, :half, :, :half]
    return Image.fromarray(wide.mean(axis=(1, 3)).astype(np.uint8)).convert("RGB")


def with_picture(picture: Image.Image) -> Image.Image:
    """A page of text with a picture in it."""
    page = written(FACES[0], 20)[0].copy()
    page.paste(picture, ((page.width - picture.width) // 2, page.height // 3))
    return page


@cache
def ruled(number: int) -> Image.Image:
    """Pen strokes on ruled paper, whose lines run from edge to edge."""
    page = Image.new("RGB", (1654, 2339), "white")
    pen = ImageDraw.Draw(page)
    stroke = typeset.picture("signature").resize((260, 110))
    dice = np.random.default_rng(number)
    for y in range(200, 2200, 63):
        pen.line((0, y, 1654, y), fill=(120, 140, 200), width=2)
    pen.line((230, 0, 230, 2339), fill=(210, 120, 130), width=2)
    for y in range(220, 2000, 126):
        for x in range(260, 1200, 280):
            page.paste(stroke, (x + int(dice.integers(0, 20)), y), stroke)
    return page


# --- faults -------------------------------------------------------------------------------------------------


def faulty() -> Iterator[Scan]:
    """Scans with one fault each."""
    sources = [*(scanned(page) for face in FACES for page in written(face, 20)[:2]),
               *(scans.scanned(document, Look(), most=1)[0] for document in list(typeset.documents().values())[:6])]
    for number, page in enumerate(sources):
        side = ("left", "right", "top", "bottom")[number % 4]
        yield Scan(f"cut off, {side}", (cut(page, side, 34 + number % 3 * 4),), fault="DIGITISE-040")
        yield Scan("scanner's border", (bordered(page, side, 3 + number % 4),), fault="DIGITISE-041")
        yield Scan("not at 100 %", (resized(page, (0.9, 0.95, 0.86, 1.06, 0.8)[number % 5]),), fault="DIGITISE-042")
        others = [sources[(number + step) % len(sources)] for step in range(1, 4)]
        yield Scan("double feed", (*others, longer(page, others[0], 1.15 + 0.06 * number)), fault="DIGITISE-043")
        yield Scan("half a sheet", (*others, page.crop((0, 0, page.width, page.height // 2))), fault="DIGITISE-044")
        yield Scan("two sheets in one picture", (beside(page, others[0]),), fault="DIGITISE-045")
        yield Scan("grey", (page.convert("L"),), fault="DIGITISE-046")
        yield Scan("stretched", (page.resize((page.width, page.height // 2)),), fault="DIGITISE-049", stated=(200, 100))
        yield Scan("150 dpi", (resized(page, 0.75),), 150, "DIGITISE-001")
        yield Scan("faded", (toned(page, lambda v: 255 - (255 - v) * 0.3),), fault="DIGITISE-006")
        yield Scan("too dark", (toned(page, lambda v: v * 0.5),), fault="DIGITISE-007")
        yield Scan("blank", (scanned(Image.new("RGB", page.size, "white"), seed=number),), fault="DIGITISE-003")
    for number in range(12):
        screen, degrees = SCREENS[number % len(SCREENS)]
        picture = printed(number, screen, degrees, soft=False)
        yield Scan(f"moiré, {screen} lines to the inch at {degrees}°", (scanned(with_picture(picture)),),
                   fault="DIGITISE-048")


def lying() -> Iterator[Scan]:
    """Pages on their head, on their side or crooked: seen when they are read."""
    for number, face in enumerate(FACES * 4):
        page = written(face, 20)[number % 2]
        if number < 6:
            turned = scanned(page).rotate((90, 180, 270)[number % 3], expand=True)
            yield Scan("upside down or sideways", (turned,), fault="DIGITISE-004")
        else:
            yield Scan("crooked", (scanned(page, skew=(-1) ** number * (1.4 + 0.5 * (number - 6))),),
                       fault="DIGITISE-005")


def cut(page: Image.Image, side: str, depth: int) -> Image.Image:
    """The sheet lay `depth` mm too far out on a side: that much is lost, the other side shows the lid."""
    points = round(depth / MM * 200)
    right, down = {"left": (-points, 0), "right": (points, 0), "top": (0, -points), "bottom": (0, points)}[side]
    made = Image.new("RGB", page.size, (250, 248, 244))
    made.paste(page, (right, down))
    return made


def bordered(page: Image.Image, side: str, depth: int) -> Image.Image:
    """The scanner's dark ground shows on a side."""
    points = round(depth / MM * 200)
    box = {"left": (0, 0, points, page.height), "right": (page.width - points, 0, page.width, page.height),
           "top": (0, 0, page.width, points), "bottom": (0, page.height - points, page.width, page.height)}[side]
    made = page.copy()
    ground = np.random.default_rng(depth).normal(38, 6, (box[3] - box[1], box[2] - box[0])).clip(0, 255)
    made.paste(Image.fromarray(ground.astype(np.uint8)).convert("RGB"), box[:2])
    return made


def resized(page: Image.Image, factor: float) -> Image.Image:
    """The page at another scale."""
    return page.resize((round(page.width * factor), round(page.height * factor)), Image.Resampling.LANCZOS)


def longer(page: Image.Image, second: Image.Image, factor: float) -> Image.Image:
    """Two sheets drawn in together: the second looks out under the first."""
    height = round(page.height * factor)
    made = Image.new("RGB", (page.width, height), "white")
    made.paste(second.resize(page.size), (0, height - page.height))
    made.paste(page, (0, 0))
    return made


def beside(left: Image.Image, right: Image.Image) -> Image.Image:
    """Two sheets on one glass."""
    made = Image.new("RGB", (left.width + right.width, left.height), "white")
    made.paste(left, (0, 0))
    made.paste(right.resize(left.size), (left.width, 0))
    return made


def toned(page: Image.Image, tone: Callable[[np.ndarray], np.ndarray]) -> Image.Image:
    """The page with other levels."""
    return Image.fromarray(tone(np.asarray(page, np.float32)).clip(0, 255).astype(np.uint8))


def _plain(text: str) -> str:
    return "".join(" " if sign in "#*_`$<>@\\[]=/~" else sign for sign in text)


def _drawn(source: str, dpi: int) -> tuple[Image.Image, ...]:
    made = typst.compile(source.encode(), format="png", ppi=dpi)
    sheets = made if isinstance(made, list) else [made]
    return tuple(Image.open(io.BytesIO(sheet)).convert("RGB") for sheet in sheets)


def _clouds(seed: int, shape: tuple[int, int]) -> np.ndarray:
    """Soft random shapes, 0 to 1."""
    dice = np.random.default_rng(seed)
    made = np.zeros(shape, np.float32)
    for cells, weight in ((3, 1.0), (7, 0.5), (18, 0.25), (50, 0.12)):
        small = Image.fromarray(dice.random((cells, cells)).astype(np.float32))
        made += weight * np.asarray(small.resize(shape[::-1], Image.Resampling.BICUBIC))
    least, most = float(made.min()), float(made.max())
    return (made - least) / (most - least)
