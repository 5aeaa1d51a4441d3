"""Promises about corrected texts: the recognised text stays, the person's is used, nothing is lost to a kill."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session

from archive import catalogue, layout, model, opening, records, revisions, text_layers, texts
from archive.correcting import CorrectionRefusedError, correct_document
from archive.errors import UsageError
from archive.opening import Archive, ownership
from archive.rebuild import rebuild
from archive.store import Store
from cli import luutru
from ingest import review
from ingest.digitise.text_quality import review as quality
from search.index import open_index
from tests import text_material as made
from tests.text_material import CASE_FILE, ONE_PAGE, TWO_PAGES, record_of, text_of

RIGHT = "QUYẾT ĐỊNH\nVề việc công nhận bảo vật zirkonzahn"


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive after one night, to be copied."""
    return made.shelf(tmp_path_factory)


@pytest.fixture
def held(shelf: Path, tmp_path: Path) -> Iterator[Archive]:
    archive = made.copied(shelf, tmp_path / "kho")
    yield archive
    archive.close()


@pytest.fixture(params=["open", "closed"])
def either(held: Archive, request: pytest.FixtureRequest) -> Archive:
    """The archive with its case file open, and concluded."""
    if request.param == "closed":
        made.close(held)
    return held


def put_right(archive: Archive, text: str = RIGHT, *, code: str = TWO_PAGES, page: int = 2, by: str = "Lan",
              version: int | None = None) -> None:
    seen = review.page_text(archive, code, 0, page).version if version is None else version
    with ownership(archive):
        review.correct(archive, code, 0, page, text, by=by, reason="đối chiếu ảnh", version=seen)


def found(archive: Archive, words: str) -> list[str]:
    index = open_index(archive.settings)
    try:
        return [hit.code for hit in index.search(words).hits]
    finally:
        index.close()


def kinds(archive: Archive) -> list[str]:
    return [line.kind for line in archive.ledger.lines()]


def same_after_rebuild(archive: Archive) -> None:
    with archive.catalogue.session() as session:
        before = catalogue.rows(session)
    rebuild(archive)
    with archive.catalogue.session() as session:
        after = catalogue.rows(session)
    for rows in (before, after):
        for row in rows["document"]:
            row["indexed"] = ""
    assert after == before


# --- what a correction does ---------------------------------------------------------------------------------


def test_the_text_in_use_is_the_persons_and_what_was_recognised_stays(either: Archive) -> None:
    before = text_of(either, TWO_PAGES)
    object_id = layout.casefile_object(CASE_FILE)
    path = f"{layout.TEXT}/{TWO_PAGES}.txt"
    recognised = either.store.read(object_id, path)
    put_right(either)
    assert text_of(either, TWO_PAGES) == before.split("\f")[0] + "\f" + RIGHT
    assert either.store.read(object_id, path) == recognised
    told = review.page_text(either, TWO_PAGES, 0, 2)
    assert told.recognised == before.split("\f")[1] and told.corrected == RIGHT
    [one] = told.history
    assert (one.by, one.reason) == ("Lan", "đối chiếu ảnh")
    assert one.recognised == one.before == hashlib.sha256(told.recognised.encode()).hexdigest()
    assert one.after == hashlib.sha256(RIGHT.encode()).hexdigest()


def test_it_is_found_by_the_corrected_text_and_no_longer_by_the_wrong_one(either: Archive) -> None:
    assert found(either, "zirkonzahn") == []
    wrong = review.page_text(either, TWO_PAGES, 0, 2).recognised.split()[0]
    put_right(either)
    assert found(either, "zirkonzahn") == [TWO_PAGES]
    assert wrong not in text_of(either, TWO_PAGES).split("\f")[1]


def test_every_earlier_correction_stays(either: Archive) -> None:
    put_right(either, "một", by="Lan")
    put_right(either, "hai", by="Minh")
    put_right(either, "ba", page=1, by="Hoa")
    told = review.page_text(either, TWO_PAGES, 0, 2)
    assert [(one.by, one.text) for one in told.history] == [("Lan", "một"), ("Minh", "hai")]
    assert told.history[1].before == told.history[0].after and told.corrected == "hai"
    assert text_of(either, TWO_PAGES) == "ba\fhai"
    events = texts.history(either, TWO_PAGES)
    assert [event.actor for event in events] == ["Lan", "Minh", "Hoa"]
    assert [event.data["n"] for event in events] == [1, 2, 3]


