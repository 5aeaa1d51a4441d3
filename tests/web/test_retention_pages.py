"""Retention in the portal: what falls due and why, holds, batches with their council, hand-overs, deadlines.

One archive of an agency with expired case files and one of a historical archive that receives are served for the whole
file; they are filled once, and tests change different things in them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page

from archive import acts, clock, i18n, model, opening, settings
from archive.opening import Archive, open_archive, ownership
from archive.working_days import calendar
from retention.destruction import council, keeping, listing, planning, printing
from retention.transfer import objects
from tests import destruction_material as old_files
from tests import transfer_material as given
from tests.stored_documents import store_documents
from tests.web.conftest import (
    DESK,
    PASSWORD,
    TELEPHONE,
    Served,
    add_people,
    browse_as,
    form_token,
    serving,
    shot,
    too_wide,
    violations,
)
from web.accounts import Accounts
from web.pages.deadlines import working_days
from web.pages.transfers import mark

SECRET, FOREIGN = "H99.2015.30.VP", "H77.2015.31.VP"
WORDS = {SECRET: "Kỷ luật bà Bímậtnhân", FOREIGN: "Việc riêng của cơ quan bảybảy"}
OLD, HELD, LINKED, YOUNG, FOREVER = (old_files.OLD, old_files.HELD, old_files.LINKED, old_files.YOUNG,
                                     old_files.FOREVER)
# Accounts besides those of the roles: (roles, agency).
MORE = {"chu-tich": (["council_member"], ""), "thu-ky": (["archivist"], ""), "ngoai-cuoc": (["council_member"], ""),
        "luu-tru-h99": (["archivist"], "H99"), "can-bo-h99": (["records_officer"], "H99")}
MEMBERS = [{"role": "chair", "name": "Trần Văn Lữ", "post": "Phó Giám đốc Sở", "account": "chu-tich"},
           {"role": "secretary", "name": "Nguyễn Thị Hạnh", "post": "Lưu trữ viên", "account": "thu-ky"},
           {"role": "owner", "name": "Lê Thị Mai", "post": "Trưởng phòng Hành chính", "account": ""},
           {"role": "expert", "name": "Phạm Quốc Đạt", "post": "Chuyên viên", "account": "council-member"}]


@pytest.fixture(scope="module", autouse=True)
def _clock() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "now", lambda: old_files.NOW)      # the material moves it on; undone at the end
        yield


def add_more(root: Path) -> dict[str, str]:
    held = Accounts(settings.load(root))
    names = add_people(root)
    for name, (roles, fonds) in MORE.items():
        held.use_link(held.add(name, f"Ông {name}", roles, fonds=fonds, by="test"), PASSWORD)
    return {**names, **{name: name for name in MORE}}


@pytest.fixture(scope="module")
def agency_archive(_clock: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """An agency's archive: expired case files, some kept by a hold or a link, a batch before its council."""
    root = tmp_path_factory.mktemp("agency") / "kho"
    archive = old_files.fill(root)
    closed = {"retention": "05 năm", "closed_at": clock.stamp(old_files.THEN), "state": "closed"}
    with ownership(archive):
        opening.open_fonds(archive, "H77", "Cơ quan bảy bảy")
    for code, mode in ((SECRET, "02"), (FOREIGN, "01")):
        store_documents(archive, [{"subject": WORDS[code], "issuedDate": "05/03/2015", "mode": mode}], code=code,
                        case_file={**closed, "title": WORDS[code], "fields": {"mode": mode}})
    for code in (*OLD, HELD, LINKED):
        with archive.catalogue.session() as session:
            session.get_one(model.CaseFile, code).fields = {"mode": "01"}
    now = old_files.NOW
    with ownership(archive):
        made = {one.fonds: batch for batch, one in listing.record(archive, "2026-11-21", by="Hạnh", at=now)}
        assert made["H99"] == keeping.open_batch(archive, made["H99"]).id
        planning.plan(archive, made["H99"], by="Hạnh", at=now)
        council.convene(archive, made["H99"], MEMBERS, "198/QĐ-SNV", "2026-11-02", by="Hạnh", at=now)
        printing.print_papers(archive, made["H99"], ["destruction_list_files"], {}, by="Hạnh", at=now)
    archive.close()
    return root, add_more(root)


