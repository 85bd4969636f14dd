"""``ganzoo translate``, and the runs it reads: images in, images out."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image
from tiny import TRANSLATING, data_for, tiny, two_sided

import ganzoo
from ganzoo.config import resolve
from ganzoo.errors import GanzooError
from ganzoo.games.base import create_game
from ganzoo.zoo import Model, load, save, to_uint8

SIZE = 16
DEPTH = {"pix2pix": ["-o", "networks.generator.depth=4"], "cyclegan": []}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Model directories of untrained translators of 16 × 16 colour images."""
    folder, places = tmp_path_factory.mktemp("models"), {}
    for variant in TRANSLATING:
        chosen = tiny(variant) | {"resolution": SIZE}
        chosen |= {key.replace(".channels", ".patch"): 16 for key in chosen if key.startswith("networks.discriminator")}
        config = resolve(variant, overrides=chosen).config
        game = create_game(config, networks=create_game(config).sampled)
        places[variant] = save(Model(config, game, card="# Tiny\n"), folder / variant)
    return places


@pytest.fixture
def photo(tmp_path):
    """A colour image of a size that both models take."""
    pixels = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def opened(path):
    return torch.from_numpy(np.array(Image.open(path)))


@pytest.mark.parametrize("variant", TRANSLATING)
def test_files_are_what_the_model_says(variant, models, photo, cli, tmp_path):
    result = cli("translate", models[variant], photo, "--out", tmp_path / "out", "--seed", 3, "--device", "cpu")
    assert result.code == 0 and not result.err
    given = opened(photo).permute(2, 0, 1)[None] / 127.5 - 1
    expected = to_uint8(load(models[variant]).translate(given, seed=3))[0].permute(1, 2, 0)
    assert torch.equal(opened(tmp_path / "out" / "photo.png"), expected)


def test_comparing_puts_the_input_beside_the_output(models, photo, cli, tmp_path):
    for options in ([], ["--compare"]):
        out = tmp_path / ("sheet" if options else "plain")
        cli("translate", models["cyclegan"], photo, "--out", out, *options)
    sheet, plain = opened(tmp_path / "sheet" / "photo.png"), opened(tmp_path / "plain" / "photo.png")
    assert torch.equal(sheet, torch.cat([opened(photo), plain], 1))


def test_cyclegan_goes_both_ways_and_pix2pix_one(models, photo, cli, tmp_path):
    for direction in ("AtoB", "BtoA"):
        assert (
            cli("translate", models["cyclegan"], photo, "--direction", direction, "--out", tmp_path / direction).code
            == 0
        )
    assert not torch.equal(opened(tmp_path / "AtoB" / "photo.png"), opened(tmp_path / "BtoA" / "photo.png"))
    said = cli("translate", models["pix2pix"], photo, "--direction", "BtoA", "--out", tmp_path / "no").sentence()
    assert "does not translate BtoA" in said and not (tmp_path / "no").exists()


def test_folders_gray_images_and_other_sizes(models, tmp_path, cli):
    folder = tmp_path / "in"
    folder.mkdir()
    Image.new("L", (32, 48), 90).save(folder / "gray.png")
    Image.new("RGB", (31, 50), (9, 90, 200)).save(folder / "odd.jpg")
    (folder / "notes.txt").write_text("no image")
    done = cli("translate", models["cyclegan"], folder, folder / "gray.png", "--out", tmp_path / "out")
    assert done.code == 0 and done.err == (
        "note: gray images were copied to the channels of this colour model, which learned from colour\n"
        f"note: this model learned from images of {SIZE}x{SIZE} and may make nothing sensible of 32x48; "
        f"--resolution {SIZE} brings them to what it knows\n"
    )
    sizes = {file.name: Image.open(file).size for file in (tmp_path / "out").iterdir()}
    assert sizes == {"gray-1.png": (32, 48), "gray-2.png": (32, 48), "odd.png": (SIZE, SIZE)}
    assert cli("translate", models["cyclegan"], folder, "--resolution", 24, "--out", tmp_path / "square").code == 0
    assert {Image.open(file).size for file in (tmp_path / "square").iterdir()} == {(24, 24)}


