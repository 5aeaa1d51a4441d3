"""METS 1.12 of a package and of its representation rep1, as the annexes of TT 05/2025 give them over E-ARK CSIP 2.0.4.

Written line by line into one buffer, so that 20,000 files need no tree. Ids are made from the package's UUID
and what they name: the same package gives the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from archive import __version__
from archive.packages.description import Package, PackedFile
from archive.packages.ead import attribute, text
from archive.packages.serialisation import Serialisation

METS = "http://www.loc.gov/METS/"
XLINK = "http://www.w3.org/1999/xlink"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
REP = "representations/rep1/"
SOFTWARE = "Lưu Trữ"
XML_MIME = "text/xml"
CONTENT_TYPE = "MIXED"
_REPORTS = (".signatures.json", ".signatures.pdf")
# What a URI may not hold as it is; letters with marks may stay (RFC 3987, xs:anyURI).
_NOT_IN_HREF = re.compile(r"[\x00-\x20\x7f\"#%<>?\\^`{|}]")

Attributes = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Listed:
    """A file as METS lists it: its path in the package, size, SHA-256 (hex), type and time."""

    path: str
    size: int
    sha256: str
    mime: str
    created: str


class Xml:
    """A buffer of indented XML that grows by a line an element."""

    def __init__(self) -> None:
        self._buffer = io.BytesIO()
        self._buffer.write(b'<?xml version="1.0" encoding="UTF-8"?>\n')
        self._open: list[str] = []
        self._indent = b""

    def start(self, tag: str, attributes: Attributes) -> None:
        """Open an element that has children."""
        self._line(f"<{tag}{_written(attributes)}>")
        self._open.append(tag)
        self._indent += b"  "

    def end(self) -> None:
        """Close the element that was opened last."""
        tag = self._open.pop()
        self._indent = self._indent[2:]
        self._line(f"</{tag}>")

    def leaf(self, tag: str, attributes: Attributes, content: str = "") -> None:
        """An element without children."""
        closing = f">{text(content, tag)}</{tag}>" if content else "/>"
        self._line(f"<{tag}{_written(attributes)}{closing}")

    def _line(self, line: str) -> None:
        self._buffer.write(self._indent + line.encode() + b"\n")

    def finish(self) -> bytes:
        """The whole file: not copied, for PREMIS of 5,000 documents has 36 MB."""
        return self._buffer.getvalue()


class Names:
    """The ids of one package: made from its UUID and the thing they name."""

    def __init__(self, package: Package, choices: Serialisation) -> None:
        self.package, self.choices = package, choices
        self._namespace = uuid.UUID(package.uuid).bytes

    def uuid(self, *what: str) -> str:
        """The UUID of a thing in the package: version 5 (RFC 9562), the package's own as namespace.

        Put together by hand: a package of 20,000 files has a hundred thousand of them.
        """
        digest = hashlib.sha1(self._namespace + "\x1f".join(what).encode(), usedforsecurity=False).hexdigest()
        variant = "89ab"[int(digest[16], 16) & 3]
        return self.choices.uuid(f"{digest[:8]}-{digest[8:12]}-5{digest[13:16]}-{variant}{digest[17:20]}-"
                                 f"{digest[20:32]}")

    def id(self, *what: str) -> str:
        """The id "uuid-{UUID}" of a section, group or division."""
        return f"uuid-{self.uuid(*what)}"

    def file(self, path: str) -> str:
        """The id "ID-{UUID}" of the file at `path`, the same in METS and PREMIS."""
        return f"ID-{self.uuid('file', path)}"

    def objid(self) -> str:
        """OBJID of the root METS: the package's identifier."""
        own = self.choices.uuid(self.package.uuid)
        if self.package.form.startswith("AIP"):
            return self.choices.aip_objid.format(fonds=self.package.fonds, uuid=own)
        return f"uuid-{own}"

    def archive_code(self) -> str:
        """The code of the archive that keeps the package, "" when nothing says it."""
        if self.choices.archive_code:
            return self.choices.archive_code
        for document in self.package.documents:
            archival = document.fields.get("arcDocCode", "")
            if archival.endswith(f".{document.code}"):
                return archival.removesuffix(f".{document.code}")
        return ""


def rep_objid(names: Names) -> str:
    """OBJID of rep1's METS."""
    return names.id("representation", "rep1")


def time(created: str, choices: Serialisation) -> str:
    """The ISO 8601 time `created` with as many digits as the profile writes."""
    if choices.time_digits == "seconds":
        return re.sub(r"(T\d{2}:\d{2}:\d{2})\.\d+", r"\1", created)
    if found := re.fullmatch(r"(.*T\d{2}:\d{2}:\d{2})(?:\.(\d+))?(\D.*)?", created):
        return f"{found[1]}.{(found[2] or '').ljust(3, '0')[:3]}{found[3] or ''}"
    return created


def href(path: str) -> str:
    """`path` as a relative URI: blanks and signs that a URI may not hold are percent-encoded."""
    return _NOT_IN_HREF.sub(lambda sign: f"%{ord(sign[0]):02X}", path)


