"""The giving side of a hand-over after the delivery: receipt, result, and the confirmation that lets it destroy.

Rule DS-08 (NĐ 01/2013/NĐ-CP Đ7.5): the sender deletes only after the receiver's confirmation. Only a paper that the
receiving archive signed, over the very hashes that were sent, marks a case file "đã nộp lưu"; a receipt of delivery
never does. Nothing is destroyed here: that is the way of every destruction.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from archive.errors import RefusedError
from archive.findings import Finding, Level, finding, worst
from archive.i18n import _
from archive.opening import Archive
from archive.spelling import plain
from retention.transfer import messages, objects
from retention.transfer.doing import Done, Signature, Tools, Who
from retention.transfer.messages import Message
from retention.transfer.objects import AGENCY, CONFIRMED, Transfer

Entries = Mapping[str, Any]
_SOUND = ("valid", "valid_with_notes")


def take(archive: Archive, path: Path, paper: Path | None, tools: Tools, who: Who, *, dry_run: bool = False) -> Done:
    """Take the archive's receipt or result in; `paper` is the receipt's PDF, whose signature is told if there is one.

    A receipt whose hashes differ from what was sent is refused (TRANSFER-028). Raises UsageError for an unknown
    hand-over.
    """
    held, found = messages.read_message(path, messages.RECEIPT, messages.RESULT)
    if held is None:
        return Done(Transfer({"code": "", "state": "", "acts": [], "side": AGENCY}), tuple(found))
    transfer = objects.open_transfer(archive, held.told["request"], AGENCY)
    found += messages.about(held, transfer, path.name)
    wanted = ("sent", "short") if held.kind == messages.RECEIPT else ("sent", "received", "short", "waiting")
    if transfer.state not in wanted:
        found.append(finding("TRANSFER-024", path.name, what=objects.state_name(transfer.state)))
    if worst(found) >= Level.refused:
        return Done(transfer, tuple(found))
    if held.kind == messages.RECEIPT:
        found += _differs(transfer, held, files=False)
    else:
        known = {one["n"]: one["code"] for one in transfer.items}
        found += [finding("TRANSFER-028", one["code"], what=f"n {one['n']}")
                  for one in (*held.told["approved"], *held.told["failed"]) if known.get(one["n"]) != one["code"]]
    signed: Signature | None = None
    if paper is not None:
        signed = tools.look(paper)
        if held.sha256 not in signed.text:
            found.append(finding("TRANSFER-026", paper.name, json=path.name))
    if dry_run or worst(found) >= Level.refused:
        return Done(transfer, tuple(found))
    told: dict[str, Any]
    if held.kind == messages.RECEIPT:
        act, state = "received", "waiting" if held.told["complete"] else "short"
        changes: dict[int, Entries] = {one["n"]: {"state": "waiting", "reason": ""} for one in held.told["packages"]}
        told = {"complete": held.told["complete"], "missing": list(held.told["missing"])}
    else:
        act, state = "approved", "approved"
        changes = {one["n"]: {"state": "approved", "reason": ""} for one in held.told["approved"]}
        changes |= {one["n"]: {"state": "returned", "reason": one["reason"]} for one in held.told["failed"]}
        told = {"decision": held.told["decision"], "failed": [
            {"code": one["code"], "reason": one["reason"]} for one in held.told["failed"]]}
    if signed is not None:
        told |= {"verdict": signed.verdict, "signers": list(signed.signers)}
    files = {f"received/{held.kind}.json": held.data}
    files |= {f"received/{held.kind}.pdf": paper.read_bytes()} if paper is not None else {}
    done = objects.write(archive, transfer.moved(state, changes), act, told, by=who.by, at=who.at, files=files)
    return Done(done, tuple(found), True, {"kind": held.kind, "state": objects.state_name(state)})


def confirm(archive: Archive, path: Path, paper: Path, tools: Tools, who: Who, *, signer: str = "",
            dry_run: bool = False) -> Done:
    """Take the archive's signed confirmation in, and mark what it covers as handed over (DS-08).

    Refused: no valid signature over the whole paper (TRANSFER-025), a paper that does not bear the hash of the list
    (026), a signer who is not the receiving archive (027; `signer` says how its certificate names it), any package or
    file whose hash is not what was sent (028). Raises UsageError for an unknown hand-over.
    """
    held, found = messages.read_message(path, messages.CONFIRMATION)
    if held is None:
        return Done(Transfer({"code": "", "state": "", "acts": [], "side": AGENCY}), tuple(found))
    transfer = objects.open_transfer(archive, held.told["request"], AGENCY)
    found += messages.about(held, transfer, path.name)
    if transfer.state != "approved":
        found.append(finding("TRANSFER-024", path.name, what=objects.state_name(transfer.state)))
    signed = tools.look(paper)
    found += _signature(signed, paper.name, held, path.name, signer.strip() or transfer.record["receiver"]["name"])
    found += _differs(transfer, held, files=True)
    if dry_run or worst(found) >= Level.refused:
        return Done(transfer, tuple(found))
    covered = {one["n"]: {"state": CONFIRMED} for one in held.told["packages"]}
    told = {"count": len(covered), "verdict": signed.verdict, "signers": list(signed.signers),
            "certificate": signed.certificate, "signer": signer.strip(), "confirmation": held.sha256,
            "case_files": [one["code"] for one in held.told["packages"]]}
    done = objects.write(archive, transfer.moved("confirmed", covered), "confirmed", told, by=who.by, at=who.at, files={
        "received/confirmation.json": held.data, "received/confirmation.pdf": paper.read_bytes()})
    return Done(done, tuple(found), True, {"count": len(covered)})


def close(archive: Archive, code: str, who: Who, *, dry_run: bool = False) -> Done:
    """Conclude the hand-over here; what was returned may be registered anew. Raises RefusedError before the
    confirmation, unless everything was returned.
    """
    transfer = objects.open_transfer(archive, code, AGENCY)
    if not (transfer.state == "approved" and not transfer.in_state("approved")):
        objects.not_in(transfer, "confirmed")
    if left := transfer.in_state("approved"):
        raise RefusedError(_("{code} is approved, and its archive did not confirm it yet.").format(
            code=left[0]["code"]))
    if dry_run:
        return Done(transfer)
    told = {"confirmed": len(transfer.in_state(CONFIRMED)), "returned": len(transfer.in_state("returned", "missing"))}
    done = objects.write(archive, transfer.moved("closed", {}), "closed", told, by=who.by, at=who.at)
    return Done(done, (), True, told)


# --- steps -------------------------------------------------------------------------------------------------


def _signature(signed: Signature, paper: str, held: Message, name: str, wanted: str) -> Iterator[Finding]:
    """What keeps a signed paper from standing for the message."""
    if signed.verdict not in _SOUND or not signed.whole or not signed.agency:
        yield finding("TRANSFER-025", paper, verdict=signed.verdict,
                      signers=", ".join(signed.signers) or "—")
    if held.sha256 not in signed.text:
        yield finding("TRANSFER-026", paper, json=name)
    if plain(wanted) not in {plain(one) for one in (*signed.signers, *signed.organisations)} - {""}:
        yield finding("TRANSFER-027", paper, signers=", ".join(signed.signers) or "—", wanted=wanted)


def _differs(transfer: Transfer, held: Message, *, files: bool) -> Iterator[Finding]:
    """Every package, and with `files` every file in it, whose hash the archive has otherwise than it was sent."""
    sent = {one["n"]: one for one in transfer.items}
    for line in held.told["packages"]:
        mine = sent.get(line["n"])
        if mine is None or any(mine[key] != line[key] for key in ("code", "objid", "sha256", "size")):
            yield finding("TRANSFER-028", line["code"], what=f"SHA-256 {line['sha256'][:16]} ≠ "
                          f"{mine['sha256'][:16] if mine is not None else '—'}")
            continue
        if files and {(one["path"], one["sha256"]) for one in line["files"]} != {
                (one["path"], one["sha256"]) for one in mine["contents"]}:
            yield finding("TRANSFER-028", line["code"], what="files")
    if files and (lacking := {one["n"]: one["code"] for one in transfer.in_state("approved")
                              if one["n"] not in {line["n"] for line in held.told["packages"]}}):
        for code in lacking.values():
            yield finding("TRANSFER-028", code, what="—")
    if files:
        for line in held.told["packages"]:
            if (mine := sent.get(line["n"])) is not None and mine["state"] != "approved":
                yield finding("TRANSFER-028", line["code"], what=objects.state_name(mine["state"]))
