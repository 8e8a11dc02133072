"""Duplicates: recall over 34 edits of real pictures, false pairs among real pictures, real families, and speed.

    python benchmarks/duplicates.py --pictures ../shared/data --work /tmp/duplicates --peers /tmp/peers/bin/python

Thresholds were chosen on the pictures for which `duplicate_edits.is_tuning` is true; the tables are of the others.
Every copy is looked for among all of these, as a crawl of tonight is beside a corpus that stands. --peers names the
Python of an environment as `duplicate_peers.py` describes; without it its columns are left out. Edited pictures and the
peers' hashes are made once and kept in --work. Contact sheets of what was missed and of what was taken for the same are
left there, to be looked at.
"""

from __future__ import annotations

import argparse
import gzip
import io
import random
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
from duplicate_edits import all_edits, bases, is_tuning, large, make, small, stickers
from PIL import Image, ImageDraw, ImageOps

from pipeline.manifest import Dedupe
from pipeline.stages.proofs import Asked, Evidence, Search, found, looked, prove
from pipeline.stages.sketch import packed, sketched, unpacked
from pipeline.vision.agreement import Agreement, Limits, agreement, agreement_of_turn
from pipeline.vision.candidates import Candidates, Keys, candidates
from pipeline.vision.fingerprint import is_mirror
from pipeline.vision.measure import measure
from pipeline.vision.sketch import Sketch, codes, poses

RULES = Dedupe()
PEERS = (
    ("imagededup phash", 10), ("imagededup dhash", 10), ("imagehash phash", 8), ("pdq", 31), ("pdq dihedral", 31),
)  # fmt: skip


@cache
def sketch_of(path: Path) -> Sketch:
    """As the fold gets it: through the table's columns."""
    return unpacked(packed(sketched(path.read_bytes())))


def keys_of(sketches: Sequence[Sketch]) -> Keys:
    """What pictures are looked up by."""
    turns = np.stack([one.turns for one in sketches])
    mirrored = [codes(one, True) for one in sketches]
    return Keys.of([codes(one) for one in sketches], mirrored, [poses(one) for one in sketches], turns)


def same(a: Sketch, b: Sketch) -> bool:
    """Whether the second would be removed beside the first: found as a candidate, and proved."""
    pair = [a, b]
    sizes = np.array([one.size for one in pair])
    return bool(prove(Evidence.here(keys_of(pair), pair.__getitem__), np.arange(2), 0, sizes, RULES))


@dataclass
class Recall:
    """Of copies looked for among standing pictures: by edit which were `found`, by base, and those taken for another.

    `wrong` are edit, number of the base, and index of the picture it was taken for; `asked` pairs were looked at in
    `seconds` of CPU time.
    """

    found: dict[str, list[bool]]
    wrong: list[tuple[str, int, int]] = field(default_factory=list)
    asked: int = 0
    seconds: float = 0.0


def recall(standing: Sequence[Sketch], own: Sequence[int], same_: set[tuple[int, int]], folder: Path) -> Recall:
    """Look for every edit of some pictures among all that stand.

    `own` are the indices of the pictures that were edited, `same_` the pairs of standing ones that show the same.
    """
    told, keys = Recall({name: [] for name in all_edits(b"")}), keys_of(standing)
    for name in told.found:
        copies = [sketch_of(folder / f"{n:03d}" / name) for n in range(len(own))]
        keepers = _keepers(told, keys, [*standing, *copies])
        for n, original in enumerate(own):
            keeper = keepers.get(len(standing) + n, -1)
            told.found[name].append(keeper == original or (keeper, original) in same_)
            if keeper >= 0 and not told.found[name][-1]:
                told.wrong.append((name, n, keeper))
    return told


