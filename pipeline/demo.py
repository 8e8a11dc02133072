"""The embedded default: the manifest of `pipeline demo`."""

from __future__ import annotations

from pipeline.manifest import Expect, Manifest, parse

DEMO = """\
corpus: demo
about: A practice gallery on this machine that speaks WikiArt's formats, with planted duplicates and faults.
expect: {crawled: 2000, kept: 1893}
sources:
  - {crawl: wikiart, gallery: {pictures: painted, count: 2000, seed: 0}}
select: {min_side: 64}
shard: {size: 64, format: png}
embed: {sides: [224]}
cluster: {k: 12, seed: 0}
train: {size: 32, width: 32, kernel: 4, batch: 16, total_minutes: 4, min_pictures: 60}
"""


def demo_manifest(count: int | None = None, seed: int | None = None) -> Manifest:
    """The demo's manifest, with another number of pictures or another seed of the gallery."""
    manifest = parse(DEMO, "the demo's manifest")
    gallery = dict(manifest.sources[0]["gallery"])
    gallery |= {key: value for key, value in (("count", count), ("seed", seed)) if value is not None}
    updates: dict[str, object] = {"sources": ({**manifest.sources[0], "gallery": gallery},)}
    if count is not None:
        updates["expect"] = Expect()
        updates["train"] = manifest.train.model_copy(update={"min_pictures": min(60, max(8, count // 30))})
    return manifest.model_copy(update=updates)
