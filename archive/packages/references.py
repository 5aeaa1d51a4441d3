"""The METS files of a package and every file that they name, with what they promise about it.

Follows the pointers from the root METS to those of the representations, never in circles and never out of the package.
Of a large METS only what it says is kept, in tuples: its tree would be ten times the size of the file.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from archive.findings import Finding, finding
from archive.packages.hrefs import resolve
from archive.packages.opening import Opened, limits
from archive.packages.parsing import give_back, read_xml

METS = "http://www.loc.gov/METS/"
XLINK = "{http://www.w3.org/1999/xlink}"
ROOT_METS = "METS.xml"
_KEPT = 1 << 20         # bytes of a METS up to which its tree is kept for the rules


class Reference(NamedTuple):
    """One file that a METS names. `path` is "" when the href means no file of the package; `there`: it is held.

    `kind`: "file" of a fileGrp, "metadata" (mdRef) or "pointer" (mptr). `ids` are the IDs by which the structMap may
    call it; `use` the USE of its groups. `checksum`, `algorithm` and `size` are as written, "" where not given.
    """

    kind: Literal["file", "metadata", "pointer"]
    path: str
    there: bool
    ids: tuple[str, ...]
    use: str = ""
    checksum: str = ""
    algorithm: str = ""
    size: str = ""
    mime: str = ""


class Division(NamedTuple):
    """A division of a structMap that names files: its LABEL, and the IDs that its DMDID and its fptr name."""

    label: str
    described: tuple[str, ...]
    files: tuple[str, ...]


@dataclass(slots=True)
class Header:
    """What the header of a METS says, the first of several; "" where it says nothing."""

    type: str = ""
    fonds: str = ""
    organisation: str = ""
    request: str = ""
    status: str = ""

    def read(self, element: Any, name: str, space: str) -> None:
        """Take what is new in an element called `name`; `space` stands before the names of its children."""
        if name == "metsHdr":
            self.status = self.status or element.get("RECORDSTATUS", "").strip().upper()
            self.type = self.type or _attribute(element, "OAISPACKAGETYPE").upper()
        elif name == "note":
            agent = element.getparent()         # the archivist's code is the archive's, not the fonds
            if (_attribute(element, "NOTETYPE").upper() == "IDENTIFICATIONCODE"
                    and agent.get("ROLE", "").upper() != "ARCHIVIST"):
                self.fonds = self.fonds or text_of(element)
        elif name == "altRecordID":
            self.request = self.request or text_of(element)
        elif element.get("TYPE", "").upper() == "ORGANIZATION" and element.get("ROLE", "").upper() != "ARCHIVIST":
            names = [text_of(one) for one in element.iterchildren(f"{space}name")]
            self.organisation = self.organisation or next((one for one in names if one), "")

    def or_else(self, other: Header) -> Header:
        """This header; `other` says what this one leaves out."""
        return Header(self.type or other.type, self.fonds or other.fonds, self.organisation or other.organisation,
                      self.request or other.request, self.status or other.status)


@dataclass(slots=True)
class Mets:
    """One METS file: where it lies, its root element's name and attributes, what it says and names.

    `tree` is the parsed file, None for a large one: `tree_of` reads that again.
    """

    path: str
    tag: str
    attributes: dict[str, str]
    tree: Any | None = None
    header: Header = field(default_factory=Header)
    references: list[Reference] = field(default_factory=list)
    divisions: list[Division] = field(default_factory=list)

    @property
    def base(self) -> str:
        """The folder that its hrefs start from; "" for the package's root."""
        return self.path.rpartition("/")[0]

    @property
    def space(self) -> str:
        """Its namespace as lxml writes it before names; METS even where the root element says otherwise."""
        return self.tag.rpartition("}")[0] + "}" if "}" in self.tag else ""


def tree_of(opened: Opened, mets: Mets, found: list[Finding]) -> Any | None:
    """The root element of a METS that was read before; None, with a finding, when it cannot be read any more."""
    return mets.tree if mets.tree is not None else read_xml(opened, mets.path, found)


def text_of(element: Any) -> str:
    """The text of an element and of those in it, blanks at the ends left out."""
    return " ".join("".join(element.itertext()).split()) if len(element) else (element.text or "").strip()


