"""What lies beside an export: the data card as Hugging Face reads it, and Croissant 1.1 for the folder of pictures."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline import attribution
from pipeline.export.samples import Sample

_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
_HUB = {"CC0-1.0", "CC-BY-3.0", "CC-BY-4.0", "CC-BY-SA-3.0", "CC-BY-SA-4.0", "CC-BY-NC-4.0", "CC-BY-NC-SA-4.0"}
_READING = {
    "huggingface": 'datasets.load_dataset("imagefolder", data_dir=…), or `python -m gan train --data train/03-skulls`',
    "webdataset": 'webdataset.WebDataset("{00000..00001}.tar"), or `python -m gan train --data 00000.tar`',
    "stylegan": "train.py --data=….zip --cond=1 of StyleGAN2-ADA or StyleGAN3, or `python -m gan train --data ….zip`",
    "kohya": "train_network.py --dataset_config=dataset.toml of sd-scripts, from this folder",
}
_FIELDS = {"label": "sc:Text", "title": "sc:Text", "creator": "sc:Text", "year": "sc:Text", "licence": "sc:Text",
           "page_url": "sc:URL"}  # fmt: skip
_CONTEXT = {
    "@language": "en", "@vocab": "https://schema.org/", "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/", "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/", "citeAs": "cr:citeAs", "column": "cr:column", "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"}, "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "equivalentProperty": "cr:equivalentProperty", "samplingRate": "cr:samplingRate",
    "examples": {"@id": "cr:examples", "@type": "@json"}, "extract": "cr:extract", "field": "cr:field",
    "fileObject": "cr:fileObject", "fileProperty": "cr:fileProperty", "fileSet": "cr:fileSet", "format": "cr:format",
    "includes": "cr:includes", "isLiveDataset": "cr:isLiveDataset", "jsonPath": "cr:jsonPath", "key": "cr:key",
    "md5": "cr:md5", "parentField": "cr:parentField", "path": "cr:path", "recordSet": "cr:recordSet",
    "references": "cr:references", "regex": "cr:regex", "repeated": "cr:repeated", "replace": "cr:replace",
    "separator": "cr:separator", "source": "cr:source", "subField": "cr:subField", "transform": "cr:transform",
}  # fmt: skip


def readme(samples: Sequence[Sample], edition: Mapping[str, Any], form: str) -> str:
    """The card: how many pictures of which themes, what was done to them, under which licences, how to read them."""
    licences = Counter(one.facts["licence"] for one in samples)
    themes = Counter((one.theme.number, one.theme.label, one.theme.name) for one in samples)
    held = f"{len(samples):,} pictures in {len(themes)} thematic folder{'s' * (len(themes) > 1)}."
    lines = [
        *(_front(samples, licences, edition) if form == "huggingface" else ()),
        f"# {edition['corpus']}, edition {edition['edition']}", "",
        f"{held} {_about(edition)}".rstrip(), "",
        attribution.changes(edition["manifest"], edition.get("until", "")), "",
        f"To read them: {_READING[form]}", "",
        "| theme | class | name | pictures |", "|---|---|---|---|",
        *(f"| {number:02d} | {label} | {_cell(name)} | {count:,} |" for (number, label, name), count in
          sorted(themes.items())), "",
        "| licence | pictures |", "|---|---|",
        *(f"| {_cell(attribution.named(licence))} | {count:,} |" for licence, count in licences.most_common()), "",
        "There is no licence for all: each picture has its own. `CREDITS.md` says whose they are and where they were "
        "seen.",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _about(edition: Mapping[str, Any]) -> str:
    return _cell(str(edition["manifest"].get("about") or ""))


def _front(samples: Sequence[Sample], licences: Counter[str], edition: Mapping[str, Any]) -> list[str]:
    """The YAML that the hub reads. A JSON string is a YAML string."""
    (first, _), *others = licences.most_common()
    size = next((words for limit, words in _SIZES if len(samples) < limit), "n>1M")
    named = [f"license: {first.lower()}"] if not others and first in _HUB else [
        "license: other", "license_name: each-its-own", "license_link: CREDITS.md"]  # fmt: skip
    return [
        "---", f"pretty_name: {json.dumps(str(edition['corpus']))}", *named, f"size_categories: [\"{size}\"]",
        "task_categories: [unconditional-image-generation, image-classification]", "annotations_creators: [found]",
        "configs:", "- config_name: default", "  data_files:", "  - split: train", "    path: train/**", "---", "",
    ]  # fmt: skip


def _cell(text: str) -> str:
    """Scraped words in a table of Markdown."""
    return attribution.marked(" ".join(text.split()))


def croissant(samples: Sequence[Sample], edition: Mapping[str, Any], metadata: bytes, created: str) -> str:
    """The description of a `huggingface` export as Croissant 1.1 (MLCommons, 2026): JSON-LD. `metadata` are the bytes
    of its metadata.jsonl, `created` is a date in ISO 8601."""
    licences = sorted({one.facts["licence_url"] or one.facts["licence"] for one in samples})
    forms = sorted({one.suffix for one in samples})
    listed = {
        "@type": "cr:FileObject", "@id": "metadata", "name": "metadata.jsonl", "contentUrl": "train/metadata.jsonl",
        "encodingFormat": "application/jsonlines", "sha256": hashlib.sha256(metadata).hexdigest(),
    }
    pictures = {
        "@type": "cr:FileSet", "@id": "pictures", "name": "pictures",
        "encodingFormat": [f"image/{'jpeg' if form == 'jpg' else form}" for form in forms],
        "includes": [f"train/*/*.{form}" for form in forms],
    }  # fmt: skip
    made = {
        "@context": _CONTEXT, "@type": "sc:Dataset", "conformsTo": "http://mlcommons.org/croissant/1.1",
        "name": edition["corpus"], "version": f"{edition['edition']}.0.0", "datePublished": created,
        "description": f"{len(samples):,} pictures in thematic folders. "
        + attribution.changes(edition["manifest"], edition.get("until", "")),
        "license": licences, "url": "README.md", "distribution": [listed, pictures],
        "recordSet": [{"@type": "cr:RecordSet", "@id": "samples", "name": "samples", "field": _fields()}],
    }  # fmt: skip
    return json.dumps(made, ensure_ascii=False, indent=1) + "\n"


def _fields() -> list[dict[str, Any]]:
    name = {
        "@type": "cr:Field", "@id": "samples/file_name", "name": "file_name", "dataType": "sc:Text",
        "source": {"fileObject": {"@id": "metadata"}, "extract": {"column": "file_name"}},
    }  # fmt: skip
    others = [
        {"@type": "cr:Field", "@id": f"samples/{column}", "name": column, "dataType": kind,
         "source": {"fileObject": {"@id": "metadata"}, "extract": {"column": column}}}
        for column, kind in _FIELDS.items()
    ]  # fmt: skip
    return [name, *others]
