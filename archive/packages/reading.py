"""Reading a package of TT 05/2025 as it comes: its case file, documents and files, however its maker wrote them.

Tolerant on purpose: order, letter case of names, missing links and odd encodings are read round and said, so that
what can be understood is understood. Whether the package is right is for archive/packages/check to judge.
"""

from __future__ import annotations

import posixpath
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, reduce
from typing import Any

from archive.fields.kinds import Kind, kind_of
from archive.fields.tables import profile
from archive.findings import Finding, finding
from archive.packages.description import Form, Holey
from archive.packages.hrefs import resolve
from archive.packages.opening import Opened
from archive.packages.parsing import read_xml
from archive.packages.references import Header, Mets, Reference, read_mets, text_of

__all__ = ["ReadDocument", "ReadFile", "ReadPackage", "ReadRecord", "read_package", "resolve"]

REGIME = "tt05_2025"
DATA = re.compile(r"representations/[^/]+/data/.+", re.IGNORECASE)
HOLEY = ".fetch.txt"
_DOCUMENT_FILE = re.compile(r"ead_(doc|pic|media)_?(.*)\.xml", re.IGNORECASE)
_SCHEMA = re.compile(r"schemas/ead_(doc|pic|media)\.xsd", re.IGNORECASE)
_KINDS: Mapping[str, Kind] = {"doc": "document", "pic": "photo", "media": "av"}


@dataclass(frozen=True, slots=True)
class ReadFile:
    """A file of the package. `sha256` is what its METS says in lower-case hex, "" where it says none.

    `role`: "original" or "attachment" for files of documents, "documentation" for those beside them.
    """

    path: str
    role: str
    size: int
    sha256: str
    mime: str


@dataclass(frozen=True, slots=True)
class ReadRecord:
    """One EAD file: its elements in their order, and the fields they give by tag."""

    path: str
    tags: tuple[str, ...]
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ReadDocument:
    """One document: main file first in `files`; `holey` names the link file of one that was handed over before."""

    code: str
    kind: Kind
    fields: Mapping[str, str]
    files: Sequence[ReadFile]
    record: ReadRecord
    holey: str = ""


@dataclass(frozen=True, slots=True)
class ReadPackage:
    """What a package says. `form` is None for one that does not follow TT 05/2025 (E-ARK): then only its METS is read.

    `type` is OAISPACKAGETYPE, `request` the submission's code, `fields` those of the case file (or of the package, or
    of the reader's request), `loose` the data files that belong to no document, `unread` the descriptions that could
    not be read, `profile` the METS profile's address.
    """

    form: Form | None
    objid: str
    type: str
    fonds: str
    organisation: str
    request: str
    title: str
    status: str
    profile: str
    fields: Mapping[str, str]
    documents: Sequence[ReadDocument] = ()
    holey: Sequence[Holey] = ()
    documentation: Sequence[ReadFile] = ()
    loose: Sequence[str] = ()
    unread: Sequence[str] = ()
    record: ReadRecord | None = None
    mets: Sequence[Mets] = ()


def read_package(opened: Opened, found: list[Finding]) -> ReadPackage | None:
    """What the open package holds; None when it has no METS and no description that could be read.

    Adds to `found` what was odd or could not be understood; raises nothing for a wrong package.
    """
    mets = read_mets(opened, found)
    record, foreign = _main_record(opened, mets, found)
    if not mets and record is None:
        return None
    root = mets[0] if mets else None
    header = reduce(Header.or_else, (one.header for one in mets), Header())
    ours = record is not None or (not foreign and _looks_like_it(opened))
    form = _form(header.type, root, record) if ours else None
    fields = record.fields if record is not None else {}
    said = root.attributes if root else {}
    label, objid = said.get("LABEL", ""), said.get("OBJID", "")
    documents: _Documents = _Documents(opened, mets, record, found)
    if form is not None:
        documents.read()
    return ReadPackage(
        form=form, objid=objid, type=header.type, fonds=header.fonds, organisation=header.organisation,
        request=header.request, title=fields.get("title", "") or label, status=header.status or "NEW",
        profile=said.get("PROFILE", ""), fields=fields, documents=documents.documents,
        holey=documents.holey, documentation=documents.documentation, loose=documents.loose,
        unread=documents.unread, record=record, mets=mets)


def _looks_like_it(opened: Opened) -> bool:
    """Whether files bear names that only the circular gives: so a broken EAD.xml does not make it another package."""
    return any(_DOCUMENT_FILE.fullmatch(name.rpartition("/")[2]) or _SCHEMA.fullmatch(name) for name in opened.names)


