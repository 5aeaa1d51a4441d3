"""Looking again at signatures whose day has come: what receipt could not decide, later evidence may.

Judged again is the stored original, by the time of its receipt (the proof) and the trust lists of now. A verdict may
rise or fall, never silently: a new report beside the first, an event, a line in the morning report. Where the lists are
the same as at the last look nothing can have changed, and only the day moves on.
"""

from __future__ import annotations

import errno
import json
import shutil
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import select

from archive import clock, model, rechecks, records, revisions
from archive.errors import IntegrityError, NoRoomError, UsageError
from archive.findings import Finding, Level, finding, rules
from archive.i18n import _
from archive.ledger import ACTOR
from archive.opening import Archive
from archive.rechecks import Look
from archive.records import Record
from ingest import intake
from ingest.item import Context, Examined, Item, Part
from ingest.signatures.policy import policy
from ingest.signatures.report import word

if TYPE_CHECKING:
    from ingest.signatures.trust import TrustLists

# What later evidence can decide: revocation not checked, no trusted issuer, no trust list at all.
WAITING = frozenset({"VERIFY-021", "VERIFY-022", "VERIFY-034"})
REVOKED = frozenset({"VERIFY-031", "VERIFY-032", "VERIFY-089"})
# What changes with every look and says nothing of the signature: by which lists it was made.
_PASSING = frozenset({"VERIFY-037"})
A_LINE = 5000       # documents whose day one line of the ledger moves on
AT_ONCE = 64        # documents that are judged, and written, together
_FETCH_SECONDS = 30.0
_ROLES = {"original", "attachment", "signature", "message"}

Progress = Callable[[str, int, int], None]
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Changed:
    """A document of which a later look thinks otherwise: its verdict and legal value before and now."""

    document: str
    before: str
    after: str
    legal_before: str
    legal_after: str
    revoked: bool                   # a revocation that was not known before speaks against it
    why: list[str]                  # codes of findings that came or went


@dataclass(slots=True)
class Rechecked:
    """What looking again came to: documents judged, documents whose day only moved on, changes, and what was wrong."""

    looked: int = 0
    same: int = 0
    left: int = 0                   # whose day has come, but the time was up
    changed: list[Changed] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def first_day(record: Mapping[str, Any], trust: str, now: datetime) -> dict[str, Any]:
    """What a document's record says of the next look at its signatures: the key `recheck`, where one is needed."""
    if not any(one["code"] in WAITING for one in record["findings"]):
        return {}
    return {"recheck": {"on": _day_after(now), "trust": trust}}


def recheck(archive: Archive, now: datetime, progress: Progress = lambda *_: None, *, batch: str = "",
            codes: Sequence[str] = (), everything: bool = False, dry_run: bool = False, by: str = ACTOR,
            ticking: Callable[[], float] = time.monotonic) -> Rechecked:
    """Look again at the signatures of documents whose day has come, for at most `signatures.recheck_seconds`.

    `codes` (or `everything` that is signed) are judged whether their day has come or not, without a limit of time.
    `batch` is the night that does it. The caller owns the archive. Raises UsageError for an unknown document.
    """
    from ingest.signatures.register import settle
    from ingest.signatures.trust import load_trust

    if not dry_run:
        settle(archive)
        _catch_up(archive)
    trust = load_trust(archive.settings.path(archive.settings.signatures.trust))
    done = Rechecked()
    if codes or everything:
        wanted = _asked_for(archive, codes)
        for start in range(0, len(wanted), AT_ONCE):
            _judge(archive, wanted[start:start + AT_ONCE], trust, now, batch, by, done, dry_run=dry_run)
            progress("recheck", done.looked, len(wanted))
    else:
        _by_day(archive, trust, now, progress, batch, done, dry_run=dry_run, ticking=ticking)
    if done.changed and not dry_run:
        from ingest.stages.index import index_documents

        index_documents(archive)
    done.changed.sort(key=lambda one: (not one.revoked, one.document))
    done.findings = [*_alarms(done.changed), *done.findings]
    return done


