"""Manifests: the YAML recipe of a corpus, checked key by key."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from pipeline import licences
from pipeline.errors import ManifestError, UsageError, did_you_mean

Fraction = Annotated[float, Field(ge=0, le=1)]
Point = tuple[Fraction, Fraction]
NAMED_COLOURS = {"white": (255, 255, 255), "black": (0, 0, 0), "grey": (128, 128, 128), "gray": (128, 128, 128)}


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


_Checked = TypeVar("_Checked", bound=_Model)


class Expect(_Model):
    """What a good run looks like; the report says how far off a run was."""

    crawled: int | None = None
    kept: int | None = None
    minutes: float | None = None
    max_reject_rate: Fraction | None = None


class Measure(_Model):
    """`hash: exact` computes the perceptual hash bit-equal to imagehash, several times slower."""

    hash: Literal["fast", "exact"] = "fast"


COSTLY = ("blocks", "nsfw", "fineness")
"""What `measure` measures only where a manifest asks for it."""


class Select(_Model):
    """Which pictures are kept, by what was measured (`vision.quality.Quality`). Sides in pixels, brightness and
    contrast 0 to 255, entropy 0 to 8 bits, `max_border` a share of the area, quality 1 to 100; `license` is
    `any`, or families (`pipeline.licences`), SPDX ids and addresses."""

    min_side: int = Field(64, ge=1)
    max_aspect: float = Field(4.0, ge=1)
    min_sharpness: float = Field(0.0, ge=0)
    min_brightness: float = Field(0.0, ge=0, le=255)
    max_brightness: float = Field(255.0, ge=0, le=255)
    min_contrast: float = Field(0.0, ge=0)
    min_entropy: float = Field(0.0, ge=0, le=8)
    max_border: Fraction = 1.0
    max_blockiness: float | None = Field(None, ge=1)
    max_nsfw: Fraction | None = None
    min_jpeg_quality: float = Field(0.0, ge=0, le=100)
    greyscale: Literal["accept", "reject"] = "accept"
    animation: Literal["first", "reject"] = "first"
    license: Literal["any"] | tuple[str, ...] = "any"

    @field_validator("license", mode="before")
    @classmethod
    def _are_licences(cls, value: Any) -> Any:
        names = [value] if isinstance(value, str) else value
        if not (isinstance(names, list | tuple) and all(isinstance(name, str) for name in names)):
            raise ValueError("is no list of licences: write any, or such as [cc0, cc-by, public-domain]")
        try:
            return licences.wanted(names) or "any"
        except UsageError as error:
            raise ValueError(str(error)) from None


Merit = Literal["largest", "finest", "sharpest", "least_compressed", "best_licence", "first_seen"]


class Dedupe(_Model):
    """Which pictures are the same, and which of them is kept.

    `strict` goes by the 64-bit perceptual hash alone: within `distance` bits of the kept picture's. `thorough`
    looks for candidates by local codes (`votes` of them within `code_distance` bits that lie alike) and by the hash in
    all turns (within `turn_distance`), and takes for duplicates those whose pixels agree (`inliers`, `agreement`,
    `overlap`; with less than `few_inliers` features `few_agreement` is needed, with `many_inliers` `many_agreement` is
    enough), in no connected part of more than `contradiction` of them saying different things, and whose grey levels
    one curve takes to each other to `tones`, unless they are one frame or share `many_inliers`; or those that are the
    same to the finest detail but for one part of at most `covered`, where something was laid over one of them.
    """

    preset: Literal["strict", "thorough"] = "thorough"
    distance: int = Field(6, ge=0, le=14)
    keep: tuple[Merit, ...] = ("largest", "sharpest", "least_compressed", "best_licence", "first_seen")
    prefer_source: str | None = None
    votes: int = Field(3, ge=1)
    code_distance: int = Field(6, ge=0, le=14)
    turn_distance: int = Field(10, ge=0, le=14)
    inliers: int = Field(4, ge=4)
    agreement: Fraction = 0.6
    overlap: Fraction = 0.5
    few_inliers: int = Field(8, ge=0)
    few_agreement: Fraction = 0.85
    many_inliers: int = Field(40, ge=4)
    many_agreement: Fraction = 0.45
    contradiction: Fraction = 0.012
    tones: Fraction = 0.96
    covered: Fraction = 0.3


class Convert(_Model):
    """How a picture becomes a square: its background colour where transparent, what is trimmed, and its fit."""

    background: str = "white"
    trim: Literal["none", "border", "frame"] = "none"
    fit: Literal["crop", "pad", "fit"] = "crop"

    @field_validator("background")
    @classmethod
    def _is_colour(cls, value: str) -> str:
        if value not in NAMED_COLOURS and not re.fullmatch(r"#[0-9a-fA-F]{6}", value):
            raise ValueError("is not a colour: use white, black, grey or '#rrggbb'")
        return value

    @property
    def rgb(self) -> tuple[int, int, int]:
        """The background as 8-bit sRGB."""
        if self.background in NAMED_COLOURS:
            return NAMED_COLOURS[self.background]
        red, green, blue = bytes.fromhex(self.background[1:])
        return red, green, blue


class Align(_Model):
    """How the face is cut out, and which faces are refused.

    `crop: eyes` puts both eyes on the points of `eyes` (shares of the side, image-left first), `ffhq` is the crop of
    the FFHQ data set, `box` an upright square around the face. Angles in degrees; `max_up` is a limit of its own for
    heads that look up. `max_upscale`: how many times a face may be enlarged.
    """

    crop: Literal["eyes", "ffhq", "box"] = "eyes"
    eyes: tuple[Point, Point] = ((0.35, 0.4), (0.65, 0.4))
    faces: Literal["largest", "central", "single", "all"] = "largest"
    max_faces: int = Field(8, ge=1)
    min_eye_distance: float = Field(12.0, ge=0)
    min_confidence: Fraction = 0.5
    max_yaw: float = Field(45.0, ge=0, le=180)
    max_pitch: float = Field(45.0, ge=0, le=180)
    max_up: float | None = Field(None, ge=0, le=180)
    max_roll: float = Field(180.0, ge=0, le=180)
    min_face_sharpness: float = Field(0.0, ge=0)
    max_cut: Fraction = 0.5
    max_outside: Fraction = 0.5
    max_upscale: float = Field(4.0, gt=0)
    sunglasses: Literal["accept", "reject"] = "accept"

    @model_validator(mode="after")
    def _eyes_apart(self) -> Align:
        if self.eyes[0][0] >= self.eyes[1][0]:
            raise ValueError("eyes: the first point must lie left of the second")
        return self


class People(_Model):
    """Who is who: faces get numbers that tell persons apart, and may decide which pictures are kept.

    `like`: pictures of one person each; a face within `distance` of one of them is that person's. `largest`: the so
    many persons with the most faces. `names`: persons by the names or numbers they have. Without these, all are kept.
    """

    like: tuple[str, ...] = ()
    largest: int | None = Field(None, ge=1)
    names: tuple[str | int, ...] = ()
    distance: float = Field(0.52, gt=0, le=1)

    @field_validator("like", "names", mode="before")
    @classmethod
    def _one_or_more(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str | int) else value

    @model_validator(mode="after")
    def _one_way(self) -> People:
        if sum(map(bool, (self.like, self.largest, self.names))) > 1:
            raise ValueError("says twice who is meant: use one of like, largest and names")
        return self

    @property
    def chooses(self) -> bool:
        """Whether it decides which pictures are kept."""
        return bool(self.like or self.largest or self.names)


class Shard(_Model):
    """The prepared pictures: side in pixels and file format."""

    size: int = Field(64, ge=8, le=2048)
    format: Literal["png", "jpeg"] = "png"


PACKAGED = ("efficientnet-lite0", "efficientnet-lite1", "efficientnet-lite2")
_NETWORK_FILES = (".onnx", ".pt", ".ts", ".torchscript")


class Embed(_Model):
    """What describes a picture: a packaged network, one of the user's, or vectors of the user's.

    The picture is looked at as squares of each of `sides`; `pictures` says whether the original is looked at or what
    was prepared (aligned faces always as prepared). `scale` is what a network of the user's wants of a channel:
    `imagenet` mean 0 and deviation 1, `lite` −1 to 1, `unit` 0 to 1, `bytes` 0 to 255. `vectors` is a Parquet file
    with the columns `id` and `vector`, or a .npy file with the ids, a line each, in `ids`.
    """

    model: str = "efficientnet-lite0"
    sides: tuple[Annotated[int, Field(ge=32, le=1024)], ...] = Field((224, 320), min_length=1)
    pictures: Literal["original", "prepared"] = "original"
    scale: Literal["imagenet", "lite", "unit", "bytes"] = "imagenet"
    vectors: str | None = None
    ids: str | None = None

    @field_validator("model")
    @classmethod
    def _is_network(cls, value: str) -> str:
        if value not in PACKAGED and not value.endswith(_NETWORK_FILES):
            raise ValueError(f"is no network: use {', '.join(PACKAGED)}, or a file that ends in .onnx, .pt or .ts")
        return value

    @model_validator(mode="after")
    def _ids_of_vectors(self) -> Embed:
        if self.vectors and not self.vectors.endswith((".parquet", ".npy")):
            raise ValueError(f"vectors: {self.vectors} is neither .parquet nor .npy")
        if self.vectors and self.vectors.endswith(".npy") and not self.ids:
            raise ValueError("vectors: a .npy file has no ids: name a file with one id a line as `ids`")
        return self


class Cluster(_Model):
    """Into how many thematic folders and how.

    `k` is their number or `auto`; `by` what makes pictures alike; `method` how they are found: `graph` parts the
    graph of nearest neighbours, `kmeans` goes by distance to centres, `hdbscan` finds dense groups of any number
    and leaves the rest unsorted. `levels: 2` parts each theme again. `min_size` is the least size of a theme of
    `auto` and `hdbscan`; a group of `propose` alike pictures among the unsorted is proposed as a new theme.
    """

    k: Literal["auto"] | Annotated[int, Field(ge=1)] = 20
    by: Literal["subject", "style", "colour"] = "subject"
    method: Literal["graph", "kmeans", "hdbscan"] = "graph"
    levels: Literal[1, 2] = 1
    min_size: int = Field(15, ge=2)
    propose: int = Field(12, ge=2)
    seed: int = 0


class Train(_Model):
    """One GAN per cluster, up to `kimg` thousand pictures shown or `minutes`; without either 25 times each
    picture, and no less than 3,000 batches. `total_minutes` is shared out by size; `grow` is the share of new
    pictures from which the nightly ingest trains on, for `grow_kimg` thousand more. What is none is as the recipe
    has it. With `warm`, one base is trained on all themes first, and each theme's GAN begins with its networks."""

    recipe: Literal["radford", "small", "projected"] = "radford"
    size: Literal[32, 64, 128] = 64
    width: int | None = Field(None, ge=4)
    kernel: Literal[4, 5] | None = None
    batch: int | None = Field(None, ge=2)
    warm: bool = True
    base_kimg: float | None = Field(None, gt=0)
    patience: int | None = Field(None, ge=0)
    kimg: float | None = Field(None, gt=0)
    minutes: float | None = Field(None, gt=0)
    total_minutes: float | None = Field(None, gt=0)
    min_pictures: int = Field(300, ge=1)
    seed: int = 0
    grow: Fraction = 0.1
    grow_kimg: float = Field(50, gt=0)


