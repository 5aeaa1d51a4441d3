"""The yearly list: what is expired on a day, and what is there twice; status "Xem xét hủy" (TT 05/2025/TT-BNV Đ48).

Never what is permanent, held, or needed by something longer-lived (Luật Lưu trữ 33/2024/QH15 Đ16.1, Đ36.4.a), and
nothing that another batch considers already. Being listed changes nothing in the records themselves. Lists of their own
name, at any time of the year, what is there twice as a whole and what another archive signed for (grounds.py).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from archive import layout, model
from archive.catalogue import SOME
from archive.findings import Finding
from archive.opening import Archive
from archive.retention_text import FOREVER
from retention import assigning, blocking, life
from retention.destruction import grounds, keeping
from retention.destruction.keeping import DUPLICATE, EXPIRED, HANDED
from retention.listing import listing
from retention.period import Counting

Item = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Found:
    """What a day's run found in one fonds: items for a list, codes that something keeps, and what is due soon."""

    fonds: str
    items: Sequence[Item]
    blocked: Mapping[str, str]          # case file → hold, link
    soon: Sequence[str]                 # case files whose period is over within the days of notice
    waiting: int                        # that stand in a batch already
    duplicates: Sequence[Item]          # documents that are there twice; told at once, they go with their case files


def look(session: Session, on: str, counting: Counting, *, notice_days: int = 0, fonds: str = "") -> list[Found]:
    """What is expired or there twice on the day `on`, by fonds; nothing is changed."""
    reviewed = keeping.under_review(session)
    ahead = (date.fromisoformat(on) + timedelta(days=notice_days)).isoformat()
    with listing(session, on, counting, fonds=fonds) as due:
        now = list(due)
    soon = []
    if ahead[:4] != on[:4]:             # a period ends with a year
        with listing(session, ahead, counting, fonds=fonds) as due:
            soon = [one for one in due if one.until >= int(on[:4]) and not one.blocked]
    ready = [one for one in now if not one.blocked and (one.code, "") not in reviewed]
    items = _items(session, ready)
    listed = {one["code"] for one in items}
    twice = [one for one in duplicates(session, on, counting, fonds=fonds) if one["code"] not in listed]
    kept = {one.code: one.blocked for one in now if one.blocked}
    wait = [one for one in now if (one.code, "") in reviewed]
    names = sorted({one.fonds for one in (*now, *soon)} | {one["fonds"] for one in twice})
    return [Found(name, _numbered(one for one in items if one["fonds"] == name),
                  {one.code: kept[one.code] for one in now if one.code in kept and one.fonds == name},
                  [one.code for one in soon if one.fonds == name], sum(one.fonds == name for one in wait),
                  [one for one in twice if one["fonds"] == name])
            for name in names]


def look_for(session: Session, ground: str, on: str, counting: Counting, *, fonds: str = "") -> list[Found]:
    """What may go on another ground than its period on the day `on`, by fonds: handed over, or there twice as a whole.

    A case file is there twice when each of its documents is, in case files that stay at least as long.
    """
    reviewed = keeping.under_review(session)
    twice: list[Item] = []
    if ground == HANDED:
        codes = grounds.handed_over(session, fonds=fonds)
    else:
        twice = duplicates(session, on, counting, fonds=fonds)
        codes = whole(session, twice)
    held = set(session.scalars(blocking.held_case_files(session)))
    wait = [code for code in codes if (code, "") in reviewed]
    free = [code for code in codes if code not in held and code not in wait]
    items, lacking = items_of(session, free, on, counting, ground=ground)
    unfit = {one.subject for one in lacking}
    items = [one for one in items if one["code"] not in unfit]
    if ground == DUPLICATE:
        whole_ones = {one["code"] for one in items}
        loose = [one["document"] for one in twice if one["code"] not in whole_ones and one["code"] not in held
                 and (one["code"], "") not in reviewed and (one["code"], one["document"]) not in reviewed]
        items += documents_of(session, loose, on, counting, gone=whole_ones)[0]
    homes: dict[str, str] = {one["code"]: one["fonds"] for one in items}
    for start in range(0, len(codes), SOME):
        homes.update((row.code, row.fonds) for row in session.execute(select(
            model.CaseFile.code, model.CaseFile.fonds).where(model.CaseFile.code.in_(codes[start:start + SOME]))))
    return [Found(name, _numbered(one for one in items if one["fonds"] == name),
                  {code: "hold" for code in codes if code in held and homes[code] == name}, [],
                  sum(homes[code] == name for code in wait), [one for one in twice if one["fonds"] == name])
            for name in sorted(set(homes.values()))]


