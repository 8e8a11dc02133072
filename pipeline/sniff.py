"""Tell a picture's format from its first bytes; imports nothing, so that every room may use it."""

HEAD = 64
"""Bytes of the file's start that `sniff` wants to see."""

EXTENSIONS: dict[str, str] = {
    "jpeg": ".jpg",
    "png": ".png",
    "webp": ".webp",
    "gif": ".gif",
    "bmp": ".bmp",
    "tiff": ".tif",
    "avif": ".avif",
    "heif": ".heic",
    "jxl": ".jxl",
    "jp2": ".jp2",
    "pnm": ".pnm",
    "psd": ".psd",
    "ico": ".ico",
    "dds": ".dds",
    "qoi": ".qoi",
    "exr": ".exr",
}
"""Every format that `sniff` names, and the file name extension of its originals."""

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"II*\x00", "tiff"),
    (b"MM\x00*", "tiff"),
    (b"II+\x00", "tiff"),
    (b"MM\x00+", "tiff"),
    (b"\xff\x0a", "jxl"),
    (b"\x00\x00\x00\x0cJXL \r\n\x87\n", "jxl"),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "jp2"),
    (b"\xff\x4f\xff\x51", "jp2"),
    (b"8BPS\x00\x01", "psd"),
    (b"\x00\x00\x01\x00", "ico"),
    (b"DDS |\x00\x00\x00", "dds"),
    (b"qoif", "qoi"),
    (b"\x76\x2f\x31\x01", "exr"),
)
_AVIF_BRANDS = (b"avif", b"avis")
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_BMP_HEADER_SIZES = (12, 16, 40, 52, 56, 64, 108, 124)


def sniff(head: bytes) -> str | None:
    """The format of a file that starts with `head` (at best its first 64 bytes): a key of `EXTENSIONS`.

    None for everything that is not a raster picture of these formats: HTML, SVG, EPS and PDF never pass,
    whatever the file's name says. A format that is named here need not be one that can be decoded.
    """
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[4:8] == b"ftyp":
        return _brand(head)
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADER_SIZES:
        return "bmp"
    if head[:1] == b"P" and head[1:2] in b"123456" and head[2:3] in (b" ", b"\t", b"\n", b"\r"):
        return "pnm"
    return None


def _brand(head: bytes) -> str | None:
    """avif or heif from the brands of an ISO media file (ISO/IEC 14496-12, 23008-12)."""
    size = min(int.from_bytes(head[:4], "big"), len(head))
    brands = [head[at : at + 4] for at in (8, *range(16, size - 3, 4))]
    if any(brand in _AVIF_BRANDS for brand in brands):
        return "avif"
    if any(brand in _HEIF_BRANDS for brand in brands):
        return "heif"
    return None
