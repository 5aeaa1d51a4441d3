"""The figures of a period, from the events of the ledger alone: the same today and in ten years.

Nothing else is asked: not the catalogue's rows, which corrections, destructions and hand-overs change, and not the
settings. What was written down after the period does not count, so that a past report never changes.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive import working_days
from archive.codes import parse_file_code
from archive.model import Event
from retention.deadline_rules import Ground, terms
from retention.deadline_sets import work_ended
from retention.reports.periods import Period

# What is counted of an agency (the fonds), in the order in which it is shown.
COUNTED = ("stored", "opened", "closed", "reopened", "handed_over", "taken_over", "destroyed",
           "destroyed_documents", "scans", "scan_pages", "faulty", "open", "overdue")
ITEM_ENDS = ("stored", "released", "turned_away", "kept_out", "duplicate", "failed")
_CASE_FILES = ("casefile_opened", "casefile_closed", "casefile_reopened", "casefile_corrected", "destroyed")
_ITEMS = ("received", "turned_away", "kept_out", "duplicate", "released", "failed", "package_received",
          "list_received", "viewed", "downloaded", "exported")
_IN_PERIOD = ("stored", "quarantined", "transfer_confirmed", "transfer_approved", *_ITEMS, *_CASE_FILES)


class Told(NamedTuple):
    """One event as the figures need it."""

    at: str
    kind: str
    subject: str
    data: Mapping[str, Any]


@dataclass(slots=True)
class Figures:
    """The figures of a period: `items` by what became of them, `reasons` of refusals, `agencies` by fonds (COUNTED).

    Lists for inspections, as they stood at the end of the period: documents in no case file (`unfiled`: id, name, since
    when), case files not closed (`open`: code, title, due) and of these the ones overdue for submission (`overdue`).
    """

    period: Period
    complete: bool
    items: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    agencies: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    kinds: Counter[str] = field(default_factory=Counter)
    unfiled: list[dict[str, str]] = field(default_factory=list)
    open: list[dict[str, str]] = field(default_factory=list)
    overdue: list[dict[str, str]] = field(default_factory=list)

    @property
    def total(self) -> Counter[str]:
        """The sum over all agencies."""
        return sum(self.agencies.values(), Counter())

    @property
    def rate(self) -> float | None:
        """The share of faulty scans, per cent (NĐ 31/2026/NĐ-CP Điều 12); None without any."""
        return 100 * self.total["faulty"] / self.total["scans"] if self.total["scans"] else None


def build(session: Session, period: Period, now: str, *, fonds: str = "") -> Figures:
    """The figures of `period` from the catalogue's copy of the ledger, as known at `now`; of one fonds when given."""
    return figures(_events(session, period), period, complete=now >= period.end, fonds=fonds)


def _events(session: Session, period: Period) -> Iterator[Told]:
    """The events that matter, in the ledger's order: all of the period; of before what tells how things stood."""
    waited = select(Event.subject).where(Event.kind == "quarantined", Event.at < period.end)
    query = select(Event.at, Event.kind, Event.subject, Event.data).where(Event.at < period.end, (
        (Event.at >= period.begin) & Event.kind.in_(_IN_PERIOD)) | Event.kind.in_(_CASE_FILES) | (
        Event.kind == "quarantined") | (Event.kind.in_((*ITEM_ENDS, "received")) & Event.subject.in_(waited)))
    for row in session.execute(query.order_by(Event.seq).execution_options(yield_per=5000)):
        yield Told(*row)


def figures(events: Iterable[Told], period: Period, *, complete: bool = True, fonds: str = "") -> Figures:
    """The figures of `period` from events in the ledger's order; those at or after its end are passed over."""
    made = Figures(period, complete)
    waiting: dict[str, Told] = {}
    names: dict[str, str] = {}
    files: dict[str, _CaseFile] = {}
    for one in events:
        if one.at >= period.end:
            continue
        if one.kind in _CASE_FILES:
            _follow(files, one)
        if one.kind == "received":
            names[one.subject] = str(one.data.get("name", ""))
        elif one.kind == "quarantined":
            waiting[one.subject] = one
        elif one.kind in ITEM_ENDS:
            waiting.pop(one.subject, None)
        if one.at >= period.begin:
            _count(made, one, files)
    made.agencies = defaultdict(Counter, {of: counted for of, counted in made.agencies.items() if fonds in ("", of)})
    for item, event in sorted(waiting.items(), key=lambda each: (each[1].at, each[0])):
        if any(code.startswith("FILE-") for code in _refused(event)):
            made.unfiled.append({"item": item, "name": names.get(item, ""), "since": event.at})
    _standing(made, files, fonds)
    return made


@dataclass(slots=True)
class _CaseFile:
    title: str
    fonds: str
    year: int
    ended_on: str = ""
    state: str = "open"


