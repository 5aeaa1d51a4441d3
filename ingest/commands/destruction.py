"""`luutru destruction approve`: takes a signed decision in, and the group it belongs to (retention/commands).

Here because signatures are verified by this wing; what follows from the verdict is retention's (docs/decisions/0004).
"""

from __future__ import annotations

from pathlib import Path

import click

from archive.i18n import _
from retention.commands.destruction import command
from retention.commands.destruction_showing import answer, brief, changes, owned, short, who


@command.command("approve", help=_("Take the signed decision in: signatures, plan hash, papers and terms are checked."))
@click.argument("batch")
@click.option("--decision", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help=_("the signed decision (PDF)"))
@click.option("--number", required=True, help=_("number of the decision"))
@click.option("--dated", required=True, metavar="YYYY-MM-DD", help=_("day of the decision"))
@changes
@click.pass_context
def approve(ctx: click.Context, batch: str, decision: Path, number: str, dated: str, by: str, dry_run: bool,
            as_json: bool) -> None:
    """Approve a batch by a decision that is signed and names its plan. Exit code 5 when anything speaks against it."""
    import tempfile

    from archive import clock
    from archive.errors import LuuTruError
    from archive.findings import Level, worst
    from archive.i18n import language
    from ingest.signatures.isolated import Limits, verify_files
    from retention.destruction.approving import Signed, Signer
    from retention.destruction.approving import approve as take_in

    now, paper = clock.now(), decision.read_bytes()
    with owned(ctx.obj) as archive, tempfile.TemporaryDirectory() as folder:
        judging = Path(folder) / decision.name      # the bytes that are judged are the ones that are kept
        judging.write_bytes(paper)
        settings = archive.settings
        judged = verify_files([judging], settings.path(settings.signatures.trust), now,
                              Limits.of(settings.ingest, 1))[0]
        if worst(judged.reasons) >= Level.failed:       # our fault, which says nothing of the paper
            raise LuuTruError(judged.reasons[-1].sentence(language()))
        signers = [Signer(one.certificate.name, one.certificate.organisation, one.verdict)
                   for one in judged.signatures if one.certificate is not None and one.kind != "timestamp"]
        made, found = take_in(archive, batch, paper, Signed(judged.verdict, signers, judged.as_dict()), number,
                              dated, by=who(by), at=now, dry_run=dry_run)
    done = _("{id} is approved by {number}; plan {hash}. Next: luutru destruction apply {id}").format(
        id=made.id, number=number, hash=short(made.plan_hash))
    answer(ctx, brief(made), found, done, dry_run=dry_run, as_json=as_json)
