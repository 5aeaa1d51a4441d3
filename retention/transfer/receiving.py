"""The taking side of a hand-over up to the receipt (TT 05/2025/TT-BNV Đ21–23): registration, answer, delivery.

What came lies in the archive's folder `transfers/<code>/` until the night has stored it; nothing of it is in the store
before, and its sender may not destroy anything before (DS-08). Each function tells its findings and does nothing when
they refuse, or with `dry_run`; the caller owns the archive where something is written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from archive import clock, codes
from archive.findings import Finding, Level, finding, worst
from archive.i18n import _
from archive.opening import Archive
from archive.packages.containers import UnreadableError
from archive.packages.opening import open_package
from archive.packages.reading import ReadPackage, read_package
from retention.transfer import messages, objects, papers
from retention.transfer.carrying import Arrivals, Disk, NotDeliveredError, hash_of
from retention.transfer.doing import Done, Progress, Tools, Who, silent
from retention.transfer.messages import message
from retention.transfer.objects import ARCHIVE, Transfer

Entries = Mapping[str, Any]
REASONS = ("composition", "declaration", "capacity", "other")      # Đ21.3: why a registration is refused
REFUSALS = {"composition": "không đúng thành phần hồ sơ, tài liệu nộp lưu", "declaration": "kê khai không rõ, không đủ",
            "capacity": "khối lượng vượt quá khả năng tiếp nhận", "other": "lý do khác"}
FOLDER = "transfers"        # in the archive's folder: what came and is not stored yet
MOST_PAPERS = 5000          # that are kept of one delivery
_LARGEST_PAPER = 64 << 20   # bytes
_PAPER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,80}\.pdf")
_NAME = re.compile(r"[^/\\\x00-\x1f]{1,200}\.zip", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Delivery:
    """What people say of a delivery: who gave and who took ("name, post"), the devices, a note (Đ22.2.đ)."""

    giver: str = ""
    taker: str = ""
    devices: Sequence[Entries] = ()
    note: str = ""


@dataclass(slots=True)
class _Counted:
    """One delivery while it is looked at: findings, changes of items, and where each sound package lies."""

    found: list[Finding] = field(default_factory=list)
    changes: dict[int, dict[str, Any]] = field(default_factory=dict)
    sound: dict[int, Path] = field(default_factory=dict)
    virus: set[str] = field(default_factory=set)


def take_registration(archive: Archive, path: Path, who: Who, *, dry_run: bool = False) -> Done:
    """Take a registration in (Đ20.3): from here the seven working days of the answer run.

    What it says is checked as far as it can be: TRANSFER-002, 007, 008, 024.
    """
    held, found = messages.read_message(path, messages.REGISTRATION)
    if held is None:
        return Done(_nothing(), tuple(found))
    told, own = held.told, archive.settings.agency
    if not objects.is_code(told["request"]):
        return Done(_nothing(), (finding("TRANSFER-024", path.name, what=f"request {told['request'][:60]!r}"),))
    if told["receiver"]["code"] not in {own.code, archive.settings.archive_code} or told["sender"]["code"] == own.code:
        found.append(finding("TRANSFER-024", path.name, what=f"receiver {told['receiver']['code'][:40]} ≠ {own.code}"))
    if archive.store.has(objects.object_id(told["request"])):
        found.append(finding("TRANSFER-024", path.name, what=_("{code} is registered already").format(
            code=told["request"])))
    items = [_item(one) for one in told["items"]]
    found += [finding("TRANSFER-008", told["request"], field=name) for name in ("summary", "planned", "way", "contact")
              if not str(told["registration"][name]).strip()]
    if not items:
        found.append(finding("TRANSFER-008", told["request"], field="items"))
    for one in items:
        if told["kind"] == "historical" and one["maintenance"] != "01":
            found.append(_warning(finding("TRANSFER-002", one["code"], period=one["maintenance"] or "—")))
        if one["mode"] == "03":
            found.append(finding("TRANSFER-007", one["code"], count=1))
    new = Transfer({"schema": objects.SCHEMA, "code": told["request"], "side": ARCHIVE, "state": "registered",
                    "kind": told["kind"], "form": told["form"], "registration": dict(told["registration"]), "acts": [],
                    **{key: {one: told[key][one] for one in ("code", "name")} for key in ("sender", "receiver")}},
                   items)
    if dry_run or worst(found) >= Level.refused:
        return Done(new, tuple(found))
    done = objects.write(archive, new, "registered", {
        "findings": [one.as_dict() for one in found], "case_files": [one["code"] for one in items],
        "count": len(items)}, by=who.by, at=who.at, files={"received/registration.json": held.data})
    return Done(done, tuple(found), True, {"code": new.code, "files": len(items)})


def answer(archive: Archive, code: str, *, agreed: bool, reasons: Sequence[str] = (), plan: str = "", note: str = "",
           day: str = "", who: Who, dry_run: bool = False) -> Done:
    """Agree to a registration or refuse it, with one of the four reasons of Đ21.3; the answer's message is kept.

    Volume above capacity needs a plan, another reason its words (TRANSFER-022). Raises RefusedError when it was
    answered already.
    """
    transfer = objects.open_transfer(archive, code, ARCHIVE)
    objects.not_in(transfer, "registered")
    found = []
    if not agreed:
        lacking = "reasons" if not reasons else "plan" if "capacity" in reasons and not plan.strip() else \
            "note" if "other" in reasons and not note.strip() else ""
        if lacking:
            found.append(finding("TRANSFER-022", code, what=lacking))
    if dry_run or worst(found) >= Level.refused:
        return Done(transfer, tuple(found))
    told = {"agreed": agreed, "reasons": list(reasons), "plan": plan.strip(), "note": note.strip(), "day": day}
    new = transfer.moved("agreed" if agreed else "refused", {})
    done = objects.write(archive, new, "answered", told, by=who.by, at=who.at, files={
        "messages/answer.json": message(messages.ANSWER, new, clock.stamp(who.at), told)})
    return Done(done, tuple(found), True, {"agreed": agreed})


def receive(archive: Archive, code: str, carrier: Arrivals, delivery: Delivery, tools: Tools, who: Who, *,
            progress: Progress = silent, dry_run: bool = False) -> Done:
    """Count a delivery against the list, look for viruses, compare every hash (Đ22.2–22.4); receipt and minutes.

    Sound packages are copied into the archive's folder and become "Chờ tiếp nhận"; what is missing may come in a
    further delivery. Raises RefusedError for a state that allows no delivery, NoRoomError.
    """
    transfer = objects.open_transfer(archive, code, ARCHIVE)
    objects.not_in(transfer, "agreed", "short")
    there = carrier.arrived(code)
    place = there.get("manifest.json")
    if place is None:
        return Done(transfer, (finding("TRANSFER-023", "manifest.json", what=_("it did not come")),))
    manifest, found = messages.read_message(place, messages.MANIFEST)
    if manifest is None or (found := [*found, *messages.about(manifest, transfer, place.name)]):
        return Done(transfer, tuple(found))
    counted = _Counted()
    listed = {one["n"]: one for one in manifest.told["packages"]}
    for number, item in enumerate(transfer.items, 1):
        progress(item["code"], number, len(transfer.items))
        if item["state"] in ("registered", "missing"):
            _count(transfer, item, listed.get(item["n"]), there, tools, counted)
    known = {f"packages/{one['name']}" for one in manifest.told["packages"]
             if one["n"] in {item["n"] for item in transfer.items}}
    counted.found += [finding("TRANSFER-013", name) for name in there
                      if name.lower().endswith(".zip") and name not in known]
    if dry_run:
        return Done(transfer, tuple(counted.found))
    keep = Disk(_folder(archive), link=carrier.gives_up)
    keep.place.mkdir(exist_ok=True)
    for n, path in counted.sound.items():
        try:
            keep.put(code, f"packages/{listed[n]['name']}", path, listed[n]["sha256"])
        except NotDeliveredError as error:
            return Done(transfer, (finding("TRANSFER-010", str(error)),))
    return _received(archive, transfer, counted, manifest, delivery, tools, who,
                     _papers_that_came(archive, code, there))


def package_place(archive: Archive, code: str, name: str) -> Path:
    """Where a package that came lies until the night has stored it."""
    return _folder(archive) / code / "packages" / name


# --- steps -------------------------------------------------------------------------------------------------


def _folder(archive: Archive) -> Path:
    return Path(archive.settings.root) / FOLDER


def _item(one: Entries) -> dict[str, Any]:
    """A line of a registration as the receiving archive keeps it; nothing but what a line has."""
    return {**{key: one[key] for key in ("n", "code", "title", "start", "end", "documents", "pages", "mode",
                                         "maintenance", "note")},
            "state": "registered", "reason": "", "name": "", "objid": "", "sha256": "", "size": 0, "contents": [],
            "verdicts": {}, "findings": []}


def _count(transfer: Transfer, item: Entries, line: Entries | None, there: Mapping[str, Path], tools: Tools,
           counted: _Counted) -> None:
    """Whether the package of one case file came, whole and genuine."""
    path = there.get(f"packages/{line['name']}") if line is not None and _NAME.fullmatch(line["name"]) else None
    if line is None or path is None:
        counted.found.append(finding("TRANSFER-011", item["code"], name=line["name"] if line else "—"))
        counted.changes[item["n"]] = {"state": "missing", "reason": "thiếu gói tin"}
        return
    found: list[Finding] = []
    digest = hash_of(path)
    if digest != line["sha256"] or path.stat().st_size != line["size"]:
        found.append(finding("TRANSFER-012", line["name"], stated=line["sha256"][:16]))
    state, virus = tools.scan(path, line["name"])
    counted.virus.add(state)
    if state == "infected":
        found.append(finding("TRANSFER-014", line["name"]))
    elif state != "clean":
        counted.found += [finding("TRANSFER-015", line["name"]), *virus]
    if not found:
        found += _genuine(transfer, item, line, path)
    counted.found += found
    if worst(found) >= Level.refused:
        counted.changes[item["n"]] = {"state": "missing", "reason": "; ".join(one.sentence("vi") for one in found)}
        return
    counted.sound[item["n"]] = path
    counted.changes[item["n"]] = {
        "state": "waiting", "reason": "", "virus": state, **{key: line[key] for key in (
            "name", "objid", "sha256", "size")}, "contents": [
                {key: one[key] for key in ("path", "sha256", "size")} for one in line["files"]]}


def _genuine(transfer: Transfer, item: Entries, line: Entries, path: Path) -> list[Finding]:
    """Whether a package is what the list says it is: request, fonds, case file, OBJID, files (TRANSFER-017, 021)."""
    read = read_at(path)
    if read is None:
        return [finding("TRANSFER-017", line["name"], what="METS")]
    stated = read.fields.get("fileCode") or read.fields.get("arcFileCode") or ""
    wrong = [f"{what} {said or '—'} ≠ {wanted}" for what, said, wanted in (
        ("OBJID", read.objid, line["objid"]), ("fileCode", stated, item["code"])) if not _same(said, wanted)]
    if read.form and read.form.startswith("SIP") and read.request != transfer.code:
        wrong.append(f"altRecordID {read.request or '—'} ≠ {transfer.code}")
    files = {(file.path, file.sha256.lower()) for one in read.documents for file in one.files}
    if files != {(one["path"], one["sha256"]) for one in line["files"]}:
        wrong.append("manifest.json: files")
    found = [finding("TRANSFER-017", line["name"], what="; ".join(wrong))] if wrong else []
    if len(read.documents) != item["documents"]:
        found.append(finding("TRANSFER-021", item["code"], listed=item["documents"], counted=len(read.documents)))
    return found


def _same(said: str, wanted: str) -> bool:
    """Whether a code is the wanted one; an archival code is an archive's code, a dot and the file code."""
    return said == wanted or (said.endswith(f".{wanted}") and codes.parse_file_code(wanted, inventory=True) is not None)


