"""Why a picture is rejected (`Reason`, `Rejected`) and why a run stops (`PipelineError` and below).

    Rejected                 one picture; caught by the stage wrapper and written as a row
    PipelineError            a person reads it: one sentence on what is wrong and what to do
    ├── Fatal                stop the run                                      exit 1
    │   ├── UsageError       wrong verb, option or name                        exit 2
    │   │   └── ManifestError  wrong manifest                                  exit 2
    │   ├── TooManyRejects   done, but more rejected than the manifest allows  exit 3
    │   ├── SourceRefused    the site blocks, limits or is down                exit 4
    │   ├── LockHeld         another run is at work                            exit 5
    │   ├── NoSpace          the disk is full                                  exit 6
    │   └── IntegrityFailed  stored bytes are not what was written             exit 7
    ├── PartitionFailed      this partition only; the others go on
    └── Retry                try the same again
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from enum import StrEnum


class Reason(StrEnum):
    """Every reason a row can be rejected for. `REASON_HELP` explains each to people."""

    # fetching
    HTTP_4XX = "http_4xx"
    HTTP_429 = "http_429"
    HTTP_5XX = "http_5xx"
    TIMEOUT = "timeout"
    CONNECTION_FAILED = "connection_failed"
    ADDRESS_REFUSED = "address_refused"
    ROBOTS = "robots"
    OPTED_OUT = "opted_out"
    PLACEHOLDER = "placeholder"
    EMPTY = "empty"
    TOO_LARGE = "too_large"
    NOT_A_PICTURE = "not_a_picture"
    HASH_MISMATCH = "hash_mismatch"
    MISSING = "missing"
    # decoding
    UNSUPPORTED_FORMAT = "unsupported_format"
    TOO_MANY_PIXELS = "too_many_pixels"
    TRUNCATED = "truncated"
    UNDECODABLE = "undecodable"
    CRASHED = "crashed"
    TIMED_OUT = "timed_out"
    TOO_MUCH_MEMORY = "too_much_memory"
    # judging
    TOO_SMALL = "too_small"
    TOO_ELONGATED = "too_elongated"
    BLURRED = "blurred"
    TOO_DARK = "too_dark"
    TOO_BRIGHT = "too_bright"
    LOW_CONTRAST = "low_contrast"
    GREYSCALE = "greyscale"
    LOW_ENTROPY = "low_entropy"
    TOO_MUCH_BORDER = "too_much_border"
    BLOCKY = "blocky"
    LOW_JPEG_QUALITY = "low_jpeg_quality"
    NSFW = "nsfw"
    ANIMATED = "animated"
    LICENCE = "licence"
    EXACT_DUPLICATE = "exact_duplicate"
    NEAR_DUPLICATE = "near_duplicate"
    REJECTED_BY_PERSON = "rejected_by_person"
    FORGOTTEN = "forgotten"
    # faces
    NO_FACE = "no_face"
    TOO_MANY_FACES = "too_many_faces"
    LOW_CONFIDENCE = "low_confidence"
    FACE_TOO_SMALL = "face_too_small"
    FACE_CUT = "face_cut"
    ODD_ANGLE = "odd_angle"
    FACE_BLURRED = "face_blurred"
    SUNGLASSES = "sunglasses"
    OTHER_PERSON = "other_person"
    NO_VECTOR = "no_vector"


REASON_HELP: dict[Reason, str] = {
    Reason.HTTP_4XX: "the server answered that the picture is not there or not for us (HTTP 400 to 499)",
    Reason.HTTP_429: "the server said we ask too often, and kept saying so (HTTP 429)",
    Reason.HTTP_5XX: "the server failed on every try (HTTP 500 to 599)",
    Reason.TIMEOUT: "the picture did not arrive in time",
    Reason.CONNECTION_FAILED: "no connection, or it broke before the whole picture had arrived",
    Reason.ADDRESS_REFUSED: "the address is private or not http(s), so it was never asked",
    Reason.ROBOTS: "the site's robots.txt forbids fetching it",
    Reason.OPTED_OUT: "the owner reserves it from machine learning",
    Reason.PLACEHOLDER: "the site serves a placeholder instead of the picture",
    Reason.EMPTY: "the file has no bytes",
    Reason.TOO_LARGE: "the file is larger than the limit in bytes",
    Reason.NOT_A_PICTURE: "the bytes are not a picture, whatever the name says",
    Reason.HASH_MISMATCH: "the bytes have another hash than the list promised",
    Reason.MISSING: "the file is not there: one named in a list, or an original that was removed since",
    Reason.UNSUPPORTED_FORMAT: "a picture format that is not read",
    Reason.TOO_MANY_PIXELS: "the header declares more than 100 million pixels",
    Reason.TRUNCATED: "the file ends before the picture does",
    Reason.UNDECODABLE: "the file is damaged; `detail` has the decoder's exception",
    Reason.CRASHED: "the decoder died on it",
    Reason.TIMED_OUT: "the decoder did not finish in time",
    Reason.TOO_MUCH_MEMORY: "the decoder wanted more memory than a picture of its size may take",
    Reason.TOO_SMALL: "its shorter side is under select.min_side",
    Reason.TOO_ELONGATED: "its longer side over its shorter is above select.max_aspect",
    Reason.BLURRED: "its sharpness is under select.min_sharpness",
    Reason.TOO_DARK: "its mean brightness is under select.min_brightness",
    Reason.TOO_BRIGHT: "its mean brightness is above select.max_brightness",
    Reason.LOW_CONTRAST: "its contrast is under select.min_contrast",
    Reason.GREYSCALE: "it has no colour and select.greyscale is reject",
    Reason.LOW_ENTROPY: "its entropy is under select.min_entropy: it has too few shades",
    Reason.TOO_MUCH_BORDER: "plain borders and bars take more of it than select.max_border",
    Reason.BLOCKY: "the blocks of JPEG show more than select.max_blockiness",
    Reason.LOW_JPEG_QUALITY: "it is a JPEG of a quality under select.min_jpeg_quality",
    Reason.NSFW: "a network takes it for pornography: its nsfw is above select.max_nsfw",
    Reason.ANIMATED: "it holds several pictures and select.animation is reject",
    Reason.LICENCE: "its licence is not among those that --license or select.license lets pass",
    Reason.EXACT_DUPLICATE: "the same bytes are already kept",
    Reason.NEAR_DUPLICATE: "a picture that is kept shows the same",
    Reason.REJECTED_BY_PERSON: "a person rejected it while reviewing",
    Reason.FORGOTTEN: "it was taken down with `pipeline forget`",
    Reason.NO_FACE: "no face was found",
    Reason.TOO_MANY_FACES: "more faces than align.max_faces, or than the one of align.faces single",
    Reason.LOW_CONFIDENCE: "the face finder is not sure enough",
    Reason.FACE_TOO_SMALL: "the eyes are closer than align.min_eye_distance pixels, or align.max_upscale is not enough",
    Reason.FACE_CUT: "more of the face is cut off than align.max_cut, or of the aligned square than align.max_outside",
    Reason.ODD_ANGLE: "the head is turned further than align.max_yaw, max_pitch, max_up or max_roll",
    Reason.FACE_BLURRED: "the face is less sharp than align.min_face_sharpness",
    Reason.SUNGLASSES: "sunglasses cover the eyes: it is dark around them, against the whole face",
    Reason.OTHER_PERSON: "no face in it is near enough to the person that `people` asks for",
    Reason.NO_VECTOR: "the file that embed.vectors names has no vector for it",
}


class Rejected(Exception):
    """One picture is rejected, for `reason`; `value` is the number that decided, `detail` a short note."""

    def __init__(self, reason: Reason, value: float | None = None, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else str(reason))
        self.reason = reason
        self.value = value
        self.detail = detail


class PipelineError(Exception):
    """Base of all errors a person reads."""

    exit_code = 1


class Fatal(PipelineError):
    """The run stops."""


class UsageError(Fatal):
    """A verb, option or name is wrong."""

    exit_code = 2


class ManifestError(UsageError):
    """A manifest is wrong; the message names the key and the line."""


class TooManyRejects(Fatal):
    """All done, but more pictures were rejected than the manifest allows."""

    exit_code = 3


class SourceRefused(Fatal):
    """A source blocks us, limits us, or is down; run again later to go on."""

    exit_code = 4


class LockHeld(Fatal):
    """Another run is at work on the same root."""

    exit_code = 5


class NoSpace(Fatal):
    """No space left where the data goes."""

    exit_code = 6


class IntegrityFailed(Fatal):
    """Stored bytes are not what was written."""

    exit_code = 7


class PartitionFailed(PipelineError):
    """One partition failed; the others go on and a later run tries it again."""


class Retry(PipelineError):
    """A passing fault: the same call may succeed later."""


def nearest(word: str, known: Iterable[str], count: int = 3) -> list[str]:
    """The known words most like `word`, best first."""
    return difflib.get_close_matches(word, list(known), n=count, cutoff=0.5)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """' Did you mean a, b or c?' or ''."""
    near = nearest(word, known)
    if not near:
        return ""
    *head, last = near
    return f" Did you mean {', '.join(head) + ' or ' + last if head else last}?"
