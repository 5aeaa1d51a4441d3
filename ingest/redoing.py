"""Redoing: stored scans are read again by today's engine; of each page the better text is used, both are kept.

The received file is read in the store's own place and never changed. A document that was read by today's engine is not
read again, so that a run can be stopped and said again at any time. What a person corrected stays in use.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive import clock, layout, model, records, revisions, text_layers, texts
from archive.catalogue import SOME
from archive.errors import UsageError
from archive.findings import Finding, finding
from archive.i18n import _
from archive.ledger import ACTOR
from archive.opening import Archive, ownership
from archive.records import Record
from archive.settings import Settings
from archive.store import NewFile
from archive.text_layers import Place
from ingest import review
from ingest.digitise import text_quality
from ingest.digitise.telling import numbers
from ingest.digitise.thresholds import threshold

if TYPE_CHECKING:
    from ingest.digitise.running import Digitised, Progress, Target

Told = Callable[["Outcome"], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A document to be read again: where it is, which of its pages gave the reason, the worst of their scores."""

    code: str
    case_file: str
    ordinal: int
    languages: str
    subject: str
    pages: tuple[Place, ...]
    worst: float


@dataclass(slots=True)
class Outcome:
    """What became of one document; `used`: the pages whose new text is in use, with their scores before and after."""

    wanted: Wanted
    used: dict[Place, tuple[float, float]] = field(default_factory=dict)
    read: int = 0
    kept: bool = False          # whether the store keeps the reading
    access: bool = False        # whether there is a new access copy
    findings: list[Finding] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """A JSON-ready copy."""
        return {"code": self.wanted.code, "case_file": self.wanted.case_file, "languages": self.wanted.languages,
                "read": self.read, "kept": self.kept, "access": self.access,
                "used": [{"part": part, "page": page, "before": before, "after": after}
                         for (part, page), (before, after) in sorted(self.used.items())],
                "findings": [one.as_dict() for one in self.findings]}


# --- which ------------------------------------------------------------------------------------------------------


def languages_of(settings: Settings, fonds: str) -> str:
    """The engine's languages for a fonds: its own (ocr.languages_of), else those of all (ocr.languages)."""
    return settings.ocr.for_fonds(fonds).languages


def engine_of(settings: Settings, languages: str) -> dict[str, str] | None:
    """What today's engine notes of itself with these languages; None where the language data are not installed."""
    from ingest.digitise.engine import engine_facts, find_tessdata, reader

    ocr = settings.ocr.model_copy(update={"languages": languages})
    tessdata = find_tessdata(ocr)
    return None if tessdata is None else engine_facts(reader(tessdata, languages).version, tessdata, ocr)


def wanted(session: Session, settings: Settings, *, worse_than: float | None = None, batch: str = "", fonds: str = "",
           documents: Sequence[str] = (), engine_older: bool = False, limit: int = 0) -> list[Wanted]:
    """The documents to be read again, worst first: those with pages that today's engine has not read.

    Of these pages the ones whose text quality is below `worse_than` (0 to 1; the review list's limit where None); with
    `engine_older` all of them, unless `worse_than` is given too. Raises UsageError for a document that is not there.
    """
    for code in documents:
        if session.get(model.Document, code) is None:
            raise UsageError(_("There is no document {code}.").format(code=code))
    least = threshold("text", "review_below") if worse_than is None else worse_than
    everything = engine_older and worse_than is None
    page = model.PageText
    query = review.narrowed(review.recognised() if everything else review.below(least), batch=batch, fonds=fonds)
    if documents:
        query = query.where(page.document.in_(list(documents)))
    found: dict[str, Wanted] = {}
    rows = list(session.execute(query.order_by(page.document, page.part, page.page)))
    homes = _fonds_of(session, sorted({case_file for _row, _subject, case_file in rows}))
    today: dict[str, str] = {}
    for row, subject, case_file in rows:
        languages = languages_of(settings, homes[case_file])
        if languages not in today:
            today[languages] = text_layers.engine_key(engine_of(settings, languages) or {})
        score = review.score_of(row)
        if (row.engine == today[languages] and today[languages]) or not (everything or score < least) or (
                row.corrected and not everything):
            continue
        known = found.get(row.document)
        found[row.document] = Wanted(
            row.document, case_file, int(row.document.rpartition(".")[2]), languages, subject,
            (*(known.pages if known else ()), (row.part, row.page)), min(score, known.worst if known else 1.0))
    chosen = sorted(found.values(), key=lambda one: (one.worst, one.code))
    return chosen[:limit] if limit else chosen