def _keepers(told: Recall, standing: Keys, all_: Sequence[Sketch]) -> dict[int, int]:
    """Of each new picture that was found again the index of the one it is the same as."""
    first = len(standing.turns)
    new = keys_of(all_[first:])
    keys = Keys(
        np.concatenate([standing.codes, new.codes]), np.concatenate([standing.owners, new.owners + first]),
        np.concatenate([standing.mirrored, new.mirrored]), np.concatenate([standing.poses, new.poses]),
        np.concatenate([standing.turns, new.turns]),
    )  # fmt: skip

    def find(search: Search) -> Candidates:
        return found(keys, search)

    def look(asked: Sequence[Asked], limits: Limits) -> list[Agreement | None]:
        began = time.process_time()
        answers = looked(all_.__getitem__, asked, limits)
        told.asked, told.seconds = told.asked + len(asked), told.seconds + time.process_time() - began
        return answers

    sizes = np.array([one.size for one in all_])
    sketches = Evidence(find, all_.__getitem__, look)
    proofs = prove(sketches, np.arange(len(all_)), first, sizes, RULES)
    return {proof.lost: proof.keeper for proof in proofs}


def accepted(sketches: Sequence[Sketch]) -> tuple[list[tuple[int, int, Agreement]], int, float]:
    """All pairs proved among pictures, the number of candidates, and pairs proved or refused a CPU second."""
    pairs = candidates(
        keys_of(sketches), 0, np.arange(len(sketches)), RULES.code_distance, RULES.votes, RULES.turn_distance
    )
    made, started = [], time.process_time()
    for i, j, plain, mirrored, turn, _ in zip(*pairs, strict=True):
        a, b = sketches[i], sketches[j]
        ways = [m for m, is_so in ((False, plain), (True, mirrored)) if is_so or (turn >= 0 and is_mirror(turn) == m)]
        proof = next((one for m in ways if (one := agreement(a, b, m)) is not None), None)
        if proof is None and turn >= 0:
            proof = agreement_of_turn(a, b, int(turn))
        if proof is not None:
            made.append((int(i), int(j), proof))
    return made, len(pairs.i), len(pairs.i) / max(time.process_time() - started, 1e-9)


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
    text = "\n".join(str(path) for path in paths)
    if not output.exists() or not listed.exists() or listed.read_text() != text:
        listed.write_text(text)
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


def distractors(data: Path, work: Path, python: str | None) -> set[tuple[Path, Path]]:
    """Print false pairs among different real pictures, ours and the peers'; give all that were taken for the same."""
    big, tiny = large(data), small(data)
    paths = [*big, *tiny]
    pairs, tried, pace = accepted([sketch_of(path) for path in paths])
    sheet(
        [(paths[i], paths[j], f"in {p.inliers} agree {p.agreed:.2f} seen {p.seen:.2f}") for i, j, p in pairs],
        work / "accepted.png",
    )
    print(f"\n{tried:,} candidates among {len(paths):,}, {pace:,.0f} of them proved or refused a CPU second.")
    print("\n| different real pictures | of them 200 pixels or more | pairs | taken for the same |\n|---|---|---|---|")
    others = {path for path in paths if not is_tuning(path, data)}
    sets = (("held out, large", others & {*big}), ("held out", others), ("all large", {*big}), ("all", {*paths}))
    for name, chosen in sets:
        hits = sum(paths[i] in chosen and paths[j] in chosen for i, j, _ in pairs)
        count = len(chosen)
        print(f"| {name}: {count:,} | {len(chosen & {*big}):,} | {count * (count - 1) // 2:,} | {hits} |", flush=True)
    if python:
        counts = peers_false(python, sorted(others & {*big}), work, "peers-distractors")
        print("\nPairs of the first row within the peers' thresholds: ", end="")
        print(", ".join(f"{k} {v}" for k, v in counts.items()), flush=True)
    return {(paths[i], paths[j]) for i, j, _ in pairs}


