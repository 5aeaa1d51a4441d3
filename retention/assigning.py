"""The rule of each case file: what the file plan says, or what a person decided; exactly one at any time.

A decision is one object of the store for as many case files as it names; it changes nothing in their own objects, so
closed ones can be given a rule, too. The newest decision whose first day has come counts; those before stay as history.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from archive import clock, decisions
from archive.catalogue import SOME
from archive.catalogue import record as record_events
from archive.errors import UsageError
from archive.findings import Finding, finding
from archive.i18n import _
from archive.ledger import Entry, event_key
from archive.model import CaseFile, Document, PeriodAssignment, PeriodDecision, RetentionRule
from archive.opening import Archive
from archive.retention_text import FOREVER, LONGEST, SHORTEST, UNKNOWN
from retention.period import Rule
from retention.tables import keeping
from retention.tables.reading import is_day

PREFIX = "urn:luutru:periods:"
SET, HAPPENED = "periods_set", "period_events_recorded"
MOST_TOLD = 100         # codes that the ledger's line names; the object names all
_TOLD = ("by", "kind", "from_day", "reason", "table_id", "version", "rule", "years", "law", "event_on")


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person decides. `kind` table: a row of a table, its period or a longer one; other_law: `years` by `law`;
    event: what the rule waits for happened on `event_on`. `years`: FOREVER for permanent, 0 for the row's own."""

    kind: str
    reason: str
    by: str
    from_day: str
    rule: str = ""              # "tt09_2011:5.1" or "tt09_2011@1:5.1"
    years: int = 0
    law: str = ""
    event_on: str = ""


def assign(archive: Archive, codes: Sequence[str], decision: Decision, *, at: datetime,
           dry_run: bool = False) -> tuple[int, list[Finding]]:
    """Decide for these case files: the decision's number and what was found. With findings that refuse nothing is done.

    The number is 0 then, and with `dry_run`. The caller owns the archive. Raises UsageError for an unknown case file or
    row, a day that is none, and without a reason.
    """
    _check_form(decision)
    wanted = list(dict.fromkeys(codes))
    if not wanted:
        raise UsageError(_("Name the case files."))
    decisions.catch_up(archive, ROW)
    with archive.catalogue.session() as session:
        rows = _case_files(session, wanted)
        for code in wanted:
            if code not in rows:
                raise UsageError(_("There is no case file {code}.").format(code=code))
        row = keeping.rule_of(session, decision.rule) if decision.kind == "table" else None
        if decision.kind == "table" and row is None:
            raise UsageError(_("There is no row {rule} in the retention tables; see luutru retention tables.").format(
                rule=decision.rule))
        asked = [rows[code] for code in wanted]
        found = _check(session, asked, decision, row)
        if row is not None:
            found += _not_in_force(session, asked, row, decision.from_day)
    if dry_run or any(one.level.name in ("refused", "failed") for one in found):
        return 0, found
    told = {"by": decision.by, "kind": decision.kind, "from_day": decision.from_day, "reason": decision.reason.strip(),
            "table_id": row.table_id if row else "", "version": row.version if row else 0,
            "rule": row.code if row else "", "years": _years(decision, row), "law": decision.law.strip(),
            "event_on": decision.event_on, "case_files": wanted}
    return decisions.write(archive, ROW, told, message="periods decided", at=at), found


def admit(archive: Archive, session: Session, object_id: str) -> None:
    """The event and the rows of one decision; nothing is done twice."""
    told = decisions.read(archive, object_id)
    record_events(session, archive.ledger, [_entry(told, object_id)])
    if session.get(PeriodDecision, told["n"]) is None:
        session.add(PeriodDecision(n=told["n"], at=told["at"], case_files=len(told["case_files"]),
                                   **{key: told[key] for key in _TOLD}))
        session.flush()
        session.execute(insert(PeriodAssignment), [{"case_file": code, "n": told["n"]} for code in told["case_files"]])


