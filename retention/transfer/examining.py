"""The taking side of a hand-over from the receipt on (TT 05/2025/TT-BNV Đ24–25): examine, approve, return, conclude.

What is approved goes into the inbox, and the night takes it in like any package. The unit is the case file: one
document that fails sends its whole case file back (quy ước của hệ thống), each failure with its reason (rule TR-06).
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive import clock, layout, model
from archive.catalogue import SOME
from archive.errors import RefusedError, UsageError
from archive.findings import Finding, Level, finding, worst
from archive.forms.words import date_text
from archive.i18n import _
from archive.opening import Archive
from archive.packages.check import check_package
from archive.packages.reading import ReadDocument, ReadPackage
from retention.transfer import messages, objects, papers
from retention.transfer.carrying import Disk, NotDeliveredError, hash_of
from retention.transfer.doing import Done, Progress, Tools, Who, silent
from retention.transfer.messages import message
from retention.transfer.objects import ARCHIVE, Transfer
from retention.transfer.receiving import package_place, read_at

Entries = Mapping[str, Any]
_SHOWN = 20             # findings of a package that its record keeps by their sentences; the ledger counts all


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an officer says of a document or a whole case file, by its code: passed, or failed for a reason."""

    code: str
    passed: bool
    reason: str = ""


def examine(archive: Archive, code: str, verdicts: Sequence[Verdict], tools: Tools, who: Who, *,
            progress: Progress = silent, dry_run: bool = False) -> Done:
    """Look at every package that came, and take the officer's verdicts in (Đ24); may be said again until approval.

    A package with errors fails unless the officer passes it for a reason; a case file that is twice in the hand-over
    fails whatever is said; what the holdings have already waits for the officer, as does a document that lies in two
    case files. Verdicts of an earlier run stay. Raises UsageError for a verdict on what is not there.
    """
    transfer = objects.open_transfer(archive, code, ARCHIVE)
    objects.not_in(transfer, "waiting", "short", "examined")
    came = transfer.in_state("waiting", "passed", "failed")
    read: dict[int, ReadPackage] = {}
    found: list[Finding] = []
    for number, item in enumerate(came, 1):
        progress(item["code"], number, len(came))
        place = package_place(archive, code, item["name"])
        if not place.is_file() or hash_of(place) != item["sha256"] or (seen := read_at(place)) is None:
            found.append(finding("TRANSFER-012", item["name"], stated=item["sha256"][:16]))
            continue
        read[item["n"]] = seen
    if worst(found) >= Level.refused:
        return Done(transfer, tuple(found))
    said = _said(came, read, verdicts)
    found += [finding("TRANSFER-022", one.code, what="--fail" if not one.passed else "--pass") for one in verdicts
              if not one.reason.strip()]
    if worst(found) >= Level.refused:
        return Done(transfer, tuple(found))
    twice = _twice(came)
    with archive.catalogue.session() as session:
        elsewhere = _elsewhere(session, came, read)
    changes: dict[int, Entries] = {}
    for item in came:
        report = check_package(package_place(archive, code, item["name"]), judge=tools.judge)
        own = [one for one in report.everything if one.level >= Level.warning]
        about = [*twice.get(item["n"], ()), *elsewhere.get(item["n"], ())]
        if bad := Counter(one.code for one in own if one.level >= Level.refused):
            about.append(finding("TRANSFER-016", item["name"], codes=", ".join(sorted(bad))))
        found += about
        merged = {**item.get("verdicts", {}), **said.get(item["n"], {})}
        state, reason = _judged(item, read[item["n"]], about, merged)
        changes[item["n"]] = {"state": state, "reason": reason, "verdicts": merged, "findings": [
            one.as_dict() for one in [*about, *own[:_SHOWN]]], "checked": {
                "errors": sum(bad.values()), "warnings": len(own) - sum(bad.values()), "kind": report.kind,
                "signatures": report.signatures}}
    new = transfer.moved("examined", changes)
    passed, failed = len(new.in_state("passed")), new.in_state("failed")
    if dry_run:
        return Done(new, tuple(found), False, {"passed": passed, "failed": len(failed)})
    undecided = [one["code"] for one in new.in_state("waiting")]
    told = {"passed": passed, "failed": [{"code": one["code"], "reason": one["reason"]} for one in failed],
            "undecided": undecided,
            "findings": [one.as_dict() for one in found]}
    done = objects.write(archive, new, "examined", told, by=who.by, at=who.at)
    return Done(done, tuple(found), True, {"passed": passed, "failed": len(failed), "waiting": len(undecided)})


