"""`luutru retention`: how long case files are kept, why, and what becomes due; its commands lie in retention_*.py."""

from __future__ import annotations

import click

from archive.i18n import _
from retention.commands import retention_assign, retention_due, retention_explain, retention_tables


@click.group(help=_("How long case files are kept (thời hạn lưu trữ), and why."))
def command() -> None:
    """Retention tables, the rule of each case file, what becomes due."""


for one in (retention_tables.import_, retention_tables.tables, retention_tables.show, retention_assign.assign,
            retention_assign.event, retention_assign.suggest, retention_explain.command, retention_due.due,
            retention_due.simulate):
    command.add_command(one)
