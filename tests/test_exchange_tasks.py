"""Promises about tasks: done by the document that answers them, extended only in time, the same list for ever."""

from __future__ import annotations

import csv
import io
import json
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from archive import clock
from archive.catalogue import record
from archive.errors import RefusedError, UsageError
from archive.ledger import Entry, event_key
from archive.opening import Archive, ownership
from ingest.commands.edxml import command
from ingest.exchange import task_lists, tasks
from ingest.exchange.register import KIND, identity

NOVEMBER, DECEMBER = date(2026, 11, 30), date(2026, 12, 31)


def came(archive: Archive, item: str, day: str, sender: str = "H51.15", **more: Any) -> None:
    """A message as the register tells it."""
    data = {"item": item, "batch": "x", "kind": "document", "identity": {"organId": sender, "documentId": f"id-{item}"},
            "sha256": item, "received_at": f"{day}T03:00:00.000000+00:00",
            "legal_received_at": f"{day}T10:00:00+07:00", "own": sender == "H99",
            "from": {"organ_id": sender, "name": sender}, "business": "new", "code": f"{item}/VP", "date": day,
            "to": ["H99"], **more}
    with ownership(archive), archive.catalogue.session() as session:
        record(session, archive.ledger, [Entry(KIND, identity(sender, f"id-{item}"), data, event_key(KIND, item))])


def stood(archive: Archive, on: date) -> dict[str, tasks.Task]:
    with archive.catalogue.session() as session:
        return {one.id: one for one in tasks.tasks(session, archive.settings, on)}


def answering(*codes: str, document: str = "", number: str = "") -> dict[str, Any]:
    told = [{"organ_id": "H51.15", "code": number, "document_id": document, "date": ""}] if document or number else []
    return {"own": True, "to": ["H51.15"], "tasks": list(codes), "response_for": told, "steering": "3"}


def test_a_task_is_open_then_late_then_answered_by_its_document(archive: Archive) -> None:
    came(archive, "a", "2026-11-02", steering="2", tasks=["NV-1", "NV-2"], due="2026-11-20", subject="Báo cáo")
    first = stood(archive, date(2026, 11, 20))
    assert {one.id: (one.state, one.code, one.kind) for one in first.values()} == {
        "a": ("open", "NV-1", "task"), "a.2": ("open", "NV-2", "task")}
    assert [one.days_late for one in stood(archive, date(2026, 11, 23)).values()] == [3, 3]
    came(archive, "r", "2026-11-25", "H99", **answering("NV-1"))
    later = stood(archive, NOVEMBER)
    assert (later["a"].state, later["a"].answered_by, later["a"].days_late) == ("answered_late", "r/VP", 5)
    assert (later["a.2"].state, later["a.2"].days_late) == ("late", 10)
    assert stood(archive, date(2026, 11, 24))["a"].state == "late"      # as it stood on that day


def test_what_is_answered_by_document_or_number_counts_and_others_do_not(archive: Archive) -> None:
    came(archive, "a", "2026-11-02", steering="2", due="2026-11-20")
    came(archive, "b", "2026-11-02", steering="2", due="2026-11-20")
    came(archive, "c", "2026-11-02", due="2026-11-20")                  # an answer is wanted: no task
    came(archive, "e", "2026-11-02", steering="1")                      # neither
    came(archive, "x", "2026-11-10", "H77", response_for=answering(document="id-a")["response_for"])    # not ours
    came(archive, "r", "2026-11-20", "H99", **answering(document="id-a"))
    came(archive, "s", "2026-11-12", "H99", **answering(number="c/VP"))
    found = stood(archive, NOVEMBER)
    assert {one.id: (one.kind, one.state, one.answered_by) for one in found.values()} == {
        "a": ("task", "answered", "r/VP"), "b": ("task", "late", ""), "c": ("reply", "answered", "s/VP")}


def test_the_day_of_issue_counts_not_the_day_of_receipt(archive: Archive) -> None:
    came(archive, "a", "2026-11-02", "H99", steering="2", due="2026-11-20", to=["H01", "H02", "H99"])
    came(archive, "r", "2026-12-02", "H01", date="2026-11-19", response_for=[
        {"organ_id": "H99", "code": "a/VP", "document_id": "", "date": ""}])
    november, december = stood(archive, NOVEMBER), stood(archive, DECEMBER)
    assert [one.assignee for one in november.values()] == ["H01", "H02"]
    assert november["a"].state == "late"                # it had not come yet: that list stays as it was
    assert (december["a"].state, december["a.2"].state) == ("answered", "late")


