"""The report on disk: complete, closed in itself, escaped, renewed."""

from __future__ import annotations

import copy
import io
import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from web_corpus import FAMILIES, FOLDERS, HOSTILE, HOSTILE_NAMES, Corpus, build_corpus, corpus_at, encode, paint

from pipeline import report, tables
from pipeline.errors import Fatal
from pipeline.reasons import title
from pipeline.storage import Root
from pipeline.web import theme_screens
from pipeline.web.pictures import SIDE, thumbnail

PAGES = {"index", "crawls", "rejects", "duplicates", "clusters", "map", "runs", "journal", "credits", "plants",
         *(f"clusters/{n:02d}" for n in range(6)), *(f"{kind}/{n:02d}" for kind in ("runs", "latent") for n in (0, 3))}
VOID = {"meta", "link", "img", "input", "source", "br"}
LOADS = {("img", "src"), ("img", "srcset"), ("source", "srcset"), ("link", "href"), ("image", "href"),
         ("script", "src"), ("iframe", "src"), ("object", "data"), ("form", "action"), ("base", "href")}


class Page(HTMLParser):
    """What a browser would see: tags with attributes, ids, visible text."""

    def __init__(self, data: bytes) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.feed(data.decode("utf-8"))
        self.close()
        assert self.open == [], f"not closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def values(self, name: str) -> list[str]:
        return [attributes[name] for _, attributes in self.tags if name in attributes]

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Root, dict[str, Any], Path]:
    """A corpus, its edition, and its report."""
    root, edition = corpus_at(tmp_path_factory.mktemp("root"))
    out = tmp_path_factory.mktemp("report")
    report.build(root, edition, Root(out))
    return root, edition, out