def test_every_image_gets_a_file_of_its_own(models, tmp_path, cli):
    names = ["x.png", "x.jpg", "x-1.png", "y.png"]
    for name in names:
        Image.new("RGB", (32, 32), (9, 90, 200)).save(tmp_path / name)
    assert cli("translate", models["cyclegan"], *(tmp_path / name for name in names), "--out", tmp_path / "o").code == 0
    assert {file.name for file in (tmp_path / "o").iterdir()} == {"x-1.png", "x-2.png", "x-3.png", "y.png"}


def test_mistakes_are_one_sentence(models, photo, tiny_model_dir, tmp_path, cli):
    (tmp_path / "broken.png").write_bytes(photo.read_bytes()[:100])
    (tmp_path / "empty").mkdir()
    for arguments, sentence in (
        ([tiny_model_dir, photo], "makes images from noise"),
        ([models["pix2pix"], tmp_path / "nowhere.png"], "no image or folder"),
        ([models["pix2pix"], tmp_path / "empty"], "no images in"),
        ([models["pix2pix"], tmp_path / "broken.png"], "cannot be read"),
        ([models["pix2pix"], photo, "--resolution", 24], "multiples of 16"),
        ([models["pix2pix"], photo, "--resolution", 100_000], "more than 100,000,000 pixels"),
    ):
        assert sentence in cli("translate", *arguments, "--out", tmp_path / "out").sentence()
        assert not (tmp_path / "out").exists()
    for command in ("sample",):
        assert "ganzoo translate" in cli(command, models["pix2pix"], "--out", tmp_path / "grid.png").sentence()


def test_tensors_of_other_shapes_are_refused(models):
    model = load(models["pix2pix"])
    assert model.translate(torch.rand(5, 3, SIZE, SIZE), batch_size=2).shape == (5, 3, SIZE, SIZE)
    for images in (torch.rand(1, 1, SIZE, SIZE), torch.rand(1, 3, SIZE, SIZE + 1)):
        with pytest.raises(GanzooError):
            model.translate(images)


# Runs.


def run_command(variant, data, out, *more):
    narrow = [word for key, value in tiny(variant).items() for word in ("-o", f"{key}={value}")]
    return ["train", variant, "--dataset", data, "--resolution", 32, *narrow, "--device", "cpu", "--out", out, *more]


@pytest.mark.parametrize("variant", TRANSLATING)
def test_a_run_shows_its_test_images_and_leaves_a_model_and_report(variant, cli, tmp_path):
    data, run = data_for(variant, tmp_path), tmp_path / "run"
    result = cli(*run_command(variant, data, run, "--steps", 3, "-o", "schedule.sample_every=1"))
    assert result.code == 0, result.err
    columns = {"pix2pix": 3, "cyclegan": 6}[variant]
    sheets = [opened(file) for file in sorted((run / "samples").glob("*.png"))]
    assert sheets[0].shape[:2] == (3 * 34 + 2, columns * 34 + 2), "three test images, a row each"
    assert len(sheets) == 3 and not torch.equal(sheets[0], sheets[2])
    first = sorted((data / ("test" if variant == "pix2pix" else "testA")).iterdir())[0]
    assert torch.equal(sheets[0][2:34, 2:34, 0], opened(first)[:, :32]), "the first of the test images, as it is"
    assert torch.equal(opened(run / "model" / "samples.png"), sheets[2])
    entry = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
    assert {"generator/adversarial", "discriminator/adversarial", "d_real", "diversity", "phase"} <= set(entry)
    card = (run / "model" / "README.md").read_text()
    assert "ganzoo translate" in card and "image-to-image" in card and "ganzoo sample" not in card
    assert "ganzoo translate" in (run / "report.html").read_text()
    assert ganzoo.load(run).translate(torch.rand(1, 1, 32, 32)).shape == (1, 1, 32, 32)
    assert cli("diagnose", run).code in (0, 2)
    assert cli("export", run, "--out", tmp_path / "exported", "--full").code == 0
    exported = load(tmp_path / "exported")
    assert torch.equal(opened(tmp_path / "exported" / "samples.png"), sheets[2])
    assert set(resolve(variant).config.networks) <= {name for name, _ in exported.game.named_children()}