def record(archive: Archive, on: str, *, by: str, at: datetime, fonds: str = "", dry_run: bool = False,
           ground: str = EXPIRED) -> list[tuple[str, Found]]:
    """Make a batch of each fonds that has something to list: its id ("" with `dry_run` or without items) and the find.

    `ground`: why it is listed; the yearly run lists what is expired. The same state of the catalogue gives the same
    list, whose SHA-256 the step names. The caller owns the archive.
    """
    keeping.finish(archive)
    counting = archive.settings.retention.counting
    with archive.catalogue.session() as session:
        found = look(session, on, counting, fonds=fonds, notice_days=archive.settings.destruction.notice_days
                     ) if ground == EXPIRED else look_for(session, ground, on, counting, fonds=fonds)
        names = {row.code: row.name for row in session.scalars(select(model.Fonds))}
    done = []
    for one in found:
        batch = ""
        if one.items and not dry_run:
            with archive.catalogue.session() as session:
                batch = keeping.next_id(session, int(on[:4]))
            new = keeping.Batch({"schema": keeping.SCHEMA, "id": batch, "state": "listed", "fonds": one.fonds,
                                 "fonds_name": names.get(one.fonds, one.fonds), "listed_on": on,
                                 "profile": archive.settings.profile, "acts": []}, one.items)
            keeping.write(archive, new, "listed", {
                "on": on, "count": len(one.items), "blocked": len(one.blocked), "soon": len(one.soon),
                "ground": ground, "list_hash": list_hash(one.items)}, by=by, at=at)
        done.append((batch, one))
    return done


