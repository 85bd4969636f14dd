"""Models: created, saved, loaded, sampled."""

import json
import re
import struct
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from small import small_model
from tiny import VARIANTS, configure, made, same

import ganzoo
from ganzoo.errors import GanzooError
from ganzoo.games.base import create_game
from ganzoo.tensors import read_tensors, save_tensors
from ganzoo.zoo import Model, load, save, to_uint8

SOURCE = Path(ganzoo.__file__).parent


@pytest.mark.parametrize("variant", ganzoo.list_variants())
def test_every_variant_is_created_by_name(variant):
    conditional = ganzoo.resolve(variant).config.conditional
    options = {"classes": ["a", "b", "c"]} if conditional else {}
    game = ganzoo.create(variant, resolution=28, image_channels=1, **_narrow(variant), **options)
    images = game.sample(2, labels=torch.tensor([0, 2])) if conditional else made(game, 2)
    assert images.shape == (2, 1, 28, 28) and images.abs().max() <= 1


def _narrow(variant):
    networks = ganzoo.resolve(variant).config.networks
    return {f"networks__{name}__channels": 8 for name, network in networks.items() if "channels" in network.options}


def test_creating_is_seeded_and_leaves_torchs_generator_alone():
    before = torch.random.get_rng_state()
    one, same, other = (ganzoo.create("gan", resolution=16, seed=seed).state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize(
    "variant, options, expected",
    [
        ("dcgann", {}, "did you mean dcgan"),
        ("dcgan", {"resolution": 60}, "resolution"),
        ("dcgan", {"resolution": 5}, "resolution"),
        ("dcgan", {"resolution": -1}, "resolution"),
        ("dcgan", {"image_channels": 7}, "image_channels"),
        ("cgan", {}, "needs class labels"),
        ("lsgan", {"conditional": True, "classes": ["a"]}, "takes no labels"),
        ("dcgan", {"networks__generator__chanels": 3}, "did you mean channels"),
        ("dcgan", {"loss": "hinje"}, "did you mean hinge"),
        ("dcgan", {"penalties": ["gradient-penalty"]}, "networks.discriminator.norm=layer"),
    ],
)
def test_what_cannot_be_created_is_refused_in_one_sentence(variant, options, expected):
    with pytest.raises(GanzooError) as refusal:
        ganzoo.create(variant, **options)
    assert expected in str(refusal.value) and "\n" not in str(refusal.value)


@pytest.mark.parametrize("folder", ["tiny_model_dir", "conditional_model_dir"])
def test_saving_and_loading_gives_the_same_model(request, tmp_path, folder):
    model = load(request.getfixturevalue(folder))
    again = load(save(model, tmp_path / "again"))
    assert (again.config, again.card, again.facts) == (model.config, model.card, model.facts)
    assert again.game.state_dict().keys() == model.game.state_dict().keys()
    assert torch.equal(again.sample(3, seed=7), model.sample(3, seed=7))


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_comes_back_from_its_file(variant, tmp_path):
    config = configure(variant)
    game = create_game(config, networks=create_game(config).sampled).eval()
    again = load(save(Model(config, game), tmp_path / "model"))
    assert again.config == config and same(again.game.state_dict(), game.state_dict())
    assert torch.equal(made(again.game, 2), made(game, 2))


def test_the_weights_file_alone_loads(tiny_model_dir, tiny_model, tmp_path):
    (tmp_path / "alone.safetensors").write_bytes((tiny_model_dir / "model.safetensors").read_bytes())
    alone = load(tmp_path / "alone.safetensors")
    assert torch.equal(alone.sample(2), tiny_model.sample(2)) and alone.card == ""


def test_saved_twice_is_the_same_file(tiny_model, tmp_path):
    files = [save(tiny_model, tmp_path / name) / "model.safetensors" for name in "ab"]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_half_precision_weights_load_as_float(tiny_model_dir, tmp_path):
    tensors, header = read_tensors(tiny_model_dir / "model.safetensors")
    halved = {name: value.half() if value.is_floating_point() else value for name, value in tensors.items()}
    save_tensors(tmp_path / "model.safetensors", halved, header)
    images = load(tmp_path).sample(2)
    assert images.dtype == torch.float32 and torch.allclose(images, load(tiny_model_dir).sample(2), atol=0.05)


@pytest.mark.parametrize("fixture", ["tiny_model", "conditional_model"])
def test_sixteen_samples_are_sixteen_single_samples(request, fixture):
    model = request.getfixturevalue(fixture)
    together = model.sample(16, seed=4)
    assert together.shape[0] == 16 and together.std() > 0.05
    for batch_size in (1, 5, 16):
        assert torch.allclose(model.sample(16, seed=4, batch_size=batch_size), together, atol=1e-5)
    single = torch.cat([model.game.sample(1, seed=4, start=i) for i in range(16)])
    assert torch.allclose(single, together, atol=1e-5)


@pytest.mark.parametrize("variant", ganzoo.list_variants())
def test_samples_of_every_variant_do_not_depend_on_their_neighbours(variant):
    config = ganzoo.resolve(variant).config
    options = {"classes": ["a", "b", "c"]} if config.conditional else {}
    game = ganzoo.create(variant, resolution=32, **_narrow(variant), **options).eval()
    together = made(game, 6, seed=1)
    assert torch.allclose(torch.cat([made(game, 1, seed=1, start=i) for i in range(6)]), together, atol=1e-5)
    assert torch.allclose(made(game, 6, seed=1), together, atol=1e-6)


def test_seeds_address_single_images(tiny_model):
    several = tiny_model.sample(seeds=[3, 9, 3])
    assert torch.allclose(several[0], several[2], atol=1e-5)
    assert torch.allclose(several[1], tiny_model.sample(1, seed=9)[0], atol=1e-5)


def test_different_seeds_share_nothing(tiny_model):
    images = torch.cat([tiny_model.sample(8, seed=seed) for seed in range(4)])
    assert len({image.numpy().tobytes() for image in images}) == 32
    assert torch.cdist(images.flatten(1), images.flatten(1)).fill_diagonal_(9e9).min() > 0.1


def test_sampling_leaves_torchs_generator_alone(tiny_model):
    before = torch.random.get_rng_state()
    tiny_model.sample(3)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_images_are_the_samples_rounded(tiny_model, conditional_model):
    for model, mode in ((tiny_model, "L"), (conditional_model, "RGB")):
        image = model.images(1, seed=3)[0]
        assert image.mode == mode and image.size == (16, 16)
    assert to_uint8(torch.tensor([-1.0, 0.0, 1.0, 7.0])).tolist() == [0, 128, 255, 255]


def test_labels_by_name_or_number_change_the_image(conditional_model):
    cat, dog = (conditional_model.sample(4, label=label) for label in ("cat", "dog"))
    assert (cat - dog).abs().amax((1, 2, 3)).min() > 1e-3
    assert torch.equal(conditional_model.sample(4, label=1), dog) and torch.equal(
        conditional_model.sample(4, label="1"), dog
    )
    mixed = conditional_model.sample(4, label=["cat", "dog", "cat", "dog"])
    assert torch.allclose(mixed[0::2], cat[0::2], atol=1e-5) and torch.allclose(mixed[1::2], dog[1::2], atol=1e-5)


def test_labels_left_out_are_drawn_for_each_image(conditional_model):
    drawn = conditional_model.sample(24, seed=1)
    each = torch.stack([conditional_model.sample(24, seed=1, label=label) for label in range(3)])
    match = (each - drawn).abs().flatten(2).amax(2) < 1e-5
    assert match.any(0).all() and match.any(1).all()


def test_numerals_as_class_names_are_names():
    model = small_model("sngan-projection", classes=["8", "3"])
    assert torch.equal(model.sample(2, label="3"), model.sample(2, label=1))
    with pytest.raises(GanzooError, match="unknown label '1'"):
        model.sample(2, label="1")


@pytest.mark.parametrize("label", ["cta", 3, -1, "²", ""])
def test_unknown_labels_are_refused(conditional_model, label):
    with pytest.raises(GanzooError, match="unknown label"):
        conditional_model.sample(2, label=label)


def test_impossible_requests_are_refused(tiny_model, conditional_model):
    for refused in (
        lambda: tiny_model.sample(2, label="cat"),
        lambda: tiny_model.sample(0),
        lambda: tiny_model.sample(seeds=[]),
        lambda: conditional_model.sample(3, label=["cat", "dog"]),
        lambda: tiny_model.interpolate(1),
        lambda: tiny_model.interpolate(2.5),
        lambda: tiny_model.sample(1.5),
        lambda: tiny_model.sample(2, batch_size=0.5),
        lambda: tiny_model.sample(2, truncation=float("nan")),
        lambda: tiny_model.sample(2, truncation=-0.1),
        lambda: tiny_model.interpolate(2, 2, truncation=float("inf")),
        lambda: conditional_model.sample(2, label=1.5),
        lambda: conditional_model.sample(2, label=[0.5, 1]),
    ):
        with pytest.raises(GanzooError) as refusal:
            refused()
        assert "\n" not in str(refusal.value)


def test_truncation_moves_towards_the_typical_image(tiny_model):
    spread = [tiny_model.sample(16, truncation=truncation).std(0).mean() for truncation in (1.0, 0.5, 0.0)]
    assert spread[0] > spread[1] > spread[2] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("fixture", ["tiny_model", "conditional_model"])
def test_interpolation_passes_the_samples_and_closes(request, fixture):
    model = request.getfixturevalue(fixture)
    walk = model.interpolate(3, 8, seed=2)
    assert walk.shape[0] == 24
    assert torch.allclose(walk[::8], model.sample(3, seed=2), atol=1e-4)
    one_label = model.interpolate(3, 8, seed=2, label="cat") if model.classes else walk
    steps = (one_label.roll(-1, 0) - one_label).flatten(1).norm(dim=1)
    assert steps[-1] <= 3 * steps.median() and steps.min() > 0


def test_interpolation_does_not_depend_on_how_it_is_batched(conditional_model, monkeypatch):
    walk = conditional_model.interpolate(3, 8, seed=2)
    monkeypatch.setattr("ganzoo.games.image.AT_ONCE", 5)
    assert torch.allclose(walk, conditional_model.interpolate(3, 8, seed=2), atol=1e-5)


def test_truncated_interpolation_stays_closer_together(tiny_model):
    assert tiny_model.interpolate(3, 4, truncation=0.3).std(0).mean() < tiny_model.interpolate(3, 4).std(0).mean()


HOSTILE = {
    "empty": b"",
    "short": b"\x01\x02",
    "pickle": b"\x80\x02}q\x00(X\x01\x00\x00\x00aq\x01K\x01u.",
    "zip": b"PK\x03\x04" + b"\0" * 100,
    "huge header": struct.pack("<Q", 2**62) + b"{}",
    "long header": struct.pack("<Q", 90_000_000) + b"{}",
    "header is no JSON": struct.pack("<Q", 8) + b"not json",
    "header is a list": struct.pack("<Q", 2) + b"[]",
    "deep header": struct.pack("<Q", 100_000) + b"[" * 100_000,
    "shape of no number": (
        lambda header: struct.pack("<Q", len(header)) + header + b"1234"
    )(b'{"a":{"dtype":"F32","shape":[NaN],"data_offsets":[0,4]}}'),
    "negative shape": (
        lambda header: struct.pack("<Q", len(header)) + header + b"1234"
    )(b'{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}'),
    "shape that overflows": (
        lambda header: struct.pack("<Q", len(header)) + header
    )(b'{"a":{"dtype":"F32","shape":[4294967296,4294967296,0],"data_offsets":[0,0]}}'),
    "offsets past the end": (
        lambda header: struct.pack("<Q", len(header)) + header
    )(b'{"a":{"dtype":"F32","shape":[1000000000],"data_offsets":[0,4000000000]}}'),
}  # fmt: skip


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_hostile_files_are_refused_in_one_sentence(tmp_path, content):
    (tmp_path / "model.safetensors").write_bytes(content)
    _refused(tmp_path, "not a safetensors file")


@pytest.mark.parametrize("share", [0.02, 0.5, 0.999])
def test_truncated_files_are_refused(tiny_model_dir, tmp_path, share):
    content = (tiny_model_dir / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(content[: int(share * len(content))])
    _refused(tmp_path, "not a safetensors file")


def test_pickled_checkpoints_are_not_unpickled(tmp_path):
    torch.save({"weights": torch.zeros(2)}, tmp_path / "model.pt")
    _refused(tmp_path / "model.pt", "pickled checkpoints are not loaded")


def test_foreign_safetensors_are_refused(tmp_path):
    save_file({"weights": torch.zeros(2)}, tmp_path / "model.safetensors")
    _refused(tmp_path, "not written by ganzoo")


@pytest.mark.parametrize(
    "change, expected",
    [
        (lambda header: {"config": header["config"]}, "not a ganzoo model"),
        (lambda header: header | {"config": "dcgan"}, "not a ganzoo model"),
        (lambda header: header | {"trainer": {"step": 3}}, "not a ganzoo model; point at a run's folder"),
        (lambda header: header | {"config": ["dcgan"]}, "not a ganzoo model"),
        (lambda header: header | {"format": 99, "ganzoo": "9.0"}, r"newer ganzoo \(9.0\)"),
        (lambda header: header | {"config": header["config"] | {"resolution": 32}}, "does not fit"),
        (lambda header: header | {"config": header["config"] | {"resolution": -2}}, "resolution"),
        (lambda header: header | {"config": header["config"] | {"resolution": 10**9}}, "resolution"),
        (lambda header: header | {"config": header["config"] | {"surprise": 1}}, "surprise"),
        (lambda header: header | {"config": {"name": "dcgan"}}, "is missing"),
        (lambda header: _with(header, resolution=float("nan")), "'resolution' is nan"),
        (lambda header: _with(header, name="../../evil"), "'name' is '../../evil'"),
        (lambda header: _with(header, networks=[]), "'networks' is"),
        (lambda header: _with(header, game="os.system"), "unknown game 'os.system'"),
        (
            lambda header: _with(header, game={"name": "image", "file": "/etc/passwd"}),
            "unknown keyword of game 'image'",
        ),
        (lambda header: _with_generator(header, name="dcgan-generatr"), "did you mean dcgan-generator"),
        (lambda header: _with_generator(header, channels=10**9), "cannot be built"),
        (lambda header: _with_generator(header, channels=10**5), "it is much larger than its weights"),
        (lambda header: _with_generator(header, channels=float("nan")), "cannot be built"),
    ],
)
def test_damaged_headers_are_refused(tiny_model_dir, tmp_path, change, expected):
    tensors, header = read_tensors(tiny_model_dir / "model.safetensors")
    save_tensors(tmp_path / "model.safetensors", tensors, change(header))
    _refused(tmp_path, expected)


def _with(header, **values):
    return header | {"config": header["config"] | values}


def _with_generator(header, **options):
    networks = header["config"]["networks"]
    return _with(header, networks=networks | {"generator": networks["generator"] | options})


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "generator.\n", "C:\\x", "\x1b[2J"])
def test_names_of_tensors_are_no_paths(tiny_model_dir, tmp_path, name):
    tensors, header = read_tensors(tiny_model_dir / "model.safetensors")
    save_tensors(tmp_path / "model.safetensors", tensors | {name: torch.zeros(1)}, header)
    before = sorted(tmp_path.rglob("*"))
    _refused(tmp_path, "does not fit its own configuration")
    assert sorted(tmp_path.rglob("*")) == before


