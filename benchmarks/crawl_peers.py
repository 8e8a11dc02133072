"""Crawling next to others: pictures a second against gallery-dl and img2dataset, memory, and use of an allowed rate.

    python benchmarks/crawl_peers.py --gallery-dl PYTHON --img2dataset PROGRAM [--count 2000] [--rounds 3]

Each side runs as processes of its own against the same practice gallery without delays, in turn, in one run; its CPU
seconds are those of all its processes. The peers are installed elsewhere: PYTHON is an interpreter that has gallery-dl,
PROGRAM is img2dataset's. Without them only our own figures are taken.
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np
import psutil
from PIL import Image

from pipeline.storage import Root
from spiders.gallery import Catalogue, Gallery
from spiders.run import crawl
from spiders.wikiart import WikiArtSpider

PIPELINE = [sys.executable, "-c", "from pipeline.cli import main; main()"]
CLIENT = """
import sys
import gallery_dl
from gallery_dl.extractor.wikiart import WikiartExtractor
WikiartExtractor.root = sys.argv.pop(1)
sys.exit(gallery_dl.main())
"""
PER_ARTIST = 100
BYTES = 8_000


class Run(NamedTuple):
    """What one run took: seconds by the clock, CPU seconds of its processes, pictures on disk."""

    wall: float
    cpu: float
    pictures: int


def main() -> None:
    """Run everything, and print tables for RESULTS.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gallery-dl", help="a Python that has gallery-dl")
    parser.add_argument("--img2dataset", help="the program")
    parser.add_argument("--count", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=("peers", "memory", "rate"))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        if given.only in (None, "peers"):
            peers(work, given.count, given.rounds, given.gallery_dl, given.img2dataset)
        if given.only in (None, "memory"):
            memory(work)
        if given.only in (None, "rate"):
            rate(work)


# what is served


