"""`luutru report digitised`: what was scanned, its errors, and the rate beside the thresholds of NĐ 31/2026/NĐ-CP."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from archive import i18n
from archive.i18n import _

if TYPE_CHECKING:
    from ingest.digitised import Digitised


@click.command(name="digitised", help=_("Digitised documents by batch and fonds: errors, rate, unsigned, backup."))
@click.option("--batch", default="", help=_("only this batch"))
@click.option("--fonds", default="", help=_("only this fonds"))
@click.option("--job", default="", help=_("only the scans of this scan job"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_context
def command(ctx: click.Context, batch: str, fonds: str, job: str, as_json: bool) -> None:
    """Digitised documents by batch and fonds: errors, their rate, unsigned, backup."""
    from archive import model
    from archive.scan_jobs import open_job
    from archive.terminal import archive_at, print_json
    from ingest import digitised

    with archive_at(ctx.obj) as archive, archive.catalogue.session() as session:
        if batch and session.get(model.Batch, batch) is None:
            raise click.UsageError(_("There is no batch {batch}.").format(batch=batch))
        if fonds and session.get(model.Fonds, fonds) is None:
            raise click.UsageError(_("There is no fonds {fonds}.").format(fonds=fonds))
        parts = digitised.build(session, archive, batch=batch, fonds=fonds,
                                job=open_job(archive, job) if job else None)
    if as_json:
        print_json({"batches": [digitised.as_dict(one) for one in parts],
                    "total": digitised.as_dict(digitised.total(parts))})
    else:
        _print(parts)


def _print(parts: list[Digitised]) -> None:
    from archive.terminal import console, print_table
    from ingest import digitised
    from ingest.digitise.defects import kinds

    out = console()
    if not parts:
        out.print(_("Nothing was digitised."))
        return
    whole = digitised.total(parts)
    print_table(_("Digitised"), (_("Batch"), _("Fonds"), _("Documents"), _("Pages"), _("Waiting"), _("Faulty"),
                                 _("Rate"), _("Unsigned"), _("Without backup")),
                [(one.batch, one.fonds or "—", str(one.defects.documents), str(one.defects.pages), str(one.waiting),
                  str(one.defects.faulty), i18n.figure(f"{one.defects.rate or 0:.2f} %"), str(one.unsigned),
                  _("not checked") if one.without_backup is None else str(one.without_backup)) for one in parts])
    vietnamese = i18n.language() == "vi"
    print_table(_("Errors"), (_("Kind"), _("Class"), _("Documents"), _("In the rate"), _("Article")), [
        (kinds()[name].vi if vietnamese else kinds()[name].en,
         _("scanning") if kinds()[name].of == "scan" else _("cataloguing"), str(count),
         _("yes") if kinds()[name].counted else _("no"), kinds()[name].article)
        for name, count in whole.defects.kinds.items()])
    for sentence in (digitised.rate_sentence(whole.defects),
                     digitised.unsigned_sentence(whole), digitised.backup_sentence(whole)):
        out.print(sentence, soft_wrap=True)
