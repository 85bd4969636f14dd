"""Scores of a model or of generated images against a data set, as records that say how they were made."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from ganzoo import __version__
from ganzoo.data.packed import PackedDataset
from ganzoo.data.prepare import open_dataset
from ganzoo.metrics.features import load_extractor
from ganzoo.metrics.look import Look, Progress, cache_file, look, remembered
from ganzoo.metrics.protocol import Protocol, choose
from ganzoo.metrics.samples import Images, of_folder, of_model, of_pack, open_model
from ganzoo.metrics.scores import Score
from ganzoo.metrics.seen import trained_on_features
from ganzoo.registry import METRICS
from ganzoo.training.machine import hardware, pick_device
from ganzoo.zoo import Model

Record = dict[str, Any]
DIGITS = ("mnist", "mnist-10k")
KINDS = ("images", "labelled")
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

    metrics: fid, is, kid, prc, class-fid. extractor, weights: what images are seen through, see
    :func:`ganzoo.metrics.features.load_extractor`. n: how many images are scored. protocol: a frozen way to score,
    of ``ganzoo.metrics.protocol.PROTOCOLS``; nothing may contradict it. split: of the data, to compare with.
    labels: how a conditional model's are drawn, ``data`` or ``balanced``. real_floor: also score the data's own
    test split, and one half of the data against the other. Raises GanzooError for what cannot be scored.
    """
    opened = open_model(model)
    folder = of_folder(str(model), n) if opened is None else None
    if protocol is None:
        extractor = extractor or default_extractor(dataset)
        n = folder.count if folder else n
    chosen = choose(protocol, extractor=extractor, count=n, split=split, labels=labels)
    reference = _reference(dataset, chosen.split, opened, folder)
    images = folder if folder else of_model(_required(opened), chosen.count, reference, seed=seed, labels=chosen.labels)
    judge = Judge(reference, chosen, metrics, weights=weights, device=pick_device(device), progress=progress)
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
    """A data set seen once through an extractor, with which any number of images are compared.

    reference: the real images at the size of those to be scored.
    """

    def __init__(
        self,
        reference: PackedDataset,
        protocol: Protocol,
        metrics: Sequence[str] = ("fid",),
        *,
        weights: str | Path | None = None,
        device: torch.device | str = "cpu",
        progress: Progress | None = None,
    ):
        self.reference, self.protocol, self.progress = reference, protocol, progress
        self.metrics = {name: METRICS.get(name) for name in metrics}
        self.extractor = load_extractor(protocol.extractor, weights).to(device)
        self.device = torch.device(device)
        self.images = of_pack(reference, self._reference_count(), seed=protocol.reference_seed)
        self.real = self._remembered(self.images)

    def records(self, images: Images, model: Model | None = None, subject: str = "") -> list[Record]:
        """One record for each score of some images. model: what made them. subject: what they are, in words."""
        subject = subject or ("model" if model else "folder")
        return self._compare(self.images, self.real, images, model, subject)

    def floor(self) -> list[Record]:
        """What the data itself scores: its test split, if it has one, and one half of it against another."""
        protocol, reference = self.protocol, self.reference
        records = []
        if "test" in reference.info["source"]["splits"] and reference.split != "test":
            test = _split_like(reference, "test")
            held_out = of_pack(test, min(protocol.count, test.count), seed=protocol.reference_seed)
            records += self._compare(self.images, self.real, held_out, None, "real test images")
        half = min(self.images.count, reference.count // 2)
        kept = of_pack(reference, half, seed=protocol.reference_seed)
        other = of_pack(reference, min(protocol.count, half), seed=protocol.reference_seed, skip=half)
        seen = self._remembered(kept)
        return records + self._compare(kept, seen, other, None, "other half of the real images")

    def _remembered(self, images: Images) -> Look:
        return remembered(images, self.extractor, kept=self.protocol.compared, progress=self.progress)

    def _compare(
        self, reference: Images, real: Look, images: Images, model: Model | None, subject: str
    ) -> list[Record]:
        stage = f"looking at the {subject}"
        kept, logits = self.protocol.compared, "is" in self.metrics
        fake = look(images, self.extractor, kept=kept, logits=logits, stage=stage, progress=self.progress)
        scores = [score for compute in self.metrics.values() for score in compute(real, fake, self.protocol)]
        return [self._record(score, reference, images, model, subject) for score in scores]

    def _record(self, score: Score, reference: Images, images: Images, model: Model | None, subject: str) -> Record:
        extractor, protocol = self.extractor, self.protocol
        seen = {"name": extractor.name, "weights_sha256": extractor.sha256, "resize": extractor.resize}
        trained = trained_on_features(model.config, extractor.name) if model else False
        made = images.facts | (_made(model) if model else {})
        return {
            "metric": score.name,
            "title": f"{score.title}{self._through()}",
            "best": score.best,
            "value": score.value,
            "deviation": score.deviation,
            "parts": {_class_name(self.reference, name): value for name, value in score.parts.items()},
            "subject": subject,
            "protocol": protocol.name,
            "protocol_id": protocol.identity(metric=score.name, seen=seen, real=reference.facts),
            "extractor": seen,
            "verified": extractor.official,
            "real": reference.facts,
            "fake": made,
            "trained_on_extractor": trained,
            "trained_on_reference": made.get("trained_on", {}).get("fingerprint") == self.reference.fingerprint,
            "notes": [*images.notes, *_notes(score, images, made, self.reference, trained)],
            "dtype": "features float32, statistics float64",
            "device": hardware(self.device),
            "versions": _versions(),
        }

    def _through(self) -> str:
        """Bare names are Inception's alone."""
        if self.extractor.name == "inception" and self.extractor.official:
            return ""
        other = "" if self.extractor.official else f", weights {self.extractor.sha256[:8]}"
        return f"[{self.extractor.name}{other}]"

    def _reference_count(self) -> int | None:
        count = self.protocol.reference_count
        return None if count is None else min(count, self.reference.count)


def default_extractor(dataset: str | Path) -> str:
    """What scores of a data set look through if nothing is said: the digit classifier for digits, else Inception."""
    return "mnist-classifier" if str(dataset) in DIGITS else "inception"


def _reference(dataset: str | Path, split: str, model: Model | None, folder: Images | None) -> PackedDataset:
    """The real images, at the size and with the channels of what is scored."""
    fit = "crop"
    if model:
        size, channels = (model.config.resolution,) * 2, model.config.image_channels
        fit = (model.facts.get("run") or {}).get("fit") or fit
    else:
        assert folder is not None
        size, channels = folder.facts["resolution"] or (0, 0), folder.facts["channels"]
    resolution = size[0] if size[0] == size[1] else None
    return open_dataset(dataset, resolution=resolution or None, channels=channels, fit=fit, split=split, kinds=KINDS)


def _split_like(pack: PackedDataset, split: str) -> PackedDataset:
    """Another split of a prepared data set at the same size."""
    info = pack.info
    name = info["label"] if info["registered"] else info["source"]["path"]
    return open_dataset(
        name, resolution=pack.resolution[0], channels=pack.channels, fit=info["fit"], split=split, kinds=(pack.kind,)
    )


def _required(model: Model | None) -> Model:
    assert model is not None
    return model


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


def _class_name(reference: PackedDataset, number: str) -> str:
    return reference.classes[int(number)] if number.isdecimal() and int(number) < len(reference.classes) else number


def _versions() -> dict[str, str]:
    packages = ("torch", "torchvision", "timm", "torch-fidelity", "numpy")
    return {"ganzoo": __version__, "python": platform.python_version()} | {name: version(name) for name in packages}
