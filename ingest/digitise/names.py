"""How scans are named: file code, dot, ordinal; a scan that is a whole file by the file code alone.

TT 05/2025/TT-BNV Đ8.1.d, TT 02/2019/TT-BNV Đ6.1.e. How many digits the ordinal has is not said: both are right.
Must never complain of a name that does not try to be a code: scanners and telephones have names of their own.
"""

from __future__ import annotations

import re
import unicodedata
from pathlib import PurePosixPath

from archive.codes import parse_scan_name
from archive.findings import Finding, finding

# An agency code of QĐ 20/2020 or QCVN 102, then a year: the name was meant as a code, whatever joins its parts.
_MEANT = re.compile(r"(?:[A-Y]\d{2}(?:[._ -]\d{1,3})*|[0-9A-Z]{3}[._ -]\d{2}[._ -]\d{2}[._ -][A-Y]\d{2})"
                    r"[._ -](?:19|20)\d{2}(?:[._ -]|$)", re.IGNORECASE)


def findings(name: str) -> list[Finding]:
    """The finding about a scan's file name that is meant as a code, but is not one."""
    bare = unicodedata.normalize("NFC", PurePosixPath(name).name)
    if _MEANT.match(bare) is None or parse_scan_name(bare) is not None:
        return []
    return [finding("DIGITISE-047", name)]
