"""What the giving side does through a service: register, deliver, follow. The acts themselves are those of every way.

Whatever is slow (uploads, downloads) is done without owning the archive; what is written down is written by the same
functions as for a disk (sending.py, concluding.py). No copy here goes because something was sent: only the archive's
signed confirmation over the same hashes allows that (concluding.confirm; rule DS-08).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import select

from archive.findings import Finding, finding
from archive.model import Transfer as Row
from archive.opening import Archive
from archive.spelling import plain
from retention.transfer import concluding, minutes, objects, sending
from retention.transfer.carrying import NotDeliveredError
from retention.transfer.doing import Done, Progress, Tools, Who, silent
from retention.transfer.lgsp.carrier import Bytes, LgspCarrier
from retention.transfer.lgsp.journal import Journal
from retention.transfer.lgsp.service import Service, State
from retention.transfer.objects import AGENCY, Transfer

WAY = "lgsp"
_SOUND = ("valid", "valid_with_notes")
# message → in which states of ours it can be taken in
_FITS: Mapping[str, tuple[str, ...]] = {
    "answer": ("registered",), "receipt": ("sent", "short"), "result": ("sent", "short", "waiting"),
    "confirmation": ("approved",)}
_WITH_PAPER = {"receipt": "receipt.pdf", "confirmation": "confirmation.pdf"}


def send_registration(archive: Archive, code: str, service: Service, journal: Journal, *,
                      dry_run: bool = False) -> Done:
    """Lay the registration with its letter and list before the receiving archive (TT 05/2025/TT-BNV Đ20).

    May be said again. Raises RefusedError when it was answered already, ServiceError, DeclinedError.
    """
    transfer = objects.open_transfer(archive, code, AGENCY)
    objects.not_in(transfer, "registered")
    if dry_run:
        return Done(transfer)
    own = objects.object_id(code)
    made = {path.rpartition("/")[2].partition("-")[2]: stored
            for path, stored in objects.made(archive.store, code).items() if not path.startswith(objects.RECEIVED)}
    message = made["registration.json"]
    new = service.register(archive.store.content(own, message))
    for name in ("letter.pdf", "list.pdf"):
        service.put_paper(code, name, archive.store.content(own, made[name]))
    journal.note("registered", host=service.host, sha256=message.sha256, new=new)
    return Done(transfer, (), True, {"registration": message.sha256})


def upload(archive: Archive, code: str, folder: Path, service: Service, journal: Journal, *,
           progress: Progress = silent, bytes_: Bytes = lambda _name, _done, _size: None,
           dry_run: bool = False) -> tuple[LgspCarrier, Done]:
    """Bring the prepared packages from `folder` over, without owning the archive; `sending.send` ends it with them.

    Told: TRANSFER-011, 012 for packages that are not here as they were prepared, TRANSFER-010 for what arrived
    otherwise, LGSP-031 when the other side does not know the hand-over. Raises RefusedError, ServiceError,
    DeclinedError.
    """
    checked = sending.send(archive, code, folder, _Nothing(), WAY, Who("", None), progress=progress, dry_run=True)
    prepared = checked.transfer.last("prepared")
    manifest = archive.store.files(objects.object_id(code))[
        objects.path_of(prepared["version"], "messages/manifest.json")].sha256 if prepared is not None else ""
    taken = _taken(archive, code)
    carrier = LgspCarrier(service, journal, manifest=manifest, taken=taken, bytes_=bytes_)
    if checked.findings:
        return carrier, checked
    if service.state(code) is None:
        return carrier, Done(checked.transfer, (finding("LGSP-031", code, host=service.host),))
    if dry_run:
        return carrier, checked
    todo = [(f"{sending.PACKAGES}/{item['name']}", folder / item["name"], item["sha256"])
            for item in checked.transfer.in_state("prepared", "sent")]
    todo += [(path.rpartition("/")[2].partition("-")[2], stored.place, stored.sha256)
             for path, stored in objects.made(archive.store, code).items()
             if path.startswith(objects.PAPERS) and f"-{sending.DOCUMENTS}" in path]
    for number, (name, place, sha256) in enumerate(todo, 1):
        progress(place.name, len(todo) + number, 2 * len(todo))
        try:
            carrier.put(code, name, place, sha256)
        except NotDeliveredError as error:
            return carrier, Done(checked.transfer, (finding("TRANSFER-010", str(error)),))
    return carrier, checked


@dataclass(frozen=True, slots=True)
class Came:
    """What the other side has for us and we did not take in yet, fetched into the journal's folder."""

    there: State
    messages: Mapping[str, Path] = field(default_factory=dict)
    papers: Mapping[str, Path] = field(default_factory=dict)
    returned: Sequence[str] = ()
    findings: Sequence[Finding] = ()

    @property
    def anything(self) -> bool:
        """Whether there is something to be taken in."""
        return bool(self.messages or self.papers)


