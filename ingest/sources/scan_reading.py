"""Looking for separator sheets on the pages of a scan, before anything is recognised: cheap, and blind to all else.

Must never take another code for a separator: a letter or an invoice bears QR codes of its own. What is a separator
says scan_payload.py alone. Pages are drawn small and grey, within the limits of every drawing (digitise/pages.py).
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from archive.settings import IngestSettings
from ingest.digitise.guards import Hostile
from ingest.digitise.pages import Survey, file_kind, open_picture, survey
from ingest.sources.scan_payload import DamagedPayloadError, NotOursError, Sheet, decode


@cache
def figures() -> dict[str, float]:
    """scan_reading.toml."""
    with Path(__file__).with_suffix(".toml").open("rb") as stream:
        return {name: float(figure) for name, figure in tomllib.load(stream).items()}


def look(paths: Sequence[Path], limits: IngestSettings, *, by_page: bool = False) -> dict[str, Any] | None:
    """What stands between the documents of a scan of one or several files; None when it is none that is looked at.

    A scan is a PDF or TIFF all of whose pages are pictures (a hidden text layer of the scanner's does not count), of
    two pages or more, or a JPEG or PNG for each page (`by_page`). Returns JSON-ready notes: `pages` (number of each
    file), `sheets` (file and page from 1, kind, code, ordinal, count), `damaged` (file, page, why: "unread",
    "contradictory"), `blank` (file, page).
    """
    pages: list[int] = []
    kinds = set()
    for path in paths:
        kind = file_kind(path)
        if kind not in (("jpeg", "png") if by_page else ("pdf", "tiff")):
            return None
        try:
            seen = survey(path, kind, limits)
        except Hostile:
            return None             # the digitise stage says why; nothing of it is drawn here
        if seen.unread or not _is_scan(seen):
            return None
        kinds.add(kind)
        pages.append(len(seen.pages))
    if not by_page and (sum(pages) < 2 or len(kinds) > 1):
        return None
    noted: dict[str, Any] = {"pages": pages, "sheets": [], "damaged": [], "blank": []}
    for number, path in enumerate(paths, 1):
        for page, picture in enumerate(_drawn(path, limits), 1):
            _note(noted, number, page, picture)
    return noted


def _is_scan(seen: Survey) -> bool:
    pictures = [page for page in seen.pages if page.kind == "picture" or (page.kind == "text" and page.dpi > 0)]
    others = [page for page in seen.pages if page.kind == "text" and page.dpi <= 0]
    return bool(pictures) and not others


def _drawn(path: Path, limits: IngestSettings) -> Iterator[Any]:
    """Each page in grey (an array of rows), its longer side `long_side`; None for a page that cannot be drawn."""
    side = figures()["long_side"]
    if file_kind(path) != "pdf":
        with open_picture(path, limits.max_pixels) as picture:
            for frame in range(int(getattr(picture, "n_frames", 1))):
                yield _frame(picture, frame, side)
        return
    import pypdfium2

    with pypdfium2.PdfDocument(path) as document:
        for page in document:
            try:
                scale = side / max(*page.get_size(), 1.0)
                yield page.render(scale=scale, grayscale=True, may_draw_forms=False).to_numpy()
            except (RuntimeError, MemoryError, ValueError):
                yield None
            finally:
                page.close()


def _frame(picture: Any, frame: int, side: float) -> Any:
    import numpy as np

    try:
        picture.seek(frame)
        factor = max(1, int(max(picture.size) / side))
        grey = picture.convert("L")
        return np.asarray(grey.reduce(factor) if factor > 1 else grey)
    except (OSError, ValueError, EOFError, SyntaxError):
        return None


def _note(noted: dict[str, Any], number: int, page: int, picture: Any) -> None:
    if picture is None:
        return
    if picture.ndim == 3:
        picture = picture[:, :, 0]
    found, broken = read_codes(picture)
    place = {"file": number, "page": page}
    if len(found) > 1:
        noted["damaged"].append({**place, "why": "contradictory"})
    elif found:
        (sheet,) = found
        noted["sheets"].append({**place, "kind": sheet.kind, "code": sheet.code, "ordinal": sheet.ordinal,
                                "count": sheet.count})
    elif broken:
        noted["damaged"].append({**place, "why": "unread"})
    elif is_blank(picture):
        noted["blank"].append(place)


def read_codes(picture: Any) -> tuple[set[Sheet], bool]:
    """The separator sheets that the codes on a page say (one, unless they contradict), and whether all are spoilt."""
    import zxingcpp

    forms = (zxingcpp.BarcodeFormat.QRCode, zxingcpp.BarcodeFormat.Code128)
    found: set[Sheet] = set()
    broken = False
    for code in zxingcpp.read_barcodes(picture, formats=forms,  # type: ignore[arg-type]
                                       try_invert=False, return_errors=True):
        if not _is_large(code, picture.shape):
            continue
        try:
            sheet = decode(code.text)
            broken = broken or not code.valid
            found |= {sheet} if code.valid else set()
        except NotOursError:
            continue
        except DamagedPayloadError:
            broken = True
    return found, broken and not found


def _is_large(code: Any, shape: tuple[int, ...]) -> bool:
    """Whether the code covers as much of its page as a separator's does."""
    corners = [code.position.top_left, code.position.top_right, code.position.bottom_right, code.position.bottom_left]
    width = max(one.x for one in corners) - min(one.x for one in corners)
    height = max(one.y for one in corners) - min(one.y for one in corners)
    least = figures()["least_qr" if "QR" in str(code.format).upper() else "least_bars"]
    return bool(max(width, height) >= least * min(shape[:2]))


def is_blank(picture: Any) -> bool:
    """Whether nothing is written on the page but specks."""
    import numpy as np

    height, width = picture.shape[:2]
    top, left = int(height * figures()["margin"]), int(width * figures()["margin"])
    inner = picture[top: height - top or None: 2, left: width - left or None: 2]
    paper = float(np.percentile(inner, 75))
    return bool((inner < paper - figures()["blank_contrast"]).mean() < figures()["blank_share"])
