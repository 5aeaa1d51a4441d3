"""Tables of docs/fields.md: where every field of the circulars comes from, and what happens when it is missing.

Made from the field tables (archive/fields/*.yaml), the origins (archive/describing.toml), the crosswalk and the
headings of registry lists, so that the page says what the program does. In each cell Vietnamese first, then English.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from archive import correcting, describing
from archive.crosswalk import crosswalk
from archive.fields import Row, code_lists, profile
from archive.fields.kinds import KEYS_OF
from archive.fields.tables import read_rows
from ingest.sources import edxml_header
from ingest.sources.registry_heading import columns_data

REGIME = profile("tt05_2025")
HEADINGS = 2            # names of registry columns that a cell shows
_COMMANDS = {"document": "document correct", "photo": "document correct", "av": "document correct",
             "file": "casefile correct"}
_SPLIT = {"codeNumber": "number_and_notation", "codeNotation": "number_and_notation", "typeName": "type_and_subject",
          "subject": "type_and_subject"}
# The ten items of Điều 4.1.a in the keys of the fonds table of TT 02/2019, which our records follow.
_FONDS = (("fondsCode",), ("fondName",), (), ("fondHistory",), ("archivesTime",), ("paperTotal", "paperDigital"),
          ("keyGroups", "otherTypes"), ("language",), (), ("description",))


@dataclass(frozen=True, slots=True)
class _Level:
    """One chapter: its title, the level of the tables, of the origins, and the package whose table comes first."""

    title: str
    level: str
    origins: str
    package: str


_LEVELS = (_Level("Hồ sơ · Case file", "file", "file", "AIP_hoso"),
           _Level("Văn bản, tài liệu · Document", "document", "record", "AIP_hoso"),
           _Level("Phim, ảnh · Photograph, negative", "photo", "record", "AIP_hoso"),
           _Level("Ghi âm, ghi hình · Sound and film", "av", "record", "AIP_hoso"),
           _Level("Gói tài liệu rời · Package of loose documents", "package", "package", "SIP_tailieu"),
           _Level("Yêu cầu khai thác · Reader's request", "request", "request", "DIP"))

INTRO = """# Fields: where each comes from

*Trường thông tin lấy từ đâu.* How to work with them: [records.md](records.md). Tiếng Việt trước, *English below it*.
Thứ tự dòng là thứ tự in trong thông tư. *Rows stand in the order in which the circular prints them.*

- **Thẻ · Tag**: tên thẻ trong EAD của TT 05/2025/TT-BNV; “TT 02” là thẻ của TT 02/2019/TT-BNV. *The tag in EAD of
  TT 05/2025; “TT 02” is that of TT 02/2019.*
- **Từ đâu · From**: điều người nhập luôn thắng điều hệ thống tính; mã do hệ thống cấp thì không gõ được. Tài liệu nhận
  bằng gói SIP lấy trường từ EAD của gói. Trang đầu của văn bản không tự điền trường nào: hệ thống chỉ đối chiếu số, ký
  hiệu, ngày, cơ quan ban hành với điều đã nhập (EXTRACT-011 đến EXTRACT-014); `quarantine release --from-page` là lệnh
  của người lấy những gì đọc được vào chỗ trống. *What a person entered always wins over what is computed; codes are the
  archive's to give. Documents of a SIP take their fields from its EAD. The heading on the page fills no field by
  itself: it is compared with what was entered, and `quarantine release --from-page` takes it into empty fields.*
- **Thiếu · Missing**: META-… nêu khi tiếp nhận; `ingest.incomplete_fields` định là chỉ cảnh báo hay giữ lại chờ người.
  CLOSE-005 nêu khi kết thúc hồ sơ: không kết thúc được nếu không có `--force --reason`. *META-… is said on intake, and
  the setting decides whether it holds the document; CLOSE-005 when the case file is closed, and refuses.*
- **Căn cứ · Basis**: điều khoản, và đọc được chắc đến đâu. Thông tư không có cột “bắt buộc”: phải có hay không được suy
  ra từ chỗ tên trường có ghi “(nếu có)” hay không. Điều không chắc là *quy ước của hệ thống*, không phải luật. *The
  article, and how surely it was read. The circular has no column “mandatory”: it follows from whether the name says
  “(nếu có)”, if any. What is unsure is called a convention of this system, never law.*

