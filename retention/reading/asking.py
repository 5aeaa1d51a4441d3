"""A request for use is taken in: who asks, for what, which documents (TT 05/2025/TT-BNV Điều 35, 38; rule AC-03)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive import clock, destroyed
from archive.catalogue import SOME
from archive.errors import UsageError
from archive.fields import code_lists
from archive.fields.kinds import title_of
from archive.findings import Finding, Level, finding, worst
from archive.i18n import _
from archive.model import CaseFile, Document
from archive.opening import Archive
from retention.reading import keeping
from retention.reading.keeping import KINDS_ASKED, Request
from retention.reading.modes import mode_of, needs_opinion
from retention.tables.reading import is_day

PURPOSES, FEE_OBJECTS = "dip_purpose", "dip_feeObjectType"      # code lists of TT 05/2025/TT-BNV Phụ lục V


@dataclass(frozen=True, slots=True)
class Reader:
    """Who asks. `id_paper` (số định danh cá nhân or số giấy tờ tùy thân) is compulsory for a certified copy only."""

    name: str
    id_paper: str = ""
    contact: str = ""
    organisation: str = ""
    account: str = ""           # at the portal; empty: reads at the archive


@dataclass(frozen=True, slots=True)
class Purpose:
    """What for: the purpose in words, and the codes that a package for the reader carries (Phụ lục V)."""

    text: str
    code: str = "01"
    topic: str = ""
    fee_object: str = "10"
    note: str = ""


def ask(archive: Archive, kind: str, codes: Sequence[str], reader: Reader, purpose: Purpose, *, by: str, at: datetime,
        on: str = "", dry_run: bool = False) -> tuple[Request | None, list[Finding]]:
    """Take a request in; with a finding that refuses (or `dry_run`) nothing is written and there is no request.

    `codes` are documents and case files; of a case file every document that it holds now is asked for. `on`: the day
    on which it came (YYYY-MM-DD), today when empty. The caller owns the archive. Raises UsageError for a kind, a
    code of a list or a day that cannot be.
    """
    today = clock.in_vietnam(at).date().isoformat()
    _check(kind, purpose, on, today)
    problems = list(_lacks(kind, reader, purpose))
    with archive.catalogue.session() as session:
        items, found = _items(session, codes)
        code = keeping.next_code(session, int((on or today)[:4]))
    problems += found
    for one in items:
        if one["mode"] == "undecided" and needs_opinion("undecided", archive.settings):
            problems.append(finding("READING-008", one["document"]))
    if worst(problems) >= Level.refused or dry_run:
        return None, problems
    record = {"schema": keeping.SCHEMA, "code": code, "kind": kind, "asked_on": on or today,
              "account": reader.account.strip().lower(), "purpose": purpose.code, "purpose_text": purpose.text.strip(),
              "topic": purpose.topic.strip(), "fee_object": purpose.fee_object, "note": purpose.note.strip(),
              "profile": archive.settings.profile, "archive": archive.settings.destruction.archive, "acts": []}
    told = {"schema": keeping.READER_SCHEMA, "name": reader.name.strip(), "id_paper": reader.id_paper.strip(),
            "contact": reader.contact.strip(), "organisation": reader.organisation.strip()}
    request = Request(record, items, told)
    return keeping.write(archive, request, "asked", {"documents": [one["document"] for one in items],
                                                     "count": len(items)}, by=by, at=at), problems


def _check(kind: str, purpose: Purpose, on: str, today: str) -> None:
    """Raises UsageError for what no request can have."""
    if kind not in KINDS_ASKED:
        raise UsageError(_("“{kind}” is no kind of request; there are: {kinds}.").format(
            kind=kind, kinds=", ".join(KINDS_ASKED)))
    for value, name in ((purpose.code, PURPOSES), (purpose.fee_object, FEE_OBJECTS)):
        values = code_lists()[name].values
        if value not in values:
            raise UsageError(_("“{value}” is not in the list {name}: {values}.").format(
                value=value, name=name, values="; ".join(f"{one} {word}" for one, word in values.items())))
    if on and (not is_day(on) or on > today):
        raise UsageError(_("“{value}” cannot be the day of a request; write YYYY-MM-DD, not after today.").format(
            value=on))


def _lacks(kind: str, reader: Reader, purpose: Purpose) -> Iterator[Finding]:
    name = reader.name.strip()
    if not purpose.text.strip():
        yield finding("READING-002", name or "—")
    if not name:
        yield finding("READING-003", "—", field=_("the reader's name"))
    elif kind == "certified" and not reader.id_paper.strip():
        yield finding("READING-003", name, field=_("number of the identity paper"))


def _items(session: Session, codes: Sequence[str]) -> tuple[list[dict[str, Any]], list[Finding]]:
    """The documents that are asked for, in the order of `codes`, each once; what cannot be asked for."""
    items: list[dict[str, Any]] = []
    found: list[Finding] = []
    taken: set[str] = set()
    for code in dict.fromkeys(codes):
        rows = _documents(session, code)
        if not rows:
            if session.get(CaseFile, code) is None:
                destroyed.refuse(session, code)
                found.append(finding("READING-001", code))
            else:
                found.append(finding("READING-004", code))
        for document, case_file in rows:
            mode = mode_of(document.fields, case_file.fields)
            if mode == "secret":
                found.append(finding("READING-005", document.code))
            elif document.code not in taken:
                taken.add(document.code)
                items.append({"n": len(items) + 1, "document": document.code, "case_file": case_file.code,
                              "asked": code, "mode": mode, "state": "asked", "reason": "", "until": "",
                              "purge_after": ""})
    if not codes:
        raise UsageError(_("Name the documents or case files that are asked for."))
    return items, found


def _documents(session: Session, code: str) -> list[tuple[Document, CaseFile]]:
    """The document of this code, or the documents of the case file of this code, with their case file."""
    rows = select(Document, CaseFile).join(CaseFile, CaseFile.code == Document.case_file).where(
        (Document.code == code) | (CaseFile.code == code), CaseFile.state != "destroying").order_by(Document.ordinal)
    return [(document, case_file) for document, case_file in session.execute(rows)]


def modes_now(session: Session, request: Request) -> dict[str, str]:
    """Document → its mode today, of those of a request that still exist: a correction may have changed it."""
    return {document.code: mode_of(document.fields, case_file.fields)
            for document, case_file in _existing(session, request)}


def titles_now(session: Session, request: Request) -> dict[str, str]:
    """Document → its title, of those of a request that still exist. A request keeps no title: it outlives documents."""
    return {document.code: title_of(document.fields) for document, _case_file in _existing(session, request)}


def _existing(session: Session, request: Request) -> Iterator[tuple[Document, CaseFile]]:
    wanted = [one["document"] for one in request.items]
    for start in range(0, len(wanted), SOME):
        rows = select(Document, CaseFile).join(CaseFile, CaseFile.code == Document.case_file).where(
            Document.code.in_(wanted[start:start + SOME]), CaseFile.state != "destroying")
        yield from ((document, case_file) for document, case_file in session.execute(rows))
