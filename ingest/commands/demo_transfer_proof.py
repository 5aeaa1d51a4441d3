"""The proof at the end of the rehearsal: what both archives hold of one hand-over, read from both stores."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from archive import clock, layout
from archive.opening import Archive, open_archive
from archive.settings import load
from retention.transfer import minutes, objects

_NOTHING = "—"


def proof(houses: Any, code: str) -> dict[str, Any]:
    """Packages, files and minutes at both ends, each with whether it is the same there; `well` when all are.

    Every file of the agency's case files is read again with its checksum, and so is the centre's.
    """
    agency, centre = open_archive(load(houses.agency)), open_archive(load(houses.centre))
    try:
        ours, theirs = objects.read(agency.store, code), objects.read(centre.store, code)
        packages = list(_packages(agency, centre, ours))
        files = list(_files(agency, centre, ours))
        signed = list(_minutes(agency, centre, code))
    finally:
        agency.close()
        centre.close()
    states = {"agency": ours.state, "centre": theirs.state}
    well = bool(packages and files and signed) and all(one["equal"] for one in (*packages, *files, *signed)) and \
        states == {"agency": "closed", "centre": "closed"} and all(
            len(one["signers"]) == 2 and one["verdict"] in ("valid", "valid_with_notes") for one in signed)
    return {"packages": packages, "files": files, "minutes": signed, "states": states, "well": well}


def _packages(agency: Archive, centre: Archive, ours: objects.Transfer) -> Any:
    """Each package's hash as it was sent, in the centre's receipt and in its confirmation."""
    receipt, confirmed = (_message(centre, ours.code, name) for name in ("receipt.json", "confirmation.json"))
    for item in ours.items:
        got, signed = (told.get(item["n"], {}).get("sha256", _NOTHING) for told in (receipt, confirmed))
        yield {"code": item["code"], "sent": item["sha256"], "received": got, "confirmed": signed,
               "equal": item["sha256"] == got == signed}


def _files(agency: Archive, centre: Archive, ours: objects.Transfer) -> Any:
    for item in ours.items:
        own = layout.casefile_object(item["code"])
        there = centre.store.files(own) if centre.store.has(own) else {}
        faults = [*agency.store.verify(own), *(centre.store.verify(own) if there else [_NOTHING])]
        mine, theirs = ({one.sha256 for one in held.values()} for held in (agency.store.files(own), there))
        for one in item["contents"]:
            sha256 = one["sha256"]
            yield {"path": f"{item['code']}: {one['path'].rpartition('/')[2]}", "size": one["size"],
                   "agency": sha256 if sha256 in mine else _NOTHING, "centre": sha256 if sha256 in theirs else _NOTHING,
                   "equal": sha256 in mine and sha256 in theirs and not faults}


def _minutes(agency: Archive, centre: Archive, code: str) -> Any:
    """The minutes with both signatures: the agency's copy and the centre's, and what the signatures are worth."""
    from ingest.signatures import load_trust
    from ingest.signatures.files import verify_named

    ours = minutes.newest(agency.store, code, objects.RECEIVED)
    theirs = minutes.newest(centre.store, code, objects.PAPERS)
    trust = load_trust(agency.settings.path(agency.settings.signatures.trust))
    for name in minutes.MINUTES:
        both = f"{name.removesuffix('.pdf')}-signed.pdf"
        if name not in theirs:
            continue
        mine, held = ours.get(both), theirs.get(both)
        signers: list[str] = []
        verdict = "unsigned"
        if mine is not None:
            with tempfile.TemporaryDirectory(prefix="luutru-") as folder:
                place = Path(folder, both)
                place.write_bytes(agency.store.content(objects.object_id(code), mine))
                look = verify_named(place, trust, clock.now(), both)
                verdict = look.verdict
                signers = [one.certificate.name for one in look.signatures if one.certificate is not None]
        shas = (mine.sha256 if mine else _NOTHING, held.sha256 if held else _NOTHING)
        yield {"name": name, "signers": signers, "verdict": verdict, "agency": shas[0], "centre": shas[1],
               "equal": mine is not None and shas[0] == shas[1]}


def _message(archive: Archive, code: str, name: str) -> Mapping[int, Mapping[str, Any]]:
    """The packages that the centre's newest message of this name tells of, by ordinal."""
    own = objects.object_id(code)
    paths = [path for path in objects.made(archive.store, code) if path.endswith(f"-{name}")]
    if not paths:
        return {}
    told = json.loads(archive.store.read(own, paths[-1]))
    return {one["n"]: one for one in told["packages"]}