@pytest.fixture(scope="module")
def agency(agency_archive: tuple[Path, dict[str, str]]) -> Iterator[Served]:
    """The agency's archive, served."""
    root, names = agency_archive
    with serving(root) as url:
        yield Served(url, root, names)


def handed_over(folder: Path) -> given.House:
    """Two archives between which one hand-over was delivered and another was registered."""
    house = given.make(folder)
    given.to_delivery(house, given.FIRST, given.SECOND)
    given.told(house.centre, "receive", given.CODE, str(house.disk), "--giver", "Lê Văn Lưu, Lưu trữ viên")
    second = given.register(house, given.THIRD)["code"]
    papers = house.folder / "dang-ky-2"
    given.told(house.agency, "papers", second, "--to", str(papers), json_=False)
    given.told(house.centre, "take", str(papers / "registration.json"))
    return house


def aside(act: Callable[..., Any], *what: Any) -> Any:
    """Act in a thread of its own: signing runs a loop, beside that of the browser's driver."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(act, *what).result()


@pytest.fixture(scope="module")
def centre(_clock: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A historical archive: one hand-over has come and waits to be examined, one registration to be answered."""
    house = aside(handed_over, tmp_path_factory.mktemp("hand-over"))
    names = add_people(house.centre)
    place = house.centre / "luutru.toml"
    # [service]: so that what failed can be given back on line.
    place.write_text(place.read_text().replace("\n# on = false\n", "\non = true\n"))
    with serving(house.centre) as url:
        yield Served(url, house.centre, names)


@contextmanager
def opened(site: Served) -> Iterator[Archive]:
    with closing(open_archive(settings.load(site.root))) as archive:
        yield archive


def batch_of(site: Served) -> str:
    """The batch of the agency's own fonds."""
    with opened(site) as archive, archive.catalogue.session() as session:
        return next(row.id for row in session.query(model.Destruction) if row.fonds == "H99")


def batch_now(site: Served) -> keeping.Batch:
    with opened(site) as archive:
        return keeping.open_batch(archive, batch_of(site))


def field_of(html: str, name: str) -> str:
    """The value of a hidden field."""
    found = re.search(rf'name="{name}" value="([^"]*)"', html)
    assert found, name
    return found[1]


def cells(html: str, label: str) -> list[str]:
    """What the cells with this label say."""
    return [re.sub(r"<[^>]+>", "", one).strip() for one in re.findall(rf'data-label="{label}">(.*?)</td>', html, re.S)]


def figures(html: str) -> dict[str, list[int]]:
    """The table beside the chart: year → due, free, held, linked."""
    table = html.partition('<table class="tight">')[2].partition("</table>")[0]
    rows = re.findall(r'<th scope="row">(.*?)</th>(.*?)</tr>', table, re.S)
    return {re.sub(r"<[^>]+>", "", head).strip(): [int(one) for one in re.findall(r'number">([\d,]+)</td>', rest)[:4]]
            for head, rest in rows}


# --- what falls due ------------------------------------------------------------------------------------------------


def test_the_chart_has_its_figures_beside_it_and_each_line_leads_to_its_case_file(agency: Served) -> None:
    with agency.client("archivist") as client:
        html = client.get("/retention").text
        told = figures(html)
        assert told["by now"] == [10, 8, 1, 1]         # six, a secret one, a foreign one; one held, one needed
        assert list(told)[1:] == [str(year) for year in range(2027, 2037)]
        assert sum(sum(row) for row in list(told.values())[1:]) == 0
        bars = [float(one) for one in re.findall(r'<rect class="free"[^>]*height="([\d.]+)"', html)]
        held = [float(one) for one in re.findall(r'<rect class="hold"[^>]*height="([\d.]+)"', html)]
        assert bars[0] / held[0] == pytest.approx(8, rel=0.05)
        assert html.count('href="/retention/H') == 10
        assert f'href="/casefiles/{OLD[0]}"' in html
        assert FOREVER not in html and YOUNG not in html
        sifted = client.get("/retention?fonds=H77&year=0").text
        assert FOREIGN in sifted and OLD[0] not in sifted.partition("<tbody>")[2].partition("cards")[2]
        assert "style=" not in html and "<script>" not in html


