"""The document page: how it is looked at best, and that it offers only what there is."""

from __future__ import annotations

import re

import pytest

from tests.web.conftest import Served

PDF, TEXT_ONLY, TABLE, WORD, PHOTO = ("H99.2026.01.VP.0000001", "H99.2026.01.VTLT.0000001", "H99.2026.01.CNTT.0000001",
                                      "H99.2026.02.VTLT.0000005", "H99.2026.03.VTLT.0000008")
TELEPHONE = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/126.0 Mobile Safari/537.36"


def tabs(page: str) -> list[str]:
    return re.findall(r"tab=(\w+)", page.partition('class="tabs"')[2].partition("</ul>")[0])


def test_a_telephone_gets_the_pages_as_pictures_first(site: Served) -> None:
    with site.client("reader") as client:
        assert tabs(client.get(f"/documents/{PDF}").text) == ["file", "picture", "text"]
        for headers in ({"user-agent": TELEPHONE}, {"sec-ch-ua-mobile": "?1"}):
            page = client.get(f"/documents/{PDF}", headers=headers).text
            assert tabs(page) == ["picture", "file", "text"] and "<iframe" not in page
            assert "<iframe" in client.get(f"/documents/{PDF}?tab=file", headers=headers).text, "who wants it gets it"


@pytest.mark.parametrize(("code", "copied"), [(PDF, True), (PHOTO, True), (TEXT_ONLY, False), (TABLE, False),
                                              (WORD, False)])
def test_a_copy_is_offered_of_what_has_pages_alone(site: Served, code: str, copied: bool) -> None:
    with site.client("reader") as client:
        page = client.get(f"/documents/{code}").text
        assert (f'href="/documents/{code}/copy"' in page) == copied
        if not copied:
            assert "/picture/" not in page
            answer = client.get(f"/documents/{code}/copy")
            assert answer.status_code == 400 and "has no pages" in answer.text