def test_a_closed_case_file_keeps_its_aip_and_the_correction_lies_beside(held: Archive) -> None:
    made.close(held)
    object_id = layout.casefile_object(CASE_FILE)
    version = held.store.version(object_id)
    put_right(held)
    assert held.store.version(object_id) == version
    assert held.store.version(layout.texts_object(CASE_FILE)) == 1
    [event] = texts.history(held, TWO_PAGES)
    assert event.data["object"] == layout.texts_object(CASE_FILE) and event.data["files"] == {}
    with held.catalogue.session() as session:
        assert session.get_one(model.CaseFile, CASE_FILE).state == "closed"


def test_after_a_reopening_the_next_correction_carries_all_into_the_case_files_own_object(held: Archive) -> None:
    from archive import clock, closing

    put_right(held, "trước khi đóng")
    made.close(held)
    put_right(held, "khi đã đóng", page=1)
    with ownership(held):
        closing.reopen(held, CASE_FILE, at=clock.now(), by="Lan", reason="bổ sung")
        correct_document(held, TWO_PAGES, {"subject": "Việc khác"}, "sai", by="Lan")
    assert text_of(held, TWO_PAGES) == "khi đã đóng\ftrước khi đóng"
    put_right(held, "sau khi mở lại")
    assert text_of(held, TWO_PAGES) == "khi đã đóng\fsau khi mở lại"
    assert [one.text for one in texts.corrections(held.store, record_of(held, TWO_PAGES))] == [
        "trước khi đóng", "khi đã đóng", "sau khi mở lại"]
    assert kinds(held).count("text_corrected") == 3 and kinds(held).count("document_corrected") == 1
    same_after_rebuild(held)


def test_the_layers_are_files_of_the_document_with_their_hashes(held: Archive) -> None:
    put_right(held)
    record = record_of(held, TWO_PAGES)
    stored = held.store.files(layout.casefile_object(CASE_FILE))
    layers = {file["role"]: file for file in record["files"] if file["role"].startswith("text-")}
    assert set(layers) == {text_layers.CURRENT, text_layers.CORRECTIONS}
    for file in layers.values():
        assert stored[file["path"]].sha256 == file["sha256"] and stored[file["path"]].size == file["size"]
    [event] = texts.history(held, TWO_PAGES)
    assert event.data["files"] == {file["path"]: file["sha256"] for file in layers.values()}


ASKED = {"requestID": "KT.1", "requestDate": "19/11/2026", "purpose": "02", "purposeContent": "nghiên cứu",
         "feeObjectType": "10", "researchTopic": "Tổ chức"}


def packed(archive: Archive, to: Path, form: str, code: str) -> Path:
    """The folder of a package of this form."""
    told = [part for tag, value in ASKED.items() for part in ("--set", f"{tag}={value}")] if form == "dip" else []
    done = run(archive, "package", "write", code, "--form", form, "--to", str(to), "--folder", "--force", "thử", *told)
    assert done.exit_code == 0, done.output
    [folder] = to.iterdir()
    return folder


def test_a_reader_gets_the_text_in_use(either: Archive, tmp_path: Path) -> None:
    put_right(either)
    folder = packed(either, tmp_path / "ra", "dip", TWO_PAGES)
    assert (folder / f"documentation/texts/{TWO_PAGES}.current.txt").read_text().endswith(RIGHT)
    assert f"{TWO_PAGES}.current.txt" in (folder / "METS.xml").read_text()
    assert not list(folder.rglob("*.corrections.json"))


def test_an_aip_holds_every_layer_also_those_of_after_its_closing(held: Archive, tmp_path: Path) -> None:
    put_right(held, "trước")
    made.close(held)
    put_right(held, "sau")
    folder = packed(held, tmp_path / "ra", "aip_hoso", CASE_FILE)
    layers = [json.loads((folder / place / f"{TWO_PAGES}.corrections.json").read_text())["corrections"]
              for place in (layout.TEXT, "documentation/texts")]
    assert [[one["text"] for one in layer] for layer in layers] == [["trước"], ["trước", "sau"]]
    checked = json.loads(run(held, "package", "check", str(folder), "--json").output)
    assert not {found["code"] for found in checked[0]["findings"] if found["level"] in ("refused", "failed")}


