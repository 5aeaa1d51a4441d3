"""Drawing one page of a received file as a PNG, in a process of its own with limits of time and memory.

What a file does while it is drawn is its own affair: the caller gets a picture, or is told that there is none. Must
never draw what the guards of digitising refuse (sizes are compared before anything is unpacked).
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from archive import outside
from archive.settings import IngestSettings, Settings

LEAST, MOST = 50, 4000              # width in pixels that can be asked for
_MOST_HEIGHT = 3                    # times the width; longer strips are drawn smaller
_SECONDS, _MEMORY_MB, _FILE_MB = 30.0, 3072, 128
_ROOT = Path(__file__).resolve().parents[1]


class NoSuchPageError(Exception):
    """The file has no such page, or it cannot be drawn within the limits; why is the exception's text."""


def draw(place: Path, page: int, width: int, settings: Settings, *, turned: int = 0) -> bytes:
    """Page `page` (from 1) of the PDF or picture at `place` as a PNG, `width` pixels wide.

    `turned`: degrees clockwise (0, 90, 180, 270) by which it is set upright. Raises NoSuchPageError.
    """
    with tempfile.TemporaryDirectory(prefix="luutru-") as room:
        target = Path(room) / "page.png"
        asked = {"place": str(place.resolve()), "target": str(target), "page": page, "turned": turned,
                 "width": max(LEAST, min(MOST, width)), "limits": settings.ingest.model_dump(mode="json")}
        try:
            ended = outside.run([sys.executable, "-m", "ingest.drawing", json.dumps(asked)],
                                outside.Limits(_SECONDS, _MEMORY_MB, _FILE_MB), Path(room),
                                {"PYTHONPATH": str(_ROOT), "PYTHONDONTWRITEBYTECODE": "1"})
        except outside.TooLongError as late:
            raise NoSuchPageError(str(late)) from late
        if ended.code != 0 or not target.is_file():
            raise NoSuchPageError((ended.said.strip().splitlines() or [f"exit code {ended.code}"])[-1])
        return target.read_bytes()


# --- in the process of its own --------------------------------------------------------------------------------


def _draw(place: Path, target: Path, page: int, width: int, turned: int, limits: IngestSettings) -> None:
    from ingest.digitise.pages import file_kind, survey

    kind = file_kind(place)
    if kind is None:
        raise NoSuchPageError("neither a PDF nor a picture")
    seen = survey(place, kind, limits)          # raises Hostile
    if seen.unread or not 1 <= page <= len(seen.pages):
        raise NoSuchPageError(seen.unread or f"no page {page}")
    picture = _of_pdf(place, page, width, turned) if kind == "pdf" else _of_picture(place, page, limits)
    if turned:
        picture = picture.rotate(-turned, expand=True)
    height = picture.height * width // max(1, picture.width)
    size = width, max(1, height)
    if height > _MOST_HEIGHT * width:
        size = max(1, picture.width * _MOST_HEIGHT * width // picture.height), _MOST_HEIGHT * width
    picture.convert("RGB").resize(size).save(target, "PNG", compress_level=3)


def _of_pdf(place: Path, page: int, width: int, turned: int) -> Any:
    import pypdfium2

    document = pypdfium2.PdfDocument(place)
    sheet = document[page - 1]
    across, up = sheet.get_size()
    if turned in (90, 270):
        across, up = up, across
    longest = min(_MOST_HEIGHT * width / max(up, 1.0), width / max(across, 1.0))
    return sheet.render(scale=max(longest, 1e-3)).to_pil()


def _of_picture(place: Path, page: int, limits: IngestSettings) -> Any:
    from ingest.digitise.pages import open_picture

    with open_picture(place, limits.max_pixels) as picture:
        if page > 1:
            picture.seek(page - 1)
        frame = picture
        if frame.mode in ("I;16", "I;16B", "I;16L", "I", "F"):
            frame = frame.point(lambda value: value / 256).convert("L")
        elif frame.mode in ("RGBA", "LA", "PA") or "transparency" in frame.info:
            from PIL import Image

            frame = frame.convert("RGBA")
            frame = Image.alpha_composite(Image.new("RGBA", frame.size, "white"), frame)
        return frame.convert("RGB")


def _main(asked: dict[str, Any]) -> int:
    from ingest.digitise.guards import Hostile

    try:
        _draw(Path(asked["place"]), Path(asked["target"]), asked["page"], asked["width"], asked["turned"],
              IngestSettings.model_validate(asked["limits"]))
    except (NoSuchPageError, Hostile, EOFError, OSError, RuntimeError, ValueError, MemoryError, SyntaxError) as error:
        print(str(error) or type(error).__name__)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(_main(json.loads(sys.argv[1])))
