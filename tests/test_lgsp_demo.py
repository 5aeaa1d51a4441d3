"""`luutru demo transfer` as a test: a real agency, the real service of a real archive centre, a cut in the middle."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from archive import layout
from archive.opening import open_archive
from archive.settings import load
from ingest.commands import demo_transfer
from ingest.commands.demo_transfer_houses import Houses
from ingest.commands.demo_transfer_proof import proof
from ingest.commands.demo_transfer_showing import Teller, print_proof
from retention.transfer import objects
from tests.transfer_material import FIRST, case_file


def material(play: demo_transfer.Play) -> Sequence[str]:
    """One permanent case file, stored without a night: the samples' night is the rehearsal's own."""
    archive = open_archive(load(play.houses.agency))
    case_file(archive, FIRST, contents=(base64.encodebytes(os.urandom(150_000)), b"ng\xe1\xba\xafn"))
    archive.close()
    return [FIRST]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Houses, dict[str, Any]]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LUUTRU_DATABASE", "sqlite:////nowhere/of-another-archive.db")     # counts for nothing here
        houses = Houses(tmp_path_factory.mktemp("dien-tap"))
        yield houses, demo_transfer.rehearse(demo_transfer.Play(houses, Teller(quiet=True)), material)


def test_both_ends_hold_the_same_bytes_and_the_signed_minutes(played: tuple[Houses, dict[str, Any]]) -> None:
    told = played[1]
    assert told["well"], told
    assert [one["equal"] for one in told["packages"]] == [True]
    assert len(told["files"]) == 2
    assert {one["name"]: len(set(one["signers"])) for one in told["minutes"]} == {
        "delivery.pdf": 2, "approval.pdf": 2, "handover.pdf": 2}


def test_sending_went_on_in_the_middle_of_the_package(played: tuple[Houses, dict[str, Any]]) -> None:
    (resumed,) = played[1]["resumed"]
    assert 0 < resumed["offset"] < resumed["size"]


def test_the_agency_has_every_act_and_may_destroy_only_after_the_signed_confirmation(
        played: tuple[Houses, dict[str, Any]]) -> None:
    archive = open_archive(load(played[0].agency))
    with archive.catalogue.session() as session:
        assert list(session.scalars(objects.handed_over(session))) == [FIRST]
    acts = [one["act"] for one in objects.read(archive.store, played[1]["code"]).acts if one["act"] != "filed"]
    archive.close()
    assert acts == ["registered", "answered", "prepared", "sent", "received", "approved", "confirmed", "closed"]


def test_the_proof_sees_what_differs(played: tuple[Houses, dict[str, Any]], capsys: pytest.CaptureFixture[str]) -> None:
    houses, told = played
    centre = open_archive(load(houses.centre))
    place = next(one.place for one in centre.store.files(layout.casefile_object(FIRST)).values()
                 if one.sha256 == told["files"][1]["centre"])
    centre.close()
    before = place.read_bytes()
    place.chmod(0o644)
    place.write_bytes(before + b"!")
    try:
        seen = proof(houses, told["code"])
    finally:
        place.write_bytes(before)
    assert not seen["well"]
    assert not any(one["equal"] for one in seen["files"])
    print_proof({"seconds": 1, "folder": str(houses.folder), "code": told["code"], "resumed": [], **seen})
    assert FIRST in capsys.readouterr().out


def test_a_folder_that_is_in_use_is_not_played_in(tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    done = CliRunner().invoke(demo_transfer.command, ["--to", str(tmp_path), "--json"])
    assert done.exit_code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_a_step_that_does_not_go_well_ends_the_rehearsal(tmp_path: Path) -> None:
    play = demo_transfer.Play(Houses(tmp_path), Teller(quiet=True))
    with pytest.raises(demo_transfer.RehearsalError, match="khong-co"):
        play.alone(tmp_path / "co-quan", "khong-co")