Chỗ thông tư tự mâu thuẫn · *where the circular contradicts itself*: `archive/packages/serialisation.toml`. Mã phát hiện
· *findings*: [findings.md](findings.md). Bảng mã · *code lists*: `archive/fields/code_lists.yaml`.
"""

# How a row or record comes to be one of this kind.
OF_THIS_KIND = """Bản ghi theo bảng này khi có một trong các trường {marks}. Trong dòng như vậy của danh sách, các cột
{headings} được hiểu theo bảng này. *A record follows this table when one of these fields is filled; in such a row of a
list, these columns are read by this table.*
"""


def fields_page(made: str) -> str:
    """The whole page; `made` is the line that says it is generated."""
    lines = [made, INTRO]
    for one in _LEVELS:
        lines += _chapter(one)
    return "\n".join([*lines, *_fonds(), *_own()])


def _chapter(one: _Level) -> Iterator[str]:
    rows = REGIME.table(one.level, one.package)
    yield f"## {one.title}\n"
    yield f"{one.package}: {rows[0].source}.\n"
    if one.level == "photo" or one.level == "av":
        yield OF_THIS_KIND.format(
            marks=", ".join(f"`{key}`" for key in KEYS_OF[one.level]),
            headings=", ".join(f"“{name}” (`{tag}`)" for tag, names in columns_data()[one.level].items()
                               for name in names[:1]))
    yield from _table((_tag(row, one.level), _name(row), _both(*_source(row, one)), _both(*_missing(row, one)),
                       _basis(row)) for row in rows)
    yield ""
    others = {row.package: REGIME.table(one.level, row.package) for row in REGIME.rows
              if row.level == one.level and row.package != one.package}
    for package, table in others.items():
        yield from _differences(one, package, rows, table)
    if beside := [step for step in crosswalk().get(one.level, ()) if step.how == "beside"]:
        named = ", ".join(f"`{step.tt02}` (`{step.key}`)" for step in beside)
        yield (f"Chỉ TT 02/2019 có, giữ trong bản ghi khi chuyển đổi · *only in TT 02/2019, kept in the record when "
               f"converted:* {named}.\n")


def _differences(one: _Level, package: str, rows: Iterable[Row], table: Iterable[Row]) -> Iterator[str]:
    """What another package's table of the same level says otherwise, row by row."""
    main, other = {row.tag: row for row in rows}, {row.tag: row for row in table}
    source = next(iter(other.values())).source
    said = []
    for tag, row in other.items():
        twin = main.get(tag)
        if twin is None:
            said.append(f"có thêm · *has* `{tag}` ({row.name_vi}): {_both(*_source(row, one), join=' ')}")
        elif changes := [f"{vi} · *{en}*" for vi, en in _changes(twin, row)]:
            said.append(f"`{tag}`: {'; '.join(changes)}")
    said += [f"không có · *lacks* `{tag}`" for tag in main if tag not in other]
    yield f"**{package}** ({source})" + (": cùng các trường · *the same fields*.\n" if not said else ":\n")
    yield from (f"- {line}" for line in said)
    if said:
        yield ""


def _changes(main: Row, other: Row) -> Iterator[tuple[str, str]]:
    if _form(main) != _form(other):
        yield _form(other), _form(other)
    if main.partial_date != other.partial_date:
        yield (("chấp nhận cả tháng hoặc năm", "month or year alone is enough") if other.partial_date
               else ("phải đủ ngày, tháng, năm", "day, month and year"))
    if main.mandatory != other.mandatory:
        yield {"yes": ("phải có", "must be there"), "no": ("nếu có", "if any"),
               "conditional": ("bắt buộc có điều kiện", "conditional"),
               "unknown": ("thông tư không nói rõ", "the circular does not say")}[other.mandatory]


# --- cells -------------------------------------------------------------------------------------------------


