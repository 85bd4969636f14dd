"""A model as a directory of its own, on request with its discriminator and as ONNX."""

from __future__ import annotations

import shutil
import warnings
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from ganzoo.errors import GanzooError
from ganzoo.games.base import create_game
from ganzoo.games.image import draw_latents
from ganzoo.random import Samples, drawing_from
from ganzoo.tensors import read_tensors
from ganzoo.writing import new_folder
from ganzoo.zoo import Model, load, save, weights_file

TOLERANCE = 1e-4
OPSET = 18


def export_model(source: str | Path, out: str | Path, *, full: bool = False, onnx: bool = False) -> Path:
    """Write the model of a run, a directory or a name as a model directory ``out``, which must be empty or new.

    full: with the discriminator, from a run's checkpoint or a model that has it. onnx: also ``model.onnx``.
    """
    if onnx:
        require_onnx()
    model = load(source)
    with new_folder(out) as folder:
        rest = _other_networks(model, source) if full else {}
        save(_sampled_only(model) if not full else model, folder, full=rest)
        samples = weights_file(source).parent / "samples.png"
        if samples.is_file() and not (folder / samples.name).exists():  # made of images that a model does not hold
            shutil.copyfile(samples, folder / samples.name)
        if onnx:
            export_onnx(model, folder / "model.onnx")
    return Path(out)


def export_onnx(model: Model, path: Path) -> Path:
    """Write a generator as ONNX: ``noise`` (batch, latent) and, with classes, ``labels`` (batch,) -> ``images``.

    Any batch size; images (batch, C, H, W) in [-1, 1]. Where onnxruntime is installed, a file whose images
    differ from torch's is not kept. Raises GanzooError for generators with noise of their own.
    """
    require_onnx()
    generator = _plain_generator(model)
    _require_no_noise(model, generator)
    inputs = _example(model, 2)
    batch = torch.export.Dim("batch")
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
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
