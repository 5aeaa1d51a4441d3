"""What a server process loads: the application of the archive that LUUTRU_ROOT names."""

from __future__ import annotations

import os
from pathlib import Path

from fastapi import FastAPI

from archive.hiding import hide_in_errors
from archive.settings import load
from web.app import create_app

LISTENS_ON = "LUUTRU_LISTENS_ON"


def application() -> FastAPI:
    """The portal of the archive in LUUTRU_ROOT, which answers to the host name in LUUTRU_LISTENS_ON as well."""
    hide_in_errors(load(Path(os.environ["LUUTRU_ROOT"])))
    names = tuple(filter(None, os.environ.get(LISTENS_ON, "").split(",")))
    return create_app(Path(os.environ["LUUTRU_ROOT"]), listens_on=names)
