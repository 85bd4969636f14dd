"""Label accuracy: how many of a conditional model's images are of the class that was asked for."""

from __future__ import annotations

from ganzoo.errors import GanzooError
from ganzoo.metrics.scores import Case, Score
from ganzoo.registry import METRICS


@METRICS.register("label-accuracy")
def label_accuracy(case: Case) -> list[Score]:
    """Share of the images that the extractor, as a classifier, takes for the class they were asked for.

    parts: the same by class. Only for extractors that know the classes of the data, as ``mnist-classifier`` does:
    what it makes of the real test images is its own share of errors.
    """
    labels, logits, classes = case.images.labels, case.fake.logits, case.images.classes
    if labels is None:
        raise GanzooError("label-accuracy compares images with their labels, and these have none; leave it out")
    if logits is None or logits.shape[1] != len(classes) or case.fake.classes not in ((), classes):
        known = "none" if logits is None else ", ".join(case.fake.classes) or logits.shape[1]
        raise GanzooError(
            f"label-accuracy needs an extractor that tells the {len(classes)} classes of the data apart; "
            f"this one knows {known}: take another with --extractor, or leave label-accuracy out"
        )
    right = (logits.argmax(1) == labels).double()
    parts = {name: float(right[labels == number].mean()) for number, name in enumerate(classes) if number in labels}
    return [Score("label-accuracy", "label accuracy", "higher", float(right.mean()), parts=parts)]
