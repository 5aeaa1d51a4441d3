"""One-time codes of a telephone (TOTP, RFC 6238: SHA-1, 30 seconds, six digits), for who wants a second factor."""

from __future__ import annotations

import base64
import hmac
import secrets
import struct
from urllib.parse import quote

from archive import clock

SECONDS, DIGITS, DRIFT = 30, 6, 1


def new_secret() -> str:
    """A new secret, 160 bits in base32."""
    return base64.b32encode(secrets.token_bytes(20)).decode()


def code_at(secret: str, step: int) -> str:
    """The code of a step of 30 seconds (RFC 4226 5.3)."""
    digest = hmac.digest(base64.b32decode(secret), struct.pack(">Q", step), "sha1")
    place = digest[-1] & 15
    number = struct.unpack(">I", digest[place:place + 4])[0] & 0x7FFFFFFF
    return f"{number % 10 ** DIGITS:0{DIGITS}d}"


def step_of(secret: str, code: str, after: int) -> int | None:
    """The step whose code this is, now or one step off; None for any other, and for steps up to `after`: used."""
    now = int(clock.now().timestamp()) // SECONDS
    typed = "".join(code.split())
    for step in range(now - DRIFT, now + DRIFT + 1):
        if step > after and hmac.compare_digest(code_at(secret, step).encode(), typed.encode()):
            return step
    return None


def address(secret: str, name: str, agency: str) -> str:
    """What an authenticator reads from the QR code."""
    return (f"otpauth://totp/{quote(f'Lưu Trữ {agency}')}:{quote(name)}?secret={secret}"
            f"&issuer={quote(f'Lưu Trữ {agency}')}&digits={DIGITS}&period={SECONDS}")


def picture(text: str) -> bytes:
    """The QR code of `text` as PNG."""
    import io

    import numpy
    import zxingcpp
    from PIL import Image

    code = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode, ec_level="M")
    drawn = Image.fromarray(numpy.asarray(zxingcpp.write_barcode_to_image(code, scale=6, add_quiet_zones=True)))
    out = io.BytesIO()
    drawn.save(out, "PNG")
    return out.getvalue()
