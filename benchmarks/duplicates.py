"""Duplicates: recall over 34 edits of real pictures, false pairs among real pictures, real families, and speed.

    python benchmarks/duplicates.py --pictures ../shared/data --work /tmp/duplicates --peers /tmp/peers/bin/python

Thresholds were chosen on the pictures for which `duplicate_edits.is_tuning` is true; the tables are of the others.
--peers names the Python of an environment as `duplicate_peers.py` describes; without it its columns are left out.
Contact sheets of what was missed and of what was taken for the same are left in --work, to be looked at.
"""

from __future__ import annotations

import argparse
import gzip
import io
import random
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from duplicate_edits import all_edits, bases, is_tuning, large, make, small, stickers
from PIL import Image, ImageDraw, ImageOps

from pipeline.manifest import Dedupe
from pipeline.stages.proofs import Sketched, prove
from pipeline.stages.sketch import packed, sketched, unpacked
from pipeline.vision.agreement import Agreement, agreement, agreement_of_turn
from pipeline.vision.candidates import Keys, candidates
from pipeline.vision.fingerprint import is_mirror
from pipeline.vision.measure import measure
from pipeline.vision.sketch import Sketch, codes, poses

RULES = Dedupe()
PEERS = (
    ("imagededup phash", 10), ("imagededup dhash", 10), ("imagehash phash", 8), ("pdq", 31), ("pdq dihedral", 31),
)  # fmt: skip


def sketch_of(path: Path) -> Sketch:
    """As the fold gets it: through the table's columns."""
    made = packed(sketched(path.read_bytes()))
    return unpacked(made)


def keys_of(sketches: Sequence[Sketch]) -> Keys:
    """What pictures are looked up by."""
    turns = np.stack([one.turns for one in sketches])
    mirrored = [codes(one, True) for one in sketches]
    return Keys.of([codes(one) for one in sketches], mirrored, [poses(one) for one in sketches], turns)


def same(a: Sketch, b: Sketch) -> bool:
    """Whether the second would be removed beside the first: found as a candidate, and proved."""
    pair = [a, b]
    sizes = np.array([one.size for one in pair])
    return bool(prove(Sketched.here(keys_of(pair), pair.__getitem__), np.arange(2), 0, sizes, "ab", RULES, frozenset()))


def recall(folder: Path, edits: Sequence[str]) -> dict[str, list[bool]]:
    """For every edit whether it was found, by base; every base with every copy of it."""
    found: dict[str, list[bool]] = {name: [] for name in edits}
    for place in sorted(path for path in folder.iterdir() if path.is_dir()):
        base = sketch_of(place / "base")
        for name in edits:
            found[name].append(same(base, sketch_of(place / name)))
    return found


def accepted(sketches: Sequence[Sketch]) -> tuple[list[tuple[int, int, Agreement]], int, float]:
    """All pairs proved among pictures, the number of candidates, and pairs proved or refused a CPU second."""
    pairs = candidates(
        keys_of(sketches), 0, np.arange(len(sketches)), RULES.code_distance, RULES.votes, RULES.turn_distance
    )
    found, started = [], time.process_time()
    for i, j, plain, mirrored, turn, _ in zip(*pairs, strict=True):
        a, b = sketches[i], sketches[j]
        ways = [m for m, is_so in ((False, plain), (True, mirrored)) if is_so or (turn >= 0 and is_mirror(turn) == m)]
        proof = next((made for m in ways if (made := agreement(a, b, m)) is not None), None)
        if proof is None and turn >= 0:
            proof = agreement_of_turn(a, b, int(turn))
        if proof is not None:
            found.append((int(i), int(j), proof))
    return found, len(pairs.i), len(pairs.i) / max(time.process_time() - started, 1e-9)


