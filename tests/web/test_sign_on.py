"""Signing on at the agency's identity provider: the whole way over real HTTP, and what must not be believed."""

from __future__ import annotations

import base64
import hmac
import json
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from cryptography.hazmat.primitives import serialization

from archive import acts, opening, settings
from tests.web.conftest import Served, add_people, serving
from tests.web.identity_provider import CLIENT, SECRET, EcKey, Provider, RsaKey, base64url, token
from web import id_tokens, oidc, totp
from web.id_tokens import NotBelievedError, UnknownKeyError, claims_of

ISSUER = "https://sso.example.gov.vn"
NOW = 1_800_000_000.0


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    made = Provider()
    yield made
    made.close()


@pytest.fixture(scope="module")
def site(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A small served archive whose people may sign on at the provider."""
    root = tmp_path_factory.mktemp("sso") / "kho"
    opening.make_archive(root, {"oidc": {"issuer": provider.issuer, "client_id": CLIENT, "title": "SSO tỉnh Mẫu",
                                         "secret_file": "sso.txt"}}).close()
    (root / "sso.txt").write_text(f"{SECRET}\n", encoding="utf-8")
    names = add_people(root)
    with serving(root) as url:
        yield Served(url, root, names)


@pytest.fixture(autouse=True)
def _honest(request: pytest.FixtureRequest) -> Iterator[None]:
    """Each test begins with a provider that tells the truth."""
    yield
    if "provider" in request.fixturenames or "site" in request.fixturenames:
        told: Provider = request.getfixturevalue("provider")
        told.altered, told.subject, told.claims = (lambda _what, one: one), "u-1", {"preferred_username": "reader"}


def get(url: str, **more: Any) -> httpx.Response:
    """Ask once, without the certificates that a client of its own would read: they take longer than the answer."""
    return httpx.get(url, verify=False, timeout=30, **more)


@contextmanager
def browser(site: Served) -> Iterator[httpx.Client]:
    with httpx.Client(verify=False, base_url=site.url, follow_redirects=False, timeout=30,
                      cookies={"luutru_language": "en"}) as client:
        yield client


def there_and_back(client: httpx.Client, wanted: str = "") -> httpx.Response:
    """Sign on: to the provider, and back with what it sends along."""
    go = client.get("/login/oidc", params={"next": wanted} if wanted else {})
    assert go.status_code == 303, go.text
    sent_back = get(go.headers["location"], follow_redirects=False)
    return client.get(sent_back.headers["location"])


# --- the way -----------------------------------------------------------------------------------------------


def test_a_person_signs_on_and_has_the_roles_that_are_theirs_here(site: Served, provider: Provider) -> None:
    with browser(site) as client:
        assert "/login/oidc?next=/search" in client.get("/login?next=/search").text
        assert "SSO tỉnh Mẫu" in client.get("/login").text
        back = there_and_back(client, "/search?q=quy")
        assert (back.status_code, back.headers["location"]) == (303, "/search?q=quy")
        cookie = next(one for one in back.headers.get_list("set-cookie") if one.startswith("luutru="))
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        assert client.get("/account").status_code == 200
        assert client.get("/accounts").status_code == 403       # whatever the provider may say of roles
    noted = acts.waiting(settings.load(site.root), "logged_in", "reader")
    assert noted[-1]["data"]["signed_on"] is True


def test_elliptic_keys_and_new_keys_are_taken(site: Served, provider: Provider) -> None:
    old = provider.keys
    provider.keys = [EcKey("hai"), *old]        # the provider changed its key without notice
    with browser(site) as client, pytest.MonkeyPatch.context() as patch:
        patch.setattr(oidc, "AGAIN", 0.0)
        assert there_and_back(client).headers["location"] == "/"
    provider.keys = old


def test_the_second_factor_of_an_account_is_asked_for_all_the_same(site: Served, provider: Provider) -> None:
    provider.claims, provider.subject = {"preferred_username": "auditor"}, "u-auditor"
    secret = totp.new_secret()
    now = int(time.time()) // 30
    site.accounts.set_totp("auditor", secret, totp.code_at(secret, now - 1))
    with browser(site) as client:
        assert there_and_back(client).headers["location"] == "/login/code"
        assert client.get("/").status_code == 303
    site.accounts.set_totp("auditor", "", "")


def test_who_has_no_account_here_or_a_locked_one_stays_outside(site: Served, provider: Provider) -> None:
    for name, prepare in (("nobody-here", None), ("council-member", "lock"), ("may.mot", "machine")):
        if prepare == "lock":
            site.accounts.lock(name, locked=True, by="test")
        if prepare == "machine":
            site.accounts.add_machine(name, "Máy", ["reader"], by="test")
        provider.claims, provider.subject = {"preferred_username": name}, f"u-{name}"
        with browser(site) as client:
            answer = there_and_back(client)
            assert (answer.status_code, "no account here for you" in answer.text) == (403, True)
            assert client.get("/account").status_code == 303
    site.accounts.lock("council-member", locked=False, by="test")


def test_a_name_that_was_given_to_somebody_else_does_not_open_the_old_account(site: Served,
                                                                              provider: Provider) -> None:
    provider.claims = {"preferred_username": "Archivist"}
    provider.subject = "u-lan"
    with browser(site) as client:
        assert there_and_back(client).headers["location"] == "/"
    provider.subject = "u-another"
    with browser(site) as client:
        assert there_and_back(client).status_code == 403
    site.accounts.use_link(site.accounts.reset("archivist", by="test"), "mùa thu Hà Nội 1954")   # the binding is gone
    with browser(site) as client:
        assert there_and_back(client).headers["location"] == "/"


# --- what must not be believed -----------------------------------------------------------------------------


def test_an_answer_counts_once_in_the_browser_that_went_and_in_time(site: Served, provider: Provider,
                                                                    caplog: pytest.LogCaptureFixture) -> None:
    with browser(site) as client, browser(site) as other, caplog.at_level(logging.DEBUG):
        sent_back = get(client.get("/login/oidc").headers["location"]).headers["location"]
        assert other.get(sent_back).status_code == 401          # a session of an attacker is not put on somebody
        assert client.get(sent_back).status_code == 401         # and the try is over
        sent_back = get(client.get("/login/oidc").headers["location"]).headers["location"]
        assert client.get(sent_back).status_code == 303
        with browser(site) as third:
            third.cookies.update(client.cookies)
            third.cookies.delete("luutru")
            assert third.get(sent_back).status_code == 401      # replayed
        sent_back = get(other.get("/login/oidc").headers["location"]).headers["location"]
        with site.accounts.database() as database:
            database.execute("UPDATE sign_on SET at = at - 601")
        assert other.get(sent_back).status_code == 401          # too late
        for address in ("/login/oidc/back", "/login/oidc/back?state=x&code=y", "/login/oidc/back?error=access_denied"):
            assert other.get(address).status_code == 401
    query = parse_qs(urlsplit(sent_back).query)
    assert "sign-on refused: another browser" in caplog.text
    assert query["code"][0] not in "".join(one.getMessage() for one in caplog.records if one.name == "luutru.web")
    assert SECRET not in caplog.text


LIES: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "another issuer": ("claims", lambda told: {**told, "iss": "https://evil.example"}),
    "another audience": ("claims", lambda told: {**told, "aud": "another"}),
    "one of several audiences": ("claims", lambda told: {**told, "aud": [CLIENT, "another"]}),
    "another authorised party": ("claims", lambda told: {**told, "azp": "another"}),
    "over": ("claims", lambda told: {**told, "exp": int(time.time()) - 3600}),
    "made long ago": ("claims", lambda told: {**told, "iat": int(time.time()) - 7200}),
    "made tomorrow": ("claims", lambda told: {**told, "iat": int(time.time()) + 86400}),
    "not yet": ("claims", lambda told: {**told, "nbf": int(time.time()) + 86400}),
    "no end": ("claims", lambda told: {key: one for key, one in told.items() if key != "exp"}),
    "an end that is no number": ("claims", lambda told: {**told, "exp": True}),
    "another log-in": ("claims", lambda told: {**told, "nonce": "x" * 43}),
    "no nonce": ("claims", lambda told: {key: one for key, one in told.items() if key != "nonce"}),
    "nobody": ("claims", lambda told: {**told, "sub": ""}),
    "no name": ("claims", lambda told: {**told, "preferred_username": ["reader"]}),
    "another access token": ("claims", lambda told: {**told, "at_hash": "x" * 22}),
    "changed by a letter": ("id_token", lambda told: told[:-3] + ("A" if told[-3] != "A" else "B") + told[-2:]),
    "no ID token": ("token", lambda told: {"access_token": "x"}),
    "not JSON": ("token", lambda told: b"<html>"),
    "too long": ("token", lambda told: {"id_token": "x" * 20_000}),
    "another provider's answer": ("back", lambda told: {**told, "iss": "https://evil.example"}),
    "no code": ("back", lambda told: {"state": told["state"], "error": "access_denied"}),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_provider_or_somebody_between_that_lies_lets_nobody_in(site: Served, provider: Provider, lie: str) -> None:
    which, change = LIES[lie]
    provider.altered = lambda what, told: change(told) if what == which else told
    with browser(site) as client:
        answer = there_and_back(client)
        assert answer.status_code == 401, lie
        assert "evil" not in answer.text
        assert client.get("/account").status_code == 303


@pytest.mark.parametrize("change", [
    lambda told: {**told, "issuer": "https://evil.example"}, lambda told: {**told, "jwks_uri": "http://evil.example/k"},
    lambda told: {**told, "token_endpoint": "file:///etc/passwd"}, lambda told: {**told, "authorization_endpoint": 7},
    lambda told: [], lambda told: b"x" * 2_000_000])
def test_a_discovery_that_is_not_the_providers_own_is_not_used(
        provider: Provider, tmp_path_factory: pytest.TempPathFactory, change: Callable[[Any], Any]) -> None:
    root = tmp_path_factory.mktemp("sso") / "kho"
    opening.make_archive(root, {"oidc": {"issuer": provider.issuer, "client_id": CLIENT}}).close()
    from web.accounts import Accounts

    held = settings.load(root)
    provider.altered = lambda what, told: change(told) if what == "discovery" else told
    with pytest.raises(NotBelievedError):
        oidc.SignOn(held, Accounts(held)).begin("http://127.0.0.1/login/oidc/back", "/")


def test_a_provider_that_is_away_says_so_on_the_page(tmp_path_factory: pytest.TempPathFactory) -> None:
    root = tmp_path_factory.mktemp("sso") / "kho"
    opening.make_archive(root, {"oidc": {"issuer": "http://127.0.0.1:9/realms/so", "client_id": CLIENT}}).close()
    with serving(root) as url, httpx.Client(verify=False, base_url=url, timeout=30,
                                            cookies={"luutru_language": "en"}) as client:
        answer = client.get("/login/oidc")
    assert answer.status_code == 401
    assert "Signing on did not work" in answer.text


def test_nobody_is_led_elsewhere_and_without_the_setting_there_is_no_such_page(site: Served, provider: Provider,
                                                                               tmp_path_factory: pytest.TempPathFactory,
                                                                               ) -> None:
    with browser(site) as client:
        assert there_and_back(client, "//evil.example/x").headers["location"] == "/"
        assert client.get("/login/oidc?next=https://evil.example").headers["location"] == "/"
    root = tmp_path_factory.mktemp("none") / "kho"
    opening.make_archive(root, {}).close()
    with serving(root) as url:
        assert get(f"{url}/login/oidc").status_code == get(f"{url}/login/oidc/back").status_code == 404
        assert "/login/oidc" not in get(f"{url}/login").text


# --- tokens, without a network -----------------------------------------------------------------------------

RSA, EC = RsaKey("một"), EcKey("hai")
CLAIMS = {"iss": ISSUER, "aud": CLIENT, "sub": "u-1", "nonce": "n" * 43, "iat": int(NOW), "exp": int(NOW) + 60}


def believed(told: str, *keys: dict[str, Any]) -> dict[str, Any]:
    return claims_of(told, keys or (RSA.public(), EC.public()), issuer=ISSUER, client=CLIENT, nonce="n" * 43, now=NOW)


@pytest.mark.parametrize("key", [RSA, EC], ids=["RS256", "ES256"])
def test_a_right_token_of_either_kind_is_believed(key: RsaKey | EcKey) -> None:
    assert believed(token(key, CLAIMS))["sub"] == "u-1"
    assert believed(token(key, {**CLAIMS, "aud": [CLIENT]}))["sub"] == "u-1"
    assert believed(token(key, {**CLAIMS, "aud": [CLIENT, "more"], "azp": CLIENT}))["sub"] == "u-1"


def test_a_token_that_names_its_own_key_or_algorithm_is_not_believed() -> None:
    none = ".".join(base64url(json.dumps(one).encode()) for one in ({"alg": "none"}, CLAIMS)) + "."
    # The public key taken for a shared secret: the oldest trick.
    public = RSA.key.public_key().public_bytes(serialization.Encoding.PEM,
                                               serialization.PublicFormat.SubjectPublicKeyInfo)
    head = f"{base64url(json.dumps({'alg': 'HS256', 'kid': 'một'}).encode())}.{base64url(json.dumps(CLAIMS).encode())}"
    shared = f"{head}.{base64url(hmac.digest(public, head.encode(), 'sha256'))}"
    evil = RsaKey("một")
    for told in (none, shared, none + "AA", token(evil, CLAIMS, jwk=evil.public()),
                 token(evil, CLAIMS, jku="https://evil.example/keys"), token(RSA, CLAIMS, crit=["b64"]),
                 token(EC, CLAIMS, alg="RS256", kid="một"), token(RSA, CLAIMS, alg="ES256", kid="hai"),
                 token(RSA, CLAIMS, alg="PS256"), token(RSA, CLAIMS, alg=["RS256"])):
        with pytest.raises(NotBelievedError):
            believed(told)


def test_keys_that_are_too_short_for_something_else_or_odd_are_not_used() -> None:
    short = RsaKey("một", 1024)
    with pytest.raises(NotBelievedError, match="length"):
        believed(token(short, CLAIMS), short.public())
    with pytest.raises(UnknownKeyError):
        believed(token(RSA, CLAIMS), {**RSA.public(), "use": "enc"})
    with pytest.raises(UnknownKeyError):
        believed(token(RSA, CLAIMS), {**RSA.public(), "kid": "ba"})
    with pytest.raises(NotBelievedError, match="several"):
        believed(token(RSA, CLAIMS), RSA.public(), RSA.public())
    for odd in ({"n": ""}, {"n": 7}, {"e": "AA"}, {"n": "!!"}):
        with pytest.raises(NotBelievedError):
            believed(token(RSA, CLAIMS), {**RSA.public(), **odd})
    for odd in ({"crv": "P-384"}, {"x": "AA"}, {"y": None}):
        with pytest.raises(NotBelievedError):
            believed(token(EC, CLAIMS), {**EC.public(), **odd})


@pytest.mark.parametrize("told", ["", ".", "..", "a.b", "a.b.c.d", "e30.e30.e30", "é.e30.e30", "x" * 20_000,
                                  "W10.e30.AA", base64.b64encode(b'{"alg":"RS256"}').decode() + ".e30.AA"])
def test_what_is_no_token_breaks_nothing(told: str) -> None:
    with pytest.raises(NotBelievedError):
        believed(told)


def test_a_name_that_stands_twice_is_refused() -> None:
    body = base64url(b'{"iss":"' + ISSUER.encode() + b'","sub":"u-1","sub":"u-2"}')
    head = base64url(json.dumps({"alg": "RS256", "kid": "một"}).encode())
    told = f"{head}.{body}.{base64url(RSA.sign(f'{head}.{body}'.encode()))}"
    with pytest.raises(NotBelievedError, match="JSON"):
        believed(told)
    assert id_tokens.LEEWAY < id_tokens.OLDEST
