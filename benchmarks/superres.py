"""A super-resolution model against the bicubic filter on pairs of images: LR*/ and HR*/ in each folder given.

python -m benchmarks.superres runs/srgan-photos-1 Set5 Set14 [--features efficientnet-lite0] [--json]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import ganzoo
from ganzoo.metrics.superres import read_pairs, score_superres
from ganzoo.nets.pretrained import Features


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--features", help="what the perceptual distance is seen through, e.g. efficientnet-lite0")
    parser.add_argument("--weights", help="its weights: a file, or what it brings if left out")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    model = ganzoo.load(given.model)
    features = Features(given.features, given.weights) if given.features else None
    for folder in given.folders:
        pairs = read_pairs(folder, model.config.image_channels)
        scores = score_superres(model, pairs, features)
        print(json.dumps({"set": folder.name, **scores}) if given.json else _table(folder.name, scores))


def _table(title: str, scores: dict[str, dict[str, float]]) -> str:
    columns = list(next(iter(scores.values())))
    head = f"{title:<10}" + "".join(f"{column:>22}" for column in columns)
    rows = [f"{name:<10}" + "".join(f"{row[column]:>22.4f}" for column in columns) for name, row in scores.items()]
    return "\n".join([head, *rows])


if __name__ == "__main__":
    main()
