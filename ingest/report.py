"""The morning report: what came in, what was refused, why, by which article, and what to do about each.

Computed from the recorded state alone, never counted on the way, so that it can be made again at any time and
says the same. It changes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archive import clock, model
from archive.catalogue import SOME
from archive.findings import Finding, Level
from archive.fixity import places
from archive.opening import Archive
from ingest import digitised, report_keeping
from ingest.digitised import Digitised
from ingest.report_promises import WAITS_FOR_SEAL as WAITS_FOR_SEAL
from ingest.report_promises import Promise as Promise
from ingest.report_promises import promises
from ingest.stages.submission import counts
from retention.deadlines import Deadline, due
from search.index import IndexOutdatedError, open_index
from search.saved import SavedSearchesError, of_night, saved_searches

WAITING = ("quarantine", "failed", "kept_out")
ALIKE = 3       # so many items that wait for one and the same reason are told together


@dataclass(frozen=True, slots=True)
class Line:
    """One item of the night: where it stands, and its findings worth a person's time."""

    item: str
    name: str
    state: str
    document: str
    title: str
    verdict: str
    legal_value: str
    received: str
    findings: list[Finding]

    @property
    def level(self) -> Level:
        """The worst of its findings."""
        return max((found.level for found in self.findings), default=Level.ok)


@dataclass(frozen=True, slots=True)
class Reason:
    """Items that wait for the same reasons, so that a person reads these once and acts on all."""

    lines: list[Line]
    findings: list[Finding]

    @property
    def together(self) -> bool:
        """Whether the findings speak of all the items ("…") instead of the one."""
        return len(self.lines) > 1


def reasons(lines: Iterable[Line]) -> list[Reason]:
    """`lines` by what holds them: three or more with one and the same single reason are told together."""
    by_code: dict[tuple[str, ...], list[Line]] = defaultdict(list)
    for line in lines:
        by_code[tuple(found.code for found in line.findings if found.level >= Level.refused)].append(line)
    told = []
    for codes, group in by_code.items():
        if len(group) >= ALIKE and len(codes) == 1:
            (first,) = [found for found in group[0].findings if found.level >= Level.refused]
            told.append(Reason(group, [replace(first, subject="…")]))
        else:
            told += [Reason([line], [found for found in line.findings if found.level >= Level.warning])
                     for line in group]
    return told


@dataclass(frozen=True, slots=True)
class ReceivedPackage:
    """A package of the night, and how many of its documents stand in which state now."""

    item: str
    name: str
    objid: str
    form: str
    request: str
    case_file: str                  # empty: loose documents, each waits for its case file
    documents: dict[str, int]


@dataclass(frozen=True, slots=True)
class RecheckedDocument:
    """A document whose verdict a later look at its signatures changed; `revoked`: a revocation came to light."""

    document: str
    title: str
    before: str
    after: str
    legal_before: str
    legal_after: str
    revoked: bool
    at: str


@dataclass(frozen=True, slots=True)
class SearchNews:
    """How many documents of the night a kept search finds, and whose it is (docs/decisions/0011)."""

    owner: str
    name: str
    query: str
    documents: int


@dataclass(frozen=True, slots=True)
class Report:
    """Everything the morning report shows."""

    agency: str
    batch: str
    night: str
    started_at: str
    finished_at: str
    counts: dict[str, int]
    lines: list[Line]
    earlier: list[Line]             # items that wait since earlier nights
    deadlines: list[Deadline]
    promises: list[Promise]
    totals: dict[str, int]
    again: list[tuple[str, str]]    # files that came before, under the same name: name, and where that item stands
    inbox: list[Finding]            # what stood in the way in the inbox itself
    packages: list[ReceivedPackage]
    digitised: list[Digitised]      # the scans of the night, by fonds
    rechecked: list[RecheckedDocument]      # verdicts that changed since the last night's report, revoked ones first
    searches: list[SearchNews]      # kept searches with new hits, of those who want to be told
    forecast: dict[str, Any]        # what was foretold of the night (ingest/forecast.py)
    left: dict[str, Any]            # what had to wait for the next night because of the hour (ingest/until.py)

    @property
    def took(self) -> float | None:
        """Seconds from the beginning of the batch to its end; None while it is open."""
        if not self.finished_at:
            return None
        return (datetime.fromisoformat(self.finished_at) - datetime.fromisoformat(self.started_at)).total_seconds()

    @property
    def needs_person(self) -> bool:
        """Whether anything waits for a person, or is to be told to one at once."""
        waits = any(line.state in WAITING for line in (*self.lines, *self.earlier))
        return waits or any(one.revoked for one in self.rechecked)


