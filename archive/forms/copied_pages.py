"""The pages of a stored file as they are seen, as forms for a copy (copies.py): upright, flat, and where they bear ink.

The source is only read. Seals, fields and notes are drawn into the page, scripts and attachments stay behind, a layer
that was not shown is told. Pictures become pages. What cannot become pages is an OddError with the code of its finding.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy

PICTURES = frozenset({"jpg", "jpeg", "png", "tif", "tiff", "bmp", "gif"})
_DARKER, _PAPER = 0.62, 200.0           # ink is darker than so much of the paper, which counts as no darker than that
_LARGEST = 14_200.0                     # points of a side: with the paper that is added every viewer shows it
_A4 = (8.27, 11.69)                     # inches


@dataclass(frozen=True, slots=True)
class Source:
    """One file of a document: the name by which people know it, where it lies, its format ("pdf", "jpg", …)."""

    name: str
    path: Path
    format: str


@dataclass(frozen=True, slots=True)
class Bounds:
    """How large a source may be: pages, and pixels of a picture."""

    pages: int = 2000
    pixels: int = 150_000_000


@dataclass(frozen=True, slots=True)
class Sheet:
    """One page as it is seen, points; `dark`: which places bear ink, one value a point from the top left, or None."""

    form: Any
    width: float
    height: float
    dark: numpy.ndarray[Any, Any] | None


@dataclass(frozen=True, slots=True)
class Layers:
    """The layers (optional content) of the pages of a copy, and those of them that are not shown."""

    all: list[Any] = field(default_factory=list)
    hidden: list[Any] = field(default_factory=list)


class OddError(Exception):
    """The file cannot become pages; the finding's code and words."""

    def __init__(self, code: str, **params: Any) -> None:
        super().__init__(code)
        self.code, self.params = code, params


def sheets(source: Source, target: Any, bounds: Bounds, layers: Layers, held: ExitStack) -> list[Sheet]:
    """The pages of one file as forms of the open PDF `target`; the file stays open until `held` is closed.

    Raises OddError for what cannot become pages, OSError for a file that cannot be read.
    """
    import pikepdf

    if source.format == "pdf":
        data = source.path.read_bytes()
    elif source.format in PICTURES:
        data = _picture(source, bounds)
    else:
        raise OddError("READING-014", format=source.format)
    try:
        pdf = held.enter_context(pikepdf.open(io.BytesIO(data)))
        _check(pdf, bounds)
        _flatten(pdf)
        forms = [_form(pdf, page, target) for page in pdf.pages]
        if not forms:
            raise ValueError("0 trang")
        _note_layers(pdf, target, layers)
    except pikepdf.PasswordError:
        raise OddError("READING-012") from None
    except (pikepdf.PdfError, ValueError, TypeError, KeyError, AttributeError, RuntimeError) as error:
        raise OddError("READING-013", why=" ".join(str(error).split())[:200]) from error
    return [Sheet(form, width, height, dark)
            for (form, width, height), dark in zip(forms, _inks(data, forms), strict=True)]


def _check(pdf: Any, bounds: Bounds) -> None:
    """Raises OddError for what has other pages than those that people see, and for too many of them."""
    if len(pdf.pages) > bounds.pages:
        raise OddError("READING-015", pages=len(pdf.pages), most=bounds.pages)
    if "/Collection" in pdf.Root:
        raise OddError("READING-013", why="PDF portfolio")
    if pdf.Root.get("/NeedsRendering", False):
        raise OddError("READING-013", why="XFA")


def _flatten(pdf: Any) -> None:
    """Draw what lies over the pages (seals, fields, notes) into them: a copy has nothing that can be filled in."""
    form = pdf.Root.get("/AcroForm")
    if form is not None and form.get("/NeedAppearances", False):
        pdf.generate_appearance_streams()
        form["/NeedAppearances"] = False
    pdf.flatten_annotations("screen")


def _form(pdf: Any, page: Any, target: Any) -> tuple[Any, float, float]:
    """A page as a form of `target`, upright, with its width and height as it is seen, points."""
    import pikepdf

    media = _box(page.mediabox)
    crop = _box(page.cropbox)
    seen = (max(media[0], crop[0]), max(media[1], crop[1]), min(media[2], crop[2]), min(media[3], crop[3]))
    if seen[0] >= seen[2] or seen[1] >= seen[3]:
        seen = media
    page.trimbox = pikepdf.Array([*map(_number, seen)])      # what the form shows
    form = page.as_form_xobject()
    left, bottom, right, top = turned(form)
    if not (0 < right - left <= _LARGEST and 0 < top - bottom <= _LARGEST):
        raise ValueError(f"{right - left:g} × {top - bottom:g} pt")
    return target.copy_foreign(pdf.make_indirect(form)), right - left, top - bottom


def _box(raw: Any) -> tuple[float, float, float, float]:
    one, two, three, four = (float(value) for value in raw)
    return min(one, three), min(two, four), max(one, three), max(two, four)


def _number(value: float) -> Decimal:
    return Decimal(str(round(value, 4)))


