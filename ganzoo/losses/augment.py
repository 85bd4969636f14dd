"""Augmentations between images and a discriminator, of real and generated ones alike.

Both players' images pass through them, so the generator does not learn to make augmented images; they are
differentiable twice, so penalties work on the augmented discriminator.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganzoo import random
from ganzoo.annealing import Value, at, is_range, value_of
from ganzoo.errors import UnknownName
from ganzoo.losses.batch import batch_mean, world_size
from ganzoo.losses.pixels import gathered, offsets
from ganzoo.nets.layers import Filter
from ganzoo.registry import AUGMENTS

# The orthogonal wavelet sym6: doubling a size and halving it again changes nothing. Daubechies 1992, chapter 8.
SYM6 = (
    0.015404109327027373, 0.0034907120842174702, -0.11799011114819057, -0.048311742585633,
    0.4910559419267466, 0.787641141030194, 0.3379294217276218, -0.07263752278646252,
    -0.021060292512300564, 0.04472490177066578, 0.0017677118642428036, -0.007800708325034148,
)  # fmt: skip
MARGIN = len(SYM6) // 4  # how many of a map's pixels next to a border the filter would take from outside


class Augment(nn.Module):
    """Random changes of each image by itself: (N, C, H, W) in [-1, 1] -> the same shape, in float32."""

    def forward(self, images: Tensor) -> Tensor:
        with torch.autocast(images.device.type, enabled=False):
            return self.change(images.float())

    def change(self, images: Tensor) -> Tensor:
        raise NotImplementedError

    def observe(self, real_accuracy: Tensor, images: int) -> None:
        """Learn which share of this process's real images the discriminator got right."""

    def anneal(self, share: float) -> None:
        """Be as strong as when a ``share`` of the burn-in is over."""

    def readings(self) -> dict[str, Tensor]:
        """What to watch; scalars on the device."""
        return {}


@AUGMENTS.register("diffaugment")
class DiffAugment(Augment):
    """Colour, translation by up to 1/8 and a cut-out of half the side, on every image.

    policy: which of them. Zhao et al. 2020, section 3.2 (https://arxiv.org/abs/2006.10738).
    """

    def __init__(self, policy: Sequence[str] = ("color", "translation", "cutout")):
        super().__init__()
        for name in policy:
            if name not in POLICIES:
                raise UnknownName("policy of diffaugment:", name, POLICIES)
        self.policy = tuple(policy)

    def change(self, images: Tensor) -> Tensor:
        for name in self.policy:
            images = POLICIES[name](images)
        return images


def _color(images: Tensor) -> Tensor:
    brightness, saturation, contrast = _uniform(images, 3)[..., None, None, None].unbind(1)
    images = images + (brightness - 0.5)
    gray = images.mean(1, keepdim=True)
    images = gray + 2 * saturation * (images - gray)
    level = images.mean((1, 2, 3), keepdim=True)
    return level + (contrast + 0.5) * (images - level)


def _translation(images: Tensor) -> Tensor:
    down, right = _uniform(images, 2)[..., None].unbind(1)
    # A gray frame stands for everything beyond the image.
    rows, columns = (
        (torch.arange(size, device=images.device) + 1 + offsets(uniform, round(size / 8))).clamp(0, size + 1)
        for size, uniform in zip(images.shape[2:], (down, right), strict=True)
    )
    return gathered(F.pad(images, (1, 1, 1, 1)), rows, columns)