class Manifest(_Model):
    """One corpus: where its pictures come from and what is made of them."""

    corpus: str
    about: str = ""
    expect: Expect = Expect()
    sources: tuple[dict[str, Any], ...]
    measure: Measure = Measure()
    select: Select = Select()
    dedupe: Dedupe = Dedupe()
    convert: Convert = Convert()
    people: People | None = None
    align: Align | None = None
    shard: Shard = Shard()
    embed: Embed = Embed()
    cluster: Cluster = Cluster()
    train: Train = Train()

    @field_validator("corpus")
    @classmethod
    def _is_name(cls, value: str) -> str:
        if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", value):
            raise ValueError("is not a name: use up to 64 lower-case letters, digits, - and _")
        return value

    @field_validator("align", "people", mode="before")
    @classmethod
    def _none_is_off(cls, value: Any) -> Any:
        return None if value == "none" else value

    @field_validator("sources")
    @classmethod
    def _one_kind_each(cls, value: tuple[dict[str, Any], ...]) -> tuple[dict[str, Any], ...]:
        for source in value:
            if len({"crawl", "import"} & source.keys()) != 1:
                raise ValueError("each source is {crawl: SOURCE, …} or {import: KIND, path: …}")
        return value

    @property
    def measuring(self) -> dict[str, Any]:
        """The options of `measure`: how the hash is made, and which of the costly columns are wanted."""
        select = self.select
        return {
            "hash": self.measure.hash,
            "blocks": select.max_blockiness is not None,
            "nsfw": select.max_nsfw is not None,
            "fineness": "finest" in self.dedupe.keep,
        }

    @property
    def describing(self) -> dict[str, Any]:
        """The options of `embed`: also how an original is cut and on what ground it lies."""
        return self.model_dump(mode="json", include={"embed", "convert"})

    @property
    def notes(self) -> list[str]:
        """What the manifest asks for that is not done, and why."""
        asked = [
            (self.train.base_kimg is not None and not self.train.warm,
             "train.base_kimg is not used: without train.warm no base is trained"),
        ]
        return [text for wanted, text in asked if wanted]


