"""Certified copies: a package (DIP) with the stored files themselves, marked copies and a statement, sealed.

TT 05/2025/TT-BNV Điều 42: copied from the original with what authenticates it, a statement (PDF/A) with its eleven
entries, packed by Phụ lục V; Điều 41: the copies bear the agency's signature, shown as BẢN SAO. How a file is sealed is
lent by the command (docs/decisions/0004). Never in a process that forks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select

from archive import clock
from archive.catalogue import SOME
from archive.errors import UsageError
from archive.fields import code_lists
from archive.fields.kinds import title_of
from archive.files import write_atomically
from archive.findings import Finding, Level, finding, worst
from archive.forms import papers
from archive.forms.words import date_text
from archive.i18n import _
from archive.model import CaseFile, Document
from archive.opening import Archive
from archive.packages import exporting
from archive.packages.description import PackedDocument, PackedFile
from retention.reading import copies_kept, keeping
from retention.reading.handing_out import Copied, Progress, archive_name, copy_of, granted_items, silent, words
from retention.reading.keeping import Entries, Request

STATEMENT, COPIES = "documentation/xac-thuc/van-ban-xac-thuc.pdf", "documentation/ban-sao"
_TYPES = "tt05_typeName"
_NO_KEY = "chưa cấu hình khóa ký của cơ quan (seal.pkcs12, seal.pkcs11_module)"
_SET = frozenset({"code", "reader", "purpose", "until", "copies", "request", "documents", "agency", "date", "issued",
                  "check"})

# A PDF with the agency's seal, from its name, its bytes and whether the seal is to show BẢN SAO; None and why not.
Seal = Callable[[str, bytes, bool], tuple[bytes | None, str]]


@dataclass(frozen=True, slots=True)
class Certified:
    """One package: its file, of which documents, the hash and size of it, and whether all in it was sealed."""

    file: str
    documents: tuple[str, ...]
    sha256: str
    size: int
    sealed: bool

    def told(self) -> dict[str, Any]:
        """What the request's object and the ledger keep of it."""
        return {"file": self.file, "documents": list(self.documents), "sha256": self.sha256, "size": self.size,
                "sealed": self.sealed}


@dataclass(slots=True)
class _Work:
    """What goes into one package while it is made."""

    documentation: list[PackedFile] = field(default_factory=list)
    checks: dict[str, str] = field(default_factory=dict)
    copies: list[dict[str, Any]] = field(default_factory=list)
    unsealed: dict[str, str] = field(default_factory=dict)     # file → why not


def certify(archive: Archive, code: str, codes: Sequence[str], *, by: str, at: datetime, seal: Seal | None = None,
            values: Mapping[str, Any] | None = None, copies: int = 1, to: Path | None = None, dry_run: bool = False,
            progress: Progress = silent) -> tuple[Request, list[Certified], list[Finding]]:
    """Make the packages of a request's granted documents (or of `codes`), one a fonds; with `to` also put them there.

    `seal` None: nothing is sealed, and a finding says so. `values`: what a person adds to the statement (number, place,
    signer). With a finding that refuses nothing is made. The caller owns the archive. Raises UsageError for a request
    of another kind, a code that there is not, or a value that is not on the statement.
    """
    request = keeping.open_request(archive, code)
    if request.kind != "certified":
        raise UsageError(_("{code} does not ask for certified copies: luutru reading copy {code}").format(code=code))
    given = dict(values or {})
    if unknown := sorted(set(given) & _SET | set(given) - papers.values("reading_certificate") - {"place"}):
        raise UsageError(_("“{key}” is set by the system or is not on the statement.").format(key=", ".join(unknown)))
    items, found = granted_items(archive, request, codes, at)
    planned = []
    for group in _by_fonds(archive, items):
        plan = exporting.plan(archive, [one["document"] for one in group], _order(request), at)[0]
        planned.append((group, plan))
        found += plan.findings
    if worst(found) >= Level.refused or dry_run:
        return request, [], found
    made = []
    works = []
    place = copies_kept.folder(archive, code)
    place.mkdir(parents=True, exist_ok=True)
    for number, (group, plan) in enumerate(planned, _made_before(request) + 1):
        work, odd = _documentation(archive, request, group, plan, number, at, seal, given, copies, progress)
        found += odd
        assert plan.package is not None
        whole = replace(plan, package=replace(plan.package, documentation=[
            *plan.package.documentation, *work.documentation]))
        written = exporting.write(archive, whole, _order(request), place, by=by)
        made.append(Certified(plan.name, plan.codes, written.sha256, written.bytes, not work.unsealed))
        works.append(work)
        if to is not None:
            to.mkdir(parents=True, exist_ok=True)
            write_atomically(to / plan.name, (place / plan.name).read_bytes())
    if unsealed := {name: why for work in works for name, why in work.unsealed.items()}:
        found.append(finding("READING-017", code, count=len(unsealed), names=", ".join(list(unsealed)[:3]),
                             why=next(iter(unsealed.values()))))
    told = {"documents": [one for package in made for one in package.documents],
            "count": sum(len(package.documents) for package in made), "made": [one.told() for one in made],
            "copies": [one for work in works for one in work.copies], "number_of_copies": copies,
            "to": to.name if to is not None else "", "article": words("certified")["article"]}
    return keeping.write(archive, request, "certified", told, by=by, at=at), made, found


