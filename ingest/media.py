"""Films and sound recordings: what their files say of themselves, against what digitising asks for.

ffprobe reads them, an outside program within limits; where it is not installed nothing is checked, and that is said.
Nothing here refuses a file, and a check that did not run is never a pass. Figures and articles: media.toml.
"""

from __future__ import annotations

import json
import shutil
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from archive import outside
from archive.findings import Finding, Level, finding
from ingest.formats import identify
from ingest.item import Context, Item, Part

PROGRAM = "ffprobe"
LIMITS = outside.Limits(seconds=60, memory_mb=1024, file_mb=1, output=1 << 18)
_DIGITISED = {"02", "2", "số hóa", "số hoá"}        # confidenceLevel (mức độ tin cậy): made of paper, film or tape


class UnreadableMediaError(Exception):
    """The program could not read the file; the message is its own."""


@cache
def _table() -> Mapping[str, Any]:
    with Path(__file__).with_suffix(".toml").open("rb") as stream:
        return tomllib.load(stream)


def check_media(item: Item, context: Context) -> list[Finding]:
    """Note in `item.facts["media"]` what the item's films and recordings are, and what of it falls short.

    TT 05/2025/TT-BNV Đ8 and TT 02/2019/TT-BNV Đ6 ask for least bit rates of digitised film and sound; of a file that
    nobody says was digitised a lower one is only noted.
    """
    item.facts.pop("media", None)
    found: list[Finding] = []
    told: list[dict[str, Any]] = []
    for part in item.parts:
        kind = part.format or identify(part.path).format.id
        if part.role not in ("original", "attachment") or kind not in _table()["readers"]:
            continue
        facts, said = _part(item, part, kind, context.settings.profile)
        told.append({"name": part.name, **facts})
        found += said
    if told:
        item.facts["media"] = told
    return found


def _part(item: Item, part: Part, kind: str, profile: str) -> tuple[dict[str, Any], list[Finding]]:
    program = shutil.which(PROGRAM)
    if program is None:
        return {"checked": False, "why": "missing"}, [finding("MEDIA-001", part.name, program=PROGRAM)]
    try:
        facts = probe(part.path, _table()["readers"][kind], program)
    except UnreadableMediaError as error:
        return {"checked": False, "why": "unreadable"}, [finding("MEDIA-002", part.name, reason=str(error))]
    except (OSError, outside.TooLongError) as error:
        return {"checked": False, "why": "failed"}, [finding("MEDIA-003", part.name, reason=str(error))]
    found = []
    if not facts["streams"] or not facts["seconds"]:
        found.append(finding("MEDIA-004", part.name))
    rule = next((one for one in _table()["rule"] if one["profile"] == profile), None)
    least = rule[facts["kind"]] if rule else 0
    if least and facts["streams"]:
        digitised = item.fields.get("confidenceLevel", "").strip().casefold() in _DIGITISED
        if not facts["kbps"]:
            found.append(finding("MEDIA-005", part.name, least=least))
        elif facts["kbps"] < least:
            found.append(finding("MEDIA-006", part.name, level=None if digitised else Level.note, kbps=facts["kbps"],
                                 least=least, rule=rule["article"] if rule else ""))
    return {"checked": True, **facts}, found


def probe(path: Path, reader: str, program: str) -> dict[str, Any]:
    """What the file at `path` says of itself, read as ffprobe's format `reader`.

    `kind` ("film", "sound"), `seconds`, `kbps` (0: it does not say), `streams` (type, codec, and size or sample rate),
    `tool`. Raises UnreadableMediaError, OSError, archive.outside.TooLongError.
    """
    ended = outside.run([program, "-v", "error", "-hide_banner", "-protocol_whitelist", "file", "-f", reader,
                         "-print_format", "json", "-show_format", "-show_streams", "-show_program_version",
                         f"file:{path.absolute()}"], LIMITS)
    start = ended.said.find("{")
    try:
        told, _end = json.JSONDecoder().raw_decode(ended.said[start:]) if start >= 0 else ({}, 0)
    except ValueError:
        told = {}
    if ended.code != 0 or not told.get("format"):
        said = ended.said[:start] if start > 0 else ended.said if start < 0 else ""
        raise UnreadableMediaError(" ".join(said.split())[-200:] or f"exit {ended.code}")
    streams = [_stream(one) for one in told.get("streams", ()) if one.get("codec_type") in ("video", "audio")
               and not one.get("disposition", {}).get("attached_pic")]      # the cover of a recording is no film
    film = any(one["type"] == "video" for one in streams)
    return {"kind": "film" if film else "sound", "seconds": round(_number(told["format"].get("duration")), 3),
            "kbps": round(_number(told["format"].get("bit_rate")) / 1000), "streams": streams,
            "tool": f"{PROGRAM} {told.get('program_version', {}).get('version', '')}".strip()}


def _stream(one: Mapping[str, Any]) -> dict[str, Any]:
    more = {"width": int(_number(one.get("width"))), "height": int(_number(one.get("height")))} \
        if one["codec_type"] == "video" else {"hz": int(_number(one.get("sample_rate"))),
                                              "channels": int(_number(one.get("channels")))}
    return {"type": one["codec_type"], "codec": str(one.get("codec_name", "")), **more}


def _number(text: Any) -> float:
    try:
        return max(float(text), 0.0)
    except (TypeError, ValueError):
        return 0.0
