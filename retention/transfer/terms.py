"""The terms of hand-overs: when a case file is due, until when a registration is answered and a delivery processed.

The periods are those of every deadline (retention/deadlines.toml, rules TR-01, TR-02, TR-04): the same that the morning
report counts. Nothing here changes anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive import clock
from archive.catalogue import SOME
from archive.model import CaseFile
from retention import life
from retention.deadline_rules import Ground, historical, kinds, terms
from retention.period import Counting
from retention.transfer.objects import AGENCY, OVER, open_transfers


@dataclass(frozen=True, slots=True)
class Due:
    """One thing that is due: its kind (deadlines.toml), about what, until when, by which article, if that passed."""

    kind: str
    subject: str
    due: date
    article: str
    late: bool

    def sentence(self, language: str) -> str:
        """What is to be done, in `vi` or `en`."""
        told, language = kinds()[self.kind].sentences, "en" if language == "en" else "vi"
        return told.get(f"{language}_transfer", told[language]).format(subject=self.subject)


@dataclass(frozen=True, slots=True)
class Proposed:
    """A case file that is due to be handed over: until when, and from when it should have been registered."""

    code: str
    title: str
    fonds: str
    ended: int          # the year the work ended
    due: date
    register_by: date
    state: str          # of the case file: only a closed one can travel
    transfer: str       # the hand-over that has it already; empty: none


def historical_due(row: CaseFile, ended: int, ground: Ground) -> tuple[date, date] | None:
    """Until when a permanent case file goes to the historical archive, and by when it is registered there.

    Luật Lưu trữ 33/2024/QH15 Đ17.3, Đ65.6; TT 05/2025/TT-BNV Đ20.2. `ended`: the year its work ended. The year of
    submission to the current archive is that in which the case file was closed here (quy ước của hệ thống). None when
    the settings switch these terms off.
    """
    submitted = clock.in_vietnam(clock.parse(row.closed_at)).year if row.closed_at else ended
    found = historical(ended, submitted, ground, special=row.fonds in ground.special)
    if not found:
        return None
    before = terms("registration", found[0].due, ground)
    return found[0].due, before[0].due if before else found[0].due


def propose(session: Session, on: date, counting: Counting, ground: Ground, *, fonds: str = "") -> Iterator[Proposed]:
    """Permanent case files that are to be registered with the historical archive by `on`; by due day and code.

    Rules TR-02, TR-03.
    """
    life.gather(session, on.isoformat())
    try:
        life.judge(session, counting)
        ended = dict(life.permanent(session, fonds=fonds))
    finally:
        life.forget(session)
    codes, found = sorted(ended), []
    rows = (row for start in range(0, len(codes), SOME)
            for row in session.scalars(select(CaseFile).where(CaseFile.code.in_(codes[start:start + SOME]))))
    for row in rows:
        year = ended[row.code] or row.ended or row.year
        due = historical_due(row, year, ground)
        if due is not None and due[1] <= on:
            found.append(Proposed(row.code, row.title, row.fonds, year, *due, row.state, ""))
    taken = open_transfers(session, [one.code for one in found])
    for one in sorted(found, key=lambda one: (one.due, one.code)):
        yield Proposed(one.code, one.title, one.fonds, one.ended, one.due, one.register_by, one.state,
                       taken.get(one.code, ""))


def of_transfer(record: Mapping[str, Any], today: date, ground: Ground) -> list[Due]:
    """What is due of one hand-over as its record tells it, the earliest first (rule TR-04).

    The sixty days of the processing run from the complete receipt (TT 05/2025/TT-BNV Đ25.6).
    """
    if record["state"] in OVER:
        return []
    events: list[tuple[str, date]] = []
    if record["state"] == "registered":
        (at,) = (act["at"] for act in record["acts"] if act["act"] == "registered")
        events.append(("answer", clock.in_vietnam(clock.parse(at)).date()))
    if (complete := record.get("complete_on")) and record["state"] in ("waiting", "examined"):
        kind = "processing" if record["kind"] == "historical" else "confirmation"
        events.append((kind, date.fromisoformat(complete)))
    found = [Due(kind, record["code"], first.due, first.rule.article, first.due < today)
             for kind, event in events for first in terms(kind, event, ground)[:1]]
    if record["side"] == AGENCY and record["state"] in ("registered", "agreed", "prepared") and (
            last := record["registration"].get("due", "")):
        due = date.fromisoformat(last)
        article = next(rule.article for rule in kinds()["historical"].rules)
        found.append(Due("historical", record["code"], due, article, due < today))
    return sorted(found, key=lambda one: one.due)
