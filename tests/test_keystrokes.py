"""What was typed on a keyboard that did not speak Vietnamese is understood, and proposed where it finds something."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from search.entry import Entry
from search.index import Index
from search.keystrokes import meant
from search.syllables import common_syllables
from search.vietnamese import streams

TELEX = {"\u0301": "s", "\u0300": "f", "\u0309": "r", "\u0303": "x", "\u0323": "j", "\u0306": "w", "\u031b": "w"}
VNI = {"\u0301": "1", "\u0300": "2", "\u0309": "3", "\u0303": "4", "\u0323": "5", "\u0302": "6", "\u031b": "7",
       "\u0306": "8"}
BORROWED = {"goòng", "ngoéo"}        # whose vowels are a letter with its mark to every keyboard
TONES = "\u0301\u0300\u0309\u0303\u0323"


def keys(syllable: str, table: dict[str, str], *, late: bool) -> str:
    """The keys that write a syllable; with `late` its tone is typed last, as most people do, else after its letter."""
    told, tone = "", ""
    for letter in syllable:
        base, *signs = unicodedata.normalize("NFD", letter)
        told += {"đ": "dd" if table is TELEX else "d9"}.get(base, base)
        for sign in signs:
            if sign in TONES and late:
                tone = table[sign]
            else:
                told += base if sign == "\u0302" and table is TELEX else table[sign]
    return told + tone


@pytest.mark.parametrize("late", [True, False])
@pytest.mark.parametrize("table", [TELEX, VNI], ids=["telex", "vni"])
def test_every_syllable_in_use_is_read_from_its_keys(table: dict[str, str], late: bool) -> None:
    wrong = [(one, keys(one, table, late=late), meant(keys(one, table, late=late)))
             for one in sorted(common_syllables()) if not one.isascii() and len(one) > 1 and one not in BORROWED
             and streams(meant(keys(one, table, late=late))).exact != streams(one).exact]
    assert wrong == []


@pytest.mark.parametrize("word", ["mua", "van", "cao", "process", "A4", "02091", "q", "c71", "file", "luật", "10",
                                  "w" * 99])
def test_what_is_no_row_of_keys_means_nothing_else(word: str) -> None:
    assert meant(word) == ""


@pytest.mark.parametrize("engine", ["tantivy", "whoosh"])
def test_it_is_proposed_only_where_nothing_is_found_as_typed(tmp_path: Path, engine: str) -> None:
    index = Index.open(tmp_path / "index", engine)
    index.add([Entry(code="H99.2026.01.VP.0000001", subject="Quyết định ban hành kế hoạch", text="", case_file="x"),
               Entry(code="H99.2026.01.VP.0000002", subject="Báo cáo toans", text="", case_file="x")])
    for typed in ("quyeets ddinhj", "quye61t d9i5nh", "quyết ddinhj", "quyeets ddinhj ban hanh"):
        found = index.search(typed)
        assert found.instead.startswith("quyết định"), typed
        assert index.search(found.instead).total == 1
    assert index.search("toans").instead == ""
    assert index.search("banhanh kehoach").instead == "ban hanh ke hoach", "blanks were left out"
    assert index.search("quyeets baos").instead == "", "what would find nothing either is not proposed"
    index.close()
