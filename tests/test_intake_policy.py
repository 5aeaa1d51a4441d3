"""What the agency's intake policy does to a document for its signatures' verdict: pass, quarantine, block."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click import Command
from click.testing import CliRunner, Result
from pydantic import ValidationError
from sqlalchemy import select

from archive import model, opening
from archive.commands import casefile
from archive.errors import RefusedError, SettingsError
from archive.findings import Level, finding
from archive.opening import Archive
from archive.settings import Settings, load
from archive.settings_file import as_toml
from ingest import intake, nightly
from ingest.commands import quarantine
from tests.conftest import ROOT
from tests.edxml_messages import HEADER, Attached, message
from tests.test_signatures import PLAIN, sign

FILE = "H99.2026.01.VP"
CHANGED = sign(PLAIN).replace(b"185.400.000", b"485.400.000")


def luutru(command: Command, root: Path, *arguments: str) -> Result:
    done = CliRunner().invoke(command, list(arguments), obj=root)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


@pytest.fixture
def root(archive: Archive) -> Path:
    """An archive with the sample file plan."""
    place = archive.settings.root
    luutru(casefile.command, place, "plan", "import", str(ROOT / "samples" / "file-plan.xlsx"))
    return place


def night(root: Path, **signatures: object) -> dict[str, tuple[str, set[str]]]:
    """Run a night under the policy `signatures`: the state of every item by its name, and what holds it."""
    given = load(root)
    archive = opening.open_archive(given.model_copy(update={
        "signatures": given.signatures.model_validate({**given.signatures.model_dump(), **signatures})}))
    try:
        nightly.run(archive)
        with archive.catalogue.session() as session:
            rows = list(session.scalars(select(model.Item).where(model.Item.state != "list")))
            known = intake.findings_of(session, [row.id for row in rows])
        return {row.name: (row.state, {one.code for one in known[row.id] if one.level >= Level.refused})
                for row in rows}
    finally:
        archive.close()


def item(root: Path) -> str:
    archive = opening.open_archive(load(root))
    with archive.catalogue.session() as session:
        row = session.scalars(select(model.Item).where(model.Item.state == "quarantine")).one()
    archive.close()
    return row.id


def put(root: Path, name: str, data: bytes, number: int = 7) -> None:
    (root / "inbox" / name).write_bytes(data)
    (root / "inbox" / f"danh-sach-{number}.csv").write_text(
        f"Tên tệp;Mã hồ sơ;Số;Ký hiệu\n{name};{FILE};{number};UBND-NC\n", encoding="utf-8-sig")


def test_quarantine_waits_for_an_archivist_who_answers_for_it_with_a_reason(root: Path) -> None:
    put(root, "sửa.pdf", CHANGED)
    assert night(root) == {"sửa.pdf": ("quarantine", {"VERIFY-004"})}         # today's default
    assert luutru(quarantine.command, root, "release", item(root), "--accept", "VERIFY-004").exit_code == 2
    assert luutru(quarantine.command, root, "release", item(root), "--accept", "VERIFY-004",
                  "--reason", "đã đối chiếu bản giấy").exit_code == 0
    assert night(root) == {"sửa.pdf": ("stored", set())}


def test_a_block_is_lifted_by_another_policy_and_by_nobodys_word(root: Path) -> None:
    put(root, "sửa.pdf", CHANGED)
    assert night(root, invalid="block") == {"sửa.pdf": ("quarantine", {"VERIFY-038"})}
    held = item(root)
    with pytest.raises(RefusedError):
        luutru(quarantine.command, root, "release", held, "--accept", "VERIFY-038", "--reason", "tôi chịu trách nhiệm")
    assert luutru(quarantine.command, root, "release", held).exit_code == 0
    assert night(root, invalid="block") == {"sửa.pdf": ("quarantine", {"VERIFY-038"})}
    assert luutru(quarantine.command, root, "release", held).exit_code == 0
    assert night(root, invalid="pass") == {"sửa.pdf": ("stored", set())}


def test_whoever_answers_for_it_a_final_refusal_stays_one() -> None:
    final, other = finding("VERIFY-038", "x"), finding("VERIFY-004", "x", level=Level.refused)
    assert [one.level for one in intake.answered_for([final, other], ["VERIFY-038", "VERIFY-004"])] == [
        Level.refused, Level.note]


def test_the_policy_of_an_agency_holds_for_its_documents_alone(root: Path) -> None:
    for n, (name, code) in enumerate((("của-sở.edxml", "000.00.15.H51"), ("của-bộ.edxml", "G12"))):
        sent = message([Attached(f"văn bản {n}.pdf", PLAIN + b"\n" * n, id=f"cid:{n}")],
                       HEADER.replace("<From><OrganId>000.00.15.H51", f"<From><OrganId>{code}"))
        put(root, name, sent, 7 + n)
    assert night(root, agencies={"H51.15": {"unsigned": "block"}}) == {
        "của-sở.edxml": ("quarantine", {"VERIFY-038"}), "của-bộ.edxml": ("stored", set())}


def test_the_policy_is_written_read_and_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = {"H51.15": {"unsigned": "block", "invalid": "quarantine"}}
    text = as_toml(Settings(signatures={"undetermined": "quarantine", "agencies": own}))
    (tmp_path / "luutru.toml").write_text(text)
    assert load(tmp_path).signatures.agencies == own and load(tmp_path).signatures.undetermined == "quarantine"
    assert 'invalid = "quarantine"' in text
    monkeypatch.setenv("LUUTRU_SIGNATURES__AGENCIES", json.dumps({"G12": {"invalid": "block"}}))
    assert load(tmp_path).signatures.agencies["G12"] == {"invalid": "block"}
    for wrong in ({"invalid": "burn"}, {"agencies": {"H51": {"perfect": "pass"}}}, {"refuse": ["invalid"]}):
        with pytest.raises(ValidationError):
            Settings(signatures=wrong)


def test_a_slip_in_the_policy_is_told_with_the_setting_and_what_can_stand_there(tmp_path: Path) -> None:
    (tmp_path / "luutru.toml").write_text(
        '[signatures]\ninvalit = "block"\nunsigned = "blok"\nagencies = { "H99" = { undetermned = "block" } }\n')
    with pytest.raises(SettingsError) as told:
        load(tmp_path)
    text = str(told.value)
    for part in ("signatures.invalit:", "signatures.unsigned:", "blok", "'quarantine'", "'undetermined'", "H99"):
        assert part in text
    assert "Input should" not in text and "Extra inputs" not in text
