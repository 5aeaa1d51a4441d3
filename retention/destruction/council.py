"""The council (Hội đồng xét hủy tài liệu lưu trữ): who sits on it, what each says of each item, what follows.

TT 05/2025/TT-BNV Điều 49; NĐ 31/2026/NĐ-CP Điều 10 khoản 4 điểm b. Majority, and dissent in the minutes, are those of
Luật Lưu trữ 2011 Điều 18, since the present rules were not read. What is kept goes back with a new period and a reason.
"""

from __future__ import annotations

import csv
import io
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from archive import clock
from archive.errors import RefusedError, UsageError
from archive.findings import Finding, Level, finding, worst
from archive.i18n import _
from archive.opening import Archive
from archive.retention_text import FOREVER, LONGEST
from archive.spelling import fold
from retention import assigning, life
from retention.destruction import keeping, planning
from retention.destruction.keeping import EXPIRED, Batch, Entries
from retention.tables.reading import is_day

DESTROY, KEEP = "destroy", "keep"
_WORDS = {"destroy": DESTROY, "huy": DESTROY, "dong y": DESTROY, "dong y huy": DESTROY, "keep": KEEP, "giu": KEEP,
          "giu lai": KEEP, "khong dong y": KEEP, "khong huy": KEEP}
_COLUMNS = {"code": "code", "ma": "code", "ma ho so": "code", "opinion": "opinion", "y kien": "opinion",
            "reason": "reason", "ly do": "reason", "years": "years", "so nam": "years", "them nam": "years"}


@dataclass(frozen=True, slots=True)
class Vote:
    """How the council stands on one item. `result`: destroy, keep, tie, open; `settled`: the chair's word on a tie."""

    code: str
    agree: tuple[str, ...]
    against: tuple[str, ...]
    missing: tuple[str, ...]
    result: str
    reason: str = ""            # why it is kept
    years: int = 0              # for how many years more; FOREVER
    settled: str = ""
    dissent: tuple[tuple[str, str], ...] = ()       # member, what that one said


@cache
def roles() -> Mapping[str, Mapping[str, Any]]:
    """The roles in a council, from council.toml."""
    with Path(__file__).with_name("council.toml").open("rb") as stream:
        return tomllib.load(stream)


def convene(archive: Archive, name: str, members: Sequence[Entries], number: str, dated: str, *, by: str, at: datetime,
            place: str = "", dry_run: bool = False) -> tuple[Batch, list[Finding]]:
    """Name the council by a decision. `members`: name, post, role, account. The caller owns the archive.

    Raises UsageError for a role or a day that is none, and for a name that is given twice.
    """
    keeping.finish(archive)
    batch = keeping.open_batch(archive, name)
    keeping.not_in(batch, "planned", "council")
    strange = [one["role"] for one in members if one["role"] not in roles()]
    if strange:
        raise UsageError(_("There is no role “{role}” in a council; there are: {roles}.").format(
            role=strange[0], roles=", ".join(roles())))
    if not number.strip() or not is_day(dated):
        raise UsageError(_("Give the number and the day (YYYY-MM-DD) of the decision."))
    if len({one["name"] for one in members}) < len(members):
        raise UsageError(_("A member is named twice."))
    if batch.opinions:
        raise RefusedError(_("Opinions have been given; the council can no longer be changed."))
    sits = {one["role"] for one in members}
    found = [] if "chair" in sits and len(members) > 1 else [finding("DESTROY-010", name)]
    found += [finding("DESTROY-011", name, role=told["vi"]) for role, told in roles().items()
              if told["expected"] and role not in sits and role != "chair"]
    if worst(found) >= Level.refused or dry_run:
        return batch, found
    told = {"number": number.strip(), "dated": dated, "place": place, "members": [dict(one) for one in members]}
    return keeping.write(archive, batch.with_record(state="council", council=told), "convened", told, by=by,
                         at=at), found


