"""What receipt could not decide is decided by later evidence: never silently, and the first verdict stays for ever."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from archive import catalogue, clock, correcting, layout, opening, rechecks, settings
from archive.commands import casefile
from archive.errors import UsageError
from archive.findings import Level
from archive.opening import Archive, ownership
from archive.rebuild import rebuild
from ingest import rechecking, report, report_page
from ingest.commands import signature as signature_command
from ingest.signatures import revocation_store
from tests import recheck_material as material
from tests.conftest import NIGHT
from tests.recheck_material import House, both
from tests.test_closing import _lives
from tests.test_revocation import crl, served
from tests.test_signatures import CA, ENDED, PERSON, PLAIN, SIGNED, STRANGE_ROOT, revocation_list, sign
from tests.test_signatures import ROOT as GOC


@pytest.fixture
def house(archive: Archive, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> House:
    return material.house(archive, monkeypatch, tmp_path)


def events(house: House, kind: str) -> list[dict[str, Any]]:
    return [line.data for line in house.archive.ledger.lines() if line.kind == kind]


def rebuilt(house: House) -> None:
    """A rebuild gives the same catalogue, row by row."""
    with house.archive.catalogue.session() as session:
        before = catalogue.rows(session)
    with ownership(house.archive, rebuilding=True):
        rebuild(house.archive)
    with house.archive.catalogue.session() as session:
        after = catalogue.rows(session)
    for rows in (before, after):
        for row in rows["document"]:
            row["indexed"] = ""
    assert after == before


def test_revocation_before_signing_that_becomes_known_later_makes_the_verdict_fall_and_says_so(house: House) -> None:
    house.bring({"a.pdf": both()})
    house.night()
    row = house.document("a.pdf")
    assert (row.verdict, row.legal_value, row.recheck_on) == ("valid_with_notes", "signed_original", "2026-11-27")
    path = layout.signatures_path(row.ordinal)
    first = house.archive.store.read(layout.casefile_object(row.case_file), path)

    house.at(8)
    house.revoke({PERSON.serial: SIGNED - timedelta(days=1)}, 8)
    night = house.night()
    assert [one.code for one in night.findings if one.code.startswith("TRUST")] == ["TRUST-001"]
    row = house.document("a.pdf")
    assert (row.verdict, row.legal_value) == ("invalid", "undetermined")
    held = house.archive.store
    assert held.read(layout.casefile_object(row.case_file), path) == first, "the verdict on receipt is kept for ever"
    later = layout.later_report_path(row.ordinal, 2, "json")
    second = json.loads(held.read(layout.casefile_object(row.case_file), later))
    assert (second["verdict"], json.loads(first)["verdict"]) == ("invalid", "valid_with_notes")
    assert second["files"][0]["received_at"] == json.loads(first)["files"][0]["received_at"], "the receipt is the proof"
    [event] = events(house, "rechecked")
    assert (event["before"], event["after"], event["revoked"]) == ("valid_with_notes", "invalid", True)
    assert "VERIFY-031" in event["why"] and event["trust"].startswith("1-")
    with house.archive.catalogue.session() as session:
        told = report.build(house.archive, report.latest_batch(session))
    assert [(one.document, one.revoked) for one in told.rechecked] == [(row.code, True)] and told.needs_person
    rebuilt(house)


def test_a_good_list_lifts_the_note_and_no_further_look_is_needed(house: House) -> None:
    house.bring({"a.pdf": both()})
    house.night()
    house.at(8)
    house.revoke({}, 8)
    assert [one.code for one in house.night().findings if one.code.startswith("TRUST")] == ["TRUST-002"]
    row = house.document("a.pdf")
    assert (row.verdict, row.legal_value, row.recheck_on) == ("valid", "signed_original", "")
    assert "VERIFY-034" not in {one["code"] for one in house.record(row)["findings"]}
    rebuilt(house)
    house.at(16)
    house.night()
    assert len(events(house, "rechecked")) == 1


def test_a_revocation_after_the_tokens_time_is_a_note_and_the_signature_stays_valid(house: House) -> None:
    house.bring({"a.pdf": both()})
    house.night()
    house.at(8)
    house.revoke({PERSON.serial: NIGHT + timedelta(days=2)}, 8)
    house.night()
    row = house.document("a.pdf")
    assert (row.verdict, row.legal_value, row.recheck_on) == ("valid_with_notes", "signed_original", "")
    assert "VERIFY-033" in {one["code"] for one in house.record(row)["findings"]}
    assert not events(house, "rechecked")[0]["revoked"]


def test_where_nothing_changed_only_the_day_moves_on_with_one_event_for_all(house: House) -> None:
    house.bring({f"{n}.pdf": both() + b"\n" * n for n in range(3)})
    house.night()
    versions = {one: house.archive.store.version(one) for one in house.archive.store.objects() if "casefile" in one}
    house.at(8)
    done = house.night()
    [moved] = events(house, "rechecks_moved")
    assert (moved["documents"], moved["looked"], moved["to"]) == (3, 0, "2026-12-05"), "the lists are as they were"
    assert {house.document(f"{n}.pdf").recheck_on for n in range(3)} == {"2026-12-05"}
    house.at(16)
    house.trust(GOC, into="khác")          # the lists changed, and say the same of these
    house.night()
    assert [one["looked"] for one in events(house, "rechecks_moved")] == [0, 3]
    assert events(house, "rechecked") == [] and not [one for one in done.findings if one.code.startswith("TRUST")]
    assert versions == {one: house.archive.store.version(one) for one in versions}, "no new version each week"
    rebuilt(house)


def test_of_a_certificate_that_ended_the_list_of_its_time_is_asked_not_the_newest(house: House) -> None:
    signed = datetime(2026, 9, 16, 3, tzinfo=UTC)
    house.bring({"a.pdf": sign(PLAIN, ENDED, at=signed)})
    house.night()
    assert house.document("a.pdf").recheck_on == "2026-11-27"
    house.at(8)
    house.revoke({}, 8)             # made after the certificate's end: it need not name it any more
    old = crl(CA, signed - timedelta(days=1), signed + timedelta(days=6), {
        ENDED.serial: (signed - timedelta(days=2), None)})
    with ownership(house.archive):
        assert revocation_store.take(house.archive, old, "tệp", "lan").kept, "older than the one in use"
    house.night()
    row = house.document("a.pdf")
    assert (row.verdict, events(house, "rechecked")[0]["revoked"]) == ("invalid", True)
    rebuilt(house)


# --- closed case files -------------------------------------------------------------------------------------


def command(house: House, *arguments: str) -> None:
    done = CliRunner().invoke(casefile.command, list(arguments), obj=house.root)
    assert done.exit_code == 0, done.output


def close(house: House, code: str) -> None:
    command(house, "close", code, "--force", "--reason", "thử nghiệm")


def test_of_a_closed_case_file_the_package_stays_and_the_later_verdict_lies_beside_it(house: House) -> None:
    house.bring({"a.pdf": both()})
    house.night()
    row = house.document("a.pdf")
    close(house, row.case_file)
    object_id = layout.casefile_object(row.case_file)
    version = house.archive.store.version(object_id)
    house.at(8)
    house.revoke({PERSON.serial: SIGNED - timedelta(days=1)}, 8)
    assert [one.code for one in house.night().findings if one.code.startswith("TRUST")] == ["TRUST-001"]
    row = house.document("a.pdf")
    assert (row.verdict, row.legal_value, row.recheck_on) == ("invalid", "undetermined", "")
    assert house.record(row)["verdict"] == "invalid", "whoever reads the record reads what is known now"
    assert house.archive.store.version(object_id) == version, "a closed object gets no more versions"
    beside = layout.rechecks_object(row.case_file)
    told = json.loads(house.archive.store.read(beside, layout.later_report_path(row.ordinal, 2, "json")))
    assert told["verdict"] == "invalid"
    rebuilt(house)
    command(house, "reopen", row.case_file, "--reason", "bổ sung")
    assert house.document("a.pdf").verdict == "invalid"
    assert house.record(house.document("a.pdf"))["verdict"] == "invalid"
    rebuilt(house)
    assert len(events(house, "rechecked")) == 1


# --- on demand ---------------------------------------------------------------------------------------------


def signature(house: House, *arguments: str) -> tuple[int, dict[str, Any]]:
    done = CliRunner().invoke(signature_command.command, ["recheck", *arguments, "--json"], obj=house.root)
    return done.exit_code, json.loads(done.stdout)


def test_on_demand_a_dry_run_changes_nothing_and_a_new_root_raises_what_was_undecided(house: House) -> None:
    house.bring({"a.pdf": material.unknown(), "b.pdf": both()})
    house.night()
    row = house.document("a.pdf")
    assert (row.verdict, row.recheck_on) == ("undetermined", "2026-11-27"), "a root may still be confirmed"
    with pytest.raises(UsageError), ownership(house.archive):
        rechecking.recheck(house.archive, clock.now(), codes=["H99.2026.01.VP.0000099"])
    assert signature(house, row.code) == (0, {
        "dry_run": False, "looked": 1, "same": 0, "left": 0, "changed": [], "findings": []})
    house.at(1)
    house.trust(STRANGE_ROOT, into="mới")
    seq = house.archive.ledger.seq
    code, told = signature(house, "--all", "--dry-run")
    assert (code, told["looked"], [one["document"] for one in told["changed"]]) == (0, 2, [row.code])
    assert house.archive.ledger.seq == seq and house.document("a.pdf").verdict == "undetermined"
    code, told = signature(house, row.code)
    assert code == 0 and told["changed"][0]["after"] == house.document("a.pdf").verdict == "valid_with_notes"
    assert house.document("a.pdf").recheck_on == "2026-11-28", "its revocation is not known yet"
    house.revoke({PERSON.serial: SIGNED - timedelta(days=1)}, 1)
    shown = CliRunner().invoke(signature_command.command, ["recheck", "--all", "--dry-run"], obj=house.root)
    assert shown.exit_code == 3 and house.document("b.pdf").code in shown.output, shown.output


def test_a_correction_between_two_looks_keeps_verdict_and_day(house: House) -> None:
    house.bring({"a.pdf": both()})
    house.night()
    house.at(8)
    house.night()
    row = house.document("a.pdf")
    with ownership(house.archive):
        correcting.correct_document(house.archive, row.code, {"subject": "Trích yếu khác"}, "gõ sai", by="lan")
    assert house.document("a.pdf").recheck_on == "2026-12-05"
    rebuilt(house)
    house.at(16)
    house.revoke({}, 16)
    house.night()
    assert (house.document("a.pdf").verdict, house.document("a.pdf").subject) == ("valid", "Trích yếu khác")
    rebuilt(house)


def test_the_time_of_a_night_is_kept_the_oldest_first_and_the_rest_comes_next(house: House) -> None:
    house.bring({f"{n}.pdf": both() + b"\n" * n for n in range(3)})
    house.night()
    house.at(8)
    house.revoke({}, 8)
    ticks = iter([0.0, 0.0, 1e9, 1e9])
    with pytest.MonkeyPatch.context() as patch, ownership(house.archive):
        patch.setattr(rechecking, "AT_ONCE", 2)
        done = rechecking.recheck(house.archive, clock.now(), ticking=lambda: next(ticks))
    assert (done.looked, done.left) == (2, 1)
    assert [house.document(f"{n}.pdf").verdict for n in range(3)] == ["valid", "valid", "valid_with_notes"]
    house.night()
    assert house.document("2.pdf").verdict == "valid"


def test_a_damaged_original_is_not_judged_and_said(house: House) -> None:
    house.bring({"a.pdf": both(), "b.pdf": both() + b"\n"})
    house.night()
    row = house.document("a.pdf")
    [original] = [one for one in house.record(row)["files"] if one["role"] == "original"]
    place = house.archive.store.files(layout.casefile_object(row.case_file))[original["path"]].place
    place.write_bytes(place.read_bytes()[:-9])
    house.at(8)
    house.revoke({}, 8)
    with ownership(house.archive):
        done = rechecking.recheck(house.archive, clock.now())
    assert "TRUST-005" in [one.code for one in done.findings]
    assert (house.document("a.pdf").verdict, house.document("a.pdf").recheck_on) == ("valid_with_notes", "2026-11-27")
    assert house.document("b.pdf").verdict == "valid", "the others go on"
    rebuilt(house)


def test_a_fault_of_ours_stops_neither_the_night_nor_the_others(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.bring({"a.pdf": both()})
    house.night()
    house.at(8)
    house.revoke({}, 8)
    monkeypatch.setattr(rechecking, "recheck", lambda *_args, **_named: 1 / 0)
    assert [(one.code, one.level) for one in house.night().findings if one.code.startswith("TRUST")] == [
        ("TRUST-004", Level.failed)]
    assert house.document("a.pdf").verdict == "valid_with_notes"


def test_the_night_fetches_the_lists_first_where_it_is_told_to_and_does_without_a_network(
        house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.bring({"a.pdf": both()})
    house.night()
    now = house.at(8)
    signatures = house.archive.settings.signatures.model_copy(update={"update_nightly": True})
    house.archive.settings = house.archive.settings.model_copy(update={"signatures": signatures})
    pages = {"/ca": revocation_list(CA, {}, now), "/goc": revocation_list(GOC, {}, now)}
    with served(pages) as address:
        monkeypatch.setattr(revocation_store, "addresses", lambda _lists: [
            f"{address}/none", f"{address}/ca", f"{address}/goc", "ldap://127.0.0.1/cn=ca"])
        night = house.night()
    told = [(one.code, one.subject) for one in night.findings if one.code.startswith("TRUST")]
    row = house.document("a.pdf")
    assert told == [("TRUST-003", f"{address}/none"), ("TRUST-003", "ldap://127.0.0.1/cn=ca"), ("TRUST-002", row.code)]
    assert row.verdict == "valid"
    with house.archive.catalogue.session() as session:
        page = report_page.render(report.build(house.archive, report.latest_batch(session)))
    assert page.count(row.code) >= 2, "stored, and of another verdict since"


def test_days_that_the_ledger_moved_and_the_catalogue_did_not_are_moved_by_the_next_look(
        house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.bring({"a.pdf": both()})
    house.night()
    house.at(8)
    with monkeypatch.context() as patch, pytest.raises(ZeroDivisionError), ownership(house.archive):
        patch.setattr(rechecks, "moved", lambda session, data: 1 / 0)
        rechecking.recheck(house.archive, clock.now())
    house.at(9)
    house.night()
    assert len(events(house, "rechecks_moved")) == 1
    assert house.document("a.pdf").recheck_on == "2026-12-05", "the day that the ledger says"
    rebuilt(house)


# --- killed at any moment ----------------------------------------------------------------------------------


def _look(archive: Archive) -> None:
    with ownership(archive):
        rechecking.recheck(archive, NIGHT + timedelta(days=8))


def _picture(root: Path) -> tuple[dict[str, Any], list[str], dict[str, bytes]]:
    archive = opening.open_archive(settings.load(root))
    try:
        assert list(archive.ledger.check()) == []
        with archive.catalogue.session() as session:
            rows = catalogue.rows(session)
        rows.pop("event")
        for row in rows["document"]:
            row["indexed"] = ""
        # How many a look moved on depends on what a killed one had done already; the day does not.
        told = sorted(json.dumps([line.kind, line.subject, line.data if line.kind == "rechecked" else line.data["to"]],
                                 sort_keys=True) for line in archive.ledger.lines()
                      if line.kind in ("rechecked", "rechecks_moved"))
        files = {path.relative_to(root).as_posix(): path.read_bytes()
                 for path in sorted((root / "store" / "ocfl").rglob("*")) if path.is_file()}
        return rows, told, files
    finally:
        archive.close()


def test_killed_at_any_moment_the_next_look_ends_with_the_same_archive_and_so_does_a_rebuild(
        house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUUTRU_SIGNATURES__PRINTED", "false")       # which takes its time
    house.bring({"a.pdf": both()})
    house.bring({"c.pdf": both() + b"\n\n"}, "H99.2026.02.VP")
    house.bring({"d.pdf": material.unknown()})
    house.night()
    close(house, house.document("c.pdf").case_file)
    house.at(8)
    house.revoke({PERSON.serial: SIGNED - timedelta(days=1)}, 8)
    house.archive.close()
    peace, life = tmp_path / "peace", tmp_path / "life"
    _copy(house.root, peace)
    _look(opening.open_archive(settings.load(peace)))
    wanted = _picture(peace)
    assert len(wanted[1]) == 3 and sum(row["verdict"] == "invalid" for row in wanted[0]["document"]) == 2
    lives = 0
    for lives in _lives(house.root, life, _look):
        if lives % 2:
            archive = opening.open_archive(settings.load(life), rebuilding=True)
            with ownership(archive, rebuilding=True):
                rebuild(archive)
            archive.close()
        archive = opening.open_archive(settings.load(life))
        _look(archive)
        archive.close()
        assert _picture(life) == wanted, lives
    assert lives > 10


def _copy(start: Path, target: Path) -> None:
    shutil.copytree(start, target)