def fetch(archive: Archive, code: str, service: Service, journal: Journal, *, returns: Path | None = None,
          dry_run: bool = False) -> Came:
    """Fetch what is new; nothing is taken in yet, and with `dry_run` nothing is fetched either.

    What comes back of the packages goes into `returns` (default: the journal's folder). Told: LGSP-031, LGSP-032 (bytes
    that are not those that were told), LGSP-035 (why the archive took nothing of the delivery). Raises ServiceError.
    """
    transfer = objects.open_transfer(archive, code, AGENCY)
    there = service.state(code)
    if there is None:
        return Came(State(""), findings=(finding("LGSP-031", code, host=service.host),))
    held = _taken(archive, code)
    found: list[Finding] = []
    if there.state == "delivery_refused" and transfer.state == "sent":
        why = "; ".join(str(one.get("sentence") or one.get("code", ""))[:300] for one in there.findings) or "—"
        found.append(finding("LGSP-035", code, what="".join(
            letter if letter.isprintable() else " " for letter in why)[:1000]))
    messages, papers = {}, {}
    for kind, told in there.messages.items():
        if told.sha256 not in held:
            messages[kind] = journal.folder / f"{kind}.json"
            if not dry_run and not service.fetch_message(code, kind, told, messages[kind]):
                found.append(finding("LGSP-032", f"{kind}.json", stated=told.sha256[:16]))
                del messages[kind]
    for name, told in there.papers.items():
        if told.sha256 not in held:
            papers[name] = journal.folder / name
            if not dry_run and not service.fetch_paper(code, name, told, papers[name]):
                found.append(finding("LGSP-032", name, stated=told.sha256[:16]))
                del papers[name]
    if not dry_run:
        for name in (*messages, *papers):
            journal.note("fetched", name=name)
    back = [] if dry_run or "result" not in there.messages else _fetch_returned(
        transfer, service, returns or journal.folder / "returned", found)
    return Came(there, messages, papers, back, found)


def take(archive: Archive, code: str, came: Came, tools: Tools, who: Who) -> list[Done]:
    """Take in what was fetched, in the order of the procedure; a refusal ends it. The caller owns the archive.

    A receipt that the archive did not sign is told (LGSP-033): it is none that a copy may go for, but neither is a
    signed one: that is the confirmation.
    """
    done: list[Done] = []
    state = objects.open_transfer(archive, code, AGENCY).state
    for kind, fits in _FITS.items():
        place = came.messages.get(kind)
        if place is None or state not in fits:
            continue
        name = _WITH_PAPER.get(kind, "")
        paper = came.papers.get(name)
        if kind == "answer":
            made = sending.take_answer(archive, place, who)
        elif kind == "confirmation":
            if paper is None:
                return [*done, Done(objects.open_transfer(archive, code, AGENCY), (finding("LGSP-039", name),))]
            made = concluding.confirm(archive, place, paper, tools, who)
        else:
            made = concluding.take(archive, place, paper, tools, who)
            if kind == "receipt" and not made.refused:
                made = Done(made.transfer, (*made.findings, *_receipt_unsigned(made)), made.written, made.told)
        done.append(Done(made.transfer, made.findings, made.written, {**made.told, "kind": kind}))
        if made.refused:
            return done
        state = made.transfer.state
    rest = {name: place for name, place in came.papers.items() if name not in _WITH_PAPER.values()}
    if rest:
        made = minutes.take_papers(archive, code, rest, who)
        if made.written or made.findings:
            done.append(Done(made.transfer, made.findings, made.written, {**made.told, "kind": "papers"}))
    return done


def send_signed(archive: Archive, code: str, service: Service, journal: Journal) -> list[str]:
    """Give the archive the minutes that our side signed and that it does not have yet; their names.

    Raises ServiceError, DeclinedError.
    """
    sent = {(one.get("name"), one.get("sha256")) for one in journal.steps() if one["what"] == "minutes sent"}
    names = []
    stored = minutes.newest(archive.store, code, objects.PAPERS)
    for name, data in minutes.signed(archive, code).items():
        if (name, stored[name].sha256) in sent:
            continue
        service.sign(code, name, data)
        journal.note("minutes sent", name=name, sha256=stored[name].sha256)
        names.append(name)
    return names


def followed(archive: Archive) -> list[str]:
    """The hand-overs of this archive that go through a service and are not over, by code."""
    with archive.catalogue.session() as session:
        codes = list(session.scalars(select(Row.code).where(Row.side == AGENCY, Row.state.not_in(objects.OVER))
                                     .order_by(Row.code)))
    return [one for one in codes if Journal(archive.settings.root, one).place.is_file()]


# --- steps -------------------------------------------------------------------------------------------------


class _Nothing:
    """A carrier for looking only."""

    def put(self, request: str, name: str, source: Path, sha256: str) -> bool:
        raise AssertionError(name)

    def arrived(self, request: str) -> Mapping[str, Path]:
        return {}


def _taken(archive: Archive, code: str) -> set[str]:
    """The SHA-256 of everything that was taken in from the other side."""
    return {one.sha256 for path, one in objects.made(archive.store, code).items() if path.startswith(objects.RECEIVED)}


def _receipt_unsigned(made: Done) -> list[Finding]:
    """LGSP-033 unless the receipt bears a valid signature of the receiving archive."""
    act = made.transfer.last("received") or {}
    wanted = made.transfer.record["receiver"]["name"]
    if act.get("verdict") in _SOUND and plain(wanted) in {plain(one) for one in act.get("signers", ())}:
        return []
    return [finding("LGSP-033", made.transfer.code, wanted=wanted, signers=", ".join(act.get("signers", ())) or "—")]


def _fetch_returned(transfer: Transfer, service: Service, folder: Path, found: list[Finding]) -> list[str]:
    """Fetch the packages that come back; only what was sent is taken, as it was sent."""
    sent = {item["name"]: item for item in transfer.items if item["name"]}
    names = []
    for name, told in service.returns(transfer.code).items():
        item = sent.get(name)
        if item is None or (item["sha256"], item["size"]) != (told.sha256, told.size):
            found.append(finding("LGSP-032", name, stated=told.sha256[:16]))
        elif service.fetch_return(transfer.code, name, told, folder / name):
            names.append(name)
        else:
            found.append(finding("LGSP-032", name, stated=told.sha256[:16]))
    return names
