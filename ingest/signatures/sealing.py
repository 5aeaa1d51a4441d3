"""Sealing: the agency's signature and visible mark on PDF copies of scans; many files through one opened key.

PAdES baseline B-B, B-T or B-LT (EN 319 142-1) as an addition at the file's end: the source's bytes all stay in front of
it. The source is never written to, nothing is signed while the own certificate fails its check, and no seal is
handed out that our own verification does not confirm.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from asn1crypto import crl, x509
from pyhanko.sign import fields
from pyhanko.sign.signers.pdf_cms import PdfCMSSignedAttributes
from pyhanko.sign.signers.pdf_signer import (
    DSSContentSettings,
    PdfSignatureMetadata,
    PdfSigner,
    SigDSSPlacementPreference,
)
from pyhanko.sign.validation import read_certification_data
from pyhanko_certvalidator import ValidationContext

import ingest.signatures.judge  # noqa: F401 (sets the library up before it reads anything)
from archive import clock
from archive.files import fsync_folder
from archive.findings import Finding, Level, finding, worst
from archive.settings import Settings
from ingest.signatures.chains import Enclosed, chain_at
from ingest.signatures.document import verify_pdf
from ingest.signatures.finders import said
from ingest.signatures.holders import certificate_of
from ingest.signatures.report import Certificate, DocumentSignatures, SignatureReport
from ingest.signatures.sealing_archival import Addition, Claim, claim_of, faults
from ingest.signatures.sealing_keys import DIGEST, Key, NoKeyError, check_key, open_key
from ingest.signatures.sealing_look import (
    Layout,
    Lettering,
    Look,
    LookError,
    Picture,
    find_font,
    layout,
    lines_of,
    read_picture,
)
from ingest.signatures.sealing_place import Place, Sheet, find_place, sheet_of
from ingest.signatures.sealing_table import table
from ingest.signatures.sealing_timestamps import NoTimestampError, Stamper
from ingest.signatures.trust import TrustLists, load_trust

FIELD = "LuuTruSeal"
_PIECE = 1 << 20
_DIGITS = "0123456789-:+T"


@dataclass(slots=True)
class Sealed:
    """What became of one file. `target` is None where no seal was made; `level` is what was reached."""

    source: Path
    target: Path | None = None
    findings: list[Finding] = field(default_factory=list)
    level: str = ""
    layout: str = ""
    text: list[str] = field(default_factory=list)
    time: datetime | None = None            # the time that the seal states (claimed)
    token_time: datetime | None = None
    place: Place | None = None
    archival: str = ""                      # "2B": PDF/A level that the source states and the result keeps
    sha256: str = ""
    size: int = 0
    report: SignatureReport | None = None   # our own verification of the seal

    @property
    def refused(self) -> bool:
        """Whether a finding forbids to seal the file."""
        return worst(self.findings) >= Level.refused

    def as_dict(self) -> dict[str, Any]:
        """A JSON-ready copy."""
        return {"source": str(self.source), "target": str(self.target) if self.target else None, "level": self.level,
                "layout": self.layout, "text": self.text, "time": clock.stamp(self.time) if self.time else None,
                "token_time": clock.stamp(self.token_time) if self.token_time else None, "pdfa": self.archival,
                "sha256": self.sha256, "size": self.size, "verdict": self.report.verdict if self.report else None,
                "findings": [found.as_dict() for found in self.findings]}


@dataclass(slots=True)
class _Prepared:
    name: str
    sheet: Sheet
    look: Look
    place: Place
    claim: Claim
    number: int
    earlier: int


class Sealer:
    """Seals files with one opened key; made by `open_sealer`. `findings` tell what the check of the key brought."""

    def __init__(self, settings: Settings, key: Key | None, trust: TrustLists, found: list[Finding]) -> None:
        self.findings = found
        self.certificate: Certificate | None = certificate_of(key.certificate) if key else None
        self._settings, self._key, self._trust = settings, key, trust
        self._stamper: Stamper | None = None
        self._path: tuple[x509.Certificate, ...] = ()
        self._letterings: dict[str, Lettering] = {}
        self._failures = 0
        self._reserved = 0
        self.level = ""
        self.revocation = ""                # of the own certificate when it was checked: "good" or "unknown"
        self.pin_refused = False            # a PIN was given and the token did not take it
        how = settings.seal.layout
        self.layout: Layout = layout(settings.profile if how == "auto" else how)
        self._picture: Picture | None = None
        if key is None:
            return
        try:
            self._check(key)
        except LookError as error:
            self.findings.append(finding(error.code, self.certificate.name if self.certificate else "", reason=error))

    @property
    def ready(self) -> bool:
        """Whether files can be sealed."""
        return self._key is not None and worst(self.findings) < Level.refused

    def _check(self, key: Key) -> None:
        """S18 first; then what else is needed: letters, picture, timestamps, revocation data."""
        assert self.certificate is not None
        settings, name = self._settings, self.certificate.name
        checked = check_key(key, clock.now(), self._trust, settings.agency.name)
        self.findings += checked.findings
        self._path, self.revocation = checked.chain.path, checked.chain.revocation
        key.signer.cert_registry.register_multiple(self._path[1:-1] or key.others)
        self._lettering(name)
        if self.layout.picture:
            if not settings.seal.picture:
                raise LookError("SEAL-026", "seal.picture")
            self._picture = read_picture(settings.path(Path(settings.seal.picture)))
        self.level = settings.seal.level
        if self.level != "B-B" and settings.evidence.tsa:
            self._stamper = Stamper(settings.evidence)
        elif self.level == "B-T":
            self.level = "B-B"
            self.findings.append(finding("SEAL-022", name))
        if self.level == "B-LT" and (self._stamper is None or checked.chain.revocation != "good"):
            self.findings.append(finding("SEAL-021", name))

    def _lettering(self, name: str) -> Lettering:
        """The letters of the seals, read once: the name, the form, digits."""
        letters = "".join(sorted(set("".join(lines_of(
            self.layout, form=self._settings.seal.copy_form, name=name, moment=clock.now())) + _DIGITS) - {" "}))
        if letters not in self._letterings:
            font = self._settings.seal.font
            place = self._settings.path(Path(font)) if font else find_font()
            self._letterings[letters] = Lettering(place, letters + " ")
        return self._letterings[letters]

    def examine(self, source: Path) -> Sealed:
        """What sealing `source` would bring, without signing: refusals, the place, the text. Raises OSError."""
        result = Sealed(source)
        with source.open("rb") as stream:
            self._prepare(stream, result, clock.now())
        return result

    def seal(self, source: Path, target: Path) -> Sealed:
        """Write a sealed copy of `source` to `target`, which must not be there yet; its folder must.

        Nothing is left at `target` unless the seal and every earlier signature that held verify in it. Raises
        OSError where files cannot be read or written; for what the source holds, never.
        """
        result = Sealed(source)
        if not self.ready:
            result.findings.append(finding("SEAL-038", source.name))
            return result
        if target.exists():
            result.findings.append(finding("SEAL-033", source.name, target=target.name))
            return result
        if self._failures >= table()["key"]["most_failures"]:
            result.findings.append(finding("SEAL-023", source.name, reason=f"{self._failures} ×"))
            return result
        temporary = target.with_name(f".{target.name}.tmp")
        try:
            with source.open("rb") as stream, temporary.open("w+b") as output:
                moment = clock.in_vietnam(clock.now()).replace(microsecond=0)
                prepared = self._prepare(stream, result, moment)
                if prepared is None or not self._write(prepared, moment, output, result):
                    return result
                output.flush()
                os.fsync(output.fileno())
            if self._confirm(source, temporary, prepared, result):
                result.sha256, result.size = _hashed(temporary)
                temporary.replace(target)
                result.target = target
        finally:
            temporary.unlink(missing_ok=True)
        fsync_folder(target.parent)
        return result

    def _prepare(self, stream: Any, result: Sealed, moment: datetime) -> _Prepared | None:
        """Open the file for an addition and find the seal's place; None where a finding forbids it."""
        name = result.source.name
        try:
            writer = Addition(stream, strict=False)
            if writer.prev.encrypted:
                result.findings.append(finding("SEAL-031", name))
                return None
            certified = read_certification_data(writer.prev)
            if certified is not None and certified.permission == fields.MDPPerm.NO_CHANGES:
                result.findings.append(finding("SEAL-032", name))
                return None
            sheet = sheet_of(writer.prev)
            taken = {str(one) for one, _value, _ref in fields.enumerate_sig_fields(writer.prev)}
            claim = claim_of(writer.prev)
            signed = len(list(fields.enumerate_sig_fields(writer.prev, filled_status=True)))
        except Exception as error:  # the library raises of every kind on damaged files: not a file to seal
            result.findings.append(finding("SEAL-030", name, reason=said(error)))
            return None
        assert self.certificate is not None
        lines = lines_of(self.layout, form=self._settings.seal.copy_form, name=self.certificate.name, moment=moment)
        look = Look(self._lettering(self.certificate.name), lines, self._picture, first_part=claim.part == 1)
        margin = table()["place"]["margin"]
        if sheet.seen[0] < look.width + 2 * margin or sheet.seen[1] < look.height + 2 * margin:
            result.findings.append(finding("SEAL-042", name))
            return None
        place = find_place(result.source, sheet, look.width, look.height)
        look.sheet = sheet
        result.layout, result.text, result.place, result.archival = self.layout.name, lines, place, claim.level
        if not place.free:
            result.findings.append(finding("SEAL-036", name))
        if not claim.level:
            result.findings.append(finding("SEAL-039", name))
        number = next(n for n in range(1, len(taken) + 2) if f"{FIELD}{n}" not in taken)
        return _Prepared(name, sheet, look, place, claim, number, signed)

    def _write(self, prepared: _Prepared, moment: datetime, output: Any, result: Sealed) -> bool:
        """Sign into `output`; false, with a finding, where it could not be."""
        try:
            with result.source.open("rb") as stream:
                asyncio.run(self._sign(stream, prepared, moment, output))
        except NoTimestampError as error:
            self._failures += 1
            result.findings.append(finding("SEAL-023", prepared.name, reason=error))
            return False
        except OSError:
            raise                       # our disk, not the file
        except Exception as error:      # the library raises of every kind on what it cannot add to
            if type(error).__module__.startswith("pkcs11."):
                # The token was pulled out or its session ended: no further file can be sealed.
                self.findings.append(finding("SEAL-005", prepared.name, reason=said(error)))
                result.findings.append(self.findings[-1])
            else:
                result.findings.append(finding("SEAL-041", prepared.name, reason=said(error)))
            return False
        self._failures = 0
        result.time, result.level = moment, self.level
        return True

    async def _sign(self, stream: Any, prepared: _Prepared, moment: datetime, output: Any) -> None:
        assert self._key is not None
        writer = Addition(stream, strict=False)
        writer.first_part = prepared.claim.part == 1
        name, look, place = f"{FIELD}{prepared.number}", prepared.look, prepared.place
        box = prepared.sheet.rectangle(place.from_right, place.from_top, look.width, look.height)
        lasting = self.level == "B-LT"
        if lasting and self._stamper is not None:
            await self._stamper.async_dummy_response(DIGEST)        # brings the authority's certificate
        meta = PdfSignatureMetadata(
            field_name=name, md_algorithm=DIGEST, subfilter=fields.SigSeedSubFilter.PADES, signer_key_usage=set(),
            embed_validation_info=lasting, validation_context=await self._proofs(moment) if lasting else None,
            dss_settings=DSSContentSettings(include_vri=False,
                                            placement=SigDSSPlacementPreference.TOGETHER_WITH_SIGNATURE))
        signer = PdfSigner(meta, self._key.signer, timestamper=self._stamper,
                           stamp_style=look,  # type: ignore[arg-type]  # draws itself
                           new_field_spec=fields.SigFieldSpec(name, on_page=0, box=box))
        session = signer.init_signing_session(writer)
        session.system_time = moment        # the time that is shown is the time that is stated
        info = await session.perform_presign_validation(writer)
        if not self._reserved:
            self._reserved = await session.estimate_signature_container_size(info)
        document = session.prepare_tbs_document(info, self._reserved)
        digest, written = document.digest_tbs_document(output=output, chunk_size=_PIECE)
        finished = await document.perform_signature(
            digest.document_digest, PdfCMSSignedAttributes(signing_time=moment))
        await finished.post_signature_processing(written, chunk_size=_PIECE)

    async def _proofs(self, moment: datetime) -> ValidationContext:
        """What B-LT encloses: the trusted certificates, and the revocation lists of the authorities concerned."""
        assert self._stamper is not None
        concerned = {one.subject.hashable for one in self._path}
        for certificate in self._stamper.certificates:
            chain = await chain_at(certificate, moment, self._trust, Enclosed(), "timestamps")
            concerned |= {one.subject.hashable for one in chain.path}
        lists: list[crl.CertificateList] = [one for one in self._trust.crls if one.issuer.hashable in concerned]
        return ValidationContext(trust_roots=list(self._trust.roots), other_certs=list(self._trust.others), crls=lists,
                                 allow_fetching=False, revocation_mode="soft-fail", moment=moment,
                                 best_signature_time=moment, retroactive_revinfo=True)

    def _confirm(self, source: Path, written: Path, prepared: _Prepared, result: Sealed) -> bool:
        """Look at what was written with other eyes: the seal, the earlier signatures, PDF/A."""
        name = prepared.name
        told = verify_pdf(written, self._trust, clock.now(), name)
        own = next((one for one in told.signatures if one.name == f"{FIELD}{prepared.number}"), None)
        if own is None or own.integrity != "intact" or own.identity != "trusted" or own.verdict == "invalid":
            why = "; ".join(one.code for one in own.reasons) if own else "?"
            result.findings.append(finding("SEAL-035", name, reason=why))
            return False
        result.report = own
        if own.token is not None:
            result.token_time = own.token.time
            if own.token.state != "valid":
                result.findings.append(finding("SEAL-024", name, authority=own.token.authority))
        if prepared.earlier and (harmed := _harmed(verify_pdf(source, self._trust, clock.now(), name), told)):
            result.findings.append(finding("SEAL-034", name, signer=", ".join(harmed)))
            return False
        if prepared.claim.level and (trouble := faults(written, prepared.claim)):
            if not faults(source, prepared.claim):
                result.findings.append(finding("SEAL-037", name, flavour=prepared.claim.level, reason=trouble[0]))
                return False
            result.findings.append(finding("SEAL-040", name, flavour=prepared.claim.level, reason=trouble[0]))
        return True


