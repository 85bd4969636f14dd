"""Encoders of text that start from its bytes.

Reed et al. 2016 (https://arxiv.org/abs/1605.05395), section 4; Kim 2014 (https://arxiv.org/abs/1408.5882), section 2.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganzoo.errors import GanzooError
from ganzoo.registry import NETWORKS
from ganzoo.text import encode

BYTES = 256
KERNEL = 5
POOL = 3


class Characters(nn.Module):
    """What encoders that start from bytes share: vectors of the characters, (N, channels, ``length``)."""

    def __init__(self, size: int, channels: int, length: int):
        super().__init__()
        if length < (smallest := POOL * POOL):
            raise GanzooError(f"length {length} is too short for a text; the smallest possible is {smallest}")
        self.size, self.length = size, length
        self.characters = nn.Embedding(BYTES, channels)

    def codes(self, texts: Sequence[str]) -> Tensor:
        """Texts as bytes (n, ``length``); raises GanzooError for those that have more."""
        codes = torch.from_numpy(encode(texts))
        if codes.shape[1] > self.length:
            longest = texts[int((codes != 0).sum(1).argmax())]
            raise GanzooError(
                f"the text '{longest[:60]}{' …' * (len(longest) > 60)}' has {codes.shape[1]} bytes, the encoder takes "
                f"{self.length}; shorten it, or train with -o networks.text.length={codes.shape[1]}"
            )
        return F.pad(codes, (0, self.length - codes.shape[1]))

    def vectors(self, codes: Tensor) -> Tensor:
        """Of bytes filled up to ``length``, so that an embedding does not depend on what else is in the batch."""
        return self.characters(F.pad(codes.long(), (0, self.length - codes.shape[1]))).transpose(1, 2)


@NETWORKS.register("char-cnn-rnn")
class CharCNNRNN(Characters):
    """Convolutions over characters, then a recurrent network: bytes (N, L) -> embeddings (N, ``size``).

    length: the most bytes a text may have; shorter ones are filled up with zeros. Two convolutions with
    max-pooling by 3 shorten it, a GRU reads what is left, and its outputs are averaged.
    """

    def __init__(self, size: int = 1024, channels: int = 384, length: int = 201):
        super().__init__(size, channels, length)
        self.convolutions = nn.ModuleList(nn.Conv1d(channels, channels, KERNEL, padding=KERNEL // 2) for _ in range(2))
        self.recurrent = nn.GRU(channels, channels, batch_first=True)
        self.to_embedding = nn.Linear(channels, size)

    def forward(self, codes: Tensor) -> Tensor:
        x = self.vectors(codes)
        for convolution in self.convolutions:
            x = F.max_pool1d(F.relu(convolution(x)), POOL)
        outputs, _ = self.recurrent(x.transpose(1, 2))
        return self.to_embedding(outputs.mean(1))


@NETWORKS.register("char-cnn")
class CharCNN(Characters):
    """Which groups of characters occur anywhere in a text: bytes (N, L) -> embeddings (N, ``size``).

    The largest response of each of ``channels`` filters, which span ``reach`` characters. It does not see what
    follows what, and learns much sooner than a recurrent network. length: as in ``char-cnn-rnn``.
    """

    def __init__(self, size: int = 1024, channels: int = 384, length: int = 201, reach: int = 7):
        super().__init__(size, channels, length)
        self.convolution = nn.Conv1d(channels, channels, reach, padding=reach // 2)
        self.norm = nn.BatchNorm1d(channels)
        self.to_embedding = nn.Linear(channels, size)

    def forward(self, codes: Tensor) -> Tensor:
        return self.to_embedding(self.norm(F.relu(self.convolution(self.vectors(codes))).amax(2)))
