"""Keys, certificates and pages for the tests of sealing; the keys are the samples'."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import img2pdf
import pikepdf
import pikepdf.pdfa
import pypdfium2
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID
from PIL import Image, ImageDraw

from archive.settings import Settings
from ingest.digitise.access_copy import finish
from samples.making import pki

PIN = "bi-mat-42"
AGENCY = "Sở Nội vụ tỉnh Mẫu"
MADE = datetime(2026, 11, 20, tzinfo=UTC)
A4 = (1654, 2339)                       # pixels at 200 dpi


def key_file(path: Path, certificate: x509.Certificate, key: rsa.RSAPrivateKey, secret: str = PIN) -> Path:
    """A PKCS#12 file."""
    path.write_bytes(pkcs12.serialize_key_and_certificates(
        b"dau", key, certificate, None, serialization.BestAvailableEncryption(secret.encode())))
    return path


@cache
def sample_certificate(name: str = "so-noi-vu") -> x509.Certificate:
    """A certificate of the samples."""
    return x509.load_der_x509_certificate(pki.certificate(name).dump())


def certificate(*, name: str = AGENCY, start: int = 2024, end: int = 2029, issuer: str = "ca-co-quan",
                key: rsa.RSAPrivateKey | None = None, serial: int = 0x7001, signs: bool = True,
                authority: bool = False) -> x509.Certificate:
    """A certificate of the sample CA, with the fault that a test asks for."""
    above = sample_certificate(issuer)
    with warnings.catch_warnings(action="ignore"):      # real names are longer than the 64 bytes of the standard
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name, _validate=False)])
    built = (x509.CertificateBuilder().subject_name(subject).issuer_name(above.subject)
             .serial_number(serial).public_key((key or pki.key("so-noi-vu")).public_key())
             .not_valid_before(datetime(start, 1, 1, tzinfo=UTC)).not_valid_after(datetime(end, 1, 1, tzinfo=UTC))
             .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
             .add_extension(x509.KeyUsage(signs, signs, not signs, not signs, False, authority, authority, False,
                                          False), critical=True))
    return built.sign(pki.key(issuer), hashes.SHA256())


def revocations(issuer: str, at: datetime, *serials: int, since: datetime | None = None) -> bytes:
    """A revocation list (DER) of a sample CA, current at `at`."""
    built = (x509.CertificateRevocationListBuilder().issuer_name(sample_certificate(issuer).subject)
             .last_update(at - timedelta(days=1)).next_update(at + timedelta(days=30)))
    for serial in serials:
        built = built.add_revoked_certificate(x509.RevokedCertificateBuilder().serial_number(serial)
                                              .revocation_date(since or at - timedelta(days=3)).build())
    return built.sign(pki.key(issuer), hashes.SHA256()).public_bytes(serialization.Encoding.DER)


@dataclass(frozen=True)
class House:
    """A folder with trust lists and a key; settings that use them."""

    root: Path

    def settings(self, *, tsa: list[str] | None = None, profile: str = "tt05_2025", agency: str = AGENCY,
                 **seal: Any) -> Settings:
        """Settings of the house; `seal` goes over the section seal."""
        return Settings(root=self.root, profile=profile,  # type: ignore[arg-type]
                        agency={"code": "H99", "name": agency},  # type: ignore[arg-type]
                        evidence={"tsa": tsa or [], "tsa_seconds": 5},  # type: ignore[arg-type]
                        seal={"pkcs12": "dau.p12", **seal})  # type: ignore[arg-type]


def house(root: Path) -> House:
    """A house whose key is that of the sample's department, trusted, not revoked as far as anybody knows."""
    root.mkdir(parents=True, exist_ok=True)
    pki.write_trust(root / "trust" / "cong-vu")
    key_file(root / "dau.p12", sample_certificate(), pki.key("so-noi-vu"))
    return House(root)


# --- pages ------------------------------------------------------------------------------------------------


def paper(draw: Callable[[ImageDraw.ImageDraw], None] | None = None) -> Image.Image:
    """An A4 sheet as a scanner sees it at 200 dpi; `draw` puts ink on it."""
    picture = Image.new("RGB", A4, (250, 248, 244))
    if draw:
        draw(ImageDraw.Draw(picture))
    return picture


def scan(picture: Image.Image | None = None, *, change: Callable[[pikepdf.Pdf], None] | None = None) -> bytes:
    """The sheet as a PDF; `change` works on it before it is saved."""
    out = io.BytesIO()
    (picture or paper()).save(out, "JPEG", quality=70, dpi=(200, 200))
    made = img2pdf.convert(out.getvalue(), nodate=True)
    assert isinstance(made, bytes)
    if change is None:
        return made
    result = io.BytesIO()
    with pikepdf.open(io.BytesIO(made)) as pdf:
        change(pdf)
        pdf.save(result, deterministic_id=True)
    return result.getvalue()


def archival(path: Path, data: bytes | None = None) -> Path:
    """The PDF as the access copy that the digitising stage makes: PDF/A-2b."""
    raw = path.with_suffix(".raw")
    raw.write_bytes(data or scan())
    assert finish(raw, path, title="Bản quét", made_at=MADE, creator="Lưu Trữ") == []
    raw.unlink()
    return path


def archival_first(path: Path) -> Path:
    """A scan as PDF/A-1b, which allows no transparency."""
    with pikepdf.open(io.BytesIO(scan())) as pdf:
        pikepdf.pdfa.prepare(pdf, "1b")
        pdf.save(path, **pikepdf.pdfa.resolve_save_kwargs("1b", deterministic_id=True))
    assert pikepdf.pdfa.validate_written(path, "1b").passed
    return path


def drawn(path: Path, scale: float = 2.0) -> Image.Image:
    """Page 1 as a person sees it, seals included."""
    with pypdfium2.PdfDocument(path) as document:
        document.init_forms()
        picture: Image.Image = document[0].render(scale=scale).to_pil().convert("RGB")
    return picture


def shown_text(path: Path) -> str:
    """The text of page 1, seals included, line by line."""
    out = io.BytesIO()
    with pikepdf.open(path) as pdf:
        pdf.flatten_annotations("all")
        pdf.save(out)
    with pypdfium2.PdfDocument(out.getvalue()) as document:
        text: str = document[0].get_textpage().get_text_range()
    return text.replace("\r\n", "\n").strip()


def red_seal(path: Path, dpi: int | None = 300, form: str = "PNG") -> Path:
    """A round red seal of 36 mm with a transparent ground."""
    side = round(36 / 25.4 * (dpi or 300))
    picture = Image.new("RGBA", (side, side), (0, 0, 0, 0))
    ImageDraw.Draw(picture).ellipse((4, 4, side - 4, side - 4), outline=(200, 16, 16, 255), width=side // 20)
    (picture if form == "PNG" else picture.convert("RGB")).save(path, form, **({"dpi": (dpi, dpi)} if dpi else {}))
    return path
