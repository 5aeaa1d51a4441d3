"""The giving side of a hand-over (TT 05/2025/TT-BNV Đ17–20): register, take the answer in, prepare, send.

What follows the delivery (receipt, result, confirmation) is in concluding.py. Each function tells its findings and does
nothing when they refuse, or with `dry_run`; the caller owns the archive where something is written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from archive import clock, model
from archive.errors import UsageError
from archive.fields.tables import code_lists
from archive.findings import Finding, Level, finding, worst
from archive.i18n import _
from archive.opening import Archive
from archive.packages import assemble, exporting
from archive.packages.check import check_package
from archive.packages.containers import UnreadableError
from archive.packages.description import Package
from archive.packages.opening import open_package
from archive.packages.reading import read_package
from retention.deadlines import ground_of
from retention.transfer import messages, objects, papers, terms
from retention.transfer.carrying import Carrier, NotDeliveredError, hash_of
from retention.transfer.doing import Done, Progress, Tools, Who, silent
from retention.transfer.messages import message
from retention.transfer.objects import AGENCY, Transfer

Entries = Mapping[str, Any]
PERMANENT, SECRET, OPEN = "01", "03", "01"      # codes of TT 05/2025: maintenance, mode
PACKAGES, DOCUMENTS = "packages", "documents-"        # documents-0001.pdf: the list of documents of a case file
LIST_PDF, LETTER_PDF = "papers/list.pdf", "papers/letter.pdf"
_NEEDED = ("summary", "planned", "way", "contact")     # what a person must say of Đ20.3; the rest is counted


@dataclass(frozen=True, slots=True)
class Asked:
    """What a registration says besides what is counted (TT 05/2025/TT-BNV Đ20.3)."""

    receiver_code: str
    receiver_name: str
    kind: str = "historical"        # or "current"
    same_system: bool = False       # both sides use one system: AIP; else SIP (Đ17)
    code: str = ""                  # of the registration; empty: the next free one
    paper: bool = False             # whether paper records were handed over already
    summary: str = ""
    planned: str = ""               # YYYY-MM-DD
    way: str = "direct"             # or "online" (Đ18)
    contact: str = ""
    note: str = ""
    scheme: str = ""                # classification scheme (phương án phân loại)


def register(archive: Archive, codes: Sequence[str], asked: Asked, tools: Tools, who: Who, *,
             progress: Progress = silent, dry_run: bool = False) -> Done:
    """Register case files with the receiving archive (Đ20): the record, the letter and the list to be sent.

    Raises UsageError without case files, for a code that cannot be, or one that is taken.
    """
    wanted = list(dict.fromkeys(codes))
    if not wanted:
        raise UsageError(_("Name the case files, or a day until which they are due (--due)."))
    today = clock.in_vietnam(who.at).date()
    with archive.catalogue.session() as session:
        code, round_ = objects.next_code(session, archive.settings.agency.code, today.year)
        taken = objects.open_transfers(session, wanted)
        rows = {one: session.get(model.CaseFile, one) for one in wanted}
    code = objects.check_code(asked.code) if asked.code else code
    if archive.store.has(objects.object_id(code)):
        raise UsageError(_("There is a hand-over {code} already.").format(code=code))
    found, items, dues = [], [], []
    ground = ground_of(archive.settings)
    for number, one in enumerate(wanted, 1):
        progress(one, number, len(wanted))
        row = rows[one]
        if row is None:
            found.append(finding("TRANSFER-001", one))
            continue
        if one in taken:
            found.append(finding("TRANSFER-004", one, transfer=taken[one]))
        if row.state != "closed":
            found.append(finding("TRANSFER-003", one))
        package = assemble.case_file(archive, one, "SIP_hoso", created=who.at, request=code)
        found += _fit(one, package, asked.kind)
        items.append(_item(number, one, package))
        if asked.kind == "historical":
            year = int(package.fields.get("endDate", "")[-4:] or row.ended or row.year)
            if due := terms.historical_due(row, year, ground):
                dues.append((one, *due))
    found += _in_time(dues, today) + [
        finding("TRANSFER-008", code, field=name) for name in _NEEDED if not getattr(asked, name).strip()]
    fonds = sorted({row.fonds for row in rows.values() if row is not None})
    registration = {
        "round": round_, "year": today.year, "paper": asked.paper, "summary": asked.summary.strip(),
        "from": min(filter(None, (_iso(one["start"]) for one in items)), default=""),
        "to": max(filter(None, (_iso(one["end"]) for one in items)), default=""), "files": len(items),
        **{key: sum(one[key] for one in items) for key in ("documents", "pages", "bytes")}, "planned": asked.planned,
        "way": asked.way, "contact": asked.contact.strip(), "note": asked.note.strip(), "fonds": fonds,
        "scheme": asked.scheme.strip(), "due": min((day.isoformat() for _code, day, _before in dues), default="")}
    agency = archive.settings.agency
    new = Transfer({"schema": objects.SCHEMA, "code": code, "side": AGENCY, "state": "registered", "kind": asked.kind,
                    "form": "aip_hoso" if asked.same_system else "sip_hoso",
                    "sender": {"code": agency.code, "name": agency.name},
                    "receiver": {"code": asked.receiver_code.strip(), "name": asked.receiver_name.strip()},
                    "registration": registration, "acts": []}, items)
    if dry_run or worst(found) >= Level.refused:
        return Done(new, tuple(found))
    told = message(messages.REGISTRATION, new, clock.stamp(who.at), {
        "kind": asked.kind, "form": new.record["form"], "registration": registration,
        "items": [{key: one[key] for key in _SENT} for one in items]})
    files = {"messages/registration.json": told,
             **papers.sealed(papers.of_registration(new, who.at, told), tools)}
    done = objects.write(archive, new, "registered", {
        "findings": [one.as_dict() for one in found], "case_files": [one["code"] for one in items],
        "count": len(items), "due": registration["due"]}, by=who.by, at=who.at, files=files)
    return Done(done, tuple(found), True, {"code": code, "files": len(items)})


def take_answer(archive: Archive, path: Path, who: Who, *, dry_run: bool = False) -> Done:
    """Take the receiving archive's answer to a registration in (Đ21). Raises UsageError for an unknown hand-over."""
    held, found = messages.read_message(path, messages.ANSWER)
    if held is None:
        return Done(_nothing(), tuple(found))
    transfer = objects.open_transfer(archive, held.told["request"], AGENCY)
    found += messages.about(held, transfer, path.name)
    if transfer.state != "registered":
        found.append(finding("TRANSFER-024", path.name, what=objects.state_name(transfer.state)))
    if dry_run or worst(found) >= Level.refused:
        return Done(transfer, tuple(found))
    agreed = held.told["agreed"]
    new = transfer.moved("agreed" if agreed else "refused", {})
    told = {key: held.told[key] for key in ("agreed", "reasons", "plan", "note", "day")}
    done = objects.write(archive, new, "answered", told, by=who.by, at=who.at,
                         files={"received/answer.json": held.data})
    return Done(done, tuple(found), True, {"agreed": agreed})