def approve(archive: Archive, code: str, number: str, dated: str, people: Entries, tools: Tools, who: Who, *,
            dry_run: bool = False) -> Done:
    """Write the decision down (Đ25) and lay what passed into the inbox; said again it finishes what a kill left.

    Refused while a case file waits for the officer (TRANSFER-020), or one failed without a reason (TRANSFER-022).
    """
    transfer = objects.open_transfer(archive, code, ARCHIVE)
    objects.not_in(transfer, "examined", "approved")
    if transfer.state == "approved":
        return Done(transfer, (), True, {"laid": 0 if dry_run else _lay(archive, transfer)})
    found = [finding("TRANSFER-020", one["code"], where="…", level=Level.refused)
             for one in transfer.in_state("waiting")]
    found += [finding("TRANSFER-022", one["code"], what="reason") for one in transfer.in_state("failed")
              if not one["reason"].strip()]
    if not number.strip() or not dated:
        found.append(finding("TRANSFER-008", code, field="--decision, --date"))
    if dry_run or worst(found) >= Level.refused:
        return Done(transfer, tuple(found))
    decision = _decision(number, dated)
    new = transfer.moved("approved", {one["n"]: {"state": "approved"} for one in transfer.in_state("passed")})
    passed, failed = new.in_state("approved"), new.in_state("failed", "missing")
    counts = {"submitted": len([one for one in new.items if one["sha256"]]), "approved": len(passed),
              "returned": len(new.in_state("failed"))}
    told = message(messages.RESULT, new, clock.stamp(who.at), {
        "decision": {"number": number.strip(), "day": dated},
        "approved": [{"n": one["n"], "code": one["code"]} for one in passed],
        "failed": [{"n": one["n"], "code": one["code"], "reason": one["reason"],
                    "documents": one.get("verdicts", {})} for one in failed]})
    minutes = papers.approval(new, counts, decision, people, who.at, who.by)
    done = objects.write(archive, new, "approved", {
        "decision": {"number": number.strip(), "day": dated}, **counts, **people,
        "failed": [{"code": one["code"], "reason": one["reason"]} for one in failed]}, by=who.by, at=who.at,
        files={"messages/result.json": told, "papers/approval.pdf": minutes})
    return Done(done, (), True, {"laid": _lay(archive, done), **counts})


def give_back(archive: Archive, code: str, folder: Path | None, people: Entries, who: Who, *,
              dry_run: bool = False) -> Done:
    """Return what failed: its packages into `folder`, the list with the reasons, minutes of their own (Đ25, TR-06).

    Without a folder they are returned on line: the agency fetches them from the service (docs/lgsp.md).
    Raises RefusedError before the approval, and when nothing failed.
    """
    transfer = objects.open_transfer(archive, code, ARCHIVE)
    objects.not_in(transfer, "approved")
    items = transfer.in_state("failed")
    if not items:
        raise RefusedError(_("Nothing of this hand-over is to be returned."))
    decision = _last(transfer, "approved")["decision"]
    attached = f"Biên bản giao nhận hồ sơ trả lại, {_decision(decision['number'], decision['day'])}"
    if dry_run:
        return Done(transfer, (), False, {"count": len(items)})
    if folder is not None:
        for item in items:
            Disk(folder).put(code, f"returned/{item['name']}", package_place(archive, code, item["name"]),
                             item["sha256"])
    new = transfer.moved("approved", {one["n"]: {"state": "returned"} for one in items})
    made = {"papers/returned.pdf": papers.returned(new, items, attached, people, who.at),
            "papers/return-minutes.pdf": papers.handover(
                new, items, [_decision(decision["number"], decision["day"])], "receiver",
                f"Hồ sơ trả lại của đăng ký nộp {code}", "Theo danh sách hồ sơ trả lại kèm lý do.", people, who.at)}
    done = objects.write(archive, new, "returned", {
        "count": len(items), **people, "case_files": [one["code"] for one in items]}, by=who.by, at=who.at, files=made)
    return Done(done, (), True, {"count": len(items)})


