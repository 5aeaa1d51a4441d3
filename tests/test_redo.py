"""Promises about reading scans again: the better text is used, both are kept, a person's correction always wins."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pikepdf
import pypdfium2
import pytest
from click.testing import CliRunner

from archive import catalogue, layout, opening, text_layers, texts
from archive import settings as settings_module
from archive.errors import UsageError
from archive.opening import Archive, ownership
from archive.rebuild import rebuild
from cli import luutru
from ingest import digitise, pending_seals, redoing, review
from ingest.digitise import running
from ingest.item import Context, Item
from ingest.pending_seals import waiting
from ingest.redoing import Outcome
from ingest.signatures.sealing import open_sealer
from tests import sealing_material
from tests import text_material as made
from tests.conftest import NIGHT
from tests.text_material import CASE_FILE, ONE_PAGE, TWO_PAGES, record_of, text_of

LIMIT = 0.9         # a reader of English is sure of itself on Vietnamese pages: 0.82 to 0.83


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive whose scans were read with a poor engine."""
    return made.shelf(tmp_path_factory)


@pytest.fixture(scope="module")
def done_once(shelf: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, read again with today's engine."""
    root = tmp_path_factory.mktemp("redo") / "kho"
    archive = made.copied(shelf, root, "vie")
    told = settings_module.FILE_NAME
    (root / told).write_text((root / told).read_text().replace('languages = "eng"', 'languages = "vie"'))
    again(archive)
    archive.close()
    return root


@pytest.fixture
def held(shelf: Path, tmp_path: Path) -> Iterator[Archive]:
    archive = made.copied(shelf, tmp_path / "kho", "vie")
    yield archive
    archive.close()


@pytest.fixture
def redone(done_once: Path, tmp_path: Path) -> Iterator[Archive]:
    archive = made.copied(done_once, tmp_path / "kho", "vie")
    yield archive
    archive.close()


def chosen(archive: Archive, **how: Any) -> list[redoing.Wanted]:
    with archive.catalogue.session() as session:
        return redoing.wanted(session, archive.settings, **({"worse_than": LIMIT} | how))


def again(archive: Archive, **how: Any) -> list[Outcome]:
    outcomes: list[Outcome] = []
    redoing.redo(archive, chosen(archive, **how), outcomes.append, by="Lan")
    redoing.index(archive)
    return outcomes


def codes(outcome: Outcome) -> list[str]:
    return sorted(found.code for found in outcome.findings)


def hidden_text(archive: Archive, code: str) -> list[str]:
    """The text layer of the access copy, page by page."""
    [file] = [file for file in record_of(archive, code)["files"] if file["role"] == "access"]
    place = archive.store.files(layout.casefile_object(CASE_FILE))[file["path"]].place
    with pypdfium2.PdfDocument(place) as pdf:
        return [page.get_textpage().get_text_bounded() for page in pdf]


# --- what is read again -------------------------------------------------------------------------------------


def test_poor_pages_of_another_engine_are_chosen_worst_first(held: Archive) -> None:
    found = chosen(held)
    assert {one.code: one.pages for one in found} == {ONE_PAGE: ((0, 1),), TWO_PAGES: ((0, 1), (0, 2))}
    assert [one.worst for one in found] == sorted(one.worst for one in found)
    assert chosen(held, worse_than=0.5) == [] and len(chosen(held, limit=1)) == 1
    assert [one.code for one in chosen(held, documents=[TWO_PAGES])] == [TWO_PAGES]
    assert chosen(held, fonds="H98") == chosen(held, batch="2020-01-01.1") == []
    assert len(chosen(held, worse_than=None, engine_older=True)) == 2 and chosen(held, worse_than=None) == []


def test_the_better_text_is_used_and_the_former_one_is_kept(redone: Archive, shelf: Path, tmp_path: Path) -> None:
    before = made.copied(shelf, tmp_path / "truoc")
    old = text_of(before, TWO_PAGES)
    before.close()
    new = text_of(redone, TWO_PAGES)
    assert "Quyết định này" in new and "Quyết định này" not in old
    record = record_of(redone, TWO_PAGES)
    assert texts.received_text(redone.store, record) == old
    assert record["texts"]["readings"][0]["engine"]["languages"] == "vie"
    assert record["digitised"]["engine"]["languages"] == "eng"
    reading = json.loads(redone.store.read(layout.casefile_object(CASE_FILE), record["texts"]["readings"][0]["path"]))
    assert [(page["page"], page["used"]) for page in reading["pages"]] == [(1, True), (2, True)]
    assert all(page["score"] > page["before"] for page in reading["pages"])
    assert [row.reading for row in made.rows_of(redone)] == [2, 2, 2]


def test_the_access_copy_carries_the_new_text_and_the_former_copy_stays_in_its_version(redone: Archive) -> None:
    shown = hidden_text(redone, TWO_PAGES)
    assert len(shown) == 2 and all("Quyết định này" in page for page in shown)
    [file] = [file for file in record_of(redone, TWO_PAGES)["files"] if file["role"] == "access"]
    object_id = layout.casefile_object(CASE_FILE)
    first = redone.store.files(object_id, 1)[file["path"]]
    assert redone.store.files(object_id)[file["path"]].sha256 == file["sha256"] != first.sha256
    assert first.place.is_file()
    with pikepdf.open(redone.store.files(object_id)[file["path"]].place) as pdf, pdf.open_metadata() as told:
        assert told.pdfa_status == "2B"


def test_it_is_found_by_the_new_text(redone: Archive) -> None:
    from search.index import open_index

    index = open_index(redone.settings)
    try:
        assert {hit.code for hit in index.search("bãi bỏ trái với").hits} >= {TWO_PAGES}
    finally:
        index.close()


def test_a_second_run_reads_nothing(redone: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "run", lambda *_args: pytest.fail("a page was read"))
    assert chosen(redone) == [] and chosen(redone, worse_than=None, engine_older=True) == []
    assert again(redone) == []


def test_the_ledger_tells_it_and_a_rebuild_makes_the_same_rows(redone: Archive) -> None:
    events = texts.history(redone, TWO_PAGES)
    assert [(event.kind, event.actor, event.data["used"]) for event in events] == [
        ("text_reread", "Lan", [[0, 1], [0, 2]])]
    with redone.catalogue.session() as session:
        before = catalogue.rows(session)
    rebuild(redone)
    with redone.catalogue.session() as session:
        after = catalogue.rows(session)
    for row in (*before["document"], *after["document"]):
        row["indexed"] = ""
    assert after == before


def test_a_worse_reading_is_kept_but_not_used_and_not_tried_again(redone: Archive) -> None:
    poor = opening.open_archive(redone.settings.model_copy(update={
        "ocr": redone.settings.ocr.model_copy(update={"languages": "eng"})}))
    before, access = text_of(poor, ONE_PAGE), hidden_text(poor, ONE_PAGE)
    [outcome] = again(poor, worse_than=1.0, documents=[ONE_PAGE])
    assert codes(outcome) == ["DIGITISE-073"] and outcome.kept and not outcome.used and not outcome.access
    assert text_of(poor, ONE_PAGE) == before and hidden_text(poor, ONE_PAGE) == access
    assert len(record_of(poor, ONE_PAGE)["texts"]["readings"]) == 2
    assert chosen(poor, worse_than=1.0, documents=[ONE_PAGE]) == []
    poor.close()


# --- persons ------------------------------------------------------------------------------------------------


def test_a_persons_correction_wins_and_is_shown_as_to_be_looked_at(held: Archive) -> None:
    with ownership(held):
        review.correct(held, TWO_PAGES, 0, 2, "chữ của người", by="Lan", reason="đối chiếu", version=0)
    [outcome] = again(held, documents=[TWO_PAGES])
    assert codes(outcome) == ["DIGITISE-072", "DIGITISE-076"]
    first, second = text_of(held, TWO_PAGES).split("\f")
    assert "Quyết định này" in first and second == "chữ của người"
    told = review.page_text(held, TWO_PAGES, 0, 2)
    assert told.stale and told.corrected == "chữ của người" and "Quyết định này" in told.recognised
    with held.catalogue.session() as session:
        listed = review.pages_to_review(session, held)
    assert [(one.document, one.page, one.stale, one.corrected) for one in listed] == [(TWO_PAGES, 2, True, True)]
    with ownership(held):       # confirmed: it leaves the list
        review.correct(held, TWO_PAGES, 0, 2, "chữ của người", by="Lan", reason="đã đối chiếu", version=told.version)
    with held.catalogue.session() as session:
        assert review.pages_to_review(session, held) == []


# --- closed case files, seals, secrecy, damage --------------------------------------------------------------


def test_a_closed_case_file_keeps_its_aip_and_gets_the_new_text_beside(held: Archive) -> None:
    made.close(held)
    version, access = held.store.version(layout.casefile_object(CASE_FILE)), hidden_text(held, ONE_PAGE)
    [outcome] = again(held, documents=[ONE_PAGE])
    assert codes(outcome) == ["DIGITISE-072", "DIGITISE-075"] and not outcome.access
    assert "Quyết định này" in text_of(held, ONE_PAGE) and hidden_text(held, ONE_PAGE) == access
    assert held.store.version(layout.casefile_object(CASE_FILE)) == version
    assert chosen(held, documents=[ONE_PAGE]) == []


def test_a_sealed_copy_stays_until_the_new_one_is_sealed(held: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    record = record_of(held, ONE_PAGE)
    [file] = [file for file in record["files"] if file["role"] == "access"]
    seal = {"state": "sealed", "version": 0, "files": {file["path"]: {"unsealed_size": file["size"]}}}
    sealed = {**record, "legal_value": "signed_copy", "facts": {**record["facts"], "seal": seal}}
    real = redoing._record
    monkeypatch.setattr(redoing, "_record", lambda archive, one: sealed if one.code == ONE_PAGE else real(archive, one))
    [outcome] = again(held, documents=[ONE_PAGE])
    assert codes(outcome) == ["DIGITISE-072", "DIGITISE-074"] and outcome.access
    now = record_of(held, ONE_PAGE)
    copies = {file["role"]: file for file in now["files"] if file["role"].startswith("access")}
    assert copies["access"] == file and now["legal_value"] == "signed_copy"
    assert copies["access-waiting"]["for"] == file["path"]
    assert [one.code for one in waiting(held)] == [ONE_PAGE]

    key = settings_module.SealSettings(pkcs12="dau.p12", level="B-B")
    archive = replace(held, settings=held.settings.model_copy(update={"seal": key}))
    sealing_material.house(archive.settings.root)
    monkeypatch.setenv("LUUTRU_SEAL_PIN", sealing_material.PIN)
    newer = archive.store.files(layout.casefile_object(CASE_FILE))[copies["access-waiting"]["path"]].place.read_bytes()
    done: list[Any] = []
    with open_sealer(archive.settings) as sealer, ownership(archive):
        pending_seals.seal_waiting(archive, sealer, waiting(archive), "Lan", done.append)
    assert [one.done for one in done] == [True], done
    [last] = [one for one in record_of(archive, ONE_PAGE)["files"] if one["role"].startswith("access")]
    assert last["path"] == file["path"] and last["sha256"] not in (file["sha256"], copies["access-waiting"]["sha256"])
    place = archive.store.files(layout.casefile_object(CASE_FILE))[last["path"]].place
    assert place.read_bytes().startswith(newer) and "Quyết định này" in hidden_text(archive, ONE_PAGE)[0]
    assert waiting(archive) == [] and "Quyết định này" in text_of(archive, ONE_PAGE)


def test_a_mark_of_secrecy_that_comes_to_light_is_told_and_its_text_not_kept(
        held: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    real = redoing._compared

    def marked(*args: Any) -> Iterator[dict[str, Any]]:
        for page in real(*args):
            yield page | {"text": "TỐI MẬT\n" + page["text"]}

    monkeypatch.setattr(redoing, "_compared", marked)
    before = text_of(held, ONE_PAGE)
    [outcome] = again(held, documents=[ONE_PAGE])
    assert "DIGITISE-078" in codes(outcome) and not outcome.used
    assert text_of(held, ONE_PAGE) == before
    place = record_of(held, ONE_PAGE)["texts"]["readings"][0]["path"]
    assert "MẬT" not in held.store.read(layout.casefile_object(CASE_FILE), place).decode()


def test_a_damaged_master_is_told_and_nothing_changes(held: Archive) -> None:
    [file] = [file for file in record_of(held, ONE_PAGE)["files"] if file["role"] == "original"]
    place = held.store.files(layout.casefile_object(CASE_FILE))[file["path"]].place
    place.chmod(0o644)
    place.write_bytes(place.read_bytes() + b"\n")
    [outcome] = again(held, documents=[ONE_PAGE])
    assert codes(outcome) == ["DIGITISE-077"] and not outcome.kept
    assert text_layers.number(record_of(held, ONE_PAGE)) == 0


# --- languages, the command ---------------------------------------------------------------------------------


def test_a_fonds_has_languages_of_its_own(held: Archive) -> None:
    ocr = held.settings.ocr.model_copy(update={"languages": "vie", "languages_of": {"H99": "eng"}})
    told = held.settings.model_copy(update={"ocr": ocr})
    assert redoing.languages_of(told, "H99") == "eng" and redoing.languages_of(told, "H98") == "vie"
    with held.catalogue.session() as session:       # read by just this already
        assert redoing.wanted(session, told, worse_than=LIMIT) == []


@pytest.mark.parametrize(("code", "languages"), [
    ("H99.KT.2026.01.VP", "vie+eng"), ("H99.2026.01.VP", "vie"), ("", "vie"), ("không phải mã", "vie")])
def test_the_night_reads_what_comes_for_a_fonds_in_its_languages(code: str, languages: str, tmp_path: Path) -> None:
    told = settings_module.Settings(root=tmp_path, ocr=settings_module.OcrSettings(languages_of={"H99.KT": "vie+eng"}))
    item = Item("1", "inbox", "a.pdf", tmp_path, [], NIGHT, fields={"fileCode": code})
    assert digitise._with_languages(item, Context(told, NIGHT.date(), NIGHT)).settings.ocr.languages == languages


def test_missing_language_data_are_told_and_nothing_is_read(held: Archive) -> None:
    lame = opening.open_archive(held.settings.model_copy(update={
        "ocr": held.settings.ocr.model_copy(update={"languages": "vie+klingon"})}))
    outcomes = again(lame)
    assert [codes(one) for one in outcomes] == [["DIGITISE-018"]] * 2
    lame.close()


def test_a_run_that_is_stopped_keeps_what_is_done_and_the_next_goes_on(held: Archive) -> None:
    outcomes: list[Outcome] = []

    def stop(outcome: Outcome) -> None:
        outcomes.append(outcome)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        redoing.redo(held, chosen(held), stop, by="Lan")
    assert len(outcomes) == 1 and not (held.store.staging / "redo").exists()
    assert [one.code for one in chosen(held)] == [code for code in (ONE_PAGE, TWO_PAGES)
                                                  if code != outcomes[0].wanted.code]


def run(root: Path, *args: str) -> Any:
    return CliRunner().invoke(luutru, ["--root", str(root), *args], catch_exceptions=False)


def test_the_command_says_what_it_would_do_and_then_has_nothing_left(redone: Archive, shelf: Path,
                                                                     tmp_path: Path) -> None:
    before = made.copied(shelf, tmp_path / "truoc", "vie")
    before.close()
    root = before.settings.root
    told = root / settings_module.FILE_NAME
    told.write_text(told.read_text().replace('languages = "eng"', 'languages = "vie"'))
    shown = json.loads(run(root, "digitise", "redo", "--worse-than", str(LIMIT), "--dry-run", "--json").output)
    assert {one["code"] for one in shown["documents"]} == {ONE_PAGE, TWO_PAGES}
    done = run(redone.settings.root, "digitise", "redo", "--worse-than", str(LIMIT), "--json")
    assert done.exit_code == 0 and json.loads(done.output)["documents"] == []
    with pytest.raises(UsageError):
        run(root, "digitise", "redo", "H99.2026.01.VP.0000077")


def test_a_new_access_copy_is_what_the_ledger_says_and_no_damage(redone: Archive) -> None:
    done = CliRunner().invoke(luutru, ["--root", str(redone.settings.root), "fixity", "check", "--json"])
    assert done.exit_code == 0, done.output
