"""The folder schemas/ of a package: XSDs of our own, in our own words.

EAD*.xsd are made from the law's field tables: order, lengths, code lists, forms of dates. METS.xsd, xlink.xsd,
PREMIS.xsd and the CSIP extension describe the part of those standards that we write (xsd/ beside this file). The
circular's printed XSDs say xs:string throughout; ours say what its tables say.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from archive.fields.tables import CodeList, Row, code_lists
from archive.packages.description import Form
from archive.packages.ead import SCHEMAS, Schema, table_of, tags
from archive.packages.serialisation import Serialisation

FOLDER = Path(__file__).parent / "xsd"
_DAY = r"(0[1-9]|[12][0-9]|3[01])/(0[1-9]|1[0-2])/[0-9]{4}"
_PARTIAL_DAY = rf"{_DAY}|(0[1-9]|1[0-2])/[0-9]{{4}}|[0-9]{{4}}"


def schema_files(form: Form, choices: Serialisation, *, premis: bool) -> Iterator[tuple[str, bytes]]:
    """The schemas of one kind of package, as path in the package and bytes; PREMIS's where it has PREMIS."""
    for name in choices.mets_schema_names.split():
        yield f"schemas/{name}", _standing("mets.xsd", choices.csip_namespace)
    yield "schemas/xlink.xsd", _standing("xlink.xsd", choices.csip_namespace)
    yield "schemas/DILCISExtensionMETS.xsd", _standing("csip.xsd", choices.csip_namespace)
    if premis:
        yield "schemas/PREMIS.xsd", _standing("premis.xsd", choices.csip_namespace)
    for schema in SCHEMAS:
        yield f"schemas/{schema}.xsd", ead_schema(form, schema, choices)


@cache
def ead_schema(form: Form, schema: Schema, choices: Serialisation) -> bytes:
    """The XSD of one descriptive file: every element once, in the profile's order; each may be empty."""
    rows = {row.tag: row for row in (*table_of("AIP_hoso", schema), *table_of(form, schema))}
    lines = ['<?xml version="1.0" encoding="UTF-8"?>',
             '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" elementFormDefault="qualified">',
             '  <xs:element name="simpledc">', "    <xs:complexType>", "      <xs:sequence>"]
    for tag in tags(form, schema, choices):
        lines += _element(rows[tag])
    lines += ["      </xs:sequence>", "    </xs:complexType>", "  </xs:element>", "</xs:schema>", ""]
    return "\n".join(lines).encode()


def _element(row: Row) -> list[str]:
    """One field: its name in Vietnamese as documentation, its type from the table."""
    facet, base = _facet(row), "xs:string"
    head = [f'        <xs:element name="{row.tag}">',
            "          <xs:annotation><xs:documentation xml:lang=\"vi\">"
            f"{escape(row.name_vi)}</xs:documentation></xs:annotation>"]
    if not facet:
        return [head[0].replace(">", ' type="xs:string">'), head[1], "        </xs:element>"]
    return [*head, "          <xs:simpleType>", f'            <xs:restriction base="{base}">',
            *(f"              {one}" for one in facet), "            </xs:restriction>",
            "          </xs:simpleType>", "        </xs:element>"]


def _facet(row: Row) -> list[str]:
    """What the table says of a value that is there; nothing where the row is too unsure to be called law."""
    if not row.is_law:
        return []
    if row.code_list and (codes := code_lists()[row.code_list]).confidence != "low":
        return _codes(codes)
    if row.kind == "Date":
        return [_pattern(f"({_PARTIAL_DAY if row.partial_date else _DAY})?")]
    if row.kind == "Number":
        return [_pattern(f"[0-9]{{0,{row.length}}}" if row.length else "[0-9]*")]
    return [f'<xs:maxLength value="{row.length}"/>'] if row.length else []


def _codes(codes: CodeList) -> list[str]:
    if codes.multi:     # several values are joined by ";" (TT 02/2019 Đ5; TT 05/2025 does not say how)
        one = f"({'|'.join(codes.values)})"
        return [_pattern(f"({one}(; ?{one})*)?")]
    return ['<xs:enumeration value=""/>', *(f"<xs:enumeration value={quoteattr(code)}/>" for code in codes.values)]


def _pattern(expression: str) -> str:
    return f"<xs:pattern value={quoteattr(expression)}/>"


@cache
def _standing(name: str, csip_namespace: str) -> bytes:
    """One of the schemas beside this file, with the profile's spelling of the extension's namespace."""
    found = (FOLDER / name).read_text(encoding="utf-8")
    return found.replace("https://DILCIS.eu/XML/METS/CSIPExtensionMETS", csip_namespace).encode()
