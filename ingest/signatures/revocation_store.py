"""The store of revocation lists (CRL) and answers (OCSP): fetched or imported, taken only with a trusted signature.

The newest of each lies in the trust folder, where verification reads it; all that ever came stay in the trust object of
the store, for looks at a past moment. The network is used only by who asks for it; nothing here believes an address.
"""

from __future__ import annotations

import hashlib
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from asn1crypto import crl, ocsp, pem, x509
from sqlalchemy import select
from sqlalchemy.orm import Session

from archive import clock, model
from archive.catalogue import record
from archive.files import write_atomically
from archive.i18n import _
from archive.ledger import Entry, event_key
from archive.opening import Archive
from archive.store import NewFile
from ingest.signatures import revocation
from ingest.signatures.register import MOST, OBJECT, common_name
from ingest.signatures.trust import TrustLists, load_trust

MOST_REDIRECTS = 5
EVENT = "revocations_updated"


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came of fetching or importing one revocation list or answer."""

    url: str
    issuer: str = ""
    number: int | None = None
    this_update: datetime | None = None
    next_update: datetime | None = None
    revoked: int = 0
    kind: str = "crl"           # or "ocsp"
    name: str = ""              # the issuer as people know it
    kept: bool = False          # in the store, for looks at a past moment; not the one in use
    reason: str = ""            # why it was not taken; empty when it was


def addresses(lists: TrustLists) -> list[str]:
    """Where the trusted certificates say that revocation lists of their issuers are, each address once."""
    found: dict[str, None] = {}
    for certificate in (*lists.others, *lists.roots):
        points = certificate.crl_distribution_points_value
        for point in points.native if points is not None else ():
            name = point["distribution_point"]
            urls = [url for url in name if isinstance(url, str) and "://" in url] if isinstance(name, list) else []
            # One place may be told in several ways: the ways that are fetched are enough.
            found |= dict.fromkeys([url for url in urls if _is_plain(url)] or urls)
    return list(found)


def fetch(archive: Archive, urls: Sequence[str], seconds: float, actor: str) -> list[Fetched]:
    """Fetch revocation lists and take those that a trusted certificate signed; the caller owns the archive.

    One that fails does not stop the others. `seconds` is for one address, redirections and all.
    """
    found = []
    for url in urls:
        data, reason = _get(url, seconds)
        found.append(Fetched(url, reason=reason) if reason else take(archive, data, url, actor))
    return found


def ask(archive: Archive, certificate: x509.Certificate, urls: Sequence[str], seconds: float,
        actor: str) -> list[Fetched]:
    """Ask the responders of `certificate` (or those at `urls`) for it (RFC 6960); the caller owns the archive."""
    lists = load_trust(archive.settings.path(archive.settings.signatures.trust))
    issuer = next((one for one in (*lists.others, *lists.roots) if one.subject == certificate.issuer), None)
    if issuer is None:
        return [Fetched("OCSP", kind="ocsp", reason=_("the issuer of the certificate is not in the trust lists"))]
    places = list(urls) or list(certificate.ocsp_urls)
    if not places:
        return [Fetched("OCSP", kind="ocsp", reason=_("the certificate names no address of a responder"))]
    question = ocsp.OCSPRequest({"tbs_request": {"request_list": [{"req_cert": {
        "hash_algorithm": {"algorithm": "sha1"}, "issuer_name_hash": issuer.subject.sha1,
        "issuer_key_hash": issuer.public_key.sha1, "serial_number": certificate.serial_number}}]}}).dump()
    found = []
    for url in places:
        data, reason = _get(url, seconds, question)
        if not reason and not _is_about(data, issuer, certificate.serial_number):
            reason = _("the answer is not about this certificate")
        found.append(Fetched(url, kind="ocsp", reason=reason) if reason else take(archive, data, url, actor))
    return found


def take(archive: Archive, data: bytes, source: str, actor: str) -> Fetched:
    """Take one revocation list or answer (DER or PEM) that a trusted certificate signed; the caller owns the archive.

    One that is older than what is in use is kept in the store, and says so in `reason`.
    """
    try:
        der = pem.unarmor(data)[2] if pem.detect(data) else data
        if len(der) > MOST:
            raise ValueError(_("the list is too long"))
    except ValueError as error:
        return Fetched(source, reason=str(error))
    lists = load_trust(archive.settings.path(archive.settings.signatures.trust))
    told, place, fields = _list(der, source, lists)
    if told.reason and not fields and _is_answer(der):
        told, place, fields = _answer(der, source, lists)
    if told.reason:
        return told
    digest = hashlib.sha256(der).hexdigest()
    archive.store.put(OBJECT, {f"{told.kind}s/{digest}.{told.kind}": NewFile(der)}, message="revocation list",
                      user="luutru", created=clock.now())
    with archive.catalogue.session() as session:
        record(session, archive.ledger, [Entry(EVENT, told.issuer[:200], {
            "sha256": digest, "source": source, "number": str(told.number or ""), "revoked": told.revoked,
            "kind": told.kind, "place": place.as_posix(), **fields,
            "this_update": clock.stamp(told.this_update) if told.this_update else "",
            "next_update": clock.stamp(told.next_update) if told.next_update else ""},
            event_key(EVENT, told.issuer, digest), actor=actor)])
    where = archive.settings.path(archive.settings.signatures.trust) / place
    if where.exists() and told.this_update is not None and _made(where, told.kind) > told.this_update:
        return replace(told, kept=True, reason=_("a newer one is in use already; this one is kept for looks back"))
    where.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(where, der)
    return told


def restore(archive: Archive) -> int:
    """Write the newest lists and answers of the store into the trust folder again, where they are missing; how many."""
    newest: dict[str, dict[str, Any]] = {}
    with archive.catalogue.session() as session:
        for data in _events(session):
            if data.get("place") and data["this_update"] >= newest.get(data["place"], data)["this_update"]:
                newest[data["place"]] = data
    count = 0
    for place, data in newest.items():
        where = archive.settings.path(archive.settings.signatures.trust) / place
        if not where.exists():
            kind = data["kind"]
            where.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(where, archive.store.read(OBJECT, f"{kind}s/{data['sha256']}.{kind}"))
            count += 1
    return count


def earlier(archive: Archive, moment: datetime) -> list[str]:
    """The lists and answers of the store that knew best of `moment`, besides those in use: their paths in the object.

    Of each issuer the first that was made after it, and the last one before.
    """
    by_place: dict[str, list[dict[str, Any]]] = {}
    with archive.catalogue.session() as session:
        for data in _events(session):
            by_place.setdefault(data.get("place", ""), []).append(data)
    stamp, found = clock.stamp(moment), []
    for place, known in by_place.items():
        known.sort(key=lambda data: str(data["this_update"]))
        after = [data for data in known if data["this_update"] >= stamp]
        chosen = [*after[:1], *[data for data in known if data["this_update"] < stamp][-1:]]
        found += [f"{kind}s/{data['sha256']}.{kind}" for data in chosen
                  if (data is not known[-1] or not place) and (kind := data.get("kind", "crl"))]
    return sorted(found)


def _events(session: Session) -> Iterable[dict[str, Any]]:
    return session.scalars(select(model.Event.data).where(model.Event.kind == EVENT).order_by(model.Event.seq))


# --- what came ---------------------------------------------------------------------------------------------


def _list(der: bytes, source: str, lists: TrustLists) -> tuple[Fetched, Path, dict[str, str]]:
    """What a revocation list says of itself, where it belongs, and what the ledger keeps besides; or the reason."""
    try:
        listed = crl.CertificateList.load(der, strict=True)
        tbs = listed["tbs_cert_list"]
        told = Fetched(source, str(listed.issuer.human_friendly), listed.crl_number_value.native
                       if listed.crl_number_value else None, tbs["this_update"].native, tbs["next_update"].native,
                       len(tbs["revoked_certificates"] or ()), name=common_name(listed.issuer))
        scope = listed.issuing_distribution_point_value
        reason = revocation.unusable(listed)
    except (ValueError, TypeError, KeyError):
        wrong = _("neither a revocation list (CRL) nor an answer (OCSP) in DER or PEM")
        return Fetched(source, reason=wrong), Path(), {}
    if reason:
        return replace(told, reason=reason), Path(), {"scope": "refused"}
    issuer = next((one for one in (*lists.roots, *lists.others)
                   if one.subject == listed.issuer and revocation.signed(listed, one)), None)
    if issuer is None:
        return replace(told, reason=_("no certificate of the trust lists signed it")), Path(), {"scope": "unknown"}
    name = hashlib.sha256(listed.issuer.dump() + (scope.dump() if scope is not None else b"")).hexdigest()[:16]
    return told, Path(lists.name_of(issuer)) / f"{name}.crl", {}


def _answer(der: bytes, source: str, lists: TrustLists) -> tuple[Fetched, Path, dict[str, str]]:
    """As `_list`, for an answer of a responder."""
    try:
        response = ocsp.OCSPResponse.load(der, strict=True)
        status = response["response_status"].native
        if status != "successful":
            return Fetched(source, kind="ocsp", reason=_("the responder refused: {status}").format(
                status=status)), Path(), {}
        single = response.response_data["responses"][0]
        serial = f"{single['cert_id']['serial_number'].native:x}"
        issuer = next((one for one in (*lists.roots, *lists.others) if revocation.concerns(single, one)
                       and revocation.answered(response, one)), None)
        told = Fetched(source, str(issuer.subject.human_friendly) if issuer is not None else "", None,
                       single["this_update"].native, single["next_update"].native,
                       int(single["cert_status"].name == "revoked"), "ocsp",
                       name=common_name(issuer.subject) if issuer is not None else "")
        state = single["cert_status"].name
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        return Fetched(source, kind="ocsp", reason=_("not a responder's answer: {error}").format(
            error=error)), Path(), {}
    if issuer is None:
        return replace(told, reason=_("no certificate of the trust lists signed it, nor a responder that one of them "
                                      "certified")), Path(), {}
    name = f"{hashlib.sha256(issuer.subject.dump()).hexdigest()[:16]}-{serial[-24:]}.ocsp"
    return told, Path(lists.name_of(issuer)) / name, {"serial": serial, "status": state}


def _is_answer(der: bytes) -> bool:
    """Whether this looks like an answer of a responder: it begins with a status, as no list does."""
    try:
        return ocsp.OCSPResponse.load(der, strict=True)["response_status"].native is not None
    except (ValueError, TypeError, KeyError):
        return False


def _is_about(data: bytes, issuer: x509.Certificate, serial: int) -> bool:
    try:
        response = ocsp.OCSPResponse.load(data, strict=True)
        return response["response_status"].native != "successful" or any(
            revocation.concerns(one, issuer, serial) for one in response.response_data["responses"])
    except (ValueError, TypeError, KeyError):
        return True         # `take` says what is wrong with it


def _made(place: Path, kind: str) -> datetime:
    """When the list or answer in use was made; the beginning of time for one that cannot be read."""
    try:
        data = place.read_bytes()
        loaded = (crl.CertificateList.load(data, strict=True)["tbs_cert_list"]["this_update"] if kind == "crl" else
                  ocsp.OCSPResponse.load(data, strict=True).response_data["responses"][0]["this_update"])
        made: datetime = loaded.native
    except (ValueError, TypeError, KeyError, IndexError):
        return datetime.min.replace(tzinfo=clock.VIETNAM)
    return made


# --- the network -------------------------------------------------------------------------------------------


class _Redirect(urllib.request.HTTPRedirectHandler):
    """Follows a redirection a few times, and only to http and https."""

    max_redirections = MOST_REDIRECTS

    def redirect_request(self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any,
                         newurl: str) -> urllib.request.Request | None:
        """The next request. Raises URLError for an address that is not fetched."""
        if not _is_plain(newurl):
            raise urllib.error.URLError(_("it redirects to an address that is not fetched ({url})").format(url=newurl))
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _is_plain(url: str) -> bool:
    return url.lower().startswith(("http://", "https://"))


def _get(url: str, seconds: float, body: bytes | None = None) -> tuple[bytes, str]:
    """What an address gives, or why it gave nothing."""
    if url.lower().startswith(("ldap://", "ldaps://")):
        return b"", _("LDAP addresses are not fetched: get the list from the authority's web site and import the file")
    if not _is_plain(url):
        return b"", _("only http and https are fetched")
    opener = urllib.request.OpenerDirector()        # none for file:, ftp: and data:
    for handler in (urllib.request.ProxyHandler, urllib.request.HTTPHandler, urllib.request.HTTPSHandler,
                    urllib.request.HTTPDefaultErrorHandler, _Redirect, urllib.request.HTTPErrorProcessor):
        opener.add_handler(handler())
    headers = {"Content-Type": "application/ocsp-request"} if body is not None else {}
    try:
        with opener.open(urllib.request.Request(url, body, headers), timeout=seconds) as answer:  # noqa: S310
            data = b"".join(_read(answer, time.monotonic() + seconds))
    except (urllib.error.URLError, OSError, ValueError) as error:
        return b"", _("the address gave no answer ({error})").format(error=getattr(error, "reason", "") or error)
    return data, "" if len(data) <= MOST else _("the list is too long")


def _read(stream: Any, deadline: float) -> Iterator[bytes]:
    """The answer up to one byte more than is taken. Raises TimeoutError for one that drips."""
    left = MOST + 1
    while left > 0 and (piece := stream.read1(min(left, 1 << 16))):
        left -= len(piece)
        yield piece
        if time.monotonic() > deadline:
            raise TimeoutError(_("the answer came too slowly"))
