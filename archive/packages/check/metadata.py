"""The descriptions in a package of TT 05/2025: fields against the tables, order, totals, codes, periods, links.

Everything that is law is asked of the field tables (archive/fields); only what binds a package together is here.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cache

from archive.codes import parse_document_code, parse_file_code, parse_loose_code
from archive.dates import parse_date
from archive.fields.tables import Row, code_lists, profile
from archive.fields.validator import validate_record
from archive.findings import Finding, Level, finding
from archive.packages.description import Form
from archive.packages.reading import HOLEY, REGIME, ReadDocument, ReadPackage, ReadRecord
from archive.packages.serialisation import serialisation

# The tables that the circular prints for a kind of package only once stand for the others too.
_SAME_TABLES = {"AIP_tailieu": "AIP_hoso", "SIP_tailieu": "SIP_hoso", "DIP": "AIP_hoso"}
_SCHEMAS = {"document": "EAD_doc", "photo": "EAD_pic", "av": "EAD_media"}
_ORDINAL = re.compile(r"[^0-9A-Za-z]*([0-9]{7})")
_UUID = "[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
_LINK = re.compile(rf"urn[_:](?P<fonds>.+?)[_:](?:uuid[_:-])?(?P<uuid>{_UUID})"
                   r"[_/]+(?P<path>\S.*?) +(?P<size>\d+) +(?P<place>\S+) +(?P<id>\S+)")
_SHOWN = 8


def check_metadata(package: ReadPackage) -> list[Finding]:
    """Findings about the descriptions of a package of TT 05/2025; none for another package."""
    form = package.form
    if form is None:
        return []
    found: list[Finding] = []
    if package.record is not None:
        found += _record(package.record, _level(form), form)
    for document in package.documents:
        found += _record(document.record, document.kind, form)
        found += _files(document)
        found += _period(document, package)
    found += [finding("PKG-083", name) for name in package.loose]
    found += _totals(package)
    found += _codes(package, form)
    found += _maintenance(package, form)
    found += _links(package, form)
    return found


# --- one record ----------------------------------------------------------------------------------------


def _level(form: Form) -> str:
    return "request" if form == "DIP" else "file" if form.endswith("hoso") else "package"


@cache
def _table(level: str, form: str) -> tuple[str, tuple[Row, ...]]:
    """The package whose table a record of `level` follows, and its rows."""
    try:
        return form, profile(REGIME).table(level, form)
    except KeyError:
        return _SAME_TABLES[form], profile(REGIME).table(level, _SAME_TABLES[form])


def _record(record: ReadRecord, level: str, form: Form) -> Iterator[Finding]:
    """The fields by their table, and the elements by their names, number and order."""
    package, rows = _table(level, form)
    known = {row.tag for row in rows if row.tag}
    xsd = _xsd(level, form)         # who writes by the printed schema may leave out what it leaves out
    free = known.difference(xsd) if xsd and set(xsd).issuperset(record.tags) else set()
    for found in validate_record(record.fields, REGIME, level, record.path, stage="closed", package=package):
        if found.params.get("tag") not in free or found.code != "META-001":
            yield found
    if strange := [tag for tag in dict.fromkeys(record.tags) if tag not in known]:
        yield finding("PKG-072", record.path, tags=_several(strange))
    if twice := [tag for tag, count in Counter(record.tags).items() if count > 1]:
        yield finding("PKG-074", record.path, tags=_several(twice))
    if absent := [row.tag for row in rows if row.tag and row.tag not in record.tags and row.tag not in free]:
        yield finding("PKG-073", record.path, tags=_several(absent))
    orders = _orders(level, form)
    wrong = [_first_wrong(record.tags, order) for order in orders]
    if all(wrong):
        yield finding("PKG-071", record.path, tag=wrong[0])


@cache
def _orders(level: str, form: Form) -> tuple[tuple[str, ...], ...]:
    """The orders that the circular prints for a record: of its table, of its sample, of its schema."""
    table = tuple(row.tag for row in _table(level, form)[1] if row.tag)
    orders = [table]
    if "process" in table and "riskRecoveryStatus" in table:        # the table of SIP_hoso, against its own sample
        rest = [tag for tag in table if tag != "process"]
        rest.insert(rest.index("riskRecoveryStatus") + 1, "process")
        orders.append(tuple(rest))
    xsd = _xsd(level, form)
    return (*orders, xsd) if xsd else tuple(orders)


def _xsd(level: str, form: Form) -> tuple[str, ...]:
    """The elements of the printed schema in its order; empty where it cannot be followed."""
    return serialisation().xsd_order.get(form, {}).get(_SCHEMAS.get(level, "EAD"), ())


def _first_wrong(tags: Sequence[str], order: Sequence[str]) -> str:
    """The first tag that stands before one that should come earlier; empty when the order is kept."""
    places = {tag: place for place, tag in enumerate(order)}
    last = -1
    for tag in dict.fromkeys(tags):
        place = places.get(tag)
        if place is None:
            continue
        if place < last:
            return tag
        last = place
    return ""


# --- a document and its files --------------------------------------------------------------------------


def _files(document: ReadDocument) -> Iterator[Finding]:
    path = document.record.path
    if not document.files and not document.holey:
        yield finding("PKG-084", path, code=document.code or "—")
    if len(document.files) == 1:
        if document.fields.get("process", "").strip() == "1":
            yield finding("PKG-089", path, what="luồng xử lý công việc (process = 1)",
                          what_en="the file of its workflow (process = 1)")
        if document.fields.get("docAttached", "").strip() == "1":
            yield finding("PKG-089", path, what="tài liệu đi kèm (docAttached = 1)",
                          what_en="another document (docAttached = 1)")


def _period(document: ReadDocument, package: ReadPackage) -> Iterator[Finding]:
    """The document's date lies in the period of its case file, however partial dates are read."""
    start, end = (parse_date(package.fields.get(key, "")) for key in ("startDate", "endDate"))
    for key in ("issuedDate", "photoTime", "recordDate"):
        date = parse_date(document.fields.get(key, ""))
        if date and start and end and start.first <= end.last and not (
                date.last >= start.first and date.first <= end.last):
            yield finding("PKG-088", document.record.path, value=date.text, start=start.text, end=end.text)


