"""Agency codes, file codes, document codes and the names of scans, made and read back.

A code that was received is never rewritten: what does not follow a known scheme is kept and flagged. A text
that could be read in two ways is not read. Writing is `str()`; reading back gives the same value.

Sources: QCVN 102:2016/BTTTT; QĐ 20/2020/QĐ-TTg Điều 4-6; TT 01/2019/TT-BNV Đ16.3; TT 05/2025/TT-BNV Đ8.1.d
and PL I, III, IV.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum

ORDINAL_DIGITS = 7                       # TT 05/2025/TT-BNV PL III: 0000001
LONGEST_QD20 = 35                        # QĐ 20/2020/QĐ-TTg Điều 4


class Scheme(StrEnum):
    """The scheme that an agency code follows."""

    qd20 = "qd20"                        # H49.64.33
    qcvn102 = "qcvn102"                  # 000.00.15.H51
    enterprise = "enterprise"            # the enterprise (tax) number
    other = "other"                      # Z + 2 digits + up to 32 signs
    unknown = "unknown"                  # system and test codes met in messages


_SCHEMES = (
    (Scheme.qcvn102, re.compile(r"[0-9A-Z]{3}\.[0-9A-Z]{2}\.[0-9A-Z]{2}\.[A-Y][0-9]{2}")),
    (Scheme.qd20, re.compile(r"[A-Y][0-9]{2}(\.[0-9A-Z]+)*")),
    (Scheme.other, re.compile(r"Z[0-9]{2}[0-9A-Z]{0,32}")),
    (Scheme.enterprise, re.compile(r"[0-9]{10}(-?[0-9]{3})?")),
)

_AGENCY = r"[0-9A-Za-z_-]+(?:\.[0-9A-Za-z_-]+)*"
_YEAR = r"[12][0-9]{3}"
_HEADING = r"[^\W\d_][^\W_]*(?:-[^\W_]+)*"
_NOTATION = re.compile(rf"(?P<ordinal>[0-9]{{1,5}})\.(?P<heading>{_HEADING})")
_LOOSE_NOTATION = re.compile(rf"(?P<ordinal>[0-9]{{1,5}})\s*[./_ -]\s*(?P<heading>{_HEADING})")
_FILE = re.compile(rf"(?P<agency>{_AGENCY})\.(?P<year>{_YEAR})\.(?P<notation>{_NOTATION.pattern})")
_INVENTORY = re.compile(r"(?P<file>.+)\.(?P<inventory>[0-9]{1,6})", re.DOTALL)
_DOCUMENT = re.compile(rf"(?P<file>.+)\.(?P<ordinal>[0-9]{{{ORDINAL_DIGITS}}})", re.DOTALL)
_LOOSE = re.compile(rf"(?P<agency>{_AGENCY})\.(?P<year>{_YEAR})\.(?P<round>[0-9]{{2}})"
                    rf"\.(?P<ordinal>[0-9]{{{ORDINAL_DIGITS}}})")
_EXTENSION = re.compile("[A-Za-z][0-9A-Za-z]{1,4}")
_SCAN_ORDINAL = re.compile(rf"(?P<file>.+)\.(?P<ordinal>[0-9]{{1,{ORDINAL_DIGITS}}})", re.DOTALL)


@dataclass(frozen=True, slots=True)
class AgencyCode:
    """An agency's code and the scheme it follows; `known` is False for a code that is only accepted."""

    text: str
    scheme: Scheme

    @property
    def known(self) -> bool:
        """Whether the code follows a published scheme."""
        return self.scheme is not Scheme.unknown


def agency_code(text: str) -> AgencyCode:
    """The code `text` with its scheme; any text is accepted, spaces round it are not part of it."""
    text = text.strip()
    for scheme, pattern in _SCHEMES:
        if pattern.fullmatch(text) and (scheme is not Scheme.qd20 or len(text) <= LONGEST_QD20):
            return AgencyCode(text, scheme)
    return AgencyCode(text, Scheme.unknown)


