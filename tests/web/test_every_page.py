"""A walk over the whole portal: every page, as every role, in both languages, on a desk and on a telephone.

The pages are those that the application itself knows of: one that is added and has no example here fails. Where a
browser adds nothing the pages are asked for plainly; Chromium looks at each once in each language and size.
LUUTRU_SHOTS names a folder for the pictures of them all, LUUTRU_SHOTS_IN their language.
"""

from __future__ import annotations

import gettext
import os
import re
import shutil
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from fastapi.routing import iter_route_contexts
from playwright.sync_api import Browser, Page

from archive import clock, i18n
from tests.conftest import NIGHT
from tests.web.conftest import DESK, NAMES, TELEPHONE, Served, cookies, serving, shot, too_wide, violations
from tests.web.walk_material import NUMBER, TITLE, WAITING, WORD, Held, plant, token_of
from web.app import create_app
from web.people import ROLES

LANGUAGES = ("vi", "en")
# Addresses of the pages whose path has something to fill in, and more of those that have not. {Names} are Held's.
EXAMPLES: dict[str, tuple[str, ...]] = {
    "/search": ("/search?q=van+ban+dien+tu", "/search?q=khongcogihet", "/search?q={word}", "/search?q={number}",
                "/search?q=&page=2", "/search?q=quyet+dinh&in_year=2026", "/search?q=ban+hanh+quy+chee"),
    "/search/suggest": ("/search/suggest?q={word}", "/search/suggest?q=van"),
    "/search/export": ("/search/export?q=", "/search/export?q=&format=xlsx"),
    "/documents/{code}": ("/documents/{document}", "/documents/{scan}", "/documents/{secret}", "/documents/{opened}",
                          "/documents/H99.2026.01.VP.9999999", "/documents/{document}?q=van+ban&tab=text",
                          "/documents/{document}?tab=picture"),
    "/documents/{code}/files/{number}": ("/documents/{document}/files/0", "/documents/{secret}/files/0"),
    "/documents/{code}/copy": ("/documents/{document}/copy",),
    "/documents/{code}/evidence": ("/documents/{document}/evidence", "/documents/{secret}/evidence"),
    "/documents/{code}/picture/{part}/{number}": ("/documents/{scan}/picture/0/1", "/documents/{secret}/picture/0/1"),
    "/casefiles": ("/casefiles?q=VP",),
    "/casefiles/{code}": ("/casefiles/{case_file}", "/casefiles/{closed}", "/casefiles/{expired}"),
    "/plan": ("/plan?fonds=H99&year=2026", "/plan?fonds=H99&year=2015"),
    "/nights/{batch}": ("/nights/{night}",),
    "/review": ("/review?under=1",),
    "/review/{document}/{part}/{number}": ("/review/{scan}/0/1", "/review/{scan}/0/1?zoom=200&turn=90"),
    "/review/{document}/{part}/{number}/picture": ("/review/{scan}/0/1/picture",),
    "/review/{document}/{part}/{number}/places": ("/review/{scan}/0/1/places",),
    "/quarantine/{item}": ("/quarantine/{item}", "/quarantine/{unread}", "/quarantine/{kept_out}",
                           "/quarantine/{changed}", "/quarantine/nothere"),
    "/quarantine/{item}/picture/{part}/{number}": ("/quarantine/{item}/picture/0/1",),
    "/notices": ("/notices?all=1",),
    "/notices/{item}": ("/notices/{notice}",),
    "/tasks": ("/tasks?month=2026-10&state=late",),
    "/retention/{code}": ("/retention/{old}", "/retention/{expired}", "/retention/{case_file}"),
    "/holds": ("/holds?all=1",),
    "/holds/new": ("/holds/new?code={old}",),
    "/holds/{n}": ("/holds/{hold}",),
    "/destructions/{name}": ("/destructions/{batch}", "/destructions/{batch}?check=1"),
    "/destructions/{name}/files/{path}": ("/destructions/{batch}/files/{batch_paper}",),
    "/destructions/{name}/vote": ("/destructions/{batch}/vote",),
    "/transfers/{code}": ("/transfers/{hand_over}",),
    "/transfers/{code}/files/{path}": ("/transfers/{hand_over}/files/{hand_over_paper}",),
    "/readings/{code}": ("/readings/{reading}",),
    "/trust/{sha256}": ("/trust/{certificate}",),
    "/accounts/{name}": ("/accounts/reader",),
    "/link/{token}": ("/link/{link}", "/link/ended"),
    "/language/{language}": ("/language/{spoken}",),
    "/api/v1/search": ("/api/v1/search?q={word}",),
    "/api/v1/casefiles/{code}": ("/api/v1/casefiles/{case_file}", "/api/v1/casefiles/{closed}"),
    "/api/v1/casefiles/{code}/documents": ("/api/v1/casefiles/{case_file}/documents",),
    "/api/v1/casefiles/{code}/history": ("/api/v1/casefiles/{case_file}/history",),
    "/api/v1/documents/{code}": ("/api/v1/documents/{document}", "/api/v1/documents/{secret}"),
    "/api/v1/documents/{code}/signatures": ("/api/v1/documents/{document}/signatures",),
    "/api/v1/documents/{code}/text": ("/api/v1/documents/{document}/text", "/api/v1/documents/{secret}/text"),
    "/api/v1/documents/{code}/history": ("/api/v1/documents/{document}/history",),
    "/api/v1/documents/{code}/files/{number}": ("/api/v1/documents/{document}/files/0",),
    "/api/v1/nights/{batch}": ("/api/v1/nights/{night}",),
}
# Answers that nobody can have by looking alone: a code that is being set up, a provider of sign-on.
NEEDS_A_STEP = {"/account/code.png", "/login/oidc", "/login/oidc/back"}
OPEN_TO_ALL = {"/login", "/login/code", "/login/oidc", "/login/oidc/back", "/link/{token}", "/language/{language}",
               "/api/v1/openapi.json", "/health/live", "/health/ready"}