def edited(data: Path, work: Path, python: str | None, each: int, pairs: set[tuple[Path, Path]]) -> None:
    """Print the recall of every edit of held-out pictures among all of them; `pairs` show the same."""
    chosen, folder = bases(data, False, each), work / "report"
    make(data, folder, chosen)
    standing = [path for path in (*large(data), *small(data)) if not is_tuning(path, data)]
    at = {path: n for n, path in enumerate(standing)}
    alike = {(at[a], at[b]) for pair in pairs for a, b in (pair, pair[::-1]) if a in at and b in at}
    told = recall([sketch_of(path) for path in standing], [at[path] for path in chosen], alike, folder)
    peers = peers_recall(python, folder, list(told.found), work) if python else {}
    show_recall(told.found, peers)
    copies = len(chosen) * len(told.found)
    print(f"\n{copies:,} copies of {len(chosen)} among {len(standing):,} pictures, {copies * len(standing):,} pairs: "
          f"{len(told.wrong)} taken for another picture. {told.asked:,} pairs were looked at, "
          f"{told.asked / told.seconds:,.0f} a CPU second.")  # fmt: skip
    missed = [(n, name) for name, values in told.found.items() for n, hit in enumerate(values) if not hit]
    sheet([(folder / f"{n:03d}/base", folder / f"{n:03d}/{name}", name) for n, name in missed], work / "missed.png")
    sheet([(standing[k], folder / f"{n:03d}/{name}", name) for name, n, k in told.wrong], work / "wrong.png")


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
    started = time.process_time()
    known, order = Evidence.here(keys_of(sketches), sketches.__getitem__), np.arange(len(paths))
    proofs = prove(known, order, 0, sizes, RULES)
    spent = time.process_time() - started
    keepers, members = np.unique([proof.keeper for proof in proofs], return_counts=True)
    print(f"\n{len(paths):,} mixed pictures ({len(chosen):,} of them digits): {len(proofs)} duplicates of "
          f"{len(keepers)} kept, the largest group has {members.max(initial=0) + 1} pictures; "
          f"{spent:.1f} CPU s for keys, candidates and proofs.")  # fmt: skip
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
    """CPU milliseconds a picture on 1024×768 JPEG, ours in turn with the peers': the medians of five rounds."""
    place = work / "speed"
    place.mkdir(exist_ok=True)
    paths = []
    for n, path in enumerate([*(data / "wikiart_styles_pd").glob("*/*.jpg")][:60]):
        paths.append(place / f"{n:02d}.jpg")
        ImageOps.fit(Image.open(path).convert("RGB"), (1024, 768)).save(paths[-1], quality=90)
    rounds = [_round(paths, work, python) for _ in range(5)]
    base = f"ms {PEERS[0][0]}"
    print("\n| 1024×768 JPEG | CPU ms a picture | of imagededup phash, in turn |\n|---|---|---|")
    for name in rounds[0]:
        share = np.median([one[name] / one[base] for one in rounds]) if python else float("nan")
        print(f"| {name.removeprefix('ms ')} | {np.median([one[name] for one in rounds]):.2f} | {share:.2f} |")


def _round(paths: Sequence[Path], work: Path, python: str | None) -> Mapping[str, float]:
    bytes_, times = [path.read_bytes() for path in paths], {}
    for name, function in (("measure, strict", measure), ("sketch, thorough", lambda data: packed(sketched(data)))):
        started = time.process_time()
        for one in bytes_:
            function(one)
        times[name] = 1000 * (time.process_time() - started) / len(paths)
    if python:
        (work / "peers-speed.npz").unlink(missing_ok=True)
        bits = peers_bits(python, paths, work, "peers-speed")
        times |= {f"ms {peer}": float(bits[f"ms {peer}"]) for peer, _ in PEERS}
    return times


def main() -> None:
    """Measure everything and print Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--peers", default=None)
    parser.add_argument("--each", type=int, default=52, help="bases of each of the four sets")
    parser.add_argument("--only", nargs="*", default=["recall", "covered", "crowd", "families", "speed"])
    asked = parser.parse_args()
    asked.work.mkdir(parents=True, exist_ok=True)
    data, work = asked.pictures.resolve(), asked.work
    if "recall" in asked.only:
        pairs = distractors(data, work, asked.peers)
        edited(data, work, asked.peers, asked.each, pairs)
    if "covered" in asked.only:
        covered(data)
    if "crowd" in asked.only:
        crowd(data, work)
    if "families" in asked.only:
        families(data)
    if "speed" in asked.only:
        speed(data, work, asked.peers)


if __name__ == "__main__":
    main()