def likely_qd20(code: AgencyCode) -> str | None:
    """The QĐ 20/2020 code that an old code turns into when read mechanically ("000.00.15.H51" -> "H51.15").

    Only for seeing that two addresses may be one agency: agencies were renumbered, so it is never stored
    in place of the code, and the dated alias table (archive/agencies.py) goes before it.
    """
    if code.scheme is not Scheme.qcvn102:
        return None
    kept = [group for group in reversed(code.text.split(".")) if group.strip("0")]
    return ".".join(kept)


@dataclass(frozen=True, slots=True)
class Notation:
    """Number and notation of a file in the file plan: "01.VP" (NĐ 30/2020/NĐ-CP PL V: ordinal, heading).

    `digits` keeps the padding as it was written. Raises ValueError for parts that no notation has.
    """

    ordinal: int
    heading: str
    digits: int = 2

    def __post_init__(self) -> None:
        object.__setattr__(self, "digits", max(self.digits, len(str(self.ordinal))))
        if not _NOTATION.fullmatch(str(self)):
            raise ValueError(f"not a notation: {self}")

    def __str__(self) -> str:
        return f"{self.ordinal:0{self.digits}d}.{self.heading}"


def parse_notation(text: str, *, loose: bool = False) -> Notation | None:
    """The notation `text`, or None. `loose` also reads "01/VP", "01-VP" and "01 VP"."""
    match = (_LOOSE_NOTATION if loose else _NOTATION).fullmatch(text.strip() if loose else text)
    if match is None:
        return None
    return Notation(int(match["ordinal"]), match["heading"], len(match["ordinal"]))


@dataclass(frozen=True, slots=True)
class FileCode:
    """Code of a case file: agency (or closed fonds), year, notation, and inventory number if there is one.

    TT 01/2019/TT-BNV Đ16.3 joins the parts by dots; that the inventory number comes last is the system's
    convention. Raises ValueError for parts that cannot be read back.
    """

    agency: str
    year: int
    notation: str
    inventory: str = ""

    def __post_init__(self) -> None:
        if not _FILE.fullmatch(f"{self.agency}.{self.year}.{self.notation}"):
            raise ValueError(f"not a file code: {self}")
        if self.inventory and not re.fullmatch("[0-9]{1,6}", self.inventory):
            raise ValueError(f"not an inventory number: {self.inventory}")

    def __str__(self) -> str:
        code = f"{self.agency}.{self.year}.{self.notation}"
        return f"{code}.{self.inventory}" if self.inventory else code


def parse_file_code(text: str, *, inventory: bool = False) -> FileCode | None:
    """The file code `text`, or None.

    `inventory`: a last group of up to six digits is the inventory number; without it such a group is not
    read, for in the name of a scan it is the ordinal of a document.
    """
    if inventory and (match := _INVENTORY.fullmatch(text)):
        code = parse_file_code(match["file"])
        return code and FileCode(code.agency, code.year, code.notation, match["inventory"])
    match = _FILE.fullmatch(text)
    return FileCode(match["agency"], int(match["year"]), match["notation"]) if match else None


@dataclass(frozen=True, slots=True)
class DocumentCode:
    """Code of a document: its file's code and its 7-digit ordinal (TT 05/2025/TT-BNV PL III).

    Raises ValueError for an ordinal outside 1 to 9,999,999.
    """

    file: FileCode
    ordinal: int

    def __post_init__(self) -> None:
        _check_ordinal(self.ordinal)

    def __str__(self) -> str:
        return f"{self.file}.{self.ordinal:0{ORDINAL_DIGITS}d}"


def parse_document_code(text: str) -> DocumentCode | None:
    """The document code `text` (7-digit ordinal), or None."""
    match = _DOCUMENT.fullmatch(text)
    if match is None or int(match["ordinal"]) == 0:
        return None
    file = parse_file_code(match["file"]) or parse_file_code(match["file"], inventory=True)
    return DocumentCode(file, int(match["ordinal"])) if file else None