MAY_KNOW = {"archivist", "council_member", "archive_centre", "auditor"}
MAY_WATCH = {"administrator", "archivist", "auditor"}

# Words of which English is full and which no Vietnamese text has; and what speaks English all the same: options of
# commands, what a library says of a PDF, the ledger's own lines.
ENGLISH = re.compile(r"\b(?:the|of|and|is|are|was|were|with|for|by|from|this|that|not|has|have|been|your|you)\b", re.I)


RAW = re.compile(r"--[\w-]+|\(chi tiết kỹ thuật: .*|\{'.*|(?<!\w)/\S+")


@dataclass(frozen=True)
class Answer:
    """What one address answers to one role."""

    status: int
    kind: str
    text: str


@dataclass
class Walk:
    """The portal that is walked through, what it answered, and what had no translation."""

    site: Served
    held: Held
    routes: list[str]
    answers: dict[tuple[str, str, str], Answer] = field(default_factory=dict)      # role, language, address
    untranslated: set[str] = field(default_factory=set)

    def addresses(self, route: str, language: str = "vi") -> list[str]:
        """The examples of a route; of one without parameters the route itself, too."""
        examples = (*(() if "{" in route else (route,)), *EXAMPLES.get(route, ()))
        return [one.format(**vars(self.held), spoken=language) for one in examples]

    def asked(self, language: str = "vi") -> Iterator[tuple[str, str, dict[str, Answer]]]:
        """Every address with its route, and what it answered to each role."""
        for route in self.routes:
            for address in self.addresses(route, language):
                yield route, address, {role: answer for (role, spoken, asked), answer in self.answers.items()
                                       if (spoken, asked) == (language, address)}


class Untranslated(gettext.NullTranslations):
    """What the Vietnamese catalogue does not have is asked of this."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: set[str] = set()

    def gettext(self, message: str) -> str:
        self.asked.add(message)
        return message

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        self.asked.add(msgid1)
        return msgid1 if n == 1 else msgid2


def routes_of(served: Iterable[Any], before: str = "") -> Iterator[str]:
    """The paths that answer to GET, mounted applications' as well; static files are no pages."""
    for one in iter_route_contexts(list(served)):
        path = before + re.sub(r":\w+}", "}", one.path or "")
        if "GET" in (one.methods or ()):
            yield path
        elif inner := getattr(getattr(one.route, "app", None), "routes", None):
            yield from routes_of(inner, path.rstrip("/"))


