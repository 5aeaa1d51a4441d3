"""Trust lists: whose certificates are believed, for what and when, who confirmed them, and every change.

Nothing is changed here: whoever adds a certificate compares its fingerprint at the machine (luutru trust add).
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from sqlalchemy import select

from archive import clock, model
from archive.i18n import _
from archive.terminal import local_day
from ingest.signatures.register import Held, held, read_register
from ingest.signatures.trust import load_trust
from web.people import Person, requires_right
from web.rendering import page
from web.site import Site

router = APIRouter()
Reader = Annotated[Person, Depends(requires_right("trust"))]
_CHANGES = ("trust_added", "trust_removed")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@router.get("/trust")
def trust_page(request: Request, who: Reader) -> Response:
    """The certificates by list, those that are believed no longer, and the newest revocation lists."""
    site: Site = request.app.state.site
    found = sorted(held(site.archive), key=lambda one: (one.list, not one.root, one.name))
    register = read_register(site.archive)
    now = clock.stamp(clock.now())
    return page(request, "administration/trust.html", certificates=found, register=register, now=now,
                of_lists=load_trust(site.settings.path(site.settings.signatures.trust)).version, believed=believed,
                revocations=_revocations(site))


@router.get("/trust/{sha256}")
def certificate_page(request: Request, who: Reader, sha256: str) -> Response:
    """One certificate: what it says of itself, its entry in the register, and every change of that."""
    site: Site = request.app.state.site
    if not _SHA256.fullmatch(sha256):
        raise HTTPException(404)
    one = next((one for one in held(site.archive) if one.sha256 == sha256), None)
    gone = next((one for one in reversed(read_register(site.archive).removed) if one.sha256 == sha256), None)
    if one is None and gone is None:
        raise HTTPException(404)
    with site.session() as session:
        changes = list(session.scalars(select(model.Event).where(
            model.Event.subject == sha256, model.Event.kind.in_(_CHANGES)).order_by(model.Event.seq)))
    return page(request, "administration/certificate.html", one=one, gone=gone, changes=changes,
                sha256=":".join(sha256[n:n + 2].upper() for n in range(0, 64, 2)), believed=believed,
                change=change_name, now=clock.stamp(clock.now()))


def _revocations(site: Site) -> list[dict[str, Any]]:
    """The newest list and answers of each place that is in use, the one that ends first on top."""
    newest: dict[str, dict[str, Any]] = {}
    with site.session() as session:
        for event in session.scalars(select(model.Event).where(
                model.Event.kind == "revocations_updated").order_by(model.Event.seq)):
            place = event.data.get("place") or event.subject
            if event.data.get("this_update", "") >= newest.get(place, {}).get("this_update", ""):
                newest[place] = {"kind": "crl", "this_update": "", "next_update": "", "revoked": 0, **event.data,
                                 "issuer": event.subject, "by": event.actor, "at": event.at}
    return sorted(newest.values(), key=lambda one: str(one.get("next_update", "")))


def believed(one: Held) -> str:
    """For what, and for signatures of which time, a certificate is believed."""
    purpose = one.entry.purpose if one.entry else "both"
    said = {"signatures": _("signatures"), "timestamps": _("timestamps")}.get(purpose, _("signatures and timestamps"))
    if one.entry and (one.entry.since or one.entry.until):
        said += " ({} – {})".format(*(local_day(day) or "…" for day in (one.entry.since, one.entry.until)))
    return said


def change_name(kind: str) -> str:
    """What an event of the ledger did to a certificate."""
    return {"trust_added": _("was added"), "trust_removed": _("was removed")}.get(kind, kind)
