"""Log and minutes of backups, checks and restores: forms 01–04 of TT 05/2025/TT-BNV Phụ lục VII.

Each is made from the ledger alone, so the same events always give the same paper. What the ledger cannot know (where
the device stands, what was done about a fault) the caller may give; otherwise dots wait for a pen.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive import clock
from archive.backup import standing
from archive.errors import UsageError
from archive.fixity.damage import CHECKED, FAILED
from archive.forms import words
from archive.i18n import _
from archive.model import Event
from archive.settings import Settings

KINDS = {"check": "check_minutes", "log": "backup_log", "minutes": "backup_minutes", "restore": "restore_minutes"}
_OF = {"check": (CHECKED, FAILED, standing.CHECKED), "minutes": (standing.MADE,),
       "restore": (standing.RESTORED, standing.DRILLED)}
GOOD, BAD = "bình thường", "lỗi"
METHODS = {"full": "toàn bộ", "incremental": "tăng dần"}
MOST = 100              # faults that a paper names: as many as the ledger


def latest(session: Session, kind: str, *, number: int = 0, target: str = "") -> Event:
    """The newest event that a paper of this kind tells of, or the one of that number. Raises UsageError for none."""
    wanted = select(Event).where(Event.kind.in_(_OF[kind])).order_by(Event.seq.desc())
    if number:
        wanted = wanted.where(Event.seq == number)
    if target:
        wanted = wanted.where(Event.subject == target)
    event = session.scalar(wanted.limit(1))
    if event is None:
        raise UsageError(_("the ledger tells of nothing of this kind"))
    return event


def check_minutes(settings: Settings, event: Event, **given: str) -> dict[str, Any]:
    """Form 01: what a check of the store, its copies, or of backups found. `given`: where, remedy, head."""
    data = event.data
    if event.kind == standing.CHECKED:
        number, named = data["number"], [f"{one['set']}/{one['path']}: {one['kind']}" for one in data["faults"]]
        rows = [{"what": f"Bản sao lưu {', '.join(data['sets'])} (phương tiện {data['medium']}): "
                         f"{words.figures(data['files'])} tệp, {size(data['bytes'])}, mọi tệp đọc lại và so mã băm",
                 "result": BAD if number else GOOD, "note": f"{number} lỗi" if number else ""}]
        if scan := data.get("scan"):
            bad = sum(count for said, count in scan.items() if said not in ("tool", "clean"))
            rows.append({"what": f"Quét vi-rút ({scan['tool']}): {words.figures(scan.get('clean', 0))} tệp sạch",
                         "result": BAD if bad else GOOD, "note": f"{bad} tệp khác" if bad else ""})
        else:
            rows.append({"what": "Quét vi-rút", "result": "chưa kiểm tra", "note": ""})
    else:
        named, others = data["faults"], data.get("others", 0)
        number = max(len(named), others)
        rows = [{"what": f"Tài liệu lưu trữ số: {words.figures(data['objects'])} đối tượng, mọi tệp đọc lại và so mã "
                         f"băm; nơi đã đọc: {', '.join(_place(one) for one in data.get('places', ['store']))}",
                 "result": BAD if named else GOOD, "note": f"{len(named)} lỗi" if named else ""},
                {"what": "Sổ của kho, tệp đã ghi nhận và tài liệu chờ", "result": BAD if others else GOOD,
                 "note": f"{others} lỗi" if others else ""}]
    return {**_head(settings, event), "checker": event.actor, "rows": rows,
            "errors": f"{number}." if number else "không.",
            "faults": [{"text": one} for one in named[:MOST]], "more": max(0, number - MOST) or "", **given}


def backup_log(settings: Settings, session: Session, first: date, last: date, *, target: str = ""
               ) -> dict[str, Any]:
    """Form 02: every backup that was made between two days in Vietnam, both included."""
    rows = []
    for event in session.scalars(select(Event).where(Event.kind == standing.MADE).order_by(Event.seq)):
        moment = clock.in_vietnam(clock.parse(event.data["made_at"]))
        if not first <= moment.date() <= last or (target and event.subject != target):
            continue
        data = event.data
        content = f"{words.figures(data['files'])} tệp, {size(data['bytes'])}"
        if data["kind"] == "full":
            content = ("tài liệu, dữ liệu mô tả (XML), sổ, " + ("danh mục, " if data["catalogue"] else "")
                       + f"mã nguồn chương trình; {content}")
        if data["faults"]:
            content += f"; {data['faults']} đối tượng hỏng không được sao"
        rows.append({"what": f"{METHODS[data['kind']].capitalize()}: {content}", "time": f"{moment:%H:%M %d/%m/%Y}",
                     "name": data["set"], "medium": data["medium"], "by": event.actor})
    return {"agency": settings.agency.name, "date": last.isoformat(), "from_day": first.isoformat(),
            "to_day": last.isoformat(), "rows": rows}


def backup_minutes(settings: Settings, session: Session, event: Event, **given: str) -> dict[str, Any]:
    """Form 03: one backup. The old medium is the one that the target had before, when this set is the first on its
    own. `given`: where, remedy, head.
    """
    data = event.data
    before = [one.data["medium"] for one in session.scalars(select(Event).where(
        Event.kind == standing.MADE, Event.subject == event.subject, Event.seq < event.seq).order_by(Event.seq))]
    old = before[-1] if before and before[-1] != data["medium"] and data["medium"] not in before else ""
    rows = [{"name": f"Kho {settings.agency.code}", "size": size(data["bytes"]),
             "what": f"Tài liệu lưu trữ số, dữ liệu mô tả (XML) và sổ của kho: {words.figures(data['files'])} tệp, "
                     f"{words.figures(data['objects'])} đối tượng mới hoặc thay đổi"}]
    if data["catalogue"]:
        rows.append({"name": "catalogue.db", "what": "Danh mục (cơ sở dữ liệu)", "size": "trong bản sao lưu"})
    if data["kind"] == "full":
        rows.append({"name": "program.tar", "what": "Mã nguồn chương trình", "size": "trong bản sao lưu"})
    faults = data["faults"]
    return {**_head(settings, event), "by": event.actor, "old": old, "medium": data["medium"],
            "method": METHODS[data["kind"]], "rows": rows,
            "errors": f"{faults} đối tượng của kho bị hỏng, giữ theo bản sao lưu trước." if faults else "không.",
            "result": "đạt; mọi tệp đã được đọc lại từ phương tiện và so mã băm." if not faults else
            "đạt một phần; các tệp đã sao được đọc lại và so mã băm.", "sha256": data["sha256"], **given}


def restore_minutes(settings: Settings, event: Event, **given: str) -> dict[str, Any]:
    """Form 04: a restore, or a drill of one. `given`: reason, where, head."""
    data, drill = event.data, event.kind == standing.DRILLED
    number = data["number"]
    rows = [{"what": f"Phục hồi {words.figures(data['files'])} tệp, {size(data['bytes'])}", "result": GOOD, "note": ""}]
    if drill:
        rows.append({"what": f"Dựng lại danh mục và chỉ mục: {words.figures(data['documents'])} văn bản; đọc lại "
                             f"{words.figures(data['objects'])} đối tượng; so sánh với kho",
                     "result": BAD if number else GOOD, "note": ""})
        rows.append({"what": f"Mở thử {len(data['canaries']):02d} văn bản", "result": BAD if number else GOOD,
                     "note": ", ".join(data["canaries"])})
    else:
        rows.append({"what": "Dựng lại danh mục và chỉ mục; đọc lại mọi đối tượng và sổ",
                     "result": BAD if number else GOOD, "note": ""})
    outcome = "đạt" if not number else f"không đạt, {number} lỗi"
    if drill:
        outcome += (f"; phục hồi và kiểm tra hết {_span(data['seconds'])}, dữ liệu lùi lại {_span(data['behind'])} so "
                    "với lúc diễn tập")
    moment = clock.in_vietnam(clock.parse(data["made_at"]))
    told = {"reason": "diễn tập phục hồi định kỳ (TT 05/2025/TT-BNV Điều 30)." if drill else data["reason"]}
    return {**_head(settings, event), "drill": drill, "by": event.actor, "name": data["set"],
            "made": f"{moment:%H:%M %d/%m/%Y}", "medium": data["medium"], "rows": rows,
            "errors": f"{number}." if number else "không.", "faults": [{"text": one} for one in data["faults"][:MOST]],
            "result": f"{outcome}.", **told, **given}


def size(number: int) -> str:
    """A number of bytes as people write it in Vietnam: 1,4 GB (powers of 1,024)."""
    value, units = float(number), ["byte", "KB", "MB", "GB", "TB"]
    while value >= 1024 and len(units) > 1:
        value, units = value / 1024, units[1:]
    return f"{words.figures(int(value)) if units[0] == 'byte' else f'{value:.1f}'.replace('.', ',')} {units[0]}"


def made_of(event: Event) -> datetime:
    """The date that the file of a paper bears."""
    return clock.parse(event.at)


def _head(settings: Settings, event: Event) -> dict[str, Any]:
    moment = clock.in_vietnam(clock.parse(event.at))
    return {"agency": settings.agency.name, "date": moment.date().isoformat(),
            "time": f"{moment:%H} giờ {moment:%M} phút, ngày {moment:%d} tháng {moment:%m} năm {moment:%Y}"}


def _place(key: str) -> str:
    return "kho" if key == "store" else f"bản sao {key.removeprefix('copy:')}"


def _span(seconds: float) -> str:
    """A span of time in words: seconds, minutes or hours."""
    if seconds < 120:
        return f"{seconds:.0f} giây"
    return f"{seconds / 60:.0f} phút" if seconds < 7200 else f"{seconds / 3600:.0f} giờ"