@pytest.fixture(scope="module")
def walk(first_night: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    """The sample archive with a secret in it, and every answer of its portal to every role."""
    root = Path(shutil.copytree(first_night, tmp_path_factory.mktemp("walk") / "kho"))
    catalogue, told = i18n._translations("vi"), Untranslated()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "now", lambda: NIGHT + timedelta(hours=10))
        patch.setenv("LUUTRU_WEB__REQUESTS_PER_MINUTE", "0")
        held = plant(root)
        app = create_app(root)
        routes = sorted({path for path in routes_of(app.routes) if not path.startswith("/static")})
        app.state.site.close()
        patch.setattr(catalogue, "_fallback", told)
        with serving(root) as url:
            made = Walk(Served(url, root, NAMES), held, routes)
            for role in ("", *ROLES):
                for language in LANGUAGES if role in ("", "archivist") else ("vi",):
                    ask_everything(made, role, language)
            made.untranslated = told.asked
            yield made


def ask_everything(walk: Walk, role: str, language: str) -> None:
    heads = {"authorization": f"Bearer {token_of(walk.site.root, NAMES[role])}"} if role else {}
    with walk.site.client(role, language) as client:
        for route in walk.routes:
            if "{" in route and route not in EXAMPLES:
                continue        # told by the first test
            for address, first in zip(walk.addresses(route, language), walk.addresses(route), strict=True):
                before = walk.answers.get((role, "vi", first))
                if language != "vi" and before is not None and before.kind not in ("text/html", ""):
                    continue        # what is no page has been fetched, and speaks no language
                answer = client.get(address, headers=heads if address.startswith("/api/") else {})
                kind = answer.headers.get("content-type", "").partition(";")[0]
                plain = kind.startswith("text/") or kind.endswith(("json", "xml", "javascript"))
                said = "\n".join(f"{name}: {value}" for name, value in answer.headers.items())
                walk.answers[role, language, address] = Answer(
                    answer.status_code, kind, f"{said}\n\n{answer.text if plain else ''}")


class Segments(HTMLParser):
    """What a person reads of a page, piece by piece; what is in another language or was typed by people is left out."""

    VOID = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"})
    SAID = ("title", "alt", "placeholder", "aria-label", "aria-description")

    def __init__(self, language: str) -> None:
        super().__init__()
        self.language, self.found, self.open = language, [], []      # type: ignore[var-annotated]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        hidden = tag in ("script", "style", "code", "textarea", "pre", "kbd") or \
            told.get("lang", self.language) != self.language or "code" in (told.get("class") or "").split()
        if not hidden and not any(self.open):
            self.found += [told[name] for name in self.SAID if told.get(name)]
        if tag not in self.VOID:
            self.open.append(hidden)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID and self.open:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        if not any(self.open) and data.strip():
            self.found.append(" ".join(data.split()))


def segments(answer: Answer, language: str) -> list[str]:
    reader = Segments(language)
    reader.feed(answer.text.partition("\n\n")[2])
    return reader.found


def lines(found: Iterable[Any]) -> str:
    """All that was found, and not the first of it alone."""
    return "\n".join(sorted(map(str, found)))


# --- what is asked for plainly -------------------------------------------------------------------------------


def test_every_page_has_an_example_here(walk: Walk) -> None:
    assert [route for route in walk.routes if "{" in route and route not in EXAMPLES] == []
    assert sorted(set(EXAMPLES) - set(walk.routes)) == [], "these are no longer pages"


def test_no_page_fails_for_anybody(walk: Walk) -> None:
    failed = [(role, address, answer.status) for (role, _language, address), answer in walk.answers.items()
              if answer.status >= 500 or answer.status in (400, 405, 422, 429)]
    assert not failed, lines(failed)


def test_every_page_is_open_to_somebody_and_none_to_a_stranger(walk: Walk) -> None:
    opened, strange = defaultdict(set), []
    for route, address, answers in walk.asked():
        opened[route] |= {role for role, answer in answers.items() if answer.status == 200
                          or (answer.status == 303 and "location: /login" not in answer.text)}
        if route not in OPEN_TO_ALL and answers[""].status not in (303, 401):
            strange.append((address, answers[""].status))
    assert [route for route in walk.routes if not opened[route] and route not in NEEDS_A_STEP] == []
    assert not strange, lines(strange)


