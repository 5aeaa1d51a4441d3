"""CMS signatures (PKCS#7, CAdES; RFC 5652, ETSI EN 319 122-1): `.p7s` beside a file, `.p7m` around its content.

Every SignerInfo is a signature of its own, and so is every counter-signature. Must never raise for what a file holds,
and never call intact what was not compared byte by byte with what was signed.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from asn1crypto import cms, core, x509
from cryptography.exceptions import InvalidSignature
from pyhanko.sign.general import find_unique_cms_attribute, match_issuer_serial
from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko.sign.validation.generic_cms import validate_sig_integrity
from pyhanko_certvalidator.sig_validate import DefaultSignatureValidator, SignatureValidationContext

from archive.findings import finding
from ingest import cmslook, formats
from ingest.signatures.chains import Enclosed
from ingest.signatures.finders import said
from ingest.signatures.holders import certificate_of
from ingest.signatures.integrity import digest_of
from ingest.signatures.report import DocumentSignatures, SignatureReport
from ingest.signatures.standing import Case, Notes, Signed, case_for, result_for, settle
from ingest.signatures.tokens import tokens_in
from ingest.signatures.trust import TrustLists

LARGEST_DETACHED = 16 << 20     # bytes of a signature file: certificates, tokens and revocation lists included
LARGEST_ENVELOPING = 256 << 20  # bytes of a file that holds its content: it is read whole
MOST = 100                      # signatures of one file, counter-signatures included
_CHUNK = 1 << 20
_SET = 0x31


class _Refused(ValueError):  # noqa: N818 (never leaves this module: it becomes the finding about the file)
    def __init__(self, code: str, **params: object) -> None:
        super().__init__(code)
        self.code, self.params = code, params


@dataclass(frozen=True, slots=True)
class _Content:
    """What was signed: its CMS content type, its digest by name, its first byte, whether it lies inside the CMS."""

    kind: str
    digest: Callable[[str], bytes]
    first: int
    enclosed: bool


def verify_cms(signed: Path, signature: Path | None, trust: TrustLists, received_at: datetime,
               name: str = "", field: str = "") -> DocumentSignatures:
    """Find and judge every signature in the CMS file `signature` over the file `signed`.

    Without `signature`, `signed` is itself the CMS file and holds its content (.p7m). `received_at` (aware) is when
    the files came to us; `name` is what people call the signed file, `field` the signature file. Reads only. Raises
    OSError when a file cannot be opened; anything wrong inside is in the result.
    """
    result = result_for(name or signed.name, trust, received_at)
    place, field = signature or signed, field or (signature or signed).name
    try:
        data = _read(place, LARGEST_DETACHED if signature else LARGEST_ENVELOPING)
        content_info = _loaded(data)
        body = _signed_data(content_info)
        content = _content(body, signed if signature else None)
        infos = list(body["signer_infos"])
    except _Refused as refused:
        return _not_judged(result, field, refused)
    except Exception as error:      # asn1crypto raises of every kind on damaged structures
        return _not_judged(result, field, _Refused("VERIFY-090", reason=said(error)))
    if not infos:
        result.reasons.append(finding("VERIFY-092", result.file, place=field))
        return result
    if len(infos) > MOST:
        return _not_judged(result, field, _Refused("VERIFY-090", reason=f"{len(infos)} signatures"))
    case = case_for(result.file, trust, received_at)
    try:
        asyncio.run(_judge_all(case, body, infos, content, field, result))
    except Exception as error:      # what no part expected: never a crash, never a pass
        return _not_judged(result, field, _Refused("VERIFY-090", reason=said(error)))
    result.finders["bytes"] = len(result.signatures)
    return result


def content_of(path: Path) -> bytes | None:
    """The content that the CMS file at `path` holds; None where it holds none or cannot be read. Raises OSError."""
    try:
        enclosed = _signed_data(_loaded(_read(path, LARGEST_ENVELOPING)))["encap_content_info"]["content"]
        return None if isinstance(enclosed, core.Void) else bytes(enclosed)
    except OSError:
        raise
    except Exception:               # whatever is wrong with it: verify_cms tells what
        return None


def _read(path: Path, most: int) -> bytes:
    if path.stat().st_size > most:
        raise _Refused("VERIFY-090", reason=f"> {most >> 20} MB")
    data = path.read_bytes()
    if not data.strip():
        raise _Refused("VERIFY-090", reason="0 bytes")
    return data if data[:1] == b"\x30" else cmslook.unarmoured(data) or data


def _loaded(data: bytes) -> cms.ContentInfo:
    """The CMS structure, DER or BER; padding of NULs and line ends behind it is no part of anything."""
    try:
        return cms.ContentInfo.load(data, strict=True)
    except ValueError:
        info = cms.ContentInfo.load(data)
        if data[len(info.dump()):].strip(b"\0\r\n\t "):
            raise
        return info


def _signed_data(info: cms.ContentInfo) -> cms.SignedData:
    kind = str(info["content_type"].native)
    if kind != "signed_data":
        raise _Refused("VERIFY-091", kind=f"CMS {kind}")
    return info["content"]


def _content(body: cms.SignedData, beside: Path | None) -> _Content:
    """What the signatures of `body` are over: the file beside it, or what it encloses."""
    encap = body["encap_content_info"]
    kind = str(encap["content_type"].native)
    if kind != "data":
        raise _Refused("VERIFY-091", kind=f"CMS {kind}")
    enclosed = encap["content"]
    if isinstance(enclosed, core.Void):
        if beside is None:
            raise _Refused("VERIFY-093")
        with beside.open("rb") as stream:
            first = stream.read(1)
        return _Content(kind, _Digests(beside), first[0] if first else 0, enclosed=False)
    data = bytes(enclosed)
    if beside is not None and _Digests(beside)("sha256") != hashlib.sha256(data).digest():
        raise _Refused("VERIFY-094")
    return _Content(kind, lambda name: digest_of(name, data), data[0] if data else 0, enclosed=True)


class _Digests:
    """Digests of a file, each computed once, streamed. Raises what cryptography raises for an unknown name."""

    def __init__(self, path: Path) -> None:
        self.path, self.known = path, dict[str, bytes]()

    def __call__(self, name: str) -> bytes:
        """The digest by the algorithm `name`."""
        if name not in self.known:
            from cryptography.hazmat.primitives import hashes
            from pyhanko_certvalidator.util import get_pyca_cryptography_hash

            digest = hashes.Hash(get_pyca_cryptography_hash(name))
            with self.path.open("rb") as stream:
                while chunk := stream.read(_CHUNK):
                    digest.update(chunk)
            self.known[name] = digest.finalize()
        return self.known[name]


async def _judge_all(case: Case, body: cms.SignedData, infos: list[cms.SignerInfo], content: _Content, field: str,
                     result: DocumentSignatures) -> None:
    certificates, enclosed = _enclosed(body, case.trust)
    if content.enclosed:
        inside = bytes(body["encap_content_info"]["content"])
        found = formats.identify(inside).format
        result.reasons.append(finding("VERIFY-095", result.file, vi=found.vi, en=found.en, size=len(inside)))
    several = len(infos) > 1
    for number, info in enumerate(infos, 1):
        name = f"{field}#{number}" if several else field
        report = SignatureReport(name=name, subfilter=_subfilter(info, content))
        await _judge(case, report, info, content, certificates, enclosed)
        result.signatures.append(report)
        for count, counter in enumerate(_counter_signatures(info, report, case.subject), 1):
            over = _Content("", _digests_of(info["signature"].native), 0, enclosed=False)
            other = SignatureReport(name=f"{name}/{count}", kind="countersignature", subfilter="CMS.countersignature")
            await _judge(case, other, counter, over, certificates, enclosed)
            result.signatures.append(other)
            if len(result.signatures) >= MOST:
                return


def _digests_of(data: bytes) -> Callable[[str], bytes]:
    return lambda name: digest_of(name, data)


async def _judge(case: Case, report: SignatureReport, info: cms.SignerInfo, content: _Content,
                 certificates: list[x509.Certificate], enclosed: Enclosed) -> None:
    """The five facts of one SignerInfo. Whatever the libraries raise, it was not read to its end: "unreadable"."""
    note = Notes(report, case.subject)
    try:
        certificate = _certificate(info, certificates)
        if certificate is None:
            note("VERIFY-062", reason="the signer's certificate is not enclosed")
            return
        report.certificate = certificate_of(certificate)
        report.claimed_time = _claimed(info)
        _integrity(report, info, content, certificate, note)
        digest = str(info["digest_algorithm"]["algorithm"].native)
        troubles: list[str] = []
        value = info["signature"].native
        signed = Signed(certificate, {digest, _signature_digest(info) or digest}, enclosed,
                        lambda name: digest_of(name, value), _tokens(info, troubles), troubles)
        await settle(case, report, signed, note)
        if len(signed.digests) > 1:
            note("VERIFY-042", what="/".join(sorted(signed.digests)))       # RFC 8933: both digests are the same
    except Exception as error:
        report.integrity = "broken" if report.integrity == "broken" else "unreadable"
        note("VERIFY-062", reason=said(error))


def _integrity(report: SignatureReport, info: cms.SignerInfo, content: _Content, certificate: x509.Certificate,
               note: Notes) -> None:
    try:
        same, matched = _compared(info, content, certificate)
    except SignatureValidationError as error:       # the signed attributes speak of another content or certificate
        report.integrity = "broken"
        note("VERIFY-096", reason=said(error))
        return
    if not same:
        note("VERIFY-011" if content.enclosed or not content.kind else "VERIFY-094")
    if not matched:
        note("VERIFY-012")
    report.integrity = "intact" if same and matched else "broken"
    if report.integrity == "intact":
        report.changes, report.covers_whole_file = "none", bool(content.kind)
        note("VERIFY-010")
        note("VERIFY-013")


def _compared(info: cms.SignerInfo, content: _Content, certificate: x509.Certificate) -> tuple[bool, bool]:
    """(digest of the content is the signed one, value fits the certificate). Raises what pyHanko raises."""
    digest = content.digest(str(info["digest_algorithm"]["algorithm"].native))
    attributes = info["signed_attrs"]
    if content.kind:
        # Without signed attributes the value is over the content itself: then content that reads as signed attributes
        # could have been cut out of another signature (RFC 5652, 5.4 and 11; the published type confusion).
        if isinstance(attributes, core.Void) and content.first == _SET:
            return False, False
        return validate_sig_integrity(info, certificate, content.kind, digest)
    # A counter-signature has no content type: RFC 5652, 11.4.
    plain = isinstance(attributes, core.Void)
    signed = digest if plain else attributes.untag().dump()
    same = plain or find_unique_cms_attribute(attributes, "message_digest").native == digest
    try:
        DefaultSignatureValidator().validate_signature(
            info["signature"].native, signed, certificate.public_key, info["signature_algorithm"],
            context=SignatureValidationContext(
                contextual_md_algorithm=info["digest_algorithm"]["algorithm"].native, prehashed=plain))
    except InvalidSignature:
        return same and not plain, False
    return same, True


def _certificate(info: cms.SignerInfo, certificates: list[x509.Certificate]) -> x509.Certificate | None:
    """The certificate that the SignerInfo names."""
    sid = info["sid"]
    for certificate in certificates:
        if sid.name == "issuer_and_serial_number":
            if match_issuer_serial(sid.chosen, certificate):
                return certificate
        elif certificate.key_identifier == sid.chosen.native:
            return certificate
    return None


def _enclosed(body: cms.SignedData, trust: TrustLists) -> tuple[list[x509.Certificate], Enclosed]:
    """The certificates that may be a signer's, and what the file brings along for the chains."""
    own = [one.untag() for one in _chosen(body, "certificates", "certificate")]
    lists = _chosen(body, "crls", "crl")
    return [*own, *trust.others, *trust.roots], Enclosed(tuple(own), tuple(lists))


