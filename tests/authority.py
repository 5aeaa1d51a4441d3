"""A timestamp authority for tests: its own root, a server's certificate of any period, tokens of any moment."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from zlib import crc32

from asn1crypto import cms, keys, tsp, x509
from cryptography import x509 as cx509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from pyhanko.sign.general import as_signing_certificate, simple_cms_attribute
from pyhanko.sign.timestamps import DummyTimeStamper
from pyhanko_certvalidator.registry import SimpleCertificateStore

from samples.making import pki

SERVERS = ("chu-tich", "giam-doc", "het-han", "la-nguoi", "so-noi-vu", "tsa")


def _key(name: str) -> rsa.RSAPrivateKey:
    """A key of the samples: making new ones takes seconds."""
    return pki.key("uy-ban" if name == "root" else SERVERS[crc32(name.encode()) % len(SERVERS)])


@cache
def _loaded(der: bytes) -> rsa.RSAPrivateKey:
    # The check of a key costs more than a signature; these keys are our own.
    key = serialization.load_der_private_key(der, password=None, unsafe_skip_rsa_key_validation=True)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


class Stamper(DummyTimeStamper):
    """pyHanko's, for moments after 2049 as well: the signed attributes leave out the time, which the token has."""

    def _sign_tst_info(self, tst_info_data: bytes, md_algorithm: str, dt: datetime) -> tuple[bytes, cms.CMSAttributes]:
        attributes = cms.CMSAttributes([
            simple_cms_attribute("content_type", "tst_info"),
            simple_cms_attribute("signing_certificate", as_signing_certificate(self.tsa_cert)),
            simple_cms_attribute("message_digest", hashlib.new(md_algorithm, tst_info_data).digest())])
        signed = _loaded(self.tsa_key.dump()).sign(attributes.dump(), PKCS1v15(),
                                                   getattr(hashes, md_algorithm.upper())())
        return signed, attributes


@dataclass(frozen=True)
class Authority:
    """A server that gives tokens: its certificate and root (DER), and its key."""

    certificate: bytes
    root: bytes
    key: bytes

    def response(self, request: bytes, at: datetime) -> bytes:
        """The answer to a request (DER), as if it came at the moment `at`."""
        store = SimpleCertificateStore()
        store.register(x509.Certificate.load(self.certificate))
        stamper = Stamper(x509.Certificate.load(self.certificate), keys.PrivateKeyInfo.load(self.key),
                          certs_to_embed=store, fixed_dt=at)
        answer: bytes = stamper.request_tsa_response(tsp.TimeStampReq.load(request)).dump()
        return answer

    def token(self, digest: bytes, algorithm: str, at: datetime) -> bytes:
        """A token over `digest` (ContentInfo, DER)."""
        from archive.evidence.tokens import request

        der: bytes = tsp.TimeStampResp.load(
            self.response(request(digest, algorithm, 4711, ""), at))["time_stamp_token"].dump()
        return der


@cache
def authority(start: datetime, end: datetime, *, name: str = "TSA", purpose: bool = True) -> Authority:
    """An authority whose server's certificate runs from `start` to `end`, for timestamps unless `purpose` is no."""
    root_key, key = _key("root"), _key(name)
    root_name = cx509.Name([cx509.NameAttribute(NameOID.COMMON_NAME, "Root of tests")])
    root = (cx509.CertificateBuilder().subject_name(root_name).issuer_name(root_name).public_key(root_key.public_key())
            .serial_number(1).not_valid_before(datetime(2000, 1, 1, tzinfo=UTC))
            .not_valid_after(datetime(2100, 1, 1, tzinfo=UTC))
            .add_extension(cx509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(root_key, hashes.SHA256()))
    made = (cx509.CertificateBuilder()
            .subject_name(cx509.Name([cx509.NameAttribute(NameOID.COMMON_NAME, name)])).issuer_name(root_name)
            .public_key(key.public_key()).serial_number(abs(hash((name, start, end))) + 2)
            .not_valid_before(start).not_valid_after(end)
            .add_extension(cx509.KeyUsage(True, True, False, False, False, False, False, False, False), critical=True))
    if purpose:
        made = made.add_extension(cx509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
    encoding = serialization.Encoding.DER
    return Authority(made.sign(root_key, hashes.SHA256()).public_bytes(encoding), root.public_bytes(encoding),
                     key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))


def years(start: int, end: int, **named: object) -> Authority:
    """An authority from New Year `start` to New Year `end`."""
    return authority(datetime(start, 1, 1, tzinfo=UTC), datetime(end, 1, 1, tzinfo=UTC), **named)


@contextmanager
def served(one: Authority, at: datetime | None = None, *, spoil: object = None) -> Iterator[str]:
    """The authority behind HTTP on a free port; `spoil` changes each answer's bytes."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            answer = one.response(body, at or datetime.now(UTC).replace(microsecond=0))
            if callable(spoil):
                answer = spoil(answer)
            self.send_response(200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/tsa"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def digest_of(data: bytes) -> object:
    """The digest of `data` by algorithm, as `ers.check` asks for it."""
    return lambda algorithm: hashlib.new(algorithm, data).digest()