# --- the package as a whole ----------------------------------------------------------------------------


def _number(text: str) -> int | None:
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 10 else None


def _totals(package: ReadPackage) -> Iterator[Finding]:
    """The case file's numbers against its documents; a supplement brings only some of them."""
    if package.record is None or not package.documents or package.unread:
        return
    path, level = package.record.path, Level.note if package.status == "SUPPLEMENT" else None
    held = sum(not document.holey for document in package.documents)
    said = _number(package.fields.get("totalDoc", ""))
    if said is not None and said not in (held, len(package.documents)):
        yield finding("PKG-075", path, said=said, count=len(package.documents), level=level)
    pages = [_number(document.fields.get("numberOfPage", "")) for document in package.documents]
    said = _number(package.fields.get("numberOfPage", ""))
    whole = [page for page in pages if page is not None]
    if (said is not None and len(whole) == len(pages) == held and said != sum(whole)
            and all(document.kind == "document" for document in package.documents)):
        yield finding("PKG-076", path, said=said, count=sum(whole), level=level)


def _codes(package: ReadPackage, form: Form) -> Iterator[Finding]:
    """The package's code, and those of its documents: composed as the law says, of one file, each used once."""
    main = (package.fields.get("arcFileCode") or package.fields.get("fileCode", "")).strip()
    loose = form.endswith("tailieu")
    if main and package.record and not _composed(main, loose=loose):
        yield finding("PKG-080", package.record.path, code=main[:120], level=None, **_rule(loose=loose))
    ordinals: set[int] = set()
    used: defaultdict[str, list[str]] = defaultdict(list)
    for document in package.documents:
        code, path = document.code.strip(), document.record.path
        if not code:
            continue
        used[code].append(path.rpartition("/")[2])
        if main and not loose:
            yield from _belongs(code, main, path, ordinals)
        elif not (_composed(code, loose=True) if loose else parse_document_code(code)):
            yield finding("PKG-080", path, code=code[:120], level=None, **_rule(loose=loose, document=True))
    yield from (finding("PKG-078", code, code=code[:120], files=_several(paths))
                for code, paths in used.items() if len(paths) > 1)
    if ordinals and package.status != "SUPPLEMENT" and (missing := _gaps(ordinals)):
        yield finding("PKG-077", package.record.path if package.record else "EAD.xml", missing=missing)


def _composed(code: str, *, loose: bool) -> bool:
    if loose:
        return parse_loose_code(code) is not None
    return parse_file_code(code) is not None or parse_file_code(code, inventory=True) is not None