def test_a_model_of_a_newer_ganzoo_with_a_new_network_says_who_made_it(tiny_model_dir, tmp_path):
    tensors, header = read_tensors(tiny_model_dir / "model.safetensors")
    header = _with_generator(header | {"ganzoo": "9.9"}, name="dream-generator")
    save_tensors(tmp_path / "model.safetensors", tensors, header)
    _refused(tmp_path, r"made with ganzoo 9.9\) cannot be built here: unknown network 'dream-generator'.*other version")
    save_tensors(tmp_path / "model.safetensors", tensors, _with(header, dreams=3) | {"ganzoo": "9" * 1000})
    _refused(tmp_path, r"made with ganzoo 9{40}\) cannot be built here: .*unknown key 'dreams'")


@pytest.mark.parametrize("text", ["[]", "7", "{", '"text"'])
def test_header_that_is_no_mapping_is_refused(tmp_path, text):
    save_file({"a": torch.zeros(1)}, tmp_path / "model.safetensors", metadata={"config": text})
    _refused(tmp_path, "model.safetensors")


def test_foreign_tensors_are_refused(tiny_model_dir, tmp_path):
    tensors, header = read_tensors(tiny_model_dir / "model.safetensors")
    for number, changed in enumerate(({}, {"other.weight": torch.zeros(1)}, tensors | {"generator.x": torch.zeros(1)})):
        save_tensors(tmp_path / str(number) / "model.safetensors", changed, header)
        _refused(tmp_path / str(number), "does not fit its own configuration")