def opine(archive: Archive, name: str, said: Sequence[Entries], *, by: str, at: datetime,
          dry_run: bool = False) -> tuple[Batch, list[Finding]]:
    """Opinions: `member`, `opinion` (destroy, keep), `codes` (empty: all that were not named), `reason`, `years`.

    Later words of a member on an item take the place of earlier ones; all are kept. The caller owns the archive.
    """
    keeping.finish(archive)
    batch = keeping.open_batch(archive, name)
    keeping.not_in(batch, "council")
    members = {one["name"] for one in batch.record["council"]["members"]}
    codes = {one["code"] for one in (*batch.standing, *batch.paper_only)}
    expired = {one["code"] for one in batch.because(EXPIRED)}
    found = [finding("DESTROY-012", one["member"]) for one in said if one["member"] not in members]
    for one in said:
        found += [finding("DESTROY-013", code, batch=name) for code in one["codes"] if code not in codes]
        counts = not one["codes"] or expired & set(one["codes"])       # what is not expired keeps its own period
        if one["opinion"] == KEEP and not (one["reason"].strip() and (
                not counts or one["years"] == FOREVER or 0 < one["years"] <= LONGEST)):
            found.append(finding("DESTROY-016", ", ".join(one["codes"][:3]) or name, member=one["member"]))
    if worst(found) >= Level.refused or dry_run:
        return batch, found
    fresh = [{"at": clock.stamp(at), "by": by, **one, "codes": list(one["codes"])} for one in said]
    new = replace(batch, opinions=[*batch.opinions, *fresh])
    told = {"opinions": [{"member": one["member"], "opinion": one["opinion"], "count": len(one["codes"]) or len(codes)}
                         for one in fresh]}
    return keeping.write(archive, new, "opined", told, by=by, at=at), found


