"""Scan jobs (đợt số hóa): what the store says of one, how an act is written, and how the catalogue learns it.

A job is one OCFL object; every act is one version of it: the plan, the case files listed, hand-overs, rounds of
quality control, acceptance, returns (TT 05/2025/TT-BNV Đ5–9). How acts are kept: archive/procedures.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from archive import clock, layout, procedures
from archive.catalogue import record as record_events
from archive.errors import UsageError
from archive.files import json_bytes
from archive.i18n import _
from archive.ledger import Entry
from archive.model import ScanJob, ScanJobError, ScanJobFile
from archive.opening import Archive
from archive.procedures import WRITING, Entries
from archive.store import NewFile, Store, StoredFile

JOB, FILES, PAPERS = "job.json", "files.json", "papers"
# What is done with a job → the kind of its event.
KINDS = {"planned": "scan_job_planned", "changed": "scan_job_changed", "listed": "scan_job_listed",
         "handed_over": "scan_job_handed_over", "qc_begun": "scan_job_qc_begun", "qc_taken_in": "scan_job_qc_taken_in",
         "accepted": "scan_job_accepted", "returned": "scan_job_returned", "cancelled": "scan_job_cancelled"}
MOST_FINDINGS = 100         # of them the ledger's line keeps; the job's record keeps all
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,38}[A-Za-z0-9]")
_ROUND = re.compile(r"qc/(\d{3})\.json")
_OF_A_FILE = ("n", "code", "box", "title", "documents", "sheets", "pages", "condition", "treatment", "note",
              "handed_over", "returned", "returned_sheets", "returned_note")


@dataclass(frozen=True, slots=True)
class Job(procedures.Kept):
    """A scan job as one version of its object tells it: plan and acts, case files, rounds of quality control.

    `state`: planned, working, checking, accepted, returned or cancelled.
    """

    files: Sequence[Entries] = ()
    rounds: Sequence[Entries] = ()

    @property
    def id(self) -> str:
        """Its id, such as SH.2026.01."""
        return str(self.record["id"])

    @property
    def in_work(self) -> list[Entries]:
        """The case files that were handed over."""
        return [one for one in self.files if one["handed_over"]]

    @property
    def since(self) -> str:
        """The raw time (UTC) from which scans of its case files are the job's: its first day in Vietnam."""
        day = datetime.fromisoformat(self.record["started_on"]).replace(tzinfo=clock.VIETNAM)
        return clock.stamp(day)


def check_id(job: str) -> str:
    """The id as it was given. Raises UsageError for one that no object can have."""
    if not _ID.fullmatch(job):
        raise UsageError(_("“{id}” cannot name a scan job: letters without marks, digits, dots, hyphens, such as "
                           "SH.2026.01").format(id=job))
    return job


def next_id(session: Session, year: int) -> str:
    """The next free id of a year by the system's convention: SH.<year>.<ordinal>."""
    numbers = [int(one.rsplit(".", 1)[1]) for one in session.scalars(
        select(ScanJob.id).where(ScanJob.id.like(f"SH.{year}.%"))) if one.rsplit(".", 1)[1].isdecimal()]
    return f"SH.{year}.{max(numbers, default=0) + 1:02d}"


def read(store: Store, job: str, version: int | None = None) -> Job:
    """The job as its newest version, or `version`, tells it. Raises KeyError when the store does not hold it."""
    object_id = layout.scanjob_object(job)
    held = store.files(object_id, version)

    def told(path: str) -> Any:
        return json.loads(store.content(object_id, held[path]))

    rounds = sorted(path for path in held if _ROUND.fullmatch(path))
    return Job(told(JOB), told(FILES)["files"] if FILES in held else (), [told(path) for path in rounds])


def open_job(archive: Archive, job: str) -> Job:
    """The job, for a person who named it. Raises UsageError when there is none of that id."""
    try:
        return read(archive.store, job)
    except KeyError:
        raise UsageError(_("There is no scan job {id}.").format(id=job)) from None


def paper_path(version: int, name: str) -> str:
    """Where the paper that an act brought lies in the job's object."""
    return f"{PAPERS}/{version:04d}-{name}.pdf"


def papers(store: Store, job: str) -> dict[str, StoredFile]:
    """Every paper of a job by its logical path, in the order in which they were made."""
    held = store.files(layout.scanjob_object(job))
    return {path: held[path] for path in sorted(held) if path.startswith(f"{PAPERS}/")}


