"""Do images of captioned digits show what was asked for? A small network reads digit, colour and place off them."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ganzoo.data.captioned_digits import COLOURS, PHRASES, PLACES, caption, scenes
from ganzoo.data.loader import to_float
from ganzoo.data.prepare import open_dataset
from ganzoo.zoo import Model

ASKED = {"digit": 10, "colour": len(COLOURS), "place": len(PLACES)}
HELD_OUT = 1000


class Reader(nn.Module):
    """Colour images (N, 3, 32, 32) in [-1, 1] -> logits of the digit, the colour and the place."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 16, 3, 1, 1), nn.ReLU(), nn.Conv2d(16, 32, 4, 2, 1), nn.ReLU(),
            nn.Conv2d(32, 64, 4, 2, 1), nn.ReLU(), nn.Conv2d(64, 64, 4, 2, 1), nn.ReLU(),
            nn.Flatten(), nn.Dropout(0.3), nn.Linear(1024, 128), nn.ReLU(),
        )  # fmt: skip
        self.heads = nn.ModuleList(nn.Linear(128, classes) for classes in ASKED.values())

    def forward(self, images: Tensor) -> list[Tensor]:
        x = self.body(images)
        return [head(x) for head in self.heads]


def trained_reader(epochs: int = 8) -> Reader:
    """A reader of captioned digits at 32 pixels, trained on all but the last thousand."""
    images, shown = captioned_digits()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        reader = Reader()
        optimizer = torch.optim.Adam(reader.parameters(), 2e-3)
        for _ in range(epochs):
            for index in torch.randperm(len(images) - HELD_OUT).split(100):
                optimizer.zero_grad()
                sum(cross_entropy(o, t) for o, t in zip(reader(images[index]), shown[index].T, strict=True)).backward()
                optimizer.step()
    return reader.eval()


def obedience(model: Model, reader: Reader, times: int = 2, phrases: tuple[str, ...] = PHRASES) -> dict[str, float]:
    """The share of images that show the digit, the colour and the place they were asked for, and all three.

    Every digit in every colour at every place is asked for ``times`` times, in the phrases in turn.
    """
    wanted = torch.cartesian_prod(*(torch.arange(classes) for classes in ASKED.values())).repeat(times, 1)
    texts = [caption(phrases[i % len(phrases)], *map(int, row)) for i, row in enumerate(wanted)]
    return accuracy(reader, model.sample(captions=texts, seed=1), wanted)


def read(reader: Reader) -> dict[str, float]:
    """The same of real images that the reader was not trained on: no model can be seen to obey better."""
    images, shown = captioned_digits()
    return accuracy(reader, images[-HELD_OUT:], shown[-HELD_OUT:])


@torch.no_grad()
def accuracy(reader: Reader, images: Tensor, wanted: Tensor) -> dict[str, float]:
    seen = torch.cat([torch.stack([o.argmax(1) for o in reader(part)], 1) for part in images.split(250)])
    right = seen == wanted
    shares = {name: float(column.float().mean()) for name, column in zip(ASKED, right.T, strict=True)}
    return shares | {"all": float(right.all(1).float().mean())}


def captioned_digits() -> tuple[Tensor, Tensor]:
    """The images as floats, and what each shows (10,000, 3)."""
    dataset = open_dataset("captioned-digits", resolution=32)
    digits = open_dataset("mnist-10k").labels
    assert digits is not None
    return to_float(dataset.images), torch.cat([digits[:, None], torch.from_numpy(scenes(len(digits)))[:, :2]], 1)