def latest_batch(session: Session) -> str:
    """The id of the last batch; empty before the first."""
    newest = (model.Batch.started_at.desc(), func.length(model.Batch.id).desc(), model.Batch.id.desc())   # .10 after .9
    return session.scalar(select(model.Batch.id).order_by(*newest).limit(1)) or ""


def build(archive: Archive, batch: str, today: date | None = None) -> Report:
    """The report of `batch` as the catalogue stands now. Raises KeyError for an unknown batch."""
    with archive.catalogue.session() as session:
        row = session.get(model.Batch, batch)
        if row is None:
            raise KeyError(batch)
        lines = _lines(session, model.Item.batch == batch)
        earlier = _lines(session, (model.Item.batch != batch) & model.Item.state.in_(WAITING))
        counts: dict[str, int] = {}
        for line in lines:
            counts[line.state] = counts.get(line.state, 0) + 1
        return Report(
            agency=f"{archive.settings.agency.name} ({archive.settings.agency.code})", batch=batch, night=row.night,
            started_at=_local(row.started_at), finished_at=_local(row.finished_at), counts=counts, lines=lines,
            earlier=earlier,
            deadlines=due(session, archive.settings, batch, today or clock.in_vietnam(clock.now()).date()),
            promises=promises(session, archive, row, counts), totals=_totals(session),
            again=_again(session, batch), inbox=[
                *(Finding.from_dict(one) for one in row.summary.get("inbox", [])), *_copy_findings(archive)],
            packages=_packages(session, batch), digitised=digitised.build(session, archive, batch=batch),
            rechecked=_rechecked(session, batch), searches=_searches(session, archive, batch),
            forecast=report_keeping.forecast_of(session, batch), left=dict(row.summary.get("left", {})))


def _rechecked(session: Session, batch: str) -> list[RecheckedDocument]:
    """What later looks changed: in this night, and between the last one and the next (on demand, or while idle)."""
    starts = {row.subject: row.seq for row in session.execute(select(model.Event.subject, model.Event.seq).where(
        model.Event.kind == "batch_started"))}
    ends = session.scalars(select(model.Event.seq).where(model.Event.kind == "batch_finished")).all()
    since = max((seq for seq in ends if seq < starts[batch]), default=0)
    until = min((seq for seq in starts.values() if seq > starts[batch]), default=None)
    query = select(model.Event.at, model.Event.data).where(model.Event.kind == "rechecked", model.Event.seq > since)
    found = [event for event in session.execute(query if until is None else query.where(model.Event.seq < until))
             if event.data["batch"] in ("", batch)]
    codes = [event.data["document"] for event in found]
    titles = {row.code: row.subject for start in range(0, len(codes), SOME) for row in session.execute(
        select(model.Document.code, model.Document.subject).where(model.Document.code.in_(codes[start:start + SOME])))}
    told = [RecheckedDocument(
        event.data["document"], titles.get(event.data["document"], ""), event.data["before"], event.data["after"],
        event.data["legal_before"], event.data["legal_after"], event.data["revoked"], _local(event.at))
        for event in found if event.data["revoked"] or event.data["before"] != event.data["after"]]
    return sorted(told, key=lambda one: (not one.revoked, one.document))


def _searches(session: Session, archive: Archive, batch: str) -> list[SearchNews]:
    """What the night brought to kept searches; nothing while these or the index cannot be read: its promise says so."""
    try:
        wanted = [one for one in saved_searches(archive.settings) if one.alert]
        index = open_index(archive.settings) if wanted else None
    except (SavedSearchesError, IndexOutdatedError):
        return []
    if index is None:
        return []
    try:
        return [SearchNews(one.saved.owner, one.saved.name, one.saved.query, one.total)
                for one in of_night(index, session, wanted, batch)]
    finally:
        index.close()


