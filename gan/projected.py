"""The projected discriminator (Sauer et al. 2021): small heads on the features of a network that already sees.

Pictures go through EfficientNet-Lite0, which stays as it is. Its four feature maps are mixed by convolutions with
random weights that never learn, across channels (CCM) and, from coarse to fine, across scales (CSM), so that no
head can rely on a few features alone. One small head for each scale learns, and judges every patch of its map.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, interpolate

from gan.backbone import CHANNELS, REDUCTIONS, Backbone
from gan.nets import LEAK, Discriminator, initialise_without_norm, normalise_spectra
from pipeline import models

_LAST = 4  # heads halve their maps down to this side


class ProjectedDiscriminator(Discriminator):
    """Pictures (n, 3, size, size) in [−1, 1] to logits (n,), the mean of the verdicts of all heads on all patches.

    `width` channels at the finest scale, twice as many at each coarser one, at most eight times. Pictures are
    enlarged `zoom` times first. Raises UsageError when the network file was not fetched.
    """

    def __init__(self, size: int, width: int, zoom: int) -> None:
        nn.Module.__init__(self)
        self._size = size * zoom
        with torch.device("cpu"):  # its weights are fixed, and real also where only shapes are asked for
            self.backbone = Backbone(models.path("efficientnet-lite0"))
        mixed = [width << scale for scale in range(len(CHANNELS))]
        for scale, (found, wide) in enumerate(zip(CHANNELS, mixed, strict=True)):
            self._fixed(f"channels{scale}", torch.empty(wide, found, 1, 1))
        for scale in range(len(mixed) - 1):
            self._fixed(f"scales{scale}", torch.empty(mixed[scale], mixed[scale + 1], 3, 3))
        self.heads = nn.ModuleList(
            _head(wide, self._size // reduction, width) for wide, reduction in zip(mixed, REDUCTIONS, strict=True)
        )
        self.heads.apply(initialise_without_norm)
        normalise_spectra(self.heads)

    def _fixed(self, name: str, weight: Tensor) -> None:
        self.register_buffer(name, nn.init.kaiming_normal_(weight, nonlinearity="linear"))

    def verdicts(self, pictures: Tensor) -> Tensor:
        """Logits (n, patches) of all heads."""
        if pictures.shape[-1] != self._size:
            pictures = interpolate(pictures, (self._size, self._size), mode="bilinear", align_corners=False)
        maps = self._mixed(self.backbone(pictures))
        said = [head(features).flatten(1) for head, features in zip(self.heads, maps, strict=True)]
        return torch.cat(said, 1).float()

    def _mixed(self, features: list[Tensor]) -> list[Tensor]:
        """Feature maps (n, width·2^scale, …), mixed across channels and from coarse to fine."""
        maps = [conv2d(x, getattr(self, f"channels{scale}")) for scale, x in enumerate(features)]
        for scale in reversed(range(len(maps) - 1)):
            coarse = conv2d(maps[scale + 1], getattr(self, f"scales{scale}"), padding=1)
            larger = interpolate(coarse, maps[scale].shape[2:], mode="bilinear", align_corners=False)
            maps[scale] = (maps[scale] + larger) / 2**0.5
        return maps


def _head(wide: int, side: int, width: int) -> nn.Sequential:
    """Halves the map down to 4×4, then one logit a patch."""
    layers: list[nn.Module] = []
    while side > _LAST:
        narrower = 2 * width
        layers += [nn.Conv2d(wide, narrower, 4, 2, 1), nn.LeakyReLU(LEAK)]
        wide, side = narrower, side // 2
    layers += [nn.Conv2d(wide, 2 * width, 3, 1, 1), nn.LeakyReLU(LEAK), nn.Conv2d(2 * width, 1, 1)]
    return nn.Sequential(*layers)
