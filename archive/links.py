"""Links: a document that has its home in one case file and belongs to others as well.

A link changes neither case file's object, so it works for closed ones, too: each decision is an object of its own. A
case file whose document is needed in one that lives longer may not go before it (Luật Lưu trữ 33/2024/QH15 Điều 36
khoản 4 điểm a); retention/life.py asks for that.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from archive import decisions
from archive.catalogue import SOME
from archive.catalogue import record as record_events
from archive.errors import UsageError
from archive.i18n import _
from archive.ledger import Entry, event_key
from archive.model import CaseFile, Document, DocumentLink
from archive.opening import Archive

PREFIX = "urn:luutru:links:"
LINKED, UNLINKED = "documents_linked", "documents_unlinked"
MOST_TOLD = 100         # codes that the ledger's line names; the object names all


def link(archive: Archive, documents: Sequence[str], case_file: str, *, by: str, reason: str, at: datetime,
         end: bool = False) -> int:
    """Link documents to a case file that is not their home, or `end` such links; the number of the decision.

    The caller owns the archive. Raises UsageError for a code that is unknown, a document of the case file itself, one
    that is linked already (or, to end, is not), and without a reason.
    """
    if not reason.strip():
        raise UsageError(_("--reason may not be empty: the ledger keeps why."))
    decisions.catch_up(archive, ROW)
    wanted = list(dict.fromkeys(documents))
    if not wanted:
        raise UsageError(_("Name at least one document."))
    with archive.catalogue.session() as session:
        if session.get(CaseFile, case_file) is None:
            raise UsageError(_("There is no case file {code}.").format(code=case_file))
        homes = _homes(session, wanted)
        linked = set(session.scalars(select(DocumentLink.document).where(
            DocumentLink.case_file == case_file, DocumentLink.ended == 0)))
    for code in wanted:
        if code not in homes:
            raise UsageError(_("There is no document {code}.").format(code=code))
        if homes[code] == case_file:
            raise UsageError(_("{document} belongs to {case_file} already: it is its home.").format(
                document=code, case_file=case_file))
        if not end and code in linked:
            raise UsageError(_("{document} is linked to {case_file} already.").format(
                document=code, case_file=case_file))
        if end and code not in linked:
            raise UsageError(_("{document} is not linked to {case_file}.").format(document=code, case_file=case_file))
    told = {"by": by, "reason": reason.strip(), "act": "unlink" if end else "link", "case_file": case_file,
            "documents": [{"code": code, "home": homes[code]} for code in wanted]}
    return decisions.write(archive, ROW, told, message="links ended" if end else "documents linked", at=at)


def admit(archive: Archive, session: Session, object_id: str) -> None:
    """The event and the rows of one decision on links; nothing is done twice."""
    told = decisions.read(archive, object_id)
    codes = [one["code"] for one in told["documents"]]
    record_events(session, archive.ledger, [_entry(told, object_id)])
    if told["act"] == "unlink":
        for start in range(0, len(codes), SOME):
            session.execute(update(DocumentLink).where(
                DocumentLink.document.in_(codes[start:start + SOME]), DocumentLink.case_file == told["case_file"],
                DocumentLink.ended == 0, DocumentLink.n < told["n"]).values(ended=told["n"], ended_at=told["at"]))
        return
    if session.scalar(select(DocumentLink.n).where(DocumentLink.n == told["n"]).limit(1)) is None:
        session.execute(insert(DocumentLink), [
            {"document": one["code"], "case_file": told["case_file"], "n": told["n"], "home": one["home"],
             "at": told["at"], "ended": 0, "ended_at": ""} for one in told["documents"]])


def _entry(told: dict[str, Any], object_id: str) -> Entry:
    kind = UNLINKED if told["act"] == "unlink" else LINKED
    codes = [one["code"] for one in told["documents"]]
    # `object_id`, not `case_file`: the version is the decision's own.
    data = {"n": told["n"], "object": object_id, "version": 1, "to": told["case_file"], "count": len(codes),
            "documents": codes[:MOST_TOLD], "reason": told["reason"]}
    return Entry(kind, told["case_file"], data, event_key(kind, told["case_file"], str(told["n"])), told["by"])


def _last(session: Session) -> int:
    """The number of the newest decision on links: each one makes a link or ends one."""
    made, ended = session.execute(select(func.max(DocumentLink.n), func.max(DocumentLink.ended))).one()
    return max(made or 0, ended or 0)


def _homes(session: Session, codes: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for start in range(0, len(codes), SOME):
        rows = session.execute(select(Document.code, Document.case_file).where(
            Document.code.in_(codes[start:start + SOME])))
        found.update({row.code: row.case_file for row in rows})
    return found


ROW = decisions.Row(PREFIX, "luutru/links/1", _last, admit)
