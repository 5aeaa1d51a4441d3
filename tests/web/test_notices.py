"""Recalls and replacements at the portal: who decides, what is marked where, and that nothing is ever erased; tasks."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from archive import clock, marks, model, opening, settings
from archive.catalogue import record
from archive.commands import document
from archive.ledger import Entry, event_key
from archive.opening import Archive, ownership
from tests.conftest import NIGHT
from tests.web.conftest import NAMES, Served, form_token, serving
from tests.web.walk_material import recalled
from web.people import ROLES

TAKEN, KEPT, OLD, NEW = (f"H99.2026.03.VTLT.000000{n}" for n in (1, 2, 3, 5))
NOW = NIGHT + timedelta(hours=10)
SEE = {"archivist", "auditor"}


@pytest.fixture(scope="module")
def axis(first_night: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    root = Path(shutil.copytree(first_night, tmp_path_factory.mktemp("truc") / "kho"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "now", lambda: NOW)
        archive = opening.open_archive(settings.load(root))
        for code in (TAKEN, KEPT):
            recalled(archive, code)
        archive.close()
        with serving(root) as url:
            yield Served(url, root, NAMES)


@pytest.fixture(autouse=True)
def _that_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)


def opened(site: Served) -> Archive:
    return opening.open_archive(settings.load(site.root))


def notice_of(site: Served, code: str) -> str:
    archive = opened(site)
    with archive.catalogue.session() as session:
        found = session.query(model.Event).filter(model.Event.kind == "message_registered").all()
    archive.close()
    return next(str(one.data["item"]) for one in found if one.data.get("about") == code)


def marked(site: Served, code: str) -> list[str]:
    """The marks of a document, as the ledger tells them and `luutru document show` shows them: they must agree."""
    archive = opened(site)
    with archive.catalogue.session() as session:
        found = [one.kind for one in marks.of(session, [code]).get(code, [])]
    archive.close()
    told = CliRunner().invoke(document.command, ["show", code, "--json"], obj=site.root)
    assert [one["kind"] for one in json.loads(told.stdout)["marks"]] == found
    return found


@pytest.mark.parametrize("role", ROLES)
def test_who_may_see_notices_and_tasks(axis: Served, role: str) -> None:
    item = notice_of(axis, KEPT)
    with axis.client(role) as client:
        for path in ("/notices", f"/notices/{item}", "/tasks", "/tasks/export"):
            assert client.get(path).status_code == (200 if role in SEE else 403), path
        sent = {"form_token": form_token(client.get("/account").text), "decision": "agree"}
        if role != "archivist":
            assert client.post(f"/notices/{item}", data=sent).status_code == 403
        assert ("/notices" in client.get("/").text) == (role in SEE)
    assert marked(axis, KEPT) == []


def test_an_account_of_another_agency_learns_nothing_of_them(axis: Served) -> None:
    archive = opened(axis)
    with ownership(archive):
        opening.open_fonds(archive, "H98", "Sở Khác")
    archive.close()
    axis.accounts.set_roles(NAMES["auditor"], ["auditor"], fonds="H98", by="test")
    try:
        with axis.client("auditor") as client:
            assert client.get(f"/notices/{notice_of(axis, KEPT)}").status_code == 404
            assert "Sở Nội vụ tỉnh bạn" not in client.get("/notices?all=1").text
            assert client.get("/tasks").status_code == 403
    finally:
        axis.accounts.set_roles(NAMES["auditor"], ["auditor"], fonds="", by="test")


def test_an_agreed_recall_marks_the_document_wherever_it_is_shown(axis: Served) -> None:
    item = notice_of(axis, TAKEN)
    with axis.client("archivist") as client:
        waiting = client.get("/notices").text
        assert f"/notices/{item}" in waiting and "2 notices wait for a decision" in waiting
        page = client.get(f"/notices/{item}")
        assert f'href="/documents/{TAKEN}"' in page.text and "Ban hành nhầm" in page.text
        form = {"form_token": form_token(page.text)}
        assert "Say whether you agree" in client.post(f"/notices/{item}", data=form).text
        done = client.post(f"/notices/{item}", data={**form, "decision": "agree"}, follow_redirects=True)
        assert done.status_code == 200 and "agreed" in done.text
        again = client.post(f"/notices/{item}", data={**form, "decision": "refuse", "reason": "không"})
        assert again.status_code == 409 and "decided already" in again.text
        shown = client.get(f"/documents/{TAKEN}").text
        assert "Recalled by Sở Nội vụ tỉnh bạn" in shown and "Ban hành nhầm" in shown
        assert f"/notices/{item}" in shown and "Its sender recalled it" in shown
    assert marked(axis, TAKEN) == ["recalled"]
    with axis.client("reader") as client:
        shown = client.get(f"/documents/{TAKEN}").text
        assert "Recalled by Sở Nội vụ tỉnh bạn" in shown and "/notices/" not in shown
        assert client.get(f"/documents/{TAKEN}/files/0").status_code == 200, "it stays as it was"
        for path in (f"/casefiles/{TAKEN[:-8]}", f"/search?q=&casefile={TAKEN[:-8]}"):
            assert client.get(path).text.count('class="tag mark-recalled"') == 1, path


def test_a_refusal_needs_a_reason_and_marks_nothing(axis: Served) -> None:
    item = notice_of(axis, KEPT)
    with axis.client("archivist") as client:
        form = {"form_token": form_token(client.get(f"/notices/{item}").text), "decision": "refuse"}
        fault = client.post(f"/notices/{item}", data={**form, "target": "H99.2026.99.XX.0000001", "reason": "a"})
        assert fault.status_code == 409 and "There is no document" in fault.text
        fault = client.post(f"/notices/{item}", data=form)
        assert fault.status_code == 409 and "reason" in fault.text
        assert client.post(f"/notices/{item}", data={**form, "reason": "Đã thi hành"}).status_code == 303
        assert "Đã thi hành" in client.get(f"/notices/{item}").text
        assert f"/notices/{item}" not in client.get("/notices").text
        assert f"/notices/{item}" in client.get("/notices?all=1").text
    assert marked(axis, KEPT) == []


def test_a_replaced_document_leads_to_the_new_one_and_back_within_reach(axis: Served) -> None:
    archive = opened(axis)
    with ownership(archive), archive.catalogue.session() as session:
        came = session.get_one(model.Document, NEW).item
        record(session, archive.ledger, [Entry("document_replaced", OLD, {
            "notice": came, "case_file": OLD[:-8], "sender": {"organ_id": "H51.15", "name": ""}, "reason": "",
            "decided": ""}, event_key("document_replaced", OLD, came), actor="Lê Văn Lưu")])
    with axis.client("reader") as client:
        assert f'By document: <a href="/documents/{NEW}"' in client.get(f"/documents/{OLD}").text
        assert f'Replaces: <a href="/documents/{OLD}"' in client.get(f"/documents/{NEW}").text
        with archive.catalogue.session() as session:
            row = session.get_one(model.Document, NEW)
            kept = dict(row.fields)
            row.fields = {**kept, "mode": "02"}
        page = client.get(f"/documents/{OLD}").text
        assert "Replaced by H51.15" in page and NEW not in page
        with archive.catalogue.session() as session:
            session.get_one(model.Document, NEW).fields = kept
    archive.close()


def test_the_tasks_of_a_month_as_a_page_and_as_a_table(axis: Served) -> None:
    with axis.client("archivist") as client:
        page = client.get("/tasks").text
        assert "Tasks of 11/2026" in page and "Báo cáo kết quả số hóa" in page and "NV-01" in page
        assert page.count('class="tag task-late"') == 1, "the task of the recalled document is over"
        assert "1 task is overdue" in client.get("/").text
        assert "There is none." in client.get("/tasks?month=2026-10").text
        assert "Tasks of 11/2026" in client.get("/tasks?month=2099-01").text
        assert "Tasks of 11/2026" in client.get("/tasks?month=x-y").text
        table = client.get("/tasks/export?month=2026-11")
        assert table.content.startswith(b"\xef\xbb\xbf")
        assert len(table.text.strip().splitlines()) == 1 + page.count('class="tag task-')
