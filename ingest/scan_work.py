"""What people do with a scan job, one function an act: the checks, then the act, then store, ledger and catalogue.

Every function tells its findings and does nothing when they refuse, or with `dry_run`. The caller owns the archive
where something is written. The law behind the checks stands in ingest/scan_gates.py.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from archive import layout, scan_acts, scan_jobs
from archive.errors import UsageError
from archive.findings import Finding
from archive.i18n import _
from archive.model import Fonds
from archive.opening import Archive
from archive.scan_jobs import Job
from ingest import digitised, scan_gates, scan_lists, scan_quality
from ingest.digitise import defects

Entries = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Done:
    """What came of an act: the job as it is now, the findings, whether anything was written, and its particulars."""

    job: Job
    findings: tuple[Finding, ...] = ()
    written: bool = False
    told: Entries | None = None

    @property
    def refused(self) -> bool:
        """Whether the findings refused it."""
        return scan_lists.refused(self.findings)


def plan(archive: Archive, job: str, told: Entries, *, by: str, at: datetime, changing: bool = False,
         dry_run: bool = False) -> Done:
    """Plan a job, or change the plan of one. Raises UsageError for an id or a fonds that cannot be."""
    with archive.catalogue.session() as session:
        if session.get(Fonds, told["fonds"]) is None:
            raise UsageError(_("There is no fonds {fonds}.").format(fonds=told["fonds"]))
        name = job or scan_jobs.next_id(session, int(told["started_on"][:4]))
    held = archive.store.has(layout.scanjob_object(scan_jobs.check_id(name)))
    if held and not changing:
        raise UsageError(_("There is a scan job {id} already; --change changes its plan.").format(id=name))
    new = (scan_acts.change(scan_jobs.open_job(archive, name), told) if changing else
           scan_acts.plan(name, told, archive.settings.agency.name))
    return _write(archive, new, "changed" if changing else "planned", {}, (), by, at, dry_run)


def cancel(archive: Archive, job: str, *, reason: str, by: str, at: datetime, dry_run: bool = False) -> Done:
    """Give a job up that nothing was handed over for."""
    return _write(archive, scan_acts.cancel(scan_jobs.open_job(archive, job)), "cancelled", {"reason": reason}, (), by,
                  at, dry_run)


def take_list(archive: Archive, job: str, path: Path, *, by: str, at: datetime, dry_run: bool = False) -> Done:
    """List the case files of `path`; the file is kept as it came unless a row of it bears a secrecy mark."""
    held = scan_jobs.open_job(archive, job)
    listed = scan_lists.read_files(path)
    with archive.catalogue.session() as session:
        findings = [*listed.findings, *scan_gates.about_list(session, held, listed.rows)]
    if scan_lists.refused(findings) or not listed.rows:
        return Done(held, tuple(findings))
    new, told = scan_acts.list_files(held, listed.rows)
    return _write(archive, new, "listed", {**told, "name": path.name}, findings, by, at, dry_run,
                  {f"list{path.suffix.lower()}": path.read_bytes()})


def hand_over(archive: Archive, job: str, giver: Entries, receiver: Entries, *, boxes: Collection[str],
              codes: Collection[str], leave_untreated: bool, by: str, at: datetime, dry_run: bool = False) -> Done:
    """Hand case files over for scanning; with `leave_untreated` those that were not treated stay behind."""
    held = scan_jobs.open_job(archive, job)
    chosen = scan_acts.to_hand_over(held, boxes, codes)
    behind = {one["n"] for one in scan_gates.untreated(chosen)} if leave_untreated else set[int]()
    chosen = [one for one in chosen if one["n"] not in behind]
    new, told = scan_acts.hand_over(held, chosen, _next(archive, job), giver, receiver)
    done = _write(archive, new, "handed_over", told, scan_gates.before_hand_over(held, chosen), by, at, dry_run)
    return replace(done, told={**told, "behind": len(behind)})


def begin_round(archive: Archive, job: str, percent: int, *, by: str, at: datetime, dry_run: bool = False) -> Done:
    """Begin a round of quality control over so many per cent of the job's scans, worst first."""
    held = scan_jobs.open_job(archive, job)
    with archive.catalogue.session() as session:
        found = scan_quality.scans(session, archive, held)
    judged = scan_quality.with_scores(archive, found)
    chosen = judged if percent == 100 or not judged else scan_quality.sample(
        judged, percent, f"{job}\x1f{len(held.rounds) + 1}")
    new, told = scan_acts.begin_round(held, [scan_quality.as_entry(one) for one in chosen], len(found), percent)
    return _write(archive, new, "qc_begun", told, (), by, at, dry_run)


