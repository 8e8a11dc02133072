"""Names for samples, and sums of them as people write them: `smiling woman − neutral woman + neutral man`."""

from __future__ import annotations

import re
from dataclasses import dataclass

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from torch import Tensor

from gan.latent import of_samples
from gan.nets import LATENT_DIM
from pipeline.errors import IntegrityFailed, UsageError, did_you_mean
from pipeline.storage import Root

FILE = "names.json"
MOST = 64  # samples in a group
_SIGN = re.compile(r"(?:^|(?<=\s))([+−–-])(?=\s|$)")
_NUMBERS = re.compile(r"\d{1,9}(\s*,\s*\d{1,9})*")
_NAME = re.compile(r"[^\W\d_][\w .'’-]{0,59}")


class Named(BaseModel):
    """What a name stands for: the mean of some samples, or one latent that was found."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seeds: tuple[int, ...] = Field((), max_length=MOST)
    latent: tuple[float, ...] = ()

    @model_validator(mode="after")
    def _one_of_both(self) -> Named:
        if bool(self.seeds) == bool(self.latent) or len(self.latent) not in (0, LATENT_DIM):
            raise ValueError("a name stands for samples or for one latent")
        return self


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    names: dict[str, Named]


@dataclass(frozen=True)
class Term:
    """One group of a sum: added (1) or subtracted (−1), as it was written, and the latents (n, 100) in it."""

    sign: int
    words: str
    latents: Tensor


class Names:
    """The samples of a run by number or by name. `seed` is the run's; names lie in its folder, in names.json."""

    def __init__(self, out: Root, seed: int) -> None:
        self._out, self._seed = out, seed

    def all(self) -> dict[str, Named]:
        """Every name that was given. Raises IntegrityFailed when the file says something else."""
        if not self._out.exists(FILE):
            return {}
        try:
            return dict(_File.model_validate_json(self._out.read(FILE)).names)
        except ValidationError as error:
            raise IntegrityFailed(
                f"{self._out.address(FILE)} does not hold names of samples ({error.errors()[0]['msg']}): "
                "mend it, or delete it and name them again."
            ) from None

    def give(self, name: str, named: Named) -> None:
        """Call samples, or a latent, by a name from now on. Raises UsageError for what is no name."""
        name = " ".join(name.split())
        if not _NAME.fullmatch(name) or _SIGN.search(name):
            raise UsageError(
                f"'{name}' is no name: begin with a letter, go on with letters, digits, spaces, . ' or -, 60 at most."
            )
        of_samples(list(named.seeds), self._seed)
        made = _File(names=dict(sorted((self.all() | {name: named}).items())))
        self._out.commit(FILE, made.model_dump_json(indent=1, exclude_defaults=True).encode())

    def latents(self, words: str) -> Tensor:
        """Latents (n, 100) of `3,17,42` or of a name. Raises UsageError when there is no such."""
        words = " ".join(words.split())
        if _NUMBERS.fullmatch(words):
            return of_samples(numbers(words), self._seed)
        known = self.all()
        if words not in known:
            hint = did_you_mean(words, known) or (f" Known: {', '.join(known)}." if known else "")
            raise UsageError(f"No samples are named '{words}': give them a name first (`name --seeds 3,17`).{hint}")
        named = known[words]
        return torch.tensor([named.latent]) if named.latent else of_samples(list(named.seeds), self._seed)

    def point(self, words: str) -> Tensor:
        """One latent (100,): of a sample, or the mean of several."""
        return self.latents(words).mean(0)

    def terms(self, text: str) -> list[Term]:
        """The groups of a sum. Raises UsageError as `parse` and `latents`."""
        return [Term(sign, words, self.latents(words)) for sign, words in parse(text)]


def numbers(text: str) -> list[int]:
    """`3, 17,42` as numbers. Raises UsageError for anything else, and for more than 64."""
    text = text.strip()
    if not _NUMBERS.fullmatch(text):
        raise UsageError(f"'{text}' are no samples: write their numbers with commas, such as 3,17,42.")
    found = [int(part) for part in text.split(",")]
    if len(found) > MOST:
        raise UsageError(f"{len(found)} samples are too many for one group: {MOST} at most.")
    return found


def parse(text: str) -> list[tuple[int, str]]:
    """A sum as signs and words: `a − b + 3,17` is [(1, a), (−1, b), (1, 3,17)].

    Signs stand between spaces, so that names may hold hyphens. Raises UsageError for a sum that is none.
    """
    parts = _SIGN.split(text.strip())
    if parts[0].strip():
        parts = ["", "+", *parts]
    found = [
        (1 if sign == "+" else -1, " ".join(words.split()))
        for sign, words in zip(parts[1::2], parts[2::2], strict=True)
    ]
    if not found or any(not words for _, words in found):
        raise UsageError(
            f"'{text}' is no sum: write names or samples with + and − between spaces, such as "
            "'smiling woman - neutral woman + neutral man' or '3,17 - 5 + 40'."
        )
    return found


def said(terms: list[tuple[int, str]]) -> str:
    """A sum as people write it; `parse` reads it back."""
    first, *others = terms
    start = first[1] if first[0] > 0 else f"− {first[1]}"
    return " ".join([start, *(f"{'+' if sign > 0 else '−'} {words}" for sign, words in others)])


def slug(text: str) -> str:
    """Words as the name of a file: letters, digits, - and +; two signs for a difference."""
    text = re.sub(r"\s+[−–-]\s+", "--", text.strip().lower())
    text = re.sub(r"\s+\+\s+", "+", text)
    return re.sub(r"[^\w+-]+", "-", text).strip("-+_")[:80] or "none"