def sheet(paths: Sequence[tuple[Path, Path, str]], output: Path, columns: int = 5) -> None:
    """Pairs of pictures side by side with a line each."""
    rows = (len(paths) + columns - 1) // columns
    page = Image.new("RGB", (columns * 330, max(rows, 1) * 175), "white")
    for n, (one, other, text) in enumerate(paths):
        x, y = n % columns * 330, n // columns * 175
        for path, at in ((one, x), (other, x + 162)):
            picture = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
            picture.thumbnail((160, 155))
            page.paste(picture, (at, y))
        ImageDraw.Draw(page).text((x, y + 158), text, fill="red")
    page.save(output)


def peers_bits(python: str, paths: Sequence[Path], work: Path, name: str) -> dict[str, np.ndarray]:
    """The hashes of the peers, made in their own environment."""
    listed, output = work / f"{name}.txt", work / f"{name}.npz"
    listed.write_text("\n".join(str(path) for path in paths))
    if not output.exists():
        script = Path(__file__).with_name("duplicate_peers.py")
        subprocess.run([python, str(script), str(listed), str(output)], check=True)
    return dict(np.load(output))


def apart(a: np.ndarray, b: np.ndarray) -> int:
    """The fewest bits between any hash of one picture and the first of the other."""
    return int(np.bitwise_count(a ^ b[:1]).sum(1).min())


def peers_recall(python: str, folder: Path, edits: Sequence[str], work: Path) -> dict[str, dict[str, float]]:
    """For every peer the share found of each edit, of every fourth base."""
    places = sorted(path for path in folder.iterdir() if path.is_dir())[::4]
    bits = peers_bits(python, [place / name for place in places for name in ("base", *edits)], work, "peers-edits")
    stride = len(edits) + 1
    return {
        name: {
            edit: float(np.mean([
                apart(bits[name][at], bits[name][at + 1 + n]) <= limit for at in range(0, stride * len(places), stride)
            ]))
            for n, edit in enumerate(edits)
        }
        for name, limit in PEERS
    }  # fmt: skip


def peers_false(python: str, paths: Sequence[Path], work: Path, name: str) -> dict[str, int]:
    """For every peer the pairs of different pictures within its threshold."""
    bits = peers_bits(python, paths, work, name)
    counts = {}
    for peer, limit in PEERS:
        of, total = bits[peer], 0
        for n in range(1, len(of)):
            total += int((np.bitwise_count(of[:n] ^ of[n, :1]).sum(2).min(1) <= limit).sum())
        counts[peer] = total
    return counts


def show_recall(found: dict[str, list[bool]], peers: dict[str, dict[str, float]]) -> None:
    """The table of edits."""
    print(f"| edit | thorough | {' | '.join(f'{name} @{limit}' for name, limit in PEERS if name in peers)} |")
    print("|---" * (2 + len(peers)) + "|")
    ours = {name: float(np.mean(values)) for name, values in found.items()}
    for name, share in ours.items():
        print(f"| {name} | {share:.3f} | " + " | ".join(f"{peer[name]:.3f}" for peer in peers.values()) + " |")
    means = [float(np.mean(list(peer.values()))) for peer in peers.values()]
    mean = float(np.mean(list(ours.values())))
    print(f"| **mean of {len(ours)}** | **{mean:.4f}** | " + " | ".join(f"{m:.3f}" for m in means) + " |")
    print(f"\nLowest: {min(ours, key=lambda n: ours[n])} {min(ours.values()):.3f}")


def distractors(data: Path, work: Path, python: str | None) -> None:
    """False pairs among different real pictures, ours and the peers'."""
    for name, paths in (("large", large(data)), ("large and 64-pixel paintings", [*large(data), *small(data)])):
        paths = [path for path in paths if not is_tuning(path, data)]
        sketches = [sketch_of(path) for path in paths]
        found, tried, pace = accepted(sketches)
        pairs = len(paths) * (len(paths) - 1) // 2
        print(f"\n{name}: {len(paths):,} pictures, {pairs:,} pairs, {tried:,} candidates ({tried / pairs:.1e}),")
        print(f"{len(found)} accepted, {pace:,.0f} candidates proved or refused a CPU second.")
        lines = [
            (paths[i], paths[j], f"in {p.inliers} agree {p.agreed:.2f} seen {p.seen:.2f}") for i, j, p in found
        ]
        sheet(lines, work / f"accepted-{name.split()[-1]}.png")
        if python and name == "large":
            counts = peers_false(python, paths, work, "peers-distractors")
            print("Pairs within the peers' thresholds: " + ", ".join(f"{k} {v}" for k, v in counts.items()))


