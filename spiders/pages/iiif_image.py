"""IIIF Image API 1 to 3: from an info.json to the addresses of the largest whole picture that a service gives."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from spiders.pages.fields import Drift, Json, integer, load, rows, text

Size = tuple[int, int]

_LEVEL = re.compile(r"level(\d)")


@dataclass(frozen=True, slots=True)
class Info:
    """What an image service says of itself. `sizes` are those it keeps ready, largest first; `whole_tiles` the sizes
    at which the whole picture fits one tile, largest first; `version` 1, 2 or 3, `level` of compliance 0, 1 or 2.
    """

    id: str
    version: int
    level: int
    width: int
    height: int
    sizes: tuple[Size, ...] = ()
    whole_tiles: tuple[Size, ...] = ()
    has_tiles: bool = False
    limit: Size | None = None

    @property
    def largest(self) -> Size:
        """The largest width and height that the service gives for the whole picture."""
        return self.limit or (self.width, self.height)

    @property
    def tiles_alone(self) -> bool:
        """Whether it is a folder of tiles, without larger sizes of the whole picture that it tells of."""
        return self.level == 0 and self.has_tiles and not self.sizes


def info_url(service: str) -> str:
    """The address of a service's info.json; percent-encoded slashes in its id stay as they are."""
    return f"{service.rstrip('/')}/info.json"


def info(body: bytes, service: str) -> Info:
    """An info.json. `service` is the id it was asked by, which wins over the one it names: that may be a mirror's.

    Raises Drift when width and height are missing.
    """
    value = load(body)
    if not isinstance(value, dict):
        raise Drift("the info.json is no object")
    width, height = integer(value.get("width")), integer(value.get("height"))
    if not width or not height or width < 0 or height < 0:
        raise Drift("the info.json has no width and height")
    sizes = _sizes(value.get("sizes"))
    return Info(
        service.rstrip("/"), _version(value), _level(value), width, height, sizes,
        _whole_tiles(value, width, height), bool(rows(value.get("tiles"))), _limit(value, width, height),
    )  # fmt: skip


def addresses(found: Info, longest: int | None = None) -> list[tuple[str, str]]:
    """Names and addresses to try for the whole picture, best first; `longest` is the side wanted, the most if None.

    Never more than the service's limits, never upscaled. `max` is what version 3 calls the most and version 2 `full`;
    a service that keeps only certain sizes, or tiles, is asked for those as it writes them.
    """
    sizes: list[tuple[str, str]] = []
    width, height = found.largest
    if longest is None or longest >= max(width, height):
        sizes += _most(found)
    elif found.level:
        sizes.append((f"{longest}px", _written(found, _scaled(found, longest))))
    kept = found.sizes or (found.whole_tiles if found.level == 0 else ())
    chosen = _ordered(kept, longest, found.largest)
    sizes += [(f"{size[0]}px", word) for size in chosen for word in _spellings(found, size)]
    if longest is not None and longest < max(width, height) and found.level == 0:
        sizes += _most(found)
    quality = "native" if found.version == 1 else "default"
    return [(name, f"{found.id}/full/{word}/0/{quality}.jpg") for name, word in dict.fromkeys(sizes)]


def _most(found: Info) -> list[tuple[str, str]]:
    """Names and words for the largest size; none for a service of tiles alone, which has no such file."""
    if found.tiles_alone:
        return []
    if found.version >= 3:
        return [("max", "max")]
    if found.limit:
        return [("max", "max"), (f"{found.limit[0]}px", _written(found, found.limit))]
    return [("max", "full")] if found.version == 1 else [("max", "full"), ("max", "max")]


def _ordered(kept: tuple[Size, ...], longest: int | None, largest: Size) -> list[Size]:
    """Sizes to fall back on: the three largest, or the smallest that is large enough, and then the next smaller."""
    allowed = [size for size in kept if size[0] <= largest[0] and size[1] <= largest[1]]
    if longest is None:
        return allowed[:3]
    enough = [size for size in allowed if max(size) >= longest]
    return [*enough[-1:], *(size for size in allowed if max(size) < longest)][:3]


