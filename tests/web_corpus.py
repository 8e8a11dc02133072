"""A small corpus written with the product's own writers: painted pictures, faults, hostile words, two runs."""

from __future__ import annotations

import colorsys
import hashlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from pipeline import schema, shards, tables
from pipeline.storage import Root

HOSTILE = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(2)>",
    "'><svg/onload=alert(3)>",
    "</title><script>alert(4)</script>",
    "</style><script>alert(5)</script>",
    "{{ 7 * 7 }}{% for x in y %}",
    "javascript:alert(6)",
    "<a href=javascript:alert(7)>x</a>",
    "--><script>alert(8)</script><!--",
    "<iframe srcdoc='<script>alert(9)</script>'>",
    "<base href='https://example.org/'>",
    "<meta http-equiv=refresh content='0;url=https://example.org'>",
    "<link rel=stylesheet href=https://example.org/x.css>",
    "\u202eغلاف الجمجمة <b>",
    "&lt;script&gt;alert(10)&lt;/script&gt;",
    "' onmouseover='alert(11)' x='",
    "` onfocus=alert(12) autofocus `",
    "<img src=https://example.org/track.png>",
    "]]><script>alert(13)</script>",
    "<math><mtext></p><style><img src onerror=alert(14)>",
    "\x00<script\x00>alert(15)</script>",
    "W" * 300,
    "<details open ontoggle=alert(16)>",
    "<form action=https://example.org><input name=q>",
]
HOSTILE_NAMES = [
    "<svg><script>alert(40)</script></svg>",
    "<img src=x:x onerror=alert(41)>",
    "<body onload=alert(42)>",
    "<video><source onerror=alert(43)>",
    "<audio src=x onerror=alert(44)>",
    "<input autofocus onfocus=alert(45)>",
    "<select autofocus onfocus=alert(46)>",
    "<textarea autofocus onfocus=alert(47)>",
    "<keygen autofocus onfocus=alert(48)>",
    "<marquee onstart=alert(49)>",
    "<object data=javascript:alert(50)>",
    "<embed src=javascript:alert(51)>",
    "<math href=javascript:alert(52)>x</math>",
    "<a href=&#106;avascript:alert(53)>x</a>",
    "<svg><a xlink:href=javascript:alert(54)>",
    "<svg><animate onbegin=alert(55) attributeName=x>",
    "<svg><set onbegin=alert(56)>",
    "<style>@import 'https://example.org'</style>",
    "<style>*{background:url(javascript:alert(57))}</style>",
    "<noscript><p title='</noscript><script>alert(58)</script>'>",
    "<template><script>alert(59)</script></template>",
    "<xmp><script>alert(60)</script></xmp>",
    "</textarea><script>alert(61)</script>",
    "</script><script>alert(62)</script>",
    "';alert(63);//",
    "\";alert(64);//",
    "\\';alert(65);//",
    "${alert(66)}",
    "#{alert(67)}",
    "<%= alert(68) %>",
    "{{constructor.constructor('alert(69)')()}}",
    "<div style=width:expression(alert(70))>",
    "<table background=javascript:alert(71)>",
    "<frameset onload=alert(72)>",
    "<portal src=https://example.org>",
    "<button popovertarget=x onclick=alert(73)>__proto__</button>",
]
LINKS = [
    "javascript:alert(20)", "data:text/html,<script>alert(21)</script>", " javascript:alert(22)",
    "java\nscript:alert(23)", "file:///etc/passwd", "vbscript:x", "//example.org/x", "https://example.org/works/\"><script>alert(24)</script>",
    "http://[bad", "https://user:pass@example.org/ok",
]
FAMILIES = ("still life", "seascape", "forest", "portrait", "night", "geometry")
_FRAME = (330, 250)


