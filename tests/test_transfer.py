"""Hand-over from one archive to another, both in one test: the whole path, and what it leaves."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pikepdf
import pytest

from archive import catalogue, clock, layout, model
from archive.fixity.checking import missing_objects
from archive.opening import Archive, ownership
from archive.rebuild import rebuild
from retention.destruction import grounds, keeping
from retention.objects import ADMITS
from retention.transfer import objects
from tests import transfer_material as material
from tests.conftest import NIGHT
from tests.transfer_material import CENTRE, CODE, FIRST, SECOND, THIRD, House, luutru, night, opened, refused, told

TABLES = ("transfer", "transfer_item")


@pytest.fixture(scope="module", autouse=True)
def _evening() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "now", lambda: NIGHT)
        patch.setenv("LUUTRU_INGEST__SETTLE_SECONDS", "0")
        yield


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A hand-over that went its way up to the archive's signed confirmation; the agency has not confirmed yet."""
    house = material.make(tmp_path_factory.mktemp("nop"))
    material.to_delivery(house)
    told(house.centre, "receive", CODE, str(house.disk), "--giver", "Lê Văn Lưu, Lưu trữ viên", "--taker",
         "Phạm Quốc Đạt, Phó Giám đốc", "--device", "Ổ đĩa SN WD-1184; bình thường; 03 gói SIP")
    receipt = house.papers(house.centre, "bien-nhan")
    told(house.agency, "take", str(receipt / "receipt.json"), "--paper", str(receipt / "receipt.pdf"))
    told(house.centre, "examine", CODE, "--fail", f"{THIRD}.0000002=Thiếu trang 2")
    assert refused(house.centre, "approve", CODE, "--decision", " ", "--date", "2026-11-20") == {"TRANSFER-008"}
    told(house.centre, "approve", CODE, "--decision", "88/QĐ-TTLT", "--date", "2026-11-20")
    assert refused_word(house.centre, "close", CODE)            # what failed was not returned
    told(house.centre, "return", CODE, "--to", str(house.disk))
    assert refused(house.centre, "close", CODE) == {"TRANSFER-029"}     # the night has not been
    night(house.centre)
    told(house.centre, "close", CODE)
    result = house.papers(house.centre, "ket-qua")
    told(house.agency, "take", str(result / "result.json"))
    return house


@pytest.fixture
def house(whole: House, tmp_path: Path) -> House:
    """A copy of the agency's side and of the papers that the archive gave."""
    shutil.copytree(whole.agency, tmp_path / "co-quan")
    shutil.copytree(whole.folder / "giay-to", tmp_path / "giay-to")
    return House(tmp_path)


def refused_word(root: Path, *arguments: str) -> bool:
    """Whether a command ends with a refusal that is no finding."""
    from archive.errors import RefusedError

    with pytest.raises(RefusedError):
        luutru(root, *arguments)
    return True


def acts(root: Path) -> list[str]:
    archive = opened(root)
    held = objects.read(archive.store, CODE)
    archive.close()
    return [act["act"] for act in held.acts]


def paper(root: Path, name: str) -> bytes:
    archive = opened(root)
    path = next(one for one in objects.made(archive.store, CODE) if one.endswith(f"-{name}"))
    data = archive.store.read(objects.object_id(CODE), path)
    archive.close()
    return data


def confirm(house: House, *more: str) -> list[str]:
    place = house.folder / "giay-to" / "ket-qua"
    return ["confirm", str(place / "confirmation.json"), str(place / "confirmation.pdf"), *more]


# --- the whole path ----------------------------------------------------------------------------------------


def test_every_byte_that_was_sent_lies_in_the_other_archive(whole: House) -> None:
    agency, centre = opened(whole.agency), opened(whole.centre)
    for code in (FIRST, SECOND):
        mine = {one.sha256 for path, one in agency.store.files(layout.casefile_object(code)).items()
                if path.startswith(layout.RECEIVED)}
        theirs = {one.sha256 for one in centre.store.files(layout.casefile_object(code)).values()}
        assert mine
        assert mine <= theirs
    assert not centre.store.has(layout.casefile_object(THIRD))
    agency.close()
    centre.close()