def _form(kind: str, root: Mets | None, record: ReadRecord | None) -> Form:
    """Which of the five packages this is: by its type, else by the fields that only one table has."""
    fields = record.fields if record is not None else {}
    if kind not in ("SIP", "AIP", "DIP"):
        kind = "DIP" if "requestID" in fields else "AIP" if "arcFileCode" in fields else "SIP"
    if kind == "DIP":
        return "DIP"
    collection = root is not None and root.attributes.get("TYPE", "").lower() == "collection"
    loose = "source" in fields or (collection and "startDate" not in fields)
    if kind == "AIP":
        return "AIP_tailieu" if loose else "AIP_hoso"
    return "SIP_tailieu" if loose else "SIP_hoso"


def _main_record(opened: Opened, mets: Sequence[Mets], found: list[Finding]) -> tuple[ReadRecord | None, bool]:
    """The description of the package as a whole: the EAD.xml of the root, when it is one of TT 05/2025.

    Without one, whether there is a description by another standard (EAD 2002, EAD3): then the package is another's too.
    """
    foreign = False
    named = [reference.path for reference in mets[0].references if reference.kind == "metadata" and reference.there
             and reference.path.rpartition("/")[2].lower() == "ead.xml"] if mets else []
    usual = opened.like("metadata/descriptive/EAD.xml")
    for path in dict.fromkeys([*named, *([usual] if usual else [])]):
        sink: list[Finding] = []
        record = read_record(opened, path, sink)
        foreign = foreign or any(one.code == "PKG-070" and one.params["name"].startswith("{") for one in sink)
        if record is not None or (not foreign and _looks_like_it(opened)):
            found += sink
        if record is not None:
            return record, False
    return None, foreign


def read_record(opened: Opened, path: str, found: list[Finding]) -> ReadRecord | None:
    """The fields of an EAD file of TT 05/2025 (root element `simpledc`); None, with a finding, when it is none."""
    root = read_xml(opened, path, found)
    if root is None:
        return None
    if _local(root) != "simpledc":
        found.append(finding("PKG-070", path, name=str(root.tag)[:100]))
        return None
    tags: list[str] = []
    fields: dict[str, str] = {}
    for element in root:
        tag = _local(element)
        tags.append(tag)
        known = _tags().get(tag.lower(), tag)
        value = text_of(element)
        fields[known] = f"{fields[known]}; {value}" if fields.get(known) and value else value or fields.get(known, "")
    return ReadRecord(path, tuple(tags), fields)


@cache
def _tags() -> Mapping[str, str]:
    """The tags of the circular by their lower-case spelling."""
    return {row.tag.lower(): row.tag for row in profile(REGIME).rows if row.tag}