def test_what_a_person_may_not_know_of_is_in_no_count_and_no_sentence(agency: Served) -> None:
    with agency.client("can-bo-h99") as officer, agency.client("luu-tru-h99") as archivist:
        html = officer.get("/retention").text
        assert figures(html)["by now"] == [9, 7, 1, 1]          # without the restricted one; the foreign one is open
        assert WORDS[SECRET] not in html and SECRET not in html
        assert officer.get(f"/retention/{SECRET}").status_code == 404
        assert officer.get("/retention/H99.2015.99.VP").status_code == 404
        for address in ("/holds", "/deadlines", "/transfers", "/destructions"):
            assert officer.get(address).status_code == 403, address
        own = archivist.get("/destructions").text
        assert own.count('href="/destructions/HUY') == 1        # the other agency's list is not told of
        other = next(f"HUY.2026.{n:03d}" for n in (1, 2) if f"HUY.2026.{n:03d}" != batch_of(agency))
        assert archivist.get(f"/destructions/{other}").status_code == 404
        assert "H77" not in archivist.get("/deadlines?within=3650").text
    with agency.client("reader") as reader:
        for address in ("/retention", f"/retention/{OLD[0]}", "/holds", "/destructions", "/transfers", "/deadlines"):
            assert reader.get(address).status_code == 403, address


def test_why_this_date_answers_with_rule_arithmetic_and_what_keeps_it_as_of_any_day(agency: Served) -> None:
    with agency.client("archivist") as client:
        html = client.get(f"/retention/{OLD[0]}").text
        assert "31/12/(2015 + 5) = 31/12/2020" in html and "Điều 15" in html
        held = client.get(f"/retention/{HELD}").text
        assert "a hold keeps it" in held and "12/QĐ-TTT" in held
        linked = client.get(f"/retention/{LINKED}").text
        assert "longer-lived case file" in linked and YOUNG in linked
        before = client.get(f"/retention/{HELD}?on=20/11/2026").text
        assert "20/11/2026" in before and "12/QĐ-TTT" not in before     # the hold was placed on the 21st
        early = client.get(f"/retention/{OLD[0]}?on=2010-01-01")
        assert early.status_code == 400 and "no case file" in early.text
        assert client.get(f"/retention/{OLD[0]}?on=2090-01-01").status_code == 400
        assert client.get(f"/retention/{OLD[0]}?on=gestern").status_code == 400
    with agency.client("can-bo-h99") as officer:
        held = officer.get(f"/retention/{HELD}").text
        assert "A hold keeps it" in held
        assert "12/QĐ-TTT" not in held and "Thanh tra" not in held      # who asks for a hold is not everyone's business


def test_the_page_of_a_case_file_tells_its_period(agency: Served) -> None:
    with agency.client("archivist") as archivist, agency.client("reader") as reader:
        told = archivist.get(f"/casefiles/{HELD}").text
        assert "31/12/2020" in told and f'href="/retention/{HELD}"' in told and "12/QĐ-TTT" in told
        assert "31/12/2020" not in reader.get(f"/casefiles/{HELD}").text


# --- holds ---------------------------------------------------------------------------------------------------------


def hold_form(client: httpx.Client, **more: str) -> dict[str, str]:
    return {"form_token": form_token(client.get("/holds/new").text), "reason": "Khiếu nại về đất đai",
            "requester": "Thanh tra tỉnh", "number": "77/QĐ-TTT", "dated": "2026-11-20", **more}