def crowd(data: Path, work: Path) -> None:
    """Stars among 10,000 mixed pictures: the largest."""
    packed_digits = next((data / "mnist_idx").glob("train-images*")).read_bytes()
    digits = np.frombuffer(gzip.decompress(packed_digits)[16:], np.uint8)
    digits = digits.reshape(-1, 28, 28)
    faces = [path for name in ("faces_orl", "faces_cmu") for path in (data / name).rglob("*.*")]
    paths = [*large(data), *small(data), *sorted(path for path in faces if path.suffix in (".pgm", ".png", ".jpg"))]
    chosen = random.Random(0).sample(range(len(digits)), max(0, 10_000 - len(paths)))
    place = work / "digits"
    place.mkdir(exist_ok=True)
    for n in chosen:
        Image.fromarray(digits[n]).save(place / f"{n:05d}.png")
    paths += [place / f"{n:05d}.png" for n in chosen]
    sketches = [sketch_of(path) for path in paths]
    sizes = np.array([one.size for one in sketches])
    ids = [path.name for path in paths]
    started = time.process_time()
    known, order = Sketched.here(keys_of(sketches), sketches.__getitem__), np.arange(len(paths))
    proofs = prove(known, order, 0, sizes, ids, RULES, frozenset())
    spent = time.process_time() - started
    keepers, members = np.unique([proof.keeper for proof in proofs], return_counts=True)
    print(f"\n{len(paths):,} mixed pictures ({len(chosen):,} of them digits): {len(proofs)} duplicates of "
          f"{len(keepers)} kept, the largest group has {members.max(initial=0) + 1} pictures; "
          f"{spent:.1f} CPU s for keys, candidates and proofs.")
    real = [proof for proof in proofs if proof.lost < len(paths) - len(chosen)]
    largest = max((sum(other.keeper == one.keeper for other in real) for one in real), default=0) + 1
    print(f"Without the digits: {len(real)} duplicates, the largest group has {largest} pictures.")
    proofs = real
    shown = sorted(proofs, key=lambda p: -int(members[np.searchsorted(keepers, p.keeper)]))[:60]
    sheet([(paths[p.keeper], paths[p.lost], p.facts["transform"][:52]) for p in shown], work / "groups.png")
    growth(sketches)


def covered(data: Path) -> None:
    """Recall under opaque stickers, of 15 pictures of each large set, at most 640 pixels long."""
    found: dict[str, list[bool]] = {name: [] for name in stickers()}
    for number, path in enumerate(bases(data, False, 15)):
        picture = Image.open(path).convert("RGB")
        picture.thumbnail((640, 640), Image.Resampling.LANCZOS)
        sink = io.BytesIO()
        picture.save(sink, "PNG")
        base = unpacked(packed(sketched(sink.getvalue())))
        for name, edit in stickers().items():
            copy = unpacked(packed(sketched(edit(picture, random.Random(f"{number} {name}")))))
            found[name].append(same(base, copy))
    print("\n| sticker | found |\n|---|---|")
    for name, hits in found.items():
        print(f"| {name} | {np.mean(hits):.2f} |")


def growth(sketches: Sequence[Sketch]) -> None:
    """Candidates and CPU seconds for the first so many of shuffled pictures."""
    keys = keys_of([sketches[n] for n in np.random.default_rng(0).permutation(len(sketches))])
    for count in (2000, 5000, 10_000):
        mine = keys.owners < count
        part = Keys(keys.codes[mine], keys.owners[mine], keys.mirrored[mine], keys.poses[mine], keys.turns[:count])
        started = time.process_time()
        pairs = candidates(part, 0, np.arange(count), RULES.code_distance, RULES.votes, RULES.turn_distance)
        spent = time.process_time() - started
        print(f"{count:,} pictures: {len(pairs.i):,} candidates, {len(pairs.i) / count:.2f} each, {spent:.1f} CPU s")


