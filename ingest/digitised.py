"""What was digitised: per batch and fonds the documents, their errors, the rate, what is unsigned or without a backup.

Computed from the catalogue and from what is noted of the copies; changes nothing and reads no stored file.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from archive import i18n, model
from archive.catalogue import SOME
from archive.codes import parse_scan_name
from archive.fixity import places
from archive.i18n import _
from archive.opening import Archive
from archive.scan_jobs import Job
from ingest.digitise.defects import Defects, Row, band_of, bands, codes, defects, kinds

SIGNED = ("signed_copy", "signed_original")
WAITING = ("quarantine", "failed")
NO_COPY = "DIGITISE-013"        # a scan of which no access copy could be made


@dataclass(frozen=True, slots=True)
class Digitised:
    """What one batch brought into one fonds. `fonds` is empty for scans that wait in quarantine.

    `unsigned`: documents without a signature that gives them legal value; `without_backup`: documents that not every
    copy holds; None: not checked, for no copy is configured.
    """

    batch: str
    fonds: str
    defects: Defects
    waiting: int
    unsigned: int
    without_backup: int | None


@dataclass(frozen=True, slots=True)
class _Scan:
    key: str                    # the item
    batch: str
    fonds: str
    pages: int
    signed: bool
    stored: bool
    held: bool | None           # by every copy


def build(session: Session, archive: Archive, *, batch: str = "", fonds: str = "", job: Job | None = None,
          ) -> list[Digitised]:
    """The figures of every batch and fonds with scans, newest batch first; only of `batch`, `fonds`, `job` when given.

    The scans of a job are those of its case files that came since its first day.
    """
    scans = [*_stored(session, archive, batch, fonds, job), *([] if fonds else _waiting(session, batch, job))]
    rows, copied = _rows(session, [scan.key for scan in scans]), bool(places.copies(archive.settings))
    groups: dict[tuple[str, str], list[_Scan]] = defaultdict(list)
    for scan in scans:
        groups[scan.batch, scan.fonds].append(scan)
    return [_told(*key, found, rows, copied) for key, found in
            sorted(sorted(groups.items(), key=lambda one: one[0][1]), key=lambda one: one[0][0], reverse=True)]


def total(parts: Collection[Digitised]) -> Digitised:
    """The sum over batches and fonds."""
    counted = {name: sum(one.defects.kinds.get(name, 0) for one in parts) for name in kinds()}
    summed = Defects(sum(one.defects.documents for one in parts), sum(one.defects.pages for one in parts),
                     {name: count for name, count in counted.items() if count},
                     sum(one.defects.faulty for one in parts), sum(one.defects.faulty_pages for one in parts))
    backups = [one.without_backup for one in parts if one.without_backup is not None]
    return Digitised("", "", summed, sum(one.waiting for one in parts), sum(one.unsigned for one in parts),
                     sum(backups) if backups else None)


def rate_sentence(found: Defects) -> str:
    """The rate of faulty documents beside the bands of NĐ 31/2026/NĐ-CP Điều 12, and whose reading that is."""
    if found.rate is None:
        return _("Nothing was digitised.")
    if not found.faulty:
        return _("No document has an error that Điều 12 of NĐ 31/2026/NĐ-CP names (by the system's reading).")
    rate, band = i18n.figure(f"{found.rate:.2f}"), band_of(found.rate)
    if band is None:
        return _("{faulty} of {documents} documents ({rate} %) have an error that NĐ 31/2026/NĐ-CP names: from {last} "
                 "% on the text has no band; ask the legal department (Điều 12; the system's reading).").format(
            faulty=found.faulty, documents=found.documents, rate=rate, last=i18n.figure(f"{bands()[-1].below:g}"))
    return _("{faulty} of {documents} documents ({rate} %) have an error that NĐ 31/2026/NĐ-CP names: the band from "
             "{least} % to under {below} % ({article}; the system's reading).").format(
        faulty=found.faulty, documents=found.documents, rate=rate, least=i18n.figure(f"{band.least:g}"),
        below=i18n.figure(f"{band.below:g}"), article=band.article)


def backup_sentence(one: Digitised) -> str:
    """How many documents not every copy holds, or that it was not checked."""
    if one.without_backup is None:
        return _("Backup not checked: no copy is configured (copies.places; NĐ 31/2026/NĐ-CP Điều 12.7).")
    if not one.without_backup:
        return _("Every copy holds all of them.")
    return _("{n} documents are not held by every copy (NĐ 31/2026/NĐ-CP Điều 12.7).").format(n=one.without_backup)


def sentences(parts: Collection[Digitised]) -> list[str]:
    """The batch's figures in words: how much, the rate, the other errors, what is unsigned or without backup."""
    whole = total(parts)
    told = [_("{documents} documents, {pages} pages; {waiting} wait in quarantine").format(
        documents=whole.defects.documents, pages=whole.defects.pages, waiting=whole.waiting),
        rate_sentence(whole.defects)]
    if whole.defects.kinds:
        vietnamese = i18n.language() == "vi"
        told.append(_("Errors of scanning and cataloguing: {kinds}").format(kinds="; ".join(
            f"{kinds()[name].vi if vietnamese else kinds()[name].en}: {count}"
            for name, count in whole.defects.kinds.items())))
    if whole.unsigned:
        told.append(unsigned_sentence(whole))
    return [*told, backup_sentence(whole)]


def unsigned_sentence(one: Digitised) -> str:
    """How many of the stored scans bear no signature that gives them legal value."""
    return _("{n} stored scans are unsigned (NĐ 31/2026/NĐ-CP Điều 12.3.c).").format(n=one.unsigned)