@pytest.fixture(scope="module")
def aligned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a corpus that aligns faces."""
    root, edition = corpus_at(tmp_path_factory.mktemp("root"), align=True)
    out = tmp_path_factory.mktemp("report")
    report.build(root, edition, Root(out))
    return out


def members_of(root: Root, edition: dict[str, Any], cluster: int) -> list[str]:
    found = json.loads(root.read(f"{edition['clusters'][cluster]['path']}/cluster.json"))
    return [member["id"] for member in found["members"]]


def pages_of(folder: Path) -> dict[str, Page]:
    """The pages, those of single pictures left out."""
    paths = [path for path in folder.rglob("*.html") if path.parent.name != "pictures"]
    return {str(path.relative_to(folder).with_suffix("")): Page(path.read_bytes()) for path in paths}


def test_every_page_is_there_and_says_what_it_is_of(made: tuple[Root, dict[str, Any], Path]) -> None:
    found = pages_of(made[2])
    assert set(found) == PAGES
    for page in found.values():
        assert "Corpus painted · edition 3 · 22 November 2026, 00:24 UTC" in page.words
        assert sum(tag == "h1" for tag, _ in page.tags) == 1
        assert sum(tag == "main" for tag, _ in page.tags) == 1
        assert len(page.values("id")) == len(set(page.values("id")))


def test_build_returns_the_address_of_the_first_page(tmp_path: Path) -> None:
    root, edition = corpus_at(tmp_path / "root")
    address = report.build(root, edition, Root(tmp_path / "out"))
    assert Path(address) == tmp_path / "out" / "index.html"
    assert {path.name for path in (tmp_path / "out").iterdir() if path.is_dir()} == {
        "clusters", "data", "latent", "pictures", "runs", "static",
    }


def test_every_link_inside_leads_to_a_file_and_every_file_is_shown(
    made: tuple[Root, dict[str, Any], Path], aligned: Path
) -> None:
    for folder in (made[2], aligned):
        shown = {(folder / "index.html").resolve(), (folder / "data" / "map-ids.js").resolve()}
        for at in folder.rglob("*.html"):
            page = Page(at.read_bytes())
            ids = set(page.values("id"))
            for target in [*page.values("href"), *page.values("src"), *page.values("srcset")]:
                if target.startswith(("http://", "https://")):
                    continue
                name, _, anchor = target.partition("#")
                path = (at.parent / name).resolve() if name else at
                assert path.is_file(), f"{at} points to {target}"
                shown.add(path)
                known = ids if not name else set(Page(path.read_bytes()).values("id")) if anchor else set()
                assert not anchor or anchor in known, f"{at} points to {target}"
        assert {path.resolve() for path in folder.rglob("*") if path.is_file()} <= shown


def test_nothing_loads_from_elsewhere_and_no_word_becomes_code(
    made: tuple[Root, dict[str, Any], Path], aligned: Path
) -> None:
    every = [path for folder in (made[2], aligned) for path in folder.rglob("*.html")]
    for name, page in ((path, Page(path.read_bytes())) for path in every):
        policy = next(a["content"] for _, a in page.tags if a.get("http-equiv") == "Content-Security-Policy")
        assert policy.startswith("default-src 'none'; img-src 'self' data: blob:; ")
        assert "http" not in policy
        tags = {tag for tag, _ in page.tags}
        assert not tags & {"iframe", "object", "embed", "base", "style", "foreignobject"}, name
        assert "unsafe" not in policy
        for tag, attributes in page.tags:
            assert tag != "script" or "src" in attributes or attributes["type"] == "application/json"
            assert tag != "form" or attributes == {"method": "dialog"}
        for tag, attributes in page.tags:
            assert not any(key.startswith("on") or key == "style" for key in attributes), f"{name}: {tag} {attributes}"
            for key, value in attributes.items():
                assert (tag, key) not in LOADS or ":" not in value, f"{name}: {tag} {key}={value}"
            if tag == "a" and ":" in attributes["href"]:
                assert attributes["href"].startswith(("http://", "https://"))
                assert "noreferrer" in attributes["rel"].split()


def test_hostile_words_are_shown_as_they_are(made: tuple[Root, dict[str, Any], Path]) -> None:
    found = pages_of(made[2])
    sheets = " ".join(page.words for name, page in found.items() if name.startswith("clusters/"))
    for words in [*HOSTILE, *HOSTILE_NAMES]:
        assert " ".join(words.replace("\0", "\ufffd").split()) in sheets.replace("\0", "\ufffd")
    assert HOSTILE[0] in found["clusters"].words
    assert HOSTILE[0] in found["runs"].words
    assert HOSTILE[1] in found["rejects"].words


def test_crawls_are_told_night_by_night(made: tuple[Root, dict[str, Any], Path]) -> None:
    page = pages_of(made[2])["crawls"]
    assert "2 22 November 2026" not in page.words
    assert page.words.index("22 November 2026, 00:20 UTC") < page.words.index("21 November 2026, 02:10 UTC")
    assert "12 1 2 4,310 none 90 31 s" in page.words
    assert "2 robots , 1 http 4xx 412 10 min 0.3" in page.words
    assert "The last crawl ended early: example.org refuses. Run the same command again later." in page.words
    assert "Hosts given up pictures.example.net" in page.words
    assert HOSTILE[0] in page.words
    assert "777,777" not in page.words
    assert "skull" not in page.words
    assert "rejects.html#http_4xx" in page.values("href")
    assert "rejects.html#robots" not in page.values("href")


def test_pictures_have_words_in_their_place(made: tuple[Root, dict[str, Any], Path]) -> None:
    for name, page in pages_of(made[2]).items():
        for tag, attributes in page.tags:
            assert tag != "img" or attributes["alt"].strip(), name
    sheet = pages_of(made[2])["clusters/00"]
    assert "untitled picture 11" in [attributes.get("alt") for _, attributes in sheet.tags]


def test_the_funnel_and_the_rejects_agree(made: tuple[Root, dict[str, Any], Path]) -> None:
    _, edition, out = made
    found = pages_of(out)
    for reason, count in edition["counts"]["rejected"].items():
        assert reason in found["rejects"].values("id")
        assert f"{title(reason)} {count}" in found["index"].words
    assert "shorter side 49 px" in found["rejects"].words
    assert "select.min_side (64)" in found["rejects"].words
    assert "Shown: 24, those nearest to the limit first." in found["rejects"].words
    assert "HTTP 404" in found["rejects"].words


def test_of_a_time_to_the_second_the_date_is_shown(made: tuple[Root, dict[str, Any], Path]) -> None:
    words = "".join(page.words for page in pages_of(made[2]).values())
    assert "2024-05-01" in words
    assert "2024-05-01T" not in words


def test_duplicates_stand_beside_what_was_kept(made: tuple[Root, dict[str, Any], Path]) -> None:
    page = pages_of(made[2])["duplicates"]
    assert "4 pictures are kept in place of 5 that look the same and 9 with the same bytes." in page.words
    assert "lost to the sharper one" in page.words
    assert "The same bytes, of one of these, also came from Again what had lost" in page.words
    assert "3 bits apart" in page.words
    assert "and 2 more" in page.words
    sizes = [(a["width"], a["height"]) for tag, a in page.tags if tag == "img"]
    assert ("160", "121") in sizes
    assert ("80", "61") in sizes


def test_runs_show_their_steps_without_a_script(made: tuple[Root, dict[str, Any], Path]) -> None:
    page = pages_of(made[2])["runs/00"]
    steps = [a for tag, a in page.tags if tag == "input"]
    assert {a["type"] for a in steps} == {"radio"}
    assert sum("checked" in a for a in steps) == 1
    assert len(steps) == 16
    assert "16 of 21 steps" in page.words
    assert sum(a.get("class", "").startswith("curve") for _, a in page.tags) == 2 + 2 + 1 + 1
    assert "Mode collapse: it draws the same pictures again and again." in page.words
    assert "distance to the real pictures (KID) 0.11" in page.words
    assert "began with the networks of a base that saw every theme, then saw this theme alone." in page.words
    assert "of the 300 a GAN needs" in pages_of(made[2])["runs"].words


def test_what_was_made_of_a_generator_is_shown_with_its_words(made: tuple[Root, dict[str, Any], Path]) -> None:
    page = pages_of(made[2])["latent/00"]
    assert [a["id"] for tag, a in page.tags if tag == "h2" and "id" in a][:3] == ["walks", "mix", "neurons"]
    assert HOSTILE[1] in page.words
    assert "seed: 7" in page.words
    stills = [a["srcset"] for tag, a in page.tags if tag == "source"]
    assert [still.rpartition("-")[2] for still in stills] == ["circle.webp"]
    assert (made[2] / "latent" / stills[0]).is_file()


def test_sheets_hold_the_members_nearest_first_over_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(theme_screens, "SHEET", 5)
    root, edition = corpus_at(tmp_path / "root")
    report.build(root, edition, Root(tmp_path / "out"))
    shown: list[str] = []
    for name in ("02", "02-2", "02-3"):
        page = Page((tmp_path / "out" / "clusters" / f"{name}.html").read_bytes())
        shown += [Path(a["src"]).stem for tag, a in page.tags if tag == "img"]
        assert "../clusters/02-3.html" in page.values("href")
        named = [a["aria-label"] for tag, a in page.tags if tag == "nav"]
        assert len(named) == len(set(named)) == 4
    assert shown == members_of(root, edition, 2)


def test_faces_are_marked_before_and_after(aligned: Path) -> None:
    page = pages_of(aligned)["faces"]
    assert sum(a.get("class") == "eye" for _, a in page.tags) >= 4 * 24
    assert "yaw 61°" in page.words
    assert "No face was found." in page.words


def test_a_report_is_renewed_and_keeps_what_others_put_there(tmp_path: Path) -> None:
    root, edition = corpus_at(tmp_path / "root")
    out = tmp_path / "out"
    report.build(root, edition, Root(out))
    (out / "notes.html").write_text("mine")
    (out / "pictures" / "mine.webp").write_text("mine")
    before = {path: path.stat().st_mtime_ns for path in (out / "pictures").glob("*.webp")}
    smaller = copy.deepcopy(edition)
    smaller["clusters"].pop()
    smaller["demo"] = None
    smaller["runs"] = []
    report.build(root, smaller, Root(out))
    gone = set(members_of(root, edition, 5))
    left = {path.stem for path in (out / "pictures").iterdir()}
    assert len(gone & left) == 1, "only the keeper of a duplicate is still shown"
    assert not (out / "clusters" / "05.html").exists()
    assert not (out / "data" / "cluster-05.js").exists()
    assert not (out / "plants.html").exists()
    assert list((out / "runs").iterdir()) == list((out / "latent").iterdir()) == []
    assert (out / "notes.html").exists()
    assert (out / "pictures" / "mine.webp").exists()
    assert all(path.stat().st_mtime_ns == before[path] for path in (out / "pictures").glob("*.webp"))


def test_only_the_partitions_of_the_edition_count(tmp_path: Path) -> None:
    root, edition = corpus_at(tmp_path / "root")
    report.build(root, edition, Root(tmp_path / "before"))
    later = Corpus(root)
    later.add(encode(paint(1, 500)), format="jpeg", width=330, height=250, title="came the night after")
    later.write("wikiart-20261123T0300-00000")
    report.build(root, edition, Root(tmp_path / "after"))
    for page in (tmp_path / "before").rglob("*.html"):
        there = tmp_path / "after" / page.relative_to(tmp_path / "before")
        assert page.read_bytes() == there.read_bytes()


def test_unfinished_work_names_the_command_that_does_it(tmp_path: Path) -> None:
    root, edition = corpus_at(tmp_path / "root")
    for table in ("prepared", "embedded", "clustered"):
        for name in tables.names(root, FOLDERS[table]):
            root.delete(f"{FOLDERS[table]}/{name}.parquet")
    edition |= {"clusters": [], "runs": [], "until": "dedupe", "funnel": edition["funnel"][:3]}
    report.build(root, edition, Root(tmp_path / "out"))
    found = pages_of(tmp_path / "out")
    assert "pipeline cluster --k 20 --corpus painted" in found["clusters"].words
    assert "pipeline train --all --corpus painted" in found["runs"].words
    assert "4 pictures are kept" in found["duplicates"].words


def test_a_crawl_alone_has_a_report(tmp_path: Path) -> None:
    root = Root(tmp_path / "root")
    edition = build_corpus(root)
    for table in ("measured", "faces", "selected", "prepared", "embedded", "clustered"):
        for name in tables.names(root, FOLDERS[table]):
            root.delete(f"{FOLDERS[table]}/{name}.parquet")
    edition |= {"clusters": [], "runs": [], "demo": None, "funnel": edition["funnel"][:1]}
    report.build(root, edition, Root(tmp_path / "out"))
    found = pages_of(tmp_path / "out")
    assert "pipeline dedupe --corpus painted" in found["duplicates"].words
    assert "Timeout" in found["rejects"].words


def test_pictures_that_are_gone_or_damaged_leave_a_blank(tmp_path: Path) -> None:
    root, edition = corpus_at(tmp_path / "root")
    members = members_of(root, edition, 0)
    (tmp_path / "root" / tables.original_path(members[2], "jpeg")).unlink()
    (tmp_path / "root" / tables.original_path(members[4], "jpeg")).write_bytes(b"\xff\xd8\xff rotten")
    report.build(root, edition, Root(tmp_path / "out"))
    page = pages_of(tmp_path / "out")["clusters/00"]
    assert page.words.count("no picture") == 2
    assert sum(tag == "img" for tag, _ in page.tags) == len(members) - 2


def test_a_folder_that_is_gone_is_said_in_a_sentence(tmp_path: Path) -> None:
    root, edition = corpus_at(tmp_path / "root")
    root.delete(f"{edition['clusters'][0]['path']}/cluster.json")
    with pytest.raises(Fatal, match="pipeline cluster"):
        report.build(root, edition, Root(tmp_path / "out"))


def test_the_same_report_from_an_object_store(tmp_path: Path, s3_root: str) -> None:
    near, edition = corpus_at(tmp_path / "root", per_family=4, align=True)
    report.build(near, edition, Root(tmp_path / "near"))
    far = Root(s3_root)
    edition = build_corpus(far, per_family=4, align=True)
    report.build(far, edition, Root(tmp_path / "far"))
    assert report.build(far, edition, far.sub("reports/painted")) == f"{s3_root}/reports/painted/index.html"
    files = [path.relative_to(tmp_path / "near") for path in (tmp_path / "near").rglob("*") if path.is_file()]
    assert len(files) > 60
    for path in files:
        assert (tmp_path / "far" / path).read_bytes() == (tmp_path / "near" / path).read_bytes()
        assert far.read(f"reports/painted/{path}") == (tmp_path / "near" / path).read_bytes()


def test_thumbnails_are_small_upright_and_say_nothing_of_their_place() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8825)[2] = (48.0, 51.0, 30.0)
    made = Image.open(io.BytesIO(thumbnail(encode(paint(0, 0, (600, 300)), exif=exif), SIDE)))
    assert made.format == "WEBP"
    assert made.size == (80, 160)
    assert not made.getexif()
    assert "exif" not in made.info


def test_a_picture_is_larger_on_its_own_page(made: tuple[Root, dict[str, Any], Path]) -> None:
    _, _, out = made
    sheet = Page((out / "clusters/02.html").read_bytes())
    pages = [value for value in sheet.values("href") if "pictures/" in value]
    shown = [next(a["src"] for tag, a in Page((out / "clusters" / page).read_bytes()).tags if tag == "img")
             for page in pages]  # fmt: skip
    assert shown
    for picture in shown:
        with Image.open(out / "pictures" / picture) as found:
            assert max(found.size) == 330 > SIDE, "as large as it is: there are few"


def test_pictures_of_a_large_corpus_are_as_small_on_their_pages_as_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.web.pictures.LARGE", ((10, 640),))
    root, edition = corpus_at(tmp_path / "root", per_family=3)
    report.build(root, edition, Root(tmp_path / "out"))
    names = [path.name for path in (tmp_path / "out/pictures").glob("*.webp")]
    assert names
    assert not [name for name in names if name.startswith("l")]


def test_every_family_has_its_card(made: tuple[Root, dict[str, Any], Path]) -> None:
    page = pages_of(made[2])["clusters"]
    for name in FAMILIES[2:]:
        assert name in page.words
    assert sum(a.get("class") == "nine" for _, a in page.tags) == 6
    assert sum(a.get("class") == "three" for _, a in page.tags) == 6


def test_plants_are_counted_apart_from_what_was_left_alone(made: tuple[Root, dict[str, Any], Path]) -> None:
    page = pages_of(made[2])["plants"]
    assert "64 of 68 were treated as they should be" in page.words
    assert "Of the 120 works where nothing was planted, 119 were rightly called neither copy nor damaged" in page.words
    assert "61 of 65" in page.words
    assert sum(a.get("class") == "num bad" for _, a in page.tags) == 1
