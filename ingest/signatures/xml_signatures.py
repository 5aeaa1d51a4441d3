"""One XML signature (XMLDSig, XAdES; ETSI EN 319 132-1), in whatever file it lies: is it intact, whose is it, when.

The cryptography is signxml's. It ignores transforms that it does not know and looks at the first signature only, so
both are settled here before it is asked; afterwards only what it returns counts as signed, never the document that it
was found in (signature wrapping). Must never raise for what a file holds, and never open what a reference names.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from asn1crypto import cms, crl, ocsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from lxml import etree
from signxml.algorithms import CanonicalizationMethod, DigestAlgorithm, SignatureMethod
from signxml.exceptions import InvalidDigest, InvalidSignature
from signxml.verifier import SignatureConfiguration, VerifyResult, XMLVerifier

from ingest import xmlsafe
from ingest.signatures.chains import Enclosed
from ingest.signatures.finders import said
from ingest.signatures.holders import certificate_of
from ingest.signatures.integrity import digest_of
from ingest.signatures.report import SignatureReport
from ingest.signatures.standing import Case, Notes, Signed, settle

DS = "{http://www.w3.org/2000/09/xmldsig#}"
LARGEST = 64 << 20              # bytes of an XML file whose signature is judged: it is held in memory several times
MOST = 100                      # signatures in one file
MOST_REFERENCES = 2000
_ENVELOPED = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
_OFFICE = "http://schemas.openxmlformats.org/package/2006/digital-signature"
_DUBLIN_CORE = "http://purl.org/dc/elements/1.1/"
_C14N = frozenset(method.value for method in CanonicalizationMethod)
_XADES = re.compile(r"\{http://uri\.etsi\.org/01903/v1\.[0-9.]+#\}")
_METHODS = frozenset(method for method in SignatureMethod if not method.name.startswith("HMAC"))
# Digests by the last part of their URI, as hashlib and the policy call them.
_DIGEST = re.compile(r"(?:[#-]|^)(sha3-\d{3}|sha\d{1,3}|md5)(?:-rsa-MGF1)?$")

Resolve = Callable[[str, Sequence[str]], "etree._Element | bytes | None"]


class Unsupported(ValueError):  # noqa: N818 (never leaves the signature modules: it becomes a finding)
    """A signature that uses something which is not checked here; the text says what."""


class Incomplete(ValueError):  # noqa: N818 (as above)
    """An element called Signature that lacks what makes it one; the text says what."""


@dataclass(slots=True)
class Checked:
    """What cryptography says of one signature element."""

    certificate: asn1_x509.Certificate | None = None
    value_fits: bool = False                    # the value was made by the certificate's key, over SignedInfo
    intact: bool = False                        # … and every reference's digest is right
    wrong: str = ""                             # what was not right
    signed: list[tuple[str, VerifyResult]] = field(default_factory=list)      # reference URI, what was signed
    digests: set[str] = field(default_factory=set)
    certificates: tuple[asn1_x509.Certificate, ...] = ()


def parsed(data: bytes) -> etree._Element:
    """The root of an XML document from a stranger: no DTD, no entities, nothing fetched, within limits.

    Raises xmlsafe.XmlRefused and etree.XMLSyntaxError.
    """
    xmlsafe.check(data, xmlsafe.Limits(LARGEST))
    return etree.fromstring(data, parser())


def parser() -> etree.XMLParser:
    """A parser that expands nothing and fetches nothing; sizes were checked before."""
    return etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True)


def signatures_in(root: etree._Element) -> list[etree._Element]:
    """The signature elements of a document that are no part of another signature."""
    return [one for one in root.iter(f"{DS}Signature")
            if not any(above.tag == f"{DS}Signature" for above in one.iterancestors())]


def check(root: etree._Element, signature: etree._Element, resolve: Resolve | None = None) -> Checked:
    """Check value and digests of `signature`, an element of the document `root`.

    `resolve` gives what a reference outside the document names: its bytes, or its root element where the reference's
    transforms canonicalise XML. Raises Unsupported for what is not checked here, Incomplete for what is no signature.
    """
    asked = _Asked(signature)
    number = list(root.iter(f"{DS}Signature")).index(signature)
    result = Checked(certificates=tuple(asked.certificates), digests=asked.digests)
    if not asked.certificates:
        raise Incomplete("no X509Certificate in KeyInfo")
    for certificate in asked.certificates:
        held = x509.load_der_x509_certificate(certificate.dump())
        verifier = _Verifier(number)
        try:
            found = verifier.verify(
                root, x509_cert=held, parser=parser(), expect_config=_configuration(held),
                uri_resolver=(lambda uri: resolve(uri, asked.transforms.get(uri, ()))) if resolve else None)
        except InvalidDigest as error:
            result.certificate, result.value_fits, result.wrong = certificate, True, said(error)
            return result
        except InvalidSignature as error:       # not this certificate's key; perhaps that of the next
            result.wrong = said(error)
            continue
        results = found if isinstance(found, list) else [found]
        result.certificate, result.value_fits, result.intact, result.wrong = certificate, True, True, ""
        result.signed = list(zip(asked.uris, results, strict=True))
        return result
    result.certificate = asked.certificates[0]
    return result


def value_only(root: etree._Element, signature: etree._Element) -> Checked:
    """Check the value of `signature` alone: for when something that it lists is not there to be compared."""

    def nothing(_uri: str, transforms: Sequence[str]) -> etree._Element | bytes:
        return etree.Element("nothing") if transforms else b""

    result = check(root, signature, nothing)
    result.intact = False
    return result


async def judge_checked(case: Case, report: SignatureReport, signature: etree._Element, checked: Checked,
                        note: Notes) -> None:
    """The five facts of a checked signature; its coverage is the caller's to say, in report.changes."""
    certificate = checked.certificate
    assert certificate is not None
    report.certificate = certificate_of(certificate)
    if not checked.value_fits:
        note("VERIFY-012")
    elif not checked.intact:
        note("VERIFY-015", what=checked.wrong or "—")
    report.integrity = "intact" if checked.intact else "broken"
    if checked.intact:
        note("VERIFY-010")
        note("VERIFY-013")
    properties = _signed_properties(checked)
    if properties is not None:
        report.claimed_time = _moment(_text(properties, "SigningTime"))
        if wrong := _names_another(properties, certificate):
            report.integrity = "broken"
            note("VERIFY-096", reason=wrong)
    else:
        report.claimed_time = _office_time(checked)
    troubles: list[str] = []
    enclosed = _enclosed(signature, checked, troubles)
    tokens, imprint = _tokens(signature, troubles)
    await settle(case, report, Signed(certificate, checked.digests, enclosed, imprint, tokens, troubles), note)


