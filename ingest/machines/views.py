"""Views: the folder in which a machine examines one item, so that nobody else sees what it makes before it is whole.

A view lies in the store's staging area, on the file system that all machines share, and is named by its claim's token:
two machines that believe to have the same item never write the same file. In it stands a folder like that of the
intake area; the received files are seen through a link and only read. Whatever a stage makes besides (the documents
of a package) comes to lie beside it, in the same view. Only the night, the one writer, moves what was made into place.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from archive import layout
from archive.settings import Settings
from ingest import intake
from ingest.item import Item
from ingest.sources.inbox import RECEIVED


def area(settings: Settings) -> Path:
    """Where the views lie."""
    return layout.views_folder(settings)


def make(settings: Settings, token: str, folder: Path) -> Path:
    """A view of the item folder `folder` for the claim `token`; the item's folder in it. Raises OSError."""
    place = area(settings) / token / folder.name
    shutil.rmtree(place.parent, ignore_errors=True)
    place.mkdir(parents=True)
    for entry in sorted(folder.iterdir()):
        if entry.name == RECEIVED:
            (place / RECEIVED).symlink_to(entry.absolute(), target_is_directory=True)
        elif entry.is_dir():        # of an earlier look; rare
            shutil.copytree(entry, place / entry.name, symlinks=True)
        else:
            shutil.copy2(entry, place / entry.name, follow_symlinks=False)
    return place


def listed(place: Path) -> dict[str, int]:
    """What lies in a view besides what was received: paths from the view's folder, and sizes."""
    view = place.parent
    found: dict[str, int] = {}
    for folder, folders, files in os.walk(view):
        if Path(folder) == place and RECEIVED in folders:
            folders.remove(RECEIVED)
        found.update({str((Path(folder) / name).relative_to(view)): (Path(folder) / name).lstat().st_size
                      for name in files})
    return found


def missing(settings: Settings, token: str, files: dict[str, int]) -> list[str]:
    """Which of the listed files are not there as listed: a shared file system may show them a moment later."""
    view = area(settings) / token
    return [name for name, size in files.items()
            if not (view / name).is_file() or (view / name).stat().st_size != size]


def adopt(settings: Settings, token: str, folder: Path, *, others: bool) -> None:
    """Put what was made in the view into the item's own folder, and (`others`) the items beside it into theirs.

    For the night alone. Killed in between, the item is still to be examined, and is examined anew.
    """
    view = area(settings) / token
    made = view / folder.name
    for entry in sorted(view.iterdir()) if others else ():
        if entry == made or entry.name.startswith("."):
            continue        # itself; what a stage had only begun
        if (folder.parent / entry.name).exists():       # of a run that was killed before they were registered
            intake.leave(settings, entry.name)
        entry.rename(folder.parent / entry.name)
    for entry in sorted(folder.iterdir()):
        if entry.name != RECEIVED:
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    for entry in sorted(made.iterdir()):
        if entry.name != RECEIVED:
            entry.rename(folder / entry.name)
    drop(settings, token)


def drop(settings: Settings, token: str) -> None:
    """Remove a view and all that was made in it; nothing that was received."""
    shutil.rmtree(area(settings) / token, ignore_errors=True)


def sweep(settings: Settings) -> None:
    """Remove all views; whoever still writes in one will not be heard."""
    shutil.rmtree(area(settings), ignore_errors=True)


def item_in(item: Item, place: Path) -> Item:
    """The item as it is seen in the folder `place`."""
    told = intake.as_dict(item)
    return intake.from_dict({**told, "folder": str(place)})
