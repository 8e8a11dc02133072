"""The tables: Arrow schema and version of each, the same for every source and corpus."""

from __future__ import annotations

import pyarrow as pa

from pipeline.errors import Reason

VECTOR_DIM = 1280
IDENTITY_DIM = 128
ID_DIGITS = 64
"""Digits of the id of a picture; those of its faces go on with `-1`, `-2`, …"""

_ID = pa.field("id", pa.string(), nullable=False)
_REJECT = [
    pa.field("reason", pa.string()),
    pa.field("reason_value", pa.float64()),
    pa.field("detail", pa.string()),
]
_STRINGS = pa.list_(pa.string())

CRAWLED = pa.schema([
    _ID,
    pa.field("url", pa.string()),
    pa.field("source", pa.string()),
    pa.field("source_id", pa.string()),
    pa.field("page_url", pa.string()),
    pa.field("title", pa.string()),
    pa.field("creator", pa.string()),
    pa.field("creator_id", pa.string()),
    pa.field("year_text", pa.string()),
    pa.field("year", pa.int32()),
    pa.field("style", _STRINGS),
    pa.field("genre", _STRINGS),
    pa.field("tags", _STRINGS),
    pa.field("licence", pa.string()),
    pa.field("licence_url", pa.string()),
    pa.field("attribution", pa.string()),
    pa.field("query", pa.string()),
    pa.field("rank", pa.int64()),
    pa.field("declared_width", pa.int64()),
    pa.field("declared_height", pa.int64()),
    pa.field("fetched_at", pa.timestamp("ms", tz="UTC")),
    pa.field("http_status", pa.int32()),
    pa.field("etag", pa.string()),
    pa.field("last_modified", pa.string()),
    pa.field("content_type", pa.string()),
    pa.field("bytes", pa.int64()),
    pa.field("sha256", pa.string()),
    pa.field("format", pa.string()),
    pa.field("final_url", pa.string()),
    pa.field("redirects", _STRINGS),
    pa.field("variant", pa.string()),
    pa.field("robots", pa.string()),
    pa.field("optout_signals", pa.string()),
    pa.field("extra", pa.string()),
    pa.field("raw", pa.string()),
    pa.field("changed_from", pa.string()),
    *_REJECT,
])
"""One row per picture seen at one URL. `format` is the type sniffed from the bytes (jpeg, png, …);
null `sha256` means no original was stored. `extra` and `raw` are JSON: unknown columns of an index.csv,
and the provider's own item. `optout_signals` is JSON. `licence` is never null: NOASSERTION when unknown. `changed_from`
is the id of the picture that stood at this URL before; when it is the row's own id, only what is said of the
picture changed. Of several rows of one `source_id` the last counts. Partitions written before there was
`changed_from` read as null."""

SAID = (
    "page_url", "title", "creator", "creator_id", "year_text", "year", "style", "genre", "tags", "licence",
    "licence_url", "attribution", "declared_width", "declared_height", "extra",
)  # fmt: skip
"""Columns of `crawled` that say something about a picture, as opposed to how it was found and fetched."""

CHECKED = pa.schema([
    _ID,
    pa.field("source", pa.string()),
    pa.field("source_id", pa.string()),
    pa.field("checked_at", pa.timestamp("ms", tz="UTC")),
    pa.field("outcome", pa.string()),
    pa.field("misses", pa.int32()),
    pa.field("http_status", pa.int32()),
    pa.field("etag", pa.string()),
    pa.field("last_modified", pa.string()),
    pa.field("optout_signals", pa.string()),
    pa.field("detail", pa.string()),
])
"""One row each time a known picture was asked for again. `outcome`: `unchanged`, `changed` (a new row of
`crawled` has the new bytes), `missed` (not there, `misses` times in a row), `gone` (missed too often, or no longer
listed), `withdrawn` (its owner reserves it now, or it may not be shown by law). Of a picture the last row counts."""