def nightly(archive: Archive, now: datetime, batch: str, progress: Progress) -> list[Finding]:
    """The night's look, revocation lists first where the settings ask for it; only want of room stops the night."""
    found: list[Finding] = []
    try:
        if archive.settings.signatures.update_nightly:
            found += _update(archive)
        return found + recheck(archive, now, progress, batch=batch).findings
    except Exception as error:      # the verdicts stand as they were; the next night looks again
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NoRoomError(str(archive.settings.root)) from error
        log.exception("recheck failed")
        return [*found, finding("TRUST-004", "signatures", error=f"{type(error).__name__}: {error}")]


# --- which documents ---------------------------------------------------------------------------------------


def _catch_up(archive: Archive) -> None:
    """Finish what a kill left half done, before anything is looked at."""
    from archive import layout

    rechecks.finish(archive)
    with archive.catalogue.session() as session:
        waiting = set(session.scalars(select(model.Document.case_file).where(model.Document.recheck_on != "")))
    for code in sorted(waiting):
        if archive.store.has(layout.rechecks_object(code)):
            rechecks.catch_up(archive, code)


def _asked_for(archive: Archive, codes: Sequence[str]) -> list[str]:
    """The documents named, or all that bear signatures."""
    with archive.catalogue.session() as session:
        query = select(model.Document.code)
        query = (query.where(model.Document.code.in_(codes)) if codes else
                 query.where(model.Document.verdict.not_in(["", "unsigned"])))
        found = sorted(session.scalars(query))
    if unknown := set(codes) - set(found):
        raise UsageError(_("There is no document {code}.").format(code=min(unknown)))
    return found


def _by_day(archive: Archive, trust: TrustLists, now: datetime, progress: Progress, batch: str, done: Rechecked, *,
            dry_run: bool, ticking: Callable[[], float]) -> None:
    """Those whose day has come, the oldest first, until the time is up."""
    with archive.catalogue.session() as session:
        due = rechecks.due(session, clock.in_vietnam(now).date().isoformat())
    began, at = ticking(), clock.stamp(now)
    total, passed = len(due), 0
    for start in range(0, total, A_LINE):
        some = due[start:start + A_LINE]
        seen: list[tuple[str, str, str]] = []
        failed: set[str] = set()
        looked = done.looked
        for few in _portions(some, trust.version):
            if ticking() - began >= archive.settings.signatures.recheck_seconds and done.looked:
                break
            stale = [code for _day, code, version in few if version != trust.version]
            failed |= _judge(archive, stale, trust, now, batch, ACTOR, done, dry_run=dry_run)
            done.same += len(few) - len(stale)
            seen += few
            progress("recheck", passed + len(seen), total)
        passed += len(seen)
        if not dry_run:     # those that changed have a new day of their own already, or none
            rechecks.move_on(archive, seen, failed, _day_after(now), trust.version, done.looked - looked,
                             f"{at}.{passed}")
        if len(seen) < len(some):
            break
    done.left = total - passed


def _portions(due: Sequence[tuple[str, str, str]], version: str) -> Iterable[Sequence[tuple[str, str, str]]]:
    """`due` in its order, cut so that each part has at most so many documents that must be judged."""
    part: list[tuple[str, str, str]] = []
    count = 0
    for one in due:
        part.append(one)
        count += one[2] != version
        if count == AT_ONCE:
            yield part
            part, count = [], 0
    if part:
        yield part


# --- judging -----------------------------------------------------------------------------------------------


