"""Office files signed here by hand: canonical forms are written out as text, so nothing of the product is asked.

The signatures are shaped like those of Microsoft Office (manifest, relationships transform, XAdES) and of LibreOffice
(one reference an entry). Must never import the code that it tests.
"""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from xml.etree import ElementTree

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

from samples.making import pki
from tests.test_signatures import PERSON, SIGNED, Holder, loaded, token_over

DS = "http://www.w3.org/2000/09/xmldsig#"
XADES = "http://uri.etsi.org/01903/v1.3.2#"
C14N = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
RELS = "http://schemas.openxmlformats.org/package/2006/relationships"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
DIGSIG = "http://schemas.openxmlformats.org/package/2006/digital-signature"
_SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
_DIGESTS = {"sha256": _SHA256, "sha1": f"{DS}sha1"}
_METHODS = {"sha256": "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", "sha1": f"{DS}rsa-sha1"}
_MAIN = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
_HASHES = {"sha256": hashes.SHA256(), "sha1": hashes.SHA1()}


@dataclass(frozen=True)
class Xml:
    """How an XML signature is to be made."""

    holder: Holder = PERSON
    at: datetime = SIGNED
    digest: str = "sha256"
    xades: bool = True
    token: bool = True
    named: Holder | None = None             # whose certificate SigningCertificate names; the signer's otherwise
    spoil: Callable[[str], str] = str       # changes the finished signature's text


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def digest(data: bytes, name: str = "sha256") -> str:
    return b64(hashlib.new(name, data).digest())


def reference(uri: str, data: bytes, how: Xml, transforms: str = "", kind: str = "") -> str:
    """A Reference in canonical form."""
    type_ = f' Type="{kind}"' if kind else ""
    inside = f"<Transforms>{transforms}</Transforms>" if transforms else ""
    return (f'<Reference{type_} URI="{uri}">{inside}<DigestMethod Algorithm="{_DIGESTS[how.digest]}"></DigestMethod>'
            f"<DigestValue>{digest(data, how.digest)}</DigestValue></Reference>")


def transform(algorithm: str, inside: str = "") -> str:
    return f'<Transform Algorithm="{algorithm}">{inside}</Transform>'


def with_ds(element: str) -> bytes:
    """An element of the signature as C14N renders it alone: the namespace comes first on its start tag."""
    name = element[1:].split(" ", 1)[0].split(">", 1)[0]
    return f'<{name} xmlns="{DS}"{element[1 + len(name):]}'.encode()


def signature(references: list[str], objects: str, how: Xml, ident: str = "idPackageSignature") -> str:
    """A whole Signature element; XAdES properties and their reference are added here."""
    qualifying = ""
    held = loaded(how.holder).dump()
    if how.xades:
        named = loaded(how.named or how.holder).dump()
        properties = (
            '<xd:SignedProperties Id="idSignedProperties"><xd:SignedSignatureProperties>'
            f"<xd:SigningTime>{how.at.isoformat().replace('+00:00', 'Z')}</xd:SigningTime>"
            "<xd:SigningCertificate><xd:Cert>"
            f'<xd:CertDigest><DigestMethod Algorithm="{_SHA256}"></DigestMethod>'
            f"<DigestValue>{digest(named)}</DigestValue></xd:CertDigest></xd:Cert></xd:SigningCertificate>"
            "</xd:SignedSignatureProperties></xd:SignedProperties>")
        alone = properties.replace("<xd:SignedProperties ", f'<xd:SignedProperties xmlns="{DS}" xmlns:xd="{XADES}" ', 1)
        references = [*references, reference("#idSignedProperties", alone.encode(), how, transform(C14N),
                                             "http://uri.etsi.org/01903#SignedProperties")]
        qualifying = f'<Object><xd:QualifyingProperties xmlns:xd="{XADES}" Target="#{ident}">{properties}'
    info = (f'<SignedInfo><CanonicalizationMethod Algorithm="{C14N}"></CanonicalizationMethod>'
            f'<SignatureMethod Algorithm="{_METHODS[how.digest]}"></SignatureMethod>{"".join(references)}</SignedInfo>')
    value = b64(pki.key(how.holder.key).sign(with_ds(info), PKCS1v15(), _HASHES[how.digest]))
    if how.xades:
        if how.token:
            over = hashlib.sha256(with_ds(f"<SignatureValue>{value}</SignatureValue>")).digest()
            stamp = b64(token_over(over, how.at + timedelta(seconds=8)).dump())
            qualifying += ("<xd:UnsignedProperties><xd:UnsignedSignatureProperties><xd:SignatureTimeStamp>"
                           f'<CanonicalizationMethod Algorithm="{C14N}"/><xd:EncapsulatedTimeStamp>{stamp}'
                           "</xd:EncapsulatedTimeStamp></xd:SignatureTimeStamp></xd:UnsignedSignatureProperties>"
                           "</xd:UnsignedProperties>")
        qualifying += "</xd:QualifyingProperties></Object>"
    return how.spoil(
        f'<Signature xmlns="{DS}" Id="{ident}">{info}<SignatureValue>{value}</SignatureValue><KeyInfo><X509Data>'
        f"<X509Certificate>{b64(held)}</X509Certificate></X509Data></KeyInfo>{objects}{qualifying}</Signature>")


# --- OOXML ---------------------------------------------------------------------------------------------------

ROOT_RELS = (f'<?xml version="1.0"?>\n<Relationships xmlns="{RELS}">\n'
             f'<Relationship Id="rId1" Type="{OFFICE}/officeDocument" Target="word/document.xml"/>\n'
             f'<Relationship Id="rId2" Type="{RELS}/metadata/core-properties" Target="docProps/core.xml"/>\n'
             f'<Relationship Id="rId9" Type="{RELS}/digital-signature/origin" Target="_xmlsignatures/origin.sigs"/>'
             "</Relationships>")
