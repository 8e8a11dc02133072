"""Writes docs/verbs.md, the reference of the command line, from the help texts themselves."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from pipeline.cli import VERBS, cli

HEAD = """# The verbs

Made by `make docs` from the help texts; a test compares them.

"""


def reference() -> str:
    """The help of every verb as Markdown."""
    parts = [HEAD]
    for verb, (_, line) in VERBS.items():
        command = cli.get_command(click.Context(cli), verb)
        assert command is not None
        parts.append(f"## `pipeline {verb}`\n\n{line}\n\n{_help(verb, command)}")
        if isinstance(command, click.Group):
            parts += [f"### `pipeline {verb} {name}`\n\n{_help(f'{verb} {name}', below)}"
                      for name, below in command.commands.items()]  # fmt: skip
    return "".join(parts)


def _help(words: str, command: click.Command) -> str:
    context = click.Context(command, info_name=f"pipeline {words}", max_content_width=100, terminal_width=100)
    return f"```\n{command.get_help(context)}\n```\n\n"


if __name__ == "__main__":
    Path(sys.argv[1] if len(sys.argv) > 1 else "docs/verbs.md").write_text(reference(), encoding="utf-8")
