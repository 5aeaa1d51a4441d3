"""What `luutru document show` tells of a document's text, and what its first page says besides the record."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.markup import escape

from archive import text_layers
from archive.i18n import _
from archive.model import Event
from archive.records import Record
from archive.terminal import console, local_time, print_table

# What the night found on the page that differs from the list, by the field it is about.
_DIFFERS = {"codeNumber": "EXTRACT-011", "codeNotation": "EXTRACT-012", "issuedDate": "EXTRACT-013",
            "organName": "EXTRACT-014"}
_OFFERED = ("typeName", "codeNumber", "codeNotation", "issuedDate", "organName", "subject")


@dataclass(frozen=True, slots=True)
class Offer:
    """A value read from the head of page 1: how sure that is (0 to 1), what is recorded, whether they differ."""

    tag: str
    value: str
    sureness: float
    recorded: str
    differs: bool


def proposals(record: Record) -> list[Offer]:
    """What page 1 proposes where the record says something else, or nothing. It fills nothing in by itself."""
    heading = record.get("facts", {}).get("extract", {}).get("heading", {})
    fields, found = record["fields"], {one["code"]: one["params"] for one in record["findings"]}
    offers = []
    for tag in _OFFERED:
        recorded = fields.get(tag, "")
        told = found.get(_DIFFERS.get(tag, ""))
        # Corrected since? Then the finding speaks of a value that is no longer recorded.
        differs = told is not None and told.get("registry", "") in (recorded, recorded.partition("/")[0].strip())
        if heading.get(tag) and (differs or not recorded):
            offers.append(Offer(tag, str(heading[tag]), float(heading.get("sureness", {}).get(tag, 0.0)),
                                fields.get(f"{tag}Text", "") or recorded, differs))
    return offers


def as_dicts(told: Iterable[Offer | Event]) -> list[dict[str, Any]]:
    """Offers, or the events of a text, for machines."""
    return [asdict(one) if isinstance(one, Offer) else {"at": one.at, "actor": one.actor, "kind": one.kind, **one.data}
            for one in told]


def print_proposals(offers: Sequence[Offer]) -> None:
    """The offers as a table; nothing when there is none."""
    if offers:
        print_table(_("Read from page 1, where the record says otherwise"),
                    (_("Field"), _("On the page"), _("Sure"), _("Recorded")),
                    [(one.tag, escape(one.value), f"{one.sureness:.0%}", escape(one.recorded) or "—")
                     for one in offers])


def print_text(record: Record, changes: Sequence[Event]) -> None:
    """Which text is in use, where it is not the one of the night; `changes`: every one, with who and why."""
    told = record.get(text_layers.KEY)
    if not told:
        return
    out, pages = console(), text_layers.pages(record)
    count = {"corrected": 0, "read": 0, "stale": 0}
    for page in (*pages.values(),) or told["pages"]:
        count["corrected"] += bool(page.get("corrected"))
        count["read"] += page.get("reading", 1) > 1
        count["stale"] += bool(page.get("stale"))
    out.print(_("Text in use: {corrected} pages corrected by persons, {read} from a later reading; last changed at "
                "{time} by {person}. What was recognised first is kept.").format(
                    time=local_time(told["at"]), person=escape(told["last"]["by"]), **count))
    if count["stale"]:
        out.print(_("{n} corrected pages were read anew since: compare them (luutru digitise review).").format(
            n=count["stale"]))
    if changes:
        print_table(_("Changes of the text"), (_("Time"), _("By"), _("Page"), _("Reason")),
                    [(local_time(one.at), escape(one.actor), _pages(one.data),
                      escape(one.data["reason"]) or _("read again by another engine")) for one in changes])


def _pages(data: dict[str, Any]) -> str:
    if "used" in data:
        return f"{len(data['used'])}/{len(data['read'])}"
    return str(data["page"]) + (f" (a{data['part']:02d})" if data["part"] else "")
