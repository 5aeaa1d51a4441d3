"""Films and recordings: read by ffprobe, held against the figures of the circulars, and never passed unread."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archive import clock
from archive.commands import doctor
from archive.findings import Level
from archive.settings import Settings
from ingest import media
from ingest.copying import hash_file
from ingest.item import Context, Item, Part
from tests.conftest import NIGHT

SOUND = ("-f", "lavfi", "-i", "anoisesrc=d=1:c=pink:r=44100:seed=1")
FILM = ("-f", "lavfi", "-i", "testsrc2=s=320x240:d=1:r=25")


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Makes films and recordings with ffmpeg."""
    folder = tmp_path_factory.mktemp("media")

    def made(name: str, *arguments: str) -> Path:
        if not (folder / name).exists():
            subprocess.run(["ffmpeg", "-v", "error", *arguments, str(folder / name)], check=True, timeout=60)
        return folder / name
    return made


def checked(path: Path, profile: str = "tt05_2025", level: str = "02") -> tuple[list[tuple[str, Level]], Any]:
    hashed = hash_file(path)
    part = Part(path.name, "original", path, hashed.size, hashed.sha256, hashed.sha512)
    item = Item("0" * 16, "inbox", path.name, path.parent, [part], NIGHT, {"confidenceLevel": level})
    found = media.check_media(item, Context(Settings.model_validate({"profile": profile}), NIGHT.date(), NIGHT))
    return [(one.code, one.level) for one in found], item.facts.get("media", [{}])[0]


def test_a_recording_with_a_sufficient_rate_has_no_finding(make: Callable[..., Path]) -> None:
    found, facts = checked(make("192.mp3", *SOUND, "-b:a", "192k"))
    assert found == []
    assert (facts["checked"], facts["kind"]) == (True, "sound")
    assert facts["kbps"] == pytest.approx(192, abs=6)
    assert facts["seconds"] == pytest.approx(1, abs=0.1)
    assert facts["streams"] == [{"type": "audio", "codec": "mp3", "hz": 44100, "channels": 1}]
    assert facts["tool"].startswith("ffprobe ")


@pytest.mark.parametrize(("name", "made", "kind"), [
    ("64.mp3", (*SOUND, "-b:a", "64k"), "sound"), ("64.wma", (*SOUND, "-b:a", "64k"), "sound"),
    ("low.mp4", (*FILM, "-c:v", "mpeg4", "-b:v", "200k"), "film"),
    ("low.avi", (*FILM, "-c:v", "mpeg4", "-b:v", "200k"), "film")])
def test_a_rate_below_the_rule_is_told(make: Callable[..., Path], name: str, made: tuple[str, ...], kind: str) -> None:
    found, facts = checked(make(name, *made))
    assert facts["kind"] == kind
    assert found == [("MEDIA-006", Level.warning)]
    assert checked(make(name, *made), level="01")[0] == [("MEDIA-006", Level.note)], "not digitised"
    assert checked(make(name, *made), "tt02_2019")[0] == [("MEDIA-006", Level.warning)]


def test_a_film_with_a_sufficient_rate_has_no_finding(make: Callable[..., Path]) -> None:
    found, facts = checked(make("full.mp4", *FILM, "-c:v", "mjpeg", "-q:v", "2"))
    assert facts["kbps"] >= 1500
    assert facts["streams"][0] == {"type": "video", "codec": "mjpeg", "width": 320, "height": 240}
    assert found == []


def test_what_cannot_be_read_is_not_passed(make: Callable[..., Path], tmp_path: Path) -> None:
    whole = make("full.mp4", *FILM, "-c:v", "mjpeg", "-q:v", "2").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[:len(whole) // 2])
    found, facts = checked(tmp_path / "cut.mp4")
    assert found == [("MEDIA-002", Level.warning)]
    assert facts == {"name": "cut.mp4", "checked": False, "why": "unreadable"}


def test_a_file_without_picture_and_sound_is_told(make: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "none.wav").write_bytes(make("a.wav", *SOUND).read_bytes()[:44])
    codes = {code for code, _level in checked(tmp_path / "none.wav")[0]}
    assert codes & {"MEDIA-002", "MEDIA-004"}


def test_without_the_program_nothing_is_called_checked(make: Callable[..., Path],
                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    path = make("192.mp3", *SOUND, "-b:a", "192k")
    assert {part.name: part.state for part in doctor.look()}["ffprobe"] == "there"
    monkeypatch.setenv("PATH", "/nowhere")
    assert checked(path) == ([("MEDIA-001", Level.warning)], {"name": "192.mp3", "checked": False, "why": "missing"})
    assert {part.name: part.state for part in doctor.look()}["ffprobe"] == "optional"


def test_a_check_that_takes_too_long_is_no_check(make: Callable[..., Path], tmp_path: Path,
                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "ffprobe"
    program.write_text("#!/bin/sh\nsleep 60\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(media, "LIMITS", media.outside.Limits(seconds=0.3))
    assert checked(make("192.mp3", *SOUND, "-b:a", "192k"))[0] == [("MEDIA-003", Level.warning)]


def test_a_rate_that_nobody_says_is_not_held_against_the_rule(make: Callable[..., Path], tmp_path: Path,
                                                              monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"format": {"duration": "3.0"}, "streams": [{"codec_type": "audio", "codec_name": "aac"}],
            "program_version": {"version": "9"}}
    (tmp_path / "said.json").write_text(json.dumps(said))
    program = tmp_path / "ffprobe"
    program.write_text(f"#!/bin/sh\ncat {tmp_path}/said.json\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert checked(make("192.mp3", *SOUND, "-b:a", "192k"))[0] == [("MEDIA-005", Level.note)]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=40))
def test_a_spoilt_file_gets_findings_and_no_crash(make: Callable[..., Path], tmp_path: Path,
                                                  spots: list[tuple[int, int]]) -> None:
    data = bytearray(make("64.mp3", *SOUND, "-b:a", "64k").read_bytes())
    for place, value in spots:
        data[3 + place % (len(data) - 3)] = value
    (tmp_path / "spoilt.mp3").write_bytes(data)
    found, _facts = checked(tmp_path / "spoilt.mp3")
    assert all(code.startswith("MEDIA-") for code, _level in found)


def test_the_night_keeps_what_the_file_says_of_itself(make: Callable[..., Path], tmp_path: Path,
                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    from ingest import nightly
    from tests.scan_nights import Done
    from tests.scan_nights import make as make_archive

    monkeypatch.setattr(clock, "now", lambda: NIGHT)
    archive = make_archive(tmp_path / "kho", {"ingest": {"settle_seconds": 0}})
    inbox = archive.settings.root / "inbox"
    (inbox / "hop.mp3").write_bytes(make("64.mp3", *SOUND, "-b:a", "64k").read_bytes())
    (inbox / "ds.csv").write_text("Tên tệp;Mã hồ sơ;Trích yếu\nhop.mp3;H99.2026.01.VP;Ghi âm cuộc họp giao ban\n",
                                  encoding="utf-8-sig")
    nightly.run(archive)
    done = Done(archive, {})
    assert done.row("hop.mp3").state == "stored", done.codes("hop.mp3")
    (told,) = done.record("hop.mp3")["facts"]["media"]
    assert (told["checked"], told["kind"]) == (True, "sound")
    assert "MEDIA-006" in done.codes("hop.mp3")
    archive.close()