def _table(rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield "| Thẻ · *Tag* | Tên · *Name* | Từ đâu · *From* | Thiếu · *Missing* | Căn cứ · *Basis* |"
    yield "|---|---|---|---|---|"
    yield from (_line(*row) for row in rows)


def _line(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', '·') for cell in cells)} |"


def _tag(row: Row, level: str) -> str:
    old = next((step.tt02 for step in crosswalk().get(level, ()) if step.tt05 == row.tag and row.tag), "")
    return f"{row.order}. `{row.tag}`" + (f"<br>TT 02: `{old}`" if old else "")


def _name(row: Row) -> str:
    return f"{_both(row.name_vi, row.name_en)}<br>{_form(row)}"


def _form(row: Row) -> str:
    """Type, length and codes of a field, as the circular prints them."""
    said = " ".join(filter(None, (row.kind, str(row.length or ""))))
    if row.code_list:
        values = code_lists()[row.code_list].values
        first, last = min(values), max(values)
        said += f", {first}–{last}" if len(values) > 1 else f", {first}"
    return said


def _source(row: Row, one: _Level) -> tuple[str, str]:
    """The sentence of describing.toml, then every door by which a person may give the value."""
    origin = describing.origins()[one.origins][row.tag]
    if origin.kind == "code":
        return origin.vi, origin.en
    doors = list(_doors(row, one))
    vi, en = "; ".join(door[0] for door in doors), "; ".join(door[1] for door in doors)
    if origin.kind == "entered" and one.level in _COMMANDS:
        return f"Người nhập: {vi}.", f"Entered: {en}."
    if not doors:
        return origin.vi, origin.en
    return f"{origin.vi} Nhập: {vi}.", f"{origin.en} Entered: {en}."


def _doors(row: Row, one: _Level) -> Iterator[tuple[str, str]]:
    columns = columns_data()
    if one.level in ("document", "photo", "av"):
        names = [*columns["tags"].get(row.key, ())[:HEADINGS],
                 *(columns["split"][_SPLIT[row.key]][:1] if row.key in _SPLIT else ())]
        if names:
            shown = ", ".join(f"“{name}”" for name in names)
            yield f"cột {shown} của danh sách văn bản", f"column {shown} of the registry list"
        if row.key in _edxml() and one.level == "document":
            yield "edXML", "edXML"
    if one.level == "file" and row.key in ("title", "maintenance"):
        yield "danh mục hồ sơ", "the file plan"
    if one.level in _COMMANDS and not _untypeable(row, one.level):
        command = f"`{_COMMANDS[one.level]} … --set {row.key}=…`"
        yield command, command
    if one.level == "request":
        yield f"`package write --form dip --set {row.key}=…`", f"`package write --form dip --set {row.key}=…`"
    if one.level == "package" and row.key in ("title", "source", "description"):
        yield f"`package write --{row.key}`", f"`package write --{row.key}`"


def _edxml() -> frozenset[str]:
    """The tags that the header of an edXML message fills."""
    return frozenset(re.findall(r'^ +"(\w+)": ', inspect.getsource(edxml_header.fields), re.MULTILINE))


def _untypeable(row: Row, level: str) -> bool:
    return row.key in correcting.CODES or row.key in correcting.COMPUTED.get(level, ()) or bool(row.composed_from)


def _missing(row: Row, one: _Level) -> tuple[str, str]:
    if one.level == "request":
        if row.mandatory != "yes":
            return "không sao", "nothing"
        return "WRITE-006: không ghi gói nếu không có `--force`", "WRITE-006: not written without `--force`"
    origin = describing.origins()[one.origins][row.tag]
    if origin.kind == "code" or (one.level == "package" and row.key == "totalDoc"):
        return "không thể thiếu", "cannot be"
    if one.level == "package":
        asked = row.key in ("title", "source")
        return ("lệnh dừng và hỏi", "the command stops and asks") if asked else ("để trống", "left empty")
    intake = one.level != "file" and row.key not in REGIME.filled_by_archive.get(one.level, ())
    if row.mandatory == "no" or (row.mandatory == "unknown" and row.key in REGIME.may_be_empty):
        return "không sao", "nothing"
    if row.mandatory == "unknown":
        return "META-003 (lưu ý)", "META-003 (note)"
    if row.mandatory == "yes":
        if not row.is_law:
            return "META-002 (lưu ý)", "META-002 (note)"
        told = ("META-001; " if intake else "") + "CLOSE-005"
        return told, told
    said_vi, said_en = [], []
    for when in row.conditions:
        values = "/".join(when.values)
        law = row.is_law and not when.convention
        codes = (("META-004; " if intake else "") + "CLOSE-005") if law else "META-005"
        said_vi.append(f"khi `{when.key}` = {values}: {codes}" + ("" if law else " (quy ước của hệ thống)"))
        said_en.append(f"where `{when.key}` = {values}: {codes}" + ("" if law else " (convention)"))
    return "; ".join(said_vi), "; ".join(said_en)


def _basis(row: Row) -> str:
    if not row.is_law:
        return "quy ước của hệ thống<br>*convention of this system*"
    article = row.source.removeprefix("TT 05/2025/TT-BNV ").removeprefix("TT 02/2019/TT-BNV ")
    sure_vi, sure_en = {"high": ("chắc", "sure"), "medium": ("khá chắc", "fairly sure")}[row.confidence]
    if row.mandatory == "unknown":
        sure_vi, sure_en = f"{sure_vi}; không nói có bắt buộc không", f"{sure_en}; silent on whether it must be there"
    return f"{article}: {sure_vi}<br>*{sure_en}*"


def _both(vi: str, en: str, join: str = "<br>") -> str:
    return vi if vi == en else f"{vi}{join}*{en}*"


# --- fonds and our own fields ------------------------------------------------------------------------------


def _fonds() -> Iterator[str]:
    """Điều 4.1.a names ten items without tags; our record follows the table of TT 02/2019, which has them."""
    yield "## Phông · Fonds\n"
    yield ("TT 05/2025/TT-BNV Điều 4.1.a chỉ liệt kê mười nội dung, không cho thẻ, kiểu, độ dài; bản ghi dùng bảng "
           "phông của TT 02/2019/TT-BNV. Thiếu thì chỉ có META-003 (lưu ý) khi sửa. *The circular lists ten items "
           "without tag, type or length; our record follows the fonds table of TT 02/2019. What is missing is a note "
           "(META-003) when the fonds is corrected.*\n")
    yield "| Điều 4.1.a · *Item* | Thẻ TT 02 · *Tag* | Từ đâu · *From* | Căn cứ · *Basis* |\n|---|---|---|---|"
    old = {row.key: row for row in profile("tt02_2019").table("fonds")}
    told: set[str] = set()
    for row, keys in zip(REGIME.table("fonds", ""), _FONDS, strict=True):
        told.update(keys)
        tags = ", ".join(f"`{old[key].tag}`" for key in keys) or "—"
        yield _line(f"{row.order}. {_both(row.name_vi, row.name_en)}", tags, _fonds_source(row, keys), _basis(row))
    for key, row in old.items():
        if key not in told:
            yield _line(_both(row.name_vi, row.name_en), f"`{row.tag}`", _fonds_source(row, (key,)),
                        f"TT 02, {_basis(row)}")
    yield ""


def _fonds_source(row: Row, keys: tuple[str, ...]) -> str:
    if keys in (("fondsCode",), ("archiveCode",)):
        return ("mã cơ quan khi mở phông (`init`, `fonds open`); không gõ được<br>*the agency's code; cannot be typed*"
                if keys == ("fondsCode",) else "`packages.archive_code`; không gõ được<br>*cannot be typed*")
    if keys:
        return "<br>".join(f"`fonds correct … --set {key}=…`" for key in keys)
    if row.order == "3":
        return "`fonds close --on`, `fonds reopen`<br>*open until closed*"
    return "chưa có trường; ghi vào ghi chú<br>*no field yet; say it in the note*"


def _own() -> Iterator[str]:
    """Our own fields beside the tables of the law."""
    yield "## Trường riêng của hệ thống · Our own fields\n"
    yield ("Bảng cùng cấp của TT 05/2025 không có các trường này nên EAD không có; bản ghi giữ chúng để tra cứu, xếp "
           "hồ sơ và đối chiếu. Thiếu không sao. *The table of that level in TT 05/2025 lacks them, so EAD has not; "
           "the record keeps them. Nothing happens when they are missing.*\n")
    levels = {"document": _LEVELS[1], "file": _LEVELS[0]}
    yield "| Thẻ · *Tag* | Tên · *Name* | Từ đâu · *From* | Căn cứ · *Basis* |\n|---|---|---|---|"
    for row in read_rows("own"):
        doors = list(_doors(row, levels[row.level]))
        given = doors or [("hệ thống cấp", "given by the archive")]
        source = _both("; ".join(door[0] for door in given), "; ".join(door[1] for door in given))
        whose = "văn bản" if row.level == "document" else "hồ sơ"
        yield _line(f"`{row.tag}` ({whose})", _name(row), source, _basis(row))
    yield ""