def write(archive: Archive, job: Job, act: str, particulars: Entries, *, by: str, at: datetime,
          received: Mapping[str, bytes] | None = None) -> Job:
    """Write an act as one version: papers and records into the store, then the ledger, then the catalogue.

    `job` is the job as the act leaves it, but for the act itself; `received` are files as they came, by their names.
    The caller owns the archive. Returns the job with the act. Raises NoRoomError: then nothing has happened; and what
    setting papers raises (archive/forms/typesetting.py), before anything is written.
    """
    from archive import scan_papers  # loads the typesetter's side only when something is written

    told = procedures.told(archive, _PROCEDURE, job.id, act, particulars, by=by, at=at)
    version = told["version"]
    new = replace(job, record={**job.record, "acts": [*job.acts, told]})
    files = {JOB: NewFile(json_bytes(new.record)),
             FILES: NewFile(json_bytes({"schema": "luutru/scanjob-files/1", "job": job.id, "files": list(new.files)}))}
    files |= {f"qc/{one['round']:03d}.json": NewFile(json_bytes(one)) for one in new.rounds}
    files |= {f"received/{version:04d}-{name}": NewFile(data) for name, data in (received or {}).items()}
    files |= {paper_path(version, name): NewFile(data) for name, data in scan_papers.of_act(new, told).items()}
    procedures.put(archive, _PROCEDURE, job.id, act, files, at=at, blank=_BLANK)
    _tell(archive, job.id)
    return new


def finish(archive: Archive) -> list[str]:
    """Tell ledger and catalogue of acts that a kill interrupted; the ids of their jobs. The caller owns the archive."""
    return procedures.finish(archive, _PROCEDURE)


def admit(archive: Archive, session: Session, object_id: str) -> None:
    """Make the rows of a job anew from the store, and write those of its events that the ledger lacks."""
    job = read(archive.store, object_id.removeprefix(layout.scanjob_object("")))
    record_events(session, archive.ledger, [_entry(archive.store, job, act) for act in job.acts])
    for table in (ScanJobError, ScanJobFile):
        session.execute(delete(table).where(table.job == job.id))
    session.merge(ScanJob(id=job.id, title=job.record["title"], fonds=job.record["fonds"], state=job.state,
                          profile=job.record["profile"], started_on=job.record["started_on"],
                          version=job.acts[-1]["version"], record=dict(job.record)))
    session.flush()
    rows = [{"job": job.id, **{key: one[key] for key in _OF_A_FILE}} for one in job.files]
    errors = [{"job": job.id, "round": told["round"], "n": one["n"], "document": one["document"],
               "error_class": one["class"], **{key: one[key] for key in ("pages", "text", "state", "note")}}
              for told in job.rounds for one in told["errors"]]
    for made, values in ((ScanJobFile, rows), (ScanJobError, errors)):
        if values:
            session.execute(made.__table__.insert(), values)  # type: ignore[attr-defined]


# --- what others ask ---------------------------------------------------------------------------------------


def jobs_of(session: Session, code: str) -> list[str]:
    """The ids of the scan jobs that list a case file, oldest id first."""
    return sorted(set(session.scalars(select(ScanJobFile.job).where(ScanJobFile.code == code))))


def not_in(state: str, *allowed: str) -> None:
    """Raises RefusedError unless the job's state is one of `allowed`."""
    procedures.not_in(state, allowed, state_name,
                      _("The scan job is “{state}”; this can be done while it is: {allowed}."))


def state_name(state: str) -> str:
    """A state of a scan job in words."""
    return {"planned": _("planned"), "working": _("being scanned"), "checking": _("quality control"),
            "accepted": _("accepted, originals to be returned"), "returned": _("done, originals returned"),
            "cancelled": _("cancelled"), WRITING: _("is being written")}.get(state, state)


# --- steps -------------------------------------------------------------------------------------------------


def _tell(archive: Archive, job: str) -> None:
    procedures.tell(archive, _PROCEDURE, job)


def _entry(store: Store, job: Job, act: Entries) -> Entry:
    """The event of an act: its particulars, and the SHA-256 of the papers that it brought."""
    object_id, version = layout.scanjob_object(job.id), act["version"]
    held = store.files(object_id, version)
    made = {path: held[path].sha256 for path in sorted(held) if path.startswith(f"{PAPERS}/{version:04d}-")}
    data = {**procedures.particulars(act), "object": object_id, "papers": made}
    if "findings" in data:
        data |= {"found": len(data["findings"]), "findings": data["findings"][:MOST_FINDINGS]}
    return procedures.entry(KINDS, job.id, act, data)


_PROCEDURE = procedures.Procedure(ScanJob, "id", layout.scanjob_object, admit, "scan job")
_BLANK = {"title": "", "fonds": "", "profile": "", "started_on": ""}
