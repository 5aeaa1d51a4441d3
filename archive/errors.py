"""The errors that are our own faults or a wrong use, each with its exit code.

Bad input is never an error here: it is a `Finding` (archive/findings.py).
"""

from __future__ import annotations


class LuuTruError(Exception):
    """Something went wrong inside Lưu Trữ."""

    exit_code = 1


class UsageError(LuuTruError):
    """The command was used in a way that cannot work."""

    exit_code = 2


class SettingsError(UsageError):
    """A setting has a value that cannot be."""


class NoArchiveError(UsageError):
    """There is no archive at this place; `luutru init` makes one."""


class ArchiveBusyError(LuuTruError):
    """Another batch owns the archive just now."""


class OwnershipLostError(LuuTruError):
    """The archive is not ours to write into any more: another machine may own it now; nothing was lost."""


class NoRoomError(LuuTruError):
    """There is not enough free disk space to go on; nothing was lost."""


class IntegrityError(LuuTruError):
    """The store does not hold what it says it holds."""

    exit_code = 4


class CatalogueLostError(IntegrityError):
    """The store holds records that the catalogue does not know; `luutru rebuild` makes the catalogue again."""


class CatalogueBehindError(IntegrityError):
    """The catalogue is of an older form, and the store holds what that form knew nothing of: `luutru rebuild`."""


class CatalogueFormError(UsageError):
    """The catalogue is of a form that this program does not know: a newer program made it."""


class RefusedError(LuuTruError):
    """A rule of the archive forbids this."""

    exit_code = 5


class DestroyedError(RefusedError):
    """What is asked for was destroyed by a decision."""
