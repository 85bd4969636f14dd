"""One reference, any number of things compared with it: scores as records that say how they were made."""

from __future__ import annotations

import math
import platform
from collections.abc import Mapping, Sequence
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from ganzoo import __version__
from ganzoo.data.packed import PackedDataset
from ganzoo.errors import GanzooError
from ganzoo.machine import hardware
from ganzoo.metrics.features import Extractor, load_extractor
from ganzoo.metrics.look import Look, cache_file, look, remembered
from ganzoo.metrics.protocol import CUSTOM, Protocol
from ganzoo.metrics.samples import Images, like, of_pack
from ganzoo.metrics.scores import Case, Score
from ganzoo.metrics.seen import trained_on_features
from ganzoo.progress import Progress
from ganzoo.registry import METRICS
from ganzoo.zoo import Model

Record = dict[str, Any]
# What only generated images can be asked.
OF_MODELS = ("ppl", "cas", "psnr", "ssim", "perceptual", "psnr-y", "ssim-y", "segmentation")
# What looks at the first images of either side alone, as many as the protocol compares one by one.
OF_FIRST = ("kid", "prc", "class-fid")
# What takes the extractor for a classifier.
OF_CLASSIFIERS = ("is", "label-accuracy")
# What needs no features of single images.
OF_MOMENTS = ("fid", *OF_CLASSIFIERS, *OF_MODELS)
# What any images can be asked.
OF_ANY = ("fid", "is", "kid", "prc")
HALF = "other half of the real images"
REAL = ("real test images", "real train images", HALF)
FEW = 10_000