def _chosen(body: cms.SignedData, place: str, kind: str) -> list[Any]:
    """The sound ones of `kind` in a set that the signature does not protect: damage there must not hide it."""
    found: list[Any] = []
    for position in range(len(body[place] or ())):
        try:
            choice = body[place][position]
            if choice.name == kind:
                _ = choice.chosen.native
                found.append(choice.chosen)
        except Exception:  # noqa: S112 (of every kind; what is missing then shows as a missing certificate)
            continue
    return found


def _claimed(info: cms.SignerInfo) -> datetime | None:
    try:
        moment = find_unique_cms_attribute(info["signed_attrs"], "signing_time").native
        return moment.astimezone(UTC) if isinstance(moment, datetime) else None
    except Exception:               # none, several, or a date that cannot be read: no claim
        return None


def _tokens(info: cms.SignerInfo, troubles: list[str]) -> list[cms.SignedData]:
    try:
        return tokens_in(info)
    except Exception as error:      # unsigned attributes are not protected: damage there must not hide the signature
        troubles.append(said(error))
        return []


def _counter_signatures(info: cms.SignerInfo, report: SignatureReport, subject: str) -> Iterator[cms.SignerInfo]:
    try:
        attributes: Any = info["unsigned_attrs"]
        found = [] if isinstance(attributes, core.Void) else [
            counter for attribute in attributes if attribute["type"].native == "counter_signature"
            for counter in attribute["values"]]
    except Exception as error:      # as above: said, and nothing follows from it
        Notes(report, subject)("VERIFY-062", reason=said(error))
        return
    yield from found