def _judge(archive: Archive, codes: Sequence[str], trust: TrustLists, now: datetime, batch: str, by: str,
           done: Rechecked, *, dry_run: bool) -> set[str]:
    """Judge some documents again and keep what changed; the codes of those that could not be judged."""
    if not codes:
        return set()
    place = archive.store.staging / "recheck"
    shutil.rmtree(place, ignore_errors=True)        # of a look that was killed
    failed: set[str] = set()
    looks: dict[str, list[Look]] = defaultdict(list)
    try:
        known: dict[str, Record] = {}
        groups: dict[tuple[str, ...], list[Item]] = defaultdict(list)
        for record in _records(archive, codes, done, failed):
            try:
                item = _item(archive, record, place / record["item"])
                groups[_history(archive, record, now)].append(item)
            except (IntegrityError, KeyError, OSError) as error:
                if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
                    raise
                done.findings.append(finding("TRUST-005", record["code"], reason=error))
                failed.add(record["code"])
                continue
            known[item.id] = record
        for number, (history, items) in enumerate(groups.items()):
            for one in _examined(archive, items, history, place / f"trust-{number}", now):
                record = known[one.item.id]
                done.looked += 1
                if one.error or any(found.level == Level.failed for found in one.findings):
                    log.error("recheck failed", document=record["code"], error=one.error)
                    reason = one.error.strip().rpartition("\n")[2] or one.findings[-1].sentence("en")
                    done.findings.append(finding("TRUST-004", record["code"], error=reason))
                    failed.add(record["code"])
                elif (look := _look(record, one, trust, now, batch, by)) is not None:
                    looks[record["case_file"]].append(look)
                    done.changed.append(_changed(look))
        for case_file, some in sorted(looks.items()) if not dry_run else ():
            revisions.catch_up(archive, case_file)
            rechecks.write(archive, case_file, sorted(some, key=lambda look: int(look.record["ordinal"])), now)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return failed


def _records(archive: Archive, codes: Sequence[str], done: Rechecked, failed: set[str]) -> Iterable[Record]:
    """The records of some documents; one that cannot be read is said and left out."""
    with archive.catalogue.session() as session:
        row = model.Document
        places = sorted(session.execute(select(row.case_file, row.ordinal, row.code).where(row.code.in_(codes))).all())
    for case_file, ordinal, code in places:
        try:
            found = list(records.read_documents(archive.store, case_file, [ordinal]))
        except (IntegrityError, KeyError, ValueError, FileNotFoundError) as error:
            done.findings.append(finding("TRUST-005", code, reason=error))
            failed.add(code)
            continue
        yield from found


def _item(archive: Archive, record: Record, folder: Path) -> Item:
    """The document as an item again, its received files checked against their hashes. Raises IntegrityError."""
    from archive import layout

    received = folder / "received"
    received.mkdir(parents=True)
    parts = []
    for n, file in enumerate(one for one in record["files"] if one["role"] in _ROLES):
        path = received / f"{n:03}{Path(file['path']).suffix}"
        archive.store.export(layout.casefile_object(record["case_file"]), file["path"], path)
        parts.append(Part(file["name"], file["role"], path, file["size"], file["sha256"], file["sha512"],
                          file["format"]))
    return Item(record["item"], record["source"]["source"], record["source"]["name"], folder, parts,
                clock.parse(record["receipt"]["received_at"]), dict(record["fields"]),
                {"digitise": dict(record.get("digitised", {}))})


def _history(archive: Archive, record: Record, now: datetime) -> tuple[str, ...]:
    """Earlier lists of the store that are needed besides those in use: for certificates that ended since."""
    from archive import layout
    from ingest.signatures.revocation_store import earlier

    object_id = layout.casefile_object(record["case_file"])
    path = layout.signatures_path(record["ordinal"])
    if path not in archive.store.files(object_id):
        return ()
    told = json.loads(archive.store.read(object_id, path))
    ends = [one["certificate"]["valid_to"] for file in told["files"] for one in file["signatures"]
            if one.get("certificate")]
    if not any(clock.parse(end) < now for end in ends):
        return ()
    return tuple(earlier(archive, clock.parse(record["receipt"]["received_at"])))


def _examined(archive: Archive, items: Sequence[Item], history: Sequence[str], place: Path,
              now: datetime) -> Iterable[Examined]:
    """The verify stage once more, in the worker processes of the night."""
    from ingest.signatures.register import OBJECT
    from ingest.signatures.trust import HISTORY
    from ingest.worker import examine_all

    settings = archive.settings
    if history:
        place = place / settings.path(settings.signatures.trust).name       # a list at its top bears its name
        shutil.copytree(settings.path(settings.signatures.trust), place)
        (place / HISTORY).mkdir()
        for path in history:
            archive.store.export(OBJECT, path, place / HISTORY / Path(path).name)
        settings = settings.model_copy(update={
            "signatures": settings.signatures.model_copy(update={"trust": place})})
    return examine_all(items, Context(settings, clock.night_of(now), now), "verify")


