"""Opinions, grants and refusals on the documents of a request (TT 05/2025/TT-BNV Điều 36, 39; rules AC-01 to AC-03).

Each document is decided for itself, in rounds: what is decided is told while the rest waits. A mark of secrecy is never
granted, whoever asks and whatever was granted before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from archive import clock
from archive.errors import UsageError
from archive.findings import Finding, Level, finding, worst
from archive.i18n import _
from archive.opening import Archive
from retention.reading import keeping, modes
from retention.reading.asking import modes_now
from retention.reading.keeping import UNDECIDED, Entries, Request
from retention.tables.reading import is_day

_ARTICLE = "TT 05/2025/TT-BNV Đ36, Đ39; Luật Lưu trữ 33/2024/QH15 Đ23, Đ25"


@dataclass(frozen=True, slots=True)
class Opinion:
    """An opinion as it was given: whose, by which document, whether it agrees, the reason, and the paper itself."""

    agree: bool
    of: str = ""
    number: str = ""
    dated: str = ""             # YYYY-MM-DD
    reason: str = ""
    paper: bytes = b""
    paper_name: str = ""


class Decided(NamedTuple):
    """What came of a step: the request as it is now, what was found, and the documents that the step is about."""

    request: Request
    findings: list[Finding]
    documents: tuple[str, ...]


def ask_opinion(archive: Archive, code: str, codes: Sequence[str], *, by: str, at: datetime,
                dry_run: bool = False) -> Decided:
    """Ask for the opinion that conditional documents need; without `codes` for all that need one and have none.

    The caller owns the archive. Raises UsageError for a request or code that there is not.
    """
    request = keeping.open_request(archive, code)
    now, problems, wanted = _standing(archive, request, codes)
    needed = [one for one in wanted if modes.needs_opinion(now[one["document"]], archive.settings)]
    problems += [finding("READING-019", one["document"]) for one in wanted if codes and one not in needed]
    needed = [one for one in needed if one["state"] == "asked"]
    if not needed and not problems:
        problems.append(finding("READING-019", code))
    whose = modes.opinion(archive.settings)
    return _done(archive, request, "opinion_asked", needed, {"state": "waiting"}, {
        "of": whose.of, "article": whose.article}, problems, by=by, at=at, dry_run=dry_run)


def give_opinion(archive: Archive, code: str, codes: Sequence[str], opinion: Opinion, *, by: str, at: datetime,
                 dry_run: bool = False) -> Decided:
    """Write an opinion down; without `codes` it is one on all documents that wait for one.

    An opinion that does not agree needs a reason. The caller owns the archive. Raises UsageError for a request or code
    that there is not, and a day that cannot be.
    """
    request = keeping.open_request(archive, code)
    today = _day(at)
    if opinion.dated and (not is_day(opinion.dated) or opinion.dated > today):
        raise UsageError(_("“{value}” cannot be the day of a document; write YYYY-MM-DD, not after today.").format(
            value=opinion.dated))
    now, problems, wanted = _standing(archive, request, codes)
    problems += [finding("READING-019", one["document"]) for one in wanted
                 if codes and not modes.needs_opinion(now[one["document"]], archive.settings)]
    if not codes:
        wanted = [one for one in wanted if one["state"] == "waiting"]
        if not wanted and not problems:
            problems.append(finding("READING-019", code))
    whose = modes.opinion(archive.settings)
    names = {"of": _("who gave it"), "number": _("number of the document"), "dated": _("day of the document")}
    problems += [finding("READING-010", code, field=names[one]) for one in whose.needs
                 if not getattr(opinion, one).strip()]
    if not opinion.agree and not opinion.reason.strip():
        problems.append(finding("READING-009", code))
    told = {"agree": opinion.agree, "of": opinion.of.strip(), "number": opinion.number.strip(),
            "dated": opinion.dated, "reason": opinion.reason.strip(), "article": whose.article}
    files = {f"{keeping.RECEIVED}/{opinion.paper_name}": opinion.paper} if opinion.paper else {}
    return _done(archive, request, "opinion_given", wanted, {"state": "agreed" if opinion.agree else "opposed"}, told,
                 problems, by=by, at=at, dry_run=dry_run, files=files)


def grant(archive: Archive, code: str, codes: Sequence[str], *, by: str, at: datetime, days: int = 0,
          dry_run: bool = False) -> Decided:
    """Grant documents; without `codes` all that are still to be decided and wait for no opinion.

    The grant ends `days` (0: the setting reading.days) after today, that day included. The caller owns the archive.
    Raises UsageError for a request or code that there is not.
    """
    request = keeping.open_request(archive, code)
    most = archive.settings.reading.days
    now, problems, wanted = _standing(archive, request, codes)
    if days > most:
        problems.append(finding("READING-011", code, days=days, most=most))
    if not codes:
        ready = [one for one in wanted if one["state"] in ("asked", "agreed") and (
            one["state"] == "agreed" or not modes.needs_opinion(now[one["document"]], archive.settings))]
        wanted = ready or wanted            # when none is ready, why not is told of each
    for one in wanted:
        if one["state"] == "opposed":
            problems.append(finding("READING-007", one["document"]))
        elif modes.needs_opinion(now[one["document"]], archive.settings) and one["state"] != "agreed":
            problems.append(finding("READING-006", one["document"], of=modes.opinion(archive.settings).of))
    until = date.fromisoformat(_day(at)) + timedelta(days=days or most)
    purge_after = until + timedelta(days=archive.settings.reading.purge_days)
    changes = {"state": "granted", "until": until.isoformat(), "purge_after": purge_after.isoformat()}
    return _done(archive, request, "granted", wanted, changes, {
        "until": changes["until"], "purge_after": changes["purge_after"], "article": _ARTICLE}, problems, by=by, at=at,
        dry_run=dry_run)


def refuse(archive: Archive, code: str, codes: Sequence[str], reason: str, *, by: str, at: datetime,
           dry_run: bool = False) -> Decided:
    """Refuse documents for a reason; without `codes` all that are still to be decided.

    The caller owns the archive. Raises UsageError for a request or code that there is not.
    """
    request = keeping.open_request(archive, code)
    _now, problems, wanted = _standing(archive, request, codes, refusing=True)
    if not reason.strip():
        problems.append(finding("READING-009", code))
    return _done(archive, request, "refused", wanted, {"state": "refused", "reason": reason.strip()},
                 {"reason": reason.strip(), "article": _ARTICLE}, problems, by=by, at=at, dry_run=dry_run)


# --- steps ----------------------------------------------------------------------------------------------------------


def _standing(archive: Archive, request: Request, codes: Sequence[str], *,
              refusing: bool = False) -> tuple[dict[str, str], list[Finding], list[Entries]]:
    """The modes of today, what speaks against a step on any of these documents, and those it is about.

    What is decided already is passed over where nobody named it. Documents that are gone or secret can only be refused.
    """
    with archive.catalogue.session() as session:
        now = modes_now(session, request)
    problems, wanted = [], []
    for one in request.named(codes):
        code = one["document"]
        if one["state"] not in UNDECIDED:
            if codes and code in codes:
                problems.append(finding("READING-018", code, state=keeping.state_name(one["state"])))
        elif code not in now and not refusing:
            problems.append(finding("READING-001", code))
        elif now.get(code) == "secret" and not refusing:
            problems.append(finding("READING-005", code))
        else:
            wanted.append(one)
    if not wanted and not problems:
        problems.append(finding("READING-018", request.code, state=keeping.state_name(request.state)))
    return now, problems, wanted


def _done(archive: Archive, request: Request, act: str, wanted: Sequence[Entries], changes: Mapping[str, Any],
          particulars: Entries, problems: list[Finding], *, by: str, at: datetime, dry_run: bool,
          files: Mapping[str, bytes] | None = None) -> Decided:
    """Write the step on these documents, unless a finding refuses it: then nothing is changed."""
    new = request.moved({one["n"]: changes for one in wanted})
    documents = tuple(one["document"] for one in wanted)
    if worst(problems) >= Level.refused:
        return Decided(request, problems, ())
    if not dry_run:
        told = {**particulars, "documents": list(documents), "count": len(documents)}
        new = keeping.write(archive, new, act, told, by=by, at=at, files=files)
    return Decided(new, problems, documents)


def _day(at: datetime) -> str:
    return clock.in_vietnam(at).date().isoformat()
