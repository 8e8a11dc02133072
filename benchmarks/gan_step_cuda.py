"""Training steps a second on one CUDA device: ours against the plain loop that everybody starts from.

    python benchmarks/gan_step_cuda.py
    python benchmarks/gan_step_cuda.py --width 64 --batches 128 512

Plain is eager float32, channels first, Adam as it comes, pictures copied from the host for every step. Ours keeps the
corpus as uint8 on the device and runs the update of gan/step.py in bfloat16, channels last, with fused Adam; a second
time compiled. The device's own peaks, a bfloat16 matrix product and a copy in its memory, are measured beside them.
Without a CUDA device it says so and ends. Prints Markdown.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import torch
from gan_step import gigaflops, plain_networks
from torch import Tensor, nn

from gan import state as states
from gan.nets import LATENT_DIM
from gan.options import TrainOptions
from gan.sample import to_unit
from gan.step import update

Step = Callable[[], object]
CORPUS = 20_000


def timed(step: Step, repeats: int) -> float:
    """Seconds of one step, after three to warm up, by the device's own clock."""
    for _ in range(3):
        step()
    torch.cuda.synchronize()
    began = time.perf_counter()
    for _ in range(repeats):
        step()
    torch.cuda.synchronize()
    return (time.perf_counter() - began) / repeats


def plain(width: int, batch: int, corpus: Tensor) -> Step:
    """The well-known loop, each batch from the host."""
    device = torch.device("cuda")
    generator, judge = (network.to(device) for network in plain_networks(width, 4))
    adam_d = torch.optim.Adam(judge.parameters(), lr=2e-4, betas=(0.5, 0.999))
    adam_g = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    bce = nn.BCELoss()
    ones, zeros = torch.ones(batch, device=device), torch.zeros(batch, device=device)

    def step() -> None:
        chosen = corpus[torch.randint(len(corpus), (batch,))]
        real = (chosen.permute(0, 3, 1, 2).float() / 127.5 - 1).to(device)
        judge.zero_grad()
        bce(judge(real).view(-1), ones).backward()
        fake = generator(torch.randn(batch, LATENT_DIM, 1, 1, device=device))
        bce(judge(fake.detach()).view(-1), zeros).backward()
        adam_d.step()
        generator.zero_grad()
        bce(judge(fake).view(-1), ones).backward()
        adam_g.step()

    return step


def ours(width: int, batch: int, corpus: Tensor, compiled: bool) -> Step:
    """The update of gan/step.py on pictures that lie on the device."""
    device = torch.device("cuda")
    options = TrainOptions(width=width, kernel=4, batch=batch, precision="bf16")
    state = states.fresh(options, device)
    state.generator.train()
    state.discriminator.train()
    if compiled:
        state.generator.compile(dynamic=False)
        state.discriminator.compile(dynamic=False)
    held = corpus.to(device)

    def step() -> None:
        chosen = torch.randint(len(held), (batch,), device=device)
        update(state, options, to_unit(held[chosen]))

    return step


def peaks() -> tuple[float, float]:
    """TFLOP/s of a bfloat16 matrix product and GB/s of a copy, on this device."""
    side = 8192
    matrix = torch.rand(side, side, device="cuda", dtype=torch.bfloat16)
    product = 2 * side**3 / timed(lambda: matrix @ matrix, 20) / 1e12
    source = torch.empty(2**30, dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    return product, 2 * 2**30 / timed(lambda: target.copy_(source), 20) / 1e9


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--batches", type=int, nargs="+", default=[64, 128, 512])
    parser.add_argument("--repeats", type=int, default=50)
    chosen = parser.parse_args()
    if not torch.cuda.is_available():
        print("No CUDA device is here: run this script on a machine that has one.")
        return
    corpus = torch.randint(0, 256, (CORPUS, 64, 64, 3), dtype=torch.uint8)
    product, copies = peaks()
    print(f"{torch.cuda.get_device_name()}: {product:.0f} TFLOP/s in bfloat16, {copies:.0f} GB/s.\n")
    print("| batch | plain img/s | ours | compiled | ratio of the best | TFLOP/s | share of the peak |")
    print("|---|---|---|---|---|---|---|")
    for batch in chosen.batches:
        steps = [plain(chosen.width, batch, corpus)]
        steps += [ours(chosen.width, batch, corpus, compiled) for compiled in (False, True)]
        work = gigaflops(lambda step=steps[1]: step() and None, batch)  # type: ignore[misc]
        slow, *quick = (batch / timed(step, chosen.repeats) for step in steps)
        best = max(quick)
        reached = best * work / 1000
        print(
            f"| {batch} | {slow:,.0f} | {quick[0]:,.0f} | {quick[1]:,.0f} | **{best / slow:.1f}** "
            f"| {reached:.1f} | {reached / product:.1%} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
