"""Making files of some pages of a scan, without touching a picture: PDF pages as they are, TIFF pages byte for byte.

After a copy the data of every picture are compared with those of the received file, so that "without loss" is no claim
but was looked at. The received file is only read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ingest.digitise.pages import file_kind
from ingest.sources import scan_tiff
from ingest.sources.scan_plan import Place
from ingest.sources.scan_tiff import NotCopiedError

__all__ = ["NotCopiedError", "bears_signature", "cut"]


def cut(sources: Sequence[Path], wanted: Sequence[tuple[Sequence[Place], Path]]) -> list[str]:
    """Make of `sources` (all PDF, all TIFF, or a JPEG or PNG a page) the files `wanted`: pages and where to.

    Files and pages count from 1. The same input gives the same bytes. Returns for each file the SHA-256 over the
    digests of its pictures' data, in the order of its pages, which are those of the received file. Raises
    NotCopiedError, OSError.
    """
    if all(file_kind(one) == "pdf" for one in sources):
        return _cut_pdf(sources, wanted)
    if all(file_kind(one) == "tiff" for one in sources):
        return _cut_tiff(sources, wanted)
    if all(file_kind(one) in ("jpeg", "png") for one in sources):
        return [_bind(sources, [file for file, _page in places], target) for places, target in wanted]
    raise NotCopiedError("files of different kinds")


def bears_signature(path: Path) -> bool:
    """Whether a PDF holds a signature, which taking its pages apart would break. Raises NotCopiedError."""
    import pikepdf

    if file_kind(path) != "pdf":
        return False
    try:
        with pikepdf.open(path) as pdf:
            form = pdf.Root.get("/AcroForm")
            fields = list(form.get("/Fields", [])) if form is not None else []
            return any(_signed(one, 0) for one in fields)
    except (pikepdf.PdfError, ValueError, TypeError, AttributeError, RuntimeError) as error:
        raise NotCopiedError(str(error)) from error


def _signed(field: Any, depth: int) -> bool:
    if field.get("/FT") == "/Sig" and field.get("/V") is not None:
        return True
    return depth < 10 and any(_signed(one, depth + 1) for one in field.get("/Kids", []))


def _cut_pdf(sources: Sequence[Path], wanted: Sequence[tuple[Sequence[Place], Path]]) -> list[str]:
    import pikepdf

    digests = []
    try:
        with ExitStack() as stack:
            opened = [stack.enter_context(pikepdf.open(one)) for one in sources]
            for pages, target in wanted:
                with pikepdf.new() as made:
                    for file, page in pages:
                        made.pages.append(opened[file - 1].pages[page - 1])
                    # Some scanners give all pages one table of pictures: each part would hold the whole scan.
                    made.remove_unreferenced_resources()
                    made.save(target, deterministic_id=True, stream_decode_level=pikepdf.StreamDecodeLevel.none,
                              recompress_flate=False, compress_streams=False)
                before = _pictures(opened[file - 1].pages[page - 1] for file, page in pages)
                with pikepdf.open(target) as made:
                    if len(made.pages) != len(pages) or _pictures(made.pages) != before:
                        raise NotCopiedError(f"{target.name}: the pictures are not those of the scan")
                digests.append(before)
    except (pikepdf.PdfError, ValueError, TypeError, AttributeError, RuntimeError, IndexError) as error:
        if isinstance(error, NotCopiedError):
            raise
        raise NotCopiedError(str(error)) from error
    return digests


def _pictures(pages: Any) -> str:
    """SHA-256 over what is drawn on the pages: their content, and the raw data of the pictures that it uses."""
    import pikepdf

    whole = hashlib.sha256()
    for page in pages:
        used = set()
        for one in pikepdf.parse_content_stream(page):
            whole.update(repr([str(one.operator), *map(str, one.operands)]).encode(errors="surrogateescape"))
            if str(one.operator) == "Do":
                used.add(str(one.operands[0]))
        drawn = (_inherited(page, "/Resources") or {}).get("/XObject") or {}
        for name in sorted(used & set(drawn.keys())):
            whole.update(hashlib.sha256(drawn[name].read_raw_bytes()).digest())
        box, turned = _inherited(page, "/MediaBox") or [], _inherited(page, "/Rotate") or 0
        whole.update(repr([str(one) for one in box]).encode() + str(turned).encode())
    return whole.hexdigest()


def _inherited(page: Any, key: str) -> Any:
    """What the page or the nearest of the nodes above it says (ISO 32000, 7.7.3.4)."""
    node = page.obj
    for _ in range(50):
        if node is None or node.get(key) is not None:
            break
        node = node.get("/Parent")
    return node.get(key) if node is not None else None


def _bind(sources: Sequence[Path], files: Sequence[int], target: Path) -> str:
    """A PDF of some pictures, each as it is: the data of a JPEG byte for byte, of a PNG the same pixels."""
    import img2pdf  # type: ignore[import-untyped]
    import pikepdf
    from PIL import Image, UnidentifiedImageError

    whole = hashlib.sha256()
    try:
        chosen = [sources[file - 1] for file in files]
        for path in chosen:
            with Image.open(path) as picture:
                if min(picture.info.get("dpi", (0, 0))) < 10:
                    raise NotCopiedError(f"{path.name}: không ghi độ phân giải")
        target.write_bytes(img2pdf.convert([str(path) for path in chosen], nodate=True, engine=img2pdf.Engine.internal,
                                           rotation=img2pdf.Rotation.ifvalid))
        with pikepdf.open(target) as made:
            for page, path in zip(made.pages, chosen, strict=True):
                (drawn,) = page.get_images().values()
                raw = drawn.read_raw_bytes()
                if raw != path.read_bytes() and not _same_pixels(drawn, path):
                    raise NotCopiedError(f"{path.name}: the picture is not that of the scan")
                whole.update(hashlib.sha256(raw).digest())
    except (img2pdf.ImageOpenError, img2pdf.AlphaChannelError, img2pdf.NegativeDimensionError, UnidentifiedImageError,
            pikepdf.PdfError, ValueError, TypeError, RuntimeError, IndexError, SyntaxError) as error:
        if isinstance(error, NotCopiedError):
            raise
        raise NotCopiedError(str(error)) from error
    except OSError as error:
        if error.errno is not None:     # a disk's; Pillow's own word for a picture that is cut short bears no number
            raise
        raise NotCopiedError(str(error)) from error
    return whole.hexdigest()


def _same_pixels(drawn: Any, path: Path) -> bool:
    import pikepdf
    from PIL import Image, ImageChops

    with Image.open(path) as picture:
        if picture.format != "PNG":
            return False
        mode = "RGB" if picture.mode == "P" else picture.mode
        one, other = picture.convert(mode), pikepdf.PdfImage(drawn).as_pil_image().convert(mode)
        return bool(one.size == other.size and ImageChops.difference(one, other).getbbox() is None)


def _cut_tiff(sources: Sequence[Path], wanted: Sequence[tuple[Sequence[Place], Path]]) -> list[str]:
    read = [scan_tiff.pages_of(one) for one in sources]
    digests = []
    for places, target in wanted:
        try:
            pages = [read[file - 1][page - 1] for file, page in places]
        except IndexError as error:
            raise NotCopiedError(str(error)) from error
        scan_tiff.write(pages, target)
        before = [scan_tiff.piece_digests(page) for page in pages]
        if [scan_tiff.piece_digests(page) for page in scan_tiff.pages_of(target)] != before:
            raise NotCopiedError(f"{target.name}: the pictures are not those of the scan")
        digests.append(hashlib.sha256("".join(one for page in before for one in page).encode()).hexdigest())
    return digests
