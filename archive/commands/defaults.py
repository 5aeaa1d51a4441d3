"""Groups of commands one of which answers to what is no name: `luutru report`, `digitise FILE…`, `search WORDS`."""

from __future__ import annotations

from typing import Any

import click


class WithDefault(click.Group):
    """A group whose command `default` answers to what is no other command's name; `alone`: also to nothing at all."""

    def __init__(self, *args: Any, default: str, alone: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.default, self.alone = default, alone

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the default's name in front of what names no command."""
        if (self.alone if not args else args[0] not in (*self.commands, *ctx.help_option_names)):
            args = [self.default, *args]
        return super().parse_args(ctx, args)