@pytest.fixture
def evening(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: datetime.fromisoformat("2026-11-25T10:00:00+07:00"))


def extended(archive: Archive, **more: Any) -> tasks.Task:
    wanted: dict[str, Any] = {"until": date(2026, 12, 10), "requested": date(2026, 11, 18),
                              "approved": date(2026, 11, 21), "document": "12/UBND", "reason": "", "by": "An", **more}
    with ownership(archive):
        return tasks.extend(archive, "a", **wanted)


def test_an_extension_asked_for_in_time_moves_the_term_and_a_late_one_does_not(archive: Archive, evening: None) -> None:
    came(archive, "a", "2026-11-02", steering="2", due="2026-11-20")
    before = archive.ledger.seq
    with pytest.raises(RefusedError, match="EXCHANGE-010"):
        extended(archive, requested=date(2026, 11, 21))
    for wrong in ({"until": date(2026, 11, 20)}, {"document": " "}, {"approved": date(2026, 11, 17)},
                  {"approved": date(2026, 11, 26)}):
        with pytest.raises(UsageError):
            extended(archive, **wrong)
    assert extended(archive, dry_run=True).due == date(2026, 12, 10) and archive.ledger.seq == before
    made = extended(archive)
    assert (made.due, made.first_due, made.state) == (date(2026, 12, 10), date(2026, 11, 20), "open")
    assert [(one.document, one.by) for one in made.extensions] == [("12/UBND", "An")]
    assert stood(archive, date(2026, 11, 20))["a"].due == date(2026, 11, 20)    # before it was approved
    with ownership(archive), pytest.raises(UsageError):
        tasks.extend(archive, "none", until=date(2027, 1, 1), requested=NOVEMBER, approved=NOVEMBER, document="x",
                     reason="", by="An")


def test_the_monthly_list_has_what_belongs_to_the_month(archive: Archive) -> None:
    came(archive, "old", "2026-09-01", "H51.15", steering="2", due="2026-09-10")
    came(archive, "done", "2026-09-02", steering="2", due="2026-09-10", tasks=["D"])
    came(archive, "rd", "2026-09-09", "H99", **answering("D"))
    came(archive, "due", "2026-10-02", steering="2", due="2026-11-10", tasks=["E"])
    came(archive, "re", "2026-10-09", "H99", **answering("E"))
    every = list(stood(archive, NOVEMBER).values())
    assert [one.id for one in tasks.of_month(every, 2026, 11)] == ["old", "due"]
    assert [one.id for one in tasks.of_month(stood(archive, date(2026, 9, 30)).values(), 2026, 9)] == ["old", "done"]


def test_a_task_whose_document_was_refused_or_recalled_is_over_from_that_day_on(
        archive: Archive, evening: None) -> None:
    for name in ("a", "b", "c"):
        came(archive, name, "2026-11-02", steering="2", due="2026-11-20")
    decided = {"decision": "agreed", "business": "recall", "target_item": "a"}
    with ownership(archive), archive.catalogue.session() as session:
        record(session, archive.ledger, [Entry("notice_decided", "n", decided, event_key("notice_decided", "n")),
                                         Entry("turned_away", "b", {"reason": "x"}, event_key("turned_away", "b"))])
    day = clock.in_vietnam(clock.now()).date()
    assert list(stood(archive, day)) == ["c"]
    assert list(stood(archive, date(2026, 11, 24))) == ["a", "b", "c"]


def test_the_list_as_a_table_runs_no_formula(archive: Archive, tmp_path: Path, evening: None) -> None:
    came(archive, "a", "2026-11-02", steering="2", due="2026-11-20", subject="=HYPERLINK(\"x\")", code="-1/VP")
    out = tmp_path / "nhiem-vu.csv"
    done = CliRunner().invoke(command, ["tasks", "--month", "2026-11", "--csv", str(out), "--json"],
                              obj=archive.settings.root)
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["counts"] == {"open": 0, "late": 1, "answered": 0, "answered_late": 0} and told["on"] == "2026-11-25"
    rows = list(csv.reader(io.StringIO(out.read_bytes().decode("utf-8-sig"))))
    assert len(rows) == 2 and len(rows[0]) == len(task_lists.COLUMNS) == len(rows[1])
    assert not [cell for cell in rows[1] if cell.startswith(("=", "+", "-", "@"))]
    for wrong in ("2026-13", "11/2026", "2026-1"):
        assert CliRunner().invoke(command, ["tasks", "--month", wrong], obj=archive.settings.root).exit_code == 2
    assert CliRunner().invoke(command, ["tasks"], obj=archive.settings.root).exit_code == 0
