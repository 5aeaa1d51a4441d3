"""A day or month is found however the query and the document write it, and by the day of issue."""

from __future__ import annotations

from pathlib import Path

import pytest

from search.entry import Entry
from search.index import Index
from search.query import Phrase, describe, parse

TEXTS = ["Họp ngày 05 tháng 6 năm 2026 tại Sở", "Họp ngày 5/6/2026 tại Sở", "Kế hoạch tháng 06 năm 2026",
         "Số liệu 6/2025", "Ngày 5 tháng 7 năm 2026", "Công văn số 15/2026/QĐ-UBND"]


@pytest.mark.parametrize("engine", ["tantivy", "whoosh"])
def test_every_way_of_writing_a_date_finds_every_other_and_the_day_of_issue(tmp_path: Path, engine: str) -> None:
    index = Index.open(tmp_path / "index", engine)
    index.add([*(Entry(code=f"H99.{n}", text=text, case_file="x") for n, text in enumerate(TEXTS)),
               Entry(code="H99.7", subject="Văn bản không nêu ngày", issued_on="2026-06-05", case_file="x")])

    def found(query: str) -> list[str]:
        return sorted(hit.code for hit in index.search(query, forgiving=False).hits)

    for day in ("5/6/2026", "05/06/2026", "05-06-2026", "2026-06-05", "ngày 5 tháng 6 năm 2026",
                "ngay 05 thang 06 nam 2026", "5 tháng 6 năm 2026", "NGÀY 5 THÁNG 6 NĂM 2026"):
        assert found(day) == ["H99.0", "H99.1", "H99.7"], day
    for month in ("6/2026", "06/2026", "2026-06", "tháng 6/2026", "thang 06 nam 2026"):
        assert found(month) == ["H99.0", "H99.1", "H99.2", "H99.7"], month
    assert found("họp 5/6/2026") == ["H99.0", "H99.1"]
    assert found("họp -5/6/2026") == []
    assert found("15/2026") == found("15/2026/QĐ-UBND") == ["H99.5"], "the number of a document is no date"
    assert found('"ngày 5/6/2026"') == ["H99.1"], "in quotation marks just so"
    index.close()


def test_what_is_no_day_stays_words_and_the_sentence_says_how_it_was_read() -> None:
    for typed in ("30/02/2026", "35/2026", "12-2019/QĐ", "tháng 13 năm 2026", "2026-11-15-3"):
        assert all(one.part.days is None for one in parse(typed).clauses if isinstance(one.part, Phrase)), typed
    assert "15/11/2026" in describe(parse("ngày 15 tháng 11 năm 2026"))
    assert "11/2026" in describe(parse("tháng 11/2026")) and "/11/2026" not in describe(parse("tháng 11/2026"))


@pytest.mark.parametrize("engine", ["tantivy", "whoosh"])
def test_a_type_is_named_in_short_before_a_number_though_the_document_does_not_say_so(
        tmp_path: Path, engine: str) -> None:
    index = Index.open(tmp_path / "index", engine)
    index.add([Entry(code=f"H99.{n}", number="318", notation=notation, type_name=name, text=f"Số: 318/{notation}",
                     case_file="x") for n, (name, notation) in enumerate((("Công văn", "SNV-VTLT"),
                                                                          ("Báo cáo", "BC-SNV")))])
    for typed in ("CV 318", "cv số 318", "cv 318/SNV-VTLT", "CV số 318/SNV"):
        assert [hit.code for hit in index.search(typed, forgiving=False).hits] == ["H99.0"], typed
    assert index.search("cv", forgiving=False).total == 0, "alone it is a word like any other"
    index.close()
