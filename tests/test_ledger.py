"""The ledger: nothing can be changed, left out or put in between unnoticed, and a torn line does no harm."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from archive import clock
from archive.catalogue import catch_up, record
from archive.errors import IntegrityError
from archive.ledger import Entry, Ledger, event_key
from archive.model import Event
from archive.opening import Archive


def entries(*subjects: str) -> list[Entry]:
    return [Entry("received", one, {"name": f"văn bản {one}.pdf"}, event_key("received", one)) for one in subjects]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "ledger"


def only_file(folder: Path) -> Path:
    (file,) = folder.glob("*.jsonl")
    return file


def test_lines_are_chained_across_openings(folder: Path) -> None:
    Ledger(folder).append(entries("a", "b"))
    ledger = Ledger(folder)
    ledger.append(entries("c"))
    lines = list(ledger.lines())
    assert [line.seq for line in lines] == [1, 2, 3]
    assert [line.prev for line in lines[1:]] == [line.hash for line in lines[:2]]
    assert list(ledger.check()) == []


@pytest.mark.parametrize("tamper", ["change", "drop", "swap"])
def test_tampering_is_found(folder: Path, tamper: str) -> None:
    ledger = Ledger(folder)
    ledger.append(entries("a", "b", "c", "d"))
    file = only_file(folder)
    lines = file.read_bytes().splitlines(keepends=True)
    if tamper == "change":
        lines[1] = lines[1].replace("văn bản b".encode(), "văn bản x".encode())
    elif tamper == "drop":
        del lines[1]
    else:
        lines[1], lines[2] = lines[2], lines[1]
    file.write_bytes(b"".join(lines))
    assert list(ledger.check()) != []


def test_a_changed_last_line_stops_the_writer(folder: Path) -> None:
    Ledger(folder).append(entries("a"))
    file = only_file(folder)
    file.write_bytes(file.read_bytes().replace("văn bản a".encode(), "văn bản x".encode()))
    with pytest.raises(IntegrityError):
        Ledger(folder)


@pytest.mark.parametrize("kept", [1, 20, 200])
def test_a_torn_last_line_is_cut_off(folder: Path, kept: int) -> None:
    Ledger(folder).append(entries("a", "b"))
    file = only_file(folder)
    whole = file.read_bytes()
    Ledger(folder).append(entries("c"))
    file.write_bytes(file.read_bytes()[:len(whole) + kept])
    torn = file.read_bytes()
    ledger = Ledger(folder)
    assert ledger.seq == 2
    assert file.read_bytes() == torn, "a reader cut a line that another process may just be writing"
    ledger.take_over()
    assert file.read_bytes() == whole
    ledger.append(entries("c"))
    assert list(ledger.check()) == []
    assert ledger.seq == 3


def test_a_clock_set_back_does_not_break_the_order(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 12, 2, tzinfo=UTC))
    Ledger(folder).append(entries("a"))
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 11, 2, tzinfo=UTC))
    ledger = Ledger(folder)
    ledger.append(entries("b"))
    assert [line.subject for line in ledger.lines()] == ["a", "b"]
    assert list(ledger.check()) == []


def test_months_follow_one_another(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for month in (11, 12):
        monkeypatch.setattr(clock, "now", lambda month=month: datetime(2026, month, 2, tzinfo=UTC))
        Ledger(folder).append(entries(f"m{month}"))
    assert [file.name for file in sorted(folder.glob("*.jsonl"))] == ["2026-11.jsonl", "2026-12.jsonl"]
    assert list(Ledger(folder).check()) == []


def test_an_event_said_twice_is_written_once(archive: Archive) -> None:
    before = archive.ledger.seq
    for _ in range(2):
        with archive.catalogue.session() as session:
            record(session, archive.ledger, entries("a", "b", "a"))
    assert archive.ledger.seq == before + 2


def test_what_the_catalogue_missed_is_copied_from_the_ledger(archive: Archive) -> None:
    archive.ledger.append(entries("a", "b"))
    with archive.catalogue.session() as session:
        assert len(catch_up(session, archive.ledger)) == 2
        assert session.query(Event).filter_by(subject="b").one().data == {"name": "văn bản b.pdf"}
    with archive.catalogue.session() as session:
        assert catch_up(session, archive.ledger) == []


def test_a_line_can_be_checked_with_other_peoples_tools(folder: Path) -> None:
    """docs/format.md: the hash is SHA-256 over the line's sorted, blank-free JSON without its own hash."""
    import hashlib

    Ledger(folder).append(entries("a"))
    line = json.loads(only_file(folder).read_text())
    stated = line.pop("hash")
    text = json.dumps(line, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    assert hashlib.sha256(text.encode()).hexdigest() == stated


def test_two_who_opened_at_once_never_continue_from_the_same_line(archive: Archive) -> None:
    """The second writer reads what the first wrote before it continues."""
    from archive import opening

    other = opening.open_archive(archive.settings)
    for one, subject in ((archive, "a"), (other, "b"), (archive, "c")):
        with opening.ownership(one), one.catalogue.session() as session:
            record(session, one.ledger, entries(subject))
    other.close()
    assert list(archive.ledger.check()) == []
    assert [line.subject for line in archive.ledger.lines()][-3:] == ["a", "b", "c"]