def _cutout(images: Tensor) -> Tensor:
    down, right = _uniform(images, 2)[..., None].unbind(1)
    inside = []
    for size, uniform in zip(images.shape[2:], (down, right), strict=True):
        centre = (uniform * (size + 1)).long()
        distance = torch.arange(size, device=images.device) - centre
        inside.append((distance >= -(size // 4)) & (distance < size // 4))
    hole = inside[0][:, None, :, None] & inside[1][:, None, None, :]
    return images * ~hole


POLICIES: dict[str, Callable[[Tensor], Tensor]] = {
    "color": _color,
    "translation": _translation,
    "cutout": _cutout,
}


@AUGMENTS.register("ada")
class AdaptiveAugment(Augment):
    """Flips, quarter turns, shifts, scalings, rotations, colour changes and cut-outs, with probability p; p adapts.

    Every ``interval`` images p moves up if the discriminator's mean sign on real images (1 when it knows them
    all) is above ``target``, else down, so fast that ``speed`` images take it from 0 to 1 (0: it stays). At p = 0
    images pass unchanged. Other than three channels get brightness and contrast only.
    Karras et al. 2020, sections 2.2 and 3.1, appendix B (https://arxiv.org/abs/2006.06676).

    probability: where p starts, or with speed 0 the range that it goes through.
    color, cutout: factors on p for the changes of colour and the cut-out.
    """

    probability: Tensor
    signs: Tensor
    judged: Tensor

    def __init__(
        self,
        target: float = 0.6,
        probability: Value = 0.0,
        interval: int = 256,
        speed: float = 500_000,
        color: float = 1.0,
        cutout: float = 0.0,
    ):
        super().__init__()
        self.target, self.interval, self.speed, self.color, self.cutout = target, interval, speed, color, cutout
        self.range = value_of(probability)
        if speed and is_range(probability):
            raise ValueError("a probability that is a range needs speed: 0, or it would have two masters")
        self.filter = Filter(SYM6)
        self.register_buffer("probability", torch.tensor(at(self.range, 0)))
        self.register_buffer("signs", torch.zeros(()))
        self.register_buffer("judged", torch.zeros(()))

    def change(self, images: Tensor) -> Tensor:
        moved, motion = self._motion(images)
        recoloured, matrix = self._recolouring(images)
        images = torch.where(_each(moved, images), _sampled(images, motion, self.filter), images)
        linear, constant = matrix[:, :, :-1], matrix[:, :, -1, None, None]
        colours = torch.einsum("nij,njhw->nihw", linear, images) + constant
        images = torch.where(_each(recoloured, images), colours, images)
        if not self.cutout:
            return images
        cut = _uniform(images, 1)[:, 0] < self.cutout * self.probability
        return torch.where(_each(cut, images), _cutout(images), images)

    @torch.no_grad()
    def observe(self, real_accuracy: Tensor, images: int) -> None:
        if not self.speed:
            return
        images *= world_size()
        self.signs += images * (2 * batch_mean(real_accuracy) - 1)
        self.judged += images
        # Without a question to the device: nothing moves until enough images were judged.
        due = (self.judged >= self.interval).float()
        direction = torch.sign(self.signs / self.judged - self.target)
        self.probability.add_(due * direction * self.judged / self.speed).clamp_(0, 1)
        self.signs *= 1 - due
        self.judged *= 1 - due

    def anneal(self, share: float) -> None:
        if is_range(self.range):
            self.probability.fill_(at(self.range, share))

    def readings(self) -> dict[str, Tensor]:
        return {"augment_probability": self.probability}

    def _motion(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Which images move, (N,), and where from each pixel comes, (N, 3, 3), in pixels from the centre."""
        n, _, height, width = images.shape
        # Two rotations, one before and one after the stretching, together happen with probability p.
        rotating = 1 - torch.sqrt(1 - self.probability)
        chances = torch.stack([*[self.probability] * 6, rotating, rotating])
        gates = _uniform(images, 8) < chances
        u, g = _uniform(images, 6), random.normal(n, 4, device=images.device)
        flip, quarter, shift, scale, stretch, fraction, before, after = gates.unbind(1)
        full = 2 * math.pi
        factors = torch.exp2(0.2 * g[:, :2])
        size = torch.tensor([width, height], device=images.device)
        whole = torch.round((u[:, 2:4] - 0.5) * 0.25 * size)
        steps = [
            _scaling(_gated(flip, 1 - 2 * (u[:, 0] < 0.5).float(), 1.0), None),
            _rotation(_gated(quarter, (4 * u[:, 1]).floor() * full / 4)),
            _shift(_gated(shift[:, None], whole)),
            _scaling(factor := _gated(scale, factors[:, 0], 1.0), factor),
            _rotation(_gated(before, full * u[:, 4])),
            _scaling(factor := _gated(stretch, factors[:, 1], 1.0), 1 / factor),
            _rotation(_gated(after, full * u[:, 5])),
            _shift(_gated(fraction[:, None], 0.125 * g[:, 2:] * size)),
        ]
        return gates.any(1), _product(steps)

    def _recolouring(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Which images change colour, (N,), and how, (N, C, C + 1)."""
        n, channels = images.shape[:2]
        gates = _uniform(images, 5) < self.color * self.probability
        u, g = _uniform(images, 2), random.normal(n, 3, device=images.device)
        bright, contrast, flip, hue, saturation = gates.unbind(1)
        level = torch.eye(channels + 1, device=images.device).repeat(n, 1, 1)
        level[:, :-1, :-1] *= _each(_gated(contrast, torch.exp2(0.5 * g[:, 0]), 1.0), level)
        level[:, :-1, -1] = (level[:, 0, 0] * _gated(bright, 0.2 * g[:, 1]))[:, None]
        if channels != 3:
            return bright | contrast, level[:, :-1]
        turned = _about_gray(_gated(hue, 2 * math.pi * (u[:, 0] - 0.5)), _gated(saturation, torch.exp2(g[:, 2]), 1.0))
        axis = torch.full((4, 4), 1 / 3, device=images.device)
        axis[3], axis[:, 3] = 0, 0
        mirror = torch.eye(4, device=images.device) - 2 * axis * _each(_gated(flip, (u[:, 1] < 0.5).float()), turned)
        return gates.any(1), (turned @ mirror @ level)[:, :-1]


def _uniform(images: Tensor, count: int) -> Tensor:
    return random.uniform(len(images), count, device=images.device)


def _each(values: Tensor, like: Tensor) -> Tensor:
    """One value for each image (N,), shaped to broadcast over ``like``."""
    return values.view(-1, *[1] * (like.ndim - 1))


def _gated(gate: Tensor, value: Tensor, neutral: float = 0.0) -> Tensor:
    return torch.where(gate, value, neutral)


def _product(matrices: Sequence[Tensor]) -> Tensor:
    first, *rest = matrices
    for matrix in rest:
        first = first @ matrix
    return first


def _scaling(x: Tensor, y: Tensor | None) -> Tensor:
    matrix = torch.eye(3, device=x.device).repeat(len(x), 1, 1)
    matrix[:, 0, 0] = x
    if y is not None:
        matrix[:, 1, 1] = y
    return matrix


def _rotation(angle: Tensor) -> Tensor:
    matrix = _scaling(angle.cos(), angle.cos())
    matrix[:, 0, 1], matrix[:, 1, 0] = -angle.sin(), angle.sin()
    return matrix


def _shift(xy: Tensor) -> Tensor:
    matrix = torch.eye(3, device=xy.device).repeat(len(xy), 1, 1)
    matrix[:, :2, 2] = xy
    return matrix


def _about_gray(angle: Tensor, saturation: Tensor) -> Tensor:
    """Colours turned about the gray axis and drawn away from it, (N, 4, 4)."""
    axis = torch.full((3, 3), 1 / 3, device=angle.device)
    across = torch.eye(3, device=angle.device) - axis
    cross = torch.tensor([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]], device=angle.device) / math.sqrt(3)
    angle, saturation = angle[:, None, None], saturation[:, None, None]
    matrix = torch.eye(4, device=axis.device).repeat(len(angle), 1, 1)
    matrix[:, :3, :3] = axis + saturation * (angle.cos() * across + angle.sin() * cross)
    return matrix


def _sampled(images: Tensor, motion: Tensor, filter: Filter) -> Tensor:
    """Images whose pixels come from where ``motion`` says, mirrored at the borders.

    Sampled at twice the size, between two low-pass filters, so that shrinking makes no false frequencies.
    """
    height, width = images.shape[2:]
    fine = _cropped(filter.up(F.pad(images, [MARGIN] * 4, mode="reflect")), 2 * MARGIN)
    half = torch.tensor([width / 2, height / 2, 1.0], device=images.device)
    reach = half + torch.tensor([MARGIN, MARGIN, 0.0], device=images.device)
    theta = (motion * reach / half[:, None])[:, :2]
    size = [2 * (height + 2 * MARGIN), 2 * (width + 2 * MARGIN)]
    grid = F.affine_grid(theta, [*images.shape[:2], *size], align_corners=False)
    return _cropped(filter.down(_Sampling.apply(fine, grid)), MARGIN)


class _Sampling(torch.autograd.Function):
    """Images (N, C, H, W) where a grid (N, h, w, 2) says, -> (N, C, h, w): what ``grid_sample`` does.

    It is linear in the images, so its derivative is its adjoint and the adjoint's derivative is itself; torch knows
    the first and, before 2.12, not the second, which R1 and R2 need.
    """

    @staticmethod
    def forward(ctx: Any, images: Tensor, grid: Tensor) -> Tensor:
        ctx.shape = images.shape
        ctx.save_for_backward(grid)
        return F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (grid,) = ctx.saved_tensors
        return _Spreading.apply(grad, grid, ctx.shape), None


class _Spreading(torch.autograd.Function):
    """The adjoint of ``_Sampling``: (N, C, h, w), (N, h, w, 2) -> (N, C, H, W)."""

    @staticmethod
    def forward(ctx: Any, grad: Tensor, grid: Tensor, shape: torch.Size) -> Tensor:
        ctx.save_for_backward(grid)
        bilinear, reflection = 0, 2
        return torch.ops.aten.grid_sampler_2d_backward(
            grad, grad.new_empty(1).expand(shape), grid, bilinear, reflection, False, [True, False]
        )[0]

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        (grid,) = ctx.saved_tensors
        return _Sampling.apply(grad, grid), None, None


def _cropped(images: Tensor, margin: int) -> Tensor:
    return images[:, :, margin:-margin, margin:-margin]