def read_mets(opened: Opened, found: list[Finding]) -> list[Mets]:
    """Every METS of the package, the root's first; those of representations that nothing points to come last."""
    start = ROOT_METS if opened.has(ROOT_METS) else opened.like(ROOT_METS)
    held: dict[str, Mets] = {}
    if start is not None:
        if start != ROOT_METS:
            found.append(finding("PKG-057", start, wanted=ROOT_METS))
        _follow(opened, start, (), held, found)
    for name in opened.names:
        parts = name.split("/")
        if (parts[0].lower() == "representations" and len(parts) == 3 and parts[2].lower() == "mets.xml"
                and name not in held):
            _follow(opened, name, (), held, found)
    if any(one.tree is None for one in held.values()):
        give_back()
    return list(held.values())


def _follow(opened: Opened, path: str, above: tuple[str, ...], held: dict[str, Mets], found: list[Finding]) -> None:
    if path in above or len(above) >= limits("mets")["depth"]:
        found.append(finding("PKG-039", path, chain=" → ".join((*above, path))))
        return
    if path in held or len(held) >= limits("mets")["files"]:
        return
    tree = read_xml(opened, path, found)
    if tree is None:
        return
    name = str(tree.tag)
    if name != f"{{{METS}}}mets":
        found.append(finding("PKG-025", path, name=name[:100]))
        if name.rpartition("}")[2] != "mets":
            return
    mets = held[path] = Mets(path, name, {str(key): str(value) for key, value in tree.attrib.items()})
    _read(opened, mets, tree, found)
    if opened.size(path) <= _KEPT:
        mets.tree = tree
    del tree            # before the next one is parsed
    for reference in mets.references:
        if reference.kind == "pointer" and reference.there:
            _follow(opened, reference.path, (*above, path), held, found)


def _read(opened: Opened, mets: Mets, tree: Any, found: list[Finding]) -> None:
    """Fill header, references and divisions in one walk through the tree."""
    space, start = mets.space, len(mets.space)
    places = {"mdRef": _metadata, "file": _files, "mptr": _pointer}
    names = [space + name for name in (*places, "metsHdr", "note", "altRecordID", "agent", "div")]
    for element in tree.iter(*names):
        name = element.tag[start:]
        if name in places:
            mets.references += places[name](opened, mets, element, found)
        elif name == "div":
            files = tuple(key for fptr in element.iterchildren(f"{space}fptr") if (key := fptr.get("FILEID", "")))
            if files:
                mets.divisions.append(Division(element.get("LABEL", ""), tuple(element.get("DMDID", "").split()),
                                               files))
        else:
            mets.header.read(element, name, space)


def _metadata(opened: Opened, mets: Mets, element: Any, found: list[Finding]) -> Iterator[Reference]:
    section = element.getparent()
    ids = tuple(one for one in (section.get("ID", "") if section is not None else "", element.get("ID", "")) if one)
    yield _reference(opened, mets, "metadata", element, element, ids, "", found)


def _files(opened: Opened, mets: Mets, element: Any, found: list[Finding]) -> Iterator[Reference]:
    groups = [group.get("USE", "") for group in element.iterancestors(f"{mets.space}fileGrp")]
    ids = (element.get("ID"),) if element.get("ID") else ()
    for place in element.iterchildren(f"{mets.space}FLocat"):
        yield _reference(opened, mets, "file", place, element, ids, "/".join(reversed(groups)), found)


def _pointer(opened: Opened, mets: Mets, element: Any, found: list[Finding]) -> Iterator[Reference]:
    yield _reference(opened, mets, "pointer", element, element, (), "", found)


def _reference(opened: Opened, mets: Mets, kind: Literal["file", "metadata", "pointer"], place: Any, facts: Any,
               ids: tuple[str, ...], use: str, found: list[Finding]) -> Reference:
    href = place.get(f"{XLINK}href") or place.get("href") or ""
    target = resolve(opened, mets.base, href)
    found += [finding(code, mets.path, href=href[:200], path=target.path) for code in target.codes]
    return Reference(kind, target.path, target.there, ids, sys.intern(use), facts.get("CHECKSUM", ""),
                     sys.intern(facts.get("CHECKSUMTYPE", "")), facts.get("SIZE", ""),
                     sys.intern(facts.get("MIMETYPE", "")))


def _attribute(element: Any, name: str) -> str:
    """The attribute `name` in whatever namespace: makers spell that of CSIP in several ways."""
    return next((str(value).strip() for key, value in element.attrib.items()
                 if str(key).rpartition("}")[2] == name), "")