def list_hash(items: Sequence[Item]) -> str:
    """The SHA-256 of a list as canonical JSON: whoever runs it again on the same state finds the same one."""
    data = json.dumps(list(items), ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    return hashlib.sha256(data).hexdigest()


def items_of(session: Session, codes: Iterable[str], on: str, counting: Counting, *, ground: str = EXPIRED,
             named: Mapping[str, str] | None = None, gone: Iterable[str] = ()) -> tuple[list[Item], list[Finding]]:
    """Case files as items of a list, whether they may stand there or not; unknown codes are left out.

    Of what is there twice the findings say which documents have no kept copy; `named` and `gone` as in grounds.twins.
    """
    wanted = list(dict.fromkeys(codes))
    life.gather(session, on, blocking.held_case_files(session))
    try:
        life.judge(session, counting)
        due = {one.code: one for one in life.due(session, FOREVER + 1)}
        lives = {code: until for code, until, _why in life.stays(session)} if ground == DUPLICATE else {}
    finally:
        life.forget(session)
    items, found = list[Item](), list[Finding]()
    for one in _items(session, [due[code] for code in wanted if code in due]):
        told: dict[str, Any] = {**one, "reason": ground}
        if ground == DUPLICATE:
            told["twins"], lacking = grounds.twins(session, one["code"], named=named or {}, lives=lives,
                                                   gone={*wanted, *gone})
            found += lacking
        items.append(told)
    return items, found


def documents_of(session: Session, codes: Iterable[str], on: str, counting: Counting, *,
                 named: Mapping[str, str] | None = None, gone: Iterable[str] = ()) -> tuple[list[Item], list[Finding]]:
    """Single documents that are there twice as items of a list; their case files stay. Unknown codes are left out.

    DESTROY-051 for those that have no kept copy; `named` and `gone` (case files and documents) as in grounds.twins.
    """
    wanted = list(dict.fromkeys(codes))
    rows: dict[str, tuple[model.Document, str]] = {}
    for start in range(0, len(wanted), SOME):
        rows.update((row.code, (row, fonds)) for row, fonds in session.execute(select(
            model.Document, model.CaseFile.fonds).join(model.CaseFile, model.CaseFile.code == model.Document.case_file)
            .where(model.Document.code.in_(wanted[start:start + SOME]))))
    every = _lives(session, None, on, counting) if rows else {}
    lives, going = {code: until for code, (until, _why) in every.items()}, {*gone, *wanted}
    items, found = list[Item](), list[Finding]()
    for code in wanted:
        if code not in rows:
            continue
        row, fonds = rows[code]
        twins, lacking = grounds.twins_of(session, [code], fonds, named=named or {}, gone=going, lives=lives)
        found += lacking
        if lacking and not named:
            continue
        home = session.get_one(model.CaseFile, row.case_file)
        scans = session.scalar(select(func.count()).select_from(model.File).where(
            model.File.document == code, model.File.role == "access")) or 0
        items.append({"object": layout.casefile_object(home.code), "code": code, "document": code, "fonds": fonds,
                      "title": row.subject, "retention": home.retention, "rule": "", "until": lives.get(home.code, 0),
                      "reason": DUPLICATE, "documents": 1, "pages": row.pages, "bytes": row.bytes,
                      "scans": int(scans > 0), "state": "proposed", "why": "", "twins": twins})
    return items, found


def whole(session: Session, twice: Iterable[Item]) -> list[str]:
    """The case files of which every document is among `twice`, in order."""
    counts: dict[str, int] = {}
    for one in twice:
        counts[one["code"]] = counts.get(one["code"], 0) + 1
    codes, found = sorted(counts), list[str]()
    for start in range(0, len(codes), SOME):
        found += [code for code, number in session.execute(select(model.Document.case_file, func.count()).where(
            model.Document.case_file.in_(codes[start:start + SOME])).group_by(model.Document.case_file))
            if number == counts[code]]
    return sorted(found)


def duplicates(session: Session, on: str, counting: Counting, *, fonds: str = "") -> list[Item]:
    """Documents whose original is, byte for byte, that of an earlier document that lives at least as long.

    Never one of a permanent or held case file, nor one that another case file needs. Of the same bytes the document
    stays whose case file is kept longest, of those the one received first.
    """
    doc, file = aliased(model.Document), aliased(model.File)
    twice = select(model.File.sha256).where(model.File.role == "original").group_by(
        model.File.sha256).having(func.count() > 1)
    rows = session.execute(select(file.sha256, doc, model.CaseFile.fonds).join(doc, doc.code == file.document).join(
        model.CaseFile, model.CaseFile.code == doc.case_file).where(file.role == "original", file.sha256.in_(twice))
        .order_by(file.sha256, doc.received_at, doc.code)).all()
    if not rows:
        return []
    lives = _lives(session, {row[1].case_file for row in rows}, on, counting)
    linked = set(session.scalars(select(model.DocumentLink.document).where(model.DocumentLink.ended == 0)))
    groups: dict[str, list[tuple[model.Document, str]]] = {}
    for sha256, document, of in rows:
        groups.setdefault(sha256, []).append((document, of))
    found: list[Item] = []
    for sha256, same in groups.items():
        keep = max(same, key=lambda one: (lives.get(one[0].case_file, (0, ""))[0]))[0]
        for document, of in same:
            years, why = lives.get(document.case_file, (0, "open"))
            if document.code == keep.code or why in ("permanent", "hold") or document.code in linked or (
                    fonds and of != fonds):
                continue
            found.append({"code": document.case_file, "document": document.code, "fonds": of, "until": years,
                          "title": document.subject, "copy": keep.code, "pages": document.pages, "sha256": sha256,
                          "reason": DUPLICATE})
    return found


def period_words(years: int) -> str:
    """A period as Vietnamese papers write it."""
    return "Vĩnh viễn" if years == FOREVER else f"{years:02d} năm"


# --- steps ----------------------------------------------------------------------------------------------------------


def _numbered(items: Iterable[Item]) -> list[Item]:
    return [{"n": n, **{key: value for key, value in one.items() if key != "fonds"}} for n, one in enumerate(items, 1)]


def _lives(session: Session, codes: set[str] | None, on: str, counting: Counting) -> dict[str, tuple[int, str]]:
    """Until which year case files (None: all) really stay, and why for ever: permanent, hold; open without a date."""
    life.gather(session, on, blocking.held_case_files(session))
    try:
        life.judge(session, counting)
        return {code: (until, why) for code, until, why in life.stays(session) if codes is None or code in codes}
    finally:
        life.forget(session)


def _items(session: Session, due: Sequence[life.Due]) -> list[Item]:
    codes = [one.code for one in due]
    pages: dict[str, int] = {}
    scans: dict[str, int] = {}
    for start in range(0, len(codes), SOME):
        some = codes[start:start + SOME]
        pages |= {row[0]: int(row[1] or 0) for row in session.execute(select(
            model.Document.case_file, func.sum(model.Document.pages)).where(
            model.Document.case_file.in_(some)).group_by(model.Document.case_file))}
        scans |= {row[0]: int(row[1]) for row in session.execute(select(
            model.Document.case_file, func.count(func.distinct(model.Document.code))).join(
            model.File, model.File.document == model.Document.code).where(
            model.File.role == "access", model.Document.case_file.in_(some)).group_by(model.Document.case_file))}
    return [{"object": layout.casefile_object(one.code), "code": one.code, "document": "", "fonds": one.fonds,
             "title": one.title, "retention": retention_of(session, one.code, one.rule), "rule": one.rule,
             "until": one.until, "reason": "expired", "documents": one.documents,
             "pages": pages.get(one.code, 0), "bytes": one.bytes, "scans": scans.get(one.code, 0),
             "state": "proposed", "why": ""} for one in due]


def retention_of(session: Session, code: str, rule: str) -> str:
    """The period of a case file in the words of Vietnamese papers."""
    if rule.startswith("plan:"):
        told = rule.removeprefix("plan:")
        return period_words(FOREVER if told == "permanent" else int(told))
    decided = assigning.in_force(assigning.history(session, code), "9999-12-31")
    told_rule = assigning.rule_by(decided, assigning.row_of(session, decided), -1)
    if told_rule is None:
        return ""
    return period_words(FOREVER if told_rule.kind == "permanent" else told_rule.years)
