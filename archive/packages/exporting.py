"""Handing packages out: what would be written, whether it may be, and writing it with a line in the ledger.

A closed case file's AIP is the stored one, byte for byte, and the evidence of its files (evidence.py) beside it; every
other package is made anew from the records. Nothing here changes a record.
"""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Literal

from lxml import etree

from archive import clock, destroyed, layout, model
from archive.catalogue import record
from archive.errors import IntegrityError, NoRoomError, RefusedError, UsageError
from archive.fields import validate_record
from archive.findings import Finding, Level, finding
from archive.i18n import _
from archive.ledger import Entry, event_key
from archive.opening import Archive
from archive.packages import assemble, ead, evidence
from archive.packages.build import folder_name, objid, zip_name
from archive.packages.description import Form, Package, PackedFile
from archive.packages.serialisation import Serialisation, for_settings
from archive.packages.text_files import later_texts
from archive.packages.writing import Progress, Written, copy_files, write_folder, write_zip, zip_files

Wanted = Literal["sip_hoso", "sip_tailieu", "aip_hoso", "aip_tailieu", "dip", "bagit", "tt02"]
FORMS: Mapping[Wanted, Form] = {"sip_hoso": "SIP_hoso", "sip_tailieu": "SIP_tailieu", "aip_hoso": "AIP_hoso",
                                "aip_tailieu": "AIP_tailieu", "dip": "DIP"}
# A value that these findings name makes the package invalid by the law's tables and by its own schemas.
_MAKE_IT_WRONG = frozenset({"META-001", "META-004", "META-006", "META-007", "META-009", "META-010", "META-011",
                            "WRITE-006"})
_PERMANENT = "01"
# PRONOM's ids of PDF/A-1a to PDF/A-4f.
_PDFA = frozenset({"fmt/95", "fmt/354", "fmt/476", "fmt/477", "fmt/478", "fmt/479", "fmt/480", "fmt/481", "fmt/1910",
                   "fmt/1911", "fmt/1912"})
_NAMED = 3          # documents that a finding about several names


@dataclass(frozen=True, slots=True)
class Order:
    """What was asked for, besides the codes: see `luutru package write --help`."""

    form: Wanted
    request: str = ""
    ordinal: int | None = None
    title: str = ""
    round: int = 1
    source: str = ""
    description: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    as_folder: bool = False


@dataclass(frozen=True, slots=True)
class Planned:
    """One package that would be written: for which records, under which name, with what wrong about it.

    `package` is None for a stored AIP (whose `files` are given), BagIt and the package of TT 02/2019.
    """

    codes: tuple[str, ...]
    objid: str
    name: str
    created: str
    package: Package | None = None
    files: tuple[PackedFile, ...] = ()
    findings: tuple[Finding, ...] = ()
    coverage: evidence.Coverage | None = None       # of the files that travel with their evidence
    later: tuple[PackedFile, ...] = ()              # of a stored AIP: texts that changed after it was closed

    @property
    def refused(self) -> bool:
        """Whether something is wrong enough to keep the package from being written."""
        return any(found.level >= Level.refused for found in self.findings)


def plan(archive: Archive, codes: Sequence[str], order: Order, at: datetime) -> list[Planned]:
    """The packages that `order` asks for, one a case file, or one for all of the documents.

    Raises RefusedError for a case file that is still open where only a closed one may travel, UsageError for codes
    that the archive does not know.
    """
    profile = for_settings(archive.settings)
    if order.description and not order.form.endswith("_tailieu"):
        raise UsageError(_("--description is the note of a package of loose documents; a case file and a reader's "
                           "request have their own field “description”."))
    if order.form in ("sip_tailieu", "aip_tailieu", "dip"):
        return [_covered(archive, _checked(_of_documents(archive, codes, order, at), tuple(codes), order, profile),
                         order)]
    found = []
    for n, code in enumerate(dict.fromkeys(codes)):
        row = _case_file(archive, code)
        one = replace(order, ordinal=None if order.ordinal is None else order.ordinal + n)
        if order.form in ("sip_hoso", "aip_hoso") and row.state != "closed":
            raise RefusedError(_("the case file {code} is still open; close it first: luutru casefile close {code}")
                               .format(code=code))
        if order.form == "sip_hoso":
            package = assemble.case_file(archive, code, "SIP_hoso", created=at, request=order.request)
            found.append(_covered(archive, _checked(package, (code,), one, profile), one))
        elif order.form == "aip_hoso":
            found.append(_covered(archive, _stored(archive, code, one), one))
        else:
            # TT 02/2019 knows no container: its records are files side by side.
            name = code if order.as_folder or order.form == "tt02" else f"{code}.zip"
            found.append(Planned((code,), code, name, clock.in_vietnam(at).isoformat(timespec="seconds")))
    return found


