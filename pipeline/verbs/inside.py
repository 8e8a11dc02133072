"""The verb that looks into the GAN of a theme: the commands of `python -m gan`, on what a corpus has."""

from __future__ import annotations

import inspect
import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from gan.cli_inside import LOOKS
from pipeline.errors import UsageError
from pipeline.verbs.common import Setting, common

if TYPE_CHECKING:
    from gan.export import Origin
    from gan.looking import Reals

_OURS = ("run", "data", "as_json")  # what a corpus knows by itself


@click.group("gan")
def gan_() -> None:
    """\b
    pipeline gan walk --cluster 7 --loop
    pipeline gan name --cluster 7 --seeds 3,17,42 "smiling woman"
    pipeline gan mix --cluster 7 "smiling woman - neutral woman + neutral man"
    pipeline gan rank --cluster 7

    Look into the GAN of a theme: walks, sums, directions, neurons; find real pictures again, rank them, measure it,
    give it away. What is made goes into the run's folder, and onto the pages of `pipeline report` and `review`.
    """


@dataclass(frozen=True)
class Place:
    """Where a run lies below the root, and of which theme it is; a base is of none."""

    run: str
    edition: Mapping[str, Any] | None = None
    cluster: Mapping[str, Any] | None = None


def _thin(command: click.Command) -> click.Command:
    """The command of `python -m gan` on a theme of a corpus."""

    @common
    def call(setting: Setting, cluster: int | None, run: str | None, corpus: str | None, **asked: Any) -> None:
        place = _place(setting, cluster, run, corpus)
        known: dict[str, Any] = {"run": setting.root.sub(place.run), "as_json": setting.json}
        if setting.dry_run:
            setting.data({"would": {"gan": command.name, "run": place.run}}, f"Would {command.name} in {place.run}.")
            return
        if any(parameter.name == "data" for parameter in command.params):
            known["data"] = _pictures(setting, place)
        if command.name == "export":
            known["origin"] = _origin(setting, place)
        assert command.callback is not None
        command.callback(**known, **asked)

    call.__doc__ = _help(command.help or "")
    made = click.command(command.name, short_help=command.short_help)(call)
    own = [parameter for parameter in command.params if parameter.name not in _OURS]
    which = [
        click.Option(["--cluster"], type=int, help="The theme whose GAN it is."),
        click.Option(["--run"], metavar="RUN", help="Or a run, by its folder at the root."),
        click.Option(["--corpus"], metavar="NAME", help="Which corpus [the only one]."),
    ]
    made.params = [*which, *own, *made.params]
    return made


def _help(text: str) -> str:
    """The help of a command, with the examples as `pipeline` has them."""
    text = inspect.cleandoc(text).replace("Examples:\n", "", 1)
    text = re.sub(r" *python -m gan (\w+) --run \S+(?: --data \S+)?", r"pipeline gan \1 --cluster 7", text)
    return text.replace("the name of one of --data", "the id of a picture of the theme")


for _command in LOOKS:
    gan_.add_command(_thin(_command))


# where things are


def _place(setting: Setting, cluster: int | None, run: str | None, corpus: str | None) -> Place:
    """The run that is meant. Raises UsageError when there is none."""
    from pipeline.corpus import newest

    if (cluster is None) == (run is None):
        raise UsageError("Say whose GAN: --cluster N (`pipeline status` lists the themes), or --run RUN.")
    if run is not None:
        return _by_folder(setting, run)
    edition = newest(setting.root, corpus)
    theme = next((one for one in edition["clusters"] if one["id"] == cluster), None)
    if theme is None:
        raise UsageError(f"The corpus {edition['corpus']} has no theme {cluster}: `pipeline status` lists them.")
    path = next((one["path"] for one in edition["runs"] if one["cluster"] == cluster and one["path"]), None)
    if path is None:
        raise UsageError(f"Theme {cluster} has no GAN yet: train one with `pipeline train --cluster {cluster}`.")
    return Place(path, edition, theme)


def _by_folder(setting: Setting, run: str) -> Place:
    """A run by its folder, and the theme that it was trained on, if its corpus still has it."""
    from pipeline.corpus import newest

    root = setting.root
    path = run.removeprefix(root.url).strip("/")
    if not root.names(path, ".safetensors"):
        raise UsageError(f"There is no trained run {run} at {root.url}: name a folder such as runs/NAME/07/00001-….")
    if not root.exists(f"{path}/run.json"):
        return Place(path)
    facts = json.loads(root.read(f"{path}/run.json"))
    edition = newest(root, facts["corpus"])
    theme = next((one for one in edition["clusters"] if one["id"] == facts["cluster"]), None)
    return Place(path, edition, theme)


def _pictures(setting: Setting, place: Place) -> Reals:
    """The pictures of the theme with their ids, when they are asked for."""

    def load(size: int) -> tuple[Any, list[str]]:
        from pipeline.training import load_pictures

        if place.cluster is None:
            raise UsageError(f"The pictures of {place.run} are those of no theme: name one with --cluster.")
        folder = f"{place.cluster['path']}/images"
        ids = [name.rpartition(".")[0] for name in setting.root.names(folder)]
        return load_pictures(setting.root, folder, size), ids

    return load


def _origin(setting: Setting, place: Place) -> Origin | None:
    """Which pictures a run was trained on, with their licences and credits; None of a run of no theme."""
    from gan.export import Licence, Origin
    from pipeline import attribution, membership

    if place.edition is None or place.cluster is None:
        return None
    root, edition = setting.root, place.edition
    ids = membership.trained_on(root, place.run) or membership.members(root, place.cluster["path"])
    found = attribution.credits(root, edition, only=ids)
    counts: Counter[tuple[str, str]] = Counter()
    for credit in found:
        counts[attribution.named(credit.licence), credit.licence_url] += credit.pictures
    return Origin(
        corpus=edition["corpus"],
        edition=edition["edition"],
        theme=place.cluster["name"],
        pictures=len(ids),
        changes=attribution.changes(edition["manifest"]),
        licences=tuple(Licence(name, address, count) for (name, address), count in counts.most_common()),
        credits={f"credits.{form}": attribution.written(found, edition, form).encode() for form in ("csv", "md")},
    )
