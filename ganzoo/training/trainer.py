"""The training loop: the only one, for every game."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ganzoo import random
from ganzoo.arguments import whole
from ganzoo.config import Config
from ganzoo.data.loader import Loader
from ganzoo.errors import Diverged, GanzooError
from ganzoo.games.base import Game, Turn, frozen
from ganzoo.machine import Settings
from ganzoo.training import distributed, health
from ganzoo.training.batches import Batches
from ganzoo.training.checkpoint import optimizer_tensors, restore_optimizer
from ganzoo.training.ema import EMA
from ganzoo.training.optim import build_optimizer, clip_weights, follow_schedule

NEVER = 2**62


@dataclass(frozen=True)
class Hook:
    """Something to do after every ``every``-th step, and after the last one if ``at_end``."""

    every: int
    action: Callable[[Trainer], None]
    at_end: bool = True

    def __post_init__(self) -> None:
        if whole(self.every, "every") < 1:
            raise GanzooError(f"a hook is due every {self.every} steps; give a number from 1 up")


class Trainer:
    """Plays a game: in each step every player's turn updates that player's networks.

    ``averaged`` is the game whose networks carry the moving average; samples come from it. All that a run
    is lies in ``step`` and :meth:`state`: random draws and batches follow from the seed and the step. until: where
    this session ends.
    """

    def __init__(self, game: Game, averaged: Game, config: Config, loader: Loader, settings: Settings):
        self.loader, self.settings = loader, settings
        self.batches = Batches(game, loader, settings)
        self.device, layout = self.batches.device, self.batches.layout
        self.game = game.to(self.device).to(memory_format=layout).train()
        self.averaged = averaged.to(self.device).to(memory_format=layout)
        self.follow(config)
        self.ema = EMA(self.game, self.averaged, config.schedule.ema, ramp=config.schedule.ema_ramp)
        self.step, self.interrupted, self.until = 0, 0, 0
        self.players = {turn.player: self._parameters(turn) for turn in game.turns}
        self.optimizers = {
            player: build_optimizer(config.optimizers[player], parameters)
            for player, parameters in self.players.items()
        }
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=settings.precision == "fp16")
        self.log: dict[str, Tensor] = {}
        self._first_bad_step = torch.full((), NEVER, device=self.device)
        if settings.compile:
            random.keep_out_of_graphs()
            for network in game.children():
                network.compile()

    def follow(self, config: Config) -> None:
        """Play by a configuration; another one than at first may differ in its schedule."""
        self.config = config
        self.game.follow(config.schedule)

    def run(self, until: int, hooks: list[Hook]) -> None:
        """Play steps up to number ``until``; stops early when ``interrupted`` is set to a signal's number."""
        self.until = until
        while self.step < until and not distributed.highest(self.interrupted, self.device):
            for turn in self.game.turns_at(self.step):
                for repeat in range(turn.repeat):
                    self.update(turn, repeat)
            self.step += 1
            self.ema.update(self.step, self.config.schedule.burnt_in(self.step))
            self.check_finite(certain=self.device.type == "cpu")
            for hook in hooks:
                if self.step % hook.every == 0 or (hook.at_end and self.step == until):
                    hook.action(self)

    def update(self, turn: Turn, repeat: int = 0) -> None:
        """One update of a player's networks: its terms' gradients over the global batch, then its optimizer."""
        parameters, optimizer = self.players[turn.player], self.optimizers[turn.player]
        optimizer.zero_grad(set_to_none=True)
        for part in range(self.settings.accumulate):
            terms = self.terms(turn, repeat, part)
            loss = torch.stack(list(terms.values())).sum()
            self.scaler.scale(loss / self.settings.accumulate).backward()
            self._note(turn, terms, loss.detach())
            if self.game.moves_samples(turn):
                self.batches.hold(part)
        distributed.average_gradients(parameters)
        self._apply(turn.player, optimizer, parameters)

    def terms(self, turn: Turn, repeat: int, part: int) -> dict[str, Tensor]:
        """A player's loss terms on this process's part of the global batch."""
        batch = self.batches.prepared(self.step, turn, repeat, part)
        drawing = self.batches.drawing(self.step, f"{self.batches.number(turn, repeat)}/{turn.player}", part)
        with frozen(self.game, turn.networks), drawing, self.settings.autocast():
            return self.game.terms(turn, batch, self.step)

    def check_finite(self, *, certain: bool = True, weights: bool = False) -> None:
        """Raise Diverged if a loss was not finite in some step; costs a wait for the device, hence ``certain``.

        weights: look at the weights too; a gradient that is not finite spoils them a step before the loss.
        """
        if weights and not all(bool(parameter.isfinite().all()) for parameter in self.game.parameters()):
            self._first_bad_step.clamp_(max=self.step - 1)
        if certain and (bad := distributed.highest(NEVER - int(self._first_bad_step), self.device)):
            step = NEVER - bad
            raise Diverged(
                f"a loss or weight stopped being finite in step {step}; the last good checkpoint is kept. "
                "Lower the learning rate, add a penalty (-o 'penalties=[{name: r1, weight: 5}]') or change the seed",
                step,
            )

    def measure(self) -> dict[str, float]:
        """The last step's terms, readings and health as numbers, averaged over the processes."""
        real, fake = self.game.compared(self.batches.latest)
        watched = self.log | self.game.readings() | health.measure(real, fake.detach())
        return {name: float(distributed.mean(value.float())) for name, value in watched.items()}

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Everything that training carries from step to step, as tensors and JSON."""
        tensors = {f"game/{name}": value for name, value in self.game.state_dict().items()}
        tensors |= {f"ema/{name}": value for name, value in self.averaged.state_dict().items()}
        for player, optimizer in self.optimizers.items():
            state = optimizer_tensors(optimizer, self._names(player))
            tensors |= {f"optimizer/{player}/{name}": value for name, value in state.items()}
        return tensors, {"step": self.step, "scaler": self.scaler.state_dict()}

    def restore(self, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
        """Take up the state of :meth:`state`."""
        self.game.load_state_dict(_below("game/", tensors))
        self.averaged.load_state_dict(_below("ema/", tensors))
        for player, optimizer in self.optimizers.items():
            restore_optimizer(optimizer, self._names(player), _below(f"optimizer/{player}/", tensors))
        self.step = state["step"]
        self.scaler.load_state_dict(state["scaler"])

    def _apply(self, player: str, optimizer: torch.optim.Optimizer, parameters: list[torch.nn.Parameter]) -> None:
        self.scaler.unscale_(optimizer)
        gradients = [p.grad for p in parameters if p.grad is not None]
        if clip := self.config.schedule.clip_gradients:
            torch.nn.utils.clip_grads_with_norm_(parameters, clip, torch.nn.utils.get_total_norm(gradients))
        if self._logs():
            self.log[f"{player}/gradient_norm"] = torch.nn.utils.get_total_norm(gradients)
        config = self.config.optimizers[player]
        follow_schedule(optimizer, config, self.config.schedule, self.step)
        self.scaler.step(optimizer)
        self.scaler.update()
        if config.weight_clip:
            clip_weights(parameters, config.weight_clip)

    def _note(self, turn: Turn, terms: dict[str, Tensor], loss: Tensor) -> None:
        bad = torch.where(loss.isfinite(), NEVER, self.step)
        self._first_bad_step = torch.minimum(self._first_bad_step, bad)
        if self._logs():
            self.log |= {f"{turn.player}/{name}": value.detach() for name, value in terms.items()}

    def _logs(self) -> bool:
        return (self.step + 1) % self.config.schedule.log_every == 0 or self.step + 1 == self.until

    def _parameters(self, turn: Turn) -> list[torch.nn.Parameter]:
        return [p for name in turn.networks for p in self.game.get_submodule(name).parameters() if p.requires_grad]

    def _names(self, player: str) -> dict[Tensor, str]:
        mine = set(self.players[player])
        return {parameter: name for name, parameter in self.game.named_parameters() if parameter in mine}


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
