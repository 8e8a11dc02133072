"""The stage that finds faces: a clear row for every kind of picture, and no connection to anywhere."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from vision_pictures import encode, exif, photo

from pipeline import models
from pipeline.stages.faces import transform
from pipeline.vision.colour import to_srgb
from pipeline.vision.decode import open_upright

PORTRAITS = models.find("demo_faces")
pytestmark = pytest.mark.skipif(
    models.find("face_landmarker") is None or PORTRAITS is None,
    reason="the models are not here: run `pipeline models fetch`",
)


@pytest.fixture(scope="module")
def portrait() -> Image.Image:
    """A face of 90 pixels between the eyes."""
    assert PORTRAITS is not None
    return to_srgb(open_upright((PORTRAITS / "obama.jpg").read_bytes()))[0].resize((454, 563))


def row(data: bytes | None) -> dict[str, Any]:
    batch = pa.table({
        "id": ["a"], "reason": pa.nulls(1, pa.string()), "reason_value": pa.nulls(1, pa.float64()),
        "detail": pa.nulls(1, pa.string()), "data": pa.array([data], pa.binary()),
    })  # fmt: skip
    (found,) = transform(batch, {}).to_pylist()
    return dict(found)


def test_a_face_is_described_in_full(portrait: Image.Image) -> None:
    made = row(encode(portrait, "PNG"))
    assert made["reason"] is None
    (face,) = made["faces"]
    assert face["box"][0] < face["eyes"][0] < face["eyes"][2] < face["box"][2]
    assert 40 < face["eye_distance"] < 120
    assert max(abs(face[angle]) for angle in ("yaw", "pitch", "roll")) < 15
    assert face["eye_light"] > 0.5 and face["sharpness"] > 0.1 and face["cut"] < 0.05
    assert len(face["landmarks"]) == 478 * 2 * 2


@pytest.mark.parametrize("kind", ["grey", "16 bits", "turned by EXIF", "palette", "huge", "small", "CMYK"])
def test_faces_are_found_however_the_picture_is_kept(portrait: Image.Image, kind: str) -> None:
    grey = np.asarray(portrait.convert("L"))
    data = {
        "grey": lambda: encode(portrait.convert("L"), "PNG"),
        "16 bits": lambda: encode(Image.fromarray(grey.astype(np.uint16) * 257), "PNG"),
        "turned by EXIF": lambda: encode(portrait.rotate(90, expand=True), "JPEG", exif=exif(6)),
        "palette": lambda: encode(portrait.quantize(256), "PNG"),
        "huge": lambda: encode(portrait.resize((4540, 5630)), "JPEG"),
        "small": lambda: encode(portrait.resize((113, 140)), "PNG"),
        "CMYK": lambda: encode(portrait.convert("CMYK"), "TIFF"),
    }[kind]()
    made = row(data)
    assert made["reason"] is None
    assert len(made["faces"]) == 1
    assert abs(made["faces"][0]["roll"]) < 15


def test_nobody_is_an_empty_list_and_damage_a_reason(portrait: Image.Image) -> None:
    assert row(encode(photo(1), "PNG"))["faces"] == []
    assert row(encode(Image.new("RGB", (1, 1)), "PNG"))["faces"] == []
    whole = encode(portrait, "PNG")
    damaged = row(whole[: len(whole) // 3])
    assert damaged["reason"] in {"truncated", "undecodable"} and damaged["faces"] is None


def test_every_face_of_a_crowd_is_found_once(portrait: Image.Image) -> None:
    crowd = Image.new("RGB", (8 * 120, 5 * 150), "grey")
    for place in range(40):
        crowd.paste(portrait.resize((120, 150)), (place % 8 * 120, place // 8 * 150))
    faces = row(encode(crowd, "PNG"))["faces"]
    cells = {(int(face["eyes"][0] // 120), int(face["eyes"][1] // 150)) for face in faces}
    assert len(cells) == len(faces), "no face twice"
    assert len(faces) >= 36


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_turned_face_is_found_and_its_turn_told(portrait: Image.Image, degrees: int) -> None:
    (face,) = row(encode(portrait.rotate(degrees, expand=True), "PNG"))["faces"]
    assert abs((face["roll"] + degrees + 180) % 360 - 180) < 15


@pytest.mark.skipif(sys.platform != "linux" or struct.calcsize("P") != 8, reason="needs seccomp")
def test_nothing_is_connected_to(tmp_path: Path, portrait: Image.Image) -> None:
    """A process that the kernel kills when it opens a socket finds faces; when it does open one it dies."""
    sink = io.BytesIO()
    portrait.save(sink, "PNG")
    (tmp_path / "a.png").write_bytes(sink.getvalue())
    code = (
        "import ctypes, struct, platform, sys\n"
        "import numpy as np\nfrom PIL import Image\nfrom pipeline import models\n"
        "from pipeline.vision.faces import FaceFinder\n"
        "number = {'x86_64': 41, 'aarch64': 198}[platform.machine()]\n"
        "rules = b''.join(struct.pack('HBBI', *rule) for rule in\n"
        "    [(0x20, 0, 0, 0), (0x15, 0, 1, number), (6, 0, 0, 0x80000000), (6, 0, 0, 0x7fff0000)])\n"
        "kept = ctypes.create_string_buffer(rules)\n"
        "program = struct.pack('HxxxxxxP', 4, ctypes.addressof(kept))\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, program, 0, 0) == 0\n"
        f"with FaceFinder(models.path('face_landmarker')) as finder:\n"
        f"    print(len(finder.find(np.asarray(Image.open({str(tmp_path / 'a.png')!r})))), flush=True)\n"
        "import socket\nsocket.socket()\nprint('not watched')\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.stdout == "1\n", run.stderr
    assert run.returncode < 0, "the watch itself works"
