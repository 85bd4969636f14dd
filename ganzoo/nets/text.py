"""Encoders of text: Reed et al. 2016 (https://arxiv.org/abs/1605.05395), section 4."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from ganzoo.errors import GanzooError
from ganzoo.registry import NETWORKS

BYTES = 256
KERNEL = 5
POOL = 3


@NETWORKS.register("char-cnn-rnn")
class CharCNNRNN(nn.Module):
    """Convolutions over characters, then a recurrent network: bytes (N, L) -> embeddings (N, ``size``).

    length: the most characters a text may have; shorter ones are filled up with zeros. Two convolutions with
    max-pooling by 3 shorten it, a GRU reads what is left, and its outputs are averaged.
    """

    def __init__(self, size: int = 1024, channels: int = 384, length: int = 201):
        super().__init__()
        if length < (smallest := POOL * POOL):
            raise GanzooError(f"length {length} is too short for a text; the smallest possible is {smallest}")
        self.size, self.length = size, length
        self.characters = nn.Embedding(BYTES, channels)
        self.convolutions = nn.ModuleList(nn.Conv1d(channels, channels, KERNEL, padding=KERNEL // 2) for _ in range(2))
        self.recurrent = nn.GRU(channels, channels, batch_first=True)
        self.to_embedding = nn.Linear(channels, size)

    def forward(self, codes: Tensor) -> Tensor:
        x = self.characters(F.pad(codes.long(), (0, self.length - codes.shape[1]))).transpose(1, 2)
        for convolution in self.convolutions:
            x = F.max_pool1d(F.relu(convolution(x)), POOL)
        outputs, _ = self.recurrent(x.transpose(1, 2))
        return self.to_embedding(outputs.mean(1))