def load(path: str | Path) -> Manifest:
    """Read and check a manifest. Raises ManifestError naming the key, its line and the nearest known key."""
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ManifestError(f"There is no manifest {path}: check the path.") from None
    except OSError as error:
        raise ManifestError(f"The manifest {path} cannot be read ({(error.strerror or str(error)).lower()}).") from None
    except UnicodeDecodeError:
        raise ManifestError(f"The manifest {path} is no text in UTF-8: save it as one.") from None
    return _placed(parse(text, str(path)), path)


def _placed(manifest: Manifest, path: Path) -> Manifest:
    """The manifest with the reference pictures of `people` beside itself, wherever it is called from."""
    people = manifest.people
    if people is None or not people.like:
        return manifest
    like = tuple(str((path.parent / Path(name).expanduser()).absolute()) for name in people.like)
    return manifest.model_copy(update={"people": people.model_copy(update={"like": like})})


def parse(text: str, name: str = "manifest") -> Manifest:
    """Check the text of a manifest called `name`."""
    try:
        data = yaml.safe_load(text)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date such as 2026-99-99
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or error
        raise ManifestError(f"{name}{where} is not YAML ({problem}).") from None
    if not isinstance(data, dict):
        raise ManifestError(f"{name} holds no keys: it needs at least `corpus` and `sources`.")
    if "people" in data and data["people"] is None:
        data["people"] = {}  # the key alone asks for it
    try:
        return Manifest.model_validate(data)
    except ValidationError as error:
        first = min(error.errors(), key=lambda e: e["type"] != "extra_forbidden")
        raise ManifestError(f"{name}{_explain(first, node)}") from None