def read_csv(data: bytes, member: str) -> list[dict[str, Any]]:
    """The opinions of a CSV (columns code, opinion, reason, years; mã, ý kiến, lý do, số năm). Raises UsageError."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(_("The CSV file is not in UTF-8.")) from None
    heads = text.partition("\n")[0]
    rows = list(csv.DictReader(io.StringIO(text), delimiter=";" if ";" in heads else ","))
    said = []
    for n, row in enumerate(rows, 2):
        told = {_COLUMNS.get(fold(key or "").strip(), ""): (value or "").strip() for key, value in row.items()
                if isinstance(value, str) or value is None}
        opinion = _WORDS.get(fold(told.get("opinion", "")), "")
        years = told.get("years", "") or "0"
        if not told.get("code") or not opinion or not (years.isdecimal() or fold(years) in ("permanent", "vinh vien")):
            raise UsageError(_("Line {n} of the CSV file: code, opinion (destroy, keep) or years cannot be read."
                               ).format(n=n))
        said.append({"member": member, "opinion": opinion, "codes": [told["code"]], "reason": told.get("reason", ""),
                     "years": int(years) if years.isdecimal() else FOREVER})
    if not said:
        raise UsageError(_("The CSV file names no opinion."))
    return said


def votes(batch: Batch) -> list[Vote]:
    """How the council stands on each item of the plan, and on each case file that is paper only."""
    members = [one["name"] for one in batch.record["council"]["members"]]
    chair = next(one["name"] for one in batch.record["council"]["members"] if one["role"] == "chair")
    last: dict[tuple[str, str], Entries] = {}
    for one in batch.opinions:
        own = [code for (member, code) in last if member == one["member"]]
        codes = one["codes"] or [item["code"] for item in (*batch.standing, *batch.paper_only)
                                 if item["code"] not in own]
        last |= {(one["member"], code): one for code in codes}
    return [_vote(item["code"], members, chair, last, batch.record.get("settled", {}).get(item["code"]))
            for item in (*batch.standing, *batch.paper_only)]


def settle(archive: Archive, name: str, codes: Sequence[str], opinion: str, reason: str, years: int, *, by: str,
           at: datetime, dry_run: bool = False) -> tuple[Batch, list[Finding]]:
    """The chair settles items on which the votes are equal. The caller owns the archive. Raises RefusedError."""
    keeping.finish(archive)
    batch = keeping.open_batch(archive, name)
    keeping.not_in(batch, "council")
    if not reason.strip():
        raise UsageError(_("--reason may not be empty: the ledger keeps why."))
    stands = {one.code: one.result for one in votes(batch)}
    for code in codes:
        if stands.get(code) != "tie":
            raise RefusedError(_("{code}: the votes are not equal, there is nothing to settle.").format(code=code))
    if opinion == KEEP and {one["code"] for one in batch.because(EXPIRED)} & set(codes) and not (
            years == FOREVER or 0 < years <= LONGEST):
        return batch, [finding("DESTROY-016", codes[0], member=_("the chair"))]
    if dry_run:
        return batch, []
    word = {"opinion": opinion, "reason": reason.strip(), "years": years}
    new = batch.with_record(settled={**batch.record.get("settled", {}), **dict.fromkeys(codes, word)})
    return keeping.write(archive, new, "settled", {"items": list(codes), **word}, by=by, at=at), []


def conclude(archive: Archive, name: str, meeting: Entries, *, by: str, at: datetime,
             dry_run: bool = False) -> tuple[Batch, list[Finding]]:
    """End the council: what it keeps goes back with a new period, of the rest a new plan is made.

    `meeting`: `held_on` (YYYY-MM-DD), `began`, `ended`, `held_at`, `number` of the minutes. Refused while members who
    could still turn a vote are silent, or a tie is not settled. The caller owns the archive.
    """
    resume(archive)
    batch = keeping.open_batch(archive, name)
    keeping.not_in(batch, "council")
    if not is_day(str(meeting["held_on"])):
        raise UsageError(_("“{value}” is no day; write YYYY-MM-DD.").format(value=meeting["held_on"]))
    stand = votes(batch)
    waits = [one for one in stand if one.result == "open"]
    found = [finding("DESTROY-014", waits[0].code, n=len(waits), members=", ".join(waits[0].missing))] if waits else []
    found += [finding("DESTROY-015", one.code) for one in stand if one.result == "tie" and not one.settled]
    if worst(found) < Level.refused:
        found += _new_periods(archive, batch, stand, by, at, dry_run=True)
    if worst(found) >= Level.refused or dry_run:
        return batch, found
    every = {one.code: one for one in stand if KEEP in (one.result, one.settled)}
    only = {one["code"] for one in batch.paper_only}
    kept = {code: one for code, one in every.items() if code not in only}
    items = [{**one, "state": "kept", "why": kept[one["code"]].reason} if one["code"] in kept else dict(one)
             for one in batch.items]
    new = replace(batch, items=items, paper=[
        {**one, "state": "kept", "why": every[one["code"]].reason} if one["code"] in only & set(every) else dict(one)
        for one in batch.paper])
    files: dict[str, bytes] = {}
    told = {"kept": {code: {"reason": one.reason, "years": one.years} for code, one in kept.items()},
            "votes": [{"code": one.code, "agree": len(one.agree), "against": len(one.against), "result": one.result,
                       "settled": one.settled, "years": one.years, "reason": one.reason,
                       "dissent": [list(pair) for pair in one.dissent]}
                      for one in stand if one.against or one.settled], **meeting}
    if only:
        told |= {"paper": len(new.standing_paper), "kept_paper": {
            code: {"reason": one.reason} for code, one in every.items() if code in only}}
    if every and new.standing:
        new, files = planning.make(archive, new, at)
    state = "cancelled" if not new.standing else "returning" if kept else "concluded"
    ends = {"ends": "concluded" if new.standing else "cancelled"}
    new = new.with_record(state="returning" if kept else state, **ends)
    keeping.write(archive, new, "concluded", {**told, "plan_hash": new.plan_hash, "count": len(new.standing)}, by=by,
                  at=at, files=files)
    resume(archive)
    return keeping.open_batch(archive, name), found


def resume(archive: Archive) -> None:
    """Give what a council kept its new period, where a kill came between. The caller owns the archive."""
    from sqlalchemy import select

    from archive import model

    keeping.finish(archive)
    with archive.catalogue.session() as session:
        waiting = list(session.scalars(select(model.Destruction.id).where(model.Destruction.state == "returning")))
    for name in waiting:
        batch = keeping.read(archive.store, name)
        act = batch.act("concluded")
        at = clock.parse(act["at"])
        stand = [Vote(code, (), (), (), KEEP, told["reason"], told["years"]) for code, told in act["kept"].items()]
        _new_periods(archive, batch, stand, act["by"], at, dry_run=False)
        keeping.write(archive, batch.with_record(state=batch.record["ends"]), "returned",
                      {"items": sorted(act["kept"])}, by=act["by"], at=at)


# --- steps ----------------------------------------------------------------------------------------------------------


def _vote(code: str, members: Sequence[str], chair: str, last: Mapping[tuple[str, str], Entries],
          settled: Entries | None) -> Vote:
    said = {member: last[member, code] for member in members if (member, code) in last}
    agree = tuple(member for member, one in said.items() if one["opinion"] == DESTROY)
    against = tuple(member for member in said if member not in agree)
    missing = tuple(member for member in members if member not in said)
    half = len(members) / 2
    result = (DESTROY if len(agree) > half else KEEP if len(against) > half else "open" if missing else "tie")
    word = settled["opinion"] if settled and result == "tie" else ""
    end = word or result
    keepers = [said[member] for member in against]
    lost = against if end == DESTROY else agree if end == KEEP else ()
    dissent = tuple((member, said[member]["reason"] or said[member]["opinion"]) for member in lost)
    if end != KEEP:
        return Vote(code, agree, against, missing, result, settled=word, dissent=dissent,
                    reason=settled["reason"] if word and settled else "")
    reason = settled["reason"] if word and settled else next(
        (said[member]["reason"] for member in (chair, *against) if member in against), "")
    years = settled["years"] if word and settled else max(one["years"] for one in keepers)
    return Vote(code, agree, against, missing, result, reason, years, word, dissent)


def _new_periods(archive: Archive, batch: Batch, stand: Sequence[Vote], by: str, at: datetime, *,
                 dry_run: bool) -> list[Finding]:
    """Decide the new period of what was expired and is kept; once, also when it is said again after a kill.

    What is there twice or was handed over is kept with the period that it has.
    """
    until = {one["code"]: int(one["until"]) for one in batch.items if one["reason"] == EXPIRED}
    today = clock.in_vietnam(at).date().isoformat()
    found: list[Finding] = []
    mark = f"{batch.id}: "
    for one in stand:
        if KEEP not in (one.result, one.settled) or one.code not in until:
            continue
        with archive.catalogue.session() as session:
            decided = assigning.history(session, one.code)
            row = assigning.row_of(session, assigning.in_force(decided, today))
        if any(told.reason.startswith(mark) for told in decided):
            continue
        years = _total(archive, one, until[one.code], today)
        kind = {"kind": "table", "rule": f"{row.table_id}@{row.version}:{row.code}"} if row is not None else {
            "kind": "other_law", "law": "Luật Lưu trữ 33/2024/QH15 Đ14.2.c: Hội đồng xét hủy đề nghị lưu lâu hơn"}
        decision = assigning.Decision(reason=mark + one.reason, by=by, from_day=today, years=years, **kind)
        found += assigning.assign(archive, [one.code], decision, at=at, dry_run=dry_run)[1]
    return [one for one in found if one.level >= Level.refused]


def _total(archive: Archive, vote: Vote, until: int, today: str) -> int:
    """The whole period, counted from its base year, that keeps a case file for `vote.years` years more."""
    from retention.explaining import known_on

    if vote.years == FOREVER:
        return FOREVER
    with archive.catalogue.session() as session:
        period = known_on(archive, session, vote.code, today, archive.settings.retention.counting).period
    base = period.base
    total = max(until, int(today[:4]) - 1) + vote.years - base
    if archive.settings.retention.counting == "end_year":
        total += 1
    return min(total, life.NEVER)
