"""The sources that exist: what each is, what it takes, and the prefix of its partitions. Imports no crawler."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline import licences
from pipeline.errors import UsageError, did_you_mean
from spiders import museum_filters
from spiders.pages.hashtags import tags_of
from spiders.pages.web import DEFAULT, PROVIDERS, chosen

PLACES = frozenset({"limit", "base_url", "recheck", "ignore_optout", "strategy", "api", "budget", "fresh", "gps"})
"""Arguments that say how much, from where and how, not what: they do not name a source."""
RECHECKS = ("none", "rota", "all")
"""Which known pictures a crawl asks for again, whether they have changed."""


@dataclass(frozen=True)
class Source:
    """`arguments` maps names to help; at most one of those in `one_of` may be given; `built` is False
    for a source that comes with a later version, and `until` then says what works instead.

    On the command line each argument is an option, but the one that is `positional` stands without a name, and
    `switches` are yes or no. With an argument of `questions` the source answers with names and stores nothing.
    An import that is `fetched` asks addresses of the web, as a crawl does.
    `examples` are the ends of command lines, after `pipeline crawl NAME` or `pipeline import NAME`.
    """

    about: str
    arguments: Mapping[str, str] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    one_of: tuple[str, ...] = ()
    positional: str = ""
    switches: tuple[str, ...] = ()
    questions: tuple[str, ...] = ()
    fetched: bool = False
    examples: tuple[str, ...] = ()
    built: bool = True
    until: str = ""


_COMMON = {
    "limit": "take at most the first N pictures of the list",
    "base_url": "the site's address, for a practice gallery or a mirror",
    "gallery": "which practice gallery it is, so that its partitions stay apart from the site's",
    "ignore_optout": "opt-out signals to keep pictures in spite of, such as robots_ai,tdm, or all; it is recorded",
    "recheck": "ask again for known pictures, whether they changed: none, rota (some of them each time) or all",
    "license": "only pictures under these licences: cc0,cc-by,cc-by-sa,public-domain,…",
}
_NOW = "Until then, `pipeline import folder PATH` takes pictures that are on disk."
_PATH = {"path": "the folder or file to import", "limit": _COMMON["limit"], "license": _COMMON["license"]}

SOURCES: Mapping[str, Source] = {
    "wikiart": Source(
        "paintings of wikiart.org by style, genre, artist or movement, or all of them",
        {
            "style": "a style, such as cubism", "genre": "a genre, such as landscape",
            "artist": "an artist, such as thomas-cole",
            "movement": "the artists of a movement, such as impressionism",
            "nation": "the artists of a nation, such as dutch", "century": "the artists of a century",
            "school": "the artists of a school, such as hague-school",
            "public_domain": "take works alone whose artist died more than 70 full years ago",
            "details": "no: faster, without each work's own styles, genres and tags",
            "strategy": "for styles and genres: listing (at most 3,600 works), artists, or auto, which goes on by "
            "artists where the listing ends",
            "api": "take details from the documented API: needs WIKIART_KEY and WIKIART_SECRET, 400 calls an hour",
            "list": "print the names of all styles, genres, artists, movements, nations, centuries or schools",
            "gallery": "what the practice gallery at base_url shows, so that its works stay apart from others",
            **_COMMON,
        },
        one_of=("style", "genre", "artist", "movement", "nation", "century", "school"),
        switches=("details", "public_domain", "api"), questions=("list",),
        examples=("--style cubism --limit 500", "--genre landscape --public-domain", "--artist claude-monet --dry-run",
                  "--list styles"),
    ),
    "instagram": Source(
        "pictures with a hashtag, over the official Graph API",
        {"tag": "a hashtag, or several parted by commas", **_COMMON}, ("tag",),
        examples=("--tag skull", "--tag skull,memento_mori --dry-run"),
    ),
    "web": Source(
        "pictures found by a search of the web",
        {
            "query": "what to search, or a category of Wikimedia Commons as Category:NAME",
            "provider": f"who searches, parted by commas: {', '.join(PROVIDERS)}; {DEFAULT} if not given",
            "also": "other words for the same, parted by commas, asked as well",
            "budget": "how many calls a run may make of each provider that counts them; also beyond what is free",
            "fresh": "buy answers again that are older than so many days; never if not given",
            "thumbnails": "take the provider's thumbnail where the picture itself is gone",
            "quota": "print what was spent of each provider's quota, and what is left",
            **_COMMON,
        },
        ("query",), positional="query", switches=("thumbnails", "quota"), questions=("quota",),
        examples=('"human skull" --limit 200', '"human skull" --license cc0,cc-by --dry-run',
                  '"human skull" --provider google,brave --budget 50 --also cranium', "--quota"),
    ),
    "museum": Source(
        "open access pictures of a museum, over its API",
        {
            "museum": f"which museum: {', '.join(museum_filters.TAKES)}", "query": "what to search",
            **museum_filters.options(),
            "rights": "open, for open access alone, or any; open if not given",
            "images": "all pictures of a work, or the first; all if not given",
            **_COMMON,
        },
        ("museum",),
        examples=("--museum met --query skull --limit 50", "--museum cleveland --type Painting --to-year 1700",
                  "--museum artic --query skull --dry-run", "--museum rijksmuseum --set 260214"),
    ),
    "iiif": Source(
        "every image of a IIIF manifest or collection",
        {
            "manifest": "the address of the manifest or collection",
            "size": "the longest side wanted, in pixels; the largest there is if not given",
            "choices": "take every image where a canvas offers a choice, not only the first",
            "rights": "open, for open access alone, or any; open if not given",
            **{name: about for name, about in _COMMON.items() if name != "base_url"},
        },
        ("manifest",), positional="manifest", switches=("choices",),
        examples=("https://example.org/manifest.json", "https://example.org/collection.json --size 1024 --rights any"),
    ),
}  # fmt: skip
"""What `pipeline crawl` and `{crawl: …}` of a manifest take."""

IMPORTS: Mapping[str, Source] = {
    "folder": Source("pictures on disk, at any depth, with an index.csv beside them or without", _PATH, ("path",)),
    "photos": Source(
        "the library of a phone or camera: HEIC and JPEG with their dates, live photos without their films",
        {**_PATH, "gps": "yes: keep where each picture was taken; left out if not given"},
        ("path",), switches=("gps",), examples=("~/DCIM", "~/DCIM --gps"),
    ),
    "imagefolder": Source("a folder for each class, or metadata.csv or .jsonl beside the pictures", _PATH, ("path",)),
    "painter-by-numbers": Source("the Kaggle set: train and test with all_data_info.csv", _PATH, ("path",)),
    "mnist": Source("digits or other pictures in idx files, with their labels", _PATH, ("path",)),
    "webdataset": Source("tars of pictures with JSON", _PATH, ("path",)),
    "instaloader": Source("what instaloader downloaded", _PATH, ("path",)),
    "instagram-export": Source("an Instagram account's own export in JSON, zips or unpacked", _PATH, ("path",)),
    "gallery-dl": Source("what gallery-dl downloaded with --write-metadata", _PATH, ("path",)),
    "video": Source(
        "frames of films",
        {
            **_PATH,
            "every": "seconds from one frame to the next, 1 if not given",
            "scenes": "yes: the first frame of each scene",
        },
        ("path",),
        one_of=("every", "scenes"),
        switches=("scenes",),
        examples=("~/films --every 5", "~/films --scenes"),
    ),
    "urls": Source(
        "pictures at the addresses of a list: text, CSV, TSV, JSON, JSON lines or Parquet, or a folder of them",
        {
            "path": "the list, or a folder of lists",
            "url_col": "the column of addresses, if it is not found by its name",
            "caption_col": "the column of captions",
            "hash_col": "a column of MD5, SHA-1 or SHA-256 that the bytes must have",
            "license": _COMMON["license"], "ignore_optout": _COMMON["ignore_optout"],
            "base_url": "what stands before relative addresses; that of a practice gallery lets it be asked",
            "limit": _COMMON["limit"],
        },
        ("path",),
        fetched=True,
        examples=("list.txt", "laion.parquet --url-col URL --caption-col TEXT --limit 1000", "lists/ --dry-run"),
    ),
}
"""What `pipeline import` and `{import: …}` of a manifest take."""


def check(spec: Mapping[str, Any]) -> Source:
    """The source that a manifest's spec names, `{crawl: wikiart, style: cubism}` or `{import: folder, path: X}`.

    Raises UsageError, in one sentence, when the source is unknown or not built yet, or an argument is
    unknown, missing, or one too many.
    """
    verb, name, given = _parts(spec)
    known = SOURCES if verb == "crawl" else IMPORTS
    if name not in known:
        kind = "source" if verb == "crawl" else "kind of import"
        hint = did_you_mean(name, known) or f" Known: {', '.join(known)}."
        raise UsageError(f"There is no {kind} called {name!r}.{hint}")
    source = known[name]
    if not source.built:
        raise UsageError(f"`{verb} {name}` ({source.about}) comes with a later version. {source.until}".strip())
    for argument in given:
        if argument not in source.arguments:
            hint = did_you_mean(argument, source.arguments) or f" Known: {', '.join(source.arguments)}."
            raise UsageError(f"`{verb} {name}` takes no argument {argument!r}.{hint}")
    licences.wanted(given.get("license") or "any")
    asked = any(given.get(question) for question in source.questions)
    for argument in () if asked else source.required:
        if given.get(argument) in (None, ""):
            raise UsageError(f"`{verb} {name}` needs {argument!r}: {source.arguments[argument]}.")
    if name in ("museum", "iiif"):
        museum_filters.check(name, given)
    if name == "web":
        _check_web(given)
    if name == "instagram":
        tags_of(str(given["tag"]))
    _check_places(given)
    one_of = [argument for argument in source.one_of if given.get(argument)]
    if len(one_of) > 1:
        raise UsageError(f"`{verb} {name}` takes one of {' and '.join(one_of)}, not both: choose one.")
    return source


def _check_places(given: Mapping[str, Any]) -> None:
    limit, base = given.get("limit"), given.get("base_url")
    if limit not in (None, "") and not (str(limit).isdigit() and int(limit) > 0):
        raise UsageError(f"A limit of {limit!r} makes no sense: give the number of pictures, 1 or more.")
    if base and not re.fullmatch(r"https?://[^/\s]+.*", str(base)):
        raise UsageError(f"{base!r} is not the address of a site: it begins with http:// or https://.")
    if given.get("recheck") not in (None, "", *RECHECKS):
        raise UsageError(f"`recheck` is {', '.join(RECHECKS)}, not {given['recheck']!r}: choose one of them.")


def _check_web(given: Mapping[str, Any]) -> None:
    chosen(given.get("provider"))
    for name in ("budget", "fresh"):
        if given.get(name) not in (None, "") and not str(given[name]).isdigit():
            raise UsageError(f"`{name}` is a whole number, 0 or more, not {given[name]!r}.")


def source_prefix(spec: Mapping[str, Any]) -> str:
    """How the partitions of a source begin: `wikiart-style-cubism-1a2b3c4d`.

    The same for every limit and base address; for an import the digest is over its resolved path.
    """
    verb, name, given = _parts(spec)
    what = {key: _canonical(key, value) for key, value in given.items() if key not in PLACES}
    what = {key: value for key, value in what.items() if value is not None}
    if verb == "import" and "path" in what:
        what["path"] = str(Path(what["path"]).expanduser().resolve())
        readable = "-".join([Path(what["path"]).name, *(f"{key}-{what[key]}" for key in sorted(what) if key != "path")])
    else:
        readable = "-".join(f"{key}-{value}" for key, value in sorted(what.items())) or "all"
    digest = hashlib.sha256(json.dumps([verb, name, what], sort_keys=True).encode("utf-8", "surrogateescape"))
    words = re.sub(r"[^a-z0-9]+", "-", f"{name}-{readable}".lower()).strip("-")[:64].rstrip("-")
    return f"{words}-{digest.hexdigest()[:8]}"


def described(spec: Mapping[str, Any]) -> str:
    """A source as people read it: `wikiart style=cubism`, `folder ~/pictures`."""
    _verb, name, given = _parts(spec)
    if "path" in given:
        return f"{name} {given['path']}"
    what = " ".join(f"{key}={value}" for key, value in given.items() if key not in PLACES and value is not None)
    return f"{name} {what}".strip()


def is_detailed(value: Any) -> bool:
    """Whether an argument `details` asks for details, or another for what it says: yes unless it says no."""
    return str(value).strip().lower() not in ("no", "false", "0", "off")


def is_only_free(value: Any) -> bool:
    """Whether an argument `public_domain` asks for works in the public domain alone. Raises UsageError."""
    word = str("all" if value in (None, "") else value).strip().lower()
    if word in ("only", "yes", "true", "1", "on"):
        return True
    if word in ("all", "no", "false", "0", "off"):
        return False
    raise UsageError(f"`public_domain` is only or all, not {value!r}: choose one of them.")


def _parts(spec: Mapping[str, Any]) -> tuple[str, str, dict[str, Any]]:
    verb = "crawl" if "crawl" in spec else "import"
    if verb not in spec:
        raise UsageError("A source is {crawl: SOURCE, …} or {import: KIND, path: …}.")
    return verb, str(spec[verb]), {key: value for key, value in spec.items() if key != verb}


def _canonical(key: str, value: Any) -> Any:
    """One spelling for each value: `Pop Art` and `pop-art` are the same source; defaults are left out."""
    if key == "details":
        return None if value is None or is_detailed(value) else "no"
    if key == "public_domain":
        return "only" if is_only_free(value) else None
    if key == "tag":
        return ",".join(sorted(tags_of(str(value)))) if value else None
    if key == "license":
        return ",".join(sorted(licences.wanted(value or "any"))) or None
    if (key, str(value)) in museum_filters.DEFAULTS:
        return None
    if key == "provider":
        return None if value in (None, "", DEFAULT) else ",".join(sorted(one.name for one in chosen(str(value))))
    if key in ("scenes", "choices", "thumbnails"):
        return "yes" if value is not None and is_detailed(value) else None
    if key in ("path", "manifest") or value is None:
        return None if value is None else str(value)
    if key == "every" and re.fullmatch(r"\d*\.?\d+", str(value)):
        return f"{float(value):g}"
    return re.sub(r"[\s_]+", "-", str(value).strip().lower()) or None
