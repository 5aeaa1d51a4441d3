"""What happened: events of the ledger as sentences for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive import acts, model
from archive.fields.names import field_name
from archive.i18n import _, language, later
from archive.settings import Settings
from archive.terminal import legal_value_name, verdict_name

_TITLES = {
    "received": later("Was received"), "received_again": later("The same file came once more"),
    "quarantined": later("Put into quarantine"), "released": later("Released from quarantine"),
    "failed": later("A stage failed; taken up again the next night"), "stored": later("Was stored"),
    "document_sealed": later("Sealed with the agency's signature"),
    "document_corrected": later("Description corrected"), "document_converted": later("Converted to another profile"),
    "rechecked": later("Signatures checked again"), "exported": later("Copied out of the archive"),
    "text_corrected": later("Text corrected"), "digitised_again": later("Digitised again"),
    "text_reread": later("Read again by a newer engine"),
    "documents_linked": later("Documents of other case files were added"),
    "documents_unlinked": later("Documents of other case files were taken out"),
    "document_recalled": later("Its sender recalled it"), "document_updated": later("Its sender updated it"),
    "document_replaced": later("Its sender replaced it"),
    "viewed": later("Viewed at the portal"), "downloaded": later("Downloaded at the portal"),
    "reading_viewed": later("A reader looked at it by a granted request"),
    "casefile_opened": later("Case file opened"), "casefile_corrected": later("Description corrected"),
    "casefile_converted": later("Converted to another profile"), "casefile_closed": later("Case file closed"),
    "casefile_reopened": later("Case file reopened")}
# Who looked at what is not for everyone.
_WATCHED = ("viewed", "downloaded", "exported", "reading_viewed")
MOST = 200


@dataclass(frozen=True, slots=True)
class Told:
    """One event for people: when, what, by whom, particulars."""

    at: str
    title: str
    actor: str
    details: tuple[str, ...]


def of(session: Session, settings: Settings, subjects: Iterable[str], *, watched: bool) -> list[Told]:
    """What happened to `subjects` (a document's code and its item), the newest first; looks only when `watched`.

    What the portal noted since the last owner of the archive is among it.
    """
    wanted = list(subjects)
    kinds = [kind for kind in _TITLES if watched or kind not in _WATCHED]
    rows: list[tuple[str, str, str, Mapping[str, Any]]] = [
        (row.data.get("done_at") or row.at, row.kind, row.actor, row.data) for row in session.scalars(
            select(model.Event).where(model.Event.kind.in_(kinds), model.Event.subject.in_(wanted))
            .order_by(model.Event.seq.desc()).limit(MOST))]
    rows += [(one["at"], one["kind"], one["actor"], one["data"]) for subject in wanted
             for one in acts.waiting(settings, subject=subject) if one["kind"] in kinds]
    rows.sort(key=lambda row: row[0], reverse=True)
    return [Told(at, _(_TITLES[kind]), "" if actor == "luutru" else actor, tuple(_details(kind, data)))
            for at, kind, actor, data in rows[:MOST]]


def _details(kind: str, data: Mapping[str, Any]) -> Iterable[str]:
    if kind == "received" and data.get("name"):
        yield str(data["name"])
    if kind == "stored" and "legal_value" in data:
        yield f"{legal_value_name(data['legal_value'])} · {verdict_name(data.get('verdict', ''))}"
    if kind == "rechecked" and "before" in data:
        yield _("{before} → {after}").format(before=verdict_name(data["before"]), after=verdict_name(data["after"]))
    elif isinstance(data.get("after"), dict) and isinstance(data.get("before"), dict):
        for tag, value in data["after"].items():
            yield f"{field_name(tag, 'tt05_2025', language())}: {data['before'].get(tag) or '—'} → {value or '—'}"
    if kind == "reading_viewed":
        yield " · ".join(str(data[key]) for key in ("reader", "reading", "purpose") if data.get(key))
    if kind == "downloaded" and data.get("name"):
        yield str(data["name"])
    if data.get("reason"):
        yield _("Reason: {reason}").format(reason=data["reason"])