def close(archive: Archive, code: str, people: Entries, tools: Tools, who: Who, *, dry_run: bool = False) -> Done:
    """Conclude: every file of what was approved lies in the store under the hash that was sent; then sign for it.

    Refused while something is not stored (TRANSFER-029) or what failed was not returned. The confirmation is what the
    sender needs before it may destroy anything (NĐ 01/2013/NĐ-CP Đ7.5; DS-08).
    """
    transfer = objects.open_transfer(archive, code, ARCHIVE)
    objects.not_in(transfer, "approved")
    if transfer.in_state("failed"):
        raise RefusedError(_("What failed was not returned yet: luutru transfer return {code}").format(code=code))
    items = transfer.in_state("approved")
    with archive.catalogue.session() as session:
        found = [one for item in items for one in _not_stored(archive, session, item)]
    if dry_run or worst(found) >= Level.refused:
        return Done(transfer, tuple(found))
    new = transfer.moved("closed", {one["n"]: {"state": "stored"} for one in items})
    decided = _last(transfer, "approved")["decision"]
    decision = _decision(decided["number"], decided["day"])
    lines = [{**{key: one[key] for key in ("n", "code", "objid", "sha256", "size")}, "files": one["contents"]}
             for one in items]
    told = message(messages.CONFIRMATION, new, clock.stamp(who.at), {"decision": decided, "packages": lines})
    back = len(new.in_state("returned"))
    made = papers.sealed({"papers/confirmation.pdf": papers.confirmation(new, lines, decision, back, told, who.at)},
                         tools, found)
    made["papers/handover.pdf"] = papers.handover(
        new, items, [decision], "sender", f"Hồ sơ của đăng ký nộp {code}",
        "Đã kiểm tra, phê duyệt và lưu vào Kho.", people, who.at)
    done = objects.write(archive, new, "closed", {"count": len(items), "returned": back, **people}, by=who.by,
                         at=who.at, files={"messages/confirmation.json": told, **made})
    for item in items:      # the store has every byte of them now
        package_place(archive, code, item["name"]).unlink(missing_ok=True)
    return Done(done, tuple(found), True, {"count": len(items), "returned": back})


# --- steps -------------------------------------------------------------------------------------------------


def _said(came: Sequence[Entries], read: Mapping[int, ReadPackage],
          verdicts: Sequence[Verdict]) -> dict[int, dict[str, Entries]]:
    """The officer's verdicts by case file; a code is that of a document or of a case file."""
    owner = {one["code"]: one["n"] for one in came}
    owner |= {document.code: n for n, package in read.items() for document in package.documents}
    said: dict[int, dict[str, Entries]] = {}
    for one in verdicts:
        if one.code not in owner:
            raise UsageError(_("{code} is in no package that came.").format(code=one.code))
        said.setdefault(owner[one.code], {})[one.code] = {"passed": one.passed, "reason": one.reason.strip()}
    return said


def _judged(item: Entries, package: ReadPackage, about: Sequence[Finding],
            said: Mapping[str, Entries]) -> tuple[str, str]:
    """The state of a case file after the examination, and why it failed."""
    final = [one for one in about if one.code == "TRANSFER-018"]
    if final:
        return "failed", final[0].sentence("vi")
    failed = [f"{code}: {one['reason']}" for code, one in sorted(said.items()) if not one["passed"]]
    if failed:
        return "failed", "; ".join(failed)
    if said.get(item["code"], {}).get("passed"):
        return "passed", ""
    if bad := [one for one in about if one.level >= Level.refused]:
        return "failed", bad[0].sentence("vi")
    answered = {code for code, one in said.items() if one["passed"]}
    open_ = {one.params.get("document", "") for one in about if one.code == "TRANSFER-020"} - answered
    return ("waiting", "") if open_ else ("passed", "")


def _twice(came: Sequence[Entries]) -> dict[int, list[Finding]]:
    """Case files or packages that are twice in the hand-over: the later ones are refused (Đ24)."""
    found: dict[int, list[Finding]] = {}
    seen: dict[tuple[str, Any], str] = {}
    for item in came:
        contents = frozenset(one["sha256"] for one in item["contents"])
        for key in (("code", item["code"]), ("objid", item["objid"]), ("files", contents)):
            if key[1] and key in seen:
                found.setdefault(item["n"], []).append(
                    finding("TRANSFER-018", item["code"], n=item["n"], other=seen[key]))
                break
            seen[key] = item["code"]
    return found


