"""The end of backups: what is kept no longer goes, and the ledger tells that it went, and why.

Nothing is ever removed from an append-only target: there a person says that a medium was destroyed or wiped.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import datetime

from archive.backup import standing
from archive.backup.media import Medium, Target
from archive.backup.sets import sets_in
from archive.backup.standing import ENDED, chains_told, due_to_go, sets_told
from archive.catalogue import record
from archive.errors import RefusedError, UsageError
from archive.files import fsync_folder
from archive.i18n import _
from archive.ledger import ACTOR, Entry, event_key
from archive.opening import Archive


def remove_due(archive: Archive, target: Target, medium: Medium, now: datetime, *, actor: str = ACTOR) -> list[str]:
    """Remove the chains of a medium that are kept no longer, the newest set of each first; their ids.

    The caller owns the archive. Raises OSError when the medium does not let go of them.
    """
    with archive.catalogue.session() as session:
        known = chains_told([one for one in sets_told(session)
                             if one.target == target.name and one.medium == medium.code])
    gone: list[str] = []
    for chain in due_to_go(known, now, archive.settings.backup.keep_months):
        ids = [one.id for one in chain.sets]
        _remove(target, ids)
        tell_ended(archive, target.name, medium.code, ids, reason="backup.keep_months", actor=actor)
        gone += ids
    return gone


def end(archive: Archive, target: Target, medium: Medium | None, ids: Sequence[str], *, reason: str,
        actor: str = ACTOR) -> list[str]:
    """Remove sets (and every increment that needs one of them) before their time; the ids that are gone.

    On an append-only target, or without its `medium` (None: it was destroyed or wiped), nothing is removed, only told.
    The caller owns the archive. Raises UsageError for sets that the ledger does not know, RefusedError for the newest
    full backup of a medium that stays, and OSError.
    """
    with archive.catalogue.session() as session:
        told = [one for one in standing.sets_told(session) if one.target == target.name]
    known = chains_told(told)
    doomed: list[str] = []
    for chain in known:
        first = next((n for n, one in enumerate(chain.sets) if one.id in ids), None)
        if first is not None:
            doomed += [one.id for one in chain.sets[first:]]
    strays = {one.id for one in told} - {one.id for chain in known for one in chain.sets}
    doomed += [one for one in ids if one in strays]
    if strange := [one for one in ids if one not in doomed]:
        raise UsageError(_("{name} is not among the backups of {target}").format(name=strange[0], target=target.name))
    code = next(one.medium for one in told if one.id == doomed[0])
    if medium is not None and not target.append_only:
        newest = [chain for chain in known if chain.medium == medium.code][-1:]
        if newest and newest[0].sets[0].id in doomed:
            raise RefusedError(_("{name} is the newest full backup of {target}; make another one first: luutru backup "
                                 "run --full").format(name=newest[0].sets[0].id, target=target.name))
        _remove(target, doomed)
    tell_ended(archive, target.name, code, doomed, reason=reason, actor=actor)
    return doomed


def tell_ended(archive: Archive, target: str, medium: str, ids: Sequence[str], *, reason: str, actor: str) -> None:
    """Write the event that sets are there no more; the caller owns the archive."""
    with archive.catalogue.session() as session:
        record(session, archive.ledger, [Entry(ENDED, target, {"medium": medium, "sets": list(ids), "reason": reason},
                                               event_key(ENDED, target, medium, *ids), actor=actor)])


def _remove(target: Target, ids: Sequence[str]) -> None:
    """Take sets away, newest first, so that what a kill leaves is still a chain. Raises OSError."""
    for name in sorted(ids, reverse=True):
        folder = target.folder / name
        if folder.is_dir():
            (folder / "set.json").unlink(missing_ok=True)       # from here on it counts as never finished
            shutil.rmtree(folder)
    fsync_folder(target.folder)


def missing(target: Target, medium: Medium, told: Sequence[standing.SetTold]) -> list[str]:
    """The sets that the ledger tells of and that are not whole on this medium, or are other ones."""
    found = {one.id: one.sha256 for one in sets_in(target.folder)[0]}
    return [one.id for one in told if one.target == target.name and one.medium == medium.code
            and found.get(one.id) != one.sha256]
