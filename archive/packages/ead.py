"""EAD.xml, EAD_doc_*.xml, EAD_pic_*.xml, EAD_media_*.xml: the root element `simpledc`, one element a field.

Every field of the package's table is there, in order, empty where the record has no value (TT 05/2025, the annexes'
tables). A text is written as it is, letter by letter: never composed, trimmed or cut.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Literal

from archive.fields.kinds import Kind
from archive.fields.tables import Row, profile
from archive.packages.description import Form
from archive.packages.serialisation import Serialisation

REGIME = "tt05_2025"
Schema = Literal["EAD", "EAD_doc", "EAD_pic", "EAD_media"]
Level = Literal["file", "package", "request", "document", "photo", "av"]

SCHEMA_OF: Mapping[Kind, Schema] = {"document": "EAD_doc", "photo": "EAD_pic", "av": "EAD_media"}
SCHEMAS: tuple[Schema, ...] = ("EAD", "EAD_doc", "EAD_pic", "EAD_media")
_LEVEL_OF: Mapping[Schema, Level] = {"EAD_doc": "document", "EAD_pic": "photo", "EAD_media": "av"}
_HEAD_LEVEL: Mapping[Form, Level] = {"SIP_hoso": "file", "AIP_hoso": "file", "SIP_tailieu": "package",
                                     "AIP_tailieu": "package", "DIP": "request"}
# Pictures and recordings have the same fields in the annexes of loose documents and of the DIP.
_SAME_TABLE: Mapping[Form, Form] = {"SIP_tailieu": "SIP_hoso", "AIP_tailieu": "AIP_hoso", "DIP": "AIP_hoso"}

# All but what XML 1.0 can carry: tab, newline, carriage return, the planes without surrogates, FFFE and FFFF.
_UNWRITABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TEXT = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"}
_ATTRIBUTE = {**_TEXT, '"': "&quot;", "\t": "&#9;", "\n": "&#10;"}
_IN_TEXT, _IN_ATTRIBUTE = str.maketrans(_TEXT), str.maketrans(_ATTRIBUTE)
# Most texts are plain: one look tells, and a package of 20,000 files has a million of them.
_PLAIN = re.compile("[ !#-%'-;=?-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*")


class UnwritableTextError(ValueError):
    """A text holds a character that no XML 1.0 file can carry, such as a control character.

    `place` is the field or attribute, `character` its code point ("U+0001"), `position` counts from 1.
    """

    def __init__(self, place: str, character: str, position: int) -> None:
        super().__init__(f"{place}: {character} at {position}")
        self.place, self.character, self.position = place, character, position


def text(value: str, place: str) -> str:
    """`value` as XML text that reads back letter by letter. Raises UnwritableTextError."""
    if _PLAIN.fullmatch(value):
        return value
    _check(value, place)
    return value.translate(_IN_TEXT)


def attribute(value: str, place: str) -> str:
    """`value` as an attribute's content, without the quotes. Raises UnwritableTextError."""
    if _PLAIN.fullmatch(value):
        return value
    _check(value, place)
    return value.translate(_IN_ATTRIBUTE)


def table_of(form: Form, schema: Schema) -> tuple[Row, ...]:
    """The law's table for one schema of one kind of package, in the order in which it is printed."""
    level = _LEVEL_OF.get(schema, _HEAD_LEVEL[form])
    source = _SAME_TABLE.get(form, form) if level in ("photo", "av") else form
    return profile(REGIME).table(level, source)


@cache
def tags(form: Form, schema: Schema, choices: Serialisation) -> tuple[str, ...]:
    """The elements of one file, in the order in which the profile writes them."""
    if choices.ead_order == "xsd" and schema in choices.xsd_order.get(form, {}):
        return choices.xsd_order[form][schema]
    left_out = {"numberOfPaper"} if form == "SIP_hoso" and choices.sheets_in_sip == "left_out" else set()
    return tuple(row.tag for row in table_of(form, schema) if row.tag not in left_out)


def simpledc(fields: Mapping[str, str], form: Form, schema: Schema, choices: Serialisation) -> bytes:
    """One descriptive file. A field that `fields` lacks is an empty element.

    Raises UnwritableTextError, and ValueError for a field that the law's table does not have: it would be lost.
    """
    unknown = set(fields) - {row.tag for row in table_of(form, schema)}
    if unknown:
        raise ValueError(f"{form} {schema}: fields that its table does not have: {sorted(unknown)}")
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', "<simpledc>"]
    for tag in tags(form, schema, choices):
        value = fields.get(tag, "")
        lines.append(f"  <{tag}>{text(value, tag)}</{tag}>" if value else f"  <{tag}/>")
    return "\n".join((*lines, "</simpledc>", "")).encode()


def first_unwritable(fields: Mapping[str, str]) -> UnwritableTextError | None:
    """The first text among `fields` that XML cannot carry, or None: for checking before anything is written."""
    for tag, value in fields.items():
        if (found := _UNWRITABLE.search(value)) is not None:
            return UnwritableTextError(tag, f"U+{ord(found[0]):04X}", found.start() + 1)
    return None


def _check(value: str, place: str) -> None:
    if (found := _UNWRITABLE.search(value)) is not None:
        raise UnwritableTextError(place, f"U+{ord(found[0]):04X}", found.start() + 1)