def test_a_hold_is_placed_and_lifted_by_documents_and_the_ledger_names_who(agency: Served) -> None:
    with agency.client("archivist") as client:
        unknown = client.post("/holds", data=hold_form(client, codes=f"{OLD[5]}\nH99.2015.99.VP"))
        assert unknown.status_code == 409 and "H99.2015.99.VP" in unknown.text and "HOLD-001" in unknown.text
        assert OLD[5] in unknown.text and "Khiếu nại" in unknown.text       # what was typed stays
        late = client.post("/holds", data=hold_form(client, codes=OLD[5], dated="2027-01-01"))
        assert late.status_code == 409 and "HOLD-009" in late.text
        done = client.post("/holds", data=hold_form(client, codes=f"{OLD[5]}, {OLD[4]}"))
        assert done.status_code == 303
        place = done.headers["location"].partition("?")[0]
        again = client.post("/holds", data=hold_form(client, codes=OLD[5]))
        assert again.status_code == 409 and "HOLD-006" in again.text
        html = client.get(place).text
        assert "Khiếu nại" in html and OLD[4] in html
        lift = {"form_token": form_token(html), "mark": field_of(html, "mark"), "number": "90/KL-TTT",
                "dated": "2026-11-21", "reason": "Hết thanh tra"}
        assert client.post(f"{place}/release", data=lift).status_code == 409            # not sure
        part = client.post(f"{place}/release", data={**lift, "sure": "1", "only": OLD[4]})
        assert part.status_code == 303
        stale = client.post(f"{place}/release", data={**lift, "sure": "1"})
        assert stale.status_code == 409 and "changed this hold meanwhile" in stale.text
        html = client.get(place).text
        assert client.post(f"{place}/release", data={
            **lift, "mark": field_of(html, "mark"), "sure": "1"}).status_code == 303
        assert place not in client.get("/holds").text and place in client.get("/holds?all=1").text
        assert client.get("/holds/999").status_code == 404
    n = int(place.rpartition("/")[2])
    with opened(agency) as archive, archive.catalogue.session() as session:
        told = session.query(model.Event).filter(model.Event.subject == f"{n:06d}").order_by(model.Event.seq).all()
        assert [(one.kind, one.actor) for one in told] == [
            ("hold_placed", "archivist"), ("hold_released", "archivist"), ("hold_released", "archivist")]
    with agency.client("auditor") as auditor:
        assert auditor.get(place).status_code == 200
        assert "/release" not in auditor.get(place).text
        assert auditor.get("/holds/new").status_code == 403


def test_who_may_not_know_of_a_case_file_cannot_name_it_or_see_its_hold(agency: Served) -> None:
    with agency.client("archivist") as client:
        place = client.post("/holds", data=hold_form(client, codes=FOREIGN, number="78/QĐ-TTT")).headers["location"]
    with opened(agency) as archive, ownership(archive), archive.catalogue.session() as session:
        session.get_one(model.CaseFile, FOREIGN).fields = {"mode": "02"}
    try:
        with agency.client("luu-tru-h99") as client:
            assert client.get(place.partition("?")[0]).status_code == 404
            assert "78/QĐ-TTT" not in client.get("/holds?all=1").text
            there = client.post("/holds", data=hold_form(client, codes=FOREIGN))
            nowhere = client.post("/holds", data=hold_form(client, codes="H77.2015.99.VP"))
            assert there.status_code == nowhere.status_code == 409
            plain = [re.sub(r'value="[0-9a-f]{64}"', "", one.text).replace(FOREIGN, "X").replace("H77.2015.99.VP", "X")
                     for one in (there, nowhere)]
            assert plain[0] == plain[1]
    finally:
        with opened(agency) as archive, ownership(archive), archive.catalogue.session() as session:
            session.get_one(model.CaseFile, FOREIGN).fields = {"mode": "01"}


# --- batches and their council -------------------------------------------------------------------------------------


def ballot(client: httpx.Client, batch: str, **more: Any) -> httpx.Response:
    html = client.get(f"/destructions/{batch}/vote").text
    form = html.partition('class="ballot"')[2]
    return client.post(f"/destructions/{batch}/vote", data={
        "form_token": form_token(html), "mark": field_of(form, "mark"), "act": "rows", **more})


def test_only_who_sits_on_the_council_sees_the_ballot_and_speaks_for_nobody_else(agency: Served) -> None:
    batch = batch_of(agency)
    with agency.client("ngoai-cuoc") as outside, agency.client("auditor") as auditor:
        assert batch not in outside.get("/destructions").text
        assert outside.get(f"/destructions/{batch}").status_code == 404
        assert outside.get(f"/destructions/{batch}/vote").status_code == 404
        assert auditor.get(f"/destructions/{batch}").status_code == 200
        assert auditor.get(f"/destructions/{batch}/vote").status_code == 404
        token = form_token(auditor.get("/account").text)
        assert auditor.post(f"/destructions/{batch}/vote", data={
            "form_token": token, "act": "many", "many.opinion": "destroy", "many.which": "all"}).status_code == 404
    assert not batch_now(agency).opinions


