"""The benchmark of destruction destroys what it says it destroys, on both sides. No figure is judged here."""

from __future__ import annotations

import shutil
from pathlib import Path

from archive import opening, settings
from benchmarks import destroying
from search.index import open_index


def test_both_sides_leave_just_what_was_to_stay(tmp_path: Path) -> None:
    destroying.make(tmp_path / "ours", 3, 2)
    shutil.copytree(tmp_path / "ours", tmp_path / "floor")
    assert destroying._floor(tmp_path / "floor", 3, 2)["wall"] > 0
    assert destroying._ours(tmp_path / "ours", 3, 2)["wall"] > 0
    staying = {f"urn:luutru:casefile:{destroying._code(n)}" for n in (3, 4)}
    for name in ("ours", "floor"):
        held = settings.load(tmp_path / name)
        archive = opening.open_archive(held)
        assert {one for one in archive.store.objects() if ":casefile:" in one} == staying
        index = open_index(held)
        assert {one.rpartition(".")[0] for one in index.fingerprints()} == {destroying._code(n) for n in (3, 4)}
        index.close()
        archive.close()


def test_the_copy_that_is_not_overwritten_is_set_so(tmp_path: Path) -> None:
    opening.make_archive(tmp_path, {}).close()
    file = tmp_path / settings.FILE_NAME
    file.write_text(destroying._without_overwriting(file.read_text("utf-8")), "utf-8")
    assert settings.load(tmp_path).destruction.overwrite is False