def write(archive: Archive, planned: Planned, order: Order, folder: Path, *, by: str, forced: str = "",
          progress: Progress = lambda *_: None) -> Written:
    """Write one planned package into `folder`, and the ledger's line about it.

    Raises RefusedError when it was refused and no reason was given in `forced`, NoRoomError when the disk is full,
    and what the writers raise.
    """
    if planned.refused and not forced:
        raise RefusedError(_("{name} was not written: see the findings").format(name=planned.name))
    try:
        with _with_evidence(archive, planned) as whole:
            written = _write(archive, whole, order, folder / planned.name, progress)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NoRoomError(str(folder)) from error
        raise
    now = clock.stamp(clock.now())
    data = {"files": written.files, "bytes": written.bytes, "to": planned.name, "form": order.form,
            "objid": planned.objid, "sha256": written.sha256, **({"forced": forced} if forced else {})}
    with archive.catalogue.session() as session:
        record(session, archive.ledger, [
            Entry("exported", code, data, event_key("exported", code, order.form, planned.objid, now), actor=by)
            for code in planned.codes])
    return written


def unwritable(subject: str, error: ead.UnwritableTextError) -> Finding:
    """The finding about a text that XML cannot carry."""
    return finding("WRITE-002", subject, place=error.place, character=error.character, position=error.position)


def _write(archive: Archive, planned: Planned, order: Order, target: Path, progress: Progress) -> Written:
    if planned.package is not None:
        writer = write_folder if order.as_folder else write_zip
        return writer(planned.package, for_settings(archive.settings), target, progress)
    if planned.files:
        if order.as_folder:
            return copy_files(planned.files, target, progress)
        return zip_files(planned.files, planned.objid.replace(":", "_"), target, planned.created, progress)
    code = planned.codes[0]
    if order.form == "tt02":
        from archive.packages.tt02 import write_tt02

        return write_tt02(archive, code, target, progress)
    from archive.packages.bagit import write_bag

    info = {"Source-Organization": archive.settings.agency.name, "Bagging-Date": planned.created[:10],
            "External-Identifier": code}
    return write_bag(stored_files(archive, code), target, info, progress, zipped=not order.as_folder)


@contextmanager
def _with_evidence(archive: Archive, planned: Planned) -> Iterator[Planned]:
    """The package with the evidence of its files, where it is to travel along, and with texts of after its closing."""
    package, at, later = planned.package, clock.now(), planned.later
    if planned.coverage is None:
        yield _with_later(archive, planned, list(later), at)
        return
    taken = [file.path for file in (planned.files if package is None else package.documentation)]
    with evidence.gathered(archive, planned.coverage, planned.objid, at, taken) as files:
        if package is not None:
            yield replace(planned, package=replace(package, documentation=[*package.documentation, *files]))
            return
        yield _with_later(archive, planned, [*later, *files], at)


def _with_later(archive: Archive, planned: Planned, files: Sequence[PackedFile], at: datetime) -> Planned:
    """A stored AIP with `files` that were not in it when it was closed, listed in its METS."""
    if not files:
        return planned
    mets = evidence.listed_in(archive.store.read(layout.casefile_object(planned.codes[0]), "METS.xml"), files,
                              clock.in_vietnam(at).isoformat(timespec="milliseconds"))
    digest = hashlib.sha256(mets).hexdigest()
    root = PackedFile("METS.xml", mets, len(mets), digest, "text/xml", planned.created, "")
    return replace(planned, files=tuple(root if one.path == "METS.xml" else one for one in planned.files)
                   + tuple(files))


def _covered(archive: Archive, planned: Planned, order: Order) -> Planned:
    """The plan with what is known of its evidence, unless the settings say that none travels."""
    if order.form.partition("_")[0] not in archive.settings.packages.evidence:
        return planned
    package = planned.package
    files = planned.files if package is None else [file for one in package.documents for file in one.files]
    whole = order.form.endswith("_hoso")
    covered = evidence.coverage(archive, files, case_file=planned.codes[0] if whole else "",
                                documents=() if whole else planned.codes)
    return replace(planned, coverage=covered, findings=(*planned.findings, *covered.finding(planned.codes[0])))


def stored_files(archive: Archive, code: str) -> Iterator[PackedFile]:
    """The files of a case file as they lie in the store, with the hashes that its inventory knows."""
    for path, stored in sorted(archive.store.files(layout.casefile_object(code)).items()):
        if not stored.sha256:
            raise IntegrityError(_("{object}: {path} has changed").format(object=code, path=path))
        yield PackedFile(path, stored.place, stored.size, stored.sha256, "", "", "")