def as_dict(one: Digitised) -> dict[str, Any]:
    """The figures for machines."""
    found, rate = one.defects, one.defects.rate
    band = band_of(rate) if rate and found.faulty else None
    return {"batch": one.batch, "fonds": one.fonds, "documents": found.documents, "pages": found.pages,
            "waiting": one.waiting, "faulty": found.faulty, "faulty_pages": found.faulty_pages,
            "rate": None if rate is None else round(rate, 4),
            "page_rate": None if found.page_rate is None else round(found.page_rate, 4),
            "band": {"from": band.least, "to": band.below, "article": band.article} if band else None,
            "kinds": [{"kind": name, "documents": count, "of": kinds()[name].of, "counted": kinds()[name].counted,
                       "article": kinds()[name].article, "vi": kinds()[name].vi, "en": kinds()[name].en}
                      for name, count in found.kinds.items()],
            "unsigned": one.unsigned, "without_backup": one.without_backup}


# --- from the catalogue -------------------------------------------------------------------------------------


def _stored(session: Session, archive: Archive, batch: str, fonds: str, job: Job | None) -> list[_Scan]:
    query = select(
        model.Document.item, model.Document.batch, model.CaseFile.fonds, model.Document.pages,
        model.Document.legal_value, model.Document.version, model.CaseFile.object_id).join(
        model.CaseFile, model.CaseFile.code == model.Document.case_file).where(is_scan())
    if batch:
        query = query.where(model.Document.batch == batch)
    if fonds:
        query = query.where(model.CaseFile.fonds == fonds)
    if job is not None:
        query = query.where(of_job(job))
    copies = copies_holding(archive)

    def held(object_id: str, version: int) -> bool | None:
        holding, of = copies(object_id, version)
        return holding == of if of else None

    return [_Scan(row.item, row.batch, row.fonds, row.pages, row.legal_value in SIGNED, True,
                  held(row.object_id, row.version)) for row in session.execute(query)]


def is_scan() -> ColumnElement[bool]:
    """What tells the rows of scanned documents from others."""
    return or_(model.Document.legal_value == "signed_copy",
               model.Document.code.in_(select(model.File.document).where(model.File.role == "access")),
               model.Document.item.in_(select(model.ItemFinding.item).where(model.ItemFinding.code == NO_COPY)))


def of_job(job: Job) -> ColumnElement[bool]:
    """What tells the documents of a scan job: those of its case files that came since its first day."""
    return and_(model.Document.received_at >= job.since, model.Document.case_file.in_(
        select(model.ScanJobFile.code).where(model.ScanJobFile.job == job.id, model.ScanJobFile.handed_over > 0)))


def copies_holding(archive: Archive) -> Callable[[str, int], tuple[int, int]]:
    """For an object and a version: how many of the configured copies are known to hold it, and how many there are."""
    settings = archive.settings
    copies: list[dict[str, places.Held]] = [places.known(settings, place).objects for place in places.copies(settings)]
    folders: dict[str, str] = {}

    def holding(object_id: str, version: int) -> tuple[int, int]:
        if object_id not in folders:
            folders[object_id] = archive.store.folder(object_id).relative_to(archive.store.root).as_posix()
        return sum(copy.get(folders[object_id], (0, ""))[0] >= version for copy in copies), len(copies)

    return holding


def waiting_of_job(session: Session, job: Job) -> list[model.Item]:
    """The scans that came since the job's first day and wait for a person, whose case file is one of the job's."""
    codes = {one["code"] for one in job.in_work}
    return [row for row in session.scalars(select(model.Item).where(
        model.Item.state.in_(WAITING), model.Item.received_at >= job.since).order_by(model.Item.name))
        if row.facts.get("digitise", {}).get("scan") and _case_file(row) in codes]


def _case_file(row: model.Item) -> str:
    """The case file that a waiting item says it belongs to: by its fields, else by its name."""
    code = row.fields.get("fileCode") or row.fields.get("arcFileCode")
    if code:
        return str(code)
    named = parse_scan_name(row.name.rsplit("/", 1)[-1])
    return str(named.file) if named is not None else ""


def _waiting(session: Session, batch: str, job: Job | None) -> list[_Scan]:
    """Scans that were received but are not stored: their facts still say what they are."""
    query = select(model.Item).where(model.Item.state.in_(WAITING))
    if batch:
        query = query.where(model.Item.batch == batch)
    found = []
    for row in session.scalars(query) if job is None else waiting_of_job(session, job):
        facts = row.facts.get("digitise", {})
        if facts.get("scan") and batch in ("", row.batch):
            found.append(_Scan(row.id, row.batch, "", len(facts.get("pages", ())), True, False, None))
    return found


def _rows(session: Session, items: list[str]) -> list[Row]:
    wanted = list(codes())
    return [Row(row.item, row.code, str(row.params.get("pages", ""))) for start in range(0, len(items), SOME)
            for row in session.execute(select(model.ItemFinding.item, model.ItemFinding.code, model.ItemFinding.params)
                                       .where(model.ItemFinding.item.in_(items[start:start + SOME]),
                                              model.ItemFinding.code.in_(wanted)))]


def _told(batch: str, fonds: str, scans: list[_Scan], rows: Iterable[Row], copied: bool) -> Digitised:
    stored = [scan for scan in scans if scan.stored]
    return Digitised(batch, fonds, defects(rows, {scan.key: scan.pages for scan in scans}), len(scans) - len(stored),
                     sum(not scan.signed for scan in stored),
                     sum(not scan.held for scan in stored) if copied else None)