def catalogue(folder: Path, count: int) -> Catalogue:
    """`count` works, a hundred by each artist, all of one style: JPEGs of 8 kB, no two of the same bytes."""
    folder.mkdir(parents=True)
    body = io.BytesIO()
    noise = np.random.default_rng(1).integers(0, 255, (72, 96, 3), np.uint8)
    Image.fromarray(noise).save(body, "JPEG", quality=88)
    plain = body.getvalue().ljust(BYTES, b"\0")
    with (folder / "index.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "title", "artist", "style"])
        for number in range(count):
            (folder / f"{number:05d}.jpg").write_bytes(plain + number.to_bytes(8, "big"))
            writer.writerow([f"{number:05d}.jpg", f"Work {number}", f"Artist {number // PER_ARTIST}", "Cubism"])
    return Catalogue.from_folder(folder)


# sides


def timed(command: list[str], counted: Callable[[], int]) -> Run:
    """Run a command to its end."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    environment = {**os.environ, "NO_PROXY": "*", "NO_ALBUMENTATIONS_UPDATE": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"{command[:4]}… failed:\n{done.stderr[-2000:]}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Run(wall, cpu, counted())


def files(folder: Path, suffix: str = ".jpg") -> Callable[[], int]:
    """Counts the pictures under a folder."""
    return lambda: sum(path.suffix in (suffix, ".jpeg") for path in folder.rglob("*"))


def ours(url: str, root: Path, *words: str) -> Run:
    """Our crawl or import."""
    command = [*PIPELINE, *words, "--base-url", url, "--root", str(root), "--quiet"]
    return timed(command, files(root / "originals"))


def theirs_gallery(python: str, url: str, folder: Path) -> Run:
    """gallery-dl, by style, with the metadata of each work beside it, as ours keeps it too."""
    words = ["--config-ignore", "--write-metadata", "-q", "-o", "sleep-request=0", "-d", str(folder)]
    page = "https://www.wikiart.org/en/paintings-by-style/cubism"
    return timed([python, "-c", CLIENT, url, *words, page], files(folder))


def theirs_dataset(program: str, addresses: Path, folder: Path) -> Run:
    """img2dataset with its defaults, one process and 256 threads; bytes kept as served, as ours are."""
    options = ["--url_list", str(addresses), "--input_format", "txt", "--output_format", "files",
               "--output_folder", str(folder), "--resize_mode", "no", "--disable_all_reencoding", "True",
               "--processes_count", "1", "--thread_count", "256", "--number_sample_per_shard", "1000",
               "--enable_wandb", "False"]  # fmt: skip
    return timed([program, *options], files(folder))


# tables


def peers(work: Path, count: int, rounds: int, python: str | None, program: str | None) -> None:
    """Both comparisons, sides in turn."""
    shown = catalogue(work / "peers", count)
    sides: dict[str, list[Run]] = {}
    with Gallery(shown) as gallery:
        addresses = work / "addresses.txt"
        addresses.write_text("".join(f"{gallery.url}{work_.path}\n" for work_ in shown.works))
        for number in range(rounds):
            for name, run in _sides(gallery.url, work / f"out{number}", addresses, python, program).items():
                sides.setdefault(name, []).append(run())
                shutil.rmtree(work / f"out{number}", ignore_errors=True)
                print(number, name, sides[name][-1], file=sys.stderr, flush=True)
    print(f"\n| {count:,} pictures | seconds | CPU seconds | pictures/s |\n|---|---|---|---|")
    for name, runs in sides.items():
        wall, cpu = median(run.wall for run in runs), median(run.cpu for run in runs)
        print(f"| {name} | {wall:.1f} | {cpu:.1f} | {runs[0].pictures / wall:,.0f} |")
        assert all(run.pictures == count for run in runs), runs
    for our, their in (("ours, by style", "gallery-dl"), ("ours, from the list", "img2dataset")):
        if their in sides:
            pairs = list(zip(sides[our], sides[their], strict=True))
            wall, cpu = median(t.wall / o.wall for o, t in pairs), median(t.cpu / o.cpu for o, t in pairs)
            print(f"\n{our} against {their}: {wall:.2f} times as fast, {cpu:.2f} times fewer CPU seconds "
                  "(median of the rounds).")  # fmt: skip


def _sides(
    url: str, out: Path, addresses: Path, python: str | None, program: str | None
) -> dict[str, Callable[[], Run]]:
    found = {"ours, by style": lambda: ours(url, out, "crawl", "wikiart", "--style", "cubism", "--no-details")}
    if python:
        found["gallery-dl"] = lambda: theirs_gallery(python, url, out)
    found["ours, from the list"] = lambda: ours(url, out, "import", "urls", str(addresses))
    if program:
        found["img2dataset"] = lambda: theirs_dataset(program, addresses, out)
    return found


def memory(work: Path) -> None:
    """The peak memory of a crawl of 1,000 and of 20,000 pictures."""
    print("\n| pictures | peak memory of the crawler, MiB | pictures/s |\n|---|---|---|")
    for count in (1_000, 20_000):
        shown = catalogue(work / f"memory{count}", count)
        with Gallery(shown) as gallery:
            peak, run = watched(lambda: ours(gallery.url, work / "root", "crawl", "wikiart", "--no-details"))
        shutil.rmtree(work / "root")
        assert run.pictures == count
        print(f"| {count:,} | {peak / 2**20:.0f} | {run.pictures / run.wall:,.0f} |", flush=True)


def watched(call: Callable[[], Run]) -> tuple[int, Run]:
    """The greatest memory of the crawler's process in bytes while a call runs, and what the call gives."""
    peak, over = 0, threading.Event()

    def look() -> None:
        nonlocal peak
        while not over.wait(0.1):
            for one in psutil.Process().children(recursive=True):
                try:
                    if "spiders.child" in one.cmdline():
                        peak = max(peak, one.memory_info().rss)
                except psutil.Error:
                    continue

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        run = call()
    finally:
        over.set()
        watcher.join()
    return peak, run


def rate(work: Path) -> None:
    """How much of the allowed rate is used, with the brakes of a live site on."""
    shown = catalogue(work / "rate", 400)
    print("\n| limited to | requests | seconds | used |\n|---|---|---|---|")
    for args, limit, kind, part in (
        ({"details": "no"}, 240, "pictures", "/images/"),
        ({}, 90, "data", "json"),
    ):
        allowed = WikiArtSpider.rates[kind]
        rates = WikiArtSpider.rates.items()
        slots = {f"wikiart-{name}": {"delay": 1 / value, "concurrency": 4} for name, value in rates}
        with Gallery(shown) as gallery:
            brakes = {"DOWNLOAD_SLOTS": slots, "AUTOTHROTTLE_ENABLED": True, "CONCURRENT_REQUESTS": 8}
            crawl("wikiart", Root(work / f"rate-{kind}"), args={"style": "cubism", **args}, limit=limit,
                  base_url=gallery.url, settings=brakes)  # fmt: skip
            log = [(when, target.lower()) for when, target, _ in gallery.log()]
        asked = [when for when, target in log if part in target and "/.well-known/" not in target]
        took = asked[-1] - asked[0]
        used = (len(asked) - 1) / took / allowed
        print(f"| {allowed:g}/s ({kind}) | {len(asked)} | {took:.1f} | {used:.1%} |", flush=True)


if __name__ == "__main__":
    main()
