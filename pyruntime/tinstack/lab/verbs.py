"""The group of all verbs: their order, their help, and what is said where a file can't be used."""

from typing import Any

import click

ORDER = (
    "up", "dev", "status", "verify", "trace", "network", "logs", "collect", "env",
    "ssh", "add-compute", "drain", "remove", "reconfigure", "upgrade", "rotate-secrets", "renew-certificates",
    "backup", "restore", "test", "destroy",
)  # fmt: skip
"""In which one meets the verbs."""


class Verbs(click.Group):
    """Shows the verbs in the order in which one meets them. What a lab's state does not let one do is said in a sentence."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except PermissionError as error:
            from tinstack.lab.words import LabError

            what = error.filename or "A file"
            raise LabError(
                f"{what} can't be used: {error.strerror}. A lab is its maker's alone: be who ran `./lab up`."
            ) from None

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(self.commands, key=lambda verb: ORDER.index(verb) if verb in ORDER else len(ORDER))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Each with its first sentence whole, however narrow the terminal is."""
        with formatter.section("Commands"):
            formatter.write_dl(
                [(verb, self.commands[verb].get_short_help_str(limit=1000)) for verb in self.list_commands(ctx)]
            )
