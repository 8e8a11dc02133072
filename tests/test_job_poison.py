"""A picture whose decoder dies or hangs costs one row: its neighbours are measured."""

import json
import textwrap

import pytest
from job import make_pictures, manifest, pipeline

DEADLY = textwrap.dedent("""
    import os, signal, time
    import pipeline.stages.measure as stage
    real = stage.look
    def look(data, **options):
        if b"DEADLY" in data:
            os.kill(os.getpid(), signal.SIGSEGV)
        if b"ENDLESS" in data:
            time.sleep(3600)
        return real(data, **options)
    stage.look = look
""")
"""Stands in for a decoder with a fault in native code: real files that kill one are not to be had."""


@pytest.mark.timeout(280)
def test_poison_costs_one_row(tmp_path):
    pictures = make_pictures(tmp_path / "pictures", 40)
    for name, mark in (("deadly.jpg", b"DEADLY"), ("endless.jpg", b"ENDLESS")):
        good = next((pictures / "discs").iterdir()).read_bytes()
        (pictures / name).write_bytes(good + mark)
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(DEADLY)
    recipe = manifest(tmp_path, pictures)
    root = tmp_path / "root"
    pipeline(
        "run", recipe, "--until", "dedupe", root=root, PYTHONPATH=str(tmp_path / "site"), PIPELINE_ROW_SECONDS="3"
    )
    query = "select c.source_id, m.reason from measured m join crawled c using (partition, row) order by 1"
    rows = json.loads(pipeline("sql", query, "--json", root=root).stdout)
    reasons = {row["source_id"]: row["reason"] for row in rows}
    assert reasons["deadly.jpg"] == "crashed"
    assert reasons["endless.jpg"] == "timed_out"
    assert sum(reason is None for reason in reasons.values()) == 42
