"""Import the ImageFolder layout: a folder for each class, and metadata.csv or metadata.jsonl beside the pictures."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.errors import UsageError
from spiders import folder, index
from spiders.importers.given import Given, labelled, title_of
from spiders.intake import Item

INDEXES = {**folder.INDEXES, "metadata.csv": index.read, "metadata.jsonl": index.read_lines}
SPLITS = frozenset({"train", "training", "test", "testing", "valid", "validation", "val", "dev", "eval", "evaluation"})
LABELS = ("label", "class", "class_name")


def items(given: Given) -> Iterator[Item]:
    """Every picture with what the metadata says of it; without a genre there, its class becomes its genre.

    The class is a column `label` that is a name, else the folder that the picture lies in; a first folder called
    train, test or validation is no class and stands in `extra` as `split`. `source_id` is the path relative to
    the folder. Raises UsageError when there is no folder, or nothing in it.
    """
    if not given.path.is_dir():
        raise UsageError(f"{given.shown} is a file: name the folder that has a folder for each class.")
    tree = given.tree(INDEXES)
    if not tree.files and not tree.rows:
        raise UsageError(f"There are no pictures in {given.shown}: name the folder that has a folder for each class.")
    yield from folder.items(tree, given.path, given.tally, "imagefolder", _described)


def _described(name: str, row: index.Row) -> index.Row:
    """The row with title, class and split, as far as they are known."""
    extra = dict(row.get("extra") or {})
    parts = name.split("/")[:-1]
    if parts and parts[0].lower() in SPLITS:
        extra["split"] = parts.pop(0)
    written = next((str(extra[key]) for key in LABELS if extra.get(key)), "")
    label = written if written and not written.isdigit() else parts[-1] if parts else written
    title = row.get("title") or title_of(extra.get("caption") or extra.get("text"))
    return labelled({**row, "title": title, "extra": extra or None}, label)
