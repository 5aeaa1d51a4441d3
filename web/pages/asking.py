"""What a search page is asked for, as it stands in its address: words, filters, choices, order; and the way back.

One form for the page, its export, its facets and saved searches, so that all of them find the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast
from urllib.parse import urlencode

from sqlalchemy import not_, select
from sqlalchemy.orm import Session

from archive import model
from archive.access import within
from retention.standing import STATES
from search.index import Filters, Order
from search.saved import Saved
from web.pages.standing import Sets, largest, others
from web.people import Person

LONGEST = 1000
ORDERS = ("best", "newest", "oldest")
CHOICES = ("organ", "year", "type", "fonds", "legal_value", "access")     # facets of the index
RETENTION = "retention"                                                   # the one that the catalogue knows
# parameter of the address → filter of the search, and how long it may be
_FILTERS = {"type": ("type_name", 100), "organ": ("organ", 200), "since": ("issued_from", 20),
            "until": ("issued_to", 20), "casefile": ("case_file", 100)}
_NO_STATE = "-"         # in which nothing is
_NOT_INDEXED = select(model.Document.code).where(model.Document.indexed == "").limit(1)


@dataclass(frozen=True, slots=True)
class Asked:
    """A search as a person asks for it. `filters` by the names of the address, `chosen` by those of the facets."""

    q: str = ""
    filters: Mapping[str, str] = field(default_factory=dict)
    chosen: Mapping[str, str] = field(default_factory=dict)
    order: str = "best"

    @property
    def empty(self) -> bool:
        """Whether nothing narrows it but words."""
        return not any(self.filters.values()) and not self.chosen

    def address(self, path: str = "/search", **further: str | int) -> str:
        """The address of this search; what is empty is left out."""
        told = {"q": self.q, **{name: value for name, value in self.filters.items() if value},
                **{f"in_{name}": value for name, value in self.chosen.items()},
                **({"order": self.order} if self.order != "best" else {}), **further}
        return f"{path}?{urlencode(told)}"

    def parameters(self, *without: str) -> list[tuple[str, str]]:
        """What a form sends along so that it stays with this search."""
        told = {**self.filters, **{f"in_{name}": value for name, value in self.chosen.items()}, "q": self.q,
                "order": self.order if self.order != "best" else ""}
        return [(name, value) for name, value in told.items() if value and name not in without]

    def narrowed(self, facet: str, value: str) -> Asked:
        """The same with a choice in one facet; an empty value takes it off."""
        chosen = {name: one for name, one in self.chosen.items() if name != facet}
        return replace(self, chosen={**chosen, facet: value} if value else chosen)

    def wanted(self, who: Person, hidden: tuple[str, ...], sets: Sets) -> Filters:
        """The filters of the search, within what the person may know of."""
        given: dict[str, Any] = {name: self.filters.get(key, "") for key, (name, _longest) in _FILTERS.items()}
        state = self.chosen.get(RETENTION, "")
        state = state if not state or state in STATES else _NO_STATE
        most = bool(state) and state == largest(sets)
        chosen = {name: value for name, value in self.chosen.items() if name != RETENTION}
        return Filters(**given, reach=who.reach, without=hidden, chosen=chosen,
                       inside=sets.get(state, ()) if state and not most else None,
                       outside=others(sets, state) if most else ())

    @property
    def sort(self) -> Order:
        """The order as the index knows it."""
        return cast(Order, self.order)

    def to_keep(self, owner: str, name: str, *, alert: bool) -> Saved:
        """This search to be kept under a name. How periods stand changes by itself and is not kept with it."""
        filters = {kept: self.filters[key] for key, (kept, _longest) in _FILTERS.items() if self.filters.get(key)}
        chosen = {facet: value for facet, value in self.chosen.items() if facet != RETENTION}
        return Saved(owner, name, self.q, filters, alert, chosen=chosen)


def asked(given: Mapping[str, Any]) -> Asked:
    """The search that an address or a form asks for; what makes no sense asks for nothing."""
    def text(name: str, longest: int) -> str:
        value = given.get(name, "")
        return value.strip()[:longest] if isinstance(value, str) else ""

    filters = {name: text(name, longest) for name, (_kept, longest) in _FILTERS.items()}
    chosen = {name: value for name in (*CHOICES, RETENTION) if (value := text(f"in_{name}", 300))}
    order = text("order", 10)
    return Asked(str(given.get("q", ""))[:LONGEST], filters, chosen, order if order in ORDERS else "best")


def of_saved(one: Saved) -> Asked:
    """The search that was kept."""
    back = {kept: name for name, (kept, _longest) in _FILTERS.items()}
    return Asked(one.query, {back[name]: value for name, value in one.filters.items() if name in back}, one.chosen)


def not_yet_indexed(session: Session, who: Person) -> tuple[str, ...]:
    """Documents outside the person's reach that the index may still hold as they were before a correction of today.

    Nearly always nothing was corrected since the last night: that is asked first, since it costs a tenth.
    """
    if who.reach.everything or session.scalar(_NOT_INDEXED) is None:
        return ()
    return tuple(session.scalars(select(model.Document.code).join(
        model.CaseFile, model.CaseFile.code == model.Document.case_file).where(
        model.Document.indexed == "", not_(within(who.reach)))))


def page_number(text: str, last: int = 500) -> int:
    """The number of a page of results as it stands in an address; 1 for what is none."""
    return min(last, max(1, int(text))) if text.isascii() and text.isdecimal() and len(text) < 6 else 1