MEASURED = pa.schema([
    _ID,
    pa.field("format", pa.string()),
    pa.field("width", pa.int32()),
    pa.field("height", pa.int32()),
    pa.field("mode", pa.string()),
    pa.field("frames", pa.int32()),
    pa.field("orientation", pa.int8()),
    pa.field("icc", pa.string()),
    pa.field("bytes", pa.int64()),
    pa.field("phash", pa.uint64()),
    pa.field("hash", pa.string()),
    pa.field("brightness", pa.float32()),
    pa.field("contrast", pa.float32()),
    pa.field("sharpness", pa.float32()),
    pa.field("colourfulness", pa.float32()),
    pa.field("coloured", pa.float32()),
    pa.field("entropy", pa.float32()),
    pa.field("border", pa.float32()),
    pa.field("letterbox", pa.float32()),
    pa.field("blockiness", pa.float32()),
    pa.field("jpeg_quality", pa.float32()),
    pa.field("aspect", pa.float32()),
    pa.field("nsfw", pa.float32()),
    pa.field("fineness", pa.float32()),
    *_REJECT,
])
"""One row per `crawled` row. Width and height are those of the upright picture, in pixels, `aspect` is width over
height; `vision.quality.Quality` and `vision.decode.Header` say what the other numbers mean, and in which unit.
`blockiness`, `nsfw` (`vision.nsfw`, 0 to 1) and `fineness` (`vision.fineness`, 0 to 1) are null unless a manifest asked
for them."""

FACE = pa.struct([
    pa.field("box", pa.list_(pa.float32(), 4)),
    pa.field("score", pa.float32()),
    pa.field("eyes", pa.list_(pa.float32(), 4)),
    pa.field("mouth", pa.list_(pa.float32(), 4)),
    pa.field("yaw", pa.float32()),
    pa.field("pitch", pa.float32()),
    pa.field("roll", pa.float32()),
    pa.field("eye_distance", pa.float32()),
    pa.field("eye_light", pa.float32()),
    pa.field("sharpness", pa.float32()),
    pa.field("cut", pa.float32()),
    pa.field("landmarks", pa.binary()),
])
"""One face: box x0, y0, x1, y1 and points x, y (image-left first) in pixels of the upright picture,
angles in degrees; `vision.faces.Face` says what the other numbers mean."""

FACES = pa.schema([_ID, pa.field("faces", pa.list_(FACE)), *_REJECT])

IDENTIFIED = pa.schema([_ID, pa.field("vectors", pa.list_(pa.list_(pa.float32(), IDENTITY_DIM))), *_REJECT])
"""For each face of `faces`, in their order, the numbers that tell its person (`vision.identity`), null where the face
is too small or turned too far. Only in corpora that ask for it."""

PEOPLE = pa.schema([
    _ID,
    pa.field("persons", pa.list_(pa.int32())),
    pa.field("distances", pa.list_(pa.float32())),
    *_REJECT,
])
"""For each face of `faces`, in their order, the number of its person, from 1, and its mean distance to the person's
other faces; null where there are no numbers, and a distance is null for a face that is the only one of its person."""

SKETCHED = pa.schema([
    _ID,
    pa.field("hash", pa.string()),
    pa.field("turns", pa.list_(pa.uint64())),
    pa.field("codes", pa.list_(pa.uint64())),
    pa.field("mirrored", pa.list_(pa.uint64())),
    pa.field("poses", pa.list_(pa.uint32())),
    pa.field("size", pa.list_(pa.int32())),
    pa.field("box", pa.list_(pa.int32())),
    pa.field("tint", pa.list_(pa.int32())),
    pa.field("points", pa.binary()),
    pa.field("descriptors", pa.binary()),
    pa.field("thumb_width", pa.int32()),
    pa.field("thumb", pa.binary()),
    *_REJECT,
])
"""What finds and proves copies: `vision.sketch.Sketch` with its codes, plain and mirrored, and their poses. `hash`
names algorithm and version of all of it; `points` are 4 little-endian float16 each, `descriptors` 128 bytes each,
`thumb` rows of bytes."""

