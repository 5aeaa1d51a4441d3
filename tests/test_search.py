"""What is stored can be found as people type it; the index follows the store and survives being killed."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import textwrap
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from archive import i18n
from archive.opening import Archive
from search import index as index_module
from search.commands import index as index_command
from search.commands import search as search_command
from search.dates import days
from search.engines.keeping import compressed, decompressed
from search.engines.tantivy_engine import TantivyEngine
from search.engines.whoosh_engine import WhooshEngine
from search.index import (
    Entry,
    Filters,
    Index,
    IndexBusyError,
    IndexOutdatedError,
    entry_from_record,
    open_index,
    verify,
)
from search.query import Issued, Number, Phrase, Word, describe, parse
from search.snippets import highlight, one_edit_apart, snippet

REPOSITORY = Path(__file__).resolve().parents[1]
TEXTS = Path(__file__).parent / "fixtures" / "search"
UBND = "Ủy ban nhân dân tỉnh "


def regulation(stem: str, ordinal: int, number: str, notation: str, issued: str, province: str, subject: str) -> Entry:
    return Entry(code=f"H99.2026.0{ordinal % 2 + 1}.VP.{ordinal:07d}", case_file=f"H99.2026.0{ordinal % 2 + 1}.VP",
                 number=number, notation=notation, issued_on=issued, type_name="Quyết định", organ=UBND + province,
                 subject=subject, case_title="Quy chế văn bản điện tử", signer="Nguyễn Văn Hoà",
                 legal_value="signed_original", text=(TEXTS / f"{stem}.txt").read_text()).sealed()


REGULATIONS = [
    regulation("phu-yen", 1, "09", "2022/QĐ-UBND", "2022-02-25", "Phú Yên",
               "Ban hành Quy chế làm việc trên môi trường điện tử đối với các cơ quan nhà nước của tỉnh Phú Yên"),
    regulation("lang-son", 2, "36", "2020/QĐ-UBND", "2020-07-13", "Lạng Sơn",
               "Ban hành Quy chế tiếp nhận, xử lý, phát hành, quản lý văn bản điện tử và theo dõi, đôn đốc"),
    regulation("dak-nong", 3, "35", "2016/QĐ-UBND", "2016-11-15", "Đắk Nông",
               "Ban hành Quy định về việc sử dụng văn bản và hồ sơ điện tử trong các cơ quan nhà nước"),
    regulation("thai-binh", 4, "17", "2019/QĐ-UBND", "2019-08-30", "Thái Bình",
               "Ban hành Quy chế Quản lý, vận hành và sử dụng Mạng văn phòng điện tử liên thông"),
    regulation("long-an", 5, "24", "2019/QĐ-UBND", "2019-06-17", "Long An",
               "Ban hành quy chế tiếp nhận, xử lý, phát hành và quản lý văn bản điện tử"),
]
PHU_YEN, LANG_SON, DAK_NONG, THAI_BINH, LONG_AN = (entry.code for entry in REGULATIONS)
OTHERS = [
    Entry(code="H99.2026.03.TC.0000001", case_file="H99.2026.03.TC", number="104", notation="TTr-SNV",
          issued_on="2026-03", type_name="Tờ trình", organ="Sở Nội vụ", subject="Về việc làm đường liên xã",
          text="Kính gửi Ủy ban. Theo Quyết định số 35/2016/QĐ-UBND. Mã lô 02091-C-71.").sealed(),
    Entry(code="H99.2026.03.TC.0000002", case_file="H99.2026.03.TC", number="5", notation="BC-SNV",
          type_name="Báo cáo", organ="Sở Nội vụ", subject="Chế độ bồi dưỡng cán bộ",
          text="Kinh phí bồi dưỡng; không có công trình nào.").sealed(),
]
TC1, TC2 = (entry.code for entry in OTHERS)


@pytest.fixture(scope="module", params=["tantivy", "whoosh"])
def engine(request: pytest.FixtureRequest) -> str:
    """Each engine in turn: all that is promised of the index is promised of both."""
    return str(request.param)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory, engine: str) -> Iterator[Index]:
    """The five regulations and two small documents; tests only read it."""
    opened = Index.open(tmp_path_factory.mktemp("index"), engine)
    opened.add([*REGULATIONS, *OTHERS])
    yield opened
    opened.close()


def codes(index: Index, query: str, filters: Filters | None = None) -> list[str]:
    return [hit.code for hit in index.search(query, filters=filters).hits]


# --- finding -------------------------------------------------------------------------------------------------

def disguises(title: str) -> dict[str, str]:
    bare = unicodedata.normalize("NFD", title.replace("đ", "d").replace("Đ", "D"))
    return {
        "as printed": title, "capitals": title.upper(), "decomposed": unicodedata.normalize("NFD", title),
        "without marks": "".join(sign for sign in bare if not unicodedata.combining(sign)),
        "i for y": title.replace("lý", "lí").replace("Quy ", "Qui ").replace("quy ", "qui "),
        "tones moved": title.replace("oà", "òa").replace("óa", "oá").replace("úy", "uý"),
        "old fonts": title.replace("ư", "ƣ").replace("Đ", "Ð"),
    }


@pytest.mark.parametrize("disguise", list(disguises("")))
@pytest.mark.parametrize("entry", REGULATIONS, ids=lambda entry: entry.organ)
def test_a_title_finds_its_document_first_in_every_disguise(index: Index, entry: Entry, disguise: str) -> None:
    assert codes(index, disguises(entry.subject)[disguise])[0] == entry.code


@pytest.mark.parametrize("typed", ["35/2016/QĐ-UBND", "35/2016/qd-ubnd", "035/2016/QĐ-UBND", "35 2016 qd ubnd",
                                   "số 35/2016/QĐ – UBND", "35/QĐ-UBND", "35 qđ ubnd", "so:35/2016/QĐ-UBND"])
def test_a_number_finds_the_document_itself_before_those_that_cite_it(index: Index, typed: str) -> None:
    found = codes(index, typed)
    assert found[0] == DAK_NONG
    assert found[1:] == ([] if typed.startswith("so:") else [TC1])


def test_a_number_field_finds_only_documents_that_bear_the_number(index: Index) -> None:
    assert codes(index, "so:104") == codes(index, "số: 104/TTr-SNV") == codes(index, "so:0104/2026/TTr-SNV") == [TC1]
    assert codes(index, "so:64/2007/NĐ-CP") == []
    assert set(codes(index, "64/2007/NĐ-CP")) == {PHU_YEN, DAK_NONG, THAI_BINH, LONG_AN}


def test_a_figure_among_words_prefers_the_document_of_that_number(index: Index) -> None:
    assert codes(index, "quyết định 24")[0] == LONG_AN
    assert codes(index, "quyết định 35")[0] == DAK_NONG


@pytest.mark.parametrize("typed", ["02091-C-71", "2091-c-71", '"02091-C-71"', "02091-C-71 đường"])
def test_a_code_with_hyphens_is_found_as_typed(index: Index, typed: str) -> None:
    assert codes(index, typed) == [TC1]


def test_a_document_is_found_by_its_own_code_and_by_its_day(index: Index) -> None:
    assert codes(index, DAK_NONG) == [DAK_NONG]
    assert codes(index, "15/11/2016")[0] == DAK_NONG
    assert codes(index, "25/02/2022") == codes(index, "25/2/2022") == [PHU_YEN]


def test_marks_rank_but_do_not_exclude(index: Index) -> None:
    assert codes(index, "đường") == [TC1, TC2]
    assert codes(index, "dưỡng") == [TC2, TC1]
    assert set(codes(index, "duong")) == {TC1, TC2}


def test_quotes_keep_the_marks_and_the_order(index: Index) -> None:
    assert codes(index, '"đường"') == [TC1]
    assert codes(index, '"bồi dưỡng"') == [TC2]
    assert codes(index, "“mạng văn phòng điện tử”") == [THAI_BINH]
    assert codes(index, '"điện tử văn bản"') == []
    assert THAI_BINH in codes(index, '"mang van phong"')


def test_a_phrase_does_not_run_from_one_field_into_the_next(index: Index) -> None:
    assert codes(index, '"liên xã 104"') == []


def test_what_is_excluded_keeps_the_marks_that_were_typed(index: Index) -> None:
    assert codes(index, "coquan:SNV -đường") == [TC2]
    assert codes(index, "coquan:SNV -dưỡng") == [TC1]
    assert codes(index, "coquan:SNV -duong") == []


def test_all_words_are_required_and_a_minus_excludes(index: Index) -> None:
    assert codes(index, "văn phòng mạng liên thông vận hành Thái Bình") == [THAI_BINH]
    assert codes(index, 'coquan:SNV -loai:"Báo cáo"') == [TC1]
    assert THAI_BINH not in codes(index, 'văn bản -"mạng văn phòng"')


# --- fields and filters --------------------------------------------------------------------------------------

@pytest.mark.parametrize(("typed", "expected"), [
    ("loai:TTr", [TC1]), ("loại:tờ trình", [TC1]), ("loai:15", [TC1]), ("loai:BC", [TC2]),
    ("nam:2016", [DAK_NONG]), ("nam:2019-2020", [LANG_SON, THAI_BINH, LONG_AN]), ("năm:2026", [TC1]),
    ("tu:01/2020 den:12/2021", [LANG_SON]), ("từ:25/02/2022 đến:2025", [PHU_YEN]), ("den:2016", [DAK_NONG]),
    ("ngay:17/6/2019", [LONG_AN]), ('coquan:"sở nội vụ"', [TC1, TC2]), ("coquan:SNV", [TC1, TC2]),
    ('cơquan:"UBND tỉnh Đắk Nông"', [DAK_NONG]), ("hoso:h99.2026.03.tc", [TC1, TC2]),
    ('hoso:"văn bản điện tử" nam:2022', [PHU_YEN]), ("ky:hòa nam:2020", [LANG_SON]), ("trichyeu:mạng", [THAI_BINH]),
])
def test_a_field_restricts_what_is_found(index: Index, typed: str, expected: list[str]) -> None:
    assert sorted(codes(index, typed)) == sorted(expected)


def test_filters_of_a_page_and_typed_fields_restrict_together(index: Index) -> None:
    found = codes(index, "văn bản", Filters(case_file="H99.2026.01.VP", issued_to="2020"))
    assert set(found) == {LANG_SON, THAI_BINH}
    assert codes(index, "loai:QĐ", Filters(type_name="Tờ trình")) == []
    assert codes(index, "", Filters(organ="UBND tỉnh Long An", issued_from="2019-06-17")) == [LONG_AN]
    assert codes(index, "", Filters(case_file="H99.2026")) == []
    with pytest.raises(ValueError, match="31/02/2020"):
        index.search("x", filters=Filters(issued_from="31/02/2020"))


def test_without_words_everything_comes_newest_first(index: Index) -> None:
    results = index.search("")
    assert results.total == 7
    assert [hit.code for hit in results.hits][:3] == [TC1, PHU_YEN, LANG_SON]
    assert index.search("loai:QĐ").hits[0].code == PHU_YEN


def test_pages_of_hits_follow_one_another(index: Index) -> None:
    whole = codes(index, "văn bản điện tử")
    pages = [index.search("văn bản điện tử", limit=2, offset=offset) for offset in range(0, len(whole), 2)]
    assert [hit.code for page in pages for hit in page.hits] == whole
    assert {page.total for page in pages} == {len(whole)}


# --- forgiving, and saying so --------------------------------------------------------------------------------

def test_nothing_is_forgiven_while_something_is_found(index: Index) -> None:
    results = index.search("bồi dưỡng cán bộ")
    assert [hit.code for hit in results.hits] == [TC2]
    assert ";" not in results.understood


@pytest.mark.parametrize(("typed", "expected", "said"), [
    ('"bội dưỡng"', TC2, "regardless of marks"),
    ("boii duongg", TC2, "one letter apart"),
    ("mạng văn phòng liên thông vận hành qwertyuiop", THAI_BINH, "most of them"),
    ("mạng văn phòng qwertyuiop asdfghjkl", THAI_BINH, "half of them"),
])
def test_a_second_try_is_made_only_when_nothing_is_found_and_is_said(
        index: Index, typed: str, expected: str, said: str) -> None:
    i18n.use("en")
    results = index.search(typed)
    assert expected in [hit.code for hit in results.hits]
    assert said in results.understood


def test_a_word_that_is_nowhere_finds_nothing(index: Index) -> None:
    results = index.search("qwertyuiop")
    assert (results.total, results.hits) == (0, [])


# --- what a person types -------------------------------------------------------------------------------------

@given(st.text(alphabet=st.one_of(st.characters(), st.sampled_from('":-/“”«» số loại nam tu den 2019 104QĐ-'))))
def test_no_text_breaks_the_query(text: str) -> None:
    assert isinstance(describe(parse(text)), str)


@settings(deadline=None)       # no promise of speed: a machine may be busy
@given(st.lists(st.sampled_from(['"', "-", ":", "số:", "loai:", "nam:", "tu:", "-hoso:", "104/", "QĐ-UBND", "«", "a",
                                 "\u0301", "31/02/2020", "“x y", "2019-", "\ud800", "_", "½", "ﷺ"])).map("".join))
def test_no_query_breaks_the_engine(index: Index, text: str) -> None:
    results = index.search(text)
    assert results.total >= len(results.hits)


def test_a_pasted_page_is_cut_and_that_is_said(index: Index) -> None:
    i18n.use("en")
    assert "cut after" in index.search(REGULATIONS[0].text).understood


def test_the_parser_reads_words_phrases_numbers_and_fields() -> None:
    query = parse('lưu trữ "môi trường" -mật số 104/QĐ-UBND tu:2019')
    kinds = [(type(clause.part), clause.negative) for clause in query.clauses]
    assert kinds == [(Word, False), (Word, False), (Phrase, False), (Word, True), (Number, False), (Issued, False)]


@pytest.mark.parametrize(("typed", "remark"), [
    ("den:31/02/2020", "is no date and was left out"), ("so:abc", "is searched as words"),
    ('"điện tử', "the closing quotation mark is missing")])
def test_what_was_not_understood_is_said(typed: str, remark: str) -> None:
    i18n.use("en")
    assert remark in describe(parse(typed))


def test_a_colon_that_names_no_field_is_text() -> None:
    assert [clause.part for clause in parse("http://luutru.gov.vn 10:30").clauses] == [
        Phrase(("http", "luutru", "gov", "vn"), ("http", "luutru", "gov", "vn"), False),
        Phrase(("10", "30"), ("10", "30"), False)]


@pytest.mark.parametrize(("text", "expected"), [
    ("15/11/2016", (20161115, 20161115)), ("2016-11-15", (20161115, 20161115)), ("5.7.2019", (20190705, 20190705)),
    ("02/2020", (20200201, 20200229)), ("2020-02", (20200201, 20200229)), ("2016", (20160101, 20161231)),
    ("31/02/2020", None), ("13/2020", None), ("hôm qua", None), ("", None), ("0000-00-00", None)])
def test_days_are_read_as_written(text: str, expected: tuple[int, int] | None) -> None:
    assert days(text) == expected


@given(st.dates())
def test_every_day_is_read_back(day: object) -> None:
    text = str(day)
    assert days(text) == (int(text.replace("-", "")),) * 2 == days("/".join(reversed(text.split("-"))))


# --- snippets ------------------------------------------------------------------------------------------------

def test_a_hit_shows_the_words_in_their_place_with_their_marks(index: Index) -> None:
    hit = index.search("mang van phong dien tu lien thong").hits[0]
    assert "«vận» hành và sử dụng «Mạng» «văn» «phòng» «điện» «tử» «liên» «thông»" in hit.snippet.marked()
    hit = index.search("mạng văn phòng điện tử").hits[0]
    assert "vận hành và sử dụng «Mạng» «văn» «phòng» «điện» «tử» liên thông" in hit.snippet.marked()
    assert [hit.snippet.text[start:end] for start, end in hit.snippet.marks][:2] == ["Mạng", "văn"]
    assert len(hit.snippet.text) < 400


def test_a_snippet_takes_the_place_where_the_words_stand_together() -> None:
    text = "lưu ý " + "x " * 50 + "trữ lượng " + "y " * 50 + "kho LƯU TRỮ tỉnh" + " z" * 50
    assert "kho «LƯU» «TRỮ» tỉnh" in snippet(text, parse("luu tru")).marked()


def test_a_snippet_marks_words_that_were_found_one_letter_apart(index: Index) -> None:
    assert "«bồi» «dưỡng»" in index.search("boii duongg").hits[0].snippet.marked()
    assert one_edit_apart("duong", "dung") and one_edit_apart("luu", "ulu") and not one_edit_apart("luu", "tru")


@given(st.text(), st.text())
def test_marks_lie_within_the_snippet_in_order(text: str, typed: str) -> None:
    for shown in (snippet(text, parse(typed)), highlight(text, parse(typed))):
        places = [place for mark in shown.marks for place in mark]
        assert places == sorted(places)
        assert all(0 <= place <= len(shown.text) for place in places)
        assert "".join(piece for piece, _ in shown.pieces()) == shown.text


# --- following the store -------------------------------------------------------------------------------------

def test_the_first_document_of_a_fresh_folder_is_found_at_once(tmp_path: Path, engine: str) -> None:
    index = Index.open(tmp_path / "index", engine)
    assert (index.count(), index.search("bồi dưỡng").total) == (0, 0)
    assert index.add([OTHERS[1]]) == 1
    assert codes(index, "bồi dưỡng") == [TC2]
    assert codes(Index.open(tmp_path / "index", engine), "bồi dưỡng") == [TC2]


def test_another_reader_sees_what_was_added_removed_and_rebuilt(tmp_path: Path, engine: str) -> None:
    writer, reader = Index.open(tmp_path, engine), Index.open(tmp_path, engine)
    writer.add(OTHERS)
    assert reader.count() == 2
    writer.remove([TC1, "no such document"])
    assert list(reader.fingerprints()) == [TC2]
    writer.rebuild(REGULATIONS)
    assert reader.count() == len(REGULATIONS)
    assert codes(reader, "mạng văn phòng")[0] == THAI_BINH


def test_adding_a_document_again_replaces_it(tmp_path: Path, engine: str) -> None:
    index = Index.open(tmp_path, engine)
    index.add(OTHERS)
    changed = replace(OTHERS[0], subject="Về việc xây cầu", text="cầu mới").sealed()
    index.add([changed, changed])
    assert index.count() == 2
    assert codes(index, "đường liên xã") == []
    assert codes(index, "xây cầu") == [TC1]
    assert index.fingerprints()[TC1] == changed.fingerprint != OTHERS[0].fingerprint


def test_a_rebuild_equals_what_was_indexed_piece_by_piece(tmp_path: Path, engine: str) -> None:
    piecewise, whole = Index.open(tmp_path / "one", engine), Index.open(tmp_path / "two", engine)
    for entry in [*OTHERS, *REGULATIONS, OTHERS[0]]:
        piecewise.add([entry])
    whole.rebuild([*REGULATIONS, *OTHERS])
    assert piecewise.fingerprints() == whole.fingerprints()
    for typed in ("văn bản điện tử", "35/2016/QĐ-UBND", "duong", "", "loai:QĐ", '"bồi dưỡng"'):
        assert sorted(codes(piecewise, typed)) == sorted(codes(whole, typed))


def test_a_rebuild_that_is_told_a_document_twice_keeps_the_last(
        tmp_path: Path, engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = replace(OTHERS[0], text="cầu mới").sealed()
    later = replace(OTHERS[0], text="cầu treo").sealed()
    index = Index.open(tmp_path, engine)
    index.rebuild([OTHERS[0], changed, OTHERS[1]])             # in one step
    assert index.count() == 2 and index.fingerprints()[TC1] == changed.fingerprint
    monkeypatch.setattr(index_module, "REBUILD_STEP", 1)
    index.rebuild([OTHERS[0], changed, later])                  # and in another
    assert index.fingerprints() == {TC1: later.fingerprint}
    assert codes(index, "cầu treo") == [TC1]


@pytest.mark.parametrize("entry", [*OTHERS, Entry("A", subject='"\n\ud800\\', text="a\nb\n\n")],
                         ids=lambda one: one.code)
def test_what_an_engine_keeps_of_an_entry_is_the_entry(entry: Entry) -> None:
    assert decompressed(compressed(entry)) == entry


def test_verify_names_what_is_missing_surplus_and_stale(tmp_path: Path, engine: str) -> None:
    index = Index.open(tmp_path, engine)
    index.add([REGULATIONS[0], REGULATIONS[1], OTHERS[0]])
    expected = {entry.code: entry.fingerprint for entry in (*REGULATIONS[:3], OTHERS[0])}
    expected[OTHERS[0].code] = "another"
    del expected[LANG_SON]
    difference = verify(index, expected)
    assert (difference.missing, difference.surplus, difference.stale) == ([DAK_NONG], [LANG_SON], [TC1])
    assert difference
    assert not verify(index, index.fingerprints())


@pytest.mark.parametrize("field", ["subject", "text", "case_title", "issued_on", "legal_value", "signer"])
def test_every_field_is_in_the_fingerprint(field: str) -> None:
    assert replace(OTHERS[0], **{field: "2020"}).sealed().fingerprint != OTHERS[0].fingerprint
    assert OTHERS[0].sealed() == OTHERS[0]


def test_a_failing_batch_leaves_the_index_as_it_was(tmp_path: Path, engine: str) -> None:
    index = Index.open(tmp_path, engine)
    index.add([OTHERS[0]])

    def broken() -> Iterator[Entry]:
        yield OTHERS[1]
        raise OSError("the store cannot be read")

    for act in (index.add, index.rebuild):
        with pytest.raises(OSError, match="the store"):
            act(broken())
        assert list(index.fingerprints()) == [TC1]
    index.add([OTHERS[1]])
    assert index.count() == 2
    assert len(list(tmp_path.glob("generation-*"))) == 1


def test_purging_takes_the_words_of_a_removed_document_off_the_disk(tmp_path: Path, engine: str) -> None:
    gone = Entry("H99.2026.09.X.0000001", text="zyxwvutsrq tài liệu hết giá trị").sealed()
    kept = compressed(gone)[-60:-4]           # its text as Tantivy keeps it, some bytes in a row
    traces = [b"zyxwvutsrq", *(kept[n:n + 8] for n in range(len(kept) - 8))]

    def on_disk() -> bool:
        files = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
        return any(trace in held for held in files for trace in traces)

    index = Index.open(tmp_path, engine)
    index.add([*OTHERS, gone])
    index.remove([gone.code])
    assert on_disk()                          # an engine only marks what is removed: this is why purge exists
    index.remove([gone.code], purge=True)
    assert not on_disk()
    assert index.fingerprints() == {entry.code: entry.fingerprint for entry in OTHERS}
    assert codes(index, "liên xã") == [TC1]


def test_an_index_of_another_version_is_refused_and_a_rebuild_mends_it(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str) -> None:
    i18n.use("en")
    Index.open(tmp_path, engine).add(OTHERS)
    monkeypatch.setattr(index_module, "ANALYSIS_VERSION", 99)
    with pytest.raises(IndexOutdatedError, match="luutru index rebuild"):
        Index.open(tmp_path, engine)
    with pytest.raises(IndexOutdatedError):
        Index(tmp_path, engine).add(OTHERS)
    Index(tmp_path, engine).rebuild(REGULATIONS)
    assert Index.open(tmp_path, engine).count() == len(REGULATIONS)


@pytest.mark.parametrize("damage", ["{", '{"layout": 1}', "[]"])
def test_a_damaged_state_file_is_named_with_its_cure(tmp_path: Path, damage: str, engine: str) -> None:
    i18n.use("en")
    Index.open(tmp_path, engine)
    (tmp_path / "index.json").write_text(damage)
    with pytest.raises(IndexOutdatedError, match="luutru index rebuild"):
        Index.open(tmp_path, engine)
    Index(tmp_path, engine).rebuild(OTHERS)
    assert Index.open(tmp_path, engine).count() == 2


# --- being killed --------------------------------------------------------------------------------------------

WRITER = """
    import sys
    from pathlib import Path
    from search.index import Entry, Index
    index = Index.open(Path(sys.argv[1]), sys.argv[3])
    start = int(sys.argv[2])
    print("ready", flush=True)
    for batch in range(start, start + 1000):
        index.add(Entry(f"D.{batch}.{n}", subject=f"lô {batch}", text="văn bản điện tử " * 50).sealed()
                  for n in range(20))
        print(batch, flush=True)