def test_a_batch_tells_its_next_step_its_plan_and_its_papers(agency: Served) -> None:
    batch = batch_of(agency)
    with agency.client("archivist") as client:
        html = client.get(f"/destructions/{batch}").text
        assert batch_now(agency).plan_hash in html and "The members give their opinions" in html
        assert "no opinion yet" in html and "has no account" in html
        assert client.get(f"/destructions/{batch}?check=1").text.count("Nothing stands in the way") == 1
        path = f"/destructions/{batch}/files/papers/destruction_list_files."
        pdf, word = client.get(path + "pdf"), client.get(path + "docx")
        assert pdf.content.startswith(b"%PDF") and word.content.startswith(b"PK")
        assert "attachment" in word.headers["content-disposition"]
        for away in ("destruction.json", "items.json", "papers/../destruction.json", "plans/0001.json"):
            assert client.get(f"/destructions/{batch}/files/{away}").status_code == 404, away
    noted = acts.waiting(settings.load(agency.root), "downloaded", batch)
    assert {one["data"]["name"] for one in noted} >= {"destruction_list_files.pdf", "destruction_list_files.docx"}


def test_the_council_speaks_item_by_item_and_for_many_and_the_chair_settles_what_is_equal(agency: Served) -> None:
    batch = batch_of(agency)
    with agency.client("council_member") as expert, agency.client("chu-tich") as chair, \
            agency.client("thu-ky") as secretary:
        nothing = ballot(expert, batch, **{f"opinion.{OLD[0]}": "keep"})
        assert nothing.status_code == 409 and "DESTROY-016" in nothing.text      # to keep needs a reason and years
        kept = ballot(expert, batch, **{
            f"opinion.{OLD[0]}": "keep", f"reason.{OLD[0]}": "Còn giá trị nghiên cứu", f"years.{OLD[0]}": "10",
            f"opinion.{OLD[1]}": "destroy"})
        assert kept.status_code == 303 and "count=2" in kept.headers["location"]
        html = expert.get(f"/destructions/{batch}/vote").text
        assert "You have spoken of 2 of 7 items" in html and "Còn giá trị nghiên cứu" in html
        same = ballot(expert, batch, **{f"opinion.{OLD[1]}": "destroy"})
        assert "done=unchanged" in same.headers["location"]                     # said already: no further word
        form = html.partition('class="ballot"')[2]
        rest = ballot(expert, batch, act="many", **{"many.opinion": "destroy", "many.which": "open"})
        assert "count=5" in rest.headers["location"]
        stale = expert.post(f"/destructions/{batch}/vote", data={
            "form_token": form_token(html), "mark": field_of(form, "mark"), "act": "many", "many.opinion": "keep",
            "many.which": "all", "many.reason": "x", "many.years": "5"})
        assert stale.status_code == 409 and "has changed meanwhile" in stale.text

        picked = ballot(secretary, batch, act="many", pick=[OLD[0], OLD[2]], **{
            "many.opinion": "keep", "many.which": "ticked", "many.reason": "Hồ sơ còn vụ việc", "many.years": "5"})
        assert "count=2" in picked.headers["location"]
        assert ballot(secretary, batch, act="many", **{
            "many.opinion": "destroy", "many.which": "open"}).status_code == 303
        assert ballot(chair, batch, act="many", **{"many.opinion": "destroy", "many.which": "all"}).status_code == 303
        with opened(agency) as archive, ownership(archive):       # who has no account tells the secretary
            council.opine(archive, batch, [{"member": "Lê Thị Mai", "opinion": "destroy", "codes": [], "reason": "",
                                            "years": 0}], by="thu-ky", at=clock.now())
        stand = {one.code: one for one in council.votes(batch_now(agency))}
        assert stand[OLD[0]].result == "tie" and stand[OLD[1]].result == "destroy"
        assert secretary.post(f"/destructions/{batch}/settle", data={
            "form_token": form_token(html), "tie": OLD[0]}).status_code in (403, 404)

        html = chair.get(f"/destructions/{batch}/vote").text
        ties = html.partition("/settle")[2]
        told = {"form_token": form_token(html), "mark": field_of(ties, "mark"), "tie": OLD[0], "opinion": "keep",
                "years": "5"}
        assert chair.post(f"/destructions/{batch}/settle", data=told).status_code == 409        # without a reason
        assert chair.post(f"/destructions/{batch}/settle", data={**told, "reason": "Theo ý kiến chuyên môn"}
                          ).status_code == 303
        assert chair.post(f"/destructions/{batch}/settle", data={**told, "reason": "lần nữa"}).status_code == 409
    one = {vote.code: vote for vote in council.votes(batch_now(agency))}[OLD[0]]
    assert (one.settled, one.years, one.reason) == ("keep", 5, "Theo ý kiến chuyên môn")
    with opened(agency) as archive, archive.catalogue.session() as session:
        events = session.query(model.Event).filter(model.Event.subject == batch, model.Event.kind.in_((
            "destruction_opined", "destruction_settled"))).order_by(model.Event.seq).all()
        assert [(event.kind, event.actor) for event in events] == [
            ("destruction_opined", "council-member"), ("destruction_opined", "council-member"),
            ("destruction_opined", "thu-ky"), ("destruction_opined", "thu-ky"), ("destruction_opined", "chu-tich"),
            ("destruction_opined", "thu-ky"), ("destruction_settled", "chu-tich")]
    with agency.client("archivist") as client:
        assert "Every item is decided" in client.get(f"/destructions/{batch}").text