def turned(form: Any) -> tuple[float, float, float, float]:
    """The rectangle that a form fills when it is drawn, after its own turning."""
    box = _box(form.BBox)
    a, b, c, d, e, f = (float(value) for value in form.get("/Matrix", (1, 0, 0, 1, 0, 0)))
    corners = [(a * x + c * y + e, b * x + d * y + f) for x in (box[0], box[2]) for y in (box[1], box[3])]
    return (min(x for x, _y in corners), min(y for _x, y in corners),
            max(x for x, _y in corners), max(y for _x, y in corners))


def _note_layers(pdf: Any, target: Any, layers: Layers) -> None:
    """Note the layers of a file, and which of them are not shown: they are not shown in the copy either."""
    told = pdf.Root.get("/OCProperties")
    if told is None:
        return
    shown = told.get("/D", {})
    named = {name: {one.objgen for one in shown.get(name, ()) if one.is_indirect} for name in ("/ON", "/OFF")}
    off_first = str(shown.get("/BaseState", "/ON")) == "/OFF"
    for group in [one for one in told.get("/OCGs", ()) if one.is_indirect]:
        copied = target.copy_foreign(group)
        layers.all.append(copied)
        if group.objgen in named["/OFF"] or (off_first and group.objgen not in named["/ON"]):
            layers.hidden.append(copied)


def _picture(source: Source, bounds: Bounds) -> bytes:
    """A picture as PDF pages: a JPEG's data as they are, everything else without loss. Raises OddError, OSError."""
    import img2pdf  # type: ignore[import-untyped]
    from PIL import Image, UnidentifiedImageError

    try:
        pages = []
        with Image.open(source.path) as picture:
            frames = int(getattr(picture, "n_frames", 1)) if picture.format == "TIFF" else 1
            if frames > bounds.pages:
                raise OddError("READING-015", pages=frames, most=bounds.pages)
            for frame in range(frames):
                picture.seek(frame)
                if picture.width * picture.height > bounds.pixels:
                    raise OddError("READING-013", why=f"{picture.width} × {picture.height} px")
                pages.append((_coded(source, picture), _dpi(picture)))
        return _bound([bytes(img2pdf.convert(coded, layout_fun=img2pdf.get_fixed_dpi_layout_fun((dpi, dpi)),
                                             rotation=img2pdf.Rotation.ifvalid, nodate=True)) for coded, dpi in pages])
    except (img2pdf.ImageOpenError, img2pdf.AlphaChannelError, img2pdf.NegativeDimensionError,
            UnidentifiedImageError, Image.DecompressionBombError, ValueError, TypeError, IndexError,
            SyntaxError) as error:
        raise OddError("READING-013", why=" ".join(str(error).split())[:200]) from error
    except OSError as error:
        if error.errno is not None:     # a disk's; Pillow's own word for a picture that is cut short bears no number
            raise
        raise OddError("READING-013", why=" ".join(str(error).split())[:200]) from error


def _coded(source: Source, picture: Any) -> bytes:
    """One frame in a form that PDF can hold, on white paper where it is transparent."""
    from PIL import Image

    if picture.format == "JPEG" and picture.mode in ("L", "RGB"):
        picture.load()                  # a picture that is cut short is found here
        return source.path.read_bytes()
    frame = picture.copy()
    if frame.mode in ("RGBA", "LA", "PA") or "transparency" in frame.info:
        frame = Image.alpha_composite(Image.new("RGBA", frame.size, "white"), frame.convert("RGBA")).convert("RGB")
    elif frame.mode.startswith(("I", "F")):
        frame = frame.point(lambda value: value / 256).convert("L")
    elif frame.mode not in ("1", "L", "RGB"):
        frame = frame.convert("RGB")
    out = io.BytesIO()
    frame.save(out, "PNG")
    return out.getvalue()


def _dpi(picture: Any) -> float:
    """The resolution that makes a page of it: what it states where that can be, else that of a sheet of A4."""
    stated = min(float(value) for value in picture.info.get("dpi", (0, 0)))
    return stated if 96 < stated <= 1200 else max(picture.width / _A4[0], picture.height / _A4[1], 72.0)


def _bound(pages: Sequence[bytes]) -> bytes:
    """Several PDF files as one."""
    import pikepdf

    with pikepdf.new() as pdf:
        for one in pages:
            with pikepdf.open(io.BytesIO(one)) as single:
                pdf.pages.extend(single.pages)
        out = io.BytesIO()
        pdf.save(out, deterministic_id=True)
        return out.getvalue()


def _inks(data: bytes, forms: Sequence[tuple[Any, float, float]]) -> Iterator[numpy.ndarray[Any, Any] | None]:
    """Where each page bears ink, one value a point of what is seen; None for a page that cannot be drawn."""
    import numpy
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError:
        yield from [None] * len(forms)
        return
    with document:
        document.init_forms()           # seals are fields of the form
        for number, (_, width, height) in enumerate(forms):
            try:
                page = document[number]
                bitmap = page.render(scale=min(1.0, 2000 / max(width, height)), grayscale=True)
                picture = numpy.array(bitmap.to_numpy(), copy=True).reshape(bitmap.height, bitmap.width)
                bitmap.close()
                page.close()
            except (pypdfium2.PdfiumError, IndexError, ValueError, ZeroDivisionError, OverflowError):
                yield None
                continue
            paper = max(float(numpy.percentile(picture, 90)), _PAPER)
            yield picture < paper * _DARKER
