"""Seal: the agency's signature on the scans of the night, all of them through one opened key.

What is sealed is a copy of the access copy (PDF/A); in the store it takes the access copy's place. What was received
keeps every byte. A scan that cannot be sealed tonight is stored all the same and waits for `luutru seal --pending`:
nothing here may stop a night, put a second seal on a file, or try a PIN that a token did not take.
"""

from __future__ import annotations

import errno
import hashlib
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import select

from archive import clock, model
from archive.catalogue import record as record_events
from archive.findings import Finding, Level, finding, worst
from archive.ledger import ACTOR, Entry, event_key
from archive.opening import Archive
from archive.records import finding_rows, set_findings
from archive.settings import Settings
from ingest import intake
from ingest.item import Item

if TYPE_CHECKING:       # fonts, PDF and the signing library are loaded when the first scan is to be sealed
    from collections.abc import Callable

    from ingest.signatures.sealing import Sealed, Sealer

WAITS = "SEAL-050"
WAITS_AGAIN = "DIGITISE-074"    # a sealed scan was read again: its new access copy waits (ingest/redo_copies.py)
ACCESS, SEALED = "access", "sealed"     # access.pdf, access-2.pdf → sealed.pdf, sealed-2.pdf
_AT_ONCE, _NOTE_SECONDS = 32, 1.0       # sealed items that are noted together: a kill seals so many again
_OURS = "SEAL-"

log = structlog.get_logger()


@dataclass(slots=True)
class Copies:
    """The sealed copies of one document, or why there are none; `sealed` goes with `unsealed`, one a copy."""

    unsealed: list[Path] = field(default_factory=list)
    sealed: list[Sealed] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)       # about the document, for its record: warnings at most
    waits: str = ""         # code of what must be seen to first
    never: str = ""         # code of what in the file forbids it


def seal_items(archive: Archive, items: Sequence[Item], progress: Callable[[str, int, int], None]) -> list[Finding]:
    """Seal the scans among `items`, which are about to be stored, where `seal.nightly` asks for it.

    TT 05/2025/TT-BNV Đ8, TB Đ2.3: digitised and signed by the organisation. Notes facts["seal"] and the findings in
    each item's row before it returns, so that a kill afterwards leaves nothing to be done again; returns what is to be
    said of the key. The caller owns the archive. Raises OSError only for a full disk.
    """
    settings = archive.settings
    for item in items:
        _forget_what_is_lost(item)
    if settings.seal.nightly == "off":
        return []
    scans = [item for item in items if item.facts.get("verify", {}).get("digitised")]
    if not scans:
        return []
    from ingest.signatures.sealing_keys import is_configured

    if not is_configured(settings):
        return [_warning(finding("SEAL-001", "seal"))]
    noted = _Notes(archive)
    todo = []
    for item in scans:
        if item.facts.get("seal", {}).get("state") == "sealed":
            continue
        if (reason := _why_not(item)) is not None:
            noted.add(item, {"state": "none", "code": reason.code}, [reason])
        else:
            todo.append(item)
    found = _seal_all(archive, todo, noted, progress) if todo else []
    noted.write()
    return found


def _seal_all(archive: Archive, todo: Sequence[Item], noted: _Notes,
              progress: Callable[[str, int, int], None]) -> list[Finding]:
    """Open the key and seal; what is said of the key."""
    progress("seal", 0, len(todo))
    with ExitStack() as stack:
        sealer, said = None, [finding("SEAL-007", key_name(archive.settings))]
        if not pin_was_refused(archive):
            try:
                from ingest.signatures.sealing import open_sealer

                sealer = stack.enter_context(open_sealer(archive.settings, unattended=True))
                said = sealer.findings
                note_pin(archive, sealer)
            except Exception as error:      # a fault of ours: the night goes on without a seal
                _unless_full(error)
                log.exception("the key was not opened")
                said = [finding("SEAL-056", "seal", error=type(error).__name__)]
        causes = {one.code: one for one in said}
        for count, item in enumerate(todo, 1):
            done = _seal_item(sealer, item) if sealer is not None and sealer.ready else Copies(waits=_worst_code(said))
            if done.sealed:
                assert sealer is not None
                told = {**told_of(sealer, done, ACTOR), "copies": _copies(done)}
                noted.add(item, told, done.findings, value_of(done))
            else:
                noted.add(item, {"state": "none" if done.never else "waiting", "code": done.never or done.waits},
                          explained(item.name, done))
                causes |= {one.code: one for one in (*(sealer.findings if sealer else ()), *done.findings)
                           if one.code == done.waits and one.code not in causes}
            progress("seal", count, len(todo))
        return [_warning(one) for one in causes.values()]


def _seal_item(sealer: Sealer, item: Item) -> Copies:
    """The sealed copies of one item: of its main file and of every attachment that was digitised, or of none."""
    pairs = [(item.folder / made["path"], item.folder / _sealed_name(made["path"]))
             for made in _access_copies(item)]
    names = {source.name: _part_name(item, source.name) for source, _target in pairs}
    return seal_copies(sealer, pairs, names)


