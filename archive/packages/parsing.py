"""XML out of packages: no DTD, no entities, nothing fetched, capped in size and elements (and by libxml2 in depth).

Whatever is wrong with a file becomes a finding; what comes back can be walked without care.
"""

from __future__ import annotations

import codecs
import ctypes
import re
from collections.abc import Collection, Iterator
from contextlib import suppress
from typing import Any, cast
from xml.parsers import expat

from lxml import etree

from archive.findings import Finding, finding
from archive.packages.opening import Opened, UnreadableError, limits

_PIECE = 1 << 16
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_HARDENED: Any = {"resolve_entities": False, "no_network": True, "load_dtd": False, "huge_tree": False,
             "remove_comments": True, "remove_pis": True, "remove_blank_text": True, "collect_ids": False}
_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")


def read_xml(opened: Opened, name: str, found: list[Finding]) -> Any | None:
    """The root element of the file `name`; None, with a finding, when it cannot be taken as XML."""
    limit = limits("xml")["bytes"]
    if opened.size(name) > limit:
        found.append(_too_large(name, opened.size(name)))
        return None
    try:
        data = opened.read(name, limit)
    except UnreadableError as error:
        found.append(finding("PKG-018", name, reason=str(error)))
        return None
    return parse_xml(data, name, found)


def children(opened: Opened, name: str, tags: Collection[str], found: list[Finding]) -> Iterator[Any]:
    """The children called one of `tags` of the root element of a large file, then the root with what is left of it.

    Whoever gets a child must take it for himself before he asks for the next: the root then forgets it. Nothing but
    the finding comes for a file that cannot be taken as XML; some children may have come before that shows.
    """
    if opened.size(name) > limits("xml")["bytes"]:
        found.append(_too_large(name, opened.size(name)))
        return
    parser = etree.XMLPullParser(events=("end",), tag=list(tags), **_HARDENED)
    elements, head = 0, True
    last: Any = None
    try:
        for piece in opened.pieces(name):
            elements += piece.count(b"<")
            if elements > limits("xml")["elements"]:
                found.append(finding("PKG-022", name, what=f"> {limits('xml')['elements']:,}"))
                return
            if head and _has_doctype(piece):
                found.append(finding("PKG-021", name))
                return
            head = False
            parser.feed(piece)
            for _event, element in cast("Iterator[tuple[str, Any]]", parser.read_events()):
                above = element.getparent()
                if above is None or above.getparent() is not None:
                    continue
                if last is not None:        # only what has a sibling behind it is surely finished
                    yield last
                last = element
        root = _without_dtd(parser.close(), name, found)
    except UnreadableError as error:
        found.append(finding("PKG-018", name, reason=str(error)))
        return
    except (etree.XMLSyntaxError, ValueError, LookupError) as error:
        found.append(finding("PKG-020", name, reason=str(error)[:200]))
        return
    if root is not None:
        if last is not None:
            yield last
        yield root


def parse_xml(data: bytes, name: str, found: list[Finding]) -> Any | None:
    """The root element of the XML document `data`, called `name` in findings; as `read_xml`."""
    if not data.strip(b"\0 \t\r\n"):
        found.append(finding("PKG-023", name))
        return None
    if data.count(b"<") > limits("xml")["elements"]:
        found.append(finding("PKG-022", name, what=f"> {limits('xml')['elements']:,}"))
        return None
    if _has_doctype(data):
        found.append(finding("PKG-021", name))
        return None
    try:
        return _without_dtd(_parse(data), name, found)
    except (etree.XMLSyntaxError, ValueError, LookupError) as error:
        reason = str(error)
    repaired = _repaired(data)
    if repaired is not None:
        try:
            root = _without_dtd(_parse(repaired), name, found)
        except (etree.XMLSyntaxError, ValueError, LookupError):
            pass
        else:
            if root is not None:
                found.append(finding("PKG-024", name))
            return root
    found.append(finding("PKG-020", name, reason=reason[:200]))
    return None


def give_back() -> None:
    """Give the memory of trees that are gone back to the system, where the C library can be asked to.

    A tree is a million little pieces, which it would keep for the next one; Python's own objects cannot use them.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def _too_large(name: str, size: int) -> Finding:
    return finding("PKG-022", name, what=f"{size:,} B > {limits('xml')['bytes']:,} B")


def _parse(data: bytes) -> Any:
    return etree.fromstring(data, etree.XMLParser(**_HARDENED))


def _without_dtd(root: Any, name: str, found: list[Finding]) -> Any | None:
    """`root`, unless a DTD came to light only now: in an encoding that hid it from the look at the bytes."""
    if root.getroottree().docinfo.doctype:
        found.append(finding("PKG-021", name))
        return None
    return root


def _repaired(data: bytes) -> bytes | None:
    """The same text as clean UTF-8, when its byte order mark and its declaration contradict each other."""
    encoding = next((encoding for mark, encoding in _BOMS if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeError:
        return None
    return _DECLARATION.sub("", text.lstrip("\ufeff \t\r\n"), count=1).encode("utf-8")


class _Enough(Exception):  # noqa: N818 (stops the parse at the root element; never leaves this module)
    pass


def _has_doctype(data: bytes) -> bool:
    """Whether a DTD stands before the root element, in whatever encoding; read no further than that element."""
    seen: list[str] = []

    def on_start(_name: str, _attributes: dict[str, str]) -> None:
        raise _Enough

    def on_doctype(name: str, _system: str | None, _public: str | None, _internal: bool) -> None:
        seen.append(name)
        raise _Enough

    parser = expat.ParserCreate()
    parser.StartElementHandler = on_start
    parser.StartDoctypeDeclHandler = on_doctype
    try:
        for piece in _pieces(data):
            parser.Parse(piece, False)
    except _Enough:
        return bool(seen)
    except (expat.ExpatError, LookupError, ValueError):
        # Not readable to this parser (an odd encoding, spaces before the declaration): the mark itself decides.
        return b"<!DOCTYPE" in data.replace(b"\0", b"").upper()
    return bool(seen)


def _pieces(data: bytes) -> Iterator[bytes]:
    yield data[:2048]
    for start in range(2048, len(data), _PIECE):
        yield data[start:start + _PIECE]
