"""Sets forms on paper: a Typst template and data become PDF/A-2u, the same bytes for the same input.

All that is printed goes this way. Data reach a template as JSON, never as source, so that no name can become markup;
templates load no packages, nothing comes from the network, and only the fonts of fonts.toml are used. Typst and the
fonts are loaded once a process, when the first form is set (never before a process forks: Typst keeps threads).
"""

from __future__ import annotations

import json
import threading
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from archive.errors import LuuTruError
from archive.forms.letters import Letters
from archive.i18n import _

if TYPE_CHECKING:
    import typst

_NEEDED = "ỆỮỘặợđ"
_REMEMBERED = 11                                    # Typst forgets what the last ten papers had no use for
_turn = threading.Lock()                            # a compiler sets one form at a time


class FontMissingError(LuuTruError):
    """No font with Vietnamese letters was found, so nothing can be printed."""


class FormError(LuuTruError):
    """A form could not be set on paper; the fault is in its template."""


@dataclass(frozen=True, slots=True)
class Typeface:
    """The font that forms are set in: its family, the one that was wanted, its letters, and how Typst finds it."""

    family: str
    wanted: str
    letters: Letters
    fonts: typst.Fonts


@cache
def typeface() -> Typeface:
    """The font of this machine's forms, looked for once. Raises FontMissingError when there is none."""
    with Path(__file__).with_name("fonts.toml").open("rb") as stream:
        return find(tomllib.load(stream)["family"])


def pdf(template: Path, data: Mapping[str, Any], *, title: str, made: datetime, language: str = "vi") -> bytes:
    """The form `template` (a .typ file) filled with JSON-ready `data`, as PDF/A-2u (ISO 19005-2).

    The template reads `sys.inputs.data` (JSON: `data`, every string made printable) and `sys.inputs.paper` (JSON:
    title, language "vi" or "en", font, wanted; whether letters were replaced, and whether long words were parted: then
    the template sets `letters.PARTING` as nothing). `made` dates the file, as PDF/A asks. Raises FontMissingError, and
    FormError when Typst refuses the template.
    """
    import typst

    face = typeface()
    filled, replaced, parted = face.letters.data(data)
    paper = {"title": face.letters.text(title), "language": language, "font": face.family, "wanted": face.wanted,
             "replaced": replaced, "parted": parted}
    inputs = {"data": json.dumps(filled, ensure_ascii=False), "paper": json.dumps(paper, ensure_ascii=False)}
    try:
        with _turn:
            return cast(bytes, _compiler(template, face.fonts).compile(
                format="pdf", sys_inputs=inputs, pdf_standards="a-2u", pdf_tags=False, timestamp=int(made.timestamp())))
    except typst.TypstError as error:
        raise FormError(f"{template.name}: {error.diagnostic}") from error


def forget() -> None:
    """Let go of what Typst remembers of the last ten papers: of 1,000 rows of a table that is 100 MB."""
    nothing = Path(__file__).with_name("papers") / "nothing.typ"
    with _turn:
        for _time in range(_REMEMBERED):
            _compiler(nothing, typeface().fonts).compile(format="pdf")


@cache
def _compiler(template: Path, fonts: typst.Fonts) -> typst.Compiler:
    import typst

    # The folder of the template is all of the disk that it can read, and where it would look for packages.
    return typst.Compiler(template, root=template.parent, font_paths=fonts, ignore_system_fonts=True,
                          package_path=template.parent, package_cache_path=template.parent)


def find(families: Iterable[Mapping[str, Any]]) -> Typeface:
    """The first of `families` (name, folders) that is on this machine with Vietnamese letters.

    "ocrmypdf.data:" before a folder means one that comes with that package. Raises FontMissingError.
    """
    import typst

    families = list(families)
    for family in families:
        for folder in filter(Path.is_dir, map(_place, family["folders"])):
            fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[folder])
            faces = [one for one in fonts.fonts() if one.family == family["name"] and one.style == "normal"
                     and one.weight in (400, 700) and one.path]
            known = set.intersection(*(_letters(Path(str(one.path)), one.index) for one in faces)) if faces else set()
            if known.issuperset(_NEEDED):
                return Typeface(family["name"], families[0]["name"], Letters(known), fonts)
    raise FontMissingError(_("no font with Vietnamese letters on this machine; install Liberation fonts 2"))


def _place(name: str) -> Path:
    package, colon, inside = name.partition(":")
    return Path(str(files(package).joinpath(inside))) if colon else Path(name)


def _letters(path: Path, index: int) -> set[str]:
    from fontTools import ttLib  # type: ignore[import-untyped]

    with ttLib.TTFont(path, fontNumber=index, lazy=True) as font:
        return set(map(chr, font.getBestCmap() or ()))
