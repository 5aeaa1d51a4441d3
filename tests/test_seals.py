"""Seals: every night's files are covered, gaps are shown and closed, and after forty years the first still proves."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from archive import clock, layout, rebuild
from archive.catalogue import record
from archive.errors import IntegrityError, RefusedError
from archive.evidence import checker, ers, log, renewal, seals, tokens
from archive.evidence.ledger import check_ledger
from archive.evidence.night import seal_and_renew
from archive.files import json_bytes
from archive.ledger import Entry, event_key, line_bytes, line_hash
from archive.model import Seal
from archive.opening import Archive, ownership
from archive.store import NewFile
from tests.authority import years

FIRST = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)
CODE = "H99.2026.01.VP"


def keep(archive: Archive, name: str, data: bytes) -> bytes:
    """Store a file as a night does, with its event; its SHA-256."""
    path = f"{layout.RECEIVED}/{name}"
    case_file = {"code": CODE, "fonds": "H99", "year": 2026, "notation": "01.VP", "title": "Hồ sơ", "retention": "",
                 "keeper": "", "state": "open", "profile": "tt05_2025", "opened_at": clock.stamp(FIRST)}
    files = {path: NewFile(data), layout.CASE_FILE: NewFile(json_bytes(case_file))}
    version = archive.store.put(layout.casefile_object(CODE), files, message="batch", user="luutru",
                                created=FIRST)
    digest = hashlib.sha256(data)
    with archive.catalogue.session() as session:
        record(session, archive.ledger, [Entry("stored", name, {"document": name, "case_file": CODE, "version": version,
                                                                "files": {path: digest.hexdigest()}},
                                               event_key("stored", name))])
    return digest.digest()


def authority_of(now: datetime) -> seals.Ask:
    """An authority whose server is always new enough: its certificate runs five years from the year's beginning."""
    def asking(_url: str, digest: bytes, algorithm: str) -> tokens.Token:
        return tokens.read(years(now.year, now.year + 5, name=f"TSA {now.year}").token(digest, algorithm, now))
    return asking


def broken(url: str, _digest: bytes, _algorithm: str) -> tokens.Token:
    raise tokens.TokenError(f"{url}: no route to host")


