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
        context = click.Context(command, info_name=f"pipeline {verb}", max_content_width=100, terminal_width=100)
        parts.append(f"## `pipeline {verb}`\n\n{line}\n\n```\n{command.get_help(context)}\n```\n\n")
    return "".join(parts)


if __name__ == "__main__":
    Path(sys.argv[1] if len(sys.argv) > 1 else "docs/verbs.md").write_text(reference(), encoding="utf-8")
