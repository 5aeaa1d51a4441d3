"""Where an href of a METS points: always a file inside the package, or nowhere.

Real packages write their paths plain, percent-encoded, form-encoded, with backslashes, as file: URLs, in another
letter case and relative to the wrong folder. Each reading but the plain one has its finding.
"""

from __future__ import annotations

import posixpath
import re
import unicodedata
from dataclasses import dataclass
from urllib.parse import unquote, unquote_plus

from archive.packages.opening import Opened

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")        # two letters at least: one is a drive
_PACKAGE = re.compile("(uuid[-_]|ID)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)    # an OBJID
_DRIVE = re.compile(r"/?[A-Za-z]:[/\\]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_PLAIN = re.compile(r"[\w.-][\w ./-]*[\w./-]")             # a path that can be read in one way only


@dataclass(frozen=True, slots=True)
class Target:
    """What an href means: `path` from the package's root, "" when it means no file of the package.

    `there`: the package holds that file. `codes` are the findings about how it was written.
    """

    path: str
    there: bool
    codes: tuple[str, ...] = ()


def resolve(opened: Opened, base: str, href: str) -> Target:
    """The file that `href` means in a METS that lies in the folder `base` ("" for the package's root)."""
    if _PLAIN.fullmatch(href) and opened.has(path := f"{base}/{href}" if base else href):
        return Target(path, True)
    if not href.strip():
        return Target("", False, ("PKG-038",))
    if _CONTROL.search(href):
        return Target("", False, ("PKG-030",))
    codes: list[str] = []
    text, rooted = href.strip(), False
    if _DRIVE.match(text):
        return Target("", False, ("PKG-030",))
    if scheme := _SCHEME.match(text):
        if scheme[1].lower() != "file":
            target = _find(opened, base, text, codes, rooted=False)     # a name with a colon in it is a name
            return target if target.there else Target("", False, ("PKG-036",))
        text = re.sub(r"^file:(//(?=\.{0,2}/)|//localhost(?=/))?", "", text, flags=re.IGNORECASE)
        if _DRIVE.match(text):
            return Target("", False, ("PKG-030",))
        codes.append("PKG-031")
    if "\\" in text:
        text = text.replace("\\", "/")
        codes.append("PKG-032")
    if text.startswith("/"):
        rooted, text = True, text.lstrip("/")
        codes = [code for code in codes if code != "PKG-031"] + ["PKG-031"]
    target = _find(opened, base, text, codes, rooted=rooted)
    if rooted and not target.there:         # a path of somebody's machine
        return Target("", False, ("PKG-030",))
    if not target.there and _PACKAGE.fullmatch(text):
        return Target("", False, ("PKG-036",))
    return target


def _find(opened: Opened, base: str, text: str, codes: list[str], *, rooted: bool) -> Target:
    """`text` looked for in every reading, the plainest first."""
    readings = [(text, "")]
    for reading, code in ((unquote(text), ""), (unquote_plus(text), "PKG-033"),
                          (re.split("[?#]", text, maxsplit=1)[0], "PKG-033")):
        if reading not in (known for known, _ in readings) and not _CONTROL.search(reading):
            if code == "" and "%2f" in text.lower():
                code = "PKG-033"
            readings.append((reading, code))
    places = [""] if rooted else [base, ""] if base else [""]
    left = False
    for place in places:
        hits = []
        for reading, code in readings:
            path = _joined(place, reading)
            left = left or (path is None and place == base)
            if path and opened.has(path):
                hits.append((path, code))
        if hits:
            path, code = hits[0]
            extra = [code] if code else []
            if len({hit for hit, _ in hits}) > 1:
                extra.append("PKG-034")
            if place != base and not rooted:
                extra.append("PKG-037")
            return Target(path, True, (*codes, *extra))
    for reading, code in readings:          # once more, blind to letter case and Unicode form
        path = _joined(places[0], reading)
        if path and (alike := opened.like(path)):
            return Target(alike, True, (*codes, *([code] if code else []), "PKG-035"))
    path = _joined(places[0], readings[0][0])
    if left or path is None:
        return Target("", False, ("PKG-030",))
    return Target(unicodedata.normalize("NFC", _joined(places[0], readings[min(1, len(readings) - 1)][0]) or path),
                  False, tuple(codes))


def _joined(base: str, text: str) -> str | None:
    """`text` seen from `base`, without "." and ".."; None when it leaves the package or is its root itself."""
    if text.startswith("/"):
        return None
    path = posixpath.normpath(posixpath.join(base, text))
    return None if path in (".", "..") or path.startswith("../") else path
