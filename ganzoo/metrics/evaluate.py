"""Scores of a model or of generated images against a data set, as records that say how they were made."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from ganzoo import __version__
from ganzoo.data.packed import PackedDataset
from ganzoo.data.prepare import open_dataset
from ganzoo.machine import hardware, pick_device
from ganzoo.metrics.features import Extractor, load_extractor
from ganzoo.metrics.look import Look, Progress, cache_file, look, remembered
from ganzoo.metrics.protocol import Protocol, choose
from ganzoo.metrics.samples import (
    Images,
    like,
    of_folder,
    of_model,
    of_pack,
    of_translations,
    open_model,
    sides,
)
from ganzoo.metrics.scores import Case, Score
from ganzoo.metrics.seen import trained_on_features
from ganzoo.registry import METRICS
from ganzoo.zoo import Model

Record = dict[str, Any]
DIGITS = ("mnist", "mnist-10k")
KINDS = ("images", "labelled")
OF_MODELS = ("ppl", "cas", "psnr", "ssim", "perceptual")
OF_CLASSIFIERS = ("is", "label-accuracy")
FEW = 10_000


def evaluate(
    model: str | Path | Model,
    dataset: str | Path,
    metrics: Sequence[str] = ("fid",),
    *,
    extractor: str | None = None,
    weights: str | Path | None = None,
    n: int | None = None,
    protocol: str | None = None,
    split: str | None = None,
    labels: str | None = None,
    seed: int = 0,
    device: str = "auto",
    real_floor: bool = False,
    progress: Progress | None = None,
) -> list[Record]:
    """Score a model, or a folder or archive of generated images, against a data set: one record for each value.

    metrics: fid, is, kid, prc, class-fid, ppl, cas; psnr, ssim and perceptual for translators. extractor, weights:
    what images are seen through, see :func:`ganzoo.metrics.features.load_extractor`. n: how many images are scored.
    protocol: a frozen way to score, of ``ganzoo.metrics.protocol.PROTOCOLS``; nothing may contradict it. split: of
    the data, to compare with. labels: how a conditional model's are drawn, ``data`` or ``balanced``. real_floor: also
    score the data's own test split, and one half of the data against the other. Raises GanzooError for what cannot
    be scored.
    """
    opened = open_model(model)
    wanted = choose(protocol, count=n).count if protocol else n
    folder = of_folder(str(model), wanted) if opened is None else None
    translator = opened if opened and opened.game.directions else None
    if protocol is None:
        extractor = extractor or default_extractor(dataset)
        n = folder.count if folder else n
        split = split or ("test" if translator else None)
    chosen = choose(protocol, extractor=extractor, count=n, split=split, labels=labels)
    reference = _reference(dataset, chosen.split, opened, folder)
    side = sides(translator)[1] if translator else ""
    where = pick_device(device)
    judge = Judge(reference, chosen, metrics, weights=weights, side=side, device=where, progress=progress)
    images = folder or _made_by(opened.to(where) if opened else None, judge, n, seed)
    records = judge.records(images, opened)
    return records + judge.floor() if real_floor else records


def statistics(
    dataset: str | Path,
    *,
    extractor: str | None = None,
    weights: str | Path | None = None,
    protocol: str | None = None,
    split: str | None = None,
    resolution: int | None = None,
    device: str = "auto",
    progress: Progress | None = None,
) -> Record:
    """Make a data set's statistics ahead of the evaluations that compare with it, and say where they lie.

    resolution: of the images that will be scored; the data's own if left out. The rest: as for :func:`evaluate`.
    """
    if protocol is None:
        extractor = extractor or default_extractor(dataset)
    chosen = choose(protocol, extractor=extractor, split=split)
    reference = open_dataset(dataset, resolution=resolution, split=chosen.split, kinds=KINDS)
    judge = Judge(reference, chosen, (), weights=weights, device=pick_device(device), progress=progress)
    file = cache_file(judge.images, judge.extractor, chosen.compared)
    return judge.images.facts | {
        "extractor": judge.extractor.name,
        "weights_sha256": judge.extractor.sha256,
        "features": len(judge.real.gaussian.mean),
        "file": str(file),
    }


class Judge:
    """A data set, as an extractor sees it once, with which any number of images are compared.

    reference: the real images at the size of those to be scored. side: which one, of data with two. What the metrics
    do not ask for, extractor included, is not loaded.
    """

    def __init__(
        self,
        reference: PackedDataset,
        protocol: Protocol,
        metrics: Sequence[str] = ("fid",),
        *,
        weights: str | Path | None = None,
        side: str = "",
        device: torch.device | str = "cpu",
        progress: Progress | None = None,
    ):
        self.reference, self.protocol, self.weights, self.side = reference, protocol, weights, side
        self.device, self.progress = torch.device(device), progress
        self.metrics = {name: METRICS.get(name) for name in metrics}
        everything = of_pack(reference, side=side).count
        count = min(protocol.reference_count or everything, everything)
        self.images = of_pack(reference, count, seed=protocol.reference_seed, side=side)

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

    def records(self, images: Images, model: Model | None = None) -> list[Record]:
        """One record for each score of some images. model: what made them."""
        return self._compare(self.images, images, "model" if model else "folder", model)

    def floor(self) -> list[Record]:
        """What the data itself scores: its test split, if it has one, and one half of it against another."""
        seed, count, reference = self.protocol.reference_seed, self.protocol.count, self.reference
        records = []
        if "test" in reference.info["source"]["splits"] and reference.split != "test":
            test = like(reference, "test")
            held_out = of_pack(test, min(count, test.count), seed=seed, side=self.side)
            records += self._compare(self.images, held_out, "real test images")
        half = min(self.images.count, of_pack(reference, side=self.side).count // 2)
        kept = of_pack(reference, half, seed=seed, side=self.side)
        other = of_pack(reference, min(count, half), seed=seed, skip=half, side=self.side)
        return records + self._compare(kept, other, "other half of the real images")

    def _compare(self, real: Images, images: Images, subject: str, model: Model | None = None) -> list[Record]:
        def see_fake() -> Look:
            kept, stage = self.protocol.compared, f"looking at the {subject}"
            logits = not self.metrics.keys().isdisjoint(OF_CLASSIFIERS)
            return look(images, self.extractor, kept=kept, logits=logits, stage=stage, progress=self.progress)

        def see_real() -> Look:
            return self.real if real is self.images else self._remembered(real)

        case = Case(self.protocol, images, self.reference, see_real, see_fake, model, self.device)
        # What only generated images can be asked.
        asked = [name for name in self.metrics if subject in ("model", "folder") or name not in OF_MODELS]
        scores = [score for name in asked for score in self.metrics[name](case)]
        return [self._record(score, real, images, subject, model) for score in scores]

    def _remembered(self, images: Images) -> Look:
        return remembered(images, self.extractor, kept=self.protocol.compared, progress=self.progress)

    def _record(self, score: Score, real: Images, images: Images, subject: str, model: Model | None) -> Record:
        protocol, eyes = self.protocol, self._eyes(score)
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
            "protocol_id": protocol.identity(metric=score.name, seen=eyes, real=real.facts),
            "extractor": eyes,
            "verified": eyes.get("official", True),
            "real": real.facts,
            "fake": made,
            "trained_on_extractor": trained,
            "trained_on_reference": made.get("trained_on", {}).get("fingerprint") == self.reference.fingerprint,
            "notes": [*images.notes, *_notes(score, images, made, self.reference, trained)],
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


def default_extractor(dataset: str | Path) -> str:
    """What scores of a data set look through if nothing is said: the digit classifier for digits, else Inception."""
    return "mnist-classifier" if str(dataset) in DIGITS else "inception"


def _reference(dataset: str | Path, split: str, model: Model | None, folder: Images | None) -> PackedDataset:
    """The real images, at the size and with the channels of what is scored."""
    fit = "crop"
    if model:
        size, channels, kinds = (model.config.resolution,) * 2, model.config.image_channels, model.game.kinds
        fit = (model.facts.get("run") or {}).get("fit") or fit
    else:
        assert folder is not None
        size, channels, kinds = folder.facts["resolution"] or (0, 0), folder.facts["channels"], KINDS
    resolution = size[0] if size[0] == size[1] else None
    return open_dataset(dataset, resolution=resolution or None, channels=channels, fit=fit, split=split, kinds=kinds)


def _through(eyes: Record) -> str:
    """What follows a score's name: nothing for Inception, to which bare names belong."""
    name, official = eyes.get("name"), eyes.get("official", True)
    if not name or (name == "inception" and official):
        return ""
    return f"[{name}]" if official else f"[{name}, weights {eyes['weights_sha256'][:8]}]"


