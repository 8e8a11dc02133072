"""The command line: help for every verb, docs for every verb, one sentence for every mistake."""

import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import click
import pytest
from conftest import free_ports
from job import make_pictures, manifest, pipeline
from PIL import Image

from pipeline.cli import VERBS, cli
from pipeline.inspection import rejects_text
from spiders.gallery import Catalogue, Gallery
from spiders.registry import IMPORTS, SOURCES

DOCS = Path(__file__).parents[1] / "docs"


def command(verb):
    found = cli.get_command(click.Context(cli), verb)
    assert found is not None
    return found


@pytest.mark.parametrize("verb", VERBS)
def test_help_begins_with_an_example_and_explains_every_option(verb):
    found = command(verb)
    text = found.get_help(click.Context(found, info_name=f"pipeline {verb}"))
    first = text.split("\n\n")[1].strip()
    assert first.startswith(f"pipeline {verb}"), text
    assert all(parameter.help for parameter in found.params if isinstance(parameter, click.Option))


@pytest.mark.parametrize("verb", VERBS)
def test_all_verbs_take_the_common_options(verb):
    found = command(verb)
    for one in found.commands.values() if isinstance(found, click.Group) else [found]:
        names = {option for parameter in one.params for option in parameter.opts}
        assert {"--root", "--json", "--dry-run", "--quiet", "--verbose"} <= names


