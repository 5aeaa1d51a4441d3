"""Descriptive data as XML, beside the records they describe (TT 02/2019/TT-BNV Điều 10; TT 05/2025/TT-BNV Điều 30).

One file a set: the fonds, the case files that the set brings, and of each its documents with their fields and files.
Read from a copy of the catalogue, row by row; what XML cannot hold (control characters) is left out and counted.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session

from archive.catalogue import SOME
from archive.model import CaseFile, Document, File, Fonds

NAMESPACE = "urn:luutru:metadata:1"
_DOCUMENT = (Document.code, Document.ordinal, Document.kind, Document.profile, Document.received_at,
             Document.legal_received_at, Document.legal_value, Document.verdict, Document.pages, Document.fields)
_FILE = (File.document, File.path, File.role, File.name, File.format, File.size, File.sha256)
_NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_metadata(snapshot: Path, target: Path, about: Mapping[str, str],
                   only: Collection[str] | None = None) -> dict[str, int]:
    """Write the descriptive data that the catalogue's copy `snapshot` has into the new XML file `target`; the counts.

    `about`: attributes of the root. `only`: ids of objects, when not all case files are wanted. The copy is only read.
    """
    engine = create_engine("sqlite://", creator=lambda: sqlite3.connect(
        f"file:{quote(str(snapshot))}?mode=ro&immutable=1", uri=True))
    counts = {"fonds": 0, "case_files": 0, "documents": 0, "replaced": 0}
    try:
        with Session(engine) as session, target.open("x", encoding="utf-8", newline="\n") as out:
            out.write('<?xml version="1.0" encoding="UTF-8"?>\n')
            out.write(f"<metadata xmlns={quoteattr(NAMESPACE)}{_attributes(about, counts)}>\n")
            for fonds in session.scalars(select(Fonds).order_by(Fonds.code)):
                out.writelines(_element(" ", "fonds", {
                    "code": fonds.code, "validFrom": fonds.valid_from, "validTo": fonds.valid_to,
                    "successor": fonds.successor}, [("title", fonds.name)], fonds.fields, counts))
                out.write(" </fonds>\n")
                counts["fonds"] += 1
            for some in _case_files(session, only):
                out.writelines(_some(session, some, counts))
            out.write("</metadata>\n")
    finally:
        engine.dispose()
    return counts


def _case_files(session: Session, only: Collection[str] | None) -> Iterator[list[CaseFile]]:
    """The case files in the order of their codes, some at a time."""
    if only is None:
        last = ""
        while some := list(session.scalars(select(CaseFile).where(CaseFile.code > last).order_by(CaseFile.code
                                                                                                 ).limit(SOME))):
            last = some[-1].code
            yield some
            session.expunge_all()
        return
    wanted = sorted(only)
    for start in range(0, len(wanted), SOME):
        yield list(session.scalars(select(CaseFile).where(CaseFile.object_id.in_(wanted[start:start + SOME]))
                                   .order_by(CaseFile.code)))
        session.expunge_all()


def _some(session: Session, some: list[CaseFile], counts: dict[str, int]) -> Iterator[str]:
    for case_file in some:
        counts["case_files"] += 1
        yield from _element(" ", "caseFile", {
            "code": case_file.code, "fonds": case_file.fonds, "year": str(case_file.year),
            "notation": case_file.notation, "retention": case_file.retention, "keeper": case_file.keeper,
            "state": case_file.state, "profile": case_file.profile, "openedAt": case_file.opened_at,
            "closedAt": case_file.closed_at, "object": case_file.object_id, "version": str(case_file.version)},
            [("title", case_file.title)], case_file.fields, counts)
        files: dict[str, list[dict[str, str]]] = {}
        for row in session.execute(select(*_FILE).join(Document, Document.code == File.document).where(
                Document.case_file == case_file.code).order_by(File.path)):
            files.setdefault(row.document, []).append({
                "path": row.path, "role": row.role, "name": row.name, "format": row.format, "size": str(row.size),
                "sha256": row.sha256})
        for document in session.execute(select(*_DOCUMENT).where(
                Document.case_file == case_file.code).order_by(Document.ordinal)):
            counts["documents"] += 1
            yield from _element("  ", "document", {
                "code": document.code, "ordinal": str(document.ordinal), "kind": document.kind,
                "profile": document.profile, "receivedAt": document.received_at,
                "legalReceivedAt": document.legal_received_at, "legalValue": document.legal_value,
                "verdict": document.verdict, "pages": str(document.pages)}, [], document.fields, counts)
            for told in files.get(document.code, ()):
                yield f"   <file{_attributes(told, counts)}/>\n"
            yield "  </document>\n"
        yield " </caseFile>\n"


def _element(indent: str, name: str, attributes: Mapping[str, str], texts: Iterable[tuple[str, str]],
             fields: Mapping[str, Any] | None, counts: dict[str, int]) -> Iterator[str]:
    """The start of an element, and its texts and fields by their tags; who calls writes its end."""
    yield f"{indent}<{name}{_attributes(attributes, counts)}>\n"
    for tag, text in texts:
        yield f"{indent} <{tag}>{escape(_clean(text, counts))}</{tag}>\n"
    for tag, value in sorted((fields or {}).items()):
        for one in value if isinstance(value, list) else [value]:
            yield f"{indent} <field tag={quoteattr(_clean(tag, counts))}>{escape(_clean(str(one), counts))}</field>\n"


def _attributes(told: Mapping[str, str], counts: dict[str, int]) -> str:
    return "".join(f" {name}={quoteattr(_clean(value, counts))}" for name, value in told.items() if value)


def _clean(text: str, counts: dict[str, int]) -> str:
    clean, number = _NO_XML.subn("", text)
    counts["replaced"] += number
    return clean
