"""Training steps a core and second: ours against the plain loop that everybody starts from, in turn in one process.

    python benchmarks/gan_step.py
    python benchmarks/gan_step.py --width 128 --batches 128 --rounds 3
    python benchmarks/gan_step.py --recipes --kernels 4 --batches 64      what each stabiliser costs

The plain loop is PyTorch's well-known DCGAN example, written here from its description: float32, eager, channels
first, one BCE for each half of the discriminator's step, nothing frozen, Adam as it comes. Both sides train networks
of the same shape on the same pictures and count real pictures a second of CPU time on one thread, so that other
processes on the machine disturb little; rounds alternate, and the ratio is the median of paired rounds.
Prints Markdown.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from gan import state as states
from gan.nets import CHANNELS, LATENT_DIM, channel_plan
from gan.options import TrainOptions, supports_bf16

Step = Callable[[], None]
CPU = torch.device("cpu")


def plain_networks(width: int, kernel: int) -> tuple[nn.Module, nn.Module]:
    """Generator and discriminator of the example, with filters of `kernel`."""
    plan = channel_plan(64, width)
    pad, extra = (kernel - 1) // 2, kernel % 2
    up: list[nn.Module] = [nn.ConvTranspose2d(LATENT_DIM, plan[0], 4, 1, 0, bias=False)]
    for wide, narrow in pairwise(plan):
        up += [nn.BatchNorm2d(wide), nn.ReLU(True)]
        up += [nn.ConvTranspose2d(wide, narrow, kernel, 2, pad, output_padding=extra, bias=False)]
    up += [nn.BatchNorm2d(plan[-1]), nn.ReLU(True)]
    up += [nn.ConvTranspose2d(plan[-1], CHANNELS, kernel, 2, pad, output_padding=extra, bias=False), nn.Tanh()]
    down: list[nn.Module] = [nn.Conv2d(CHANNELS, plan[-1], kernel, 2, pad, bias=False), nn.LeakyReLU(0.2, True)]
    for narrow, wide in pairwise(plan[::-1]):
        down += [nn.Conv2d(narrow, wide, kernel, 2, pad, bias=False), nn.BatchNorm2d(wide), nn.LeakyReLU(0.2, True)]
    down += [nn.Conv2d(plan[0], 1, 4, 1, 0, bias=False), nn.Sigmoid()]
    return nn.Sequential(*up), nn.Sequential(*down)


def plain_step(width: int, kernel: int, pictures: Tensor) -> Step:
    """The example's loop body, on uint8 (n, 64, 64, 3) `pictures`."""
    torch.manual_seed(0)
    generator, discriminator = plain_networks(width, kernel)
    adam_d = torch.optim.Adam(discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    adam_g = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    bce, count = nn.BCELoss(), len(pictures)
    real = (pictures.permute(0, 3, 1, 2).float() / 127.5 - 1).contiguous()

    def step() -> None:
        discriminator.zero_grad()
        bce(discriminator(real).view(-1), torch.ones(count)).backward()
        fake = generator(torch.randn(count, LATENT_DIM, 1, 1))
        bce(discriminator(fake.detach()).view(-1), torch.zeros(count)).backward()
        adam_d.step()
        generator.zero_grad()
        bce(discriminator(fake).view(-1), torch.ones(count)).backward()
        adam_g.step()

    return step


def our_step(width: int, kernel: int, pictures: Tensor, **choices: object) -> Step:
    """The update of gan/step.py with the averaged generator; `choices` are switches of a recipe."""
    from gan.sample import to_unit
    from gan.step import update

    options = TrainOptions.model_validate(
        {"precision": "bf16" if supports_bf16(CPU) else "fp32", **choices, "width": width, "kernel": kernel}
        | {"batch": len(pictures)}
    )
    state = states.fresh(options, CPU)
    state.generator.train()
    state.discriminator.train()
    return lambda: update(state, options, to_unit(pictures)) and None


def seconds(step: Step, repeats: int) -> float:
    """CPU seconds of one step, averaged over `repeats`."""
    began = time.process_time()
    for _ in range(repeats):
        step()
    return (time.process_time() - began) / repeats


def gigaflops(step: Step, pictures: int) -> float:
    """Multiplications and additions of a step in its matrix products and convolutions, a picture, in 10⁹."""
    with FlopCounterMode(display=False) as counter:
        step()
    return counter.get_total_flops() / pictures / 1e9


def peak(dtype: torch.dtype) -> float:
    """GFLOP/s of this core in a square matrix product of 2,048."""
    side = 2048
    matrix = torch.rand(side, side).to(dtype)
    return 2 * side**3 / min(seconds(lambda: matrix @ matrix, 1) for _ in range(5)) / 1e9


def compare(width: int, kernel: int, batch: int, rounds: int) -> str:
    """One row of the table."""
    pictures = torch.randint(0, 256, (batch, 64, 64, 3), dtype=torch.uint8)
    plain, ours = plain_step(width, kernel, pictures), our_step(width, kernel, pictures)
    work = gigaflops(plain, batch), gigaflops(ours, batch)
    pairs = [(seconds(plain, 1), seconds(ours, 2)) for _ in range(rounds)]
    ratio = statistics.median(slow / quick for slow, quick in pairs)
    speeds = [batch / min(times) for times in zip(*pairs, strict=True)]
    reached = work[1] * speeds[1]
    return (
        f"| {width} | {kernel} | {batch} | {speeds[0]:.0f} | {speeds[1]:.0f} | **{ratio:.2f}** "
        f"| {work[0]:.2f} | {work[1]:.2f} | {reached:.0f} |"
    )


RECIPES: dict[str, dict[str, object]] = {
    "radford": {},
    "small": {"recipe": "small"},
    "augmentation": {"augment": "colour,translation,cutout"},
    "spectral norm, hinge": {"norm": "spectral", "loss": "hinge"},
    "R1 at every 16th step": {"norm": "none", "r1": 1.0},
    "relativistic": {"loss": "relativistic"},
    "residual": {"blocks": "residual"},
    "projected, 32 wide": {"recipe": "projected", "heads": 32},
    "projected": {"recipe": "projected"},
}


def recipes(width: int, kernel: int, batch: int, rounds: int) -> str:
    """A table of what the stabilisers cost, each by itself."""
    pictures = torch.randint(0, 256, (batch, 64, 64, 3), dtype=torch.uint8)
    steps = {name: our_step(width, kernel, pictures, **choices) for name, choices in RECIPES.items()}
    taken: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds + 1):
        for name, step in steps.items():
            taken[name].append(seconds(step, 16))  # so that one of them has the lazy penalty
    lines = ["| recipe or switch | images/s/core | against radford |", "|---|---|---|"]
    for name, times in taken.items():
        ratio = statistics.median(base / own for base, own in zip(taken["radford"][1:], times[1:], strict=True))
        lines.append(f"| {name} | {batch / min(times[1:]):.0f} | {ratio:.2f} |")
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--batches", type=int, nargs="+", default=[64, 128])
    parser.add_argument("--kernels", type=int, nargs="+", default=[4, 5])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--recipes", action="store_true", help="What each stabiliser costs, instead.")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    if chosen.recipes:
        print(recipes(chosen.width, chosen.kernels[0], chosen.batches[0], chosen.rounds))
        return
    half = f"{peak(torch.bfloat16):.0f}" if supports_bf16(CPU) else "not in hardware"
    print(f"One core; matrix product {peak(torch.float32):.0f} GFLOP/s in float32, ", end="")
    print(f"in bfloat16 {half}; torch {torch.__version__}.\n")
    print("| width | kernel | batch | plain img/s | ours img/s | ratio | plain GFLOP/img | ours | ours GFLOP/s |")
    print("|---|---|---|---|---|---|---|---|---|")
    for kernel in chosen.kernels:
        for batch in chosen.batches:
            print(compare(chosen.width, kernel, batch, chosen.rounds), flush=True)


if __name__ == "__main__":
    main()