@pytest.mark.parametrize(("verb", "name"), [*(("crawl", name) for name in SOURCES), *(("import", n) for n in IMPORTS)])
def test_each_source_is_a_command_with_examples_and_all_its_arguments(verb, name):
    found = command(verb).commands[name]
    text = found.get_help(click.Context(found, info_name=f"pipeline {verb} {name}"))
    assert text.split("\n\n")[1].strip().startswith(f"pipeline {verb} {name}"), text
    asked = (SOURCES if verb == "crawl" else IMPORTS)[name].arguments
    assert {parameter.name for parameter in found.params} >= asked.keys() - {"gallery"}
    assert f"### `pipeline {verb} {name}`" in (DOCS / "verbs.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_and_option_stands_in_the_reference(verb):
    reference = (DOCS / "verbs.md").read_text(encoding="utf-8")
    section = re.split(r"^## ", reference, flags=re.MULTILINE)
    mine = next((part for part in section if part.startswith(f"`pipeline {verb}`")), None)
    assert mine is not None, f"docs/verbs.md has no section for {verb}: run `make docs`"
    for parameter in command(verb).params:
        if isinstance(parameter, click.Option):
            assert f"{parameter.opts[0]}" in mine, f"docs/verbs.md does not name {parameter.opts[0]} of {verb}"


def fails(*args, root, code=2, **environment):
    """The message of a call that must fail in one sentence, without a traceback."""
    done = pipeline(*args, root=root, check=False, **environment)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr.strip().splitlines()[-1]


def test_unknown_verb_names_the_nearest():
    done = pipeline("clutser", root="x", check=False)
    assert done.returncode == 2
    assert done.stderr.strip() == "Error: There is no verb 'clutser'. Did you mean cluster?"


def test_unknown_source_names_the_nearest(tmp_path):
    assert "Did you mean wikiart?" in fails("crawl", "wikart", root=tmp_path)


def test_a_site_that_is_down(tmp_path):
    (port,) = free_ports(1)
    message = fails("crawl", "wikiart", "--base-url", f"http://127.0.0.1:{port}", root=tmp_path, code=4)
    assert f"127.0.0.1:{port} does not answer" in message
    assert "run the same command again later" in message


def test_unknown_style_names_the_nearest(tmp_path):
    Image.new("RGB", (80, 80), "red").save(tmp_path / "a.png")
    (tmp_path / "index.csv").write_text("path,style,artist\na.png,Cubism,A. Artist\n")
    with Gallery(Catalogue.from_folder(tmp_path)) as gallery:
        message = fails("crawl", "wikiart", "--style", "cubsm", "--base-url", gallery.url, root=tmp_path / "root")
    assert message.startswith("Error: WikiArt has no style 'cubsm'; did you mean cubism?")


def test_a_source_without_its_key_says_what_to_do(tmp_path):
    message = fails("crawl", "instagram", "--tag", "skull", root=tmp_path, INSTAGRAM_TOKEN="")
    assert "INSTAGRAM_TOKEN is not set" in message


def test_unknown_manifest_key_has_its_line_and_the_nearest_key(tmp_path):
    path = tmp_path / "m.yaml"
    path.write_text("corpus: x\nsources:\n  - {import: folder, path: y}\nclsuter: {k: 3}\n")
    assert "line 4: `clsuter` is not a key of a manifest. Did you mean cluster" in fails("run", path, root=tmp_path)


def test_missing_manifest(tmp_path):
    assert "There is no manifest" in fails("run", tmp_path / "none.yaml", root=tmp_path)


def test_unknown_step(tmp_path):
    recipe = manifest(tmp_path, make_pictures(tmp_path / "pictures", 4))
    assert "There is no step 'banana'" in fails("run", recipe, "--until", "banana", root=tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write anywhere")
def test_unwritable_root(tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir()
    closed.chmod(stat.S_IRUSR | stat.S_IXUSR)
    pictures = make_pictures(tmp_path / "pictures", 4)
    assert "cannot be written" in fails("import", "folder", pictures, root=closed / "root", code=1)


def test_a_root_that_cannot_be(tmp_path):
    (tmp_path / "file").write_text("x")
    pictures = make_pictures(tmp_path / "pictures", 4)
    assert "choose another" in fails("import", "folder", pictures, root=tmp_path / "file" / "root", code=1)


def test_full_disk(tmp_path):
    """A limit on file sizes stands in for a full disk: the system's answer takes the same road."""
    pictures = make_pictures(tmp_path / "pictures", 4)
    limited = ["bash", "-c", 'ulimit -f 1; exec "$@"', "bash", sys.executable, "-m", "pipeline.cli"]
    command = [*limited, "import", "folder", pictures, "--root", tmp_path / "root"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 6, done.stderr
    assert "No space is left at" in done.stderr
    assert "run the same command again" in done.stderr
    assert not [path for path in (tmp_path / "root").rglob("*") if path.suffix in (".jpg", ".parquet")]
    pipeline("import", "folder", pictures, root=tmp_path / "root")


def test_no_pictures(tmp_path):
    (tmp_path / "empty").mkdir()
    assert "no pictures" in fails("import", "folder", tmp_path / "empty", root=tmp_path / "root").lower()
    assert "no pictures yet" in fails("cluster", "--k", "3", root=tmp_path / "root").lower()


def test_more_clusters_than_pictures(tmp_path):
    recipe = manifest(tmp_path, make_pictures(tmp_path / "pictures", 6), cluster={"k": 50})
    message = fails("run", recipe, "--until", "cluster", root=tmp_path / "root")
    assert "50 clusters were asked of 6 kept pictures: ask for --k 6 or fewer" in message


def test_train_needs_to_know_what(tmp_path):
    assert "--all, or --cluster N" in fails("train", root=tmp_path)


def test_wrong_sql_is_one_sentence(tmp_path):
    assert "The query does not work" in fails("sql", "selec 1", root=tmp_path)


def test_errors_are_objects_for_scripts(tmp_path):
    done = pipeline("crawl", "wikart", "--json", root=tmp_path, check=False)
    error = json.loads(done.stdout)
    assert error["schema_version"] == 1
    assert error["error"]["exit_code"] == 2


def test_nothing_is_written_by_a_dry_run(tmp_path):
    recipe = manifest(tmp_path, make_pictures(tmp_path / "pictures", 4))
    done = pipeline("run", recipe, "--dry-run", root=tmp_path / "root")
    assert "would be asked" in done.stdout
    assert not (tmp_path / "root").exists()


def test_status_of_an_empty_root_says_what_to_type(tmp_path):
    assert "pipeline demo" in pipeline("status", root=tmp_path).stdout


def test_numbers_that_decided_are_said_in_words():
    example = {"id": "ab" * 32, "source_id": "7", "title": None, "url": None}
    turned = {"reason": "odd_angle", "count": 1, "means": "turned", "examples": [
        {**example, "reason_value": 31.2, "detail": "yaw"}]}
    cut = {"reason": "truncated", "count": 1, "means": "cut", "examples": [
        {**example, "reason_value": None, "detail": None}]}
    text = rejects_text({"corpus": "c", "edition": 1, "reasons": [turned, cut]})
    assert "abababababab  yaw 31°  7" in text
    assert "abababababab  7" in text


def test_control_characters_of_scraped_text_never_reach_the_terminal(tmp_path):
    pictures = make_pictures(tmp_path / "pictures", 4)
    (pictures / "cut.jpg").rename(pictures / "cut \x1b[31m.jpg")
    pipeline("run", manifest(tmp_path, pictures), "--until", "dedupe", root=tmp_path / "root")
    out = pipeline("rejects", root=tmp_path / "root").stdout
    assert "\x1b" not in out
    assert "cut ·[31m.jpg" in out