def seal_copies(sealer: Sealer, pairs: Sequence[tuple[Path, Path]], names: Mapping[str, str]) -> Copies:
    """Seal each source of `pairs` to its target, or none of them; `names`: the sources' names as a person knows them.

    What lies at a target is the rest of an attempt that was killed, and goes. Raises OSError only for a full disk.
    """
    done = Copies()
    try:
        for source, target in pairs:
            target.unlink(missing_ok=True)
            one = sealer.seal(source, target)
            found = [replace(about, subject=names.get(source.name, source.name)) if about.subject == source.name
                     else about for about in one.findings]
            done.findings += [_warning(about) for about in found if about.code != "SEAL-038"]
            if one.target is None:
                if not sealer.ready or worst(found) is Level.failed:
                    done.waits = _worst_code(found if sealer.ready else sealer.findings)
                else:
                    done.never = _worst_code(found)
                break
            done.unsealed.append(source)
            done.sealed.append(one)
    except Exception as error:          # a fault of ours, with this file
        _unless_full(error)
        log.exception("sealing failed")
        done.findings.append(_warning(finding("SEAL-056", next(iter(names.values()), "?"), error=type(error).__name__)))
        done.waits = "SEAL-056"
    if done.waits or done.never:
        for one in done.sealed:
            assert one.target is not None
            one.target.unlink(missing_ok=True)
        done.sealed, done.unsealed = [], []
    elif value_of(done) != "signed_copy":
        own = done.sealed[0].report
        assert own is not None
        done.findings.append(finding("SEAL-055", next(iter(names.values())), verdict=own.verdict,
                                     holder=own.certificate.holder if own.certificate else "unknown"))
    return done


def value_of(done: Copies) -> str:
    """The legal value that the seal on the main file's copy gives the document, by the same rule as any signature's."""
    from ingest.signatures.legal import legal_value

    own = done.sealed[0].report
    assert own is not None
    return legal_value(own.verdict, {own.certificate.holder} if own.certificate else (), digitised=True)


def told_of(sealer: Sealer, done: Copies, by: str) -> dict[str, Any]:
    """What a document's record keeps of its seal, but for the files (`Sealed` of the main file speaks for all)."""
    first, held = done.sealed[0], sealer.certificate
    assert held is not None and first.report is not None and first.time is not None
    token = first.report.token
    return {"state": "sealed", "by": by, "level": first.level, "layout": first.layout, "text": list(first.text),
            "time": clock.stamp(first.time), "verdict": first.report.verdict, "revocation": sealer.revocation,
            "token": {"time": clock.stamp(token.time), "authority": token.authority} if token else None,
            "certificate": {"name": held.name, "serial": held.serial, "issuer": held.issuer, "sha256": held.sha256,
                            "valid_to": clock.stamp(held.valid_to)}}


def explained(name: str, done: Copies) -> list[Finding]:
    """What the record of a document says that has no seal: that it waits, or never will have one, and why."""
    if done.never:
        return [finding("SEAL-054", name, reason=done.never), *done.findings]
    # A timestamp that could not be had says nothing of this file: the night tells it once.
    return [finding(WAITS, name, reason=done.waits), *(one for one in done.findings if one.code != "SEAL-023")]


def is_settled(code: str, value: str) -> bool:
    """Whether a finding of before is no longer true once the seal was tried and gave the document this `value`."""
    return code.startswith(_OURS) or code == WAITS_AGAIN or (code == "VERIFY-067" and value == "signed_copy")


def stored_for(item: Item, made: str) -> tuple[str, str]:
    """The file that is stored for the made file `made`, and the SHA-256 that it must have ("": whatever it has).

    For an access copy its sealed copy, where there is one.
    """
    copies = item.facts.get("seal", {}).get("copies", ())
    return next(((str(one["path"]), str(one["sha256"])) for one in copies if one["of"] == made), (made, ""))


def recorded(told: Mapping[str, Any], stored: Mapping[str, str], version: int) -> dict[str, Any]:
    """facts["seal"] as the record keeps it: `stored` says under which logical path each access copy was stored."""
    kept = {key: value for key, value in told.items() if key != "copies"}
    if told["state"] != "sealed":
        return kept
    copies = {stored[one["of"]]: {key: value for key, value in one.items() if key not in ("path", "of")}
              for one in told["copies"]}
    return {**kept, "version": version, "carrier": stored[told["copies"][0]["of"]], "files": copies}


def copy_told(unsealed: Path, sealed: Sealed) -> dict[str, Any]:
    """What is kept of one sealed copy: its hash, how long the unsealed copy in front of the seal is, and its hash."""
    with unsealed.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    assert sealed.place is not None
    return {"sha256": sealed.sha256, "unsealed_size": unsealed.stat().st_size, "unsealed_sha256": digest,
            "pdfa": sealed.archival, "over_content": not sealed.place.free}


# --- the PIN of a token ----------------------------------------------------------------------------------------


def key_name(settings: Settings) -> str:
    """What the key is called in findings: its token's label, or its file."""
    told = settings.seal
    return Path(told.pkcs12).name if told.pkcs12 else told.pkcs11_token or told.pkcs11_module