def prepare(archive: Archive, code: str, folder: Path, who: Who, *, tools: Tools, progress: Progress = silent,
            dry_run: bool = False) -> Done:
    """Write the packages into `folder` and check each (Đ17, Đ22.1); what lies there whole is not written again.

    After an incomplete delivery only what did not arrive is prepared anew: what the archive received stays as it was.
    Raises RefusedError unless the registration was agreed to, and what writing a package raises.
    """
    transfer = objects.open_transfer(archive, code, AGENCY)
    objects.not_in(transfer, "agreed", "prepared", "short")
    answered = transfer.last("answered")
    assert answered is not None
    found: list[Finding] = []
    changes: dict[int, Entries] = {}
    todo = transfer.in_state("registered", "prepared", "sent")
    for number, item in enumerate(todo, 1):
        progress(item["code"], number, len(todo))
        # Dated by the answer, so that a run after a kill finds the packages of the first under their names.
        order = exporting.Order(transfer.record["form"], transfer.code, item["n"])
        (planned,) = exporting.plan(archive, [item["code"]], order, clock.parse(answered["at"]))
        if planned.refused:
            bad = sorted({one.code for one in planned.findings if one.level >= Level.refused})
            found.append(finding("TRANSFER-009", item["code"], codes=", ".join(bad)))
            continue
        if dry_run:
            continue
        changes[item["n"]] = _written(archive, item, planned, order, folder, who, tools, found)
    if dry_run or worst(found) >= Level.refused:
        return Done(transfer, tuple(found))
    new = transfer.moved("prepared", changes)
    listed = message(messages.MANIFEST, new, clock.stamp(who.at), {"packages": [_line(one) for one in new.items]})
    files = {"messages/manifest.json": listed, **papers.of_preparation(archive, new, who.at)}
    done = objects.write(archive, new, "prepared", {
        "count": len(new.items), "bytes": sum(one["size"] for one in new.items),
        "findings": [one.as_dict() for one in found]}, by=who.by, at=who.at, files=files)
    return Done(done, tuple(found), True, {"count": len(new.items), "folder": str(folder)})


