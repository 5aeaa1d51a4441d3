"""The command `luutru`: finds the wings' commands and turns errors into exit codes.

Exit codes: 0 all well · 1 we failed · 2 wrong use · 3 done, but items need a person · 4 an integrity finding ·
5 refused by a rule · 130 stopped.
"""

from __future__ import annotations

import importlib
import sys
import traceback
from pathlib import Path

import click

from archive import __version__, i18n
from archive.errors import LuuTruError
from archive.i18n import _, later

# name → module that holds `command`, and what it is for; a module is loaded only when its command is used.
COMMANDS = {
    "init": ("archive.commands.init", later("make an archive")),
    "nightly": ("ingest.commands.nightly", later("run tonight's batch")),
    "report": ("ingest.commands.report", later("show a night's morning report")),
    "metrics": ("ingest.commands.metrics", later("figures for a monitoring system")),
    "quarantine": ("ingest.commands.quarantine", later("act on what was refused")),
    "casefile": ("archive.commands.casefile", later("case files and file plans")),
    "document": ("archive.commands.document", later("show and export documents")),
    "fonds": ("archive.commands.fonds", later("fonds: describe, close, name the successor")),
    "agency": ("archive.commands.agency", later("agency codes and what became of them")),
    "package": ("ingest.commands.package", later("write and check packages (SIP, AIP, DIP, BagIt)")),
    "scan": ("ingest.commands.scan", later("scan jobs: plan, hand-over, quality, acceptance, return")),
    "digitise": ("ingest.commands.digitise", later("make searchable copies and texts of scans")),
    "signature": ("ingest.commands.signature", later("verify digital signatures of any file")),
    "trust": ("ingest.commands.trust", later("whose certificates are believed")),
    "seal": ("ingest.commands.seal", later("seal scans with the agency's signature")),
    "edxml": ("ingest.commands.edxml", later("messages of the document axis: look, fetch, answer, tasks")),
    "evidence": ("ingest.commands.evidence", later("seal nights, prove files for decades")),
    "fixity": ("archive.commands.fixity", later("check everything that the store holds")),
    "retention": ("retention.commands.retention", later("how long case files are kept, and why")),
    "hold": ("retention.commands.hold", later("keep records from destruction")),
    "transfer": ("ingest.commands.transfer", later("hand case files over to another archive, and receive them")),
    "reading": ("ingest.commands.reading", later("requests for use: opinions, grants, copies for readers")),
    "destruction": ("ingest.commands.destruction", later("the way to a destruction, from list to dossier")),
    "deadlines": ("retention.commands.deadlines", later("what is overdue, and what is due soon")),
    "calendar": ("archive.commands.calendar", later("working calendars: days off, days worked instead")),
    "search": ("search.commands.search", later("find documents")),
    "index": ("search.commands.index", later("compare or rebuild the search index")),
    "serve": ("web.commands.serve", later("the portal, for browsers")),
    "client": ("web.commands.client", later("agencies that hand over on line")),
    "worker": ("ingest.commands.worker", later("many machines: take work, see who does what")),
    "beat": ("ingest.commands.beat", later("many machines: begin the night at its hour")),
    "account": ("web.commands.account", later("who may log in at the portal")),
    "demo": ("ingest.commands.demo", later("rehearsals on this machine")),
    "ledger": ("archive.commands.ledger", later("check the log of everything that was done")),
    "backup": ("ingest.commands.backup", later("backups on media apart; restore, drill")),
    "catalogue": ("archive.commands.catalogue", later("the catalogue's database and form: move it, go back")),
    "rebuild": ("ingest.commands.rebuild", later("make catalogue and index again from the store")),
    "incident": ("archive.commands.incident", later("what went wrong, why, what was done; minutes")),
    "doctor": ("archive.commands.doctor", later("say what this machine lacks")),
}


class LazyGroup(click.Group):
    """A group whose commands are loaded when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order in which a newcomer meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, or None."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(COMMANDS[cmd_name][0]).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, without loading any."""
        with formatter.section(_("Commands")):
            formatter.write_dl([(name, _(purpose)) for name, (_module, purpose) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]},
             help="Lưu Trữ: kho lưu trữ điện tử của cơ quan nhà nước / the records archive of state agencies.")
@click.option("--root", type=click.Path(path_type=Path, file_okay=False), envvar="LUUTRU_ROOT", default=Path("var"),
              show_default=True, help="thư mục của kho / the archive's folder")
@click.option("--language", type=click.Choice(i18n.LANGUAGES), help="ngôn ngữ / language of messages")
@click.version_option(__version__, prog_name="luutru", help="phiên bản của chương trình / the program's version")
@click.pass_context
def luutru(ctx: click.Context, root: Path, language: str | None) -> None:
    """The root command: where the archive is, and which language is spoken."""
    ctx.obj = root


def main() -> None:
    """Run the command; every error of ours becomes a sentence and an exit code."""
    # Before anything is said: help texts are chosen when a command's module is loaded, click's own words by gettext.
    i18n.use(sys.argv[sys.argv.index("--language") + 1] if "--language" in sys.argv[:-1] else i18n.from_environment())
    try:
        sys.exit(luutru.main(prog_name="luutru", standalone_mode=False) or 0)
    except click.exceptions.Exit as done:
        sys.exit(done.exit_code)
    except click.Abort as stopped:
        said_no = not isinstance(stopped.__cause__, KeyboardInterrupt)
        click.echo(_("Nothing was changed.") if said_no else _("Stopped. Nothing was lost: the next run goes on."),
                   err=True)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except LuuTruError as error:
        from archive.terminal import explain

        _complain(explain(error))
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.exit(0)
    except OSError as error:
        _complain(_("Error: {detail}").format(detail=error))
        sys.exit(1)
    except Exception as error:
        # The database's own errors, told by name so that no command loads the library only to catch them.
        ours = type(error).__module__.startswith("sqlalchemy.")
        _complain(_("Error: {detail}").format(detail=getattr(error, "orig", error)) if ours else traceback.format_exc())
        sys.exit(1)


def _complain(words: str) -> None:
    """Say what went wrong, without the secrets of the settings that a library may have put into its error."""
    from archive.hiding import hidden

    click.echo(hidden(words), err=True)


if __name__ == "__main__":
    main()