class Judge:
    """Real images, as an extractor sees them once, with which any number of images are compared.

    reference: those at the size of the ones to be scored, a prepared data set or just images. side: which one, of data
    with two. What the metrics do not ask for, extractor included, is not loaded, and no more images are looked at than
    they need.
    """

    def __init__(
        self,
        reference: PackedDataset | Images,
        protocol: Protocol,
        metrics: Sequence[str] = ("fid",),
        *,
        weights: str | Path | None = None,
        side: str = "",
        device: torch.device | str = "cpu",
        progress: Progress | None = None,
    ):
        self.protocol, self.weights, self.side = protocol, weights, side
        self.device, self.progress = torch.device(device), progress
        self.metrics = {name: METRICS.get(name) for name in metrics}
        self.reference = reference if isinstance(reference, PackedDataset) else None
        self.images = reference if isinstance(reference, Images) else self._drawn(reference)

    @cached_property
    def extractor(self) -> Extractor:
        """What images are seen through."""
        return load_extractor(self.protocol.extractor, self.weights).to(self.device)

    @cached_property
    def real(self) -> Look:
        """What it sees of the reference images; from the cache where it has seen them before."""
        return self._remembered(self.images)

    def ready(self) -> Judge:
        """Itself, after the looks that scores will need: what is missing for them is said now."""
        assert self.real
        return self

    def records(self, images: Images, model: Model | None = None, subject: str = "") -> list[Record]:
        """One record for each score of some images. model: what made them. subject: what they are."""
        return self._compare(self.images, images, subject or ("model" if model else "folder"), model)

    def floor(self) -> list[Record]:
        """What the data itself scores: its test split, else train, against the reference, and one half against another.

        Of data with two sides as many images as there are of the reference, as translators make them.
        """
        seed, count, reference = self.protocol.reference_seed, self.protocol.count, self.reference
        assert reference is not None
        if self.side:
            count = min(count, self.images.count)
        records = []
        splits = set(reference.info["source"]["splits"]) - {reference.split}
        if held := next((name for name in ("test", "train") if name in splits), None):
            others = like(reference, held)
            held_out = of_pack(others, min(count, others.count), seed=seed, side=self.side)
            records += self._compare(self.images, held_out, f"real {held} images")
        half = min(self.images.count, of_pack(reference, side=self.side).count // 2)
        if half < 2:
            return records
        kept = of_pack(reference, half, seed=seed, side=self.side)
        other = of_pack(reference, min(count, half), seed=seed, skip=half, side=self.side)
        return records + self._compare(kept, other, HALF)

    def _compare(self, real: Images, images: Images, subject: str, model: Model | None = None) -> list[Record]:
        def see_fake() -> Look:
            logits = not self.metrics.keys().isdisjoint(OF_CLASSIFIERS)
            if subject in REAL and not logits:  # the same every time
                return self._remembered(images)
            kept = 0 if self.metrics.keys() <= {*OF_MOMENTS} else self.protocol.compared
            few, stage = self._needed(images), f"looking at the {subject}"
            return look(few, self.extractor, kept=kept, logits=logits, stage=stage, progress=self.progress)

        def see_real() -> Look:
            return self.real if real is self.images else self._remembered(real)

        case = Case(self.protocol, images, self.reference, see_real, see_fake, model, self.device)
        # What only generated images can be asked.
        asked = [name for name in self.metrics if subject not in REAL or name not in OF_MODELS]
        # What may refuse comes before what has looked for minutes.
        patient = sorted(asked, key=lambda name: (name in OF_ANY, name in OF_FIRST))
        found = {name: self.metrics[name](case) for name in patient}
        return [self._record(score, real, images, subject, model) for name in asked for score in found[name]]

    def _drawn(self, reference: PackedDataset) -> Images:
        everything = of_pack(reference, side=self.side).count
        count = min(self.protocol.reference_count or everything, everything)
        return of_pack(reference, count, seed=self.protocol.reference_seed, side=self.side)

    def _remembered(self, images: Images) -> Look:
        kept = self.protocol.compared
        few = images if cache_file(images, self.extractor, kept).is_file() else self._needed(images)
        return remembered(few, self.extractor, kept=kept, progress=self.progress)

    def _needed(self, images: Images) -> Images:
        """As many of some images as the metrics look at."""
        first_alone = bool(self.metrics) and set(self.metrics) <= {*OF_FIRST, *OF_MODELS}
        return images.first(self.protocol.compared) if first_alone else images

    def _record(self, score: Score, real: Images, images: Images, subject: str, model: Model | None) -> Record:
        protocol, eyes = self.protocol, self._eyes(score)
        if not math.isfinite(score.value):
            maker = f"; {model.config.name} has diverged" if model else ""
            raise GanzooError(f"{score.title} is not a number{maker}")
        made = images.facts | (_made(model) if model else {})
        trained = bool(model and eyes and trained_on_features(model.config, eyes["name"]))
        return {
            "metric": score.name,
            "title": f"{score.title}{_through(eyes)}",
            "best": score.best,
            "value": score.value,
            "deviation": score.deviation,
            "parts": score.parts,
            "subject": subject,
            "protocol": protocol.name,
            "protocol_id": protocol.identity(metric=score.name, seen=eyes, real=real.facts, count=images.count),
            "extractor": eyes,
            "verified": eyes.get("official", True),
            "real": real.facts,
            "fake": made,
            "trained_on_extractor": trained,
            "trained_on_reference": made.get("trained_on", {}).get("fingerprint") == real.facts["fingerprint"],
            "notes": [*images.notes, *_notes(score, images, made, real.facts, trained, protocol)],
            "dtype": "features float32, statistics float64",
            "device": hardware(self.device),
            "versions": _versions(),
        }

    def _eyes(self, score: Score) -> Record:
        """What a record says of the network that a score was seen through; nothing where there was none."""
        if score.through is not None:
            return {"name": score.through} if score.through else {}
        each = self.extractor
        return {
            "name": each.name, "weights_sha256": each.sha256, "resize": each.resize, "official": each.official,
        }  # fmt: skip


def _through(eyes: Record) -> str:
    """What follows a score's name: nothing for Inception, to which bare names belong."""
    name, official = eyes.get("name"), eyes.get("official", True)
    if not name or (name == "inception" and official):
        return ""
    return f"[{name}]" if official else f"[{name}, weights {eyes['weights_sha256'][:8]}]"


def _made(model: Model) -> Record:
    """What a record says of a model."""
    data = model.facts.get("data") or {}
    trained = {key: data[key] for key in ("label", "split", "resolution", "fingerprint", "count") if key in data}
    return {"steps": model.facts.get("steps"), "trained_on": trained}


def _notes(score: Score, images: Images, made: Record, real: Record, trained: bool, protocol: Protocol) -> list[str]:
    notes = []
    if protocol.name != CUSTOM and images.count != protocol.count:
        notes.append(f"{images.count:,} images where {protocol.name} takes {protocol.count:,}")
    if protocol.name != CUSTOM and real["count"] < (protocol.reference_count or 0):
        notes.append(f"compared with {real['count']:,} images where {protocol.name} takes {protocol.reference_count:,}")
    if images.count < FEW and "fid" in score.name:
        notes.append(f"{images.count:,} images: few, which raises FID; compare only with scores of as many, or use kid")
    if trained:
        notes.append("the model trained on this extractor's features: not to be ranked by it")
    if trained_elsewhere(made, real):
        label = made["trained_on"]["label"]
        others = f"other images that are called {label}" if label == real["dataset"] else real["dataset"]
        notes.append(f"trained on {label}, compared with {others}")
    return notes


def trained_elsewhere(fake: Mapping[str, Any], real: Mapping[str, Any]) -> bool:
    """Whether a record's images are of a model that was trained on other data than it is compared with.

    Another split, or the same at another size, are no other data; a changed folder is, though it is called the same.
    """
    trained = fake.get("trained_on") or {}
    if trained.get("label") in (None, real.get("dataset")):
        same = all(key in trained and trained[key] == real.get(key) for key in ("split", "resolution"))
        return same and trained.get("fingerprint") != real.get("fingerprint")
    return True


def _versions() -> dict[str, str]:
    packages = ("torch", "torchvision", "timm", "torch-fidelity", "numpy")
    return {"ganzoo": __version__, "python": platform.python_version()} | {name: version(name) for name in packages}
