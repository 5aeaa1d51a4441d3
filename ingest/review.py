"""Review: the pages whose text a person should look at, and what the review page shows of one of them.

Reads the catalogue and the store; the only thing it writes is a correction, through archive/texts.py. The order of the
list is that of the measured text quality (digitise/text_quality.py), worst first.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from heapq import nsmallest
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from archive import layout, model, records, text_layers, texts
from archive.errors import UsageError
from archive.i18n import _
from archive.opening import Archive
from archive.records import Record
from archive.texts import Correction
from ingest.digitise.text_quality import review
from ingest.digitise.thresholds import threshold
from ingest.stages.index import index_documents

__all__ = ["Correction", "PageText", "PageToReview", "Proposal", "correct", "page_picture", "page_picture_of_item",
           "page_text", "pages_to_review", "proposals"]

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class PageToReview:
    """One recognised page: where it is, how good its text is (0 to 1), why, and whether a person saw to it.

    `part`: 0 the original, 1 … the attachments. `stale`: it was read anew since it was corrected.
    """

    document: str
    part: int
    page: int
    score: float
    confidence: float | None
    syllables: float | None
    misread: int
    subject: str
    corrected: bool
    stale: bool = False
    case_file: str = ""
    engine: str = ""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What the head of page 1 says of a field: the value read, how sure that is (0 to 1), the recorded value."""

    tag: str
    value: str
    sureness: float
    recorded: str
    differs: bool


@dataclass(frozen=True, slots=True)
class PageText:
    """A page's text as it was recognised and as it was corrected; `version` is handed back to `correct`.

    `pages`: how many the part has. `facts`: what is known of the page (confidence, syllables, misread, engine …).
    """

    document: str
    part: int
    page: int
    pages: int
    version: int
    recognised: str
    corrected: str | None
    history: list[Correction] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    proposals: list[Proposal] = field(default_factory=list)
    name: str = ""
    subject: str = ""
    stale: bool = False


def pages_to_review(session: Session, archive: Archive, *, worse_than: float | None = None, batch: str = "",
                    fonds: str = "", document: str = "", limit: int = 0,
                    corrected: bool = False) -> list[PageToReview]:
    """The pages whose text quality is below `worse_than` (0 to 1; the system's convention where None), worst first.

    Only those of `batch`, `fonds`, `document` where given; the first `limit` ones (0: all). Pages that a person
    corrected are left out, unless they were read anew since or `corrected` asks for them.
    """
    least = threshold("text", "review_below") if worse_than is None else worse_than
    query = narrowed(below(least), batch=batch, fonds=fonds, document=document)
    if not corrected:
        query = query.where(or_(model.PageText.corrected.is_(False), model.PageText.stale.is_(True)))
    found = []
    for row, subject, case_file in session.execute(query):
        score = score_of(row)
        if score < least or row.stale:
            found.append(PageToReview(row.document, row.part, row.page, score, row.confidence, row.syllables,
                                      row.misread, subject, row.corrected, row.stale, case_file, row.engine))

    def order(one: PageToReview) -> tuple[float, str, int, int]:
        return one.score, one.document, one.part, one.page

    return nsmallest(limit, found, key=order) if limit else sorted(found, key=order)


def score_of(row: model.PageText) -> float:
    """The text quality of a page from its row, by the one formula (text_quality.review)."""
    told = {"kind": "picture", "confidence": row.confidence, "syllables": row.syllables, "misread": row.misread,
            "foreign": row.foreign, "error": row.failed}
    return review(told) or 0.0


def below(least: float) -> Any:
    """The rows whose score can be below `least`: a little more than those whose score is, so that few are computed."""
    page = model.PageText
    plausible = 1 - (1 - least) / threshold("text", "syllable_weight")
    return recognised().where(or_(page.failed.is_(True), page.stale.is_(True), page.misread > 0,
                                  page.confidence < 100 * least, page.syllables < plausible))


def recognised() -> Any:
    """The rows of all recognised pages, each with its document's subject and case file."""
    return select(model.PageText, model.Document.subject, model.Document.case_file).join(
        model.Document, model.Document.code == model.PageText.document)


def narrowed(query: Any, *, batch: str = "", fonds: str = "", document: str = "") -> Any:
    """The same, of one batch, fonds or document where given."""
    if batch:
        query = query.where(model.Document.batch == batch)
    if document:
        query = query.where(model.Document.code == document)
    if fonds:
        query = query.join(model.CaseFile, model.CaseFile.code == model.Document.case_file).where(
            model.CaseFile.fonds == fonds)
    return query


