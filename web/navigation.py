"""The main menu: what a person's roles let them use, in the order in which a morning goes."""

from __future__ import annotations

from fastapi import Request

from archive.i18n import _, later
from web.people import Person

# address, title, the right that it takes (empty: none)
_ENTRIES = (("/", later("Morning page"), ""), ("/search", later("Search"), ""), ("/casefiles", later("Case files"), ""),
            ("/plan", later("File plan"), ""),
            ("/quarantine", later("Quarantine"), "watch"), ("/review", later("Review of texts"), "watch"),
            ("/retention", later("Retention"), "retention"), ("/destructions", later("Destruction"), "destructions"),
            ("/transfers", later("Hand-overs"), "transfers"), ("/deadlines", later("What is due"), "deadlines"),
            ("/readings", later("Requests for use"), "readings"),
            ("/accounts", later("Accounts"), "accounts"),
            ("/administration", later("Administration"), "administration"))


def navigation(request: Request, who: Person) -> list[tuple[str, str]]:
    """Addresses and titles of the menu."""
    return [(address, _(title)) for address, title, right in _ENTRIES if not right or who.may(right)]
