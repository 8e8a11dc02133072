"""Faces against truth and against plain MediaPipe: eyes, recall, steadiness, paintings, judgement, speed.

    python benchmarks/faces.py ../shared/data [PART …]      parts: eyes steady paintings judge speed

Plain MediaPipe is the same model file called picture by picture. No limit was chosen on what is reported: of every set
the first half of the persons, or of the pictures where nobody is named, sets limits by `faces_limits.py`, and the
other half is reported here.
"""

from __future__ import annotations

import csv
import hashlib
import io
import resource
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline import models
from pipeline.manifest import Align
from pipeline.stages.judge import judge_faces
from pipeline.vision.colour import to_srgb
from pipeline.vision.decode import open_upright
from pipeline.vision.faces import FaceFinder

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float64]
Eyes = Callable[[Pixels], list[Floats]]
NEAR = 24  # pixels between the eyes, from which faces must be found
USABLE = Align().min_eye_distance
PORTRAIT = Align(max_yaw=20, max_pitch=25, max_up=13, min_eye_distance=0)
DAYLIGHT = Align(max_yaw=180, max_pitch=180, min_eye_distance=0, sunglasses="reject")
PAINTED = (  # of wikiart_styles_pd, by eye: persons to the waist or nearer, both eyes to be seen
    "adriaen-brouwer_fumatore", "andrea-del-sarto_christ-the-redeemer",
    "andrea-del-sarto_domenico-di-jacopo-di-matteo-called-becuccio-bicchieraio", "andrea-del-sarto_head-of-a-young-man",
    "andrea-del-sarto_head-of-child", "agnolo-bronzino_a-portrait-of-giuliano-di-piero-de-medici",
    "agnolo-bronzino_alessandro-de-medici", "allan-ramsay_general-sir-james-abercromby-also-spelled-abercrombie",
    "allan-ramsay_hon-mary-townshend-the-daughter-of-charles-townshend-2nd-viscount-townshend-of-raynham-and",
    "allan-ramsay_jean-jacques-rousseau", "allan-ramsay_john-campbell-4th-earl-of-loudoun", "allan-ramsay_john-reid",
    "allan-ramsay_lady-susan-fox-strangways-1761",
    "vladimir-borovikovsky_portrait-of-aleksei-alekseevich-konstantinova-1806", "joshua-reynolds_samuel-johnson-1757",
    "antoine-pesne_self-portrait-with-daughters-1754", "vladimir-borovikovsky_portrait-of-m-i-lopukhina-1797",
    "mikhail-vrubel_head-of-demon-1890", "gustave-moreau_saint-sebastian-1875",
)  # fmt: skip
WHOLE = (  # and whole figures
    "adriaen-brouwer_a-boor-asleep", "andrea-del-castagno_farinata-degli-uberti",
    "andrea-del-castagno_giovanni-boccaccio", "andrea-del-sarto_charity",
    "allan-ramsay_charlotte-sophia-of-mecklenburg-strelitz-1762", "allan-ramsay_george-iii",
    "allan-ramsay_john-manners-marquess-of-granby-1745",
)
_CONTOURS = (
    (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246),
    (362, 382, 381, 380, 374, 373, 390, 249, 263, 466, 388, 387, 386, 385, 384, 398),
)


def pixels(path: Path) -> Pixels:
    """The picture as the stage sees it."""
    return np.asarray(to_srgb(open_upright(path.read_bytes()))[0])


def rows(folder: Path, table: str = "index.csv") -> list[dict[str, str]]:
    """A table of the data."""
    with (folder / table).open(newline="") as file:
        return list(csv.DictReader(file))


