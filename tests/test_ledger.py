"""The ledger: nothing can be changed, left out or put in between unnoticed, and a torn line does no harm."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from archive import clock, opening
from archive.catalogue import catch_up, compare, record
from archive.commands import ledger as ledger_command
from archive.errors import IntegrityError
from archive.evidence import seals
from archive.evidence.ledger import check_ledger
from archive.ledger import Entry, Ledger, event_key, line_hash
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


MANY = 9


def forged(raw: bytes, seq: int) -> bytes:
    """A line that carries its own hash, and does not belong here."""
    body = {key: value for key, value in json.loads(raw).items() if key != "hash"} | {"seq": seq, "subject": "forged"}
    text = json.dumps({**body, "hash": line_hash(body)}, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.encode() + b"\n"


def flipped(raw: bytes, place: int, bit: int) -> bytes:
    return raw[:place] + bytes([raw[place] ^ bit]) + raw[place + 1:]


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_a_change_a_removal_an_insertion_and_another_order_are_found_where_they_are(
        tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    place = tmp_path_factory.mktemp("ledger")
    Ledger(place).append(entries(*"abcdefghi"))
    lines = only_file(place).read_bytes().splitlines(keepends=True)
    shown = 1       # a line that fits the one before it shows only by the one after it
    at = data.draw(st.integers(0, MANY - 2), label="at")       # the end is another matter: see below
    match data.draw(st.sampled_from(["change", "remove", "insert", "copy", "swap"])):
        case "change":
            column = data.draw(st.integers(0, len(lines[at]) - 2))
            lines[at] = flipped(lines[at], column, 1 << data.draw(st.integers(0, 7)))
        case "remove":
            del lines[at:data.draw(st.integers(at + 1, MANY - 1))]
        case "insert":
            lines.insert(at, forged(lines[at], at + 1))
            shown = 2
        case "copy":
            at += 1
            lines.insert(at, lines[data.draw(st.integers(0, MANY - 1).filter(lambda one: one != at))])
        case "swap":
            other = data.draw(st.integers(at + 1, MANY - 1))
            lines[at], lines[other] = lines[other], lines[at]
    file = only_file(place)
    file.write_bytes(b"".join(lines))
    faults = list(Ledger(place).check())
    assert f"{file.name}:{at + shown}:" in faults[0]


def test_an_end_that_was_cut_off_is_seen_against_the_copy_in_the_catalogue(archive: Archive) -> None:
    """Before the next seal covers it, nothing in the ledger itself can show it."""
    with opening.ownership(archive), archive.catalogue.session() as session:
        record(session, archive.ledger, entries("a", "b", "c"))
    file = only_file(archive.ledger.folder)
    whole = file.read_bytes().splitlines(keepends=True)
    for changed in (whole[:-2], [*whole[:-1], forged(whole[-1], len(whole))]):
        file.write_bytes(b"".join(changed))
        done = CliRunner().invoke(ledger_command.command, ["verify"], obj=archive.settings.root)
        assert isinstance(done.exception, IntegrityError)
        assert str(len(whole)) in str(done.exception)


def test_a_writer_at_work_while_an_archive_is_opened_is_no_damage(archive: Archive) -> None:
    reader = Ledger(archive.ledger.folder)              # has seen the end; then somebody else writes
    with opening.ownership(archive), archive.catalogue.session() as session:
        written = record(session, archive.ledger, entries("a"))
    with archive.catalogue.session() as session:
        assert compare(session, reader) == reader.seq == written[-1].seq


def test_a_seal_s_event_whose_hash_somebody_overwrote_is_said_and_ends_nothing(archive: Archive) -> None:
    with opening.ownership(archive):
        with archive.catalogue.session() as session:
            record(session, archive.ledger, entries("a", "b"))
        seals.seal_night(archive, clock.now())
    file = only_file(archive.ledger.folder)
    lines = file.read_bytes().splitlines(keepends=True)
    for spoilt in (b"", b"ff", b"zz" * 32):
        line = json.loads(lines[-2])        # the last one that the seal covers
        file.write_bytes(b"".join([*lines[:-2], lines[-2].replace(line["hash"].encode(), spoilt), lines[-1]]))
        assert len(check_ledger(archive)[1]) >= 3


def test_a_line_with_half_a_character_or_a_hash_in_another_place_is_a_changed_line(folder: Path) -> None:
    ledger = Ledger(folder)
    ledger.append(entries("a", "b", "c"))
    lines = only_file(folder).read_bytes().splitlines(keepends=True)
    for spoilt in (lines[1].replace(b'"actor":"luutru"', b'"actor":"\\ud800"'),
                   lines[1].replace(b'"hash":"', b'"hash":"\\ud800'),
                   lines[1].replace(b'"data":{', b'"data":{"a":1,"hash":"' + ledger.head.encode() + b'",')):
        only_file(folder).write_bytes(b"".join([lines[0], spoilt, lines[2]]))
        assert ":2:" in next(ledger.check())
    in_another_order = json.dumps(dict(reversed(json.loads(lines[1]).items()))).encode() + b"\n"
    only_file(folder).write_bytes(b"".join([lines[0], in_another_order, lines[2]]))
    assert list(ledger.check()) == [], "docs/format.md: the hash is over the sorted form, however the line stands"


@pytest.mark.parametrize("raw", [b"[]", b"7", b"{", b"\xff", b'{"seq": 1}', b'{"hash": []}', b"[" * 100_000])
def test_what_is_no_line_is_said_with_its_place(folder: Path, raw: bytes) -> None:
    ledger = Ledger(folder)
    ledger.append(entries("a", "b", "c"))
    lines = only_file(folder).read_bytes().splitlines(keepends=True)
    only_file(folder).write_bytes(b"".join([lines[0], raw + b"\n", *lines[1:]]))
    assert ":2:" in next(ledger.check())
    with pytest.raises(IntegrityError, match=":2"):
        list(ledger.lines())
    only_file(folder).write_bytes(b"".join([*lines, raw + b"\n"]))
    with pytest.raises(IntegrityError):
        Ledger(folder)


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