@pytest.mark.parametrize(
    "text, expected",
    [
        ("{", "config.json"),
        ("[]", "no mapping"),
        ("[" * 100_000, "nested too deeply"),
        ('{"facts":' * 100 + "0" + "}" * 100, "nested too deeply"),
        ('{"facts": 3}', "config.json"),
        ('{"facts": {"data": "x"}}', "'data' is 'x'"),
        ('{"facts": {"data": {"classes": [3]}}}', "'data.classes.0' is 3"),
        ('{"facts": {"scores": [1]}}', "'scores.0' is 1"),
        ('{"facts": {"scores": [{"title": "FID"}]}}', "'scores.0.value' is missing"),
        ('{"facts": {"scores": [{"title": "FID", "value": "low", "protocol": "x"}]}}', "'scores.0.value' is 'low'"),
        ('{"facts": {"steps": "many"}}', "'steps' is 'many'"),
        ('{"facts": {"seconds": NaN}}', "'seconds' is nan"),
        ('{"facts": {"weights": 3}}', "'weights' is 3"),
        ('{"facts": {"hardware": "' + "x" * 10_000 + '", "steps": "' + "y" * 10_000 + '"}}', "'steps' is 'yyy"),
    ],
)
def test_damaged_readable_config_is_refused(tiny_model, tmp_path, text, expected):
    (save(tiny_model, tmp_path) / "config.json").write_text(text)
    _refused(tmp_path, expected)


