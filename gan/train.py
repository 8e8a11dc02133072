"""Training a DCGAN: one loop that reads top to bottom. Time is counted in pictures shown."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gan import film, sample
from gan import state as states
from gan.alarms import hold_out, ranking, thumbs
from gan.board import Board
from gan.metrics import nearest_other
from gan.nets import count_parameters
from gan.options import TrainOptions, budget_spent, refuse_other_course, resolve
from gan.sample import Pictures
from gan.state import TICK_SUMS, State, label
from gan.step import update
from gan.watch import LOOK_KIMG, Watch, raised, stalled
from pipeline.errors import Fatal, IntegrityFailed, UsageError
from pipeline.storage import Root

TICK = 1000  # pictures between two lines of stats.jsonl
GRIDS = 25  # sample grids over a budget, unless options say otherwise
ALIKE = 3 / 255  # difference of two thumbnails that people take for the same picture
MANY_ALIKE = 0.2
MOST_COMPARED = 1000
MOST_REALS = 256  # pictures of the first batch that reals.png shows
SAY_SECONDS = 1.0  # between two writings of stats.jsonl: a fast device has dozens of lines in a second

log = logging.getLogger(__name__)


class TooFewPictures(Fatal):
    """A GAN would learn so few different pictures by heart."""


@dataclass(frozen=True)
class RunSummary:
    """How a call of `train` ended. `kimg`, `images` and `seconds` count all calls on the same run."""

    status: Literal["done", "already done", "stopped", "diverged", "dry run"]
    message: str
    kimg: float
    images: int
    seconds: float
    images_per_second: float
    """Of this call alone."""
    pictures: int
    url: str
    last: dict[str, Any]
    """The newest line of stats.jsonl; empty when there is none."""


def train(  # noqa: C901 - one flat loop, to be read from top to bottom
    images: Pictures,
    out: Root,
    options: TrainOptions,
    stop: Callable[[], bool] | None = None,
    dry_run: bool = False,
    start: Root | None = None,
) -> RunSummary:
    """Train on `images`, uint8 (n, size, size, 3), into the run folder `out`, up to the budget of `options`.

    Called again on the same folder it continues exactly where the last state was saved, up to the budget then
    given; with the budget reached it does nothing. `stop` is asked after each update; when it says so, the state
    is saved and the summary says `stopped`. On a CPU it sets this process to one thread: one process a core is
    several times as fast as one process on all cores, and a run repeats bit for bit.

    A new run begins with the networks of the newest state of the run `start`, if one is given; its optimisers and
    counters are fresh. Held-out pictures, where the options ask for some, are chosen by their pixels.

    Raises UsageError for pictures of another shape, for options other than the run was begun with and for a `start`
    that is no run or of other networks, Fatal for too few pictures, IntegrityFailed when no saved state can be read,
    LockHeld when another process trains here.
    """
    check_pictures(images, options)
    images, unseen = divide(images, options)
    device = _device()
    if device.type == "cpu":
        torch.set_num_threads(1)
    options = resolve(options, len(images), device)

    with out.lock("train"):
        # Nothing to do? Or begun otherwise? The newest header tells without reading the tensors.
        header = begun(out, options)
        if header is not None:
            done = header.progress
            if budget_spent(options, done.images, done.seconds) >= 1:
                message = f"{done.kimg:g} kimg were shown already: raise the budget to train on."
                return _summary("already done", message, done, 0.0, images, out)

        # The networks, their average, optimisers and random numbers; fresh, or as they were saved.
        state = states.fresh(options, device)
        continued = states.load_newest(out, state)
        origin = _begun(out, state, start, continued is not None)
        progress = state.progress
        first_images, first_seconds = progress.images, progress.seconds
        began = time.monotonic()

        # What will be done, for people and for the file, and what the discriminator will see.
        facts = describe(options, state, images, device) | {"held_out": len(unseen), "start": origin}
        text = json.dumps(facts, indent=1)
        log.info("%s", text)
        log.info("%s", expectation(len(images), likeness(images)))
        out.commit("options.json", text.encode())
        stream = PictureStream(len(images), options.seed)
        first = torch.from_numpy(images[stream.take(0, min(options.batch, MOST_REALS))])
        first_grid = sample.to_pictures(sample.to_unit(first))
        out.commit("reals.png", sample.png(sample.grid(first_grid, round(len(first) ** 0.5))))
        if dry_run:
            message = "Options and first real batch are written; nothing is trained."
            return _summary("dry run", message, progress, 0.0, images, out)

        # Lines and grids made after the state was saved are dropped: they will be made again, the same.
        stats = _kept_stats(out, progress.images)
        for name in _grid_files(out):
            if name > f"fakes-{label(progress.images)}.png":
                out.delete(name)
        if continued:
            log.info("continuing from %s at %g kimg", continued, progress.kimg)
        fixed = sample.fixed_latents(options.grid**2, options.seed)
        if not continued:
            _write_fakes(out, state, fixed, options)

        # All pictures lie in the device's memory as bytes: no loader, no decoding, no workers.
        corpus = torch.from_numpy(np.require(images, requirements=["C", "W"])).to(device)
        state.generator.train()
        state.discriminator.train()
        saved_at, said_at, tick_began, tick_first = began, -SAY_SECONDS, began, progress.images
        grids = _grids_due(options, progress)
        watch, looked = Watch(images, unseen, options), _last_look(stats)
        board = Board(out, progress.images)
        status: Literal["done", "stopped", "diverged"] = "done"

        while budget_spent(options, progress.images, progress.seconds) < 1:
            if stalled(stats, options.patience, len(images)):
                break
            if stop is not None and stop():
                status = "stopped"
                break

            # One update of both networks on the next pictures; its sums stay on the device, so that nothing waits.
            chosen = torch.from_numpy(stream.take(progress.images, options.batch)).to(device)
            outcome = update(state, options, sample.to_unit(corpus[chosen]), progress.images / len(images))
            state.tick_sums += outcome.sums.double()
            progress.tick_steps += 1
            progress.seconds = first_seconds + time.monotonic() - began

            # A line per thousand pictures; now and then with a grid, and with a look from outside.
            if progress.images // TICK > (progress.images - options.batch) // TICK:
                speed = (progress.images - tick_first) / (time.monotonic() - tick_began)
                line = _stats_line(state, speed)
                if not all(isfinite(line[name]) for name in TICK_SUMS):
                    status = "diverged"
                    break
                line["ranking"] = round(ranking(outcome.real.cpu().numpy(), outcome.fake.cpu().numpy()), 4)
                if _grids_due(options, progress) > grids:
                    grids = _grids_due(options, progress)
                    _write_fakes(out, state, fixed, options)
                    if progress.kimg - looked >= LOOK_KIMG:
                        looked = progress.kimg
                        line |= watch.look(state) | {"pictures": len(images)}
                stats.append(line)
                _say_alarms(stats)
                board.add(line)
                if time.monotonic() - said_at >= SAY_SECONDS or "distance" in line:
                    out.commit("stats.jsonl", _jsonl(stats))
                    log.info("%s", _status_line(line, options))
                    said_at = time.monotonic()
                state.tick_sums.zero_()
                progress.tick_steps = 0
                tick_began, tick_first = time.monotonic(), progress.images

            # The state every few minutes: after the line and the grid, so that a state never lacks what precedes it.
            if progress.tick_steps == 0 and time.monotonic() - saved_at >= options.save_seconds:
                out.commit("stats.jsonl", _jsonl(stats))
                if not _save(out, state, options):
                    status = "diverged"
                    break
                saved_at = time.monotonic()

        # The end, by budget, by request, or by numbers that are none: leave everything ready to continue.
        if status != "diverged" and not _save(out, state, options):
            status = "diverged"
        if status == "diverged":
            message = _diverged(out, progress)
        else:
            _write_fakes(out, state, fixed, options)
            if progress.tick_steps:
                speed = (progress.images - tick_first) / (time.monotonic() - tick_began)
                stats.append(_stats_line(state, speed) | {"partial": True})
            message = f"{progress.kimg:g} kimg shown."
            if status == "done" and stalled(stats, options.patience, len(images)):
                message += f" The distance has not fallen in {options.patience} looks: training on would not help."
            if status == "stopped":
                message += " The state is saved: the same command continues."
        out.commit("stats.jsonl", _jsonl(stats))
        grid_files = out.read_many(_grid_files(out))
        frames = sample.timeline(grid_files, options.grid)
        out.commit("timeline.gif", film.gif(frames))
        out.commit("timeline.mp4", film.mp4(frames))
        board.close()
        shown, spent = progress.images - first_images, progress.seconds - first_seconds
        return _summary(status, message, progress, shown / spent if spent else 0.0, images, out)


def begun(out: Root, options: TrainOptions) -> states.Header | None:
    """What the newest state of the run in `out` says of itself; None for a new run.

    Raises UsageError when it was begun with other options: worth asking before many pictures are read.
    """
    header = states.latest_header(out)
    if header is not None:
        refuse_other_course(resolve(options, 1, _device()), header.options, out.url)
    return header


def _device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


class PictureStream:
    """An endless order of `count` pictures: one shuffle of all of them after another.

    The place in it is the number of pictures shown, so it needs no state of its own, and a batch that is larger
    than the corpus simply wraps around.
    """

    def __init__(self, count: int, seed: int) -> None:
        self._count, self._seed = count, seed
        self._epoch, self._order = -1, np.empty(0, np.int64)

    def take(self, position: int, count: int) -> NDArray[np.int64]:
        """Indices of the pictures at `position` and the next ones, `count` in all."""
        taken: list[NDArray[np.int64]] = []
        while count > 0:
            epoch, offset = divmod(position, self._count)
            part = self._shuffle(epoch)[offset : offset + count]
            taken.append(part)
            position, count = position + len(part), count - len(part)
        return np.concatenate(taken)

    def _shuffle(self, epoch: int) -> NDArray[np.int64]:
        if epoch != self._epoch:
            self._epoch = epoch
            self._order = np.random.default_rng((self._seed, epoch)).permutation(self._count)
        return self._order


def check_pictures(images: Pictures, options: TrainOptions) -> None:
    """Raises UsageError for pictures of another shape or type, TooFewPictures when fewer differ than are needed."""
    wanted = (options.size, options.size, 3)
    if images.dtype != np.uint8 or images.shape[1:] != wanted:
        raise UsageError(
            f"Pictures are {images.dtype} {images.shape[1:]}, and uint8 {wanted} is needed: "
            f"choose the size they have, or load them with gan.data.load at size {options.size}."
        )
    different: set[bytes] = set()
    for picture in images:
        different.add(hashlib.blake2b(picture.tobytes(), digest_size=16).digest())
        if len(different) >= options.min_pictures:
            return
    raise TooFewPictures(
        f"{len(different)} different pictures ({len(images)} in all) are too few to train on, "
        f"{options.min_pictures} are needed: a GAN would learn them by heart. Add pictures, join this theme "
        f"with one like it, or train all the same with min_pictures at {len(different)} (--min-pictures)."
    )


def divide(images: Pictures, options: TrainOptions) -> tuple[Pictures, Pictures]:
    """The pictures to train on, and those that are held out."""
    if options.held_out == 0:
        return images, images[:0]
    trained, unseen = hold_out(images, options.seed, options.held_out)
    return images[trained], images[unseen]


def expectation(pictures: int, alike: float) -> str:
    """What people found with so many pictures, `alike` as `likeness` says, in a sentence or two."""
    if pictures < 300:
        said = f"{pictures} pictures: expect copies of them rather than new ones."
    elif pictures < 1000:
        said = f"{pictures} pictures: few; the discriminator will know them by heart after some hundred epochs."
    elif pictures < 5000:
        said = f"{pictures:,} pictures: enough for textures and simple shapes."
    else:
        said = f"{pictures:,} pictures: a good number."
    if alike >= MANY_ALIKE:
        said += f" {alike:.0%} of them have a near-duplicate: they count for less than their number; find duplicates."
    return said


def likeness(images: Pictures) -> float:
    """Share of (at most 1,000) pictures that have another within 3 levels a 16×16 square, on the average."""
    some = thumbs(images[np.random.default_rng(0).permutation(len(images))[:MOST_COMPARED]])
    if len(some) < 2:
        return 0.0
    return float(np.mean(nearest_other(some) < ALIKE * some.shape[1] ** 0.5))


def describe(options: TrainOptions, state: State, images: Pictures, device: torch.device) -> dict[str, Any]:
    """Everything that is decided before the first step, as written to options.json."""
    return {
        "options": options.model_dump(),
        "pictures": len(images),
        "epochs": None if options.kimg is None else round(options.kimg * 1000 / len(images), 2),
        "parameters": {
            "generator": count_parameters(state.generator),
            "discriminator": count_parameters(state.discriminator),
        },
        "device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
        "threads": torch.get_num_threads(),
        "torch": str(torch.__version__),
    }


def _begun(out: Root, state: State, start: Root | None, continued: bool) -> dict[str, str] | None:
    """What the run began from, which its options.json keeps; a fresh `state` is given the networks of `start`."""
    if continued:
        found: dict[str, str] | None = json.loads(out.read("options.json")).get("start")
        return found
    if start is None:
        return None
    data = states.read_state(start)
    header = states.read_header(data)
    try:
        states.begin_from(state, data)
    except IntegrityFailed as error:
        raise UsageError(
            f"The run in {start.url} cannot be begun from: {error} Choose the recipe, size and width it has."
        ) from None
    log.info("beginning from %s at %g kimg", start.url, header.progress.kimg)
    return {"run": start.url, "kimg": f"{header.progress.kimg:g}", "sha256": hashlib.sha256(data).hexdigest()}


def _last_look(stats: list[dict[str, Any]]) -> float:
    """At how many kimg the training was looked at last."""
    return max((line["kimg"] for line in stats if "spread" in line or "by_heart" in line), default=0.0)


def _say_alarms(stats: list[dict[str, Any]]) -> None:
    """Put the names of alarms into the newest line, and say those that the line before did not have."""
    found = raised(stats)
    if not found:
        return
    stats[-1]["alarms"] = [alarm.name for alarm in found]
    before = [name for line in stats[:-1] for name in line.get("alarms", [])]
    for alarm in found:
        if alarm.name not in before[-20:]:
            log.warning("%s", alarm)


def _grids_due(options: TrainOptions, progress: states.Progress) -> int:
    """How many sample grids should exist by now, not counting the first."""
    kimg = progress.images // 1000
    if options.snapshot_kimg is not None:
        return kimg // options.snapshot_kimg
    return min(kimg, int(GRIDS * budget_spent(options, progress.images, progress.seconds)))


def _grid_files(out: Root) -> list[str]:
    return [name for name in out.names("", ".png") if name.startswith("fakes-")]


def _write_fakes(out: Root, state: State, latents: Tensor, options: TrainOptions) -> None:
    pictures = sample.generate(state.averaged, latents)
    name = f"fakes-{label(state.progress.images)}.png"
    out.commit(name, sample.png(sample.grid(pictures, options.grid)))


def _save(out: Root, state: State, options: TrainOptions) -> bool:
    """Save a good state; False, with nothing written, for one with numbers that are not finite."""
    try:
        states.save(out, state, options)
    except FloatingPointError:
        return False
    return True


def _diverged(out: Root, progress: states.Progress) -> str:
    kept = states.saved(out)
    last = f"the last good state is {kept[-1]}.safetensors" if kept else "no state was saved yet"
    return (
        f"The losses are no longer numbers after {progress.kimg:g} kimg, so training stopped; {last}. "
        "Begin again in another folder with a smaller --lr, or with --precision fp32."
    )


def _stats_line(state: State, speed: float) -> dict[str, Any]:
    progress = state.progress
    means = (state.tick_sums / progress.tick_steps).tolist()
    return {
        "kimg": progress.kimg,
        "images": progress.images,
        **dict(zip(TICK_SUMS, means, strict=True)),
        "images_per_second": round(speed, 1),
        "seconds": round(progress.seconds, 3),
    }


def _status_line(line: dict[str, Any], options: TrainOptions) -> str:
    far = ""
    if "distance" in line:
        far = f"distance {line['distance']:.3f} (floor {line['floor']:.3f}, in {line['space']})  "
    left = []
    if options.kimg is not None:
        left.append((options.kimg * 1000 - line["images"]) / line["images_per_second"])
    if options.minutes is not None:
        left.append(options.minutes * 60 - line["seconds"])
    return (
        f"{line['kimg']:8.1f} kimg  {line['images_per_second']:6.1f} img/s  "
        f"loss D {line['loss_d']:.3f} G {line['loss_g']:.3f}  "
        f"D(real) {line['d_real']:.2f} D(fake) {line['d_fake']:.2f}  {far}"
        f"{max(0.0, min(left)) / 60:.1f} min left"
    )


def _kept_stats(out: Root, images: int) -> list[dict[str, Any]]:
    if not out.exists("stats.jsonl"):
        return []
    lines = [json.loads(line) for line in out.read("stats.jsonl").splitlines()]
    return [line for line in lines if line["images"] <= images and "partial" not in line]


def _jsonl(lines: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


def _last_line(out: Root) -> dict[str, Any]:
    lines = out.read("stats.jsonl").splitlines() if out.exists("stats.jsonl") else []
    return dict(json.loads(lines[-1])) if lines else {}


def _summary(
    status: Literal["done", "already done", "stopped", "diverged", "dry run"],
    message: str,
    progress: states.Progress,
    speed: float,
    images: Pictures,
    out: Root,
) -> RunSummary:
    return RunSummary(
        status=status,
        message=message,
        kimg=progress.kimg,
        images=progress.images,
        seconds=round(progress.seconds, 3),
        images_per_second=round(speed, 1),
        pictures=len(images),
        url=out.url,
        last=_last_line(out),
    )
