"""The grounds on which a case file may go although its period is not over: it is there twice, or was handed over.

Luật Lưu trữ 33/2024/QH15 Điều 16 khoản 1 (trùng lặp); NĐ 01/2013/NĐ-CP Điều 7 khoản 5, rule DS-08 (the sender destroys
only after the receiver's confirmation). Neither asks for the period. Both ask for the other copy, each time again: when
it is planned, approved and executed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive import clock, layout, model
from archive.catalogue import SOME
from archive.document_paths import home_of
from archive.errors import IntegrityError
from archive.findings import Finding, finding
from archive.i18n import _
from archive.opening import Archive
from retention.destruction.keeping import HANDED
from retention.transfer import objects

Item = Mapping[str, Any]
_SOUND = ("valid", "valid_with_notes")
_RECEIVED = ("original", "attachment", "signature", "message")


@dataclass(frozen=True, slots=True)
class Receipt:
    """What another archive signed for of one case file: the hand-over, who signed, the SHA-256 of every file.

    `fault`: why it stands for nothing; `prepared_at`: raw time from which a change here is one that it does not know.
    """

    transfer: str
    receiver: str
    prepared_at: str = ""
    files: frozenset[str] = frozenset()
    fault: str = ""


# --- handed over -------------------------------------------------------------------------------------------------


def handed_over(session: Session, *, fonds: str = "") -> list[str]:
    """The case files of a fonds, or of all, that another archive signed for and that are still here, in order."""
    row = model.CaseFile
    query = select(row.code).where(row.code.in_(objects.handed_over(session)), row.state == "closed").order_by(row.code)
    return list(session.scalars(query.where(row.fonds == fonds) if fonds else query))


def receipts(archive: Archive, session: Session, codes: Collection[str]) -> dict[str, Receipt]:
    """The receipt for each of these case files that was signed for, the newest hand-over's."""
    wanted, named = sorted(codes), dict[str, str]()
    for start in range(0, len(wanted), SOME):
        named.update((row.code, row.transfer) for row in session.execute(select(
            model.TransferItem.code, model.TransferItem.transfer).join(
            model.Transfer, model.Transfer.code == model.TransferItem.transfer).where(
            model.Transfer.side == objects.AGENCY, model.TransferItem.state == objects.CONFIRMED,
            model.TransferItem.code.in_(wanted[start:start + SOME])).order_by(model.TransferItem.transfer)))
    told = {transfer: _confirmed(archive, transfer) for transfer in set(named.values())}
    return {code: told[transfer].get(code, Receipt(transfer, "", fault=_("it does not name the case file")))
            for code, transfer in named.items()}


def check_handed(archive: Archive, session: Session, items: Iterable[Item]) -> list[Finding]:
    """DESTROY-050 for every item that the other archive did not sign for as it is stored here today."""
    asked = [one for one in items if one["reason"] == HANDED]
    known = receipts(archive, session, {one["code"] for one in asked}) if asked else {}
    return [finding("DESTROY-050", one["code"], what=what) for one in asked
            if (what := _unlike(archive, one["code"], known.get(one["code"])))]


def _confirmed(archive: Archive, transfer: str) -> dict[str, Receipt]:
    """What the confirmation of a hand-over covers, by case file; with the fault where it cannot be relied on."""
    held = objects.read(archive.store, transfer)
    act, prepared = held.last("confirmed") or {}, [one["at"] for one in held.acts if one["act"] == "prepared"]
    receiver = str(held.record["receiver"]["name"])
    try:
        data = archive.store.read(objects.object_id(transfer), objects.path_of(
            act["version"], "received/confirmation.json"))
        packages = json.loads(data)["packages"]
        fault = "" if hashlib.sha256(data).hexdigest() == act["confirmation"] else _("its list was changed")
    except (KeyError, ValueError, IntegrityError, OSError):
        packages, fault = [], _("its list cannot be read")
    if act.get("verdict") not in _SOUND:
        fault = fault or _("its signature does not hold")
    return {line["code"]: Receipt(transfer, receiver, min(prepared, default=""), frozenset(
        one["sha256"] for one in line["files"]), fault) for line in packages} or {
        one["code"]: Receipt(transfer, receiver, fault=fault) for one in held.items}


def _unlike(archive: Archive, code: str, receipt: Receipt | None) -> str:
    """Why the receipt does not stand for what is stored of the case file; empty: it does."""
    if receipt is None:
        return _("no archive has confirmed that it received it")
    if receipt.fault:
        return f"{receipt.transfer}: {receipt.fault}"
    if not archive.store.has(layout.casefile_object(code)):
        return ""               # another finding says so
    held = archive.store.inventory(layout.casefile_object(code))
    made = datetime.fromisoformat(held.told["versions"][held.head]["created"])
    if made > clock.parse(receipt.prepared_at).replace(microsecond=0):
        return _("{transfer}: changed here on {day}, after it was handed over").format(
            transfer=receipt.transfer, day=f"{clock.in_vietnam(made):%d/%m/%Y}")
    files = archive.store.files(layout.casefile_object(code))
    lacking = [path for path in sorted(files) if path.startswith(f"{layout.RECEIVED}/")
               and files[path].sha256 not in receipt.files]
    if lacking:
        return _("{transfer}: {n} stored files are not in its list, first {path}").format(
            transfer=receipt.transfer, n=len(lacking), path=lacking[0].rpartition("/")[2])
    return ""


# --- there twice -------------------------------------------------------------------------------------------------