def test_a_single_document_and_a_case_file_on_paper_are_called_so_and_are_voted_on(agency: Served) -> None:
    first, name, document, on_paper = batch_now(agency), "HUY.2026.077", f"{OLD[0]}.0000001", "12/2009"
    single = {**first.items[0], "n": 9, "code": document, "document": document, "title": "Bản thứ hai của công văn",
              "reason": keeping.DUPLICATE, "documents": 1}
    boxed = {"n": 1, "box": "H07", "code": on_paper, "title": "Hồ sơ chỉ có giấy", "reason": "expired", "note": "",
             "given": True, "state": "proposed", "why": ""}
    told = {**first.record, "id": name, "state": "council", "acts": [], "settled": {}}
    with opened(agency) as archive, ownership(archive):
        keeping.write(archive, keeping.Batch(told, [first.items[1], single], (), [boxed]), "convened",
                      first.record["council"], by="Hạnh", at=clock.now())
    with agency.client("council_member") as member:
        html = member.get(f"/destructions/{name}").text
        assert f'<a href="/documents/{document}">Bản thứ hai của công văn</a>' in html
        assert "Case file or document" in html and "1 case file, 1 document</h2>" in html
        assert '<th scope="col">Case file</th>' in member.get(f"/destructions/{batch_of(agency)}").text
        page = member.get(f"/destructions/{name}/vote").text
        assert "paper only" in page and "box H07" in page and "You have spoken of 0 of 3 items" in page
        said = ballot(member, name, act="many", **{"many.opinion": "destroy", "many.which": "open"})
        assert "count=3" in said.headers["location"]
    with opened(agency) as archive:
        assert [(one.code, one.agree) for one in council.votes(keeping.open_batch(archive, name))] == [
            (code, ("Phạm Quốc Đạt",)) for code in (first.items[1]["code"], document, on_paper)]


# --- hand-overs ----------------------------------------------------------------------------------------------------


def transfer_form(client: httpx.Client, code: str, act: str, **more: str) -> httpx.Response:
    html = client.get(f"/transfers/{code}").text
    return client.post(f"/transfers/{code}/{act}", data={
        "form_token": form_token(html), "mark": field_of(html, "mark"), **more})


def test_a_registration_is_answered_and_a_second_answer_is_refused(centre: Served) -> None:
    code = "NL.H99.2026.02"
    with centre.client("archivist") as archivist:
        html = archivist.get("/transfers").text
        assert "waits for us" in html and code in html and "7" in html
        assert "/answer" not in archivist.get(f"/transfers/{code}").text
        soon = archivist.get("/deadlines").text.partition('class="sheet group-soon"')[2]
        assert f'href="/transfers/{code}"' in soon and "in 7 working days" in soon     # TT 05/2025/TT-BNV Đ21.4
    with centre.client("archive_centre") as client:
        html = client.get(f"/transfers/{code}").text
        old = {"form_token": form_token(html), "mark": field_of(html, "mark"), "answer": "agree", "day": "2026-12-08"}
        lacks = transfer_form(client, code, "answer", answer="refuse", **{"reason.capacity": "1"})
        assert lacks.status_code == 409 and "TRANSFER-022" in lacks.text
        assert transfer_form(client, code, "answer", answer="agree", day="2026-12-08").status_code == 303
        assert client.post(f"/transfers/{code}/answer", data=old).status_code == 409
        message = re.search(rf'href="(/transfers/{code}/files/messages/\d+-answer.json)"',
                            client.get(f"/transfers/{code}").text)
        assert message and json.loads(client.get(message[1]).content)["agreed"] is True
    with centre.client("auditor") as auditor:
        assert auditor.post(f"/transfers/{code}/approve", data={
            "form_token": form_token(auditor.get("/account").text)}).status_code == 403