"""


def child(script: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", textwrap.dedent(script), *arguments], stdout=subprocess.PIPE,
                            text=True, cwd=REPOSITORY, env=os.environ | {"PYTHONPATH": str(REPOSITORY)})


def test_a_killed_writer_loses_nothing_committed_and_leaves_no_half_batch(tmp_path: Path, engine: str) -> None:
    chance = random.Random(7)
    committed: set[int] = set()
    for round_ in range(3):
        writer = child(WRITER, str(tmp_path), str(round_ * 1000), engine)
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        for _ in range(chance.randint(1, 4)):
            committed.add(int(writer.stdout.readline()))
        signal.sigtimedwait(set(), chance.random() * 0.05)      # somewhere within the next batch or its commit
        writer.send_signal(signal.SIGKILL)
        rest, _ = writer.communicate()
        committed |= {int(line) for line in rest.split()}

        index = Index.open(tmp_path, engine)
        held: dict[int, int] = {}
        for code in index.fingerprints():
            held[int(code.split(".")[1])] = held.get(int(code.split(".")[1]), 0) + 1
        assert committed <= held.keys()
        assert set(held.values()) == {20}
        assert index.search("van ban dien tu").total == index.count()
        committed = set(held)
    assert index.add([OTHERS[0]]) == 1                          # the lock of the dead is no lock
    assert codes(index, "liên xã") == [TC1]
    index.close()


def test_a_killed_rebuild_leaves_the_old_index_in_use(tmp_path: Path, engine: str) -> None:
    Index.open(tmp_path, engine).add(OTHERS)
    rebuilder = child("""
        import sys, time
        from pathlib import Path
        from search.index import Entry, Index
        def entries():
            for n in range(50):
                yield Entry(f"N.{n}", text="mới").sealed()
            print("half-way", flush=True)
            time.sleep(60)
        Index(Path(sys.argv[1]), sys.argv[2]).rebuild(entries())
    """, str(tmp_path), engine)
    assert rebuilder.stdout is not None
    assert rebuilder.stdout.readline() == "half-way\n"
    assert codes(Index.open(tmp_path, engine), "liên xã") == [TC1]      # serves while the new one is made
    rebuilder.send_signal(signal.SIGKILL)
    rebuilder.communicate()
    index = Index.open(tmp_path, engine)
    assert set(index.fingerprints()) == {TC1, TC2}
    index.add(REGULATIONS)
    assert index.count() == 7
    assert len(list(tmp_path.glob("generation-*"))) == 1        # what the dead left behind is gone


def test_two_writers_take_turns_and_a_waiting_one_gives_up_in_words(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str) -> None:
    index = Index.open(tmp_path, engine)
    monkeypatch.setattr(index_module, "WAIT_SECONDS", 0.1)

    def meanwhile() -> Iterator[Entry]:
        with pytest.raises(IndexBusyError):
            Index.open(tmp_path, engine).add([OTHERS[1]])
        yield OTHERS[0]

    index.add(meanwhile())
    assert list(index.fingerprints()) == [TC1]
    assert Index.open(tmp_path, engine).add([OTHERS[1]]) == 1


@pytest.mark.parametrize("made", [TantivyEngine, WhooshEngine])
def test_an_engine_whose_own_lock_is_held_says_busy(
        tmp_path: Path, made: type[TantivyEngine] | type[WhooshEngine], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{made.__module__}.LOCK_SECONDS", 0.1)
    one, other = made(tmp_path), made(tmp_path)
    writer = one._writer()
    with pytest.raises(IndexBusyError):
        other.add(OTHERS)
    writer.rollback() if made is TantivyEngine else writer.cancel()
    del writer
    assert other.add(OTHERS) == 2


# --- records and commands ------------------------------------------------------------------------------------

RECORD = {
    "code": "H99.2026.01.VP.0000007", "case_file": "H99.2026.01.VP", "case_title": "Văn thư năm 2026",
    "legal_value": "signed_original",
    "fields": {"codeNumber": "07", "codeNotation": "KH-SNV", "issuedDate": "05/03/2026", "typeName": "10",
               "organName": "Sở Nội vụ", "subject": "Kế hoạch chỉnh lý", "signer": "Lê Thị Lý"},
}


def test_an_entry_is_made_from_the_record_and_the_text() -> None:
    entry = entry_from_record(RECORD, unicodedata.normalize("NFD", "Nội dung"))
    assert (entry.code, entry.number, entry.issued_on, entry.type_name, entry.text) == (
        "H99.2026.01.VP.0000007", "07", "2026-03-05", "Kế hoạch", "Nội dung")
    assert entry == entry.sealed()
    assert entry_from_record(RECORD, "khác").fingerprint != entry.fingerprint


@pytest.mark.parametrize(("issued", "expected"), [("05/03/2026", "2026-03-05"), ("03/2026", "2026-03"),
                                                  ("2026", "2026"), ("31/02/2026", ""), ("", "")])
def test_as_much_of_a_date_is_indexed_as_is_known(issued: str, expected: str) -> None:
    assert entry_from_record({**RECORD, "fields": {"issuedDate": issued}}, "").issued_on == expected


def run(archive: Archive, command: object, *arguments: str) -> Result:
    return CliRunner().invoke(command, list(arguments), obj=archive.settings.root)  # type: ignore[arg-type]


def test_the_search_command_shows_number_date_title_and_the_place(archive: Archive) -> None:
    index = open_index(archive.settings)
    index.add([*REGULATIONS, *OTHERS])
    index.close()
    shown = run(archive, search_command.command, "35/2016/QĐ-UBND")
    assert shown.exit_code == 0, shown.output
    flat = " ".join(shown.output.replace("│", " ").split())
    assert "15/11/2016" in flat and "35/2016/QĐ-UBND" in flat and "hồ sơ điện tử" in flat
    found = json.loads(run(archive, search_command.command, "van", "phong", "-mờ", "--type", "QĐ", "--from", "2019",
                           "--to", "2019", "--limit", "1", "--json").output)
    assert found["total"] == 2
    assert len(found["hits"]) == 1
    assert found["hits"][0]["snippet"]["marks"]
    assert found["hits"][0]["code"] in (THAI_BINH, LONG_AN)
    quoted = json.loads(run(archive, search_command.command, "mạng văn phòng", "coquan:UBND tỉnh Thái Bình",
                            "--json").output)
    assert [hit["code"] for hit in quoted["hits"]] == [THAI_BINH]


def test_a_date_that_is_none_is_a_wrong_use(archive: Archive) -> None:
    assert run(archive, search_command.command, "x", "--from", "31/02/2020").exit_code == 2


def test_index_verify_tells_a_surplus_and_rebuild_mends_it(archive: Archive) -> None:
    index = open_index(archive.settings)
    index.add(OTHERS)
    index.close()
    told = run(archive, index_command.command, "verify", "--json")
    assert told.exit_code == 3, told.output
    assert json.loads(told.output)["surplus"] == [TC1, TC2]
    assert json.loads(run(archive, index_command.command, "rebuild", "--json").output) == {"documents": 0, "resumed": 0}
    assert run(archive, index_command.command, "verify").exit_code == 0
