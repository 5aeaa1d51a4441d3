"""Holds: what is held enters no list for destruction until a document lifts it; nothing of a hold is ever lost."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from click.testing import CliRunner, Result

from archive import catalogue, layout
from archive.errors import UsageError
from archive.model import Event, Hold
from archive.opening import Archive, ownership
from archive.rebuild import rebuild
from retention import holds
from retention.commands.hold import command
from retention.hold_queries import Conditions
from retention.objects import ADMITS, CATCH_UPS
from tests.stored_documents import store_documents

AT = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
LAND, STAFF, OLD = "H99.2026.01.VP", "H99.2026.02.TC", "H99.2019.07.TC"
ASKED = holds.Ground("thanh tra về đất đai", "Nguyễn Thị Hạnh", "12/QĐ-TTT", "2026-11-20", "Thanh tra tỉnh")
LIFTED = holds.Ground("kết thúc thanh tra", "Nguyễn Thị Hạnh", "40/KL-TTT", "2026-11-21")


@pytest.fixture
def filled(archive: Archive) -> Archive:
    """Three case files of one fonds; the first holds a decision on land and a letter."""
    store_documents(archive, [
        {"subject": "Quyết định thu hồi đất", "organName": "UBND xã An Ninh Đông", "issuedDate": "05/03/2026",
         "typeName": "02"}, {"subject": "Công văn trả lời đơn", "organName": "Sở Nội vụ", "issuedDate": "07/03/2026"}],
        code=LAND, case_file={"title": "Hồ sơ khiếu nại về Đất Đai"})
    store_documents(archive, [{"subject": "Quyết định nâng lương", "organName": "Sở Nội vụ"}], code=STAFF,
                    case_file={"title": "Hồ sơ nâng lương"})
    store_documents(archive, [{"subject": "Báo cáo", "organName": "Sở Nội vụ", "issuedDate": "05/03/2019"}], code=OLD,
                    case_file={"title": "Báo cáo năm 2019"})
    return archive


def place(archive: Archive, *codes: str, ground: holds.Ground = ASKED, **more: Any) -> tuple[int, list[str]]:
    with ownership(archive):
        n, _count, findings = holds.place(archive, codes, ground, at=AT, **more)
    return n, [one.code for one in findings]


def lift(archive: Archive, n: int, ground: holds.Ground = LIFTED, **more: Any) -> list[str]:
    with ownership(archive):
        return [one.code for one in holds.release(archive, n, ground, at=AT, **more)[1]]


def held(archive: Archive) -> set[str]:
    with archive.catalogue.session() as session:
        return set(session.scalars(holds.held(session)))


def rows(archive: Archive) -> dict[str, list[dict[str, Any]]]:
    with archive.catalogue.session() as session:
        return catalogue.rows(session)


def test_a_held_case_file_is_held_until_a_document_lifts_it(filled: Archive) -> None:
    n, codes = place(filled, LAND)
    assert (n, codes, held(filled)) == (1, [], {LAND})
    assert lift(filled, n, holds.Ground("xong", "H", "", "")) == ["HOLD-004"]
    assert held(filled) == {LAND}
    assert lift(filled, n) == []
    assert held(filled) == set()
    assert lift(filled, n) == ["HOLD-007"]


def test_a_hold_on_a_document_holds_its_case_file_and_one_on_a_fonds_all_that_comes_into_it(filled: Archive) -> None:
    place(filled, f"{STAFF}.0000001")
    assert held(filled) == {STAFF}
    place(filled, "H99")
    assert held(filled) == {LAND, STAFF, OLD}
    store_documents(filled, [{"subject": "Đến sau"}], code="H99.2026.03.VP")
    assert "H99.2026.03.VP" in held(filled)


def test_two_holds_on_one_case_file_are_lifted_one_by_one(filled: Archive) -> None:
    first, _ = place(filled, LAND)
    second, codes = place(filled, LAND, ground=holds.Ground("án dân sự", "H", "3/TA", "2026-11-01", "Tòa án tỉnh"))
    assert codes == []
    lift(filled, first)
    assert held(filled) == {LAND}
    lift(filled, second)
    assert held(filled) == set()


@pytest.mark.parametrize(("asked", "documents", "found"), [
    (Conditions(fonds="H99", year_from=2019, year_to=2019), False, {OLD}),
    (Conditions(title="dat dai"), False, {LAND}),
    (Conditions(organ="SỞ NỘI VỤ", issued_from="2020-01-01"), False, {LAND}),
    (Conditions(subject="thu hoi đất"), False, {LAND}),
    (Conditions(subject="quyết định", organ="sở nội vụ"), True, {f"{STAFF}.0000001"}),
    (Conditions(notation="02.TC"), False, {STAFF})])
def test_what_meets_conditions_is_held_and_only_that(filled: Archive, asked: Conditions, documents: bool,
                                                     found: set[str]) -> None:
    n, codes = place(filled, asked=asked, documents=documents)
    assert codes == []
    told = json.loads(filled.store.read(holds.object_id(n), holds.HOLD_FILE))
    assert {code for _kind, code, _case_file in told["items"]} == found
    assert told["conditions"] == asked.told()


def test_a_frozen_query_leaves_out_what_comes_later_and_a_standing_one_catches_it(filled: Archive) -> None:
    asked = Conditions(notation="02.TC", organ="Sở Nội vụ")
    place(filled, asked=asked)
    late = "H99.2025.02.TC"
    store_documents(filled, [{"subject": "Đến sau", "organName": "Sở Nội vụ"}], code=late)
    assert held(filled) == {STAFF}
    n, codes = place(filled, asked=asked, standing=True,
                     ground=holds.Ground("kiểm toán", "H", "9/KT", "2026-11-01", "Kiểm toán"))
    assert (codes, held(filled)) == ([], {STAFF, late})
    later = "H99.2024.02.TC"
    store_documents(filled, [{"subject": "Sau nữa", "organName": "Sở Nội vụ"}], code=later)
    assert held(filled) == {STAFF, late, later}
    with filled.catalogue.session() as session:
        assert [one.number for one in holds.holds_of(session, later)] == ["9/KT"]
    lift(filled, n)
    assert held(filled) == {STAFF}


@pytest.mark.parametrize(("codes", "change", "expected"), [
    (["H99.2026.99.XX"], {}, ["HOLD-001"]), ([LAND], {"number": ""}, ["HOLD-002"]),
    ([LAND], {"dated": ""}, ["HOLD-002"]),
    ([LAND], {"dated": "2026-11-31"}, ["HOLD-009"]), ([LAND], {"dated": "2027-01-01"}, ["HOLD-009"]),
    ([LAND], {"requester": " "}, ["HOLD-010"]), ([LAND], {"reason": ""}, ["HOLD-010"])])
def test_what_is_wrong_with_a_request_refuses_all_of_it(filled: Archive, codes: list[str], change: dict[str, str],
                                                        expected: list[str]) -> None:
    ground = holds.Ground(**{**{name: getattr(ASKED, name) for name in ASKED.__slots__}, **change})
    before = rows(filled)
    assert place(filled, STAFF, *codes, ground=ground) == (0, expected)
    assert rows(filled) == before
    assert not filled.store.has(holds.object_id(1))


def test_a_query_that_finds_nothing_is_refused(filled: Archive) -> None:
    assert place(filled, asked=Conditions(year_from=2100)) == (0, ["HOLD-005"])


def test_what_the_same_document_holds_already_is_left_out(filled: Archive) -> None:
    place(filled, LAND)
    assert place(filled, LAND, STAFF) == (2, ["HOLD-003"])
    with filled.catalogue.session() as session:
        assert session.get_one(Hold, 2).items == 1
    assert place(filled, LAND, STAFF) == (0, ["HOLD-003", "HOLD-003", "HOLD-006"])


def test_a_hold_can_be_lifted_from_some_of_its_items(filled: Archive) -> None:
    n, _ = place(filled, LAND, STAFF, OLD)
    assert lift(filled, n, only=["H99.2020.01"]) == ["HOLD-008"]
    assert lift(filled, n, only=[LAND]) == []
    assert held(filled) == {STAFF, OLD}
    assert lift(filled, n, only=[LAND]) == ["HOLD-008"]
    assert lift(filled, n, only=[STAFF, OLD]) == []
    with filled.catalogue.session() as session:
        assert (session.get_one(Hold, n).state, session.get_one(Hold, n).released_on) == ("released", "2026-11-21")


def test_the_holds_of_a_past_day_are_those_that_were_on_record_then(filled: Archive) -> None:
    n, _ = place(filled, LAND)
    with ownership(filled):
        holds.release(filled, n, LIFTED, at=datetime(2026, 11, 24, 3, 0, tzinfo=UTC))

    def on(day: str) -> list[str]:
        with filled.catalogue.session() as session:
            return [one.id for one in holds.holds_of(session, LAND, day)]

    assert [on(day) for day in ("2026-11-20", "2026-11-21", "2026-11-23", "2026-11-24", "")] == [
        [], ["000001"], ["000001"], [], []]


def test_conditions_that_cannot_stand_are_a_wrong_use(filled: Archive) -> None:
    for wrong in ({"asked": Conditions()}, {"asked": Conditions(title="đất"), "standing": True},
                  {"asked": Conditions(fonds="H99"), "standing": True, "documents": True}):
        with pytest.raises(UsageError):
            place(filled, **wrong)
    with pytest.raises(UsageError):
        place(filled, LAND, asked=Conditions(fonds="H99"))
    with pytest.raises(UsageError):
        lift(filled, 7)


def test_holds_come_back_row_by_row_from_the_store(filled: Archive) -> None:
    first, _ = place(filled, LAND, f"{STAFF}.0000001", "H99")
    second, _ = place(filled, asked=Conditions(notation="02.TC"), standing=True,
                      ground=holds.Ground("kiểm toán", "H", "9/KT", "2026-11-01", "Kiểm toán"))
    lift(filled, first, only=["H99"])
    lift(filled, second)
    before, there = rows(filled), held(filled)
    assert there == {LAND, STAFF}
    with ownership(filled, rebuilding=True):
        rebuild(filled, admits=ADMITS)
    assert rows(filled)["hold"] == before["hold"]
    assert rows(filled)["hold_item"] == before["hold_item"]
    assert rows(filled)["event"] == before["event"]
    assert held(filled) == there


@pytest.mark.parametrize("rebuilt", [False, True])
def test_a_kill_after_the_store_was_written_leaves_a_hold_and_a_release_that_are_told_later(
        filled: Archive, monkeypatch: pytest.MonkeyPatch, rebuilt: bool) -> None:
    def again() -> None:
        with ownership(filled, rebuilding=rebuilt):
            if rebuilt:
                rebuild(filled, admits=ADMITS)
            for finish in CATCH_UPS:
                finish(filled)

    with monkeypatch.context() as killed:
        killed.setattr(holds, "admit", die)
        with pytest.raises(KeyboardInterrupt):
            place(filled, LAND)
    assert held(filled) == set()
    again()
    assert held(filled) == {LAND}
    with monkeypatch.context() as killed:
        killed.setattr(holds, "admit", die)
        with pytest.raises(KeyboardInterrupt):
            lift(filled, 1)
    again()
    assert held(filled) == set()
    again()
    with filled.catalogue.session() as session:
        kinds = [one.kind for one in session.query(Event).filter(Event.kind.like("hold%")).order_by(Event.seq)]
        assert kinds == [holds.PLACED, holds.RELEASED]
        assert session.get_one(Hold, 1).state == "released"


def test_a_release_that_never_reached_the_store_leaves_the_hold_as_it_was(
        filled: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    n, _ = place(filled, LAND)
    with monkeypatch.context() as full:
        full.setattr(filled.store.__class__, "put", die)
        with pytest.raises(KeyboardInterrupt):
            lift(filled, n)
    assert held(filled) == {LAND}
    with filled.catalogue.session() as session:
        assert session.get_one(Hold, n).state == "placed"


def die(*_args: Any, **_more: Any) -> None:
    raise KeyboardInterrupt


# --- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture
def run(filled: Archive, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("LUUTRU_USER", "Nguyễn Thị Hạnh")
    root = filled.settings.root

    def call(*words: str, stdin: str = "") -> Result:
        return CliRunner().invoke(command, list(words), obj=root, input=stdin)

    return call


PLACE = ("--reason", "thanh tra", "--requester", "Thanh tra tỉnh", "--number", "12/QĐ-TTT", "--dated", "2026-11-20")


def test_the_command_places_lists_shows_and_lifts(run: Any, filled: Archive) -> None:
    done = run("place", "--list", "-", *PLACE, "--json", stdin=f"{LAND}\n{STAFF}\n\n")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["items"] == 2
    assert [one["hold"] for one in json.loads(run("list", LAND, "--json").stdout)] == ["000001"]
    assert json.loads(run("list", OLD, "--json").stdout) == []
    assert run("list").exit_code == run("show", "1").exit_code == 0
    assert run("list", "H99.1999.01.X").exit_code == 2
    assert run("show", "4").exit_code == 2
    assert run("release", "1", "--reason", "xong").exit_code == 5
    assert held(filled) == {LAND, STAFF}
    lifted = ("--reason", "xong", "--number", "40/KL-TTT", "--dated", "2026-11-20", "--json")
    assert json.loads(run("release", "1", *lifted, "--dry-run").stdout)["items"] == 2
    assert held(filled) == {LAND, STAFF}
    assert run("release", "1", *lifted).exit_code == 0
    shown = json.loads(run("show", "1", "--json").stdout)
    assert [one["actor"] for one in shown["history"]] == ["Nguyễn Thị Hạnh"] * 2
    assert json.loads(run("list", "--json").stdout) == []
    assert len(json.loads(run("list", "--all", "--json").stdout)) == 1


def test_several_holds_are_lifted_together_or_not_at_all(run: Any, filled: Archive) -> None:
    for code, number in ((LAND, "1/A"), (STAFF, "2/A")):
        assert run("place", code, *PLACE[:5], number, *PLACE[6:]).exit_code == 0
    lifted = ("--reason", "xong", "--number", "40/KL-TTT", "--dated", "2026-11-20")
    assert run("release", "1", *lifted).exit_code == 0
    assert run("release", "2", "1", *lifted).exit_code == 5
    assert held(filled) == {STAFF}
    assert run("release", "2", *lifted).exit_code == 0
    assert held(filled) == set()


def test_the_command_holds_by_conditions_and_tells_what_it_left_out(run: Any, filled: Archive) -> None:
    dry = run("place", "--in-fonds", "H99", "--year-from", "2026", *PLACE, "--dry-run", "--json")
    assert (json.loads(dry.stdout)["items"], held(filled)) == (2, set())
    assert run("place", LAND, *PLACE).exit_code == 0
    assert run("place", "--in-fonds", "H99", "--year-from", "2026", *PLACE).exit_code == 3
    assert held(filled) == {LAND, STAFF}
    assert run("place", *PLACE).exit_code != 0
    assert filled.store.has(layout.casefile_object(LAND))