def test_correcting_fields_afterwards_keeps_the_text_and_tells_it_once(held: Archive) -> None:
    put_right(held)
    with ownership(held):
        correct_document(held, TWO_PAGES, {"subject": "Việc khác"}, "sai", by="Lan")
    assert text_of(held, TWO_PAGES).endswith(RIGHT)
    assert kinds(held)[-2:] == ["text_corrected", "document_corrected"]
    same_after_rebuild(held)


# --- what is refused ----------------------------------------------------------------------------------------


def test_a_text_that_changed_meanwhile_is_not_overwritten(either: Archive) -> None:
    put_right(either, "của Lan", version=0)
    with pytest.raises(CorrectionRefusedError) as refused:
        put_right(either, "của Minh", version=0)
    assert [one.code for one in refused.value.findings] == ["DIGITISE-070"]
    assert text_of(either, TWO_PAGES).endswith("\fcủa Lan")


@pytest.mark.parametrize("text", ["một\fhai", "chuông\x07", "x" * 200_001])
def test_what_no_page_holds_is_refused(held: Archive, text: str) -> None:
    with pytest.raises(CorrectionRefusedError) as refused:
        put_right(held, text)
    assert [one.code for one in refused.value.findings] == ["DIGITISE-071"]
    assert kinds(held).count("text_corrected") == 0


def test_what_is_not_there_is_a_wrong_use(held: Archive) -> None:
    for code, part, page in (("H99.2026.01.VP.0000009", 0, 1), (TWO_PAGES, 1, 1), (TWO_PAGES, 0, 3), (TWO_PAGES, 0, 0)):
        with pytest.raises(UsageError):
            review.page_text(held, code, part, page)
        with pytest.raises(UsageError), ownership(held):
            review.correct(held, code, part, page, "chữ", by="Lan", reason="vì", version=0)
    with pytest.raises(UsageError), ownership(held):
        review.correct(held, TWO_PAGES, 0, 1, "chữ", by="Lan", reason=" ", version=0)


def test_only_archivists_correct_where_the_settings_name_them(held: Archive) -> None:
    agency = held.settings.agency.model_copy(update={"archivists": ["Lan"]})
    strict = replace(held, settings=held.settings.model_copy(update={"agency": agency}))
    with pytest.raises(CorrectionRefusedError) as refused:
        put_right(strict, by="Minh")
    assert [one.code for one in refused.value.findings] == ["CORR-001"]
    put_right(strict, by="Lan")


def test_the_same_text_once_more_writes_nothing(held: Archive) -> None:
    put_right(held)
    version = held.store.version(layout.casefile_object(CASE_FILE))
    put_right(held)
    assert held.store.version(layout.casefile_object(CASE_FILE)) == version


