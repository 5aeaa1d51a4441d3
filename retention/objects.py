"""The objects that retention keeps in the store: how a rebuild admits them, and what a kill left to be told.

The face of this wing for `luutru rebuild` and the night (docs/decisions/0004). Every kind is written store first, then
ledger, then catalogue; `catch_up` goes the last two steps for those that a kill stopped after the first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from archive import decisions, links
from archive.opening import Archive
from archive.rebuild import Admit
from retention import assigning, holds
from retention.destruction import council
from retention.destruction import keeping as destructions
from retention.reading import keeping as readings
from retention.reading import purging
from retention.tables import keeping
from retention.transfer import objects as transfers

# Beginning of the object's id -> how it comes into the catalogue, in this order.
ADMITS: Mapping[str, Admit] = {keeping.OBJECT: keeping.admit, assigning.PREFIX: assigning.admit,
                               holds.PREFIX: holds.admit, destructions.PREFIX: destructions.admit,
                               transfers.PREFIX: transfers.admit, readings.PREFIX: readings.admit}
# What each kind does for objects that neither ledger nor catalogue know; cheap when there are none.
CATCH_UPS: tuple[Callable[[Archive], None], ...] = (
    keeping.catch_up, lambda archive: decisions.catch_up(archive, assigning.ROW),
    lambda archive: decisions.catch_up(archive, links.ROW), holds.catch_up, council.resume,
    transfers.catch_up, purging.catch_up)


def catch_up(archive: Archive) -> None:
    """Tell ledger and catalogue of what the store has and they lack. The caller owns the archive."""
    for finish in CATCH_UPS:
        finish(archive)
