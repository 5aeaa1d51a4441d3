"""`luutru digitise` works alone on any file, gives what the night gives, and overwrites nothing."""

from __future__ import annotations

import hashlib
import io
import json
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pikepdf
import pikepdf.pdfa
import pytest
from click.testing import CliRunner
from pebble import ProcessExpired

from archive import clock, i18n
from archive.findings import Level
from archive.settings import Settings
from ingest.commands import digitise as digitise_command
from ingest.digitise import running
from ingest.item import Context
from tests.conftest import NIGHT
from tests.test_digitise import DPI, LONG, SHORT, born, changed, context, digitised, jpeg, layer, recall, scan, sheet
from tests.test_signatures import sign


def tiff(*pictures: Any) -> bytes:
    out = io.BytesIO()
    pictures[0].save(out, "TIFF", save_all=True, append_images=list(pictures[1:]), dpi=(DPI, DPI),
                     compression="tiff_lzw")
    return out.getvalue()


def jp2(picture: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG2000", quality_mode="rates", quality_layers=[20])
    return out.getvalue()


FILES = {"Quyết định số 1.pdf": lambda: scan(sheet(LONG), sheet().rotate(180)),
         "nhiều trang.tif": lambda: tiff(sheet(), sheet()),
         "ảnh.jp2": lambda: jp2(sheet()),
         "sổ tay.pdf": born,
         "hỏng.pdf": lambda: scan(sheet())[:5000],
         "khóa.pdf": lambda: changed(scan(sheet()), lambda pdf: None,
                                     encryption=pikepdf.Encryption(owner="a", user="b")),
         "bảng.docx": lambda: b"PK\x03\x04"}


@dataclass(frozen=True)
class Run:
    code: int
    out: str
    err: str

    @property
    def told(self) -> list[dict[str, Any]]:
        told: list[dict[str, Any]] = json.loads(self.out)
        return told


def run(*arguments: object, root: Path | None = None) -> Run:
    done = CliRunner().invoke(digitise_command.command, [*map(str, arguments)], obj=root)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return Run(done.exit_code, done.stdout, done.stderr)


def sums(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


@dataclass(frozen=True)
class Material:
    papers: Path
    before: dict[str, str]
    out: Path
    run: Run

    def of(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = next(one for one in self.run.told if Path(one["file"]).name == name)
        return found


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Material:
    """Files as people have them, digitised by the command in its worker processes."""
    papers = tmp_path_factory.mktemp("bản quét")
    for name, make in FILES.items():
        (papers / name).write_bytes(make())
    before, out = sums(papers), tmp_path_factory.mktemp("kết quả") / "năm 2026"
    return Material(papers, before, out, run(*(papers / name for name in FILES), "-o", out, "--json", "--workers", 2))


# --- results ----------------------------------------------------------------------------------------------


def test_every_scan_gets_a_searchable_copy_its_text_and_the_facts(done: Material) -> None:
    for name, texts in (("Quyết định số 1", [LONG, SHORT]), ("nhiều trang", [SHORT, SHORT]), ("ảnh", [SHORT])):
        copy, text = done.out / f"{name}.pdf", (done.out / f"{name}.txt").read_text(encoding="utf-8")
        assert pikepdf.pdfa.validate_written(copy, "2b").passed
        for number, (known, read) in enumerate(zip(texts, text.split("\f"), strict=True)):
            assert recall(known, read) >= 0.95 and recall(known, layer(copy, number)) >= 0.95
        facts = json.loads((done.out / f"{name}.digitise.json").read_text(encoding="utf-8"))
        assert [page["page"] for page in facts["digitise"]["pages"]] == list(range(1, len(texts) + 1))
        assert (facts["digitise"]["access"], facts["digitise"]["text"]) == (f"{name}.pdf", f"{name}.txt")


def test_the_answer_keeps_the_order_of_the_arguments_and_says_what_became_of_each(done: Material) -> None:
    assert [(Path(one["file"]).name, one["outcome"], [found["code"] for found in one["findings"]])
            for one in done.run.told] == [
        ("Quyết định số 1.pdf", "read", ["DIGITISE-004"]), ("nhiều trang.tif", "read", []),
        ("ảnh.jp2", "read", ["DIGITISE-002"]), ("sổ tay.pdf", "text", []), ("hỏng.pdf", "left", ["DIGITISE-039"]),
        ("khóa.pdf", "left", ["DIGITISE-033"]), ("bảng.docx", "left", ["DIGITISE-034"])]
    assert done.run.code == 3
    for one in done.run.told:
        assert one["sha256"] == done.before[Path(one["file"]).name]
        for found in one["findings"]:
            assert "…" not in found["vi"] + found["en"] + found["cure_vi"] + found["cure_en"]


def test_no_source_is_touched_and_nothing_but_results_is_left(done: Material) -> None:
    assert sums(done.papers) == done.before
    stems = {Path(name).stem for name in FILES}
    assert {path.name for path in done.out.iterdir()} == {f"{stem}.digitise.json" for stem in stems} | {
        f"{stem}{end}" for stem in ("Quyết định số 1", "nhiều trang", "ảnh") for end in (".pdf", ".txt")}


def test_the_command_gives_what_the_night_gives(done: Material, tmp_path: Path) -> None:
    name = "Quyết định số 1.pdf"
    night = digitised(tmp_path, (name, (done.papers / name).read_bytes()))
    ours = done.of(name)
    places = {"access": "", "text": ""}
    assert ours["digitise"] | places == night.facts | places
    assert [found["code"] for found in ours["findings"]] == night.codes
    assert (done.out / "Quyết định số 1.txt").read_text(encoding="utf-8") == night.text


def test_a_born_digital_file_gets_no_copy(done: Material) -> None:
    assert list(done.of("sổ tay.pdf")["results"]) == ["facts"] and not (done.out / "sổ tay.pdf").exists()


def test_a_person_is_told_what_was_read_and_done_and_where_the_results_are(
        done: Material, capsys: pytest.CaptureFixture[str]) -> None:
    i18n.use("en")
    told = done.of("Quyết định số 1.pdf")
    digitise_command._show(running.Digitised(told["file"], "read", told["digitise"], [
        running.finding("DIGITISE-004", "Quyết định số 1.pdf", pages="2")], made=told["results"]))
    out = " ".join(capsys.readouterr().out.split())
    assert "pages: 2, read from pictures: 2" in out and "turned upright: page 2" in out and "DIGITISE-004" in out
    assert "Open the access copy" in out and "Quyết định số 1.digitise.json" in out


# --- nothing is overwritten -------------------------------------------------------------------------------


def test_a_result_that_is_there_is_replaced_only_when_asked(tmp_path: Path) -> None:
    paper, out = tmp_path / "sổ tay.pdf", tmp_path / "ra"
    paper.write_bytes(born())
    assert run(paper, "-o", out).code == 0
    (out / "sổ tay.digitise.json").write_text("cũ", encoding="utf-8")
    again = run(paper, "-o", out)
    assert again.code == 2 and "--replace" in again.err
    assert (out / "sổ tay.digitise.json").read_text(encoding="utf-8") == "cũ"
    assert run(paper, "-o", out, "--replace").code == 0
    assert json.loads((out / "sổ tay.digitise.json").read_text(encoding="utf-8"))["outcome"] == "text"


def test_a_source_is_never_replaced_by_its_own_copy(tmp_path: Path) -> None:
    paper = tmp_path / "quét.pdf"
    paper.write_bytes(scan(sheet()))
    (tmp_path / "khác").symlink_to(tmp_path)
    for folder in (tmp_path, tmp_path / "khác"):
        with pytest.raises(running.OccupiedError):
            running.targets([paper], folder, replace=True)
        assert run(paper, "-o", folder, "--replace").code == 2


def test_files_of_the_same_name_get_numbers(tmp_path: Path) -> None:
    files = [Path("a/Quét.pdf"), Path("b/quét.tif"), Path("c/quét-2.tif"), Path("d/quét.jpg")]
    found = running.targets(files, tmp_path)
    assert [one.name for one in found] == ["Quét", "quét-2", "quét-2-2", "quét-3"]


def test_a_name_may_be_as_long_as_names_can_be(tmp_path: Path) -> None:
    found, = running.targets([Path("ế" * 83 + ".pdf")], tmp_path)
    assert all(len(place.name.encode()) <= 255 for place in found.places.values())


# --- wrong use --------------------------------------------------------------------------------------------


def test_a_folder_is_wrong_use_and_the_cure_is_said(tmp_path: Path) -> None:
    folder = tmp_path / "bản quét"
    folder.mkdir()
    told = run(folder, "-o", tmp_path / "ra")
    assert told.code == 2 and "bản quét/*" in told.err and not (tmp_path / "ra").exists()
    assert run(tmp_path / "không có.pdf", "-o", tmp_path / "ra").code == 2


def test_a_file_that_may_not_be_read_is_a_finding(tmp_path: Path) -> None:
    gone = running.digitise_file(tmp_path / "mất.pdf", tmp_path, "mất.pdf", context())
    assert (gone.outcome, [one.code for one in gone.findings]) == ("left", ["DIGITISE-035"])


# --- limits and faults ------------------------------------------------------------------------------------


def test_without_language_data_it_is_our_fault_and_says_how_to_install(tmp_path: Path) -> None:
    paper = tmp_path / "quét.pdf"
    paper.write_bytes(scan(sheet()))
    told = run(paper, "-o", tmp_path / "ra", "--languages", "vie+xyz", "--json")
    assert told.code == 1 and told.told[0]["outcome"] == "failed"
    found, = told.told[0]["findings"]
    assert found["code"] == "DIGITISE-018" and "apt-get install" in found["cure_vi"]


def test_the_options_reach_the_reader(tmp_path: Path) -> None:
    asked = digitise_command._settings(tmp_path, "vie+eng", "tt02_2019", 3)
    assert (asked.ocr.languages, asked.profile, asked.ingest.workers) == ("vie+eng", "tt02_2019", 3)
    plain = digitise_command._settings(None, None, None, None)
    assert (plain.ocr, plain.profile, plain.ingest) == (Settings().ocr, Settings().profile, Settings().ingest)


def failing(error: BaseException) -> Future[Any]:
    future: Future[Any] = Future()
    future.set_exception(error)
    return future


@pytest.mark.parametrize(("error", "attempt", "code", "level"), [
    (TimeoutError(), 1, "DIGITISE-036", Level.warning),
    (ProcessExpired("x", -14), 1, "DIGITISE-036", Level.warning),
    (ProcessExpired("x", -11), 1, None, None),
    (ProcessExpired("x", -11), 2, "DIGITISE-037", Level.warning),
    (KeyError("x"), 1, "DIGITISE-038", Level.failed)])
def test_a_file_that_stops_its_process_is_told_and_ours_is_ours(tmp_path: Path, error: BaseException, attempt: int,
                                                                code: str | None, level: Level | None) -> None:
    target, = running.targets([Path("a/quét.pdf")], tmp_path)
    told = running._result(failing(error), target, attempt, Settings())
    if code is None:
        assert told is None
        return
    assert told is not None
    found, = told.findings
    assert (found.code, found.level) == (code, level) and told.file == "a/quét.pdf"
    assert "…" not in found.sentence("vi") + found.sentence("en") + found.cure("vi") + found.cure("en")


def test_of_a_signed_scan_a_copy_is_made_and_it_is_said_that_it_bears_no_signature(tmp_path: Path) -> None:
    paper, room = tmp_path / "đã ký.pdf", tmp_path / "ra"
    room.mkdir()
    paper.write_bytes(sign(scan(sheet())))
    before = paper.read_bytes()
    told = running.digitise_file(paper, room, "đã ký.pdf", Context(Settings(), clock.night_of(NIGHT), NIGHT))
    assert "DIGITISE-022" in [one.code for one in told.findings] and paper.read_bytes() == before
    with pikepdf.open(room / "access.pdf") as copy:
        assert "/AcroForm" not in copy.Root
    assert recall(SHORT, (room / "ocr.txt").read_text(encoding="utf-8")) >= 0.95


def test_a_clean_scan_ends_with_0(tmp_path: Path) -> None:
    paper = tmp_path / "quét.jpg"
    paper.write_bytes(jpeg(sheet()))
    told = run(paper, "-o", tmp_path / "ra", "--json")
    assert (told.code, told.told[0]["findings"]) == (0, [])
