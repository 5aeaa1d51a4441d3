"""What the page of a case file tells of its period: until when, why, what keeps it, and where it stands in a list.

Reckoned from the catalogue, so that the page stays quick; the whole answer is one click away (web/pages/retention.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archive import model
from archive.retention_text import UNKNOWN
from retention import assigning, blocking, life
from retention.commands.retention_due import rule_in_words
from retention.holds import Told
from retention.period import Counting, Facts, Period, explain
from web.pages import retention_reach as reach
from web.pages.retention_outlook import today
from web.people import Person
from web.site import Site


@dataclass(frozen=True, slots=True)
class Panel:
    """The period of one case file. `held` without `holds`: something holds it that the person is not told more of.

    `batch` and `transfer` are where it stands, as far as the person may know; `linked`: case files that need its
    documents; `may_hold`: whether the person may place a hold on it.
    """

    code: str
    rule: str
    words: str
    period: Period
    held: bool
    holds: Sequence[Told]
    linked: int
    batch: str
    transfer: str
    may_hold: bool


def panel(site: Site, who: Person, row: model.CaseFile) -> Panel | None:
    """What the person may be told of a case file's period; None where they may not know of all of it."""
    if not who.may("retention"):
        return None
    with site.session() as session:
        if row.code not in reach.known_codes(session, who.reach, [row.code]):
            return None
        day = today().isoformat()
        period, rule, words = period_of(session, row, day, site.settings.retention.counting)
        held = blocking.holds_of(session, row.code, day)
        linked = session.scalar(select(func.count(func.distinct(model.DocumentLink.case_file))).where(
            model.DocumentLink.home == row.code, model.DocumentLink.ended == 0)) or 0
        batch = session.scalar(select(model.Destruction).join(
            model.DestructionItem, model.DestructionItem.destruction == model.Destruction.id).where(
            model.DestructionItem.case_file == row.code, model.DestructionItem.document == "",
            model.DestructionItem.state.in_(("proposed", "destroyed")))
            .order_by(model.Destruction.id.desc()).limit(1))
        transfer = session.scalar(select(model.TransferItem.transfer).join(
            model.Transfer, model.Transfer.code == model.TransferItem.transfer).where(
            model.TransferItem.code == row.code, model.TransferItem.state.not_in(("returned", "missing")))
            .order_by(model.TransferItem.transfer.desc()).limit(1))
    return Panel(
        row.code, rule, words, period, bool(held), held if who.may("holds") else (), linked,
        batch.id if batch is not None and batch.state != "cancelled" and reach.sees_batch(who, batch) else "",
        transfer if transfer and who.may("transfers") and reach.covers(who.reach, row.fonds) else "",
        who.may("hold"))


def period_of(session: Session, row: model.CaseFile, day: str, counting: Counting) -> tuple[Period, str, str]:
    """The period of a case file on a day of now, its rule by name, and the rule's period in words."""
    decided = assigning.history(session, row.code)
    decision, event = assigning.in_force(decided, day), assigning.in_force(decided, day, event=True)
    of_table = assigning.row_of(session, decision)
    rule = assigning.rule_by(decision, of_table, row.keep_years)
    longest, dated = session.execute(select(func.max(model.Document.keep_years), func.max(model.Document.dated)).where(
        model.Document.case_file == row.code)).one()
    found = explain(Facts(
        rule, UNKNOWN if longest is None else longest, bool(row.closed_at), max(row.ended, dated or 0),
        int(event.event_on[:4]) if event else 0, counting))
    return found, rule_in_words(life.label(decision, of_table, row.keep_years)), assigning.words(rule)
