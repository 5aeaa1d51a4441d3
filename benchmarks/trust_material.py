"""Makes what the benchmark of trust measures with: signed PDFs of several kinds, a trust folder, a store.

Must never measure anything, nor be measured.
"""

from __future__ import annotations

import io
import random
import shutil
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pikepdf
from asn1crypto import keys
from cryptography.hazmat.primitives import serialization
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import fields, signers
from pyhanko.sign.timestamps import DummyTimeStamper
from pyhanko_certvalidator.registry import SimpleCertificateStore

from archive.store import NewFile, Store
from samples.making import pki, signing
from samples.making.variants import variants

MANY = (4, 8, 20)                   # signatures in a file
PEOPLE = ("giam-doc", "chu-tich")
BIG = 50_000_000                    # bytes of the large scan
USUAL = 165_000                     # … and of a letter with chains, as they come from government portals
MOMENT = datetime(2026, 11, 12, 2, 30, tzinfo=UTC)


def kinds(cache: Path, wanted: Sequence[str] = ()) -> dict[str, Path]:
    """Folders of signed PDFs by their kind, made once; all kinds, or the `wanted` ones."""
    made: dict[str, Callable[[Path], None]] = {
        "one page, no token": lambda folder: _letters(folder, token=False),
        "one page, token": lambda folder: _letters(folder, token=True),
        "165 KB, token and chains": lambda folder: _filled(folder, USUAL, 10),
        "50 MB scan, token": lambda folder: _filled(folder, BIG, 1)}
    for number in MANY:
        made[f"{number} signatures"] = lambda folder, number=number: _many(folder, number)  # type: ignore[misc]
    return {kind: _once(cache / f"signed-{kind.replace(' ', '-').replace(',', '')}", make)
            for kind, make in made.items() if not wanted or kind in wanted}


def trust(cache: Path) -> Path:
    """A trust folder with the samples' root and sub-CA."""
    return _once(cache / "signed-trust", lambda folder: [*pki.write_trust(folder / "cong-vu")] and None)


def store(cache: Path, objects: int, files: int, size: int) -> Path:
    """The root of a store of `objects` objects with `files` files of about `size` bytes each."""
    def make(folder: Path) -> None:
        made = Store.create(folder / "ocfl", folder / "staging")
        dice = random.Random(1)
        for number in range(objects):
            new = {f"{one:03}.bin": NewFile(dice.randbytes(dice.randint(size // 2, size * 3 // 2)))
                   for one in range(files)}
            made.put(f"object-{number:05}", new, message="batch", user="luutru", created=MOMENT)
    return _once(cache / f"store-{objects}-{files}-{size}", make) / "ocfl"


def _once(folder: Path, make: Callable[[Path], Any]) -> Path:
    if not folder.exists():
        half = folder.with_name(f"{folder.name}.part")
        shutil.rmtree(half, ignore_errors=True)
        half.mkdir(parents=True)
        make(half)
        half.rename(folder)
    return folder


def _letters(folder: Path, *, token: bool) -> None:
    for one in variants(40, token=token):
        (folder / one.name).write_bytes(one.body)


def _many(folder: Path, number: int) -> None:
    for one in variants(5, signed=False):
        body = one.body
        for turn in range(number):
            body = signing.sign(body, PEOPLE[turn % len(PEOPLE)], field=f"Signature{turn}")
        (folder / one.name).write_bytes(body)


def _filled(folder: Path, size: int, number: int) -> None:
    """Letters filled up to `size` bytes by a picture that does not compress, with the certificates above in the CMS."""
    for one in variants(number, signed=False):
        out = io.BytesIO()
        with pikepdf.open(io.BytesIO(one.body)) as pdf:
            noise = random.Random(one.name).randbytes(max(size - len(one.body), 0))
            picture = pdf.make_stream(noise, Type=pikepdf.Name.XObject, Subtype=pikepdf.Name.Image, Width=len(noise),
                                      Height=1, ColorSpace=pikepdf.Name.DeviceGray, BitsPerComponent=8)
            pdf.pages[0].resources["/XObject"] = pikepdf.Dictionary(Scan=picture)
            pdf.save(out)
        (folder / one.name).write_bytes(_with_chains(out.getvalue()))


def _with_chains(pdf: bytes) -> bytes:
    above = SimpleCertificateStore()  # type: ignore[no-untyped-call]
    above.register_multiple([pki.certificate("ca-co-quan"), pki.certificate("goc")])
    signer = signers.SimpleSigner(signing_cert=pki.certificate(PEOPLE[0]), signing_key=_key(PEOPLE[0]),
                                  cert_registry=above)
    server = DummyTimeStamper(pki.certificate("tsa"), _key("tsa"), certs_to_embed=above)
    meta = signers.PdfSignatureMetadata(field_name="Signature1", md_algorithm="sha256",
                                        subfilter=fields.SigSeedSubFilter.ADOBE_PKCS7_DETACHED)
    made = signers.PdfSigner(meta, signer, timestamper=server).sign_pdf(
        IncrementalPdfFileWriter(io.BytesIO(pdf), strict=False))
    return bytes(made.getvalue())


def _key(name: str) -> keys.PrivateKeyInfo:
    return keys.PrivateKeyInfo.load(pki.key(name).private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