def form(signature: etree._Element) -> str:
    """`XAdES` for a signature with qualifying properties of ETSI, else `XMLDSig`."""
    return "XAdES" if any(_XADES.match(str(one.tag)) for one in signature.iter()) else "XMLDSig"


class _Verifier(XMLVerifier):
    """signxml for the signature with this number among all signature elements, where it takes the first."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number

    def _get_signature(self, root: Any) -> Any:
        return list(root.iter(f"{DS}Signature"))[self.number]

    def _c14n(self, nodes: Any, algorithm: CanonicalizationMethod, inclusive_ns_prefixes: Any = None) -> bytes:
        apart = [alone(node) for node in (nodes if isinstance(nodes, list) else [nodes])]
        return bytes(super()._c14n(apart, algorithm=algorithm, inclusive_ns_prefixes=inclusive_ns_prefixes))


def _configuration(certificate: x509.Certificate) -> SignatureConfiguration:
    # All algorithms: the dated policy judges them. The certificate's period is judged by our own chains, so signxml
    # is told a moment within it. A KeyValue beside the certificate is not looked at.
    return SignatureConfiguration(
        require_x509=True, expect_references=True, signature_methods=_METHODS,
        digest_algorithms=frozenset(DigestAlgorithm), ignore_ambiguous_key_info=True,
        verification_time=certificate.not_valid_before_utc,
        default_reference_c14n_method=CanonicalizationMethod.CANONICAL_XML_1_0)


class _Asked:
    """What a signature asks the verifier to do; raises Unsupported for anything that signxml would pass over."""

    def __init__(self, signature: etree._Element) -> None:
        infos = signature.findall(f"{DS}SignedInfo")
        if len(infos) != 1 or len(signature.findall(f"{DS}SignatureValue")) != 1 or len(
                signature.findall(f"{DS}KeyInfo")) > 1:
            raise Incomplete("not one SignedInfo, SignatureValue and KeyInfo")
        method = infos[0].find(f"{DS}SignatureMethod")
        algorithm = method.get("Algorithm", "") if method is not None else ""
        if algorithm not in {known.value for known in _METHODS}:
            raise Unsupported(algorithm or "SignatureMethod")
        canonical = infos[0].find(f"{DS}CanonicalizationMethod")
        if canonical is None or canonical.get("Algorithm") not in _C14N:
            raise Unsupported(canonical.get("Algorithm", "") if canonical is not None else "CanonicalizationMethod")
        references = infos[0].findall(f"{DS}Reference")
        if not 0 < len(references) <= MOST_REFERENCES:
            raise Unsupported(f"{len(references)} references")
        self.uris = [str(reference.get("URI")) for reference in references]
        self.digests = {_digest_name(algorithm)}
        self.transforms: dict[str, tuple[str, ...]] = {}
        for uri, reference in zip(self.uris, references, strict=True):
            self.digests.add(reference_digest(reference))
            self.transforms[uri] = _transforms(uri, reference)
        self.certificates = _certificates(signature)


def reference_digest(reference: etree._Element) -> str:
    """The name of a reference's digest. Raises Unsupported."""
    method = reference.find(f"{DS}DigestMethod")
    uri = method.get("Algorithm", "") if method is not None else ""
    if uri not in {known.value for known in DigestAlgorithm}:
        raise Unsupported(uri or "DigestMethod")
    return _digest_name(uri)


