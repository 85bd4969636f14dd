"""The scores of generated images against real ones, each from what an extractor saw of both.

IS, KID, precision and recall are torch-fidelity's functions on our features.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ganzoo.errors import GanzooError
from ganzoo.metrics.frechet import frechet_distance_from_features
from ganzoo.metrics.look import Look
from ganzoo.metrics.protocol import Protocol
from ganzoo.registry import METRICS


@dataclass(frozen=True)
class Score:
    """A value. title: as people write it. best: lower or higher. deviation: over splits or subsets. parts: by class."""

    name: str
    title: str
    best: str
    value: float
    deviation: float | None = None
    parts: dict[str, float] = field(default_factory=dict)


@METRICS.register("fid")
def frechet_inception_distance(real: Look, fake: Look, protocol: Protocol) -> list[Score]:
    """Fréchet distance between the Gaussians of real and generated features. Heusel et al. 2017, eq. 6."""
    return [Score("fid", "FID", "lower", real.gaussian.distance(fake.gaussian))]


@METRICS.register("is")
def inception_score(real: Look, fake: Look, protocol: Protocol) -> list[Score]:
    """How sure a classifier is of each image and how varied its answers are. Salimans et al. 2016, section 4."""
    from torch_fidelity.metric_isc import isc_features_to_metric

    if fake.logits is None:
        raise GanzooError("the Inception score needs a classifier; this extractor has no classes")
    if fake.count < protocol.is_splits:
        raise GanzooError(f"the Inception score splits its images in {protocol.is_splits}; {fake.count} are too few")
    found = isc_features_to_metric(fake.logits, protocol.is_splits)
    return [Score("is", "IS", "higher", found["inception_score_mean"], found["inception_score_std"])]


@METRICS.register("kid")
def kernel_inception_distance(real: Look, fake: Look, protocol: Protocol) -> list[Score]:
    """Unbiased polynomial maximum mean discrepancy between features. Bińkowski et al. 2018, section 4.

    Subsets are as large as the smaller set where that is below the protocol's size.
    """
    from torch_fidelity.metric_kid import kid_features_to_metric

    size = min(protocol.kid_subset_size, len(real.features), len(fake.features))
    # In double precision: the unbiased estimate is a small difference of large sums.
    found = kid_features_to_metric(
        fake.features.double(),
        real.features.double(),
        kid_subsets=protocol.kid_subsets,
        kid_subset_size=size,
        verbose=False,
    )
    mean, deviation = found["kernel_inception_distance_mean"], found["kernel_inception_distance_std"]
    return [Score("kid", "KID", "lower", mean, deviation)]


@METRICS.register("prc")
def precision_and_recall(real: Look, fake: Look, protocol: Protocol) -> list[Score]:
    """Share of generated images among the real ones' neighbours, and the reverse. Kynkäänniemi et al. 2019, eq. 1."""
    from torch_fidelity.metric_prc import prc_features_to_metric

    if min(len(real.features), len(fake.features)) <= protocol.prc_neighbours:
        raise GanzooError(f"precision and recall need more than {protocol.prc_neighbours} images on both sides")
    found = prc_features_to_metric(
        fake.features, real.features, prc_neighborhood=protocol.prc_neighbours, save_cpu_ram=True, verbose=False
    )
    return [Score(name, name, "higher", found[name]) for name in ("precision", "recall")]


@METRICS.register("class-fid")
def class_frechet_distance(real: Look, fake: Look, protocol: Protocol) -> list[Score]:
    """The mean of each class's Fréchet distance, on the first 10,000 images; biased upwards where classes are small."""
    if real.labels is None or fake.labels is None:
        which = "the data set" if real.labels is None else "what is scored"
        raise GanzooError(f"class-fid compares class by class, and {which} has no labels; leave it out")
    numbers = sorted(set(real.labels.tolist()) & set(fake.labels.tolist()))
    parts = {}
    for number in numbers:
        rows = [look.features[look.labels == number] for look in (real, fake)]
        if min(map(len, rows)) < 2:
            raise GanzooError(f"class {number} has fewer than 2 images on a side; score more images with -n")
        parts[str(number)] = frechet_distance_from_features(*rows)
    return [Score("class-fid", "class FID", "lower", sum(parts.values()) / len(parts), parts=parts)]
