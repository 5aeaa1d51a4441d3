"""Limits that are checked before anything of a PDF is drawn: sizes of streams and pictures, nested forms.

Must never decode more than the limit that it checks. What is drawn and looks blank is looked at once more: a picture
that cannot be decoded is no blank page.
"""

from __future__ import annotations

import base64
import binascii
import io
import re
import struct
import zlib
from typing import Any

import pikepdf
from PIL import Image

from ingest.digitise.thresholds import threshold

_MB = 1024 * 1024
_DEFLATE_MOST = 1032            # zlib cannot unpack a byte to more than this
_DRAW = re.compile(rb"/([^\s/\[\]<>()]+)\s+Do\b")
_CODESTREAM = b"\xff\x4f\xff\x51"       # JPEG 2000: start of codestream, then its sizes
_JBIG2_GENERIC, _JBIG2_UNKNOWN = 38, 0xFFFFFFFF
_JBIG2_DRAWS = frozenset((4, 6, 7, 20, 22, 23, 36, 38, 39, 40, 42, 43))     # types of region segments
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


def has_damaged_picture(document: Any, number: int) -> bool:
    """Whether a picture of the page cannot be decoded. PDFium leaves such a one out: its page looks blank and is not.

    `document` is PDFium's, past the other checks of this module.
    """
    import pypdfium2
    import pypdfium2.raw as pdfium

    sheet = document[number - 1]
    try:
        for image in sheet.get_objects(filter=[pdfium.FPDF_PAGEOBJ_IMAGE], max_depth=3):
            try:
                image.get_bitmap()      # its buffer is freed with it
            except pypdfium2.PdfiumError:
                return True
            if "JBIG2Decode" in image.get_filters() and not whole_jbig2(bytes(image.get_data(decode_simple=True))):
                return True
        return False
    finally:
        sheet.close()


def whole_jbig2(data: bytes) -> bool:
    """Whether a JBIG2 stream's segments are whole and one of them draws (ITU-T T.88 7.2); decoders pass over the rest.

    An empty page has such a segment too: an encoder writes its points, all of them white.
    """
    at, draws = 0, False
    try:
        while at < len(data):
            number, flags, counted = struct.unpack_from(">IBB", data, at)
            count, at = counted >> 5, at + 6
            if count == 7:
                count = struct.unpack_from(">I", data, at - 1)[0] & 0x1FFFFFFF
                at += 3 + (count + 8) // 8
            at += count * (1 if number <= 256 else 2 if number <= 65536 else 4) + (4 if flags & 64 else 1)
            length, = struct.unpack_from(">I", data, at)
            if length == _JBIG2_UNKNOWN:        # allowed for a region that is drawn at once, the last one here
                return bool(flags & 63 == _JBIG2_GENERIC)
            at += 4 + length
            draws = draws or flags & 63 in _JBIG2_DRAWS
    except struct.error:
        return False
    return draws and at == len(data)


def check_codestream(data: bytes, number: int, max_pixels: int) -> None:
    """Raise Hostile when a JPEG 2000 codestream is larger than its file's header may say (ISO/IEC 15444-1 A.5.1)."""
    start = data.find(_CODESTREAM)
    if start < 0 or len(data) < start + 24:
        return
    right, bottom, left, top = struct.unpack_from(">IIII", data, start + 8)
    if (right - left) * (bottom - top) > max_pixels:
        raise Hostile("DIGITISE-014", page=number, width=right - left, height=bottom - top, limit=max_pixels)


def _check_coded(data: bytes, number: int, max_pixels: int) -> None:
    check_codestream(data, number, max_pixels)
    try:
        with Image.open(io.BytesIO(data), formats=["JPEG", "JPEG2000"]) as picture:
            width, height = picture.size
    except Image.DecompressionBombError as bomb:
        raise Hostile("DIGITISE-014", page=number, width="?", height="?", limit=max_pixels) from bomb
    except (OSError, SyntaxError, ValueError):
        return                          # damaged: found when the access copy is checked
    if width * height > max_pixels:
        raise Hostile("DIGITISE-014", page=number, width=width, height=height, limit=max_pixels)