def test_a_single_image_a_batch_has_no_diversity_and_no_verdict_on_it(cli, tmp_path):
    run = tmp_path / "run"
    data = two_sided(tmp_path / "pairs", "pairs")
    result = cli(
        *run_command("pix2pix", data, run, "--steps", 2, "-o", "schedule.batch_size=1", "-o", "schedule.log_every=1")
    )
    assert result.code == 0 and "diversity" not in result.out and "collapsed" not in result.out


def test_the_direction_is_kept_and_may_not_change(cli, tmp_path):
    data, run = two_sided(tmp_path / "pairs", "pairs"), tmp_path / "run"
    result = cli(*run_command("pix2pix", data, run, "--steps", 2, "--stop-at", 1, "--direction", "BtoA"))
    assert result.code == 0 and ganzoo.load(run).config.direction == "BtoA"
    assert "--direction AtoB contradicts" in cli("train", "--resume", run, "--direction", "AtoB").sentence()
    assert cli("train", "--resume", run, "--direction", "BtoA", "--device", "cpu").code == 0


def test_data_and_directions_a_game_cannot_use_are_one_sentence(cli, tmp_path):
    pairs, sides = two_sided(tmp_path / "p", "pairs"), two_sided(tmp_path / "u", "unpaired")
    photos = tmp_path / "photos"
    photos.mkdir()
    Image.new("RGB", (40, 40)).save(photos / "square.png")
    out = tmp_path / "run"
    for variant, data, more, sentence in (
        ("pix2pix", sides, [], "no partner"),
        ("pix2pix", photos, [], "no pair side by side"),
        ("pix2pix", "horse2zebra", [], "unpaired images of two kinds"),
        ("pix2pix", "mnist-10k", [], "pairs of images"),
        ("cyclegan", photos, [], "no pair side by side"),
        ("dcgan", sides, [], "unpaired"),
        ("dcgan", "facades", [], "pairs of images"),
        ("dcgan", "mnist-10k", ["--direction", "AtoB"], "leave the direction out"),
        ("dcgan", "mnist-10k", ["-o", "direction=AtoB"], "leave the direction out"),
        ("pix2pix", pairs, ["--resolution", 30], "28 or 32"),
        ("pix2pix", pairs, ["-o", "networks.discriminator.patch=71"], "patch 71"),
        ("pix2pix", pairs, ["-o", "direction=BtA"], "'AtoB' or 'BtoA'"),
        ("pix2pix", pairs, ["--resolution", 32, "-o", "networks.generator.depth=6"], "cannot be halved 6 times"),
        ("pix2pix", pairs, ["--resolution", 300], "the nearest possible is 256 or 320"),
        ("pix2pix", pairs, ["-o", "game.reconstruction=l3"], "l1"),
        ("pix2pix", pairs, ["-o", "game.lambda=3"], "lambda"),
    ):
        said = cli("train", variant, "--dataset", data, "--steps", 1, "--out", out, *more).sentence()
        assert sentence in said and not out.exists(), said


@pytest.mark.parametrize("variant", TRANSLATING)
def test_images_need_not_be_square(variant, cli, tmp_path):
    run, data, fit = tmp_path / "run", data_for(variant, tmp_path), "pad" if variant == "pix2pix" else "crop"
    wide = ["--width", 48, "--fit", fit, "--steps", 2, "--stop-at", 1, *DEPTH[variant]]
    assert cli(*run_command(variant, data, run, *wide)).code == 0
    assert cli("train", "--resume", run, "--device", "cpu").code == 0
    columns = {"pix2pix": 3, "cyclegan": 6}[variant]
    sheet = opened(run / "samples" / "step-00000002.png")
    assert sheet.shape[:2] == (3 * 34 + 2, columns * 50 + 2)
    assert (sheet[2:34, 2:10] == 0).all() == (fit == "pad"), "black beside what was square"
    assert "32 × 48" in (run / "model" / "README.md").read_text()
    model = load(run)
    assert model.config.size == (32, 48) and "32×48" in repr(model)
    Image.new("RGB", (33, 35)).save(tmp_path / "odd.png")
    assert cli("translate", run, tmp_path / "odd.png", "--out", tmp_path / "out").code == 0
    assert Image.open(tmp_path / "out" / "odd.png").size == (48, 32)


