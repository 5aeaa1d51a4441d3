"""Incidents are entered, explained and concluded, and the minutes say all of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from archive import clock, incidents
from archive.catalogue import rows
from archive.errors import RefusedError, UsageError
from archive.opening import Archive, ownership
from archive.rebuild import rebuild
from cli import luutru


def run(archive: Archive, *words: str) -> str:
    done = CliRunner().invoke(luutru, ["--root", str(archive.settings.root), "incident", *words],
                              catch_exceptions=False, env={"LUUTRU_USER": "Phạm Quốc Đạt"})
    assert done.exit_code == 0, done.output
    return done.stdout


def test_an_incident_is_entered_explained_concluded_and_printed(archive: Archive, tmp_path: Path) -> None:
    told = json.loads(run(archive, "open", "Mất điện", "--where", "Tầng 2", "--found", "2026-11-21T23:10", "--json"))
    code = f"SC.{clock.in_vietnam(clock.now()).year}.01"
    assert told == {"code": code}
    with pytest.raises(RefusedError):
        run(archive, "close", code, "--result", "xong")
    run(archive, "note", code, "Ắc quy hỏng", "--about", "cause")
    run(archive, "note", code, "Thay ắc quy", "--about", "remedy")
    with pytest.raises(UsageError):
        run(archive, "close", code, "--result", "xong", "--restored", "1")
    run(archive, "close", code, "--result", "Không mất gì.")
    with pytest.raises(RefusedError):
        run(archive, "note", code, "nữa")
    with pytest.raises(UsageError):
        run(archive, "list", "SC.2001.01")
    (one,) = json.loads(run(archive, "list", "--json"))
    assert [note["about"] for note in one["notes"]] == ["cause", "remedy"]
    assert code in run(archive, "list")
    assert "Thay ắc quy" in run(archive, "list", code)
    run(archive, "print", code, "--to", str(tmp_path / "bb.pdf"), "--head", "Trần Thị Mẫu")
    assert (tmp_path / "bb.pdf").read_bytes().startswith(b"%PDF-")
    with archive.catalogue.session() as session:
        data = incidents.minutes(archive.settings, session, incidents.incident(session, code))
    assert (data["reason"], data["result"], data["by"]) == ("Ắc quy hỏng", "Không mất gì.", "Phạm Quốc Đạt")
    assert data["time"].startswith("23 giờ 10 phút, ngày 21 tháng 11")


def test_the_register_survives_a_rebuild(archive: Archive) -> None:
    with ownership(archive):
        code = incidents.begin(archive, "Hỏng đĩa", where="", found_at=clock.now(), now=clock.now(), by="lan")
        incidents.note(archive, code, "cause", "Đĩa cũ", by="lan")
    with archive.catalogue.session() as session:
        before, held = rows(session)["event"], incidents.incidents(session)
    with ownership(archive, rebuilding=True):
        rebuild(archive)
    with archive.catalogue.session() as session:
        assert rows(session)["event"] == before
        assert incidents.incidents(session) == held