def _entry(told: dict[str, Any], object_id: str) -> Entry:
    kind = HAPPENED if told["kind"] == "event" else SET
    data = {"object": object_id, "count": len(told["case_files"]), "case_files": told["case_files"][:MOST_TOLD],
            **{key: told[key] for key in _TOLD if key not in ("by", "version") and told[key]}}
    # `version` is the object's, as everywhere in the ledger.
    return Entry(kind, f"{told['n']:06d}", {**data, "version": 1, "table_version": told["version"]},
                 event_key(kind, object_id), told["by"])


def _last(session: Session) -> int:
    return session.scalar(select(func.max(PeriodDecision.n))) or 0


ROW = decisions.Row(PREFIX, "luutru/periods/1", _last, admit)


# --- what counts --------------------------------------------------------------------------------------


def history(session: Session, code: str) -> list[PeriodDecision]:
    """Every decision on the period of a case file, oldest first."""
    return list(session.scalars(select(PeriodDecision).join(
        PeriodAssignment, PeriodAssignment.n == PeriodDecision.n).where(
        PeriodAssignment.case_file == code).order_by(PeriodDecision.n)))


def in_force(decided: Sequence[PeriodDecision], on: str, *, event: bool = False) -> PeriodDecision | None:
    """The decision that counts on the day `on`: the newest taken by its end whose first day has come.

    `event`: the newest record of the awaited event instead.
    """
    counting = [one for one in decided if (one.kind == "event") == event and one.from_day <= on
                and clock.in_vietnam(clock.parse(one.at)).date().isoformat() <= on]
    return counting[-1] if counting else None


def rule_by(decision: PeriodDecision | None, row: RetentionRule | None, plan_years: int) -> Rule | None:
    """The rule of a case file: by the decision in force, else by the period of the file plan; None where none is.

    `row` is the decision's row of a table, as it was when it was chosen.
    """
    if decision is None:
        if plan_years == UNKNOWN:
            return None
        return Rule("plan", "permanent") if plan_years == FOREVER else Rule("plan", "years", plan_years)
    if decision.kind == "other_law":
        return Rule("other_law", "permanent") if decision.years == FOREVER else Rule(
            "other_law", "years", decision.years)
    assert row is not None
    if decision.years == FOREVER or row.kind == "permanent":
        return Rule("table", "permanent", floor=FOREVER if row.kind == "permanent" else row.years)
    if row.kind == "event":
        return Rule("table", "event", max(decision.years, row.years), floor=row.years)
    return Rule("table", "years", max(decision.years, row.years), floor=row.years)


def row_of(session: Session, decision: PeriodDecision | None) -> RetentionRule | None:
    """The row of a table that a decision chose; None where it chose none."""
    if decision is None or decision.kind != "table":
        return None
    return session.get_one(RetentionRule, (decision.table_id, decision.version, decision.rule))


def words(rule: Rule | None) -> str:
    """A rule's period in words."""
    if rule is None:
        return _("none")
    return years_in_words(FOREVER if rule.kind == "permanent" else rule.years) if rule.kind != "event" or rule.years \
        else _("until the event")


def years_in_words(years: int) -> str:
    """A number of years as people say it."""
    if years == FOREVER:
        return _("permanent")
    return _("not set") if years == UNKNOWN else _("{n} years").format(n=years)


# --- checks -------------------------------------------------------------------------------------------


def _check_form(decision: Decision) -> None:
    if not decision.reason.strip():
        raise UsageError(_("--reason may not be empty: the ledger keeps why."))
    for day in (decision.from_day, decision.event_on):
        if day and not is_day(day):
            raise UsageError(_("“{value}” is no day; write YYYY-MM-DD.").format(value=day))


def _years(decision: Decision, row: RetentionRule | None) -> int:
    """The years a decision stands for: those that were chosen, else those of the row."""
    if decision.years or row is None:
        return decision.years
    return FOREVER if row.kind == "permanent" else row.years


def _case_files(session: Session, codes: Sequence[str]) -> dict[str, CaseFile]:
    found: dict[str, CaseFile] = {}
    for start in range(0, len(codes), SOME):
        found |= {row.code: row for row in session.scalars(select(CaseFile).where(
            CaseFile.code.in_(codes[start:start + SOME])))}
    return found


