"""Models of sentences that were trained elsewhere, frozen, as encoders of texts.

Reimers and Gurevych 2019 (https://arxiv.org/abs/1908.10084), section 3.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from textwrap import shorten
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganzoo.errors import GanzooError
from ganzoo.home import offline
from ganzoo.registry import NETWORKS
from ganzoo.text import decode, encode

EXTRA = "pip install 'torch-ganzoo[sentences]'"
Self = TypeVar("Self", bound="SentenceEncoder")


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
        # In a tuple, modules are not registered.
        self._held = _load(model)
        tokenizer, transformer, _ = self._held
        self.size = int(transformer.config.hidden_size)
        self.tokens = min(tokenizer.model_max_length, transformer.config.max_position_embeddings)
        self._known: dict[str, Tensor] = {}

    def codes(self, texts: Sequence[str]) -> Tensor:
        """Texts as it takes them; raises GanzooError for those of too many tokens."""
        for text in texts:
            count = len(self._held[0](text)["input_ids"])
            if count > self.tokens:
                start = shorten(text, 60, placeholder=" …")
                raise GanzooError(f"the text '{start}' has {count} tokens, the encoder takes {self.tokens}; shorten it")
        return torch.from_numpy(encode(texts))

    def forward(self, codes: Tensor) -> Tensor:
        texts = decode(codes.cpu().numpy())
        for text in texts:
            if text not in self._known:
                self._known[text] = self._embedding(text)
        return torch.stack([self._known[text] for text in texts]).to(codes.device)

    @torch.no_grad()
    def _embedding(self, text: str) -> Tensor:
        """One text's alone: a batch's other texts would change the rounding, and resuming would not be exact."""
        tokenizer, transformer, first = self._held
        tokens = tokenizer(text, return_tensors="pt").to(transformer.device)
        with torch.autocast(transformer.device.type, enabled=False):
            outputs = transformer(**tokens).last_hidden_state[0].float()
        embedding = outputs[0] if first else outputs.mean(0)
        return (F.normalize(embedding, dim=0) * self.size**0.5).cpu()

    def _apply(self: Self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        self._held[1]._apply(fn)
        return super()._apply(fn, recurse)


def _load(model: str) -> tuple[Any, Any, bool]:
    """Tokenizer, frozen transformer, and whether its first token stands for the text."""
    try:
        from transformers import AutoModel, AutoTokenizer, logging
        from transformers.utils import cached_file
    except ImportError as error:
        raise GanzooError(f"sentence-encoder needs the package transformers; `{EXTRA}` brings it") from error
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    given: dict[str, Any] = {"local_files_only": offline()}
    try:
        tokenizer = AutoTokenizer.from_pretrained(model, **given)
        transformer = AutoModel.from_pretrained(model, use_safetensors=True, **given)
        pooling = cached_file(model, "1_Pooling/config.json", _raise_exceptions_for_missing_entries=False, **given)
    except (OSError, ValueError, ImportError) as error:
        forbidden = offline() and not Path(model).is_dir()
        why = "GANZOO_OFFLINE forbids downloading it" if forbidden else shorten(str(error), 160, placeholder=" …")
        raise GanzooError(
            f"the sentence model '{model}' cannot be had ({why}); give one's name at huggingface.co, or a folder with "
            "its config.json, tokenizer and model.safetensors"
        ) from error
    said = json.loads(Path(pooling).read_text(encoding="utf-8")) if pooling else {}
    return tokenizer, transformer.eval().requires_grad_(False), bool(said.get("pooling_mode_cls_token"))
