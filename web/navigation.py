"""The main menu: what a person's roles let them use, in the order in which a morning goes, in one row of groups.

The pages of the group that one is in stand in a second row; a group of which one page is left is that page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import Request

from archive.i18n import _, later
from web.people import Person

API = "/api/v1"         # the page for programs; only where the settings let them in
# title of the group, and its pages: address, title, the right that it takes (empty: none)
_GROUPS: tuple[tuple[str, tuple[tuple[str, str, str], ...]], ...] = (
    ("", (("/", later("Morning page"), ""),)),
    ("", (("/search", later("Search"), ""),)),
    (later("Case files"), (("/casefiles", later("List of case files"), ""), ("/plan", later("File plan"), ""))),
    (later("Intake"), (("/quarantine", later("Quarantine"), "watch"), ("/review", later("Review of texts"), "watch"),
                       ("/notices", later("Recalls and replacements"), "notices"),
                       ("/tasks", later("Tasks"), "tasks"))),
    (later("Retention"), (("/retention", later("What falls due"), "retention"), ("/holds", later("Holds"), "holds"),
                          ("/destructions", later("Destruction"), "destructions"),
                          ("/transfers", later("Hand-overs"), "transfers"),
                          ("/deadlines", later("What is due"), "deadlines"))),
    ("", (("/readings", later("Requests for use"), ""),)),
    (later("Administration"), (("/accounts", later("Accounts"), "accounts"),
                               ("/settings", later("Settings"), "settings"),
                               ("/trust", later("Trust lists"), "trust"), ("/audit", later("Audit log"), "audit"),
                               (API, later("For programs"), "administration"))),
)
_FIRST = {"Administration": "/administration"}      # where a group leads, other than to its first page
_BELOW = {"/nights": "/", "/saved": "/search", "/documents": "/casefiles"}      # pages that are none of the menu


@dataclass(frozen=True, slots=True)
class Entry:
    """A page of the menu: its address, its title, and whether the person is there (or on a page below it)."""

    address: str
    title: str
    here: bool


@dataclass(frozen=True, slots=True)
class Group:
    """An entry of the first row, which leads to the first of its `pages`; one page alone is the entry itself."""

    entry: Entry
    pages: Sequence[Entry]


def navigation(request: Request, who: Person) -> list[Group]:
    """The menu for a person, as it stands on this page."""
    path = request.url.path
    found = []
    for title, pages in _GROUPS:
        entries = [Entry(address, _(named), _here(path, address)) for address, named, right in pages
                   if _offered(request, who, address, right)]
        if entries:
            entry = entries[0]
            if len(entries) > 1:
                entry = Entry(_FIRST.get(title, entry.address), _(title), any(one.here for one in entries))
            found.append(Group(entry, entries if len(entries) > 1 else ()))
    return found


def pages_of(request: Request, who: Person, address: str) -> list[str]:
    """The addresses of the group of which `address` is one, as far as the person may use them."""
    return [one for _title, pages in _GROUPS if any(address == page[0] for page in pages)
            for one, _named, right in pages if _offered(request, who, one, right)]


def _offered(request: Request, who: Person, address: str, right: str) -> bool:
    return (not right or who.may(right)) and (address != API or bool(request.app.state.site.settings.web.api))


def _here(path: str, address: str) -> bool:
    above = next((page for start, page in _BELOW.items() if path.startswith(f"{start}/") or path == start), path)
    return above == address or (address != "/" and above.startswith(f"{address}/"))
