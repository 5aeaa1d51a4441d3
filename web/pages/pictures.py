"""Pictures of pages as the portal shows them: sizes, turning, and those that were drawn a moment ago.

Drawing is done under limits elsewhere (ingest/review.py); a page that cannot be drawn is shown as a sentence.
"""

from __future__ import annotations

import io
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from html import escape

from fastapi import Response

from archive.errors import LuuTruError
from archive.i18n import _

WIDTHS = (1200, 1800, 3000)         # points; a browser asks for no other
USUAL = WIDTHS[0]
ZOOMS = (100, 150, 200, 300)        # percent of the frame's width
KEPT = 48_000_000                   # bytes of drawn pages that are kept in memory


@dataclass(frozen=True, slots=True)
class View:
    """How the picture is looked at: percent of the frame's width, degrees clockwise; both work by links alone."""

    zoom: int = 100
    turn: int = 0

    @property
    def width(self) -> int:
        """How wide the picture is drawn for this zoom."""
        return width_of(USUAL * self.zoom // 100)

    @property
    def larger(self) -> int:
        """The next zoom."""
        return next((one for one in ZOOMS if one > self.zoom), ZOOMS[-1])

    @property
    def smaller(self) -> int:
        """The zoom before."""
        return next((one for one in reversed(ZOOMS) if one < self.zoom), ZOOMS[0])

    @property
    def turned(self) -> int:
        """A quarter further."""
        return (self.turn + 90) % 360


def view_of(query: Mapping[str, str]) -> View:
    """The view that a page's address asks for; nonsense asks for the usual one."""
    zoom, turn = query.get("zoom", ""), query.get("turn", "")
    return View(int(zoom) if zoom.isascii() and zoom.isdigit() and int(zoom[:4]) in ZOOMS else 100,
                int(turn) if turn in ("90", "180", "270") else 0)


def width_of(wanted: int) -> int:
    """The width that is drawn for a wanted one."""
    return next((one for one in WIDTHS if one >= wanted), WIDTHS[-1])


_drawn: OrderedDict[Hashable, bytes] = OrderedDict()
_lock = threading.Lock()


def kept(key: Hashable, draw: Callable[[], bytes]) -> bytes:
    """The picture of `key`, drawn if it was not drawn a moment ago. Raises what `draw` raises."""
    with _lock:
        if key in _drawn:
            _drawn.move_to_end(key)
            return _drawn[key]
    body = draw()
    with _lock:
        _drawn[key] = body
        while sum(map(len, _drawn.values())) > KEPT:
            _drawn.popitem(last=False)
    return body


def answer(draw: Callable[[], bytes], turn: int, *, keep: bool) -> Response:
    """The picture as an answer, turned clockwise; `keep`: the browser may hold it for some minutes.

    A page that cannot be drawn is a picture with that sentence, so that it is said without script as well.
    """
    headers = {"cache-control": "private, max-age=600" if keep else "no-store"}
    try:
        body = draw()
    except LuuTruError as error:
        return Response(_sentence(str(error) or _("This page cannot be drawn.")), media_type="image/svg+xml",
                        headers={"cache-control": "no-store", "x-drawn": "no"})
    return Response(_turned(body, turn) if turn in (90, 180, 270) else body, media_type="image/png", headers=headers)


def _turned(body: bytes, turn: int) -> bytes:
    from PIL import Image

    ways = {90: Image.Transpose.ROTATE_270, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_90}
    with Image.open(io.BytesIO(body)) as opened, io.BytesIO() as made:
        opened.transpose(ways[turn]).save(made, "PNG", compress_level=1)
        return made.getvalue()


def _sentence(said: str) -> bytes:
    words, lines = said.split(), [""]
    for word in words:
        if len(lines[-1]) + len(word) > 44:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    spans = "".join(f'<tspan x="300" dy="30">{escape(line)}</tspan>' for line in lines[:8])
    return ('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 600 420" width="600" height="420">'
            '<rect width="600" height="420" fill="#f5f7f9"/><text x="300" y="140" text-anchor="middle" '
            f'font-family="sans-serif" font-size="22" fill="#1c2430">{spans}</text></svg>').encode()
