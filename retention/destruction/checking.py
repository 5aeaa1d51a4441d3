"""Whether what a batch names may be destroyed: asked when it is planned, approved and executed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from archive import clock, model
from archive.absence import packages_of, waiting_package
from archive.catalogue import SOME
from archive.document_paths import home_of
from archive.findings import Finding, finding
from archive.fixity import places
from archive.opening import Archive
from archive.targets import changed, cut_from, emptied, shared_scans
from retention import blocking, explaining, life
from retention.destruction import dossier_parts, grounds, keeping, planning
from retention.destruction.deciding import competence
from retention.destruction.keeping import DUPLICATE, EXPIRED, HANDED, Batch

MOST = 12       # case files that a finding names


def standing(archive: Archive, session: Session, items: Sequence[Mapping[str, Any]], on: str, *,
             but: str = "") -> list[Finding]:
    """What may not be destroyed on the day `on`, and why: unknown, permanent, not expired, held, linked, elsewhere.

    Luật Lưu trữ 33/2024/QH15 Điều 16 khoản 1, Điều 36 khoản 4. What was handed over or is there twice is not asked for
    its period, but for the copy that stays (grounds.py). `but`: the batch that asks.
    """
    counting = archive.settings.retention.counting
    elsewhere = keeping.under_review(session)
    whole, single = ({one["code"] for one in items if bool(one["document"]) is is_one} for is_one in (False, True))
    codes = whole | {home_of(code) for code in single}
    twice = [one for one in items if one["reason"] == DUPLICATE]
    every: dict[str, int] = {}
    life.gather(session, on, blocking.held_case_files(session))
    try:
        life.judge(session, counting)
        lives = {code: (until, why) for code, until, why in life.stays(session) if code in codes}
        own = {one.code: one for one in life.due(session, int(on[:4])) if one.code in codes}
        if twice:
            every = {code: until for code, until, _why in life.stays(session)}
    finally:
        life.forget(session)
    needed = grounds.linked(session, {one["code"] for one in items if one["reason"] != EXPIRED} - single)
    needed |= grounds.linked_documents(session, single)
    found = list(of_documents(archive, session, single, whole))
    for one in items:
        code = one["code"]
        home = home_of(code) if code in single else code
        if others := {other for (case_file, document), other in elsewhere.items()
                      if case_file == home and (code in whole or document in ("", code))} - {but}:
            found.append(finding("DESTROY-008", code, other=", ".join(sorted(others))))
        if home not in lives:
            found.append(finding("DESTROY-002", code))
        elif lives[home][1] == "hold":
            held = blocking.holds_of(session, home, on)
            found.append(finding("DESTROY-005", code, hold=", ".join(f"{one.id} ({one.number})" for one in held)))
        elif code in needed:
            found.append(finding("DESTROY-006", code, other=", ".join(needed[code])))
        elif one["reason"] == HANDED:
            continue
        elif lives[home][1] == "permanent":
            found.append(finding("DESTROY-003", code))
        elif one["reason"] == DUPLICATE:
            found += grounds.check_twins(archive, session, one, gone=whole | single, lives=every)
        elif code not in own:
            until, missing = lives[code]
            found.append(finding("DESTROY-004", code, until="…" if missing or until >= life.NEVER else until))
        elif lives[code][0] >= int(on[:4]):
            links = explaining.links_of(archive, session, code, on, counting)
            found.append(finding("DESTROY-006", code, other=", ".join(sorted({one.code for one in links}))))
    return found + grounds.check_handed(archive, session, items)


def of_documents(archive: Archive, session: Session, single: Collection[str],
                 whole: Collection[str]) -> Iterator[Finding]:
    """What forbids that single documents go while their case files stay: DESTROY-070 to 072."""
    for code, scan in sorted(cut_from(archive, single).items()):
        yield finding("DESTROY-070", code, scan=scan)
    for home in emptied(session, single):
        for code in sorted(one for one in single if home_of(one) == home):
            yield finding("DESTROY-071", code, home=home)
    for code in sorted(single):
        if home_of(code) in whole:
            yield finding("DESTROY-072", code, home=home_of(code))


def shared(archive: Archive, items: Sequence[Mapping[str, Any]]) -> list[Finding]:
    """DESTROY-053 for every case file with a long scan that lies in the store once for others that are not listed."""
    return [finding("DESTROY-053", code, scan=one.item, others=", ".join(one.missing))
            for one in shared_scans(archive, [item["code"] for item in items if not item["document"]])
            for code in one.listed]


def waiting(archive: Archive, session: Session, codes: Sequence[str]) -> list[Finding]:
    """DESTROY-058 for every package of the intake area that would still hold something after a destruction now."""
    items: dict[str, str] = {}
    for start in range(0, len(codes), SOME):
        some = codes[start:start + SOME]
        items.update((row.item, row.code if row.code in some else row.case_file) for row in session.execute(select(
            model.Document.item, model.Document.case_file, model.Document.code).where(or_(
                model.Document.case_file.in_(some), model.Document.code.in_(some)))))
    packages: dict[str, set[str]] = {}
    for code, _place, package in packages_of(session, places.ready(archive), items):
        packages.setdefault(package, set()).add(code)
    return [finding("DESTROY-058", waiting_package(session, package)[0], codes=", ".join(sorted(some)[:MOST]))
            for package, some in sorted(packages.items())]


def papers(archive: Archive, batch: Batch) -> list[Finding]:
    """The papers that must be there before the decision and are not (DS-03; NĐ 31/2026/NĐ-CP Điều 10)."""
    found = [finding("DESTROY-010", batch.id)] if not batch.act("convened") else []
    found += [finding("DESTROY-017", batch.id, paper=one.name)
              for one in dossier_parts.missing(archive, batch, "decision")]
    appraiser = competence(archive.settings).appraiser
    opinion = batch.act("appraised")
    if appraiser and (not opinion or opinion["plan_hash"] != batch.plan_hash):
        found.append(finding("DESTROY-018", batch.id, appraiser=appraiser))
    elif opinion and opinion["plan_hash"] == batch.plan_hash and opinion["opinion"] == "disagree":
        found.append(finding("DESTROY-019", batch.id, number=opinion["number"]))
    return found


def term(archive: Archive, batch: Batch, dated: str, today: str) -> list[Finding]:
    """Whether the decision's day is possible and its term has not run out (setting destruction.apply_days)."""
    days = archive.settings.destruction.apply_days
    held = str(batch.act("concluded").get("held_on", ""))
    if dated > today or (held and dated < held):
        return [finding("DESTROY-026", batch.id, dated=dated)]
    last = date.fromisoformat(dated) + timedelta(days=days)
    if today > last.isoformat():
        return [finding("DESTROY-025", batch.id, dated=dated, days=days, last=last.isoformat())]
    return []


def unchanged(archive: Archive, batch: Batch, done: Sequence[str] = ()) -> list[Finding]:
    """What is no longer as the plan froze it, but for the items that are gone already."""
    left = [one for one in planning.planned(planning.read_plan(archive, batch)) if one.code not in done]
    return [finding("DESTROY-009", batch.id, what=what) for what in changed(archive, left)]


def today(moment: datetime) -> str:
    """The day in Vietnam."""
    return clock.in_vietnam(moment).date().isoformat()