def test_no_answer_tells_what_the_role_may_not_know(walk: Walk) -> None:
    told, known = [], set()
    for (role, _language, address), answer in walk.answers.items():
        secrets = {WORD, NUMBER, TITLE, walk.held.secret}
        found = {one for one in secrets if one in answer.text or quote(one) in answer.text}
        found -= {one for one in secrets if one in address or quote(one, safe="") in address}     # said by who asks
        known |= {(role, one) for one in found}
        if found and role not in MAY_KNOW:
            told.append((role, address, sorted(found)))
        if WAITING in answer.text and role not in MAY_WATCH:
            told.append((role, address, [WAITING]))
    assert not told, lines(told)
    assert known == {(role, one) for role in MAY_KNOW for one in (WORD, NUMBER, TITLE, walk.held.secret)}, \
        "who may know finds it: the search above would have, too"


def test_every_page_says_its_language_and_its_name(walk: Walk) -> None:
    wrong = []
    for (role, language, address), answer in walk.answers.items():
        if answer.kind == "text/html" and answer.status != 303:
            names = re.findall(r"<title>\s*([^<]*?)\s*· ", answer.text)
            if f'<html lang="{language}">' not in answer.text or answer.text.count("<h1") != 1 or not all(names):
                wrong.append((role, language, address, answer.text.count("<h1"), names))
    assert not wrong, lines(wrong)


def test_a_vietnamese_page_has_no_english_in_it(walk: Walk) -> None:
    assert not walk.untranslated, lines(walk.untranslated)
    found = {(address, said) for (_role, language, address), answer in walk.answers.items()
             if language == "vi" and answer.kind == "text/html" for said in segments(answer, "vi")
             if ENGLISH.search(RAW.sub("", said))}
    assert not found, lines(found)


# --- what a browser sees -------------------------------------------------------------------------------------


class Window:
    """A window of the browser in which one role after the other looks, and what its pages complain of."""

    def __init__(self, walk: Walk, browser: Browser, language: str) -> None:
        self.walk, self.language, self.role = walk, language, ""
        self.held: dict[str, Any] = {}
        self.said: list[str] = []
        self.page = browser.new_context(viewport=DESK, locale="vi-VN").new_page()       # type: ignore[arg-type]
        self.page.on("console", lambda said: self.said.append(said.text)
                     if said.type == "error" and "status of" not in said.text else None)
        self.page.on("pageerror", lambda error: self.said.append(str(error)))

    def at(self, role: str, address: str) -> Page:
        """The page at an address, as the role sees it. One that refuses a piece of content complains, too."""
        if role not in self.held:
            self.held[role] = cookies(self.walk.site, role, self.language)
        if self.role != role or not self.page.context.cookies():
            self.page.context.clear_cookies()
            self.page.context.add_cookies(self.held[role])
            self.role = role
        self.page.goto(self.walk.site.url + address)
        return self.page


def test_every_page_is_accessible_and_fits_the_desk_and_the_telephone(walk: Walk, browser: Browser) -> None:
    """Each as the first role that it is open to; the home page, which differs most, as each. English words are shorter
    than Vietnamese ones, and what axe looks at is the same: it is looked at in Vietnamese, at the desk.
    """
    language, complaints = os.environ.get("LUUTRU_SHOTS_IN", "vi"), []
    sizes = [DESK, TELEPHONE]
    window = Window(walk, browser, language)
    for route, address, answers in walk.asked(language):
        shown = 404 if address.endswith("9999999") else 200        # what is not there, once
        seeing = [role for role in ("archivist", "administrator", *ROLES, "") if role in answers
                  and answers[role].status == shown and answers[role].kind == "text/html"]
        for role in seeing if route == "/" else seeing[:1]:
            page = window.at(role, address)
            for size in sizes:
                page.set_viewport_size(size)        # type: ignore[arg-type]
                shot(page, re.sub(r"\W+", "-", f"{address} {role} {size['width']} {language}").strip("-"))
                if wide := too_wide(page):
                    complaints.append((address, f"{wide} pixels wider than {size['width']} ({role})"))
                if size is DESK and role == seeing[0]:
                    complaints += [(address, f"{size['width']}: {one}") for one in violations(page)]
            sizes.reverse()         # the next page comes in the size in which this one was left
            complaints += [(address, one) for one in window.said]
            window.said.clear()
    window.page.context.close()
    assert not complaints, lines(complaints)
