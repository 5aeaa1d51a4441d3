"""Groups of commands one of which answers when no name is given: `luutru report`, `luutru digitise FILE…`."""

from __future__ import annotations

from typing import Any

import click


class WithDefault(click.Group):
    """A group whose command `default` answers to what is no other command's name."""

    def __init__(self, *args: Any, default: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.default = default

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the default's name in front of what names no command."""
        if not args or args[0] not in (*self.commands, *ctx.help_option_names):
            args = [self.default, *args]
        return super().parse_args(ctx, args)