def _harmed(before: DocumentSignatures, after: DocumentSignatures) -> list[str]:
    """The signers whose signatures held before and do not hold after."""
    now = {one.byte_range: one for one in after.signatures}
    return [one.signer for one in before.signatures if one.integrity == "intact" and one.changes != "content"
            and ((later := now.get(one.byte_range)) is None or later.integrity != "intact"
                 or later.changes in ("content", "unknown"))]


def _hashed(path: Path) -> tuple[str, int]:
    total = hashlib.sha256()
    with path.open("rb") as stream:
        while piece := stream.read(_PIECE):
            total.update(piece)
        return total.hexdigest(), stream.tell()


@contextmanager
def open_sealer(settings: Settings, *, unattended: bool = False) -> Iterator[Sealer]:
    """A sealer for the archive's settings: key opened once, certificate checked first (NĐ 23/2025/NĐ-CP Đ15).

    Where it cannot sign, it is there all the same, not `ready`, and its findings say why. `unattended`: as for
    `open_key`.
    """
    trust = load_trust(settings.path(settings.signatures.trust))
    with ExitStack() as stack:
        key, found, refused = None, [], False
        try:
            key = stack.enter_context(open_key(settings, unattended=unattended))
        except NoKeyError as error:
            found, refused = [error.finding], error.pin_refused
        sealer = Sealer(settings, key, trust, found)
        sealer.pin_refused = refused
        yield sealer