@pytest.fixture
def kho(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> Archive:
    monkeypatch.setattr(clock, "now", lambda: FIRST)
    object.__setattr__(archive.settings, "evidence", archive.settings.evidence.model_copy(update={"tsa": ["http://tsa"]}))
    return archive


def rows(archive: Archive) -> list[Seal]:
    with archive.catalogue.session() as session:
        return list(session.scalars(select(Seal).order_by(Seal.id)))


def check(archive: Archive, seal: str, data: bytes) -> list[ers.Link]:
    evidence = renewal.record_of(archive, seal, hashlib.sha256(data).digest(), renewal.digests_of(data))
    return ers.check(evidence, renewal.digests_of(data))


def test_a_night_covers_every_new_file_every_object_version_and_the_ledger_s_head(kho: Archive) -> None:
    with ownership(kho):
        digest = keep(kho, "a.pdf", b"A")
        keep(kho, "b.pdf", b"B")
        head = list(kho.ledger.lines())[-1]
        seal = seals.seal_night(kho, FIRST)
        seals.fetch_tokens(kho, FIRST, authority_of(FIRST))
    [row] = rows(kho)
    assert (seal, row.leaves, row.last_event) == ("000001", 5, head.seq), "two files, two versions, the head"
    assert seals.way_in(kho.store, row, digest) is not None
    inventory = kho.store.folder(layout.casefile_object(CODE)) / "v2" / "inventory.json"
    assert all(link.sound for data in (b"A", b"B", inventory.read_bytes(), line_bytes(head))
               for link in check(kho, seal, data))
    with pytest.raises(KeyError):
        check(kho, seal, b"another")
    assert row.log_size == head.seq
    assert kho.store.read(layout.seal_object(seal), seals.SEAL).decode().find(
        log.head([log.leaf(bytes.fromhex(line.hash)) for line in kho.ledger.lines() if line.seq <= head.seq]).hex()) > 0


def test_the_inventory_of_a_version_is_read_once_however_many_documents_it_brought(
        kho: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """It grows with its documents: read once for each, a night of 5,000 would hash 50 GB."""
    read: list[str] = []
    opened = Path.open
    monkeypatch.setattr(Path, "open", lambda self, *more, **named: (read.append(self.name), opened(
        self, *more, **named))[1])
    with ownership(kho):
        keep(kho, "a.pdf", b"A")
        with kho.catalogue.session() as session:
            record(session, kho.ledger, [Entry("stored", f"{n}", {
                "document": f"{n}", "case_file": CODE, "version": 1, "files": {}}, event_key("stored", f"{n}"))
                for n in range(50)])
        read.clear()
        seals.seal_night(kho, FIRST)
    assert read.count("inventory.json") < 10


def test_a_night_without_anything_new_is_not_sealed_again(kho: Archive) -> None:
    with ownership(kho):
        keep(kho, "a.pdf", b"A")
        assert seals.seal_night(kho, FIRST)
        seals.fetch_tokens(kho, FIRST, broken)
        assert seals.seal_night(kho, FIRST) == ""


def test_without_an_authority_the_night_is_sealed_the_gap_shown_and_closed_later(kho: Archive) -> None:
    with ownership(kho):
        keep(kho, "a.pdf", b"A")
        seal = seals.seal_night(kho, FIRST)
        timed = seals.fetch_tokens(kho, FIRST, broken)
        assert timed == seals.Timed([], {"http://tsa": "http://tsa: no route to host"})
        assert rows(kho)[0].tokens == []
        with pytest.raises(KeyError):
            check(kho, seal, b"A")
        later = FIRST + timedelta(days=3)
        assert seals.fetch_tokens(kho, later, authority_of(later)).done == [seal]
    assert check(kho, seal, b"A")[0].time == later


def test_of_several_authorities_each_that_answers_well_is_kept_and_each_other_named(kho: Archive) -> None:
    urls = ["http://silent", "http://lying", "http://one", "http://two"]
    object.__setattr__(kho.settings, "evidence", kho.settings.evidence.model_copy(update={"tsa": urls}))

    def asking(url: str, digest: bytes, algorithm: str) -> tokens.Token:
        if url == "http://silent":
            return broken(url, digest, algorithm)
        asked = hashlib.sha256(b"something else").digest() if url == "http://lying" else digest
        one = years(2026, 2031, name=url)
        return tokens.accept(one.response(tokens.request(asked, algorithm, 1), FIRST), digest, algorithm, 1)

    with ownership(kho):
        keep(kho, "a.pdf", b"A")
        seal = seals.seal_night(kho, FIRST)
        timed = seals.fetch_tokens(kho, FIRST, asking)
    assert (timed.done, sorted(timed.refused)) == ([seal], ["http://lying", "http://silent"])
    assert [one["server"] for one in rows(kho)[0].tokens] == ["http://one", "http://two"]
    assert check(kho, seal, b"A")[0].sound
    assert [tokens.read(one).server for one in renewal.Records(kho).tokens(seal)] == ["http://one", "http://two"]


def test_a_writer_killed_between_store_and_ledger_leaves_one_seal_and_not_two(kho: Archive,
                                                                             monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_arguments: object) -> None:
        raise SystemExit

    with ownership(kho):
        keep(kho, "a.pdf", b"A")
        with monkeypatch.context() as patched, pytest.raises(SystemExit):
            patched.setattr(seals, "_admit_new", killed)
            seals.seal_night(kho, FIRST)
        keep(kho, "b.pdf", b"B")
        seals.seal_night(kho, FIRST)
        seals.fetch_tokens(kho, FIRST, authority_of(FIRST))
    assert [row.id for row in rows(kho)] == ["000001", "000002"]
    assert check(kho, "000001", b"A")[0].sound
    assert check(kho, "000002", b"B")[0].sound
    assert [line.subject for line in kho.ledger.lines() if line.kind == "sealed"] == ["000001", "000002"]


def test_a_night_leans_on_the_tokens_of_the_nights_before(kho: Archive) -> None:
    with ownership(kho):
        for n, day in enumerate((0, 40, 400, 401)):
            now = FIRST + timedelta(days=day)
            keep(kho, f"{n}.pdf", bytes([n]))
            seals.seal_night(kho, now)
            seals.fetch_tokens(kho, now, authority_of(now))
    first, second, third, fourth = rows(kho)
    for row in (first, second, third):      # a year, about a month, the last
        digest = hashlib.sha256(seals.token_of(kho.store, row.id)).digest()
        assert seals.way_in(kho.store, fourth, digest) is not None, row.id


def test_the_seals_come_back_in_a_rebuild(kho: Archive) -> None:
    def picture() -> list[dict[str, object]]:
        return [{column.name: getattr(row, column.name) for column in Seal.__table__.columns} for row in rows(kho)]

    with ownership(kho):
        keep(kho, "a.pdf", b"A")
        seals.seal_night(kho, FIRST)
        seals.fetch_tokens(kho, FIRST, authority_of(FIRST))
        keep(kho, "b.pdf", b"B")
        seals.seal_night(kho, FIRST)
        before = picture()
        rebuild.rebuild(kho)
    assert picture() == before
    assert [bool(row["tokens"]) for row in before] == [True, False]


def test_forty_years_of_nightly_jobs_with_two_changes_of_algorithm_still_prove_the_first_night(kho: Archive) -> None:
    sealed: dict[bytes, str] = {}
    with ownership(kho):
        for step in range(81):      # every half year until 2066
            now = FIRST + timedelta(days=182.5 * step)
            if step % 8 == 0:
                new = [f"tài liệu {step} {n}".encode() for n in range(5 if step == 0 else 1)]
                for n, data in enumerate(new):
                    keep(kho, f"{step}-{n}.pdf", data)
                sealed |= dict.fromkeys(new, seals.seal_night(kho, now))
            renewal.renew_timestamps(kho, now)
            seals.fetch_tokens(kho, now, authority_of(now))
            if step in (24, 52):
                renewal.renew_hashes(kho, {24: "sha384", 52: "sha512"}[step], now)
                seals.fetch_tokens(kho, now, authority_of(now))
    for data, seal in sealed.items():
        links = check(kho, seal, data)
        assert all(link.sound for link in links), [link.reason for link in links]
        for earlier, later in pairwise(links):
            until = tokens.read(earlier.token).until
            assert until is not None
            assert until > later.time, "renewed while the server's certificate was in force"
        assert tokens.read(links[-1].token).until > now
    of_the_first_night = [data for data, seal in sealed.items() if seal == "000001"]
    inventory = kho.store.folder(layout.casefile_object(CODE)) / "v1" / "inventory.json"
    assert len(of_the_first_night) == 5
    for data in [*of_the_first_night, inventory.read_bytes()]:
        first = check(kho, "000001", data)
        assert [link.algorithm for link in first if link.covers == "object"] == ["sha256", "sha384", "sha512"]
        assert len(first) > 8
        evidence = renewal.record_of(kho, "000001", hashlib.sha256(data).digest(), renewal.digests_of(data))
        checker.check(data, evidence, [], lambda _: None)       # another hand's code says the same
        tampered = data + b"!"      # not one bit: "0" would become "1", a neighbour in the same tree
        links = ers.check(evidence, renewal.digests_of(tampered))
        assert not any(link.sound for link in links if link.covers == "object")
        with pytest.raises(checker.WrongError):
            checker.check(tampered, evidence, [], lambda _: None)


def test_nothing_is_rehashed_over_a_gap_or_over_a_changed_file(kho: Archive) -> None:
    with ownership(kho):
        keep(kho, "a.pdf", b"A")
        seals.seal_night(kho, FIRST)
        with pytest.raises(RefusedError, match="000001"):
            renewal.renew_hashes(kho, "sha512", FIRST)
        seals.fetch_tokens(kho, FIRST, authority_of(FIRST))
        place = kho.store.files(layout.casefile_object(CODE))[f"{layout.RECEIVED}/a.pdf"].place
        place.write_bytes(b"B")
        with pytest.raises(IntegrityError):
            renewal.renew_hashes(kho, "sha512", FIRST)


def test_the_calendar_says_what_is_due_when_and_a_renewal_takes_it_off(kho: Archive) -> None:
    with ownership(kho):
        keep(kho, "a.pdf", b"A")
        seals.seal_night(kho, FIRST)
        seals.fetch_tokens(kho, FIRST, authority_of(FIRST))
        [due] = renewal.calendar_of(kho)
        assert (due.seals, due.until, due.due) == (("000001",), datetime(2031, 1, 1, tzinfo=UTC),
                                                   datetime(2029, 7, 1, tzinfo=UTC)), "18 months ahead"
        assert renewal.renew_timestamps(kho, datetime(2029, 6, 30, tzinfo=UTC)) == []
        now = datetime(2029, 7, 2, tzinfo=UTC)
        [made] = renewal.renew_timestamps(kho, now)
        seals.fetch_tokens(kho, now, authority_of(now))
        assert [one.seals for one in renewal.calendar_of(kho)] == [(made,)]
        assert renewal.renew_timestamps(kho, now) == []
    assert len(check(kho, "000001", b"A")) == 2


def test_a_certificate_that_ended_unnoticed_is_said_and_renewed_all_the_same(
        kho: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime(2031, 3, 1, tzinfo=UTC)      # the authority's certificate ended with 2030
    with ownership(kho):
        keep(kho, "a.pdf", b"A")
        seal = seals.seal_night(kho, FIRST)
        seals.fetch_tokens(kho, FIRST, authority_of(FIRST))
        monkeypatch.setattr(seals, "ask", lambda url, digest, algorithm, **_: authority_of(now)(url, digest, algorithm))
        done = seal_and_renew(kho, now)
        assert [(one.seals, one.until) for one in done.ended] == [((seal,), datetime(2031, 1, 1, tzinfo=UTC))]
        assert seal_and_renew(kho, now).ended == []
    first, second = check(kho, seal, b"A")
    assert (first.sound, second.sound, second.time) == (True, True, now)
    until = tokens.read(first.token).until
    assert until is not None
    assert until < second.time


@pytest.mark.parametrize(("moment", "months", "before"), [
    ("2031-03-31", 1, "2031-02-28"), ("2028-08-31", 18, "2027-02-28"), ("2029-08-31", 18, "2028-02-29"),
    ("2031-01-01", 18, "2029-07-01")])
def test_months_are_counted_by_the_calendar(moment: str, months: int, before: str) -> None:
    assert renewal.months_before(datetime.fromisoformat(moment), months) == datetime.fromisoformat(before)


# --- the ledger ------------------------------------------------------------------------------------------------


def sealed_ledger(kho: Archive) -> None:
    with ownership(kho):
        for n in range(3):
            keep(kho, f"{n}.pdf", bytes([n]))
            seals.seal_night(kho, FIRST)
        seals.fetch_tokens(kho, FIRST, authority_of(FIRST))
        keep(kho, "new.pdf", b"new")


def test_a_sound_ledger_is_covered_as_far_as_its_last_timestamp(kho: Archive) -> None:
    sealed_ledger(kho)
    covered, faults = check_ledger(kho)
    assert faults == []
    assert covered.timed == covered.sealed < covered.events
    assert covered.time == FIRST


def rewritten(kho: Archive, change: Callable[[list[dict[str, Any]]], None]) -> None:
    """Replace the ledger by one that somebody wrote anew, with a whole chain of its own."""
    [file] = kho.ledger.folder.glob("*.jsonl")
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    change(lines)
    previous = "0" * 64
    out = []
    for seq, line in enumerate(lines, 1):
        body = {**{key: value for key, value in line.items() if key != "hash"}, "seq": seq, "prev": previous}
        previous = line_hash(body)
        out.append(json.dumps({**body, "hash": previous}, ensure_ascii=False, sort_keys=True, separators=(",", ":")))
    file.write_text("\n".join(out) + "\n")


def test_a_ledger_that_was_replaced_whole_is_noticed(kho: Archive) -> None:
    sealed_ledger(kho)

    def another_actor(lines: list[dict[str, Any]]) -> None:
        lines[1]["actor"] = "somebody else"

    rewritten(kho, another_actor)
    assert list(kho.ledger.check()) == [], "its own chain is whole"
    _covered, faults = check_ledger(kho)
    assert any("000001" in fault for fault in faults)


def test_a_ledger_whose_end_was_cut_off_is_noticed_by_the_seals(kho: Archive) -> None:
    sealed_ledger(kho)
    rewritten(kho, lambda lines: lines.__delitem__(slice(3, None)))
    _covered, faults = check_ledger(kho)
    assert any("000003" in fault for fault in faults)


def test_a_seal_that_was_changed_with_the_ledger_does_not_fit_its_timestamp(kho: Archive) -> None:
    sealed_ledger(kho)
    with ownership(kho):
        body = json.loads(kho.store.read(layout.seal_object("000001"), seals.SEAL))
        kho.store.put(layout.seal_object("000001"), {seals.SEAL: NewFile(json_bytes({**body, "root": "00" * 32}))},
                      message="x", user="x", created=FIRST)
    _covered, faults = check_ledger(kho)
    assert len(faults) == 2, "neither the tree nor the timestamp leads there"
