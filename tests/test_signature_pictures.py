"""Pages as people see them: what a later revision shows must be what was signed, whoever reads the objects how."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pikepdf
import pytest

from ingest.signatures.pictures import Compared, _judge, _Page, compare, hides
from tests.test_signatures import SEAL, Judge, append, codes, judge, sign, trust_folder  # noqa: F401 (fixtures)


def page_pdf(*texts: str) -> bytes:
    pdf = pikepdf.new()
    for text in texts:
        pdf.add_blank_page(page_size=(595, 842))
        page = pdf.pages[-1]
        font = pdf.make_indirect(pikepdf.Dictionary(Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1,
                                                    BaseFont=pikepdf.Name.Helvetica))
        page.Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(F1=font))
        page.Contents = pdf.make_stream(f"BT /F1 24 Tf 80 600 Td ({text}) Tj ET".encode())
    out = io.BytesIO()
    pdf.save(out, compress_streams=False)
    return out.getvalue()


TEXT = page_pdf("So tien 185.400.000 dong", "Trang hai")


def replaced(new: bytes) -> Any:
    def change(writer: Any) -> None:
        from pyhanko.pdf_utils import generic

        page = writer.root["/Pages"]["/Kids"][0]
        page["/Contents"] = writer.add_object(generic.StreamObject(stream_data=new))
        writer.update_container(page)
    return change


def test_two_signatures_that_change_nothing_look_the_same(judge: Judge) -> None:  # noqa: F811
    signed = sign(sign(TEXT, box=(80, 100, 200, 160)), SEAL, field="Signature2", box=(300, 100, 420, 160))
    found = codes(judge(signed))
    assert not found & {"VERIFY-072", "VERIFY-073", "VERIFY-074"}


def test_another_text_is_seen_whatever_the_objects_say(judge: Judge) -> None:  # noqa: F811
    changed = append(sign(TEXT), replaced(b"BT /F1 24 Tf 80 600 Td (So tien 985.400.000 dong) Tj ET"))
    found = judge(changed)
    [reason] = [one for one in found.reasons if one.code == "VERIFY-072"]
    assert reason.params["pages"] == "1"
    assert found.verdict == "invalid"


def test_the_same_text_drawn_by_another_object_is_no_difference_to_the_eye() -> None:
    signed = sign(TEXT)
    same = append(signed, replaced(b"BT /F1 24 Tf 80 600 Td (So tien 185.400.000 dong) Tj ET "))
    assert compare(same, [len(signed)], 60).different == []


def test_a_page_more_or_less_is_a_difference() -> None:
    signed = sign(TEXT)
    more = page_pdf("So tien 185.400.000 dong", "Trang hai", "Trang ba")
    assert compare(signed[:len(signed)] + more, [len(signed)], 60).different == [3]


def test_a_box_that_hides_text_is_mentioned_and_a_seal_drawn_through_is_not() -> None:
    def page(*, seal: int, text: bool = True, box: bool = True) -> _Page:
        picture = np.full((100, 100), 255, np.uint8)
        if text:
            picture[40:44, 20:60] = 0
        if box:
            picture[30:60, 20:60] = np.minimum(picture[30:60, 20:60], seal) if seal < 255 else 255
        return _Page(picture, [(20, 30, 60, 60)] if box else [])

    def judged(after: _Page) -> tuple[list[int], list[int]]:
        result = Compared()
        return _judge([page(seal=255, box=False)], [after], result), result.different

    before = page(seal=255, box=False)
    assert hides(before, page(seal=255)), "a white box: the text is gone"
    assert not hides(before, page(seal=120)), "a red seal: the text shows through"
    assert judged(page(seal=255)) == ([0], []), "inside the box nothing else is compared, but looked at closely"
    assert judged(page(seal=255, text=False, box=False)) == ([], [1])


def test_an_empty_field_is_no_place_to_hide_text_and_a_signed_one_does_not_change() -> None:
    picture = np.full((100, 100), 255, np.uint8)
    picture[40:44, 20:60] = 0
    box = (20, 30, 60, 60)
    empty, signed = _Page(picture, empty=[box]), _Page(picture, signed=[box])
    white = _Page(np.full((100, 100), 255, np.uint8), signed=[box])
    assert hides(empty, white) and not hides(signed, white)
    result = Compared()
    assert _judge([signed], [white], result) == [] and result.different == [1]


def test_a_seal_over_the_signature_is_as_it_must_be(judge: Judge) -> None:  # noqa: F811
    signature = sign(TEXT, box=(70, 590, 400, 630))
    assert "VERIFY-073" not in codes(judge(sign(signature, SEAL, field="Signature2", box=(75, 595, 180, 625))))


def test_a_long_document_is_compared_as_far_as_the_limit_and_says_so() -> None:
    signed = sign(TEXT)
    changed = append(signed, replaced(b"BT /F1 24 Tf 80 600 Td (Khac) Tj ET"))
    seen = compare(changed, [len(signed)], 1)
    assert (seen.pages, seen.missing, seen.different) == (1, "1/2", [1])


@pytest.mark.parametrize("count", [0, 10, 500])
def test_noise_never_raises(count: int) -> None:
    assert compare(b"%PDF-1.7\n" + b"\x00" * count, [5], 60).missing