def test_what_strangers_wrote_commands_no_terminal(cli, tiny_model_dir, tmp_path):
    tensors, header = read_tensors(tiny_model_dir / "model.safetensors")
    save_tensors(tmp_path / "model.safetensors", tensors, _with(header, name="\x1b[2Jdcgan", title="\x9b31mDCGAN"))
    (tmp_path / "config.json").write_text(json.dumps({"facts": {"data": {"name": "\x1b]0;cats\x07"}}}))
    (tmp_path / "README.md").write_text("# A \x1b[31mcard\n\tof mine\n")
    model = load(tmp_path)
    assert (model.config.name, model.config.title) == (" [2Jdcgan", " 31mDCGAN")
    assert model.card == "# A  [31mcard\n\tof mine\n"
    told = cli("info", tmp_path)
    assert told.code == 0 and "cats" in told.out and not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", told.out)


@pytest.mark.parametrize("depth", [50, 90, 500, 100_000])
def test_deeply_nested_headers_are_refused(tiny_model_dir, tmp_path, depth):
    tensors, header = read_tensors(tiny_model_dir / "model.safetensors")
    save_file(tensors, tmp_path / "model.safetensors", metadata={"config": _nested(header, depth)})
    _refused(tmp_path, "model.safetensors")


def _nested(header, depth):
    return json.dumps(_with(header, classes="?")).replace('"?"', "[" * depth + "]" * depth)