# --- steps ----------------------------------------------------------------------------------------------------------


def _order(request: Request) -> exporting.Order:
    """The package's order, with the reader's request as Phụ lục V wants it."""
    told = request.record
    year, month, day = told["asked_on"].split("-")
    return exporting.Order("dip", fields={
        "requestID": request.code, "requestDate": f"{day}/{month}/{year}", "purpose": told["purpose"],
        "purposeContent": told["purpose_text"], "feeObjectType": told["fee_object"],
        "researchTopic": told["topic"] or told["purpose_text"], "description": told["note"]})


def _by_fonds(archive: Archive, items: Sequence[Entries]) -> list[list[Entries]]:
    """The documents by fonds: a package holds those of one."""
    wanted = [one["document"] for one in items]
    rows: list[tuple[str, str]] = []
    with archive.catalogue.session() as session:
        for start in range(0, len(wanted), SOME):
            rows += [(row.code, row.fonds) for row in session.execute(select(Document.code, CaseFile.fonds).join(
                CaseFile, CaseFile.code == Document.case_file).where(Document.code.in_(wanted[start:start + SOME])))]
    fonds = dict(rows)
    groups: dict[str, list[Entries]] = {}
    for one in items:
        groups.setdefault(fonds[one["document"]], []).append(one)
    return [groups[name] for name in sorted(groups)]


def _made_before(request: Request) -> int:
    return sum(len(act["made"]) for act in request.acts if act["act"] == "certified")


def _documentation(archive: Archive, request: Request, group: Sequence[Entries], plan: exporting.Planned, number: int,
                   at: datetime, seal: Seal | None, given: Mapping[str, Any], copies: int,
                   progress: Progress) -> tuple[_Work, list[Finding]]:
    """The marked copies and the statement of one package, sealed as far as that goes."""
    work, found = _Work(), []
    for n, one in enumerate(group):
        progress(one["document"], n, len(group))
        copied, odd, why = _sealed_copy(archive, request, one, at, seal)
        found += odd
        work.checks[one["document"]] = copied.check if copied.data else ""
        if copied.data:
            work.documentation.append(_packed(f"{COPIES}/{copied.file}", copied.data, at))
            work.copies.append(copied.told())
            if why:
                work.unsealed[copied.file] = why
    paper = _statement(archive, request, group, plan, number, at, given, work.checks, copies)
    name = STATEMENT.rsplit("/", 1)[1]
    done, why = seal(name, paper, False) if seal is not None else (None, _NO_KEY)
    if done is None:
        work.unsealed[name] = why
    work.documentation.append(_packed(STATEMENT, done or paper, at))
    return work, found


def _sealed_copy(archive: Archive, request: Request, item: Entries, at: datetime,
                 seal: Seal | None) -> tuple[Copied, list[Finding], str]:
    """The copy of a document, and why it is not sealed; without a seal the words BẢN SAO are printed on page 1."""
    why = _NO_KEY
    if seal is not None:
        copied, odd = copy_of(archive, request, item, at, sealed=True)
        if not copied.data:
            return copied, odd, ""
        done, why = seal(copied.file, copied.data, True)
        if done is not None:
            return replace(copied, data=done), odd, ""
    copied, odd = copy_of(archive, request, item, at)
    return copied, odd, why


def _packed(path: str, data: bytes, at: datetime) -> PackedFile:
    return PackedFile(path, data, len(data), hashlib.sha256(data).hexdigest(), "application/pdf",
                      clock.in_vietnam(at).isoformat(timespec="milliseconds"), "documentation",
                      path.rsplit("/", 1)[1], format_name="pdf")


def _statement(archive: Archive, request: Request, group: Sequence[Entries], plan: exporting.Planned, number: int,
               at: datetime, given: Mapping[str, Any], checks: Mapping[str, str], copies: int) -> bytes:
    """The statement with the eleven entries of Điều 42 khoản 2."""
    assert plan.package is not None
    packed = {one.code: one for one in plan.package.documents}
    day, code = clock.in_vietnam(at).date(), f"{archive.settings.archive_code}.{request.code}.{number:02d}"
    place = given.get("place", "")
    data = {"number": code, **{name: value for name, value in given.items() if name != "place"},
            "issued": f"{place}, {date_text(day)}" if place else date_text(day),
            "agency": archive_name(archive.settings), "date": day.isoformat(), "code": code, "request": request.code,
            "reader": {"name": request.reader["name"], "id_paper": request.reader["id_paper"]},
            "purpose": request.record["purpose_text"], "until": min(one["until"] for one in group), "copies": copies,
            "documents": [_row(packed[one["document"]], checks) for one in group]}
    return papers.paper("reading_certificate", data, made=at)


def _row(document: PackedDocument, checks: Mapping[str, str]) -> dict[str, str]:
    told = document.fields
    return {"archival": told.get("arcDocCode") or document.code,
            "number": "/".join(filter(None, (told.get("codeNumber"), told.get("codeNotation")))),
            "type": code_lists()[_TYPES].values.get(told.get("typeName", ""), told.get("typeName", "")),
            "title": title_of(told) or "(không có trích yếu)", "check": checks.get(document.code, "")}
