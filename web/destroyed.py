"""What is said of a document or case file that is not there: destroyed by a decision, or nothing at all.

Whoever could know of every document of its fonds is told of the decision (tiêu hủy theo quyết định …). Everybody else
gets the answer for a code that never was: whether it was open is not kept, so it counts as used under conditions. An
administrator is among these (docs/decisions/0012).
"""

from __future__ import annotations

from fastapi import HTTPException

from archive import destroyed
from archive.access import ACCESSES
from archive.codes import parse_file_code
from archive.errors import DestroyedError
from web.people import Person
from web.site import Site


def absent(site: Site, code: str, who: Person) -> Exception:
    """What to raise for a document or case file that `who` gets no row of: DestroyedError (410), else 404."""
    told = destroyed_for(site, code, who)
    return DestroyedError(told.sentence()) if told is not None else HTTPException(404)


def destroyed_for(site: Site, code: str, who: Person) -> destroyed.Absence | None:
    """The destruction of a document's or case file's home, where `who` may know of it; None in every other case."""
    if not all(who.reach.covers(who.fonds, access) for access in ACCESSES):
        return None
    with site.session() as session:
        told = destroyed.of(session, code[:110])
    if told is None:
        return None
    parsed = parse_file_code(told.code, inventory=True)
    fonds = parsed.agency if parsed else ""
    return told if all(who.reach.covers(fonds, access) for access in ACCESSES) else None
