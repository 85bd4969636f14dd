"""Whether translated photographs show what the label maps say that they were made from."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from ganzoo import random
from ganzoo.errors import GanzooError
from ganzoo.metrics.accuracy import teach
from ganzoo.metrics.samples import like, sides
from ganzoo.metrics.scores import Case, Score
from ganzoo.registry import METRICS

STEPS, BATCH, WIDTH = 600, 8, 24
SIDE = 64
# Colours nearer to each other than this are one label: JPEG blurs the borders of label maps.
NEAR = 60.0
MOST_COLOURS = 3000
# A label has this share of all pixels at least; colours of borders have not.
LEAST = 0.001
# The share of pixels that must be this close to a label's colour, or it is no label map.
CLOSE, COVERED = 15.0, 0.7
ENOUGH_MAPS = 200


@METRICS.register("segmentation")
def segmentation_agreement(case: Case) -> list[Score]:
    """Pixel accuracy and mean IoU of label maps with what a small network sees in the photographs made from them.

    The idea is the FCN score's (Isola et al. 2017, section 4.1), the network is not: a small CNN learns for 600 steps,
    from the real pairs of the training split, to name the label of each pixel of a photograph, at 64 pixels a side at
    most. Labels are the maps' frequent colours. parts: ``real``, the same for the real photographs: what can be
    reached.
    """
    reference, count = case.reference, case.images.count
    if case.model is None or reference is None or case.images.targets is None:
        raise GanzooError("segmentation compares photographs with the label maps they are made from; it takes pairs")
    train = reference if reference.split == "train" else like(reference, "train")
    given, wanted = sides(case.model)
    maps, photos = (_planes(getattr(train, f"images_{side}")) for side in (given, wanted))
    palette = find_palette(maps[:ENOUGH_MAPS])
    network = teach(
        _segmenter(photos.shape[1], len(palette)), _small(photos), labels_of(_small(maps, "nearest"), palette),
        device=case.device, steps=STEPS, batch=BATCH,
    )  # fmt: skip
    truth = labels_of(_small(_planes(getattr(reference, f"images_{given}")[:count]), "nearest"), palette)
    made, real = (torch.cat(list(batches(BATCH))) for batches in (case.images.batches, case.images.targets))
    found, reachable = (agreement(_seen(network, each, case.device), truth) for each in (made, real))
    names = {"segmentation-accuracy": "segmentation accuracy", "segmentation-iou": "segmentation IoU"}
    return [
        Score(name, title, "higher", found[i], parts={"real": reachable[i]}, through="")
        for i, (name, title) in enumerate(names.items())
    ]


def find_palette(maps: Tensor) -> Tensor:
    """The colours (k, C) of label maps (N, C, H, W), most frequent first; raises GanzooError where there are none."""
    pixels = maps.permute(0, 2, 3, 1).reshape(-1, maps.shape[1])
    colours, counts = pixels.unique(dim=0, return_counts=True)
    frequent = colours[counts.argsort(descending=True, stable=True)].float()
    palette = frequent[:1]
    for colour in frequent[1:MOST_COLOURS]:
        if float((palette - colour).norm(dim=1).min()) > NEAR:
            palette = torch.cat([palette, colour[None]])
    distances, nearest = torch.cdist(frequent, palette).min(1)
    shares = counts.sort(descending=True, stable=True).values / counts.sum()
    near = distances <= NEAR
    kept = torch.zeros(len(palette)).index_add(0, nearest[near], shares[near]) >= LEAST
    if int(kept.sum()) < 2 or float(shares[distances <= CLOSE].sum()) < COVERED:
        raise GanzooError(
            "what is translated from are no label maps, which have a few colours and nothing between; leave "
            "segmentation out"
        )
    return palette[kept]


def labels_of(maps: Tensor, palette: Tensor) -> Tensor:
    """The label (N, H, W) of each pixel of label maps (N, C, H, W): its nearest colour."""
    return torch.stack(
        [torch.cdist(each.flatten(1).T.float(), palette).argmin(1).view(each.shape[1:]) for each in maps]
    )


def agreement(found: Tensor, truth: Tensor) -> tuple[float, float]:
    """The share of pixels whose label is right, and intersection over union, a mean over the labels there are."""
    shares = []
    for label in truth.unique():
        both, either = (found == label) & (truth == label), (found == label) | (truth == label)
        shares.append(float(both.sum() / either.sum()))
    return float((found == truth).double().mean()), sum(shares) / len(shares)


class _Segmenter(nn.Module):
    """Fine maps beside coarse ones that have seen more: images (N, C, H, W) -> logits of labels (N, k, H, W)."""

    def __init__(self, channels: int, labels: int):
        super().__init__()
        self.fine = _layer(channels, WIDTH)
        self.coarse = nn.Sequential(
            _layer(WIDTH, 2 * WIDTH, stride=2),
            _layer(2 * WIDTH, 4 * WIDTH, stride=2),
            _layer(4 * WIDTH, 4 * WIDTH, dilation=2),
            _layer(4 * WIDTH, 4 * WIDTH, dilation=4),
        )
        self.labels = nn.Sequential(_layer(5 * WIDTH, 2 * WIDTH), nn.Conv2d(2 * WIDTH, labels, 1))

    def forward(self, images: Tensor) -> Tensor:
        fine = self.fine(images)
        coarse = interpolate(self.coarse(fine), fine.shape[2:], mode="bilinear", align_corners=False)
        logits: Tensor = self.labels(torch.cat([fine, coarse], 1))
        return logits


def _layer(inputs: int, outputs: int, stride: int = 1, dilation: int = 1) -> nn.Module:
    convolution = nn.Conv2d(inputs, outputs, 3, stride, padding=dilation, dilation=dilation, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


def _segmenter(channels: int, labels: int) -> nn.Module:
    with random.torchs_own(seed=0):
        return _Segmenter(channels, labels)


@torch.inference_mode()
def _seen(network: nn.Module, photos: Tensor, device: torch.device | str) -> Tensor:
    parts = _small(photos).split(BATCH)
    return torch.cat([network(part.to(device).float() / 127.5 - 1).argmax(1).cpu() for part in parts])


def _planes(pixels: Tensor) -> Tensor:
    return pixels.permute(0, 3, 1, 2)


def _small(images: Tensor, mode: str = "area") -> Tensor:
    """uint8 images whose shorter side is SIDE, or as they are where it is less."""
    by = SIDE / min(images.shape[2:])
    if by >= 1:
        return images
    size = [round(side * by) for side in images.shape[2:]]
    return torch.cat([interpolate(part.float(), size, mode=mode).round().byte() for part in images.split(100)])