def changed(model: _Checked, **values: Any) -> _Checked:
    """`model` with other values, checked. Raises UsageError naming the value that is wrong."""
    try:
        return type(model).model_validate(model.model_dump() | values)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        message = first["msg"].removeprefix("Value error, ")
        raise UsageError(f"{name} {message[0].lower()}{message[1:]} (got {first['input']!r}).") from None


def _explain(error: Any, node: yaml.Node | None) -> str:
    """', line 7: `clsuter` is not a key. Did you mean cluster?' for one pydantic error."""
    location = tuple(part for part in error["loc"])
    line = _line(node, location)
    where = f", line {line}" if line else ""
    key = ".".join(str(part) for part in location)
    if error["type"] == "extra_forbidden":
        known = _known_keys(location[:-1])
        hint = did_you_mean(str(location[-1]), known) or f" Known keys: {', '.join(sorted(known))}."
        return f"{where}: `{key}` is not a key of a manifest.{hint}"
    if error["type"] == "missing":
        return f"{where}: the key `{key}` is missing."
    message = error["msg"].removeprefix("Value error, ")
    return f"{where}: `{key}` {message[0].lower()}{message[1:]} (got {error['input']!r})."


def _known_keys(location: tuple[Any, ...]) -> list[str]:
    model: Any = Manifest
    for part in location:
        fields = getattr(model, "model_fields", {})
        if part not in fields:
            continue
        annotation = fields[part].annotation
        candidates = (annotation, *getattr(annotation, "__args__", ()))
        model = next((c for c in candidates if hasattr(c, "model_fields")), model)
    return list(model.model_fields)


def _line(node: yaml.Node | None, location: tuple[Any, ...]) -> int | None:
    """The 1-based line of the deepest part of `location` that stands in the file."""
    line = None
    for part in location:
        if isinstance(node, yaml.MappingNode):
            pair = next(((k, v) for k, v in node.value if k.value == str(part)), None)
            if pair is None:
                break
            line, node = pair[0].start_mark.line + 1, pair[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
        else:
            break
    return line
