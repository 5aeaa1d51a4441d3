"""Limits that are checked before anything of a PDF is drawn: sizes of streams and pictures, nested forms.

Must never decode more than the limit that it checks.
"""

from __future__ import annotations

import base64
import binascii
import io
import re
import zlib
from typing import Any

import pikepdf
from PIL import Image

from ingest.digitise.thresholds import threshold

_MB = 1024 * 1024
_DEFLATE_MOST = 1032            # zlib cannot unpack a byte to more than this
_DRAW = re.compile(rb"/([^\s/\[\]<>()]+)\s+Do\b")
_COMPONENTS = {"/DeviceGray": 1, "/CalGray": 1, "/Indexed": 1, "/Separation": 1,
               "/DeviceRGB": 3, "/CalRGB": 3, "/Lab": 3, "/DeviceCMYK": 4}


class Hostile(Exception):  # noqa: N818 - it names the file, which is no error of ours
    """A file that must not be drawn: the code of its finding, and the finding's parameters."""

    def __init__(self, code: str, **params: Any) -> None:
        super().__init__(code)
        self.code = code
        self.params = params


def filters(stream: Any) -> list[str]:
    """The names of a stream's filters, in the order in which they are undone."""
    found = stream.get("/Filter")
    if found is None:
        return []
    if isinstance(found, pikepdf.Array):
        return [str(name) for name in found]
    return [str(found)]


def _inflate(data: bytes, limit: int) -> bytes | None:
    engine = zlib.decompressobj()
    try:
        out = engine.decompress(data, limit + 1)
    except zlib.error:
        return b""                      # damaged: qpdf and PDFium read what can be read, and say so
    return None if len(out) > limit else out


def bounded(stream: Any, limit: int) -> bytes | None:
    """The stream's bytes with its general filters undone, or None when they pass `limit` bytes.

    Picture filters (DCT, JPX, CCITT, JBIG2) are left as they are: what remains is the coded picture.
    """
    data = bytes(stream.read_raw_bytes())
    for name in filters(stream):
        if name in ("/FlateDecode", "/Fl"):
            unpacked = _inflate(data, limit)
            if unpacked is None:
                return None
            data = unpacked
        elif name in ("/ASCII85Decode", "/A85"):
            try:
                data = base64.a85decode(data.strip().removesuffix(b"~>"))
            except ValueError:
                return b""
        elif name in ("/ASCIIHexDecode", "/AHx"):
            try:
                data = binascii.unhexlify(re.sub(rb"[\s>]", b"", data))
            except ValueError:
                return b""
        else:
            break
        if len(data) > limit:
            return None
    return data if len(data) <= limit else None


def contents(page: Any) -> list[Any]:
    """The content streams of a page or form."""
    found = page.get("/Contents")
    if found is None:
        return []
    if isinstance(found, pikepdf.Array):
        return [each for each in found if isinstance(each, pikepdf.Stream)]
    return [found] if isinstance(found, pikepdf.Stream) else []


def check_content(page: Any, number: int) -> None:
    """Raise Hostile when the page's content would unpack to more than the limit.

    Streams too short to reach the limit even at zlib's greatest ratio are not unpacked at all.
    """
    limit = int(threshold("limits", "content_mb") * _MB)
    streams = contents(page)
    most = sum(int(stream.get("/Length", 0)) * _DEFLATE_MOST ** max(1, len(filters(stream))) for stream in streams)
    if most <= limit:
        return
    left = limit
    for stream in streams:
        unpacked = bounded(stream, left)
        left -= len(unpacked) if unpacked is not None else limit + 1
        if left < 0:
            raise Hostile("DIGITISE-015", page=number, limit=limit // _MB)


def check_forms(page: Any, number: int) -> None:
    """Raise Hostile when the forms that the page draws unfold to more drawings than the limit.

    A few kilobytes of forms that draw one another twice keep a renderer busy for ever.
    """
    forms = _inner_forms(page)
    if not any(_inner_forms(form) for form in forms.values()):
        return
    limit = int(threshold("limits", "content_mb") * _MB)
    known: dict[tuple[int, int], int] = {}

    def unfold(data: bytes, inner: dict[str, Any], above: frozenset[tuple[int, int]]) -> int:
        total = 1
        for match in _DRAW.finditer(data):
            form = inner.get("/" + match.group(1).decode("latin-1"))
            if form is None or form.objgen in above:
                continue
            if form.objgen not in known:
                body = bounded(form, limit)
                known[form.objgen] = unfold(body or b"", _inner_forms(form), above | {form.objgen})
            total += known[form.objgen]
        return total

    data = b"\n".join(bounded(stream, limit) or b"" for stream in contents(page))
    if unfold(data, forms, frozenset()) > threshold("limits", "draws"):
        raise Hostile("DIGITISE-016", page=number)


def _inner_forms(form: Any) -> dict[str, Any]:
    drawn = (form.get("/Resources") or {}).get("/XObject") or {}
    return {name: each for name, each in drawn.items()
            if isinstance(each, pikepdf.Stream) and each.get("/Subtype") == "/Form"}


def components(image: Any) -> int:
    """Colour components of a picture, 1 where its colour space is unknown to us or it is a mask."""
    space = image.get("/ColorSpace")
    if isinstance(space, pikepdf.Array) and len(space) > 1 and space[0] == "/ICCBased":
        return int(space[1].get("/N", 3))
    if isinstance(space, pikepdf.Array) and len(space):
        space = space[0]
    return _COMPONENTS.get(str(space), 1)


def check_picture(image: Any, number: int, max_pixels: int) -> None:
    """Raise Hostile when a picture is too large, or is larger inside than it says.

    `max_pixels` is settings.ingest.max_pixels. Only headers are read, and of plainly packed pictures
    as many bytes as the picture declares.
    """
    width, height = int(image.get("/Width", 0)), int(image.get("/Height", 0))
    if width * height > max_pixels:
        raise Hostile("DIGITISE-014", page=number, width=width, height=height, limit=max_pixels)
    names = filters(image)
    bits = int(image.get("/BitsPerComponent", 1 if image.get("/ImageMask") else 8))
    declared = height * ((width * components(image) * bits + 7) // 8 + 1)     # PNG predictors add a byte a row
    limit = int(declared * threshold("limits", "picture_slack")) + 65536
    packed = sum(name in ("/FlateDecode", "/Fl") for name in names)
    if packed and int(image.get("/Length", 0)) * _DEFLATE_MOST ** packed > limit and bounded(image, limit) is None:
        raise Hostile("DIGITISE-015", page=number, limit=limit // _MB + 1)
    if names and names[-1] in ("/DCTDecode", "/DCT", "/JPXDecode"):
        _check_coded(bounded(image, 4 * max_pixels) or b"", number, max_pixels)


def _check_coded(data: bytes, number: int, max_pixels: int) -> None:
    try:
        with Image.open(io.BytesIO(data), formats=["JPEG", "JPEG2000"]) as picture:
            width, height = picture.size
    except Image.DecompressionBombError as bomb:
        raise Hostile("DIGITISE-014", page=number, width="?", height="?", limit=max_pixels) from bomb
    except (OSError, SyntaxError, ValueError):
        return                          # damaged: found when the access copy is checked
    if width * height > max_pixels:
        raise Hostile("DIGITISE-014", page=number, width=width, height=height, limit=max_pixels)
