"""Separator sheets on paper: their codes as bars and squares, and the same in words, for the printer (PDF/A-2u)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from archive.i18n import _, language
from ingest.sources.scan_payload import Sheet, encode

TEMPLATE = Path(__file__).resolve().parent.parent / "templates" / "scan_sheets.typ"


@dataclass(frozen=True, slots=True)
class Printed:
    """A sheet to be printed and what it is called: the title of its case file or document; may be empty."""

    sheet: Sheet
    title: str = ""


def sheets_pdf(sheets: Sequence[Printed], made: datetime, *, backs: bool = False) -> bytes:
    """The sheets as one PDF/A-2u file, a page each; with `backs`, each followed by its back for printing on both sides.

    The same input gives the same bytes. Raises ValueError for a sheet that cannot be, FontMissingError.
    """
    from archive.forms.typesetting import pdf

    pages: list[dict[str, Any]] = []
    for one in sheets:
        pages.append(_page(one))
        if backs:
            pages.append(_page(Printed(Sheet("B", one.sheet.code), one.title)))
    return pdf(TEMPLATE, {"sheets": pages}, title=_("Separator sheets for scanning"), made=made, language=language())


def codes_of(text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The QR code (level Q: a quarter of it may be spoilt) and the Code 128 of `text` as runs of black modules."""
    import numpy as np
    import zxingcpp

    def modules(form: Any, **options: Any) -> Any:
        code = zxingcpp.create_barcode(text, form, **options)
        return np.asarray(zxingcpp.write_barcode_to_image(code, scale=1, add_quiet_zones=False)) < 128

    squares = modules(zxingcpp.BarcodeFormat.QRCode, ec_level="Q")
    bars = modules(zxingcpp.BarcodeFormat.Code128)[:1]
    return _runs(squares, 1), _runs(bars, 1)


def _runs(black: Any, high: int) -> dict[str, Any]:
    runs = []
    for y, row in enumerate(black.tolist()):
        start = None
        for x, on in enumerate([*row, False]):
            if on and start is None:
                start = x
            elif not on and start is not None:
                runs.append([start, y, x - start])
                start = None
    return {"width": len(black[0]), "height": len(black), "high": high, "runs": runs}


def _page(one: Printed) -> dict[str, Any]:
    sheet = one.sheet
    payload = encode(sheet)
    squares, bars = codes_of(payload)
    heading, hint = {
        "F": (_("SEPARATOR SHEET: A CASE FILE BEGINS"),
              _("Lay this sheet before the first sheet of the case file.")),
        "D": (_("SEPARATOR SHEET: A DOCUMENT BEGINS"),
              _("Lay this sheet before page 1 of the document. Scan at 100 %; do not fold it over the codes.")),
        "B": (_("BACK OF A SEPARATOR SHEET"), _("Nothing belongs here. It is left out when the scan is split.")),
    }[sheet.kind]
    if sheet.kind != "B":
        hint += " " + _("The sheet belongs to no document; it stays in the scan that was received.")
    expected = _count(sheet)
    return {"heading": heading, "code": sheet.code, "ordinal": str(sheet.ordinal) if sheet.ordinal else "",
            "qr": squares, "bars": bars, "payload": payload,
            "title": one.title, "count": expected, "hint": hint}


def _count(sheet: Sheet) -> str:
    if not sheet.count or sheet.kind == "B":
        return ""
    if sheet.kind == "F":
        return _("Documents: {count}").format(count=sheet.count)
    return _("Pages: {count}").format(count=sheet.count)