def send(archive: Archive, code: str, folder: Path, carrier: Carrier, way: str, who: Who, *,
         progress: Progress = silent, dry_run: bool = False) -> Done:
    """Bring the prepared packages from `folder` to the other side, each read again there; the manifest comes last.

    May be said again after a kill: what arrived whole is not carried twice. TRANSFER-010 when what arrived is not what
    was sent. Raises RefusedError unless prepared, NoRoomError.
    """
    transfer = objects.open_transfer(archive, code, AGENCY)
    objects.not_in(transfer, "prepared", "sent", "short")
    found, todo = [], transfer.in_state("prepared", "sent")
    for number, item in enumerate(todo, 1):
        place = folder / item["name"]
        progress(item["name"], number, 2 * len(todo))
        if not place.is_file():
            found.append(finding("TRANSFER-011", item["code"], name=item["name"]))
        elif hash_of(place) != item["sha256"]:
            found.append(finding("TRANSFER-012", item["name"], stated=item["sha256"][:16]))
    if found:
        return Done(transfer, tuple(replace(one, level=Level.refused) for one in found))
    if dry_run:
        return Done(transfer)
    try:
        manifest = _carry(archive, transfer, folder, carrier, progress)
    except NotDeliveredError as error:
        return Done(transfer, (finding("TRANSFER-010", str(error)),))
    if transfer.state != "prepared":
        return Done(transfer, (), True, {"count": len(todo), "manifest": manifest})
    new = transfer.moved("sent", {one["n"]: {"state": "sent"} for one in todo})
    told = {"count": len(todo), "manifest": manifest, "way": way}
    done = objects.write(archive, new, "sent", told, by=who.by, at=who.at)
    return Done(done, (), True, told)


# --- steps -------------------------------------------------------------------------------------------------

_SENT = ("n", "code", "title", "start", "end", "documents", "pages", "mode", "maintenance", "note")


def _carry(archive: Archive, transfer: Transfer, folder: Path, carrier: Carrier, progress: Progress) -> str:
    """Bring the packages, papers and messages over, the manifest last; its SHA-256."""
    todo = transfer.in_state("prepared", "sent")
    for number, item in enumerate(todo, 1):
        progress(item["name"], len(todo) + number, 2 * len(todo))
        carrier.put(transfer.code, f"{PACKAGES}/{item['name']}", folder / item["name"], item["sha256"])
    own = objects.object_id(transfer.code)
    for path, stored in objects.made(archive.store, transfer.code).items():
        if path.startswith((objects.PAPERS, objects.MESSAGES)):
            name = path.rpartition("/")[2].partition("-")[2]
            archive.store.content(own, stored)          # read with its checksum before it is handed out
            if name != "manifest.json":
                carrier.put(transfer.code, name, stored.place, stored.sha256)
    prepared = transfer.last("prepared")
    assert prepared is not None
    manifest = archive.store.files(own)[objects.path_of(prepared["version"], "messages/manifest.json")]
    carrier.put(transfer.code, "manifest.json", manifest.place, manifest.sha256)
    return manifest.sha256