def _again(session: Session, batch: str) -> list[tuple[str, str]]:
    events = session.execute(select(model.Event.data, model.Item.name, model.Item.state).join(
        model.Item, model.Item.id == model.Event.subject).where(model.Event.kind == "received_again"))
    return sorted((row.name, row.state) for row in events if row.data["batch"] == batch)


def _packages(session: Session, batch: str) -> list[ReceivedPackage]:
    found = []
    for row, data in session.execute(select(model.Item, model.Event.data).join(
            model.Event, model.Event.subject == model.Item.id).where(
            model.Item.batch == batch, model.Item.state == "package", model.Event.kind == "package_received")
            .order_by(model.Item.name)):
        found.append(ReceivedPackage(row.id, row.name, data["objid"], data["form"], data["request"], data["case_file"],
                                     dict(sorted(counts(session, row.id).items()))))
    return found


def _lines(session: Session, condition: Any) -> list[Line]:
    rows = list(session.scalars(select(model.Item).where(condition).order_by(model.Item.name)))
    findings: dict[str, list[Finding]] = defaultdict(list)
    for one in session.scalars(select(model.ItemFinding).join(model.Item, model.Item.id == model.ItemFinding.item)
                               .where(condition).order_by(model.ItemFinding.item, model.ItemFinding.n)):
        findings[one.item].append(Finding(one.code, Level[one.level], one.subject, one.params))
    documents = {one.item: one for one in session.scalars(
        select(model.Document).join(model.Item, model.Item.id == model.Document.item).where(condition))}
    lines = []
    for row in rows:
        document = documents.get(row.id)
        subject = document.subject if document else row.fields.get("subject", "")
        lines.append(Line(row.id, row.name, row.state, row.document, subject, document.verdict if document else "",
                          document.legal_value if document else "", _local(row.received_at),
                          sorted(findings[row.id], key=lambda found: -found.level)))
    return lines


def _copy_findings(archive: Archive) -> list[Finding]:
    """What stood in the way of a copy when it was last brought up to date."""
    return [Finding.from_dict(one) for place in places.copies(archive.settings)
            for one in places.known(archive.settings, place).findings]


def _totals(session: Session) -> dict[str, int]:
    return {name: session.scalar(select(func.count()).select_from(table)) or 0 for name, table in (
        ("case_files", model.CaseFile), ("documents", model.Document), ("files", model.File))}


def _local(stamp: str) -> str:
    return clock.in_vietnam(clock.parse(stamp)).isoformat(timespec="seconds") if stamp else ""


def as_dict(report: Report) -> dict[str, Any]:
    """The report as JSON-ready values; the sentences in both languages."""
    return {
        "agency": report.agency, "batch": report.batch, "night": report.night, "started_at": report.started_at,
        "finished_at": report.finished_at, "counts": report.counts, "totals": report.totals,
        "items": [_line_as_dict(line) for line in report.lines],
        "received_again": [{"name": name, "state": state} for name, state in report.again],
        "packages": [asdict(one) for one in report.packages],
        "digitised": [digitised.as_dict(one) for one in report.digitised],
        "rechecked": [asdict(one) for one in report.rechecked],
        "saved_searches": [asdict(one) for one in report.searches],
        "forecast": report.forecast, "left_for_the_next_night": report.left,
        "inbox_findings": [found.as_dict() for found in report.inbox],
        "waiting_since_earlier": [_line_as_dict(line) for line in report.earlier],
        "deadlines": [{"kind": one.kind, "subject": one.subject, "due": one.due.isoformat(), "late": one.late,
                       "last_due": (one.last or one.due).isoformat(), "state": one.state, "count": one.count,
                       "article": one.article, "vi": one.sentence("vi"), "en": one.sentence("en")}
                      for one in report.deadlines],
        "promises": [{"name": one.name, "state": one.state, **one.figures} for one in report.promises]}


def _line_as_dict(line: Line) -> dict[str, Any]:
    return {"item": line.item, "name": line.name, "state": line.state, "document": line.document, "title": line.title,
            "verdict": line.verdict, "legal_value": line.legal_value, "received": line.received,
            "findings": [{**found.as_dict(), "vi": found.sentence("vi"), "en": found.sentence("en"),
                          "article": found.article, "cure_vi": found.cure("vi"), "cure_en": found.cure("en")}
                         for found in line.findings]}