def _rule(*, loose: bool, document: bool = False) -> dict[str, str]:
    if loose:
        return {"rule": "mã cơ quan, năm, lần nộp (2 chữ số), số thứ tự (7 chữ số), nối bằng dấu chấm theo quy ước của "
                        "hệ thống",
                "rule_en": "agency code, year, round (2 digits), ordinal (7 digits), joined by dots by the system's "
                           "convention"}
    if document:
        return {"rule": "mã hồ sơ và số thứ tự tài liệu (7 chữ số, từ 0000001)",
                "rule_en": "the file code and the document's ordinal (7 digits, from 0000001)"}
    return {"rule": "mã cơ quan, năm, số và ký hiệu hồ sơ, nối bằng dấu chấm theo quy ước của hệ thống",
            "rule_en": "agency code, year, number and notation of the file, joined by dots by the system's convention"}


def _belongs(code: str, main: str, path: str, ordinals: set[int]) -> Iterator[Finding]:
    """The document's code begins with the file's and goes on with seven digits; how they are joined is nobody's law."""
    if code.startswith(main):
        match = _ORDINAL.fullmatch(code[len(main):])
        if match and int(match[1]):
            ordinals.add(int(match[1]))
        else:
            yield finding("PKG-080", path, code=code[:120], level=None, **_rule(loose=False, document=True))
        return
    document, file = parse_document_code(code), parse_file_code(main)
    same_but_year = (document is not None and file is not None and document.file.year != file.year
                     and (document.file.agency, document.file.notation) == (file.agency, file.notation))
    yield finding("PKG-087" if same_but_year else "PKG-079", path, code=code[:120], file=main[:120])
    if same_but_year and document is not None:
        ordinals.add(document.ordinal)


def _gaps(ordinals: set[int]) -> str:
    """The first ordinals that are missing, as a sentence shows them."""
    missing, expected = [], 1
    for ordinal in sorted(ordinals):
        if ordinal > expected:
            missing.append(f"{expected:07d}" if ordinal == expected + 1 else f"{expected:07d}–{ordinal - 1:07d}")
        expected = ordinal + 1
    return _several(missing)


def _maintenance(package: ReadPackage, form: Form) -> Iterator[Finding]:
    """Only what is kept for ever is submitted; a document has its case file's period."""
    if form == "DIP":
        return
    codes = code_lists()["tt05_maintenance"]
    said = package.fields.get("maintenance", "").strip()
    main = codes.code_of(said) if said else None
    if form.startswith("SIP") and main not in (None, "01") and package.record:
        yield finding("PKG-081", package.record.path, value=main)
    for document in package.documents:
        value = codes.code_of(document.fields.get("maintenance", "") or "?")
        if value is None:
            continue
        if form.startswith("SIP") and value != "01" and main in (None, "01"):
            yield finding("PKG-081", document.record.path, value=value)
        elif main is not None and value != main:
            yield finding("PKG-082", document.record.path, value=value, file=main)


def _links(package: ReadPackage, form: Form) -> Iterator[Finding]:
    """The .fetch.txt files: in a SIP what identifies the document, in an AIP where it lies."""
    of = {document.holey.rpartition("/")[2][:-len(HOLEY)]: document for document in package.documents if document.holey}
    for holey in package.holey:
        name = holey.name + HOLEY
        if not holey.content or "\n" in holey.content.strip():
            yield finding("PKG-085", name, rule="phải có đúng một dòng nội dung",
                          rule_en="it must hold exactly one line")
        elif form.startswith("AIP"):
            match = _LINK.fullmatch(holey.content.strip())
            if match is None:
                yield finding("PKG-085", name,
                              rule="urn_[mã phông]_[UUID gói AIP]_[đường dẫn] [dung lượng] [đường dẫn trong gói này] "
                                   "[ID tệp]",
                              rule_en="urn_[fonds]_[UUID of the AIP]_[path] [size] [path in this package] [file ID]")
            elif package.fonds and match["fonds"] != package.fonds:
                yield finding("PKG-085", name, rule=f"chỉ được liên kết trong cùng phông {package.fonds}",
                              rule_en=f"it may only link within the same fonds, {package.fonds}")
        elif form.startswith("SIP") and (document := of.get(holey.name)):
            keys = {"document": "docId", "photo": "imageTitle", "av": "movieTitle"}
            wanted = document.fields.get(keys[document.kind], "").strip()
            if wanted and holey.content.strip() != wanted:
                yield finding("PKG-085", name, rule=f"nội dung phải là định danh tài liệu “{wanted[:80]}”",
                              rule_en=f"it must hold what identifies the document, “{wanted[:80]}”")


def _several(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(names[:_SHOWN]) + (f", … (+{len(names) - _SHOWN})" if len(names) > _SHOWN else "")