def _scaled(found: Info, longest: int) -> Size:
    factor = longest / max(found.width, found.height)
    return max(1, round(found.width * factor)), max(1, round(found.height * factor))


def _written(found: Info, size: Size) -> str:
    """A size as the version writes it: `w,h` in version 3, `w,` before."""
    return f"{size[0]},{size[1]}" if found.version >= 3 else f"{size[0]},"


def _spellings(found: Info, size: Size) -> list[str]:
    """Both ways to write a size for a service that only knows its own files."""
    first = _written(found, size)
    other = f"{size[0]}," if first.endswith(str(size[1])) else f"{size[0]},{size[1]}"
    return [first, other] if found.level == 0 else [first]


def _version(value: Json) -> int:
    said = " ".join(str(value.get(key)) for key in ("@context", "type", "profile", "protocol"))
    if "image/3/" in said or "ImageService3" in said:
        return 3
    return 1 if re.search(r"image-api/(1|compliance)|image/1/", said) else 2


def _level(value: Json) -> int:
    """The level of compliance: 0 when it is not told, as then nothing more can be counted on."""
    profile = value.get("profile")
    said = profile if isinstance(profile, str) else next(iter(profile), "") if isinstance(profile, list) else ""
    found = _LEVEL.search(str(said))
    return int(found[1]) if found else 0


def _sizes(value: Any) -> tuple[Size, ...]:
    pairs = [(integer(row.get("width")), integer(row.get("height"))) for row in rows(value)]
    whole = {(width, height) for width, height in pairs if width and height and width > 0 and height > 0}
    return tuple(sorted(whole, reverse=True))


def _whole_tiles(value: Json, width: int, height: int) -> tuple[Size, ...]:
    """The sizes at which a pyramid of tiles has the whole picture in one tile."""
    found: set[Size] = set()
    for tile in rows(value.get("tiles")):
        wide = integer(tile.get("width")) or 0
        high = integer(tile.get("height")) or wide
        factors = tile.get("scaleFactors")
        for factor in filter(None, map(integer, factors if isinstance(factors, list) else [])):
            size = math.ceil(width / factor), math.ceil(height / factor)
            if factor > 0 and size[0] <= wide and size[1] <= high:
                found.add(size)
    return tuple(sorted(found, reverse=True))


def _limit(value: Json, width: int, height: int) -> Size | None:
    """The largest size under maxWidth, maxHeight and maxArea, when they are less than the whole.

    In version 2 they stand in the profile; maxHeight without maxWidth counts alone, maxWidth alone for both sides.
    """
    profile = value.get("profile")
    more = rows(profile) if isinstance(profile, list) else []
    said = {key: integer(place.get(key)) for place in (value, *more) for key in _MOST if integer(place.get(key))}
    wide, high, area = (said.get(key) for key in _MOST)
    high = high or wide
    factor = min(
        1.0, (wide / width) if wide else 1.0, (high / height) if high else 1.0,
        math.sqrt(area / (width * height)) if area and area > 0 else 1.0,
    )  # fmt: skip
    if not 0 < factor < 1:
        return None
    return max(1, int(width * factor)), max(1, int(height * factor))


_MOST = ("maxWidth", "maxHeight", "maxArea")


def is_service(value: Json) -> bool:
    """Whether an entry `service` is an image service, and not one for search or for logging in."""
    said = " ".join(str(value.get(key)) for key in ("@context", "type", "@type", "profile", "protocol"))
    return bool(re.search(r"ImageService|/image/\d|image-api|api/image|level\d", said)) and bool(service_id(value))


def service_id(value: Json) -> str | None:
    """The address of a service."""
    return text(value.get("id")) or text(value.get("@id"))
