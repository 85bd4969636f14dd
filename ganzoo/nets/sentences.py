"""Models of sentences that were trained elsewhere, frozen, as encoders of texts.

Reimers and Gurevych 2019 (https://arxiv.org/abs/1908.10084), section 3.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from textwrap import shorten
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganzoo import random
from ganzoo.errors import GanzooError
from ganzoo.home import offline
from ganzoo.registry import NETWORKS
from ganzoo.text import decode, encode

POOLING = "1_Pooling/config.json"
EXTRA = "pip install 'torch-ganzoo[sentences]'"


@NETWORKS.register("sentence-encoder")
class SentenceEncoder(nn.Module):
    """A frozen transformer's embeddings: bytes of texts (N, L) -> (N, ``size``), of mean square 1.

    model: its name at huggingface.co, such as ``sentence-transformers/all-MiniLM-L6-v2``, or a folder that one was
    saved to. An embedding is the mean of a text's tokens, or the first one's where the model says so, and computed
    once. The transformer is in nobody's parameters or state, since its name says all about it.
    Raises GanzooError without the extra ``sentences`` and for a model that cannot be had.
    """

    def __init__(self, model: str):
        super().__init__()
        with _refusing(model) as (transformers, options):
            from transformers.utils import cached_file

            self._tokenizer = transformers.AutoTokenizer.from_pretrained(model, **options)
            config = transformers.AutoConfig.from_pretrained(model, **options)
            cached_file(model, "model.safetensors", **options)
            pooling = cached_file(model, POOLING, _raise_exceptions_for_missing_entries=False, **options)
        self.model, self.size = model, int(config.hidden_size)
        self.tokens = min(self._tokenizer.model_max_length, config.max_position_embeddings)
        said = json.loads(Path(pooling).read_text(encoding="utf-8")) if pooling else {}
        self._first = bool(said.get("pooling_mode_cls_token"))
        self._known: dict[str, Tensor] = {}

    def codes(self, texts: Sequence[str]) -> Tensor:
        """Texts as it takes them; raises GanzooError for those of too many tokens."""
        codes = encode(texts)
        texts = decode(codes)  # as they will be read
        for text, tokens in zip(texts, self._tokenizer(texts)["input_ids"], strict=True):
            if (count := len(tokens)) > self.tokens:
                start = shorten(text, 60, placeholder=" …")
                raise GanzooError(f"the text '{start}' has {count} tokens, the encoder takes {self.tokens}; shorten it")
        return torch.from_numpy(codes)

    def forward(self, codes: Tensor) -> Tensor:
        texts = decode(codes.cpu().numpy())
        for text in texts:
            if text not in self._known:
                self._known[text] = self._embedding(text, codes.device)
        return torch.stack([self._known[text] for text in texts]).to(codes.device)

    @cached_property
    def _transformer(self) -> Any:
        """Built when first needed, so that models are loaded without it; no attribute, which would register it."""
        with _refusing(self.model) as (transformers, options), random.torchs_own():
            built = transformers.AutoModel.from_pretrained(self.model, use_safetensors=True, **options)
        return built.eval().requires_grad_(False)

    @torch.no_grad()
    def _embedding(self, text: str, device: torch.device) -> Tensor:
        """One text's alone: a batch's other texts would change the rounding, and resuming would not be exact."""
        transformer = self._transformer.to(device)
        tokens = self._tokenizer(text, return_tensors="pt").to(device)
        with torch.autocast(device.type, enabled=False):
            outputs = transformer(**tokens).last_hidden_state[0].float()
        embedding = outputs[0] if self._first else outputs.mean(0)
        return (F.normalize(embedding, dim=0) * self.size**0.5).cpu()


@contextmanager
def _refusing(model: str) -> Iterator[tuple[Any, dict[str, Any]]]:
    """The package transformers and how to ask it for a model; its errors inside become sentences."""
    try:
        import transformers
    except ImportError as error:
        raise GanzooError(f"sentence-encoder needs the package transformers; `{EXTRA}` brings it") from error
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    try:
        yield transformers, {"local_files_only": offline()}
    except (OSError, ValueError, ImportError, RuntimeError) as error:
        forbidden = offline() and not Path(model).is_dir()
        why = "GANZOO_OFFLINE forbids downloading it" if forbidden else shorten(str(error), 160, placeholder=" …")
        raise GanzooError(
            f"the sentence model '{model}' cannot be had ({why}); give one's name at huggingface.co, or a folder with "
            "its config.json, tokenizer and model.safetensors"
        ) from error