def _look(record: Record, one: Examined, trust: TrustLists, now: datetime, batch: str, by: str) -> Look | None:
    """What the new judgement changes of a record; None where it says the same."""
    facts = one.item.facts["verify"]
    found = [replace(it, level=min(it.level, Level.warning))
             for it in intake.answered_for(one.findings, record["facts"].get("accepted", []))
             if not rules()[it.code].final]
    fresh = [_at_next_day(it, now).as_dict() for it in found if it.code.startswith("VERIFY-")]
    kept = [it for it in record["findings"] if not it["code"].startswith("VERIFY-")]
    sealed = record["facts"].get("seal", {}).get("state") == "sealed"
    value = record["legal_value"] if sealed else facts["legal_value"]
    old, new = _codes(record["findings"]), _codes(fresh)
    before = [(it["signer"], it["verdict"]) for it in record["signatures"]]
    if record["verdict"] == facts["verdict"] and value == record["legal_value"] and old == new and before == [
            (it["signer"], it["verdict"]) for it in facts["signatures"]]:
        return None
    told = record.get("rechecked", {})
    changes = {
        "verdict": facts["verdict"], "legal_value": value, "signatures": facts["signatures"],
        "findings": [*kept, *fresh], **first_day({"findings": fresh}, trust.version, now),
        "rechecked": {
            "n": rechecks.number(record) + 1, "at": clock.stamp(now), "by": by, "batch": batch,
            "first": told.get("first", record["verdict"]), "before": record["verdict"], "after": facts["verdict"],
            "legal_before": record["legal_value"], "legal_after": value, "revoked": bool((new - old) & REVOKED),
            "why": sorted(old ^ new), "trust": trust.version}}
    reports = {path.suffix[1:]: path.read_bytes() for path in sorted(one.item.folder.glob("signatures.*"))}
    return Look(record, changes, reports)


def _codes(findings: Iterable[Mapping[str, Any]]) -> set[str]:
    return {one["code"] for one in findings if one["code"].startswith("VERIFY-")} - _PASSING


def _at_next_day(found: Finding, now: datetime) -> Finding:
    """The finding about revocation names the day of the next look, not one that has passed."""
    if found.code != "VERIFY-034":
        return found
    return replace(found, params={**found.params, "date": "/".join(reversed(_day_after(now).split("-")))})


def _changed(look: Look) -> Changed:
    told = look.changes["rechecked"]
    return Changed(look.record["code"], told["before"], told["after"], told["legal_before"], told["legal_after"],
                   told["revoked"], told["why"])


def _alarms(changed: Iterable[Changed]) -> list[Finding]:
    return [finding("TRUST-001" if one.revoked else "TRUST-002", one.document,
                    before=word("verdict", one.before), before_en=word("verdict", one.before, "en"),
                    after=word("verdict", one.after), after_en=word("verdict", one.after, "en"))
            for one in changed if one.revoked or one.before != one.after]


def _day_after(now: datetime) -> str:
    return clock.in_vietnam(now + policy().recheck).date().isoformat()


def _update(archive: Archive) -> list[Finding]:
    """Fetch the revocation lists, for no longer than the look may take; what does not come is a note."""
    from ingest.signatures import revocation_store
    from ingest.signatures.trust import load_trust

    lists = load_trust(archive.settings.path(archive.settings.signatures.trust))
    began, found = time.monotonic(), []
    for url in revocation_store.addresses(lists):
        left = archive.settings.signatures.recheck_seconds - (time.monotonic() - began)
        if left <= 0:
            found.append(finding("TRUST-003", url, reason=_("the time of the night was up")))
            continue
        [told] = revocation_store.fetch(archive, [url], min(left, _FETCH_SECONDS), ACTOR)
        if told.reason and not told.kept:
            found.append(finding("TRUST-003", url, reason=told.reason))
    return found
