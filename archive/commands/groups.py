"""Groups of commands: with one that answers to what is no name, or in the order of a procedure, loaded when asked for.

And the options that every command bears which changes something.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import click

from archive.i18n import _

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


class WithDefault(click.Group):
    """A group whose command `default` answers to what is no other command's name; `alone`: also to nothing at all.

    `luutru report`, `luutru digitise FILE…`, `luutru search WORDS`.
    """

    def __init__(self, *args: Any, default: str, alone: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.default, self.alone = default, alone

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the default's name in front of what names no command."""
        if (self.alone if not args else args[0] not in (*self.commands, *ctx.help_option_names)):
            args = [self.default, *args]
        return super().parse_args(ctx, args)


class Steps(click.Group):
    """The commands of a procedure in its `order`; those that lie `elsewhere` are loaded when they are asked for.

    `elsewhere`: name → (module, attribute). A name that is neither there nor registered is left out.
    """

    def __init__(self, *args: Any, order: Sequence[str], elsewhere: Mapping[str, tuple[str, str]],
                 **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.order, self.elsewhere = order, elsewhere

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands as the procedure meets them."""
        return [name for name in self.order if name in self.elsewhere or name in self.commands]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, or None."""
        if cmd_name in self.elsewhere:
            module, attribute = self.elsewhere[cmd_name]
            found: click.Command = getattr(importlib.import_module(module), attribute)
            return found
        return super().get_command(ctx, cmd_name)


def changes(function: Decorated) -> Decorated:
    """The options of every command that changes something: `--dry-run`, `--json`."""
    for option in (click.option("--json", "as_json", is_flag=True, help=_("for machines")),
                   click.option("--dry-run", is_flag=True, help=_("check only, change nothing"))):
        function = option(function)
    return function
