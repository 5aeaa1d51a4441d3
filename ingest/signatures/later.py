"""What the library's comparison of revisions lets pass, and an archive must not: hidden doors in later revisions.

Each rule stands for an attack that the library of the day called a permitted change (tests/signed has them all).
Must never be the only comparison: it looks where the library does not, and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pyhanko.pdf_utils import generic

from ingest.signatures.finders import entry

# How a viewer draws form fields again, whatever their pictures show, once it is told to.
_DRAWN = ("/DA", "/Q")
_AGAIN = "/NeedAppearances"
# What a viewer runs when it shows, enters or leaves an annotation: no signature's field needs it.
_ACTIONS = ("/A", "/AA", "/PA")
# What /Info says of the document itself; dates and program names are the software's.
_DESCRIBING = ("/Title", "/Author", "/Subject", "/Keywords")
_IN_XMP = ("title", "creator", "description", "subject", "Keywords")
_LONG = 500             # letters
_DEPTH = 32


def listed(reader: Any, revision: int) -> Iterator[tuple[int, int, int]]:
    """What the cross-reference of one revision lists: number, generation and offset of each plain object."""
    for data in _tables(reader, revision):
        for number, (generation, offset) in data.standard_xrefs.items():
            yield number, generation, offset


def _tables(reader: Any, revision: int) -> Iterator[Any]:
    """The cross-reference of one revision, and the second one that a hybrid file has."""
    data = reader.xrefs.get_xref_data(revision)
    while data is not None:
        yield data
        data = data.hybrid.xref_data if data.hybrid is not None else None


def hidden_change(reader: Any, revision: int, end: int) -> str:
    """What the revisions after `revision`, which ends at byte `end`, did behind the library's back: "" for nothing.

    `reader` is a pyHanko reader. Raises what pyHanko raises for structure that cannot be read.
    """
    holders: set[int] = set()
    for earlier in range(revision + 1):
        for number, generation, offset in listed(reader, earlier):
            if offset >= end:           # room that was left open for what comes later
                return f"object {number} {generation} is listed behind the end of what was signed"
        for table in _tables(reader, earlier):
            holders |= table.obj_streams_used
    old = reader.get_historical_resolver(revision)
    for later in range(revision + 1, reader.xrefs.total_revisions):
        new = reader.get_historical_resolver(later)
        written = {ref.idnum for ref in new.explicit_refs_in_revision()}
        if late := holders & written:
            return f"object stream {min(late)} of what was signed was written later"
        found = _unfinished(reader, old, end) or _named_before(old, new) or _form(old, new) or _active_fields(old, new)
        if found:
            return found
    return ""


def shows_unsigned_field(reader: Any, revision: int) -> bool:
    """Whether a field added after `revision` shows something though nobody signed in it."""
    old = reader.get_historical_resolver(revision)
    new = reader.get_historical_resolver(reader.xrefs.total_revisions - 1)
    known = dict(_fields(old))
    return any(name not in known and "/V" not in field and any(_visible(widget) for widget in _widgets(field))
               for name, field in _fields(new))


def description_change(reader: Any, revision: int) -> str:
    """Which descriptions in /Info and XMP (title, author, subject, keywords) are others than in `revision`."""
    old = reader.get_historical_resolver(revision)
    new = reader.get_historical_resolver(reader.xrefs.total_revisions - 1)
    before, after = _info(old), _info(new)
    changed = [key for key in _DESCRIBING if str(entry(before, key, "")) != str(entry(after, key, ""))]
    if (was := _xmp(old)) != (now := _xmp(new)):
        changed += [name for name in _IN_XMP if was.get(name) != now.get(name)]
    return ", ".join(changed)


def _info(view: Any) -> Any:
    """/Info as it stood; a reference in the trailer would lead to the newest."""
    held = view.trailer_view.raw_get("/Info") if "/Info" in view.trailer_view else {}
    return view(held.reference) if isinstance(held, generic.IndirectObject) else held


def _xmp(view: Any) -> dict[str, list[str]]:
    """The descriptions in the document's XMP; what is no XMP was refused before."""
    from lxml import etree
    from pyhanko.pdf_utils.decode_limits import DecodePurpose

    stream = entry(view.root, "/Metadata", None)
    if not isinstance(stream, generic.StreamObject):
        return {}
    top = etree.fromstring(stream.read_data(DecodePurpose.XMP_METADATA), etree.XMLParser(resolve_entities=False))
    found: dict[str, list[str]] = {}
    for node in top.iter(etree.Element):
        if (name := etree.QName(node).localname) in _IN_XMP:
            found.setdefault(name, []).extend(" ".join(str(text).split()) for text in node.itertext())
        for key, value in node.attrib.items():
            if (name := etree.QName(key).localname) in _IN_XMP:
                found.setdefault(name, []).append(" ".join(str(value).split()))
    return found