# --- kills and rebuilds -------------------------------------------------------------------------------------


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.mark.parametrize("place", ["put", "told"])
def test_a_killed_correction_is_caught_up_by_the_next_owner(either: Archive, place: str,
                                                            monkeypatch: pytest.MonkeyPatch) -> None:
    def after_put(real: Callable[..., int]) -> Callable[..., int]:
        def put(self: Store, *args: Any, **kwargs: Any) -> int:
            real(self, *args, **kwargs)
            raise Killed
        return put

    def killed(*_args: Any, **_kwargs: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        if place == "put":      # the process dies with the put: nobody catches up
            patch.setattr(Store, "put", after_put(Store.put))
            patch.setattr(revisions, "catch_up", lambda *_args: [])
            put_right(either)
        else:                   # … or when the ledger has the event, and the catalogue not
            patch.setattr(records, "renew", killed)
            put_right(either)
    assert text_of(either, TWO_PAGES).endswith("\f" + RIGHT)
    with ownership(either):
        pass
    assert kinds(either).count("text_corrected") == 1
    with either.catalogue.session() as session:
        assert session.get_one(model.Document, TWO_PAGES).text_changes == 1
        assert session.get_one(model.Document, TWO_PAGES).indexed == ""     # the next night indexes it
        assert session.get_one(model.CaseFile, CASE_FILE).state in ("open", "closed")
    assert [row.corrected for row in made.rows_of(either)] == [False, False, True]
    same_after_rebuild(either)


def test_a_rebuild_writes_the_event_that_a_kill_kept_from_the_ledger(either: Archive,
                                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(revisions, "catch_up", lambda *_args: [])
        put_right(either)
    assert kinds(either).count("text_corrected") == 0
    with ownership(either, rebuilding=True):
        rebuild(either)
    assert kinds(either).count("text_corrected") == 1
    assert made.rows_of(either)[2].corrected


def test_a_rebuild_makes_the_same_rows(either: Archive) -> None:
    put_right(either)
    put_right(either, "một", code=ONE_PAGE, page=1)
    same_after_rebuild(either)


def test_a_catalogue_of_before_learns_the_pages_from_the_store(held: Archive) -> None:
    with held.catalogue.session() as session:
        wanted = catalogue.rows(session)
        session.query(model.PageText).delete()
        session.query(model.Document).update({"text_changes": -1})
    held.close()
    again = opening.open_archive(held.settings)
    with ownership(again):
        pass
    with again.catalogue.session() as session:
        assert catalogue.rows(session) == wanted
    again.close()


# --- the review list ----------------------------------------------------------------------------------------


def test_the_list_is_what_the_measure_says_worst_first(held: Archive) -> None:
    with held.catalogue.session() as session:
        listed = review.pages_to_review(session, held, worse_than=0.9)
        measured = {(record["code"], page["page"]): quality(page) for record in
                    records.read_documents(held.store, CASE_FILE) for page in record["digitised"]["pages"]}
        assert {(one.document, one.page): one.score for one in listed} == measured and len(listed) == 3
        assert [one.score for one in listed] == sorted(filter(None, measured.values()))
        assert review.pages_to_review(session, held, worse_than=0.9, limit=1) == listed[:1]
        assert review.pages_to_review(session, held, worse_than=0.5) == []
        assert review.pages_to_review(session, held, worse_than=0.9, fonds="H98") == []
        assert review.pages_to_review(session, held, worse_than=0.9, batch="2026-01-01.1") == []
        assert len(review.pages_to_review(session, held, worse_than=0.9, document=TWO_PAGES, fonds="H99")) == 2


@pytest.fixture(scope="module")
def empty() -> Iterator[Engine]:
    """A catalogue in memory that knows one document."""
    engine = create_engine("sqlite://")
    model.Base.metadata.create_all(engine, tables=[model.Base.metadata.tables[name] for name in (
        "document", "page_text")])
    with Session(engine) as session, session.begin():
        session.add(model.Document(code="d", case_file="c", ordinal=1, item="i", profile="p", received_at="",
                                   legal_received_at="", receipt_rule="", batch="", version=1))
    yield engine
    engine.dispose()


@settings(deadline=None)
@given(st.floats(0, 1), st.one_of(st.none(), st.floats(0, 100)), st.one_of(st.none(), st.floats(0, 1)),
       st.integers(0, 9), st.booleans())
def test_no_page_below_the_limit_is_missed_by_the_rows_that_are_looked_at(
        empty: Engine, least: float, confidence: float | None, syllables: float | None, misread: int,
        foreign: bool) -> None:
    row = model.PageText(document="d", part=0, page=1, failed=confidence is None, confidence=confidence,
                         syllables=syllables, misread=misread, foreign=foreign, corrected=False, stale=False,
                         reading=1, engine="")
    with Session(empty) as session:     # rolled back at its end
        session.add(row)
        session.flush()
        seen = session.execute(review.below(least)).all()
        assert seen or review.score_of(row) >= least - 1e-9


def test_a_corrected_page_leaves_the_list(held: Archive) -> None:
    put_right(held)
    with held.catalogue.session() as session:
        assert (TWO_PAGES, 2) not in {(one.document, one.page) for one in
                                      review.pages_to_review(session, held, worse_than=0.9)}
        with_it = review.pages_to_review(session, held, worse_than=0.9, corrected=True)
    assert [one.corrected for one in with_it if (one.document, one.page) == (TWO_PAGES, 2)] == [True]


def test_page_one_offers_what_its_head_says_and_no_other_page_does(held: Archive) -> None:
    first, second = (review.page_text(held, TWO_PAGES, 0, page) for page in (1, 2))
    assert {one.tag for one in first.proposals} >= {"organName"} and second.proposals == []
    organ = next(one for one in first.proposals if one.tag == "organName")
    assert organ.recorded == "Sở Nội vụ tỉnh Mẫu" and organ.differs and 0 < organ.sureness < 1


def test_the_picture_of_a_page_is_drawn_at_the_width_that_is_asked_for(held: Archive) -> None:
    import io

    from PIL import Image

    data = review.page_picture(held, TWO_PAGES, 0, 2, width=300)
    picture = Image.open(io.BytesIO(data))
    assert picture.format == "PNG" and picture.width == 300 and 400 < picture.height < 450
    assert min(picture.convert("L").tobytes()) < 100        # something is written on it
    with pytest.raises(UsageError):
        review.page_picture(held, TWO_PAGES, 0, 3, width=300)


# --- pages and parts ----------------------------------------------------------------------------------------


def record(*names: str) -> dict[str, Any]:
    return {"files": [{"role": "original", "name": "văn bản.pdf"},
                      *({"role": "attachment", "name": name} for name in names)]}


@given(st.lists(st.lists(st.text(st.characters(exclude_characters="\f\n-"), max_size=9), min_size=1, max_size=3),
                min_size=1, max_size=4))
def test_a_text_is_split_into_its_parts_and_comes_back_the_same(parts: list[list[str]]) -> None:
    told = record(*(f"phụ lục {n % 2}.pdf" for n in range(len(parts) - 1)))
    pages = {n: own for n, own in enumerate(parts) if any(page.strip() for page in own)}
    whole = text_layers.join(told, pages)
    assert text_layers.join(told, text_layers.split(told, whole)) == whole
    if len(pages) == len(parts):
        assert text_layers.split(told, whole) == pages


# --- the commands -------------------------------------------------------------------------------------------


def run(archive: Archive, *args: str, **more: Any) -> Any:
    return CliRunner().invoke(luutru, ["--root", str(archive.settings.root), *args], catch_exceptions=False, **more)


def test_the_commands_list_correct_and_show(held: Archive, tmp_path: Path) -> None:
    done = run(held, "digitise", "review", "--worse-than", "0.9", "--json")
    assert [one["document"] for one in json.loads(done.output)] and done.exit_code == 0
    (tmp_path / "trang.txt").write_text(RIGHT + "\n", encoding="utf-8")
    ask = ("digitise", "correct", TWO_PAGES, "--page", "2", "--text-file", str(tmp_path / "trang.txt"))
    shown = run(held, *ask, "--dry-run", "--json")
    assert json.loads(shown.output)["corrected"] is False and text_layers.number(record_of(held, TWO_PAGES)) == 0
    done = run(held, *ask, "--reason", "đối chiếu", "--json", env={"LUUTRU_USER": "Lan"})
    assert done.exit_code == 0 and json.loads(done.output)["history"][0]["by"] == "Lan"
    assert RIGHT in run(held, "document", "show", TWO_PAGES, "--text").output
    listed = json.loads(run(held, "digitise", "review", "--worse-than", "0.9", "--json").output)
    assert (TWO_PAGES, 2) not in {(one["document"], one["page"]) for one in listed}
    assert "text_corrected" in {event["kind"] for event in json.loads(
        run(held, "document", "show", TWO_PAGES, "--history", "--json").output)["text_history"]}


def test_a_command_without_reason_or_page_is_a_wrong_use(held: Archive, tmp_path: Path) -> None:
    (tmp_path / "trang.txt").write_bytes(b"\xff\xfe")
    assert run(held, "digitise", "correct", TWO_PAGES, "--text-file", str(tmp_path / "trang.txt")).exit_code == 2
    assert run(held, "digitise", "correct", TWO_PAGES, "--page", "1", "--text-file",
               str(tmp_path / "trang.txt"), "--reason", "vì").exit_code == 2


def test_show_offers_the_proposals_where_the_record_disagrees(held: Archive) -> None:
    told = json.loads(run(held, "document", "show", TWO_PAGES, "--json").output)
    assert [one["tag"] for one in told["proposals"] if one["differs"]] == ["organName"]