def test_both_sides_keep_every_act_and_both_states_say_how_far_it_is(whole: House) -> None:
    assert acts(whole.agency) == ["registered", "answered", "prepared", "sent", "received", "approved"]
    assert acts(whole.centre) == ["registered", "answered", "received", "examined", "approved", "returned", "closed"]
    shown = told(whole.centre, "show", CODE)
    assert [(one["code"], one["state"]) for one in shown["items"]] == [
        (FIRST, "stored"), (SECOND, "stored"), (THIRD, "returned")]
    assert "Thiếu trang 2" in shown["items"][2]["reason"]
    assert [one["state"] for one in told(whole.agency, "list")] == ["approved"]


def test_the_receipt_has_its_ten_values_and_every_hash_and_is_signed(whole: House) -> None:
    values = json.loads(paper(whole.centre, "receipt.json"))
    assert len(values["values"]) == 10
    assert (values["values"]["registered"], values["values"]["received"], values["complete"]) == (3, 3, True)
    sent = told(whole.agency, "show", CODE)["items"]
    assert [one["sha256"] for one in values["packages"]] == [one["sha256"] for one in sent]
    agency = opened(whole.agency)
    taken = objects.read(agency.store, CODE).last("received")
    agency.close()
    assert taken is not None
    assert (taken["verdict"], taken["signers"]) == ("valid_with_notes", [CENTRE])


@pytest.mark.parametrize("name", ["receipt.pdf", "delivery.pdf", "approval.pdf", "returned.pdf", "return-minutes.pdf",
                                  "confirmation.pdf", "handover.pdf"])
def test_every_paper_of_the_archive_is_pdf_a(whole: House, name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(paper(whole.centre, name))
    with pikepdf.open(tmp_path / name) as pdf, pdf.open_metadata() as metadata:
        assert metadata.pdfa_status == "2U"


def test_the_agency_has_letter_list_and_a_list_of_documents_for_each_case_file(whole: House) -> None:
    archive = opened(whole.agency)
    made = [path.rpartition("/")[2].partition("-")[2] for path in objects.made(archive.store, CODE)]
    archive.close()
    assert {"letter.pdf", "list.pdf", "registration.json", "manifest.json", "documents-0001.pdf",
            "documents-0003.pdf"} <= set(made)


def test_what_failed_is_on_the_disk_with_the_packages_as_they_came(whole: House) -> None:
    (back,) = (whole.disk / CODE / "returned").iterdir()
    assert back.read_bytes() == (whole.folder / "goi" / back.name).read_bytes()


def test_the_minutes_count_what_was_registered_submitted_approved_and_returned(whole: House) -> None:
    archive = opened(whole.centre)
    told_ = objects.read(archive.store, CODE).last("approved")
    archive.close()
    assert told_ is not None
    assert (told_["submitted"], told_["approved"], told_["returned"]) == (3, 2, 1)


# --- DS-08: only a signed confirmation over the same hashes ---------------------------------------------------


def test_only_what_the_archive_signed_for_may_be_destroyed_here(house: House) -> None:
    def given() -> set[str]:
        archive = opened(house.agency)
        with archive.catalogue.session() as session:
            found = set(session.scalars(objects.handed_over(session)))
        archive.close()
        return found

    assert given() == set()                             # neither receipt nor result is enough
    assert refused_word(house.agency, "close", CODE)
    done = told(house.agency, *confirm(house))
    assert done["told"]["count"] == 2
    assert given() == {FIRST, SECOND}
    archive = opened(house.agency)
    with archive.catalogue.session() as session:        # a destruction finds the receipt to stand for what is stored
        unlike = grounds.check_handed(archive, session, [{"code": code, "reason": keeping.HANDED}
                                                         for code in (FIRST, SECOND, THIRD)])
    archive.close()
    assert [one.subject for one in unlike] == [THIRD]
    told(house.agency, "close", CODE)
    assert given() == {FIRST, SECOND}
    # What was returned may be registered anew, what was handed over may not.
    assert refused(house.agency, "register", FIRST, THIRD, "--to-code", "H01", "--to-name", CENTRE, "--summary", "x",
                   "--planned", "2027-02-01", "--contact", "x") == {"TRANSFER-004"}
    material.register(house, THIRD)


def test_an_unsigned_confirmation_is_refused(house: House) -> None:
    place = house.folder / "giay-to" / "ket-qua" / "confirmation.pdf"
    with pikepdf.open(place, allow_overwriting_input=True) as pdf:
        del pdf.Root["/AcroForm"]
        pdf.pages[0]["/Annots"] = pikepdf.Array()
        pdf.save(place)
    assert "TRANSFER-025" in refused(house.agency, *confirm(house))


def test_a_signed_paper_that_was_changed_afterwards_is_refused(house: House) -> None:
    place = house.folder / "giay-to" / "ket-qua" / "confirmation.pdf"
    data = place.read_bytes()
    at = data.rindex(b"stream\n", 0, data.index(b"/ByteRange")) + 40
    place.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1:])
    assert "TRANSFER-025" in refused(house.agency, *confirm(house))