DOCUMENT_RELS = (f'<Relationships xmlns="{RELS}"><Relationship Id="rId2" Type="{OFFICE}/hyperlink" '
                 f'Target="http://example.vn/" TargetMode="External"/>'
                 f'<Relationship Target="styles.xml" Type="{OFFICE}/styles" Id="rId1"/></Relationships>')
TYPES = ('<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
         '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
         '<Default Extension="xml" ContentType="application/xml"/>'
         f'<Override PartName="/word/document.xml" ContentType="{_MAIN}"/></Types>')
DOCX: Mapping[str, bytes] = {
    "[Content_Types].xml": TYPES.encode(), "_rels/.rels": ROOT_RELS.encode(),
    "word/document.xml": "<w:document xmlns:w='urn:w'><w:t>Số tiền: 185.400.000 đồng</w:t></w:document>".encode(),
    "word/_rels/document.xml.rels": DOCUMENT_RELS.encode(), "word/styles.xml": b"<w:styles xmlns:w='urn:w'/>",
    "docProps/core.xml": b"<cp xmlns='urn:cp'/>"}
# The relationships after the transform, written out: sorted by Id, target mode said, attributes in canonical order.
_RELATED = {
    "_rels/.rels": (["rId1"], f'<Relationships xmlns="{RELS}"><Relationship Id="rId1" Target="word/document.xml" '
                              f'TargetMode="Internal" Type="{OFFICE}/officeDocument"></Relationship></Relationships>'),
    "word/_rels/document.xml.rels": (["rId1", "rId2"], (
        f'<Relationships xmlns="{RELS}"><Relationship Id="rId1" Target="styles.xml" TargetMode="Internal" '
        f'Type="{OFFICE}/styles"></Relationship><Relationship Id="rId2" Target="http://example.vn/" '
        f'TargetMode="External" Type="{OFFICE}/hyperlink"></Relationship></Relationships>'))}


def zipped(parts: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as package:
        for name, data in parts.items():
            package.writestr(name, data)
    return out.getvalue()


def ooxml_signature(how: Xml = Xml(), *, without: tuple[str, ...] = ()) -> bytes:
    """A signature over DOCX as Office makes it; `without` leaves parts out of the manifest."""
    listed = []
    for name, data in DOCX.items():
        if name in ("[Content_Types].xml", "docProps/core.xml", *without):
            continue
        kind = _MAIN if name == "word/document.xml" else "application/xml"
        if name in _RELATED:
            ids, canonical = _RELATED[name]
            kind = "application/vnd.openxmlformats-package.relationships+xml"
            chosen = "".join(f'<mdssi:RelationshipReference xmlns:mdssi="{DIGSIG}" SourceId="{one}">'
                             "</mdssi:RelationshipReference>" for one in ids)
            steps = transform("http://schemas.openxmlformats.org/package/2006/RelationshipTransform", chosen)
            listed.append(reference(f"/{name}?ContentType={kind}", canonical.encode(), how, steps + transform(C14N)))
        else:
            listed.append(reference(f"/{name}?ContentType={kind}", data, how))
    package = f'<Object Id="idPackageObject"><Manifest>{"".join(listed)}</Manifest></Object>'
    return signature([reference("#idPackageObject", with_ds(package), how, kind=f"{DS}Object")], package, how).encode()


def signed_docx(how: Xml = Xml(), *, without: tuple[str, ...] = (), **parts: bytes) -> bytes:
    """A signed docx; `parts` are replaced or added afterwards."""
    return zipped({**DOCX, "_xmlsignatures/origin.sigs": b"", "_xmlsignatures/sig1.xml":
                   ooxml_signature(how, without=without), **parts})


# --- OpenDocument --------------------------------------------------------------------------------------------

ODT: Mapping[str, bytes] = {
    "mimetype": b"application/vnd.oasis.opendocument.text",
    "content.xml": "<o:c xmlns:o='urn:o'  b='2' a='1'><!-- x --><o:t>Số tiền: 185.400.000 đồng</o:t></o:c>".encode(),
    "styles.xml": b"<?xml version='1.0'?><s xmlns='urn:s'/>",
    "META-INF/manifest.xml": b"<m xmlns='urn:m'/>"}


def odf_signature(how: Xml = Xml(xades=False), *, without: tuple[str, ...] = (),
                  extra: tuple[str, ...] = ()) -> str:
    """A signature over ODT as LibreOffice makes it; `without` leaves entries out, `extra` names more of them."""
    listed = []
    for name, data in ODT.items():
        if name in without:
            continue
        if name.endswith(".xml"):
            canonical = ElementTree.canonicalize(data.decode()).encode()    # C14N 2.0: the same for such documents
            listed.append(reference(name, canonical, how, transform(C14N)))
        else:
            listed.append(reference(name, data, how))
    listed += [reference(name, b"", how) for name in extra]
    return signature(listed, "", how, "ID_1")


def odf_signatures(*signatures: str) -> bytes:
    root = '<document-signatures xmlns="urn:oasis:names:tc:opendocument:xmlns:digitalsignature:1.0" version="1.2">'
    return f'<?xml version="1.0"?>{root}{"".join(signatures)}</document-signatures>'.encode()


def signed_odt(*signatures: str, **parts: bytes) -> bytes:
    """A signed odt; `parts` are replaced or added afterwards."""
    made = odf_signatures(*(signatures or (odf_signature(),)))
    return zipped({**ODT, "META-INF/documentsignatures.xml": made, **parts})
