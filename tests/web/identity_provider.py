"""A small OpenID Connect provider with real HTTP: it signs in whom a test names, and lies where a test tells it to."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

CLIENT, SECRET = "luutru", "bí mật của cổng: +&%"


def base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def number(value: int, length: int = 0) -> str:
    return base64url(value.to_bytes(length or (value.bit_length() + 7) // 8))


class RsaKey:
    """A key for RS256."""

    def __init__(self, kid: str, bits: int = 2048) -> None:
        self.kid, self.alg, self.key = kid, "RS256", rsa.generate_private_key(65537, bits)

    def public(self) -> dict[str, Any]:
        told = self.key.public_key().public_numbers()
        return {"kty": "RSA", "kid": self.kid, "use": "sig", "alg": "RS256", "n": number(told.n), "e": number(told.e)}

    def sign(self, data: bytes) -> bytes:
        return self.key.sign(data, padding.PKCS1v15(), SHA256())


class EcKey:
    """A key for ES256."""

    def __init__(self, kid: str) -> None:
        self.kid, self.alg, self.key = kid, "ES256", ec.generate_private_key(ec.SECP256R1())

    def public(self) -> dict[str, Any]:
        told = self.key.public_key().public_numbers()
        return {"kty": "EC", "crv": "P-256", "kid": self.kid, "use": "sig", "x": number(told.x, 32),
                "y": number(told.y, 32)}

    def sign(self, data: bytes) -> bytes:
        first, second = decode_dss_signature(self.key.sign(data, ec.ECDSA(SHA256())))
        return first.to_bytes(32) + second.to_bytes(32)


Key = RsaKey | EcKey


def token(key: Key, claims: dict[str, Any], **header: Any) -> str:
    """A signed token (JWS, compact)."""
    parts = [base64url(json.dumps(one).encode()) for one in (
        {"alg": key.alg, "kid": key.kid, "typ": "JWT", **header}, claims)]
    return ".".join([*parts, base64url(key.sign(".".join(parts).encode()))])


class Provider:
    """The provider: `subject` and `claims` of who signs in; `altered` changes an answer before it is sent."""

    def __init__(self) -> None:
        self.keys: list[Key] = [RsaKey("một")]
        self.subject, self.claims = "u-1", {"preferred_username": "reader"}
        self.altered: Callable[[str, Any], Any] = lambda _what, told: told
        self.codes: dict[str, dict[str, str]] = {}
        self.asked: list[str] = []
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.get(self)

            def do_POST(self) -> None:
                provider.post(self)

            def log_message(self, *_arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self.server.server_port}/realms/so"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(10)

    def get(self, handler: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        self.asked.append(parts.path)
        here = parts.path.removeprefix("/realms/so")
        if here == "/.well-known/openid-configuration":
            self.answer(handler, self.altered("discovery", {
                "issuer": self.issuer, "authorization_endpoint": f"{self.issuer}/auth",
                "token_endpoint": f"{self.issuer}/token", "jwks_uri": f"{self.issuer}/keys"}))
        elif here == "/keys":
            self.answer(handler, {"keys": [one.public() for one in self.keys]})
        elif here == "/auth":       # the person signs in at once, and is sent back
            asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
            assert asked["response_type"] == "code"
            assert asked["client_id"] == CLIENT
            assert asked["code_challenge_method"] == "S256"
            assert "openid" in asked["scope"].split()
            code = secrets.token_urlsafe(16)
            self.codes[code] = asked
            handler.send_response(302)
            handler.send_header("location", asked["redirect_uri"] + "?" + urlencode(self.altered("back", {
                "code": code, "state": asked["state"], "iss": self.issuer})))
            handler.end_headers()
        else:
            handler.send_error(404)

    def post(self, handler: BaseHTTPRequestHandler) -> None:
        body = parse_qs(handler.rfile.read(int(handler.headers["content-length"])).decode())
        form = {name: values[0] for name, values in body.items()}
        self.asked.append(handler.path)
        wanted = base64.b64encode(f"{CLIENT}:{quote(SECRET, safe='')}".encode()).decode()
        asked = self.codes.pop(form["code"], None)
        challenge = base64url(hashlib.sha256(form["code_verifier"].encode()).digest())
        if asked is None or handler.headers["authorization"] != f"Basic {wanted}" or \
                form["redirect_uri"] != asked["redirect_uri"] or challenge != asked["code_challenge"]:
            self.answer(handler, {"error": "invalid_grant"}, 400)
            return
        self.answer(handler, self.altered("token", {
            "access_token": "truy-cập", "token_type": "Bearer", "id_token": self.id_token(asked["nonce"])}))

    def id_token(self, nonce: str) -> str:
        now = int(time.time())
        claims = self.altered("claims", {
            "iss": self.issuer, "aud": CLIENT, "sub": self.subject, "nonce": nonce, "iat": now, "exp": now + 60,
            **self.claims})
        return str(self.altered("id_token", token(self.keys[0], claims)))

    @staticmethod
    def answer(handler: BaseHTTPRequestHandler, told: Any, status: int = 200) -> None:
        body = told if isinstance(told, bytes) else json.dumps(told).encode()
        handler.send_response(status)
        handler.send_header("content-type", "application/json")
        handler.send_header("content-length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)
