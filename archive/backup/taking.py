"""Taking objects of the store into a set: of each the versions that the chain lacks, by an inventory that is proved.

What is damaged in the store is not taken, so a backup never replaces sound bytes by damaged ones.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from archive import destroyed, inventory
from archive.backup.sets import Held, State, Taken
from archive.backup.writing import SetWriter
from archive.errors import IntegrityError
from archive.findings import Finding, finding
from archive.fixity import places
from archive.inventory import INVENTORY, SIDECAR
from archive.opening import Archive
from archive.reading import digests
from archive.store import Store
from archive.verifying import NAMASTE, NAMASTE_BYTES, Told, own_inventory, proved

PLACE = "store/ocfl"        # of the storage root in the archive's folder

Changed = dict[str, Taken]          # by their folders


def changed_objects(archive: Archive, state: State, writer: SetWriter, findings: list[Finding],
                    progress: Callable[[str, int, int], None]) -> Changed:
    """Take every object that is not as `state` knows it; what was taken, and what is gone.

    An object that is damaged, or older than the chain has it, is told in `findings` and stays as the chain has it.
    """
    store, rewriting = archive.store, destroyed.rewriting(archive)
    for path, data in places.root_files().items():
        if not state.objects:
            writer.put(f"{PLACE}/{path}", data)
    folders, _strays = places.survey(store.root)
    changed: Changed = {}
    for n, folder in enumerate(folders, 1):
        progress("objects", n, len(folders))
        known = state.objects.get(folder)
        if known is not None and _is_known(store.root / folder, known):
            continue
        try:
            changed[folder] = _take(store, folder, known, rewriting, writer)
        except IntegrityError as error:
            if not (store.root / folder).exists():      # a destruction took it away just now: told by its event
                continue
            findings.append(finding("BACKUP-007" if error.args[1:] else "BACKUP-006", folder, what=error.args[0]))
    there = set(folders)
    changed |= {folder: Taken(None) for folder in state.objects if folder not in there}
    return changed


def _is_known(folder: Path, held: Held) -> bool:
    """Whether the object is as the chain has it: by its sidecar alone."""
    try:
        return (folder / SIDECAR).read_bytes().startswith(held[1].encode())
    except OSError:
        return False


def _take(store: Store, folder: str, known: Held | None, rewriting: destroyed.Rewriting, writer: SetWriter) -> Taken:
    """Take what the chain lacks of one object: all of it, where a destruction wrote its history anew.

    Raises IntegrityError (with a second argument when the chain knows something newer or something else), and OSError
    of the medium.
    """
    source = store.root / folder
    truth = own_inventory(source) if places.is_object(source) else None
    if truth is None or store.folder(truth.object_id) != source:
        raise IntegrityError(INVENTORY)
    number, first = truth.held.number, 1
    if known is not None:
        earlier = truth if known[0] == number else proved(source, f"v{known[0]}/")
        now = rewriting.now(truth.object_id, known[0], known[1])
        if known[0] > number or earlier is None or earlier.sha512 != now:
            raise IntegrityError(f"v{known[0]}", "older or other")
        first = known[0] + 1 if now == known[1] else 1
    try:
        _take_versions(source, f"{PLACE}/{folder}", truth, range(first, number + 1), writer)
    except FileNotFoundError as error:      # what the inventory promises is not there
        raise IntegrityError(Path(str(error.filename)).name) from error
    if first == 1:
        writer.put(f"{PLACE}/{folder}/{NAMASTE}", NAMASTE_BYTES)
    writer.put(f"{PLACE}/{folder}/{INVENTORY}", truth.data)
    writer.put(f"{PLACE}/{folder}/{SIDECAR}", inventory.sidecar(truth.data))
    return Taken((number, truth.sha512), truth.object_id, first)


def _take_versions(source: Path, target: str, truth: Told, versions: range, writer: SetWriter) -> None:
    for path, sha512 in sorted(inventory.by_path(truth.held.manifest).items()):
        if int(path.split("/", 1)[0][1:]) in versions:
            sha256 = truth.held.sha256.get(path) or digests(source / path, "sha256")[0]
            writer.copy(source / path, f"{target}/{path}", sha512=sha512, sha256=sha256)
    for version in versions:
        told = truth if version == truth.held.number else proved(source, f"v{version}/")
        if told is None:
            raise IntegrityError(f"v{version}/{INVENTORY}")
        writer.put(f"{target}/v{version}/{INVENTORY}", told.data)
        writer.put(f"{target}/v{version}/{SIDECAR}", inventory.sidecar(told.data))