def _fonds_of(session: Session, case_files: Sequence[str]) -> dict[str, str]:
    """The fonds of these case files."""
    table = model.CaseFile
    return {row.code: row.fonds for start in range(0, len(case_files), SOME) for row in session.execute(
        select(table.code, table.fonds).where(table.code.in_(case_files[start:start + SOME])))}


# --- reading again ----------------------------------------------------------------------------------------------


def redo(archive: Archive, chosen: Sequence[Wanted], tell: Told, progress: Progress = lambda *_: None, *,
         by: str = ACTOR) -> None:
    """Read the documents again and keep what comes of it; `tell` hears of each when the store has it.

    The archive is owned only while a document is written, so that a night can begin meanwhile; then ArchiveBusyError
    ends this run, and the next goes on. Raises OSError for a full disk.
    """
    aside = archive.store.staging / "redo"
    done = [0]
    for languages in sorted({one.languages for one in chosen}):
        group = [one for one in chosen if one.languages == languages]
        engine = engine_of(archive.settings, languages)
        if engine is None:
            for one in group:
                tell(Outcome(one, findings=[finding("DIGITISE-018", one.code, languages=languages)]))
            continue
        shutil.rmtree(aside, ignore_errors=True)            # of a run that was killed
        try:
            for outcome in _redo(archive, group, engine, aside, by, progress, done):
                tell(outcome)
        finally:
            shutil.rmtree(aside, ignore_errors=True)


def _redo(archive: Archive, group: Sequence[Wanted], engine: Mapping[str, str], aside: Path, by: str,
          progress: Progress, done: list[int]) -> Iterator[Outcome]:
    from ingest.digitise.running import Target, run

    ocr = archive.settings.ocr.model_copy(update={"languages": engine["languages"]})
    owner: dict[str, tuple[Wanted, int]] = {}
    targets: list[Target] = []
    waiting: dict[str, set[int]] = {}
    for n, one in enumerate(group):
        record, held = _record(archive, one), archive.store.files(layout.casefile_object(one.case_file))
        files = dict(text_layers.parts(record))
        scans = [part for part, _noted in text_layers.scanned(record) if part in files]
        waiting[one.code] = set(scans)
        for part in scans:
            target = Target(held[files[part]["path"]].place, aside, f"{n}-{part}")
            owner[target.name] = one, part
            targets.append(target)
    if not targets:
        return
    made: dict[str, dict[int, Digitised]] = {one.code: {} for one in group}

    def tick(_files: int, read: int, expected: int) -> None:
        progress(done[0], read, expected)

    for target, result in run(targets, archive.settings.model_copy(update={"ocr": ocr}), tick):
        one, part = owner[target.name]
        made[one.code][part] = result
        waiting[one.code].discard(part)
        if not waiting[one.code]:
            outcome = _keep(archive, one, made.pop(one.code), by, aside)
            done[0] += 1
            for place in aside.glob(f"{target.name.partition('-')[0]}-*"):
                place.unlink()
            yield outcome


