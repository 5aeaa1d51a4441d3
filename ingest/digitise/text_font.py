"""The font of the text layer: the widths of Noto Sans' letters, Vietnamese and Latin, without their outlines.

Nobody sees that text, but a PDF/A must hold its font; OCRmyPDF would cut one out of the whole Noto Sans for every
document, half of what a document costs beside its reading. Must never be used for anything that is shown.
`python -m ingest.digitise.text_font` makes text_font.ttf again.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

NAME = "LuuTruText"
FONT = Path(__file__).with_name("text_font.ttf")
_VIETNAMESE = (*map(ord, "ƠơƯư"), *range(0x1EA0, 0x1EFA), 0x300, 0x301, 0x303, 0x309, 0x323)
_SIGNS = (*range(0x2010, 0x2028), *map(ord, "‰′″‹›₫€№™−"))
LETTERS = (*range(0x20, 0x7F), *range(0xA0, 0x180), *_VIETNAMESE, *_SIGNS)


def use() -> None:
    """Let OCRmyPDF try this font before its own, from here on in this process.

    It has no hook for that: it takes the class MultiFontManager by its name whenever it draws.
    """
    import ocrmypdf.font

    setattr(ocrmypdf.font, "MultiFontManager", _manager())  # noqa: B010 - a class put in another's place


@cache
def _manager() -> Any:
    from ocrmypdf.font import BuiltinFontProvider, ChainedFontProvider, MultiFontManager, SystemFontProvider
    from ocrmypdf.font.font_manager import FontManager

    builtin, own = BuiltinFontProvider(), FontManager(FONT)     # read once a process

    class Own:
        def get_font(self, name: str) -> Any:
            return own if name == NAME else None

        def get_available_fonts(self) -> list[str]:
            return [NAME]

        def get_fallback_font(self) -> Any:
            return builtin.get_fallback_font()

    class OwnFirst(MultiFontManager):
        def __init__(self, _folder: Path | None = None) -> None:
            self.FALLBACK_FONTS = [NAME, *MultiFontManager.FALLBACK_FONTS]
            super().__init__(font_provider=ChainedFontProvider([Own(), builtin, SystemFontProvider()]))

    return OwnFirst


def make(target: Path) -> None:
    """Write the font to `target`, from the Noto Sans that comes with OCRmyPDF (SIL Open Font License 1.1)."""
    import ocrmypdf
    from fontTools import subset  # type: ignore[import-untyped]
    from fontTools.ttLib import TTFont  # type: ignore[import-untyped]
    from fontTools.ttLib.tables._g_l_y_f import Glyph  # type: ignore[import-untyped]

    font = TTFont(Path(ocrmypdf.__file__).parent / "data" / "NotoSans-Regular.ttf", recalcTimestamp=False)
    options = subset.Options(layout_features=[], hinting=False, glyph_names=False, name_IDs=["*"],
                             drop_tables=["GSUB", "GPOS", "GDEF", "STAT", "meta", "MATH", "DSIG", "kern", "gasp"])
    cut = subset.Subsetter(options)
    cut.populate(unicodes=LETTERS)
    cut.subset(font)
    for glyph in font.getGlyphOrder():
        font["glyf"][glyph], font["hmtx"][glyph] = Glyph(), (font["hmtx"][glyph][0], 0)
    for number, text in ((1, "Luu Tru Text"), (3, NAME), (4, "Luu Tru Text"), (6, NAME)):
        font["name"].setName(text, number, 3, 1, 0x409)
    font.save(target)


if __name__ == "__main__":
    make(FONT)