def _elsewhere(session: Session, came: Sequence[Entries],
               read: Mapping[int, ReadPackage]) -> dict[int, list[Finding]]:
    """What the holdings, or another case file of the hand-over, have too: the officer decides (Đ24)."""
    found: dict[int, list[Finding]] = {}
    first: dict[str, str] = {}
    for item in came:
        mine = found.setdefault(item["n"], [])
        held = session.get(model.CaseFile, item["code"])
        if held is not None:
            mine.append(finding("TRANSFER-020", item["code"], document=item["code"], where=(
                f"hồ sơ {held.code} “{held.title}” trong Kho (bên nộp: “{item['title']}”)")))
        mains = {one.files[0].sha256.lower(): one for one in read[item["n"]].documents if one.files}
        mine += [finding("TRANSFER-020", document.code, document=document.code, where=_beside(document, row))
                 for row, document in _held(session, mains)]
        for digest, document in mains.items():
            if other := first.get(digest):
                mine.append(finding("TRANSFER-020", document.code, document=document.code, where=other))
            first.setdefault(digest, f"tài liệu {document.code} của cùng lần nộp")
    return found


def _held(session: Session, mains: Mapping[str, ReadDocument]) -> Iterator[tuple[model.Document, ReadDocument]]:
    digests = sorted(mains)
    for start in range(0, len(digests), SOME):
        rows = session.execute(select(model.File.sha256, model.Document).join(
            model.Document, model.Document.code == model.File.document).where(
                model.File.role == "original", model.File.sha256.in_(digests[start:start + SOME])))
        for digest, row in rows:
            yield row, mains[digest]


def _beside(document: ReadDocument, row: model.Document) -> str:
    """A document of the holdings and one that came, told side by side (Đ24)."""
    number = "/".join(filter(None, (document.fields.get("codeNumber", ""), document.fields.get("codeNotation", ""))))
    held = "/".join(filter(None, (row.number, row.notation)))
    return (f"tài liệu {row.code} trong Kho: số {held or '—'}, “{row.subject}” (bên nộp: số {number or '—'}, "
            f"“{document.fields.get('subject', '')}”)")


def _lay(archive: Archive, transfer: Transfer) -> int:
    """Lay the approved packages into the inbox, unless they lie there or were taken in; how many were laid."""
    inbox, laid = archive.settings.path(archive.settings.ingest.inbox[0]), 0
    for item in transfer.in_state("approved"):
        with archive.catalogue.session() as session:
            if _item_of(session, item) is not None:
                continue
        place = package_place(archive, transfer.code, item["name"])
        try:
            laid += Disk(inbox).put(transfer.code, item["name"], place, item["sha256"])
        except FileNotFoundError as error:
            raise NotDeliveredError(str(error.filename)) from error
        shutil.copystat(place, inbox / transfer.code / item["name"])
    return laid


def _item_of(session: Session, item: Entries) -> model.Item | None:
    """The item that the package became on its way in; None before the night."""
    return session.scalar(select(model.Item).where(model.Item.sha256 == item["sha256"], model.Item.state.not_in(
        ("turned_away", "duplicate"))).order_by(model.Item.id).limit(1))


def _not_stored(archive: Archive, session: Session, item: Entries) -> Iterator[Finding]:
    """What of an approved package the store does not hold, file by file, every byte of its case files read again."""
    row = _item_of(session, item)
    event = session.scalar(select(model.Event.data).where(
        model.Event.kind == "package_received", model.Event.subject == row.id)) if row is not None else None
    if row is None or event is None:
        yield finding("TRANSFER-029", item["code"], what=_("the night has not taken it in") if row is None
                      else row.state)
        return
    documents = list(event["documents"])
    homes: set[str] = set()
    for start in range(0, len(documents), SOME):
        some = documents[start:start + SOME]
        states = session.execute(select(model.Item.id, model.Item.state, model.Item.document).where(
            model.Item.id.in_(some))).all()
        waiting = [one for one in states if one.state != "stored"]
        if waiting or len(states) != len(some):
            yield finding("TRANSFER-029", item["code"], what=", ".join(sorted({one.state for one in waiting})) or "?")
            return
        homes |= set(session.scalars(select(model.Document.case_file).where(
            model.Document.code.in_([one.document for one in states]))))
    held: set[str | None] = set()
    for home in sorted(homes):
        if fault := next(archive.store.verify(layout.casefile_object(home)), None):
            yield finding("TRANSFER-029", item["code"], what=fault)
            return
        held |= {one.sha256 for one in archive.store.files(layout.casefile_object(home)).values()}
    if lost := [one["path"] for one in item["contents"] if one["sha256"] not in held]:
        yield finding("TRANSFER-029", item["code"], what=lost[0])


def _decision(number: str, dated: str) -> str:
    return f"Quyết định số {number.strip()} {date_text(date.fromisoformat(dated))}"


def _last(transfer: Transfer, act: str) -> Entries:
    told = transfer.last(act)
    assert told is not None
    return told