def _digest_name(uri: str) -> str:
    found = _DIGEST.search(uri)
    if found is None:
        raise Unsupported(uri)
    return found[1].replace("-", "_")


def _transforms(uri: str, reference: etree._Element) -> tuple[str, ...]:
    """The transforms of a reference in their order: at most "without the signature itself", then one canonical form."""
    if uri.startswith("#xpointer") or uri == "None":
        raise Unsupported(uri)
    names = tuple(one.get("Algorithm", "") for one in reference.findall(f"{DS}Transforms/{DS}Transform"))
    rest = names[1:] if names[:1] == (_ENVELOPED,) else names
    if len(rest) > 1 or any(name not in _C14N for name in rest):
        raise Unsupported(", ".join(name for name in names if name not in _C14N) or ", ".join(names))
    return names


def _certificates(signature: etree._Element) -> list[asn1_x509.Certificate]:
    """The certificates in KeyInfo, the likely signer's first; damaged ones are left out."""
    found = []
    for element in signature.iterfind(f"{DS}KeyInfo/{DS}X509Data/{DS}X509Certificate"):
        try:
            certificate = asn1_x509.Certificate.load(base64.b64decode(element.text or "", validate=False), strict=True)
            x509.load_der_x509_certificate(certificate.dump()).public_key()
            found.append(certificate)
        except Exception:  # noqa: S112 (of whatever kind: what is left decides; none at all is said)
            continue
    return sorted(found, key=lambda one: one.ca is True)[:10]


# --- XAdES ---------------------------------------------------------------------------------------------------


def _signed_properties(checked: Checked) -> etree._Element | None:
    """The XAdES properties that were signed: as signxml returned them, not as the document shows them."""
    for _uri, result in checked.signed:
        root = result.signed_xml
        if root is not None and _local(root) == "SignedProperties" and _XADES.match(str(root.tag)):
            return root
    return None


