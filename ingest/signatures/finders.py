"""Three finders of signatures in a PDF: the form's fields, the widgets on its pages, the raw bytes.

One alone misses some: libraries drop kinds that they do not know, files saved again by a web site lose
their form, one damaged signature hides all others. Must never decide that a file is unsigned because
one finder saw nothing, and never raise for what a file holds: what cannot be read is counted all the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Protocol

Finder = Literal["form", "pages"]

# Any of these in the plain bytes: look properly. A signature dictionary is never inside a stream when it is signed.
_MARKS = (b"/ByteRange", b"/Sig", b"/DocTimeStamp", b"adbe.", b"ETSI.")
# These can hide a mark from the plain bytes: compressed objects, encryption, names written with escapes (/S#69g).
_HIDING = re.compile(rb"/ObjStm|/Encrypt|/[A-Za-z]{0,12}#[0-9A-Fa-f]{2}")
_TAIL = 2048                    # a whole file says in its last bytes where its cross-reference lies
_RANGE = re.compile(rb"/ByteRange(?:\s|%[^\r\n]*[\r\n])*\[([^\]]{0,200})\]?")
_STREAM = re.compile(rb">>\s*stream\r?\n")
_DEPTH = 32
_PIECE = 1 << 20                # bytes


class View(Protocol):
    """The bytes of a file: bytes or an mmap."""

    def find(self, what: bytes, start: int = ..., /) -> int: ...
    def rfind(self, what: bytes, start: int, stop: int, /) -> int: ...
    def __len__(self) -> int: ...
    def __getitem__(self, index: slice, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class FoundField:
    """A signature that the file's structure leads to. `dictionary` has the /V; `key` names the signature object."""

    name: str
    dictionary: Any               # pyHanko dictionary object
    key: tuple[int, int]
    finders: frozenset[Finder]


@dataclass(frozen=True, slots=True)
class FoundBytes:
    """A signature dictionary in the plain bytes: where its /ByteRange stands, and its numbers (empty: not readable)."""

    offset: int
    numbers: tuple[int, ...]


def may_be_signed(view: View, path: Path) -> bool:
    """Whether it is worth while to look with all finders; a plain "no" costs under a millisecond for a small file.

    Reads compressed objects too where the file has any.
    """
    end = view[max(0, len(view) - _PIECE):]         # what was signed last lies here
    if any(mark in end for mark in _MARKS) or any(holds(view, mark) for mark in _MARKS):
        return True
    if view.find(b"startxref", max(0, len(view) - _TAIL)) < 0:
        return True             # cut off: whatever was signed may be what is missing
    return bool(_HIDING.search(view)) and hidden(path, 1) != []  # type: ignore[call-overload]


def in_bytes(view: View) -> list[FoundBytes]:
    """Every signature dictionary in the plain bytes, one for each different byte range.

    A byte range inside a stream (an enclosed file, a text about PDF) is not a signature of this file.
    """
    found: dict[tuple[int, ...] | int, FoundBytes] = {}
    for position in _positions(view, b"/ByteRange"):
        match = _RANGE.match(view, position)  # type: ignore[call-overload]
        if match is None or _in_stream(view, match.start()):
            continue
        numbers = _numbers(match.group(1))
        found.setdefault(numbers or match.start(), FoundBytes(match.start(), numbers))
    return list(found.values())


def holds(view: View, mark: bytes) -> bool:
    """Whether `mark` is anywhere in the plain bytes."""
    return next(_positions(view, mark), None) is not None


def _positions(view: View, mark: bytes) -> Iterator[int]:
    """Where `mark` stands. A piece of bytes is searched ten times as fast as an mmap or by a regular expression."""
    for start in range(0, len(view), _PIECE):
        piece = view[start:start + _PIECE + len(mark) - 1]
        at = piece.find(mark)
        while at >= 0:
            yield start + at
            at = piece.find(mark, at + 1)


def hidden(path: Path, most: int) -> list[tuple[int, ...]] | None:
    """Byte ranges of signature dictionaries among all objects, compressed ones included; None: the file cannot be read.

    An object that looks like a signature without a readable byte range counts as an empty one.
    Looks at `most` signatures at the most, and at the number of objects that policy.toml allows.
    """
    import pikepdf  # the only use of it here, and not needed for most files

    from ingest.signatures.policy import policy

    found: list[tuple[int, ...]] = []
    try:
        with pikepdf.open(path) as pdf:
            for number, thing in enumerate(pdf.objects):
                if number >= policy().most_objects or len(found) >= most:
                    break
                if isinstance(thing, pikepdf.Dictionary) and ("/ByteRange" in thing or thing.get("/Type") in (
                        pikepdf.Name("/Sig"), pikepdf.Name("/DocTimeStamp"))):
                    try:
                        found.append(tuple(int(value) for value in thing.get("/ByteRange", pikepdf.Array())))
                    except (TypeError, ValueError):
                        found.append(())
    except Exception:   # a file that qpdf cannot read: our caller says so
        return None
    return found