def test_sizes_that_do_not_fit_are_one_sentence(cli, tmp_path):
    pairs, out = two_sided(tmp_path / "pairs", "pairs"), tmp_path / "run"
    for variant, data, more, sentence in (
        ("pix2pix", pairs, ["--resolution", 32, "--width", 48], "multiples of 32 here, which 32 high and 48 wide"),
        ("cyclegan", pairs, ["--resolution", 32, "--width", 30], "resolution 30"),
        ("cyclegan", pairs, ["--resolution", 32, "--width", 50], "multiples of 4 here"),
        ("dcgan", "mnist-10k", ["--width", 64], "makes square images"),
        ("dcgan", "mnist-10k", ["-o", "width=64"], "makes square images"),
        ("pix2pix", pairs, ["--width", 9000], "not between 1 and 4096"),
    ):
        said = cli("train", variant, "--dataset", data, "--steps", 1, "--out", out, *more).sentence()
        assert sentence in said and not out.exists(), said


def test_halves_that_are_missing_or_odd_are_one_sentence(cli, tmp_path):
    folders = {"odd": ["a.png"], "lonely": ["A/1.png", "B/1.png", "A/2.png"], "one side": ["trainA/1.png"]}
    folders["flat"] = ["1.png", "2.png"]
    folders["test only"] = ["trainA/1.png", "trainB/1.png", "testA/1.png"]
    for name, files in folders.items():
        for file in files:
            (tmp_path / name / file).parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (65 if name == "odd" else 32, 32)).save(tmp_path / name / file)
    for variant, data, sentence in (
        ("pix2pix", "odd", "65 pixels wide, which is odd"),
        ("pix2pix", "lonely", "'A/2.png'"),
        ("pix2pix", "one side", "no images on side B"),
        ("cyclegan", "one side", "no images on side B"),
        ("pix2pix", "test only", "no images on side B of 'test'"),
        ("cyclegan", "test only", "no images on side B of 'test'"),
        ("cyclegan", "flat", "trainA/ and trainB/"),
    ):
        command = ["train", variant, "--dataset", tmp_path / data, "--steps", 1, "--resolution", 32]
        assert sentence in cli(*command, "--out", tmp_path / "run").sentence()
        assert not (tmp_path / "run").exists()


def test_a_colour_model_does_not_start_a_gray_one(cli, tmp_path):
    data, colour = two_sided(tmp_path / "pairs", "pairs"), tmp_path / "colour"
    assert cli(*run_command("pix2pix", data, colour, "--steps", 1, "-o", "image_channels=3")).code == 0
    said = cli(*run_command("pix2pix", data, tmp_path / "gray", "--steps", 1, "--init-from", colour)).sentence()
    assert "images are colour, this training's gray; add -o image_channels=3" in said
    assert not (tmp_path / "gray").exists()
    assert cli("translate", colour, data / "test" / "A0.png", "--out", tmp_path / "out").code == 0


def test_the_refusal_of_batch_norm_names_the_network(cli, tmp_path):
    penalties = ["-o", "penalties=[{name: gradient-penalty, weight: 10}]"]
    for variant, network in (("pix2pix", "discriminator"), ("cyclegan", "discriminator_b")):
        norm = ["-o", f"networks.{network}.norm=batch"]
        said = cli(*run_command(variant, data_for(variant, tmp_path), tmp_path / "run", *penalties, *norm)).sentence()
        assert f"-o networks.{network}.norm=layer" in said


def test_cyclegan_learns_from_pairs_too(cli, tmp_path):
    run = tmp_path / "run"
    assert cli(*run_command("cyclegan", two_sided(tmp_path / "p", "pairs"), run, "--steps", 1)).code == 0