def twins(session: Session, code: str, *, named: Mapping[str, str], gone: Collection[str],
          lives: Mapping[str, int]) -> tuple[list[list[str]], list[Finding]]:
    """For every document of a case file the one of the same fonds that is kept: [document, kept, its SHA-256 …].

    Byte for byte the same received files; or what a person says (`named`: document → kept). Never a document of the
    case files that go (`gone`), nor of one that is kept less long (`lives`: until which year). DESTROY-051 for those
    that have none.
    """
    home = session.get(model.CaseFile, code)
    documents = list(session.scalars(select(model.Document.code).where(model.Document.case_file == code).order_by(
        model.Document.ordinal)))
    if not documents:
        return [], [finding("DESTROY-051", code, document="—", what=_("it holds no document"))]
    return twins_of(session, documents, home.fonds if home is not None else "", named=named, gone={*gone, code},
                    lives=lives, subject=code)


def twins_of(session: Session, documents: Sequence[str], fonds: str, *, named: Mapping[str, str],
             gone: Collection[str], lives: Mapping[str, int], subject: str = "",
             ) -> tuple[list[list[str]], list[Finding]]:
    """As `twins`, for documents that are named; `gone` are case files and documents, `subject` whom findings name."""
    own = _received(session, documents)
    found: list[list[str]] = []
    faults: list[Finding] = []
    for document in documents:
        kept = [named[document]] if document in named else _same(session, own.get(document, set()), document)
        fits = next((one for one in kept if _may_stay(session, one, document, fonds, gone, lives)), None)
        if fits is None:
            what = _("the kept copy {copy} is not fit").format(copy=kept[0]) if kept else _("no other copy is known")
            faults.append(finding("DESTROY-051", subject or document, document=document, what=what))
            continue
        found.append([document, fits, *sorted(_received(session, [fits]).get(fits, set()))])
    return found, faults


def check_twins(archive: Archive, session: Session, item: Item, *, gone: Collection[str],
                lives: Mapping[str, int]) -> list[Finding]:
    """DESTROY-051 for every document of an item that is there twice whose kept copy is not there, whole and for long.

    Every byte of the kept copy is read again.
    """
    found = []
    for document, kept, *digests in item["twins"]:
        row = session.get(model.Document, kept)
        what = ""
        if row is None or not _may_stay(session, kept, document, "", gone, lives):
            what = _("the kept copy {copy} is not there any more, or goes itself").format(copy=kept)
        elif not set(digests) <= _whole(archive, session, row):
            what = _("the kept copy {copy} is not whole").format(copy=kept)
        if what:
            found.append(finding("DESTROY-051", item["code"], document=document, what=what))
    return found


def linked(session: Session, codes: Collection[str]) -> dict[str, list[str]]:
    """The case files among `codes` whose documents case files that stay need, and which those are."""
    link, found = model.DocumentLink, dict[str, list[str]]()
    wanted = sorted(codes)
    for start in range(0, len(wanted), SOME):
        for home, other in session.execute(select(link.home, link.case_file).where(
                link.home.in_(wanted[start:start + SOME]), link.ended == 0).distinct().order_by(link.case_file)):
            if other not in codes:
                found.setdefault(home, []).append(other)
    return found


def linked_documents(session: Session, codes: Collection[str]) -> dict[str, list[str]]:
    """The single documents among `codes` that other case files need, and which those are."""
    link, found = model.DocumentLink, dict[str, list[str]]()
    wanted = sorted(codes)
    for start in range(0, len(wanted), SOME):
        for document, other in session.execute(select(link.document, link.case_file).where(
                link.document.in_(wanted[start:start + SOME]), link.ended == 0).distinct().order_by(link.case_file)):
            found.setdefault(document, []).append(other)
    return found


def _received(session: Session, documents: Sequence[str]) -> dict[str, set[str]]:
    """The SHA-256 of the received files of documents."""
    found: dict[str, set[str]] = {}
    for start in range(0, len(documents), SOME):
        for document, sha256 in session.execute(select(model.File.document, model.File.sha256).where(
                model.File.document.in_(documents[start:start + SOME]), model.File.role.in_(_RECEIVED))):
            found.setdefault(document, set()).add(sha256)
    return found


def _same(session: Session, digests: Collection[str], document: str) -> list[str]:
    """The other documents that hold all of these received files, those received first in front."""
    if not digests:
        return []
    holders = select(model.File.document).where(model.File.sha256.in_(sorted(digests)), model.File.role.in_(_RECEIVED))
    others = list(session.scalars(select(model.Document.code).where(
        model.Document.code.in_(holders), model.Document.code != document).order_by(
        model.Document.received_at, model.Document.code)))
    held = _received(session, others)
    return [one for one in others if set(digests) <= held[one]]


def _may_stay(session: Session, kept: str, document: str, fonds: str, gone: Collection[str],
              lives: Mapping[str, int]) -> bool:
    """Whether a document may be the one that is kept: of this fonds, of a case file that stays, and as long."""
    row = session.get(model.Document, kept)
    home = session.get(model.CaseFile, row.case_file) if row is not None else None
    return (home is not None and not {kept, home.code} & set(gone) and kept != document
            and (home.state in ("open", "closed") or home.code == home_of(document)) and fonds in ("", home.fonds)
            and lives.get(home.code, 0) >= lives.get(home_of(document), 0))


def _whole(archive: Archive, session: Session, row: model.Document) -> set[str]:
    """The SHA-256 of the received files of a document when each is stored as it should be; every byte is read."""
    place = layout.casefile_object(row.case_file)
    paths = session.scalars(select(model.File.path).where(
        model.File.document == row.code, model.File.role.in_(_RECEIVED)))
    sound = set()
    try:
        files = archive.store.files(place)
        for path in paths:
            archive.store.content(place, files[path])
            sound.add(files[path].sha256)
    except (KeyError, IntegrityError, OSError):
        return set()
    return sound
