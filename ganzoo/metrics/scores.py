"""The scores of generated images against real ones, each from what an extractor saw of both.

IS, KID, precision and recall are torch-fidelity's functions on our features.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import torch

from ganzoo.data.packed import PackedDataset
from ganzoo.errors import GanzooError
from ganzoo.metrics.frechet import frechet_distance_from_features
from ganzoo.metrics.look import Look
from ganzoo.metrics.protocol import Protocol
from ganzoo.metrics.samples import Images
from ganzoo.registry import METRICS
from ganzoo.zoo import Model


@dataclass(frozen=True)
class Score:
    """A value. title: as people write it. best: lower or higher. deviation: over splits or subsets. parts: by class.

    through: the network whose eyes it has, where that is not the protocol's extractor; empty for none.
    """

    name: str
    title: str
    best: str
    value: float
    deviation: float | None = None
    parts: dict[str, float] = field(default_factory=dict)
    through: str | None = None


@dataclass(frozen=True)
class Case:
    """What a metric may ask for; looks are taken when first asked for.

    images: those to be scored. reference: the data set of the real ones, if they are one. model: what made the images,
    if a model did.
    """

    protocol: Protocol
    images: Images
    reference: PackedDataset | None
    see_real: Callable[[], Look]
    see_fake: Callable[[], Look]
    model: Model | None = None
    device: torch.device | str = "cpu"

    @cached_property
    def real(self) -> Look:
        """What the extractor sees of the real images."""
        return self.see_real()

    @cached_property
    def fake(self) -> Look:
        """What the extractor sees of the images to be scored."""
        return self.see_fake()


@METRICS.register("fid")
def frechet_inception_distance(case: Case) -> list[Score]:
    """Fréchet distance between the Gaussians of real and generated features. Heusel et al. 2017, eq. 6."""
    return [Score("fid", "FID", "lower", case.real.gaussian.distance(case.fake.gaussian))]


@METRICS.register("is")
def inception_score(case: Case) -> list[Score]:
    """How sure a classifier is of each image and how varied its answers are. Salimans et al. 2016, section 4."""
    from torch_fidelity.metric_isc import isc_features_to_metric

    if case.fake.logits is None:
        raise GanzooError("the Inception score needs a classifier; this extractor has no classes")
    if case.fake.count < case.protocol.is_splits:
        raise GanzooError(
            f"the Inception score splits its images in {case.protocol.is_splits}; {case.fake.count} are too few"
        )
    found = isc_features_to_metric(case.fake.logits, case.protocol.is_splits)
    return [Score("is", "IS", "higher", found["inception_score_mean"], found["inception_score_std"])]


@METRICS.register("kid")
def kernel_inception_distance(case: Case) -> list[Score]:
    """Unbiased polynomial maximum mean discrepancy between features. Bińkowski et al. 2018, section 4.

    Subsets are as large as the smaller set where that is below the protocol's size.
    """
    from torch_fidelity.metric_kid import kid_features_to_metric

    size = min(case.protocol.kid_subset_size, len(case.real.features), len(case.fake.features))
    # In double precision: the unbiased estimate is a small difference of large sums.
    found = kid_features_to_metric(
        case.fake.features.double(),
        case.real.features.double(),
        kid_subsets=case.protocol.kid_subsets,
        kid_subset_size=size,
        verbose=False,
    )
    mean, deviation = found["kernel_inception_distance_mean"], found["kernel_inception_distance_std"]
    whole = size == len(case.real.features) == len(case.fake.features)  # every subset is all there is
    return [Score("kid", "KID", "lower", mean, None if whole else deviation)]


@METRICS.register("prc")
def precision_and_recall(case: Case) -> list[Score]:
    """Share of generated images among the real ones' neighbours, and the reverse. Kynkäänniemi et al. 2019, eq. 1."""
    from torch_fidelity.metric_prc import prc_features_to_metric

    if min(len(case.real.features), len(case.fake.features)) <= case.protocol.prc_neighbours:
        raise GanzooError(f"precision and recall need more than {case.protocol.prc_neighbours} images on both sides")
    found = prc_features_to_metric(
        case.fake.features,
        case.real.features,
        prc_neighborhood=case.protocol.prc_neighbours,
        save_cpu_ram=True,
        verbose=False,
    )
    return [Score(name, name, "higher", found[name]) for name in ("precision", "recall")]


@METRICS.register("class-fid")
def class_frechet_distance(case: Case) -> list[Score]:
    """The mean of each class's Fréchet distance, on the first 10,000 images; biased upwards where classes are small."""
    unlabelled = case.reference is None or case.reference.labels is None
    if case.reference is None or unlabelled or case.images.labels is None:
        which = "the data set" if unlabelled else "what is scored"
        raise GanzooError(f"class-fid compares class by class, and {which} has no labels; leave it out")
    real, fake = _by_class(case.real, case.reference.classes), _by_class(case.fake, case.images.classes)
    if missing := [name for name in real if name not in fake]:
        raise GanzooError(
            f"class-fid compares class by class, and {len(missing)} of the data set's {len(real)} classes are not "
            f"there, e.g. {missing[0]}; add them, score more images with -n, or leave class-fid out"
        )
    parts = {}
    for name in real:
        rows = real[name], fake[name]
        if min(map(len, rows)) < 2:
            raise GanzooError(f"class {name} has fewer than 2 images on a side; score more images with -n")
        parts[name] = frechet_distance_from_features(*rows)
    return [Score("class-fid", "class FID", "lower", sum(parts.values()) / len(parts), parts=parts)]


def _by_class(look: Look, names: Sequence[str]) -> dict[str, torch.Tensor]:
    labels = look.labels
    assert labels is not None
    return {names[number]: look.features[labels == number] for number in labels.unique().tolist()}