def pin_was_refused(archive: Archive) -> bool:
    """Whether the token refused the PIN the last time: then only a person tries again (`luutru seal --pending`).

    One try a night would lock a token within the week.
    """
    if archive.settings.seal.pkcs12:
        return False                    # a file does not lock
    with archive.catalogue.session() as session:
        last = session.scalar(select(model.Event.kind).where(model.Event.kind.in_(_PIN_KINDS))
                              .order_by(model.Event.seq.desc()).limit(1))
    return last == "seal_pin_refused"


def note_pin(archive: Archive, sealer: Sealer, by: str = ACTOR) -> None:
    """Keep in the ledger that the token refused the PIN, or that it took it after it had refused one."""
    settings = archive.settings
    if settings.seal.pkcs12 or sealer.pin_refused == pin_was_refused(archive) or (
            sealer.certificate is None and not sealer.pin_refused):
        return
    kind, subject = _PIN_KINDS[not sealer.pin_refused], key_name(settings)
    with archive.catalogue.session() as session:
        record_events(session, archive.ledger, [Entry(
            kind, subject, {}, event_key(kind, subject, clock.stamp(clock.now())), by)])


_PIN_KINDS = ("seal_pin_refused", "seal_pin_taken")


# --- the items -------------------------------------------------------------------------------------------------


class _Notes:
    """What became of the items, written to their rows a few at a time."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._waiting: list[tuple[Item, list[Finding]]] = []
        self._since = time.monotonic()

    def add(self, item: Item, told: dict[str, Any], findings: Iterable[Finding], value: str = "") -> None:
        """Keep `told` in the item's facts and `findings` beside those that it has; `value`: its legal value now."""
        item.facts["seal"] = told
        if value:
            item.facts["verify"]["legal_value"] = value
        self._waiting.append((item, list(findings)))
        if len(self._waiting) >= _AT_ONCE or time.monotonic() - self._since > _NOTE_SECONDS:
            self.write()

    def write(self) -> None:
        """Write what was not written yet."""
        with self._archive.catalogue.session() as session:
            known = intake.findings_of(session, [item.id for item, _found in self._waiting])
            for item, found in self._waiting:
                row = session.get_one(model.Item, item.id)
                row.facts = {**row.facts, "seal": item.facts["seal"], "verify": item.facts["verify"]}
                value = item.facts["verify"]["legal_value"]
                kept = [one for one in known[item.id] if not is_settled(one.code, value)]
                set_findings(session, [item.id], finding_rows(item.id, [one.as_dict() for one in (*kept, *found)]))
        self._waiting, self._since = [], time.monotonic()


def _forget_what_is_lost(item: Item) -> None:
    """Take no notice of a seal that an earlier life of this night noted and whose files are not as it noted them."""
    told = item.facts.get("seal")
    if told is None:
        return
    if told["state"] == "sealed" and all(_is_whole(item.folder / one["path"], one["sha256"]) for one in told["copies"]):
        return
    from ingest.signatures.legal import legal_value

    verify = item.facts["verify"]
    verify["legal_value"] = legal_value(verify["verdict"], verify["holders"], digitised=verify["digitised"])
    del item.facts["seal"]


def _is_whole(path: Path, sha256: str) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest() == sha256


def _why_not(item: Item) -> Finding | None:
    """Why the scan is not sealed, whatever the key; None: it is to be sealed."""
    verify = item.facts["verify"]
    holds = verify["verdict"] in ("valid", "valid_with_notes")
    if holds and "agency" in verify["holders"]:
        signers = dict.fromkeys(one["signer"] for one in verify["signatures"] if one["holder"] == "agency")
        return finding("SEAL-051", item.name, signer="; ".join(signers))
    if not holds and verify["verdict"] != "unsigned":
        return finding("SEAL-052", item.name)
    if not any(made["path"] == f"{ACCESS}.pdf" for made in _access_copies(item)):
        return finding("SEAL-053", item.name)
    return None


def _access_copies(item: Item) -> list[dict[str, str]]:
    """The access copies that digitising made, the main file's first."""
    return sorted((made for made in item.facts.get("files", []) if made["role"] == ACCESS),
                  key=lambda made: (len(made["path"]), made["path"]))


def _sealed_name(access: str) -> str:
    return access.replace(ACCESS, SEALED, 1)


def _part_name(item: Item, access: str) -> str:
    """The name under which the part came of which `access` was made; the item's own for the main file."""
    number = Path(access).stem.rpartition("-")[2]
    return item.parts[int(number) - 1].name if number.isdecimal() else item.name


def _copies(done: Copies) -> list[dict[str, Any]]:
    return [{"path": _sealed_name(unsealed.name), "of": unsealed.name, **copy_told(unsealed, sealed)}
            for unsealed, sealed in zip(done.unsealed, done.sealed, strict=True)]


def _worst_code(found: Iterable[Finding]) -> str:
    return max(found, key=lambda one: one.level).code


def _warning(found: Finding) -> Finding:
    """A document is stored with a warning at most, and a night does not fail for want of a seal."""
    return replace(found, level=min(found.level, Level.warning))


def _unless_full(error: Exception) -> None:
    """A full disk stops the night as everywhere else."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        raise error