@dataclass(frozen=True, slots=True)
class LooseCode:
    """Code of a document or package that belongs to no file: agency, year, round of submission, ordinal.

    TT 05/2025/TT-BNV PL IV: two digits for the round, seven for the ordinal.
    """

    agency: str
    year: int
    round: int
    ordinal: int

    def __post_init__(self) -> None:
        _check_ordinal(self.ordinal)
        if not _LOOSE.fullmatch(str(self)) or self.round == 0:
            raise ValueError(f"not a code of a loose document: {self}")

    def __str__(self) -> str:
        return f"{self.agency}.{self.year}.{self.round:02d}.{self.ordinal:0{ORDINAL_DIGITS}d}"


def parse_loose_code(text: str) -> LooseCode | None:
    """The code `text` of a loose document or SIP_tailieu, or None."""
    match = _LOOSE.fullmatch(text)
    if match is None or int(match["round"]) == 0 or int(match["ordinal"]) == 0:
        return None
    return LooseCode(match["agency"], int(match["year"]), int(match["round"]), int(match["ordinal"]))


@dataclass(frozen=True, slots=True)
class ScanName:
    """Name of a scan: file code and ordinal, or the file code alone when one scan is the whole file.

    TT 05/2025/TT-BNV Đ8.1.d. Written with seven digits; how many the law wants in a file name is not said.
    `extension` is without its dot. Raises ValueError for a name that would be read as another scan's.
    """

    file: FileCode
    ordinal: int | None
    extension: str

    def __post_init__(self) -> None:
        if self.ordinal is not None:
            _check_ordinal(self.ordinal)
        elif self.file.inventory:
            raise ValueError("the inventory number would be read as a document's ordinal")
        if self.extension and not _EXTENSION.fullmatch(self.extension):
            raise ValueError(f"not an extension: {self.extension}")

    def __str__(self) -> str:
        stem = str(self.file) if self.ordinal is None else f"{self.file}.{self.ordinal:0{ORDINAL_DIGITS}d}"
        return f"{stem}.{self.extension}" if self.extension else stem


def parse_scan_name(name: str) -> ScanName | None:
    """The scan that the file name `name` means, with or without padding of the ordinal, or None.

    A last number before the extension is the document's ordinal, not an inventory number, unless a
    7-digit ordinal follows it.
    """
    name = unicodedata.normalize("NFC", name)
    stem, dot, extension = name.rpartition(".")
    if dot and _EXTENSION.fullmatch(extension) and (found := _scan(stem, extension)):
        return found
    return _scan(name, "")


def archived(archive: str, code: FileCode | DocumentCode | LooseCode | str) -> str:
    """`code` as the archive `archive` files it (arcFileCode, arcDocCode): archive code, dot, code.

    That the parts are joined by a dot is the system's convention (TT 05/2025/TT-BNV PL I gives no example).
    """
    return f"{archive}.{code}"


def without_archive(archive: str, text: str) -> str | None:
    """The file or document code within the archival code `text`, None when it is none of `archive`'s."""
    prefix = f"{archive}."
    return text[len(prefix):] if text.startswith(prefix) and len(text) > len(prefix) else None


def _scan(stem: str, extension: str) -> ScanName | None:
    if whole := parse_file_code(stem):
        return ScanName(whole, None, extension)
    if document := parse_document_code(stem):
        return ScanName(document.file, document.ordinal, extension)
    match = _SCAN_ORDINAL.fullmatch(stem)
    if match is None or int(match["ordinal"]) == 0:
        return None
    file = parse_file_code(match["file"])
    return ScanName(file, int(match["ordinal"]), extension) if file else None


def _check_ordinal(ordinal: int) -> None:
    if not 1 <= ordinal < 10 ** ORDINAL_DIGITS:
        raise ValueError(f"ordinal out of range: {ordinal}")
