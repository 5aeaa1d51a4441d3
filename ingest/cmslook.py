"""What a CMS (PKCS#7) file is, told by its first bytes: a signature, signed content, or something encrypted.

Reads tags and lengths only, in DER or BER, and the armoured forms (PEM, bare base64). Must never raise for any bytes,
and never call a file CMS because of its name.
"""

from __future__ import annotations

import base64
import binascii
import re

_OIDS = {b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02": "signed", b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03": "enveloped",
         b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x04": "enveloped", b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x06": "enveloped",
         b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x17": "enveloped"}
_ARMOUR = re.compile(rb"\A(?:\xef\xbb\xbf)?\s*(?:-----BEGIN (?:PKCS7|CMS|PKCS #7 SIGNED DATA)-----\s*)?"
                     rb"(MI[A-Za-z0-9+/]{40}[A-Za-z0-9+/=\s]*)")


def kind(head: bytes) -> str:
    """`p7s` (a detached signature), `p7m` (content with its signature), `cms_encrypted`, or "" for anything else.

    A file that holds certificates and no signature counts as `p7s`: what signs nothing shows when it is judged.
    """
    found = _kind(head)
    return found or _kind(unarmoured(head))


def unarmoured(data: bytes) -> bytes:
    """The bytes behind PEM or base64, as far as they can be read; b"" when `data` is neither."""
    armour = _ARMOUR.match(data)
    if armour is None:
        return b""
    text = re.sub(rb"\s", b"", armour[1])
    try:
        return base64.b64decode(text[:len(text) // 4 * 4])
    except (binascii.Error, ValueError):
        return b""


def _kind(head: bytes) -> str:
    inside = _step_in(head, 0, 0x30)
    if inside is None or head[inside:inside + 1] != b"\x06":
        return ""
    length = head[inside + 1] if len(head) > inside + 1 else 0
    meant = _OIDS.get(head[inside + 2:inside + 2 + length], "")
    if meant != "signed":
        return "cms_encrypted" if meant else ""
    at = _step_in(head, inside + 2 + length, 0xA0)
    at = None if at is None else _step_in(head, at, 0x30)
    at = None if at is None else _step_over(head, at, 0x02)         # version
    at = None if at is None else _step_over(head, at, 0x31)         # digest algorithms
    content = None if at is None else _step_in(head, at, 0x30)
    if content is None:
        return "p7s"                                                # cut off: whether it holds content shows later
    after = _step_over(head, content, 0x06)
    if after is None:
        return "p7s"
    bounded = _length(head, at + 1)[0] if at is not None else None
    ends = bounded is not None and after >= content + bounded
    return "p7m" if not ends and head[after:after + 1] == b"\xa0" else "p7s"


def _length(data: bytes, at: int) -> tuple[int | None, int]:
    """The length that stands at `at` (None: indefinite) and where the content begins."""
    if at >= len(data):
        return 0, at
    first = data[at]
    if first < 0x80:
        return first, at + 1
    count = first & 0x7F
    return (int.from_bytes(data[at + 1:at + 1 + count], "big") if count else None), at + 1 + count


def _step_in(data: bytes, at: int, tag: int) -> int | None:
    if at >= len(data) or data[at] != tag:
        return None
    return _length(data, at + 1)[1]


def _step_over(data: bytes, at: int, tag: int) -> int | None:
    if at >= len(data) or data[at] != tag:
        return None
    length, start = _length(data, at + 1)
    if length is not None:
        return start + length
    while at < len(data) and data[start:start + 2] != b"\0\0":      # indefinite: one level of values is all there is
        inner, place = _length(data, start + 1)
        if inner is None or place + inner > len(data):
            return None
        start = place + inner
    return start + 2
