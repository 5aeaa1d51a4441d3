"""pikepdf's part for PDF/A, loaded without what nobody here asks of it: that alone costs a process two CPU seconds."""

from __future__ import annotations

import importlib
import sys
from typing import Any

# pikepdf.pdfa loads jsonschema, and that, where this package is installed (it comes with the tools for tests), compiles
# the grammars of all parts of a URI for a check of formats that pikepdf never asks for.
_GRAMMARS = "rfc3987_syntax"


def pdfa() -> Any:
    """The module `pikepdf.pdfa`."""
    if "pikepdf.pdfa" in sys.modules or _GRAMMARS in sys.modules:
        return importlib.import_module("pikepdf.pdfa")
    sys.modules[_GRAMMARS] = None       # type: ignore[assignment]  # cannot be imported now: jsonschema does without
    try:
        return importlib.import_module("pikepdf.pdfa")
    finally:
        del sys.modules[_GRAMMARS]
