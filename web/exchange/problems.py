"""What agencies' programs are told when something cannot be done: problem details with the findings (RFC 9457)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse

from archive.findings import Finding
from archive.i18n import language, later
from web.api import problems
from web.api.problems import MEDIA_TYPE, Problem

ROOT = "/lgsp/v1"
# kind → status, what it is, what can be done; as in web/api/problems.py, of which the others are
KINDS: Mapping[str, tuple[int, str, str]] = {
    **problems.KINDS,
    "unauthenticated": (401, later("A token is needed"), later("Send the header Authorization: Bearer with a token of "
                                                               "the service.")),
    "invalid_client": (401, later("This is no client of the service"), later("Look at client_id and client_secret.")),
    "invalid_token": (401, later("The token does not count"), later("Get another one.")),
    "insufficient_scope": (403, later("The token is not for this"), later("Ask for a token with the scope that is "
                                                                         "named here.")),
    "needs_tls": (403, later("Only by https"), later("Secrets do not travel without TLS.")),
    "not_found": (404, later("Not found"), later("There is no such thing, or it is another agency's.")),
    "wrong_method": (405, later("This cannot be done here"), later("Look at the OpenAPI document.")),
    "slow": (408, later("Nothing came for too long"), later("Go on where the upload is: HEAD tells the offset.")),
    "conflict": (409, later("This contradicts what is there"), later("Look at the state of the hand-over.")),
    "offset": (409, later("The upload is elsewhere"), later("HEAD tells the offset from which to go on.")),
    "gone": (410, later("The upload was given up"), later("Begin it anew.")),
    "tus_version": (412, later("Another version of tus"), later("Send the header Tus-Resumable: 1.0.0.")),
    "wrong_media": (415, later("Another kind of content is wanted"), later("Look at Content-Type.")),
    "range": (416, later("No such part"), later("Content-Range says how long it is.")),
    "refused_message": (422, later("The message cannot be taken"), later("The findings say why.")),
    "key_reused": (422, later("The key was used for something else"), later("Use a new Idempotency-Key.")),
    "locked": (423, later("Somebody is sending to this upload"), later("Try again in a moment.")),
    "key_needed": (428, later("A key is needed"), later("Send the header Idempotency-Key, a new one for each thing "
                                                        "that is done.")),
    "checksum": (460, later("The content is not what was said"), later("Send it again.")),
    "no_room": (507, later("Not enough room"), later("Try again later.")),
}


__all__ = ["KINDS", "MEDIA_TYPE", "ROOT", "Problem", "answer", "refused", "told"]


def told(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """Findings as answers bear them: code, level, subject, sentence, cure, article, in the language of the request."""
    spoken = language()
    return [{"code": one.code, "level": one.level.name, "subject": one.subject, "sentence": one.sentence(spoken),
             "cure": one.cure(spoken), "article": one.article} for one in findings]


def refused(findings: Sequence[Finding], kind: str = "refused_message", **more: Any) -> Problem:
    """The problem of what findings refuse; its detail is the first sentence of those that do."""
    worst = max(findings, key=lambda one: one.level)
    return Problem(kind, worst.sentence(language()), findings=told(findings), **more)


def answer(request: Request, problem: Problem) -> JSONResponse:
    """The answer that tells a problem."""
    return problems.answer(request, problem, KINDS)