def _signature_digest(info: cms.SignerInfo) -> str:
    try:
        return str(info["signature_algorithm"].hash_algo)
    except ValueError:              # plain "rsa": the digest is the signer's
        return ""


def _subfilter(info: cms.SignerInfo, content: _Content) -> str:
    """`CAdES` where the signer's certificate is among the signed attributes (EN 319 122-1), else `CMS`."""
    attributes = info["signed_attrs"]
    names = set() if isinstance(attributes, core.Void) else {str(one["type"].native) for one in attributes}
    form = "CAdES" if names & {"signing_certificate", "signing_certificate_v2"} else "CMS"
    return f"{form}.{'enveloping' if content.enclosed else 'detached'}"


def _not_judged(result: DocumentSignatures, field: str, refused: _Refused) -> DocumentSignatures:
    """The report on a file in which no signature could be told: seen, and never "unsigned"."""
    report = SignatureReport(name=field, kind="unsupported" if refused.code == "VERIFY-091" else "signature",
                             subfilter="CMS", integrity="broken" if refused.code == "VERIFY-094" else "unreadable")
    report.reasons.append(finding(refused.code, result.file, level=None, signer=report.signer,
                                  **{"place": field, **refused.params}))
    result.signatures.append(report)
    result.finders["bytes"] = len(result.signatures)
    return result