def families(data: Path) -> None:
    """The real families of `dup_imagededup` and `dup_pdq`: pairs of each family found, and pairs between them."""
    import csv

    print("\n| family set | pictures | pairs of a family | found | pairs of different families taken for the same |")
    print("|---|---|---|---|---|")
    for name in ("dup_imagededup", "dup_pdq"):
        with open(data / name / "index.csv") as rows:
            kept = [r for r in csv.DictReader(rows) if r["group"] and r["width"] != "0"]
        sketches = [sketch_of(data / name / row["path"]) for row in kept]
        hit, total, wrong = 0, 0, []
        for i in range(len(kept)):
            for j in range(i):
                alike = same(sketches[i], sketches[j])
                if kept[i]["group"] == kept[j]["group"]:
                    hit, total = hit + alike, total + 1
                elif alike:
                    wrong.append((kept[i]["path"], kept[j]["path"]))
        print(f"| {name} | {len(kept)} | {total} | {hit} | {len(wrong)} {wrong[:3] if wrong else ''} |")


def speed(data: Path, work: Path, python: str | None) -> None:
    """CPU milliseconds a picture on 1024×768 JPEG, ours beside the peers'."""
    place = work / "speed"
    place.mkdir(exist_ok=True)
    paths = []
    for n, path in enumerate([*(data / "wikiart_styles_pd").glob("*/*.jpg")][:60]):
        paths.append(place / f"{n:02d}.jpg")
        ImageOps.fit(Image.open(path).convert("RGB"), (1024, 768)).save(paths[-1], quality=90)
    bytes_ = [path.read_bytes() for path in paths]
    print("\n| 1024×768 JPEG | CPU ms a picture |\n|---|---|")
    for name, function in (("measure, strict", measure), ("sketch, thorough", lambda data: packed(sketched(data)))):
        best = []
        for _ in range(3):
            started = time.process_time()
            for one in bytes_:
                function(one)
            best.append(1000 * (time.process_time() - started) / len(paths))
        print(f"| {name} | {min(best):.2f} |", flush=True)
    if python:
        (work / "peers-speed.npz").unlink(missing_ok=True)
        bits = peers_bits(python, paths, work, "peers-speed")
        for peer, _ in PEERS:
            print(f"| {peer} | {float(bits[f'ms {peer}']):.2f} |")


def main() -> None:
    """Measure everything and print Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--peers", default=None)
    parser.add_argument("--each", type=int, default=52, help="bases of each of the four sets")
    parser.add_argument("--only", nargs="*", default=["recall", "covered", "distractors", "crowd", "families", "speed"])
    asked = parser.parse_args()
    asked.work.mkdir(parents=True, exist_ok=True)
    data, work = asked.pictures.resolve(), asked.work
    if "recall" in asked.only:
        chosen = bases(data, False, asked.each)
        make(data, work / "report", chosen)
        edits = list(all_edits(b""))
        found = recall(work / "report", edits)
        peers = peers_recall(asked.peers, work / "report", edits, work) if asked.peers else {}
        show_recall(found, peers)
        missed = [(n, name) for name, values in found.items() for n, hit in enumerate(values) if not hit]
        place = work / "report"
        sheet([(place / f"{n:03d}/base", place / f"{n:03d}/{name}", name) for n, name in missed], work / "missed.png")
    if "covered" in asked.only:
        covered(data)
    if "distractors" in asked.only:
        distractors(data, work, asked.peers)
    if "crowd" in asked.only:
        crowd(data, work)
    if "families" in asked.only:
        families(data)
    if "speed" in asked.only:
        speed(data, work, asked.peers)


if __name__ == "__main__":
    main()