def _check(session: Session, rows: Sequence[CaseFile], decision: Decision, row: RetentionRule | None) -> list[Finding]:
    """What refuses the decision, and what a person should know of it."""
    if decision.kind == "event":
        return [finding("RETAIN-020", one.code) for one in rows if not _waits(session, one)]
    chosen = _years(decision, row)
    found = _check_choice(rows, decision, row, chosen)
    longest = _longest(session, [one.code for one in rows])
    before = _rules(session, rows, decision.from_day)
    for one in rows:
        former, after = before[one.code], chosen
        if former is not None and former.kind != "event" and (row is None or row.kind != "event"):
            had = FOREVER if former.kind == "permanent" else former.years
            if after < had:
                found.append(finding("RETAIN-018", one.code, before=years_in_words(had), after=years_in_words(after)))
        if longest.get(one.code, UNKNOWN) > after:
            found.append(finding("RETAIN-019", one.code, documents=years_in_words(longest[one.code]),
                                 chosen=years_in_words(after)))
    return found


def _check_choice(rows: Sequence[CaseFile], decision: Decision, row: RetentionRule | None,
                  chosen: int) -> list[Finding]:
    subject = rows[0].code if len(rows) == 1 else _("{n} case files").format(n=len(rows))
    found = []
    if decision.kind == "other_law":
        if len(decision.law.strip()) < 8:
            found.append(finding("RETAIN-017", subject))
        if chosen != FOREVER and chosen < 1:
            raise UsageError(_("Say the period: --years N or --permanent."))
    elif decision.years and decision.years != FOREVER and not SHORTEST <= decision.years <= LONGEST:
        found.append(finding("RETAIN-016", subject, chosen=years_in_words(decision.years), shortest=SHORTEST,
                             longest=LONGEST))
    if row is not None:
        least = FOREVER if row.kind == "permanent" else row.years
        if chosen < least:
            found.append(finding("RETAIN-014", subject, chosen=years_in_words(chosen), rule=row.code,
                                 table=f"{row.table_id}@{row.version}: {row.period}"))
    return found


def _not_in_force(session: Session, rows: Sequence[CaseFile], row: RetentionRule, on: str) -> list[Finding]:
    """The case files to which a row's table does not apply: it is in force neither now nor was it in their year."""
    table = keeping.table_of(session, f"{row.table_id}@{row.version}")
    assert table is not None
    return [finding("RETAIN-015", one.code, table=table.id, year=one.year,
                    valid=f"{table.valid_from} – {table.valid_to or '…'}")
            for one in rows if not (keeping.valid_in(table, one.year) or (
                not table.legacy and table.valid_from <= on and (not table.valid_to or on <= table.valid_to)))]


def _waits(session: Session, one: CaseFile) -> bool:
    counts = in_force(history(session, one.code), "9999-12-31")
    rule = rule_by(counts, row_of(session, counts), one.keep_years)
    return rule is not None and rule.kind == "event"


def _rules(session: Session, rows: Sequence[CaseFile], on: str) -> dict[str, Rule | None]:
    """The rule of each of these case files on a day."""
    decided: dict[str, list[PeriodDecision]] = {}
    codes = [one.code for one in rows]
    for start in range(0, len(codes), SOME):
        for code, decision in session.execute(select(PeriodAssignment.case_file, PeriodDecision).join(
                PeriodDecision, PeriodDecision.n == PeriodAssignment.n).where(
                PeriodAssignment.case_file.in_(codes[start:start + SOME])).order_by(PeriodDecision.n)):
            decided.setdefault(code, []).append(decision)
    found: dict[str, Rule | None] = {}
    for one in rows:
        counts = in_force(decided.get(one.code, ()), max(on, "0000"))
        found[one.code] = rule_by(counts, row_of(session, counts), one.keep_years)
    return found


def _longest(session: Session, codes: Sequence[str]) -> dict[str, int]:
    """The longest period that a document of each case file names."""
    found: dict[str, int] = {}
    for start in range(0, len(codes), SOME):
        found |= {row[0]: row[1] for row in session.execute(select(
            Document.case_file, func.max(Document.keep_years)).where(
            Document.case_file.in_(codes[start:start + SOME])).group_by(Document.case_file))}
    return found