# --- planning ----------------------------------------------------------------------------------------------


def _case_file(archive: Archive, code: str) -> model.CaseFile:
    with archive.catalogue.session() as session:
        row = session.get(model.CaseFile, code)
        if row is None:
            destroyed.refuse(session, code)
            raise UsageError(_("There is no case file {code}.").format(code=code))
    return row


def _of_documents(archive: Archive, codes: Sequence[str], order: Order, at: datetime) -> Package:
    if order.form == "dip":
        return assemble.request(archive, codes, created=at, fields=order.fields)
    if not order.title or order.source not in ("0", "1"):
        raise UsageError(_("A package of loose documents needs --title and --source (0 outgoing, 1 incoming)."))
    return assemble.loose(archive, codes, FORMS[order.form], created=at, title=order.title, round=order.round,
                          ordinal=order.ordinal or 1, source=order.source, request=order.request,
                          description=order.description)


def _stored(archive: Archive, code: str, order: Order) -> Planned:
    """The AIP that closing wrote: its name and time are read from its METS."""
    files = tuple(stored_files(archive, code))
    if not any(file.path == "METS.xml" for file in files):
        raise IntegrityError(_("{code} is closed, but its package has no METS.xml").format(code=code))
    own, created = _root_of(archive.store.read(layout.casefile_object(code), "METS.xml"))
    name = own.replace(":", "_")
    return Planned((code,), own, name if order.as_folder else f"{name}.zip", created, files=files,
                   later=tuple(later_texts(archive, code)))


def _root_of(mets: bytes) -> tuple[str, str]:
    """OBJID and CREATEDATE of a METS file that we wrote; reads no further than its header."""
    own = ""
    for _event, element in etree.iterparse(BytesIO(mets), events=("start",), resolve_entities=False, no_network=True,
                                           load_dtd=False, huge_tree=False):
        if etree.QName(element).localname == "mets":
            own = str(element.get("OBJID", ""))
        elif etree.QName(element).localname == "metsHdr":
            return own, str(element.get("CREATEDATE", ""))
    raise IntegrityError(_("{path} has changed; the package was not written").format(path="METS.xml"))


def _checked(package: Package, codes: tuple[str, ...], order: Order, profile: Serialisation) -> Planned:
    ordinal = order.ordinal if package.form.startswith("SIP") else None
    name = folder_name(package, profile) if order.as_folder else zip_name(package, ordinal, profile)
    return Planned(codes, objid(package, profile), name, package.created, package,
                   findings=tuple(faults(package, ordinal)))


def faults(package: Package, ordinal: int | None = None) -> Iterator[Finding]:
    """What would make the package wrong, found before anything is written."""
    head = ead.table_of(package.form, "EAD")[0]
    subject = package.fields.get(head.tag) or package.title or _("Reader's request")
    yield from _judged(package.fields, head.level, head.package, subject)
    if broken := ead.first_unwritable({**package.fields, "LABEL": package.title}):
        yield unwritable(subject, broken)
    for document in package.documents:
        row = ead.table_of(package.form, ead.SCHEMA_OF[document.kind])[0]
        yield from _judged(document.fields, row.level, row.package, document.code)
        if broken := ead.first_unwritable(document.fields):
            yield unwritable(document.code, broken)
    if not package.form.startswith("SIP"):
        return
    subjects = [(subject, package.fields), *((one.code, one.fields) for one in package.documents)]
    for name, fields in subjects:
        if (value := fields.get("maintenance", "")) not in ("", _PERMANENT):
            yield finding("WRITE-001", name, value=value)
    texts = [one for one in package.documents if one.kind == "document" and one.files]
    if other := [one.code for one in texts if _is_no_pdfa(one.files[0])]:
        yield finding("WRITE-005", subject, count=len(other),
                      names=", ".join(other[:_NAMED]) + (", …" if len(other) > _NAMED else ""))
    if not package.request:
        yield finding("WRITE-003", subject)
    if ordinal is None:
        yield finding("WRITE-004", subject)


def _is_no_pdfa(file: PackedFile) -> bool:
    """Whether the file is known not to be PDF/A; a PDF that nobody identified is not blamed."""
    return file.mime != "application/pdf" or (bool(file.puid) and file.puid not in _PDFA)


def _judged(fields: Mapping[str, str], level: str, package: str, subject: str) -> Iterator[Finding]:
    """The validator's findings; what makes the package wrong keeps it from being written."""
    for found in validate_record(fields, ead.REGIME, level, subject, stage="closed", package=package):
        if found.code == "META-001" and level == "request":     # nobody stored it: it is said with the command
            found = replace(found, code="WRITE-006")
        yield replace(found, level=Level.refused) if found.code in _MAKE_IT_WRONG else found