def test_the_receipt_of_the_delivery_is_no_confirmation(house: House) -> None:
    place = house.folder / "giay-to" / "bien-nhan"
    assert refused(house.agency, "confirm", str(place / "receipt.json"), str(place / "receipt.pdf")) == {"TRANSFER-023"}


def test_a_paper_that_bears_the_hash_of_another_list_is_refused(house: House) -> None:
    place = house.folder / "giay-to"
    assert refused(house.agency, "confirm", str(place / "ket-qua" / "confirmation.json"),
                   str(place / "bien-nhan" / "receipt.pdf")) == {"TRANSFER-026"}


def change(house: House, edit: Any) -> set[str]:
    place = house.folder / "giay-to" / "ket-qua" / "confirmation.json"
    body = json.loads(place.read_bytes())
    edit(body)
    place.write_text(json.dumps(body))
    return refused(house.agency, *confirm(house))


def test_a_hash_that_is_not_what_was_sent_is_refused_even_of_one_file(house: House) -> None:
    assert change(house, lambda body: body["packages"][0].update(sha256="0" * 64)) == {"TRANSFER-026", "TRANSFER-028"}
    assert change(house, lambda body: body["packages"][1]["files"][0].update(sha256="1" * 64)) == {
        "TRANSFER-026", "TRANSFER-028"}


def test_a_confirmation_that_lacks_an_approved_case_file_is_refused(house: House) -> None:
    assert "TRANSFER-028" in change(house, lambda body: body["packages"].pop())


def test_a_confirmation_of_another_hand_over_is_refused(house: House) -> None:
    assert "TRANSFER-024" in change(house, lambda body: body["receiver"].update(code="H77"))


def test_a_signer_who_is_not_the_receiving_archive_is_refused_unless_a_person_answers_for_the_name(
        house: House) -> None:
    assert refused(house.agency, *confirm(house, "--signer", "Ủy ban nhân dân tỉnh Khác")) == {"TRANSFER-027"}
    told(house.agency, *confirm(house, "--signer", CENTRE))


# --- it survives -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", ["agency", "centre"])
def test_a_rebuild_makes_the_same_rows_again(whole: House, side: str, tmp_path: Path) -> None:
    root = Path(shutil.copytree(getattr(whole, side), tmp_path / side))
    archive = opened(root)
    before, after = rows(archive), None
    with ownership(archive, rebuilding=True):
        rebuild(archive, admits=ADMITS)
    after = rows(archive)
    archive.close()
    assert before["transfer"]
    assert len(before["transfer_item"]) == 3
    assert after == before


def test_a_hand_over_that_is_gone_from_the_store_or_a_paper_of_it_is_missed(whole: House, tmp_path: Path) -> None:
    archive = opened(Path(shutil.copytree(whole.agency, tmp_path / "kho")))
    assert missing_objects(archive) == []
    shutil.rmtree(archive.store.folder(objects.object_id(CODE)))
    assert missing_objects(archive) == [objects.object_id(CODE)]
    archive.close()


def rows(archive: Archive) -> dict[str, Any]:
    with archive.catalogue.session() as session:
        found = catalogue.rows(session)
    return {name: found[name] for name in TABLES}


def test_the_ledger_tells_every_act_once_with_the_hashes_of_its_papers(whole: House) -> None:
    for root in (whole.agency, whole.centre):
        archive = opened(root)
        held = objects.read(archive.store, CODE)
        lines = [line for line in archive.ledger.lines() if line.kind.startswith("transfer_")]
        assert [line.kind for line in lines] == [objects.KINDS[act["act"]] for act in held.acts]
        files = archive.store.files(objects.object_id(CODE))
        assert all(files[path].sha256 == digest for line in lines for path, digest in line.data["files"].items())
        with archive.catalogue.session() as session:
            assert session.get_one(model.Transfer, CODE).version == len(held.acts)
        archive.close()