def begin(names: Names, *, root: bool) -> Xml:
    """A METS file with its opening tag and header (phần tử mets, metsHdr)."""
    package, choices = names.package, names.choices
    up = "" if root else "../../"
    schema = choices.mets_schema_names.split()[-1]
    xml = Xml()
    xml.start("mets", {
        "xmlns": METS, "xmlns:xlink": XLINK, "xmlns:xsi": XSI, "xmlns:csip": choices.csip_namespace,
        "OBJID": names.objid() if root else rep_objid(names), "LABEL": package.title,
        "TYPE": choices.types[package.form], "csip:CONTENTINFORMATIONTYPE": CONTENT_TYPE,
        "PROFILE": choices.root_profiles[package.form] if root else choices.rep_profile,
        "xsi:schemaLocation": f"{METS} {up}schemas/{schema} {XLINK} {up}schemas/xlink.xsd "
                              f"{choices.csip_namespace} {up}schemas/DILCISExtensionMETS.xsd"})
    made = time(package.created, choices)
    xml.start("metsHdr", {"CREATEDATE": made, "LASTMODDATE": made, "RECORDSTATUS": package.status,
                          "csip:OAISPACKAGETYPE": package.form[:3]})
    bodies = [] if choices.agents == "software" else _bodies(names, root=root)
    software = [("SOFTWARE VERSION", __version__)]
    if choices.agents == "one_agent":
        software += [("IDENTIFICATIONCODE", code) for role, _name, code in bodies if role == "CREATOR"]
        bodies = [body for body in bodies if body[0] != "CREATOR"]
    if choices.agents != "organisation" or not bodies:
        _agent(xml, "CREATOR", "OTHER", SOFTWARE, software)
    for role, name, code in bodies:
        _agent(xml, role, "ORGANIZATION", name or code, [("IDENTIFICATIONCODE", code)])
    if root and package.form.startswith("SIP") and package.request:
        xml.leaf("altRecordID", {"TYPE": choices.submission_type}, package.request)
    xml.end()
    return xml


def finish(xml: Xml) -> bytes:
    """The bytes of a METS file whose last section is closed."""
    xml.end()
    return xml.finish()


def descriptive(xml: Xml, names: Names, file: Listed, base: str, mdtype: str, other: str) -> str:
    """A dmdSec that refers to `file`; `base` is the folder of the METS file. Returns the section's id."""
    section = names.id("dmdSec", file.path)
    xml.start("dmdSec", {"ID": section, "CREATED": time(file.created, names.choices), "STATUS": "CURRENT"})
    _reference(xml, names, file, base, mdtype, other)
    xml.end()
    return section


def preservation(xml: Xml, names: Names, files: Sequence[Listed], base: str, mdtype: str, other: str) -> str:
    """An amdSec with one digiprovMD for each of `files`. Returns the id by which ADMID names it."""
    section = names.id("amdSec", files[0].path)
    xml.start("amdSec", {"ID": section})
    for file in files:
        xml.start("digiprovMD", {"ID": names.id("digiprovMD", file.path),
                                 "CREATED": time(file.created, names.choices), "STATUS": "CURRENT"})
        _reference(xml, names, file, base, mdtype, other)
        xml.end()
    xml.end()
    return section if names.choices.admid == "amdSec" else names.id("digiprovMD", files[0].path)


def group(xml: Xml, names: Names, use: str, files: Iterable[Listed | PackedFile], base: str,
          more: Attributes | None = None) -> str:
    """A fileGrp; `base` is the folder of the METS file. Returns its id."""
    own = names.id("fileGrp", base, use)
    xml.start("fileGrp", {"ID": own, "USE": use, **(more or {})})
    for file in files:
        xml.start("file", {"ID": names.file(file.path), "MIMETYPE": file.mime or "application/octet-stream",
                           "SIZE": str(file.size), "CREATED": time(file.created, names.choices),
                           "CHECKSUM": names.choices.checksum(file.sha256), "CHECKSUMTYPE": "SHA-256"})
        xml.leaf("FLocat", {"xlink:type": "simple", "xlink:href": href(file.path.removeprefix(base)),
                            "LOCTYPE": "URL"})
        xml.end()
    xml.end()
    return own