def read_at(path: Path) -> ReadPackage | None:
    """What the package at `path` says of itself; None when it cannot be read."""
    try:
        with open_package(path) as opened:
            return read_package(opened, [])
    except (UnreadableError, OSError):
        return None


def _papers_that_came(archive: Archive, code: str, there: Mapping[str, Path]) -> dict[str, Path]:
    """The papers that lie beside the packages (lists of documents, letter) and that the dossier does not have yet."""
    held = {path.partition("-")[2]: stored.sha256 for path, stored in objects.made(archive.store, code).items()
            if path.startswith(f"{objects.RECEIVED}/")}
    found = {name: path for name, path in there.items() if _PAPER.fullmatch(name)
             and path.stat().st_size <= _LARGEST_PAPER and held.get(name) != hash_of(path)}
    return dict(list(found.items())[:MOST_PAPERS])


def _received(archive: Archive, transfer: Transfer, counted: _Counted, manifest: messages.Message, delivery: Delivery,
              tools: Tools, who: Who, beside: Mapping[str, Path]) -> Done:
    """Write the act: the receipt of ten values as JSON and PDF, the minutes of the delivery."""
    after = transfer.moved("waiting", counted.changes)
    missing = [one["code"] for one in after.items if one["state"] == "missing"]
    came = after.in_state("waiting")
    if not counted.sound:       # nothing was received: no receipt
        return Done(transfer, tuple(replace(one, level=Level.refused) if one.code == "TRANSFER-011" else one
                                    for one in counted.found))
    complete = not missing
    after = after.moved("waiting" if complete else "short", {})
    # The sixty days of Đ25.6 run from the complete receipt.
    after = Transfer({**after.record, "complete_on": clock.in_vietnam(who.at).date().isoformat()} if complete
                     else after.record, after.items)
    values = {"request": after.code, "sender_code": after.record["sender"]["code"],
              "sender_name": after.record["sender"]["name"], "submission": after.record["registration"]["round"],
              "packages_count": len(came), "registered": after.record["registration"]["files"],
              "agreed": len(after.items), "received": len(came), "bytes": sum(one["size"] for one in came),
              "at": papers.moment(who.at)}
    count_result = "đủ" if complete else f"chưa đủ, số còn thiếu: {len(missing)} hồ sơ"
    virus = "đã quét, không phát hiện" if counted.virus == {"clean"} else \
        "chưa quét" if "not checked" in counted.virus else "không quét được hết"
    told = message(messages.RECEIPT, after, clock.stamp(who.at), {
        "values": values, "complete": complete, "missing": missing, "virus": virus, "packages": [
            {key: one[key] for key in ("n", "code", "objid", "sha256", "size")} for one in came]})
    made = papers.sealed({"papers/receipt.pdf": papers.receipt(after, values, came, count_result, virus, told,
                                                               who.at)}, tools, counted.found)
    people = {"giver": delivery.giver, "taker": delivery.taker}
    minutes = papers.delivery(after, len(counted.sound), sum(
        path.stat().st_size for path in counted.sound.values()), delivery.devices, people, who.at, delivery.note)
    done = objects.write(archive, after, "received", {
        "complete": complete, "count_result": count_result, "missing": missing, "came": len(counted.sound),
        "virus": virus, "manifest": manifest.sha256, "devices": list(delivery.devices), **people,
        "findings": [one.as_dict() for one in counted.found]}, by=who.by, at=who.at, files={
            "messages/receipt.json": told, **made, "papers/delivery.pdf": minutes,
            "received/manifest.json": manifest.data,
            **{f"received/{name}": path for name, path in beside.items()}})
    return Done(done, tuple(counted.found), True, {"result": count_result, "came": len(counted.sound)})


def _warning(found: Finding) -> Finding:
    return Finding(found.code, Level.warning, found.subject, found.params)


def _nothing() -> Transfer:
    return Transfer({"code": "", "state": "", "acts": [], "side": ARCHIVE})

