"""What the players play on: batches that follow from the seed and the step, prepared once for all who need them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from ganzoo import random
from ganzoo.data.loader import Loader
from ganzoo.games.base import Batch, Game, Turn
from ganzoo.machine import Settings
from ganzoo.training import distributed


class Batches:
    """This process's pieces of the global batches, and the random numbers drawn while they are played on.

    per_step: how many batches a step has, as many as its busiest player has updates; a player with fewer plays on
    the last ones. latest: the prepared piece that was last asked for. Pieces are numbered by (step, number, part):
    the step, the batch in it, and which of its accumulated parts.
    """

    def __init__(self, game: Game, loader: Loader, settings: Settings):
        self.game, self.loader, self.settings = game, loader, settings
        self.device = torch.device(settings.device)
        self.layout = game.layout if self.device.type == "cpu" else torch.channels_last
        self.per_step = max(turn.repeat for turn in game.turns)
        self.latest: Batch = {}
        self._key: Any = None
        self._held: dict[Any, Batch] = {}

    def number(self, turn: Turn, repeat: int) -> int:
        """Which of a step's batches a player's update number ``repeat`` plays on."""
        return self.per_step - turn.repeat + repeat

    def data(self, step: int, number: int = 0, part: int = 0) -> Batch:
        """The data's fields of a piece, on their device."""
        stream = self._stream(step, f"{number}/data", part)
        with random.drawing_from(stream):
            batch = self.loader.batch(step * self.per_step + number, stream.offset, stream.rows)
        return {
            field: values.contiguous(memory_format=self.layout) if values.ndim == 4 else values
            for field, values in batch.items()
        }

    def prepared(self, step: int, turn: Turn, repeat: int, part: int) -> Batch:
        """A piece with what its players share; the last one is kept, so that no forward pass is made twice."""
        key = (step, self.number(turn, repeat), part)
        if self._key != key:
            self._key, self.latest = None, {}  # free the last one's activations first
            held = self._held.get(key, {})
            self.latest = self._prepare(*key, held) if self.game.moves_samples(turn) or not held else held
            self._key = key
        return self.latest

    def hold(self, part: int) -> None:
        """Keep the latest piece without its activations: later players see what samplers made before they moved."""
        held = {name: value.detach() if isinstance(value, Tensor) else value for name, value in self.latest.items()}
        self._held = (self._held if part else {}) | {self._key: held}

    @contextlib.contextmanager
    def drawing(self, step: int, name: str, part: int) -> Iterator[None]:
        """Random numbers inside are a purpose's own, drawn for the global batch."""
        # Torch's own generator too: networks from elsewhere may use it. (torch.manual_seed takes a millisecond.)
        seed = random.derive(self.settings.seed, step, name, part, distributed.rank())
        torch.default_generator.manual_seed(seed)
        if self.device.type == "cuda":
            torch.cuda.manual_seed(seed)
        with random.drawing_from(self._stream(step, name, part)):
            yield

    def _prepare(self, step: int, number: int, part: int, held: Batch) -> Batch:
        batch = held | self.data(step, number, part) | {"step": step}
        wanted = torch.set_grad_enabled(self._trains_samplers(step, number))
        with wanted, self.drawing(step, f"{number}/prepare", part), self.settings.autocast():
            return self.game.prepare(batch)

    def _trains_samplers(self, step: int, number: int) -> bool:
        """Whether a player of the image-making networks uses a step's batch ``number``."""
        return any(
            self.game.moves_samples(turn) and number >= self.number(turn, 0) for turn in self.game.turns_at(step)
        )

    def _stream(self, step: int, name: str, part: int) -> random.Stream:
        """Draws for this process's rows of the global batch."""
        rows = self.loader.batch_size // (self.settings.accumulate * distributed.world_size())
        offset = (part * distributed.world_size() + distributed.rank()) * rows
        return random.Stream(self.settings.seed, f"{step}/{name}", rows, self.loader.batch_size, offset)
