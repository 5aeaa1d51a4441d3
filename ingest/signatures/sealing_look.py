"""What a seal shows: text and picture by the rules' layout, letters embedded, upright however the page is turned."""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from archive import clock
from ingest.signatures.sealing_place import Sheet
from ingest.signatures.sealing_table import table


class LookError(Exception):
    """The seal cannot be drawn on this machine; `code` names the finding, the text is its reason."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


@dataclass(frozen=True, slots=True)
class Layout:
    """What the rules want to be shown: lines of text, and whether the red seal is."""

    name: str
    lines: tuple[str, ...]
    picture: bool
    article: str
    sure: bool


def layout(profile: str) -> Layout:
    """The layout of a legal profile. Raises KeyError for an unknown one: that is a fault of ours."""
    told = table()["layout"][profile]
    return Layout(profile, tuple(told["lines"]), told["picture"], told["article"], told["sure"])


def lines_of(how: Layout, *, form: str, name: str, moment: datetime) -> list[str]:
    """The lines that the seal shows, NFC; empty ones are left out."""
    stamp = clock.in_vietnam(moment).strftime(table()["text"]["time"])
    told = [line.format(form=form, name=name, time=stamp) for line in how.lines]
    return [" ".join(unicodedata.normalize("NFC", line).split()) for line in told if line.strip()]


class Lettering:
    """A font with only the letters that seals of one holder need, embedded anew into each file."""

    def __init__(self, path: Path, letters: str) -> None:
        """Read the font and keep `letters`. Raises LookError when it cannot be read or lacks a letter."""
        from fontTools import subset, ttLib  # type: ignore[import-untyped]
        from fontTools.ttLib.scaleUpem import scale_upem  # type: ignore[import-untyped]

        try:
            font = ttLib.TTFont(io.BytesIO(path.read_bytes()), lazy=True)
            known = font.getBestCmap()
        except (OSError, ttLib.TTLibError) as error:
            raise LookError("SEAL-025", f"{path}: {error}") from error
        lacking = sorted({letter for letter in letters if ord(letter) not in known})
        if lacking:
            raise LookError("SEAL-025", f"{path.name}: {' '.join(lacking)}")
        options = subset.Options(layout_features=[], hinting=False, notdef_outline=True)
        options.drop_tables += ["FFTM"]     # the designer's dates; the library would only warn of it
        small = subset.Subsetter(options=options)
        small.populate(text=letters)
        small.subset(font)
        # PDF counts widths in thousandths of the size, pyHanko writes the font's own units: they must be the same.
        scale_upem(font, 1000)
        out = io.BytesIO()
        font.save(out)
        self.data, self.letters, self.glyphs = out.getvalue(), letters, len(font.getGlyphOrder())
        self._widths: dict[str, float] = {letter: font["hmtx"][known[ord(letter)]][0] / 1000 for letter in letters}
        self.ascent, self.descent = font["hhea"].ascent / 1000, -font["hhea"].descent / 1000

    def width(self, text: str, size: float) -> float:
        """How wide `text` is, points."""
        return sum(self._widths[letter] for letter in text) * size

    def wrapped(self, lines: Sequence[str], size: float, widest: float) -> list[str]:
        """The lines, those wider than `widest` broken between words."""
        found: list[str] = []
        for line in lines:
            current = ""
            for word in line.split():
                longer = f"{current} {word}".strip()
                if current and self.width(longer, size) > widest:
                    found.append(current)
                    current = word
                else:
                    current = longer
            found.append(current)
        return found


def find_font() -> Path:
    """The first font file of the table that this machine has. Raises LookError."""
    for place in table()["text"]["fonts"]:
        if Path(place).is_file():
            return Path(place)
    raise LookError("SEAL-025", "Liberation Serif")


@dataclass(frozen=True, slots=True)
class Picture:
    """The red seal: pixels with transparency, and its real size, points."""

    image: Any
    width: float
    height: float


def read_picture(path: Path) -> Picture:
    """The PNG of the seal, in the real size that its resolution states. Raises LookError."""
    from PIL import Image

    try:
        with Image.open(path) as opened:
            if opened.format != "PNG":
                raise LookError("SEAL-026", f"{path.name}: {opened.format}, PNG")
            dpi = opened.info.get("dpi")
            image = opened.convert("RGBA")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise LookError("SEAL-026", f"{path}: {error}") from error
    if not dpi or min(dpi) < 1:
        raise LookError("SEAL-026", f"{path.name}: dpi ?")
    return Picture(image, image.width / dpi[0] * 72, image.height / dpi[1] * 72)


class Look:
    """The appearance of one seal; pyHanko's signer asks it to draw itself into the file (`create_stamp`)."""

    def __init__(self, lettering: Lettering, lines: Sequence[str], picture: Picture | None, *,
                 first_part: bool = False) -> None:
        """`first_part`: for PDF/A-1, which wants the font's glyphs listed and forbids transparency: hard edges."""
        text = table()["text"]
        self.size, self._leading = text["size"], text["leading"]
        self._lettering, self._picture, self._first_part = lettering, picture, first_part
        self._lines = lettering.wrapped(lines, self.size, text["widest"])[:text["most_lines"]]
        widths = [lettering.width(line, self.size) for line in self._lines]
        self._text_high = (lettering.ascent + lettering.descent) * self.size + self._leading * (len(self._lines) - 1)
        self._text_wide = max(widths, default=0.0)
        self.width = max(self._text_wide, picture.width if picture else 0.0)
        self.height = self._text_high + (picture.height if picture else 0.0)
        self.sheet: Sheet | None = None

    def create_stamp(self, writer: Any, _box: Any, _parameters: Any) -> _Drawing:
        """What pyHanko calls when the field is there."""
        return _Drawing(self, writer)

    def draw(self, writer: Any) -> tuple[bytes, Any]:
        """The drawing's commands, upright from its lower left corner, and its resources."""
        from pyhanko.pdf_utils.font.opentype import GlyphAccumulator

        generic = _objects()
        pdf_name = generic.pdf_name
        engine: Any = GlyphAccumulator(writer, io.BytesIO(self._lettering.data), self.size, features={"kern": False})
        engine.shape(self._lettering.letters, with_actual_text=False)       # all of them are embedded
        left = self.width - self._text_wide
        baseline = self.height - self._lettering.ascent * self.size
        commands = [b"q 0 g BT /F1 %g Tf" % self.size]
        for number, line in enumerate(self._lines):
            commands.append(b"1 0 0 1 %.3f %.3f Tm" % (left, baseline - number * self._leading))
            commands.append(engine.shape(line, with_actual_text=False).graphics_ops)
        commands.append(b"ET Q")
        if self._first_part:
            engine.prepare_write()
            glyphs = self._lettering.glyphs     # bit n of the set: glyph n is there, from the left
            bits = int("1" * glyphs + "0" * (-glyphs % 8), 2).to_bytes((glyphs + 7) // 8, "big")
            engine.cidfont_obj["/FontDescriptor"]["/CIDSet"] = writer.add_object(
                generic.StreamObject(stream_data=bits))
        resources = generic.DictionaryObject({
            pdf_name("/Font"): generic.DictionaryObject({pdf_name("/F1"): engine.as_resource()})})
        if self._picture is not None:
            commands.append(b"q %.3f 0 0 %.3f %.3f 0 cm /Seal Do Q" % (
                self._picture.width, self._picture.height, self.width - self._picture.width))
            resources[pdf_name("/XObject")] = generic.DictionaryObject({
                pdf_name("/Seal"): _picture_object(writer, self._picture.image, self._first_part)})
        return b"\n".join(commands), resources


@dataclass(frozen=True, slots=True)
class _Drawing:
    look: Look
    writer: Any

    def apply_appearance(self, annotation: Any) -> None:
        """Give the field its appearance, turned against the page's turn so that it stands upright."""
        generic = _objects()
        pdf_name = generic.pdf_name
        assert self.look.sheet is not None
        commands, resources = self.look.draw(self.writer)
        turn = self.look.sheet.rotate
        cos, sin = {0: (1, 0), 90: (0, 1), 180: (-1, 0), 270: (0, -1)}[turn]
        stream = generic.StreamObject({
            pdf_name("/Type"): pdf_name("/XObject"), pdf_name("/Subtype"): pdf_name("/Form"),
            pdf_name("/BBox"): generic.ArrayObject(
                generic.FloatObject(round(value, 3)) for value in (0, 0, self.look.width, self.look.height)),
            pdf_name("/Matrix"): generic.ArrayObject(
                generic.NumberObject(value) for value in (cos, sin, -sin, cos, 0, 0)),
            pdf_name("/Resources"): resources}, stream_data=commands)
        annotation["/AP"] = generic.DictionaryObject({pdf_name("/N"): self.writer.add_object(stream)})
        if turn:
            annotation["/MK"] = generic.DictionaryObject({pdf_name("/R"): generic.NumberObject(turn)})


def _objects() -> Any:
    """pyHanko's PDF objects, which have no types."""
    from pyhanko.pdf_utils import generic

    return generic


def _picture_object(writer: Any, image: Any, masked: bool) -> Any:
    """The picture as an image of the file, with soft transparency or, `masked`, with hard edges."""
    from PIL import ImageOps

    generic = _objects()
    pdf_name = generic.pdf_name

    def stream(data: bytes, **entries: Any) -> Any:
        made = generic.StreamObject({
            pdf_name("/Type"): pdf_name("/XObject"), pdf_name("/Subtype"): pdf_name("/Image"),
            pdf_name("/Width"): generic.NumberObject(image.width),
            pdf_name("/Height"): generic.NumberObject(image.height),
            **{pdf_name(f"/{key}"): value for key, value in entries.items()}}, stream_data=data)
        made.compress()
        return writer.add_object(made)

    alpha = image.getchannel("A")
    eight, one = generic.NumberObject(8), generic.NumberObject(1)
    if masked:                              # a mask's 1 hides: the pixels that are less than half there
        hidden = ImageOps.invert(alpha).point(lambda value: 255 if value > 127 else 0).convert("1")
        mask = {"Mask": stream(hidden.tobytes(), ImageMask=generic.BooleanObject(True), BitsPerComponent=one)}
    else:
        mask = {"SMask": stream(alpha.tobytes(), ColorSpace=pdf_name("/DeviceGray"), BitsPerComponent=eight)}
    return stream(image.convert("RGB").tobytes(), ColorSpace=pdf_name("/DeviceRGB"), BitsPerComponent=eight, **mask)