def _unfinished(reader: Any, old: Any, end: int) -> str:
    """An object that began in the signed bytes and ends behind them: what it holds was left open."""
    places = {number: offset for revision in range(old.revision + 1) for number, _, offset in listed(reader, revision)}
    old._load_reverse_xref_cache()          # the comparison made it already; it reads all objects
    for ref, thing in old.cache.items():
        offset = places.get(ref.idnum)
        if offset is not None and (_streams_past(thing, end - offset)
                                   or (_has_long_text(thing) and _end_of(reader, ref, offset) > end)):
            return f"object {ref.idnum} {ref.generation} ends behind the end of what was signed"
    return ""


def _streams_past(thing: Any, room: int) -> bool:
    thing = getattr(thing, "raw_object", thing)         # not decrypted: as long as in the file
    return isinstance(thing, generic.StreamObject) and len(thing.encoded_data) >= room


def _has_long_text(thing: Any) -> bool:
    """Only a text can swallow a signature's value, which is longer than this."""
    thing = getattr(thing, "raw_object", thing)
    if isinstance(thing, dict):
        return any(map(_has_long_text, dict.values(thing)))
    if isinstance(thing, list):
        return any(map(_has_long_text, list.__iter__(thing)))
    return isinstance(thing, str | bytes) and len(thing) > _LONG


def _end_of(reader: Any, ref: Any, offset: int) -> int:
    """Where the object at `offset` ends, in bytes."""
    stream = reader.stream
    stream.seek(offset)
    if head := re.match(rb"\s*\d+\s+\d+\s+obj[\s\0]*", stream.read(64)):
        stream.seek(offset + head.end())
        generic.read_object(stream, generic.Reference(ref.idnum, ref.generation, reader))
    return int(stream.tell())


def _named_before(old: Any, new: Any) -> str:
    """An object that the signed revision named when it did not exist: its content was left open on purpose."""
    created = {ref for ref in new.explicit_refs_in_revision() if old.is_ref_unassignable(ref)}
    if not created:
        return ""
    old._load_reverse_xref_cache()          # the comparison made it already
    # That cache leaves out the way up, from which pages and fields inherit.
    above = {value.reference for thing in old.cache.values() if isinstance(thing, generic.DictionaryObject)
             and isinstance(value := dict.get(thing, "/Parent"), generic.IndirectObject)}
    for ref in sorted(created, key=lambda one: one.idnum):
        if old._get_usages_of_ref(ref) or ref in above:
            return f"object {ref.idnum} {ref.generation} was named before it existed"
    return ""


def _form(old: Any, new: Any) -> str:
    """How fields that hold data are drawn must stay as it was; what was not told before may be told now."""
    if all(_kind(field) == "/Sig" for _, field in _fields(old)):
        return ""
    before, after = entry(old.root, "/AcroForm", {}), entry(new.root, "/AcroForm", {})
    if entry(after, _AGAIN, False) and not entry(before, _AGAIN, False):
        return f"{_AGAIN} of the form"
    for key in _DRAWN:
        if key in before and before[key] != entry(after, key, None):
            return f"{key} of the form"
    kinds, now = entry(before, "/DR", {}), entry(after, "/DR", {})
    for kind in kinds:
        resources, later = kinds[kind], entry(now, kind, {})
        names = list(resources) if isinstance(resources, generic.DictionaryObject) else []
        if any(name not in later or resources.raw_get(name) != later.raw_get(name) for name in names):
            return f"{kind} of the form's resources"
    return ""


def _active_fields(old: Any, new: Any) -> str:
    """A new field may be a signature's and nothing more: nothing that a viewer would run."""
    known = dict(_fields(old))
    added = [(name, widget) for name, field in _fields(new) if name not in known for widget in _widgets(field)]
    for name, widget in added:
        if actions := [key for key in _ACTIONS if key in widget]:
            return f"{', '.join(actions)} of the new field {name.lstrip('.')}"
    return ""


def _fields(view: Any) -> Iterator[tuple[str, Any]]:
    """Fields of the form by their names, the ends of the tree only."""
    form = entry(view.root, "/AcroForm", {})
    yield from _below(entry(form, "/Fields", []), "", 0)


def _below(fields: Any, above: str, depth: int) -> Iterator[tuple[str, Any]]:
    for position in range(len(fields) if depth < _DEPTH else 0):
        field = fields[position]
        if not isinstance(field, generic.DictionaryObject):
            continue
        name = f"{above}.{entry(field, '/T', '')}"
        kids = entry(field, "/Kids", [])
        parts = [kids[number] for number in range(len(kids))]
        if any(isinstance(kid, generic.DictionaryObject) and "/T" in kid for kid in parts):
            yield from _below(kids, name, depth + 1)
        else:
            yield name, field


def _kind(field: Any) -> str:
    for _step in range(_DEPTH):
        if "/FT" in field:
            return str(field["/FT"])
        if "/Parent" not in field:
            break
        field = field["/Parent"]
    return ""


def _widgets(field: Any) -> list[Any]:
    kids = entry(field, "/Kids", [])
    return [field, *(kids[number] for number in range(len(kids)))]


def _visible(widget: Any) -> bool:
    """Whether the widget takes room on its page; what cannot be measured may."""
    if "/Rect" not in widget:
        return False
    try:
        corners = widget["/Rect"]
        left, bottom, right, top = (float(corners[number]) for number in range(4))
    except (TypeError, ValueError, IndexError):
        return True
    return left != right and bottom != top
