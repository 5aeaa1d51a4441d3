"""A text goes into XML and comes back letter by letter; what XML cannot carry is said, never dropped."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from archive.packages.ead import UnwritableTextError, first_unwritable, simpledc, table_of
from archive.packages.serialisation import serialisation
from tests.package_samples import FORMS, fields_of, files_of, package

WRITABLE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=[
    *map(chr, [*range(9), 11, 12, *range(14, 32), 0xFFFE, 0xFFFF])]), max_size=60)
ODD = ["]]>", "<![CDATA[x]]>", "a & b < c > d", 'nói "rằng"', "'", "dòng\nmột\r\nhai\rba\tcột", "  đầu và cuối  ",
       unicodedata.normalize("NFD", "Ủy ban nhân dân tỉnh Quảng Ngãi"), "&amp;", "​", "𠮷", "x" * 5000, "<!--", "?>"]


def written(value: str, tag: str = "subject") -> str | None:
    data = simpledc({tag: value}, "SIP_hoso", "EAD_doc", serialisation())
    return etree.fromstring(data).findtext(tag)


@given(WRITABLE)
@settings(max_examples=300, deadline=None)
def test_any_text_comes_back_equal(value: str) -> None:
    assert (written(value) or "") == value


@pytest.mark.parametrize("value", ODD)
def test_odd_texts_come_back_equal(value: str) -> None:
    assert written(value) == value


@pytest.mark.parametrize("value", ODD)
def test_odd_titles_come_back_equal_from_the_label(value: str) -> None:
    assert etree.fromstring(files_of(package("SIP_hoso", title=value))["METS.xml"]).get("LABEL") == value


@given(WRITABLE)
@settings(max_examples=100, deadline=None)
def test_any_title_comes_back_equal_from_the_label(value: str) -> None:
    tree = etree.fromstring(files_of(package("SIP_hoso", title=value))["METS.xml"])
    assert tree.get("LABEL") == value


@given(st.dictionaries(st.sampled_from([row.tag for row in table_of("AIP_hoso", "EAD")]), WRITABLE))
@settings(max_examples=50, deadline=None)
def test_all_fields_at_once_come_back_in_order(fields: dict[str, str]) -> None:
    tree = etree.fromstring(simpledc(fields, "AIP_hoso", "EAD", serialisation()))
    assert [(child.tag, child.text or "") for child in tree] == [
        (row.tag, fields.get(row.tag, "")) for row in table_of("AIP_hoso", "EAD")]


@pytest.mark.parametrize(("value", "character", "position"), [
    ("a\x00", "U+0000", 2), ("\x0b", "U+000B", 1), ("tốt\x1f", "U+001F", 4), ("\ud800", "U+D800", 1),
    ("￿", "U+FFFF", 1)])
def test_what_xml_cannot_carry_is_named_with_its_place(value: str, character: str, position: int) -> None:
    with pytest.raises(UnwritableTextError) as raised:
        written(value)
    assert (raised.value.place, raised.value.character, raised.value.position) == ("subject", character, position)
    found = first_unwritable({"title": "tốt", "subject": value})
    assert found is not None
    assert (found.place, found.character, found.position) == ("subject", character, position)
    with pytest.raises(UnwritableTextError, match="LABEL"):
        files_of(package("SIP_hoso", title=value))


def test_a_text_that_can_be_written_is_not_complained_about() -> None:
    assert first_unwritable({str(n): value for n, value in enumerate(ODD)}) is None


@pytest.mark.parametrize("form", FORMS)
def test_a_decomposed_title_stays_decomposed(form: str) -> None:
    title = unicodedata.normalize("NFD", "Hồ sơ kiện toàn tổ chức")
    made = package(form, title=title)  # type: ignore[arg-type]
    fields = {**fields_of(form, "EAD"), "description": title}  # type: ignore[arg-type]
    files = files_of(package(form, title=title, fields=fields))  # type: ignore[arg-type]
    assert etree.fromstring(files["METS.xml"]).get("LABEL") == title == made.title
    assert etree.fromstring(files["metadata/descriptive/EAD.xml"]).findtext("description") == title
