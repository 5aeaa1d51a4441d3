"""What makes searching quick changes nothing in what is found: counts, ranks, kept texts, several searches at once."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive import opening
from search import index as index_module
from search.engines.base import Leniency
from search.engines.keeping import compressed, decompressed, packed
from search.index import Entry, Filters, Index, Results
from search.query import parse
from search.snippets import Wanted, snippet
from tests.test_search import OTHERS, REGULATIONS, TEXTS
from web.site import READERS, Site

SCATTERED = Entry("H99.2026.05.VP.0000001", "H99.2026.05.VP", subject="Về kế hoạch năm", access="open", text=" ".join(
    f"{word} và các việc khác của cơ quan trong năm nay theo quy định chung." for word in
    ("Cầu", "treo", "Nậm", "Mu", "Cầu", "treo", "Nậm", "Mu"))).sealed()
CLOSE = Entry("H99.2026.06.VP.0000001", "H99.2026.06.VP", subject="Về kế hoạch năm", access="open",
              text="Việc làm cầu treo mới qua suối Nậm Mu. " + "Các nội dung khác không thay đổi. " * 9).sealed()


@pytest.fixture(scope="module", params=["tantivy", "whoosh"])
def index(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    opened = Index.open(tmp_path_factory.mktemp("together"), str(request.param))
    opened.add([*REGULATIONS, *OTHERS, SCATTERED, CLOSE])
    yield opened
    opened.close()


@pytest.mark.parametrize("typed", ["văn bản điện tử", "quy chế -mật", '"điện tử"', "104/TTr-SNV", "", "nam:2016", "zz"])
def test_what_is_only_counted_is_counted_as_it_is_found(index: Index, typed: str) -> None:
    engine = index._engine_now()
    for leniency in Leniency:
        assert engine.total(parse(typed), leniency) == engine.find(parse(typed), leniency, 1, 0).total


def _with_limit(monkeypatch: pytest.MonkeyPatch, limit: int, ask: Callable[[], Results]) -> Results:
    with monkeypatch.context() as patch:
        patch.setattr(index_module, "COUNTED_BY_CASE", limit)
        return ask()


@pytest.mark.parametrize("typed", ["văn bản điện tử", "kế hoạch", "", "zzz"])
def test_groups_are_counted_alike_by_case_file_and_one_after_another(
        index: Index, typed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    groups = {"two": ("H99.2026.01.VP", "H99.2026.05.VP"), "one": ("H99.2026.06.VP",), "none": ()}
    for filters in (Filters(), Filters(inside=("H99.2026.05.VP",)), Filters(outside=("H99.2026.05.VP",)),
                    Filters(chosen={"year": "2019"})):
        quick, slow = (_with_limit(monkeypatch, limit, lambda filters=filters: index.search(
            typed, filters=filters, groups=groups, facets=("year", "organ"))) for limit in (1_000_000, 0))
        assert (quick.groups, quick.facets) == (slow.groups, slow.facets)
        assert quick.groups[""] == index.search(typed, filters=replace(filters, inside=None, outside=())).total


def test_words_that_stand_close_together_rank_above_scattered_ones(index: Index) -> None:
    found = [hit.code for hit in index.search("cầu treo Nậm Mu").hits]
    assert found == [CLOSE.code, SCATTERED.code]


def test_what_may_be_meant_follows_the_index(tmp_path: Path) -> None:
    index = Index.open(tmp_path)
    index.add([replace(OTHERS[0], subject="Làm đường liên xã")])
    assert index.search("duongg").instead == "duong"
    index.add([replace(OTHERS[1], subject="Làm duongk mới"), replace(OTHERS[1], code="B", subject="Thêm duongk")])
    assert index.search("duongg").instead == "duong"              # one letter less
    index.remove([OTHERS[0].code])
    assert index.search("duongg").instead == "duongk"
    index.close()


@given(st.builds(Entry, code=st.text(min_size=1), subject=st.text(), organ=st.text(), text=st.text(st.one_of(
    st.characters(), st.sampled_from("aàạđĐ\x1b\n\ud800⁄")))))
def test_any_entry_is_kept_as_it_is(entry: Entry) -> None:
    assert decompressed(compressed(entry)) == entry


def test_a_text_is_kept_in_two_thirds_of_what_its_utf_8_would_take() -> None:
    for path in TEXTS.glob("*.txt"):
        entry = Entry("A", text=path.read_text()[:5000])
        assert len(compressed(entry)) < 0.7 * len(zlib.compress(packed(entry) + entry.text.encode(), 2)), path


def test_a_snippet_is_the_same_with_words_made_ready_once() -> None:
    query = parse("quy chế văn bản điện tử")
    ready = Wanted(query)
    texts = [path.read_text() for path in TEXTS.glob("*.txt")]
    assert [snippet(text, ready) for text in texts] == [snippet(text, query) for text in texts]
    assert all(snippet(text, ready).marks for text in texts)
    assert snippet(". " * 50 + "Về việc nghỉ lễ", query).text.startswith("Về việc nghỉ lễ")      # ruled lines first


def test_as_many_search_at_once_as_there_are_readers_and_no_more(tmp_path: Path) -> None:
    opening.make_archive(tmp_path / "kho", {"agency": {"code": "H99", "name": "Sở Nội vụ tỉnh Mẫu"}}).close()
    site = Site(tmp_path / "kho")
    inside, leave, late = threading.Barrier(READERS + 1), threading.Event(), threading.Event()

    def reads() -> None:
        with site.index() as index:
            assert index.search("").total == 0
            inside.wait(20)
            leave.wait(20)

    readers = [threading.Thread(target=reads) for _ in range(READERS)]
    for one in readers:
        one.start()
    inside.wait(20)                          # all of them hold an index at the same time

    def comes_late() -> None:
        with site.index():
            late.set()

    further = threading.Thread(target=comes_late)
    further.start()
    assert not late.wait(0.1)
    leave.set()
    assert late.wait(20)
    for one in (*readers, further):
        one.join()
    with pytest.raises(ValueError, match="sau"), site.index():
        raise ValueError("sau")
    assert len(site._free) == READERS        # given back, whatever happened, and none opened anew
    site.close()