def paint(family: int, seed: int, size: tuple[int, int] = _FRAME) -> Image.Image:
    """A picture of one of six families, deterministic by seed."""
    random = np.random.default_rng((family, seed))
    width, height = size
    hue = (0.16 * family + 0.05 * random.normal()) % 1

    def colour(shift: float, value: float, strength: float = 0.45) -> tuple[int, int, int]:
        red, green, blue = colorsys.hsv_to_rgb((hue + shift) % 1, strength, min(max(value, 0), 1))
        return int(red * 255), int(green * 255), int(blue * 255)

    top, bottom = np.array(colour(0, 0.9)), np.array(colour(0.08, 0.35))
    ramp = np.linspace(0, 1, height)[:, None, None]
    ground = (top * (1 - ramp) + bottom * ramp).repeat(width, 1).astype(np.uint8)
    picture = Image.fromarray(ground)
    draw = ImageDraw.Draw(picture)
    for _ in range(int(random.integers(5, 14))):
        x, y, r = random.uniform(0, width), random.uniform(height / 4, height), random.uniform(12, 70)
        fill = colour(random.uniform(-0.1, 0.5), random.uniform(0.2, 1), random.uniform(0.2, 0.8))
        if family % 3 == 0:
            draw.ellipse((x - r, y - r, x + r, y + r * 0.8), fill=fill)
        elif family % 3 == 1:
            draw.rectangle((0, y, width, y + r / 5), fill=fill)
        else:
            draw.polygon([(x, y - 2 * r), (x - r / 2, height), (x + r / 2, height)], fill=fill)
    picture = picture.filter(ImageFilter.GaussianBlur(1))
    noise = random.normal(0, 9, (height, width, 1))
    return Image.fromarray(np.clip(np.asarray(picture) + noise, 0, 255).astype(np.uint8))


def encode(picture: Image.Image, kind: str = "JPEG", **options: Any) -> bytes:
    """The picture as a file."""
    sink = io.BytesIO()
    picture.save(sink, kind, **options)
    return sink.getvalue()


class Corpus:
    """Rows of a corpus in the making; `write` publishes tables, folders and runs, and returns the edition."""

    def __init__(self, root: Root) -> None:
        self.root = root
        self.rows: list[dict[str, Any]] = []

    def add(self, data: bytes | None, **facts: Any) -> dict[str, Any]:
        """One row; without data a failed download."""
        position = len(self.rows)
        row: dict[str, Any] = {
            "url": f"https://pictures.example.org/{position}.jpg", "source": "wikiart", "source_id": f"work-{position}",
            "page_url": f"https://example.org/works/{position}", "title": f"Study no. {position}",
            "creator": "Anna Example", "year_text": "1887", "year": 1887, "licence": "CC0-1.0", "query": None,
            "style": ["realism"], "genre": None, "http_status": 200, "fetched_at": 1_795_000_000_000 + position,
            **facts,
        }
        row["data"] = data
        key = data if data is not None else f"{row['source']}\0{row['url']}{position}".encode()
        row["id"] = hashlib.sha256(key).hexdigest()
        row["sha256"] = row["id"] if data is not None else None
        self.rows.append(row)
        return row

    def write(self, name: str) -> None:
        """Publish the rows as one partition of every table."""
        rows = [dict(row) for row in self.rows]
        self.root.commit_many(
            (tables.original_path(row["id"], row["format"]), row["data"]) for row in rows if row.get("format")
        )
        _shard(self.root, name, rows)
        for table, folder in FOLDERS.items():
            known = schema.SCHEMAS[table]
            shown = [_until(row, table) for row in rows]
            columns = {key: [row.get(key) for row in shown] for key in known.names}
            tables.write(self.root, folder, name, tables.rows(columns, known), known)


FOLDERS = {
    "crawled": "tables/crawled/v1", "measured": "tables/measured/v3", "faces": "tables/faces/v4",
    "selected": "corpora/painted/selected/aa", "prepared": "corpora/painted/prepared/bb",
    "embedded": "corpora/painted/embedded/cc", "clustered": "corpora/painted/clustered/dd",
}
_ORDER = list(FOLDERS)


