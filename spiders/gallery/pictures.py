"""The image hosts: originals from disk, size variants made when first asked for, conditional requests."""

from __future__ import annotations

import io
import mimetypes
import re
from collections import OrderedDict
from email.utils import formatdate
from hashlib import sha256
from pathlib import Path

from PIL import Image, ImageOps

from spiders.gallery.catalogue import Catalogue
from spiders.gallery.http1 import Request, Response
from spiders.gallery.works import Work, share

VARIANTS = {
    "HD": (1200, 0.173),
    "Large": (600, 0.727),
    "HalfHD": (900, 0.3),
    "Blog": (500, 0.7),
    "Portrait": (250, 0.7),
    "PinterestSmall": (210, 0.7),
    "PinterestLarge": (280, 0.7),
}
"""Name → longest edge in pixels, and the share of works that have it (HD and Large as measured)."""
IMAGES = re.compile(r"(/\d{5})?/images/")
KEPT_BYTES = 64 * 2**20


class Pictures:
    """Answers requests for images. Variants that were made are kept in memory, up to 64 MiB."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.made: OrderedDict[tuple[str, str], bytes] = OrderedDict()
        self.made_bytes = 0
        self.tags: dict[tuple[str, int, int], str] = {}

    def answer(self, request: Request) -> Response | None:
        """The picture, 304 or 404 for a path of the image hosts; None for any other path."""
        if not IMAGES.match(request.path):
            return None
        bare, _, suffix = request.path.partition("!")
        work = self.catalogue.by_path.get(bare)
        if work is None or not has_variant(work, suffix.removesuffix(".jpg"), suffix):
            return Response(404, b"<h1>404: not found</h1>")
        return self._original(request, work) if not suffix else self._variant(request, work, suffix[:-4])

    def _original(self, request: Request, work: Work) -> Response:
        file = Path(work.file)
        if not file.is_file():
            return Response(404, b"<h1>404: not found</h1>")
        body = file.read_bytes()
        kind = mimetypes.guess_type(work.path)[0] or "application/octet-stream"
        return _conditional(request, body, kind, self._tag(file, body), int(file.stat().st_mtime))

    def _tag(self, file: Path, body: bytes) -> str:
        stat = file.stat()
        key = (str(file), stat.st_mtime_ns, stat.st_size)
        if key not in self.tags:
            self.tags[key] = f'"{sha256(body).hexdigest()[:16]}"'
        return self.tags[key]

    def _variant(self, request: Request, work: Work, name: str) -> Response:
        key = (work.key, name)
        if key not in self.made:
            self._keep(key, make_variant(Path(work.file), VARIANTS[name][0]))
        self.made.move_to_end(key)
        if not (body := self.made[key]):
            return Response(404, b"<h1>404: not found</h1>")
        tag = f'"{sha256(body).hexdigest()[:16]}"'
        return _conditional(request, body, "image/jpeg", tag, int(Path(work.file).stat().st_mtime))

    def _keep(self, key: tuple[str, str], body: bytes) -> None:
        self.made[key] = body
        self.made_bytes += len(body)
        while self.made_bytes > KEPT_BYTES and len(self.made) > 1:
            self.made_bytes -= len(self.made.popitem(last=False)[1])


def has_variant(work: Work, name: str, suffix: str) -> bool:
    """Whether `work` has the variant `name` ("" is the original), asked for with this suffix."""
    if name in work.gone:
        return False
    if not suffix or name in work.forced:
        return suffix in ("", f"{name}.jpg")
    known = VARIANTS.get(name)
    return known is not None and suffix == f"{name}.jpg" and share("variant", name, work.key) < known[1]


def make_variant(file: Path, longest: int) -> bytes:
    """A JPEG of the picture no longer than `longest` pixels, never enlarged; empty when it is damaged."""
    try:
        with Image.open(file) as picture:
            picture.draft("RGB", (longest, longest))
            upright = ImageOps.exif_transpose(picture).convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return b""
    upright.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    upright.save(stream, "JPEG", quality=88)
    return stream.getvalue()


def _conditional(request: Request, body: bytes, kind: str, tag: str, modified: int) -> Response:
    stamp = formatdate(modified, usegmt=True)
    headers = {"ETag": tag, "Last-Modified": stamp, "Cache-Control": "public, max-age=3600"}
    known = request.headers.get("if-none-match")
    same = tag in known if known is not None else request.headers.get("if-modified-since") == stamp
    return Response(304 if same else 200, body, kind, headers)
