"""The form of TT 02/2019/TT-BNV: descriptions as XML beside the files and a list of SHA-256, no METS, no bagit.txt.

The circular prints the fields and no container; what marks this form is our own convention (archive/packages/tt02.py).
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from archive.findings import Level, finding
from archive.packages.check.report import Report
from archive.packages.opening import Opened, UnreadableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from archive.packages.tt02 import OldPackage

KIND = "TT02 hoso"
SUMS = "sha256sums.txt"
_HEAD = 1000                    # bytes of an XML file in which its root stands
_ROOT = re.compile(rb"<(?:Fonds|File|Document|Photo|AudioVisual)[\s>/]")
_DOCUMENTS = frozenset({"document", "photo", "av"})


def is_annex(opened: Opened) -> bool:
    """Whether an XML file in the folder of the shallowest list of hashes, or at the top, is such a record."""
    lists = [PurePosixPath(name).parent for name in opened.names if PurePosixPath(name).name == SUMS]
    top = min(lists, key=lambda folder: len(folder.parts), default=PurePosixPath("."))
    return any(_ROOT.search(_head(opened, name)) for name in opened.names
               if name.endswith(".xml") and PurePosixPath(name).parent == top)


def check_annex(opened: Opened, report: Report, tell: Callable[[int], None]) -> None:
    """Every file against the list of SHA-256, the fields against the tables of TT 02/2019, documents against files."""
    # Loaded here: it brings the archive with it, which no other kind of package needs.
    from archive.crosswalk import TT02
    from archive.fields import validate_record
    from archive.packages.tt02 import read_opened

    report.kind = KIND
    report.findings[:] = [one for one in report.findings if one.code != "PKG-013"]
    read = read_opened(opened, tell)
    report.files, report.bytes = read.files, read.bytes
    report.documents = sum(one.level in _DOCUMENTS for one in read.records.values())
    report.objid = next((one.name for one in read.records.values() if one.level == "file"), "")
    report.findings += read.findings
    for one in read.records.values():
        # That a field is empty is no fault: the circular does not say which are mandatory.
        report.findings += [found for found in validate_record(one.fields, TT02, one.level, one.name)
                            if found.level >= Level.warning]
    _side_by_side(read, report)


def _side_by_side(read: OldPackage, report: Report) -> None:
    """Documents that are described and have no file, and files that no description names."""
    described = [one for one in read.records.values() if one.level in _DOCUMENTS]
    report.findings += [finding("ANNEX-007", one.name) for one in described if not one.files]
    named = {file for one in described for file in one.files}
    report.findings += [finding("ANNEX-008", name) for name in read.others if name not in named]


def _head(opened: Opened, name: str) -> bytes:
    try:
        return opened.read(name, _HEAD)
    except UnreadableError:
        return b""