def first_half(names: Iterable[str]) -> set[str]:
    """The names that set limits: the first half, rounded up, by their SHA-256."""
    ordered = sorted(set(names), key=lambda name: hashlib.sha256(name.encode()).hexdigest())
    return set(ordered[: (len(ordered) + 1) // 2])


def half(data: Path, name: str, by: str = "path", setting: bool = False) -> list[dict[str, str]]:
    """The rows of a set that are reported, or those that set limits; `by` says who or what is divided."""
    found = rows(data / name)
    first = first_half(row[by] for row in found)
    return [row for row in found if (row[by] in first) == setting]


def truth(data: Path) -> Iterator[tuple[Path, Floats]]:
    """Each face of faces_68pts and faces_dlib: its picture and both eyes (2, 2)."""
    for folder, table in (("faces_68pts", "index.csv"), ("faces_dlib", "faces.csv")):
        for row in rows(data / folder, table):
            eyes = [float(row[f"eye_{side}_{axis}"]) for side in ("left", "right") for axis in "xy"]
            yield data / folder / row["path"], np.array(eyes).reshape(2, 2)


@lru_cache(maxsize=1)
def finder() -> FaceFinder:
    """Ours."""
    return FaceFinder(models.path("face_landmarker"))


@lru_cache(maxsize=1)
def mediapipe_finder() -> tuple[Any, Any]:
    """Plain MediaPipe: its image class and its landmarker."""
    import mediapipe
    from mediapipe.tasks.python import BaseOptions, vision

    options = vision.FaceLandmarkerOptions(
        BaseOptions(model_asset_path=str(models.path("face_landmarker"))), num_faces=50,
        output_facial_transformation_matrixes=True,
    )  # fmt: skip
    return mediapipe, vision.FaceLandmarker.create_from_options(options)


def ours(picture: Pixels) -> list[Floats]:
    """The eyes of each face by the product."""
    return [np.array(face.eyes).reshape(2, 2) for face in finder().find(picture)]


def plain(picture: Pixels) -> list[Floats]:
    """The eyes of each face by MediaPipe: the means of its eye contours."""
    module, landmarker = mediapipe_finder()
    found = landmarker.detect(module.Image(image_format=module.ImageFormat.SRGB, data=np.ascontiguousarray(picture)))
    size = picture.shape[1::-1]
    points = [np.array([(p.x, p.y) for p in face]) * size for face in found.face_landmarks]
    return [np.array([face[list(lids)].mean(axis=0) for lids in _CONTOURS]) for face in points]


def nearest(faces: Sequence[Floats], eyes: Floats) -> Floats | None:
    """The face whose eyes' middle is nearest, if within half the distance of the eyes."""
    reach = 0.5 * np.hypot(*(eyes[1] - eyes[0]))
    near = [face for face in faces if np.hypot(*(face.mean(axis=0) - eyes.mean(axis=0))) < reach]
    return min(near, key=lambda face: float(np.abs(face - eyes).sum()), default=None)


def spread(values: Sequence[float]) -> str:
    """Median and 95th percentile."""
    return f"median {np.median(values):5.2f} %   95th {np.percentile(values, 95):6.2f} %" if len(values) else "none"


def eyes(data: Path) -> None:
    """Error of the eye centres as a share of their distance, mean of both eyes; and recall. Of all faces, and without
    those of persons that set limits."""
    setting = {data / "faces_68pts" / row["path"] for row in half(data, "faces_68pts", "person", setting=True)}
    faces = list(truth(data))
    for name, find in (("ours", ours), ("MediaPipe", plain)):
        found = {path: find(pixels(path)) for path, _ in faces}
        missed_by(name, "all faces", faces, found)
        missed_by(name, "reported half", [face for face in faces if face[0] not in setting], found)


def missed_by(name: str, what: str, faces: Sequence[tuple[Path, Floats]], found: dict[Path, list[Floats]]) -> None:
    """Print by how much the eyes of some faces are missed, and how many faces are."""
    errors, wanted, hit = [], 0, 0
    for path, real in faces:
        apart = float(np.hypot(*(real[1] - real[0])))
        match = nearest(found[path], real)
        wanted += apart >= NEAR
        hit += apart >= NEAR and match is not None
        if match is not None:
            errors.append(100 * float(np.hypot(*(match - real).T).mean()) / apart)
    print(f"{name:10} {what:14} {spread(errors)}   {len(errors)} of {len(faces)} faces, "
          f"{hit} of {wanted} with eyes {NEAR} px apart")


def variants(picture: Pixels) -> Iterator[tuple[str, Pixels, Floats]]:
    """The picture turned, scaled, mirrored and recompressed, with the matrix (2, 3) of what was done."""
    height, width = picture.shape[:2]
    image = Image.fromarray(picture)
    for degrees in range(15, 360, 15):
        angle = np.radians(degrees)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        corners = np.array([[0, 0], [width, 0], [0, height], [width, height]]) @ turn.T
        matrix = np.hstack([turn, -corners.min(axis=0)[:, None]])
        centred = matrix.copy()
        centred[:, 2] += 0.5 * turn.sum(axis=1) - 0.5
        size = tuple(int(v) for v in np.ceil(np.ptp(corners, axis=0)))
        turned = cv2.warpAffine(picture, centred, size, flags=cv2.INTER_CUBIC)
        yield f"turned {min(degrees, 360 - degrees)}°", turned, matrix
    for factor in (0.25, 0.5, 2.0, 4.0):
        size = max(1, round(width * factor)), max(1, round(height * factor))
        scale = np.diag(np.array(size) / (width, height))
        scaled = np.asarray(image.resize(size, Image.Resampling.LANCZOS))
        yield f"scaled {factor}", scaled, np.hstack([scale, [[0], [0]]])
    yield "mirrored", np.ascontiguousarray(picture[:, ::-1]), np.array([[-1.0, 0, width], [0, 1, 0]])
    for quality in (30, 60, 90):
        sink = io.BytesIO()
        image.save(sink, "JPEG", quality=quality)
        yield f"JPEG {quality}", np.asarray(Image.open(sink)), np.array([[1.0, 0, 0], [0, 1, 0]])


def steady(data: Path) -> None:
    """How far from each other the eyes of one face land when its picture is turned, scaled, mirrored, recompressed:
    as a share of the eyes' distance, over one picture of each person of faces_68pts that sets no limits."""
    first: dict[str, Path] = {}
    for row in half(data, "faces_68pts", "person"):
        first.setdefault(row["person"], data / "faces_68pts" / row["path"])
    for name, find in (("ours", ours), ("MediaPipe", plain)):
        errors: dict[str, list[float]] = defaultdict(list)
        lost: Counter[str] = Counter()
        for path in first.values():
            picture = pixels(path)
            (still, *_) = find(picture)
            for what, changed, matrix in variants(picture):
                there = still @ matrix[:, :2].T + matrix[:, 2]
                there = there[::-1] if what == "mirrored" else there
                match = nearest(find(changed), there)
                if match is None:
                    lost[what] += 1
                    continue
                across = np.hypot(*(there[1] - there[0]))
                errors[what] += [100 * float(off) / across for off in np.hypot(*(match - there).T)]
        every = [one for values in errors.values() for one in values]
        print(f"\n{name:14} {spread(every)}   {sum(lost.values())} lost")
        for what, values in errors.items():
            print(f"  {what:12} {spread(values)}   {lost[what]} lost")


def paintings(data: Path) -> None:
    """Pictures with a face found. Portraits should have one, still lifes, landscapes and flowers none."""
    for what, stems in (("painted portraits, by eye", PAINTED), ("painted whole figures, by eye", WHOLE)):
        shown = [data / "wikiart_styles_pd" / row["path"] for row in half(data, "wikiart_styles_pd")]
        shown = [path for path in shown if path.stem in stems]
        hits = [sum(bool(find(pixels(path))) for path in shown) for find in (ours, plain)]
        print(f"{what:47} {len(shown):4} pictures   ours {hits[0]:4}              MediaPipe {hits[1]:4}")
    sets = [("louvre_genres", "genre"), ("wikiart_styles_pd", "style"), ("faces_orl", None), ("flowers5", None)]
    for folder, label in sets:
        found: dict[str, list[tuple[list[Floats], list[Floats]]]] = defaultdict(list)
        for row in half(data, folder)[:250]:
            picture = pixels(data / folder / row["path"])
            found[row[label] if label else folder].append((ours(picture), plain(picture)))
        for name, each in found.items():
            print(f"{folder:18} {name:28} {len(each):4} pictures   ours {seen([mine for mine, _ in each])}   "
                  f"MediaPipe {seen([theirs for _, theirs in each])}")


def seen(found: Sequence[Sequence[Floats]]) -> str:
    """In how many pictures there is a face, how many faces, and how many whose eyes are far enough apart to be used."""
    usable = [face for faces in found for face in faces if np.hypot(*(face[1] - face[0])) >= USABLE]
    return f"{sum(map(bool, found)):4} ({sum(map(len, found))} faces, {len(usable)} usable)"


def judge(data: Path) -> None:
    """Sunglasses and pose on the persons of faces_cmu that set no limits."""
    verdicts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for row in half(data, "faces_cmu", "person"):
        picture = pixels(data / "faces_cmu" / row["path"])
        faces = [vars(face) for face in finder().find(picture)]
        size = picture.shape[1], picture.shape[0]
        pose, _ = judge_faces(faces, PORTRAIT, size)
        dark, _ = judge_faces(faces, DAYLIGHT, size)
        verdicts["pose", row["pose"]][pose or "kept"] += 1
        verdicts["eyes", row["eyes"]][dark or "kept"] += 1
    for (what, value), counts in sorted(verdicts.items()):
        print(f"{what} {value:11} {dict(counts)}")


def speed(data: Path) -> None:
    """Milliseconds of CPU a picture, side by side in one run, and what memory grows by."""
    sets = {
        "faces_68pts, one face": [data / "faces_68pts" / row["path"] for row in rows(data / "faces_68pts")],
        "louvre_genres": [data / "louvre_genres" / row["path"] for row in half(data, "louvre_genres")],
        "flowers5, without": [data / "flowers5" / row["path"] for row in rows(data / "flowers5")[:160]],
    }
    for name, paths in sets.items():
        pictures = [pixels(path) for path in paths]
        spent: dict[str, float] = {}
        found: dict[str, str] = {}
        for side, find in (("ours", ours), ("MediaPipe", plain)) * 4:
            started = time.process_time()
            found[side] = seen([find(picture) for picture in pictures])
            each = 1000 * (time.process_time() - started) / len(pictures)
            spent[side] = min(each, spent.get(side, np.inf))
        print(f"{name:26} ours {spent['ours']:6.2f} ms   MediaPipe {spent['MediaPipe']:6.2f} ms   "
              f"{spent['ours'] / spent['MediaPipe']:.2f} times   ours {found['ours']}   MediaPipe {found['MediaPipe']}")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(5):
        for picture in pictures:
            ours(picture)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(f"memory after {5 * len(pictures)} more: +{grown:.1f} MB")


PARTS = {part.__name__: part for part in (eyes, steady, paintings, judge, speed)}


def run(parts: dict[str, Callable[[Path], None]]) -> None:
    """Run the parts that the command line names, by default all."""
    cv2.setNumThreads(1)
    data, names = Path(sys.argv[1]), sys.argv[2:] or list(parts)
    for name in names:
        print(f"\n## {name}")
        parts[name](data)


if __name__ == "__main__":
    run(PARTS)
