"""Scans of two sides, scans with a secret among their documents, and nights over scans that are killed."""

from __future__ import annotations

import json
import random
import shutil
import signal
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from archive import clock, layout, opening, records
from archive.settings import load
from ingest import intake, nightly
from ingest.releasing import release
from tests import scanned_sheets as scans
from tests.conftest import NIGHT
from tests.night_lives import Lives
from tests.scan_nights import LIST, Done, make
from tests.scanned_sheets import CODE, page, sheet
from tests.test_kill import assert_same, night, picture


@pytest.mark.parametrize(("how", "names", "backs"), [
    ("a_b", ("hs-A.pdf", "hs-B.pdf"), [2, 4]), ("odd_even", ("hs-le.pdf", "hs-chan.pdf"), [4, 2])])
def test_fronts_and_backs_become_one_document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str,
                                              names: tuple[str, str], backs: list[int]) -> None:
    monkeypatch.setattr(clock, "now", lambda: NIGHT)
    archive = make(tmp_path / "kho", {"scans": {"sides": how}})
    inbox = archive.settings.root / "inbox"
    front = scans.pdf(inbox / names[0], [page(1), page(3)]).read_bytes()
    back = scans.pdf(inbox / names[1], [page(n) for n in backs]).read_bytes()
    (inbox / "ds.csv").write_text(f"{LIST}\n{names[0]};{CODE};;1;QĐ-SNV;01/10/2026;Sở Nội vụ;Ban hành quy chế số 1;4\n",
                                  encoding="utf-8-sig")
    nightly.run(archive)
    done = Done(archive, {})
    assert done.row(names[0]).state == "package"
    record = done.record(f"{names[0]}/hs.pdf")
    text = records.read_text(archive.store, record)
    order = [text.index(f"quy chế số {n}") for n in (1, 2, 3, 4)]
    assert order == sorted(order)
    assert record["pages"] == 4
    assert "SCAN-036" not in [one["code"] for one in record["findings"]]
    held = layout.scan_object(done.row(names[0]).id)
    assert [archive.store.read(held, one["path"]) for one in json.loads(archive.store.read(held, layout.SCAN))["files"]
            ] == [front, back]
    assert [path for path in inbox.rglob("*") if path.is_file()] == []
    archive.close()


def test_sides_that_cannot_belong_together_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NIGHT)
    archive = make(tmp_path / "kho", {"scans": {"sides": "a_b"}})
    inbox = archive.settings.root / "inbox"
    scans.pdf(inbox / "hai-A.pdf", [page(1), page(3)])
    scans.pdf(inbox / "hai-B.pdf", [page(2)])
    front = scans.pdf(inbox / "mot-A.pdf", [page(5), page(6)]).read_bytes()
    nightly.run(archive)
    done = Done(archive, {})
    found = {name: done.findings(name) for name in ("hai-A.pdf", "mot-A.pdf")}
    assert {name: [one.code for one in some] for name, some in found.items()} == {
        "hai-A.pdf": ["SCAN-035"], "mot-A.pdf": ["SCAN-035"]}
    assert found["hai-A.pdf"][0].params == {"part": "1", "page": "1", "front": "2", "back": "1"}
    received = intake.folder(archive.settings, done.row("hai-A.pdf").id) / "received"
    assert sorted(path.name for path in received.rglob("*.pdf")) == ["hai-A.pdf", "hai-B.pdf"]
    (inbox / "mot-A.pdf").write_bytes(front)                    # both sides come: the one that waited goes on
    scans.pdf(inbox / "mot-B.pdf", [page(7), page(8)])
    nightly.run(archive)
    assert done.row("mot-A.pdf").state == "package"
    assert [path for path in inbox.rglob("*") if path.is_file()] == []
    archive.close()


# --- secrecy, kills ---------------------------------------------------------------------------------------------


