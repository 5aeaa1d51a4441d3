"""Forms on paper: data stays data, nothing comes from outside, and what cannot be shown is never hidden."""

from __future__ import annotations

import json
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pypdfium2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.forms.letters import PARTING, REPLACEMENT, harmless
from archive.forms.typesetting import FormError, pdf, typeface
from tests.conftest import ROOT

MADE = datetime(2026, 11, 20, 3, tzinfo=UTC)
TEMPLATE = """#let paper = json(bytes(sys.inputs.paper))
#let data = json(bytes(sys.inputs.data))
#set text(font: paper.font, fallback: false, hyphenate: false)
#set document(title: paper.title)
#data.text
"""


@pytest.fixture(scope="module")
def form(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A form of one text."""
    path = tmp_path_factory.mktemp("forms") / "one.typ"
    path.write_text(TEMPLATE)
    return path


def words(made: bytes) -> str:
    with pypdfium2.PdfDocument(made) as opened:
        return "".join("".join(page.get_textpage().get_text_range() for page in opened).split())


@pytest.mark.parametrize("text", ["#panic()", "$x$ *b* _a_ `c` @d <e> \\ // f /* g", '"); #read("/etc/passwd")',
                                  "#import \"@preview/x:1.0.0\"", "~---...'x'"])
def test_what_looks_like_typst_stays_text(form: Path, text: str) -> None:
    assert words(pdf(form, {"text": text}, title=text, made=MADE)) == "".join(text.split())


def test_the_same_form_gives_the_same_bytes_whatever_was_printed_before(form: Path) -> None:
    first = pdf(form, {"text": "Ủy ban nhân dân"}, title="A", made=MADE)
    pdf(form, {"text": "khác"}, title="B", made=MADE)
    assert pdf(form, {"text": "Ủy ban nhân dân"}, title="A", made=MADE) == first
    assert pdf(form, {"text": "Ủy ban nhân dân"}, title="A", made=MADE + timedelta(seconds=1)) != first
    assert b"(D:20261120030000Z)" in first


def test_forms_set_at_once_do_not_mix(form: Path) -> None:
    texts = [f"Biểu số {n}" for n in range(24)]
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda text: pdf(form, {"text": text}, title=text, made=MADE), texts))
    assert [words(each) for each in made] == ["".join(text.split()) for text in texts]


@pytest.mark.parametrize("source", ['#read("/etc/hostname")', '#read("../secret.txt")', "#let"])
def test_a_template_reads_nothing_beside_its_folder_and_its_fault_is_ours(tmp_path: Path, source: str) -> None:
    (tmp_path / "secret.txt").write_text("x")
    place = tmp_path / "forms"
    place.mkdir()
    (place / "wrong.typ").write_text(source)
    with pytest.raises(FormError, match=r"wrong\.typ"):
        pdf(place / "wrong.typ", {}, title="x", made=MADE)


def test_no_template_of_ours_loads_a_package() -> None:
    templates = [path for wing in ("archive", "ingest", "retention", "search") for path in (ROOT / wing).rglob("*.typ")]
    assert templates and [path.name for path in templates if '"@' in path.read_text()] == []


@given(st.text(max_size=80))
def test_any_text_becomes_letters_that_the_font_has_and_nothing_hidden(text: str) -> None:
    shown = typeface().letters.text(text)
    assert typeface().letters.text(shown) == shown and unicodedata.is_normalized("NFC", shown)
    assert all(unicodedata.category(letter) not in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Mn") for letter in shown)
    assert len(shown) == len(unicodedata.normalize("NFC", text))


def test_only_words_too_long_for_a_column_are_parted_and_a_hash_never() -> None:
    letters, digest = typeface().letters, "0123456789abcdef" * 4
    assert letters.data({"a": ["Ủy ban nhân dân tỉnh", digest, f"SHA-256: {digest}.", 7, None, True]}) == (
        {"a": ["Ủy ban nhân dân tỉnh", digest, f"SHA-256: {PARTING.join(split(digest + '.'))}", 7, None, True]},
        False, True)
    assert letters.data([digest, "x" * 28, "Ệ" * 28]) == ([digest, "x" * 28, "Ệ" * 28], False, False)
    assert letters.data("Ǆ" * 21)[2] and not letters.data("Ǆ" * 20)[2]
    parted, _, _ = letters.data(f"{'x' * 29} {digest}")
    assert parted == f"{PARTING.join(split('x' * 29))} {digest}"
    assert letters.data({"a": "b\u200bc"}) == ({"a": f"b{REPLACEMENT}c"}, True, False)


def split(word: str) -> list[str]:
    return [word[at:at + 4] for at in range(0, len(word), 4)]


def test_texts_are_made_harmless_before_they_are_data() -> None:
    assert harmless("a\u202eb\x07c\u05d0d\u00a0e") == f"a{REPLACEMENT}b{REPLACEMENT}c{REPLACEMENT}d e"
    assert json.dumps(typeface().letters.data({"x": "\ud800"})[0], ensure_ascii=False).encode()