def _made_by(model: Model | None, judge: Judge, n: int | None, seed: int) -> Images:
    """What a model makes to be judged."""
    assert model is not None  # a folder was scored otherwise
    if judge.side:
        return of_translations(model, judge.reference, n, seed=seed)
    return of_model(model, judge.protocol.count, judge.reference, seed=seed, labels=judge.protocol.labels)


def _made(model: Model) -> Record:
    """What a record says of a model."""
    data = model.facts.get("data") or {}
    trained = {key: data[key] for key in ("label", "split", "fingerprint", "count") if key in data}
    return {"steps": model.facts.get("steps"), "trained_on": trained}


def _notes(score: Score, images: Images, made: Record, reference: PackedDataset, trained: bool) -> list[str]:
    notes = []
    if images.count < FEW and "fid" in score.name:
        notes.append(f"{images.count:,} images: few, which raises FID; compare only with scores of as many, or use kid")
    if trained:
        notes.append("the model trained on this extractor's features: not to be ranked by it")
    label = made.get("trained_on", {}).get("label")
    if label and label != reference.label:
        notes.append(f"trained on {label}, compared with {reference.label}")
    return notes


def _versions() -> dict[str, str]:
    packages = ("torch", "torchvision", "timm", "torch-fidelity", "numpy")
    return {"ganzoo": __version__, "python": platform.python_version()} | {name: version(name) for name in packages}