def _keep(archive: Archive, one: Wanted, made: Mapping[int, Digitised], by: str, aside: Path) -> Outcome:
    """Compare the readings page by page and store what is to be kept. Owns the archive for the while."""
    from ingest.redo_copies import new_copies

    outcome = Outcome(one)
    with ownership(archive):
        revisions.catch_up(archive, one.case_file)
        record = _record(archive, one)
        files, at = dict(text_layers.parts(record)), clock.now()
        for part, result in sorted(made.items()):
            if why := _fault(result, files[part]):
                outcome.findings.append(finding("DIGITISE-077", one.code, name=files[part]["name"], reason=why))
                return outcome
        known, before = text_layers.pages(record), texts.machine(archive.store, record)
        pages = [page for part, result in sorted(made.items()) for page in _compared(part, result, known, before)]
        outcome.read = len(pages)
        if mark := _secrecy(pages, one.code):
            outcome.findings.append(mark)
            for page in pages:
                page |= {"used": False, "text": ""}
        outcome.used = {(page["part"], page["page"]): (page["before"] or 0.0, page["score"])
                        for page in pages if page["used"]}
        engine = next(iter(made.values())).facts["engine"]
        changed = {(page["part"], page["page"]) for page in pages
                   if page["used"] and page["text"] != before[page["part"]][page["page"] - 1]}
        changes: dict[str, Any] = {}
        copies: dict[str, NewFile] = {}
        if changed and texts.is_open(archive, one.case_file):
            changes, copies, said = new_copies(archive, record, made, changed, aside, at)
            outcome.access = bool(copies)
            outcome.findings += said
        elif changed:
            outcome.findings.append(finding("DIGITISE-075", one.code, case_file=one.case_file))
        outcome.findings += _told(one.code, outcome, record)
        texts.add_reading(archive, record, texts.Reading(engine, pages), by=by, at=at, changes=changes, files=copies)
        outcome.kept = True
    return outcome


def _fault(result: Digitised, file: Mapping[str, Any]) -> str:
    """Why a part was not read again; "" where it was."""
    if result.sha256 != file["sha256"]:
        return _("the stored bytes have changed; run: luutru fixity check")
    if result.outcome != "read" or "engine" not in result.facts:
        return ", ".join(one.code for one in result.findings) or result.outcome
    return ""


def _compared(part: int, result: Digitised, known: Mapping[Place, Mapping[str, Any]],
              before: text_layers.Pages) -> Iterator[dict[str, Any]]:
    """Every page that was read again beside the one in use: better only where its measured quality is."""
    from search.encodings import from_pictures

    place = Path(result.made["text"]) if "text" in result.made else None
    read = from_pictures(place.read_text(encoding="utf-8")).text.split("\f") if place is not None else []
    for page in result.facts["pages"]:
        at = part, int(page["page"])
        if page["kind"] != "picture" or at not in known or at[1] > len(before.get(part, ())):
            continue
        text = read[at[1] - 1] if at[1] <= len(read) else ""
        old, new = text_quality.review(dict(known[at])), text_quality.review(page)
        yield {"part": part, "page": at[1], "text": text, "facts": dict(page), "score": new, "before": old,
               "used": bool(text.strip()) and new is not None and new > (-1.0 if old is None else old)}


def _secrecy(pages: Sequence[Mapping[str, Any]], code: str) -> Finding | None:
    """What newly read text shows of a mark of state secrecy: then nothing of it is kept, and a person must look."""
    from ingest.secrecy import secrecy_findings

    found = [one for one in secrecy_findings({}, "\f".join(page["text"] for page in pages), code)
             if one.level.name == "refused"]
    shown = pages[int(found[0].params.get("page", "1")) - 1]["page"] if found else 0
    return finding("DIGITISE-078", code, page=shown) if found else None


def _told(code: str, outcome: Outcome, record: Record) -> list[Finding]:
    if not outcome.used:
        return [finding("DIGITISE-073", code, pages=outcome.read)]
    before, after = min(outcome.used.values())
    said = [finding("DIGITISE-072", code, pages=numbers(page for part, page in outcome.used if not part) or "—",
                    count=len(outcome.used), before=f"{before:.2f}", after=f"{after:.2f}")]
    corrected = [place for place, told in text_layers.pages(record).items()
                 if told["corrected"] and place in outcome.used]
    if corrected:
        said.append(finding("DIGITISE-076", code, pages=numbers(page for _part, page in corrected)))
    return said


def _record(archive: Archive, one: Wanted) -> Record:
    return next(records.read_documents(archive.store, one.case_file, [one.ordinal]))


def index(archive: Archive) -> int:
    """Make the texts that are in use now searchable; how many documents were indexed."""
    from ingest.stages.index import index_documents

    with ownership(archive):
        return index_documents(archive)