def _item(number: int, code: str, package: Package) -> dict[str, Any]:
    """One line of the list (Mục lục hồ sơ nộp, Đ20.3.k) and what is counted of it."""
    fields = package.fields
    return {"n": number, "code": code, "title": fields.get("title", ""), "start": fields.get("startDate", ""),
            "end": fields.get("endDate", ""), "documents": len(package.documents),
            "pages": _number(fields.get("numberOfPage", "")), "mode": fields.get("mode", ""),
            "maintenance": fields.get("maintenance", ""), "note": "", "state": "registered", "reason": "",
            "bytes": sum(file.size for one in package.documents for file in one.files),
            "name": "", "objid": "", "sha256": "", "size": 0, "contents": []}


def _fit(code: str, package: Package, kind: str) -> Iterator[Finding]:
    """Whether a case file may be handed over at all: permanent (TR-03), no state secret."""
    period = package.fields.get("maintenance", "")
    if kind == "historical" and period != PERMANENT:
        yield finding("TRANSFER-002", code, period=code_lists()["tt05_maintenance"].values.get(period, period) or "—")
    if secret := [one for one in (package.fields, *(two.fields for two in package.documents))
                  if one.get("mode") == SECRET]:
        yield finding("TRANSFER-007", code, count=len(secret))


def _in_time(dues: Sequence[tuple[str, date, date]], today: date) -> list[Finding]:
    """Registered later than twelve months before the term, or after it (TR-04); a warning, never a refusal."""
    found = []
    for code, day, before in dues:
        if day < today:
            found.append(finding("TRANSFER-006", code, due=f"{day:%d/%m/%Y}"))
        elif before < today:
            found.append(finding("TRANSFER-005", code, due=f"{day:%d/%m/%Y}",
                                 until=f"{before:%d/%m/%Y}"))
    return found


def _written(archive: Archive, item: Entries, planned: exporting.Planned, order: exporting.Order, folder: Path,
             who: Who, tools: Tools, found: list[Finding]) -> dict[str, Any]:
    """Write one package unless it lies there whole, look at it as a stranger would, and tell what it is."""
    target = folder / planned.name
    contents = _whole(target, planned)
    if contents is None:
        target.unlink(missing_ok=True)
        exporting.write(archive, planned, order, folder, by=who.by)
        contents = _whole(target, planned)
    if contents is None:
        found.append(finding("TRANSFER-009", item["code"], codes="SHA-256"))
        return {}
    report = check_package(target, judge=tools.judge)
    if report.worst >= Level.refused:
        bad = sorted({one.code for one in report.everything if one.level >= Level.refused})
        found.append(finding("TRANSFER-009", item["code"], codes=", ".join(bad)))
    return {"state": "prepared", "name": planned.name, "objid": planned.objid, "sha256": hash_of(target),
            "size": target.stat().st_size, "contents": contents}


def _whole(target: Path, planned: exporting.Planned) -> list[dict[str, Any]] | None:
    """The documents' files of the package at `target`; None when it is not there, not whole or not this one."""
    if not target.is_file():
        return None
    wanted = {(file.path, file.sha256.lower()) for file in (
        [file for one in planned.package.documents for file in one.files] if planned.package is not None else
        [file for file in planned.files if file.path.startswith(f"{assemble.DATA}/")])}
    try:
        with open_package(target) as opened:
            read = read_package(opened, [])
            if read is None or read.objid != planned.objid:
                return None
            found = [{"path": file.path, "sha256": file.sha256.lower(), "size": file.size}
                     for one in read.documents for file in one.files]
    except (UnreadableError, OSError):
        return None
    same = {(one["path"], one["sha256"]) for one in found} == wanted
    return sorted(found, key=lambda one: str(one["path"])) if same else None


def _line(item: Entries) -> dict[str, Any]:
    return {"n": item["n"], "code": item["code"], "objid": item["objid"], "name": item["name"],
            "sha256": item["sha256"], "size": item["size"], "documents": item["documents"], "files": item["contents"]}


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 0


def _iso(day: str) -> str:
    """DD/MM/YYYY as YYYY-MM-DD; what is no whole day stays out of the span."""
    parts = day.split("/")
    return "-".join(reversed(parts)) if len(parts) == 3 else ""


def _nothing() -> Transfer:
    return Transfer({"code": "", "state": "", "acts": [], "side": AGENCY})