def take_round(archive: Archive, job: str, path: Path, *, checker: str = "", by: str, at: datetime,
               dry_run: bool = False) -> Done:
    """Take the filled-in list of the last round in; nothing of it when a row cannot be understood.

    `checker` is who checked, as it stands on the papers.
    """
    held = scan_jobs.open_job(archive, job)
    scan_jobs.not_in(held.state, "checking")
    verdicts, errors, findings = scan_lists.read_checked(path, held.rounds[-1])
    if scan_lists.refused(findings):
        return Done(held, tuple(findings))
    new, told = scan_acts.take_in(held, verdicts, errors)
    with archive.catalogue.session() as session:
        kinds = _kinds(digitised.total(digitised.build(session, archive, job=held)).defects)
    told |= {"name": path.name, "checker": checker, "kinds": kinds}
    return _write(archive, new, "qc_taken_in", told, findings, by, at, dry_run,
                  {f"qc{path.suffix.lower()}": path.read_bytes()})


def accept(archive: Archive, job: str, giver: Entries, receiver: Entries, *, remark: str, by: str, at: datetime,
           dry_run: bool = False) -> Done:
    """Accept the scans, with the rate of faulty ones; `remark` explains counts that differ."""
    held = scan_jobs.open_job(archive, job)
    scan_jobs.not_in(held.state, "working", "checking")
    with archive.catalogue.session() as session:
        found = scan_quality.scans(session, archive, held)
        waiting = digitised.waiting_of_job(session, held)
        figures = _figures(session, archive, held, found)
    findings = scan_gates.before_acceptance(held, found, waiting, explained=bool(remark))
    if scan_lists.refused(findings):
        return Done(held, tuple(findings), told=figures)
    new, told = scan_acts.accept(held, {**figures, "findings": [one.as_dict() for one in findings]}, giver, receiver,
                                 remark)
    return _write(archive, new, "accepted", told, findings, by, at, dry_run)


def give_back(archive: Archive, job: str, giver: Entries, receiver: Entries, *, counts: Path | None,
              boxes: Collection[str], codes: Collection[str], by: str, at: datetime, dry_run: bool = False) -> Done:
    """Return originals as the list `counts` tells; without one, every sheet that was handed over was counted again."""
    held = scan_jobs.open_job(archive, job)
    chosen = scan_acts.to_return(held, boxes, codes)
    told: dict[str, tuple[int, str]] = {one["code"]: (one["sheets"], "") for one in chosen}
    findings: list[Finding] = []
    if counts is not None:
        told, findings = scan_lists.read_returned(counts)
        if strange := sorted(told.keys() - {one["code"] for one in held.in_work}):
            raise UsageError(_("{id} has no box or case file {names}.").format(id=job, names=", ".join(strange)))
        chosen = [one for one in chosen if one["code"] in told]
    new, particulars = held, dict[str, Any]()
    if not scan_lists.refused(findings):
        new, particulars = scan_acts.give_back(held, chosen, told, _next(archive, job), giver, receiver)
        with archive.catalogue.session() as session:
            found = scan_quality.scans(session, archive, held)
        findings += scan_gates.before_return(
            held, chosen, found, told, without_backup=archive.settings.scans.return_without_backup)
    return _write(archive, new, "returned", particulars, findings, by, at, dry_run)


# --- steps -------------------------------------------------------------------------------------------------


def _write(archive: Archive, new: Job, act: str, told: Entries, findings: Collection[Finding], by: str, at: datetime,
           dry_run: bool, received: Mapping[str, bytes] | None = None) -> Done:
    if dry_run or scan_lists.refused(tuple(findings)):
        return Done(new, tuple(findings), told=told)
    return Done(scan_jobs.write(archive, new, act, told, by=by, at=at, received=received), tuple(findings), True, told)


def _next(archive: Archive, job: str) -> int:
    return archive.store.version(layout.scanjob_object(job)) + 1


def _figures(session: Session, archive: Archive, job: Job, found: list[scan_quality.Scan]) -> dict[str, Any]:
    """What the minutes of acceptance tell of the scans, in whole numbers."""
    whole = digitised.total(digitised.build(session, archive, job=job)).defects
    return {"files": len({one.case_file for one in found}), "documents": len(found),
            "pages": sum(one.pages for one in found), "faulty": whole.faulty,
            "rated": whole.documents, "signed": sum(one.signed for one in found),
            "backed_up": sum(one.copies > 0 for one in found),
            "of_copies": max((one.of_copies for one in found), default=0), "kinds": _kinds(whole),
            "bands": [{"from": f"{one.least:g}", "to": f"{one.below:g}", "article": one.article}
                      for one in defects.bands()]}


def _kinds(found: defects.Defects) -> list[dict[str, Any]]:
    known = defects.kinds()
    return [{"kind": name, "documents": count, "of": known[name].of, "vi": known[name].vi,
             "article": known[name].article} for name, count in found.kinds.items()]
