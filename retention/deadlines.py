"""Deadlines: what is due, by which article, computed from the catalogue; nothing here changes anything.

The periods are data (deadlines.toml). Where the texts disagree the strictest is taken and the others are named.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive import model


@dataclass(frozen=True, slots=True)
class Deadline:
    """One thing that is due: what, until when, by which article."""

    kind: str
    subject: str
    due: date
    late: bool
    params: dict[str, str]

    def sentence(self, language: str) -> str:
        """What is to be done, in `vi` or `en`."""
        text: str = _rules()[self.kind]["en" if language == "en" else "vi"]
        return text.format(subject=self.subject, **self.params)

    @property
    def article(self) -> str:
        """The article that sets the period."""
        return str(_rules()[self.kind]["article"])

    def others(self, language: str) -> str:
        """The other periods that texts in force give for the same thing; empty when there is none."""
        return str(_rules()[self.kind]["others_en" if language == "en" else "others_vi"])


def due(session: Session, batch: str, today: date) -> list[Deadline]:
    """What is due after the night `batch`, the earliest first.

    Receipt notices for the documents that other agencies sent (NĐ 30/2020 Đ21.2.c), returns of what is in
    quarantine (Đ21.2.b), and case files of past years that are still open (TT 05/2025 Đ19.1: 60 days from the
    end of the work, counted here from 31 December of the file's year, which is an interpretation).
    """
    found = []
    own = select(model.Document).where((model.Document.batch == batch) | (
        model.Document.legal_received_at >= today.isoformat())).order_by(model.Document.code)
    for document in session.scalars(own):
        if document.fields.get("direction") == "đến" or document.fields.get("documentId"):
            found.append(_deadline("receipt_notice", _name(document), _day(document.legal_received_at), today))
    # An item that only lacks its case file is for the archivist, not for its sender.
    held = select(model.ItemFinding.item).where(
        model.ItemFinding.level == "refused", model.ItemFinding.code.not_like("FILE-%"))
    for item in session.scalars(select(model.Item).where(
            model.Item.state == "quarantine", model.Item.id.in_(held)).order_by(model.Item.name)):
        found.append(_deadline("refusal_notice", item.name, _day(item.legal_received_at), today))
    for case_file in session.scalars(select(model.CaseFile).where(
            model.CaseFile.state == "open", model.CaseFile.year < today.year).order_by(model.CaseFile.code)):
        found.append(_deadline("submission", case_file.code, date(case_file.year, 12, 31), today,
                               year=str(case_file.year)))
    return sorted(_together(found), key=lambda one: (one.due, one.kind, one.subject))


def _together(found: list[Deadline]) -> list[Deadline]:
    """More than two notices of one kind and day as one line with their number."""
    groups: dict[tuple[str, date], list[Deadline]] = {}
    for one in found:
        groups.setdefault((one.kind, one.due), []).append(one)
    told: list[Deadline] = []
    for (kind, day), group in groups.items():
        if len(group) > 2 and f"{kind}s" in _rules():
            told.append(Deadline(f"{kind}s", str(len(group)), day, group[0].late, {}))
        else:
            told += group
    return told


def _deadline(kind: str, subject: str, start: date, today: date, **params: str) -> Deadline:
    end = start + timedelta(days=_rules()[kind]["days"])
    return Deadline(kind, subject, end, end < today, params)


def _name(document: model.Document) -> str:
    number = "/".join(part for part in (document.number, document.notation) if part)
    return number or document.code


def _day(stamp: str) -> date:
    return datetime.fromisoformat(stamp).date()


@cache
def _rules() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name("deadlines.toml").read_text())