def _follow(files: dict[str, _CaseFile], one: Told) -> None:
    """How a case file stands after an event."""
    if one.kind == "casefile_opened":
        files.setdefault(one.subject, _CaseFile(str(one.data["title"]), str(one.data["fonds"]), _year(one)))
    elif (known := files.get(one.subject)) is None:
        return
    elif one.kind == "casefile_corrected":
        known.ended_on = one.data["after"].get("endDate", known.ended_on)
        known.title = one.data["after"].get("title", known.title)
    else:
        known.state = {"casefile_closed": "closed", "casefile_reopened": "open"}.get(one.kind, "gone")


def _year(one: Told) -> int:
    code = parse_file_code(one.subject, inventory=True) or parse_file_code(one.subject)
    return code.year if code is not None else int(one.at[:4])


def _count(made: Figures, one: Told, files: Mapping[str, _CaseFile]) -> None:
    """Add an event of the period."""
    data = one.data
    match one.kind:
        case "stored":
            of = made.agencies[_fonds(files, str(data["case_file"]))]
            of["stored"] += 1
            made.items["stored"] += 1
            if (scan := data.get("scan")) is not None:
                of["scans"] += 1
                of["scan_pages"] += scan["pages"]
                of["faulty"] += bool(scan["faulty"])
                made.kinds.update(scan["kinds"])
        case "casefile_closed" if "anew" in data:
            pass            # it was closed before, and lost a document to a destruction
        case "casefile_opened" | "casefile_closed" | "casefile_reopened":
            made.agencies[_fonds(files, one.subject)][one.kind.removeprefix("casefile_")] += 1
        case "destroyed":
            # A document that was there twice is destroyed alone: its code is no case file's.
            of = made.agencies[_fonds(files, one.subject)]
            of["destroyed"] += one.subject in files
            of["destroyed_documents"] += _number(data.get("documents"), 1)
        case "transfer_confirmed" | "transfer_approved":
            side = data.get("side")
            wanted = {"agency": ("transfer_confirmed", "handed_over"), "archive": ("transfer_approved", "taken_over")}
            if side in wanted and wanted[side][0] == one.kind:
                named = data.get("case_files") or [""]      # a hand-over is of one fonds; its lines may be many
                made.agencies[_fonds(files, named[0])][wanted[side][1]] += _number(
                    data.get("count", data.get("approved")), 0)
        case "quarantined":
            made.items["quarantined"] += 1
            made.reasons.update(_refused(one))
        case kind if kind in _ITEMS:
            made.items[kind] += 1


def _refused(one: Told) -> set[str]:
    return {found["code"] for found in one.data.get("findings", ()) if found["level"] in ("refused", "failed")}


def _number(value: Any, otherwise: int) -> int:
    """A number as an event tells it: itself, or how many it lists."""
    if isinstance(value, int):
        return int(value)
    return len(value) if isinstance(value, (list, tuple)) else otherwise


def _fonds(files: Mapping[str, _CaseFile], code: str) -> str:
    """The fonds of a case file, or of a document's: by its own event, else by its code."""
    if code in files:
        return files[code].fonds
    home = code.rpartition(".")[0]
    if home in files:
        return files[home].fonds
    parsed = parse_file_code(code)
    return parsed.agency if parsed is not None else ""


def _standing(made: Figures, files: Mapping[str, _CaseFile], fonds: str) -> None:
    """What was open at the end of the period, and overdue by the strictest term, whatever an archive has set."""
    ground = Ground(working_days.calendar("sample"))
    for code, one in sorted(files.items()):
        if one.state != "open" or fonds not in ("", one.fonds):
            continue
        due = terms("submission", work_ended(one.year, 0, one.ended_on), ground)[0].due
        line = {"code": code, "title": one.title, "fonds": one.fonds, "due": due.isoformat()}
        made.agencies[one.fonds]["open"] += 1
        made.open.append(line)
        if due <= made.period.last:
            made.agencies[one.fonds]["overdue"] += 1
            made.overdue.append(line)


def as_dict(made: Figures) -> dict[str, Any]:
    """The figures for machines, always in the same order."""
    def row(counted: Mapping[str, int]) -> dict[str, int]:
        return {name: counted.get(name, 0) for name in COUNTED}

    return {"period": made.period.name, "kind": made.period.kind, "from": made.period.first.isoformat(),
            "to": made.period.last.isoformat(), "complete": made.complete, "items": dict(sorted(made.items.items())),
            "refused": dict(sorted(made.reasons.items(), key=lambda one: (-one[1], one[0]))),
            "total": row(made.total), "agencies": {of: row(made.agencies[of]) for of in sorted(made.agencies)},
            "scan_errors": dict(sorted(made.kinds.items())),
            "rate": None if made.rate is None else round(made.rate, 4),
            "documents_in_no_case_file": made.unfiled, "case_files_not_closed": made.open,
            "case_files_overdue": made.overdue}
