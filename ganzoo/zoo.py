"""Models by name: create them untrained, save them, load them, make images with them. No training code."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ganzoo import __version__
from ganzoo.config import Config, resolve
from ganzoo.errors import GanzooError, UnknownName
from ganzoo.games.base import Game, create_game
from ganzoo.lookup import weights_file
from ganzoo.tensors import halved, read_tensors, save_tensors
from ganzoo.weights import WEIGHTS
from ganzoo.writing import new_file

if TYPE_CHECKING:
    from PIL import Image

FORMAT = 1


def create(
    variant: str | Path | Mapping[str, Any],
    *,
    resolution: int | None = None,
    image_channels: int | None = None,
    seed: int = 0,
    **overrides: Any,
) -> Game:
    """A variant's game with untrained networks, e.g. ``create("dcgan", resolution=64).generator``.

    variant: a name, the path of a YAML file, or a mapping such as those files hold. overrides: configuration
    values by dotted key, with ``__`` for the dot: ``schedule__batch_size=32``; ``classes=["cat", "dog"]`` for
    conditional variants. Raises GanzooError for what the variant cannot do.
    """
    values = {key.replace("__", "."): value for key, value in overrides.items()}
    given = {"resolution": resolution, "image_channels": image_channels}
    values |= {key: value for key, value in given.items() if value is not None}
    config = resolve(variant, overrides=values).config
    require_classes(config)
    return create_game(config, seed=seed)


def require_classes(config: Config) -> None:
    """Refuse a conditional variant without labels to condition on."""
    if config.conditional and not config.classes:
        raise GanzooError(
            f"{config.name} is conditional and needs class labels: use a data set that has them (class folders), "
            "or add -o conditional=false where its networks allow that"
        )


class Model:
    """A trained generator: ``model.sample(16, seed=0)``.

    config: how it was built and trained. card: the model card's text, Markdown.
    """

    def __init__(self, config: Config, game: Game, card: str = "", facts: dict[str, Any] | None = None):
        self.config, self.game, self.card, self.facts = config, game.eval().requires_grad_(False), card, facts or {}

    @property
    def classes(self) -> list[str]:
        """Names of the labels it can be asked for; empty for an unconditional model."""
        return self.config.classes if self.config.conditional else []

    @property
    def reads(self) -> bool:
        """Whether it can be asked for images by ``captions``."""
        return "captions" in self.game.fields

    def sample(
        self,
        n: int | None = None,
        *,
        seed: int = 0,
        seeds: Sequence[int] | None = None,
        label: str | int | Sequence[str | int] | None = None,
        captions: str | Sequence[str] | None = None,
        truncation: float = 1.0,
        batch_size: int = 64,
    ) -> Tensor:
        """Images as a float tensor (n, C, H, W) in [-1, 1] on the CPU.

        n: 1 if left out, or one for each of several captions. The same seed gives the same images on the CPU,
        however they are batched. seeds: one seed per image instead. label: a class name or number for all, or one
        for each image; drawn uniformly if left out. captions: what a text-to-image model draws, a text for all or
        one for each; drawn from examples if left out. truncation: below 1, images are more typical and less varied.
        Raises GanzooError for unknown labels and for texts that are too long.
        """
        options: dict[str, Any] = {"label": label, "captions": captions, "truncation": truncation}
        batches = self.batches(n, seed=seed, seeds=seeds, batch_size=batch_size, **options)
        return torch.cat(list(batches)).contiguous()

    def batches(
        self,
        n: int | None = None,
        *,
        seed: int = 0,
        seeds: Sequence[int] | None = None,
        label: str | int | Sequence[str | int] | None = None,
        captions: str | Sequence[str] | None = None,
        truncation: float = 1.0,
        batch_size: int = 64,
    ) -> Iterator[Tensor]:
        """The images of :meth:`sample`, a batch at a time."""
        if n is None:
            n = 1 if captions is None or isinstance(captions, str) else len(captions)
        n = n if seeds is None else len(seeds)
        if n < 1 or batch_size < 1:
            raise GanzooError(f"{min(n, batch_size)} images were asked for; give a number from 1 up")
        conditions = self._conditions(label, captions, n)
        for start in range(0, n, batch_size):
            stop = min(start + batch_size, n)
            yield self.game.sample(
                stop - start,
                seed=seed,
                seeds=None if seeds is None else seeds[start:stop],
                labels=None if conditions is None else conditions[start:stop],
                truncation=truncation,
                start=start,
            ).cpu()

    def images(self, n: int = 1, **options: Any) -> list[Image.Image]:
        """The same as PIL images; options as for :meth:`sample`."""
        return to_images(self.sample(n, **options))

    def translate(self, images: Tensor, *, direction: str | None = None, seed: int = 0, batch_size: int = 16) -> Tensor:
        """Translations of images (n, C, H, W) in [-1, 1], on the CPU; of the same shape, or ``scale`` times as large.

        direction: AtoB or BtoA; what it was trained for if left out. seed: another one gives other details where
        the generator has noise. Raises GanzooError for images or directions that the model does not take.
        """
        batches = enumerate(images.split(batch_size))
        options: dict[str, Any] = {"direction": direction, "seed": seed}
        done = [self.game.translate(batch, start=i * batch_size, **options).cpu() for i, batch in batches]
        return torch.cat(done).contiguous()

    def style_mix(self, n: int = 6, *, seed: int = 0, truncation: float = 1.0) -> Tensor:
        """A table of (n + 1)² images, row by row: the left column's coarse styles with the top row's fine ones.

        Raises GanzooError for a model whose generator has no styles.
        """
        style_mix: Any = getattr(self.game, "style_mix", None)
        if style_mix is None:
            raise GanzooError(f"{self.config.name} has no styles to mix; take a stylegan2 model")
        images: Tensor = style_mix(n, seed=seed, truncation=truncation)
        return images.cpu()

    def interpolate(
        self,
        points: int = 4,
        frames: int = 16,
        *,
        seed: int = 0,
        label: str | int | Sequence[str | int] | None = None,
        captions: str | Sequence[str] | None = None,
        truncation: float = 1.0,
    ) -> Tensor:
        """A closed walk through the latents of ``points`` samples, (points · frames, C, H, W) in [-1, 1].

        Latents are interpolated on the sphere they lie on where they are normal, else linearly. label, captions: one
        for all frames, or one for each; drawn for each point if left out.
        """
        if points < 2 or frames < 1:
            raise GanzooError("an interpolation needs at least 2 points and 1 frame between them")
        conditions = self._conditions(label, captions, points * frames)
        return self.game.interpolate(points, frames, seed=seed, labels=conditions, truncation=truncation).cpu()

    @torch.no_grad()
    def render(self, latents: Tensor, labels: Tensor | None = None, *, batch_size: int = 64) -> Tensor:
        """Images (n, C, H, W) in [-1, 1] of latents, as :func:`ganzoo.project` finds them.

        labels: class numbers (n,), for a conditional model. Raises GanzooError for latents of another shape.
        """
        expected = self.game.latents(1)[0].shape[1:]
        if latents.shape[1:] != expected or not len(latents):
            wanted = ", ".join(map(str, ("n", *expected)))
            raise GanzooError(f"latents of shape {tuple(latents.shape)} were given; this model's are ({wanted})")
        labels = torch.zeros(len(latents), dtype=torch.long) if labels is None else labels
        device = next(self.game.parameters()).device
        rows = zip(latents.to(device).split(batch_size), labels.to(device).split(batch_size), strict=True)
        return torch.cat([self.game.rendered(*batch).clamp(-1, 1).cpu() for batch in rows]).contiguous()

    def class_number(self, label: str | int) -> int:
        """The position of a class by its name or number; raises GanzooError if there is none such."""
        names = self.classes
        if not names:
            instead = "ask for captions instead" if self.reads else "leave the label out"
            raise GanzooError(f"this {self.config.name} was trained without labels; {instead}")
        if isinstance(label, str) and label in names:
            return names.index(label)
        # Where classes are called by numbers, "1" is a name and not a position.
        position = isinstance(label, int) or not any(name.isdecimal() for name in names)
        if position and str(label).isdecimal() and int(label) < len(names):
            return int(label)
        raise UnknownName("label", str(label), names)

    def to(self, device: str | torch.device) -> Model:
        """Move the networks; samples still arrive on the CPU."""
        self.game.to(device)
        return self

    def __repr__(self) -> str:
        kind = f"{len(self.classes)} classes" if self.classes else "texts" if self.reads else "unconditional"
        size = "×".join(map(str, (*self.config.size, self.config.image_channels)))
        return f"Model({self.config.name}, {size}, {kind})"

    def _conditions(
        self, label: str | int | Sequence[str | int] | None, captions: str | Sequence[str] | None, n: int
    ) -> Tensor | None:
        """Class numbers or codes of texts, one for each image."""
        if captions is None:
            return self._labels(label, n)
        if not self.reads:
            raise GanzooError(f"this {self.config.name} does not draw what a text says; leave the captions out")
        each = [captions] * n if isinstance(captions, str) else list(captions)
        if len(each) != n:
            raise GanzooError(f"{len(each)} captions were given for {n} images; give one, or one for each image")
        game: Any = self.game
        codes: Tensor = game.codes(each)
        return codes

    def _labels(self, label: str | int | Sequence[str | int] | None, n: int) -> Tensor | None:
        if label is None:
            return None
        each = [label] * n if isinstance(label, str | int) else list(label)
        if len(each) != n:
            raise GanzooError(f"{len(each)} labels were given for {n} images; give one, or one for each image")
        return torch.tensor([self.class_number(item) for item in each])


def save(model: Model, folder: str | Path, *, full: dict[str, Tensor] | None = None, half: bool = False) -> Path:
    """Write a model directory: weights with the configuration inside, ``config.json``, card and sample grid.

    full: further weights to keep. half: kernels and matrices as float16; they load as float32.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    weights = model.game.state_dict() | (full or {})
    save_tensors(folder / WEIGHTS, {k: halved(v) for k, v in weights.items()} if half else weights, _header(model))
    save_card(model, folder)
    if (preview := model.game.preview()) is not None:
        save_grid(preview, folder / "samples.png", columns=model.game.columns)
    return folder


