"""Minutes that both sides sign, as the giving side does it: the archive makes them, we sign, the archive signs behind.

A signature is an addition at the file's end: what was signed elsewhere must begin with the very bytes that the archive
gave, and bear a valid signature of ours over all of it (TT 05/2025/TT-BNV Đ22.2.đ, Đ25; NĐ 30/2020/NĐ-CP Phụ lục V).
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from archive.findings import Finding, Level, finding, worst
from archive.opening import Archive
from archive.spelling import plain
from archive.store import Store, StoredFile
from retention.transfer import objects
from retention.transfer.doing import Done, Signature, Tools, Who
from retention.transfer.objects import AGENCY, Transfer

MINUTES = ("delivery.pdf", "approval.pdf", "return-minutes.pdf", "handover.pdf")
_SOUND = ("valid", "valid_with_notes")
_MOST_BYTES = 64 << 20      # minutes of a list with a million lines; more is none


def newest(store: Store, code: str, folder: str) -> dict[str, StoredFile]:
    """The newest paper of each name (delivery.pdf) in `folder` (papers, received) of a hand-over."""
    found = {}
    for path, one in objects.made(store, code).items():      # in the order in which they came
        if path.startswith(f"{folder}/") and path.endswith(".pdf"):
            found[path.rpartition("/")[2].partition("-")[2]] = one
    return found


def take_papers(archive: Archive, code: str, came: Mapping[str, Path], who: Who, *, dry_run: bool = False) -> Done:
    """Keep papers of the receiving archive that came beside its messages; those that are here already are passed over.

    `came`: name → file. Raises UsageError for an unknown hand-over, OSError.
    """
    transfer = objects.open_transfer(archive, code, AGENCY)
    held = {one.sha256 for one in objects.made(archive.store, code).values()}
    files, found = {}, []
    for name, place in came.items():
        data = place.read_bytes()
        if not data.startswith(b"%PDF-") or len(data) > _MOST_BYTES:
            found.append(finding("LGSP-034", name))
        elif _digest(data) not in held:
            files[f"{objects.RECEIVED}/{name}"] = data
    if dry_run or not files:
        return Done(transfer, tuple(found), False, {"names": sorted(came)})
    told = {"names": sorted(path.partition("/")[2] for path in files), "signed": False,
            "findings": [one.as_dict() for one in found]}
    done = objects.write(archive, transfer.moved(transfer.state, {}), "filed", told, by=who.by, at=who.at, files=files)
    return Done(done, tuple(found), True, told)


def unsigned(archive: Archive, code: str) -> dict[str, bytes]:
    """The minutes of the receiving archive that lie here and that our side did not sign yet, by name."""
    own = objects.object_id(code)
    ours = newest(archive.store, code, objects.PAPERS)
    found = {}
    for name, stored in newest(archive.store, code, objects.RECEIVED).items():
        if name not in MINUTES:
            continue
        given = archive.store.content(own, stored)
        if name not in ours or not archive.store.content(own, ours[name]).startswith(given):
            found[name] = given
    return found


def signed(archive: Archive, code: str) -> dict[str, bytes]:
    """The minutes that our side signed, newest of each name: what the other side is to have."""
    own = objects.object_id(code)
    return {name: archive.store.content(own, stored)
            for name, stored in newest(archive.store, code, objects.PAPERS).items() if name in MINUTES}


def sign(archive: Archive, code: str, given: Sequence[Path], tools: Tools, who: Who, *, dry_run: bool = False) -> Done:
    """Sign the minutes that wait with our key, or take in what was signed in another program (`given`).

    Refused: a file that is none of the minutes that wait (LGSP-036), one without a valid signature of our agency over
    all of it (LGSP-037). Without a key, LGSP-038 tells that they wait. Raises UsageError for an unknown hand-over.
    """
    transfer = objects.open_transfer(archive, code, AGENCY)
    waiting = unsigned(archive, code)
    found: list[Finding] = []
    done: dict[str, bytes] = {}
    if given:
        for place in given:
            data = place.read_bytes() if place.stat().st_size <= _MOST_BYTES else b""
            name = next((one for one, paper in waiting.items() if data.startswith(paper) and data != paper), "")
            if not name:
                found.append(finding("LGSP-036", place.name))
            else:
                done[name] = data
    elif not dry_run:
        for name, data in waiting.items():
            made = tools.seal(data, name)
            if made is None:
                found.append(finding("LGSP-038", name))
            else:
                done[name] = made
    signers: dict[str, list[str]] = {}
    for name, data in done.items():
        look = _look(data, name, tools)
        signers[name] = list(look.signers)
        found += _unlike(look, name, transfer)
    if dry_run or not done or worst(found) >= Level.refused:
        return Done(transfer, tuple(found), False, {"names": sorted(waiting)})
    told = {"names": sorted(done), "signed": True, "signers": signers}
    files = {f"{objects.PAPERS}/{name}": data for name, data in done.items()}
    new = objects.write(archive, transfer.moved(transfer.state, {}), "filed", told, by=who.by, at=who.at, files=files)
    return Done(new, tuple(found), True, told)


# --- steps -------------------------------------------------------------------------------------------------


def _look(data: bytes, name: str, tools: Tools) -> Signature:
    with tempfile.TemporaryDirectory(prefix="luutru-") as folder:
        place = Path(folder, name)
        place.write_bytes(data)
        return tools.look(place)


def _unlike(look: Signature, name: str, transfer: Transfer) -> Iterator[Finding]:
    """LGSP-037 unless the sending agency signed the whole paper."""
    wanted = transfer.record["sender"]["name"]
    names = {plain(one) for one in (*look.signers, *look.organisations)} - {""}
    if look.verdict not in _SOUND or not look.whole or not look.agency or plain(wanted) not in names:
        yield finding("LGSP-037", name, signers=", ".join(look.signers) or "—", wanted=wanted, verdict=look.verdict)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