def test_missing_models_are_refused(tmp_path):
    _refused(tmp_path, "holds no model")
    _refused(tmp_path / "nowhere", "unknown model or path")
    for name in ("x" * 5000, f"{'x' * 5000}/model", "a/" * 3000):
        _refused(name, "unknown model or path")
    _refused(f"hf-hub:org/{'x' * 5000}", "no model on the hub")


def test_a_tilde_is_the_home(tiny_model_dir, monkeypatch):
    monkeypatch.setenv("HOME", str(tiny_model_dir.parent))
    assert load(f"~/{tiny_model_dir.name}").config.name == "dcgan"


def _refused(place, expected):
    with pytest.raises(GanzooError, match=expected) as refusal:
        load(place)
    assert not re.search(r"[\x00-\x1f\x7f-\x9f]", str(refusal.value)) and len(str(refusal.value)) < 500


def test_failed_save_keeps_the_older_model(tiny_model, tmp_path, monkeypatch):
    save(tiny_model, tmp_path)
    before = (tmp_path / "model.safetensors").read_bytes()

    def full(*args, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ganzoo.tensors.save_file", full)
    with pytest.raises(GanzooError, match="No space left"):
        save(tiny_model, tmp_path)
    assert (tmp_path / "model.safetensors").read_bytes() == before
    assert not [file for file in tmp_path.iterdir() if file.name.startswith(".")]


def test_model_files_are_as_readable_as_others(tiny_model, tmp_path):
    folder = save(tiny_model, tmp_path)
    modes = {(folder / name).stat().st_mode for name in ("model.safetensors", "config.json")}
    assert len(modes) == 1


def test_loading_imports_neither_training_nor_data_nor_torchs_compiler(python, tiny_model_dir):
    done = python(
        "-c",
        "import sys, ganzoo\n"
        "NOT_NEEDED = ('ganzoo.training', 'ganzoo.data', 'ganzoo.report', 'torch._dynamo', 'torchvision', 'PIL')\n"
        f"ganzoo.load({str(tiny_model_dir)!r}).sample(2)\n"
        "print([name for name in sys.modules if name.startswith(NOT_NEEDED)])",
    )
    assert done.stdout.strip() == "[]", done.stderr


def test_nothing_in_ganzoo_unpickles():
    unsafe = r"torch\.load\((?!.*weights_only=True)|weights_only=False"
    unpickling = re.compile(rf"{unsafe}|\bimport pickle|pickle\.loads?\(|\bimport marshal")
    for file in SOURCE.rglob("*.py"):
        assert not unpickling.search(file.read_text(encoding="utf-8")), file


def test_header_has_one_key_and_no_time_or_path(tiny_model_dir):
    with open(tiny_model_dir / "model.safetensors", "rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        metadata = json.loads(file.read(size))["__metadata__"]
    assert list(metadata) == ["config"]
    assert set(json.loads(metadata["config"])) == {"format", "ganzoo", "config"}