SELECTED = pa.schema([
    _ID,
    pa.field("keeper", pa.string()),
    pa.field("distance", pa.int32()),
    pa.field("rule", pa.string()),
    pa.field("transform", pa.string()),
    pa.field("inliers", pa.int32()),
    pa.field("agreement", pa.float32()),
    pa.field("model", pa.list_(pa.float32())),
    pa.field("face", pa.int32()),
    *_REJECT,
])
"""`keeper` is the id of the kept picture of a duplicate, `distance` the Hamming distance of their hashes in
bits (0 for the same bytes, null where they are not near in any turn), `rule` why the keeper was preferred (largest,
finest, sharpest, least compressed, best licence, first seen, preferred source, kept before).

Of proved duplicates also: `transform`, what was done to the keeper, in words; `inliers`, the local features that
agree; `agreement`, the share of windows whose pixels do, 0 to 1 (-1 where neither picture has any texture); `model`,
a, b, c, d, e, f of x' = ax + by + c, y' = dx + ey + f from the keeper, mirrored first if `transform` says so, to the
duplicate, both in pixels of a frame 176 pixels long at most.

`face` is the place in `faces` of the face to align on, null where `align` chooses by its own rule."""

EXPANDED = pa.schema([
    _ID,
    pa.field("origin", pa.int32()),
    pa.field("format", pa.string()),
    pa.field("faces", pa.list_(FACE)),
    *_REJECT,
])
"""One row a face of the pictures that are kept, its id that of the picture with `-1`, `-2`, … in the order of `faces`;
one row for every other picture. `origin` is the row of the picture in its partition, `faces` holds the one face.
Only with `align: {faces: all}`."""

PREPARED = pa.schema([
    _ID,
    pa.field("shard", pa.string()),
    pa.field("key", pa.string()),
    pa.field("offset", pa.int64()),
    pa.field("size", pa.int64()),
    pa.field("sha256", pa.string()),
    pa.field("width", pa.int32()),
    pa.field("height", pa.int32()),
    pa.field("eyes", pa.list_(pa.float32(), 4)),
    pa.field("colour", pa.string()),
    pa.field("crop", pa.list_(pa.int32(), 4)),
    *_REJECT,
])
"""`shard` is the tar's name; `offset` and `size` locate the encoded picture in it, in bytes; `eyes` are
x, y of both eye centres in pixels of the prepared picture (null when not aligned); `colour` says how the
picture came to sRGB; `crop` is left, top, right, bottom, in pixels of the upright original, of what was left
when it was trimmed (null when it was aligned)."""

EMBEDDED = pa.schema([
    _ID,
    pa.field("vector", pa.list_(pa.float32())),
    pa.field("style", pa.list_(pa.float32())),
    pa.field("colour", pa.list_(pa.float32())),
    pa.field("classes", pa.list_(pa.int16())),
    *_REJECT,
])
"""`vision.features.Description` of each picture; `style`, `colour` and `classes` are null where the network or the
vectors are the user's and do not say."""

CLUSTERED = pa.schema([
    _ID,
    pa.field("cluster", pa.int32()),
    pa.field("distance", pa.float32()),
    pa.field("strangeness", pa.float32()),
    pa.field("x", pa.float32()),
    pa.field("y", pa.float32()),
    *_REJECT,
])
"""`cluster` is the theme's number, −2 for a picture far from every theme (unsorted), null for one that was rejected.
`distance` is 1 − cosine similarity to the centre of the theme (to the nearest one's if unsorted), `strangeness` the
mean of that to its nearest pictures, `x` and `y` its place on the map, about −1 to 1."""

REMOVED = pa.schema([
    _ID,
    pa.field("at", pa.timestamp("ms", tz="UTC")),
    pa.field("how", pa.string()),
    pa.field("why", pa.string()),
    pa.field("editions", _STRINGS),
    pa.field("runs", _STRINGS),
])
"""Tombstones of pictures that were taken down: when, how they were named (`host flickr.com`), why, and what had seen
them: editions (`corpus/00003`) and folders of GAN runs."""

SCHEMAS: dict[str, pa.Schema] = {
    "crawled": CRAWLED,
    "checked": CHECKED,
    "measured": MEASURED,
    "faces": FACES,
    "sketched": SKETCHED,
    "identified": IDENTIFIED,
    "people": PEOPLE,
    "selected": SELECTED,
    "expanded": EXPANDED,
    "prepared": PREPARED,
    "embedded": EMBEDDED,
    "clustered": CLUSTERED,
}

REASONS = frozenset(str(reason) for reason in Reason)