def _names_another(properties: etree._Element, certificate: asn1_x509.Certificate) -> str:
    """What the signing-certificate property says against `certificate`: "" for nothing."""
    for named in (one for one in properties.iter() if _local(one) in ("SigningCertificate", "SigningCertificateV2")):
        digest = next((one for one in named.iter() if _local(one) == "CertDigest"), None)
        if digest is None:
            continue
        try:
            algorithm = _digest_name(next(one for one in digest if _local(one) == "DigestMethod").get("Algorithm", ""))
            stated = base64.b64decode(_text(digest, "DigestValue"))
            if digest_of(algorithm, certificate.dump()) != stated:
                return "SigningCertificate"
        except (Unsupported, StopIteration, ValueError, AttributeError) as error:
            return f"SigningCertificate: {said(error)}"
    return ""


def _tokens(signature: etree._Element, troubles: list[str]) -> tuple[list[cms.SignedData], Callable[[str], bytes]]:
    """The signature timestamps among the unsigned properties, and what they must be over: the canonical value."""
    value = signature.find(f"{DS}SignatureValue")
    method = ""
    tokens: list[cms.SignedData] = []
    for stamp in (one for one in signature.iter() if _local(one) == "SignatureTimeStamp"):
        method = next((one.get("Algorithm", "") for one in stamp if _local(one) == "CanonicalizationMethod"), method)
        for encoded in (one for one in stamp if _local(one) == "EncapsulatedTimeStamp"):
            try:
                info = cms.ContentInfo.load(base64.b64decode(encoded.text or ""))
                _ = info["content"]["encap_content_info"].native
                tokens.append(info["content"])
            except Exception as error:  # of every kind: unsigned, so damage there must not hide the signature
                troubles.append(said(error))
    return tokens, lambda name: digest_of(name, canonical(value, method))


def alone(element: etree._Element) -> etree._Element:
    """`element` as the root of a document of its own, with the namespaces that it inherits.

    lxml (6.1 on libxml2 2.14) canonicalises an element inside a document wrongly: below its children it writes
    xmlns="" where a default namespace is inherited. Of a whole document its canonical form is right.
    """
    if element.getparent() is None:
        return element
    return etree.fromstring(etree.tostring(element, with_tail=False), parser())


def canonical(element: etree._Element | None, method: str = "") -> bytes:
    """`element` in canonical form (C14N 1.0 without a method), in the context of its document."""
    assert element is not None
    return bytes(etree.tostring(alone(element), method="c14n", exclusive=method.startswith("http://www.w3.org/2001/10/"),
                                with_comments=method.endswith("#WithComments")))


def _enclosed(signature: etree._Element, checked: Checked, troubles: list[str]) -> Enclosed:
    """Certificates and revocation data that the signature brings along (KeyInfo, XAdES-X-L)."""
    loaders: Mapping[str, Any] = {"EncapsulatedX509Certificate": asn1_x509.Certificate.load,
                                  "EncapsulatedCRLValue": crl.CertificateList.load,
                                  "EncapsulatedOCSPValue": ocsp.OCSPResponse.load}
    found: dict[str, list[Any]] = {name: [] for name in loaders}
    for element in signature.iter():
        name = _local(element)
        if name not in loaders:
            continue
        try:
            thing = loaders[name](base64.b64decode(element.text or ""))
            _ = thing.native
            found[name].append(thing)
        except Exception as error:      # as above; less evidence never makes a verdict better
            troubles.append(said(error))
    certificates, lists, answers = found.values()
    return Enclosed((*checked.certificates, *certificates), tuple(lists), tuple(answers))


# --- small things --------------------------------------------------------------------------------------------


def _office_time(checked: Checked) -> datetime | None:
    """The time that Microsoft Office (SignatureTime, ECMA-376-2) and LibreOffice (dc:date) sign in a property."""
    for uri, result in checked.signed:
        if not uri.startswith("#") or result.signed_xml is None:
            continue
        for one in result.signed_xml.iter(f"{{{_OFFICE}}}SignatureTime", f"{{{_DUBLIN_CORE}}}date"):
            text = one.text if _local(one) == "date" else _text(one, "Value")
            if moment := _moment(text or ""):
                return moment
    return None


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def _text(element: etree._Element, name: str) -> str:
    return next((one.text or "" for one in element.iter() if _local(one) == name), "")


def _local(element: etree._Element) -> str:
    return str(element.tag).rpartition("}")[2] if isinstance(element.tag, str) else ""