def root_mets(names: Names, ead: Listed, premis: Listed | None, rep: Listed, schemas: Sequence[Listed]) -> bytes:
    """METS.xml of the package, from the files that we made and the ones that were given."""
    package, choices = names.package, names.choices
    own = _own_metadata(package) if choices.own_metadata != "not_listed" else []
    reports = [file for file in own if file.path.endswith(_REPORTS)]
    xml = begin(names, root=True)
    described = descriptive(xml, names, ead, "", "OTHER", "EAD")
    own_described = [descriptive(xml, names, file, "", "OTHER", "LUUTRU") for file in own
                     if not file.path.endswith(_REPORTS)]
    kept = preservation(xml, names, [premis], "", choices.preservation_mdtype, "PREMIS") if premis else ""
    own_kept = preservation(xml, names, reports, "", "OTHER", "LUUTRU") if reports else ""

    xml.start("fileSec", {"ID": names.id("fileSec", "")})
    shown = [("Schemas", group(xml, names, "Schemas", schemas, ""))]
    if package.documentation:
        shown.append(("Documentation", group(xml, names, "Documentation", package.documentation, "")))
    content = {"csip:CONTENTINFORMATIONTYPE": CONTENT_TYPE}
    rep_group = group(xml, names, "Representations/rep1", [rep], "", content)
    further = [group(xml, names, use, files, "", content) for use, files in _further(package).items()]
    xml.end()

    xml.start("structMap", {"ID": names.id("structMap", ""), "TYPE": "PHYSICAL", "LABEL": "CSIP"})
    xml.start("div", {"ID": names.id("div", ""), "LABEL": names.objid()})
    if choices.own_metadata == "in_metadata":
        described, kept = " ".join([described, *own_described]), f"{kept} {own_kept}".strip()
    _division(xml, names, "Metadata", [], {"DMDID": described, "ADMID": kept})
    if choices.own_metadata == "listed" and (own_described or own_kept):
        _division(xml, names, "Metadata/luutru", [], {"DMDID": " ".join(own_described), "ADMID": own_kept})
    for label, one in shown[:1]:
        _division(xml, names, label, [one])
    xml.start("div", {"ID": names.id("div", "Representations/rep1"), "LABEL": "Representations/rep1"})
    xml.leaf("mptr", {"xlink:type": "simple", "xlink:href": f"{REP}METS.xml", "xlink:title": rep_group,
                      "LOCTYPE": "URL"})
    xml.end()
    for label, one in shown[1:]:
        _division(xml, names, label, [one])
    if further:
        _division(xml, names, "Representations", further)
    xml.end()
    xml.end()
    return finish(xml)


def _bodies(names: Names, *, root: bool) -> list[tuple[str, str, str]]:
    """The bodies that the header names besides the software: role, name, code (annexes I-V, metsHdr)."""
    package = names.package
    creator = ("CREATOR", package.organisation, package.fonds)
    if package.form.startswith("SIP"):
        return [creator]
    if root:
        return []
    code = names.archive_code()
    archivist = [("ARCHIVIST", names.choices.archive_name, code)] if code else []
    if package.form == "DIP":
        request = package.fields.get("requestID", "")
        return [*archivist, *([("DISSEMINATOR", names.choices.archive_name, request)] if request else [])]
    return [creator, *archivist]


def _agent(xml: Xml, role: str, kind: str, name: str, notes: Iterable[tuple[str, str]]) -> None:
    other = {"OTHERTYPE": "SOFTWARE"} if kind == "OTHER" else {}
    xml.start("agent", {"ROLE": role, "TYPE": kind, **other})
    xml.leaf("name", {}, name)
    for note_type, note in notes:
        xml.leaf("note", {"csip:NOTETYPE": note_type}, note)
    xml.end()


def _reference(xml: Xml, names: Names, file: Listed, base: str, mdtype: str, other: str) -> None:
    kind = {"MDTYPE": mdtype, **({"OTHERMDTYPE": other} if mdtype == "OTHER" else {})}
    xml.leaf("mdRef", {
        "ID": names.id("mdRef", file.path), "LOCTYPE": "URL", **kind,
        "MDTYPEVERSION": "3.0" if other == "PREMIS" else "1.0", "xlink:type": "simple",
        "xlink:href": href(file.path.removeprefix(base)), "MIMETYPE": file.mime, "SIZE": str(file.size),
        "CREATED": time(file.created, names.choices), "CHECKSUM": names.choices.checksum(file.sha256),
        "CHECKSUMTYPE": "SHA-256"})


def _division(xml: Xml, names: Names, label: str, groups: Sequence[str], more: Attributes | None = None) -> None:
    """A div of the root's structMap, with a pointer to each group."""
    given = {key: value for key, value in (more or {}).items() if value}
    attributes = {"ID": names.id("div", label), **given, "LABEL": label}
    if not groups:
        xml.leaf("div", attributes)
        return
    xml.start("div", attributes)
    for one in groups:
        xml.leaf("fptr", {"FILEID": one})
    xml.end()


def _own_metadata(package: Package) -> list[Listed]:
    return [Listed(file.path, file.size, file.sha256, file.mime or "application/json", file.created)
            for file in package.others if file.path.startswith("metadata/")]


def _further(package: Package) -> dict[str, list[PackedFile]]:
    """The AIP's files outside rep1 and metadata by their group: "Representations/access", …"""
    found: dict[str, list[PackedFile]] = {}
    for file in package.others:
        parts = PurePosixPath(file.path).parts
        if parts[0] == "metadata":
            continue
        use = f"Representations/{parts[1]}" if parts[0] == "representations" else parts[0].capitalize()
        found.setdefault(use, []).append(file)
    return found


def _written(attributes: Attributes) -> str:
    return "".join(f' {name}="{attribute(value, name)}"' for name, value in attributes.items())