@dataclass(slots=True)
class _Documents:
    """The documents of a package, put together from EAD files, data files and the links of the structMaps."""

    opened: Opened
    mets: Sequence[Mets]
    main: ReadRecord | None
    found: list[Finding]
    documents: list[ReadDocument] = field(default_factory=list)
    holey: list[Holey] = field(default_factory=list)
    documentation: list[ReadFile] = field(default_factory=list)
    loose: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)

    def read(self) -> None:
        """Fill the lists."""
        facts = {reference.path: reference for one in self.mets for reference in one.references
                 if reference.kind == "file" and reference.there}
        links = _Links.of(self.mets)
        data = [name for name in self.opened.names if DATA.fullmatch(name)]
        # TT 05/2025 knows one representation; further ones beside it (access copies, text) hold no documents.
        data = [name for name in data if name.lower().startswith("representations/rep1/")] or data
        free = dict.fromkeys(name for name in data if name not in links.used)
        stems = {_stem(name): name for name in reversed(free)}
        for path in self._records():
            record = read_record(self.opened, path, self.found)
            if record is None:
                self.unread.append(path)
                continue
            code = record.fields.get("arcDocCode") or record.fields.get("docCode", "")
            main = links.main.get(path, [])
            if not main and (guess := self._by_name(path, record, stems)):
                self.found.append(finding("PKG-086", path, file=guess))
                main = [guess]
            holey = next((name for name in main if name.lower().endswith(HOLEY)), "")
            files = [name for name in main if name != holey]
            files += [name for one in list(files) for name in links.attached.get(one, []) if name not in files]
            for name in main + files:
                free.pop(name, None)
            self.documents.append(ReadDocument(
                code, _kind(path, record), record.fields,
                [self._file(name, "attachment" if n else "original", facts) for n, name in enumerate(files)],
                record, holey))
        used = {file.path for document in self.documents for file in document.files}
        for path in self.unread:        # its files are not at fault
            used.update(name for main in links.main.get(path, ()) for name in (main, *links.attached.get(main, ())))
        self.loose = [name for name in data if name not in used and not name.lower().endswith(HOLEY)]
        self.holey = [Holey(name.rpartition("/")[2][:-len(HOLEY)], self._content(name)) for name in data
                      if name.lower().endswith(HOLEY)]
        self.documentation = [self._file(name, "documentation", facts) for name in self.opened.names
                              if "documentation" in name.lower().split("/")[:3:2]]

    def _records(self) -> list[str]:
        """The paths of the documents' EAD files: those that a METS names, then the others."""
        main = self.main.path if self.main else ""
        named = [reference.path for one in self.mets for reference in one.references
                 if reference.kind == "metadata" and reference.there
                 and "/descriptive/" in f"/{reference.path.lower()}" and reference.path.lower().endswith(".xml")]
        others = [name for name in self.opened.names if "/descriptive/" in name.lower()
                  and not name.lower().startswith("documentation/")     # of the SIP that brought the case file
                  and _DOCUMENT_FILE.fullmatch(name.rpartition("/")[2])]
        return [path for path in dict.fromkeys([*named, *others]) if path != main]

    def _by_name(self, path: str, record: ReadRecord, stems: Mapping[str, str]) -> str:
        """The data file whose name says that it is this document's: as the EAD file, the code or the identifier."""
        match = _DOCUMENT_FILE.fullmatch(path.rpartition("/")[2])
        names = [match[2] if match else "", *(record.fields.get(key, "") for key in ("arcDocCode", "docCode", "docId"))]
        return next((stems[name.lower()] for name in names if name and name.lower() in stems), "")

    def _file(self, path: str, role: str, facts: Mapping[str, Reference]) -> ReadFile:
        fact = facts.get(path)
        sha256 = fact.checksum.strip().lower() if fact and _algorithm(fact.algorithm) == "sha256" else ""
        return ReadFile(path, role, self.opened.size(path), sha256, fact.mime if fact else "")

    def _content(self, name: str) -> str:
        try:
            return str(self.opened.read(name, 4096)[:4096], "utf-8-sig", "replace").strip()
        except OSError:
            return ""


@dataclass(slots=True)
class _Links:
    """What the structMaps say: the files of each EAD file, and the attachments of each main file, by path."""

    main: dict[str, list[str]] = field(default_factory=dict)
    attached: dict[str, list[str]] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, mets: Sequence[Mets]) -> _Links:
        links = cls()
        for one in mets:
            links._add(one)
        return links

    def _add(self, mets: Mets) -> None:
        files = {key: reference.path for reference in mets.references if reference.kind == "file" and reference.there
                 for key in reference.ids}
        records = {key: reference.path for reference in mets.references
                   if reference.kind == "metadata" and reference.there for key in reference.ids}
        for division in mets.divisions:
            pointed = [files[key] for key in division.files if key in files]
            if not pointed:
                continue
            for key in division.described:
                if key in records:
                    self._link(self.main, records[key], pointed)
            if division.label in files:
                self._link(self.attached, files[division.label], pointed)

    def _link(self, table: dict[str, list[str]], key: str, paths: list[str]) -> None:
        table.setdefault(key, []).extend(path for path in paths if path not in table.get(key, ()) and path != key)
        self.used.update(paths)


def _kind(path: str, record: ReadRecord) -> Kind:
    """The table that a document's fields follow: what the fields say, else what the file's name says."""
    said = kind_of(record.fields)
    match = _DOCUMENT_FILE.fullmatch(path.rpartition("/")[2])
    return said if said != "document" or match is None else _KINDS[match[1].lower()]


def _algorithm(name: str) -> str:
    return name.strip().lower().replace("-", "")


def _stem(name: str) -> str:
    """The file's name without folder and extension, in lower case."""
    last = name.rpartition("/")[2].lower()
    return last[:-len(HOLEY)].rpartition(".")[0] or last[:-len(HOLEY)] if last.endswith(HOLEY) else (
        posixpath.splitext(last)[0])


def _local(element: Any) -> str:
    return sys.intern(str(element.tag).rpartition("}")[2])