def in_structure(reader: Any) -> tuple[list[FoundField], list[str]]:
    """Signed fields that the form and the pages lead to, and what could not be read on the way.

    `reader` is a pyHanko PdfFileReader. A signature object that two fields share comes once.
    """
    found: dict[tuple[int, int], FoundField] = {}
    troubles: list[str] = []
    walks: tuple[tuple[Finder, Any], ...] = (("form", _form), ("pages", _pages))
    for finder, walk in walks:
        try:
            for name, dictionary in walk(reader, troubles):
                value = dictionary.raw_get("/V")
                key = ((value.idnum, value.generation) if hasattr(value, "idnum") else (-id(dictionary), 0))
                known = found.get(key)
                found[key] = (replace(known, finders=known.finders | {finder}) if known
                              else FoundField(name, dictionary, key, frozenset({finder})))
        except Exception as error:  # pyHanko raises of all kinds on broken structure; the bytes still speak
            troubles.append(f"{finder}: {said(error)}")
    return list(found.values()), troubles


def picture_share(found: FoundField) -> float:
    """Which part of its page the signature's picture covers, 0 to 1; 0 where that cannot be told or nothing shows."""
    try:
        widgets = [found.dictionary, *entry(found.dictionary, "/Kids", [])]
        shares = [0.0]
        for widget in (one.get_object() for one in widgets):
            if "/Rect" in widget and "/P" in widget:
                sheet = _box(widget["/P"])
                left, bottom, right, top = (float(value) for value in widget["/Rect"])
                shares.append(abs((right - left) * (top - bottom)) / sheet if sheet else 0.0)
        return max(shares)
    except Exception:           # of every kind; no measure of a picture, whether it holds is judged elsewhere
        return 0.0


def _box(page: Any) -> float:
    """The area of a page in square points; its size may stand on a node above it."""
    for _step in range(_DEPTH):
        if "/MediaBox" in page:
            left, bottom, right, top = (float(value) for value in page["/MediaBox"])
            return abs((right - left) * (top - bottom))
        page = page["/Parent"]
    return 0.0


def entry(dictionary: Any, key: str, default: Any) -> Any:
    """The value of `key`, followed and decrypted, which pyHanko's own `get` does not do in an encrypted file."""
    return dictionary[key] if key in dictionary else default    # noqa: SIM401


def said(error: BaseException) -> str:
    """What an exception of a library says, short enough for a report."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:160]}" if text else type(error).__name__


def _form(reader: Any, troubles: list[str]) -> Iterator[tuple[str, Any]]:
    if "/AcroForm" not in reader.root:
        return
    form = reader.root["/AcroForm"]
    if "/Fields" in form:
        yield from _fields(form["/Fields"], "", "", set(), 0, troubles)


def _fields(fields: Any, above: str, kind: str, seen: set[int], depth: int,
            troubles: list[str]) -> Iterator[tuple[str, Any]]:
    for position in range(len(fields)):
        try:
            field = fields[position]            # dereferences
            if id(field) in seen or depth > _DEPTH:
                continue
            seen.add(id(field))
            part = str(entry(field, "/T", ""))
            name = f"{above}.{part}" if above and part else above or part
            own = str(entry(field, "/FT", kind))
            kids = entry(field, "/Kids", [])
        except Exception as error:  # one unreadable field must not hide the others
            troubles.append(f"form: {said(error)}")
            continue
        if own == "/Sig" and "/V" in field and field["/V"] is not None:
            yield name, field
        yield from _fields(kids, name, own, seen, depth + 1, troubles)


def _pages(reader: Any, troubles: list[str]) -> Iterator[tuple[str, Any]]:
    yield from _page_tree(reader.root["/Pages"], set(), 0, troubles)


def _page_tree(node: Any, seen: set[int], depth: int, troubles: list[str]) -> Iterator[tuple[str, Any]]:
    if id(node) in seen or depth > _DEPTH:
        return
    seen.add(id(node))
    kids = entry(node, "/Kids", [])
    for position in range(len(kids)):
        try:
            kid = kids[position]
        except Exception as error:  # one unreadable page must not hide the others
            troubles.append(f"pages: {said(error)}")
            continue
        yield from _page_tree(kid, seen, depth + 1, troubles)
    annotations = entry(node, "/Annots", [])
    for position in range(len(annotations)):
        try:
            widget = annotations[position]
            holder = widget if "/V" in widget else entry(widget, "/Parent", widget)
            signed = "/V" in holder and "/Sig" in (str(entry(widget, "/FT", "")), str(entry(holder, "/FT", "")))
            name = str(entry(holder, "/T", ""))
        except Exception as error:  # one unreadable widget must not hide the others
            troubles.append(f"pages: {said(error)}")
            continue
        if signed:
            yield name, holder


def _in_stream(view: View, offset: int) -> bool:
    """Whether `offset` lies between `stream` and its `endstream`."""
    closed = max(view.rfind(b"endstream", 0, offset), view.rfind(b"endobj", 0, offset))
    start = max(closed, offset - (1 << 20), 0)
    return _STREAM.search(view[start:offset]) is not None


def _numbers(inside: bytes) -> tuple[int, ...]:
    parts = inside.split()
    return tuple(int(part) for part in parts) if all(part.isdigit() for part in parts) else ()
