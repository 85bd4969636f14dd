"""A model as a directory of its own, on request with its discriminator and as ONNX."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from ganzoo.data.datasets import UNKNOWN_TERMS
from ganzoo.errors import GanzooError, first_line
from ganzoo.games.base import create_game
from ganzoo.games.image import draw_latents
from ganzoo.hub import PREFIX
from ganzoo.index import write_index
from ganzoo.random import Samples, drawing_from
from ganzoo.report.card import model_card
from ganzoo.tensors import halved, read_tensors
from ganzoo.weights import WEIGHTS, is_bundled
from ganzoo.writing import new_folder
from ganzoo.zoo import Model, load, save, save_card, weights_file

TOLERANCE = 1e-4
OPSET = 18


def export_model(
    source: str | Path,
    out: str | Path,
    *,
    full: bool = False,
    onnx: bool = False,
    half: bool = False,
    known_failures: Sequence[str] = (),
    data_licence: str = "",
    data_about: str = "",
) -> Path:
    """Write the model of a run, a directory or a name as a model directory ``out``, which must be empty or new.

    full: with the discriminator, from a run's checkpoint or a model that has it. onnx: also ``model.onnx``. half:
    kernels and matrices as float16, half as large a file. known_failures: sentences for the card, which is written
    anew where it has something new to tell. data_licence: the terms of training data that has no name and so none
    that are known. data_about: what the training data show and where they are from.
    """
    if onnx:
        require_onnx()
    model = load(source)
    with new_folder(out) as folder:
        rest = _other_networks(model, source) if full else {}
        kept = model if full else _sampled_only(model)
        if half:  # so that the samples shown are those of the file
            kept.game.load_state_dict({name: halved(value).to(value) for name, value in kept.game.state_dict().items()})
        if half or known_failures or data_licence or data_about or "weights" in kept.facts:
            kept.facts = kept.facts | _told(kept, half, known_failures) | _data(kept, data_licence, data_about)
            kept.card = _card(kept, Path(out))
        save(kept, folder, full=rest, half=half)
        samples = weights_file(source).parent / "samples.png"
        if samples.is_file() and not (folder / samples.name).exists():  # made of images that a model does not hold
            shutil.copyfile(samples, folder / samples.name)
        if onnx:
            export_onnx(model, folder / "model.onnx")
    return _indexed(Path(out))


def record_scores(source: str | Path, records: Sequence[dict[str, Any]]) -> Path:
    """Add score records, as :func:`ganzoo.evaluate` returns them, to a model directory, and write its card anew.

    An older record of the same score gives way, unless only the older one has a protocol's name. Returns the card's
    path.
    """
    folder, model = weights_file(source).parent, load(source)
    new = {(*_scored(record), protocol) for record in records for protocol in (record.get("protocol"), "custom")}
    older = [each for each in model.facts.get("scores") or () if (*_scored(each), each.get("protocol")) not in new]
    model.facts = model.facts | {"scores": [*older, *records]}
    model.card = _card(model, folder)
    save_card(model, folder)
    return _indexed(folder) / "README.md"


def require_card(source: str | Path, *, raw: bool = False) -> None:
    """Refuse to write scores where no card is of what was scored."""
    if raw or str(source).startswith(PREFIX) or weights_file(source).name != WEIGHTS:
        what = "a run's last weights" if raw else source
        raise GanzooError(
            f"--card writes into a model directory, and {what} has none of yours; export the model or leave it out"
        )


def export_onnx(model: Model, path: Path) -> Path:
    """Write a generator as ONNX: ``noise`` (batch, latent) and, with classes, ``labels`` (batch,) -> ``images``.

    Any batch size; images (batch, C, H, W) in [-1, 1]. Where onnxruntime is installed, a file whose images
    differ from torch's is not kept. Raises GanzooError for generators with noise of their own, and for what torch
    cannot write.
    """
    require_onnx()
    generator = _plain_generator(model)
    _require_no_noise(model, generator)
    inputs = _example(model, 2)
    batch = torch.export.Dim("batch")
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        try:
            torch.onnx.export(
                generator,
                tuple(inputs.values()),
                str(path),
                input_names=list(inputs),
                output_names=["images"],
                dynamic_shapes=tuple({0: batch} for _ in inputs),
                dynamo=True,
                external_data=False,
                opset_version=OPSET,
                verbose=False,
            )
        except Exception as error:  # torch, onnx, onnxscript and protobuf, each with errors of its own
            raise GanzooError(
                f"torch {torch.__version__} could not write {model.config.name} as ONNX ({first_line(error)}); "
                "a newer torch, or protobuf 6 beside this one, may do it"
            ) from error
    if find_spec("onnxruntime"):
        _require_parity(model, generator, path)
    return path


def require_onnx() -> None:
    """Refuse to export to ONNX without the packages it takes."""
    missing = [package for package in ("onnx", "onnxscript") if find_spec(package) is None]
    if missing:
        raise GanzooError(
            f"ONNX export needs {' and '.join(missing)}; install them by: pip install 'torch-ganzoo[onnx]'"
        )


def _told(model: Model, half: bool, known_failures: Sequence[str]) -> dict[str, Any]:
    count = sum(parameter.numel() for parameter in model.game.parameters())
    failures = list(known_failures) or model.facts.get("known_failures", [])
    return {"weights": {"parameters": count, "dtype": "float16" if half else "float32"}, "known_failures": failures}


def _data(model: Model, licence: str, about: str) -> dict[str, Any]:
    data = model.facts.get("data") or {}
    known = data.get("licence") or UNKNOWN_TERMS
    if licence and known not in (licence, UNKNOWN_TERMS):
        raise GanzooError(f"the terms of {data['name']} are known: {known}; leave --data-licence out")
    told = {"licence": licence, "about": about}
    return {"data": data | {key: value for key, value in told.items() if value}}


def _card(model: Model, folder: Path) -> str:
    return model_card(model.config, model.facts, **({"name": folder.name} if is_bundled(folder) else {}))


def _indexed(folder: Path) -> Path:
    if is_bundled(folder):
        write_index()
    return folder


def _scored(record: Mapping[str, Any]) -> tuple[object, ...]:
    """What a score is of."""
    return record.get("title"), record.get("subject"), (record.get("real") or {}).get("dataset")


def _sampled_only(model: Model) -> Model:
    game = create_game(model.config, networks=model.game.sampled)
    own = game.state_dict()
    game.load_state_dict({name: value for name, value in model.game.state_dict().items() if name in own})
    return Model(model.config, game, model.card, model.facts)


def _other_networks(model: Model, source: str | Path) -> dict[str, Tensor]:
    """The weights of the networks that a model directory leaves out, from the run it lies in."""
    missing = set(model.config.networks) - {name for name, _ in model.game.named_children()}
    if not missing:
        return {}
    checkpoint = weights_file(source).absolute().parent.parent / "checkpoints" / "last.safetensors"
    if not checkpoint.is_file():
        raise GanzooError(f"{source} has no {' and '.join(sorted(missing))}; --full needs a run with its checkpoints/")
    tensors, _ = read_tensors(checkpoint)
    own = model.game.state_dict()
    if any(not torch.equal(tensors[f"ema/{name}"].float(), value.float()) for name, value in own.items()):
        raise GanzooError(f"the model in {source} is not its last checkpoint's; finish the run with --resume first")
    game = {name.removeprefix("game/"): value for name, value in tensors.items() if name.startswith("game/")}
    return {name: value for name, value in game.items() if _network(name) in missing}


def _network(parameter: str) -> str:
    return parameter.partition(".")[0]


def _plain_generator(model: Model) -> nn.Module:
    """A copy of the generator on the CPU with its weights as they are, spectral norm worked out."""
    if model.config.latent is None or model.reads:
        raise GanzooError(f"{model.config.name} does not make images from noise alone; it cannot be exported to ONNX")
    # Built anew: deep copies share the class that spectral norm's parametrization edits.
    generator = _sampled_only(model).game.get_submodule("generator").cpu()
    for layer in list(generator.modules()):
        if parametrize.is_parametrized(layer, "weight"):
            parametrize.remove_parametrizations(layer, "weight")
    return generator


@torch.no_grad()
def _require_no_noise(model: Model, generator: nn.Module) -> None:
    inputs, draws = _example(model, 1), Samples([(0, 0)])
    with drawing_from(draws):
        generator(*inputs.values())
    if draws.draws:
        raise GanzooError(
            f"{model.config.name} adds noise inside its generator, which no ONNX file could repeat; "
            "export it without --onnx"
        )


def _example(model: Model, n: int) -> dict[str, Tensor]:
    assert model.config.latent is not None
    with drawing_from(Samples([(0, i) for i in range(n)])):
        inputs = {"noise": draw_latents(model.config.latent, n)}
    if model.config.num_classes:
        inputs["labels"] = torch.arange(n) % model.config.num_classes
    return inputs


@torch.no_grad()
def _require_parity(model: Model, generator: nn.Module, path: Path) -> None:
    from onnxruntime import InferenceSession

    session = InferenceSession(str(path), providers=["CPUExecutionProvider"])
    for n in (1, 2, 5):
        inputs = _example(model, n)
        (images,) = session.run(None, {name: value.numpy() for name, value in inputs.items()})
        difference = float((torch.from_numpy(images) - generator(*inputs.values())).abs().max())
        if not difference <= TOLERANCE:
            path.unlink()
            raise GanzooError(f"the ONNX model's images differ from torch's by {difference:.2g}; it was not kept")
