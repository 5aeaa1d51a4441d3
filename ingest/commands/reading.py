"""`luutru reading certify`: certified copies, sealed, and the group it belongs to (retention/commands).

Here because sealing is this wing's; what goes into the package is retention's (docs/decisions/0004).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from archive.i18n import _
from retention.commands.destruction_showing import changes, owned, who
from retention.commands.reading import command
from retention.commands.reading_showing import answer, bar, brief

if TYPE_CHECKING:
    from archive.findings import Finding
    from archive.settings import Settings
    from retention.reading import certifying


@command.command("certify", help=_("Make the certified package (DIP) of granted documents: the stored files, marked "
                                   "copies and a statement, sealed where the agency's key is configured."))
@click.argument("code")
@click.argument("documents", metavar="[DOCUMENT…]", nargs=-1)
@click.option("--to", "folder", type=click.Path(file_okay=False, path_type=Path),
              help=_("also put the package into this folder, to be handed out"))
@click.option("--set", "values", multiple=True, metavar="NAME=VALUE",
              help=_("a value of the statement: number, place, superior, capacity, post, signer"))
@click.option("--copies", type=click.IntRange(1, 100), default=1, show_default=True, help=_("how many are handed out"))
@changes
@click.pass_context
def certify(ctx: click.Context, code: str, documents: tuple[str, ...], folder: Path | None, values: tuple[str, ...],
            copies: int, by: str, dry_run: bool, as_json: bool) -> None:
    """Certify; exit code 3 when something could not be sealed or copied, 5 when a rule refuses."""
    from archive import clock
    from archive.errors import UsageError
    from archive.findings import Level, worst
    from retention.reading import certifying

    given = {}
    for pair in values:
        name, equals, value = pair.partition("=")
        if not equals or not name.strip():
            raise UsageError(_("“{value}” is not NAME=VALUE").format(value=pair))
        given[name.strip()] = value.strip()
    with owned(ctx.obj) as archive, bar(quiet=as_json) as step, _sealing(archive.settings, dry_run) as (seal, odd):
        if worst(odd) >= Level.refused:     # there is a key, and it cannot sign: no certified copy without it
            answer(ctx, {"packages": []}, odd, "", dry_run=dry_run, as_json=as_json)
        made, packages, found = certifying.certify(
            archive, code, documents, by=who(by), at=clock.now(), seal=seal, values=given, copies=copies, to=folder,
            dry_run=dry_run, progress=step)
    done = "\n".join([_("{n} packages made:").format(n=len(packages)), *(
        f"  {one.file}  SHA-256 {one.sha256}" for one in packages)])
    if dry_run:
        done = _("The package can be made.")
    answer(ctx, {**brief(made), "packages": [one.told() for one in packages]}, found, done, dry_run=dry_run,
           as_json=as_json)


@contextmanager
def _sealing(settings: Settings, dry_run: bool) -> Iterator[tuple[certifying.Seal | None, list[Finding]]]:
    """How files are sealed here, by one opening of the key for copies and one for the statement; None: not at all."""
    import tempfile

    from archive.i18n import language
    from ingest.signatures.sealing_keys import is_configured

    if dry_run or not is_configured(settings):
        yield None, []
        return
    from ingest.signatures.sealing import open_sealer

    shown = settings.model_copy(update={"seal": settings.seal.model_copy(update={"layout": "copy"})})
    with ExitStack() as stack:
        plain = stack.enter_context(open_sealer(settings))
        if not plain.ready:
            yield None, list(plain.findings)
            return
        marking = stack.enter_context(open_sealer(shown))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="luutru-")))

        def seal(name: str, data: bytes, mark: bool) -> tuple[bytes | None, str]:
            source, target = folder / name, folder / f"sealed-{name}"
            source.write_bytes(data)
            target.unlink(missing_ok=True)
            done = (marking if mark else plain).seal(source, target)
            if done.target is None:
                return None, " ".join(one.sentence(language()) for one in done.findings)
            return target.read_bytes(), ""

        yield seal, []