def _until(row: dict[str, Any], table: str) -> dict[str, Any]:
    """The row as `table` has it: reasons of later stages are not known yet."""
    made = dict(row)
    if row.get("reason") and _ORDER.index(row["at"]) > _ORDER.index(table):
        made |= {"reason": None, "reason_value": None, "detail": None}
    if table == "prepared" and row.get("prepared_at") is not None:
        made |= {"offset": row["prepared_at"], "size": row["prepared_size"], "width": 64, "height": 64}
    if table == "embedded":
        made["style"] = None
    if table == "selected":
        made["distance"] = row.get("bits")
    return made


def _shard(root: Root, name: str, rows: list[dict[str, Any]]) -> None:
    kept = [row for row in rows if not row.get("reason")]
    blobs = [encode(Image.open(io.BytesIO(row["data"])).convert("RGB").resize((64, 64)), "PNG") for row in kept]
    tar, offsets = shards.pack([f"{row['id']}.png" for row in kept], blobs)
    root.commit(f"{FOLDERS['prepared']}/shards/{name}.tar", tar)
    for row, blob, offset in zip(kept, blobs, offsets, strict=True):
        row |= {"shard": f"{name}.tar", "prepared_at": offset, "prepared_size": len(blob), "eyes": [22, 26, 42, 26],
                "key": row["id"]}


def _measured(family: int, seed: int, size: tuple[int, int] = _FRAME) -> dict[str, Any]:
    return {
        "format": "jpeg", "width": size[0], "height": size[1], "bytes": 9000, "sharpness": 40.0 + seed,
        "brightness": 120.0,
        "phash": int(np.random.default_rng((family, seed)).integers(0, 2**63)),
        "faces": [_face(size)],
    }


def _vector(family: int, seed: int) -> list[float]:
    """Features that lie near those of the family's other pictures."""
    random = np.random.default_rng((family, seed))
    centre = np.random.default_rng(family).normal(size=schema.VECTOR_DIM)
    return [float(x) for x in centre + 0.6 * random.normal(size=schema.VECTOR_DIM)]


def _face(size: tuple[int, int]) -> dict[str, Any]:
    width, height = size
    return {
        "box": [width * 0.3, height * 0.2, width * 0.7, height * 0.8], "score": 0.9,
        "eyes": [width * 0.42, height * 0.4, width * 0.58, height * 0.4],
        "mouth": [width * 0.45, height * 0.65, width * 0.55, height * 0.65],
        "yaw": 3.0, "pitch": 1.0, "roll": 0.0, "eye_distance": width * 0.16,
    }