def secret() -> Image.Image:
    """A page with the mark of a state secret."""
    made = page(2).copy()
    pen = ImageDraw.Draw(made)
    pen.rectangle((250, 1000, 620, 1130), outline=(200, 20, 20), width=8)
    pen.text((330, 1010), "MẬT", font=ImageFont.truetype(str(scans.FONT), 90), fill=(200, 20, 20))
    return made


def test_a_secret_among_the_documents_keeps_the_scan_out_of_the_store(tmp_path: Path,
                                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NIGHT)
    archive = make(tmp_path / "kho")
    place = scans.pdf(archive.settings.root / "inbox" / "dot.pdf", [sheet("D", 1), page(1), sheet("D", 2), secret()])
    nightly.run(archive)
    done = Done(archive, {})
    marked = f"dot.pdf/{CODE}.0000002.pdf"
    assert [done.row(name).state for name in ("dot.pdf", f"dot.pdf/{CODE}.0000001.pdf", marked)] == [
        "package", "stored", "kept_out"]
    assert place.exists(), "the people in charge find it where it lay"
    assert layout.scan_object(done.row("dot.pdf").id) not in list(archive.store.objects())
    assert list(layout.intake_folder(archive.settings).iterdir()) == []
    with opening.ownership(archive):
        release(archive, done.row(marked), {}, by="thu", reason="đọc nhầm dấu",
                accepted=[code for code in done.codes(marked) if code.startswith("CHECK-06")])
    nightly.run(archive)
    nightly.run(archive)            # as with a package: the night after sees that nothing of it waits any more
    assert done.row(marked).state == "stored"
    assert not place.exists()
    held = layout.scan_object(done.row("dot.pdf").id)
    assert done.row("dot.pdf").sha256 in {one.sha256 for one in archive.store.files(held).values()}
    archive.close()


def test_a_night_with_a_split_may_be_killed_at_any_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                          lives: Lives) -> None:
    """Killed at durable moments again and again: the same archive, the same objects, the same rows."""
    monkeypatch.setattr(clock, "now", lambda: NIGHT)
    peaceful, killed = tmp_path / "peace", tmp_path / "killed"
    for root in (peaceful, killed):
        made = make(root)
        inbox = made.settings.root / "inbox"
        if root is killed:
            shutil.copytree(tmp_path / "laid", inbox, dirs_exist_ok=True)
            made.close()
            continue
        scans.pdf(inbox / "dot.pdf", [sheet("F", count=2), sheet("D", 1), page(1), sheet("D", 2), page(2)])
        scans.tiff(inbox / "hai.tif", [page(3), page(4)], "group4")
        for number in (1, 2):
            (inbox / f"{CODE}.0000009").mkdir(exist_ok=True)
            (inbox / f"{CODE}.0000009" / f"{number}.jpg").write_bytes(scans.jpeg(page(4 + number)))
        (inbox / "ds.csv").write_text("\n".join([LIST, f"{CODE}.0000001.pdf;;;1;QĐ-SNV;01/10/2026;Sở;Quy chế;1",
                                                 "hai.tif;H99.2026.02.VP;;3;QĐ-SNV;03/10/2026;Sở;Quy chế;1",
                                                 "hai.tif;H99.2026.02.VP;;4;QĐ-SNV;04/10/2026;Sở;Quy chế;1"]),
                                      encoding="utf-8-sig")
        shutil.copytree(inbox, tmp_path / "laid")
        made.close()
    assert night(peaceful) == 0
    dice, kills, result = random.Random(11), 0, 1
    while result != 0:
        result = lives.one(killed, *(("--die-at", str(dice.randint(5, 60))) if kills < 6 else ()))
        kills += result == -signal.SIGKILL
    assert kills >= 4, "the night was over before it was killed often"
    assert_same(picture(killed), picture(peaceful))
    archive = opening.open_archive(load(killed))
    kept = [one for one in archive.store.objects() if one.startswith(layout.scan_object(""))]
    assert len(kept) == 3
    archive.close()