def save_card(model: Model, folder: Path) -> None:
    """Write what a model directory says of the model, for programs and for people; not its weights."""
    readable = json.dumps(_header(model) | {"facts": model.facts}, indent=2, sort_keys=True)
    for name, text in (("config.json", readable + "\n"), ("README.md", model.card)):
        with new_file(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8")


def load(name_or_path: str | Path) -> Model:
    """A model from a run, a model directory, a ``.safetensors`` file, a name or ``hf-hub:org/name[@revision]``.

    Raises GanzooError if there is none, or if the file is damaged, foreign or from a newer ganzoo.
    """
    file = weights_file(name_or_path)
    tensors, header = read_tensors(file)
    if not isinstance(header.get("format"), int) or not isinstance(header.get("config"), dict) or "trainer" in header:
        raise GanzooError(f"{file} is not a ganzoo model; point at a run's folder or its model/ folder")
    if header["format"] > FORMAT:
        raise GanzooError(f"{file} was written by a newer ganzoo ({header.get('ganzoo')}); upgrade to load it")
    config, game = _built(file, header, {name.partition(".")[0] for name in tensors})
    # What only training carries besides networks is in no model.
    carried = {
        name: value for name, value in game.state_dict().items() if name.partition(".")[0] not in config.networks
    }
    try:
        game.load_state_dict(
            carried
            | {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}
        )
    except RuntimeError as error:
        reason = textwrap.shorten(str(error).partition(":")[2], 160, placeholder=" …")
        raise GanzooError(f"{file} does not fit its own configuration: {reason}") from error
    return Model(config, game, *_card_and_facts(file.parent))


def _built(file: Path, header: Mapping[str, Any], names: set[str]) -> tuple[Config, Game]:
    """A file's configuration and its game with the networks of these names, untrained."""
    try:
        config = resolve(header["config"]).config
        return config, create_game(config, networks=[network for network in config.networks if network in names])
    except GanzooError as error:
        made = f"made with ganzoo {header.get('ganzoo')}"
        raise GanzooError(f"{file} ({made}) cannot be built here: {error}") from error


def to_uint8(images: Tensor) -> Tensor:
    """Float (N, C, H, W) in [-1, 1] -> uint8, by the rounding the scoring protocols state."""
    return images.mul(127.5).add(128).clamp(0, 255).to(torch.uint8)


def to_images(images: Tensor) -> list[Image.Image]:
    """Float (N, C, H, W) in [-1, 1] -> PIL images, gray or colour."""
    from PIL import Image

    arrays = to_uint8(images).permute(0, 2, 3, 1).cpu().numpy()
    return [Image.fromarray(a[:, :, 0] if a.shape[2] == 1 else a) for a in arrays]


def save_grid(images: Tensor, path: str | Path, *, columns: int | None = None) -> Path:
    """Write images (N, C, H, W) in [-1, 1] as one PNG grid, as square as it gets."""
    from PIL import Image
    from torchvision.utils import make_grid

    grid = make_grid(to_uint8(images).cpu(), nrow=columns or max(1, round(len(images) ** 0.5)), padding=2)
    with new_file(path) as temporary:
        Image.fromarray(grid.permute(1, 2, 0).numpy()).save(temporary, format="PNG")
    return Path(path)


def _header(model: Model) -> dict[str, Any]:
    return {"format": FORMAT, "ganzoo": __version__, "config": model.config.model_dump(mode="json")}


def _card_and_facts(folder: Path) -> tuple[str, dict[str, Any]]:
    card, readable = folder / "README.md", folder / "config.json"
    try:
        stored = json.loads(readable.read_text(encoding="utf-8")) if readable.is_file() else {}
        return card.read_text(encoding="utf-8") if card.is_file() else "", dict(stored.get("facts") or {})
    except (ValueError, TypeError, AttributeError) as error:
        raise GanzooError(
            f"{readable} or {card.name} beside it is damaged ({error}); delete it, the weights do not need it"
        ) from error
