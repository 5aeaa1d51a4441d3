"""BagIt 1.0 (RFC 8493): any files in a container whose completeness and hashes everybody's tools can check.

No Vietnamese norm asks for it; it carries what has no package form of its own, on media or between systems. The
payload's hashes are those that the archive knows; each is compared while the bytes are copied, in one pass. The
same files and information give the same bytes: nothing here reads the clock.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path

from archive.packages.description import PackedFile
from archive.packages.writing import Progress, Written, copy_files, zip_files

DECLARATION = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
DATE, OXUM = "Bagging-Date", "Payload-Oxum"
_LABEL = re.compile(r"[^\s:\ufeff](?:[^\r\n:]*[^\s:])?")


def write_bag(files: Iterable[PackedFile], target: Path, info: Mapping[str, str],
              progress: Progress = lambda *_: None, *, zipped: bool = True) -> Written:
    """Write `files` as the bag `target`, a ZIP (which holds one folder of its name) or a folder; whole or not at all.

    `info` goes into bag-info.txt in its order: "Bagging-Date" (YYYY-MM-DD) is required, "External-Identifier"
    should be there, "Payload-Oxum" is added. `Written` counts payload and tag files.

    Raises ValueError for information that RFC 8493 does not allow, for no files at all and for unsafe paths;
    UsageError when something lies at `target`; IntegrityError when a file does not have the size and hash it
    should have; OSError (ENOSPC) when there is no room.
    """
    bagged = _bagged(sorted(files, key=lambda file: file.path), info)
    if zipped:
        return zip_files(bagged, target.name.removesuffix(".zip"), target, info[DATE], progress)
    return copy_files(bagged, target, progress)


def _bagged(payload: Sequence[PackedFile], info: Mapping[str, str]) -> list[PackedFile]:
    """Every file of the bag: the tag files first, so that who reads a stream knows what to expect."""
    if not payload:
        raise ValueError("a bag needs the folder data/, and so a file in it (RFC 8493, 2.1.2)")
    oxum = f"{sum(file.size for file in payload)}.{len(payload)}"
    manifest = "".join(f"{file.sha256.lower()}  data/{encoded(file.path)}\n" for file in payload)
    tags = {"bagit.txt": DECLARATION, "bag-info.txt": "".join(_info(info, oxum)).encode(),
            "manifest-sha256.txt": manifest.encode()}
    tags["tagmanifest-sha256.txt"] = "".join(
        f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in sorted(tags.items())).encode()
    written = [PackedFile(name, data, len(data), hashlib.sha256(data).hexdigest(), "text/plain", info[DATE], "")
               for name, data in tags.items()]
    return written + [PackedFile(f"data/{file.path}", file.source, file.size, file.sha256, file.mime, file.created,
                                 file.role) for file in payload]


def _info(info: Mapping[str, str], oxum: str) -> Iterator[str]:
    """The lines of bag-info.txt. A value's line breaks become blanks: a line is an element (RFC 8493, 2.2.2)."""
    labels = [label.casefold() for label in info]
    if len(set(labels)) != len(labels) or OXUM.casefold() in labels:
        raise ValueError("bag-info: twice the same label, or Payload-Oxum, which is computed")
    if date.fromisoformat(given := info.get(DATE, "")).isoformat() != given:
        raise ValueError(f"bag-info: {DATE} is not YYYY-MM-DD: {given!r}")
    for label, value in {**info, OXUM: oxum}.items():
        if not _LABEL.fullmatch(label):
            raise ValueError(f"bag-info: a label that RFC 8493 does not allow: {label!r}")
        if value := " ".join(value.split()):
            yield f"{label}: {value}\n"


def encoded(path: str) -> str:
    """`path` as a manifest writes it: line breaks and percent signs, and only these, as %0D, %0A, %25."""
    return path.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
