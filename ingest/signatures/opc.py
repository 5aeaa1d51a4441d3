"""What a signature of an OOXML file covers: its manifest, the relationships transform, content types (ECMA-376-2).

Only the manifest that was itself signed is read. Must never take a part for signed because of its name: bytes, content
type and the relationships that lead to it have to be those of the manifest.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from lxml import etree

from ingest.containers import SafeZip
from ingest.signatures.integrity import digest_of
from ingest.signatures.office import Coverage
from ingest.signatures.xml_signatures import DS, Checked, Unsupported, canonical, parsed, reference_digest

RELATIONSHIPS = "http://schemas.openxmlformats.org/package/2006/relationships"
_RELS = f"{{{RELATIONSHIPS}}}"
_TYPES = "{http://schemas.openxmlformats.org/package/2006/content-types}"
_DIGSIG = "{http://schemas.openxmlformats.org/package/2006/digital-signature}"
_TRANSFORM = "http://schemas.openxmlformats.org/package/2006/RelationshipTransform"
_C14N = ("http://www.w3.org/TR/2001/REC-xml-c14n-20010315", "http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments")
# Relationships that Office itself leaves out of its signatures ([MS-OFFCRYPTO] 2.5.2.4, our reading): the signatures,
# the document's properties and its thumbnail. Their parts are mentioned, not held against the signer.
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_LEFT_OUT = frozenset({
    f"{RELATIONSHIPS}/digital-signature/origin", f"{RELATIONSHIPS}/digital-signature/signature",
    f"{RELATIONSHIPS}/digital-signature/certificate", f"{RELATIONSHIPS}/metadata/core-properties",
    f"{RELATIONSHIPS}/metadata/thumbnail", f"{_OFFICE}/extended-properties", f"{_OFFICE}/custom-properties"})
_MENTIONED = ("docprops/",)
_OWN = ("[content_types].xml", "_xmlsignatures/")


def coverage(opened: SafeZip, checked: Checked) -> Coverage:
    """What the signature leaves out, and whether the parts that it lists are as they were signed.

    `checked` must be intact. Raises Unsupported for transforms that are not known here.
    """
    references = _manifest(checked)
    names = {name for name in opened.names if not name.endswith("/")}
    types = _content_types(opened)
    covered: set[str] = set()
    missing: list[str] = []
    for reference in references:
        path, _, query = str(reference.get("URI", "")).partition("?")
        name = unquote(path).removeprefix("/")
        if not path.startswith("/") or name not in names:
            return Coverage(broken=f"{path or '?'}: not in the file")
        wanted = unquote(query.partition("ContentType=")[2])
        if wanted and wanted.lower() != types(name).lower():
            return Coverage(broken=f"{name}: {types(name) or '?'}")
        data, left = _transformed(opened.read(name), reference)
        checked.digests.add(reference_digest(reference))
        stated = base64.b64decode(reference.findtext(f"{DS}DigestValue") or "")
        if digest_of(reference_digest(reference), data) != stated:
            return Coverage(broken=name)
        missing += [f"{name} ({one})" for one in left]
        covered.add(name)
    rest = sorted(name for name in names - covered if not name.lower().startswith(_OWN))
    mentioned = [name for name in rest if name.lower().startswith(_MENTIONED)]
    return Coverage([*missing, *(name for name in rest if name not in mentioned)], mentioned)


def _manifest(checked: Checked) -> list[etree._Element]:
    """The references of the manifests that were signed, out of what signxml returned."""
    roots = [result.signed_xml for uri, result in checked.signed
             if uri.startswith("#") and result.signed_xml is not None]
    found = [one for root in roots if root.tag == f"{DS}Object" for one in root.iterfind(f"{DS}Manifest/{DS}Reference")]
    if not found:
        raise Unsupported("no signed Manifest")
    return found


def _transformed(data: bytes, reference: etree._Element) -> tuple[bytes, Sequence[str]]:
    """A part's bytes after the reference's transforms, and the relationships that they leave out."""
    transforms = reference.findall(f"{DS}Transforms/{DS}Transform")
    names = [one.get("Algorithm", "") for one in transforms]
    if not names:
        return data, ()
    if names[0] == _TRANSFORM and len(names) == 2 and names[1] in _C14N:
        root, left = related(parsed(data), transforms[0])
        return canonical(root, names[1]), left
    if len(names) == 1 and names[0] in _C14N:
        return canonical(parsed(data), names[0]), ()
    raise Unsupported(", ".join(names))


def related(root: etree._Element, transform: etree._Element) -> tuple[etree._Element, list[str]]:
    """The relationships transform (ECMA-376-2, 13.2.4.24): the listed relationships, by Id, with their target mode.

    Also says which relationships are neither listed nor of the kinds that Office leaves out.
    """
    if root.tag != f"{_RELS}Relationships":
        raise Unsupported("Relationships")
    ids = {one.get("SourceId") for one in transform.iterfind(f"{_DIGSIG}RelationshipReference")}
    kinds = {one.get("SourceType") for one in transform.iterfind(f"{_DIGSIG}RelationshipsGroupReference")}
    made = etree.Element(f"{_RELS}Relationships", nsmap=_nsmap(root))
    left: list[str] = []
    for one in sorted(root.iterfind(f"{_RELS}Relationship"), key=lambda one: one.get("Id", "").encode("utf-16-be")):
        if one.get("Id") not in ids and one.get("Type") not in kinds:
            if one.get("Type") not in _LEFT_OUT:
                left.append(f"{one.get('Id')} → {one.get('Target')}")
            continue
        attributes = {str(key): str(value) for key, value in one.attrib.items()}
        attributes.setdefault("TargetMode", "Internal")
        etree.SubElement(made, f"{_RELS}Relationship", attributes)
    return made, left


def _nsmap(root: etree._Element) -> dict[Any, str]:
    return dict(root.nsmap)


class _Types:
    """Content types by part, of [Content_Types].xml (ECMA-376-2, 10.1.2)."""

    def __init__(self, defaults: Mapping[str, str], overrides: Mapping[str, str]) -> None:
        self.defaults, self.overrides = defaults, overrides

    def __call__(self, name: str) -> str:
        """The content type of the part `name`; "" for none."""
        own = self.overrides.get(f"/{name}".lower())
        return own if own is not None else self.defaults.get(name.rpartition(".")[2].lower(), "")


def _content_types(opened: SafeZip) -> _Types:
    root = parsed(opened.read("[Content_Types].xml"))
    return _Types(
        {one.get("Extension", "").lower(): one.get("ContentType", "") for one in root.iter(f"{_TYPES}Default")},
        {one.get("PartName", "").lower(): one.get("ContentType", "") for one in root.iter(f"{_TYPES}Override")})
