"""Scores of a model or of generated images against a data set."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from ganzoo.arguments import whole
from ganzoo.data.packed import PackedDataset
from ganzoo.data.packing import SeveralSizes
from ganzoo.data.prepare import open_dataset
from ganzoo.errors import GanzooError
from ganzoo.games.superres import SuperresGame
from ganzoo.machine import pick_device, torch_defaults
from ganzoo.metrics.judge import Judge, Record
from ganzoo.metrics.look import cache_file
from ganzoo.metrics.protocol import choose
from ganzoo.metrics.samples import Images, lent, of_folder, of_model, of_translations, open_model, sides
from ganzoo.metrics.superres import Pairs, has_pairs, of_enlargements, pairs_of_files, pairs_of_pack
from ganzoo.progress import Progress
from ganzoo.zoo import Model

DIGITS = ("mnist", "mnist-10k")
KINDS = ("images", "labelled")
OF_ENLARGERS = ("psnr-y", "ssim-y", "perceptual")


@torch_defaults()
def evaluate(
    model: str | Path | Model,
    dataset: str | Path,
    metrics: str | Sequence[str] | None = None,
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

    metrics: one or several names of ``ganzoo list --kind metrics``; fid if left out, and psnr-y, ssim-y and
    perceptual for models that enlarge, beside which stands what the bicubic filter scores. extractor, weights: what
    images are seen through, see :func:`ganzoo.metrics.features.load_extractor`. n: how many images are scored.
    protocol: a frozen way to score, of ``ganzoo.metrics.protocol.PROTOCOLS``; nothing may contradict it. split: of
    the data, to compare with. labels: how a conditional model's are drawn, ``data`` or ``balanced``. real_floor: also
    score the data's own test split, and one half of the data against the other. Raises GanzooError for what cannot be
    scored.
    """
    n, seed = None if n is None else whole(n, "n"), whole(seed, "seed")
    metrics = [metrics] if isinstance(metrics, str) else metrics
    opened = open_model(model)
    if opened and isinstance(opened.game, SuperresGame):
        _refuse(opened, "enlarges", protocol=protocol, labels=labels, real_floor=real_floor)
        return enlargements(
            opened, dataset, metrics or OF_ENLARGERS, extractor=extractor, weights=weights, n=n, split=split,
            device=device, progress=progress,
        )  # fmt: skip
    translator = opened if opened and opened.game.directions else None
    if translator:
        _refuse(translator, "translates", protocol=protocol, labels=labels)
    if labels and not (opened and opened.classes):
        name = opened.config.name if opened else model
        raise GanzooError(f"{name} draws no labels, as conditional models do; leave --labels out")
    wanted = choose(protocol, count=n).count if protocol else n
    folder = of_folder(str(model), wanted) if opened is None else None
    if protocol is None:
        extractor = extractor or default_extractor(dataset)
        n = folder.count if folder else n
        split = split or ("test" if translator else None)
    raw = "last" if opened and opened.facts.get("raw") else None
    chosen = choose(protocol, extractor=extractor, count=n, split=split, labels=labels, weights=raw)
    reference = _reference(dataset, chosen.split, opened, folder)
    side = sides(translator)[1] if translator else ""
    where = pick_device(device)
    asked = metrics or ("fid",)
    judge = Judge(reference, chosen, asked, weights=weights, side=side, device=where, progress=progress)
    with lent(opened, where) if opened else nullcontext():
        records = judge.records(folder or made_by(opened, reference, judge, n, seed=seed), opened)
    return records + judge.floor() if real_floor else records


def enlargements(
    model: Model,
    dataset: str | Path,
    metrics: Sequence[str] = OF_ENLARGERS,
    *,
    extractor: str | None = None,
    weights: str | Path | None = None,
    n: int | None = None,
    split: str | None = None,
    device: str = "auto",
    bicubic_alone: bool = False,
    progress: Progress | None = None,
) -> list[Record]:
    """Score a model that enlarges, and the bicubic filter beside it (or alone), against the originals.

    dataset: a data set whose test split, or ``split``, is made small, or a folder or archive of ``LR*`` and ``HR*``.
    The rest: as for :func:`evaluate`.
    """
    game, where = model.game, pick_device(device)
    assert isinstance(game, SuperresGame)
    pairs = _pairs(model, game, dataset, split, n)
    extractor = extractor or default_extractor(dataset)
    chosen = choose(None, extractor=extractor, count=n, split=pairs.facts["split"])
    judge = Judge(pairs.originals(), chosen, metrics, weights=weights, device=where, progress=progress)
    plain = judge.records(pairs.enlarged(game.beside, {"filter": "bicubic"}), subject="bicubic")
    if bicubic_alone:
        return plain
    with lent(model, where):
        return judge.records(of_enlargements(model, pairs), model) + plain


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


def default_extractor(dataset: str | Path) -> str:
    """What scores of a data set look through if nothing is said: the digit classifier for digits, else Inception."""
    return "mnist-classifier" if str(dataset) in DIGITS else "inception"


def _reference(dataset: str | Path, split: str, model: Model | None, folder: Images | None) -> PackedDataset:
    """The real images, at the size of what is scored; in gray for a model that makes gray images.

    A folder of gray images is compared with the data as they are, in colour if they are; one of images of several
    sizes with the data at their own size.
    """
    if model:
        config, game = model.config, model.game
        fit = (model.facts.get("run") or {}).get("fit") or game.fit
        return open_dataset(
            dataset, resolution=config.resolution, width=config.width, channels=config.image_channels, fit=fit,
            split=split, kinds=game.kinds,
        )  # fmt: skip
    assert folder is not None
    height, width = folder.facts["resolution"] or (None, None)
    try:
        return open_dataset(dataset, resolution=height, width=width, split=split, kinds=KINDS)
    except SeveralSizes as error:
        raise GanzooError(
            f"{folder.facts['folder']} and {dataset} both hold images of several sizes; resize either to one size"
        ) from error


def made_by(model: Model | None, reference: PackedDataset, judge: Judge, n: int | None, *, seed: int = 0) -> Images:
    """What a model makes to be judged: samples, or ``n`` translations where the judge looks at a side."""
    assert model is not None  # a folder was scored otherwise
    if judge.side:
        return of_translations(model, reference, n, seed=seed)
    return of_model(model, judge.protocol.count, reference, seed=seed, labels=judge.protocol.labels)


def _pairs(model: Model, game: SuperresGame, dataset: str | Path, split: str | None, n: int | None) -> Pairs:
    if has_pairs(dataset):
        return pairs_of_files(dataset, game.scale, model.config.image_channels, split=split, count=n)
    return pairs_of_pack(_reference(dataset, split or "test", model, None), game.scale, n)


def _refuse(model: Model, does: str, **options: object) -> None:
    for name, value in options.items():
        if value:
            flag = name.replace("_", "-")
            raise GanzooError(f"{model.config.name} {does} images, of which --{flag} says nothing; leave it out")