def test_what_came_is_examined_approved_given_back_on_line_and_concluded_by_both_sides(
        centre: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    code = given.CODE
    with centre.client("archive_centre") as client:
        html = client.get(f"/transfers/{code}").text
        receipt = html.partition("Receipt</h2>")[2].partition("</dl>")[0]
        assert receipt.count("<dt>") == 10 and given.AGENCY in receipt       # TT 05/2025/TT-BNV Đ23.1
        silent = transfer_form(client, code, "examine", **{"verdict.1": "fail", "reason.1": ""})
        assert silent.status_code == 409 and "TRANSFER-022" in silent.text
        done = transfer_form(client, code, "examine", **{"verdict.1": "fail", "reason.1": "Thiếu văn bản số 11"})
        assert done.status_code in (200, 303), done.text
        html = client.get(f"/transfers/{code}").text
        assert "Not taken over" in html and "Thiếu văn bản số 11" in html
        old = {"form_token": form_token(html), "mark": field_of(html, "mark"), "number": "12/QĐ-TTLT",
               "dated": "2026-11-21"}
        assert client.post(f"/transfers/{code}/approve", data={**old, "mark": "waiting.2"}).status_code == 409
        assert client.post(f"/transfers/{code}/approve", data=old).status_code == 303
        html = client.get(f"/transfers/{code}").text
        assert "approved" in html and "12/QĐ-TTLT" in html and "approval.pdf" in html
    with opened(centre) as archive:
        held = objects.open_transfer(archive, code)
        assert [one["state"] for one in held.items] == ["failed", "approved"]
        assert [act["by"] for act in held.acts][-2:] == ["archive-centre"] * 2

    with centre.client("archive_centre") as client, centre.client("archivist") as archivist:
        page = client.get(f"/transfers/{code}").text
        assert f"/transfers/{code}/return" in page and f"/transfers/{code}/close" not in page
        assert f"/transfers/{code}/return" not in archivist.get(f"/transfers/{code}").text
        for act in ("return", "close"):
            assert archivist.post(f"/transfers/{code}/{act}", data={
                "form_token": form_token(archivist.get("/account").text)}).status_code == 403
        assert "What failed was not returned yet" in transfer_form(client, code, "close").text
        assert transfer_form(client, code, "return", giver="Lê Văn Lưu").headers["location"].endswith("done=returned")
        assert "Nothing of this hand-over is to be returned" in transfer_form(client, code, "return").text
        early = transfer_form(client, code, "close")
        assert early.status_code == 409 and "TRANSFER-029" in early.text        # the night has not been
        monkeypatch.setenv("LUUTRU_INGEST__SETTLE_SECONDS", "0")
        house = given.House(centre.root.parent)
        aside(given.night, house.centre)
        assert transfer_form(client, code, "close", taker="Phạm Quốc Đạt").headers["location"].endswith("done=closed")
        assert f"/transfers/{code}/close" not in client.get(f"/transfers/{code}").text
    with opened(centre) as archive:
        held = objects.open_transfer(archive, code)
        assert (held.state, [one["state"] for one in held.items]) == ("closed", ["returned", "stored"])
        assert held.acts[-1]["taker"] == "Phạm Quốc Đạt"

    result = house.papers(house.centre, "ket-qua")
    aside(given.told, house.agency, "take", str(result / "result.json"))
    names = add_people(house.agency)
    with serving(house.agency) as url:
        agency = Served(url, house.agency, names)
        with agency.client("archivist") as client, agency.client("auditor") as auditor:
            assert f"/transfers/{code}/close" not in client.get(f"/transfers/{code}").text      # not confirmed yet
            with opened(agency) as archive:
                now = mark(objects.open_transfer(archive, code))
            early = client.post(f"/transfers/{code}/close", data={
                "form_token": form_token(client.get("/account").text), "mark": now})
            assert early.status_code == 409 and "this can be done while it is" in early.text
            aside(given.told, house.agency, "confirm", str(result / "confirmation.json"),
                  str(result / "confirmation.pdf"))
            assert f"/transfers/{code}/close" not in auditor.get(f"/transfers/{code}").text
            assert transfer_form(client, code, "close").headers["location"].endswith("done=closed")
            assert ">closed</span>" in client.get(f"/transfers/{code}").text


# --- deadlines -----------------------------------------------------------------------------------------------------


def test_deadlines_are_grouped_with_article_and_working_days(agency: Served) -> None:
    with agency.client("archivist") as client:
        late = client.get("/deadlines").text.partition('class="sheet group-late"')[2].partition("</section>")[0]
        assert f'href="/casefiles/{FOREVER}"' in late and "Điều 65 khoản 6" in late     # due on 31/12/2025
        assert re.search(r"\d+ working days late", late) and "over 1 year late" in late
        each = client.get("/deadlines?kind=historical").text.partition("One by one")[2]
        assert f'href="/casefiles/{FOREVER}"' in each and "31/12/2025" in each
    with agency.client("luu-tru-h99") as bound:
        told = bound.get("/deadlines").text
        assert FOREVER in told and "Check everything" not in told       # the store as a whole is not one agency's
    with agency.client("council_member") as client:
        assert client.get("/deadlines").status_code == 403


def test_working_days_are_those_of_the_calendar() -> None:
    known = calendar("sample")
    friday = date(2026, 11, 20)
    with i18n.speaking("en"):
        assert working_days(friday, friday, known) == "today"
        assert working_days(friday, date(2026, 11, 23), known) == "in 1 working day"     # a week-end lies between
        assert working_days(date(2026, 11, 27), friday, known) == "5 working days late"
        assert working_days(friday, date(2030, 7, 1), known) == "in over 3 years"


# --- how it looks --------------------------------------------------------------------------------------------------


# Pages with an element that the others do not have: axe takes its time, and what is alike is looked at once. The pages
# as they are without data are walked in test_every_page.py.
LOOKED_AT = ("retention", "hold", "batch", "vote", "transfer", "deadlines")


def test_a_member_speaks_of_an_item_with_the_keyboard_alone(agency: Served, browser_page: Page) -> None:
    batch = batch_of(agency)
    browse_as(browser_page, agency, "chu-tich", "en")
    browser_page.goto(f"{agency.url}/destructions/{batch}/vote")
    keys = browser_page.keyboard
    for key in ("j", "j", "Tab"):               # to the second row, and into its opinion
        keys.press(key)
    assert browser_page.locator(":focus").get_attribute("name") == f"opinion.{OLD[1]}"
    keys.press("Space")
    keys.press("ArrowRight")
    keys.press("Tab")
    keys.type("Cần cho công tác thi đua")
    keys.press("Tab")
    keys.type("10 years")
    keys.press("Control+Enter")
    browser_page.wait_for_url("**done=said**")
    said = [one for one in batch_now(agency).opinions if one["member"] == "Trần Văn Lữ"][-1]
    assert (said["opinion"], said["codes"], said["reason"], said["years"], said["by"]) == (
        "keep", [OLD[1]], "Cần cho công tác thi đua", 10, "chu-tich")


def test_every_page_is_accessible_and_fits_the_window(agency: Served, centre: Served, browser_page: Page) -> None:
    batch = batch_of(agency)
    pages = {"retention": "/retention", "why": f"/retention/{HELD}", "holds": "/holds", "hold": "/holds/1",
             "batch": f"/destructions/{batch}", "deadlines": "/deadlines?within=365"}
    problems: dict[str, object] = {}
    for site, role, all_of_it in ((agency, "archivist", pages), (agency, "chu-tich", {
            "vote": f"/destructions/{batch}/vote"}), (centre, "archive_centre", {
            "transfer": f"/transfers/{given.CODE}", "answer": "/transfers/NL.H99.2026.02"})):
        browse_as(browser_page, site, role)
        for name, address in all_of_it.items():
            browser_page.goto(site.url + address)
            for size in (DESK, TELEPHONE):
                browser_page.set_viewport_size(size)
                shot(browser_page, f"q4-{name}-{size['width']}")
                if wide := too_wide(browser_page):
                    problems[f"{name}, {size['width']} wide"] = wide
                if size == DESK and name in LOOKED_AT and (found := violations(browser_page)):
                    problems[name] = found
        browser_page.context.clear_cookies()
    assert problems == {}
