"""Holds (tạm dừng hủy): what may not be destroyed, whatever its period says, until a document lifts the hold.

No article that orders holds was found: kinds, rules and papers of holds are the system's own convention (NĐ 30/2020/
NĐ-CP Phụ lục VI asks of a records system that sets of files can be locked). One object of the store a hold; a release
is a further version of it, and nothing of a hold ever goes. Written store first, then ledger, then catalogue.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, insert, or_, select, union, update
from sqlalchemy.orm import Session

from archive import clock
from archive.catalogue import SOME
from archive.catalogue import record as record_events
from archive.errors import UsageError
from archive.files import json_bytes
from archive.findings import Finding, Level, finding, worst
from archive.i18n import _
from archive.ledger import Entry, event_key
from archive.model import CaseFile, Document, Fonds, Hold, HoldItem
from archive.opening import Archive
from archive.store import NewFile
from retention import hold_queries
from retention.hold_queries import Conditions
from retention.tables.reading import is_day

PREFIX = "urn:luutru:hold:"
PLACED, RELEASED = "hold_placed", "hold_released"
SCHEMA, RELEASE_SCHEMA = "luutru/hold/1", "luutru/hold-release/1"
HOLD_FILE, RELEASES = "hold.json", "releases"
MOST_TOLD = 100         # codes that the ledger's line names; the object names all
RELEASING = "releasing"
_TOLD = ("by", "reason", "requester", "number", "dated", "from_day", "standing", "conditions")
_RELEASE_TOLD = ("by", "reason", "number", "dated")
Item = tuple[str, str, str]     # kind (casefile, document, fonds), code, its case file ("" for a fonds)


@dataclass(frozen=True, slots=True)
class Ground:
    """Why something is held or let go: the reason, who asks for it, the document that says so (number and day)."""

    reason: str
    by: str
    number: str
    dated: str                  # YYYY-MM-DD
    requester: str = ""         # of a hold: who asks for it
    from_day: str = ""          # of a hold; empty: the day it is placed


@dataclass(frozen=True, slots=True)
class Told:
    """A hold as an answer names it."""

    id: str
    reason: str
    requester: str
    number: str
    dated: str
    from_day: str
    released_on: str


def object_id(n: int) -> str:
    """The id of the OCFL object of a hold."""
    return f"{PREFIX}{n:06d}"


def place(archive: Archive, codes: Sequence[str], ground: Ground, *, at: datetime, asked: Conditions | None = None,
          documents: bool = False, standing: bool = False, dry_run: bool = False) -> tuple[int, int, list[Finding]]:
    """Hold case files, documents and fonds by their codes, or what meets conditions now (`asked`).

    The hold's number, how many items it holds, and what was found; the number is 0 with `dry_run` and when a finding
    refuses. `documents`: hold the documents that meet the conditions, not their case files; `standing`: also case files
    that meet them later. The caller owns the archive. Raises UsageError for conditions that cannot stand.
    """
    if bool(codes) == (asked is not None):
        raise UsageError(_("Name codes, or give conditions; not both."))
    if asked is not None and not asked.any:
        raise UsageError(_("Give at least one condition; to hold a whole fonds, name its code."))
    if standing and (asked is None or asked.words or documents):
        raise UsageError(_("A standing hold needs conditions on case files or documents other than words in titles."))
    catch_up(archive)
    today = clock.in_vietnam(at).date().isoformat()
    problems = _check_ground(ground, today, releasing=False)
    with archive.catalogue.session() as session:
        if asked is None:
            items, unknown = _named(session, codes)
            problems += [finding("HOLD-001", code) for code in unknown]
        else:
            items = list(hold_queries.found(session, asked, documents=documents))
            if not items and not standing:
                problems.append(finding("HOLD-005", str(asked)))
        items, twice = _without_held(session, items, ground)
        problems += twice
        if twice and not items and not standing:
            problems.append(finding("HOLD-006", ground.number or "—", requester=ground.requester))
        n = (session.scalar(select(func.max(Hold.n))) or 0) + 1
    if dry_run or worst(problems) >= Level.refused:
        return 0, len(items), problems
    told = {"schema": SCHEMA, "n": n, "at": clock.stamp(at), "by": ground.by, "reason": ground.reason.strip(),
            "requester": ground.requester.strip(), "number": ground.number.strip(), "dated": ground.dated,
            "from_day": ground.from_day or today, "standing": standing,
            "conditions": asked.told() if asked else {}, "items": [list(item) for item in items]}
    archive.store.put(object_id(n), {HOLD_FILE: NewFile(json_bytes(told))}, message="hold placed", user="luutru",
                      created=at)
    with archive.catalogue.session() as session:
        admit(archive, session, object_id(n))
    return n, len(items), problems


def release(archive: Archive, n: int, ground: Ground, *, at: datetime, only: Sequence[str] = (),
            dry_run: bool = False) -> tuple[int, list[Finding]]:
    """Lift a hold, or lift it from some of its items (`only`): how many items were let go, and what was found.

    With a finding that refuses nothing is done. The caller owns the archive. Raises UsageError for an unknown hold, and
    for `only` on a standing one.
    """
    catch_up(archive)
    today = clock.in_vietnam(at).date().isoformat()
    with archive.catalogue.session() as session:
        hold = session.get(Hold, n)
        if hold is None:
            raise UsageError(_("There is no hold {n}.").format(n=f"{n:06d}"))
        if only and hold.standing:
            raise UsageError(_("A standing hold is lifted as a whole; place a new one for what is to stay."))
        problems = _check_ground(ground, today, releasing=True)
        held = set(session.scalars(select(HoldItem.code).where(HoldItem.hold == n, HoldItem.released_on == "")))
        if hold.released_on:
            problems.append(finding("HOLD-007", f"{n:06d}", day=hold.released_on))
        else:
            problems += [finding("HOLD-008", code, hold=f"{n:06d}") for code in only if code not in held]
        count, number = len(set(only) or held), hold.releases + 1
        if dry_run or worst(problems) >= Level.refused:
            return 0 if worst(problems) >= Level.refused else count, problems
        hold.state = RELEASING      # what a kill leaves behind is found by it
    told = {"schema": RELEASE_SCHEMA, "hold": n, "n": number, "at": clock.stamp(at), "day": today, "by": ground.by,
            "reason": ground.reason.strip(), "number": ground.number.strip(), "dated": ground.dated,
            "whole": not only or held <= set(only), "items": sorted(set(only))}
    try:
        archive.store.put(object_id(n), {f"{RELEASES}/{number:04d}.json": NewFile(json_bytes(told))},
                          message="hold released", user="luutru", created=at)
    finally:
        catch_up(archive)           # also after a full disk: the mark goes, the hold is as it was
    return count, problems


# --- into ledger and catalogue --------------------------------------------------------------------------------------


def admit(archive: Archive, session: Session, hold_object: str) -> None:
    """The events and the rows of one hold and its releases; nothing is done twice."""
    told = json.loads(archive.store.read(hold_object, HOLD_FILE))
    releases = [json.loads(archive.store.read(hold_object, path)) for path in sorted(archive.store.files(hold_object))
                if path.startswith(f"{RELEASES}/")]
    record_events(session, archive.ledger, [_placed(told, hold_object),
                                            *(_released(one, hold_object) for one in releases)])
    hold = session.get(Hold, told["n"])
    if hold is None:
        hold = Hold(n=told["n"], at=told["at"], items=len(told["items"]), state="", releases=0, released_on="",
                    **{key: told[key] for key in _TOLD})
        session.add(hold)
        session.flush()
        if told["items"]:
            session.execute(insert(HoldItem), [
                {"hold": told["n"], "kind": kind, "code": code, "case_file": case_file, "released_on": ""}
                for kind, code, case_file in told["items"]])
    for one in releases[hold.releases:]:
        _let_go(session, hold, one)
    hold.state = "released" if hold.released_on else "partly" if hold.releases else "placed"


def _let_go(session: Session, hold: Hold, told: dict[str, Any]) -> None:
    open_items = update(HoldItem).where(HoldItem.hold == hold.n, HoldItem.released_on == "").values(
        released_on=told["day"]).execution_options(synchronize_session=False)
    if told["whole"]:
        session.execute(open_items)
        hold.released_on = told["day"]
    for start in range(0, len(told["items"]), SOME):
        session.execute(open_items.where(HoldItem.code.in_(told["items"][start:start + SOME])))
    hold.releases = told["n"]


def _placed(told: dict[str, Any], hold_object: str) -> Entry:
    data = {key: told[key] for key in _TOLD if key != "by" and told[key]}
    return Entry(PLACED, f"{told['n']:06d}", {
        **data, "object": hold_object, "version": 1, "count": len(told["items"]),
        "items": [code for _kind, code, _case_file in told["items"][:MOST_TOLD]]},
        event_key(PLACED, hold_object), told["by"])


def _released(told: dict[str, Any], hold_object: str) -> Entry:
    data = {key: told[key] for key in _RELEASE_TOLD if key != "by" and told[key]}
    return Entry(RELEASED, f"{told['hold']:06d}", {
        **data, "object": hold_object, "version": told["n"] + 1, "whole": told["whole"], "day": told["day"],
        "count": len(told["items"]), "items": told["items"][:MOST_TOLD]},
        event_key(RELEASED, hold_object, str(told["n"])), told["by"])


def catch_up(archive: Archive) -> None:
    """Tell ledger and catalogue of holds and releases that a kill left in the store. The caller owns the archive."""
    with archive.catalogue.session() as session:
        n = (session.scalar(select(func.max(Hold.n))) or 0) + 1
        while archive.store.has(object_id(n)):
            admit(archive, session, object_id(n))
            n += 1
        for left in session.scalars(select(Hold.n).where(Hold.state == RELEASING)).all():
            admit(archive, session, object_id(left))


# --- what is held ---------------------------------------------------------------------------------------------------


def held(session: Session) -> Select[Any]:
    """A select of the codes of all case files that are held now: what enters no list for destruction.

    A hold on a document holds its case file, one on a fonds all of that fonds, also what comes in later.
    """
    fonds = select(HoldItem.code).where(HoldItem.kind == "fonds", HoldItem.released_on == "")
    parts: list[Any] = [
        select(HoldItem.case_file.label("code")).where(HoldItem.kind != "fonds", HoldItem.released_on == ""),
        select(CaseFile.code).where(CaseFile.fonds.in_(fonds))]
    parts += [hold_queries.case_files(hold_queries.conditions(told)) for told in session.scalars(
        select(Hold.conditions).where(Hold.standing, Hold.released_on == ""))]
    together = union(*parts).subquery()
    return select(together.c.code)


def holds_of(session: Session, code: str, on: str = "") -> list[Told]:
    """The holds that are on a case file (itself, a document in it, its fonds), by number.

    `on` (YYYY-MM-DD): those that were on record at the end of that day; else those of now. Standing holds ask what the
    case file is like now.
    """
    row = session.get(CaseFile, code)
    mine = or_(HoldItem.case_file == code, (HoldItem.kind == "fonds") & (HoldItem.code == (row.fonds if row else "")))
    there = select(HoldItem.hold).where(mine, _in_force(HoldItem.released_on, on))
    numbers = set(session.scalars(there))
    for hold in session.scalars(select(Hold).where(Hold.standing, _in_force(Hold.released_on, on))):
        meets = hold_queries.case_files(hold_queries.conditions(hold.conditions)).where(CaseFile.code == code)
        if session.scalar(meets.limit(1)) is not None:
            numbers.add(hold.n)
    ordered = select(Hold).where(Hold.n.in_(numbers)).order_by(Hold.n)
    return [Told(f"{one.n:06d}", one.reason, one.requester, one.number, one.dated, one.from_day, one.released_on)
            for one in session.scalars(ordered)
            if not on or clock.in_vietnam(clock.parse(one.at)).date().isoformat() <= on]


def _in_force(released_on: Any, on: str) -> Any:
    return (released_on == "") | (released_on > on) if on else released_on == ""


# --- steps ----------------------------------------------------------------------------------------------------------


def _check_ground(ground: Ground, today: str, *, releasing: bool) -> list[Finding]:
    """The document, the reason and who asks: none may be missing."""
    number, found = ground.number.strip(), []
    if not number or not ground.dated:
        found.append(finding("HOLD-004" if releasing else "HOLD-002", number or "—"))
    for day, latest in ((ground.dated, today), (ground.from_day, "9999-12-31")):
        if day and not (is_day(day) and day <= latest):
            found.append(finding("HOLD-009", day))
    if not ground.reason.strip() or not (releasing or ground.requester.strip()):
        found.append(finding("HOLD-010", number or "—"))
    return found


def _named(session: Session, codes: Iterable[str]) -> tuple[list[Item], list[str]]:
    """The things of these codes, in the order of the codes, and the codes of which there are none."""
    wanted = list(dict.fromkeys(codes))
    known: dict[str, Item] = {}
    for start in range(0, len(wanted), SOME):
        some = wanted[start:start + SOME]
        known |= {code: ("fonds", code, "") for code in session.scalars(select(Fonds.code).where(Fonds.code.in_(some)))}
        known |= {code: ("document", code, case_file) for code, case_file in session.execute(
            select(Document.code, Document.case_file).where(Document.code.in_(some)))}
        known |= {code: ("casefile", code, code) for code in session.scalars(
            select(CaseFile.code).where(CaseFile.code.in_(some)))}
    return [known[code] for code in wanted if code in known], [code for code in wanted if code not in known]


def _without_held(session: Session, items: Sequence[Item], ground: Ground) -> tuple[list[Item], list[Finding]]:
    """The items that the same requester does not hold already by the same document; a warning for the others."""
    same = select(Hold.n).where(Hold.released_on == "", Hold.number == ground.number.strip(),
                                Hold.requester == ground.requester.strip())
    already = select(HoldItem.code, HoldItem.hold).where(HoldItem.hold.in_(same), HoldItem.released_on == "")
    there = {row.code: row.hold for row in session.execute(already)}
    if not there:
        return list(items), []
    left = [item for item in items if item[1] not in there]
    twice = [item[1] for item in items if item[1] in there]
    return left, [finding("HOLD-003", code, hold=f"{there[code]:06d}") for code in twice[:MOST_TOLD]] + (
        [finding("HOLD-003", _("{n} more").format(n=len(twice) - MOST_TOLD), hold="…")]
        if len(twice) > MOST_TOLD else [])
