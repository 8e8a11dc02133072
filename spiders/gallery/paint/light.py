"""Hours and weathers: the colours of a scene out of doors, and its sky."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spiders.gallery.paint.canvas import Array, Canvas, Rng, axes, colours, mix, noise, ramp, smooth, vary


@dataclass(frozen=True)
class Light:
    """The colours of one hour and weather.

    `sky` from the zenith to the horizon; `leaves`, `rocks`, `water` from dark to light; `sun` is the light,
    `haze` what distance fades into. `height` is that of the sun, 0 at the horizon; `glow` its strength.
    """

    sky: Array
    sun: Array
    haze: Array
    leaves: Array
    rocks: Array
    water: Array
    clouds: Array
    height: float
    glow: float


# sky | sun haze | leaves | rocks | water | clouds | height glow
HOURS = {
    "noon": ("#3d78b8 #7fb0dc #cfe3ee", "#fff4d0 #c4d8e6", "#1f3a1c #3f6b2a #7fa04a #b8c46a",
             "#4a4440 #7d7468 #b3a894 #e2d8c4", "#1e4a6a #3f7ea0 #9cc6d6", "#a8b8c8 #ffffff", 0.8, 0.2),
    "morning": ("#6d96c4 #b8cfe0 #f6e3c4", "#ffe6b0 #e2dccc", "#26401f #557a38 #9db45c #d8d88a",
                "#5c5048 #8f7f70 #c8b49a #f0dfc0", "#3a6484 #7fa6b8 #e6dcc4", "#c0b8b4 #fff6e4", 0.35, 0.6),
    "dusk": ("#2c3a6a #8a5a80 #f08a4c #ffd27a", "#ffd080 #d89070", "#141d1a #2c3a26 #5c5a2c #a07c3a",
             "#2c2430 #5c4450 #a06a58 #e0a070", "#232c50 #7a5070 #f0a060", "#5a4468 #f0986a", 0.12, 1.0),
    "golden": ("#5a88a8 #c8b888 #f6d890", "#ffe09a #e8cc94", "#33300f #6c6420 #b0943a #e4c868",
               "#4c3824 #8a6a40 #c89c5c #f2cf8c", "#40604e #98945c #f0d488", "#b09878 #fff0c0", 0.3, 0.8),
    "storm": ("#20282e #46525a #8a9490", "#d8d8b8 #707c80", "#10180f #26321d #4a5432 #7c7a4c",
              "#1e1e20 #3c3e40 #6c6c68 #a09c90", "#12202a #34505a #86989a", "#14191e #a0a8a4", 0.5, 0.1),
    "overcast": ("#8c98a0 #b4bcbe #d8d8d2", "#f0f0e6 #c4c8c8", "#26301f #4c5a3a #7c8458 #a8a880",
                 "#46443f #74706a #a09a90 #c8c2b6", "#4c5e68 #8496a0 #c4ccce", "#8a9296 #eeeeea", 0.7, 0.1),
    "moon": ("#060a1e #12204a #2e4a7c", "#e8ecd8 #2c3e66", "#04080a #0e1a1c #1c2e30 #38504c",
             "#0a0e18 #1c2438 #3a4a64 #7c8ca0", "#050c20 #16305a #6c90b4", "#1c2848 #a0b0c8", 0.5, 0.7),
    "autumn": ("#7088a0 #b8c0bc #e8dcc0", "#ffe8c0 #cfc4b0", "#3a1c0c #8a3c14 #cc7424 #ecb84c",
               "#40352c #76624e #ac9070 #dcc49c", "#3c4e50 #7c8474 #d8c89c", "#9c9a98 #fff4e0", 0.5, 0.4),
    "winter": ("#8aa4bc #c4d0da #f2ece4", "#fff0dc #dce2e8", "#232a2a #4a5450 #8a948c #d4d8d4",
               "#4c5058 #868c96 #c4cad4 #fafafc", "#486478 #90a8b8 #dce6ea", "#b0b8c4 #ffffff", 0.3, 0.4),
    "spring": ("#6cb0dc #b0d8e8 #f4f0dc", "#fff8dc #d8e6d8", "#2c5824 #5c9a3c #9ccc5c #dcec94",
               "#5c5c50 #948c78 #c8bca0 #ece4cc", "#3c88a8 #7cbcc8 #d8ecdc", "#c8d4dc #ffffff", 0.7, 0.3),
    "rose": ("#7c8cc0 #e0a8b8 #fcd8c4", "#ffe4d0 #e0b8bc", "#2c2c3c #545068 #8c7c8c #c4a8a8",
             "#40384c #7c6478 #b8949c #ecc4b8", "#4c5890 #b890ac #fcccbc", "#9c84a8 #fff0e8", 0.15, 0.7),
    "desert": ("#2c6cb0 #8cb4cc #f4dcb0", "#fff0c0 #e8c8a0", "#3c401c #6c6c34 #a09850 #d0bc78",
               "#6c2c18 #b05c2c #dc9454 #f8d090", "#2c6c80 #6ca8a8 #dcd8b0", "#d0c0b0 #fff8e8", 0.8, 0.3),
}  # fmt: skip


def light(rng: Rng, hours: tuple[str, ...] = tuple(HOURS)) -> Light:
    """One of the hours, its colours moved a little."""
    sky, sun_haze, leaves, rocks, water, clouds, height, glow = HOURS[hours[int(rng.integers(len(hours)))]]
    sun, haze = vary(rng, colours(sun_haze), 5, 0.1, 0.03)
    return Light(
        vary(rng, colours(sky), 9, 0.2, 0.07), sun, haze, vary(rng, colours(leaves), 9, 0.15, 0.08),
        vary(rng, colours(rocks), 7, 0.15, 0.06), vary(rng, colours(water), 8, 0.15, 0.06), colours(clouds),
        float(np.clip(height + rng.normal(0, 0.1), 0.02, 0.95)), glow,
    )  # fmt: skip


def paint_sky(rng: Rng, canvas: Canvas, hour: Light, horizon: float) -> tuple[float, float]:
    """The sky down to `horizon` (0 to 1 of the height) and below; returns where the sun stands, in pixels."""
    height, width = canvas.height, canvas.width
    y, x = axes(height, width)
    depth = np.clip(y / max(horizon, 0.05), 0, 1) + 0.12 * (noise(rng, height, width, 2, 3, 2) - 0.5)
    canvas.a[:] = ramp(np.broadcast_to(depth, (height, width)), hour.sky)
    sun_x, sun_y = rng.uniform(0.08, 0.92), horizon * (1 - hour.height)
    reach = np.hypot((x - sun_x) * width / height, y - sun_y)
    canvas.over(hour.glow * 0.8 * np.exp(-(reach**2) / rng.uniform(0.02, 0.16)), hour.sun)
    disc = rng.uniform(0.015, 0.05)
    if rng.random() < hour.glow * 0.8:
        canvas.over(1 - smooth(reach, disc * 0.9, disc * 1.1), mix(hour.sun, 1.0, 0.5))
    _clouds(rng, canvas, hour, horizon)
    return sun_x * width, sun_y * height


def _clouds(rng: Rng, canvas: Canvas, hour: Light, horizon: float) -> None:
    """Two or three layers of cloud, lit from above, flatter towards the horizon."""
    height, width = canvas.height, canvas.width
    y, _ = axes(height, width)
    for _ in range(rng.integers(1, 4)):
        shape = noise(rng, height, width, rng.uniform(1.5, 6), 5, rng.uniform(1.2, 5))
        cover = rng.uniform(0.4, 0.72)
        body = smooth(shape, cover, cover + rng.uniform(0.08, 0.3)) * (1 - smooth(y, horizon * 0.8, horizon * 1.02))
        lit = np.clip(0.55 + 2.2 * (shape - np.roll(shape, int(rng.integers(3, 9)), 0)), 0, 1)
        canvas.over(body, ramp(lit, np.stack([hour.clouds[0], mix(hour.clouds[1], hour.sun, 0.35)])), 0.85)