def build_corpus(root: Root, per_family: int = 12, align: bool = False, waiting: int = 0) -> dict[str, Any]:
    """A corpus of six families with rejects of many kinds, hostile titles and links; returns its edition.

    `waiting` pictures are in no theme, and all of them are proposed as one.
    """
    corpus = Corpus(root)
    members: dict[int, list[dict[str, Any]]] = {}
    names = iter(HOSTILE_NAMES)
    for family in range(len(FAMILIES)):
        for seed in range(per_family):
            number = family * per_family + seed
            hostile = HOSTILE[number // 3 % len(HOSTILE)] if seed % 3 == 0 else None
            facts = _measured(family, seed)
            facts |= {"title": hostile or f"{FAMILIES[family].capitalize()} {seed}", "genre": [FAMILIES[family]]}
            if seed % 4 == 1:
                facts |= {"page_url": LINKS[number // 4 % len(LINKS)], "url": "javascript:alert(30)"}
            facts |= {"creator": next(names, "Anna Example")} if seed % 3 and seed != 10 else {}
            facts |= {"title": None, "creator": None, "licence": "NOASSERTION"} if seed == 10 else {}
            facts |= {"year_text": "2024-05-01T09:00:00+02:00"} if seed == 11 else {}
            facts |= {"cluster": family, "distance": 0.05 + seed / 100, "vector": _vector(family, seed)}
            row = corpus.add(encode(paint(family, seed), quality=90), **facts)
            members.setdefault(family, []).append(row)
    far = [_wait(corpus, seed) for seed in range(waiting)]
    _add_duplicates(corpus, members)
    _add_rejects(corpus, align)
    corpus.write("wikiart-20261122T0024-00000")
    _crawls(root)
    edition = _edition(corpus, align)
    edition["clusters"] = [_folder(root, family, rows) for family, rows in members.items()]
    if far:
        root.commit(f"{FOLDERS['clustered'].replace('clustered', 'clusters')}/themes.json", _told(far))
    edition["runs"] = [_train(root, 0), _train(root, 3), _refused(4, len(members[4]))]
    return edition


def _wait(corpus: Corpus, seed: int) -> str:
    facts = _measured(1, 500 + seed) | {"cluster": -2, "distance": 0.9, "vector": _vector(9, seed)}
    picture: str = corpus.add(encode(paint(1, 500 + seed), quality=90), **facts, title=f"Stranger {seed}")["id"]
    return picture


def _told(far: list[str]) -> bytes:
    unsorted = {"size": len(far), "pictures": far}
    proposal = {"number": 6, "name": "strangers", "cohesion": 0.6, "medoids": far[:9], **unsorted}
    said = {"themes": [], "criterion": None, "refit": None, "proposals": [proposal], "unsorted": unsorted}
    return json.dumps(said).encode()


def _crawls(root: Root) -> None:
    """Records of two nights of the corpus, of one that came after its edition, and of another source."""
    first = {
        "schema_version": 1, "prefix": "wikiart-all-1a2b3c4d", "ended_at": "2026-11-21T02:10:00+00:00",
        "began_at": "2026-11-21T02:00:00+00:00", "spec": {"crawl": "wikiart"}, "error": None, "bytes": 21_500_000,
        "summary": {"new": 180, "unchanged": 0, "failed": {"http_4xx": 1, "robots": 2}, "seconds": 600.0,
                    "requests": 412, "notes": []},
        "responses": {"200": 409, "404": 1}, "retries": 3, "pauses": 1, "paused_seconds": 12.0,
        "optout_signals": {"x_robots_tag": 2}, "hosts_given_up": [],
    }
    second = first | {
        "ended_at": "2026-11-22T00:20:00+00:00", "hosts_given_up": ["pictures.example.net"],
        "summary": {"new": 12, "changed": 1, "gone": 2, "unchanged": 4310, "failed": {}, "seconds": 31.0,
                    "requests": 90, "notes": [HOSTILE[0]]},
        "error": {"kind": "SourceRefused", "message": "example.org refuses. Run the same command again later."},
    }
    later = first | {"ended_at": "2026-11-23T02:10:00+00:00", "summary": {"new": 777_777, "seconds": 1.0}}
    other = first | {"prefix": "web-skull-99887766", "spec": {"crawl": "web", "query": "skull"}}
    for record in (first, second, later, other):
        stamp = record["ended_at"][:19].replace("-", "").replace(":", "")
        root.commit(f"crawls/{stamp}-{record['prefix']}.json", json.dumps(record).encode())


def _add_duplicates(corpus: Corpus, members: dict[int, list[dict[str, Any]]]) -> None:
    for family, scale in ((0, 0.5), (0, 0.8), (1, 0.12), (2, 1.0), (5, 0.9)):
        kept = members[family][0]
        size = (round(_FRAME[0] * scale), round(_FRAME[1] * scale))
        facts = _measured(family, 0, size)
        facts["phash"] = kept["phash"] ^ 0b1001_0000_0001 << family
        corpus.add(
            encode(paint(family, 0).resize(size), quality=70), **facts, title=HOSTILE[family], at="selected",
            reason="near_duplicate", reason_value=3.0, keeper=kept["id"], bits=3,
            rule="largest" if scale < 1 else "sharpest",
        )
    lost = corpus.rows[-1]
    corpus.add(
        lost["data"], **_measured(5, 0, (lost["width"], lost["height"])), at="selected", reason="exact_duplicate",
        reason_value=0.0, keeper=lost["id"], bits=0, rule="first seen", title="Again what had lost",
    )
    for address in range(8):
        kept = members[2][0]
        corpus.add(
            kept["data"], **_measured(2, 0), title=kept["title"], at="selected", reason="exact_duplicate",
            reason_value=0.0, keeper=kept["id"], bits=0, rule="first seen", page_url=LINKS[address],
        )


def _add_rejects(corpus: Corpus, align: bool) -> None:
    for seed in range(30):
        size = (80, 20 + seed)
        facts = _measured(3, 90 + seed, size)
        corpus.add(encode(paint(3, 90 + seed, size)), **facts, at="selected", reason="too_small",
                   reason_value=float(min(size)))
    for seed in range(3):
        facts = _measured(4, 60 + seed)
        corpus.add(encode(paint(4, 60 + seed).filter(ImageFilter.GaussianBlur(9))), **facts, at="selected",
                   reason="blurred", reason_value=2.5 + seed)
    for status, reason, detail in (
        (404, "http_4xx", "Not Found"), (500, "http_5xx", HOSTILE[0]), (200, "not_a_picture", "starts with b'<html'"),
        (200, "truncated", "OSError: image file is truncated"), (None, "timeout", None),
    ):
        data = b"<html>" + reason.encode() if status == 200 else None
        corpus.add(data, http_status=status, reason=reason, detail=detail, at="crawled" if not data else "measured",
                   title=HOSTILE[1], page_url=LINKS[0], url=HOSTILE[2])
    if align:
        facts = _measured(3, 200) | {"faces": []}
        corpus.add(encode(paint(3, 200)), **facts, at="selected", reason="no_face")
        facts = _measured(3, 201)
        corpus.add(encode(paint(3, 201)), **facts, at="selected", reason="odd_angle", reason_value=61.0, detail="yaw")


def _folder(root: Root, cluster: int, rows: list[dict[str, Any]]) -> dict[str, Any]:
    path = f"corpora/painted/clusters/dd/{cluster:02d}"
    ids = [row["id"] for row in rows]
    name = HOSTILE[0] if cluster == 1 else FAMILIES[cluster]
    found = {
        "id": cluster, "name": name, "size": len(ids), "medoids": ids[:9], "outliers": ids[-3:][::-1],
        "members": [{"id": row["id"], "file": f"images/{row['id']}.png", "distance": row["distance"]} for row in rows],
    }
    root.commit(f"{path}/cluster.json", json.dumps(found).encode())
    return {"id": cluster, "name": name, "size": len(ids), "path": path}


def _train(root: Root, cluster: int) -> dict[str, Any]:
    path = f"runs/painted/{cluster:02d}/00001-dcgan-64-seed0"
    reals = Image.new("RGB", (256, 256))
    for tile in range(16):
        reals.paste(paint(cluster, tile, (64, 64)), (tile % 4 * 64, tile // 4 * 64))
    root.commit(f"{path}/reals.png", encode(reals, "PNG"))
    for step in range(0, 101, 5):
        grid = reals.filter(ImageFilter.GaussianBlur(max(0, 12 - step / 8)))
        root.commit(f"{path}/fakes-{step:06d}.png", encode(grid, "PNG"))
    frames = [Image.new("P", (64, 64), shade) for shade in range(8)]
    root.commit(f"{path}/timeline.gif", encode(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    lines = [
        json.dumps({"kimg": k / 4, "loss_d": 1.4 / (1 + k / 40), "loss_g": 0.7 + k / 200, "images_per_second": 210.0}
                   | ({"distance": 0.2 - k / 4000, "alarms": ["mode collapse"]} if k % 40 == 0 else {}))
        for k in range(400)
    ]
    _look_inside(root, path, reals, encode(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    root.commit(f"{path}/stats.jsonl", ("\n".join(lines) + '\n{"kimg": 1').encode())
    options = {"recipe": "radford", "size": 64, "seed": 0}
    start = {"run": "runs/painted/base/0a1b2c3d4e", "kimg": "24.0"}
    root.commit(f"{path}/options.json", json.dumps({"options": options, "start": start}).encode())
    return {"cluster": cluster, "path": path, "kimg": 100.0, "pictures": 24, "status": "done",
            "images_per_second": 211.5}


def _look_inside(root: Root, path: str, grid: Image.Image, film: bytes) -> None:
    """A walk with a still and words, arithmetic, a neuron, and the scores of two pictures."""
    root.commit_many([
        (f"{path}/walks/circle.gif", film), (f"{path}/walks/circle.png", encode(grid, "PNG")),
        (f"{path}/walks/circle.json", json.dumps({"caption": HOSTILE[1], "seed": 7}).encode()),
        (f"{path}/mix/a-b.png", encode(grid, "PNG")), (f"{path}/neurons/channel-3.png", encode(grid, "PNG")),
        (f"{path}/neurons/channel-3.json", b"not json"),
        (f"{path}/rank/scores.json", json.dumps({"ids": ["ab" * 32], "scores": [0.5]}).encode()),
    ])


def _refused(cluster: int, pictures: int) -> dict[str, Any]:
    advice = f"cluster {cluster:02d} has {pictures} pictures of the 300 a GAN needs: gather more {HOSTILE[0]}"
    return {"cluster": cluster, "path": None, "kimg": 0.0, "pictures": pictures, "status": "too few pictures",
            "advice": advice}


def _edition(corpus: Corpus, align: bool) -> dict[str, Any]:
    rejected: dict[str, int] = {}
    for row in corpus.rows:
        if row.get("reason"):
            rejected[row["reason"]] = rejected.get(row["reason"], 0) + 1
    total, lost = len(corpus.rows), sum(rejected.values())
    steps = ("crawl", "measure", "dedupe", "shard", "embed", "cluster")
    return {
        "schema_version": 1, "edition": 3, "corpus": "painted", "created_at": "2026-11-22T00:24:28+00:00",
        "command": ["run", "painted.yaml"], "until": "report", "notes": ["dedupe.preset thorough is not built yet"],
        "manifest": {
            "corpus": "painted", "about": "Six painted families, for looking at.",
            "expect": {"crawled": 200, "kept": 150, "minutes": 2.0, "max_reject_rate": None},
            "sources": [{"crawl": "wikiart"}], "select": {"min_side": 64, "min_sharpness": 12.0},
            "dedupe": {"preset": "strict", "distance": 6}, "convert": {"fit": "crop"},
            "shard": {"size": 64, "format": "png"},
            "align": {"eyes": [[0.35, 0.4], [0.65, 0.4]], "max_yaw": 45.0} if align else None,
        },
        "digests": {}, "folders": {**FOLDERS, "clusters": "corpora/painted/clusters/dd", "runs": "runs/painted"},
        "prefixes": ["wikiart-all-1a2b3c4d"],
        "partitions": ["wikiart-20261122T0024-00000"], "seconds": {"crawl": 12.5, "measure": 1.9, "train": 171.0},
        "funnel": [
            {"stage": step, "rows_in": total if at < 2 else total - lost, "seconds": 1.2 * at + 0.4,
             "kept": total if at < 1 else total - lost, "rejected": rejected if at == 1 else {}}
            for at, step in enumerate(steps)
        ],
        "counts": {"crawled": total, "kept": total - lost, "rejected": rejected},
        "demo": [
            {"kind": "duplicate:recompressed", "planted": 40, "caught": 40, "missed": 0},
            {"kind": "duplicate:cropped", "planted": 25, "caught": 21, "missed": 4},
            {"kind": "fault:svg", "planted": 3, "caught": 3, "missed": 0},
            {"kind": "other works left alone", "planted": 120, "caught": 119, "missed": 1},
        ],
        "versions": {"wunderkammer": "0.1.0", "pillow": "13.0.0"}, "models": {"efficientnet_lite0": "ab" * 32},
    }


def corpus_at(folder: Path, **options: Any) -> tuple[Root, dict[str, Any]]:
    """A root in `folder` with the corpus, and its edition."""
    root = Root(str(folder))
    return root, build_corpus(root, **options)

