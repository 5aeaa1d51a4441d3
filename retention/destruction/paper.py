"""Paper beside the electronic: the paper case files that go by the same list, in which boxes, and the minutes of it.

The system destroys no paper. It lists it (TT 05/2025/TT-BNV Đ48.5; Luật Lưu trữ 33/2024/QH15 Đ36.4.b: the paper that
was digitised goes as well), and a batch is not done before the number of the minutes of its destruction was given.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive import model
from archive.catalogue import SOME
from archive.errors import UsageError
from archive.findings import Finding, finding
from archive.i18n import _
from archive.settings import Settings
from archive.spelling import fold
from retention.destruction.keeping import Batch
from retention.tables.reading import is_day

PLACE = "paper"         # of what is pending while the minutes lack
_COLUMNS = {"box": "box", "hop": "box", "hop so": "box", "code": "code", "ma": "code", "ma ho so": "code",
            "tap, ho so so": "code", "ho so so": "code", "title": "title", "tieu de": "title",
            "tieu de ho so": "title", "reason": "reason", "ly do": "reason", "note": "note", "ghi chu": "note"}
_REASONS = {"": "expired", "expired": "expired", "het thoi han": "expired", "het thoi han luu tru": "expired",
            "duplicate": "duplicate", "trung lap": "duplicate", "trung": "duplicate"}


@dataclass(frozen=True, slots=True)
class Minutes:
    """The minutes of the destruction of the paper: number and day (YYYY-MM-DD)."""

    number: str
    dated: str


def beside(session: Session, items: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The paper of these items, as the newest scan job that had it in its hands tells it: box, code, title, reason."""
    known = {one["code"]: one for one in items}
    codes, boxes = list(known), dict[str, str]()
    for start in range(0, len(codes), SOME):
        boxes.update((row.code, row.box) for row in session.execute(select(
            model.ScanJobFile.code, model.ScanJobFile.box).join(
            model.ScanJob, model.ScanJob.id == model.ScanJobFile.job).where(
            model.ScanJobFile.code.in_(codes[start:start + SOME]), model.ScanJobFile.handed_over > 0).order_by(
            model.ScanJob.started_on, model.ScanJob.id)))
    return [{"box": boxes[code], "code": code, "title": known[code]["title"], "reason": known[code]["reason"],
             "note": "Đã số hóa"} for code in codes if code in boxes]


def read_csv(data: bytes) -> list[dict[str, Any]]:
    """Paper case files from CSV: box, code, title, reason, note (hộp; mã hồ sơ; tiêu đề; lý do; ghi chú).

    A row whose code an item of the batch has says where the paper of that item lies. Raises UsageError.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(_("The CSV file is not in UTF-8.")) from None
    heads = text.partition("\n")[0]
    rows = []
    for n, row in enumerate(csv.DictReader(io.StringIO(text), delimiter=";" if ";" in heads else ","), 2):
        told = {_COLUMNS.get(fold(key or "").strip(), ""): (value or "").strip() for key, value in row.items()
                if isinstance(value, str) or value is None}
        reason = _REASONS.get(fold(told.get("reason", "")))
        if not told.get("code") or reason is None:
            raise UsageError(_("Line {n} of the CSV file: the number of the case file or the reason cannot be read."
                               ).format(n=n))
        rows.append({"box": told.get("box", ""), "code": told["code"], "title": told.get("title", ""),
                     "reason": reason, "note": told.get("note", "")})
    if not rows or len({one["code"] for one in rows}) < len(rows):
        raise UsageError(_("The CSV file names no paper case file, or one of them twice."))
    return rows


def listed(session: Session, items: Sequence[Mapping[str, Any]], given: Iterable[Mapping[str, Any]],
           ) -> list[dict[str, Any]]:
    """The paper list of a batch: what scan jobs know, over it what a person gave; by box and number."""
    found = {one["code"]: one for one in beside(session, items)}
    titles = {one["code"]: one["title"] for one in items}
    for one in given:
        found[one["code"]] = {**found.get(one["code"], {}), **{key: value for key, value in one.items() if value},
                              "box": one["box"], "note": one["note"] or found.get(one["code"], {}).get("note", ""),
                              "title": one["title"] or titles.get(one["code"], "")}
    rows = sorted(found.values(), key=lambda one: (one["box"], one["code"]))
    return [{"n": n, **{key: one.get(key, "") for key in ("box", "code", "title", "reason", "note")},
             "given": bool(one.get("given")), "state": "proposed", "why": ""} for n, one in enumerate(rows, 1)]


def boxes(batch: Batch) -> list[dict[str, Any]]:
    """The boxes of the paper that goes, each with its number of case files and which they are."""
    found: dict[str, list[str]] = {}
    for one in batch.standing_paper:
        found.setdefault(one["box"] or "…", []).append(one["code"])
    return [{"box": box, "files": len(codes), "codes": ", ".join(codes)} for box, codes in sorted(found.items())]


def minutes_of(batch: Batch) -> Mapping[str, Any]:
    """The minutes that were given for the paper of a batch; empty: none yet."""
    told: Mapping[str, Any] = batch.act("executed").get("paper", {})
    return told


def check(settings: Settings, batch: Batch, given: Minutes | None, today: str) -> list[Finding]:
    """Whether the minutes can be those of this paper: after the decision, not to come; late is only told.

    Raises UsageError for a number without a day, or minutes of a batch without paper.
    """
    if given is None:
        return []
    if not batch.standing_paper:
        raise UsageError(_("The batch {id} has no paper list.").format(id=batch.id))
    if not given.number.strip() or not is_day(given.dated):
        raise UsageError(_("Give the number and the day (YYYY-MM-DD) of the minutes on the paper."))
    decided = str(batch.act("approved")["dated"])
    if not decided <= given.dated <= today:
        return [finding("DESTROY-055", batch.id, dated=given.dated, decided=decided)]
    last = date.fromisoformat(decided) + timedelta(days=settings.destruction.apply_days)
    if given.dated > last.isoformat():
        return [finding("DESTROY-056", batch.id, number=given.number, dated=given.dated, last=last.isoformat())]
    return []
