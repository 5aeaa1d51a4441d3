"""`luutru demo axis`: a small document axis on this machine, to rehearse fetching with."""

from __future__ import annotations

import secrets
import tempfile
import time
from pathlib import Path

import click

from archive.i18n import _


@click.command("axis", help=_("Serve a document axis on this machine (127.0.0.1) with FILES, or with two messages made "
                              "for the purpose, until Ctrl-C; says which settings fetch from it."))
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--port", type=click.IntRange(0, 65535), default=0, help=_("0: any free one"))
@click.option("--system", default="", help=_("whom the messages are for; default: the archive's own code"))
@click.option("--seconds", type=click.FloatRange(0), default=0.0, help=_("end after so many seconds; 0: never"))
@click.pass_obj
def command(root: Path | None, files: tuple[Path, ...], port: int, system: str, seconds: float) -> None:
    """Serve the axis."""
    import os

    from archive.settings import load
    from ingest.exchange.axis_server import DemoAxis

    settings = load(root)
    system = system or settings.edxml.system or settings.agency.code
    secret = os.environ.get(settings.edxml.secret_env, "") or secrets.token_urlsafe(18)
    axis = DemoAxis({system: secret})
    for data in [path.read_bytes() for path in files] or _made(settings.agency.code, settings.agency.name):
        axis.put(data, to=system, sender="H51.15")
    with axis.serve(port) as address:
        click.echo(_("The axis listens on {address} with {n} messages for {system}.").format(
            address=address, n=len(axis.messages), system=system))
        click.echo(_("Fetch them from another terminal, and send answers back (Ctrl-C ends the axis):"))
        click.echo(f"  export LUUTRU_EDXML__SOURCE=axis LUUTRU_EDXML__SEND=axis LUUTRU_EDXML__ANSWERS=on "
                   f"LUUTRU_EDXML__ADDRESS={address} LUUTRU_EDXML__SYSTEM={system} "
                   f"{settings.edxml.secret_env}={secret}")
        click.echo("  luutru edxml fetch && luutru nightly && luutru edxml send")
        started, told, taken = time.monotonic(), 0, set[str]()
        try:
            while not seconds or time.monotonic() - started < seconds:
                time.sleep(0.2)
                for path, identity, status in axis.seen[told:]:
                    click.echo(f"  {path} {identity} → {status}")
                told = len(axis.seen)
                for one in [one for one in axis.messages.values() if one.sender == system and one.id not in taken]:
                    taken.add(one.id)
                    click.echo(f"  ← {one.to}: {_said(one.data)}")
        except KeyboardInterrupt:
            pass
    left = sum(one.to == system and one.status not in ("done", "fail") for one in axis.messages.values())
    click.echo(_("{n} messages were not confirmed.").format(n=left))


def _said(data: bytes) -> str:
    """What a message that was sent to the axis says, in one line."""
    from ingest.exchange.messages import StatusMessage
    from ingest.exchange.reading import read

    with tempfile.TemporaryDirectory() as passing:
        path = Path(passing) / "message.edxml"
        path.write_bytes(data)
        message = read(path, Path(passing) / "out").message
    if message is None:
        return "?"
    if isinstance(message, StatusMessage):
        return f"{message.status} {message.description} ({message.response_for.code})"
    return f"{message.code} {message.subject} ({', '.join(one.name for one in message.attachments)})"


def _made(code: str, name: str) -> list[bytes]:
    """A steering document with a task, and its recall: from an agency that there is not."""
    from datetime import timedelta

    import pikepdf

    from archive import clock
    from ingest.exchange.messages import Business, DocumentMessage, Hop, Party, Signer, attach
    from ingest.exchange.writing import save, stamp

    now, made = clock.now(), []
    today = clock.in_vietnam(now).date()
    sender, number = Party("H51.15", "Sở Nội vụ tỉnh Mẫu Sơn"), f"{secrets.randbelow(9000) + 1000}"
    identity = f"H51.15,{today:%Y/%m/%d},{number}/SNV-VTLT"
    with tempfile.TemporaryDirectory() as passing:
        page = Path(passing) / "cong-van.pdf"
        with pikepdf.new() as pdf:
            pdf.add_blank_page(page_size=(595, 842))
            pdf.save(page)
        steering = DocumentMessage(
            sender, (Party(code, name),), identity, number, "SNV-VTLT", "Mẫu Sơn", today, "22", "Công văn",
            subject="V/v báo cáo công tác văn thư, lưu trữ (thông điệp diễn tập)",
            signer=Signer("KT. GIÁM ĐỐC", "PHÓ GIÁM ĐỐC", "Nguyễn Văn An"), due=today + timedelta(days=10),
            priority="1", tasks=(f"NV-{number}",), steering="2", trace=(Hop("H51.15", stamp(now)),),
            attachments=(attach(page, "Công văn.pdf", zipped=True),))
        recall = DocumentMessage(
            sender, (Party(code, name),), f"{identity}-TH", number, "SNV-VTLT", "Mẫu Sơn", today, "22", "Công văn",
            subject=steering.subject, trace=(Hop("H51.15", stamp(now)),),
            business=Business("recall", "Ban hành nhầm (diễn tập)", document_id=identity))
        for n, message in enumerate((steering, recall)):
            made.append(save(message, Path(passing) / f"{n}.edxml").path.read_bytes())
    return made