def page_text(archive: Archive, document: str, part: int, page: int) -> PageText:
    """What is known of one page's text. Raises UsageError for a document, part or page that is not there."""
    record = _record(archive, document)
    told = texts.page(archive, record, part, page)
    noted = text_layers.pages(record).get((part, page), {})
    return PageText(document, part, page, told.pages, text_layers.number(record), told.recognised, told.corrected,
                    told.history, noted, proposals(record) if (part, page) == (0, 1) else [], told.name,
                    str(record["fields"].get("subject", "")), bool(noted.get("stale")))


def proposals(record: Record) -> list[Proposal]:
    """What the head of page 1 proposes for the fields of a record, or of a waiting item (its fields and facts)."""
    from ingest.headings import disagreements
    from ingest.proposals import TAGS

    heading = record.get("facts", {}).get("extract", {}).get("heading", {})
    fields = {key: str(value) for key, value in record.get("fields", {}).items()}
    sure = heading.get("sureness", {})
    differing = {one.tag for one in disagreements(heading, fields)} if heading else set()
    return [Proposal(tag, str(heading[tag]), float(sure.get(tag, 0.0)),
                     fields.get(tag + "Text", "") or fields.get(tag, ""), tag in differing)
            for tag in TAGS if heading.get(tag)]


def page_picture(archive: Archive, document: str, part: int, page: int, *, width: int = 1200) -> bytes:
    """The page of the received file as a PNG of `width` pixels, drawn in a process with limits.

    Raises UsageError for a page that is not there, IntegrityError when the stored bytes have changed.
    """
    record = _record(archive, document)
    file = next((file for number, file in text_layers.parts(record) if number == part), None)
    if file is None:
        raise UsageError(_("{code} has no part {part}.").format(code=document, part=part))
    with tempfile.TemporaryDirectory(prefix="luutru-") as room:
        place = Path(room) / Path(file["path"]).name
        archive.store.export(layout.casefile_object(record["case_file"]), file["path"], place)
        turned = int(text_layers.pages(record).get((part, page), {}).get("rotation", 0))
        return _drawn(archive, place, page, width, document, turned)


def page_picture_of_item(archive: Archive, item_id: str, part: int, page: int, *, width: int = 1200) -> bytes:
    """The same of an item that waits (in quarantine, or failed); raises as `page_picture`."""
    with archive.catalogue.session() as session:
        row = session.get(model.Item, item_id)
    received = [one for one in (row.facts.get("parts", ()) if row is not None else ())
                if one["role"] in ("original", "attachment")]
    received.sort(key=lambda one: one["role"] != "original")
    if not 0 <= part < len(received):
        raise UsageError(_("{code} has no part {part}.").format(code=item_id, part=part))
    place = layout.intake_folder(archive.settings) / item_id / received[part]["path"]
    if not place.is_file():
        raise UsageError(_("{code} has no part {part}.").format(code=item_id, part=part))
    return _drawn(archive, place, page, width, item_id)


def correct(archive: Archive, document: str, part: int, page: int, text: str, *, by: str, reason: str,
            version: int) -> None:
    """Keep a person's text of a page beside the recognised one, and index it; the caller owns the archive.

    Raises CorrectionRefusedError (a RefusedError) when the document's text is no longer at `version`, when `by` may
    not correct, or when the text holds what no text may; UsageError for a page that is not there and for no reason.
    """
    texts.correct(archive, document, part, page, text, by=by, reason=reason, version=version)
    try:
        index_documents(archive)
    except Exception:       # the index is a follower: the text is kept, and the next night indexes it
        log.exception("the corrected text was not indexed", document=document)


def _record(archive: Archive, code: str) -> Record:
    with archive.catalogue.session() as session:
        row = session.get(model.Document, code)
    if row is None:
        raise UsageError(_("There is no document {code}.").format(code=code))
    return next(records.read_documents(archive.store, row.case_file, [row.ordinal]))


def _drawn(archive: Archive, place: Path, page: int, width: int, name: str, turned: int = 0) -> bytes:
    from ingest.drawing import NoSuchPageError, draw

    try:
        return draw(place, page, width, archive.settings, turned=turned)
    except NoSuchPageError:
        raise UsageError(_("{code} has no page {page} that can be drawn.").format(code=name, page=page)) from None
