"""The two archives of the rehearsal of a hand-over: an agency with the samples' case files, an archive centre.

Keys, names and secrets are made for the rehearsal alone, by an authority that nobody else trusts.
"""

from __future__ import annotations

import os
import secrets
import shutil
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

from archive import clock, i18n
from archive.commands.init import SAMPLES
from archive.file_plan_import import import_file_plan
from archive.opening import make_archive, open_fonds, ownership
from archive.settings import load

AGENCY, CENTRE = "Sở Nội vụ tỉnh Mẫu", "Trung tâm Lưu trữ lịch sử tỉnh Mẫu"
AGENCY_CODE, CENTRE_CODE = "H99", "H01"
CASE_FILES = ("H99.2026.01.VP", "H99.2026.01.VTLT")      # the samples' permanent ones that are no scans
PERMANENT_FAULT = "H99.2026.01.VTLT.0000003"             # its subject is longer than the fields allow
SUBJECT = "Giấy mời dự hội nghị tập huấn lập hồ sơ điện tử và nộp lưu tài liệu lưu trữ số"
_SCANS = "quet"                                          # left out: reading them takes longer than all the rest
_KEY, _PIN = "dau.p12", "pin.txt"


@dataclass(frozen=True, slots=True)
class Houses:
    """Where both archives and the packages lie."""

    folder: Path

    @property
    def agency(self) -> Path:
        """The agency's archive (lưu trữ hiện hành)."""
        return self.folder / "co-quan"

    @property
    def centre(self) -> Path:
        """The archive centre (lưu trữ lịch sử)."""
        return self.folder / "trung-tam"

    @property
    def packages(self) -> Path:
        """The folder of the prepared packages."""
        return self.folder / "goi-tin"


class Authority:
    """A certificate authority of its own for one rehearsal."""

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.certificate = self._made("CA diễn tập - không có giá trị pháp lý", self._key.public_key(), authority=True)

    def seal(self, root: Path, name: str) -> dict[str, Any]:
        """Give the archive at `root` a key in the name of its agency; the settings that use it."""
        root.mkdir(parents=True, exist_ok=True)
        key, pin = rsa.generate_private_key(public_exponent=65537, key_size=2048), secrets.token_hex(8)
        made = self._made(name, key.public_key(), authority=False)
        (root / _KEY).write_bytes(pkcs12.serialize_key_and_certificates(
            b"dau", key, made, None, serialization.BestAvailableEncryption(pin.encode())))
        _secret(root / _PIN, pin)
        return {"pkcs12": _KEY, "secret_file": _PIN, "level": "B-B"}

    def trusted_by(self, root: Path) -> None:
        """Have the archive at `root` trust it."""
        place = load(root).path(load(root).signatures.trust) / "cong-vu"
        place.mkdir(parents=True, exist_ok=True)
        (place / "ca-dien-tap.pem").write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def _made(self, name: str, key: rsa.RSAPublicKey, *, authority: bool) -> x509.Certificate:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        issuer = subject if authority else self.certificate.subject
        now = clock.now()
        return (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
                .serial_number(x509.random_serial_number())
                .not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=365))
                .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
                .add_extension(x509.KeyUsage(not authority, not authority, False, False, False, authority, authority,
                                             False, False), critical=True)
                .sign(self._key, hashes.SHA256()))


def make_centre(houses: Houses, authority: Authority) -> None:
    """The archive centre: its service switched on, its key, a fonds for the agency."""
    made = make_archive(houses.centre, {
        "agency": {"code": CENTRE_CODE, "name": CENTRE}, "language": i18n.language(), "ingest": {"settle_seconds": 0},
        "seal": authority.seal(houses.centre, CENTRE), "service": {"on": True, "keep_free_gb": 0}})
    with ownership(made):
        open_fonds(made, AGENCY_CODE, AGENCY)
    made.close()
    authority.trusted_by(houses.centre)
    if (SAMPLES / "trust").is_dir():
        shutil.copytree(SAMPLES / "trust", load(houses.centre).path(Path("trust")), dirs_exist_ok=True,
                        copy_function=shutil.copyfile)


def make_agency(houses: Houses, authority: Authority, address: str, client: str, secret: str) -> None:
    """The agency: its key, and how it reaches the centre's service. Small pieces, so that a cut falls into a file."""
    made = make_archive(houses.agency, {
        "agency": {"code": AGENCY_CODE, "name": AGENCY}, "language": i18n.language(), "ingest": {"settle_seconds": 0},
        "seal": authority.seal(houses.agency, AGENCY), "lgsp": {
            "address": address, "client_id": client, "secret_file": "lgsp.txt", "piece_kb": 64, "attempts": 2}})
    made.close()
    _secret(houses.agency / "lgsp.txt", secret)
    authority.trusted_by(houses.agency)


def fill(houses: Houses) -> None:
    """Lay the samples into the agency's inbox, with the file plan and the certificates of their signers."""
    settings = load(houses.agency)
    for name, place in (("inbox", settings.path(settings.ingest.inbox[0])), ("trust", settings.path(Path("trust")))):
        shutil.copytree(SAMPLES / name, place, dirs_exist_ok=True, copy_function=shutil.copyfile,
                        ignore=shutil.ignore_patterns(_SCANS))
        for folder in (place, *(path for path in place.rglob("*") if path.is_dir())):
            folder.chmod(0o755)
    from archive.opening import open_archive

    opened = open_archive(settings)
    try:
        import_file_plan(opened, SAMPLES / "file-plan.xlsx", AGENCY_CODE, AGENCY)
    finally:
        opened.close()


def _secret(path: Path, text: str) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as stream:
        stream.write(f"{text}\n")
